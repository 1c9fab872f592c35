"""What to do about a device, drawn: the thing in ink, the act in the main colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from migramovil.ui import theme

_WIDE, _HIGH = 200, 110
Name = Literal[
    "cable", "switch", "paper", "cover", "jam", "glass", "finger", "lens", "light", "document",
    "sky", "wait", "look", "slip",
]  # fmt: skip
SAID: Mapping[Name, str] = {
    "cable": "Un cable que entra en su puerto",
    "switch": "Un interruptor que se apaga y se enciende",
    "paper": "Un rollo de papel que entra en la impresora",
    "cover": "La tapa de la impresora que se cierra",
    "jam": "El papel atascado que sale de la impresora",
    "glass": "Un paño seco que limpia el vidrio del huellero",
    "finger": "Un dedo plano en el centro del vidrio",
    "lens": "Un paño seco que limpia el lente de la cámara",
    "light": "Una luz delante de la persona",
    "document": "Un documento que pasa por el lector con las líneas abajo",
    "sky": "Una antena a cielo abierto",
    "wait": "Un reloj: espere un momento",
    "look": "Una persona que mira a la cámara",
    "slip": "Un comprobante entero que sale de la impresora",
}
SHOWN: Mapping[str, Name] = {
    "DEV-01": "cable", "DEV-05": "cable", "DEV-10": "cable", "DEV-02": "wait",
    "FPR-01": "finger", "FPR-02": "glass", "FPR-03": "cable", "FPR-06": "finger",
    "FPR-20": "finger", "FPR-21": "finger", "FPR-22": "cable", "CHK-14": "glass",
    "CAM-01": "lens", "CAM-02": "cable", "CAM-03": "cable", "CAM-04": "lens", "CAM-05": "cable",
    "CAM-07": "switch", "CAM-08": "light", "CHK-10": "lens", "CHK-11": "light", "CHK-13": "cable",
    "PRN-01": "switch", "PRN-02": "paper", "PRN-03": "cover", "PRN-04": "switch",
    "PRN-06": "paper", "PRN-07": "jam", "PRN-08": "wait", "PRN-09": "switch", "PRN-10": "switch",
    "PRN-14": "jam", "PRN-05": "slip", "CHK-20": "paper", "MRZ-01": "document",
    "MRZ-02": "document", "GNS-01": "sky", "HST-08": "cable",
}  # fmt: skip
"""Which code is helped by which drawing."""


class Sketch(QWidget):
    """One drawing, `times` its size; hidden until it has one."""

    def __init__(self, times: float = 1.0) -> None:
        super().__init__()
        self._name: Name | None = None
        self._times = times
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.hide()

    def show_for(self, code: str) -> None:
        """The drawing that helps with a trouble, if one does."""
        self.show_sketch(SHOWN.get(code))

    def show_sketch(self, name: Name | None) -> None:
        """This drawing; None hides it."""
        self._name = name
        self.setAccessibleName(SAID[self._name] if self._name else "")
        self.setVisible(self._name is not None)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(_WIDE * self._times), theme.px(_HIGH * self._times))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._name is None:
            return
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        scale = min(self.width() / _WIDE, self.height() / _HIGH)
        p.scale(scale, scale)
        _DRAW[self._name](_Hand(p))


class _Hand:
    """Draws in a box of 200 × 110: `thing` with ink, `act` with the main colour."""

    def __init__(self, p: QPainter) -> None:
        self._p = p

    def thing(self) -> _Hand:
        return self._pen("ink", 3)

    def act(self) -> _Hand:
        return self._pen("primary", 4)

    def _pen(self, tone: theme.Tone, wide: float) -> _Hand:
        pen = QPen(theme.colour(tone), wide)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        self._p.setPen(pen)
        self._p.setBrush(Qt.BrushStyle.NoBrush)
        return self

    def box(self, x: float, y: float, wide: float, high: float, round_: float = 5) -> _Hand:
        self._p.drawRoundedRect(QRectF(x, y, wide, high), round_, round_)
        return self

    def round(self, x: float, y: float, radius: float) -> _Hand:
        self._p.drawEllipse(QPointF(x, y), radius, radius)
        return self

    def line(self, *points: tuple[float, float]) -> _Hand:
        self._p.drawPolyline([QPointF(*point) for point in points])
        return self

    def curve(self, start: tuple[float, float], *to: tuple[float, float]) -> _Hand:
        """Cubic pieces: two controls and an end each."""
        path = QPainterPath(QPointF(*start))
        for n in range(0, len(to), 3):
            path.cubicTo(QPointF(*to[n]), QPointF(*to[n + 1]), QPointF(*to[n + 2]))
        self._p.drawPath(path)
        return self

    def arrow(self, start: tuple[float, float], end: tuple[float, float]) -> _Hand:
        """A straight arrow along one of the axes."""
        self.line(start, end)
        dx, dy = (
            (end[0] > start[0]) - (end[0] < start[0]),
            (end[1] > start[1]) - (end[1] < start[1]),
        )
        back = (end[0] - 9 * dx, end[1] - 9 * dy)
        side = (8 * dy, 8 * dx)
        self.line((back[0] + side[0], back[1] + side[1]), end,
                  (back[0] - side[0], back[1] - side[1]))  # fmt: skip
        return self


def _cable(hand: _Hand) -> None:
    hand.thing().box(118, 18, 70, 74, 8).box(118, 46, 16, 20, 2)
    hand.curve((6, 86), (40, 100), (20, 56), (48, 56)).box(48, 44, 32, 24).box(80, 49, 14, 14, 1)
    hand.act().arrow((52, 24), (104, 24))


def _switch(hand: _Hand) -> None:
    hand.thing().round(100, 55, 44)
    hand.act().line((100, 26), (100, 56)).curve((82, 38), (66, 58), (80, 80), (100, 80),
                                                (120, 80), (134, 58), (118, 38))  # fmt: skip


def _printer(hand: _Hand) -> _Hand:
    return hand.thing().box(36, 52, 110, 48, 8).line((52, 84), (130, 84))


def _paper(hand: _Hand) -> None:
    _printer(hand).round(91, 28, 20).round(91, 28, 6)
    hand.act().curve((111, 28), (126, 34), (124, 44), (124, 52)).arrow((166, 16), (166, 60))


def _cover(hand: _Hand) -> None:
    _printer(hand).line((40, 52), (112, 14), (122, 22))
    hand.act().curve((134, 18), (156, 20), (164, 34), (160, 50)).line(
        (151, 42), (160, 51), (169, 43)
    )


def _jam(hand: _Hand) -> None:
    _printer(hand).line((62, 52), (60, 38), (74, 44), (82, 34), (96, 44), (106, 34), (118, 42),
                        (116, 52))  # fmt: skip
    hand.act().arrow((91, 26), (91, 4))


def _glass(hand: _Hand) -> None:
    hand.thing().box(44, 52, 112, 46, 12).box(64, 62, 72, 18, 6)
    hand.act().line((62, 42), (78, 28), (92, 42), (106, 28), (120, 42), (136, 28))
    hand.box(128, 8, 34, 20, 4)


def _finger(hand: _Hand) -> None:
    hand.thing().box(44, 62, 112, 38, 12).box(66, 70, 68, 14, 5)
    hand.act().curve((192, 30), (170, 34), (150, 44), (126, 62), (114, 70), (80, 72), (78, 62),
                     (78, 52), (104, 48), (116, 38), (134, 22), (150, 14), (166, 8))  # fmt: skip


def _lens(hand: _Hand) -> None:
    hand.thing().box(36, 28, 104, 70, 10).box(52, 16, 30, 12, 3).round(88, 63, 26).round(88, 63, 12)
    hand.act().curve((118, 36), (148, 44), (148, 82), (118, 92)).box(148, 50, 34, 26, 4)


def _light(hand: _Hand) -> None:
    hand.thing().round(48, 46, 20).curve((14, 106), (18, 76), (78, 76), (82, 106))
    hand.act().round(142, 48, 20).line((134, 74), (150, 74)).line((136, 84), (148, 84))
    for x, y, to_x, to_y in ((112, 48, 98, 48), (118, 26, 108, 16), (142, 18, 142, 6),
                             (166, 26, 176, 16), (172, 48, 186, 48)):  # fmt: skip
        hand.line((x, y), (to_x, to_y))


def _document(hand: _Hand) -> None:
    hand.thing().box(24, 84, 152, 18, 6)
    hand.act().box(56, 10, 88, 66, 5).round(76, 32, 8).line((94, 28), (130, 28))
    hand.line((64, 56), (136, 56)).line((64, 66), (136, 66))


def _sky(hand: _Hand) -> None:
    hand.thing().line((24, 100), (176, 100)).box(74, 84, 52, 16, 4).line((100, 84), (100, 66))
    hand.act().curve((82, 56), (92, 44), (108, 44), (118, 56))
    hand.curve((68, 46), (86, 24), (114, 24), (132, 46)).round(156, 18, 6)
    hand.line((140, 18), (148, 18)).line((164, 18), (172, 18))


def _wait(hand: _Hand) -> None:
    hand.thing().round(100, 55, 44)
    hand.act().line((100, 28), (100, 56), (122, 68))


def _look(hand: _Hand) -> None:
    hand.thing().round(48, 40, 20).curve((14, 100), (18, 70), (78, 70), (82, 100))
    hand.box(128, 34, 62, 46, 7).round(150, 57, 13)
    hand.act().line((76, 40), (86, 43)).line((94, 46), (104, 49)).line((112, 52), (122, 54))


def _slip(hand: _Hand) -> None:
    _printer(hand)
    hand.act().line((60, 52), (60, 8), (122, 8), (122, 52)).line((70, 20), (112, 20))
    hand.line((70, 31), (112, 31)).line((70, 42), (98, 42))


_DRAW: Mapping[Name, Callable[[_Hand], None]] = {
    "cable": _cable,
    "switch": _switch,
    "paper": _paper,
    "cover": _cover,
    "jam": _jam,
    "glass": _glass,
    "finger": _finger,
    "lens": _lens,
    "light": _light,
    "document": _document,
    "sky": _sky,
    "wait": _wait,
    "look": _look,
    "slip": _slip,
}
