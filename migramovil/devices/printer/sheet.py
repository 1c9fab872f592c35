"""A slip as a page, drawn in memory, in the form a printer takes: PDF, PWG raster or JPEG."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

import segno
from PIL import Image, ImageDraw, ImageFont

from migramovil.devices.ports import SlipLine
from migramovil.devices.printer.escpos_frames import printable

PDF, PWG, JPEG = "application/pdf", "image/pwg-raster", "image/jpeg"
FORMATS = (PDF, PWG, JPEG)  # the first that a printer takes: the sharpest first

_SIZE = re.compile(r"_(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)(mm|in)$")
_ROLL_MM = 120.0  # nothing narrower is sold in sheets that hold a slip
_CARD_MM = 104.0
_TEXT_MM = 4.0  # from line to line: 11 points
_SMALLEST = 0.55  # a word that would have to be smaller is broken instead
_QR_MM = 34.0
_FACES = ("Inter-{}.otf", "Inter-{}.ttf", "DejaVuSans{}.ttf", "segoeui{}.ttf")
_BOLD = ("SemiBold", "SemiBold", "-Bold", "b")
_PLAIN = ("Regular", "Regular", "", "")
_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "C:/Windows/Fonts")

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """The paper in a printer. A roll is as long as the slip; its height is its longest piece."""

    name: str
    width_mm: float
    height_mm: float

    @property
    def roll(self) -> bool:
        return self.width_mm < _ROLL_MM and not 1 < self.height_mm / self.width_mm < 1.6

    @classmethod
    def named(cls, name: str) -> Media | None:
        """From a self-describing name like iso_a4_210x297mm (PWG 5101.1); None for others."""
        found = _SIZE.search(name)
        if found is None:
            return None
        unit = 25.4 if found[3] == "in" else 1.0
        width, height = float(found[1]) * unit, float(found[2]) * unit
        known = 40 <= width <= 450 and 40 <= height <= 5000
        return cls(name=name, width_mm=width, height_mm=height) if known else None


A4 = Media(name="iso_a4_210x297mm", width_mm=210, height_mm=297)


def document(lines: Iterable[SlipLine], media: Media, form: str, dpi: int) -> bytes:
    """The slip on such paper, as a document of such a MIME type."""
    picture = page(lines, media, dpi)
    if form == PWG:
        return _pwg(picture, dpi, media)
    held = io.BytesIO()
    if form == JPEG:
        picture.save(held, "JPEG", quality=92, dpi=(dpi, dpi))
    else:
        picture.point(_black_or_white).convert("1").save(held, "PDF", resolution=dpi)
    return held.getvalue()


def page(lines: Iterable[SlipLine], media: Media, dpi: int) -> Image.Image:
    """The page, grey, at its true size: a card to cut out on a sheet, all of a roll's width."""
    slip = tuple(lines)
    room_mm = media.height_mm - 24
    card = _drawn(slip, media, dpi)
    if not media.roll and card.height > _dots(room_mm, dpi):
        card = _drawn(slip, media, dpi, room_mm * dpi / 25.4 / card.height)
    across = _dots(media.width_mm, dpi)
    down = card.height if media.roll else _dots(media.height_mm, dpi)
    sheet = Image.new("L", (across, down), 255)
    left, top = (across - card.width) // 2, 0 if media.roll else _dots(12, dpi)
    sheet.paste(card, (left, top))
    if not media.roll:
        _cut_marks(sheet, (left, top, left + card.width, top + card.height), dpi)
    return sheet


# ---- drawing -----------------------------------------------------------------------------------
class _Pen:
    """Where the next line of a slip goes; all measures in dots."""

    def __init__(self, width: int, unit: float, edge_mm: float) -> None:
        self.width = width
        self.unit = unit  # dots in a millimetre, as the slip is scaled
        self.edge = round(edge_mm * unit)
        self.strips: list[Image.Image] = []

    @property
    def room(self) -> int:
        return self.width - 2 * self.edge

    def strip(self, height_mm: float) -> tuple[Image.Image, ImageDraw.ImageDraw]:
        made = Image.new("L", (self.width, max(1, round(height_mm * self.unit))), 255)
        self.strips.append(made)
        return made, ImageDraw.Draw(made)


def _drawn(slip: Sequence[SlipLine], media: Media, dpi: int, factor: float = 1.0) -> Image.Image:
    """The slip as a picture: all of a roll's width, a card on a sheet."""
    width_mm = media.width_mm if media.roll else min(_CARD_MM, media.width_mm - 20)
    pen = _Pen(_dots(width_mm, dpi), dpi / 25.4 * factor, 3.5 if media.roll else 4.5)
    pen.strip(3)
    for line in slip:
        _draw(pen, line)
    pen.strip(4)
    card = Image.new("L", (pen.width, sum(strip.height for strip in pen.strips)), 255)
    top = 0
    for strip in pen.strips:
        card.paste(strip, (0, top))
        top += strip.height
    return card


def _draw(pen: _Pen, line: SlipLine) -> None:
    if line.rule:
        _, draw = pen.strip(4)
        middle = round(2 * pen.unit)
        across = (pen.edge, middle, pen.width - pen.edge, middle)
        draw.line(across, 0, max(1, round(0.2 * pen.unit)))
    elif line.qr:
        _draw_code(pen, line.text)
    else:
        _draw_text(pen, line)


def _draw_code(pen: _Pen, text: str) -> None:
    code = segno.make_qr(text, error="m")
    scale = max(2, int(_QR_MM * pen.unit) // code.symbol_size()[0])
    rows = [[0 if dark else 255 for dark in row] for row in code.matrix_iter(scale=scale)]
    picture = Image.new("L", (len(rows), len(rows)))
    picture.putdata([light for row in rows for light in row])
    strip, _ = pen.strip(len(rows) / pen.unit + 2)
    strip.paste(picture, ((pen.width - len(rows)) // 2, round(pen.unit)))


def _draw_text(pen: _Pen, line: SlipLine) -> None:
    high, font = _fitting(pen, line)
    left = _wrapped(_speakable(line.text, font), font, pen.room)
    if not line.right:
        for row in left:
            _put(pen, high, font, row, where="middle" if line.centre else "left")
        return
    right = _wrapped(_speakable(line.right, font), font, pen.room)
    fits = len(right) == 1 and font.getlength(f"{left[-1]}  {right[0]}") <= pen.room
    beside = right.pop() if fits else ""
    for row in left[:-1]:
        _put(pen, high, font, row)
    _put(pen, high, font, left[-1], beside=beside)
    for row in right:
        _put(pen, high, font, row, where="right")


def _fitting(pen: _Pen, line: SlipLine) -> tuple[float, Font]:
    """The height of a row in millimetres, and letters in which the longest word fits the paper."""
    high = _TEXT_MM * (1.7 if line.size > 1 else 1.0)
    font = _font(round(high * pen.unit * 0.95), bold=line.bold)
    words = _speakable(f"{line.text} {line.right}", font).split(" ")
    longest = max(font.getlength(word) for word in words)
    if longest > pen.room:
        high *= max(_SMALLEST, pen.room / longest * 0.99)
        font = _font(round(high * pen.unit * 0.95), bold=line.bold)
    return high, font


def _put(
    pen: _Pen, high: float, font: Font, row: str, *, where: str = "left", beside: str = ""
) -> None:
    """One row, and what stands at the right edge of the same."""
    _, draw = pen.strip(high * 1.4)
    base = round(high * pen.unit * 1.05)
    places = {
        "left": (pen.edge, "ls"),
        "middle": (pen.width // 2, "ms"),
        "right": (pen.width - pen.edge, "rs"),
    }
    for text, (x, anchor) in ((row, places[where]), (beside, places["right"])):
        draw.text((x, base), text, 0, font, anchor=anchor)


def _wrapped(text: str, font: Font, room: int) -> list[str]:
    """Broken at spaces, and a word that is too long wherever it must; never empty."""
    rows = [""]
    for word in text.split(" "):
        longer = f"{rows[-1]} {word}".strip()
        if font.getlength(longer) <= room:
            rows[-1] = longer
            continue
        rest = word
        while font.getlength(rest) > room and len(rest) > 1:
            fits = next(n for n in range(len(rest) - 1, 0, -1) if _fits(rest[:n], font, room))
            rows.append(rest[:fits])
            rest = rest[fits:]
        rows.append(rest)
    return rows if rows[0] or len(rows) == 1 else rows[1:]


def _fits(text: str, font: Font, room: int) -> bool:
    return len(text) == 1 or font.getlength(text) <= room


def _speakable(text: str, font: Font) -> str:
    """Letters the font lacks as the thermal printer would spell them, never as empty boxes."""
    return "".join(
        letter if letter == " " or _has(font, letter) else printable(letter) for letter in text
    )


def _has(font: Font, letter: str) -> bool:
    return letter.isprintable() and bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))


def _cut_marks(sheet: Image.Image, box: tuple[int, int, int, int], dpi: int) -> None:
    """A dashed line to cut along."""
    draw, dash = ImageDraw.Draw(sheet), _dots(1.5, dpi)
    wide = max(1, dpi // 150)
    left, top, right, bottom = box
    for x in range(left, right, 2 * dash):
        for y in (top, bottom):
            draw.line((x, y, min(x + dash, right), y), 90, wide)
    for y in range(top, bottom, 2 * dash):
        for x in (left, right):
            draw.line((x, y, x, min(y + dash, bottom)), 90, wide)


@cache
def _font(size: int, *, bold: bool) -> Font:
    for face, style in zip(_FACES, _BOLD if bold else _PLAIN, strict=True):
        for folder in _FOLDERS:
            for path in Path(folder).rglob(face.format(style)):
                return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
    return ImageFont.load_default(size)


def _black_or_white(light: int) -> int:
    return 255 if light > 140 else 0


def _dots(millimetres: float, dpi: int) -> int:
    return round(millimetres * dpi / 25.4)


# ---- PWG raster (PWG 5102.4) -------------------------------------------------------------------
def _pwg(picture: Image.Image, dpi: int, media: Media) -> bytes:
    points = [round(dots * 72 / dpi) for dots in picture.size]
    return b"RaS2" + _pwg_header(picture.size, dpi, points, media.name) + _pwg_rows(picture)


def _pwg_header(size: tuple[int, int], dpi: int, points: list[int], name: str) -> bytes:
    """1796 bytes, all numbers big-endian: one grey page, one side, eight bits to a dot."""
    header = bytearray(1796)
    header[:9] = b"PwgRaster"
    at = {
        276: (dpi, dpi),
        340: (1,),  # copies
        352: points,
        372: size,
        384: (8, 8, size[0]),  # bits per colour, bits per pixel, bytes per line
        396: (0, 18),  # chunky, sGray
        420: (1,),  # colours
        452: (1, 1, 1),  # pages, and neither turned nor mirrored
    }
    for place, numbers in at.items():
        struct.pack_into(f">{len(numbers)}I", header, place, *numbers)
    header[1732 : 1732 + len(name[:63])] = name[:63].encode("ascii", "replace")
    return bytes(header)


def _pwg_rows(picture: Image.Image) -> bytes:
    width, height = picture.size
    data = picture.tobytes()
    rows = (data[row * width : (row + 1) * width] for row in range(height))
    out = bytearray()
    for row, same in groupby(rows):
        count, packed = sum(1 for _ in same), _packed(row)
        while count:
            repeat = min(count, 256)
            out += bytes([repeat - 1]) + packed
            count -= repeat
    return bytes(out)


def _packed(row: bytes) -> bytes:
    """Runs of one grey, up to 128 long; greys that differ, up to 128 together."""
    out, loose = bytearray(), bytearray()
    for grey, run in groupby(row):
        count = sum(1 for _ in run)
        if count == 1:
            loose.append(grey)
        if loose and (count > 1 or len(loose) == 128):
            out += _loose(loose)
            loose.clear()
        while count > 1:
            length = min(count, 128)
            out += bytes([length - 1, grey])
            count -= length
            if count == 1:
                loose.append(grey)
    return bytes(out + _loose(loose))


def _loose(greys: bytearray) -> bytes:
    if not greys:
        return b""
    return bytes([0, greys[0]]) if len(greys) == 1 else bytes([257 - len(greys)]) + greys
