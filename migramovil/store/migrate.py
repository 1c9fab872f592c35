"""Bring a store up to this program's version: whole steps or no trace."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect

import migramovil
from migramovil.store import files
from migramovil.store.database import Database, open_engine
from migramovil.store.trouble import Damaged, FromTheFuture, translated

if TYPE_CHECKING:
    from alembic.config import Config

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
            with engine.connect() as connection:
                now = _revision(connection)
            due = now is not None and now != newest(environment)
            if due:
                _copy(engine, copy, key)
            if now is None or due:
                with engine.begin() as connection:
                    upgrade(connection, settings(environment))
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


def _revision(connection: Connection) -> str | None:
    """The migration a store was brought to; None where there is no store yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.exec_driver_sql(
        "SELECT version_num FROM alembic_version"
    ).scalar()
    return found


def newest(environment: str) -> str:
    """This program's last migration. Their files are called by number, so that nobody has to read
    them, nor to wait for Alembic, where there is nothing to do."""
    last = max(path.name for path in (scripts(environment) / "versions").glob("*.py"))
    return last.split("_")[0]


def _copy(engine: Engine, copy: Path, key: bytes) -> None:
    files.remove(copy)
    database = Database(engine).copy_to(copy, key)
    database.close()


def scripts(environment: str) -> Path:
    """The folder of a store's migrations."""
    package = Path(migramovil.__file__).parent
    inside = package / "_alembic"
    return (inside if inside.is_dir() else package.parent / "alembic") / "station" / environment


def settings(environment: str) -> Config:
    """The same, as Alembic wants to be told."""
    from alembic.config import Config  # noqa: PLC0415 - slow to load, and seldom needed

    config = Config()
    config.set_main_option("script_location", str(scripts(environment)).replace("%", "%%"))
    return config


def upgrade(connection: Connection, config: Config, target: str = "head") -> None:
    """Run what is missing inside the caller's transaction."""
    import alembic.command  # noqa: PLC0415
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

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
