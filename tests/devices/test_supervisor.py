"""What comes, goes and hangs is noticed without anybody asking, and never costs a restart."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from migramovil.devices import slot as slots
from migramovil.devices.ports import (
    Device,
    DeviceInfo,
    DeviceKind,
    DeviceRole,
    DeviceState,
    DriverSpec,
)
from migramovil.devices.registry import Bench
from migramovil.devices.sim.station import SimulatedStation
from migramovil.devices.supervisor import Quiet, Supervisor, Udev
from migramovil.devices.trouble import DriverHung, NoDevice, Unplugged

ABSENT, READY, FAULTED = DeviceState.ABSENT, DeviceState.READY, DeviceState.FAULTED
FINGERS, PORTRAIT, DOCUMENT = DeviceRole.FINGERS, DeviceRole.PORTRAIT, DeviceRole.DOCUMENT


def soon(true: Callable[[], bool], within_s: float = 5.0) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.01)
    return False


class Toy:
    """A device that can be made to hang."""

    def __init__(self, info: DeviceInfo) -> None:
        self.info = info
        self.opened = self.closed = 0

    def open(self) -> None:
        self.opened += 1

    def close(self) -> None:
        self.closed += 1

    def hang(self, gate: Event, *, timeout_s: float = 0.0) -> str:
        assert gate.wait(20)
        return "late"

    def answer(self) -> str:
        return "well"


class Shelf:
    """The devices of one driver that are plugged in."""

    def __init__(self, kind: DeviceKind, *infos: DeviceInfo) -> None:
        self.there = list(infos)
        self.made: list[Toy] = []
        self.looks = 0
        self.slow_s = 0.0
        self.kind = kind

    def find(self) -> list[DeviceInfo]:
        self.looks += 1
        time.sleep(self.slow_s)
        return list(self.there)

    def make(self, info: DeviceInfo) -> Device:
        self.made.append(Toy(info))
        return self.made[-1]

    @property
    def spec(self) -> DriverSpec:
        return DriverSpec(
            name="toy",
            kind=self.kind,
            lane=self.kind.value,
            installed=lambda: True,
            find=self.find,
            make=self.make,
        )


def an_info(kind: DeviceKind = DeviceKind.FINGERPRINT, serial: str = "1") -> DeviceInfo:
    return DeviceInfo(kind=kind, driver="toy", model="Toy", serial=serial, path=f"toy:{serial}")


class Announced:
    """A bus that speaks when it is told to."""

    def __init__(self) -> None:
        self.news: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.closed = False

    def wait(self, timeout_s: float) -> bool:
        try:
            return self.news.get(timeout=min(timeout_s, 0.02))
        except queue.Empty:
            return False

    def close(self) -> None:
        self.closed = True


class Watched:
    """A bench and its supervisor."""

    def __init__(self, *shelves: Shelf, folder: Path | None = None, look_s: float = 0.05) -> None:
        self.states: list[tuple[DeviceRole, DeviceState]] = []
        self.bench = Bench(
            [shelf.spec for shelf in shelves],
            lambda role, state: self.states.append((role, state)),
            folder=folder,
        )
        self.bus = Announced()
        self.supervisor = Supervisor(
            self.bench.slots, on_news=self.bench.hurry, bus=lambda: self.bus, look_s=look_s
        )

    def __enter__(self) -> Watched:
        self.supervisor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.supervisor.stop()
        self.bench.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "GRACE_S", 0.2)


def test_a_played_reader_is_missed_and_found_within_two_seconds() -> None:
    station = SimulatedStation(pace_s=0)
    bench = Bench(station.specs)
    bench.supervise()
    try:
        slot = bench.fingerprint
        assert soon(lambda: slot.state is READY)
        for plugged, state in ((False, ABSENT), (True, READY)):
            station.reader.plugged = plugged
            assert soon(lambda state=state: slot.state is state, within_s=2)
        assert slot.use(lambda reader, _: reader.info.driver).result(5) == "uru4000"
    finally:
        bench.close()
        station.close()


def test_an_open_device_that_rests_is_missed_when_it_goes() -> None:
    shelf = Shelf(DeviceKind.FINGERPRINT, an_info())
    with Watched(shelf) as watched:
        slot = watched.bench.slots[FINGERS]
        slot.use(lambda toy, _: toy.info).result(5)
        shelf.there.clear()
        assert soon(lambda: slot.state is ABSENT)
        assert isinstance(slot.last_trouble, Unplugged)
        assert shelf.made[0].closed == 1
        assert "DEV-01" in slot.reason


def test_a_device_put_back_is_another_one_with_the_same_role() -> None:
    shelf = Shelf(DeviceKind.FINGERPRINT, an_info())
    with Watched(shelf) as watched:
        slot = watched.bench.slots[FINGERS]
        assert soon(lambda: slot.state is READY)
        shelf.there[:] = [replace(an_info(), path="toy:elsewhere")]  # faster than anybody looked
        assert soon(lambda: slot.info is not None and slot.info.path == "toy:elsewhere")
        assert slot.state is READY
        assert slot.reason == ""


def test_two_twin_cameras_keep_their_roles_when_both_are_pulled_and_put_back(
    tmp_path: Path,
) -> None:
    face, desk = (an_info(DeviceKind.CAMERA, serial) for serial in "AB")
    shelf = Shelf(DeviceKind.CAMERA, face)
    with Watched(shelf, folder=tmp_path) as watched:
        here = watched.bench.slots
        assert soon(lambda: here[PORTRAIT].state is READY)
        shelf.there.append(desk)
        watched.bench.assign(DOCUMENT, desk)
        assert here[DOCUMENT].info == desk
        shelf.there.clear()
        assert soon(lambda: {here[PORTRAIT].state, here[DOCUMENT].state} == {ABSENT})
        shelf.there += [desk, face]
        assert soon(lambda: (here[PORTRAIT].info, here[DOCUMENT].info) == (face, desk))
    with Watched(shelf, folder=tmp_path) as watched:
        here = watched.bench.slots
        assert soon(lambda: (here[PORTRAIT].info, here[DOCUMENT].info) == (face, desk))


def test_cameras_that_change_roles_are_both_let_go_first() -> None:
    face, desk = (an_info(DeviceKind.CAMERA, serial) for serial in "AB")
    shelf = Shelf(DeviceKind.CAMERA, face)
    watched = Watched(shelf)
    try:
        here = watched.bench.slots
        here[PORTRAIT].use(lambda toy, _: toy.info).result(5)
        shelf.there.append(desk)
        watched.bench.assign(PORTRAIT, desk)
        watched.bench.assign(DOCUMENT, face)
        assert (here[PORTRAIT].info, here[DOCUMENT].info) == (desk, face)
        assert [toy.closed for toy in shelf.made if toy.opened] == [1]
    finally:
        watched.bench.close()


def test_news_from_the_bus_are_not_waited_for() -> None:
    shelf = Shelf(DeviceKind.FINGERPRINT)
    with Watched(shelf, look_s=60) as watched:
        assert soon(lambda: shelf.looks == 1)
        shelf.there.append(an_info())
        watched.bus.news.put(True)
        assert soon(lambda: watched.bench.slots[FINGERS].state is READY, within_s=2)
    assert watched.bus.closed


def test_news_that_come_during_a_use_are_heard_after_it() -> None:
    shelf = Shelf(DeviceKind.FINGERPRINT, an_info())
    gate, begun = Event(), Event()
    with Watched(shelf, look_s=60) as watched:
        slot = watched.bench.slots[FINGERS]

        def work(toy: Device, _: Event) -> None:
            begun.set()
            assert gate.wait(10)

        ticket = slot.use(work)
        assert begun.wait(5)
        looks = shelf.looks
        shelf.there.clear()
        watched.bus.news.put(True)
        time.sleep(0.15)
        assert shelf.looks == looks  # a use is not disturbed
        gate.set()
        ticket.result(5)
        assert soon(lambda: slot.state is ABSENT, within_s=2)


def test_dear_looking_is_done_seldom_and_does_not_hold_up_the_cheap() -> None:
    shelf = Shelf(DeviceKind.FINGERPRINT)
    shelf.slow_s = 0.1
    cheap = Shelf(DeviceKind.FINGERPRINT)
    specs = [replace(shelf.spec, name="dear"), cheap.spec]
    bench = Bench(specs)
    supervisor = Supervisor(bench.slots, bus=Announced, look_s=0.02)
    supervisor.start()
    try:
        assert soon(lambda: cheap.looks > 5)
        assert shelf.looks == 1
        with pytest.raises(NoDevice):  # a use asks everybody
            bench.fingerprint.use(lambda reader, _: reader.info).result(5)
        assert shelf.looks == 2
    finally:
        supervisor.stop()
        bench.close()


def test_a_driver_that_hangs_is_left_behind_and_the_next_use_works(impatient: None) -> None:
    before = set(threading.enumerate())
    shelf = Shelf(DeviceKind.FINGERPRINT, an_info())
    gate = Event()
    with Watched(shelf) as watched:
        slot = watched.bench.slots[FINGERS]
        hung = slot.use(lambda toy, _: toy.hang(gate, timeout_s=0.1))
        with pytest.raises(DriverHung):
            hung.result(5)
        assert slot.state is FAULTED
        assert "DEV-10" in slot.reason
        time.sleep(0.2)
        assert slot.state is FAULTED  # until a use goes well, not until somebody looks

        assert slot.use(lambda toy, _: toy.answer()).result(5) == "well"
        assert slot.state is READY
        assert slot.reason == ""
        gate.set()  # the one left behind comes back, and nobody listens to it
        time.sleep(0.1)
        assert slot.use(lambda toy, _: toy.answer()).result(5) == "well"
        assert [toy.closed for toy in shelf.made] == [0, 0]
        assert [(f.code, bool(f.recovered)) for f in watched.bench.history.faults] == [
            ("DEV-10", True)
        ]
    assert soon(lambda: not set(threading.enumerate()) - before)


def test_work_that_waits_behind_a_hanging_driver_is_done(impatient: None) -> None:
    shelf = Shelf(DeviceKind.FINGERPRINT, an_info())
    gate = Event()
    with Watched(shelf) as watched:
        slot = watched.bench.slots[FINGERS]
        hung = slot.use(lambda toy, _: toy.hang(gate, timeout_s=0.1))
        behind = slot.use(lambda toy, _: toy.answer())
        assert behind.result(5) == "well"
        assert hung.done()
        gate.set()


def test_a_long_use_of_short_calls_is_no_hang(impatient: None) -> None:
    """A preview runs for minutes; each of its calls comes back."""
    shelf = Shelf(DeviceKind.CAMERA, an_info(DeviceKind.CAMERA))

    def preview(toy: Toy, _: Event) -> int:
        end = time.monotonic() + 0.8
        while time.monotonic() < end:
            toy.answer()
            time.sleep(0.01)
        return 1

    with Watched(shelf) as watched:
        slot = watched.bench.slots[PORTRAIT]
        assert slot.use(preview).result(5) == 1
        assert slot.state is READY


def test_looking_that_hangs_is_left_behind_too(
    impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "CALL_S", 0.1)
    shelf = Shelf(DeviceKind.FINGERPRINT, an_info())
    watched = Watched(shelf)
    slot = watched.bench.slots[FINGERS]
    slot._call_s = 0.1
    shelf.slow_s = 2.0
    with watched:
        assert soon(lambda: slot.state is FAULTED)
        shelf.slow_s = 0.0
        assert slot.use(lambda toy, _: toy.answer()).result(5) == "well"


def test_the_kernel_s_own_news_can_be_listened_to() -> None:
    pyudev = pytest.importorskip("pyudev")
    bus = Udev(pyudev)
    began = time.monotonic()
    assert bus.wait(0.05) in {True, False}
    assert time.monotonic() - began < 1
    bus.close()


def test_where_nothing_is_told_waiting_ends_when_it_is_closed() -> None:
    bus = Quiet()
    assert bus.wait(0.01) is False
    bus.close()
    began = time.monotonic()
    bus.wait(5)
    assert time.monotonic() - began < 1
