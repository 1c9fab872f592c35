"""Watches over the devices: who came, who went, and which driver does not come back.

One thread for all. Looking happens on the device's own lane, and only while that has nothing to
do, so that it never meets a use.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import DeviceRole, DeviceState
from migramovil.devices.slot import DeviceSlot

LOOK_S = 1.0
_BEAT_S = 0.25


class Bus(Protocol):
    """What the system tells of devices that come and go."""

    def wait(self, timeout_s: float) -> bool:
        """Wait so long at most; whether something came or went meanwhile."""
        ...

    def close(self) -> None: ...


class Udev:
    """The kernel's word on Linux, as soon as the rules have given the device its rights."""

    def __init__(self, pyudev: Any) -> None:
        self._monitor = pyudev.Monitor.from_netlink(pyudev.Context())
        for subsystem in ("usb", "tty", "video4linux"):
            self._monitor.filter_by(subsystem)
        self._monitor.start()

    def wait(self, timeout_s: float) -> bool:
        changed = self._monitor.poll(timeout_s) is not None
        while changed and self._monitor.poll(0) is not None:
            pass
        return changed

    def close(self) -> None:
        """The monitor's socket goes with it."""
        del self._monitor


class Quiet:
    """Where the system tells nothing: only looking helps."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        self._over.wait(timeout_s)
        return False

    def close(self) -> None:
        self._over.set()


def the_bus() -> Bus:
    if sys.platform == "linux":
        with contextlib.suppress(ImportError, OSError):
            return Udev(importlib.import_module("pyudev"))
    return Quiet()


class Supervisor:
    """Begins with `start`, ends with `stop`. Slots are told apart by their role."""

    def __init__(
        self,
        slots: Mapping[DeviceRole, DeviceSlot[Any]],
        *,
        on_news: Callable[[], object] = lambda: None,
        bus: Callable[[], Bus] = the_bus,
        look_s: float = LOOK_S,
    ) -> None:
        self._posts = [_Post(slot, look_s) for slot in slots.values()]
        self._on_news = on_news
        self._bus = bus
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        """Begin to watch; a second time changes nothing."""
        if self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        bus = self._bus()
        try:
            while not self._over.is_set():
                for post in self._posts:
                    post.slot.abandon()
                    post.look()
                if bus.wait(_BEAT_S):
                    self._on_news()
                    for post in self._posts:
                        post.owed = True
        finally:
            bus.close()


class _Post:
    """When to look at a slot again: news are not forgotten while the device is busy."""

    def __init__(self, slot: DeviceSlot[Any], look_s: float) -> None:
        self.slot = slot
        self.owed = False
        self._look_s = look_s
        self._next = 0.0
        self._ticket: Ticket[DeviceState] | None = None

    def look(self) -> None:
        if self._ticket is not None and not self._ticket.done():
            return
        now = time.monotonic()
        if (self.owed or now >= self._next) and self.slot.idle:
            self.owed = False
            self._next = now + self._look_s
            self._ticket = self.slot.look(glance=True)
