"""What the link has cost today, and what supervision may allow beyond it: a line on Envíos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal

from migramovil.core.roles import Act, may
from migramovil.devices.lanes import Ticket
from migramovil.services.metering import STEP, Today
from migramovil.ui import kit
from migramovil.ui.bridge import Bridge
from migramovil.ui.pages.common import size_words

if TYPE_CHECKING:
    from migramovil.services.desk import Desk


class SpendingLine(kit.Box):
    """In sight while a link that costs would meet a rule; `eased`: the terms are others now;
    `failed(Trouble)`: what was asked did not go well.

    Whoever sends says whether the link costs; only who may spend has the buttons that allow more.
    """

    eased = Signal()
    failed = Signal(object)

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        self._desk, self._bridge = desk, bridge
        self._words = kit.Text("", "cap", "ink2", wrap=True)
        self._bar = kit.Progress("Datos de hoy")
        self._cost = kit.Button("Esta red cuesta", kind="quiet", key="F3", height=36)
        self._more = kit.Button(
            f"Permitir {STEP // 1_000_000} MB", kind="quiet", key="F8", height=36
        )
        self._images = kit.Button("Pasar imágenes", kind="quiet", key="F2", height=36)
        super().__init__(
            kit.row((kit.col(self._words, self._bar, gap=4), 1), self._cost, self._more,
                    self._images, gap=4)
        )  # fmt: skip
        self._cost.fired.connect(self._switch)
        self._more.fired.connect(lambda: self._ask(desk.spending.allow_more()))
        self._images.fired.connect(lambda: self._ask(desk.spending.release_images()))

    def show_today(self) -> Today:
        """Say how the day stands now; the account it is taken from."""
        today = self._desk.spending.today()
        self.setVisible(today.ruled)
        self._words.say(today_words(today))
        self._bar.setVisible(today.left is not None)
        if today.limit:
            self._bar.set_value(today.spent / today.limit, today_words(today))
        fixed = today.metered and not today.switched
        self._cost.setVisible(not fixed and self._may(Act.SEND_NOW))
        self._cost.say("Esta red no cuesta" if today.switched else "Esta red cuesta")
        self._more.setVisible(today.left is not None and self._may(Act.SPEND))
        self._images.setVisible(today.holds and self._may(Act.SPEND))
        return today

    def _switch(self) -> None:
        self._desk.spending.switch(not self._desk.spending.today().switched)
        self.eased.emit()

    def _ask(self, ticket: Ticket[Today]) -> None:
        self._bridge.when_done(ticket, lambda _: self.eased.emit(), self.failed.emit, owner=self)

    def _may(self, act: Act) -> bool:
        session = self._desk.accounts.session
        return session is not None and may(session.role, act)


def today_words(today: Today) -> str:
    """«Red con costo: 31.0 MB de 80.0 MB usados hoy.»"""
    if not today.metered:
        return "Esta red no tiene costo: no hay límite de datos."
    limit = f" de {size_words(today.limit)}" if today.limit else ""
    return f"Red con costo: {size_words(today.spent)}{limit} usados hoy."
