"""A link paid by the byte has a day's budget; supervision may allow more, on the record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from migramovil.services.metering import MEGABYTE, STEP, Metering, Spending
from migramovil.settings import Link
from migramovil.sync.ports import Forgetful
from tests.services.bench import SUPERVISOR, Counter

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
    assert made.today().left is None
    made.system_says(True)
    assert not made.may_spend()
    assert made.today().left == 0


def test_what_was_spent_and_what_was_allowed_outlive_the_process_and_end_with_the_day() -> None:
    memory, days, rules = Forgetful(), Days(), Link(metered=True, daily_mb=1, hold_images=True)
    made = Metering(rules, memory, days)
    made.spent(1_000_000)
    made.allow(STEP)
    made.release_images()
    again = Metering(rules, memory, days).today()
    assert again.spent >= 1_000_000
    assert again.limit == MEGABYTE + STEP
    assert not again.holds
    days.now += timedelta(hours=13)
    tomorrow = Metering(rules, memory, days).today()
    assert (tomorrow.spent, tomorrow.limit, tomorrow.holds) == (0, MEGABYTE, True)


def test_a_memory_of_an_earlier_program_is_understood() -> None:
    memory = Forgetful()
    memory.write("2026-11-23 700000")
    today = Metering(Link(daily_mb=1), memory, Days()).today()
    assert (today.spent, today.limit) == (700_000, MEGABYTE)


@pytest.mark.parametrize("hold", [True, False])
def test_images_wait_only_where_the_supervisor_says_so_and_the_link_costs(hold: bool) -> None:
    made = Metering(Link(hold_images=hold), Forgetful(), Days())
    assert made.may_send_images()
    made.switch(True)
    assert made.may_send_images() is not hold


def test_nobody_here_can_say_that_a_link_costs_nothing_where_the_rule_says_it_does() -> None:
    made = Metering(Link(metered=True), Forgetful(), Days())
    made.switch(False)
    made.system_says(False)
    assert made.metered


def test_whatever_eases_the_terms_is_told_so_that_the_line_moves_at_once() -> None:
    made, eased = Metering(Link(daily_mb=1), Forgetful(), Days()), []
    made.when_eased(lambda: eased.append(1))
    made.allow(STEP)
    made.release_images()
    made.switch(False)
    made.system_says(False)
    assert len(eased) == 4


def spending(counter: Counter) -> Spending:
    rules = Link(metered=True, daily_mb=1, hold_images=True)
    metering = Metering(rules, Forgetful(), Days())
    return Spending(metering, counter.accounts, counter.enrolling._clock, counter.desk)


def test_supervision_allows_more_until_midnight_on_the_record(counter: Counter) -> None:
    counter.accounts.lock()
    counter.enter(SUPERVISOR)
    made = spending(counter)
    made.metering.spent(2 * MEGABYTE)
    assert made.today().left == 0
    assert (made.allow_more().result(10).left or 0) > 0
    assert not made.release_images().result(10).holds
    assert counter.audited()[-2:] == ["allow-data", "release-images"]


def test_an_officer_sees_the_account_and_may_say_that_the_link_costs(counter: Counter) -> None:
    made = spending(counter)
    made.switch(True)
    assert made.today().switched
    assert made.today().limit == MEGABYTE
