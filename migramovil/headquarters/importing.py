"""A stick at headquarters: what it brings goes the way of the wire, and its answers go back on it.

Each packet is announced, brought in parts and completed exactly as a station does it, so every
check, limit and receipt is the receiver's own; a packet that came over the wire already gets the
receipts it has. One that is refused keeps no other from being taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from migramovil import medium
from migramovil.core import canonical, letters, packet, sealing
from migramovil.core.record import ReceiptBody, Signed
from migramovil.core.trouble import Trouble
from migramovil.headquarters import downstream
from migramovil.headquarters.receiver import Answer, Receiver, Refused
from migramovil.headquarters.store import Station, Store
from migramovil.sync import bundle, wire
from migramovil.sync.bundle import Answers, Carried

CARRIER = "usb"
_ASKED_AT_ONCE = 500
_HANDS = 4  # times one packet may be completed and still be told that parts are missing
_LOOK_S = 1.0

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What one station's folder on a stick came to.

    `station` is "" when its manifest is absent or does not hold: then what proves itself is taken
    all the same, and no list goes back. `lacking` counts packets the manifest names and the stick
    has not. `refused` are file names and why.
    """

    home: str
    station: str = ""
    packets: int = 0
    new: int = 0
    letters: int = 0
    lacking: int = 0
    refused: tuple[tuple[str, str], ...] = ()
    receipts: int = 0


class Importer:
    """Takes sticks in, for one headquarters; `wait_s` is how long to wait for the opener."""

    def __init__(self, store: Store, receiver: Receiver, *, wait_s: float = 0.0) -> None:
        self._store = store
        self._receiver = receiver
        self._wait_s = wait_s

    def take(
        self, stick: Path, tell: Callable[[int, int], object] = lambda _done, _all: None
    ) -> list[Brought]:
        """Every station's folder on a stick: in, and answered. Again changes nothing.

        A folder that leads elsewhere or holds too much is refused whole, and the others are taken.
        NothingHere, Suspicious (the stick), StickFull, StickGone, StickLies.
        """
        return [self._home_or_why_not(stick, home, tell) for home in bundle.homes(stick)]

    def _home_or_why_not(
        self, stick: Path, home: str, tell: Callable[[int, int], object]
    ) -> Brought:
        try:
            return self._home(stick, home, tell)
        except medium.Suspicious as trouble:
            return Brought(home=home, refused=((home, trouble.code),))

    def _home(self, stick: Path, home: str, tell: Callable[[int, int], object]) -> Brought:
        carried = self._manifest(stick, home)
        found = bundle.listed(stick, home, bundle.UP, bundle.PACKETS)
        pairs: list[Pair] = []
        refused: list[tuple[str, str]] = []
        new = 0
        for number, name in enumerate(found, 1):
            try:
                data = bundle.load(stick, home, bundle.UP, bundle.PACKETS, name)
                pair, fresh = self._packet(data)
            except (Refused, Trouble) as problem:
                _demand_stick(problem)
                refused.append((name, _why(problem)))
                continue
            finally:
                tell(number, len(found))
            pairs.append(pair)
            new += fresh
        answers, unread = self._letters(stick, home)
        receipts = self._answer(stick, home, carried, pairs, answers)
        there = {name.split(".")[0] for name in found}
        wanted = carried.packets if carried else ()
        return Brought(
            home=home,
            station=carried.station if carried else "",
            packets=len(found),
            new=new,
            letters=len(answers),
            lacking=sum(one.digest not in there for one in wanted),
            refused=(*refused, *unread),
            receipts=receipts,
        )

    # ---- in --------------------------------------------------------------------------------
    def _manifest(self, stick: Path, home: str) -> Carried | None:
        """What should be there, if the station it names signed it with its transport key."""
        try:
            signed = bundle.read(stick, home, bundle.UP, bundle.MANIFEST, Signed)
            if signed is None:
                return None
            said = canonical.decode(canonical.from_text(signed.body), Carried)
            station = self._store.station(said.station)
            if station is None or station.revoked or bundle.home_name(said.station) != home:
                return None
            signed.verified(canonical.from_text(station.transport))
        except (medium.Suspicious, canonical.NotCanonical, sealing.BadSignature):
            return None
        return said

    def _packet(self, data: bytes) -> tuple[Pair, bool]:
        """Which packet it is and whether it is new here; Refused, BadPacket."""
        digest = sealing.sha256(data)
        head = packet.read_head(data)
        said = wire.announce(data, head, digest)
        which = (head.header.station, head.header.record)
        answer = self._receiver.announce(canonical.encode(said))
        new = answer.status != 200
        for _ in range(_HANDS):
            if answer.status == 200:
                return which, new
            for number in canonical.decode(answer.body, wire.Missing).parts:
                part = wire.cut(data, said.part_size, number)
                self._receiver.part(*which, digest, number, part)
            answer = self._receiver.complete(*which, digest, CARRIER)
        raise packet.BadPacket("parts")

    def _letters(self, stick: Path, home: str) -> tuple[list[Signed], list[tuple[str, str]]]:
        answers: list[Signed] = []
        refused: list[tuple[str, str]] = []
        for name in bundle.listed(stick, home, bundle.UP, bundle.LETTERS):
            try:
                data = bundle.load(stick, home, bundle.UP, bundle.LETTERS, name)
                self._demand_known(letters.read(data).station)
                said = canonical.decode(self._receiver.letter(data).body, Signed)
            except (Refused, Trouble) as problem:
                _demand_stick(problem)
                refused.append((name, _why(problem)))
                continue
            answers.append(said)
        return answers, refused

    def _demand_known(self, station: str) -> None:
        """A letter has no carrier here to be admitted: its station must not be revoked."""
        known = self._store.station(station)
        if known is None or known.revoked:
            raise Refused(wire.Refusal.REVOKED)

    # ---- back ------------------------------------------------------------------------------
    def _answer(
        self,
        stick: Path,
        home: str,
        carried: Carried | None,
        pairs: Sequence[Pair],
        answers: list[Signed],
    ) -> int:
        """Put receipts, answers and lists on the stick; how many receipts."""
        asked = [(carried.station, record) for record in carried.asked] if carried else []
        wanted = list(dict.fromkeys((*pairs, *asked[: bundle.MOST_ASKED])))
        self._wait(pairs)
        receipts = self._receipts(wanted)

        def put(name: str, value: object) -> None:
            bundle.write(stick, home, bundle.DOWN, name, value)

        put(bundle.DESCRIPTOR, canonical.decode(self._receiver.descriptor().body, Signed))
        put(bundle.RECEIPTS, wire.Receipts(receipts=tuple(receipts)))
        put(bundle.ANSWERS, Answers(answers=tuple(answers)))
        station = self._store.station(carried.station) if carried else None
        if station is not None:
            self._put_lists(stick, home, station)
        return len(receipts)

    def _put_lists(self, stick: Path, home: str, station: Station) -> None:
        """The contents first: a list never names what is not there."""
        found = downstream.downloads(self._store, station)
        with bundle.on_stick():
            folder = medium.inside(
                stick, bundle.HOME, home, bundle.DOWN, bundle.CONTENTS, make=True
            )
            medium.sweep(folder)
            for one in found:
                digest = sealing.sha256(one.body)
                target = folder / f"{digest}.bin"
                if medium.digest_of(target) != digest:
                    medium.put(target, [one.body])
        listing = wire.Downstream(manifests=tuple(one.signed for one in found))
        bundle.write(stick, home, bundle.DOWN, bundle.DOWNSTREAM, listing)

    def _receipts(self, pairs: Sequence[Pair]) -> list[Signed]:
        found: list[Signed] = []
        for at in range(0, len(pairs), _ASKED_AT_ONCE):
            asked = wire.AskReceipts(records=tuple(pairs[at : at + _ASKED_AT_ONCE]))
            found += _receipts_in(self._receiver.receipts(canonical.encode(asked)))
        return found

    def _wait(self, pairs: Sequence[Pair]) -> None:
        """Until the opener has judged every one of these, or time is up."""
        until = time.monotonic() + self._wait_s
        while time.monotonic() < until and not self._judged(pairs):
            time.sleep(_LOOK_S)

    def _judged(self, pairs: Iterable[Pair]) -> bool:
        bodies = (
            canonical.decode(canonical.from_text(one.body), ReceiptBody)
            for one in self._receipts(list(pairs))
        )
        done = {(one.station, one.record) for one in bodies if one.kind != "stored"}
        return done >= set(pairs)


def _receipts_in(answer: Answer) -> tuple[Signed, ...]:
    return canonical.decode(answer.body, wire.Receipts).receipts


def _demand_stick(problem: Exception) -> None:
    """A stick that is gone is no fault of one file on it."""
    if isinstance(problem, bundle.StickGone):
        raise problem


def _why(problem: Exception) -> str:
    if isinstance(problem, Refused):
        return f"{problem.why.value} {problem.text}".rstrip()
    return getattr(problem, "code", "") or type(problem).__name__
