"""Which station this is, as its header and its slips say; and where satellites say it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from migramovil.core.places import Spot, nearest
from migramovil.core.roles import Act
from migramovil.devices.lanes import Lane, Ticket
from migramovil.devices.ports import Fix
from migramovil.devices.registry import Bench
from migramovil.services.accounts import Accounts, Inside
from migramovil.services.clock import Memory, StationClock

FIX_WAIT_S = 90.0
"""A receiver that was off for days needs a minute under the sky."""
VAGUE_M = 500.0
"""A fix that may be further off says nothing about a place."""


@dataclass(slots=True, kw_only=True)
class Place:
    """Filled in when the station is enrolled; one object, shared by all who show it."""

    name: str = "Estación"
    where: str = ""
    code: str = ""
    training: bool = False
    hint: str = ""  # who may enter, in training only


class Whereabouts:
    """Asks the satellite receiver, if there is one, where the vehicle is and what time it is.

    A hint and nothing more: no work waits for it, and an officer decides. Coordinates are kept for
    as long as it takes to compare them with the known places; no log, disk or record has them.
    docs/decisions/0015.
    """

    def __init__(
        self,
        accounts: Accounts,
        bench: Bench,
        clock: StationClock,
        place: Place,
        *,
        spots: Sequence[Spot],
        chosen: Memory,
        desk: Lane,
    ) -> None:
        self._accounts = accounts
        self._bench = bench
        self._clock = clock
        self._place = place
        self._spots = tuple(spots)
        self._chosen = chosen
        self._desk = desk
        self._at: Spot | None = None
        self._asking: Ticket[None] | None = None
        self._lock = threading.Lock()
        self.wait_s = FIX_WAIT_S
        self.on_change: Callable[[], object] = lambda: None  # on a lane's thread
        said = chosen.read()
        if any(spot.name == said for spot in self._spots):
            place.where = str(said)

    @property
    def proposal(self) -> Spot | None:
        """The known place the vehicle is at, when it is not the one on header and slips."""
        at = self._at
        return None if at is None or at.name == self._place.where else at

    def look(self) -> Ticket[None]:
        """Ask the receiver once, on its own lane; what it says comes by `on_change`.

        The ticket ends in the receiver's trouble, or in DEV-05 without one: nobody need wait.
        """
        with self._lock:
            if self._asking is None or self._asking.done():
                self._asking = self._bench.gnss.use(self._hear)
            return self._asking

    def accept(self) -> Ticket[None]:
        """Take the proposed place for the station's own, until another is taken; on the record."""
        return self._desk.run(lambda _: self._take(self._accounts.demand(Act.ENROLL)))

    def _take(self, inside: Inside) -> None:
        spot = self.proposal
        if spot is None:
            return
        self._chosen.write(spot.name)
        self._place.where = spot.name
        inside.vault.audit.append(inside.session.account, "place", spot.name, self._clock.now())
        self.on_change()

    def _hear(self, receiver: Any, off: threading.Event) -> None:
        fix: Fix = receiver.read_fix(timeout_s=self.wait_s, cancelled=off)
        self._clock.bear_out(fix.utc)
        sure = fix.accuracy_m is None or fix.accuracy_m <= VAGUE_M
        self._at = nearest(self._spots, fix.latitude, fix.longitude) if sure else None
        self.on_change()
