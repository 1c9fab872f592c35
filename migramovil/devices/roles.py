"""Which device serves for what: remembered by who a device is, never by its place in a list."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from migramovil.devices.ports import DeviceInfo, DeviceRole

BY_ITSELF = frozenset(DeviceRole) - {DeviceRole.DOCUMENT, DeviceRole.APPLICANT}
"""Roles that a device takes without being told to; the others are given by a person."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What tells a device from others after it was unplugged, and after the station was off."""

    driver: str
    model: str
    vendor: str = ""
    product: str = ""
    serial: str = ""
    port: str = ""
    path: str = ""  # of a device that is nowhere on the USB: it is its own address

    @classmethod
    def of(cls, info: DeviceInfo) -> Identity:
        return cls(
            driver=info.driver,
            model=info.model,
            vendor=info.vendor,
            product=info.product,
            serial=info.serial,
            port=info.port,
            path="" if info.serial or info.port else info.path,
        )

    @property
    def make(self) -> tuple[str, ...]:
        """What devices of one model share."""
        usb = (self.vendor, self.product)
        return usb if any(usb) else (self.driver, self.model)

    def same(self, other: Identity, present: Sequence[Identity]) -> bool:
        """Whether `other`, one of those `present`, is this one.

        By the serial number where it tells them apart (some makers give all the same one), else by
        the USB port, else by the address.
        """
        if self.make != other.make:
            return False
        alike = [one for one in present if one.make == other.make and one.serial == other.serial]
        if self.serial and len(alike) == 1:
            return self.serial == other.serial
        return (self.serial, self.port, self.path) == (other.serial, other.port, other.path)


class Roles:
    """The roles that were given, kept in a small file: nothing in it is secret or personal."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._given = _read(path)

    def assigned(self, role: DeviceRole) -> Identity | None:
        return self._given.get(role)

    def assign(self, role: DeviceRole, info: DeviceInfo) -> None:
        """Give a device a role, and it has no other; OSError when it cannot be remembered."""
        one = Identity.of(info)
        with self._lock:
            kept = {
                known: who
                for known, who in self._given.items()
                if known is not role and not (known.kind is role.kind and who == one)
            }
            self._given = {**kept, role: one}
            self._write()

    def free(self, role: DeviceRole) -> None:
        """Nobody is told to have this role any more."""
        with self._lock:
            if self._given.pop(role, None) is not None:
                self._write()

    def choose(self, role: DeviceRole, present: Sequence[DeviceInfo]) -> DeviceInfo | None:
        """Which of the devices of its kind that are there has a role; None for none of them.

        The one it was given to; where that is not there, the first that no other role is given to
        takes its place, unless only a person gives this role. The only one there keeps the role.
        """
        known = [Identity.of(info) for info in present]
        wanted = self.assigned(role)
        if wanted is not None:
            for info, one in zip(present, known, strict=True):
                if wanted.same(one, known):
                    return info
        if role not in BY_ITSELF:
            return None
        rivals = {other for other in DeviceRole if other.kind is role.kind} - {role}
        others = [who for given, who in self._given.items() if given in rivals]
        left = [
            info
            for info, one in zip(present, known, strict=True)
            if not any(other.same(one, known) for other in others)
        ]
        if wanted is None and len(present) == 1 and left:
            with contextlib.suppress(OSError):  # then it is chosen again the next time
                self.assign(role, left[0])
        return left[0] if left else None

    def _write(self) -> None:
        """Whole or not at all, whatever happens to the power."""
        if self._path is None:
            return
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(self._given), indent=1))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)


def _read(path: Path | None) -> dict[DeviceRole, Identity]:
    """What the file says; nothing when there is none or it is damaged: roles can be given again."""
    if path is not None:
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode(path.read_bytes(), type=dict[DeviceRole, Identity])
    return {}
