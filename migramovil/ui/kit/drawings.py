"""What is drawn for this product: the mark, the dawn of the lock screen, a slip of paper."""

from __future__ import annotations

import math
from collections.abc import Iterable

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QImage,
    QLinearGradient,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from migramovil.devices.ports import SlipLine
from migramovil.ui import theme
from migramovil.ui.kit.pictures import Pixels, image_of, qr_image

_SUN, _NIGHT, _SNOW = QColor("#FFB81C"), QColor("#0B2240"), QColor("#F2F6FA")
_INK, _PAPER = QColor("#141414"), QColor("#FFFFFF")


class Mark(QWidget):
    """The mark of the product: a sun, a hill, a road."""

    def __init__(self, size: int = 36) -> None:
        super().__init__()
        self.setFixedSize(theme.px(size), theme.px(size))
        self.setAccessibleName("Migramóvil")

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        p.scale(self.width() / 36, self.height() / 36)
        p.setPen(Qt.PenStyle.NoPen)
        ground = QPainterPath()
        ground.addRoundedRect(QRectF(0, 0, 36, 36), 9, 9)
        p.setClipPath(ground)
        p.fillPath(ground, QColor("#14508F"))
        p.setBrush(_SUN)
        p.drawEllipse(QPointF(18, 17), 8, 8)
        hill = QPainterPath(QPointF(0, 24))
        hill.cubicTo(9, 17, 14, 20, 18, 22)
        hill.cubicTo(24, 25, 29, 19, 36, 20)
        hill.lineTo(36, 36)
        hill.lineTo(0, 36)
        p.fillPath(hill, _NIGHT)
        road = QPainterPath(QPointF(9, 36))
        road.cubicTo(13, 30, 20, 29, 17.4, 24.4)
        road.lineTo(19, 24.2)
        road.cubicTo(26, 29, 22, 31, 25, 36)
        p.fillPath(road, _PAPER)


class Landscape(QWidget):
    """Dawn over the altiplano, the quiet left of the lock screen; put words on it by a layout."""

    _HILLS = ((0.70, "#0E3563", 26), (0.78, "#0A2850", -20), (0.88, "#081D3A", 14))

    def __init__(self, width: int = 560) -> None:
        super().__init__()
        self.setFixedWidth(theme.px(width))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        if theme.high_contrast():  # no picture behind words
            p.fillRect(self.rect(), theme.colour("head"))
            p.setPen(theme.colour("line"))
            p.drawLine(self.rect().topRight(), self.rect().bottomRight())
            return
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_sky(p)
        wide, high = self.width(), self.height()
        for level, tint, swell in self._HILLS:
            p.fillPath(self._hill(level, swell), QColor(tint))
        road = QPainterPath(QPointF(wide * 0.30, high))
        road.cubicTo(wide * 0.40, high * 0.93, wide * 0.60, high * 0.93, wide * 0.52, high * 0.868)
        road.lineTo(wide * 0.527, high * 0.866)
        road.cubicTo(wide * 0.66, high * 0.93, wide * 0.50, high * 0.94, wide * 0.46, high)
        p.fillPath(road, _SNOW)

    def _paint_sky(self, p: QPainter) -> None:
        wide, high = self.width(), self.height()
        sky = QLinearGradient(0, 0, 0, high)
        for stop, tint in ((0.0, "#0B2240"), (0.62, "#134377"), (1.0, "#1E5F9E")):
            sky.setColorAt(stop, QColor(tint))
        p.fillRect(self.rect(), sky)
        p.setPen(Qt.PenStyle.NoPen)
        for radius, strength in ((210, 18), (150, 26), (102, 255)):
            glow = QColor(_SUN)
            glow.setAlpha(strength)
            p.setBrush(glow)
            p.drawEllipse(QPointF(wide * 0.72, high * 0.64), theme.px(radius), theme.px(radius))

    def _hill(self, level: float, swell: float) -> QPainterPath:
        wide, high = self.width(), self.height()
        y = high * level
        hill = QPainterPath(QPointF(0, y))
        hill.cubicTo(
            wide * 0.25, y - swell * 2.4, wide * 0.45, y + swell * 1.6, wide * 0.62, y - swell
        )
        hill.cubicTo(wide * 0.8, y - swell * 2.2, wide * 0.9, y + swell, wide, y - swell * 0.6)
        hill.lineTo(wide, high)
        hill.lineTo(0, high)
        return hill


class SlipView(QWidget):
    """A slip as it comes out of the printer: white paper, torn edge, in every theme.

    Give it the very lines the printer gets, or the pixels of a paper that was printed.
    """

    def __init__(self, say: str = "Comprobante", *, width: int = 344) -> None:
        super().__init__()
        self._lines: tuple[SlipLine, ...] = ()
        self._image: QImage | None = None
        self._wide = theme.px(width)
        self.setAccessibleName(say)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.show_lines(())

    def show_lines(self, lines: Iterable[SlipLine]) -> None:
        self._lines, self._image = tuple(lines), None
        self.setAccessibleDescription(
            "\n".join(f"{s.text} {s.right}".rstrip() for s in self._lines if not s.qr)
        )
        self._fit()

    def show_pixels(self, paper: Pixels) -> None:
        self._image = image_of(paper)
        self._fit()

    def sizeHint(self) -> QSize:
        return self.size()

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        p.setPen(QPen(QColor("#C9D2DC"), 1))
        p.setBrush(_PAPER)
        p.drawPath(self._paper())
        pad = theme.px(20)
        y = float(theme.px(18))
        inner = self.width() - 2 * pad
        if self._image is not None:
            high = self._image.height() * inner / self._image.width()
            p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            p.drawImage(QRectF(pad, y, inner, high), self._image)
            return
        for line in self._lines:
            high = self._line_high(line, inner)
            self._paint_line(p, line, QRectF(pad, y, inner, high))
            y += high

    def _paint_line(self, p: QPainter, line: SlipLine, room: QRectF) -> None:
        p.setPen(_INK)
        if line.rule:
            p.drawLine(
                QPointF(room.left(), room.center().y()), QPointF(room.right(), room.center().y())
            )
        if line.qr:
            side = room.height() - theme.px(8)
            square = QRectF(0, 0, side, side)
            square.moveCenter(room.center())
            p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
            p.drawImage(square, qr_image(line.text))
            return
        p.setFont(self._letters(line))
        side_ = Qt.AlignmentFlag.AlignHCenter if line.centre else Qt.AlignmentFlag.AlignLeft
        wrap = Qt.TextFlag.TextWordWrap
        p.drawText(room, side_ | Qt.AlignmentFlag.AlignVCenter | wrap, line.text)
        if line.right:
            p.setFont(theme.font("strong", exact=True))
            p.drawText(
                room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, line.right
            )

    def _letters(self, line: SlipLine) -> QFont:
        roles: dict[tuple[bool, bool], theme.Role] = {
            (False, False): "body", (False, True): "strong",
            (True, False): "sub", (True, True): "sub",
        }  # fmt: skip
        return theme.font(roles[line.size > 1, line.bold], exact=True)

    def _line_high(self, line: SlipLine, inner: float) -> float:
        if line.qr:
            return float(theme.px(192))
        if line.rule and not line.text:
            return float(theme.px(18))
        metrics = QFontMetricsF(self._letters(line))
        wrap = Qt.TextFlag.TextWordWrap
        tall = metrics.boundingRect(QRectF(0, 0, inner, 1e6), int(wrap.value), line.text).height()
        return math.ceil(max(tall, metrics.height())) + theme.px(6)

    def _fit(self) -> None:
        inner = self._wide - 2 * theme.px(20)
        if self._image is not None:
            high = self._image.height() * inner / self._image.width()
        else:
            high = sum(self._line_high(line, inner) for line in self._lines)
        self.setFixedSize(self._wide, round(high) + theme.px(44))
        self.update()

    def _paper(self) -> QPainterPath:
        """The outline: straight on three sides, torn in small teeth below."""
        wide, low, tooth = self.width() - 1.0, self.height() - theme.px(10), theme.px(8)
        path = QPainterPath(QPointF(0.5, 0.5))
        path.lineTo(wide, 0.5)
        path.lineTo(wide, low)
        count = max(8, round(wide / (2 * tooth)))
        for n in range(count):
            path.lineTo(wide - wide * (n + 0.5) / count, low + tooth)
            path.lineTo(wide - wide * (n + 1) / count, low)
        path.closeSubpath()
        return path
