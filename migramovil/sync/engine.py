"""One thread that brings sealed records to headquarters, at boot, locked, with nobody logged in.

It only carries out what `machine.step` decides and tells it what happened.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from migramovil.core import canonical
from migramovil.core.letters import BadLetter, check_answer
from migramovil.core.queue import Waiting
from migramovil.core.record import BadReceipt, Descriptor, ReceiptBody, Signed, check_receipt
from migramovil.core.trouble import Trouble
from migramovil.sync import machine
from migramovil.sync.machine import Status
from migramovil.sync.ports import (
    Ahead,
    DigestRefused,
    Downloads,
    EngineFailed,
    Headquarters,
    Interrupted,
    Letters,
    NotUnderstood,
    Outbox,
    Reports,
)

__all__ = ["Status", "SyncEngine"]

log = logging.getLogger(__name__)

_STOP_S = 30.0
_NEXT = 2  # the line may be as long as a year: only its head is read
_PAGE = 64  # records asked about at once: each is answered with all its receipts, on any link


class SyncEngine:
    """Sends what is sealed, oldest first, and waits until headquarters says it opened it.

    `clock` answers an aware UTC datetime; `on_status` is called on the engine's thread, after
    every change. `turn()` does the same work on the caller's thread and must not be mixed with
    `start()`.
    """

    def __init__(
        self,
        outbox: Outbox,
        headquarters: Headquarters,
        descriptor: Descriptor,
        *,
        clock: Callable[[], datetime],
        on_status: Callable[[Status], None] = lambda _: None,
        jitter: Callable[[], float] = random.random,
        letters: Letters | None = None,
        downloads: Downloads | None = None,
        reports: Reports | None = None,
    ) -> None:
        self._outbox = outbox
        self._headquarters = headquarters
        self._descriptor = descriptor
        self._clock = clock
        self._on_status = on_status
        self._jitter = jitter
        self._letters = letters
        self._downloads = downloads
        self._reports = reports
        self._state = machine.State()
        self._line: dict[str, Waiting] = {}
        self._stored = _Round(outbox.unconfirmed)
        self._disputed = _Round(outbox.disputed)
        self._contact = ""
        self._bell = threading.Condition()
        self._called = False
        self._link_changed = False
        self._asked = False
        self._stopping = False
        self._thread: threading.Thread | None = None

    # --- from any thread ----------------------------------------------------------------
    def start(self) -> None:
        self._stopping = False
        self._thread = threading.Thread(target=self._live, name="sync", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave between two parts and wait for the thread; what is sealed stays sealed."""
        with self._bell:
            self._stopping = True
            self._bell.notify_all()
        if self._thread is not None:
            self._thread.join(_STOP_S)
            self._thread = None
        self._headquarters.hang_up()

    def wake(self, link_changed: bool = False) -> None:
        """A record was sealed; or the link changed, which alone cuts a back-off short."""
        if link_changed:
            self._headquarters.link_changed()
        self._call(link_changed=link_changed)

    def renew(self, descriptor: Descriptor) -> None:
        """Headquarters' newer word about its keys; for whoever dials, on this engine's thread."""
        self._descriptor = descriptor

    def send_now(self) -> None:
        """A person asks: cut any pause, take back what stood aside, leave a halt."""
        self._call(asked=True)

    @property
    def status(self) -> Status:
        return machine.status(self._state, self._contact)

    # --- the work -------------------------------------------------------------------------
    def turn(self) -> Status:
        """Work until there is nothing to do but wait; the status then."""
        effects = self._tell(machine.Woke(asked=True))
        while effects and not isinstance(effects[0], machine.Rest):
            effects = self._tell(self._carry_out(effects[0]))
        return self.status

    def _live(self) -> None:
        effects = self._tell(machine.Woke())
        try:
            while not self._stopping:
                effects = self._tell(self._carry_out(effects[0]))
        except Interrupted:
            return

    def _carry_out(self, effect: machine.Effect) -> machine.Event:
        try:
            if isinstance(effect, machine.Rest):
                return self._rest(effect.seconds)
            if isinstance(effect, machine.Look):
                return self._look()
            if isinstance(effect, machine.Send):
                return self._send(self._line[effect.record])
            polled = self._poll([self._line[one] for one in effect.records])
            if self._downloads is not None:  # last: nothing that goes up ever waits for it
                self._downloads.turn(self._headquarters, lambda: self._stopping)
            if self._reports is not None:
                self._reports.turn(lambda: self._stopping or self._called)
            return polled
        except Trouble as trouble:
            return machine.Failed(trouble=trouble, jitter=self._jitter())
        except Interrupted:
            raise
        except Exception as bug:  # noqa: BLE001 - a bug here must be seen, not end sending in silence
            log.error("sync stopped by %s", type(bug).__name__)  # the text might hold anything
            return machine.Failed(trouble=EngineFailed(type(bug).__name__))

    def _tell(self, event: machine.Event) -> tuple[machine.Effect, ...]:
        before = self.status
        self._state, effects = machine.step(self._state, event)
        if isinstance(event, machine.Sent | machine.Polled):
            self._contact = self._clock().astimezone(UTC).isoformat(timespec="seconds")
        now = self.status
        if now != before:
            self._on_status(now)
        return effects

    def _rest(self, seconds: float | None) -> machine.Event:
        """Wait; calls that may not cut this pause are heard and the wait goes on."""
        deadline = None if seconds is None else time.monotonic() + seconds
        with self._bell:
            while not self._stopping:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return machine.PauseOver()
                if not self._called:
                    self._bell.wait(left)
                    continue
                woke = self._hear()
                if machine.step(self._state, woke)[1]:
                    return woke
        raise Interrupted

    def _hear(self) -> machine.Woke:
        woke = machine.Woke(link_changed=self._link_changed, asked=self._asked)
        self._called = self._link_changed = self._asked = False
        return woke

    def _call(self, *, link_changed: bool = False, asked: bool = False) -> None:
        with self._bell:
            self._called = True
            self._link_changed |= link_changed
            self._asked |= asked
            self._bell.notify_all()

    def _look(self) -> machine.Line:
        self._bring_letters()
        apart = self._state.aside | self._state.suspects
        sealed = self._outbox.waiting(len(apart) + _NEXT)
        to_send = any(one.record not in apart for one in sealed)
        stored = {} if to_send else self._unconfirmed()  # asked about when all are sent
        counts = self._outbox.counts()
        self._line = {**{one.record: one for one in sealed}, **stored}
        return machine.Line(
            sealed=tuple(one.record for one in sealed),
            stored=tuple(stored),
            behind=max(0, counts.sealed - len(sealed)),
            more=not to_send and counts.stored > len(stored),
        )

    def _unconfirmed(self) -> dict[str, Waiting]:
        """The oldest, which headquarters opens first, and as many of the others by turns."""
        every = (*self._outbox.unconfirmed(_PAGE), *self._stored.page())
        return {one.record: one for one in every}

    def _bring_letters(self) -> None:
        """Before any packet; one that headquarters does not take waits, and holds nothing up."""
        if self._letters is None:
            return
        for letter in self._letters.unanswered():
            if self._stopping:
                raise Interrupted
            try:
                said = self._headquarters.letter(letter.body)
                check_answer(said, letter.body, self._descriptor.receipt_keys("stored"))
            except (BadLetter, DigestRefused, NotUnderstood) as trouble:
                log.warning("a letter was not taken: %s", trouble.code)
                continue
            self._letters.answer(letter.id, canonical.encode(said))

    def _send(self, waiting: Waiting) -> machine.Event:
        def progress(sent: int) -> None:
            if self._stopping:
                raise Interrupted
            self._tell(machine.Progressed(sent=sent, size=waiting.size))

        try:
            packet = self._outbox.packet(waiting.record)
        except Trouble as trouble:  # damaged or gone: the others are not
            return machine.Failed(trouble=trouble, itself=True)
        receipts = self._headquarters.send(waiting, packet, progress, self._ahead(waiting))
        if not receipts:
            raise BadReceipt("none")
        self._file(waiting, receipts)
        return machine.Sent()

    def _ahead(self, now: Waiting) -> Ahead:
        """The next one in line behind `now`, read when it is wanted."""

        def ahead() -> tuple[Waiting, bytes] | None:
            following = machine.following(self._state, now.record)
            if following is None:
                return None
            try:
                return self._line[following], self._outbox.packet(following)
            except Trouble:
                return None  # it will be told when its turn comes

        return ahead

    def _poll(self, asked: Sequence[Waiting]) -> machine.Event:
        disputed = self._disputed.page()
        everyone = [(one.station, one.record) for one in (*asked, *disputed)]
        receipts = self._headquarters.receipts(everyone)
        about: dict[tuple[str, str], list[Signed]] = {}
        for signed in receipts:
            about.setdefault(_names(signed), []).append(signed)
        settled, bad = [], []
        for one in asked:
            try:
                bodies = self._file(one, about.get((one.station, one.record), []))
            except BadReceipt:
                bad.append(one.record)
                continue
            if bodies and max(bodies, key=lambda body: body.serial).kind != "stored":
                settled.append(one.record)
        for one in disputed:
            self._hear_out(one, about.get((one.station, one.record), []))
        self._stored.turn()
        self._disputed.turn()
        return machine.Polled(settled=tuple(settled), bad=tuple(bad))

    def _hear_out(self, one: Waiting, receipts: Sequence[Signed]) -> None:
        """What headquarters says about a record after refusing it; taken up again, it goes soon."""
        try:
            bodies = self._file(one, receipts)
        except BadReceipt as trouble:
            log.warning("a word on a refused record does not hold: %s", trouble.code)
            return
        if bodies and bodies[-1].kind == "retry":
            self.wake()

    def _file(self, waiting: Waiting, receipts: Sequence[Signed]) -> list[ReceiptBody]:
        """Check every receipt first, then file them: a bad one leaves the record untouched."""
        checked = [
            check_receipt(
                signed,
                self._descriptor,
                station=waiting.station,
                record=waiting.record,
                digest=waiting.digest,
                size=waiting.size,
            )
            for signed in receipts
        ]
        for signed, body in zip(receipts, checked, strict=True):
            self._outbox.file_receipt(waiting.record, signed, body)
        return checked


class _Round:
    """A list of any length, a page at a time, and again from its beginning."""

    def __init__(self, read: Callable[[int, Waiting | None], Sequence[Waiting]]) -> None:
        self._read = read
        self._after: Waiting | None = None
        self._page: Sequence[Waiting] = ()

    def page(self) -> Sequence[Waiting]:
        """The one whose turn it is."""
        self._page = self._read(_PAGE, self._after)
        if not self._page and self._after is not None:
            self._page = self._read(_PAGE, None)
        return self._page

    def turn(self) -> None:
        """That page is done."""
        self._after = self._page[-1] if len(self._page) == _PAGE else None


def _names(signed: Signed) -> tuple[str, str]:
    """Which packet a receipt claims to be about; nothing is trusted yet."""
    try:
        body = canonical.decode(canonical.from_text(signed.body), ReceiptBody)
    except canonical.NotCanonical:
        return "", ""
    return body.station, body.record
