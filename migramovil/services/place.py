"""Which station this is, as its header and its slips say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Place:
    """Filled in when the station is enrolled; one object, shared by all who show it."""

    name: str = "Estación"
    where: str = ""
    code: str = ""
    training: bool = False
    hint: str = ""  # who may enter, in training only
