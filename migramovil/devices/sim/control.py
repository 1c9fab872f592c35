"""The panel of a running training station for scripts: one line of JSON asked, one answered.

It listens on the loopback alone, and answers whoever shows the token that lies in the station's
own folder: a program of another user of this machine can read neither.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import socket
import socketserver
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import msgspec

from migramovil.core.trouble import Trouble, Who
from migramovil.devices.sim.panel import NoSuchSwitch, Panel

DOOR = "sim-panel.json"
_LONGEST = 4096  # bytes of a request
_WAIT_S = 5.0
_ANSWER_S = 60.0  # what a printer that goes on may take
_LARGEST = 1 << 20


class NoPanel(Trouble):
    code = "SIM-02"
    what = "No hay una estación de entrenamiento en marcha en esta carpeta."
    advice = "Ábrala con «migramovil station --training» o indique su carpeta con --data."
    who = Who.TECHNICIAN


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """Where a panel listens, and what opens it."""

    port: int
    token: str


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a script asks for. `number` -1 empties the chair; `finger` 0 is the one asked for."""

    token: str
    verb: Literal["list", "fault", "clear", "sit", "lay"]
    device: str = ""
    fault: str = ""
    on: bool = True
    number: int = -1
    finger: int = 0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is "" when it was done; `devices`, `people` and `finger` are how things stand then."""

    code: str = ""
    what: str = ""
    devices: tuple[dict[str, Any], ...] = ()
    people: tuple[dict[str, Any], ...] = ()
    finger: int = 0


class Control:
    """Listens for a panel until it is closed; `folder` gets the file that says where."""

    def __init__(self, panel: Panel, folder: Path) -> None:
        token = secrets.token_urlsafe(32)
        self._server = _Server(panel, token)
        self._file = folder / DOOR
        door = Door(port=self._server.server_address[1], token=token)
        _keep(self._file, msgspec.json.encode(door))
        serve = self._server.serve_forever
        threading.Thread(target=lambda: serve(0.05), name="sim-control", daemon=True).start()

    def close(self) -> None:
        self._file.unlink(missing_ok=True)
        self._server.shutdown()
        self._server.server_close()


def ask(folder: Path, **order: Any) -> Answer:
    """Send an order (the fields of `Order`, without token) to the station over `folder`.

    SIM-02 when none runs there; SIM-01 when it has no such device, fault or person.
    """
    try:
        door = msgspec.json.decode((folder / DOOR).read_bytes(), type=Door)
        line = msgspec.json.encode(Order(token=door.token, **order)) + b"\n"
        answer = msgspec.json.decode(_exchange(door.port, line), type=Answer)
    except (OSError, msgspec.MsgspecError) as error:
        raise NoPanel(type(error).__name__) from None
    if answer.code:
        raise (
            NoSuchSwitch(answer.what) if answer.code == NoSuchSwitch.code else NoPanel(answer.what)
        )
    return answer


def obey(panel: Panel, token: str, line: bytes) -> Answer:
    """Do what a line asks for; whatever is wrong with it is in the answer, and nothing is done."""
    try:
        order = msgspec.json.decode(line, type=Order)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Answer(code=NoPanel.code, what="not understood")
    if not hmac.compare_digest(order.token.encode(), token.encode()):
        return Answer(code=NoPanel.code, what="wrong token")
    try:
        _do(panel, order)
    except NoSuchSwitch as trouble:
        return Answer(code=trouble.code, what=trouble.detail)
    return Answer(
        devices=tuple(asdict(one) for one in panel.state()),
        people=tuple(asdict(one) for one in panel.people()),
        finger=panel.finger,
    )


def _do(panel: Panel, order: Order) -> None:
    if order.verb == "fault":
        panel.apply(order.device, order.fault, on=order.on)
    elif order.verb == "clear":
        panel.clear(order.device)
    elif order.verb == "sit":
        panel.sit(None if order.number == -1 else order.number)
    elif order.verb == "lay":
        panel.lay(order.finger)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, panel: Panel, token: str) -> None:
        self.panel, self.token = panel, token
        super().__init__(("127.0.0.1", 0), _Line)

    def handle_error(self, request: object, client_address: object) -> None:
        """A script that hangs up is its own business."""


class _Line(socketserver.StreamRequestHandler):
    server: _Server
    timeout = _WAIT_S

    def handle(self) -> None:
        line = self.rfile.readline(_LONGEST)
        answer = obey(self.server.panel, self.server.token, line)
        self.wfile.write(msgspec.json.encode(answer) + b"\n")


def _exchange(port: int, line: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), _WAIT_S) as wire:
        wire.settimeout(_ANSWER_S)
        wire.sendall(line)
        with wire.makefile("rb") as said:
            return said.readline(_LARGEST)


def _keep(path: Path, data: bytes) -> None:
    """A file only its owner reads, also where an old one was left with other rights."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with contextlib.closing(os.fdopen(handle, "wb")) as file:
        file.write(data)
