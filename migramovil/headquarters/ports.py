"""What the receiving edge needs of its books and of its disk: other databases, other stores fit.

Whatever a method returned from is durable, but for parts: they only have to survive the process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import BinaryIO, Protocol

from migramovil.core.record import ReceiptBody, Signed
from migramovil.headquarters.store import (
    Alarm,
    Chain,
    Enrolled,
    Packet,
    Receipt,
    Rejection,
    Station,
    Usage,
)


class Books(Protocol):
    """Stations, packets, receipts in a chain. Safe from several threads and processes."""

    def station(self, station: str) -> Station | None: ...

    def station_by_token(self, token_sha256: str) -> Station | None: ...

    def enroll(self, token_sha256: str, enrolled: Enrolled) -> bool:
        """Use a code up; False when it was used already."""
        ...

    def signing(self, station: str, epoch: int) -> str | None:
        """The key (base64) this station signed with in that epoch; None if there was none."""
        ...

    def contact(self, station: str, utc: str) -> None:
        """The station was just heard of, proven by its transport key."""
        ...

    def standing(self, station: str, record: str) -> tuple[Packet, str] | None:
        """A packet that is here, and the kind of the last receipt about it."""
        ...

    def store_packet(
        self, packet: Packet, sign: Callable[[ReceiptBody], Signed], body: Chain, *, utc: str = ""
    ) -> None:
        """Write a packet and its `stored` receipt together, once; one that operators took up again
        gets a newer `stored`. A number that was given before is an alarm."""
        ...

    def alarm(self, alarm: Alarm) -> None:
        """Name a station that is there twice; again changes nothing."""
        ...

    def receipts(self, records: Sequence[tuple[str, str]]) -> list[Receipt]:
        """Receipts of these (station, record) pairs, in order of pair, then serial."""
        ...

    def usage(self, station: str, since: str) -> Usage:
        """What this station brought since then (UTC), and what of it nobody judged yet."""
        ...

    def reject(self, rejection: Rejection) -> None:
        """Name a packet that lied; the newest are kept."""
        ...


class Objects(Protocol):
    """Bytes: parts as they come, packets once whole and never changed again. BadName."""

    def announce(self, station: str, record: str, digest: str, body: bytes) -> None: ...

    def announced(self, station: str, record: str, digest: str) -> bytes | None: ...

    def put_part(
        self, station: str, record: str, digest: str, *, number: int, at: int, part: bytes
    ) -> None:
        """Part `number`, which begins at byte `at`; again changes nothing."""
        ...

    def forget_parts(
        self, station: str, record: str, digest: str, numbers: Sequence[int]
    ) -> None: ...

    def missing(self, station: str, record: str, digest: str, count: int) -> tuple[int, ...]:
        """Which of `count` parts are not here; none once the packet is whole."""
        ...

    def open_parts(self, station: str, record: str, digest: str) -> BinaryIO:
        """The bytes as far as they came, or the whole packet; FileNotFoundError."""
        ...

    def put_packet(self, station: str, record: str, digest: str) -> None:
        """The parts are the packet: whole and durable on return."""
        ...

    def begin_run(self, station: str, record: str, digest: str) -> BinaryIO:
        """A place of its own for all bytes of an announced packet, brought at once."""
        ...

    def put_run(self, station: str, record: str, digest: str, run: BinaryIO) -> None:
        """That run is the packet: whole and durable on return."""
        ...

    def drop_run(self, run: BinaryIO) -> None:
        """Close it, and forget it unless it became the packet."""
        ...

    def open_packet(self, station: str, record: str, digest: str) -> BinaryIO:
        """The whole packet; FileNotFoundError."""
        ...

    def lose_packet(self, station: str, record: str, digest: str) -> None:
        """What is held is damaged: put it aside, so that it can be brought again."""
        ...

    def in_flight(self, station: str) -> int:
        """How many records of this station have parts here and are not whole."""
        ...

    def drop_parts(self, station: str, record: str) -> None:
        """Forget every half-brought version of a record."""
        ...

    def drop_version(self, station: str, record: str, digest: str) -> None: ...

    def free(self) -> int:
        """Bytes there is room for."""
        ...

    def drop_stale(self, station: str, before: float) -> None:
        """Forget what nobody went on with since then (seconds since the epoch)."""
        ...
