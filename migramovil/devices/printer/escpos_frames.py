"""Slips as ESC/POS bytes, and what a printer answers about itself; no device here."""

from __future__ import annotations

import contextlib
import logging
import shutil
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import segno
from PIL import Image

from migramovil.devices.ports import PaperStatus, SlipLine
from migramovil.devices.trouble import (
    CoverOpen,
    CutterJammed,
    DeviceTrouble,
    HeadTooHot,
    PaperOut,
    PrinterBroken,
    PrinterOffline,
)

# DLE EOT n, answered at once, even in the midst of a job
ASK_READY = b"\x10\x04\x01"
ASK_OFFLINE_CAUSE = b"\x10\x04\x02"
ASK_ERROR_CAUSE = b"\x10\x04\x03"
ASK_PAPER = b"\x10\x04\x04"
ASK_WHEN_DONE = b"\x1dr\x01"  # GS r 1, answered when all that was sent before it has been printed
TELL_CHANGES = b"\x1da\x0e"  # GS a: from now on the printer says by itself when something changes
TELL_NOTHING = b"\x1da\x00"
FORGET = b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"  # DLE DC4 8: drop all that was not printed
ASK_MAKER = b"\x1dIB"  # GS I 66
ASK_MODEL = b"\x1dIC"
ASK_SERIAL = b"\x1dID"

CODE_PAGE = "CP858"  # Western letters and the euro; answers to ESC t 19
_PROFILE = "TM-T88V"
_QR_DOTS = 336  # 42 mm at 203 dpi: a phone reads it, and a slip of 58 mm holds it
_SPELT = {"Ł": "L", "ł": "l", "đ": "d", "Đ": "D", "Œ": "OE", "œ": "oe", "ı": "i", "–": "-"}
_SPELT |= {"—": "-", "‘": "'", "’": "'", "“": '"', "”": '"'}  # no marks to fall off: said by hand
_QR_MODULE = range(3, 9)  # dots


def slip_bytes(lines: Iterable[SlipLine], *, columns: int = 48) -> bytes:
    """The bytes that print the lines and cut the paper. `columns` is 42 or 48, font A."""
    printer = _composer()
    printer.hw("INIT")
    printer.charcode(CODE_PAGE)
    for line in lines:
        _compose(printer, line, columns)
    printer.cut()
    return bytes(printer.output)


# ---- what a printer says of itself -------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Status:
    """An answer to DLE EOT; which one was asked is for the asker to know."""

    bits: int


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to GS r: everything before it is on paper."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a printer told to (GS a) says by itself: four bytes."""

    bits: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Named:
    """An answer to GS I: printable ASCII."""

    text: str


Answer: TypeAlias = Status | Done | Change | Named

_BLOCKS = {0x5F, 0x37}  # what GS I and DLE DC4 answer begins with one of these and ends with NUL
_LONGEST_BLOCK = 80


class Answers:
    """Reads a printer's bytes as answers, in pieces of any size; what is none is counted.

    The fixed bits of a byte tell the kinds apart: Epson's «status identification».
    """

    def __init__(self) -> None:
        self._waiting = b""
        self.noise = 0

    def feed(self, data: bytes) -> list[Answer]:
        self._waiting += data
        found: list[Answer] = []
        while self._waiting:
            used, answer = self._next(self._waiting)
            if used == 0:
                break  # the rest has still to come
            if answer is not None:
                found.append(answer)
            self._waiting = self._waiting[used:]
        return found

    def _next(self, data: bytes) -> tuple[int, Answer | None]:
        first = data[0]
        if first & 0x93 == 0x12:
            return 1, Status(first)
        if first & 0x93 == 0x10:
            return self._change(data)
        if first & 0x90 == 0:
            return 1, Done()
        if first in _BLOCKS:
            return self._block(data)
        if first not in {0x11, 0x13}:  # XON and XOFF are the line's business
            self.noise += 1
        return 1, None

    def _change(self, data: bytes) -> tuple[int, Answer | None]:
        if any(byte & 0x90 for byte in data[1:4]):
            self.noise += 1
            return 1, None
        return (4, Change((data[0], data[1], data[2], data[3]))) if len(data) >= 4 else (0, None)

    def _block(self, data: bytes) -> tuple[int, Answer | None]:
        end = data.find(b"\0", 0, _LONGEST_BLOCK)
        if end < 0:
            late = len(data) >= _LONGEST_BLOCK
            self.noise += late
            return int(late), None
        text = "".join(chr(byte) for byte in data[1:end] if 0x20 <= byte < 0x7F).strip()
        return end + 1, Named(text) if data[0] == 0x5F else None


def is_offline(bits: int) -> bool:
    """From the answer to DLE EOT 1."""
    return bool(bits & 0x08)


def offline_cause(bits: int) -> DeviceTrouble | None:
    """What keeps the printer from printing, from its answer to DLE EOT 2."""
    if bits & 0x20:
        return PaperOut()
    if bits & 0x04:
        return CoverOpen()
    return PrinterOffline() if bits & 0x40 else None


def error_cause(bits: int) -> DeviceTrouble | None:
    """What is wrong with the printer itself, from its answer to DLE EOT 3."""
    if bits & 0x20:
        return PrinterBroken()
    if bits & 0x08:
        return CutterJammed()
    return HeadTooHot() if bits & 0x40 else None


def paper(bits: int) -> PaperStatus:
    """From the answer to DLE EOT 4."""
    if bits & 0x60:
        return PaperStatus.OUT
    return PaperStatus.LOW if bits & 0x0C else PaperStatus.OK


def change_cause(change: Change) -> DeviceTrouble | None:
    """What keeps the printer from printing, from what it says by itself."""
    first, second, third, _ = change.bits
    if third & 0x0C:
        return PaperOut()
    if first & 0x20:
        return CoverOpen()
    return error_cause(second & 0x68)


def device_id(data: bytes) -> dict[str, str]:
    """What a USB printer says of itself: two bytes of length, then "MFG:…;MDL:…;CMD:…;"."""
    pairs = (part.partition(":") for part in data[2:].decode("latin-1").split(";"))
    said = {key.strip().upper(): value for key, colon, value in pairs if colon}
    return {
        key: "".join(letter for letter in value if letter.isprintable()).strip()[:_LONGEST_BLOCK]
        for key, value in said.items()
    }


# ---- slips -------------------------------------------------------------------------------------


def printable(text: str) -> str:
    """The text in the printer's letters; marks it lacks fall off, the unsayable becomes «?»."""
    return "".join(_letter(letter) for letter in unicodedata.normalize("NFC", text))


def _compose(printer: Any, line: SlipLine, columns: int) -> None:
    if line.rule:
        printer.set_with_default()
        printer.textln("-" * columns)
        return
    printer.set_with_default(
        align="center" if line.centre or line.qr else "left",
        bold=line.bold,
        custom_size=line.size > 1,
        width=line.size,
        height=line.size,
    )
    if line.qr:
        printer.image(_qr_picture(line.text))
        return
    for row in _rows(line, columns // line.size):
        printer.textln(row)


def _rows(line: SlipLine, columns: int) -> list[str]:
    """The line as rows of at most `columns` letters, its right part at the edge of the last."""
    right = printable(line.right)[:columns]
    rows = _wrapped(printable(line.text), columns)
    if not right:
        return rows
    if len(rows[-1]) + 1 + len(right) > columns:
        rows.append("")
    rows[-1] = rows[-1].ljust(columns - len(right)) + right
    return rows


def _wrapped(text: str, columns: int) -> list[str]:
    """Broken at spaces; a word longer than a row is cut. An empty text is one empty row."""
    rows = [""]
    for word in text.split(" "):
        rest = word
        if rows[-1] and len(rows[-1]) + 1 + len(rest) <= columns:
            rows[-1] += " " + rest
            continue
        if rows[-1]:
            rows.append("")
        while len(rest) > columns:
            rows[-1], rest = rest[:columns], rest[columns:]
            rows.append("")
        rows[-1] = rest
    return rows


def _qr_picture(text: str) -> Image.Image:
    """A raster: every thermal printer prints one, and many cannot make a QR code themselves."""
    code = segno.make_qr(text, error="m")
    size = code.symbol_size()[0]
    scale = max(_QR_MODULE.start, min(_QR_MODULE.stop - 1, _QR_DOTS // size))
    matrix = list(code.matrix_iter(scale=scale))
    picture = Image.new("1", (len(matrix), len(matrix)))
    picture.putdata([0 if dark else 255 for row in matrix for dark in row])
    return picture


def _letter(letter: str) -> str:
    if letter.isspace():
        return " "
    if letter.isprintable() and _encodes(letter):
        return letter
    spelt = unicodedata.normalize("NFKD", _SPELT.get(letter, letter))
    plain = "".join(part for part in spelt if not unicodedata.combining(part))
    return plain if plain and plain.isprintable() and _encodes(plain) else "?"


def _encodes(text: str) -> bool:
    try:
        text.encode(CODE_PAGE)
    except UnicodeEncodeError:
        return False
    return True


def _composer() -> Any:
    return _escpos()(profile=_PROFILE)


@cache
def _escpos() -> Any:
    """python-escpos' printer into memory, kept from touching what is not its own at import.

    It warns of its own deprecations, gives the root logger a handler, and leaves a folder in the
    temporary directory.
    """
    with warnings.catch_warnings(), _same_root_logger():
        warnings.simplefilter("ignore")
        from escpos import capabilities  # noqa: PLC0415 - imported as late as may be
        from escpos.printer import Dummy  # noqa: PLC0415
    shutil.rmtree(capabilities.pickle_dir, ignore_errors=True)
    return Dummy


@contextlib.contextmanager
def _same_root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers = root.handlers[:]
    try:
        yield
    finally:
        root.handlers[:] = handlers
