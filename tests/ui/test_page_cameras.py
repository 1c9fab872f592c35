"""Cámaras: which camera is which is seen, and who may says what it is for."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from migramovil.core.roles import Role
from migramovil.devices.ports import DeviceInfo, DeviceKind, DeviceRole, Frame, Pixels
from migramovil.devices.trouble import Unplugged
from migramovil.ui import theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.frame import PrimaryGuard
from migramovil.ui.pages.cameras import CamerasPage, ClosedCamerasPage
from migramovil.ui.pages.diagnostics import ClosedDiagnosticsPage, DiagnosticsPage
from migramovil.ui.window import StationWindow
from tests.ui.checks import LOOKS, assert_all_well, settle
from tests.ui.fake_desk import FakeDesk, a_desk, pending
from tests.ui.gallery import face

PORTRAIT, DOCUMENT, APPLICANT = DeviceRole.PORTRAIT, DeviceRole.DOCUMENT, DeviceRole.APPLICANT
FRONT = DeviceInfo(
    kind=DeviceKind.CAMERA, driver="camera", model="Logitech HD Pro C920", serial="7A1B33EF",
    path="/dev/video0", port="1-1.4",
)  # fmt: skip
TABLE = replace(FRONT, model="UVC Camera", serial="", path="/dev/video2", port="1-2")
STILL = replace(
    FRONT, model="Canon EOS 250D", serial="18", path="usb:001,005",
    capabilities={"still": True, "preview": False},
)  # fmt: skip


def two_cameras(role: Role | None = Role.SUPERVISOR) -> FakeDesk:
    desk = a_desk(role=role)
    desk.diagnosing.plugged = (FRONT, TABLE)
    desk.diagnosing.serving = {PORTRAIT: FRONT}
    return desk


def opened(qtbot: QtBot, desk: FakeDesk) -> StationWindow:
    window = StationWindow(desk.real, Bridge())
    window.allow_close()
    qtbot.addWidget(window)
    window.resize(1366, 768)
    window.show()
    window.activateWindow()
    settle()
    return window


def the_page(window: StationWindow) -> CamerasPage:
    window._entered()
    window._go_day("diagnostico")
    settle()
    QTest.keyClick(window, Qt.Key.Key_F3)
    settle()
    assert isinstance(window.page, CamerasPage)
    return window.page


def settle_verb(window: StationWindow) -> None:
    """The verb is old by the time a person has looked."""
    window._guard = PrimaryGuard(itertools.count(1).__next__)


def press_f10(window: StationWindow) -> None:
    settle_verb(window)
    QTest.keyClick(window, Qt.Key.Key_F10)
    settle()


def words(page: CamerasPage) -> str:
    return " ".join(label.text() for label in page.findChildren(QLabel) if label.isVisible())


def grey(level: int) -> Pixels:
    pixels = face()
    pixels[:] = level
    return pixels


def see(desk: FakeDesk, level: int, number: int = -1) -> None:
    """A camera that is watched, by default the last, gives a picture."""
    desk.diagnosing.watched[number][2](Frame(pixels=grey(level), number=1))
    settle()


def shown(page: CamerasPage) -> int | None:
    image = page.preview._image
    return None if image is None else image.pixelColor(image.rect().center()).red()


# ---- the way there -------------------------------------------------------------------------------
@pytest.mark.parametrize("plugged", [(), (FRONT,)])
def test_a_station_with_one_camera_is_asked_nothing(qtbot: QtBot, plugged: Any) -> None:
    desk = two_cameras()
    desk.diagnosing.plugged = plugged
    window = opened(qtbot, desk)
    window._entered()
    window._go_day("diagnostico")
    settle()
    QTest.keyClick(window, Qt.Key.Key_F3)
    settle()
    assert isinstance(window.page, DiagnosticsPage)


def test_it_is_reached_with_nobody_inside_and_then_only_shows(qtbot: QtBot) -> None:
    desk = two_cameras(role=None)
    window = opened(qtbot, desk)
    window._login.diagnosis.emit()
    settle()
    QTest.keyClick(window, Qt.Key.Key_F3)
    settle()
    page = window.page
    assert isinstance(page, ClosedCamerasPage)
    see(desk, 90)
    assert shown(page) == 90
    QTest.keyClick(window, Qt.Key.Key_D)
    press_f10(window)
    assert desk.diagnosing.serving == {PORTRAIT: FRONT}
    assert "entre supervisión o el técnico" in words(page)
    QTest.keyClick(window, Qt.Key.Key_Escape)
    settle()
    assert isinstance(window.page, ClosedDiagnosticsPage)


def test_an_officer_looks_and_gives_nothing(qtbot: QtBot) -> None:
    desk = two_cameras(Role.OFFICER)
    window = opened(qtbot, desk)
    page = the_page(window)
    QTest.keyClick(window, Qt.Key.Key_D)
    assert not page.primary().available
    press_f10(window)
    assert desk.diagnosing.serving == {PORTRAIT: FRONT}
    assert "lo guarda supervisión o el técnico" in words(page)


# ---- looking ----------------------------------------------------------------------------------
def test_the_chosen_camera_is_the_one_that_is_seen(qtbot: QtBot) -> None:
    desk = two_cameras()
    window = opened(qtbot, desk)
    page = the_page(window)
    see(desk, 90)
    assert shown(page) == 90
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    settle()
    assert [camera for camera, *_ in desk.diagnosing.watched] == [FRONT, TABLE]
    assert desk.diagnosing.watched[0][1].cancelled.is_set()
    assert shown(page) is None
    see(desk, 70, number=0)  # comes too late
    assert shown(page) is None
    see(desk, 130)
    assert shown(page) == 130
    assert "puerto USB 1-2" in words(page)


def test_leaving_lets_the_camera_go_and_forgets_what_it_saw(qtbot: QtBot) -> None:
    desk = two_cameras()
    window = opened(qtbot, desk)
    page = the_page(window)
    see(desk, 90)
    QTest.keyClick(window, Qt.Key.Key_Escape)
    settle()
    assert isinstance(window.page, DiagnosticsPage)
    assert desk.diagnosing.watched[-1][1].cancelled.is_set()
    assert shown(page) is None
    see(desk, 90)
    assert shown(page) is None


def test_a_camera_without_a_live_picture_says_so_and_is_not_opened(qtbot: QtBot) -> None:
    desk = two_cameras()
    desk.diagnosing.plugged = (STILL, FRONT)
    page = the_page(opened(qtbot, desk))
    assert desk.diagnosing.watched == []
    assert page.preview.accessibleDescription() == "Esta cámara no muestra la imagen"


def test_a_camera_that_fails_says_its_trouble_and_the_other_is_seen(qtbot: QtBot) -> None:
    desk = two_cameras()
    desk.diagnosing.trouble = Unplugged()
    page = the_page(opened(qtbot, desk))
    assert page.shown_trouble() == "DEV-01"
    desk.diagnosing.trouble = None
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    settle()
    see(desk, 80)
    assert (page.shown_trouble(), shown(page)) == ("", 80)


def test_a_camera_that_was_plugged_in_since_is_found_and_the_chosen_one_stays(
    qtbot: QtBot,
) -> None:
    desk = two_cameras()
    window = opened(qtbot, desk)
    page = the_page(window)
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    desk.diagnosing.plugged = (STILL, FRONT, TABLE)
    QTest.keyClick(window, Qt.Key.Key_F5)
    settle()
    assert page.table.current() == 2
    assert desk.diagnosing.watched[-1][0] == TABLE


def test_without_a_camera_it_says_so_and_looks_again(qtbot: QtBot) -> None:
    desk = two_cameras()
    window = opened(qtbot, desk)
    page = the_page(window)
    desk.diagnosing.plugged = ()
    QTest.keyClick(window, Qt.Key.Key_F5)
    settle()
    assert "No hay ninguna cámara conectada" in words(page)
    assert shown(page) is None
    assert not page.primary().available
    assert_all_well(window)
    desk.diagnosing.plugged = (FRONT,)
    QTest.keyClick(window, Qt.Key.Key_F5)
    settle()
    assert page.table.current() == 0


# ---- saying what it is for -----------------------------------------------------------------------
def by_keys(window: StationWindow, page: CamerasPage) -> None:
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    QTest.keyClick(window, Qt.Key.Key_D)
    press_f10(window)


def by_mouse(window: StationWindow, page: CamerasPage) -> None:
    left = Qt.MouseButton.LeftButton
    row = page.table.visualRect(page.table.model().index(1, 0)).center()
    QTest.mouseClick(page.table.viewport(), left, pos=row)
    QTest.mouseClick(page.role, left, pos=QPoint(page.role.width() // 2, 10))
    settle_verb(window)
    QTest.mouseClick(window.footer.primary, left)


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.TECHNICIAN])
@pytest.mark.parametrize("way", [by_keys, by_mouse])
def test_a_role_is_given_by_keys_and_by_mouse(
    qtbot: QtBot, way: Callable[[StationWindow, CamerasPage], None], role: Role
) -> None:
    desk = two_cameras(role)
    window = opened(qtbot, desk)
    page = the_page(window)
    way(window, page)
    settle()
    assert desk.diagnosing.serving == {PORTRAIT: FRONT, DOCUMENT: TABLE}
    assert "Guardado: UVC Camera mira los documentos" in words(page)
    assert page.table.current() == 1
    assert desk.diagnosing.watched[-1][0] == TABLE
    assert not page.primary().available  # it is so already


def test_nothing_watches_a_camera_while_a_role_is_being_given(qtbot: QtBot) -> None:
    desk = two_cameras()
    window = opened(qtbot, desk)
    page = the_page(window)
    desk.diagnosing.slow = slow = pending()
    by_keys(window, page)
    QTest.keyClick(window, Qt.Key.Key_F5)
    QTest.keyClick(page.table, Qt.Key.Key_Up)
    press_f10(window)
    assert all(ticket.cancelled.is_set() for _, ticket, _ in desk.diagnosing.watched)
    slow.future.set_result(None)
    settle()
    assert desk.diagnosing.watched[-1][0] == FRONT
    assert not desk.diagnosing.watched[-1][1].cancelled.is_set()


def test_a_role_that_could_not_be_given_is_told_and_the_camera_is_seen_again(
    qtbot: QtBot,
) -> None:
    desk = two_cameras()
    window = opened(qtbot, desk)
    page = the_page(window)
    desk.diagnosing.slow = slow = pending()
    by_keys(window, page)
    slow.future.set_exception(Unplugged())
    settle()
    assert page.shown_trouble() == "DEV-01"
    see(desk, 80)
    assert shown(page) == 80


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.OFFICER])
def test_everything_is_whole_in_every_look(
    qtbot: QtBot, look: tuple[theme.Name, float], role: Role
) -> None:
    theme.use(*look, motion=False)
    desk = two_cameras(role)
    window = opened(qtbot, desk)
    window._entered()
    window._go_day("diagnostico")
    assert_all_well(window)
    page = the_page(window)
    see(desk, 200)
    assert_all_well(window)
    if role is Role.SUPERVISOR:
        by_keys(window, page)
        assert_all_well(window)
        page._failed(Unplugged())
        assert_all_well(window)
