"""The IPP driver against a played printer that speaks the real protocol over HTTP."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from migramovil.devices.ports import PaperStatus, Printed, SlipLine
from migramovil.devices.printer import ipp
from migramovil.devices.registry import Addresses
from migramovil.devices.sim.ipp_printer import IppFault, IppPrinter, Job
from migramovil.devices.trouble import (
    Cancelled,
    CoverOpen,
    DeviceBusy,
    DeviceTrouble,
    InkOut,
    PaperJammed,
    PaperOut,
    PrintCancelled,
    PrinterGarbled,
    PrinterNotTrusted,
    PrinterOffline,
    PrinterUnreachable,
    PrintRefused,
    StillQueued,
)

SLIP = [SlipLine(text="COMPROBANTE", bold=True), SlipLine(text="Iniciales", right="M. A. P. N.")]
FOLIO = "MM-07B-20261123-000427-1"
SMALL = "om_roll_58x120mm"
CANCELLED, COMPLETED = 7, 9


@pytest.fixture
def played() -> Iterator[IppPrinter]:
    printer = IppPrinter(media=SMALL)
    yield printer
    printer.close()


def driver(played: IppPrinter, **patience: float) -> ipp.IppPrinter:
    [info] = ipp.find(Addresses(printer=played.address))
    return ipp.IppPrinter(info, **{"timeout_s": 5.0, "patience_s": 0.3, **patience})


def states(played: IppPrinter) -> list[int]:
    return [job.state for job in played.jobs.values()]


# ---- it prints ---------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["image/pwg-raster", "image/jpeg"])
def test_a_slip_that_is_confirmed_is_on_paper_at_its_true_size(
    played: IppPrinter, form: str
) -> None:
    played.formats = ("application/octet-stream", form)
    assert driver(played).print_slip(SLIP, folio=FOLIO) == Printed(job="1", confirmed=True)
    assert [page.width for page in played.pages] == [round(58 * 300 / 25.4)]
    assert played.pages[0].convert("L").getextrema()[0] < 100


def test_the_job_bears_the_folio_and_nothing_else_of_a_person(played: IppPrinter) -> None:
    driver(played).print_slip(SLIP, folio=FOLIO)
    job = played.jobs[1]
    assert (job.name, job.document_name, job.user) == (FOLIO, FOLIO, "migramovil")
    assert b"M. A. P. N." not in job.document


def test_the_printer_itself_forgets_a_job_whose_station_died(played: IppPrinter) -> None:
    driver(played).print_slip(SLIP)
    assert played.jobs[1].wishes["job-cancel-after"] == (10,)


def test_a_printer_from_before_ipp_2_gets_its_job_in_one_piece() -> None:
    played = IppPrinter(media=SMALL, operations=(2, 8, 9, 11))
    assert driver(played).print_slip(SLIP).confirmed
    assert states(played) == [COMPLETED]
    played.close()


def test_a_printer_says_who_it_is(played: IppPrinter) -> None:
    printer = driver(played)
    printer.open()
    assert printer.info.model == "MIGRAMOVIL Láser de práctica"
    assert printer.info.serial.endswith("0417")
    assert printer.info.capabilities == {"dpi": 300, "paper": "roll", "reports_paper": True}


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (IppFault.NONE, PaperStatus.OK),
        (IppFault.PAPER_LOW, PaperStatus.LOW),
        (IppFault.PAPER_OUT, PaperStatus.OUT),
    ],
)
def test_the_paper_is_what_the_printer_says(
    played: IppPrinter, fault: IppFault, status: PaperStatus
) -> None:
    played.fault = fault
    assert driver(played).status() is status


# ---- it cannot print ---------------------------------------------------------------------------
FAULTS = [
    (IppFault.PAPER_OUT, PaperOut),
    (IppFault.PAPER_OUT_WARNING, PaperOut),
    (IppFault.COVER_OPEN, CoverOpen),
    (IppFault.JAM, PaperJammed),
    (IppFault.NO_INK, InkOut),
    (IppFault.PAUSED, PrinterOffline),
    (IppFault.BUSY, DeviceBusy),
    (IppFault.NOT_ACCEPTING, PrintRefused),
    (IppFault.CANCELS, PrintCancelled),
    (IppFault.ABORTS, PrintRefused),
    (IppFault.GARBAGE, PrinterGarbled),
    (IppFault.ENDLESS, PrinterGarbled),
]


@pytest.mark.parametrize(("fault", "trouble"), FAULTS)
def test_a_printer_that_cannot_print_says_why_leaves_no_job_and_prints_when_it_can(
    played: IppPrinter, fault: IppFault, trouble: type[DeviceTrouble]
) -> None:
    printer = driver(played)
    played.fault = fault
    with pytest.raises(trouble) as raised:
        printer.print_slip(SLIP)
    assert type(raised.value) is trouble
    assert all(state in {CANCELLED, 8} for state in states(played))

    played.fault = IppFault.NONE
    time.sleep(0.05)
    assert played.pages == []  # nothing that was given up comes out after all
    assert printer.print_slip(SLIP).confirmed
    assert len(played.pages) == 1


def when_it_begins(played: IppPrinter, then: Callable[[], object]) -> None:
    """Do something in the moment the printer takes up its first job."""
    printing, begun = played._print, []

    def begin(job: Job) -> None:
        if not begun:
            begun.append(job)
            then()
        printing(job)

    played._print = begin  # type: ignore[method-assign]


def becomes(played: IppPrinter, fault: IppFault, after_s: float = 0.0) -> None:
    if after_s:
        threading.Timer(after_s, becomes, (played, fault)).start()
    else:
        played.fault = fault


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        (IppFault.PAPER_OUT, PaperOut),
        (IppFault.COVER_OPEN, CoverOpen),
        (IppFault.JAM, PaperJammed),
    ],
)
def test_what_stops_a_job_midway_is_told_and_the_job_taken_back(
    played: IppPrinter, fault: IppFault, trouble: type[DeviceTrouble]
) -> None:
    when_it_begins(played, lambda: becomes(played, fault))
    with pytest.raises(trouble):
        driver(played).print_slip(SLIP)
    played.fault = IppFault.NONE
    time.sleep(0.05)
    assert (states(played), played.pages) == ([CANCELLED], [])


def test_paper_that_is_put_in_soon_enough_finishes_the_slip(played: IppPrinter) -> None:
    def runs_out() -> None:
        becomes(played, IppFault.PAPER_OUT)
        becomes(played, IppFault.NONE, 0.4)

    when_it_begins(played, runs_out)
    assert driver(played, patience_s=5.0).print_slip(SLIP).confirmed
    assert len(played.pages) == 1


def test_a_warning_may_last_longer_than_an_error_before_a_slip_is_given_up(
    played: IppPrinter,
) -> None:
    """It may be about the other tray."""

    def warns() -> None:
        becomes(played, IppFault.PAPER_OUT_WARNING)
        becomes(played, IppFault.NONE, 0.9)

    when_it_begins(played, warns)
    assert driver(played, patience_s=0.6).print_slip(SLIP).confirmed


def test_a_slip_that_is_called_off_never_comes_out(played: IppPrinter) -> None:
    off = threading.Event()
    played.seconds_per_page = 3.0
    when_it_begins(played, off.set)
    with pytest.raises(Cancelled):
        driver(played).print_slip(SLIP, cancelled=off)
    assert states(played) == [CANCELLED]


def test_a_job_that_does_not_end_in_time_is_taken_back(played: IppPrinter) -> None:
    played.seconds_per_page = 3.0
    with pytest.raises(PrinterOffline):
        driver(played, timeout_s=0.5).print_slip(SLIP)
    assert states(played) == [CANCELLED]


def test_a_job_the_printer_forgets_with_its_end_is_not_claimed_to_be_printed(
    played: IppPrinter,
) -> None:
    played.fault = IppFault.FORGETS
    assert driver(played).print_slip(SLIP) == Printed(job="1", confirmed=False)


def test_a_printer_that_vanishes_with_a_job_may_still_print_it_and_that_is_said(
    played: IppPrinter,
) -> None:
    when_it_begins(played, played.unplug)
    with pytest.raises(StillQueued):
        driver(played).print_slip(SLIP)


def test_a_printer_that_is_off_is_prn_01_and_comes_back(played: IppPrinter) -> None:
    printer = driver(played)
    played.unplug()
    for use in (printer.open, printer.status, lambda: printer.print_slip(SLIP)):
        with pytest.raises(PrinterUnreachable):
            use()
    played.plug()
    assert printer.print_slip(SLIP).confirmed


def test_nobody_waits_long_for_a_printer_that_never_answers(
    played: IppPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ipp, "_REQUEST_S", 0.5)
    played.fault = IppFault.HANG
    began = time.monotonic()
    with pytest.raises(PrinterUnreachable):
        driver(played).print_slip(SLIP)
    assert time.monotonic() - began < 4


# ---- who is there ------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A printer's own certificate, with its key, and its SHA-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "impresora")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(417)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("printer") / "printer.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path, made.fingerprint(hashes.SHA256()).hex(":").upper()


def test_only_the_printer_whose_certificate_is_known_gets_a_slip(
    certificate: tuple[Path, str],
) -> None:
    path, pin = certificate
    played = IppPrinter(media=SMALL, certificate=path)
    address = played.address
    try:
        known = ipp.make(*found(f"{address}#sha256={pin}"))
        assert known.print_slip(SLIP).confirmed
        for stranger in (address, f"{address}#sha256={'0' * 64}"):
            with pytest.raises(PrinterNotTrusted):
                ipp.make(*found(stranger)).print_slip(SLIP)
        assert len(played.jobs) == 1
    finally:
        played.close()


def found(address: str) -> tuple[ipp.DeviceInfo, Addresses]:
    at = Addresses(printer=address)
    [info] = ipp.find(at)
    return info, at


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("ipp://10.0.0.7", "ipp://10.0.0.7/ipp/print"),
        ("ipp://10.0.0.7:8631/ipp/print/2", "ipp://10.0.0.7:8631/ipp/print/2"),
        ("ipps://impresora.local/ipp/print", "ipps://impresora.local/ipp/print"),
        ("ipp://[fe80::1]/ipp/print", "ipp://[fe80::1]/ipp/print"),
        ("cups:/run/cups/cups.sock#eve", "ipp://localhost/printers/eve"),
    ],
)
def test_an_address_names_one_printer(address: str, uri: str) -> None:
    place = ipp.Place.read(address)
    assert place is not None
    assert place.uri == uri


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.7:9100",
        "/dev/ttyUSB0",
        "http://x/",
        "ipp://",
        "ipp://x:99999/",
        "ipps://x/#sha256=1",
    ],
)
def test_an_address_that_names_no_such_printer_lists_none(address: str) -> None:
    assert ipp.Place.read(address) is None
    assert ipp.find(Addresses(printer=address)) == []


@pytest.mark.parametrize(
    "server", ["", "/run/no/such.sock", "/dev/null", "localhost:1", "localhost:99999", "[::"]
)
def test_a_machine_without_cups_has_no_queues(server: str) -> None:
    assert ipp.queues(server) == []


def test_a_network_printer_answers_at_the_same_time_as_others_do(
    played: IppPrinter,
) -> None:
    """Two drivers in two threads, as two lanes would: each has an event loop of its own."""
    done: list[Printed] = []

    def work(use: Callable[[], Printed]) -> None:
        done.append(use())

    threads = [
        threading.Thread(target=work, args=(lambda: driver(played).print_slip(SLIP),))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [one.confirmed for one in done] == [True, True]
