"""How bytes travel to a device and back: TCP, serial line or USB, all with the same few words."""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any, Protocol

import serial
import usb.core
import usb.util

from migramovil.devices.trouble import Cancelled, DeviceBusy, NotAllowed, TimedOut, Unplugged

PRINTER_CLASS = 7
_LOOK_S = 0.2  # how often a long write looks up
_PUSH = 4096


class Pipe(Protocol):
    """Two ways for bytes. DEV-01 when the far end is gone, from every method but `close`."""

    def write(self, data: bytes, *, timeout_s: float, cancelled: Event | None = None) -> None:
        """Send all of `data`; DEV-02 when that takes longer, DEV-03 once it is `cancelled`."""
        ...

    def read(self, *, timeout_s: float) -> bytes:
        """What has come, waiting at most `timeout_s` for the first byte; b"" when none came."""
        ...

    def close(self) -> None: ...


class TcpPipe:
    """A socket, as network printers listen on port 9100."""

    def __init__(self, host: str, port: int, *, timeout_s: float) -> None:
        with _gone(OSError):
            self._socket = socket.create_connection((host, port), timeout_s)

    def write(self, data: bytes, *, timeout_s: float, cancelled: Event | None = None) -> None:
        with _gone(OSError):
            _push_all(self._push, data, timeout_s, cancelled)

    def read(self, *, timeout_s: float) -> bytes:
        self._socket.settimeout(max(timeout_s, 0.001))
        with _gone(OSError):
            try:
                data = self._socket.recv(4096)
            except TimeoutError:
                return b""
        if not data:
            raise Unplugged("the line was closed")
        return data

    def _push(self, data: bytes, wait_s: float) -> int:
        self._socket.settimeout(wait_s)
        try:
            return self._socket.send(data)
        except TimeoutError:
            return 0

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        self._socket.close()


class SerialPipe:
    """A serial line, real or over USB, eight bits and no parity."""

    def __init__(self, port: str, *, baud: int = 9600) -> None:
        with _serial_words():
            self._line = serial.Serial(port, baud, timeout=0, write_timeout=1)

    def write(self, data: bytes, *, timeout_s: float, cancelled: Event | None = None) -> None:
        with _serial_words(), _late(serial.SerialTimeoutException):
            _push_all(self._push, data, timeout_s, cancelled)

    def _push(self, data: bytes, wait_s: float) -> int:
        """A little at a time: of a write that ends late, pyserial cannot say how much went out."""
        if self._line.out_waiting:
            time.sleep(min(wait_s, 0.02))
            return 0
        sent: int = self._line.write(data[:512])
        return sent

    def read(self, *, timeout_s: float) -> bytes:
        with _serial_words():
            self._line.timeout = timeout_s
            first: bytes = self._line.read(1)
            return first + self._line.read(self._line.in_waiting) if first else b""

    def discard(self) -> None:
        """Throw away what has come so far."""
        with _serial_words():
            self._line.reset_input_buffer()

    def close(self) -> None:
        with contextlib.suppress(OSError, serial.SerialException):
            self._line.close()


class UsbPipe:
    """The bulk endpoints of a USB printer."""

    def __init__(self, device: Any) -> None:
        self._device = device
        with _usb_words():
            self._interface = printer_interface(device)
            self._detach_kernel()
            usb.util.claim_interface(device, self._interface)
            self._out = self._endpoint(usb.util.ENDPOINT_OUT)
            self._in = self._endpoint(usb.util.ENDPOINT_IN)

    def write(self, data: bytes, *, timeout_s: float, cancelled: Event | None = None) -> None:
        with _usb_words():
            _push_all(self._push, data, timeout_s, cancelled)

    def _push(self, data: bytes, wait_s: float) -> int:
        try:
            sent: int = self._out.write(data, max(1, int(wait_s * 1000)))
        except usb.core.USBTimeoutError:
            return 0
        return sent

    def read(self, *, timeout_s: float) -> bytes:
        if self._in is None:
            return b""
        with _usb_words():
            try:
                return bytes(self._in.read(64, max(1, int(timeout_s * 1000))))
            except usb.core.USBTimeoutError:
                return b""

    def close(self) -> None:
        with contextlib.suppress(usb.core.USBError):
            usb.util.dispose_resources(self._device)

    def _detach_kernel(self) -> None:
        # usblp holds printers on Linux; elsewhere there is nothing to detach, and no way to ask
        with contextlib.suppress(NotImplementedError):
            if self._device.is_kernel_driver_active(self._interface.bInterfaceNumber):
                self._device.detach_kernel_driver(self._interface.bInterfaceNumber)

    def _endpoint(self, direction: int) -> Any:
        return usb.util.find_descriptor(
            self._interface,
            custom_match=lambda end: (
                usb.util.endpoint_direction(end.bEndpointAddress) == direction
                and usb.util.endpoint_type(end.bmAttributes) == usb.util.ENDPOINT_TYPE_BULK
            ),
        )


def _push_all(
    push: Callable[[bytes, float], int], data: bytes, timeout_s: float, cancelled: Event | None
) -> None:
    """Send in pieces; `push` waits at most so long and says how many bytes went."""
    end, at = time.monotonic() + timeout_s, 0
    while at < len(data):
        if cancelled is not None and cancelled.is_set():
            raise Cancelled
        left = end - time.monotonic()
        if left <= 0:
            raise TimedOut
        at += push(data[at : at + _PUSH], min(left, _LOOK_S))


def printer_interface(device: Any) -> Any:
    """The interface of printer class on a USB device; None when it has none."""
    for configuration in device:
        found = usb.util.find_descriptor(configuration, bInterfaceClass=PRINTER_CLASS)
        if found is not None:
            return found
    return None


def usb_path(device: Any) -> str:
    """Where a USB device is now; it changes when it is plugged in again."""
    return f"usb:{device.bus:03d}:{device.address:03d}"


@contextlib.contextmanager
def _gone(kind: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kind as error:
        raise Unplugged(type(error).__name__) from None


@contextlib.contextmanager
def _late(kind: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kind:
        raise TimedOut from None


_BY_ERRNO: dict[int | None, Callable[[str], Exception]] = {
    errno.EACCES: NotAllowed,
    errno.EPERM: NotAllowed,
    errno.EBUSY: DeviceBusy,
    errno.ETIMEDOUT: TimedOut,
}


@contextlib.contextmanager
def _usb_words() -> Iterator[None]:
    try:
        yield
    except usb.core.USBError as error:
        raise _BY_ERRNO.get(error.errno, Unplugged)(f"usb errno {error.errno}") from None


@contextlib.contextmanager
def _serial_words() -> Iterator[None]:
    try:
        yield
    except OSError as error:  # SerialException is one; termios.error is not, hence below
        raise _BY_ERRNO.get(error.errno, Unplugged)(f"serial errno {error.errno}") from None
    except Exception as error:
        if type(error).__module__ != "termios":
            raise
        raise Unplugged("termios") from None
