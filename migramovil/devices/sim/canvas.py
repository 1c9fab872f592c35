"""A picture to draw soft shapes on: the brush of the invented people.

Points are in drawing units, y down, round an origin; the canvas knows the origin's pixel and how
many pixels one unit is. Colours are blue, green, red, 0..255.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.uint8]  # 0 outside .. 255 inside
Colour = tuple[float, float, float]
Curve = npt.NDArray[np.floating[Any]]  # rows of x, y in units

_FRACTION_BITS = 4  # OpenCV draws with sixteenths of a pixel


def curve(*points: tuple[float, float], closed: bool = False, steps: int = 12) -> Curve:
    """A smooth curve through the points (Catmull-Rom)."""
    knots = np.array(points, np.float64)
    if closed:
        knots = np.vstack([knots[-1:], knots, knots[:2]])
    else:
        knots = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(knots, knots[1:], knots[2:], knots[3:], strict=False):
        bend = (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
        pieces.append(b + 0.5 * ((c - a) * t + bend))
    if not closed:
        pieces.append(knots[-2:-1])
    return np.vstack(pieces)


def mirrored(half: Curve) -> Curve:
    """The same points on the other side of the middle, in reversed order."""
    return np.asarray(half[::-1] * (-1, 1))


def moved(line: Curve, x: float, y: float) -> Curve:
    return np.asarray(line + np.array((x, y)))


def ellipse(x: float, y: float, across: float, down: float) -> Curve:
    """A closed ellipse of the given half axes."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.column_stack([x + across * np.cos(turn), y + down * np.sin(turn)])


class Canvas:
    """A float picture (height, width, 3) that is drawn on with soft masks."""

    def __init__(self, pixels: Floats, *, origin: tuple[float, float], scale: float) -> None:
        self.pixels = np.asarray(pixels, np.float32)
        self.origin = origin
        self.scale = scale

    def copy(self) -> Canvas:
        return Canvas(self.pixels.copy(), origin=self.origin, scale=self.scale)

    def mask(self, outline: Curve, soft: float = 0.25) -> Mask:
        """The whole canvas's mask of a closed outline, its edge `soft` units wide."""
        whole = np.zeros(self.pixels.shape[:2], np.uint8)
        region, alpha = self._filled([outline], soft)
        whole[region] = alpha
        return whole

    def fill(
        self,
        outline: Curve,
        colour: Colour,
        *,
        to: Colour | None = None,
        opacity: float = 1.0,
        soft: float = 0.25,
        inside: Mask | None = None,
    ) -> None:
        """Fill an outline; `to` is the colour at its bottom when it should change on the way."""
        region, alpha = self._filled([outline], soft)
        self._blend(region, alpha, _shaded(colour, to, alpha.shape[0]), opacity, inside)

    def stroke(
        self,
        lines: list[Curve],
        colour: Colour,
        width: float,
        *,
        opacity: float = 1.0,
        soft: float = 0.25,
        inside: Mask | None = None,
    ) -> None:
        """Draw open lines, `width` units wide; a hairline where that is under a pixel."""
        thickness = max(1, round(width * self.scale))
        region, alpha = self._layer(lines, soft, thickness)
        left, top = region[1].start, region[0].start
        for line in lines:
            at = self._fixed(line, left, top)
            cv2.polylines(alpha, [at], False, 255, thickness, cv2.LINE_AA, _FRACTION_BITS)
        self._blend(region, self._softened(alpha, soft), _array(colour), opacity, inside)

    def shade(self, inside: Mask, towards: tuple[float, float], depth: float, tint: Colour) -> None:
        """Round a shape off: the edge it turns `towards` (units) is multiplied by `tint`."""
        region = _bounds(inside)
        part = inside[region]
        shift = np.array(
            [[1, 0, -towards[0] * self.scale], [0, 1, -towards[1] * self.scale]], np.float64
        )
        lit = cv2.warpAffine(part, shift, (part.shape[1], part.shape[0]))
        lit = _blurred(np.asarray(lit, np.uint8), depth * self.scale)
        dark = (255 - np.asarray(lit, np.float32)) * np.asarray(part, np.float32) / 255**2
        self.pixels[region] *= 1 - dark[..., None] * (1 - _array(tint))

    # --- inside

    def _filled(self, outlines: list[Curve], soft: float) -> tuple[tuple[slice, slice], Mask]:
        region, alpha = self._layer(outlines, soft, 1)
        at = [self._fixed(line, region[1].start, region[0].start) for line in outlines]
        cv2.fillPoly(alpha, at, 255, cv2.LINE_AA, _FRACTION_BITS)
        return region, self._softened(alpha, soft)

    def _layer(
        self, lines: list[Curve], soft: float, thickness: int
    ) -> tuple[tuple[slice, slice], Mask]:
        """The part of the canvas that lines and their softness reach, and an empty mask for it."""
        height, width = self.pixels.shape[:2]
        spots = np.vstack(lines) * self.scale + self.origin
        margin = 3 * soft * self.scale + thickness + 2
        left, top = np.clip(spots.min(0) - margin, 0, (width, height)).astype(int)
        right, bottom = np.clip(spots.max(0) + margin, 0, (width, height)).astype(int)
        region = (slice(int(top), int(bottom)), slice(int(left), int(right)))
        return region, np.zeros((int(bottom - top), int(right - left)), np.uint8)

    def _fixed(self, line: Curve, left: int, top: int) -> npt.NDArray[np.int32]:
        spots = line * self.scale + self.origin - (left, top)
        fixed: npt.NDArray[np.int32] = np.rint(spots * (1 << _FRACTION_BITS)).astype(np.int32)
        return fixed

    def _softened(self, alpha: Mask, soft: float) -> Mask:
        sigma = soft * self.scale
        return alpha if sigma < 0.4 or not alpha.size else _blurred(alpha, sigma)

    def _blend(
        self,
        region: tuple[slice, slice],
        alpha: Mask,
        colour: Floats,
        opacity: float,
        inside: Mask | None,
    ) -> None:
        if not alpha.size:
            return
        weight = np.asarray(alpha, np.float32) * (opacity / 255)
        if inside is not None:
            weight *= np.asarray(inside[region], np.float32) / 255
        under = self.pixels[region]
        under += (colour - under) * weight[..., None]


def _blurred(mask: Mask, sigma: float) -> Mask:
    """A wide blur is made on a quarter of the size: nobody sees it, and it is ten times faster."""
    if sigma < 8 or min(mask.shape) < 32:
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma), np.uint8)
    height, width = mask.shape
    small = cv2.resize(mask, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 4)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _array(colour: Colour) -> Floats:
    return np.asarray(colour, np.float32)


def _shaded(top: Colour, bottom: Colour | None, height: int) -> Floats:
    """One colour, or a column (height, 1, 3) that goes from one to the other."""
    if bottom is None:
        return _array(top)
    t = np.linspace(0, 1, max(height, 1), dtype=np.float32)[:, None, None]
    return np.asarray(_array(top) * (1 - t) + _array(bottom) * t, np.float32)


def _bounds(mask: Mask) -> tuple[slice, slice]:
    left, top, width, height = cv2.boundingRect(mask)
    return slice(top, top + height), slice(left, left + width)
