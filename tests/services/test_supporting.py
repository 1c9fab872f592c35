"""The report for support says what is wrong, never about whom; only support reads it."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from migramovil import app
from migramovil.core import canonical, sealing, support
from migramovil.core.record import Descriptor, Realm, Signed
from migramovil.devices import host
from migramovil.devices.ports import Frame, PaperStatus
from migramovil.devices.trouble import FrozenPicture, NoPicture, PaperOut, ReaderFault
from migramovil.headquarters import setup
from migramovil.headquarters.support import Reports
from migramovil.services import redacting, supporting
from migramovil.services.checks import Check
from migramovil.services.supporting import KEPT, STICK, CheckFailed, NoSupportKey, Report
from migramovil.sync import probe
from migramovil.sync.ports import NoLink
from migramovil.vision.sensors import LensView
from tests import leaks
from tests.headquarters.rig import Place
from tests.services import bench
from tests.services.bench import MRZ, OFFICER, OTHER, PASSWORD, SUPERVISOR, Devices

KEY = sealing.Opener.new()
SETTINGS = """
[devices]
camera = "http://rosaquispe:clave-secreta@10.20.30.40/foto"
[backup]
folder = "/media/marisela/RESPALDO-PEÑALVER"
[[places]]
name = "Parque PANAMERICANA"
place = "Desaguadero, Puno"
latitude = -16.56
longitude = -69.04
"""


class Sim:
    """Played devices, as app.build takes them."""

    def __init__(self) -> None:
        self.devices = Devices.new()
        self.specs = self.devices.specs()

    def expected_finger(self, position: int) -> None:
        """Nobody's finger is on the glass."""

    def close(self) -> None:
        """Nothing to close."""


PROBE = probe.probe


def probed(descriptor: Descriptor, **more: Any) -> probe.Probe:
    """No headquarters answers but a real one."""
    if not descriptor.tls_ca:
        raise NoLink
    return PROBE(descriptor, **more)


@pytest.fixture(autouse=True)
def quick_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine the tests run on is whole, whatever it is; and its camera sees light."""
    for name, check in (
        ("space", host.HostCheck.SPACE), ("sync_time", host.HostCheck.SYNC),
        ("health", host.HostCheck.HEALTH), ("encryption", host.HostCheck.ENCRYPTION),
        ("swap", host.HostCheck.SWAP), ("memory", host.HostCheck.MEMORY),
        ("power", host.HostCheck.POWER),
    ):  # fmt: skip
        monkeypatch.setattr(host, name, lambda *_, of=check: host.Finding(check=of))
    monkeypatch.setattr("migramovil.devices.spool.spool_findings", lambda *_: ())
    monkeypatch.setattr(probe, "probe", probed)
    monkeypatch.setattr(supporting, "WATCH_S", 0.0)
    monkeypatch.setattr(LensView, "well_lit", True)
    monkeypatch.setattr(LensView, "sharp", True)
    monkeypatch.setattr(LensView, "true", True)


@contextmanager
def built(
    folder: Path, headquarters: bench.Headquarters | None = None, *, url: str = ""
) -> Iterator[Any]:
    """The station over its folder, nobody inside; `headquarters` told it of its support key."""
    sim: Any = Sim()
    station = app.build(folder, training=True, sim=sim, url=url, password_memory_kib=64)
    try:
        if headquarters is not None:
            believing(station, headquarters)
        yield station
    finally:
        station.close()


def believing(station: Any, headquarters: bench.Headquarters) -> None:
    """Headquarters' root key said that there is a key for support now."""
    identity = station.outbox.station()
    known = canonical.decode(identity.descriptor.encode(), Descriptor)
    newer = replace(known, version=2, support=canonical.text(KEY.public))
    station.renewed(newer, Signed.by(headquarters.root, canonical.encode(newer)))


def collected(station: Any) -> Report:
    report: Report = station.desk.supporting.collect().result(60)
    return report


def codes(report: Report) -> dict[str, str]:
    return {one.where: one.code for one in report.wrong}


# ---- nothing personal --------------------------------------------------------------------------
def planted() -> dict[bytes, str]:
    """What may never be found, in every way it may be written."""
    people = {
        "values": [
            "PEÑALVER", "NÚÑEZ", "MARISELA ANDREÍNA", "1991-08-19", "Jr. Panamericana 482, int. 3",
            "984120763", "084127653", "2029-03-04", *MRZ, SUPERVISOR, OFFICER, OTHER, PASSWORD,
            "rosaquispe", "clave-secreta", "10.20.30.40", "RESPALDO-PEÑALVER", "PANAMERICANA",
            "Desaguadero", "Móvil 1",
        ],
    }  # fmt: skip
    return leaks.markers(people)[0]


def work_there(folder: Path, headquarters: bench.Headquarters) -> None:
    """People enrolled, one left half done; and a careless program that logged it all."""
    (folder / "station.toml").write_text(SETTINGS, encoding="utf-8")
    with bench.opened(folder, headquarters) as counter:
        counter.enter()
        counter.fill()
        counter.enrolling.finish().result(10)
        counter.fill()
    log = folder / "logs" / "station.log"
    log.parent.mkdir(exist_ok=True)
    said = [
        *MRZ, "the record of PEÑALVER NÚÑEZ was kept", "MARISELA ANDREÍNA 1991-08-19 084127653",
        f"who came in: {OFFICER} with {PASSWORD}", "Jr. Panamericana 482, int. 3 tel. 984120763",
    ]  # fmt: skip
    lines = [
        {"at": "2026-11-23T12:00:00.000+00:00", "level": "ERROR", "room": "migramovil.sync",
         "say": one, "error": one, "where": [one], "PEÑALVER": one}
        for one in said
    ]  # fmt: skip
    log.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
    list_of_the_day = {
        "day": "2026-11-22", "utc": "2026-11-22T12:00:00Z",
        "lines": [{"of": "PEÑALVER", "outcome": "ok", "code": "084127653",
                   "figures": [["MARISELA", "1991-08-19"]]}],
    }  # fmt: skip
    (folder / "checklists.jsonl").write_text(json.dumps(list_of_the_day), encoding="utf-8")


def everything_it_says(station: Any, folder: Path, out: Path) -> dict[str, Any]:
    """The report as it is read at headquarters, on the screen and on the stick, as files."""
    report = collected(station)
    stick = station.desk.supporting.save(report, out).result(10)
    content = support.open_content(support.read(stick.read_bytes()), KEY)
    assert content == report.content
    text = json.dumps(content, ensure_ascii=False)
    (out / "opened.json").write_text(text, encoding="utf-8")
    return content


def test_nothing_that_names_a_person_a_place_or_a_secret_is_in_it(
    folder: Path, headquarters: bench.Headquarters, tmp_path: Path
) -> None:
    work_there(folder, headquarters)
    out = tmp_path / "out"
    out.mkdir()
    with built(folder, headquarters) as station:
        station.desk.accounts.log_in(OFFICER, PASSWORD).result(10)
        logging.getLogger("migramovil.services").warning("kept %s of %s", MRZ[0], OFFICER)
        content = everything_it_says(station, folder, out)
    assert leaks.search([out], planted()) == []
    assert content["queue"]["sealed"] == 1
    assert len(content["log"]) >= 7
    assert content["last_checklist"]["lines"][0]["outcome"] == "ok"
    assert content["settings"]["places"] == 1
    assert content["settings"]["devices"]["camera"] == "http"


@pytest.mark.parametrize("part", ["message", "figure"])
def test_a_leak_in_the_redaction_would_be_found(
    folder: Path,
    headquarters: bench.Headquarters,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
) -> None:
    monkeypatch.setattr(redacting, part, lambda text, _more=(): text)
    monkeypatch.setattr("migramovil.services.supporting.figure", redacting.figure)
    work_there(folder, headquarters)
    out = tmp_path / "out"
    out.mkdir()
    with built(folder, headquarters) as station:
        everything_it_says(station, folder, out)
    assert leaks.search([out], planted())


# ---- what it says ------------------------------------------------------------------------------
def test_what_is_wrong_comes_first_with_its_code_and_what_to_do(
    folder: Path, headquarters: bench.Headquarters, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap = host.Finding(check=host.HostCheck.SWAP, trouble=host.SwapNotEncrypted())
    monkeypatch.setattr(host, "swap", lambda: swap)
    with built(folder, headquarters) as station:
        devices = station.sim.devices
        devices.camera.troubles.append(NoPicture())
        monkeypatch.setattr(devices.printer, "status", lambda: PaperStatus.OUT)

        def dead() -> None:
            raise ReaderFault("PEÑALVER")

        monkeypatch.setattr(devices.reader, "open", dead)
        report = collected(station)
    told = codes(report)
    assert told.items() >= {
        ("portrait", NoPicture.code), ("printer", PaperOut.code), ("fingers", ReaderFault.code),
        ("swap", host.SwapNotEncrypted.code), ("link", NoLink.code),
    }  # fmt: skip
    assert "mrz" not in told
    assert next(iter(report.content)) == "wrong"
    assert report.content["wrong"][0] == {
        "where": "portrait", "name": "Cámara", "code": NoPicture.code, "what": NoPicture.what,
        "advice": NoPicture.advice, "who": NoPicture.who.value,
    }  # fmt: skip
    assert "PEÑALVER" not in json.dumps(report.content, ensure_ascii=False)


def test_a_camera_is_watched_for_as_long_as_a_still_picture_takes_to_be_noticed(
    folder: Path, headquarters: bench.Headquarters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supporting, "WATCH_S", 0.3)
    began = time.monotonic()
    with built(folder, headquarters) as station:
        camera = station.sim.devices.camera

        def still(**_: object) -> object:
            time.sleep(0.01)
            if time.monotonic() - began > 0.2:
                raise FrozenPicture
            return Frame(pixels=np.full((800, 600, 3), 120, np.uint8), number=1)

        monkeypatch.setattr(camera, "read", still)
        began = time.monotonic()
        assert codes(collected(station))["portrait"] == FrozenPicture.code


def test_a_fault_that_lasts_is_named_until_the_device_was_well(
    folder: Path, headquarters: bench.Headquarters, monkeypatch: pytest.MonkeyPatch
) -> None:
    with built(folder, headquarters) as station:
        printer = station.sim.devices.printer
        monkeypatch.setattr(printer, "status", lambda: PaperStatus.OUT)
        assert codes(collected(station))["printer"] == PaperOut.code
    with built(folder, headquarters) as station:
        report = collected(station)
        assert "printer" not in codes(report)
        (fault,) = report.content["faults"]
    assert (fault["role"], fault["code"], bool(fault["recovered"])) == ("printer", "PRN-02", True)


def test_every_check_is_in_it_with_nobody_inside_and_before_enrolment(tmp_path: Path) -> None:
    with built(tmp_path / "new") as station:
        report = collected(station)
        ours = station.desk.supporting
        assert [one["of"] for one in report.content["checks"]] == [one.value for one in Check]
        assert report.content["station"]["enrolled"] is False
        assert not ours.can_seal()
        for refused in (ours.save(report, tmp_path), ours.send(report)):
            with pytest.raises(NoSupportKey):
                refused.result(10)
    assert list(tmp_path.rglob("*.report")) == []


def test_a_headquarters_without_a_support_key_is_said_so(
    folder: Path, headquarters: bench.Headquarters, tmp_path: Path
) -> None:
    with built(folder) as station:
        report = collected(station)
        with pytest.raises(NoSupportKey):
            station.desk.supporting.save(report, tmp_path).result(10)


def test_a_bug_in_one_check_costs_only_that_one(
    folder: Path,
    headquarters: bench.Headquarters,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> host.Finding:
        raise ZeroDivisionError("PEÑALVER")

    monkeypatch.setattr(host, "memory", broken)
    with built(folder, headquarters) as station:
        report = collected(station)
    assert codes(report) == {"memory": CheckFailed.code, "link": NoLink.code}
    assert [record.message for record in caplog.records] == ["a check failed"]
    said = report.content["log"][-1]
    assert (said["say"], said["error"]) == ("a check failed", "ZeroDivisionError")
    assert "PEÑALVER" not in json.dumps(report.content, ensure_ascii=False)


def test_called_off_it_ends_at_once(folder: Path, headquarters: bench.Headquarters) -> None:
    with built(folder, headquarters) as station:
        camera = station.sim.devices.camera
        camera.held = held = threading.Event()
        ticket = station.desk.supporting.collect()
        assert camera.begun.wait(10)
        ticket.cancel()
        with pytest.raises(Exception, match="DEV-03"):
            ticket.result(5)
        held.set()


# ---- where it goes -----------------------------------------------------------------------------
def test_on_a_stick_it_is_whole_sealed_and_named_after_nobody(
    folder: Path, headquarters: bench.Headquarters, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    with built(folder, headquarters) as station:
        path = station.desk.supporting.save(collected(station), stick).result(10)
    assert path.parent == stick / STICK
    assert path.name.startswith("T01-")
    assert list((stick / STICK).iterdir()) == [path]
    assert b"wrong" not in path.read_bytes()


def test_a_stick_that_is_gone_or_a_trap_is_said_so(
    folder: Path, headquarters: bench.Headquarters, tmp_path: Path
) -> None:
    trap = tmp_path / "stick"
    trap.mkdir()
    (trap / STICK).symlink_to(tmp_path)
    with built(folder, headquarters) as station:
        report = collected(station)
        for where, code in ((tmp_path / "absent", "USB-03"), (trap, "USB-01")):
            with pytest.raises(Exception, match=code):
                station.desk.supporting.save(report, where).result(10)


def test_only_the_newest_reports_wait(folder: Path, headquarters: bench.Headquarters) -> None:
    with built(folder, headquarters) as station:
        shelf = station.desk.supporting.shelf
        for number in range(KEPT + 2):
            shelf.put(b"report %d" % number)
        assert shelf.waiting() == [b"report %d" % number for number in range(2, KEPT + 2)]


def test_a_damaged_report_holds_up_no_other(folder: Path, headquarters: bench.Headquarters) -> None:
    with built(folder, headquarters) as station:
        shelf = station.desk.supporting.shelf
        shelf.put(b"good")
        place = folder / "support"
        (place / ("0" * 64 + ".report")).write_bytes(b"damaged")
        (place / ("1" * 64 + ".report")).symlink_to(folder / "device.key")
        assert shelf.waiting() == [b"good"]
        assert shelf.count() == 1
        assert (folder / "device.key").exists()


def test_by_the_line_it_comes_to_headquarters_is_opened_there_and_gone_here(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path / "hq").init()
    with place.serving(), built(tmp_path / "station", url=place.url) as station:
        desk = station.desk
        desk.accounts.enroll(place.url, place.code(), "Móvil 1", SUPERVISOR, PASSWORD).result(20)
        station.engine.stop()
        desk.accounts.on_enrolled = lambda: None
        report = collected(station)
        assert codes(report) == {}
        assert report.content["checks"][-1]["outcome"] == "ok"
        desk.supporting.send(report).result(10)
        assert desk.supporting.shelf.count() == 1
        engine = app.sync_engine(station.outbox, desk, station.outbox.station(), url=place.url)
        engine.turn()
        engine.stop()
        assert desk.supporting.shelf.count() == 0
        (kept,) = Reports(place.data).every()
        opened = support.open_content(
            support.read(kept.path.read_bytes()), setup.support(place.data)
        )
        assert opened == report.content
        assert support.read(kept.path.read_bytes()).realm is Realm.TRAINING
