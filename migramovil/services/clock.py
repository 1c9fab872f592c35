"""The station's time: for display in Lima, for records with its doubt. It never orders anything.

Laptops' clocks lie. What headquarters signed is carried on by a clock nobody can set (the time
since the machine started); the laptop's own is believed only while nothing better is known, and
then without a bound, unless the satellites bear it out. docs/decisions/0011, 0015.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from migramovil.core import canonical
from migramovil.core.record import Stamp
from migramovil.core.trouble import Trouble

LIMA = ZoneInfo("America/Lima")
DRIFT = 50e-6
"""A quartz clock's worst, as a part of the time it ran (50 ppm: 4 s a day)."""
LEAST_DOUBT_S = 2
SLACK = timedelta(minutes=5)
"""A difference that is not worth a word."""
AGREES = timedelta(days=1)
"""How long after headquarters' last word a machine started since may still be believed a little."""
AHEAD = timedelta(days=366)
SATELLITES_DOUBT_S = 30
"""A receiver just switched on may not know the leap seconds yet (18), and speaks a second late."""


class Memory(Protocol):
    """Where headquarters' last word outlives the process."""

    def read(self) -> str | None: ...

    def write(self, words: str) -> None: ...


class _Forgets:
    def read(self) -> str | None:
        return None

    def write(self, words: str) -> None:
        del words


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTime:
    """Headquarters' word: its UTC, its doubt (s), where the steady clock of `boot` stood (ms)."""

    utc: str
    doubt_s: int
    boot: str
    steady_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """The laptop's clock against what is known: later than it (`ahead`) or earlier.

    `trusted`: the station goes by headquarters' time meanwhile; else `by` is only a lower bound,
    how far past the last known time the clock claims to be, or how far from the satellites'.
    """

    by: timedelta
    ahead: bool
    trusted: bool


def steady() -> float:
    """Seconds that only ever grow, asleep or not, and that nobody can set."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def boot() -> str:
    """Which start of the machine this is; "" where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Witness:
    """What satellites said, and where the steady clock stood then (s)."""

    utc: datetime
    steady_s: float


class StationClock:
    """`now` is the laptop's clock, `steady` the one since its start (`boot`), `sealed` the UTC of
    the record sealed last ("" for none); each is asked anew."""

    def __init__(
        self,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        steady: Callable[[], float] = steady,
        boot: str = "",
        memory: Memory | None = None,
        sealed: Callable[[], str] = lambda: "",
    ) -> None:
        self._now = now
        self._steady = steady
        self._boot = boot
        self._memory: Memory = memory or _Forgets()
        self._sealed = sealed
        self._signed = self._remembered()
        self._live = self._signed is not None and self._signed.boot == boot != ""
        self._witness: _Witness | None = None  # never kept: it would speak for another day

    def correct(self, headquarters: datetime, *, doubt_s: int = 0) -> None:
        """Take headquarters' signed time, known to `doubt_s` seconds. Safe from any thread."""
        self._signed = SignedTime(
            utc=_words(headquarters.astimezone(UTC)),
            doubt_s=doubt_s,
            boot=self._boot,
            steady_ms=int(self._steady() * 1000),
        )
        self._live = True
        with contextlib.suppress(Trouble):  # a full disk must not stop the line to headquarters
            self._memory.write(canonical.encode(self._signed).decode())

    def bear_out(self, satellites: datetime) -> None:
        """Take what a receiver says the UTC is. Safe from any thread.

        Anybody with a transmitter can say it, so it sets no time and lets nothing end: it only
        bounds the laptop's clock while headquarters has not spoken since the machine started.
        """
        self._witness = _Witness(utc=satellites.astimezone(UTC), steady_s=self._steady())

    # ---- what time it is -----------------------------------------------------------------
    def utc(self) -> datetime:
        signed = self._signed
        if signed is None or not self._live:
            return self._now().astimezone(UTC)
        return _moment(signed.utc) + timedelta(seconds=self._since(signed))

    def now(self) -> Stamp:
        return Stamp(utc=_words(self.utc()), uncertainty_s=self.doubt_s())

    def doubt_s(self) -> int | None:
        """How wrong `utc` may be, in seconds; None where nothing bounds it."""
        bounds = [self._signed_doubt_s(), None if self._live else self._witnessed_doubt_s()]
        return min((bound for bound in bounds if bound is not None), default=None)

    def _signed_doubt_s(self) -> int | None:
        """The doubt by headquarters' word alone."""
        signed = self._signed
        if signed is None:
            return None
        if self._live:
            ran = self._since(signed)
            return signed.doubt_s + LEAST_DOUBT_S + math.ceil(ran * DRIFT)
        # Another start of the machine: the laptop's clock and headquarters' last word must tell
        # one story, and then every second since may be wrong.
        passed = self._now() - max(_moment(signed.utc), self._last_sealed())
        if not timedelta() <= passed <= AGREES:
            return None
        whole = self._now() - _moment(signed.utc)
        return signed.doubt_s + LEAST_DOUBT_S + math.ceil(whole.total_seconds())

    def _witnessed_doubt_s(self) -> int | None:
        """The doubt by the satellites' word: two clocks that differ by a day bound nothing."""
        told = self._witnessed()
        if told is None:
            return None
        off = abs(self._now() - told)
        return SATELLITES_DOUBT_S + math.ceil(off.total_seconds()) if off <= AGREES else None

    def _witnessed(self) -> datetime | None:
        """The present by the satellites. None without them, and when they tell a time before
        headquarters' last word: that is a lie or a broken receiver."""
        told, signed = self._satellites(), self._signed
        if told is None or signed is None:
            return told
        slack = timedelta(seconds=SATELLITES_DOUBT_S + signed.doubt_s + LEAST_DOUBT_S)
        return None if told + slack < _moment(signed.utc) else told

    def _satellites(self) -> datetime | None:
        witness = self._witness
        if witness is None:
            return None
        return witness.utc + timedelta(seconds=self._steady() - witness.steady_s)

    def earliest(self) -> datetime | None:
        """The earliest the present can be, whatever the laptop's clock or the sky says; None while
        headquarters never told the time. What must not end too soon goes by this."""
        signed = self._signed
        if signed is None:
            return None
        doubt = self._signed_doubt_s()
        if doubt is None:
            return _moment(signed.utc) - timedelta(seconds=signed.doubt_s)
        return self.utc() - timedelta(seconds=doubt)

    def satellites_off(self) -> timedelta | None:
        """How far the satellites' time is from the station's, when that is more than both doubts
        and worth a word: then a receiver is broken, or somebody is transmitting."""
        told, doubt = self._satellites(), self._signed_doubt_s()
        if told is None or doubt is None or not self._live:
            return None
        off = abs(told - self.utc())
        return off if off > max(SLACK, timedelta(seconds=doubt + SATELLITES_DOUBT_S)) else None

    def running(self) -> float:
        """Seconds on the clock that nobody can set; only differences mean something."""
        return self._steady()

    def local(self) -> datetime:
        return self.utc().astimezone(LIMA)

    def today(self) -> date:
        return self.local().date()

    # ---- what is wrong with the laptop's clock -------------------------------------------
    def skew(self) -> Skew | None:
        """How the laptop's clock contradicts what is known; None while it does not."""
        if self._live:
            off = self._now() - self.utc()
            return None if abs(off) <= SLACK else _skew(off, trusted=True)
        floor = self._last_sealed()
        if self._signed is not None:
            floor = max(floor, _moment(self._signed.utc))
        off = self._now() - floor
        if off < -SLACK or (off > AHEAD and floor > _NEVER):
            return _skew(off, trusted=False)
        told = self._witnessed()
        if told is not None and abs(self._now() - told) > SLACK:
            return _skew(self._now() - told, trusted=False)
        return None

    def _last_sealed(self) -> datetime:
        said = ""
        with contextlib.suppress(Trouble):  # the time is told whatever the disk says
            said = self._sealed()
        return _moment(said) if said else _NEVER

    def _since(self, signed: SignedTime) -> float:
        return max(0.0, self._steady() - signed.steady_ms / 1000)

    def _remembered(self) -> SignedTime | None:
        said = self._memory.read()
        if said is None:
            return None
        try:
            found = canonical.decode(said.encode(), SignedTime)
            _moment(found.utc)
        except (Trouble, ValueError):
            return None
        return found


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def _skew(off: timedelta, *, trusted: bool) -> Skew:
    return Skew(by=abs(off), ahead=off > timedelta(), trusted=trusted)


def _moment(utc: str) -> datetime:
    return datetime.fromisoformat(utc).astimezone(UTC)


def _words(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
