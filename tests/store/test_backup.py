"""A backup holds all that is open and gives none of it away; a restore brings all of it back."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from migramovil import medium
from migramovil.core import backup as formats
from migramovil.core import canonical, sealing
from migramovil.core.backup import Manifest, RestoreRequest
from migramovil.core.folio import make_folio
from migramovil.core.record import Descriptor, Realm, Signed
from migramovil.store import backup, finishing, letters, restore, restored, tables
from migramovil.store.backup import BackupFull, CutShort, MediumGone, MediumLies
from migramovil.store.outbox import Outbox
from migramovil.store.vault import Vault
from tests.store.bench import (
    EDGE,
    HEADQUARTERS,
    MARKER,
    RECORD,
    SIGNER,
    STATION,
    UTC,
    Disk,
    add_draft,
    composer,
    finish,
    identity,
    leaks,
    new_disk,
    receipt,
)

RECOVERY = sealing.Opener.new()
ROOT = sealing.Signer.new()
SECOND = RECORD[:-1] + "2"


def descriptor() -> Descriptor:
    return Descriptor(
        realm=Realm.TRAINING,
        version=1,
        root=canonical.text(ROOT.public),
        stored_signer=canonical.text(EDGE.public),
        opened_signer=canonical.text(EDGE.public),
        registrar=canonical.text(ROOT.public),
        operational=canonical.text(HEADQUARTERS.public),
        recovery=canonical.text(RECOVERY.public),
        tls_ca="",
        urls=("https://localhost",),
    )


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    made = new_disk(tmp_path / "station")
    with made.opened() as (outbox, _):
        outbox.enroll(replace(identity(), descriptor=canonical.encode(descriptor()).decode()))
    return made


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


def back_up(outbox: Outbox, vault: Vault | None, folder: Path, **more: Any) -> backup.Report:
    return backup.back_up(outbox, vault, folder, utc=UTC, software="test", **more)


def newest(stick: Path) -> tuple[Signed, Manifest]:
    return backup.manifests(backup.home_of(stick, STATION))[-1]


def key_of(signed: Signed) -> bytes:
    """As headquarters lends it, through the request and answer files."""
    opener = sealing.Opener.new()
    request = RestoreRequest(manifest=signed, recipient=canonical.text(opener.public))
    answer = formats.lend_key(request, SIGNER.public, RECOVERY, ROOT)
    key, signing = formats.borrowed_key(answer, request, opener, ROOT.public)
    assert signing == SIGNER.public
    return key


def restored_disk(stick: Path, folder: Path) -> tuple[Disk, restore.Restored]:
    signed, manifest = newest(stick)
    home = backup.home_of(stick, STATION)
    with restore.building(folder) as unborn:
        found, vault_key = restore.restore(home, manifest, key_of(signed), SIGNER.public, unborn)
    return Disk(folder=folder, key=vault_key), found


def test_what_was_open_and_sealed_comes_back_on_another_machine(
    disk: Disk, stick: Path, tmp_path: Path
) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        row = finish(outbox, vault)
        outbox.file_receipt(row.record, *receipt(row, "stored"))
        add_draft(vault, SECOND)
        pictures = vault.all_media(SECOND)
        letters.put(outbox, "a", "void", b"signed letter", UTC)
        said = back_up(outbox, vault, stick)
        assert (said.packets, said.copied, said.drafts, said.damaged) == (1, 1, 1, ())
        rows, receipts = outbox.rows(), outbox.receipts(row.record)
        data = outbox.packet(row.record)
        body = vault.drafts()[0].body
    shutil.rmtree(disk.folder)
    new, found = restored_disk(stick, tmp_path / "new")
    assert (found.records, found.drafts, found.adopted, found.lost) == (1, 1, 0, ())
    with new.opened() as (outbox, vault):
        assert (outbox.rows(), outbox.receipts(row.record)) == (rows, receipts)
        assert outbox.packet(row.record) == data
        assert [one.body for one in letters.unanswered(outbox)] == [b"signed letter"]
        assert [one.body for one in vault.drafts()] == [body]
        assert vault.all_media(SECOND) == pictures
        assert restored.waiting(vault) == (SECOND,)


def test_neither_the_stick_nor_the_laptop_opens_a_backup(disk: Disk, stick: Path) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        back_up(outbox, vault, stick)
        signer, opener = vault.station_keys()
        (key,) = [row.key for row in _rows(vault, "SELECT key FROM drafts")]
    assert leaks(stick) == []
    device_key = (disk.folder / "device.key").read_bytes()
    secrets = [disk.key, device_key, signer.dump(), opener.dump(), key, b"t" * 32]
    everything = b"".join(path.read_bytes() for path in stick.rglob("*") if path.is_file())
    for secret in secrets:
        assert secret not in everything
        assert canonical.text(secret).encode() not in everything
    with pytest.raises(sealing.CannotOpen):
        formats.lend_key(
            RestoreRequest(manifest=newest(stick)[0], recipient=canonical.text(opener.public)),
            SIGNER.public,
            opener,  # anybody's key but headquarters' recovery key
            ROOT,
        )


def _rows(vault: Vault, query: str) -> list[Any]:
    with vault.database.read() as connection:
        return list(connection.exec_driver_sql(query))


def test_a_snapshot_holds_no_slot_no_private_key_and_no_transport_key(
    disk: Disk, stick: Path, tmp_path: Path
) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        back_up(outbox, vault, stick)
    signed, manifest = newest(stick)
    folder = backup.home_of(stick, STATION) / "snapshots" / manifest.id
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    key = key_of(signed)
    with (
        backup.opened(copy / "drafts.db", key, "vault") as drafts,
        drafts.read() as vault_rows,
        backup.opened(copy / "outbox.db", key, "outbox") as line,
        line.read() as line_rows,
    ):
        for table in ("station_keys", "accounts", "settings", "compartments", "kept", "audit"):
            assert vault_rows.execute(select(tables.vault.tables[table])).all() == []
        assert line_rows.execute(select(tables.station.c.transport)).scalar() == b""
        assert line_rows.execute(select(tables.attempts)).all() == []


def test_a_packet_is_copied_once_and_never_rewritten(disk: Disk, stick: Path) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        row = finish(outbox, vault)
        back_up(outbox, vault, stick)
        home = backup.home_of(stick, STATION)
        packet = home / "packets" / f"{row.digest}.packet"
        before = packet.stat()
        add_draft(vault, SECOND)
        said = back_up(outbox, vault, stick)
        after = packet.stat()
    assert (said.packets, said.copied) == (1, 0)
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_pictures_of_a_draft_are_copied_once_and_leave_with_it(disk: Disk, stick: Path) -> None:
    home = backup.home_of(stick, STATION)
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        back_up(outbox, vault, stick)
        before = {p.name: p.stat().st_ino for p in (home / "media").iterdir()}
        back_up(outbox, vault, stick)
        assert {p.name: p.stat().st_ino for p in (home / "media").iterdir()} == before
        finish(outbox, vault)
        for _ in range(backup.KEEP):
            back_up(outbox, vault, stick)
    assert len(before) == 2
    assert list((home / "media").iterdir()) == []


def test_old_snapshots_give_way_and_the_newest_stay(disk: Disk, stick: Path) -> None:
    with disk.opened() as (outbox, vault):
        made = [back_up(outbox, vault, stick).snapshot for _ in range(backup.KEEP + 2)]
    kept = [manifest.id for _, manifest in backup.manifests(backup.home_of(stick, STATION))]
    assert kept == made[-backup.KEEP :]


def test_a_packet_leaves_the_backup_only_by_headquarters_word(disk: Disk, stick: Path) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        row = finish(outbox, vault)
        outbox.file_receipt(row.record, *receipt(row, "opened"))
        back_up(outbox, vault, stick)
        outbox.packet_path(next(iter(outbox.files()))).unlink()
        said = back_up(outbox, vault, stick)
        assert said.packets == 1  # only the file is gone here: the copy stays
        with outbox.database.write() as connection:
            connection.exec_driver_sql(
                "INSERT INTO deletions SELECT record, opened_receipt, '2026' FROM records"
            )
        assert back_up(outbox, vault, stick).packets == 0


def test_while_locked_the_packets_go_and_are_adopted_without_a_row(
    disk: Disk, stick: Path, tmp_path: Path
) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        add_draft(vault, SECOND)
        back_up(outbox, vault, stick)
        row = finish(outbox, vault)
        said = back_up(outbox, None, stick)
        assert (said.packets, said.copied, said.snapshot) == (1, 1, "")
    new, found = restored_disk(stick, tmp_path / "new")
    assert (found.records, found.adopted, found.drafts) == (1, 1, 2)
    with new.opened() as (outbox, vault):
        assert outbox.rows() == [row]
        vault.save_station_keys(SIGNER, sealing.Opener.new())
        finishing.reconcile(outbox, vault)
        assert [draft.record_id for draft in vault.drafts()] == [SECOND]
        restore.begin_epoch(outbox, identity(epoch=2))
        assert outbox.seq() == 0
        assert _epochs(outbox) == [(STATION, 1, 1)]


def _epochs(outbox: Outbox) -> list[tuple[Any, ...]]:
    with outbox.database.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("SELECT * FROM epochs")]


def test_a_forged_packet_on_the_stick_is_not_adopted(
    disk: Disk, stick: Path, tmp_path: Path
) -> None:
    other = new_disk(tmp_path / "forger")
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        back_up(outbox, vault, stick)
    with other.opened() as (outbox, vault):
        add_draft(vault, SECOND)
        row = finishing.finish(
            outbox, vault, SECOND, composer(SECOND), [HEADQUARTERS.public], sealing.Signer.new()
        )
        target = backup.home_of(stick, STATION) / "packets" / f"{row.digest}.packet"
        target.write_bytes(outbox.packet(SECOND))
    _, found = restored_disk(stick, tmp_path / "new")
    assert (found.records, found.adopted) == (0, 0)


def test_a_restored_draft_is_not_finished_before_headquarters_was_asked(
    disk: Disk, stick: Path, tmp_path: Path
) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        back_up(outbox, vault, stick)
    new, _ = restored_disk(stick, tmp_path / "new")
    with new.opened() as (outbox, vault):
        vault.save_station_keys(SIGNER, sealing.Opener.new())
        with pytest.raises(restored.AskFirst):
            finish(outbox, vault)
        assert [draft.record_id for draft in vault.drafts()] == [RECORD]
        restored.release(vault, RECORD)
        assert finish(outbox, vault).record == RECORD


def test_a_damaged_packet_is_named_and_never_replaces_a_good_copy(disk: Disk, stick: Path) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        row = finish(outbox, vault)
        (file,) = outbox.files()
        path = outbox.packet_path(file)
        good = path.read_bytes()
        path.write_bytes(good[:-1] + b"\0")
        assert back_up(outbox, vault, stick).damaged == (file,)
        path.write_bytes(good)
        assert back_up(outbox, vault, stick).damaged == ()
        path.write_bytes(good[:-1] + b"\0")
        back_up(outbox, vault, stick)
    copy = backup.home_of(stick, STATION) / "packets" / f"{row.digest}.packet"
    assert copy.read_bytes() == good


@pytest.mark.parametrize(
    ("number", "trouble"),
    [(errno.ENOSPC, BackupFull), (errno.EIO, MediumGone)],
)
def test_a_medium_that_fails_at_any_write_leaves_the_backup_before_whole(
    disk: Disk, stick: Path, number: int, trouble: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        finish(outbox, vault)
        before = back_up(outbox, vault, stick).snapshot
        add_draft(vault, SECOND)
        failed, real, home = 0, os.fsync, backup.home_of(stick, STATION)
        for dying in range(40):
            calls = iter(range(1000))

            def fsync(handle: int, calls: Any = calls, dying: int = dying) -> None:
                there = os.readlink(f"/proc/self/fd/{handle}").startswith(str(stick))
                if there and next(calls) == dying:
                    raise OSError(number, "gone")
                real(handle)

            monkeypatch.setattr(os, "fsync", fsync)
            try:
                after = back_up(outbox, vault, stick).snapshot
                break
            except trouble:
                failed += 1
            finally:
                monkeypatch.setattr(os, "fsync", real)
            kept = [manifest for _, manifest in backup.manifests(home)]
            assert before in [manifest.id for manifest in kept]
            assert all(backup.wrong_files(home, manifest) == [] for manifest in kept)
        assert failed >= 6
        assert after != before


def test_a_stick_that_gives_back_other_bytes_is_found_out(
    disk: Disk, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        finish(outbox, vault)
        monkeypatch.setattr(medium, "digest_of", lambda _: "0" * 64)
        with pytest.raises(MediumLies):
            back_up(outbox, vault, stick)
    assert list((backup.home_of(stick, STATION) / "packets").iterdir()) == []


def test_a_full_stick_is_known_before_anything_is_written(
    disk: Disk, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        finish(outbox, vault)
        free = shutil._ntuple_diskusage(10, 9, 1)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
        with pytest.raises(BackupFull):
            back_up(outbox, vault, stick)
    assert list((backup.home_of(stick, STATION) / "packets").iterdir()) == []


def test_a_backup_called_off_leaves_what_it_copied(disk: Disk, stick: Path) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        finish(outbox, vault)
        with pytest.raises(CutShort):
            back_up(outbox, vault, stick, cancelled=lambda: True)
        assert back_up(outbox, vault, stick).packets == 1


def test_reading_a_backup_again_names_what_changed(disk: Disk, stick: Path) -> None:
    home = backup.home_of(stick, STATION)
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        row = finish(outbox, vault)
        add_draft(vault, SECOND)
        back_up(outbox, vault, stick)
    assert backup.check(stick, STATION) == ()
    packet = home / "packets" / f"{row.digest}.packet"
    packet.write_bytes(packet.read_bytes()[:-1])
    picture = next((home / "media").iterdir())
    picture.write_bytes(b"")
    assert set(backup.check(stick, STATION)) == {packet.name, picture.name}


def test_a_backup_that_was_altered_is_refused_before_anything_is_built(
    disk: Disk, stick: Path, tmp_path: Path
) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        back_up(outbox, vault, stick)
    _, manifest = newest(stick)
    path = backup.home_of(stick, STATION) / "snapshots" / manifest.id / "drafts.db"
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)
    with pytest.raises(formats.BadBackup):
        restored_disk(stick, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_key_is_lent_for_one_request_only(disk: Disk, stick: Path) -> None:
    with disk.opened() as (outbox, vault):
        back_up(outbox, vault, stick)
    signed, _ = newest(stick)
    mine, other = sealing.Opener.new(), sealing.Opener.new()
    request = RestoreRequest(manifest=signed, recipient=canonical.text(mine.public))
    answer = formats.lend_key(request, SIGNER.public, RECOVERY, ROOT)
    another = replace(request, recipient=canonical.text(other.public))
    for asked, opener, root in (
        (another, other, ROOT.public),
        (request, other, ROOT.public),
        (request, mine, SIGNER.public),
    ):
        with pytest.raises(formats.BadRestoreAnswer):
            formats.borrowed_key(answer, asked, opener, root)
    with pytest.raises(formats.BadBackup):
        formats.lend_key(request, EDGE.public, RECOVERY, ROOT)  # not who signed it


def test_folders_of_a_backup_tell_nobody_whose_it_is(disk: Disk, stick: Path) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        finish(outbox, vault)
        add_draft(vault, SECOND)
        back_up(outbox, vault, stick)
    names = " ".join(str(path.relative_to(stick)) for path in stick.rglob("*"))
    for word in (MARKER, STATION, RECORD, make_folio("T01", date(2026, 11, 23), 1), "Móvil"):
        assert word not in names


def test_a_stick_that_claims_to_have_the_pictures_already_gets_them_again(
    disk: Disk, stick: Path, tmp_path: Path
) -> None:
    """Its maker signs as another station; believed, the snapshot would vouch for their bytes."""
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        pictures = vault.all_media(RECORD)
        back_up(outbox, vault, stick)
        home, (_, made) = backup.home_of(stick, STATION), newest(stick)
        false = []
        for one in made.media:
            (home / "media" / one.name).write_bytes(bytes(one.size))
            false.append(replace(one, sha256=sealing.sha256(bytes(one.size))))
        shutil.rmtree(home / "snapshots" / made.id)
        forged = replace(made, id="f" * 32, number=2**70, media=tuple(false))
        (home / "snapshots" / forged.id).mkdir()
        said = canonical.encode(Signed.by(sealing.Signer.new(), canonical.encode(forged)))
        (home / "snapshots" / forged.id / backup.MANIFEST_FILE).write_bytes(said)
        huge = home / "snapshots" / ("e" * 32)
        huge.mkdir()
        with (huge / backup.MANIFEST_FILE).open("wb") as hole:
            hole.truncate(2**40)  # a file that says it is larger than any memory
        back_up(outbox, vault, stick)
    new, _ = restored_disk(stick, tmp_path / "new")
    with new.opened() as (_, vault):
        assert vault.all_media(RECORD) == pictures
