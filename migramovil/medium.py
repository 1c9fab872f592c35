"""Media that come and go: what is written is read back, what is read is hostile until proven.

Nothing has its name before it was read back from the medium, so one pulled out halfway holds whole
files or none. What somebody else may have written is opened without following a link, never waits
for a pipe, and is measured before it is read.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from migramovil.core.trouble import Trouble, Who

PARTIAL = ".partial"
_PIECE = 1024 * 1024
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_PLAIN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class NotAsWritten(OSError):  # noqa: N818 - what happened, as a trouble says it
    """The medium gave back something else than what was written to it."""


class Suspicious(Trouble):
    code = "USB-01"
    what = "En la memoria hay algo que no es lo que debe ser."
    advice = "No se usó. Use otra memoria; si se repite, avise al técnico con este código."
    who = Who.TECHNICIAN


def put(
    target: Path, pieces: Iterable[bytes], check: Callable[[str], object] = lambda _: None
) -> tuple[int, str]:
    """Write a file whole or not at all, read back: its size and SHA-256.

    `check` hears the SHA-256 before the file has its name; what it raises leaves nothing. OSError
    as the system says, NotAsWritten.
    """
    partial = target.with_name(secrets.token_hex(8) + PARTIAL)
    try:
        size, digest = _write(partial, pieces)
        check(digest)
        if digest_of(partial) != digest:
            raise NotAsWritten
        partial.replace(target)
        sync_folder(target.parent)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return size, digest


def digest_of(path: Path) -> str:
    """SHA-256 of a file as the medium gives it back, not as memory kept it; "" if absent."""
    if not path.is_file():
        return ""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(source.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while piece := source.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def read(path: Path, largest: int) -> bytes:
    """A plain file of at most so many bytes; Suspicious when it is anything else; OSError."""
    try:
        handle = os.open(path, _PLAIN)
    except FileNotFoundError:
        raise
    except OSError:
        raise Suspicious("link") from None
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_size > largest:
            raise Suspicious("form or size")
        with open(handle, "rb", closefd=False) as source:
            data = source.read(largest + 1)
    finally:
        os.close(handle)
    if len(data) > largest:
        raise Suspicious("size")
    return data


def names(folder: Path, form: re.Pattern[str], most: int) -> list[str]:
    """Names in a folder that have this form, in order; none where there is no such folder.

    Suspicious when there are more than `most` names of any form.
    """
    found = []
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= most:
                    raise Suspicious("too many")
                if form.fullmatch(entry.name):
                    found.append(entry.name)
    except FileNotFoundError:
        return []
    return sorted(found)


def inside(root: Path, *names: str, make: bool = False) -> Path:
    """The folder `names` lead to below a medium's root, none of them a link; made if asked.

    Suspicious, FileNotFoundError.
    """
    path = root
    for name in names:
        path = path / name
        if make and not os.path.lexists(path):
            path.mkdir()
            sync_folder(path.parent)
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise Suspicious("folder")
    return path


def sweep(path: Path) -> None:
    """Delete what was cut short in a folder."""
    for partial in path.glob("*" + PARTIAL):
        partial.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    """Make renames and deletions in a folder durable (Windows has no such call)."""
    if sys.platform != "win32":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write(partial: Path, pieces: Iterable[bytes]) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with open(os.open(partial, _NEW, 0o600), "wb") as out:
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    return size, digest.hexdigest()
