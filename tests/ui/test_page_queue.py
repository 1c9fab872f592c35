"""Envíos: what follows is called so, a refusal is told in words, and a copy of a slip is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from migramovil.core.record import RecordState
from migramovil.core.roles import Role
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.pages.queue import QueuePage, refusal_words
from migramovil.ui.window import StationWindow
from tests.ui.checks import LOOKS, assert_all_well, settle
from tests.ui.fake_desk import FakeDesk, a_desk, some_rows


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


def a_queue_desk() -> FakeDesk:
    desk = a_desk(role=Role.OFFICER)
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
