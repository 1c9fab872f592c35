"""A folder where people worked is never taken for a station that is still to be set up."""

from __future__ import annotations

from pathlib import Path

import pytest

from migramovil.core.roles import Role
from migramovil.store import keys, salvage
from migramovil.store.outbox import Outbox
from migramovil.store.trouble import Damaged
from migramovil.store.vault import Vault
from tests.store.bench import MEMORY_KIB, RECORD, add_draft, finish, new_disk

PASSWORD = "lluvia sobre Puno 7"


def lose_the_line(folder: Path, *names: str) -> None:
    for path in folder.glob("outbox.db*"):
        path.unlink()
    for name in names:
        (folder / name).unlink()


@pytest.mark.parametrize("also", [(), ("device.key",)])
def test_a_line_that_is_gone_is_damage_and_its_packets_come_back(
    tmp_path: Path, also: tuple[str, ...]
) -> None:
    disk = new_disk(tmp_path / "station")
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        row = finish(outbox, vault)
    lose_the_line(disk.folder, *also)
    for _ in range(2):  # and nothing was begun by looking
        with pytest.raises(Damaged):
            Outbox(disk.folder)
    salvage.rescue(disk.folder)
    with Outbox(disk.folder) as outbox:
        (found,) = outbox.rows()
        assert (found.record, found.digest) == (row.record, row.digest)
        assert outbox.packet(row.record)


def test_people_with_slots_and_no_line_are_no_new_station(tmp_path: Path) -> None:
    disk = new_disk(tmp_path / "station")
    keys.create_slot(
        disk.folder, account="1", username="rosa", role=Role.OFFICER, password=PASSWORD,
        vault_key=disk.key, memory_kib=MEMORY_KIB,
    )  # fmt: skip
    lose_the_line(disk.folder)
    with pytest.raises(Damaged):
        Outbox(disk.folder)


def test_what_is_taken_for_an_unfinished_set_up_is_kept_aside_whole(tmp_path: Path) -> None:
    disk = new_disk(tmp_path / "station")
    with disk.opened() as (_, vault):
        add_draft(vault)
        pictures = vault.all_media(RECORD)
    Vault.discard(disk.folder)
    fresh = Vault.create(disk.folder)
    Vault(disk.folder, fresh).close()
    (aside,) = disk.folder.glob("aside-*")
    with Vault(aside, disk.key) as vault:
        assert vault.all_media(RECORD) == pictures


def test_a_first_set_up_leaves_nothing_aside(tmp_path: Path) -> None:
    with Outbox(tmp_path / "station"):
        Vault.discard(tmp_path / "station")
    assert list((tmp_path / "station").glob("aside-*")) == []
