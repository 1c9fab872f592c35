"""How widgets stand together: rows, columns, grids, cards and wells."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from migramovil.ui import theme
from migramovil.ui.kit.text import Text

Part = QWidget | QLayout
Item = Part | int | None | tuple[Part, int]
"""A part; a number of pixels of space; None for what is left over; (part, share of the rest)."""
Margins = tuple[int, int, int, int]
Box_ = TypeVar("Box_", bound=QBoxLayout)


def row(*items: Item, gap: int = 8, margins: Margins = (0, 0, 0, 0)) -> QHBoxLayout:
    """Items side by side. Sizes are of the design; they grow in large-font mode."""
    return _fill(QHBoxLayout(), items, gap, margins)


def col(*items: Item, gap: int = 8, margins: Margins = (0, 0, 0, 0)) -> QVBoxLayout:
    """Items one under the other."""
    return _fill(QVBoxLayout(), items, gap, margins)


def grid(
    *cells: tuple[Part, int, int] | tuple[Part, int, int, int],
    gap: tuple[int, int] = (16, 10),
    shares: Iterable[int] = (),
) -> QGridLayout:
    """Cells as (part, row, column[, columns spanned]), aligned to the top; `shares` by column."""
    made = QGridLayout()
    made.setContentsMargins(0, 0, 0, 0)
    made.setHorizontalSpacing(theme.px(gap[0]))
    made.setVerticalSpacing(theme.px(gap[1]))
    for part, down, across, *span in cells:
        columns = span[0] if span else 1
        if isinstance(part, QWidget):
            made.addWidget(part, down, across, 1, columns)
        else:
            made.addLayout(part, down, across, 1, columns)
    for column, share in enumerate(shares):
        made.setColumnStretch(column, share)
    return made


def fixed(widget: QWidget, width: int = 0, height: int = 0) -> QWidget:
    """Give `widget` a size of the design (0 leaves a side free) and hand it back."""
    if width:
        widget.setFixedWidth(theme.px(width))
    if height:
        widget.setFixedHeight(theme.px(height))
    return widget


def clear(layout: QLayout) -> None:
    """Take out and delete everything in `layout`."""
    while (item := layout.takeAt(0)) is not None:
        inner, widget = item.layout(), item.widget()
        if widget is not None:
            widget.hide()  # gone at once to the eye; the object goes when the loop turns
            widget.deleteLater()
        elif inner is not None:
            clear(inner)


def refill(layout: QBoxLayout, *items: Item) -> None:
    """Replace what a row or column holds."""
    clear(layout)
    _add_all(layout, items)


class Box(QWidget):
    """A group without a ground of its own."""

    def __init__(self, layout: QLayout) -> None:
        super().__init__()
        self.setLayout(layout)


class Panel(QWidget):
    """A rounded ground with an edge, painted from tokens."""

    def __init__(
        self,
        layout: QLayout | None = None,
        *,
        ground: theme.Tone | None = "surface",
        edge: theme.Tone | None = "line",
        radius: float = theme.RADIUS_CARD,
        edge_width: int = 1,
    ) -> None:
        super().__init__()
        self._ground, self._edge = ground, edge
        self._radius, self._edge_width = radius, edge_width
        if layout is not None:
            self.setLayout(layout)

    def set_ground(
        self, ground: theme.Tone | None, edge: theme.Tone | None, edge_width: int = 1
    ) -> None:
        self._ground, self._edge, self._edge_width = ground, edge, edge_width
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        paint_panel(
            p,
            QRectF(self.rect()),
            self._ground,
            self._edge,
            self._radius,
            edge_width=self._edge_width,
        )


def paint_panel(
    p: QPainter,
    rect: QRectF,
    ground: theme.Tone | None,
    edge: theme.Tone | None,
    radius: float,
    *,
    edge_width: float = 1,
) -> None:
    """Draw a rounded ground; radius in design pixels, edge width in real ones."""
    p.setRenderHint(QPainter.RenderHint.Antialiasing)
    inset = edge_width / 2
    p.setPen(QPen(theme.colour(edge), edge_width) if edge else QPen(Qt.PenStyle.NoPen))
    p.setBrush(theme.colour(ground) if ground else QColor(Qt.GlobalColor.transparent))
    r = theme.px(radius)
    p.drawRoundedRect(rect.adjusted(inset, inset, -inset, -inset), r, r)


class Card(Panel):
    """A white card, optionally with a title on its first line and something at its right."""

    def __init__(
        self,
        *items: Item,
        title: str = "",
        right: Part | None = None,
        gap: int = 12,
        pad: int = 16,
        now: bool = False,
    ) -> None:
        super().__init__()
        self.heading = Text(title, "sub")
        body = col(*items, gap=gap, margins=(pad, pad, pad, pad))
        if title or right is not None:
            body.insertLayout(0, row(self.heading, None, *([right] if right else [])))
        else:
            self.heading.setParent(self)
            self.heading.hide()
        self.setLayout(body)
        self.set_now(now)

    def set_now(self, now: bool) -> None:
        """Mark the card as the one to look at: a 2 px edge in the main colour."""
        self.set_ground("surface", "primary" if now else "line", 2 if now else 1)


class Well(Panel):
    """A sunken place inside a card."""

    def __init__(self, layout: QLayout | None = None) -> None:
        super().__init__(layout, ground="sunken", radius=8)


class Rule(QWidget):
    """A hair line between things; decoration only."""

    def __init__(self, *, vertical: bool = False) -> None:
        super().__init__()
        if vertical:
            self.setFixedWidth(1)
        else:
            self.setFixedHeight(1)

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), theme.colour("line"))


class Scroll(QScrollArea):
    """Lets a tall content scroll up and down; never sideways."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(content)


def _fill(layout: Box_, items: Iterable[Item], gap: int, margins: Margins) -> Box_:
    layout.setSpacing(theme.px(gap))
    layout.setContentsMargins(*(theme.px(side) for side in margins))
    _add_all(layout, items)
    return layout


def _add_all(layout: QBoxLayout, items: Iterable[Item]) -> None:
    for item in items:
        if item is None:
            layout.addStretch(1)
        elif isinstance(item, int):
            layout.addSpacing(theme.px(item))
        elif isinstance(item, tuple):
            _add(layout, item[0], item[1])
        else:
            _add(layout, item, 0)


def _add(layout: QBoxLayout, part: Part, share: int) -> None:
    if isinstance(part, QWidget):
        layout.addWidget(part, share)
    else:
        layout.addLayout(part, share)
