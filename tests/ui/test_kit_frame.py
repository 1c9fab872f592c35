"""The frame: one primary that never acts by mistake, keys that reach the page, one ring."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from migramovil.ui import kit, theme
from migramovil.ui.frame import Frame, NavItem, Page, Primary, Step
from tests.ui.checks import assert_accessible, assert_nothing_clipped, settle, type_in
from tests.ui.gallery import Components, framed

KEY = Qt.Key
ALT, CTRL = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ControlModifier


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Trial(Page):
    """A page that writes down what happens to it."""

    rail = "steps"
    help = "Página de prueba."

    def __init__(self) -> None:
        super().__init__("Prueba", "Todo queda anotado")
        self.did: list[str] = []
        self.verb, self.available = "Capturar", True
        self.one, self.two = kit.TextField(), kit.TextField()
        self.field = kit.Field("Celular", self.two)
        self.notes = kit.TextArea()
        self.notes.setAccessibleName("Notas")
        self.again = kit.Button("Leer de nuevo", key="F5", on=lambda: self.did.append("F5"))
        self.letter = kit.Button("Reimprimir", key="R", on=lambda: self.did.append("R"))
        self.build(
            kit.Field("Nombre", self.one), self.field, self.notes,
            kit.row(self.again, self.letter, None), None,
        )  # fmt: skip

    def primary(self) -> Primary:
        return Primary(label=self.verb, available=self.available, reason="Falta el celular.")

    def press_primary(self) -> None:
        self.did.append(self.verb)

    def point_to_missing(self) -> None:
        self.did.append("missing")
        super().point_to_missing()

    def keys(self) -> Mapping[str, Callable[[], object]]:
        return {"F8": lambda: self.did.append("F8"), "1": lambda: self.did.append("1")}

    def enter(self) -> None:
        self.did.append("enter")

    def leave(self) -> None:
        self.did.append("leave")

    def first_focus(self) -> QWidget:
        return self.one


class Day(Page):
    def __init__(self) -> None:
        super().__init__("Jornada")
        self.table = kit.Table("Turnos", [kit.Column(head="Turno")])
        self.table.set_source(kit.Rows([[kit.Cell(words="A-043")]]))
        self.did: list[str] = []
        self.build((self.table, 1))

    def keys(self) -> Mapping[str, Callable[[], object]]:
        return {k: lambda k=k: self.did.append(k) for k in ("F2", "1", "S")}

    def first_focus(self) -> QWidget:
        return self.table


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def frame(qtbot: QtBot, clock: Clock) -> Frame:
    made = Frame(place="Módulo 2", training=False, clock=clock)
    qtbot.addWidget(made, before_close_func=lambda f: f.allow_close())
    made.set_nav([NavItem(key=k, name=k, icon="house") for k in ("jornada", "turnos")])
    made.set_steps([Step(name="Datos", icon="files", state="now")] * 3, 1)
    made.resize(1366, 768)
    with qtbot.waitActive(made):
        made.show()
        made.activateWindow()
    return made


@pytest.fixture
def page(frame: Frame, clock: Clock) -> Trial:
    made = Trial()
    frame.show_page(made)
    clock.now += 1  # the verb is no longer new
    made.did.clear()
    return made


def press(
    qtbot: QtBot, key: Qt.Key, mods: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    """Press a key as the keyboard would: on what has the focus."""
    target = QApplication.focusWidget()
    assert target is not None
    qtbot.keyClick(target, key, mods)


def held(key: Qt.Key) -> None:
    """The keyboard repeats a key that is held down."""
    target = QApplication.focusWidget()
    assert target is not None
    again = QKeyEvent(QEvent.Type.KeyPress, key.value, Qt.KeyboardModifier.NoModifier, "", True)
    QApplication.sendEvent(target, again)


def test_f10_and_ctrl_enter_press_the_primary(qtbot: QtBot, page: Trial, clock: Clock) -> None:
    press(qtbot, KEY.Key_F10)
    clock.now += 1
    press(qtbot, KEY.Key_Return, CTRL)
    assert page.did == ["Capturar", "Capturar"]


@pytest.mark.parametrize(("after", "counts"), [(0.39, 1), (0.41, 2)])
def test_a_second_press_within_400_ms_does_nothing(
    qtbot: QtBot, page: Trial, clock: Clock, after: float, counts: int
) -> None:
    press(qtbot, KEY.Key_F10)
    clock.now += after
    press(qtbot, KEY.Key_F10)
    assert len(page.did) == counts


def test_a_verb_that_just_changed_is_not_pressed_by_the_same_hand(
    qtbot: QtBot, frame: Frame, page: Trial, clock: Clock
) -> None:
    press(qtbot, KEY.Key_F10)
    clock.now += 1
    page.verb = "Sellar y terminar"
    page.changed.emit()
    clock.now += 0.3
    press(qtbot, KEY.Key_F10)
    qtbot.mouseClick(frame.footer.primary, Qt.MouseButton.LeftButton)
    assert page.did == ["Capturar"]
    clock.now += 0.2
    press(qtbot, KEY.Key_F10)
    assert page.did == ["Capturar", "Sellar y terminar"]


def test_a_double_click_presses_once(qtbot: QtBot, frame: Frame, page: Trial) -> None:
    for _ in range(2):
        qtbot.mouseClick(frame.footer.primary, Qt.MouseButton.LeftButton)
    assert page.did == ["Capturar"]


def test_keys_held_down_never_act(page: Trial, frame: Frame) -> None:
    for key in (KEY.Key_F10, KEY.Key_F5, KEY.Key_F8):
        held(key)
    page.again.setFocus()
    held(KEY.Key_Space)
    held(KEY.Key_Return)
    frame.footer.primary.setFocus()
    held(KEY.Key_Space)
    assert page.did == []


def test_an_unavailable_primary_stays_reachable_and_leads_to_what_is_missing(
    qtbot: QtBot, frame: Frame, page: Trial
) -> None:
    page.available = False
    page.field.say("bad", "Falta 1 dígito: son 9.")
    page.changed.emit()
    assert frame.footer.primary.isEnabled()
    assert frame.footer.primary.accessibleDescription() == "Falta el celular."
    press(qtbot, KEY.Key_F10)
    assert page.did == ["missing"]
    assert QApplication.focusWidget() is page.two
    said = [t.text() for t in frame.footer.findChildren(kit.Text) if t.isVisible()]
    assert "Falta el celular." in said


def test_enter_moves_through_the_fields_and_never_seals(
    qtbot: QtBot, frame: Frame, page: Trial
) -> None:
    press(qtbot, KEY.Key_Return)
    assert QApplication.focusWidget() is page.two
    frame.footer.primary.setFocus()
    press(qtbot, KEY.Key_Return)
    press(qtbot, KEY.Key_Enter)
    assert page.did == []


def test_enter_breaks_the_line_in_a_text_of_lines(qtbot: QtBot, page: Trial) -> None:
    page.notes.setFocus()
    qtbot.keyClicks(page.notes, "uno")
    press(qtbot, KEY.Key_Return)
    assert page.notes.toPlainText() == "uno\n"


def test_enter_presses_a_button_that_is_not_the_primary(qtbot: QtBot, page: Trial) -> None:
    page.again.setFocus()
    press(qtbot, KEY.Key_Return)
    assert page.did == ["F5"]


def test_only_the_login_goes_in_by_enter(qtbot: QtBot, frame: Frame, clock: Clock) -> None:
    class Login(Trial):
        rail = "none"
        header = False
        enter_is_primary = True

    login = Login()
    frame.show_page(login)
    clock.now += 1
    press(qtbot, KEY.Key_Return)
    assert login.did == ["enter", "Capturar"]
    assert not frame.header.isVisible()
    assert not frame.day_rail.isVisible()


def test_a_key_shown_on_a_button_works_wherever_the_focus_is(qtbot: QtBot, page: Trial) -> None:
    press(qtbot, KEY.Key_F5)
    press(qtbot, KEY.Key_F8)
    assert page.did == ["F5", "F8"]
    page.again.hide()
    press(qtbot, KEY.Key_F5)
    assert page.did == ["F5", "F8"]


def test_letters_and_digits_act_only_where_no_field_has_the_focus(
    qtbot: QtBot, frame: Frame, page: Trial
) -> None:
    type_in(page.one, "r1")
    assert (page.one.text(), page.did) == ("r1", [])
    frame.footer.primary.setFocus()
    press(qtbot, KEY.Key_R)
    press(qtbot, KEY.Key_1)
    assert page.did == ["R", "1"]


def test_a_table_keeps_the_arrows_and_leaves_the_pages_keys(qtbot: QtBot, frame: Frame) -> None:
    day = Day()
    frame.show_page(day)
    for key in (KEY.Key_Down, KEY.Key_F2, KEY.Key_1, KEY.Key_S):
        press(qtbot, key)
    assert day.did == ["F2", "1", "S"]
    assert day.table.current() == 0


def test_alt_and_a_number_choose_a_page_of_the_day(qtbot: QtBot, frame: Frame) -> None:
    frame.show_page(Day())
    heard: list[str] = []
    frame.chosen.connect(heard.append)
    press(qtbot, KEY.Key_2, ALT)
    press(qtbot, KEY.Key_9, ALT)
    assert heard == ["turnos"]


def test_in_an_enrollment_alt_and_a_number_never_leave_it(
    qtbot: QtBot, frame: Frame, page: Trial
) -> None:
    pages: list[str] = []
    steps: list[int] = []
    frame.chosen.connect(pages.append)
    frame.step_chosen.connect(steps.append)
    press(qtbot, KEY.Key_2, ALT)
    assert (pages, steps) == ([], [2])
    assert page.one.text() == ""  # nor is the digit written into the field


def test_ctrl_l_locks_and_alt_left_goes_back_and_escape_too(
    qtbot: QtBot, frame: Frame, page: Trial
) -> None:
    heard: list[str] = []
    frame.lock_asked.connect(lambda: heard.append("lock"))
    page.go_back.connect(lambda: heard.append("back"))
    press(qtbot, KEY.Key_L, CTRL)
    press(qtbot, KEY.Key_Left, ALT)
    press(qtbot, KEY.Key_Escape)
    assert heard == ["lock", "back", "back"]


def test_pages_are_entered_and_left_in_turn(frame: Frame, page: Trial) -> None:
    visit = page.visit
    other = Day()
    frame.show_page(other)
    frame.show_page(page)
    assert page.did == ["leave", "enter"]
    assert page.visit > visit
    assert frame.page is page


def test_a_page_that_was_left_no_longer_dresses_the_frame(frame: Frame, page: Trial) -> None:
    frame.show_page(Day())
    page.changed.emit()
    assert not frame.footer.primary.isVisible()


def test_f1_shows_every_key_of_the_page_and_gives_the_focus_back(
    qtbot: QtBot, frame: Frame, page: Trial
) -> None:
    press(qtbot, KEY.Key_F1)
    sheet = frame._help
    assert sheet is not None
    said = {t.text() for t in sheet.findChildren(kit.Text)}
    assert {"Página de prueba.", "Leer de nuevo", "Capturar", "Bloquear la estación"} <= said
    assert_nothing_clipped(sheet)
    assert_accessible(sheet)
    press(qtbot, KEY.Key_Escape)
    assert frame._help is None
    assert QApplication.focusWidget() is page.one
    assert page.did == []


def test_the_ring_is_round_what_has_the_focus_and_only_there(
    qtbot: QtBot, frame: Frame, page: Trial
) -> None:
    assert len(frame.findChildren(kit.FocusRing)) == 1
    for part in (page.one, page.again, frame.footer.primary):
        part.setFocus()
        settle()
        assert frame.ring.isVisible()
        corner = part.mapTo(frame, part.rect().center())
        assert abs((frame.ring.geometry().center() - corner).manhattanLength()) <= 2
    page.again.setFocus()
    page.again.move(page.again.x() + 40, page.again.y())
    settle()
    assert frame.ring.geometry().contains(page.again.mapTo(frame, page.again.rect().center()))


def test_the_ring_goes_with_a_page_that_goes(frame: Frame, page: Trial) -> None:
    frame.show_page(Day())
    frame.forget(page)
    settle()
    assert frame.ring.target is not page.one


def test_the_window_asks_before_it_closes(frame: Frame) -> None:
    asked: list[bool] = []
    frame.close_asked.connect(lambda: asked.append(True))
    frame.close()
    settle()
    assert asked == [True]
    assert frame.isVisible()


@pytest.mark.parametrize("width", [1366, 1100, 900])
def test_what_is_second_rank_leaves_first(qtbot: QtBot, width: int) -> None:
    frame = framed(Components())
    qtbot.addWidget(frame, before_close_func=lambda f: f.allow_close())
    frame.set_person("Rosa Quispe Mamani", "Oficial de enrolamiento")
    frame.resize(width, 768)
    settle()
    header = frame.header
    assert header.link.isVisible()
    assert header.devices.isVisible()
    assert "Rosa" in header.person.accessibleName()
    assert header.clock.isVisible() == (width == 1366)
    assert header.person.geometry().right() <= header.width()
    assert frame.footer.primary.width() >= theme.MAIN_WIDTH
    assert frame.footer.primary.height() == theme.MAIN_BUTTON


def test_training_is_said_in_the_header_and_only_then(qtbot: QtBot) -> None:
    for training in (True, False):
        frame = Frame(place="Módulo 2", training=training)
        qtbot.addWidget(frame)
        said = [t.text() for t in frame.header.findChildren(kit.Text)]
        assert ("ENTRENAMIENTO" in said) is training
