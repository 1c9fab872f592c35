"""Runs the receiving edge: uvicorn, TLS 1.3, one process."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from migramovil.core import sealing
from migramovil.headquarters import setup
from migramovil.headquarters.http import build_app
from migramovil.headquarters.objects import Objects
from migramovil.headquarters.receiver import Receiver
from migramovil.headquarters.setup import Edge
from migramovil.headquarters.store import Store
from migramovil.headquarters.support import Reports

HEAD_S = 15.0
"""How long a connection may be silent, or a request's head may take."""
LONGEST_HEAD = 16 * 1024
GRACE_S = 5  # uvicorn waits for ever on a dead peer otherwise
BOOKS = "headquarters.db"


def serve(
    data: Path,
    *,
    host: str,
    port: int,
    unlock: Path | None = None,
    wrong_receipt_key: bool = False,
    listening: Callable[[str], None] = lambda _: None,
    own: Callable[[uvicorn.Server], None] = lambda _: None,
) -> None:
    """Serve until asked to stop; `listening` gets the URL, `own` the server (to stop it).

    `wrong_receipt_key` signs receipts with a fresh key: the fault a station must notice.
    """
    keys = setup.edge(data, unlock)
    known = setup.descriptor(data)
    store = Store(data / BOOKS)
    try:
        receiver = receiver_of(
            data, store, keys, receipt_signer=sealing.Signer.new() if wrong_receipt_key else None
        )
        with listening_at(host, port) as listener:
            server = uvicorn.Server(_config(receiver, keys))
            own(server)
            gc.freeze()  # what was loaded stays: it need not be searched for what can go
            listening(_url(host, listener.getsockname()[1], known.urls[0]))
            server.run(sockets=[listener])
    finally:
        store.close()


def receiver_of(
    data: Path, store: Store, keys: Edge, *, receipt_signer: sealing.Signer | None = None
) -> Receiver:
    """The receiving edge over this folder, for the wire or for a stick."""
    return Receiver(
        store=store,
        objects=Objects(data),
        reports=Reports(data),
        descriptor=setup.signed_descriptor(data),
        realm=setup.descriptor(data).realm,
        stored_signer=keys.stored_signer,
        receipt_signer=receipt_signer or keys.stored_signer,
        registrar=keys.registrar,
    )


def listening_at(host: str, port: int) -> socket.socket:
    """A listener whose connections answer at once: asyncio forgets TCP_NODELAY on such sockets,
    and each small answer would wait 40 ms for the other side's acknowledgement."""
    listener = socket.create_server((host, port), backlog=128)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _config(receiver: Receiver, keys: Edge) -> uvicorn.Config:
    config = uvicorn.Config(
        build_app(receiver),
        ssl_certfile=str(keys.tls_certificate),
        ssl_keyfile=str(keys.tls_key),
        ssl_keyfile_password=keys.tls_password,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
        http=PatientH11,
        h11_max_incomplete_event_size=LONGEST_HEAD,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=GRACE_S,
        limit_concurrency=256,
    )
    config.load()
    if not isinstance(config.ssl, ssl.SSLContext):
        raise setup.NotSetUp("tls")
    config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
    return config


class PatientH11(H11Protocol):
    """uvicorn's own, but nobody keeps a connection by silence, or by a head letter for letter."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait()
        else:
            self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(HEAD_S, self.transport.close)

    def _rest(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def _url(host: str, port: int, first: str) -> str:
    """Where stations reach it: by the name in the certificate when it listens everywhere."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        host = setup.host_of(first)
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
