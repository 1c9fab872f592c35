from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pytest

from migramovil.devices.sim import fingers
from migramovil.vision.finger import FingerHint, FingerQuality
from migramovil.vision.trouble import QualityUnavailable

FRAGILE = (sys.executable, str(Path(__file__).with_name("fragile_worker.py")))
SFINGE = Path(__file__).parents[3] / "shared/data/fingers/sfinge"
BLACK, WHITE, GREY = (np.full((8, 8), tone, np.uint8) for tone in (0, 255, 77))


@pytest.fixture(scope="module")
def judge() -> Iterator[FingerQuality]:
    with FingerQuality(timeout_s=30) as quality:
        yield quality


def _placed(person: int, **how: object) -> np.ndarray:
    finger = fingers.master(person, 2)
    calm = replace(fingers.placement(finger, 1), dryness=0.0, pressure=0.0, shift=(0.0, 0.0))
    return fingers.impression(finger, 1, placed=replace(calm, **how))


def test_good_takes_score_above_the_threshold_in_the_mean(judge: FingerQuality) -> None:
    takes = [fingers.impression(fingers.master(who, 1 + who), 1) for who in range(8)]
    scores = [judge.measure(take, 500).quality for take in takes]
    assert None not in scores
    assert np.mean(scores) >= 50


def test_a_bad_take_scores_lower_than_a_good_one(judge: FingerQuality) -> None:
    finger = fingers.master(1, 2)
    good, bad = (
        judge.measure(fingers.impression(finger, 1, quality=q), 500).quality for q in (0.9, 0.1)
    )
    assert good is not None
    assert bad is not None
    assert good > bad + 15


def test_a_refusal_is_no_mark_at_all_and_no_trouble(judge: FingerQuality) -> None:
    measured = judge.measure(np.full((290, 384), 255, np.uint8), 500)
    assert measured.quality is None
    assert measured.trouble is None
    assert measured.hints == (FingerHint.NO_FINGER,)
    assert measured.area == 0


def test_a_measure_says_what_measured_it(judge: FingerQuality) -> None:
    measured = judge.measure(_placed(1), 500)
    assert measured.measure == "NFIQ 2"
    assert measured.version == f"nbis-py {version('nbis-py')}"


def test_other_densities_are_brought_to_500_ppi_first(judge: FingerQuality) -> None:
    take = _placed(1)
    larger = cv2.resize(take, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    at_500, at_1000 = judge.measure(take, 500), judge.measure(larger, 1000)
    assert at_500.quality is not None
    assert at_1000.quality is not None
    assert abs(at_500.quality - at_1000.quality) <= 8
    assert at_1000.area == pytest.approx(at_500.area, abs=0.03)


@pytest.mark.parametrize(
    ("how", "hint"),
    [
        ({"dryness": 1.0, "pressure": -0.5}, FingerHint.TOO_DRY),
        ({"dryness": -1.0, "pressure": 1.0}, FingerHint.TOO_WET),
        ({"contact": 0.15}, FingerHint.SMALL_AREA),
        ({"shift": (120.0, 0.0)}, FingerHint.OFF_CENTRE),
        ({"contact": 0.005}, FingerHint.NO_FINGER),
    ],
)
def test_each_fault_brings_its_hint(
    judge: FingerQuality, how: dict[str, object], hint: FingerHint
) -> None:
    assert judge.measure(_placed(1, **how), 500).hints[0] is hint


def test_a_moved_finger_is_called_blurred(judge: FingerQuality) -> None:
    take = cv2.GaussianBlur(_placed(1), (0, 0), 3)
    assert FingerHint.BLURRED in judge.measure(take, 500).hints


def test_a_smudged_finger_is_called_unclear(judge: FingerQuality) -> None:
    take = _placed(1, bad=1.5, distortion=5.0)
    assert judge.measure(take, 500).hints == (FingerHint.UNCLEAR,)


def test_a_calm_finger_in_the_middle_brings_no_hint(judge: FingerQuality) -> None:
    measured = judge.measure(_placed(1), 500)
    assert measured.hints == ()
    assert measured.area > 0.5


@pytest.mark.data
@pytest.mark.skipif(not SFINGE.is_dir(), reason="test data from outside is absent")
def test_scores_equal_those_nist_publishes(judge: FingerQuality) -> None:
    for picture in sorted(SFINGE.glob("*.pgm")):
        told = picture.with_name(f"{picture.stem}_output.txt").read_text()
        published = re.search(r"UnifiedQualityScore: (\d+)", told)
        assert published
        pixels = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
        assert judge.measure(pixels, 500).quality == int(published[1])


def test_a_crash_costs_its_one_answer_and_the_worker_is_replaced() -> None:
    with FingerQuality(command=FRAGILE, timeout_s=30) as judge:
        qualities = [judge.measure(take, 500).quality for take in (GREY, BLACK, GREY, GREY)]
        assert qualities == [77, None, 77, 77]


def test_a_hang_ends_at_the_timeout_and_costs_its_one_answer() -> None:
    with FingerQuality(command=FRAGILE, timeout_s=0.5) as judge:
        assert judge.measure(GREY, 500).quality == 77
        start = time.monotonic()
        hung = judge.measure(WHITE, 500)
        assert time.monotonic() - start < 5
        assert hung.quality is None
        assert isinstance(hung.trouble, QualityUnavailable)
        assert judge.measure(GREY, 500).quality == 77


def test_a_worker_that_died_while_nobody_asked_costs_nothing() -> None:
    with FingerQuality(command=FRAGILE, timeout_s=30) as judge:
        assert judge.measure(GREY, 500).quality == 77
        worker = judge._worker
        assert worker
        worker._process.kill()
        worker._process.wait()
        assert judge.measure(GREY, 500).quality == 77


def test_a_judge_that_cannot_even_start_is_a_trouble_with_a_code_not_an_exception() -> None:
    with FingerQuality(command=(sys.executable, "-c", "raise SystemExit(1)")) as judge:
        measured = judge.measure(_placed(1), 500)
    assert measured.quality is None
    assert measured.trouble
    assert measured.trouble.code == "VIS-01"
    assert measured.area > 0.5  # our own measures still stand


def test_a_closed_judge_leaves_no_process_behind_and_answers_none() -> None:
    judge = FingerQuality(command=FRAGILE)
    worker = judge._worker
    assert worker
    judge.close()
    judge.close()
    assert worker.is_dead()
    assert judge.measure(GREY, 500).quality is None
