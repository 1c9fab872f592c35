"""A camera that stands still, is covered, or sends rubbish is found out; a living one never is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migramovil.devices.camera import jpeg_frames
from migramovil.devices.camera.watch import LEAST, PATIENCE_S, PictureWatch
from migramovil.devices.ports import Pixels
from migramovil.devices.trouble import DarkPicture, DeviceTrouble, FrozenPicture, GarbledPicture

LIFE = np.random.default_rng(3)


def scene(level: int = 120, noise: int = 3) -> Pixels:
    ground = np.linspace(level, level + 60, 160)[:, None, None] + np.zeros((160, 240, 3))
    return (ground + LIFE.integers(0, noise + 1, ground.shape)).astype(np.uint8)


class Filmed:
    """A watch that is shown fifteen pictures a second, on a clock of its own."""

    def __init__(self) -> None:
        self.now = 100.0
        self.watch = PictureWatch(lambda: self.now)

    def show(self, picture: Callable[[], Pixels | None], seconds: float) -> None:
        for _ in range(round(seconds * 15)):
            self.now += 1 / 15
            pixels = picture()
            if pixels is None:
                self.watch.spoilt()
            else:
                self.watch.see(pixels)

    @property
    def trouble(self) -> type[DeviceTrouble] | None:
        return self.watch.trouble


STILL, BLACK = scene(), np.zeros((160, 240, 3), np.uint8)
SICK: dict[type[DeviceTrouble], Callable[[], Pixels | None]] = {
    FrozenPicture: lambda: STILL, DarkPicture: lambda: BLACK, GarbledPicture: lambda: None,
}  # fmt: skip


@pytest.mark.parametrize("kind", SICK)
def test_what_lasts_is_said_and_what_passes_is_not(kind: type[DeviceTrouble]) -> None:
    filmed = Filmed()
    filmed.show(SICK[kind], PATIENCE_S[kind] - 0.2)
    assert filmed.trouble is None
    filmed.show(SICK[kind], 0.5)
    assert filmed.trouble is kind
    filmed.show(scene, 0.1)
    assert filmed.trouble is None


def test_a_living_picture_is_never_a_trouble() -> None:
    filmed = Filmed()
    filmed.show(lambda: scene(noise=1), 20)
    assert filmed.trouble is None


def test_a_dark_room_is_no_cap_on_the_lens() -> None:
    filmed = Filmed()
    filmed.show(lambda: scene(level=8, noise=2), 5)
    assert filmed.trouble is None


def test_a_white_wall_in_the_sun_may_stand_still() -> None:
    filmed = Filmed()
    filmed.show(lambda: np.full((160, 240, 3), 255, np.uint8), 5)
    assert filmed.trouble is None


def test_two_pictures_alike_long_apart_are_not_yet_a_stopped_camera() -> None:
    filmed = Filmed()
    for _ in range(LEAST - 1):
        filmed.now += 60
        filmed.watch.see(STILL)
    assert filmed.trouble is None
    filmed.now += 60
    filmed.watch.see(STILL)
    filmed.watch.see(STILL)
    assert filmed.trouble is FrozenPicture


# ---- pictures as they are sent -------------------------------------------------------------------
WHOLE = cv2.imencode(".jpg", scene())[1].tobytes()


def test_a_whole_jpeg_is_its_picture() -> None:
    assert jpeg_frames.size_of(WHOLE) == (240, 160)
    assert jpeg_frames.decode(WHOLE).shape == (160, 240, 3)
    for padding in (bytes(512), b"\xff" * 7, b"\x12\x34" * 40):
        assert jpeg_frames.decode(WHOLE + padding).shape == (160, 240, 3)


@given(st.integers(0, len(WHOLE) - 1))
def test_a_jpeg_cut_short_is_no_picture(at: int) -> None:
    with pytest.raises(GarbledPicture):
        jpeg_frames.decode(WHOLE[:at])


def test_a_jpeg_that_claims_more_than_any_camera_has_is_not_decoded() -> None:
    at = WHOLE.index(b"\xff\xc0") + 5
    with pytest.raises(GarbledPicture):
        jpeg_frames.size_of(WHOLE[:at] + b"\xff\xff\xff\xff" + WHOLE[at + 4 :])
    with pytest.raises(GarbledPicture):
        jpeg_frames.size_of(WHOLE[:at] + bytes(4) + WHOLE[at + 4 :])


@given(st.binary(max_size=200))
def test_no_bytes_at_all_make_it_raise_anything_else(data: bytes) -> None:
    for sent in (data, b"\xff\xd8" + data + b"\xff\xd9"):
        with contextlib.suppress(GarbledPicture):
            jpeg_frames.decode(sent)
