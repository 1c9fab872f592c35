"""All that can still be had of a damaged station, in a new folder; what was there is only read.

Sealed packets stand alone: each gets its row again from its own header, from the old row where
that can be read. Receipts are taken only where headquarters' signature holds; it gives lost ones
again. Drafts come out row by row with the vault's key.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from migramovil.core import canonical, sealing
from migramovil.core.record import BadReceipt, Descriptor, Signed, check_receipt
from migramovil.core.trouble import Trouble
from migramovil.store import files, keys, pages, restore, tables
from migramovil.store.migrate import open_database
from migramovil.store.outbox import Outbox
from migramovil.store.trouble import translated

Rows = dict[str, list[dict[str, pages.Value]]]
# What is rebuilt, locked or of no use elsewhere; all else beside them goes as it is.
_LEFT = ("outbox.db*", "vault*.db*", "device.key", "station.lock", "ballast", "kept.bin")


class NothingToSalvage(Trouble):
    code = "BAK-20"
    what = "En esa carpeta no hay datos de una estación."
    advice = "Revise la carpeta indicada con «--data»."


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """What came out, and whether it is a station as it was.

    `broken` names packet files that are not whole (copied all the same). `identity` and `signer`
    say whether the station's own row and private keys came out; without either it needs a new
    epoch from headquarters. `drafts` is None when the vault was not opened (copied as it is).
    """

    records: int
    packets: int
    receipts: int
    drafts: int | None
    broken: tuple[str, ...]
    identity: bool
    signer: bool


def salvage(folder: Path, out: Path, *, vault_key: bytes | None = None) -> Salvaged:
    """Build `out` (new) from what is whole in `folder`, which is not touched."""
    if not any((folder / name).exists() for name in ("outbox.db", "packets", keys.VAULT_FILE)):
        raise NothingToSalvage
    with restore.building(out) as unborn:
        _take(folder, unborn)
        kept: Rows = {}
        if vault_key is not None:
            with translated():
                found = pages.read(keys.vault_file(folder), vault_key)
            kept = pages.rows(found, tables.vault)
            _rebuild_vault(unborn, kept, vault_key)
        signing = _public(kept)
        line = _line(folder)
        with Outbox(unborn, anew=True) as outbox:
            identity = _rebuild_line(outbox, line)
            restore.adopt(outbox, unborn / "packets", signing)
            _count_on(outbox)
            receipts = _file_receipts(outbox, line) if identity else 0
            _release(outbox, line)
            broken = tuple(
                path.name
                for path in sorted((unborn / "packets").glob("*.packet"))
                if restore.read_packet(path, signing) is None
            )
            signer = vault_key is None or signing is not None
            if not (identity and signer):
                files.write(unborn / keys.SALVAGED, b"")
            result = Salvaged(
                records=outbox.total(),
                packets=len(outbox.files_on_disk()) - len(broken),
                receipts=receipts,
                drafts=len(kept["drafts"]) if kept else None,
                broken=broken,
                identity=identity,
                signer=signer,
            )
    return result


def rescue(folder: Path) -> tuple[Salvaged, Path]:
    """Put what is whole in the place of a damaged folder, which is kept aside; where it is now.

    The vault goes as it is: nobody is inside. A cut between the two renames is mended by
    `settle`, which whoever opens a station calls first.
    """
    settle(folder)
    found = salvage(folder, _fresh(folder))
    aside = folder.with_name(f"{folder.name}.damaged-{secrets.token_hex(4)}")
    with translated():
        folder.rename(aside)
        files.sync_folder(folder.parent)
    settle(folder)
    return found, aside


def settle(folder: Path) -> None:
    """End a rescue that was cut short: its new folder takes its place, or goes if it has one."""
    fresh = _fresh(folder)
    if not fresh.exists():
        return
    with translated():
        if folder.exists():
            shutil.rmtree(fresh)
        else:
            fresh.rename(folder)
        files.sync_folder(folder.parent)


def _fresh(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.rescued")


# --- files ----------------------------------------------------------------------------------------
def _take(folder: Path, out: Path) -> None:
    """Packets, pictures, slots and settings: under the same names, without a second copy if the
    disk can do that (nothing writes into any of them)."""
    with translated():
        for name in ("packets", "media"):
            files.private_folder(out / name)
            for path in sorted((folder / name).glob("*")):
                if path.suffix in (".packet", ".obj"):
                    _linked(path, out / name / path.name)
            files.sync_folder(out / name)
        left = {path for pattern in _LEFT for path in folder.glob(pattern)}
        vault = keys.vault_file(folder).name
        for path in [*set(folder.iterdir()) - left, *folder.glob(f"{vault}*")]:
            if path.is_file():
                shutil.copyfile(path, out / path.name)
                (out / path.name).chmod(0o600)
                files.sync(out / path.name)


def _linked(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)
        files.sync(target)


# --- the line -------------------------------------------------------------------------------------
def _line(folder: Path) -> Rows:
    """What can be read of the outbox; nothing without the device's key."""
    nothing: Rows = {name: [] for name in tables.outbox.tables}
    with translated():
        path = folder / "device.key"
        key = path.read_bytes() if path.exists() else b""
        if len(key) != sealing.KEY_BYTES:
            return nothing
        return pages.rows(pages.read(folder / "outbox.db", key), tables.outbox)


def _rebuild_line(outbox: Outbox, line: Rows) -> bool:
    """Rows as they were, only without receipts yet; whether the station knows itself."""
    bare = dict.fromkeys(("stored_receipt", "opened_receipt", "refused_receipt"))
    with outbox.database.write() as connection:
        for table, rows in (
            (tables.station, line["station"]),
            (tables.records, [row | bare for row in line["records"]]),
            (tables.letters, line["letters"]),
            (tables.epochs, line["epochs"]),
            (tables.marks, line["marks"]),
            (tables.attempts, line["attempts"]),
        ):
            for row in rows:
                connection.execute(upsert(table).values(**row).on_conflict_do_nothing())
        return connection.execute(select(tables.station.c.id)).first() is not None


def _count_on(outbox: Outbox) -> None:
    """The next number follows the highest that any packet has."""
    c, s = tables.records.c, tables.station.c
    highest = select(func.max(c.seq)).where(c.station == s.station, c.epoch == s.epoch)
    seq = func.max(s.seq, func.coalesce(highest.scalar_subquery(), 0))
    with outbox.database.write() as connection:
        connection.execute(update(tables.station).values(seq=seq))


def _file_receipts(outbox: Outbox, line: Rows) -> int:
    """Every receipt that headquarters' keys vouch for; how many."""
    station = outbox.station()
    if station is None:
        return 0
    try:
        known = canonical.decode(station.descriptor.encode(), Descriptor)
    except canonical.NotCanonical:
        return 0
    filed = 0
    for row in sorted(line["receipts"], key=lambda row: int(str(row["id"]))):
        words = {name: str(row[name]) for name in ("body", "signature", "public_key")}
        record = outbox.row(str(row["record"]))
        if record is None:
            continue
        with suppress(BadReceipt):
            body = check_receipt(
                Signed(**words), known, station=station.station, record=record.record,
                digest=record.digest, size=record.size,
            )  # fmt: skip
            outbox.file_receipt(record.record, Signed(**words), body)
            filed += 1
    return filed


def _release(outbox: Outbox, line: Rows) -> None:
    """Deletions that a receipt at hand still allows."""
    c, word = tables.records.c, tables.receipts.c
    with outbox.database.write() as connection:
        for row in line["deletions"]:
            discard = select(word.id).where(word.record == c.record, word.kind == "discard")
            receipt = connection.execute(
                select(func.coalesce(c.opened_receipt, discard.scalar_subquery())).where(
                    c.record == row["record"]
                )
            ).scalar()
            if receipt is not None:
                values = {**row, "receipt": receipt}
                connection.execute(
                    upsert(tables.deletions).values(**values).on_conflict_do_nothing()
                )


# --- the vault ------------------------------------------------------------------------------------
def _rebuild_vault(out: Path, kept: Rows, key: bytes) -> None:
    """A new vault under the same key, so that everybody's slot opens it."""
    path = keys.vault_file(out)
    for old in out.glob(f"{path.name}*"):
        old.unlink()
    database = open_database(path, key, "vault")
    try:
        _newest_first(kept)
        with database.write() as connection:
            drafts = {row["record"] for row in kept["drafts"]}
            for table in tables.vault.sorted_tables:
                for row in kept[table.name]:
                    if table is not tables.media or row["record"] in drafts:
                        connection.execute(insert(table).prefix_with("OR IGNORE").values(**row))
            if not kept["station_keys"]:
                connection.execute(tables.audit.delete())  # the next epoch's key cannot go on in it
        database.purge()
    finally:
        database.close()


def _newest_first(kept: Rows) -> None:
    """Of a draft that is there twice, the one saved last counts."""
    kept["drafts"].sort(key=lambda row: str(row["updated_utc"]), reverse=True)


def _public(kept: Rows) -> bytes | None:
    if not kept or not kept["station_keys"]:
        return None
    return sealing.Signer.load(bytes(kept["station_keys"][0]["signer"])).public  # type: ignore[arg-type]
