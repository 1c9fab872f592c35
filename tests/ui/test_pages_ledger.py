"""Cuadre and Auditoría: what they say, what their keys do, and that they fit the screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from migramovil.core.audit import Entry
from migramovil.core.roles import Role
from migramovil.services.keeping import Held, SlipGone
from migramovil.services.ledger import AuditLine, Looked
from migramovil.store.ledger import Figures
from migramovil.store.verify import Finding, NumberLost, PacketLost, RowLost
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit import Badge, TroubleBanner
from migramovil.ui.pages.audit import AuditPage, act_words
from migramovil.ui.pages.ledger import LedgerPage
from migramovil.ui.window import StationWindow
from tests.ui.checks import LOOKS, assert_all_well, settle
from tests.ui.fake_desk import NOON, FakeDesk, a_desk, pending, some_rows

FINDINGS = (
    Finding(trouble=PacketLost("x"), where="Folio MM-07B-20261123-0012-4, número 12"),
    Finding(
        trouble=RowLost("y"),
        where="Folio MM-07B-20261123-0017-9: su paquete sigue en el disco",
    ),
    Finding(trouble=NumberLost("1/21"), where="Número 21, época 1"),
)


def lines(count: int = 60) -> tuple[AuditLine, ...]:
    acts = ("login", "start", "finish", "reprint", "refused:manage_accounts", "lock")
    made = [
        AuditLine(
            entry=Entry(
                n=n, actor="1", act=acts[n % len(acts)],
                subject=f"0192bbbb-0000-7000-8000-{n:012d} {n:064x}", utc=NOON,
                doubt_s=2 if n % 3 else None, hash=f"{n * 7919:064x}",
                signature="" if n < 4 else "c2ln",
            ),
            who="rquispe",
        )
        for n in range(1, count)
    ]  # fmt: skip
    return tuple(reversed(made))


def a_ledger_desk(*, wrong: bool = False) -> FakeDesk:
    desk = a_desk(role=Role.SUPERVISOR)
    desk.waiting.all = some_rows()
    desk.ledger.lines = lines()
    if wrong:
        desk.ledger.findings = FINDINGS
        desk.ledger.told = Figures(day="", finished=39, sealed=14, stored=5, opened=18, refused=1)
        desk.ledger.looked = Looked(findings=FINDINGS, utc=NOON, whole=True)
    return desk


def window_of(qtbot: QtBot, desk: FakeDesk, key: str) -> StationWindow:
    window = StationWindow(desk.real, Bridge())
    window.allow_close()
    qtbot.addWidget(window)
    window.resize(1366, 768)
    window.show()
    window.activateWindow()
    window._entered()
    if key in {"cuadre", "auditoria"}:
        window._supervise(key)
    else:
        window._go_day(key)
    settle()
    return window


def ledger_page(window: StationWindow) -> LedgerPage:
    assert isinstance(window.page, LedgerPage)
    return window.page


def audit_page(window: StationWindow) -> AuditPage:
    assert isinstance(window.page, AuditPage)
    return window.page


def shown(page: LedgerPage | AuditPage) -> list[str]:
    return [t.text() for t in page.findChildren(kit.Text) if t.isVisible() and t.text()]


def press_primary(qtbot: QtBot, window: StationWindow) -> None:
    qtbot.wait(450)  # the primary ignores a key that comes while its verb has just changed
    QTest.keyClick(window, Qt.Key.Key_F10)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("key", ["cuadre", "auditoria", "supervision"])
@pytest.mark.parametrize("wrong", [False, True])
def test_nothing_is_clipped_and_all_is_named(
    qtbot: QtBot, key: str, look: tuple[theme.Name, float], wrong: bool
) -> None:
    theme.use(*look, motion=False)
    window = window_of(qtbot, a_ledger_desk(wrong=wrong), key)
    assert_all_well(window)


def test_the_account_stands_as_an_equation_and_says_whether_it_fits(qtbot: QtBot) -> None:
    page = ledger_page(window_of(qtbot, a_ledger_desk(), "cuadre"))
    assert {"38", "18", "5", "14", "1", "=", "+"} <= set(shown(page))
    assert "La cuenta cuadra" in [b.accessibleName() for b in page.findChildren(Badge)]
    page = ledger_page(window_of(qtbot, a_ledger_desk(wrong=True), "cuadre"))
    assert "La cuenta no cuadra" in [b.accessibleName() for b in page.findChildren(Badge)]
    assert "≠" in shown(page)


def test_f10_checks_everything_and_each_finding_says_what_to_do(qtbot: QtBot) -> None:
    desk = a_ledger_desk()
    window = window_of(qtbot, desk, "cuadre")
    page = ledger_page(window)
    assert "Falta comprobar." in shown(page)
    press_primary(qtbot, window)
    qtbot.waitUntil(lambda: "Nada fuera de lugar." in shown(page))
    desk.ledger.findings = FINDINGS
    press_primary(qtbot, window)
    qtbot.waitUntil(page.findings.isVisible)
    assert len(desk.ledger.steps) == 2
    assert "3 hallazgos" in shown(page)
    assert FINDINGS[0].trouble.advice in shown(page)
    page.findings.choose(2)
    assert FINDINGS[2].trouble.advice in shown(page)


def test_a_check_that_runs_tells_how_far_it_is_goes_on_elsewhere_and_can_be_stopped(
    qtbot: QtBot,
) -> None:
    desk = a_ledger_desk()
    desk.ledger.slow = pending()
    window = window_of(qtbot, desk, "cuadre")
    page = ledger_page(window)
    press_primary(qtbot, window)
    desk.ledger.steps[0](3, 12)
    qtbot.waitUntil(lambda: any("3 de 12 paquetes" in words for words in shown(page)))
    window._go_day("jornada")
    settle()
    assert not desk.ledger.slow.cancelled.is_set()
    window._supervise("cuadre")
    settle()
    primary = page.primary()
    assert primary.label == "Detener comprobación"
    page.press_primary()
    assert desk.ledger.slow.cancelled.is_set()
    assert page.primary().label == "Comprobar todo"


def test_the_report_is_saved_where_the_supervisor_says(qtbot: QtBot, tmp_path: Path) -> None:
    desk = a_ledger_desk()
    window = window_of(qtbot, desk, "cuadre")
    page = ledger_page(window)
    offered: list[str] = []

    def ask(_: object, name: str) -> str:
        offered.append(name)
        return str(tmp_path / name) if len(offered) > 1 else ""

    page.ask_file = ask
    QTest.keyClick(window, Qt.Key.Key_F6)
    assert desk.ledger.saved == []
    QTest.keyClick(window, Qt.Key.Key_F6)
    qtbot.waitUntil(lambda: "Informe guardado" in shown(page))
    assert desk.ledger.saved == [tmp_path / "cuadre-07B-20261123.csv"]


def test_the_jornada_is_closed_by_a_second_press_only(qtbot: QtBot) -> None:
    desk = a_ledger_desk()
    page = ledger_page(window_of(qtbot, desk, "cuadre"))
    assert "38 comprobantes para reimprimir" in shown(page)
    page._close.click()
    assert desk.keeping.closed == 0
    page._close.click()
    qtbot.waitUntil(lambda: "Nada guardado" in shown(page))
    assert desk.keeping.closed == 1
    assert not page._close.isVisible()


def test_a_purge_that_is_owed_is_said_here_and_at_home(qtbot: QtBot) -> None:
    desk = a_ledger_desk()
    desk.keeping.now = Held(slips=0, ends_utc="", purge_pending=True)
    window = window_of(qtbot, desk, "cuadre")
    assert "Borrado pendiente" in shown(ledger_page(window))
    window._go_day("jornada")
    settle()
    assert window._home._held.isVisible()
    assert "Borrado pendiente" in [t.text() for t in window._home.findChildren(kit.Text)]


def test_home_is_quiet_while_nothing_is_kept_and_says_when_the_account_is_wrong(
    qtbot: QtBot,
) -> None:
    desk = a_ledger_desk()
    desk.keeping.now = Held(slips=0, ends_utc="", purge_pending=False)
    window = window_of(qtbot, desk, "jornada")
    assert not window._home._held.isVisible()
    banners = [b for b in window._home.findChildren(TroubleBanner) if b.isVisible()]
    assert banners == []
    desk.ledger.looked = Looked(findings=FINDINGS, utc=NOON, whole=False)
    for call in desk.ledger.listeners:
        call()
    qtbot.waitUntil(window._home._trouble.isVisible)
    assert "LED-12" in window._home._trouble.accessibleName()
    assert "Nada se perdió" not in window._home._trouble.accessibleName()


def test_the_audit_reads_in_words_and_tells_what_is_signed(qtbot: QtBot) -> None:
    desk = a_ledger_desk()
    page = audit_page(window_of(qtbot, desk, "auditoria"))
    assert page.table.model().rowCount() == 59
    assert "Línea 59" in shown(page)
    assert act_words("refused:manage_accounts") == "Se le negó una acción"
    assert act_words("anything-new") == "anything-new"
    page.table.choose(57)
    assert "Anterior a las firmas" in shown(page)


def test_f10_checks_the_audit_and_f6_takes_it_away(qtbot: QtBot, tmp_path: Path) -> None:
    desk = a_ledger_desk()
    window = window_of(qtbot, desk, "auditoria")
    page = audit_page(window)
    press_primary(qtbot, window)
    qtbot.waitUntil(lambda: "Bitácora completa" in shown(page))
    page.ask_file = lambda _, name: str(tmp_path / name)
    QTest.keyClick(window, Qt.Key.Key_F6)
    qtbot.waitUntil(lambda: "Auditoría exportada" in shown(page))
    assert desk.ledger.saved == [tmp_path / "auditoria-07B-20261123.jsonl"]
    desk.ledger.findings = FINDINGS
    page.press_primary()
    qtbot.waitUntil(page._trouble.isVisible)


def test_a_slip_of_today_is_reprinted_from_the_line(qtbot: QtBot) -> None:
    desk = a_ledger_desk()
    window = window_of(qtbot, desk, "envios")
    page = window._queue
    qtbot.waitUntil(page._again.isVisible)
    QTest.keyClick(window, Qt.Key.Key_F6)
    assert desk.keeping.reprinted == ["r0"]
    page.table.choose(1)
    assert not page._again.isVisible()
    QTest.keyClick(window, Qt.Key.Key_F6)
    assert desk.keeping.reprinted == ["r0"]
    page.table.choose(0)
    desk.keeping.trouble = SlipGone()
    QTest.keyClick(window, Qt.Key.Key_F6)
    qtbot.waitUntil(page._trouble.isVisible)
    assert "CMP-01" in page._trouble.accessibleName()
