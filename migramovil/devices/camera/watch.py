"""Whether the pictures of a camera are alive: a stopped camera would show the person before."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable

import numpy as np

from migramovil.devices.ports import Pixels
from migramovil.devices.trouble import DarkPicture, DeviceTrouble, FrozenPicture, GarbledPicture

PATIENCE_S: dict[type[DeviceTrouble], float] = {
    # longer than a camera takes to wake: the first second is often black, or one picture twice
    DarkPicture: 2.5,
    FrozenPicture: 2.5,
    GarbledPicture: 1.0,
}
LEAST = 5
"""Pictures alike, or spoilt, before it is said."""
BLACK = 16
"""No sample brighter than this (of 255): a cap on the lens. A dark room has its lights."""
FLAT = 12
"""Samples nearer together than this show nobody: a wall in full sun may well stand still."""

_STEP = 8


class PictureWatch:
    """Follows what a camera delivers; `trouble` is what is wrong by now, None while it is well.

    Two pictures of a sensor are never the same to the last bit: the noise differs.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kind: type[DeviceTrouble] | None = None
        self._since = 0.0
        self._count = 0
        self._print = 0

    @property
    def trouble(self) -> type[DeviceTrouble] | None:
        if self._kind is None or self._count < LEAST:
            return None
        return self._kind if self._clock() - self._since >= PATIENCE_S[self._kind] else None

    def see(self, pixels: Pixels) -> None:
        """One picture, uint8 (height, width, 3)."""
        sample = np.ascontiguousarray(pixels[::_STEP, ::_STEP])
        before, self._print = self._print, zlib.crc32(sample.data)
        brightest, darkest = int(sample.max()), int(sample.min())
        if brightest <= BLACK:
            self._note(DarkPicture)
        elif self._print == before and brightest - darkest > FLAT:
            self._note(FrozenPicture)
        else:
            self._note(None)

    def spoilt(self) -> None:
        """One picture that could not be decoded."""
        self._note(GarbledPicture)

    def _note(self, kind: type[DeviceTrouble] | None) -> None:
        if kind is not self._kind:
            self._kind, self._since, self._count = kind, self._clock(), 0
        self._count += 1
