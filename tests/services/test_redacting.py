"""Only allowed forms pass: what names a person, a document, a place or a secret has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migramovil.services import redacting
from migramovil.services.redacting import HIDDEN

PERSONAL = (
    "QUISPE", "Rosa", "MAMANI HUANCA", "45678912", "AV799285", "984120763", "1991-08-19",
    "rosa.quispe@example.org", "P<VENPENALVER<NUNEZ<<MARISELA", "0841276538VEN9108194F2903046",
    "Jr. Panamericana 482", "Núñez", "524f5341", "Uk9TQQ==", "/home/rquispe/datos",
)  # fmt: skip


def logged(say: str, **more: Any) -> str:
    line = {"at": "2026-11-23T12:00:00.123+00:00", "level": "ERROR", "room": "migramovil.sync"}
    return json.dumps({**line, "say": say, **more})


@pytest.mark.parametrize("value", PERSONAL)
def test_nothing_personal_passes_a_log_line_or_a_figure(value: str) -> None:
    said = f"downloads wait: {value} SYN-01"
    kept = redacting.line(logged(said, error=value, where=[value], person=value))
    told = json.dumps([kept, redacting.figure(f"Libre {value} 12 GB")], ensure_ascii=False)
    for word in value.split():
        if any(letter.isalpha() for letter in word) or len(word) > 5:
            assert word not in told, told


def test_what_a_technician_needs_passes() -> None:
    record = "01900000-0000-7000-8000-0000000000aa"
    kept = redacting.line(
        logged(
            f"sync stopped by ValueError: record {record}, SYN-12",
            error="ValueError", where=["engine.py:155:_carry_out"],
        )
    )  # fmt: skip
    assert kept == {
        "at": "2026-11-23T12:00:00.123+00:00", "level": "ERROR", "room": "migramovil.sync",
        "say": f"sync stopped by ValueError: record {record}, SYN-12",
        "error": "ValueError", "where": ["engine.py:155:_carry_out"],
    }  # fmt: skip
    assert redacting.figure("Ida y vuelta") == "Ida y vuelta"
    assert redacting.figure("1.204 ms · 12 %") == "1.204 ms · 12 %"
    assert redacting.make("U.are.U 4500") == "U.are.U 4500"


@pytest.mark.parametrize(
    "raw", ["", "text", "[]", "{}", '{"at":1}', logged("x").replace("migramovil", "urllib3"),
            logged("x").replace("ERROR", "rosa"), "[" * 5000]
)  # fmt: skip
def test_what_is_no_line_of_the_program_is_dropped(raw: str) -> None:
    assert redacting.line(raw) is None


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_told_in_bounds_and_hidden_words_leave_a_mark(text: str) -> None:
    for told in (redacting.message(text), redacting.figure(text), redacting.make(text)):
        assert len(told) <= redacting.LONGEST
        if text.split() and not told:
            pytest.fail("words went without a mark")


def test_an_address_says_how_and_never_where() -> None:
    told = {
        "http://rosa:clave@10.0.0.5/foto": "http", "ipps://impresora.local/ipp": "ipps",
        "/dev/ttyUSB0": "serial", "COM3": "serial", "10.0.0.7:9100": "network",
        "/opt/rosa/lib.so": "set", "rtsp://rosa": "set", "": "",
    }  # fmt: skip
    assert {at: redacting.address(at) for at in told} == told


def test_a_serial_number_passes_and_a_sentence_does_not() -> None:
    assert redacting.serial("C00231-88A") == "C00231-88A"
    assert redacting.serial("cámara de Rosa") == HIDDEN
    assert redacting.moment("2026-11-23T12:00:00Z") == "2026-11-23T12:00:00Z"
    assert redacting.moment("1991-08-19") == HIDDEN


def test_the_newest_lines_are_told_oldest_first(tmp_path: Path) -> None:
    files = [tmp_path / "station.log", tmp_path / "station.log.1", tmp_path / "absent"]
    for number, path in enumerate(files[:2]):
        lines = [logged(f"downloads wait: {at + 10 * (1 - number)}") for at in range(5)]
        path.write_text("\n".join(lines), encoding="utf-8")
    told = redacting.tail(files, 7)
    assert [one["say"].split()[-1] for one in told] == ["3", "4", "10", "11", "12", "13", "14"]
