"""The played station: the person on the chair is the one the real drivers capture."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any, cast

import numpy as np
import pytest

from migramovil.devices.ports import (
    Camera,
    DeviceRole,
    DeviceState,
    Pixels,
    Slap,
    SlapFinger,
    SlipLine,
)
from migramovil.devices.registry import Bench
from migramovil.devices.sim.people import person
from migramovil.devices.sim.station import Played, PrinterKind, ReaderKind, SimulatedStation
from migramovil.devices.slot import DeviceSlot
from migramovil.devices.trouble import NoDevice, NoDocumentRead, NoFinger


class Sitter:
    """Somebody whose face and fingers are a shade of grey."""

    def __init__(self, shade: int) -> None:
        self.shade = shade
        self.mrz_lines = (f"P<UTOSITTER<<{'ABCDEFGHIJ'[shade // 25]}".ljust(44, "<"), "9" * 44)

    def camera_frames(self) -> list[Pixels]:
        return [np.full((1080, 1920, 3), self.shade, np.uint8)]

    def impression(self, position: int, take: int, *, dryness: float | None = None) -> Pixels:
        return np.full((290, 384), self.shade + 10 * position + take, np.uint8)


@pytest.fixture
def station() -> Iterator[SimulatedStation]:
    station = SimulatedStation([Sitter(50), Sitter(125)], pace_s=0, fps=30)
    yield station
    station.close()


@pytest.fixture
def bench(station: SimulatedStation) -> Iterator[Bench]:
    bench = Bench(station.specs)
    yield bench
    bench.close()


def finger(bench: Bench) -> int:
    taken = bench.fingerprint.use(lambda r, c: r.capture(timeout_s=5, cancelled=c)).result(10)
    return int(np.median(taken.pixels))


def shade(bench: Bench) -> float:
    time.sleep(0.3)
    frame = bench.camera.use(lambda camera, c: camera.read(timeout_s=5, cancelled=c)).result(10)
    return float(frame.pixels.mean())


def lines(bench: Bench, timeout_s: float = 5) -> tuple[str, ...]:
    return bench.mrz.use(lambda r, c: r.read_lines(timeout_s=timeout_s, cancelled=c)).result(10)


def test_camera_document_and_finger_are_those_of_the_person_on_the_chair(
    station: SimulatedStation, bench: Bench
) -> None:
    for expected in (50, 125):
        person = station.next_person()
        assert person is not None
        station.expected_finger(3)
        assert shade(bench) == pytest.approx(expected, abs=3)
        assert finger(bench) == expected + 31
        assert lines(bench) == person.mrz_lines
    assert station.next_person() is None
    assert station.seated is None


def test_a_finger_taken_again_is_another_take_of_the_finger_asked_for(
    station: SimulatedStation, bench: Bench
) -> None:
    station.sit(Sitter(50))
    station.expected_finger(2)
    assert [finger(bench), finger(bench)] == [71, 72]
    station.expected_finger(7)
    assert finger(bench) == 121
    station.expected_finger(2)
    assert finger(bench) == 73


def test_with_nobody_on_the_chair_no_finger_and_no_document_come(
    station: SimulatedStation, bench: Bench
) -> None:
    station.sit(Sitter(50))
    station.sit(None)
    with pytest.raises(NoFinger):
        bench.fingerprint.use(lambda r, c: r.capture(timeout_s=0.2, cancelled=c)).result(10)
    with pytest.raises(NoDocumentRead):
        lines(bench, 0.3)


def test_a_finger_takes_the_time_that_was_asked_for() -> None:
    station = SimulatedStation([Sitter(50)], pace_s=0.2)
    bench = Bench(station.specs)
    station.next_person()
    bench.fingerprint.use(lambda _r, _c: None).result(5)
    began = time.monotonic()
    finger(bench)
    took = time.monotonic() - began
    bench.close()
    station.close()
    assert 0.4 <= took < 3  # laid on and lifted


def test_every_device_of_the_station_says_that_it_is_played(station: SimulatedStation) -> None:
    infos = [info for spec in station.specs for info in spec.find()]
    assert len(infos) == 4
    assert all(info.simulated and "simulado" in info.model for info in infos)


TABLES = {
    "4500": Played(document_camera=True, gnss=True),
    "microsoft": Played(reader=ReaderKind.MICROSOFT, printer=PrinterKind.IPP),
    "ef01": Played(reader=ReaderKind.EF01),
    "sbi": Played(reader=ReaderKind.SBI),
}


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Iterator[tuple[SimulatedStation, Bench]]:
    sim = SimulatedStation([person(7, 1)], pace_s=0, fps=30, played=request.param)
    with closing(sim), closing(Bench(sim.specs)) as bench:
        yield sim, bench


def every(tables: Iterable[str]) -> pytest.MarkDecorator:
    chosen = list(tables)
    return pytest.mark.parametrize(
        "table", [TABLES[one] for one in chosen], indirect=True, ids=chosen
    )


@every(TABLES)
def test_whichever_reader_is_chosen_its_own_driver_takes_the_finger(
    table: tuple[SimulatedStation, Bench],
) -> None:
    station, bench = table
    station.next_person()
    image = bench.fingerprint.use(lambda r, c: r.capture(timeout_s=9, cancelled=c)).result(20)
    assert image.pixels.std() > 20  # ridges, and not bare glass
    assert bench.fingerprint.use(lambda r, _: r.info.simulated).result(5)  # open, it still says so


@every(["sbi"])
def test_a_played_slap_scanner_gives_four_fingers_at_once(
    table: tuple[SimulatedStation, Bench],
) -> None:
    station, bench = table
    station.next_person()

    def slap(reader: Any, cancelled: Event) -> tuple[SlapFinger, ...]:
        missing = frozenset({9})
        fingers: tuple[SlapFinger, ...] = reader.capture_slap(
            Slap.LEFT_FOUR, missing=missing, timeout_s=5, cancelled=cancelled
        )
        return fingers

    fingers = bench.fingerprint.use(slap).result(20)
    assert {one.position for one in fingers} == {7, 8, 10}


@every(["4500", "microsoft"])
def test_whichever_printer_is_chosen_its_own_driver_prints_the_slip(
    table: tuple[SimulatedStation, Bench],
) -> None:
    station, bench = table
    slip = [SlipLine(text="COMPROBANTE", bold=True)]
    printed = bench.printer.use(lambda p, c: p.print_slip(slip, cancelled=c)).result(20)
    assert printed.confirmed
    assert station.slips_out == 1
    assert bench.printer.use(lambda p, _: p.info.simulated).result(5)


@every(["4500"])
def test_two_cameras_have_each_their_role_and_a_receiver_tells_the_place(
    table: tuple[SimulatedStation, Bench],
) -> None:
    station, bench = table
    for role, info in station.given_roles.items():
        bench.assign(role, info)
    station.next_person()
    time.sleep(0.3)

    def picture(role: DeviceRole) -> Pixels:
        slot = cast("DeviceSlot[Camera]", bench.slots[role])
        frame = slot.use(lambda one, c: one.read(timeout_s=5, cancelled=c)).result(20)
        return frame.pixels.astype(int)

    assert picture(DeviceRole.PORTRAIT).mean() > 150  # a bright wall
    assert picture(DeviceRole.DOCUMENT)[20].mean() < 90  # the table's edge
    assert picture(DeviceRole.DOCUMENT)[600].mean() > 150  # a page lies on it
    fix = bench.gnss.use(lambda r, c: r.read_fix(timeout_s=5, cancelled=c)).result(10)
    assert fix.latitude == pytest.approx(-16.565, abs=0.01)


@every(["4500"])
def test_each_camera_is_seen_before_it_has_a_role_and_given_one_at_once(
    table: tuple[SimulatedStation, Bench],
) -> None:
    station, bench = table
    bench.look()
    faces, papers = station.given_roles.values()
    assert (bench.role_of(faces), bench.role_of(papers)) == (DeviceRole.PORTRAIT, None)
    light = {}
    for info in (papers, faces, papers):
        seen = Event()

        def watch(camera: Camera, off: Event, info: Any = info, seen: Event = seen) -> None:
            while not off.is_set():
                picture = camera.read(timeout_s=5, cancelled=off).pixels
                light[info.serial] = float(picture.mean())
                seen.set()

        watching = bench.through(info, watch)
        assert seen.wait(20)
        watching.cancel()
    assert light[faces.serial] > light[papers.serial] + 50  # a bright wall, a bare table
    bench.assign(DeviceRole.DOCUMENT, papers)  # while the last look still ends
    assert watching.done()
    assert bench.role_of(papers) is DeviceRole.DOCUMENT


def test_the_roles_of_the_cameras_are_remembered_when_the_station_is_opened_again(
    tmp_path: Path,
) -> None:
    for number in range(2):
        station = SimulatedStation(pace_s=0, played=TABLES["4500"])
        with closing(station), closing(Bench(station.specs, folder=tmp_path)) as bench:
            for role, info in station.given_roles.items():
                if not number:
                    bench.assign(role, info)
            bench.look()
            seen = {role: bench.slots[role].info for role in station.given_roles}
            wanted = {role: info.serial for role, info in station.given_roles.items()}
            assert {role: info and info.serial for role, info in seen.items()} == wanted


@every(TABLES)
def test_every_device_of_every_table_says_that_it_is_played(
    table: tuple[SimulatedStation, Bench],
) -> None:
    station, bench = table
    infos = [info for spec in station.specs for info in spec.find()]
    assert len(infos) == 4 + station.played.document_camera + station.played.gnss
    assert all(info.simulated and "simulado" in info.model for info in infos)
    bench.look()
    assert bench.simulated


def test_in_production_a_played_device_is_not_there(
    station: SimulatedStation, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Bench(station.specs, production=True)) as bench:
        assert set(bench.look().values()) == {DeviceState.ABSENT}
        assert set(bench.look().values()) == {DeviceState.ABSENT}
        assert not bench.simulated
        with pytest.raises(NoDevice):
            bench.fingerprint.use(lambda r, c: r.capture(timeout_s=1, cancelled=c)).result(5)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == len(station.specs)  # of each driver once, and not at every look
    caplog.clear()
