"""How the back office takes records over: by asking (HTTP, with a token), or in a folder.

    GET  /v1/handover?after=N&limit=M      200 {"records": [HandedOver …], "unreadable": [n …]}
    GET  /v1/handover/N/objects/NAME       200 the picture's bytes
    POST /v1/handover/ack                  {"numbers": [n …]} → 200 {"acked": k}
    POST /v1/handover/decisions            {"decisions": [Decision …]} → 200 {"kept": k}

Each request carries `Authorization: Bearer TOKEN`. This runs beside the opener, never at the edge.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.exceptions import HTTPException

from migramovil.core.downstream import Decision
from migramovil.core.trouble import Trouble, Who
from migramovil.headquarters import handover
from migramovil.headquarters.handover import MOST, Handover, NotInLine, Place
from migramovil.headquarters.http import Pace
from migramovil.headquarters.objects import make_folder, write
from migramovil.headquarters.receiver import Refused
from migramovil.headquarters.store import Store

log = logging.getLogger(__name__)

PATH = "/v1/handover"
_LARGEST = 4 * 1024 * 1024
_LARGEST_ANSWER = 20
_DIGITS = 15
ACK = "recibido"
"""The file a system leaves in a record's folder to say that it holds it."""


class OpenFolder(Trouble):
    code = "HQ-35"
    what = "La carpeta de entrega no es solo de quien ejecuta este programa."
    advice = "Los registros van ahí sin cifrar: use una carpeta propia con permisos 700."
    who = Who.HEADQUARTERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    decisions: tuple[Decision, ...]


Ask = Request[Any, Any, Any]
T = TypeVar("T")


def build_app(
    store: Store, line: Handover, operational: bytes, *, pace: Pace | None = None, **more: Any
) -> Litestar:
    by_address = pace or Pace(50, 200)

    async def known(request: Ask) -> None:
        """Before anything is read: too often, or by nobody we know, is refused."""
        by_address.spend(request.client.host if request.client else "")
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        name = await asyncio.to_thread(handover.client_of, store, token.strip())
        if kind.lower() != "bearer" or name is None:
            raise HTTPException(status_code=401, detail="token")
        request.state.client = name

    @get(PATH, summary="What the back office does not hold yet, oldest first")
    async def records(request: Ask) -> Response[bytes]:
        after = _number(request.query_params.get("after", "0"))
        limit = _number(request.query_params.get("limit", str(_LARGEST_ANSWER)))
        return _json(await asyncio.to_thread(_page, line, after, max(1, min(limit, MOST))))

    @get(
        PATH + "/{number:int}/objects/{name:str}",
        media_type="application/octet-stream",
        summary="A picture of a record",
    )
    async def picture(request: Ask) -> Response[bytes]:
        number, name = request.path_params["number"], request.path_params["name"]

        def find() -> bytes:
            _, opened = line.open(line.place(_number(str(number))))
            if name not in opened.files:
                raise NotInLine
            return opened.files[name]

        found = await asyncio.to_thread(find)
        return Response(found, media_type="application/octet-stream")

    @post(PATH + "/ack", status_code=200, summary="The back office holds these")
    async def acknowledge(request: Ask) -> Response[bytes]:
        said = await _said(request, Acknowledged)
        numbers = [one for one in said.numbers if 0 < one < 10**_DIGITS]
        acked = await asyncio.to_thread(line.acknowledge, numbers, request.state.client)
        return _json({"acked": acked})

    @post(PATH + "/decisions", status_code=200, summary="Decisions for the stations")
    async def decide(request: Ask) -> Response[bytes]:
        said = await _said(request, Decided)
        kept = await asyncio.to_thread(
            line.decide, said.decisions, request.state.client, operational
        )
        return _json({"kept": kept})

    return Litestar(
        [records, picture, acknowledge, decide],
        before_request=known,
        request_max_body_size=_LARGEST,
        logging_config=None,
        exception_handlers={
            Refused: lambda _, refused: _error(refused.why.status, refused.why.value, refused.text),
            HTTPException: lambda _, said: _error(said.status_code, "request", ""),
            Trouble: _trouble,
        },
        **{"openapi_config": None, **more},
    )


def drop(line: Handover, folder: Path) -> tuple[int, int]:
    """Put what waits into `folder`, one folder for each record, and take away what was
    acknowledged there by a file named `recibido`. (given, taken over). OpenFolder."""
    make_folder(folder)
    if os.name != "nt" and (
        folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077 or folder.is_symlink()
    ):
        raise OpenFolder
    for cut in folder.glob(".*.part"):
        shutil.rmtree(cut)
    taken = sum(_take_back(line, one) for one in folder.glob(f"*/{ACK}"))
    given, after = 0, 0
    while places := line.line(after):
        given += sum(_put(line, place, folder) for place in places)
        after = places[-1].n
    return given, taken


def _take_back(line: Handover, ack: Path) -> int:
    number = ack.parent.name.partition("_")[0]
    if not (number.isascii() and number.isdecimal()):
        return 0
    line.acknowledge([int(number)], "folder")
    shutil.rmtree(ack.parent)
    return 1


def _put(line: Handover, place: Place, folder: Path) -> int:
    """One record, whole or not at all; one that is there already stays as it is."""
    name = f"{place.n:09d}_{place.packet.record}"
    if (folder / name).exists():
        return 0
    try:
        told, opened = line.open(place)
    except Trouble as trouble:
        log.error("record %s cannot be handed over: %s", place.packet.record, trouble.code)
        return 0
    half = folder / f".{name}.part"
    half.mkdir(mode=0o700)
    write(half / "record.json", msgspec.json.encode(told))
    for file, data in opened.files.items():
        write(half / "objects" / file, data)
    half.rename(folder / name)
    return 1


def _page(line: Handover, after: int, limit: int) -> dict[str, Any]:
    told, unreadable = [], []
    for place in line.line(after, limit):
        try:
            told.append(line.open(place)[0])
        except Trouble as trouble:
            log.error("record %s cannot be handed over: %s", place.packet.record, trouble.code)
            unreadable.append(place.n)
    return {"records": told, "unreadable": unreadable}


async def _said(request: Ask, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise HTTPException(status_code=400, detail="body") from None


def _number(said: str) -> int:
    """A number as these books count: fifteen digits and no sign."""
    if not (said.isascii() and said.isdecimal() and len(said) <= _DIGITS):
        raise HTTPException(status_code=400, detail="number")
    return int(said)


def _json(value: object) -> Response[bytes]:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _error(status: int, code: str, text: str) -> Response[bytes]:
    said = _json({"code": code, "text": text})
    said.status_code = status
    return said


def _trouble(_: Ask, trouble: Trouble) -> Response[bytes]:
    status = 404 if isinstance(trouble, NotInLine) else 422
    return _error(status, trouble.code, trouble.detail)
