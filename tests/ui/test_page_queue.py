"""Envíos: what follows is called so, a refusal is told in words, and a copy of a slip is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from migramovil.core.downstream import Decision
from migramovil.core.queue import Counts
from migramovil.core.record import BadReceipt, RecordState, RefusedByHeadquarters, WrongRealm
from migramovil.core.roles import Role
from migramovil.core.trouble import Trouble, Who
from migramovil.services.clock import Skew, StationClock
from migramovil.services.metering import Today
from migramovil.store.trouble import Damaged
from migramovil.sync import ports
from migramovil.sync.machine import Status
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.pages.common import LINK_TROUBLES, WHO, estimate_words, link_words
from migramovil.ui.pages.queue import QueuePage, end_words, refusal_words
from migramovil.ui.window import StationWindow
from tests.ui.checks import LOOKS, assert_all_well, assert_nothing_clipped, settle
from tests.ui.fake_desk import NOON, FakeDesk, a_desk, a_status, some_rows


def queue_page(qtbot: QtBot, desk: FakeDesk) -> tuple[StationWindow, QueuePage]:
    window = StationWindow(desk.real, Bridge())
    window.allow_close()
    qtbot.addWidget(window)
    window.resize(1366, 768)
    window.show()
    window._entered()
    window._go_day("envios")
    settle()
    assert isinstance(window.page, QueuePage)
    return window, window.page


def a_queue_desk(*, role: Role = Role.OFFICER) -> FakeDesk:
    desk = a_desk(role=role)
    desk.waiting.all = some_rows()
    desk.waiting.all[0] = replace(
        desk.waiting.all[0], state=RecordState.REFUSED, reason="PKT-06 objects/3"
    )
    return desk


def pairs(page: QueuePage) -> list[str]:
    return [p.accessibleName() for p in page.findChildren(kit.Pair) if p.isVisible()]


@pytest.mark.parametrize("look", LOOKS)
def test_a_refusal_and_a_copy_fit_on_the_page(qtbot: QtBot, look: tuple[theme.Name, float]) -> None:
    theme.use(*look, motion=False)
    window, page = queue_page(qtbot, a_queue_desk())
    page.action_for("F6")()  # type: ignore[misc]
    settle()
    assert page._printed.isVisible()
    assert_all_well(window)


def test_only_what_was_refused_has_a_motive(qtbot: QtBot) -> None:
    _, page = queue_page(qtbot, a_queue_desk())
    assert "Motivo: Sede no lo pudo abrir (PKT-06). Avise a supervisión." in pairs(page)
    page.table.choose(1)
    settle()
    assert any(said.startswith("Qué sigue: ") for said in pairs(page))
    assert not any(said.startswith("Motivo: ") for said in pairs(page))


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("PKT-06 objects/3", "Sede no lo pudo abrir (PKT-06). Avise a supervisión."),
        ("Catálogo vencido", "Catálogo vencido"),
        ("", "Lo ve supervisión"),
    ],
)
def test_a_refusal_is_told_in_words(reason: str, words: str) -> None:
    assert refusal_words(reason) == words


def test_a_copy_of_a_slip_is_told_until_another_record_is_chosen(qtbot: QtBot) -> None:
    desk = a_queue_desk()
    _, page = queue_page(qtbot, desk)
    page.action_for("F6")()  # type: ignore[misc]
    settle()
    assert desk.keeping.reprinted == ["r0"]
    assert "reimpreso una vez" in page._printed.accessibleName()
    page.table.choose(3)
    settle()
    assert not page._printed.isVisible()


# ---- every trouble of the link, in words --------------------------------------------------------
def every_link_trouble() -> list[type[Trouble]]:
    """All that the engine can end in: headquarters' side of a call, and its words on a record."""
    theirs = [one for one in vars(ports).values() if isinstance(one, type)]
    known = [one for one in theirs if issubclass(one, Trouble) and one is not Trouble]
    return [*known, BadReceipt, RefusedByHeadquarters, WrongRealm]


def under(trouble: Trouble, **other: Any) -> Status:
    kind = "waiting"
    if isinstance(trouble, ports.NoLink | ports.NotHeadquarters):
        kind = "offline"
    if isinstance(trouble, ports.TooManyBadReceipts | ports.EngineFailed):
        kind = "halted"
    return a_status(kind, trouble=trouble, **other)


@pytest.mark.parametrize("kind", every_link_trouble(), ids=lambda kind: kind.code)
def test_every_trouble_of_the_link_is_named_with_who_can_act_and_the_next_try(
    qtbot: QtBot, kind: type[Trouble]
) -> None:
    desk = a_queue_desk()
    desk.waiting.status = under(kind(), next_try_s=40.0)
    window, page = queue_page(qtbot, desk)
    header = window.header.link.accessibleName()
    assert LINK_TROUBLES[kind.code] in header
    assert "14" not in header.split(" · ")[0]
    said = page._why.text()
    if page._cause.isVisible():
        said = page._cause.accessibleName()
        assert kind.advice in said
        assert WHO[kind.who] in said
    assert (kind.who is Who.NOBODY) is not page._cause.isVisible()
    assert kind.what.rstrip(".") in said
    assert kind.code in said
    assert "Próximo intento en 40 s." in said
    assert_nothing_clipped(window)
    window._go_day("jornada")
    settle()
    home = window._home
    assert home._notice.isVisible() is (kind.who is not Who.NOBODY)
    shown = home._notice if home._notice.isVisible() else home._link
    assert kind.code in shown.accessibleName() + words(home)
    assert_nothing_clipped(window)


def test_a_trouble_nobody_foresaw_is_told_by_its_code() -> None:
    line = Counts(sealed=4, stored=0, opened=0, refused=0)
    assert (
        link_words(under(Damaged("packets/1")), line)[0] == "Envío con falla STO-02 · 4 por enviar"
    )


def test_three_bad_receipts_are_an_alarm_on_every_page(qtbot: QtBot) -> None:
    desk = a_queue_desk()
    desk.waiting.status = under(ports.TooManyBadReceipts())
    window, page = queue_page(qtbot, desk)
    assert "tres acuses que no se pueden comprobar" in page._cause.accessibleName()
    assert "Envío detenido" in window.header.link.accessibleName()
    assert cells(page, 1)[4] == "Envío detenido"
    window._go_day("jornada")
    settle()
    assert "Llame al técnico" in window._home._notice.accessibleName()


def test_the_countdown_comes_nearer(qtbot: QtBot) -> None:
    desk = a_queue_desk()
    desk.waiting.status = under(ports.CaptivePortal(), next_try_s=40.0)
    _, page = queue_page(qtbot, desk)
    for left, said in ((39.0, "en 39 s"), (120.0, "en 2 min"), (0.0, "ahora")):
        desk.waiting.next_try = left
        page.tick()
        assert f"Próximo intento {said}." in page._cause.accessibleName()


def test_a_record_that_stands_still_is_not_said_to_move(qtbot: QtBot) -> None:
    desk = a_queue_desk()
    desk.waiting.status = a_status("sending", record="r1", sent_bytes=4, size=9)
    _, page = queue_page(qtbot, desk)
    assert "Sin avance" not in words(page)
    desk.waiting.still = 45.0
    page.tick()
    assert "Sin avance desde hace 45 s." in words(page)


def test_a_wrong_clock_is_named_with_what_to_do(qtbot: QtBot) -> None:
    desk = a_queue_desk()
    desk.clock = Ahead()
    _, page = queue_page(qtbot, desk)
    assert "El reloj de la laptop está adelantado" in page._cause.accessibleName()
    assert "Siga trabajando" in page._cause.accessibleName()


class Ahead(StationClock):
    def __init__(self) -> None:
        super().__init__(lambda: datetime.fromisoformat(NOON))

    def skew(self) -> Skew:
        return Skew(by=timedelta(hours=5), ahead=True, trusted=False)


# ---- records apart ------------------------------------------------------------------------------
def test_each_record_apart_says_its_own_reason_and_the_filter_finds_it(qtbot: QtBot) -> None:
    desk = a_queue_desk()
    desk.waiting.apart = {"r3": ports.DigestRefused(), "r5": ports.ImagesHeld()}
    _, page = queue_page(qtbot, desk)
    assert cells(page, 3)[3:] == ["Apartado", "Llegó distinto a sede (SYN-04)"]
    assert cells(page, 5)[3:] == ["En espera", "Faltan sus imágenes (SYN-17)"]
    page.table.choose(3)
    settle()
    assert any("Avise al técnico con este código" in said for said in pairs(page))
    page._choose("problem")
    model = page.table.model()
    assert model.rowCount() == 4  # two apart, two refused
    assert [cells(page, row)[3] for row in range(4)] == [
        "En espera", "Apartado", "Rechazado", "Rechazado",
    ]  # fmt: skip


def test_the_decision_on_an_earlier_record_stands_at_its_line(qtbot: QtBot) -> None:
    desk = a_queue_desk()
    desk.downstream.decided = (
        Decision(record="r30", folio="f", decided=NOON, words="Observado: falta el recibo."),
    )
    _, page = queue_page(qtbot, desk)
    assert cells(page, 30)[4] == "Decisión: Observado: falta el recibo."


# ---- the day's data and the end of the line ----------------------------------------------------
METERED = Today(ruled=True, metered=True, spent=80_400_000, limit=80_000_000)


def test_supervision_sees_what_was_spent_and_allows_more_where_it_is_said(qtbot: QtBot) -> None:
    desk = a_queue_desk(role=Role.SUPERVISOR)
    desk.spending.told = replace(METERED, holds=True)
    window, page = queue_page(qtbot, desk)
    assert "Red con costo: 80.4 MB de 80.0 MB usados hoy." in words(page)
    QTest.keyClick(window, Qt.Key.Key_F8)
    QTest.keyClick(window, Qt.Key.Key_F2)
    qtbot.waitUntil(lambda: desk.spending.asked == ["more", "images"])
    qtbot.waitUntil(lambda: "80.4 MB de 130.0 MB" in words(page))
    assert "imágenes esperan" not in words(page)


def test_an_officer_sees_the_same_without_the_buttons(qtbot: QtBot) -> None:
    desk = a_queue_desk()
    desk.spending.told = replace(METERED, holds=True)
    window, page = queue_page(qtbot, desk)
    assert "80.4 MB de 80.0 MB" in words(page)
    QTest.keyClick(window, Qt.Key.Key_F8)
    QTest.keyClick(window, Qt.Key.Key_F2)
    settle()
    assert desk.spending.asked == []


def test_what_supervision_could_not_do_is_said(qtbot: QtBot) -> None:
    desk = a_queue_desk(role=Role.SUPERVISOR)
    desk.spending.told, desk.spending.trouble = METERED, ports.NoLink()
    window, page = queue_page(qtbot, desk)
    QTest.keyClick(window, Qt.Key.Key_F8)
    qtbot.waitUntil(page._trouble.isVisible)


def test_anyone_who_sends_may_say_that_this_network_costs(qtbot: QtBot) -> None:
    desk = a_queue_desk()
    desk.spending.told = Today(ruled=True, limit=80_000_000)
    window, page = queue_page(qtbot, desk)
    assert "Esta red no tiene costo" in words(page)
    QTest.keyClick(window, Qt.Key.Key_F3)
    assert desk.spending.told.switched
    assert "Red con costo" in words(page)


def test_without_a_rule_nothing_is_said_of_the_cost(qtbot: QtBot) -> None:
    _, page = queue_page(qtbot, a_queue_desk())
    assert not page._spending.isVisible()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (20, "1 min o menos"), (61, "unos 2 min"), (11 * 60, "unos 15 min"),
        (49 * 60, "unos 50 min"), (51 * 60, "cerca de 1 h"), (76 * 60, "unas 2 h"),
        (3 * 3600, "unas 3 h"),
        (49 * 3600, "unos 3 días"), (90 * 86_400, "más de 30 días"),
    ],
)  # fmt: skip
def test_an_estimate_is_no_finer_than_it_can_be(seconds: float, said: str) -> None:
    assert estimate_words(seconds) == said


def test_the_end_of_the_line_is_told_with_its_condition_or_not_at_all(qtbot: QtBot) -> None:
    desk = a_queue_desk()
    _, page = queue_page(qtbot, desk)
    assert "sin estimación por ahora" in words(page)
    desk.waiting.speed = desk.waiting.left().bytes / 7200
    page.news()
    assert "unas 2 h | para terminar con este enlace" in words(page)


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (Today(), ("–", "sin estimación por ahora")),
        (replace(METERED, spent=70_000_000), ("Hoy no", "quedan 10.0 MB del límite")),
        (replace(METERED, holds=True), ("–", "las imágenes esperan otra red")),
    ],
)
def test_where_nobody_can_say_when_it_says_why(today: Today, said: tuple[str, str]) -> None:
    assert end_words(None, today, 20_000_000) == said


def many(desk: FakeDesk) -> None:
    """As wide as 100,000 records make it."""
    first = desk.waiting.all[0]
    desk.waiting.all[0] = replace(first, folio="MM-07B-20261123-100000-0", seq=100_000)
    desk.waiting.counts = lambda: Counts(  # type: ignore[method-assign]
        sealed=33_333, stored=10_000, opened=55_555, refused=1_112
    )
    spent(desk)
    desk.spending.told = replace(desk.spending.told, switched=True)


def nothing_left(desk: FakeDesk) -> None:
    desk.waiting.all.clear()


def spent(desk: FakeDesk) -> None:
    desk.waiting.status = under(ports.BudgetSpent(), next_try_s=270.0)
    desk.spending.told = replace(METERED, holds=True)


def halted(desk: FakeDesk) -> None:
    desk.waiting.status = under(ports.TooManyBadReceipts())
    desk.spending.told = METERED


def moving(desk: FakeDesk) -> None:
    desk.waiting.speed = 8200.0
    desk.waiting.status = a_status(
        "sending", record="r3", sent_bytes=1_200_000, size=1_893_000, sending_index=1_234,
        sending_total=98_765,
    )  # fmt: skip
    desk.spending.told = replace(METERED, limit=300_000_000)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("scene", [nothing_left, many, spent, halted, moving])
def test_nothing_is_clipped_whatever_the_link_does(
    qtbot: QtBot, scene: Callable[[FakeDesk], None], look: tuple[theme.Name, float]
) -> None:
    theme.use(*look, motion=False)
    desk = a_queue_desk(role=Role.SUPERVISOR)
    scene(desk)
    window, _ = queue_page(qtbot, desk)
    assert_all_well(window)


def cells(page: QueuePage, row: int) -> list[str]:
    model = page.table.model()
    return [model.data(model.index(row, at)) for at in range(model.columnCount())]


def words(page: QWidget) -> str:
    return " | ".join(t.text() for t in page.findChildren(kit.Text) if t.isVisible())
