"""The slip printer over TCP, USB and a serial line, against played printers."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from migramovil.devices.ports import PaperStatus, SlipLine
from migramovil.devices.printer import escpos
from migramovil.devices.sim.thermal_frames import Cut, StatusAsked, Text, Thermal
from migramovil.devices.sim.thermal_printer import PrinterFault, ThermalPrinter
from migramovil.devices.sim.usb_backend import OneDeviceBackend, fill, late
from migramovil.devices.trouble import (
    CoverOpen,
    DeviceTrouble,
    PaperOut,
    PrinterOffline,
    PrinterUnreachable,
    PrintUnconfirmed,
)

SLIP = [SlipLine(text="Constancia", bold=True), SlipLine(text="A-0427", size=2)]


@pytest.fixture
def thermal() -> Iterator[ThermalPrinter]:
    printer = ThermalPrinter()
    yield printer
    printer.close()


def printer_at(address: str, timeout_s: float = 5.0) -> escpos.EscPosPrinter:
    info = escpos.at_address(address)[0]
    return escpos.EscPosPrinter(info, escpos.dial(info.path), timeout_s=timeout_s)


def test_a_slip_that_returned_is_on_paper(thermal: ThermalPrinter) -> None:
    printer = printer_at(thermal.address)
    for count in (1, 2):
        printer.print_slip(SLIP)
        assert len(thermal.slips) == count


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


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        (PrinterFault.PAPER_OUT, PaperOut),
        (PrinterFault.PAPER_ENDS_MIDWAY, PaperOut),
        (PrinterFault.COVER_OPEN, CoverOpen),
        (PrinterFault.OFFLINE, PrinterOffline),
    ],
)
def test_a_printer_that_cannot_print_says_why_and_prints_when_it_can(
    thermal: ThermalPrinter, fault: PrinterFault, trouble: type[DeviceTrouble]
) -> None:
    printer = printer_at(thermal.address)
    thermal.fault = fault
    with pytest.raises(trouble):
        printer.print_slip(SLIP)
    assert thermal.slips == []

    thermal.fault = PrinterFault.NONE
    printer.print_slip(SLIP)
    assert len(thermal.slips) == 1


def test_little_paper_does_not_stop_a_slip(thermal: ThermalPrinter) -> None:
    thermal.fault = PrinterFault.PAPER_LOW
    printer_at(thermal.address).print_slip(SLIP)
    assert len(thermal.slips) == 1


def test_a_printer_that_never_answers_prints_all_the_same(thermal: ThermalPrinter) -> None:
    cut = threading.Event()
    thermal._on_slip = lambda _: cut.set()
    thermal.fault = PrinterFault.MUTE
    printer_at(thermal.address).print_slip(SLIP)
    assert cut.wait(5)


def test_a_printer_that_does_not_say_it_finished_is_prn_05(thermal: ThermalPrinter) -> None:
    thermal._seconds_per_slip = 1.0
    with pytest.raises(PrintUnconfirmed):
        printer_at(thermal.address, timeout_s=0.4).print_slip(SLIP)


def test_a_printer_that_is_off_is_prn_01_and_comes_back(thermal: ThermalPrinter) -> None:
    printer = printer_at(thermal.address)
    thermal.unplug()
    for use in (printer.open, printer.status, lambda: printer.print_slip(SLIP)):
        with pytest.raises(PrinterUnreachable):
            use()
    thermal.plug()
    printer.print_slip(SLIP)
    assert len(thermal.slips) == 1


def test_nobody_waits_longer_than_the_timeout_for_a_printer_that_takes_nothing() -> None:
    class Stuck:
        """A pipe into a printer that answers, and then swallows nothing."""

        def write(self, data: bytes, *, timeout_s: float) -> None:
            time.sleep(min(timeout_s, 0.01))

        def read(self, *, timeout_s: float) -> bytes:
            return b"\x12"

        def close(self) -> None: ...

    info = escpos.at_address("127.0.0.1:9100")[0]
    began = time.monotonic()
    with pytest.raises(PrintUnconfirmed):
        escpos.EscPosPrinter(info, Stuck, timeout_s=0.5).print_slip(SLIP)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("address", ["", "/dev/ttyNOTHERE"])
def test_an_address_that_names_nothing_lists_no_printer(address: str) -> None:
    assert escpos.at_address(address) == []


class UsbPrinter(OneDeviceBackend):
    """A USB printer that notes what it prints and answers about its paper."""

    def __init__(self) -> None:
        super().__init__(
            vendor=0x04B8, product=0x0202, endpoints=((0x01, 2), (0x82, 2)), interface_class=7
        )
        self.texts: list[str] = []
        self.cuts = 0
        self._thermal = Thermal()
        self._answers: list[int] = []

    def bulk_write(self, dev_handle: object, ep: int, intf: int, data: Any, timeout: int) -> int:
        self.check_plugged()
        for action in self._thermal.feed(bytes(data)):
            if isinstance(action, Text):
                self.texts.append(action.text)
            elif isinstance(action, Cut):
                self.cuts += 1
            elif isinstance(action, StatusAsked):
                self._answers.append(0x12 if action.now else 0x00)
        return len(data)

    def bulk_read(self, dev_handle: object, ep: int, intf: int, buff: Any, timeout: int) -> int:
        self.check_plugged()
        if not self._answers:
            raise late()
        return fill(buff, bytes([self._answers.pop(0)]))


def test_a_usb_printer_is_found_by_its_class_and_prints() -> None:
    bus = UsbPrinter()
    found = escpos.find_usb(bus)
    assert [info.path for info in found] == ["usb:250:001"]

    printer = escpos.EscPosPrinter(found[0], escpos.dial(found[0].path, backend=bus))
    assert printer.status() is PaperStatus.OK
    printer.print_slip(SLIP)
    assert (bus.texts, bus.cuts) == (["Constancia", "A-0427"], 1)

    bus.plugged = False
    assert escpos.find_usb(bus) == []
    with pytest.raises(PrinterUnreachable):
        printer.print_slip(SLIP)


def test_other_usb_devices_are_not_taken_for_printers() -> None:
    bus = OneDeviceBackend(vendor=0x05BA, product=0x000A, endpoints=((0x81, 3),))
    assert escpos.find_usb(bus) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_serial_printer_without_a_way_back_prints() -> None:
    import pty
    import tty

    near, far = pty.openpty()
    tty.setraw(far)
    said = bytearray()

    def swallow() -> None:
        while not said.endswith(b"\x1dV\x00"):
            said.extend(os.read(near, 4096))

    reader = threading.Thread(target=swallow, daemon=True)
    reader.start()
    port = os.ttyname(far)
    printer = printer_at(port)
    assert printer.info.path == port
    printer.print_slip(SLIP)
    reader.join(5)
    os.close(near)
    os.close(far)

    texts = [action.text for action in Thermal().feed(bytes(said)) if isinstance(action, Text)]
    assert texts == ["Constancia", "A-0427"]
