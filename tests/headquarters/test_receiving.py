from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from typer.testing import CliRunner

from migramovil.core import canonical, packet, roles, sealing
from migramovil.core.record import Realm, Signed, WrongRealm
from migramovil.headquarters import setup
from migramovil.headquarters.commands import app
from migramovil.headquarters.vouching import Unacceptable, Vouchers, check_chain
from migramovil.sync import https, wire
from migramovil.sync.engine import SyncEngine
from migramovil.sync.ports import (
    CertificateExpired,
    DigestRefused,
    Forgetful,
    LoginRefused,
    NoLink,
    NoTerms,
    NotHeadquarters,
    NotUnderstood,
)
from tests.headquarters.rig import MemoryOutbox, Person, Place, Station, uuid7


def nothing(_: int) -> None:
    pass


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("hq") / "data").init().serving() as served:
        yield served


@pytest.fixture
def station(place: Place) -> Station:
    place.judge()  # what other tests left behind
    return Station(place).enroll()


@pytest.fixture
def client(station: Station) -> Iterator[https.HttpsHeadquarters]:
    made = station.client()
    yield made
    made.hang_up()


def about(place: Place, record: str) -> list[str]:
    return [body.kind for body, _ in place.receipts() if body.record == record]


def engine(station: Station, outbox: MemoryOutbox, client: https.HttpsHeadquarters) -> SyncEngine:
    return SyncEngine(outbox, client, station.place.descriptor, clock=lambda: datetime.now(UTC))


def test_a_packet_goes_from_sealed_to_opened(
    place: Place, station: Station, client: https.HttpsHeadquarters
) -> None:
    outbox = MemoryOutbox()
    one, data = station.packet()
    outbox.add(one, data)
    made = engine(station, outbox, client)
    assert made.turn().kind == "waiting"
    assert outbox.state(one.record) == "stored"
    assert [verdict.kind for verdict in place.judge()] == ["opened"]
    status = made.turn()
    assert (status.kind, outbox.state(one.record)) == ("up_to_date", "opened")
    assert status.last_contact_utc


def test_the_same_packet_again_gets_the_same_receipt(
    place: Place, station: Station, client: https.HttpsHeadquarters
) -> None:
    one, data = station.packet()
    first = client.send(one, data, nothing)
    again = client.send(one, data, nothing)
    assert first == again
    assert len(first) == 1
    assert about(place, one.record) == ["stored"]


def test_another_packet_under_the_same_record_is_refused(
    place: Place, station: Station, client: https.HttpsHeadquarters
) -> None:
    one, data = station.packet()
    client.send(one, data, nothing)
    other, changed = station.packet(record=one.record, photo=b"other" * 9)
    with pytest.raises(DigestRefused):
        client.send(other, changed, nothing)
    assert about(place, one.record) == ["stored"]


class CutError(Exception):
    pass


def test_a_cut_link_costs_only_the_missing_parts(place: Place, station: Station) -> None:
    one, data = station.packet(photo=os.urandom(640_000))
    there = 3 * wire.PART_SIZE
    spent: list[int] = []
    memory, terms = Forgetful(), NoTerms()
    terms.spent = spent.append  # type: ignore[method-assign]

    def life() -> https.HttpsHeadquarters:
        return https.HttpsHeadquarters(
            place.descriptor,
            station.id,
            station.transport,
            realm=place.realm,
            url=place.url,
            terms=terms,
            memory=memory,
        )

    def cut_after_three(held: int) -> None:
        if held >= there:
            raise CutError

    first = life()
    with pytest.raises(CutError):
        first.send(one, data, cut_after_three)
    first.hang_up()
    spent.clear()
    second = life()
    assert second.send(one, data, nothing)
    second.hang_up()
    words = 40_000  # greeting, announcement, answers
    assert sum(spent) <= one.size - there + words


def test_any_enrolled_station_may_carry_a_packet(place: Place, station: Station) -> None:
    one, data = station.packet()
    carrier = Station(place).enroll().client()
    try:
        (receipt,) = carrier.send(one, data, nothing)
    finally:
        carrier.hang_up()
    body = json.loads(base64.b64decode(receipt.body))
    assert (body["station"], body["record"]) == (one.station, one.record)


def test_a_forged_station_signature_is_not_taken(
    place: Place, station: Station, client: https.HttpsHeadquarters
) -> None:
    thief = Station(place)
    thief.body, thief.account = station.body, station.account
    one, data = thief.packet()
    with pytest.raises(NotUnderstood):
        client.send(one, data, nothing)
    assert about(place, one.record) == []


def test_a_request_with_another_transport_key_is_not_answered(station: Station) -> None:
    station.transport = sealing.Signer.new()
    client = station.client()
    one, data = station.packet()
    with pytest.raises(LoginRefused):
        client.send(one, data, nothing)
    client.hang_up()


def test_a_revoked_station_is_not_heard(place: Place, station: Station) -> None:
    assert station.body is not None
    with place.books() as store:
        assert store.revoke(station.body.code, "2026-11-23T00:00:00+00:00")
    client = station.client()
    with pytest.raises(LoginRefused):
        client.receipts([(station.id, station.packet()[0].record)])
    client.hang_up()


def test_a_part_that_is_not_the_announced_one_is_refused(
    station: Station, client: https.HttpsHeadquarters
) -> None:
    one, data = station.packet()
    broken = bytearray(data)
    broken[-1] ^= 1
    with pytest.raises(DigestRefused):  # the digest is honest, the bytes are not
        client.send(one, bytes(broken), nothing)


def test_a_huge_body_is_refused_before_it_is_read(place: Place, station: Station) -> None:
    signed = wire.sign_request(station.id, station.transport, "POST", wire.PACKETS_PATH, b"")
    for headers in ({}, {wire.HEADER: signed}):
        limit = 64 * 1024 if not headers else 2 * 1024 * 1024
        path = wire.PING_PATH if not headers else wire.PACKETS_PATH
        with httpx.Client(verify=https.pinned(place.descriptor.tls_ca), trust_env=False) as plain:
            answer = plain.post(place.url + path, content=b" " * (limit + 1), headers=headers)
        assert answer.status_code == 413


@pytest.mark.parametrize("name", ["..", "%2e%2e%2fx", "A B", "x" * 200])
def test_no_name_from_outside_becomes_a_path(place: Place, station: Station, name: str) -> None:
    path = wire.part_path(station.id, "0a", name, 0)
    with httpx.Client(verify=https.pinned(place.descriptor.tls_ca), trust_env=False) as plain:
        request = plain.build_request("PUT", place.url + path, content=b"x")
        signed_path = request.url.path
        request.headers[wire.HEADER] = wire.sign_request(
            station.id, station.transport, "PUT", signed_path, b"x"
        )
        answer = plain.send(request)
    assert 400 <= answer.status_code < 500
    assert not (place.data / "parts" / station.id / "0a").exists()


# --- realms, identity, time ----------------------------------------------------------------
def test_a_training_station_does_not_talk_to_production(tmp_path: Path) -> None:
    with Place(tmp_path / "p", realm=Realm.PRODUCTION).init().serving() as production:
        code = production.code()
        with pytest.raises(WrongRealm):
            https.first_contact(production.url, code, realm=Realm.TRAINING)
        known = https.first_contact(production.url, code, realm=Realm.PRODUCTION)
        with pytest.raises(WrongRealm):
            https.HttpsHeadquarters(
                known, "s", sealing.Signer.new(), realm=Realm.TRAINING, url=production.url
            )
        lying = replace(known, realm=Realm.TRAINING)
        asked = Station(production).request(code, Realm.TRAINING)
        with pytest.raises(WrongRealm):
            https.enroll(lying, asked, url=production.url)


def test_headquarters_refuses_another_realm_by_itself(place: Place, station: Station) -> None:
    with httpx.Client(verify=https.pinned(place.descriptor.tls_ca), trust_env=False) as plain:
        asked = station.request(place.code(), Realm.PRODUCTION)
        answer = plain.post(place.url + wire.ENROLL_PATH, content=canonical.encode(asked))
        assert (answer.status_code, answer.json()["code"]) == (403, "wrong_realm")
    client = station.client()
    one, data = station.packet(realm=Realm.PRODUCTION)
    with pytest.raises(WrongRealm):
        client.send(one, data, nothing)
    client.hang_up()


def test_a_code_of_another_headquarters_is_not_believed(place: Place, tmp_path: Path) -> None:
    other = Place(tmp_path / "other").init()
    with pytest.raises(NotHeadquarters):
        https.first_contact(place.url, other.code(), realm=Realm.TRAINING)


def test_a_server_outside_the_pinned_authority_is_not_spoken_to(
    place: Place, station: Station, tmp_path: Path
) -> None:
    foreign = replace(place.descriptor, tls_ca=Place(tmp_path / "other").init().descriptor.tls_ca)
    client = https.HttpsHeadquarters(
        foreign, station.id, station.transport, realm=Realm.TRAINING, url=place.url
    )
    with pytest.raises(NotHeadquarters):
        client.receipts([])


def test_no_server_is_no_link(station: Station) -> None:
    client = https.HttpsHeadquarters(
        station.place.descriptor,
        station.id,
        station.transport,
        realm=Realm.TRAINING,
        url="https://127.0.0.1:9",
    )
    with pytest.raises(NoLink):
        client.receipts([])


def test_an_expired_certificate_is_noticed_by_headquarters_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "_CERTIFICATE_LIFE", timedelta(hours=-1))
    with (
        Place(tmp_path / "hq").init().serving() as place,
        pytest.raises(CertificateExpired),
    ):
        Station(place).enroll()


def test_a_code_is_used_once_but_a_lost_answer_can_be_asked_again(place: Place) -> None:
    code = place.code()
    station = Station(place)
    known = https.first_contact(place.url, code, realm=Realm.TRAINING)
    first = https.enroll(known, station.request(code), url=place.url)
    assert https.enroll(known, station.request(code), url=place.url) == first
    with pytest.raises(https.EnrolmentRefused):
        https.enroll(known, Station(place).request(code), url=place.url)


# --- opening --------------------------------------------------------------------------------
def refusal(place: Place, station: Station, one: tuple[object, bytes]) -> str:
    client = station.client()
    waiting, data = one
    client.send(waiting, data, nothing)  # type: ignore[arg-type]
    client.hang_up()
    (verdict,) = place.judge()
    assert verdict.kind == "refused"
    body, signed = place.receipts()[-1]
    assert (body.kind, body.reason) == ("refused", verdict.reason)
    signed.verified(canonical.from_text(place.descriptor.opened_signer))
    return verdict.reason


@pytest.mark.parametrize("where", [-1, 200, 5000])
def test_a_packet_damaged_on_disk_is_refused_and_never_opened(
    place: Place, station: Station, client: https.HttpsHeadquarters, where: int
) -> None:
    one, data = station.packet()
    client.send(one, data, nothing)
    path = place.data / "packets" / one.station / one.record / f"{one.digest}.packet"
    held = bytearray(path.read_bytes())
    held[where] ^= 1
    path.write_bytes(held)
    (verdict,) = place.judge()
    assert (verdict.kind, verdict.reason) == ("refused", "HQ-05 packet damaged")
    path.write_bytes(data)
    assert place.judge() == []
    assert about(place, one.record) == ["stored", "refused"]


def test_an_approval_over_other_content_is_refused(place: Place, station: Station) -> None:
    def other(who: Station, act: roles.ActBody) -> list[roles.Approval]:
        return [who.approve(replace(act, content_sha256="0" * 64))]

    assert refusal(place, station, station.packet(approvals=other)) == "HQ-05 approval binding"


def test_an_approval_by_an_unknown_key_is_refused(place: Place, station: Station) -> None:
    def forged(who: Station, act: roles.ActBody) -> list[roles.Approval]:
        return [who.approve(act, Person())]

    assert refusal(place, station, station.packet(approvals=forged)).startswith("SEC-01")


def test_an_account_nobody_vouched_for_is_refused(place: Place, station: Station) -> None:
    def self_made(who: Station, act: roles.ActBody) -> list[roles.Approval]:
        person = Person()
        body = person.body(who.id, roles.Role.SUPERVISOR, Realm.TRAINING)
        vouched = signed_by(person, body)
        act = replace(act, account=person.account)
        signed = signed_by(person, act)
        return [roles.Approval(signed=signed, chain=(roles.Account(body=body, vouched=vouched),))]

    assert refusal(place, station, station.packet(approvals=self_made)).startswith("SEC-01")


def test_an_officer_vouched_by_the_supervisor_may_finish(
    place: Place, station: Station, client: https.HttpsHeadquarters
) -> None:
    one, data = station.packet(approvals=by_officer(roles.Role.OFFICER))
    client.send(one, data, nothing)
    assert [verdict.kind for verdict in place.judge()] == ["opened"]


def test_a_technician_may_not_finish(place: Place, station: Station) -> None:
    made = station.packet(approvals=by_officer(roles.Role.TECHNICIAN))
    assert refusal(place, station, made) == "HQ-05 approval role"


def missing_finger(station: Station, record: str, second: str, **change: str) -> dict[str, object]:
    """One finger declared missing, approved by the supervisor ("boss") or by an officer."""
    publics = [station.place.descriptor.operational, station.place.descriptor.recovery]
    said = {"position": 2, "code": "amputated", "reason": "x"}
    act = roles.ActBody(
        act="approve_exception",
        suite=sealing.SUITE,
        realm=Realm.TRAINING,
        station=station.id,
        record=record,
        recipients=tuple(sealing.key_id(canonical.from_text(one)) for one in publics),
        account=station.boss.account,
        content_sha256=sealing.sha256(canonical.encode(said)),
        utc="2026-11-23T12:00:00+00:00",
    )
    boss = station.approve(act)
    approval = boss if second == "boss" else by_officer(roles.Role.OFFICER)(station, act)[0]
    finger = {"position": 2, "exception": "amputated", "reason": "x", "declared_by": "someone"}
    return {"fingers": [{**finger, "approval": approval, **change}]}


def test_an_exception_approved_by_somebody_else_is_opened(place: Place, station: Station) -> None:
    record = uuid7()
    client = station.client()
    one, data = station.packet(record=record, content=missing_finger(station, record, "officer"))
    client.send(one, data, nothing)
    client.hang_up()
    assert [(one.kind, one.reason) for one in place.judge()] == [("opened", "")]


def test_one_person_is_not_four_eyes(place: Place, station: Station) -> None:
    record = uuid7()
    made = station.packet(record=record, content=missing_finger(station, record, "boss"))
    assert refusal(place, station, made) == "HQ-05 four eyes"


def test_an_approval_covers_exactly_the_exception_it_was_given_for(
    place: Place, station: Station
) -> None:
    record = uuid7()
    content = missing_finger(station, record, "officer", reason="another")
    made = station.packet(record=record, content=content)
    assert refusal(place, station, made) == "HQ-05 approval binding"


def test_an_exception_nobody_approved_is_refused(place: Place, station: Station) -> None:
    content = {"fingers": [{"position": 2, "exception": "amputated"}]}
    made = station.packet(content=content)
    assert refusal(place, station, made) == "HQ-05 exception approval"


def test_a_record_nobody_finished_is_refused(place: Place, station: Station) -> None:
    made = station.packet(approvals=lambda who, act: [])
    assert refusal(place, station, made) == "HQ-05 finish approval"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sha256": "0" * 64}, "HQ-05 object hash"),
        ({"id": "b2"}, "HQ-05 objects listed"),
        ({"name": "../x.jpg"}, "HQ-05 object names"),
        ({"name": ".hidden"}, "HQ-05 object names"),
        ({"name": "record.json"}, "HQ-05 object names"),
    ],
)
def test_objects_must_be_what_the_record_says(
    place: Place, station: Station, change: dict[str, str], reason: str
) -> None:
    photo = b"x"
    listed = {
        "id": "a1",
        "role": "portrait",
        "media_type": "image/jpeg",
        "sha256": sealing.sha256(photo),
        "name": "portrait.jpg",
    }
    made = station.packet(photo=photo, content={"objects": [{**listed, **change}]})
    assert refusal(place, station, made) == reason


def test_the_books_say_which_record_a_correction_replaces(
    place: Place, station: Station, client: https.HttpsHeadquarters
) -> None:
    wrong, data = station.packet()
    client.send(wrong, data, nothing)
    content = {"supersedes": wrong.record, "correction": "apellido"}
    right, data = station.packet(supersedes=wrong.record, content=content)
    client.send(right, data, nothing)
    assert [verdict.kind for verdict in place.judge()] == ["opened", "opened"]
    said = CliRunner().invoke(app, ["receipts", "--data", str(place.data)]).stdout.splitlines()
    assert f"{right.record}  opened  supersedes {wrong.record}" in said
    assert f"{wrong.record}  opened" in said


def test_a_correction_must_name_the_same_record_inside_and_out(
    place: Place, station: Station
) -> None:
    made = station.packet(supersedes="0192bbbb-0000-7000-8000-000000000009")
    assert refusal(place, station, made) == "HQ-05 supersedes"


def test_an_opened_record_is_written_in_clear_and_the_opening_is_logged(
    place: Place, station: Station, client: https.HttpsHeadquarters, tmp_path: Path
) -> None:
    one, data = station.packet(photo=b"the photo")
    client.send(one, data, nothing)
    out = tmp_path / "out"
    done = CliRunner().invoke(
        app, ["open", one.record, "--data", str(place.data), "--out", str(out), "--json"]
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["record_id"] == one.record
    assert (out / "portrait.jpg").read_bytes() == b"the photo"
    assert json.loads((out / "record.json").read_text())["applicant"]["names"] == "MARIA ÑUSTA"
    with place.books() as store:
        assert one.record in [record for _, record, _ in store.openings()]
    again = CliRunner().invoke(
        app, ["open", one.record, "--data", str(place.data), "--out", str(out)]
    )
    assert again.exit_code == 1
    assert "HQ-07" in again.stderr
    place.judge()


# --- receipts and keys ----------------------------------------------------------------------
def test_receipts_verify_with_ed25519_alone_and_form_a_chain(
    place: Place, station: Station, client: https.HttpsHeadquarters
) -> None:
    for _ in range(3):
        one, data = station.packet(photo=b"x")
        client.send(one, data, nothing)
    place.judge()
    done = CliRunner().invoke(app, ["receipts", "--data", str(place.data), "--json"])
    previous, serial = "", 0
    for line in done.stdout.splitlines():
        row = json.loads(line)
        assert set(row) == {"record_id", "kind", "body", "signature", "public_key"}
        raw = base64.b64decode(row["body"])
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(row["public_key"]))
        public.verify(base64.b64decode(row["signature"]), raw)
        body = json.loads(raw)
        if body["station"] == station.id:
            serial += 1
            assert (body["serial"], body["previous"]) == (serial, previous)
            previous = sealing.sha256(raw)
    assert serial == 6


def test_the_receiver_needs_no_key_that_opens(tmp_path: Path) -> None:
    place = Place(tmp_path / "hq").init()
    shutil.rmtree(place.data / "opener")
    shutil.rmtree(place.data / "offline")
    with place.serving():
        station = Station(place).enroll()
        client = station.client()
        one, data = station.packet()
        assert client.send(one, data, nothing)
        client.hang_up()
    with pytest.raises(setup.NotSetUp):
        place.judge()


def test_receipts_by_a_wrong_key_move_nothing_and_halt(tmp_path: Path) -> None:
    place = Place(tmp_path / "hq").init()
    with place.serving(wrong_receipt_key=True):
        station = Station(place).enroll()
        outbox = MemoryOutbox()
        for _ in range(4):
            outbox.add(*station.packet(photo=b"x"))
        client = station.client()
        status = engine(station, outbox, client).turn()
        client.hang_up()
    assert status.kind == "halted"
    assert status.trouble is not None
    assert status.trouble.code == "SYN-07"
    assert outbox.counts().sealed == 4


def test_private_keys_do_not_open_without_their_unlock_file(tmp_path: Path) -> None:
    data, medium = tmp_path / "hq", tmp_path / "medium"
    setup.init(data, realm=Realm.TRAINING, url="https://127.0.0.1:1", unlock=medium)
    assert setup.opener(data, medium)
    assert (medium / "edge.unlock").stat().st_mode & 0o077 == 0
    (medium / "opener.unlock").unlink()
    with pytest.raises(setup.NotSetUp):
        setup.opener(data, medium)
    root = (medium / "offline.unlock").read_text()
    (medium / "opener.unlock").write_text(root)
    with pytest.raises(sealing.CannotOpen):
        setup.opener(data, medium)


def test_headquarters_is_never_prepared_twice(tmp_path: Path) -> None:
    arguments = ["init", "--data", str(tmp_path / "d"), "--realm", "training", "--url"]
    run = CliRunner()
    assert run.invoke(app, [*arguments, "https://127.0.0.1:8443"]).exit_code == 0
    before = (tmp_path / "d" / "descriptor.json").read_bytes()
    again = run.invoke(app, [*arguments, "https://127.0.0.1:8443"])
    assert again.exit_code == 1
    assert "HQ-03" in again.stderr
    assert (tmp_path / "d" / "descriptor.json").read_bytes() == before
    assert run.invoke(app, ["init"]).exit_code == 2
    plain = [*arguments[:2], str(tmp_path / "e"), *arguments[3:], "http://x"]
    assert run.invoke(app, plain).exit_code == 1


def test_a_station_added_at_the_desk_can_enrol(place: Place) -> None:
    run = CliRunner()
    made = run.invoke(
        app, ["stations", "add", "Norte", "--place", "Tumbes", "--data", str(place.data), "--json"]
    )
    row = json.loads(made.stdout)
    station = Station(place)
    known = https.first_contact(place.url, row["enrolment_code"].lower(), realm=Realm.TRAINING)
    _, body, account = https.enroll(known, station.request(row["enrolment_code"]), url=place.url)
    assert (body.code, body.place) == (row["code"], "Tumbes")
    assert account.role is roles.Role.SUPERVISOR
    listed = run.invoke(app, ["stations", "--data", str(place.data), "--json"])
    assert body.station in [json.loads(line)["station"] for line in listed.stdout.splitlines()]


def test_an_approval_without_a_chain_is_refused(station: Station) -> None:
    known = Vouchers(
        realm=Realm.TRAINING, station=station.id, registrars=(), signing=station.signer.public
    )
    with pytest.raises(Unacceptable):
        check_chain((), known)


def header(station: Station) -> packet.Header:
    return packet.read_head(station.packet(photo=b"x")[1]).header


def signed_by(person: Person, value: object) -> Signed:
    return Signed.by(person.signer, canonical.encode(value))


def by_officer(role: roles.Role) -> Callable[[Station, roles.ActBody], list[roles.Approval]]:
    def made(who: Station, act: roles.ActBody) -> list[roles.Approval]:
        assert who.account is not None
        person = Person()
        body = person.body(who.id, role, Realm.TRAINING)
        officer = roles.Account(body=body, vouched=signed_by(who.boss, body), by=who.boss.account)
        return [
            roles.Approval(
                signed=signed_by(person, replace(act, account=person.account)),
                chain=(officer, who.account),
            )
        ]

    return made
