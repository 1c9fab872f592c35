"""What must stay readable after a finish, for one jornada at a time, and how it ends.

Each compartment has its own random key, a stated purpose and an end. What it keeps is encrypted
under that key; destroyed, the key is gone from the row, the rows from the table, and both from the
write-ahead log. Nothing else of a finished record stays.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from migramovil.core import sealing
from migramovil.core.record import Stamp
from migramovil.store import audit
from migramovil.store.database import Database
from migramovil.store.tables import compartments, kept

PURPOSE = "Reimprimir el comprobante y listar los folios de la jornada"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keepsake:
    """What a finished record leaves readable: the local day (yyyy-mm-dd) it belongs to, when that
    ends (UTC, ISO 8601), what kind of thing it is, and its bytes in clear."""

    jornada: str
    ends_utc: str
    kind: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Compartment:
    """`destroyed_utc` is "" while it is open; `kept` is how many things it holds."""

    jornada: str
    purpose: str
    opened_utc: str
    ends_utc: str
    destroyed_utc: str
    kept: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One kept thing in clear, and the finished record it is about."""

    jornada: str
    record: str
    body: bytes
    utc: str


def keep(connection: Connection, record: str, keepsake: Keepsake, utc: str) -> None:
    """Put it into the jornada's open compartment, inside the transaction that ends the draft."""
    jornada, key = _opened(connection, keepsake, utc)
    name = secrets.token_hex(16)
    connection.execute(
        insert(kept).values(
            id=name,
            jornada=jornada,
            kind=keepsake.kind,
            record=record,
            body=sealing.encrypt_object(key, record, name, keepsake.body),
            utc=utc,
        )
    )


def every(database: Database) -> list[Compartment]:
    """Open ones and destroyed ones, newest first."""
    c = compartments.c
    counted = (
        select(kept.c.jornada, func.count().label("n")).group_by(kept.c.jornada).subquery("counted")
    )
    query = (
        select(compartments, func.coalesce(counted.c.n, 0).label("kept"))
        .outerjoin(counted, counted.c.jornada == c.jornada)
        .order_by(c.jornada.desc())
    )
    with database.read() as connection:
        return [
            Compartment(
                jornada=row.jornada,
                purpose=row.purpose,
                opened_utc=row.opened_utc,
                ends_utc=row.ends_utc,
                destroyed_utc=row.destroyed_utc or "",
                kept=row.kept,
            )
            for row in connection.execute(query)
        ]


def read(database: Database, kind: str, record: str | None = None) -> list[Kept]:
    """What open compartments keep of this kind, oldest first; of one record where it is given."""
    query = (
        select(kept, compartments.c.key)
        .join(compartments, compartments.c.jornada == kept.c.jornada)
        .where(kept.c.kind == kind, compartments.c.key.is_not(None))
        .order_by(kept.c.utc, kept.c.id)
    )
    if record is not None:
        query = query.where(kept.c.record == record)
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [
        Kept(
            jornada=row.jornada,
            record=row.record,
            body=sealing.decrypt_object(row.key, row.record, row.id, row.body),
            utc=row.utc,
        )
        for row in rows
    ]


def destroy(database: Database, jornada: str, actor: str, at: Stamp) -> None:
    """Forget a compartment's key and all it keeps, and owe the log a purge; again changes nothing.

    The caller purges (Vault.purge): until that succeeds the vault says a purge is pending.
    """
    database.purge_owed = True
    with database.write() as connection:
        ended = connection.execute(
            update(compartments)
            .where(compartments.c.jornada == jornada, compartments.c.key.is_not(None))
            .values(key=None, destroyed_utc=at.utc)
        )
        if ended.rowcount:
            connection.execute(delete(kept).where(kept.c.jornada == jornada))
            audit.append(connection, actor, "destroy-compartment", jornada, at)


def _opened(connection: Connection, keepsake: Keepsake, utc: str) -> tuple[str, bytes]:
    """The day's open compartment and its key; a new one after one was destroyed early."""
    c = compartments.c
    day = keepsake.jornada
    rows = connection.execute(
        select(c.jornada, c.key).where((c.jornada == day) | c.jornada.startswith(f"{day}/"))
    ).all()
    for row in rows:
        if row.key is not None:
            return row.jornada, row.key
    name = f"{day}/{len(rows) + 1}" if rows else day
    key = sealing.new_key()
    connection.execute(
        insert(compartments).values(
            jornada=name, purpose=PURPOSE, opened_utc=utc, ends_utc=keepsake.ends_utc, key=key
        )
    )
    return name, key
