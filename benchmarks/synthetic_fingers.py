"""Time, NFIQ 2 and matching scores of the invented fingers: what a reader may check and quote.

    python benchmarks/synthetic_fingers.py [people]

Figures are about invented prints and say nothing about real ones.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from migramovil.devices.sim import fingers
from migramovil.vision.finger import FingerQuality

CHILD = Path(__file__).parents[1] / "tests/devices/bozorth_child.py"
POSITIONS = (1, 2, 7, 9)


def main() -> None:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    cv2.setNumThreads(1)
    masters, seconds = _grow(people)
    print(f"{len(masters)} fingers of {people} people, one thread, 384x290")
    print(f"master      {_ms(seconds)}")
    with FingerQuality(timeout_s=60) as judge:
        for quality in (1.0, 0.85, 0.7, 0.5, 0.3, 0.1):
            _report(masters, quality, judge)


def _grow(people: int) -> tuple[list[fingers.Master], list[float]]:
    masters, seconds = [], []
    for person in range(people):
        for position in POSITIONS:
            start = time.perf_counter()
            masters.append(fingers.master(person, position))
            seconds.append(time.perf_counter() - start)
    return masters, seconds


def _report(masters: list[fingers.Master], quality: float, judge: FingerQuality) -> None:
    pictures, seconds = [], []
    for finger in masters:
        for take in (1, 2):
            start = time.perf_counter()
            pictures.append(fingers.impression(finger, take, quality=quality))
            seconds.append(time.perf_counter() - start)
    measured = [judge.measure(picture, fingers.PPI).quality for picture in pictures]
    marks = np.array([mark for mark in measured if mark is not None])
    same, others = _matches(np.array(pictures))
    print(f"quality {quality:4.2f}: impression {_ms(seconds)}")
    print(
        f"  NFIQ 2 mean {marks.mean():.0f}, p10 {np.percentile(marks, 10):.0f}, min {marks.min()}, "
        f"below 40: {np.mean(marks < 40):.0%}, refused {len(pictures) - len(marks)}"
    )
    print(
        f"  Bozorth3 same finger p5 {np.percentile(same, 5):.0f}, p50 {np.median(same):.0f} "
        f"({len(same)}); others p50 {np.median(others):.0f}, max {others.max()} ({len(others)})"
    )


def _matches(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the two takes of each finger, and of takes of two fingers."""
    data = io.BytesIO()
    np.save(data, pictures)
    command = [sys.executable, str(CHILD)]
    done = subprocess.run(command, input=data.getvalue(), capture_output=True, check=True)
    scores = np.array(json.loads(done.stdout))
    one, other = np.triu_indices(len(pictures), 1)
    mates = one // 2 == other // 2
    pairs = scores[one, other]
    return pairs[mates], pairs[~mates]


def _ms(seconds: list[float]) -> str:
    return f"p50 {1e3 * np.median(seconds):.0f} ms, max {1e3 * max(seconds):.0f} ms"


if __name__ == "__main__":
    main()
