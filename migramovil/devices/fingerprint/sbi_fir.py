"""Finger image records, ISO/IEC 19794-4:2011, as device services send them: one finger each.

Decoded with Pillow. WSQ is refused by name: no permissively licensed decoder exists for it.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import cast

import numpy as np
from PIL import Image

from migramovil.devices.ports import Pixels
from migramovil.devices.trouble import ImageUnreadable, PictureFormatUnknown

MAX_SIDE = 1600  # a whole slap at 500 ppi; one finger is a quarter of it
_PPI = range(490, 1021)
_PER_INCH, _PER_CM = 1, 2
_RAW = 0
_FORMATS = {3: "JPEG", 4: "JPEG2000", 5: "JPEG2000", 6: "PNG"}  # the table of compressions

# What Pillow raises for pictures that somebody made up.
_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)

_GENERAL = struct.Struct(">4s4sIHBB")
_REPRESENTATION = struct.Struct(">I9sBHH")
_GEOMETRY = struct.Struct(">BBB4HBBBHHI")


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerRecord:
    """One finger: position 0 (unknown) to 10, pixels as in `FingerImage`, quality 0..100."""

    position: int
    pixels: Pixels
    ppi: int
    quality: int | None


class _Reader:
    """Bytes from the first to the last; FPR-02 when they end too soon."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        part = self._data[self._at : self._at + size]
        if len(part) != size:
            raise ImageUnreadable("the record ends too soon")
        self._at += size
        return part

    def unpack(self, form: struct.Struct) -> tuple[int | bytes, ...]:
        return form.unpack(self.take(form.size))

    def byte(self) -> int:
        return self.take(1)[0]


def read_record(data: bytes) -> FingerRecord:
    """The finger of a record; FPR-02 when it is none or damaged, FPR-23 when it is WSQ."""
    reader = _Reader(data)
    magic, version, length, count, certified, positions = reader.unpack(_GENERAL)
    if (magic, version, length) != (b"FIR\0", b"020\0", len(data)):
        raise ImageUnreadable("no finger record")
    if (count, positions) != (1, 1):
        raise ImageUnreadable("not one finger")
    reader.unpack(_REPRESENTATION)
    quality = _quality(reader)
    if certified:
        reader.take(3 * reader.byte())
    position, _, unit, *resolutions, depth, compression, _, width, height, size = cast(
        "tuple[int, ...]", reader.unpack(_GEOMETRY)
    )
    if position > 10 or depth != 8:
        raise ImageUnreadable("position or depth")
    picture = reader.take(size)
    return FingerRecord(
        position=position,
        pixels=_pixels(picture, compression, width, height),
        ppi=_ppi(unit, resolutions[2:]),
        quality=quality,
    )


def _quality(reader: _Reader) -> int | None:
    """The first of the measures; 255 says that none succeeded."""
    blocks = [reader.take(5) for _ in range(reader.byte())]
    return blocks[0][0] if blocks and blocks[0][0] <= 100 else None


def _ppi(unit: int, resolution: list[int]) -> int:
    across, down = resolution
    per_inch = {_PER_INCH: 1.0, _PER_CM: 2.54}.get(unit, 0.0)
    ppi = round(across * per_inch)
    if across != down or ppi not in _PPI:
        raise ImageUnreadable("resolution")
    return ppi


def _pixels(picture: bytes, compression: int, width: int, height: int) -> Pixels:
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ImageUnreadable("size")
    if compression == _RAW:
        if len(picture) != width * height:
            raise ImageUnreadable("size")
        return np.frombuffer(picture, np.uint8).reshape(height, width).copy()
    if compression not in _FORMATS:
        raise PictureFormatUnknown(str(compression))
    return decoded_picture(picture, _FORMATS[compression], (width, height))


def decoded_picture(
    picture: bytes,
    form: str,
    size: tuple[int, int] | None = None,
    modes: tuple[str, ...] = ("L",),
) -> Pixels:
    """The grey pixels of a picture; FPR-02 when it is not of that form, size and colours.

    Its own header is asked for the size before anything is decoded: a bomb is never unpacked.
    """
    try:
        with Image.open(io.BytesIO(picture), formats=(form,)) as image:
            if image.size != (size or image.size) or max(image.size) > MAX_SIDE:
                raise ImageUnreadable("size")
            if image.mode not in modes:
                raise ImageUnreadable("colours")
            return np.asarray(image.convert("L"), np.uint8).copy()
    except _UNREADABLE:
        raise ImageUnreadable("picture") from None
