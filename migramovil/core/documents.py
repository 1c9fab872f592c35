"""Identity documents, and the machine readable zone (MRZ) some carry. Source: ICAO Doc 9303."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

from migramovil.core.person import Person, Problem, date_or_none
from migramovil.core.trouble import Trouble, Who


class DocumentType(StrEnum):
    PASSPORT = "passport"
    NATIONAL_ID = "national_id"
    CPP = "cpp"
    PTP = "ptp"
    FOREIGNER_CARD = "foreigner_card"
    BIRTH_CERTIFICATE = "birth_certificate"
    SAFE_CONDUCT = "safe_conduct"
    CONSULAR_CERTIFICATE = "consular_certificate"
    ASYLUM_SEEKER_CARD = "asylum_seeker_card"
    REFUGEE_CARD = "refugee_card"
    OTHER = "other"


DOCUMENT_LABELS: dict[DocumentType, str] = {
    DocumentType.PASSPORT: "Pasaporte",
    DocumentType.NATIONAL_ID: "Cédula de identidad",
    DocumentType.CPP: "Carné de permiso temporal de permanencia (CPP)",
    DocumentType.PTP: "Permiso temporal de permanencia (PTP)",
    DocumentType.FOREIGNER_CARD: "Carné de extranjería",
    DocumentType.BIRTH_CERTIFICATE: "Partida de nacimiento",
    DocumentType.SAFE_CONDUCT: "Salvoconducto",
    DocumentType.CONSULAR_CERTIFICATE: "Constancia consular",
    DocumentType.ASYLUM_SEEKER_CARD: "Carné de solicitante de refugio",
    DocumentType.REFUGEE_CARD: "Carné de refugiado",
    DocumentType.OTHER: "Otro documento",
}

MrzFormat = Literal["TD1", "TD2", "TD3", "MRV-A", "MRV-B"]
SPECIMEN_STATE = "UTO"  # Utopia: the state of ICAO's printed examples, and of no person
_ISO_OF_ICAO = {"D": "DEU"}


class MrzTrouble(Trouble):
    code = "MRZ-11"
    what = "Las líneas leídas no tienen la medida de un documento conocido."
    advice = "Lea el documento otra vez o escriba los datos a mano."
    who = Who.OFFICER


class MrzStrangeLetter(MrzTrouble):
    code = "MRZ-12"
    what = "Las líneas leídas tienen un signo que esa zona no usa."
    advice = "Limpie el documento y léalo otra vez, o escriba los datos a mano."


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityDocument:
    """The document shown: `issuer` is alpha-3, `expiry` yyyy-mm-dd or empty when it has none."""

    type: DocumentType
    number: str = ""
    issuer: str = ""
    expiry: str = ""
    source: Literal["typed", "mrz"] = "typed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MrzCheck:
    """One check digit: what the zone says and what its characters give."""

    name: str
    expected: str
    read: str
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MrzReading:
    """What an MRZ says. Dates are ISO, shorter where parts are blank; `sex` is F, M or X.

    Names, states and sex have no check digit: `ok` says nothing about them. `doubtful` holds
    (line, column), from 0, of characters of the wrong kind or under a check digit that fails.
    """

    format: MrzFormat
    lines: tuple[str, ...]
    document_code: str
    issuer: str
    number: str
    nationality: str
    birth_date: str
    sex: str
    expiry: str
    surname: str
    given_names: str
    optional: str
    names_truncated: bool
    checks: tuple[MrzCheck, ...]
    doubtful: tuple[tuple[int, int], ...]

    @property
    def ok(self) -> bool:
        """Whether every check digit holds and the birth date is in the calendar."""
        return all(check.ok for check in self.checks) and bool(self.birth_date)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field typed and read; `same` when they name the same thing."""

    field: str
    label: str
    typed: str
    read: str
    same: bool


def document_problems(
    document: IdentityDocument, *, today: date, issuers: Collection[str]
) -> tuple[Problem, ...]:
    """What to mend in the document's fields, in the form's order."""
    return tuple(_document_problems(document, today, issuers))


def parse_mrz(lines: Sequence[str], *, today: date) -> MrzReading:
    """Read the lines of an MRZ (spaces and case do not matter); anything else is an MrzTrouble.

    `today` settles the century of two-digit years: a birth is never in the future, an expiry is
    the nearest to today.
    """
    zone = tuple("".join(line.split()).upper() for line in lines)
    layout = _layout(zone)
    if any(not _LEGAL.fullmatch(line) for line in zone):
        raise MrzStrangeLetter(layout.format)
    number, number_check, rest = _number(zone, layout)
    checks = [
        ("number", number, number_check),
        ("birth_date", layout.birth[:-1], layout.birth[-1:]),
        ("expiry", layout.expiry[:-1], layout.expiry[-1:]),
    ]
    if layout.optional_check:
        checks.append(("optional", layout.optional, layout.optional_check))
    if layout.composite_check:
        checks.append(("composite", layout.composite, layout.composite_check))
    judged = [(_judge(zone, *check), check) for check in checks]
    failed = {
        place
        for verdict, (name, places, digit) in judged
        if not verdict.ok and name != "composite"
        for place in (*places, *digit)
    }
    if not failed:  # only the composite complains: its own digit is the suspect
        failed = {place for verdict, (_, _, digit) in judged if not verdict.ok for place in digit}
    surname, _, given = _read(zone, layout.names).partition("<<")
    return MrzReading(
        format=layout.format,
        lines=zone,
        document_code=zone[0][:2].rstrip("<"),
        issuer=_words(zone[0][2:5]),
        number=_read(zone, number).replace("<", ""),
        nationality=_words(_read(zone, layout.nationality)),
        birth_date=_birth(_read(zone, layout.birth[:-1]), today),
        sex={"F": "F", "M": "M"}.get(_read(zone, layout.sex), "X"),
        expiry=_expiry(_read(zone, layout.expiry[:-1]), today),
        surname=_words(surname),
        given_names=_words(given),
        optional=_words(_read(zone, (*rest, *layout.more_optional))),
        names_truncated=not _read(zone, layout.names).endswith("<"),
        checks=tuple(verdict for verdict, _ in judged),
        doubtful=tuple(sorted(failed | set(_wrong_kind(zone, layout)))),
    )


def check_digit(text: str) -> str:
    """ICAO's digit for `text`: weights 7-3-1, A is 10 … Z is 35, the filler is 0."""
    total = sum(_value(mark) * (7, 3, 1)[place % 3] for place, mark in enumerate(text))
    return str(total % 10)


def specimen(reading: MrzReading) -> bool:
    """Whether this is a printed example and no person's document: never accept it in production."""
    return SPECIMEN_STATE in (reading.issuer, reading.nationality)


def country_of(code: str) -> str:
    """The ISO 3166 alpha-3 of an MRZ state code (Germany writes D); others stay as they are."""
    return _ISO_OF_ICAO.get(code, code)


def same_name(visual: str, mrz: str, *, truncated: bool = False) -> bool:
    """Whether an MRZ may spell this name: accents fold, Ñ = N = NXX, hyphens are spaces.

    With `truncated` (the zone had no room left) the read words may be cut or missing at the end.
    """
    read = _folded(mrz, expand=False)
    if not read:
        return not visual.strip()
    for expand in (False, True):
        typed = _folded(visual, expand=expand)
        if typed == read or (truncated and _cut_from(typed, read)):
            return True
    return False


def differences(
    person: Person, document: IdentityDocument, reading: MrzReading
) -> tuple[Difference, ...]:
    """Typed against read, in the form's order; what the zone leaves blank is absent."""
    cut = reading.names_truncated
    surnames = f"{person.first_surname} {person.second_surname}".strip()
    nationality, issuer = country_of(reading.nationality), country_of(reading.issuer)
    rows = (
        (
            "surnames",
            "Apellidos",
            surnames,
            reading.surname,
            same_name(surnames, reading.surname, truncated=cut),
        ),
        (
            "given_names",
            "Nombres",
            person.given_names,
            reading.given_names,
            same_name(person.given_names, reading.given_names, truncated=cut),
        ),
        (
            "birth_date",
            "Fecha de nacimiento",
            person.birth_date,
            reading.birth_date,
            person.birth_date.startswith(reading.birth_date),
        ),
        ("sex", "Sexo", person.sex, reading.sex, person.sex == reading.sex),
        (
            "nationality",
            "Nacionalidad",
            person.nationality,
            nationality,
            person.nationality == nationality,
        ),
        (
            "number",
            "Número de documento",
            document.number,
            reading.number,
            _bare(document.number) == _bare(reading.number),
        ),
        ("issuer", "País emisor", document.issuer, issuer, document.issuer == issuer),
        (
            "expiry",
            "Vencimiento",
            document.expiry,
            reading.expiry,
            document.expiry == reading.expiry,
        ),
    )
    return tuple(
        Difference(field=field, label=label, typed=typed, read=read, same=same)
        for field, label, typed, read, same in rows
        if read
    )


# The zone's places -------------------------------------------------------------------------------

_Place = tuple[int, int]
_Places = tuple[_Place, ...]
_LEGAL = re.compile(r"[A-Z0-9<]+")
_DIGITS = frozenset("0123456789<")
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ<")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where each field lies, as (line, column) places; dates end with their own check digit."""

    format: MrzFormat
    size: tuple[int, int]
    names: _Places
    number: _Places
    number_check: _Places
    nationality: _Places
    birth: _Places
    sex: _Places
    expiry: _Places
    optional: _Places
    more_optional: _Places = ()
    optional_check: _Places = ()
    composite: _Places = ()
    composite_check: _Places = ()


def _run(line: int, start: int, stop: int) -> _Places:
    return tuple((line, column) for column in range(start, stop))


def _two_lines(
    form: MrzFormat, width: int, optional_stop: int, *, optional_check: bool, composite: bool
) -> _Layout:
    return _Layout(
        format=form,
        size=(2, width),
        names=_run(0, 5, width),
        number=_run(1, 0, 9),
        number_check=_run(1, 9, 10),
        nationality=_run(1, 10, 13),
        birth=_run(1, 13, 20),
        sex=_run(1, 20, 21),
        expiry=_run(1, 21, 28),
        optional=_run(1, 28, optional_stop),
        optional_check=_run(1, 42, 43) if optional_check else (),
        composite=(
            (*_run(1, 0, 10), *_run(1, 13, 20), *_run(1, 21, width - 1)) if composite else ()
        ),
        composite_check=_run(1, width - 1, width) if composite else (),
    )


_TD1 = _Layout(
    format="TD1",
    size=(3, 30),
    names=_run(2, 0, 30),
    number=_run(0, 5, 14),
    number_check=_run(0, 14, 15),
    nationality=_run(1, 15, 18),
    birth=_run(1, 0, 7),
    sex=_run(1, 7, 8),
    expiry=_run(1, 8, 15),
    optional=_run(0, 15, 30),
    more_optional=_run(1, 18, 29),
    composite=(*_run(0, 5, 30), *_run(1, 0, 7), *_run(1, 8, 15), *_run(1, 18, 29)),
    composite_check=_run(1, 29, 30),
)
_TD2 = _two_lines("TD2", 36, 35, optional_check=False, composite=True)
_TD3 = _two_lines("TD3", 44, 42, optional_check=True, composite=True)
_MRV_A = _two_lines("MRV-A", 44, 44, optional_check=False, composite=False)
_MRV_B = _two_lines("MRV-B", 36, 36, optional_check=False, composite=False)


def _layout(zone: tuple[str, ...]) -> _Layout:
    visa = bool(zone) and zone[0].startswith("V")
    for layout in (_TD1, *((_MRV_A, _MRV_B) if visa else (_TD2, _TD3))):
        count, width = layout.size
        if len(zone) == count and all(len(line) == width for line in zone):
            return layout
    raise MrzTrouble(f"{len(zone)} lines")


def _read(zone: tuple[str, ...], places: _Places) -> str:
    return "".join(zone[line][column] for line, column in places)


def _number(zone: tuple[str, ...], layout: _Layout) -> tuple[_Places, _Places, _Places]:
    """Number, its check digit and what is left of the optional data.

    A number longer than nine runs on into the optional data, its check digit last, and a filler
    stands where the check digit would (Doc 9303-5 and -6; TD3 and visas have no such case).
    """
    plain = (layout.number, layout.number_check, layout.optional)
    more = _read(zone, layout.optional).partition("<")[0]
    if layout.format not in ("TD1", "TD2") or _read(zone, layout.number_check) != "<":
        return plain
    if len(more) < 2 or "<" in _read(zone, layout.number):
        return plain
    end = len(more) - 1
    return (
        (*layout.number, *layout.optional[:end]),
        layout.optional[end : end + 1],
        layout.optional[end + 1 :],
    )


def _judge(zone: tuple[str, ...], name: str, places: _Places, digit: _Places) -> MrzCheck:
    text, read = _read(zone, places), _read(zone, digit)
    expected = check_digit(text)
    # an empty field may carry a filler where its 0 would be
    ok = read == expected or (read == "<" and not text.strip("<"))
    return MrzCheck(name=name, expected=expected, read=read, ok=ok)


def _wrong_kind(zone: tuple[str, ...], layout: _Layout) -> Iterator[_Place]:
    digits = (*layout.birth, *layout.expiry, *layout.optional_check, *layout.composite_check)
    letters = (*_run(0, 2, 5), *layout.names, *layout.nationality)
    for places, kind in ((digits, _DIGITS), (letters, _LETTERS), (layout.sex, frozenset("FMX<"))):
        yield from (place for place in places if _read(zone, (place,)) not in kind)
    if zone[0][0] not in _LETTERS - {"<"}:
        yield (0, 0)


def _value(mark: str) -> int:
    return 0 if mark == "<" else int(mark, 36)


def _words(text: str) -> str:
    return " ".join(text.replace("<", " ").split())


# Two-digit years ---------------------------------------------------------------------------------


def _birth(text: str, today: date) -> str:
    now = _iso(today.year - today.year % 100, text)
    if now and now <= today.isoformat()[: len(now)]:
        return now
    return _iso(today.year - today.year % 100 - 100, text)


def _expiry(text: str, today: date) -> str:
    century = today.year - today.year % 100
    found = [day for shift in (-100, 0, 100) if (day := _iso(century + shift, text))]
    return min(found, key=lambda day: abs(int(day[:4]) - today.year), default="")


def _iso(century: int, text: str) -> str:
    """ISO date of YYMMDD; parts left blank from the end make it shorter; not a date is empty."""
    parts = re.fullmatch(r"([0-9]{2})(?:([0-9]{2})([0-9]{2}|<<)|<<<<)", text)
    if parts is None:
        return ""
    year, month, day = f"{century + int(parts[1]):04}", parts[2] or "", (parts[3] or "").strip("<")
    # the first of the month stands in for a part that is unknown, only to ask the calendar
    if date_or_none(f"{year}-{month or '01'}-{day or '01'}") is None:
        return ""
    return "-".join(part for part in (year, month, day) if part)


# Names -------------------------------------------------------------------------------------------

_ALWAYS = str.maketrans(
    {"Æ": "AE", "Œ": "OE", "ß": "SS", "ẞ": "SS", "Þ": "TH", "Ł": "L", "Đ": "D", "Ð": "D"}
    | dict.fromkeys("'’.,", "")
    | dict.fromkeys("-<", " ")
)
_SHORT = str.maketrans({"Ø": "O"})
_EXPANDED = str.maketrans({"Ä": "AE", "Ö": "OE", "Ü": "UE", "Ø": "OE", "Å": "AA"})


def _folded(text: str, *, expand: bool) -> tuple[str, ...]:
    """The words of a name in the zone's alphabet; `expand` writes Ä as AE, as some states do."""
    plain = unicodedata.normalize("NFC", text).upper().translate(_ALWAYS)
    plain = plain.translate(_EXPANDED if expand else _SHORT)
    bare = "".join(
        mark for mark in unicodedata.normalize("NFD", plain) if not unicodedata.combining(mark)
    )
    return tuple(bare.replace("NXX", "N").replace("UXX", "U").split())


def _cut_from(typed: tuple[str, ...], read: tuple[str, ...]) -> bool:
    pairs = zip(typed, read, strict=False)
    return len(read) <= len(typed) and all(whole.startswith(cut) for whole, cut in pairs)


# The document's own fields -----------------------------------------------------------------------

_NUMBER = re.compile(r"[A-Z0-9]{1,24}")
_CARD_NUMBER = re.compile(r"[A-Z0-9]{6,12}")


def _bare(number: str) -> str:
    return re.sub(r"[\s.\-/]", "", number).upper()


def _document_problems(
    document: IdentityDocument, today: date, issuers: Collection[str]
) -> Iterator[Problem]:
    yield from _number_problems(document)
    if not document.issuer.strip():
        yield Problem(field="issuer", text="Falta el país emisor.")
    elif document.issuer not in issuers:
        yield Problem(field="issuer", text="Ese código no está en la lista de países.")
    if not document.expiry.strip():
        return
    day = date_or_none(document.expiry)
    if day is None:
        yield Problem(field="expiry", text="Esa fecha no existe: revise el día, el mes y el año.")
    elif day < today:
        # whether an expired document serves is for the evaluation of documents to say
        yield Problem(field="expiry", text=f"Venció el {day:%d/%m/%Y}.", blocking=False)


def _number_problems(document: IdentityDocument) -> Iterator[Problem]:
    number = _bare(document.number)
    card = document.type is DocumentType.FOREIGNER_CARD
    if not number:
        yield Problem(field="number", text="Falta el número de documento.")
    elif card and not _CARD_NUMBER.fullmatch(number):
        yield Problem(field="number", text="El carné lleva de 6 a 12 letras o dígitos.")
    elif not _NUMBER.fullmatch(number):
        yield Problem(field="number", text="El número lleva solo letras y dígitos: 24 como máximo.")
    elif card and not (len(number) == 9 and number.isdecimal()):
        # sources disagree about the card's length, so this is said and never blocks
        yield Problem(
            field="number", text="Lo usual son 9 dígitos: compárelo con el carné.", blocking=False
        )
