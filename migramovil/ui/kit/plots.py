"""Measures and small plots; each says itself in one sentence for who cannot see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEasingCurve, QPointF, QRectF, QSize, Qt, QVariantAnimation
from PySide6.QtGui import QBrush, QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from migramovil.ui import theme

_EASE_MS = 200


class _Plot(QWidget):
    def __init__(self, say: str, height: int) -> None:
        super().__init__()
        self.setAccessibleName(say)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._height = theme.px(height)
        self.setFixedHeight(self._height)

    def sizeHint(self) -> QSize:
        return QSize(theme.px(160), self._height)

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(100), self._height)

    def _painter(self) -> QPainter:
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        p.setFont(theme.font("cap"))
        return p


class Meter(_Plot):
    """A value against its threshold, which is a notch with its number."""

    def __init__(
        self, say: str, *, limit: float, top: float = 100, caption: str = "umbral"
    ) -> None:
        super().__init__(say, 36)
        self._say, self._limit, self._top, self._caption = say, limit, top, caption
        self._value: float | None = None
        self.set_value(None)

    def set_value(self, value: float | None, *, limit: float | None = None) -> None:
        """None is «not measured yet»: an empty bar."""
        self._value = value
        self._limit = self._limit if limit is None else limit
        words = "sin medir" if value is None else f"{value:g}"
        self.setAccessibleName(f"{self._say}: {words}, {self._caption} {self._limit:g}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        p = self._painter()
        wide, high = self.width(), theme.px(12)
        p.setPen(QPen(theme.colour("edge"), 1))
        p.setBrush(theme.colour("idle_soft"))
        p.drawRoundedRect(QRectF(0.5, 1.5, wide - 1, high), high / 2, high / 2)
        if self._value is not None:
            reached = self._value >= self._limit
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(theme.colour("ok" if reached else "warn"))
            part = min(1.0, max(0.0, self._value / self._top))
            p.drawRoundedRect(QRectF(0, 1, max(high, wide * part), high + 1), high / 2, high / 2)
        x = wide * self._limit / self._top
        p.setPen(QPen(theme.colour("ink"), theme.px(2)))
        p.drawLine(QPointF(x, 0), QPointF(x, high + theme.px(5)))
        words = f"{self._caption} {self._limit:g}"
        room = p.fontMetrics().horizontalAdvance(words) + theme.px(2)
        left = min(max(0.0, x - room / 2), wide - room)
        p.setPen(theme.colour("ink2"))
        p.drawText(
            QRectF(left, high + theme.px(5), room, theme.px(18)),
            Qt.AlignmentFlag.AlignLeft,
            words,
        )


class Progress(_Plot):
    """How much of something is done, 0 to 1; eases over 200 ms unless motion is reduced."""

    def __init__(self, say: str, value: float = 0, *, tone: theme.Tone = "primary") -> None:
        super().__init__(say, 8)
        self._say, self._tone, self._shown = say, tone, value
        self._ease = QVariantAnimation(self)
        self._ease.setDuration(_EASE_MS)
        self._ease.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._ease.valueChanged.connect(self._show)
        self.set_value(value)

    def set_value(self, value: float, say: str = "") -> None:
        value = min(1.0, max(0.0, value))
        self.setAccessibleName(say or f"{self._say}: {value:.0%}")
        self._ease.stop()
        if theme.now().motion and self.isVisible():
            self._ease.setStartValue(self._shown)
            self._ease.setEndValue(value)
            self._ease.start()
        else:
            self._show(value)

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_bar(self._painter(), QRectF(self.rect()), self._shown, self._tone)

    def _show(self, value: float) -> None:
        self._shown = value
        self.update()


def paint_bar(p: QPainter, rect: QRectF, part: float, tone: theme.Tone) -> None:
    """A progress bar: the whole in grey, `part` (0 to 1) of it in the tone."""
    half = rect.height() / 2
    strong = theme.high_contrast()
    p.setPen(QPen(theme.colour("edge"), 1) if strong else QPen(Qt.PenStyle.NoPen))
    p.setBrush(theme.colour("bg" if strong else "line"))
    p.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), half, half)
    if part > 0:
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(theme.colour(tone))
        done = QRectF(rect)
        done.setWidth(max(rect.height(), rect.width() * min(part, 1.0)))
        p.drawRoundedRect(done, half, half)


class Bars(_Plot):
    """Values side by side with a word under each and, if wanted, the number over it."""

    def __init__(
        self,
        say: str,
        values: Sequence[float] = (),
        labels: Sequence[str] = (),
        *,
        tone: theme.Tone = "s1",
        height: int = 88,
        numbers: bool = True,
    ) -> None:
        super().__init__(say, height)
        self._tone, self._numbers = tone, numbers
        self.show_values(say, values, labels)

    def show_values(self, say: str, values: Sequence[float], labels: Sequence[str]) -> None:
        self._values, self._labels = list(values), list(labels)
        self.setAccessibleName(say)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        p = self._painter()
        low = self.height() - theme.px(20)
        top = theme.px(20) if self._numbers else theme.px(4)
        p.setPen(theme.colour("line"))
        p.drawLine(QPointF(0, low + 0.5), QPointF(self.width(), low + 0.5))
        most = max([*self._values, 1])
        wide = self.width() / max(len(self._values), 1)
        for n, value in enumerate(self._values):
            cell = QRectF(n * wide, 0, wide, self.height())
            tall = (low - top) * value / most
            bar = min(wide - theme.px(6), theme.px(28))
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(theme.colour(self._tone))
            p.drawPath(_topped(QRectF(cell.center().x() - bar / 2, low - tall, bar, tall)))
            p.setPen(theme.colour("ink2"))
            under = QRectF(cell.left(), low + theme.px(2), wide, theme.px(18))
            p.drawText(under, Qt.AlignmentFlag.AlignCenter, self._labels[n])
            if self._numbers and value:
                over = QRectF(cell.left(), low - tall - theme.px(19), wide, theme.px(18))
                p.setPen(theme.colour("ink"))
                p.drawText(over, Qt.AlignmentFlag.AlignCenter, f"{value:g}")


def _topped(bar: QRectF) -> QPainterPath:
    """A bar with its two upper corners rounded."""
    round_ = min(theme.px(3), bar.height() / 2, bar.width() / 2)
    path = QPainterPath(bar.bottomLeft())
    path.lineTo(bar.left(), bar.top() + round_)
    path.quadTo(bar.topLeft(), QPointF(bar.left() + round_, bar.top()))
    path.lineTo(bar.right() - round_, bar.top())
    path.quadTo(bar.topRight(), QPointF(bar.right(), bar.top() + round_))
    path.lineTo(bar.bottomRight())
    path.closeSubpath()
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A value drawn dashed across a plot, and its name."""

    value: float
    words: str


class Line(_Plot):
    """Values over time, evenly spaced, with an optional named limit and words at both ends."""

    def __init__(
        self,
        say: str,
        values: Sequence[float] = (),
        *,
        tone: theme.Tone = "s1",
        height: int = 72,
        limit: Limit | None = None,
        ends: tuple[str, str] = ("", ""),
    ) -> None:
        super().__init__(say, height)
        self._tone, self._limit, self._ends = tone, limit, ends
        self.show_values(say, values)

    def show_values(self, say: str, values: Sequence[float]) -> None:
        self._values = list(values)
        self.setAccessibleName(say)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        p = self._painter()
        low = self.height() - (theme.px(20) if any(self._ends) else theme.px(4))
        most = max([*self._values, self._limit.value if self._limit else 0, 1e-9]) * 1.05
        step = (self.width() - theme.px(8)) / max(len(self._values) - 1, 1)
        points = [
            QPointF(theme.px(4) + n * step, low - (low - theme.px(6)) * v / most)
            for n, v in enumerate(self._values)
        ]
        p.setPen(theme.colour("line"))
        p.drawLine(QPointF(0, low), QPointF(self.width(), low))
        if points:
            self._paint_line(p, points, low)
        if self._limit:
            self._paint_limit(p, self._limit, low - (low - theme.px(6)) * self._limit.value / most)
        p.setPen(theme.colour("ink2"))
        under = QRectF(0, low + theme.px(2), self.width(), theme.px(18))
        p.drawText(under, Qt.AlignmentFlag.AlignLeft, self._ends[0])
        p.drawText(under, Qt.AlignmentFlag.AlignRight, self._ends[1])

    def _paint_line(self, p: QPainter, points: list[QPointF], low: float) -> None:
        path = QPainterPath(points[0])
        for point in points[1:]:
            path.lineTo(point)
        area = QPainterPath(path)
        area.lineTo(points[-1].x(), low)
        area.lineTo(points[0].x(), low)
        wash = theme.colour(self._tone)
        wash.setAlpha(30)
        p.fillPath(area, wash)
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.setPen(QPen(theme.colour(self._tone), theme.px(2)))
        p.drawPath(path)
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(theme.colour(self._tone))
        p.drawEllipse(points[-1], theme.px(4), theme.px(4))
        if self._limit is None:
            return
        over = [q for q, v in zip(points, self._values, strict=True) if v > self._limit.value]
        p.setPen(QPen(theme.colour("bad"), theme.px(2)))
        p.setBrush(theme.colour("surface"))
        for point in over:
            p.drawEllipse(point, theme.px(4), theme.px(4))

    def _paint_limit(self, p: QPainter, limit: Limit, y: float) -> None:
        p.setPen(QPen(theme.colour("ink2"), 1.4, Qt.PenStyle.DashLine))
        p.drawLine(QPointF(0, y), QPointF(self.width(), y))
        high = theme.px(18)
        top = y - high - 1 if y > high else y + theme.px(2)
        beside = QRectF(theme.px(4), top, self.width() - theme.px(8), high)
        p.drawText(beside, Qt.AlignmentFlag.AlignLeft, limit.words)


class Stack(_Plot):
    """Parts of a whole, each with its own pattern as well as its colour."""

    _PATTERNS = (
        Qt.BrushStyle.NoBrush,
        Qt.BrushStyle.BDiagPattern,
        Qt.BrushStyle.Dense6Pattern,
        Qt.BrushStyle.VerPattern,
    )

    def __init__(self, say: str, parts: Sequence[tuple[float, theme.Tone]] = ()) -> None:
        super().__init__(say, 20)
        self.show_parts(say, parts)

    def show_parts(self, say: str, parts: Sequence[tuple[float, theme.Tone]]) -> None:
        self._parts = [part for part in parts if part[0] > 0]
        self.setAccessibleName(say)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        p = self._painter()
        shape = QPainterPath()
        shape.addRoundedRect(QRectF(self.rect()), theme.px(6), theme.px(6))
        p.setClipPath(shape)
        p.fillRect(self.rect(), theme.colour("idle_soft"))
        whole = sum(value for value, _ in self._parts) or 1
        x = 0.0
        for n, (value, tone) in enumerate(self._parts):
            wide = self.width() * value / whole
            gap = theme.px(2) if n < len(self._parts) - 1 else 0
            cell = QRectF(x, 0, wide - gap, self.height())
            p.fillRect(cell, theme.colour(tone))
            over = QColor(theme.colour("surface"))
            over.setAlpha(110)
            p.fillRect(cell, QBrush(over, self._PATTERNS[n % len(self._PATTERNS)]))
            x += wide
