"""Still cameras: libgphoto2's own virtual camera in a process apart, and its troubles by fakes."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import cv2
import numpy as np
import pytest

from migramovil.devices.apart import ApartDevice, ApartDriver
from migramovil.devices.ports import DeviceInfo, DeviceKind
from migramovil.devices.trouble import (
    BatteryLow,
    CameraMounted,
    Cancelled,
    CardFull,
    DeviceBusy,
    DeviceTrouble,
    GarbledPicture,
    NoPicture,
    NotShot,
    SettingRefused,
    TimedOut,
    Unplugged,
)

gphoto2 = pytest.importorskip("gphoto2", reason="libgphoto2 has no Windows wheel")
from migramovil.devices.camera import gphoto2_still as still  # noqa: E402 - needs it

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="libgphoto2 has no Windows wheel")

SHOT = cv2.imencode(".jpg", np.full((1200, 1600, 3), (40, 90, 200), np.uint8))[1].tobytes()


# ---- the virtual camera that comes with libgphoto2 -----------------------------------------------
@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The virtual camera's card. What its shutter takes is a copy of what lies there."""
    folder = tmp_path / "DCIM" / "100NIKON"
    folder.mkdir(parents=True)
    (folder / "DSC_0001.JPG").write_bytes(SHOT)
    monkeypatch.setenv("VCAMERADIR", str(tmp_path))
    return folder


@pytest.fixture
def camera(memory: Path) -> Iterator[ApartDevice]:
    driver = ApartDriver(still.__name__)
    (info,) = driver.find()
    camera = driver.make(info)
    camera.open()
    yield camera
    camera.close()
    driver.close()


def test_the_shutter_gives_one_picture_of_full_size(camera: ApartDevice) -> None:
    frame = camera.capture_still(timeout_s=10, cancelled=Event())
    assert frame.pixels.shape == (1200, 1600, 3)
    assert frame.pixels.mean(axis=(0, 1)) == pytest.approx((40, 90, 200), abs=3)
    assert camera.capture_still(timeout_s=10, cancelled=Event()).number > frame.number


def test_it_says_what_it_can(camera: ApartDevice) -> None:
    declared = camera.info.capabilities
    assert declared["still"] is True
    assert declared["preview"] is False  # it says that it has one, and has none
    assert "f-number" in str(declared["controls"]).split(",")
    with pytest.raises(NoPicture):
        camera.read(timeout_s=1, cancelled=Event())


def test_a_setting_is_told_as_it_stands_afterwards(camera: ApartDevice) -> None:
    assert camera.set_control("f-number", "f/8").value == "f/8"
    now = {control.name: control for control in camera.controls()}
    assert now["f-number"].value == "f/8"
    assert camera.set_control("autofocus", "Off").automatic is False
    assert camera.set_control("autofocus", "").automatic is True
    for name, value in [("f-number", "f/99"), ("f-number", ""), ("datetime", "0"), ("iso", "100")]:
        with pytest.raises(SettingRefused):
            camera.set_control(name, value)


def test_a_shutter_that_releases_nothing_is_cam_08(camera: ApartDevice, memory: Path) -> None:
    shutil.rmtree(memory)
    camera.close()
    camera.open()
    with pytest.raises(NotShot):
        camera.capture_still(timeout_s=10, cancelled=Event())


# ---- what a real camera does, and the virtual one cannot -----------------------------------------
class File:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def get_data_and_size(self) -> bytes:
        return self._data


class Where:
    def __init__(self, name: str) -> None:
        self.folder, self.name = "/store_1/DCIM", name


class Widget:
    def __init__(self, name: str, value: str, *choices: str) -> None:
        self._name, self._value, self._choices = name, value, choices

    def get_name(self) -> str:
        return self._name

    def get_value(self) -> str:
        return self._value

    def set_value(self, value: str) -> None:
        self._value = value

    def get_choices(self) -> tuple[str, ...]:
        return self._choices

    def get_readonly(self) -> bool:
        return not self._choices

    def get_type(self) -> int:
        return int(gphoto2.GP_WIDGET_RADIO if self._choices else gphoto2.GP_WIDGET_TEXT)


class Reflex:
    """A camera with a live picture, a card and a battery, that fails with the codes it is given."""

    def __init__(self) -> None:
        self.card: dict[str, bytes] = {}
        self.fails: dict[str, int] = {}
        self.waits = Event()
        self.waits.set()
        self.also = ""  # a second file of the same shot
        self.live, self.shot = SHOT, SHOT
        self.config = [
            Widget("batterylevel", "80%"),
            Widget("capturetarget", "Memory card", "Internal RAM", "Memory card"),
            Widget("imageformat", "RAW", "RAW", "Large Fine JPEG", "Small JPEG"),
            Widget("iso", "Auto", "Auto", "100", "200"),
        ]
        self._added: list[str] = []

    def value(self, name: str) -> str:
        return self.get_child_by_name(name).get_value()

    def _fail(self, act: str) -> None:
        if act in self.fails:
            raise gphoto2.GPhoto2Error(self.fails[act])

    def get_config(self) -> Reflex:
        self._fail("config")
        return self

    def get_child_by_name(self, name: str) -> Widget:
        for widget in self.config:
            if widget.get_name() == name:
                return widget
        raise gphoto2.GPhoto2Error(gphoto2.GP_ERROR_BAD_PARAMETERS)

    def set_single_config(self, name: str, widget: Widget) -> None:
        self._fail("set")

    def capture_preview(self) -> File:
        self._fail("preview")
        return File(self.live)

    def capture(self, kind: int) -> Where:
        self.waits.wait(10)
        self._fail("capture")
        self.card["IMG_1.JPG"] = self.shot
        if self.also:
            self.card[self.also] = b"raw"
            self._added.append(self.also)
        return Where("IMG_1.JPG")

    def wait_for_event(self, timeout_ms: int) -> tuple[int, Any]:
        if self._added:
            return gphoto2.GP_EVENT_FILE_ADDED, Where(self._added.pop())
        return gphoto2.GP_EVENT_TIMEOUT, None

    def file_get(self, folder: str, name: str, kind: int) -> File:
        self._fail("get")
        return File(self.card[name])

    def file_delete(self, folder: str, name: str) -> None:
        del self.card[name]

    def exit(self) -> None:
        self._fail("exit")


INFO = DeviceInfo(kind=DeviceKind.CAMERA, driver="gphoto2", model="Reflex", path="usb:001,002")


@pytest.fixture
def reflex() -> Reflex:
    return Reflex()


@pytest.fixture
def driver(reflex: Reflex) -> Iterator[still.GPhoto2Camera]:
    driver = still.GPhoto2Camera(INFO, dial=lambda _: reflex)
    driver.open()
    yield driver
    reflex.waits.set()
    driver.close()


def shoot(driver: still.GPhoto2Camera, timeout_s: float = 5) -> Any:
    return driver.capture_still(timeout_s=timeout_s, cancelled=Event())


def test_nothing_of_a_person_stays_in_the_camera(
    reflex: Reflex, driver: still.GPhoto2Camera
) -> None:
    reflex.also = "IMG_1.CR2"
    reflex.card["BEFORE.JPG"] = b"somebody else's holidays"
    assert shoot(driver).pixels.shape == (1200, 1600, 3)
    assert list(reflex.card) == ["BEFORE.JPG"]


def test_a_shot_that_could_not_be_fetched_is_deleted_too(
    reflex: Reflex, driver: still.GPhoto2Camera
) -> None:
    reflex.fails["get"] = gphoto2.GP_ERROR_CORRUPTED_DATA
    with pytest.raises(GarbledPicture):
        shoot(driver)
    assert reflex.card == {}


def test_it_delivers_jpeg_from_its_own_memory(reflex: Reflex, driver: still.GPhoto2Camera) -> None:
    assert reflex.value("capturetarget") == "Internal RAM"
    assert reflex.value("imageformat") == "Large Fine JPEG"
    assert driver.info.capabilities["battery"] == "80%"


def test_the_live_picture_comes_where_there_is_one(driver: still.GPhoto2Camera) -> None:
    assert driver.info.capabilities["preview"] is True
    first = driver.read(timeout_s=2, cancelled=Event())
    assert first.pixels.shape == (1200, 1600, 3)
    assert driver.read(timeout_s=2, cancelled=Event()).number > first.number


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        (gphoto2.GP_ERROR, NotShot),
        (gphoto2.GP_ERROR_CAMERA_ERROR, NotShot),
        (gphoto2.GP_ERROR_CAMERA_BUSY, DeviceBusy),
        (gphoto2.GP_ERROR_NO_SPACE, CardFull),
        (gphoto2.GP_ERROR_IO, Unplugged),
        (gphoto2.GP_ERROR_IO_WRITE, Unplugged),
        (gphoto2.GP_ERROR_TIMEOUT, TimedOut),
    ],
)
def test_each_failure_of_a_shot_has_its_name(
    reflex: Reflex, driver: still.GPhoto2Camera, code: int, trouble: type[DeviceTrouble]
) -> None:
    reflex.fails["capture"] = code
    with pytest.raises(trouble) as told:
        shoot(driver)
    assert told.type is trouble


@pytest.mark.parametrize("said", ["5%", "10", "Low"])
def test_a_shot_that_fails_on_a_low_battery_blames_the_battery(
    reflex: Reflex, driver: still.GPhoto2Camera, said: str
) -> None:
    reflex.get_child_by_name("batterylevel").set_value(said)
    assert shoot(driver)  # as long as it shoots, nobody is stopped
    reflex.fails["capture"] = gphoto2.GP_ERROR
    with pytest.raises(BatteryLow):
        shoot(driver)


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        (gphoto2.GP_ERROR_IO_USB_CLAIM, CameraMounted),
        (gphoto2.GP_ERROR_IO_LOCK, DeviceBusy),
        (gphoto2.GP_ERROR_MODEL_NOT_FOUND, Unplugged),
    ],
)
def test_a_camera_that_cannot_be_taken_says_why(code: int, trouble: type[DeviceTrouble]) -> None:
    def refused(_: DeviceInfo) -> Any:
        raise gphoto2.GPhoto2Error(code)

    with pytest.raises(trouble) as told:
        still.GPhoto2Camera(INFO, dial=refused).open()
    assert told.type is trouble


def test_a_shot_called_off_ends_at_once_and_is_deleted_when_it_comes(
    reflex: Reflex, driver: still.GPhoto2Camera
) -> None:
    reflex.waits.clear()
    cancelled, since = Event(), [0.0]

    def call_off() -> None:
        since[0] = time.monotonic()
        cancelled.set()

    threading.Timer(0.1, call_off).start()
    with pytest.raises(Cancelled):
        driver.capture_still(timeout_s=30, cancelled=cancelled)
    assert time.monotonic() - since[0] < 0.5  # a quarter, and room for a busy machine
    reflex.waits.set()
    assert shoot(driver)  # waits for the first to be over
    assert reflex.card == {}


def test_a_shutter_that_hangs_is_too_late(reflex: Reflex, driver: still.GPhoto2Camera) -> None:
    reflex.waits.clear()
    with pytest.raises(TimedOut):
        shoot(driver, timeout_s=0.1)


def test_half_a_picture_is_none(reflex: Reflex, driver: still.GPhoto2Camera) -> None:
    reflex.shot = SHOT[:-100]
    with pytest.raises(GarbledPicture):
        shoot(driver)


def test_it_can_be_closed_twice_and_whatever_the_camera_says(
    reflex: Reflex, driver: still.GPhoto2Camera
) -> None:
    reflex.fails["exit"] = gphoto2.GP_ERROR_IO
    driver.close()
    driver.close()
    with pytest.raises(Unplugged):
        shoot(driver)
