"""What every MRZ reader must do, played or plugged in (`-m hardware`, with a document)."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from threading import Event
from typing import cast

import pytest

from migramovil.devices.ports import DeviceKind, MrzReader
from migramovil.devices.registry import drivers, first
from migramovil.devices.sim.people import person
from migramovil.devices.sim.station import SimulatedStation
from migramovil.devices.trouble import Cancelled, NoCodeRead, NoDocumentRead

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


@pytest.fixture(params=["played", pytest.param("plugged in", marks=pytest.mark.hardware)])
def reader(request: pytest.FixtureRequest) -> Iterator[MrzReader]:
    station = SimulatedStation([person(7, 1)], pace_s=0)
    if request.param == "plugged in" and request.config.option.markexpr != "hardware":
        station.close()
        pytest.skip("asked for by -m hardware")
    specs = station.specs if request.param == "played" else drivers()
    device = first(DeviceKind.MRZ, specs)
    if device is None:
        station.close()
        pytest.skip("no MRZ reader is plugged in")
    station.next_person()
    device.open()
    yield cast("MrzReader", device)
    device.close()
    station.close()


def test_the_lines_have_one_of_the_three_shapes_and_no_ends(reader: MrzReader) -> None:
    lines = reader.read_lines(timeout_s=15, cancelled=Event())
    assert (len(lines), {len(line) for line in lines}) in [(3, {30}), (2, {36}), (2, {44})]
    assert set("".join(lines)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<")


def test_a_read_called_off_beforehand_is_dev_03(reader: MrzReader) -> None:
    cancelled = Event()
    cancelled.set()
    for read in (reader.read_lines, reader.read_code):
        with pytest.raises(Cancelled):
            read(timeout_s=15, cancelled=cancelled)


def test_a_document_is_no_bar_code(reader: MrzReader) -> None:
    with pytest.raises(NoCodeRead):
        reader.read_code(timeout_s=0.5, cancelled=Event())


def test_no_time_at_all_is_answered_at_once(reader: MrzReader) -> None:
    began = time.monotonic()
    with contextlib.suppress(NoDocumentRead):
        reader.read_lines(timeout_s=0.0, cancelled=Event())
    assert time.monotonic() - began < 1


def test_it_can_be_closed_twice_and_opened_again(reader: MrzReader) -> None:
    reader.close()
    reader.close()
    reader.open()
    assert reader.read_lines(timeout_s=15, cancelled=Event())


def test_it_says_what_it_is(reader: MrzReader) -> None:
    assert reader.info.kind is DeviceKind.MRZ
    assert reader.info.path
