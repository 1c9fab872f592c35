"""The audit chain at rest (core.audit): only ever added to, each entry signed by the station."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, insert, select

from migramovil.core import audit as chain
from migramovil.core import canonical, sealing
from migramovil.core.audit import START, Entry
from migramovil.core.record import Stamp
from migramovil.store.database import Database
from migramovil.store.tables import audit, station_keys
from migramovil.store.trouble import Damaged


class Audit:
    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, actor: str, act: str, subject: str, at: Stamp) -> str:
        """Add one entry; the new head. Damaged before the station has its keys."""
        with self._database.write() as connection:
            return append(connection, actor, act, subject, at)

    def head(self) -> str:
        """The newest hash: 64 hex digits."""
        with self._database.read() as connection:
            last = _last(connection)
        return START if last is None else last.hash

    def entries(self) -> list[Entry]:
        with self._database.read() as connection:
            return [_entry(row) for row in connection.execute(select(audit).order_by(audit.c.n))]

    def verify(self) -> int:
        """How many entries there are, all linked and signed; AuditBroken names the first not so."""
        with self._database.read() as connection:
            public = _signer(connection).public
        return chain.check(self.entries(), public)


def append(connection: Connection, actor: str, act: str, subject: str, at: Stamp) -> str:
    """Add one entry inside the caller's transaction; the new head."""
    entry = chain.next_entry(
        _last(connection),
        _signer(connection),
        actor=actor,
        act=act,
        subject=subject,
        utc=at.utc,
        doubt_s=at.uncertainty_s,
    )
    connection.execute(
        insert(audit).values(
            n=entry.n,
            actor=actor,
            act=act,
            subject=subject,
            utc=entry.utc,
            hash=entry.hash,
            doubt_s=entry.doubt_s,
            signature=canonical.from_text(entry.signature),
        )
    )
    return entry.hash


def _last(connection: Connection) -> Entry | None:
    row = connection.execute(select(audit).order_by(audit.c.n.desc()).limit(1)).first()
    return None if row is None else _entry(row)


def _signer(connection: Connection) -> sealing.Signer:
    key = connection.execute(select(station_keys.c.signer)).scalar()
    if key is None:
        raise Damaged("station keys")
    return sealing.Signer.load(key)


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        n=row.n,
        actor=row.actor,
        act=row.act,
        subject=row.subject,
        utc=row.utc,
        doubt_s=row.doubt_s,
        hash=row.hash,
        signature=canonical.text(row.signature or b""),
    )
