"""Hammered keys at the real window: what is not whole is never sealed, what is whole once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from migramovil.core.biometrics import FingerRules
from migramovil.core.enrollment import STEPS, Draft, Step, what_is_missing
from migramovil.devices.lanes import Ticket
from migramovil.services.enrolling import Finished
from migramovil.ui.bridge import Bridge
from migramovil.ui.frame import PrimaryGuard
from migramovil.ui.pages.done import DonePage
from migramovil.ui.pages.wizard import IdentityPage, ReviewPage
from migramovil.ui.window import StationWindow
from tests.ui import wizard_desk as played
from tests.ui.checks import settle
from tests.ui.fake_desk import FakeDesk, a_desk, a_finished, pending

NONE, CTRL, SHIFT = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
)
KEYS = (
    (Qt.Key.Key_Return, NONE),
    (Qt.Key.Key_Enter, NONE),
    (Qt.Key.Key_Return, CTRL),
    (Qt.Key.Key_F10, NONE),
    (Qt.Key.Key_Space, NONE),
    (Qt.Key.Key_Tab, NONE),
    (Qt.Key.Key_Tab, SHIFT),
    (Qt.Key.Key_Escape, NONE),
)
WITHOUT: dict[str, dict[str, Any]] = {
    "the procedure": {"procedure": ""},
    "the document": {"document": None},
    "the confirmation": {"mrz_confirmed": False},
    "a surname": {"person": played.person(first_surname="")},
    "a phone": {"person": played.person(phone="")},
    "a guardian": {"person": played.person(birth_date="2015-02-01")},
    "the portrait": {"portrait": None},
    "a finger": {"fingers": played.whole().fingers[1:]},
    "an approval": {
        "fingers": (*played.whole().fingers[:9], replace(played.whole().fingers[9], approved_by=""))
    },
    "the notice": {"consent": None},
    "the answer": {"consent": replace(cast(Any, played.whole().consent), given=None)},
}
MENDED_BY = {
    "the procedure": [(Qt.Key.Key_Space, NONE)],
    "the answer": [(Qt.Key.Key_Space, NONE)],
    "the confirmation": [(Qt.Key.Key_Space, NONE), *KEYS[:2]],
}
"""Keys that choose what has the focus, or press the button that says so: an officer's own act."""
HAMMERED = 30


class Sealing(played.PlayedEnrolling):
    """The service's own rules; no device answers, and `finish` seals what is whole."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        self.answers = {"mrz": played.CableOut(), "camera": played.CableOut()}
        self.sealed: list[Draft] = []
        self.on_unsaved = lambda _: None
        self._fingers = FingerRules()

    def start(self) -> Ticket[Draft]:
        self._draft = played.empty()
        return played.settled(self._draft)

    def waiting_drafts(self) -> Ticket[tuple[Draft, ...]]:
        return played.settled(() if self._draft is None else (self._draft,))

    def resume(self, record_id: str) -> Ticket[Draft]:
        return played.settled(self._held(record_id))

    def take_portrait(self) -> Ticket[Draft]:
        return played.settled(played.CableOut())

    def finish(self) -> Ticket[Finished]:
        self.asked.append("finish")
        draft = self._held()
        assert not what_is_missing(draft, self.rules), "the window asked to seal what is not whole"
        self.sealed.append(draft)
        self._draft = None
        return played.settled(a_finished())


class Clock:
    """A second passes between two keys, so that the guard against repeats hides nothing."""

    def __init__(self, step: float) -> None:
        self._step, self._now = step, 0.0

    def __call__(self) -> float:
        self._now += self._step
        return self._now


@contextmanager
def a_window(qtbot: QtBot, draft: Draft, *, between_s: float) -> Iterator[Any]:
    desk: FakeDesk = a_desk()
    enrolling = Sealing(draft)
    desk.enrolling = cast(Any, enrolling)
    desk.accounts.session = cast(Any, played.People.session)
    window = StationWindow(desk.real, Bridge())
    window._guard = PrimaryGuard(Clock(between_s) if between_s else time.monotonic)
    qtbot.addWidget(window, before_close_func=lambda _: window.allow_close())
    window.resize(1366, 768)
    window.show()
    window.activateWindow()
    window._sit_down(draft)
    settle()
    yield window, enrolling


def hammer(window: StationWindow, keys: Callable[[], tuple[Qt.Key, Qt.KeyboardModifier]]) -> None:
    key, held = keys()
    QTest.keyClick(QApplication.focusWidget() or window.focusWidget() or window, key, held)
    settle(1)


@pytest.mark.parametrize("piece", WITHOUT)
def test_hammered_keys_never_seal_what_lacks_something(qtbot: QtBot, piece: str) -> None:
    dice = random.Random(piece)  # noqa: S311 - a repeatable mess
    draft = played.whole(**WITHOUT[piece], step=Step.REVIEW)
    with a_window(qtbot, draft, between_s=1.0) as (window, enrolling):
        keys = [key for key in KEYS if key not in MENDED_BY.get(piece, ())]
        hammer(window, lambda: (Qt.Key.Key_F10, NONE))
        for _ in range(HAMMERED):
            hammer(window, lambda: dice.choice(keys))
        assert enrolling.asked.count("finish") == 0
        assert enrolling.missing()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("piece", MENDED_BY)
def test_what_keys_can_mend_is_sealed_only_once_it_is_mended(
    qtbot: QtBot, piece: str, seed: int
) -> None:
    """`finish` of the played service fails the test if anything is missing when it is asked."""
    dice = random.Random(f"{piece} {seed}")  # noqa: S311 - a repeatable mess
    with a_window(qtbot, played.whole(**WITHOUT[piece], step=Step.REVIEW), between_s=1.0) as (
        window,
        enrolling,
    ):
        for _ in range(HAMMERED):
            hammer(window, lambda: dice.choice(KEYS))
        assert len(enrolling.sealed) <= 1


def test_the_persons_answer_is_never_given_by_going_on(qtbot: QtBot) -> None:
    draft = played.whole(**WITHOUT["the answer"], step=Step.CONSENT)
    with a_window(qtbot, draft, between_s=1.0) as (window, enrolling):
        for _ in range(5):
            for key in (
                (Qt.Key.Key_F10, NONE),
                (Qt.Key.Key_Return, NONE),
                (Qt.Key.Key_Return, CTRL),
            ):
                hammer(window, lambda key=key: key)
        assert enrolling.draft.consent.given is None


def test_the_primarys_key_presses_no_button_that_has_the_focus(qtbot: QtBot) -> None:
    draft = played.whole(**WITHOUT["the confirmation"], step=Step.IDENTITY)
    with a_window(qtbot, draft, between_s=1.0) as (window, enrolling):
        for _ in range(4):
            hammer(window, lambda: (Qt.Key.Key_Return, CTRL))
        assert not enrolling.draft.mrz_confirmed
        assert isinstance(window.page, IdentityPage)


def test_no_step_steals_the_focus_from_thea_window(qtbot: QtBot) -> None:
    """A part shown before it has its place would be a window of its own for a moment."""
    with a_window(qtbot, played.whole(), between_s=1.0) as (window, _enrolling):
        for step in STEPS:
            window._show_step(step)
            settle()
            assert window.isActiveWindow(), step


@pytest.mark.parametrize("seed", range(2))
def test_hammered_keys_seal_what_is_whole_exactly_once(qtbot: QtBot, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - a repeatable mess
    with a_window(qtbot, played.whole(step=Step.REVIEW), between_s=1.0) as (window, enrolling):
        hammer(window, lambda: (Qt.Key.Key_F10, NONE))
        for _ in range(HAMMERED):
            hammer(window, lambda: dice.choice(KEYS))
        assert enrolling.asked.count("finish") == 1
        assert len(enrolling.sealed) == 1


def test_a_slow_seal_is_asked_for_once_however_often_the_key_is_pressed(qtbot: QtBot) -> None:
    with a_window(qtbot, played.whole(step=Step.REVIEW), between_s=1.0) as (window, enrolling):
        slow = pending()
        asked: list[str] = []
        enrolling.finish = lambda: asked.append("finish") or slow
        for key in KEYS * 4:
            hammer(window, lambda key=key: key)
            if isinstance(window.page, ReviewPage) and not asked:
                hammer(window, lambda: (Qt.Key.Key_F10, NONE))
        assert asked == ["finish"]
        slow.future.set_result(a_finished())
        settle()
        assert isinstance(window.page, DonePage)


def test_enter_alone_never_seals_what_is_whole(qtbot: QtBot) -> None:
    with a_window(qtbot, played.whole(step=Step.REVIEW), between_s=1.0) as (window, enrolling):
        for _ in range(HAMMERED):
            hammer(window, lambda: (Qt.Key.Key_Return, NONE))
        assert enrolling.asked.count("finish") == 0


def test_a_second_press_at_once_does_not_go_on_from_what_was_sealed(qtbot: QtBot) -> None:
    with a_window(qtbot, played.whole(step=Step.REVIEW), between_s=0.0) as (window, enrolling):
        QTest.qWait(450)
        for _ in range(10):
            hammer(window, lambda: (Qt.Key.Key_F10, NONE))
        assert len(enrolling.sealed) == 1
        assert isinstance(window.page, DonePage)
