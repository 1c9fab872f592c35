"""Devices as a user meets them: who comes and goes is noticed, who comes back keeps its role."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from migramovil.devices import slot as slots
from migramovil.devices.apart import ApartDriver
from migramovil.devices.camera import opencv
from migramovil.devices.lanes import Lane
from migramovil.devices.ports import (
    DeviceInfo,
    DeviceKind,
    DeviceRole,
    DeviceState,
    DriverSpec,
    Frame,
    SlipLine,
)
from migramovil.devices.registry import Bench
from migramovil.devices.sim.camera_film import CameraFilm
from migramovil.devices.slot import DeviceSlot
from migramovil.devices.trouble import DriverHung, Unplugged
from tests.services.bench import within
from tests.walk.faulty_station import DEVICES, Applicant, Van

ABSENT, READY, BUSY = DeviceState.ABSENT, DeviceState.READY, DeviceState.BUSY
PORTRAIT, DOCUMENT = DeviceRole.PORTRAIT, DeviceRole.DOCUMENT
NOTICED_S = 2.0

USES: dict[DeviceRole, Callable[[Any, Event], object]] = {
    PORTRAIT: lambda camera, off: camera.read(timeout_s=3, cancelled=off),
    DeviceRole.FINGERS: lambda reader, off: reader.capture(timeout_s=3, cancelled=off),
    DeviceRole.MRZ: lambda reader, off: reader.read_lines(timeout_s=3, cancelled=off),
    DeviceRole.PRINTER: lambda printer, off: printer.print_slip([SlipLine(text="F")]),
    DeviceRole.GNSS: lambda receiver, off: receiver.read_fix(timeout_s=3, cancelled=off),
}


@pytest.fixture(scope="module")
def van() -> Iterator[Van]:
    made = Van()
    made.sit(Applicant())
    yield made
    made.close()


@pytest.fixture(scope="module")
def bench(van: Van) -> Iterator[Bench]:
    made = Bench(van.specs)
    made.supervise()
    yield made
    made.close()


# ---- who comes and goes ------------------------------------------------------------------------
@pytest.mark.parametrize("is_open", [False, True], ids=["closed", "open"])
def test_every_device_is_missed_and_found_within_two_seconds(
    van: Van, bench: Bench, is_open: bool
) -> None:
    slots = {kind.role: bench.slots[kind.role] for kind in DEVICES}
    every = [kind(van) for kind in DEVICES]
    for role, slot in slots.items():
        within(10, lambda slot=slot: slot.state is READY)
        slot.use(USES[role]).result(10)
        if not is_open:
            slot.close()
    for device in every:
        device.pull()
    try:
        within(NOTICED_S, lambda: {slot.state for slot in slots.values()} == {ABSENT})
    finally:
        for device in every:
            device.recover()
    within(NOTICED_S, lambda: {slot.state for slot in slots.values()} == {READY})
    for role, slot in slots.items():
        slot.use(USES[role]).result(10)
        assert slot.reason == ""


def test_a_pulled_cable_is_noticed_at_once_where_it_is_in_use(van: Van, bench: Bench) -> None:
    slot = bench.camera

    def preview(camera: Any, off: Event) -> None:
        while not off.is_set():
            camera.read(timeout_s=3, cancelled=off)

    ticket = slot.use(preview)
    within(5, lambda: slot.state is BUSY)
    time.sleep(0.3)
    van.film.unplug()
    try:
        within(NOTICED_S, ticket.done)
        assert isinstance(ticket.future.exception(), Unplugged)
        assert slot.state is ABSENT
    finally:
        van.film.plug()


# ---- put back ----------------------------------------------------------------------------------
class Lamp:
    """A device that knows whether it hangs on its old plug."""

    def __init__(self, plugs: list[int]) -> None:
        self.info = DeviceInfo(kind=DeviceKind.CAMERA, driver="lamp", model="Lamp")
        self._plugs, self._plug = plugs, 0
        self.asked = 0

    def open(self) -> None:
        self._plug = self._plugs[0]

    def close(self) -> None:
        """Nothing to let go."""

    def shine(self) -> int:
        self.asked += 1
        if self._plug != self._plugs[0]:
            raise Unplugged
        return self._plug

    def goes_out(self) -> int:
        self.asked += 1
        self._plugs[0] += 1
        raise Unplugged


@pytest.fixture
def lane() -> Iterator[Lane]:
    made = Lane("lamps")
    yield made
    made.close()


def test_a_device_that_was_out_between_two_uses_serves_the_second_without_a_word(
    lane: Lane,
) -> None:
    plugs = [1]
    lamp = Lamp(plugs)
    troubles: list[object] = []
    slot = DeviceSlot(lamp, lane, on_end=troubles.append)
    assert slot.use(lambda one, _: one.shine()).result(5) == 1
    plugs[0] = 2
    assert slot.use(lambda one, _: one.shine()).result(5) == 2
    assert troubles == [None, None]


def test_what_fails_after_the_device_has_answered_is_not_done_twice(lane: Lane) -> None:
    lamp = Lamp([1])
    slot = DeviceSlot(lamp, lane)
    slot.use(lambda one, _: one.shine()).result(5)
    with pytest.raises(Unplugged):
        slot.use(lambda one, _: (one.shine(), one.goes_out())).result(5)
    assert lamp.asked == 3


def test_a_trouble_is_over_when_the_device_answers_however_long_the_use_lasts(lane: Lane) -> None:
    lamp, told, over = Lamp([1]), [], Event()
    slot = DeviceSlot(lamp, lane, on_state=lambda _: told.append(slot.reason))
    with pytest.raises(Unplugged):
        slot.use(lambda one, _: one.goes_out()).result(5)
    assert "DEV-01" in slot.reason
    use = slot.use(lambda one, _: (one.shine(), over.wait(5)))
    within(5, lambda: slot.reason == "")
    assert slot.state is BUSY
    assert told[-1] == ""  # and whoever shows it was told
    over.set()
    use.result(5)


# ---- two cameras -------------------------------------------------------------------------------
class Sockets:
    """Twin cameras without a serial number, known by the socket they are in."""

    def __init__(self) -> None:
        self.driver = ApartDriver(opencv.__name__)
        self.films: dict[str, CameraFilm] = {}

    def plug(self, port: str, brightness: int) -> None:
        picture = np.full((1080, 1920, 3), brightness, np.uint8)
        picture[::9] = 0
        self.films[port] = CameraFilm([picture], fps=25)

    def unplug(self) -> None:
        for film in self.films.values():
            film.close()
        self.films = {}

    def find(self) -> list[DeviceInfo]:
        return [
            replace(opencv.network_camera(film.address), vendor="046d", product="082d", port=port)
            for port, film in self.films.items()
        ]

    @property
    def spec(self) -> DriverSpec:
        return DriverSpec(
            name="twins",
            kind=DeviceKind.CAMERA,
            lane="camera",
            installed=lambda: True,
            find=self.find,
            make=self.driver.make,
            let_go=self.driver.close,
            apart=True,
        )


def test_twin_cameras_put_back_in_another_order_keep_their_roles_and_pictures(
    tmp_path: Path,
) -> None:
    sockets = Sockets()
    sockets.plug("1-1", 60)
    bench = Bench([sockets.spec], folder=tmp_path)
    bench.supervise()

    def seen(role: DeviceRole) -> int:
        frame: Frame = bench.slots[role].use(USES[PORTRAIT]).result(20)
        return round(float(frame.pixels[1:9].mean()), -1)

    try:
        within(5, lambda: bench.camera.state is READY)
        sockets.plug("1-2", 200)
        bench.assign(DOCUMENT, sockets.find()[1])
        assert (seen(PORTRAIT), seen(DOCUMENT)) == (60, 200)
        before = [slot.info.path for slot in (bench.camera, bench.slots[DOCUMENT]) if slot.info]
        sockets.unplug()
        for role in (PORTRAIT, DOCUMENT):
            within(NOTICED_S, lambda role=role: bench.slots[role].state is ABSENT)
        sockets.plug("1-2", 200)
        sockets.plug("1-1", 60)
        for role in (PORTRAIT, DOCUMENT):
            within(NOTICED_S, lambda role=role: bench.slots[role].state is READY)
        after = [slot.info.path for slot in (bench.camera, bench.slots[DOCUMENT]) if slot.info]
        assert len(after) == 2
        assert not set(before) & set(after)  # nothing else than the socket says which is which
        assert (seen(PORTRAIT), seen(DOCUMENT)) == (60, 200)
    finally:
        bench.close()
        sockets.unplug()


# ---- left behind, and back too late --------------------------------------------------------------
class Late:
    """A device whose open, and whose finding, can take until a gate opens."""

    def __init__(self, gate: Event | None = None) -> None:
        self.info = DeviceInfo(kind=DeviceKind.FINGERPRINT, driver="late", model="Late")
        self.gate = gate
        self.is_open = False

    def open(self) -> None:
        if self.gate is not None:
            assert self.gate.wait(10)
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def answers(self) -> bool:
        return self.is_open


@pytest.mark.parametrize("where", ["finding", "opening"])
def test_a_driver_that_comes_back_too_late_changes_nothing(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    for name in ("GRACE_S", "OPEN_S"):
        monkeypatch.setattr(slots, name, 0.1)
    gate = Event()
    old, new = Late(gate if where == "opening" else None), Late()
    turns = iter([old, new])

    def find() -> Late:
        found = next(turns)
        if found is old and where == "finding":
            assert gate.wait(10)
        return found

    slot = DeviceSlot[Late](None, lane, find_again=find, call_s=0.1)
    hung = slot.use(lambda device, _: device.answers())
    within(5, slot.abandon)
    assert isinstance(hung.future.exception(5), DriverHung)
    assert slot.use(lambda device, _: device.answers()).result(5)
    gate.set()
    within(5, lambda: len([t for t in threading.enumerate() if t.name == "lane-lamps"]) == 1)
    assert slot.use(lambda device, _: device.answers()).result(5)
    assert (old.is_open, new.is_open) == (False, True)
