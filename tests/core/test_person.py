from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migramovil.core import canonical
from migramovil.core.person import Guardian, Person, age_on, initials, normalise_name, problems

TODAY = date(2026, 11, 23)
ROSA = Person(
    first_surname="Núñez",
    second_surname="D'Ángelo-Paz",
    given_names="Rosa María",
    birth_date="1990-02-28",
    sex="F",
    nationality="VEN",
    birth_country="VEN",
    residence_country="PER",
    address="Jr. Huaraz 100",
    ubigeo="150105",
    phone="987654321",
)
TUTOR = Guardian(
    names="Ana Paz", document_type="national_id", document_number="V123", relationship="madre"
)


def _problems(person: Person, guardian: Guardian | None = None) -> dict[str, str]:
    found = problems(person, guardian, today=TODAY, countries={"VEN", "PER"}, ubigeos={"150105"})
    assert len({problem.field for problem in found}) == len(found)
    return {problem.field: problem.text for problem in found}


def test_a_whole_form_has_nothing_to_mend() -> None:
    assert _problems(ROSA) == {}


def test_an_empty_form_asks_for_each_field_in_the_forms_order() -> None:
    found = _problems(Person())
    assert list(found) == [
        "first_surname",
        "second_surname",
        "given_names",
        "birth_date",
        "sex",
        "nationality",
        "birth_country",
        "residence_country",
        "address",
        "phone",
    ]
    assert all(text.startswith("Falta ") for text in found.values())


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("phone", "98765432", "Falta 1 dígito: son 9."),
        ("phone", "9876543", "Faltan 2 dígitos: son 9."),
        ("phone", "9876543210", "Sobra 1 dígito: son 9."),
        ("phone", "187654321", "empieza con 9"),
        ("phone", "98765432a", "solo dígitos"),
        ("phone", "98765432²", "solo dígitos"),
        ("phone", "+0123", "código del país"),
        ("email", "rosa@", "nombre@dominio.com"),
        ("given_names", "R0sa", "«0»"),
        ("given_names", "---", "al menos una letra"),
        ("birth_date", "1990-02-30", "no existe"),
        ("birth_date", "28/02/1990", "no existe"),
        ("birth_date", "2026-11-24", "posterior a hoy"),
        ("birth_date", "1904", "más de 120"),
        ("nationality", "ZZZ", "lista de países"),
        ("ubigeo", "999999", "lista de distritos"),
        ("ubigeo", "", "Falta el distrito"),
        ("no_second_surname", True, "deje uno"),
        ("no_phone", True, "deje uno"),
    ],
)
def test_each_fault_is_said_once_and_with_its_remedy(field: str, value: object, words: str) -> None:
    (text,) = _problems(replace(ROSA, **{field: value})).values()
    assert words in text


@pytest.mark.parametrize(
    "changes",
    [
        {"second_surname": "", "no_second_surname": True},
        {"phone": "", "no_phone": True},
        {"phone": "+58 412 1234567"},
        {"phone": "987 654 321"},
        {"email": "rosa@correo.com.pe"},
        {"residence_country": "VEN", "ubigeo": ""},
        {"birth_date": "1990-02"},
        {"given_names": unicodedata.normalize("NFD", "María Núñez")},
    ],
)
def test_what_people_really_have_is_accepted(changes: dict[str, object]) -> None:
    assert _problems(replace(ROSA, **changes)) == {}


def test_a_minor_needs_a_complete_guardian_and_an_adult_none() -> None:
    child = replace(ROSA, birth_date="2008-11-24")
    assert list(_problems(child)) == [
        "guardian.names",
        "guardian.document_type",
        "guardian.document_number",
        "guardian.relationship",
    ]
    assert _problems(child, TUTOR) == {}
    assert _problems(replace(ROSA, birth_date="2008-11-23")) == {}


@pytest.mark.parametrize(
    ("birth", "age"),
    [
        ("2008-11-23", 18),
        ("2008-11-24", 17),
        ("2008-11", 17),
        ("2008-10", 18),
        ("2008", 17),
        ("2026", 0),
        ("2027", None),
        ("", None),
        ("2008-13-01", None),
    ],
)
def test_age_with_parts_unknown_is_the_youngest_possible(birth: str, age: int | None) -> None:
    assert age_on(birth, TODAY) == age


@given(st.text())
def test_any_text_in_any_field_is_answered_and_never_raises(text: str) -> None:
    _problems(Person(first_surname=text, birth_date=text, phone=text, email=text, ubigeo=text))


@given(st.text())
def test_a_normalised_name_stays_as_it_is(text: str) -> None:
    once = normalise_name(text)
    assert unicodedata.is_normalized("NFC", once)
    assert normalise_name(once) == once


def test_names_have_one_spelling_and_initials() -> None:
    assert normalise_name(unicodedata.normalize("NFD", "  núñez   paz ")) == "NÚÑEZ PAZ"
    assert initials(ROSA) == "R.N.D."
    assert initials(Person()) == ""


def test_a_person_survives_its_canonical_bytes() -> None:
    assert canonical.decode(canonical.encode(ROSA), Person) == ROSA
