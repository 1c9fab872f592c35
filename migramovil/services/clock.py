"""The station's time: for display in Lima, for records with its doubt. It never orders anything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from migramovil.core.record import Stamp

LIMA = ZoneInfo("America/Lima")


class StationClock:
    """The laptop's clock, corrected by what headquarters last signed.

    `offset` is headquarters' time minus ours; `doubt_s` what that is worth (None: unbounded).
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._offset = timedelta()
        self._doubt_s: int | None = None

    def correct(self, headquarters: datetime, *, doubt_s: int) -> None:
        """Take headquarters' signed time, known to `doubt_s` seconds."""
        self._offset = headquarters - self._now()
        self._doubt_s = doubt_s

    def utc(self) -> datetime:
        return self._now() + self._offset

    def now(self) -> Stamp:
        return Stamp(utc=self.utc().strftime("%Y-%m-%dT%H:%M:%SZ"), uncertainty_s=self._doubt_s)

    def local(self) -> datetime:
        return self.utc().astimezone(LIMA)

    def today(self) -> date:
        return self.local().date()
