"""What only supervision does: a card for each page, and the way to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint
from migramovil.ui.pages.accounts import AccountsPage
from migramovil.ui.pages.audit import AuditPage
from migramovil.ui.pages.backup import BackupPage
from migramovil.ui.pages.common import DayPage
from migramovil.ui.pages.ledger import LedgerPage

if TYPE_CHECKING:
    from migramovil.services.desk import Desk


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One page under Supervisión: what it is called, what it is for, how it is made."""

    key: str
    name: str
    about: str
    icon: str
    page: Callable[[Desk, Bridge], DayPage]


ENTRIES: tuple[Entry, ...] = (
    Entry(
        key="cuentas",
        name="Cuentas",
        about="Quién entra en esta estación: personas nuevas, contraseñas, accesos anulados.",
        icon="users-three",
        page=AccountsPage,
    ),
    Entry(
        key="cuadre",
        name="Cuadre",
        about="Todo lo terminado y dónde está, con la prueba de que nada falta.",
        icon="scales",
        page=LedgerPage,
    ),
    Entry(
        key="respaldo",
        name="Respaldo",
        about="La segunda copia en otra memoria, que solo sede central puede abrir.",
        icon="hard-drives",
        page=BackupPage,
    ),
    Entry(
        key="auditoria",
        name="Auditoría",
        about="Quién hizo qué, en una cadena que muestra cualquier cambio.",
        icon="list",
        page=AuditPage,
    ),
)


class SupervisionPage(DayPage):
    """`opened` tells the key of the page chosen."""

    help: ClassVar[str] = (
        "Elija con su número, o con Tab e Intro. Esc vuelve aquí desde cualquiera de estas páginas."
    )
    opened = Signal(str)

    def __init__(self, desk: Desk, bridge: Bridge, entries: Sequence[Entry] = ENTRIES) -> None:
        super().__init__("Supervisión", "Personas, cuentas y respaldo de esta estación.")
        del desk, bridge
        self.buttons = {
            entry.key: kit.Button("Abrir", key=str(number), on=partial(self.opened.emit, entry.key))
            for number, entry in enumerate(entries, 1)
        }
        across = 1 if theme.large() else 2
        cells = [
            (self._card(entry), number // across, number % across)
            for number, entry in enumerate(entries)
        ]
        self.build(kit.grid(*cells, gap=(16, 16), shares=[1] * across), None)

    def _card(self, entry: Entry) -> kit.Card:
        button = self.buttons[entry.key]
        button.setAccessibleName(f"Abrir {entry.name}")
        words = kit.col(
            kit.Text(entry.name, "sub"), kit.Text(entry.about, "body", "ink2", wrap=True), gap=2
        )
        return kit.Card(
            kit.row(kit.Icon(entry.icon, "primary", 32), (words, 1), button, gap=16), pad=20
        )

    def hints(self) -> Sequence[Hint]:
        return [("1…9", "Abrir")]

    def first_focus(self) -> QWidget | None:
        return next(iter(self.buttons.values()), None)
