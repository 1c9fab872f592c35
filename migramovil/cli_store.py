"""`migramovil store …`: what is kept on this disk, checked and said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from migramovil.cli_common import AsJson, Data, existing, inside, tell
from migramovil.core.trouble import Trouble
from migramovil.store import verify as checks
from migramovil.store.outbox import Outbox
from migramovil.store.vault import Vault
from migramovil.store.verify import Finding

app = typer.Typer()

NOT_WHOLE = 3
"""Nothing wrong was found, but the vault was not looked into."""


@app.command()
def verify(
    data: Data = None,
    user: Annotated[
        str, typer.Option("--user", help="Who opens the vault; their passphrase is asked for.")
    ] = "",
    fast: Annotated[
        bool, typer.Option("--fast", help="Numbers, sizes and newest audit heads only.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Hold rows, numbers, packets, receipts, deletions, media and audit against one another.

    Status 0: all is right. 1: something is wrong, and named. 3: nothing wrong was found, but
    without --user the vault (drafts, media, audit) was only counted.
    """
    if user:
        with inside(data, user) as station:
            vault = station.desk.accounts.inside().vault
            found = _looked(station.outbox, vault, fast=fast)
    else:
        found = _closed(existing(data), fast=fast)
    for one in found:
        tell(as_json, _line(one), _words(one))
    counted = len(list((existing(data) / "media").glob("*.obj")))
    summary = {"findings": len(found), "vault": bool(user), "fast": fast, "media": counted}
    tell(as_json, summary, _summary(len(found), counted, opened=bool(user)))
    if found:
        raise typer.Exit(1)
    if not user:
        raise typer.Exit(NOT_WHOLE)


def _closed(folder: Path, *, fast: bool) -> list[Finding]:
    try:
        with Outbox(folder) as outbox:
            return _looked(outbox, None, fast=fast)
    except Trouble as trouble:
        return [Finding(trouble=trouble, where="outbox.db")]


def _looked(outbox: Outbox, vault: Vault | None, *, fast: bool) -> list[Finding]:
    books = checks.read(outbox, vault)
    if books is None:
        return []
    if fast:
        return checks.quick(outbox, books)
    found = checks.whole(outbox, books)
    return found if vault is None else [*found, *checks.vault_whole(vault)]


def _line(one: Finding) -> dict[str, str]:
    trouble = one.trouble
    return {
        "code": trouble.code,
        "what": trouble.what,
        "where": one.where,
        "advice": trouble.advice,
        "detail": trouble.detail,
    }


def _words(one: Finding) -> str:
    return f"{one.trouble.code}  {one.where}\n        {one.trouble.what} {one.trouble.advice}"


def _summary(found: int, media: int, *, opened: bool) -> str:
    wrong = f"{found} hallazgos" if found else "Nada fuera de lugar"
    if opened:
        return f"{wrong}; bóveda abierta y comprobada."
    return f"{wrong}; bóveda cerrada: {media} imágenes contadas, sin comprobar (use --user)."
