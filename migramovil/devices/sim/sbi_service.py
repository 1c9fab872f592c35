"""A MOSIP device service that plays: the real HTTP, real signatures, fingers of invented people.

Its keys and certificates are made when it starts; `roots_pem` is what a station must trust to
believe it. The faults are those a station must survive, and those it must see through.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from PIL import Image

from migramovil.devices.fingerprint import sbi_messages as messages
from migramovil.devices.ports import Pixels

PORTS = range(4501, 4601)
_PPI = 500
_QUALITY = 70
_BOUNDARY = "--BoundaryString"
_NAMES = {name: position for position, name in messages.FINGERS.items()}
_BY_PART = dict(messages.SLAPS.values())


class SbiFault(StrEnum):
    """What can be made to go wrong. Unplugging is `unplug()`."""

    NONE = "none"
    NOT_READY = "not ready"
    NOT_REGISTERED = "not registered"
    BUSY = "busy"
    NO_FINGER = "no finger"
    HANGS = "hangs"  # takes the request and answers nothing
    SLOW = "slow"  # answers a byte at a time
    BREAKS_OFF = "breaks off"  # half of the answer, and the line is closed
    GARBAGE = "garbage"  # answers something that is no JSON
    FLOOD = "flood"  # an answer without end
    WRONG_SIGNATURE = "wrong signature"
    OTHER_AUTHORITY = "other authority"  # a chain of its own, with the same names
    EXPIRED = "expired certificate"
    REPLAYED = "replayed"  # the answer to the capture before
    WRONG_CLOCK = "wrong clock"
    BROKEN_CHAIN = "broken hash chain"
    OTHER_ENVIRONMENT = "other environment"
    OTHER_READER = "other reader"  # signs as another of the same maker's readers
    TOO_FEW = "too few fingers"
    OTHER_FINGERS = "other fingers"
    WSQ = "wsq"
    DAMAGED = "damaged picture"
    TAMPERED = "tampered"


_ERRORS = {
    SbiFault.NOT_READY: "110",
    SbiFault.NOT_REGISTERED: "100",
    SbiFault.BUSY: "111",
    SbiFault.TAMPERED: "103",
}
_STATUS = {
    SbiFault.NOT_READY: "Not Ready",
    SbiFault.NOT_REGISTERED: "Not Registered",
    SbiFault.BUSY: "Busy",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signer:
    """A device key, its certificate, and the maker's, which a root issued."""

    key: rsa.RSAPrivateKey
    chain: tuple[x509.Certificate, ...]
    root: x509.Certificate

    def token(self, claims: dict[str, Any]) -> str:
        certificates = [
            base64.b64encode(one.public_bytes(serialization.Encoding.DER)).decode()
            for one in self.chain
        ]
        header = {"alg": "RS256", "typ": "JWT", "x5c": certificates}
        signed = f"{_encoded(_json(header))}.{_encoded(_json(claims))}"
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_encoded(signature)}"


class SbiService:
    """The service, one reader, and the hand over it. It listens on the first free of `ports`.

    `next_impression(position)` gives what a finger leaves on the glass, uint8 (h, w) at 500 ppi,
    dark on bright; position 0 asks for whichever finger is near. A finger lies there `pace_s`
    after it is asked for. `slap`: a scanner for four fingers, otherwise one for a single finger.
    """

    def __init__(
        self,
        next_impression: Callable[[int], Pixels],
        *,
        slap: bool = True,
        environment: str = "Developer",
        pace_s: float = 0.3,
        fps: float = 10.0,
        ports: Sequence[int] = PORTS,
    ) -> None:
        self.fault = SbiFault.NONE
        self.hand_near = True
        self.slap = slap
        self.environment = environment
        self.pace_s = pace_s
        self.fps = fps
        self._next_impression = next_impression
        self._capturing = threading.Lock()
        self._lying: dict[int, Pixels] = {}  # what the preview showed is what is captured
        self._stopped = threading.Event()
        self._last_answer: bytes = b""
        self._server: _Server | None = None
        self._port = 0
        self._serve(ports)

    @property
    def port(self) -> int:
        return self._port

    @property
    def roots_pem(self) -> bytes:
        return _signer("", expired=False).root.public_bytes(serialization.Encoding.PEM)

    @property
    def plugged(self) -> bool:
        return self._server is not None

    def unplug(self) -> None:
        """The service ends, and whoever waits for an answer has none."""
        server, self._server = self._server, None
        if server is not None:
            self._stopped.set()
            server.shutdown()
            server.server_close()
            server.hang_up()

    def plug(self) -> None:
        if self._server is None:
            self._serve([self._port])

    def close(self) -> None:
        self.unplug()

    def _serve(self, ports: Sequence[int]) -> None:
        self._stopped = threading.Event()
        self._server = _first_free(ports, self)
        self._port = self._server.server_address[1]
        serve = self._server.serve_forever
        threading.Thread(target=lambda: serve(0.02), name="sbi-service", daemon=True).start()

    # What the handler asks

    def answer(self, verb: str, asked: dict[str, Any]) -> Iterator[bytes]:
        """The body of the answer, in pieces."""
        if self.fault is SbiFault.HANGS:
            self._stopped.wait()
            return
        if self.fault is SbiFault.FLOOD:
            while not self._stopped.is_set():
                yield bytes(1 << 20)
        body = self._body(verb, asked)
        if self.fault is SbiFault.GARBAGE:
            body = b"<html>" + body[: len(body) // 2]
        if self.fault is SbiFault.BREAKS_OFF:
            body = body[: len(body) // 2]
        if self.fault is SbiFault.SLOW:
            for at in range(len(body)):
                if self._stopped.wait(0.05):
                    return
                yield body[at : at + 1]
        else:
            yield body

    def frames(self, asked: dict[str, Any]) -> Iterator[bytes]:
        """The preview: JPEG pictures, until a capture that began after it is over."""
        part, seen = int(asked["deviceSubId"]), False
        end = time.monotonic() + int(asked["timeout"]) / 1000
        while time.monotonic() < end and not self._stopped.wait(1 / self.fps):
            if seen and not self._capturing.locked():
                return
            seen = seen or self._capturing.locked()
            yield _jpeg(self._look(part))

    def _body(self, verb: str, asked: dict[str, Any]) -> bytes:
        if verb == "MOSIPDISC":
            return _json([self._announcement()])
        if verb == "MOSIPDINFO":
            return _json([{"deviceInfo": self._information(), "error": _error("0")}])
        return self._capture(asked)

    def _announcement(self) -> dict[str, Any]:
        return {
            **self._description(),
            "digitalId": _encoded(_json(self._identity())),
            "error": _error(_ERRORS.get(self.fault, "0")),
        }

    def _information(self) -> str:
        claims = {
            **self._description(),
            "firmware": "sim",
            "env": self._environment(),
            "digitalId": self._signer().token(self._identity()),
        }
        if self.fault is SbiFault.NOT_REGISTERED:
            return _encoded(_json(claims))
        return self._signed(claims)

    def _description(self) -> dict[str, Any]:
        return {
            "deviceId": "1",
            "deviceStatus": _STATUS.get(self.fault, "Ready"),
            "certification": "L0",
            "serviceVersion": "sim.1",
            "deviceSubId": ["1", "2", "3"] if self.slap else ["0"],
            "callbackId": f"http://127.0.0.1:{self.port}/",
            "deviceCode": self._identity()["serialNo"],
            "specVersion": ["0.9.5"],
            "purpose": messages.PURPOSE,
        }

    def _identity(self) -> dict[str, Any]:
        other = self.fault is SbiFault.OTHER_READER
        return {
            "serialNo": "SIM000000099" if other else "SIM000000001",
            "make": "Migramovil",
            "model": "Huellero simulado",
            "type": "Finger",
            "deviceSubType": "Slap" if self.slap else "Single",
            "deviceProvider": "MIGRAMOVIL",
            "deviceProviderId": "MIGRAMOVIL.SIM",
            "dateTime": _now(),
        }

    def _environment(self) -> str:
        return "Staging" if self.fault is SbiFault.OTHER_ENVIRONMENT else self.environment

    def _capture(self, asked: dict[str, Any]) -> bytes:
        if self.fault in _ERRORS:
            return _refused(_ERRORS[self.fault])
        if self.fault is SbiFault.REPLAYED and self._last_answer:
            return self._last_answer
        if not self._capturing.acquire(blocking=False):
            return _refused("703")
        try:
            if not self._finger_comes(int(asked["timeout"]) / 1000):
                return _refused("701")
            self._last_answer = _json({"biometrics": self._biometrics(asked)})
            return self._last_answer
        finally:
            self._lying.clear()
            self._capturing.release()

    def _finger_comes(self, timeout_s: float) -> bool:
        near = self.hand_near and self.fault is not SbiFault.NO_FINGER
        if self._stopped.wait(min(timeout_s, self.pace_s) if near else timeout_s):
            raise ConnectionAbortedError("the service ended")
        return near and timeout_s >= self.pace_s

    def _biometrics(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        bio = asked["bio"][0]
        previous = bio["previousHash"]
        taken = []
        for position in self._present(bio):
            value = _record(position, self._glass(position), self.fault)
            previous = messages.next_hash(previous, value)
            said = "0" * 64 if self.fault is SbiFault.BROKEN_CHAIN else previous
            data = self._signed(self._claims(asked, position, value))
            taken.append({"specVersion": "0.9.5", "data": data, "hash": said, "error": _error("0")})
        return taken

    def _present(self, bio: dict[str, Any]) -> tuple[int, ...]:
        """The positions that lie on the glass: those of the part of the reader, but the missing."""
        wanted = tuple(_NAMES.get(name, 0) for name in bio["bioSubType"])
        if wanted == (0,):
            return wanted
        missing = {_NAMES[name] for name in bio["exception"]}
        part = int(bio["deviceSubId"])
        if self.fault is SbiFault.OTHER_FINGERS:
            part = 1 if part == 2 else 2
        lying = tuple(one for one in _BY_PART[part] if one not in missing)
        return lying[:-1] if self.fault is SbiFault.TOO_FEW else lying

    def _claims(self, asked: dict[str, Any], position: int, value: bytes) -> dict[str, Any]:
        bio = asked["bio"][0]
        return {
            "digitalId": self._signer().token(self._identity()),
            "deviceCode": self._identity()["serialNo"],
            "deviceServiceVersion": "sim.1",
            "bioType": "Finger",
            "bioSubType": messages.FINGERS.get(position, "UNKNOWN"),
            "purpose": messages.PURPOSE,
            "env": self._environment(),
            "bioValue": _encoded(value),
            "transactionId": asked["transactionId"],
            "timestamp": _now(hours=-7 if self.fault is SbiFault.WRONG_CLOCK else 0),
            "requestedScore": bio["requestedScore"],
            "qualityScore": _QUALITY,
        }

    def _signed(self, claims: dict[str, Any]) -> str:
        token = self._signer().token(claims)
        if self.fault is SbiFault.WRONG_SIGNATURE:
            head, body, tail = token.split(".")
            other = bytes(byte ^ 1 for byte in base64.urlsafe_b64decode(tail + "=="))
            return f"{head}.{body}.{_encoded(other)}"
        return token

    def _signer(self) -> _Signer:
        authority = "other" if self.fault is SbiFault.OTHER_AUTHORITY else ""
        return _signer(authority, expired=self.fault is SbiFault.EXPIRED)

    def _look(self, part: int) -> Pixels:
        """What the glass shows now, at half the size."""
        if not self.hand_near:
            return np.full((145, 192), 255, np.uint8)
        return np.hstack([self._glass(one) for one in _BY_PART.get(part, (0,))])[::2, ::2]

    def _glass(self, position: int) -> Pixels:
        """The finger at its place; it stays there until a capture is over."""
        if position not in self._lying:
            self._lying[position] = self._next_impression(position)
        return self._lying[position]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # a service that is started again takes its port at once, but never somebody else's
    allow_reuse_address = True

    def __init__(self, port: int, service: SbiService) -> None:
        self.service = service
        self._lines: set[Any] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._lines.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._lines.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked went away: the service minds no more than a real one."""

    def hang_up(self) -> None:
        for line in list(self._lines):
            with contextlib.suppress(OSError):
                line.shutdown(2)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_MOSIPDISC(self) -> None:
        self._answer()

    def do_MOSIPDINFO(self) -> None:
        self._answer()

    def do_RCAPTURE(self) -> None:
        self._answer()

    def do_STREAM(self) -> None:
        asked = self._asked()
        service = self.server.service
        if service.fault in _ERRORS:
            self._head("application/json")
            self.wfile.write(_json({"error": _error(_ERRORS[service.fault])}))
            return
        self._head(f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        for frame in service.frames(asked):
            head = f"{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(frame)}"
            self.wfile.write(head.encode() + b"\r\n\r\n" + frame + b"\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        """A played service keeps no log."""

    def _answer(self) -> None:
        asked = self._asked()
        pieces = self.server.service.answer(self.command, asked)
        if self.server.service.fault is SbiFault.BREAKS_OFF:
            self._head("application/json", length=1 << 20)
        else:
            self._head("application/json")
        for piece in pieces:
            self.wfile.write(piece)

    def _asked(self) -> dict[str, Any]:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return dict(json.loads(body)) if body else {}

    def _head(self, kind: str, length: int | None = None) -> None:
        """As many services do: no length, the answer ends with the line."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()


def _first_free(ports: Sequence[int], service: SbiService) -> _Server:
    for port in ports:
        with contextlib.suppress(OSError):
            return _Server(port, service)
    raise OSError("no port is free for a device service")


@lru_cache
def _signer(authority: str, *, expired: bool) -> _Signer:
    """Keys are dear to make: one of each for a process."""
    root_key, maker_key, key = _key(authority, "root"), _key("", "maker"), _key("", "device")
    root = _certificate("Raíz simulada", root_key, "Raíz simulada", root_key, authority=True)
    maker = _certificate("Fabricante", maker_key, "Raíz simulada", root_key, authority=True)
    device = _certificate("SIM000000001", key, "Fabricante", maker_key, expired=expired)
    return _Signer(key=key, chain=(device, maker), root=root)


@lru_cache
def _key(authority: str, what: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _certificate(
    name: str,
    key: rsa.RSAPrivateKey,
    issuer: str,
    issuer_key: rsa.RSAPrivateKey,
    *,
    authority: bool = False,
    expired: bool = False,
) -> x509.Certificate:
    until = datetime.now(UTC) + (timedelta(days=-1) if expired else timedelta(days=30))
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - timedelta(days=60))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def _record(position: int, pixels: Pixels, fault: SbiFault) -> bytes:
    """A finger image record, ISO/IEC 19794-4:2011, with the picture in JPEG 2000 without loss."""
    height, width = pixels.shape
    picture = io.BytesIO()
    Image.fromarray(pixels).save(picture, "JPEG2000", irreversible=False)
    data = picture.getvalue()
    if fault is SbiFault.DAMAGED:
        data = data[: len(data) // 2]
    quality = struct.pack(">BBHH", 1, _QUALITY, 0x40, 1)
    compression = 2 if fault is SbiFault.WSQ else 5
    resolution = (_PPI,) * 4
    geometry = struct.pack(
        ">BBB4HBBBHHI", position, 0, 1, *resolution, 8, compression, 0, width, height, len(data)
    )
    now = datetime.now(UTC)
    date = struct.pack(">H5BH", now.year, now.month, now.day, now.hour, now.minute, now.second, 0)
    body = date + struct.pack(">BHH", 0, 0, 0) + quality + geometry + data
    body = struct.pack(">I", len(body) + 4) + body
    return struct.pack(">4s4sIHBB", b"FIR\0", b"020\0", len(body) + 16, 1, 0, 1) + body


def _jpeg(pixels: Pixels) -> bytes:
    picture = io.BytesIO()
    Image.fromarray(pixels).save(picture, "JPEG", quality=70)
    return picture.getvalue()


def _refused(number: str) -> bytes:
    return _json({"biometrics": [{"specVersion": "0.9.5", "error": _error(number)}]})


def _error(number: str) -> dict[str, str]:
    return {"errorCode": number, "errorInfo": "Success" if number == "0" else "sim"}


def _now(hours: int = 0) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(value: object) -> bytes:
    return json.dumps(value).encode("ascii")


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
