"""Enrollments put aside: nobody's work is lost, and nobody gives one up alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from migramovil.core import canonical, enrollment, packet, sealing
from migramovil.core.enrollment import SCHEMA, NewerDraft, Step, read_draft
from migramovil.core.roles import Act, ActBody, Approval, NotAllowed, Role
from migramovil.services import drafts, enrolling
from migramovil.services.drafts import NeedsAnother, NotEmpty
from migramovil.services.enrolling import NoSuchRecord, ReasonMissing
from migramovil.services.people import People
from migramovil.store import acts
from migramovil.store.keys import WrongPassword
from migramovil.store.trouble import DiskFull, DraftGone
from tests.services.bench import (
    NOW,
    OFFICER,
    OTHER,
    PASSWORD,
    SUPERVISOR,
    Counter,
    Headquarters,
    demote,
    opened,
    person,
)  # fmt: skip

REASON = "la persona se retiró"


def void(counter: Counter, record: str, **other: str) -> None:
    told = {"reason": REASON, "second_username": SUPERVISOR, "second_password": PASSWORD} | other
    counter.drafts.void(record, **told).result(10)


def account_of(counter: Counter, username: str) -> str:
    return next(a.account for a in counter.accounts.people() if a.username == username)


# ---- who waits -----------------------------------------------------------------------------
def test_everyone_put_aside_is_listed_the_last_touched_first(counter: Counter) -> None:
    first = counter.fill(step=Step.FINGERS)
    second = counter.enrolling.start().result(10)
    counter.enrolling.park()
    found = counter.drafts.parked().result(10)
    assert {one.record_id for one in found} == {first.record_id, second.record_id}
    one = next(one for one in found if one.record_id == first.record_id)
    assert (one.name, one.step, one.by) == (
        "PEÑALVER NÚÑEZ, MARISELA ANDREÍNA", Step.FINGERS, OFFICER,
    )  # fmt: skip
    assert [o.empty for o in found if o.record_id == second.record_id] == [True]
    assert not one.empty
    assert counter.drafts.portrait(first.record_id).result(10) is not None
    assert counter.drafts.portrait(second.record_id).result(10) is None


def test_a_colleague_takes_a_draft_over_on_the_record(counter: Counter) -> None:
    left = counter.fill()
    counter.accounts.lock()
    counter.enter(OTHER)
    taken = counter.enrolling.resume(left.record_id).result(10)
    officer, other = account_of(counter, OFFICER), account_of(counter, OTHER)
    assert (taken.started_by, taken.fingers, taken.person) == (officer, left.fingers, left.person)
    entry = next(e for e in counter.vault.audit.entries() if e.act == "take-over")
    assert (entry.actor, entry.subject) == (other, f"{left.record_id} {officer}")
    (act,) = acts.about(counter.vault, left.record_id)
    signed = canonical.decode(act.body, Approval).signed
    mine = counter.accounts.inside().person.signer.public
    said = canonical.decode(signed.verified(mine), ActBody)
    assert (said.act, said.record, said.account) == ("take_over", left.record_id, other)
    counter.enrolling.finish().result(10)
    assert [e.actor for e in counter.vault.audit.entries() if e.act == "finish"] == [other]


def test_a_draft_of_a_newer_version_is_shown_and_left_alone(counter: Counter) -> None:
    body = canonical.encode({"schema": SCHEMA + 1, "wonder": "kept"})
    counter.vault.save_draft("newer", SCHEMA + 1, body, "2026-11-23T12:00:00Z")
    (one,) = counter.drafts.parked().result(10)
    assert (one.record_id, one.draft, one.step) == ("newer", None, Step.PROCEDURE)
    for touch in (
        lambda: counter.enrolling.resume("newer").result(10),
        lambda: void(counter, "newer"),
        lambda: counter.drafts.discard("newer").result(10),
        lambda: counter.drafts.portrait("newer").result(10),
    ):
        with pytest.raises(NewerDraft):
            touch()
    assert [d.body for d in counter.vault.drafts()] == [body]
    assert counter.accounts.kept_draft() is None


def test_a_draft_of_an_older_version_is_opened_and_saved_as_todays(counter: Counter) -> None:
    today = counter.fill(step=Step.CONSENT)
    counter.enrolling.park()
    counter.settle()
    plain: dict[str, Any] = canonical.decode(canonical.encode(today), dict[str, Any])
    old = {k: v for k, v in plain.items() if k not in {"supersedes", "correction"}} | {"schema": 1}
    counter.vault.save_draft(today.record_id, 1, canonical.encode(old), "2026-11-23T12:00:00Z")
    assert counter.enrolling.resume(today.record_id).result(10) == today
    assert [d.schema for d in counter.vault.drafts()] == [SCHEMA]


def test_every_older_schema_has_its_upgrade() -> None:
    assert set(enrollment.UPGRADES) == set(range(1, SCHEMA))


def test_reading_a_draft_never_drops_a_newer_one() -> None:
    with pytest.raises(NewerDraft):
        read_draft(SCHEMA + 1, b"{}")


@pytest.mark.parametrize(("days", "expired"), [(0, False), (1, False), (2, True)])
def test_a_draft_is_expected_until_the_end_of_the_next_day_and_never_deleted(
    folder: Path, headquarters: Headquarters, days: int, expired: bool
) -> None:
    with opened(folder, headquarters) as counter:
        counter.enter()
        counter.fill()
    with opened(folder, headquarters, now=NOW + timedelta(days=days)) as counter:
        counter.enter()
        (one,) = counter.drafts.parked().result(10)
        assert one.expired is expired
        assert counter.pictures() == 3


# ---- what a lock or a bad disk leaves --------------------------------------------------------
def test_what_the_disk_refused_before_the_lock_comes_back_with_the_next_to_enter(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = counter.enrolling.start().result(10)
    counter.settle()
    with monkeypatch.context() as full:
        full.setattr(type(counter.vault), "save_draft", _full)
        counter.enrolling.change(person=person())
        counter.accounts.lock()
    assert counter.enrolling.draft is None
    kept = counter.enrolling._unwritten[draft.record_id]
    assert b"PE\xc3\x91ALVER" not in kept
    counter.enter(OTHER)
    (one,) = counter.drafts.parked().result(10)
    assert one.name.startswith("PEÑALVER")
    assert counter.on_disk()[draft.record_id].person == person()


def test_what_the_disk_refused_when_put_aside_is_written_later(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = counter.enrolling.start().result(10)
    counter.settle()
    with monkeypatch.context() as full:
        full.setattr(type(counter.vault), "save_draft", _full)
        counter.enrolling.change(person=person())
        counter.enrolling.park()
        counter.settle()
        with pytest.raises(DiskFull):
            counter.drafts.parked().result(10)
    assert counter.enrolling.resume(draft.record_id).result(10).person == person()
    assert counter.on_disk()[draft.record_id].person == person()


def test_what_was_voided_meanwhile_is_not_written_again(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.fill()
    done = counter.enrolling.finish().result(10)
    own = counter.vault.station_keys()[1].public
    sealed = sealing.seal_to(own, b"{}", enrolling._UNWRITTEN)
    counter.enrolling._unwritten[done.record_id] = sealed
    assert counter.drafts.parked().result(10) == ()
    assert counter.enrolling._unwritten == {}


def test_what_waits_to_be_written_outlives_a_new_vault_key(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody is let back in, or shut out, while the disk still owes a save."""
    draft = counter.enrolling.start().result(10)
    counter.settle()
    with monkeypatch.context() as full:
        full.setattr(type(counter.vault), "save_draft", _full)
        counter.enrolling.change(person=person())
        counter.accounts.lock()
    counter.enter(SUPERVISOR)
    people = People(
        counter.outbox.folder, counter.accounts, counter.outbox, counter.desk,
        counter.enrolling._clock, memory_kib=64,
    )  # fmt: skip
    before = counter.accounts.inside().vault_key
    people.add("nueva", "cuatro palabras del lago", Role.OFFICER).result(20)
    assert counter.accounts.inside().vault_key != before
    counter.enter(OTHER)
    (one,) = counter.drafts.parked().result(10)
    assert one.draft is not None
    assert one.draft.person == person()
    assert counter.on_disk()[draft.record_id].person == person()


def test_a_voided_draft_does_not_come_back_with_what_waited_to_be_written(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = counter.enrolling.start().result(10)
    counter.settle()
    with monkeypatch.context() as full:
        full.setattr(type(counter.vault), "save_draft", _full)
        counter.enrolling.change(person=person())
        counter.enrolling.park()
        counter.settle()
    counter.enter(SUPERVISOR)
    counter.drafts.void(draft.record_id, "se fue", OTHER, PASSWORD).result(10)
    assert counter.drafts.parked().result(10) == ()
    assert counter.on_disk() == {}


def _full(*_: object) -> None:
    raise DiskFull


def test_another_who_enters_without_a_lock_between_finds_everything_saved(
    counter: Counter,
) -> None:
    draft = counter.enrolling.start().result(10)
    counter.enrolling.change(person=person())
    counter.enter(OTHER)
    assert counter.enrolling.draft is None
    assert counter.on_disk()[draft.record_id].person == person()


def test_a_full_disk_does_not_keep_the_station_open(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(counter.vault.audit), "append", _full)
    counter.accounts.lock()
    assert counter.accounts.session is None


def test_a_capture_under_way_is_known(counter: Counter) -> None:
    counter.enrolling.start().result(10)
    assert not counter.enrolling.busy
    import threading

    counter.devices.reader.held = threading.Event()
    taking = counter.enrolling.take_finger(2)
    assert counter.enrolling.busy
    counter.devices.reader.held.set()
    taking.result(10)
    assert not counter.enrolling.busy


# ---- given up ----------------------------------------------------------------------------------
def test_a_voided_draft_is_gone_and_two_signatures_with_the_reason_stay(counter: Counter) -> None:
    draft = counter.fill()
    void(counter, draft.record_id)
    counter.settle()
    assert counter.on_disk() == {}
    assert counter.pictures() == 0
    assert counter.enrolling.draft is None
    (act,) = acts.about(counter.vault, draft.record_id)
    body = canonical.decode(act.body, dict[str, Any])
    assert body["reason"] == REASON
    said = {k: body[k] for k in ("format", "record", "reason", "draft_sha256")}
    signers = []
    for plain in body["approvals"]:
        approval = canonical.decode(canonical.encode(plain), Approval)
        key = canonical.from_text(approval.chain[0].body.signing)
        signed = canonical.decode(approval.signed.verified(key), ActBody)
        assert (signed.act, signed.record) == (Act.VOID_DRAFT, draft.record_id)
        assert signed.content_sha256 == sealing.sha256(canonical.encode(said))
        signers.append(signed.account)
    assert signers == [account_of(counter, OFFICER), account_of(counter, SUPERVISOR)]
    assert counter.audited()[-2:] == ["void_draft", "void_draft-second"]


def test_a_change_on_its_way_does_not_bring_a_voided_draft_back(counter: Counter) -> None:
    record = counter.enrolling.start().result(10).record_id
    voided = counter.drafts.void(record, REASON, SUPERVISOR, PASSWORD)
    counter.enrolling.change(person=person())
    voided.result(10)
    counter.settle()
    assert counter.on_disk() == {}


@pytest.mark.parametrize(
    ("other", "trouble"),
    [
        ({"second_username": OFFICER}, NeedsAnother),
        ({"second_password": "no es la clave"}, WrongPassword),
        ({"reason": "   "}, ReasonMissing),
    ],
)
def test_a_draft_is_not_voided_by_one_person_or_without_a_reason(
    counter: Counter, other: dict[str, str], trouble: type[Exception]
) -> None:
    draft = counter.fill()
    with pytest.raises(trouble):
        void(counter, draft.record_id, **other)
    assert counter.on_disk() == {draft.record_id: draft}
    assert counter.pictures() == 3
    assert acts.about(counter.vault, draft.record_id) == []


def test_the_second_person_needs_the_role_too(counter: Counter) -> None:
    draft = counter.fill()
    demote(counter, OTHER)
    with pytest.raises(NotAllowed):
        void(counter, draft.record_id, second_username=OTHER)
    assert list(counter.on_disk()) == [draft.record_id]


def test_a_void_cut_in_the_middle_leaves_the_draft_and_no_word(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = counter.fill()
    with monkeypatch.context() as broken:
        broken.setattr(acts.audit, "append", _full)
        with pytest.raises(DiskFull):
            void(counter, draft.record_id)
    assert list(counter.on_disk()) == [draft.record_id]
    assert acts.about(counter.vault, draft.record_id) == []


def test_what_is_not_there_cannot_be_voided(counter: Counter) -> None:
    with pytest.raises(DraftGone):
        void(counter, "0192bbbb-0000-7000-8000-000000000009")


def test_an_empty_draft_is_put_away_by_one_person_on_the_record(counter: Counter) -> None:
    record = counter.enrolling.start().result(10).record_id
    counter.enrolling.change(step=Step.PERSON)
    counter.drafts.discard(record).result(10)
    assert counter.on_disk() == {}
    assert counter.audited()[-1] == "discard-empty"


def test_what_has_a_letter_in_it_is_not_put_away_by_one_person(counter: Counter) -> None:
    record = counter.enrolling.start().result(10).record_id
    counter.enrolling.change(receipt_number="1")  # not on the disk yet
    with pytest.raises(NotEmpty):
        counter.drafts.discard(record).result(10)
    assert list(counter.on_disk()) == [record]


# ---- after a crash -------------------------------------------------------------------------------
def test_after_a_bad_end_the_first_to_enter_is_told_once(
    folder: Path, headquarters: Headquarters
) -> None:
    with opened(folder, headquarters) as counter:
        counter.drafts.begin()
        counter.enter()
        draft = counter.fill()
    with opened(folder, headquarters, now=NOW + timedelta(hours=1)) as counter:
        counter.drafts.begin()
        counter.enter()
        crash = counter.drafts.after_crash().result(10)
        assert crash is not None
        assert crash.until_utc.startswith("2026-11-23T15:49:")
        assert [one.record_id for one in crash.drafts] == [draft.record_id]
        assert counter.drafts.after_crash().result(10) is None


def test_after_a_good_end_nothing_is_told(folder: Path, headquarters: Headquarters) -> None:
    with opened(folder, headquarters) as counter:
        counter.drafts.begin()
        counter.enter()
        counter.fill()
        counter.drafts.end()
    with opened(folder, headquarters) as counter:
        counter.drafts.begin()
        counter.enter()
        assert counter.drafts.after_crash().result(10) is None


def test_a_full_disk_keeps_nobody_from_starting_or_ending(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("put", "drop"):
        monkeypatch.setattr(drafts.marks, name, _full)
    counter.drafts.begin()
    counter.drafts.end()


def test_a_bad_end_with_nobody_on_the_chair_is_no_news(
    folder: Path, headquarters: Headquarters
) -> None:
    for _ in range(2):
        with opened(folder, headquarters) as counter:
            counter.drafts.begin()
            counter.enter()
            assert counter.drafts.after_crash().result(10) is None


def test_a_command_that_only_sends_hides_no_crash(folder: Path, headquarters: Headquarters) -> None:
    with opened(folder, headquarters) as counter:
        counter.drafts.begin()
        counter.enter()
        counter.fill()
    with opened(folder, headquarters) as counter:  # `sync now`: opens, sends, closes in order
        counter.drafts.alive().result(10)
        counter.drafts.end()
    with opened(folder, headquarters) as counter:
        counter.drafts.begin()
        counter.enter()
        assert counter.drafts.after_crash().result(10) is not None


# ---- corrections ---------------------------------------------------------------------------------
def test_a_correction_names_the_record_it_replaces_and_why(counter: Counter) -> None:
    counter.fill()
    wrong = counter.enrolling.finish().result(10)
    draft = counter.enrolling.correct(wrong.record_id, "apellido equivocado").result(10)
    assert (draft.supersedes, draft.correction) == (wrong.record_id, "apellido equivocado")
    assert draft.person == type(draft.person)()
    assert not draft.untouched
    entry = next(e for e in counter.vault.audit.entries() if e.act == "correct")
    assert entry.subject == f"{draft.record_id} {wrong.record_id}"


def test_the_packet_of_a_correction_says_it_outside_and_inside(
    counter: Counter, headquarters: Headquarters
) -> None:
    counter.fill()
    wrong = counter.enrolling.finish().result(10)
    counter.fill(supersedes=wrong.record_id, correction="apellido equivocado")
    right = counter.enrolling.finish().result(10)
    data = counter.outbox.packet(right.record_id)
    head = packet.read_head(data)
    key = packet.open_content_key(head, headquarters.operational)
    body = canonical.decode(packet.open_objects(data, head, key)["record"], dict[str, Any])
    assert head.header.supersedes == body["content"]["supersedes"] == wrong.record_id
    assert body["content"]["correction"] == "apellido equivocado"
    assert body["content"]["started_by"] == account_of(counter, OFFICER)


@pytest.mark.parametrize(("record", "why"), [("nobody", "x"), ("", " ")])
def test_a_correction_needs_a_finished_record_and_a_reason(
    counter: Counter, record: str, why: str
) -> None:
    counter.fill()
    done = counter.enrolling.finish().result(10)
    with pytest.raises(NoSuchRecord if record else ReasonMissing):
        counter.enrolling.correct(record or done.record_id, why).result(10)
    assert counter.on_disk() == {}


def test_the_clock_that_is_wrong_stands_in_the_audit(
    folder: Path, headquarters: Headquarters
) -> None:
    with opened(folder, headquarters) as counter:
        counter.enter()
        counter.fill()
        counter.enrolling.finish().result(10)
        assert not [a for a in counter.audited() if a.startswith("clock-")]
    with opened(folder, headquarters, now=NOW - timedelta(hours=2)) as counter:
        counter.enter()
        assert "clock-behind" in counter.audited()
        counter.fill()
        assert counter.enrolling.finish().result(10).seq == 2
