"""The start-of-day list: what the station sees by itself, then what only a person can see."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from migramovil.core.roles import Role
from migramovil.devices.ports import DeviceRole
from migramovil.services.checklist import ORDER, QUICK
from migramovil.services.checks import Outcome
from migramovil.store.trouble import DiskFull
from migramovil.ui import theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.pages.checklist import ChecklistPage, ClosedChecklistPage
from migramovil.ui.pages.diagnostics import ClosedDiagnosticsPage, DiagnosticsPage
from migramovil.ui.window import StationWindow
from tests.ui.checks import LOOKS, assert_all_well, settle
from tests.ui.fake_desk import DirtyGlass, FakeDesk, a_desk, pending

F = Qt.Key


def opened(qtbot: QtBot, desk: FakeDesk) -> StationWindow:
    window = StationWindow(desk.real, Bridge())
    window.allow_close()
    qtbot.addWidget(window)
    window.resize(1366, 768)
    window.show()
    window.activateWindow()
    settle()
    return window


def the_list(window: StationWindow) -> ChecklistPage:
    window._entered()
    window._go_day("diagnostico")
    assert isinstance(window.page, DiagnosticsPage)
    window.page.checklist.emit()
    settle()
    assert isinstance(window.page, ChecklistPage)
    return window.page


def step(page: ChecklistPage) -> None:
    page.press_primary()
    settle()


def verb(page: ChecklistPage) -> str:
    primary = page.primary()
    assert primary is not None
    return primary.label


def a_list(qtbot: QtBot, desk: FakeDesk) -> ChecklistPage:
    return the_list(opened(qtbot, desk))


def gone_through(qtbot: QtBot, desk: FakeDesk, *, reads_well: bool = True) -> ChecklistPage:
    page = a_list(qtbot, desk)
    for _ in range(4):
        step(page)
    page._look(reads_well=reads_well)
    settle()
    return page


def test_one_key_leads_through_the_whole_list(qtbot: QtBot) -> None:
    desk = a_desk(role=Role.SUPERVISOR)
    page = a_list(qtbot, desk)
    verbs = []
    for _ in range(4):
        verbs.append(verb(page))
        step(page)
    assert verbs == ["Empezar", "Probar cámara", "Probar huellero", "Imprimir la lista"]
    assert desk.diagnosing.tested == [*QUICK, *ORDER[-3:]]
    assert [one.of for one in desk.checklist.printed] == list(ORDER[:-1])


def test_the_printed_slip_is_only_well_once_somebody_has_looked(qtbot: QtBot) -> None:
    page = a_list(qtbot, a_desk(role=Role.SUPERVISOR))
    for _ in range(4):
        step(page)
    primary = page.primary()
    assert primary is not None
    assert not primary.available
    assert page._well.isVisible()
    page._look(reads_well=False)
    assert page._results[DeviceRole.PRINTER].outcome is Outcome.BAD


def test_a_supervisor_keeps_the_whole_list_once(qtbot: QtBot) -> None:
    desk = a_desk(role=Role.SUPERVISOR)
    page = gone_through(qtbot, desk)
    assert verb(page) == "Guardar lista"
    step(page)
    assert [[one.of for one in kept] for kept in desk.checklist.kept] == [list(ORDER)]
    assert verb(page) == "Volver"
    step(page)
    assert len(desk.checklist.kept) == 1


@pytest.mark.parametrize("role", [Role.TECHNICIAN, Role.OFFICER])
def test_who_may_not_keep_it_may_go_through_it(qtbot: QtBot, role: Role) -> None:
    desk = a_desk(role=role)
    page = gone_through(qtbot, desk)
    assert verb(page) == "Volver"
    assert desk.checklist.kept == []


def test_with_nobody_inside_it_is_reached_from_the_door(qtbot: QtBot) -> None:
    window = opened(qtbot, a_desk())
    window._login.diagnosis.emit()
    settle()
    QTest.keyClick(window, F.Key_F4)
    settle()
    assert isinstance(window.page, ClosedChecklistPage)
    QTest.keyClick(window, F.Key_Escape)
    settle()
    assert isinstance(window.page, ClosedDiagnosticsPage)


def test_what_failed_is_done_again_alone(qtbot: QtBot) -> None:
    desk = a_desk(role=Role.SUPERVISOR)
    page = a_list(qtbot, desk)
    desk.diagnosing.trouble = DirtyGlass()
    step(page)
    page.table.choose(3)
    assert page.shown_trouble() == "FPR-07"
    desk.diagnosing.trouble = None
    page.keys()["F5"]()
    settle()
    assert page._results[ORDER[3]].ok
    assert len(desk.diagnosing.tested) == len(QUICK) + 1


def test_a_disk_that_refuses_loses_nothing_of_the_list(qtbot: QtBot) -> None:
    desk = a_desk(role=Role.SUPERVISOR)
    page = gone_through(qtbot, desk)
    desk.checklist.trouble = DiskFull()
    step(page)
    assert page.shown_trouble() == DiskFull.code
    desk.checklist.trouble = None
    step(page)
    assert len(desk.checklist.kept) == 1


def test_leaving_calls_off_what_runs_and_forgets_what_was_seen(qtbot: QtBot) -> None:
    desk = a_desk(role=Role.SUPERVISOR)
    page = a_list(qtbot, desk)
    step(page)
    step(page)
    assert not page._picture.empty
    desk.diagnosing.slow = pending()
    step(page)
    page.depart()
    assert desk.diagnosing.slow.cancelled.is_set()
    assert page._picture.empty


def fresh(page: ChecklistPage) -> None:
    """Nothing done yet."""


def asking(page: ChecklistPage) -> None:
    for _ in range(4):
        step(page)


def ended(page: ChecklistPage) -> None:
    asking(page)
    page._look(reads_well=False)
    page.table.choose(len(ORDER) - 1)


def all_bad(page: ChecklistPage) -> None:
    page._desk.diagnosing.trouble = DirtyGlass()  # type: ignore[attr-defined]
    for _ in range(4):
        step(page)
    page.table.choose(0)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("scene", [fresh, asking, ended, all_bad])
def test_nothing_is_clipped_and_all_is_named(
    qtbot: QtBot, scene: Callable[[ChecklistPage], None], look: tuple[theme.Name, float]
) -> None:
    theme.use(*look, motion=False)
    window = opened(qtbot, a_desk(role=Role.SUPERVISOR))
    scene(the_list(window))
    settle()
    assert_all_well(window)
