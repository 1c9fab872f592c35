"""Which part goes next, and what a broken connection costs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migramovil.sync import pace
from migramovil.sync.crew import Gauge
from migramovil.sync.lanes import Road
from migramovil.sync.pace import Weather
from migramovil.sync.parts import Parts

PART = 10
ALL = 99


def taken(parts: Parts) -> list[int]:
    return list(iter(lambda: parts.take(ALL), None))


def test_parts_go_in_their_order_so_the_record_comes_before_the_images() -> None:
    assert taken(Parts(35, PART)) == [0, 1, 2, 3]


def test_a_part_whose_connection_died_goes_again_only_if_headquarters_lacks_it() -> None:
    parts = Parts(35, PART)
    taken(parts)
    parts.arrived(0)
    for number in (1, 2, 3):
        parts.lost_sight(number)
    assert parts.in_doubt
    parts.asking()
    parts.lacking([2])
    assert (taken(parts), parts.held_bytes) == ([2], 25)


def test_what_arrives_while_headquarters_is_asked_is_not_sent_twice() -> None:
    parts = Parts(35, PART)
    taken(parts)
    parts.asking()
    parts.arrived(1)
    parts.lacking([0, 1, 2, 3])  # said before part 1 came
    assert taken(parts) == []
    assert parts.held_bytes == PART


events = st.lists(
    st.tuples(st.sampled_from(["take", "arrive", "die", "ask"]), st.integers(0, 8)), max_size=60
)


@given(events)
def test_every_part_is_at_headquarters_travelling_or_still_to_go(
    happened: list[tuple[str, int]],
) -> None:
    parts, there, flying = Parts(81, PART), set[int](), set[int]()
    for what, number in happened:
        if what == "take" and (given_out := parts.take(ALL)) is not None:
            flying.add(given_out)
        elif what == "arrive" and number in flying:
            flying.remove(number)
            there.add(number)
            parts.arrived(number)
        elif what == "die" and number in flying:
            flying.remove(number)
            there |= {number} if number % 2 else set()  # it may have come, its answer did not
            parts.lost_sight(number)
        elif what == "ask":
            parts.asking()
            parts.lacking(set(range(9)) - there)
    parts.asking()
    parts.lacking(set(range(9)) - there)
    assert {*taken(parts), *there, *flying} == set(range(9))
    assert parts.held_bytes <= 81


weathers = st.builds(
    Weather,
    rate=st.floats(0, 1e8),
    rtt=st.floats(0, 5),
    loss=st.floats(0, 1),
    bbr=st.booleans(),
)


@given(weathers)
def test_lanes_are_few_on_a_slow_link_and_never_too_many(weather: Weather) -> None:
    lanes = pace.lanes_for(weather)
    assert 1 <= lanes <= pace.MOST_LANES
    if weather.rate <= pace.SLOW:
        assert lanes <= pace.MOST_LANES_SLOW


def test_the_links_that_were_measured_get_the_lanes_that_served_them_best() -> None:
    slow = Weather(rate=32_000, rtt=0.6, loss=0.05, bbr=True)
    satellite = Weather(rate=230_000, rtt=0.6, loss=0.03, bbr=True)
    near = Weather(rate=120_000, rtt=0.12, loss=0.02, bbr=True)
    fast = Weather(rate=2_000_000, rtt=0.6, loss=0.01, bbr=True)
    assert [pace.lanes_for(one) for one in (slow, satellite, near, fast)] == [1, 2, 1, 8]


def test_a_system_that_paces_by_loss_gets_more_lanes_on_the_same_link() -> None:
    by_loss = Weather(rate=230_000, rtt=0.6, loss=0.03)
    assert pace.lanes_for(by_loss) > pace.lanes_for(replace(by_loss, bbr=True))


@given(st.floats(1, 1e8), st.integers(1, pace.MOST_LANES))
def test_a_full_queue_is_fed_no_faster_than_it_drains_and_an_empty_one_is_tried(
    rate: float, lanes: int
) -> None:
    full = pace.fastest(rate, lanes, queued=True) * lanes
    empty = pace.fastest(rate, lanes, queued=False) * lanes
    assert rate < full < 1.25 * rate < empty


def test_a_link_nobody_measured_is_not_bound() -> None:
    assert pace.fastest(0.0, 1, queued=True) == pace.UNBOUNDED


@pytest.mark.parametrize(("lately", "queued"), [(0.60, False), (0.80, False), (0.90, True)])
def test_round_trips_that_grow_long_tell_of_a_queue(lately: float, queued: bool) -> None:
    assert pace.is_queued(0.6, lately) is queued


def test_what_the_system_saw_arrive_counts_where_parts_showed_less() -> None:
    now = [0.0]
    gauge = Gauge(lambda: now[0])
    gauge.rtt = 0.1
    for _ in range(4):
        gauge.arrived(50_000)
        now[0] += 1.0
    assert gauge.best == gauge.carries == 50_000
    gauge.look([_Measured(rate=90_000)])  # type: ignore[list-item]
    assert gauge.carries == 90_000
    assert gauge.best == 50_000


class _Measured:
    """A lane of which only the system's figures matter."""

    bbr = True

    def __init__(self, rate: float) -> None:
        self._rate = rate

    def road(self) -> Road:
        return Road(rtt=0.1, rtt_lately=0.1, sent=10, again=0, rate=self._rate)
