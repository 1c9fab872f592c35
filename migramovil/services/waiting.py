"""The line of sealed records as a person sees it: how many, which, in what state, what next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from migramovil.core.queue import Counts
from migramovil.core.record import RecordState, Signed
from migramovil.core.trouble import Trouble
from migramovil.services.clock import steady
from migramovil.services.forecast import Forecast
from migramovil.services.metering import Metering
from migramovil.store import exports
from migramovil.store.outbox import Outbox, QueueRow
from migramovil.sync.engine import Status, SyncEngine

_SUMMED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What headquarters still lacks, in bytes; `exact` while the line is short enough to add up."""

    bytes: int
    exact: bool = True


class Waiting:
    """Works with nobody inside: nothing personal is in the line. `clock` as in Forecast."""

    def __init__(
        self,
        outbox: Outbox,
        metering: Metering | None = None,
        clock: Callable[[], float] = steady,
    ) -> None:
        self._metering = metering
        self._outbox = outbox
        self._clock = clock
        self._engine: SyncEngine | None = None
        self._status: Status | None = None
        self._heard = 0.0
        self._aside: dict[str, Trouble] = {}
        self._summed: tuple[Counts | None, Left] = (None, Left(bytes=0))
        self._forecast = Forecast(clock)
        self._listeners: list[Callable[[], object]] = []
        if metering is not None:
            metering.when_eased(self.link_changed)

    def follow(self, engine: SyncEngine) -> None:
        self._engine = engine

    def heard(self, status: Status) -> None:
        """The engine's word; called on its thread."""
        self._forecast.heard(status)
        trouble = status.trouble
        fresh = {one: trouble for one in status.aside - self._aside.keys() if trouble is not None}
        kept = {one: why for one, why in self._aside.items() if one in status.aside}
        self._aside = kept | fresh
        self._status, self._heard = status, self._clock()
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
        return max(0.0, status.next_try_s - (self._clock() - self._heard))

    def still_s(self) -> float:
        """Seconds since the engine last had something to tell."""
        return self._clock() - self._heard

    def aside(self) -> dict[str, Trouble]:
        """The records that let the others pass, each with why it does."""
        return dict(self._aside)

    def left(self) -> Left:
        """Added up only when the line moved: the engine tells of every part it sends."""
        counts, status = self.counts(), self._status
        if self._summed[0] != counts:
            sizes = [one.size for one in self._outbox.waiting(_SUMMED)]
            exact = counts.sealed <= _SUMMED
            whole = sum(sizes) if exact else sum(sizes) * counts.sealed // _SUMMED
            self._summed = counts, Left(bytes=whole, exact=exact)
        summed = self._summed[1]
        sent = status.sent_bytes if status is not None and status.kind == "sending" else 0
        return Left(bytes=max(0, summed.bytes - sent), exact=summed.exact)

    def rate(self) -> float | None:
        """Bytes a second headquarters took in of late; None while unknown."""
        return self._forecast.rate()

    def finish_s(self) -> float | None:
        """Seconds until nothing waits, if the link goes on as it did; None while nobody can say,
        and where today's budget or held images end it sooner."""
        left = self.left().bytes
        if self._metering is not None:
            today = self._metering.today()
            if today.holds or (today.left is not None and today.left < left):
                return None
        return self._forecast.seconds(left)

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

    def row(self, record_id: str) -> QueueRow | None:
        return self._outbox.row(record_id)

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
        if self._metering is not None:
            self._metering.system_says(metered)

    def send_now(self) -> None:
        if self._engine is not None:
            self._engine.send_now()


def _known(states: Sequence[str] | None) -> tuple[RecordState, ...] | None:
    return None if states is None else tuple(RecordState(state) for state in states)
