"""The door: who gets in, what closes behind them, and which headquarters a station talks to."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest

from migramovil import app
from migramovil.core.record import Realm, WrongRealm
from migramovil.core.roles import NotAllowed, Role
from migramovil.core.trouble import Trouble
from migramovil.devices.sim.station import SimulatedStation
from migramovil.services.accounts import NobodyInside
from migramovil.store.keys import UsernameTaken, WeakPassword, WrongPassword
from tests.services.bench import (
    OFFICER,
    OTHER,
    PASSWORD,
    SUPERVISOR,
    Counter,
    Headquarters,
    enrolled,
    opened,
)


def test_the_right_password_opens_the_vault_and_is_on_the_record(closed: Counter) -> None:
    session = closed.accounts.log_in(OFFICER, PASSWORD).result(10)
    assert (session.username, session.role) == (OFFICER, Role.OFFICER)
    assert closed.audited()[-1] == "login"


@pytest.mark.parametrize("typed", [f" {OFFICER} ", OFFICER.upper()])
def test_a_username_is_known_however_it_is_spelled(closed: Counter, typed: str) -> None:
    assert closed.accounts.log_in(typed, PASSWORD).result(10).username == OFFICER


def test_a_wrong_name_and_a_wrong_password_are_told_alike(closed: Counter) -> None:
    told = []
    for name, password in ((OFFICER, f"{PASSWORD}!"), ("nadie", PASSWORD), ("", "")):
        with pytest.raises(WrongPassword) as caught:
            closed.accounts.log_in(name, password).result(10)
        told.append((caught.value.code, caught.value.detail))
    assert len(set(told)) == 1
    assert closed.accounts.session is None


def test_after_locking_nothing_holds_the_vault(counter: Counter) -> None:
    counter.fill()
    counter.settle()
    vault = weakref.ref(counter.vault)
    counter.accounts.lock()
    counter.enrolling.park()
    assert counter.accounts.session is None
    for ask in (counter.accounts.inside, lambda: counter.accounts.role_of("x")):
        with pytest.raises(NobodyInside):
            ask()
    counter.settle()
    gc.collect()
    assert vault() is None


def test_locking_waits_for_what_was_typed_last(counter: Counter) -> None:
    counter.enrolling.start().result(10)
    draft = counter.enrolling.change(receipt_number="0001-778")
    counter.accounts.lock()
    counter.enrolling.park()
    counter.enter(OTHER)
    assert counter.on_disk() == {draft.record_id: draft}


def test_locking_twice_is_no_trouble(counter: Counter) -> None:
    counter.accounts.lock()
    counter.accounts.lock()


def test_the_next_person_in_ends_the_session_before(counter: Counter) -> None:
    counter.enter(OTHER)
    assert counter.accounts.session is not None
    assert counter.accounts.session.username == OTHER


def test_a_second_person_signs_without_taking_the_session(counter: Counter) -> None:
    second = counter.accounts.second_person(SUPERVISOR, PASSWORD)
    assert counter.accounts.session is not None
    assert counter.accounts.session.username == OFFICER
    assert second.account != counter.accounts.session.account
    assert counter.accounts.role_of(second.account) is Role.SUPERVISOR
    with pytest.raises(WrongPassword):
        counter.accounts.second_person(SUPERVISOR, "otra-cosa-larga")


def test_only_a_supervisor_adds_people(counter: Counter) -> None:
    with pytest.raises(NotAllowed):
        counter.people.add("nueva", PASSWORD, Role.OFFICER).result(10)
    assert counter.audited()[-1] == "refused:manage_accounts"
    counter.enter(SUPERVISOR)
    counter.people.add("Nueva", PASSWORD, Role.OFFICER).result(10)
    assert counter.accounts.log_in("nueva", PASSWORD).result(10).role is Role.OFFICER


@pytest.mark.parametrize(
    ("name", "password", "trouble"),
    [(OTHER, PASSWORD, UsernameTaken), ("nueva", "corta", WeakPassword)],
)
def test_an_account_that_cannot_be_lets_nobody_in(
    closed: Counter, name: str, password: str, trouble: type[Trouble]
) -> None:
    closed.enter(SUPERVISOR)
    before = closed.accounts.people()
    with pytest.raises(trouble):
        closed.people.add(name, password, Role.OFFICER).result(10)
    assert closed.accounts.people() == before


# ---- realms ------------------------------------------------------------------------------------
@pytest.mark.parametrize("realm", Realm)
def test_a_station_refuses_a_headquarters_of_the_other_realm_and_may_try_again(
    tmp_path: Path, realm: Realm
) -> None:
    other = next(r for r in Realm if r is not realm)
    with opened(tmp_path / "station", Headquarters(realm=realm)) as counter:
        accounts = counter.accounts
        accounts._enroller = Headquarters(realm=other).enroll
        with pytest.raises(WrongRealm):
            accounts.enroll("https://localhost", "", "Móvil 1", SUPERVISOR, PASSWORD).result(10)
        assert not accounts.enrolled
        assert accounts.people() == ()
        accounts._enroller = Headquarters(realm=realm).enroll
        accounts.enroll("https://localhost", "", "Móvil 1", SUPERVISOR, PASSWORD).result(10)
        assert accounts.enrolled


@pytest.mark.parametrize("realm", Realm)
def test_a_folder_of_one_realm_is_never_opened_in_the_other(tmp_path: Path, realm: Realm) -> None:
    folder = enrolled(tmp_path / "station", Headquarters(realm=realm))
    with pytest.raises(WrongRealm):
        app.build(folder, training=realm is Realm.PRODUCTION, password_memory_kib=64)
    station = app.build(folder, training=realm is Realm.TRAINING, password_memory_kib=64)
    station.close()
    assert station.realm is realm


def test_played_devices_never_open_a_production_folder(tmp_path: Path) -> None:
    folder = enrolled(tmp_path / "station", Headquarters(realm=Realm.PRODUCTION))
    sim = SimulatedStation()
    try:
        with pytest.raises(WrongRealm):
            app.build(folder, training=False, sim=sim, password_memory_kib=64)
    finally:
        sim.close()
