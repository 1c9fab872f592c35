"""How many connections a link deserves, how fast they may send: pure rules over measured figures.

The figures behind the rules are in docs/decisions/0012.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

from migramovil.sync.wire import LARGEST_RUN

MOST_LANES = 8
MOST_LANES_SLOW = 2  # one, where a connection fills the link whatever is lost
SLOW = 110_000  # bytes/s: at 800 kbit/s and less each further connection is bytes somebody pays
UNBOUNDED = 2.0**40
FAST = 256_000  # bytes/s: a large part passes within a second
AT_ONCE_S = 4.0

_SEGMENT = 1448
_BBR_WINDOW = 120 * 1024
_HEADROOM = 1.5  # more than was measured: else one lane's rate would look like the link's
_WIRE = 1.08  # bytes on the wire for each that arrives
_TRY = 1.5
_QUEUED = 1.4
_LEAST_LOSS = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What was measured: goodput in bytes/s, round trip in s, share of segments sent again.

    `rate` 0 is not known yet; `bbr` says that the system paces by bandwidth and not by loss.
    """

    rate: float = 0.0
    rtt: float = 0.0
    loss: float = 0.02
    bbr: bool = False


def lanes_for(weather: Weather) -> int:
    """Connections that together keep the link full: as many windows as its pipe holds."""
    if not weather.rate:
        return 1
    pipe = weather.rate * weather.rtt * _HEADROOM
    loss = max(weather.loss, _LEAST_LOSS)
    window = _BBR_WINDOW if weather.bbr else 1.22 * _SEGMENT / sqrt(loss)
    slow = 1 if weather.bbr else MOST_LANES_SLOW
    most = slow if weather.rate <= SLOW else MOST_LANES
    return min(most, max(1, ceil(pipe / window)))


def is_queued(rtt: float, lately: float) -> bool:
    """Whether what was sent waits in somebody's queue: round trips take longer than they must."""
    return lately > _QUEUED * rtt


def fastest(rate: float, lanes: int, *, queued: bool) -> float:
    """What each of so many lanes may send, in bytes/s, over a link that carried `rate` (0: not
    known). More is tried while nothing waits in a queue; what a full queue spills is sent twice."""
    return rate * _WIRE * (1 if queued else _TRY) / lanes if rate else UNBOUNDED


def at_once(weather: Weather, size: int) -> bool:
    """Whether a packet of so many bytes passes within seconds: then whole, in one request."""
    return weather.rate >= FAST and size <= min(LARGEST_RUN, AT_ONCE_S * weather.rate)
