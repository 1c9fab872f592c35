"""Answers come home to the window's thread, to who still waits, and to nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event

import pytest
from PySide6.QtCore import QObject, QThread
from pytestqt.qtbot import QtBot
from shiboken6 import delete

from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.ui.bridge import Bridge
from migramovil.ui.frame import Page
from tests.ui.checks import settle


class GlassDirty(Trouble):
    code = "TST-01"


@pytest.fixture
def bridge(qtbot: QtBot) -> Bridge:
    return Bridge()


def ticket() -> Ticket[int]:
    return Ticket(Future(), Event())


def in_a_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def nobody(_: object) -> None:
    pytest.fail("nobody should be called")


def test_an_answer_from_a_worker_arrives_on_the_windows_thread(
    qtbot: QtBot, bridge: Bridge
) -> None:
    got: list[tuple[int, bool]] = []
    work = ticket()
    home = QThread.currentThread()
    bridge.when_done(work, lambda n: got.append((n, QThread.currentThread() is home)), nobody)
    in_a_thread(lambda: work.future.set_result(7))
    assert got == []  # not on the worker
    qtbot.waitUntil(lambda: bool(got))
    assert got == [(7, True)]


def test_an_answer_that_was_already_there_arrives_too(qtbot: QtBot, bridge: Bridge) -> None:
    work = ticket()
    work.future.set_result(7)
    got: list[int] = []
    bridge.when_done(work, got.append, nobody)
    qtbot.waitUntil(lambda: got == [7])


def test_a_trouble_goes_to_who_shows_it_and_a_bug_to_the_crash_report(
    qtbot: QtBot, bridge: Bridge
) -> None:
    troubles: list[Trouble] = []
    crashes: list[Exception] = []
    bridge.crashed.connect(crashes.append)
    dirty, bug = ticket(), ticket()
    bridge.when_done(dirty, nobody, troubles.append)
    bridge.when_done(bug, nobody, nobody)
    in_a_thread(lambda: dirty.future.set_exception(GlassDirty()))
    in_a_thread(lambda: bug.future.set_exception(ZeroDivisionError("a bug")))
    qtbot.waitUntil(lambda: bool(troubles and crashes))
    assert isinstance(troubles[0], GlassDirty)
    assert isinstance(crashes[0], ZeroDivisionError)


def test_a_ticket_that_was_called_off_answers_nobody(qtbot: QtBot, bridge: Bridge) -> None:
    late, refused = ticket(), ticket()
    bridge.when_done(late, nobody, nobody)
    bridge.when_done(refused, nobody, nobody)
    late.cancel()
    late.future.set_result(7)
    refused.future.cancel()
    settle()


def test_a_deleted_widget_is_not_called(qtbot: QtBot, bridge: Bridge) -> None:
    class Listener(QObject):
        def hear(self, _: int) -> None:
            pytest.fail("it is gone")

    gone = Listener()
    work = ticket()
    bridge.when_done(work, gone.hear, nobody)
    delete(gone)
    work.future.set_result(7)
    settle()


def test_a_page_that_was_left_is_not_called_even_when_it_came_back(
    qtbot: QtBot, bridge: Bridge
) -> None:
    page = Page()
    qtbot.addWidget(page)
    page.arrive()
    before, after = ticket(), ticket()
    got: list[int] = []
    bridge.when_done(before, nobody, nobody, owner=page)
    page.depart()
    page.arrive()
    bridge.when_done(after, got.append, nobody, owner=page)
    before.future.set_result(1)
    after.future.set_result(2)
    qtbot.waitUntil(lambda: got == [2])


def test_of_many_frames_the_newest_is_shown_and_none_queue(qtbot: QtBot, bridge: Bridge) -> None:
    shown: list[int] = []
    offer = bridge.newest(shown.append)
    in_a_thread(lambda: [offer(n) for n in range(1000)])
    settle()
    assert shown == [999]
    offer(1000)
    settle()
    assert shown == [999, 1000]


def test_posts_from_many_threads_all_run_and_each_threads_in_order(
    qtbot: QtBot, bridge: Bridge
) -> None:
    ran: list[tuple[int, int]] = []

    def post_many(who: int) -> None:
        for n in range(250):
            bridge.post(lambda who=who, n=n: ran.append((who, n)))

    threads = [threading.Thread(target=post_many, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    qtbot.waitUntil(lambda: len(ran) == 1000)
    for who in range(4):
        assert [n for w, n in ran if w == who] == list(range(250))


def test_a_post_after_the_window_closed_is_silent(qtbot: QtBot) -> None:
    gone = Bridge()
    offer = gone.newest(nobody)
    delete(gone)
    in_a_thread(lambda: gone.post(lambda: pytest.fail("it is gone")))
    in_a_thread(lambda: offer(1))
    settle()


def test_what_was_on_its_way_when_the_station_closed_is_dropped(qtbot: QtBot) -> None:
    bridge = Bridge()
    in_a_thread(lambda: bridge.post(lambda: pytest.fail("its stores are closed")))
    bridge.close()
    settle()
