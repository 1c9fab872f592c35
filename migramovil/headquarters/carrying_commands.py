"""`migramovil hq publish | published | import`: what goes down to stations; sticks in and out."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from migramovil.core.downstream import Kind
from migramovil.headquarters import downstream, server, setup
from migramovil.headquarters.downstream import Publication
from migramovil.headquarters.importing import Brought, Importer
from migramovil.headquarters.telling import AsJson, Data, Unlock, books, said, tell


def publish(
    *,
    data: Data,
    kind: Annotated[Kind, typer.Argument(help="Which list.")],
    file: Annotated[
        Path | None, typer.Argument(help="Its content; «accounts» is taken from the books.")
    ] = None,
    station: Annotated[
        str, typer.Option("--station", help="Short code, such as 07A; lists of people need it.")
    ] = "",
    days: Annotated[int, typer.Option("--days", min=0, help="Until it expires; 0 never.")] = 0,
    revoke: Annotated[
        list[str] | None, typer.Option("--revoke", help="With «accounts»: who may not enter.")
    ] = None,
    unlock: Unlock = None,
    as_json: AsJson = False,
) -> None:
    """Give stations a new version of a list; what they could not use is not signed."""
    if (file is None) != (kind is Kind.ACCOUNTS) or (revoke and file is not None):
        raise typer.BadParameter("a file, except for «accounts»", param_hint="FILE")
    with said(), books(data) as store:
        now, keys, realm = datetime.now(UTC), setup.edge(data, unlock), setup.descriptor(data).realm
        for_one = downstream.station_by_code(store, station) if station else None
        if file is not None:
            content = file.read_bytes()
        elif for_one is None:
            raise downstream.NeedsStation(kind)
        else:
            for name in revoke or ():
                downstream.revoke(store, for_one, name, _utc(now))
            content = downstream.people_list(store, keys.registrar, for_one, realm=realm)
        made = downstream.publish(
            store,
            keys.registrar,
            kind,
            content,
            realm=realm,
            utc=_utc(now),
            expires=_utc(now + timedelta(days=days)) if days else "",
            station=for_one,
        )
        tell(as_json, asdict(made), _line(made))


def published(data: Data, as_json: AsJson = False) -> None:
    """Every version there has been."""
    with said(), books(data) as store:
        for one in downstream.publications(store):
            tell(as_json, asdict(one), _line(one))


def bring_in(
    data: Data,
    stick: Annotated[Path, typer.Argument(help="The stick's folder.")],
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait for the opener's word.")
    ] = 0.0,
    unlock: Unlock = None,
    as_json: AsJson = False,
) -> None:
    """Take in what stations put on a stick, and put receipts and lists on it for them.

    Again changes nothing but brings the newest receipts. Status 1: something was refused or is
    lacking.
    """
    with said(), books(data) as store:
        receiver = server.receiver_of(data, store, setup.edge(data, unlock))
        found = Importer(store, receiver, wait_s=wait).take(stick)
        for one in found:
            tell(as_json, asdict(one), _brought(one))
            for name, why in one.refused:
                typer.echo(f"{name}  {why}", err=True)
    if any(one.refused or one.lacking for one in found):
        raise typer.Exit(1)


def _brought(one: Brought) -> str:
    whose = one.station or f"{one.home} (manifest absent or not theirs)"
    lacking = f", {one.lacking} lacking" if one.lacking else ""
    return (
        f"{whose}  {one.packets} packets, {one.new} new{lacking}, {len(one.refused)} refused;"
        f" {one.letters} letters; {one.receipts} receipts on the stick"
    )


def _line(one: Publication) -> str:
    whose = one.station or "all stations"
    until = f"  until {one.expires}" if one.expires else ""
    return f"{one.kind} {one.version}  {one.issued}  {whose}  {one.size} bytes{until}"


def _utc(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
