"""A training station's devices, behind the real drivers, pass the station's own self-tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from migramovil.devices.lanes import Lane
from migramovil.devices.ports import DeviceRole, Pixels
from migramovil.devices.registry import Bench
from migramovil.devices.sim.station import SimulatedStation
from migramovil.devices.sim.thermal_mechanism import PrinterFault
from migramovil.services.checks import Outcome
from migramovil.services.diagnosing import Diagnosing
from tests.services.bench import Judge


class Sitter:
    """Somebody with a face and fingers that are quickly drawn."""

    mrz_lines = ("P<VEN", "0841")

    def camera_frames(self) -> Sequence[Pixels]:
        y, x = np.mgrid[0:1080, 0:1920]
        tiles = (110 + 60 * ((x // 60 + y // 60) % 2)).astype(np.uint8)
        return [np.repeat(tiles[..., None], 3, axis=2)]

    def impression(self, position: int, take: int) -> Pixels:
        y, x = np.mgrid[0:290, 0:384]
        ridges = 127 + 100 * np.sin(np.hypot(y - 145, x - 192) / 1.5)
        ridges[np.hypot(y - 145, x - 192) > 130] = 250
        return ridges.astype(np.uint8)


class Classroom:
    """A training station with somebody on the chair; slips are held before the camera."""

    def __init__(self) -> None:
        self.sim = SimulatedStation([Sitter()], pace_s=0.05, fps=30.0, on_slip=self._hold_up)
        self.sim.next_person()
        self.bench = Bench(self.sim.specs)
        self.lane = Lane("inspection")
        judge: Any = Judge()
        self.diagnosing = Diagnosing(self.bench, judge, self.lane, lambda _: None)

    def close(self) -> None:
        self.bench.close()
        self.lane.close()
        self.sim.close()

    def _hold_up(self, slip: Image.Image) -> None:
        """A crooked hand, two spans from the lens."""
        paper = np.asarray(slip.convert("L"), np.uint8)
        high = 1000
        wide = round(paper.shape[1] * high / paper.shape[0])
        scene = np.full((1080, 1920), 120, np.uint8)
        part = cv2.resize(paper, (wide, high), interpolation=cv2.INTER_AREA)
        scene[40 : 40 + high, 700 : 700 + wide] = part
        turn = cv2.getRotationMatrix2D((960, 540), 7, 1.0)
        held = cv2.warpAffine(scene, turn, (1920, 1080), borderValue=(120,))
        self.sim.film.show([np.repeat(np.asarray(held, np.uint8)[..., None], 3, axis=2)])


@pytest.fixture
def classroom() -> Iterator[Classroom]:
    room = Classroom()
    yield room
    room.close()


def test_reader_printer_camera_and_the_page_read_back(classroom: Classroom) -> None:
    ask = classroom.diagnosing
    for role in (DeviceRole.FINGERS, DeviceRole.PORTRAIT, DeviceRole.PRINTER):
        result = ask.test(role).result(30)
        assert (result.outcome, result.text) == (Outcome.OK, result.text), result
    read = ask.read_back().result(40)
    assert read.ok, read.text


def test_a_worn_glass_an_empty_roll_and_a_dark_room_are_told_apart(classroom: Classroom) -> None:
    sim, ask = classroom.sim, classroom.diagnosing
    sim.reader.dead_pixels = {(20 + 9 * n, 50 + 9 * n) for n in range(25)}
    sim.printer.fault = PrinterFault.PAPER_OUT
    sim.film.dim = True
    roles = (DeviceRole.FINGERS, DeviceRole.PRINTER, DeviceRole.PORTRAIT)
    troubles = [ask.test(role).result(30).trouble for role in roles]
    assert [one.code for one in troubles if one] == ["CHK-14", "PRN-02", "CHK-11"]
