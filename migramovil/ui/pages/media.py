"""The media plugged in, to choose one of: for the pages that write to a stick or a second disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from migramovil.ui import kit
from migramovil.ui.pages.common import size_words

if TYPE_CHECKING:
    from migramovil.services.backups import Medium
    from migramovil.services.desk import Desk


class MediaList(kit.Box):
    """`none` is the sentence while nothing is plugged in."""

    def __init__(self, desk: Desk, none: str) -> None:
        self._desk = desk
        self.media: tuple[Medium, ...] = ()
        self.table = kit.Table(
            "Memorias",
            [kit.Column(head="Memoria"), kit.Column(head="Libre", width=132, right=True)],
            row_height=54,
        )
        self._empty = kit.Empty("hard-drives", none)
        super().__init__(kit.col((self.table, 1), (self._empty, 1)))

    def look(self) -> None:
        """Which media are there now; the one chosen stays chosen."""
        kept = self.chosen()
        self.media = self._desk.backups.media()
        self.table.set_source(kit.Rows([_cells(one) for one in self.media]))
        self.table.setVisible(bool(self.media))
        self._empty.setVisible(not self.media)
        if self.media:
            folders = [one.folder for one in self.media]
            self.table.choose(folders.index(kept.folder) if kept and kept.folder in folders else 0)

    def chosen(self) -> Medium | None:
        number = self.table.current()
        return self.media[number] if 0 <= number < len(self.media) else None

    def focus(self) -> QWidget | None:
        return self.table if self.table.isVisible() else None


def _cells(one: Medium) -> list[kit.Cell]:
    return [
        kit.Cell(words=one.name, strong=True, second=str(one.folder)),
        kit.Cell(words=size_words(one.free), second=f"de {size_words(one.size)}"),
    ]
