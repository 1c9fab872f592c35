from __future__ import annotations

import contextlib
import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migramovil.core.procedures import BadCatalogue, Catalogue, fees_on, in_force, read_catalogue


def _bytes(*procedures: dict[str, object], version: str = "1") -> bytes:
    base = {"code": "CPP", "name": "Permiso", "requirements": ["Formulario"]}
    return json.dumps(
        {"version": version, "procedures": [base | changes for changes in procedures]}
    ).encode()


def test_a_procedure_is_in_force_on_its_first_and_last_day_and_not_outside() -> None:
    catalogue = read_catalogue(_bytes({"valid_from": "2026-01-01", "valid_to": "2026-06-30"}))
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 6, 30), date(2026, 7, 1)]
    assert [len(in_force(catalogue, day)) for day in days] == [0, 1, 1, 0]


def test_a_code_changes_its_requirements_from_a_day_on() -> None:
    catalogue = read_catalogue(
        _bytes({"valid_to": "2026-06-30"}, {"valid_from": "2026-07-01", "name": "Nuevo"})
    )
    assert [procedure.name for procedure in in_force(catalogue, date(2026, 7, 1))] == ["Nuevo"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"\xff",
        _bytes(),
        _bytes({}, version=" "),
        _bytes({"code": ""}),
        _bytes({"requirements": []}),
        _bytes({"requirements": [" "]}),
        _bytes({"valid_from": "2026-02-30"}),
        _bytes({"valid_from": "2026-02"}),
        _bytes({"valid_from": "2026-02-02", "valid_to": "2026-02-01"}),
        _bytes({}, {}),
        _bytes({"valid_to": "2026-07-01"}, {"valid_from": "2026-07-01"}),
    ],
)
def test_a_catalogue_that_cannot_be_trusted_is_refused(data: bytes) -> None:
    with pytest.raises(BadCatalogue, match="CAT-01"):
        read_catalogue(data)


@given(st.binary())
def test_any_bytes_are_a_catalogue_or_cat_01(data: bytes) -> None:
    with contextlib.suppress(BadCatalogue):
        assert isinstance(read_catalogue(data), Catalogue)


FEE = {"concept": "Derecho de trámite", "code": "07568", "cents": 4390, "valid_from": "2026-01-01"}


def test_a_fee_is_said_from_its_day_to_its_day_and_never_without_one() -> None:
    later = FEE | {"cents": 4700, "valid_from": "2026-07-01"}
    catalogue = read_catalogue(_bytes({"fees": [FEE | {"valid_to": "2026-06-30"}, later]}))
    (procedure,) = catalogue.procedures
    days = [date(2025, 12, 31), date(2026, 6, 30), date(2026, 7, 1)]
    said = [[fee.cents for fee in fees_on(procedure, day)] for day in days]
    assert said == [[], [4390], [4700]]


@pytest.mark.parametrize(
    "wrong",
    [{"valid_from": ""}, {"cents": 0}, {"code": "7568"}, {"concept": " "}, {"valid_from": "ayer"},
     {"valid_to": "2025-01-01"}],
)  # fmt: skip
def test_a_fee_that_does_not_say_all_of_itself_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadCatalogue):
        read_catalogue(_bytes({"fees": [FEE | wrong]}))
