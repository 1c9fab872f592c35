"""What a technician asks of the station. Works with the vault closed and nobody inside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from migramovil.core.roles import Act
from migramovil.core.trouble import Trouble
from migramovil.devices.history import Fault
from migramovil.devices.lanes import Lane, Ticket
from migramovil.devices.ports import (
    Camera,
    DeviceInfo,
    DeviceKind,
    DeviceRole,
    DeviceState,
    DriverSpec,
    Frame,
    Printer,
    SlipLine,
)
from migramovil.devices.registry import Bench
from migramovil.devices.trouble import Cancelled
from migramovil.services.checks import Check, Outcome, Result, Screen, Station, Subject, judged
from migramovil.services.self_tests import SelfTests, Tell, Try
from migramovil.store.trouble import translated
from migramovil.vision.finger import FingerQuality

EVERYWHERE = (DeviceRole.PORTRAIT, DeviceRole.FINGERS, DeviceRole.PRINTER, DeviceRole.MRZ)
"""What every station has; a station may lack the others, and nobody misses them there."""
FRAME_S = 3.0
_REMEMBERED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReport:
    """One line of the device list; `installed` is False when its library is missing."""

    role: DeviceRole
    driver: str
    model: str = ""
    serial: str = ""
    firmware: str = ""
    path: str = ""
    state: DeviceState = DeviceState.ABSENT
    trouble: Trouble | None = None
    faults: tuple[Fault, ...] = ()  # the newest first
    installed: bool = True
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverReport:
    """A driver, whether its libraries are here, and every device it sees, in use or not."""

    name: str
    kind: DeviceKind
    installed: bool
    found: tuple[DeviceInfo, ...] = ()


class Diagnosing:
    """`demand` refuses who may not do an act; looking and testing are everybody's."""

    def __init__(
        self,
        bench: Bench,
        quality: FingerQuality,
        inspection: Lane,
        demand: Callable[[Act], object],
        station: Station | None = None,
    ) -> None:
        self._bench = bench
        self._demand = demand
        self._tests = SelfTests(quality)
        self._lane = inspection
        self._station = station
        self._listeners: list[Callable[[], object]] = []

    def heard(self, _role: DeviceRole, _state: DeviceState) -> None:
        """A device changed; called on its lane."""
        for call in self._listeners:
            call()

    def when_devices(self, call: Callable[[], object]) -> None:
        self._listeners.append(call)

    def shown_on(self, screens: Sequence[Screen]) -> None:
        """The window says which displays there are, the officer's first."""
        if self._station is not None:
            self._station.screens = tuple(screens)

    # ---- at once -------------------------------------------------------------------------------
    def states(self) -> dict[DeviceRole, DeviceState]:
        """Of the roles that matter here: those of every station, and the others once given."""
        return {role: self._bench.slots[role].state for role in self._roles()}

    def reasons(self) -> dict[DeviceRole, str]:
        """Why each device that is not at its best is not, in one line."""
        every = {role: self._bench.slots[role].reason for role in self._roles()}
        return {role: reason for role, reason in every.items() if reason}

    def faults(self) -> tuple[Fault, ...]:
        """What went wrong with the devices, the newest first."""
        return self._bench.history.faults

    def subjects(self) -> tuple[Subject, ...]:
        """Everything `test` can be asked about here: the devices, then the station itself."""
        return (*self._roles(), *(Check if self._station is not None else ()))

    def role_of(self, device: DeviceInfo) -> DeviceRole | None:
        """What a device serves for now; None when it serves for nothing."""
        return self._bench.role_of(device)

    # ---- in time -------------------------------------------------------------------------------
    def devices(self) -> Ticket[tuple[DeviceReport, ...]]:
        def look(_: threading.Event) -> tuple[DeviceReport, ...]:
            self._bench.look()
            return tuple(self._report(role) for role in self._roles())

        return self._lane.run(look)

    def drivers(self) -> Ticket[tuple[DriverReport, ...]]:
        """Every driver, and every device that is plugged in, whatever its role."""

        def look(off: threading.Event) -> tuple[DriverReport, ...]:
            return tuple(self._driver(spec, off) for spec in self._bench.specs)

        return self._lane.run(look)

    def cameras(self) -> Ticket[tuple[DeviceInfo, ...]]:
        """The cameras that are plugged in, whatever they serve for."""
        return self._lane.run(lambda _: tuple(self._bench.present(DeviceKind.CAMERA)))

    def watch(self, camera: DeviceInfo, on_frame: Callable[[Frame], object]) -> Ticket[None]:
        """Give what a camera sees, on its lane, until the ticket is cancelled: to tell which it is.

        While one is watched it does nothing else, and no role can be given.
        """

        def look(device: Camera, off: threading.Event) -> None:
            while not off.is_set():
                on_frame(device.read(timeout_s=FRAME_S, cancelled=off))

        return self._bench.through(camera, look)

    def assign(self, role: DeviceRole, device: DeviceInfo) -> Ticket[None]:
        """Give a device a role, which it keeps after a restart and in another socket.

        STO-01 or STO-10 when the disk does not keep it.
        """
        self._demand(Act.ASSIGN_DEVICES)

        def give(_: threading.Event) -> None:
            with translated():
                self._bench.assign(role, device)

        return self._lane.run(give)

    def test(self, of: Subject, tell: Tell = lambda _words, _picture: None) -> Ticket[Result]:
        """Try one thing for real: a device with a frame, an impression, a page, or the station.

        `tell(words, picture)` says meanwhile how it goes, on another thread.
        """
        if isinstance(of, Check):
            return self._lane.run(lambda off: self._check(of, off))
        return self._lane.run(lambda off: self._try(of, of, self._tests.of(of), off, tell))

    def read_back(self, tell: Tell = lambda _words, _picture: None) -> Ticket[Result]:
        """Have the camera read the code on the test page printed last, within half a minute."""
        job = self._tests.read_back
        return self._lane.run(
            lambda off: self._try(DeviceRole.PRINTER, DeviceRole.PORTRAIT, job, off, tell)
        )

    def print_page(self, lines: Sequence[SlipLine]) -> Ticket[Result]:
        """Put lines without personal data on the slip printer."""

        def put(printer: Printer, off: threading.Event, _tell: Tell) -> Result:
            told = printer.print_slip(lines, cancelled=off)
            text = "La impresora confirmó la hoja." if told.confirmed else "La hoja fue enviada."
            return Result(of=DeviceRole.PRINTER, outcome=Outcome.OK, text=text)

        role = DeviceRole.PRINTER
        return self._lane.run(lambda off: self._try(role, role, put, off, lambda *_: None))

    def _check(self, check: Check, off: threading.Event) -> Result:
        if self._station is None:
            return Result(of=check, outcome=Outcome.UNKNOWN, text="Aquí no se puede comprobar.")
        try:
            return self._station.look(check, off)
        except Cancelled:
            raise
        except Trouble as trouble:
            return judged(check, "", (), trouble)

    def _try(
        self, of: DeviceRole, on: DeviceRole, job: Try, off: threading.Event, tell: Tell
    ) -> Result:
        ticket = self._bench.slots[on].use(
            lambda device, stop: job(device, _either(off, stop), tell)
        )
        try:
            return ticket.result()
        except Trouble as trouble:
            return Result.failed(of, trouble)

    def _roles(self) -> list[DeviceRole]:
        return [
            role
            for role, slot in self._bench.slots.items()
            if role in EVERYWHERE or slot.info or self._bench.roles.assigned(role)
        ]

    def _report(self, role: DeviceRole) -> DeviceReport:
        slot = self._bench.slots[role]
        specs = [spec for spec in self._bench.specs if spec.kind is role.kind]
        faults = [fault for fault in self._bench.history.faults if fault.role is role]
        info = slot.last_info
        return DeviceReport(
            role=role,
            driver=info.driver if info else ", ".join(spec.name for spec in specs),
            model=info.model if info else "",
            serial=info.serial if info else "",
            firmware=str(info.capabilities.get("firmware", "")) if info else "",
            path=info.path if info else "",
            state=slot.state,
            trouble=slot.last_trouble,
            faults=tuple(faults[:_REMEMBERED]),
            installed=info is not None or any(spec.installed() for spec in specs),
            simulated=info.simulated if info else False,
        )

    def _driver(self, spec: DriverSpec, off: threading.Event) -> DriverReport:
        if off.is_set():
            raise Cancelled
        here = spec.installed()
        found = tuple(self._bench.seen(spec).result()) if here else ()
        return DriverReport(name=spec.name, kind=spec.kind, installed=here, found=found)


class _either(threading.Event):  # noqa: N801 - reads as a word where it is used
    """Set when any of the given events is."""

    def __init__(self, *events: threading.Event) -> None:
        super().__init__()
        self._events = events

    def is_set(self) -> bool:
        return super().is_set() or any(event.is_set() for event in self._events)

    def wait(self, timeout: float | None = None) -> bool:
        end = None if timeout is None else time.monotonic() + timeout
        while not self.is_set():
            left = 0.1 if end is None else min(0.1, end - time.monotonic())
            if left <= 0:
                return self.is_set()
            super().wait(left)
        return True
