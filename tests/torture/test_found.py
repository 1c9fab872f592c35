"""What torture found once, kept found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from migramovil.store import audit, finishing
from migramovil.store.trouble import Damaged, DiskFull, DraftGone
from tests.store.bench import RECORD, UTC, Disk, add_draft, finish, new_disk


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return new_disk(tmp_path / "station")


def full(*_: Any, **__: Any) -> str:
    raise DiskFull


def cut(name: str) -> None:
    if name == "outbox-committed":
        raise KeyboardInterrupt


def test_a_record_in_the_line_takes_no_change_though_the_disk_kept_its_draft(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        with monkeypatch.context() as patch:
            patch.setattr(audit, "append", full)
            with pytest.raises(DiskFull):
                finish(outbox, vault)
        assert outbox.row(RECORD) is not None
        assert vault.has_draft(RECORD)
        assert vault.drafts() == []
        with pytest.raises(DraftGone):
            vault.save_draft(RECORD, 1, b"later", UTC)
        with pytest.raises(DraftGone):
            vault.put_media(RECORD, b"later")
        with pytest.raises(DraftGone):
            vault.void_draft(RECORD)
        assert finish(outbox, vault) == outbox.row(RECORD)
        assert not vault.has_draft(RECORD)


def test_a_draft_outlives_a_row_whose_packet_is_not_there(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        pictures = vault.all_media(RECORD)
        with monkeypatch.context() as patch:
            patch.setattr(finishing, "crash_points", cut)
            with pytest.raises(KeyboardInterrupt):
                finish(outbox, vault)
    (packet,) = (disk.folder / "packets").iterdir()
    packet.unlink()
    with disk.opened() as (outbox, vault):
        found = finishing.reconcile(outbox, vault)
        assert (found.completed, found.missing) == ((), (RECORD,))
        assert vault.all_media(RECORD) == pictures
        with pytest.raises(Damaged):
            finish(outbox, vault)
