"""Migrations: they make exactly the tables the code believes in, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import alembic.command
import pytest
import sqlcipher3.dbapi2 as sqlcipher
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Integer, LargeBinary, MetaData, exc

from migramovil.store import migrate, tables
from migramovil.store.database import open_engine
from migramovil.store.trouble import FromTheFuture

KEY = b"k" * 32
BOTH = pytest.mark.parametrize(
    ("environment", "metadata"), [("outbox", tables.outbox), ("vault", tables.vault)]
)


def schema(path: Path) -> dict[str, str]:
    engine = open_engine(path, KEY)
    with engine.begin() as connection:
        rows = connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master"
            " WHERE sql IS NOT NULL AND name != 'alembic_version'"
        ).fetchall()
    engine.dispose()
    return {
        name: " ".join(sql.replace(chr(34), "").split()) for name, sql in rows
    }  # a rename quotes


@BOTH
def test_the_newest_migration_makes_exactly_the_declared_tables(
    tmp_path: Path, environment: str, metadata: MetaData
) -> None:
    migrate.open_database(tmp_path / "a.db", KEY, environment).close()
    engine = open_engine(tmp_path / "b.db", KEY)
    metadata.create_all(engine)
    engine.dispose()
    # the SQL itself, because alembic's comparison is blind to CHECK constraints
    assert schema(tmp_path / "a.db") == schema(tmp_path / "b.db")
    engine = open_engine(tmp_path / "a.db", KEY)
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


@BOTH
def test_migrations_are_called_by_number_in_their_order(
    environment: str, metadata: MetaData
) -> None:
    del metadata
    known = ScriptDirectory.from_config(migrate.settings(environment))
    in_order = [Path(script.path).name for script in known.walk_revisions()]
    assert in_order == sorted(in_order, reverse=True)
    assert migrate.newest(environment) == known.get_current_head()


@BOTH
def test_every_migration_goes_down_and_up_again(
    tmp_path: Path, environment: str, metadata: MetaData
) -> None:
    del metadata
    path = tmp_path / "a.db"
    migrate.open_database(path, KEY, environment).close()
    before = schema(path)
    engine = open_engine(path, KEY, foreign_keys=False)
    with engine.begin() as connection:
        config = migrate.settings(environment)
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, "base")
    engine.dispose()
    assert schema(path) == {}
    migrate.open_database(path, KEY, environment).close()
    assert schema(path) == before


DYING = """
import sqlalchemy as sa
from alembic import op
revision = "9999"
down_revision = "NEWEST"
branch_labels = depends_on = None
def upgrade():
    op.create_table("half", sa.Column("id", sa.Integer, primary_key=True))
    with op.batch_alter_table("records") as batch:
        batch.add_column(sa.Column("more", sa.Text))
    raise KeyboardInterrupt
def downgrade():
    pass
"""


def test_a_migration_that_dies_midway_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    migrate.open_database(path, KEY, "outbox").close()
    before = schema(path)
    config = migrate.settings("outbox")
    home = Path(config.get_main_option("script_location") or "")
    copy = tmp_path / "env"
    (copy / "versions").mkdir(parents=True)
    (copy / "env.py").write_text((home / "env.py").read_text())
    for script in (home / "versions").glob("*.py"):
        (copy / "versions" / script.name).write_text(script.read_text())
    newest = ScriptDirectory.from_config(config).get_current_head() or ""
    (copy / "versions" / "9999_dying.py").write_text(DYING.replace("NEWEST", newest))
    config.set_main_option("script_location", str(copy))
    engine = open_engine(path, KEY, foreign_keys=False)
    with pytest.raises(KeyboardInterrupt), engine.begin() as connection:
        migrate.upgrade(connection, config)
    engine.dispose()
    assert schema(path) == before
    migrate.open_database(path, KEY, "outbox").close()


def test_a_store_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    migrate.open_database(path, KEY, "vault").close()
    engine = open_engine(path, KEY)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '7777'")
    engine.dispose()
    with pytest.raises(FromTheFuture):
        migrate.open_database(path, KEY, "vault")


# ---- data that an older program left ---------------------------------------------------------
def old_store(path: Path, environment: str) -> dict[str, list[tuple[Any, ...]]]:
    """A store of the first revision with a row in every table; those rows."""
    engine = open_engine(path, KEY, foreign_keys=False)
    with engine.begin() as connection:
        migrate.upgrade(connection, migrate.settings(environment), "0001")
    with engine.begin() as connection:
        known = MetaData()
        known.reflect(connection)
        tables = [table for table in known.sorted_tables if table.name != "alembic_version"]
        for table in tables:
            row = {c.name: value(c) for c in table.c if c.name != "state"}
            connection.execute(table.insert().values(**row))
        rows = {
            table.name: [tuple(r) for r in connection.execute(table.select())] for table in tables
        }
    engine.dispose()
    return rows


def value(column: Column[Any]) -> Any:
    if isinstance(column.type, LargeBinary):
        return b"k" * 32
    if isinstance(column.type, Integer):
        return 1
    if column.name in {"digest", "hash"}:
        return "a" * 64
    return {"realm": "training", "kind": "stored"}.get(column.name, "1")


def rows_of(path: Path, before: dict[str, list[tuple[Any, ...]]]) -> dict[str, Any]:
    """The same tables now, as far as their first columns."""
    engine = open_engine(path, KEY)
    with engine.begin() as connection:
        known = MetaData()
        known.reflect(connection)
        found = {
            name: [
                tuple(row)[: len(old[0])] for row in connection.execute(known.tables[name].select())
            ]
            for name, old in before.items()
        }
    engine.dispose()
    return found


@BOTH
def test_data_of_an_older_program_is_all_there_after_the_upgrade(
    tmp_path: Path, environment: str, metadata: MetaData
) -> None:
    path = tmp_path / "a.db"
    before = old_store(path, environment)
    migrate.open_database(path, KEY, environment).close()
    assert rows_of(path, before) == before
    engine = open_engine(path, KEY)
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


@BOTH
def test_data_survives_every_step_down_and_up(
    tmp_path: Path, environment: str, metadata: MetaData
) -> None:
    del metadata
    path = tmp_path / "a.db"
    before = old_store(path, environment)
    config = migrate.settings(environment)
    steps = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    for target in [*steps, *reversed(steps)]:
        engine = open_engine(path, KEY, foreign_keys=False)
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            now = MigrationContext.configure(connection).get_current_revision() or ""
            way = alembic.command.upgrade if target > now else alembic.command.downgrade
            if target != now:
                way(config, target)
        engine.dispose()
        assert rows_of(path, before) == before


@BOTH
def test_an_upgrade_keeps_the_file_as_it_was_no_longer_than_is_safe(
    tmp_path: Path, environment: str, metadata: MetaData
) -> None:
    del metadata
    path, copy = tmp_path / "a.db", tmp_path / "a.db.before"
    before = old_store(path, environment)
    migrate.open_database(path, KEY, environment).close()
    if environment == "outbox":
        assert rows_of(copy, before) == before
        assert oct(copy.stat().st_mode)[-3:] == "600"
    else:
        assert not copy.exists()  # it would hold the keys of drafts that are finished from now on
    migrate.open_database(path, KEY, environment).close()
    assert list(tmp_path.glob("a.db.before*")) == []


def test_a_failed_upgrade_leaves_the_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.db"
    before = old_store(path, "vault")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(migrate, "upgrade", die)
    with pytest.raises(KeyboardInterrupt):
        migrate.open_database(path, KEY, "vault")
    assert rows_of(tmp_path / "a.db.before", before) == rows_of(path, before) == before


def test_a_store_made_with_a_salt_of_its_own_still_opens(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    old = sqlcipher.connect(str(path), isolation_level=None)
    old.execute(f"PRAGMA key = \"x'{KEY.hex()}'\"")
    old.execute("PRAGMA journal_mode = WAL")
    old.execute("CREATE TABLE kept (word TEXT)")
    old.execute("INSERT INTO kept VALUES ('here')")
    old.close()
    engine = open_engine(path, KEY)
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT word FROM kept").scalar() == "here"
    engine.dispose()
    with pytest.raises(exc.DatabaseError):
        open_engine(path, b"x" * 32).connect()
