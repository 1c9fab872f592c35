"""Bring a store up to this program's version: whole steps or no trace."""

from __future__ import annotations

import threading
from pathlib import Path

import alembic.command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

import migramovil
from migramovil.store import files
from migramovil.store.database import Database, open_engine
from migramovil.store.trouble import Damaged, FromTheFuture, translated

# Alembic keeps the environment that is running in module globals.
_ONE_AT_A_TIME = threading.Lock()
BEFORE = ".before"


def open_database(path: Path, key: bytes, environment: str) -> Database:
    """The store at `path`, made or upgraded as needed; `environment` is "outbox" or "vault".

    An upgrade first copies the file as it was, under the same key. The outbox's copy stays until
    the next start that needs no upgrade; the vault's only until the new one was read whole, for
    it would keep the keys of drafts that are finished meanwhile.
    """
    copy = path.with_name(path.name + BEFORE)
    with translated():
        # Rebuilding a table needs foreign keys off, and a transaction cannot switch them.
        engine = open_engine(path, key, foreign_keys=False)
        try:
            config = settings(environment)
            with engine.connect() as connection:
                due = _due(connection, config)
            if due:
                _copy(engine, copy, key)
            with engine.begin() as connection:
                upgrade(connection, config)
        finally:
            engine.dispose()
        path.chmod(0o600)
    database = Database(open_engine(path, key))
    if due and not database.sound():
        database.close()
        raise Damaged(copy.name)
    if copy.exists() and (not due or environment == "vault"):
        files.remove(copy)
    return database


def _due(connection: Connection, config: Config) -> bool:
    """Whether there is a store, and it is of an older program."""
    now = MigrationContext.configure(connection).get_current_revision()
    return now is not None and now != ScriptDirectory.from_config(config).get_current_head()


def _copy(engine: Engine, copy: Path, key: bytes) -> None:
    files.remove(copy)
    database = Database(engine).copy_to(copy, key)
    database.close()


def settings(environment: str) -> Config:
    package = Path(migramovil.__file__).parent
    inside = package / "_alembic"
    home = inside if inside.is_dir() else package.parent / "alembic"
    config = Config()
    config.set_main_option(
        "script_location", str(home / "station" / environment).replace("%", "%%")
    )
    return config


def upgrade(connection: Connection, config: Config, target: str = "head") -> None:
    """Run what is missing inside the caller's transaction."""
    known = ScriptDirectory.from_config(config)
    now = MigrationContext.configure(connection).get_current_revision()
    if now == known.get_current_head():
        return
    if now is not None and now not in {script.revision for script in known.walk_revisions()}:
        raise FromTheFuture(now)
    config.attributes["connection"] = connection
    with _ONE_AT_A_TIME:
        alembic.command.upgrade(config, target)
    if connection.exec_driver_sql("PRAGMA foreign_key_check").fetchone() is not None:
        raise Damaged("foreign keys")
