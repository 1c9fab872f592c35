"""What every page must hold: nothing clipped, everything named; and a way to look at it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, QRect, Qt
from PySide6.QtGui import QAccessible, QFontMetrics, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QApplication,
    QLabel,
    QLineEdit,
    QWidget,
)

from migramovil.ui.kit.focus import FocusRing
from migramovil.ui.kit.text import Text

_ACTED_ON = {
    QAccessible.Role.Button,
    QAccessible.Role.CheckBox,
    QAccessible.Role.RadioButton,
    QAccessible.Role.EditableText,
    QAccessible.Role.ComboBox,
    QAccessible.Role.Table,
    QAccessible.Role.List,
    QAccessible.Role.Client,
}


def settle(rounds: int = 3) -> None:
    """Let layouts and paints that are on their way happen."""
    for _ in range(rounds):
        QApplication.processEvents()


def type_in(widget: QWidget, words: str) -> None:
    """Type as a person would, accents and Ñ included (QTest.keyClicks aborts on them)."""
    for letter in words:
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            event = QKeyEvent(kind, 0, Qt.KeyboardModifier.NoModifier, letter)
            QApplication.sendEvent(widget, event)


def grab(widget: QWidget, path: Path | str) -> None:
    """Save what `widget` looks like, the ring in its final place, as PNG."""
    settle()
    for ring in widget.findChildren(FocusRing):
        ring.settle()
    assert widget.grab().save(str(path), "PNG")


def assert_accessible(widget: QWidget) -> None:
    """Everything in sight that takes the focus, or that one acts on, has an accessible name."""
    settle()
    unnamed = []
    for part in [widget, *widget.findChildren(QWidget)]:
        if not part.isVisible() or part.focusPolicy().value == 0:
            continue
        interface = QAccessible.queryAccessibleInterface(part)
        if interface.role() in _ACTED_ON and not interface.text(QAccessible.Text.Name).strip():
            unnamed.append(f"{type(part).__name__} at {part.geometry().getRect()}")
    assert not unnamed, "without an accessible name: " + "; ".join(unnamed)


def assert_nothing_clipped(widget: QWidget) -> None:
    """Every widget in sight has the room it needs, and lies inside the one it stands in."""
    settle()
    bad = [c for part in widget.findChildren(QWidget) if part.isVisible() for c in _clips(part)]
    assert not bad, "clipped:\n  " + "\n  ".join(bad)


def _clips(part: QWidget) -> list[str]:
    if isinstance(part, FocusRing) or _scrolls(part):
        return []
    found = []
    if isinstance(part, QLabel):
        found += _label_clips(part)
    elif isinstance(part, QLineEdit):
        high = QFontMetrics(part.font()).height()
        if part.height() < high:
            found.append(f"field {part.accessibleName()!r} is {part.height()} px high")
    else:
        least = part.minimumSizeHint()
        if part.width() < least.width() - 1 or part.height() < least.height() - 1:
            found.append(
                f"{_name(part)} has {part.width()}×{part.height()}, "
                f"needs {least.width()}×{least.height()}"
            )
    return found + _sticks_out(part)


def _label_clips(label: QLabel) -> list[str]:
    if isinstance(label, Text) and label.elides:
        return []
    words = label.text()
    if label.wordWrap():
        need = label.heightForWidth(label.width())
        if need > label.height() + 1:
            return [f"{words!r} needs height {need}, has {label.height()}"]
        longest = max((_wide(label, word) for word in words.split()), default=0)
        if longest > label.width() + 1:
            return [f"{words!r}: a word needs {longest}, has {label.width()}"]
    elif "<span" not in words and _wide(label, words) > label.width() + 1:
        return [f"{words!r} needs {_wide(label, words)}, has {label.width()}"]
    return []


def _wide(label: QLabel, words: str) -> int:
    return QFontMetrics(label.font()).horizontalAdvance(words)


def _sticks_out(part: QWidget) -> list[str]:
    parent = part.parentWidget()
    if parent is None or part.isWindow() or _is_viewport(parent):
        return []
    inside = QRect(QPoint(0, 0), parent.size()).adjusted(-1, -1, 1, 1)
    if inside.contains(part.geometry()):
        return []
    return [f"{_name(part)} at {part.geometry().getRect()} sticks out of {_name(parent)}"]


def _scrolls(part: QWidget) -> bool:
    """Parts of scroll areas keep their own rules: what is out of sight can be scrolled to."""
    return _is_viewport(part) or (
        part.parentWidget() is not None and isinstance(part.parentWidget(), QAbstractScrollArea)
    )


def _is_viewport(part: QWidget) -> bool:
    parent = part.parentWidget()
    return isinstance(parent, QAbstractScrollArea) and parent.viewport() is part


def _name(part: QWidget) -> str:
    return f"{type(part).__name__} {part.accessibleName()!r}"
