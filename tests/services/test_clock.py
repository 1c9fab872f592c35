"""The station's time: bounded by headquarters' word, carried by a clock nobody can set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from migramovil import app
from migramovil.core import canonical, sealing
from migramovil.services.clock import StationClock
from migramovil.store.outbox import StationIdentity
from migramovil.store.trouble import DiskFull
from tests.services.bench import Headquarters

NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)


@dataclass
class Hands:
    """The laptop's clock and the one nobody can set, both moved by the test."""

    wall: datetime = NOON
    ran_s: float = 1000.0

    def pass_s(self, seconds: float) -> None:
        self.ran_s += seconds
        self.wall += timedelta(seconds=seconds)


class Paper:
    def __init__(self, words: str | None = None) -> None:
        self.words = words

    def read(self) -> str | None:
        return self.words

    def write(self, words: str) -> None:
        self.words = words


def a_clock(hands: Hands, paper: Paper, *, boot: str = "one", sealed: str = "") -> StationClock:
    return StationClock(
        lambda: hands.wall, steady=lambda: hands.ran_s, boot=boot, memory=paper,
        sealed=lambda: sealed,
    )  # fmt: skip


def corrected(hands: Hands, paper: Paper, at: datetime = NOON) -> StationClock:
    clock = a_clock(hands, paper)
    clock.correct(at, doubt_s=1)
    return clock


def test_without_headquarters_word_nothing_bounds_the_time() -> None:
    stamp = a_clock(Hands(), Paper()).now()
    assert (stamp.utc, stamp.uncertainty_s) == ("2026-11-23T17:00:00Z", None)


def test_the_doubt_grows_with_the_time_since_headquarters_spoke() -> None:
    hands = Hands()
    clock = corrected(hands, Paper())
    assert clock.doubt_s() == 3
    hands.pass_s(24 * 3600)
    assert clock.doubt_s() == 3 + 5  # 50 ppm of a day is 4.32 s
    assert clock.utc() == NOON + timedelta(days=1)


@pytest.mark.parametrize("jump", [timedelta(hours=-2), timedelta(days=3000), timedelta(minutes=9)])
def test_a_jump_of_the_laptops_clock_moves_no_stamp(jump: timedelta) -> None:
    hands = Hands()
    clock = corrected(hands, Paper())
    hands.wall += jump
    hands.pass_s(60)
    assert clock.utc() == NOON + timedelta(seconds=60)
    assert clock.doubt_s() == 4
    skew = clock.skew()
    assert skew is not None
    assert (skew.by, skew.ahead, skew.trusted) == (abs(jump), jump > timedelta(), True)


def test_a_restart_of_the_program_keeps_headquarters_time() -> None:
    hands, paper = Hands(wall=NOON - timedelta(hours=2)), Paper()
    corrected(hands, paper)
    hands.pass_s(600)
    again = a_clock(hands, paper)
    assert again.utc() == NOON + timedelta(seconds=600)
    assert again.doubt_s() == 4


def test_after_a_restart_of_the_machine_every_second_since_is_doubted() -> None:
    hands, paper = Hands(), Paper()
    corrected(hands, paper)
    hands.pass_s(3600)
    hands.ran_s = 5
    again = a_clock(hands, paper, boot="two")
    assert again.utc() == NOON + timedelta(hours=1)
    assert again.doubt_s() == 3 + 3600
    assert again.skew() is None


@pytest.mark.parametrize("turned", [timedelta(hours=-3), timedelta(days=2), timedelta(days=3000)])
def test_a_clock_that_contradicts_the_last_word_has_no_bound(turned: timedelta) -> None:
    hands, paper = Hands(), Paper()
    corrected(hands, paper)
    hands.wall += turned
    again = a_clock(hands, paper, boot="two")
    assert again.doubt_s() is None
    assert again.utc() == NOON + turned


def test_a_clock_set_back_or_years_ahead_is_told() -> None:
    hands, paper = Hands(), Paper()
    corrected(hands, paper)
    hands.wall = NOON - timedelta(hours=2)
    behind = a_clock(hands, paper, boot="two").skew()
    assert behind is not None
    assert (behind.by, behind.ahead, behind.trusted) == (timedelta(hours=2), False, False)
    hands.wall = NOON + timedelta(days=1100)
    ahead = a_clock(hands, paper, boot="two").skew()
    assert ahead is not None
    assert ahead.ahead


def test_a_clock_earlier_than_the_last_sealed_record_is_told() -> None:
    hands = Hands()
    clock = a_clock(hands, Paper(), sealed="2026-11-23T19:00:00Z")
    skew = clock.skew()
    assert skew is not None
    assert (skew.by, skew.ahead) == (timedelta(hours=2), False)


def test_headquarters_word_ends_the_complaint_about_a_record_sealed_too_late() -> None:
    clock = a_clock(Hands(), Paper(), sealed="2031-11-23T19:00:00Z")
    clock.correct(NOON)
    assert clock.skew() is None


def test_a_few_minutes_are_not_worth_a_word() -> None:
    hands = Hands()
    clock = corrected(hands, Paper())
    hands.wall -= timedelta(minutes=4)
    assert clock.skew() is None


@pytest.mark.parametrize("words", ["", "{}", "null", '{"utc":"ayer"}'])
def test_a_ruined_memory_is_no_memory(words: str) -> None:
    assert a_clock(Hands(), Paper(words)).doubt_s() is None


def test_a_full_disk_does_not_stop_the_correction() -> None:
    class Full(Paper):
        def write(self, words: str) -> None:
            raise DiskFull

    clock = a_clock(Hands(), Full())
    clock.correct(NOON)
    assert clock.doubt_s() == 2


def test_the_time_is_told_whatever_the_disk_says() -> None:
    def full() -> str:
        raise DiskFull

    hands = Hands()
    clock = StationClock(lambda: hands.wall, steady=lambda: hands.ran_s, sealed=full)
    assert clock.skew() is None
    assert clock.now().utc == "2026-11-23T17:00:00Z"


def test_where_the_system_does_not_say_which_start_it_is_the_doubt_is_the_larger() -> None:
    hands, paper = Hands(), Paper()
    first = a_clock(hands, paper, boot="")
    first.correct(NOON)
    hands.pass_s(60)
    assert a_clock(hands, paper, boot="").doubt_s() == 62


def test_what_headquarters_signs_at_a_dialling_corrects_the_station(
    headquarters: Headquarters,
) -> None:
    descriptor = canonical.from_text(headquarters.descriptor().body).decode()
    identity = StationIdentity(
        station="5", code="T01", name="", place="", realm=headquarters.realm, epoch=1,
        url="https://sede", descriptor=descriptor, transport=sealing.Signer.new().dump(),
    )  # fmt: skip
    clock = a_clock(Hands(wall=NOON - timedelta(hours=2)), Paper())
    app._line(identity, clock, "")._on_time(NOON, 1)
    assert (clock.utc(), clock.doubt_s()) == (NOON, 3)


# ---- satellites ----------------------------------------------------------------------------------
def borne_out(hands: Hands, paper: Paper, off: timedelta, *, boot: str = "two") -> StationClock:
    """A clock after another start of the machine, told a time that is `off` from the laptop's."""
    clock = a_clock(hands, paper, boot=boot)
    clock.bear_out(hands.wall + off)
    return clock


def test_satellites_bound_a_clock_that_nothing_else_does() -> None:
    hands = Hands()
    clock = borne_out(hands, Paper(), timedelta(seconds=-40))
    assert clock.utc() == NOON  # they set nothing
    assert clock.doubt_s() == 30 + 40
    assert clock.skew() is None
    hands.pass_s(3600)
    assert clock.doubt_s() == 30 + 40


def test_satellites_say_that_the_laptops_clock_is_wrong() -> None:
    clock = borne_out(Hands(), Paper(), timedelta(hours=3))
    skew = clock.skew()
    assert skew is not None
    assert (skew.by, skew.ahead, skew.trusted) == (timedelta(hours=3), False, False)
    assert clock.doubt_s() == 30 + 3 * 3600


def test_two_clocks_a_day_apart_bound_nothing() -> None:
    clock = borne_out(Hands(), Paper(), timedelta(days=-7168))  # a lost week number
    assert clock.doubt_s() is None
    assert clock.skew() is not None


def test_satellites_narrow_the_doubt_after_a_restart_and_never_widen_it() -> None:
    hands, paper = Hands(), Paper()
    corrected(hands, paper)
    hands.pass_s(3600)
    assert borne_out(hands, paper, timedelta()).doubt_s() == 30
    assert borne_out(hands, paper, timedelta(hours=2)).doubt_s() == 3 + 3600


@pytest.mark.parametrize("lie", [timedelta(hours=-3), timedelta(days=-7168), timedelta(days=400)])
def test_whoever_transmits_moves_no_stamp_of_headquarters_time(lie: timedelta) -> None:
    hands = Hands()
    clock = corrected(hands, Paper())
    hands.pass_s(60)
    clock.bear_out(hands.wall + lie)
    assert clock.utc() == NOON + timedelta(seconds=60)
    assert clock.doubt_s() == 4
    assert clock.skew() is None
    assert clock.satellites_off() == abs(lie)


def test_a_time_before_headquarters_last_word_is_no_word_at_all() -> None:
    hands, paper = Hands(), Paper()
    corrected(hands, paper)
    hands.wall = NOON - timedelta(hours=2)
    clock = borne_out(hands, paper, timedelta())
    assert clock.doubt_s() is None
    skew = clock.skew()
    assert skew is not None  # by headquarters' word, not by theirs
    assert skew.by == timedelta(hours=2)


@pytest.mark.parametrize("lie", [timedelta(days=1), timedelta(days=400)])
def test_nothing_ends_sooner_by_what_satellites_say(lie: timedelta) -> None:
    hands, paper = Hands(), Paper()
    corrected(hands, paper)
    hands.wall += lie
    plain = a_clock(hands, paper, boot="two").earliest()
    assert borne_out(hands, paper, timedelta()).earliest() == plain
    assert plain is not None
    assert plain <= NOON
    assert borne_out(Hands(), Paper(), timedelta()).earliest() is None


def test_what_satellites_said_does_not_outlive_the_program() -> None:
    hands, paper = Hands(), Paper()
    borne_out(hands, paper, timedelta(), boot="one")
    assert paper.words is None
    assert a_clock(hands, paper).doubt_s() is None


def test_satellites_that_agree_are_not_worth_a_word() -> None:
    clock = corrected(Hands(), Paper())
    clock.bear_out(NOON + timedelta(seconds=20))
    assert clock.satellites_off() is None
