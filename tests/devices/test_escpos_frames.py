"""A slip composed for the printer is the slip that the printer prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migramovil.devices.ports import PaperStatus, SlipLine
from migramovil.devices.printer import escpos_frames as frames
from migramovil.devices.sim.thermal_frames import Cut, LineEnd, Raster, Text, Thermal
from migramovil.devices.trouble import (
    CoverOpen,
    CutterJammed,
    DeviceTrouble,
    HeadTooHot,
    PaperOut,
    PrinterBroken,
)


def printed(*lines: SlipLine, columns: int = 48) -> list[str]:
    """The rows of letters a printer makes of a slip."""
    rows, row = [], ""
    for action in Thermal().feed(frames.slip_bytes(lines, columns=columns)):
        if isinstance(action, Text):
            row += action.text
        elif isinstance(action, LineEnd):
            rows.append(row)
            row = ""
    return rows


def test_spanish_letters_come_out_as_they_are() -> None:
    text = "N.º 3 ¿Ñandú? ¡Sí! áéíóúü ÁÉÍÓÚÜ Ñ € S/ 25.00"
    assert printed(SlipLine(text=text))[0] == text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Łukasz Dvořák", "Lukasz Dvorák"),
        ("Nguyễn", "Nguyen"),
        ("o\u0301", "ó"),
        ("王 Wang", "? Wang"),
        ("“así”…", '"así"...'),
        ("a\tb\x1bc", "a b?c"),
    ],
)
def test_letters_the_printer_lacks_lose_their_marks_before_they_are_lost(
    name: str, said: str
) -> None:
    assert printed(SlipLine(text=name))[0] == said


@given(
    st.text(max_size=80), st.text(max_size=20), st.sampled_from([42, 48]), st.sampled_from([1, 2])
)
def test_any_text_fits_the_paper_and_commands_nothing(
    text: str, right: str, columns: int, size: int
) -> None:
    line = SlipLine(text=text, right=right, size=size)
    actions = list(Thermal().feed(frames.slip_bytes([line], columns=columns)))
    assert sum(isinstance(action, Cut) for action in actions) == 1
    for row in printed(line, columns=columns):
        assert len(row) * size <= columns


def test_two_texts_stand_at_the_two_edges_of_one_row() -> None:
    row = printed(SlipLine(text="Folio", right="LIM-03-000427"))[0]
    assert row == "Folio" + " " * 30 + "LIM-03-000427"


def test_a_right_text_that_does_not_fit_goes_to_the_edge_of_the_next_row() -> None:
    rows = printed(SlipLine(text="T" * 40, right="R" * 10), columns=42)
    assert rows[:2] == ["T" * 40, " " * 32 + "R" * 10]


def test_long_texts_break_at_spaces_and_long_words_are_cut() -> None:
    rows = printed(SlipLine(text="uno dos " + "x" * 50 + " tres"), columns=42)
    assert rows[:3] == ["uno dos", "x" * 42, "x" * 8 + " tres"]


def test_bold_double_and_centred_are_set_for_their_line_only() -> None:
    lines = [SlipLine(text="A-0427", size=2, bold=True, centre=True), SlipLine(text="Turno")]
    actions = list(Thermal().feed(frames.slip_bytes(lines)))
    texts = [action for action in actions if isinstance(action, Text)]
    ends = [action for action in actions if isinstance(action, LineEnd)]
    assert [(t.bold, t.width, t.height) for t in texts[:2]] == [(True, 2, 2), (False, 1, 1)]
    assert [end.align for end in ends[:2]] == [1, 0]


def test_a_rule_is_as_wide_as_the_paper() -> None:
    assert printed(SlipLine(text="", rule=True), columns=42)[0] == "-" * 42


@pytest.mark.parametrize("length", [10, 300, 700])
def test_a_qr_code_fits_slips_of_58_mm(length: int) -> None:
    actions = Thermal().feed(frames.slip_bytes([SlipLine(text="A" * length, qr=True)]))
    raster = next(action for action in actions if isinstance(action, Raster))
    assert 90 <= raster.dots.shape[1] <= 384
    assert raster.align == 1


@pytest.mark.parametrize(
    ("answer", "status"),
    [(0x12, PaperStatus.OK), (0x1E, PaperStatus.LOW), (0x7E, PaperStatus.OUT)],
)
def test_the_paper_status_is_read_from_its_bits(answer: int, status: PaperStatus) -> None:
    assert frames.Answers().feed(bytes([answer])) == [frames.Status(answer)]
    assert frames.paper(answer) is status


SAID = b"\x12\x5fTM-T88V\x00\x18\x08\x0f\x00\x00\x37\x25\x00\x11\x1a"


@given(st.lists(st.integers(1, 4), max_size=20))
def test_answers_are_told_apart_however_they_are_cut_up(cuts: list[int]) -> None:
    reader, found, at = frames.Answers(), [], 0
    for cut in [*cuts, len(SAID)]:
        found += reader.feed(SAID[at : at + cut])
        at += cut
    assert found == [
        frames.Status(0x12),
        frames.Named("TM-T88V"),
        frames.Change((0x18, 0x08, 0x0F, 0x00)),
        frames.Done(),
        frames.Status(0x1A),
    ]
    assert reader.noise == 0


@given(st.binary(max_size=400))
def test_any_bytes_are_answers_or_noise(data: bytes) -> None:
    reader = frames.Answers()
    for answer in reader.feed(data):
        assert not isinstance(answer, frames.Named) or answer.text.isascii()
    assert len(reader._waiting) < 80  # what is kept for later has an end


@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        ((0x10, 0, 0, 0), None),
        ((0x10, 0, 0x03, 0), None),  # little paper stops nothing
        ((0x18, 0, 0x0F, 0), PaperOut),
        ((0x38, 0, 0, 0), CoverOpen),
        ((0x18, 0x08, 0, 0), CutterJammed),
        ((0x18, 0x40, 0, 0), HeadTooHot),
        ((0x18, 0x20, 0, 0), PrinterBroken),
    ],
)
def test_what_a_printer_says_by_itself_names_the_cause(
    change: tuple[int, int, int, int], trouble: type[DeviceTrouble] | None
) -> None:
    found = frames.change_cause(frames.Change(change))
    assert (None if found is None else type(found)) is trouble


def test_a_usb_printer_s_word_of_itself_is_read_without_trust() -> None:
    said = b"\x00\x30mfg: EPSON;MDL:TM-T88V\x1b;CMD:ESC/POS;junk;=;"
    assert frames.device_id(said) == {"MFG": "EPSON", "MDL": "TM-T88V", "CMD": "ESC/POS"}


def test_composing_leaves_no_folder_no_handler_and_no_warning_behind(tmp_path: Path) -> None:
    program = """
import logging
from migramovil.devices.printer import escpos_frames
escpos_frames.slip_bytes([])
assert logging.getLogger().handlers == []
"""
    subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        check=True,
        timeout=60,
        env={"TMPDIR": str(tmp_path), "PATH": ""},
    )
    assert list(tmp_path.iterdir()) == []
