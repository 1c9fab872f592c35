"""Who the applicant is, as typed, and what the form still has to ask about it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

Sex = Literal["F", "M", "X", ""]
FULL_AGE = 18
OLDEST = 120
PERU = "PER"
_NAME_MARKS = "'-. "
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_FOREIGN_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """The applicant as typed. `birth_date` is yyyy-mm-dd, yyyy-mm or yyyy; countries are alpha-3;
    `ubigeo` is INEI's six digits."""

    first_surname: str = ""
    second_surname: str = ""
    no_second_surname: bool = False
    given_names: str = ""
    birth_date: str = ""
    sex: Sex = ""
    nationality: str = ""
    birth_country: str = ""
    residence_country: str = ""
    address: str = ""
    ubigeo: str = ""
    phone: str = ""
    no_phone: bool = False
    email: str = ""
    language: str = "es"
    interpreter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardian:
    """Who answers for a minor, as typed."""

    names: str = ""
    document_type: str = ""
    document_number: str = ""
    relationship: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to mend, in the reader's words; `field` is the form's ("guardian.names")."""

    field: str
    text: str
    blocking: bool = True


def problems(
    person: Person,
    guardian: Guardian | None,
    *,
    today: date,
    countries: Collection[str],
    ubigeos: Collection[str],
) -> tuple[Problem, ...]:
    """Everything to mend in the form, in the form's order; at most one problem for each field."""

    def place(text: str) -> str:
        return "" if text in countries else "Ese código no está en la lista de países."

    def found() -> Iterator[Problem]:
        yield from _names(person)
        yield from _asked(
            "birth_date",
            "la fecha de nacimiento",
            person.birth_date,
            lambda text: _birth_fault(text, today),
        )
        yield from _asked("sex", "el sexo", person.sex, _no_fault)
        yield from _asked("nationality", "la nacionalidad", person.nationality, place)
        yield from _asked("birth_country", "el país de nacimiento", person.birth_country, place)
        yield from _asked(
            "residence_country", "el país de residencia", person.residence_country, place
        )
        yield from _home(person, ubigeos)
        yield from _reach(person)
        age = age_on(person.birth_date, today)
        if age is not None and age < FULL_AGE:
            yield from _guardian(guardian or Guardian())

    return tuple(found())


def normalise_name(text: str) -> str:
    """The name's one spelling: NFC, capitals, single spaces, none at the ends."""
    return unicodedata.normalize("NFC", " ".join(text.split()).upper())


def age_on(birth_date: str, today: date) -> int | None:
    """Whole years on `today`; None when the date is not real or not yet past.

    With the day or the month unknown it is the youngest age possible, so that nobody who may be a
    minor is taken for an adult.
    """
    first_day = _first_day(birth_date)
    if first_day is None or first_day > today:
        return None
    month = first_day.month if len(birth_date) >= 7 else 12
    day = first_day.day if len(birth_date) == 10 else 31
    return max(0, today.year - first_day.year - ((today.month, today.day) < (month, day)))


def initials(person: Person) -> str:
    """First letters of the given names and the surnames, as «A.R.G.»; empty with no names."""
    parts = (person.given_names, person.first_surname, person.second_surname)
    return "".join(f"{normalise_name(part)[0]}." for part in parts if part.strip())


def name_fault(text: str) -> str:
    """What is wrong with the letters of a name, or empty."""
    plain = unicodedata.normalize("NFC", text.strip())
    strange = next((mark for mark in plain if not (mark.isalpha() or mark in _NAME_MARKS)), "")
    if strange:
        return f"«{strange}» no va en un nombre: use letras, apóstrofo, guion o punto."
    if not any(mark.isalpha() for mark in plain):
        return "Escriba al menos una letra."
    return ""


def date_or_none(text: str) -> date | None:
    """The day that a whole ISO date names, if it is in the calendar."""
    return _first_day(text) if len(text) == 10 else None


def _asked(field: str, what: str, text: str, fault: Callable[[str], str]) -> Iterator[Problem]:
    words = fault(text) if text.strip() else f"Falta {what}."
    if words:
        yield Problem(field=field, text=words)


def _no_fault(_text: str) -> str:
    return ""


def _names(person: Person) -> Iterator[Problem]:
    yield from _asked("first_surname", "el primer apellido", person.first_surname, name_fault)
    if not person.no_second_surname:
        yield from _asked(
            "second_surname",
            "el segundo apellido, o marcar «no tiene»",
            person.second_surname,
            name_fault,
        )
    elif person.second_surname.strip():
        yield Problem(
            field="second_surname", text="Dice «no tiene» y hay un apellido: deje uno de los dos."
        )
    yield from _asked("given_names", "los nombres", person.given_names, name_fault)


def _home(person: Person, ubigeos: Collection[str]) -> Iterator[Problem]:
    yield from _asked("address", "la dirección", person.address, _no_fault)
    if person.residence_country == PERU or person.ubigeo.strip():
        yield from _asked(
            "ubigeo",
            "el distrito",
            person.ubigeo,
            lambda text: "" if text in ubigeos else "Ese ubigeo no está en la lista de distritos.",
        )


def _reach(person: Person) -> Iterator[Problem]:
    if not person.no_phone:
        yield from _asked("phone", "el teléfono, o marcar «no tiene»", person.phone, _phone_fault)
    elif person.phone.strip():
        yield Problem(field="phone", text="Dice «no tiene» y hay un teléfono: deje uno de los dos.")
    if person.email.strip() and not _EMAIL.fullmatch(person.email.strip()):
        yield Problem(field="email", text="El correo va como nombre@dominio.com.")
    yield from _asked("language", "el idioma de atención", person.language, _no_fault)


def _guardian(guardian: Guardian) -> Iterator[Problem]:
    yield from _asked("guardian.names", "el nombre del apoderado", guardian.names, name_fault)
    for field, what, text in (
        ("document_type", "el tipo de documento del apoderado", guardian.document_type),
        ("document_number", "el número de documento del apoderado", guardian.document_number),
        ("relationship", "el parentesco o cargo del apoderado", guardian.relationship),
    ):
        yield from _asked(f"guardian.{field}", what, text, _no_fault)


def _birth_fault(text: str, today: date) -> str:
    first_day = _first_day(text)
    if first_day is None:
        return "Esa fecha no existe: revise el día, el mes y el año."
    if first_day > today:
        return "La fecha de nacimiento no puede ser posterior a hoy."
    if (age_on(text, today) or 0) > OLDEST:
        return f"Esa fecha da más de {OLDEST} años: revise el año."
    return ""


def _phone_fault(text: str) -> str:
    number = "".join(text.split())
    if number.startswith("+"):
        fits = _FOREIGN_PHONE.fullmatch(number)
        return "" if fits else "Después de «+» van el código del país y el número: 7 a 15 dígitos."
    if not (number.isascii() and number.isdecimal()):
        return "El teléfono lleva solo dígitos."
    if not number.startswith("9"):
        return "Un celular peruano empieza con 9; el de otro país, con «+» y su código."
    if len(number) == 9:
        return ""
    verb, count = ("Falta", 9 - len(number)) if len(number) < 9 else ("Sobra", len(number) - 9)
    return f"{verb} 1 dígito: son 9." if count == 1 else f"{verb}n {count} dígitos: son 9."


def _first_day(text: str) -> date | None:
    parts = _DATE.fullmatch(text)
    if parts is None:
        return None
    year, month, day = parts.groups(default="1")
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
