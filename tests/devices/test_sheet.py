"""A slip on a page: at its true size, whole, legible, in every form a printer takes."""

from __future__ import annotations

import io
import re

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from migramovil.devices.ports import SlipLine
from migramovil.devices.printer import sheet
from migramovil.devices.sim.ipp_printer import picture

FOLIO = "MM-07B-20261123-000427-1"
SLIP = [
    SlipLine(text="COMPROBANTE DE ATENCIÓN", bold=True, centre=True),
    SlipLine(text="", rule=True),
    SlipLine(text=FOLIO, bold=True, centre=True),
    SlipLine(text=FOLIO, qr=True, centre=True),
    SlipLine(text="Trámite", right="Cambio de calidad migratoria especial residente"),
    SlipLine(text="ENTRENAMIENTO: NO VÁLIDO", bold=True, centre=True, size=2),
]
DPI = 150


def media(name: str) -> sheet.Media:
    found = sheet.Media.named(name)
    assert found is not None
    return found


def ink(page: Image.Image) -> tuple[int, int, int, int]:
    """The box around all that is dark, in dots: left, top, right, bottom."""
    box = page.point(lambda light: 255 if light < 128 else 0).getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize(
    ("name", "roll"),
    [
        ("iso_a4_210x297mm", False),
        ("na_letter_8.5x11in", False),
        ("iso_a5_148x210mm", False),
        ("iso_a6_105x148mm", False),
        ("om_roll_80x200mm", True),
        ("custom_ticket_58x3276mm", True),
    ],
)
def test_a_slip_fits_its_paper_and_its_code_can_be_read(name: str, roll: bool) -> None:
    paper = media(name)
    assert paper.roll is roll
    page = sheet.page(SLIP, paper, DPI)
    assert page.width == round(paper.width_mm * DPI / 25.4)
    assert roll or page.height == round(paper.height_mm * DPI / 25.4)
    left, _, right, bottom = ink(page)
    margin = round(2 * DPI / 25.4)
    assert margin <= left
    assert right <= page.width - margin
    assert bottom < page.height
    assert cv2.QRCodeDetector().detectAndDecode(np.asarray(page))[0] == FOLIO


def test_a_slip_longer_than_a_sheet_is_made_smaller_and_stays_whole() -> None:
    page = sheet.page([*SLIP, *[SlipLine(text="otra línea")] * 40], media("iso_a6_105x148mm"), DPI)
    assert ink(page)[3] <= page.height - round(5 * DPI / 25.4)


@pytest.mark.parametrize(
    "name", ["", "a4", "iso_a4_210x297", "x_1x1mm", "x_9999x9999mm", "x_0x0in"]
)
def test_a_name_that_gives_no_size_is_no_paper(name: str) -> None:
    assert sheet.Media.named(name) is None


@settings(deadline=None, max_examples=25)
@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from([1, 2]))
def test_any_text_can_be_drawn(text: str, right: str, size: int) -> None:
    line = SlipLine(text=text, right=right, size=size)
    page = sheet.page([line], media("om_roll_58x120mm"), 100)
    box = page.point(lambda light: 255 if light < 128 else 0).getbbox()
    assert box is None or (box[0] >= 4 and box[2] <= page.width - 4)


def test_letters_the_font_lacks_are_spelt_as_the_thermal_printer_would() -> None:
    font = sheet._font(20, bold=False)
    assert sheet._speakable("Ñandú Łódź 王", font) == "Ñandú Łódź ?"


def test_a_raster_read_back_is_the_page() -> None:
    paper = media("om_roll_58x120mm")
    back = picture(sheet.document(SLIP, paper, sheet.PWG, DPI))
    assert back is not None
    assert np.array_equal(np.asarray(back), np.asarray(sheet.page(SLIP, paper, DPI)))


@given(st.binary(max_size=700))
def test_any_row_of_greys_is_packed_so_that_it_can_be_unpacked(row: bytes) -> None:
    packed, out, at = sheet._packed(row), bytearray(), 0
    while at < len(packed):
        count = packed[at]
        if count < 128:
            out += packed[at + 1 : at + 2] * (count + 1)
            at += 2
        else:
            out += packed[at + 1 : at + 258 - count]
            at += 258 - count
    assert bytes(out) == row


def test_a_jpeg_is_the_page_and_knows_its_size() -> None:
    paper = media("iso_a5_148x210mm")
    data = sheet.document(SLIP, paper, sheet.JPEG, DPI)
    page = Image.open(io.BytesIO(data))
    assert page.size == sheet.page(SLIP, paper, DPI).size
    assert page.info["dpi"] == (DPI, DPI)


def test_a_pdf_has_one_page_of_the_true_size_and_names_nobody() -> None:
    data = sheet.document(SLIP, media("iso_a4_210x297mm"), sheet.PDF, 300)
    [box] = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", data)
    assert [round(float(side)) for side in box] == [595, 842]
    assert not re.search(rb"/(Title|Author|Creator|Subject)", data)
    assert len(data) < 60_000
