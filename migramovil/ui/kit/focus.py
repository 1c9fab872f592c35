"""Where you are: one ring for every control, painted above the window."""

from __future__ import annotations

from PySide6.QtCore import (
    QEasingCurve,
    QEvent,
    QObject,
    QPoint,
    QRect,
    QRectF,
    Qt,
    QVariantAnimation,
)
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from migramovil.ui import theme

_MOVES = {
    QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide,
    QEvent.Type.LayoutRequest,
}  # fmt: skip
_GLIDE_MS = 80
_REACH = 6


class FocusRing(QWidget):
    """A dark line inside, amber outside, so that one of both stands out on any ground.

    A control may offer `focus_rect() -> QRect` when the ring should go round a part of it.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._target: QWidget | None = None
        self._watched: list[QWidget] = []
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()
        self._glide = QVariantAnimation(self)
        self._glide.setDuration(_GLIDE_MS)
        self._glide.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._glide.valueChanged.connect(self.setGeometry)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._focus_changed)

    @property
    def target(self) -> QWidget | None:
        """The control it is round, if any."""
        return self._target if self._target is not None and isValid(self._target) else None

    def settle(self) -> None:
        """Be where it belongs now, without gliding."""
        self._glide.stop()
        place = self._place()
        self.setVisible(place is not None)
        if place is not None:
            self.setGeometry(place)
            self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in _MOVES and isValid(self):
            self.settle()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        p.setBrush(Qt.BrushStyle.NoBrush)
        around = QRectF(self.rect()).adjusted(_REACH, _REACH, -_REACH, -_REACH)
        radius = theme.px(theme.RADIUS_BUTTON)
        amber, dark = theme.colour("ring"), theme.colour("ring_in")
        p.setPen(QPen(dark, 2))
        p.drawRoundedRect(around.adjusted(1, 1, -1, -1), radius - 1, radius - 1)
        p.setPen(QPen(amber, 3))
        p.drawRoundedRect(around.adjusted(-1.5, -1.5, 1.5, 1.5), radius + 1, radius + 1)
        if theme.now().name == "light":
            p.setPen(QPen(dark, 1.2))
            p.drawRoundedRect(around.adjusted(-3.5, -3.5, 3.5, 3.5), radius + 3, radius + 3)

    def _focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        if not isValid(self):
            return
        inside = new is not None and self._window.isAncestorOf(new)
        before = self.geometry() if self.isVisible() else None
        self._watch(new if inside else None)
        place = self._place()
        if place is None or before is None or not theme.now().motion:
            self.settle()
            return
        self.raise_()
        self._glide.stop()
        self._glide.setStartValue(before)
        self._glide.setEndValue(place)
        self._glide.start()

    def _watch(self, target: QWidget | None) -> None:
        """Follow the control and everything it stands in: any of them may move."""
        for widget in self._watched:
            if isValid(widget):
                widget.removeEventFilter(self)
        self._watched = []
        self._target = target
        widget_ = target
        while widget_ is not None and widget_ is not self._window:
            widget_.installEventFilter(self)
            self._watched.append(widget_)
            widget_ = widget_.parentWidget()

    def _place(self) -> QRect | None:
        target = self.target
        if target is None or not target.isVisible():
            return None
        part = getattr(target, "focus_rect", None)
        inner: QRect = part() if callable(part) else target.rect()
        seen = inner.intersected(target.visibleRegion().boundingRect())
        if seen.isEmpty():  # scrolled out of sight, or not painted yet
            seen = inner if target.visibleRegion().isEmpty() else QRect()
        if seen.isEmpty():
            return None
        corner: QPoint = target.mapTo(self._window, seen.topLeft())
        return QRect(corner, seen.size()).adjusted(-_REACH, -_REACH, _REACH, _REACH)
