"""The played thermal printer at the end of its three lines: TCP, USB and serial."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from migramovil.devices.sim.thermal_mechanism import Mechanism, PrinterFault
from migramovil.devices.sim.usb_backend import OneDeviceBackend, fill, late

__all__ = ["PrinterFault", "SerialThermalPrinter", "ThermalPrinter", "UsbThermalPrinter"]

_TRICKLE_S = 0.01


class ThermalPrinter(Mechanism):
    """On a TCP port of the loopback, one line at a time, as the real ones."""

    def __init__(self, **mechanics: Any) -> None:
        super().__init__(**mechanics)
        self._lines_open: set[socket.socket] = set()
        self._door = self._open_door(0)
        self._port: int = self._door.getsockname()[1]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def plugged(self) -> bool:
        return self._door.fileno() >= 0

    def unplug(self) -> None:
        # shutdown as well: closing alone does not wake the thread that waits at the door
        _shut(self._door)
        for line in tuple(self._lines_open):
            _shut(line)

    def plug(self) -> None:
        if not self.plugged:
            self._door = self._open_door(self._port)

    def close(self) -> None:
        self.unplug()

    def _open_door(self, port: int) -> socket.socket:
        door = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._welcome, args=(door,), name="printer", daemon=True).start()
        return door

    def _welcome(self, door: socket.socket) -> None:
        while True:
            try:
                line, _ = door.accept()
            except OSError:
                return
            self._lines_open = {line}
            self.connect(partial(_quietly, line.sendall))
            with contextlib.suppress(OSError), line:
                self._serve(line)

    def _serve(self, line: socket.socket) -> None:
        while data := line.recv(4096):
            self.hear(data)
            while self.fault is PrinterFault.HANG and line.fileno() >= 0:
                time.sleep(_TRICKLE_S)


class UsbThermalPrinter(OneDeviceBackend):
    """On a USB bus within the process; `mechanism` is the printer itself.

    `commands` is what it says to take, "" for one that says nothing of itself.
    """

    def __init__(self, *, commands: str = "ESC/POS", **mechanics: Any) -> None:
        super().__init__(
            vendor=0x04B8, product=0x0202, endpoints=((0x01, 2), (0x82, 2)), interface_class=7
        )
        self.mechanism = Mechanism(**mechanics)
        self._commands = commands
        self._answers: deque[int] = deque()
        self.mechanism.connect(self._answers.extend)

    def claim_interface(self, dev_handle: object, intf: int) -> None:
        super().claim_interface(dev_handle, intf)
        self._answers.clear()
        self.mechanism.connect(self._answers.extend)

    def ctrl_transfer(self, dev_handle: object, *request: Any) -> int:
        """GET_DEVICE_ID alone: request type, request, value, index, buffer, timeout."""
        self.check_plugged()
        if request[:2] != (0xA1, 0) or not self._commands:
            raise late()
        said = f"MFG:MIGRAMOVIL;MDL:Termica 80;CMD:{self._commands};SN:SIM0417;".encode()
        return fill(request[4], (len(said) + 2).to_bytes(2, "big") + said)

    def bulk_write(self, dev_handle: object, ep: int, intf: int, data: Any, timeout: int) -> int:
        """Half of a long packet at most, as libusb may."""
        self.check_plugged()
        if self.mechanism.fault is PrinterFault.HANG:
            time.sleep(timeout / 1000)
            raise late()
        taken = bytes(data)[:1000]
        self.mechanism.hear(taken)
        return len(taken)

    def bulk_read(self, dev_handle: object, ep: int, intf: int, buff: Any, timeout: int) -> int:
        self.check_plugged()
        end = time.monotonic() + timeout / 1000
        while not self._answers:
            if time.monotonic() >= end:
                raise late()
            time.sleep(0.001)
            self.check_plugged()
        return fill(buff, bytes([self._answers.popleft()]))


class SerialThermalPrinter(Mechanism):
    """On a pseudo-terminal (POSIX only); `port` is where the station finds it.

    `bytes_per_second` slows the line down; 0 is as fast as it goes.
    """

    def __init__(self, *, bytes_per_second: int = 0, **mechanics: Any) -> None:
        super().__init__(**mechanics)
        self._rate = bytes_per_second
        self._near = -1
        self._thread: threading.Thread | None = None
        self.port = ""
        self.plug()

    def plug(self) -> None:
        """Under another name than before, as a USB adapter gets one."""
        import pty  # noqa: PLC0415 - POSIX only
        import tty  # noqa: PLC0415

        if self._near >= 0:
            return
        near, far = pty.openpty()
        tty.setraw(far)
        self._near, self.port = near, os.ttyname(far)
        self.connect(partial(_quietly, partial(os.write, near)))
        self._thread = threading.Thread(
            target=self._serve, args=(near, far), name="printer", daemon=True
        )
        self._thread.start()

    def unplug(self) -> None:
        self._near = -1
        self._send = lambda _: None  # not behind the lock: it is pulled in the midst of a slip
        if self._thread is not None:
            self._thread.join(2)

    def close(self) -> None:
        self.unplug()

    def _serve(self, near: int, far: int) -> None:
        while self._near == near:
            if self.fault is PrinterFault.HANG:
                time.sleep(_TRICKLE_S)
            elif select.select([near], [], [], _TRICKLE_S)[0]:
                self._read(near)
        os.close(near)
        os.close(far)

    def _read(self, near: int) -> None:
        try:
            data = os.read(near, 512)
        except OSError:  # the station's end was closed; it may be opened again
            time.sleep(_TRICKLE_S)
            return
        self.hear(data)
        if self._rate:
            time.sleep(len(data) / self._rate)


def _quietly(send: Callable[[bytes], object], data: bytes) -> None:
    """Nobody may listen any more: that is the station's business."""
    with contextlib.suppress(OSError):
        send(data)


def _shut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()
