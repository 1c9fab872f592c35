"""The lanes of one station: dialled as the link deserves, measured, and let go when they die."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from migramovil.sync import pace
from migramovil.sync.lanes import Lane, attend
from migramovil.sync.pace import Weather
from migramovil.sync.ports import NoLink

IDLE_S = 12.0  # headquarters hangs up on who is silent for 15 s
_STALE_S = 2.0
_WINDOW_S = 10.0  # the rate is that of so long
_BEST_OF_S = 60.0
_SEGMENTS = 100  # fewer say nothing about loss


class Gauge:
    """Measures the link while packets travel."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._came: deque[tuple[float, int]] = deque()
        self._rates: deque[tuple[float, float]] = deque()
        self._lately = 0.0
        self.rtt = 0.0
        self._loss = Weather().loss
        self._bbr = False

    def arrived(self, size: int) -> None:
        now = self._clock()
        if self._came and now - self._came[-1][0] > _WINDOW_S:
            self._came.clear()  # it stood still: that says nothing about how fast it goes
        self._came.append((now, size))
        while now - self._came[0][0] > _WINDOW_S:
            self._came.popleft()
        span = now - self._came[0][0]
        if span >= max(1.0, 4 * self.rtt):
            self._rates.append((now, sum(size for _, size in list(self._came)[1:]) / span))
            while now - self._rates[0][0] > _BEST_OF_S:
                self._rates.popleft()

    def look(self, lanes: Sequence[Lane]) -> None:
        """Take over what the system measured; elsewhere the greeting's round trip stands."""
        roads = [road for lane in lanes if (road := lane.road()) is not None]
        self._bbr = any(lane.bbr for lane in lanes)
        if roads:
            self.rtt = min(road.rtt for road in roads)
            self._lately = sum(road.rate for road in roads)
            sent = sum(road.sent for road in roads)
            if sent >= _SEGMENTS:
                self._loss = sum(road.again for road in roads) / sent

    @property
    def best(self) -> float:
        """The best rate of the last minute, as whole seconds of parts showed it; 0: none yet."""
        return max((rate for _, rate in self._rates), default=0.0)

    @property
    def carries(self) -> float:
        """What parts showed or, if that is more, what the system saw arrive just now."""
        return max(self.best, self._lately)

    @property
    def weather(self) -> Weather:
        """A link that once carried so much deserves the lanes for it; until parts showed how
        much, the system's own guess counts."""
        rate = self.best or self._lately
        return Weather(rate=rate, rtt=self.rtt, loss=self._loss, bbr=self._bbr)


class Crew:
    """`dial` starts a lane, given the number of the attempt; `believe` judges what it showed (or
    raises); `spent` hears of bytes over the wire. One thread uses it, but for `link_changed`."""

    def __init__(
        self,
        dial: Callable[[int], Lane],
        believe: Callable[[Lane], None],
        spent: Callable[[int], object],
    ) -> None:
        self._dial = dial
        self._believe = believe
        self._spent = spent
        self._lanes: list[Lane] = []
        self._believed: set[Lane] = set()
        self._counted: dict[Lane, int] = {}
        self._attempts = 0
        self._link_changed = False
        self.gauge = Gauge()

    def link_changed(self) -> None:
        """From any thread: connections that stand still belong to the old link."""
        self._link_changed = True

    def ready(self) -> list[Lane]:
        return [lane for lane in self._lanes if lane in self._believed and lane.opened]

    @property
    def alone(self) -> bool:
        """No lane is open or on its way."""
        return not self._lanes

    def one_more(self) -> Lane:
        """Dial; the lane is believed once it is open, by `turn`."""
        lane = self._dial(self._attempts)
        self._attempts += 1
        self._lanes.append(lane)
        return lane

    def fit(self) -> list[Lane]:
        """The lanes to load, at most as many as the link deserves; one more is dialled if it
        deserves more than there are."""
        ready = self.ready()
        self.gauge.look(ready)
        deserved = pace.lanes_for(self.gauge.weather)
        if ready and len(ready) == len(self._lanes) < deserved:
            self.one_more()
        for lane in ready:
            self._bound(lane, len(ready))
        return ready[:deserved]

    def turn(self, longest_s: float) -> None:
        """Let every lane work; the trouble of one that found somebody else, or an old certificate,
        is raised. A lane that merely broke is let go."""
        attend(self._lanes, longest_s)
        if self._link_changed:
            self._link_changed = False
            self._drop_older_than(_STALE_S)
        for lane in list(self._lanes):
            self._count(lane)
            if lane.opened and lane not in self._believed:
                self._believe(lane)
                self._believed.add(lane)
            if lane.trouble is not None:
                self._forget(lane)
                if not isinstance(lane.trouble, NoLink):
                    raise lane.trouble

    def drop_idle(self) -> None:
        """Before new work: lanes that headquarters may have hung up meanwhile."""
        self._drop_older_than(IDLE_S)
        self.turn(0.0)

    def hang_up(self) -> None:
        self._drop_older_than(-1.0)

    def _bound(self, lane: Lane, lanes: int) -> None:
        """Until parts showed what the link carries the system may look for it freely, but for a
        queue it has already filled."""
        road = lane.road()
        if road is not None:
            queued = pace.is_queued(road.rtt, road.rtt_lately)
            known = self.gauge.carries if self.gauge.best or queued else 0.0
            lane.no_faster_than(pace.fastest(known, lanes, queued=queued))

    def _drop_older_than(self, quiet_s: float) -> None:
        for lane in [one for one in self._lanes if one.quiet_s > quiet_s]:
            lane.close()
            self._count(lane)
            self._forget(lane)

    def _forget(self, lane: Lane) -> None:
        self._lanes.remove(lane)
        self._believed.discard(lane)
        self._counted.pop(lane, None)

    def _count(self, lane: Lane) -> None:
        fresh = lane.wire_bytes - self._counted.get(lane, 0)
        if fresh:
            self._counted[lane] = lane.wire_bytes
            self._spent(fresh)
