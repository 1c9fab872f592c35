"""The slip printer over TCP, USB and a serial line, against played printers."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from migramovil.devices.ports import DeviceInfo, PaperStatus, Printed, SlipLine
from migramovil.devices.printer import escpos
from migramovil.devices.registry import Addresses
from migramovil.devices.sim.thermal_mechanism import Mechanism
from migramovil.devices.sim.thermal_printer import (
    PrinterFault,
    SerialThermalPrinter,
    ThermalPrinter,
    UsbThermalPrinter,
)
from migramovil.devices.sim.usb_backend import OneDeviceBackend
from migramovil.devices.trouble import (
    Cancelled,
    CoverOpen,
    CutterJammed,
    DeviceTrouble,
    HeadTooHot,
    PaperEndedMidway,
    PaperOut,
    PrinterBroken,
    PrinterGarbled,
    PrinterOffline,
    PrinterSilent,
    PrinterUnreachable,
    PrintUnconfirmed,
    TimedOut,
)

SLIP = [
    SlipLine(text="Constancia", bold=True),
    SlipLine(text="A-0427", size=2),
    SlipLine(text="Sede central decide."),
    SlipLine(text="No use intermediarios."),
]


@dataclass
class Line:
    """A played printer, and the real driver at the other end of its line."""

    mechanism: Mechanism
    printer: Callable[..., escpos.EscPosPrinter]
    unplug: Callable[[], object]
    plug: Callable[[], object]


def tcp() -> tuple[Line, Callable[[], None]]:
    thermal = ThermalPrinter()
    made = partial(printer_at, thermal.address)
    return Line(thermal, made, thermal.unplug, thermal.plug), thermal.close


def usb() -> tuple[Line, Callable[[], None]]:
    bus = UsbThermalPrinter()

    def made(**options: Any) -> escpos.EscPosPrinter:
        info = escpos.find_usb(bus)[0]
        return escpos.EscPosPrinter(info, escpos.dial(info.path, backend=bus), **options)

    plugged = partial(setattr, bus, "plugged")
    return Line(bus.mechanism, made, partial(plugged, False), partial(plugged, True)), lambda: None


def serial() -> tuple[Line, Callable[[], None]]:
    thermal = SerialThermalPrinter()

    def made(**options: Any) -> escpos.EscPosPrinter:
        info = escpos.at_address(thermal.port)[0]
        return escpos.EscPosPrinter(info, escpos.dial(thermal.port), **options)

    return Line(thermal, made, thermal.unplug, thermal.plug), thermal.close


needs_pty = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


@pytest.fixture(params=[tcp, usb, pytest.param(serial, marks=needs_pty)])
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    made, close = request.param()
    yield made
    close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is known to be silence sooner than at a real printer."""
    monkeypatch.setattr(escpos, "_ANSWER_S", 0.2)


@pytest.fixture
def thermal() -> Iterator[ThermalPrinter]:
    printer = ThermalPrinter()
    yield printer
    printer.close()


def printer_at(address: str, timeout_s: float = 5.0) -> escpos.EscPosPrinter:
    info = escpos.at_address(address)[0]
    return escpos.EscPosPrinter(info, escpos.dial(info.path), timeout_s=timeout_s)


# ---- over every line ---------------------------------------------------------------------------
def test_a_slip_that_is_confirmed_is_on_paper(line: Line) -> None:
    printer = line.printer()
    for count in (1, 2):
        assert printer.print_slip(SLIP) == Printed(job="", confirmed=True)
        assert len(line.mechanism.slips) == count


def test_a_printer_says_who_it_is(line: Line) -> None:
    printer = line.printer()
    printer.open()
    assert (printer.info.model, printer.info.serial) == ("MIGRAMOVIL Termica 80", "SIM0417")
    assert printer.info.capabilities == {"columns": 48, "paper": "roll", "reports_paper": True}


def test_a_slip_whose_paper_ended_midway_comes_out_whole_once_there_is_paper(line: Line) -> None:
    """The half that waits in the printer's buffer must not come out first, as a slip of its own."""
    printer = line.printer()
    line.mechanism.fault = PrinterFault.PAPER_ENDS_MIDWAY
    with pytest.raises(PaperEndedMidway):
        printer.print_slip(SLIP)
    assert (len(line.mechanism.scraps), line.mechanism.slips) == (1, [])

    with pytest.raises(PaperOut):
        printer.print_slip(SLIP)
    line.mechanism.fault = PrinterFault.NONE
    assert line.mechanism.slips == []
    printer.print_slip(SLIP)
    assert heights(line.mechanism) == [whole_height()]


def test_a_half_slip_the_printer_could_not_be_told_of_is_forgotten_before_the_next(
    thermal: ThermalPrinter,
) -> None:
    """The cable is pulled in the moment the paper ends; the buffer still holds the other half."""
    become = thermal._become

    def ends(fault: PrinterFault) -> None:
        become(fault)
        thermal.unplug()

    printer = printer_at(thermal.address)
    thermal.fault = PrinterFault.PAPER_ENDS_MIDWAY
    thermal._become = ends  # type: ignore[method-assign]
    with pytest.raises(DeviceTrouble):
        printer.print_slip(SLIP)
    while thermal.plugged:
        time.sleep(0.005)
    assert thermal._buffer

    thermal._become = become  # type: ignore[method-assign]
    thermal.plug()
    with pytest.raises(PaperOut):
        printer.print_slip(SLIP)
    thermal.fault = PrinterFault.NONE
    assert thermal.slips == []
    printer.print_slip(SLIP)
    assert heights(thermal) == [whole_height()]


def heights(mechanism: Mechanism) -> list[int]:
    return [slip.height for slip in mechanism.slips]


def whole_height() -> int:
    whole = ThermalPrinter()
    printer_at(whole.address).print_slip(SLIP)
    whole.close()
    [height] = heights(whole)
    return height


def test_a_printer_that_is_gone_is_prn_01_and_comes_back(line: Line) -> None:
    printer = line.printer()
    line.unplug()
    for use in (printer.open, printer.status, lambda: printer.print_slip(SLIP)):
        with pytest.raises(PrinterUnreachable):
            use()
    line.plug()
    printer.print_slip(SLIP)
    assert len(line.mechanism.slips) == 1


def test_a_cable_pulled_midway_leaves_no_claim_that_the_slip_is_out_or_not(line: Line) -> None:
    line.mechanism.seconds_per_slip = 0.3
    pulled = threading.Timer(0.15, line.unplug)
    pulled.start()
    with pytest.raises((PrintUnconfirmed, PrinterUnreachable)) as trouble:
        line.printer().print_slip(SLIP)
    pulled.join()
    sent = bool(line.mechanism.slips)
    assert not sent or isinstance(trouble.value, PrintUnconfirmed)


def test_a_slip_that_is_called_off_ends_at_once(line: Line) -> None:
    line.mechanism.seconds_per_slip = 0.4
    off = threading.Event()
    threading.Timer(0.1, off.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        line.printer().print_slip([*SLIP, *SLIP], cancelled=off)
    assert time.monotonic() - began < 4


@pytest.mark.usefixtures("impatient")
def test_nobody_waits_long_for_a_printer_that_hangs(line: Line) -> None:
    printer = line.printer(timeout_s=0.5)
    line.mechanism.fault = PrinterFault.HANG
    began = time.monotonic()
    try:
        told = printer.print_slip(SLIP)
    except (PrintUnconfirmed, TimedOut):
        told = Printed(job="", confirmed=False)
    assert not told.confirmed
    assert time.monotonic() - began < 4


# ---- what it says of itself --------------------------------------------------------------------
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (PrinterFault.NONE, PaperStatus.OK),
        (PrinterFault.PAPER_LOW, PaperStatus.LOW),
        (PrinterFault.PAPER_OUT, PaperStatus.OUT),
        (PrinterFault.MUTE, PaperStatus.UNKNOWN),
    ],
)
def test_the_paper_is_what_the_printer_says(
    thermal: ThermalPrinter, fault: PrinterFault, status: PaperStatus
) -> None:
    thermal.fault = fault
    assert printer_at(thermal.address).status() is status


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        (PrinterFault.PAPER_OUT, PaperOut),
        (PrinterFault.COVER_OPEN, CoverOpen),
        (PrinterFault.OFFLINE, PrinterOffline),
        (PrinterFault.CUTTER, CutterJammed),
        (PrinterFault.HOT, HeadTooHot),
        (PrinterFault.BROKEN, PrinterBroken),
        (PrinterFault.GARBAGE, PrinterGarbled),
    ],
)
def test_a_printer_that_cannot_print_says_why_and_prints_when_it_can(
    thermal: ThermalPrinter, fault: PrinterFault, trouble: type[DeviceTrouble]
) -> None:
    printer = printer_at(thermal.address)
    thermal.fault = fault
    with pytest.raises(trouble) as raised:
        printer.print_slip(SLIP)
    assert type(raised.value) is trouble
    assert thermal.slips == []

    thermal.fault = PrinterFault.NONE
    printer.print_slip(SLIP)
    assert len(thermal.slips) == 1


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [(PrinterFault.COVER_OPEN, CoverOpen), (PrinterFault.CUTTER, CutterJammed)],
)
def test_what_stops_a_slip_midway_is_told_without_being_asked(
    thermal: ThermalPrinter, fault: PrinterFault, trouble: type[DeviceTrouble]
) -> None:
    plain = thermal._print

    def stop_there(action: Any) -> None:
        plain(action)
        thermal._become(fault)

    thermal._print = stop_there  # type: ignore[method-assign]
    with pytest.raises(trouble):
        printer_at(thermal.address).print_slip(SLIP)
    assert thermal.slips == []


def test_little_paper_does_not_stop_a_slip(thermal: ThermalPrinter) -> None:
    thermal.fault = PrinterFault.PAPER_LOW
    printer_at(thermal.address).print_slip(SLIP)
    assert len(thermal.slips) == 1


@pytest.mark.usefixtures("impatient")
def test_a_printer_that_never_answers_prints_and_nothing_is_claimed(
    thermal: ThermalPrinter,
) -> None:
    cut = threading.Event()
    thermal._on_slip = lambda _: cut.set()
    thermal.fault = PrinterFault.MUTE
    assert not printer_at(thermal.address).print_slip(SLIP).confirmed
    assert cut.wait(5)


@pytest.mark.usefixtures("impatient")
def test_a_printer_that_answered_and_now_is_silent_gets_no_slip(thermal: ThermalPrinter) -> None:
    printer = printer_at(thermal.address)
    printer.open()
    thermal.fault = PrinterFault.MUTE
    with pytest.raises(PrinterSilent):
        printer.print_slip(SLIP)
    thermal.fault = PrinterFault.NONE
    assert printer.print_slip(SLIP).confirmed
    assert len(thermal.slips) == 1


def test_a_printer_that_does_not_say_it_finished_is_prn_05(thermal: ThermalPrinter) -> None:
    thermal.seconds_per_slip = 1.0
    with pytest.raises(PrintUnconfirmed):
        printer_at(thermal.address, timeout_s=0.4).print_slip(SLIP)


# ---- who is there ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "address", ["", "/dev/ttyNOTHERE", "ipp://127.0.0.1:631/ipp/print", "ipps://printer.local"]
)
def test_an_address_that_names_no_such_printer_lists_none(address: str) -> None:
    assert escpos.at_address(address) == []
    assert not address or escpos.find(Addresses(printer=address)) == []


@pytest.mark.parametrize(
    ("address", "path", "baud", "columns"),
    [
        ("10.0.0.7:9100", "10.0.0.7:9100", 9600, 48),
        ("10.0.0.7:9100#32", "10.0.0.7:9100", 9600, 32),
        ("/dev/ttyS0@38400#42", "/dev/ttyS0", 38400, 42),
        ("COM3@x#0", "COM3", 9600, 48),
    ],
)
def test_an_address_may_name_the_speed_of_the_line_and_the_width_of_the_paper(
    address: str, path: str, baud: int, columns: int
) -> None:
    assert escpos.Place.read(address) == escpos.Place(path=path, baud=baud, columns=columns)


def test_a_slow_line_is_given_the_time_a_long_slip_needs() -> None:
    fast, slow = (escpos.Place.read(f"/dev/ttyS0@{baud}").patience_s for baud in (115200, 9600))
    assert fast < 11
    assert slow > 30


@pytest.mark.parametrize("commands", ["ESC/POS", "ESCPOS,PCL", "EPSON-ESC/POS", ""])
def test_a_usb_printer_that_may_take_slips_is_listed(commands: str) -> None:
    [info] = escpos.find_usb(UsbThermalPrinter(commands=commands))
    assert (info.path, info.vendor, info.product) == ("usb:250:001", "04b8", "0202")


@pytest.mark.parametrize("commands", ["PJL,PCL6,POSTSCRIPT", "ESCPL2,BDC,D4", "PWGRaster,URF"])
def test_a_page_printer_is_never_fed_the_bytes_of_a_slip(commands: str) -> None:
    assert escpos.find_usb(UsbThermalPrinter(commands=commands)) == []


def test_other_usb_devices_are_not_taken_for_printers() -> None:
    bus = OneDeviceBackend(vendor=0x05BA, product=0x000A, endpoints=((0x81, 3),))
    assert escpos.find_usb(bus) == []


def test_a_device_made_from_what_was_found_prints(thermal: ThermalPrinter) -> None:
    at = Addresses(printer=thermal.address)
    assert escpos.installed()
    [info] = escpos.find(at)
    assert isinstance(info, DeviceInfo)
    assert escpos.make(info, at).print_slip(SLIP).confirmed
