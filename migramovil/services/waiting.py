"""The line of sealed records as a person sees it: how many, which, in what state, what next."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from migramovil.core.queue import Counts
from migramovil.core.record import RecordState, Signed
from migramovil.services.metering import Metering
from migramovil.store import exports
from migramovil.store.outbox import Outbox, QueueRow
from migramovil.sync.engine import Status, SyncEngine


class Waiting:
    """Works with nobody inside: nothing personal is in the line."""

    def __init__(self, outbox: Outbox, metering: Metering | None = None) -> None:
        self.metering = metering
        self._outbox = outbox
        self._engine: SyncEngine | None = None
        self._status: Status | None = None
        self._heard = 0.0
        self._listeners: list[Callable[[], object]] = []

    def follow(self, engine: SyncEngine) -> None:
        self._engine = engine

    def heard(self, status: Status) -> None:
        """The engine's word; called on its thread."""
        self._status, self._heard = status, time.monotonic()
        for call in self._listeners:
            call()

    def when_status(self, call: Callable[[], object]) -> None:
        self._listeners.append(call)

    @property
    def status(self) -> Status | None:
        return self._status

    def next_try_s(self) -> float | None:
        """Seconds until the link is tried again; None while no pause runs."""
        status = self._status
        if status is None or status.next_try_s is None:
            return None
        return max(0.0, status.next_try_s - (time.monotonic() - self._heard))

    def copied(self) -> int:
        """How many of those that wait lie on a stick too."""
        return exports.count(self._outbox)

    def counts(self) -> Counts:
        return self._outbox.counts()

    def rows(self, offset: int, limit: int, states: Sequence[str] | None = None) -> list[QueueRow]:
        return self._outbox.rows(offset=offset, limit=limit, states=_known(states))

    def total(self, states: Sequence[str] | None = None) -> int:
        counts = self._outbox.counts()
        return sum(getattr(counts, state.value) for state in _known(states) or tuple(RecordState))

    def state(self, record_id: str) -> str:
        row = self._outbox.row(record_id)
        return "" if row is None else str(row.state)

    def receipts(self, record_id: str) -> list[Signed]:
        return self._outbox.receipts(record_id)

    def link_changed(self) -> None:
        """The system says so; only headquarters' own word shows whether there is a link."""
        if self._engine is not None:
            self._engine.wake(link_changed=True)

    def link_metered(self, metered: bool) -> None:
        """The system says that the link is paid by the byte, or no longer."""
        if self.metering is not None:
            self.metering.system_says(metered)
            self.link_changed()

    def send_now(self) -> None:
        if self._engine is not None:
            self._engine.send_now()


def _known(states: Sequence[str] | None) -> tuple[RecordState, ...] | None:
    return None if states is None else tuple(RecordState(state) for state in states)
