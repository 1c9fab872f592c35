"""What may be asked over HTTP, as OpenAPI: the paths from the apps, the bodies from their types."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Litestar
from litestar.openapi import OpenAPIConfig

from migramovil import __version__
from migramovil.core.record import Signed
from migramovil.core.support import Report
from migramovil.headquarters import handing, http
from migramovil.headquarters.handover import HandedOver
from migramovil.headquarters.http import LIVE_PATH, READY_PATH
from migramovil.sync import wire

BYTES = bytes
_PART = wire.part_path("{station}", "{record}", "{digest}", "{number}")
_WHOLE = wire.complete_path("{station}", "{record}", "{digest}")
_NOBODY = None

Table = dict[tuple[str, str], tuple[Any, dict[int, Any]]]
"""(method, path) → what is sent, and what comes back by status."""
_RECEIVER: Table = {
    ("get", wire.DESCRIPTOR_PATH): (_NOBODY, {200: Signed}),
    ("get", wire.HEALTH_PATH): (_NOBODY, {200: dict[str, bool]}),
    ("get", LIVE_PATH): (_NOBODY, {200: dict[str, bool]}),
    ("get", READY_PATH): (_NOBODY, {200: dict[str, bool], 503: dict[str, bool]}),
    ("post", wire.PING_PATH): (wire.Ping, {200: Signed}),
    ("post", wire.ENROLL_PATH): (wire.EnrollRequest, {200: wire.EnrollAnswer}),
    ("post", wire.PACKETS_PATH): (wire.Announce, {200: wire.Receipts, 202: wire.Missing}),
    ("put", _PART): (BYTES, {200: dict[str, str]}),
    ("post", _WHOLE): (_NOBODY, {200: wire.Receipts, 202: wire.Missing}),
    ("post", wire.RECEIPTS_PATH): (wire.AskReceipts, {200: wire.Receipts}),
    ("post", wire.LETTERS_PATH): (Signed, {200: Signed}),
    ("post", wire.SUPPORT_PATH): (Report, {200: Signed}),
    ("get", wire.DOWNSTREAM_PATH): (_NOBODY, {200: wire.Downstream, 304: _NOBODY}),
    ("get", wire.download_path("{digest}", "{number}")): (_NOBODY, {200: BYTES}),
}
_OF_STATIONS = (
    wire.PACKETS_PATH, wire.RECEIPTS_PATH, wire.LETTERS_PATH, wire.SUPPORT_PATH,
    wire.DOWNSTREAM_PATH,
)  # fmt: skip


class _Page(msgspec.Struct):
    records: list[HandedOver]
    unreadable: list[int]


_HANDOVER: Table = {
    ("get", handing.PATH): (_NOBODY, {200: _Page}),
    ("get", handing.PATH + "/{number}/objects/{name}"): (_NOBODY, {200: BYTES}),
    ("post", handing.PATH + "/ack"): (handing.Acknowledged, {200: dict[str, int]}),
    ("post", handing.PATH + "/decisions"): (handing.Decided, {200: dict[str, int]}),
}


def receiver() -> dict[str, Any]:
    """What stations may ask of the receiving edge."""
    app = http.litestar(_never(), openapi_config=_config("migramovil: sede central"))
    told = _filled(app, _RECEIVER)
    for path, operations in told["paths"].items():
        if path.startswith(_OF_STATIONS):
            for operation in operations.values():
                operation["security"] = [{"station": []}]
    told["components"]["securitySchemes"] = {
        "station": {"type": "apiKey", "in": "header", "name": wire.HEADER}
    }
    return told


def handover() -> dict[str, Any]:
    """What the back office may ask beside the opener."""
    told = _filled(
        handing.build_app(_never(), _never(), b"", openapi_config=_config("migramovil: entrega")),
        _HANDOVER,
    )
    told["paths"][handing.PATH]["get"]["parameters"] = [_asked("after"), _asked("limit")]
    told["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    told["security"] = [{"token": []}]
    return told


def _asked(name: str) -> dict[str, Any]:
    counted = {"type": "integer", "minimum": 0, "maximum": 10**15 - 1}
    return {"name": name, "in": "query", "required": False, "schema": counted}


def _config(title: str) -> OpenAPIConfig:
    return OpenAPIConfig(title=title, version=__version__)


def _never() -> Any:
    """Only described, never called: the paths do not depend on who answers."""
    return None


def _filled(app: Litestar, table: Table) -> dict[str, Any]:
    told: dict[str, Any] = app.openapi_schema.to_schema()
    kinds = [kind for sent, back in table.values() for kind in (sent, *back.values())]
    named = [kind for kind in kinds if kind is not _NOBODY and kind is not BYTES]
    shapes, components = msgspec.json.schema_components(
        [*named, wire.ErrorBody], ref_template="#/components/schemas/{name}"
    )
    shape = dict(zip(map(str, [*named, wire.ErrorBody]), shapes, strict=True))
    told["paths"] = {
        path: operations for path, operations in told["paths"].items() if not _own(path)
    }
    told.setdefault("components", {})["schemas"] = components
    for path, operations in told["paths"].items():
        for method, operation in operations.items():
            sent, back = table[(method, path)]
            if sent is not _NOBODY:
                operation["requestBody"] = {"required": True, **_content(sent, shape)}
            operation["responses"] = {
                str(status): {"description": _WORDS.get(status, ""), **_content(kind, shape)}
                for status, kind in back.items()
            }
            refused = {"description": "A refusal", **_content(wire.ErrorBody, shape)}
            operation["responses"] |= {"4XX": refused, "5XX": refused}
    return told


_WORDS = {200: "Done", 202: "Parts are missing", 304: "Nothing newer", 503: "Not now"}


def _own(path: str) -> bool:
    return path.startswith("/schema")


def _content(kind: Any, shape: dict[str, Any]) -> dict[str, Any]:
    if kind is _NOBODY:
        return {}
    if kind is BYTES:
        binary = {"type": "string", "format": "binary"}
        return {"content": {"application/octet-stream": {"schema": binary}}}
    return {"content": {"application/json": {"schema": shape[str(kind)]}}}
