"""The one table: rows from a source when asked, one model, one painter; fit for 100,000 rows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from migramovil.ui import theme
from migramovil.ui.kit import icons
from migramovil.ui.kit.plots import paint_bar
from migramovil.ui.kit.states import State, badge_width, paint_badge

_KEPT_ROWS = 512
Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_PAGE_KEYS = {Qt.Key(Qt.Key.Key_F1.value + n) for n in range(12)} | {Qt.Key.Key_Escape}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A head and a width in design pixels; 0 takes what is left. `right` for numbers."""

    head: str
    width: int = 0
    right: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What stands in one cell.

    `second` is a smaller line below; `badge` makes a pill of `words`; `bar` (0 to 1) draws
    progress under `words`; `icon` stands before them.
    """

    words: str = ""
    second: str = ""
    icon: str = ""
    tone: theme.Tone = "ink"
    strong: bool = False
    exact: bool = False
    badge: State | None = None
    bar: float | None = None

    def __post_init__(self) -> None:
        icons.known(self.icon)


class RowSource(Protocol):
    """Where rows come from; `row` is asked only for what is in sight, on the GUI thread."""

    def count(self) -> int: ...
    def row(self, number: int) -> Sequence[Cell]: ...


class Rows:
    """A source over rows already made."""

    def __init__(self, rows: Sequence[Sequence[Cell]] = ()) -> None:
        self._rows = rows

    def count(self) -> int:
        return len(self._rows)

    def row(self, number: int) -> Sequence[Cell]:
        return self._rows[number]


class _Model(QAbstractTableModel):
    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self.columns = columns
        self._source: RowSource = Rows()
        self._count = 0
        self._kept: OrderedDict[int, Sequence[Cell]] = OrderedDict()

    def set_source(self, source: RowSource) -> None:
        self.beginResetModel()
        self._source = source
        self._count = source.count()
        self._kept.clear()
        self.endResetModel()

    def refresh(self) -> bool:
        """Read again what is shown; False when the number of rows changed (a reset)."""
        if self._source.count() != self._count:
            self.set_source(self._source)
            return False
        self._kept.clear()
        if self._count:
            last = self.index(self._count - 1, len(self.columns) - 1)
            self.dataChanged.emit(self.index(0, 0), last)
        return True

    def cell(self, index: Index) -> Cell:
        number = index.row()
        if number not in self._kept:
            self._kept[number] = self._source.row(number)
            if len(self._kept) > _KEPT_ROWS:
                self._kept.popitem(last=False)
        return self._kept[number][index.column()]

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.head
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole}:
            cell = self.cell(index)
            return f"{cell.words} {cell.second}".rstrip()
        return None


class _Painter(QStyledItemDelegate):
    """Draws every cell of every table."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        view = self.parent()
        if not isinstance(view, Table):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = QRectF(option.rect)
        first = index.column() == 0
        if index.row() == view.current():
            painter.fillRect(room, theme.colour("soft"))
            if first:
                bar = QRectF(room.topLeft(), room.bottomLeft())
                bar.setWidth(theme.px(4))
                painter.fillRect(bar, theme.colour("primary"))
        below = QRectF(room.left(), room.bottom() - 1, room.width(), 1)
        painter.fillRect(below, theme.colour("line"))
        room.adjust(theme.px(12 if first else 8), 0, -theme.px(8), -1)
        paint_cell(painter, room, view.cell(index), right=view.columns[index.column()].right)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(theme.px(40), theme.px(theme.ROW))


def paint_cell(p: QPainter, room: QRectF, cell: Cell, *, right: bool) -> None:
    """Draw a cell's content into `room`."""
    if cell.badge is not None:
        wide = min(badge_width(cell.words), room.width())
        high = theme.px(theme.BADGE)
        at = QRectF(room.left(), room.center().y() - high / 2, wide, high)
        paint_badge(p, at, cell.words, cell.badge, cell.icon)
        return
    if cell.icon:
        side = theme.px(20)
        at = QRectF(room.left(), room.center().y() - side / 2, side, side)
        icons.paint(p, at, cell.icon, theme.colour("ink2"))
        room = room.adjusted(theme.px(30), 0, 0, 0)
    align = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    if cell.bar is not None:
        top = QRectF(room.left(), room.top(), room.width(), room.height() / 2 + theme.px(4))
        _line(p, top, cell.words, "cap", "ink2", align | Qt.AlignmentFlag.AlignBottom)
        under = QRectF(room.left(), room.center().y() + theme.px(6), room.width(), theme.px(6))
        paint_bar(p, under, cell.bar, "primary")
        return
    role: theme.Role = "strong" if cell.strong else "body"
    if not cell.second:
        _line(
            p, room, cell.words, role, cell.tone, align | Qt.AlignmentFlag.AlignVCenter, cell.exact
        )
        return
    upper, lower = QRectF(room), QRectF(room)
    upper.setBottom(room.center().y() + theme.px(2))
    lower.setTop(room.center().y() + theme.px(2))
    _line(p, upper, cell.words, role, cell.tone, align | Qt.AlignmentFlag.AlignBottom, cell.exact)
    _line(p, lower, cell.second, "cap", "ink2", align | Qt.AlignmentFlag.AlignTop)


def _line(  # noqa: PLR0917
    p: QPainter,
    room: QRectF,
    words: str,
    role: theme.Role,
    tone: theme.Tone,
    align: Qt.AlignmentFlag,
    exact: bool = False,
) -> None:
    letters = theme.font(role, exact=exact)
    p.setFont(letters)
    p.setPen(theme.colour(tone))
    cut = QFontMetrics(letters).elidedText(
        words, Qt.TextElideMode.ElideRight, int(room.width()) + 1
    )
    p.drawText(room, align, cut)


class Table(QTableView):
    """Rows from a source; one is chosen. ↑↓ and the mouse choose, Enter or a double click opens."""

    chosen = Signal(int)
    """The number of the chosen row, when a person or `choose` changes it; -1 for none."""
    opened = Signal(int)

    def __init__(self, say: str, columns: Sequence[Column], *, row_height: int = theme.ROW) -> None:
        super().__init__()
        self.columns = list(columns)
        self._model = _Model(self.columns)
        self.setModel(self._model)
        self.setItemDelegate(_Painter(self))
        self.setAccessibleName(say)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._rows_high = theme.px(row_height)
        self._shape_heads()
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row()))
        self.selectionModel().currentRowChanged.connect(self._row_changed)

    def set_source(self, source: RowSource) -> None:
        """Show another source, or the same one after it changed wholly."""
        self._model.set_source(source)

    def refresh(self) -> None:
        """Read the rows in sight again; the chosen row stays, or the last one if it is gone."""
        here = self.current()
        if not self._model.refresh() and here >= 0:
            self.choose(min(here, self._model.rowCount() - 1))
        self.viewport().update()

    def current(self) -> int:
        """The chosen row, or -1."""
        return self.currentIndex().row()

    def choose(self, number: int) -> None:
        self.setCurrentIndex(self._model.index(number, 0) if number >= 0 else QModelIndex())

    def cell(self, index: Index) -> Cell:
        return self._model.cell(index)

    def show_whole(self) -> None:
        """Take the height of all rows: for the short tables inside a card."""
        high = self.horizontalHeader().height() + self._rows_high * self._model.rowCount()
        self.setFixedHeight(high + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(160), theme.px(32) + self._rows_high)

    def focus_rect(self) -> QRect:
        return self.rect()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            if self.current() >= 0 and not event.isAutoRepeat():
                self.opened.emit(self.current())
        elif (event.text().isprintable() and event.text()) or event.key() in _PAGE_KEYS:
            event.ignore()  # letters, digits and F keys are the page's, not a search in the table
        else:
            super().keyPressEvent(event)

    def _shape_heads(self) -> None:
        down, across = self.verticalHeader(), self.horizontalHeader()
        down.hide()
        down.setMinimumSectionSize(theme.px(24))
        down.setDefaultSectionSize(self._rows_high)
        down.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        across.setTextElideMode(Qt.TextElideMode.ElideRight)
        across.setFixedHeight(theme.px(32))
        across.setHighlightSections(False)
        across.setSectionsClickable(False)
        across.setMinimumSectionSize(theme.px(24))
        for place, column in enumerate(self.columns):
            if column.width:
                across.setSectionResizeMode(place, QHeaderView.ResizeMode.Fixed)
                across.resizeSection(place, theme.px(column.width))
            else:
                across.setSectionResizeMode(place, QHeaderView.ResizeMode.Stretch)

    def _row_changed(self, now: QModelIndex, before: QModelIndex) -> None:
        self.viewport().update()  # the whole row changes its ground, not one cell
        self.chosen.emit(now.row())
