"""The serial MRZ reader's driver, over a pseudo-terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from threading import Event

import pytest

from migramovil.devices.mrz import serial_reader
from migramovil.devices.sim.mrz_pty import MrzPty
from migramovil.devices.trouble import (
    Cancelled,
    NoCodeRead,
    NoDocumentRead,
    ReaderGibberish,
    Unplugged,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

TD3 = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)


@pytest.fixture
def pty() -> Iterator[MrzPty]:
    pty = MrzPty(pace_s=0.3)
    yield pty
    pty.close()


@pytest.fixture
def reader(pty: MrzPty) -> Iterator[serial_reader.SerialMrzReader]:
    reader = serial_reader.SerialMrzReader(serial_reader.at_port(pty.port)[0])
    reader.open()
    yield reader
    reader.close()


@pytest.mark.parametrize(("end", "framed"), [("\r\n", False), ("\r", False), ("\r\n", True)])
def test_the_lines_come_as_the_document_has_them(end: str, framed: bool) -> None:
    pty = MrzPty(pace_s=0.05, end=end, framed=framed)
    reader = serial_reader.SerialMrzReader(serial_reader.at_port(pty.port)[0])
    reader.open()
    pty.lay(TD3)
    assert reader.read_lines(timeout_s=5, cancelled=Event()) == TD3
    reader.close()
    pty.close()


def test_a_document_read_before_the_question_is_not_the_answer(
    pty: MrzPty, reader: serial_reader.SerialMrzReader
) -> None:
    pty.send(("\r\n".join(TD3) + "\r\n").encode())
    time.sleep(0.1)
    with pytest.raises(NoDocumentRead):
        reader.read_lines(timeout_s=0.3, cancelled=Event())


def test_a_misread_document_is_waited_over(
    pty: MrzPty, reader: serial_reader.SerialMrzReader
) -> None:
    def misread_then_read() -> None:
        pty.send(f"{TD3[0][:-3]}\r\n{TD3[1]}\r\n".encode())
        pty.lay(TD3)

    threading.Timer(0.2, misread_then_read).start()
    assert reader.read_lines(timeout_s=5, cancelled=Event()) == TD3


def test_a_wait_called_off_ends_within_a_quarter_of_a_second(
    reader: serial_reader.SerialMrzReader,
) -> None:
    cancelled, since = Event(), [0.0]

    def call_off() -> None:
        since[0] = time.monotonic()
        cancelled.set()

    threading.Timer(0.1, call_off).start()
    with pytest.raises(Cancelled):
        reader.read_lines(timeout_s=30, cancelled=cancelled)
    assert time.monotonic() - since[0] < 0.5  # a quarter, and room for a busy machine


def test_pulling_the_cable_is_unplugged(pty: MrzPty, reader: serial_reader.SerialMrzReader) -> None:
    pty.unplug()
    with pytest.raises(Unplugged):
        reader.read_lines(timeout_s=2, cancelled=Event())
    reader.close()
    with pytest.raises(Unplugged):
        reader.open()
    assert serial_reader.at_port(pty.port) == []


FOLIO = "MM-T01-20261123-0001-7"


def test_a_bar_code_is_its_text(pty: MrzPty, reader: serial_reader.SerialMrzReader) -> None:
    pty.lay([f"]Q1{FOLIO}"])
    assert reader.read_code(timeout_s=5, cancelled=Event()) == FOLIO


def test_a_code_without_an_end_is_whole_when_the_reader_falls_silent() -> None:
    pty = MrzPty(pace_s=5, end="")
    reader = serial_reader.SerialMrzReader(serial_reader.at_port(pty.port)[0])
    reader.open()
    threading.Timer(0.2, lambda: pty.lay([FOLIO])).start()
    assert reader.read_code(timeout_s=5, cancelled=Event()) == FOLIO
    reader.close()
    pty.close()


def test_who_waits_for_a_code_gets_no_document_and_the_other_way_round(
    pty: MrzPty, reader: serial_reader.SerialMrzReader
) -> None:
    pty.lay(TD3)
    with pytest.raises(NoCodeRead):
        reader.read_code(timeout_s=0.4, cancelled=Event())
    pty.lay([FOLIO])
    with pytest.raises(NoDocumentRead):
        reader.read_lines(timeout_s=0.4, cancelled=Event())


@pytest.mark.parametrize("read", ["read_lines", "read_code"])
def test_a_reader_at_another_speed_is_named(
    pty: MrzPty, reader: serial_reader.SerialMrzReader, read: str
) -> None:
    pty.garbage = True
    pty.lay(TD3)
    with pytest.raises(ReaderGibberish):
        getattr(reader, read)(timeout_s=0.7, cancelled=Event())
