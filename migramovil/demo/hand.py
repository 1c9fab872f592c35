"""A hand on the keyboard: presses keys, types into fields by label, waits for what it sees."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QEventLoop, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from migramovil.ui.frame import REPEAT_S, Frame
from migramovil.ui.kit import Combo, Field
from migramovil.ui.kit.page import Primary
from migramovil.ui.wedge import GAP_S
from migramovil.ui.window import StationWindow

_LOOK_MS, _LONGEST_LOOK_MS = 5, 40
_ARRIVED_MS = 30
_LETTER_MS = round(GAP_S * 1000) + 15  # so long the window keeps a letter back, for a reader's sake
_MARGIN_S = 0.02


class Stuck(RuntimeError):  # noqa: N818 - a state of the play
    """The screen did not do what was waited for; says which page and what it lacks, no data."""


class Hand:
    """Works on one window. `pictures` gets a PNG of each screen the first time it is seen.

    `settled` tells whether what the page asked for has come, so that a picture shows it.
    """

    def __init__(
        self, window: StationWindow, pictures: Path, settled: Callable[[], bool] = lambda: True
    ) -> None:
        self.window = window
        self.crash = ""  # what an officer would have seen as GEN-00
        self.suffix = ""  # of each picture's name: the look of the window
        self._pictures = pictures
        self._settled = settled
        self._shown: tuple[object, str] = (None, "")
        self._calm_since = 0.0

    @property
    def page(self) -> str:
        return type(self.window.page).__name__

    @property
    def verb(self) -> str:
        """What the primary button says; "" where there is none."""
        asked = self._primary()
        return asked.label if asked is not None else ""

    def wait(self, until: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
        end, pause = time.monotonic() + seconds, _LOOK_MS
        while not until():
            if self.crash or time.monotonic() > end:
                _grab(self.window, self._pictures / "stuck.png")
                raise Stuck(f"{what} on {self.page} {self.crash}".strip())
            self._let(pause)
            pause = min(2 * pause, _LONGEST_LOOK_MS)

    def wait_page(self, name: str, seconds: float = 15.0) -> None:
        self.wait(lambda: self.page == name, f"waiting for {name}", seconds)
        self._let(_ARRIVED_MS)

    def press(self, key: Qt.Key) -> None:
        held = QApplication.focusWidget() or self.window.focusWidget()
        QTest.keyClick(held or self.window, key)
        self._let(_LETTER_MS if key.value < Qt.Key.Key_Escape.value else _LOOK_MS)

    def chord(self, keys: str) -> None:
        QTest.keySequence(self.window, keys)
        self._let(_LOOK_MS)

    def primary(self, key: Qt.Key = Qt.Key.Key_F10) -> None:
        """Press the primary's key once the page lets go on and the button counts presses again."""
        self.wait(self._may_go_on, "the primary")
        self._calm_since = time.monotonic()
        self.press(key)

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
            takes = part.isVisible() and part.focusPolicy() != Qt.FocusPolicy.NoFocus
            if takes and part.accessibleName().startswith(name):
                part.setFocus()
                return
        raise Stuck(f"control {name}")

    def sees(self, words: str, *, anywhere: bool = False) -> bool:
        """Whether a screen reader would say `words` of something in sight on the page."""
        seen = self.window if anywhere else self.window.page
        parts = seen.findChildren(QWidget) if seen is not None else []
        return any(
            part.isVisible()
            and (words in part.accessibleName() or words in part.accessibleDescription())
            for part in parts
        )

    def type(self, label: str, words: str) -> None:
        """Replace what a field holds, letter by letter, and go on to the next."""
        control = self.field(label).control
        control.setFocus()
        QTest.keySequence(control, "Ctrl+A")
        QTest.keyClick(control, Qt.Key.Key_Delete)
        _letters(control, words)
        if isinstance(control, Combo):
            self._take_first(label)
        QTest.keyClick(QApplication.focusWidget() or control, Qt.Key.Key_Tab)
        self._let(_LOOK_MS)

    def lacks(self, name: str) -> bool:
        """Whether no picture of this name was taken yet."""
        return not self._file(name).exists()

    def picture(self, name: str, *, of: Frame | None = None) -> None:
        """Keep a picture of the window (or of another) as `name`, once, when all has come."""
        if not self.lacks(name):
            return
        self._let(20)
        self.wait(self._settled, "what the page shows")
        self._let(20)
        _grab(of or self.window, self._file(name))

    def _file(self, name: str) -> Path:
        return self._pictures / f"{name}{self.suffix}.png"

    def _take_first(self, label: str) -> None:
        """What the open list shows first for what was typed."""
        options = QApplication.activePopupWidget()
        if options is None:
            raise Stuck(f"no option in {label}")
        QTest.keyClick(options, Qt.Key.Key_Return)
        self.window.activateWindow()  # no window manager gives it back offscreen
        self._let(_LOOK_MS)

    def _primary(self) -> Primary | None:
        page = self.window.page
        return page.primary() if page is not None else None

    def _let(self, milliseconds: int) -> None:
        """Let the window live, and notice when its button changed."""
        # Not QTest.qWait: it sleeps with Python's lock held, and every lane stands still meanwhile.
        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop.quit)
        loop.exec()
        shown = (self.window.page, self.verb)
        if shown != self._shown:
            self._shown, self._calm_since = shown, time.monotonic()

    def _may_go_on(self) -> bool:
        asked = self._primary()
        calm = time.monotonic() - self._calm_since > REPEAT_S + _MARGIN_S
        return asked is not None and asked.available and calm


def _grab(window: Frame, path: Path) -> None:
    window.ring.settle()
    if not window.grab().save(str(path), "PNG"):
        raise OSError(f"cannot write {path}")


def _letters(widget: QWidget, words: str) -> None:
    for letter in words:  # QTest.keyClicks aborts on letters outside Latin-1's capitals
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            event = QKeyEvent(kind, 0, Qt.KeyboardModifier.NoModifier, letter)
            QApplication.sendEvent(widget, event)
