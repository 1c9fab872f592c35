"""Dates are understood as people type them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from migramovil.ui.kit import fold, read_date

TODAY = date(2026, 11, 23)
BORN = date(1991, 8, 19)


@pytest.mark.parametrize(
    "typed",
    [
        "19/08/1991", "19/8/1991", "19-08-1991", "19.8.1991", "19 8 1991", " 19/08/1991 ",
        "19081991", "190891", "19/08/91", "1991-08-19", "19 ago 1991", "19AGO1991",
        "19 de agosto de 1991", "19/ago/91",
    ],
)  # fmt: skip
def test_a_birth_date_is_understood_however_it_is_typed(typed: str) -> None:
    reading = read_date(typed, today=TODAY)
    assert reading.whole == BORN, reading.problem
    assert reading.words == "19/08/1991"


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", "Falta la fecha"), ("19/08", "Falta el año"), ("19/08/199", "cuatro cifras"),
        ("31/02/1991", "no tiene ese día"), ("19/13/1991", "mes va del 1 al 12"),
        ("mañana", "Falta el año"), ("a/b/c", "No se entiende"), ("00/08/1991", "ese día"),
        ("1/1/0001", "Ese año"), ("1/2/3/1991", "No se entiende"),
    ],
)  # fmt: skip
def test_a_date_that_cannot_be_says_what_is_wrong(typed: str, problem: str) -> None:
    reading = read_date(typed, today=TODAY)
    assert reading.whole is None
    assert problem in reading.problem


def test_two_figures_of_a_birth_year_never_mean_the_future() -> None:
    assert read_date("01/01/27", today=TODAY).whole == date(1927, 1, 1)
    assert read_date("01/01/26", today=TODAY).whole == date(2026, 1, 1)


def test_two_figures_of_an_expiry_year_mean_this_century() -> None:
    assert read_date("04/03/29", today=TODAY, past=False).whole == date(2029, 3, 4)


@pytest.mark.parametrize(("typed", "words"), [("1991", "1991"), ("8/1991", "08/1991")])
def test_a_birth_date_may_be_known_only_in_part(typed: str, words: str) -> None:
    reading = read_date(typed, today=TODAY, partial=True)
    assert (reading.whole, reading.words, reading.problem) == (None, words, "")
    assert read_date(typed, today=TODAY).problem


@given(st.integers(0, 60_000))
def test_what_the_station_writes_it_reads_back(days: int) -> None:
    day = date(1870, 1, 1) + timedelta(days)
    assert read_date(f"{day:%d/%m/%Y}", today=TODAY).whole == day


@given(st.text(max_size=30))
@example("0²")
def test_no_typing_breaks_the_reader(typed: str) -> None:
    reading = read_date(typed, today=TODAY, partial=True)
    assert reading.problem or reading.year


def test_searching_forgets_accents_and_capitals() -> None:
    assert fold("Ñuñoa ÁÉÍ") == "nunoa aei"
