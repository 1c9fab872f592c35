"""The line as people see it: why a record stands aside, how much is left, when it will be done."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from migramovil.core.queue import Counts
from migramovil.services.metering import Metering
from migramovil.services.waiting import Waiting
from migramovil.settings import Link
from migramovil.sync.ports import DigestRefused, Forgetful, ImagesHeld, NoLink
from tests.services.test_forecast import Seconds
from tests.services.test_metering import Days
from tests.ui.fake_desk import a_status


class Engine:
    def __init__(self) -> None:
        self.woken: list[bool] = []

    def wake(self, link_changed: bool = False) -> None:
        self.woken.append(link_changed)


class Outbox:
    """So many sealed records of a megabyte each."""

    def __init__(self, sealed: int) -> None:
        self.sealed = sealed

    def counts(self) -> Counts:
        return Counts(sealed=self.sealed, stored=0, opened=0, refused=0)

    def waiting(self, limit: int) -> list[Any]:
        return [SimpleNamespace(size=1_000_000)] * min(limit, self.sealed)


def a_line(sealed: int = 3, rules: Link | None = None) -> tuple[Waiting, Seconds, Metering]:
    clock, metering = Seconds(), Metering(rules or Link(), Forgetful(), Days())
    outbox: Any = Outbox(sealed)
    return Waiting(outbox, metering, clock), clock, metering


def moving(line: Waiting, clock: Seconds) -> None:
    for sent in (0, 100_000, 200_000, 300_000):
        clock.now += 10
        line.heard(a_status("sending", record="a", sent_bytes=sent, size=1_000_000))


def test_each_record_keeps_the_reason_it_stood_aside_for() -> None:
    line, _, _ = a_line()
    line.heard(a_status("waiting", trouble=DigestRefused(), aside=frozenset({"a"})))
    line.heard(a_status("waiting", trouble=ImagesHeld(), aside=frozenset({"a", "b"})))
    line.heard(a_status("offline", trouble=NoLink(), aside=frozenset({"a", "b"})))
    assert {one: why.code for one, why in line.aside().items()} == {"a": "SYN-04", "b": "SYN-17"}
    line.heard(a_status("sending", aside=frozenset({"b"})))
    assert list(line.aside()) == ["b"]


def test_what_is_left_is_added_up_and_what_is_under_way_is_taken_off() -> None:
    line, clock, _ = a_line()
    assert (line.left().bytes, line.left().exact) == (3_000_000, True)
    moving(line, clock)
    assert line.left().bytes == 2_700_000
    long, _, _ = a_line(sealed=100_000)
    assert (long.left().bytes, long.left().exact) == (100_000_000_000, False)


def test_the_end_is_foretold_from_what_moves() -> None:
    line, clock, _ = a_line()
    assert line.finish_s() is None
    moving(line, clock)
    assert line.finish_s() == pytest.approx(270)


@pytest.mark.parametrize(
    "rules", [Link(metered=True, daily_mb=1), Link(metered=True, hold_images=True)]
)
def test_no_end_is_foretold_where_the_budget_or_held_images_come_first(rules: Link) -> None:
    line, clock, _ = a_line(rules=rules)
    moving(line, clock)
    assert line.finish_s() is None
    assert line.rate() is not None


def test_what_eases_the_terms_wakes_the_line() -> None:
    line, _, metering = a_line()
    engine: Any = Engine()
    line.follow(engine)
    metering.allow(1)
    assert engine.woken == [True]


def test_the_next_try_comes_nearer_and_silence_is_told() -> None:
    line, clock, _ = a_line()
    line.heard(a_status("offline", trouble=NoLink(), next_try_s=40.0))
    clock.now += 15
    assert line.next_try_s() == 25
    assert line.still_s() == 15
