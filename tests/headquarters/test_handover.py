"""Opened records reach the back office at least once, until it says that it holds them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar.testing import TestClient
from typer.testing import CliRunner

from migramovil.core import canonical, downstream
from migramovil.core.downstream import Decision
from migramovil.headquarters import handing, handover, hosting, setup
from migramovil.headquarters.commands import app
from migramovil.headquarters.downstream import downloads
from migramovil.headquarters.handover import Handover
from migramovil.headquarters.http import Pace
from migramovil.headquarters.objects import Objects
from migramovil.headquarters.opener import PacketOpener
from migramovil.headquarters.store import Store
from tests.headquarters.rig import Place, Station

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "record-1.json"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("hq") / "data").init().serving() as served:
        yield served


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    with place.books() as made:
        yield made


@pytest.fixture
def line(place: Place, store: Store) -> Handover:
    opener = PacketOpener(
        store=store,
        objects=Objects(place.data),
        descriptor=place.descriptor,
        keys=setup.opener(place.data),
    )
    made = Handover(store, opener)
    made.acknowledge([one.n for one in made.line()], "earlier")
    return made


@pytest.fixture
def station(place: Place) -> Station:
    return Station(place).enroll()


@pytest.fixture
def client(place: Place, store: Store, line: Handover) -> Iterator[TestClient]:
    for name, _, revoked in handover.clients(store):
        if not revoked:
            handover.revoke_client(store, name, "2026")
    token = handover.add_client(store, f"rim-{len(handover.clients(store))}", "2026")
    operational = canonical.from_text(place.descriptor.operational)
    made = handing.build_app(store, line, operational)
    with TestClient(made) as client:
        client.headers["authorization"] = f"Bearer {token}"
        yield client


def opened(place: Place, station: Station, count: int = 1) -> list[str]:
    client, records = station.client(), []
    for _ in range(count):
        one, data = station.packet(photo=b"the photo")
        client.send(one, data, lambda _: None)
        records.append(one.record)
    client.hang_up()
    place.judge()
    return records


def test_what_was_opened_stands_in_line_until_the_back_office_says_it_holds_it(
    place: Place, station: Station, client: TestClient
) -> None:
    records = opened(place, station, 3)
    for _ in range(2):  # asked again, it is given again
        told = client.get("/v1/handover").json()
        assert [one["record"]["content"].get("record") or one["folio"] for one in told["records"]]
        assert [one["seq"] for one in told["records"]] == [1, 2, 3]
    numbers = [one["n"] for one in told["records"]]
    assert client.post("/v1/handover/ack", json={"numbers": numbers[:2]}).json() == {"acked": 2}
    assert client.post("/v1/handover/ack", json={"numbers": numbers[:2]}).json() == {"acked": 0}
    left = client.get("/v1/handover").json()["records"]
    assert [one["n"] for one in left] == numbers[2:]
    assert client.get(f"/v1/handover?after={numbers[2]}").json()["records"] == []
    assert len(records) == 3


def test_pictures_are_fetched_by_name(place: Place, station: Station, client: TestClient) -> None:
    opened(place, station)
    (one,) = client.get("/v1/handover").json()["records"]
    assert one["record"]["applicant"]["names"] == "MARIA ÑUSTA"
    assert one["code"] == station.body.code  # type: ignore[union-attr]
    found = client.get(f"/v1/handover/{one['n']}/objects/portrait.jpg")
    assert (found.status_code, found.content) == (200, b"the photo")
    assert client.get(f"/v1/handover/{one['n']}/objects/nothing.jpg").status_code == 404
    assert client.get("/v1/handover/99999999/objects/portrait.jpg").status_code == 404


def test_a_refused_record_is_never_handed_over(
    place: Place, station: Station, client: TestClient
) -> None:
    one, data = station.packet(approvals=lambda _who, _act: [])
    made = station.client()
    made.send(one, data, lambda _: None)
    made.hang_up()
    place.judge()
    assert client.get("/v1/handover").json() == {"records": [], "unreadable": []}


def test_only_a_known_system_is_answered(store: Store, line: Handover, client: TestClient) -> None:
    for header in ("", "Bearer", "Bearer x", "Basic x", "Bearer " + "x" * 5000):
        answer = client.get("/v1/handover", headers={"authorization": header})
        assert answer.status_code == 401, header
    (name,) = [name for name, _, revoked in handover.clients(store) if not revoked]
    assert handover.revoke_client(store, name, "2026")
    assert client.get("/v1/handover").status_code == 401
    with pytest.raises(handover.ClientTaken):
        handover.add_client(store, name, "2026")


def test_nothing_of_a_record_lies_in_clear_at_headquarters(
    place: Place, station: Station, client: TestClient
) -> None:
    opened(place, station)
    client.get("/v1/handover")
    found = [
        path
        for path in place.data.rglob("*")
        if path.is_file()
        and any(mark in path.read_bytes() for mark in ("ÑUSTA".encode(), b"the photo"))
    ]
    assert found == []


def test_a_record_that_no_longer_opens_is_named_and_holds_nothing_up(
    place: Place, station: Station, client: TestClient
) -> None:
    first, second = opened(place, station, 2)
    (file,) = (place.data / "packets" / station.id / first).iterdir()
    file.write_bytes(b"damaged")
    told = client.get("/v1/handover").json()
    assert len(told["unreadable"]) == 1
    assert [one["seq"] for one in told["records"]] == [2]
    assert second


def test_asking_too_often_is_answered_so(place: Place, store: Store, line: Handover) -> None:
    made = handing.build_app(store, line, b"", pace=Pace(0.0, 2))
    with TestClient(made) as client:
        codes = [client.get("/v1/handover").status_code for _ in range(3)]
    assert codes == [401, 401, 429]


# --- folder -----------------------------------------------------------------------------------
def test_a_folder_gets_each_record_whole_and_gives_it_up_once_taken_over(
    place: Place, station: Station, line: Handover, tmp_path: Path
) -> None:
    (record,) = opened(place, station)
    out = tmp_path / "out"
    (tmp_path / "out").mkdir(mode=0o700)
    (out / ".x.part").mkdir()  # a power cut left half of one
    assert handing.drop(line, out) == (1, 0)
    assert handing.drop(line, out) == (0, 0)
    (folder,) = out.iterdir()
    assert folder.name.endswith(record)
    assert json.loads((folder / "record.json").read_text())["folio"]
    assert (folder / "objects" / "portrait.jpg").read_bytes() == b"the photo"
    assert folder.stat().st_mode & 0o077 == 0
    (folder / handing.ACK).touch()
    assert handing.drop(line, out) == (0, 1)
    assert list(out.iterdir()) == []
    assert line.line() == []


def test_records_are_not_put_where_others_can_read(line: Handover, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(handing.OpenFolder):
        handing.drop(line, tmp_path)


# --- decisions -----------------------------------------------------------------------------------
def decision(record: str, folio: str, words: str, day: int = 1) -> dict[str, str]:
    decided = f"2026-12-{day:02d}T00:00:00+00:00"
    return {"record": record, "folio": folio, "decided": decided, "words": words}


def test_decisions_come_back_sealed_and_go_down_to_the_station_that_captured_it(
    place: Place, station: Station, store: Store, client: TestClient
) -> None:
    records = opened(place, station, 2)
    folios = [one["folio"] for one in client.get("/v1/handover").json()["records"]]
    told = [
        decision(*pair, f"Aprobado {at}")
        for at, pair in enumerate(zip(records, folios, strict=True))
    ]
    assert client.post("/v1/handover/decisions", json={"decisions": told}).json() == {"kept": 2}
    again = [told[0], decision(records[1], folios[1], "Observado", day=2)]
    assert client.post("/v1/handover/decisions", json={"decisions": again}).json() == {"kept": 1}
    books = (place.data / "headquarters.db").read_bytes()
    assert b"Aprobado" not in books
    keys = setup.opener(place.data).every_operational
    registrar = setup.edge(place.data).registrar
    sent = handover.publish_decisions(store, keys, registrar, realm=place.realm)
    assert station.body is not None
    assert (station.body.code, 2) in sent
    assert handover.publish_decisions(store, keys, registrar, realm=place.realm) == []
    here = store.station(station.id)
    assert here is not None
    (down,) = downloads(store, here)
    manifest = downstream.read_manifest(
        down.signed, place.descriptor.registrars, realm=place.realm, station=station.id
    )
    found = downstream.read_decisions(downstream.open_content(manifest, down.body, station.kem))
    assert found == tuple(
        Decision(**one) for one in (decision(records[0], folios[0], "Aprobado 0"), again[1])
    )


def test_a_decision_about_nothing_here_keeps_none_of_its_letter(
    place: Place, station: Station, store: Store, client: TestClient
) -> None:
    (record,) = opened(place, station)
    (folio,) = [one["folio"] for one in client.get("/v1/handover").json()["records"]]
    good = decision(record, folio, "Aprobado")
    for bad in (
        decision("0192bbbb-0000-7000-8000-000000000009", folio, "x"),
        decision(record, "another", "x"),
        {**good, "decided": "yesterday"},
    ):
        answer = client.post("/v1/handover/decisions", json={"decisions": [good, bad]})
        assert (answer.status_code, answer.json()["code"]) == (422, "HQ-34"), bad
    assert client.post("/v1/handover/decisions", content=b"{").status_code == 400
    assert client.post("/v1/handover/decisions", json={"decisions": [good]}).json() == {"kept": 1}


# --- commands and schema ------------------------------------------------------------------------
def test_the_desk_names_systems_and_sees_the_line(place: Place, station: Station) -> None:
    run, data = CliRunner(), ["--data", str(place.data)]
    made = run.invoke(app, ["handover", "client-add", "archivo", *data, "--json"])
    assert json.loads(made.stdout)["token"]
    assert "archivo" in run.invoke(app, ["handover", "clients", *data]).stdout
    assert run.invoke(app, ["handover", "client-revoke", "archivo", *data]).exit_code == 0
    assert run.invoke(app, ["handover", "client-revoke", "archivo", *data]).exit_code == 2
    (record,) = opened(place, station)
    listed = run.invoke(app, ["handover", "line", *data, "--json"])
    assert record in [json.loads(row)["record"] for row in listed.stdout.splitlines()]
    done = run.invoke(app, ["handover", "publish-decisions", *data])
    assert done.exit_code == 0, done.output


def test_the_published_schema_is_the_one_in_use() -> None:
    told = json.loads(json.dumps(handover.schema()))
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == told


def test_others_may_listen_only_over_tls() -> None:
    with pytest.raises(hosting.NeedsTls):
        hosting.host(lambda *_: None, address="0.0.0.0", port=0)  # type: ignore[arg-type,return-value]  # noqa: S104
