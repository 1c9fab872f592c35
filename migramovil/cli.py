"""One command. Exit status: 0 done, 1 it did not end well, 2 the command was not understood."""

from __future__ import annotations

import json
import sys
from importlib import import_module, metadata
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup
from typer.main import get_group

from migramovil import __version__
from migramovil.cli_common import AsJson, Data, existing, home, is_training
from migramovil.core.trouble import Trouble


def _later(module: str) -> type[TyperGroup]:
    """A group that reads its commands' module when it is asked for one: no verb waits for the
    libraries of another."""

    class Later(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            self._read()
            return super().list_commands(ctx)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            self._read()
            return super().get_command(ctx, cmd_name)

        def _read(self) -> None:
            self.commands = get_group(import_module(module).app).commands

    return Later


app = typer.Typer(
    name="migramovil",
    help="Enrollment station of the Migramóvil: capture, seal, send, and headquarters' side.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
sync = typer.Typer(
    help="The line of sealed records; works with nobody inside.", no_args_is_help=True
)
app.add_typer(sync, name="sync")
for name, module, says in (
    ("devices", "migramovil.cli_devices", "The devices of this machine, and the machine itself."),
    ("store", "migramovil.cli_backup", "What is kept on this disk."),
    ("bundle", "migramovil.cli_bundle", "The stick: records out, headquarters' word in."),
    ("audit", "migramovil.cli_audit", "Who did what at this station."),
    ("recovery", "migramovil.cli_recovery", "A lost password: the way back in by file."),
    ("sim", "migramovil.cli_sim", "A training station's played devices, and who sits before them."),
    ("hq", "migramovil.headquarters.commands", "Headquarters: receive, open, vouch."),
):
    app.add_typer(
        typer.Typer(cls=_later(module), help=says, no_args_is_help=True),
        name=name,
    )


def main() -> None:
    """Run the command; a trouble is told in words and ends with status 1."""
    try:
        app()
    except Trouble as trouble:
        print(f"{trouble.code}  {trouble.what}\n{trouble.advice}", file=sys.stderr)
        if trouble.detail:
            print(f"({trouble.detail})", file=sys.stderr)
        raise SystemExit(1) from None


@app.callback(invoke_without_command=True)
def about(
    version: Annotated[bool, typer.Option("--version", help="Say the version and stop.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
def station(
    data: Data = None,
    training: Annotated[
        bool, typer.Option("--training", help="Played devices and a local headquarters.")
    ] = False,
    *,
    reader: Annotated[
        Literal["uru4500", "microsoft", "ef01", "sbi"], typer.Option(help="The played reader.")
    ] = "uru4500",
    printer: Annotated[
        Literal["escpos", "ipp"], typer.Option(help="The played printer.")
    ] = "escpos",
    table_camera: Annotated[
        bool, typer.Option("--table-camera", help="Play a camera over the table as well.")
    ] = False,
    gnss: Annotated[
        bool, typer.Option("--gnss", help="Play a satellite receiver as well.")
    ] = False,
) -> None:
    """Open the station."""
    from migramovil import opening
    from migramovil.demo import training as school

    folder = data or home(training=training)
    if not training:
        raise typer.Exit(opening.open_station(folder))
    table = {"document_camera": table_camera, "gnss": gnss}
    raise typer.Exit(school.open_station(folder, reader=reader, printer=printer, **table))


@app.command()
def demo(
    people: Annotated[int, typer.Option(min=1, max=500, help="How many people are enrolled.")] = 2,
    out: Annotated[
        Path | None, typer.Option(help="Where everything is left; new or empty.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed brings the same people.")] = 1,
    fault: Annotated[
        str,
        typer.Option(
            help="wrong-receipt-key, corrupt-part, link-cut or kill-after-finish.",
        ),
    ] = "",
) -> None:
    """Drive the real pages from chair to receipt, without a display; one JSON object a person."""
    from migramovil.demo import story

    if fault and fault not in story.FAULTS:
        raise typer.BadParameter(f"one of: {', '.join(story.FAULTS)}", param_hint="--fault")
    raise typer.Exit(story.run(people=people, out=out, seed=seed, fault=fault))


@app.command("demo-station", hidden=True)
def _demo_station(plan: Path) -> None:
    """The demonstration's station process."""
    from migramovil.demo import actor

    raise typer.Exit(actor.play(plan))


@sync.command("status")
def sync_status(data: Data = None, as_json: AsJson = False) -> None:
    """How many records rest in each state."""
    from migramovil.store.outbox import Outbox

    outbox = Outbox(existing(data))
    try:
        counts = outbox.counts()
    finally:
        outbox.close()
    line = {
        "sealed": counts.sealed,
        "stored": counts.stored,
        "opened": counts.opened,
        "refused": counts.refused,
    }
    print(json.dumps(line) if as_json else "  ".join(f"{k} {v}" for k, v in line.items()))


@sync.command("now")
def sync_now(data: Data = None, as_json: AsJson = False) -> None:
    """Bring what waits to headquarters now; 0 when nothing is left that headquarters lacks."""
    from migramovil import app as rooms

    built = rooms.build(existing(data), training=is_training(existing(data)))
    try:
        identity = built.outbox.station()
        if identity is None:
            print("Esta estación todavía no está enrolada.", file=sys.stderr)
            raise typer.Exit(1)
        status = rooms.sync_engine(built.outbox, built.desk, identity).turn()
        line = {
            "kind": str(status.kind),
            "waiting": status.waiting,
            "trouble": status.trouble.code if status.trouble else None,
        }
        print(json.dumps(line) if as_json else f"{line['kind']}: {line['waiting']} por enviar")
        if status.waiting:
            raise typer.Exit(1)
    finally:
        built.close()


@app.command()
def licences(as_json: AsJson = False) -> None:
    """The licence of everything installed; status 1 if any is GPL or AGPL only."""
    bad = 0
    for name, licence in sorted(_licences().items(), key=lambda pair: pair[0].lower()):
        only = _gpl_only(licence)
        bad += only
        if as_json:
            print(json.dumps({"name": name, "licence": licence, "gpl_only": only}))
        else:
            print(f"{name:28} {licence}{'   <-- GPL' if only else ''}")
    raise typer.Exit(1 if bad else 0)


def _licences() -> dict[str, str]:
    found: dict[str, str] = {}
    for dist in metadata.distributions():
        about: Any = dist.metadata  # an email.message.Message, by the packaging standard
        classifiers = [
            c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or [] if "License" in c
        ]
        words = about.get("License-Expression") or " / ".join(classifiers)
        first_line = (about.get("License") or "").strip().split("\n")[0]
        found[about["Name"]] = words or first_line[:80] or "unknown"
    return found


def _gpl_only(licence: str) -> bool:
    """Whether every way to use it is GPL or AGPL; one LGPL or permissive choice is enough."""
    choices = licence.replace(" / ", " OR ").split(" OR ")
    return all(
        ("GPL" in c or "General Public" in c) and "LGPL" not in c and "Lesser" not in c
        for c in choices
    )
