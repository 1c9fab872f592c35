"""What a device is and what each kind must be able to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from threading import Event
from typing import Protocol

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
OnPreview = Callable[[Pixels], object]


class DeviceKind(StrEnum):
    CAMERA = "camera"
    FINGERPRINT = "fingerprint"
    PRINTER = "printer"
    MRZ = "mrz"
    GNSS = "gnss"


class DeviceRole(StrEnum):
    """What a device is there for. Cameras have several roles, every other kind has one."""

    PORTRAIT = "portrait"
    DOCUMENT = "document"
    APPLICANT = "applicant"
    FINGERS = "fingers"
    PRINTER = "printer"
    MRZ = "mrz"
    GNSS = "gnss"

    @property
    def kind(self) -> DeviceKind:
        return _KINDS.get(self) or DeviceKind(self.value)


_KINDS = {
    DeviceRole.PORTRAIT: DeviceKind.CAMERA,
    DeviceRole.DOCUMENT: DeviceKind.CAMERA,
    DeviceRole.APPLICANT: DeviceKind.CAMERA,
    DeviceRole.FINGERS: DeviceKind.FINGERPRINT,
}


class DeviceState(StrEnum):
    ABSENT = "absent"
    READY = "ready"
    BUSY = "busy"
    FAULTED = "faulted"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """Who a device is. `simulated` decides the realm: one such device makes a training station.

    `path` is where to reach it now. `vendor` and `product` are four hex digits, `port` is the way
    through the USB hubs ("1-1.4"), which stays the same when it is plugged in again; each is ""
    where nobody knows it. Capabilities by kind: docs/devices/README.md.
    """

    kind: DeviceKind
    driver: str
    model: str
    serial: str = ""
    path: str = ""
    simulated: bool = False
    vendor: str = ""
    product: str = ""
    port: str = ""
    capabilities: dict[str, str | int | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerImage:
    """One plain impression: uint8 (height, width), dark ridges on bright ground, square pixels."""

    pixels: Pixels
    ppi: int


class Slap(StrEnum):
    """Fingers that are laid on together."""

    LEFT_FOUR = "left four"
    RIGHT_FOUR = "right four"
    THUMBS = "thumbs"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlapFinger:
    """One finger of a slap, pixels as in `FingerImage`; the reader's own quality 0..100 if any.

    `position` is 1..10 as in ISO/IEC 19794, or 0: the whole slap, not segmented.
    """

    position: int
    pixels: Pixels
    ppi: int
    quality: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One camera picture: uint8 (height, width, 3), blue-green-red."""

    pixels: Pixels
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One setting of a camera as it stands, in the camera's own words or units.

    `automatic` is None where the camera has no automatic for it; `choices` is empty where any
    number goes.
    """

    name: str
    value: str
    automatic: bool | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a camera has delivered since it was opened.

    `dropped` counts the pictures that did not come when the rhythm of the others says they should
    have; `spoilt` those that came broken, of the ones somebody waited for.
    """

    pictures: int
    dropped: int
    spoilt: int
    fps: float


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """What is known of a slip: `job` names it to the printer ("" where it has no names).

    `confirmed`: the printer said that it finished; otherwise it was sent, and no more is known.
    """

    job: str
    confirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """Where the vehicle is: degrees (north and east positive), metres above the sea, UTC."""

    latitude: float
    longitude: float
    altitude_m: float
    utc: datetime
    accuracy_m: float | None
    satellites: int


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


class StillCamera(Camera, Protocol):
    """A camera whose capability `still` is True: its preview is small, or there is none."""

    def capture_still(self, *, timeout_s: float, cancelled: Event) -> Frame:
        """Release the shutter: one picture of full size, taken after the call."""
        ...


class AdjustableCamera(Camera, Protocol):
    """A camera that knows how it does, and has something in its capability `controls`."""

    def delivery(self) -> Delivery: ...

    def controls(self) -> tuple[Control, ...]: ...

    def set_control(self, name: str, value: str) -> Control:
        """Set one control, "" for automatic; how it stands afterwards. CAM-09 if it refuses."""
        ...


class FingerprintReader(Device, Protocol):
    def capture(
        self, *, timeout_s: float, cancelled: Event, on_preview: OnPreview | None = None
    ) -> FingerImage:
        """Wait for a finger, take one impression, wait until it is lifted (at most 2 s more).

        `on_preview` is called, on the lane, by readers whose capability `preview` is True.
        """
        ...


class SlapReader(FingerprintReader, Protocol):
    def capture_slap(
        self,
        slap: Slap,
        *,
        missing: frozenset[int],
        timeout_s: float,
        cancelled: Event,
        on_preview: OnPreview | None = None,
    ) -> tuple[SlapFinger, ...]:
        """One per finger that is there; `missing` holds the positions that are not.

        A reader with the capability `needs_segmentation` gives one, of position 0.
        """
        ...


class Printer(Device, Protocol):
    def status(self) -> PaperStatus: ...

    def print_slip(
        self, lines: Iterable[SlipLine], *, folio: str = "", cancelled: Event | None = None
    ) -> Printed:
        """Print one slip; `folio` is all that a spool may know of it."""
        ...


class MrzReader(Device, Protocol):
    def read_lines(self, *, timeout_s: float, cancelled: Event) -> tuple[str, ...]:
        """Two or three MRZ lines of one document, as the reader sent them, without line ends."""
        ...

    def read_code(self, *, timeout_s: float, cancelled: Event) -> str:
        """The text of the next bar code or QR; MRZ lines are none."""
        ...


class GnssReceiver(Device, Protocol):
    def read_fix(self, *, timeout_s: float, cancelled: Event) -> Fix:
        """The next fix after the call, never an old one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverSpec:
    """One line of the registry: how to find devices of a driver, and how to make one.

    `find` never raises: a missing library gives `installed() == False`, no device an empty list.
    Drivers that share a `lane` share a thread. `apart`: it runs in a process of its own, since its
    native code may crash or hang; `let_go` ends what was kept for the next use.
    """

    name: str
    kind: DeviceKind
    lane: str
    installed: Callable[[], bool]
    find: Callable[[], list[DeviceInfo]]
    make: Callable[[DeviceInfo], Device]
    apart: bool = False
    let_go: Callable[[], None] = lambda: None
