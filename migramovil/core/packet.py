"""Packet, format 1: what leaves the station and what headquarters opens.

    magic       b"MMPKT1\\n"
    u32 length  header, canonical JSON
    64 bytes    the station's Ed25519 signature over the header
    u32 length  keys, canonical JSON: the content key sealed to each recipient
    objects     ciphertexts one after another, in the header's order; the record first

The header covers everything: keys and objects by SHA-256. Any carrier may bring a packet.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migramovil.core import canonical, sealing
from migramovil.core.record import Realm, Stamp
from migramovil.core.trouble import Trouble

MAGIC = b"MMPKT1\n"
FORMAT = "migramovil/packet/1"
LARGEST_HEAD = 256 * 1024
LARGEST_PACKET = 256 * 1024 * 1024
LARGEST_NUMBER = 2**31 - 1
RECORD_OBJECT = "record"
_LENGTH = struct.Struct(">I")


class BadPacket(Trouble):
    code = "PKT-01"
    what = "Un paquete sellado no está completo o fue alterado."
    advice = "No se usó. Avise al técnico con este código."


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEntry:
    """One object in the clear header: its random id (the record's is "record"), size, SHA-256."""

    id: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What anyone may see of a packet: nothing personal."""

    format: str = FORMAT
    suite: str = sealing.SUITE
    realm: Realm
    station: str
    epoch: int
    seq: int
    record: str
    folio: str
    created: Stamp
    supersedes: str = ""
    audit_head: str
    software: str
    recipients: tuple[str, ...]
    keys_sha256: str
    objects: tuple[ObjectEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKey:
    recipient: str
    sealed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draught:
    """Everything a packet is made of, before it is one."""

    realm: Realm
    station: str
    epoch: int
    seq: int
    record: str
    folio: str
    created: Stamp
    audit_head: str
    software: str
    supersedes: str = ""
    record_body: bytes
    objects: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The verified-or-not front of a packet and where its objects start."""

    header: Header
    header_bytes: bytes
    signature: bytes
    keys: tuple[SealedKey, ...]
    keys_bytes: bytes
    length: int


def build(
    draught: Draught, content_key: bytes, recipients: Iterable[bytes], signer: sealing.Signer
) -> bytes:
    """The packet's bytes, its content key sealed to every recipient (public KEM keys)."""
    return b"".join(parts(draught, content_key, recipients, signer))


def parts(
    draught: Draught, content_key: bytes, recipients: Iterable[bytes], signer: sealing.Signer
) -> list[bytes]:
    """The same, not yet joined: everything before the objects, then each object."""
    publics = list(recipients)
    sealed_objects = {
        name: sealing.encrypt_object(content_key, draught.record, name, plain)
        for name, plain in contents(draught).items()
    }
    info = _binding(draught.realm, draught.station, draught.record)
    keys = canonical.encode(
        [
            SealedKey(
                recipient=sealing.key_id(public),
                sealed=canonical.text(
                    sealing.seal_to(public, content_key, info + sealing.key_id(public).encode())
                ),
            )
            for public in publics
        ]
    )
    header = canonical.encode(
        Header(
            realm=draught.realm,
            station=draught.station,
            epoch=draught.epoch,
            seq=draught.seq,
            record=draught.record,
            folio=draught.folio,
            created=draught.created,
            supersedes=draught.supersedes,
            audit_head=draught.audit_head,
            software=draught.software,
            recipients=tuple(sealing.key_id(public) for public in publics),
            keys_sha256=sealing.sha256(keys),
            objects=tuple(
                ObjectEntry(id=name, size=len(data), sha256=sealing.sha256(data))
                for name, data in sealed_objects.items()
            ),
        )
    )
    front = MAGIC + _LENGTH.pack(len(header)) + header + signer.sign(header)
    return [front + _LENGTH.pack(len(keys)) + keys, *sealed_objects.values()]


def contents(draught: Draught) -> dict[str, bytes]:
    """What a packet's objects say in clear, by id, in their order: the record first."""
    return {RECORD_OBJECT: draught.record_body, **draught.objects}


def read_head(data: bytes) -> Head:
    """Parse the front of a packet (give at least its head's bytes). Nothing is trusted yet."""
    if data[: len(MAGIC)] != MAGIC:
        raise BadPacket("magic")
    header_bytes, at = _block(data, len(MAGIC))
    signature, at = data[at : at + 64], at + 64
    keys_bytes, at = _block(data, at)
    try:
        header = canonical.decode(header_bytes, Header)
        keys = canonical.decode(keys_bytes, tuple[SealedKey, ...])
    except canonical.NotCanonical as problem:
        raise BadPacket(problem.detail) from None
    if header.suite != sealing.SUITE:
        raise BadPacket("suite")
    if not (0 <= header.epoch <= LARGEST_NUMBER and 0 <= header.seq <= LARGEST_NUMBER):
        raise BadPacket("numbers")
    if sealing.sha256(keys_bytes) != header.keys_sha256:
        raise BadPacket("keys")
    if header.recipients != tuple(key.recipient for key in keys):
        raise BadPacket("recipients")
    ids = [entry.id for entry in header.objects]
    if ids[:1] != [RECORD_OBJECT] or len(set(ids)) != len(ids):
        raise BadPacket("objects")
    return Head(
        header=header,
        header_bytes=header_bytes,
        signature=signature,
        keys=keys,
        keys_bytes=keys_bytes,
        length=at,
    )


def check(data: bytes, station_public: bytes) -> Head:
    """The head of a whole packet whose signature, sizes and hashes all hold, else BadPacket."""
    return _whole(data, signed_head(data, station_public))


def signed_head(data: bytes, station_public: bytes) -> Head:
    """The head, from at least its bytes, if this station signed it; else BadPacket."""
    head = read_head(data)
    try:
        sealing.verify(station_public, head.header_bytes, head.signature)
    except sealing.BadSignature:
        raise BadPacket("signature") from None
    return head


def whole(data: bytes) -> Head:
    """As `check`, without the signature: every byte is where its header says, by size and hash."""
    return _whole(data, read_head(data))


def _whole(data: bytes, head: Head) -> Head:
    at = head.length
    for entry in head.header.objects:
        piece = data[at : at + entry.size]
        if len(piece) != entry.size or hashlib.sha256(piece).hexdigest() != entry.sha256:
            raise BadPacket(f"object at {at}")
        at += entry.size
    if at != len(data):
        raise BadPacket("length")
    return head


def open_content_key(head: Head, *openers: sealing.Opener) -> bytes:
    """The content key, by whichever of these it is sealed to; BadPacket when to none."""
    mine = {sealing.key_id(opener.public): opener for opener in openers}
    info = _binding(head.header.realm, head.header.station, head.header.record)
    for key in head.keys:
        if key.recipient in mine:
            sealed = canonical.from_text(key.sealed)
            return mine[key.recipient].open(sealed, info + key.recipient.encode())
    raise BadPacket("not for this key")


def open_objects(data: bytes, head: Head, content_key: bytes) -> dict[str, bytes]:
    """Every object in clear, by id; CannotOpen when one does not decrypt, BadPacket when what was
    deflated to nothing would fill the memory."""
    clear: dict[str, bytes] = {}
    at, left = head.length, LARGEST_PACKET
    for entry in head.header.objects:
        clear[entry.id] = sealing.decrypt_object(
            content_key, head.header.record, entry.id, data[at : at + entry.size]
        )
        at += entry.size
        left -= len(clear[entry.id])
        if left < 0:
            raise BadPacket("too large")
    return clear


def _binding(realm: Realm, station: str, record: str) -> bytes:
    return f"{FORMAT}\n{realm}\n{station}\n{record}\n".encode()


def _block(data: bytes, at: int) -> tuple[bytes, int]:
    head = data[at : at + 4]
    if len(head) != 4:
        raise BadPacket("cut")
    (length,) = _LENGTH.unpack(head)
    if length > LARGEST_HEAD or at + 4 + length > len(data):
        raise BadPacket("length")
    return data[at + 4 : at + 4 + length], at + 4 + length
