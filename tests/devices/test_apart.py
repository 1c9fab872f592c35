"""A driver in a process of its own may do what it likes: the station only loses that one call."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from migramovil.devices import apart
from migramovil.devices import apart_wire as wire
from migramovil.devices.apart import ApartDevice, ApartDriver
from migramovil.devices.lanes import Lane
from migramovil.devices.ports import (
    DeviceInfo,
    DeviceKind,
    DeviceRole,
    DeviceState,
    DriverSpec,
    PaperStatus,
    Pixels,
    Printed,
    SlipLine,
)
from migramovil.devices.registry import Bench
from migramovil.devices.slot import DeviceSlot
from migramovil.devices.trouble import (
    Cancelled,
    DeviceTrouble,
    DriverCrashed,
    DriverHung,
    NoFinger,
    NotInstalled,
    PrinterUnreachable,
    Unplugged,
)

FAKE = "tests.fakes.apart_driver"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _found_by_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def an_info(model: str = "good") -> DeviceInfo:
    return DeviceInfo(kind=DeviceKind.FINGERPRINT, driver="fake", model=model, path="x")


@pytest.fixture
def driver() -> Iterator[ApartDriver]:
    driver = ApartDriver(FAKE, {"printer": "good"})
    yield driver
    driver.close()


@pytest.fixture
def device(driver: ApartDriver) -> Iterator[ApartDevice]:
    device = driver.make(an_info())
    device.open()
    yield device
    device.close()


def gone(pid: int, within_s: float = 5.0) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        with suppress(ProcessLookupError, FileNotFoundError):
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            if state[0] != "Z":
                time.sleep(0.02)
                continue
        return True
    return False


def children() -> set[int]:
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


# --- it is the driver's own device


def test_values_come_and_go_unchanged(device: ApartDevice) -> None:
    lines = (SlipLine(text=text) for text in ("uno", "dos"))
    assert device.print_slip(lines, folio="F-1") == Printed(job="F-1:uno/dos", confirmed=True)
    assert device.status() is PaperStatus.LOW


def test_opening_tells_what_only_an_open_device_knows(device: ApartDevice) -> None:
    assert device.info.serial == "seen"


def test_it_has_the_methods_of_the_device_and_no_others(device: ApartDevice) -> None:
    assert hasattr(device, "capture")
    assert not hasattr(device, "capture_slap")


@pytest.mark.parametrize("size", [(480, 640), (720, 1280)])
def test_a_picture_arrives_bit_by_bit(device: ApartDevice, size: tuple[int, int]) -> None:
    height, width = size
    first, second = device.picture(height, width), device.picture(height, width)
    expected = np.resize(np.arange(251, dtype=np.uint8), height * width * 3)
    assert np.array_equal(first.reshape(-1), expected)
    second[:] = 0
    assert np.array_equal(first.reshape(-1), expected)


def test_a_picture_larger_than_the_shared_memory_arrives_all_the_same(
    device: ApartDevice,
) -> None:
    huge = device.picture(5000, 5000)
    assert huge.shape == (5000, 5000, 3)
    assert huge[-1, -1, -1] == (5000 * 5000 * 3 - 1) % 251


def test_what_native_code_prints_does_not_mix_with_the_answers(device: ApartDevice) -> None:
    assert device.babble() == "said"
    assert device.status() is PaperStatus.LOW


def test_previews_come_while_it_works_and_the_newest_is_shown(device: ApartDevice) -> None:
    seen: list[int] = []

    def slowly(pixels: Pixels) -> None:
        assert (pixels == pixels[0, 0]).all()  # never half of one and half of the next
        seen.append(int(pixels[0, 0]))
        time.sleep(0.05)

    image = device.capture(timeout_s=0.4, cancelled=Event(), on_preview=slowly)
    assert image.pixels.tolist() == np.full((4, 3), 7).tolist()
    assert 2 < len(seen) < 15
    assert seen == sorted(seen)
    assert seen[-1] > 2 * len(seen)  # those in between were dropped, not queued


def test_a_preview_that_fails_calls_the_capture_off(device: ApartDevice) -> None:
    def broken(_pixels: Pixels) -> None:
        raise RuntimeError("the page is gone")

    began = time.monotonic()
    with pytest.raises(RuntimeError, match="the page is gone"):
        device.capture(timeout_s=20, cancelled=Event(), on_preview=broken)
    assert device.status() is PaperStatus.LOW
    assert time.monotonic() - began < 2


def test_a_call_is_called_off_within_a_quarter_of_a_second(device: ApartDevice) -> None:
    cancelled = Event()
    threading.Timer(0.2, cancelled.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        device.capture(timeout_s=20, cancelled=cancelled)
    assert time.monotonic() - began < 0.2 + 0.25


def test_a_call_that_was_called_off_before_it_began_does_nothing(device: ApartDevice) -> None:
    cancelled = Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        device.capture(timeout_s=20, cancelled=cancelled)


# --- troubles travel by name


def test_a_trouble_arrives_as_what_it_is(device: ApartDevice) -> None:
    with pytest.raises(NoFinger) as caught:
        device.trouble()
    assert caught.value.detail == "glass"
    with pytest.raises(DeviceTrouble):
        device.plain_trouble()
    assert device.status() is PaperStatus.LOW


def test_a_trouble_only_the_driver_knows_arrives_as_the_nearest_known_one(
    device: ApartDevice,
) -> None:
    with pytest.raises(NoFinger) as caught:
        device.unheard()
    assert type(caught.value) is NoFinger


def test_a_device_that_does_not_open_leaves_no_process_behind(driver: ApartDriver) -> None:
    before = children()
    with pytest.raises(PrinterUnreachable):
        driver.make(an_info("does not open")).open()
    assert children() == before


def test_a_bug_is_a_crash_that_names_the_place_and_no_values(
    device: ApartDevice, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(DriverCrashed) as caught:
        device.bug()
    assert "KeyError at apart_driver.py" in caught.value.detail
    assert "Quispe" not in caplog.text + str(caught.value)
    with pytest.raises(DriverCrashed):
        device.stranger()


# --- it dies, it hangs


@pytest.mark.parametrize(
    ("habit", "why"), [("abort", "SIGABRT"), ("segfault", "SIGSEGV"), ("leave", "exit 3")]
)
def test_a_death_is_dev_09_and_the_next_use_is_fresh(
    driver: ApartDriver, habit: str, why: str
) -> None:
    lane = Lane("apart")
    slot: DeviceSlot[Any] = DeviceSlot(driver.make(an_info()), lane)
    try:
        first = slot.use(lambda device, _: device.pid()).result(10)
        with pytest.raises(DriverCrashed) as caught:
            slot.use(lambda device, _: getattr(device, habit)()).result(10)
        assert caught.value.detail == why
        assert slot.state is DeviceState.FAULTED

        assert slot.use(lambda device, _: device.pid()).result(10) != first
        assert slot.state is DeviceState.READY
        assert gone(first)
    finally:
        slot.close()
        lane.close()


@pytest.mark.parametrize("habit", ["hang", "sleep"])
def test_a_call_past_its_time_is_dev_10_its_process_ended_and_the_next_use_fresh(
    driver: ApartDriver, monkeypatch: pytest.MonkeyPatch, habit: str
) -> None:
    monkeypatch.setattr(apart, "GRACE_S", 0.2)
    lane = Lane("apart")
    slot: DeviceSlot[Any] = DeviceSlot(driver.make(an_info()), lane)
    try:
        first = slot.use(lambda device, _: device.pid()).result(10)
        named = {"cancelled": Event()} if habit == "hang" else {}
        call: Callable[..., None] = lambda d, _: getattr(d, habit)(timeout_s=0.1, **named)  # noqa: E731
        began = time.monotonic()
        with pytest.raises(DriverHung):
            slot.use(call).result(10)
        assert time.monotonic() - began < 2
        assert slot.state is DeviceState.FAULTED
        assert gone(first)
        assert slot.use(lambda device, _: device.pid()).result(10) != first
    finally:
        slot.close()
        lane.close()


def test_a_hanging_call_that_is_called_off_does_not_wait_for_its_time(
    device: ApartDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "CANCEL_S", 0.2)
    cancelled = Event()
    cancelled.set()
    began = time.monotonic()
    with pytest.raises(DriverHung):
        device.hang(timeout_s=20, cancelled=cancelled)
    assert time.monotonic() - began < 2


def test_a_device_that_hangs_at_its_end_is_ended(
    driver: ApartDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "GRACE_S", 0.2)
    device = driver.make(an_info("hangs at close"))
    device.open()
    pid = device.pid()
    device.close()
    assert gone(pid)


def test_a_death_while_nobody_asks_costs_nothing(
    device: ApartDevice, caplog: pytest.LogCaptureFixture
) -> None:
    pid = device.pid()
    os.kill(pid, signal.SIGKILL)
    assert device._worker is not None
    device._worker._process.wait(5)
    assert device.pid() != pid
    caplog.clear()


def test_what_the_driver_started_ends_with_it(device: ApartDevice) -> None:
    helper = device.helper()
    assert not gone(helper, within_s=0.05)
    device.close()
    assert gone(helper)


def test_a_closed_device_is_unplugged_until_it_is_opened(device: ApartDevice) -> None:
    device.close()
    device.close()
    with pytest.raises(Unplugged):
        device.status()
    device.open()
    assert device.status() is PaperStatus.LOW


_STATION = """
import sys, time
from migramovil.devices.apart import ApartDriver
from migramovil.devices.ports import DeviceInfo, DeviceKind
device = ApartDriver("tests.fakes.apart_driver").make(
    DeviceInfo(kind=DeviceKind.FINGERPRINT, driver="fake", model="good", path="x"))
device.open()
print(device.pid(), flush=True)
if sys.argv[1] == "hang":
    from threading import Event
    device.hang(timeout_s=60, cancelled=Event())
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children whatever they do")
@pytest.mark.parametrize("doing", ["rest", "hang"])
def test_no_child_outlives_a_station_that_is_killed(doing: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _STATION, doing], stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as station:
        assert station.stdout is not None
        child = int(station.stdout.readline())
        time.sleep(0.2)
        assert not gone(child, within_s=0.05)
        station.kill()
        assert gone(child)


# --- finding


def test_what_is_plugged_in_is_found_apart_and_opened_by_the_same_process(
    driver: ApartDriver,
) -> None:
    assert driver.installed()
    before = children()
    found = driver.find()
    assert [info.model for info in found] == ["good"]
    device = driver.make(found[0])
    device.open()
    assert {device.pid()} == before
    device.close()


def test_without_a_device_no_process_stays() -> None:
    before = children()
    driver = ApartDriver(FAKE)
    assert driver.find() == []
    assert children() == before


@pytest.mark.parametrize("habit", ["hangs", "dies"])
def test_looking_ends_in_time_and_finds_nothing(
    habit: str, caplog: pytest.LogCaptureFixture
) -> None:
    driver = ApartDriver(FAKE, {"printer": habit}, find_s=0.3)
    before = children()
    began = time.monotonic()
    assert driver.find() == []
    assert time.monotonic() - began < 3
    assert children() == before
    caplog.clear()


def test_a_driver_that_cannot_be_loaded_is_not_installed() -> None:
    driver = ApartDriver("tests.fakes.nothing_of_that_name")
    assert not driver.installed()
    assert driver.find() == []
    with pytest.raises(NotInstalled):
        driver.make(an_info()).open()


# --- on a bench


def a_bench(driver: ApartDriver) -> Bench:
    spec = DriverSpec(
        name="fake",
        kind=DeviceKind.FINGERPRINT,
        lane="usb",
        installed=driver.installed,
        find=driver.find,
        make=driver.make,
        let_go=driver.close,
        apart=True,
    )
    return Bench([spec])


def test_a_bench_that_is_closed_leaves_no_process(driver: ApartDriver) -> None:
    before = children()
    bench = a_bench(driver)
    assert bench.look()[DeviceRole.FINGERS] is DeviceState.READY
    assert bench.fingerprint.use(lambda device, _: device.pid()).result(10) in children()
    bench.look()
    bench.close()
    assert children() == before


def test_whether_an_open_device_is_still_there_is_asked_of_its_own_process(
    driver: ApartDriver,
) -> None:
    bench = a_bench(driver)
    bench.fingerprint.use(lambda device, _: device.pid()).result(10)
    bench.hurry()
    before = children()
    assert bench.fingerprint.look(glance=True).result(10) is DeviceState.READY
    assert children() == before
    bench.close()


def test_a_driver_that_dies_in_the_midst_of_a_use_is_remembered_as_a_fault(
    driver: ApartDriver, caplog: pytest.LogCaptureFixture
) -> None:
    bench = a_bench(driver)
    with pytest.raises(DriverCrashed):
        bench.fingerprint.use(lambda device, _: device.segfault()).result(10)
    bench.fingerprint.use(lambda device, _: device.pid()).result(10)
    (fault,) = bench.history.faults
    assert (fault.code, fault.role, bool(fault.recovered)) == ("DEV-09", DeviceRole.FINGERS, True)
    bench.close()
    caplog.clear()


def test_nothing_a_child_says_can_make_the_station_read_beyond_the_shared_memory() -> None:
    block = wire.Block()
    try:
        for shape in ([2**32, 2**32], [wire.Block.SIZE + 1], [-1, 4], [4, 4, "x"], []):
            with pytest.raises(wire.NotUnderstood):
                wire.Unpacker(block).unpack(["pixels", [shape, wire.Block.SIZE, b""]])
    finally:
        block.close()


def test_a_machine_without_room_for_a_process_is_a_trouble_like_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    driver = ApartDriver(FAKE, {"printer": "good"})
    monkeypatch.setattr(apart.subprocess, "Popen", refused)
    assert driver.find() == []
    with pytest.raises(DriverCrashed):
        driver.make(an_info()).open()
    monkeypatch.undo()
