"""A station written from docs/protocol.md alone, against the real programs of a headquarters."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.protocol import other
from tests.protocol.other import Body, Packet, Station, text
from tests.protocol.programs import Headquarters, url_of

ROOT = Path(__file__).parents[2]
COUNTRIES = ROOT / "resources" / "catalogues" / "countries.csv"
SCHEMA = json.loads((ROOT / "docs" / "schema" / "record-1.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class House:
    """Everything runs; one station that other hands wrote, and one that only carries."""

    headquarters: Headquarters
    url: str
    back_office: str
    token: str
    code: str  # an enrolment code nobody used yet


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = Headquarters(tmp_path_factory.mktemp("other") / "hq")
    made.run("init")
    with ExitStack() as running, ThreadPoolExecutor() as hands:
        edge = running.enter_context(made.running("serve", "--port", "0"))
        office = running.enter_context(made.running("handover", "serve", "--port", "0"))
        running.enter_context(made.running("opener"))
        added = hands.submit(made.run, "stations", "add", "Otra", "--place", "Lima")
        client = hands.submit(made.run, "handover", "client-add", "trámites")
        code, token = added.result()[0]["enrolment_code"], client.result()[0]["token"]
        yield House(made, url_of(edge), url_of(office), token, code)


@pytest.fixture(scope="module")
def station(house: House) -> Iterator[Station]:
    made = Station(house.url)
    made.enroll(house.code)
    yield made
    made.hang_up()


def record(station: Station, photo: bytes) -> Body:
    """Applicant and content in exactly the published shape: nobody who lives."""
    now = shaped("Stamp", utc=other.utc())
    listed = {"id": "a1", "role": "portrait", "media_type": "image/jpeg", "name": "portrait.jpg",
              "sha256": other.sha256(photo)}  # fmt: skip
    document = shaped("IdentityDocument", type="passport", number="X1")
    person = shaped("Applicant", given_names="PRUEBA", first_surname="ÑANDÚ", document=document,
                    guardian=shaped("Guardian"))  # fmt: skip
    content = shaped(
        "Content", record=other.uuid7(), schema=1, software="otra 1", station=station.id,
        officer=station.boss_id, started=now, started_by=station.boss_id, supersedes="",
        correction="", finished=now, procedure="CPP", catalogue="2026.1", receipt_number="",
        mrz_lines=[], outcome="enrolled", consent=None, portrait=None, fingers=[],
        finger_rules=shaped("FingerRules"), objects=[listed],
    )  # fmt: skip
    return {"applicant": person, "content": content}


def shaped(name: str, **given: Any) -> Body:
    """Every key the schema has under this name; what is not given is its default."""
    keys = SCHEMA["$defs"][name]["properties"]
    assert given.keys() <= keys.keys()
    return {key: given[key] if key in given else one["default"] for key, one in keys.items()}


def packed(station: Station, size: int = 150_000, **change: Any) -> Packet:
    photo = os.urandom(size)
    return station.packet(record(station, photo), {"a1": photo}, **change)


def verdict(station: Station, packet: Packet) -> Body:
    """The opener's word, once there is one."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = station.receipts(packet)
        if found[-1]["kind"] != "stored":
            return found[-1]
        time.sleep(0.05)
    raise AssertionError("no word of the opener")


# --- packets ------------------------------------------------------------------------------------
def test_what_another_station_brings_is_stored_and_opened(station: Station) -> None:
    packet = packed(station)
    assert [one["kind"] for one in station.bring(packet)] == ["stored"]
    assert verdict(station, packet)["kind"] == "opened"


@pytest.mark.parametrize("part_size", [65_536, 131_072, 262_144])
def test_parts_may_have_each_of_three_sizes_and_come_in_any_order(
    station: Station, part_size: int
) -> None:
    packet = packed(station, 300_000)
    missing = station.announce(packet, part_size).json["parts"]
    parts = other.cut(packet.whole, part_size)
    assert missing == list(range(len(parts)))
    for number in reversed(missing):
        path = f"{other.place(packet)}/parts/{number}"
        assert station.ask("PUT", path, parts[number]).status == 200
    assert station.announce(packet, part_size).json["parts"] == []
    assert station.bring(packet, part_size)[0]["kind"] == "stored"


def test_a_whole_packet_may_come_at_once_and_again(station: Station) -> None:
    packet = packed(station)
    assert station.announce(packet).status == 202
    path = f"{other.place(packet)}/parts/0"
    first = station.ask("PUT", path, packet.whole)
    assert other.read_receipts(first.json["receipts"], station.known, packet)
    again = station.announce(packet).json["receipts"]
    assert again[: len(first.json["receipts"])] == first.json["receipts"]  # word for word


def test_any_enrolled_station_may_carry_it(house: House, station: Station) -> None:
    added = house.headquarters.run("stations", "add", "Tercera", "--place", "Tumbes")
    carrier = Station(house.url)
    carrier.enroll(added[0]["enrolment_code"])
    packet = packed(station)
    assert carrier.bring(packet)[0]["station"] == station.id
    carrier.hang_up()


def test_all_receipts_of_a_station_are_one_chain(house: House) -> None:
    added = house.headquarters.run("stations", "add", "Cuarta", "--place", "Piura")
    station = Station(house.url)
    station.enroll(added[0]["enrolment_code"])
    for _ in range(2):
        packet = packed(station)
        station.bring(packet)
        verdict(station, packet)
    all_of_them = other.encode({"records": [[station.id, name] for name in station.records]})
    receipts = station.ask("POST", "/v1/receipts", all_of_them).json["receipts"]
    station.hang_up()
    other.check_chain(receipts)
    assert len(receipts) == 4


def test_a_record_somebody_else_finished_is_refused_with_a_reason(station: Station) -> None:
    packet = packed(station, finisher=Ed25519PrivateKey.generate())
    assert station.bring(packet)[0]["kind"] == "stored"
    said = verdict(station, packet)
    assert said["kind"] == "refused"
    assert said["reason"]


REFUSED = {
    "an unknown transport key": (401, "unknown_key"),
    "a used token": (403, "bad_token"),
    "parts before the announcement": (404, "not_announced"),
    "another packet of the same record": (409, "other_digest"),
    "too much at once": (413, "too_large"),
    "a part that was not announced": (422, "wrong_digest"),
    "no canonical body": (400, "bad_request"),
    "another realm": (403, "wrong_realm"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_each_refusal_has_the_status_and_the_code_of_the_table(
    house: House, station: Station, what: str
) -> None:
    answer = refusals(house, station)[what]()
    assert (answer.status, answer.json["code"]) == REFUSED[what]


def refusals(house: House, station: Station) -> dict[str, Any]:
    def unknown_key() -> other.Answer:
        return stranger(station).ask("POST", "/v1/receipts", other.encode({"records": []}))

    def used_token(realm: str = "training") -> other.Answer:
        token, _ = other.read_code(house.code)
        body = other.encode(Station(house.url).request(token, realm))
        return station.line.ask("POST", "/v1/enroll", body)

    def part(announced: bool) -> other.Answer:
        packet = packed(station)
        if announced:
            station.announce(packet)
        return station.ask("PUT", f"{other.place(packet)}/parts/0", b"x" * other.CHUNK)

    def second() -> other.Answer:
        packet = packed(station)
        station.bring(packet)
        inside = record(station, b"x")
        inside["content"]["record"] = packet.name[1]
        return station.announce(station.packet(inside, {"a1": b"x"}))

    return {
        "an unknown transport key": unknown_key,
        "a used token": used_token,
        "another realm": lambda: used_token("production"),
        "parts before the announcement": lambda: part(announced=False),
        "a part that was not announced": lambda: part(announced=True),
        "another packet of the same record": second,
        "too much at once": lambda: station.ask("POST", "/v1/letters", b"x" * 300_000),
        "no canonical body": lambda: station.ask("POST", "/v1/receipts", b'{"records": []}'),
    }


def stranger(station: Station) -> Station:
    """Somebody who has the station's id, and not its key."""
    return Station(station.url, known=station.known, me=station.me, _line=station.line)


# --- letters and people -------------------------------------------------------------------------
def test_headquarters_answers_letters_and_repeats_itself(station: Station) -> None:
    held = {"format": "migramovil/holdings/1", "epoch": 1, "finished": 1, "waiting": 0,
            "drafts": 0, "oldest_draft": "", "compartments": []}  # fmt: skip
    letter = station.letter(other.uuid7(), "holdings", other.encode(held))
    assert station.post(letter) == station.post(letter)


def test_a_new_person_is_vouched_for_and_may_finish(station: Station) -> None:
    key, kem, name = Ed25519PrivateKey.generate(), other.Kem.new(), other.uuid7()
    body = {
        "format": "migramovil/account/1", "realm": "training", "station": station.id,
        "account": name, "username": "nueva", "role": "officer",
        "signing": text(key.public_key().public_bytes_raw()), "sealing": text(kem.public),
    }  # fmt: skip
    new = {"body": body, "vouched": other.signed(station.boss, other.encode(body)),
           "by": station.boss_id}  # fmt: skip
    chain = [new, station.supervisor]
    answer = station.post(station.letter(other.uuid7(), "account", other.encode(chain)))
    signed = other.decode(other.from_text(answer["content"]))
    registrar = other.from_text(station.known["registrar"])
    assert other.verified(signed, registrar, "migramovil/account/1") == body
    packet = packed(station, finisher=key, chain=chain)
    station.bring(packet)
    assert verdict(station, packet)["kind"] == "opened"


# --- down, to the back office, and by stick -----------------------------------------------------
def test_what_is_published_comes_down_once(house: House, station: Station) -> None:
    house.headquarters.run("publish", "countries", str(COUNTRIES))
    assert station.published()["countries"] == COUNTRIES.read_bytes()
    listed = station.ask("GET", "/v1/downstream")
    known = f'"{other.sha256(listed.body)}"'
    assert station.ask("GET", "/v1/downstream", if_none_match=known).status == 304


def test_the_back_office_takes_it_over_and_its_word_comes_down(
    house: House, station: Station
) -> None:
    photo = os.urandom(9_000)
    packet = station.packet(record(station, photo), {"a1": photo})
    station.bring(packet)
    assert verdict(station, packet)["kind"] == "opened"
    line = asked(house, "GET", "/v1/handover?after=0&limit=100")["records"]
    mine = next(one for one in line if one["record"]["content"]["record"] == packet.name[1])
    assert mine["conforms"]
    assert (mine["station"], mine["digest"]) == (station.id, packet.digest)
    picture = f"/v1/handover/{mine['n']}/objects/portrait.jpg"
    assert asked(house, "GET", picture) == photo
    assert asked(house, "POST", "/v1/handover/ack", {"numbers": [mine["n"]]}) == {"acked": 1}
    word = {"record": packet.name[1], "folio": mine["folio"], "decided": other.utc(),
            "words": "Aprobado"}  # fmt: skip
    sent = asked(house, "POST", "/v1/handover/decisions", {"decisions": [word]})
    assert sent == {"kept": 1}
    house.headquarters.run("handover", "publish-decisions")
    assert json.loads(station.published()["decisions"]) == [word]


def asked(house: House, method: str, path: str, body: Any = None) -> Any:
    """What the back office is answered: JSON, or bytes."""
    at = urlsplit(house.back_office)
    line = http.client.HTTPConnection(at.hostname or "", at.port, timeout=20)
    said = json.dumps(body) if body is not None else None
    line.request(method, path, said, {"Authorization": f"Bearer {house.token}"})
    answer = line.getresponse()
    came, kind = answer.read(), answer.getheader("content-type") or ""
    line.close()
    assert answer.status == 200, came
    return json.loads(came) if "json" in kind else came


def test_a_stick_serves_as_well_as_the_wire(house: House, station: Station, tmp_path: Path) -> None:
    packet, letter = packed(station), station.letter(other.uuid7(), "holdings", b"{}")
    home = tmp_path / other.stick_home(station.id)
    for folder in ("up/packets", "up/letters"):
        (home / folder).mkdir(parents=True)
    (home / "up/packets" / f"{packet.digest}.packet").write_bytes(packet.whole)
    (home / "up/letters" / f"{other.sha256(letter)}.letter").write_bytes(letter)
    told = {
        "format": "migramovil/usb/1", "realm": "training", "station": station.id, "epoch": 1,
        "number": 1, "made_utc": other.utc(), "letters": [other.sha256(letter)], "asked": [],
        "packets": [{"record": packet.name[1], "digest": packet.digest,
                     "size": len(packet.whole)}],
    }  # fmt: skip
    manifest = other.signed(station.transport, other.encode(told))
    (home / "up/manifest.json").write_bytes(other.encode(manifest))
    house.headquarters.run("import", str(tmp_path), "--wait", "20")
    down = {path.name: other.decode(path.read_bytes()) for path in (home / "down").glob("*.json")}
    found = other.read_receipts(down["receipts.json"]["receipts"], station.known, packet)
    assert [one["kind"] for one in found] == ["stored", "opened"]
    stored = other.from_text(station.known["stored_signer"])
    other.read_answer(down["answers.json"]["answers"][0], letter, stored)
    root = other.from_text(station.known["root"])
    other.verified(down["descriptor.json"], root, "migramovil/headquarters/1")
    for said in down["downstream.json"]["manifests"]:
        listed = other.read_manifest(said, station.known, station.id)
        data = (home / "down/contents" / f"{listed['sha256']}.bin").read_bytes()
        assert other.read_published(listed, data, station.kem)
