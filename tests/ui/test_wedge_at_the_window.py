"""A hand-held reader at the real window: it fills what is to be read, and never presses a key."""

from __future__ import annotations

from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from migramovil.core.enrollment import Step
from migramovil.ui.pages.login import LoginPage
from migramovil.ui.pages.wizard import IdentityPage, ReviewPage
from tests.ui import wizard_desk as played
from tests.ui.checks import settle
from tests.ui.keyboard import Keyboard, be_silent
from tests.ui.test_enter_never_finishes import a_window
from tests.ui.wizard_desk import LINES

UNREAD: dict[str, Any] = {"document": None, "mrz_lines": (), "mrz_confirmed": False}
READING = "\n".join(LINES) + "\n"


def test_a_reading_on_the_identity_page_is_shown_and_fills_nothing_unconfirmed(
    qtbot: QtBot,
) -> None:
    draft = played.whole(**UNREAD, step=Step.IDENTITY)
    with a_window(qtbot, draft, between_s=1.0) as (window, enrolling):
        page = window.page
        assert isinstance(page, IdentityPage)
        page.number.setFocus()
        Keyboard().type(READING, gap_ms=4)
        be_silent(qtbot)
        assert enrolling.draft.mrz_lines == LINES
        assert not enrolling.draft.mrz_confirmed
        assert page.reading is not None
        assert page.number.value() == ""
        assert window.page is page


@pytest.mark.parametrize(("sign", "code"), [(";", ""), ("ñ", "MRZ-04")])
def test_another_keyboard_is_mended_or_named(qtbot: QtBot, sign: str, code: str) -> None:
    with a_window(qtbot, played.whole(**UNREAD, step=Step.IDENTITY), between_s=1.0) as (
        window,
        enrolling,
    ):
        typed = READING.replace("<", ";").replace("E", sign if code else "E")
        Keyboard().type(typed, gap_ms=4)
        be_silent(qtbot)
        assert window.page.banner.isVisible() is bool(code)
        assert enrolling.draft.mrz_lines == (() if code else LINES)


def test_a_reading_never_seals_nor_turns_a_page(qtbot: QtBot) -> None:
    draft = played.whole(step=Step.REVIEW)
    with a_window(qtbot, draft, between_s=1.0) as (window, enrolling):
        window.footer.primary.setFocus()
        Keyboard().type(READING * 3, gap_ms=4)
        be_silent(qtbot)
        assert isinstance(window.page, ReviewPage)
        assert enrolling.sealed == []
        assert enrolling.draft == draft
        assert "lector" in window.footer._why.text()


def test_a_reading_at_the_door_tries_no_password(qtbot: QtBot) -> None:
    with a_window(qtbot, played.whole(step=Step.REVIEW), between_s=1.0) as (window, _):
        window.lock()
        settle()
        page = window.page
        assert isinstance(page, LoginPage)
        page.password.setFocus()
        Keyboard().type(READING, gap_ms=4)
        be_silent(qtbot)
        assert page.password.text() == ""
        assert window._desk.accounts.asked == []
