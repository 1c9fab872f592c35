"""Keys as a windowing system tells them, with the times at which they were pressed."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from migramovil.ui.wedge import GAP_S, SILENCE_S

NONE = Qt.KeyboardModifier.NoModifier
KEYS = {"\n": Qt.Key.Key_Return, "\t": Qt.Key.Key_Tab, " ": Qt.Key.Key_Space, "<": Qt.Key.Key_Less}


class Keyboard:
    """Presses keys with the times that a windowing system gives them, as fast as the test runs."""

    def __init__(self) -> None:
        self.now_ms = 1000.0

    def type(
        self, letters: str, *, gap_ms: float, held: Qt.KeyboardModifier = NONE, again: bool = False
    ) -> None:
        for letter in letters:
            self.now_ms += gap_ms
            key = KEYS.get(letter) or Qt.Key(ord(letter.upper()) if ord(letter) < 256 else 0x1000)
            text = "\r" if letter == "\n" else letter
            for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
                event = QKeyEvent(kind, key, held, text, again)
                event.setTimestamp(round(self.now_ms))
                target = QApplication.focusWidget()
                assert target is not None
                QApplication.sendEvent(target, event)


def be_silent(qtbot: QtBot) -> None:
    """Long enough for a reading to be over."""
    qtbot.wait(round((SILENCE_S + 2 * GAP_S) * 1000))
