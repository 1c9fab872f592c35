"""Every component, in every theme and size, on the 1366 × 768 screen."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from migramovil.ui import kit, theme
from migramovil.ui.kit.page import Page
from tests.ui.checks import assert_accessible, assert_nothing_clipped
from tests.ui.gallery import PAGES, framed


@pytest.mark.parametrize("scale", [1.0, theme.LARGE])
@pytest.mark.parametrize("name", list(theme.THEMES))
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_every_component_fits_and_is_named_in_every_theme_and_size(
    qtbot: QtBot, page: type[Page], name: theme.Name, scale: float
) -> None:
    theme.use(name, scale, motion=False)
    frame = framed(page())
    qtbot.addWidget(frame, before_close_func=lambda f: f.allow_close())
    assert_nothing_clipped(frame)
    assert_accessible(frame)
    assert (frame.width(), frame.height()) == (1366, 768)


def test_the_check_sees_a_label_without_room(qtbot: QtBot) -> None:
    box = QWidget()
    qtbot.addWidget(box)
    label = kit.Text("Sellar y terminar")
    label.setParent(box)
    label.setFixedWidth(40)
    box.show()
    with pytest.raises(AssertionError, match="Sellar"):
        assert_nothing_clipped(box)


def test_the_check_sees_a_button_squeezed_and_a_part_that_sticks_out(qtbot: QtBot) -> None:
    box = QWidget()
    qtbot.addWidget(box)
    box.resize(300, 100)
    button = kit.Button("Reimprimir", key="R")
    button.setParent(box)
    button.setGeometry(280, 0, 60, 40)
    box.show()
    with pytest.raises(AssertionError, match=r"(?s)needs.*sticks out"):
        assert_nothing_clipped(box)


def test_the_check_sees_a_field_without_a_name(qtbot: QtBot) -> None:
    box = QWidget()
    qtbot.addWidget(box)
    QLineEdit(box)
    box.show()
    with pytest.raises(AssertionError, match="QLineEdit"):
        assert_accessible(box)


@pytest.mark.parametrize("width", [240, 320, 480])
def test_a_choice_is_as_high_as_its_second_line_needs(qtbot: QtBot, width: int) -> None:
    long = "Por pérdida o robo, la denuncia policial se presenta al recoger el carné."
    cards = [kit.ChoiceCard("Duplicado de carné", long, key=str(n)) for n in (1, 2)]
    box = kit.Box(kit.col(*cards, None))
    qtbot.addWidget(box)
    box.resize(width, 600)
    box.show()
    assert_nothing_clipped(box)
