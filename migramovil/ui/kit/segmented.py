"""A short choice of which every part is in sight."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from migramovil.ui import theme
from migramovil.ui.kit import icons
from migramovil.ui.kit.states import SIGNS, State

_NONE = Qt.KeyboardModifier.NoModifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One answer: value, words, the letter that chooses it, its state when chosen."""

    value: str
    words: str
    letter: str = ""
    state: State = "info"


class Segmented(QWidget):
    """Two to four answers: letters choose, arrows move, the chosen one has a sign.

    `chosen(value)` when a person chooses; `set_value` is silent.
    """

    chosen = Signal(str)

    def __init__(
        self,
        segments: Sequence[Segment],
        value: str | None = None,
        *,
        height: int = theme.CONTROL,
        name: str = "",
    ) -> None:
        super().__init__()
        self._segments = list(segments)
        self._value = value
        self._font = theme.font("capb")
        self.setFixedHeight(theme.px(height))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(name or ", ".join(s.words for s in segments))
        self._tell()

    def value(self) -> str | None:
        return self._value

    def set_value(self, value: str | None) -> None:
        self._value = value
        self._tell()
        self.update()

    def set_segments(self, segments: Sequence[Segment]) -> None:
        """Replace the answers, for words that hold a count; the value stays."""
        self._segments = list(segments)
        self._tell()
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(sum(self._widths()), self.height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Home: -99, Qt.Key.Key_End: 99}
        key = Qt.Key(event.key())
        if key in steps:
            here = self._place()
            there = 0 if here is None else here + steps[key]
            self._choose(min(max(there, 0), len(self._segments) - 1))
            return
        plain = event.modifiers() in {_NONE, Qt.KeyboardModifier.ShiftModifier}
        typed = event.text().upper() if plain else ""
        for place, segment in enumerate(self._segments):
            if typed and typed == self._letter(segment):
                self._choose(place)
                return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        for place, part in enumerate(self._parts()):
            if part.contains(event.position()):
                self._choose(place)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline = QPainterPath()
        radius = theme.px(theme.RADIUS_CONTROL)
        outline.addRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        p.fillPath(outline, theme.colour("surface"))
        p.setClipPath(outline)
        p.setFont(self._font)
        parts = self._parts()
        for segment, part in zip(self._segments, parts, strict=True):
            self._paint_part(p, segment, part)
        p.setPen(theme.colour("line"))
        for part in parts[:-1]:
            p.drawLine(part.topRight(), part.bottomRight())
        p.setClipping(False)
        p.setPen(QPen(theme.colour("edge"), 1))
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.drawPath(outline)

    def _paint_part(self, p: QPainter, segment: Segment, part: QRectF) -> None:
        if segment.value != self._value:
            p.setPen(theme.colour("ink2"))
            p.drawText(part, Qt.AlignmentFlag.AlignCenter, segment.words)
            return
        name, ink, soft = SIGNS[segment.state]
        p.fillRect(part, theme.colour(soft))
        words = QFontMetricsF(self._font).horizontalAdvance(segment.words)
        side = theme.px(16)
        left = part.center().x() - (words + theme.px(20)) / 2
        at = QRectF(left, part.center().y() - side / 2, side, side)
        icons.paint(p, at, "check-bold" if segment.state == "info" else name, theme.colour(ink))
        p.setPen(theme.colour(ink))
        beside = QRectF(QPointF(left + theme.px(20), part.top()), part.bottomRight())
        p.drawText(beside, Qt.AlignmentFlag.AlignVCenter, segment.words)

    def _widths(self) -> list[int]:
        metrics = QFontMetricsF(self._font)
        sign = theme.px(20)  # kept free in every part: nothing moves when the choice does
        return [
            math.ceil(metrics.horizontalAdvance(s.words)) + theme.px(22) + sign
            if len(s.words) > 2
            else theme.px(48)
            for s in self._segments
        ]

    def _parts(self) -> list[QRectF]:
        widths = self._widths()
        stretch = self.width() / sum(widths)
        edges = [0.0]
        for wide in widths:
            edges.append(edges[-1] + wide * stretch)
        return [QRectF(a, 0, b - a, self.height()) for a, b in itertools.pairwise(edges)]

    def _place(self) -> int | None:
        return next((i for i, s in enumerate(self._segments) if s.value == self._value), None)

    def _letter(self, segment: Segment) -> str:
        return (segment.letter or segment.words[:1]).upper()

    def _choose(self, place: int) -> None:
        value = self._segments[place].value
        if value != self._value:
            self.set_value(value)
            self.chosen.emit(value)

    def _tell(self) -> None:
        place = self._place()
        answer = "sin elegir" if place is None else self._segments[place].words
        self.setAccessibleDescription(
            f"{answer}; opciones: {', '.join(s.words for s in self._segments)}"
        )
