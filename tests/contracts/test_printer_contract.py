"""What every slip printer must do, played or plugged in (`-m hardware`)."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from threading import Event
from typing import cast

import pytest

from migramovil.devices.ports import Device, DeviceKind, PaperStatus, Printed, Printer, SlipLine
from migramovil.devices.printer import escpos, ipp
from migramovil.devices.registry import Addresses, drivers, first
from migramovil.devices.sim.ipp_printer import IppPrinter
from migramovil.devices.sim.station import SimulatedStation
from migramovil.devices.sim.thermal_printer import SerialThermalPrinter, UsbThermalPrinter
from migramovil.devices.trouble import Cancelled


@contextlib.contextmanager
def thermal() -> Iterator[Device | None]:
    with contextlib.closing(SimulatedStation(pace_s=0)) as station:
        yield first(DeviceKind.PRINTER, station.specs)


@contextlib.contextmanager
def thermal_on_usb() -> Iterator[Device | None]:
    bus = UsbThermalPrinter()
    [info] = escpos.find_usb(bus)
    yield escpos.EscPosPrinter(info, escpos.dial(info.path, backend=bus))


@contextlib.contextmanager
def thermal_on_a_serial_line() -> Iterator[Device | None]:
    if sys.platform == "win32":
        pytest.skip("needs a pseudo-terminal")
    with contextlib.closing(SerialThermalPrinter()) as played:
        at = Addresses(printer=played.port)
        yield escpos.make(escpos.find(at)[0], at)


@contextlib.contextmanager
def network() -> Iterator[Device | None]:
    with contextlib.closing(IppPrinter(media="om_roll_80x200mm")) as played:
        at = Addresses(printer=played.address)
        yield ipp.make(ipp.find(at)[0], at)


@contextlib.contextmanager
def plugged_in() -> Iterator[Device | None]:
    yield first(DeviceKind.PRINTER, drivers())


@pytest.fixture(
    params=[
        thermal, thermal_on_usb, thermal_on_a_serial_line, network,
        pytest.param(plugged_in, marks=pytest.mark.hardware),
    ]
)  # fmt: skip
def printer(request: pytest.FixtureRequest) -> Iterator[Printer]:
    if request.param is plugged_in and request.config.option.markexpr != "hardware":
        pytest.skip("asked for by -m hardware")
    with request.param() as device:
        if device is None:
            pytest.skip("no printer is plugged in")
        device.open()
        yield cast("Printer", device)
        device.close()


def test_it_prints_every_kind_of_line(printer: Printer) -> None:
    told = printer.print_slip(
        [
            SlipLine(text="Título", size=2, bold=True, centre=True),
            SlipLine(text="", rule=True),
            SlipLine(text="Ñandú", right="25.00"),
            SlipLine(text="HTTPS://EJEMPLO.PE", qr=True),
            SlipLine(text=""),
        ],
        folio="MM-07B-20261123-000427-1",
        cancelled=Event(),
    )
    assert isinstance(told, Printed)


def test_an_empty_slip_is_no_trouble(printer: Printer) -> None:
    printer.print_slip([])


def test_a_slip_that_was_called_off_before_it_began_is_no_slip(printer: Printer) -> None:
    off = Event()
    off.set()
    with pytest.raises(Cancelled):
        printer.print_slip([SlipLine(text="nada")], cancelled=off)


def test_with_paper_in_it_its_status_is_not_out(printer: Printer) -> None:
    assert printer.status() is not PaperStatus.OUT


def test_it_can_be_closed_twice_and_opened_again(printer: Printer) -> None:
    printer.close()
    printer.close()
    printer.open()
    printer.print_slip([SlipLine(text="otra vez")])


def test_it_says_what_it_is_and_what_it_can(printer: Printer) -> None:
    info = printer.info
    assert info.kind is DeviceKind.PRINTER
    assert info.model
    assert info.capabilities["paper"] in {"roll", "sheet"}
    assert isinstance(info.capabilities["reports_paper"], bool)
    assert isinstance(info.capabilities.get("columns") or info.capabilities.get("dpi"), int)
