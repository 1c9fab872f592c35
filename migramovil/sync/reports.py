"""Brings reports for support, last of all: after records, letters, receipts and downloads.

It fails nobody and holds nothing up: what is called while one is under way goes first, and the
report goes again later, from its beginning.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from migramovil.core.record import Signed
from migramovil.core.trouble import Trouble
from migramovil.sync.ports import (
    BudgetSpent,
    HeadquartersBusy,
    Interrupted,
    NoLink,
    NotHeadquarters,
)

log = logging.getLogger(__name__)

AGAIN_S = 60.0
REFUSED_S = 3600.0
_LINK = (NoLink, NotHeadquarters, HeadquartersBusy, BudgetSpent)


class Road(Protocol):
    """Headquarters, as far as this asks it (HttpsHeadquarters)."""

    def report(self, data: bytes, tick: Callable[[], object]) -> Signed:
        """Bring one report; headquarters' answer, not checked yet. `tick` may raise."""
        ...


class Shelf(Protocol):
    """Reports that wait (services.supporting)."""

    def waiting(self) -> Sequence[bytes]:
        """Oldest first."""
        ...

    def answered(self, data: bytes, answer: Signed) -> None:
        """Headquarters says that it keeps this one, so it goes from here; BadReport if not."""
        ...


class Reporter:
    """One round at a time, on the engine's thread. After a link that broke it rests for `AGAIN_S`;
    a report that is refused lets the others pass, and is offered again after `REFUSED_S`."""

    def __init__(
        self, shelf: Shelf, road: Road, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._shelf = shelf
        self._road = road
        self._now = now
        self._next = float("-inf")

    def turn(self, called: Callable[[], bool]) -> None:
        """Bring what waits while nobody is `called` to something else; raises nothing."""
        if self._now() < self._next:
            return
        try:
            for data in self._shelf.waiting():
                self._bring(data, called)
        except Interrupted:
            log.info("a report waits: something else goes first")
        except Trouble as trouble:
            self._rest(AGAIN_S)
            log.warning("a report waits: %s", trouble.code)
        except Exception as bug:  # noqa: BLE001 - it must not end the sending of records
            self._rest(REFUSED_S)
            log.error("reports stopped by %s", type(bug).__name__)  # the text might hold anything

    def _bring(self, data: bytes, called: Callable[[], bool]) -> None:
        def tick() -> None:
            if called():
                raise Interrupted

        tick()
        try:
            self._shelf.answered(data, self._road.report(data, tick))
        except _LINK:
            raise
        except Trouble as trouble:
            self._rest(REFUSED_S)
            log.warning("a report was not taken: %s", trouble.code)

    def _rest(self, seconds: float) -> None:
        self._next = self._now() + seconds
