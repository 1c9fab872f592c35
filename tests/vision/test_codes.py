"""A code printed on paper is read back by the camera that looks at it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import segno

from migramovil.vision import codes
from migramovil.vision.pictures import Pixels


def shown(text: str, turned: float = 0.0, blur: float = 0.0) -> Pixels:
    """A paper with a code, held before a camera of 1280×720."""
    code = np.array(list(segno.make(text, error="m").matrix), np.uint8)
    paper = np.kron(np.pad(1 - code, 4, constant_values=1), np.ones((9, 9), np.uint8)) * 200 + 30
    scene = np.full((720, 1280, 3), 90, np.uint8)
    high, wide = paper.shape
    scene[150 : 150 + high, 400 : 400 + wide] = paper[..., None]
    turn = cv2.getRotationMatrix2D((640, 360), turned, 1.0)
    scene = np.asarray(cv2.warpAffine(scene, turn, (1280, 720)), np.uint8)
    return np.asarray(cv2.GaussianBlur(scene, (0, 0), blur), np.uint8) if blur else scene


@pytest.mark.parametrize(("turned", "blur"), [(0, 0), (20, 0), (-95, 1.5)])
def test_a_code_is_read_however_the_paper_is_held(turned: float, blur: float) -> None:
    assert codes.read(shown("MIGRAMOVIL-PRUEBA-7C2A", turned, blur)) == ("MIGRAMOVIL-PRUEBA-7C2A",)


def test_a_grey_picture_is_read_too() -> None:
    assert codes.read(np.ascontiguousarray(shown("Ñandú")[..., 0])) == ("Ñandú",)


def test_where_there_is_no_code_nothing_is_read() -> None:
    assert codes.read(np.full((720, 1280, 3), 120, np.uint8)) == ()
