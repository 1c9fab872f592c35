"""A hand on the keyboard: presses keys, types into fields by label, waits for what it sees."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from migramovil.ui.kit import Combo, Field
from migramovil.ui.window import StationWindow

_REST_S = 0.45  # longer than the primary's guard against a repeated press


class Stuck(RuntimeError):  # noqa: N818 - a state of the play
    """The screen did not do what was waited for; says which page and what it lacks, no data."""


class Hand:
    """Works on one window. `pictures` gets a PNG of each screen the first time it is seen."""

    def __init__(self, window: StationWindow, pictures: Path | None) -> None:
        self.window = window
        self._pictures = pictures

    @property
    def page(self) -> str:
        return type(self.window.page).__name__

    def wait(self, until: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end:
                self.picture("stuck")
                raise Stuck(f"{what} on {self.page}")
            QTest.qWait(15)

    def wait_page(self, name: str, seconds: float = 15.0) -> None:
        self.wait(lambda: self.page == name, f"waiting for {name}", seconds)
        QTest.qWait(int(_REST_S * 1000))

    def press(self, key: Qt.Key) -> None:
        held = QApplication.focusWidget() or self.window.focusWidget()
        QTest.keyClick(held or self.window, key)
        QTest.qWait(20)

    def primary(self) -> None:
        """F10, as soon as the page lets go on."""

        def ready() -> bool:
            page = self.window.page
            asked = page.primary() if page is not None else None
            return asked is not None and asked.available

        self.wait(ready, "the primary")
        QTest.qWait(int(_REST_S * 1000))
        self.press(Qt.Key.Key_F10)

    def field(self, label: str) -> Field:
        page = self.window.page
        for field in page.findChildren(Field) if page is not None else []:
            if field.control.accessibleName() == label and field.isVisible():
                return field
        raise Stuck(f"field {label}")

    def focus(self, name: str) -> None:
        """Put the focus on the control of this name."""
        page = self.window.page
        for part in page.findChildren(QWidget) if page is not None else []:
            if part.accessibleName().startswith(name) and part.isVisible():
                part.setFocus()
                return
        raise Stuck(f"control {name}")

    def type(self, label: str, words: str) -> None:
        """Replace what a field holds, letter by letter."""
        control = self.field(label).control
        control.setFocus()
        QTest.keySequence(control, "Ctrl+A")
        QTest.keyClick(control, Qt.Key.Key_Delete)
        _letters(control, words)
        if isinstance(control, Combo):  # what the list shows first for these words
            found = control.matches(words)
            if not found:
                raise Stuck(f"no option in {label}")
            control.set_value(found[0].value)
        QTest.keyClick(QApplication.focusWidget() or control, Qt.Key.Key_Tab)
        QTest.qWait(5)

    def picture(self, name: str) -> None:
        """Keep a picture of the window under `name`, once."""
        if self._pictures is None or (self._pictures / f"{name}.png").exists():
            return
        QTest.qWait(120)
        self.window.grab_to(self._pictures / f"{name}.png")


def _letters(widget: QWidget, words: str) -> None:
    for letter in words:  # QTest.keyClicks aborts on letters outside Latin-1's capitals
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            event = QKeyEvent(kind, 0, Qt.KeyboardModifier.NoModifier, letter)
            QApplication.sendEvent(widget, event)
