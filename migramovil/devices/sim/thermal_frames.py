"""What a thermal printer understands: ESC/POS bytes to actions, however they are cut up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from migramovil.devices.ports import Pixels

CODE_PAGES = {
    0: "cp437",
    2: "cp850",
    3: "cp860",
    16: "cp1252",
    18: "cp852",
    19: "cp858",
    40: "iso8859-15",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Letters in the style that was set when they came; no line ends."""

    text: str
    bold: bool
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LineEnd:
    align: int  # 0 left, 1 centre, 2 right


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """A picture, uint8 (h, w): 1 is a burnt dot."""

    dots: Pixels
    align: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QrCode:
    data: bytes
    module: int  # dots
    align: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    lines: int


@dataclass(frozen=True, slots=True)
class Cut: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusAsked:
    """`now` for DLE EOT `number`; else GS r `number`, in turn."""

    number: int
    now: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NameAsked:
    """GS I: 66 the maker, 67 the model, 68 the serial number."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TellChanges:
    """GS a: say by yourself what changes, or no more."""

    on: bool


@dataclass(frozen=True, slots=True)
class Forget:
    """DLE DC4 8: drop, at once, all that came and was not printed."""


Action = (
    Text | LineEnd | Raster | QrCode | Feed | Cut | StatusAsked | NameAsked | TellChanges | Forget
)

_DLE, _ESC, _GS = 0x10, 0x1B, 0x1D

# How many bytes of parameters follow a command; commands with data of their own are apart below.
_ESC_SIZES = {
    0x40: 0,  # @ initialise
    0x32: 0,  # 2 default line spacing
    **dict.fromkeys(b"!EGaMtdJ3-{VRpr ", 1),
}
_GS_SIZES = dict.fromkeys(b"!BrabHfhwI", 1) | {0x4C: 2, 0x57: 2, 0x50: 2}


class Thermal:
    """Reads bytes and yields actions; any bytes at all, in pieces of any size."""

    def __init__(self) -> None:
        self._waiting = b""
        self._qr_data, self._qr_module = b"", 3
        self._initialise()

    def feed(self, data: bytes) -> Iterator[Action]:
        self._waiting += data
        while self._waiting:
            used, actions = self._next(self._waiting)
            if used == 0:
                return  # the rest of a command has still to come
            self._waiting = self._waiting[used:]
            yield from actions

    def _initialise(self) -> None:
        self._bold = False
        self._width = self._height = 1
        self._align = 0
        self._page = "cp437"

    def _next(self, data: bytes) -> tuple[int, list[Action]]:
        first = data[0]
        if first == 0x0A:
            return 1, [LineEnd(align=self._align)]
        if first in {_DLE, _ESC, _GS}:
            return self._command(data) if len(data) > 1 else (0, [])
        if first < 0x20:
            return 1, []
        return self._text(data)

    def _text(self, data: bytes) -> tuple[int, list[Action]]:
        end = next((at for at, byte in enumerate(data) if byte < 0x20), len(data))
        text = data[:end].decode(self._page, "replace")
        style = Text(text=text, bold=self._bold, width=self._width, height=self._height)
        return end, [style]

    def _command(self, data: bytes) -> tuple[int, list[Action]]:
        lead, code = data[0], data[1]
        if lead == _DLE and code == 0x14:
            return self._real_time(data)
        if lead == _DLE:
            size = 1
        elif lead == _GS and code in b"(vVk":
            return self._long_command(data)
        else:
            size = (_ESC_SIZES if lead == _ESC else _GS_SIZES).get(code, 0)
        if len(data) < 2 + size:
            return 0, []
        argument = data[2] if size else 0
        return 2 + size, self._short(lead, code, argument)

    def _real_time(self, data: bytes) -> tuple[int, list[Action]]:
        """DLE DC4: 8 clears, when the seven bytes after it say so too; the others open drawers."""
        size = 10 if data[2:3] == b"\x08" else 5
        if len(data) < size:
            return 0, []
        return size, [Forget()] if data[2:size] == b"\x08\x01\x03\x14\x01\x06\x02\x08" else []

    def _short(self, lead: int, code: int, argument: int) -> list[Action]:
        if lead == _DLE:
            return [StatusAsked(number=argument, now=True)] if code == 0x04 else []
        if lead == _GS:
            return self._gs(code, argument)
        return self._esc(code, argument)

    def _gs(self, code: int, argument: int) -> list[Action]:
        if code == 0x21:  # !
            self._width, self._height = (argument >> 4 & 7) + 1, (argument & 7) + 1
        elif code == 0x72:  # r
            return [StatusAsked(number=argument, now=False)]
        elif code == 0x49:  # I
            return [NameAsked(number=argument)]
        elif code == 0x61:  # a
            return [TellChanges(on=argument != 0)]
        return []

    def _esc(self, code: int, argument: int) -> list[Action]:
        if code == 0x40:  # @
            self._initialise()
        elif code == 0x21:  # !
            self._bold = bool(argument & 0x08)
            self._height, self._width = (argument >> 4 & 1) + 1, (argument >> 5 & 1) + 1
        elif code in b"EG":
            self._bold = bool(argument & 1)
        elif code == 0x61:  # a
            self._align = argument % 48 if argument % 48 < 3 else 0
        elif code == 0x74:  # t
            self._page = CODE_PAGES.get(argument, "cp437")
        elif code == 0x64:  # d
            return [LineEnd(align=self._align), Feed(lines=argument)]
        return []

    def _long_command(self, data: bytes) -> tuple[int, list[Action]]:
        code = data[1]
        if code == 0x56:  # V m, or V m n
            size = 4 if data[2:3] and data[2] >= 65 else 3
            return (size, [Cut()]) if len(data) >= size else (0, [])
        if code == 0x76:  # v 0 m xL xH yL yH
            return self._raster(data)
        if code == 0x28:  # ( k pL pH
            return self._block(data)
        return self._barcode(data)

    def _raster(self, data: bytes) -> tuple[int, list[Action]]:
        if len(data) < 8:
            return 0, []
        across, down = (int.from_bytes(data[at : at + 2], "little") for at in (4, 6))
        size = 8 + across * down
        if len(data) < size:
            return 0, []
        if across * down == 0:
            return size, []
        rows = np.frombuffer(data, np.uint8, across * down, 8).reshape(down, across)
        dots = np.unpackbits(rows, axis=1)
        dots = dots.repeat(2 if data[3] & 1 else 1, axis=1).repeat(2 if data[3] & 2 else 1, axis=0)
        return size, [Raster(dots=dots, align=self._align)]

    def _block(self, data: bytes) -> tuple[int, list[Action]]:
        if len(data) < 5:
            return 0, []
        size = 5 + int.from_bytes(data[3:5], "little")
        if len(data) < size:
            return 0, []
        is_code = data[2] == 0x6B and data[5:6] == b"1"  # k, cn 49: QR codes
        return size, self._qr(data[6:7], data[7:size]) if is_code else []

    def _qr(self, function: bytes, body: bytes) -> list[Action]:
        if function == b"C" and body:
            self._qr_module = min(max(body[0], 1), 16)
        elif function == b"P":
            self._qr_data = body[1:]
        elif function == b"Q" and self._qr_data:
            return [QrCode(data=self._qr_data, module=self._qr_module, align=self._align)]
        return []

    def _barcode(self, data: bytes) -> tuple[int, list[Action]]:
        """GS k: swallowed whole; the slips here hold no such codes."""
        if len(data) < 4:
            return 0, []
        if data[2] >= 65:
            size = 4 + data[3]
            return (size, []) if len(data) >= size else (0, [])
        end = data.find(b"\0", 3)
        return (end + 1, []) if end > 0 else (0, [])
