"""Where a person signs, and letters one by one for reading over."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QImage,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QTabletEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from migramovil.ui import theme
from migramovil.ui.kit.layout import paint_panel
from migramovil.ui.kit.pictures import Pixels


class SignaturePad(QWidget):
    """A line to sign on with pen, finger or mouse; `changed(has ink)` after every stroke."""

    changed = Signal(bool)

    def __init__(self, say: str = "Firma del solicitante") -> None:
        super().__init__()
        self._strokes: list[list[QPointF]] = []
        self._drawing = False
        self.setAccessibleName(say)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def empty(self) -> bool:
        return not self._strokes

    def clear(self) -> None:
        self._strokes = []
        self.update()
        self.changed.emit(False)

    def pixels(self, *, width: int = 800, height: int = 300) -> Pixels:
        """The signature, black on white, grey (height, width), as large as fits with a margin."""
        image = QImage(width, height, QImage.Format.Format_Grayscale8)
        image.fill(QColor("#FFFFFF"))
        p = QPainter(image)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = self._path().boundingRect()
        if not self.empty:
            scale = min(
                0.9 * width / max(whole.width(), 1), 0.9 * height / max(whole.height(), 1), 4.0
            )
            p.translate(width / 2, height / 2)
            p.scale(scale, scale)
            p.translate(-whole.center())
            self._paint_ink(p, QColor("#000000"))
        p.end()
        memory = np.frombuffer(image.constBits(), np.uint8)
        return memory.reshape(height, image.bytesPerLine())[:, :width].copy()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(298), theme.px(128))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(200), theme.px(80))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._begin(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._go_on(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._end()

    def tabletEvent(self, event: QTabletEvent) -> None:
        moves = {
            QTabletEvent.Type.TabletPress: lambda: self._begin(event.position()),
            QTabletEvent.Type.TabletMove: lambda: self._go_on(event.position()),
            QTabletEvent.Type.TabletRelease: self._end,
        }
        moves.get(event.type(), lambda: None)()
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        paint_panel(p, QRectF(self.rect()), "surface", "edge", 8)
        level = self.height() * 0.8
        side = theme.px(16)
        p.setPen(QPen(theme.colour("line"), 1))
        p.drawLine(QPointF(side, level), QPointF(self.width() - side, level))
        self._paint_ink(p, theme.colour("ink"))

    def _begin(self, at: QPointF) -> None:
        self._drawing = True
        self._strokes.append([at])
        self.update()

    def _go_on(self, at: QPointF) -> None:
        if self._drawing:
            self._strokes[-1].append(at)
            self.update()

    def _end(self) -> None:
        if self._drawing:
            self._drawing = False
            self.changed.emit(True)

    def _path(self) -> QPainterPath:
        path = QPainterPath()
        for stroke in self._strokes:
            path.moveTo(stroke[0])
            for point in stroke[1:] or [stroke[0] + QPointF(0.5, 0)]:
                path.lineTo(point)
        return path

    def _paint_ink(self, p: QPainter, ink: QColor) -> None:
        pen = QPen(ink, theme.px(2))
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        p.setPen(pen)
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.drawPath(self._path())


class LetterBoxes(QWidget):
    """Words with a box round every letter, so that their owner reads them letter by letter.

    Words that do not fit beside each other go to the next line.
    """

    def __init__(self, words: str = "", *, role: theme.Role = "farb") -> None:
        super().__init__()
        self._font = theme.font(role, exact=True)
        side = math.ceil(QFontMetricsF(self._font).horizontalAdvance("M")) + theme.px(14)
        self._box = QSize(side, math.ceil(side * 1.25))
        self._gap = theme.px(6)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.say(words)

    def say(self, words: str) -> None:
        self._words = words.split()
        self.setAccessibleName(words)
        self.setAccessibleDescription("; ".join(", ".join(word) for word in self._words))
        self.updateGeometry()
        self.update()

    def heightForWidth(self, width: int) -> int:
        lines = max((line for _, line, _ in self._places(width)), default=0) + 1
        return lines * (self._box.height() + self._gap) - self._gap

    def sizeHint(self) -> QSize:
        letters = sum(len(word) for word in self._words)
        step = self._box.width() + self._gap
        width = max(step, letters * step + self._space() * (len(self._words) - 1))
        return QSize(width, self._box.height())

    def minimumSizeHint(self) -> QSize:
        longest = max((len(word) for word in self._words), default=1)
        return QSize(longest * (self._box.width() + self._gap), self._box.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        for x, line, letter in self._places(self.width()):
            y = line * (self._box.height() + self._gap)
            cell = QRectF(x, y, self._box.width(), self._box.height())
            paint_panel(p, cell, "surface", "edge", 8)
            p.setFont(self._font)
            p.setPen(theme.colour("ink"))
            p.drawText(cell, Qt.AlignmentFlag.AlignCenter, letter)

    def _places(self, width: int) -> list[tuple[int, int, str]]:
        """Every letter with its left edge and its line, when the widget is `width` wide."""
        step = self._box.width() + self._gap
        places: list[tuple[int, int, str]] = []
        x = line = 0
        for word in self._words:
            if x and x + len(word) * step > width:
                x, line = 0, line + 1
            for letter in word:
                places.append((x, line, letter))
                x += step
            x += self._space()
        return places

    def _space(self) -> int:
        return self._box.width() // 2
