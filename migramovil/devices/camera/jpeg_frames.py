"""One JPEG as a camera sends it: whole or not, how large, and its pixels; no device, no clock.

Decoders fill what is missing with grey or with the picture before, and say nothing. Of a portrait
that is not good enough: what did not arrive whole is no picture.
"""

from __future__ import annotations

import cv2
import numpy as np

from migramovil.devices.ports import Pixels
from migramovil.devices.trouble import GarbledPicture

MOST_PIXELS = 64_000_000
"""More than any camera here has; a header may claim what would not fit into the memory."""

_BEGIN, _END = b"\xff\xd8", b"\xff\xd9"
_SCAN = 0xDA
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height that a whole JPEG declares; CAM-05 when it is cut short or is none.

    Cameras may send more behind the end. Within a picture the mark of its end cannot occur.
    """
    size: tuple[int, int] | None = None
    at = 2 if data.startswith(_BEGIN) else len(data)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker == _SCAN:
            if size is None or _END not in data[at:]:
                break
            return size
        else:
            if marker in _FRAMES:
                size = _size(data[at + 5 : at + 9])
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
    raise GarbledPicture


def decode(data: bytes) -> Pixels:
    """The pixels, uint8 (height, width, 3), blue-green-red; CAM-05 when they did not come whole.

    A camera's note that it was turned on its side is obeyed.
    """
    size_of(data)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        raise GarbledPicture from None
    if pixels is None:
        raise GarbledPicture
    return np.asarray(pixels, np.uint8)


def _size(words: bytes) -> tuple[int, int]:
    height, width = int.from_bytes(words[:2]), int.from_bytes(words[2:])
    if not 0 < width * height <= MOST_PIXELS:
        raise GarbledPicture
    return width, height
