"""What one presses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QPushButton, QSizePolicy, QWidget

from migramovil.ui import theme
from migramovil.ui.kit import icons
from migramovil.ui.kit.icons import Icon
from migramovil.ui.kit.layout import col, paint_panel, row
from migramovil.ui.kit.text import Text

Kind = Literal["primary", "second", "quiet", "danger"]
_CLEAR = QColor(Qt.GlobalColor.transparent)


def key_width(label: str) -> int:
    """Pixels a key cap with this label takes."""
    wide = QFontMetricsF(theme.font("capb")).horizontalAdvance(label)
    return max(theme.px(24), math.ceil(wide) + theme.px(12))


def paint_key(p: QPainter, rect: QRectF, label: str, ink: QColor, edge: QColor) -> None:
    """Draw a key cap; `rect` is `key_width(label)` wide and 22 design pixels high."""
    p.setRenderHint(QPainter.RenderHint.Antialiasing)
    p.setPen(QPen(edge, 1))
    p.setBrush(Qt.BrushStyle.NoBrush)
    p.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), theme.px(4), theme.px(4))
    p.setPen(ink)
    p.setFont(theme.font("capb"))
    p.drawText(rect, Qt.AlignmentFlag.AlignCenter, label)


class KeyCap(QWidget):
    """A drawn key: what to press, always beside what it does."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = label
        self.setFixedSize(key_width(label), theme.px(22))

    def paintEvent(self, event: QPaintEvent) -> None:
        ink, edge = theme.colour("ink2"), theme.colour("edge")
        paint_key(QPainter(self), QRectF(self.rect()), self._label, ink, edge)


class Button(QPushButton):
    """Icon, verb, key cap, in this order; the key works wherever the button is in sight.

    Never disabled: `set_available(False, "Falta …")` makes it look so, and pressing it says why by
    `refused` instead of `fired`. Held-down keys count once.
    """

    fired = Signal()
    refused = Signal(str)

    def __init__(
        self,
        label: str,
        *,
        kind: Kind = "second",
        icon: str = "",
        tail: str = "",
        key: str = "",
        height: int = theme.BUTTON,
        on: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(label)
        self.kind: Kind = kind
        self.key = key
        self._icon, self._tail = icons.known(icon), icons.known(tail)
        self._available, self._reason = True, ""
        self.setFixedHeight(theme.px(height))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self.setAutoDefault(False)
        self.clicked.connect(self._route)
        if on is not None:
            self.fired.connect(on)
        self._tell()

    @property
    def available(self) -> bool:
        return self._available

    @property
    def reason(self) -> str:
        return self._reason

    def say(self, label: str, *, icon: str | None = None, tail: str | None = None) -> None:
        self.setText(label)
        self._icon = self._icon if icon is None else icons.known(icon)
        self._tail = self._tail if tail is None else icons.known(tail)
        self._tell()

    def set_key(self, key: str) -> None:
        self.key = key
        self._tell()

    def set_available(self, available: bool, reason: str = "") -> None:
        """`reason` is the sentence for whoever presses it anyway."""
        self._available, self._reason = available, "" if available else reason
        self._tell()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.isAutoRepeat():
            event.accept()
        elif _enter(event) and self.kind != "primary":
            self.click()
        else:
            super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(self._content_width() + theme.px(32), self.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(self._content_width() + theme.px(16), self.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        face, ink, edge = self._colours()
        paint_panel(p, QRectF(self.rect()), face, edge, theme.RADIUS_BUTTON)
        side = theme.px(20)
        x, middle = (self.width() - self._content_width()) / 2, self.height() / 2
        tint = theme.colour(ink)
        if self._icon:
            icons.paint(p, QRectF(x, middle - side / 2, side, side), self._icon, tint)
            x += theme.px(28)
        p.setFont(theme.font("strong"))
        p.setPen(tint)
        words = self._words_width()
        p.drawText(QRectF(x, 0, words, self.height()), Qt.AlignmentFlag.AlignVCenter, self.text())
        x += words
        if self._tail:
            x += theme.px(8)
            icons.paint(p, QRectF(x, middle - side / 2, side, side), self._tail, tint)
            x += side
        if self.key:
            cap = QRectF(x + theme.px(12), middle - theme.px(11), key_width(self.key), theme.px(22))
            paint_key(p, cap, self.key, tint, tint if face == "primary" else theme.colour("edge"))

    def _colours(self) -> tuple[theme.Tone | None, theme.Tone, theme.Tone | None]:
        if not self._available or not self.isEnabled():
            return "idle_soft", "ink2", "line"
        under = self.underMouse()
        if self.kind == "primary":
            return ("hover" if under else "primary"), "on_primary", None
        if self.kind == "quiet":
            return ("soft" if under else None), "primary", None
        ground: theme.Tone = "soft" if under else "surface"
        return (ground, "bad", "bad") if self.kind == "danger" else (ground, "ink", "edge")

    def _words_width(self) -> int:
        return math.ceil(QFontMetricsF(theme.font("strong")).horizontalAdvance(self.text()))

    def _content_width(self) -> int:
        signs = theme.px(28) * (bool(self._icon) + bool(self._tail))
        return self._words_width() + signs + (key_width(self.key) + theme.px(12)) * bool(self.key)

    def _tell(self) -> None:
        self.setAccessibleName(f"{self.text()} ({self.key})" if self.key else self.text())
        self.setAccessibleDescription(self._reason)
        self.setToolTip(self._reason)
        self.updateGeometry()
        self.update()

    def _route(self) -> None:
        if self._available:
            self.fired.emit()
        else:
            self.refused.emit(self._reason)


def _enter(event: QKeyEvent) -> bool:
    """Enter by itself; with Ctrl it is the primary's key, wherever the focus is."""
    held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    pressed = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
    return pressed and held == Qt.KeyboardModifier.NoModifier


class _Checkable(QAbstractButton):
    """A checkable ground that holds labels; Space and the mouse press it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setCheckable(True)
        self.setText(name)
        self.setAccessibleName(name)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space chooses. Enter only moves on: nobody answers by pressing it once more."""
        if event.isAutoRepeat():
            event.accept()
        else:
            super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        layout = self.layout()
        return layout.sizeHint() if layout is not None else super().sizeHint()

    def minimumSizeHint(self) -> QSize:
        layout = self.layout()
        return layout.minimumSize() if layout is not None else super().minimumSizeHint()


class ChoiceCard(_Checkable):
    """One of a few weighty answers: sign, words, a second line, its key. Group them by `exclusive`.

    `toggled(bool)` is Qt's own signal.
    """

    def __init__(self, words: str, second: str = "", *, key: str = "", icon: str = "") -> None:
        super().__init__(words)
        self.key = key
        self._sign = Icon(icon or "circle", "ink2", 22)
        self._icon = icon
        body = [
            Text(words, "strong"),
            *([Text(second, "cap", "ink2", wrap=True)] if second else []),
        ]
        cap = [KeyCap(key)] if key else []
        self.setLayout(
            row(self._sign, (col(*body, gap=0), 1), *cap, gap=12, margins=(14, 10, 14, 10))
        )
        self.setAccessibleDescription(second)
        # as high as the second line needs when it breaks
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.setAutoExclusive(True)  # among the cards of one parent
        self.toggled.connect(self._mark)

    def _mark(self, chosen: bool) -> None:
        plain = self._icon or "circle"
        self._sign.show_icon(
            "check-circle-fill" if chosen else plain, "primary" if chosen else "ink2"
        )
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        chosen = self.isChecked()
        paint_panel(
            QPainter(self), QRectF(self.rect()), "soft" if chosen else "surface",
            "primary" if chosen else "edge", theme.RADIUS_BUTTON, edge_width=2 if chosen else 1,
        )  # fmt: skip


class Check(_Checkable):
    """A yes or no with a box and a tick; `toggled(bool)` is Qt's own signal."""

    def __init__(self, words: str, *, key: str = "") -> None:
        super().__init__(words)
        self.key = key
        self._box = Icon("square-bold", "edge", 24)
        cap = [KeyCap(key)] if key else []
        words_ = Text(words, "body", wrap=True)
        self.setLayout(row(self._box, (words_, 1), *cap, gap=10, margins=(6, 6, 8, 6)))
        self.toggled.connect(self._mark)

    def _mark(self, on: bool) -> None:
        self._box.show_icon(
            "check-square-fill" if on else "square-bold", "primary" if on else "edge"
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        """The labels inside are all there is to see."""

    def changeEvent(self, event: QEvent) -> None:
        self.update()
        super().changeEvent(event)
