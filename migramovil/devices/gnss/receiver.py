"""Satellite receivers that speak NMEA 0183 over a serial line, USB ones included."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

from serial.tools import list_ports

from migramovil.devices.gnss.nmea_frames import Fixes, NmeaAssembler
from migramovil.devices.pipes import SerialPipe
from migramovil.devices.ports import DeviceInfo, DeviceKind, Fix
from migramovil.devices.registry import Addresses
from migramovil.devices.trouble import Cancelled, NoFix, NotNmea, TimedOut, Unplugged

NAME = "gnss-nmea"
BAUDS = (9600, 4800, 38400, 115200)
"""What receivers are set to, the commonest first; USB ones take any."""
UBLOX = 0x1546
"""The one USB vendor whose serial ports are receivers and nothing else."""

_LOOK_S = 0.2
_LISTEN_S = 2.2  # a receiver speaks once a second


def installed() -> bool:
    return True


def find(addresses: Addresses) -> list[DeviceInfo]:
    """The receiver at the port that the settings name, else those that say over USB what they are.

    No port is opened to see what hangs on it: that could disturb a stranger.
    """
    named = addresses.gnss
    if named:
        there = named.upper().startswith("COM") or Path(named).exists()
        known = DeviceInfo(
            kind=DeviceKind.GNSS, driver=NAME, model="Receptor satelital", path=named
        )
        return [known] if there else []
    return [
        DeviceInfo(
            kind=DeviceKind.GNSS,
            driver=NAME,
            model=port.product or "Receptor u-blox",
            path=port.device,
            serial=port.serial_number or "",
            vendor=f"{port.vid:04x}",
            product=f"{port.pid:04x}",
            port=(port.location or "").partition(":")[0],
        )
        for port in list_ports.comports()
        if port.vid == UBLOX
    ]


def make(info: DeviceInfo, addresses: Addresses) -> NmeaReceiver:
    del addresses
    return NmeaReceiver(info)


class NmeaReceiver:
    """One receiver. `line` opens its pipe at a speed; the port in `info.path` when not given."""

    def __init__(
        self, info: DeviceInfo, *, line: Callable[[int], SerialPipe] | None = None
    ) -> None:
        self.info = info
        self._dial = line or (lambda baud: SerialPipe(info.path, baud=baud))
        self._pipe: SerialPipe | None = None
        self._speed = 0  # which of BAUDS

    def open(self) -> None:
        self._pipe = self._dial(BAUDS[self._speed])

    def close(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def read_fix(self, *, timeout_s: float, cancelled: Event) -> Fix:
        """The next fix after the call, at most two seconds old.

        GNS-01 when the receiver sees too few satellites, GNS-02 when what it sends is no NMEA at
        any speed, DEV-02 when it sends nothing.
        """
        if self._pipe is None:
            raise Unplugged
        self._pipe.discard()
        hearing = _Hearing()
        now = began = time.monotonic()
        while not cancelled.is_set():
            fix = hearing.take(self._pipe.read(timeout_s=_LOOK_S))
            if fix is not None:
                return fix
            now = time.monotonic()
            if now - began >= timeout_s:
                raise hearing.trouble()
            if hearing.gibberish and now - hearing.since >= _LISTEN_S:
                self._next_speed()
                hearing = _Hearing(gibberish=True)
        raise Cancelled

    def _next_speed(self) -> None:
        self.close()
        self._speed = (self._speed + 1) % len(BAUDS)
        self.open()


class _Hearing:
    """What has been heard at one speed."""

    def __init__(self, *, gibberish: bool = False) -> None:
        self.since = time.monotonic()
        self.gibberish = gibberish  # bytes have come, and no sentence
        self._spoke = False
        self._sentences = NmeaAssembler()
        self._fixes = Fixes()

    def take(self, data: bytes) -> Fix | None:
        said = self._sentences.feed(data)
        self._spoke = self._spoke or bool(said)
        self.gibberish = not self._spoke and (self.gibberish or bool(data))
        found = [fix for one in said if (fix := self._fixes.take(one)) is not None]
        return found[-1] if found else None

    def trouble(self) -> NoFix | NotNmea | TimedOut:
        if self._spoke:
            return NoFix()
        return NotNmea() if self.gibberish else TimedOut()
