"""A jornada's list is kept whole, by who may, without a person in it, and a change of it shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from migramovil.core.roles import NotAllowed
from migramovil.devices.lanes import Lane
from migramovil.devices.ports import DeviceRole
from migramovil.devices.registry import Bench
from migramovil.devices.trouble import PaperOut
from migramovil.services.accounts import NobodyInside
from migramovil.services.checklist import ORDER, Checklist, NotWhole, worst
from migramovil.services.checks import Check, Outcome, Result
from migramovil.services.clock import StationClock
from migramovil.services.diagnosing import Diagnosing
from migramovil.services.place import Place
from tests.services.bench import OFFICER, SUPERVISOR, Counter, Judge

PRINTER = DeviceRole.PRINTER
MORNING = datetime(2026, 11, 23, 13, 4, tzinfo=UTC)


class Morning:
    """A list over a station's real disk, accounts and audit."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.now = MORNING
        self.inspection, self.desk = Lane("inspection"), Lane("list")
        judge: Any = Judge()
        self.bench = Bench(counter.devices.specs())
        diagnosing = Diagnosing(self.bench, judge, self.inspection, counter.accounts.demand)
        self.list = Checklist(
            counter.folder,
            diagnosing,
            counter.accounts,
            StationClock(lambda: self.now),
            place=Place(name="Módulo 2"),
            desk=self.desk,
        )
        self.file = counter.folder / "checklists.jsonl"

    def close(self) -> None:
        self.bench.close()
        self.inspection.close()
        self.desk.close()


@pytest.fixture
def morning(closed: Counter) -> Iterator[Morning]:
    morning = Morning(closed)
    yield morning
    morning.close()


def all_well(**other: Outcome) -> list[Result]:
    return [
        Result(
            of=of,
            outcome=other.get(of.value, Outcome.OK),
            text="bien",
            figures=(("Libre", "9 GB"),),
        )
        for of in ORDER
    ]


def test_todays_list_lies_beside_that_of_the_last_day(morning: Morning) -> None:
    morning.counter.enter(SUPERVISOR)
    morning.now -= timedelta(days=3)
    morning.list.keep(all_well(space=Outcome.WARNS)).result(5)
    morning.now = MORNING
    morning.list.keep(all_well(space=Outcome.BAD)).result(5)
    morning.list.keep(all_well()).result(5)
    today, before = morning.list.last().result(5)
    assert today is not None
    assert before is not None
    assert (today.day, before.day) == ("2026-11-23", "2026-11-20")
    assert today.outcome_of(Check.SPACE) is Outcome.OK
    assert before.outcome_of(Check.SPACE) is Outcome.WARNS
    assert before.lines[0].figures == (("Libre", "9 GB"),)
    assert (today.vouched, before.vouched) == (True, True)


def test_the_day_is_that_of_lima(morning: Morning) -> None:
    morning.counter.enter(SUPERVISOR)
    morning.now = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
    assert morning.list.keep(all_well()).result(5).day == "2026-11-23"


def test_a_list_changed_on_the_disk_is_no_longer_vouched_for(morning: Morning) -> None:
    morning.counter.enter(SUPERVISOR)
    morning.list.keep(all_well(swap=Outcome.BAD)).result(5)
    morning.file.write_bytes(morning.file.read_bytes().replace(b'"bad"', b'"ok"'))
    today, _ = morning.list.last().result(5)
    assert today is not None
    assert today.vouched is False


def test_with_nobody_inside_it_can_be_read_and_nobody_vouches(morning: Morning) -> None:
    morning.counter.enter(SUPERVISOR)
    morning.list.keep(all_well()).result(5)
    morning.counter.accounts.lock()
    today, _ = morning.list.last().result(5)
    assert today is not None
    assert today.vouched is None


def test_only_supervision_keeps_a_list(morning: Morning) -> None:
    with pytest.raises(NobodyInside):
        morning.list.keep(all_well()).result(5)
    morning.counter.enter(OFFICER)
    with pytest.raises(NotAllowed):
        morning.list.keep(all_well()).result(5)
    assert not morning.file.exists()


def test_a_list_with_a_gap_is_not_kept(morning: Morning) -> None:
    morning.counter.enter(SUPERVISOR)
    with pytest.raises(NotWhole):
        morning.list.keep(all_well()[:-1]).result(5)
    assert not morning.file.exists()


def test_keeping_is_one_line_of_the_audit(morning: Morning) -> None:
    morning.counter.enter(SUPERVISOR)
    vault = morning.counter.vault
    morning.list.keep(all_well()).result(5)
    last = vault.audit.entries()[-1]
    assert (last.act, len(last.subject)) == ("checklist", 64)


def test_a_damaged_file_costs_nothing_but_its_lines(morning: Morning) -> None:
    morning.counter.enter(SUPERVISOR)
    morning.file.write_bytes(b"\x00\xffnot a list\n{}\n")
    assert morning.list.last().result(5) == (None, None)
    morning.list.keep(all_well()).result(5)
    assert morning.list.last().result(5)[0] is not None


def test_the_slip_says_each_line_and_the_code_of_what_failed(morning: Morning) -> None:
    results = [*all_well()[:-2], Result.failed(DeviceRole.FINGERS, PaperOut())]
    assert morning.list.print_slip(results).result(5).ok
    told = {line.text: line.right for line in morning.counter.devices.printer.slips[-1]}
    assert told["Espacio en disco"] == "bien"
    assert told["Huellero"] == "PRN-02"


def test_a_slip_that_nobody_can_read_is_a_failure(morning: Morning) -> None:
    printed = morning.list.print_slip(all_well()[:-1]).result(5)
    assert morning.list.looked_at(printed, reads_well=True).ok
    assert morning.list.looked_at(printed, reads_well=False).outcome is Outcome.BAD


def test_a_printer_without_paper_is_its_own_failure_whatever_was_seen(morning: Morning) -> None:
    morning.counter.devices.printer.troubles.append(PaperOut())
    printed = morning.list.print_slip(all_well()[:-1]).result(5)
    seen = morning.list.looked_at(printed, reads_well=True)
    assert (seen.outcome, seen.trouble and seen.trouble.code) == (Outcome.BAD, "PRN-02")


def test_what_nobody_knows_is_no_remark() -> None:
    assert worst([Outcome.OK, Outcome.UNKNOWN]) is Outcome.OK
    assert worst([Outcome.OK, Outcome.WARNS, Outcome.UNKNOWN]) is Outcome.WARNS
    assert worst([Outcome.WARNS, Outcome.BAD]) is Outcome.BAD
