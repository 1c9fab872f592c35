"""What every slip printer must do, played or plugged in (`-m hardware`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from migramovil.devices.ports import DeviceKind, PaperStatus, Printer, SlipLine
from migramovil.devices.registry import drivers, first
from migramovil.devices.sim.station import SimulatedStation


@pytest.fixture(params=["played", pytest.param("plugged in", marks=pytest.mark.hardware)])
def printer(request: pytest.FixtureRequest) -> Iterator[Printer]:
    station = SimulatedStation(pace_s=0)
    if request.param == "plugged in" and request.config.option.markexpr != "hardware":
        station.close()
        pytest.skip("asked for by -m hardware")
    specs = station.specs if request.param == "played" else drivers()
    device = first(DeviceKind.PRINTER, specs)
    if device is None:
        station.close()
        pytest.skip("no printer is plugged in")
    device.open()
    yield cast("Printer", device)
    device.close()
    station.close()


def test_it_prints_every_kind_of_line(printer: Printer) -> None:
    printer.print_slip(
        [
            SlipLine(text="Título", size=2, bold=True, centre=True),
            SlipLine(text="", rule=True),
            SlipLine(text="Ñandú", right="25.00"),
            SlipLine(text="HTTPS://EJEMPLO.PE", qr=True),
            SlipLine(text=""),
        ]
    )


def test_an_empty_slip_is_no_trouble(printer: Printer) -> None:
    printer.print_slip([])


def test_with_paper_in_it_its_status_is_not_out(printer: Printer) -> None:
    assert printer.status() is not PaperStatus.OUT


def test_it_can_be_closed_twice_and_opened_again(printer: Printer) -> None:
    printer.close()
    printer.close()
    printer.open()
    printer.print_slip([SlipLine(text="otra vez")])


def test_it_says_what_it_is(printer: Printer) -> None:
    assert printer.info.kind is DeviceKind.PRINTER
    assert printer.info.model
