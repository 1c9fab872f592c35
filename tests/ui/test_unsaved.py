"""A save that failed: said at once, truthfully, and made good from the same step."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from migramovil.core.enrollment import Step
from migramovil.core.roles import Role
from migramovil.store.trouble import DiskFull
from migramovil.ui.bridge import Bridge
from migramovil.ui.pages.wizard import PersonPage
from migramovil.ui.window import StationWindow, TroublePage
from tests.ui.checks import settle
from tests.ui.fake_desk import FakeDesk, a_desk, a_draft


@pytest.fixture
def desk() -> FakeDesk:
    desk = a_desk(role=Role.OFFICER)
    desk.enrolling.draft = a_draft(step=Step.PERSON)
    return desk


@pytest.fixture
def window(qtbot: QtBot, desk: FakeDesk) -> StationWindow:
    window = StationWindow(desk.real, Bridge())
    qtbot.addWidget(window, before_close_func=lambda _: window.allow_close())
    window.resize(1366, 768)
    window.show()
    assert desk.enrolling.draft is not None
    window._sit_down(desk.enrolling.draft)
    settle()
    return window


def said(window: StationWindow) -> str:
    page = window.page
    assert page is not None
    return " ".join(part.accessibleName() for part in page.findChildren(QWidget))


def test_a_save_that_failed_is_said_at_once_and_claims_no_more_than_is_true(
    window: StationWindow, desk: FakeDesk
) -> None:
    desk.enrolling.on_unsaved(DiskFull())  # type: ignore[attr-defined]
    settle()
    assert isinstance(window.page, TroublePage)
    assert "STO-01" in said(window)
    assert "sin guardar" in said(window)
    assert "Lo escrito y lo capturado está guardado" not in said(window)


def test_going_on_saves_again_and_returns_to_the_same_step(
    window: StationWindow, desk: FakeDesk
) -> None:
    asked: list[dict[str, object]] = []
    change = desk.enrolling.change

    def counted(**fields: object) -> object:
        asked.append(fields)
        return change(**fields)

    desk.enrolling.change = counted  # type: ignore[method-assign, assignment]
    desk.enrolling.on_unsaved(DiskFull())  # type: ignore[attr-defined]
    settle()
    assert window.page is not None
    window.page.press_primary()
    settle()
    assert asked == [{}]
    assert isinstance(window.page, PersonPage)


def test_many_failed_saves_make_one_page(window: StationWindow, desk: FakeDesk) -> None:
    for _ in range(3):
        desk.enrolling.on_unsaved(DiskFull())  # type: ignore[attr-defined]
        settle()
    assert isinstance(window.page, TroublePage)


def test_what_comes_after_the_draft_was_put_down_shows_nothing(
    window: StationWindow, desk: FakeDesk
) -> None:
    window.show_home()
    desk.enrolling.park()
    home = window.page
    desk.enrolling.on_unsaved(DiskFull())  # type: ignore[attr-defined]
    settle()
    assert window.page is home
