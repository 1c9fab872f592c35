"""Reports for support go last and hold nothing up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from migramovil.core.record import Signed
from migramovil.sync.ports import BudgetSpent, NoLink, NotUnderstood
from migramovil.sync.reports import AGAIN_S, REFUSED_S, Reporter

SAID = Signed(body="", signature="", public_key="")


class Shelf:
    def __init__(self, *reports: bytes) -> None:
        self.reports = list(reports)

    def waiting(self) -> list[bytes]:
        return list(self.reports)

    def answered(self, data: bytes, answer: Signed) -> None:
        assert answer is SAID
        self.reports.remove(data)


class Road:
    """Fails with the next of `troubles`; `during` happens while a report is on its way."""

    def __init__(self) -> None:
        self.troubles: list[Exception] = []
        self.during: Callable[[], object] = lambda: None
        self.asked = 0

    def report(self, data: bytes, tick: Callable[[], object]) -> Signed:
        self.asked += 1
        self.during()
        tick()
        if self.troubles:
            raise self.troubles.pop(0)
        return SAID


def test_what_waits_is_brought_and_goes() -> None:
    shelf, road = Shelf(b"one", b"two"), Road()
    Reporter(shelf, road).turn(lambda: False)
    assert (shelf.reports, road.asked) == ([], 2)


def test_a_record_that_is_sealed_meanwhile_goes_first_and_the_report_after_it() -> None:
    shelf, road, calls = Shelf(b"one"), Road(), []
    reporter = Reporter(shelf, road)
    road.during = lambda: calls.append("sealed")
    reporter.turn(lambda: bool(calls))
    assert shelf.reports == [b"one"]
    calls.clear()
    road.during = lambda: None
    reporter.turn(lambda: bool(calls))
    assert shelf.reports == []


@pytest.mark.parametrize(
    ("trouble", "rest_s"),
    [(NoLink(), AGAIN_S), (BudgetSpent(), AGAIN_S), (ValueError("a bug"), REFUSED_S)],
)
def test_a_link_that_breaks_or_costs_too_much_is_left_in_peace_for_a_while(
    trouble: Exception, rest_s: float
) -> None:
    now = [0.0]
    shelf, road = Shelf(b"one", b"two"), Road()
    reporter = Reporter(shelf, road, now=lambda: now[0])
    road.troubles.append(trouble)
    reporter.turn(lambda: False)
    reporter.turn(lambda: False)
    assert (shelf.reports, road.asked) == ([b"one", b"two"], 1)
    now[0] += rest_s
    reporter.turn(lambda: False)
    assert shelf.reports == []


def test_a_report_that_is_refused_lets_the_next_one_pass_and_costs_the_link_little() -> None:
    now = [0.0]
    shelf, road = Shelf(b"one", b"two"), Road()
    reporter = Reporter(shelf, road, now=lambda: now[0])
    road.troubles.append(NotUnderstood())
    reporter.turn(lambda: False)
    assert shelf.reports == [b"one"]
    now[0] += AGAIN_S
    reporter.turn(lambda: False)
    assert road.asked == 2
    now[0] += REFUSED_S
    reporter.turn(lambda: False)
    assert shelf.reports == []
