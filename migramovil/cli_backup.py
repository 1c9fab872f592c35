"""`migramovil store backup | restore | salvage | renew`: second copies, and what comes of them."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migramovil.cli_common import AsJson, Data, existing, home, inside, is_training, tell
from migramovil.cli_store import app

if TYPE_CHECKING:
    from migramovil.core.record import Realm, Stamp
    from migramovil.services.restoring import NewSupervisor
    from migramovil.store.backup import Report

__all__ = ["app"]

PACKETS_ONLY = 3
"""Done, but nobody was inside: open drafts were not copied."""
NEW_EPOCH = 4
"""Done, but the station must be given a new epoch before it can go on."""

User = Annotated[str, typer.Option("--user", help="Who opens the vault; asks the passphrase.")]
Code = Annotated[str, typer.Option("--code", help="From «hq stations renew», on headquarters.")]
Url = Annotated[str, typer.Option("--url", help="Headquarters' address, https://…")]


@app.command()
def backup(
    *,
    to: Annotated[Path, typer.Option("--to", help="The medium's folder.")],
    data: Data = None,
    user: User = "",
    same_disk: Annotated[
        bool, typer.Option("--same-disk", help="Allow the station's own disk: survives no theft.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Read everything on the medium again; write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the second copy up to date, and read back what was written.

    Status 0: all of it. 3: without --user, only sealed packets went. 1: something is wrong.
    """
    if check:
        _check(existing(data), to, as_json=as_json)
        return
    if user:
        with inside(data, user) as station:
            report = station.desk.backups.back_up(to, same_disk=same_disk).result()
    else:
        report = _packets(existing(data), to)
    left = f"{report.copied} paquetes nuevos, {report.packets} en total"
    opened = f", {report.drafts} trámites abiertos" if report.snapshot else ", sin los abiertos"
    tell(as_json, asdict(report), left + opened)
    if report.damaged:
        raise typer.Exit(1)
    if not report.snapshot:
        raise typer.Exit(PACKETS_ONLY)


@app.command()
def restore(
    *,
    source: Annotated[Path, typer.Option("--from", help="The medium, or one station's folder.")],
    data: Annotated[Path, typer.Option("--data", help="The new data folder; absent or empty.")],
    answer: Annotated[
        Path | None, typer.Option("--answer", help="From «hq restore-key», on headquarters.")
    ] = None,
    code: Code = "",
    url: Url = "",
    user: Annotated[str, typer.Option("--user", help="The new supervisor's name.")] = "",
    as_json: AsJson = False,
) -> None:
    """A lost station on a new laptop, in two visits.

    First without --answer: writes the request to carry to headquarters. Then with --answer,
    --code, --url and --user: builds the station in its next epoch. Both ask the new supervisor's
    passphrase.
    """
    from migramovil import app as rooms
    from migramovil.services import restoring

    work = data.with_name(data.name + ".restore")
    password = _passphrase()
    if answer is None:
        path = restoring.ask(source, work, password)
        tell(as_json, {"request": str(path)}, f"Lleve a sede central: {path}")
        return
    supervisor = _supervisor(user, password, url, code)
    found = restoring.finish(
        source,
        work,
        answer,
        data,
        supervisor=supervisor,
        enroller=rooms.enroller,
        at=_now(),
    )
    words = f"{found.records} registros y {found.drafts} trámites abiertos en {data}"
    tell(as_json, asdict(found), words)


@app.command()
def salvage(
    *,
    out: Annotated[Path, typer.Option("--out", help="The new data folder; absent or empty.")],
    data: Data = None,
    user: User = "",
    as_json: AsJson = False,
) -> None:
    """Bring out of a damaged folder all that is whole; the folder itself is only read.

    Without --user the vault is copied as it is. Status 4: it needs «store renew» to go on.
    """
    from migramovil.store.salvage import salvage as bring_out

    folder = data or home(training=False)
    key = _vault_key(folder, user) if user else None
    found = bring_out(folder, out, vault_key=key)
    drafts = "bóveda como estaba" if found.drafts is None else f"{found.drafts} trámites abiertos"
    tell(as_json, asdict(found), f"{found.packets} paquetes, {found.receipts} acuses, {drafts}")
    for name in found.broken:
        print(f"paquete dañado: {name}", file=sys.stderr)
    if not (found.identity and found.signer):
        raise typer.Exit(NEW_EPOCH)


@app.command()
def renew(
    *,
    data: Annotated[Path, typer.Option("--data", help="A salvaged folder.")],
    code: Code,
    url: Url,
    user: Annotated[str, typer.Option("--user", help="The new supervisor's name.")],
    opened_by: Annotated[
        str, typer.Option("--opened-by", help="Somebody of before, whose passphrase opens it.")
    ] = "",
    training: Annotated[bool, typer.Option("--training", help="A training station.")] = False,
) -> None:
    """Go on with a salvaged station that lost its identity or keys, in a new epoch."""
    from migramovil import app as rooms
    from migramovil.core.record import Realm
    from migramovil.services import restoring
    from migramovil.store.vault import Vault

    realm: Realm = Realm.TRAINING if training or is_training(existing(data)) else Realm.PRODUCTION
    key = _vault_key(data, opened_by) if opened_by else Vault.create(data)
    password = _passphrase()
    supervisor = _supervisor(user, password, url, code)
    restoring.renew(data, realm, key, supervisor=supervisor, enroller=rooms.enroller, at=_now())
    print(f"{data}: la estación sigue en una época nueva")


# --- shared -----------------------------------------------------------------------------------
def _packets(folder: Path, to: Path) -> Report:
    from migramovil import __version__
    from migramovil.store.backup import back_up
    from migramovil.store.outbox import Outbox

    with Outbox(folder) as outbox:
        return back_up(outbox, None, to, utc=_now().utc, software=__version__)


def _check(folder: Path, to: Path, *, as_json: bool) -> None:
    from migramovil.store import backup
    from migramovil.store.outbox import Outbox

    with Outbox(folder) as outbox:
        station = outbox.station()
    if station is None:
        raise backup.NothingToBackUp
    bad = backup.check(to, station.station)
    for name in bad:
        tell(as_json, {"damaged": name}, f"dañado o ausente: {name}")
    tell(as_json, {"damaged": len(bad)}, "Respaldo íntegro" if not bad else f"{len(bad)} dañados")
    if bad:
        raise typer.Exit(1)


def _vault_key(folder: Path, user: str) -> bytes:
    from migramovil.store import keys
    from migramovil.store.hardware import NONE, machine

    secrets = machine(folder, NONE).secrets
    return keys.open_slot(folder, user, _passphrase(), secrets).vault_key


def _supervisor(user: str, password: str, url: str, code: str) -> NewSupervisor:
    from migramovil.services.restoring import NewSupervisor

    if not (user and url and code):
        raise typer.BadParameter("--user, --url and --code are needed with --answer")
    return NewSupervisor(username=user, password=password, url=url, code=code, name="")


def _passphrase() -> str:
    return str(typer.prompt("Passphrase", hide_input=True, err=True))


def _now() -> Stamp:
    from migramovil.services.clock import StationClock

    return StationClock().now()
