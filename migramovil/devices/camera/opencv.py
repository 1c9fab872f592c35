"""Cameras that OpenCV reads: V4L2 on Linux, Media Foundation on Windows, motion JPEG over HTTP.

The backend is always named. Left to choose, OpenCV falls through from one to the next and says so
on the error output. A camera is known by who it is (vendor, product, serial, or its USB port) and
never by a number that changes with the order of plugging in.
"""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event
from typing import TypeVar

# Both are read when OpenCV first opens something: FFmpeg writes to the error output by itself, and
# a V4L2 wait of ten seconds (the default) would hold `close` for as long.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")

import cv2
import cv2.utils.logging

from migramovil.devices.camera import controls, modes
from migramovil.devices.camera.modes import Capture
from migramovil.devices.camera.watch import PictureWatch
from migramovil.devices.ports import Control, Delivery, DeviceInfo, DeviceKind, Frame, Pixels
from migramovil.devices.registry import Addresses
from migramovil.devices.trouble import (
    CameraWillNotOpen,
    Cancelled,
    DeviceTrouble,
    FrozenPicture,
    GarbledPicture,
    NoPicture,
    NotAllowed,
    Unplugged,
)

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

NAME = "opencv"
_UNMEASURED: modes.Capabilities = {"still": False}
_LOOK_S = 0.2
_NATIVE_WAIT_MS = 2000  # how long OpenCV may stand in one read
_SYSFS = Path("/sys/class/video4linux")
_NOWHERE = Addresses()

T = TypeVar("T")


def installed() -> bool:
    return True


def find(at: Addresses = _NOWHERE) -> list[DeviceInfo]:
    """The network camera that the settings name, then those plugged into this machine."""
    network = [network_camera(at.camera)] if at.camera else []
    plugged = _windows_cameras() if sys.platform == "win32" else _capture_nodes(_SYSFS)
    return network + list(plugged)


def make(info: DeviceInfo, at: Addresses = _NOWHERE) -> OpenCvCamera:
    del at
    return OpenCvCamera(info)


def network_camera(address: str) -> DeviceInfo:
    """A camera that serves motion JPEG at an http:// address."""
    return _info(address, "Cámara de red")


class OpenCvCamera:
    """One camera, read without pause by a thread of its own so that no old picture can queue up.

    `info.path` is a device node, a Windows device path, or an http:// address. After pictures that
    stood still or came spoilt the camera is started anew at the next read, which cures most.
    """

    def __init__(self, info: DeviceInfo, *, dial: Callable[[str], Capture] | None = None) -> None:
        self.info = info
        self._dial = dial or _opened
        self._reel: _Reel | None = None
        self._sick = False

    def open(self) -> None:
        """Start the camera at the best it delivers, measured the first time: CAM-02 if nothing."""
        capture = self._dial(self.info.path)
        try:
            self._settle(capture)
        except BaseException:
            capture.release()
            raise
        self._reel = _Reel(capture, self.info.path)

    def close(self) -> None:
        if self._reel is not None:
            self._reel.stop()
            self._reel = None

    def read(self, *, timeout_s: float, cancelled: Event) -> Frame:
        """The next picture taken after the call.

        CAM-01 when none comes in time, CAM-03, -04 and -05 when pictures come and have been
        standing still, black or spoilt for seconds.
        """
        if self._reel is None:
            raise Unplugged
        if self._sick:
            self._sick = False
            self.info = replace(self.info, capabilities=_UNMEASURED)
            self.close()
            self.open()
        try:
            return self._next(self._reel, timeout_s, cancelled)
        except (FrozenPicture, GarbledPicture):
            self._sick = True
            raise

    def controls(self) -> tuple[Control, ...]:
        """Exposure, focus and white balance, as far as the camera has them."""
        return self._between(controls.read_all)

    def set_control(self, name: str, value: str) -> Control:
        return self._between(lambda capture: controls.turn(capture, name, value))

    def delivery(self) -> Delivery:
        if self._reel is None:
            raise Unplugged
        return self._reel.delivery()

    @staticmethod
    def _next(reel: _Reel, timeout_s: float, cancelled: Event) -> Frame:
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

    def _between(self, call: Callable[[Capture], T]) -> T:
        if self._reel is None:
            raise Unplugged
        return self._reel.between(call)

    def _settle(self, capture: Capture) -> None:
        """Run a plugged camera at its best mode; a network camera has the one it sends.

        What was measured lies in the capabilities, and is not measured again.
        """
        declared = self.info.capabilities
        if "://" in self.info.path:
            self._declare(modes.sent(capture))
            return
        if "format" in declared:
            modes.ask(capture, modes.of(declared))
            return
        best = modes.settle(capture)
        if best is None:
            raise CameraWillNotOpen
        names = ",".join(control.name for control in controls.read_all(capture))
        self._declare(modes.declared(best) | {"controls": names})

    def _declare(self, found: modes.Capabilities) -> None:
        self.info = replace(self.info, capabilities=_UNMEASURED | found)


class _Reel:
    """The thread that keeps taking pictures, decoding only those somebody waits for.

    All that touches the capture runs on this thread, or before it starts.
    """

    def __init__(self, capture: Capture, path: str) -> None:
        self._capture = capture
        self._path = path
        self._changed = threading.Condition()
        self._asked: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._rhythm = _Rhythm()
        self._watch = PictureWatch()
        self._spoilt = 0
        self._number = 0
        self._ordered = False
        self._frame: Frame | None = None
        self._trouble: type[DeviceTrouble] | None = None
        self._running = True
        self._thread = threading.Thread(target=self._turn, name="camera-reel", daemon=True)
        self._thread.start()

    def order(self) -> int:
        """Ask for a picture; the number it will be higher than."""
        with self._changed:
            self._ordered = True
            self._trouble = None
            return self._number

    def wait(self, after: int, timeout_s: float) -> Frame | None:
        """The newest picture if its number is higher than `after`; DEV-01 when the reel ended."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._has(after) or self._trouble or not self._running, timeout_s
            )
            if self._has(after):
                return self._frame
            if self._trouble is not None:
                raise self._trouble
            if not self._running:
                raise Unplugged
            return None

    def between(self, call: Callable[[Capture], T]) -> T:
        """Do something with the capture between two pictures; CAM-01 when none comes."""
        done: Future[T] = Future()

        def settle() -> None:
            try:
                done.set_result(call(self._capture))
            except Exception as error:  # noqa: BLE001 - it belongs to who asked
                done.set_exception(error)

        self._asked.put(settle)
        try:
            return done.result(_NATIVE_WAIT_MS / 1000 + 1)
        except TimeoutError:
            raise (NoPicture if self._running else Unplugged) from None

    def delivery(self) -> Delivery:
        with self._changed:
            return Delivery(
                pictures=self._number,
                dropped=self._rhythm.dropped,
                spoilt=self._spoilt,
                fps=self._rhythm.fps,
            )

    def stop(self) -> None:
        with self._changed:
            self._running = False
            self._changed.notify_all()
        self._thread.join(_NATIVE_WAIT_MS / 1000 + 1)

    def _has(self, after: int) -> bool:
        return self._frame is not None and self._frame.number > after

    def _turn(self) -> None:
        while self._running and self._grabbed():
            self._rhythm.tick(time.monotonic())
            self._number += 1
            if self._ordered:
                self._show(modes.decoded(self._capture))
            with contextlib.suppress(Empty):
                while True:
                    self._asked.get_nowait()()
        with self._changed:
            self._running = False
            self._changed.notify_all()
        self._capture.release()  # here, and only here: never under a read that is still going on

    def _grabbed(self) -> bool:
        """Take the next picture. A node that is still there is only slow, however long it takes."""
        while not self._capture.grab():
            if not self._running or not self._path.startswith("/") or not Path(self._path).exists():
                return False
            time.sleep(_LOOK_S)
        return True

    def _show(self, pixels: Pixels | None) -> None:
        if pixels is None:
            self._watch.spoilt()
        else:
            self._watch.see(pixels)
        with self._changed:
            self._trouble = self._watch.trouble
            self._spoilt += pixels is None
            if pixels is not None and self._trouble is None:
                self._ordered = False
                self._frame = Frame(pixels=pixels, number=self._number)
            self._changed.notify_all()


class _Rhythm:
    """Counts the pictures that did not come, by the gaps between those that did."""

    def __init__(self) -> None:
        self.dropped = 0
        self._last = 0.0
        self._gaps: deque[float] = deque(maxlen=60)

    @property
    def fps(self) -> float:
        return round(1 / statistics.median(self._gaps), 1) if self._gaps else 0.0

    def tick(self, now: float) -> None:
        if self._last:
            gap = max(now - self._last, 1e-6)
            if len(self._gaps) >= 10:
                usual = statistics.median(self._gaps)
                self.dropped += max(0, round(gap / usual) - 1)
            self._gaps.append(gap)
        self._last = now


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
        if modes.sends_jpeg(capture):
            capture.set(cv2.CAP_PROP_FORMAT, -1)  # as it was sent, as in modes.ask
    elif sys.platform == "win32":
        capture = _windows_capture(path)
    else:
        capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
    if not capture.isOpened():
        raise Unplugged if "://" in path else CameraWillNotOpen
    return capture


def _check_node(path: str) -> None:
    if path.startswith("/"):
        if not Path(path).exists():
            raise Unplugged
        if not os.access(path, os.R_OK | os.W_OK):
            raise NotAllowed


def _windows_cameras() -> Iterator[DeviceInfo]:
    from cv2_enumerate_cameras import enumerate_cameras  # noqa: PLC0415 - Windows alone needs it

    for camera in enumerate_cameras(cv2.CAP_MSMF):
        yield _info(
            camera.path or str(camera.index),
            camera.name,
            vendor=f"{camera.vid:04x}" if camera.vid else "",
            product=f"{camera.pid:04x}" if camera.pid else "",
        )


def _windows_capture(path: str) -> cv2.VideoCapture:
    """The camera of a device path, by Media Foundation, and by DirectShow if that refuses it."""
    from cv2_enumerate_cameras import enumerate_cameras  # noqa: PLC0415 - Windows alone needs it

    capture = cv2.VideoCapture()
    for backend in (cv2.CAP_MSMF, cv2.CAP_DSHOW):
        for camera in enumerate_cameras(backend):
            if path in {camera.path, str(camera.index)} and capture.open(camera.index, backend):
                return capture
    return capture


def _capture_nodes(sysfs: Path) -> Iterator[DeviceInfo]:
    """Each camera once; a camera's further nodes (index > 0) carry no pictures."""
    for entry in sorted(sysfs.glob("video*"), key=_number):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if _word(entry / "index") == "0":
                yield _info(f"/dev/{entry.name}", _word(entry / "name"), **_usb(entry / "device"))


def _usb(interface: Path) -> dict[str, str]:
    """Who a camera is on its bus, out of the folder of the USB device its interface belongs to."""
    device = interface.resolve().parent
    if not (device / "idVendor").exists():
        return {}
    serial = device / "serial"
    return {
        "vendor": _word(device / "idVendor"),
        "product": _word(device / "idProduct"),
        "serial": _word(serial) if serial.exists() else "",
        "port": device.name,
    }


def _word(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()


def _number(entry: Path) -> int:
    return int("".join(re.findall(r"\d+", entry.name)) or 0)


def _info(
    path: str, model: str, *, vendor: str = "", product: str = "", serial: str = "", port: str = ""
) -> DeviceInfo:
    return DeviceInfo(
        kind=DeviceKind.CAMERA,
        driver=NAME,
        model=model,
        path=path,
        vendor=vendor,
        product=product,
        serial=serial,
        port=port,
        capabilities=_UNMEASURED,
    )
