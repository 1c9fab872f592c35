"""The machine readable zone, letter by letter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from migramovil.ui import theme
from migramovil.ui.kit.pictures import Pixels, image_of

Spot = tuple[int, int]
"""Line and column of one letter, both from 0."""


class MrzView(QWidget):
    """What was read, in columns; above each line, if there is one, the strip of the picture.

    A doubt boxes its letter in both and stands below it in words («3 · ¿Z o 2? 64 %»).
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: tuple[str, ...] = ()
        self._doubts: dict[Spot, str] = {}
        self._strips: tuple[QImage, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.show_lines(())

    def show_lines(
        self,
        lines: Sequence[str],
        doubts: Mapping[Spot, str] | None = None,
        strips: Sequence[Pixels] = (),
    ) -> None:
        """Two or three lines; a strip for each (the line cut out of the picture) or none."""
        self._lines = tuple(lines)
        self._doubts = dict(doubts or {})
        self._strips = tuple(image_of(s) for s in strips)
        self.setFixedHeight(self._wanted())
        count = len(self._doubts)
        tail = f"{count} por confirmar" if count else "sin dudas"
        self.setAccessibleName(f"Zona de lectura mecánica: {tail if lines else 'sin leer'}")
        self.setAccessibleDescription(" / ".join(self._lines))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(480), self._wanted())

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(44 * 13), self._wanted())

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        margin = theme.px(10)
        for number, line in enumerate(self._lines):
            top = number * self._line_high()
            step = (self.width() - 2 * margin) / max(len(line), 1)
            if self._strips:
                self._paint_strip(p, number, top)
            for column, letter in enumerate(line):
                cell = QRectF(margin + column * step, top + self._strip_high(), step, theme.px(26))
                self._paint_letter(p, cell, letter, self._doubts.get((number, column)), top)

    def _paint_strip(self, p: QPainter, number: int, top: float) -> None:
        place = QRectF(0, top, self.width(), theme.px(38))
        shape = QPainterPath()
        shape.addRoundedRect(place, theme.px(6), theme.px(6))
        p.save()
        p.setClipPath(shape)
        p.drawImage(place, self._strips[number])
        p.restore()

    def _paint_letter(
        self, p: QPainter, cell: QRectF, letter: str, doubt: str | None, top: float
    ) -> None:
        tone: theme.Tone = "ink2" if letter == "<" else "ink"
        if doubt is not None:
            tone = "warn"
            p.setPen(QPen(theme.colour("warn"), 2))
            p.setBrush(theme.colour("warn_soft"))
            radius = theme.px(4)
            p.drawRoundedRect(cell.adjusted(0.5, 1, -0.5, -1), radius, radius)
            p.setBrush(Qt.BrushStyle.NoBrush)
            if self._strips:
                seen = QRectF(cell.left() - 1, top + 1, cell.width() + 2, theme.px(36))
                p.drawRoundedRect(seen, radius, radius)
        p.setFont(theme.font("sub", mono=True))
        p.setPen(theme.colour(tone))
        p.drawText(cell, Qt.AlignmentFlag.AlignCenter, letter)
        if doubt:
            below = QRectF(0, cell.bottom(), theme.px(150), theme.px(18))
            below.moveCenter(cell.center())
            below.moveTop(cell.bottom())
            below.moveLeft(min(max(0.0, below.left()), self.width() - below.width()))
            p.setFont(theme.font("capb"))
            p.drawText(below, Qt.AlignmentFlag.AlignCenter, doubt)

    def _strip_high(self) -> int:
        return theme.px(40) if self._strips else 0

    def _line_high(self) -> int:
        return self._strip_high() + theme.px(26) + (theme.px(18) if self._doubts else theme.px(4))

    def _wanted(self) -> int:
        return max(1, len(self._lines)) * self._line_high()
