"""What a draft still lacks: each required piece, by its step and field, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migramovil.core.biometrics import (
    POSITIONS,
    Attempt,
    DeviceUsed,
    ExceptionCode,
    Finger,
    FingerRules,
    Portrait,
)
from migramovil.core.documents import DocumentType, IdentityDocument
from migramovil.core.enrollment import (
    STEPS,
    Consent,
    Draft,
    Rules,
    Step,
    fingers_asked,
    what_is_missing,
)
from migramovil.core.person import Guardian, Person
from migramovil.core.record import Stamp

TODAY = date(2026, 11, 23)
NOW = Stamp(utc="2026-11-23T15:49:00Z")
RULES = Rules(
    today=TODAY, procedures={"CPP"}, countries={"PER", "VEN"}, ubigeos={"210402", "150101"}
)
Change = Callable[[Draft], Draft]
Lack = tuple[Step, str]


def lacks(draft: Draft, rules: Rules = RULES) -> list[Lack]:
    return [(one.step, one.field) for one in what_is_missing(draft, rules)]


def empty() -> Draft:
    return Draft(record_id="r1", started=NOW, started_by="a1")


def good(position: int) -> Finger:
    return Finger(position=position, attempts=(Attempt(object_id=f"f{position}", quality=61),))


def excepted(position: int, *, declared: str = "a1", approved: str = "a2") -> Finger:
    return Finger(
        position=position,
        exception=ExceptionCode.AMPUTATED,
        reason="amputado",
        declared_by=declared,
        approved_by=approved,
    )


def answered(*, given: bool | None, reason: str = "") -> Consent:
    return Consent(
        language="es",
        version="1",
        notice_sha256="0",
        consent_sha256="0",
        mode="shown",
        notice_at=NOW,
        given=given,
        refusal_reason=reason,
    )


def whole() -> Draft:
    return replace(
        empty(),
        procedure="CPP",
        document=IdentityDocument(
            type=DocumentType.PASSPORT, number="084127653", issuer="VEN", expiry="2029-03-04"
        ),
        mrz_lines=("one", "two"),
        mrz_confirmed=True,
        person=Person(
            first_surname="PEÑALVER",
            second_surname="NÚÑEZ",
            given_names="MARISELA ANDREÍNA",
            birth_date="1991-08-19",
            sex="F",
            nationality="VEN",
            birth_country="VEN",
            residence_country="PER",
            address="Jr. Panamericana 482, int. 3",
            ubigeo="210402",
            phone="984120763",
        ),
        portrait=Portrait(
            object_id="p",
            width=810,
            height=1080,
            measures=(),
            device=DeviceUsed(driver="opencv", model="C920"),
        ),
        fingers=tuple(good(position) for position in POSITIONS),
        consent=answered(given=True),
    )


def minor(**guardian: str) -> Draft:
    """A child of nine; with `guardian` fields, somebody who answers for them."""
    child = replace(whole().person, birth_date="2017-02-01")
    return replace(whole(), person=child, guardian=Guardian(**guardian))


def _without_person(name: str) -> Change:
    return lambda draft: replace(draft, person=replace(draft.person, **{name: ""}))  # type: ignore[arg-type]


def _without_paper(name: str) -> Change:
    def change(draft: Draft) -> Draft:
        assert draft.document is not None
        return replace(draft, document=replace(draft.document, **{name: ""}))  # type: ignore[arg-type]

    return change


def _without_finger(position: int) -> Change:
    return lambda draft: replace(
        draft, fingers=tuple(f for f in draft.fingers if f.position != position)
    )


_ASKED_OF_EVERYONE = (
    "first_surname", "second_surname", "given_names", "birth_date", "sex", "nationality",
    "birth_country", "residence_country", "address", "phone", "language",
)  # fmt: skip
REQUIRED: dict[Lack, Change] = {
    (Step.PROCEDURE, "procedure"): lambda draft: replace(draft, procedure=""),
    (Step.IDENTITY, "number"): _without_paper("number"),
    (Step.IDENTITY, "issuer"): _without_paper("issuer"),
    (Step.IDENTITY, "mrz"): lambda draft: replace(draft, mrz_confirmed=False),
    **{(Step.PERSON, name): _without_person(name) for name in _ASKED_OF_EVERYONE},
    (Step.PORTRAIT, "portrait"): lambda draft: replace(draft, portrait=None),
    **{(Step.FINGERS, str(n)): _without_finger(n) for n in POSITIONS},
    (Step.CONSENT, "notice"): lambda draft: replace(draft, consent=None),
}


def test_an_empty_draft_misses_every_step() -> None:
    assert {step for step, _ in lacks(empty())} == set(STEPS) - {Step.REVIEW}


def test_a_whole_draft_misses_nothing() -> None:
    assert lacks(whole()) == []


@pytest.mark.parametrize("piece", REQUIRED, ids="-".join)
def test_one_piece_removed_is_exactly_what_is_missing(piece: Lack) -> None:
    assert lacks(REQUIRED[piece](whole())) == [piece]


@given(st.sets(st.sampled_from(sorted(REQUIRED))))
def test_whatever_is_removed_is_named_and_nothing_else(pieces: set[Lack]) -> None:
    draft = whole()
    for piece in pieces:
        draft = REQUIRED[piece](draft)
    assert set(lacks(draft)) == pieces


@given(st.sets(st.sampled_from(sorted(REQUIRED)), min_size=1))
def test_what_is_missing_is_told_in_the_order_of_the_steps(pieces: set[Lack]) -> None:
    draft = whole()
    for piece in pieces:
        draft = REQUIRED[piece](draft)
    order = [STEPS.index(step) for step, _ in lacks(draft)]
    assert order == sorted(order)


@given(st.text(max_size=12), st.text(max_size=12))
def test_no_typed_text_ever_stops_the_telling(name: str, when: str) -> None:
    person = replace(whole().person, first_surname=name, birth_date=when, phone=name, ubigeo=when)
    guardian = Guardian(names=name, document_number=when)
    for one in what_is_missing(replace(whole(), person=person, guardian=guardian), RULES):
        assert one.step in {Step.PERSON, Step.FINGERS}
        assert one.text


def test_no_document_at_all_asks_for_its_type() -> None:
    assert lacks(replace(whole(), document=None))[0] == (Step.IDENTITY, "type")


def test_a_procedure_out_of_force_is_no_procedure() -> None:
    assert lacks(replace(whole(), procedure="CCM")) == [(Step.PROCEDURE, "procedure")]


def test_a_district_is_asked_of_who_lives_in_peru_only() -> None:
    at_home = replace(whole().person, ubigeo="")
    abroad = replace(at_home, residence_country="VEN")
    assert lacks(replace(whole(), person=at_home)) == [(Step.PERSON, "ubigeo")]
    assert lacks(replace(whole(), person=abroad)) == []


# ---- a minor -----------------------------------------------------------------------------------
WHO_ANSWERS = {
    "names": "ROSA NÚÑEZ",
    "document_type": "passport",
    "document_number": "0771",
    "relationship": "madre",
}


def test_a_minor_needs_who_answers_for_them() -> None:
    assert lacks(minor()) == [(Step.PERSON, f"guardian.{name}") for name in WHO_ANSWERS]
    assert lacks(minor(**WHO_ANSWERS)) == []


@pytest.mark.parametrize("name", WHO_ANSWERS)
def test_each_part_of_the_guardian_is_asked_for(name: str) -> None:
    assert lacks(minor(**{**WHO_ANSWERS, name: ""})) == [(Step.PERSON, f"guardian.{name}")]


@given(st.dates(date(1950, 1, 1), TODAY))
def test_a_guardian_is_asked_of_those_under_eighteen_and_of_nobody_else(born: date) -> None:
    eighteenth = date(born.year + 18, 3, 1) if born.month == 2 and born.day == 29 else None
    eighteenth = eighteenth or born.replace(year=born.year + 18)
    person = replace(whole().person, birth_date=born.isoformat())
    asked = any(
        field.startswith("guardian.") for _, field in lacks(replace(whole(), person=person))
    )
    assert asked == (eighteenth > TODAY)


# ---- a refusal ---------------------------------------------------------------------------------
def test_who_refuses_is_asked_for_no_biometric() -> None:
    draft = replace(whole(), consent=answered(given=False, reason="no quiere"))
    assert lacks(draft.without_biometrics()) == []
    assert fingers_asked(draft, RULES) == ()


@pytest.mark.parametrize("reason", ["", "   "])
def test_a_refusal_needs_its_reason(reason: str) -> None:
    draft = replace(whole(), consent=answered(given=False, reason=reason))
    assert lacks(draft) == [(Step.CONSENT, "reason")]


def test_a_notice_without_an_answer_is_not_consent() -> None:
    assert lacks(replace(whole(), consent=answered(given=None))) == [(Step.CONSENT, "consent")]


# ---- fingers -----------------------------------------------------------------------------------
@given(st.sets(st.sampled_from(POSITIONS), min_size=1), st.sets(st.sampled_from(POSITIONS)))
def test_which_fingers_are_asked_is_a_setting(asked: set[int], taken: set[int]) -> None:
    rules = replace(RULES, fingers=FingerRules(positions=tuple(sorted(asked))))
    draft = replace(whole(), fingers=tuple(good(n) for n in sorted(taken)))
    assert lacks(draft, rules) == [(Step.FINGERS, str(n)) for n in sorted(asked - taken)]


@given(st.integers(0, 100), st.integers(0, 100))
def test_the_threshold_is_a_setting(threshold: int, quality: int) -> None:
    rules = replace(RULES, fingers=FingerRules(positions=(1,), threshold=threshold))
    finger = Finger(position=1, attempts=(Attempt(object_id="f", quality=quality),))
    assert (lacks(whole().with_finger(finger), rules) == []) == (quality >= threshold)


def test_a_picture_the_measure_refused_is_no_finger() -> None:
    finger = Finger(position=1, attempts=(Attempt(object_id="f", quality=None),))
    assert lacks(whole().with_finger(finger)) == [(Step.FINGERS, "1")]


@given(st.integers(0, 17), st.integers(1, 17))
def test_the_age_from_which_fingers_are_asked_is_a_setting(age: int, floor: int) -> None:
    child = replace(whole().person, birth_date=f"{TODAY.year - age}-01-01")
    draft = replace(minor(**WHO_ANSWERS), person=child, fingers=())
    rules = replace(RULES, fingers=FingerRules(age_floor=floor))
    assert bool(lacks(draft, rules)) == (age >= floor)


# ---- exceptions --------------------------------------------------------------------------------
def test_an_exception_counts_once_another_person_approved_it() -> None:
    assert lacks(whole().with_finger(excepted(4))) == []


@pytest.mark.parametrize("approved", ["", "a1"], ids=["by nobody", "by who declared it"])
def test_an_exception_without_another_persons_approval_is_missing(approved: str) -> None:
    draft = whole().with_finger(excepted(4, approved=approved))
    assert lacks(draft) == [(Step.FINGERS, "4")]


def test_a_finger_declared_lost_is_not_had_by_its_old_impression() -> None:
    declared = replace(excepted(4, approved=""), attempts=good(4).attempts)
    assert lacks(whole().with_finger(declared)) == [(Step.FINGERS, "4")]


# ---- the value itself --------------------------------------------------------------------------
@given(st.lists(st.sampled_from(POSITIONS), max_size=30))
def test_a_draft_holds_each_finger_once_in_order(taken: list[int]) -> None:
    draft = empty()
    for place, position in enumerate(taken):
        before = draft
        draft = draft.with_finger(replace(good(position), reason=str(place)))
        assert before is not draft
    assert [f.position for f in draft.fingers] == sorted(set(taken))
    last: dict[int, Any] = {position: str(place) for place, position in enumerate(taken)}
    assert {f.position: f.reason for f in draft.fingers} == last
