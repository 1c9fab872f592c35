"""Stations' reports on themselves, as they came: kept by station and day, opened by support alone.

reports/STATION/DAY/SHA256.report

The edge keeps them and opens none. Nothing is decided by them, so the newest push the oldest out.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migramovil.core import canonical, sealing, support
from migramovil.core.record import Descriptor
from migramovil.core.trouble import Trouble
from migramovil.headquarters.objects import make_folder, write

KEPT = 30
"""Reports of one station."""
KEPT_BYTES = 20 * 1024 * 1024
"""The same, in bytes."""
_STATION = re.compile(r"[0-9a-f][0-9a-f-]{35}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SUFFIX = ".report"


class NoSuchReport(Trouble):
    code = "HQ-90"
    what = "No hay un informe con ese comienzo, o hay más de uno."
    advice = "Copie el número como lo escribe «hq support list», o indique el archivo."


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A report that came: its SHA-256, whose it is, the day (UTC) headquarters got it."""

    sha256: str
    station: str
    day: str
    size: int
    path: Path


class Reports:
    """Any thread may call; the folder may be shared with who only reads."""

    def __init__(self, root: Path, *, kept: int = KEPT, kept_bytes: int = KEPT_BYTES) -> None:
        self._root = root / "reports"
        self._kept, self._kept_bytes = kept, kept_bytes
        self._guard = threading.Lock()

    def keep(self, station: str, data: bytes, *, utc: str) -> None:
        """Durable when this returns; the same again changes nothing. OSError."""
        digest = sealing.sha256(data)
        with self._guard:
            there = self._of(station)
            if any(one.sha256 == digest for one in there):
                return
            self._make_room(there, len(data))
            folder = self._root / station / utc[:10]
            make_folder(folder)
            write(folder / f"{digest}{_SUFFIX}", data)

    def every(self) -> Sequence[Kept]:
        """Station by station, oldest day first."""
        stations = [one.name for one in _folders(self._root, _STATION)]
        return [kept for station in stations for kept in self._of(station)]

    def find(self, beginning: str) -> Kept:
        """The one whose SHA-256 begins so; NoSuchReport."""
        found = [one for one in self.every() if beginning and one.sha256.startswith(beginning)]
        if len(found) != 1:
            raise NoSuchReport
        return found[0]

    def _of(self, station: str) -> list[Kept]:
        if not _STATION.fullmatch(station):
            raise support.BadReport("station")
        days = _folders(self._root / station, _DAY)
        files = [(day.name, path) for day in days for path in day.glob(f"*{_SUFFIX}")]
        files.sort(key=lambda one: (one[0], one[1].stat().st_mtime_ns))
        return [
            Kept(sha256=path.stem, station=station, day=day, size=path.stat().st_size, path=path)
            for day, path in files
        ]

    def _make_room(self, there: Sequence[Kept], size: int) -> None:
        """The oldest go until one more fits."""
        left = list(there)
        while left and (
            len(left) >= self._kept or sum(one.size for one in left) + size > self._kept_bytes
        ):
            left.pop(0).path.unlink(missing_ok=True)


def check(data: bytes, descriptor: Descriptor, station: str) -> None:
    """BadReport unless it says to be this station's, for this headquarters' support."""
    said = support.read(data)
    if (said.realm, said.station) != (descriptor.realm, station):
        raise support.BadReport("another place")
    if not descriptor.support or said.recipient != _id(descriptor.support):
        raise support.BadReport("key")


def content_of(data: bytes, key: sealing.Opener) -> dict[str, Any]:
    """What a report says; BadReport, CannotOpen."""
    return support.open_content(support.read(data), key)


def _id(public: str) -> str:
    return sealing.key_id(canonical.from_text(public))


def _folders(root: Path, form: re.Pattern[str]) -> list[Path]:
    try:
        return sorted(one for one in root.iterdir() if form.fullmatch(one.name))
    except FileNotFoundError:
        return []
