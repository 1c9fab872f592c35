"""`migramovil hq operators | recovery | keys …`: who may let people back in, and the keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from migramovil.core import sealing
from migramovil.headquarters import operators, people, recovery, setup
from migramovil.headquarters.store import Store
from migramovil.headquarters.telling import AsJson, Data, Unlock, books, said, tell

operators_app = typer.Typer(help="Who may let a person back into a station.", no_args_is_help=True)
recovery_app = typer.Typer(
    help="Letting a person back in, or a station: two operators, always.", no_args_is_help=True
)
keys_app = typer.Typer(help="Headquarters' own keys.", no_args_is_help=True)

Passphrase = Annotated[
    str,
    typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for."),
]


@operators_app.command("add")
def add_operator(
    data: Data,
    name: Annotated[str, typer.Argument(help="The operator's name.")],
    passphrase: Passphrase,
    as_json: AsJson = False,
) -> None:
    """Authorize a person; only their passphrase opens their key. Two operators sign for the third
    and each after."""
    with said(), books(data) as store:
        made = operators.add(store, name, passphrase, utc(), approvers=lambda: approvers(store))
        tell(as_json, {"name": made.name, "public": made.public}, made.name)


@operators_app.command("list")
def list_operators(data: Data, as_json: AsJson = False) -> None:
    """Who is authorized."""
    with said(), books(data) as store:
        authorized = operators.authorized(store)
        for one in people.operators(store):
            ok = one in authorized
            row = {"name": one.name, "public": one.public, "added": one.added, "authorized": ok}
            tell(as_json, row, f"{one.name}  {one.added}{'' if ok else '  NOT AUTHORIZED'}")


@recovery_app.command("release")
def release(
    *,
    data: Data,
    station: Annotated[str, typer.Option("--station", help="Short code, such as 07A.")],
    number: Annotated[int, typer.Option("--number", min=1, help="As the station shows it.")],
    account: Annotated[str, typer.Option("--account", help="Username of who is let back in.")],
    unlock: Unlock = None,
    as_json: AsJson = False,
) -> None:
    """Print the four lines to read out, once two operators gave their passphrases."""
    with said(), books(data) as store:
        lines = recovery.release(
            store,
            setup.opener(data, unlock).every_operational,
            lambda: approvers(store),
            realm=setup.descriptor(data).realm,
            code=station,
            number=number,
            username=account,
            utc=utc(),
        )
        spoken = "\n".join(f"{at}:  {line}" for at, line in enumerate(lines, 1))
        tell(as_json, {"station": station, "number": number, "lines": list(lines)}, spoken)


@recovery_app.command("answer")
def answer(
    data: Data,
    request: Annotated[Path, typer.Argument(help="The station's request file.")],
    out: Annotated[Path, typer.Option("--out", help="The reply to carry back; new.")],
    unlock: Unlock = None,
    as_json: AsJson = False,
) -> None:
    """Answer a request file with the offline keys, once two operators gave their passphrases."""
    with said(), books(data) as store:
        asked = request.read_bytes()
        who = recovery.asked_by(asked)
        typer.echo(f"{who.code}  {who.username}  {who.utc}", err=True)
        reply = recovery.answer(
            store,
            setup.offline(data, unlock),
            lambda: approvers(store),
            asked,
            realm=setup.descriptor(data).realm,
            utc=utc(),
        )
        with out.open("xb") as file:
            file.write(reply)
        tell(as_json, {"station": who.code, "out": str(out)}, str(out))


@recovery_app.command("log")
def log(data: Data, as_json: AsJson = False) -> None:
    """Every recovery and every restore (R-…) allowed, and by whom."""
    with said(), books(data) as store:
        for one in people.releases(store):
            line = f"{one.utc}  {one.station}  {one.reference}  {one.username}  {one.operators}"
            tell(as_json, asdict(one), line)


@keys_app.command("rotate")
def rotate(
    data: Data,
    signers: Annotated[
        bool, typer.Option("--signers", help="Also the receipts' two keys.")
    ] = False,
    registrar: Annotated[bool, typer.Option("--registrar", help="Also the registrar's.")] = False,
    unlock: Unlock = None,
    as_json: AsJson = False,
) -> None:
    """Seal to a new operational key from now on; needs the offline folder. Then restart serve and
    opener. What was sealed or signed before stays good."""
    with said():
        made = setup.rotate(data, signers=signers, registrar=registrar, unlock=unlock)
        tell(as_json, {"version": made.version}, f"descriptor version {made.version}")


@keys_app.command("support")
def support(data: Data, unlock: Unlock = None, as_json: AsJson = False) -> None:
    """Add the key that stations seal their reports to, where there is none yet; needs the offline
    folder. Then restart serve."""
    with said():
        made = setup.add_support(data, unlock)
        tell(as_json, {"version": made.version}, f"descriptor version {made.version}")


def approvers(store: Store) -> Sequence[tuple[str, sealing.Signer]]:
    """Two operators, one after the other."""
    found = []
    for place in ("First", "Second"):
        name = typer.prompt(f"{place} operator", err=True)
        passphrase = typer.prompt("Passphrase", hide_input=True, err=True)
        found.append((name, operators.unlock(store, name, passphrase)))
    return found


def utc() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
