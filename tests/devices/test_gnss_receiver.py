"""The satellite receiver's driver, over a pseudo-terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from migramovil.devices.gnss import receiver
from migramovil.devices.registry import Addresses
from migramovil.devices.sim.gnss_pty import BRENA, DESAGUADERO, GnssPty
from migramovil.devices.trouble import Cancelled, DeviceTrouble, NoFix, NotNmea, TimedOut, Unplugged

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

NOON = datetime(2026, 11, 23, 17, 0, 5, tzinfo=UTC)


@pytest.fixture
def pty() -> Iterator[GnssPty]:
    pty = GnssPty(pace_s=0.05, now=lambda: NOON)
    yield pty
    pty.close()


@pytest.fixture
def driver(pty: GnssPty) -> Iterator[receiver.NmeaReceiver]:
    at = Addresses(gnss=pty.port)
    driver = receiver.make(receiver.find(at)[0], at)
    driver.open()
    yield driver
    driver.close()


def test_a_fix_is_where_and_when_the_vehicle_is(driver: receiver.NmeaReceiver) -> None:
    fix = driver.read_fix(timeout_s=5, cancelled=Event())
    assert (fix.latitude, fix.longitude) == pytest.approx(BRENA, abs=1e-6)
    assert fix.utc == NOON
    assert fix.accuracy_m == pytest.approx(4.5)


def test_a_vehicle_on_the_road_is_where_it_is_now(
    pty: GnssPty, driver: receiver.NmeaReceiver
) -> None:
    pty.drive([(-16.5 - n / 100, -69.0) for n in range(4)] + [DESAGUADERO])
    end = time.monotonic() + 5
    while time.monotonic() < end:
        fix = driver.read_fix(timeout_s=5, cancelled=Event())
        if (fix.latitude, fix.longitude) == pytest.approx(DESAGUADERO, abs=1e-6):
            return
    pytest.fail("it never arrived")


FAULTS: dict[str, tuple[Callable[[GnssPty], None], type[DeviceTrouble]]] = {
    "no satellites": (lambda pty: setattr(pty, "fix", False), NoFix),
    "spoilt sums": (lambda pty: setattr(pty, "bad_sum", True), NotNmea),
    "another language": (lambda pty: setattr(pty, "garbage", True), NotNmea),
    "silence": (lambda pty: setattr(pty, "hangs", True), TimedOut),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_own_name(
    pty: GnssPty, driver: receiver.NmeaReceiver, fault: str
) -> None:
    spoil, trouble = FAULTS[fault]
    spoil(pty)
    time.sleep(0.1)  # what was sent before
    with pytest.raises(trouble) as told:
        driver.read_fix(timeout_s=0.3, cancelled=Event())
    assert told.type is trouble


def test_the_speed_is_found_without_being_told(
    pty: GnssPty, driver: receiver.NmeaReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "_LISTEN_S", 0.25)
    pty.baud = 38400
    time.sleep(0.1)  # what was sent before, at any speed
    fix = driver.read_fix(timeout_s=10, cancelled=Event())
    assert fix.utc == NOON
    driver.close()
    driver.open()  # it remembers
    assert driver.read_fix(timeout_s=0.5, cancelled=Event()).utc == NOON


def test_a_receiver_an_epoch_behind_tells_the_true_day(
    pty: GnssPty, driver: receiver.NmeaReceiver
) -> None:
    pty.epochs_lost = 1
    time.sleep(0.1)
    assert driver.read_fix(timeout_s=5, cancelled=Event()).utc == NOON


def test_a_time_that_is_told_wrong_is_told_on_as_it_is(
    pty: GnssPty, driver: receiver.NmeaReceiver
) -> None:
    """Whether to believe it is for the clock, not for the driver."""
    pty.off_by = timedelta(hours=3)
    time.sleep(0.1)
    assert driver.read_fix(timeout_s=5, cancelled=Event()).utc == NOON + timedelta(hours=3)


def test_a_wait_called_off_ends_within_a_quarter_of_a_second(
    pty: GnssPty, driver: receiver.NmeaReceiver
) -> None:
    pty.fix = False
    cancelled, since = Event(), [0.0]

    def call_off() -> None:
        since[0] = time.monotonic()
        cancelled.set()

    threading.Timer(0.1, call_off).start()
    with pytest.raises(Cancelled):
        driver.read_fix(timeout_s=30, cancelled=cancelled)
    assert time.monotonic() - since[0] < 0.5  # a quarter, and room for a busy machine


def test_pulling_the_cable_is_unplugged(pty: GnssPty, driver: receiver.NmeaReceiver) -> None:
    pty.unplug()
    with pytest.raises(Unplugged):
        driver.read_fix(timeout_s=2, cancelled=Event())
    driver.close()
    with pytest.raises(Unplugged):
        driver.open()
    assert receiver.find(Addresses(gnss=pty.port)) == []


class Port:
    def __init__(self, device: str, vid: int | None) -> None:
        self.device, self.vid, self.pid = device, vid, 0x01A8
        self.product, self.serial_number, self.location = "u-blox 8", None, "1-1.4:1.0"


def test_only_ports_that_say_what_they_are_are_taken_for_receivers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ports = [Port("/dev/ttyUSB0", 0x067B), Port("/dev/ttyACM0", 0x1546), Port("/dev/ttyS0", None)]
    monkeypatch.setattr(receiver.list_ports, "comports", lambda: ports)
    (info,) = receiver.find(Addresses())
    assert (info.path, info.vendor, info.product, info.port) == (
        "/dev/ttyACM0", "1546", "01a8", "1-1.4",
    )  # fmt: skip
