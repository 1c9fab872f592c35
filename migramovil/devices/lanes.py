"""A lane is one thread that does one thing at a time; work handed to it comes back as a ticket."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Event
from typing import Any, Generic, TypeVar

from migramovil.devices.trouble import Cancelled

T = TypeVar("T")
Work = Callable[[], None]


@dataclass(frozen=True, slots=True, eq=False)
class Ticket(Generic[T]):
    """One piece of work handed to a lane: wait for it, or call it off.

    The cancel flag belongs to the ticket, not to the device: an early cancel cannot be lost, and
    a late one cannot hit the next piece of work.
    """

    future: Future[T]
    cancelled: Event

    def cancel(self) -> None:
        """Ask the work to stop; work that has not begun never begins and ends in DEV-03."""
        self.cancelled.set()

    def result(self, timeout: float | None = None) -> T:
        """The answer, or the trouble; TimeoutError when `timeout` seconds pass first."""
        return self.future.result(timeout)

    def done(self) -> bool:
        return self.future.done()

    def add_done_callback(self, call: Callable[[Future[T]], object]) -> None:
        """Call `call(future)` when the work ends: on the lane, or at once if it already did."""
        self.future.add_done_callback(call)


class Lane:
    """A single thread that runs work in order.

    The thread is a daemon: native code that hangs must not keep the station from leaving, which
    `ThreadPoolExecutor` would, as it joins its threads at exit. A thread that hangs can be left
    behind (`abandon`), and another goes on with the work that waits.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._open = True
        self._waiting: set[Event] = set()
        self._running: Ticket[Any] | None = None
        self._lock = threading.Lock()
        self._thread = self._new_thread()
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return not self._waiting

    @property
    def running(self) -> Ticket[Any] | None:
        """What the lane is doing now."""
        return self._running

    def run(self, fn: Callable[[Event], T]) -> Ticket[T]:
        """Run `fn(cancelled)` on the lane after all that was handed in before."""
        ticket: Ticket[T] = Ticket(Future(), Event())
        with self._lock:
            if self._open:
                self._waiting.add(ticket.cancelled)
                self._work.put(lambda: self._settle(ticket, fn))
                return ticket
        ticket.future.set_exception(Cancelled("lane closed"))
        return ticket

    def call_off(self) -> None:
        """Ask all work that was handed in so far to stop."""
        with self._lock:
            for cancelled in self._waiting:
                cancelled.set()

    def abandon(
        self, ticket: Ticket[Any], trouble: BaseException, meanwhile: Callable[[], object]
    ) -> bool:
        """Leave the thread that does not come back from `ticket`, which ends in `trouble`.

        `meanwhile` is done before anybody hears of it, and before other work goes on. False, and
        nothing done, when that work has ended by itself.
        """
        with self._lock:
            if self._running is not ticket:
                return False
            self._running = None
            self._waiting.discard(ticket.cancelled)
            self._thread = self._new_thread()
        meanwhile()
        self._thread.start()
        ticket.cancelled.set()
        ticket.future.set_exception(trouble)
        return True

    def close(self, *, drain: bool = False, timeout_s: float = 5.0) -> bool:
        """Take no more work and end the thread; True when it ended within `timeout_s`.

        Work still waiting ends in DEV-03 and running work is asked to stop, unless `drain`: then
        all of it is done first (the desk's lane, where a save must not be dropped).
        """
        with self._lock:
            if self._open:
                self._open = False
                self._work.put(None)
        if not drain:
            self.call_off()
        if threading.current_thread() is self._thread:
            return False
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _new_thread(self) -> threading.Thread:
        return threading.Thread(target=self._loop, name=f"lane-{self.name}", daemon=True)

    def _loop(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            if threading.current_thread() is not self._thread:  # another has taken over
                return

    def _settle(self, ticket: Ticket[T], fn: Callable[[Event], T]) -> None:
        future = ticket.future
        self._running = ticket
        if not future.set_running_or_notify_cancel():
            self._forget(ticket)
            return
        try:
            if ticket.cancelled.is_set():
                raise Cancelled
            answer = fn(ticket.cancelled)
        except BaseException as error:  # noqa: BLE001 - the ticket carries it to who asked
            if self._forget(ticket):
                future.set_exception(error)
        else:
            if self._forget(ticket):
                future.set_result(answer)

    def _forget(self, ticket: Ticket[T]) -> bool:
        """Whether its end still concerns anybody: not after it was abandoned."""
        with self._lock:
            if self._running is not ticket:
                return False
            self._running = None
            self._waiting.discard(ticket.cancelled)
            return True
