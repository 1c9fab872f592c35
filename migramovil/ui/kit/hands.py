"""Both hands, finger by finger."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QVariantAnimation, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPainterPathStroker,
    QPaintEvent,
    QPen,
    QTransform,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from migramovil.ui import theme
from migramovil.ui.kit import icons
from migramovil.ui.kit.states import SIGNS, State

FINGER_NAMES: dict[int, str] = {
    1: "pulgar derecho", 2: "índice derecho", 3: "medio derecho",
    4: "anular derecho", 5: "meñique derecho",
    6: "pulgar izquierdo", 7: "índice izquierdo", 8: "medio izquierdo",
    9: "anular izquierdo", 10: "meñique izquierdo",
}  # fmt: skip
_LEFT_TO_RIGHT = (10, 9, 8, 7, 6, 1, 2, 3, 4, 5)

# The right hand seen from its back, in a box 100 wide: base x, y, tip x, y and width of a finger.
_FINGERS = {
    1: (26, 78, 7, 50, 14.5),
    2: (33, 58, 26, 17, 13.5),
    3: (48, 54, 47, 7, 14),
    4: (62.5, 57, 67, 14, 13.5),
    5: (76, 66, 88, 32, 12),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finger:
    """How one finger stands; `words` goes in its circle: the quality, or XX, or UP."""

    state: Literal["done", "low", "exception", "pending"] = "pending"
    words: str = ""


_SIGN: dict[str, State] = {"done": "ok", "low": "warn", "exception": "warn"}
_SAID = {
    "done": "capturada", "low": "bajo el umbral", "exception": "excepción", "pending": "pendiente"
}  # fmt: skip
_PENDING = Finger()


class Hands(QWidget):
    """Both hands as their owner sees them; every finger says its state by sign and number.

    ← → and a click choose a finger: `chosen(position)`, 1 to 10 as in ANSI/NIST-ITL.
    """

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._fingers: dict[int, Finger] = {}
        self._now: int | None = None
        self._fresh: int | None = None
        self._fade = QVariantAnimation(self)
        self._fade.setDuration(150)
        self._fade.setStartValue(0.0)
        self._fade.setEndValue(1.0)
        self._fade.valueChanged.connect(lambda _: self.update())
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._tell()

    def set_fingers(self, fingers: Mapping[int, Finger]) -> None:
        """Show how all ten stand; positions not named are pending."""
        changed = [n for n, f in fingers.items() if f.state != "pending" and f != self.finger(n)]
        self._fingers = dict(fingers)
        if len(changed) == 1 and theme.now().motion and self.isVisible():
            self._fresh = changed[0]
            self._fade.start()
        self._tell()
        self.update()

    def set_now(self, position: int | None) -> None:
        self._now = position
        self._tell()
        self.update()

    def now(self) -> int | None:
        return self._now

    def finger(self, position: int) -> Finger:
        return self._fingers.get(position, _PENDING)

    def sizeHint(self) -> QSize:
        return QSize(theme.px(640), theme.px(320))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(420), theme.px(230))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        here = (
            _LEFT_TO_RIGHT.index(self._now)
            if self._now in _LEFT_TO_RIGHT
            else (4 if step > 0 else 5)
        )
        self._choose(_LEFT_TO_RIGHT[(here + step) % len(_LEFT_TO_RIGHT)])

    def mousePressEvent(self, event: QMouseEvent) -> None:
        reach = self._radius() * 1.6
        for position, tip in self.tips().items():
            away = event.position() - tip
            if QPointF.dotProduct(away, away) <= reach * reach:
                self._choose(position)
                return

    def tips(self) -> dict[int, QPointF]:
        """Where each finger's circle is on the widget."""
        found: dict[int, QPointF] = {}
        for right in (False, True):
            turn = self._turn(right=right)
            for n, (_, _, x, y, _) in _FINGERS.items():
                found[n if right else n + 5] = turn.map(QPointF(x, y))
        return found

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        for right, words in ((False, "Mano izquierda"), (True, "Mano derecha")):
            half = self._half(right=right)
            p.setPen(theme.colour("ink"))
            p.setFont(theme.font("strong"))
            p.drawText(
                QRectF(half.left(), theme.px(8), half.width(), theme.px(20)),
                Qt.AlignmentFlag.AlignCenter,
                words,
            )
            p.save()
            p.setClipRect(QRectF(half.left(), 0, half.width(), self.height()))
            p.setPen(QPen(theme.colour("edge"), 1.5))
            p.setBrush(theme.colour("hand"))
            p.drawPath(self._turn(right=right).map(hand_shape()))
            p.restore()
        for position, tip in self.tips().items():
            if position == self._now:
                self._paint_now(p, tip)
            else:
                self._paint_finger(p, tip, position)

    def _paint_now(self, p: QPainter, tip: QPointF) -> None:
        radius = self._radius()
        p.setBrush(theme.colour("primary"))
        p.setPen(QPen(theme.colour("surface"), theme.px(3)))
        p.drawEllipse(tip, radius + theme.px(4), radius + theme.px(4))
        p.setPen(QPen(theme.colour("primary"), theme.px(2), Qt.PenStyle.DashLine))
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.drawEllipse(tip, radius + theme.px(9), radius + theme.px(9))
        at = QRectF(0, 0, theme.px(26), theme.px(26))
        at.moveCenter(tip)
        icons.paint(p, at, "fingerprint-bold", theme.colour("on_primary"))

    def _paint_finger(self, p: QPainter, tip: QPointF, position: int) -> None:
        finger, radius = self.finger(position), self._radius()
        around = QRectF(tip.x() - radius, tip.y() - radius, 2 * radius, 2 * radius)
        state = _SIGN.get(finger.state)
        if state is None:
            p.setBrush(theme.colour("surface"))
            p.setPen(QPen(theme.colour("edge"), 1.5, Qt.PenStyle.DashLine))
            p.drawEllipse(tip, radius, radius)
            p.setPen(theme.colour("ink2"))
            p.setFont(theme.font("body"))
            p.drawText(around, Qt.AlignmentFlag.AlignCenter, str(position))
            return
        name, ink, soft = SIGNS[state]
        p.setBrush(theme.colour(soft))
        p.setPen(QPen(theme.colour(ink), theme.px(2)))
        p.drawEllipse(tip, radius, radius)
        p.setPen(theme.colour(ink))
        p.setFont(theme.font("strong"))
        p.drawText(around, Qt.AlignmentFlag.AlignCenter, finger.words)
        p.save()
        if position == self._fresh and self._fade.state() == QVariantAnimation.State.Running:
            p.setOpacity(float(self._fade.currentValue()))
        side = theme.px(18)
        at = QRectF(0, 0, side, side)
        at.moveCenter(tip + QPointF(radius * 0.74, -radius * 0.74))
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(theme.colour("surface"))
        p.drawEllipse(at)
        icons.paint(p, at, name, theme.colour(ink))
        p.restore()

    def _radius(self) -> float:
        return float(theme.px(19))

    def _half(self, *, right: bool) -> QRectF:
        wide, top = self.width() / 2, theme.px(36)
        return QRectF(wide if right else 0, top, wide, self.height() - top)

    def _turn(self, *, right: bool) -> QTransform:
        """From the hand's box to the widget; the left hand is the mirror of the right."""
        half = self._half(right=right)
        scale = min(half.width() / 110, half.height() / 122)
        turn = QTransform()
        turn.translate(half.center().x(), half.top() + theme.px(6))
        turn.scale(scale if right else -scale, scale)
        turn.translate(-50, 0)
        return turn

    def _choose(self, position: int) -> None:
        self.set_now(position)
        self.chosen.emit(position)

    def _tell(self) -> None:
        here = FINGER_NAMES[self._now] if self._now else "ninguno"
        self.setAccessibleName(f"Manos; dedo actual: {here}")
        said = (
            f"{FINGER_NAMES[n]} {_SAID[self.finger(n).state]} {self.finger(n).words}".rstrip()
            for n in FINGER_NAMES
        )
        self.setAccessibleDescription("; ".join(said))


@functools.cache
def hand_shape() -> QPainterPath:
    """The outline of a right hand, fingers up, in a box 100 wide and 126 high."""
    whole = QPainterPath()
    for base_x, base_y, tip_x, tip_y, wide in _FINGERS.values():
        bone = QPainterPath(QPointF(base_x, base_y))
        bone.lineTo(tip_x, tip_y)
        pen = QPainterPathStroker()
        pen.setWidth(wide)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        whole = whole.united(pen.createStroke(bone))
    palm = QPainterPath(QPointF(27, 58))
    palm.cubicTo(40, 48, 66, 48, 80, 62)
    palm.cubicTo(86, 78, 80, 96, 72, 108)
    palm.lineTo(71, 126)
    palm.lineTo(37, 126)
    palm.lineTo(36, 108)
    palm.cubicTo(24, 98, 18, 84, 20, 76)
    palm.closeSubpath()
    return whole.united(palm).simplified()


def finger_shape(position: int) -> QPainterPath:
    """One finger of the right hand's box (1 thumb to 5 little; 6 to 10 are their mirror)."""
    base_x, base_y, tip_x, tip_y, wide = _FINGERS[(position - 1) % 5 + 1]
    bone = QPainterPath(QPointF(base_x + (tip_x - base_x) * 0.25, base_y + (tip_y - base_y) * 0.25))
    bone.lineTo(tip_x, tip_y)
    pen = QPainterPathStroker()
    pen.setWidth(wide)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    return pen.createStroke(bone)


class GuideHand(QWidget):
    """For the applicant: one hand, the finger to put in amber."""

    def __init__(self, say: str, *, skin: str = "#C78F68") -> None:
        super().__init__()
        self._say, self._skin, self._position = say, skin, 2
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.show_finger(2)

    def show_finger(self, position: int) -> None:
        self._position = position
        self.setAccessibleName(f"{self._say}: {FINGER_NAMES[position]}")
        self.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(160), theme.px(200))

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        scale = min(self.width() / 110, self.height() / 126)
        p.translate(self.width() / 2, self.height() - 126 * scale)
        p.scale(scale if self._position <= 5 else -scale, scale)
        p.translate(-50, 0)
        p.setPen(QPen(QColor("#7A4E33"), 0.6))
        p.setBrush(QColor(self._skin))
        p.drawPath(hand_shape())
        p.setPen(QPen(theme.colour("on_brand"), 1.2))
        p.setBrush(theme.colour("brand"))
        p.drawPath(finger_shape(self._position))
