"""The trainer's switches: all there is can be turned on and off, and the real drivers feel it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from enum import StrEnum

import numpy as np
import pytest

from migramovil.devices.ports import DeviceRole, DeviceState, SlipLine
from migramovil.devices.registry import Bench
from migramovil.devices.sim.ef01_pty import SensorFault
from migramovil.devices.sim.ipp_printer import IppFault
from migramovil.devices.sim.panel import PERSON, UNPLUGGED, NoSuchSwitch, Panel, Standing
from migramovil.devices.sim.people import SimPerson, person
from migramovil.devices.sim.sbi_service import SbiFault
from migramovil.devices.sim.station import Played, PrinterKind, ReaderKind, SimulatedStation
from migramovil.devices.sim.thermal_mechanism import PrinterFault
from migramovil.devices.sim.usb_reader import ReaderFault
from migramovil.devices.trouble import (
    DeviceTrouble,
    ImageUnreadable,
    NoDevice,
    NoFinger,
    PaperOut,
)

ALL = Played(document_camera=True, gnss=True)
TABLES = {
    "4500": ALL,
    "microsoft": Played(reader=ReaderKind.MICROSOFT, printer=PrinterKind.IPP),
    "ef01": Played(reader=ReaderKind.EF01, gnss=True),
    "sbi": Played(reader=ReaderKind.SBI, printer=PrinterKind.IPP, document_camera=True),
}
PEOPLE = [person(7, number) for number in range(3)]


@pytest.fixture
def station() -> Iterator[SimulatedStation]:
    with closing(SimulatedStation(PEOPLE[2:], pace_s=0, played=ALL)) as station:
        yield station


@pytest.fixture
def panel(station: SimulatedStation) -> Panel:
    return Panel(station, PEOPLE)


@pytest.fixture
def bench(station: SimulatedStation) -> Iterator[Bench]:
    bench = Bench(station.specs)
    yield bench
    bench.close()


def switches(panel: Panel, *, once: bool = False) -> list[tuple[str, str]]:
    return [
        (device.key, one.key)
        for device in panel.state()
        for one in device.switches
        if one.once == once
    ]


def on(panel: Panel) -> set[tuple[str, str]]:
    return {(d.key, one.key) for d in panel.state() for one in d.switches if one.on}


@pytest.mark.parametrize("table", TABLES)
def test_every_fault_goes_on_and_off_and_says_in_words_what_it_does(table: str) -> None:
    with closing(SimulatedStation(pace_s=0, played=TABLES[table])) as station:
        panel = Panel(station)
        for device, fault in switches(panel):
            panel.apply(device, fault)
            assert on(panel) == {(device, fault)}
            panel.apply(device, fault, on=False)
            assert on(panel) == set()
        for device in panel.state():
            assert device.plugged
            assert len({one.key for one in device.switches}) == len(device.switches)
            assert all(one.name and one.does.endswith(".") for one in device.switches)


@pytest.mark.parametrize(
    ("table", "device", "known"),
    [
        ("4500", "reader", ReaderFault),
        ("ef01", "reader", SensorFault),
        ("sbi", "reader", SbiFault),
        ("4500", "printer", PrinterFault),
        ("sbi", "printer", IppFault),
    ],
)
def test_whatever_a_played_device_can_do_wrong_is_on_the_panel(
    table: str, device: str, known: type[StrEnum]
) -> None:
    with closing(SimulatedStation(pace_s=0, played=TABLES[table])) as station:
        panel, felt = Panel(station), set()
        for _, fault in [one for one in switches(panel) if one[0] == device]:
            panel.apply(device, fault)
            felt.add(getattr(station, device).fault)
            panel.apply(device, fault, on=False)
        assert felt == set(known)


def test_a_device_has_one_fault_of_its_own_at_a_time_and_its_cable_besides(panel: Panel) -> None:
    panel.apply("printer", "paper-out")
    panel.apply("printer", "cover-open")
    panel.apply("printer", "paper-out", on=False)  # it is over already
    panel.apply("printer", UNPLUGGED)
    assert on(panel) == {("printer", "cover-open"), ("printer", UNPLUGGED)}


def test_what_happens_once_is_over_when_the_device_had_it(panel: Panel, bench: Bench) -> None:
    panel.sit(0)
    assert switches(panel, once=True)
    panel.apply("reader", "dies")
    assert on(panel) == {("reader", "dies")}
    bench.fingerprint.use(lambda r, c: r.capture(timeout_s=5, cancelled=c)).result(10)
    assert on(panel) == set()
    panel.apply("reader", "dies")
    panel.clear()
    assert on(panel) == set()


def test_all_is_well_after_everything_was_cleared(panel: Panel, bench: Bench) -> None:
    for device, fault in switches(panel):
        panel.apply(device, fault)
    panel.clear()
    assert on(panel) == set()
    states = bench.look()
    del states[DeviceRole.APPLICANT], states[DeviceRole.DOCUMENT]  # nobody gave them a device
    assert set(states.values()) == {DeviceState.READY}
    panel.sit(0)
    lines = bench.mrz.use(lambda r, c: r.read_lines(timeout_s=5, cancelled=c)).result(10)
    assert lines == PEOPLE[0].mrz_lines
    assert bench.gnss.use(lambda r, c: r.read_fix(timeout_s=5, cancelled=c)).result(10)


def test_one_device_is_cleared_and_the_others_keep_what_they_have(panel: Panel) -> None:
    panel.apply("camera", "cap")
    panel.apply("mrz", "noise")
    panel.clear("camera")
    assert on(panel) == {("mrz", "noise")}


@pytest.mark.parametrize(("device", "fault"), [("toaster", "noise"), ("camera", "paper-out")])
def test_what_is_not_there_is_refused_by_name(panel: Panel, device: str, fault: str) -> None:
    with pytest.raises(NoSuchSwitch):
        panel.apply(device, fault)
    for refused in (lambda: panel.clear("toaster"), lambda: panel.sit(3), lambda: panel.lay(11)):
        with pytest.raises(NoSuchSwitch):
            refused()
    assert on(panel) == set()


@pytest.mark.parametrize(
    ("device", "fault", "trouble"),
    [
        (PERSON, "no-finger", NoFinger),
        ("reader", UNPLUGGED, NoDevice),
        ("reader", "noise", ImageUnreadable),
    ],
)
def test_the_real_reader_driver_feels_the_fault_and_its_end(
    panel: Panel, bench: Bench, device: str, fault: str, trouble: type[DeviceTrouble]
) -> None:
    def capture() -> object:
        return bench.fingerprint.use(lambda r, c: r.capture(timeout_s=0.5, cancelled=c)).result(9)

    panel.sit(0)
    panel.apply(device, fault)
    with pytest.raises(trouble):
        capture()
    panel.clear()
    assert capture()


def test_the_last_slip_is_seen_as_it_came_out(panel: Panel, bench: Bench) -> None:
    assert panel.slip() is None
    slip = [SlipLine(text="COMPROBANTE", bold=True)]
    panel.apply("printer", "paper-out")
    with pytest.raises(PaperOut):
        bench.printer.use(lambda p, _: p.print_slip(slip)).result(10)
    assert panel.slips == 0
    panel.clear()
    bench.printer.use(lambda p, _: p.print_slip(slip)).result(10)
    seen = panel.slip()
    assert panel.slips == 1
    assert seen is not None
    assert seen.shape[2] == 3
    assert seen.min() < 60  # ink
    assert seen.max() > 200  # on paper


def test_whoever_was_sent_to_the_chair_is_the_one_who_is_enrolled(
    station: SimulatedStation, panel: Panel
) -> None:
    panel.sit(1)
    assert [seat.seated for seat in panel.people()] == [False, True, False]
    assert station.next_person() == PEOPLE[1]
    assert station.next_person() == PEOPLE[2]  # then they come in their order again
    panel.sit(None)
    assert station.seated is None
    assert station.next_person() is None


def test_a_person_shows_name_document_and_a_face_of_their_own(panel: Panel) -> None:
    seats = panel.people()
    for seat, one in zip(seats, PEOPLE, strict=True):
        assert one.first_surname in seat.name
        assert one.document_number in seat.document
    faces = [panel.face(seat.number) for seat in seats]
    assert {face.shape for face in faces} == {(240, 180, 3)}
    assert not np.array_equal(faces[0], faces[1])


def test_the_finger_that_is_laid_may_be_another_than_the_one_asked_for(
    station: SimulatedStation, panel: Panel, bench: Bench
) -> None:
    def laid() -> int:
        bench.fingerprint.use(lambda r, c: r.capture(timeout_s=5, cancelled=c)).result(10)
        return one.laid[-1]

    class Watched:
        """Somebody who notes which finger is asked of them."""

        mrz_lines = PEOPLE[0].mrz_lines

        def __init__(self) -> None:
            self.laid: list[int] = []

        def camera_frames(self) -> list[np.ndarray]:
            return []

        def impression(
            self, position: int, take: int, *, dryness: float | None = None
        ) -> np.ndarray:
            self.laid.append(position)
            self.dryness = dryness
            return np.full((290, 384), 120, np.uint8)

    one = Watched()
    station.sit(one)
    station.expected_finger(3)
    assert laid() == 3
    panel.lay(8)
    assert (laid(), panel.finger) == (8, 8)
    panel.lay(0)
    panel.apply(PERSON, "dry")
    assert (laid(), panel.finger) == (3, 0)
    assert one.dryness == 1.0
    panel.apply(PERSON, "wet")
    assert on(panel) == {(PERSON, "wet")}


def test_a_cable_keeps_the_faults_behind_it(panel: Panel) -> None:
    panel.apply("mrz", "hang")
    panel.apply("mrz", UNPLUGGED)
    panel.apply("mrz", UNPLUGGED, on=False)
    assert on(panel) == {("mrz", "hang")}


def test_every_standing_names_a_device_of_the_station(panel: Panel) -> None:
    known = [standing.key for standing in panel.state()]
    assert known == [PERSON, "camera", "table", "reader", "printer", "mrz", "gnss"]
    assert all(isinstance(standing, Standing) for standing in panel.state())
    assert all(isinstance(one, SimPerson) for one in PEOPLE)
