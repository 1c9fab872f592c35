"""The line of sealed records as the wire sees it: what waits, in what order, how many."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A sealed packet that headquarters has not finished with: nothing personal.

    `digest` is the SHA-256 (hex) of the whole packet, `size` its bytes, `sealed_utc` ISO 8601.
    """

    record: str
    station: str
    epoch: int
    seq: int
    folio: str
    digest: str
    size: int
    sealed_utc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many records rest in each state."""

    sealed: int
    stored: int
    opened: int
    refused: int
