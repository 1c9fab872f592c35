"""A document's page as a camera over the table sees it: a picture, some lines, the MRZ."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from migramovil.devices.ports import Pixels
from migramovil.devices.sim.thermal_paper import font

_TABLE = (74, 62, 54)  # red, green, blue
_PAGE, _INK, _FAINT = (236, 232, 220), (34, 34, 44), (150, 158, 170)
_LEFT, _TOP, _WIDE, _HIGH = 330, 90, 1260, 900  # of the page on the table
_FACE = (300, 400)


def table(face: Pixels | None, lines: Sequence[str]) -> Pixels:
    """The table from above, uint8 (1080, 1920, 3), blue-green-red.

    A document lies on it with the face of `face` (a camera's picture of its holder) and the MRZ
    `lines`; without lines the table is bare.
    """
    seen = Image.new("RGB", (1920, 1080), _TABLE)
    if lines:
        seen.paste(_page(face, lines), (_LEFT, _TOP))
    return np.ascontiguousarray(np.asarray(seen, np.uint8)[..., ::-1])


def _page(face: Pixels | None, lines: Sequence[str]) -> Image.Image:
    page = Image.new("RGB", (_WIDE, _HIGH), _PAGE)
    draw = ImageDraw.Draw(page)
    if face is not None:
        page.paste(_portrait(face), (60, 150))
    draw.text((60, 60), "MUESTRA · DOCUMENTO DE PRÁCTICA", _INK, font(36, bold=True))
    for row in range(6):  # what a page of data looks like from where nobody can read it
        top = 160 + 65 * row
        draw.rectangle((420, top, 420 + 620 - 70 * (row % 3), top + 22), _FAINT)
    size = 44 if max(map(len, lines)) <= 30 else 36
    cell = (_WIDE - 2 * 40) / max(map(len, lines))
    for row, line in enumerate(lines):
        for place, letter in enumerate(line):
            at = (40 + place * cell, _HIGH - 70 * (len(lines) - row))
            draw.text(at, letter, _INK, font(size, bold=False))
    return page


def _portrait(face: Pixels) -> Image.Image:
    """The middle of a camera's picture, three to four."""
    height, width = face.shape[:2]
    wide = min(width, height * 3 // 4)
    left = (width - wide) // 2
    small = cv2.resize(face[:, left : left + wide], _FACE, interpolation=cv2.INTER_AREA)
    return Image.fromarray(np.ascontiguousarray(small[..., ::-1]))
