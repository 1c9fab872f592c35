"""When the line will be empty is said only of what was seen, and not while nothing moves."""

from __future__ import annotations

from typing import Any

import pytest

from migramovil.services.forecast import LEAST_S, STILL_S, WINDOW_S, Forecast
from tests.ui.fake_desk import a_status


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Line:
    """A forecast and the engine's words to it, in time."""

    def __init__(self) -> None:
        self.clock = Seconds()
        self.forecast = Forecast(self.clock)

    def sends(self, record: str, sent: int, size: int = 1_000_000, after: float = 10.0) -> None:
        self.clock.now += after
        self.says("sending", record=record, sent_bytes=sent, size=size)

    def says(self, kind: Any, **other: Any) -> None:
        self.forecast.heard(a_status(kind, **other))


def test_the_rest_takes_as_long_as_headquarters_took_for_as_much() -> None:
    line = Line()
    for sent in (0, 100_000, 200_000, 300_000):
        line.sends("a", sent)
    assert line.forecast.rate() == pytest.approx(10_000)
    assert line.forecast.seconds(3_600_000) == pytest.approx(360)


def test_nothing_is_said_before_it_was_watched_for_a_while_nor_when_nothing_came() -> None:
    line = Line()
    line.sends("a", 0)
    line.sends("a", 500_000, after=LEAST_S - 1)
    assert line.forecast.seconds(1) is None
    line = Line()
    for _ in range(5):
        line.sends("a", 0)
    assert line.forecast.seconds(1) is None


def test_nothing_is_said_without_a_link_nor_when_nothing_moves_any_more() -> None:
    line = Line()
    for sent in (0, 100_000, 200_000, 300_000):
        line.sends("a", sent)
    line.says("offline")
    assert line.forecast.seconds(1) is None
    line.sends("a", 310_000)
    assert line.forecast.seconds(1) is not None
    line.clock.now += STILL_S
    assert line.forecast.seconds(1) is None


def test_breaks_of_the_link_count_as_time_and_what_it_had_is_not_counted_twice() -> None:
    line = Line()
    line.sends("a", 0)
    line.sends("a", 400_000)
    line.says("offline")
    line.sends("a", 0, 0, after=20)
    line.sends("a", 400_000)
    assert line.forecast.rate() == pytest.approx(400_000 / 40)


def test_after_a_long_silence_only_the_last_minutes_count() -> None:
    line = Line()
    line.sends("a", 0)
    line.sends("a", 100_000)
    line.sends("a", 400_000, after=3 * 3600)
    assert line.forecast.rate() == pytest.approx(300_000 / WINDOW_S)


def test_what_headquarters_held_of_the_first_record_before_is_not_the_links_work() -> None:
    line = Line()
    line.sends("a", 900_000)
    line.sends("a", 910_000)
    line.sends("a", 920_000)
    assert line.forecast.rate() == pytest.approx(1000)


def test_the_next_record_counts_with_what_came_ahead_of_it() -> None:
    line = Line()
    line.sends("a", 0)
    line.sends("a", 1_000_000)
    line.sends("b", 200_000)
    line.sends("b", 300_000)
    assert line.forecast.rate() == pytest.approx(1_300_000 / 30)


def test_time_without_anything_to_send_is_not_slowness() -> None:
    line = Line()
    for sent in (0, 500_000, 1_000_000):
        line.sends("a", sent)
    line.says("up_to_date", waiting=0)
    line.clock.now += 3600
    for sent in (0, 100_000, 200_000, 300_000):
        line.sends("b", sent)
    assert line.forecast.rate() == pytest.approx(10_000)
