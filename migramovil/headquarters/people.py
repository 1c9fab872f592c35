"""Headquarters' books about people: stations' letters, accounts, operators, releases."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import sqlalchemy as sa

from migramovil.headquarters.store import METADATA, Store

LETTERS = sa.Table(
    "letters",
    METADATA,
    sa.Column("station", sa.Text, sa.ForeignKey("stations.station"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("received", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
)
# An account as its registrar last signed it (none when it came only to be revoked).
PEOPLE = sa.Table(
    "people",
    METADATA,
    sa.Column("station", sa.Text, sa.ForeignKey("stations.station"), primary_key=True),
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("body", sa.Text),
    sa.Column("revoked", sa.Text),
)
OPERATORS = sa.Table(
    "operators",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("public", sa.Text, nullable=False, unique=True),
    sa.Column("salt", sa.Text, nullable=False),
    sa.Column("memory_kib", sa.Integer, nullable=False),
    sa.Column("wrapped", sa.Text, nullable=False),
    sa.Column("added", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False, server_default=""),
    sa.Column("approvals", sa.Text, nullable=False, server_default=""),
)
# Each recovery that two operators allowed: by a spare's number, or by a file's reference.
RELEASES = sa.Table(
    "releases",
    METADATA,
    sa.Column("station", sa.Text, sa.ForeignKey("stations.station"), primary_key=True),
    sa.Column("reference", sa.Text, primary_key=True),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("utc", sa.Text, nullable=False),
    sa.Column("operators", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("approvals", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLetter:
    """A letter as it came, and the answer (canonical Signed) every repetition gets."""

    station: str
    id: str
    kind: str
    body: bytes
    received: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who may allow a recovery or a restore; their passphrase wraps the private key.

    `body` is what two operators before signed (`approvals`, canonical) to let this one in; both ""
    of the first two.
    """

    name: str
    public: str
    salt: str
    memory_kib: int
    wrapped: str
    added: str
    body: str = ""
    approvals: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A recovery, or with no username a restore, that two operators (names, by comma) signed:
    `body`, `approvals` canonical."""

    station: str
    reference: str
    username: str
    utc: str
    operators: str
    body: str
    approvals: str


# --- letters ---------------------------------------------------------------------------------
def letter(store: Store, station: str, id: str) -> KeptLetter | None:
    query = sa.select(LETTERS).where(LETTERS.c.station == station, LETTERS.c.id == id)
    with store.engine.begin() as connection:
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else KeptLetter(**row)


def letters_of(store: Store, station: str, kind: str) -> list[KeptLetter]:
    """A station's letters of one kind, oldest first."""
    chosen = (LETTERS.c.station == station) & (LETTERS.c.kind == kind)
    query = sa.select(LETTERS).where(chosen).order_by(sa.literal_column("letters.rowid"))
    with store.engine.begin() as connection:
        return [KeptLetter(**row) for row in connection.execute(query).mappings()]


def keep_letter(
    store: Store, kept: KeptLetter, *, account: str = "", body: str = "", revoked: str = ""
) -> KeptLetter:
    """Keep a letter, and what it says of an account, together; one kept already stays."""
    named = (PEOPLE.c.station == kept.station) & (PEOPLE.c.account == account)
    with store.engine.begin() as connection:
        there = sa.select(LETTERS).where(LETTERS.c.station == kept.station, LETTERS.c.id == kept.id)
        row = connection.execute(there).mappings().one_or_none()
        if row is not None:
            return KeptLetter(**row)
        connection.execute(sa.insert(LETTERS).values(**asdict(kept)))
        if account and connection.execute(sa.select(PEOPLE).where(named)).first() is None:
            connection.execute(sa.insert(PEOPLE).values(station=kept.station, account=account))
        if body:
            connection.execute(sa.update(PEOPLE).where(named).values(body=body))
        if revoked:
            connection.execute(sa.update(PEOPLE).where(named).values(revoked=revoked))
    return kept


def is_revoked(store: Store, station: str, account: str) -> bool:
    query = sa.select(PEOPLE.c.revoked).where(
        PEOPLE.c.station == station, PEOPLE.c.account == account
    )
    with store.engine.begin() as connection:
        return connection.execute(query).scalar() is not None


# --- operators and what they allow ---------------------------------------------------------------
def operators(store: Store) -> list[Operator]:
    """In the order they were added; whether others let them in is not looked at here."""
    added: sa.ColumnElement[int] = sa.literal_column("operators.rowid")
    with store.read() as connection:
        rows = connection.execute(sa.select(OPERATORS).order_by(added)).mappings()
        return [Operator(**row) for row in rows]


def add_operator(store: Store, one: Operator) -> None:
    """In place of whoever has that name."""
    with store.write() as connection:
        connection.execute(sa.delete(OPERATORS).where(OPERATORS.c.name == one.name))
        connection.execute(sa.insert(OPERATORS).values(**asdict(one)))


def release(store: Store, station: str, reference: str) -> Release | None:
    query = sa.select(RELEASES).where(
        RELEASES.c.station == station, RELEASES.c.reference == reference
    )
    with store.engine.begin() as connection:
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else Release(**row)


def releases(store: Store) -> list[Release]:
    query = sa.select(RELEASES).order_by(sa.literal_column("releases.rowid"))
    with store.engine.begin() as connection:
        return [Release(**row) for row in connection.execute(query).mappings()]


def keep_release(store: Store, one: Release) -> bool:
    """Write a release down; False when this reference of this station was released before."""
    there = sa.select(RELEASES).where(
        RELEASES.c.station == one.station, RELEASES.c.reference == one.reference
    )
    with store.engine.begin() as connection:
        if connection.execute(there).first() is not None:
            return False
        connection.execute(sa.insert(RELEASES).values(**asdict(one)))
    return True
