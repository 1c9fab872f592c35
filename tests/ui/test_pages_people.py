"""Cuentas, Mi contraseña and Olvidé mi contraseña: by keys alone, nothing typed stays."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from migramovil.core.recovery import BadRecoveryCode
from migramovil.core.roles import Role
from migramovil.services.people import PersonRow
from migramovil.store.keys import NoSuchRecovery, UsernameTaken, WrongPassword
from migramovil.ui import theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit import TroubleBanner
from migramovil.ui.kit.page import Page
from migramovil.ui.pages.accounts import AccountsPage, PasswordPage
from migramovil.ui.pages.login import LoginPage
from migramovil.ui.pages.recovery import ForgottenPage
from migramovil.ui.pages.supervision import ENTRIES, SupervisionPage
from migramovil.ui.window import StationWindow
from tests.ui.checks import LOOKS, assert_all_well, settle
from tests.ui.fake_desk import NOON, FakeDesk, a_desk
from tests.ui.keyboard import be_silent

WORDS = "otra frase bien larga"
ROWS = [
    PersonRow(
        account="2", username="jticona", role=Role.SUPERVISOR, active=True, vouched_by="",
        oneself=True,
    ),
    PersonRow(
        account="1", username="rquispe", role=Role.OFFICER, active=True, vouched_by="jticona",
        oneself=False,
    ),
    PersonRow(
        account="4", username="mflores", role=Role.OFFICER, active=True, vouched_by="recovery:3",
        oneself=False,
    ),
    PersonRow(
        account="3", username="chuamani", role=Role.OFFICER, active=False, vouched_by="",
        oneself=False, revoked_utc=NOON, reason="Cambio de sede",
    ),
]  # fmt: skip


def window_of(qtbot: QtBot, desk: FakeDesk) -> StationWindow:
    window = StationWindow(desk.real, Bridge())
    window.allow_close()
    qtbot.addWidget(window)
    window.resize(1366, 768)
    window.show()
    window.activateWindow()
    settle()
    return window


def supervising(qtbot: QtBot, role: Role = Role.SUPERVISOR) -> tuple[StationWindow, FakeDesk]:
    desk = a_desk(role=role)
    desk.people.rows = list(ROWS)
    window = window_of(qtbot, desk)
    window._entered()
    settle()
    return window, desk


def accounts_page(qtbot: QtBot) -> tuple[StationWindow, FakeDesk, AccountsPage]:
    window, desk = supervising(qtbot)
    window._supervise("cuentas")
    settle()
    page = window.page
    assert isinstance(page, AccountsPage)
    return window, desk, page


def forgotten_page(qtbot: QtBot, desk: FakeDesk) -> tuple[StationWindow, ForgottenPage]:
    window = window_of(qtbot, desk)
    assert isinstance(window.page, LoginPage)
    QTest.keyClick(window, Qt.Key.Key_F6)
    settle()
    page = window.page
    assert isinstance(page, ForgottenPage)
    return window, page


def press(window: StationWindow, key: Qt.Key) -> None:
    QTest.keyClick(window, key)
    settle()


# ---- Supervisión ---------------------------------------------------------------------------
def test_supervision_is_for_supervisors_and_a_number_opens_each_page(qtbot: QtBot) -> None:
    window, _ = supervising(qtbot, Role.OFFICER)
    assert "supervision" not in [item.key for item in window.day_rail._items]
    window.hide()  # a station has one window, which hears the hand-reader
    window, _ = supervising(qtbot)
    window._go_day("supervision")
    settle()
    assert isinstance(window.page, SupervisionPage)
    for number, entry in enumerate(ENTRIES, 1):
        press(window, Qt.Key(Qt.Key.Key_0.value + number))
        be_silent(qtbot)  # until then a hand-reader may be at it
        assert isinstance(window.page, Page)
        assert window.page is window._supervised[entry.key]
        press(window, Qt.Key.Key_Escape)
        assert isinstance(window.page, SupervisionPage)


def test_the_pages_of_supervision_are_destroyed_when_the_station_locks(qtbot: QtBot) -> None:
    window, _, _page = accounts_page(qtbot)
    window.lock()
    assert window._supervised == {}


# ---- Cuentas -------------------------------------------------------------------------------
def test_a_person_is_added_with_their_own_passphrase_typed_twice(qtbot: QtBot) -> None:
    _window, desk, page = accounts_page(qtbot)
    page.press_primary()
    page.username.setText("nueva")
    page.role.set_value(Role.SUPERVISOR)
    page.passphrase.first.setText(WORDS)
    page.press_primary()
    assert desk.people.asked == [], "the second time is missing"
    page.passphrase.again.setText(WORDS)
    page.press_primary()
    settle()
    assert desk.people.asked == [("add", "nueva", WORDS, Role.SUPERVISOR)]
    assert page.passphrase.value() == ""
    assert page.table.isVisible()


def test_only_somebody_elses_account_in_force_is_reset_or_revoked(qtbot: QtBot) -> None:
    _window, _desk, page = accounts_page(qtbot)
    seen = []
    for at in range(len(ROWS)):
        page.table.choose(at)
        settle()
        seen.append(page._reset.isVisible() and page._revoke.isVisible())
    assert seen == [False, True, True, False]


def test_a_revocation_asks_for_a_reason(qtbot: QtBot) -> None:
    window, desk, page = accounts_page(qtbot)
    page.table.choose(1)
    press(window, Qt.Key.Key_F9)
    page.press_primary()
    assert desk.people.asked == []
    page.reason.setText("Cambio de sede")
    page.press_primary()
    settle()
    assert desk.people.asked == [("revoke", "1", "Cambio de sede")]


def test_a_forgotten_password_is_replaced_for_the_chosen_person(qtbot: QtBot) -> None:
    window, desk, page = accounts_page(qtbot)
    page.table.choose(1)
    press(window, Qt.Key.Key_F6)
    page.passphrase.first.setText(WORDS)
    page.passphrase.again.setText(WORDS)
    page.press_primary()
    settle()
    assert desk.people.asked == [("reset", "1", WORDS)]


def test_what_was_refused_stays_in_the_form_and_escape_forgets_it(qtbot: QtBot) -> None:
    window, desk, page = accounts_page(qtbot)
    desk.people.trouble = UsernameTaken()
    page.press_primary()
    page.username.setText("rquispe")
    page.passphrase.first.setText(WORDS)
    page.passphrase.again.setText(WORDS)
    page.press_primary()
    settle()
    assert page.username.text() == "rquispe"
    assert page.findChildren(TroubleBanner)[0].isVisible()
    press(window, Qt.Key.Key_Escape)
    assert window.page is page
    assert (page.username.text(), page.passphrase.value()) == ("", "")


# ---- Mi contraseña -------------------------------------------------------------------------
@pytest.mark.parametrize("role", [Role.OFFICER, Role.SUPERVISOR])
def test_everyone_changes_their_own_password(qtbot: QtBot, role: Role) -> None:
    window, desk = supervising(qtbot, role)
    window._go_day("clave")
    settle()
    page = window.page
    assert isinstance(page, PasswordPage)
    page.old.setText("la de antes")
    page.passphrase.first.setText(WORDS)
    page.passphrase.again.setText(WORDS)
    desk.people.trouble = WrongPassword()
    page.press_primary()
    settle()
    assert page.old.text() == "la de antes", "what was typed stays when it is refused"
    desk.people.trouble = None
    page.press_primary()
    settle()
    assert desk.people.asked[-1] == ("change", "la de antes", WORDS)
    assert (page.old.text(), page.passphrase.value()) == ("", "")


# ---- Olvidé mi contraseña ------------------------------------------------------------------
def fill(page: ForgottenPage) -> None:
    page.who.set_value("rquispe")
    page.passphrase.first.setText(WORDS)
    page.passphrase.again.setText(WORDS)


def test_the_page_says_what_to_dictate_and_sends_what_was_heard(qtbot: QtBot) -> None:
    desk = a_desk()
    window, page = forgotten_page(qtbot, desk)
    assert page._dictate.text() == "Dicte a sede central: estación 07B, número 3"
    fill(page)
    for number, line in enumerate(page.lines):
        line.setText(f"LINEA{number}")
    page.press_primary()
    settle()
    heard = tuple(f"LINEA{n}" for n in range(4))
    assert desk.recovery.asked == [("voice", 3, "rquispe", WORDS, *heard)]
    assert isinstance(window.page, LoginPage)
    assert page.passphrase.value() == ""
    assert all(not line.text() for line in page.lines)


def test_a_wrong_line_is_marked_and_the_others_stay(qtbot: QtBot) -> None:
    desk = a_desk()
    desk.recovery.trouble = BadRecoveryCode([2, 4])
    _window, page = forgotten_page(qtbot, desk)
    fill(page)
    for line in page.lines:
        line.setText("ABCDEFG HJKMNPQ")
    page.press_primary()
    settle()
    states = [line.property("state") for line in page.lines]
    assert states == ["ok", "bad", "ok", "bad"]
    assert page.lines[1].hasFocus()
    desk.recovery.trouble = NoSuchRecovery()
    page.press_primary()
    settle()
    assert page.findChildren(TroubleBanner)[0].isVisible()
    assert page.lines[0].text() == "ABCDEFG HJKMNPQ"


def test_by_file_the_request_goes_out_and_the_answer_lets_in(qtbot: QtBot) -> None:
    desk = a_desk()
    desk.recovery.spare = None
    window, page = forgotten_page(qtbot, desk)
    page.ask_save, page.ask_open = (lambda: "/u/solicitud.json"), (lambda: "/u/respuesta.json")
    assert page.way.value() == "file", "no number: the other way is offered"
    page._save.click()
    assert desk.recovery.asked == [], "the person and the passphrase come first"
    fill(page)
    page._save.click()
    settle()
    page.press_primary()
    settle()
    assert desk.recovery.asked == [
        ("request", "rquispe", WORDS, "solicitud.json"),
        ("reply", "rquispe", WORDS, "respuesta.json"),
    ]
    assert isinstance(window.page, LoginPage)


def test_escape_goes_back_to_the_login_and_keeps_nothing(qtbot: QtBot) -> None:
    window, page = forgotten_page(qtbot, a_desk())
    fill(page)
    press(window, Qt.Key.Key_Escape)
    assert isinstance(window.page, LoginPage)
    assert page.passphrase.value() == ""


# ---- how they look -------------------------------------------------------------------------
@pytest.mark.parametrize("look", LOOKS)
def test_nothing_is_clipped_and_everything_has_a_name(
    qtbot: QtBot, look: tuple[theme.Name, float]
) -> None:
    theme.use(*look, motion=False)
    window, _desk, page = accounts_page(qtbot)
    page.table.choose(1)
    settle()
    for form in ("", "add", "reset", "revoke"):
        page._show_form(form)
        assert_all_well(window)
    for key in ("supervision", "clave"):
        window._go_day(key)
        assert_all_well(window)
    window.lock()
    for spare in (3, None):
        desk = a_desk()
        desk.recovery.spare = spare
        other, page_ = forgotten_page(qtbot, desk)
        assert_all_well(other)
        assert page_.isVisible()
