"""`migramovil hq support …`: what stations report on themselves. Opening needs `support/`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from migramovil.core import support as form
from migramovil.headquarters import setup
from migramovil.headquarters.support import Reports, content_of
from migramovil.headquarters.telling import AsJson, Data, Unlock, books, said, tell

app = typer.Typer(help="Stations' reports on themselves.", no_args_is_help=True)


@app.command("list")
def list_reports(data: Data, as_json: AsJson = False) -> None:
    """Every report there is; the newest of each station last."""
    with said(), books(data) as store:
        codes = {one.station: one.code for one in store.stations()}
        for one in Reports(data).every():
            code = codes.get(one.station, one.station)
            row = {
                "report": one.sha256, "station": one.station, "code": code,
                "received": one.day, "size": one.size,
            }  # fmt: skip
            tell(as_json, row, f"{one.sha256[:12]}  {code}  {one.day}  {one.size} bytes")


@app.command("open")
def open_report(
    data: Data,
    report: Annotated[
        str, typer.Argument(help="The beginning of its number, or a file from a stick.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The JSON to write; new.")],
    unlock: Unlock = None,
    as_json: AsJson = False,
) -> None:
    """Write one in clear, and say what ails the station."""
    with said():
        path = Path(report)
        body = _read(path) if path.is_file() else Reports(data).find(report).path.read_bytes()
        content = content_of(body, setup.support(data, unlock))
        with out.open("x", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, indent=2)
        wrong = content.get("wrong")
        troubles = (
            [one for one in wrong if isinstance(one, dict)] if isinstance(wrong, list) else []
        )
        lines = [_line(one) for one in troubles] or ["nothing is wrong"]
        tell(as_json, {"out": str(out), "wrong": troubles}, "\n".join([*lines, f"→ {out}"]))


def _read(path: Path) -> bytes:
    """No more of a stranger's file than a report can be."""
    with path.open("rb") as file:
        return file.read(form.LARGEST + 1)


def _line(trouble: dict[str, Any]) -> str:
    return "  ".join(str(trouble.get(name, "")) for name in ("code", "where", "what"))
