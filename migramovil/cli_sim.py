"""`migramovil sim …`: a trainer's hand on the played devices of a training station that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from migramovil.cli_common import AsJson, Data, home, tell

if TYPE_CHECKING:
    from migramovil.devices.sim.control import Answer

app = typer.Typer(no_args_is_help=True)

Device = Annotated[str, typer.Argument(help="As `sim list` names it: camera, reader, printer…")]


@app.command("list")
def list_(data: Data = None, as_json: AsJson = False) -> None:
    """Every played device with its faults, and who may sit on the chair."""
    answer = _asked(data, verb="list")
    for device in answer.devices:
        tell(as_json, device, f"{device['key']:8} {device['name']}")
        for one in [] if as_json else device["switches"]:
            mark = "●" if one["on"] else "·"
            typer.echo(f"  {mark} {one['key']:22} {one['name']}: {one['does']}")
    for person in answer.people:
        mark = "●" if person["seated"] else "·"
        words = f"{mark} {person['number']:2} {person['name']}, {person['document']}"
        tell(as_json, person, f"{words}, {person['about']}")


@app.command()
def fault(
    device: Device,
    name: Annotated[str, typer.Argument(metavar="FAULT", help="As `sim list` names it.")],
    off: Annotated[bool, typer.Option("--off", help="End it.")] = False,
    data: Data = None,
) -> None:
    """Make a fault happen, or end it."""
    _asked(data, verb="fault", device=device, fault=name, on=not off)


@app.command()
def clear(
    device: Annotated[str, typer.Argument(help="One device; all when none is named.")] = "",
    data: Data = None,
) -> None:
    """End every fault."""
    _asked(data, verb="clear", device=device)


@app.command()
def sit(
    number: Annotated[int, typer.Argument(help="Of the person, as `sim list` counts them.")] = -1,
    data: Data = None,
) -> None:
    """Send somebody to the chair, for whoever starts next; without a number it is emptied."""
    _asked(data, verb="sit", number=number)


@app.command()
def lay(
    finger: Annotated[int, typer.Argument(min=0, max=10, help="1..10; 0: as asked for.")] = 0,
    data: Data = None,
) -> None:
    """Which finger is laid on the glass, whatever the officer asks for."""
    _asked(data, verb="lay", finger=finger)


def _asked(data: Any, **order: Any) -> Answer:
    from migramovil.devices.sim import control

    return control.ask(data or home(training=True), **order)
