"""Every step of the enrollment, at both sizes: whole, named, and leading to what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from migramovil.core.biometrics import Attempt, ExceptionCode, Finger
from migramovil.core.documents import DocumentType, IdentityDocument
from migramovil.core.downstream import Kind
from migramovil.core.enrollment import STEPS, Draft
from migramovil.core.enrollment import Step as CoreStep
from migramovil.services.enrolling import Finished
from migramovil.ui import kit, theme
from migramovil.ui.frame import Frame as Window
from migramovil.ui.pages.wizard import (
    STEP_PAGES,
    ConsentPage,
    FingersPage,
    IdentityPage,
    PersonPage,
    PortraitPage,
    ProcedurePage,
    ReviewPage,
)
from tests.ui import wizard_desk as played
from tests.ui.checks import LOOKS, assert_all_well, settle, type_in

Act = Callable[[Any], object]


@pytest.fixture
def show(qtbot: QtBot) -> Callable[..., tuple[Window, Any, played.PlayedEnrolling]]:
    def opened(page: Any, draft: Draft) -> tuple[Window, Any, played.PlayedEnrolling]:
        frame, made, enrolling = played.opened(page, draft)
        qtbot.addWidget(frame, before_close_func=lambda _: frame.allow_close())
        settle()
        return frame, made, enrolling

    return opened


def _some_fingers(*, low: bool) -> Draft:
    draft = played.whole()
    kept = [f for f in draft.fingers if f.position not in {2, 3, 4, 5}]
    kept = [replace(f, approved_by="") if f.exception else f for f in kept]
    if low:
        tries = tuple(
            Attempt(object_id="a" if q == 31 else "", quality=q, hints=("too_dry",))
            for q in (22, 31, 28)
        )
        kept.append(Finger(position=2, attempts=tries))
    return replace(draft, fingers=tuple(kept))


def _stay(_: Any) -> None:
    """Look at the page as it opens."""


def _expire(page: Any) -> None:
    page.desk.downstream.expire(Kind.PROCEDURES, "2026-11-20T05:00:00+00:00")
    page.redraw()


CASES: dict[str, tuple[Any, Callable[[], Draft], Act]] = {
    "procedure": (ProcedurePage, played.whole, _stay),
    "procedure, none chosen": (ProcedurePage, played.empty, _stay),
    "procedure, list expired": (ProcedurePage, played.whole, _expire),
    "identity, nothing read": (IdentityPage, played.empty, _stay),
    "identity, by hand": (IdentityPage, played.empty, lambda p: p.action_for("F6")()),
    "identity, read": (
        IdentityPage,
        lambda: replace(played.empty(), person=played.person()),
        lambda p: p.action_for("F5")(),
    ),
    "person": (PersonPage, played.whole, _stay),
    "person, all missing": (PersonPage, played.empty, lambda p: p.point_to_missing()),
    "person, minor": (
        PersonPage, lambda: played.whole(person=played.person(birth_date="2015-02-01")), _stay
    ),
    "portrait, live": (PortraitPage, played.empty, _stay),
    "portrait, taken": (PortraitPage, played.whole, _stay),
    "fingers": (FingersPage, lambda: _some_fingers(low=False), _stay),
    "fingers, three low": (FingersPage, lambda: _some_fingers(low=True), _stay),
    "fingers, live": (
        FingersPage, lambda: _some_fingers(low=False), lambda p: p.action_for("F5")()
    ),
    "fingers, exception": (
        FingersPage, lambda: _some_fingers(low=False), lambda p: p.action_for("F9")()
    ),
    "fingers, approval": (
        FingersPage, lambda: _some_fingers(low=False), lambda p: p.action_for("F8")()
    ),
    "consent, no notice": (ConsentPage, lambda: played.whole(consent=None), _stay),
    "consent, refused": (ConsentPage, played.whole, lambda p: p.action_for("N")()),
    "review": (ReviewPage, played.whole, _stay),
    "review, sealing": (ReviewPage, played.whole, lambda p: p.press_primary()),
    "review, all missing": (ReviewPage, played.empty, _stay),
}  # fmt: skip


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", CASES)
def test_every_step_shows_whole_and_named_at_both_sizes(
    show: Any, name: str, look: tuple[theme.Name, float]
) -> None:
    theme.use(*look, motion=False)
    page, draft, act = CASES[name]
    frame, made, _ = show(page, draft())
    act(made)
    assert_all_well(frame)


def test_an_expired_list_of_procedures_warns_and_stops_nobody(show: Any) -> None:
    _frame, page, _ = show(ProcedurePage, played.whole())
    banner = page.findChild(kit.Banner)
    assert not banner.isVisible()
    _expire(page)
    assert banner.isVisible()
    assert "20/11/2026" in banner.accessibleName()
    assert page.primary().available


def test_every_step_of_the_core_has_a_page() -> None:
    assert tuple(STEP_PAGES) == STEPS


def test_enter_never_seals(show: Any) -> None:
    _frame, page, enrolling = show(ReviewPage, played.whole())
    assert page.primary().available
    for _ in range(3):
        here = QApplication.focusWidget()
        assert here is not None
        QTest.keyClick(here, Qt.Key.Key_Return)
        settle()
    assert "finish" not in enrolling.asked


def test_a_seal_is_asked_for_once_and_its_record_is_told(show: Any) -> None:
    _frame, page, enrolling = show(ReviewPage, played.whole())
    told: list[Finished] = []
    page.sealed.connect(told.append)
    page.press_primary()
    page.press_primary()
    page.escape()
    assert enrolling.asked.count("finish") == 1
    assert not page.primary().available
    done = Finished(
        record_id="r1", folio="F", size=1, sealed_utc="", seq=1, procedure="CPP", initials="M."
    )
    enrolling.seal.future.set_result(done)
    settle()
    assert told == [done]


@pytest.mark.parametrize(
    ("page", "field"),
    [(ProcedurePage, None), (IdentityPage, "number"), (PersonPage, "first_surname")],
)
def test_the_primary_leads_to_what_is_missing(show: Any, page: Any, field: str | None) -> None:
    frame, made, _ = show(page, played.empty())
    primary = made.primary()
    assert not primary.available
    assert primary.reason
    frame.footer.primary.setFocus()
    made.point_to_missing()
    place = made.place_of(made.missing()[0].field)
    assert place is QApplication.focusWidget()
    if field == "first_surname":
        assert made.fields[field].message == made.missing()[0].text


def test_the_review_leads_to_the_step_that_lacks_something(show: Any) -> None:
    _frame, page, _ = show(ReviewPage, played.whole(person=played.person(phone="")))
    asked: list[str] = []
    page.go_to.connect(asked.append)
    page.point_to_missing()
    page.action_for("5")()
    assert asked == [CoreStep.PERSON.value, CoreStep.FINGERS.value]


def test_what_is_typed_is_in_the_draft_at_once(show: Any) -> None:
    _, page, enrolling = show(PersonPage, played.empty())
    type_in(page.fields["first_surname"].control, "Ñañez")
    type_in(page.fields["birth_date"].control, "19-8-91")
    assert enrolling.draft.person.first_surname == "ÑAÑEZ"
    assert enrolling.draft.person.birth_date == "1991-08-19"


def test_a_draft_put_down_takes_nothing_more(show: Any) -> None:
    _, page, enrolling = show(PersonPage, played.empty())
    page.fields["nationality"].control.setFocus()
    enrolling.park()
    page.fields["nationality"].control.set_value("VEN")
    page.fields["given_names"].control.setFocus()
    assert enrolling.draft is None


def test_f2_says_there_is_no_second_surname(show: Any) -> None:
    _, page, enrolling = show(PersonPage, played.whole())
    QTest.keyClick(page.fields["second_surname"].control, Qt.Key.Key_F2)
    assert enrolling.draft.person.no_second_surname
    assert enrolling.draft.person.second_surname == ""
    type_in(page.fields["second_surname"].control, "N")
    assert not enrolling.draft.person.no_second_surname


def test_another_department_empties_the_district(show: Any) -> None:
    _, page, enrolling = show(PersonPage, played.whole())
    assert page.district.value() == "210402"
    page.department.set_value("Tacna")
    assert enrolling.draft.person.ubigeo == ""
    assert page.province.value() is None


def test_a_minor_is_asked_for_who_answers(show: Any) -> None:
    _, page, _ = show(PersonPage, played.whole())
    assert not page.fields["guardian.names"].isVisible()
    page.birth.clear()
    type_in(page.birth, "01/02/2015")
    assert page.fields["guardian.names"].isVisible()


def test_a_reading_never_overwrites_a_typed_name(show: Any) -> None:
    draft = replace(
        played.empty(),
        person=played.person(given_names="MARICELA ANDREÍNA", nationality=""),
        document=IdentityDocument(type=DocumentType.PASSPORT),
    )
    _, page, enrolling = show(IdentityPage, draft)
    page.action_for("F5")()
    assert [m.field for m in page.missing()][-1] == "mrz"
    page.action_for("F8")()
    assert enrolling.draft.person.given_names == "MARICELA ANDREÍNA"
    assert enrolling.draft.person.nationality == "VEN"
    assert enrolling.draft.document.number == "084127653"
    assert not page.missing()


def test_typed_lines_are_read_when_they_are_whole(show: Any) -> None:
    _, page, enrolling = show(IdentityPage, played.empty())
    page.action_for("F6")()
    page.lines.setPlainText(played.LINES[0])
    assert enrolling.draft.mrz_lines == ()
    page.lines.setPlainText("\n".join(played.LINES))
    assert enrolling.draft.mrz_lines == played.LINES
    assert not enrolling.draft.mrz_confirmed


def test_the_preview_runs_only_while_the_page_is_in_sight(show: Any) -> None:
    _frame, page, enrolling = show(PortraitPage, played.empty())
    assert not enrolling.preview.cancelled.is_set()
    page.depart()
    assert enrolling.preview.cancelled.is_set()


def test_the_preview_stops_before_the_picture_is_taken_and_then_it_shows(show: Any) -> None:
    _, page, enrolling = show(PortraitPage, played.empty())
    running = enrolling.preview
    page.press_primary()
    settle()
    assert running.cancelled.is_set()
    assert enrolling.draft.portrait is not None
    assert page.primary().label == "Continuar"
    assert not page.picture.empty
    page.action_for("F5")()
    assert enrolling.asked == ["preview", "portrait", "preview"]


def test_a_camera_without_a_live_picture_says_so_and_takes_all_the_same(show: Any) -> None:
    _, page, enrolling = show(PortraitPage, played.empty())
    enrolling.blind = True
    page._start()
    settle()
    assert "no muestra" in page.preview.accessibleDescription()
    assert page.primary().available
    page.press_primary()
    settle()
    assert enrolling.draft.portrait is not None


def test_a_missing_camera_says_what_to_do_and_is_looked_for_again(show: Any) -> None:
    _, page, enrolling = show(PortraitPage, played.empty())
    page.depart()
    enrolling.answers["camera"] = played.CableOut()
    page.arrive()
    settle()
    assert page.banner.isVisible()
    assert page.primary().label == "Buscar la cámara"
    del enrolling.answers["camera"]
    page.press_primary()
    assert page.primary().label == "Tomar fotografía"


def test_a_good_finger_leads_to_the_next_one(show: Any, qtbot: QtBot) -> None:
    _, page, enrolling = show(FingersPage, played.whole(fingers=()))
    enrolling.qualities = [57]
    page.press_primary()
    settle()
    assert page.hands.finger(1).words == "57"
    qtbot.waitUntil(lambda: enrolling.asked == ["finger 1", "finger 2"], timeout=3000)
    assert page.hands.now() == 2


def test_a_low_finger_stays_and_after_three_the_officer_declares(show: Any) -> None:
    _, page, enrolling = show(FingersPage, played.whole(fingers=()))
    enrolling.qualities = [21, 33, 30]
    for _ in range(3):
        page.action_for("F5")()
        settle()
    assert page.hands.now() == 1
    assert page.banner.isVisible()
    page.action_for("F8")()
    assert page.exception.code.value() == ExceptionCode.UNABLE.value
    page.exception.reason.set_value("yema gastada")
    QTest.mouseClick(page.exception._declare, Qt.MouseButton.LeftButton)
    assert enrolling.draft.finger(1).exception == ExceptionCode.UNABLE
    assert page.hands.now() == 2


def test_an_exception_counts_only_with_another_persons_key(show: Any) -> None:
    _, page, enrolling = show(FingersPage, _some_fingers(low=False))
    page.action_for("F8")()
    assert page.exception.who.value() == "chuamani"
    for key, approved in (("otra", ""), ("clave-larga-2", "a2")):
        page.exception.password.setText(key)
        page.exception._approve.click()
        settle()
        assert enrolling.draft.finger(10).approved_by == approved
        assert page.exception.password.text() == ""
    assert not page.exception.isVisible()


def test_leaving_calls_the_capture_off(show: Any) -> None:
    _, page, enrolling = show(FingersPage, played.whole(fingers=()))
    page.action_for("F5")()
    page.depart()
    assert enrolling.captures[0].cancelled.is_set()


def test_nobody_answers_before_the_notice(show: Any) -> None:
    _, page, enrolling = show(ConsentPage, played.whole(consent=None))
    assert page.action_for("S") is None
    page.mode.chosen.emit("read_aloud")
    page.action_for("S")()
    assert enrolling.draft.consent.mode == "read_aloud"
    assert enrolling.draft.consent.given is True


def test_a_refusal_asks_for_its_reason_and_is_whole_with_it(show: Any) -> None:
    _, page, enrolling = show(ConsentPage, played.whole())
    page.action_for("N")()
    assert [m.field for m in page.missing()] == ["reason"]
    assert page.reason.isVisible()
    type_in(page.reason, "No quiere")
    assert not page.missing()
    assert enrolling.draft.consent.refusal_reason == "No quiere"


def test_another_language_is_another_notice(show: Any) -> None:
    _, page, enrolling = show(ConsentPage, played.whole())
    page.language.set_value("ht")
    assert enrolling.draft.consent is None
    assert page.language.value() == "ht"


# ---- where one is led, and what is said ----------------------------------------------------
def test_after_the_confirmation_the_ring_is_on_the_primary(show: Any) -> None:
    frame, page, _ = show(IdentityPage, replace(played.empty(), person=played.person()))
    page.action_for("F5")()
    settle()
    page.action_for("F8")()
    settle()
    assert frame.ring.target is frame.footer.primary


@pytest.mark.parametrize("page", [ProcedurePage, PersonPage, IdentityPage, ConsentPage])
def test_from_its_last_control_tab_leads_on_to_the_primary(show: Any, page: Any) -> None:
    frame, made, _ = show(page, played.whole())
    for _ in range(40):
        here = QApplication.focusWidget()
        assert here is not None
        QTest.keyClick(here, Qt.Key.Key_Tab)
        settle()
        now = QApplication.focusWidget()
        assert now is not None
        if not made.isAncestorOf(now):
            assert now is frame.footer.primary
            return
    raise AssertionError("Tab never left the page")


def test_all_of_a_minors_data_are_in_sight(show: Any) -> None:
    _, page, _ = show(PersonPage, played.whole(person=played.person(birth_date="2015-02-01")))
    assert page._guardian.isVisible()
    assert page._scroll.verticalScrollBar().maximum() == 0


def test_no_figure_is_told_of_a_picture_that_is_not_there(show: Any) -> None:
    _, page, enrolling = show(PortraitPage, played.empty())
    page._show_live(played.whole().portrait.measures)  # type: ignore[union-attr]
    page.depart()
    enrolling.answers["camera"] = played.CableOut()
    page.arrive()
    settle()
    assert {row.accessibleName().split()[-2] for row in page._rows.values()} == {"–:"}


def test_countries_and_sex_are_said_by_name(show: Any) -> None:
    _, page, _ = show(IdentityPage, played.whole())
    said = {t.text() for t in page.findChildren(kit.Text) if t.isVisible()}
    assert "VEN, Venezuela" in said
    assert "F, femenino" in said
    assert not said & {"VEN", "F", "M"}


def test_an_attempt_that_was_not_made_says_why(show: Any) -> None:
    def said(draft: Draft) -> set[str]:
        _, page, _ = show(FingersPage, draft)
        return {t.text() for t in page._strip.findChildren(kit.Text)}

    good = Finger(position=1, attempts=(Attempt(object_id="a", quality=61),))
    lost = Finger(position=1, exception=ExceptionCode.AMPUTATED, reason="x")
    assert "pendiente" in said(played.whole(fingers=()))
    asked = [replace(good, position=n) for n in range(2, 11)]
    assert "no hace falta" in said(played.whole(fingers=(good, *asked)))
    assert "no se toma" in said(played.whole(fingers=(lost, *asked)))
