"""`migramovil hq …`: prepare, serve, open, list. Exit status 0 done, 1 failed, 2 misused."""

from __future__ import annotations

import getpass
import json
import secrets
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from migramovil.core import canonical, sealing
from migramovil.core.record import Realm
from migramovil.headquarters import (
    auditing,
    carrying_commands,
    desk_commands,
    hosting,
    people_commands,
    restoring,
    server,
    setup,
    support_commands,
    watching,
)
from migramovil.headquarters.objects import Objects
from migramovil.headquarters.opener import PacketOpener, Verdict
from migramovil.headquarters.store import Alarm, Receipt, Station, Store
from migramovil.headquarters.telling import AsJson, Data, Unlock, books, rounds, said, tell
from migramovil.sync import wire

CODE_LIFE = timedelta(days=7)

app = typer.Typer(
    help="Headquarters: receive, open, vouch.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
stations_app = typer.Typer(help="Stations and their enrolment codes.", invoke_without_command=True)
app.add_typer(stations_app, name="stations")
audit_app = typer.Typer(help="What a station's people did there.", no_args_is_help=True)
app.add_typer(audit_app, name="audit")
app.add_typer(people_commands.operators_app, name="operators")
app.add_typer(people_commands.recovery_app, name="recovery")
app.add_typer(people_commands.keys_app, name="keys")
app.add_typer(support_commands.app, name="support")
app.add_typer(desk_commands.refused_app, name="refused")
app.add_typer(desk_commands.handover_app, name="handover")
app.command("retry")(desk_commands.retry)
app.command("discard")(desk_commands.discard)
app.command("web")(desk_commands.web)
app.command("openapi")(desk_commands.openapi)
app.command("publish")(carrying_commands.publish)
app.command("published")(carrying_commands.published)
app.command("import")(carrying_commands.bring_in)


class Fault(str, Enum):  # noqa: UP042 - Typer wants plain values
    WRONG_RECEIPT_KEY = "wrong-receipt-key"


@app.command()
def init(
    data: Data,
    realm: Annotated[
        Realm, typer.Option("--realm", help="Training or production.")
    ] = Realm.TRAINING,
    url: Annotated[
        str, typer.Option("--url", help="The address stations will use.")
    ] = "https://127.0.0.1:8443",
    unlock: Unlock = None,
    as_json: AsJson = False,
) -> None:
    """Make headquarters' keys: edge/, opener/, support/ and offline/."""
    with said():
        made = setup.init(data, realm=realm, url=url, unlock=unlock)
        root = wire.root_hash(canonical.from_text(made.root)).hex()
        tell(
            as_json,
            {"realm": made.realm.value, "url": url, "root": root},
            f"Ready ({made.realm.value}). Keep offline/ away from this machine.",
        )


@app.command()
def serve(
    data: Data,
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8443,
    unlock: Unlock = None,
    fault: Annotated[Fault | None, typer.Option("--fault", hidden=True)] = None,
) -> None:
    """Receive packets. The first line printed is {"url": …}."""
    hosting.log_to_stderr()
    with said():
        server.serve(
            data,
            host=host,
            port=port,
            unlock=unlock,
            wrong_receipt_key=fault is Fault.WRONG_RECEIPT_KEY,
            listening=lambda url: typer.echo(json.dumps({"url": url})),
        )


@app.command()
def opener(
    data: Data,
    once: Annotated[bool, typer.Option("--once", help="One round, then stop.")] = False,
    unlock: Unlock = None,
    as_json: AsJson = False,
) -> None:
    """Open what was received, verify everything, sign the final receipt."""
    with said(), books(data) as store:
        judge = _opener(data, store, unlock)

        def look() -> None:
            for verdict in judge.once():
                tell(as_json, asdict(verdict), _verdict_line(verdict))

        rounds(look, pause_s=1.0, once=once)


@app.command()
def health(data: Data, as_json: AsJson = False) -> None:
    """Status 1 when packets could not be taken, or when what was received is not being opened."""
    with said(), books(data) as store:
        found = watching.health(store, Objects(data).free(), datetime.now(UTC))
        row = asdict(found)
        tell(as_json, row, "  ".join(f"{name} {value}" for name, value in row.items()))
    if not found.ok:
        raise typer.Exit(1)


@stations_app.callback()
def stations(
    context: typer.Context,
    data: Annotated[Path | None, typer.Option("--data", envvar="MIGRAMOVIL_HQ")] = None,
    as_json: AsJson = False,
) -> None:
    """List the stations."""
    if context.invoked_subcommand is not None:
        context.obj = data
        return
    with said(), books(_given(data)) as store:
        for one in store.stations():
            tell(as_json, _station_row(one), _station_line(one))


@stations_app.command("add")
def add_station(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The station's name.")],
    place: Annotated[str, typer.Option("--place", help="Its place or vehicle.")],
    data: Annotated[Path | None, typer.Option("--data", envvar="MIGRAMOVIL_HQ")] = None,
    as_json: AsJson = False,
) -> None:
    """Give an enrolment code: single use, seven days."""
    with said(), books(_given(data or context.obj)) as store:
        root = canonical.from_text(setup.descriptor(_given(data or context.obj)).root)
        token = secrets.token_bytes(wire.TOKEN_BYTES)
        until = (datetime.now(UTC) + CODE_LIFE).isoformat(timespec="seconds")
        one = store.add_station(
            name=name, place=place, token_sha256=sealing.sha256(token), until=until
        )
        code = wire.make_code(token, root)
        tell(as_json, {**_station_row(one), "enrolment_code": code}, code)


@stations_app.command("renew")
def renew_station(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="Short code, for example 07A.")],
    data: Annotated[Path | None, typer.Option("--data", envvar="MIGRAMOVIL_HQ")] = None,
    as_json: AsJson = False,
) -> None:
    """Give a code for a station's next epoch: a restored or rebuilt laptop. Good for seven days."""
    with said(), books(_given(data or context.obj)) as store:
        root = canonical.from_text(setup.descriptor(_given(data or context.obj)).root)
        token = secrets.token_bytes(wire.TOKEN_BYTES)
        until = (datetime.now(UTC) + CODE_LIFE).isoformat(timespec="seconds")
        one = store.renew(code, token_sha256=sealing.sha256(token), until=until)
        if one is None:
            raise typer.BadParameter("no enrolled station has that code")
        given = wire.make_code(token, root)
        tell(as_json, {**_station_row(one), "enrolment_code": given}, given)


@stations_app.command("revoke")
def revoke_station(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="Its short code, for example 07A.")],
    data: Annotated[Path | None, typer.Option("--data", envvar="MIGRAMOVIL_HQ")] = None,
) -> None:
    """Receive nothing more from a station."""
    with said(), books(_given(data or context.obj)) as store:
        if not store.revoke(code, datetime.now(UTC).isoformat(timespec="seconds")):
            raise typer.BadParameter("No station has that code.")


@app.command()
def receipts(data: Data, as_json: AsJson = False) -> None:
    """Every receipt, whole, for anyone to verify with Ed25519 alone."""
    with said(), books(data) as store:
        for one in store.all_receipts():
            mends = f"  supersedes {one.supersedes}" if one.supersedes else ""
            tell(as_json, _receipt_row(one), f"{one.record}  {one.kind}{mends}")


@app.command()
def alarms(data: Data, as_json: AsJson = False) -> None:
    """Stations that are there twice: a copied laptop. Revoke or renew both, and ask for both."""
    with said(), books(data) as store:
        codes = {one.station: one.code for one in store.stations()}
        for one in store.alarms():
            whose = codes.get(one.station, one.station)
            row = {**asdict(one), "code": whose}
            tell(as_json, row, f"{one.utc}  {whose}  {_alarm_line(one)}")


@audit_app.command("check")
def check_audit(
    data: Data,
    file: Annotated[Path, typer.Argument(help="What `migramovil audit export` wrote.")],
    as_json: AsJson = False,
) -> None:
    """Whether a station's audit is whole: its signatures, and every head its packets brought."""
    with said(), books(data) as store:
        found = auditing.check(store, file.read_bytes())
        tell(as_json, asdict(found), f"{found.entries} entries, {found.heads} heads: whole")


@app.command("open")
def open_record(
    data: Data,
    record: Annotated[str, typer.Argument(help="Record id or folio.")],
    out: Annotated[Path, typer.Option("--out", help="A new folder.")],
    unlock: Unlock = None,
    as_json: AsJson = False,
) -> None:
    """Write a record and its images in clear; who did it is logged."""
    with said(), books(data) as store:
        judge = _opener(data, store, unlock)
        found = judge.open_record(record, out, operator=getpass.getuser())
        tell(as_json, {"record_id": found.record, "out": str(out)}, f"{found.folio} → {out}")


@app.command("restore-key")
def restore_key(
    data: Data,
    request: Annotated[Path, typer.Option("--request", help="The restoring laptop's request.")],
    out: Annotated[Path, typer.Option("--out", help="The answer to carry back; new.")],
    unlock: Unlock = None,
    as_json: AsJson = False,
) -> None:
    """Lend a backup's key to the laptop that restores it, with the offline keys, once two operators
    gave their passphrases."""
    with said(), books(data) as store:
        asked = request.read_bytes()
        backup = restoring.asked_for(asked)
        typer.echo(f"{backup.station}  {backup.made_utc}", err=True)
        keys = setup.offline(data, unlock)
        answer = restoring.lend(
            store, keys, lambda: people_commands.approvers(store), asked, utc=people_commands.utc()
        )
        with out.open("xb") as file:
            file.write(canonical.encode(answer))
        row = {
            "station": backup.station,
            "epoch": backup.epoch,
            "made_utc": backup.made_utc,
            "drafts": backup.drafts,
            "packets": backup.packets,
            "reference": restoring.reference_of(asked),
            "out": str(out),
        }
        tell(as_json, row, f"{backup.station}  {backup.made_utc}  {out}")


# --- shared ---------------------------------------------------------------------------------
def _opener(data: Path, store: Store, unlock: Path | None) -> PacketOpener:
    return PacketOpener(
        store=store,
        objects=Objects(data),
        descriptor=setup.descriptor(data),
        keys=setup.opener(data, unlock),
    )


def _given(data: Path | None) -> Path:
    if data is None:
        raise typer.BadParameter("--data is missing.")
    return data


def _station_row(one: Station) -> dict[str, Any]:
    names = ("code", "name", "place", "station", "epoch", "revoked")
    return {name: getattr(one, name) for name in names}


def _station_line(one: Station) -> str:
    state = "revoked" if one.revoked else "enrolled" if one.station else "awaited"
    return f"{one.code}  {state}  {one.name} ({one.place})"


def _alarm_line(one: Alarm) -> str:
    what = {"number": "one number, two records", "record": "one record, two packets"}[one.kind]
    return f"epoch {one.epoch}, number {one.seq}: {what}: {one.held} and {one.came}"


def _verdict_line(verdict: Verdict) -> str:
    word = "opened" if verdict.kind == "opened" else "refused"
    return f"{verdict.record}  {word}  {verdict.reason}".rstrip()


def _receipt_row(one: Receipt) -> dict[str, Any]:
    return {"record_id": one.record, "kind": one.kind, **asdict(one.signed)}
