"""Files that are whole or absent, whatever happens to the power; and one program per folder."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from migramovil.medium import PARTIAL, sync_folder
from migramovil.store.trouble import Damaged, InUse, translated

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = [
    "PARTIAL", "FolderLock", "pieces", "private_folder", "remove", "sweep_partials", "sync",
    "sync_folder", "write",
]  # fmt: skip
_PIECE = 1024 * 1024


def private_folder(folder: Path) -> Path:
    """`folder`, made if need be, that only the station's user may enter."""
    with translated():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    return folder


def write(path: Path, *parts: bytes) -> None:
    """Put `parts` at `path`, durable when this returns; `path` is old or new, never half."""
    partial = path.with_name(secrets.token_hex(8) + PARTIAL)
    with translated():
        try:
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.writelines(parts)
                out.flush()
                os.fsync(out.fileno())
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def remove(path: Path) -> None:
    """Delete `path` if it is there, durably."""
    with translated():
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


def sweep_partials(folder: Path) -> None:
    """Delete what a power cut left half written."""
    with translated():
        for partial in folder.glob("*" + PARTIAL):
            partial.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make what was written to `path` by others, and its name, durable."""
    with translated():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        sync_folder(path.parent)


def pieces(path: Path) -> Iterator[bytes]:
    """A file of the station's, read piece by piece; Damaged if it is not there."""
    if not path.exists():
        raise Damaged(path.name)
    with translated():
        source = path.open("rb")
    with source:
        while piece := _read(source):
            yield piece


def _read(source: BinaryIO) -> bytes:
    with translated():
        return source.read(_PIECE)


class FolderLock:
    """Holds a data folder for this program, or InUse. Ends with the process at the latest."""

    def __init__(self, folder: Path) -> None:
        with translated():
            self._file = (folder / "station.lock").open("ab")
        try:
            if sys.platform == "win32":
                msvcrt.locking(self._file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise InUse from None

    def release(self) -> None:
        self._file.close()
