"""`migramovil bundle export | import`: the stick, with no network ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from migramovil.cli_common import AsJson, Data, existing, is_training, tell

if TYPE_CHECKING:
    from migramovil.services.bundles import Bundles, Exported, Imported

app = typer.Typer(
    help="Sealed records out on a stick, headquarters' word back in; nobody need be inside.",
    no_args_is_help=True,
)

SameDisk = Annotated[
    bool, typer.Option("--same-disk", help="Allow a folder on the station's own disk.")
]
Stick = Annotated[Path, typer.Argument(help="The stick's folder.")]


@app.command("export")
def export(
    to: Annotated[Path, typer.Option("--to", help="The stick's folder.")],
    data: Data = None,
    same_disk: SameDisk = False,
    as_json: AsJson = False,
) -> None:
    """Copy all that waits, read it back, and say when the stick may be pulled out.

    Nothing leaves the station by this. Status 1: a packet here is damaged and was not copied.
    """
    with _bundles(data) as bundles:
        done = bundles.export(to, same_disk=same_disk).result()
    tell(as_json, asdict(done), _out(done))
    if done.damaged:
        raise typer.Exit(1)


@app.command("import")
def bring_in(stick: Stick, data: Data = None, as_json: AsJson = False) -> None:
    """File what headquarters put on the stick. Status 1: something on it was not used."""
    with _bundles(data) as bundles:
        done = bundles.bring_in(stick).result()
    tell(as_json, _row(done), _in(done))
    for trouble in done.troubles:
        typer.echo(f"{trouble.code}  {trouble.what}  ({trouble.detail})", err=True)
    if done.troubles:
        raise typer.Exit(1)


@contextmanager
def _bundles(data: Path | None) -> Iterator[Bundles]:
    from migramovil import app as rooms

    folder = existing(data)
    station = rooms.build(folder, training=is_training(folder))
    try:
        yield station.desk.bundles
    finally:
        station.close()


def _row(done: Imported) -> dict[str, Any]:
    return {
        "receipts": done.receipts,
        "opened": done.opened,
        "answers": done.answers,
        "lists": list(done.lists),
        "troubles": [trouble.code for trouble in done.troubles],
    }


def _out(done: Exported) -> str:
    return (
        f"{done.packets} registros en la memoria ({done.copied} nuevos), {done.letters} avisos. "
        "Puede retirar la memoria."
    )


def _in(done: Imported) -> str:
    return (
        f"{done.receipts} registros avanzaron, {done.opened} confirmados; {len(done.lists)} listas."
    )
