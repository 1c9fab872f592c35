"""What the locked station may tell of the draft that waits: its step and when it was saved.

A convenience of the entrance, under the device key; the draft itself is in the vault. So it may be
a save behind after a power cut, and its own trouble never costs a save.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from migramovil.core import canonical, sealing
from migramovil.core.trouble import Trouble
from migramovil.store.files import PARTIAL
from migramovil.store.keys import device_key

_PURPOSE = "migramovil/kept/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The step by its name; `utc` ISO 8601."""

    step: str
    utc: str


def write(folder: Path, kept: Kept) -> None:
    path = _path(folder)
    with contextlib.suppress(OSError, Trouble):
        partial = path.with_suffix(PARTIAL)
        partial.write_bytes(sealing.wrap(device_key(folder), canonical.encode(kept), _PURPOSE))
        partial.replace(path)


def read(folder: Path) -> Kept | None:
    """None when nothing waits, and when what was written cannot be read."""
    try:
        data = sealing.unwrap(device_key(folder), _path(folder).read_bytes(), _PURPOSE)
        return canonical.decode(data, Kept)
    except (OSError, Trouble):
        return None


def forget(folder: Path) -> None:
    with contextlib.suppress(OSError):
        _path(folder).unlink(missing_ok=True)


def _path(folder: Path) -> Path:
    return folder / "kept.bin"
