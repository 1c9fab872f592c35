"""Informe para soporte: what is wrong is read first, and nothing leaves before somebody says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from migramovil.core.roles import Role
from migramovil.services.backups import Medium
from migramovil.services.supporting import WHAT_GOES_IN, WHAT_STAYS_OUT, NoSupportKey
from migramovil.sync.bundle import StickFull
from migramovil.ui import theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.pages.diagnostics import ClosedDiagnosticsPage, DiagnosticsPage
from migramovil.ui.pages.support import ClosedSupportPage, SupportPage
from migramovil.ui.window import StationWindow
from tests.ui.checks import LOOKS, assert_all_well, settle
from tests.ui.fake_desk import FakeDesk, NoPaper, a_desk, pending

STICK = Medium(folder=Path("/media/estacion/VIAJE"), name="VIAJE", free=28 << 30, size=32 << 30)


def opened(qtbot: QtBot, desk: FakeDesk) -> StationWindow:
    window = StationWindow(desk.real, Bridge())
    window.allow_close()
    qtbot.addWidget(window)
    window.resize(1366, 768)
    window.show()
    window.activateWindow()
    settle()
    return window


def the_page(window: StationWindow) -> SupportPage:
    window._entered()
    window._go_day("diagnostico")
    settle()
    assert isinstance(window.page, DiagnosticsPage)
    QTest.keyClick(window, Qt.Key.Key_F8)
    settle()
    assert isinstance(window.page, SupportPage)
    return window.page


def words(page: SupportPage) -> str:
    return " ".join(label.text() for label in page.findChildren(QLabel) if label.isVisible())


def test_what_is_wrong_and_what_would_go_are_read_before_anything_goes(qtbot: QtBot) -> None:
    desk = a_desk(role=Role.TECHNICIAN)
    page = the_page(opened(qtbot, desk))
    told = words(page)
    assert all(part in told for part in (NoPaper.code, NoPaper.what, NoPaper.advice))
    assert all(part in told for part in (*WHAT_GOES_IN, *WHAT_STAYS_OUT))
    assert (desk.supporting.sent, desk.supporting.saved) == ([], [])
    page.press_primary()
    settle()
    assert desk.supporting.sent == [desk.supporting.report]
    assert "Informe sellado" in words(page)


def test_a_key_copies_it_to_the_chosen_stick(qtbot: QtBot) -> None:
    desk = a_desk(role=Role.OFFICER)
    desk.backups.plugged = (STICK,)
    window = opened(qtbot, desk)
    page = the_page(window)
    QTest.keyClick(window, Qt.Key.Key_F7)
    settle()
    assert desk.supporting.saved == [STICK.folder]
    assert "Puede retirar la memoria" in words(page)
    desk.supporting.trouble = StickFull()
    QTest.keyClick(window, Qt.Key.Key_F7)
    settle()
    assert page.shown_trouble() == StickFull.code


def test_without_the_key_of_support_it_says_why_and_sends_nothing(qtbot: QtBot) -> None:
    desk = a_desk(role=Role.OFFICER)
    desk.supporting.key = False
    page = the_page(opened(qtbot, desk))
    assert page.shown_trouble() == NoSupportKey.code
    assert NoPaper.code in words(page)
    page.press_primary()
    settle()
    assert desk.supporting.sent == []


def test_while_it_looks_nothing_can_be_sent_and_leaving_ends_the_look(qtbot: QtBot) -> None:
    desk = a_desk(role=Role.OFFICER)
    desk.supporting.slow = slow = pending()
    window = opened(qtbot, desk)
    page = the_page(window)
    primary = page.primary()
    assert not primary.available
    page.press_primary()
    assert desk.supporting.sent == []
    QTest.keyClick(window, Qt.Key.Key_Escape)
    settle()
    assert isinstance(window.page, DiagnosticsPage)
    assert slow.cancelled.is_set()


def test_it_is_reached_with_nobody_inside(qtbot: QtBot) -> None:
    window = opened(qtbot, a_desk())
    window._login.diagnosis.emit()
    settle()
    assert isinstance(window.page, ClosedDiagnosticsPage)
    window.page.support.emit()
    settle()
    assert isinstance(window.page, ClosedSupportPage)
    QTest.keyClick(window, Qt.Key.Key_Escape)
    settle()
    assert isinstance(window.page, ClosedDiagnosticsPage)


@pytest.mark.parametrize(("name", "scale"), LOOKS)
def test_everything_is_whole_in_every_look(qtbot: QtBot, name: theme.Name, scale: float) -> None:
    theme.use(name, scale, motion=False)
    window = opened(qtbot, a_desk(role=Role.OFFICER))
    the_page(window)
    assert_all_well(window)
