"""What the seven pages of an enrollment have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QWidget

from migramovil.core.enrollment import Draft, Missing, Step
from migramovil.core.places import Country
from migramovil.services.desk import Desk
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit import Combo, DateField, Field, FieldState, Option
from migramovil.ui.kit.page import NEXT, Page, Primary

Remark = tuple[FieldState, str]
SEXES: Mapping[str, str] = {"F": "F, femenino", "M": "M, masculino", "X": "X"}


class StepPage(Page):
    """One step: draws itself from the draft, writes every edit into it at once.

    A page fills `self.fields` with the name of each draft field it shows; a field is told off only
    after it was touched, or once the officer asked what is missing.
    """

    rail = "steps"
    step: ClassVar[Step]

    def __init__(self, desk: Desk, bridge: Bridge, title: str, subtitle: str = "") -> None:
        super().__init__(title, subtitle)
        self.desk, self.bridge = desk, bridge
        self.enrolling = desk.enrolling
        self.fields: dict[str, Field] = {}
        self._touched: set[str] = set()
        self._drawing = False

    @property
    def draft(self) -> Draft:
        """The draft on the table; the window shows no step without one."""
        draft = self.enrolling.draft
        if draft is None:
            raise RuntimeError("a step of an enrollment needs a draft")
        return draft

    # ---- what a step overrides -------------------------------------------------------------
    def draw(self) -> None:
        """Show the draft; nothing done here counts as an edit."""

    def remarks(self) -> Mapping[str, Remark]:
        """What is worth saying under a field although nothing is wrong with it."""
        return {}

    def reveal(self, field: Field) -> None:
        """Bring a field that got the focus into sight, where the page scrolls."""

    def place_of(self, field: str) -> QWidget | None:
        """What gets the focus when `field` is missing."""
        known = self.fields.get(field)
        return known.control if known else None

    # ---- the page ---------------------------------------------------------------------------
    def enter(self) -> None:
        self._touched.clear()
        self.redraw()

    def primary(self) -> Primary | None:
        lacking = self.missing()
        reason = lacking[0].text if lacking else ""
        return Primary(label="Continuar", tail=NEXT, available=not lacking, reason=reason)

    def press_primary(self) -> None:
        self.go_next.emit()

    def point_to_missing(self) -> None:
        lacking = self.missing()
        self._touched.update(self.fields)
        self.judge()
        place = self.place_of(lacking[0].field) if lacking else None
        if place is not None:
            place.setFocus(Qt.FocusReason.OtherFocusReason)

    # ---- what a step uses -------------------------------------------------------------------
    def missing(self) -> tuple[Missing, ...]:
        """What this step still lacks."""
        if self.enrolling.draft is None:
            return ()
        return tuple(m for m in self.enrolling.missing() if m.step == self.step)

    def redraw(self) -> None:
        with self.drawing():
            self.draw()
        self.judge()
        self.changed.emit()

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """While it lasts, what controls announce is no edit."""
        before, self._drawing = self._drawing, True
        try:
            yield
        finally:
            self._drawing = before

    def change(self, **fields: object) -> None:
        """An edit: into the draft, which saves itself."""
        if self.only_shows:
            return
        self.enrolling.change(**fields)
        self.judge()
        self.changed.emit()

    def edit(self, write: Callable[[], object]) -> Callable[..., None]:
        """A slot that writes, unless the page is only drawing."""

        def slot(*_: object) -> None:
            if not self.only_shows:
                write()

        return slot

    @property
    def only_shows(self) -> bool:
        """While drawing, and once the draft was put down, what controls announce is no edit."""
        return self._drawing or self.enrolling.draft is None

    def watch(self, fields: Mapping[str, Field]) -> None:
        """Judge these fields from now on, each after it was left for the first time."""
        for name, field in fields.items():
            self.fields[name] = field
            field.control.installEventFilter(self)

    def judge(self) -> None:
        """One line under each touched field, the words of the rules."""
        wrong = {m.field: m.text for m in self.missing()}
        kind = self.remarks()
        for name, field in self.fields.items():
            if name in wrong:
                told = name in self._touched
                field.say("bad" if told else "normal", wrong[name] if told else "")
            else:
                field.say(*kind.get(name, ("normal", "")))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        name = next((n for n, field in self.fields.items() if field.control is watched), None)
        if name is not None and event.type() == QEvent.Type.FocusIn:
            # once the layout has settled: the field may just have come into being
            QTimer.singleShot(0, self, lambda: self.reveal(self.fields[name]))
        left = event.type() == QEvent.Type.FocusOut and not self.only_shows
        if name is not None and left and name not in self._touched:
            self._touched.add(name)
            self.judge()
        return super().eventFilter(watched, event)


def show_date(field: DateField, iso: str) -> None:
    """Write a whole or partial ISO date the way it is read here."""
    field.setText(date_words(iso))
    field.setCursorPosition(0)


def date_words(iso: str) -> str:
    """19/08/1991 for 1991-08-19; 08/1991 for 1991-08."""
    return "/".join(reversed(iso.split("-"))) if iso else ""


def typed_date(field: DateField) -> str:
    """The ISO date as far as it is understood, or what was typed: nothing typed gets lost."""
    reading = field.reading()
    if reading.problem or reading.year is None:
        return field.text().strip()
    parts = [f"{n:02d}" for n in (reading.month, reading.day) if n]
    return "-".join([f"{reading.year:04d}", *parts])


def country_options(countries: Sequence[Country]) -> list[Option]:
    return [Option(value=c.code, words=f"{c.code} · {c.name_es}") for c in countries]


def country_words(countries: Sequence[Country], code: str) -> str:
    return next((f"{c.code}, {c.name_es}" for c in countries if c.code == code), code)


def choose(combo: Combo, value: str) -> None:
    combo.set_value(value or None)
