"""What a portrait's light, sharpness and backdrop are worth, without looking for a face yet.

Components bear the names of ISO/IEC 29794-5 so that later, better measures take their places; the
figures are this station's own, and no claim to that standard or to OFIQ is made with them.
The person is taken to sit where the framing oval asks: in the middle of the 3:4 crop.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from migramovil.vision.pictures import Pixels
from migramovil.vision.trouble import PortraitTooSmall

MEASURE = "migramovil portrait"
VERSION = "1"
MIN_WIDTH, MIN_HEIGHT = 600, 800

_WIDTH, _HEIGHT = 300, 400  # all figures are of the crop at this size, so cameras compare
_Flags = npt.NDArray[np.bool_]
_Grid = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceCheck:
    """One component of a portrait's quality."""

    name: str
    value: int  # 0..100, more is better
    threshold: int

    @property
    def ok(self) -> bool:
        return self.value >= self.threshold


def crop_portrait(pixels: Pixels) -> Pixels:
    """The largest 3:4 part round the middle, e.g. 810×1080 of a 1080p frame.

    PortraitTooSmall when that is less than 600×800 pixels: a portrait is never enlarged.
    """
    part = _middle(pixels)
    if part.shape[1] < MIN_WIDTH or part.shape[0] < MIN_HEIGHT:
        raise PortraitTooSmall(f"{part.shape[1]}x{part.shape[0]}")
    return np.ascontiguousarray(part)


def measure(pixels: Pixels) -> tuple[FaceCheck, ...]:
    """Judge a camera frame or a portrait, uint8 (height, width, 3) blue-green-red; about 5 ms."""
    small = cv2.resize(_middle(pixels), (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
    light = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
    zones = _zones()
    skin = light[zones.skin]
    return (
        FaceCheck(name="Sharpness", value=_sharpness(light, zones.head), threshold=50),
        FaceCheck(name="UnderExposurePrevention", value=_not_dark(skin), threshold=50),
        FaceCheck(name="OverExposurePrevention", value=_not_burnt(skin), threshold=50),
        FaceCheck(name="IlluminationUniformity", value=_evenness(light, zones), threshold=50),
        FaceCheck(name="DynamicRange", value=_range(light[zones.head]), threshold=50),
        FaceCheck(name="BackgroundUniformity", value=_backdrop(small, zones), threshold=50),
    )


def _middle(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    unit = min(width // 3, height // 4)
    left, top = (width - 3 * unit) // 2, (height - 4 * unit) // 2
    return pixels[top : top + 4 * unit, left : left + 3 * unit]


# --- zones of the crop


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Zones:
    head: _Flags  # the framing oval
    skin: _Flags  # from the brows to the chin, where hair and backdrop seldom reach
    left: _Flags  # cheeks
    right: _Flags
    backdrop: _Flags  # the corners above the shoulders


@lru_cache(maxsize=1)
def _zones() -> _Zones:
    x = np.linspace(0, 1, _WIDTH)[None, :]
    y = np.linspace(0, 1, _HEIGHT)[:, None]

    def oval(middle: float, centre: float, across: float, down: float) -> _Flags:
        return ((x - middle) / across) ** 2 + ((y - centre) / down) ** 2 < 1

    return _Zones(
        head=oval(0.5, 0.47, 0.36, 0.38),
        skin=oval(0.5, 0.56, 0.20, 0.19),
        left=oval(0.38, 0.60, 0.08, 0.08),
        right=oval(0.62, 0.60, 0.08, 0.08),
        backdrop=~oval(0.5, 0.52, 0.485, 0.49) & (y < 0.42),
    )


# --- figures; each maps a measured quantity so that 50 is the limit found on real and drawn faces


def _score(value: float, *, at_0: float, at_100: float) -> int:
    return round(100 * min(max((value - at_0) / (at_100 - at_0), 0.0), 1.0))


def _sharpness(light: Pixels, head: _Flags) -> int:
    """Strength of fine edges; the finest step, mostly noise, is smoothed away first."""
    calm = cv2.GaussianBlur(light, (0, 0), 0.7)
    edges = np.asarray(cv2.Laplacian(calm, cv2.CV_32F), np.float32)[head]
    return _score(float(np.log2(edges.std() + 0.1)), at_0=0.6, at_100=3.4)


def _not_dark(skin: Pixels) -> int:
    """Few pixels without drawing in the shadows. Deep skin, well lit, has none either."""
    return _score(float((skin < 25).mean()), at_0=0.14, at_100=0.0)


def _not_burnt(skin: Pixels) -> int:
    return _score(float((skin > 247).mean()), at_0=0.10, at_100=0.0)


def _evenness(light: Pixels, zones: _Zones) -> int:
    """The cheeks' difference of light, as a part of their mean."""
    left, right = float(light[zones.left].mean()), float(light[zones.right].mean())
    return _score(abs(left - right) / max(left + right, 2.0) * 2, at_0=0.60, at_100=0.0)


def _range(head: Pixels) -> int:
    low, high = np.percentile(head, (2, 98))
    return _score(float(high - low), at_0=10, at_100=100)


def _backdrop(small: npt.NDArray[Any], zones: _Zones) -> int:
    """Spread of lightness and colour behind the person; what the colour is does not matter."""
    lab = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2LAB), np.float32)[zones.backdrop]
    low, high = np.percentile(lab, (10, 90), axis=0)
    return _score(float(np.linalg.norm(high - low)), at_0=80, at_100=8)
