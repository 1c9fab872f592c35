"""What a station holds, told to headquarters by letter: should it be lost, somebody must know."""

from __future__ import annotations

from dataclasses import dataclass

from migramovil.core import canonical

KIND = "holdings"
"""The letter's kind; its content is clear, for it tells of nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCompartment:
    """What stays readable after a finish, for one jornada: why, until when, how many things."""

    jornada: str
    purpose: str
    ends: str
    things: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """Counts as of writing. `finished` is the last number given in this epoch; `waiting` is what
    headquarters has not said it stored; `oldest_draft` is when the draft longest untouched was
    last touched, "" without drafts."""

    format: str = "migramovil/holdings/1"
    epoch: int
    finished: int
    waiting: int
    drafts: int
    oldest_draft: str
    compartments: tuple[HeldCompartment, ...]


def read(clear: bytes) -> Holdings:
    """NotCanonical unless these are holdings."""
    return canonical.decode(clear, Holdings)
