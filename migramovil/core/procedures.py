"""The procedures (trámites) a station may open, from a dated catalogue headquarters can replace."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import msgspec

from migramovil.core.person import date_or_none
from migramovil.core.trouble import Trouble

_PAYMENT = re.compile(r"[0-9]{5}")


class BadCatalogue(Trouble):
    code = "CAT-01"
    what = "El catálogo de trámites no se puede usar."
    advice = "La estación necesita un catálogo válido de sede central. Avise al técnico."


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What a procedure costs from a day on, in céntimos of sol; `code` is the five digits of its
    payment. A fee is always dated: without a day nothing is said of it."""

    concept: str
    code: str
    cents: int
    valid_from: str
    valid_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """What to check for one procedure; both dates inclusive, an empty one leaves its end open."""

    code: str
    name: str
    requirements: tuple[str, ...]
    valid_from: str = ""
    valid_to: str = ""
    note: str = ""
    fees: tuple[Fee, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    version: str
    procedures: tuple[Procedure, ...]

    def name_of(self, code: str) -> str:
        """What people call a procedure; the code itself where the catalogue does not have it."""
        return next((p.name for p in self.procedures if p.code == code), code)


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


def fees_on(procedure: Procedure, day: date) -> tuple[Fee, ...]:
    """What it costs on `day`, as far as the catalogue says so."""
    return tuple(fee for fee in procedure.fees if _start(fee) <= day.isoformat() <= _end(fee))


def _fault(procedure: Procedure) -> str:
    if not procedure.code.strip() or not procedure.name.strip():
        return "no code or name"
    if not procedure.requirements or not all(text.strip() for text in procedure.requirements):
        return "no requirements"
    if any(_fee_fault(fee) for fee in procedure.fees):
        return "fee"
    return _dates_fault(procedure)


def _fee_fault(fee: Fee) -> bool:
    said = fee.concept.strip() and fee.cents > 0 and fee.valid_from
    return not (said and _PAYMENT.fullmatch(fee.code)) or bool(_dates_fault(fee))


def _dates_fault(dated: Procedure | Fee) -> str:
    ends = (dated.valid_from, dated.valid_to)
    if any(end and date_or_none(end) is None for end in ends):
        return "date"
    return "dates reversed" if _start(dated) > _end(dated) else ""


def _refuse_overlaps(procedures: tuple[Procedure, ...]) -> None:
    ordered = sorted(procedures, key=lambda procedure: (procedure.code, _start(procedure)))
    for one, later in pairwise(ordered):
        if one.code == later.code and _start(later) <= _end(one):
            raise BadCatalogue("two with one code at once")


def _start(dated: Procedure | Fee) -> str:
    return dated.valid_from or "0001-01-01"


def _end(dated: Procedure | Fee) -> str:
    return dated.valid_to or "9999-12-31"
