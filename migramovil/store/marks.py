"""What the station remembers by itself, also while locked: plain words under a key, never personal.

"clock.signed": the last time headquarters signed. "station.open": until when the station is known
to have run; away after a clean close.
"""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from migramovil.store.outbox import Outbox
from migramovil.store.tables import marks


def get(outbox: Outbox, key: str) -> str | None:
    with outbox.database.read() as connection:
        return connection.execute(select(marks.c.value).where(marks.c.key == key)).scalar()


def put(outbox: Outbox, key: str, value: str) -> None:
    """Durable when this returns."""
    added = insert(marks).values(key=key, value=value)
    with outbox.database.write() as connection:
        connection.execute(
            added.on_conflict_do_update(index_elements=["key"], set_={"value": value})
        )


def drop(outbox: Outbox, key: str) -> None:
    with outbox.database.write() as connection:
        connection.execute(delete(marks).where(marks.c.key == key))


class Mark:
    """One thing remembered, for whoever needs not know where."""

    def __init__(self, outbox: Outbox, key: str) -> None:
        self._outbox = outbox
        self._key = key

    def read(self) -> str | None:
        return get(self._outbox, self._key)

    def write(self, words: str) -> None:
        put(self._outbox, self._key, words)
