"""When the line will be empty: from what headquarters was seen to take in, and nothing else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from migramovil.services.clock import steady
from migramovil.sync.machine import Status

WINDOW_S = 300.0
LEAST_S = 20.0
"""So long it must have been watched before anything is said."""
STILL_S = 30.0
"""Without news for so long, nothing moves."""
_APART_S = 2.0


class Forecast:
    """Breaks of the link count as time, for they will come again; time with an empty line does
    not. `clock` answers seconds nobody can set."""

    def __init__(self, clock: Callable[[], float] = steady) -> None:
        self._clock = clock
        self._arrived = 0
        self._record, self._reached = "", 0
        self._seen: deque[tuple[float, int]] = deque()
        self._moved = float("-inf")

    def heard(self, status: Status) -> None:
        """The engine's word, in the order it was said."""
        if not status.waiting or status.kind == "halted":
            self._seen.clear()
            self._record = ""
        elif status.kind == "sending" and status.size:
            self._count(status)
        elif status.kind == "offline":
            self._moved = float("-inf")

    def rate(self) -> float | None:
        """Bytes per second headquarters took in of late, breaks included; None while unknown."""
        if not self._seen:
            return None
        now = self._clock()
        while len(self._seen) > 1 and now - self._seen[1][0] >= WINDOW_S:
            self._seen.popleft()
        since, had = self._seen[0]
        grown, took = self._arrived - had, min(now - since, WINDOW_S)
        return grown / took if grown and took >= LEAST_S else None

    def seconds(self, left: int) -> float | None:
        """Until `left` bytes are there at this rate; None while nothing moves or nobody knows."""
        rate = self.rate() if self._clock() - self._moved < STILL_S else None
        return left / rate if rate else None

    def _count(self, status: Status) -> None:
        """What is new at headquarters; what an earlier life of the program brought of the first
        record is not."""
        if status.record != self._record:
            self._reached = 0 if self._record else status.sent_bytes
            self._record = status.record
        self._arrived += max(0, status.sent_bytes - self._reached)
        self._reached = max(self._reached, status.sent_bytes)
        self._moved = self._clock()
        if not self._seen or self._moved - self._seen[-1][0] >= _APART_S:
            self._seen.append((self._moved, self._arrived))
