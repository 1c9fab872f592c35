"""Reports come to headquarters, stay within bounds, and only the support key opens them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from migramovil.core import canonical, sealing, support
from migramovil.core.record import Realm, Signed
from migramovil.headquarters import setup
from migramovil.headquarters.commands import app
from migramovil.headquarters.support import Reports
from migramovil.sync import https
from migramovil.sync.engine import SyncEngine
from migramovil.sync.ports import BudgetSpent, Interrupted, NoTerms, NotUnderstood
from tests.headquarters.rig import MemoryOutbox, Place, Station

CONTENT: dict[str, Any] = {
    "format": support.CONTENT_FORMAT,
    "wrong": [{"code": "PRN-02", "where": "printer", "what": "Se acabó el papel."}],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("hq") / "data").init().serving() as served:
        yield served


@pytest.fixture
def station(place: Place) -> Station:
    return Station(place).enroll()


def report(place: Place, station: str, **change: Any) -> bytes:
    known = {"realm": Realm.TRAINING, "station": station, "utc": "2026-11-23T12:00:00+00:00"}
    public = change.pop("public", None) or canonical.from_text(place.descriptor.support)
    return support.seal(public, CONTENT, **{**known, **change})


def bring(station: Station, data: bytes) -> Signed:
    line = station.client()
    try:
        return line.report(data, lambda: None)
    finally:
        line.hang_up()


def test_a_report_comes_once_is_answered_for_and_opened_by_support(
    place: Place, station: Station, tmp_path: Path
) -> None:
    data = report(place, station.id)
    said = bring(station, data)
    assert bring(station, data) == said
    publics = place.descriptor.receipt_keys("stored")
    support.check_answer(said, data, publics, realm=Realm.TRAINING, station=station.id)
    listed = CliRunner().invoke(app, ["support", "list", "--data", str(place.data), "--json"])
    rows = [json.loads(line) for line in listed.stdout.splitlines()]
    (row,) = [row for row in rows if row["station"] == station.id]
    assert (row["report"], row["size"]) == (sealing.sha256(data), len(data))
    out = tmp_path / "report.json"
    opened = CliRunner().invoke(
        app, ["support", "open", row["report"][:16], "--data", str(place.data), "--out", str(out)]
    )
    assert opened.exit_code == 0, opened.output
    assert "PRN-02" in opened.stdout
    assert json.loads(out.read_text(encoding="utf-8")) == CONTENT


def test_a_report_from_a_stick_opens_the_same_way(place: Place, tmp_path: Path) -> None:
    brought, out = tmp_path / "brought.report", tmp_path / "out.json"
    brought.write_bytes(report(place, ""))
    command = ["support", "open", str(brought), "--data", str(place.data), "--out", str(out)]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert json.loads(out.read_text(encoding="utf-8")) == CONTENT


def test_the_edge_and_the_opener_hold_nothing_that_opens_a_report(
    place: Place, station: Station
) -> None:
    read = support.read(report(place, station.id))
    keys = setup.opener(place.data)
    for key in (*keys.every_operational, setup.offline(place.data).recovery):
        with pytest.raises(support.BadReport):
            support.open_content(read, key)
    (place.data / "support" / "unlock").rename(place.data / "support" / "away")
    try:
        with pytest.raises(setup.NotSetUp):
            setup.support(place.data)
        setup.edge(place.data)  # which serves without it
    finally:
        (place.data / "support" / "away").rename(place.data / "support" / "unlock")


def test_what_is_not_this_stations_report_for_this_headquarters_is_refused_and_not_kept(
    place: Place, station: Station
) -> None:
    other = sealing.Opener.new().public
    before = len(Reports(place.data).every())
    for bad in (
        b"", b"{}", b"[]", b"x" * 1000, report(place, "another"), report(place, ""),
        report(place, station.id, realm=Realm.PRODUCTION), report(place, station.id, public=other),
        report(place, station.id)[:-1],
    ):  # fmt: skip
        with pytest.raises(NotUnderstood):
            bring(station, bad)
    with pytest.raises(NotUnderstood):
        bring(station, b"0" * (support.LARGEST + 1))
    assert len(Reports(place.data).every()) == before


def test_a_station_pushes_out_its_own_oldest_reports_and_nobody_elses(tmp_path: Path) -> None:
    reports = Reports(tmp_path, kept=3, kept_bytes=1000)
    one, other = (f"0190000{n}-0000-7000-8000-000000000001" for n in (1, 2))
    reports.keep(other, b"theirs", utc="2026-01-01T00:00:00+00:00")
    for number in range(5):
        reports.keep(one, b"report %d" % number, utc=f"2026-11-2{number}T12:00:00+00:00")
    mine = [kept for kept in reports.every() if kept.station == one]
    assert [kept.path.read_bytes() for kept in mine] == [b"report 2", b"report 3", b"report 4"]
    reports.keep(one, bytes(995), utc="2026-11-25T12:00:00+00:00")
    assert [kept.size for kept in reports.every()] == [995, 6]


@pytest.mark.parametrize("name", ["..", "a/b", "", "A" * 36, "../../etc/passwd"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(support.BadReport):
        Reports(tmp_path / "hq").keep(name, b"x", utc="2026-11-23T12:00:00+00:00")
    assert list(tmp_path.rglob("*.report")) == []


class Broke(NoTerms):
    """Today's data are spent."""

    def may_spend(self) -> bool:
        return False


def test_a_days_budget_that_is_spent_keeps_the_report_here(place: Place, station: Station) -> None:
    known = place.descriptor
    line = https.HttpsHeadquarters(
        known, station.id, station.transport, realm=place.realm, url=place.url, terms=Broke()
    )
    with pytest.raises(BudgetSpent):
        line.report(report(place, station.id), lambda: None)
    line.hang_up()


def test_one_broken_off_for_something_else_leaves_a_line_that_works(
    place: Place, station: Station
) -> None:
    data, line = report(place, station.id), station.client()

    def now_something_else() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        line.report(data, now_something_else)
    assert line.report(data, lambda: None) == bring(station, data)
    line.hang_up()


def test_a_report_goes_last_after_records_and_lists(place: Place, station: Station) -> None:
    outbox, line, order = MemoryOutbox(), station.client(), []
    one, data = station.packet()
    outbox.add(one, data)

    class Lists:
        def turn(self, source: object, stopping: object) -> None:
            order.append(("lists", outbox.state(one.record)))

    class Last:
        def turn(self, called: object) -> None:
            order.append(("report", outbox.state(one.record)))

    known = place.descriptor
    engine = SyncEngine(
        outbox, line, known, clock=lambda: datetime.now(UTC), downloads=Lists(), reports=Last()
    )
    engine.turn()
    engine.stop()
    assert order == [("lists", "stored"), ("report", "stored")]


def test_a_headquarters_without_the_key_gets_it_once_and_stations_hear_of_it(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path / "hq").init()
    folder = place.data / "support"
    for path in folder.iterdir():  # as one that was prepared before there was such a key
        path.unlink()
    folder.rmdir()
    root = setup.offline(place.data).root
    old = canonical.encode(place.descriptor).replace(
        canonical.encode(place.descriptor.support), b'""'
    )
    (place.data / setup.DESCRIPTOR).write_bytes(canonical.encode(Signed.by(root, old)))
    before = place.descriptor
    assert before.support == ""
    with place.serving():
        station, heard = Station(place).enroll(), []
    made = CliRunner().invoke(app, ["keys", "support", "--data", str(place.data)])
    assert (made.exit_code, place.descriptor.version) == (0, before.version + 1), made.output
    assert canonical.text(setup.support(place.data).public) == place.descriptor.support
    again = CliRunner().invoke(app, ["keys", "support", "--data", str(place.data)])
    assert (again.exit_code, "HQ-03" in again.output) == (1, True)
    with place.serving():
        line = station.client()
        line._descriptor = before
        line._on_descriptor = lambda found, _: heard.append(found)
        engine = SyncEngine(MemoryOutbox(), line, before, clock=lambda: datetime.now(UTC))
        assert engine.turn().trouble is None
        engine.stop()
    assert [one.support for one in heard] == [place.descriptor.support]
