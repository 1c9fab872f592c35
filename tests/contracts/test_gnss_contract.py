"""What every satellite receiver must do, played or plugged in (`-m hardware`, under the sky)."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from datetime import UTC
from threading import Event
from typing import cast

import pytest

from migramovil.devices.ports import DeviceKind, GnssReceiver
from migramovil.devices.registry import Addresses, drivers, first
from migramovil.devices.sim.gnss_pty import GnssPty
from migramovil.devices.trouble import Cancelled, NoFix, TimedOut

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


@pytest.fixture(params=["played", pytest.param("plugged in", marks=pytest.mark.hardware)])
def receiver(request: pytest.FixtureRequest) -> Iterator[GnssReceiver]:
    if request.param == "plugged in" and request.config.option.markexpr != "hardware":
        pytest.skip("asked for by -m hardware")
    played = GnssPty(pace_s=0.05)
    at = Addresses(gnss=played.port) if request.param == "played" else Addresses()
    device = first(DeviceKind.GNSS, [spec for spec in drivers(at) if spec.kind is DeviceKind.GNSS])
    if device is None:
        played.close()
        pytest.skip("no receiver is plugged in")
    device.open()
    yield cast("GnssReceiver", device)
    device.close()
    played.close()


def test_a_fix_is_on_the_earth_and_in_utc(receiver: GnssReceiver) -> None:
    fix = receiver.read_fix(timeout_s=60, cancelled=Event())
    assert -90 <= fix.latitude <= 90
    assert -180 <= fix.longitude <= 180
    assert fix.utc.tzinfo is UTC
    assert fix.accuracy_m is None or fix.accuracy_m > 0
    assert fix.satellites >= 3


def test_the_next_fix_is_not_an_older_one(receiver: GnssReceiver) -> None:
    told = [receiver.read_fix(timeout_s=60, cancelled=Event()).utc for _ in range(3)]
    assert told == sorted(told)


def test_a_read_called_off_beforehand_is_dev_03(receiver: GnssReceiver) -> None:
    cancelled = Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        receiver.read_fix(timeout_s=60, cancelled=cancelled)


def test_no_time_at_all_is_answered_at_once(receiver: GnssReceiver) -> None:
    began = time.monotonic()
    with contextlib.suppress(NoFix, TimedOut):
        receiver.read_fix(timeout_s=0.0, cancelled=Event())
    assert time.monotonic() - began < 1


def test_it_can_be_closed_twice_and_opened_again(receiver: GnssReceiver) -> None:
    receiver.close()
    receiver.close()
    receiver.open()
    assert receiver.read_fix(timeout_s=60, cancelled=Event())


def test_it_says_what_it_is(receiver: GnssReceiver) -> None:
    assert receiver.info.kind is DeviceKind.GNSS
    assert receiver.info.path
