"""Icons: glyphs of the Phosphor face that QtAwesome carries, drawn as letters at any size."""

from __future__ import annotations

import functools
import json
from importlib.resources import files

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from migramovil.ui import theme


@functools.cache
def _letters() -> dict[str, str]:
    fonts = files("qtawesome") / "fonts"
    path = next(f for f in fonts.iterdir() if f.name.startswith("phosphor-charmap"))
    table = json.loads(path.read_text("utf-8"))
    return {name: chr(int(code, 16)) for name, code in table.items()}


@functools.cache
def _family() -> str:
    fonts = files("qtawesome") / "fonts"
    path = next(f for f in fonts.iterdir() if f.name.startswith("phosphor") and "ttf" in f.name)
    number = QFontDatabase.addApplicationFontFromData(path.read_bytes())
    return QFontDatabase.applicationFontFamilies(number)[0]


def known(name: str) -> str:
    """`name` back if there is such an icon, or none is wanted; else ValueError, before painting."""
    if name and name not in _letters():
        raise ValueError(f"no icon is called {name!r}")
    return name


def paint(p: QPainter, rect: QRectF, name: str, ink: QColor) -> None:
    """Draw a `known` icon in the middle of `rect`, as high as it."""
    face = QFont(_family())
    face.setPixelSize(max(1, round(min(rect.width(), rect.height()))))
    p.save()
    p.setRenderHint(QPainter.RenderHint.TextAntialiasing)
    p.setFont(face)
    p.setPen(ink)
    p.drawText(rect, Qt.AlignmentFlag.AlignCenter, _letters()[name])
    p.restore()


class Icon(QWidget):
    """A drawn sign; it says nothing by itself, so a word always stands beside it."""

    def __init__(self, name: str, tone: theme.Tone = "ink", size: int = 20) -> None:
        super().__init__()
        self._name, self._tone = known(name), tone
        self._size = theme.px(size)
        self.setFixedSize(self._size, self._size)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_icon(self, name: str, tone: theme.Tone) -> None:
        self._name, self._tone = known(name), tone
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._size, self._size)

    def paintEvent(self, event: QPaintEvent) -> None:
        paint(QPainter(self), QRectF(self.rect()), self._name, theme.colour(self._tone))
