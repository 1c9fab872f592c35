"""Cameras that OpenCV reads: V4L2 on Linux, Media Foundation on Windows, motion JPEG over HTTP.

The backend is always named. Left to choose, OpenCV falls through from one to the next and says so
on the error output.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import time
from pathlib import Path
from threading import Event

# Both are read when OpenCV first opens something: FFmpeg writes to the error output by itself, and
# a V4L2 wait of ten seconds (the default) would hold `close` for as long.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")

import cv2
import cv2.utils.logging
import numpy as np

from migramovil.devices.ports import DeviceInfo, DeviceKind, Frame, Pixels
from migramovil.devices.trouble import (
    CameraWillNotOpen,
    Cancelled,
    NoPicture,
    NotAllowed,
    Unplugged,
)

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

WIDTH, HEIGHT = 1920, 1080
_LOOK_S = 0.2
_NATIVE_WAIT_MS = 2000  # how long OpenCV may stand in one read
_SYSFS = Path("/sys/class/video4linux")


def find() -> list[DeviceInfo]:
    """The cameras of this machine, by /dev/videoN; Windows tells nothing without opening one."""
    if sys.platform == "win32":
        return [_info("0", "Cámara de Windows")]
    return [_info(str(node), model) for node, model in _capture_nodes(_SYSFS)]


def network_camera(address: str) -> DeviceInfo:
    """A camera that serves motion JPEG at an http:// address."""
    return _info(address, "Cámara de red")


class OpenCvCamera:
    """One camera, read without pause by a thread of its own so that no old picture can queue up.

    `info.path` is a device node, an index, or an http:// address.
    """

    def __init__(self, info: DeviceInfo) -> None:
        self.info = info
        self._reel: _Reel | None = None

    def open(self) -> None:
        """Start the camera at 1920×1080, or the nearest it has."""
        self._reel = _Reel(_opened(self.info.path))

    def close(self) -> None:
        if self._reel is not None:
            self._reel.stop()
            self._reel = None

    def read(self, *, timeout_s: float, cancelled: Event) -> Frame:
        """The next picture taken after the call; CAM-01 when none comes in time."""
        reel = self._reel
        if reel is None:
            raise Unplugged
        end = time.monotonic() + timeout_s
        after = reel.order()
        while not cancelled.is_set():
            left = end - time.monotonic()
            frame = reel.wait(after, min(_LOOK_S, left))
            if frame is not None:
                return frame
            if left <= 0:
                raise NoPicture
        raise Cancelled


class _Reel:
    """The thread that keeps taking pictures, decoding only those somebody waits for."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        self._changed = threading.Condition()
        self._number = 0
        self._ordered = False
        self._frame: Frame | None = None
        self._running = True
        self._thread = threading.Thread(target=self._turn, name="camera-reel", daemon=True)
        self._thread.start()

    def order(self) -> int:
        """Ask for a picture; the number it will be higher than."""
        with self._changed:
            self._ordered = True
            return self._number

    def wait(self, after: int, timeout_s: float) -> Frame | None:
        """The newest picture if its number is higher than `after`; DEV-01 when the reel ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._has(after) or not self._running, timeout_s)
            if self._has(after):
                return self._frame
            if not self._running:
                raise Unplugged
            return None

    def stop(self) -> None:
        with self._changed:
            self._running = False
            self._changed.notify_all()
        self._thread.join(_NATIVE_WAIT_MS / 1000 + 1)

    def _has(self, after: int) -> bool:
        return self._frame is not None and self._frame.number > after

    def _turn(self) -> None:
        while self._running and self._capture.grab():
            pixels = self._retrieve()
            with self._changed:
                self._number += 1
                if pixels is not None:
                    self._ordered = False
                    self._frame = Frame(pixels=pixels, number=self._number)
                    self._changed.notify_all()
        with self._changed:
            self._running = False
            self._changed.notify_all()
        self._capture.release()  # here, and only here: never under a read that is still going on

    def _retrieve(self) -> Pixels | None:
        if not self._ordered:
            return None
        good, pixels = self._capture.retrieve()
        return np.asarray(pixels, np.uint8) if good else None


def _opened(path: str) -> cv2.VideoCapture:
    _check_node(path)
    waits = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        _NATIVE_WAIT_MS,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        _NATIVE_WAIT_MS,
    ]
    if "://" in path:
        capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, waits)
    elif sys.platform == "win32":
        capture = cv2.VideoCapture(int(path), cv2.CAP_MSMF)
    else:
        capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
    if not capture.isOpened():
        raise Unplugged if "://" in path else CameraWillNotOpen
    if "://" not in path:
        _ask_full_size(capture)
    return capture


def _check_node(path: str) -> None:
    if path.startswith("/"):
        if not Path(path).exists():
            raise Unplugged
        if not os.access(path, os.R_OK | os.W_OK):
            raise NotAllowed


def _ask_full_size(capture: cv2.VideoCapture) -> None:
    # raw 1080p does not fit through USB 2 at 30 pictures a second: ask for JPEG first
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, WIDTH)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT)


def _capture_nodes(sysfs: Path) -> list[tuple[Path, str]]:
    """Node and name of each camera; a camera's further nodes (index > 0) carry no pictures."""
    found = []
    for entry in sorted(sysfs.glob("video*"), key=_number):
        with contextlib.suppress(OSError):
            if (entry / "index").read_text(encoding="ascii").strip() == "0":
                name = (entry / "name").read_text(encoding="utf-8").strip()
                found.append((Path("/dev") / entry.name, name))
    return found


def _number(entry: Path) -> int:
    return int("".join(re.findall(r"\d+", entry.name)) or 0)


def _info(path: str, model: str) -> DeviceInfo:
    return DeviceInfo(
        kind=DeviceKind.CAMERA,
        driver="opencv",
        model=model,
        path=path,
        capabilities={"width_px": WIDTH, "height_px": HEIGHT},
    )
