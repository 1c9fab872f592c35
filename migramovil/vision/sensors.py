"""What a picture tells of the device that took it, whatever stands before it.

The limits are this station's own: they tell a lens out of focus, a window behind the person or a
stained glass from everyday ones, and judge nobody's picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from migramovil.vision.pictures import Pixels

_WIDE = 960  # pictures are compared at this width: finer ones show more of their noise
_BURNT, _BLACK = 250, 8
_ODD = 48  # grey levels between a pixel and those round it that no skin and no dust explain


@dataclass(frozen=True, slots=True, kw_only=True)
class LensView:
    """`focus`: the spread of the finest detail, in grey levels squared; `light`: the mean, 0..255;
    `burnt` and `black`: shares of the picture without detail; `cast`: how far grey is from grey,
    in levels, towards `colour`, the Spanish word for it."""

    focus: float
    light: float
    burnt: float
    black: float
    cast: float
    colour: str

    @property
    def sharp(self) -> bool:
        return self.focus >= 12

    @property
    def well_lit(self) -> bool:
        return 40 <= self.light <= 220 and self.burnt < 0.35 and self.black < 0.6

    @property
    def true(self) -> bool:
        """Whether colours are near enough to what they are."""
        return self.cast < 32


@dataclass(frozen=True, slots=True, kw_only=True)
class GlassView:
    """An empty glass: its mean and slow unevenness, the noise between neighbours, all in grey
    levels; `odd` pixels that stand out from those round them."""

    level: float
    uneven: float
    noise: float
    odd: int

    @property
    def clean(self) -> bool:
        return self.odd <= 20 and self.uneven < 30

    @property
    def quiet(self) -> bool:
        return self.noise < 8


def lens(pixels: Pixels) -> LensView:
    """Look at a camera's picture, uint8 (height, width, 3) blue-green-red; some 10 ms."""
    height, width = pixels.shape[:2]
    size = (_WIDE, max(1, round(height * _WIDE / width)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
    cast, colour = _cast(np.asarray(small, np.uint8))
    return LensView(
        focus=float(cv2.Laplacian(grey, cv2.CV_32F).var()),
        light=float(grey.mean()),
        burnt=float((grey >= _BURNT).mean()),
        black=float((grey <= _BLACK).mean()),
        cast=cast,
        colour=colour,
    )


def glass(pixels: Pixels) -> GlassView:
    """Look at what a reader sees with nothing on it, uint8 (height, width)."""
    smooth = cv2.medianBlur(pixels, 5).astype(np.float32)
    rest = pixels.astype(np.float32) - smooth
    odd = np.abs(rest) > _ODD
    return GlassView(
        level=float(pixels.mean()),
        uneven=float(cv2.blur(smooth, (31, 31)).std()),
        noise=float(rest[~odd].std()),
        odd=int(odd.sum()),
    )


def _cast(small: Pixels) -> tuple[float, str]:
    """Of the pixels that are neither burnt nor black: grey taken as their mean colour."""
    light = small.mean(axis=2)
    plain = (light > 40) & (light < 230)
    if not plain.any():
        return 0.0, ""
    blue, green, red = small[plain].mean(axis=0)
    words = {
        "azul": blue - (green + red) / 2,
        "verde": green - (blue + red) / 2,
        "rojo": red - (blue + green) / 2,
        "amarillo": (green + red) / 2 - blue,
        "violeta": (blue + red) / 2 - green,
        "celeste": (blue + green) / 2 - red,
    }
    colour = max(words, key=lambda word: words[word])
    return float(words[colour]), colour
