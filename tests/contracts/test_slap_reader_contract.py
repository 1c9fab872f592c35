"""What every reader of slaps must do; `-m hardware -s` asks the one that is plugged in."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import cast

import numpy as np
import pytest

from migramovil.devices.fingerprint import sbi
from migramovil.devices.ports import DeviceKind, Slap, SlapFinger, SlapReader
from migramovil.devices.registry import Addresses, drivers, find_all
from migramovil.devices.sim.people import person
from migramovil.devices.sim.sbi_service import SbiService
from migramovil.devices.trouble import Cancelled, NoFinger

FINGERS = {
    Slap.LEFT_FOUR: {7, 8, 9, 10},
    Slap.RIGHT_FOUR: {2, 3, 4, 5},
    Slap.THUMBS: {1, 6},
}
NOBODY: frozenset[int] = frozenset()


@pytest.fixture(scope="module")
def played() -> Iterator[SlapReader]:
    someone = person(7, 1)
    impressions = [someone.impression(1, 2), someone.impression(2, 2)]
    service = SbiService(lambda position: impressions[position % 2], pace_s=0)
    (info,) = sbi.find(Addresses(sbi=str(service.port)))
    yield sbi.SbiReader(info, roots=lambda: service.roots_pem, environment="Developer")
    service.close()


def plugged_in() -> SlapReader:
    specs = [spec for spec in drivers() if spec.kind is DeviceKind.FINGERPRINT]
    for found in find_all(specs):
        if int(found.info.capabilities["fingers"]) > 1:
            return cast("SlapReader", found.spec.make(found.info))
    pytest.skip("no reader of slaps is plugged in")


@pytest.fixture(params=["played", pytest.param("plugged in", marks=pytest.mark.hardware)])
def reader(request: pytest.FixtureRequest) -> Iterator[SlapReader]:
    if request.param == "played":
        device = request.getfixturevalue("played")
    elif request.config.option.markexpr == "hardware":
        device = plugged_in()
    else:
        pytest.skip("asked for by -m hardware")
    device.open()
    yield device
    device.close()


def positions(fingers: tuple[SlapFinger, ...]) -> set[int]:
    return {finger.position for finger in fingers}


def taken(reader: SlapReader, slap: Slap, missing: frozenset[int] = NOBODY) -> set[int]:
    fingers = reader.capture_slap(slap, missing=missing, timeout_s=15, cancelled=Event())
    if reader.info.capabilities["needs_segmentation"]:
        assert positions(fingers) == {0}
        pytest.skip("this reader gives a slap as one picture")
    assert len(fingers) == len(positions(fingers))
    return positions(fingers)


@pytest.mark.parametrize("slap", Slap)
def test_every_finger_of_a_slap_comes_once(reader: SlapReader, slap: Slap) -> None:
    assert taken(reader, slap) == FINGERS[slap]


def test_a_missing_finger_is_none_of_them(reader: SlapReader) -> None:
    assert taken(reader, Slap.LEFT_FOUR, frozenset({8, 2})) == {7, 9, 10}


def test_a_slap_of_which_nothing_is_there_is_not_waited_for(reader: SlapReader) -> None:
    assert (
        reader.capture_slap(Slap.THUMBS, missing=frozenset({1, 6}), timeout_s=15, cancelled=Event())
        == ()
    )


def test_each_finger_is_dark_ridges_on_bright_ground_of_a_fit_density(reader: SlapReader) -> None:
    fingers = reader.capture_slap(Slap.THUMBS, missing=NOBODY, timeout_s=15, cancelled=Event())
    for finger in fingers:
        assert finger.pixels.dtype == np.uint8
        assert np.median(finger.pixels[:, [0, -1]]) > 180  # ground
        assert finger.pixels.min() < 100  # ridges
        assert 490 <= finger.ppi <= 1020
        assert finger.quality is None or 0 <= finger.quality <= 100


def test_a_slap_called_off_beforehand_is_dev_03(reader: SlapReader) -> None:
    cancelled = Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        reader.capture_slap(Slap.THUMBS, missing=NOBODY, timeout_s=15, cancelled=cancelled)


def test_no_time_at_all_is_no_finger(reader: SlapReader) -> None:
    with pytest.raises(NoFinger):
        reader.capture_slap(Slap.THUMBS, missing=NOBODY, timeout_s=0.0, cancelled=Event())


def test_it_says_that_it_takes_several(reader: SlapReader) -> None:
    assert int(reader.info.capabilities["fingers"]) >= 4
