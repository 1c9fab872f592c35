"""How good an impression is: NFIQ 2's figure, and what the officer could change."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from threading import Lock, Timer
from typing import Any, Self

import cv2
import numpy as np
import numpy.typing as npt

from migramovil.vision.finger_worker import ANSWER, LENGTH, READY, REFUSED
from migramovil.vision.pictures import Pixels
from migramovil.vision.trouble import QualityUnavailable

Grid = npt.NDArray[np.floating[Any]]

MEASURE = "NFIQ 2"
NFIQ2_PPI = 500  # the only density NFIQ 2 is defined for
LOADING_S = 30.0
_MM2 = (25.4 / NFIQ2_PPI) ** 2  # of one pixel


class FingerHint(StrEnum):
    """What seems wrong with an impression; each has a remedy an officer can give.

    Hints explain a low quality; with a sufficient one they are no reason to try again.
    """

    NO_FINGER = "no_finger"  # lay the finger down
    SMALL_AREA = "small_area"  # lay it flat, not on its tip
    OFF_CENTRE = "off_centre"  # move it to the middle
    BLURRED = "blurred"  # hold still; wipe the glass
    TOO_DRY = "too_dry"  # rub the fingertip on the palm or the forehead, press a little more
    TOO_WET = "too_wet"  # dry the finger, press a little less
    UNCLEAR = "unclear"  # clean the finger and the glass


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerMeasure:
    """One judged impression. `quality` None is no low mark: the picture must be taken again."""

    quality: int | None  # 0..100
    measure: str
    version: str
    area: float  # part of the window the finger covers, 0..1
    hints: tuple[FingerHint, ...]  # the gravest first
    trouble: QualityUnavailable | None = None  # the judge failed, not the finger


class FingerQuality:
    """The judge of impressions; NFIQ 2 runs in a child process of its own.

    A child that dies or hangs costs the one answer it was asked for, and is replaced at once.
    Any thread may call; questions are answered one at a time.
    """

    def __init__(
        self,
        *,
        timeout_s: float = 5.0,
        command: Sequence[str] = (sys.executable, "-m", "migramovil.vision.finger_worker"),
    ) -> None:
        self._timeout_s = timeout_s
        self._command = tuple(command)
        self._version = _nbis_version()
        self._lock = Lock()
        self._worker: _Worker | None = _Worker(self._command)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def measure(self, pixels: Pixels, ppi: int) -> FingerMeasure:
        """Judge an impression, uint8 (height, width) at `ppi`; blocks for about 0.1 s."""
        at_500 = _resample(pixels, ppi)
        area, hints = _look(at_500)
        quality, trouble = self._judge(at_500)
        return FingerMeasure(
            quality=quality,
            measure=MEASURE,
            version=self._version,
            area=area,
            hints=hints,
            trouble=trouble,
        )

    def close(self) -> None:
        """End the child process; a closed judge judges no more."""
        with self._lock:
            if self._worker:
                self._worker.end()
                self._worker = None

    def _judge(self, pixels: Pixels) -> tuple[int | None, QualityUnavailable | None]:
        with self._lock:
            if self._worker is None:
                return None, QualityUnavailable("closed")
            if self._worker.is_dead():  # while nobody asked: that costs no answer
                self._replace(self._worker)
            try:
                score = self._worker.ask(_pgm(pixels), self._timeout_s)
            except QualityUnavailable as trouble:
                self._replace(self._worker)
                return None, trouble
        return (None if score == REFUSED else score), None

    def _replace(self, worker: _Worker) -> None:
        worker.end()
        self._worker = _Worker(self._command)


class _Worker:
    """One child process and its two pipes."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._ready = False

    def ask(self, picture: bytes, timeout_s: float) -> int:
        """The child's answer; QualityUnavailable when it dies or takes longer than `timeout_s`."""
        if not self._ready:
            self._ready = self._exchange(b"", LOADING_S) == READY
        return self._exchange(LENGTH.pack(len(picture)) + picture, timeout_s)

    def is_dead(self) -> bool:
        return self._process.poll() is not None

    def end(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(OSError):  # the rest of a question that nobody reads any more
                    pipe.close()
        self._process.wait()

    def _exchange(self, question: bytes, timeout_s: float) -> int:
        # Killing the child ends a blocked read and a blocked write on every system.
        alarm = Timer(timeout_s, self._process.kill)
        alarm.daemon = True
        alarm.start()
        try:
            answer = self._send_and_receive(question)
        except OSError as broken:
            raise QualityUnavailable(type(broken).__name__) from broken
        finally:
            in_time = alarm.is_alive()
            alarm.cancel()
        if len(answer) != ANSWER.size:
            raise QualityUnavailable("worker died" if in_time else "worker hung")
        return int(ANSWER.unpack(answer)[0])

    def _send_and_receive(self, question: bytes) -> bytes:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            return b""
        stdin.write(question)
        stdin.flush()
        return stdout.read(ANSWER.size)


def _nbis_version() -> str:
    try:
        return f"nbis-py {version('nbis-py')}"
    except PackageNotFoundError:
        return "nbis-py (not installed)"


def _pgm(pixels: Pixels) -> bytes:
    height, width = pixels.shape
    return b"P5\n%d %d\n255\n" % (width, height) + pixels.tobytes()


def _resample(pixels: Pixels, ppi: int) -> Pixels:
    """The same finger at 500 ppi."""
    if ppi == NFIQ2_PPI:
        return pixels
    scale = NFIQ2_PPI / ppi
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=how), np.uint8)


# --- own measures, at 500 ppi. The limits were set on synthetic impressions of known dryness,
# blur, contact and place (benchmarks/synthetic_fingers.py).


def _look(pixels: Pixels) -> tuple[float, tuple[FingerHint, ...]]:
    """The covered part of the window, and what seems wrong."""
    grey: Grid = np.asarray(cv2.GaussianBlur(pixels, (0, 0), 1.0), np.float32)
    mean = _box(grey)
    contrast = np.sqrt(np.maximum(_box(grey * grey) - mean * mean, 0))
    finger = _finger_mask(contrast)
    area = float(finger.mean())
    if area * finger.size * _MM2 < 15:
        return area, (FingerHint.NO_FINGER,)
    judged = {
        FingerHint.SMALL_AREA: area * finger.size * _MM2 < 100,
        FingerHint.OFF_CENTRE: _off_centre(finger) > 0.15,
        **_ridge_hints(pixels, grey, mean, contrast, finger),
    }
    return area, tuple(hint for hint, found in judged.items() if found)


def _box(grid: Grid) -> Grid:
    """Mean over 17 pixels: about two ridges."""
    return np.asarray(cv2.boxFilter(grid, -1, (17, 17)), np.float32)


def _finger_mask(contrast: Grid) -> Pixels:
    """1 where ridges are, 0 elsewhere."""
    mask = (contrast > 10).astype(np.uint8)
    whole = np.ones((21, 21), np.uint8)
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, whole)
    return np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, whole), np.uint8)


def _off_centre(finger: Pixels) -> float:
    """How far the finger's middle lies from the window's, in parts of the window."""
    rows, columns = np.nonzero(finger)
    height, width = finger.shape
    aside, above = columns.mean() / width - 0.5, rows.mean() / height - 0.5
    return float(max(abs(aside), abs(above)))


def _ridge_hints(
    pixels: Pixels, grey: Grid, mean: Grid, contrast: Grid, finger: Pixels
) -> dict[FingerHint, bool]:
    """What the ridges themselves tell, away from the finger's rim."""
    inner = cv2.erode(finger, np.ones((17, 17), np.uint8), borderValue=1) > 0
    if not inner.any():
        return {}
    low, high = np.percentile(pixels[inner], (3, 97))
    dark = float((pixels[inner] < (low + high) / 2).mean())
    edges = np.asarray(cv2.Laplacian(grey, cv2.CV_32F))[inner]
    sharpness = float(np.sqrt((edges**2).mean()) / contrast[inner].mean())
    pieces = cv2.connectedComponents(((grey < mean) & inner).astype(np.uint8))[0] - 1
    pieces_per_mm2 = pieces / (inner.sum() * _MM2)
    return {
        FingerHint.BLURRED: sharpness < 0.30,
        FingerHint.TOO_DRY: dark < 0.345 and pieces_per_mm2 > 0.7,
        FingerHint.TOO_WET: dark > 0.62,
        FingerHint.UNCLEAR: float(_steadiness(grey)[inner].mean()) < 0.62,
    }


def _steadiness(grey: Grid) -> Grid:
    """How much the ridges around each pixel run the same way: 0 none .. 1 all."""
    right, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    xx, yy, xy = (
        np.asarray(cv2.boxFilter(product, -1, (25, 25)), np.float32)
        for product in (right * right, down * down, right * down)
    )
    return np.asarray(np.hypot(xx - yy, 2 * xy) / (xx + yy + 1), np.float32)
