"""`migramovil audit …`: who did what, checked here or taken elsewhere to be checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from migramovil.cli_common import AsJson, Data, inside, tell
from migramovil.core import audit as chain
from migramovil.core import canonical
from migramovil.store import files, verify

app = typer.Typer()

User = Annotated[
    str, typer.Option("--user", help="A supervisor of this station; their passphrase is asked for.")
]


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    user: User,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """The whole audit as JSON lines that the station signs; ids only, nobody's name."""
    with inside(data, user) as station:
        written = station.desk.ledger.export_audit().result()
        key = canonical.text(station.desk.accounts.inside().vault.station_keys()[0].public)
    files.write(out, written)
    entries = written.count(b"\n") - 1
    line = {"file": str(out), "entries": entries, "key": key}
    tell(as_json, line, f"{out}: {entries} líneas\nLlave de la estación: {key}")


@app.command("verify")
def verify_audit(
    file: Annotated[
        Path | None, typer.Argument(help="An exported audit; else the store's.")
    ] = None,
    key: Annotated[str, typer.Option("--key", help="The station's public key, base64.")] = "",
    user: Annotated[str, typer.Option("--user", help="Who opens the store.")] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Whether no line was altered, removed or cut off. Status 0 only if so.

    A file needs --key (headquarters checks it against its own books: `hq audit check`). The store
    needs --user, and is checked against the heads in sealed packets and receipts too.
    """
    if file is not None:
        if not key:
            raise typer.BadParameter("a file needs it", param_hint="--key")
        body, entries = chain.read_export(file.read_bytes(), canonical.from_text(key))
        line = {"station": body.station, "epoch": body.epoch, "entries": len(entries)}
        tell(as_json, {**line, "findings": 0}, f"{len(entries)} líneas, completas.")
        return
    if not user:
        raise typer.BadParameter("the store needs it", param_hint="--user")
    with inside(data, user) as station:
        books = verify.read(station.outbox, station.desk.accounts.inside().vault)
        found = verify.audit_whole(station.outbox, books) if books else []
        count = len(books.chain.entries) if books and books.chain else 0
    for one in found:
        words = {"code": one.trouble.code, "what": one.trouble.what, "where": one.where}
        tell(as_json, words, f"{one.trouble.code}  {one.where}\n        {one.trouble.what}")
    sound = f"{count} líneas, completas." if not found else f"{count} líneas, con hallazgos."
    tell(as_json, {"entries": count, "findings": len(found)}, sound)
    if found:
        raise typer.Exit(1)
