"""The played station: the person on the chair is the one the real drivers capture."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from migramovil.devices.ports import Pixels
from migramovil.devices.registry import Bench
from migramovil.devices.sim.station import SimulatedStation
from migramovil.devices.trouble import NoDocumentRead, NoFinger


class Sitter:
    """Somebody whose face and fingers are a shade of grey."""

    def __init__(self, shade: int) -> None:
        self.shade = shade
        self.mrz_lines = (f"P<UTOSITTER<<{'ABCDEFGHIJ'[shade // 25]}".ljust(44, "<"), "9" * 44)

    def camera_frames(self) -> list[Pixels]:
        return [np.full((1080, 1920, 3), self.shade, np.uint8)]

    def impression(self, position: int, take: int) -> Pixels:
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
