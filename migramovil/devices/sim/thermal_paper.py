"""The paper of the simulated printer: actions become a picture, 576 dots across as at 80 mm."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
import segno
from PIL import Image, ImageDraw, ImageFont

from migramovil.devices.sim.thermal_frames import (
    Action,
    Feed,
    LineEnd,
    QrCode,
    Raster,
    Text,
)

WIDTH = 576
_CELL_W, _CELL_H = 12, 24  # font A
_SPACING = 6
_MARGIN = 28  # white at both sides, as the head is narrower than the paper
_INK, _PAPER = (32, 30, 34), (250, 249, 245)
_FACES = ("JetBrainsMono-{}.ttf", "DejaVuSansMono{}.ttf")
_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "C:/Windows/Fonts")

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont


class Paper:
    """The slip that is being printed."""

    def __init__(self) -> None:
        self._strips: list[Image.Image] = []
        self._row: list[Text] = []

    @property
    def blank(self) -> bool:
        return not self._strips and not self._row

    def take(self, action: Action) -> None:
        if isinstance(action, Text):
            self._row.append(action)
        elif isinstance(action, LineEnd):
            self._end_row(action.align)
        elif isinstance(action, Feed):
            self._strips.append(_strip(action.lines * (_CELL_H + _SPACING)))
        elif isinstance(action, Raster):
            self._place(Image.fromarray((1 - action.dots) * 255), action.align)
        elif isinstance(action, QrCode):
            self._place(_qr(action), action.align)

    def torn_off(self) -> Image.Image:
        """The slip as RGB, cut edges and all."""
        height = sum(strip.height for strip in self._strips) + 2 * _MARGIN
        mask = Image.new("L", (WIDTH + 2 * _MARGIN, height), 255)
        top = _MARGIN
        for strip in self._strips:
            mask.paste(strip, (_MARGIN, top))
            top += strip.height
        slip = Image.new("RGB", mask.size, _PAPER)
        slip.paste(_INK, mask=Image.eval(mask, lambda light: 255 - light))
        return _with_cut_edges(slip)

    def _end_row(self, align: int) -> None:
        height = max((part.height for part in self._row), default=1) * _CELL_H + _SPACING
        strip = _strip(height)
        used = sum(len(part.text) * part.width for part in self._row) * _CELL_W
        left = max(0, (WIDTH - used) * align // 2)
        for part in self._row:
            strip.paste(_letters(part), (left, height - _SPACING - part.height * _CELL_H))
            left += len(part.text) * part.width * _CELL_W
        self._strips.append(strip)
        self._row = []

    def _place(self, picture: Image.Image, align: int) -> None:
        strip = _strip(picture.height)
        strip.paste(picture, (max(0, (WIDTH - picture.width) * align // 2), 0))
        self._strips.append(strip)


def _strip(height: int) -> Image.Image:
    return Image.new("L", (WIDTH, max(height, 1)), 255)


def _letters(part: Text) -> Image.Image:
    """Text in font A's grid, 12 × 24 dots a letter, stretched as the printer stretches it."""
    size = max(part.width, part.height)
    picture = Image.new("L", (len(part.text) * _CELL_W * size, _CELL_H * size), 255)
    draw, face = ImageDraw.Draw(picture), font(20 * size, bold=part.bold)
    for at, letter in enumerate(part.text):
        draw.text((at * _CELL_W * size, _CELL_H * size * 0.78), letter, 0, face, anchor="ls")
    wanted = (len(part.text) * _CELL_W * part.width, _CELL_H * part.height)
    return picture if picture.size == wanted else picture.resize(wanted)


def _qr(action: QrCode) -> Image.Image:
    matrix = segno.make_qr(action.data, error="l").matrix_iter(scale=action.module)
    return Image.fromarray(np.array([[0 if dark else 255 for dark in row] for row in matrix], "u1"))


@cache
def font(size: int, *, bold: bool) -> Font:
    """Letters of one width, as high as told in dots; Pillow's own where none are installed."""
    for face in _FACES:
        name = face.format(("Bold" if bold else "Medium") if "Brains" in face else "-Bold" * bold)
        for folder in _FOLDERS:
            for path in Path(folder).rglob(name):
                return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)


def _with_cut_edges(slip: Image.Image) -> Image.Image:
    """The teeth of the cutter, above and below."""
    draw, tooth = ImageDraw.Draw(slip), 8
    for left in range(0, slip.width, tooth):
        middle, right = left + tooth // 2, left + tooth
        draw.polygon([(left, 0), (middle, tooth // 2), (right, 0)], (214, 216, 219))
        foot = slip.height - 1
        draw.polygon([(left, foot), (middle, foot - tooth // 2), (right, foot)], (214, 216, 219))
    return slip
