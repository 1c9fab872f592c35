"""The played thermal printer: any bytes, and slips that look like what was sent."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from migramovil.devices.ports import SlipLine
from migramovil.devices.printer.escpos_frames import slip_bytes
from migramovil.devices.sim.thermal_frames import Cut, QrCode, Raster, Text, Thermal
from migramovil.devices.sim.thermal_paper import WIDTH, Paper
from migramovil.devices.sim.thermal_printer import ThermalPrinter

QR_TEXT = "HTTPS://EJEMPLO.PE/V/ABCDEFGH234567"


def slip(data: bytes) -> Image.Image:
    paper = Paper()
    for action in Thermal().feed(data):
        if not isinstance(action, Cut):
            paper.take(action)
    return paper.torn_off()


def ink(picture: Image.Image) -> int:
    return int((np.asarray(picture.convert("L"))[20:-20] < 128).sum())


def read_qr(picture: Image.Image) -> str:
    return cv2.QRCodeDetector().detectAndDecode(np.asarray(picture))[0]


@given(st.binary(max_size=400))
def test_any_bytes_give_actions_and_never_an_exception(data: bytes) -> None:
    list(Thermal().feed(data))


@given(st.lists(st.integers(1, 40), max_size=80))
def test_how_the_bytes_are_cut_up_does_not_matter(cuts: list[int]) -> None:
    data = slip_bytes([SlipLine(text="Ñandú", bold=True), SlipLine(text=QR_TEXT, qr=True)])
    thermal, pieces, at = Thermal(), [], 0
    for cut in cuts:
        pieces += list(thermal.feed(data[at : at + cut]))
        at += cut
    pieces += list(thermal.feed(data[at:]))
    whole = list(Thermal().feed(data))

    assert joined(pieces) == joined(whole)
    assert [a.dots.tobytes() for a in pieces if isinstance(a, Raster)] == [
        a.dots.tobytes() for a in whole if isinstance(a, Raster)
    ]


def joined(actions: list[object]) -> str:
    return "".join(
        action.text if isinstance(action, Text) else f"<{type(action).__name__}>"
        for action in actions
    )


def test_a_slip_is_as_wide_as_the_paper_and_carries_ink() -> None:
    picture = slip(slip_bytes([SlipLine(text="Constancia de enrolamiento")]))
    assert picture.width > WIDTH
    assert ink(picture) > 500


def test_bold_burns_more_dots_than_plain_and_double_more_than_bold() -> None:
    plain, bold, double = (
        ink(slip(slip_bytes([line])))
        for line in (
            SlipLine(text="Folio"),
            SlipLine(text="Folio", bold=True),
            SlipLine(text="Folio", bold=True, size=2),
        )
    )
    assert plain < bold < double


def test_the_qr_code_on_the_slip_can_be_read() -> None:
    assert read_qr(slip(slip_bytes([SlipLine(text=QR_TEXT, qr=True)]))) == QR_TEXT


def test_a_native_qr_code_is_drawn_too() -> None:
    text = QR_TEXT.encode("ascii")
    store = b"\x1d(k" + (len(text) + 3).to_bytes(2, "little") + b"1P0" + text
    commands = b"\x1d(k\x03\x001C\x06" + store + b"\x1d(k\x03\x001Q0\n"
    actions = list(Thermal().feed(commands))
    assert any(isinstance(action, QrCode) for action in actions)
    assert read_qr(slip(commands)) == QR_TEXT


def test_slips_are_kept_told_and_saved_one_by_one(tmp_path: Path) -> None:
    told, both = [], threading.Event()

    def tell(picture: Image.Image) -> None:
        told.append(picture)
        if len(told) == 2:
            both.set()

    printer = ThermalPrinter(on_slip=tell, save_to=tmp_path / "slips")
    host, port = printer.address.split(":")
    with socket.create_connection((host, int(port)), 5) as line:
        line.sendall(slip_bytes([SlipLine(text="uno")]) + slip_bytes([SlipLine(text="dos")]))
        assert both.wait(5)
    printer.close()

    assert printer.slips == told
    names = sorted(path.name for path in (tmp_path / "slips").iterdir())
    assert names == ["slip-0001.png", "slip-0002.png"]
