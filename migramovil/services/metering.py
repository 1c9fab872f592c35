"""What the link costs: bytes counted by us, a day's budget, images that wait for a better link.

The supervisor's rules stand in station.toml, [link]; what a supervisor allows beyond them holds
until midnight. Whether the link of the moment is paid by the byte is the rule's word, the system's
or the officer's switch: the costliest counts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from migramovil.core.roles import Act
from migramovil.devices.lanes import Lane, Ticket
from migramovil.services.accounts import Accounts
from migramovil.services.clock import LIMA, StationClock
from migramovil.settings import Link
from migramovil.sync.ports import Memory

MEGABYTE = 1_000_000
STEP = 50 * MEGABYTE
"""How much more a supervisor allows at a time."""
_HEADERS = 1.06  # TCP and IP around what passes through a socket
_WRITE_EVERY = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """The day's account, in bytes: `limit` is 0 where there is none. `ruled` is whether a link that
    costs would meet any rule; `switched` whether somebody here said that this one does; `holds`
    whether images wait right now."""

    ruled: bool = False
    metered: bool = False
    switched: bool = False
    spent: int = 0
    limit: int = 0
    holds: bool = False

    @property
    def left(self) -> int | None:
        """Bytes that may still pass today; None without a limit."""
        return max(0, self.limit - self.spent) if self.metered and self.limit else None


class Metering:
    """The wire's side; safe from any thread. `clock` answers an aware datetime, days are Lima's."""

    def __init__(self, rules: Link, memory: Memory, clock: Callable[[], datetime]) -> None:
        self._rules = rules
        self._memory = memory
        self._clock = clock
        self._lock = threading.Lock()
        self._day, self._bytes, self._more, self._released = self._remembered()
        self._unwritten = 0
        self._system_says = False
        self._switched = False
        self._listeners: list[Callable[[], object]] = []

    def when_eased(self, call: Callable[[], object]) -> None:
        """Call `call`, on whatever thread, when something may pass that could not before."""
        self._listeners.append(call)

    def system_says(self, metered: bool) -> None:
        """What the operating system believes of the link."""
        self._system_says = metered
        self._eased()

    def switch(self, metered: bool) -> None:
        """What somebody here says of the link; it outlives neither the program nor the rule."""
        self._switched = metered
        self._eased()

    @property
    def metered(self) -> bool:
        return self._rules.metered or self._switched or self._system_says

    def today(self) -> Today:
        with self._lock:
            self._turn_the_day()
            limit = self._rules.daily_mb * MEGABYTE
            return Today(
                ruled=bool(limit or self._rules.hold_images),
                metered=self.metered,
                switched=self._switched,
                spent=self._bytes,
                limit=limit + self._more if limit else 0,
                holds=self.metered and self._rules.hold_images and not self._released,
            )

    def allow(self, more: int) -> None:
        """So many bytes more, today."""
        with self._lock:
            self._turn_the_day()
            self._more += more
            self._write()
        self._eased()

    def release_images(self) -> None:
        """Images wait no more, today."""
        with self._lock:
            self._turn_the_day()
            self._released = True
            self._write()
        self._eased()

    # --- the wire asks ---------------------------------------------------------------------
    def spent(self, size: int) -> None:
        with self._lock:
            self._turn_the_day()
            grown = int(size * _HEADERS)
            self._bytes += grown
            self._unwritten += grown
            if self._unwritten >= _WRITE_EVERY:
                self._write()

    def may_spend(self) -> bool:
        """Whether today's budget has anything left; a link that costs nothing has no budget."""
        return self.today().left != 0

    def may_send_images(self) -> bool:
        return not self.today().holds

    # --- steps ---------------------------------------------------------------------------------
    def _eased(self) -> None:
        for call in tuple(self._listeners):
            call()

    def _turn_the_day(self) -> None:
        today = self._clock().astimezone(LIMA).date().isoformat()
        if today != self._day:
            self._day, self._bytes, self._more, self._released = today, 0, 0, False
            self._write()

    def _write(self) -> None:
        self._unwritten = 0
        self._memory.write(f"{self._day} {self._bytes} {self._more} {int(self._released)}")

    def _remembered(self) -> tuple[str, int, int, bool]:
        day, *said = (self._memory.read() or "").split(" ")
        known = [int(one) if one.isdecimal() else 0 for one in said]
        spent, more, released = (*known, 0, 0, 0)[:3]
        return day, spent, more, bool(released)


class Spending:
    """The people's side: anyone sees the account, supervision allows more, on the record."""

    def __init__(
        self, metering: Metering, accounts: Accounts, clock: StationClock, desk: Lane
    ) -> None:
        self.metering = metering
        self._accounts = accounts
        self._clock = clock
        self._desk = desk

    def today(self) -> Today:
        return self.metering.today()

    def switch(self, metered: bool) -> None:
        """Whoever may send says whether the link of the moment is paid by the byte."""
        self._accounts.demand(Act.SEND_NOW)
        self.metering.switch(metered)

    def allow_more(self) -> Ticket[Today]:
        """STEP bytes more until midnight."""
        return self._allowed("allow-data", str(STEP), lambda: self.metering.allow(STEP))

    def release_images(self) -> Ticket[Today]:
        """Images wait no more until midnight."""
        return self._allowed("release-images", "", self.metering.release_images)

    def _allowed(self, act: str, subject: str, change: Callable[[], None]) -> Ticket[Today]:
        def do(_: threading.Event) -> Today:
            inside = self._accounts.demand(Act.SPEND)
            inside.vault.audit.append(inside.session.account, act, subject, self._clock.now())
            change()
            return self.today()

        return self._desk.run(do)
