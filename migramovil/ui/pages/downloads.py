"""Descargas: what headquarters sent down, how old each list is, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QWidget

from migramovil.core.downstream import PERSONAL
from migramovil.ui import kit
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint
from migramovil.ui.pages.common import LIST_NAMES, DayPage, date_of, span_words

if TYPE_CHECKING:
    from migramovil.services.desk import Desk
    from migramovil.services.downstream import Row

_KEYS = "Llaves de sede central"


class DownloadsPage(DayPage):
    """Nothing of what is in a list is shown here: only which version it is."""

    help: ClassVar[str] = (
        "Cada lista llega por la red o en una memoria USB, firmada por sede central. Una lista "
        "vencida avisa y no detiene el trabajo. Los ajustes valen desde el próximo inicio."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Descargas", "Lo que sede central envía a esta estación.")
        self.can_go_back = True
        self._desk = desk
        self._banner = kit.Banner("warn", " ")
        self._trouble = kit.TroubleBanner()
        self.table = kit.Table(
            "Listas",
            [
                kit.Column(head="Lista"),
                kit.Column(head="Versión", width=104, right=True),
                kit.Column(head="Emitida hace", width=132, right=True),
                kit.Column(head="Vence", width=120, right=True),
                kit.Column(head="Estado", width=172),
            ],
            row_height=40,
        )
        self.table.chosen.connect(self._show_trouble)
        self._rows: tuple[Row, ...] = ()
        self.build(self._banner, self._trouble, (kit.Card((self.table, 1), pad=8), 1))
        self._banner.hide()
        told = bridge.newest(lambda _: self.news(), owner=self)
        desk.downstream.when_changed(lambda: told(None))

    # ---- hooks -----------------------------------------------------------------------------
    def hints(self) -> Sequence[Hint]:
        return [("↑ ↓", "Lista"), ("Esc", "Envíos")]

    def first_focus(self) -> QWidget:
        return self.table

    def enter(self) -> None:
        self.news()
        if self.table.current() < 0:
            self.table.choose(0)

    def news(self) -> None:
        self._rows = self._desk.downstream.rows()
        self.table.set_source(kit.Rows([*map(self._cells, self._rows), self._keys()]))
        trouble = self._desk.downstream.trouble()
        self._banner.setVisible(trouble is not None)
        if trouble is not None:
            self._banner.say("warn", trouble.what.rstrip("."), trouble.advice)
        self._show_trouble(self.table.current())

    # ---- what is shown -----------------------------------------------------------------------
    def _show_trouble(self, number: int) -> None:
        wrong = self._rows[number].trouble if 0 <= number < len(self._rows) else None
        if wrong is None:
            self._trouble.settle()
        else:
            self._trouble.show_trouble(wrong)

    def _cells(self, row: Row) -> list[kit.Cell]:
        words, sign = _state(row)
        zone = self._desk.clock.local().tzinfo
        return [
            kit.Cell(words=LIST_NAMES[row.kind], strong=True),
            kit.Cell(words=f"{row.version:,}" if row.version else "–"),
            kit.Cell(words="–" if row.age is None else span_words(row.age)),
            kit.Cell(words=date_of(row.expires, zone) if row.expires else "–"),
            kit.Cell(words=words, badge=sign),
        ]

    def _keys(self) -> list[kit.Cell]:
        version = self._desk.downstream.keys_version()
        plain = kit.Cell(words="–")
        return [
            kit.Cell(words=_KEYS, strong=True), kit.Cell(words=f"{version:,}"), plain, plain,
            kit.Cell(words="En uso", badge="ok"),
        ]  # fmt: skip


def _state(row: Row) -> tuple[str, kit.State]:
    if row.trouble is not None:
        return row.trouble.code, "bad"
    if row.expired:
        return "Vencida, en uso", "warn"
    if row.version:
        return "En uso", "ok"
    if row.kind in PERSONAL:
        return "Ninguna todavía", "idle"
    return "La del programa", "idle"
