"""Finishing: at every instant there is a draft or a packet, never both for long, never neither."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from migramovil.core import packet
from migramovil.core.record import RecordState
from migramovil.store import files, finishing
from migramovil.store.keys import vault_file
from migramovil.store.trouble import Damaged, DraftGone, OutOfLine
from tests.store.bench import (
    HEADQUARTERS,
    MARKER,
    RECORD,
    SIGNER,
    Disk,
    add_draft,
    composer,
    finish,
    new_disk,
)

POINTS = ["packet-written", "outbox-committed", "vault-committed", "media-gone"]


# Whoever comes in completes what was cut before the vault knew of it.
BY_WHOM = {"outbox-committed": ("finish-completed", "officer-2")}


class PowerCut(BaseException):
    pass


def media_files(disk: Disk) -> list[Path]:
    return list((disk.folder / "media").iterdir())


def packet_files(disk: Disk) -> list[Path]:
    return list((disk.folder / "packets").iterdir())


def test_finishing_leaves_one_packet_headquarters_can_open_and_nothing_else(disk: Disk) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        pictures = vault.all_media(RECORD)
        before = vault.audit.head()
        row = finish(outbox, vault)
        assert (row.record, row.seq, row.state) == (RECORD, 1, RecordState.SEALED)
        data = outbox.packet(RECORD)
        head = packet.check(data, SIGNER.public)
        clear = packet.open_objects(data, head, packet.open_content_key(head, HEADQUARTERS))
        assert clear == {"record": MARKER.encode(), **pictures}
        assert head.header.audit_head == before
        (entry,) = vault.audit.entries()
        assert (entry.actor, entry.act, entry.subject) == (
            "officer-1",
            "finish",
            f"{RECORD} {row.digest}",
        )
        assert vault.drafts() == []
        assert media_files(disk) == []
        assert not vault.purge_pending()


@pytest.mark.parametrize("point", POINTS)
def test_a_power_cut_at_any_step_leaves_exactly_one_of_draft_and_packet(
    disk: Disk, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(name: str) -> None:
        if name == point:
            raise PowerCut

    with disk.opened() as (outbox, vault):
        add_draft(vault)
        pictures = vault.all_media(RECORD)
        monkeypatch.setattr(finishing, "crash_points", cut)
        with pytest.raises(PowerCut):
            finish(outbox, vault)
        monkeypatch.undo()
    with disk.opened() as (outbox, vault):
        found = finishing.reconcile(outbox, vault, actor="officer-2")
        assert found.strays == found.missing == ()
        if point == "packet-written":
            assert outbox.row(RECORD) is None
            assert packet_files(disk) == []
            assert vault.all_media(RECORD) == pictures
            assert len(found.discarded) == 1
        else:
            assert vault.drafts() == []
            assert media_files(disk) == []
            packet.check(outbox.packet(RECORD), SIGNER.public)
        assert finish(outbox, vault) == finish(outbox, vault)
        assert outbox.seq() == outbox.total() == 1
        assert len(packet_files(disk)) == 1
        by_whom = {(entry.act, entry.actor) for entry in vault.audit.entries()}
        assert by_whom == {BY_WHOM.get(point, ("finish", "officer-1"))}
        assert vault.audit.verify() == 1
        assert not vault.purge_pending()
        assert finishing.reconcile(outbox, vault) == finishing.Reconciled(
            completed=(), discarded=(), strays=(), missing=()
        )


@pytest.mark.parametrize("point", POINTS)
def test_finishing_again_in_the_same_sitting_mends_what_was_cut(
    disk: Disk, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(name: str) -> None:
        if name == point:
            raise PowerCut

    with disk.opened() as (outbox, vault):
        add_draft(vault)
        monkeypatch.setattr(finishing, "crash_points", cut)
        with pytest.raises(PowerCut):
            finish(outbox, vault)
        monkeypatch.undo()
        assert finish(outbox, vault).seq == 1
        assert (outbox.total(), vault.drafts()) == (1, [])
        assert len(packet_files(disk)) == 1


def test_numbers_follow_one_another_and_the_audit_travels_in_each_packet(disk: Disk) -> None:
    with disk.opened() as (outbox, vault):
        heads = []
        for name in ("a", "b", "c"):
            vault.save_draft(name, 1, b"", "")
            heads.append(vault.audit.head())
            finish(outbox, vault, name)
        seen = [packet.read_head(outbox.packet(name)).header for name in ("a", "b", "c")]
        assert [header.seq for header in seen] == [1, 2, 3]
        assert [header.audit_head for header in seen] == heads
        assert vault.audit.verify() == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: bytes([data[0] ^ 1]) + data[1:],
        lambda data: data[:-1],
        lambda data: data + b"1",
    ],
    ids=["last byte", "first byte", "cut", "longer"],
)
def test_a_packet_that_reads_back_wrong_is_not_accepted_and_the_draft_stays(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[bytes], bytes]
) -> None:
    honest = files.write

    def lying_disk(path: Path, *parts: bytes) -> None:
        data = b"".join(parts)
        honest(path, spoil(data) if path.suffix == ".packet" else data)

    with disk.opened() as (outbox, vault):
        add_draft(vault)
        monkeypatch.setattr(files, "write", lying_disk)
        with pytest.raises(Damaged):
            finish(outbox, vault)
        monkeypatch.undo()
        assert packet_files(disk) == []
        assert len(vault.all_media(RECORD)) == 2
        assert finish(outbox, vault).seq == 1


def test_a_draught_out_of_line_seals_nothing(disk: Disk) -> None:
    def twice(seq: int, head: str, media: Mapping[str, bytes]) -> packet.Draught:
        return replace(composer()(seq, head, media), seq=seq + 1)

    with disk.opened() as (outbox, vault):
        add_draft(vault)
        for compose in (twice, composer("other")):
            with pytest.raises(OutOfLine):
                finishing.finish(outbox, vault, RECORD, compose, [HEADQUARTERS.public], SIGNER)
        assert packet_files(disk) == []
        assert vault.has_draft(RECORD)
        with pytest.raises(DraftGone):
            finish(outbox, vault, "never begun")


def test_a_purge_a_reader_prevents_is_owed_and_paid_later(disk: Disk) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        with vault._database.read() as reader:
            reader.exec_driver_sql("SELECT count(*) FROM drafts").scalar()
            finish(outbox, vault)
            assert vault.purge_pending()
        vault.save_draft("next", 1, b"", "")
        finish(outbox, vault, "next")
        assert not vault.purge_pending()


def test_a_strange_packet_is_reported_and_a_stolen_one_is_named(disk: Disk, tmp_path: Path) -> None:
    other = new_disk(tmp_path / "other")
    with other.opened() as (outbox, vault):
        add_draft(vault, "foreign")
        finish(outbox, vault, "foreign")
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        finish(outbox, vault)
        (mine,) = packet_files(disk)
        mine.unlink()
        shutil.copy(packet_files(other)[0], disk.folder / "packets" / "strange.packet")
        (disk.folder / "packets" / "rubbish.packet").write_bytes(b"?")
        found = finishing.reconcile(outbox, vault)
        assert found.strays == ("rubbish.packet", "strange.packet")
        assert found.missing == (RECORD,)
        assert outbox.total() == 1
        with pytest.raises(Damaged):
            outbox.packet(RECORD)


PAGE, RESERVED = 4096, 80  # SQLCipher 4: IV (16) and HMAC (64) end every page


def decrypted(folder: Path, key: bytes) -> bytes:
    """Every page of the vault and of its log, free ones too, as a thief with its key reads them."""
    path = vault_file(folder)
    data = path.read_bytes()
    pages = [data[at : at + PAGE] for at in range(0, len(data), PAGE)]
    beside = path.with_name(f"{path.name}-wal")  # gone once the last connection closed
    log = beside.read_bytes() if beside.exists() else b""
    pages += [log[at + 24 : at + 24 + PAGE] for at in range(32, len(log), 24 + PAGE)]
    clear = b""
    for page in pages:
        start = 16 if page[:16] == data[:16] else 0  # page 1 opens with the salt, in clear
        iv = page[-RESERVED : 16 - RESERVED]
        aes = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
        clear += aes.update(page[start:-RESERVED]) + aes.finalize()
    return clear


def test_no_page_and_no_log_keeps_anything_of_a_finished_draft(disk: Disk) -> None:
    with disk.opened() as (outbox, vault):
        for n in range(30):  # enough drafts that pages are freed, not only cells
            vault.save_draft(f"d{n}", 1, MARKER.encode() * 100, "")
        with vault._database.read() as connection:
            keys = list(connection.exec_driver_sql("SELECT key FROM drafts").scalars())
        before = decrypted(disk.folder, disk.key)
        assert MARKER.encode() in before
        assert all(key in before for key in keys)
        for n in range(30):
            finish(outbox, vault, f"d{n}")
        after = decrypted(disk.folder, disk.key)
        assert b"CREATE TABLE drafts" in after
        assert MARKER.encode() not in after
        assert not any(key in after for key in keys)
