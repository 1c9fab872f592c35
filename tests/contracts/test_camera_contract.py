"""What every camera must do, played or plugged in (`-m hardware`)."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import cast

import numpy as np
import pytest

from migramovil.devices.ports import Camera, DeviceKind
from migramovil.devices.registry import drivers, first
from migramovil.devices.sim.station import SimulatedStation
from migramovil.devices.trouble import Cancelled


@pytest.fixture(params=["played", pytest.param("plugged in", marks=pytest.mark.hardware)])
def camera(request: pytest.FixtureRequest) -> Iterator[Camera]:
    station = SimulatedStation(pace_s=0, fps=30)
    if request.param == "plugged in" and request.config.option.markexpr != "hardware":
        station.close()
        pytest.skip("asked for by -m hardware")
    specs = station.specs if request.param == "played" else drivers()
    device = first(DeviceKind.CAMERA, specs)
    if device is None:
        station.close()
        pytest.skip("no camera is plugged in")
    device.open()
    yield cast("Camera", device)
    device.close()
    station.close()


def test_a_frame_is_blue_green_red_bytes(camera: Camera) -> None:
    pixels = camera.read(timeout_s=5, cancelled=Event()).pixels
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
    assert pixels.dtype == np.uint8


def test_frames_are_numbered_upwards(camera: Camera) -> None:
    numbers = [camera.read(timeout_s=5, cancelled=Event()).number for _ in range(4)]
    assert numbers == sorted(set(numbers))


def test_a_read_called_off_beforehand_is_dev_03(camera: Camera) -> None:
    cancelled = Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        camera.read(timeout_s=5, cancelled=cancelled)


def test_it_can_be_closed_twice_and_opened_again(camera: Camera) -> None:
    camera.close()
    camera.close()
    camera.open()
    assert camera.read(timeout_s=5, cancelled=Event()).pixels.size


def test_it_says_what_it_is(camera: Camera) -> None:
    assert camera.info.kind is DeviceKind.CAMERA
    assert camera.info.model
    assert camera.info.path
