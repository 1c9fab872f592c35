"""Which size and pixel format a USB camera is run at: what it really delivers decides."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from migramovil.devices.camera import jpeg_frames
from migramovil.devices.ports import Pixels
from migramovil.devices.trouble import GarbledPicture

MEASURE_S = 0.5
ENOUGH_FPS = 12.0
"""A preview in which a person can find the oval; below it a smaller picture is tried."""
LEAST_FPS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """What is asked for: a pixel format by its four letters, and a size."""

    fourcc: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What came when `mode` was asked for."""

    mode: Mode
    width: int
    height: int
    fps: float


Capabilities = dict[str, str | int | bool]


def declared(found: Delivered) -> Capabilities:
    """What is declared of a camera, from which `of` knows the mode again."""
    return {
        "width": found.width,
        "height": found.height,
        "fps": round(found.fps),
        "format": f"{found.mode.fourcc} {found.mode.width}x{found.mode.height}",
    }


def sent(capture: Capture) -> Capabilities:
    """What is declared of a camera that sends what it likes."""
    return {
        "width": int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
        "height": int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
    }


def of(known: Capabilities) -> Mode:
    fourcc, _, size = str(known["format"]).partition(" ")
    width, _, height = size.partition("x")
    return Mode(fourcc=fourcc, width=int(width), height=int(height))


LADDER = (
    # raw 1080p does not fit through USB 2 at 12 pictures a second: JPEG is asked for first
    Mode(fourcc="MJPG", width=1920, height=1080),
    Mode(fourcc="YUYV", width=1920, height=1080),
    Mode(fourcc="MJPG", width=1280, height=960),
    Mode(fourcc="MJPG", width=1280, height=720),
    Mode(fourcc="YUYV", width=1280, height=720),
    Mode(fourcc="MJPG", width=640, height=480),
    Mode(fourcc="YUYV", width=640, height=480),
)


class Capture(Protocol):
    """As much of cv2.VideoCapture as is used."""

    def isOpened(self) -> bool: ...  # noqa: N802 - OpenCV's names
    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, Any]: ...
    def set(self, prop: int, value: float) -> bool: ...
    def get(self, prop: int) -> float: ...
    def release(self) -> None: ...


def settle(capture: Capture, *, clock: Callable[[], float] = time.monotonic) -> Delivered | None:
    """Leave the camera at the best it delivers; None when it delivers nothing at all.

    Going down the ladder ends at the first mode that comes as asked and fast enough, so that a
    good camera is measured once, in half a second.
    """
    found: list[Delivered] = []
    for tried, mode in enumerate(LADDER):
        got = measured(capture, mode, clock=clock)
        if got is None:
            if not found and tried:
                return None  # a dead camera would hold each rung for seconds
            continue
        found.append(got)
        if (got.width, got.height) == (mode.width, mode.height) and got.fps >= ENOUGH_FPS:
            break
    if not found:
        return None
    chosen = best(found)
    if chosen is not found[-1]:
        ask(capture, chosen.mode)
    return chosen


def best(found: Sequence[Delivered]) -> Delivered:
    """The largest that is fast enough, else the fastest; the first of equals."""
    quick = [one for one in found if one.fps >= ENOUGH_FPS]
    usable = quick or [one for one in found if one.fps >= LEAST_FPS]
    if usable:
        return max(usable, key=lambda one: one.width * one.height)
    return max(found, key=lambda one: one.fps)


def ask(capture: Capture, mode: Mode) -> None:
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*mode.fourcc))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, mode.width)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, mode.height)
    capture.set(cv2.CAP_PROP_FPS, 30)
    # OpenCV would decode a JPEG cut short and say nothing: we look at it first
    as_sent = sends_jpeg(capture)
    capture.set(cv2.CAP_PROP_CONVERT_RGB, 0.0 if as_sent else 1.0)


def sends_jpeg(capture: Capture) -> bool:
    return int(capture.get(cv2.CAP_PROP_FOURCC)) == cv2.VideoWriter.fourcc(*"MJPG")


def measured(
    capture: Capture, mode: Mode, *, clock: Callable[[], float] = time.monotonic
) -> Delivered | None:
    """What comes when `mode` is asked for, looked at for half a second after the first picture."""
    ask(capture, mode)
    if not capture.grab():
        return None
    began, count, now = clock(), 0, 0.0
    while now < MEASURE_S:
        if not capture.grab():
            return None
        count += 1
        now = clock() - began
    pixels = decoded(capture)
    if pixels is None:
        return None
    height, width = pixels.shape[:2]
    return Delivered(mode=mode, width=width, height=height, fps=round(count / now, 1))


def decoded(capture: Capture) -> Pixels | None:
    """The picture grabbed last, uint8 (height, width, 3), blue-green-red; None if it is spoilt."""
    try:
        good, pixels = capture.retrieve()
        if not good or pixels is None:
            return None
        picture = np.asarray(pixels, np.uint8)
        if picture.ndim == 3 and picture.shape[2] == 3:
            return picture
        return jpeg_frames.decode(picture.tobytes())
    except (cv2.error, GarbledPicture):
        return None
