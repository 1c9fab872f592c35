"""`migramovil devices report`: what ails this station: to read out, on a stick, to headquarters.

Exit status: 0 nothing is wrong, 1 something is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migramovil.cli_common import AsJson, Data, home, is_training

if TYPE_CHECKING:
    from migramovil.services.supporting import Report


def report(
    data: Data = None,
    as_json: AsJson = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="A stick or folder to put it on, sealed.")
    ] = None,
    send: Annotated[
        bool, typer.Option("--send", help="Leave it, sealed, for the next connection.")
    ] = False,
) -> None:
    """The report for support: first what is wrong and what to do, then where the rest went.

    With --json all of it in clear, redacted; without, only the summary. Sealed it is for
    headquarters' support alone.
    """
    from migramovil import app as rooms

    folder = data or home(training=False)
    training = (folder / "outbox.db").exists() and is_training(folder)
    station = rooms.build(folder, training=training)
    try:
        supporting = station.desk.supporting
        made = supporting.collect().result()
        print(json.dumps(made.content, ensure_ascii=False) if as_json else _summary(made))
        if out is not None:
            _say(f"Sellado en {supporting.save(made, out).result()}")
        if send:
            supporting.send(made).result()
            _say("Sellado. Sale con el próximo envío, después de los registros.")
    finally:
        station.close()
    if made.wrong:
        raise typer.Exit(1)


def _summary(made: Report) -> str:
    """What is wrong, to be read out over the telephone."""
    if not made.wrong:
        return "Nada falla."
    lines = [f"{len(made.wrong)} por atender"]
    for one in made.wrong:
        lines += [f"{one.code}  {one.name}: {one.what}", f"{'':{len(one.code)}}  {one.advice}"]
    return "\n".join(lines)


def _say(words: str) -> None:
    print(words, file=sys.stderr)
