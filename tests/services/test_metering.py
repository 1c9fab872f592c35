from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from migramovil.services.metering import Metering
from migramovil.settings import Link
from migramovil.sync.ports import Forgetful

NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)  # in Lima


class Days:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def test_over_a_link_paid_by_the_byte_a_day_has_its_budget() -> None:
    days = Days()
    made = Metering(Link(metered=True, daily_mb=2), Forgetful(), days)
    made.spent(1_500_000)
    assert made.may_spend()
    made.spent(1_500_000)
    assert not made.may_spend()
    days.now += timedelta(hours=13)
    assert made.may_spend()


def test_a_link_that_costs_nothing_has_no_budget() -> None:
    made = Metering(Link(daily_mb=1), Forgetful(), Days())
    made.spent(9_000_000)
    assert made.may_spend()
    made.system_says(True)
    assert not made.may_spend()


def test_what_was_spent_outlives_the_process() -> None:
    memory = Forgetful()
    Metering(Link(), memory, Days()).spent(1_000_000)
    assert Metering(Link(), memory, Days()).spent_today >= 1_000_000


@pytest.mark.parametrize("hold", [True, False])
def test_images_wait_only_where_the_supervisor_says_so_and_the_link_costs(hold: bool) -> None:
    made = Metering(Link(hold_images=hold), Forgetful(), Days())
    assert made.may_send_images()
    made.switched = True
    assert made.may_send_images() is not hold
