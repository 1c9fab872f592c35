"""The place satellites tell is offered, taken by a key, and never in the way."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from migramovil.core.places import Spot
from migramovil.core.roles import Role
from migramovil.store.trouble import DiskFull
from migramovil.ui.bridge import Bridge
from migramovil.ui.pages.home import HomePage
from migramovil.ui.window import StationWindow
from tests.ui.checks import assert_accessible, settle
from tests.ui.fake_desk import FakeDesk, a_desk

PAO = Spot(name="PAO Tumbes", latitude=-3.5669, longitude=-80.4515)


@pytest.fixture
def desk() -> FakeDesk:
    return a_desk(role=Role.OFFICER)


@pytest.fixture
def window(qtbot: QtBot, desk: FakeDesk) -> StationWindow:
    window = StationWindow(desk.real, Bridge())
    qtbot.addWidget(window, before_close_func=lambda _: window.allow_close())
    window.resize(1366, 768)
    window.show()
    window._entered()
    settle()
    return window


def offer(window: StationWindow) -> bool:
    page = window.page
    assert isinstance(page, HomePage)
    return page._offer.isVisible()


def hear(window: StationWindow, desk: FakeDesk, spot: Spot | None) -> None:
    desk.whereabouts.proposal = spot
    desk.whereabouts.on_change()
    settle()


def test_a_place_is_offered_and_taken_by_its_key(window: StationWindow, desk: FakeDesk) -> None:
    assert not offer(window)
    hear(window, desk, PAO)
    assert offer(window)
    assert_accessible(window)
    QTest.keyClick(window, Qt.Key.Key_F6)
    settle()
    assert desk.whereabouts.accepted == 1
    assert not offer(window)


def test_the_header_says_the_place_that_was_taken(window: StationWindow, desk: FakeDesk) -> None:
    desk.place.where = PAO.name
    hear(window, desk, None)
    assert PAO.name in window.header._place.text()


def test_who_does_not_enroll_is_offered_nothing(window: StationWindow, desk: FakeDesk) -> None:
    desk.accounts.role = Role.TECHNICIAN
    desk.accounts.session = None
    hear(window, desk, PAO)
    assert not offer(window)
    QTest.keyClick(window, Qt.Key.Key_F6)
    assert desk.whereabouts.accepted == 0


def test_what_the_disk_refuses_is_said_and_may_be_tried_again(
    window: StationWindow, desk: FakeDesk
) -> None:
    desk.whereabouts.trouble = DiskFull()
    hear(window, desk, PAO)
    QTest.keyClick(window, Qt.Key.Key_F6)
    settle()
    assert offer(window)
    desk.whereabouts.trouble = None
    QTest.keyClick(window, Qt.Key.Key_F6)
    settle()
    assert desk.whereabouts.accepted == 2
