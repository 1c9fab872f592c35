"""Ways to break the product's promise, which the harness must notice. Applied in the child only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from migramovil.store import files, migrate


def _normal_sync() -> None:
    """SQLite as most programs run it: a commit waits for the next checkpoint."""
    honest = vars(migrate)["open_engine"]

    def open_engine(path: Path, key: bytes, *, foreign_keys: bool = True) -> Engine:
        engine: Engine = honest(path, key, foreign_keys=foreign_keys)
        event.listen(engine, "connect", _relax)
        return engine

    vars(migrate)["open_engine"] = open_engine


def _relax(connection: Any, record: object) -> None:
    del record
    connection.execute("PRAGMA synchronous = NORMAL")


def _drop_file() -> None:
    """Files that are written and never synced."""

    def write(path: Path, *parts: bytes) -> None:
        path.write_bytes(b"".join(parts))

    files.write = write


SABOTAGE: Mapping[str, Callable[[], None]] = {
    "": lambda: None,
    "normal-sync": _normal_sync,
    "drop-file": _drop_file,
}
