"""The window: who gets in, what stays when one leaves, what the header and the rail say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from migramovil.core.biometrics import Finger
from migramovil.core.enrollment import STEPS, Step
from migramovil.core.queue import Counts
from migramovil.core.roles import Role
from migramovil.devices.ports import DeviceRole, DeviceState
from migramovil.services.accounts import KeptDraft
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit import Text
from migramovil.ui.pages.common import STEP_NAMES, link_words
from migramovil.ui.pages.diagnostics import ClosedDiagnosticsPage, DiagnosticsPage
from migramovil.ui.pages.done import DonePage
from migramovil.ui.pages.home import HomePage
from migramovil.ui.pages.login import LoginPage
from migramovil.ui.pages.queue import QueuePage
from migramovil.ui.pages.setup import SetupPage
from migramovil.ui.pages.wizard import STEP_PAGES, IdentityPage, PersonPage, ProcedurePage
from migramovil.ui.window import StationWindow, TroublePage
from tests.ui.checks import settle, type_in
from tests.ui.fake_desk import (
    RIGHT,
    FakeDesk,
    Row,
    a_desk,
    a_draft,
    a_finished,
    a_status,
    some_rows,
)


def opened(qtbot: QtBot, desk: FakeDesk) -> StationWindow:
    """The window over `desk`, in sight."""
    window = StationWindow(desk.real, Bridge())
    window.allow_close()
    qtbot.addWidget(window)
    window.resize(1366, 768)
    window.show()
    window.activateWindow()
    settle()
    return window


def entered(qtbot: QtBot, desk: FakeDesk) -> StationWindow:
    window = opened(qtbot, desk)
    page = window.page
    assert isinstance(page, LoginPage)
    page.who.set_value("rquispe")
    page.password.setText(RIGHT)
    page.press_primary()
    settle()
    return window


def press(window: StationWindow, key: Qt.Key, held: Qt.KeyboardModifier | None = None) -> None:
    QTest.keyClick(window, key, held or Qt.KeyboardModifier.NoModifier)
    settle()


def test_the_right_password_opens_the_day(qtbot: QtBot) -> None:
    window = entered(qtbot, a_desk())
    assert isinstance(window.page, HomePage)
    assert window.header.person.accessibleName() == "rquispe · Oficial"


def test_enter_in_the_password_logs_in(qtbot: QtBot) -> None:
    desk = a_desk()
    window = opened(qtbot, desk)
    page = window.page
    assert isinstance(page, LoginPage)
    page.who.set_value("rquispe")
    page.password.setFocus()
    type_in(page.password, RIGHT)
    window._guard.show("")  # the verb is old by the time a person has typed
    QTest.qWait(420)
    QTest.keyClick(page.password, Qt.Key.Key_Return)
    settle()
    assert desk.accounts.asked == [("rquispe", RIGHT)]
    assert isinstance(window.page, HomePage)


def test_a_station_nobody_set_up_starts_with_the_set_up(qtbot: QtBot) -> None:
    desk = a_desk()
    desk.accounts.enrolled = False
    assert isinstance(opened(qtbot, desk).page, SetupPage)


def test_locking_forgets_the_keys_and_keeps_the_draft(qtbot: QtBot) -> None:
    desk = a_desk()
    desk.enrolling.drafts = (a_draft(step=Step.PERSON),)
    window = entered(qtbot, desk)
    window.page.press_primary()  # type: ignore[union-attr]
    settle()
    desk.enrolling.change(step=Step.PERSON)
    press(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    assert isinstance(window.page, LoginPage)
    assert (desk.accounts.locks, desk.accounts.session) == (1, None)
    assert desk.accounts.kept == KeptDraft(step="person", saved="10:42:07")
    assert len(desk.enrolling.drafts) == 1


def test_the_drafts_page_does_not_outlive_the_lock(qtbot: QtBot) -> None:
    desk = a_desk()
    desk.enrolling.drafts = (a_draft(step=Step.PROCEDURE),)
    window = entered(qtbot, desk)
    window.page.press_primary()  # type: ignore[union-attr]
    settle()
    assert window._step_pages
    window.lock()
    assert not window._step_pages
    spoken = " ".join(w.accessibleName() for w in window.findChildren(type(window.header.link)))
    assert "Peñalver" not in spoken


def test_a_kept_draft_is_the_primary_and_resumes_at_its_step(qtbot: QtBot) -> None:
    desk = a_desk()
    desk.enrolling.drafts = (a_draft(step=Step.PERSON),)
    window = entered(qtbot, desk)
    assert window.footer.primary.text() == "Retomar · paso 3 de 7"
    window.page.press_primary()  # type: ignore[union-attr]
    settle()
    assert isinstance(window.page, PersonPage)


def test_the_wizard_goes_forth_and_back_and_remembers_the_step(qtbot: QtBot) -> None:
    desk = a_desk()
    window = entered(qtbot, desk)
    press(window, Qt.Key.Key_F2)
    assert isinstance(window.page, ProcedurePage)
    press(window, Qt.Key.Key_3, Qt.KeyboardModifier.AltModifier)
    assert isinstance(window.page, PersonPage)
    assert desk.enrolling.draft is not None
    assert desk.enrolling.draft.step is Step.PERSON
    window.page.go_back.emit()
    settle()
    assert isinstance(window.page, IdentityPage)


def test_back_from_the_first_step_is_the_day(qtbot: QtBot) -> None:
    window = entered(qtbot, a_desk())
    press(window, Qt.Key.Key_F2)
    press(window, Qt.Key.Key_Escape)
    assert isinstance(window.page, HomePage)


def test_the_rail_says_how_each_step_stands(qtbot: QtBot) -> None:
    desk = a_desk()
    window = opened(qtbot, desk)
    draft = replace(a_draft(step=Step.FINGERS), fingers=(Finger(position=1),))
    desk.enrolling.draft = draft
    window._seen = set(STEPS[:5])
    steps = {step.name: step for step in window._steps(draft)}
    assert steps["Trámite"].state == "done"
    assert steps["Identidad"].state == "remark"
    assert steps["Datos"].note.startswith("faltan ")
    assert (steps["Huellas"].state, steps["Huellas"].note) == ("now", "0 de 10")
    assert steps["Revisión"].state == "later"


def test_the_days_pages_have_their_numbers(qtbot: QtBot) -> None:
    window = entered(qtbot, a_desk())
    for number, kind in ((2, QueuePage), (3, DiagnosticsPage), (1, HomePage)):
        press(window, Qt.Key(Qt.Key.Key_0.value + number), Qt.KeyboardModifier.AltModifier)
        assert isinstance(window.page, kind)


def test_a_technician_lands_on_the_devices(qtbot: QtBot) -> None:
    desk = a_desk()
    desk.accounts.role = Role.TECHNICIAN
    assert isinstance(entered(qtbot, desk).page, DiagnosticsPage)


def test_the_devices_are_reached_with_nobody_inside(qtbot: QtBot) -> None:
    window = opened(qtbot, a_desk())
    press(window, Qt.Key.Key_F7)
    assert isinstance(window.page, ClosedDiagnosticsPage)
    assert not window.day_rail.isVisible()
    press(window, Qt.Key.Key_Escape)
    assert isinstance(window.page, LoginPage)


def test_a_sealed_record_shows_its_folio_and_no_page_keeps_the_person(qtbot: QtBot) -> None:
    window = entered(qtbot, a_desk())
    press(window, Qt.Key.Key_F2)
    window._sealed(a_finished())
    assert isinstance(window.page, DonePage)
    assert not window._step_pages


def test_a_crash_is_said_calmly_with_its_code(qtbot: QtBot) -> None:
    desk = a_desk()
    window = entered(qtbot, desk)
    window._bridge.crashed.emit(ValueError("Peñalver"))
    settle()
    assert isinstance(window.page, TroublePage)
    spoken = " ".join(w.accessibleName() for w in window.page.findChildren(QWidget))
    assert "GEN-00" in spoken
    assert "Peñalver" not in spoken
    window.page.press_primary()
    assert isinstance(window.page, HomePage)


def test_the_header_counts_the_devices_that_are_here_and_says_why_one_is_not(qtbot: QtBot) -> None:
    desk = a_desk()
    window = opened(qtbot, desk)
    desk.diagnosing.known[DeviceRole.PRINTER] = DeviceState.ABSENT
    for call in desk.diagnosing.listeners:
        call()
    settle()
    chip = window.header.devices
    assert chip.accessibleName() == "3 de 4"
    assert chip.toolTip() == "Impresora: No hay ningún dispositivo de este tipo conectado."
    assert chip.accessibleDescription() == chip.toolTip()


def test_the_link_follows_the_engine(qtbot: QtBot) -> None:
    desk = a_desk()
    window = opened(qtbot, desk)
    desk.waiting.all = [*some_rows(14)]
    desk.waiting.status = a_status("sending", sending_index=3, sending_total=14)
    for call in desk.waiting.listeners:
        call()
    settle()
    assert window.header.link.accessibleName() == "Enviando 3/14"


@pytest.mark.parametrize(
    ("kind", "sealed", "stored", "words"),
    [
        (None, 0, 0, "Sin conexión"),
        ("offline", 14, 0, "Sin conexión · 14 por enviar"),
        ("sending", 14, 0, "Enviando 3/14"),
        ("waiting", 14, 0, "14 por enviar"),
        ("waiting", 0, 2, "2 por confirmar"),
        ("halted", 14, 0, "Envío detenido · 14 por enviar"),
        ("up_to_date", 0, 0, "Al día"),
    ],
)
def test_the_link_chip_says_each_state(
    kind: str | None, sealed: int, stored: int, words: str
) -> None:
    status = a_status(kind, sending_index=3, sending_total=14) if kind else None
    counts = Counts(sealed=sealed, stored=stored, opened=0, refused=0)
    assert link_words(status, counts)[0] == words


def test_a_picture_of_the_window_can_be_saved(qtbot: QtBot, tmp_path: Path) -> None:
    window = opened(qtbot, a_desk())
    window.grab_to(tmp_path / "seen.png")
    assert (tmp_path / "seen.png").stat().st_size > 10_000
    with pytest.raises(OSError, match="cannot write"):
        window.grab_to(tmp_path / "no" / "seen.png")


def test_steps_are_called_alike_everywhere() -> None:
    assert {step: info.title for step, info in STEP_PAGES.items()} == dict(STEP_NAMES)


def test_closing_locks_first(qtbot: QtBot) -> None:
    desk = a_desk()
    window = entered(qtbot, desk)
    window.close_asked.emit()
    assert desk.accounts.locks == 1


def test_the_queue_never_reads_the_whole_line(qtbot: QtBot) -> None:
    desk = a_desk()
    desk.waiting.all = [*some_rows(20), *([_old()] * 99_980)]
    window = entered(qtbot, desk)
    desk.waiting.asked.clear()
    window._go_day("envios")
    settle()
    assert sum(limit for _, limit in desk.waiting.asked) < 5_000


def _old() -> Row:
    return some_rows(30)[-1]


def test_the_rail_names_what_the_person_came_for_and_both_surnames(qtbot: QtBot) -> None:
    desk = a_desk()
    desk.enrolling.drafts = (a_draft(step=Step.PERSON),)
    window = entered(qtbot, desk)
    window.page.press_primary()  # type: ignore[union-attr]
    settle()
    said = [t.text() for t in window.step_rail.findChildren(Text) if t.isVisible()]
    assert {"Peñalver", "Núñez", "Marisela Andreína"} <= set(said)
    names = {p.code: p.name for p in desk.enrolling.catalogue.procedures}
    assert names["CPP"] in said
    assert "CPP" not in said


def test_a_window_that_went_keeps_no_key_from_the_next(qtbot: QtBot) -> None:
    gone, desk = opened(qtbot, a_desk()), a_desk()
    gone.close()
    page = opened(qtbot, desk).page
    assert isinstance(page, LoginPage)
    page.password.setFocus()
    QTest.keyClick(page.password, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: page.password.text() == "a")
