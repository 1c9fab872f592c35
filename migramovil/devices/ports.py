"""What a device is and what each kind must be able to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event
from typing import Protocol

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


class DeviceKind(StrEnum):
    CAMERA = "camera"
    FINGERPRINT = "fingerprint"
    PRINTER = "printer"
    MRZ = "mrz"


class DeviceState(StrEnum):
    ABSENT = "absent"
    READY = "ready"
    BUSY = "busy"
    FAULTED = "faulted"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """Who a device is. `simulated` decides the realm: one such device makes a training station."""

    kind: DeviceKind
    driver: str
    model: str
    serial: str = ""
    path: str = ""
    simulated: bool = False
    capabilities: dict[str, str | int | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerImage:
    """One plain impression: uint8 (height, width), dark ridges on bright ground, square pixels."""

    pixels: Pixels
    ppi: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One camera picture: uint8 (height, width, 3), blue-green-red."""

    pixels: Pixels
    number: int


class PaperStatus(StrEnum):
    OK = "ok"
    LOW = "low"
    OUT = "out"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlipLine:
    """One line of a slip. `qr` prints its text as a QR code instead."""

    text: str
    size: int = 1  # 1 normal, 2 double
    bold: bool = False
    centre: bool = False
    right: str = ""  # printed at the right edge of the same line
    qr: bool = False
    rule: bool = False


class Device(Protocol):
    """Every method blocks, and is only ever called on the device's own lane."""

    @property
    def info(self) -> DeviceInfo: ...
    def open(self) -> None: ...
    def close(self) -> None: ...


class Camera(Device, Protocol):
    def read(self, *, timeout_s: float, cancelled: Event) -> Frame:
        """The next frame, never an old one from a queue."""
        ...


class FingerprintReader(Device, Protocol):
    def capture(self, *, timeout_s: float, cancelled: Event) -> FingerImage:
        """Wait for a finger, take one impression, wait until it is lifted (at most 2 s more)."""
        ...


class Printer(Device, Protocol):
    def status(self) -> PaperStatus: ...
    def print_slip(self, lines: Iterable[SlipLine]) -> None: ...


class MrzReader(Device, Protocol):
    def read_lines(self, *, timeout_s: float, cancelled: Event) -> tuple[str, ...]:
        """Two or three MRZ lines of one document, as the reader sent them, without line ends."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverSpec:
    """One line of the registry: how to find devices of a driver, and how to make one.

    `find` never raises: a missing library gives `installed() == False`, no device an empty list.
    Drivers that share a `lane` share a thread.
    """

    name: str
    kind: DeviceKind
    lane: str
    installed: Callable[[], bool]
    find: Callable[[], list[DeviceInfo]]
    make: Callable[[DeviceInfo], Device]
