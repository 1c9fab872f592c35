"""Whether the disk has room for the next person, and a ballast to throw off when it has none left.

The room is measured before anyone sits down. Should something else fill the disk meanwhile, the
ballast's bytes make room to save and to finish what is in hand.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, literal_column, select

from migramovil.core.trouble import Trouble, Who
from migramovil.store import files
from migramovil.store.outbox import Outbox
from migramovil.store.tables import records
from migramovil.store.trouble import translated

MIB = 1024 * 1024
BALLAST = 64 * MIB
RESERVED = 64 * MIB  # both write-ahead logs, the outbox's and the vault's growth, the log files
USUAL = 4 * MIB  # a record, until this station has some of its own
FEW = 20
_RECENT = 100
_TIMES = 3  # the draft's pictures, the packet, and the packet read back


class NoRoom(Trouble):
    code = "STO-20"
    what = "No queda espacio en el disco para atender a otra persona."
    advice = (
        "Todo lo anterior está guardado y se puede terminar y enviar. Envíe lo pendiente y avise"
        " al técnico."
    )
    who = Who.TECHNICIAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many more people fit: `free` bytes, less `reserved`, by `each`."""

    free: int
    reserved: int
    each: int

    @property
    def people(self) -> int:
        return max(0, (self.free - self.reserved) // self.each)

    @property
    def few(self) -> bool:
        return self.people < FEW


def room(outbox: Outbox) -> Room:
    """By the largest of the newest records, three times over."""
    newest = select(records.c.size).order_by(literal_column("rowid").desc()).limit(_RECENT)
    with outbox.database.read() as connection:
        largest = connection.execute(select(func.max(newest.subquery().c.size))).scalar()
    with translated():
        free = shutil.disk_usage(outbox.folder).free
    each = _TIMES * (largest or USUAL)
    return Room(free=free, reserved=RESERVED + each, each=each)


def hold(folder: Path) -> None:
    """Keep the ballast, while there is plenty besides; without it nothing else is worse."""
    path = folder / "ballast"
    with suppress(OSError):
        if path.exists() or shutil.disk_usage(folder).free < 2 * (BALLAST + RESERVED):
            return
        handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(handle, 0, BALLAST)
            else:
                for _ in range(BALLAST // MIB):
                    os.write(handle, bytes(MIB))
        finally:
            os.close(handle)


def release(folder: Path) -> bool:
    """Throw the ballast off; whether there was any."""
    path = folder / "ballast"
    if not path.exists():
        return False
    files.remove(path)
    return True
