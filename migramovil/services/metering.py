"""What the link costs: bytes counted by us, a day's budget, images that wait for a better link.

The supervisor's rules stand in station.toml, [link]. Whether the link of the moment is paid by the
byte is the system's word or the officer's switch: the costlier of the two counts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from migramovil.services.clock import LIMA
from migramovil.settings import Link
from migramovil.sync.ports import Memory

_HEADERS = 1.06  # TCP and IP around what passes through a socket
_WRITE_EVERY = 256 * 1024


class Metering:
    """Safe from any thread; `clock` answers an aware datetime, days are Lima's."""

    def __init__(self, rules: Link, memory: Memory, clock: Callable[[], datetime]) -> None:
        self._rules = rules
        self._memory = memory
        self._clock = clock
        self._lock = threading.Lock()
        self._day, self._bytes = self._remembered()
        self._unwritten = 0
        self._system_says = False
        self.switched = rules.metered

    def system_says(self, metered: bool) -> None:
        """What the operating system believes of the link."""
        self._system_says = metered

    @property
    def metered(self) -> bool:
        return self.switched or self._system_says

    @property
    def spent_today(self) -> int:
        """Bytes over the wire since midnight, both ways."""
        with self._lock:
            self._turn_the_day()
            return self._bytes

    # --- the wire asks ---------------------------------------------------------------------
    def spent(self, size: int) -> None:
        with self._lock:
            self._turn_the_day()
            grown = int(size * _HEADERS)
            self._bytes += grown
            self._unwritten += grown
            if self._unwritten >= _WRITE_EVERY:
                self._write()

    def may_spend(self) -> bool:
        """Whether today's budget has anything left; a link that costs nothing has no budget."""
        limit = self._rules.daily_mb * 1_000_000
        return not (self.metered and limit) or self.spent_today < limit

    def may_send_images(self) -> bool:
        return not (self.metered and self._rules.hold_images)

    # --- steps ---------------------------------------------------------------------------------
    def _turn_the_day(self) -> None:
        today = self._clock().astimezone(LIMA).date().isoformat()
        if today != self._day:
            self._day, self._bytes = today, 0
            self._write()

    def _write(self) -> None:
        self._unwritten = 0
        self._memory.write(f"{self._day} {self._bytes}")

    def _remembered(self) -> tuple[str, int]:
        day, _, size = (self._memory.read() or "").partition(" ")
        return day, int(size) if size.isdecimal() else 0
