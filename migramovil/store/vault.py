"""What only a person's slot opens: drafts and their pictures, accounts, the station's own keys."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from migramovil.core import canonical, sealing
from migramovil.core.record import Stamp
from migramovil.core.roles import Account
from migramovil.store import audit, compartments, files, keys, pages
from migramovil.store.audit import Audit
from migramovil.store.compartments import Keepsake
from migramovil.store.database import Database
from migramovil.store.migrate import open_database
from migramovil.store.tables import accounts, drafts, media, settings, station_keys
from migramovil.store.trouble import Damaged, DraftGone, NeedsNewEpoch, VaultLocked, translated


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDraft:
    """An open enrollment: bytes whose `schema` says how to read them."""

    record_id: str
    schema: int
    body: bytes
    updated_utc: str


class Vault:
    """Open while a person is in. Safe from any thread; the Outbox's lock keeps others out."""

    @classmethod
    def create(cls, folder: Path) -> bytes:
        """Make an empty vault; its key, which is kept nowhere but in slots."""
        path = files.private_folder(folder) / keys.VAULT_FILE
        if path.exists():
            raise VaultLocked("there is a vault already")
        key = sealing.new_key()
        open_database(path, key, "vault").close()
        return key

    @classmethod
    def discard(cls, folder: Path) -> None:
        """Put aside what a set-up that headquarters never confirmed left behind.

        Kept, not deleted: whatever is taken for it, people's work may be in it. NeedsNewEpoch where
        it is a salvaged station's.
        """
        if (folder / keys.SALVAGED).exists():
            raise NeedsNewEpoch
        names = ("slots.json", "media", "vault*.db*")
        left = [path for name in names for path in sorted(folder.glob(name))]
        if not left:
            return
        aside = files.private_folder(folder / f"aside-{secrets.token_hex(4)}")
        with translated():
            for path in left:
                path.rename(aside / path.name)
            files.sync_folder(aside)
            files.sync_folder(folder)

    def __init__(self, folder: Path, vault_key: bytes) -> None:
        path = keys.vault_file(folder)
        if not path.exists():
            raise Damaged(f"{path.name} is gone")
        self._media = files.private_folder(folder / "media")
        try:
            self._database = open_database(path, vault_key, "vault")
        except Damaged:
            # SQLCipher cannot tell a wrong key from a ruined first page; the other pages can.
            raise (Damaged(path.name) if pages.read(path, vault_key) else VaultLocked()) from None
        self.audit = Audit(self._database)
        self._finished: set[str] = set()
        self._sweep()
        sweep_files(path)
        self.purge()

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Vault:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def database(self) -> Database:
        """For the other files of this room that keep a subject of their own in the vault."""
        return self._database

    # --- the station's keys, accounts, settings --------------------------------------
    def station_keys(self) -> tuple[sealing.Signer, sealing.Opener]:
        """The station's private keys, saved when it was enrolled."""
        with self._database.read() as connection:
            row = connection.execute(select(station_keys)).first()
        if row is None:
            raise Damaged("station keys")
        return sealing.Signer.load(row.signer), sealing.Opener.load(row.opener)

    def save_station_keys(self, signer: sealing.Signer, opener: sealing.Opener) -> None:
        values = {"signer": signer.dump(), "opener": opener.dump()}
        added = insert(station_keys).values(id=1, **values)
        with self._database.write() as connection:
            connection.execute(added.on_conflict_do_update(index_elements=["id"], set_=values))

    def accounts(self) -> list[Account]:
        with self._database.read() as connection:
            return accounts_in(connection)

    def add_account(self, account: Account) -> None:
        """Keep an account, in place of an earlier word about the same person."""
        with self._database.write() as connection:
            put_account(connection, account)

    def setting(self, key: str) -> str | None:
        with self._database.read() as connection:
            return connection.execute(
                select(settings.c.value).where(settings.c.key == key)
            ).scalar()

    def set_setting(self, key: str, value: str) -> None:
        with self._database.write() as connection:
            set_setting(connection, key, value)

    # --- drafts -------------------------------------------------------------------------
    def save_draft(self, record_id: str, schema: int, body: bytes, updated_utc: str) -> None:
        """Keep a draft, or its newer form: durable when this returns."""
        self._still_open(record_id)
        values = {"schema": schema, "body": body, "updated_utc": updated_utc}
        added = insert(drafts).values(record=record_id, key=sealing.new_key(), **values)
        with self._database.write() as connection:
            connection.execute(added.on_conflict_do_update(index_elements=["record"], set_=values))

    def drafts(self) -> list[StoredDraft]:
        """Every open draft, last touched first."""
        c = drafts.c
        query = select(c.record.label("record_id"), c.schema, c.body, c.updated_utc)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(c.updated_utc.desc(), c.record))
            found = [StoredDraft(**row) for row in rows.mappings()]
        return [draft for draft in found if draft.record_id not in self._finished]

    def draft_ids(self) -> set[str]:
        """Every draft on the disk, also one whose record is in the line and that waits to go."""
        with self._database.read() as connection:
            return set(connection.execute(select(drafts.c.record)).scalars())

    def draft(self, record_id: str) -> StoredDraft | None:
        """One draft on the disk, also when its record is in the line and it waits to go."""
        c = drafts.c
        query = select(c.record.label("record_id"), c.schema, c.body, c.updated_utc)
        with self._database.read() as connection:
            row = connection.execute(query.where(c.record == record_id)).mappings().first()
        return None if row is None else StoredDraft(**row)

    def has_draft(self, record_id: str) -> bool:
        with self._database.read() as connection:
            return _draft_key(connection, record_id) is not None

    def void_draft(
        self, record_id: str, say: Callable[[Connection], object] = lambda _: None
    ) -> None:
        """Destroy a draft, its key and its media; what `say` writes stays, or none of it happens.

        DraftGone when there is no such draft.
        """
        self._still_open(record_id)
        with self._database.write() as connection:
            if _draft_key(connection, record_id) is None:
                raise DraftGone
            say(connection)
            names = self._delete_draft(connection, record_id)
        self.unlink_media(names)
        self.purge()

    def close_finished(
        self,
        record_id: str,
        digest: str,
        actor: str,
        at: Stamp,
        *,
        act: str = "finish",
        keepsake: Keepsake | None = None,
    ) -> list[str]:
        """The vault's half of finishing, in one transaction; the media files now to be unlinked.

        Again changes nothing. Call only once the outbox holds the record: should the disk prevent
        this, the draft is still here, but it is offered to nobody and takes no change.
        """
        self._finished.add(record_id)
        with self._database.write() as connection:
            if _draft_key(connection, record_id) is None:
                return []
            audit.append(connection, actor, act, f"{record_id} {digest}", at)
            if keepsake is not None:
                compartments.keep(connection, record_id, keepsake, at.utc)
            return self._delete_draft(connection, record_id)

    def _delete_draft(self, connection: Connection, record_id: str) -> list[str]:
        """Delete a draft with its key and media rows, and owe the log a purge; its media files."""
        self._database.purge_owed = True
        found = connection.execute(select(media.c.file).where(media.c.record == record_id))
        names = list(found.scalars())
        connection.execute(delete(drafts).where(drafts.c.record == record_id))
        return names

    def _still_open(self, record_id: str) -> None:
        if record_id in self._finished:
            raise DraftGone

    # --- media ---------------------------------------------------------------------------
    def put_media(self, record_id: str, plain: bytes) -> str:
        """Keep a picture or page of a draft, durable when this returns; its object id."""
        self._still_open(record_id)
        with self._database.read() as connection:
            key = _draft_key(connection, record_id)
        if key is None:
            raise DraftGone
        object_id = secrets.token_hex(16)
        file = f"{secrets.token_hex(16)}.obj"
        data = sealing.encrypt_object(key, record_id, object_id, plain)
        files.write(self._media / file, data)
        with self._database.write() as connection:
            # Asked again inside the transaction: the draft may have been voided meanwhile.
            if _draft_key(connection, record_id) != key:
                files.remove(self._media / file)
                raise DraftGone
            connection.execute(insert(media).values(object=object_id, record=record_id, file=file))
        return object_id

    def get_media(self, record_id: str, object_id: str) -> bytes:
        with self._database.read() as connection:
            key = _draft_key(connection, record_id)
            file = connection.execute(
                select(media.c.file).where(media.c.record == record_id, media.c.object == object_id)
            ).scalar()
        if key is None or file is None:
            raise DraftGone
        return self._clear(key, record_id, object_id, file)

    def _clear(self, key: bytes, record_id: str, object_id: str, file: str) -> bytes:
        path = self._media / file
        with translated():
            if not path.exists():
                raise Damaged(f"media/{file}")
            data = path.read_bytes()
        return sealing.decrypt_object(key, record_id, object_id, data)

    def drop_media(self, record_id: str, object_id: str) -> None:
        """Destroy one object (a rewrite is a new one)."""
        self._still_open(record_id)
        chosen = (media.c.record == record_id) & (media.c.object == object_id)
        with self._database.write() as connection:
            names = (
                connection.execute(delete(media).where(chosen).returning(media.c.file))
                .scalars()
                .all()
            )
        self.unlink_media(list(names))

    def all_media(self, record_id: str) -> dict[str, bytes]:
        """Every object of a draft in clear, by id."""
        query = select(media.c.object, media.c.file).where(media.c.record == record_id)
        with self._database.read() as connection:
            key = _draft_key(connection, record_id)
            found = connection.execute(query.order_by(media.c.object)).all()
        if key is None:
            raise DraftGone
        return {row.object: self._clear(key, record_id, row.object, row.file) for row in found}

    def media_path(self, file: str) -> Path:
        return self._media / file

    def unlink_media(self, names: list[str]) -> None:
        """Take files away whose keys are gone: what a power cut brings back is swept."""
        with translated():
            for name in names:
                (self._media / name).unlink(missing_ok=True)

    # --- what was deleted stays deleted ------------------------------------------------------
    def purge(self) -> bool:
        """Leave nothing deleted in the log; False, and still owed, while a reader holds it."""
        return self._database.purge()

    def purge_pending(self) -> bool:
        return self._database.purge_owed

    def sound(self) -> bool:
        """Whether every page and index of the vault holds (slow: reads it whole)."""
        return self._database.sound()

    def _sweep(self) -> None:
        """Delete media files no row names: the power was cut between file and row."""
        files.sweep_partials(self._media)
        with self._database.read() as connection:
            named = set(connection.execute(select(media.c.file)).scalars())
        with translated():
            orphans = [path for path in self._media.glob("*.obj") if path.name not in named]
        for orphan in orphans:
            files.remove(orphan)


def put_account(connection: Connection, account: Account) -> None:
    """Keep an account inside the caller's transaction."""
    body = canonical.encode(account)
    added = insert(accounts).values(account=account.body.account, body=body)
    connection.execute(added.on_conflict_do_update(index_elements=["account"], set_={"body": body}))


def accounts_in(connection: Connection) -> list[Account]:
    bodies = connection.execute(select(accounts.c.body).order_by(accounts.c.account)).scalars()
    return [canonical.decode(body, Account) for body in bodies]


def sweep_files(current: Path) -> None:
    """Delete every vault file but the one that counts: left by a change of key that was cut short.

    Call it only once `current` has been opened.
    """
    kept = {current.name, f"{current.name}-wal", f"{current.name}-shm"}
    swept = [path for path in current.parent.glob("vault*.db*") if path.name not in kept]
    if swept:
        with translated():
            files.sync_folder(current.parent)  # the name that counts, before the other goes
    for left in swept:
        files.remove(left)


def _draft_key(connection: Connection, record_id: str) -> bytes | None:
    return connection.execute(select(drafts.c.key).where(drafts.c.record == record_id)).scalar()


def set_setting(connection: Connection, key: str, value: str) -> None:
    added = insert(settings).values(key=key, value=value)
    connection.execute(added.on_conflict_do_update(index_elements=["key"], set_={"value": value}))
