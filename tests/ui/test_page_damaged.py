"""A station whose books are damaged opens on the way out of it, and comes out whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from migramovil import opening
from migramovil.store.outbox import Outbox
from migramovil.store.trouble import Damaged
from migramovil.ui import kit, theme
from migramovil.ui.pages.damaged import DamagedPage
from tests.store.bench import add_draft, finish, new_disk
from tests.ui.checks import assert_accessible, assert_nothing_clipped, settle


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


def words(page: DamagedPage) -> str:
    return " | ".join(t.text() for t in page.findChildren(kit.Text) if t.isVisible())


@pytest.mark.parametrize("scale", [1.0, theme.LARGE])
def test_a_damaged_station_is_rescued_and_opens_again(
    qtbot: QtBot, folder: Path, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    theme.use("light", scale, motion=False)
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
    assert_nothing_clipped(window)
    assert_accessible(window)
    page.press_primary()
    qtbot.waitUntil(lambda: "Rescate terminado" in words(page), timeout=10_000)
    assert "1 registro sellado y 0 acuses" in words(page)
    assert_nothing_clipped(window)
    lane.close()
    with Outbox(folder) as outbox:
        assert outbox.total() == 1
    assert len(list(folder.parent.glob("station.damaged-*"))) == 1
    page.press_primary()
    assert not window.isVisible()


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
