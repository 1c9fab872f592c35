"""How many entrances failed since the last good one, by a keyed hash of the name; no clocks."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert

from migramovil.store.outbox import Outbox
from migramovil.store.tables import attempts

_c = attempts.c


def failures(outbox: Outbox) -> dict[str, int]:
    """Every hash with failures, and how many."""
    with outbox.database.read() as connection:
        return {row.who: row.failures for row in connection.execute(select(attempts))}


def count(outbox: Outbox, whose: Iterable[str]) -> None:
    """One more failure for each, durable when this returns."""
    with outbox.database.write() as connection:
        for who in whose:
            added = insert(attempts).values(who=who, failures=1)
            more = {"failures": _c.failures + 1}
            connection.execute(added.on_conflict_do_update(index_elements=["who"], set_=more))


def take_back(outbox: Outbox, whose: Iterable[str]) -> None:
    """One failure less for each: the try could not be made."""
    with outbox.database.write() as connection:
        for who in whose:
            mine = _c.who == who
            connection.execute(delete(attempts).where(mine, _c.failures == 1))
            connection.execute(update(attempts).where(mine).values(failures=_c.failures - 1))


def forget(outbox: Outbox, whose: Iterable[str]) -> None:
    with outbox.database.write() as connection:
        connection.execute(delete(attempts).where(_c.who.in_(list(whose))))
