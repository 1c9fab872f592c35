"""Memoria USB and Descargas: what goes, what came, how old the lists are; and that it fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from migramovil.core.downstream import BadDownload, Decision, Kind
from migramovil.core.roles import Role
from migramovil.medium import Suspicious
from migramovil.services.backups import Medium
from migramovil.services.bundles import Imported, Standing
from migramovil.services.downstream import Row
from migramovil.sync.bundle import StickGone
from migramovil.sync.ports import CaptivePortal, NoLink
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit import Badge, TroubleBanner
from migramovil.ui.pages.bundle import BundlePage
from migramovil.ui.pages.downloads import DownloadsPage
from migramovil.ui.pages.queue import QueuePage
from migramovil.ui.window import StationWindow
from tests.ui.checks import LOOKS, assert_all_well, settle
from tests.ui.fake_desk import (
    NOON,
    FakeDesk,
    a_desk,
    a_status,
    an_exchange,
    failed,
    pending,
    some_rows,
)

STICKS = (
    Medium(folder=Path("/media/estacion/VIAJE"), name="VIAJE", free=28 << 30, size=32 << 30),
    Medium(folder=Path("/media/estacion/OTRA"), name="OTRA", free=2 << 30, size=16 << 30),
)
SPOILT = Imported(receipts=3, opened=0, answers=0, lists=(), troubles=(Suspicious("x"),))


def a_stick_desk(*, sticks: tuple[Medium, ...] = STICKS) -> FakeDesk:
    desk = a_desk(role=Role.OFFICER)
    desk.backups.plugged = sticks
    desk.waiting.all = [
        replace(row, copied_utc=NOON) if number < 3 else row
        for number, row in enumerate(some_rows())
    ]
    return desk


def opened(qtbot: QtBot, desk: FakeDesk, page: str = "") -> tuple[StationWindow, Any]:
    """The window on Envíos, or on one of the pages beside it."""
    window = StationWindow(desk.real, Bridge())
    window.allow_close()
    qtbot.addWidget(window)
    window.resize(1366, 768)
    window.show()
    window.activateWindow()
    window._entered()
    window._go_day("envios")
    settle()
    if page:
        QTest.keyClick(window, {"stick": Qt.Key.Key_F7, "lists": Qt.Key.Key_F4}[page])
        settle()
    return window, window.page


def words(page: Any) -> str:
    seen = [t.text() for t in page.findChildren(kit.Text) if t.isVisible()]
    return " | ".join([*seen, *(b.accessibleName() for b in page.findChildren(Badge))])


def cells(page: Any, row: int) -> list[str]:
    model = page.table.model()
    return [model.data(model.index(row, at)) for at in range(model.columnCount())]


# ---- looks -------------------------------------------------------------------------------------
def fresh(desk: FakeDesk, window: StationWindow, page: Any) -> None:
    page.press_primary()


def spoilt(desk: FakeDesk, window: StationWindow, page: Any) -> None:
    whole = an_exchange()
    desk.bundles.ticket = None
    page._done(replace(whole, imported=SPOILT, exported=replace(whole.exported, damaged=2)))


def running(desk: FakeDesk, window: StationWindow, page: Any) -> None:
    desk.bundles.told = Standing(running=True, done=12_000_000, all=29_000_000)
    page.news()


def none_in(desk: FakeDesk, window: StationWindow, page: Any) -> None:
    desk.backups.plugged = ()
    page._look()
    page.press_primary()


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("scene", [fresh, spoilt, running, none_in])
def test_nothing_is_clipped_and_all_is_named(
    qtbot: QtBot, scene: Callable[..., None], look: tuple[theme.Name, float]
) -> None:
    theme.use(*look, motion=False)
    desk = a_stick_desk()
    window, page = opened(qtbot, desk, "stick")
    scene(desk, window, page)
    settle()
    assert_all_well(window)


def some_downloads() -> tuple[Row, ...]:
    told = {
        Kind.PROCEDURES: Row(
            kind=Kind.PROCEDURES, version=12, issued=NOON, expires="2026-12-23T05:00:00Z",
            age=timedelta(hours=5),
        ),
        Kind.ACCOUNTS: Row(
            kind=Kind.ACCOUNTS, version=3, issued=NOON, age=timedelta(days=2),
            trouble=BadDownload("x"),
        ),
        Kind.APPOINTMENTS: Row(
            kind=Kind.APPOINTMENTS, version=1_204, issued=NOON, expires=NOON, expired=True,
            age=timedelta(days=400),
        ),
    }  # fmt: skip
    return tuple(told.get(kind, Row(kind=kind)) for kind in Kind)


@pytest.mark.parametrize("look", LOOKS)
def test_descargas_fits_and_names_all(qtbot: QtBot, look: tuple[theme.Name, float]) -> None:
    theme.use(*look, motion=False)
    desk = a_stick_desk()
    desk.downstream.told = some_downloads()
    window, _ = opened(qtbot, desk, "lists")
    assert_all_well(window)


def everything(desk: FakeDesk) -> None:
    """Envíos with a record aside, one given up, one asked for again, and a decision."""
    rows = desk.waiting.all
    rows[3] = replace(rows[3], word="retry")
    rows[14] = replace(rows[14], word="discard", reason="Duplicado del folio 12")
    desk.downstream.decided = (
        Decision(record="r0", folio="f", decided=NOON, words="Observado: falta el recibo."),
    )
    desk.waiting.next_try = 39.6
    desk.waiting.status = a_status(
        "offline", trouble=NoLink(), next_try_s=40.0, aside=frozenset({"r4"})
    )


@pytest.mark.parametrize("look", LOOKS)
def test_envios_fits_with_all_it_can_say(qtbot: QtBot, look: tuple[theme.Name, float]) -> None:
    theme.use(*look, motion=False)
    desk = a_stick_desk()
    everything(desk)
    window, _ = opened(qtbot, desk)
    assert_all_well(window)


# ---- Memoria USB -------------------------------------------------------------------------------
def test_it_says_that_it_is_a_copy_and_how_much_waits(qtbot: QtBot) -> None:
    _, page = opened(qtbot, a_stick_desk(), "stick")
    assert isinstance(page, BundlePage)
    assert "Es una copia" in words(page)
    assert "14" in words(page)
    assert "3" in words(page)


def test_it_says_when_the_stick_may_be_pulled_out_and_what_came(qtbot: QtBot) -> None:
    desk = a_stick_desk()
    _, page = opened(qtbot, desk, "stick")
    page.table.choose(1)
    page.press_primary()
    qtbot.waitUntil(page._said.isVisible)
    assert desk.bundles.asked == ["exchange OTRA"]
    assert "Puede retirar la memoria" in words(page)
    assert "10 registros confirmados, 1 lista nueva" in words(page)


def test_while_it_copies_nothing_says_it_may_be_pulled_out(qtbot: QtBot) -> None:
    desk = a_stick_desk()
    desk.bundles.ticket = pending()
    _, page = opened(qtbot, desk, "stick")
    page.press_primary()
    running(desk, page.window(), page)
    assert "Copiado 12.0 MB de 29.0 MB. No retire la memoria" in words(page)
    assert not page._said.isVisible()
    assert page.primary().label == "Detener"
    page.press_primary()
    assert desk.bundles.asked[-1] == "call off"


def test_a_stick_that_went_is_a_trouble_with_its_advice(qtbot: QtBot) -> None:
    desk = a_stick_desk()
    desk.bundles.ticket = failed(StickGone("EIO"))
    _, page = opened(qtbot, desk, "stick")
    page.press_primary()
    qtbot.waitUntil(lambda: page.findChild(TroubleBanner).isVisible())
    assert "USB-03" in words(page)
    assert "Puede retirar" not in words(page)


def test_what_was_not_used_of_a_stick_is_named(qtbot: QtBot) -> None:
    desk = a_stick_desk()
    _, page = opened(qtbot, desk, "stick")
    spoilt(desk, page.window(), page)
    assert "USB-01" in words(page)
    assert "2 con daño no salieron" in words(page)


def test_without_a_stick_the_primary_says_what_to_do(qtbot: QtBot) -> None:
    window, page = opened(qtbot, a_stick_desk(sticks=()), "stick")
    assert not page.primary().available
    QTest.keyClick(window, Qt.Key.Key_F10)
    assert "Coloque una memoria USB" in words(page)


def test_esc_leads_back_to_envios(qtbot: QtBot) -> None:
    for beside in ("stick", "lists"):
        window, _ = opened(qtbot, a_stick_desk(), beside)
        QTest.keyClick(window, Qt.Key.Key_Escape)
        assert isinstance(window.page, QueuePage)


# ---- Descargas ---------------------------------------------------------------------------------
def test_each_list_shows_its_age_and_whether_its_time_is_over(qtbot: QtBot) -> None:
    desk = a_stick_desk()
    desk.downstream.told = some_downloads()
    _, page = opened(qtbot, desk, "lists")
    assert isinstance(page, DownloadsPage)
    seen = {cells(page, row)[0]: cells(page, row)[1:] for row in range(10)}
    assert seen["Trámites, requisitos y tasas"] == ["12", "5 h", "23/12/2026", "En uso"]
    assert seen["Países"] == ["–", "–", "–", "La del programa"]
    assert seen["Citas"][3] == "Vencida, en uso"
    assert seen["Personas y anulaciones"][3] == "DWN-01"
    assert seen["Llaves de sede central"][0] == "2"
    assert "Una lista de sede central ya venció" in words(page)


def test_what_is_wrong_with_a_list_is_said_when_it_is_chosen(qtbot: QtBot) -> None:
    desk = a_stick_desk()
    desk.downstream.told = some_downloads()
    _, page = opened(qtbot, desk, "lists")
    assert not page._trouble.isVisible()
    page.table.choose(list(Kind).index(Kind.ACCOUNTS))
    assert page._trouble.isVisible()


# ---- Envíos ------------------------------------------------------------------------------------
def test_a_record_is_said_to_stand_aside_to_be_copied_given_up_or_asked_for_again(
    qtbot: QtBot,
) -> None:
    desk = a_stick_desk()
    everything(desk)
    _, page = opened(qtbot, desk)
    assert cells(page, 0)[3:] == ["Por enviar", "Copiado a USB 23/11 10:42"]
    assert cells(page, 3)[4] == "Sede lo pide otra vez"
    assert cells(page, 4)[3:] == ["Apartado", "Deja pasar a los demás (SYN-01)"]
    assert cells(page, 14)[3:] == [
        "Descartado", "Sede central lo cerró: Duplicado del folio 12",
    ]  # fmt: skip


def test_headquarters_decision_is_shown_in_its_own_words_and_does_not_stay(qtbot: QtBot) -> None:
    desk = a_stick_desk()
    everything(desk)
    window, page = opened(qtbot, desk)
    qtbot.waitUntil(lambda: "Observado: falta el recibo." in words(page))
    window.show_home()
    assert "Observado" not in str(page._decisions)


def test_the_next_try_comes_nearer_while_one_looks(qtbot: QtBot) -> None:
    desk = a_stick_desk()
    everything(desk)
    _, page = opened(qtbot, desk)
    assert "Próximo intento en 40 s" in words(page)
    desk.waiting.next_try = 12.2
    page.tick()
    assert "Próximo intento en 12 s" in words(page)


def test_with_a_stick_in_and_no_link_the_primary_is_the_stick(qtbot: QtBot) -> None:
    desk = a_stick_desk()
    everything(desk)
    _, page = opened(qtbot, desk)
    assert page.primary().label == "Copiar a USB"
    desk.waiting.status = a_status("waiting")
    page.news()
    assert page.primary().label == "Enviar ahora"


def test_lists_whose_time_is_over_are_said_on_envios(qtbot: QtBot) -> None:
    desk = a_stick_desk()
    desk.downstream.told = some_downloads()
    _, page = opened(qtbot, desk)
    assert "Hay listas vencidas: F4." in words(page)


def test_a_portal_of_the_network_is_named_in_the_header(qtbot: QtBot) -> None:
    from migramovil.sync.ports import NotHeadquarters

    desk = a_stick_desk()
    desk.waiting.status = a_status("offline", trouble=NotHeadquarters("tls"))
    window, _ = opened(qtbot, desk)
    assert "Red con portal o ajena" in window.header.link.accessibleName()


# ---- beside them -------------------------------------------------------------------------------
def test_the_stick_says_why_nothing_goes_by_the_network(qtbot: QtBot) -> None:
    desk = a_stick_desk()
    desk.waiting.status = a_status("offline", trouble=CaptivePortal(), next_try_s=40.0)
    _, page = opened(qtbot, desk, "stick")
    assert "Portal de red" in words(page)
    assert "página propia antes de dejar pasar (SYN-15). Próximo intento en 40 s." in words(page)
    desk.waiting.next_try = 7.0
    page.tick()
    assert "Próximo intento en 7 s." in words(page)


@pytest.mark.parametrize("look", LOOKS)
def test_the_day_warns_of_lists_whose_time_is_over_and_goes_on(
    qtbot: QtBot, look: tuple[theme.Name, float]
) -> None:
    theme.use(*look, motion=False)
    desk = a_stick_desk()
    desk.downstream.told = some_downloads()
    desk.waiting.status = a_status("offline", trouble=CaptivePortal(), next_try_s=40.0)
    window, _ = opened(qtbot, desk)
    window._go_day("jornada")
    settle()
    assert "Citas: vencida" in words(window.page)
    assert window._home.primary().available  # type: ignore[union-attr]
    assert_all_well(window)
