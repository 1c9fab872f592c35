"""Tells a captive portal from other strangers: it answers for everybody, also without TLS."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

HTTP_PORT = 80
_PATIENCE_S = 3.0
_MOST = 4096


def is_portal(host: str, port: int = HTTP_PORT) -> bool:
    """Whether somebody answers plain HTTP in headquarters' name, with a page of its own or the way
    to one. Headquarters itself says nothing there, or points to its own HTTPS."""
    try:
        with socket.create_connection((host, port), timeout=_PATIENCE_S) as asked:
            asked.settimeout(_PATIENCE_S)
            asked.sendall(b"GET / HTTP/1.0\r\nHost: %s\r\n\r\n" % host.encode("idna"))
            head = _head(asked)
    except (OSError, UnicodeError):
        return False
    status, _, fields = head.partition(b"\r\n")
    if not status.startswith(b"HTTP/1."):
        return False
    return not _own(status, fields, host)


def _head(asked: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _MOST:
        piece = asked.recv(_MOST)
        if not piece:
            break
        head += piece
    return head.partition(b"\r\n\r\n")[0]


def _own(status: bytes, fields: bytes, host: str) -> bool:
    """Headquarters' web server may refuse plain HTTP, or send everybody to its HTTPS."""
    if status.split()[1:2] and status.split()[1].startswith((b"4", b"5")):
        return status.split()[1] != b"511"  # Network Authentication Required
    for field in fields.split(b"\r\n"):
        name, _, value = field.partition(b":")
        if name.strip().lower() == b"location":
            to = urlsplit(value.decode("latin-1").strip())
            return to.scheme == "https" and to.hostname == host
    return False
