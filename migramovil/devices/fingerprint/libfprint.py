"""Readers that only libfprint knows, through its C interface (libfprint-2.so.2, version 1.94).

It runs on GLib's main loop, which is turned here by hand on the one thread there is: so nothing
else need turn it, and a capture is called off where it waits. The registry runs this module in a
process of its own. libfprint gives pictures, never how they were compared; what it says of a
picture's density is often nothing, then `NOMINAL_PPI` is declared, unmeasured.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from ctypes import POINTER, c_char_p, c_double, c_int, c_size_t, c_uint, c_uint32, c_void_p
from functools import lru_cache
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
    DeviceBusy,
    DeviceTrouble,
    FingerMoved,
    ImageUnreadable,
    NoFinger,
    NotAllowed,
    ReaderFault,
    TimedOut,
    Unplugged,
)

if TYPE_CHECKING:
    from migramovil.devices.registry import Addresses

NOMINAL_PPI = 500
_GIVES_PICTURES = 1  # the first bit of a device's features
_LOOK_S = 0.005
_OPEN_S = 10.0
_STOP_S = 2.0
_CANCELLED = 19  # GIOErrorEnum

# The sensors of notebooks see a part of a finger, or are swiped: fit to verify a person.
_ENROLMENT_DRIVERS = {"uru4000"}

_RETRIES: dict[int, type[DeviceTrouble]] = {1: FingerMoved, 2: FingerMoved, 3: FingerMoved}
_ERRORS: dict[int, type[DeviceTrouble]] = {2: Unplugged, 4: DeviceBusy, 0x100: Unplugged}
_USB_ERRORS: dict[int, type[DeviceTrouble]] = {
    2: TimedOut,
    4: Unplugged,
    9: NotAllowed,
    10: DeviceBusy,
}


class _Array(ctypes.Structure):
    _fields_ = (("data", POINTER(c_void_p)), ("len", c_uint))


class _Error(ctypes.Structure):
    _fields_ = (("domain", c_uint32), ("code", c_int), ("message", c_char_p))


_Done = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)
_Where = POINTER(POINTER(_Error))

# What each function takes and gives; a pointer that is not declared one would lose its upper half.
_FUNCTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "libfprint-2.so.2": {
        "fp_context_new": (c_void_p,),
        "fp_context_get_devices": (POINTER(_Array), c_void_p),
        "fp_device_get_driver": (c_char_p, c_void_p),
        "fp_device_get_device_id": (c_char_p, c_void_p),
        "fp_device_get_name": (c_char_p, c_void_p),
        "fp_device_get_features": (c_uint, c_void_p),
        "fp_device_open": (None, c_void_p, c_void_p, _Done, c_void_p),
        "fp_device_open_finish": (c_int, c_void_p, c_void_p, _Where),
        "fp_device_close": (None, c_void_p, c_void_p, _Done, c_void_p),
        "fp_device_close_finish": (c_int, c_void_p, c_void_p, _Where),
        "fp_device_capture": (None, c_void_p, c_int, c_void_p, _Done, c_void_p),
        "fp_device_capture_finish": (c_void_p, c_void_p, c_void_p, _Where),
        "fp_device_retry_quark": (c_uint32,),
        "fp_device_error_quark": (c_uint32,),
        "fp_image_get_width": (c_uint, c_void_p),
        "fp_image_get_height": (c_uint, c_void_p),
        "fp_image_get_ppmm": (c_double, c_void_p),
        "fp_image_get_data": (c_void_p, c_void_p, POINTER(c_size_t)),
    },
    "libgusb.so.2": {"g_usb_device_error_quark": (c_uint32,)},
    "libgio-2.0.so.0": {
        "g_cancellable_new": (c_void_p,),
        "g_cancellable_cancel": (None, c_void_p),
        "g_io_error_quark": (c_uint32,),
    },
    "libgobject-2.0.so.0": {
        "g_object_ref": (c_void_p, c_void_p),
        "g_object_unref": (None, c_void_p),
    },
    "libglib-2.0.so.0": {
        "g_main_context_iteration": (c_int, c_void_p, c_int),
        "g_error_free": (None, c_void_p),
    },
}


def installed() -> bool:
    """Whether libfprint and what it stands on are on this machine."""
    try:
        _c()
    except (OSError, AttributeError):
        return False
    return True


def find(at: Addresses) -> list[DeviceInfo]:
    """The readers that give pictures; those that keep the fingers to themselves are left out."""
    context = _Context()
    try:
        return [_info(device) for device in context.devices() if _gives_pictures(device)]
    finally:
        context.close()


def make(info: DeviceInfo, at: Addresses) -> LibfprintReader:
    return LibfprintReader(info)


class LibfprintReader:
    """One reader. It must be used on one thread, on which nobody else turns GLib's loop."""

    def __init__(self, info: DeviceInfo) -> None:
        self.info = info
        self._context: _Context | None = None
        self._device = 0
        self._called_back: object = None  # libfprint may call late, and must find it

    def open(self) -> None:
        self._context = _Context()
        self._device = self._same(self._context.devices())
        self._run(_c().fp_device_open, _c().fp_device_open_finish, end=_after(_OPEN_S))

    def close(self) -> None:
        """Let the reader go; safe on one that is gone or was never open."""
        context, self._context = self._context, None
        if context is None:
            return
        try:
            self._run(_c().fp_device_close, _c().fp_device_close_finish, end=_after(_STOP_S))
        except DeviceTrouble:
            return  # it stays with the context, which must then stay too
        finally:
            self._device = 0
        context.close()

    def capture(
        self, *, timeout_s: float, cancelled: Event, on_preview: OnPreview | None = None
    ) -> FingerImage:
        """One impression. FPR-01 without a finger, FPR-20 when it moved or left too soon."""
        if self._context is None:
            raise Unplugged("not open")
        image = self._run(
            lambda device, stop, done, data: _c().fp_device_capture(device, 1, stop, done, data),
            _c().fp_device_capture_finish,
            end=_after(timeout_s),
            cancelled=cancelled,
        )
        try:
            return _picture(image)
        finally:
            _c().g_object_unref(image)

    def _run(
        self,
        start: Callable[..., object],
        finish: Callable[..., int],
        *,
        end: float,
        cancelled: Event | None = None,
    ) -> int:
        """Turn the loop until what `start` began is over; DEV-03 or FPR-01 when it was stopped.

        A driver that does not stop when told is given up as lost: DEV-01, and its process ends.
        """
        results: list[int] = []
        done = _Done(lambda _source, result, _data: results.append(_c().g_object_ref(result)))
        self._called_back = done
        stop = _c().g_cancellable_new()
        start(self._device, stop, done, None)
        reason: DeviceTrouble | None = None
        while not results:
            if reason is None and (reason := _reason(end, cancelled)) is not None:
                _c().g_cancellable_cancel(stop)
                end = _after(_STOP_S)
            elif reason is not None and time.monotonic() > end:
                raise Unplugged("does not stop")
            if not _c().g_main_context_iteration(None, 0):
                time.sleep(_LOOK_S)
        _c().g_object_unref(stop)
        error = POINTER(_Error)()
        value = finish(self._device, results[0], ctypes.byref(error))
        _c().g_object_unref(results[0])
        if error:
            raise _trouble(error, reason)
        return value

    def _same(self, devices: list[int]) -> int:
        for device in devices:
            if _info(device).path == self.info.path:
                return device
        raise Unplugged


class _Context:
    """libfprint's list of readers; they live as long as it does."""

    def __init__(self) -> None:
        self._context = _c().fp_context_new()

    def devices(self) -> list[int]:
        array = _c().fp_context_get_devices(self._context).contents
        return [array.data[number] for number in range(array.len)]

    def close(self) -> None:
        _c().g_object_unref(self._context)


def _info(device: int) -> DeviceInfo:
    driver = _c().fp_device_get_driver(device).decode()
    number = (_c().fp_device_get_device_id(device) or b"").decode()
    return DeviceInfo(
        kind=DeviceKind.FINGERPRINT,
        driver="libfprint",
        model=(_c().fp_device_get_name(device) or b"").decode(errors="replace"),
        path=f"libfprint:{driver}:{number}",
        simulated=driver.startswith("virtual_"),  # libfprint's own, for tests
        capabilities={
            "fingers": 1,
            "ppi": NOMINAL_PPI,
            "fap": 0,
            "needs_segmentation": False,
            "grade": "enrolment" if driver in _ENROLMENT_DRIVERS else "verification",
            "preview": False,
        },
    )


def _gives_pictures(device: int) -> bool:
    return bool(_c().fp_device_get_features(device) & _GIVES_PICTURES)


def _picture(image: int) -> FingerImage:
    size = c_size_t()
    data = _c().fp_image_get_data(image, ctypes.byref(size))
    height, width = _c().fp_image_get_height(image), _c().fp_image_get_width(image)
    if not data or size.value != height * width or not size.value:
        raise ImageUnreadable("no picture")
    raw = np.frombuffer(ctypes.string_at(data, size.value), np.uint8)
    pixels: Pixels = raw.reshape(height, width).copy()
    return FingerImage(pixels=pixels, ppi=_ppi(_c().fp_image_get_ppmm(image)))


def _ppi(per_mm: float) -> int:
    return round(per_mm * 25.4) if per_mm > 0 else NOMINAL_PPI


def _reason(end: float, cancelled: Event | None) -> DeviceTrouble | None:
    """Why to stop now, if there is a reason."""
    if cancelled is not None and cancelled.is_set():
        return Cancelled()
    if time.monotonic() > end:
        return TimedOut() if cancelled is None else NoFinger()
    return None


def _trouble(error: Any, reason: DeviceTrouble | None) -> DeviceTrouble:
    domain, code = error.contents.domain, error.contents.code
    _c().g_error_free(error)
    if domain == _c().g_io_error_quark() and code == _CANCELLED and reason is not None:
        return reason
    kinds = {
        _c().fp_device_retry_quark(): (_RETRIES, ImageUnreadable),
        _c().fp_device_error_quark(): (_ERRORS, ReaderFault),
        _c().g_usb_device_error_quark(): (_USB_ERRORS, ReaderFault),
    }
    known, otherwise = kinds.get(domain, ({}, ReaderFault))
    return known.get(code, otherwise)(f"libfprint {code}")


def _after(seconds: float) -> float:
    return time.monotonic() + seconds


@lru_cache(maxsize=1)
def _c() -> Any:
    """The functions of the libraries, each knowing what it takes and gives."""
    functions = {}
    for library, named in _FUNCTIONS.items():
        loaded = ctypes.CDLL(library)
        for name, (gives, *takes) in named.items():
            function = loaded[name]
            function.restype, function.argtypes = gives, takes
            functions[name] = staticmethod(function)
    return type("Libraries", (), functions)
