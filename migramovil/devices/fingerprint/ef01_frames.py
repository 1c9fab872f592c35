"""The packets of serial fingerprint sensors (ZFM-20, R30x, AS608): bytes to words, no line.

A packet is EF 01, an address of four bytes, a kind, the length of what follows, the payload, and
the sum of kind, length and payload; numbers are big endian. The picture is 288 lines of 256 pixels
of four bits, the left one of a pair in the high half. Source: the makers' manuals (ZFM-20 2.0,
R303A); R30x and AS608 repeat them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from migramovil.devices.ports import Pixels
from migramovil.devices.trouble import ImageUnreadable, ReaderFault

WIDTH, HEIGHT = 256, 288
PICTURE_SIZE = WIDTH * HEIGHT // 2
BROADCAST = 0xFFFFFFFF
BAUD_UNIT, BAUD_STEPS = 9600, range(1, 13)

_START = b"\xef\x01"
_HEAD = struct.Struct(">2sIBH")
_LONGEST = 256 + 2  # payload and sum
_PARAMETERS = struct.Struct(">HHHHIHH")
_GREYS = 15  # of four bits
# Bright and dark of 160 real pictures (FVC2002 DB1_B, DB3_B) lie 68 greys apart at least.
_FAINT = 40


class Kind(IntEnum):
    """What a packet is."""

    COMMAND = 0x01
    DATA = 0x02
    ANSWER = 0x07
    LAST_DATA = 0x08


class Command(IntEnum):
    """The first byte of a command."""

    GET_IMAGE = 0x01
    UP_IMAGE = 0x0A
    SET_PARAMETER = 0x0E
    READ_PARAMETERS = 0x0F
    VERIFY_PASSWORD = 0x13


class Said(IntEnum):
    """The first byte of an answer."""

    DONE = 0x00
    GARBLED = 0x01
    NO_FINGER = 0x02
    NOT_TAKEN = 0x03
    NOT_SENT = 0x0F
    WRONG_PASSWORD = 0x13
    NO_SUCH_PARAMETER = 0x1A


ANSWER_SIZES = {Command.READ_PARAMETERS: _PARAMETERS.size}
"""Bytes after the confirmation; none after other commands'."""
BAUD_PARAMETER = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    kind: Kind
    payload: bytes
    address: int = BROADCAST


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What a sensor says of itself. `capacity` counts templates; they are never used here."""

    status: int
    system: int
    capacity: int
    security: int
    address: int
    packet_size: int  # bytes of a data packet
    baud: int


def write_packet(packet: Packet) -> bytes:
    """The bytes of a packet whose payload is at most 256 bytes long."""
    size = len(packet.payload) + 2
    head = _HEAD.pack(_START, packet.address, packet.kind, size)
    return head + packet.payload + struct.pack(">H", _sum(packet.kind, packet.payload))


class Packets:
    """Finds the packets in a stream that may begin anywhere and hold noise.

    `spoilt` counts those whose sum was wrong: they are left out.
    """

    def __init__(self) -> None:
        self.spoilt = 0
        self._held = b""

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that are whole now."""
        self._held += data
        found = []
        while self._to_a_start() and len(self._held) >= _HEAD.size:
            _, address, kind, size = _HEAD.unpack_from(self._held)
            if kind not in set(Kind) or not 2 <= size <= _LONGEST:
                self._skip(len(_START))
                continue
            end = _HEAD.size + size
            if len(self._held) < end:
                break
            payload = self._held[_HEAD.size : end - 2]
            (told,) = struct.unpack_from(">H", self._held, end - 2)
            if told == _sum(kind, payload):
                found.append(Packet(kind=Kind(kind), payload=payload, address=address))
                self._skip(end)
            else:
                self.spoilt += 1
                self._skip(len(_START))
        return found

    def _to_a_start(self) -> bool:
        """Throw away what comes before the next start; False when none is held."""
        at = self._held.find(_START)
        if at < 0:
            half = self._held.endswith(_START[:1])
            self._held = _START[:1] if half else b""
            return False
        self._skip(at)
        return True

    def _skip(self, count: int) -> None:
        self._held = self._held[count:]


def read_parameters(payload: bytes) -> Parameters:
    """The sixteen bytes after the confirmation of READ_PARAMETERS; FPR-03 when they are none."""
    if len(payload) != _PARAMETERS.size:
        raise ReaderFault(f"{len(payload)} bytes of parameters")
    status, system, capacity, security, address, size, steps = _PARAMETERS.unpack(payload)
    if size > 3 or steps not in BAUD_STEPS:
        raise ReaderFault(f"packet size {size}, baud {steps}")
    return Parameters(
        status=status,
        system=system,
        capacity=capacity,
        security=security,
        address=address,
        packet_size=32 << size,
        baud=BAUD_UNIT * steps,
    )


def write_parameters(parameters: Parameters) -> bytes:
    return _PARAMETERS.pack(
        parameters.status,
        parameters.system,
        parameters.capacity,
        parameters.security,
        parameters.address,
        (parameters.packet_size // 32).bit_length() - 1,
        parameters.baud // BAUD_UNIT,
    )


def decode(data: bytes) -> Pixels:
    """The picture, uint8 (288, 256), its sixteen greys spread over 0..255; FPR-02 if not whole."""
    if len(data) != PICTURE_SIZE:
        raise ImageUnreadable(f"{len(data)} bytes of {PICTURE_SIZE}")
    return decode_begun(data)


def decode_begun(data: bytes) -> Pixels:
    """As much of the picture as has come, on white."""
    pairs = np.full(PICTURE_SIZE, 0xFF, np.uint8)
    come = np.frombuffer(data[:PICTURE_SIZE], np.uint8)
    pairs[: len(come)] = come
    greys = np.stack([pairs >> 4, pairs & 0x0F], axis=1).reshape(HEIGHT, WIDTH)
    return np.asarray(greys * np.uint8(255 // _GREYS), np.uint8)


def encode(picture: Pixels) -> bytes:
    """The bytes a sensor sends of a picture, uint8 (288, 256): four bits of each pixel are kept."""
    greys = picture >> 4
    pairs = greys[:, 0::2] << 4 | greys[:, 1::2]
    return pairs.tobytes()


def is_faint(picture: Pixels) -> bool:
    """Whether dark and bright hardly differ: a dry finger, or one that barely touched."""
    dark, bright = np.percentile(picture, (5, 95))
    return bool(bright - dark < _FAINT)


def _sum(kind: int, payload: bytes) -> int:
    size = len(payload) + 2
    return (kind + (size >> 8) + (size & 0xFF) + sum(payload)) & 0xFFFF
