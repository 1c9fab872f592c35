"""Bytes on headquarters' disk: parts as they come, packets once whole and durable.

packets/STATION/RECORD/DIGEST.packet
parts/STATION/RECORD/DIGEST/announce.json, body (parts where they belong), held (a byte for each)

Parts are not flushed: what a power cut took of them shows when the packet is checked whole, and is
asked for again.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from migramovil.core import packet, sealing
from migramovil.core.trouble import Trouble

_ANNOUNCED, _BODY, _HELD = "announce.json", "body", "held"
_YES = b"\1"
_PIECE = 1024 * 1024
_LONGEST_HEAD = 2 * packet.LARGEST_HEAD + 1024
_NAME = re.compile(r"[0-9a-f][0-9a-f-]{0,63}")


class BadName(Trouble):
    code = "HQ-01"
    what = "Un identificador recibido no tiene la forma debida."
    advice = "No se guardó nada con él."


class Objects:
    """Station and record ids are UUIDs and digests are hex: anything else never becomes a path."""

    def __init__(self, root: Path) -> None:
        self._packets = root / "packets"
        self._parts = root / "parts"

    def announce(self, station: str, record: str, digest: str, body: bytes) -> None:
        write(self._folder(station, record, digest) / _ANNOUNCED, body, durable=False)

    def announced(self, station: str, record: str, digest: str) -> bytes | None:
        try:
            return (self._folder(station, record, digest) / _ANNOUNCED).read_bytes()
        except FileNotFoundError:
            return None

    def put_part(
        self, station: str, record: str, digest: str, *, number: int, at: int, part: bytes
    ) -> None:
        folder = self._folder(station, record, digest)
        _write_at(folder / _BODY, at, part)
        _write_at(folder / _HELD, number, _YES)

    def forget_parts(self, station: str, record: str, digest: str, numbers: Sequence[int]) -> None:
        for number in numbers:
            _write_at(self._folder(station, record, digest) / _HELD, number, b"\0")

    def missing(self, station: str, record: str, digest: str, count: int) -> tuple[int, ...]:
        if self._packet(station, record, digest).exists():
            return ()
        try:
            held = (self._folder(station, record, digest) / _HELD).read_bytes()
        except FileNotFoundError:
            held = b""
        return tuple(n for n in range(count) if held[n : n + 1] != _YES)

    def open_parts(self, station: str, record: str, digest: str) -> BinaryIO:
        try:
            return (self._folder(station, record, digest) / _BODY).open("rb")
        except FileNotFoundError:  # made whole meanwhile, by another carrier or before a crash
            return self.open_packet(station, record, digest)

    def put_packet(self, station: str, record: str, digest: str) -> None:
        path = self._packet(station, record, digest)
        body = self._folder(station, record, digest) / _BODY
        if path.exists():
            return
        make_folder(path.parent)
        with suppress(FileNotFoundError):  # another carrier was faster
            _sync(body)
            body.replace(path)
        _sync_folder(path.parent)

    def begin_run(self, station: str, record: str, digest: str) -> BinaryIO:
        folder = self._folder(station, record, digest)
        return (folder / f".{secrets.token_hex(8)}.run").open("xb+", buffering=0)

    def put_run(self, station: str, record: str, digest: str, run: BinaryIO) -> None:
        path = self._packet(station, record, digest)
        os.fsync(run.fileno())
        make_folder(path.parent)
        Path(run.name).replace(path)
        _sync_folder(path.parent)

    def drop_run(self, run: BinaryIO) -> None:
        run.close()
        Path(run.name).unlink(missing_ok=True)

    def open_packet(self, station: str, record: str, digest: str) -> BinaryIO:
        return self._packet(station, record, digest).open("rb")

    def packet(self, station: str, record: str, digest: str) -> bytes:
        return self._packet(station, record, digest).read_bytes()

    def lose_packet(self, station: str, record: str, digest: str) -> None:
        path = self._packet(station, record, digest)
        with suppress(FileNotFoundError):
            path.replace(path.with_name(f"{path.stem}.{secrets.token_hex(4)}.damaged"))
        _sync_folder(path.parent)

    def in_flight(self, station: str) -> int:
        return sum(1 for _ in _inside(self._parts / _safe(station)))

    def drop_parts(self, station: str, record: str) -> None:
        """Forget every half-brought version of a record: it is whole now."""
        shutil.rmtree(self._parts / _safe(station) / _safe(record), ignore_errors=True)

    def drop_version(self, station: str, record: str, digest: str) -> None:
        shutil.rmtree(self._folder(station, record, digest), ignore_errors=True)
        with suppress(OSError):  # another version of the record is there
            (self._parts / _safe(station) / _safe(record)).rmdir()

    def free(self) -> int:
        return shutil.disk_usage(self._packets.parent).free

    def drop_stale(self, station: str, before: float) -> None:
        for record in list(_inside(self._parts / _safe(station))):
            if max((one.stat().st_mtime for one in record.rglob("*")), default=0.0) < before:
                shutil.rmtree(record, ignore_errors=True)

    def _folder(self, station: str, record: str, digest: str) -> Path:
        return self._parts / _safe(station) / _safe(record) / _safe(digest)

    def _packet(self, station: str, record: str, digest: str) -> Path:
        return self._packets / _safe(station) / _safe(record) / f"{_safe(digest)}.packet"


def check_whole(file: BinaryIO, digest: str, station_public: bytes) -> packet.Head:
    """The head of a packet in a file if signature, sizes and hashes hold, and its digest is this;
    "" where that is known already. Reads it once, a little at a time; BadPacket."""
    file.seek(0)
    head = packet.signed_head(file.read(_LONGEST_HEAD), station_public)
    file.seek(0)
    whole = [hashlib.sha256()] if digest else []
    _read(file, head.length, *whole)
    for entry in head.header.objects:
        one = hashlib.sha256()
        _read(file, entry.size, one, *whole)
        if one.hexdigest() != entry.sha256:
            raise packet.BadPacket(f"object {entry.id[:36]}")
    if file.read(1) or any(one.hexdigest() != digest for one in whole):
        raise packet.BadPacket("digest")
    return head


def digest_of(file: BinaryIO, size: int = -1) -> str:
    """SHA-256 of the next `size` bytes, or of all that follow."""
    found = hashlib.sha256()
    while size != 0:
        piece = file.read(_PIECE if size < 0 else min(size, _PIECE))
        if not piece:
            break
        found.update(piece)
        size -= len(piece) if size > 0 else 0
    return found.hexdigest()


def _read(file: BinaryIO, size: int, *into: Any) -> None:
    while size:
        piece = file.read(min(size, _PIECE))
        if not piece:
            raise packet.BadPacket("cut")
        for one in into:
            one.update(piece)
        size -= len(piece)


def _inside(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except FileNotFoundError:
        return


def _write_at(path: Path, at: int, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(handle, "wb", buffering=0) as file:
        file.seek(at)
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(path: Path, data: bytes, mode: int = 0o600, *, durable: bool = True) -> None:
    """Whole or not at all, and durable on return: temp, fsync, rename, fsync of the folder."""
    make_folder(path.parent, durable=durable)
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            if durable:
                out.flush()
                os.fsync(out.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(path.parent)


def make_folder(folder: Path, *, durable: bool = True) -> None:
    """The folder and its parents, durable, for this user only."""
    if folder.is_dir():
        return
    make_folder(folder.parent, durable=durable)
    folder.mkdir(mode=0o700, exist_ok=True)
    if durable:
        _sync_folder(folder.parent)


def same(data: bytes, digest: str) -> bool:
    return secrets.compare_digest(sealing.sha256(data), digest)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows has no handle on a folder to flush
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _safe(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadName
    return name
