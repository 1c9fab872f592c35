"""Reading a SQLCipher file that SQLite refuses: page by page, every whole page, no index needed.

SQLCipher 4, raw key: 4,096-byte pages, the last 80 of which are a 16-byte IV and a 64-byte
HMAC-SHA512 over ciphertext, IV and page number; page 1 begins with the 16-byte salt. Inside is
SQLite's file format (sqlite.org/fileformat2.html): table leaves hold rows, long rows go on in
overflow pages. A page whose seal does not hold is left out, and with it only the rows in it.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table

from migramovil.store.database import SALT_BYTES, salt_of

PAGE = 4096
_IV, _SEAL = 16, 64
USABLE = PAGE - _IV - _SEAL
_WAL_HEADER, _FRAME_HEADER = 32, 24
_LEAF = 0x0D
_NUMBER = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_BAD = (IndexError, struct.error, UnicodeDecodeError, KeyError, OverflowError)

# Rows written before a table got its last columns are shorter.
_AT_FIRST = {"drafts": 5, "audit": 6}

Pages = dict[int, bytes]
Value = int | float | str | bytes | None


def read(path: Path, key: bytes) -> Pages:
    """Every whole page in clear, by number, with what the log committed on top."""
    seal = _Seal(key)
    pages = {}
    data = path.read_bytes() if path.exists() else b""
    for number in range(1, len(data) // PAGE + 1):
        page = seal.opened(number, data[(number - 1) * PAGE : number * PAGE])
        if page is not None:
            pages[number] = page
    log = path.with_name(path.name + "-wal")
    return pages | (_committed(log.read_bytes(), seal) if log.exists() else {})


def rows(pages: Pages, metadata: MetaData) -> dict[str, list[dict[str, Value]]]:
    """Every readable row of the tables in `metadata`, told apart by the shape of their columns."""
    found: dict[str, list[dict[str, Value]]] = {name: [] for name in metadata.tables}
    last_first = tuple(reversed(found))
    for number, page in pages.items():
        for rowid, values in _leaf(pages, number, page):
            # From the last: what two tables could hold, the stricter one declared later claims.
            fitted = ((name, _fitted(metadata.tables[name], rowid, values)) for name in last_first)
            for name, row in fitted:
                if row is not None:
                    found[name].append(row)
                    break
    return found


# --- encryption ---------------------------------------------------------------------------------
class _Seal:
    def __init__(self, key: bytes) -> None:
        self._key = key
        salt = bytes(byte ^ 0x3A for byte in salt_of(key))
        self._mac = hashlib.pbkdf2_hmac("sha512", key, salt, 2, 32)

    def opened(self, number: int, raw: bytes) -> bytes | None:
        """The page in clear; None unless its seal holds."""
        start = SALT_BYTES if number == 1 else 0
        body = raw[start : USABLE + _IV]
        said = hmac.new(self._mac, body + struct.pack("<I", number), "sha512").digest()
        if not hmac.compare_digest(said, raw[USABLE + _IV :]):
            return None
        cipher = Cipher(algorithms.AES(self._key), modes.CBC(raw[USABLE : USABLE + _IV]))
        reader = cipher.decryptor()
        clear = reader.update(raw[start:USABLE]) + reader.finalize()
        return b"SQLite format 3\0" + clear if number == 1 else clear


def _committed(log: bytes, seal: _Seal) -> Pages:
    """Pages in the write-ahead log, up to the last commit; a damaged frame costs only its page.

    Frames left from an earlier round carry other salts than the first.
    """
    pages: Pages = {}
    waiting: Pages = {}
    step = _FRAME_HEADER + PAGE
    round_ = log[_WAL_HEADER + 8 : _WAL_HEADER + 16]
    for at in range(_WAL_HEADER, len(log) - step + 1, step):
        number, size = struct.unpack_from(">II", log, at)
        page = seal.opened(number, log[at + _FRAME_HEADER : at + step]) if number else None
        if page is None or log[at + 8 : at + 16] != round_:
            continue
        waiting[number] = page
        if size:
            pages |= waiting
            waiting = {}
    return pages


# --- SQLite's pages -----------------------------------------------------------------------------
def _leaf(pages: Pages, number: int, page: bytes) -> Iterator[tuple[int, list[Value]]]:
    """(rowid, values) of every cell that can be read, where the page is a table's leaf."""
    at = 100 if number == 1 else 0
    if page[at] != _LEAF:
        return
    (count,) = struct.unpack_from(">H", page, at + 3)
    for place in range(min(count, USABLE // 4)):
        try:
            (cell,) = struct.unpack_from(">H", page, at + 8 + 2 * place)
            yield _cell(pages, page, cell)
        except _BAD:
            continue


def _cell(pages: Pages, page: bytes, at: int) -> tuple[int, list[Value]]:
    size, at = _varint(page, at)
    rowid, at = _varint(page, at)
    return rowid, _record(_payload(pages, page, at, size))


def _payload(pages: Pages, page: bytes, at: int, size: int) -> bytes:
    """The whole row's bytes, its overflow pages included; KeyError where one is not whole."""
    if size <= USABLE - 35:
        return _exactly(page[at : at + size], size)
    least = (USABLE - 12) * 32 // 255 - 23
    local = least + (size - least) % (USABLE - 4)
    local = local if local <= USABLE - 35 else least
    data = bytearray(page[at : at + local])
    (onward,) = struct.unpack_from(">I", page, at + local)
    while len(data) < size:
        more = pages[onward]
        (onward,) = struct.unpack_from(">I", more)
        data += more[4 : 4 + min(USABLE - 4, size - len(data))]
    return bytes(data)


def _exactly(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise IndexError(size)
    return data


def _record(data: bytes) -> list[Value]:
    length, at = _varint(data, 0)
    kinds = []
    while at < length:
        kind, at = _varint(data, at)
        kinds.append(kind)
    values: list[Value] = []
    for kind in kinds:
        value, at = _value(data, at, kind)
        values.append(value)
    return values


def _value(data: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind == 0:
        return None, at
    if kind in _NUMBER:
        size = _NUMBER[kind]
        return int.from_bytes(_exactly(data[at : at + size], size), "big", signed=True), at + size
    if kind == 7:
        return float(struct.unpack_from(">d", data, at)[0]), at + 8
    if kind in (8, 9):
        return kind - 8, at
    size = (kind - 12) // 2
    piece = _exactly(data[at : at + size], size)
    return (piece.decode() if kind % 2 else piece), at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(9):
        byte = data[at + place]
        if place == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + place + 1
    raise IndexError(at)


# --- which table ----------------------------------------------------------------------------------
def _fitted(table: Table, rowid: int, values: list[Value]) -> dict[str, Value] | None:
    """The row as this table's, if every column can hold its value.

    An INTEGER PRIMARY KEY is the rowid itself. A row may be older than the table's last columns.
    """
    columns = list(table.columns)
    alias = table.primary_key.columns.values()
    row: dict[str, Value] = {}
    if not _AT_FIRST.get(table.name, len(columns)) <= len(values) <= len(columns):
        return None
    for column, stored in zip(columns, values, strict=False):
        is_rowid = [column] == alias and isinstance(column.type, Integer)
        value = rowid if is_rowid and stored is None else stored
        if not _holds(column, value):
            return None
        if column.computed is None:
            row[column.name] = value
    return row


def _holds(column: Column[Any], value: Value) -> bool:
    if value is None:
        return bool(column.nullable)
    if isinstance(column.type, Integer):
        return isinstance(value, int)
    return isinstance(value, bytes if isinstance(column.type, LargeBinary) else str)
