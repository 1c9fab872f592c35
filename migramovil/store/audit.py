"""Who did what, in a chain that shows any change: each entry's hash covers the one before it.

Ids only, never a name. The newest hash travels in every packet, so headquarters can tell a
shortened chain too.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from migramovil.core import canonical, sealing
from migramovil.store.database import Database
from migramovil.store.tables import audit
from migramovil.store.trouble import AuditBroken

START = sealing.sha256(b"migramovil/audit/1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One act: account id, what was done, to which id, when (UTC, ISO 8601)."""

    n: int
    actor: str
    act: str
    subject: str
    utc: str


class Audit:
    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, actor: str, act: str, subject: str, utc: str) -> str:
        """Add one entry; the new head."""
        with self._database.write() as connection:
            return append(connection, actor, act, subject, utc)

    def head(self) -> str:
        """The newest hash: 64 hex digits."""
        with self._database.read() as connection:
            return _head(connection)[1]

    def entries(self) -> list[Entry]:
        columns = (audit.c.n, audit.c.actor, audit.c.act, audit.c.subject, audit.c.utc)
        with self._database.read() as connection:
            rows = connection.execute(select(*columns).order_by(audit.c.n)).mappings().all()
        return [Entry(**row) for row in rows]

    def verify(self) -> int:
        """How many entries there are, all linked; AuditBroken names the first that is not."""
        with self._database.read() as connection:
            rows = connection.execute(select(audit).order_by(audit.c.n)).all()
        previous = START
        for place, row in enumerate(rows, start=1):
            entry = Entry(n=row.n, actor=row.actor, act=row.act, subject=row.subject, utc=row.utc)
            if row.n != place or row.hash != _hash(previous, entry):
                raise AuditBroken(f"entry {place}")
            previous = row.hash
        return len(rows)


def append(connection: Connection, actor: str, act: str, subject: str, utc: str) -> str:
    """Add one entry inside the caller's transaction; the new head."""
    last, previous = _head(connection)
    entry = Entry(n=last + 1, actor=actor, act=act, subject=subject, utc=utc)
    found = _hash(previous, entry)
    connection.execute(
        insert(audit).values(n=entry.n, actor=actor, act=act, subject=subject, utc=utc, hash=found)
    )
    return found


def _head(connection: Connection) -> tuple[int, str]:
    row = connection.execute(
        select(audit.c.n, audit.c.hash).order_by(audit.c.n.desc()).limit(1)
    ).first()
    return (row.n, row.hash) if row else (0, START)


def _hash(previous: str, entry: Entry) -> str:
    return sealing.sha256(bytes.fromhex(previous) + canonical.encode(entry))
