"""Who was put aside, and what a crash left: go on with them, or give one up as the rules ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from migramovil.core.enrollment import STEPS, Draft
from migramovil.core.trouble import Trouble
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import NEXT, Hint, Page, Primary
from migramovil.ui.pages.common import (
    STEP_NAMES,
    DayPage,
    day_of,
    hour_of,
    moment_of,
)

if TYPE_CHECKING:
    from migramovil.services.desk import Desk
    from migramovil.services.drafts import Crash, Parked

NEWER = "Hecho con una versión más nueva"


def who(parked: Parked) -> str:
    """The person as the officer knows them."""
    if parked.draft is None:
        return NEWER
    return parked.name or "Persona sin nombre aún"


def step_words(parked: Parked) -> str:
    if parked.draft is None:
        return "No se abre en esta versión"
    return f"Paso {STEPS.index(parked.step) + 1} de {len(STEPS)}, {STEP_NAMES[parked.step]}"


def standing(parked: Parked) -> tuple[str, kit.State]:
    """How a waiting draft stands, as a badge."""
    if parked.draft is None:
        return "Otra versión", "warn"
    if parked.expired:
        return "Vencido", "warn"
    if parked.empty:
        return "Vacío", "idle"
    return "Guardado", "ok"


class Thumb(kit.Picture):
    """The portrait of a parked person, or the sign of a person until there is one."""

    def __init__(self, *, width: int, height: int) -> None:
        super().__init__("Retrato", width=width, height=height, icon="user", radius=6)
        self._wanted_for = ""

    def show_person(self, desk: Desk, bridge: Bridge, parked: Parked | None) -> None:
        self._wanted_for = parked.record_id if parked else ""
        self.show_pixels(None)
        if parked is None or parked.draft is None or parked.draft.portrait is None:
            return
        bridge.when_done(
            desk.drafts.portrait(parked.record_id),
            partial(self._show, parked.record_id),
            lambda _: None,  # the step itself says what is wrong with the picture
            owner=self,
        )

    def _show(self, record_id: str, pixels: kit.Pixels | None) -> None:
        if record_id == self._wanted_for:
            self.show_pixels(pixels)


class ParkedPage(DayPage):
    """`opened(Draft)` when somebody sits down again, `voiding(Parked)`, `to_day`."""

    help: ClassVar[str] = (
        "Todo enrolamiento dejado para después sigue aquí, completo y cifrado, también los de "
        "colegas. Nada se borra solo: lo vencido se retoma, o se anula con dos firmas y un motivo."
    )
    opened = Signal(object)
    voiding = Signal(object)
    to_day = Signal()

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("En espera", "Enrolamientos dejados para después en esta estación.")
        self._desk, self._bridge = desk, bridge
        self._all: tuple[Parked, ...] = ()
        self._busy = False
        self._trouble = kit.TroubleBanner()
        self.table = kit.Table("Enrolamientos en espera", self._columns())
        self.table.chosen.connect(lambda _: self._show_detail())
        self._empty = kit.Empty("tray", "Nadie espera.")
        self._picture = Thumb(width=96, height=128)
        self._who = kit.Text("", "sub", wrap=True)
        self._badge = kit.Badge("", "ok")
        self._step = kit.Pair("Paso", "–", role="body")
        self._started = kit.Pair("Empezado", "–", role="body")
        self._saved = kit.Pair("Último cambio", "–", role="body")
        self._why = kit.Text("", "cap", "ink2", wrap=True)
        self._void = kit.Button("Anular", kind="danger", icon="x-circle-fill", key="F9",
                                on=self._give_up)  # fmt: skip
        words = kit.col(self._who, kit.row(self._badge, None), None, gap=8)
        self._about = kit.Box(
            kit.col(
                kit.row(self._picture, (words, 1), gap=12),
                self._step, self._started, self._saved, self._why, self._void, gap=10,
            )
        )  # fmt: skip
        listing = kit.Card((self.table, 1), (self._empty, 1), pad=16)
        detail = kit.fixed(kit.Card(self._about, None), 300)
        self.build(self._trouble, (kit.row((listing, 1), detail, gap=16), 1))

    @staticmethod
    def _columns() -> list[kit.Column]:
        columns = [kit.Column(head="Persona"), kit.Column(head="Paso", width=128)]
        if not theme.large():
            columns.append(kit.Column(head="Por", width=120))
        return [*columns, kit.Column(head="Estado", width=152)]

    # ---- hooks -----------------------------------------------------------------------------
    def primary(self) -> Primary | None:
        one = self._chosen()
        if one is None:
            return None
        reason = NEWER + "." if one.draft is None else "Se está abriendo el enrolamiento."
        ready = one.draft is not None and not self._busy
        return Primary(label="Retomar", tail=NEXT, available=ready, reason=reason)

    def press_primary(self) -> None:
        one = self._chosen()
        if one is not None and one.draft is not None:
            self._act(self._desk.enrolling.resume(one.record_id), self._opened)

    def hints(self) -> Sequence[Hint]:
        return [("↑ ↓", "Persona"), ("F9", self._void.text()), ("Esc", "A la jornada")]

    def escape(self) -> None:
        self.to_day.emit()

    def first_focus(self) -> QWidget | None:
        return self.table if self._all else None

    def enter(self) -> None:
        self._busy = False
        self._trouble.settle()
        self._show(())
        self._bridge.when_done(
            self._desk.drafts.parked(), self._show, self._trouble.show_trouble, owner=self
        )

    def leave(self) -> None:
        self._show(())  # no page that is not in sight keeps a name

    # ---- what is shown -----------------------------------------------------------------------
    def _show(self, found: tuple[Parked, ...]) -> None:
        self._all = found
        self.table.set_source(kit.Rows([self._cells(one) for one in found]))
        self.table.setVisible(bool(found))
        self._empty.setVisible(not found)
        if found:
            self.table.choose(0)
            self.table.setFocus()
        self._show_detail()

    @staticmethod
    def _cells(one: Parked) -> list[kit.Cell]:
        words, sign = standing(one)
        known = one.draft is not None
        name = who(one) if known else "Versión más nueva"
        step = f"{STEPS.index(one.step) + 1}. {STEP_NAMES[one.step]}" if known else "–"
        cells = [kit.Cell(words=name, strong=True), kit.Cell(words=step)]
        if not theme.large():
            cells.append(kit.Cell(words=one.by or "–"))
        return [*cells, kit.Cell(words=words, badge=sign)]

    def _show_detail(self) -> None:
        one = self._chosen()
        self._about.setVisible(one is not None)
        self._picture.show_person(self._desk, self._bridge, one)
        if one is None:
            self._who.say("")
        else:
            zone = self._desk.clock.local().tzinfo
            self._who.say(who(one))
            self._badge.say(*standing(one))
            self._step.say(step_words(one))
            start = one.draft.started.utc if one.draft else ""
            by = f" por {one.by}" if one.by else ""
            at = f"{day_of(start, zone)} {hour_of(start, zone)}{by}" if start else "–"
            self._started.say(at)
            self._saved.say(f"{day_of(one.saved_utc, zone)} {moment_of(one.saved_utc, zone)}")
            self._void.say("Descartar" if one.empty else "Anular")
            self._void.setVisible(one.draft is not None)
            self._why.say(_way_out(one))
        self.changed.emit()

    def _chosen(self) -> Parked | None:
        number = self.table.current()
        return self._all[number] if 0 <= number < len(self._all) else None

    # ---- acts --------------------------------------------------------------------------------
    def _give_up(self) -> None:
        one = self._chosen()
        if one is None or one.draft is None:
            return
        if one.empty:
            self._act(self._desk.drafts.discard(one.record_id), lambda _: self.enter())
        else:
            self.voiding.emit(one)

    def _act(self, ticket: object, done: Callable[..., object]) -> None:
        if self._busy:
            return
        self._busy = True
        self._trouble.settle()
        self.changed.emit()
        self._bridge.when_done(ticket, done, self._failed, owner=self)  # type: ignore[arg-type]

    def _opened(self, draft: Draft) -> None:
        self._busy = False
        self.opened.emit(draft)

    def _failed(self, trouble: Trouble) -> None:
        self._busy = False
        self._trouble.show_trouble(trouble)
        self.changed.emit()


def _way_out(one: Parked) -> str:
    if one.draft is None:
        return "Sigue guardado completo. Se abre cuando esta estación tenga esa versión."
    if one.empty:
        return "No tiene nada escrito ni capturado: una sola persona puede descartarlo."
    return "Anularlo pide un motivo y la clave de otra persona. Nada se borra solo."


class CrashPage(Page):
    """After a crash: what was saved, and whether to go on. `go_on(Parked)` or `later`."""

    rail: ClassVar = "none"
    help: ClassVar[str] = (
        "Cada letra y cada captura se guardó al momento. Seguir abre el mismo paso; dejarlo para "
        "después lo pone en espera. Ninguna de las dos borra nada."
    )
    go_on = Signal(object)
    later = Signal()

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Nada se perdió")
        self._desk, self._bridge = desk, bridge
        self._crash: Crash | None = None
        self._title = kit.Text("", "h1", wrap=True)
        self._until = kit.Text("", "body", "ink2", wrap=True)
        self._picture = Thumb(width=96, height=128)
        self._name = kit.Text("", "fig", elide=True)
        self._step = kit.Text("", "body", "ink2", wrap=True)
        self._rows = kit.col(gap=6)
        self._others = kit.Text("", "body", "ink2", wrap=True)
        later = kit.Button("Dejar para después", icon="hourglass", key="Esc", on=self.later.emit)
        head = kit.row(
            kit.Icon("shield-check-fill", "ok", 56), (kit.col(self._title, self._until, gap=4), 1),
            gap=20,
        )  # fmt: skip
        person = kit.Card(
            kit.row(
                self._picture,
                (kit.col(self._name, self._step, 8, self._rows, None, gap=4), 1),
                gap=20,
            ),
            pad=20, now=True,
        )  # fmt: skip
        self.build(
            None, head, 12, person, self._others, kit.row(later, None), None, None, titled=False
        )

    def show_crash(self, crash: Crash) -> None:
        """What to tell; call it before the page is entered."""
        self._crash = crash

    def primary(self) -> Primary:
        return Primary(label="Seguir con esta persona", tail=NEXT)

    def press_primary(self) -> None:
        if self._crash is not None:
            self.go_on.emit(self._crash.drafts[0])

    def escape(self) -> None:
        self.later.emit()

    def hints(self) -> Sequence[Hint]:
        return [("Esc", "Dejar para después")]

    def enter(self) -> None:
        crash = self._crash
        if crash is None:
            return
        zone = self._desk.clock.local().tzinfo
        first, others = crash.drafts[0], len(crash.drafts) - 1
        self._title.say(f"La estación se cerró de golpe a las {hour_of(crash.until_utc, zone)}")
        self._until.say(f"Se guardó todo hasta las {moment_of(first.saved_utc, zone)}.")
        self._name.say(who(first))
        self._step.say(f"{step_words(first)} · empezado por {first.by or 'un colega'}")
        kit.refill(self._rows, *(kit.StateRow("ok", words, plain=True) for words in _kept(first)))
        one = others == 1
        more = "1 persona más sigue" if one else f"{others} personas más siguen"
        self._others.say(f"{more} en espera, con todo guardado.")
        self._others.setVisible(others > 0)
        self._picture.show_person(self._desk, self._bridge, first)

    def leave(self) -> None:
        self._crash = None
        self._name.say("")
        self._picture.show_person(self._desk, self._bridge, None)


def _kept(one: Parked) -> list[str]:
    """What of a person is saved, in words."""
    draft = one.draft
    if draft is None:
        return []
    fingers = sum(finger.best is not None for finger in draft.fingers)
    told = [
        ("Documento y datos escritos", draft.document is not None or bool(one.name)),
        ("Fotografía", draft.portrait is not None),
        (f"{fingers} huellas" if fingers != 1 else "1 huella", fingers > 0),
        ("Aviso y respuesta", draft.consent is not None),
    ]
    return [words for words, there in told if there] or ["Aún no había nada escrito ni capturado"]
