"""A hand-held reader's keys reach the reading field only; a person's keys reach their place."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QInputMethodEvent, QKeyEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from migramovil.ui.wedge import GAP_S, LEAST, Wedge
from tests.ui.keyboard import NONE, Keyboard, be_silent

TD3 = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)


class Form(QWidget):
    """Two fields, a button that Enter presses, and keys that act by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.button = QLineEdit(), QLineEdit(), QPushButton("Sellar")
        self.pressed = 0
        self.acted: list[str] = []
        self.button.clicked.connect(self._press)
        layout = QVBoxLayout(self)
        for part in (self.first, self.second, self.button):
            layout.addWidget(part)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def _press(self) -> None:
        self.pressed += 1

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's own name
        self.acted.append("\n" if event.key() == Qt.Key.Key_Return else event.text())


@pytest.fixture
def form(qtbot: QtBot) -> Form:
    form = Form()
    qtbot.addWidget(form)
    form.show()
    form.activateWindow()
    form.first.setFocus()
    QApplication.processEvents()
    return form


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def wedge(form: Form, heard: list[str]) -> Iterator[Wedge]:
    wedge = Wedge(form, heard.append)
    wedge.set_on(True)
    yield wedge
    wedge.set_on(False)


@pytest.fixture
def keyboard(wedge: Wedge) -> Keyboard:
    return Keyboard()


def test_a_reading_is_heard_and_nothing_of_it_reaches_the_form(
    qtbot: QtBot, form: Form, keyboard: Keyboard, heard: list[str]
) -> None:
    keyboard.type("\n".join(TD3) + "\n", gap_ms=4)
    be_silent(qtbot)
    assert heard == ["\n".join(TD3) + "\n"]
    assert (form.first.text(), form.second.text(), form.pressed, form.acted) == ("", "", 0, [])


@pytest.mark.parametrize(("end", "gap_ms"), [("\n", 1), ("\t", 10), ("\n", 25)])
def test_a_reading_presses_no_button_whatever_ends_it(  # noqa: PLR0917
    qtbot: QtBot, form: Form, keyboard: Keyboard, heard: list[str], end: str, gap_ms: float
) -> None:
    form.button.setFocus()
    form.button.setDefault(True)
    keyboard.type("MM-T01-20261123-0001-7" + end, gap_ms=gap_ms)
    be_silent(qtbot)
    assert heard == ["MM-T01-20261123-0001-7\n"]
    assert form.pressed == 0
    assert form.button.hasFocus()


def test_a_pause_between_the_lines_of_a_document_does_not_part_them(
    qtbot: QtBot, keyboard: Keyboard, heard: list[str]
) -> None:
    keyboard.type(TD3[0] + "\n", gap_ms=4)
    keyboard.type(TD3[1][0], gap_ms=100)
    keyboard.type(TD3[1][1:] + "\n", gap_ms=4)
    be_silent(qtbot)
    assert heard == ["\n".join(TD3) + "\n"]


def test_two_readings_are_two(qtbot: QtBot, keyboard: Keyboard, heard: list[str]) -> None:
    for code in ("7501031311309", "7501031311316"):
        keyboard.type(code[0], gap_ms=400)
        keyboard.type(code[1:] + "\n", gap_ms=5)
    be_silent(qtbot)
    assert heard == ["7501031311309\n", "7501031311316\n"]


@pytest.mark.parametrize("gap_ms", [35, 60, 120, 400])
def test_what_a_person_types_arrives_whole_and_in_order(
    qtbot: QtBot, form: Form, keyboard: Keyboard, heard: list[str], gap_ms: float
) -> None:
    keyboard.type("Quispe Mamani", gap_ms=gap_ms)
    be_silent(qtbot)
    assert form.first.text() == "Quispe Mamani"
    assert heard == []


@pytest.mark.parametrize("seed", range(5))
def test_the_quickest_hand_is_never_taken_for_a_reader(
    qtbot: QtBot, form: Form, keyboard: Keyboard, heard: list[str], seed: int
) -> None:
    """Keys rolled over one another come 5 ms apart, but never six in a row."""
    dice = random.Random(seed)  # noqa: S311 - a repeatable hand
    words, run = "lahabanavieja" * 4, 0
    for letter in words:
        quick = run < LEAST - 2 and dice.random() < 0.7
        run = run + 1 if quick else 0
        keyboard.type(letter, gap_ms=5 if quick else dice.uniform(40, 150))
    be_silent(qtbot)
    assert form.first.text() == words
    assert heard == []


def test_a_person_waits_no_longer_than_an_eye_sees(
    qtbot: QtBot, form: Form, keyboard: Keyboard
) -> None:
    keyboard.type("a", gap_ms=100)
    assert form.first.text() == ""
    qtbot.waitUntil(lambda: form.first.text() == "a", timeout=1000)
    assert GAP_S <= 0.04


def test_enter_right_after_a_letter_comes_after_it(
    qtbot: QtBot, form: Form, keyboard: Keyboard
) -> None:
    done: list[str] = []
    form.first.returnPressed.connect(lambda: done.append(form.first.text()))
    keyboard.type("ok\n", gap_ms=8)
    assert done == ["ok"]


def test_keys_that_act_by_themselves_act_for_a_person_and_not_for_a_reader(
    qtbot: QtBot, form: Form, keyboard: Keyboard, heard: list[str]
) -> None:
    form.setFocus()
    keyboard.type("s", gap_ms=200)
    be_silent(qtbot)
    assert form.acted == ["s"]
    keyboard.type("SOCNSOCN\n", gap_ms=5)
    be_silent(qtbot)
    assert form.acted == ["s"]
    assert heard == ["SOCNSOCN\n"]


def test_what_comes_fast_without_enter_is_typed(
    qtbot: QtBot, form: Form, keyboard: Keyboard, heard: list[str]
) -> None:
    """A keyboard on the screen, or a program that types for somebody."""
    keyboard.type("contenido", gap_ms=1)
    be_silent(qtbot)
    assert form.first.text() == "contenido"
    assert heard == []


def test_a_hand_right_behind_a_reading_spoils_nothing(
    qtbot: QtBot, form: Form, keyboard: Keyboard, heard: list[str]
) -> None:
    keyboard.type("7501031311309\n", gap_ms=4)
    keyboard.type("x", gap_ms=60)
    be_silent(qtbot)
    assert heard == ["7501031311309\n"]
    assert form.first.text() == "x"


def test_commands_and_held_down_keys_pass_at_once(form: Form, keyboard: Keyboard) -> None:
    form.setFocus()
    keyboard.type("abcdefgh", gap_ms=2, held=Qt.KeyboardModifier.AltModifier)
    keyboard.type("k" * 8, gap_ms=2, again=True)
    assert form.acted == [*"abcdefgh", *"k" * 8]


def test_a_dead_key_of_another_layout_leaves_its_mark(
    qtbot: QtBot, keyboard: Keyboard, heard: list[str]
) -> None:
    keyboard.type("P<UTOE", gap_ms=4)
    dead = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Dead_Acute, NONE, "")
    dead.setTimestamp(round(keyboard.now_ms + 2))
    target = QApplication.focusWidget()
    assert target is not None
    QApplication.sendEvent(target, dead)
    keyboard.type("\n", gap_ms=4)
    be_silent(qtbot)
    assert heard == ["P<UTOE\N{REPLACEMENT CHARACTER}\n"]


def test_an_accented_letter_does_not_overtake_the_one_before(
    form: Form, keyboard: Keyboard
) -> None:
    keyboard.type("N", gap_ms=100)
    composed = QInputMethodEvent()
    composed.setCommitString("Á")
    QApplication.sendEvent(form.first, composed)
    assert form.first.text() == "NÁ"


def test_a_field_that_is_gone_meanwhile_takes_nothing_down(
    qtbot: QtBot, form: Form, keyboard: Keyboard
) -> None:
    keyboard.type("a", gap_ms=100)
    form.first.setParent(None)
    form.first.deleteLater()
    form.second.setFocus()
    be_silent(qtbot)


def test_switched_off_it_keeps_nothing_back(form: Form, wedge: Wedge, keyboard: Keyboard) -> None:
    keyboard.type("ab", gap_ms=5)
    wedge.set_on(False)
    keyboard.type("cd", gap_ms=5)
    assert form.first.text() == "abcd"
