"""Which waiting records were copied to a medium: a mark on each, never a state, never a removal."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.dialects.sqlite import insert

from migramovil.core.record import RecordState
from migramovil.store.outbox import Outbox
from migramovil.store.tables import exports, records

_MANY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A sealed packet that headquarters does not hold yet, and its file."""

    record: str
    digest: str
    size: int
    file: str


def packets(outbox: Outbox) -> list[Packet]:
    """What headquarters does not hold yet, oldest first, copied before or not."""
    c = records.c
    query = (
        select(c.record, c.digest, c.size, c.file)
        .where(c.state == RecordState.SEALED.value)
        .order_by(c.epoch, c.seq)
    )
    with outbox.database.read() as connection:
        return [Packet(**row) for row in connection.execute(query).mappings()]


def arrived(outbox: Outbox) -> frozenset[str]:
    """Digests of what headquarters signed for: no medium need carry them any more."""
    reached = records.c.state.in_([RecordState.STORED.value, RecordState.OPENED.value])
    with outbox.database.read() as connection:
        return frozenset(connection.execute(select(records.c.digest).where(reached)).scalars())


def mark(outbox: Outbox, copied: Sequence[str], utc: str) -> None:
    """Say of these records that they were copied, durable when this returns."""
    with outbox.database.write() as connection:
        for at in range(0, len(copied), _MANY):
            rows = [{"record": one, "utc": utc, "times": 1} for one in copied[at : at + _MANY]]
            added = insert(exports).values(rows)
            connection.execute(
                added.on_conflict_do_update(
                    index_elements=["record"], set_={"utc": utc, "times": exports.c.times + 1}
                )
            )
    outbox.changed()


def of(outbox: Outbox, asked: Collection[str]) -> dict[str, str]:
    """When (UTC) each of these records was last copied; those never copied are not in it."""
    query = select(exports.c.record, exports.c.utc).where(exports.c.record.in_(asked))
    with outbox.database.read() as connection:
        return {row.record: row.utc for row in connection.execute(query)}


def count(outbox: Outbox) -> int:
    """How many records that still wait were copied: a subset of what waits."""
    waits = records.c.state == RecordState.SEALED.value
    query = select(func.count()).select_from(exports.join(records)).where(waits)
    with outbox.database.read() as connection:
        return int(connection.execute(query).scalar_one())
