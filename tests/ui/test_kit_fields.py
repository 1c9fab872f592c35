"""What one writes and chooses: forgiving, and never losing what was typed."""

from __future__ import annotations

from datetime import date

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from migramovil.ui import kit, theme
from tests.ui.checks import type_in

KEY = Qt.Key


class Shown:
    """Shows parts in a window of their own, and keeps it as long as the test lasts."""

    def __init__(self, qtbot: QtBot) -> None:
        self._qtbot = qtbot
        self._boxes: list[QWidget] = []

    def __call__(self, *parts: QWidget) -> None:
        box = kit.Box(kit.col(*parts))
        self._boxes.append(box)
        self._qtbot.addWidget(box)
        with self._qtbot.waitActive(box):
            box.show()
            box.activateWindow()


@pytest.fixture
def shown(qtbot: QtBot) -> Shown:
    return Shown(qtbot)


def districts() -> list[kit.Option]:
    many = [kit.Option(value=f"{n:06d}", words=f"Distrito {n}") for n in range(1890)]
    real = [("211208", "Ñuñoa"), ("150105", "Breña"), ("210407", "Desaguadero")]
    return [*many, *kit.options(*real)]


def test_a_district_among_1893_is_found_by_letters_without_accents(
    qtbot: QtBot, shown: Shown
) -> None:
    combo = kit.Combo(districts())
    shown(combo)
    heard: list[object] = []
    combo.chosen.connect(heard.append)
    qtbot.keyClicks(combo, "nuno")
    assert [o.words for o in combo.matches(combo.text())] == ["Ñuñoa"]
    qtbot.keyClick(combo._popup, KEY.Key_Return)
    assert combo.value() == "211208"
    assert combo.text() == "Ñuñoa"
    assert heard == ["211208"]


def test_options_that_begin_with_the_letters_come_first() -> None:
    combo = kit.Combo(kit.options(("1", "San Juan"), ("2", "Juanjuí"), ("3", "Lima")))
    assert [o.value for o in combo.matches("juan")] == ["2", "1"]


def test_the_only_match_is_taken_on_leaving(qtbot: QtBot, shown: Shown) -> None:
    combo, other = kit.Combo(districts()), kit.TextField()
    shown(combo, other)
    combo.setFocus()
    qtbot.keyClicks(combo, "brena")
    combo._popup.hide()
    other.setFocus()
    assert combo.value() == "150105"


def test_words_that_are_no_option_stay_written_and_are_no_value(qtbot: QtBot, shown: Shown) -> None:
    combo, other = kit.Combo(districts()), kit.TextField()
    shown(combo, other)
    combo.setFocus()
    assert combo.problem() == "Elija una opción."
    qtbot.keyClicks(combo, "Marte")
    combo._popup.hide()
    other.setFocus()
    assert (combo.value(), combo.text()) == (None, "Marte")
    assert combo.problem() == "No está en la lista."


def test_changing_a_chosen_words_letters_takes_the_value_back(qtbot: QtBot, shown: Shown) -> None:
    combo = kit.Combo(districts())
    shown(combo)
    combo.set_value("150105")
    combo.setFocus()
    combo.end(False)
    qtbot.keyClick(combo, KEY.Key_Backspace)
    assert combo.value() is None


def test_new_options_without_the_value_empty_the_field(qtbot: QtBot, shown: Shown) -> None:
    combo = kit.Combo(districts())
    combo.set_value("150105")
    combo.set_choices(kit.options(("150105", "Breña")))
    assert combo.value() == "150105"
    combo.set_choices(kit.options(("1", "Otro")))
    assert (combo.value(), combo.text()) == (None, "")


def test_a_date_is_put_in_order_on_leaving_and_a_wrong_one_stays_as_typed(
    qtbot: QtBot, shown: Shown
) -> None:
    field, other = kit.DateField(lambda: date(2026, 11, 23)), kit.TextField()
    shown(field, other)
    field.setFocus()
    qtbot.keyClicks(field, "19081991")
    other.setFocus()
    assert (field.text(), field.value()) == ("19/08/1991", date(1991, 8, 19))
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "31/02/1991")
    other.setFocus()
    assert (field.text(), field.value()) == ("31/02/1991", None)
    assert field.problem()


def test_names_are_written_in_capitals_with_their_accents(qtbot: QtBot, shown: Shown) -> None:
    field = kit.TextField(capitals=True)
    shown(field)
    type_in(field, "peñalver  núñez ")
    assert field.text() == "PEÑALVER  NÚÑEZ "
    assert field.value() == "PEÑALVER NÚÑEZ"


def test_f2_declares_that_the_person_has_none_and_typing_takes_it_back(
    qtbot: QtBot, shown: Shown
) -> None:
    field = kit.TextField("9 dígitos", may_lack=True)
    shown(field)
    heard: list[bool] = []
    field.lacks_changed.connect(heard.append)
    field.set_value("984")
    qtbot.keyClick(field, KEY.Key_F2)
    assert (field.lacks, field.value(), field.placeholderText()) == (True, "", "No tiene")
    qtbot.keyClicks(field, "9")
    assert (field.lacks, field.placeholderText()) == (False, "9 dígitos")
    assert heard == [True, False]


def test_a_field_says_one_message_and_tells_it_to_who_cannot_see(
    qtbot: QtBot, shown: Shown
) -> None:
    control = kit.TextField()
    field = kit.Field("Celular", control, note="Nueve dígitos.")
    shown(field)
    assert field.message == "Nueve dígitos."
    field.say("bad", "Falta 1 dígito: son 9.")
    assert control.accessibleName() == "Celular"
    assert control.accessibleDescription() == "Falta 1 dígito: son 9."
    assert control.property("state") == "bad"
    field.say("normal")
    assert field.message == "Nueve dígitos."


def verdict(value: str | None = None) -> kit.Segmented:
    segments = [
        kit.Segment(value="ok", words="Conforme", letter="C", state="ok"),
        kit.Segment(value="obs", words="Observado", letter="O", state="warn"),
        kit.Segment(value="no", words="No admitido", letter="N", state="bad"),
    ]
    return kit.Segmented(segments, value, name="Comprobante")


def test_letters_choose_and_arrows_move_in_a_segmented_choice(qtbot: QtBot, shown: Shown) -> None:
    choice = verdict()
    shown(choice)
    heard: list[str] = []
    choice.chosen.connect(heard.append)
    qtbot.keyClick(choice, KEY.Key_O)
    qtbot.keyClick(choice, KEY.Key_Right)
    qtbot.keyClick(choice, KEY.Key_Right)  # already at the end: nothing new is said
    qtbot.keyClick(choice, KEY.Key_Left)
    assert heard == ["obs", "no", "obs"]
    assert "Observado" in choice.accessibleDescription()


def test_a_click_chooses_the_part_under_it(qtbot: QtBot, shown: Shown) -> None:
    choice = verdict()
    shown(choice)
    last = choice._parts()[2].center().toPoint()
    qtbot.mouseClick(choice, Qt.MouseButton.LeftButton, pos=last)
    assert choice.value() == "no"


def test_a_weighty_answer_is_chosen_by_space_and_excludes_the_other(
    qtbot: QtBot, shown: Shown
) -> None:
    same, other = kit.ChoiceCard("La misma"), kit.ChoiceCard("Otra")
    shown(same, other)
    qtbot.keyClick(same, KEY.Key_Space)
    qtbot.keyClick(other, KEY.Key_Space)
    assert (same.isChecked(), other.isChecked()) == (False, True)
    qtbot.keyClick(same, KEY.Key_Return)  # the primary's key answers for nobody
    assert (same.isChecked(), other.isChecked()) == (False, True)


def test_the_hint_in_an_empty_field_is_as_dark_as_a_label(shown: Shown) -> None:
    field = kit.TextField("Escriba aquí")
    shown(field)
    assert field.palette().placeholderText().color() == theme.colour("ink2")


def test_names_are_shown_as_written_never_as_markup() -> None:
    name = kit.Text("<b>Núñez</b> & Cía")
    assert name.textFormat() == Qt.TextFormat.PlainText
    name.say_marked("<i>x", {0})
    assert "&lt;" in name.text()
    assert name.accessibleName() == "<i>x"
