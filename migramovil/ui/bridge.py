"""The only door between worker threads and widgets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from PySide6.QtCore import QObject, Signal, Slot
from shiboken6 import isValid

from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket

T = TypeVar("T")


class Bridge(QObject):
    """Bring results home to the GUI thread, where it must be built."""

    crashed = Signal(object)
    """An exception nobody expected: a bug, for the crash report."""
    _posted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open = True
        self._posted.connect(self._run)

    def post(self, call: Callable[[], object]) -> None:
        """Run `call` on the GUI thread, soon; safe from any thread, silent after the end."""
        if not isValid(self):
            return
        try:
            self._posted.emit(call)
        except RuntimeError:  # the window closed between the question and the emit
            if isValid(self):
                raise

    def when_done(
        self,
        ticket: Ticket[T],
        ok: Callable[[T], object],
        trouble: Callable[[Trouble], object],
        *,
        owner: QObject | None = None,
    ) -> None:
        """Call `ok(answer)` or `trouble(why)` on the GUI thread; anything else goes to `crashed`.

        Nobody is called when the ticket was called off, when `owner` (by default the QObject whose
        method `ok` is) was deleted, or when it is a page that was left since.
        """
        waits = _still_waits(owner or getattr(ok, "__self__", None))

        def settle() -> None:
            if ticket.future.cancelled():
                return
            error = ticket.future.exception()
            if error is not None and not isinstance(error, Trouble):
                self.crashed.emit(error)
            elif ticket.cancelled.is_set() or not waits():
                return
            elif error is None:
                ok(ticket.future.result())
            else:
                trouble(error)

        ticket.future.add_done_callback(lambda _: self.post(settle))

    def newest(
        self, show: Callable[[T], object], *, owner: QObject | None = None
    ) -> Callable[[T], None]:
        """A function any thread may feed: `show` gets the newest value; older ones are dropped.

        For live pictures: frames never queue, however slow the window is.
        """
        return _Newest(self, show, owner or getattr(show, "__self__", None)).offer

    def close(self) -> None:
        """What is still on its way is dropped: the stores behind it are about to close."""
        self._open = False

    @Slot(object)
    def _run(self, call: Callable[[], object]) -> None:
        if self._open:
            call()


class _Newest(Generic[T]):
    """A place for one value and at most one posted call to fetch it."""

    def __init__(self, bridge: Bridge, show: Callable[[T], object], owner: object) -> None:
        self._bridge = bridge
        self._show = show
        self._waits = _still_waits(owner, visits=False)
        self._lock = threading.Lock()
        self._held: list[T] = []

    def offer(self, value: T) -> None:
        with self._lock:
            pending = bool(self._held)
            self._held[:] = [value]
        if not pending:
            self._bridge.post(self._fetch)

    def _fetch(self) -> None:
        with self._lock:
            value = self._held.pop()
        if self._waits():
            self._show(value)


def _still_waits(owner: object, *, visits: bool = True) -> Callable[[], bool]:
    """Whether the one who asked is still there: alive and, if a page, on the same visit."""
    if not isinstance(owner, QObject):
        return lambda: True
    asked_on = getattr(owner, "visit", None) if visits else None
    return lambda: (
        isValid(owner) and (asked_on is None or getattr(owner, "visit", None) == asked_on)
    )
