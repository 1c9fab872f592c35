"""A try of a device gives figures with their units, and names what keeps it from its best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from typing import Any

import numpy as np
import pytest
import segno

from migramovil.devices.lanes import Lane
from migramovil.devices.ports import DeviceKind, DeviceRole, Frame, Pixels
from migramovil.devices.registry import Bench
from migramovil.devices.trouble import Cancelled, PaperOut
from migramovil.services import self_tests
from migramovil.services.checks import Outcome, Result
from migramovil.services.diagnosing import Diagnosing
from tests.services.bench import Camera, Devices, Judge, Reader

PORTRAIT, FINGERS, PRINTER = DeviceRole.PORTRAIT, DeviceRole.FINGERS, DeviceRole.PRINTER


def a_scene() -> Pixels:
    """Something with edges and no cast, large enough for a portrait."""
    y, x = np.mgrid[0:800, 0:1280]
    tiles = (110 + 60 * ((x // 40 + y // 40) % 2)).astype(np.uint8)
    return np.repeat(tiles[..., None], 3, axis=2)


class Lens(Camera):
    """Shows a picture, again and again."""

    def __init__(self) -> None:
        super().__init__(DeviceKind.CAMERA)
        self.picture = a_scene()

    def read(self, *, timeout_s: float, cancelled: Event) -> Frame:
        self.act()
        if cancelled.is_set():
            raise Cancelled
        return Frame(pixels=self.picture, number=1)


class Glass(Reader):
    """A reader that shows what it sees with nothing on it."""

    def __init__(self) -> None:
        super().__init__(DeviceKind.FINGERPRINT)
        self.empty = np.full((290, 384), 220, np.uint8)

    def empty_image(self, *, timeout_s: float, cancelled: Event) -> Pixels:
        return self.empty


class Room:
    def __init__(self) -> None:
        self.lens, self.glass = Lens(), Glass()
        self.devices = replace(Devices.new(), camera=self.lens, reader=self.glass)
        self.bench = Bench(self.devices.specs())
        self.lane = Lane("inspection")
        judge: Any = Judge()
        self.diagnosing = Diagnosing(self.bench, judge, self.lane, lambda _: None)
        self.said: list[str] = []

    def try_(self, role: DeviceRole) -> Result:
        return self.diagnosing.test(role, lambda words, _: self.said.append(words)).result(10)

    def close(self) -> None:
        self.bench.close()
        self.lane.close()


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room()
    yield room
    room.close()


def test_a_camera_in_order_is_told_with_its_figures_and_its_picture(room: Room) -> None:
    result = room.try_(PORTRAIT)
    assert result.ok
    figures = dict(result.figures)
    assert figures["Tamaño"] == "1280×800 px"
    assert {"Imágenes por segundo", "Enfoque", "Luz media", "Tinte"} <= set(figures)
    assert result.pixels is not None


def test_without_light_that_is_said_before_anything_else(room: Room) -> None:
    room.lens.picture = (a_scene() * 0.05).astype(np.uint8)
    result = room.try_(PORTRAIT)
    assert (result.outcome, result.trouble and result.trouble.code) == (Outcome.WARNS, "CHK-11")


def test_a_lens_out_of_focus_is_named(room: Room) -> None:
    room.lens.picture = np.full((800, 1280, 3), 128, np.uint8)
    assert isinstance(room.try_(PORTRAIT).trouble, self_tests.CameraBlurred)


def test_fewer_pictures_than_promised_are_named(room: Room) -> None:
    promised = {"fps": 10**9}
    room.lens.info = replace(room.lens.info, capabilities=promised)
    result = room.try_(PORTRAIT)
    assert isinstance(result.trouble, self_tests.CameraSlow)
    assert dict(result.figures)["Imágenes por segundo"].endswith("de 1000000000")


def test_a_picture_too_small_for_a_person_fails_the_portrait_camera_only(room: Room) -> None:
    room.lens.picture = a_scene()[:480, :640]
    result = room.try_(PORTRAIT)
    assert (result.outcome, result.trouble and result.trouble.code) == (Outcome.BAD, "VIS-02")


def test_the_empty_glass_is_looked_at_before_the_finger_is_asked_for(room: Room) -> None:
    result = room.try_(FINGERS)
    assert result.ok
    assert room.said == ["Nadie toque el vidrio todavía.", "Ponga un dedo sobre el vidrio."]
    assert dict(result.figures)["Puntos muertos"] == "0"
    assert dict(result.figures)["Calidad NFIQ 2"] == "61 / 100"


def test_dead_points_are_a_remark_and_the_finger_is_still_taken(room: Room) -> None:
    room.glass.empty[5:280:10, 5:380:10] = 0
    result = room.try_(FINGERS)
    assert isinstance(result.trouble, self_tests.GlassStained)
    assert result.outcome is Outcome.WARNS
    assert result.pixels is not None


def test_a_reader_that_cannot_show_its_glass_is_tried_without(room: Room) -> None:
    plain = replace(Devices.new(), camera=room.lens)
    bench = Bench(plain.specs())
    judge: Any = Judge()
    try:
        result = Diagnosing(bench, judge, room.lane, lambda _: None).test(FINGERS).result(10)
    finally:
        bench.close()
    assert result.ok
    assert "Puntos muertos" not in dict(result.figures)


def test_the_test_page_has_a_ruler_as_wide_as_the_paper_and_a_code_of_its_own(room: Room) -> None:
    room.devices.printer.info = replace(room.devices.printer.info, capabilities={"columns": 48})
    for _ in range(2):
        assert room.try_(PRINTER).ok
    first, second = ({s.text for s in slip if s.qr} for slip in room.devices.printer.slips)
    assert first != second
    assert max(len(line.text) for line in room.devices.printer.slips[0]) == 48


def test_a_printer_without_paper_fails_with_its_own_code(room: Room) -> None:
    room.devices.printer.troubles.append(PaperOut())
    result = room.try_(PRINTER)
    assert (result.outcome, result.trouble and result.trouble.code) == (Outcome.BAD, "PRN-02")


def held_up(room: Room, *, which: int = -1) -> Pixels:
    """The page held before the camera."""
    code = next(line.text for line in room.devices.printer.slips[which] if line.qr)
    matrix = np.array(list(segno.make(code).matrix), np.uint8)
    paper = np.kron(np.pad(1 - matrix, 4, constant_values=1), np.ones((8, 8), np.uint8)) * 220
    scene = np.full((800, 1280), 90, np.uint8)
    scene[100 : 100 + paper.shape[0], 300 : 300 + paper.shape[1]] = paper
    return np.repeat(scene[..., None], 3, axis=2)


def test_the_page_that_came_out_is_read_back_by_the_camera(room: Room) -> None:
    room.try_(PRINTER)
    room.lens.picture = held_up(room)
    result = room.diagnosing.read_back().result(10)
    assert (result.of, result.outcome) == (PRINTER, Outcome.OK)


def test_an_older_page_is_not_taken_for_it(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_tests, "SHOWN_S", 0.3)
    room.try_(PRINTER)
    room.try_(PRINTER)
    room.lens.picture = held_up(room, which=0)
    result = room.diagnosing.read_back().result(10)
    assert (result.outcome, result.trouble and result.trouble.code) == (Outcome.BAD, "CHK-16")


def test_without_a_page_there_is_nothing_to_read_back(room: Room) -> None:
    result = room.diagnosing.read_back().result(10)
    assert isinstance(result.trouble, self_tests.NothingPrinted)


def test_waiting_for_the_page_can_be_called_off(room: Room) -> None:
    room.try_(PRINTER)
    ticket = room.diagnosing.read_back()
    assert room.lens.begun.wait(5)
    ticket.cancel()
    assert isinstance(ticket.result(5).trouble, Cancelled)
