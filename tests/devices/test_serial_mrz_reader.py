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
from migramovil.devices.trouble import Cancelled, NoDocumentRead, Unplugged

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

TD3 = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)


@pytest.fixture(params=[False, True], ids=["lines", "framed"])
def pty(request: pytest.FixtureRequest) -> Iterator[MrzPty]:
    pty = MrzPty(pace_s=0.3, framed=request.param)
    yield pty
    pty.close()


@pytest.fixture
def reader(pty: MrzPty) -> Iterator[serial_reader.SerialMrzReader]:
    reader = serial_reader.SerialMrzReader(serial_reader.at_port(pty.port)[0])
    reader.open()
    yield reader
    reader.close()


def test_the_lines_come_as_the_document_has_them(
    pty: MrzPty, reader: serial_reader.SerialMrzReader
) -> None:
    pty.lay(TD3)
    assert reader.read_lines(timeout_s=5, cancelled=Event()) == TD3


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
