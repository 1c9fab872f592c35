"""Headquarters' books: stations, packets, receipts in a chain, and who opened what.

SQLite in WAL with synchronous=FULL: what a method has returned survives a power cut. Every
transaction begins IMMEDIATE, so the receiver and the opener may be two processes.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection, Row

from alembic import command
from migramovil.core import canonical, sealing
from migramovil.core.record import Realm, ReceiptBody, ReceiptKind, Signed

log = logging.getLogger(__name__)

OPEN_WORDS = ("stored", "retry")
"""After one of these a packet waits for the opener's verdict."""
MOST_REJECTIONS = 1000
MOST_AT_ONCE = 32  # connections; each further one would be opened for one question

METADATA = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

STATIONS = sa.Table(
    "stations",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False, unique=True),
    sa.Column("token_sha256", sa.Text, nullable=False, unique=True),
    sa.Column("code_until", sa.Text, nullable=False),
    sa.Column("station", sa.Text, unique=True),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("signing", sa.Text),
    sa.Column("transport", sa.Text),
    sa.Column("request_sha256", sa.Text),
    sa.Column("answer", sa.Text),
    sa.Column("revoked", sa.Text),
    sa.CheckConstraint(
        "(station IS NULL) = (answer IS NULL) AND (station IS NULL) = (signing IS NULL)"
        " AND (station IS NULL) = (transport IS NULL)",
        name="enrolled_whole",
    ),
)
# A code for a station that goes on with new keys; used, it keeps the signing key there was before.
SUCCESSIONS = sa.Table(
    "successions",
    METADATA,
    sa.Column("token_sha256", sa.Text, primary_key=True),
    sa.Column("station", sa.Text, sa.ForeignKey("stations.station"), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("code_until", sa.Text, nullable=False),
    sa.Column("former_signing", sa.Text),
    sa.Column("request_sha256", sa.Text),
    sa.Column("answer", sa.Text),
    sa.UniqueConstraint("station", "epoch"),
    sa.CheckConstraint(
        "(answer IS NULL) = (former_signing IS NULL)"
        " AND (answer IS NULL) = (request_sha256 IS NULL)",
        name="used_whole",
    ),
)
PACKETS = sa.Table(
    "packets",
    METADATA,
    sa.Column("station", sa.Text, sa.ForeignKey("stations.station"), primary_key=True),
    sa.Column("record", sa.Text, primary_key=True),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("folio", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("carrier", sa.Text, nullable=False),
    sa.Column("audit_head", sa.Text, nullable=False, server_default=""),
    sa.Column("supersedes", sa.Text, nullable=False, server_default=""),
    sa.Column("received", sa.Text, nullable=False, server_default=""),
    sa.Column("word", sa.Text, nullable=False, server_default="stored"),
    sa.Index("ix_packets_word", "word", "station", "epoch", "seq"),
    sa.Index("ix_packets_received", "station", "received", "size"),
    sa.Index("ix_packets_folio", "folio"),
    sa.Index("ix_packets_record", "record"),
    sa.Index("ix_packets_seq", "station", "epoch", "seq"),
)
# `word` above is the kind of the last receipt about the packet: written with it, never apart.
RECEIPTS = sa.Table(
    "receipts",
    METADATA,
    sa.Column("station", sa.Text, primary_key=True),
    sa.Column("serial", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
    sa.Column("public_key", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["station", "record"], ["packets.station", "packets.record"]),
    sa.CheckConstraint("kind IN ('stored', 'opened', 'refused', 'retry', 'discard')", name="kind"),
    sa.Index("ix_receipts_record", "station", "record", "serial"),
    sa.Index(
        "uq_receipts_last",
        "station",
        "record",
        unique=True,
        sqlite_where=sa.text("kind IN ('opened', 'discard')"),
        postgresql_where=sa.text("kind IN ('opened', 'discard')"),
    ),
)
# Opened records the back office has not said it holds; nothing of their content.
HANDOVER = sa.Table(
    "handover",
    METADATA,
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("station", sa.Text, nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("opened", sa.Text, nullable=False),
    sa.Column("acked", sa.Text),
    sa.Column("by", sa.Text),
    sa.ForeignKeyConstraint(["station", "record"], ["packets.station", "packets.record"]),
    sa.UniqueConstraint("station", "record"),
    sa.Index("ix_handover_acked", "acked", "n"),
    sqlite_autoincrement=True,
)
CONTACTS = sa.Table(
    "contacts",
    METADATA,
    sa.Column("station", sa.Text, sa.ForeignKey("stations.station"), primary_key=True),
    sa.Column("utc", sa.Text, nullable=False),
)
# Packets that lied about their size, their hash or their signature: who brought what, and why not.
REJECTIONS = sa.Table(
    "rejections",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("utc", sa.Text, nullable=False),
    sa.Column("station", sa.Text, nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("carrier", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
# A station's key signed two things where there can be one: there are two of that station.
ALARMS = sa.Table(
    "alarms",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("utc", sa.Text, nullable=False),
    sa.Column("station", sa.Text, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("held", sa.Text, nullable=False),
    sa.Column("came", sa.Text, nullable=False),
    sa.Column("carrier", sa.Text, nullable=False),
    sa.UniqueConstraint("station", "kind", "held", "came"),
    sa.CheckConstraint("kind IN ('number', 'record')", name="kind"),
)
OPEN_LOG = sa.Table(
    "open_log",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("utc", sa.Text, nullable=False),
    sa.Column("station", sa.Text, nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("operator", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A station as headquarters knows it; `station` is "" until its code was used.

    `succeeds` is the station that this code continues in a new epoch; "" for a new one.
    """

    number: int
    name: str
    place: str
    code: str
    code_until: str
    station: str
    epoch: int
    signing: str
    transport: str
    request_sha256: str
    answer: str
    revoked: str
    succeeds: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """What is kept of an enrolment; `answer` is replayed verbatim to the same request."""

    station: str
    signing: str
    transport: str
    request_sha256: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A packet that is whole and durable on disk."""

    station: str
    record: str
    epoch: int
    seq: int
    folio: str
    digest: str
    size: int
    carrier: str
    audit_head: str = ""  # "" of those received before it was kept
    supersedes: str = ""  # the record of the same station that this one corrects


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a station brought in a time, and what of all it brought nobody judged yet."""

    packets: int
    size: int
    unjudged: int
    unjudged_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A packet that was not what it said, named: nothing of it was kept."""

    utc: str
    station: str
    record: str
    carrier: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """There are two of a station. `kind` "number": the records `held` and `came` bear one number.
    "record": of one record there are two packets, `held` and `came` are their digests."""

    utc: str
    station: str
    epoch: int
    seq: int
    kind: str
    held: str
    came: str
    carrier: str


@dataclass(slots=True, kw_only=True, eq=False)
class _Storing:
    """A packet that waits to be written, and what became of it."""

    packet: Packet
    sign: Callable[[ReceiptBody], Signed]
    body: Chain
    utc: str
    over: bool = False
    failure: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt, and which earlier record the packet it is about corrects ("" for most)."""

    record: str
    kind: str
    signed: Signed
    supersedes: str = ""


Chain = Callable[[int, str], ReceiptBody]
"""Given the next serial and the previous receipt's SHA-256 ("" for a station's first): the body."""


class Store:
    """Open, and migrate to the newest schema, the books at `path`."""

    def __init__(self, path: Path) -> None:
        self._engine = sa.create_engine(f"sqlite:///{path}", pool_size=MOST_AT_ONCE)
        sa.event.listen(self._engine, "connect", _prepare)
        sa.event.listen(self._engine, "begin", _begin)
        self._reader = self._engine.execution_options(reads=True)
        self._waiting: deque[_Storing] = deque()
        self._writing = threading.RLock()  # quicker than to wait in SQLite, which sleeps
        config = Config()
        config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
        with self._engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @property
    def engine(self) -> sa.Engine:
        """For the other files of these books."""
        return self._engine

    def close(self) -> None:
        self._engine.dispose()

    def read(self) -> AbstractContextManager[Connection]:
        """What was committed, as of one instant; waits for no writer."""
        return self._reader.begin()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is durable when it ends; one at a time."""
        with self._writing, self._engine.begin() as connection:
            yield connection

    # --- stations ---------------------------------------------------------------------
    def add_station(self, *, name: str, place: str, token_sha256: str, until: str) -> Station:
        """A station to come: its number and short code ("07A": number, then epoch letter)."""
        with self.write() as connection:
            last = connection.execute(sa.select(sa.func.max(STATIONS.c.number))).scalar()
            number = (last or 0) + 1
            connection.execute(
                sa.insert(STATIONS).values(
                    number=number,
                    name=name,
                    place=place,
                    code=f"{number:02d}A",
                    token_sha256=token_sha256,
                    code_until=until,
                    epoch=1,
                )
            )
        return self.stations()[-1]

    def stations(self) -> list[Station]:
        with self.read() as connection:
            rows = connection.execute(sa.select(STATIONS).order_by(STATIONS.c.number))
            return [_station(row) for row in rows.mappings()]

    def station(self, station: str) -> Station | None:
        found = self._quickly(_STATION, station)
        return _station(found[0]) if found else None

    def station_by_token(self, token_sha256: str) -> Station | None:
        """The station a code is for: one to come, or one to go on with new keys."""
        first = self._one_station(STATIONS.c.token_sha256 == token_sha256)
        return first or self._successor(token_sha256)

    def renew(self, code: str, *, token_sha256: str, until: str) -> Station | None:
        """A code for the next epoch of an enrolled station, in place of one not used yet.

        Until it is used nothing changes. None when no enrolled station has this short code.
        """
        with self.write() as connection:
            row = connection.execute(
                sa.select(STATIONS).where(STATIONS.c.code == code, STATIONS.c.station.is_not(None))
            ).one_or_none()
            if row is None:
                return None
            unused = (SUCCESSIONS.c.station == row.station) & SUCCESSIONS.c.answer.is_(None)
            connection.execute(sa.delete(SUCCESSIONS).where(unused))
            connection.execute(
                sa.insert(SUCCESSIONS).values(
                    token_sha256=token_sha256,
                    station=row.station,
                    epoch=row.epoch + 1,
                    code=f"{row.number:02d}{epoch_letters(row.epoch + 1)}",
                    code_until=until,
                )
            )
        return self._successor(token_sha256)

    def signing(self, station: str, epoch: int) -> str | None:
        """The key (base64) this station signed with in that epoch; None if there was none."""
        c = SUCCESSIONS.c
        former = (
            sa.select(c.former_signing)
            .where(c.station == station, c.epoch > epoch, c.former_signing.is_not(None))
            .order_by(c.epoch)
            .limit(1)
        )
        known = self.station(station)
        if known is not None and known.epoch == epoch:
            return known.signing
        with self.read() as connection:
            found = connection.execute(former).scalar()
        if found is not None:
            return str(found)
        return known.signing if known is not None and epoch <= known.epoch else None

    def enroll(self, token_sha256: str, enrolled: Enrolled) -> bool:
        """Use a code up; False when it was used already."""
        with self.write() as connection:
            done = connection.execute(
                sa.update(STATIONS)
                .where(STATIONS.c.token_sha256 == token_sha256, STATIONS.c.station.is_(None))
                .values(
                    station=enrolled.station,
                    signing=enrolled.signing,
                    transport=enrolled.transport,
                    request_sha256=enrolled.request_sha256,
                    answer=enrolled.answer,
                )
            )
            return done.rowcount == 1 or _succeed(connection, token_sha256, enrolled)

    def revoke(self, code: str, utc: str) -> bool:
        with self.write() as connection:
            done = connection.execute(
                sa.update(STATIONS).where(STATIONS.c.code == code).values(revoked=utc)
            )
            return done.rowcount == 1

    # --- packets and receipts --------------------------------------------------------------
    def packet(self, station: str, record: str) -> Packet | None:
        found = sa.select(PACKETS).where(PACKETS.c.station == station, PACKETS.c.record == record)
        with self.read() as connection:
            row = connection.execute(found).one_or_none()
        return None if row is None else packet_of(row)

    def packets_of(self, record: str) -> list[Packet]:
        """Packets with this record id or folio, of any station."""
        found = sa.select(PACKETS).where(
            sa.or_(PACKETS.c.record == record, PACKETS.c.folio == record)
        )
        with self.read() as connection:
            return [packet_of(row) for row in connection.execute(found)]

    def audit_heads(self, station: str, epoch: int) -> list[str]:
        """The audit heads that this station's packets of this epoch brought, in their order."""
        found = (
            sa.select(PACKETS.c.audit_head)
            .where(PACKETS.c.station == station, PACKETS.c.epoch == epoch)
            .order_by(PACKETS.c.seq)
        )
        with self.read() as connection:
            return list(connection.execute(found).scalars())

    def unjudged(self, limit: int = 100) -> list[Packet]:
        """Packets that wait for a verdict, or again for one; each station's oldest first."""
        found = (
            sa.select(PACKETS)
            .where(PACKETS.c.word.in_(OPEN_WORDS))
            .order_by(PACKETS.c.station, PACKETS.c.epoch, PACKETS.c.seq)
            .limit(limit)
        )
        with self.read() as connection:
            return [packet_of(row) for row in connection.execute(found)]

    def store_packet(
        self, packet: Packet, sign: Callable[[ReceiptBody], Signed], body: Chain, *, utc: str = ""
    ) -> None:
        """Write the packet's row and its `stored` receipt together, once; one that operators took
        up again gets a newer `stored`. All who wait for their turn share one transaction."""
        mine = _Storing(packet=packet, sign=sign, body=body, utc=utc)
        self._waiting.append(mine)
        with self._writing:
            if not mine.over:
                self._store_all([self._waiting.popleft() for _ in range(len(self._waiting))])
        if mine.failure is not None:
            raise mine.failure

    def _store_all(self, waiting: Sequence[_Storing]) -> None:
        """In one transaction; where that fails, each in its own, so that one fails alone."""
        try:
            with self.write() as connection:
                for one in waiting:
                    _store(connection, one)
        except Exception as failure:  # noqa: BLE001 - it is raised where it belongs
            if len(waiting) == 1:
                waiting[0].failure = failure
            else:
                for one in waiting:
                    self._store_all([one])
        for one in waiting:
            one.over = True

    def judge(
        self, packet: Packet, sign: Callable[[ReceiptBody], Signed], body: Chain, *, utc: str = ""
    ) -> bool:
        """Write the `opened` or `refused` receipt; False when nobody waits for a verdict.

        With `opened` the record stands in line for the back office.
        """
        with self.write() as connection:
            if _word(connection, packet.station, packet.record) not in OPEN_WORDS:
                return False
            if _append(connection, packet.station, sign, body) == "opened":
                values = {"station": packet.station, "record": packet.record, "opened": utc}
                connection.execute(sa.insert(HANDOVER).values(values))
        return True

    def rule(
        self,
        packet: Packet,
        sign: Callable[[ReceiptBody], Signed],
        body: Chain,
        *,
        keep: Callable[[Connection], object],
    ) -> bool:
        """Write a `retry` or `discard` and, by `keep`, who signed for it; False unless the last
        word is `refused`."""
        with self.write() as connection:
            if _word(connection, packet.station, packet.record) != "refused":
                return False
            keep(connection)
            _append(connection, packet.station, sign, body)
        return True

    def standing(self, station: str, record: str) -> tuple[Packet, str] | None:
        """A packet and the kind of the last receipt about it."""
        found = self._quickly(_STANDING, station, record)
        return (_packet(found[0]), found[0]["word"]) if found else None

    def word(self, station: str, record: str) -> str:
        """The kind of the last receipt about this record; "" when there is none."""
        with self.read() as connection:
            return _word(connection, station, record)

    def usage(self, station: str, since: str) -> Usage:
        c = PACKETS.c
        sums = (sa.func.count(), sa.func.coalesce(sa.func.sum(c.size), 0))
        recent = sa.select(*sums).where(c.station == station, c.received >= since)
        waiting = sa.select(*sums).where(c.word.in_(OPEN_WORDS), c.station == station)
        with self.read() as connection:
            packets, size = connection.execute(recent).one()
            unjudged, unjudged_size = connection.execute(waiting).one()
        return Usage(packets=packets, size=size, unjudged=unjudged, unjudged_size=unjudged_size)

    def contact(self, station: str, utc: str) -> None:
        """The station was just heard of."""
        heard = {"station": station, "utc": utc}
        with self.write() as connection:
            known = sa.update(CONTACTS).where(CONTACTS.c.station == station).values(utc=utc)
            if connection.execute(known).rowcount == 0:
                connection.execute(sa.insert(CONTACTS).values(heard))

    def reject(self, rejection: Rejection) -> None:
        """Name a packet that lied; the newest are kept."""
        id = REJECTIONS.c.id
        with self.write() as connection:
            made = sa.insert(REJECTIONS).values(asdict(rejection)).returning(id)
            last = connection.execute(made).scalar_one()
            connection.execute(sa.delete(REJECTIONS).where(id <= last - MOST_REJECTIONS))

    def rejections(self) -> list[Rejection]:
        """Newest first."""
        names = Rejection.__dataclass_fields__
        query = sa.select(*(REJECTIONS.c[name] for name in names)).order_by(REJECTIONS.c.id.desc())
        with self.read() as connection:
            return [Rejection(**row) for row in connection.execute(query).mappings()]

    def alarm(self, alarm: Alarm) -> None:
        """Name a station that is there twice; again changes nothing."""
        with self.write() as connection:
            _alarm(connection, alarm)

    def alarms(self) -> list[Alarm]:
        """Newest first."""
        names = Alarm.__dataclass_fields__
        query = sa.select(*(ALARMS.c[name] for name in names)).order_by(ALARMS.c.id.desc())
        with self.read() as connection:
            return [Alarm(**row) for row in connection.execute(query).mappings()]

    def receipts(self, records: Sequence[tuple[str, str]]) -> list[Receipt]:
        """Receipts of these (station, record) pairs, in order of pair, then serial."""
        return [_receipt(row) for pair in records for row in self._quickly(_RECEIPTS_OF, *pair)]

    def all_receipts(self) -> list[Receipt]:
        with self.read() as connection:
            return [_receipt(row) for row in connection.execute(_receipts()).mappings()]

    def log_opening(self, packet: Packet, *, utc: str, operator: str) -> None:
        with self.write() as connection:
            connection.execute(
                sa.insert(OPEN_LOG).values(
                    utc=utc, station=packet.station, record=packet.record, operator=operator
                )
            )

    def openings(self) -> list[tuple[str, str, str]]:
        """(utc, record, operator), oldest first."""
        columns = (OPEN_LOG.c.utc, OPEN_LOG.c.record, OPEN_LOG.c.operator)
        with self.read() as connection:
            rows = connection.execute(sa.select(*columns).order_by(OPEN_LOG.c.id)).all()
        return [(row.utc, row.record, row.operator) for row in rows]

    def _successor(self, token_sha256: str) -> Station | None:
        """The station as a code for its next epoch makes it."""
        joined = SUCCESSIONS.join(STATIONS, SUCCESSIONS.c.station == STATIONS.c.station)
        query = sa.select(STATIONS, SUCCESSIONS).select_from(joined)
        with self.read() as connection:
            found = connection.execute(query.where(SUCCESSIONS.c.token_sha256 == token_sha256))
            of = found.mappings().one_or_none()
        if of is None:
            return None
        used = of[SUCCESSIONS.c.answer] is not None
        return Station(
            number=of[STATIONS.c.number],
            name=of[STATIONS.c.name],
            place=of[STATIONS.c.place],
            code=of[SUCCESSIONS.c.code],
            code_until=of[SUCCESSIONS.c.code_until],
            station=of[STATIONS.c.station] if used else "",
            epoch=of[SUCCESSIONS.c.epoch],
            signing=of[STATIONS.c.signing],
            transport=of[STATIONS.c.transport],
            request_sha256=of[SUCCESSIONS.c.request_sha256] or "",
            answer=of[SUCCESSIONS.c.answer] or "",
            revoked="",  # a code given after a revocation says that the station goes on
            succeeds=of[STATIONS.c.station],
        )

    def _one_station(self, clause: sa.ColumnElement[bool]) -> Station | None:
        with self.read() as connection:
            row = connection.execute(sa.select(STATIONS).where(clause)).mappings().one_or_none()
        return None if row is None else _station(row)

    def _quickly(self, asked: str, *given: str) -> list[Mapping[str, Any]]:
        """One question as of now, past SQLAlchemy: the edge asks several about every part."""
        held = self._engine.raw_connection()
        try:
            cursor = held.cursor()
            cursor.execute(asked, given)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        finally:
            held.close()


def epoch_letters(epoch: int) -> str:
    """1 is A, 26 Z, 27 AA: the tail of a station's short code."""
    letters = ""
    while epoch:
        epoch, place = divmod(epoch - 1, 26)
        letters = chr(ord("A") + place) + letters
    return letters


def _succeed(connection: Connection, token_sha256: str, enrolled: Enrolled) -> bool:
    """Give the station its next epoch and keys; what it signed before stays checkable."""
    c = SUCCESSIONS.c
    former = sa.select(STATIONS.c.signing).where(STATIONS.c.station == enrolled.station)
    row = connection.execute(
        sa.update(SUCCESSIONS)
        .where(c.token_sha256 == token_sha256, c.answer.is_(None))
        .values(
            former_signing=former.scalar_subquery(),
            request_sha256=enrolled.request_sha256,
            answer=enrolled.answer,
        )
        .returning(c.epoch, c.code)
    ).one_or_none()
    if row is None:
        return False
    connection.execute(
        sa.update(STATIONS)
        .where(STATIONS.c.station == enrolled.station)
        .values(
            epoch=row.epoch,
            code=row.code,
            signing=enrolled.signing,
            transport=enrolled.transport,
            revoked=None,
        )
    )
    return True


def _append(
    connection: Connection, station: str, sign: Callable[[ReceiptBody], Signed], body: Chain
) -> str:
    """Sign the next receipt of the station's chain; its kind."""
    last = connection.exec_driver_sql(_LAST, (station,)).first()
    serial = 1 if last is None else last.serial + 1
    previous = "" if last is None else sealing.sha256(canonical.from_text(last.body))
    said = body(serial, previous)
    row = {"station": station, "serial": serial, "record": said.record, "kind": said.kind}
    _insert(connection, RECEIPTS, {**row, **asdict(sign(said))})
    connection.exec_driver_sql(_SAY, (said.kind, station, said.record))
    return said.kind


def _store(connection: Connection, one: _Storing) -> None:
    about = one.packet
    word = _word(connection, about.station, about.record)
    if not word:
        _look_for_twin(connection, one)
        _insert(connection, PACKETS, {**_values(about), "received": one.utc, "word": "stored"})
    if word in ("", "retry"):
        _append(connection, about.station, one.sign, one.body)


def _look_for_twin(connection: Connection, one: _Storing) -> None:
    """A number is given once. Both records are kept: each was somebody's enrolment."""
    about = one.packet
    numbered = about.station, about.epoch, about.seq
    for (held,) in connection.exec_driver_sql(_NUMBERED, numbered).all():
        log.error("two of station %s: epoch %d, number %d", about.station, about.epoch, about.seq)
        alarm = Alarm(
            utc=one.utc,
            station=about.station,
            epoch=about.epoch,
            seq=about.seq,
            kind="number",
            held=held,
            came=about.record,
            carrier=about.carrier,
        )
        _alarm(connection, alarm)


def _alarm(connection: Connection, alarm: Alarm) -> None:
    connection.execute(sqlite.insert(ALARMS).values(asdict(alarm)).on_conflict_do_nothing())


def _word(connection: Connection, station: str, record: str) -> str:
    return connection.exec_driver_sql(_WORD, (station, record)).scalar() or ""


def _receipts() -> sa.Select[Any]:
    about = sa.and_(PACKETS.c.station == RECEIPTS.c.station, PACKETS.c.record == RECEIPTS.c.record)
    query = sa.select(RECEIPTS, PACKETS.c.supersedes).join(PACKETS, about)
    return query.order_by(RECEIPTS.c.station, RECEIPTS.c.serial)


def _receipt(row: Mapping[Any, Any]) -> Receipt:
    return Receipt(
        record=row["record"],
        kind=row["kind"],
        signed=Signed(body=row["body"], signature=row["signature"], public_key=row["public_key"]),
        supersedes=row["supersedes"],
    )


def _station(row: Mapping[Any, Any]) -> Station:
    names = (name for name in Station.__dataclass_fields__ if name != "succeeds")
    told: dict[str, Any] = {name: row[name] or "" for name in names}
    return Station(**told)


def packet_of(row: Row[Any]) -> Packet:
    """From a row that has the columns of `packets`, and perhaps more."""
    return Packet(**{name: getattr(row, name) for name in Packet.__dataclass_fields__})


def _packet(row: Mapping[Any, Any]) -> Packet:
    return Packet(**{name: row[name] for name in Packet.__dataclass_fields__})


def _values(packet: Packet) -> dict[str, Any]:
    return {name: getattr(packet, name) for name in Packet.__dataclass_fields__}


def chained(
    kind: ReceiptKind, packet: Packet, *, realm: Realm, utc: str, reason: str = ""
) -> Chain:
    """What a receipt of this kind about this packet says, once its place in the chain is known."""

    def body(serial: int, previous: str) -> ReceiptBody:
        return ReceiptBody(
            kind=kind,
            realm=realm,
            station=packet.station,
            epoch=packet.epoch,
            seq=packet.seq,
            record=packet.record,
            digest=packet.digest,
            size=packet.size,
            time=utc,
            serial=serial,
            previous=previous,
            reason=reason,
            audit_head=packet.audit_head,
        )

    return body


def signing(signer: sealing.Signer) -> Callable[[ReceiptBody], Signed]:
    return lambda body: Signed.by(signer, canonical.encode(body))


# --- asked so often that they are spelled once, and go to the driver as they are ------
def _spelled(statement: sa.ClauseElement) -> str:
    return str(statement.compile(dialect=sqlite.dialect()))


def _is(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    return column == sa.bindparam(None, type_=column.type)


def _insert(connection: Connection, table: sa.Table, row: Mapping[str, Any]) -> None:
    connection.exec_driver_sql(_INSERT[table.name], tuple(row[c.name] for c in table.c))


_ABOUT = _is(PACKETS.c.station) & _is(PACKETS.c.record)
_STATION = _spelled(sa.select(STATIONS).where(_is(STATIONS.c.station)))
_STANDING = _spelled(sa.select(PACKETS).where(_ABOUT))
_WORD = _spelled(sa.select(PACKETS.c.word).where(_ABOUT))
_NUMBERED = _spelled(
    sa.select(PACKETS.c.record).where(
        _is(PACKETS.c.station), _is(PACKETS.c.epoch), _is(PACKETS.c.seq)
    )
)
_SAY = _spelled(sa.update(PACKETS).values(word=sa.bindparam("said")).where(_ABOUT))
_RECEIPTS_OF = _spelled(_receipts().where(_is(RECEIPTS.c.station), _is(RECEIPTS.c.record)))
_LAST = _spelled(  # newest first: who asks takes the first row, and no other is read
    sa.select(RECEIPTS.c.serial, RECEIPTS.c.body)
    .where(_is(RECEIPTS.c.station))
    .order_by(RECEIPTS.c.serial.desc())
)
_INSERT = {table.name: _spelled(sa.insert(table)) for table in (PACKETS, RECEIPTS)}


def _prepare(dbapi: Any, _: object) -> None:
    dbapi.isolation_level = None  # the driver's own BEGIN would come too late for migrations
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        dbapi.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _scripts() -> Path:
    """The migrations: inside an installed package first, then in the checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_alembic" / "headquarters"
    return inside if inside.is_dir() else package.parent / "alembic" / "headquarters"
