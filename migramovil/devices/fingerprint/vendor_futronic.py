"""Futronic FS80, FS88 and their kin, through the maker's own library, which the operator brings.

It shows how any vendor's library is driven (docs/devices/vendor.md). The library is loaded by its
path and believed in nothing: widths and pointers are declared, sizes are checked, and the registry
runs this module in a process of its own, since such libraries crash and hang. Source: the maker's
ftrScanAPI.h of 2015.
"""

from __future__ import annotations

import ctypes
import time
from ctypes import POINTER, c_int, c_uint8, c_uint16, c_uint32, c_void_p
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np

from migramovil.devices.ports import (
    DeviceInfo,
    DeviceKind,
    FingerImage,
    OnPreview,
    Pixels,
)
from migramovil.devices.trouble import (
    Cancelled,
    DeviceTrouble,
    FingerMoved,
    ImageUnreadable,
    NoFinger,
    NotAllowed,
    NotInstalled,
    ReaderFault,
    ReaderIncompatible,
    TimedOut,
    Unplugged,
)

if TYPE_CHECKING:
    from migramovil.devices.registry import Addresses

PPI = 500  # of every reader of the family, by the maker's data sheets; none was measured
_INTERFACES = 128
_CONNECTED = 0
_MAX_SIDE = 1600
_LOOK_S = 0.05
_LIFT_S = 2.0
_SLACK = 4096  # room after a picture, as builds differ in how much they write

# The maker's numbers for its models (byDeviceCompatibility); the FS88 is the one certified (PIV).
_MODELS = {
    4: "FS80",
    5: "FS88",
    11: "FS80",
    13: "FS80H",
    14: "FS88H",
    17: "FS80HS",
    19: "FS88HR",
}
_ENROLMENT = {5, 14, 19}

_EMPTY_FRAME, _MOVED, _NO_FRAME = 4306, 0x20000001, 0x20000002
_NOT_YET = {0, _EMPTY_FRAME, _MOVED}
_TROUBLES: dict[int, type[DeviceTrouble]] = {
    5: NotAllowed,  # Windows' and the library's word for "access denied"
    21: ReaderFault,
    259: Unplugged,  # no more devices
    1460: TimedOut,
    _EMPTY_FRAME: NoFinger,
    _MOVED: FingerMoved,
    _NO_FRAME: ImageUnreadable,
    0x20000004: ReaderIncompatible,
    0x20000005: ReaderIncompatible,
    0x20000011: Unplugged,  # libusb failed
    0x20000012: ReaderIncompatible,
}


class _ImageSize(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("width", c_int), ("height", c_int), ("size", c_int))


class _Kind(ctypes.Structure):
    _pack_ = 1
    _fields_ = (
        ("struct_size", c_uint32),
        ("compatibility", c_uint8),
        ("pixel_x", c_uint16),
        ("pixel_y", c_uint16),
    )


_Interfaces = c_int * _INTERFACES

# What each function gives and takes. FTR_DWORD is 32 bits on every system, and a handle is a
# pointer: undeclared, ctypes would take it for an int and cut it in half.
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "ftrScanGetInterfaces": (c_int, POINTER(_Interfaces)),
    "ftrScanOpenDeviceOnInterface": (c_void_p, c_int),
    "ftrScanCloseDevice": (None, c_void_p),
    "ftrScanGetDeviceInfo": (c_int, c_void_p, POINTER(_Kind)),
    "ftrScanGetImageSize": (c_int, c_void_p, POINTER(_ImageSize)),
    "ftrScanIsFingerPresent": (c_int, c_void_p, c_void_p),
    "ftrScanGetFrame": (c_int, c_void_p, c_void_p, c_void_p),
    "ftrScanSetDiodesStatus": (c_int, c_void_p, c_uint8, c_uint8),
    "ftrScanGetSerialNumber": (c_int, c_void_p, c_void_p),
    "ftrScanGetLastError": (c_uint32,),
}
_OPTIONAL = {"ftrScanSetDiodesStatus", "ftrScanGetSerialNumber"}


def installed() -> bool:
    """True: whether the maker's library is there depends on where the operator put it."""
    return True


def find(at: Addresses) -> list[DeviceInfo]:
    """The readers the library sees; itself, where it is named and cannot be used.

    So a wrong path in station.toml is a reader that says what is missing, not an empty list.
    """
    if not at.vendor_library:
        return []
    try:
        return [_info(number) for number in _Library(at.vendor_library).connected()]
    except DeviceTrouble:
        return [_info(0)]


def make(info: DeviceInfo, at: Addresses) -> FutronicReader:
    return FutronicReader(info, at.vendor_library)


class FutronicReader:
    """One reader. What it is, its serial number included, is known once it is open."""

    def __init__(self, info: DeviceInfo, library: str) -> None:
        self.info = info
        self._path = library
        self._library: _Library | None = None
        self._handle = 0
        self._size = (0, 0)

    def open(self) -> None:
        """DEV-04 without the library, DEV-01 without the reader, FPR-24 for another model."""
        number = int(self.info.path.rpartition(":")[2])
        self._library = library = _Library(self._path)
        self._handle = handle = library.open(number)
        self._size = library.image_size(handle)
        self.info = _info(number, library.kind(handle), library.serial(handle))

    def close(self) -> None:
        """Let the reader go; safe on one that is gone or was never open."""
        library, handle = self._library, self._handle
        self._library, self._handle = None, 0
        if library is not None and handle:
            library.close(handle)

    def capture(
        self, *, timeout_s: float, cancelled: Event, on_preview: OnPreview | None = None
    ) -> FingerImage:
        """One impression. FPR-01 without a finger, FPR-20 while it moves, FPR-02 spoilt."""
        end = time.monotonic() + timeout_s
        library = self._opened()
        library.lamp(self._handle, on=True)
        try:
            pixels = self._settled(end, cancelled, on_preview or (lambda _: None))
            self._await_lift(cancelled)
        finally:
            library.lamp(self._handle, on=False)
        return FingerImage(pixels=pixels, ppi=PPI)

    def _settled(self, end: float, cancelled: Event, show: OnPreview) -> Pixels:
        """The first frame after which the finger covers no more: one that is laid on grows."""
        best: Pixels | None = None
        error = _EMPTY_FRAME
        while time.monotonic() < end:
            if cancelled.is_set():
                raise Cancelled
            frame, error = self._look()
            if frame is not None:
                show(frame)
            if best is not None and (frame is None or _covered(frame) <= 1.05 * _covered(best)):
                return best
            if error not in _NOT_YET:
                raise _trouble(error)
            best = frame
            cancelled.wait(_LOOK_S)
        if best is None:
            raise _trouble(error or _EMPTY_FRAME)
        return best

    def _look(self) -> tuple[Pixels | None, int]:
        """What lies on the glass now, or why there is nothing to see."""
        library = self._opened()
        if not library.present(self._handle):
            return None, library.last_error() or _EMPTY_FRAME
        return library.frame(self._handle, self._size)

    def _await_lift(self, cancelled: Event) -> None:
        library, end = self._opened(), time.monotonic() + _LIFT_S
        while library.present(self._handle) and time.monotonic() < end:
            if cancelled.wait(_LOOK_S):
                return

    def _opened(self) -> _Library:
        if self._library is None:
            raise Unplugged("not open")
        return self._library


class _Library:
    """The maker's functions, and their answers in the station's words."""

    def __init__(self, path: str) -> None:
        try:
            loaded = ctypes.CDLL(path)  # 64-bit Windows too has one calling convention only
        except OSError:
            raise NotInstalled("vendor_library") from None
        self._functions: dict[str, Any] = {}
        for name, (gives, *takes) in _FUNCTIONS.items():
            function = getattr(loaded, name, None)
            if function is None:  # builds differ in what they leave out
                if name not in _OPTIONAL:
                    raise ReaderIncompatible(name)
                continue
            function.restype, function.argtypes = gives, takes
            self._functions[name] = function

    def connected(self) -> list[int]:
        interfaces = _Interfaces(*[_CONNECTED + 1] * _INTERFACES)
        if not self._functions["ftrScanGetInterfaces"](ctypes.byref(interfaces)):
            return []
        return [number for number, status in enumerate(interfaces) if status == _CONNECTED]

    def open(self, number: int) -> int:
        handle = self._functions["ftrScanOpenDeviceOnInterface"](number)
        if not handle:
            raise _trouble(self.last_error())
        return int(handle)

    def close(self, handle: int) -> None:
        self.lamp(handle, on=False)
        self._functions["ftrScanCloseDevice"](handle)

    def kind(self, handle: int) -> int:
        kind = _Kind(struct_size=ctypes.sizeof(_Kind))
        self._do("ftrScanGetDeviceInfo", handle, ctypes.byref(kind))
        return int(kind.compatibility)

    def serial(self, handle: int) -> str:
        """The number burnt into the reader, as hex; "" where the build does not tell."""
        raw = (c_uint8 * 64)()  # the header names no size; eight bytes are used
        read = self._functions.get("ftrScanGetSerialNumber")
        return bytes(raw[:8]).hex() if read is not None and read(handle, raw) else ""

    def image_size(self, handle: int) -> tuple[int, int]:
        """Height and width; FPR-24 when they cannot be those of a picture."""
        size = _ImageSize()
        self._do("ftrScanGetImageSize", handle, ctypes.byref(size))
        good = 0 < size.height <= _MAX_SIDE and 0 < size.width <= _MAX_SIDE
        if not good or size.size != size.height * size.width:
            raise ReaderIncompatible("image size")
        return size.height, size.width

    def present(self, handle: int) -> bool:
        return bool(self._functions["ftrScanIsFingerPresent"](handle, None))

    def frame(self, handle: int, size: tuple[int, int]) -> tuple[Pixels | None, int]:
        height, width = size
        raw = np.zeros(height * width + _SLACK, np.uint8)
        if not self._functions["ftrScanGetFrame"](handle, raw.ctypes.data, None):
            return None, self.last_error() or _NO_FRAME
        return _dark_on_bright(raw[: height * width].reshape(height, width)), 0

    def lamp(self, handle: int, *, on: bool) -> None:
        light = self._functions.get("ftrScanSetDiodesStatus")
        if light is not None:
            light(handle, 255 if on else 0, 0)

    def last_error(self) -> int:
        return int(self._functions["ftrScanGetLastError"]())

    def _do(self, name: str, *args: Any) -> None:
        if not self._functions[name](*args):
            raise _trouble(self.last_error())


def _dark_on_bright(frame: Pixels) -> Pixels:
    """Ridges are dark here; the library shows them bright unless its options say otherwise.

    The border tells, as it is ground on any finger, and the options of a build need not be known.
    """
    border = np.concatenate([frame[0], frame[-1], frame[:, 0], frame[:, -1]])
    return frame.copy() if np.median(border) >= 128 else 255 - frame


def _covered(frame: Pixels) -> float:
    return float((frame < 160).mean())


def _info(number: int, kind: int | None = None, serial: str = "") -> DeviceInfo:
    return DeviceInfo(
        kind=DeviceKind.FINGERPRINT,
        driver="vendor_futronic",
        model="Futronic" if kind is None else f"Futronic {_MODELS.get(kind, f'tipo {kind}')}",
        serial=serial,
        path=f"futronic:{number}",
        capabilities={
            "fingers": 1,
            "ppi": PPI,
            "fap": 0,  # the library does not say it
            "needs_segmentation": False,
            "grade": "enrolment" if kind in _ENROLMENT else "verification",
            "preview": True,
        },
    )


def _trouble(code: int) -> DeviceTrouble:
    return _TROUBLES.get(code, ReaderFault)(f"ftrScan {code:#x}")
