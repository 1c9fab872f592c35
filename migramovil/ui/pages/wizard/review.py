"""One last look with the person, then the seal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Signal

from migramovil.core import biometrics, person
from migramovil.core.documents import DOCUMENT_LABELS
from migramovil.core.enrollment import Draft, Step, fingers_asked
from migramovil.core.notices import LANGUAGES
from migramovil.core.trouble import Trouble
from migramovil.services.desk import Desk
from migramovil.services.enrolling import Finished
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Action, Hint, Primary
from migramovil.ui.pages.common import hour_of
from migramovil.ui.pages.wizard.base import SEXES, StepPage, country_words, date_words

_JUMPS = (Step.PROCEDURE, Step.IDENTITY, Step.PERSON, Step.PORTRAIT, Step.FINGERS, Step.CONSENT)
_ROWS = ((6, 7, 8, 9, 10), (1, 2, 3, 4, 5))


class ReviewPage(StepPage):
    """Everything in sight, digits to go and mend, one button that seals."""

    step = Step.REVIEW
    sealed = Signal(object)
    """The Finished of the service."""
    help = (
        "Repase los datos con la persona. Los números 1 a 6 llevan al paso por corregir. Al "
        "sellar, esta estación ya no puede abrir el registro: sede central decide."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__(
            desk, bridge, "Revisión",
            "Último vistazo con la persona. Al terminar, esta estación ya no puede abrir el "
            "registro; sede central decide.",
        )  # fmt: skip
        self._sealing = False
        self.trouble = kit.TroubleBanner()
        self.progress = kit.Banner(
            "info", "Sellando y comprobando el registro", "Puede tardar unos segundos."
        )
        self.progress.hide()
        self.portrait = kit.Picture("Retrato", width=112, height=149, icon="user")
        self._pairs: dict[str, kit.Pair] = {}
        self._thumbs: dict[int, tuple[kit.Picture, kit.Text]] = {}
        self._told = kit.Text("", "cap", "ink2", wrap=True)
        self._consent = kit.col(gap=2)
        self._checks = kit.col(gap=6)
        lower = kit.row(
            self._fingers_card(), (self._consent_card(), 1), (self._checks_card(), 1), gap=12
        )
        body = kit.Box(kit.col(self._person_card(), (lower, 1), gap=12, margins=(0, 0, 4, 0)))
        self._scroll = kit.Scroll(body)
        self.build(self.trouble, self.progress, (self._scroll, 1))

    # ---- visits -----------------------------------------------------------------------------
    def enter(self) -> None:
        self.trouble.settle()
        super().enter()

    def draw(self) -> None:
        self._draw_person(self.draft)
        self._draw_pictures(self.draft)
        self._draw_consent(self.draft)
        self._draw_checks()

    # ---- answers ----------------------------------------------------------------------------
    def primary(self) -> Primary | None:
        if self._sealing:
            return Primary(label="Sellando", available=False, reason="Se está sellando.")
        lacking = self.enrolling.missing() if self.enrolling.draft is not None else ()
        return Primary(
            label="Sellar y terminar", icon="lock-key-bold", available=not lacking,
            reason=lacking[0].text if lacking else "",
        )  # fmt: skip

    def press_primary(self) -> None:
        if self._sealing:
            return
        self.trouble.settle()
        self._turn(sealing=True)
        # the bridge owns the answer: a seal is told even to a page that was left meanwhile
        self.bridge.when_done(
            self.enrolling.finish(), self._finished, self._not_finished, owner=self.bridge
        )

    def point_to_missing(self) -> None:
        lacking = self.enrolling.missing()
        if lacking and not self._sealing:
            self.go_to.emit(lacking[0].step.value)

    def keys(self) -> Mapping[str, Action]:
        if self._sealing:
            return {}
        return {
            "↑": lambda: self._scroll_by(-1),
            "↓": lambda: self._scroll_by(1),
            **{str(n): self._jump(step) for n, step in enumerate(_JUMPS, 1)},
        }

    def hints(self) -> Sequence[Hint]:
        return [] if self._sealing else [("1–6", "Ir al paso")]

    def escape(self) -> None:
        if not self._sealing:
            super().escape()

    def _scroll_by(self, way: int) -> None:
        bar = self._scroll.verticalScrollBar()
        bar.setValue(bar.value() + way * theme.px(80))

    # ---- sealing ----------------------------------------------------------------------------
    def _finished(self, finished: Finished) -> None:
        self._turn(sealing=False)
        self.sealed.emit(finished)

    def _not_finished(self, trouble: Trouble) -> None:
        self._turn(sealing=False)
        self.trouble.show_trouble(trouble, "El enrolamiento sigue guardado y cifrado aquí")

    def _turn(self, *, sealing: bool) -> None:
        self._sealing = sealing
        self.can_go_back = not sealing
        self.progress.setVisible(sealing)
        self.changed.emit()

    def _jump(self, step: Step) -> Action:
        def go() -> None:
            if not self._sealing:
                self.go_to.emit(step.value)

        return go

    # ---- showing ----------------------------------------------------------------------------
    def _draw_person(self, draft: Draft) -> None:
        who, paper, names = draft.person, draft.document, self.enrolling.countries
        age = person.age_on(who.birth_date, self.enrolling.rules.today)
        years = "" if age is None else f" · {age} años"
        kind = DOCUMENT_LABELS[paper.type].split(" (")[0] if paper else ""
        paper_words = f"{kind} {paper.issuer} {paper.number}" if paper else ""
        place = next((d for d in self.enrolling.districts if d.ubigeo == who.ubigeo), None)
        district = f"{place.district}, {place.province}, {place.department}" if place else ""
        procedure = self.enrolling.catalogue.name_of(draft.procedure)
        helped = "con intérprete" if who.interpreter else "sin intérprete"
        values = {
            "surnames": f"{who.first_surname} {who.second_surname}".strip(),
            "given": who.given_names,
            "document": paper_words,
            "birth": f"{date_words(who.birth_date)}{years}" if who.birth_date else "",
            "sex": SEXES.get(who.sex, ""),
            "nationality": country_words(names, who.nationality),
            "address": who.address,
            "district": district or country_words(names, who.residence_country),
            "phone": "No tiene" if who.no_phone else who.phone,
            "procedure": procedure,
            "guardian": f"{draft.guardian.names} · {draft.guardian.relationship}".strip(" ·"),
            "language": f"{LANGUAGES.get(who.language, who.language)} · {helped}",
        }
        for name, pair in self._pairs.items():
            pair.say(values[name] or "–")
        minor = age is not None and age < person.FULL_AGE
        self._pairs["guardian"].setVisible(minor)

    def _draw_pictures(self, draft: Draft) -> None:
        self.portrait.show_pixels(None)
        refused = draft.refused
        if draft.portrait is not None and not refused:
            self.bridge.when_done(
                self.enrolling.portrait_pixels(), self.portrait.show_pixels,
                self.trouble.show_trouble, owner=self,
            )  # fmt: skip
        asked = fingers_asked(draft, self.enrolling.rules)
        for position, (picture, words) in self._thumbs.items():
            self._draw_thumb(draft, position, picture, words, asked=position in asked)
        self._prints.setVisible(bool(asked))
        self._told.say(self._finger_words(draft, asked))

    def _draw_thumb(
        self, draft: Draft, position: int, picture: kit.Picture, words: kit.Text, *, asked: bool
    ) -> None:
        finger = draft.finger(position)
        picture.show_pixels(None)
        words.set_tone("ink")
        if not asked or finger is None:
            words.say("–")
            return
        if finger.exception is not None:
            words.say(finger.exception.value)
            words.set_tone("warn")
        else:
            words.say("–" if finger.quality is None else str(finger.quality))
        if finger.best is not None:
            self.bridge.when_done(
                self.enrolling.finger_pixels(position), picture.show_pixels,
                self.trouble.show_trouble, owner=self,
            )  # fmt: skip

    def _finger_words(self, draft: Draft, asked: Sequence[int]) -> str:
        if not asked:
            return (
                "Sin huellas: la persona no acepta."
                if draft.refused
                else "Sin huellas: no se piden a su edad."
            )
        exceptions = [f for f in draft.fingers if f.exception is not None]
        if not exceptions:
            return f"Calidad NFIQ 2, umbral {self.enrolling.rules.fingers.threshold}."
        names = ", ".join(kit.FINGER_NAMES[f.position] for f in exceptions)
        waiting = any(not f.approved_by for f in exceptions)
        told = "falta aprobar" if waiting else "aprobada por otra persona"
        return f"Excepción: {names}; {told}."

    def _draw_consent(self, draft: Draft) -> None:
        consent = draft.consent
        zone = self.desk.clock.local().tzinfo
        rows: list[kit.StateRow] = []
        if consent is None:
            rows.append(kit.StateRow("idle", "Aviso", "falta", plain=True))
        else:
            mode = "leído en voz alta" if consent.mode == "read_aloud" else "leído"
            at = hour_of(consent.notice_at.utc, zone)
            rows.append(kit.StateRow("ok", f"Aviso {mode}", at, plain=True))
            language = LANGUAGES.get(consent.language, consent.language)
            rows.append(kit.StateRow("ok", f"{language} · versión {consent.version}", plain=True))
            answers: dict[bool | None, tuple[kit.State, str]] = {
                True: ("ok", "acepta"), False: ("warn", "no acepta"), None: ("idle", "falta"),
            }  # fmt: skip
            state, words = answers[consent.given]
            rows.append(kit.StateRow(state, "Respuesta", words, plain=True))
            if consent.refusal_reason:
                rows.append(kit.StateRow("info", consent.refusal_reason, plain=True))
        receipt = draft.receipt_number
        rows.append(
            kit.StateRow("ok" if receipt else "idle", "Comprobante", receipt or "–", plain=True)
        )
        kit.refill(self._consent, *rows, None)

    def _draw_checks(self) -> None:
        lacking = self.enrolling.missing()
        rows = [kit.StateRow("warn", m.text) for m in lacking[:3]]
        if len(lacking) > 3:
            rows.append(kit.StateRow("warn", f"Y {len(lacking) - 3} más"))
        if not lacking:
            rows.append(kit.StateRow("ok", "Nada falta para terminar"))
            rows += self._standing()
        kit.refill(self._checks, *rows, None)

    def _standing(self) -> list[kit.StateRow]:
        draft = self.draft
        rules = self.enrolling.rules.fingers
        if draft.refused:
            return [kit.StateRow("warn", "Se sella sin biometría")]
        rows = []
        if draft.mrz_lines:
            rows.append(kit.StateRow("ok", "Documento leído y confirmado"))
        low = [m for m in draft.portrait.measures if not m.ok] if draft.portrait else []
        words = f"Fotografía: {len(low)} bajo umbral" if low else "Fotografía sobre su umbral"
        rows.append(kit.StateRow("warn" if low else "ok", words))
        done = sum(biometrics.settled(f, rules) for f in draft.fingers)
        out = sum(f.exception is not None for f in draft.fingers)
        if draft.fingers:
            words = f"{done} huellas, {out} con excepción" if out else f"{done} huellas"
            rows.append(kit.StateRow("warn" if out else "ok", words))
        return rows

    # ---- building ---------------------------------------------------------------------------
    def _correct(self, number: int, words: str = "Corregir") -> kit.Button:
        step = _JUMPS[number - 1]
        return kit.Button(
            words, kind="quiet", icon="" if theme.large() else "pencil-simple",
            key=str(number), height=32, on=self._jump(step),
        )  # fmt: skip

    def _person_card(self) -> kit.Card:
        labels = (
            ("surnames", "Apellidos"), ("given", "Nombres"), ("document", "Documento"),
            ("birth", "Nacimiento"), ("sex", "Sexo"), ("nationality", "Nacionalidad"),
            ("address", "Dirección"), ("district", "Residencia"), ("phone", "Celular"),
            ("procedure", "Trámite"), ("language", "Idioma"), ("guardian", "Responde por el menor"),
        )  # fmt: skip
        exact = {"surnames", "given", "document"}
        for name, label in labels:
            self._pairs[name] = kit.Pair(label, "", exact=name in exact)
        cells = [(pair, n // 3, n % 3) for n, pair in enumerate(self._pairs.values())]
        pairs = kit.grid(*cells, gap=(20, 6), shares=(1, 1, 1))
        jumps = kit.row(
            self._correct(1, "Trámite"),
            self._correct(2, "Identidad"),
            self._correct(3, "Datos"), self._correct(4, "Foto"),
            gap=0,
        )  # fmt: skip
        picture = kit.col(self.portrait, None)
        return kit.Card(
            kit.row(picture, (pairs, 1), gap=20), title="Persona", right=jumps, gap=8, pad=14
        )

    def _fingers_card(self) -> kit.Card:
        rows: list[kit.Item] = []
        for positions in _ROWS:
            cells: list[kit.Item] = []
            for position in positions:
                name = kit.FINGER_NAMES[position]
                picture = kit.Picture(
                    name.capitalize(), width=52, height=56, icon="fingerprint", radius=6
                )
                words = kit.Text("–", "capb", align="centre")
                self._thumbs[position] = (picture, words)
                cells.append(kit.col(picture, words, gap=1))
            rows.append(kit.row(*cells, None, gap=6))
        self._prints = kit.Box(kit.col(*rows, gap=6))
        card = kit.Card(
            self._prints, self._told, None,
            title="Huellas", right=self._correct(5), gap=6, pad=14,
        )  # fmt: skip
        card.setMinimumWidth(card.sizeHint().width())  # as wide with prints as without
        return card

    def _consent_card(self) -> kit.Card:
        return kit.Card(self._consent, title="Aviso", right=self._correct(6), gap=6, pad=14)

    def _checks_card(self) -> kit.Card:
        return kit.Card(self._checks, title="Comprobación", gap=8, pad=14)
