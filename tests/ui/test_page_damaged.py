"""A station whose books are damaged opens on the way out of it, and comes out whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from migramovil import app, opening
from migramovil.store.keys import vault_file
from migramovil.store.outbox import Outbox
from migramovil.store.trouble import Damaged
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Page
from migramovil.ui.pages.damaged import DamagedPage, DamagedVaultPage
from migramovil.ui.pages.login import LoginPage
from migramovil.ui.window import StationWindow
from tests.services import bench
from tests.services.bench import OFFICER, PASSWORD, Headquarters, enrolled
from tests.store.bench import MEMORY_KIB, add_draft, finish, new_disk
from tests.ui.checks import LOOKS, assert_all_well, settle
from tests.ui.fake_desk import a_desk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One sealed record, and an outbox whose first page is gone."""
    disk = new_disk(tmp_path / "station")
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        finish(outbox, vault)
    path = disk.folder / "outbox.db"
    path.write_bytes(bytes(4096) + path.read_bytes()[4096:])
    return disk.folder


def words(page: Page) -> str:
    return " | ".join(t.text() for t in page.findChildren(kit.Text) if t.isVisible())


@pytest.mark.parametrize("look", LOOKS)
def test_a_damaged_station_is_rescued_and_opens_again(
    qtbot: QtBot, folder: Path, look: tuple[theme.Name, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    theme.use(*look, motion=False)
    monkeypatch.setattr(theme, "use", lambda _: None)
    with pytest.raises(Damaged) as caught:
        Outbox(folder)
    window, lane = opening.damage_window(folder, caught.value)
    qtbot.addWidget(window)
    window.allow_close()
    window.show()
    settle()
    page = window.page
    assert isinstance(page, DamagedPage)
    assert "STO-02" in words(page)
    assert_all_well(window)
    page.press_primary()
    qtbot.waitUntil(lambda: "Rescate terminado" in words(page), timeout=10_000)
    assert "1 registro sellado y 0 acuses" in words(page)
    assert_all_well(window)
    lane.close()
    with Outbox(folder) as outbox:
        assert outbox.total() == 1
    assert len(list(folder.parent.glob("station.damaged-*"))) == 1
    page.press_primary()
    assert not window.isVisible()


@pytest.fixture
def ruined(tmp_path: Path) -> Iterator[StationWindow]:
    """A real station's window; one record is sealed, and the vault's first page is gone."""
    folder = enrolled(tmp_path / "station", Headquarters())
    with bench.opened(folder, Headquarters()) as counter:
        counter.enter()
        counter.fill()
        counter.enrolling.finish().result(10)
    path = vault_file(folder)
    path.write_bytes(bytes(4096) + path.read_bytes()[4096:])
    with station_window(folder) as window:
        yield window


@contextmanager
def station_window(folder: Path) -> Iterator[StationWindow]:
    station = app.build(folder, training=True, password_memory_kib=MEMORY_KIB)
    window, bridge = opening.window_for(station)
    window.show()
    settle()
    try:
        yield window
    finally:
        window.allow_close()
        window.close()
        bridge.close()
        station.close()
        window.deleteLater()


def test_a_damaged_vault_is_no_dead_end_at_the_door(ruined: StationWindow, qtbot: QtBot) -> None:
    page = ruined.page
    assert isinstance(page, LoginPage)
    page.who.set_value(OFFICER)
    page.password.setText(PASSWORD)
    page.press_primary()
    qtbot.waitUntil(lambda: isinstance(ruined.page, DamagedVaultPage), timeout=10_000)
    damaged = ruined.page
    assert isinstance(damaged, DamagedVaultPage)
    said = words(damaged)
    assert "STO-02" in said
    assert f"migramovil store salvage --user {OFFICER} --out" in said
    assert "1 por enviar" in said
    assert_all_well(ruined)
    damaged.press_primary()
    settle()
    assert ruined.page is page
    assert page.password.text() == ""


@pytest.mark.parametrize("look", LOOKS)
def test_a_damaged_vault_is_told_in_every_look(
    qtbot: QtBot, look: tuple[theme.Name, float]
) -> None:
    theme.use(*look, motion=False)
    window = StationWindow(a_desk().real, Bridge())
    window.allow_close()
    qtbot.addWidget(window)
    window.resize(1366, 768)
    window.show()
    window._vault_damaged(Damaged("vault.db"), OFFICER)
    assert_all_well(window)


def test_where_nobody_has_a_slot_any_more_the_door_says_what_is_left(
    tmp_path: Path, qtbot: QtBot
) -> None:
    folder = enrolled(tmp_path / "station", Headquarters())
    (folder / "slots.json").write_bytes(b"rubbish")
    with station_window(folder) as window:
        qtbot.waitUntil(lambda: isinstance(window.page, DamagedVaultPage), timeout=10_000)
        damaged = window.page
        assert isinstance(damaged, DamagedVaultPage)
        assert "migramovil store restore" in words(damaged)
        assert_all_well(window)


def test_a_bit_that_fell_over_anywhere_is_found_at_the_start(tmp_path: Path) -> None:
    disk = new_disk(tmp_path / "other")
    opening.demand_sound(disk.folder)
    path = disk.folder / "outbox.db"
    data = bytearray(path.read_bytes())
    data[-3000] ^= 1
    path.write_bytes(data)
    with pytest.raises(Damaged):
        opening.demand_sound(disk.folder)
    Outbox(disk.folder).close()  # it was let go of
