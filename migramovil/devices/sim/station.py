"""A training station's devices, all played, and the person on its chair.

The played devices stand on the far side of the real drivers: on a USB bus in the process, on two
ports of the loopback, on a pseudo-terminal.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from migramovil.devices.apart import ApartDriver
from migramovil.devices.camera import opencv
from migramovil.devices.fingerprint import uru4000
from migramovil.devices.mrz import serial_reader
from migramovil.devices.ports import Device, DeviceInfo, DeviceKind, DriverSpec, Pixels
from migramovil.devices.printer import escpos
from migramovil.devices.sim import faces
from migramovil.devices.sim.camera_film import CameraFilm
from migramovil.devices.sim.mrz_pty import MrzPty
from migramovil.devices.sim.thermal_printer import ThermalPrinter
from migramovil.devices.sim.usb_reader import SimulatedUsbReader

_RIGHT_INDEX = 2  # ISO/IEC 19794 position
_GLASS = (290, 384)
_ROUNDS = 5  # of nine frames, at 15 a second


class Sitter(Protocol):
    """Who can sit on the chair."""

    @property
    def mrz_lines(self) -> tuple[str, ...]: ...

    def camera_frames(self) -> Sequence[Pixels]:
        """Pictures, uint8 (1080, 1920, 3), blue-green-red, that may run round and round."""
        ...

    def impression(self, position: int, take: int) -> Pixels:
        """Finger `position` (1..10) for the `take`-th time, uint8 (290, 384), dark on bright."""
        ...


class SimulatedStation:
    """Camera, fingerprint reader, printer and MRZ reader, and those who come one after another.

    `pace_s` is how long a finger takes to be laid on the glass and to leave it; 0 in tests.
    `film`, `reader`, `printer` and `mrz` are the played devices, with their faults.
    """

    def __init__(
        self,
        population: Iterable[Sitter] = (),
        *,
        pace_s: float = 0.3,
        fps: float = 15.0,
        on_slip: Callable[[Image.Image], object] = lambda _: None,
        save_slips_to: Path | None = None,
    ) -> None:
        self._coming = iter(population)
        self._seated: Sitter | None = None
        self._position = _RIGHT_INDEX
        self._takes: Counter[int] = Counter()
        self._pace_s = pace_s
        self.film = CameraFilm(fps=fps)
        self.reader = SimulatedUsbReader(self._next_impression, pace_s=pace_s)
        self.printer = ThermalPrinter(
            on_slip=on_slip, save_to=save_slips_to, seconds_per_slip=2 * pace_s
        )
        self.reader.hand_near = False
        self._lens = ApartDriver(opencv.__name__)  # in a process of its own, as the real ones
        self.mrz = None if sys.platform == "win32" else MrzPty(pace_s=max(pace_s, 0.1))

    @property
    def seated(self) -> Sitter | None:
        return self._seated

    def sit(self, person: Sitter | None) -> None:
        """Put a person on the chair, a document of theirs on the reader; None empties both."""
        self._seated = person
        self._takes = Counter()
        self.reader.hand_near = person is not None
        self.film.show(() if person is None else _lively(person.camera_frames()))
        if self.mrz is not None:
            self.mrz.lay(() if person is None else person.mrz_lines)

    def next_person(self) -> Sitter | None:
        """The next of the population sits down; None when nobody is left."""
        person = next(self._coming, None)
        self.sit(person)
        return person

    def expected_finger(self, position: int) -> None:
        """Which finger the officer asks for; the person obeys. A real reader needs no telling."""
        self._position = position

    def close(self) -> None:
        self.film.close()
        self.printer.close()
        if self.mrz is not None:
            self.mrz.close()

    @property
    def specs(self) -> tuple[DriverSpec, ...]:
        """The real drivers, pointed at the played devices."""
        return (
            replace(
                _played("camera", DeviceKind.CAMERA, "camera", self._cameras, self._lens.make),
                let_go=self._lens.close,
            ),
            _played("uru4000", DeviceKind.FINGERPRINT, "usb", self._readers, self._make_reader),
            _played("escpos", DeviceKind.PRINTER, "printer", self._printers, self._make_printer),
            _played("mrz", DeviceKind.MRZ, "mrz", self._scanners, serial_reader.SerialMrzReader),
        )

    def _next_impression(self) -> Pixels:
        if self._seated is None:  # left while the finger was on its way: the glass is empty
            return np.full(_GLASS, 255, np.uint8)
        self._takes[self._position] += 1
        return self._seated.impression(self._position, self._takes[self._position])

    def _cameras(self) -> list[DeviceInfo]:
        return [opencv.network_camera(self.film.address)] if self.film.plugged else []

    def _readers(self) -> list[DeviceInfo]:
        return uru4000.find(self.reader)

    def _make_reader(self, info: DeviceInfo) -> Device:
        return uru4000.Uru4000Reader(info, backend=self.reader, patience_ms=200)

    def _printers(self) -> list[DeviceInfo]:
        return escpos.at_address(self.printer.address) if self.printer.plugged else []

    def _make_printer(self, info: DeviceInfo) -> Device:
        return escpos.EscPosPrinter(info, escpos.dial(info.path))

    def _scanners(self) -> list[DeviceInfo]:
        return [] if self.mrz is None else serial_reader.at_port(self.mrz.port)


def _lively(frames: Sequence[Pixels]) -> list[Pixels]:
    """A film in which eyes close once in three seconds, and not when it has just begun."""
    awake = [frame for number, frame in enumerate(frames) if number != faces.BLINK]
    return [*awake * _ROUNDS, *frames[faces.BLINK : faces.BLINK + 1]]


def _played(
    name: str,
    kind: DeviceKind,
    lane: str,
    find: Callable[[], list[DeviceInfo]],
    make: Callable[[DeviceInfo], Device],
) -> DriverSpec:
    """A driver whose devices say that they are played."""
    return DriverSpec(
        name=f"{name} (simulado)",
        kind=kind,
        lane=lane,
        installed=lambda: True,
        find=lambda: [
            replace(info, simulated=True, model=f"{info.model} (simulado)") for info in find()
        ],
        make=make,
    )
