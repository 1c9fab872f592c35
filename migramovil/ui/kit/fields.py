"""What one writes and chooses in a form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from PySide6.QtCore import QRectF, QStringListModel, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QValidator,
)
from PySide6.QtWidgets import QCompleter, QLineEdit, QListView, QPlainTextEdit, QWidget

from migramovil.ui import theme
from migramovil.ui.kit import icons
from migramovil.ui.kit.dates import Reading, fold, read_date
from migramovil.ui.kit.icons import Icon
from migramovil.ui.kit.layout import Box, col, row
from migramovil.ui.kit.states import SIGNS
from migramovil.ui.kit.text import Text

FieldState = Literal["normal", "ok", "warn", "bad"]


class Field(Box):
    """Label above, control, one message line below; where the value came from at the right.

    Required is the rule: only what is `optional` is marked.
    """

    def __init__(
        self,
        label: str,
        control: QWidget,
        *,
        optional: bool = False,
        source: str = "",
        note: str = "",
    ) -> None:
        self.control = control
        self._note = note
        name = Text(label, "capb", "ink2")
        name.setBuddy(control)
        control.setAccessibleName(label)
        self._source = Text(source, "cap", "ink2")
        self._from = Box(row(Icon("identification-card", "ink2", 14), self._source, gap=4))
        mark = [Text("opcional", "cap", "ink2")] if optional else []
        self._sign = Icon("info", "ink2", 16)
        self._message = Text("", "cap", "ink2", wrap=True)
        self._low = Box(row(self._sign, (self._message, 1), gap=6))
        super().__init__(
            col(row(name, *mark, None, self._from, gap=6), control, self._low, None, gap=5)
        )
        self.set_source(source)
        self.say("normal", "")

    def set_source(self, source: str) -> None:
        """Where the value was read: «pasaporte», «grupo familiar»; "" when it was typed."""
        self._source.say(source)
        self._from.setVisible(bool(source))

    def say(self, state: FieldState, message: str = "") -> None:
        """Show how the value stands; without a message the field's standing note comes back."""
        words = message or self._note
        name, ink, _ = SIGNS[state] if state != "normal" else ("info", "ink2", "surface")
        tone: theme.Tone = "ink2" if state == "normal" else ink
        self._sign.show_icon(name if message else "info", tone if message else "ink2")
        self._message.say(words)
        self._message.set_tone(tone if message else "ink2")
        self._low.setVisible(bool(words))
        self.control.setAccessibleDescription(words)
        self.control.setProperty("state", state)
        self.control.style().unpolish(self.control)
        self.control.style().polish(self.control)

    @property
    def message(self) -> str:
        return self._message.text()


class _Capitals(QValidator):
    def validate(self, typed: str, position: int) -> tuple[QValidator.State, str, int]:
        big = typed.upper()
        return QValidator.State.Acceptable, big if len(big) == len(typed) else typed, position


def _is_command(event: QKeyEvent) -> bool:
    """Alt with a letter or a digit is a command of the window; Qt would write it into the field."""
    alt, ctrl = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ControlModifier
    return bool(event.modifiers() & alt) and not event.modifiers() & ctrl  # both together: AltGr


class _Line(QLineEdit):
    def __init__(self) -> None:
        super().__init__()
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if _is_command(event):
            event.ignore()
        else:
            super().keyPressEvent(event)


class TextField(_Line):
    """One line of text.

    `exact` shows 0 and O apart; `capitals` writes in capitals; with `may_lack`, F2 declares that
    the person has none («no tiene»): `lacks` turns True and what was typed leaves.
    """

    lacks_changed = Signal(bool)

    def __init__(
        self,
        hint: str = "",
        *,
        exact: bool = False,
        capitals: bool = False,
        secret: bool = False,
        read_only: bool = False,
        may_lack: bool = False,
        most: int = 200,
    ) -> None:
        super().__init__()
        self._hint, self._may_lack, self._lacks = hint, may_lack, False
        self.setFont(theme.font("body", exact=exact))
        self.setPlaceholderText(hint)
        self.setReadOnly(read_only)
        self.setMaxLength(most)
        if capitals:
            self.setValidator(_Capitals(self))
        if secret:
            self.setEchoMode(QLineEdit.EchoMode.Password)
        self.textEdited.connect(lambda _: self.set_lacks(False))

    @property
    def lacks(self) -> bool:
        return self._lacks

    def set_lacks(self, lacks: bool) -> None:
        if lacks == self._lacks:
            return
        self._lacks = lacks
        if lacks:
            self.clear()
        self.setPlaceholderText("No tiene" if lacks else self._hint)
        self.lacks_changed.emit(lacks)

    def value(self) -> str:
        """What is written, without blanks around or doubled inside."""
        return " ".join(self.text().split())

    def set_value(self, value: str) -> None:
        self.setText(value)
        self.setCursorPosition(0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_F2 and self._may_lack and not self.isReadOnly():
            if not event.isAutoRepeat():
                self.set_lacks(not self._lacks)
            return
        super().keyPressEvent(event)


class TextArea(QPlainTextEdit):
    """A few lines; Tab leaves, Enter breaks the line."""

    def __init__(self, hint: str = "", *, lines: int = 3) -> None:
        super().__init__()
        self.setFont(theme.font("body"))
        self.setPlaceholderText(hint)
        self.setTabChangesFocus(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setFixedHeight(theme.px(18) + lines * self.fontMetrics().lineSpacing())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if _is_command(event):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def value(self) -> str:
        return self.toPlainText().strip()

    def set_value(self, value: str) -> None:
        self.setPlainText(value)


class DateField(_Line):
    """A date, typed: 19/08/1991, 19-8-91, 19081991 and 19 ago 1991 are all understood.

    `changed` tells the whole date or None at every letter; on leaving, what was understood is
    written as dd/mm/aaaa and what was not stays as typed.
    """

    changed = Signal(object)

    def __init__(
        self, today: Callable[[], date], *, past: bool = True, partial: bool = False
    ) -> None:
        super().__init__()
        self._today, self._past, self._partial = today, past, partial
        self.setFont(theme.font("body", exact=True))
        self.setPlaceholderText("dd/mm/aaaa")
        self.setMaxLength(24)
        self.textChanged.connect(lambda _: self.changed.emit(self.value()))

    def reading(self) -> Reading:
        """What the typed words mean, or the problem with them."""
        return read_date(self.text(), today=self._today(), past=self._past, partial=self._partial)

    def value(self) -> date | None:
        return self.reading().whole

    def problem(self) -> str:
        return self.reading().problem

    def set_value(self, value: date | None) -> None:
        self.setText(f"{value:%d/%m/%Y}" if value else "")
        self.setCursorPosition(0)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        understood = self.reading().words
        if understood and understood != self.text():
            self.setText(understood)
        super().focusOutEvent(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One thing to choose: its value, its words and other words that find it."""

    value: str
    words: str
    also: str = ""


def options(*pairs: tuple[str, str]) -> list[Option]:
    return [Option(value=value, words=words) for value, words in pairs]


class Combo(_Line):
    """A choice found by typing part of it, without accents; for three options or two thousand.

    ↓ or a click opens the list. `chosen` tells the value, or None while what is written is not one
    of the options: it stays as written, and `problem()` says so.
    """

    chosen = Signal(object)

    def __init__(self, choices: Sequence[Option] = (), *, hint: str = "Elija") -> None:
        super().__init__()
        self._choices: list[Option] = []
        self._found: list[str] = []
        self._value: str | None = None
        self.setFont(theme.font("body"))
        self.setProperty("caret", "true")
        self.setPlaceholderText(hint)
        self._list = QStringListModel(self)
        self._popup = QListView()
        self._popup.setObjectName("options")
        self._popup.setFont(theme.font("body"))
        self._popup.setUniformItemSizes(True)
        self._popup.setAccessibleName("Opciones")
        completer = QCompleter(self._list, self)
        completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        completer.setMaxVisibleItems(8)
        completer.setPopup(self._popup)
        completer.setWidget(self)  # not setCompleter: filtering and filling in are ours
        completer.activated.connect(self._picked)
        self._completer = completer
        self.textEdited.connect(self._typed)
        self.set_choices(choices)

    def set_choices(self, choices: Sequence[Option]) -> None:
        """Replace the options; the value stays if it is still among them."""
        self._choices = list(choices)
        self._search = [fold(f"{c.words} {c.also}") for c in self._choices]
        if self._value is not None and self._by_value(self._value) is None:
            self.set_value(None)

    def value(self) -> str | None:
        return self._value

    def set_value(self, value: str | None) -> None:
        option = self._by_value(value)
        self.setText(option.words if option else "")
        self.setCursorPosition(0)
        self._settle(option.value if option else None)

    def problem(self) -> str:
        if self._value is not None:
            return ""
        return "No está en la lista." if self.text().strip() else "Elija una opción."

    def matches(self, typed: str) -> list[Option]:
        """Options that hold every typed word, those that begin with it first."""
        words = fold(typed).split()
        hits = [i for i, s in enumerate(self._search) if all(w in s for w in words)]
        start = " ".join(words)
        hits.sort(key=lambda i: not self._search[i].startswith(start))
        return [self._choices[i] for i in hits]

    def open_list(self, found: Sequence[Option] | None = None) -> None:
        shown = self._choices if found is None else found
        self._list.setStringList([c.words for c in shown])
        if not shown or self.isReadOnly():
            self._popup.hide()
            return
        self._completer.complete()
        here = next((i for i, c in enumerate(shown) if c.value == self._value), 0)
        self._popup.setCurrentIndex(self._list.index(here))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_F4}:
            self.open_list()
            event.accept()
            return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        self.selectAll()
        self.open_list()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.selectAll()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self._take_only_match()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.isReadOnly():
            return
        side = theme.px(16)
        at = QRectF(self.width() - side - theme.px(10), (self.height() - side) / 2, side, side)
        icons.paint(QPainter(self), at, "caret-down-bold", theme.colour("ink2"))

    def _by_value(self, value: str | None) -> Option | None:
        return next((c for c in self._choices if c.value == value), None)

    def _typed(self, words: str) -> None:
        exact = [c for c in self._choices if fold(c.words) == fold(words).strip()]
        self._settle(exact[0].value if len(exact) == 1 else None)
        self.open_list(self.matches(words))

    def _picked(self, words: str) -> None:
        option = next((c for c in self._choices if c.words == words), None)
        if option is not None:
            self.set_value(option.value)

    def _take_only_match(self) -> None:
        if self._value is None and self.text().strip():
            found = self.matches(self.text())
            if len(found) == 1:
                self.set_value(found[0].value)

    def _settle(self, value: str | None) -> None:
        if value != self._value:
            self._value = value
            self.chosen.emit(value)
