"""OpenCV's camera driver against a film over HTTP: newest pictures, and honest troubles."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import cv2
import cv2_enumerate_cameras
import numpy as np
import pytest

from migramovil.devices.apart import ApartDevice
from migramovil.devices.camera import opencv, watch
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import (
    Camera,
    DeviceInfo,
    DeviceKind,
    DeviceRole,
    DriverSpec,
    Pixels,
)
from migramovil.devices.registry import Addresses, Bench, drivers, first
from migramovil.devices.sim.camera_film import CameraFilm
from migramovil.devices.trouble import (
    Cancelled,
    DarkPicture,
    DeviceTrouble,
    FrozenPicture,
    GarbledPicture,
    NoPicture,
    NotAllowed,
    Unplugged,
)


def grey(level: int) -> Pixels:
    return np.full((1080, 1920, 3), level, np.uint8)


@pytest.fixture
def film() -> Iterator[CameraFilm]:
    film = CameraFilm([grey(60), grey(120)], fps=30)
    yield film
    film.close()


@pytest.fixture
def camera(film: CameraFilm) -> Iterator[opencv.OpenCvCamera]:
    camera = opencv.OpenCvCamera(opencv.network_camera(film.address))
    camera.open()
    yield camera
    camera.close()


def brightness(camera: opencv.OpenCvCamera) -> float:
    return float(camera.read(timeout_s=5, cancelled=Event()).pixels.mean())


def seconds_of(camera: Camera, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        camera.read(timeout_s=2, cancelled=Event())


def test_the_film_runs_round_and_round(camera: opencv.OpenCvCamera) -> None:
    seen = {round(brightness(camera) / 10) for _ in range(6)}
    assert seen == {6, 12}


def test_a_picture_is_never_an_old_one_from_a_queue(
    camera: opencv.OpenCvCamera, film: CameraFilm
) -> None:
    brightness(camera)
    time.sleep(0.5)  # a queue would fill up with the first film
    film.show([grey(240)])
    time.sleep(0.3)
    assert brightness(camera) == pytest.approx(240, abs=3)


def test_another_person_is_another_film_on_the_same_camera(
    camera: opencv.OpenCvCamera, film: CameraFilm
) -> None:
    film.show([grey(200)])
    time.sleep(0.3)
    assert brightness(camera) == pytest.approx(200, abs=3)
    film.show([])
    time.sleep(0.3)
    assert 190 < brightness(camera) < 235  # the empty chair


def test_a_dark_room_still_gives_pictures(camera: opencv.OpenCvCamera, film: CameraFilm) -> None:
    film.dim = True
    time.sleep(0.3)
    assert 10 < brightness(camera) < 40


SICK: dict[str, type[DeviceTrouble]] = {
    "dark": DarkPicture, "frozen": FrozenPicture, "garbage": GarbledPicture,
}  # fmt: skip


@pytest.mark.parametrize("fault", SICK)
def test_a_sick_camera_has_its_own_name_and_heals(
    film: CameraFilm, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(watch, "PATIENCE_S", dict.fromkeys(watch.PATIENCE_S, 0.4))
    film.show([])
    camera = opencv.OpenCvCamera(opencv.network_camera(film.address))
    camera.open()
    setattr(film, fault, True)
    with pytest.raises(SICK[fault]):
        seconds_of(camera, 5)
    setattr(film, fault, False)
    time.sleep(0.1)
    assert brightness(camera) > 100
    camera.close()


def test_a_slow_camera_is_told_by_its_rhythm(camera: opencv.OpenCvCamera, film: CameraFilm) -> None:
    for _ in range(15):
        brightness(camera)
    assert camera.delivery().fps == pytest.approx(30, rel=0.5)
    before = camera.delivery().dropped
    film.fps = 3.0
    brightness(camera)
    brightness(camera)
    assert camera.delivery().dropped > before


def test_a_camera_that_hangs_is_cam_01(camera: opencv.OpenCvCamera, film: CameraFilm) -> None:
    film.hangs = True
    time.sleep(0.2)
    with pytest.raises(NoPicture):
        camera.read(timeout_s=0.2, cancelled=Event())


def test_a_wait_called_off_ends_within_a_quarter_of_a_second(
    camera: opencv.OpenCvCamera, film: CameraFilm
) -> None:
    film.hangs = True
    time.sleep(0.2)
    cancelled, since = Event(), [0.0]

    def call_off() -> None:
        since[0] = time.monotonic()
        cancelled.set()

    threading.Timer(0.1, call_off).start()
    with pytest.raises(Cancelled):
        camera.read(timeout_s=30, cancelled=cancelled)
    assert time.monotonic() - since[0] < 0.5  # a quarter, and room for a busy machine


def test_pulling_the_cable_is_unplugged_and_plugging_it_in_heals(
    camera: opencv.OpenCvCamera, film: CameraFilm
) -> None:
    brightness(camera)
    film.unplug()
    time.sleep(0.2)  # what is on the wire may still arrive
    with pytest.raises(Unplugged):
        brightness(camera)
    camera.close()
    with pytest.raises(Unplugged):
        camera.open()

    film.plug()
    camera.open()
    assert brightness(camera) > 0


def test_a_camera_node_that_is_gone_is_unplugged() -> None:
    gone = DeviceInfo(kind=DeviceKind.CAMERA, driver="opencv", model="", path="/dev/video987")
    with pytest.raises(Unplugged):
        opencv.OpenCvCamera(gone).open()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no access bits of this kind")
def test_a_camera_node_without_rights_names_the_missing_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = tmp_path / "video0"
    node.touch()
    monkeypatch.setattr(opencv.os, "access", lambda *_: False)  # root may always
    info = DeviceInfo(kind=DeviceKind.CAMERA, driver="opencv", model="", path=str(node))
    with pytest.raises(NotAllowed):
        opencv.OpenCvCamera(info).open()


def test_two_cameras_have_two_roles_and_run_at_once() -> None:
    films = CameraFilm([grey(60)], fps=30), CameraFilm([grey(200)], fps=30)
    found = [opencv.network_camera(film.address) for film in films]
    spec = DriverSpec(
        name="films", kind=DeviceKind.CAMERA, lane="camera", installed=lambda: True,
        find=lambda: found, make=opencv.make,
    )  # fmt: skip
    bench = Bench([spec])
    seen: dict[DeviceRole, float] = {}
    meet = threading.Barrier(2)

    def look(role: DeviceRole) -> Ticket[None]:
        def job(camera: Any, off: Event) -> None:
            meet.wait(10)  # both hold their camera now
            seen[role] = float(camera.read(timeout_s=5, cancelled=off).pixels.mean())

        return bench.slots[role].use(job)

    try:
        bench.assign(DeviceRole.DOCUMENT, found[1])
        for ticket in [look(DeviceRole.PORTRAIT), look(DeviceRole.DOCUMENT)]:
            ticket.result(20)
        assert seen[DeviceRole.PORTRAIT] == pytest.approx(60, abs=3)
        assert seen[DeviceRole.DOCUMENT] == pytest.approx(200, abs=3)
    finally:
        bench.close()
        for film in films:
            film.close()


def test_it_runs_in_a_process_of_its_own_as_fast_as_here(film: CameraFilm) -> None:
    specs = [one for one in drivers(Addresses(camera=film.address)) if one.name == "camera"]
    camera = first(DeviceKind.CAMERA, specs)
    assert isinstance(camera, ApartDevice)
    camera.open()
    began = time.monotonic()
    frames = [camera.read(timeout_s=5, cancelled=Event()) for _ in range(10)]
    assert frames[-1].pixels.shape == (1080, 1920, 3)
    assert time.monotonic() - began < 5
    assert camera.delivery().pictures >= 10
    film.unplug()
    with pytest.raises(Unplugged):
        seconds_of(camera, 5)
    camera.close()
    for spec in specs:
        spec.let_go()


USB = "/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.4"
MOCKED = f"""\
P: {USB}
N: bus/usb/001/009
E: DEVTYPE=usb_device
E: SUBSYSTEM=usb
A: idVendor=046d\\n
A: idProduct=085c\\n
A: serial=5A21F6DF\\n

P: {USB}/1-1.4:1.0
E: DEVTYPE=usb_interface
E: SUBSYSTEM=usb

P: {USB}/1-1.4:1.0/video4linux/video2
N: video2
E: SUBSYSTEM=video4linux
A: index=0\\n
A: name=C922 Pro Stream Webcam\\n
L: device=../..

P: {USB}/1-1.4:1.0/video4linux/video3
N: video3
E: SUBSYSTEM=video4linux
A: index=1\\n
A: name=C922 Pro Stream Webcam\\n
L: device=../..

P: /devices/platform/vivid/video4linux/video10
N: video10
E: SUBSYSTEM=video4linux
A: index=0\\n
A: name=Built in\\n
"""
"""A webcam on a hub with its second node, and a camera that is on no USB."""


@pytest.mark.skipif(shutil.which("umockdev-run") is None, reason="needs umockdev")
def test_each_camera_is_listed_once_with_who_it_is(tmp_path: Path) -> None:
    program = """
from migramovil.devices.camera import opencv
for info in opencv.find():
    print(info.path, info.model, info.vendor, info.product, info.serial, info.port, sep="|")
"""
    device = tmp_path / "cameras.umockdev"
    device.write_text(MOCKED, encoding="utf-8")
    done = subprocess.run(
        ["umockdev-run", f"--device={device}", "--", sys.executable, "-c", program],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "/dev/video2|C922 Pro Stream Webcam|046d|085c|5A21F6DF|1-1.4",
        "/dev/video10|Built in||||",
    ]


def test_a_camera_that_vanishes_while_it_is_looked_at_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "video4").mkdir()
    assert list(opencv._capture_nodes(tmp_path)) == []


class WindowsCamera:
    def __init__(self, index: int) -> None:
        self.index, self.name, self.path = index, "Integrated Webcam", r"\\\\?\\usb#vid_0bda"
        self.vid, self.pid = 0x0BDA, 0x568C


class WindowsCapture:
    """Opens by DirectShow alone."""

    opened: tuple[int, int] | None = None

    def open(self, index: int, backend: int) -> bool:
        self.opened = (index, backend) if backend == cv2.CAP_DSHOW else None
        return self.opened is not None


def test_on_windows_a_camera_is_found_by_its_path_and_opened_by_whoever_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The ways only: no Windows has tried them."""
    numbers = {cv2.CAP_MSMF: 0, cv2.CAP_DSHOW: 3}  # the two count differently
    monkeypatch.setattr(
        cv2_enumerate_cameras,
        "enumerate_cameras",
        lambda backend: [WindowsCamera(numbers[backend])],
    )
    monkeypatch.setattr(opencv.cv2, "VideoCapture", WindowsCapture)
    (info,) = opencv._windows_cameras()
    assert (info.vendor, info.product, info.model) == ("0bda", "568c", "Integrated Webcam")
    capture: Any = opencv._windows_capture(info.path)
    assert capture.opened == (3, cv2.CAP_DSHOW)


def test_opening_what_is_not_there_writes_nothing_to_the_error_output() -> None:
    program = """
from dataclasses import replace
from migramovil.devices.apart import ApartDevice
from migramovil.devices.camera import opencv, watch
from migramovil.devices.trouble import DeviceTrouble
opencv.find()
net = opencv.network_camera("http://127.0.0.1:9/")
for info in [net, replace(net, path="/dev/video987"), replace(net, path="/dev/null")]:
    try:
        opencv.OpenCvCamera(info).open()
    except DeviceTrouble as trouble:
        print(trouble.code)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["DEV-01", "DEV-01", "CAM-02"]
    assert done.stderr == ""
