"""What every fingerprint reader must do, played or plugged in (`-m hardware -s`, with a finger)."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import cast

import numpy as np
import pytest

from migramovil.devices.ports import DeviceKind, FingerprintReader
from migramovil.devices.registry import drivers, first
from migramovil.devices.sim.people import person
from migramovil.devices.sim.station import SimulatedStation
from migramovil.devices.trouble import Cancelled, NoFinger


@pytest.fixture(params=["played", pytest.param("plugged in", marks=pytest.mark.hardware)])
def reader(request: pytest.FixtureRequest) -> Iterator[FingerprintReader]:
    station = SimulatedStation([person(7, 1)], pace_s=0)
    if request.param == "plugged in" and request.config.option.markexpr != "hardware":
        station.close()
        pytest.skip("asked for by -m hardware")
    specs = station.specs if request.param == "played" else drivers()
    device = first(DeviceKind.FINGERPRINT, specs)
    if device is None:
        station.close()
        pytest.skip("no fingerprint reader is plugged in")
    station.next_person()
    device.open()
    yield cast("FingerprintReader", device)
    device.close()
    station.close()


def test_an_impression_is_dark_ridges_on_bright_ground(reader: FingerprintReader) -> None:
    taken = reader.capture(timeout_s=15, cancelled=Event())
    assert taken.pixels.ndim == 2
    assert taken.pixels.dtype == np.uint8
    assert np.median(taken.pixels[:, [0, -1]]) > 180  # ground
    assert taken.pixels.min() < 100  # ridges


def test_the_resolution_is_the_one_declared_and_fit_for_fingers(
    reader: FingerprintReader,
) -> None:
    taken = reader.capture(timeout_s=15, cancelled=Event())
    assert taken.ppi == reader.info.capabilities["ppi"]
    assert 490 <= taken.ppi <= 1020


def test_a_capture_called_off_beforehand_is_dev_03(reader: FingerprintReader) -> None:
    cancelled = Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        reader.capture(timeout_s=15, cancelled=cancelled)


def test_no_time_at_all_is_no_finger(reader: FingerprintReader) -> None:
    with pytest.raises(NoFinger):
        reader.capture(timeout_s=0.0, cancelled=Event())


def test_it_can_be_closed_twice_and_opened_again(reader: FingerprintReader) -> None:
    reader.close()
    reader.close()
    reader.open()
    assert reader.capture(timeout_s=15, cancelled=Event()).pixels.size


def test_it_declares_what_it_can_do(reader: FingerprintReader) -> None:
    known = reader.info.capabilities
    assert reader.info.kind is DeviceKind.FINGERPRINT
    assert {"fingers", "ppi", "fap", "needs_segmentation", "grade", "preview"} <= {*known}
