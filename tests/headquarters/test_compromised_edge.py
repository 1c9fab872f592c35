"""The receiving edge holds the books, the registrar's key and the key that says `stored`. Taken by
somebody else it still opens nothing, and no other station is let in through it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from migramovil.core import canonical, letters, recovery, roles, sealing
from migramovil.core.record import Realm, Signed
from migramovil.core.recovery import ReleaseBody, ReplyBody, RequestBody, Spare
from migramovil.headquarters import operators, people, setup, vouching
from migramovil.headquarters import recovery as desk
from migramovil.headquarters.people import KeptLetter
from migramovil.headquarters.recovery import BadRequestFile, NoSuchSpare, StationRevoked
from migramovil.headquarters.store import Store
from migramovil.headquarters.vouching import Unacceptable, check_chain
from migramovil.sync import https, wire
from migramovil.sync.ports import NotHeadquarters, NotUnderstood
from tests.headquarters.rig import Person, Place, Station, uuid7

UTC = "2026-11-23T12:00:00Z"
OPERATORS = ("ana", "eva")
WORDS = "una frase larga de {}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("hq") / "data").init().serving() as served:
        with served.books() as store:
            for name in OPERATORS:
                operators.add(store, name, WORDS.format(name), UTC, memory_kib=64)
        yield served


def two(store: Store) -> list[tuple[str, sealing.Signer]]:
    return [(name, operators.unlock(store, name, WORDS.format(name))) for name in OPERATORS]


def revoke(place: Place, station: Station) -> None:
    assert station.body is not None
    with place.books() as store:
        assert store.revoke(station.body.code, UTC)


# --- whom packets are sealed to -------------------------------------------------------------
def test_no_key_of_the_edge_names_a_new_headquarters(place: Place) -> None:
    known, edge = place.descriptor, setup.edge(place.data)
    thief = canonical.text(sealing.Opener.new().public)
    for signer in (edge.registrar, edge.stored_signer, sealing.Signer.new()):
        own = canonical.text(signer.public)
        for changed in (
            replace(known, version=9, operational=thief),
            replace(known, version=9, operational=thief, root=own),
        ):
            said = Signed.by(signer, canonical.encode(changed))
            for shown in (said, replace(said, public_key=known.root)):
                root = wire.root_hash(canonical.from_text(known.root))
                with pytest.raises(NotHeadquarters):
                    https.read_descriptor(shown, root, realm=known.realm)


def test_no_proxy_of_the_system_stands_between_station_and_headquarters(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    line = Station(place).enroll().client()
    assert line.receipts([]) == ()
    line.hang_up()


# --- letting people back in ---------------------------------------------------------------------
def spares(station: Station) -> bytes:
    told = (Spare(number=1, secret=canonical.text(sealing.new_key())),)
    return letters.write(
        station.signer, realm=Realm.TRAINING, station=station.id, letter=f"recovery-{uuid7()}",
        kind="recovery", utc=UTC, secret=canonical.encode(told),
        recipients=[canonical.from_text(station.place.descriptor.operational)],
    )  # fmt: skip


def release(place: Place, station: Station) -> tuple[str, ...]:
    assert station.body is not None
    with place.books() as store:
        return desk.release(
            store, setup.opener(place.data).every_operational, lambda: two(store),
            realm=Realm.TRAINING, code=station.body.code, number=1, username="quispe", utc=UTC,
        )  # fmt: skip


def test_another_stations_secret_is_not_read_out_though_its_letter_was_put_among_ours(
    place: Place,
) -> None:
    ours, stolen = Station(place).enroll(), Station(place).enroll()
    with place.books() as store:
        people.keep_letter(
            store,
            KeptLetter(station=ours.id, id="planted", kind="recovery", body=spares(stolen),
                       received=UTC, answer="{}"),
        )  # fmt: skip
    with pytest.raises(NoSuchSpare):
        release(place, ours)
    line = ours.client()
    line.letter(spares(ours))
    line.hang_up()
    assert len(release(place, ours)) == 4


def request(ours: Station, key: bytes, sealed_for: str, **change: Any) -> bytes:
    """What a station asks by file, its vault key sealed as `sealed_for`'s."""
    assert ours.body is not None
    safe = setup.offline(ours.place.data).recovery.public
    body = RequestBody(
        realm=Realm.TRAINING, station=ours.id, code=ours.body.code, account=uuid7(),
        username="quispe", signing=canonical.text(sealing.Signer.new().public),
        sealing=canonical.text(sealing.Opener.new().public),
        vault=canonical.text(sealing.seal_to(safe, key, recovery.vault_purpose(sealed_for))),
        utc=UTC,
    )  # fmt: skip
    return canonical.encode(Signed.by(ours.transport, canonical.encode(replace(body, **change))))


def answered(place: Place, data: bytes) -> bytes:
    with place.books() as store:
        return desk.answer(
            store,
            setup.offline(place.data),
            lambda: two(store),
            data,
            realm=Realm.TRAINING,
            utc=UTC,
        )


def test_a_vault_key_taken_from_another_laptop_is_not_answered_to_this_station(
    place: Place,
) -> None:
    ours, stolen = Station(place).enroll(), Station(place).enroll()
    person = sealing.Opener.new()
    sealed = {"sealing": canonical.text(person.public)}
    with pytest.raises(BadRequestFile):
        answered(place, request(ours, b"v" * 32, sealed_for=stolen.id, **sealed))
    data = request(ours, b"v" * 32, sealed_for=ours.id, **sealed)
    root = canonical.from_text(place.descriptor.root)
    said = canonical.decode(answered(place, data), Signed).verified(root)
    reply = canonical.decode(said, ReplyBody)
    purpose = recovery.reply_purpose(ours.id, reply.reference, "quispe")
    assert person.open(canonical.from_text(reply.vault), purpose) == b"v" * 32


def test_a_request_that_is_not_whole_is_refused_before_anybody_approves_it(place: Place) -> None:
    station, other = Station(place).enroll(), Station(place).enroll()

    def nobody() -> Any:
        raise AssertionError("asked for approvals")

    wrong = [
        request(station, b"v" * 32, station.id, sealing="AAAA"),
        request(station, b"v" * 32, station.id, vault="AAAA"),
        request(station, b"v" * 32, station.id, realm=Realm.PRODUCTION),
        request(station, b"v" * 32, station.id, station=other.id),
        request(station, b"v" * 32, station.id, format="migramovil/request/1"),
        b"{}",
    ]
    for data in wrong:
        with place.books() as store, pytest.raises(BadRequestFile):
            desk.answer(
                store, setup.offline(place.data), nobody, data, realm=Realm.TRAINING, utc=UTC
            )


def test_nobody_is_let_back_into_a_station_reported_stolen(place: Place) -> None:
    station = Station(place).enroll()
    line = station.client()
    line.letter(spares(station))
    line.hang_up()
    revoke(place, station)
    with pytest.raises(StationRevoked):
        release(place, station)
    with pytest.raises(StationRevoked):
        answered(place, request(station, b"v" * 32, station.id))


def test_no_letter_of_a_station_reported_stolen_is_taken_whoever_carries_it(place: Place) -> None:
    station, carrier = Station(place).enroll(), Station(place).enroll()
    revoke(place, station)
    line = carrier.client()
    with pytest.raises(NotUnderstood):
        line.letter(spares(station))
    line.hang_up()


# --- people --------------------------------------------------------------------------------------
def sent(station: Station, kind: str, clear: bytes) -> bytes:
    """What headquarters' registrar signed in answer to a letter; b"" for nothing."""
    line = station.client()
    data = letters.write(
        station.signer, realm=Realm.TRAINING, station=station.id, letter=uuid7(), kind=kind,
        utc=UTC, clear=clear,
    )  # fmt: skip
    said = letters.check_answer(
        line.letter(data), data, station.place.descriptor.receipt_keys("stored")
    )
    line.hang_up()
    return canonical.from_text(said.content)


def test_a_supervisor_does_not_get_an_account_signed_under_the_name_of_a_revocation(
    place: Place,
) -> None:
    station, invented = Station(place).enroll(), Person()
    assert station.account is not None
    chain = (station.account,)
    revoked = roles.RevocationBody(
        realm=Realm.TRAINING, station=station.id, account=invented.account, reason="x", utc=UTC
    )
    account = invented.body(station.id, roles.Role.SUPERVISOR, Realm.TRAINING)
    both = json.loads(canonical.encode(revoked)) | json.loads(canonical.encode(account))
    for body, wanted in ((canonical.encode(both), False), (canonical.encode(revoked), True)):
        asked = roles.Revocation(signed=Signed.by(station.boss.signer, body), chain=chain)
        assert bool(sent(station, "revocation", canonical.encode(asked))) is wanted


def test_a_person_of_one_station_is_nobody_at_another(place: Place) -> None:
    ours, other = Station(place).enroll(), Station(place).enroll()
    assert ours.account is not None
    assert other.account is not None
    assert sent(ours, "account", canonical.encode((ours.account,))) != b""
    assert sent(ours, "account", canonical.encode((other.account,))) == b""


def vouchers(place: Place, station: Station, store: Any) -> vouching.Vouchers:
    signing = canonical.text(station.signer.public)
    return vouching.vouchers_of(store, place.descriptor, station.id, signing)


def test_what_two_operators_allowed_for_one_key_vouches_for_no_other(place: Place) -> None:
    """Whoever has the station's key could else name an old release again."""
    station, person = Station(place).enroll(), Person()
    asked = person.body(station.id, roles.Role.SUPERVISOR, Realm.TRAINING)

    def chain(reference: str, body: roles.AccountBody) -> tuple[roles.Account, ...]:
        vouched = Signed.by(station.signer, canonical.encode(body))
        return (roles.Account(body=body, vouched=vouched, by=f"recovery:{reference}"),)

    with place.books() as store:
        for reference, username, key in (("F-1", "quispe", asked.signing), ("R-1", "", "")):
            body = ReleaseBody(
                realm=Realm.TRAINING, station=station.id, reference=reference, username=username,
                utc=UTC, signing=key,
            )  # fmt: skip
            operators.approve(store, body, two(store))
        known = vouchers(place, station, store)
        assert check_chain(chain("F-1", asked), known) == asked
        another = replace(asked, signing=canonical.text(sealing.Signer.new().public))
        for wrong in (
            chain("F-1", another),
            chain("F-2", asked),
            chain("F-1", replace(asked, username="otra")),
            chain("R-1", replace(asked, username="")),  # a backup's release lets nobody in
        ):
            with pytest.raises(Unacceptable):
                check_chain(wrong, known)


# --- approvals -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [{"record": "another"}, {"station": "another"}, {"realm": Realm.PRODUCTION}, {"suite": "none"},
     {"act": "void_draft"}],
)  # fmt: skip
def test_an_approval_given_for_something_else_finishes_nothing(
    place: Place, change: dict[str, Any]
) -> None:
    station = Station(place).enroll()

    def moved(who: Station, act: roles.ActBody) -> list[roles.Approval]:
        return [who.approve(replace(act, **change))]

    one, data = station.packet(photo=b"x", approvals=moved)
    line = station.client()
    line.send(one, data, lambda _: None)
    line.hang_up()
    (verdict,) = [one_ for one_ in place.judge() if one_.record == one.record]
    assert (verdict.kind, verdict.reason) == ("refused", "HQ-05 approval binding")
