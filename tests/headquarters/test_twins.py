"""A copied laptop: two stations with one key. Both records are kept, and the operators are told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from migramovil.core import canonical, packet
from migramovil.headquarters import watching
from migramovil.headquarters.commands import app
from migramovil.headquarters.store import Alarm
from migramovil.headquarters.views import Views, Visitor
from migramovil.sync import wire
from migramovil.sync.ports import DigestRefused
from tests.headquarters.rig import Place, Station


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("hq") / "data").init().serving() as served:
        yield served


@pytest.fixture
def station(place: Place) -> Station:
    return Station(place).enroll()


def alarms(place: Place, station: Station) -> list[Alarm]:
    with place.books() as store:
        return [one for one in store.alarms() if one.station == station.id]


def send(station: Station, one: object, data: bytes) -> None:
    client = station.client()
    try:
        client.send(one, data, lambda _: None)  # type: ignore[arg-type]
    finally:
        client.hang_up()


def test_one_number_for_two_records_is_an_alarm_and_both_are_kept(
    place: Place, station: Station
) -> None:
    twin = replace(station)
    first, its = station.packet(photo=b"a")
    second, theirs = twin.packet(photo=b"b")
    assert first.seq == second.seq
    send(station, first, its)
    assert alarms(place, station) == []
    send(twin, second, theirs)
    send(twin, second, theirs)
    (told,) = alarms(place, station)
    assert (told.kind, told.epoch, told.seq) == ("number", 1, first.seq)
    assert (told.held, told.came, told.carrier) == (first.record, second.record, station.id)
    kept = {body.record for body, _ in place.receipts() if body.kind == "stored"}
    assert {first.record, second.record} <= kept


def test_one_record_in_two_packets_is_an_alarm(place: Place, station: Station) -> None:
    first, its = station.packet(photo=b"a")
    second, theirs = replace(station).packet(photo=b"b", record=first.record)
    send(station, first, its)
    for _ in range(2):
        with pytest.raises(DigestRefused):
            send(station, second, theirs)
    (told,) = alarms(place, station)
    assert (told.kind, told.held, told.came) == ("record", first.digest, second.digest)


def test_whoever_only_lies_about_a_digest_raises_no_alarm(place: Place, station: Station) -> None:
    one, data = station.packet(photo=b"a")
    send(station, one, data)
    liar = Station(place).enroll()
    said = wire.announce(data, packet.read_head(data), "a" * 64)
    client = liar.client()
    with pytest.raises(DigestRefused):
        client.send(replace(one, digest=said.digest), data, lambda _: None)
    client.hang_up()
    assert alarms(place, station) == []


def test_alarms_are_listed_by_the_stations_code(place: Place, station: Station) -> None:
    twin = replace(station)
    for who in (station, twin):
        send(who, *who.packet(photo=b"a"))
    assert station.body is not None
    run = CliRunner()
    told = run.invoke(app, ["alarms", "--data", str(place.data)]).stdout
    assert f"{station.body.code}  epoch 1, number 1: one number, two records" in told
    rows = run.invoke(app, ["alarms", "--json", "--data", str(place.data)]).stdout.splitlines()
    assert station.body.code in {json.loads(row)["code"] for row in rows}
    assert canonical.encode(json.loads(rows[0]))


def test_the_operators_page_names_the_copied_station(place: Place, station: Station) -> None:
    known = place.descriptor
    with place.books() as store:
        views = Views(store, place.data, known, lambda: datetime.now(UTC))
        before = views.summary(Visitor(operator="rosa", form="f"))
    assert station.body is not None
    for who in (station, replace(station)):
        send(who, *who.packet(photo=b"a"))
    with place.books() as store:
        views = Views(store, place.data, known, lambda: datetime.now(UTC))
        after = views.summary(Visitor(operator="rosa", form="f"))
        its_own = views.station(Visitor(operator="rosa", form="f"), station.body.code) or ""
        (row,) = (one for one in watching.rows(store) if one.station.station == station.id)
    named = f"/estaciones/{station.body.code}"
    assert "(pruebas: 1)" in after
    assert after.count(named) == before.count(named) + 1
    assert "es la identidad de dos equipos (pruebas: 1)" in its_own
    assert re.search(r"badge bad.{0,60}Copiada", its_own)
    assert (row.packets, row.missing, row.copied) == (2, 0, 1)
