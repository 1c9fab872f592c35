"""One packet on its way to headquarters: which request comes next, and what each answer means.

Announce, parts, complete. What was announced before is asked for first; a packet nobody announced
before is known to be missing, so its parts follow the announcement without waiting for the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from migramovil.core import canonical, packet
from migramovil.core.queue import Waiting
from migramovil.core.record import Signed
from migramovil.core.trouble import Trouble
from migramovil.sync import answers, wire
from migramovil.sync.lanes import Answered, Lane, Lost, Request
from migramovil.sync.parts import Parts
from migramovil.sync.ports import HeadquartersBusy, ImagesHeld, NotHeadquarters, NotUnderstood

_NOTHING_WANTED = b"{}"  # headquarters kept the bytes, or had them; the receipt is asked for
_HANDS = 4  # times headquarters may say it lacks parts after all were given


class Ask(Protocol):
    """Makes a signed request."""

    def __call__(
        self, method: str, path: str, body: bytes, *, answered: Answered, lost: Lost
    ) -> Request: ...


class Job:
    """One packet on its way: what is still to be asked for it.

    `fresh`: nobody began it before. `whole`: the link carries it in one request. `only_front`: no
    more than its head and its record for now, which ends in ImagesHeld.
    """

    def __init__(
        self,
        waiting: Waiting,
        data: bytes,
        *,
        fresh: bool,
        whole: bool = False,
        only_front: bool = False,
        on_bytes: Callable[[int], object],
    ) -> None:
        self.waiting = waiting
        self._data = data
        self._parts = Parts(len(data), wire.PART_SIZE)
        self._count = wire.part_count(len(data), wire.PART_SIZE)
        self._front = wire.part_count(_front_bytes(data), wire.PART_SIZE)
        self._only_front = only_front and self._front < self._count
        self._whole = fresh and whole and not self._only_front
        self._trusting = fresh  # nobody announced it before, so headquarters lacks every part
        self._announced = False
        self._asking: Lane | None = None
        self._hands = 0
        self.receipts: Sequence[Signed] | None = None
        self.trouble: Trouble | None = None
        self._on_bytes = on_bytes

    @property
    def held_bytes(self) -> int:
        return self._parts.held_bytes

    @property
    def all_given_out(self) -> bool:
        """Every part travels or is there: the next packet may fill the road."""
        return self._parts.all_given_out

    def next_request(self, lane: Lane, ask: Ask) -> Request | None:
        """What this lane should carry next for this packet; None when nothing, for now."""
        if self.receipts is not None or self.trouble is not None:
            return None
        if not self._announced and self._asking is None:
            return self._announce(lane, ask)
        if not self._announced and not (self._trusting and self._asking is lane):
            return None
        if self._parts.in_doubt and self._asking is None:
            return self._complete(lane, ask)
        if self._whole and (every := self._parts.take_all()):
            return self._every(every, ask)
        number = self._parts.take(self._front if self._only_front else self._count)
        if number is not None:
            return self._part(number, ask)
        if self._only_front and self._announced and self._parts.arrived_below(self._front):
            self.trouble = ImagesHeld()
            return None
        if self._parts.all_given and self._asking is None:
            return self._complete(lane, ask)
        return None

    # --- requests -----------------------------------------------------------------------------
    def _announce(self, lane: Lane, ask: Ask) -> Request:
        head = packet.read_head(self._data)
        said = wire.announce(self._data, head, self.waiting.digest)
        self._asking = lane
        self._parts.asking()
        body = canonical.encode(said)
        return ask("POST", wire.PACKETS_PATH, body, answered=self._heard, lost=self._unheard)

    def _complete(self, lane: Lane, ask: Ask) -> Request:
        """Have it assembled; while parts are missing the answer only says which."""
        self._asking = lane
        self._parts.asking()
        one = self.waiting
        path = wire.complete_path(one.station, one.record, one.digest)
        return ask("POST", path, b"", answered=self._heard, lost=self._unheard)

    def _part(self, number: int, ask: Ask) -> Request:
        one = self.waiting
        body = wire.cut(self._data, wire.PART_SIZE, number)

        def answered(status: int, answer: bytes) -> None:
            if status == 200:
                self._parts.arrived(number)
                self._on_bytes(len(body))
            elif answers.refused_as(answer) == wire.Refusal.NOT_ANNOUNCED:
                self._parts.refused(number)
                self._again()
            else:
                self._fail(status, answer)

        path = wire.part_path(one.station, one.record, one.digest, number)
        return ask(
            "PUT", path, body, answered=answered, lost=lambda: self._parts.lost_sight(number)
        )

    def _every(self, numbers: range, ask: Ask) -> Request:
        """The packet in one request: its answer is the receipt. What came of one that broke off is
        kept part by part, so the rest goes as parts."""
        one = self.waiting
        self._whole = False

        def answered(status: int, answer: bytes) -> None:
            if status == 200:
                self._on_bytes(len(self._data))
                if answer == _NOTHING_WANTED:
                    for number in numbers:
                        self._parts.arrived(number)
                else:
                    self._heard(status, answer)
            elif answers.refused_as(answer) == wire.Refusal.NOT_ANNOUNCED:
                for number in numbers:
                    self._parts.refused(number)
                self._again()
            else:
                self._fail(status, answer)

        def lost() -> None:
            for number in numbers:
                self._parts.lost_sight(number)

        path = wire.part_path(one.station, one.record, one.digest, 0)
        return ask("PUT", path, self._data, answered=answered, lost=lost)

    # --- answers ----------------------------------------------------------------------------------
    def _heard(self, status: int, answer: bytes) -> None:
        self._asking = None
        try:
            if status == 202:
                self._lacking(answers.read(answer, wire.Missing).parts)
            elif status == 200:
                self.receipts = answers.receipts(status, answer)
            elif answers.refused_as(answer) == wire.Refusal.NOT_ANNOUNCED:
                self._again()
            else:
                self._fail(status, answer)
        except Trouble as trouble:
            self.trouble = trouble

    def _lacking(self, missing: tuple[int, ...]) -> None:
        if not all(0 <= number < self._count for number in missing):
            raise NotUnderstood("part numbers")
        if self._announced and self._parts.all_given:
            self._hands += 1
            if self._hands >= _HANDS:
                raise HeadquartersBusy("parts")
        self._announced = True
        self._parts.lacking(missing)

    def _unheard(self) -> None:
        self._asking = None
        self._trusting = False

    def _again(self) -> None:
        """Headquarters forgot the announcement."""
        self._hands += 1
        self._announced = self._trusting = False
        if self._hands >= _HANDS:
            self.trouble = HeadquartersBusy("announcement")

    def _fail(self, status: int, answer: bytes) -> None:
        if self.trouble is None:
            refused = status >= 400
            self.trouble = answers.refusal(status, answer) if refused else NotHeadquarters("answer")


def _front_bytes(data: bytes) -> int:
    """Where the record ends and the images begin."""
    head = packet.read_head(data)
    return head.length + head.header.objects[0].size
