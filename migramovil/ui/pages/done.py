"""Sealed: the folio, what happens to the record now, and the paper for the person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QApplication

from migramovil.core.record import RecordState
from migramovil.core.trouble import Trouble
from migramovil.services.printing import may_be_out
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import NEXT, Action, Hint, Primary
from migramovil.ui.pages.common import DayPage, moment_of, offline, size_words

if TYPE_CHECKING:
    from migramovil.devices.lanes import Ticket
    from migramovil.devices.ports import Printed
    from migramovil.services.desk import Desk
    from migramovil.services.enrolling import Finished

Stage = tuple[kit.State, str, str]


class DonePage(DayPage):
    """`next_person` starts the next enrollment, `to_day` goes to the day's page.

    `correcting(record, folio, sealed_utc)` asks to do this record again.
    """

    help: ClassVar[str] = (
        "El registro ya está sellado: pase lo que pase con el papel o la conexión, no se pierde. "
        "Pida a la persona que guarde el folio."
    )
    next_person = Signal()
    to_day = Signal()
    correcting = Signal(str, str, str)

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Terminado y sellado")
        self._desk, self._bridge = desk, bridge
        self._finished: Finished | None = None
        self._printed_for = ""
        self._folio = kit.Text("", "fig", exact=True)
        self._size = kit.Text("", "cap", "ink2")
        self._journey = kit.Journey()
        self._paper = kit.StateRow("now", "Comprobante", second="-", icon="printer", plain=True)
        self._trouble = kit.TroubleBanner()
        self._slip = kit.SlipView()
        self._yes = kit.Button("Sí, salió", icon="check-bold", key="S", on=self._came_out)
        self._again = kit.Button("Reimprimir", icon="printer", key="R", on=self._reprint)
        self.build((kit.row((self._left(), 1), *self._preview(), gap=24), 1), titled=False)

    def _left(self) -> kit.Part:
        title = kit.row(
            kit.Icon("check-circle-fill", "ok", 56),
            (
                kit.col(
                    kit.Text("Terminado y sellado", "fig"),
                    kit.Text(
                        "El registro está cifrado, comprobado en disco y en la cola de envío.",
                        "body", "ink2", wrap=True,
                    ),
                    gap=2,
                ),
                1,
            ),
            gap=16,
        )  # fmt: skip
        copy = kit.Button("Copiar", icon="copy", key="Ctrl+C", on=self._copy)
        folio = kit.Card(
            kit.row(kit.Text("Folio", "capb", "ink2"), None, self._size),
            kit.row(self._folio, None, copy), gap=4,
        )  # fmt: skip
        where = kit.Card(self._journey, title="Qué pasa con este registro", gap=12)
        paper = kit.Card(kit.row((self._paper, 1), self._yes, self._again, gap=12))
        keep = kit.StateRow(
            "info", "Pida que guarde el folio: con él se pregunta por el trámite.", plain=True
        )
        mend = kit.Button(
            "Corregir este registro", kind="quiet", icon="pencil-simple", key="F9", height=36,
            on=self._correct,
        )  # fmt: skip
        low = kit.row((keep, 1), mend, gap=12)
        return kit.col(title, folio, where, paper, self._trouble, low, None, gap=12)

    def _preview(self) -> list[kit.Item]:
        if theme.large():
            self._slip.setParent(self)
            self._slip.hide()
            return []
        return [kit.col(self._slip, None, gap=0)]

    def show_finished(self, finished: Finished) -> None:
        """Whose paper this is; call it before the page is entered."""
        self._finished = finished

    # ---- hooks -----------------------------------------------------------------------------
    def primary(self) -> Primary:
        return Primary(label="Siguiente persona", tail=NEXT)

    def press_primary(self) -> None:
        self.next_person.emit()

    def escape(self) -> None:
        self.to_day.emit()

    def hints(self) -> Sequence[Hint]:
        asked = [("S", "Sí, salió")] if self._yes.isVisible() else []
        return [*asked, ("R", "Reimprimir"), ("Esc", "A la jornada")]

    def keys(self) -> Mapping[str, Action]:
        return {"F2": self.next_person.emit}

    def enter(self) -> None:
        finished = self._finished
        if finished is None:
            return
        self._folio.say(finished.folio)
        self._size.say(f"{size_words(finished.size)} · número {finished.seq:,} en la línea")
        self._slip.show_lines(self._desk.printing.slip_lines(finished))
        self._trouble.settle()
        self.news()
        if self._printed_for != finished.record_id:
            self._printed_for = finished.record_id
            self._print()

    def leave(self) -> None:
        self._slip.show_lines(())

    def news(self) -> None:
        finished = self._finished
        if finished is None:
            return
        at = moment_of(finished.sealed_utc, self._desk.clock.local().tzinfo)
        state = self._desk.waiting.state(finished.record_id)
        self._journey.show_stages(stages(state, at, offline(self._desk.waiting.status)))

    # ---- the paper -------------------------------------------------------------------------
    def _print(self) -> None:
        if self._finished is not None:
            self._wait_for(self._desk.printing.print_slip(self._finished))

    def _reprint(self) -> None:
        if self._finished is not None:
            self._wait_for(self._desk.keeping.reprint(self._finished.record_id))

    def _wait_for(self, ticket: Ticket[Printed]) -> None:
        self._trouble.settle()
        self._paper.say("now", "Imprimiendo el comprobante", second="El registro ya está a salvo.")
        self._ask(False)
        self._bridge.when_done(ticket, self._printed, self._no_paper)

    def _printed(self, printed: Printed) -> None:
        if printed.confirmed:
            self._paper.say("ok", "Comprobante impreso", second="La impresora lo confirmó.")
        else:
            sent = "Comprobante enviado a la impresora"
            self._paper.say("now", sent, second="¿Salió completo?")
        self._ask(not printed.confirmed)

    def _no_paper(self, trouble: Trouble) -> None:
        unknown = may_be_out(trouble)
        if unknown:
            doubt = "No se sabe si el comprobante salió"
            self._paper.say("warn", doubt, second="¿Salió completo?")
        else:
            self._paper.say("warn", "El comprobante no salió", second="Anote el folio en un papel.")
        self._ask(unknown)
        self._trouble.show_trouble(trouble, safe="El registro está sellado")

    def _ask(self, asked: bool) -> None:
        self._yes.setVisible(asked)
        self.changed.emit()

    def _came_out(self) -> None:
        self._paper.say("ok", "Comprobante entregado", second="La persona lo tiene.")
        self._trouble.settle()
        self._ask(False)

    def _correct(self) -> None:
        done = self._finished
        if done is not None:
            self.correcting.emit(done.record_id, done.folio, done.sealed_utc)

    def _copy(self) -> None:
        if self._finished is not None:
            QApplication.clipboard().setText(self._finished.folio)


def stages(state: str, sealed_at: str, no_link: bool) -> list[Stage]:
    """Sellado → Por enviar → Recibido → Confirmado, as far as the record is."""
    sealed: Stage = ("ok", "Sellado", sealed_at)
    if state == RecordState.REFUSED:
        return [sealed, ("ok", "Enviado", ""), ("bad", "Rechazado", "véalo en Envíos")]
    reached = {RecordState.STORED: 2, RecordState.OPENED: 4}.get(RecordState(state or "sealed"), 1)
    notes = (
        "sin conexión" if no_link else "en turno",
        "acuse firmado",
        "sede lo abrió" if reached == 4 else "sede lo abre",
    )
    made = [sealed]
    for place, (name, note) in enumerate(
        zip(("Por enviar", "Recibido", "Confirmado"), notes, strict=True), 1
    ):
        now = place == reached if reached == 1 else place == reached + 1
        sign: kit.State = "now" if now else "ok" if place <= reached and reached > 1 else "idle"
        done_name = "Enviado" if place == 1 and reached > 1 else name
        made.append((sign, done_name, "" if place == 1 and reached > 1 else note))
    return made
