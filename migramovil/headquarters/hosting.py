"""Runs what headquarters' own people and systems use: on this machine alone, or else over TLS."""

from __future__ import annotations

import ipaddress
import logging
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn
from litestar.types import ASGIApp

from migramovil.core.trouble import Trouble, Who
from migramovil.headquarters.http import logged
from migramovil.headquarters.server import GRACE_S, LONGEST_HEAD, PatientH11, listening_at
from migramovil.logs import JsonLines


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
        logged(app),
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
