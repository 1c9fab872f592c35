"""The line of opened records for the back office, and the decisions that come back.

Nothing of a record lies here in clear: the line holds numbers, and a record is opened from its
sealed packet each time it is asked for, by the opener's own keys. It stays in line until the back
office says it holds it: given at least once, in the order it was opened.
"""

from __future__ import annotations

import hashlib
import inspect
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from migramovil.core import canonical, downstream, sealing
from migramovil.core.biometrics import Finger, FingerRules, Portrait
from migramovil.core.documents import IdentityDocument
from migramovil.core.downstream import Decision
from migramovil.core.enrollment import Consent
from migramovil.core.person import Guardian, Person
from migramovil.core.record import Realm, Stamp
from migramovil.core.roles import Approval
from migramovil.core.trouble import Trouble, Who
from migramovil.headquarters.downstream import publish
from migramovil.headquarters.opener import ListedObject, Opened, PacketOpener
from migramovil.headquarters.store import HANDOVER, METADATA, PACKETS, Packet, Store, packet_of

FORMAT = "migramovil/handover/1"
MOST = 100

CLIENTS = sa.Table(
    "clients",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("token_sha256", sa.Text, nullable=False, unique=True),
    sa.Column("added", sa.Text, nullable=False),
    sa.Column("revoked", sa.Text),
)
# The newest decision on each record, sealed to headquarters' operational key.
DECISIONS = sa.Table(
    "decisions",
    METADATA,
    sa.Column("station", sa.Text, primary_key=True),
    sa.Column("record", sa.Text, primary_key=True),
    sa.Column("decided", sa.Text, nullable=False),
    sa.Column("received", sa.Text, nullable=False),
    sa.Column("client", sa.Text, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("published", sa.Integer, nullable=False, server_default="0"),
    sa.ForeignKeyConstraint(["station", "record"], ["packets.station", "packets.record"]),
)


class NotInLine(Trouble):
    code = "HQ-32"
    what = "Ese registro no está en la línea de entrega."
    advice = "Pida la línea otra vez: puede estar entregado, o no abierto todavía."
    who = Who.HEADQUARTERS


class ClientTaken(Trouble):
    code = "HQ-33"
    what = "Ya hay un sistema receptor con ese nombre."
    advice = "Elija otro nombre, o anule el anterior."
    who = Who.HEADQUARTERS


class BadDecision(Trouble):
    code = "HQ-34"
    what = "Una decisión recibida no se puede usar."
    advice = "No se guardó ninguna de ese envío. Corrija la que se indica y repita."
    who = Who.HEADQUARTERS


# --- a record as it is handed over (docs/schema/record-1.json) ------
@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant(Person):
    """Who was enrolled, as typed; the document they showed; who answers for a minor."""

    document: IdentityDocument | None
    guardian: Guardian


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What was done and measured at the station. Ids of pictures are those of `objects`."""

    record: str
    schema: int
    software: str
    station: str
    officer: str
    started: Stamp
    started_by: str
    supersedes: str
    correction: str
    finished: Stamp
    procedure: str
    catalogue: str
    receipt_number: str
    mrz_lines: tuple[str, ...]
    outcome: Literal["enrolled", "consent_refused"]
    consent: Consent | None
    portrait: Portrait | None
    fingers: tuple[Finger, ...]
    finger_rules: FingerRules
    objects: tuple[ListedObject, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the officers signed, exactly."""

    format: Literal["migramovil/record/1"]
    applicant: Applicant
    content: Content
    approvals: tuple[Approval, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """One record for the back office. `n` is its place in the line, `code` the station's short one.

    `conforms` says whether `record` has exactly the published shape: one from a newer or older
    station is given all the same. Pictures are fetched by name.
    """

    format: Literal["migramovil/handover/1"]
    n: int
    station: str
    code: str
    epoch: int
    seq: int
    folio: str
    digest: str
    opened: str
    conforms: bool
    record: Record


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of HandedOver."""
    found = _described(msgspec.json.schema(HandedOver))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def _described(schema: Any) -> Any:
    """Descriptions without the margin of their docstrings, which not every Python takes away."""
    if isinstance(schema, list):
        return [_described(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: inspect.cleandoc(value)
        if name == "description" and isinstance(value, str)
        else _described(value)
        for name, value in schema.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A record's place in the line."""

    n: int
    opened: str
    packet: Packet


class Handover:
    """The line, for whoever may open records: needs the opener's keys."""

    def __init__(
        self,
        store: Store,
        opener: PacketOpener,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._opener = opener
        self._clock = clock

    def line(self, after: int = 0, limit: int = MOST) -> list[Place]:
        """What the back office has not said it holds, by number."""
        query = _places().where(HANDOVER.c.acked.is_(None), HANDOVER.c.n > after)
        with self._store.engine.begin() as connection:
            rows = list(connection.execute(query.order_by(HANDOVER.c.n).limit(min(limit, MOST))))
        return [_place(row) for row in rows]

    def place(self, n: int) -> Place:
        """One place, whether it was taken over already or not; NotInLine."""
        with self._store.engine.begin() as connection:
            row = connection.execute(_places().where(HANDOVER.c.n == n)).one_or_none()
        if row is None:
            raise NotInLine(str(n))
        return _place(row)

    def open(self, place: Place) -> tuple[dict[str, Any], Opened]:
        """The record as HandedOver's JSON, and its pictures; Unacceptable if it no longer opens."""
        opened = self._opener.opened(place.packet)
        record = msgspec.json.decode(opened.record)
        about = place.packet
        station = self._store.station(about.station)
        told = {
            "format": FORMAT,
            "n": place.n,
            "station": about.station,
            "code": station.code if station else "",
            "epoch": about.epoch,
            "seq": about.seq,
            "folio": about.folio,
            "digest": about.digest,
            "opened": place.opened,
            "conforms": conforms(record),
            "record": record,
        }
        return told, opened

    def acknowledge(self, numbers: Iterable[int], by: str) -> int:
        """The back office holds these; how many it had not said so of before."""
        chosen = HANDOVER.c.n.in_(sorted(set(numbers))) & HANDOVER.c.acked.is_(None)
        with self._store.engine.begin() as connection:
            done = connection.execute(
                sa.update(HANDOVER).where(chosen).values(acked=self._utc(), by=by)
            )
        return done.rowcount

    def decide(self, decisions: Sequence[Decision], client: str, operational: bytes) -> int:
        """Keep decisions on records of this house, sealed; an older word on a record changes
        nothing. How many were new. BadDecision: then none is kept."""
        kept = 0
        with self._store.engine.begin() as connection:
            for number, one in enumerate(decisions):
                station = _station_of(connection, one, number)
                sealed = sealing.seal_to(
                    operational, canonical.encode(one), _binding(station, one.record)
                )
                row = {"received": self._utc(), "client": client, "sealed": sealed}
                kept += _keep(connection, station, one, row)
        return kept

    def _utc(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="seconds")


def publish_decisions(
    store: Store,
    openers: Sequence[sealing.Opener],
    registrar: sealing.Signer,
    *,
    realm: Realm,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[tuple[str, int]]:
    """Send every station that has new decisions all of its own, sealed to it; (code, how many)."""
    told = []
    for station in store.stations():
        mine = DECISIONS.c.station == station.station
        with store.engine.begin() as connection:
            rows = list(connection.execute(sa.select(DECISIONS).where(mine)))
        if all(row.published for row in rows):
            continue
        clear = [_open_decision(row, openers) for row in rows]
        newest = sorted(clear, key=lambda one: (one.decided, one.record))
        publish(
            store,
            registrar,
            downstream.Kind.DECISIONS,
            canonical.encode(newest),
            realm=realm,
            utc=clock().astimezone(UTC).isoformat(timespec="seconds"),
            station=station,
        )
        with store.engine.begin() as connection:
            for row in rows:
                same = (DECISIONS.c.record == row.record) & (DECISIONS.c.decided == row.decided)
                connection.execute(sa.update(DECISIONS).where(mine, same).values(published=1))
        told.append((station.code, len(newest)))
    return told


# --- who may fetch -----------------------------------------------------------------------------
def add_client(store: Store, name: str, utc: str) -> str:
    """A token for one system of the back office; it is told once, and kept only as a hash."""
    token = secrets.token_urlsafe(32)
    values = {"name": name, "token_sha256": _hash(token), "added": utc}
    with store.engine.begin() as connection:
        if connection.execute(sa.select(CLIENTS).where(CLIENTS.c.name == name)).first():
            raise ClientTaken
        connection.execute(sa.insert(CLIENTS).values(values))
    return token


def revoke_client(store: Store, name: str, utc: str) -> bool:
    with store.engine.begin() as connection:
        chosen = (CLIENTS.c.name == name) & CLIENTS.c.revoked.is_(None)
        return connection.execute(sa.update(CLIENTS).where(chosen).values(revoked=utc)).rowcount > 0


def client_of(store: Store, token: str) -> str | None:
    """Whose token this is, if it is anybody's and in force."""
    chosen = (CLIENTS.c.token_sha256 == _hash(token)) & CLIENTS.c.revoked.is_(None)
    with store.engine.begin() as connection:
        return connection.execute(sa.select(CLIENTS.c.name).where(chosen)).scalar()


def clients(store: Store) -> list[tuple[str, str, str]]:
    """(name, added, revoked or "")."""
    query = sa.select(CLIENTS).order_by(CLIENTS.c.name)
    with store.engine.begin() as connection:
        return [(row.name, row.added, row.revoked or "") for row in connection.execute(query)]


# --- within --------------------------------------------------------------------------------------
def _places() -> sa.Select[Any]:
    about = (PACKETS.c.station == HANDOVER.c.station) & (PACKETS.c.record == HANDOVER.c.record)
    return sa.select(HANDOVER.c.n, HANDOVER.c.opened, PACKETS).join(PACKETS, about)


def _place(row: sa.Row[Any]) -> Place:
    return Place(n=row.n, opened=row.opened, packet=packet_of(row))


def conforms(record: Any) -> bool:
    """Whether a record (decoded JSON) is exactly of the published shape."""
    try:
        read = msgspec.convert(record, Record)
    except msgspec.ValidationError:
        return False
    same = [msgspec.json.encode(one, order="sorted") for one in (read, record)]
    return same[0] == same[1]


def _station_of(connection: sa.Connection, one: Decision, number: int) -> str:
    """The station whose opened record this is about."""
    query = sa.select(PACKETS.c.station, PACKETS.c.folio).where(
        PACKETS.c.record == one.record, PACKETS.c.word == "opened"
    )
    rows = [row for row in connection.execute(query) if row.folio == one.folio]
    if len(rows) != 1:
        raise BadDecision(f"{number} record")
    try:
        downstream.check_content(downstream.Kind.DECISIONS, canonical.encode([one]))
        datetime.fromisoformat(one.decided).astimezone(UTC)
    except (Trouble, ValueError):
        raise BadDecision(f"{number} form") from None
    return str(rows[0].station)


def _keep(connection: sa.Connection, station: str, one: Decision, row: dict[str, Any]) -> int:
    mine = (DECISIONS.c.station == station) & (DECISIONS.c.record == one.record)
    there = connection.execute(sa.select(DECISIONS.c.decided).where(mine)).scalar()
    if there is not None and there >= one.decided:
        return 0
    connection.execute(sa.delete(DECISIONS).where(mine))
    named = {"station": station, "record": one.record, "decided": one.decided}
    connection.execute(sa.insert(DECISIONS).values({**named, **row}))
    return 1


def _open_decision(row: sa.Row[Any], openers: Sequence[sealing.Opener]) -> Decision:
    info = _binding(row.station, row.record)
    for opener in openers:
        try:
            return canonical.decode(opener.open(row.sealed, info), Decision)
        except sealing.CannotOpen:
            continue
    raise sealing.CannotOpen("decision")


def _binding(station: str, record: str) -> bytes:
    return f"migramovil/decision/1\n{station}\n{record}".encode()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
