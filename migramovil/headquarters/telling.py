"""What every command of headquarters shares: its options, its books, and how it says things."""

from __future__ import annotations

import json
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.exc import SQLAlchemyError

from migramovil.core.trouble import Trouble
from migramovil.headquarters import hosting, server, setup
from migramovil.headquarters.store import Store

log = logging.getLogger(__name__)

Data = Annotated[
    Path, typer.Option("--data", help="Headquarters' data folder.", envvar="MIGRAMOVIL_HQ")
]
Unlock = Annotated[Path | None, typer.Option("--unlock", help="Folder of the NAME.unlock files.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@contextmanager
def said() -> Iterator[None]:
    """A trouble becomes its words on the error output and exit status 1."""
    try:
        yield
    except Trouble as trouble:
        detail = f" [{trouble.detail}]" if trouble.detail else ""
        typer.echo(f"{trouble.code} {trouble.what} {trouble.advice}{detail}", err=True)
        raise typer.Exit(1) from None
    except OSError as problem:
        typer.echo(f"HQ-00 {problem.strerror or type(problem).__name__}", err=True)
        raise typer.Exit(1) from None


@contextmanager
def books(data: Path) -> Iterator[Store]:
    setup.signed_descriptor(data)  # never makes books in a folder that is not a headquarters
    store = Store(data / server.BOOKS)
    try:
        yield store
    finally:
        store.close()


def rounds(work: Callable[[], object], *, pause_s: float, once: bool) -> None:
    """Do it once; or again and again until asked to stop, which is heard between two rounds. Then
    it says on standard error, in JSON lines, what went wrong, and goes on."""
    if once:
        work()
        return
    hosting.log_to_stderr()
    stop = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: stop.set())
    while not stop.is_set():
        try:
            work()
        except Trouble as trouble:
            log.error("a round failed: %s", trouble.code)
        except (OSError, SQLAlchemyError) as problem:  # a disk that is full today is not tomorrow
            log.error("a round failed: %s", type(problem).__name__)
        stop.wait(pause_s)


def tell(as_json: bool, row: dict[str, Any], line: str) -> None:
    typer.echo(json.dumps(row, ensure_ascii=False) if as_json else line)
