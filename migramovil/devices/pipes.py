"""How bytes travel to a device and back: TCP, serial line or USB, all with the same few words."""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import serial
import usb.core
import usb.util

from migramovil.devices.trouble import DeviceBusy, NotAllowed, TimedOut, Unplugged

PRINTER_CLASS = 7


class Pipe(Protocol):
    """Two ways for bytes. DEV-01 when the far end is gone, from every method but `close`."""

    def write(self, data: bytes, *, timeout_s: float) -> None:
        """Send all of `data`; DEV-02 when that takes longer."""
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

    def write(self, data: bytes, *, timeout_s: float) -> None:
        self._socket.settimeout(timeout_s)
        with _gone(OSError), _late(TimeoutError):
            self._socket.sendall(data)

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

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        self._socket.close()


class SerialPipe:
    """A serial line, real or over USB, eight bits and no parity."""

    def __init__(self, port: str, *, baud: int = 9600) -> None:
        with _serial_words():
            self._line = serial.Serial(port, baud, timeout=0, write_timeout=1)

    def write(self, data: bytes, *, timeout_s: float) -> None:
        with _serial_words(), _late(serial.SerialTimeoutException):
            self._line.write_timeout = timeout_s
            self._line.write(data)

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

    def write(self, data: bytes, *, timeout_s: float) -> None:
        end = time.monotonic() + timeout_s
        with _usb_words(), _late(usb.core.USBTimeoutError):
            for at in range(0, len(data), 4096):
                left_ms = max(1, int((end - time.monotonic()) * 1000))
                self._out.write(data[at : at + 4096], left_ms)

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
