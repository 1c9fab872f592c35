"""The scan of a DigitalPersona U.are.U 4000, 4000B or 4500: bytes to picture and back, no device.

A scan is a header of 64 bytes and up to 290 lines of 384 pixels. The header holds the number of
lines (little endian, at 4), the number of the first key (at 6) and, from 16 on, fifteen pairs
(flags, lines) that say how the lines are blocked. The encrypted blocks are masked with the bits of
a 32-bit shift register, and moved on by one byte. The protocol is known from libfprint.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from migramovil.devices.ports import Pixels
from migramovil.devices.trouble import ImageUnreadable

WIDTH, HEIGHT = 384, 290
HEADER_SIZE = 64
SCAN_SIZE = HEADER_SIZE + WIDTH * HEIGHT

NOT_PRESENT, ENCRYPTED, NO_KEY_UPDATE, NEW_KEY = 0x01, 0x02, 0x04, 0x80
BLOCKS_AT, BLOCK_COUNT = 16, 15

_TAPS = (0, 2, 3, 6, 10, 12, 19, 22, 25, 28, 31)  # the bits of 0x9248144d
_MASK_BITS = (4, 8, 11, 14, 18, 21, 24, 29)
_NOISE_FLOOR = 5000  # two rows of a plain scan differ less from their mean than this (squared)

CHALLENGE_SIZE = 16
# The same in every reader of Microsoft's second make, and in every driver of it: no secret of ours.
_CHALLENGE_KEY = bytes.fromhex("79ac91795ca1478e98e00f3c598f5f4b")

KeyOf = Callable[[int], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some lines of a scan and what was done to them."""

    flags: int
    lines: int

    def has(self, flag: int) -> bool:
        return bool(self.flags & flag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    lines: int
    key_number: int
    blocks: tuple[Block, ...]


def read_header(scan: bytes) -> Header:
    """The header of a scan whose lines are all there; FPR-02 otherwise."""
    if len(scan) < HEADER_SIZE:
        raise ImageUnreadable(f"{len(scan)} bytes are no header")
    lines, key_number = struct.unpack_from("<HB", scan, 4)
    if not 0 < lines <= HEIGHT:
        raise ImageUnreadable(f"{lines} lines announced")
    if len(scan) < HEADER_SIZE + lines * WIDTH:
        raise ImageUnreadable(f"{len(scan)} bytes for {lines} lines")
    pairs = struct.iter_unpack("BB", scan[BLOCKS_AT : BLOCKS_AT + 2 * BLOCK_COUNT])
    blocks = tuple(Block(flags=flags, lines=count) for flags, count in pairs if count)
    return Header(lines=lines, key_number=key_number, blocks=blocks)


def write_header(header: Header) -> bytes:
    head = bytearray(HEADER_SIZE)
    struct.pack_into("<HB", head, 4, header.lines, header.key_number)
    for i, block in enumerate(header.blocks):
        struct.pack_into("BB", head, BLOCKS_AT + 2 * i, block.flags, block.lines)
    return bytes(head)


def answer(challenge: bytes) -> bytes:
    """What a reader that challenges its driver wants to hear: the sixteen bytes, encrypted."""
    encryptor = Cipher(algorithms.AES(_CHALLENGE_KEY), modes.ECB()).encryptor()  # noqa: S305 - its rule
    return encryptor.update(challenge) + encryptor.finalize()


def decode(scan: bytes, key_of: KeyOf, *, turned: bool = True) -> Pixels:
    """The picture in a scan, uint8 (290, 384), dark ridges on bright ground, fingertip up.

    `key_of(number)` asks the reader for a key; it is called only for encrypted scans. Lines the
    reader left out repeat those that follow, as the maker's own picture does; the sensor's last
    line is white when it was not sent. `turned`: the sensor is built in upside down. FPR-02 when
    the bytes are no whole scan.
    """
    header = read_header(scan)
    size = header.lines * WIDTH
    data = np.frombuffer(scan, np.uint8, size, HEADER_SIZE).reshape(header.lines, WIDTH).copy()
    if _looks_encrypted(data):
        _decrypt(data, header, key_of)
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    row = 0
    for _, first, count in _spans(header):
        if row + count > HEIGHT:
            raise ImageUnreadable("the block map is taller than the sensor")
        lines = data[first : first + count]
        picture[row : row + len(lines)] = lines
        row += count
    return 255 - _upright(picture, turned)


def encode(picture: Pixels, header: Header, key_of: KeyOf, *, turned: bool = True) -> bytes:
    """The scan a reader would send of a picture, uint8 (290, 384).

    What the real sensor loses is lost here: the lines after `header.lines`, and the last byte of
    each encrypted block. `header.blocks` must be present ones that sum up to `header.lines`.
    """
    data = 255 - _upright(picture, turned)[: header.lines]
    for first, count, mask in _masks(header, key_of):
        flat = data[first : first + count].reshape(-1)
        flat[1:] = flat[:-1] ^ mask[:-1]
        flat[0] = 0x5A
    return write_header(header) + data.tobytes()


def _upright(picture: Pixels, turned: bool) -> Pixels:
    return np.ascontiguousarray(picture[::-1, ::-1]) if turned else picture


def keystream(key: int, count: int) -> tuple[Pixels, int]:
    """The next `count` mask bytes of a key, and the key after them.

    The register is a linear recurrence over its own bits: s[t+32] is the sum of s[t+tap]. Squared
    k times it still holds with every distance times 2^k, so ever longer runs come from one numpy
    operation instead of one step at a time.
    """
    bits = np.empty(count + 32, np.uint8)
    bits[:32] = (key >> np.arange(32, dtype=np.uint64)) & 1
    known, stride = 32, 1
    while known < len(bits):
        if known >= 64 * stride:
            stride *= 2
        start, run = known - 32 * stride, min(stride, len(bits) - known)
        parts = [bits[start + tap * stride :][:run] for tap in _TAPS]
        np.bitwise_xor.reduce(parts, axis=0, out=bits[known : known + run])
        known += run
    mask = np.zeros(count, np.uint8)
    for place, offset in enumerate(_MASK_BITS):
        mask |= bits[offset : offset + count] << np.uint8(place)
    return mask, int.from_bytes(np.packbits(bits[count:], bitorder="little").tobytes(), "little")


def _decrypt(data: Pixels, header: Header, key_of: KeyOf) -> None:
    for first, count, mask in _masks(header, key_of):
        flat = data[first : first + count].reshape(-1)
        flat[:-1] = flat[1:] ^ mask[:-1]
        flat[-1] = 0


def _masks(header: Header, key_of: KeyOf) -> Iterator[tuple[int, int, Pixels]]:
    """First line, line count and mask of each encrypted block, keys moved on as the reader does."""
    number = header.key_number
    key = key_of(number)
    for block, first, count in _spans(header):
        if block.has(NEW_KEY):
            number = (number + 1) & 0xFF
            key = key_of(number)
        if block.has(NO_KEY_UPDATE):
            continue
        mask, key = keystream(key, count * WIDTH)
        if block.has(ENCRYPTED) and not block.has(NOT_PRESENT):
            yield first, count, mask


def _spans(header: Header) -> Iterator[tuple[Block, int, int]]:
    """Each block with its first line in the data and its count; the last one is cut to the data."""
    first = 0
    for block in header.blocks:
        if first >= header.lines:
            return
        if block.has(NOT_PRESENT):
            yield block, first, block.lines
        else:
            count = min(block.lines, header.lines - first)
            yield block, first, count
            first += count


def _looks_encrypted(data: Pixels) -> bool:
    """A masked scan is noise: the sum of its first two rows is far from flat."""
    total = np.sum(data[:2], axis=0, dtype=np.int64)
    mean = int(total.sum()) // WIDTH
    return int(((total - mean) ** 2).sum()) // WIDTH >= _NOISE_FLOOR
