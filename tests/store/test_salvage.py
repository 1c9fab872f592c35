"""Out of a damaged station comes every sealed packet, and every draft whose pages are whole."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import LargeBinary, insert, select

from migramovil.core import canonical, sealing
from migramovil.core.record import RecordState
from migramovil.store import finishing, keys, letters, migrate, pages, restore, tables
from migramovil.store.outbox import Outbox, QueueRow
from migramovil.store.salvage import NothingToSalvage, Salvaged, rescue, salvage, settle
from migramovil.store.trouble import Damaged, VaultLocked
from migramovil.store.vault import Vault
from tests.store.bench import (
    RECORD,
    STATION,
    UTC,
    Disk,
    add_draft,
    composer,
    finish,
    identity,
    new_disk,
    receipt,
)
from tests.store.test_backup import descriptor

OUTBOX, VAULT = "outbox.db", keys.VAULT_FILE


def record(n: int) -> str:
    return f"{RECORD[:-2]}{n:02d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A folder with four sealed records and a dozen drafts, and what is in it."""

    disk: Disk
    rows: list[QueueRow]
    packets: dict[str, bytes]
    bodies: dict[str, bytes]
    media: dict[str, dict[str, bytes]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Station:
    disk = new_disk(tmp_path_factory.mktemp("whole") / "station")
    with disk.opened() as (outbox, vault):
        outbox.enroll(replace(identity(), descriptor=canonical.encode(descriptor()).decode()))
        for n in range(4):
            add_draft(vault, record(n))
            row = finish(outbox, vault, record(n))
            if n < 2:
                outbox.file_receipt(row.record, *receipt(row, "stored", n))
        letters.put(outbox, "one", "void", b"a signed letter", UTC)
        sizes = [300, 900, 2_000, 5_000, 30_000, 80_000] * 2
        for n, size in enumerate(sizes, 10):
            vault.save_draft(record(n), 1, os.urandom(size), UTC)
            vault.put_media(record(n), os.urandom(3000))
        return Station(
            disk=disk,
            rows=outbox.rows(),
            packets={row.record: outbox.packet(row.record) for row in outbox.rows()},
            bodies={draft.record_id: draft.body for draft in vault.drafts()},
            media={one.record_id: vault.all_media(one.record_id) for one in vault.drafts()},
        )


@pytest.fixture
def hurt(whole: Station, tmp_path: Path) -> Path:
    """A copy to damage."""
    folder = tmp_path / "hurt"
    shutil.copytree(whole.disk.folder, folder)
    return folder


def saved(whole: Station, folder: Path, **more: Any) -> tuple[Salvaged, Disk]:
    before = hashes(folder)
    out = folder.with_name("out")
    found = salvage(folder, out, **{"vault_key": whole.disk.key, **more})
    assert hashes(folder) == before
    return found, Disk(folder=out, key=whole.disk.key)


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def came_out(disk: Disk) -> tuple[dict[str, bytes], dict[str, bytes], dict[str, Any]]:
    """Packets, drafts' bodies and their pictures, as the ordinary stores read them."""
    with disk.opened() as (outbox, vault):
        finishing.reconcile(outbox, vault)
        packets = {row.record: outbox.packet(row.record) for row in outbox.rows()}
        bodies = {draft.record_id: draft.body for draft in vault.drafts()}
        return packets, bodies, {name: vault.all_media(name) for name in bodies}


def flip(path: Path, chance: random.Random, times: int) -> set[int]:
    """Flip single bits; the numbers of the pages they are in."""
    data = bytearray(path.read_bytes())
    places = [chance.randrange(len(data)) for _ in range(times)]
    for place in places:
        data[place] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    return {place // pages.PAGE + 1 for place in places if place >= pages.SALT_BYTES}


def drafts_by_page(whole: Station) -> dict[int, set[str]]:
    """Which drafts need which page."""
    every = pages.read(whole.disk.folder / VAULT, whole.disk.key)
    needs = {}
    for number in every:
        left = pages.rows({n: p for n, p in every.items() if n != number}, tables.vault)
        needs[number] = set(whole.bodies) - {str(row["record"]) for row in left["drafts"]}
    return needs


@pytest.fixture(scope="module")
def needs(whole: Station) -> dict[int, set[str]]:
    return drafts_by_page(whole)


def test_nothing_is_missing_where_nothing_is_damaged(whole: Station, hurt: Path) -> None:
    found, disk = saved(whole, hurt)
    assert found == Salvaged(
        records=4, packets=4, receipts=2, drafts=12, broken=(), identity=True, signer=True
    )
    assert came_out(disk) == (whole.packets, whole.bodies, whole.media)
    with disk.opened() as (outbox, vault):
        assert outbox.rows() == whole.rows
        assert [one.body for one in letters.unanswered(outbox)] == [b"a signed letter"]
        assert vault.audit.verify() == len(vault.audit.entries()) == 4


@pytest.mark.parametrize("seed", range(24))
def test_flipped_bits_cost_at_most_the_drafts_in_their_pages(
    whole: Station, hurt: Path, needs: dict[int, set[str]], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same damage each time
    flip(hurt / OUTBOX, chance, chance.randint(1, 40))
    bad = flip(hurt / VAULT, chance, chance.randint(1, 30))
    lost = {name for number in bad for name in needs[number]}
    found, disk = saved(whole, hurt)
    with Outbox(disk.folder) as outbox:
        assert {row.record: outbox.packet(row.record) for row in outbox.rows()} == whole.packets
        assert outbox.seq() == (4 if found.identity else 0)
    with Vault(disk.folder, disk.key) as vault:
        bodies = {draft.record_id: draft.body for draft in vault.drafts()}
    assert bodies == {name: body for name, body in whole.bodies.items() if name not in lost}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 // pages.PAGE * pages.PAGE + 99])


def behead(path: Path) -> None:
    path.write_bytes(bytes(pages.PAGE) + path.read_bytes()[pages.PAGE :])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [cut, behead, empty, Path.unlink])
def test_every_packet_comes_out_whatever_became_of_the_outbox(
    whole: Station, hurt: Path, harm: Callable[[Path], None]
) -> None:
    harm(hurt / OUTBOX)
    _, disk = saved(whole, hurt)
    packets, bodies, media = came_out(disk)
    assert (packets, bodies, media) == (whole.packets, whole.bodies, whole.media)


@pytest.mark.parametrize("harm", [cut, behead])
def test_drafts_come_out_of_a_vault_that_no_longer_opens(
    whole: Station, hurt: Path, harm: Callable[[Path], None], needs: dict[int, set[str]]
) -> None:
    harm(hurt / VAULT)
    left = pages.read(hurt / VAULT, whole.disk.key)
    lost = {name for number in needs if number not in left for name in needs[number]}
    _, disk = saved(whole, hurt)
    assert len(lost) < len(whole.bodies)
    with Vault(disk.folder, disk.key) as vault:
        assert {d.record_id for d in vault.drafts()} == set(whole.bodies) - lost


def test_without_the_device_key_packets_come_out_all_the_same(whole: Station, hurt: Path) -> None:
    (hurt / "device.key").unlink()
    with pytest.raises(Damaged):
        Outbox(hurt)
    found, disk = saved(whole, hurt)
    assert (found.records, found.identity, found.signer) == (4, False, True)
    assert came_out(disk)[0] == whole.packets


def test_without_a_password_the_vault_goes_as_it_is(whole: Station, hurt: Path) -> None:
    behead(hurt / OUTBOX)
    found, disk = saved(whole, hurt, vault_key=None)
    assert found.drafts is None
    assert came_out(disk) == (whole.packets, whole.bodies, whole.media)


def test_a_damaged_packet_is_named_and_kept(whole: Station, hurt: Path) -> None:
    path = sorted((hurt / "packets").glob("*.packet"))[0]
    path.write_bytes(path.read_bytes()[:-9])
    (hurt / OUTBOX).unlink()
    found, disk = saved(whole, hurt)
    assert (found.records, found.packets, found.broken) == (3, 3, (path.name,))
    assert (disk.folder / "packets" / path.name).read_bytes() == path.read_bytes()


def test_a_packet_of_nobodys_signature_gets_no_row(whole: Station, hurt: Path) -> None:
    (hurt / OUTBOX).unlink()
    forger = new_disk(hurt.with_name("forger"))
    with forger.opened() as (outbox, vault):
        add_draft(vault, record(50))
        finishing.finish(
            outbox, vault, record(50), composer(record(50)), [sealing.Opener.new().public],
            sealing.Signer.new(),
        )  # fmt: skip
        (file,) = outbox.files_on_disk()
        shutil.copyfile(outbox.packet_path(file), hurt / "packets" / file)
    found, _ = saved(whole, hurt)
    assert (found.records, found.broken) == (4, (file,))


def test_the_salvaged_station_goes_on_with_the_next_number(whole: Station, hurt: Path) -> None:
    _, disk = saved(whole, hurt)
    with disk.opened() as (outbox, vault):
        assert finish(outbox, vault, record(10)).seq == 5
        states = [row.state for row in outbox.rows()]
        assert states == [RecordState.SEALED] * 3 + [RecordState.STORED] * 2
        assert vault.audit.verify() == 5


def test_a_station_that_does_not_know_itself_counts_on_in_a_new_epoch(
    whole: Station, hurt: Path
) -> None:
    (hurt / OUTBOX).unlink()
    _, disk = saved(whole, hurt)
    with Outbox(disk.folder) as outbox:
        assert outbox.station() is None
        restore.begin_epoch(outbox, identity(epoch=2))
        assert outbox.seq() == 0
        with outbox.database.read() as connection:
            assert [tuple(row) for row in connection.execute(select(tables.epochs))] == [
                (STATION, 1, 4)
            ]


@pytest.fixture
def cut_off(whole: Station, tmp_path: Path) -> Path:
    """A copy taken while the station ran: its last changes are in the logs alone."""
    live = Disk(folder=tmp_path / "live", key=whole.disk.key)
    shutil.copytree(whole.disk.folder, live.folder)
    with live.opened() as (outbox, vault):
        vault.save_draft(record(90), 1, b"n" * 9000, UTC)
        vault.save_draft(record(10), 1, b"newer", UTC)
        vault.void_draft(record(11))
        vault.save_draft(record(91), 1, b"m" * 9000, UTC)
        letters.put(outbox, "two", "void", b"another", UTC)
        shutil.copytree(live.folder, tmp_path / "hurt")
    return tmp_path / "hurt"


def test_what_only_the_log_holds_comes_out(whole: Station, cut_off: Path) -> None:
    assert (cut_off / f"{VAULT}-wal").stat().st_size
    _, disk = saved(whole, cut_off)
    _, bodies, _ = came_out(disk)
    expected = {**whole.bodies, record(90): b"n" * 9000, record(91): b"m" * 9000}
    expected[record(10)] = b"newer"
    del expected[record(11)]
    assert bodies == expected


def test_a_torn_log_costs_no_more_than_what_it_alone_held(whole: Station, cut_off: Path) -> None:
    log = cut_off / f"{VAULT}-wal"
    data = log.read_bytes()
    for keep in range(0, len(data), 9777):
        log.write_bytes(data[:keep])
        shutil.rmtree(cut_off.with_name("out"), ignore_errors=True)
        _, disk = saved(whole, cut_off)
        with Vault(disk.folder, disk.key) as vault:
            bodies = {draft.record_id: draft.body for draft in vault.drafts()}
        untouched = set(whole.bodies) - {record(10), record(11)}
        assert {name: bodies[name] for name in untouched} == {
            name: whole.bodies[name] for name in untouched
        }
        assert bodies[record(10)] in (whole.bodies[record(10)], b"newer")


def test_a_rescue_takes_the_damaged_folders_place_and_keeps_it(whole: Station, hurt: Path) -> None:
    behead(hurt / OUTBOX)
    before = hashes(hurt)
    found, aside = rescue(hurt)
    assert hashes(aside) == before
    assert (found.records, found.drafts) == (4, None)
    assert came_out(Disk(folder=hurt, key=whole.disk.key))[:2] == (whole.packets, whole.bodies)


@pytest.mark.parametrize("after", [1, 2])
def test_a_rescue_cut_short_ends_when_the_station_is_opened(
    whole: Station, hurt: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    behead(hurt / OUTBOX)
    renames = iter(range(1, 9))
    real = Path.rename

    def rename(path: Path, target: Path) -> Path:
        done = real(path, target)
        if next(renames) == after:
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(KeyboardInterrupt):
        rescue(hurt)
    monkeypatch.undo()
    settle(hurt)
    if after == 1:  # before the damaged folder was put aside: it still counts, and can be rescued
        rescue(hurt)
    assert came_out(Disk(folder=hurt, key=whole.disk.key))[:2] == (whole.packets, whole.bodies)


def test_a_ruined_vault_is_not_taken_for_a_wrong_key(whole: Station, hurt: Path) -> None:
    behead(hurt / VAULT)
    with pytest.raises(Damaged, match=VAULT):
        Vault(hurt, whole.disk.key)
    with pytest.raises(VaultLocked):
        Vault(hurt, sealing.new_key())


def test_a_folder_without_a_station_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToSalvage):
        salvage(tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("environment", "metadata"), [("outbox", tables.outbox), ("vault", tables.vault)]
)
def test_rows_of_every_table_are_told_apart(
    tmp_path: Path, environment: str, metadata: Any
) -> None:
    path, key = tmp_path / "a.db", sealing.new_key()
    database = migrate.open_database(path, key, environment)
    wanted: dict[str, list[dict[str, Any]]] = {}
    with database.write() as connection:
        for table in metadata.sorted_tables:
            full = {c.name: _some(c) for c in table.c if c.computed is None}
            connection.execute(insert(table).values(**full))
            wanted[table.name] = [full]
    database.purge()
    database.close()
    assert pages.rows(pages.read(path, key), metadata) == wanted


def _some(column: Any) -> Any:
    """A value that fits every rule of the column's."""
    if isinstance(column.type, LargeBinary):
        return b"k" * 32
    if column.type.python_type is int:
        return 1
    if column.name in {"digest", "hash"}:
        return "a" * 64
    if column.name == "destroyed_utc":
        return None
    return {"realm": "training", "kind": "stored"}.get(column.name, "1")
