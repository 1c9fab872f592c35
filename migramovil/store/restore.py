"""A station's data again, on another machine: out of a backup, or out of what was salvaged.

The folder made here has its own device key and vault key and nobody's slot. It is a station once
headquarters gave it the next epoch (`begin_epoch`).
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Table, func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from migramovil import medium
from migramovil.core import packet, sealing
from migramovil.core.backup import BadBackup, Manifest
from migramovil.core.queue import Waiting
from migramovil.store import backup, files
from migramovil.store.outbox import Outbox, StationIdentity
from migramovil.store.tables import deletions, drafts, epochs, records, station
from migramovil.store.trouble import translated
from migramovil.store.vault import Vault


def crash_points(step: str) -> None:
    """Called after each step with its name, so that tests can die there."""
    del step


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came out of a backup; `adopted` packets had no row in it, `lost` have a row only."""

    records: int
    drafts: int
    adopted: int
    lost: tuple[str, ...]


def restore(
    home: Path, manifest: Manifest, key: bytes, signing: bytes, folder: Path
) -> tuple[Restored, bytes]:
    """Build a station's data in the empty `folder`; what came out, and the new vault's key.

    `key` opens the snapshot, `signing` is the station's signing key then. BadBackup when a file
    of the snapshot is not what it says, before anything is built.
    """
    with backup.on_medium():
        wrong = backup.wrong_files(home, manifest)
    if wrong:
        raise BadBackup(wrong[0])
    snapshot = files.private_folder(folder / "snapshot")
    with translated():
        for name in (backup.OUTBOX_FILE, backup.DRAFTS_FILE):
            shutil.copyfile(home / "snapshots" / manifest.id / name, snapshot / name)
    vault_key = Vault.create(folder)
    with Outbox(folder) as outbox:
        with (
            backup.opened(snapshot / backup.OUTBOX_FILE, key, "outbox") as old,
            old.read() as source,
            outbox.database.write() as target,
        ):
            _copy(source, target, backup.OUTBOX_TABLES)
        lost = _bring_packets(outbox, home)
        adopted = adopt(outbox, home / "packets", signing)
        crash_points("line-restored")
        with Vault(folder, vault_key) as vault:
            with (
                backup.opened(snapshot / backup.DRAFTS_FILE, key, "vault") as old,
                old.read() as source,
                vault.database.write() as target,
            ):
                _copy(source, target, backup.DRAFTS_TABLES)
                target.execute(drafts.update().values(restored=1))
            with translated():
                for one in manifest.media:
                    _durably(home / "media" / one.name, vault.media_path(one.name))
            count = len(vault.drafts())
        crash_points("drafts-restored")
        found = Restored(records=outbox.total(), drafts=count, adopted=adopted, lost=lost)
    shutil.rmtree(snapshot, ignore_errors=True)
    return found, vault_key


def adopt(outbox: Outbox, folder: Path, signing: bytes | None) -> int:
    """Give a row to every sealed packet in `folder` whose record has none; how many.

    With `signing` its signature must hold; without, its hashes. A packet that is not whole, or
    whose number another has, stays a file.
    """
    added = 0
    for path in sorted(folder.glob("*.packet")):
        waiting = read_packet(path, signing)
        if waiting is None or not _free(outbox, waiting):
            continue
        file = path.name
        if path.parent != outbox.packet_path(file).parent:
            file = f"{secrets.token_hex(16)}.packet"
            _durably(path, outbox.packet_path(file))
        with outbox.database.write() as connection:
            connection.execute(insert(records).values(file=file, **values_of(waiting)))
        added += 1
    return added


def read_packet(path: Path, signing: bytes | None) -> Waiting | None:
    """What a packet file says of itself, if it is whole."""
    with translated():
        data = path.read_bytes()
    try:
        head = packet.check(data, signing) if signing is not None else packet.whole(data)
    except packet.BadPacket:
        return None
    header = head.header
    return Waiting(
        record=header.record,
        station=header.station,
        epoch=header.epoch,
        seq=header.seq,
        folio=header.folio,
        digest=sealing.sha256(data),
        size=len(data),
        sealed_utc=header.created.utc,
    )


def whose(outbox: Outbox) -> str:
    """The station this line belongs to, by its own row or else by its newest packet; "" if none."""
    known = outbox.station()
    if known is not None:
        return known.station
    newest = select(records.c.station).order_by(records.c.sealed_utc.desc()).limit(1)
    with outbox.database.read() as connection:
        return connection.execute(newest).scalar() or ""


def begin_epoch(outbox: Outbox, identity: StationIdentity) -> None:
    """Be this station in its new epoch; what earlier epochs gave stays counted for."""
    c = records.c
    newest = select(c.station, c.epoch, func.max(c.seq)).group_by(c.station, c.epoch)
    counted = select(station.c.station, station.c.epoch, station.c.seq)
    with outbox.database.write() as connection:
        for whose, epoch, seq in [*connection.execute(newest), *connection.execute(counted)]:
            if (whose, epoch) == (identity.station, identity.epoch):
                continue
            added = upsert(epochs).values(station=whose, epoch=epoch, seq=seq)
            highest = func.max(epochs.c.seq, added.excluded.seq)
            connection.execute(
                added.on_conflict_do_update(
                    index_elements=["station", "epoch"], set_={"seq": highest}
                )
            )
    crash_points("epochs-counted")
    outbox.enroll(identity)


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """A folder that becomes `folder` (empty or absent) only when all went well."""
    unborn = folder.with_name(folder.name + files.PARTIAL)
    with translated():
        shutil.rmtree(unborn, ignore_errors=True)
        files.private_folder(unborn)
    try:
        yield unborn
    except BaseException:
        shutil.rmtree(unborn, ignore_errors=True)
        raise
    with translated():
        if folder.exists():
            folder.rmdir()
        unborn.rename(folder)
        crash_points("in-its-place")
        files.sync_folder(folder.parent)


def values_of(waiting: Waiting) -> dict[str, object]:
    return {name: getattr(waiting, name) for name in Waiting.__dataclass_fields__}


def _copy(source: Connection, target: Connection, chosen: tuple[Table, ...]) -> None:
    for table in chosen:
        columns = [column for column in table.c if column.computed is None]
        for rows in source.execute(select(*columns)).mappings().partitions(backup.ROWS):
            target.execute(insert(table), [dict(row) for row in rows])


def _bring_packets(outbox: Outbox, home: Path) -> tuple[str, ...]:
    """The packets that rows name, under the names they have there; records without one."""
    gone = select(deletions.c.record)
    query = select(records.c.record, records.c.file, records.c.digest)
    with outbox.database.read() as connection:
        rows = connection.execute(query.where(records.c.record.not_in(gone))).all()
    lost = []
    for row in rows:
        source = home / "packets" / f"{row.digest}.packet"
        if medium.digest_of(source) == row.digest:
            _durably(source, outbox.packet_path(row.file))
        else:
            lost.append(row.record)
    return tuple(lost)


def _free(outbox: Outbox, waiting: Waiting) -> bool:
    c = records.c
    number = (c.station == waiting.station) & (c.epoch == waiting.epoch) & (c.seq == waiting.seq)
    with outbox.database.read() as connection:
        found = connection.execute(select(c.record).where(number | (c.record == waiting.record)))
        return found.first() is None


def _durably(source: Path, target: Path) -> None:
    with translated():
        files.write(target, source.read_bytes())
