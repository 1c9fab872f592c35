"""DigitalPersona U.are.U 4000, 4000B and 4500, and Microsoft's readers of that make, by pyusb.

Two things answer later than they are asked, so each has a thread with its read already pending:
the interrupt endpoint (power, finger on, finger off) from `open` on, and the bulk endpoint (one
scan) from before the scan is ordered. String descriptors are never read: some readers hang on
them, and a recording has none. A sensor that announces its death (0800), or gives an empty scan,
is powered up again, and the finger on it is taken all the same.
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
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

import usb.backend.libusb1
import usb.core
import usb.util

from migramovil.devices.fingerprint import uru4000_frames as frames
from migramovil.devices.pipes import usb_path
from migramovil.devices.ports import DeviceInfo, DeviceKind, FingerImage, OnPreview, Pixels
from migramovil.devices.registry import Addresses
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """`turned`: its picture comes upside down. `challenges`: it sleeps until its driver answers."""

    vendor: int
    product: int
    name: str
    turned: bool = False
    challenges: bool = False


MODELS = (
    Model(vendor=0x05BA, product=0x000A, name="U.are.U 4000B/4500", turned=True),
    Model(vendor=0x05BA, product=0x0007, name="U.are.U 4000"),
    Model(vendor=0x05BA, product=0x0008, name="U.are.U 4000 (teclado)"),
    Model(vendor=0x045E, product=0x00BD, name="Microsoft Fingerprint Reader"),
    Model(vendor=0x045E, product=0x00CA, name="Microsoft Fingerprint Reader v2", challenges=True),
)
_MODELS = {(model.vendor, model.product): model for model in MODELS}
# Unverified: no document of the maker was at hand; a measurement with a ruled target is owed.
PPI = 512

_READ, _WRITE, _REQUEST = 0xC0, 0x40, 4
_HWSTAT, _SCRAMBLE_INDEX, _SCRAMBLE_KEY, _MODE, _VERSION = 0x07, 0x33, 0x34, 0x4E, 0xF0
_RESPONSE, _CHALLENGE = 0x2000, 0x2010
_POWERED_DOWN, _WEDGED, _RUNNING = 0x80, 0x84, 0x01
_AWAIT_FINGER_ON, _AWAIT_FINGER_OFF, _SCAN, _OFF = 0x10, 0x12, 0x20, 0x70
_INTERRUPT, _BULK = 0x81, 0x82
_POWERED, _FINGER_ON, _FINGER_OFF, _DEATH = 0x56AA, 0x0101, 0x0200, 0x0800

_LOOK_S = 0.2  # how often a wait looks at `cancelled`
_PENDING_S = 0.02  # what a thread needs to have its read pending
_SCAN_S = 5.0
_LIFT_S = 2.0
_POWER_S = 1.0
_LIVES = 3  # how often a sensor is powered up before it is given up
_POLLS = 100

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


def find(_at: Addresses) -> list[DeviceInfo]:
    return find_on()


def make(info: DeviceInfo, _at: Addresses) -> Uru4000Reader:
    return Uru4000Reader(info)


def find_on(backend: Backend | None = None) -> list[DeviceInfo]:
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
        self._model = _MODELS[int(info.vendor, 16), int(info.product, 16)]
        self._seeds = seeds
        self._patience_ms = patience_ms
        self._device: Any = None
        self._ailing = False  # whether the sensor must be powered up before it is used again
        self._closing = Event()
        self._news: queue.SimpleQueue[int | DeviceTrouble] = queue.SimpleQueue()
        self._listener: threading.Thread | None = None
        self._scanner: threading.Thread | None = None

    def open(self) -> None:
        """Claim the reader and power its sensor up; FPR-03 when it will not wake."""
        self._closing = Event()
        self._news = queue.SimpleQueue()
        with _translated():
            self._device = self._same_device()
            usb.util.claim_interface(self._device, _vendor_interface(self._device))
            self._listener = self._thread("listen", self._listen, self._closing, self._news)
            self._power_up(Event())
            firmware = self._read(_VERSION, 16).hex()  # which bytes mean what is not known
        known = self.info.capabilities | {"firmware": firmware}
        self.info = replace(self.info, capabilities=known)

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
        self._ailing = False

    def capture(
        self, *, timeout_s: float, cancelled: Event, on_preview: OnPreview | None = None
    ) -> FingerImage:
        """One impression: FPR-01 when no finger comes in time, FPR-02 when the scan is spoilt."""
        with self._on_duty():
            pixels = self._impression(timeout_s, cancelled)
            # the picture is here: neither a finger that stays nor a pulled cable costs it
            with contextlib.suppress(DeviceTrouble, usb.core.USBError):
                self._write(_MODE, _AWAIT_FINGER_OFF)
                self._ailing = not self._wait_for(_FINGER_OFF, _LIFT_S, cancelled)
            _unless(cancelled)
        return FingerImage(pixels=pixels, ppi=PPI)

    def empty_image(self, *, timeout_s: float, cancelled: Event) -> Pixels:
        """What the sensor sees now, uint8 (290, 384), without waiting for a finger: a technician
        measures noise and dead pixels on it. FPR-02 when no whole scan comes in time, which is
        between a second and the patience.
        """
        with self._on_duty():
            self._heal(cancelled)
            scan = self._scan(timeout_s, cancelled)
            self._write(_MODE, _OFF)
            return self._decoded(scan)

    def _impression(self, timeout_s: float, cancelled: Event) -> Pixels:
        end = time.monotonic() + timeout_s
        for _ in range(_LIVES):
            self._heal(cancelled)
            self._forget_old_news()
            self._write(_MODE, _AWAIT_FINGER_ON)
            try:
                lives = self._wait_for(_FINGER_ON, end - time.monotonic(), cancelled)
            except TimedOut:
                raise NoFinger from None
            if lives and (scan := self._scan(_SCAN_S, cancelled)):
                return self._decoded(scan)
            self._ailing = True
        raise ReaderFault("the sensor says 0800 again and again")

    def _decoded(self, scan: bytes) -> Pixels:
        return frames.decode(scan, self._key, turned=self._model.turned)

    @contextlib.contextmanager
    def _on_duty(self) -> Iterator[None]:
        """Translates what USB says, and switches the sensor off after a trouble."""
        with _translated():
            try:
                yield
            except DeviceTrouble as trouble:
                if not isinstance(trouble, Unplugged):
                    self._write(_MODE, _OFF)
                raise

    def _scan(self, timeout_s: float, cancelled: Event) -> bytes:
        """One scan, b"" from a sensor that died over it."""
        while self._scanner is not None and self._scanner.is_alive():
            self._scanner.join(_LOOK_S)  # a scan called off earlier: bounded by its own timeout
            _unless(cancelled)
        answer: queue.SimpleQueue[bytes | DeviceTrouble] = queue.SimpleQueue()
        bound = max(1.0, min(timeout_s, self._patience_ms / 1000))  # `close` waits for it
        self._scanner = self._thread("scan", self._read_scan, answer, bound)
        self._write(_MODE, _SCAN)
        while True:
            with contextlib.suppress(queue.Empty):
                scan = answer.get(timeout=_LOOK_S)
                break
            _unless(cancelled)
        if isinstance(scan, TimedOut):
            self._ailing = True
            raise ImageUnreadable("no scan arrived")
        if isinstance(scan, DeviceTrouble):
            raise scan
        return scan

    def _read_scan(
        self, answer: queue.SimpleQueue[bytes | DeviceTrouble], timeout_s: float
    ) -> None:
        try:
            answer.put(bytes(self._device.read(_BULK, frames.SCAN_SIZE, int(1000 * timeout_s))))
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

    def _wait_for(self, wanted: int, timeout_s: float, cancelled: Event) -> bool:
        """True when the sensor says it, False when it announces its death first."""
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
            if said in {wanted, _DEATH}:
                return said == wanted
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

    def _heal(self, cancelled: Event) -> None:
        if self._listener is not None and not self._listener.is_alive():
            self._news, self._ailing = queue.SimpleQueue(), True
            self._listener = self._thread("listen", self._listen, self._closing, self._news)
        if self._ailing:
            self._forget_old_news()
            self._power_up(cancelled)
            self._ailing = False

    def _power_up(self, cancelled: Event) -> None:
        """Switch the sensor on: from a running one over off, and more than once where it must be.

        Status bit 7 is low power. Bits 7 and 2 together are a reader that a program left half way:
        without being started anew it would boot for ever and never say 56aa.
        """
        for _ in range(_LIVES):
            status = self._status()
            if status & _WEDGED == _WEDGED:
                status = self._restart(status, cancelled)
            if not status & _POWERED_DOWN:
                self._write(_HWSTAT, status | _POWERED_DOWN)
            self._wake(status, cancelled)
            with contextlib.suppress(TimedOut):
                if self._wait_for(_POWERED, _POWER_S, cancelled):
                    return
        raise ReaderFault("the sensor did not say 56aa")

    def _restart(self, status: int, cancelled: Event) -> int:
        """The status of the reader once it runs."""
        self._write(_HWSTAT, status & 0x0F)
        for _ in range(_POLLS):
            status = self._status()
            if status & _RUNNING:
                return status
            _pause(cancelled)
        raise ReaderFault(f"status stays {status:02x}")

    def _wake(self, status: int, cancelled: Event) -> None:
        for _ in range(_POLLS):
            self._write(_HWSTAT, status & 0x0F)
            if not self._status() & _POWERED_DOWN:
                return
            _pause(cancelled)
            if self._model.challenges:
                challenge = self._read(_CHALLENGE, frames.CHALLENGE_SIZE)
                self._write(_RESPONSE, *frames.answer(challenge))
        raise ReaderFault("the sensor does not wake")

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
    def known(device: Any) -> bool:
        return (device.idVendor, device.idProduct) in _MODELS

    return list(usb.core.find(find_all=True, backend=backend, custom_match=known))


def _info(device: Any) -> DeviceInfo:
    port = _port(device)
    return DeviceInfo(
        kind=DeviceKind.FINGERPRINT,
        driver="uru4000",
        model=_MODELS[device.idVendor, device.idProduct].name,
        serial=_serial(port),
        path=usb_path(device),
        vendor=f"{device.idVendor:04x}",
        product=f"{device.idProduct:04x}",
        port=port,
        capabilities={
            "fingers": 1,
            "ppi": PPI,
            "fap": 0,  # the maker claims none for this reader
            "needs_segmentation": False,
            "grade": "enrolment",
            "preview": False,
            "release": f"{device.bcdDevice >> 8:x}.{device.bcdDevice & 0xFF:02x}",
        },
    )


def _port(device: Any) -> str:
    """The way through the hubs, as the kernel names it."""
    return f"{device.bus}-" + ".".join(str(port) for port in device.port_numbers or ())


def _serial(port: str) -> str:
    """The serial number as the kernel read it at plug-in, "" when it knows none."""
    with contextlib.suppress(OSError):
        place = Path(f"/sys/bus/usb/devices/{port}/serial")
        return place.read_text(encoding="utf-8", errors="replace").strip()
    return ""


def _vendor_interface(device: Any) -> int:
    """The number of the reader's own interface: a keyboard has others beside it."""
    for configuration in device:
        found = usb.util.find_descriptor(
            configuration, bInterfaceClass=0xFF, bInterfaceSubClass=0xFF, bInterfaceProtocol=0xFF
        )
        if found is not None:
            return int(found.bInterfaceNumber)
    raise ReaderFault("no interface of the reader's own")


def _unless(cancelled: Event) -> None:
    if cancelled.is_set():
        raise Cancelled


def _pause(cancelled: Event) -> None:
    time.sleep(0.01)
    _unless(cancelled)


def _trouble(error: usb.core.USBError) -> DeviceTrouble:
    return _KINDS.get(error.errno, ReaderFault)(f"usb errno {error.errno}")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except usb.core.USBError as error:
        raise _trouble(error) from None
