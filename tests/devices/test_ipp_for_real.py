"""The IPP driver against the printer of CUPS (ippeveprinter), straight and through a queue."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pyipp.enums import IppOperation

from migramovil.devices.ports import PaperStatus, SlipLine
from migramovil.devices.printer import ipp
from migramovil.devices.printer.ipp_frames import Group
from migramovil.devices.registry import Addresses
from migramovil.devices.trouble import (
    Cancelled,
    PaperOut,
    PrintCancelled,
    PrinterUnreachable,
    PrintRefused,
    StillQueued,
)
from tests.devices import own_cups

SLIP = [SlipLine(text="COMPROBANTE DE ATENCIÓN", bold=True), SlipLine(text="F-1", qr=True)]
FOLIO = "MM-07B-20261123-000427-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A printer, a CUPS with a queue to it, and a queue to nowhere."""

    eve: own_cups.Eve
    cups: own_cups.Cups

    def idle(self) -> bool:
        """The printer of CUPS takes one job at a time, and ends a cancelled one in its own time."""
        standing = self.driver("straight")._run(lambda line: line.standing())
        return standing.attributes["printer-state"] == (3,)

    def driver(self, through: str, **patience: float) -> ipp.IppPrinter:
        if through == "straight":
            info = ipp.find(Addresses(printer=self.eve.address))[0]
        else:
            info = next(i for i in ipp.queues(self.cups.socket) if i.path.endswith("#eve"))
        return ipp.IppPrinter(info, **{"timeout_s": 20.0, "patience_s": 1.0, **patience})


@pytest.fixture(scope="module")
def running() -> Iterator[House]:
    with contextlib.ExitStack() as stack:
        try:
            at = stack.enter_context(own_cups.folder())
            env = stack.enter_context(own_cups.mdns(at))
            eve = stack.enter_context(own_cups.eve(at, env, "Practica"))
            cups = stack.enter_context(own_cups.cups(at, env))
            cups.run("lpadmin", "-p", "otra", "-E", "-v", "socket://127.0.0.1:9", "-m", "raw")
            cups.run("lpadmin", "-p", "eve", "-E", "-v", eve.address, "-m", "everywhere")
            cups.run("lpadmin", "-d", "eve")
        except own_cups.CannotRunError as why:
            pytest.skip(str(why))
        yield House(eve=eve, cups=cups)


@pytest.fixture
def house(running: House) -> Iterator[House]:
    running.eve.is_out_of_paper(False)
    running.eve.breaks_off(False)
    for page in running.eve.pages:
        page.unlink()
    yield running
    running.eve.is_out_of_paper(False)
    end = time.monotonic() + 5
    while not running.idle() and time.monotonic() < end:
        time.sleep(0.05)


both = pytest.mark.parametrize("through", ["straight", "queue"])


@both
def test_a_slip_is_printed_and_only_the_printer_itself_confirms(house: House, through: str) -> None:
    printer = house.driver(through)
    printer.open()
    assert printer.info.model
    known = PaperStatus.OK if through == "straight" else PaperStatus.UNKNOWN
    assert printer.status() is known
    told = printer.print_slip(SLIP, folio=FOLIO)
    assert told.confirmed is (through == "straight")
    assert int(told.job) > 0
    assert len(house.eve.pages) == 1
    assert house.cups.documents == []


@both
def test_without_paper_the_officer_is_told_and_no_job_waits_for_it(
    house: House, through: str
) -> None:
    house.eve.is_out_of_paper(True)
    with pytest.raises(PaperOut):
        house.driver(through).print_slip(SLIP, folio=FOLIO)
    assert house.cups.run("lpstat", "-o") == ""
    assert house.cups.documents == []


@both
def test_paper_that_is_put_in_soon_enough_finishes_the_slip(house: House, through: str) -> None:
    house.eve.is_out_of_paper(True)
    refill = threading.Timer(1.5, house.eve.is_out_of_paper, (False,))
    refill.start()
    house.driver(through, patience_s=15.0).print_slip(SLIP, folio=FOLIO)
    refill.join()
    assert len(house.eve.pages) == 1


@both
def test_a_job_broken_off_at_the_printer_is_never_confirmed(house: House, through: str) -> None:
    """CUPS calls every other such job completed."""
    house.eve.breaks_off(True)
    told = None
    with contextlib.suppress(PrintCancelled, PrintRefused):
        told = house.driver(through).print_slip(SLIP, folio=FOLIO)
    assert told is None or (through == "queue" and not told.confirmed)
    assert house.eve.pages == []


def test_a_job_cancelled_in_the_queue_is_not_called_printed(house: House) -> None:
    house.eve.is_out_of_paper(True)
    gone = threading.Timer(1.5, house.cups.run, ("cancel", "-a", "eve"))
    gone.start()
    with pytest.raises(PrintCancelled):
        house.driver("queue", patience_s=10.0).print_slip(SLIP, folio=FOLIO)
    gone.join()


@both
def test_a_slip_that_is_called_off_leaves_nothing_in_the_queue(house: House, through: str) -> None:
    house.eve.is_out_of_paper(True)
    off = threading.Event()
    threading.Timer(1.0, off.set).start()
    with pytest.raises(Cancelled):
        house.driver(through, patience_s=15.0).print_slip(SLIP, folio=FOLIO, cancelled=off)
    assert house.cups.run("lpstat", "-o") == ""
    assert house.cups.documents == []


@both
def test_a_printer_that_is_gone_is_told_as_that(house: House, through: str) -> None:
    house.eve.stop()
    try:
        with pytest.raises((PrinterUnreachable, StillQueued)) as told:
            house.driver(through).print_slip(SLIP, folio=FOLIO)
        assert isinstance(told.value, PrinterUnreachable)
        assert house.cups.run("lpstat", "-o") == ""
        assert house.cups.documents == []
    finally:
        house.eve.start()


def test_the_queues_of_a_cups_are_found_its_default_first(house: House) -> None:
    names = [info.path.partition("#")[2] for info in ipp.queues(house.cups.socket)]
    assert names == ["eve", "otra"]
    server = f"localhost:{house.cups.port}"
    found = [info.path for info in ipp.queues(server)]
    assert found == [f"ipp://{server}/printers/{name}" for name in names]
    ipp.IppPrinter(ipp.queues(server)[0]).open()


def test_the_spool_knows_the_folio_and_nothing_of_the_officer_or_the_slip(house: House) -> None:
    printer = house.driver("queue")
    job = int(printer.print_slip(SLIP, folio=FOLIO).job)
    ask = {"job-id": job, "requested-attributes": ["all"]}
    told = printer._run(lambda line: line._ask(IppOperation.GET_JOB_ATTRIBUTES, ask))
    known = told.first(Group.JOB)
    assert known["job-name"] == (FOLIO,)
    assert known["job-originating-user-name"] == ("migramovil",)
    assert "COMPROBANTE" not in str(known)
    logs = [path.read_text(errors="replace") for path in house.cups.folder.glob("*_log")]
    assert not any("COMPROBANTE" in log for log in logs)
