"""What every page must hold: nothing clipped, everything named; and a way to look at it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QRect, Qt
from PySide6.QtGui import QAccessible, QFontMetrics, QImage, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QApplication,
    QLabel,
    QLineEdit,
    QWidget,
)

from migramovil.ui import theme
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


LOOKS: list[tuple[theme.Name, float]] = [
    ("light", 1.0), ("dark", 1.0), ("contrast", 1.0), ("light", theme.LARGE),
]  # fmt: skip
"""Every theme, and large letters: sizes are the same in every theme."""


def assert_all_well(window: QWidget) -> None:
    """Nothing clipped, all named, all words readable: what every page holds in every look."""
    assert_nothing_clipped(window)
    assert_accessible(window)
    assert_readable(window)


def assert_readable(window: QWidget) -> None:
    """Words stand out from the ground they are painted on: 4.5 to 1, 7 in high contrast.

    Measured on the painted pixels: the ground is what most of a label's place has, but its ink.
    """
    settle()
    picture = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(picture.constBits(), np.uint32).reshape(picture.height(), -1)
    floor = 7.0 if theme.high_contrast() else 4.5
    faint = []
    for label in window.findChildren(QLabel):
        if not label.isVisible() or not label.text() or label.visibleRegion().isEmpty():
            continue
        seen = label.visibleRegion().boundingRect()
        at = QRect(label.mapTo(window, seen.topLeft()), seen.size())
        part = pixels[at.top() : at.bottom() + 1, at.left() : at.right() + 1]
        if not part.size:
            continue
        ink = label.palette().color(label.foregroundRole()).name()
        colours, counts = np.unique(part & 0xFFFFFF, return_counts=True)
        counts[colours == int(ink[1:], 16)] = 0
        ground = f"#{int(colours[counts.argmax()]):06X}"
        if (ratio := theme.contrast_ratio(ink, ground)) < floor:
            faint.append(f"{label.text()!r}: {ink} on {ground} is {ratio:.1f}")
    assert not faint, "hard to read:\n  " + "\n  ".join(faint)


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
