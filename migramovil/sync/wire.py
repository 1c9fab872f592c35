"""The words station and headquarters exchange: pure messages, paths, and the enrolment code.

Bodies are canonical JSON (core.canonical). Every request about packets carries, in the header
`X-Migramovil`, the carrying station's id and its transport key's signature over a RequestBody: that
admits the carrier, while a packet's identity comes only from the packet's own signature.

    GET  /v1/headquarters                                  200 Signed Descriptor, by the root key
    POST /v1/ping               Ping                       200 Signed TimeBody, by the edge's key
    POST /v1/enroll             EnrollRequest              200 EnrollAnswer
    POST /v1/packets            Announce                   202 Missing | 200 Receipts
    PUT  /v1/packets/STATION/RECORD/DIGEST/parts/N  bytes  200 {} (N, or N and those after it)
    POST /v1/packets/STATION/RECORD/DIGEST/complete        200 Receipts | 202 Missing
    POST /v1/receipts           AskReceipts                200 Receipts
    POST /v1/letters            letter (core.letters)      200 Signed AnswerBody, by the edge's key
    POST /v1/support            report (core.support)      200 Signed AnswerBody, by the edge's key
    GET  /v1/downstream                                    200 Downstream | 304
    GET  /v1/downstream/DIGEST/parts/N                     200 bytes
    GET  /health                                           200

Every request may be repeated. A refusal is an ErrorBody with its Refusal's HTTP status.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from migramovil.core import canonical, sealing
from migramovil.core.packet import MAGIC, Head
from migramovil.core.record import Realm, Signed
from migramovil.core.trouble import Trouble, Who

PART_SIZE = 64 * 1024
LARGEST_PART = 256 * 1024
LARGEST_RUN = 4 * 1024 * 1024
"""Bytes of parts that may follow one another in one request."""
PART_SIZES = (PART_SIZE, 128 * 1024, LARGEST_PART)
HEADER = "X-Migramovil"

DESCRIPTOR_PATH = "/v1/headquarters"
PING_PATH = "/v1/ping"
ENROLL_PATH = "/v1/enroll"
PACKETS_PATH = "/v1/packets"
RECEIPTS_PATH = "/v1/receipts"
LETTERS_PATH = "/v1/letters"
SUPPORT_PATH = "/v1/support"
DOWNSTREAM_PATH = "/v1/downstream"
HEALTH_PATH = "/health"

REQUEST_FORMAT = "migramovil/request/1"
TIME_FORMAT = "migramovil/time/1"
STATION_FORMAT = "migramovil/station/1"


def part_path(station: str, record: str, digest: str, number: int | str) -> str:
    return f"{PACKETS_PATH}/{station}/{record}/{digest}/parts/{number}"


def complete_path(station: str, record: str, digest: str) -> str:
    return f"{PACKETS_PATH}/{station}/{record}/{digest}/complete"


def download_path(digest: str, number: int | str) -> str:
    return f"{DOWNSTREAM_PATH}/{digest}/parts/{number}"


def etag(body: bytes) -> str:
    """What `If-None-Match` says of an answer that is still known: whoever has it can tell."""
    return f'"{sealing.sha256(body)}"'


# --- who asks ----------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class RequestBody:
    """What the transport key signs. It carries no time: every request is harmless to repeat."""

    format: str = REQUEST_FORMAT
    method: str
    path: str
    body_sha256: str


def sign_request(
    station: str, transport: sealing.Signer, method: str, path: str, body: bytes
) -> str:
    """The value of `X-Migramovil` for one request."""
    asked = RequestBody(method=method, path=path, body_sha256=sealing.sha256(body))
    return f"{station};{canonical.text(transport.sign(canonical.encode(asked)))}"


def read_request(header: str) -> tuple[str, bytes]:
    """(station id, signature) out of `X-Migramovil`; NotCanonical when it is not one."""
    station, mark, signature = header.partition(";")
    if not mark:
        raise canonical.NotCanonical(HEADER)
    return station, canonical.from_text(signature)


def verify_request(public: bytes, signature: bytes, method: str, path: str, body: bytes) -> None:
    """Raise BadSignature unless this transport key signed exactly this request."""
    asked = RequestBody(method=method, path=path, body_sha256=sealing.sha256(body))
    sealing.verify(public, canonical.encode(asked), signature)


# --- messages ------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBody:
    """Headquarters' time (UTC, ISO 8601), fresh for this nonce; signed by the edge's key.

    `descriptor` is the version of its newest descriptor.
    """

    format: str = TIME_FORMAT
    nonce: str
    utc: str
    realm: Realm
    descriptor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSupervisor:
    """The first person of a station: public halves only, base64."""

    account: str
    username: str
    signing: str
    sealing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollRequest:
    """One-time token (base64) and the public keys (base64) of a station that was just set up."""

    token: str
    realm: Realm
    name: str
    signing: str
    sealing: str
    transport: str
    supervisor: NewSupervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class StationBody:
    """Headquarters' word about a station; signed by the registrar. `station` is a UUIDv7."""

    format: str = STATION_FORMAT
    realm: Realm
    station: str
    code: str
    name: str
    place: str
    signing: str
    sealing: str
    transport: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollAnswer:
    """A signed StationBody and the first supervisor's signed AccountBody."""

    station: Signed
    account: Signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """A packet about to come: its front blocks (base64), its digest, and each part's SHA-256."""

    header: str
    signature: str
    keys: str
    digest: str
    size: int
    part_size: int
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Answer 202: the numbers of the parts headquarters does not hold yet."""

    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskReceipts:
    """Pairs of (station, record)."""

    records: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    """Answer 200: every receipt given so far, oldest first."""

    receipts: tuple[Signed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Downstream:
    """The newest manifest (core.downstream) of each kind there is for the asking station."""

    manifests: tuple[Signed, ...]


class Refusal(StrEnum):
    """Why headquarters refused a request; the number is the HTTP status it travels with."""

    status: int

    def __new__(cls, value: str, status: int) -> Refusal:
        member = str.__new__(cls, value)
        member._value_ = value
        member.status = status
        return member

    BAD_REQUEST = "bad_request", 400
    UNKNOWN_KEY = "unknown_key", 401
    WRONG_REALM = "wrong_realm", 403
    REVOKED = "revoked", 403
    TOO_SLOW = "too_slow", 408
    BAD_TOKEN = "bad_token", 403
    NOT_ANNOUNCED = "not_announced", 404
    OTHER_DIGEST = "other_digest", 409
    TOO_LARGE = "too_large", 413
    WRONG_DIGEST = "wrong_digest", 422
    TOO_MUCH = "too_much", 429
    DISK_FULL = "disk_full", 507


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """A refusal in words for the technician: nothing personal."""

    code: str
    text: str


# --- parts ------------------------------------------------------------------------------
def part_count(size: int, part_size: int) -> int:
    return -(-size // part_size)


def cut(data: bytes, part_size: int, number: int) -> bytes:
    return data[number * part_size : (number + 1) * part_size]


def announce(data: bytes, head: Head, digest: str, part_size: int = PART_SIZE) -> Announce:
    """The announcement of a whole packet, cut into parts of one of PART_SIZES."""
    numbers = range(part_count(len(data), part_size))
    return Announce(
        header=canonical.text(head.header_bytes),
        signature=canonical.text(head.signature),
        keys=canonical.text(head.keys_bytes),
        digest=digest,
        size=len(data),
        part_size=part_size,
        parts=tuple(sealing.sha256(cut(data, part_size, number)) for number in numbers),
    )


def front(header: bytes, signature: bytes, keys: bytes) -> bytes:
    """The front of a packet put together again from an announcement's blocks."""
    sizes = [len(block).to_bytes(4, "big") for block in (header, keys)]
    return MAGIC + sizes[0] + header + signature + sizes[1] + keys


# --- enrolment code ---------------------------------------------------------------------
class BadEnrolmentCode(Trouble):
    code = "SET-01"
    what = "El código de alta no está completo o tiene un error."
    advice = "Revise letra por letra. Si está bien copiado, pida otro a sede central."
    who = Who.TECHNICIAN


TOKEN_BYTES = 10
ROOT_BYTES = 16
_CHECK_BYTES = 2
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
_LETTERS = 45  # 28 bytes in base 32
_GROUP = 5
_ALIKE = str.maketrans("OIL", "011")


def root_hash(root_public: bytes) -> bytes:
    """What a code carries of headquarters' root key: 128 bits."""
    return hashlib.sha256(root_public).digest()[:ROOT_BYTES]


def make_code(token: bytes, root_public: bytes) -> str:
    """The code headquarters gives for one station: nine groups of five letters and digits."""
    body = token + root_hash(root_public)
    number = int.from_bytes(body + _checksum(body), "big")
    letters = "".join(_ALPHABET[number >> (5 * at) & 31] for at in reversed(range(_LETTERS)))
    return "-".join(letters[at : at + _GROUP] for at in range(0, _LETTERS, _GROUP))


def read_code(text: str) -> tuple[bytes, bytes]:
    """(token, root hash); forgives case, spaces, hyphens, O for 0, I and L for 1."""
    letters = "".join(text.upper().split()).replace("-", "").translate(_ALIKE)
    if len(letters) != _LETTERS or not set(letters) <= set(_ALPHABET):
        raise BadEnrolmentCode("letters")
    number = 0
    for letter in letters:
        number = number << 5 | _ALPHABET.index(letter)
    size = TOKEN_BYTES + ROOT_BYTES
    if number >> 8 * (size + _CHECK_BYTES):
        raise BadEnrolmentCode("range")
    data = number.to_bytes(size + _CHECK_BYTES, "big")
    if _checksum(data[:size]) != data[size:]:
        raise BadEnrolmentCode("checksum")
    return data[:TOKEN_BYTES], data[TOKEN_BYTES:size]


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(b"migramovil/code/1\n" + body).digest()[:_CHECK_BYTES]
