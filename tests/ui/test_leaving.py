"""Leaving the chair: the lock, who waits, a crash, a draft given up, a record corrected."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from migramovil.core.enrollment import Step
from migramovil.core.person import Person
from migramovil.core.roles import Role
from migramovil.services.accounts import Session
from migramovil.services.clock import Skew
from migramovil.services.drafts import Crash, NeedsAnother, Parked
from migramovil.ui import theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.pages.common import skew_words, span_words
from migramovil.ui.pages.done import DonePage
from migramovil.ui.pages.home import HomePage
from migramovil.ui.pages.login import LoginPage, wait_words
from migramovil.ui.pages.parked import CrashPage, ParkedPage
from migramovil.ui.pages.queue import QueuePage
from migramovil.ui.pages.void import CorrectPage, VoidPage
from migramovil.ui.pages.wizard import PersonPage, ProcedurePage
from migramovil.ui.window import StationWindow
from tests.ui.checks import LOOKS, assert_all_well, settle, type_in
from tests.ui.fake_desk import (
    NOON,
    RIGHT,
    FakeDesk,
    a_desk,
    a_draft,
    a_finished,
    a_parked,
    some_rows,
)


class Ticks:
    """The idle watch's clock, moved by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("migramovil.ui.window.steady", lambda: self.now)


def opened(qtbot: QtBot, desk: FakeDesk, *, idle_s: float = 0.0) -> StationWindow:
    window = StationWindow(desk.real, Bridge(), idle_s=idle_s)
    window.allow_close()
    qtbot.addWidget(window)
    window.resize(1366, 768)
    window.show()
    window.activateWindow()
    settle()
    return window


def enter(window: StationWindow, username: str = "rquispe") -> None:
    page = window.page
    assert isinstance(page, LoginPage)
    page.who.set_value(username)
    page.password.setText(RIGHT)
    page.press_primary()
    settle()


def seated(qtbot: QtBot, desk: FakeDesk, **other: Any) -> StationWindow:
    """The window with a person on the third step."""
    desk.enrolling.drafts = (a_draft(step=Step.PERSON),)
    window = opened(qtbot, desk, **other)
    enter(window)
    window._home.press_primary()
    settle()
    assert isinstance(window.page, PersonPage)
    return window


def press(window: StationWindow, key: Qt.Key, held: Qt.KeyboardModifier | None = None) -> None:
    QTest.keyClick(window, key, held or Qt.KeyboardModifier.NoModifier)
    settle()


def spoken(page: QWidget | None) -> str:
    assert page is not None
    return " ".join(part.accessibleName() for part in page.findChildren(QWidget))


def waiting_desk(role: Role | None = Role.OFFICER) -> FakeDesk:
    """One of each kind waits: whole, a colleague's and expired, empty, of a newer version."""
    desk = a_desk(role=role)
    desk.waiting.all = some_rows()
    desk.enrolling.drafts = (a_draft("a", step=Step.FINGERS),)
    other = a_draft("b", step=Step.PERSON, person=Person(first_surname="Ñustes", given_names="Ana"))
    bare = replace(a_draft("c", step=Step.PROCEDURE, person=Person()), procedure="")
    newer = Parked(record_id="d", draft=None, by="", saved_utc=NOON, expired=False)
    desk.drafts.others = (
        a_parked(other, expired=True, by="jticona"), a_parked(bare), newer,
    )  # fmt: skip
    return desk


# ---- the lock ----------------------------------------------------------------------------------
def test_the_same_officer_comes_back_to_the_same_step(qtbot: QtBot) -> None:
    desk = a_desk()
    window = seated(qtbot, desk)
    press(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    assert isinstance(window.page, LoginPage)
    enter(window)
    assert isinstance(window.page, PersonPage)


def test_another_officer_comes_to_the_day_and_may_take_over(qtbot: QtBot) -> None:
    desk = a_desk()
    window = seated(qtbot, desk)
    window.lock()
    desk.accounts.session = Session(account="2", username="jticona", role=Role.SUPERVISOR)
    window._entered()
    settle()
    assert isinstance(window.page, HomePage)
    assert "empezado a las 10:30 por rquispe" in spoken(window.page)
    window._home.press_primary()
    settle()
    assert isinstance(window.page, PersonPage)


def test_what_is_under_way_is_covered_and_not_cut(qtbot: QtBot) -> None:
    desk = a_desk()
    window = seated(qtbot, desk)
    desk.enrolling.busy = True
    window.lock()
    assert isinstance(window.page, LoginPage)
    assert desk.accounts.locks == 0
    window._go_day("jornada")  # nothing leads past the door meanwhile
    assert isinstance(window.page, LoginPage)
    desk.enrolling.busy = False
    qtbot.waitUntil(lambda: desk.accounts.locks == 1, timeout=2000)


def test_a_record_sealed_behind_the_door_is_told_to_who_opens_it(qtbot: QtBot) -> None:
    desk = a_desk()
    window = seated(qtbot, desk)
    window.lock()
    window._sealed(a_finished())
    assert isinstance(window.page, LoginPage)
    enter(window)
    assert isinstance(window.page, DonePage)


def test_every_window_and_list_is_covered(qtbot: QtBot) -> None:
    window = seated(qtbot, a_desk())
    other = QWidget()
    qtbot.addWidget(other)
    other.show()
    window.open_help()
    window.lock()
    settle()
    assert not other.isVisible()
    assert "Peñalver" not in spoken(window)
    assert window._help is None


def test_closing_waits_for_what_is_under_way(qtbot: QtBot) -> None:
    desk = a_desk()
    window = seated(qtbot, desk)
    window._may_close = False
    desk.enrolling.busy = True
    window.close()
    window.close()
    assert window.isVisible()
    desk.enrolling.busy = False
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=2000)
    assert desk.accounts.locks == 1


def test_one_press_of_the_close_button_ends_a_free_station(qtbot: QtBot) -> None:
    desk = a_desk()
    window = seated(qtbot, desk)
    window._may_close = False
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=2000)
    assert desk.accounts.locks == 1


# ---- nobody there ------------------------------------------------------------------------------
def test_nobody_there_is_warned_of_and_then_locked(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks, desk = Ticks(monkeypatch), a_desk()
    window = seated(qtbot, desk, idle_s=300)
    ticks.now += 269
    window._tick()
    assert "Sin actividad" not in window.footer._why.text()
    ticks.now += 1
    window._tick()
    assert window.footer._why.text() == "Sin actividad: se bloquea en 30 s"
    ticks.now += 30
    window._tick()
    assert isinstance(window.page, LoginPage)
    assert desk.accounts.locks == 1


def test_a_key_or_the_mouse_keeps_the_station_open(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks, desk = Ticks(monkeypatch), a_desk()
    window = seated(qtbot, desk, idle_s=300)
    for touch in (
        lambda: QTest.keyClick(window, Qt.Key.Key_Shift),
        lambda: QTest.mouseMove(window.footer),
        lambda: QTest.mouseClick(window.header, Qt.MouseButton.LeftButton),
    ):
        ticks.now += 290
        touch()
        settle()
        ticks.now += 9
        window._tick()
        assert isinstance(window.page, PersonPage)


def test_the_key_that_wakes_a_sleeping_laptop_comes_too_late(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks, desk = Ticks(monkeypatch), a_desk()
    window = seated(qtbot, desk, idle_s=300)
    ticks.now += 8 * 3600
    QTest.keyClick(window, Qt.Key.Key_Shift)
    window._tick()
    assert isinstance(window.page, LoginPage)


def test_who_waits_for_a_capture_is_not_idle(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks, desk = Ticks(monkeypatch), a_desk()
    window = seated(qtbot, desk, idle_s=300)
    desk.enrolling.busy = True
    ticks.now += 400
    window._tick()
    assert isinstance(window.page, PersonPage)
    desk.enrolling.busy = False
    window._tick()
    assert isinstance(window.page, LoginPage)


def test_the_door_itself_never_locks_and_zero_means_never(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks, desk = Ticks(monkeypatch), a_desk()
    window = opened(qtbot, desk, idle_s=300)
    ticks.now += 1000
    window._tick()
    assert desk.accounts.locks == 0
    never = seated(qtbot, desk, idle_s=0)
    ticks.now += 10_000
    never._tick()
    assert desk.accounts.locks == 0


# ---- put aside ---------------------------------------------------------------------------------
def test_a_person_is_put_aside_from_any_step(qtbot: QtBot) -> None:
    desk = a_desk()
    window = seated(qtbot, desk)
    press(window, Qt.Key.Key_D, Qt.KeyboardModifier.AltModifier)
    assert isinstance(window.page, HomePage)
    assert desk.enrolling.draft is None


def test_putting_aside_waits_for_a_capture(qtbot: QtBot) -> None:
    desk = a_desk()
    window = seated(qtbot, desk)
    desk.enrolling.busy = True
    window.later_asked.emit()
    assert isinstance(window.page, HomePage)
    assert desk.enrolling.draft is not None
    desk.enrolling.busy = False
    qtbot.waitUntil(lambda: desk.enrolling.draft is None, timeout=2000)


def test_the_day_shows_who_waits_and_since_when(qtbot: QtBot) -> None:
    window = opened(qtbot, waiting_desk())
    window._entered()
    settle()
    told = spoken(window.page)
    for words in (
        "Peñalver Núñez, Marisela Andreína", "Ñustes, Ana", "empezado a las 10:30 por jticona",
        "Vencido", "En espera · 3",
    ):  # fmt: skip
        assert words in told


def test_the_list_leads_back_to_the_chair(qtbot: QtBot) -> None:
    desk = waiting_desk()
    window = opened(qtbot, desk)
    window._entered()
    press(window, Qt.Key.Key_F3)
    page = window.page
    assert isinstance(page, ParkedPage)
    assert page.table.hasFocus()
    page.press_primary()
    settle()
    assert desk.enrolling.draft is not None
    assert desk.enrolling.draft.record_id == "a"
    assert "Ñustes" not in spoken(page)


def test_a_newer_draft_is_shown_and_not_opened(qtbot: QtBot) -> None:
    desk = waiting_desk()
    window = opened(qtbot, desk)
    window._entered()
    press(window, Qt.Key.Key_F3)
    page = window.page
    assert isinstance(page, ParkedPage)
    page.table.choose(3)
    settle()
    primary = page.primary()
    assert primary is not None
    assert (primary.available, primary.reason) == (False, "Hecho con una versión más nueva.")
    assert not page._void.isVisible()
    page.press_primary()
    page._give_up()
    assert desk.enrolling.draft is None
    assert desk.drafts.asked == []


def test_an_empty_one_is_put_away_by_one_key(qtbot: QtBot) -> None:
    desk = waiting_desk()
    window = opened(qtbot, desk)
    window._entered()
    press(window, Qt.Key.Key_F3)
    page = window.page
    assert isinstance(page, ParkedPage)
    page.table.choose(2)
    settle()
    assert page._void.text() == "Descartar"
    press(window, Qt.Key.Key_F9)
    assert desk.drafts.asked == [("c",)]


# ---- given up ----------------------------------------------------------------------------------
def a_void(qtbot: QtBot, desk: FakeDesk) -> tuple[StationWindow, VoidPage]:
    window = opened(qtbot, desk)
    window._entered()
    press(window, Qt.Key.Key_F3)
    press(window, Qt.Key.Key_F9)
    page = window.page
    assert isinstance(page, VoidPage)
    return window, page


def test_giving_up_needs_the_reason_and_the_other_persons_key(qtbot: QtBot) -> None:
    desk = waiting_desk()
    window, page = a_void(qtbot, desk)
    page.press_primary()
    settle()
    assert page._reason.message == "Falta el motivo."
    assert page._key.message == "Falta su contraseña."
    assert desk.drafts.asked == []
    type_in(page.reason, "se retiró")
    type_in(page.password, "clave-de-otra")
    page.press_primary()
    settle()
    assert desk.drafts.asked == [("a", "se retiró", "jticona", "clave-de-otra")]
    assert isinstance(window.page, ParkedPage)
    assert page.password.text() == ""


def test_a_refusal_keeps_the_reason_and_says_nothing_was_lost(qtbot: QtBot) -> None:
    desk = waiting_desk()
    desk.drafts.trouble = NeedsAnother()
    _, page = a_void(qtbot, desk)
    type_in(page.reason, "se retiró")
    type_in(page.password, "clave")
    page.press_primary()
    settle()
    assert "Nada se anuló" in page._trouble.accessibleName()
    assert (page.reason.text(), page.password.text()) == ("se retiró", "")


def test_esc_gives_nobody_up(qtbot: QtBot) -> None:
    desk = waiting_desk()
    window, _ = a_void(qtbot, desk)
    press(window, Qt.Key.Key_Escape)
    assert isinstance(window.page, ParkedPage)
    assert desk.drafts.asked == []


# ---- after a crash -----------------------------------------------------------------------------
def a_crash(desk: FakeDesk) -> FakeDesk:
    desk.enrolling.drafts = (a_draft("a", step=Step.FINGERS), a_draft("b", step=Step.PERSON))
    found = tuple(a_parked(draft) for draft in desk.enrolling.drafts)
    desk.drafts.crash = Crash(until_utc="2026-11-23T15:42:30Z", drafts=found)
    return desk


def test_after_a_crash_the_first_page_says_until_when_all_is_kept(qtbot: QtBot) -> None:
    desk = a_crash(a_desk())
    window = opened(qtbot, desk)
    enter(window)
    assert isinstance(window.page, CrashPage)
    told = spoken(window.page)
    for words in (
        "se cerró de golpe a las 10:42", "Se guardó todo hasta las 10:42:07",
        "Paso 5 de 7, Huellas", "1 persona más sigue en espera",
    ):  # fmt: skip
        assert words in told
    assert window.footer.primary.text() == "Seguir con esta persona"


def test_going_on_after_a_crash_opens_that_person(qtbot: QtBot) -> None:
    desk = a_crash(a_desk())
    window = opened(qtbot, desk)
    enter(window)
    window.page.press_primary()  # type: ignore[union-attr]
    settle()
    assert desk.enrolling.draft is not None
    assert desk.enrolling.draft.record_id == "a"


def test_esc_after_a_crash_loses_nobody(qtbot: QtBot) -> None:
    desk = a_crash(a_desk())
    window = opened(qtbot, desk)
    enter(window)
    press(window, Qt.Key.Key_Escape)
    assert isinstance(window.page, HomePage)
    assert len(desk.enrolling.drafts) == 2
    assert window.footer.primary.text() == "Retomar · paso 5 de 7"


# ---- corrections -------------------------------------------------------------------------------
def test_a_finished_record_is_corrected_by_a_new_one_with_a_reason(qtbot: QtBot) -> None:
    desk = waiting_desk()
    window = opened(qtbot, desk)
    window._entered()
    window._go_day("envios")
    settle()
    assert isinstance(window.page, QueuePage)
    press(window, Qt.Key.Key_F9)
    page = window.page
    assert isinstance(page, CorrectPage)
    assert "capturar todo otra vez" in spoken(page)
    page.press_primary()
    assert desk.enrolling.corrected == []
    assert page._reason.message == "Falta escribir el motivo."
    type_in(page.reason, "apellido")
    page.press_primary()
    settle()
    assert desk.enrolling.corrected == [("r0", "apellido")]
    assert isinstance(window.page, ProcedurePage)


def test_what_was_just_finished_can_be_corrected_too(qtbot: QtBot) -> None:
    window = opened(qtbot, waiting_desk())
    window._entered()
    window._sealed(a_finished())
    settle()
    press(window, Qt.Key.Key_F9)
    assert isinstance(window.page, CorrectPage)
    press(window, Qt.Key.Key_Escape)
    assert isinstance(window.page, QueuePage)


def test_a_technician_corrects_nothing(qtbot: QtBot) -> None:
    desk = waiting_desk(Role.TECHNICIAN)
    window = opened(qtbot, desk)
    window._entered()
    window._go_day("envios")
    settle()
    press(window, Qt.Key.Key_F9)
    assert isinstance(window.page, QueuePage)


# ---- the door's wait ---------------------------------------------------------------------------
def test_the_wait_counts_down_in_words_and_keeps_who(qtbot: QtBot) -> None:
    desk = a_desk()
    window = opened(qtbot, desk)
    page = window.page
    assert isinstance(page, LoginPage)
    page.who.set_value("rquispe")
    type_in(page.password, "otra")
    desk.accounts.wait = 65.0
    page.press_primary()
    settle()
    assert page._field.message == "Varios intentos fallaron. Espere 1 minuto 5 segundos."
    assert not page.primary().available
    assert (page.who.value(), page.password.text()) == ("rquispe", "otra")
    desk.accounts.wait = 1.2
    window._tick()
    assert page._field.message.endswith("Espere 2 segundos.")
    desk.accounts.wait = 0.0
    window._tick()
    assert page._field.message == "Ya puede volver a intentar."
    assert page.primary().available


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 segundo"), (8, "8 segundos"), (60, "1 minuto"), (300, "5 minutos")],
)
def test_waits_are_said_as_people_do(seconds: float, words: str) -> None:
    assert wait_words(seconds) == words


# ---- the laptop's clock ------------------------------------------------------------------------
def test_a_clock_that_is_wrong_is_said_and_keeps_nobody_from_working(qtbot: QtBot) -> None:
    desk = waiting_desk()
    desk.clock.skew = lambda: Skew(by=timedelta(hours=2), ahead=False, trusted=True)  # type: ignore[method-assign]
    window = opened(qtbot, desk)
    window._entered()
    settle()
    assert "El reloj de la laptop está atrasado 2 h" in spoken(window.page)
    primary = window.page.primary()  # type: ignore[union-attr]
    assert primary is not None
    assert primary.available


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(minutes=7), "7 min"), (timedelta(hours=2, minutes=50), "2 h"),
        (timedelta(days=1, hours=3), "1 día"), (timedelta(days=40), "40 días"),
        (timedelta(days=400), "1 año"), (timedelta(days=3000), "8 años"),
    ],
)  # fmt: skip
def test_spans_are_said_as_people_do(span: timedelta, words: str) -> None:
    assert span_words(span) == words
    assert words in skew_words(Skew(by=span, ahead=True, trusted=False))[0]


# ---- at every size -----------------------------------------------------------------------------
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("scene", ["home", "list", "void", "crash", "correct", "wait", "chair"])
def test_nothing_is_clipped_and_all_is_named(
    qtbot: QtBot, scene: str, look: tuple[theme.Name, float]
) -> None:
    theme.use(*look, motion=False)
    window = show(qtbot, scene)
    assert_all_well(window)


def show(qtbot: QtBot, scene: str) -> StationWindow:
    """The window at one of the scenes of this file."""
    if scene == "crash":
        window = opened(qtbot, a_crash(a_desk()))
        enter(window)
        return window
    if scene == "chair":
        return seated(qtbot, a_desk())
    desk = waiting_desk(None if scene == "wait" else Role.OFFICER)
    desk.clock.skew = lambda: Skew(by=timedelta(hours=2), ahead=False, trusted=True)  # type: ignore[method-assign]
    window = opened(qtbot, desk)
    if scene == "wait":
        page = window.page
        assert isinstance(page, LoginPage)
        desk.accounts.wait = 65.0
        page.who.set_value("rquispe")
        window._tick()
        return window
    window._entered()
    settle()
    if scene in {"list", "void"}:
        press(window, Qt.Key.Key_F3)
    if scene == "void":
        press(window, Qt.Key.Key_F9)
    if scene == "correct":
        window._ask_correction("r0", "MM-07B-20261123-0038-0", NOON)
    settle()
    return window


def test_no_page_out_of_sight_keeps_a_name(qtbot: QtBot) -> None:
    window = opened(qtbot, waiting_desk())
    window._entered()
    settle()
    for key in ("espera", "envios"):
        window._go_day(key)
        settle()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert "Peñalver" not in spoken(window)
    assert "Ñustes" not in spoken(window)
