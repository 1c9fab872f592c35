"""One device's place on the station: its state, its lane, and finding it again after an unplug."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any, Generic, TypeVar, cast

from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Lane, Ticket
from migramovil.devices.ports import Device, DeviceInfo, DeviceState
from migramovil.devices.trouble import (
    EVERYDAY,
    DeviceTrouble,
    DriverCrashed,
    DriverHung,
    NoDevice,
    Unplugged,
)

D = TypeVar("D", bound=Device)
T = TypeVar("T")
Job = Callable[[D, Event], T]

CALL_S = 30.0  # for what is given no time of its own
OPEN_S = 60.0
AT_ONCE_S = 1.0
GRACE_S = 10.0  # twice what a driver in its own process gets: that one ends its hangs itself

log = logging.getLogger(__name__)


class DeviceSlot(Generic[D]):
    """Owns a device's state, and is the only way to it.

    `use` opens the device when needed. Trouble leaves it READY, `Unplugged` makes it ABSENT, and
    anything else FAULTED and is raised again as DEV-09, so that a page always has words. An
    absent device is asked for again (`find_again`) at the next use or look, a faulted one opened
    anew, and so is one that was pulled out and put back while nobody used it. A driver that does
    not come back in its time can be left behind (`abandon`).

    `on_state` is called on the lane when the state changes or a trouble is over; `on_end` with each
    use's trouble, or None.
    """

    def __init__(
        self,
        device: D | None,
        lane: Lane,
        on_state: Callable[[DeviceState], None] = lambda _: None,
        *,
        find_again: Callable[[], D | None] | None = None,
        glance: Callable[[], D | None] | None = None,
        still_there: Callable[[D], bool] = lambda _: True,
        on_end: Callable[[DeviceTrouble | None], None] = lambda _: None,
        call_s: float = CALL_S,
    ) -> None:
        self._device = device
        self._lane = lane
        self._on_state = on_state
        self._on_end = on_end
        self._find_again = find_again or (lambda: device)
        self._glance = glance or self._find_again
        self._still_there = still_there
        self._call_s = call_s
        self._opened = False  # touched on the lane only
        self._state = DeviceState.READY if device is not None else DeviceState.ABSENT
        self._last_trouble: DeviceTrouble | None = None
        self._last_info: DeviceInfo | None = None
        self._deadline: float | None = None  # by when the driver must be back
        self._turn = 0  # counts the threads left behind: what those say is not heard any more
        self._lock = threading.Lock()

    @property
    def state(self) -> DeviceState:
        return self._state

    @property
    def info(self) -> DeviceInfo | None:
        """Who the device is; None while there is none."""
        device = self._device
        return None if device is None else device.info

    @property
    def last_info(self) -> DeviceInfo | None:
        """Who the device is, or was when it was last there."""
        return self.info or self._last_info

    @property
    def last_trouble(self) -> DeviceTrouble | None:
        """The trouble of the last use; None when it went well."""
        return self._last_trouble

    @property
    def reason(self) -> str:
        """Why the device is not at its best, in one line; "" when it is."""
        trouble = self._last_trouble
        if trouble is not None and not isinstance(trouble, EVERYDAY):
            return f"{trouble.what} ({trouble.code})"
        return NoDevice.what if self._state is DeviceState.ABSENT else ""

    @property
    def idle(self) -> bool:
        """Whether its lane has nothing to do: looking at the device disturbs nobody."""
        return self._lane.idle

    def use(self, job: Job[D, T]) -> Ticket[T]:
        """Run `job(device, cancelled)` on the lane."""
        return self._lane.run(lambda cancelled: self._run(job, cancelled))

    def look(self, *, glance: bool = False) -> Ticket[DeviceState]:
        """Look whether the device has come or gone, without opening it; the state after that.

        A glance may leave out what is dear to look at.
        """
        return self._lane.run(lambda _: self._looked(self._glance if glance else self._find_again))

    def release(self) -> Ticket[None]:
        """Close the device and forget it: the next look or use asks again which one it is."""
        return self._lane.run(lambda _: self._released())

    def close(self, timeout_s: float = 5.0) -> None:
        """Close the device on its own lane; it opens again if it is used again."""
        ticket = self._lane.run(lambda _: self._shut())
        with contextlib.suppress(TimeoutError, Trouble):
            ticket.result(timeout_s)

    def abandon(self) -> bool:
        """Leave a driver behind that does not come back in its time: DEV-10, and FAULTED.

        The next use makes the device anew, on another thread. False when nothing is overdue.
        """
        with self._lock:
            running = self._lane.running
            if running is None or self._deadline is None or time.monotonic() < self._deadline:
                return False
            trouble = DriverHung()
            return self._lane.abandon(running, trouble, lambda: self._left_behind(trouble))

    def _left_behind(self, trouble: DriverHung) -> None:
        where = self._lane.name
        log.error("a device driver hung and was left behind: %s", where)
        self._turn += 1
        self._deadline = None
        self._opened = False
        self._last_info, self._device = self.last_info, None  # not closed: that would hang too
        self._end(DeviceState.FAULTED, trouble)

    def _run(self, job: Job[D, T], cancelled: Event) -> T:
        with self._lock:
            turn = self._turn
        try:
            was_open = self._opened
            device = self._ready(turn)
            answer = job(cast("D", _Watched(device, self, turn, was_open=was_open)), cancelled)
        except Exception as error:  # noqa: BLE001 - a driver may raise anything
            raise self._ended(turn, error) from None
        if turn == self._turn:
            self._end(DeviceState.READY, None)
        return answer

    def _ended(self, turn: int, error: Exception) -> Exception:
        """What a use that failed leaves behind, and what to raise for it."""
        if turn != self._turn:  # it was left behind, and another has the slot
            return error
        if isinstance(error, NoDevice):
            self._end(DeviceState.ABSENT, error)
        elif isinstance(error, Unplugged):
            self._lose(error)
        elif isinstance(error, DriverCrashed):  # in a process of its own
            self._shut()
            self._end(DeviceState.FAULTED, error)
        elif isinstance(error, Trouble):  # the job may end in another room's: not the device's
            self._end(DeviceState.READY, error if isinstance(error, DeviceTrouble) else None)
        else:
            place = where(error)
            log.error("a device driver crashed: %s", place)
            self._shut()
            crash = DriverCrashed(place)
            self._end(DeviceState.FAULTED, crash)
            return crash
        return error

    def _looked(self, find: Callable[[], D | None]) -> DeviceState:
        turn = self._turn
        with self.within(self._call_s, turn):
            there = self._device is not None and self._still_there(self._device)
        if self._device is not None and not there and turn == self._turn:
            self._lose(Unplugged())
        if self._device is None:
            with self.within(self._call_s, turn):
                found = find()
            if turn == self._turn:
                self._found(found)
        return self._state

    def _found(self, device: D | None) -> None:
        self._device = device
        if device is None:
            self._tell(DeviceState.ABSENT)
        elif self._state is DeviceState.ABSENT:  # FAULTED stays so until a use goes well
            self._last_trouble = None
            self._on_end(None)
            self._tell(DeviceState.READY)

    def _released(self) -> None:
        self._shut()
        self._device = None
        self._tell(DeviceState.ABSENT)

    def _ready(self, turn: int) -> D:
        """The device, open. Whoever was left behind meanwhile changes nothing any more."""
        device = self._device
        if device is None:
            with self.within(self._call_s, turn):
                device = self._find_again()
            self._still_mine(turn)
            self._device = device
        if device is None:
            raise NoDevice
        self._tell(DeviceState.BUSY)
        if not self._opened:
            self._open(device, turn)
        return device

    def _open(self, device: D, turn: int) -> None:
        try:
            with self.within(OPEN_S, turn):
                device.open()
            self._still_mine(turn)
        except BaseException:
            _close(device)
            raise
        self._opened = True

    def _still_mine(self, turn: int) -> None:
        if turn != self._turn:
            raise DriverHung

    def put_back(self, turn: int) -> D | None:
        """The device opened anew after it was pulled out and put back; None when it is gone."""
        if turn != self._turn:
            return None
        self._forget()
        try:
            return self._ready(turn)
        except NoDevice:
            return None

    def does_well(self, turn: int) -> None:
        """A call was answered: a use may last for long, and the trouble before it is over now."""
        if self._last_trouble is not None and turn == self._turn:
            self._last_trouble = None
            self._on_end(None)
            self._on_state(self._state)

    @contextlib.contextmanager
    def within(self, seconds: float, turn: int) -> Iterator[None]:
        """The driver must be back in so many seconds and a grace."""
        with self._lock:
            if turn == self._turn:
                self._deadline = time.monotonic() + seconds + GRACE_S
        try:
            yield
        finally:
            with self._lock:
                if turn == self._turn:
                    self._deadline = None

    def _lose(self, trouble: DeviceTrouble) -> None:
        self._forget()
        self._end(DeviceState.ABSENT, trouble)

    def _forget(self) -> None:
        self._shut()
        self._last_info, self._device = self.last_info, None

    def _shut(self) -> None:
        self._opened = False
        if self._device is not None:
            _close(self._device)

    def _end(self, state: DeviceState, trouble: DeviceTrouble | None) -> None:
        self._last_trouble = trouble
        self._on_end(trouble)
        self._tell(state)

    def _tell(self, state: DeviceState) -> None:
        if state is not self._state:
            self._state = state
            self._on_state(state)

    def patience_s(self, named: dict[str, Any]) -> float:
        """How long a call may take: what it was given, or what calls of this device may."""
        return float(named.get("timeout_s", self._call_s))


class _Watched:
    """A device each of whose calls must be back in its time.

    One that `was_open` may have been pulled out and put back since. Then its first call fails at
    once, before anything was done, and is made again to the device opened anew.
    """

    def __init__(self, device: Any, slot: DeviceSlot[Any], turn: int, *, was_open: bool) -> None:
        self._device, self._slot, self._turn = device, slot, turn
        self._doubtful = was_open

    def __getattr__(self, name: str) -> Any:
        if not callable(getattr(self._device, name)):
            return getattr(self._device, name)

        def call(*args: Any, **named: Any) -> Any:
            doubtful, self._doubtful = self._doubtful, False
            began = time.monotonic()
            try:
                return self._called(name, args, named)
            except Unplugged:
                back = None
                if doubtful and time.monotonic() - began < AT_ONCE_S:
                    back = self._slot.put_back(self._turn)
                if back is None:
                    raise
            self._device = back
            return self._called(name, args, named)

        return call

    def _called(self, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        with self._slot.within(self._slot.patience_s(named), self._turn):
            answer = getattr(self._device, name)(*args, **named)
        self._slot.does_well(self._turn)
        return answer


def _close(device: Device) -> None:
    with contextlib.suppress(Exception):  # a lost device may refuse even to close
        device.close()


def where(error: BaseException) -> str:
    """Type and place of an exception. Its text and its values stay out: they may be personal."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[::-1])
    return f"{type(error).__name__} at {places}"
