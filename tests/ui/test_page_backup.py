"""Respaldo: how old the copy is, what its keys do, and that it fits the screen."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from migramovil.core.roles import Role
from migramovil.services.backups import Medium, Standing
from migramovil.store.backup import MediumGone
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit import Badge, Banner, TroubleBanner
from migramovil.ui.pages.backup import BackupPage
from migramovil.ui.window import StationWindow
from tests.ui.checks import LOOKS, assert_all_well, settle
from tests.ui.fake_desk import NOON, FakeDesk, a_desk, a_report, failed, pending

STICKS = (
    Medium(folder=Path("/media/estacion/RESPALDO"), name="RESPALDO", free=48 << 30, size=64 << 30),
    Medium(folder=Path("/media/estacion/OTRA"), name="OTRA", free=2 << 30, size=16 << 30),
)


def a_backup_desk(*, sticks: tuple[Medium, ...] = STICKS) -> FakeDesk:
    desk = a_desk(role=Role.SUPERVISOR)
    desk.backups.plugged = sticks
    desk.backups.told = Standing(
        verified_utc=NOON, age=timedelta(hours=3), overdue=False, report=a_report()
    )
    return desk


def opened(qtbot: QtBot, desk: FakeDesk) -> tuple[StationWindow, BackupPage]:
    window = StationWindow(desk.real, Bridge())
    window.allow_close()
    qtbot.addWidget(window)
    window.resize(1366, 768)
    window.show()
    window.activateWindow()
    window._entered()
    window._supervise("respaldo")
    settle()
    assert isinstance(window.page, BackupPage)
    return window, window.page


def words(page: BackupPage) -> str:
    seen = [t.text() for t in page.findChildren(kit.Text) if t.isVisible()]
    return " | ".join([*seen, *(b.accessibleName() for b in page.findChildren(Badge))])


SCENES = {
    "fresh": Standing(verified_utc=NOON, age=timedelta(hours=3), overdue=False, report=a_report()),
    "never": Standing(verified_utc="", age=None, overdue=True),
    "running": Standing(
        verified_utc=NOON, age=timedelta(days=3), overdue=True, running=True,
        done=1_200_000_000, all=3_400_000_000,
    ),
    "gone": Standing(
        verified_utc=NOON, age=timedelta(days=3), overdue=True, trouble=MediumGone("EIO"),
        report=a_report(damaged=("a.packet",), snapshot=""),
    ),
}  # fmt: skip


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("sticks", [STICKS, ()])
def test_nothing_is_clipped_and_all_is_named(
    qtbot: QtBot, scene: str, look: tuple[theme.Name, float], sticks: tuple[Medium, ...]
) -> None:
    theme.use(*look, motion=False)
    desk = a_backup_desk(sticks=sticks)
    desk.backups.told = SCENES[scene]
    window, _ = opened(qtbot, desk)
    assert_all_well(window)


def test_its_age_and_when_it_was_read_back_are_said(qtbot: QtBot) -> None:
    _, page = opened(qtbot, a_backup_desk())
    assert "3 h" in words(page)
    assert "Al día" in words(page)
    assert "Espacio para 40 personas más" in words(page)


def test_after_a_day_it_warns(qtbot: QtBot) -> None:
    desk = a_backup_desk()
    desk.backups.told = SCENES["running"]
    _, page = opened(qtbot, desk)
    assert "Más de un día" in words(page)
    assert "Copiado 1.2 GB de 3.4 GB" in words(page)


def test_the_primary_backs_up_to_the_chosen_medium(qtbot: QtBot) -> None:
    desk = a_backup_desk()
    _, page = opened(qtbot, desk)
    page.table.choose(1)
    page.press_primary()
    qtbot.waitUntil(page._said.isVisible)
    assert desk.backups.asked == ["back up OTRA"]
    assert "5 paquetes nuevos" in words(page)


def test_while_it_runs_the_primary_stops_it(qtbot: QtBot) -> None:
    desk = a_backup_desk()
    desk.backups.told = SCENES["running"]
    _, page = opened(qtbot, desk)
    assert page.primary().label == "Detener"
    page.press_primary()
    assert desk.backups.asked == ["call off"]


def test_without_a_medium_it_says_what_to_do(qtbot: QtBot) -> None:
    desk = a_backup_desk(sticks=())
    window, page = opened(qtbot, desk)
    page.press_primary()
    assert "No hay dónde respaldar" in words(page)
    desk.backups.plugged = STICKS
    QTest.keyClick(window, Qt.Key.Key_F5)
    assert page.table.isVisible()


def test_a_trouble_stands_in_its_place(qtbot: QtBot) -> None:
    desk = a_backup_desk()
    desk.backups.ticket = failed(MediumGone("EIO"))
    _, page = opened(qtbot, desk)
    page.press_primary()
    qtbot.waitUntil(lambda: page.findChild(TroubleBanner).isVisible())
    assert "BAK-02" in words(page)


@pytest.mark.parametrize(("bad", "said"), [((), "está entero"), (("a",), "está dañado")])
def test_reading_it_again_says_whether_it_is_whole(
    qtbot: QtBot, bad: tuple[str, ...], said: str
) -> None:
    desk = a_backup_desk()
    desk.backups.bad = bad
    window, page = opened(qtbot, desk)
    QTest.keyClick(window, Qt.Key.Key_F7)
    qtbot.waitUntil(lambda: said in words(page))
    assert desk.backups.asked == ["check RESPALDO"]
    assert page.findChild(Banner) is not None


def test_news_while_the_page_is_in_sight_are_shown(qtbot: QtBot) -> None:
    desk = a_backup_desk()
    desk.backups.ticket = pending()
    _, page = opened(qtbot, desk)
    desk.backups.told = SCENES["never"]
    for listener in desk.backups.listeners:
        listener()
    qtbot.waitUntil(lambda: "Ninguno" in words(page))
