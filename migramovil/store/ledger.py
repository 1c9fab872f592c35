"""The account that must come out even: finished = confirmed + received + waiting + refused.

Left, what the counter of each epoch gave; right, what the rows are. Figures come straight from SQL;
store.verify looks at files, receipts and the audit, and names what is missing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import case, func, select

from migramovil.core.audit import Entry
from migramovil.core.record import RecordState
from migramovil.store import exports
from migramovil.store.finishing import COMPLETED, FINISHED
from migramovil.store.outbox import Outbox
from migramovil.store.tables import epochs, records, station


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One local day's records, or all of them; `copied` of the sealed lie on a stick too."""

    day: str
    finished: int
    sealed: int
    stored: int
    opened: int
    refused: int
    copied: int = 0

    @property
    def fits(self) -> bool:
        return self.finished == self.sealed + self.stored + self.opened + self.refused


def figures(outbox: Outbox) -> Figures:
    """The whole account; `day` is ""."""
    counts = outbox.counts()
    with outbox.database.read() as connection:
        now = connection.execute(select(func.sum(station.c.seq))).scalar() or 0
        before = connection.execute(select(func.sum(epochs.c.seq))).scalar() or 0
    return Figures(
        day="",
        finished=now + before,
        sealed=counts.sealed,
        stored=counts.stored,
        opened=counts.opened,
        refused=counts.refused,
        copied=exports.count(outbox),
    )


def days(outbox: Outbox, limit: int = 31) -> list[Figures]:
    """The same per local day (yyyy-mm-dd, Lima), newest first, by what the rows say."""
    # Peru keeps UTC-5 all year, so SQLite can tell the local day by itself.
    day = func.date(records.c.sealed_utc, "-5 hours").label("day")
    counts = [
        func.sum(case((records.c.state == state.value, 1), else_=0)).label(state.value)
        for state in RecordState
    ]
    query = (
        select(day, func.count().label("finished"), *counts)
        .group_by(day)
        .order_by(day.desc())
        .limit(limit)
    )
    with outbox.database.read() as connection:
        return [Figures(**row) for row in connection.execute(query).mappings()]


def by_officer(entries: list[Entry]) -> dict[str, int]:
    """How many enrollments each account finished, by the audit."""
    return dict(Counter(entry.actor for entry in entries if is_finish(entry)))


def is_finish(entry: Entry) -> bool:
    return entry.act in {FINISHED, COMPLETED}
