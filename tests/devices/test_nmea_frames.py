"""A fix comes out whole and believed by its receiver, or not at all, whatever arrives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migramovil.devices.gnss.nmea_frames import (
    BUILT,
    EPOCH,
    LONGEST,
    Fixes,
    NmeaAssembler,
    checksum,
    sentence,
)
from migramovil.devices.ports import Fix
from migramovil.devices.sim.gnss_pty import BRENA, DESAGUADERO, moment_told

NOON = datetime(2026, 11, 23, 17, 0, 5, tzinfo=UTC)
GGA = ("170005.00", "1203.58200", "S", "07703.00600", "W", "1", "08", "1.2", "154.0", "M", "", "M",
       "", "")  # fmt: skip
RMC = ("170005.00", "A", "1203.58200", "S", "07703.00600", "W", "0.0", "", "231126", "", "", "A")


def fixes(*data: bytes) -> list[Fix]:
    assembler, putting = NmeaAssembler(), Fixes()
    said = [one for piece in data for one in assembler.feed(piece)]
    return [fix for one in said if (fix := putting.take(one)) is not None]


def with_field(fields: tuple[str, ...], at: int, value: str) -> tuple[str, ...]:
    return (*fields[:at], value, *fields[at + 1 :])


def pair(gga: tuple[str, ...] = GGA, rmc: tuple[str, ...] = RMC) -> bytes:
    return sentence("GP", "GGA", *gga) + sentence("GP", "RMC", *rmc)


def test_the_sum_is_that_of_the_makers_worked_example() -> None:
    # u-blox, "Receiver description including protocol specification": $GPZDA
    assert checksum(b"GPZDA,141644.00,22,03,2002,00,00") == 0x67


def test_a_moment_is_a_fix() -> None:
    (fix,) = fixes(pair())
    assert fix.latitude == pytest.approx(-12.0597)
    assert fix.longitude == pytest.approx(-77.0501)
    assert fix.utc == NOON
    assert (fix.satellites, fix.altitude_m) == (8, 154.0)
    assert fix.accuracy_m == pytest.approx(6.0)


@pytest.mark.parametrize("talker", ["GP", "GN", "GL", "GA", "GB", "BD"])
def test_any_talker_and_either_order_will_do(talker: str) -> None:
    told = [sentence(talker, "RMC", *RMC), sentence(talker, "GGA", *GGA)]
    assert fixes(*told) == fixes(*reversed(told)) == fixes(pair())


def test_the_receivers_own_estimate_of_the_error_is_preferred() -> None:
    gst = sentence("GP", "GST", "170005.00", "2", "", "", "", "3.0", "4.0", "9.0")
    assert fixes(gst, pair())[0].accuracy_m == pytest.approx(5.0)
    old = sentence("GP", "GST", "170004.00", "2", "", "", "", "3.0", "4.0", "9.0")
    assert fixes(old, pair())[0].accuracy_m == pytest.approx(6.0)
    assert fixes(pair(with_field(GGA, 7, "")))[0].accuracy_m is None


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (1, "V"), (1, ""), (2, "1260.00000"), (2, "9100.00000"), (2, ""), (3, "X"), (3, "NS"),
        (4, "18100.00000"), (4, "7703.0.0"), (5, ""), (0, "250005.00"), (0, "170004.00"),
        (8, "310226"), (8, ""), (11, "E"), (11, "M"), (11, "S"), (11, "N"),
    ],
)  # fmt: skip
def test_a_place_that_is_doubtful_is_no_fix(at: int, value: str) -> None:
    assert fixes(pair(rmc=with_field(RMC, at, value))) == []


@pytest.mark.parametrize(("at", "value"), [(5, "0"), (5, "6"), (5, "8"), (5, ""), (6, "x")])
def test_a_quality_that_is_doubtful_is_no_fix(at: int, value: str) -> None:
    assert fixes(pair(with_field(GGA, at, value))) == []


def test_satellites_lost_are_no_fix() -> None:
    lost = sentence("GP", "GSA", "A", "1", *[""] * 15)
    found = sentence("GP", "GSA", "A", "3", *[""] * 15)
    assert fixes(lost, pair()) == []
    assert len(fixes(lost, pair(), found, pair())) == 2  # both sentences complete it again


@pytest.mark.parametrize("epochs", [0, 1, 2])
@given(
    after=st.timedeltas(timedelta(0), EPOCH - timedelta(days=1)).map(
        lambda d: d - timedelta(microseconds=d.microseconds)
    )
)
def test_a_week_number_that_rolled_over_is_lifted_to_the_present(
    epochs: int, after: timedelta
) -> None:
    utc = datetime(BUILT.year, BUILT.month, BUILT.day, tzinfo=UTC) + after
    told = utc - EPOCH * epochs
    if told.year < 1980:
        return
    assert fixes(moment_told(BRENA, told))[0].utc == utc


@given(
    st.floats(-90, 90, allow_nan=False),
    st.floats(-180, 180, allow_nan=False),
)
def test_every_spot_of_the_earth_survives_the_journey(latitude: float, longitude: float) -> None:
    (fix,) = fixes(moment_told((latitude, longitude), NOON))
    assert fix.latitude == pytest.approx(latitude, abs=1e-6)
    assert fix.longitude == pytest.approx(longitude, abs=1e-6)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_how_the_bytes_are_cut_up_does_not_matter(sizes: list[int]) -> None:
    data = b"".join(
        moment_told(at, NOON + timedelta(seconds=n))
        for n, at in enumerate([BRENA, DESAGUADERO, BRENA])
    )
    pieces, at = [], 0
    for turn in range(len(data)):
        size = sizes[turn % len(sizes)]
        pieces.append(data[at : at + size])
        at += size
    assert fixes(*pieces) == fixes(data)
    assert len(fixes(data)) == 3


def test_a_spoilt_sum_is_counted_and_never_believed() -> None:
    assembler = NmeaAssembler()
    spoilt = bytearray(pair())
    spoilt[20] ^= 1
    assert len(assembler.feed(bytes(spoilt))) == 1
    assert assembler.damaged == 1


@given(noise=st.binary(max_size=300))
def test_noise_before_a_sentence_hides_nothing_but_that_line(noise: bytes) -> None:
    assembler = NmeaAssembler()
    assembler.feed(noise + b"\r\n")
    assert [one.kind for one in assembler.feed(pair())] == ["GGA", "RMC"]


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_nothing_that_arrives_makes_it_raise_or_hoard(pieces: list[bytes]) -> None:
    assembler, putting = NmeaAssembler(), Fixes()
    for piece in pieces:
        for one in assembler.feed(b"$" + piece):
            putting.take(one)
        assert len(assembler._rest) <= LONGEST


_PRINTED = st.characters(min_codepoint=32, max_codepoint=126, exclude_characters=",*$")
_FIELD = st.text(_PRINTED, max_size=12)


@given(st.lists(_FIELD, max_size=16), st.lists(_FIELD, max_size=16))
def test_any_fields_at_all_are_a_fix_or_none(gga: list[str], rmc: list[str]) -> None:
    for fix in fixes(sentence("GP", "GGA", *gga), sentence("GP", "RMC", *rmc)):
        assert -90 <= fix.latitude <= 90
        assert -180 <= fix.longitude <= 180
