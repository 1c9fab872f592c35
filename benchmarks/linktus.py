"""The tus peer of benchmarks/link.py, in an environment of its own: tuspyserver and tuspy."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path


def serve(here: Path, folder: Path) -> None:
    import uvicorn  # noqa: PLC0415 - each half needs its own libraries
    from fastapi import FastAPI  # noqa: PLC0415
    from tuspyserver import create_tus_router  # noqa: PLC0415

    app = FastAPI()
    app.include_router(create_tus_router(prefix="files", files_dir=str(folder)))
    config = uvicorn.Config(
        app,
        ssl_certfile=str(here / "tls.crt"),
        ssl_keyfile=str(here / "tls.key"),
        log_level="error",
        timeout_keep_alive=60,
    )
    uvicorn.Server(config).run(sockets=[_listening()])


def _listening() -> socket.socket:
    """A server that notices a link that broke: else the upload stays locked by who is gone."""
    listener = socket.create_server(("10.77.0.2", 8446))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_KEEPIDLE, 4), (socket.TCP_KEEPINTVL, 2), (socket.TCP_KEEPCNT, 3),
    ):  # fmt: skip
        listener.setsockopt(socket.IPPROTO_TCP, option, value)
    return listener


def send(here: Path) -> None:
    import urllib3.connection as lines  # noqa: PLC0415
    from tusclient import client  # noqa: PLC0415

    os.environ["REQUESTS_CA_BUNDLE"] = str(here / "tls.crt")  # tuspy forgets what it was told
    # Without this tuspy waits for ever on a link that broke.
    stalled = (6, 18, 8000)  # TCP_USER_TIMEOUT
    lines.HTTPConnection.default_socket_options.append(stalled)
    far = client.TusClient("https://10.77.0.2:8446/files/")
    packets = sorted((here / "packets").iterdir())
    print("ready", flush=True)
    sys.stdin.readline()
    for packet in packets:
        uploader = None
        while True:
            try:
                if uploader is None:
                    uploader = far.uploader(
                        str(packet),
                        retries=0,
                        metadata={"filename": packet.name, "filetype": "application/octet-stream"},
                    )
                if uploader.url is not None:
                    uploader.offset = uploader.get_offset()
                uploader.upload()
                break
            except Exception:  # noqa: BLE001 - whatever it was, a tus client resumes
                time.sleep(1)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        send(Path(sys.argv[2]))
