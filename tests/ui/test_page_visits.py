"""Citas y carnés: found by name or document, as old as it says, and gone when the page is left."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from migramovil.core.downstream import Appointment, BadDownload, Card, Kind
from migramovil.core.roles import Role
from migramovil.services.downstream import Row
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.pages.visits import VisitsPage
from migramovil.ui.window import StationWindow
from tests.ui.checks import LOOKS, assert_all_well, settle, type_in
from tests.ui.fake_desk import NOON, FakeDesk, a_desk
from tests.ui.keyboard import Keyboard, be_silent


def a_visit(number: int, **other: Any) -> Appointment:
    plain: dict[str, Any] = {
        "id": str(number), "day": "2026-11-23", "hour": f"{8 + number % 9:02d}:30",
        "procedure": "CPP", "surnames": f"Rondón Peña {number}", "names": "Luz Marina",
        "document": f"{4_518_000 + number}-27",
    }  # fmt: skip
    return Appointment(**(plain | other))


def a_visits_desk(*, role: Role = Role.OFFICER) -> FakeDesk:
    desk = a_desk(role=role)
    desk.downstream.visits = (
        *(a_visit(number) for number in range(12)),
        a_visit(20, surnames="Núñez", names="Íngrid", document="AB 77-1"),
        a_visit(30, day="2026-11-24", surnames="Mañana"),
    )
    desk.downstream.held = tuple(
        Card(serial=f"CE-{number:06d}", folio="f", surnames=f"Zerpa {number}", names="José",
             document=f"{number:08d}", batch="L-2026-117")
        for number in range(32)
    )  # fmt: skip
    known = Row(
        kind=Kind.APPOINTMENTS, version=7, issued=NOON, expires="2026-11-25T05:00:00Z",
        age=timedelta(hours=5),
    )  # fmt: skip
    told = {Kind.APPOINTMENTS: known, Kind.CARDS: replace(known, kind=Kind.CARDS)}
    desk.downstream.told = tuple(told.get(kind, Row(kind=kind)) for kind in Kind)
    return desk


def expire(desk: FakeDesk) -> None:
    desk.downstream.told = tuple(
        replace(row, expires=NOON, expired=True) if row.version else row
        for row in desk.downstream.told
    )


def opened(qtbot: QtBot, desk: FakeDesk) -> tuple[StationWindow, VisitsPage]:
    window = StationWindow(desk.real, Bridge())
    window.allow_close()
    qtbot.addWidget(window)
    window.resize(1366, 768)
    window.show()
    window.activateWindow()
    window._entered()
    settle()
    window._act("Alt+4")
    settle()
    assert isinstance(window.page, VisitsPage)
    return window, window.page


def choose(qtbot: QtBot, page: VisitsPage, letter: str) -> None:
    """By its letter, which the window keeps back for as long as it may be a reader's."""
    before = page._part
    QTest.keyClick(page._segments, Qt.Key(ord(letter)))
    qtbot.waitUntil(lambda: page._part != before)


def table(page: VisitsPage) -> kit.Table | None:
    return next((one for one in (page._visits, page._cards) if one.isVisible()), None)


def rows(page: VisitsPage) -> list[str]:
    shown = table(page)
    if shown is None:
        return []
    model = shown.model()
    across = range(model.columnCount())
    return [
        " | ".join(model.data(model.index(row, at)) for at in across)
        for row in range(model.rowCount())
    ]


def seen(page: VisitsPage) -> str:
    return " | ".join(t.text() for t in page.findChildren(kit.Text) if t.isVisible())


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("scene", ["today", "cards", "late", "nobody"])
def test_nothing_is_clipped_and_all_is_named(
    qtbot: QtBot, scene: str, look: tuple[theme.Name, float]
) -> None:
    theme.use(*look, motion=False)
    desk = a_visits_desk()
    if scene == "late":
        expire(desk)
    window, page = opened(qtbot, desk)
    if scene == "cards":
        choose(qtbot, page, "C")
    if scene == "nobody":
        page.search.setText("nadie así")
    settle()
    assert_all_well(window)


def test_todays_appointments_come_first_with_what_they_are_for(qtbot: QtBot) -> None:
    _, page = opened(qtbot, a_visits_desk())
    assert len(rows(page)) == 13
    name = a_desk().enrolling.catalogue.name_of("CPP")
    assert rows(page)[0] == f"23/11 · 08:30 | Rondón Peña 0, Luz Marina | 4518000-27 | {name}"


@pytest.mark.parametrize(
    ("typed", "sought", "said"),
    [
        ("P<VENPENALVER<NUNEZ<<MARISELA<ANDREINA<<<<<<\n"
         "0841276538VEN9108194F2903046<<<<<<<<<<<<<<<8\n", "084127653", ""),
        ("CE-000001\n", "CE-000001", ""),
        ("P;VENPENALVER;NUNEZ;;MARISELA;ANDREÍNA;;;;;;\n", "", "MRZ-04"),
    ],
)  # fmt: skip
def test_a_reader_looks_for_the_number_it_read(
    qtbot: QtBot, typed: str, sought: str, said: str
) -> None:
    _, page = opened(qtbot, a_visits_desk())
    page.search.setFocus()
    Keyboard().type(typed, gap_ms=4)
    be_silent(qtbot)
    assert page.search.text() == sought
    assert page._trouble.isVisible() is bool(said)


@pytest.mark.parametrize("sought", ["nunez", "INGRID n", "ab771", "77-1"])
def test_a_person_is_found_by_part_of_a_name_or_of_a_document(qtbot: QtBot, sought: str) -> None:
    _, page = opened(qtbot, a_visits_desk())
    type_in(page.search, sought)
    assert [row.split(" | ")[1] for row in rows(page)] == ["Núñez, Íngrid"]


def test_nobody_found_is_said_as_such(qtbot: QtBot) -> None:
    _, page = opened(qtbot, a_visits_desk())
    type_in(page.search, "mañana")
    assert rows(page) == []
    assert "Nadie con ese nombre o documento" in seen(page)
    choose(qtbot, page, "T")
    assert len(rows(page)) == 1


def test_a_card_is_found_by_its_number_too(qtbot: QtBot) -> None:
    _, page = opened(qtbot, a_visits_desk())
    choose(qtbot, page, "C")
    assert len(rows(page)) == 32
    type_in(page.search, "ce-000031")
    assert rows(page) == ["Zerpa 31, José | 00000031 | CE-000031 | L-2026-117"]


def test_each_list_says_how_old_it_is_and_one_that_expired_goes_on_serving(qtbot: QtBot) -> None:
    desk = a_visits_desk()
    _, page = opened(qtbot, desk)
    assert "De sede central, hace 5 h · vence 25/11/2026" in seen(page)
    assert not page._late.isVisible()
    expire(desk)
    page.enter()
    settle()
    assert page._late.isVisible()
    assert "La lista de citas venció el 23/11/2026" in seen(page)
    assert len(rows(page)) == 13


def test_without_a_list_it_says_whose_it_would_be(qtbot: QtBot) -> None:
    _, page = opened(qtbot, a_desk(role=Role.OFFICER))
    assert "Sin lista de sede central" in seen(page)
    choose(qtbot, page, "C")
    assert "Sede central todavía no envió carnés" in seen(page)


def test_a_list_that_cannot_be_opened_is_a_trouble_with_its_code(qtbot: QtBot) -> None:
    desk = a_visits_desk()
    desk.downstream.wrong = BadDownload("x")
    _, page = opened(qtbot, desk)
    assert "DWN-01" in seen(page)
    assert len(rows(page)) == 0


def test_no_name_stays_on_a_page_that_was_left(qtbot: QtBot) -> None:
    desk = a_visits_desk()
    window, page = opened(qtbot, desk)
    type_in(page.search, "nunez")
    window.lock()
    settle()
    for call in desk.downstream.listeners:  # a newer list comes while the station is locked
        call()
    settle()
    assert page.search.text() == ""
    assert page._lists == {}
    assert [one.model().rowCount() for one in (page._visits, page._cards)] == [0, 0]


def test_a_newer_list_is_shown_while_the_page_is_in_sight(qtbot: QtBot) -> None:
    desk = a_visits_desk()
    _, page = opened(qtbot, desk)
    desk.downstream.visits = (a_visit(1),)
    for call in desk.downstream.listeners:
        call()
    qtbot.waitUntil(lambda: len(rows(page)) == 1)


def test_a_technician_has_no_way_there(qtbot: QtBot) -> None:
    desk = a_desk(role=Role.TECHNICIAN)
    window = StationWindow(desk.real, Bridge())
    window.allow_close()
    qtbot.addWidget(window)
    window.show()
    window._entered()
    window._act("Alt+4")
    settle()
    assert not isinstance(window.page, VisitsPage)
