"""A lens out of focus, a bad light, a wrong colour and a stained glass are told by name."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from migramovil.vision import sensors
from migramovil.vision.pictures import Pixels


def a_room() -> Pixels:
    """A grey picture with edges in it, and a little noise."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:540, 0:960]
    tiles = 110 + 50 * ((x // 40 + y // 40) % 2)
    noisy = tiles[..., None] + rng.normal(0, 3, (540, 960, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def blurred(room: Pixels) -> Pixels:
    return np.asarray(cv2.GaussianBlur(room, (0, 0), 9), np.uint8)


def darkened(room: Pixels) -> Pixels:
    return (room * 0.1).astype(np.uint8)


def burnt(room: Pixels) -> Pixels:
    return np.clip(room * 2.4, 0, 255).astype(np.uint8)


def yellowed(room: Pixels) -> Pixels:
    return (room * np.array([0.4, 1.0, 1.0])).astype(np.uint8)


def test_a_room_in_order_has_nothing_said_against_it() -> None:
    seen = sensors.lens(a_room())
    assert (seen.sharp, seen.well_lit, seen.true) == (True, True, True)


@pytest.mark.parametrize(
    ("spoil", "quality"),
    [(blurred, "sharp"), (darkened, "well_lit"), (burnt, "well_lit"), (yellowed, "true")],
)
def test_each_fault_of_a_camera_is_told_apart(
    spoil: Callable[[Pixels], Pixels], quality: str
) -> None:
    assert not getattr(sensors.lens(spoil(a_room())), quality)


def test_a_cast_bears_the_name_of_its_colour() -> None:
    assert sensors.lens(yellowed(a_room())).colour == "amarillo"


def a_glass() -> Pixels:
    rng = np.random.default_rng(2)
    return np.clip(rng.normal(225, 2, (290, 384)), 0, 255).astype(np.uint8)


def test_an_empty_clean_glass_is_clean_and_quiet() -> None:
    seen = sensors.glass(a_glass())
    assert (seen.clean, seen.quiet, seen.odd) == (True, True, 0)


def test_dead_pixels_are_counted() -> None:
    glass = a_glass()
    glass[10:290:20, 7:384:40] = 0
    seen = sensors.glass(glass)
    assert seen.odd == 14 * 10
    assert not seen.clean


def test_a_stain_and_a_noisy_sensor_are_told_apart() -> None:
    stained, rng = a_glass(), np.random.default_rng(3)
    stained[100:220, 100:300] = 90
    noisy = np.clip(a_glass() + rng.normal(0, 14, (290, 384)), 0, 255).astype(np.uint8)
    assert (sensors.glass(stained).clean, sensors.glass(stained).quiet) == (False, True)
    assert not sensors.glass(noisy).quiet
