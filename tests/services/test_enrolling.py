"""One draft in hand: what is saved, who may act, what a failure costs, and what finishing means."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from migramovil.core import canonical, packet
from migramovil.core.biometrics import ExceptionCode
from migramovil.core.enrollment import AnotherInHand, ExceptionNeedsAnother, Incomplete, Step
from migramovil.core.person import Person
from migramovil.core.roles import NotAllowed, Role
from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import FingerImage
from migramovil.devices.trouble import NoFinger, NotForEnrolment, PaperOut, Unplugged
from migramovil.services.accounts import KeptDraft, NobodyInside
from migramovil.services.enrolling import Enrolling
from migramovil.store import kept
from migramovil.store.keys import WrongPassword
from migramovil.store.trouble import DiskFull, DraftGone
from migramovil.vision.finger import FingerQuality
from tests.services.bench import (
    FINGERS,
    MRZ,
    NOW,
    OTHER,
    PASSWORD,
    PROCEDURE,
    SUPERVISOR,
    Counter,
    Headquarters,
    copied,
    demote,
    opened,
    paper,
    person,
    within,
)


# ---- saving ------------------------------------------------------------------------------------
def test_a_change_is_on_the_disk_within_a_second(counter: Counter) -> None:
    counter.enrolling.start().result(10)
    draft = counter.enrolling.change(person=person())
    within(1.0, lambda: counter.on_disk()[draft.record_id] == draft)


def test_of_many_changes_the_last_is_on_the_disk_within_a_second(counter: Counter) -> None:
    draft = counter.enrolling.start().result(10)
    for n in range(500):
        draft = counter.enrolling.change(receipt_number=str(n))
    within(1.0, lambda: counter.on_disk()[draft.record_id].receipt_number == "499")


def test_many_changes_share_their_saves(counter: Counter) -> None:
    saves: list[None] = []
    counter.enrolling.start().result(10)
    counter.enrolling.when_saved(lambda: saves.append(None))
    go_on = threading.Event()
    counter.desk.run(lambda _: go_on.wait(10))
    for n in range(50):
        counter.enrolling.change(receipt_number=str(n))
    go_on.set()
    counter.settle()
    assert len(saves) == 1


def test_a_change_made_while_a_save_runs_is_saved_too(counter: Counter) -> None:
    draft = counter.enrolling.start().result(10)
    late = ["while saving"]

    def meanwhile() -> None:
        if late:
            counter.enrolling.change(receipt_number=late.pop())

    counter.enrolling.when_saved(meanwhile)
    counter.enrolling.change(procedure=PROCEDURE)
    within(1.0, lambda: counter.on_disk()[draft.record_id].receipt_number == "while saving")


def test_changes_from_two_threads_are_both_kept(counter: Counter) -> None:
    """A finger arrives on its lane while the officer types."""
    counter.enrolling.start().result(10)
    with ThreadPoolExecutor() as pool:
        typed = pool.submit(
            lambda: [counter.enrolling.change(receipt_number=str(n)) for n in range(200)]
        )
        for position in FINGERS.positions:
            counter.enrolling.take_finger(position).result(10)
        typed.result(10)
    counter.settle()
    assert counter.draft.receipt_number == "199"
    assert [f.position for f in counter.draft.fingers] == list(FINGERS.positions)
    assert counter.on_disk()[counter.draft.record_id] == counter.draft


def test_a_save_that_fails_is_told_and_the_next_makes_it_good(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = counter.enrolling.start().result(10)
    told: list[Trouble] = []
    counter.enrolling.on_unsaved = told.append

    def full(*_: object) -> None:
        raise DiskFull

    with monkeypatch.context() as patch:
        patch.setattr(counter.vault, "save_draft", full)
        counter.enrolling.change(person=person())
        counter.settle()
    assert [trouble.code for trouble in told] == ["STO-01"]
    counter.enrolling.change()
    counter.settle()
    assert counter.on_disk()[draft.record_id].person == person()
    assert len(told) == 1


# ---- sitting down, waiting, leaving ------------------------------------------------------------
def test_a_new_draft_is_on_the_disk_before_a_letter_is_typed(counter: Counter) -> None:
    draft = counter.enrolling.start().result(10)
    assert counter.on_disk() == {draft.record_id: draft}


def test_a_draft_put_down_comes_back_whole_with_what_was_typed_last(counter: Counter) -> None:
    draft = counter.fill(step=Step.CONSENT)
    counter.enrolling.park()
    assert counter.enrolling.draft is None
    assert [one.draft for one in counter.drafts.parked().result(10)] == [draft]
    assert counter.enrolling.resume(draft.record_id).result(10) == draft
    assert counter.enrolling.portrait_pixels().result(10).shape == (800, 600, 3)
    assert counter.enrolling.finger_pixels(2).result(10)[0, 0] == 1


def test_whoever_was_in_hand_waits_when_another_sits_down(counter: Counter) -> None:
    counter.enrolling.start().result(10)
    first = counter.enrolling.change(person=person())
    second = counter.enrolling.start().result(10)
    assert counter.on_disk() == {first.record_id: first, second.record_id: second}


def test_a_draft_that_is_no_more_cannot_be_resumed(counter: Counter) -> None:
    with pytest.raises(DraftGone):
        counter.enrolling.resume("0192bbbb-0000-7000-8000-000000000009").result(10)


# ---- what the entrance may tell ----------------------------------------------------------------
def test_after_a_restart_the_entrance_knows_that_a_draft_waits(
    folder: Path, headquarters: Headquarters
) -> None:
    with opened(folder, headquarters) as before:
        before.enter()
        before.fill(step=Step.CONSENT)
    with opened(folder, headquarters) as after:
        told = after.accounts.kept_draft()
        assert told is not None
        assert told.step == "consent"
        assert told.saved.startswith("10:49:")
    with opened(folder, headquarters, now=NOW + timedelta(days=1)) as tomorrow:
        assert tomorrow.accounts.kept_draft() == KeptDraft(step="consent", saved="23/11 10:49")


def test_the_entrance_names_the_one_still_waiting_when_another_is_finished(
    counter: Counter,
) -> None:
    counter.enrolling.start().result(10)
    counter.enrolling.change(step=Step.IDENTITY)
    counter.fill(step=Step.REVIEW)
    counter.enrolling.finish().result(10)
    told = counter.accounts.kept_draft()
    assert told is not None
    assert told.step == "identity"


@pytest.mark.parametrize("end", ["finish", "void"])
def test_when_nobody_waits_the_entrance_tells_of_nobody(
    folder: Path, headquarters: Headquarters, end: str
) -> None:
    with opened(folder, headquarters) as before:
        before.enter()
        before.fill()
        ends: dict[str, Callable[[], Ticket[Any]]] = {
            "finish": before.enrolling.finish,
            "void": lambda: before.drafts.void(
                before.draft.record_id, "se fue", SUPERVISOR, PASSWORD
            ),
        }
        ends[end]().result(10)
        assert before.accounts.kept_draft() is None
    with opened(folder, headquarters) as after:
        assert after.accounts.kept_draft() is None


def test_what_the_entrance_tells_is_no_clear_text_and_may_be_ruined(counter: Counter) -> None:
    counter.enrolling.start().result(10)
    path = counter.folder / "kept.bin"
    assert b"procedure" not in path.read_bytes()
    assert kept.read(counter.folder) is not None
    for ruin in (b"", b"x" * 200):
        path.write_bytes(ruin)
        assert kept.read(counter.folder) is None


# ---- who may -----------------------------------------------------------------------------------
def _changes(enrolling: Enrolling) -> None:
    enrolling.change(procedure="X")


ACTS: dict[str, Callable[[Enrolling], object]] = {
    "start": lambda e: e.start().result(10),
    "resume": lambda e: e.resume("r").result(10),
    "correct": lambda e: e.correct("r", "x").result(10),
    "change": _changes,
    "read_mrz": lambda e: e.read_mrz().result(10),
    "start_preview": lambda e: e.start_preview(lambda _: None).result(10),
    "take_portrait": lambda e: e.take_portrait().result(10),
    "portrait_pixels": lambda e: e.portrait_pixels().result(10),
    "take_finger": lambda e: e.take_finger(2).result(10),
    "finger_pixels": lambda e: e.finger_pixels(2).result(10),
    "declare_exception": lambda e: e.declare_exception(2, ExceptionCode.AMPUTATED, "x"),
    "withdraw_exception": lambda e: e.withdraw_exception(2),
    "approve_exception": lambda e: e.approve_exception(2, OTHER, PASSWORD).result(10),
    "give_notice": lambda e: e.give_notice("es", "shown"),
    "answer": lambda e: e.answer(given=True),
    "finish": lambda e: e.finish().result(10),
}


@pytest.fixture(scope="module")
def demoted(
    template: Path, headquarters: Headquarters, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """A station where a technician is inside over a whole draft; nothing may change it."""
    folder = copied(template, tmp_path_factory.mktemp("demoted") / "station")
    with opened(folder, headquarters) as counter:
        counter.enter()
        counter.fill()
        draft = counter.draft
        counter.enrolling.park()
        demote(counter, OTHER)
        counter.accounts.lock()
        yield counter, draft


@pytest.mark.parametrize("act", ACTS)
def test_nothing_is_done_with_nobody_inside(demoted: Any, act: str) -> None:
    counter, draft = demoted
    counter.enrolling._draft = draft
    with pytest.raises(NobodyInside):
        ACTS[act](counter.enrolling)
    assert counter.enrolling.draft is draft
    assert not counter.devices.reader.taken > len(FINGERS.positions)


@pytest.mark.parametrize("act", ACTS)
def test_nothing_is_done_by_a_role_that_may_not_and_the_try_is_audited(
    demoted: Any, act: str
) -> None:
    counter, draft = demoted
    counter.enter(OTHER)
    try:
        assert counter.accounts.session.role is Role.TECHNICIAN
        counter.enrolling._draft = draft
        before = counter.audited()
        with pytest.raises(NotAllowed):
            ACTS[act](counter.enrolling)
        assert counter.audited()[len(before) :] in (["refused:enroll"], ["refused:finish"])
        assert counter.enrolling.draft is draft
        assert counter.outbox.total() == 0
    finally:
        counter.accounts.lock()


# ---- captures ----------------------------------------------------------------------------------
def test_a_capture_that_fails_loses_nothing_and_the_next_works(counter: Counter) -> None:
    counter.enrolling.start().result(10)
    draft = counter.enrolling.change(person=person())
    counter.devices.reader.troubles = [NoFinger(), Unplugged(), Unplugged()]  # opened anew once
    for trouble in (NoFinger, Unplugged):
        with pytest.raises(trouble):
            counter.enrolling.take_finger(2).result(10)
        assert counter.enrolling.draft is draft
    taken = counter.enrolling.take_finger(2).result(10)
    assert (taken.good, taken.attempt) == (True, 1)
    assert counter.draft.person == person()


@pytest.mark.parametrize("declared", [{"grade": "verification"}, {}])
def test_a_reader_fit_to_verify_only_never_gives_a_finger_of_an_enrolment(
    counter: Counter, declared: dict[str, str | int | bool]
) -> None:
    draft = counter.enrolling.start().result(10)
    reader = counter.devices.reader
    reader.info = replace(reader.info, capabilities=declared)
    with pytest.raises(NotForEnrolment):
        counter.enrolling.take_finger(2).result(10)
    assert counter.enrolling.draft is draft
    assert reader.taken == 0


def test_a_driver_that_crashes_loses_nothing_and_the_next_works(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    draft = counter.enrolling.start().result(10)
    counter.devices.camera.troubles = [ValueError("PEÑALVER")]
    with pytest.raises(Trouble) as caught:
        counter.enrolling.take_portrait().result(10)
    assert caught.value.code == "DEV-09"
    assert "PEÑALVER" not in caplog.text + str(caught.value)
    assert counter.enrolling.draft is draft
    assert counter.enrolling.take_portrait().result(10).portrait is not None


def test_a_full_disk_costs_the_capture_and_nothing_else(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = counter.fill()

    def full(*_: object) -> str:
        raise DiskFull

    with monkeypatch.context() as patch:
        patch.setattr(counter.vault, "put_media", full)
        with pytest.raises(DiskFull):
            counter.enrolling.take_portrait().result(10)
    assert counter.enrolling.draft is draft
    assert counter.enrolling.portrait_pixels().result(10).shape == (800, 600, 3)


@pytest.mark.parametrize(
    ("qualities", "kept_take"),
    [([20, 55, 30], 2), ([55, 20], 1), ([None, 10], 2), ([10, None], 1), ([None, None], 1)],
)
def test_the_best_impression_is_kept_and_only_that(
    counter: Counter, qualities: list[int | None], kept_take: int
) -> None:
    counter.enrolling.start().result(10)
    counter.judge.qualities = list(qualities)
    for _ in qualities:
        counter.enrolling.take_finger(2).result(10)
    counter.settle()
    finger = counter.draft.finger(2)
    assert finger is not None
    assert [a.quality for a in finger.attempts] == qualities
    assert counter.enrolling.finger_pixels(2).result(10)[0, 0] == kept_take
    assert counter.pictures() == 1


def able(counter: Counter, **declared: bool) -> None:
    camera = counter.devices.camera
    camera.info = replace(camera.info, capabilities=dict(declared))


def test_the_portrait_of_a_still_camera_is_a_still_of_the_size_that_is_of_use(
    counter: Counter,
) -> None:
    counter.enrolling.start().result(10)
    able(counter, still=True, preview=False)
    portrait = counter.enrolling.take_portrait().result(10).portrait
    assert portrait is not None
    assert (portrait.width, portrait.height) == (1200, 1600)
    assert int(counter.enrolling.portrait_pixels().result(10)[0, 0, 0]) == 90


@pytest.mark.parametrize(("declared", "shown"), [({}, True), ({"still": True}, True),
                                                 ({"preview": False}, False)])  # fmt: skip
def test_a_preview_runs_where_the_camera_has_one_and_ends_when_it_is_called_off(
    counter: Counter, declared: dict[str, bool], shown: bool
) -> None:
    counter.enrolling.start().result(10)
    able(counter, **declared)
    seen, blind = threading.Event(), threading.Event()
    ticket = counter.enrolling.start_preview(lambda _: seen.set(), blind.set)
    assert (seen if shown else blind).wait(5)
    assert seen.is_set() is not blind.is_set()
    ticket.cancel()
    ticket.result(5)


@pytest.mark.parametrize("sign", ["<", ";"])
def test_what_a_hand_held_reader_types_is_read_whatever_its_keyboard_calls_the_filler(
    counter: Counter, sign: str
) -> None:
    typed = "\n".join(MRZ).replace("<", sign) + "\n"
    assert counter.enrolling.read_typed(typed).lines == MRZ


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("7501031311309\n", "MRZ-11"),
        (("\n".join(MRZ)).replace("<", ";").replace("E", "É"), "MRZ-04"),
    ],
)
def test_what_is_no_document_or_another_keyboards_is_named(
    counter: Counter, typed: str, code: str
) -> None:
    with pytest.raises(Trouble) as told:
        counter.enrolling.read_typed(typed)
    assert told.value.code == code


def test_a_portrait_taken_again_replaces_the_first(counter: Counter) -> None:
    counter.enrolling.start().result(10)
    first = counter.enrolling.take_portrait().result(10).portrait
    second = counter.enrolling.take_portrait().result(10).portrait
    assert first != second
    assert counter.pictures() == 1


@pytest.mark.parametrize("device", ["reader", "camera"])
def test_a_capture_never_ends_in_another_persons_draft(counter: Counter, device: str) -> None:
    """The officer goes on to the next person while the first one's picture is on its way."""
    first = counter.enrolling.start().result(10)
    played = getattr(counter.devices, device)
    played.held = threading.Event()
    late: Ticket[Any] = (
        counter.enrolling.take_finger(2)
        if device == "reader"
        else counter.enrolling.take_portrait()
    )
    assert played.begun.wait(10)
    second = counter.enrolling.start().result(10)
    played.held.set()
    with pytest.raises(AnotherInHand):
        late.result(10)
    counter.settle()
    assert counter.on_disk() == {first.record_id: first, second.record_id: second}
    assert counter.pictures() == 0


def test_the_next_finger_is_one_still_asked_for(counter: Counter) -> None:
    counter.enrolling.start().result(10)
    assert counter.enrolling.next_finger() == 2
    counter.enrolling.take_finger(2).result(10)
    assert counter.enrolling.next_finger(2) == 7
    counter.enrolling.take_finger(7).result(10)
    assert counter.enrolling.next_finger(7) is None


def test_nfiq2_judges_a_finger_of_the_desk(folder: Path, headquarters: Headquarters) -> None:
    y, x = np.mgrid[0:384, 0:290].astype(np.float32)
    ridges = (127 + 90 * np.sin(np.hypot(x - 145, y - 170) / 3.2 + x / 40)).astype(np.uint8)
    with (
        FingerQuality() as nfiq2,
        opened(folder, headquarters, quality=nfiq2) as counter,
    ):
        counter.enter()
        counter.enrolling.start().result(10)
        image = FingerImage(pixels=ridges, ppi=500)
        counter.devices.reader.capture = lambda **_: image  # type: ignore[method-assign]
        taken = counter.enrolling.take_finger(2).result(60)
        assert taken.finger.measure == "NFIQ 2"
        assert taken.quality is None or 0 <= taken.quality <= 100
        assert np.array_equal(counter.enrolling.finger_pixels(2).result(10), ridges)


# ---- exceptions --------------------------------------------------------------------------------
def test_an_exception_is_approved_by_another_person_with_their_own_signature(
    counter: Counter,
) -> None:
    counter.fill()
    counter.enrolling.declare_exception(7, ExceptionCode.AMPUTATED, "  amputado ")
    assert [m.field for m in counter.enrolling.missing()] == ["7"]
    draft = counter.enrolling.approve_exception(7, OTHER, PASSWORD).result(10)
    finger = draft.finger(7)
    assert finger is not None
    assert finger.reason == "amputado"
    assert finger.approval is not None
    assert finger.approved_by not in {"", finger.declared_by}
    assert counter.enrolling.missing() == ()
    assert "approve-exception" in counter.audited()


def test_nobody_approves_their_own_exception(counter: Counter) -> None:
    counter.fill()
    draft = counter.enrolling.declare_exception(7, ExceptionCode.UNABLE, "vendado")
    with pytest.raises(ExceptionNeedsAnother):
        counter.enrolling.approve_exception(7, "rquispe", PASSWORD).result(10)
    assert counter.enrolling.draft is draft


def test_a_wrong_password_approves_nothing(counter: Counter) -> None:
    counter.fill()
    draft = counter.enrolling.declare_exception(7, ExceptionCode.UNABLE, "vendado")
    with pytest.raises(WrongPassword):
        counter.enrolling.approve_exception(7, OTHER, "otra-cosa-larga").result(10)
    assert counter.enrolling.draft is draft


def test_what_was_not_declared_cannot_be_approved(counter: Counter) -> None:
    counter.fill()
    with pytest.raises(Incomplete):
        counter.enrolling.approve_exception(7, OTHER, PASSWORD).result(10)


def test_a_changed_reason_needs_approval_again(counter: Counter) -> None:
    counter.fill()
    counter.enrolling.declare_exception(7, ExceptionCode.UNABLE, "vendado")
    counter.enrolling.approve_exception(7, OTHER, PASSWORD).result(10)
    counter.enrolling.declare_exception(7, ExceptionCode.AMPUTATED, "amputado")
    assert [m.field for m in counter.enrolling.missing()] == ["7"]


def test_an_approval_does_not_bring_back_an_exception_withdrawn_meanwhile(
    counter: Counter,
) -> None:
    counter.fill()
    counter.enrolling.declare_exception(7, ExceptionCode.UNABLE, "vendado")
    signed = counter.accounts.sign_act

    def withdrawn(*told: Any) -> Any:
        counter.enrolling.withdraw_exception(7)
        return signed(*told)

    counter.accounts.sign_act = withdrawn  # type: ignore[method-assign]
    with pytest.raises(Incomplete):
        counter.enrolling.approve_exception(7, OTHER, PASSWORD).result(10)
    finger = counter.draft.finger(7)
    assert finger is not None
    assert (finger.exception, finger.approved_by) == (None, "")


def test_who_approved_an_exception_does_not_seal_it(closed: Counter) -> None:
    closed.enter()
    record = closed.fill().record_id
    closed.enrolling.declare_exception(7, ExceptionCode.AMPUTATED, "amputado")
    closed.enrolling.approve_exception(7, SUPERVISOR, PASSWORD).result(10)
    closed.enrolling.park()
    closed.enter(SUPERVISOR)
    closed.enrolling.resume(record).result(10)
    with pytest.raises(ExceptionNeedsAnother):
        closed.enrolling.finish().result(10)
    assert closed.outbox.total() == 0
    assert record in closed.on_disk()


def test_a_finger_taken_after_all_ends_its_exception(counter: Counter) -> None:
    counter.enrolling.start().result(10)
    counter.enrolling.declare_exception(7, ExceptionCode.UNABLE, "vendado")
    taken = counter.enrolling.take_finger(7).result(10)
    assert (taken.finger.exception, taken.good) == (None, True)


# ---- the document's lines ----------------------------------------------------------------------
def test_a_reading_fills_what_is_empty(counter: Counter) -> None:
    counter.enrolling.start().result(10)
    draft = counter.enrolling.accept_reading(counter.enrolling.read_mrz().result(10))
    assert draft.person == Person(
        first_surname="PENALVER",
        second_surname="NUNEZ",
        given_names="MARISELA ANDREINA",
        birth_date="1991-08-19",
        sex="F",
        nationality="VEN",
    )
    assert draft.document == paper(source="mrz")
    assert (draft.mrz_lines, draft.mrz_confirmed) == (MRZ, True)


def test_a_reading_never_replaces_what_was_typed(counter: Counter) -> None:
    counter.enrolling.start().result(10)
    typed = person(birth_date="1990-01-02", sex="X", nationality="COL")
    counter.enrolling.change(person=typed, document=paper(number="1", issuer="COL", expiry=""))
    draft = counter.enrolling.accept_reading(counter.enrolling.read_mrz().result(10))
    assert draft.person == typed
    assert draft.document == paper(number="1", issuer="COL", source="mrz")


@pytest.mark.parametrize(
    "typed", [Person(first_surname="PEÑALVER"), Person(no_second_surname=True)]
)
def test_a_typed_surname_is_not_mixed_with_a_read_one(counter: Counter, typed: Person) -> None:
    counter.enrolling.start().result(10)
    counter.enrolling.change(person=typed)
    draft = counter.enrolling.accept_reading(counter.enrolling.read_mrz().result(10))
    assert draft.person.second_surname == ""


def test_a_document_that_is_not_read_changes_nothing(counter: Counter) -> None:
    draft = counter.enrolling.start().result(10)
    counter.devices.scanner.troubles = [Unplugged()]
    with pytest.raises(Unplugged):
        counter.enrolling.read_mrz().result(10)
    assert counter.enrolling.draft is draft


# ---- finishing ---------------------------------------------------------------------------------
def _opened_record(counter: Counter, headquarters: Headquarters, record: str) -> Any:
    """What headquarters finds in the packet."""
    data = counter.outbox.packet(record)
    head = packet.check(data, counter.vault.station_keys()[0].public)
    key = packet.open_content_key(head, headquarters.operational)
    return packet.open_objects(data, head, key)


def test_what_is_finished_is_what_was_typed_and_only_headquarters_opens_it(
    counter: Counter, headquarters: Headquarters
) -> None:
    draft = counter.fill()
    finished = counter.enrolling.finish().result(10)
    objects = _opened_record(counter, headquarters, finished.record_id)
    body = canonical.decode(objects.pop(packet.RECORD_OBJECT), dict[str, Any])
    assert finished.record_id == draft.record_id
    assert body["applicant"]["first_surname"] == "PEÑALVER"
    assert len(objects) == 1 + len(FINGERS.positions)
    assert counter.on_disk() == {}
    assert counter.pictures() == 0
    assert counter.enrolling.draft is None


REQUIRED: dict[str, dict[str, Any]] = {
    "procedure": {"procedure": ""},
    "document": {"document": None},
    "name": {"person": replace(person(), first_surname=" ")},
    "portrait": {"portrait": None},
    "fingers": {"fingers": ()},
    "consent": {"consent": None},
}


@pytest.mark.parametrize("piece", REQUIRED)
def test_what_went_missing_after_the_page_looked_is_never_sealed(
    counter: Counter, piece: str
) -> None:
    counter.fill()
    assert counter.enrolling.missing() == ()
    go_on = threading.Event()
    counter.desk.run(lambda _: go_on.wait(10))
    asked = counter.enrolling.finish()
    draft = counter.enrolling.change(**REQUIRED[piece])
    go_on.set()
    with pytest.raises(Incomplete):
        asked.result(10)
    counter.settle()
    assert counter.outbox.total() == 0
    assert counter.on_disk() == {draft.record_id: draft}


def test_no_race_seals_a_draft_with_something_missing(
    counter: Counter, headquarters: Headquarters
) -> None:
    counter.fill()
    over = threading.Event()

    def flicker() -> None:
        n = 0
        while not over.is_set() and counter.enrolling.draft is not None:
            n += 1
            try:
                counter.enrolling.change(procedure=PROCEDURE if n % 2 else "")
                time.sleep(0)
            except Incomplete:
                return

    with ThreadPoolExecutor() as pool:
        flickering = pool.submit(flicker)
        for _ in range(30):
            try:
                counter.enrolling.finish().result(10)
                break
            except Incomplete:
                continue
        over.set()
        flickering.result(10)
    counter.settle()
    for row in counter.outbox.rows(offset=0, limit=10):
        objects = _opened_record(counter, headquarters, row.record)
        body = canonical.decode(objects[packet.RECORD_OBJECT], dict[str, Any])
        assert body["content"]["procedure"] == PROCEDURE
        assert counter.on_disk() == {}


def test_two_finishes_at_once_make_one_record(counter: Counter) -> None:
    counter.fill()
    asked = [counter.enrolling.finish() for _ in range(3)]
    asked[0].result(10)
    for late in asked[1:]:
        with pytest.raises(Incomplete):
            late.result(10)
    assert counter.outbox.total() == 1


def test_a_second_finish_never_seals_the_next_person(counter: Counter) -> None:
    first = counter.fill()
    counter.enrolling.park()
    second = counter.fill()
    go_on = threading.Event()
    counter.desk.run(lambda _: go_on.wait(10))
    asked = counter.enrolling.finish()
    again = counter.enrolling.resume(first.record_id)
    late = counter.enrolling.finish()
    go_on.set()
    assert asked.result(10).record_id == second.record_id
    again.result(10)
    with pytest.raises(AnotherInHand):
        late.result(10)
    assert first.record_id in counter.on_disk()


def test_a_finish_that_fails_leaves_the_draft_and_the_next_works(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = counter.fill()

    def full(*_: object) -> None:
        raise DiskFull

    with monkeypatch.context() as patch:
        patch.setattr(counter.outbox, "add", full)
        with pytest.raises(DiskFull):
            counter.enrolling.finish().result(10)
    assert counter.on_disk() == {draft.record_id: draft}
    assert counter.enrolling.finish().result(10).record_id == draft.record_id


def test_who_refuses_leaves_no_picture_in_the_record_or_on_the_station(
    counter: Counter, headquarters: Headquarters
) -> None:
    counter.fill()
    counter.enrolling.answer(given=False, reason="no quiere")
    finished = counter.enrolling.finish().result(10)
    assert finished.refused
    objects = _opened_record(counter, headquarters, finished.record_id)
    assert set(objects) == {packet.RECORD_OBJECT}
    assert counter.pictures() == 0


def test_there_is_no_answer_before_the_notice(counter: Counter) -> None:
    counter.enrolling.start().result(10)
    with pytest.raises(Incomplete):
        counter.enrolling.answer(given=True)


# ---- the slip ----------------------------------------------------------------------------------
def test_without_paper_the_record_exists_and_the_slip_prints_later(counter: Counter) -> None:
    counter.fill()
    finished = counter.enrolling.finish().result(10)
    counter.devices.printer.troubles = [PaperOut()]
    with pytest.raises(PaperOut) as caught:
        counter.printing.print_slip(finished).result(10)
    assert caught.value.code == "PRN-02"
    assert counter.outbox.row(finished.record_id) is not None
    counter.printing.print_slip(finished).result(10)
    assert len(counter.devices.printer.slips) == 1


def test_the_slip_says_the_folio_and_no_name_or_number(counter: Counter) -> None:
    counter.fill()
    lines = counter.printing.slip_lines(counter.enrolling.finish().result(10))
    words = " ".join(f"{line.text} {line.right}" for line in lines)
    assert "MM-T01-20261123-0001-" in words
    assert "M.P.N." in words
    assert not [told for told in ("PEÑALVER", "MARISELA", "084127653") if told in words]


def test_no_slip_is_printed_with_nobody_inside(counter: Counter) -> None:
    counter.fill()
    finished = counter.enrolling.finish().result(10)
    counter.accounts.lock()
    with pytest.raises(NobodyInside):
        counter.printing.print_slip(finished)
