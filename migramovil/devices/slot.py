"""One device's place on the station: its state, its lane, and finding it again after an unplug."""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Generic, TypeVar

from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Lane, Ticket
from migramovil.devices.ports import Device, DeviceInfo, DeviceState
from migramovil.devices.trouble import DeviceTrouble, DriverCrashed, NoDevice, Unplugged

D = TypeVar("D", bound=Device)
T = TypeVar("T")
Job = Callable[[D, Event], T]
log = logging.getLogger(__name__)


class DeviceSlot(Generic[D]):
    """Owns a device's state, and is the only way to it.

    `use` opens the device when needed. Trouble leaves it READY, `Unplugged` makes it ABSENT, and
    anything else FAULTED and is raised again as DEV-09, so that a page always has words. An
    absent device is asked for again (`find_again`) at the next use, a faulted one opened anew.
    `on_state` is called on the lane, on changes only.
    """

    def __init__(
        self,
        device: D | None,
        lane: Lane,
        on_state: Callable[[DeviceState], None] = lambda _: None,
        *,
        find_again: Callable[[], D | None] | None = None,
    ) -> None:
        self._device = device
        self._lane = lane
        self._on_state = on_state
        self._find_again = find_again or (lambda: device)
        self._opened = False  # touched on the lane only
        self._state = DeviceState.READY if device is not None else DeviceState.ABSENT
        self._last_trouble: DeviceTrouble | None = None

    @property
    def state(self) -> DeviceState:
        return self._state

    @property
    def info(self) -> DeviceInfo | None:
        """Who the device is; None while there is none."""
        device = self._device
        return None if device is None else device.info

    @property
    def last_trouble(self) -> DeviceTrouble | None:
        """The trouble of the last use; None when it went well."""
        return self._last_trouble

    def use(self, job: Job[D, T]) -> Ticket[T]:
        """Run `job(device, cancelled)` on the lane."""
        return self._lane.run(lambda cancelled: self._run(job, cancelled))

    def look(self) -> Ticket[DeviceState]:
        """Look whether an absent device has come, without opening it; the state after that."""
        return self._lane.run(lambda _: self._looked())

    def close(self, timeout_s: float = 5.0) -> None:
        """Close the device on its own lane; it opens again if it is used again."""
        ticket = self._lane.run(lambda _: self._shut())
        with contextlib.suppress(TimeoutError, Trouble):
            ticket.result(timeout_s)

    def _run(self, job: Job[D, T], cancelled: Event) -> T:
        try:
            answer = job(self._ready(), cancelled)
        except NoDevice as trouble:
            self._end(DeviceState.ABSENT, trouble)
            raise
        except Unplugged as trouble:
            self._shut()
            self._device = None
            self._end(DeviceState.ABSENT, trouble)
            raise
        except DriverCrashed as trouble:  # in a process of its own, or left alone on its lane
            self._shut()
            self._end(DeviceState.FAULTED, trouble)
            raise
        except Trouble as trouble:  # the job may end in another room's trouble: not the device's
            self._end(DeviceState.READY, trouble if isinstance(trouble, DeviceTrouble) else None)
            raise
        except Exception as error:  # noqa: BLE001 - a driver may raise anything
            place = where(error)
            log.error("a device driver crashed: %s", place)
            self._shut()
            crash = DriverCrashed(place)
            self._end(DeviceState.FAULTED, crash)
            raise crash from None
        self._end(DeviceState.READY, None)
        return answer

    def _looked(self) -> DeviceState:
        if self._device is None:
            self._device = self._find_again()
            self._tell(DeviceState.ABSENT if self._device is None else DeviceState.READY)
        return self._state

    def _ready(self) -> D:
        if self._device is None:
            self._device = self._find_again()
        if self._device is None:
            raise NoDevice
        self._tell(DeviceState.BUSY)
        if not self._opened:
            try:
                self._device.open()
            except BaseException:
                self._shut()
                raise
            self._opened = True
        return self._device

    def _shut(self) -> None:
        self._opened = False
        if self._device is not None:
            with contextlib.suppress(Exception):  # a lost device may refuse even to close
                self._device.close()

    def _end(self, state: DeviceState, trouble: DeviceTrouble | None) -> None:
        self._last_trouble = trouble
        self._tell(state)

    def _tell(self, state: DeviceState) -> None:
        if state is not self._state:
            self._state = state
            self._on_state(state)


def where(error: BaseException) -> str:
    """Type and place of an exception. Its text and its values stay out: they may be personal."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[::-1])
    return f"{type(error).__name__} at {places}"
