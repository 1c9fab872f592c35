"""DigitalPersona U.are.U 4000B/4500 (USB 05ba:000a), driven by pyusb alone.

Two things answer later than they are asked, so each has a thread with its read already pending:
the interrupt endpoint (power, finger on, finger off) from `open` on, and the bulk endpoint (one
scan) from before the scan is ordered. String descriptors are never read: some readers hang on
them, and a recording has none.
"""

from __future__ import annotations

import contextlib
import errno
import queue
import secrets
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import usb.backend.libusb1
import usb.core
import usb.util

from migramovil.devices.fingerprint import uru4000_frames as frames
from migramovil.devices.pipes import usb_path
from migramovil.devices.ports import DeviceInfo, DeviceKind, FingerImage, OnPreview
from migramovil.devices.trouble import (
    Cancelled,
    DeviceBusy,
    DeviceTrouble,
    ImageUnreadable,
    NoFinger,
    NotAllowed,
    ReaderFault,
    TimedOut,
    Unplugged,
)

VENDOR, PRODUCT = 0x05BA, 0x000A
# Unverified: no document of the maker was at hand; a measurement with a ruled target is owed.
PPI = 512

_READ, _WRITE, _REQUEST = 0xC0, 0x40, 4
_HWSTAT, _SCRAMBLE_INDEX, _SCRAMBLE_KEY, _MODE, _VERSION = 0x07, 0x33, 0x34, 0x4E, 0xF0
_POWERED_DOWN, _WEDGED = 0x80, 0x84
_AWAIT_FINGER_ON, _AWAIT_FINGER_OFF, _SCAN, _OFF = 0x10, 0x12, 0x20, 0x70
_INTERRUPT, _BULK = 0x81, 0x82
_POWERED, _FINGER_ON, _FINGER_OFF, _DEATH = 0x56AA, 0x0101, 0x0200, 0x0800

_LOOK_S = 0.2  # how often a wait looks at `cancelled`
_PENDING_S = 0.02  # what a thread needs to have its read pending
_LIFT_S = 2.0
_POWER_S = 1.0

_GONE = {errno.ENODEV, errno.ENXIO, errno.ESHUTDOWN, errno.EPROTO, errno.EIO}
_KINDS: dict[int | None, type[DeviceTrouble]] = {
    **dict.fromkeys(_GONE, Unplugged),
    errno.ETIMEDOUT: TimedOut,
    errno.EACCES: NotAllowed,
    errno.EPERM: NotAllowed,
    errno.EBUSY: DeviceBusy,
}

Backend = Any  # a usb.backend.IBackend; pyusb is untyped


def installed() -> bool:
    """Whether libusb is on this machine."""
    return usb.backend.libusb1.get_backend() is not None


def find(backend: Backend | None = None) -> list[DeviceInfo]:
    """The readers plugged in now; empty when there are none or USB cannot be looked at."""
    try:
        return [_info(device) for device in _devices(backend)]
    except (usb.core.USBError, usb.core.NoBackendError):
        return []


def random_seed() -> int:
    return secrets.randbits(32)


class Uru4000Reader:
    """One reader. `patience_ms` bounds a USB read, and so how long `close` may take."""

    def __init__(
        self,
        info: DeviceInfo,
        *,
        backend: Backend | None = None,
        seeds: Callable[[], int] = random_seed,
        patience_ms: int = 2000,
    ) -> None:
        self.info = info
        self._backend = backend
        self._seeds = seeds
        self._patience_ms = patience_ms
        self.version = ""  # sixteen bytes in hex, the maker's own; known once open
        self._device: Any = None
        self._closing = Event()
        self._news: queue.SimpleQueue[int | DeviceTrouble] = queue.SimpleQueue()
        self._listener: threading.Thread | None = None
        self._scanner: threading.Thread | None = None

    def open(self) -> None:
        """Claim the reader and power its sensor up."""
        self._closing = Event()
        self._news = queue.SimpleQueue()
        with _translated():
            self._device = self._same_device()
            usb.util.claim_interface(self._device, 0)
            self._listener = self._thread("listen", self._listen, self._closing, self._news)
            self._power_up()
            self.version = self._read(_VERSION, 16).hex()

    def close(self) -> None:
        """Switch the sensor off and let the reader go; safe on a reader that is gone."""
        if self._device is None:
            return
        self._closing.set()
        with contextlib.suppress(usb.core.USBError, DeviceTrouble):
            self._write(_MODE, _OFF)
        # libusb must not lose a device while a read is pending on it
        for thread in (self._listener, self._scanner):
            if thread is not None:
                thread.join(2 * self._patience_ms / 1000 + 1)
        with contextlib.suppress(usb.core.USBError):
            usb.util.dispose_resources(self._device)
        self._device = self._listener = self._scanner = None

    def capture(
        self, *, timeout_s: float, cancelled: Event, on_preview: OnPreview | None = None
    ) -> FingerImage:
        """One impression: FPR-01 when no finger comes in time, FPR-02 when the scan is spoilt."""
        with _translated():
            try:
                self._await_finger(timeout_s, cancelled)
                scan = self._scan(cancelled)
                pixels = frames.decode(scan, self._key)
                self._write(_MODE, _AWAIT_FINGER_OFF)
                with contextlib.suppress(TimedOut):  # a finger that stays is no trouble here
                    self._wait_for(_FINGER_OFF, _LIFT_S, cancelled)
            except DeviceTrouble as trouble:
                if not isinstance(trouble, Unplugged):
                    self._write(_MODE, _OFF)
                raise
        return FingerImage(pixels=pixels, ppi=PPI)

    def _await_finger(self, timeout_s: float, cancelled: Event) -> None:
        self._forget_old_news()
        self._write(_MODE, _AWAIT_FINGER_ON)
        try:
            self._wait_for(_FINGER_ON, timeout_s, cancelled)
        except TimedOut:
            raise NoFinger from None

    def _scan(self, cancelled: Event) -> bytes:
        if self._scanner is not None:
            self._scanner.join()  # a scan called off earlier: bounded by its own timeout
        answer: queue.SimpleQueue[bytes | DeviceTrouble] = queue.SimpleQueue()
        self._scanner = self._thread("scan", self._read_scan, answer)
        self._write(_MODE, _SCAN)
        while True:
            with contextlib.suppress(queue.Empty):
                scan = answer.get(timeout=_LOOK_S)
                break
            if cancelled.is_set():
                raise Cancelled
        if isinstance(scan, TimedOut):
            raise ImageUnreadable("no scan arrived")
        if isinstance(scan, DeviceTrouble):
            raise scan
        return scan

    def _read_scan(self, answer: queue.SimpleQueue[bytes | DeviceTrouble]) -> None:
        try:
            timeout = max(self._patience_ms, 1000)
            answer.put(bytes(self._device.read(_BULK, frames.SCAN_SIZE, timeout=timeout)))
        except usb.core.USBError as error:
            answer.put(_trouble(error))

    def _listen(self, closing: Event, news: queue.SimpleQueue[int | DeviceTrouble]) -> None:
        device = self._device
        while not closing.is_set():
            try:
                said = bytes(device.read(_INTERRUPT, 64, timeout=self._patience_ms))
            except usb.core.USBTimeoutError:
                continue
            except usb.core.USBError as error:
                news.put(_trouble(error))
                return
            if len(said) >= 2:
                news.put(struct.unpack_from(">H", said)[0])
            else:
                closing.wait(0.01)  # an empty interrupt says nothing, and may repeat without end

    def _wait_for(self, wanted: int, timeout_s: float, cancelled: Event) -> None:
        end = time.monotonic() + timeout_s
        while not cancelled.is_set():
            left = end - time.monotonic()
            try:
                said = self._news.get(timeout=max(0.0, min(_LOOK_S, left)))
            except queue.Empty:
                if left <= 0:
                    raise TimedOut(f"no interrupt {wanted:04x}") from None
                continue
            if isinstance(said, DeviceTrouble):
                self._news.put(said)  # it stays true for whoever asks next
                raise said
            if said == _DEATH:
                raise ReaderFault("the sensor said 0800")
            if said == wanted:
                return
        raise Cancelled

    def _forget_old_news(self) -> None:
        kept = []
        with contextlib.suppress(queue.Empty):
            while True:
                said = self._news.get_nowait()
                if isinstance(said, DeviceTrouble):
                    kept.append(said)
        for trouble in kept:
            self._news.put(trouble)

    def _power_up(self) -> None:
        status = self._status()
        if status & _WEDGED == _WEDGED:
            self._write(_HWSTAT, status & 0x0F)
            status = self._poll_status(lambda now: bool(now & 0x01))
        if not status & _POWERED_DOWN:
            self._write(_HWSTAT, status | _POWERED_DOWN)
        never = Event()
        for _ in range(3):
            self._poll_status(
                lambda now: not now & _POWERED_DOWN,
                before=lambda: self._write(_HWSTAT, status & 0x0F),
            )
            with contextlib.suppress(TimedOut):
                self._wait_for(_POWERED, _POWER_S, never)
                return
        raise ReaderFault("the sensor did not say 56aa")

    def _poll_status(
        self, good: Callable[[int], bool], before: Callable[[], None] = lambda: None
    ) -> int:
        status = 0
        for _ in range(100):
            before()
            status = self._status()
            if good(status):
                return status
            time.sleep(0.01)
        raise ReaderFault(f"status stays {status:02x}")

    def _status(self) -> int:
        return self._read(_HWSTAT, 1)[0]

    def _key(self, number: int) -> int:
        """The reader's key of that number; it is sent masked with a seed of ours."""
        seed = self._seeds()
        self._write(_SCRAMBLE_INDEX, *struct.pack("<BI", number, seed))
        return int.from_bytes(self._read(_SCRAMBLE_KEY, 4), "little") ^ seed

    def _read(self, register: int, size: int) -> bytes:
        # at least two seconds: libusb cancels a transfer that times out, and the reader minds
        said = bytes(self._device.ctrl_transfer(_READ, _REQUEST, register, 0, size, 5000))
        if len(said) != size:
            raise ReaderFault(f"register {register:02x} gave {len(said)} bytes")
        return said

    def _write(self, register: int, *values: int) -> None:
        self._device.ctrl_transfer(_WRITE, _REQUEST, register, 0, bytes(values), 5000)

    def _same_device(self) -> Any:
        for device in _devices(self._backend):
            if usb_path(device) == self.info.path:
                return device
        raise Unplugged

    def _thread(self, name: str, run: Callable[..., None], *args: Any) -> threading.Thread:
        thread = threading.Thread(target=run, args=args, name=f"uru4000-{name}", daemon=True)
        thread.start()
        time.sleep(_PENDING_S)  # nothing tells when its read has reached the kernel
        return thread


def _devices(backend: Backend | None) -> list[Any]:
    found = usb.core.find(find_all=True, backend=backend, idVendor=VENDOR, idProduct=PRODUCT)
    return list(found)


def _info(device: Any) -> DeviceInfo:
    return DeviceInfo(
        kind=DeviceKind.FINGERPRINT,
        driver="uru4000",
        model="U.are.U 4000B/4500",
        serial=_serial(device),
        path=usb_path(device),
        capabilities={
            "fingers": 1,
            "ppi": PPI,
            "fap": 0,  # the maker claims none for this reader
            "needs_segmentation": False,
            "grade": "enrolment",
            "preview": False,
        },
    )


def _serial(device: Any) -> str:
    """The serial number as the kernel read it at plug-in, "" when it knows none."""
    ports = ".".join(str(port) for port in device.port_numbers or ())
    with contextlib.suppress(OSError):
        place = Path(f"/sys/bus/usb/devices/{device.bus}-{ports}/serial")
        return place.read_text(encoding="utf-8").strip()
    return ""


def _trouble(error: usb.core.USBError) -> DeviceTrouble:
    return _KINDS.get(error.errno, ReaderFault)(f"usb errno {error.errno}")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except usb.core.USBError as error:
        raise _trouble(error) from None
