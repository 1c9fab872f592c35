"""Dates as people type them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

_MONTHS = ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "set", "oct", "nov", "dic")


def fold(words: str) -> str:
    """Small letters without accents, for comparing and searching (Ñ counts as N)."""
    apart = unicodedata.normalize("NFD", words.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a typed date says: a whole date, a part of one, or the sentence about what is wrong."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    problem: str = ""

    @property
    def whole(self) -> date | None:
        if self.problem or not (self.year and self.month and self.day):
            return None
        return date(self.year, self.month, self.day)

    @property
    def words(self) -> str:
        """The date as this station writes it: 19/08/1991, 08/1991 or 1991."""
        parts = [f"{n:02d}" for n in (self.day, self.month) if n]
        return "/".join([*parts, f"{self.year:04d}"]) if self.year else ""


def read_date(typed: str, *, today: date, past: bool = True, partial: bool = False) -> Reading:
    """Read dd/mm/aaaa, however separated, with or without zeros, month in figures or letters.

    A year of two digits is the latest one not after `today` when `past`, else of this century.
    `partial` also takes mm/aaaa and aaaa.
    """
    parts = _parts(typed)
    if not parts:
        return Reading(problem="Falta la fecha: día, mes y año.")
    if len(parts) < 3 and not partial:
        return Reading(problem="Falta el año: escriba dd/mm/aaaa.")
    if len(parts) > 3 or not all(p.isdecimal() for p in parts):
        return Reading(problem="No se entiende: escriba dd/mm/aaaa.")
    year = _year(parts[-1], today=today, past=past)
    if year is None:
        return Reading(problem="El año lleva cuatro cifras: dd/mm/aaaa.")
    month = int(parts[-2]) if len(parts) > 1 else None
    day = int(parts[0]) if len(parts) == 3 else None
    return _checked(year, month, day)


def _parts(typed: str) -> list[str]:
    """Day, month, year as digits; months in letters become figures, eight digits are cut."""
    words = fold(typed).replace("sep", "set")
    for number, name in enumerate(_MONTHS, 1):
        words = re.sub(rf"[ /.-]*(?:de )?{name}[a-z]*(?: del?)?(?![a-z])", f" {number} ", words)
    parts = [p for p in re.split(r"[\s/.,-]+", words) if p]
    if len(parts) == 1 and parts[0].isdecimal() and len(parts[0]) in {6, 8}:
        run = parts[0]
        return [run[:2], run[2:4], run[4:]]
    if len(parts) == 3 and len(parts[0]) == 4:  # written the other way round: aaaa-mm-dd
        parts.reverse()
    return parts


def _year(figures: str, *, today: date, past: bool) -> int | None:
    if len(figures) == 4:
        return int(figures)
    if len(figures) != 2:
        return None
    century = today.year - today.year % 100
    year = century + int(figures)
    return year - 100 if past and year > today.year else year


def _checked(year: int, month: int | None, day: int | None) -> Reading:
    if not 1850 <= year <= 2150:
        return Reading(problem="Ese año no puede ser.")
    if month is not None and not 1 <= month <= 12:
        return Reading(problem="El mes va del 1 al 12.")
    if month is not None and day is not None:
        try:
            date(year, month, day)
        except ValueError:
            return Reading(problem="Ese mes no tiene ese día.")
    return Reading(year=year, month=month, day=day)
