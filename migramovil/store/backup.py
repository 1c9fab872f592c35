"""A second copy on another medium: sealed packets as they are, and snapshots of all that is open.

    FOLDER/migramovil-backup/STATION/packets/DIGEST.packet   copied once, never rewritten
                                     media/NAME.obj          ciphertext of open drafts' pictures
                                     snapshots/ID/           outbox.db, drafts.db, manifest.json

A snapshot is two SQLCipher files under one fresh key, which is sealed to headquarters' recovery
key and forgotten (core.backup). It holds the line, its receipts and letters, open drafts and
people's acts; never slots, the vault key, the station's private keys or compartments. A snapshot
appears whole, by one rename, after everything in it was read back; a medium that fills
up or is pulled out leaves the one before as it was.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import RowMapping, Table, func, insert, select

from migramovil import medium
from migramovil.core import backup, canonical, sealing
from migramovil.core.backup import BackedFile, Manifest
from migramovil.core.record import Descriptor, Signed
from migramovil.core.trouble import Trouble, Who
from migramovil.store import files, tables
from migramovil.store.database import Database
from migramovil.store.migrate import open_database
from migramovil.store.outbox import Outbox
from migramovil.store.trouble import Damaged
from migramovil.store.vault import Vault

HOME = "migramovil-backup"
KEEP = 3
OUTBOX_FILE, DRAFTS_FILE, MANIFEST_FILE = "outbox.db", "drafts.db", "manifest.json"
OUTBOX_TABLES = (
    tables.station,
    tables.receipts,
    tables.records,
    tables.deletions,
    tables.epochs,
    tables.letters,
    tables.marks,
)
DRAFTS_TABLES = (tables.drafts, tables.media, tables.acts)
_LARGEST_MANIFEST = 16 * 1024 * 1024
ROWS = 500
_MARGIN = 16 * 1024 * 1024
_TRIES = 5


class BackupFull(Trouble):
    code = "BAK-01"
    what = "La memoria del respaldo está llena."
    advice = "El respaldo anterior sigue entero. Use otra memoria o libere espacio en esta."
    who = Who.SUPERVISOR


class MediumGone(Trouble):
    code = "BAK-02"
    what = "La memoria del respaldo no está o no se puede escribir en ella."
    advice = "El respaldo anterior sigue entero. Vuelva a colocarla y repita el respaldo."
    who = Who.SUPERVISOR


class MediumLies(Trouble):
    code = "BAK-03"
    what = "La memoria del respaldo no devolvió lo que se escribió en ella."
    advice = "El respaldo anterior sigue entero. Cambie de memoria: esta falla."
    who = Who.SUPERVISOR


class CutShort(Trouble):
    code = "BAK-12"
    what = "El respaldo se interrumpió antes de terminar."
    advice = "El anterior sigue entero y lo ya copiado se aprovecha. Repita el respaldo."
    who = Who.OFFICER


class NothingToBackUp(Trouble):
    code = "BAK-04"
    what = "Esta estación todavía no está dada de alta: no hay nada que respaldar."
    advice = "Dé de alta la estación con el código de sede central."


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a backup left on the medium, all of it read back.

    `copied` packets are new there; `snapshot` is "" when nobody was inside: then only packets went.
    `damaged` names packet files that are not what was sealed and were not copied.
    """

    packets: int
    copied: int
    bytes: int
    drafts: int
    snapshot: str
    damaged: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packet:
    file: str
    digest: str
    size: int


Progress = Callable[[int, int], object]


def crash_points(step: str) -> None:
    """Called after each step with its name, so that tests can die there."""
    del step


def back_up(
    outbox: Outbox,
    vault: Vault | None,
    folder: Path,
    *,
    utc: str,
    software: str,
    progress: Progress = lambda _done, _all: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Report:
    """Bring the copy in `folder` up to date; without a vault, only its packets.

    `progress` is told bytes copied and bytes to copy. BackupFull, MediumGone, MediumLies; a call
    that `cancelled` cuts short ends in CutShort and leaves what it copied.
    """
    identity = outbox.station()
    if identity is None:
        raise NothingToBackUp
    home = home_of(folder, identity.station)
    with on_medium():
        _prepare(home)
        _sweep(home)
    copier = _Copier(progress, cancelled)
    before = _there(home)
    damaged = _bring_packets(outbox, home, copier)
    crash_points("packets-copied")
    snapshot, drafts = "", 0
    if vault is not None:
        made = _snapshot(outbox, vault, home, copier, utc=utc, software=software)
        crash_points("snapshot-copied")
        damaged += _bring_packets(outbox, home, copier)  # those finished meanwhile
        _publish(home, made, vault.station_keys()[0])
        crash_points("snapshot-published")
        _rotate(outbox, home)
        snapshot, drafts = made.id, made.drafts
    now = _there(home)
    return Report(
        packets=len(now),
        copied=len(now.keys() - before.keys()),
        bytes=sum(now.values()),
        drafts=drafts,
        snapshot=snapshot,
        damaged=tuple(dict.fromkeys(damaged)),
    )


def check(folder: Path, station: str) -> tuple[str, ...]:
    """Read every packet and the newest snapshot again; the names of what is not as it was."""
    home = home_of(folder, station)
    with on_medium():
        bad = [
            path.name
            for path in sorted((home / "packets").glob("*.packet"))
            if medium.digest_of(path) != path.stem
        ]
        found = manifests(home)
        for _, manifest in found[-1:]:
            bad += wrong_files(home, manifest)
    return tuple(bad)


def home_of(folder: Path, station: str) -> Path:
    """Where a station's copy lies; the name tells nobody which station."""
    return folder / HOME / sealing.sha256(station.encode())[:16]


def manifests(home: Path) -> list[tuple[Signed, Manifest]]:
    """Snapshots that are whole by their own word, oldest first."""
    found = []
    for path in (home / "snapshots").glob(f"*/{MANIFEST_FILE}"):
        if path.parent.name.endswith(files.PARTIAL):
            continue
        with suppress(canonical.NotCanonical, backup.BadBackup):
            if path.stat().st_size > _LARGEST_MANIFEST:
                continue
            signed = canonical.decode(path.read_bytes(), Signed)
            manifest = backup.claimed(signed)
            if manifest.id == path.parent.name:
                found.append((signed, manifest))
    return sorted(found, key=lambda one: one[1].number)


def _signed_by(public: bytes, home: Path) -> list[Manifest]:
    """Snapshots this station made: what another's say of pictures goes into no snapshot of it."""
    own = []
    for signed, _ in manifests(home):
        with suppress(backup.BadBackup):
            own.append(backup.read_manifest(signed, public))
    return own


def wrong_files(home: Path, manifest: Manifest) -> list[str]:
    """Names of a snapshot's files that are absent or not what its manifest says."""
    places = [(home / "snapshots" / manifest.id, one) for one in manifest.files]
    places += [(home / "media", one) for one in manifest.media]
    return [one.name for place, one in places if medium.digest_of(place / one.name) != one.sha256]


@contextmanager
def on_medium() -> Iterator[None]:
    """What the operating system says of the medium, as a trouble."""
    try:
        yield
    except medium.NotAsWritten:
        raise MediumLies from None
    except OSError as problem:
        full = problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        name = errno.errorcode.get(problem.errno or 0, "")
        raise (BackupFull if full else MediumGone)(name) from None


# --- packets ---------------------------------------------------------------------------------
class _Copier:
    """Copies files to the medium, counting; nothing has its name before it was read back."""

    def __init__(self, progress: Progress, cancelled: Callable[[], bool]) -> None:
        self._progress = progress
        self._cancelled = cancelled
        self._done = 0
        self._all = 0

    def expect(self, size: int, folder: Path) -> None:
        """BackupFull now rather than half way."""
        self._all += size
        with on_medium():
            free = shutil.disk_usage(folder).free
        if size and free < size + _MARGIN:
            raise BackupFull("free")

    def copy(self, source: Path, target: Path, wanted: str = "") -> BackedFile:
        """What was copied; Damaged, and nothing there, when it is not `wanted` (SHA-256)."""

        def check(digest: str) -> None:
            if wanted and digest != wanted:
                raise Damaged(source.name)

        with on_medium():
            size, digest = medium.put(target, self._pieces(source), check)
        return BackedFile(name=target.name, size=size, sha256=digest)

    def _pieces(self, source: Path) -> Iterator[bytes]:
        for piece in files.pieces(source):
            if self._cancelled():
                raise CutShort
            yield piece
            self._done += len(piece)
            self._progress(self._done, max(self._done, self._all))


def _bring_packets(outbox: Outbox, home: Path, copier: _Copier) -> list[str]:
    """Copy what the medium lacks; the files that are not what was sealed."""
    there = _there(home)
    lacking = [one for one in _held(outbox) if there.get(one.digest) != one.size]
    copier.expect(sum(one.size for one in lacking), home)
    damaged = []
    for one in lacking:
        source = outbox.packet_path(one.file)
        target = home / "packets" / f"{one.digest}.packet"
        try:
            copier.copy(source, target, one.digest)
        except Damaged:
            damaged.append(one.file)
    return damaged


def _held(outbox: Outbox) -> list[_Packet]:
    """Packets whose file is still owed here, oldest first."""
    c = tables.records.c
    gone = select(tables.deletions.c.record)
    query = select(c.file, c.digest, c.size).where(c.record.not_in(gone)).order_by(c.epoch, c.seq)
    with outbox.database.read() as connection:
        return [_Packet(**row) for row in connection.execute(query).mappings()]


def _there(home: Path) -> dict[str, int]:
    """Digest → size of the packets on the medium."""
    with on_medium(), os.scandir(home / "packets") as found:
        return {
            entry.name.removesuffix(".packet"): entry.stat().st_size
            for entry in found
            if entry.name.endswith(".packet")
        }


# --- snapshots -------------------------------------------------------------------------------
@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A private folder for the snapshot being made; what is in it is encrypted already."""
    path = folder / "backing-up"
    shutil.rmtree(path, ignore_errors=True)
    try:
        yield files.private_folder(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _snapshot(
    outbox: Outbox, vault: Vault, home: Path, copier: _Copier, *, utc: str, software: str
) -> Manifest:
    """Both databases under a fresh key, on the medium in a folder that is not yet a snapshot.

    Drafts first: one that is finished in between is in both, and the line then has the last word.
    """
    identity = outbox.station()
    if identity is None:
        raise NothingToBackUp
    key, id = sealing.new_key(), secrets.token_hex(16)
    with on_medium():
        unborn = home / "snapshots" / (id + files.PARTIAL)
        unborn.mkdir()
        earlier = [manifest for _, manifest in manifests(home)]
    with _staging(outbox.folder) as staging:
        path = staging / DRAFTS_FILE
        own = _signed_by(vault.station_keys()[0].public, home)
        drafts, media = _bring_drafts(vault, home, path, key, copier=copier, earlier=own)
        copy_rows(outbox.database, staging / OUTBOX_FILE, key, "outbox", OUTBOX_TABLES)
        sources = [staging / name for name in (OUTBOX_FILE, DRAFTS_FILE)]
        copier.expect(sum(source.stat().st_size for source in sources), home)
        copied = [copier.copy(source, unborn / source.name) for source in sources]
    held = _held(outbox)
    known = canonical.decode(identity.descriptor.encode(), Descriptor)
    return Manifest(
        id=id,
        number=max((one.number for one in earlier), default=0) + 1,
        realm=identity.realm,
        station=identity.station,
        epoch=identity.epoch,
        seq=outbox.seq(),
        made_utc=utc,
        software=software,
        key=backup.seal_key(
            key,
            canonical.from_text(known.recovery),
            realm=identity.realm,
            station=identity.station,
            id=id,
        ),
        files=tuple(copied),
        media=media,
        drafts=drafts,
        packets=len(held),
        bytes=sum(one.size for one in held),
    )


def _bring_drafts(
    vault: Vault, home: Path, path: Path, key: bytes, *, copier: _Copier, earlier: list[Manifest]
) -> tuple[int, tuple[BackedFile, ...]]:
    """The vault's share of a snapshot and the pictures it names: how many drafts, which files.

    A picture that went while it was to be copied belongs to an older draft: then once more.
    """
    known = {one.name: one for manifest in earlier for one in manifest.media}
    for _ in range(_TRIES):
        copy_rows(vault.database, path, key, "vault", DRAFTS_TABLES)
        drafts, names = _contents(path, key)
        lacking = [name for name in names if not _has(home / "media", known.get(name))]
        sources = [vault.media_path(name) for name in lacking]
        if all(source.exists() for source in sources):
            copier.expect(sum(source.stat().st_size for source in sources), home)
            copied = [copier.copy(source, home / "media" / source.name) for source in sources]
            known |= {one.name: one for one in copied}
            return drafts, tuple(known[name] for name in names)
        path.unlink()
    raise Damaged("media")


def _has(folder: Path, one: BackedFile | None) -> bool:
    if one is None:
        return False
    with on_medium():
        path = folder / one.name
        return path.exists() and path.stat().st_size == one.size


def _contents(path: Path, key: bytes) -> tuple[int, list[str]]:
    with opened(path, key, "vault") as database, database.read() as connection:
        names = connection.execute(select(tables.media.c.file)).scalars()
        count = connection.execute(select(func.count()).select_from(tables.drafts)).scalar_one()
        return int(count), sorted(names)


def copy_rows(
    source: Database, path: Path, key: bytes, environment: str, chosen: tuple[Table, ...]
) -> None:
    """Put these tables' rows, as of one moment, into the store at `path` under `key`.

    A station's row loses its transport key: what is restored gets its own.
    """
    with opened(path, key, environment) as copy, source.read() as old, copy.write() as new:
        for table in chosen:
            columns = [column for column in table.c if column.computed is None]
            for rows in old.execute(select(*columns)).mappings().partitions(ROWS):
                new.execute(insert(table), [_without_secrets(table, row) for row in rows])


def _without_secrets(table: Table, row: RowMapping) -> dict[str, object]:
    blank = {"transport": b""} if table is tables.station else {}
    return {**row, **blank}


@contextmanager
def opened(path: Path, key: bytes, environment: str) -> Iterator[Database]:
    """A store's file, made or brought up to this program's version; in one piece once closed."""
    database = open_database(path, key, environment)
    try:
        yield database
        database.purge()
    finally:
        database.close()


def _publish(home: Path, made: Manifest, signer: sealing.Signer) -> None:
    """Sign, read everything back, and only then give the snapshot its name."""
    unborn = home / "snapshots" / (made.id + files.PARTIAL)
    signed = canonical.encode(Signed.by(signer, canonical.encode(made)))
    with on_medium():
        medium.put(unborn / MANIFEST_FILE, [signed])
        unborn.rename(home / "snapshots" / made.id)
        files.sync_folder(home / "snapshots")


def _rotate(outbox: Outbox, home: Path) -> None:
    """Keep the newest snapshots, the pictures they name, and no packet headquarters let us delete.

    What it fails to delete, the next backup deletes.
    """
    gone = select(tables.records.c.digest).join(tables.deletions)
    with outbox.database.read() as connection:
        released = set(connection.execute(gone).scalars())
    with on_medium():
        every = [manifest for _, manifest in manifests(home)]
        kept = every[-KEEP:]
        for old in every[:-KEEP]:
            shutil.rmtree(home / "snapshots" / old.id)
        named = {one.name for manifest in kept for one in manifest.media}
        for path in (home / "media").glob("*.obj"):
            if path.name not in named:
                path.unlink()
        for path in (home / "packets").glob("*.packet"):
            if path.stem in released:
                path.unlink()


def _prepare(home: Path) -> None:
    """The folders of a station's copy, each name durable: what is in them would go with it."""
    for name in ("packets", "media", "snapshots"):
        (home / name).mkdir(parents=True, exist_ok=True)
    for folder in (home, home.parent, home.parent.parent):
        files.sync_folder(folder)


def _sweep(home: Path) -> None:
    """Delete what was cut short."""
    for partial in home.glob(f"*/*{files.PARTIAL}"):
        if partial.is_dir():
            shutil.rmtree(partial)
        else:
            partial.unlink()
