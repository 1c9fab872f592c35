from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from migramovil.vision.pictures import decode_png, encode_png, thumbnail
from migramovil.vision.trouble import UnreadablePicture

SIDES = st.integers(1, 24)
GREY = arrays.arrays(np.uint8, st.tuples(SIDES, SIDES))
COLOUR = arrays.arrays(np.uint8, st.tuples(SIDES, SIDES, st.just(3)))


@given(st.one_of(GREY, COLOUR))
def test_a_master_comes_back_with_every_pixel(pixels: np.ndarray) -> None:
    assert np.array_equal(decode_png(encode_png(pixels)), pixels)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xe0 not ours", b"\x89PNG\r\n\x1a\n broken"])
def test_bytes_that_are_no_picture_are_a_trouble(data: bytes) -> None:
    with pytest.raises(UnreadablePicture):
        decode_png(data)


def test_a_thumbnail_keeps_proportions_and_never_grows() -> None:
    assert thumbnail(np.zeros((1080, 810, 3), np.uint8), 150, 150).shape == (150, 112, 3)
    assert thumbnail(np.zeros((290, 384), np.uint8), 96, 96).shape == (72, 96)
    assert thumbnail(np.zeros((20, 10, 3), np.uint8), 96, 96).shape == (20, 10, 3)
