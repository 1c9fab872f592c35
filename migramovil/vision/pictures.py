"""Pictures as bytes and back, and small ones for the screen."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from migramovil.vision.trouble import UnreadablePicture

Pixels = npt.NDArray[np.uint8]  # (height, width) grey or (height, width, 3) blue-green-red


def encode_png(pixels: Pixels) -> bytes:
    """The same pixels, without loss."""
    # Level 1: camera noise hardly packs, and higher levels cost seconds for a few per cent.
    _, data = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return bytes(data)


def decode_png(data: bytes) -> Pixels:
    """The pixels that were encoded; UnreadablePicture for anything else."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise UnreadablePicture("not a PNG")
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise UnreadablePicture("damaged PNG")
    return np.asarray(pixels, np.uint8)


def thumbnail(pixels: Pixels, width: int, height: int) -> Pixels:
    """The whole picture in its own proportions, at most `width` by `height`, never enlarged."""
    full_height, full_width = pixels.shape[:2]
    scale = min(width / full_width, height / full_height, 1.0)
    size = (max(1, round(full_width * scale)), max(1, round(full_height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
