"""Whoever holds the laptop rewrites the outbox, the slots and headquarters' answers: nobody is let
in by it, nothing is sealed to or for another, and no private key lies there to be taken."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from migramovil.core import canonical, letters, recovery, sealing
from migramovil.core.record import Realm, Signed
from migramovil.core.roles import AccountBody, Role
from migramovil.headquarters import setup
from migramovil.services.accounts import HeadquartersChanged, NotThisStation
from migramovil.store import keys
from migramovil.store import letters as post
from migramovil.store.keys import WrongPassword
from migramovil.store.tables import station
from tests.headquarters.rig import Place
from tests.services.bench import OFFICER, PASSWORD, SUPERVISOR, Counter, Headquarters, opened
from tests.services.test_people import NEW, Desk, desk, place, spoken, started

__all__ = ["desk", "place"]  # fixtures
UTC = "2026-11-23T12:00:00Z"


# --- who this station is --------------------------------------------------------------------
@pytest.mark.parametrize(
    "forged",
    [{"station": "0192cccc-0000-7000-8000-000000000009"}, {"realm": "production"}],
)
def test_a_laptop_made_to_say_it_is_another_station_seals_nothing_in_its_name(
    closed: Counter, forged: dict[str, Any]
) -> None:
    with closed.outbox.database.write() as connection:
        connection.execute(update(station).values(**forged))
    with pytest.raises(NotThisStation):
        closed.enter()
    assert closed.accounts.session is None


def test_a_headquarters_slipped_into_the_outbox_is_not_sealed_the_key_of_a_recovered_vault(
    desk: Desk,
) -> None:
    """It would open the next key out of slots.json: nobody is inside to notice when it is made."""
    desk.sync()
    desk.enter()
    lines = spoken(desk, 1)
    desk.accounts.lock()
    true, before = desk.accounts.descriptor(), (desk.folder / "slots.json").read_bytes()
    thief = replace(true, recovery=canonical.text(sealing.Opener.new().public))
    desk.outbox.renew_descriptor(canonical.encode(thief).decode())
    with pytest.raises(HeadquartersChanged):
        desk.recovery.by_voice(1, OFFICER, NEW, lines).result(20)
    assert (desk.folder / "slots.json").read_bytes() == before
    desk.outbox.renew_descriptor(canonical.encode(true).decode())
    desk.recovery.by_voice(1, OFFICER, NEW, lines).result(20)
    desk.enter(OFFICER, NEW)


def test_whom_the_enrolment_code_proved_is_known_before_anybody_entered(
    tmp_path: Path, place: Place
) -> None:
    with started(tmp_path / "station", place) as new:
        new.accounts.enroll(place.url, place.code(), "Unidad", SUPERVISOR, PASSWORD).result(20)
        true = new.accounts.descriptor()
        thief = replace(true, operational=canonical.text(sealing.Opener.new().public))
        new.outbox.renew_descriptor(canonical.encode(thief).decode())
        with pytest.raises(HeadquartersChanged):
            new.accounts.log_in(SUPERVISOR, PASSWORD).result(20)


# --- what headquarters is made to say --------------------------------------------------------
def answer(desk: Desk, content: bytes, kind: str = "account") -> None:
    """A letter and its answer, written where the wire would have left them."""
    identity, name = desk.accounts.station(), f"planted-{sealing.sha256(content)[:8]}"
    letter = letters.write(
        sealing.Signer.new(), realm=Realm.TRAINING, station=identity.station, letter=name,
        kind=kind, utc=UTC,
    )  # fmt: skip
    said = letters.answer(
        setup.edge(desk.place.data).stored_signer, letter, letters.read(letter), content
    )
    post.put(desk.outbox, name, kind, letter, UTC)
    post.answer(desk.outbox, name, canonical.encode(said))


def stranger(desk: Desk, **change: Any) -> AccountBody:
    return replace(
        AccountBody(
            realm=Realm.TRAINING, station=desk.accounts.station().station,
            account="0192dddd-0000-7000-8000-000000000001", username="extrano",
            role=Role.SUPERVISOR, signing=canonical.text(sealing.Signer.new().public),
            sealing=canonical.text(sealing.Opener.new().public),
        ),
        **change,
    )  # fmt: skip


def test_the_registrars_key_alone_brings_nobody_into_a_station(desk: Desk) -> None:
    """It lies at the receiving edge: a thief who has both it and the laptop's slots would be sealed
    the vault's next key."""
    registrar = setup.edge(desk.place.data).registrar
    officer = desk.chain(OFFICER)[0].body
    mine = canonical.text(sealing.Opener.new().public)
    for body in (
        stranger(desk),
        replace(officer, sealing=mine),
        replace(officer, role=Role.SUPERVISOR),
    ):
        answer(desk, canonical.encode(Signed.by(registrar, canonical.encode(body))))
        desk.enter()
        assert desk.chain(OFFICER)[0].body == officer
        assert {row.username for row in desk.people.everyone().result(20)} == {SUPERVISOR, OFFICER}
    assert "account-confirmed" not in desk.audited()


def test_what_was_sealed_to_headquarters_before_it_named_a_station_is_sealed_again(
    desk: Desk,
) -> None:
    path = desk.folder / "slots.json"
    before = path.read_bytes()
    assert b"slots/3" in before
    path.write_bytes(before.replace(b"slots/3", b"slots/2"))
    assert keys.sealed_for_headquarters(desk.folder) == b""
    desk.enter()
    sealed = keys.sealed_for_headquarters(desk.folder)
    purpose = recovery.vault_purpose(desk.accounts.station().station)
    safe = setup.offline(desk.place.data).recovery
    assert safe.open(sealed, purpose) == desk.accounts.inside().vault_key


# --- keys ------------------------------------------------------------------------------------
def written(key: bytes) -> Iterator[bytes]:
    """The ways a program would come to write a key, or the half of one."""
    for part in {key, key[:32], key[-32:]}:
        yield part
        yield part.hex().encode()
        yield base64.b64encode(part).rstrip(b"=")[:-1]


def lying_open(folder: Path, key: bytes) -> list[str]:
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and any(way in path.read_bytes() for way in written(key))
    ]


def test_no_key_but_the_devices_own_lies_on_the_disk_unwrapped(
    folder: Path, headquarters: Headquarters
) -> None:
    with opened(folder, headquarters) as counter:
        counter.enter()
        counter.fill()
        counter.settle()
        inside = counter.accounts.inside()
        signer, opener = inside.vault.station_keys()
        secret = {
            "vault": inside.vault_key,
            "transport": counter.accounts.station().transport,
            "station signs": signer.dump(),
            "station opens": opener.dump(),
            "person signs": inside.person.signer.dump(),
            "person opens": inside.person.opener.dump(),
            "password": PASSWORD.encode(),
        }
        device = keys.device_key(folder)
        while_open = {name: lying_open(folder, key) for name, key in secret.items()}
        assert lying_open(folder, device) == ["device.key"], "and the search finds what is there"
    after = {name: lying_open(folder, key) for name, key in secret.items()}
    nowhere: dict[str, list[str]] = {name: [] for name in secret}
    assert while_open == after == nowhere


# --- the door ---------------------------------------------------------------------------------
def test_names_known_and_unknown_are_told_the_same_and_no_trouble_repeats_what_was_typed(
    closed: Counter,
) -> None:
    typed, told = "una frase cualquiera", set()
    for name in (OFFICER, SUPERVISOR, "nadie.de.aqui"):
        with pytest.raises(WrongPassword) as wrong:
            closed.accounts.log_in(name, typed).result(10)
        told.add((str(wrong.value), wrong.value.detail))
    (said,) = told
    assert not any(word in "".join(said) for word in (typed, "nadie"))
