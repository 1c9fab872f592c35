"""Invented fingerprints: one seed is one finger, and every take of it is another impression.

Pixels are at 500 ppi. Arrays count y downwards; formulas and angles count y upwards, in radians.
The orientation field follows Sherlock and Monro with the bent arguments of Vizcaya and Gerhardt;
ridges grow by local filtering repeated from noise, the idea of Cappelli's SFinGe. These prints are
for training and tests: they never measure the accuracy of a matcher.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from migramovil.devices.ports import Pixels

Grid = npt.NDArray[np.floating[Any]]  # float32 at run time
Point = tuple[float, float]
Taps = list[tuple[Any, Any, float]]  # two fixed-point maps of cv2.convertMaps, and a weight

PPI = 500
# Part of every stream's name: raise it when any number below changes, since all fingers change too.
VERSION = 1
SKIN_WIDTH, SKIN_HEIGHT = 384, 512  # 19.5 by 26 mm of skin


class Pattern(StrEnum):
    """Henry's classes, as far as they differ in their loops and deltas."""

    LEFT_LOOP = "left_loop"
    RIGHT_LOOP = "right_loop"
    WHORL = "whorl"
    TWIN_LOOP = "twin_loop"
    ARCH = "arch"
    TENTED_ARCH = "tented_arch"


# Per digit, thumb to little finger: ulnar loop, radial loop, whorl, twin loop, arch, tented arch.
_SHARES = (
    (0.53, 0.01, 0.30, 0.13, 0.02, 0.01),
    (0.34, 0.19, 0.26, 0.06, 0.09, 0.06),
    (0.70, 0.03, 0.15, 0.04, 0.05, 0.03),
    (0.52, 0.01, 0.41, 0.04, 0.01, 0.01),
    (0.83, 0.01, 0.11, 0.03, 0.01, 0.01),
)
_SIZES = (1.12, 1.0, 1.03, 0.98, 0.86)
_NOT_LOOPS = (Pattern.WHORL, Pattern.TWIN_LOOP, Pattern.ARCH, Pattern.TENTED_ARCH)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Master:
    """The finger itself. Grids are float32 (SKIN_HEIGHT, SKIN_WIDTH)."""

    person: int
    finger: int  # ISO position 1..10
    pattern: Pattern
    size: float  # 1 is a middling grown-up's index finger
    period: float  # mean distance of ridges, pixels
    dryness: float  # the owner's skin, -1 moist .. 1 dry
    theta: Grid  # ridge direction
    periods: Grid  # local distance of ridges, pixels
    ridges: Grid  # -1 valley .. 1 ridge
    skin: Grid  # ridges with pores and ragged edges
    creases: Grid  # 0 none .. 1 a white crease


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How a finger lies on the glass this time."""

    bad: float  # 0.45 a good reader and a calm finger .. 1.55 everything against it
    rotation: float  # degrees
    shift: Point  # pixels right and down
    dryness: float  # -1 wet .. 1 dry
    pressure: float  # -1 light .. 1 hard
    contact: float  # part of the fingertip that touches, 0..1
    distortion: float  # elastic shift of the skin, pixels rms


@lru_cache(maxsize=12)  # ten fingers of one person and two to compare with: 45 MB
def master(person: int, finger: int) -> Master:
    """The finger `finger` (1..10) of `person`: always the same one for the same pair."""
    owner = _stream("owner", person)
    build, stride, moisture = owner.standard_normal(3)
    rs = _stream("finger", person, finger)
    body = float(np.clip(1 + 0.07 * build, 0.82, 1.18))
    size = body * _SIZES[_digit(finger)]
    mean = 9.1 * (1 + 0.6 * (body - 1)) + 0.45 * stride + 0.2 * rs.standard_normal()
    period = float(np.clip(mean, 7.4, 10.8))
    pattern = _pattern(person, finger)
    loops, deltas = _singular_points(pattern, rs, size)
    theta = _orientation(pattern, loops, deltas, rs, size)
    periods = _periods(period, size, rs)
    ridges = _grow(theta, periods, rs)
    return Master(
        person=person,
        finger=finger,
        pattern=pattern,
        size=size,
        period=period,
        dryness=float(np.clip(0.35 * moisture, -1, 1)),
        theta=theta,
        periods=periods,
        ridges=ridges,
        skin=ridges + 0.96 * _fine_noise(rs, ridges.shape, 1.3),
        creases=_creases(rs),
    )


def placement(finger: Master, take: int, quality: float = 0.85) -> Placement:
    """How `finger` is laid down at `take`; `quality` 0..1 says how far it may stray."""
    draw = _stream("placement", finger.person, finger.finger, take).standard_normal(6)
    # A print without any flaw scores lower in NFIQ 2 than a real one, hence the floor.
    bad = 0.45 + 1.10 * (1 - min(max(quality, 0.0), 1.0))
    reach = 4 + 18 * bad
    dryness = 0.5 * finger.dryness + draw[3] * (0.1 + 0.5 * bad)
    return Placement(
        bad=bad,
        rotation=float(draw[0] * (2 + 8 * bad)),
        shift=(float(draw[1] * reach), float(draw[2] * reach)),
        dryness=float(np.clip(dryness, -1, 1)),
        pressure=float(np.clip(draw[4] * (0.25 + 0.4 * bad), -1, 1)),
        contact=float(np.clip(1 - abs(draw[5]) * 0.3 * bad, 0.35, 1)),
        distortion=1 + 2.2 * bad,
    )


def impression(
    finger: Master,
    take: int,
    *,
    width: int = 384,
    height: int = 290,
    quality: float = 0.85,
    placed: Placement | None = None,
) -> Pixels:
    """Take number `take` of a finger: uint8 (height, width), dark ridges on bright ground."""
    how = placed or placement(finger, take, quality)
    rs = _stream("impression", finger.person, finger.finger, take)
    x, y = _finger_axes(how, width, height)
    touch = _touch(finger, how, rs, x, y)
    inside = _contact_area(finger, how, rs, x, y)
    dark = 40 + 40 * how.bad
    valley = 236 - 45 * max(-how.dryness, 0) - 20 * how.bad
    ground = 253  # a greyer or shaded ground counts as bad foreground in NFIQ 2
    picture = ground + (valley - (valley - dark) * touch - ground) * inside
    seen = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 0.65 + 0.3 * how.bad)
    noisy = seen + (1.2 + 5 * how.bad) * _normal(rs, (height, width))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def true_minutiae(finger: Master) -> Grid:
    """Rows of x, y (pixels of the skin) and direction of the minutiae, known without an extractor.

    Ridges are the cosine of a phase; a minutia is where that phase turns once round a pixel cell.
    """
    across_x, across_y = -np.sin(finger.theta), -np.cos(finger.theta)
    phase = _phase(finger, across_x, across_y)
    # The direction of a ridge is known modulo pi only: turn each corner's phase to the first's.
    near_x, near_y = across_x[:-1, :-1], across_y[:-1, :-1]
    ring = [
        phase[rows, columns]
        * np.sign(across_x[rows, columns] * near_x + across_y[rows, columns] * near_y)
        for rows, columns in _CELL
    ]
    steps = [_wrap(ring[(i + 1) % 4] - ring[i]) for i in range(4)]
    turns = np.rint(sum(steps[1:], steps[0]) / (2 * np.pi))
    return _merge_turns(turns, finger)


_CELL = (
    (slice(0, -1), slice(0, -1)),
    (slice(0, -1), slice(1, None)),
    (slice(1, None), slice(1, None)),
    (slice(1, None), slice(0, -1)),
)


# --- randomness


def _stream(*name: str | int) -> np.random.RandomState:
    """The random numbers called `name`; RandomState, as numpy freezes only its values (NEP 19)."""
    digest = hashlib.sha256(repr((VERSION, *name)).encode()).digest()
    return np.random.RandomState(np.frombuffer(digest, "<u4"))


def _normal(rs: np.random.RandomState, shape: tuple[int, ...]) -> Grid:
    return rs.standard_normal(shape).astype(np.float32)


def _fine_noise(rs: np.random.RandomState, shape: tuple[int, ...], sigma: float) -> Grid:
    """Noise of grain `sigma` pixels; its deviation is about 0.28 / sigma."""
    return np.asarray(cv2.GaussianBlur(_normal(rs, shape), (0, 0), sigma), np.float32)


def _smooth_noise(rs: np.random.RandomState, shape: tuple[int, int], grain: int) -> Grid:
    """Smooth noise of about unit deviation, whose hills are about `grain` pixels wide."""
    height, width = shape
    coarse = _normal(rs, (height // grain + 4, width // grain + 4))
    wide = cv2.resize(coarse, None, fx=grain, fy=grain, interpolation=cv2.INTER_CUBIC)
    top, left = rs.randint(grain, 2 * grain, 2)
    return np.asarray(1.25 * wide[top : top + height, left : left + width], np.float32)


# --- the finger


def _digit(finger: int) -> int:
    """0 thumb .. 4 little finger of either hand."""
    return (finger - 1) % 5


def _pattern(person: int, finger: int) -> Pattern:
    """A pattern by digit; fingers of one person, and the two hands, resemble one another."""
    digit = _digit(finger)
    shares = np.array(_SHARES[digit])
    shares[2:4] *= np.exp(0.7 * _stream("whorls", person).standard_normal())
    own = _stream("pattern", person, finger)
    shared_by_hands = own.uniform() < 0.6
    draw = (_stream("hands", person, digit) if shared_by_hands else own).uniform()
    kind = int(np.searchsorted(np.cumsum(shares / shares.sum()), draw))
    if kind >= 2:
        return _NOT_LOOPS[min(kind, 5) - 2]
    # An ulnar loop opens towards the little finger: to the right on a print of the right hand.
    ulnar, right_hand = kind == 0, finger <= 5
    return Pattern.RIGHT_LOOP if ulnar == right_hand else Pattern.LEFT_LOOP


def _singular_points(
    pattern: Pattern, rs: np.random.RandomState, size: float
) -> tuple[list[Point], list[Point]]:
    """Loops and deltas in pixels from the middle of the skin, y up."""

    def between(low: float, high: float) -> float:
        return float(rs.uniform(low, high)) * size

    top = between(5, 45)
    if pattern in (Pattern.LEFT_LOOP, Pattern.RIGHT_LOOP):
        side = 1 if pattern is Pattern.RIGHT_LOOP else -1  # the delta lies opposite the opening
        delta = (-side * between(70, 125), top - between(85, 140))
        return [(side * between(-12, 10), top)], [delta]
    if pattern is Pattern.TENTED_ARCH:
        x = between(-10, 10)
        return [(x, top - between(5, 25))], [(x + between(-8, 8), top - between(75, 115))]
    if pattern is Pattern.ARCH:
        return [], []
    if pattern is Pattern.WHORL:
        gap, aside = between(14, 60), between(-14, 14)
        rise = 0.3 * gap
    else:
        gap, aside = 1.25 * between(35, 60), float(rs.choice([-1, 1])) * between(18, 34)
        rise = 0.2 * gap
    loops = [(aside, top + rise), (-aside, top + rise - gap)]
    deltas = [(side * between(85, 132), top - between(92, 150)) for side in (-1, 1)]
    return loops, deltas


def _orientation(
    pattern: Pattern,
    loops: list[Point],
    deltas: list[Point],
    rs: np.random.RandomState,
    size: float,
) -> Grid:
    """The direction of the ridges over the skin."""
    x, y = _skin_axes()
    theta = np.zeros_like(x)
    for point in deltas:
        theta -= 0.5 * _bent_angle(x, y, point, rs)
    for point in loops:
        theta += 0.5 * _bent_angle(x, y, point, rs)
        opening = sum(_angle(point, other) for other in loops if other is not point)
        opening -= sum(_angle(point, delta) for delta in deltas)
        theta -= float(rs.uniform(0.3, 0.5)) * _rounding(x, y, point, opening, 100 * size)
    # Ridges above the core follow the rounded end of the finger.
    tip = float(rs.uniform(0.35, 0.7)) * (0.5 if len(loops) == 2 else 1)
    theta -= tip * np.tanh(x / (110 * size)) * _sigmoid((y - 20 * size) / (45 * size))
    if pattern is Pattern.ARCH:
        theta -= _hump(x, y, rs, size)
    return np.asarray(theta + 0.09 * _smooth_noise(rs, x.shape, 70), np.float32)


def _skin_axes() -> tuple[Grid, Grid]:
    """Pixels right of and above the middle of the skin."""
    x = np.arange(SKIN_WIDTH, dtype=np.float32) - SKIN_WIDTH / 2
    y = SKIN_HEIGHT / 2 - np.arange(SKIN_HEIGHT, dtype=np.float32)
    across, up = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    return across, up


def _bent_angle(x: Grid, y: Grid, point: Point, rs: np.random.RandomState) -> Grid:
    """The angle as seen from `point`, bent a little so that no two deltas look alike."""
    angle = np.arctan2(y - point[1], x - point[0])
    bent = np.array(angle)
    for harmonic in (1, 2):
        depth, phase = float(rs.uniform(-0.12, 0.12)), float(rs.uniform(0, 2 * np.pi))
        bent += depth * np.sin(harmonic * angle + phase)
    return bent


def _rounding(x: Grid, y: Grid, loop: Point, opening: float, reach: float) -> Grid:
    """The correction near a loop without which its core would be pointed like a V."""
    dx, dy = x - loop[0], y - loop[1]
    fading = 1 + (dx**2 + dy**2) / reach**2
    return np.asarray(np.sin(np.arctan2(dy, dx) - opening) / fading, np.float32)


def _angle(point: Point, seen_from: Point) -> float:
    return float(np.arctan2(point[1] - seen_from[1], point[0] - seen_from[0]))


def _hump(x: Grid, y: Grid, rs: np.random.RandomState, size: float) -> Grid:
    """The wave of a plain arch."""
    middle, height = float(rs.uniform(-60, -10)) * size, float(rs.uniform(0.7, 1.2))
    steep = height * np.exp(-(((y - middle) / (110 * size)) ** 2))
    wave = np.sin(np.clip(x / (170 * size), -1, 1) * np.pi)
    return np.asarray(np.arctan(steep * wave), np.float32)


def _periods(mean: float, size: float, rs: np.random.RandomState) -> Grid:
    """Local distance of ridges: uneven everywhere, wider below the deltas."""
    _, y = _skin_axes()
    uneven = 0.08 * _smooth_noise(rs, y.shape, 60)
    return np.asarray(mean * (1 + uneven + 0.10 * _sigmoid(-(y + 110 * size) / 25)), np.float32)


def _grow(theta: Grid, periods: Grid, rs: np.random.RandomState) -> Grid:
    """Ridges from noise: filter, saturate, repeat; most of it at half size."""
    half = (SKIN_WIDTH // 2, SKIN_HEIGHT // 2)
    ridges = _normal(rs, half[::-1])
    coarse = _RidgeFilter(_shrink_angle(theta, half), _shrink(periods, half) / 2)
    for _ in range(20):  # fewer rounds leave more minutiae than real fingers have
        ridges = np.tanh(2.5 * coarse(ridges))
    ridges = _enlarge(ridges)
    fine = _RidgeFilter(theta, periods)
    for _ in range(2):
        ridges = np.tanh(2.5 * fine(ridges))
    return np.asarray(ridges, np.float32)


def _enlarge(grid: Grid) -> Grid:
    return np.asarray(
        cv2.resize(grid, (SKIN_WIDTH, SKIN_HEIGHT), interpolation=cv2.INTER_CUBIC), np.float32
    )


def _shrink(grid: Grid, size: tuple[int, int]) -> Grid:
    return np.asarray(cv2.resize(grid, size, interpolation=cv2.INTER_AREA), np.float32)


def _shrink_angle(theta: Grid, size: tuple[int, int]) -> Grid:
    """Directions are averaged as double angles, being known modulo pi."""
    return np.asarray(
        0.5 * np.arctan2(_shrink(np.sin(2 * theta), size), _shrink(np.cos(2 * theta), size)),
        np.float32,
    )


class _RidgeFilter:
    """A Gabor filter that follows every pixel's own direction and distance of ridges.

    Samples across the ridge lie at sixths of the local period, so one set of weights serves all
    pixels and each sample is one remap; a second pass smooths along the line of the ridge.
    """

    def __init__(self, theta: Grid, periods: Grid) -> None:
        height, width = theta.shape
        self._x, self._y = _index_axes(height, width)
        along = np.cos(theta), -np.sin(theta)
        self._passes = (self._across(along, periods), self._along(along, periods))

    def __call__(self, grid: Grid) -> Grid:
        for taps in self._passes:
            total = np.zeros_like(grid)
            for map1, map2, weight in taps:
                sample = cv2.remap(
                    grid, map1, map2, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
                )
                cv2.scaleAdd(sample, weight, total, total)
            grid = total
        return grid

    def _tap(self, x: Grid, y: Grid, weight: float) -> tuple[Any, Any, float]:
        map1, map2 = cv2.convertMaps(x, y, cv2.CV_16SC2)
        return map1, map2, weight

    def _across(self, along: tuple[Grid, Grid], periods: Grid) -> Taps:
        steps = np.arange(-6, 7)
        bell = np.exp(-0.5 * (steps / 6 / 0.42) ** 2)
        weights = bell * np.cos(np.pi * steps / 3)
        weights -= bell * weights.sum() / bell.sum()  # even grey must give nothing
        weights /= np.abs(weights).sum()
        dx, dy = -along[1], along[0]
        return [
            self._tap(
                self._x + float(k) * periods / 6 * dx,
                self._y + float(k) * periods / 6 * dy,
                float(weight),
            )
            for k, weight in zip(steps, weights, strict=True)
        ]

    def _along(self, along: tuple[Grid, Grid], periods: Grid) -> Taps:
        """Nine samples found by walking on the ridge, so that loops come out round."""
        weights = np.exp(-0.5 * (np.arange(5) / 2.4) ** 2)
        weights *= 3.2 / (weights[0] + 2 * weights[1:].sum())
        taps = [self._tap(self._x, self._y, float(weights[0]))]
        for sign in (1, -1):
            x, y, dx, dy = self._x, self._y, sign * along[0], sign * along[1]
            for weight in weights[1:]:
                x, y = x + periods / 3.6 * dx, y + periods / 3.6 * dy
                taps.append(self._tap(x, y, float(weight)))
                dx, dy = _go_on(along, x, y, dx, dy)
        return taps


def _go_on(along: tuple[Grid, Grid], x: Grid, y: Grid, dx: Grid, dy: Grid) -> tuple[Grid, Grid]:
    """The ridge's direction at (x, y), on the side the walk came from."""
    here_x, here_y = (
        cv2.remap(part, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE) for part in along
    )
    forward = np.where(here_x * dx + here_y * dy < 0, np.float32(-1), np.float32(1))
    return np.asarray(here_x * forward), np.asarray(here_y * forward)


def _index_axes(height: int, width: int) -> tuple[Grid, Grid]:
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return x, y


def _creases(rs: np.random.RandomState) -> Grid:
    """A few thin white lines that stay with the finger for good."""
    lines = np.zeros((SKIN_HEIGHT, SKIN_WIDTH), np.uint8)
    for _ in range(rs.poisson(1.2)):
        slope, length = rs.uniform(-0.7, 0.7), rs.uniform(30, 130)
        middle = rs.uniform((60, 60), (320, 450))
        steps = np.linspace(-0.5, 0.5, 6)[:, None] * length
        points = middle + steps * (np.cos(slope), np.sin(slope)) + rs.normal(0, 2, (6, 2))
        fixed = np.rint(points * 8).astype(np.int32)
        cv2.polylines(lines, [fixed], False, 255, int(rs.randint(1, 3)), cv2.LINE_AA, 3)
    return np.asarray(cv2.GaussianBlur(lines, (0, 0), 0.8), np.float32) / 255


# --- one impression


def _finger_axes(how: Placement, width: int, height: int) -> tuple[Grid, Grid]:
    """Where each pixel of the glass lies on the finger: pixels right of and below its middle."""
    x, y = _index_axes(height, width)
    x, y = x - width / 2 - how.shift[0], y - height / 2 - how.shift[1]
    cos, sin = float(np.cos(np.deg2rad(how.rotation))), float(np.sin(np.deg2rad(how.rotation)))
    return cos * x + sin * y, cos * y - sin * x


def _touch(finger: Master, how: Placement, rs: np.random.RandomState, x: Grid, y: Grid) -> Grid:
    """How much each pixel's skin touches the glass, 0..1: wet ridges spread, dry ones break."""
    shape = (x.shape[0], x.shape[1])
    stretch = 1 - 0.02 * how.pressure  # pressing hard spreads the skin
    map_x = x * stretch + how.distortion * _smooth_noise(rs, shape, 90) + SKIN_WIDTH / 2
    map_y = y * stretch + how.distortion * _smooth_noise(rs, shape, 90) + SKIN_HEIGHT / 2
    map_y -= 20 * finger.size  # people lay down the core, which lies above the middle
    skin = cv2.remap(finger.skin, map_x, map_y, cv2.INTER_LINEAR, borderValue=-1)
    crease = cv2.remap(finger.creases, map_x, map_y, cv2.INTER_LINEAR)
    dry = max(how.dryness, 0.0)
    spread = 0.35 * how.pressure - 0.45 * how.dryness - 0.12
    level = spread + (0.12 + 0.25 * how.bad) * _smooth_noise(rs, shape, 40)
    grain = 3.9 * (0.16 + 0.45 * how.bad + 0.35 * dry) * _fine_noise(rs, shape, 1.1)
    patches = (0.25 + 0.35 * dry) * how.bad * _smooth_noise(rs, shape, 14)
    touch = _sigmoid(5 * (skin + level + grain + patches)) * (1 - 0.85 * crease)
    return np.asarray(touch, np.float32)


def _contact_area(
    finger: Master, how: Placement, rs: np.random.RandomState, x: Grid, y: Grid
) -> Grid:
    """1 inside the ragged oval where the fingertip lies, 0 outside."""
    shape = (x.shape[0], x.shape[1])
    reach = finger.size * float(np.sqrt(how.contact))
    oval = np.abs(x / (150 * reach)) ** 2.3
    oval += np.abs((y - 12 * finger.size) / (205 * reach)) ** 2.3
    oval += 0.05 * _smooth_noise(rs, shape, 36) + 0.2 * _fine_noise(rs, shape, 1.1)
    return _sigmoid(14 * (1 - oval))


def _sigmoid(value: Grid) -> Grid:
    return np.asarray(1 / (1 + np.exp(-np.clip(value, -30, 30))), np.float32)


# --- the truth about minutiae


def _phase(finger: Master, across_x: Grid, across_y: Grid) -> Grid:
    """The phase of the ridge pattern, from an even and an odd filter across it."""
    x, y = _index_axes(*finger.ridges.shape)
    even, odd = np.zeros_like(x), np.zeros_like(x)
    for k in range(-6, 7):
        step = finger.periods * (k / 6)
        sample = cv2.remap(
            finger.ridges,
            x + step * across_x,
            y + step * across_y,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )
        bell, turn = float(np.exp(-0.5 * (k / 2.5) ** 2)), np.pi * k / 3
        even += bell * (float(np.cos(turn)) - 0.03) * sample
        odd += bell * float(np.sin(turn)) * sample
    return np.asarray(np.arctan2(odd, even), np.float32)


def _wrap(angle: Grid) -> Grid:
    """The same angle within -pi..pi."""
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi, np.float32)


def _merge_turns(turns: Grid, finger: Master) -> Grid:
    """One minutia for each cluster of turns; turns closer than a ridge that cancel are none."""
    rows, columns = np.nonzero(turns)
    signs = turns[rows, columns]
    free = np.ones(len(rows), bool)
    found = []
    for i, (row, column) in enumerate(zip(rows, columns, strict=True)):
        if not free[i]:
            continue
        near = free & (np.hypot(columns - column, rows - row) < 0.8 * finger.period)
        free &= ~near
        total = signs[near].sum()
        if total:
            angle = finger.theta[row, column] + (0 if total > 0 else np.pi)
            x, y = columns[near].mean() + 0.5, rows[near].mean() + 0.5
            found.append((x, y, angle % (2 * np.pi)))
    return np.array(found, np.float32).reshape(-1, 3)
