"""What a device service could send: its answers, its certificates, its claims once they are signed.

Broken bytes alone never get past a signature, so the claims are broken first and signed then.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from PIL import Image

from migramovil.devices.fingerprint import sbi_fir, sbi_jws, sbi_messages, sbi_stream
from migramovil.devices.fingerprint.sbi_jws import Trust
from migramovil.devices.fingerprint.sbi_messages import Announced, Asked
from migramovil.devices.sim import sbi_service
from migramovil.devices.trouble import DeviceTrouble

_SIGNER = sbi_service._signer("", expired=False)
_TRUST = Trust(roots=(_SIGNER.root,), environment="Developer")
_NOW = datetime.now(UTC)
_ASKED = Asked(
    device=Announced(
        device_id="1",
        serial="SIM000000001",
        make="Migramovil",
        model="Huellero simulado",
        slap=True,
        parts=(1, 2, 3),
        status="Ready",
        version="0.9.5",
    ),
    part=3,
    positions=(1, 6),
    missing=frozenset(),
    transaction="a-transaction",
    timeout_ms=1000,
    previous_hash=sbi_messages.NO_CAPTURE_YET,
    at=_NOW,
)


def _ridges() -> Any:
    rows, columns = np.mgrid[0:40, 0:30]
    return (128 + 100 * np.sin((rows + columns) / 3)).astype(np.uint8)


def _said() -> list[bytes]:
    """What a good service answers."""
    service = sbi_service.SbiService(lambda _: _ridges(), pace_s=0)
    capture = json.loads(sbi_messages.capture_request(_ASKED, "Developer"))
    questions = (("MOSIPDISC", {}), ("MOSIPDINFO", {}), ("RCAPTURE", capture))
    answers = [b"".join(service.answer(verb, asked)) for verb, asked in questions]
    service.close()
    return answers


_DISCOVERY, _INFO, _CAPTURE = _said()
_CLAIMS = [sbi_jws.unproven(one["data"]) for one in json.loads(_CAPTURE)["biometrics"]]
_RECORD = sbi_service._record(1, _ridges(), sbi_service.SbiFault.NONE)
_DER = [one.public_bytes(serialization.Encoding.DER) for one in (*_SIGNER.chain, _SIGNER.root)]


def _jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(_ridges()).save(file, "JPEG")
    return file.getvalue()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _answers(data: bytes) -> None:
    _tried(sbi_messages.read_discovery, data)
    _tried(sbi_messages.check_identity, data, _ASKED.device, _TRUST, _NOW)
    _tried(sbi_messages.read_capture, data, _ASKED, _TRUST, _NOW)


def _tried(read: Callable[..., object], *args: object) -> None:
    with contextlib.suppress(DeviceTrouble):
        read(*args)


def _certificates(data: bytes) -> None:
    x5c = [base64.b64encode(der).decode() for der in (data, data, _DER[1])]
    for chain in (x5c, [base64.b64encode(_DER[0]).decode(), *x5c[:2]]):
        header = _encoded(json.dumps({"alg": "RS256", "x5c": chain}).encode())
        signed = f"{header}.{_encoded(b'{}')}"
        _tried(sbi_jws.opened, _signed(signed), _TRUST, _NOW)


def _claims(data: bytes) -> None:
    """Claims, signed as they are, with the hash that their record should have."""
    x5c = [base64.b64encode(der).decode() for der in _DER[:2]]
    header = _encoded(json.dumps({"alg": "RS256", "x5c": x5c}).encode())
    entry = {"data": _signed(f"{header}.{_encoded(data)}"), "hash": "0" * 64}
    with contextlib.suppress(DeviceTrouble):
        value = sbi_jws.decoded(sbi_jws.unproven(entry["data"]).get("bioValue"))
        entry["hash"] = sbi_messages.next_hash(sbi_messages.NO_CAPTURE_YET, value)
    answer = json.dumps({"biometrics": [entry]}).encode()
    sbi_messages.read_capture(answer, replace(_ASKED, positions=()), _TRUST, _NOW)


def _signed(text: str) -> str:
    signature = _SIGNER.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{_encoded(signature)}"


def _stream(data: bytes) -> None:
    parts = sbi_stream.Parts()
    half = len(data) // 2
    for piece in (data[:half], data[half:]):
        for picture in parts.feed(piece):
            _tried(sbi_stream.frame, picture)


def _part(picture: bytes) -> bytes:
    return f"--b\r\nContent-Length: {len(picture)}\r\n\r\n".encode() + picture + b"\r\n"


# Name, what reads, and good messages.
PARSERS: tuple[tuple[str, Callable[[bytes], object], tuple[bytes, ...]], ...] = (
    ("sbi-answers", _answers, (_DISCOVERY, _INFO, _CAPTURE)),
    ("sbi-certificates", _certificates, tuple(_DER)),
    ("sbi-claims", _claims, tuple(json.dumps(claims).encode() for claims in _CLAIMS)),
    ("sbi-records", sbi_fir.read_record, (_RECORD,)),
    ("sbi-stream", _stream, (_part(_jpeg()) * 2, _part(b"x"))),
)
