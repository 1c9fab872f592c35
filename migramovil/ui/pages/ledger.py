"""Cuadre: finished = confirmed + received + waiting + refused, and the proof behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint, Primary
from migramovil.ui.pages.common import DayPage, day_of, hour_of

if TYPE_CHECKING:
    from migramovil.services.desk import Desk
    from migramovil.services.keeping import Held
    from migramovil.services.ledger import Looked
    from migramovil.store.ledger import Figures
    from migramovil.store.verify import Finding

_CLOSE = "Cerrar la jornada"
_SURE = "Sí, borrar los comprobantes"


class LedgerPage(DayPage):
    """Figures at once; the whole check runs beside and can be left alone or called off."""

    help: ClassVar[str] = (
        "Todo lo terminado tiene que estar confirmado, recibido, por enviar o rechazado. "
        "F10 lee cada paquete y cada acuse para probarlo; se puede seguir trabajando."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Cuadre", "Lo terminado, y dónde está cada registro.")
        self._desk, self._bridge = desk, bridge
        self._running: Ticket[Looked] | None = None
        self._closing = False
        self.ask_file: Callable[[QWidget, str], str] = ask_file
        large = theme.large()
        self._sums = kit.Badge("La cuenta cuadra", "ok")
        role: theme.Role = "h1" if large else "hero"
        names = ("terminados", "confirmados", "recibidos", "por enviar", "rechazados")
        self._figures = [kit.Figure("–", name, role=role) for name in names]
        self._equals = kit.Text("=", "h1", "ink2")
        self._saved = kit.Banner("ok", " ")
        self._trouble = kit.TroubleBanner()
        self._state = kit.StateRow("idle", "-", second="-", plain=True)
        self._progress = kit.Progress("Comprobación")
        self.findings = kit.Table(
            "Hallazgos", [kit.Column(head="Código", width=84), kit.Column(head="Qué y dónde")],
            row_height=54,
        )  # fmt: skip
        self.findings.chosen.connect(lambda _: self._show_advice())
        self._advice = kit.Text("", "body", "ink2", wrap=True)
        self._clean = kit.Empty("check-circle", "Nada fuera de lugar.")
        self._days = kit.Table("Por día", self._day_columns())
        self._officers = kit.col(gap=2)
        self._held = kit.StateRow("idle", "-", second="-", plain=True)
        self._close = kit.Button(_CLOSE, kind="quiet", height=36, on=self._close_jornada)
        upper = kit.Card(self._equation(), gap=8, pad=12 if large else 16)
        check = kit.Card(
            self._state, self._progress, (self.findings, 1), (self._clean, 1), self._advice,
            title="Comprobación", gap=8,
        )  # fmt: skip
        left = kit.col((check, 1), gap=12)
        self.build(
            upper, self._saved, self._trouble,
            (kit.row((left, 3), (kit.Box(self._right(large=large)), 2), gap=16), 1),
            actions=[
                self._sums,
                kit.Button("Guardar informe", icon="download-simple", key="F6", on=self._save),
            ],
        )  # fmt: skip
        self._saved.hide()

    def _equation(self) -> QHBoxLayout:
        items: list[kit.Item] = [self._figures[0], self._equals]
        for number, figure in enumerate(self._figures[1:]):
            items += [kit.Text("+", "h1", "ink2")] if number else []
            items.append(figure)
        return kit.row(*items, None, gap=20)

    def _right(self, *, large: bool) -> QVBoxLayout:
        held = kit.Card(kit.row((self._held, 1), self._close, gap=8), title="Jornada", gap=4)
        officers = kit.Card(self._officers, title="Por oficial", gap=4)
        days = kit.Card((self._days, 1), title="Por día", gap=4)
        if large:
            days.setParent(self)
            days.hide()
            return kit.col(officers, held, None, gap=12)
        return kit.col((days, 1), officers, held, gap=12)

    @staticmethod
    def _day_columns() -> list[kit.Column]:
        return [
            kit.Column(head="Día"),
            kit.Column(head="Terminados", width=112, right=True),
            kit.Column(head="Por confirmar", width=128, right=True),
        ]

    # ---- hooks -----------------------------------------------------------------------------
    def primary(self) -> Primary:
        if self._running is not None:
            return Primary(label="Detener comprobación", icon="x-circle")
        return Primary(label="Comprobar todo", icon="shield-check")

    def press_primary(self) -> None:
        if self._running is not None:
            self._running.cancel()
            self._ended()
            return
        self._trouble.settle()
        self._saved.hide()
        step = self._bridge.newest(self._step_to, owner=self)
        self._running = self._desk.ledger.whole(lambda done, total: step((done, total)))
        self._step(0, 0)
        self._wait(self._running)

    def hints(self) -> Sequence[Hint]:
        return [("F10", "Comprobar"), ("F6", "Guardar informe"), ("Esc", "Supervisión")]

    def first_focus(self) -> QWidget | None:
        return self.findings if self.findings.isVisible() else None

    def enter(self) -> None:
        self._trouble.settle()
        self._saved.hide()
        self._ask_close(sure=False)
        self._progress.hide()
        self.news()
        if self._running is not None:  # it went on while another page was in sight
            self._wait(self._running)
        self._show_findings()
        self._bridge.when_done(
            self._desk.ledger.officers(), self._show_officers, self._trouble.show_trouble,
            owner=self,
        )  # fmt: skip
        self._ask_held()

    def news(self) -> None:
        self._show_figures(self._desk.ledger.figures(), self._desk.ledger.days())

    # ---- what is shown -----------------------------------------------------------------------
    def _show_figures(self, told: Figures, days: Sequence[Figures]) -> None:
        values = (told.finished, told.opened, told.stored, told.sealed, told.refused)
        for figure, value in zip(self._figures, values, strict=True):
            figure.say(f"{value:,}")
        on_stick = f"por enviar · {told.copied:,} en USB" if told.copied else "por enviar"
        self._figures[3].say(f"{told.sealed:,}", on_stick)
        words = "La cuenta cuadra" if told.fits else "La cuenta no cuadra"
        self._sums.say(words, "ok" if told.fits else "bad")
        self._equals.say("=" if told.fits else "≠")
        self._equals.set_tone("ink2" if told.fits else "bad")
        self._days.set_source(kit.Rows([self._day(one) for one in days]))

    @staticmethod
    def _day(one: Figures) -> list[kit.Cell]:
        return [
            kit.Cell(words=f"{datetime.fromisoformat(one.day):%d/%m/%Y}", strong=True),
            kit.Cell(words=f"{one.finished:,}"),
            kit.Cell(words=f"{one.finished - one.opened:,}"),
        ]

    def _show_officers(self, told: Sequence[tuple[str, int]]) -> None:
        rows: list[kit.Item] = [
            kit.StateRow("info", name, f"{count:,}", plain=True, icon="user")
            for name, count in told[:4]
        ]
        if len(told) > 4:
            rest = sum(count for _, count in told[4:])
            rows.append(kit.Text(f"y {len(told) - 4} más: {rest:,}", "cap", "ink2"))
        if not told:
            rows = [kit.Text("Nadie ha terminado ninguno todavía.", "body", "ink2", wrap=True)]
        kit.refill(self._officers, *rows)

    def _show_state(self) -> None:
        looked = self._desk.ledger.looked
        if self._running is not None:
            self._state.say("now", "Comprobando", second="Se leen las listas.")
        elif looked is None:
            self._state.say("idle", "Sin comprobar", second="F10 lee cada paquete y cada acuse.")
        else:
            zone = self._desk.clock.local().tzinfo
            when = f"{day_of(looked.utc, zone)} {hour_of(looked.utc, zone)}"
            how = "Todo leído y comprobado" if looked.whole else "Comprobación rápida al entrar"
            wrong = len(looked.findings)
            words = f"{wrong} hallazgos" if wrong != 1 else "1 hallazgo"
            state: kit.State = "bad" if wrong else "ok"
            self._state.say(state, words if wrong else "Bien", second=f"{how} · {when}")
        self.changed.emit()

    def _show_findings(self) -> None:
        looked = self._desk.ledger.looked
        found = looked.findings if looked else ()
        self.findings.set_source(kit.Rows([_cells(one) for one in found]))
        self.findings.setVisible(bool(found))
        self._clean.setVisible(not found)
        self._clean.sentence.say("Nada fuera de lugar." if looked else "Falta comprobar.")
        if found:
            self.findings.choose(0)
        self._show_state()
        self._show_advice()

    def _show_advice(self) -> None:
        looked = self._desk.ledger.looked
        number = self.findings.current()
        found = looked.findings if looked else ()
        chosen = found[number] if 0 <= number < len(found) else None
        self._advice.say("" if chosen is None else chosen.trouble.advice)
        self._advice.setVisible(chosen is not None)

    # ---- the whole check -----------------------------------------------------------------------
    def _wait(self, running: Ticket[Looked]) -> None:
        self._bridge.when_done(running, self._looked, self._failed, owner=self)
        self.changed.emit()

    def _step_to(self, at: tuple[int, int]) -> None:
        self._step(*at)

    def _step(self, done: int, total: int) -> None:
        if self._running is None:
            return
        words = f"{done:,} de {total:,} paquetes" if total else "Se leen las listas"
        self._state.say("now", "Comprobando", second=f"{words}. Se puede seguir trabajando.")
        self._progress.setVisible(True)
        self._progress.set_value(done / total if total else 0.0, words)

    def _looked(self, looked: Looked) -> None:
        del looked
        self._ended()

    def _failed(self, trouble: Trouble) -> None:
        self._ended()
        self._trouble.show_trouble(trouble)

    def _ended(self) -> None:
        self._running = None
        self._progress.hide()
        self._show_findings()
        self.news()

    # ---- the report, the jornada -----------------------------------------------------------------
    def _save(self) -> None:
        day = f"{self._desk.clock.local():%Y%m%d}"
        path = self.ask_file(self, f"cuadre-{self._desk.place.code}-{day}.csv")
        if path:
            self._trouble.settle()
            ticket = self._desk.ledger.save_report(Path(path))
            self._bridge.when_done(ticket, self._said_saved, self._trouble.show_trouble, owner=self)

    def _said_saved(self, path: Path) -> None:
        self._saved.say("ok", "Informe guardado", f"{path.name}: folios y cifras, ningún nombre.")
        self._saved.show()

    def _ask_held(self) -> None:
        self._bridge.when_done(
            self._desk.keeping.held(), self._show_held, self._trouble.show_trouble, owner=self
        )

    def _show_held(self, held: Held) -> None:
        zone = self._desk.clock.local().tzinfo
        if held.purge_pending:
            self._held.say("warn", "Borrado pendiente", second="Se completa solo; no apague aún.")
        elif held.slips:
            until = f"hasta el {day_of(held.ends_utc, zone)} a las {hour_of(held.ends_utc, zone)}"
            if held.past:
                until = "hasta que sede central confirme la hora"
            self._held.say("info", f"{held.slips:,} comprobantes para reimprimir", second=until)
        else:
            self._held.say("ok", "Nada guardado", second="Ningún comprobante se puede reimprimir.")
        self._close.setVisible(bool(held.slips))

    def _close_jornada(self) -> None:
        if not self._closing:
            self._ask_close(sure=True)
            return
        self._ask_close(sure=False)
        self._bridge.when_done(
            self._desk.keeping.close_jornada(), self._show_held, self._trouble.show_trouble,
            owner=self,
        )  # fmt: skip

    def _ask_close(self, *, sure: bool) -> None:
        """The second press does it: reprints of the day end for good."""
        self._closing = sure
        self._close.say(_SURE if sure else _CLOSE)


def ask_file(parent: QWidget, name: str) -> str:
    """Where to save, "" for nowhere."""
    return QFileDialog.getSaveFileName(parent, "Guardar", name)[0]


def _cells(one: Finding) -> list[kit.Cell]:
    return [
        kit.Cell(words=one.trouble.code, strong=True, exact=True, tone="bad"),
        kit.Cell(words=one.trouble.what, second=one.where),
    ]
