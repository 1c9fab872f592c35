"""Hand-held readers that type: told from a person by their speed, and kept to the reading field.

Such a reader (a "wedge") is a keyboard to the system. Left alone its letters would land in
whatever has the focus, and its Enter would press a button. Here the first letters are held back
for as long as no hand could type the next one: what comes slower was typed by a person and goes on
its way, in order; what comes faster is a reading and reaches no control at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication

GAP_S = 0.030
"""Between two keys of a reader; a quick hand takes 60 ms, and rolls two keys now and then."""
LEAST = 6
"""Letters in a row this fast are no hand."""
SILENCE_S = 0.15
"""After a reading's last key. Readers pause between the lines of a document, for less."""

_ENDS = frozenset({Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab})
_SILENT = frozenset({Qt.Key.Key_Shift, Qt.Key.Key_CapsLock, Qt.Key.Key_AltGr})
_OTHER_HANDS = frozenset({QEvent.Type.MouseButtonPress, QEvent.Type.InputMethod})
"""What must not overtake a letter: a click, an accented letter put together by the system."""
_COMMANDS = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)


@dataclass(frozen=True, slots=True)
class _Held:
    """A key that was kept back: where it was going, and a copy of it to send there."""

    target: QObject
    press: QKeyEvent
    at: float

    def send(self) -> None:
        target = self.target if shiboken6.isValid(self.target) else QApplication.focusWidget()
        if target is None:
            return
        QCoreApplication.sendEvent(target, self.press)
        if shiboken6.isValid(target):
            release = QKeyEvent(
                QEvent.Type.KeyRelease, self.press.key(), self.press.modifiers(), self.press.text()
            )
            QCoreApplication.sendEvent(target, release)


class Wedge(QObject):
    """Sees the keys of the whole program from `set_on(True)` to `set_on(False)`.

    `heard(text)` is called with each reading, its lines ending in "\\n"; what is no reading after
    all (fast, but without Enter at the end) is typed where it was going.
    """

    def __init__(self, parent: QObject, heard: Callable[[str], object]) -> None:
        super().__init__(parent)
        self._heard = heard
        self._held: list[_Held] = []
        self._down: set[int] = set()
        self._sending = False
        self._on = False
        self._due = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._silent)

    def set_on(self, on: bool) -> None:
        app = QCoreApplication.instance()
        if app is None or on == self._on:
            return
        self._on = on
        if on:
            app.installEventFilter(self)
        else:
            self._let_go()
            app.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if self._sending:
            return False
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._pressed(watched, event)
        if event.type() == QEvent.Type.KeyRelease and isinstance(event, QKeyEvent):
            return self._released(event)
        if event.type() in _OTHER_HANDS:
            self._let_go()
        return False

    @property
    def _reading(self) -> bool:
        return len(self._held) >= LEAST

    def _pressed(self, watched: QObject, event: QKeyEvent) -> bool:
        """Whether the key is kept back."""
        if event.key() in _SILENT:
            return False
        at = _moment(event)
        allowed = SILENCE_S if self._reading else GAP_S
        if self._held and at - self._held[-1].at > allowed:
            self._end()
        if not (_letter(event) or (self._reading and _part(event))):
            self._let_go()
            return False
        self._held.append(_Held(watched, event.clone(), at))
        self._down.add(event.key())
        wait_s = SILENCE_S if self._reading else GAP_S
        self._due = time.monotonic() + wait_s
        self._timer.start(round(wait_s * 1000))
        return True

    def _released(self, event: QKeyEvent) -> bool:
        if event.isAutoRepeat() or event.key() not in self._down:
            return False
        self._down.discard(event.key())
        return True

    def _silent(self) -> None:
        if time.monotonic() - self._due > GAP_S and self._timer.interval() > 0:
            self._timer.start(0)  # the program stood still: what was typed meanwhile comes first
            return
        self._end()

    def _end(self) -> None:
        """The keys so far belong together: told up to the last Enter, the rest is typed."""
        ends = [at for at, held in enumerate(self._held, 1) if held.press.key() in _ENDS]
        read = self._held[: ends[-1]] if self._reading and ends else []
        self._held = self._held[len(read) :]
        self._let_go()
        if read:
            self._heard("".join(_words(held.press) for held in read))

    def _let_go(self) -> None:
        """Type what was kept back, where it was going."""
        held = self._held
        self._forget()
        self._sending = True
        try:
            for one in held:
                one.send()
        finally:
            self._sending = False

    def _forget(self) -> None:
        self._timer.stop()
        self._held = []


def _moment(event: QKeyEvent) -> float:
    """When the key was pressed, in seconds: a busy program must not make a hand look fast."""
    told = event.timestamp()
    return told / 1000 if told else time.monotonic()


def _letter(event: QKeyEvent) -> bool:
    """Whether a reading may begin with it. Keys without a code are no keyboard's."""
    plain = event.key() != 0 and not event.isAutoRepeat() and not event.modifiers() & _COMMANDS
    text = event.text()
    return plain and len(text) == 1 and text.isprintable() and not text.isspace()


def _part(event: QKeyEvent) -> bool:
    """Whether it may stand within a reading: ends of lines, blanks, keys that write nothing."""
    return not event.isAutoRepeat() and not event.modifiers() & _COMMANDS


def _words(event: QKeyEvent) -> str:
    if event.key() in _ENDS:
        return "\n"
    return event.text() or "\N{REPLACEMENT CHARACTER}"  # a dead key of another layout
