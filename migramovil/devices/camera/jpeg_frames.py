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

    Cameras pad with zeros behind the end.
    """
    if not data.startswith(_BEGIN) or not data.rstrip(b"\0").endswith(_END):
        raise GarbledPicture
    at = 2
    while at + 9 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker == _SCAN:
            break
        if marker == 0xFF:  # filling
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker in _FRAMES:
            return _checked(
                int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
            )
        else:
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


def _checked(width: int, height: int) -> tuple[int, int]:
    if not 0 < width * height <= MOST_PIXELS:
        raise GarbledPicture
    return width, height
