"""Citas y carnés: who is expected, and whose card lies in the vehicle; found by name or document.

The lists rest sealed and are opened for whoever is inside; no page that is not in sight keeps one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from PySide6.QtWidgets import QWidget

from migramovil.core.documents import MrzTrouble
from migramovil.core.downstream import Appointment, Card, Kind
from migramovil.core.roles import Act, may
from migramovil.core.trouble import Trouble
from migramovil.ui import kit
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint
from migramovil.ui.pages.common import DayPage, date_of, span_words

if TYPE_CHECKING:
    from migramovil.services.desk import Desk
    from migramovil.services.downstream import Row

Part = Literal["today", "all", "cards"]
_EMPTY = {
    "today": "No hay citas para hoy en la lista de sede central.",
    "all": "Sede central todavía no envió citas a esta estación.",
    "cards": "Sede central todavía no envió carnés a esta estación.",
}
_NONE_SUCH = "Nadie con ese nombre o documento en esta lista."


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One line: its cells, and the folded words it is found by."""

    cells: tuple[kit.Cell, ...]
    words: str


class VisitsPage(DayPage):
    """Asks for both lists on arrival and again when headquarters sent newer ones."""

    help: ClassVar[str] = (
        "Escriba parte del nombre o del documento, o pase el lector de mano. Las listas son de "
        "sede central, con su fecha: una vencida avisa y sigue en uso. Desde aquí no se entrega ni "
        "se cambia nada."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Citas y carnés", "A quién se espera y qué carnés hay que entregar.")
        self._desk, self._bridge = desk, bridge
        self._part: Part = "today"
        self._here = False
        self._lists: dict[Part, list[Found]] = {}
        self.search = kit.TextField("Apellidos, nombres o número de documento")
        self.search.textChanged.connect(lambda _: self._show_list())
        self._segments = kit.Segmented(self._parts(), self._part, name="Lista")
        self._segments.chosen.connect(self._choose)
        self._age = kit.Text("", "cap", "ink2", align="right", wrap=True)
        self._late = kit.Banner("warn", "-")
        self._trouble = kit.TroubleBanner()
        self._visits = kit.Table(
            "Citas",
            [
                kit.Column(head="Día y hora", width=132),
                kit.Column(head="Persona"),
                kit.Column(head="Documento", width=168),
                kit.Column(head="Trámite", width=264),
            ],
        )
        self._cards = kit.Table(
            "Carnés por entregar",
            [
                kit.Column(head="Persona"),
                kit.Column(head="Documento", width=168),
                kit.Column(head="N.º de carné", width=168),
                kit.Column(head="Lote", width=168),
            ],
        )
        self._empty = kit.Empty("tray", _EMPTY["today"])
        self.build(
            kit.Card(kit.Field("Buscar", self.search), pad=12),
            self._late, self._trouble,
            (kit.Card(kit.row(self._segments, (self._age, 1), gap=16), (self._visits, 1),
                      (self._cards, 1), (self._empty, 1), gap=8), 1),
        )  # fmt: skip
        told = bridge.newest(lambda _: self._ask(), owner=self)
        desk.downstream.when_changed(lambda: told(None))

    # ---- hooks -----------------------------------------------------------------------------
    def hints(self) -> Sequence[Hint]:
        return [("F3", "Buscar"), ("↑ ↓", "Persona")]

    def keys(self) -> dict[str, Callable[[], object]]:
        return {"F3": self._seek}

    def first_focus(self) -> QWidget:
        return self.search

    def enter(self) -> None:
        self._here = True
        self._trouble.settle()
        self._ask()

    def leave(self) -> None:
        """Nobody's name or document stays on a page, nor what was looked for."""
        self._here = False
        self._lists.clear()
        self.search.clear()
        self._show_list()

    def take_reading(self, text: str) -> bool:
        """Look for the number of the document that a hand-held reader read, or for its code."""
        try:
            sought = self._desk.enrolling.read_typed(text).number
        except MrzTrouble:
            sought = text.split("\n", 1)[0]
        except Trouble as trouble:
            self._trouble.show_trouble(trouble)
            return True
        self.search.setText(sought)
        return True

    # ---- what is shown -----------------------------------------------------------------------
    def _ask(self) -> None:
        session = self._desk.accounts.session
        if not self._here or session is None or not may(session.role, Act.SEE_QUEUE):
            return
        down = self._desk.downstream
        self._bridge.when_done(down.appointments(), self._show_visits, self._failed, owner=self)
        self._bridge.when_done(down.cards(), self._show_cards, self._failed, owner=self)

    def _failed(self, trouble: Trouble) -> None:
        self._trouble.show_trouble(trouble)
        self._show_list()

    def _show_visits(self, visits: Sequence[Appointment]) -> None:
        today = self._desk.clock.local().date().isoformat()
        every = sorted(visits, key=lambda one: (one.day, one.hour, one.surnames))
        named = self._desk.enrolling.catalogue.name_of
        self._lists["today"] = [_visit(one, named) for one in every if one.day == today]
        self._lists["all"] = [_visit(one, named) for one in every]
        self._show_list()

    def _show_cards(self, cards: Sequence[Card]) -> None:
        every = sorted(cards, key=lambda one: (one.surnames, one.names))
        self._lists["cards"] = [_card(one) for one in every]
        self._show_list()

    def _choose(self, part: str) -> None:
        self._part = next(one for one in get_args(Part) if one == part)
        self._show_list()

    def _show_list(self) -> None:
        self._segments.set_segments(self._parts())
        self._show_age()
        listed, sought = self._lists.get(self._part, []), kit.fold(self.search.value()).split()
        found = [one for one in listed if all(word in one.words for word in sought)]
        of_cards = self._part == "cards"
        table, other = (self._cards, self._visits) if of_cards else (self._visits, self._cards)
        other.set_source(kit.Rows())
        table.set_source(kit.Rows([one.cells for one in found]))
        for one in (self._visits, self._cards):
            one.setVisible(one is table and bool(found))
        self._empty.setVisible(not found)
        self._empty.say(_NONE_SUCH if listed else _EMPTY[self._part])
        if found:
            table.choose(0)

    def _show_age(self) -> None:
        """How old the list in sight is; one whose time is over warns and goes on serving."""
        kind = Kind.CARDS if self._part == "cards" else Kind.APPOINTMENTS
        row = next(one for one in self._desk.downstream.rows() if one.kind is kind)
        zone = self._desk.clock.local().tzinfo
        ends = date_of(row.expires, zone) if row.expires else ""
        self._age.say(_age(row, ends))
        self._late.setVisible(row.expired)
        what = "carnés" if kind is Kind.CARDS else "citas"
        self._late.say(
            "warn", f"La lista de {what} venció el {ends}",
            "Sigue en uso, pero puede haber cambios. Llega otra al conectarse o en memoria USB.",
        )  # fmt: skip

    def _seek(self) -> None:
        self.search.setFocus()
        self.search.selectAll()

    def _parts(self) -> list[kit.Segment]:
        n = {part: len(self._lists.get(part, [])) for part in get_args(Part)}
        return [
            kit.Segment(value="today", words=f"Citas de hoy {n['today']:,}", letter="H"),
            kit.Segment(value="all", words=f"Todas {n['all']:,}", letter="T"),
            kit.Segment(value="cards", words=f"Carnés por entregar {n['cards']:,}", letter="C"),
        ]


def _age(row: Row, ends: str) -> str:
    if row.age is None:
        return "Sin lista de sede central"
    until = f" · vence {ends}" if ends and not row.expired else ""
    return f"De sede central, hace {span_words(row.age)}{until}"


def _visit(one: Appointment, named: Callable[[str], str]) -> Found:
    when = "/".join(reversed(one.day.split("-")[1:]))
    return Found(
        cells=(
            kit.Cell(words=f"{when} · {one.hour}"),
            _person(one),
            kit.Cell(words=one.document, exact=True),
            kit.Cell(words=named(one.procedure) or one.procedure, tone="ink2"),
        ),
        words=_words(one),
    )


def _card(one: Card) -> Found:
    return Found(
        cells=(
            _person(one),
            kit.Cell(words=one.document, exact=True),
            kit.Cell(words=one.serial, exact=True),
            kit.Cell(words=one.batch, tone="ink2"),
        ),
        words=f"{_words(one)} {kit.fold(one.serial)}",
    )


def _person(one: Appointment | Card) -> kit.Cell:
    return kit.Cell(words=f"{one.surnames}, {one.names}", strong=True, exact=True)


def _words(one: Appointment | Card) -> str:
    """What somebody may be looked for by; a document also without what divides it."""
    bare = "".join(filter(str.isalnum, one.document))
    return kit.fold(f"{one.surnames} {one.names} {one.document} {bare}")
