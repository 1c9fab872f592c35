"""Headquarters publishes; each station gets the newest that is for it, and nobody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from migramovil.core import canonical, downstream, sealing
from migramovil.core.downstream import Kind
from migramovil.headquarters import commands, setup
from migramovil.headquarters import downstream as published
from migramovil.sync import wire
from migramovil.sync.ports import HeadquartersBusy, LoginRefused
from tests.headquarters.rig import NOW, Place, Station

UTC = NOW.isoformat()
CARDS = b'[{"serial":"A1","folio":"f","surnames":"S","names":"N"}]'


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("hq") / "data").init().serving() as serving:
        yield serving


def publish(place: Place, kind: Kind, content: bytes, station: Station | None = None) -> int:
    keys = setup.edge(place.data)
    with place.books() as store:
        known = store.station(station.id) if station else None
        made = published.publish(
            store, keys.registrar, kind, content, realm=place.realm, utc=UTC, station=known
        )
    return made.version


def listed(station: Station) -> dict[str, downstream.Manifest]:
    client = station.client()
    try:
        answer = client.fetch(wire.DOWNSTREAM_PATH)
        assert answer is not None
        assert client.fetch(wire.DOWNSTREAM_PATH, wire.etag(answer)) is None
    finally:
        client.hang_up()
    registrars = [setup.edge(station.place.data).registrar.public]
    found = (
        downstream.read_manifest(one, registrars, realm=station.place.realm, station=station.id)
        for one in canonical.decode(answer, wire.Downstream).manifests
    )
    return {one.kind: one for one in found}


def test_a_station_fetches_the_newest_of_each_kind_and_only_what_is_for_it(place: Place) -> None:
    one, other = Station(place).enroll(), Station(place).enroll()
    publish(place, Kind.SETTINGS, b'{"draft_days":2}')
    newest = publish(place, Kind.SETTINGS, b'{"draft_days":3}')
    publish(place, Kind.CARDS, CARDS, one)
    assert listed(one).keys() == {"settings", "cards"}
    assert listed(other).keys() == {"settings"}
    assert listed(one)["settings"].version == newest
    cards = listed(one)["cards"]
    client, stranger = one.client(), other.client()
    body = client.fetch(wire.download_path(cards.sha256, 0))
    assert body is not None
    assert downstream.open_content(cards, body, one.kem) == CARDS
    for asking, path in (
        (stranger, wire.download_path(cards.sha256, 0)),
        (client, wire.download_path(cards.sha256, 1)),
        (client, wire.download_path("0" * 64, 0)),
    ):
        with pytest.raises(HeadquartersBusy):
            asking.fetch(path)
    client.hang_up()
    stranger.hang_up()


def test_nobody_unknown_is_told_what_there_is(place: Place) -> None:
    station = Station(place).enroll()
    station.transport = sealing.Signer.new()
    client = station.client()
    with pytest.raises(LoginRefused):
        client.fetch(wire.DOWNSTREAM_PATH)
    client.hang_up()


def test_versions_count_up_across_stations(place: Place) -> None:
    one, other = Station(place).enroll(), Station(place).enroll()
    versions = [publish(place, Kind.CARDS, b"[]", who) for who in (one, other, one)]
    assert versions == sorted(set(versions))


def test_the_command_publishes_what_a_station_could_use_and_refuses_the_rest(
    place: Place, tmp_path: Path
) -> None:
    station = Station(place).enroll()
    with place.books() as store:
        known = store.station(station.id)
    assert known is not None
    file = tmp_path / "list.json"

    def run(*more: str) -> tuple[int, str]:
        done = CliRunner().invoke(commands.app, ["publish", *more, "--data", str(place.data)])
        return done.exit_code, done.output

    file.write_bytes(CARDS)
    assert "HQ-81" in run("cards", str(file))[1]
    assert "HQ-80" in run("cards", str(file), "--station", "99Z")[1]
    code, said = run("cards", str(file), "--station", known.code, "--json")
    assert (code, json.loads(said)["station"]) == (0, station.id)
    file.write_bytes(b'{"idle_minutes": 999}')
    assert (run("settings", str(file))[0], "DWN-04" in run("settings", str(file))[1]) == (1, True)
    file.write_bytes(b"{}")
    code, said = run("settings", str(file), "--days", "30", "--json")
    assert json.loads(said)["expires"] > json.loads(said)["issued"]
    with place.books() as store:
        assert published.publications(store)[-1].kind == "settings"
