"""What becomes of a refused record: two operators sign, and the opener tells the station.

`retry`: it is taken up again; if the bytes here are damaged, the station brings them once more.
`discard`: nobody waits for it any more, and the station may let it go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from migramovil.core import canonical, sealing
from migramovil.core.record import Realm, ReceiptBody, ReceiptKind
from migramovil.core.trouble import Trouble, Who
from migramovil.headquarters import operators
from migramovil.headquarters import store as books
from migramovil.headquarters.store import METADATA, PACKETS, RECEIPTS, Packet, Store

FORMAT = "migramovil/ruling/1"
LONGEST_REASON = 200
PAGE = 100

RULINGS = sa.Table(
    "rulings",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("station", sa.Text, nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("utc", sa.Text, nullable=False),
    sa.Column("operators", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("approvals", sa.Text, nullable=False),
)


class NotRefused(Trouble):
    code = "HQ-30"
    what = "Ese registro no está entre los rechazados."
    advice = "Vea la lista con «hq refused». Un registro abierto o descartado ya no cambia."
    who = Who.HEADQUARTERS


class NoReason(Trouble):
    code = "HQ-31"
    what = "Falta el motivo, o es demasiado largo."
    advice = "Escríbalo en una línea de hasta 200 letras, sin datos personales: la estación lo lee."
    who = Who.HEADQUARTERS


@dataclass(frozen=True, slots=True, kw_only=True)
class RulingBody:
    """What each of two operators signs about a refused packet; `after` is the SHA-256 of the
    refusal's receipt, so that a signature counts for one refusal only."""

    format: str = FORMAT
    kind: ReceiptKind
    realm: Realm
    station: str
    record: str
    digest: str
    after: str
    reason: str
    utc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """As kept: names of the operators by comma, `body` and `approvals` canonical."""

    station: str
    record: str
    kind: str
    reason: str
    utc: str
    operators: str
    body: str
    approvals: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A record that waits for a ruling, and why it was refused."""

    packet: Packet
    reason: str
    utc: str
    after: str


def refused(store: Store, after: Refusal | None = None, limit: int = PAGE) -> list[Refusal]:
    """Records whose last word is `refused`, each station's oldest first; so many after that one."""
    place = sa.tuple_(PACKETS.c.station, PACKETS.c.epoch, PACKETS.c.seq, PACKETS.c.record)
    query = _refusals().order_by(*place).limit(limit)
    if after is not None:
        one = after.packet
        query = query.where(place > (one.station, one.epoch, one.seq, one.record))
    with store.read() as connection:
        return [_refusal(row) for row in connection.execute(query)]


def every_refused(store: Store) -> Iterator[Refusal]:
    """All of them, read a page at a time."""
    page = refused(store)
    while page:
        yield from page
        page = refused(store, after=page[-1])


def refusal(store: Store, record: str) -> Refusal:
    """The refused record with this id or folio; NotRefused."""
    named = (PACKETS.c.record == record) | (PACKETS.c.folio == record)
    with store.read() as connection:
        rows = connection.execute(_refusals().where(named).limit(2)).all()
    if len(rows) != 1:
        raise NotRefused
    return _refusal(rows[0])


def _refusals() -> sa.Select[Any]:
    newest = (
        sa.select(RECEIPTS.c.body)
        .where(RECEIPTS.c.station == PACKETS.c.station, RECEIPTS.c.record == PACKETS.c.record)
        .order_by(RECEIPTS.c.serial.desc())
        .limit(1)
        .scalar_subquery()
    )
    return sa.select(PACKETS, newest.label("said")).where(PACKETS.c.word == "refused")


def _refusal(row: sa.Row[Any]) -> Refusal:
    said = canonical.from_text(row.said)
    body = canonical.decode(said, ReceiptBody)
    return Refusal(
        packet=books.packet_of(row),
        reason=body.reason,
        utc=body.time,
        after=sealing.sha256(said),
    )


def rule(
    store: Store,
    one: Refusal,
    kind: ReceiptKind,
    reason: str,
    *,
    approvers: Callable[[], Sequence[tuple[str, sealing.Signer]]],
    signer: sealing.Signer,
    realm: Realm,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Ruling:
    """Have two operators sign, then tell the station by `signer`, the opener's own.

    NoReason, OperatorRefused, TwoPeople, NotRefused when somebody else was faster.
    """
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= LONGEST_REASON:
        raise NoReason
    utc = clock().astimezone(UTC).isoformat(timespec="seconds")
    about = one.packet
    body = RulingBody(
        kind=kind, realm=realm, station=about.station, record=about.record,
        digest=about.digest, after=one.after, reason=reason, utc=utc,
    )  # fmt: skip
    said = canonical.encode(body)
    names, signed = operators.both(store, said, approvers())
    kept = Ruling(
        station=about.station,
        record=about.record,
        kind=kind,
        reason=reason,
        utc=utc,
        operators=names,
        body=said.decode(),
        approvals=canonical.encode(signed).decode(),
    )

    def keep(connection: Connection) -> None:
        connection.execute(sa.insert(RULINGS).values(asdict(kept)))

    receipt = books.chained(kind, about, realm=realm, utc=utc, reason=reason)
    if not store.rule(about, books.signing(signer), receipt, keep=keep):
        raise NotRefused
    return kept


def rulings(store: Store) -> list[Ruling]:
    """Oldest first."""
    names = Ruling.__dataclass_fields__
    query = sa.select(*(RULINGS.c[name] for name in names)).order_by(RULINGS.c.id)
    with store.engine.begin() as connection:
        return [Ruling(**row) for row in connection.execute(query).mappings()]


def check(store: Store, one: Ruling) -> RulingBody:
    """The ruling's body if two operators of these books signed exactly it; BadSignature,
    TwoPeople."""
    said = one.body.encode()
    names = operators.signed_by(said, one.approvals, operators.authorized(store))
    if len(names) < operators.NEEDED:
        raise operators.TwoPeople
    return canonical.decode(said, RulingBody)
