"""A satellite receiver on a pseudo-terminal: the real driver opens it like any serial port."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from migramovil.devices.gnss.nmea_frames import EPOCH, sentence

if sys.platform != "win32":
    import pty
    import termios
    import tty

Spot = tuple[float, float]
"""Latitude and longitude, degrees."""

BRENA: Spot = (-12.0597, -77.0501)
DESAGUADERO: Spot = (-16.5653, -69.0421)


class GnssPty:
    """The receiver, speaking every `pace_s` seconds.

    Faults: `fix` off sees no satellites; `bad_sum` and `garbage` spoil what is sent; `hangs` keeps
    the line and is silent; `off_by` tells a wrong time; `epochs_lost` is a week number that rolled
    over; `baud` is the speed it really speaks at, at any other its words are noise. `drive` takes
    the vehicle along a track. `unplug` is for good: a new plug is a new object, as a new port.
    """

    def __init__(
        self,
        at: Spot = BRENA,
        *,
        pace_s: float = 1.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.fix = True
        self.bad_sum = self.garbage = self.hangs = False
        self.off_by = timedelta()
        self.epochs_lost = 0
        self.baud: int | None = None
        self._track: list[Spot] = [at]
        self._pace_s = pace_s
        self._now = now
        self._near, self._far = pty.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        self.port = os.ttyname(self._far)
        self._changed = threading.Condition()
        self._plugged = True
        self._thread = threading.Thread(target=self._speak_on, name="gnss-pty", daemon=True)
        self._thread.start()

    def drive(self, track: Sequence[Spot]) -> None:
        """Go along a track, one spot each time it speaks, and stay at its end."""
        with self._changed:
            self._track = list(track)

    @property
    def plugged(self) -> bool:
        return self._plugged

    def unplug(self) -> None:
        with self._changed:
            if not self._plugged:
                return
            self._plugged = False
            self._changed.notify_all()
        self._thread.join()
        os.close(self._near)
        os.close(self._far)

    def close(self) -> None:
        self.unplug()

    def _speak_on(self) -> None:
        with self._changed:
            while self._plugged:
                if not self.hangs:
                    with contextlib.suppress(BlockingIOError):  # nobody listens, the line is full
                        os.write(self._near, self._words())
                self._changed.wait(self._pace_s)

    def _words(self) -> bytes:
        at = self._track.pop(0) if len(self._track) > 1 else self._track[0]
        said = moment_told(at, self._now() + self.off_by - EPOCH * self.epochs_lost, fix=self.fix)
        if self.bad_sum:
            said = said.replace(b"*", b"0*")
        if self.garbage or (self.baud is not None and self.baud != self._speed()):
            said = bytes(byte ^ 0xA5 for byte in said)
        return said

    def _speed(self) -> int:
        code = termios.tcgetattr(self._far)[5]
        names = {getattr(termios, f"B{baud}"): baud for baud in (4800, 9600, 38400, 115200)}
        return names.get(code, 0)


def moment_told(at: Spot, utc: datetime, *, fix: bool = True) -> bytes:
    """What a receiver says of one second: GGA, GSA, RMC."""
    clock, day = utc.strftime("%H%M%S.00"), utc.strftime("%d%m%y")
    place = (*_angle(at[0], "NS", 2), *_angle(at[1], "EW", 3)) if fix else ("", "", "", "")
    quality, seen, height = ("1", "09", "3827.0") if fix else ("0", "00", "")
    dilution = "0.9" if fix else "99.99"
    mode = "3" if fix else "1"
    trust = ("A", "A") if fix else ("V", "N")
    return b"".join(
        [
            sentence("GN", "GGA", clock, *place, quality, seen, dilution, height, "M", *[""] * 3),
            sentence("GN", "GSA", "A", mode, *[""] * 12, "1.6", dilution, "1.3"),
            sentence("GN", "RMC", clock, trust[0], *place, "0.0", "", day, "", "", trust[1]),
        ]
    )


def _angle(degrees: float, sides: str, wide: int) -> tuple[str, str]:
    whole, part = divmod(round(abs(degrees) * 60, 5), 60)
    side = sides[1] if math.copysign(1, degrees) < 0 else sides[0]
    return f"{int(whole):0{wide}d}{part:08.5f}", side
