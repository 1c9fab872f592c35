"""Letters that wait for headquarters in the outbox, and what it answered.

A letter is bytes (core.letters). It stays with its answer: writing it again changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, literal_column, select, update
from sqlalchemy.dialects.sqlite import insert

from migramovil.store.outbox import Outbox
from migramovil.store.tables import letters


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One signed letter (canonical bytes); `answer` is None until headquarters gave it."""

    id: str
    kind: str
    body: bytes
    utc: str
    answer: bytes | None


def put(outbox: Outbox, id: str, kind: str, body: bytes, utc: str) -> None:
    """Keep a letter, durable when this returns; one with this id already stays as it is."""
    added = insert(letters).values(id=id, kind=kind, body=body, utc=utc)
    with outbox.database.write() as connection:
        connection.execute(added.on_conflict_do_nothing(index_elements=["id"]))
    outbox.changed()


def unanswered(outbox: Outbox) -> list[Letter]:
    """What headquarters has not answered, oldest first."""
    return _read(outbox, _every().where(letters.c.answer.is_(None)))


def newest(outbox: Outbox, kind: str) -> Letter | None:
    """The last letter of this kind that was written, answered or not."""
    last = _every().order_by(None).order_by(literal_column("letters.rowid").desc()).limit(1)
    return next(iter(_read(outbox, last.where(letters.c.kind == kind))), None)


def answered(outbox: Outbox, kind: str) -> list[Letter]:
    """Letters of this kind that headquarters answered, oldest first."""
    chosen = letters.c.answer.is_not(None) & (letters.c.kind == kind)
    return _read(outbox, _every().where(chosen))


def answer(outbox: Outbox, id: str, answer: bytes) -> None:
    """Keep headquarters' checked answer; the first one stays."""
    unsaid = (letters.c.id == id) & letters.c.answer.is_(None)
    with outbox.database.write() as connection:
        connection.execute(update(letters).where(unsaid).values(answer=answer))


class Post:
    """The letters of one outbox, as the wire asks for them."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def unanswered(self) -> list[Letter]:
        return unanswered(self._outbox)

    def answer(self, letter: str, answer: bytes) -> None:
        _answer(self._outbox, letter, answer)


def _every() -> Select[Any]:
    c = letters.c
    # By order of arrival: the clock never orders anything.
    return select(c.id, c.kind, c.body, c.utc, c.answer).order_by(literal_column("letters.rowid"))


def _read(outbox: Outbox, query: Select[Any]) -> list[Letter]:
    with outbox.database.read() as connection:
        return [Letter(**row) for row in connection.execute(query).mappings()]


_answer = answer  # its own name is a parameter's in Post
