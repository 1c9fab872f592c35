"""A thermal printer that listens on a TCP port of the loopback and prints to pictures."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from PIL import Image

from migramovil.devices.sim.thermal_frames import Action, Cut, StatusAsked, Thermal
from migramovil.devices.sim.thermal_paper import Paper


class PrinterFault(StrEnum):
    """What can be made to go wrong. Unplugging is `unplug()`."""

    NONE = "none"
    PAPER_LOW = "paper low"
    PAPER_OUT = "paper out"
    PAPER_ENDS_MIDWAY = "paper ends midway"  # there is some, but not enough for the next slip
    COVER_OPEN = "cover open"
    OFFLINE = "offline"  # answers, and prints nothing
    MUTE = "mute"  # prints, and answers nothing: a printer without a way back


_STOPS = {PrinterFault.PAPER_OUT, PrinterFault.COVER_OPEN, PrinterFault.OFFLINE}
_NO_PAPER = {PrinterFault.PAPER_OUT}
_OFFLINE_CAUSES = {
    PrinterFault.PAPER_OUT: 0x20,
    PrinterFault.COVER_OPEN: 0x04,
    PrinterFault.OFFLINE: 0x40,
}


class ThermalPrinter:
    """The printer. `slips` holds what was cut, RGB pictures; `on_slip` is called for each.

    `save_to` writes them as slip-0001.png and so on, for demonstrations.
    """

    def __init__(
        self,
        *,
        on_slip: Callable[[Image.Image], object] = lambda _: None,
        save_to: Path | None = None,
        seconds_per_slip: float = 0.0,
    ) -> None:
        self.fault = PrinterFault.NONE
        self.slips: list[Image.Image] = []
        self._on_slip = on_slip
        self._save_to = save_to
        self._seconds_per_slip = seconds_per_slip
        self._paper = Paper()
        self._lines: set[socket.socket] = set()
        self._lock = threading.Lock()
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
        with self._lock:
            for line in self._lines:
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
        """One line at a time, as the real ones."""
        while True:
            try:
                line, _ = door.accept()
            except OSError:
                return
            with self._lock:
                self._lines = {line}
            with contextlib.suppress(OSError), line:
                self._serve(line)

    def _serve(self, line: socket.socket) -> None:
        thermal = Thermal()
        while data := line.recv(4096):
            for action in thermal.feed(data):
                answer = self._do(action)
                if answer is not None and self.fault is not PrinterFault.MUTE:
                    line.sendall(bytes([answer]))

    def _do(self, action: Action) -> int | None:
        if isinstance(action, StatusAsked) and action.now:
            return self._status(action.number)
        if self.fault in _STOPS:
            return None  # what comes now is lost with the line, as the driver asks before it sends
        if isinstance(action, StatusAsked):
            return 0x03 if self.fault is PrinterFault.PAPER_LOW else 0x00
        if isinstance(action, Cut):
            self._cut()
        else:
            self._paper.take(action)
        return None

    def _cut(self) -> None:
        if self.fault is PrinterFault.PAPER_ENDS_MIDWAY:
            self.fault, self._paper = PrinterFault.PAPER_OUT, Paper()
        if self.fault in _NO_PAPER or self._paper.blank:
            return
        time.sleep(self._seconds_per_slip)
        slip, self._paper = self._paper.torn_off(), Paper()
        self.slips.append(slip)
        if self._save_to is not None:
            self._save_to.mkdir(parents=True, exist_ok=True)
            slip.save(self._save_to / f"slip-{len(self.slips):04}.png")
        self._on_slip(slip)

    def _status(self, number: int) -> int:
        if number == 2:
            return 0x12 | _OFFLINE_CAUSES.get(self.fault, 0)
        if number == 4:
            low = 0x0C if self.fault in {PrinterFault.PAPER_LOW, *_NO_PAPER} else 0
            return 0x12 | low | (0x60 if self.fault in _NO_PAPER else 0)
        return 0x12 | (0x08 if self.fault in _STOPS else 0)


def _shut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()
