"""What every camera must do, played or plugged in (`-m hardware`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import cast

import cv2
import numpy as np
import pytest

from migramovil.devices.ports import (
    AdjustableCamera,
    Camera,
    DeviceKind,
    DriverSpec,
    Frame,
    Pixels,
    StillCamera,
)
from migramovil.devices.registry import drivers, first
from migramovil.devices.sim.station import SimulatedStation
from migramovil.devices.trouble import Cancelled


@pytest.fixture(
    params=["played", "virtual still", pytest.param("plugged in", marks=pytest.mark.hardware)]
)
def camera(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Camera]:
    if request.param == "plugged in" and request.config.option.markexpr != "hardware":
        pytest.skip("asked for by -m hardware")
    station = SimulatedStation(pace_s=0, fps=30) if request.param == "played" else None
    specs: Sequence[DriverSpec] = station.specs if station else drivers()
    if request.param == "virtual still":
        load_a_card(tmp_path, monkeypatch)
        specs = [spec for spec in specs if spec.name == "still"]
    device = first(DeviceKind.CAMERA, specs)
    if device is not None:
        device.open()
        yield cast("Camera", device)
        device.close()
    for spec in specs:
        spec.let_go()
    if station is not None:
        station.close()
    if device is None:
        pytest.skip("no such camera here")


def load_a_card(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """libgphoto2's virtual camera takes copies of what lies on its card."""
    card = folder / "DCIM" / "100NIKON"
    card.mkdir(parents=True)
    (card / "DSC_0001.JPG").write_bytes(cv2.imencode(".jpg", scene())[1].tobytes())
    monkeypatch.setenv("VCAMERADIR", str(folder))


def scene() -> Pixels:
    return np.full((960, 1280, 3), (60, 120, 180), np.uint8)


def picture(camera: Camera, cancelled: Event) -> Frame:
    """A live picture, or a still of a camera that has none."""
    if camera.info.capabilities.get("preview", True):
        return camera.read(timeout_s=5, cancelled=cancelled)
    return cast("StillCamera", camera).capture_still(timeout_s=15, cancelled=cancelled)


def test_a_frame_is_blue_green_red_bytes(camera: Camera) -> None:
    pixels = picture(camera, Event()).pixels
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
    assert pixels.dtype == np.uint8


def test_frames_are_numbered_upwards(camera: Camera) -> None:
    numbers = [picture(camera, Event()).number for _ in range(3)]
    assert numbers == sorted(set(numbers))


def test_a_read_called_off_beforehand_is_dev_03(camera: Camera) -> None:
    cancelled = Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        picture(camera, cancelled)


def test_it_can_be_closed_twice_and_opened_again(camera: Camera) -> None:
    camera.close()
    camera.close()
    camera.open()
    assert picture(camera, Event()).pixels.size


def test_it_says_what_it_is(camera: Camera) -> None:
    assert camera.info.kind is DeviceKind.CAMERA
    assert camera.info.model
    assert camera.info.path


def test_what_it_declares_is_what_it_does(camera: Camera) -> None:
    frame, declared = picture(camera, Event()), camera.info.capabilities
    if "width" in declared:
        assert (declared["height"], declared["width"]) == frame.pixels.shape[:2]
    names = [name for name in str(declared.get("controls", "")).split(",") if name]
    if names:
        controls = cast("AdjustableCamera", camera).controls()
        assert [control.name for control in controls] == names
