"""Runs what headquarters' own people and systems use: on this machine alone, or else over TLS."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from litestar.types import ASGIApp, Receive, Scope, Send

from migramovil.core.trouble import Trouble, Who
from migramovil.headquarters.http import logged
from migramovil.headquarters.server import GRACE_S, LONGEST_HEAD, PatientH11, listening_at
from migramovil.logs import JsonLines

BODY_S = 30.0
"""How long a request's body may take: what is asked here is small."""


class NeedsTls(Trouble):
    code = "HQ-36"
    what = "Fuera de esta máquina solo se atiende con certificado."
    advice = "Indique --certificate y --key, o escuche en 127.0.0.1 detrás de su propio servidor."
    who = Who.TECHNICIAN


def host(
    app: ASGIApp,
    *,
    address: str,
    port: int,
    certificate: Path | None = None,
    key: Path | None = None,
    listening: Callable[[str], None] = lambda _: None,
    own: Callable[[uvicorn.Server], None] = lambda _: None,
) -> None:
    """Serve until asked to stop; `listening` gets the URL, `own` the server (to stop it).
    NeedsTls when others could listen and nothing is encrypted."""
    if certificate is None and not _is_here(address):
        raise NeedsTls
    config = uvicorn.Config(
        logged(hurried(app)),
        ssl_certfile=str(certificate) if certificate else None,
        ssl_keyfile=str(key) if key else None,
        http=PatientH11,
        h11_max_incomplete_event_size=LONGEST_HEAD,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        limit_concurrency=64,
    )
    config.load()
    if isinstance(config.ssl, ssl.SSLContext):
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
    with listening_at(address, port) as listener:
        server = uvicorn.Server(config)
        own(server)
        scheme = "https" if certificate else "http"
        listening(f"{scheme}://{address}:{listener.getsockname()[1]}")
        server.run(sockets=[listener])


def hurried(app: ASGIApp) -> ASGIApp:
    """408 where a body has not come after BODY_S: nobody keeps a place by it."""

    async def middle(scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        until, coming, late = loop.time() + BODY_S, True, False

        async def next_piece() -> Any:
            nonlocal coming, late
            if not coming:  # the body is here: what still comes is that the asker has gone
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, until - loop.time()))
            except TimeoutError:
                await _refuse(send)
                late, message = True, {"type": "http.disconnect"}
            coming = bool(message.get("more_body", False))
            return message

        async def tell(message: Any) -> None:
            if not late:
                await send(message)

        await app(scope, next_piece, tell)

    return middle


async def _refuse(send: Send) -> None:
    head: Any = [(b"connection", b"close"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 408, "headers": head})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def log_to_stderr() -> None:
    """One JSON object a line, ids and codes only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger("migramovil")
    root.setLevel(logging.INFO)
    root.addHandler(handler)


def _is_here(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
