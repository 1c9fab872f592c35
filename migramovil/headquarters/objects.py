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
import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from migramovil.core import packet, sealing
from migramovil.core.trouble import Trouble
from migramovil.sync import wire

_ANNOUNCED, _BODY, _HELD = "announce.json", "body", "held"
_YES = b"\1"
_PIECE = 1024 * 1024
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
        self._flushed: set[str] = set()
        self._flushes = Flushes()

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
        make_folder(path.parent, durable=False)
        with suppress(FileNotFoundError):  # another carrier was faster
            if not path.exists():
                _sync(body)
                body.replace(path)
        self._sync_way(path)

    def begin_run(self, station: str, record: str, digest: str) -> BinaryIO:
        folder = self._folder(station, record, digest)
        return (folder / f".{secrets.token_hex(8)}.run").open("xb+", buffering=0)

    def put_run(self, station: str, record: str, digest: str, run: BinaryIO) -> None:
        path = self._packet(station, record, digest)
        make_folder(path.parent, durable=False)
        os.fsync(run.fileno())
        os.replace(run.name, path)
        self._sync_way(path)

    def drop_run(self, run: BinaryIO) -> None:
        run.close()
        with suppress(FileNotFoundError):
            os.unlink(run.name)

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
        try:
            return len(os.listdir(self._parts / _safe(station)))
        except FileNotFoundError:
            return 0

    def drop_parts(self, station: str, record: str) -> None:
        """Forget every half-brought version of a record: it is whole now."""
        _remove(self._parts.joinpath(_safe(station), _safe(record)))

    def drop_version(self, station: str, record: str, digest: str) -> None:
        _remove(self._folder(station, record, digest))
        with suppress(OSError):  # another version of the record is there
            (self._parts / _safe(station) / _safe(record)).rmdir()

    def free(self) -> int:
        return shutil.disk_usage(self._packets.parent).free

    def drop_stale(self, station: str, before: float) -> None:
        for record in list(_inside(self._parts / _safe(station))):
            if max((one.stat().st_mtime for one in record.rglob("*")), default=0.0) < before:
                _remove(record)

    def _folder(self, station: str, record: str, digest: str) -> Path:
        return self._parts.joinpath(_safe(station), _safe(record), _safe(digest))

    def _packet(self, station: str, record: str, digest: str) -> Path:
        name = f"{_safe(digest)}.packet"
        return self._packets.joinpath(_safe(station), _safe(record), name)

    def _sync_way(self, path: Path) -> None:
        """Flush the way to a packet: its record's folder, its station's, and once all above."""
        _sync_folder(path.parent)
        station = path.parent.parent.name
        self._flushes.flush(path.parent.parent)
        if station not in self._flushed:
            _sync_folder(self._packets)
            _sync_folder(self._packets.parent)
            self._flushed.add(station)


class Flushes:
    """Flushes of folders, shared: each returns after one that began after it was asked for."""

    def __init__(self) -> None:
        self._asked: defaultdict[Path, int] = defaultdict(int)
        self._done: dict[Path, int] = {}
        self._guard = threading.Lock()
        self._turns: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)

    def flush(self, folder: Path) -> None:
        with self._guard:
            self._asked[folder] = mine = self._asked[folder] + 1
            turn = self._turns[folder]
        with turn:
            if self._done.get(folder, 0) >= mine:
                return
            everyone = self._asked[folder]
            _sync_folder(folder)
            self._done[folder] = everyone


class Check:
    """Whether bytes, as they come, are the packet of this head, which was verified before."""

    def __init__(self, head: packet.Head) -> None:
        front = wire.front(head.header_bytes, head.signature, head.keys_bytes)
        objects = [(entry.id[:36], entry.size, entry.sha256) for entry in head.header.objects]
        self._left = deque([("head", len(front), sealing.sha256(front)), *objects])
        self._hash, self._came = hashlib.sha256(), 0
        self._wrong = "size" if any(size < 0 for _, size, _ in self._left) else ""

    def update(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and not self._wrong:
            if not self._left:
                self._wrong = "length"
                return
            piece = rest[: self._left[0][1] - self._came]
            self._hash.update(piece)
            self._came += len(piece)
            rest = rest[len(piece) :]
            self._compare()

    def end(self) -> None:
        """BadPacket unless all of it came, and every hash held."""
        if self._wrong or self._left:
            raise packet.BadPacket(self._wrong or "cut")

    def _compare(self) -> None:
        """Whatever piece of the packet is whole now; one may be empty."""
        while self._left and self._came == self._left[0][1] and not self._wrong:
            name, _, said = self._left.popleft()
            if self._hash.hexdigest() != said:
                self._wrong = f"object {name}"
            self._hash, self._came = hashlib.sha256(), 0


def check_whole(file: BinaryIO, digest: str, head: packet.Head) -> None:
    """BadPacket unless the file is the packet of this verified head and digest; read once, a
    little at a time."""
    check, whole = Check(head), hashlib.sha256()
    while piece := file.read(_PIECE):
        check.update(piece)
        whole.update(piece)
    check.end()
    if whole.hexdigest() != digest:
        raise packet.BadPacket("digest")


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


def _remove(folder: str | Path) -> None:
    """A folder of ours and all in it, as far as it is still there; no link leads out of it."""
    with suppress(FileNotFoundError), os.scandir(folder) as inside:
        for one in inside:
            if one.is_dir(follow_symlinks=False):
                _remove(one.path)
            else:
                os.unlink(one.path)
    with suppress(OSError):  # gone, or somebody is just bringing more
        os.rmdir(folder)


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
