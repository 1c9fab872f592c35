"""The procedures (trámites) a station may open, from a dated catalogue headquarters can replace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import msgspec

from migramovil.core.person import date_or_none
from migramovil.core.trouble import Trouble


class BadCatalogue(Trouble):
    code = "CAT-01"
    what = "El catálogo de trámites no se puede usar."
    advice = "La estación necesita un catálogo válido de sede central. Avise al técnico."


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """What to check for one procedure; both dates inclusive, an empty one leaves its end open."""

    code: str
    name: str
    requirements: tuple[str, ...]
    valid_from: str = ""
    valid_to: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    version: str
    procedures: tuple[Procedure, ...]


def read_catalogue(data: bytes) -> Catalogue:
    """The catalogue in these bytes (UTF-8 JSON), or BadCatalogue naming the part that fails."""
    try:
        catalogue = msgspec.json.decode(data, type=Catalogue)
    except (msgspec.MsgspecError, ValueError, RecursionError) as problem:
        raise BadCatalogue(type(problem).__name__) from None
    if not catalogue.version.strip() or not catalogue.procedures:
        raise BadCatalogue("empty")
    for at, procedure in enumerate(catalogue.procedures):
        fault = _fault(procedure)
        if fault:
            raise BadCatalogue(f"procedure {at}: {fault}")
    _refuse_overlaps(catalogue.procedures)
    return catalogue


def in_force(catalogue: Catalogue, day: date) -> tuple[Procedure, ...]:
    """The procedures valid on `day`, in the catalogue's order; each code at most once."""
    return tuple(
        procedure
        for procedure in catalogue.procedures
        if _start(procedure) <= day.isoformat() <= _end(procedure)
    )


def _fault(procedure: Procedure) -> str:
    if not procedure.code.strip() or not procedure.name.strip():
        return "no code or name"
    if not procedure.requirements or not all(text.strip() for text in procedure.requirements):
        return "no requirements"
    ends = (procedure.valid_from, procedure.valid_to)
    if any(end and date_or_none(end) is None for end in ends):
        return "date"
    return "dates reversed" if _start(procedure) > _end(procedure) else ""


def _refuse_overlaps(procedures: tuple[Procedure, ...]) -> None:
    ordered = sorted(procedures, key=lambda procedure: (procedure.code, _start(procedure)))
    for one, later in pairwise(ordered):
        if one.code == later.code and _start(later) <= _end(one):
            raise BadCatalogue("two with one code at once")


def _start(procedure: Procedure) -> str:
    return procedure.valid_from or "0001-01-01"


def _end(procedure: Procedure) -> str:
    return procedure.valid_to or "9999-12-31"
