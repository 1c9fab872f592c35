"""What is said to a device service, and what is believed of its answers: MOSIP SBI 0.9.5 and 1.0.

Pure: no socket, no clock. Every answer is hostile until it is proven; whatever fails has a trouble
of its own. Discovery alone is unsigned, and serves only to know whom to ask.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from migramovil.devices.fingerprint import sbi_fir, sbi_jws
from migramovil.devices.fingerprint.sbi_fir import FingerRecord
from migramovil.devices.fingerprint.sbi_jws import Trust
from migramovil.devices.ports import Slap, SlapFinger
from migramovil.devices.trouble import (
    CaptureReplayed,
    DeviceBusy,
    DeviceTrouble,
    FingerMoved,
    HashChainBroken,
    ImageUnreadable,
    NoFinger,
    OtherReader,
    ReaderClockWrong,
    ReaderNotReady,
    ReaderNotRegistered,
    ReaderTampered,
    ServiceRefused,
    ServiceUnreadable,
    Unplugged,
    WrongEnvironment,
    WrongFingers,
)

PURPOSE = "Registration"
PRODUCTION = "Production"  # the environment in which captures count
VERSIONS = ("1.0", "0.9.5")
SCORE = 40  # the service captures by itself at this quality, 0..100; ours judges again afterwards
SKEW = timedelta(minutes=2)  # the service runs on this machine: its clock is ours
NO_CAPTURE_YET = hashlib.sha256(b"").hexdigest().upper()
_MAX_ENTRIES = 16

# SBI's names of the positions of ISO/IEC 19794.
FINGERS = {
    1: "Right Thumb",
    2: "Right IndexFinger",
    3: "Right MiddleFinger",
    4: "Right RingFinger",
    5: "Right LittleFinger",
    6: "Left Thumb",
    7: "Left IndexFinger",
    8: "Left MiddleFinger",
    9: "Left RingFinger",
    10: "Left LittleFinger",
}
_UNKNOWN = "UNKNOWN"
_POSITIONS = {name: position for position, name in FINGERS.items()} | {_UNKNOWN: 0}

# The part of a slap scanner for each slap, and the fingers that lie on it.
SLAPS = {
    Slap.LEFT_FOUR: (1, (7, 8, 9, 10)),
    Slap.RIGHT_FOUR: (2, (2, 3, 4, 5)),
    Slap.THUMBS: (3, (1, 6)),
}

_BY_NUMBER: dict[str, type[DeviceTrouble]] = {
    **dict.fromkeys(("100", "104", "107"), ReaderNotRegistered),
    **dict.fromkeys(("101", "701", "801"), NoFinger),
    "102": ImageUnreadable,
    "103": ReaderTampered,
    "105": FingerMoved,
    **dict.fromkeys(("106", "202", "503", "705"), Unplugged),
    "110": ReaderNotReady,
    **dict.fromkeys(("111", "703", "803"), DeviceBusy),
    **dict.fromkeys(("115", "121", "706", "709"), WrongEnvironment),
    **dict.fromkeys(("707", "708"), WrongFingers),
}
_BY_STATUS: dict[str, type[DeviceTrouble]] = {
    "not ready": ReaderNotReady,
    "not registered": ReaderNotRegistered,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A reader as its service announces it: claimed, not proven."""

    device_id: str  # the service's own
    serial: str
    make: str
    model: str
    slap: bool  # else one finger at a time
    parts: tuple[int, ...]  # deviceSubId: 1 left four, 2 right four, 3 thumbs, 0 the whole reader
    status: str
    version: str  # of the specification, the one we shall speak

    def check_usable(self) -> None:
        """FPR-22 or FPR-32 when the service says that the reader is not; busy is for later."""
        trouble = _BY_STATUS.get(self.status.lower())
        if trouble is not None:
            raise trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One capture that was ordered. No `positions`: any one finger."""

    device: Announced
    part: int
    positions: tuple[int, ...]
    missing: frozenset[int]  # of the same part of the reader
    transaction: str  # never used twice
    timeout_ms: int
    previous_hash: str
    at: datetime


def discovery_request() -> bytes:
    return _json({"type": "Finger"})


def stream_request(device: Announced, part: int, timeout_ms: int) -> bytes:
    return _json(
        {"deviceId": device.device_id, "deviceSubId": str(part), "timeout": str(timeout_ms)}
    )


def capture_request(asked: Asked, environment: str) -> bytes:
    wanted = [FINGERS[position] for position in asked.positions] or [_UNKNOWN]
    bio = {
        "type": "Finger",
        "count": len(wanted),
        "bioSubType": wanted,
        "exception": [FINGERS[position] for position in sorted(asked.missing)],
        "requestedScore": SCORE,
        "deviceId": asked.device.device_id,
        "deviceSubId": str(asked.part),
        "previousHash": asked.previous_hash,
    }
    return _json(
        {
            "env": environment,
            "purpose": PURPOSE,
            "specVersion": asked.device.version,
            "timeout": str(asked.timeout_ms),
            "captureTime": asked.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "transactionId": asked.transaction,
            "bio": [bio],
            "customOpts": {},
        }
    )


def read_discovery(answer: bytes) -> tuple[Announced, ...]:
    """The fingerprint readers for registration that a service announces, whatever their status."""
    return tuple(
        announced for entry in _entries(answer) if (announced := _announced(entry)) is not None
    )


def check_identity(answer: bytes, device: Announced, trust: Trust, now: datetime) -> None:
    """Prove by the answer to MOSIPDINFO that `device` is who it said; else the trouble it is."""
    tokens = [entry.get("deviceInfo") for entry in _entries(answer)]
    signed = [token for token in tokens if isinstance(token, str) and "." in token]
    for token in signed:
        if _text(sbi_jws.unproven(token).get("deviceId")) == device.device_id:
            info = sbi_jws.opened(token, trust, now)
            _check_environment(info, trust)
            _check_same(info, device, trust, now)
            return
    raise Unplugged("no such reader") if signed else ReaderNotRegistered


def read_capture(
    answer: bytes, asked: Asked, trust: Trust, now: datetime
) -> tuple[tuple[SlapFinger, ...], str]:
    """The fingers that were asked for, all of them and each proven, and the hash of the last.

    Each has a valid signature of the reader that was opened, for this transaction, this moment
    and this environment, and its hash continues the one before.
    """
    body = sbi_jws.parsed(answer)
    entries = _list_of_objects(body.get("biometrics") if isinstance(body, dict) else None)
    fingers = []
    previous = asked.previous_hash
    for entry in entries:
        _check_error(entry)
        claims = sbi_jws.opened(entry.get("data"), trust, now)
        _check_claims(claims, asked, trust, now)
        value = sbi_jws.decoded(claims.get("bioValue"))
        previous = _next_hash(previous, value, entry.get("hash"))
        fingers.append(_finger(claims, sbi_fir.read_record(value)))
    _check_fingers([finger.position for finger in fingers], asked)
    return tuple(fingers), previous


def _announced(entry: dict[str, Any]) -> Announced | None:
    """None when it is no reader of ours: another kind, another purpose, another language."""
    try:
        identity = sbi_jws.parsed(sbi_jws.decoded(entry.get("digitalId")))
    except ServiceUnreadable:  # one bad entry must not hide the good ones
        return None
    if not isinstance(identity, dict) or _text(identity.get("type")).lower() != "finger":
        return None
    spoken = entry.get("specVersion")
    version = next((v for v in VERSIONS if isinstance(spoken, list) and v in spoken), "")
    if not version or _text(entry.get("purpose")) not in {PURPOSE, ""}:
        return None
    return Announced(
        device_id=_text(entry.get("deviceId")),
        serial=_text(identity.get("serialNo")),
        make=_text(identity.get("make")),
        model=_text(identity.get("model")),
        slap=_text(identity.get("deviceSubType")).lower() in {"slap", "slab"},
        parts=_parts(entry.get("deviceSubId")),
        status=_text(entry.get("deviceStatus")),
        version=version,
    )


def _parts(value: object) -> tuple[int, ...]:
    texts = [_text(part) for part in value] if isinstance(value, list) else []
    return tuple(int(text) for text in texts[:4] if text in {"0", "1", "2", "3"})


def _check_claims(claims: dict[str, Any], asked: Asked, trust: Trust, now: datetime) -> None:
    if claims.get("transactionId") != asked.transaction:
        raise CaptureReplayed
    _check_environment(claims, trust)
    _check_same(claims, asked.device, trust, now)
    if claims.get("bioType", "Finger") != "Finger":
        raise WrongFingers
    if not asked.at - SKEW <= _moment(claims.get("timestamp")) <= now + SKEW:
        raise ReaderClockWrong


def _check_environment(claims: dict[str, Any], trust: Trust) -> None:
    if (claims.get("env"), claims.get("purpose")) != (trust.environment, PURPOSE):
        raise WrongEnvironment


def _check_same(claims: dict[str, Any], device: Announced, trust: Trust, now: datetime) -> None:
    identity = sbi_jws.opened(claims.get("digitalId"), trust, now)
    said = tuple(_text(identity.get(name)) for name in ("serialNo", "make", "model"))
    if said != (device.serial, device.make, device.model):
        raise OtherReader


def _check_error(entry: dict[str, Any]) -> None:
    error = entry.get("error")
    number = _text(error.get("errorCode")) if isinstance(error, dict) else ""
    if number not in {"", "0"}:
        trouble = _BY_NUMBER.get(number, ServiceRefused)
        raise trouble(number if number.isdecimal() else "")


def _check_fingers(positions: list[int], asked: Asked) -> None:
    if not asked.positions and len(positions) == 1:
        return
    if sorted(positions) != sorted(asked.positions):
        raise WrongFingers


def _finger(claims: dict[str, Any], record: FingerRecord) -> SlapFinger:
    position = _POSITIONS.get(_text(claims.get("bioSubType")))
    if position is None or (record.position and position and record.position != position):
        raise WrongFingers
    return SlapFinger(
        position=position or record.position,
        pixels=record.pixels,
        ppi=record.ppi,
        quality=_score(claims.get("qualityScore")),
    )


def next_hash(previous: str, value: bytes) -> str:
    """The hash of a capture, which is of the one before and of its own record, in capitals."""
    own = hashlib.sha256(value).digest()
    return hashlib.sha256(bytes.fromhex(previous) + own).hexdigest().upper()


def _next_hash(previous: str, value: bytes, said: object) -> str:
    expected = next_hash(previous, value)
    if not isinstance(said, str) or said.upper() != expected:
        raise HashChainBroken
    return expected


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ServiceUnreadable("timestamp")
    return moment


def _score(value: object) -> int | None:
    try:
        score = float(value) if isinstance(value, int | float | str) else -1.0
    except (ValueError, OverflowError):
        return None
    return round(score) if 0 <= score <= 100 else None


def _text(value: object) -> str:
    """A short printable text; "" for anything else. A number may come as text or as itself."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if len(text) <= 80 and text.isprintable() else ""


def _entries(answer: bytes) -> Sequence[dict[str, Any]]:
    return _list_of_objects(sbi_jws.parsed(answer))


def _list_of_objects(value: object) -> Sequence[dict[str, Any]]:
    if not isinstance(value, list) or not 1 <= len(value) <= _MAX_ENTRIES:
        raise ServiceUnreadable("list")
    if not all(isinstance(entry, dict) for entry in value):
        raise ServiceUnreadable("list")
    return value


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")
