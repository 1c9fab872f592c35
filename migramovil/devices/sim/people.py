"""The invented people who come to the vehicle in training, with papers, faces and fingers.

Names are put together from common ones, numbers are made up and email addresses end in `.example`:
nobody here is or was anybody. The same seed and number give the same person on every machine.
"""

from __future__ import annotations

import hashlib
import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from itertools import count
from typing import Literal

from migramovil.devices.ports import Pixels
from migramovil.devices.sim import faces, fingers

DocumentType = Literal["passport", "national_id"]
Relationship = Literal["mother", "father"]

# Ages and expiry dates are counted from here, and never from the clock. Minors are at most 14 and
# grown-ups at least 19 on this day, so nobody comes of age while the training data is in use.
REFERENCE_DAY = date(2026, 11, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardian:
    """The grown-up who answers for a minor."""

    first_surname: str
    second_surname: str
    given_names: str
    relationship: Relationship
    document_type: DocumentType
    document_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReceipt:
    """Proof of payment: its number, and how many days before the visit it was paid."""

    number: str
    days_before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SimPerson:
    """One invented applicant, with what an officer would hear, read and capture."""

    seed: int
    number: int
    first_surname: str
    second_surname: str  # empty: has none
    given_names: str
    sex: faces.Sex
    birth_date: date
    nationality: str  # ISO 3166 alpha-3, like the next and the issuer
    birth_country: str
    document_type: DocumentType
    document_number: str
    issuer: str
    expiry: date
    mrz_lines: tuple[str, ...]  # TD3 for passports, TD1 for identity cards
    address: str
    ubigeo: str  # INEI, 6 digits
    phone: str  # Peruvian mobile, 9 digits
    email: str  # empty: has none
    language: str  # of care, ISO 639-1
    procedure: str  # code of the catalogue
    receipt: PaymentReceipt
    minor: bool
    guardian: Guardian | None

    @property
    def age(self) -> int:
        """Whole years on the reference day."""
        born, day = self.birth_date, REFERENCE_DAY
        return day.year - born.year - ((day.month, day.day) < (born.month, born.day))

    def camera_frames(self) -> list[Pixels]:
        """What the camera sees of them: ten frames, uint8 (1080, 1920, 3), to be read only."""
        skin = _COUNTRIES[self.nationality].skin
        return list(_frames(_key(self.seed, self.number), self.sex, self.age, skin))

    def impression(self, position: int, take: int, *, dryness: float | None = None) -> Pixels:
        """Finger `position` (1..10) at attempt `take` (from 1): uint8 (290, 384) at 500 ppi.

        Always the same finger, and each take laid down another way; as many takes as are asked for.
        Now and then the first attempt is a poor one, dry and light; the next is good. With
        `dryness`, -1 dripping .. 1 parched, the skin is as told and the rest as ever.
        """
        key = _key(self.seed, self.number)
        finger = fingers.master(key, position)
        rng = _rng("hand", key, position)
        poor = rng.random() < 0.12 and take <= 1
        placed = fingers.placement(finger, take, 0.45 if poor else rng.uniform(0.82, 0.94))
        if poor:
            placed = _dried(placed)
        if dryness is not None:
            placed = replace(placed, dryness=dryness)
        return fingers.impression(finger, take, placed=placed)


def person(seed: int, number: int) -> SimPerson:
    """Person `number` (from 0) of the population `seed`."""
    rng = _rng("person", seed, number)
    nationality = _nationality(rng)
    country = _COUNTRIES[nationality]
    sex: faces.Sex = "F" if rng.random() < 0.5 else "M"
    minor = rng.random() < 0.25
    birth = _birth_date(rng, minor)
    first, second = _surnames(rng, country)
    given = _given_names(rng, country, sex)
    kind: DocumentType = "national_id" if rng.random() < country.cards else "passport"
    paper = _Paper(
        kind=kind,
        number=country.prefix + _unlike("document", 2 * number, country.digits, seed),
        issuer=nationality,
        surnames=f"{first} {second}".strip(),
        given=given,
        nationality=nationality,
        birth=birth,
        sex=sex,
        expiry=REFERENCE_DAY + timedelta(days=rng.randint(400, 9 * 365)),
    )
    street, ubigeo = _home(rng)
    phone = "9" + _unlike("phone", number, 8, seed)
    return SimPerson(
        seed=seed,
        number=number,
        first_surname=first,
        second_surname=second,
        given_names=given,
        sex=sex,
        birth_date=birth,
        nationality=nationality,
        birth_country=nationality,
        document_type=kind,
        document_number=paper.number,
        issuer=nationality,
        expiry=paper.expiry,
        mrz_lines=_td1(paper) if kind == "national_id" else _td3(paper),
        address=street,
        ubigeo=ubigeo,
        phone=phone,
        email=_email(rng, given, first, number) if not minor else "",
        language=country.language,
        procedure=rng.choice(country.procedures),
        receipt=PaymentReceipt(
            number=_unlike("receipt", number, 7, seed), days_before=rng.randint(0, 12)
        ),
        minor=minor,
        guardian=_guardian(rng, paper, country, seed, number) if minor else None,
    )


def population(seed: int) -> Iterator[SimPerson]:
    """Everybody of a population, one after another, without end."""
    return (person(seed, number) for number in count())


def check_digit(field: str) -> str:
    """ICAO 9303 part 3: weights 7, 3, 1; letters count from A = 10, the filler is 0."""
    total = sum(
        (0 if letter == "<" else int(letter, 36)) * (7, 3, 1)[place % 3]
        for place, letter in enumerate(field)
    )
    return str(total % 10)


# --- randomness


def _rng(*name: str | int) -> random.Random:
    return random.Random(repr(name))  # noqa: S311 - invented people, not secrets


def _key(seed: int, number: int) -> int:
    """One number for the body of one person."""
    return int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:6], "big")


def _unlike(what: str, number: int, digits: int, seed: int) -> str:
    """A number of `what`, so many digits: scattered, and yet no two people share one."""
    space = 10**digits
    start = _rng(what, seed).randrange(space)
    return f"{(start + number * 387_420_489) % space:0{digits}d}"  # 3**18 and 10**n share no factor


@lru_cache(maxsize=1)  # the one in front of the camera: 62 MB
def _frames(key: int, sex: faces.Sex, age: int, skin: tuple[float, float]) -> tuple[Pixels, ...]:
    frames = faces.portrait_frames(key, sex, age, skin=skin)
    for frame in frames:
        frame.setflags(write=False)
    return tuple(frames)


def _dried(placed: fingers.Placement) -> fingers.Placement:
    """The same finger laid down dry and too lightly."""
    return replace(placed, dryness=1.0, pressure=-0.8, contact=0.6)


# --- who they are


@dataclass(frozen=True, slots=True, kw_only=True)
class _Country:
    """What people of one nationality bring along."""

    surnames: tuple[str, ...]
    women: tuple[str, ...]
    men: tuple[str, ...]
    two_surnames: float = 0.95  # share of people
    cards: float = 0.0  # share of people with an identity card that has an MRZ
    prefix: str = ""  # of the document's number
    digits: int = 9
    language: str = "es"
    procedures: tuple[str, ...] = ("CCM", "CCM", "PRR", "PRR", "DUP", "ACT")
    skin: tuple[float, float] = (0.1, 0.7)


_ANDEAN = (
    "Álvarez", "Arévalo", "Bermúdez", "Briceño", "Cárdenas", "Castañeda", "Chacón", "Colmenares",
    "Contreras", "Díaz", "Escalona", "Fernández", "Figueroa", "García", "Gómez", "González",
    "Guédez", "Guerrero", "Gutiérrez", "Hernández", "Ibáñez", "Jiménez", "Linares", "López",
    "Márquez", "Martínez", "Medina", "Mejía", "Méndez", "Mendoza", "Molina", "Montilla", "Mora",
    "Moreno", "Muñoz", "Navarro", "Núñez", "Ochoa", "Ordóñez", "Ortega", "Parra", "Peña",
    "Peñalver", "Pérez", "Pineda", "Quiñones", "Quintero", "Ramírez", "Rangel", "Rincón", "Rivas",
    "Rodríguez", "Rojas", "Rondón", "Salazar", "Sánchez", "Sequera", "Suárez", "Torrealba",
    "Urdaneta", "Vargas", "Velásquez", "Villalobos", "Yánez", "Zambrano", "Zúñiga",
)  # fmt: skip
_WOMEN = (
    "Alejandra", "Andreína", "Ángela", "Begoña", "Carolina", "Daniela", "Desirée", "Eliana",
    "Francis", "Gabriela", "Génesis", "Inés", "Josefina", "Karla", "Leidy", "Luisana", "Marbella",
    "María José", "María de los Ángeles", "Mariángel", "Marisela", "Milagros", "Nazaret", "Neida",
    "Oriana", "Paola", "Rosángela", "Sofía", "Valentina", "Verónica", "Yolimar", "Yuleisy",
    "Zuleima",
)  # fmt: skip
_MEN = (
    "Adrián", "Alejandro", "Ángel", "Argenis", "Carlos", "César", "Cristian", "Darwin", "Edinson",
    "Eduardo", "Fabián", "Gabriel", "Germán", "Héctor", "Iván", "Jesús", "José Gregorio",
    "Jhonatan", "Juan", "Leonel", "Luis", "Manuel", "Miguel", "Néstor", "Óscar", "Rafael", "Ramón",
    "Rubén", "Samuel", "Toño", "Víctor", "Wuilmer", "Yonaiker",
)  # fmt: skip
_HAITIAN = (
    "Augustin", "Baptiste", "Charles", "Célestin", "Désir", "Dorvil", "Étienne", "Exumé",
    "François", "Jean-Baptiste", "Jean-Louis", "Joseph", "Louis", "Noël", "Paul", "Philippe",
    "Pierre", "Saint-Fleur", "Saint-Louis", "Toussaint",
)  # fmt: skip
_HAITIAN_WOMEN = (
    "Darline", "Esther", "Fabienne", "Guerline", "Islande", "Marie Ange", "Mirlande", "Nadège",
    "Rose-Laure", "Rosemène", "Wideline", "Yolette",
)  # fmt: skip
_HAITIAN_MEN = (
    "Emmanuel", "Évens", "Frantz", "Jean Robert", "Jeff", "Kervens", "Mackenson", "Réginald",
    "Ronald", "Stévenson", "Wilner", "Woodly",
)  # fmt: skip
_COUNTRIES = {
    "VEN": _Country(
        # The Venezuelan cédula has no MRZ, so these people come with their passports.
        surnames=_ANDEAN,
        women=_WOMEN,
        men=_MEN,
        procedures=("CPP", "CPP", "CPP", "CPP", "CCM", "CCM", "PRR", "DUP", "ACT"),
    ),
    "COL": _Country(surnames=_ANDEAN, women=_WOMEN, men=_MEN, cards=0.5, prefix="AV", digits=6),
    "HTI": _Country(
        surnames=_HAITIAN,
        women=_HAITIAN_WOMEN,
        men=_HAITIAN_MEN,
        two_surnames=0.0,
        prefix="R",
        digits=8,
        language="ht",
        skin=(0.65, 1.0),
    ),
    "ECU": _Country(surnames=_ANDEAN, women=_WOMEN, men=_MEN, cards=0.6, prefix="A", digits=8),
    "CUB": _Country(surnames=_ANDEAN, women=_WOMEN, men=_MEN, prefix="K", digits=6),
    "BOL": _Country(surnames=_ANDEAN, women=_WOMEN, men=_MEN, cards=0.4, prefix="C", digits=8),
}
# Share of all who come, in per mille; 94 % as among the applicants of the 2023 permit.
_SHARES = {"VEN": 940, "COL": 20, "HTI": 15, "ECU": 12, "CUB": 8, "BOL": 5}
_STREETS = (
    "Jr. Los Nogales", "Av. Panamericana", "Calle Las Gardenias", "Jr. 28 de Julio",
    "Av. República de Venezuela", "Pasaje San Martín", "Calle Los Ceibos", "Jr. Huáscar",
    "Av. Bolívar", "Mz. C, lote", "Psje. Santa Rosa", "Jr. Dos de Mayo",
)  # fmt: skip
# INEI codes: Desaguadero (Chucuito, Puno) twice, since the vehicle of the training stands there;
# Lima, Breña, San Juan de Lurigancho, Tacna, Tumbes, Aguas Verdes.
_PLACES = ("210402", "210402", "150101", "150105", "150132", "230101", "240101", "240302")


def _nationality(rng: random.Random) -> str:
    return rng.choices(list(_SHARES), weights=list(_SHARES.values()))[0]


def _surnames(rng: random.Random, country: _Country) -> tuple[str, str]:
    first, second = rng.sample(country.surnames, 2)
    return first, second if rng.random() < country.two_surnames else ""


def _given_names(rng: random.Random, country: _Country, sex: faces.Sex) -> str:
    first, second = rng.sample(country.women if sex == "F" else country.men, 2)
    alone = " " in first or " " in second or rng.random() < 0.25
    return first if alone else f"{first} {second}"


def _birth_date(rng: random.Random, minor: bool) -> date:
    years = rng.randint(3, 14) if minor else round(rng.triangular(19, 76, 29))
    return REFERENCE_DAY - timedelta(days=round(365.25 * years) + rng.randint(2, 360))


def _home(rng: random.Random) -> tuple[str, str]:
    inside = rng.choice(("", "", f", dpto. {rng.randint(101, 504)}", f", int. {rng.randint(1, 9)}"))
    return f"{rng.choice(_STREETS)} {rng.randint(101, 1899)}{inside}", rng.choice(_PLACES)


def _email(rng: random.Random, given: str, surname: str, number: int) -> str:
    if rng.random() < 0.35:
        return ""
    given, surname = (_plain(name).split("<")[0].lower() for name in (given, surname))
    return f"{given}.{surname}{number}@correo.example"


def _guardian(
    rng: random.Random, child: _Paper, country: _Country, seed: int, number: int
) -> Guardian:
    """A parent: the father gives his first surname as the first, the mother hers as the second."""
    first, _, second = child.surnames.partition(" ")
    mother = bool(second) and rng.random() < 0.7
    own = rng.choice(country.surnames) if second else ""
    return Guardian(
        first_surname=second if mother else first,
        second_surname=own,
        given_names=_given_names(rng, country, "F" if mother else "M"),
        relationship="mother" if mother else "father",
        document_type="passport",
        document_number=country.prefix + _unlike("document", 2 * number + 1, country.digits, seed),
    )


# --- their papers


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paper:
    """What a machine readable zone says."""

    kind: DocumentType
    number: str
    issuer: str
    surnames: str
    given: str
    nationality: str
    birth: date
    sex: faces.Sex
    expiry: date


def _td3(paper: _Paper) -> tuple[str, ...]:
    number, birth, expiry = _checked(paper)
    optional = "<" * 14
    rest = optional + check_digit(optional)
    second = number + paper.nationality + birth + paper.sex + expiry + rest
    second += check_digit(number + birth + expiry + rest)
    return f"P<{paper.issuer}{_names(paper, 39)}", second


def _td1(paper: _Paper) -> tuple[str, ...]:
    number, birth, expiry = _checked(paper)
    optional1, optional2 = "<" * 15, "<" * 11
    second = birth + paper.sex + expiry + paper.nationality + optional2
    second += check_digit(number + optional1 + birth + expiry + optional2)
    return f"I<{paper.issuer}{number}{optional1}", second, _names(paper, 30)


def _checked(paper: _Paper) -> tuple[str, str, str]:
    """Number, birth and expiry, each with its check digit."""
    fields = (paper.number.ljust(9, "<"), f"{paper.birth:%y%m%d}", f"{paper.expiry:%y%m%d}")
    number, birth, expiry = (field + check_digit(field) for field in fields)
    return number, birth, expiry


def _names(paper: _Paper, width: int) -> str:
    names = f"{_plain(paper.surnames)}<<{_plain(paper.given)}"
    return names[:width].ljust(width, "<")


def _plain(name: str) -> str:
    """ICAO 9303 letters: no accents, Ñ as N, a filler for each space and hyphen."""
    letters = unicodedata.normalize("NFD", name.upper())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return bare.replace("'", "").replace(" ", "<").replace("-", "<")
