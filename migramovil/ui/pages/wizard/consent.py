"""The notice, and the person's own answer; a no is as valid as a yes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from migramovil.core.enrollment import Step
from migramovil.core.notices import LANGUAGES
from migramovil.services.desk import Desk
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Action, Hint
from migramovil.ui.pages.common import hour_of
from migramovil.ui.pages.wizard.base import StepPage

MODES = {"shown": "Leyó el aviso", "read_aloud": "Se le leyó en voz alta"}


class ConsentPage(StepPage):
    """Text in the person's language; how it was given; the answer."""

    step = Step.CONSENT
    help = (
        "Elija el idioma, dé el aviso y anote cómo. Después la persona responde: S acepta, N no "
        "acepta. Si no acepta, se hace el registro sin fotografía ni huellas y se la deriva."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__(
            desk, bridge, "Aviso y consentimiento",
            "Dé el aviso en el idioma de la persona y anote su propia respuesta.",
        )  # fmt: skip
        self.language = kit.Combo(kit.options(*LANGUAGES.items()))
        self.language.chosen.connect(self.edit(self._language_chosen))
        self._notice = kit.col(gap=4)
        self._ask = kit.Text("", "sub", wrap=True)
        text = kit.col(self._notice, 4, kit.Rule(), 4, self._ask, None, margins=(16, 10, 16, 10))
        self._scroll = kit.Scroll(kit.Box(text))
        self._version = kit.Text("", "cap", "ink2", wrap=True)
        well = kit.Well(kit.col((self._scroll, 1)))
        language = kit.Field("Idioma del aviso", self.language)
        version = kit.col(None, self._version, gap=0)
        left = kit.Card(kit.row((language, 1), (version, 1), gap=16), (well, 1), gap=10)
        wide = 400 if theme.large() else 416
        self.build((kit.row((left, 1), kit.fixed(self._answer_side(), wide), gap=16), 1))

    # ---- drawing ----------------------------------------------------------------------------
    def draw(self) -> None:
        consent = self.draft.consent
        language = consent.language if consent else self.draft.person.language
        self.language.set_value(language if language in LANGUAGES else "es")
        self.mode.set_value(consent.mode if consent else None)
        self.reason.set_value(consent.refusal_reason if consent else "")
        given = consent.given if consent else None
        for card, answer in ((self.yes, True), (self.no, False)):
            # Qt keeps one card of an exclusive group checked; none is what «no answer» means
            card.setAutoExclusive(False)
            card.setChecked(given is answer)
            card.setAutoExclusive(True)
        self._show_text()
        self._show_state()

    def hints(self) -> Sequence[Hint]:
        answer = [("S", "Acepta"), ("N", "No acepta")] if self.draft.consent else []
        return [("↑ ↓", "Leer"), *answer]

    def keys(self) -> Mapping[str, Action]:
        found: dict[str, Action] = {"↑": self._read_up, "↓": self._read_down}
        if self.draft.consent is not None:  # before the notice there is nothing to answer
            found |= {"S": self.yes.click, "N": self.no.click}
        return found

    def first_focus(self) -> QWidget | None:
        return self.mode

    def place_of(self, field: str) -> QWidget | None:
        places: dict[str, QWidget] = {"notice": self.mode, "consent": self.yes}
        return places.get(field) or super().place_of(field)

    # ---- acts -------------------------------------------------------------------------------
    def _language_chosen(self) -> None:
        """A notice in another language is another notice: it has to be given again."""
        self._show_text()
        if self.language.value() and self.draft.consent is not None:
            self.change(consent=None)
            self.redraw_answer()

    def _give(self, mode: str) -> None:
        self.enrolling.give_notice(self.language.value() or "es", mode)
        self.redraw_answer()
        self.yes.setFocus(Qt.FocusReason.OtherFocusReason)

    def _answer(self, given: bool) -> None:
        if self.only_shows or self.draft.consent is None or self.draft.consent.given is given:
            return
        self.enrolling.answer(given, "" if given else self.reason.value())
        self._show_state()
        self.judge()
        self.changed.emit()
        if not given:
            self.reason.setFocus(Qt.FocusReason.OtherFocusReason)

    def _write_reason(self) -> None:
        self.enrolling.answer(False, self.reason.value())
        self.judge()
        self.changed.emit()

    def redraw_answer(self) -> None:
        """The answer as kept, the language as chosen on the screen."""
        language = self.language.value()
        with self.drawing():
            self.draw()
            self.language.set_value(language)
            self._show_text()
        self.judge()
        self.changed.emit()

    def _read_up(self) -> None:
        self._scroll_by(-1)

    def _read_down(self) -> None:
        self._scroll_by(1)

    def _scroll_by(self, way: int) -> None:
        bar = self._scroll.verticalScrollBar()
        bar.setValue(bar.value() + way * theme.px(60))

    # ---- showing ----------------------------------------------------------------------------
    def _show_text(self) -> None:
        notices = self.enrolling.notices
        text = notices.text(self.language.value() or "es")
        paragraphs = text.notice.splitlines()
        kit.refill(self._notice, *(kit.Text(words, "body", wrap=True) for words in paragraphs))
        self._ask.say(text.consent)
        review = " · falta que lo confirmen abogados y hablantes nativos" if notices.review else ""
        self._version.say(f"Texto versión {notices.version}{review}")

    def _show_state(self) -> None:
        consent = self.draft.consent
        given = consent.given if consent else None
        self._answers.setVisible(consent is not None)
        self._first.setVisible(consent is None)
        self._refusal.setVisible(given is False)
        if consent is None:
            self._when.say("idle", "Aviso todavía no dado")
        else:
            at = hour_of(consent.notice_at.utc, self.desk.clock.local().tzinfo)
            words = LANGUAGES.get(consent.language, consent.language)
            self._when.say("ok", f"Aviso dado en {words}", at)

    def _answer_side(self) -> QWidget:
        self.mode = kit.Segmented(
            [
                kit.Segment(value="shown", words="Lo leyó", letter="L"),
                kit.Segment(value="read_aloud", words="En voz alta", letter="V"),
            ],
            name="Cómo se dio el aviso",
        )
        self.mode.chosen.connect(self._give)
        self._when = kit.StateRow("idle", "")
        self._first = kit.Text("La respuesta se anota después de dar el aviso.", "body", "ink2",
                               wrap=True)  # fmt: skip
        self.yes = kit.ChoiceCard("Acepta", "La persona misma lo dice o lo señala.", key="S")
        self.no = kit.ChoiceCard("No acepta", "Sin consecuencias para ser atendida.", key="N")
        self.yes.toggled.connect(lambda on: self._answer(given=True) if on else None)
        self.no.toggled.connect(lambda on: self._answer(given=False) if on else None)
        self.reason = kit.TextField("Con las palabras de la persona", most=200)
        self.reason.textEdited.connect(self.edit(self._write_reason))
        reason = kit.Field("Motivo que da", self.reason)
        self.watch({"reason": reason})
        self._refusal = kit.Box(
            kit.col(
                reason,
                kit.Banner(
                    "warn", "Se registra sin biometría",
                    "Al sellar se destruyen la fotografía y las huellas. Quedan los datos y esta "
                    "respuesta; la persona se deriva a una sede.",
                ),
                gap=8,
            )
        )  # fmt: skip
        self._answers = kit.Box(kit.col(self.yes, self.no, self._refusal, gap=8))
        how = kit.Card(self.mode, self._when, title="1. El aviso", gap=10, pad=14)
        said = kit.Card(self._first, self._answers, title="2. La respuesta", gap=8, pad=14)
        return kit.Scroll(kit.Box(kit.col(how, said, None, gap=12)))
