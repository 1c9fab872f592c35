"""What a technician may ask of the devices, and change about them."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from typing import Any, cast

import numpy as np
import pytest

from migramovil.core import roles
from migramovil.core.roles import Act, NotAllowed, Role
from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Lane
from migramovil.devices.ports import (
    Device,
    DeviceInfo,
    DeviceKind,
    DeviceRole,
    DeviceState,
    DriverSpec,
    Frame,
)
from migramovil.devices.registry import Bench
from migramovil.devices.trouble import NoDevice, NoFinger, PaperOut, Unplugged
from migramovil.services.checks import Check, Outcome
from migramovil.services.diagnosing import EVERYWHERE, Diagnosing
from migramovil.store.trouble import DiskFull
from tests.services.bench import Devices, Judge, Played

PORTRAIT, DOCUMENT = DeviceRole.PORTRAIT, DeviceRole.DOCUMENT


class Room:
    """Somebody of one role before the devices of a station with two cameras."""

    def __init__(self) -> None:
        self.role = Role.TECHNICIAN
        self.devices = Devices.new()
        self.desk_camera = DeviceInfo(
            kind=DeviceKind.CAMERA, driver="fake", model="Desk", serial="D", path="d"
        )
        self.bench = Bench([*self.devices.specs(), self._second_camera()])
        self.lane = Lane("inspection")
        judge: Any = Judge()
        self.diagnosing = Diagnosing(self.bench, judge, self.lane, self._demand)

    def close(self) -> None:
        self.bench.close()
        self.lane.close()

    def _demand(self, act: Act) -> None:
        roles.demand(self.role, act)

    def _second_camera(self) -> DriverSpec:
        self.unused = Played(DeviceKind.CAMERA)
        self.unused.info = self.desk_camera
        return DriverSpec(
            name="second",
            kind=DeviceKind.CAMERA,
            lane="camera",
            installed=lambda: True,
            find=lambda: [self.desk_camera],
            make=lambda _: cast("Device", self.unused),
        )


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room()
    yield room
    room.close()


def test_a_given_role_is_served_by_that_device_at_once_and_listed(room: Room) -> None:
    assert {report.role for report in room.diagnosing.devices().result(5)} == set(EVERYWHERE)
    room.diagnosing.assign(DOCUMENT, room.desk_camera).result(5)
    reports = {report.role: report for report in room.diagnosing.devices().result(5)}
    assert reports[DOCUMENT].model == "Desk"
    assert reports[PORTRAIT].model == "Fake"


def test_every_camera_is_offered_whatever_it_serves_for(room: Room) -> None:
    assert {info.model for info in room.diagnosing.cameras().result(5)} == {"Fake", "Desk"}


class Watching(Played):
    """A camera that says whether it is open."""

    def __init__(self, info: DeviceInfo) -> None:
        super().__init__(DeviceKind.CAMERA)
        self.info = info
        self.opened = 0

    def open(self) -> None:
        self.opened += 1

    def close(self) -> None:
        self.opened -= 1

    def read(self, *, timeout_s: float, cancelled: Event) -> Frame:
        self.act()
        cancelled.wait(0.01)
        return Frame(pixels=np.full((4, 4, 3), 50, np.uint8), number=1)


def test_a_camera_without_a_role_is_seen_and_let_go(room: Room) -> None:
    room.bench.look()
    camera = room.unused = Watching(room.desk_camera)
    seen = Event()
    watching = room.diagnosing.watch(room.desk_camera, lambda _: seen.set())
    assert seen.wait(5)
    assert room.diagnosing.role_of(room.desk_camera) is None
    watching.cancel()
    assert watching.result(5) is None
    assert camera.opened == 0
    room.diagnosing.assign(DOCUMENT, room.desk_camera).result(5)
    assert room.diagnosing.role_of(room.desk_camera) is DOCUMENT


def test_a_camera_with_a_role_is_seen_where_it_serves(room: Room) -> None:
    room.diagnosing.assign(DOCUMENT, room.desk_camera).result(5)
    camera = room.unused = Watching(room.desk_camera)
    room.bench.slots[DOCUMENT].release().result(5)
    room.bench.look()
    seen = Event()
    watching = room.diagnosing.watch(room.desk_camera, lambda _: seen.set())
    assert seen.wait(5)
    assert room.diagnosing.states()[DOCUMENT] is DeviceState.BUSY
    watching.cancel()
    watching.result(5)
    assert camera.opened == 1  # the role keeps it open for its next use


@pytest.mark.parametrize("trouble", [Unplugged(), ValueError("crash")])
def test_a_camera_that_fails_while_it_is_seen_is_let_go_and_says_why(
    room: Room, trouble: Exception
) -> None:
    room.bench.look()
    camera = room.unused = Watching(room.desk_camera)
    camera.troubles = [trouble]
    with pytest.raises(Trouble) as caught:
        room.diagnosing.watch(room.desk_camera, lambda _: None).result(5)
    assert caught.value.code == ("DEV-01" if isinstance(trouble, Unplugged) else "DEV-09")
    assert camera.opened <= 0
    gone = replace(room.desk_camera, serial="gone")
    with pytest.raises(NoDevice):
        room.diagnosing.watch(gone, lambda _: None).result(5)


def test_a_role_that_the_disk_does_not_keep_is_told(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(room.bench, "assign", full)
    with pytest.raises(DiskFull):
        room.diagnosing.assign(DOCUMENT, room.desk_camera).result(5)


@pytest.mark.parametrize("role", Role)
def test_only_who_answers_for_the_devices_gives_them_roles(room: Room, role: Role) -> None:
    room.role = role
    if role is Role.OFFICER:
        with pytest.raises(NotAllowed):
            room.diagnosing.assign(DOCUMENT, room.desk_camera)
        assert room.bench.roles.assigned(DOCUMENT) is None
    else:
        room.diagnosing.assign(DOCUMENT, room.desk_camera).result(5)


def test_why_a_device_is_not_at_its_best_is_one_line(room: Room) -> None:
    room.bench.look()
    assert room.diagnosing.reasons() == {}
    troubles = {"reader": NoFinger(), "printer": PaperOut(), "scanner": Unplugged()}
    for name, trouble in troubles.items():
        getattr(room.devices, name).troubles.append(trouble)
    for slot, call in (
        (room.bench.fingerprint, lambda d, off: d.capture(timeout_s=1, cancelled=off)),
        (room.bench.printer, lambda d, _: d.print_slip([])),
        (room.bench.mrz, lambda d, off: d.read_lines(timeout_s=1, cancelled=off)),
    ):
        with pytest.raises(tuple(type(trouble) for trouble in troubles.values())):
            slot.use(call).result(5)
    reasons = room.diagnosing.reasons()
    assert reasons == {
        DeviceRole.PRINTER: f"{PaperOut.what} (PRN-02)",
        DeviceRole.MRZ: f"{Unplugged.what} (DEV-01)",
    }
    assert [fault.code for fault in room.diagnosing.faults()] == ["DEV-01", "PRN-02"]


def test_every_driver_is_listed_with_what_it_sees_in_use_or_not(room: Room) -> None:
    drivers = {one.name: one for one in room.diagnosing.drivers().result(5)}
    assert [info.model for info in drivers["second"].found] == ["Desk"]
    assert {one.installed for one in drivers.values()} == {True}


def test_a_driver_without_its_library_is_listed_as_not_installed(room: Room) -> None:
    specs = room.devices.specs()
    away = replace(specs[3], name="away", installed=lambda: False, find=list)
    bench = Bench([away])
    judge: Any = Judge()
    try:
        diagnosing = Diagnosing(bench, judge, room.lane, lambda _: None)
        assert [(d.installed, d.found) for d in diagnosing.drivers().result(5)] == [(False, ())]
        reports = {one.role: one for one in diagnosing.devices().result(5)}
        assert not reports[DeviceRole.MRZ].installed
    finally:
        bench.close()


def test_a_device_that_went_is_still_named_with_what_went_wrong(room: Room) -> None:
    room.bench.look()
    room.devices.scanner.info = replace(
        room.devices.scanner.info, serial="0417", capabilities={"firmware": "1.4"}
    )
    room.devices.scanner.troubles.append(Unplugged())
    assert not room.diagnosing.test(DeviceRole.MRZ).result(5).ok
    reports = {report.role: report for report in room.diagnosing.devices().result(5)}
    told = reports[DeviceRole.MRZ]
    assert (told.serial, told.firmware) == ("0417", "1.4")
    assert [fault.code for fault in told.faults] == ["DEV-01"]


def test_without_a_station_only_the_devices_are_subjects(room: Room) -> None:
    assert set(room.diagnosing.subjects()) == set(EVERYWHERE)
    assert room.diagnosing.test(Check.SPACE).result(5).outcome is Outcome.UNKNOWN
