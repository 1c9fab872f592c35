"""Which procedure the person comes for."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from migramovil.core.downstream import Kind
from migramovil.core.enrollment import Step
from migramovil.core.procedures import Procedure, fees_on, in_force
from migramovil.services.desk import Desk
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint
from migramovil.ui.pages.wizard.base import StepPage, date_words


class ProcedurePage(StepPage):
    """Cards for every procedure in force; what it asks for stands beside."""

    step = Step.PROCEDURE
    help = (
        "Elija el trámite con su número. A la derecha están los requisitos: revíselos con la "
        "persona antes de seguir. El número del comprobante se puede anotar después."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__(desk, bridge, "Trámite", "¿A qué viene la persona?")
        self._procedures: tuple[Procedure, ...] = ()
        self.cards: dict[str, kit.ChoiceCard] = {}
        self._list = kit.col(gap=8)
        self._what = kit.Text("", "sub", wrap=True)
        self._until = kit.Text("", "cap", "ink2", wrap=True)
        self._needs = kit.col(gap=4)
        self.receipt = kit.TextField("Como figura en el comprobante", exact=True, most=40)
        self.receipt.textEdited.connect(lambda _: self.change(receipt_number=self.receipt.value()))
        receipt = kit.Field("Número del comprobante de pago", self.receipt, optional=True)
        content = kit.Box(kit.col(self._what, self._until, 4, self._needs, None, gap=4))
        right = kit.Card((kit.Scroll(content), 1), kit.Rule(), receipt, title="Requisitos", gap=12)
        self._late = kit.Banner("warn", " ")
        left = kit.Scroll(kit.Box(kit.col(self._late, self._list, None, margins=(0, 0, 6, 0))))
        wide = 400 if theme.large() else 440
        self.build((kit.row((left, 1), kit.fixed(right, wide), gap=16), 1))

    def draw(self) -> None:
        self._say_if_late()
        self._offer(in_force(self.enrolling.catalogue, self.enrolling.rules.today))
        chosen = self.cards.get(self.draft.procedure)
        if chosen is not None:
            chosen.setChecked(True)
        self.receipt.set_value(self.draft.receipt_number)
        self._show_needs()

    def hints(self) -> Sequence[Hint]:
        count = min(9, len(self._procedures))
        return [(f"1–{count}" if count > 1 else "1", "Elegir"), ("Tab", "Siguiente")]

    def first_focus(self) -> QWidget | None:
        return self.cards.get(self.draft.procedure) or next(iter(self.cards.values()), None)

    def place_of(self, field: str) -> QWidget | None:
        return next(iter(self.cards.values()), None)

    def _say_if_late(self) -> None:
        """An expired list of procedures goes on serving, and the officer knows."""
        lists = self.desk.downstream.rows()
        late = next((one for one in lists if one.kind is Kind.PROCEDURES and one.expired), None)
        self._late.setVisible(late is not None)
        if late is not None:
            self._late.say(
                "warn", f"La lista de trámites venció el {date_words(late.expires[:10])}",
                "Sigue en uso: confirme requisitos y tasas. Llega otra al conectarse o en "
                "memoria USB.",
            )  # fmt: skip

    def _offer(self, procedures: tuple[Procedure, ...]) -> None:
        """Cards are made anew only when the catalogue changed: the focus stays where it was."""
        if procedures == self._procedures and self.cards:
            return
        self._procedures = procedures
        self.cards = {
            p.code: kit.ChoiceCard(p.name, p.note, key=str(n) if n < 10 else "")
            for n, p in enumerate(procedures, 1)
        }
        for code, card in self.cards.items():
            card.toggled.connect(lambda on, code=code: self._choose(code) if on else None)
        empty = kit.Empty("clipboard-text", "No hay trámites en vigencia. Avise al técnico.")
        kit.refill(self._list, *(self.cards.values() or [empty]))
        if self.cards:
            self.setTabOrder([*self.cards.values()][-1], self.receipt)

    def _choose(self, code: str) -> None:
        self.change(procedure=code, catalogue=self.enrolling.catalogue.version)
        self._show_needs()

    def _show_needs(self) -> None:
        procedure = next((p for p in self._procedures if p.code == self.draft.procedure), None)
        if procedure is None:
            self._what.say("Elija un trámite para ver lo que pide.")
            self._until.say("")
            kit.clear(self._needs)
            return
        self._what.say(procedure.name)
        until = f" · vigente hasta {date_words(procedure.valid_to)}" if procedure.valid_to else ""
        self._until.say(f"Catálogo {self.enrolling.catalogue.version}{until}")
        rows = [
            kit.StateRow("info", need, icon="minus-bold", plain=True)
            for need in procedure.requirements
        ]
        rows += [
            kit.StateRow(
                "info", fee.concept, f"S/ {fee.cents / 100:,.2f}", plain=True, icon="receipt",
                second=f"Código {fee.code}, desde {date_words(fee.valid_from)}",
            )
            for fee in fees_on(procedure, self.enrolling.rules.today)
        ]  # fmt: skip
        kit.refill(self._needs, *rows)
