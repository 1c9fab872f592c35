"""The day's pages: what they promise at every size, and what their keys and words do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from migramovil.core.enrollment import Step
from migramovil.core.record import RecordState
from migramovil.core.roles import Role
from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import DeviceRole
from migramovil.devices.trouble import PrintUnconfirmed, StillQueued
from migramovil.services.accounts import KeptDraft
from migramovil.services.backups import Standing
from migramovil.services.checks import Check
from migramovil.services.diagnosing import DeviceReport
from migramovil.sync.ports import NoLink
from migramovil.ui import theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit import Badge, Field, Text, TroubleBanner
from migramovil.ui.kit.page import Page
from migramovil.ui.pages.diagnostics import DiagnosticsPage
from migramovil.ui.pages.done import DonePage, stages
from migramovil.ui.pages.home import HomePage
from migramovil.ui.pages.login import LoginPage
from migramovil.ui.pages.queue import QueuePage
from migramovil.ui.pages.setup import SetupPage
from migramovil.ui.window import StationWindow
from tests.ui.checks import LOOKS, assert_all_well, settle, type_in
from tests.ui.fake_desk import (
    DirtyGlass,
    FakeDesk,
    NoPaper,
    WrongPassword,
    a_desk,
    a_draft,
    a_finished,
    a_status,
    failed,
    pending,
    some_rows,
)

Scene = Callable[[StationWindow, FakeDesk], object]


def seen(qtbot: QtBot, desk: FakeDesk, scene: Scene) -> StationWindow:
    window = StationWindow(desk.real, Bridge())
    window.allow_close()
    qtbot.addWidget(window)
    window.resize(1366, 768)
    window.show()
    window.activateWindow()
    settle()
    scene(window, desk)
    settle()
    return window


def busy_desk(role: Role | None = Role.OFFICER) -> FakeDesk:
    desk = a_desk(role=role)
    desk.waiting.all = some_rows()
    desk.waiting.status = a_status(
        trouble=NoLink(), next_try_s=240.0, last_contact_utc="2026-11-23T13:31:00Z"
    )
    desk.enrolling.drafts = (a_draft("a", step=Step.FINGERS), a_draft("b", step=Step.PERSON))
    return desk


def login(window: StationWindow, desk: FakeDesk) -> None:
    desk.accounts.kept = KeptDraft(step="fingers", saved="10:30:58")
    window.show_login()
    page = window.page
    assert isinstance(page, LoginPage)
    page._refuse(WrongPassword())


def setup(window: StationWindow, desk: FakeDesk) -> None:
    window.show_page(window._setup)
    window._setup._failed(NoLink())


def setup_with_gaps(window: StationWindow, desk: FakeDesk) -> None:
    window.show_page(window._setup)
    window._setup.press_primary()


def home(window: StationWindow, desk: FakeDesk) -> None:
    window._entered()


def home_without_backup(window: StationWindow, desk: FakeDesk) -> None:
    desk.backups.told = Standing(verified_utc="", age=None, overdue=True, owed=True)
    window._entered()


def empty_home(window: StationWindow, desk: FakeDesk) -> None:
    desk.waiting.all, desk.enrolling.drafts = [], ()
    window._entered()


def queue(window: StationWindow, desk: FakeDesk) -> None:
    desk.waiting.status = a_status(
        "sending", sending_index=3, sending_total=14, record="r2", sent_bytes=9, size=21
    )
    window._go_day("envios")


def halted_queue(window: StationWindow, desk: FakeDesk) -> None:
    desk.waiting.status = a_status("halted", trouble=NoLink())
    window._go_day("envios")


def done(window: StationWindow, desk: FakeDesk) -> None:
    desk.printing.trouble = NoPaper()
    window._sealed(a_finished())


def devices(window: StationWindow, desk: FakeDesk) -> None:
    window._go_day("diagnostico")
    page = window.page
    assert isinstance(page, DiagnosticsPage)
    page._test(DeviceRole.PORTRAIT)


def faulty_devices(window: StationWindow, desk: FakeDesk) -> None:
    desk.diagnosing.trouble = DirtyGlass()
    devices(window, desk)


def crash(window: StationWindow, desk: FakeDesk) -> None:
    window._crashed(ValueError())


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(
    "scene",
    [
        login, setup, setup_with_gaps, home, home_without_backup, empty_home, queue, halted_queue,
        done, devices, faulty_devices, crash,
    ],
)  # fmt: skip
def test_nothing_is_clipped_and_all_is_named(
    qtbot: QtBot, scene: Scene, look: tuple[theme.Name, float]
) -> None:
    theme.use(*look, motion=False)
    window = seen(qtbot, busy_desk(), scene)
    assert_all_well(window)


T = TypeVar("T", bound=Page)


def shown(qtbot: QtBot, page: T) -> T:
    qtbot.addWidget(page)
    page.show()
    page.arrive()
    settle()
    return page


# ---- login -------------------------------------------------------------------------------------
def a_login(qtbot: QtBot, desk: FakeDesk) -> LoginPage:
    page = shown(qtbot, LoginPage(desk.real, Bridge()))
    page.who.set_value("rquispe")
    return page


def test_a_wrong_password_is_said_in_its_field_and_stays_to_be_mended(qtbot: QtBot) -> None:
    page = a_login(qtbot, a_desk())
    type_in(page.password, "otra")
    page.press_primary()
    settle()
    assert "no es correcta" in page._field.message
    assert page.password.text() == "otra"


def test_while_the_password_is_checked_the_page_says_so_and_asks_once(qtbot: QtBot) -> None:
    desk = a_desk()
    desk.accounts.slow = pending()
    page = a_login(qtbot, desk)
    type_in(page.password, "algo")
    page.press_primary()
    settle()
    assert page._working.isVisible()
    assert not page.primary().available


def test_caps_lock_is_remarked_by_what_is_typed(qtbot: QtBot) -> None:
    page = a_login(qtbot, a_desk())
    type_in(page.password, "A")
    assert "Bloq Mayús" in page._field.message
    type_in(page.password, "a")
    assert page._field.message == ""


def test_the_kept_draft_is_told_without_a_name(qtbot: QtBot) -> None:
    desk = a_desk()
    desk.enrolling.drafts = (a_draft(step=Step.FINGERS),)
    desk.accounts.kept = KeptDraft(step="fingers", saved="10:30:58")
    page = a_login(qtbot, desk)
    told = page._kept.accessibleName()
    assert page._kept.isVisible()
    assert "Paso 5 de 7, Huellas" in told
    assert "10:30:58" in told
    assert "Peñalver" not in told


def test_the_login_says_what_waits_is_safe(qtbot: QtBot) -> None:
    desk = a_desk()
    desk.waiting.all = some_rows()
    words = [b.accessibleName() for b in a_login(qtbot, desk).findChildren(Badge)]
    assert "14 por enviar, a salvo" in words
    assert "Sin conexión: no hace falta para entrar" in words


def test_a_password_does_not_stay_on_the_page(qtbot: QtBot) -> None:
    page = a_login(qtbot, a_desk())
    type_in(page.password, "algo")
    page.depart()
    assert page.password.text() == ""


# ---- set-up ------------------------------------------------------------------------------------
def a_setup(qtbot: QtBot, desk: FakeDesk) -> SetupPage:
    page = shown(qtbot, SetupPage(desk.real, Bridge()))
    page.url.set_value("https://sede.example")
    page.code.set_value("K7-2M")
    page.username.set_value("jticona")
    page.password.setText("una clave larga")
    page.again.setText("una clave larga")
    return page


def test_the_set_up_hands_over_what_was_typed(qtbot: QtBot) -> None:
    desk = a_desk()
    page = a_setup(qtbot, desk)
    with qtbot.waitSignal(page.enrolled):
        page.press_primary()
    told = ("https://sede.example", "K7-2M", "Módulo 2", "jticona", "una clave larga")
    assert desk.accounts.asked == [told]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("again", "otra", "no son iguales"),
        ("url", "http://sede.example", "https://"),
        ("code", "", "Falta el código"),
    ],
)
def test_the_set_up_says_what_is_missing(qtbot: QtBot, field: str, value: str, words: str) -> None:
    desk = a_desk()
    page = a_setup(qtbot, desk)
    getattr(page, field).setText(value)
    page.press_primary()
    assert words in page._fields[field].message
    assert not desk.accounts.asked


def test_a_failed_set_up_keeps_what_was_typed(qtbot: QtBot) -> None:
    desk = a_desk()
    desk.accounts.slow = failed(NoLink())
    page = a_setup(qtbot, desk)
    page.press_primary()
    settle()
    assert "SYN-01" in page.findChildren(TroubleBanner)[0].accessibleName()
    assert page.code.value() == "K7-2M"
    assert all(f.control.isEnabled() for f in page.findChildren(Field))


# ---- the day -----------------------------------------------------------------------------------
def test_the_day_counts_what_is_done(qtbot: QtBot) -> None:
    page = shown(qtbot, HomePage(busy_desk().real, Bridge()))
    figures = [f.accessibleName() for f in page._figures]
    assert figures == ["38 terminados", "14 por enviar", "18 confirmados"]


def test_a_missing_backup_is_said_quietly_with_its_age(qtbot: QtBot) -> None:
    desk = busy_desk()
    page = shown(qtbot, HomePage(desk.real, Bridge()))
    assert not page._backup.isVisible()
    for age, words in ((None, "Nunca se ha respaldado"), (timedelta(days=3), "hace 3 días")):
        desk.backups.told = Standing(verified_utc="", age=age, overdue=True, owed=True)
        page.news()
        assert page._backup.isVisible()
        assert words in page._backup.accessibleName()


def test_slips_past_their_end_say_what_they_wait_for(qtbot: QtBot) -> None:
    desk = busy_desk()
    desk.keeping.now = replace(desk.keeping.now, past=True)
    page = shown(qtbot, HomePage(desk.real, Bridge()))
    said = [text.text() for text in page._held.findChildren(Text)]
    assert "Se borran al confirmarse la hora" in said


def test_two_presses_start_one_enrollment(qtbot: QtBot) -> None:
    desk = a_desk(role=Role.OFFICER)
    desk.enrolling.slow = pending()
    page = shown(qtbot, HomePage(desk.real, Bridge()))
    page.keys()["F2"]()
    page.keys()["F2"]()
    assert desk.enrolling.starts == 1


def test_who_may_not_enroll_is_not_offered_it(qtbot: QtBot) -> None:
    page = shown(qtbot, HomePage(a_desk(role=Role.TECHNICIAN).real, Bridge()))
    assert page.primary() is None
    assert not page.keys()


# ---- the line ----------------------------------------------------------------------------------
def test_the_ledger_adds_up(qtbot: QtBot) -> None:
    page = shown(qtbot, QueuePage(busy_desk().real, Bridge()))
    assert "Terminados 38 = por enviar 14 + recibidos 5 + confirmados 18" in page._subtitle.text()


def test_the_filter_shows_only_its_states(qtbot: QtBot) -> None:
    page = shown(qtbot, QueuePage(busy_desk().real, Bridge()))
    page._segments.setFocus()
    QTest.keyClick(page._segments, Qt.Key.Key_C)
    assert page.table.model().rowCount() == 1
    assert page._rows.record(0).reason == "Catálogo vencido"  # type: ignore[union-attr]


def test_the_reason_and_the_next_try_are_in_words(qtbot: QtBot) -> None:
    page = shown(qtbot, QueuePage(busy_desk().real, Bridge()))
    assert (
        page._why.text() == "No hay conexión con sede central (SYN-01). Próximo intento en 4 min."
    )


def test_f5_sends_now(qtbot: QtBot) -> None:
    desk = busy_desk()
    shown(qtbot, QueuePage(desk.real, Bridge())).keys()["F5"]()
    assert desk.waiting.sent == 1


# ---- sealed ------------------------------------------------------------------------------------
def a_done(qtbot: QtBot, desk: FakeDesk) -> DonePage:
    page = DonePage(desk.real, Bridge())
    page.show_finished(a_finished())
    return shown(qtbot, page)


def test_the_slip_prints_once_by_itself_and_again_as_a_copy_when_asked(qtbot: QtBot) -> None:
    desk = busy_desk()
    page = a_done(qtbot, desk)
    page.depart()
    page.arrive()
    assert len(desk.printing.printed) == 1
    again = page.action_for("R")
    assert again is not None
    again()
    assert len(desk.printing.printed) == 1
    assert desk.keeping.reprinted == [a_finished().record_id]


def test_the_officer_is_asked_only_when_the_printer_does_not_confirm(qtbot: QtBot) -> None:
    page = a_done(qtbot, busy_desk())
    assert "Comprobante impreso" in page._paper.accessibleName()
    assert not page._yes.isVisible()

    desk = busy_desk()
    desk.printing.confirmed = False
    page = a_done(qtbot, desk)
    assert "Comprobante enviado" in page._paper.accessibleName()
    assert page._yes.isVisible()
    page._yes.click()
    assert "Comprobante entregado" in page._paper.accessibleName()
    assert not page._yes.isVisible()


@pytest.mark.parametrize("doubt", [PrintUnconfirmed(), StillQueued()])
def test_a_slip_nobody_knows_of_is_never_said_to_be_out_or_not(
    qtbot: QtBot, doubt: Trouble
) -> None:
    desk = busy_desk()
    desk.printing.trouble = doubt
    page = a_done(qtbot, desk)
    assert "No se sabe si el comprobante salió" in page._paper.accessibleName()
    assert page._yes.isVisible()
    assert doubt.code in page._trouble.accessibleName()


def test_a_printer_without_paper_leaves_the_record_sealed(qtbot: QtBot) -> None:
    desk = busy_desk()
    desk.printing.trouble = NoPaper()
    page = a_done(qtbot, desk)
    assert "PRN-02" in page._trouble.accessibleName()
    assert "El registro está sellado" in page._trouble.accessibleName()
    assert not page._yes.isVisible()
    assert page.primary().available


@pytest.mark.parametrize(
    ("state", "signs"),
    [
        (RecordState.SEALED, ["ok", "now", "idle", "idle"]),
        (RecordState.STORED, ["ok", "ok", "ok", "now"]),
        (RecordState.OPENED, ["ok", "ok", "ok", "ok"]),
        (RecordState.REFUSED, ["ok", "ok", "bad"]),
    ],
)
def test_the_journey_tells_how_far_the_record_is(state: RecordState, signs: list[str]) -> None:
    assert [sign for sign, _, _ in stages(state, "10:42:07", no_link=True)] == signs


def test_received_is_only_said_after_the_receipt() -> None:
    names = [f"{name} {sign}" for sign, name, _ in stages("sealed", "10:42:07", no_link=False)]
    assert "Recibido idle" in names


# ---- the devices -------------------------------------------------------------------------------
def a_diagnosis(qtbot: QtBot, desk: FakeDesk) -> DiagnosticsPage:
    return shown(qtbot, DiagnosticsPage(desk.real, Bridge()))


def test_the_devices_need_nobody_inside(qtbot: QtBot) -> None:
    page = a_diagnosis(qtbot, a_desk())
    page.keys()["F5"]()
    settle()
    assert page._name.text() == "Cámara: bien"


def test_f7_tries_every_device(qtbot: QtBot) -> None:
    desk = a_desk()
    page = a_diagnosis(qtbot, desk)
    every = page.action_for("F7")
    assert every is not None
    every()
    assert desk.diagnosing.tested == [*Check, *DeviceRole]


def test_a_failed_try_gives_the_code_and_numbered_advice(qtbot: QtBot) -> None:
    desk = a_desk()
    desk.diagnosing.trouble = DirtyGlass()
    page = a_diagnosis(qtbot, desk)
    page.press_primary()
    settle()
    spoken = [w.accessibleName() for w in page.findChildren(QWidget)]
    assert page._name.text() == "FPR-07 · Cámara"
    assert "1. Limpie el vidrio con paño seco" in spoken
    assert "2. Aleje el lector del sol" in spoken


def test_leaving_calls_off_the_tries_and_forgets_the_pictures(qtbot: QtBot) -> None:
    desk = a_desk()
    page = a_diagnosis(qtbot, desk)
    page.press_primary()
    settle()
    assert not page._picture.empty
    desk.diagnosing.slow = pending()
    page.press_primary()
    page.depart()
    assert desk.diagnosing.slow.cancelled.is_set()
    assert page._picture.empty


def test_escape_stops_what_runs_and_only_then_goes_back(qtbot: QtBot) -> None:
    desk = a_desk()
    desk.diagnosing.slow = pending()
    page = a_diagnosis(qtbot, desk)
    page.can_go_back = True
    left: list[bool] = []
    page.go_back.connect(lambda: left.append(True))
    page.press_primary()
    page.escape()
    assert desk.diagnosing.slow.cancelled.is_set()
    primary = page.primary()
    assert primary is not None
    assert (primary.available, left) == (True, [])
    page.escape()
    assert left == [True]


def test_the_page_that_came_out_is_read_back_by_f6(qtbot: QtBot) -> None:
    desk = a_desk()
    page = a_diagnosis(qtbot, desk)
    page.keys()["F6"]()
    settle()
    assert desk.diagnosing.tested == [DeviceRole.PRINTER]
    assert page._subject() is DeviceRole.PRINTER
    assert page._name.text() == "Impresora: bien"


def test_drivers_that_are_not_installed_and_faults_of_before_are_told(qtbot: QtBot) -> None:
    desk = a_desk()
    page = a_diagnosis(qtbot, desk)
    page.table.choose(page._subjects.index(DeviceRole.FINGERS))
    settle()
    words = [text.text() for text in page.findChildren(Text)]
    assert any("libfprint (no instalado)" in one for one in words)


def test_many_changes_at_once_are_one_look_and_one_after_it(qtbot: QtBot) -> None:
    desk = a_desk()
    page = a_diagnosis(qtbot, desk)
    looks: list[Ticket[tuple[DeviceReport, ...]]] = []

    def slow() -> Ticket[tuple[DeviceReport, ...]]:
        looks.append(pending())
        return looks[-1]

    desk.diagnosing.devices = slow  # type: ignore[method-assign]
    for _ in range(50):
        page.news()
    assert len(looks) == 1
    for look in looks[:]:
        look.future.set_result(())
    settle()
    assert len(looks) == 2
