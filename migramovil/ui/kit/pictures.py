"""Pictures: still, live, and what is drawn over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import segno
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QImage,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from migramovil.ui import theme
from migramovil.ui.kit import icons
from migramovil.ui.kit.states import SIGNS, State

Pixels = npt.NDArray[np.uint8]
_PHOTO_INK = QColor("#FFFFFF")  # over photographs, whatever the theme


_FORMATS = {
    1: QImage.Format.Format_Grayscale8,
    3: QImage.Format.Format_BGR888,
    4: QImage.Format.Format_RGB32,  # the screen's own: nothing is left to convert
}


def image_of(pixels: Pixels) -> QImage:
    """A copy of grey (h, w) or blue-green-red (h, w, 3) pixels as an image Qt owns."""
    return _wrap(np.ascontiguousarray(pixels)).copy()


def _wrap(pixels: Pixels) -> QImage:
    """An image over the array's own memory: the array must outlive it."""
    height, width = pixels.shape[:2]
    planes = 1 if pixels.ndim == 2 else pixels.shape[2]
    kind = _FORMATS[planes]
    return QImage(pixels.data, width, height, pixels.strides[0], kind)


def qr_image(words: str) -> QImage:
    """A QR code, one pixel a module with its quiet zone; the painter scales it up sharp."""
    matrix = np.array([list(line) for line in segno.make(words, error="m").matrix], np.uint8)
    return image_of(np.where(np.pad(matrix, 4) > 0, 0, 255).astype(np.uint8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a picture lies on its widget: the frame, the whole image, widget px per image px."""

    frame: QRectF
    image: QRectF
    scale: float

    def at(self, x: float, y: float) -> QPointF:
        """The point of the widget where pixel (x, y) of the image is."""
        return QPointF(self.image.left() + x * self.scale, self.image.top() + y * self.scale)


Mark = Callable[[QPainter, Place], None]
"""Draws something over a picture; gets the painter, clipped to the frame, and the place."""


def quad_mark(corners: Sequence[tuple[float, float]]) -> Mark:
    """An amber outline through image points with round corners: the page that was found."""

    def draw(p: QPainter, place: Place) -> None:
        points = [place.at(x, y) for x, y in corners]
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.setPen(QPen(theme.colour("ring_in"), theme.px(4)))
        p.drawPolygon(QPolygonF(points))
        p.setPen(QPen(QColor("#FFB81C"), theme.px(2)))
        p.drawPolygon(QPolygonF(points))
        p.setBrush(QColor("#FFB81C"))
        p.setPen(QPen(QColor("#0F1A28"), 1.5))
        for point in points:
            p.drawEllipse(point, theme.px(5), theme.px(5))

    return draw


def minutiae_mark(points: Sequence[tuple[float, float, float]]) -> Mark:
    """Rings with a tail at (x, y, direction in radians, y downwards) of the image."""

    def draw(p: QPainter, place: Place) -> None:
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.setPen(QPen(QColor("#0B55A5"), theme.px(2)))
        for x, y, turn in points:
            middle = place.at(x, y)
            p.drawEllipse(middle, theme.px(4), theme.px(4))
            way = QPointF(float(np.cos(turn)), float(np.sin(turn)))
            p.drawLine(middle + way * theme.px(4), middle + way * theme.px(11))

    return draw


def corners_mark() -> Mark:
    """Four corners: where the finger should lie."""

    def draw(p: QPainter, place: Place) -> None:
        frame = place.frame
        wide, high = min(frame.width(), frame.height()) * 0.40, frame.height() * 0.44
        arm = theme.px(22)
        p.setPen(QPen(QColor("#0B55A5"), theme.px(3)))
        for side in (-1, 1):
            for end in (-1, 1):
                corner = frame.center() + QPointF(side * wide, end * high)
                p.drawLine(corner, corner - QPointF(side * arm, 0))
                p.drawLine(corner, corner - QPointF(0, end * arm))

    return draw


class Picture(QWidget):
    """A picture on the photo ground that keeps its shape; rounded; marks are drawn over it.

    `say` is what it shows, for who cannot see it and for the empty frame. With `cover` it fills
    the frame and what sticks out is cut; without, it is shown whole.
    """

    def __init__(
        self,
        say: str,
        *,
        width: int = 0,
        height: int = 0,
        cover: bool = True,
        sharp: bool = False,
        ground: theme.Tone = "photo",
        icon: str = "image",
        radius: int = 8,
    ) -> None:
        super().__init__()
        self.marks: list[Mark] = []
        self._image: QImage | None = None
        self._cover, self._sharp = cover, sharp
        self._ground, self._icon, self._radius = ground, icons.known(icon), radius
        self._room = (0, 0)  # of the widget in pixels of the screen, for other threads to read
        self._wanted = QSize(theme.px(width or 160), theme.px(height or 120))
        across = QSizePolicy.Policy.Fixed if width else QSizePolicy.Policy.Expanding
        down = QSizePolicy.Policy.Fixed if height else QSizePolicy.Policy.Expanding
        self.setSizePolicy(across, down)
        if width:
            self.setFixedWidth(theme.px(width))
        if height:
            self.setFixedHeight(theme.px(height))
        self.setAccessibleName(say)

    def fitted(self, pixels: Pixels) -> Pixels:
        """The picture no larger than it will be seen here, fine lines kept; any thread may ask."""
        height, width = pixels.shape[:2]
        ratios = (self._room[0] / width, self._room[1] / height)
        scale = max(ratios) if self._cover else min(ratios)
        return _shrunk(pixels, scale, cv2.INTER_AREA) if 0 < scale < 1 else pixels

    def show_pixels(self, pixels: Pixels | None) -> None:
        """Show grey or blue-green-red pixels; None empties the frame."""
        self.show_image(None if pixels is None else image_of(pixels))

    def show_image(self, image: QImage | None) -> None:
        self._image = image
        self.update()

    @property
    def empty(self) -> bool:
        return self._image is None

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._room = _room(self)

    def sizeHint(self) -> QSize:
        return self._wanted

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(24), theme.px(24))

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect())
        shape = QPainterPath()
        radius = theme.px(self._radius)
        shape.addRoundedRect(frame, radius, radius)
        p.setClipPath(shape)
        if self._image is None:
            self._paint_empty(p, frame)
        else:
            p.fillRect(frame, theme.colour(self._ground))
            self._paint_image(p, frame, self._image)
        p.setClipping(False)
        p.setPen(QPen(theme.colour("line"), 1))
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.drawRoundedRect(frame.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)

    def _paint_empty(self, p: QPainter, frame: QRectF) -> None:
        p.fillRect(frame, theme.colour("sunken"))
        side = min(theme.px(32), frame.height() * 0.5, frame.width() * 0.5)
        at = QRectF(0, 0, side, side)
        at.moveCenter(frame.center())
        icons.paint(p, at, self._icon, theme.colour("ink2"))

    def _paint_image(self, p: QPainter, frame: QRectF, image: QImage) -> None:
        smooth = QPainter.RenderHint.SmoothPixmapTransform
        p.setRenderHint(smooth, not self._sharp)
        place = place_of(frame, image.size(), cover=self._cover)
        p.drawImage(place.image, image)
        for mark in self.marks:
            p.save()
            mark(p, place)
            p.restore()


def place_of(frame: QRectF, size: QSize, *, cover: bool) -> Place:
    """Where an image of `size` lies in `frame`, filling it or whole, in the middle."""
    ratios = (frame.width() / size.width(), frame.height() / size.height())
    scale = max(ratios) if cover else min(ratios)
    lies = QRectF(0, 0, size.width() * scale, size.height() * scale)
    lies.moveCenter(frame.center())
    return Place(frame=frame, image=lies, scale=scale)


class Preview(QWidget):
    """Live pictures: each shown once, straight from the array, the newest wins.

    Feed it on the GUI thread, by `bridge.newest(preview.show_frame)`, best with what `fitted` made
    on the camera's lane: then a paint only copies. `guide` draws the oval for the head and the
    line for the eyes; `instruct` one order at the bottom.
    """

    def __init__(self, say: str, *, guide: bool = False) -> None:
        super().__init__()
        self.marks: list[Mark] = []
        self._pixels: Pixels | None = None  # owns the memory the image looks at
        self._image: QImage | None = None
        self._guide = guide
        self._order = ""
        self._state: State = "info"
        self._room = (0, 0)  # of the widget in pixels of the screen, for other threads to read
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(say)

    def fitted(self, pixels: Pixels) -> Pixels:
        """The picture at the size it will have here, as the screen wants it; any thread may ask.

        Nothing is enlarged: what is smaller than its place comes back as it is.
        """
        height, width = pixels.shape[:2]
        scale = max(self._room[0] / width, self._room[1] / height)
        if not 0 < scale < 1 or pixels.ndim == 2:
            return pixels
        return np.asarray(
            cv2.cvtColor(_shrunk(pixels, scale, cv2.INTER_LINEAR), cv2.COLOR_BGR2BGRA), np.uint8
        )

    def show_frame(self, pixels: Pixels | None) -> None:
        """Show grey, blue-green-red or `fitted` pixels, which nobody may change any more.

        None: no signal.
        """
        if pixels is None:
            self._image = self._pixels = None
        else:
            self._pixels = np.ascontiguousarray(pixels)
            self._image = _wrap(self._pixels)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._room = _room(self)

    def instruct(self, order: str, state: State = "info") -> None:
        """One short order over the picture, or "" for none; `ok` and `warn` add their sign."""
        self._order, self._state = order, state
        self.setAccessibleDescription(order)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(480), theme.px(360))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(160), theme.px(120))

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        frame = QRectF(self.rect())
        # every pixel is ours to paint, also those outside the round corners
        p.fillRect(frame, theme.colour("bg"))
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        shape = QPainterPath()
        radius = theme.px(theme.RADIUS_CARD)
        shape.addRoundedRect(frame, radius, radius)
        p.setClipPath(shape)
        p.fillRect(frame, theme.colour("photo"))
        if self._image is None:
            self._paint_waiting(p, frame)
        else:
            place = place_of(frame, self._image.size(), cover=True)
            p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            p.drawImage(place.image, self._image)
            for mark in self.marks:
                p.save()
                mark(p, place)
                p.restore()
            if self._guide:
                paint_guide(p, frame)
        if self._order:
            self._paint_order(p, frame)

    def _paint_waiting(self, p: QPainter, frame: QRectF) -> None:
        side = theme.px(48)
        at = QRectF(0, 0, side, side)
        at.moveCenter(frame.center())
        icons.paint(p, at, "video-camera-slash", _PHOTO_INK)

    def _paint_order(self, p: QPainter, frame: QRectF) -> None:
        letters = theme.font("h1")
        words = QFontMetricsF(letters).horizontalAdvance(self._order)
        sign = theme.px(36) if self._state in {"ok", "warn", "bad"} else 0
        pill = QRectF(0, 0, words + sign + theme.px(64), theme.px(52))
        pill.moveCenter(QPointF(frame.center().x(), frame.bottom() - theme.px(46)))
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(QColor("#09121E"))
        p.drawRoundedRect(pill, pill.height() / 2, pill.height() / 2)
        left = pill.left() + theme.px(32)
        if sign:
            at = QRectF(left, pill.center().y() - theme.px(13), theme.px(26), theme.px(26))
            tones = {"ok": "#8FE3B5", "warn": "#FFC96B", "bad": "#FFB3AC"}
            icons.paint(p, at, SIGNS[self._state][0], QColor(tones[self._state]))
        p.setPen(_PHOTO_INK)
        p.setFont(letters)
        p.drawText(
            QRectF(left + sign, pill.top(), words + theme.px(4), pill.height()),
            Qt.AlignmentFlag.AlignVCenter,
            self._order,
        )


def _room(widget: QWidget) -> tuple[int, int]:
    ratio = widget.devicePixelRatioF()
    return round(widget.width() * ratio), round(widget.height() * ratio)


def _shrunk(pixels: Pixels, scale: float, how: int) -> Pixels:
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)


def guide_oval(frame: QRectF) -> QRectF:
    """The oval where the head should be: 74 % of the height, less where the order needs room."""
    top = frame.height() * 0.085
    high = min(frame.height() * 0.74, frame.height() - top - theme.px(84))
    return QRectF(frame.center().x() - high * 0.38, frame.top() + top, high * 0.76, high)


def paint_guide(p: QPainter, frame: QRectF) -> None:
    oval = guide_oval(frame)
    around, hole = QPainterPath(), QPainterPath()
    around.addRect(frame)
    hole.addEllipse(oval)
    p.fillPath(around.subtracted(hole), QColor(9, 20, 34, 105))
    p.setBrush(Qt.BrushStyle.NoBrush)
    p.setPen(QPen(QColor("#0F1A28"), theme.px(7)))
    p.drawEllipse(oval)
    p.setPen(QPen(QColor("#FFB81C"), theme.px(4)))
    p.drawEllipse(oval)
    eyes = oval.top() + oval.height() * 0.5
    p.setPen(QPen(_PHOTO_INK, 1.4, Qt.PenStyle.DashLine))
    over = theme.px(26)
    p.drawLine(QPointF(oval.left() - over, eyes), QPointF(oval.right() + over, eyes))
