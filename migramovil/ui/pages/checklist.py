"""Lista de inicio: a minute before the first person, and yesterday's beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QWidget

from migramovil.core.roles import Act, may
from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import DeviceRole
from migramovil.services.checklist import BY_HAND, ORDER, QUICK, Kept, worst
from migramovil.services.checks import NAMES, Outcome, Result, Subject
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint, Primary
from migramovil.ui.kit.sketches import Name, Sketch
from migramovil.ui.pages.common import DEVICES, DayPage, hour_of
from migramovil.ui.pages.diagnostics import ICONS, OUTCOMES
from migramovil.ui.screens import screens

if TYPE_CHECKING:
    from migramovil.services.desk import Desk

_BEGIN = "Revisa el disco, la memoria, la hora, los registros y el enlace; nadie toca nada."
_SKETCHES: Mapping[DeviceRole, Name] = {
    DeviceRole.PORTRAIT: "look",
    DeviceRole.FINGERS: "finger",
    DeviceRole.PRINTER: "slip",
}
_REMARKS = 4
_ASKS: Mapping[DeviceRole, tuple[str, str, str]] = {
    DeviceRole.PORTRAIT: (
        "Mire a la cámara",
        "Siéntese donde se sienta la persona y pulse F10.",
        "Probar cámara",
    ),
    DeviceRole.FINGERS: (
        "Toque el huellero",
        "Pulse F10 con el vidrio libre; ponga un dedo cuando se pida.",
        "Probar huellero",
    ),
    DeviceRole.PRINTER: (
        "Mire el comprobante",
        "F10 imprime esta lista en la impresora de comprobantes.",
        "Imprimir la lista",
    ),
}
_SEEN = "¿Salió entero y se lee bien?"


class ChecklistPage(DayPage):
    """Anybody may go through it; keeping it is for supervision, which the service checks."""

    help: ClassVar[str] = (
        "F10 lleva por la lista: primero lo que la estación revisa sola; luego mire a la cámara, "
        "toque el huellero y mire el comprobante. Lo que falló se repite con F5."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Lista de inicio", " ")
        self.can_go_back = True
        self._desk, self._bridge = desk, bridge
        self._results: dict[Subject, Result] = {}
        self._running: dict[Subject, Ticket[Result]] = {}
        self._printed: Result | None = None  # a slip nobody has looked at yet
        self._today: Kept | None = None
        self._before: Kept | None = None
        self._kept = False
        wide = 124 if theme.large() else 132
        self.table = kit.Table(
            "Lista",
            [kit.Column(head="Qué"), kit.Column(head="Ahora", width=wide),
             kit.Column(head="Antes", width=wide)],
            row_height=34,
        )  # fmt: skip
        self.table.chosen.connect(lambda _: self._show_words())
        self._icon = kit.Icon("clipboard-text", "primary", 56)
        self._ask = kit.Text("", "h1", wrap=True)
        self._how = kit.Text("", "body", "ink2", wrap=True)
        self._picture = kit.Picture("Lo que se ve", height=120 if theme.large() else 200,
                                    cover=False, ground="surface")  # fmt: skip
        self._sketch = Sketch(1.0 if theme.large() else 1.6)
        self._remarks = kit.col(gap=8)
        self._well = kit.Button("Se lee bien", icon="check-circle", key="F2",
                                on=partial(self._look, reads_well=True))  # fmt: skip
        self._badly = kit.Button("No se lee", icon="x-circle", key="F9",
                                 on=partial(self._look, reads_well=False))  # fmt: skip
        self._asked = kit.Box(kit.row(self._well, self._badly, None, gap=12))
        self._line = kit.StateRow("info", " ", second=" ")
        self._trouble = kit.TroubleBanner()
        now = kit.Card(
            kit.row(self._icon, (kit.col(self._ask, self._how, gap=4), 1), gap=16),
            self._sketch, self._picture, self._remarks, self._asked, None, self._line, gap=12,
        )  # fmt: skip
        listing = kit.Card((self.table, 1), pad=8)
        right = kit.col(self._trouble, (now, 1), gap=12)
        shares = (6, 5) if theme.large() else (1, 1)
        self.build((kit.row((listing, shares[0]), (right, shares[1]), gap=16), 1))

    # ---- hooks -----------------------------------------------------------------------------
    def primary(self) -> Primary | None:
        if self._running:
            return Primary(label="Revisando", available=False, reason="La revisión está en curso.")
        step = self._step()
        if step is None:
            if not self._may_keep or self._kept:
                return Primary(label="Volver", icon="check-bold")
            return Primary(label="Guardar lista", icon="check-bold")
        if step not in BY_HAND:
            return Primary(label="Empezar", icon="caret-right-bold")
        if self._printed is not None:
            return Primary(label="Guardar lista", available=False, reason=_SEEN)
        return Primary(label=_ASKS[DeviceRole(step)][2], icon="caret-right-bold")

    def press_primary(self) -> None:
        step = self._step()
        if step is None:
            if self._may_keep and not self._kept:
                self._keep()
            else:
                self.go_back.emit()
        elif step in QUICK:
            for of in QUICK:
                if of not in self._results:
                    self._run(of, self._desk.checklist.check)
        elif step is DeviceRole.PRINTER:
            self._run(step, lambda _of, _tell: self._desk.checklist.print_slip(self._so_far()))
        else:
            self._run(step, self._desk.checklist.check)

    def point_to_missing(self) -> None:
        if self._printed is not None:
            self._well.setFocus()

    def hints(self) -> Sequence[Hint]:
        return [("↑ ↓", "Línea"), ("F5", "Repetir línea"), ("Esc", "Diagnóstico")]

    def keys(self) -> Mapping[str, Callable[[], object]]:
        return {"F5": self._again}

    def first_focus(self) -> QWidget:
        return self.table

    def shown_trouble(self) -> str:
        result = self._results.get(self._chosen())
        trouble = result.trouble if result is not None else None
        return trouble.code if trouble is not None else super().shown_trouble()

    def enter(self) -> None:
        self._trouble.settle()
        self._desk.diagnosing.shown_on(screens())
        self._results.clear()
        self._printed, self._kept = None, False
        self._read()
        self._show()
        self.table.choose(0)

    def leave(self) -> None:
        """What was seen (a face, a finger) does not stay on a page."""
        for ticket in self._running.values():
            ticket.cancel()
        self._running.clear()
        self._results.clear()
        self._picture.show_pixels(None)

    # ---- the way through ---------------------------------------------------------------------
    @property
    def _may_keep(self) -> bool:
        session = self._desk.accounts.session
        return session is not None and may(session.role, Act.KEEP_CHECKLIST)

    def _step(self) -> Subject | None:
        """The first thing without a result; None when all have one."""
        return next((of for of in ORDER if of not in self._results), None)

    def _so_far(self) -> list[Result]:
        return [self._results[of] for of in ORDER if of in self._results]

    def _again(self) -> None:
        """Once more what the chosen line says."""
        of = self._chosen()
        if self._running or self._kept or of not in self._results:
            return
        del self._results[of]
        if of is DeviceRole.PRINTER:
            self._printed = None
            self._show()
        else:
            self._run(of, self._desk.checklist.check)

    def _run(self, of: Subject, ask: Callable[..., Ticket[Result]]) -> None:
        tell = self._bridge.newest(self._told, owner=self)
        ticket = ask(of, lambda words, picture: tell((of, words, picture)))
        self._running[of] = ticket
        self._bridge.when_done(
            ticket, partial(self._ended, of), partial(self._failed, of), owner=self
        )
        self._show()

    def _told(self, told: tuple[Subject, str, kit.Pixels | None]) -> None:
        of, words, picture = told
        if of in self._running:
            self._how.say(words)
            self._picture.show_pixels(picture)
            self._picture.setVisible(picture is not None)
            self._sketch.setVisible(picture is None and of in BY_HAND)

    def _ended(self, of: Subject, result: Result) -> None:
        self._running.pop(of, None)
        if of is DeviceRole.PRINTER and result.ok:
            self._printed = result
        else:
            self._results[of] = result
        if result.pixels is not None:
            self._picture.show_pixels(result.pixels)
        self.table.choose(ORDER.index(of))
        self._show()

    def _failed(self, of: Subject, trouble: Trouble) -> None:
        self._running.pop(of, None)
        self._trouble.show_trouble(trouble)
        self._show()

    def _look(self, *, reads_well: bool) -> None:
        if self._printed is None:
            return
        seen = self._desk.checklist.looked_at(self._printed, reads_well=reads_well)
        self._results[DeviceRole.PRINTER], self._printed = seen, None
        self._show()

    def _keep(self) -> None:
        self._bridge.when_done(
            self._desk.checklist.keep(self._so_far()), self._was_kept,
            self._trouble.show_trouble, owner=self,
        )  # fmt: skip

    def _was_kept(self, kept: Kept) -> None:
        self._kept, self._today = True, kept
        self._trouble.settle()
        self._show()

    # ---- what is shown -----------------------------------------------------------------------
    def _read(self) -> None:
        self._bridge.when_done(
            self._desk.checklist.last(), self._came, self._trouble.show_trouble, owner=self
        )

    def _came(self, last: tuple[Kept | None, Kept | None]) -> None:
        self._today, self._before = last
        self._show()

    def _chosen(self) -> Subject:
        return ORDER[max(0, self.table.current())]

    def _show(self) -> None:
        here = max(0, self.table.current())
        self.table.set_source(kit.Rows([self._row(of) for of in ORDER]))
        self.table.choose(here)
        self.set_title("Lista de inicio", self._under_title())
        self._show_step()
        self._show_words()
        self.changed.emit()

    def _under_title(self) -> str:
        zone = self._desk.clock.local().tzinfo
        words = []
        if self._today is not None:
            words.append(f"Guardada hoy a las {hour_of(self._today.utc, zone)}")
        if self._before is not None:
            year, month, day = self._before.day.split("-")
            doubt = " (la auditoría no la conoce)" if self._before.vouched is False else ""
            words.append(f"«Antes» es la del {day}/{month}/{year}{doubt}")
        return " · ".join(words) or "Todavía no hay ninguna guardada."

    def _row(self, of: Subject) -> list[kit.Cell]:
        icon = DEVICES[of][1] if isinstance(of, DeviceRole) else ICONS[of]
        before = self._before.outcome_of(of) if self._before else None
        words, state = self._state(of)
        return [
            kit.Cell(words=NAMES[of], icon=icon, strong=True),
            kit.Cell(words=words, badge=state),
            kit.Cell(words="–") if before is None else _badge(before),
        ]

    def _state(self, of: Subject) -> tuple[str, kit.State]:
        if of in self._running:
            return "Revisando", "now"
        result = self._results.get(of)
        if result is None:
            return "Pendiente", "idle"
        words, state = OUTCOMES[result.outcome]
        return (result.trouble.code if result.trouble else words), state

    def _show_step(self) -> None:
        step = self._step()
        if step is None:
            self._show_end()
        elif step in QUICK:
            self._icon.show_icon("clipboard-text", "primary")
            self._ask.say("Revisando la estación" if self._running else "Revisar la estación")
            self._how.say("Un momento." if self._running else _BEGIN)
        else:
            role = DeviceRole(step)
            ask, how, _ = _ASKS[role]
            self._icon.show_icon(DEVICES[role][1], "primary")
            self._ask.say(ask)
            self._how.say(_SEEN if self._printed is not None else how)
        self._asked.setVisible(self._printed is not None)
        looks_at_paper = self._printed is not None or step is None
        self._picture.setVisible(not self._picture.empty and not looks_at_paper)
        self._sketch.show_sketch(None if self._picture.isVisibleTo(self) else _sketch(step))
        kit.refill(self._remarks, *map(_remark, self._remarked() if step is None else ()))

    def _show_end(self) -> None:
        how = worst(result.outcome for result in self._results.values())
        icon, tone, words = {
            Outcome.BAD: ("x-circle-fill", "bad", "Hay algo con falla"),
            Outcome.WARNS: ("warning-fill", "warn", "Lista, con atención"),
        }.get(how, ("check-circle-fill", "ok", "Todo listo"))
        self._icon.show_icon(icon, tone)  # type: ignore[arg-type]  # the tones above
        self._ask.say(words)
        if self._kept:
            self._how.say("Guardada y anotada en la auditoría.")
        elif self._may_keep:
            self._how.say("F10 la guarda y la anota en la auditoría.")
        else:
            self._how.say("Solo supervisión puede guardarla.")

    def _remarked(self) -> list[Result]:
        """What is bad and what asks for attention, the bad first, as far as there is room."""
        by_weight = (Outcome.BAD, Outcome.WARNS)
        found = [one for how in by_weight for one in self._so_far() if one.outcome is how]
        return found[: 2 if theme.large() else _REMARKS]

    def _show_words(self) -> None:
        """What the chosen line says, and what to do about it."""
        of = self._chosen()
        result = self._results.get(of)
        if result is None:
            self._line.say("idle", NAMES[of], second="Todavía sin revisar.")
            return
        advice = result.trouble.advice if result.trouble else _figures(result)
        self._line.say(OUTCOMES[result.outcome][1], result.text, second=advice)
        self._line.setVisible(
            self._step() is not None or not any(one is result for one in self._remarked())
        )


class ClosedChecklistPage(ChecklistPage):
    """The same before anybody is inside."""

    rail = "none"


def _sketch(step: Subject | None) -> Name | None:
    return _SKETCHES.get(DeviceRole(step)) if step in BY_HAND else None


def _remark(result: Result) -> kit.StateRow:
    advice = result.trouble.advice if result.trouble else ""
    words = f"{NAMES[result.of]}: {_lower(result.text)}"
    return kit.StateRow(OUTCOMES[result.outcome][1], words, second=advice)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _badge(outcome: Outcome) -> kit.Cell:
    words, state = OUTCOMES[outcome]
    return kit.Cell(words=words, badge=state)


def _figures(result: Result) -> str:
    return " · ".join(f"{what}: {value}" for what, value in result.figures[:3])
