"""Invented people before a plain backdrop, drawn as a 1080p camera would see them.

Drawing units are 1/200 of the head from crown to chin, round its middle: crown at y -100, chin at
y 100, eyes at y 0. Colours are blue, green, red.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import cv2
import numpy as np

from migramovil.devices.ports import Pixels
from migramovil.devices.sim.canvas import (
    Canvas,
    Colour,
    Curve,
    Mask,
    curve,
    ellipse,
    mirrored,
    moved,
)

Sex = Literal["F", "M"]

WIDTH, HEIGHT = 1920, 1080
BLINK = 7  # the number of the frame with closed eyes
_CROWN_Y = 96  # pixel row of the hair's top
_ELDER, _GROWN = 58, 15

# Red, green, blue as painters write them, from light to dark.
_SKINS = (
    (238, 200, 172),
    (226, 183, 150),
    (209, 161, 124),
    (188, 137, 100),
    (163, 113, 79),
    (134, 90, 62),
    (106, 71, 50),
    (86, 58, 43),
)
_HAIRS = ((24, 18, 16), (34, 24, 20), (46, 31, 24), (66, 44, 32), (94, 64, 42))
_GREYS = ((176, 174, 172), (148, 146, 146), (112, 108, 106))
_IRISES = ((58, 36, 24), (76, 48, 30), (98, 66, 38), (92, 88, 58))
_CLOTHES = (
    (47, 93, 98),
    (58, 76, 110),
    (122, 75, 107),
    (150, 74, 60),
    (86, 98, 72),
    (70, 74, 84),
    (178, 142, 92),
    (104, 46, 58),
    (38, 52, 74),
    (196, 188, 176),
)


class Hair(StrEnum):
    """How the hair is worn."""

    LONG = "long"
    WAVY = "wavy"
    BOB = "bob"
    TIED = "tied"
    CURLS = "curls"
    SHORT = "short"
    CROPPED = "cropped"
    RECEDING = "receding"
    FRINGE = "fringe"
    PIGTAILS = "pigtails"


class Beard(StrEnum):
    """What grows on the face."""

    NONE = "none"
    STUBBLE = "stubble"
    MOUSTACHE = "moustache"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Traits:
    """What makes one person's face their own."""

    female: bool
    child: bool
    elder: bool
    skin: Colour
    hair: Colour
    iris: Colour
    cloth: Colour
    style: Hair
    beard: Beard
    collar: int  # 0 round neck, 1 shirt collar, 2 V neck
    wide: float  # of the face
    jaw: float
    chin: float
    eye: float
    apart: float  # middle of the face to middle of an eye, units
    brow: float
    nose: float
    lips: float
    smile: float
    head: float  # height of the head with its hair, as a part of the picture's height
    texture: int  # seed of strands and noise


def portrait_frames(
    seed: int, sex: Sex, age: int, *, skin: tuple[float, float] = (0.0, 1.0), count: int = 10
) -> list[Pixels]:
    """`count` camera frames of one drawn person, uint8 (1080, 1920, 3) blue-green-red.

    The head is centred and 70 to 77 % as high as the picture. `skin` bounds its tone from
    0 light to 1 dark. The same arguments give the same frames; frame `BLINK` has its eyes closed.
    """
    traits = _traits(seed, sex, age, skin)
    bare = _without_eyes(traits)
    opened, closed = (_finished(bare, traits, lid) for lid in (1.0, 0.06))
    rs = np.random.RandomState(traits.texture)
    grain = np.asarray(rs.normal(0, 2.2, (HEIGHT + 64, WIDTH + 64, 1)), np.int16)
    grain = np.repeat(grain, 3, axis=2)
    return [_seen(closed if n == BLINK else opened, grain, n, rs) for n in range(count)]


# --- who it is


def _traits(seed: int, sex: Sex, age: int, skin: tuple[float, float]) -> _Traits:
    rng = random.Random(f"face {seed} {sex} {age}")  # noqa: S311 - pictures, not secrets
    female, child, elder = sex == "F", age < _GROWN, age >= _ELDER
    tone = _between_skins(rng.uniform(*skin))
    # Deep skin and light hair seldom go together.
    darkest = 3 if sum(tone) < 400 else len(_HAIRS)
    hair = _bgr(rng.choice(_GREYS if elder else _HAIRS[:darkest]))
    youth = max(0.0, (_GROWN - age) / _GROWN)
    return _Traits(
        female=female,
        child=child,
        elder=elder,
        skin=_bgr(tone),
        hair=hair,
        iris=_bgr(rng.choice(_IRISES[:2] if sum(tone) < 400 else _IRISES)),
        cloth=_bgr(rng.choice(_CLOTHES)),
        style=_style(rng, female, child, elder),
        beard=_beard(rng, female, age),
        collar=rng.choice((0, 0, 1, 2) if not child else (0, 0, 1)),
        wide=rng.uniform(0.95, 1.03) + 0.03 * youth,
        jaw=rng.uniform(0.93, 1.0) + 0.03 * youth if female or child else rng.uniform(0.98, 1.08),
        chin=rng.uniform(0.85, 1.0) if female or child else rng.uniform(1.0, 1.25),
        eye=rng.uniform(0.94, 1.06) + 0.16 * youth,
        apart=rng.uniform(29.5, 32.5) + youth,
        brow=rng.uniform(0.75, 1.0) if female or child else rng.uniform(1.1, 1.45),
        nose=(rng.uniform(0.9, 1.05) if female else rng.uniform(1.0, 1.18)) - 0.2 * youth,
        lips=(rng.uniform(0.95, 1.2) if female else rng.uniform(0.8, 1.0)) - 0.05 * youth,
        smile=rng.uniform(-0.4, 1.2),
        head=rng.uniform(0.725, 0.76) - 0.02 * youth,
        texture=rng.randrange(2**31),
    )


def _style(rng: random.Random, female: bool, child: bool, elder: bool) -> Hair:
    if female and child:
        return rng.choice((Hair.PIGTAILS, Hair.LONG, Hair.FRINGE, Hair.TIED))
    if child:
        return rng.choice((Hair.SHORT, Hair.FRINGE, Hair.CROPPED))
    if female and elder:
        return rng.choice((Hair.TIED, Hair.BOB, Hair.CURLS))
    if female:
        return rng.choice((Hair.LONG, Hair.WAVY, Hair.BOB, Hair.TIED, Hair.CURLS))
    if elder:
        return rng.choice((Hair.RECEDING, Hair.SHORT, Hair.CROPPED))
    return rng.choice((Hair.SHORT, Hair.SHORT, Hair.CROPPED, Hair.CURLS))


def _beard(rng: random.Random, female: bool, age: int) -> Beard:
    if female or age < 19:
        return Beard.NONE
    return rng.choice((Beard.NONE, Beard.NONE, Beard.STUBBLE, Beard.MOUSTACHE, Beard.FULL))


def _between_skins(tone: float) -> Colour:
    place = min(max(tone, 0.0), 1.0) * (len(_SKINS) - 1)
    low = min(int(place), len(_SKINS) - 2)
    return _mix(_SKINS[low], _SKINS[low + 1], place - low)


def _bgr(colour: tuple[float, float, float]) -> Colour:
    return colour[2], colour[1], colour[0]


def _mix(a: Colour, b: Colour, part: float) -> Colour:
    x, y, z = (p * (1 - part) + q * part for p, q in zip(a, b, strict=True))
    return x, y, z


def _dim(colour: Colour, factor: float) -> Colour:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def _shadow(skin: Colour) -> Colour:
    """Skin in shadow turns redder, not greyer."""
    return skin[0] * 0.62, skin[1] * 0.68, skin[2] * 0.78


def _gleam(colour: Colour, part: float) -> Colour:
    return _mix(colour, (235, 243, 250), part)


# --- the picture


def _without_eyes(traits: _Traits) -> Canvas:
    """Everything that a blink does not change."""
    top = 100 + _hair_height(traits)
    scale = traits.head * HEIGHT / (top + 100)
    canvas = Canvas(_backdrop(), origin=(WIDTH / 2, _CROWN_Y + top * scale), scale=scale)
    _hair_behind(canvas, traits)
    _body(canvas, traits)
    _ears(canvas, traits)
    face = _face(canvas, traits)
    _nose(canvas, traits)
    _beard_and_mouth(canvas, traits, face)
    if traits.elder:
        _years(canvas, traits, face)
    _hair_before(canvas, traits, face)
    return canvas


def _finished(bare: Canvas, traits: _Traits, lid: float) -> Pixels:
    """The whole person with eyes `lid` open (0..1), as sharp as a lens makes them."""
    canvas = bare.copy()
    for side in (-1, 1):
        _eye(canvas, traits, side, lid)
        _brow(canvas, traits, side)
    whole = cv2.convertScaleAbs(canvas.pixels)
    return np.asarray(cv2.GaussianBlur(whole, (0, 0), 0.8), np.uint8)


def _seen(picture: Pixels, grain: np.ndarray, number: int, rs: np.random.RandomState) -> Pixels:
    """Frame `number`: the person sways, the light breathes, the sensor adds its noise."""
    phase = 2 * np.pi * number / 10
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT * 1.2), 0.35 * float(np.sin(phase)), 1.0)
    turn[:, 2] += (2.5 * np.sin(phase + 0.6), 1.8 * np.sin(2 * phase))
    moved = cv2.warpAffine(
        picture, turn, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    light = 1 + 0.012 * float(np.sin(phase * 1.7))
    lit = cv2.convertScaleAbs(moved, alpha=light)
    y, x = rs.randint(0, 64, 2)
    noise = grain[y : y + HEIGHT, x : x + WIDTH]
    return np.asarray(cv2.add(lit, noise, dtype=cv2.CV_8U), np.uint8)


def _backdrop() -> np.ndarray:
    """A light grey wall, a little brighter in the upper left."""
    x = np.linspace(0, 1, WIDTH, dtype=np.float32)[None, :, None]
    y = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None]
    light = 222 - 6 * x - 8 * y
    return np.asarray(light * np.array([1.0, 0.995, 0.985], np.float32), np.float32)


# --- body and head


def _body(canvas: Canvas, traits: _Traits) -> None:
    slim = 0.8 if traits.child else 0.92 if traits.female else 1.08
    shoulders = curve(
        (36 * slim, 112), (62 * slim, 124), (110 * slim, 136), (150 * slim, 160), (168 * slim, 230)
    )
    cloth = np.vstack([mirrored(shoulders), shoulders])
    canvas.fill(cloth, _gleam(traits.cloth, 0.10), to=_dim(traits.cloth, 0.8), soft=0.5)
    clothed = canvas.mask(cloth)
    canvas.shade(clothed, (6, 4), 14, (0.62, 0.62, 0.62))
    _neck(canvas, traits, slim)
    _neckline(canvas, traits, slim, clothed)


def _neck(canvas: Canvas, traits: _Traits, slim: float) -> None:
    width = 40 * slim
    side = curve((width * 0.98, 40), (width, 85), (width * 1.04, 108), (width * 1.35, 122))
    neck = np.vstack([side, _neck_edge(traits, slim)[::-1], mirrored(side)])
    dark = _shadow(traits.skin)
    canvas.fill(neck, _mix(traits.skin, dark, 0.55), to=_mix(traits.skin, dark, 0.12), soft=0.4)
    mask = canvas.mask(neck)
    canvas.shade(mask, (5, 0), 7, (0.72, 0.78, 0.86))
    chin = curve((-58, 60), (-40, 96), (0, 116), (46, 98), (60, 60), closed=True)
    canvas.fill(chin, _dim(dark, 0.82), opacity=0.6, soft=4, inside=mask)
    for end in (-1, 1):
        tendon = curve((end * width * 0.75, 100), (end * width * 0.42, 124), (end * 7, 140))
        canvas.stroke([tendon], dark, 2.2, opacity=0.22, soft=1.6, inside=mask)


def _neck_edge(traits: _Traits, slim: float) -> Curve:
    """Where cloth begins, from the left to the right."""
    w, deep = 54 * slim, 168 if traits.collar == 2 else 146
    drop, bow = (0.5, 16) if traits.collar == 2 else (0.66, 7)
    return curve((-w, 120), (-w * drop, deep - bow), (0, deep), (w * drop, deep - bow), (w, 120))


def _neckline(canvas: Canvas, traits: _Traits, slim: float, cloth: Mask) -> None:
    dark, light = _dim(traits.cloth, 0.66), _gleam(traits.cloth, 0.22)
    if traits.collar == 1:
        for side in (-1, 1):
            back, front = (
                curve((44, 106), (54, 116), (58, 128)),
                curve((22, 134), (36, 120), (44, 106)),
            )
            flap = np.vstack([back, [(34, 160), (3, 148)], front]) * (side * slim, 1)
            canvas.fill(moved(flap, 0, 2), dark, opacity=0.7, soft=1.8)
            canvas.fill(flap, light, to=_dim(traits.cloth, 0.95), soft=0.4)
        return
    edge = _neck_edge(traits, slim)
    canvas.stroke([moved(edge, 0, 2.2)], dark, 2.0, opacity=0.5, soft=0.7, inside=cloth)
    canvas.stroke([edge], light, 3.0, opacity=0.8, soft=0.35, inside=cloth)


def _ears(canvas: Canvas, traits: _Traits) -> None:
    dark = _shadow(traits.skin)
    for side in (-1, 1):
        x = side * 69 * traits.wide
        ear = curve(
            (x - side * 4, -16),
            (x + side * 7, -19),
            (x + side * 10, -4),
            (x + side * 5, 18),
            (x - side * 3, 24),
            closed=True,
        )
        canvas.fill(ear, _mix(traits.skin, dark, 0.18), to=_mix(traits.skin, dark, 0.45), soft=0.5)
        fold = curve((x + side * 5, -13), (x + side * 6, -2), (x + side * 1, 10))
        canvas.stroke([fold], dark, 2.0, opacity=0.55, soft=0.8)


def _face_outline(traits: _Traits) -> Curve:
    w, jaw, chin = traits.wide, traits.jaw, traits.chin
    right = curve(
        (0, -100),
        (36 * w, -92),
        (60 * w, -62),
        (67 * w, -20),
        (66 * w, 18),
        (59 * w * jaw, 52),
        (44 * w * jaw, 79),
        (20 * chin, 96.5),
        (0, 100),
    )
    return np.vstack([right, mirrored(right)])


def _face(canvas: Canvas, traits: _Traits) -> Mask:
    skin, dark = traits.skin, _shadow(traits.skin)
    outline = _face_outline(traits)
    mask = canvas.mask(outline, 0.35)
    canvas.fill(outline, _gleam(skin, 0.06), to=_mix(skin, dark, 0.12), soft=0.35)
    canvas.shade(mask, (10, 7), 13, (0.52, 0.60, 0.72))
    canvas.shade(mask, (-5, 2), 10, (0.80, 0.84, 0.90))
    spots: tuple[tuple[Curve, Colour, float, float], ...] = (
        (ellipse(-8, -52, 34, 14), _gleam(skin, 0.6), 0.30, 9),  # forehead
        (ellipse(-38, 26, 13, 9), _gleam(skin, 0.5), 0.30, 6),  # cheekbones
        (ellipse(36, 26, 11, 8), _gleam(skin, 0.5), 0.14, 6),
        (ellipse(-40, 38, 15, 12), (88, 84, 196), 0.13, 8),  # their colour
        (ellipse(40, 38, 15, 12), (88, 84, 196), 0.13, 8),
        (ellipse(-2, 88, 11, 5), _gleam(skin, 0.5), 0.22, 4),  # chin
        (ellipse(0, 78, 15, 2.6), dark, 0.36, 3),  # under the lip
        (ellipse(-traits.apart, -7, 17, 7), dark, 0.26, 4.5),  # eye sockets
        (ellipse(traits.apart, -7, 17, 7), dark, 0.30, 4.5),
        (ellipse(-traits.apart, 13, 14, 3), dark, 0.13, 3),
        (ellipse(traits.apart, 13, 14, 3), dark, 0.15, 3),
    )
    for outline, colour, opacity, soft in spots:
        canvas.fill(outline, colour, opacity=opacity, soft=soft, inside=mask)
    return mask


def _nose(canvas: Canvas, traits: _Traits) -> None:
    n, skin, dark = traits.nose, traits.skin, _shadow(traits.skin)
    deep = _dim(dark, 0.55)
    side = curve((7, -14), (5.5, 8), (9 * n, 26), (14 * n, 36), (8 * n, 40), (4, 20), closed=True)
    canvas.fill(side, dark, opacity=0.42, soft=2.4)
    canvas.fill(side * (-1, 1), dark, opacity=0.16, soft=2.4)
    canvas.fill(curve((-3, -8), (1, -8), (2.6, 28), (-4, 28), closed=True), _gleam(skin, 0.6),
                opacity=0.30, soft=1.6)  # fmt: skip
    canvas.fill(ellipse(-2, 31, 6 * n, 4), _gleam(skin, 0.7), opacity=0.34, soft=2.2)
    canvas.fill(ellipse(0, 43, 14 * n, 3), dark, opacity=0.5, soft=2.2)
    for end in (-1, 1):
        wing = curve(
            (end * 11 * n, 28), (end * 15.5 * n, 35), (end * 12.5 * n, 41), (end * 8 * n, 40)
        )
        canvas.stroke([wing], dark, 1.7, opacity=0.5, soft=0.9)
        canvas.fill(ellipse(end * 6.2 * n, 40.4, 3.8 * n, 1.7), deep, opacity=0.75, soft=0.7)
    groove = np.array([(-2.6, 46.0), (2.6, 46.0), (3.4, 55.0), (-3.4, 55.0)])
    canvas.fill(groove, dark, opacity=0.22, soft=1.3)


# --- eyes


def _eye(canvas: Canvas, traits: _Traits, side: int, lid: float) -> None:
    e, skin, dark = traits.eye, traits.skin, _shadow(traits.skin)
    lash = _dim(_mix(traits.hair, (20, 18, 20), 0.7), 0.6)
    height, droop = 8.2 * e * lid, (1.6 if traits.elder else 0.0)

    def at(x: float, y: float) -> tuple[float, float]:
        """A point of the eye; x grows outwards from its middle."""
        return side * (traits.apart + x * e), y

    rest = 4.6 * e * (1 - lid)
    upper = curve(at(-14.2, 2.4), at(-8, rest - height * 0.72), at(0, rest - height),
                  at(8, rest - height * 0.70 + droop), at(14.2, 0.4 + droop))  # fmt: skip
    lower = curve(at(14.2, 0.4 + droop), at(7, 5.2 * e), at(-2, 6.0 * e), at(-9, 5.0 * e),
                  at(-14.2, 2.4))  # fmt: skip
    outline = np.vstack([upper, lower])
    if lid > 0.3:
        _eyeball(canvas, traits, side, outline)
    else:
        canvas.fill(outline, _mix(skin, dark, 0.3), soft=0.8)
    weight = 2.4 if traits.female else 1.9
    canvas.stroke([upper], lash, weight, opacity=0.95, soft=0.35)
    if traits.female and not traits.child:
        wing = np.array([at(11, -1.5 + rest + droop), at(17.6, -3.2 + rest + droop)])
        canvas.stroke([wing], lash, 1.5, opacity=0.85, soft=0.35)
    canvas.stroke([lower], _mix(dark, lash, 0.4), 1.1, opacity=0.55, soft=0.5)
    crease = curve(at(-12.5, -3.5), at(-6, -9.8 * e), at(3, -11.2 * e), at(13, -5.0 + droop))
    canvas.stroke([crease], _dim(dark, 0.85), 1.4, opacity=0.55, soft=0.7)


def _eyeball(canvas: Canvas, traits: _Traits, side: int, outline: Curve) -> None:
    x, r = side * traits.apart, 6.9 * traits.eye**0.5
    inside = canvas.mask(outline, 0.3)
    canvas.fill(outline, (222, 228, 234), to=(232, 236, 240), soft=0.3)
    canvas.fill(ellipse(x, -1, r, r), _dim(traits.iris, 0.45), soft=0.4, inside=inside)
    canvas.fill(ellipse(x, -0.8, r * 0.86, r * 0.86), _dim(traits.iris, 0.8),
                to=_gleam(traits.iris, 0.22), soft=0.5, inside=inside)  # fmt: skip
    canvas.fill(ellipse(x, -1, r * 0.42, r * 0.42), (12, 10, 10), soft=0.35, inside=inside)
    shade = outline - (0, 6.5)
    canvas.fill(shade, (30, 32, 46), opacity=0.42, soft=1.6, inside=inside)
    canvas.fill(ellipse(x - 2.4, -3.6, 1.5, 1.5), (252, 252, 252), opacity=0.95, soft=0.3)
    canvas.fill(ellipse(x + 2.2, 1.6, 0.8, 0.8), (252, 252, 252), opacity=0.35, soft=0.3)
    corner = side * (traits.apart - 12.6 * traits.eye)
    canvas.fill(ellipse(corner, 2.2, 1.7, 1.3), (120, 118, 190), opacity=0.55, soft=0.5)


def _brow(canvas: Canvas, traits: _Traits, side: int) -> None:
    b, x = traits.brow, traits.apart
    arch = 3.4 if traits.female else 1.6
    spine = [(x - 17, -19.5), (x - 6, -20.5 - arch * 0.6), (x + 6, -20.5 - arch), (x + 19, -16)]
    low = [(px, py + t * b) for (px, py), t in zip(spine, (2.6, 2.3, 1.6, 0.2), strict=True)]
    high = [(px, py - t * b) for (px, py), t in zip(spine, (1.6, 2.0, 1.7, 0.2), strict=True)]
    outline = np.vstack([curve(*low), curve(*high)[::-1]]) * (side, 1)
    colour = _mix(_dim(traits.hair, 0.85), traits.skin, 0.12)
    canvas.fill(outline, colour, opacity=0.82, soft=0.9)


# --- mouth, beard, years


def _beard_and_mouth(canvas: Canvas, traits: _Traits, face: Mask) -> None:
    if traits.beard in (Beard.STUBBLE, Beard.FULL):
        _jaw_beard(canvas, traits, face)
    if traits.beard in (Beard.MOUSTACHE, Beard.FULL):
        half = curve((0, 48.5), (10, 47.5), (19, 53), (25, 62), (17, 59), (8, 57.4), (0, 57))
        _whiskers(canvas, traits, np.vstack([half, mirrored(half)]), face, opacity=0.85, soft=1.1)
    _mouth(canvas, traits)


def _jaw_beard(canvas: Canvas, traits: _Traits, face: Mask) -> None:
    cheek = curve((70, 4), (60, 22), (46, 44), (30, 53), (22, 50), (10, 47), (0, 48))
    inner = curve((0, 55), (16, 55), (26, 63), (17, 73), (0, 76))
    outer = np.vstack([[(76.0, 4.0)], [(76.0, 120.0)], [(-76.0, 120.0)], [(-76.0, 4.0)]])
    area = np.vstack([cheek, mirrored(cheek), outer[::-1]])
    hole = canvas.mask(np.vstack([inner, mirrored(inner)]), 1.2)
    inside = np.asarray(cv2.subtract(face, hole), np.uint8)
    full = traits.beard is Beard.FULL
    opacity, soft = (0.78, 2.6) if full else (0.26, 4.0)
    _whiskers(canvas, traits, area, inside, opacity=opacity, soft=soft)


def _whiskers(
    canvas: Canvas, traits: _Traits, area: Curve, inside: Mask, *, opacity: float, soft: float
) -> None:
    colour = _mix(_dim(traits.hair, 0.9), _shadow(traits.skin), 0.22)
    canvas.fill(area, colour, opacity=opacity, soft=soft, inside=inside)
    rs = np.random.RandomState(traits.texture)
    roots = rs.uniform(area.min(0), area.max(0), (900, 2))
    kept = np.asarray(cv2.bitwise_and(inside, canvas.mask(area, soft)), np.uint8)
    hairs = [np.array([(x, y), (1.06 * x, y + 3.2)]) for x, y in roots]
    canvas.stroke(hairs, _dim(traits.hair, 0.55), 0.3, opacity=opacity * 0.5, inside=kept)


def _mouth(canvas: Canvas, traits: _Traits) -> None:
    full, up = traits.lips, traits.smile
    w = 23.5 * (0.9 if traits.child else 1.0)
    colour = _mix(traits.skin, (92, 84, 176) if traits.female else (96, 92, 160), 0.55)
    line = curve((-w, 62.5 - up), (-w * 0.45, 62.8), (0, 63.2), (w * 0.45, 62.8), (w, 62.5 - up))
    top = curve((w, 62.5 - up), (w * 0.5, 58.6 - full), (w * 0.16, 57.6 - full), (0, 59 - full),
                (-w * 0.16, 57.6 - full), (-w * 0.5, 58.6 - full), (-w, 62.5 - up))  # fmt: skip
    bottom = curve((w, 62.5 - up), (w * 0.5, 67.4 + 1.6 * full), (0, 69.4 + 2.0 * full),
                   (-w * 0.5, 67.4 + 1.6 * full), (-w, 62.5 - up))  # fmt: skip
    canvas.fill(np.vstack([line, top]), _dim(colour, 0.80), to=_dim(colour, 0.86), soft=0.55)
    canvas.fill(np.vstack([line, bottom]), _gleam(colour, 0.06), to=_dim(colour, 0.9), soft=0.6)
    canvas.fill(ellipse(-3, 67.2, 9, 1.5), _gleam(colour, 0.6), opacity=0.35, soft=1.2)
    canvas.stroke([line], _dim(_shadow(colour), 0.42), 1.25, opacity=0.85, soft=0.45)
    for side in (-1, 1):
        canvas.fill(ellipse(side * (w + 1), 62.6 - up, 2.2, 1.8), _shadow(traits.skin),
                    opacity=0.5, soft=1.1)  # fmt: skip


def _years(canvas: Canvas, traits: _Traits, face: Mask) -> None:
    """Lines of a long life."""
    dark = _dim(_shadow(traits.skin), 0.88)
    brow = [
        curve((-38, y + 2), (-14, y - 1.5), (12, y - 1), (36, y + 2.5)) for y in (-56, -47, -39)
    ]
    canvas.stroke(brow, dark, 1.2, opacity=0.34, soft=0.9, inside=face)
    out = traits.apart + 16
    half = [
        curve((15, 38), (25, 50), (29, 64)),
        curve((30, 68), (31, 76), (28, 84)),
        curve((18, 12), (30, 16.5), (43, 11)),
        *(curve((out, 0.4 * y), (out + 5, y), (out + 9, 2 * y)) for y in (-3, 1.5, 6)),
    ]
    lines = half + [mirrored(line) for line in half]
    canvas.stroke(lines, dark, 1.2, opacity=0.34, soft=0.9, inside=face)


# --- hair


def _hair_height(traits: _Traits) -> float:
    """Units from the crown of the skull to the top of the hair."""
    heights = {Hair.CROPPED: 3.0, Hair.RECEDING: 1.0, Hair.CURLS: 13.0, Hair.TIED: 7.0}
    return heights.get(traits.style, 11.0)


_FALLS = {Hair.LONG: 200.0, Hair.WAVY: 200.0, Hair.BOB: 84.0, Hair.CURLS: 74.0}


def _hair_behind(canvas: Canvas, traits: _Traits) -> None:
    """What is seen past the neck and the cheeks."""
    fall = _FALLS.get(traits.style, 0.0)
    dark = _dim(traits.hair, 0.62)
    if traits.style is Hair.PIGTAILS:
        _pigtails(canvas, traits)
    if not fall or not traits.female:
        return
    fall -= {Hair.BOB: 12, Hair.CURLS: 26}.get(traits.style, 0)
    w = traits.wide
    side = curve((0, -104), (58 * w, -84), (78 * w, -30), (80 * w, 0.5 * fall), (78 * w, fall - 10),
                 (70 * w, fall))  # fmt: skip
    canvas.fill(np.vstack([side, mirrored(side)]), dark, soft=0.8)


def _pigtails(canvas: Canvas, traits: _Traits) -> None:
    for side in (-1, 1):
        tail = curve(
            (66, 6), (84, 2), (98, 34), (96, 86), (84, 112), (76, 80), (70, 40), closed=True
        )
        tail = np.asarray(tail * (side, 1))
        canvas.fill(tail, _gleam(traits.hair, 0.12), to=_dim(traits.hair, 0.8), soft=0.6)
        inner = curve((side * 68, 12), (side * 76, 50), (side * 84, 110))
        outer = curve((side * 82, 6), (side * 97, 50), (side * 88, 110))
        _strands(canvas, traits, inner, outer, canvas.mask(tail))
        canvas.fill(ellipse(side * 76, 10, 7, 5), (90, 80, 200), soft=0.6)


def _hair_before(canvas: Canvas, traits: _Traits, face: Mask) -> None:
    """The hair that frames the face."""
    if traits.style is Hair.RECEDING:
        _receding(canvas, traits)
        return
    draw = {
        Hair.LONG: _falling,
        Hair.WAVY: _falling,
        Hair.BOB: _falling,
        Hair.CURLS: _curls,
        Hair.CROPPED: _cropped,
    }
    draw.get(traits.style, _cap)(canvas, traits, face)


def _falling(canvas: Canvas, traits: _Traits, face: Mask) -> None:
    """Hair parted above the brow that falls on both sides."""
    w, fall = traits.wide, _FALLS[traits.style]
    wave = 5.0 if traits.style is Hair.WAVY else 0.0
    curl = -10.0 if traits.style is Hair.BOB else 0.0
    part, low = -7.0, min(84.0, 0.8 * fall)
    for side in (1, -1):
        start = side * part
        outer = curve((start, -111), (46 * w, -104), (76 * w, -66), (83 * w + wave, -8),
                      (86 * w - wave, 36), (88 * w + wave, low), (86 * w + curl, fall))  # fmt: skip
        inner = curve((start, -88), (26 * w, -70), (55 * w, -34), (65 * w, 6),
                      (66 * w - wave, 36), (63 * w + wave, low), (60 * w + curl, fall))  # fmt: skip
        _lock(canvas, traits, outer * (side, 1), inner * (side, 1), face)


def _lock(canvas: Canvas, traits: _Traits, outer: Curve, inner: Curve, face: Mask) -> None:
    area = np.vstack([outer, inner[::-1]])
    mask = canvas.mask(area, 0.5)
    _cast_shadow(canvas, traits, inner, face)
    canvas.fill(area, _gleam(traits.hair, 0.10), to=_dim(traits.hair, 0.75), soft=0.5)
    _strands(canvas, traits, outer, inner, mask)
    canvas.shade(mask, (5, 2), 7, (0.55, 0.55, 0.55))


def _cast_shadow(canvas: Canvas, traits: _Traits, hairline: Curve, face: Mask) -> None:
    dark = _dim(_shadow(traits.skin), 0.6)
    canvas.stroke([moved(hairline, 0, 2)], dark, 4, opacity=0.34, soft=2.4, inside=face)


def _strands(canvas: Canvas, traits: _Traits, one: Curve, other: Curve, inside: Mask) -> None:
    """Fine lighter and darker lines between two guides of equal length."""
    rs = np.random.RandomState(traits.texture)
    n = min(len(one), len(other))
    one, other = one[:n], other[:n]
    for colour, opacity in _strand_colours(traits):
        lines = []
        for part in rs.uniform(0.02, 0.98, 34):
            drift = np.linspace(0, rs.normal(0, 0.06), n)[:, None]
            lines.append(one + (other - one) * (part + drift))
        canvas.stroke(lines, colour, 0.5, opacity=opacity, soft=0.45, inside=inside)


def _cap(canvas: Canvas, traits: _Traits, face: Mask) -> None:
    """Hair that ends above the ears: parted, tied back, or with a fringe."""
    w, high = traits.wide, _hair_height(traits)
    half = curve((0, -100 - high), (36 * w, -95 - 0.8 * high), (62 * w, -70 - 0.4 * high),
                 (73 * w, -36), (69 * w, 2))  # fmt: skip
    outer = np.vstack([mirrored(half), half])
    inner = _hairline(traits, w)
    area = np.vstack([outer, inner[::-1]])
    mask = canvas.mask(area, 0.7)
    _cast_shadow(canvas, traits, inner, face)
    canvas.fill(area, _gleam(traits.hair, 0.14), to=_dim(traits.hair, 0.8), soft=0.7)
    _combed(canvas, traits, outer, inner, mask)
    canvas.shade(mask, (6, 3), 8, (0.5, 0.5, 0.5))
    shine = ellipse(-22, -90 - high * 0.4, 26, 6)
    canvas.fill(shine, _gleam(traits.hair, 0.5), opacity=0.2, soft=5, inside=mask)


def _hairline(traits: _Traits, w: float) -> Curve:
    if traits.style is Hair.FRINGE:
        return curve((-66 * w, 4), (-61 * w, -27), (-44 * w, -33), (-22 * w, -31), (-12 * w, -36),
                     (8 * w, -32), (20 * w, -38), (38 * w, -35), (48 * w, -40), (61 * w, -24),
                     (66 * w, 4))  # fmt: skip
    if traits.style is Hair.SHORT:
        return curve((-65 * w, 6), (-61 * w, -26), (-50 * w, -58), (-14 * w, -62), (34 * w, -70),
                     (61 * w, -28), (65 * w, 6))  # fmt: skip
    return curve((-66 * w, 2), (-62 * w, -30), (-44 * w, -64), (0, -74), (44 * w, -64),
                 (62 * w, -30), (66 * w, 2))  # fmt: skip


def _combed(canvas: Canvas, traits: _Traits, outer: Curve, inner: Curve, inside: Mask) -> None:
    """Strands from the hairline to the crown, leaning to one side together."""
    rs = np.random.RandomState(traits.texture)
    lean = float(rs.uniform(-0.06, 0.06))
    for colour, opacity in _strand_colours(traits):
        lines = []
        for part in rs.uniform(0, 1, 110):
            root = _point_at(inner, part)
            end = _point_at(outer, part + lean + rs.normal(0, 0.012))
            lines.append(curve(root, _between(root, end), end, steps=5))
        canvas.stroke(lines, colour, 0.4, opacity=opacity, soft=0.4, inside=inside)


def _point_at(line: Curve, part: float) -> tuple[float, float]:
    x, y = line[round(min(max(part, 0.0), 1.0) * (len(line) - 1))]
    return float(x), float(y)


def _between(root: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """The middle of a strand, a little outwards: hair is round."""
    return 0.52 * (root[0] + end[0]), 0.51 * (root[1] + end[1])


def _strand_colours(traits: _Traits) -> tuple[tuple[Colour, float], tuple[Colour, float]]:
    """The light and the dark strands among the hair, and how much they show."""
    depth = 0.62 if traits.elder else 0.35
    return (_gleam(traits.hair, 0.42), 0.24), (_dim(traits.hair, depth), 0.36)


def _cropped(canvas: Canvas, traits: _Traits, face: Mask) -> None:
    """Hair of a few millimetres: skin shows through."""
    w = traits.wide
    half = curve((0, -103), (34 * w, -97), (58 * w, -73), (69 * w, -38), (68 * w, 0))
    outer = np.vstack([mirrored(half), half])
    inner = curve((-66 * w, 4), (-60 * w, -34), (-45 * w, -64), (0, -70), (45 * w, -64),
                  (60 * w, -34), (66 * w, 4))  # fmt: skip
    area = np.vstack([outer, inner[::-1]])
    _cast_shadow(canvas, traits, inner, face)
    colour = _mix(traits.hair, _shadow(traits.skin), 0.16)
    canvas.fill(area, colour, opacity=0.9, soft=1.6)
    mask = canvas.mask(area, 1.6)
    _combed(canvas, traits, outer, inner, mask)
    canvas.shade(mask, (6, 3), 9, (0.6, 0.6, 0.6))


def _receding(canvas: Canvas, traits: _Traits) -> None:
    """A bald crown, and hair at the temples."""
    for side in (-1, 1):
        w = traits.wide * side
        outer = curve((70 * w, 10), (75 * w, -20), (71 * w, -52), (58 * w, -76))
        inner = curve((64 * w, 8), (60 * w, -20), (58 * w, -46), (52 * w, -72))
        area = np.vstack([outer, inner[::-1]])
        canvas.fill(area, traits.hair, to=_dim(traits.hair, 0.85), opacity=0.9, soft=1.4)
        _combed(canvas, traits, outer, inner, canvas.mask(area, 1.2))
    canvas.fill(ellipse(-16, -80, 22, 8), _gleam(traits.skin, 0.7), opacity=0.28, soft=6)


def _curls(canvas: Canvas, traits: _Traits, face: Mask) -> None:
    """Many small curls round the head; women's reach the jaw."""
    rs = np.random.RandomState(traits.texture)
    w, end = traits.wide, (_FALLS[Hair.CURLS] if traits.female else 2.0)
    side = (
        curve((0, -101), (34 * w, -97), (60 * w, -76), (72 * w, -36), (75 * w, 0))
        if end < 10
        else curve(
            (0, -101), (36 * w, -97), (64 * w, -74), (78 * w, -30), (82 * w, 22), (76 * w, end)
        )
    )
    path = np.vstack([mirrored(side), side])
    inner_half = (
        curve((0, -70), (34 * w, -64), (56 * w, -36), (65 * w, 0))
        if end < 10
        else curve((0, -70), (34 * w, -64), (56 * w, -36), (65 * w, 4), (67 * w, 40), (64 * w, end))
    )
    inner = np.vstack([mirrored(inner_half), inner_half])
    area = np.vstack([path, inner[::-1]])
    canvas.fill(area, traits.hair, soft=1.0)
    mask = canvas.mask(area, 1.0)
    for x, y in path[::2]:
        ball = ellipse(x + rs.normal(0, 1.5), y + rs.normal(0, 1.5), *rs.uniform(8, 13, 2))
        canvas.fill(
            ball,
            _mix(traits.hair, _dim(traits.hair, 0.8 if traits.elder else 0.6), rs.uniform()),
            soft=0.8,
        )
        mask = np.asarray(cv2.bitwise_or(mask, canvas.mask(ball, 0.8)), np.uint8)
    rings = [_ring(area, rs) for _ in range(260)]
    canvas.stroke(rings[::2], _gleam(traits.hair, 0.4), 0.8, opacity=0.26, soft=0.5, inside=mask)
    canvas.stroke(
        rings[1::2],
        _dim(traits.hair, 0.6 if traits.elder else 0.25),
        0.8,
        opacity=0.5,
        soft=0.5,
        inside=mask,
    )


def _ring(area: Curve, rs: np.random.RandomState) -> Curve:
    """A part of one curl, somewhere about the hair."""
    x, y = rs.uniform(area.min(0) - 8, area.max(0) + 8)
    whole = ellipse(float(x), float(y), *rs.uniform(2.5, 5.5, 2))
    start = rs.randint(0, 20)
    return whole[start : start + rs.randint(16, 28)]
