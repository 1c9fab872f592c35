"""Slips as ESC/POS bytes, and what a printer answers about itself; no device here."""

from __future__ import annotations

import contextlib
import logging
import shutil
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import segno
from PIL import Image

from migramovil.devices.ports import PaperStatus, SlipLine
from migramovil.devices.trouble import CoverOpen, DeviceTrouble, PaperOut, PrinterOffline

ASK_OFFLINE_CAUSE = b"\x10\x04\x02"  # DLE EOT 2, answered at once, even in the midst of a job
ASK_PAPER = b"\x10\x04\x04"  # DLE EOT 4
ASK_WHEN_DONE = b"\x1dr\x01"  # GS r 1, answered when all that was sent before it has been printed

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


def is_status(answer: int) -> bool:
    """Whether a byte has the fixed bits of a DLE EOT answer."""
    return answer & 0x93 == 0x12


def is_done(answer: int) -> bool:
    """Whether a byte has the fixed bits of a GS r answer."""
    return answer & 0x90 == 0


def offline_cause(answer: int) -> DeviceTrouble | None:
    """What keeps the printer from printing, from its answer to DLE EOT 2."""
    if answer & 0x20:
        return PaperOut()
    if answer & 0x04:
        return CoverOpen()
    return PrinterOffline() if answer & 0x40 else None


def paper(answer: int) -> PaperStatus:
    """From the answer to DLE EOT 4."""
    if answer & 0x60:
        return PaperStatus.OUT
    return PaperStatus.LOW if answer & 0x0C else PaperStatus.OK


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
