"""The station itself is checked with nobody inside; what this machine does not say is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from migramovil.core.trouble import Trouble
from migramovil.devices import host, spool
from migramovil.devices.registry import Bench
from migramovil.services import checks
from migramovil.services.checks import Check, Outcome, Screen, Station
from migramovil.services.clock import Skew, StationClock
from migramovil.store import verify
from migramovil.sync.ports import NoLink
from migramovil.sync.probe import Probe
from tests.services.bench import Counter, Devices

NOW = datetime(2026, 11, 23, 15, 49, tzinfo=UTC)


def a_probe(**other: Any) -> Probe:
    plain: dict[str, Any] = {
        "connect_s": 0.08, "latency_s": 0.05, "worst_s": 0.2, "loss": 0.0, "tls": "TLSv1.3",
        "certificate_until": NOW + timedelta(days=200), "clock_error_s": 0.4, "doubt_s": 1.0,
    }  # fmt: skip
    return Probe(**(plain | other))


def a_station(folder: Path) -> Station:
    return Station(folder, lambda: None, StationClock(), lambda: None)


@pytest.mark.parametrize("check", Check)
def test_every_check_answers_before_there_is_a_station(tmp_path: Path, check: Check) -> None:
    result = a_station(tmp_path).look(check, Event())
    assert result.of is check
    assert result.text
    assert (result.trouble is not None) == (result.outcome in {Outcome.WARNS, Outcome.BAD})


def test_a_disk_that_cannot_be_asked_is_a_failure_and_no_crash(tmp_path: Path) -> None:
    result = a_station(tmp_path / "gone").look(Check.SPACE, Event())
    assert result.outcome is Outcome.BAD


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        (host.DiskNearlyFull(), Outcome.WARNS),
        (host.DiskFull(), Outcome.BAD),
        (host.DiskFailing(), Outcome.BAD),
        (host.SwapNotEncrypted(), Outcome.BAD),
        (NoLink(), Outcome.WARNS),
        (None, Outcome.OK),
    ],
)
def test_what_one_can_work_with_warns_and_the_rest_is_bad(
    trouble: Trouble | None, outcome: Outcome
) -> None:
    assert checks.judged(Check.SPACE, "bien", (), trouble).outcome is outcome


def test_a_good_line_is_told_in_figures() -> None:
    result = checks.of_link(a_probe(), 250_000.0, NOW)
    assert result.ok
    figures = dict(result.figures)
    assert figures["Ida y vuelta"] == "50 ms"
    assert figures["Velocidad"] == "250 kB/s"
    assert figures["Certificado hasta"] == "11/06/2027"


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"latency_s": 3.0}, "CHK-02"),
        ({"loss": 0.3}, "CHK-02"),
        ({"certificate_until": NOW + timedelta(days=3)}, "CHK-03"),
    ],
)
def test_a_poor_line_and_a_certificate_that_ends_are_named(
    other: dict[str, Any], code: str
) -> None:
    result = checks.of_link(a_probe(**other), None, NOW)
    assert result.trouble is not None
    assert (result.outcome, result.trouble.code) == (Outcome.WARNS, code)


def test_a_clock_is_right_wrong_or_not_borne_out() -> None:
    wrong = Skew(by=timedelta(hours=3, minutes=4), ahead=False, trusted=True)
    assert checks.of_clock(None, 3).outcome is Outcome.OK
    assert checks.of_clock(None, None).outcome is Outcome.UNKNOWN
    told = checks.of_clock(wrong, 3)
    assert told.outcome is Outcome.WARNS
    assert ("Reloj atrasado", "3 h 4 min") in told.figures


@pytest.mark.parametrize(
    ("screens", "outcome"),
    [
        ((), Outcome.UNKNOWN),
        ((Screen(name="a", width=1366, height=768, scale=1.0),), Outcome.OK),
        ((Screen(name="a", width=1920, height=1080, scale=1.5),), Outcome.WARNS),
    ],
)
def test_a_screen_must_hold_the_window(screens: tuple[Screen, ...], outcome: Outcome) -> None:
    assert checks.of_screens(screens).outcome is outcome


def test_a_spool_that_keeps_slips_is_bad_and_none_at_all_is_well() -> None:
    kept = spool.SpoolFinding(
        setting="PreserveJobFiles", value="yes", trouble=spool.SpoolKeepsSlips()
    )
    assert checks.of_spool([kept]).outcome is Outcome.BAD
    assert checks.of_spool([]).ok
    assert checks.of_spool([kept], used=False).ok


@pytest.mark.parametrize(("driver", "passes"), [("ipp", True), ("escpos", False)])
def test_what_the_print_system_keeps_concerns_only_whose_slips_pass_it(
    driver: str, passes: bool
) -> None:
    devices = Devices.new()
    devices.printer.info = replace(devices.printer.info, driver=driver)
    bench = Bench(devices.specs())
    try:
        assert checks.spools(bench)  # nobody has looked yet
        bench.look()
        assert checks.spools(bench) is passes
    finally:
        bench.close()


def test_the_stores_of_a_station_are_read_with_nobody_inside(closed: Counter) -> None:
    station = Station(
        closed.folder,
        lambda: closed.outbox,
        StationClock(),
        lambda: verify.read(closed.outbox, None),
    )
    result = station.look(Check.STORES, Event())
    assert result.ok
    assert ("Líneas de auditoría", "cerrada con la bóveda") in result.figures


def test_a_packet_that_is_missing_is_found(counter: Counter) -> None:
    counter.fill()
    counter.enrolling.finish().result(10)
    for packet in (counter.folder / "packets").glob("*.packet"):
        packet.unlink()
    station = Station(
        counter.folder,
        lambda: counter.outbox,
        StationClock(),
        lambda: verify.read(counter.outbox, None),
    )
    result = station.look(Check.STORES, Event())
    assert (result.outcome, result.trouble and result.trouble.code) == (Outcome.BAD, "LED-04")
