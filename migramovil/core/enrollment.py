"""One person's enrollment while it is still a draft, and what it lacks to become a record.

A draft is a value: every change gives a new one. `what_is_missing()` drives the step list, and
nothing with something missing can be sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from migramovil.core import biometrics, canonical, person
from migramovil.core.biometrics import Finger, FingerRules, Portrait
from migramovil.core.documents import IdentityDocument, document_problems
from migramovil.core.person import Guardian, Person
from migramovil.core.record import Stamp
from migramovil.core.trouble import Trouble, Who

SCHEMA = 2


class Step(StrEnum):
    """The wizard's steps, in order."""

    PROCEDURE = "procedure"
    IDENTITY = "identity"
    PERSON = "person"
    PORTRAIT = "portrait"
    FINGERS = "fingers"
    CONSENT = "consent"
    REVIEW = "review"


STEPS = tuple(Step)


class Incomplete(Trouble):
    code = "ENR-01"
    what = "Todavía falta algo para terminar."
    advice = "Pulse F8: la estación lleva a lo que falta."
    who = Who.OFFICER


class ExceptionNeedsAnother(Trouble):
    code = "ENR-02"
    what = "Una excepción la aprueba otra persona, no quien la declaró."
    advice = "Pida a otra persona del equipo que ingrese su clave."
    who = Who.SUPERVISOR


class AnotherInHand(Trouble):
    code = "ENR-03"
    what = "Mientras tanto se abrió el enrolamiento de otra persona."
    advice = "Nada se guardó con quien no era. Retome a la persona y repita la acción."
    who = Who.OFFICER


class NewerDraft(Trouble):
    code = "DRF-01"
    what = "Este enrolamiento se empezó con una versión más nueva del programa."
    advice = "Sigue guardado completo. Ábralo en esa versión; avise al técnico."


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Notice given and consent obtained, as separate facts, each with text version and hash."""

    language: str
    version: str
    notice_sha256: str
    consent_sha256: str
    mode: str  # "shown" | "read_aloud"
    notice_at: Stamp
    given: bool | None = None  # None: not answered yet
    answered_at: Stamp | None = None
    refusal_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The enrollment of one person. Ids of pictures name encrypted objects in the vault."""

    record_id: str
    schema: int = SCHEMA
    started: Stamp
    started_by: str
    step: Step = Step.PROCEDURE
    procedure: str = ""
    catalogue: str = ""
    receipt_number: str = ""
    document: IdentityDocument | None = None
    mrz_lines: tuple[str, ...] = ()
    mrz_confirmed: bool = False
    person: Person = field(default_factory=Person)
    guardian: Guardian = field(default_factory=Guardian)
    portrait: Portrait | None = None
    fingers: tuple[Finger, ...] = ()
    consent: Consent | None = None
    supersedes: str = ""  # the finished record this one corrects
    correction: str = ""  # why

    def finger(self, position: int) -> Finger | None:
        return next((f for f in self.fingers if f.position == position), None)

    def with_finger(self, finger: Finger) -> Draft:
        others = [f for f in self.fingers if f.position != finger.position]
        return replace(self, fingers=tuple(sorted([*others, finger], key=lambda f: f.position)))

    @property
    def refused(self) -> bool:
        """Whether the person said no: then no biometric leaves the chair."""
        return self.consent is not None and self.consent.given is False

    def without_biometrics(self) -> Draft:
        return replace(self, portrait=None, fingers=())

    @property
    def untouched(self) -> bool:
        """Whether nothing was captured, chosen or typed since it was started."""
        fresh = Draft(
            record_id=self.record_id,
            started=self.started,
            started_by=self.started_by,
            step=self.step,
            catalogue=self.catalogue,
        )
        return self == fresh


def _corrects_nothing(plain: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 knew no corrections."""
    return {**plain, "supersedes": "", "correction": ""}


UPGRADES: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _corrects_nothing}
"""What makes a draft of each older schema one of the next."""


def read_draft(schema: int, body: bytes) -> Draft:
    """A draft as it was saved, of this schema or an older one; NewerDraft leaves it as it is."""
    if schema > SCHEMA:
        raise NewerDraft(f"schema {schema}")
    plain = canonical.decode(body, dict[str, Any])
    for old in range(schema, SCHEMA):
        plain = {**UPGRADES[old](plain), "schema": old + 1}
    return canonical.decode(canonical.encode(plain), Draft)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One thing that stands between a draft and its seal: where, which field, what to say."""

    step: Step
    field: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What this station asks for today."""

    today: date
    procedures: Collection[str]
    countries: Collection[str]
    ubigeos: Collection[str]
    fingers: FingerRules = field(default_factory=FingerRules)


def what_is_missing(draft: Draft, rules: Rules) -> tuple[Missing, ...]:
    """Everything still missing, in the order the officer meets it; empty means it can be sealed."""
    found = [*_procedure(draft, rules), *_identity(draft, rules), *_person(draft, rules)]
    if not draft.refused:
        found += [*_portrait(draft), *_fingers(draft, rules)]
    return (*found, *_consent(draft))


def fingers_asked(draft: Draft, rules: Rules) -> tuple[int, ...]:
    """The positions asked of this person: none below the age floor or after a refusal."""
    age = person.age_on(draft.person.birth_date, rules.today)
    if draft.refused or (age is not None and age < rules.fingers.age_floor):
        return ()
    return rules.fingers.positions


def _procedure(draft: Draft, rules: Rules) -> list[Missing]:
    if draft.procedure in rules.procedures:
        return []
    return [Missing(step=Step.PROCEDURE, field="procedure", text="Falta elegir el trámite.")]


def _identity(draft: Draft, rules: Rules) -> list[Missing]:
    if draft.document is None:
        return [Missing(step=Step.IDENTITY, field="type", text="Falta el documento.")]
    problems = document_problems(draft.document, today=rules.today, issuers=rules.countries)
    found = [
        Missing(step=Step.IDENTITY, field=p.field, text=p.text) for p in problems if p.blocking
    ]
    if draft.mrz_lines and not draft.mrz_confirmed:
        found.append(
            Missing(step=Step.IDENTITY, field="mrz", text="Falta confirmar lo leído del documento.")
        )
    return found


def _person(draft: Draft, rules: Rules) -> list[Missing]:
    problems = person.problems(
        draft.person,
        draft.guardian,
        today=rules.today,
        countries=rules.countries,
        ubigeos=rules.ubigeos,
    )
    return [Missing(step=Step.PERSON, field=p.field, text=p.text) for p in problems if p.blocking]


def _portrait(draft: Draft) -> list[Missing]:
    if draft.portrait is not None:
        return []
    return [Missing(step=Step.PORTRAIT, field="portrait", text="Falta la fotografía.")]


def _fingers(draft: Draft, rules: Rules) -> list[Missing]:
    return [
        Missing(step=Step.FINGERS, field=str(position), text="Falta una huella.")
        for position in fingers_asked(draft, rules)
        if not biometrics.settled(draft.finger(position), rules.fingers)
    ]


def _consent(draft: Draft) -> list[Missing]:
    consent = draft.consent
    if consent is None:
        return [Missing(step=Step.CONSENT, field="notice", text="Falta leer el aviso.")]
    if consent.given is None:
        return [Missing(step=Step.CONSENT, field="consent", text="Falta la respuesta.")]
    if consent.given is False and not consent.refusal_reason.strip():
        return [Missing(step=Step.CONSENT, field="reason", text="Falta anotar el motivo.")]
    return []
