"""Countries and Peru's districts, from the catalogues that come with the station; known places."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from migramovil.core.trouble import Trouble

_ALPHA3 = re.compile(r"[A-Z]{3}")
_UBIGEO = re.compile(r"[0-9]{6}")


class BadPlaces(Trouble):
    code = "CAT-02"
    what = "La lista de países o de distritos no se puede usar."
    advice = "Reinstale la estación o pida la lista a sede central. Avise al técnico."


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """A state by its ISO 3166-1 alpha-3 code, or one of ICAO's codes for people without one."""

    code: str
    name_es: str


@dataclass(frozen=True, slots=True, kw_only=True)
class District:
    """A district by INEI's six digits and by RENIEC's, which differ.

    `reniec` is empty for districts too new for the public list of equivalences.
    """

    ubigeo: str
    reniec: str
    department: str
    province: str
    district: str


def read_countries(data: bytes) -> tuple[Country, ...]:
    """Countries of a CSV without header, `code,name`, in its order; else BadPlaces."""
    rows = _rows(data, columns=2, code=_ALPHA3)
    return tuple(Country(code=code, name_es=name) for code, name in rows)


def read_ubigeo(data: bytes) -> tuple[District, ...]:
    """Districts of a CSV without header: inei,reniec,department,province,district."""
    districts = tuple(
        District(
            ubigeo=inei, reniec=reniec, department=department, province=province, district=name
        )
        for inei, reniec, department, province, name in _rows(
            data, columns=5, code=_UBIGEO, may_lack=1
        )
    )
    reniec = [district.reniec for district in districts if district.reniec]
    if len(set(reniec)) != len(reniec) or not all(map(_UBIGEO.fullmatch, reniec)):
        raise BadPlaces("reniec")
    return districts


def _rows(
    data: bytes, *, columns: int, code: re.Pattern[str], may_lack: int | None = None
) -> list[list[str]]:
    try:
        rows = list(csv.reader(data.decode("utf-8").splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error) as problem:
        raise BadPlaces(type(problem).__name__) from None
    for at, row in enumerate(rows, start=1):
        lacks = [place for place, cell in enumerate(row) if not cell.strip() and place != may_lack]
        if len(row) != columns or lacks:
            raise BadPlaces(f"line {at}: columns")
        if not code.fullmatch(row[0]):
            raise BadPlaces(f"line {at}: code")
    if not rows or len({row[0] for row in rows}) != len(rows):
        raise BadPlaces("empty or repeated")
    return rows


# ---- where the vehicle works ---------------------------------------------------------------------
_EARTH_KM = 6371.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place where the vehicle works: degrees, north and east positive, and how far around its
    middle one is still there."""

    name: str
    latitude: float
    longitude: float
    radius_km: float = 1.0

    def __post_init__(self) -> None:
        """ValueError for a place that is not on the earth."""
        if not (abs(self.latitude) <= 90 and abs(self.longitude) <= 180 and self.radius_km > 0):
            raise ValueError("place")


def distance_km(spot: Spot, latitude: float, longitude: float) -> float:
    """The way through the air, on a round earth: within half a per cent of the true one."""
    here, there = math.radians(latitude), math.radians(spot.latitude)
    north = math.sin((there - here) / 2) ** 2
    east = math.sin(math.radians(spot.longitude - longitude) / 2) ** 2
    part = min(1.0, north + math.cos(here) * math.cos(there) * east)
    return 2 * _EARTH_KM * math.asin(math.sqrt(part))


def nearest(spots: Iterable[Spot], latitude: float, longitude: float) -> Spot | None:
    """The spot one is at, the nearest of several; None away from all."""
    away = [(distance_km(spot, latitude, longitude), spot) for spot in spots]
    at = [(km, spot) for km, spot in away if km <= spot.radius_km]
    return min(at, key=lambda one: one[0])[1] if at else None
