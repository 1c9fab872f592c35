"""Every device, ill in every way, at the step that uses it: nothing is lost, it is said what to do.

`TOLD` is the promise: what an officer is told of each device in each state, by code (docs/codes.md
has the words); "" is that the work is done all the same. Whatever is told, the draft in hand, its
pictures and the sealed records lie on the disk byte by byte as before, another process finds them
after a power cut, and once the device is well again the next try works, with nobody restarting
anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from migramovil.core.enrollment import Step
from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import DeviceRole
from migramovil.services.enrolling import Finished
from tests.services.bench import PROCEDURE, person, within
from tests.walk.faulty_station import Counter, Played, counter

pytestmark = pytest.mark.timeout(120)

PORTRAIT, FINGERS, MRZ = DeviceRole.PORTRAIT, DeviceRole.FINGERS, DeviceRole.MRZ
PRINTER, GNSS = DeviceRole.PRINTER, DeviceRole.GNSS

COLUMNS = (PORTRAIT, FINGERS, MRZ, PRINTER, GNSS)
TOLD: dict[str, tuple[str, ...]] = {
    # the device is …       camera    reader    MRZ       printer   satellites
    "not there":           ("DEV-05", "DEV-05", "DEV-05", "DEV-05", "DEV-05"),
    "pulled out mid-work": ("DEV-01", "DEV-01", "DEV-01", "PRN-05", "DEV-01"),
    "hanging":             ("DEV-01", "FPR-02", "MRZ-01", "PRN-17", "DEV-02"),
    "sending garbage":     ("CAM-05", "FPR-02", "MRZ-03", "PRN-09", "GNS-02"),
    "slow":                ("", "", "", "", ""),
    "out and back again":  ("", "", "", "", ""),
}  # fmt: skip
CELLS = [
    (role, fault, code)
    for fault, row in TOLD.items()
    for role, code in zip(COLUMNS, row, strict=True)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bedside:
    """The counter, with a person on the chair and one whose record is sealed."""

    counter: Counter
    finished: Finished

    def ask(self, role: DeviceRole) -> Ticket[Any]:
        return self.counter.work(role, self.finished)


@pytest.fixture(scope="module")
def bedside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bedside]:
    with counter(tmp_path_factory.mktemp("faults") / "station") as here:
        here.sit_down()
        here.enrolling.take_finger(2).result(20)
        finished = here.finish()
        here.sit_down()
        yield Bedside(counter=here, finished=finished)


def told(ticket: Ticket[Any]) -> str:
    """The code of what the officer is told; "" when the work was done."""
    try:
        ticket.result(15)
    except Trouble as trouble:
        return trouble.code
    return ""


def fall_ill(bedside: Bedside, role: DeviceRole, fault: str) -> Ticket[Any]:
    """Ask for the work with the device in that state, or bring it there while it works."""
    here, device = bedside.counter, bedside.counter.devices[role]
    if fault == "pulled out mid-work":
        device.wait()
        ticket = bedside.ask(role)
        here.await_state(role, "busy")
        within(5, lambda: device.at_work)
        time.sleep(0.3)
        device.pull()
        return ticket
    states: dict[str, Callable[[], object]] = {
        "not there": lambda: (device.pull(), here.await_state(role, "absent")),
        "hanging": device.hang,
        "sending garbage": device.garble,
        "slow": device.slow,
        "out and back again": lambda: (device.pull(), device.recover()),
    }
    states[fault]()
    return bedside.ask(role)


@pytest.mark.parametrize(("role", "fault", "code"), CELLS)
def test_nothing_is_lost_the_right_thing_is_said_and_the_next_try_works(
    bedside: Bedside, role: DeviceRole, fault: str, code: str, tmp_path: Path
) -> None:
    here, device = bedside.counter, bedside.counter.devices[role]
    assert told(bedside.ask(role)) == ""
    here.enrolling.change(fingers=tuple(f for f in here.draft.fingers if f.position != 2))
    before, seen = here.on_disk(), here.seen()
    try:
        said = told(fall_ill(bedside, role, fault))
        if said:
            assert here.on_disk() == before
            assert here.seen() == seen
            assert here.after_power_cut(tmp_path / "again") == seen
    finally:
        device.recover()
    assert said == code
    assert told(bedside.ask(role)) == ""


# ---- a device that is not used ------------------------------------------------------------------
def read_document(here: Counter) -> None:
    here.enrolling.accept_reading(here.enrolling.read_mrz().result(10))


def take_fingers(here: Counter) -> None:
    for position in (2, 7):
        here.enrolling.take_finger(position).result(20)


WALK: tuple[tuple[Step, DeviceRole | None, Callable[[Counter], object]], ...] = (
    (Step.PROCEDURE, None, lambda here: here.enrolling.change(procedure=PROCEDURE)),
    (Step.IDENTITY, MRZ, read_document),
    (Step.PERSON, None, lambda here: here.enrolling.change(person=person())),
    (Step.PORTRAIT, PORTRAIT, lambda here: here.enrolling.take_portrait().result(20)),
    (Step.FINGERS, FINGERS, take_fingers),
    (Step.CONSENT, None, lambda here: here.consent()),
)
"""Each step, the device it uses, and what is done there."""
ELSEWHERE: dict[str, Callable[[Played], object]] = {
    "not there": lambda device: device.pull(),
    "hanging": lambda device: device.hang(),
    "sending garbage": lambda device: device.garble(),
}


@pytest.mark.parametrize("fault", ELSEWHERE)
def test_devices_that_a_step_does_not_use_disturb_nothing_there(
    bedside: Bedside, fault: str
) -> None:
    here = bedside.counter
    held = here.draft.record_id
    here.enrolling.start().result(10)
    try:
        for step, used, work in WALK:
            here.enrolling.change(step=step)
            with ill(here, fault, but=used):
                work(here)
                assert here.draft.step is step
        with ill(here, fault, but=None):
            sealed = here.enrolling.finish().result(20)
        with ill(here, fault, but=PRINTER):
            assert told(here.station.desk.printing.print_slip(sealed)) == ""
    finally:
        here.enrolling.resume(held).result(10)


@contextmanager
def ill(here: Counter, fault: str, *, but: DeviceRole | None) -> Iterator[None]:
    """Every device in that state, but the one in use; the satellites are being asked all along."""
    sick = [device for role, device in here.devices.items() if role is not but]
    for device in sick:
        ELSEWHERE[fault](device)
    asking = here.station.desk.whereabouts.look()
    try:
        yield
    finally:
        for device in sick:
            device.recover()
    told(asking)
