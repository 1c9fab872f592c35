"""What people here signed about something other than a finished record; kept for good."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select

from migramovil.core.record import Stamp
from migramovil.store import audit
from migramovil.store.tables import acts
from migramovil.store.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAct:
    """`body` is canonical and holds the signatures; `subject` is the id it is about."""

    id: str
    act: str
    subject: str
    utc: str
    body: bytes


def add(connection: Connection, act: StoredAct) -> None:
    """Keep an act inside the caller's transaction."""
    connection.execute(insert(acts).values(**asdict(act)))


def about(vault: Vault, subject: str) -> list[StoredAct]:
    """The acts about one thing, oldest first."""
    c = acts.c
    query = select(c.id, c.act, c.subject, c.utc, c.body).where(c.subject == subject)
    with vault.database.read() as connection:
        rows = connection.execute(query.order_by(c.id)).mappings()
        return [StoredAct(**row) for row in rows]


def take_over(vault: Vault, act: StoredAct, actor: str, began: str, at: Stamp) -> None:
    """Keep that `actor` signed for a draft which account `began` started; the audit names both."""
    with vault.database.write() as connection:
        add(connection, act)
        audit.append(connection, actor, "take-over", f"{act.subject} {began}", at)


def void_draft(vault: Vault, act: StoredAct, actor: str, second: str, at: Stamp) -> None:
    """Destroy a draft, its key and its media; who signed that, why, and the audit stay."""

    def record(connection: Connection) -> None:
        add(connection, act)
        audit.append(connection, actor, act.act, act.subject, at)
        audit.append(connection, second, f"{act.act}-second", act.subject, at)

    vault.void_draft(act.subject, record)


def discard_draft(vault: Vault, record: str, actor: str, at: Stamp) -> None:
    """Destroy a draft nothing was written in; the audit stays."""
    vault.void_draft(
        record, lambda connection: audit.append(connection, actor, "discard-empty", record, at)
    )
