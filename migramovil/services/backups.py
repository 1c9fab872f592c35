"""The second copy: asked for, or by itself while work goes on; and restored drafts' one question.

It has a lane of its own at low priority. While the station is locked sealed packets still go; open
drafts wait until somebody is inside.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from migramovil import __version__, settings
from migramovil.core import canonical
from migramovil.core.record import Descriptor
from migramovil.core.roles import Act
from migramovil.core.trouble import Trouble, Who
from migramovil.devices.lanes import Lane, Ticket
from migramovil.services import restoring
from migramovil.services.accounts import Accounts, Inside
from migramovil.services.clock import StationClock
from migramovil.store import backup, marks, restored
from migramovil.store.backup import MediumGone, Report
from migramovil.store.outbox import Outbox, StationIdentity
from migramovil.sync.ports import Headquarters

log = logging.getLogger(__name__)

VERIFIED = "backup.verified"
OVERDUE = timedelta(days=1)
LOOK_S = 30.0
_NICE = 10
_MOUNTS = ("/media/*/*", "/run/media/*/*", "/mnt/*")


class SameDisk(Trouble):
    code = "BAK-11"
    what = "Esa carpeta está en el mismo disco que la estación: no sirve de respaldo."
    advice = "Coloque una memoria USB o un disco aparte y elíjalo."
    who = Who.SUPERVISOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """A place a backup can go to: its folder, what people call it, bytes free and in all."""

    folder: Path
    name: str
    free: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the backup stands. `verified_utc` is the last whole one that was read back ("" none),
    `age` how long ago that is. `owed`: it is overdue, and a medium is set for it or records have
    been here for more than a day.

    While one runs, `done` of `all` bytes are copied.
    """

    verified_utc: str
    age: timedelta | None
    overdue: bool
    owed: bool = False
    running: bool = False
    done: int = 0
    all: int = 0
    report: Report | None = None
    trouble: Trouble | None = None


class Backups:
    """Safe from any thread.

    `connect` gives this station a line to headquarters; `disk_of` tells which disk a folder is on.
    """

    def __init__(
        self,
        accounts: Accounts,
        outbox: Outbox,
        clock: StationClock,
        chosen: settings.Backup,
        connect: Callable[[StationIdentity], Headquarters],
        *,
        disk_of: Callable[[Path], int] = lambda folder: folder.stat().st_dev,
    ) -> None:
        self._accounts = accounts
        self._outbox = outbox
        self._clock = clock
        self._chosen = chosen
        self._connect = connect
        self._disk_of = disk_of
        self._lane = Lane("backup")
        self._lane.run(lambda _: _be_gentle())
        self._leaving = threading.Event()
        self._ticker: threading.Thread | None = None
        self._running: Ticket[Report] | None = None
        self._copied = (0, 0)
        self._report: Report | None = None
        self._trouble: Trouble | None = None
        self._listeners: list[Callable[[], object]] = []

    # ---- what anyone may know ------------------------------------------------------------
    def standing(self) -> Standing:
        verified = marks.get(self._outbox, VERIFIED) or ""
        running = self._running is not None and not self._running.done()
        age = _age(verified, self._clock.utc())
        overdue = age is None or age > OVERDUE
        return Standing(
            verified_utc=verified,
            age=age,
            overdue=overdue,
            owed=overdue and (self._is_set() or self._first_is_old()),
            running=running,
            done=self._copied[0] if running else 0,
            all=self._copied[1] if running else 0,
            report=self._report,
            trouble=self._trouble,
        )

    def media(self) -> tuple[Medium, ...]:
        """Where a backup could go now: what is set, if it is there, then what is plugged in."""
        own = self._disk_of(self._outbox.folder)
        found: dict[Path, Medium] = {}
        for folder in (*filter(None, [self._set_folder()]), *mounts()):
            try:
                if folder not in found and self._disk_of(folder) != own:
                    found[folder] = _medium(folder)
            except OSError:
                continue  # pulled out while it was looked at
        return tuple(found.values())

    def when_changed(self, call: Callable[[], object]) -> None:
        """Call `call` on the backup's thread whenever the standing changed."""
        self._listeners.append(call)

    # ---- asked for ------------------------------------------------------------------------
    def back_up(self, folder: Path, *, same_disk: bool = False) -> Ticket[Report]:
        """Bring the backup on a medium up to date; one at a time.

        `same_disk` takes a folder on the station's own disk too, which survives no theft.
        """
        self._accounts.demand(Act.BACK_UP)
        return self._begin(folder, same_disk=same_disk)

    def check(self, folder: Path) -> Ticket[tuple[str, ...]]:
        """Read everything there again; the names of what is not as it was."""
        self._accounts.demand(Act.BACK_UP)
        station = self._outbox.station()
        if station is None:
            raise backup.NothingToBackUp
        return self._lane.run(lambda _: backup.check(folder, station.station))

    def call_off(self) -> None:
        if self._running is not None:
            self._running.cancel()

    # ---- by itself ------------------------------------------------------------------------
    def start(self) -> None:
        """Look now and then: is a backup due, does a restored draft wait for an answer?"""
        self._ticker = threading.Thread(target=self._live, name="backups", daemon=True)
        self._ticker.start()

    def stop(self) -> None:
        self._leaving.set()
        self.call_off()
        if self._ticker is not None:
            self._ticker.join(5.0)
        self._lane.close()

    def look(self) -> None:
        """One look; what there is to do goes to the lane."""
        if self._running is not None and not self._running.done():
            return
        folder = self._set_folder()
        if folder is not None and self._due():
            self._begin(folder)
        if self._accounts.session is not None:
            self._lane.run(lambda _: self.settle())

    def settle(self) -> tuple[str, ...]:
        """Have headquarters say which restored drafts it holds; those, now closed. Blocks."""
        inside, station = self._accounts.inside(), self._outbox.station()
        if station is None or not restored.waiting(inside.vault):
            return ()
        headquarters = self._connect(station)
        try:
            return restoring.settle(
                self._outbox,
                inside.vault,
                headquarters,
                canonical.decode(station.descriptor.encode(), Descriptor),
                actor=inside.session.account,
                at=self._clock.now(),
            )
        finally:
            headquarters.hang_up()

    def _live(self) -> None:
        while not self._leaving.wait(LOOK_S):
            try:
                self.look()
            except Trouble as trouble:
                log.warning("no backup: %s", trouble.code)

    def _due(self) -> bool:
        verified = marks.get(self._outbox, VERIFIED) or ""
        age = _age(verified, self._clock.utc())
        return age is None or age > timedelta(hours=self._chosen.hours)

    def _is_set(self) -> bool:
        return bool(self._chosen.folder or self._chosen.label)

    def _first_is_old(self) -> bool:
        """Whether the oldest record has been here for so long that a second copy is due."""
        first = self._outbox.rows(offset=max(0, self._outbox.total() - 1), limit=1)
        age = _age(first[0].sealed_utc, self._clock.utc()) if first else None
        return age is not None and age > OVERDUE

    def _set_folder(self) -> Path | None:
        """The folder or medium in the settings, while it is there."""
        if self._chosen.folder:
            folder = Path(self._chosen.folder)
            return folder if folder.is_dir() else None
        labelled = (folder for folder in mounts() if folder.name == self._chosen.label)
        return next(labelled, None) if self._chosen.label else None

    # ---- the work ---------------------------------------------------------------------------
    def _begin(self, folder: Path, *, same_disk: bool = False) -> Ticket[Report]:
        if self._running is not None and not self._running.done():
            return self._running
        self._copied, self._trouble = (0, 0), None
        self._running = self._lane.run(lambda off: self._work(folder, off, same_disk))
        self._running.add_done_callback(lambda _: self._tell())
        self._tell()
        return self._running

    def _work(self, folder: Path, off: threading.Event, same_disk: bool) -> Report:
        try:
            disk = self._disk(folder, same_disk)
            self._report = report = self._both(folder, off)
            if self._disk(folder, same_disk) != disk:
                raise MediumGone("disk")
        except Trouble as trouble:
            self._trouble = trouble
            raise
        if report.snapshot and not report.damaged:
            marks.put(self._outbox, VERIFIED, self._clock.now().utc)
        return report

    def _both(self, folder: Path, off: threading.Event) -> Report:
        """Packets always; what is open too, if somebody is inside and stays so meanwhile."""
        inside = self._inside()
        report = backup.back_up(
            self._outbox,
            None if inside is None else inside.vault,
            folder,
            utc=self._clock.now().utc,
            software=__version__,
            progress=self._progress,
            cancelled=lambda: off.is_set() or (inside is not None and self._inside() is not inside),
        )
        if inside is not None:
            who, at = inside.session.account, self._clock.now()
            inside.vault.audit.append(who, "backup", report.snapshot, at)
        return report

    def _inside(self) -> Inside | None:
        return self._accounts.inside() if self._accounts.session is not None else None

    def _disk(self, folder: Path, same_disk: bool) -> int:
        """The disk `folder` is on; never the station's own (an empty mount point is)."""
        with backup.on_medium():
            disk = self._disk_of(folder)
            if not same_disk and disk == self._disk_of(self._outbox.folder):
                raise SameDisk
        return disk

    def _progress(self, done: int, all: int) -> None:
        before, self._copied = self._copied, (done, all)
        if not all or done * 100 // all != before[0] * 100 // max(all, 1):
            self._tell()

    def _tell(self) -> None:
        for call in tuple(self._listeners):
            call()


def mounts() -> tuple[Path, ...]:
    """Media that are plugged in, by the folders where the system shows them."""
    if sys.platform == "win32":
        drives = (Path(f"{letter}:\\") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ")
        return tuple(drive for drive in drives if drive.exists())
    root = Path("/")
    found = (path for pattern in _MOUNTS for path in sorted(root.glob(pattern[1:])))
    return tuple(path for path in found if path.is_mount() and os.access(path, os.W_OK))


def _medium(folder: Path) -> Medium:
    usage = shutil.disk_usage(folder)
    return Medium(folder=folder, name=folder.name or str(folder), free=usage.free, size=usage.total)


def _age(utc: str, now: datetime) -> timedelta | None:
    """How long ago; None when never. A clock set back makes nothing younger than new."""
    if not utc:
        return None
    return max(timedelta(0), now - datetime.fromisoformat(utc).astimezone(UTC))


def _be_gentle() -> None:
    """This thread gives way to the others (Linux: threads have priorities of their own)."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
