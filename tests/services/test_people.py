"""People of a station over a real headquarters: added, reset, revoked, and back after a loss."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from migramovil import app
from migramovil.core import canonical, holdings, recovery, sealing
from migramovil.core import letters as words
from migramovil.core.record import Realm, Signed
from migramovil.core.roles import Account, BadAccount, NotAllowed, RevocationBody, Role
from migramovil.devices.lanes import Lane
from migramovil.headquarters import operators, people, setup, watching
from migramovil.headquarters.commands import app as commands
from migramovil.headquarters.operators import OperatorRefused, ReleasedToAnother, TwoPeople
from migramovil.headquarters.recovery import NoSuchSpare, release
from migramovil.headquarters.vouching import Unacceptable, check_chain, vouchers_of
from migramovil.services.accounts import Accounts
from migramovil.services.clock import StationClock
from migramovil.services.people import NoReason, NoSuchAccount, NotOneself, People, PersonRow
from migramovil.services.recovery import BadReply, NoSpareLeft, Recovery
from migramovil.store import keys, letters
from migramovil.store.keys import NoSuchRecovery, UsernameTaken, WrongPassword
from migramovil.store.outbox import Outbox
from migramovil.store.trouble import VaultLocked
from migramovil.store.vault import Vault
from migramovil.sync import https
from tests.headquarters.rig import Place

PASSWORD = "llueve-sobre-el-lago"
NEW = "otra frase bien larga"
BOSS, OFFICER, SECOND = "jticona", "rquispe", "chuamani"
Approver = tuple[str, sealing.Signer]
WORDS = {"ana": "la primera frase larga", "eva": "la segunda frase larga"}


@dataclass(frozen=True, kw_only=True)
class Desk:
    folder: Path
    place: Place
    outbox: Outbox
    accounts: Accounts
    people: People
    recovery: Recovery
    lane: Lane

    def enter(self, username: str = BOSS, password: str = PASSWORD) -> None:
        self.accounts.log_in(username, password).result(20)
        self.lane.run(lambda _: self.people.settle()).result(20)

    def row(self, username: str) -> PersonRow:
        return next(r for r in self.people.everyone().result(20) if r.username == username)

    def chain(self, username: str) -> tuple[Account, ...]:
        return self.accounts.chain(self.row(username).account)

    def sync(self) -> None:
        """Bring every letter to headquarters, as the engine does."""
        identity = self.accounts.station()
        line = https.HttpsHeadquarters(
            self.place.descriptor,
            identity.station,
            sealing.Signer.load(identity.transport),
            realm=Realm.TRAINING,
            url=self.place.url,
        )
        for letter in letters.unanswered(self.outbox):
            letters.answer(self.outbox, letter.id, canonical.encode(line.letter(letter.body)))
        line.hang_up()

    def audited(self) -> list[str]:
        return [one.act for one in self.accounts.inside().vault.audit.entries()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("hq") / "data").init().serving() as serving:
        with serving.books() as store:
            for name, passphrase in WORDS.items():
                operators.add(store, name, passphrase, "2026-11-23T12:00:00Z", memory_kib=64)
        yield serving


@contextmanager
def started(folder: Path, place: Place) -> Iterator[Desk]:
    outbox, lane, clock = Outbox(folder), Lane("desk"), StationClock()
    accounts = Accounts(folder, outbox, lane, clock, app.enroller, Realm.TRAINING, memory_kib=64)
    try:
        yield Desk(
            folder=folder,
            place=place,
            outbox=outbox,
            accounts=accounts,
            people=People(folder, accounts, outbox, lane, clock, memory_kib=64),
            recovery=Recovery(folder, accounts, outbox, lane, clock, memory_kib=64),
            lane=lane,
        )
    finally:
        accounts.lock()
        lane.close(drain=True)
        outbox.close()


@pytest.fixture
def desk(tmp_path: Path, place: Place) -> Iterator[Desk]:
    """A station with its first supervisor inside and one officer."""
    with started(tmp_path / "station", place) as made:
        made.accounts.enroll(place.url, place.code(), "Unidad", BOSS, PASSWORD).result(20)
        made.enter()
        made.people.add(OFFICER, PASSWORD, Role.OFFICER).result(20)
        yield made


def trusted(desk: Desk, chain: tuple[Account, ...]) -> None:
    """Raise unless headquarters' opener accepts this chain."""
    identity = desk.accounts.station()
    with desk.place.books() as store:
        station = store.station(identity.station)
        assert station is not None
        check_chain(
            chain, vouchers_of(store, desk.place.descriptor, station.station, station.signing)
        )


# ---- on the spot ---------------------------------------------------------------------------
def test_a_new_account_is_vouched_for_here_until_headquarters_does(desk: Desk) -> None:
    assert desk.row(OFFICER).vouched_by == BOSS
    trusted(desk, desk.chain(OFFICER))
    desk.sync()
    assert desk.row(OFFICER).vouched_by == BOSS
    desk.enter()
    assert desk.row(OFFICER).vouched_by == ""
    assert len(desk.chain(OFFICER)) == 1
    trusted(desk, desk.chain(OFFICER))
    assert desk.audited().count("account-confirmed") == 1


def test_every_change_of_people_changes_the_vaults_key(desk: Desk) -> None:
    before = desk.accounts.inside().vault_key
    desk.people.add(SECOND, PASSWORD, Role.SUPERVISOR).result(20)
    after = desk.accounts.inside().vault_key
    assert after != before
    desk.accounts.lock()
    with pytest.raises(VaultLocked):
        Vault(desk.folder, before)
    for name in (BOSS, OFFICER, SECOND):
        desk.enter(name)
    assert desk.audited()[-1] == "login"


def test_a_forgotten_password_is_replaced_on_the_spot_with_new_keys(desk: Desk) -> None:
    old = desk.chain(OFFICER)[0].body
    desk.people.reset(old.account, NEW).result(20)
    new = desk.chain(OFFICER)[0].body
    assert (new.account, new.username, new.role) == (old.account, old.username, old.role)
    assert (new.signing, new.sealing) != (old.signing, old.sealing)
    with pytest.raises(WrongPassword):
        desk.accounts.log_in(OFFICER, PASSWORD).result(20)
    desk.enter(OFFICER, NEW)
    trusted(desk, desk.accounts.chain(old.account))


def test_whoever_a_reset_supervisor_vouched_for_stays_trusted(desk: Desk) -> None:
    desk.people.add(SECOND, PASSWORD, Role.SUPERVISOR).result(20)
    boss = desk.row(BOSS).account
    desk.sync()
    desk.enter()
    desk.enter(SECOND)
    desk.people.add("nueva", PASSWORD, Role.OFFICER).result(20)
    second = desk.row(SECOND).account
    desk.enter(BOSS)
    desk.people.reset(second, NEW).result(20)
    assert desk.row("nueva").vouched_by == BOSS
    trusted(desk, desk.chain("nueva"))
    assert boss != second


def test_a_revoked_person_gets_in_no_more_and_what_they_signed_stays_good(desk: Desk) -> None:
    chain = desk.chain(OFFICER)
    stolen = desk.folder.parent / "stolen"
    shutil.copytree(desk.folder, stolen)
    desk.people.revoke(chain[0].body.account, "  Cambio de sede ").result(20)
    row = desk.row(OFFICER)
    assert (row.active, row.reason) == (False, "Cambio de sede")
    with pytest.raises(WrongPassword):
        desk.accounts.log_in(OFFICER, PASSWORD).result(20)
    held = keys.open_slot(stolen, OFFICER, PASSWORD).vault_key
    with pytest.raises(VaultLocked):
        Vault(desk.folder, held)
    trusted(desk, chain)
    desk.sync()
    with desk.place.books() as store:
        assert people.is_revoked(store, desk.accounts.station().station, row.account)


def test_headquarters_does_not_countersign_for_somebody_revoked(desk: Desk) -> None:
    account = desk.row(OFFICER).account
    desk.sync()
    desk.people.revoke(account, "Motivo").result(20)
    desk.sync()
    with desk.place.books() as store:
        kept = people.letters_of(store, desk.accounts.station().station, "revocation")
    assert len(kept) == 1
    desk.enter()
    assert not desk.row(OFFICER).active


def test_nobody_revokes_or_resets_themselves_and_a_reason_is_asked(desk: Desk) -> None:
    mine, other = desk.row(BOSS).account, desk.row(OFFICER).account
    with pytest.raises(NotOneself):
        desk.people.revoke(mine, "Motivo").result(20)
    with pytest.raises(NotOneself):
        desk.people.reset(mine, NEW).result(20)
    with pytest.raises(NoReason):
        desk.people.revoke(other, "  ").result(20)
    desk.people.revoke(other, "Motivo").result(20)
    with pytest.raises(NoSuchAccount):
        desk.people.reset(other, NEW).result(20)
    with pytest.raises(UsernameTaken):
        desk.people.add(BOSS.upper(), PASSWORD, Role.OFFICER).result(20)


def test_an_officer_changes_nobody_but_their_own_password(desk: Desk) -> None:
    account = desk.row(BOSS).account
    desk.enter(OFFICER)
    for asked in (
        desk.people.everyone(),
        desk.people.add("x", PASSWORD, Role.SUPERVISOR),
        desk.people.reset(account, NEW),
        desk.people.revoke(account, "Motivo"),
    ):
        with pytest.raises(NotAllowed):
            asked.result(20)
    with pytest.raises(WrongPassword):
        desk.people.change_password(NEW, PASSWORD).result(20)
    desk.people.change_password(PASSWORD, NEW).result(20)
    desk.enter(OFFICER, NEW)
    assert "change-password" in desk.audited()


def test_a_revocation_headquarters_signed_is_obeyed(desk: Desk) -> None:
    account, station = desk.row(OFFICER).account, desk.accounts.station().station
    registrar = setup.edge(desk.place.data).registrar
    body = canonical.encode(
        RevocationBody(
            realm=Realm.TRAINING, station=station, account=account, reason="Orden", utc=""
        )
    )
    with pytest.raises(BadAccount):
        desk.people.accept(Signed.by(sealing.Signer.new(), body))
    for _ in range(2):
        desk.lane.run(lambda _: desk.people.accept(Signed.by(registrar, body))).result(20)
    assert not desk.row(OFFICER).active
    assert desk.audited().count("revoke-account") == 1


# ---- by voice --------------------------------------------------------------------------------
def test_spares_are_offered_only_once_headquarters_has_them(desk: Desk) -> None:
    assert desk.recovery.number() is None
    with pytest.raises(NoSpareLeft):
        desk.recovery.by_voice(1, OFFICER, NEW, [""] * 4).result(20)
    desk.sync()
    assert desk.recovery.number() is None
    desk.enter()
    assert desk.recovery.number() == 1
    assert keys.spares(desk.folder) == (1, 2, 3, 4, 5)


def spoken(desk: Desk, number: int, username: str = OFFICER) -> list[str]:
    """What two operators have headquarters read out."""
    code = desk.accounts.station().code
    run = CliRunner().invoke(
        commands,
        ["recovery", "release", "--data", str(desk.place.data), "--station", code.lower(),
         "--number", str(number), "--account", username],
        input="".join(f"{name}\n{words}\n" for name, words in WORDS.items()),
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    return [line.split(":")[1] for line in run.output.splitlines() if line[:1] in "1234"]


def test_two_operators_let_a_person_back_in_by_voice_once(desk: Desk) -> None:
    desk.sync()
    desk.enter()
    before = desk.accounts.inside().vault_key
    account = desk.row(OFFICER).account
    lines = spoken(desk, 1)
    heard = [*lines[:2], lines[2][:-1], lines[3]]
    with pytest.raises(recovery.BadRecoveryCode) as wrong:
        desk.recovery.by_voice(1, OFFICER, NEW, heard).result(20)
    assert wrong.value.lines == (3,)
    desk.recovery.by_voice(1, OFFICER, NEW, lines).result(20)
    assert desk.accounts.session is None, "whoever was inside is out"
    with pytest.raises(WrongPassword):
        desk.accounts.log_in(OFFICER, PASSWORD).result(20)
    desk.enter(OFFICER, NEW)
    assert desk.accounts.inside().vault_key != before
    assert "recover-account" in desk.audited()
    assert desk.recovery.number() == 2, "a number is used once"
    with pytest.raises(NoSpareLeft):
        desk.recovery.by_voice(1, OFFICER, "una tercera frase", lines).result(20)
    chain = desk.accounts.chain(account)
    assert chain[0].by == "recovery:1"
    trusted(desk, chain)
    desk.sync()
    desk.enter()
    assert desk.row(OFFICER).vouched_by == ""


def test_a_code_opens_nothing_for_another_person_number_or_station(
    desk: Desk, tmp_path: Path
) -> None:
    desk.sync()
    desk.enter()
    lines = spoken(desk, 1)
    for number, username in ((1, BOSS), (2, OFFICER), (1, "nadie")):
        with pytest.raises(NoSuchRecovery):
            desk.recovery.by_voice(number, username, NEW, lines).result(20)
    with started(tmp_path / "other", desk.place) as other:
        other.accounts.enroll(desk.place.url, desk.place.code(), "Otra", OFFICER, PASSWORD).result(
            20
        )
        other.enter(OFFICER)
        other.sync()
        other.enter(OFFICER)
        with pytest.raises(NoSuchRecovery):
            other.recovery.by_voice(1, OFFICER, NEW, lines).result(20)
    desk.recovery.by_voice(1, OFFICER, NEW, lines).result(20)


def test_one_operator_twice_a_wrong_phrase_or_another_user_get_nothing(desk: Desk) -> None:
    desk.sync()
    code, opener = desk.accounts.station().code, setup.opener(desk.place.data)
    with desk.place.books() as store:
        ana, eva = (operators.unlock(store, name, WORDS[name]) for name in WORDS)
        with pytest.raises(OperatorRefused):
            operators.unlock(store, "ana", WORDS["eva"])

        def ask(
            *approvers: tuple[str, sealing.Signer], user: str = OFFICER, number: int = 1
        ) -> None:
            release(
                store, opener.every_operational, lambda: approvers, realm=Realm.TRAINING,
                code=code, number=number, username=user, utc="",
            )  # fmt: skip

        with pytest.raises(TwoPeople):
            ask(("ana", ana), ("ana", ana))
        with pytest.raises(TwoPeople):
            ask(("ana", ana))
        with pytest.raises(NoSuchSpare):
            ask(("ana", ana), ("eva", eva), number=99)
        ask(("ana", ana), ("eva", eva))
        ask(("ana", ana), ("eva", eva))
        with pytest.raises(ReleasedToAnother):
            ask(("ana", ana), ("eva", eva), user=BOSS)
        (logged,) = [
            one for one in people.releases(store) if one.station == desk.accounts.station().station
        ]
    assert (logged.reference, logged.username, logged.operators) == ("1", OFFICER, "ana, eva")


def test_a_recovered_account_headquarters_never_released_is_refused(desk: Desk) -> None:
    chain = desk.chain(OFFICER)
    signer, _ = desk.accounts.inside().vault.station_keys()
    body = chain[0].body
    forged = Account(body=body, vouched=Signed.by(signer, canonical.encode(body)), by="recovery:1")
    with pytest.raises(Unacceptable):
        trusted(desk, (forged,))


# ---- by file -----------------------------------------------------------------------------------
def answered(desk: Desk, request: bytes, out: Path) -> bytes:
    asked = out.with_suffix(".asked")
    asked.write_bytes(request)
    run = CliRunner().invoke(
        commands,
        ["recovery", "answer", str(asked), "--out", str(out), "--data", str(desk.place.data)],
        input="".join(f"{name}\n{words}\n" for name, words in WORDS.items()),
    )
    assert run.exit_code == 0, run.output
    return out.read_bytes()


def test_a_person_comes_back_by_file_after_a_restart_with_no_link(
    desk: Desk, tmp_path: Path
) -> None:
    desk.accounts.lock()
    request = desk.recovery.request(OFFICER, NEW).result(20)
    assert keys.open_slot(desk.folder, OFFICER, PASSWORD), "until the answer, nothing changed"
    reply = answered(desk, request, tmp_path / "reply")
    with pytest.raises(WrongPassword):
        desk.recovery.take_reply(OFFICER, PASSWORD, reply).result(20)
    with pytest.raises(BadReply):
        desk.recovery.take_reply(OFFICER, NEW, request).result(20)
    desk.recovery.take_reply(OFFICER, NEW, reply).result(20)
    desk.enter(OFFICER, NEW)
    chain = desk.accounts.chain(desk.accounts.inside().session.account)
    assert chain[0].by == f"recovery:{recovery.reference_of(canonical.decode(request, Signed))}"
    trusted(desk, chain)
    with pytest.raises(WrongPassword):
        desk.recovery.take_reply(OFFICER, NEW, reply).result(20)


def test_the_reply_to_an_older_request_is_refused(desk: Desk, tmp_path: Path) -> None:
    desk.accounts.lock()
    first = desk.recovery.request(OFFICER, NEW).result(20)
    desk.recovery.request(OFFICER, NEW).result(20)
    reply = answered(desk, first, tmp_path / "reply")
    with pytest.raises(BadReply):
        desk.recovery.take_reply(OFFICER, NEW, reply).result(20)


# ---- what the station holds -----------------------------------------------------------------
def test_headquarters_hears_what_the_station_holds_whenever_that_is_news(desk: Desk) -> None:
    def told() -> list[str]:
        every = [*letters.unanswered(desk.outbox), *letters.answered(desk.outbox, holdings.KIND)]
        return [one.id for one in every if one.kind == holdings.KIND]

    first = told()
    assert len(first) == 1
    desk.sync()
    desk.enter()
    assert told() == first  # nothing new, nothing said
    desk.accounts.inside().vault.save_draft("d1", 1, b"MARIA", "2026-11-20T10:00:00+00:00")
    desk.enter()
    assert len(told()) == 2
    desk.sync()
    with desk.place.books() as store:
        (row,) = [
            row
            for row in watching.rows(store)
            if row.station.station == desk.accounts.station().station
        ]
    assert row.holdings is not None
    assert (row.holdings.drafts, row.holdings.finished) == (1, 0)
    assert row.holdings.oldest_draft
    assert row.told


def held(desk: Desk) -> list[tuple[int, int]]:
    """What each notice says: (drafts, finished)."""
    every = [*letters.answered(desk.outbox, holdings.KIND), *letters.unanswered(desk.outbox)]
    clear = [words.read(one.body).clear for one in every if one.kind == holdings.KIND]
    told = [holdings.read(canonical.from_text(one)) for one in clear]
    return [(one.drafts, one.finished) for one in told]


def test_what_changed_within_an_hour_is_told_when_the_station_is_left(desk: Desk) -> None:
    before = held(desk)
    desk.accounts.inside().vault.save_draft("d1", 1, b"MARIA", "2026-11-20T10:00:00+00:00")
    desk.outbox.changed()  # a receipt came, minutes after the last notice
    desk.lane.run(lambda _: None).result(20)
    assert held(desk) == before
    desk.accounts.lock()
    assert held(desk) == [*before, (1, 0)]
    desk.accounts.lock()
    desk.outbox.changed()
    assert held(desk) == [*before, (1, 0)]


def test_what_changed_is_told_hourly_with_each_contact(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = [1000.0]
    monkeypatch.setattr(desk.people._clock, "_steady", lambda: 3600.0 * hours[0])
    desk.enter()
    before = held(desk)
    for at in range(1, 4):
        desk.accounts.inside().vault.save_draft(f"d{at}", 1, b"M", "2026-11-20T10:00:00+00:00")
        hours[0] += 0.75
        desk.outbox.changed()
        assert len(held(desk)) == len(before) + at - 1
        hours[0] += 0.25
        desk.outbox.changed()
        desk.outbox.changed()
        desk.lane.run(lambda _: None).result(20)
    assert held(desk) == [*before, (1, 0), (2, 0), (3, 0)]


def test_a_disk_that_refuses_the_notice_keeps_nobody_from_leaving(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise VaultLocked

    monkeypatch.setattr(letters, "put", full)
    desk.accounts.inside().vault.save_draft("d1", 1, b"MARIA", "2026-11-20T10:00:00+00:00")
    desk.accounts.lock()
    assert desk.accounts.session is None
