"""Envíos over 100,000 records: the first screen within 50 ms, a page further within 30."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from migramovil.core.roles import Role
from migramovil.services.waiting import Waiting
from migramovil.store import ledger
from migramovil.store.outbox import Outbox
from migramovil.ui import theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.pages.queue import QueuePage
from tests.ui.checks import settle
from tests.ui.fake_desk import a_desk

ROWS, WAITING = 100_000, 400
FIRST_MS, PAGE_MS = 50, 30
_STATION = "INSERT INTO station VALUES (1,'s','07B','n','p','training',1,'','{}',x'00',:rows)"
_RECORDS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
INSERT INTO records (record, station, epoch, seq, folio, digest, size, sealed_utc, file,
                     stored_receipt, opened_receipt)
SELECT 'r' || i, 's', 1, i, 'MM-07B-20261123-' || printf('%06d', i) || '-1', printf('%064x', i),
       2000000 + i, '2026-11-23T12:00:00+00:00', i || '.packet',
       iif(i % 20 = 0 AND i <= :rows - :waiting, 1, NULL),
       iif(i % 20 > 0 AND i <= :rows - :waiting, 1, NULL)
FROM n
"""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outbox]:
    with Outbox(tmp_path_factory.mktemp("long") / "station") as outbox:
        with outbox.database.write() as connection:
            told = {"rows": ROWS, "waiting": WAITING}
            connection.exec_driver_sql("INSERT INTO receipts VALUES (1,'r1','opened','b','s','k')")
            connection.exec_driver_sql(_STATION, {"rows": ROWS})
            connection.exec_driver_sql(_RECORDS, told)
        yield outbox


class Account:
    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def figures(self) -> ledger.Figures:
        return ledger.figures(self._outbox)


@pytest.fixture
def page(qtbot: QtBot, line: Outbox) -> QueuePage:
    theme.use("light", 1.0, motion=False)
    desk: Any = a_desk(role=Role.OFFICER)
    desk.waiting, desk.ledger = Waiting(line), Account(line)
    made = QueuePage(desk, Bridge())
    qtbot.addWidget(made)
    made.resize(1102, 608)
    made.show()
    settle()
    return made


def best_ms(work: Callable[[], object], times: int = 7) -> float:
    """The quickest of several, in this thread's own time: what the work itself costs, whoever else
    uses the machine."""
    took = []
    for _ in range(times):
        began = time.thread_time()
        work()
        took.append((time.thread_time() - began) * 1000)
    return min(took)


@pytest.mark.parametrize("filter_", ["all", "sealed", "arrived"])
def test_the_first_screen_and_every_page_come_at_once(page: QueuePage, filter_: str) -> None:
    def first() -> None:
        page._choose(filter_)
        page.arrive()
        page.grab()

    assert best_ms(first) < FIRST_MS
    bar, view = page.table.verticalScrollBar(), page.table.viewport()

    def further() -> None:
        bar.setValue((bar.value() + bar.pageStep()) % bar.maximum())
        view.repaint()

    def anywhere() -> None:
        bar.setValue((bar.value() * 7919 + 1_234_567) % bar.maximum())
        view.repaint()

    assert best_ms(further, 20) < PAGE_MS
    assert best_ms(anywhere, 20) < PAGE_MS


def test_news_of_every_part_that_is_sent_cost_nothing_one_would_see(page: QueuePage) -> None:
    page.arrive()

    def news() -> None:
        page.news()
        page.table.viewport().repaint()

    assert best_ms(news) < PAGE_MS
