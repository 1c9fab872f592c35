"""Every driver there is, in one tuple; and the slots of a station, made from such a tuple."""

from __future__ import annotations

import contextlib
import importlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from migramovil.devices.apart import ApartDevice, ApartDriver
from migramovil.devices.history import History
from migramovil.devices.lanes import Lane, Ticket
from migramovil.devices.ports import (
    Camera,
    Device,
    DeviceInfo,
    DeviceKind,
    DeviceRole,
    DeviceState,
    DriverSpec,
    FingerprintReader,
    GnssReceiver,
    MrzReader,
    Printer,
)
from migramovil.devices.roles import BY_ITSELF, Identity, Roles
from migramovil.devices.slot import CALL_S, DeviceSlot, Job
from migramovil.devices.supervisor import Supervisor
from migramovil.devices.trouble import DeviceTrouble, NotInstalled

T = TypeVar("T")
_ROOM = "migramovil.devices"
COST = 0.01  # the part of the time that may go into asking a dear driver who is there
CHEAP_S = 0.03
log = logging.getLogger(__name__)
_PRINT_S = 240.0  # a long slip over a slow line, a page through a print service


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the devices are that nobody can find by looking; "" for none.

    `printer` is "host:port", a serial port or ipp://…, `camera` an http:// address, `sbi` the
    range of loopback ports on which device services may listen, `sbi_roots` a PEM file with the
    certificates they must descend from, `vendor_library` the path of the operator's own library;
    the others are serial ports.
    """

    printer: str = ""
    mrz: str = ""
    camera: str = ""
    gnss: str = ""
    finger_serial: str = ""
    sbi: str = ""
    sbi_roots: str = ""
    sbi_environment: str = "Production"  # or Staging, Developer, Pre-Production
    vendor_library: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A device that is there, and who can drive it."""

    spec: DriverSpec
    info: DeviceInfo


def drivers(at: Addresses | None = None) -> tuple[DriverSpec, ...]:
    """The drivers of real devices. One kind has one lane; the first that finds a device wins."""
    known = at or Addresses()
    return (
        _driver("camera", DeviceKind.CAMERA, "camera", "camera.opencv", known, apart=True),
        _driver("still", DeviceKind.CAMERA, "camera", "camera.gphoto2_still", known, apart=True),
        _driver("uru4000", DeviceKind.FINGERPRINT, "usb", "fingerprint.uru4000", known),
        _driver("sbi", DeviceKind.FINGERPRINT, "usb", "fingerprint.sbi", known),
        _driver(
            "libfprint", DeviceKind.FINGERPRINT, "usb", "fingerprint.libfprint", known, apart=True
        ),
        *_of_the_vendor(known),
        _driver("ef01", DeviceKind.FINGERPRINT, "usb", "fingerprint.ef01", known),
        _driver("escpos", DeviceKind.PRINTER, "printer", "printer.escpos", known),
        _driver("ipp", DeviceKind.PRINTER, "printer", "printer.ipp", known),
        _driver("mrz-serial", DeviceKind.MRZ, "mrz", "mrz.serial_reader", known),
        _driver("gnss", DeviceKind.GNSS, "gnss", "gnss.receiver", known),
    )


def _of_the_vendor(at: Addresses) -> tuple[DriverSpec, ...]:
    """The driver of the operator's own library, where one is named: none is looked for in vain."""
    kind, module = DeviceKind.FINGERPRINT, "fingerprint.vendor_futronic"
    spec = _driver("vendor_futronic", kind, "usb", module, at, apart=True)
    return (spec,) if at.vendor_library else ()


def find_all(specs: Sequence[DriverSpec]) -> list[Found]:
    """Everything plugged in now that some driver knows."""
    return [Found(spec=spec, info=info) for spec in specs for info in spec.find()]


def first(kind: DeviceKind, specs: Sequence[DriverSpec]) -> Device | None:
    """The first device of a kind, not yet open; None when there is none."""
    for found in find_all([spec for spec in specs if spec.kind is kind]):
        return found.spec.make(found.info)
    return None


class Bench:
    """The station's devices: one slot for each role, each kind on its lane, each camera on its own.

    Nothing is looked for until `look` or the first use, and then on the lane, as buses are shared
    by enumeration too. `on_state(role, state)` is called on the lane. `roles` remembers who serves
    for what, `history` what went wrong; both in `folder`, or nowhere. In `production` a played
    device is not there: nothing it gives could be told from a person's later on.
    """

    def __init__(
        self,
        specs: Sequence[DriverSpec],
        on_state: Callable[[DeviceRole, DeviceState], None] = lambda _role, _state: None,
        *,
        folder: Path | None = None,
        production: bool = False,
    ) -> None:
        self.specs = tuple(_real_only(spec) if production else spec for spec in specs)
        self.roles = Roles(folder / "devices.json" if folder else None)
        self.history = History(folder / "device-faults.jsonl" if folder else None)
        self._lanes: dict[str, Lane] = {}
        self._on_state = on_state
        self._posts: list[_Post] = []
        self.slots = {role: self._slot(role) for role in DeviceRole}
        self._supervisor = Supervisor(self.slots, on_news=self.hurry)

    # The registry's make gives what its kind says; the contract suite is what checks it.
    @property
    def camera(self) -> DeviceSlot[Camera]:
        return cast("DeviceSlot[Camera]", self.slots[DeviceRole.PORTRAIT])

    @property
    def fingerprint(self) -> DeviceSlot[FingerprintReader]:
        return cast("DeviceSlot[FingerprintReader]", self.slots[DeviceRole.FINGERS])

    @property
    def printer(self) -> DeviceSlot[Printer]:
        return cast("DeviceSlot[Printer]", self.slots[DeviceRole.PRINTER])

    @property
    def mrz(self) -> DeviceSlot[MrzReader]:
        return cast("DeviceSlot[MrzReader]", self.slots[DeviceRole.MRZ])

    @property
    def gnss(self) -> DeviceSlot[GnssReceiver]:
        return cast("DeviceSlot[GnssReceiver]", self.slots[DeviceRole.GNSS])

    @property
    def simulated(self) -> bool:
        """Whether any device present is played: then this is a training station."""
        infos = [slot.info for slot in self.slots.values()]
        return any(info.simulated for info in infos if info is not None)

    def look(self) -> dict[DeviceRole, DeviceState]:
        """Look who has come and gone, and wait for the answers: the state of each role."""
        tickets = {role: slot.look() for role, slot in self.slots.items()}
        return {role: ticket.result() for role, ticket in tickets.items()}

    def supervise(self) -> None:
        """From now on notice by itself who comes and goes, and what hangs."""
        self._supervisor.start()

    def hurry(self) -> None:
        """Something came or went: the next glance asks every driver, however dear that is."""
        for post in self._posts:
            post.hurry()

    def present(self, kind: DeviceKind) -> list[DeviceInfo]:
        """Every device of a kind that is plugged in, whatever its role."""
        return [found.info for found in find_all(self._of(kind))]

    def seen(self, spec: DriverSpec) -> Ticket[list[DeviceInfo]]:
        """What a driver finds now, looked for on its lane."""
        return self._lanes[spec.lane].run(lambda _: spec.find())

    def role_of(self, info: DeviceInfo) -> DeviceRole | None:
        """What a device serves for now; None when it serves for nothing."""
        one = Identity.of(info)
        serving = {role: slot.info for role, slot in self.slots.items()}
        return next((role for role, it in serving.items() if it and Identity.of(it) == one), None)

    def through(self, info: DeviceInfo, job: Job[Any, T]) -> Ticket[T]:
        """Use a device that is plugged in, whatever its role; DEV-05 when it is gone.

        One that serves for something is used where it does, as nothing can be opened twice. Any
        other is opened for the job alone, on its kind's lane.
        """
        role = self.role_of(info)
        if role is not None:
            return self.slots[role].use(job)

        def once(device: Any, cancelled: threading.Event) -> T:
            try:
                return job(device, cancelled)
            finally:
                with contextlib.suppress(Exception):  # a lost device may refuse even to close
                    device.close()

        lane = self._lane(next(role for role in DeviceRole if role.kind is info.kind))
        return DeviceSlot[Device](None, lane, find_again=lambda: self._made(info)).use(once)

    def assign(self, role: DeviceRole, info: DeviceInfo) -> None:
        """Give a device a role, for good; waits until those that changed have been looked for."""
        self.roles.assign(role, info)
        changed = [slot for other, slot in self.slots.items() if other.kind is role.kind]
        for step in (DeviceSlot.release, DeviceSlot.look):
            for ticket in [step(slot) for slot in changed]:
                ticket.result()

    def close(self) -> None:
        """Stop what runs, close every device and end the lanes."""
        self._supervisor.stop()
        for lane in self._lanes.values():
            lane.call_off()
        for slot in self.slots.values():
            slot.close()
        for lane in self._lanes.values():
            lane.close()
        for spec in self.specs:
            spec.let_go()

    def _made(self, info: DeviceInfo) -> Device | None:
        """A device found again, not yet open; None when it is gone."""
        one = Identity.of(info)
        found = find_all(self._of(info.kind))
        return next((it.spec.make(it.info) for it in found if Identity.of(it.info) == one), None)

    def _of(self, kind: DeviceKind) -> list[DriverSpec]:
        return [spec for spec in self.specs if spec.kind is kind]

    def _slot(self, role: DeviceRole) -> DeviceSlot[Device]:
        post = _Post(role, self._of(role.kind), self.roles)

        def ended(trouble: DeviceTrouble | None) -> None:
            self.history.heard(role, slot.last_info, trouble)

        self._posts.append(post)
        slot = DeviceSlot[Device](
            None,
            self._lane(role),
            lambda state: self._on_state(role, state),
            find_again=post.find,
            glance=post.glance,
            still_there=post.still_there,
            on_end=ended,
            call_s=_PRINT_S if role is DeviceRole.PRINTER else CALL_S,
        )
        return slot

    def _lane(self, role: DeviceRole) -> Lane:
        names = {spec.lane for spec in self._of(role.kind)} or {role.kind.value}
        if len(names) > 1:
            raise ValueError(f"drivers of kind {role.kind} name several lanes: {sorted(names)}")
        name = names.pop()
        if role in {DeviceRole.DOCUMENT, DeviceRole.APPLICANT}:
            name = f"{name}-{role.value}"
        if name not in self._lanes:
            self._lanes[name] = Lane(name)
        return self._lanes[name]


def _real_only(spec: DriverSpec) -> DriverSpec:
    """A driver that finds no played device; the log says once that there was one."""
    told, driver = threading.Event(), spec.name

    def find() -> list[DeviceInfo]:
        found = spec.find()
        real = [info for info in found if not info.simulated]
        if len(real) < len(found) and not told.is_set():
            told.set()
            log.warning("a played device is not used in production: %s", driver)
        return real

    return replace(spec, find=find)


class _Post:
    """Finds the device that has a role, and looks whether it is still there. On the lane only.

    Asking a driver costs from microseconds to the start of a process: `glance` and `still_there`
    ask a dear one as often as `COST` allows, and take no news for the old news meanwhile.
    """

    def __init__(self, role: DeviceRole, specs: Sequence[DriverSpec], roles: Roles) -> None:
        self._role = role
        self._specs = specs
        self._roles = roles
        self._found: Found | None = None
        self._due: dict[str, float] = {}
        self._took: dict[str, deque[float]] = {}

    def hurry(self) -> None:
        self._due.clear()

    def find(self) -> Device | None:
        """The device that has the role, not yet open; None when it is not there."""
        return self._first(self._specs)

    def glance(self) -> Device | None:
        return self._first([spec for spec in self._specs if self._is_due(spec)])

    def _is_due(self, spec: DriverSpec) -> bool:
        return time.monotonic() >= self._due.get(spec.name, 0.0)

    def _first(self, specs: Sequence[DriverSpec]) -> Device | None:
        if self._role not in BY_ITSELF and self._roles.assigned(self._role) is None:
            return None
        found = [
            Found(spec=spec, info=info) for spec in specs for info in self._seen(spec, spec.find)
        ]
        info = self._roles.choose(self._role, [one.info for one in found])
        self._found = next((one for one in found if one.info is info), None)
        return None if self._found is None else self._found.spec.make(self._found.info)

    def still_there(self, device: Device) -> bool:
        if self._found is None or not self._is_due(self._found.spec):
            return True
        spec, path = self._found.spec, self._found.info.path
        apart = spec.apart and isinstance(device, ApartDevice)
        seen = self._seen(spec, cast("ApartDevice", device).find_again if apart else spec.find)
        return any(info.path == path for info in seen)

    def _seen(self, spec: DriverSpec, find: Callable[[], list[DeviceInfo]]) -> list[DeviceInfo]:
        began = time.monotonic()
        try:
            return find()
        finally:
            ended = time.monotonic()
            took = self._took.setdefault(spec.name, deque(maxlen=3))
            took.append(ended - began)
            cost = min(took)  # a machine that is busy makes everything look dear
            self._due[spec.name] = ended + cost / COST if cost > CHEAP_S else 0.0


def _driver(
    name: str, kind: DeviceKind, lane: str, module: str, at: Addresses, *, apart: bool = False
) -> DriverSpec:
    """A driver whose module has the three functions find(at), make(info, at) and installed().

    The module is loaded when it is first needed, here or in a process of its own.
    """
    if apart:
        driver = ApartDriver(f"{_ROOM}.{module}", asdict(at))
        return DriverSpec(
            name=name,
            kind=kind,
            lane=lane,
            installed=driver.installed,
            find=driver.find,
            make=driver.make,
            let_go=driver.close,
            apart=True,
        )

    def installed() -> bool:
        loaded = _load(module)
        return loaded is not None and bool(loaded.installed())

    def find() -> list[DeviceInfo]:
        return list(_load(module).find(at)) if installed() else []

    def make(info: DeviceInfo) -> Device:
        if not installed():
            raise NotInstalled(name)
        return cast("Device", _load(module).make(info, at))

    return DriverSpec(name=name, kind=kind, lane=lane, installed=installed, find=find, make=make)


def _load(module: str) -> Any:
    try:
        return importlib.import_module(f"{_ROOM}.{module}")
    except (ImportError, OSError):  # OSError: a shared library that is there and does not load
        return None
