"""What is read over the radio comes back whole, or names the line that is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migramovil.core import recovery

SPOKEN = bytes(range(32))
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@given(st.binary(min_size=32, max_size=32))
def test_what_is_spelled_is_read(spoken: bytes) -> None:
    lines = recovery.spell(spoken)
    assert [len(line) for line in lines] == [15] * 4, "56 letters, four lines of two groups"
    assert recovery.read(lines) == spoken
    heard = [line.lower().replace("0", "o").replace("1", "i").replace(" ", "-") for line in lines]
    assert recovery.read(heard) == spoken


@given(st.integers(0, 3), st.integers(0, 13), st.sampled_from(LETTERS))
def test_one_wrong_letter_names_its_line(line: int, at: int, letter: str) -> None:
    lines = [one.replace(" ", "") for one in recovery.spell(SPOKEN)]
    if lines[line][at] == letter:
        return
    lines[line] = lines[line][:at] + letter + lines[line][at + 1 :]
    with pytest.raises(recovery.BadRecoveryCode) as wrong:
        recovery.read(lines)
    assert wrong.value.lines == (line + 1,)


@given(st.integers(0, 3), st.integers(0, 12))
def test_two_letters_exchanged_name_their_line(line: int, at: int) -> None:
    lines = [one.replace(" ", "") for one in recovery.spell(SPOKEN)]
    one, other = lines[line][at : at + 2]
    if one == other:
        return
    lines[line] = lines[line][:at] + other + one + lines[line][at + 2 :]
    with pytest.raises(recovery.BadRecoveryCode) as wrong:
        recovery.read(lines)
    assert wrong.value.lines == (line + 1,)


def test_a_line_too_short_or_with_a_strange_letter_names_itself() -> None:
    lines = list(recovery.spell(SPOKEN))
    lines[1], lines[3] = lines[1][:-1], "ñ" * 14
    with pytest.raises(recovery.BadRecoveryCode) as wrong:
        recovery.read(lines)
    assert wrong.value.lines == (2, 4)


def test_what_is_read_out_is_worth_nothing_for_another_station_number_or_person() -> None:
    spoken = recovery.masked(SPOKEN, "s", 3, "rosa")
    assert recovery.masked(spoken, "s", 3, " ROSA ") == SPOKEN
    for station, number, username in (("t", 3, "rosa"), ("s", 4, "rosa"), ("s", 3, "juan")):
        assert recovery.masked(spoken, station, number, username) != SPOKEN
