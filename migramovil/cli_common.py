"""What the station's commands share: its folder, how lines are told, and a person coming in."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from migramovil.app import Station

Data = Annotated[Path | None, typer.Option("--data", help="The station's data folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def home(*, training: bool) -> Path:
    """Where a station's data lies when nobody says otherwise."""
    base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", str(Path.home())))
    return base / "migramovil" / ("training" if training else "station")


def existing(data: Path | None) -> Path:
    """The folder of a station that is there, or misuse (status 2)."""
    folder = data or home(training=False)
    if not (folder / "outbox.db").exists():
        raise typer.BadParameter(f"no station in {folder}", param_hint="--data")
    return folder


def is_training(folder: Path) -> bool:
    from migramovil.core.record import Realm
    from migramovil.store.outbox import Outbox

    with Outbox(folder) as outbox:
        identity = outbox.station()
    return identity is not None and identity.realm is Realm.TRAINING


def tell(as_json: bool, line: dict[str, Any], words: str) -> None:
    """One line on the output: JSON, or words for a person."""
    typer.echo(json.dumps(line, ensure_ascii=False) if as_json else words)


@contextmanager
def inside(data: Path | None, user: str) -> Iterator[Station]:
    """The station with `user` inside, by the passphrase typed; nothing runs by itself."""
    from migramovil import app as rooms

    folder = existing(data)
    station = rooms.build(folder, training=is_training(folder))
    try:
        station.desk.accounts.on_entered = lambda: None
        passphrase = typer.prompt("Passphrase", hide_input=True, err=True)
        station.desk.accounts.log_in(user, passphrase).result()
        yield station
    finally:
        station.close()
