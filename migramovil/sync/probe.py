"""The link to headquarters as a technician asks about it: how far, how lossy, who answers, when."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

from migramovil.core.record import Descriptor
from migramovil.sync.https import Line, check_time, pinned
from migramovil.sync.ports import Interrupted

PINGS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What some pings that headquarters signed told.

    `connect_s` is from the first knock to an open TLS connection, `latency_s` the median round trip
    with its signature, `worst_s` the longest, all in s; `loss` the share of segments sent again,
    None where the system does not say; `clock_error_s` how far this machine's clock is ahead of
    headquarters' time (negative: behind), within `doubt_s`.
    """

    connect_s: float
    latency_s: float
    worst_s: float
    loss: float | None
    tls: str
    certificate_until: datetime
    clock_error_s: float
    doubt_s: float


def probe(
    descriptor: Descriptor,
    *,
    url: str = "",
    pings: int = PINGS,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    stopped: Callable[[], bool] = lambda: False,
) -> Probe:
    """Ask headquarters a few times for its signed time, over a connection of its own.

    NoLink, NotHeadquarters, CertificateExpired, WrongRealm; Interrupted once `stopped()`.
    """

    def tick() -> None:
        if stopped():
            raise Interrupted

    began = time.monotonic()
    line = Line.dial(url or descriptor.urls[0], pinned(descriptor.tls_ca), tick=tick)
    connect_s = time.monotonic() - began
    try:
        took, errors = [], []
        for _ in range(pings):
            tick()
            asked = time.monotonic()
            told, _, _ = check_time(line, descriptor)
            took.append(time.monotonic() - asked)
            errors.append((clock() - told).total_seconds() - took[-1] / 2)
        road = line.lane.road()
        shown = x509.load_der_x509_certificate(line.certificate)
        quickest = took.index(min(took))
        return Probe(
            connect_s=connect_s,
            latency_s=statistics.median(took),
            worst_s=max(took),
            loss=road.again / road.sent if road is not None and road.sent else None,
            tls=line.lane.tls,
            certificate_until=shown.not_valid_after_utc,
            clock_error_s=errors[quickest],
            doubt_s=min(took) / 2 + 1,  # headquarters signs whole seconds
        )
    finally:
        line.close()
