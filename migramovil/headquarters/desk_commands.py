"""`migramovil hq refused | retry | discard | handover … | openapi`: for the records."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from migramovil.core import canonical
from migramovil.core.record import ReceiptKind
from migramovil.headquarters import (
    contract,
    handing,
    handover,
    hosting,
    people_commands,
    rulings,
    setup,
)
from migramovil.headquarters import web as web_page
from migramovil.headquarters.handover import Handover
from migramovil.headquarters.objects import Objects
from migramovil.headquarters.opener import PacketOpener
from migramovil.headquarters.rulings import Refusal
from migramovil.headquarters.store import Store
from migramovil.headquarters.telling import AsJson, Data, Unlock, books, rounds, said, tell

refused_app = typer.Typer(help="Records that were refused.", no_args_is_help=True)
handover_app = typer.Typer(help="Opened records, for the back office.", no_args_is_help=True)

Record = Annotated[str, typer.Argument(help="Record id or folio.")]
Reason = Annotated[str, typer.Option("--reason", help="The station reads it; nothing personal.")]
Host = Annotated[str, typer.Option("--host")]
Certificate = Annotated[Path | None, typer.Option("--certificate", help="PEM, for other hosts.")]
Key = Annotated[Path | None, typer.Option("--key", help="Its private key, PEM.")]


# --- refused ---------------------------------------------------------------------------------
@refused_app.command("list")
def list_refused(data: Data, as_json: AsJson = False) -> None:
    """What waits for a ruling, and why it was refused."""
    with said(), books(data) as store:
        for one in rulings.every_refused(store):
            tell(as_json, _refusal_row(one), _refusal_line(one))


@refused_app.command("log")
def log_rulings(data: Data, as_json: AsJson = False) -> None:
    """Every ruling, and who signed it."""
    with said(), books(data) as store:
        for one in rulings.rulings(store):
            rulings.check(store, one)
            line = f"{one.utc}  {one.record}  {one.kind}  {one.operators}  {one.reason}"
            tell(as_json, asdict(one), line)


def retry(
    data: Data, record: Record, reason: Reason, unlock: Unlock = None, as_json: AsJson = False
) -> None:
    """Take a refused record up again; two operators sign."""
    _rule(data, record, "retry", reason, unlock, as_json=as_json)


def discard(
    data: Data, record: Record, reason: Reason, unlock: Unlock = None, as_json: AsJson = False
) -> None:
    """Let a refused record go: its station may delete it; two operators sign."""
    _rule(data, record, "discard", reason, unlock, as_json=as_json)


def _rule(
    data: Path, record: str, kind: ReceiptKind, reason: str, unlock: Path | None, *, as_json: bool
) -> None:
    with said(), books(data) as store:
        one = rulings.refusal(store, record)
        typer.echo(_refusal_line(one), err=True)
        made = rulings.rule(
            store,
            one,
            kind,
            reason,
            approvers=lambda: people_commands.approvers(store),
            signer=setup.opener(data, unlock).opened_signer,
            realm=setup.descriptor(data).realm,
        )
        tell(as_json, asdict(made), f"{made.record}  {made.kind}  {made.operators}")


# --- hand-over -----------------------------------------------------------------------------------
@handover_app.command("serve")
def serve_handover(
    *,
    data: Data,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8444,
    certificate: Certificate = None,
    key: Key = None,
    unlock: Unlock = None,
) -> None:
    """Let the back office ask for records. The first line printed is {"url": …}."""
    hosting.log_to_stderr()
    with said(), books(data) as store:
        operational = canonical.from_text(setup.descriptor(data).operational)
        app = handing.build_app(store, line(data, store, unlock), operational)
        hosting.host(
            app,
            address=host,
            port=port,
            certificate=certificate,
            key=key,
            listening=lambda url: typer.echo(json.dumps({"url": url})),
        )


@handover_app.command("drop")
def drop(
    data: Data,
    to: Annotated[Path, typer.Option("--to", help="A folder of your own; records lie in clear.")],
    once: Annotated[bool, typer.Option("--once", help="One round, then stop.")] = False,
    unlock: Unlock = None,
    as_json: AsJson = False,
) -> None:
    """Put records into a folder; a file «recibido» in one says that it was taken over."""
    with said(), books(data) as store:
        places = line(data, store, unlock)

        def hand_over() -> None:
            given, taken = handing.drop(places, to)
            if given or taken or once:
                tell(as_json, {"given": given, "taken": taken}, f"{given} given, {taken} taken")

        rounds(hand_over, pause_s=2.0, once=once)


@handover_app.command("client-add")
def add_client(
    data: Data,
    name: Annotated[str, typer.Argument(help="The system's name.")],
    as_json: AsJson = False,
) -> None:
    """A token for one system; it is told only now."""
    with said(), books(data) as store:
        token = handover.add_client(store, name, _utc())
        tell(as_json, {"name": name, "token": token}, token)


@handover_app.command("client-revoke")
def revoke_client(data: Data, name: Annotated[str, typer.Argument()]) -> None:
    """Answer this system no more."""
    with said(), books(data) as store:
        if not handover.revoke_client(store, name, _utc()):
            raise typer.BadParameter("no system has that name")


@handover_app.command("clients")
def list_clients(data: Data, as_json: AsJson = False) -> None:
    """Which systems may ask."""
    with said(), books(data) as store:
        for name, added, revoked in handover.clients(store):
            row = {"name": name, "added": added, "revoked": revoked}
            tell(as_json, row, f"{name}  {added}  {'revoked' if revoked else ''}".rstrip())


@handover_app.command("line")
def list_line(data: Data, unlock: Unlock = None, as_json: AsJson = False) -> None:
    """What the back office has not said it holds: numbers and folios."""
    with said(), books(data) as store:
        places, after = line(data, store, unlock), 0
        while page := places.line(after):
            for one in page:
                row = {"n": one.n, "record": one.packet.record, "folio": one.packet.folio}
                tell(as_json, {**row, "opened": one.opened}, f"{one.n}  {one.packet.folio}")
            after = page[-1].n


@handover_app.command("publish-decisions")
def publish_decisions(data: Data, unlock: Unlock = None, as_json: AsJson = False) -> None:
    """Send stations the decisions that came back, sealed to each; needs opener/ and edge/."""
    with said(), books(data) as store:
        openers = setup.opener(data, unlock).every_operational
        registrar, realm = setup.edge(data, unlock).registrar, setup.descriptor(data).realm
        for code, count in handover.publish_decisions(store, openers, registrar, realm=realm):
            tell(as_json, {"station": code, "decisions": count}, f"{code}  {count}")


@handover_app.command("schema")
def schema() -> None:
    """The JSON Schema of a record as it is handed over."""
    typer.echo(json.dumps(handover.schema(), indent=2, ensure_ascii=False, sort_keys=True))


def web(
    *,
    data: Data,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8445,
    certificate: Certificate = None,
    key: Key = None,
) -> None:
    """The operators' page. The first line printed is {"url": …}."""
    hosting.log_to_stderr()
    with said(), books(data) as store:
        hosting.host(
            web_page.build_app(store, data, setup.descriptor(data), secure=certificate is not None),
            address=host,
            port=port,
            certificate=certificate,
            key=key,
            listening=lambda url: typer.echo(json.dumps({"url": url})),
        )


def openapi(
    handover: Annotated[
        bool, typer.Option("--handover", help="The back office's instead.")
    ] = False,
) -> None:
    """The OpenAPI description of what stations (or the back office) may ask."""
    told = contract.handover() if handover else contract.receiver()
    typer.echo(json.dumps(told, indent=2, ensure_ascii=False, sort_keys=True))


def line(data: Path, store: Store, unlock: Path | None) -> Handover:
    opener = PacketOpener(
        store=store,
        objects=Objects(data),
        descriptor=setup.descriptor(data),
        keys=setup.opener(data, unlock),
    )
    return Handover(store, opener)


def _refusal_row(one: Refusal) -> dict[str, object]:
    about = one.packet
    return {
        "record_id": about.record,
        "station": about.station,
        "folio": about.folio,
        "reason": one.reason,
        "refused": one.utc,
    }


def _refusal_line(one: Refusal) -> str:
    return f"{one.packet.folio}  {one.packet.record}  {one.utc}  {one.reason}"


def _utc() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
