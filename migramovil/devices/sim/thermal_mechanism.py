"""What is inside the played thermal printer: paper, buffer and faults; a line is put to it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from PIL import Image

from migramovil.devices.sim.thermal_frames import (
    Action,
    Cut,
    Forget,
    LineEnd,
    NameAsked,
    StatusAsked,
    TellChanges,
    Thermal,
)
from migramovil.devices.sim.thermal_paper import Paper

Send = Callable[[bytes], object]


class PrinterFault(StrEnum):
    """What can be made to go wrong. Unplugging is the line's business."""

    NONE = "none"
    PAPER_LOW = "paper low"
    PAPER_OUT = "paper out"
    PAPER_ENDS_MIDWAY = "paper ends midway"  # there is some, but not enough for the next slip
    COVER_OPEN = "cover open"
    OFFLINE = "offline"  # answers, and prints nothing
    CUTTER = "cutter jammed"
    HOT = "head too hot"
    BROKEN = "broken"
    MUTE = "mute"  # prints, and answers nothing: a printer without a way back
    GARBAGE = "garbage"  # prints, and answers what nobody understands
    HANG = "hang"  # takes nothing and says nothing, and yet the line stands


_OFFLINE_CAUSES = {
    PrinterFault.PAPER_OUT: 0x20,
    PrinterFault.COVER_OPEN: 0x04,
    PrinterFault.OFFLINE: 0x40,
    PrinterFault.CUTTER: 0x40,
    PrinterFault.HOT: 0x40,
    PrinterFault.BROKEN: 0x40,
}
_ERRORS = {PrinterFault.CUTTER: 0x08, PrinterFault.HOT: 0x40, PrinterFault.BROKEN: 0x20}
_STOPS = {*_OFFLINE_CAUSES, PrinterFault.HANG}
_NAMES = {66: b"MIGRAMOVIL", 67: b"Termica 80", 68: b"SIM0417"}
_LINES_LEFT = 3  # when the paper ends midway


class Mechanism:
    """The printer behind any line: `hear` what came, `send` is where answers go.

    `slips` holds what was cut, RGB pictures; `scraps` what came out of a slip whose paper ended.
    As in the real ones, what was not printed waits in the buffer and comes out when the fault is
    gone, unless the printer is told to forget it. `save_to` writes slip-0001.png and so on.
    """

    def __init__(
        self,
        *,
        on_slip: Callable[[Image.Image], object] = lambda _: None,
        save_to: Path | None = None,
        seconds_per_slip: float = 0.0,
    ) -> None:
        self.slips: list[Image.Image] = []
        self.scraps: list[Image.Image] = []
        self.seconds_per_slip = seconds_per_slip
        self._on_slip = on_slip
        self._save_to = save_to
        self._fault = PrinterFault.NONE
        self._thermal = Thermal()
        self._paper = Paper()
        self._lines = 0
        self._buffer: deque[Action] = deque()
        self._tells = False
        self._send: Send = lambda _: None
        self._lock = threading.RLock()

    @property
    def fault(self) -> PrinterFault:
        return self._fault

    @fault.setter
    def fault(self, fault: PrinterFault) -> None:
        with self._lock:
            self._become(fault)
            self._work()

    def connect(self, send: Send) -> None:
        """A new line: half a command that came over the last one is gone with it."""
        with self._lock:
            self._thermal = Thermal()
            self._send, self._tells = send, False

    def hear(self, data: bytes) -> None:
        with self._lock:
            for action in self._thermal.feed(data):
                self._take(action)
            self._work()

    def _take(self, action: Action) -> None:
        """What is asked in real time is answered before what waits in the buffer."""
        if isinstance(action, StatusAsked) and action.now:
            self._answer(bytes([self._status(action.number)]))
        elif isinstance(action, Forget):
            self._buffer.clear()
            self._paper, self._lines = Paper(), 0
            self._answer(b"\x37\x25\x00")
        else:
            self._buffer.append(action)

    def _work(self) -> None:
        while self._buffer and self._fault not in _STOPS:
            self._do(self._buffer.popleft())

    def _do(self, action: Action) -> None:
        if isinstance(action, StatusAsked):
            self._answer(b"\x03" if self._fault is PrinterFault.PAPER_LOW else b"\x00")
        elif isinstance(action, NameAsked):
            self._answer(b"\x5f" + _NAMES.get(action.number, b"") + b"\x00")
        elif isinstance(action, TellChanges):
            self._tells = action.on
            self._tell()
        elif isinstance(action, Cut):
            self._cut()
        else:
            self._print(action)

    def _print(self, action: Action) -> None:
        self._paper.take(action)
        self._lines += isinstance(action, LineEnd)
        if self._fault is PrinterFault.PAPER_ENDS_MIDWAY and self._lines >= _LINES_LEFT:
            self.scraps.append(self._paper.torn_off())
            self._paper, self._lines = Paper(), 0
            self._become(PrinterFault.PAPER_OUT)

    def _cut(self) -> None:
        if self._paper.blank:
            return
        time.sleep(self.seconds_per_slip)
        slip, self._paper, self._lines = self._paper.torn_off(), Paper(), 0
        self.slips.append(slip)
        if self._save_to is not None:
            self._save_to.mkdir(parents=True, exist_ok=True)
            slip.save(self._save_to / f"slip-{len(self.slips):04}.png")
        self._on_slip(slip)

    def _become(self, fault: PrinterFault) -> None:
        self._fault = fault
        self._tell()

    def _tell(self) -> None:
        if self._tells:
            first = 0x10 | (0x08 if self._fault in _STOPS else 0)
            first |= 0x20 if self._fault is PrinterFault.COVER_OPEN else 0
            third = {PrinterFault.PAPER_OUT: 0x0F, PrinterFault.PAPER_LOW: 0x03}
            self._answer(bytes([first, _ERRORS.get(self._fault, 0), third.get(self._fault, 0), 0]))

    def _answer(self, data: bytes) -> None:
        if self._fault in {PrinterFault.MUTE, PrinterFault.HANG}:
            return
        self._send(b"\xfe\xff\xfd" if self._fault is PrinterFault.GARBAGE else data)

    def _status(self, number: int) -> int:
        out = self._fault is PrinterFault.PAPER_OUT
        low = 0x0C if out or self._fault is PrinterFault.PAPER_LOW else 0
        return 0x12 | {
            1: 0x08 if self._fault in _STOPS else 0,
            2: _OFFLINE_CAUSES.get(self._fault, 0),
            3: _ERRORS.get(self._fault, 0),
            4: low | (0x60 if out else 0),
        }.get(number, 0)
