"""The document: what it says of itself, read and typed side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QWidget

from migramovil.core import documents
from migramovil.core.documents import (
    DOCUMENT_LABELS,
    Difference,
    DocumentType,
    IdentityDocument,
    MrzReading,
    MrzTrouble,
)
from migramovil.core.enrollment import Step
from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.services.desk import Desk
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint
from migramovil.ui.pages.wizard.base import (
    SEXES,
    Remark,
    StepPage,
    choose,
    country_options,
    country_words,
    date_words,
    show_date,
    typed_date,
)

CHECK_WORDS = {
    "number": "número", "birth_date": "nacimiento", "expiry": "vencimiento",
    "optional": "dato opcional", "composite": "conjunto",
}  # fmt: skip
_SHORT = {
    "birth_date": "Nacimiento", "number": "Número", "issuer": "Emisor", "expiry": "Vence",
}  # fmt: skip
_DATES = ("birth_date", "expiry")
_COUNTRIES = ("nationality", "issuer")


class IdentityPage(StepPage):
    """Read with F5 or written with F6; nothing read enters the draft's fields unconfirmed."""

    step = Step.IDENTITY
    help = (
        "F5 lee el documento con el lector; con un lector de mano basta pasarlo. F6 abre un cuadro "
        "donde usted escribe las líneas. Compare lo leído con lo escrito: al confirmar se llena lo "
        "vacío y nunca se cambia lo que usted escribió."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__(
            desk, bridge, "Identidad",
            "Compare lo escrito con el documento. El nombre de la página conserva tildes y Ñ.",
        )  # fmt: skip
        self.reading: MrzReading | None = None
        self._ticket: Ticket[MrzReading] | None = None
        self._read = kit.Button("Leer documento", icon="barcode", key="F5", on=self._read_document)
        self._by_hand = kit.Button(
            "Escribir las líneas", icon="keyboard", key="F6", on=self._write_lines
        )
        self.banner = kit.TroubleBanner()
        zone = self._zone_card()
        lower = kit.row(
            kit.fixed(self._document_card(), 272 if theme.large() else 380),
            (self._compare_card(), 1),
            gap=16,
        )
        self.build(self.banner, zone, (lower, 1), actions=[self._read, self._by_hand])

    # ---- visits -----------------------------------------------------------------------------
    def enter(self) -> None:
        self.banner.settle()
        self.lines.hide()
        self._offer_countries()
        self.reading = self._kept_reading()
        super().enter()
        self._show_reading()

    def leave(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
        self._reading_over()

    def draw(self) -> None:
        paper = self._paper()
        self.kind.set_value(paper.type.value)
        self.number.set_value(paper.number)
        choose(self.issuer, paper.issuer)
        show_date(self.expiry, paper.expiry)
        source = "documento" if paper.source == "mrz" else ""
        for name in ("number", "issuer", "expiry"):
            self.fields[name].set_source(source if getattr(paper, name) else "")

    def remarks(self) -> Mapping[str, Remark]:
        rules = self.enrolling.rules
        problems = documents.document_problems(
            self._paper(), today=rules.today, issuers=rules.countries
        )
        return {p.field: ("warn", p.text) for p in problems if not p.blocking}

    def hints(self) -> Sequence[Hint]:
        confirm = [("F8", "Confirmar")] if self._confirm.isVisible() else []
        return [("F5", "Leer"), *confirm, ("Tab", "Siguiente")]

    def first_focus(self) -> QWidget | None:
        return self.number

    def reveal(self, field: kit.Field) -> None:
        self._fields.ensureWidgetVisible(field, 0, theme.px(8))

    def place_of(self, field: str) -> QWidget | None:
        if field == "mrz":
            return self._confirm
        return super().place_of(field) or (self.kind if field in {"type", "document"} else None)

    def escape(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
            self._reading_over()
        elif self.lines.isVisible():
            self._close_lines()
        else:
            super().escape()

    # ---- typing -----------------------------------------------------------------------------
    def _paper(self) -> IdentityDocument:
        """The document as kept; before the first edit, an empty passport, as the form shows."""
        return self.draft.document or IdentityDocument(type=DocumentType.PASSPORT)

    def _write(self) -> None:
        kind = self.kind.value()
        paper = replace(
            self._paper(),
            type=DocumentType(kind) if kind else self._paper().type,
            number=self.number.value(),
            issuer=self.issuer.value() or "",
            expiry=typed_date(self.expiry),
        )
        if paper != self._paper():
            self.change(document=replace(paper, source="typed"))
            self._show_comparison()

    def _offer_countries(self) -> None:
        if not self.issuer.matches(""):
            self.issuer.set_choices(country_options(self.enrolling.countries))

    # ---- reading ----------------------------------------------------------------------------
    def _read_document(self) -> None:
        if self._ticket is not None:
            return
        self.banner.settle()
        self._ticket = self.enrolling.read_mrz()
        self._read.say("Leyendo", icon="hourglass")
        self._read.set_available(False, "Pase el documento por el lector, o Esc para dejarlo.")
        self._badge.say("Pase el documento por el lector", "now")
        self.bridge.when_done(self._ticket, self._was_read, self._not_read)

    def _was_read(self, reading: MrzReading) -> None:
        self._reading_over()
        self._take(reading)

    def _not_read(self, trouble: Trouble) -> None:
        self._reading_over()
        self.banner.show_trouble(trouble)

    def take_reading(self, text: str) -> bool:
        try:
            reading = self.enrolling.read_typed(text)
        except Trouble as trouble:
            self.banner.show_trouble(trouble)
            return True
        if self._ticket is not None:
            self._ticket.cancel()
            self._reading_over()
        self._take(reading)
        return True

    def _reading_over(self) -> None:
        self._ticket = None
        self._read.say("Leer documento", icon="barcode")
        self._read.set_available(True)
        self._show_badge()

    def _write_lines(self) -> None:
        self._empty.hide()
        self.view.hide()
        self._checks.hide()
        self.lines.set_value("")
        self.lines.show()
        self.lines.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.changed.emit()

    def _close_lines(self) -> None:
        self.lines.hide()
        self._show_reading()
        self.number.setFocus(Qt.FocusReason.OtherFocusReason)

    def _lines_typed(self) -> None:
        try:
            reading = self.enrolling.parse_mrz(self.lines.toPlainText())
        except MrzTrouble as trouble:
            self.banner.show_trouble(trouble)
            return
        self.banner.settle()
        if reading is not None:
            self._take(reading)

    def _take(self, reading: MrzReading) -> None:
        """Show what was read; the draft keeps the lines, not yet confirmed."""
        self.banner.settle()
        self.lines.hide()
        self.reading = reading
        self.change(mrz_lines=reading.lines, mrz_confirmed=False)
        self._show_reading()
        self._confirm.setFocus(Qt.FocusReason.OtherFocusReason)

    def _accept(self) -> None:
        if self.reading is None:
            return
        self.enrolling.accept_reading(self.reading)
        self.redraw()
        self._show_reading()

    def _kept_reading(self) -> MrzReading | None:
        if not self.draft.mrz_lines:
            return None
        try:
            return self.enrolling.parse_mrz("\n".join(self.draft.mrz_lines))
        except MrzTrouble:  # lines of an older station: the officer reads again
            return None

    # ---- showing ----------------------------------------------------------------------------
    def _show_reading(self) -> None:
        reading = self.reading
        self._empty.setVisible(reading is None)
        self.view.setVisible(reading is not None)
        self._checks.setVisible(reading is not None)
        if reading is not None:
            self.view.show_lines(reading.lines, dict.fromkeys(reading.doubtful, ""))
            self._show_checks(reading)
        self._show_badge()
        self._show_comparison()
        self.changed.emit()

    def _show_badge(self) -> None:
        if self.reading is None:
            self._badge.say("Sin leer", "idle")
            return
        wrong = sum(not check.ok for check in self.reading.checks)
        words = "1 dígito no cuadra" if wrong == 1 else f"{wrong} dígitos no cuadran"
        self._badge.say(words if wrong else "Todos los dígitos cuadran", "warn" if wrong else "ok")

    def _show_checks(self, reading: MrzReading) -> None:
        rows: list[kit.Item] = [kit.Text("Dígitos de control", "cap", "ink2"), 8]
        for check in reading.checks:
            words = kit.Text(CHECK_WORDS.get(check.name, check.name), "body")
            rows += [kit.row(kit.sign("ok" if check.ok else "warn", 18), words, gap=6), 8]
        kit.refill(self._check_row, *rows, None)

    def _show_comparison(self) -> None:
        reading = self.reading
        self._confirm.setVisible(reading is not None and not self.draft.mrz_confirmed)
        if reading is None:
            self._told.say("Se guardan ambas lecturas: lo escrito y lo leído.")
            waits = "Al leer el documento, aquí se compara campo por campo."
            kit.refill(self._table, 56, kit.Empty("identification-card", waits))
            return
        rows = documents.differences(self.draft.person, self._paper(), reading)
        kit.refill(self._table, kit.Box(self._grid(rows)), None)
        other = sum(not d.same and bool(d.typed) for d in rows)
        self._told.say(self._advice(reading, other))

    def _advice(self, reading: MrzReading, other: int) -> str:
        if documents.specimen(reading):
            return "Es una muestra impresa, no el documento de una persona."
        if other:
            return "Hay diferencias: mire la página. Se guardan ambas lecturas."
        if self.draft.mrz_confirmed:
            return "Lectura confirmada."
        return "Al confirmar se llena solo lo que está vacío."

    def _grid(self, rows: Sequence[Difference]) -> QLayout:
        heads = ("Campo", "Escrito por usted", "Leído del documento", "Comparación")
        if theme.large():
            heads = ("Campo", "Escrito", "Leído", "")
        cells: list[tuple[kit.Part, int, int]] = [
            (kit.Text(words, "capb", "ink2"), 0, n) for n, words in enumerate(heads)
        ]
        for n, found in enumerate(rows, 1):
            typed, read = (self._words(found, v) for v in (found.typed, found.read))
            marked = {} if found.same or not found.typed else _apart(typed, read)
            cells.append((kit.Text(_SHORT.get(found.field, found.label), "body", "ink2"), n, 0))
            for column, words in ((1, typed), (2, read)):
                text = kit.Text(words, "strong", exact=True, elide=True)
                if marked:
                    text = kit.Text("", "strong", exact=True, wrap=True)
                    text.say_marked(words, marked[column])
                cells.append((text, n, column))
            cells.append((self._verdict(found), n, 3))
        gap = 3 if theme.large() else 9
        return kit.grid(*cells, gap=(12, gap), shares=(0, 4, 4, 2))

    def _words(self, found: Difference, value: str) -> str:
        if found.field in _DATES:
            return date_words(value)
        if found.field in _COUNTRIES:
            return country_words(self.enrolling.countries, value)
        return SEXES.get(value, value) if found.field == "sex" else value

    @staticmethod
    def _verdict(found: Difference) -> kit.Part:
        state: kit.State = "ok"
        words = "Igual"
        if not found.typed:
            state, words = "info", "Se llenará"
        elif not found.same:
            state, words = "bad", "Distinto"
        elif kit.fold(found.typed) == kit.fold(found.read) and found.typed != found.read:
            words = "Igual" if theme.large() else "Igual (tildes)"
        tone: theme.Tone = "bad" if state == "bad" else "ink2"
        return kit.row(kit.sign(state, 16), kit.Text(words, "body", tone), None, gap=6)

    # ---- building ---------------------------------------------------------------------------
    def _zone_card(self) -> kit.Card:
        self.view = kit.MrzView()
        self._badge = kit.Badge("Sin leer", "idle")
        self._check_row = kit.row(gap=6)
        self._checks = kit.Box(self._check_row)
        self._empty = kit.Text(
            "Pulse F5 y pase el documento por el lector, o F6 para escribir las dos o tres líneas "
            "de abajo. Si el documento no tiene esas líneas, llene los campos.",
            "body", "ink2", wrap=True,
        )  # fmt: skip
        self.lines = kit.TextArea("Escriba las dos o tres líneas, o pase el lector de mano")
        self.lines.setFont(theme.font("sub", mono=True))
        self.lines.setFixedHeight(theme.px(96))
        self.lines.setAccessibleName("Líneas del documento")
        self.lines.textChanged.connect(self.edit(self._lines_typed))
        return kit.Card(
            self.view, self._empty, self.lines, self._checks,
            title="Zona de lectura mecánica", right=self._badge, gap=8, pad=14,
        )  # fmt: skip

    def _document_card(self) -> kit.Card:
        kinds = [kit.Option(value=k.value, words=words) for k, words in DOCUMENT_LABELS.items()]
        self.kind = kit.Combo(kinds)
        self.number = kit.TextField(exact=True, capitals=True, most=30)
        self.issuer = kit.Combo()
        self.expiry = kit.DateField(lambda: self.enrolling.rules.today, past=False)
        self.kind.chosen.connect(self.edit(self._write))
        self.issuer.chosen.connect(self.edit(self._write))
        self.number.textEdited.connect(self.edit(self._write))
        self.expiry.textEdited.connect(self.edit(self._write))
        expiry = kit.Field("Vence", self.expiry)
        self.watch(
            {
                "type": kit.Field("Tipo de documento", self.kind),
                "number": kit.Field("Número", self.number),
                "issuer": kit.Field("País emisor", self.issuer),
                "expiry": expiry,
            }
        )
        parts = [self.fields[name] for name in ("type", "number", "issuer", "expiry")]
        inner = kit.Box(kit.col(*parts, None, gap=6, margins=(0, 0, 4, 0)))
        self._fields = kit.Scroll(inner)
        return kit.Card((self._fields, 1), title="Documento", gap=6, pad=14)

    def _compare_card(self) -> kit.Card:
        self._table = kit.col(gap=4)
        self._told = kit.Text("", "body", "ink2", wrap=True)
        self._confirm = kit.Button(
            "Confirmar lectura", icon="check-bold", key="F8", on=self._accept
        )
        self._confirm.hide()
        inner = kit.Box(kit.col(self._table, None, gap=0, margins=(0, 0, 8, 0)))
        lower = kit.row((self._told, 1), self._confirm, gap=12)
        return kit.Card((kit.Scroll(inner), 1), kit.Rule(), lower, gap=8, pad=14)


def _apart(typed: str, read: str) -> dict[int, set[int]]:
    """Which letters differ, for column 1 (typed) and 2 (read); accents do not count."""
    one, two = kit.fold(typed), kit.fold(read)
    if len(one) != len(typed) or len(two) != len(read):  # a letter that folds to several
        return {1: set(range(len(typed))), 2: set(range(len(read)))}
    same = {n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a == b}
    return {1: set(range(len(typed))) - same, 2: set(range(len(read))) - same}
