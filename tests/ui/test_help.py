"""F1 knows every code, offline, however it was heard over the radio; and opens at the one shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from migramovil.core.roles import Role
from migramovil.core.trouble import Trouble, every_trouble
from migramovil.devices.trouble import CoverOpen
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.sketches import SAID, SHOWN, Sketch
from migramovil.ui.pages.help import HelpSheet, find
from migramovil.ui.window import StationWindow
from tests.ui.checks import LOOKS, assert_all_well, settle
from tests.ui.fake_desk import a_desk


def opened(qtbot: QtBot) -> StationWindow:
    window = StationWindow(a_desk(role=Role.OFFICER).real, Bridge())
    window.allow_close()
    qtbot.addWidget(window)
    window.resize(1366, 768)
    window.show()
    window.activateWindow()
    window._entered()
    settle()
    return window


def failing(window: StationWindow) -> None:
    """The page of the devices, where the printer's cover is open."""
    window._desk.diagnosing.trouble = CoverOpen()  # type: ignore[attr-defined]
    window._go_day("diagnostico")
    window.page.press_primary()  # type: ignore[union-attr]
    settle()


def sheet_of(window: StationWindow) -> HelpSheet:
    QTest.keyClick(window, Qt.Key.Key_F1)
    settle()
    assert window._help is not None
    return window._help


def said(sheet: HelpSheet) -> set[str]:
    return {part.text() for part in sheet.findChildren(kit.Text) if part.isVisible()}


@pytest.mark.parametrize("heard", ["PRN-03", "prn 3", "prn03", "  Prn-3 "])
def test_a_code_is_found_however_it_was_written(heard: str) -> None:
    assert find(heard)[0].code == "PRN-03"


def test_a_word_finds_what_says_it_without_its_accents() -> None:
    codes = [kind.code for kind in find("camara negra")]
    assert codes[0] == "CAM-04"


def test_every_code_is_found_by_its_own_letters() -> None:
    wrong = [kind.code for kind in [Trouble, *every_trouble()] if find(kind.code)[0] is not kind]
    assert wrong == []


def test_nothing_typed_finds_nothing() -> None:
    assert find("  ") == []


def test_without_a_trouble_the_help_is_the_pages_own(qtbot: QtBot) -> None:
    sheet = sheet_of(opened(qtbot))
    assert "Bloquear la estación" in said(sheet)
    assert sheet.search.text() == ""


def test_at_a_trouble_it_opens_at_that_code_with_a_drawing(qtbot: QtBot) -> None:
    window = opened(qtbot)
    failing(window)
    sheet = sheet_of(window)
    assert sheet.search.text() == "PRN-03"
    assert CoverOpen.what in said(sheet)
    assert "Lo resuelve usted." in said(sheet)
    sketch = sheet.findChild(Sketch)
    assert sketch.isVisible()
    assert sketch.accessibleName() == SAID["cover"]
    assert "Bloquear la estación" not in said(sheet)


def test_another_code_is_looked_up_by_typing_and_enter_keeps_the_sheet(qtbot: QtBot) -> None:
    window = opened(qtbot)
    failing(window)
    sheet = sheet_of(window)
    assert QApplication.focusWidget() is sheet.search
    sheet.search.setText("grieta en el tejado")
    assert "Ningún código dice eso." in said(sheet)
    sheet.search.setText("cam 4")
    QTest.keyClick(sheet.search, Qt.Key.Key_Return)
    settle()
    assert window._help is sheet
    assert "CAM-04" in said(sheet)
    QTest.keyClick(sheet.search, Qt.Key.Key_Escape)
    assert window._help is None


def test_a_trouble_of_the_whole_page_is_looked_up_too(qtbot: QtBot) -> None:
    window = opened(qtbot)
    window._crashed(ValueError())
    assert sheet_of(window).search.text() == "GEN-00"


def test_every_drawing_is_its_own_and_every_code_with_one_exists(qtbot: QtBot) -> None:
    assert set(SHOWN) <= {kind.code for kind in every_trouble()}
    drawn = set()
    for name in SAID:
        sketch = Sketch()
        qtbot.addWidget(sketch)
        sketch.show_sketch(name)
        drawn.add(bytes(sketch.grab().toImage().constBits()))
    assert len(drawn) == len(SAID)


def plain(window: StationWindow) -> None:
    window._go_day("diagnostico")
    settle()


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("scene", [plain, failing])
def test_nothing_is_clipped_and_all_is_named(
    qtbot: QtBot, scene: Callable[[StationWindow], None], look: tuple[theme.Name, float]
) -> None:
    theme.use(*look, motion=False)
    window = opened(qtbot)
    scene(window)
    sheet_of(window)
    settle()
    assert_all_well(window)
