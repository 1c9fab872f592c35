"""What went wrong with each device, when, and when it was well again: for the technician."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from migramovil.devices.ports import DeviceInfo, DeviceRole
from migramovil.devices.trouble import EVERYDAY, DeviceTrouble

KEPT = 300  # faults in memory, and twice as many lines at most in the file


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault. Hours are UTC, to the second; `recovered` is "" while it lasts."""

    role: DeviceRole
    code: str
    when: str
    driver: str = ""
    model: str = ""
    serial: str = ""
    recovered: str = ""


class History:
    """The last faults of the devices, in memory and in a file of lines; no personal data.

    A fault that comes again before the device was well is the same fault. Any thread may call.
    """

    def __init__(
        self, path: Path | None = None, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._path = path
        self._now = now
        self._lock = threading.Lock()
        self._faults = deque(_read(path), KEPT)
        self._lines = len(self._faults)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The newest first."""
        with self._lock:
            return tuple(reversed(self._faults))

    def heard(
        self, role: DeviceRole, info: DeviceInfo | None, trouble: DeviceTrouble | None
    ) -> None:
        """A use of the device that has a role ended, in trouble or well."""
        if isinstance(trouble, EVERYDAY):
            return
        moment = self._now().isoformat(timespec="seconds")
        with self._lock:
            lasting = [
                (place, fault)
                for place, fault in enumerate(self._faults)
                if fault.role is role and not fault.recovered
            ]
            if trouble is None:
                for place, fault in lasting:
                    self._faults[place] = msgspec.structs.replace(fault, recovered=moment)
                    self._note(self._faults[place])
            elif not lasting or lasting[-1][1].code != trouble.code:
                fault = Fault(
                    role=role,
                    code=trouble.code,
                    when=moment,
                    driver=info.driver if info else "",
                    model=info.model if info else "",
                    serial=info.serial if info else "",
                )
                self._faults.append(fault)
                self._note(fault)

    def _note(self, fault: Fault) -> None:
        if self._path is None:
            return
        with contextlib.suppress(OSError):  # a full disk must not stop a device
            if self._lines >= 2 * KEPT:
                fresh = self._path.with_suffix(".new")
                fresh.write_bytes(b"".join(_line(fault) for fault in self._faults))
                fresh.replace(self._path)
                self._lines = len(self._faults)
                return
            with self._path.open("ab") as file:
                file.write(_line(fault))
            self._lines += 1


def _line(fault: Fault) -> bytes:
    return msgspec.json.encode(fault) + b"\n"


def _read(path: Path | None) -> list[Fault]:
    """The faults in a file; a later line about the same fault replaces it, a broken one is lost."""
    found: dict[tuple[str, str, str], Fault] = {}
    lines: list[bytes] = []
    if path is not None:
        with contextlib.suppress(OSError):
            lines = path.read_bytes().splitlines()
    for line in lines:
        with contextlib.suppress(msgspec.MsgspecError):
            fault = msgspec.json.decode(line, type=Fault)
            found[fault.role, fault.code, fault.when] = fault
    return list(found.values())
