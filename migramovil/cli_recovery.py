"""`migramovil recovery …`: the way back in by file, without the window. Status 0 done, 1 not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migramovil.cli_common import AsJson, Data, existing, is_training

if TYPE_CHECKING:
    from migramovil.app import Station

app = typer.Typer()

Username = Annotated[str, typer.Option("--username", help="Whose password was lost.")]


@app.command("status")
def status(data: Data = None, as_json: AsJson = False) -> None:
    """The number headquarters can release by voice now."""
    built = _built(data)
    try:
        number = built.desk.recovery.number()
    finally:
        built.close()
    row = {"station": built.desk.place.code, "number": number}
    typer.echo(json.dumps(row) if as_json else f"{built.desk.place.code}  {number or '-'}")


@app.command("request")
def request(
    username: Username,
    out: Annotated[Path, typer.Option("--out", help="The file for headquarters; new.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write the request; asks for the new password, which the reply will need again."""
    password = typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    if out.exists():
        raise typer.BadParameter(f"{out} is there already", param_hint="--out")
    built = _built(data)
    try:
        built.desk.recovery.save_request(username, password, out).result()
    finally:
        built.close()
    typer.echo(json.dumps({"out": str(out)}) if as_json else str(out))


@app.command("reply")
def reply(
    username: Username,
    file: Annotated[Path, typer.Argument(help="What headquarters answered.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Take headquarters' reply: the new password opens the station from now on."""
    password = typer.prompt("New password", hide_input=True, err=True)
    built = _built(data)
    try:
        built.desk.recovery.take_reply_from(username, password, file).result()
    finally:
        built.close()
    typer.echo(json.dumps({"username": username}) if as_json else username)


def _built(data: Path | None) -> Station:
    from migramovil import app as rooms

    folder = existing(data)
    return rooms.build(folder, training=is_training(folder))
