"""Bytes on headquarters' disk: parts as they come, packets once whole. What is returned is durable.

packets/STATION/RECORD/DIGEST.packet
parts/STATION/RECORD/DIGEST/announce.json, 00000.part, 00001.part …
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from pathlib import Path

from migramovil.core import sealing
from migramovil.core.trouble import Trouble

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
        write(self._folder(station, record, digest) / "announce.json", body)

    def announced(self, station: str, record: str, digest: str) -> bytes | None:
        try:
            return (self._folder(station, record, digest) / "announce.json").read_bytes()
        except FileNotFoundError:
            return None

    def put_part(self, station: str, record: str, digest: str, number: int, part: bytes) -> None:
        write(self._folder(station, record, digest) / f"{number:05d}.part", part)

    def missing(self, station: str, record: str, digest: str, sizes: list[int]) -> tuple[int, ...]:
        """Numbers of the parts that are absent or cut short."""
        folder = self._folder(station, record, digest)
        return tuple(
            number
            for number, size in enumerate(sizes)
            if _size(folder / f"{number:05d}.part") != size
        )

    def assembled(self, station: str, record: str, digest: str, count: int) -> bytes:
        folder = self._folder(station, record, digest)
        return b"".join((folder / f"{number:05d}.part").read_bytes() for number in range(count))

    def put_packet(self, station: str, record: str, digest: str, data: bytes) -> None:
        write(self._packet(station, record, digest), data)

    def packet(self, station: str, record: str, digest: str) -> bytes:
        return self._packet(station, record, digest).read_bytes()

    def drop_parts(self, station: str, record: str) -> None:
        """Forget every half-brought version of a record: it is whole now."""
        shutil.rmtree(self._parts / _safe(station) / _safe(record), ignore_errors=True)

    def drop_version(self, station: str, record: str, digest: str) -> None:
        shutil.rmtree(self._folder(station, record, digest), ignore_errors=True)

    def _folder(self, station: str, record: str, digest: str) -> Path:
        return self._parts / _safe(station) / _safe(record) / _safe(digest)

    def _packet(self, station: str, record: str, digest: str) -> Path:
        return self._packets / _safe(station) / _safe(record) / f"{_safe(digest)}.packet"


def write(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Whole or not at all, and durable on return: temp, fsync, rename, fsync of the folder."""
    make_folder(path.parent)
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """The folder and its parents, durable, for this user only."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def _safe(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadName
    return name
