"""What a lane and its tickets promise."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from threading import Event

import pytest

from migramovil.devices.lanes import Lane
from migramovil.devices.trouble import Cancelled


@pytest.fixture
def lane() -> Iterator[Lane]:
    lane = Lane("test")
    yield lane
    lane.close()


def test_work_is_done_in_the_order_it_was_handed_in_on_one_thread(lane: Lane) -> None:
    done: list[tuple[int, str]] = []

    def note(number: int) -> None:
        done.append((number, threading.current_thread().name))

    tickets = [lane.run(lambda _, n=n: note(n)) for n in range(50)]
    for ticket in tickets:
        ticket.result(5)

    assert done == [(n, "lane-test") for n in range(50)]


def test_a_ticket_brings_back_the_answer_or_the_exception(lane: Lane) -> None:
    assert lane.run(lambda _: 7).result(5) == 7
    broken = lane.run(lambda _: int("seven"))
    with pytest.raises(ValueError, match="seven"):
        broken.result(5)
    assert lane.run(lambda _: 8).result(5) == 8


def test_work_cancelled_before_it_begins_never_begins(lane: Lane) -> None:
    gate, ran = Event(), Event()
    first = lane.run(lambda _: gate.wait(5))
    second = lane.run(lambda _: ran.set())
    second.cancel()
    gate.set()

    with pytest.raises(Cancelled):
        second.result(5)
    assert first.result(5)
    assert not ran.is_set()


def test_cancelling_one_ticket_leaves_the_next_alone(lane: Lane) -> None:
    started = Event()

    def until_cancelled(cancelled: Event) -> bool:
        started.set()
        return cancelled.wait(5)

    first = lane.run(until_cancelled)
    second = lane.run(lambda cancelled: cancelled.is_set())
    started.wait(5)
    first.cancel()

    assert first.result(5)
    assert second.result(5) is False


def test_a_closed_lane_stops_running_work_and_drops_waiting_work(lane: Lane) -> None:
    started = Event()

    def until_cancelled(cancelled: Event) -> bool:
        started.set()
        return cancelled.wait(5)

    running = lane.run(until_cancelled)
    waiting = lane.run(lambda _: "done")
    started.wait(5)

    assert lane.close(timeout_s=5)
    assert running.result(0)
    with pytest.raises(Cancelled):
        waiting.result(0)


def test_a_drained_lane_does_all_that_was_handed_in_first(lane: Lane) -> None:
    gate = Event()
    lane.run(lambda _: gate.wait(5))
    saves = [lane.run(lambda _, n=n: n) for n in range(20)]
    threading.Timer(0.05, gate.set).start()

    assert lane.close(drain=True, timeout_s=5)
    assert [save.result(0) for save in saves] == list(range(20))


def test_a_closed_lane_answers_new_work_with_a_trouble(lane: Lane) -> None:
    lane.close()
    with pytest.raises(Cancelled):
        lane.run(lambda _: 1).result(0)


def test_a_lane_that_hangs_does_not_keep_the_program_from_leaving(lane: Lane) -> None:
    started, gate = Event(), Event()

    def hang(_cancelled: Event) -> None:
        started.set()
        gate.wait(5)

    lane.run(hang)
    started.wait(5)
    assert not lane.close(timeout_s=0.05)
    hung = next(thread for thread in threading.enumerate() if thread.name == "lane-test")
    assert hung.daemon
    gate.set()


def test_a_done_callback_is_called_once_even_when_it_comes_late(lane: Lane) -> None:
    called: list[int] = []
    ticket = lane.run(lambda _: 3)
    ticket.result(5)
    ticket.add_done_callback(lambda future: called.append(future.result()))

    assert called == [3]


def test_a_future_cancelled_behind_the_lanes_back_does_not_kill_the_lane(lane: Lane) -> None:
    gate = Event()
    lane.run(lambda _: gate.wait(5))
    ticket = lane.run(lambda _: 1)
    assert ticket.future.cancel()
    gate.set()

    assert lane.run(lambda _: 2).result(5) == 2
