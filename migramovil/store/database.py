"""One encrypted SQLite file: how it is opened, read and written."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import sqlcipher3.dbapi2 as sqlcipher
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from migramovil.core import sealing
from migramovil.store import files
from migramovil.store.trouble import CannotWrite, Closed, Damaged, translated

BUSY_MS = 5000
PURGE_BUSY_MS = 200
SALT_BYTES = 16


def open_engine(path: Path, key: bytes, *, foreign_keys: bool = True) -> Engine:
    """An engine over the SQLCipher file at `path` with a raw 32-byte key.

    The key never enters a URL (engines print theirs). Every transaction begins in so many words:
    the driver's own habit of beginning late would let half a migration survive a crash.
    """

    def connect() -> Any:
        try:
            return prepared(salt_of(key))
        except sqlcipher.Error:
            born_with = _salt_in(path)
            if born_with in {b"", salt_of(key)}:
                raise
            return prepared(born_with)  # made before salts followed from keys

    def prepared(salt: bytes) -> Any:
        connection = sqlcipher.connect(str(path), isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA key = \"x'{key.hex()}{salt.hex()}'\"")
        for pragma in (
            "cipher_log_level = NONE",
            f"busy_timeout = {BUSY_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            f"foreign_keys = {'ON' if foreign_keys else 'OFF'}",
            "secure_delete = ON",
            "temp_store = MEMORY",
        ):
            try:
                connection.execute(f"PRAGMA {pragma}")
            except sqlcipher.Error:
                connection.close()
                raise
        return connection

    engine = create_engine(
        "sqlite://", module=sqlcipher, creator=connect, poolclass=QueuePool, hide_parameters=True
    )
    event.listen(engine, "begin", _begin)
    return engine


def salt_of(key: bytes) -> bytes:
    """The file's 16-byte salt, known from the key: a ruined first page costs no other page."""
    return sealing.derive(key, "migramovil/salt/1")[:SALT_BYTES]


def _salt_in(path: Path) -> bytes:
    """The 16 bytes that open the file; b"" where there is none yet."""
    try:
        with path.open("rb") as file:
            return file.read(SALT_BYTES)
    except FileNotFoundError:
        return b""


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


class Database:
    """An engine with two doors: `read` and `write`, each one transaction. Safe from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._writers = threading.RLock()
        self._engine = engine
        self._reader = engine.execution_options(reading=True)
        self._distrusted = False
        self.written = 0  # goes up with every write, whether or not it came through
        self.purge_owed = True  # what an earlier program deleted may still be in the log

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """All of it is on disk when this ends, or none of it."""
        with self._writers:
            try:
                with self._healing(), self._engine.begin() as connection:
                    yield connection
            finally:
                self.written += 1

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with translated(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def still(self) -> Iterator[None]:
        """No write begins, on any thread, until this ends."""
        with self._writers:
            yield

    def copy_to(self, path: Path, key: bytes) -> Database:
        """The whole of it in a new file under another key: durable and proven sound.

        Call it while `still`, and `take` the copy there if it is to be the one that counts.
        """
        with translated():
            copy = Database(open_engine(path, key))
            try:
                _copy(self._engine, copy._engine)
                if not copy.purge() or not copy.sound():
                    raise Damaged(path.name)
                path.chmod(0o600)
                files.sync(path)
            except BaseException:
                copy.close()
                raise
        return copy

    def take(self, copy: Database) -> None:
        """Be `copy` from now on: whoever holds this goes on in the new file."""
        old, self._engine, self._reader = self._engine, copy._engine, copy._reader
        old.dispose()

    def purge(self) -> bool:
        """Empty the write-ahead log of what was deleted; False, and still owed, while a reader
        holds it."""
        self.purge_owed = True
        with self._healing():
            raw = self._engine.raw_connection()
            try:
                cursor = raw.cursor()
                cursor.execute(f"PRAGMA busy_timeout = {PURGE_BUSY_MS}")
                busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
                cursor.close()
            finally:
                raw.close()
        self.purge_owed = busy != 0
        return not self.purge_owed

    def sound(self) -> bool:
        """Whether every page's seal and every index holds (reads the whole file)."""
        with self.read() as connection:
            seals = connection.exec_driver_sql("PRAGMA cipher_integrity_check").fetchall()
            said = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
        return not seals and said == "ok"

    @contextmanager
    def _healing(self) -> Iterator[None]:
        """Translate; and after such trouble write through new connections only: one that SQLite
        opened while the disk was read-only refuses to write long after the disk is mended."""
        if self._distrusted:
            self._engine.dispose()
        try:
            with translated():
                yield
        except CannotWrite:
            self._distrusted = True
            raise
        self._distrusted = False

    def close(self) -> None:
        """Forget the key: whoever still holds this is told that it is Closed."""
        old, self._engine, self._reader = self._engine, _SHUT, _SHUT.execution_options(reading=True)
        old.dispose()


def _refuse() -> NoReturn:
    raise Closed


_SHUT = create_engine("sqlite://", module=sqlcipher, creator=_refuse)


def _copy(old: Engine, new: Engine) -> None:
    """Page by page, each sealed again under the new key."""
    source, target = old.raw_connection(), new.raw_connection()
    try:
        reader: Any = source.driver_connection
        reader.backup(target.driver_connection)
    finally:
        source.close()
        target.close()
