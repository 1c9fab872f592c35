from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from migramovil.devices.sim import fingers

CHILD = Path(__file__).with_name("bozorth_child.py")


def _scores(pictures: list[np.ndarray]) -> np.ndarray:
    data = io.BytesIO()
    np.save(data, np.array(pictures))
    done = subprocess.run(
        [sys.executable, str(CHILD)], input=data.getvalue(), capture_output=True, check=True
    )
    return np.array(json.loads(done.stdout))


def test_the_same_pair_is_the_same_finger() -> None:
    first = fingers.master(5, 2)
    picture = fingers.impression(first, 1)
    fingers.master.cache_clear()
    again = fingers.master(5, 2)
    assert again is not first
    assert np.array_equal(again.ridges, first.ridges)
    assert np.array_equal(fingers.impression(again, 1), picture)


@pytest.mark.parametrize(
    ("finger", "period", "minutiae"),
    [
        (2, 8.482, [(98, 148), (150, 190), (216, 238), (260, 272), (284, 334), (168, 350)]),
        (7, 8.322, [(124, 170), (98, 204), (184, 226), (136, 260), (172, 306), (240, 406)]),
    ],
)
def test_a_finger_is_the_one_it_ever_was(
    finger: int, period: float, minutiae: list[tuple[int, int]]
) -> None:
    # other builds of numpy and OpenCV move a pixel by some greys, and no minutia
    known = fingers.master(77, finger)
    assert known.pattern is fingers.Pattern.LEFT_LOOP
    assert known.period == pytest.approx(period, abs=0.001)
    found = fingers.true_minutiae(known)
    for x, y in minutiae:
        assert np.hypot(found[:, 0] - x, found[:, 1] - y).min() < 3


def test_another_process_makes_the_same_picture() -> None:
    code = (
        "import sys; from migramovil.devices.sim import fingers;"
        "sys.stdout.buffer.write(fingers.impression(fingers.master(5, 2), 3).tobytes())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "4711"},
    )
    there = np.frombuffer(other.stdout, np.uint8).reshape(290, 384)
    assert np.array_equal(there, fingers.impression(fingers.master(5, 2), 3))


def test_every_take_is_laid_down_in_its_own_place_and_with_its_own_pressure() -> None:
    finger = fingers.master(5, 2)
    takes = [fingers.placement(finger, take) for take in range(1, 31)]
    for trait in ("rotation", "shift", "pressure", "dryness"):
        assert len({getattr(take, trait) for take in takes}) == len(takes)
    assert np.std([take.rotation for take in takes]) > 2
    assert np.std([take.shift for take in takes], axis=0).min() > 3
    assert np.std([take.pressure for take in takes]) > 0.2


def test_two_takes_of_a_finger_are_two_pictures() -> None:
    finger = fingers.master(5, 2)
    one, two = fingers.impression(finger, 1), fingers.impression(finger, 2)
    assert np.abs(one.astype(int) - two).mean() > 10


def test_takes_of_one_finger_match_and_takes_of_two_do_not() -> None:
    owners = [(person, finger) for person in range(3) for finger in (2, 7)]
    pictures = [fingers.impression(fingers.master(*who), take) for who in owners for take in (1, 2)]
    scores = _scores(pictures)
    same = [scores[2 * i, 2 * i + 1] for i in range(len(owners))]
    others = [scores[i, j] for i in range(len(pictures)) for j in range(i) if i // 2 != j // 2]
    assert min(same) > max(others)
    assert np.median(same) >= 60


def test_an_impression_is_dark_ridges_on_a_bright_ground_of_the_size_asked() -> None:
    picture = fingers.impression(fingers.master(5, 2), 1, width=256, height=360)
    assert picture.shape == (360, 256)
    assert picture.dtype == np.uint8
    assert np.percentile(picture, 90) > 245
    assert np.percentile(picture, 5) < 90


def test_a_drier_finger_leaves_less_ink() -> None:
    finger = fingers.master(5, 2)
    calm = fingers.placement(finger, 1)
    wet, dry = (
        fingers.impression(finger, 1, placed=replace(calm, dryness=dryness)).mean()
        for dryness in (-1.0, 1.0)
    )
    assert dry > wet + 20


def test_the_pattern_follows_the_hand_and_each_person_has_ten_fingers() -> None:
    patterns = [(finger, fingers._pattern(who, finger)) for who in range(300) for finger in (1, 6)]
    right = [pattern for finger, pattern in patterns if finger == 1]
    left = [pattern for finger, pattern in patterns if finger == 6]
    assert right.count(fingers.Pattern.RIGHT_LOOP) > 5 * right.count(fingers.Pattern.LEFT_LOOP)
    assert left.count(fingers.Pattern.LEFT_LOOP) > 5 * left.count(fingers.Pattern.RIGHT_LOOP)
    assert set(fingers.Pattern) == {
        fingers._pattern(who, finger) for who in range(60) for finger in range(1, 11)
    }


@pytest.mark.parametrize("pattern", list(fingers.Pattern))
def test_every_pattern_has_singular_points_that_balance(pattern: fingers.Pattern) -> None:
    loops, deltas = fingers._singular_points(pattern, np.random.RandomState(1), 1.0)
    assert len(loops) == len(deltas)
    assert all(loop[1] > delta[1] for loop in loops for delta in deltas)


def test_true_minutiae_lie_on_the_skin_and_are_as_many_as_in_real_fingers() -> None:
    for who in range(3):
        found = fingers.true_minutiae(fingers.master(who, 2))
        assert 40 <= len(found) <= 150  # over 19.5 by 26 mm
        x, y, angle = found.T
        assert ((x > 0) & (x < fingers.SKIN_WIDTH)).all()
        assert ((y > 0) & (y < fingers.SKIN_HEIGHT)).all()
        assert ((angle >= 0) & (angle <= 2 * np.pi)).all()


def test_a_plain_grating_has_no_minutiae_and_a_forked_one_has_one() -> None:
    finger = fingers.master(0, 2)
    x, y = fingers._skin_axes()
    level = replace(
        finger,
        period=9.0,
        theta=np.zeros_like(x),
        periods=np.full_like(x, 9.0),
        ridges=np.cos(2 * np.pi * y / 9).astype(np.float32),
    )
    inner = [m for m in fingers.true_minutiae(level) if 30 < m[1] < fingers.SKIN_HEIGHT - 30]
    assert inner == []
    fork = np.arctan2(y + 0.5, x + 0.5)  # between pixels, as forks of real ridges are
    forked = replace(level, ridges=np.cos(2 * np.pi * y / 9 + fork).astype(np.float32))
    middle = [m for m in fingers.true_minutiae(forked) if abs(m[0] - 192) < 60]
    middle = [m for m in middle if abs(m[1] - 256) < 100]
    assert len(middle) == 1
    assert np.hypot(middle[0][0] - 192, middle[0][1] - 256) < 9
