"""A camera runs at what it really delivers, and its settings are told as they really stand."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Any

import cv2
import numpy as np
import pytest

from migramovil.devices.camera import controls, modes, opencv
from migramovil.devices.camera.modes import LADDER, Delivered, Mode
from migramovil.devices.ports import DeviceInfo, DeviceKind
from migramovil.devices.trouble import CameraWillNotOpen, SettingRefused, Unplugged

MJPG, YUYV = (cv2.VideoWriter.fourcc(*name) for name in ("MJPG", "YUYV"))
EXPOSURE, AUTO_EXPOSURE = cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_AUTO_EXPOSURE


class Webcam:
    """A USB camera behind V4L2, as OpenCV shows it: sizes with their speeds, and settings.

    `speeds` says how many pictures a second come of each format and size; a format that is not
    there stays what it was, a size becomes the nearest below. `mute` delivers nothing.
    """

    def __init__(self, speeds: dict[Mode, float], props: dict[int, float] | None = None) -> None:
        self.speeds = speeds
        self.props = {cv2.CAP_PROP_FOURCC: float(YUYV)} | (props or {})
        self.now = 0.0
        self.mute = self.spoilt = self.released = False
        self.modes_asked = 0
        self._wanted = [640.0, 480.0]
        self._count = 0

    def clock(self) -> float:
        return self.now

    @property
    def mode(self) -> Mode:
        fourcc = "MJPG" if self.props[cv2.CAP_PROP_FOURCC] == MJPG else "YUYV"
        mine = [mode for mode in self.speeds if mode.fourcc == fourcc]
        below = [m for m in mine if m.width <= self._wanted[0] and m.height <= self._wanted[1]]
        return max(below or mine, key=lambda mode: mode.width * mode.height)

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def grab(self) -> bool:
        if self.mute or self.released:
            return False
        self.now += 1 / self.speeds[self.mode]
        self._count += 1
        return True

    def retrieve(self) -> tuple[bool, Any]:
        pixels = np.full((self.mode.height, self.mode.width, 3), self._count % 200, np.uint8)
        if self.props.get(cv2.CAP_PROP_CONVERT_RGB, 1.0):
            return True, pixels
        sent = cv2.imencode(".jpg", pixels)[1].reshape(1, -1)
        return True, sent[:, :-9] if self.spoilt else sent

    def set(self, prop: int, value: float) -> bool:
        if prop in {cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT}:
            self._wanted[prop == cv2.CAP_PROP_FRAME_HEIGHT] = value
        elif prop == cv2.CAP_PROP_FOURCC:
            self.modes_asked += 1
            if any(cv2.VideoWriter.fourcc(*mode.fourcc) == value for mode in self.speeds):
                self.props[prop] = value
        elif prop == cv2.CAP_PROP_CONVERT_RGB:
            self.props[prop] = value
        elif prop == EXPOSURE and self.props.get(AUTO_EXPOSURE) == 3.0:
            return False
        elif prop in self.props:
            self.props[prop] = min(value, 2000.0)
        else:
            return False
        return True

    def get(self, prop: int) -> float:
        return self.props.get(prop, -1.0)

    def release(self) -> None:
        self.released = True


FULL, HD = Mode(fourcc="MJPG", width=1920, height=1080), Mode(fourcc="MJPG", width=1280, height=720)
RAW_FULL = Mode(fourcc="YUYV", width=1920, height=1080)
VGA = Mode(fourcc="YUYV", width=640, height=480)
GOOD = {FULL: 30.0, HD: 30.0, RAW_FULL: 5.0, VGA: 30.0}


@pytest.mark.parametrize(
    ("speeds", "expected"),
    [
        (GOOD, (FULL, 30)),
        ({FULL: 5.0, RAW_FULL: 2.0, HD: 25.0, VGA: 30.0}, (HD, 25)),
        ({RAW_FULL: 5.0, VGA: 30.0}, (VGA, 30)),
        ({VGA: 9.0}, (VGA, 9)),
    ],
)
def test_the_largest_that_comes_fast_enough_is_chosen(
    speeds: dict[Mode, float], expected: tuple[Mode, int]
) -> None:
    webcam = Webcam(speeds)
    found = modes.settle(webcam, clock=webcam.clock)
    assert found is not None
    mode, fps = expected
    assert (found.width, found.height, round(found.fps)) == (mode.width, mode.height, fps)
    assert webcam.mode == mode  # and left running at it


def test_a_good_camera_is_measured_once() -> None:
    webcam = Webcam(GOOD)
    modes.settle(webcam, clock=webcam.clock)
    assert webcam.now < 1.0


def test_a_camera_that_delivers_nothing_is_not_tried_all_the_way_down() -> None:
    webcam = Webcam(GOOD)
    webcam.mute = True
    assert modes.settle(webcam, clock=webcam.clock) is None
    assert webcam.modes_asked < len(LADDER)  # each would cost a wait of seconds


def test_of_equals_the_first_is_the_best() -> None:
    slow = [Delivered(mode=mode, width=640, height=480, fps=2.0) for mode in LADDER]
    assert modes.best(slow) is slow[0]


def test_a_jpeg_cut_short_is_no_picture() -> None:
    webcam = Webcam(GOOD)
    modes.ask(webcam, FULL)
    webcam.grab()
    assert modes.decoded(webcam) is not None
    webcam.spoilt = True
    assert modes.decoded(webcam) is None


# ---- the driver over it -------------------------------------------------------------------------
INFO = DeviceInfo(
    kind=DeviceKind.CAMERA, driver="opencv", model="Webcam", path="/dev/video7",
    vendor="046d", product="085c", serial="A1",
)  # fmt: skip
SET = {EXPOSURE: 156.0, AUTO_EXPOSURE: 3.0, cv2.CAP_PROP_FOCUS: 30.0}


@pytest.fixture(autouse=True)
def measured_in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modes, "MEASURE_S", 0.02)


def test_what_was_chosen_is_declared_and_not_measured_again() -> None:
    made: list[Webcam] = []

    def dial(_: str) -> Webcam:
        made.append(Webcam({HD: 400.0, VGA: 400.0}, SET))
        return made[-1]

    camera = opencv.OpenCvCamera(INFO, dial=dial)
    camera.open()
    assert camera.info.capabilities["width"] == 1280
    assert camera.info.capabilities["controls"] == "exposure,focus"
    assert camera.read(timeout_s=2, cancelled=Event()).pixels.shape == (720, 1280, 3)
    camera.close()
    assert made[0].released

    again = opencv.OpenCvCamera(camera.info, dial=dial)  # as its own process is told
    again.open()
    assert again.read(timeout_s=2, cancelled=Event()).pixels.shape == (720, 1280, 3)
    assert made[1].modes_asked == 1
    again.close()


def test_a_camera_that_delivers_nothing_will_not_open() -> None:
    webcam = Webcam(GOOD)
    webcam.mute = True
    with pytest.raises(CameraWillNotOpen):
        opencv.OpenCvCamera(INFO, dial=lambda _: webcam).open()
    assert webcam.released


@pytest.fixture
def camera() -> Iterator[opencv.OpenCvCamera]:
    camera = opencv.OpenCvCamera(INFO, dial=lambda _: Webcam({HD: 400.0}, SET))
    camera.open()
    yield camera
    camera.close()


def test_a_setting_is_told_as_it_stands_afterwards(camera: opencv.OpenCvCamera) -> None:
    exposure, focus = camera.controls()
    assert (exposure.name, exposure.value, exposure.automatic) == ("exposure", "156", True)
    assert (focus.name, focus.automatic) == ("focus", None)
    by_hand = camera.set_control("exposure", "9999")
    assert (by_hand.value, by_hand.automatic) == ("2000", False)  # as far as this camera goes
    assert camera.set_control("exposure", "").automatic


@pytest.mark.parametrize(
    ("name", "value"),
    [("white_balance", "4000"), ("zoom", "2"), ("exposure", "mucha"), ("focus", "")],
)
def test_a_setting_the_camera_has_not_got_is_refused(
    camera: opencv.OpenCvCamera, name: str, value: str
) -> None:
    with pytest.raises(SettingRefused):
        camera.set_control(name, value)


def test_a_closed_camera_has_no_settings(camera: opencv.OpenCvCamera) -> None:
    camera.close()
    with pytest.raises(Unplugged):
        camera.controls()


def test_every_control_knows_its_automatic() -> None:
    webcam = Webcam(GOOD, {cv2.CAP_PROP_WB_TEMPERATURE: 4600.0, cv2.CAP_PROP_AUTO_WB: 1.0})
    assert controls.turn(webcam, "white_balance", "5000").automatic is False
    assert controls.turn(webcam, "white_balance", "").automatic is True
