"""Every driver there is, in one tuple; and the slots of a station, made from such a tuple."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from migramovil.devices.lanes import Lane
from migramovil.devices.ports import (
    Camera,
    Device,
    DeviceInfo,
    DeviceKind,
    DeviceState,
    DriverSpec,
    FingerprintReader,
    MrzReader,
    Printer,
)
from migramovil.devices.slot import DeviceSlot
from migramovil.devices.trouble import NotInstalled

_ROOM = "migramovil.devices"


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
        _spec(
            name="camera-network",
            kind=DeviceKind.CAMERA,
            lane="camera",
            module="camera.opencv",
            find=lambda opencv: [opencv.network_camera(known.camera)] if known.camera else [],
            make=lambda opencv, info: opencv.OpenCvCamera(info),
        ),
        _spec(
            name="camera",
            kind=DeviceKind.CAMERA,
            lane="camera",
            module="camera.opencv",
            find=lambda opencv: opencv.find(),
            make=lambda opencv, info: opencv.OpenCvCamera(info),
        ),
        _spec(
            name="uru4000",
            kind=DeviceKind.FINGERPRINT,
            lane="usb",
            module="fingerprint.uru4000",
            find=lambda uru4000: uru4000.find(),
            make=lambda uru4000, info: uru4000.Uru4000Reader(info),
            ready=lambda uru4000: uru4000.installed(),
        ),
        _driver("ef01", DeviceKind.FINGERPRINT, "usb", "fingerprint.ef01", known),
        _driver("escpos", DeviceKind.PRINTER, "printer", "printer.escpos", known),
        _spec(
            name="mrz-serial",
            kind=DeviceKind.MRZ,
            lane="mrz",
            module="mrz.serial_reader",
            find=lambda reader: reader.at_port(known.mrz),
            make=lambda reader, info: reader.SerialMrzReader(info),
        ),
    )


def find_all(specs: Sequence[DriverSpec]) -> list[Found]:
    """Everything plugged in now that some driver knows."""
    return [Found(spec=spec, info=info) for spec in specs for info in spec.find()]


def first(kind: DeviceKind, specs: Sequence[DriverSpec]) -> Device | None:
    """The first device of a kind, not yet open; None when there is none."""
    for found in find_all([spec for spec in specs if spec.kind is kind]):
        return found.spec.make(found.info)
    return None


class Bench:
    """The station's devices: one slot for each kind, each on its lane.

    Nothing is looked for until `look` or the first use, and then on the lane, as buses are shared
    by enumeration too. `on_state(kind, state)` is called on the lane.
    """

    def __init__(
        self,
        specs: Sequence[DriverSpec],
        on_state: Callable[[DeviceKind, DeviceState], None] = lambda _kind, _state: None,
    ) -> None:
        self.specs = tuple(specs)
        self._lanes: dict[str, Lane] = {}
        self._on_state = on_state
        self.slots = {kind: self._slot(kind) for kind in DeviceKind}

    # The registry's make gives what its kind says; the contract suite is what checks it.
    @property
    def camera(self) -> DeviceSlot[Camera]:
        return cast("DeviceSlot[Camera]", self.slots[DeviceKind.CAMERA])

    @property
    def fingerprint(self) -> DeviceSlot[FingerprintReader]:
        return cast("DeviceSlot[FingerprintReader]", self.slots[DeviceKind.FINGERPRINT])

    @property
    def printer(self) -> DeviceSlot[Printer]:
        return cast("DeviceSlot[Printer]", self.slots[DeviceKind.PRINTER])

    @property
    def mrz(self) -> DeviceSlot[MrzReader]:
        return cast("DeviceSlot[MrzReader]", self.slots[DeviceKind.MRZ])

    @property
    def simulated(self) -> bool:
        """Whether any device present is played: then this is a training station."""
        infos = [slot.info for slot in self.slots.values()]
        return any(info.simulated for info in infos if info is not None)

    def look(self) -> dict[DeviceKind, DeviceState]:
        """Look for what is absent and wait for the answers: the state of each kind."""
        tickets = {kind: slot.look() for kind, slot in self.slots.items()}
        return {kind: ticket.result() for kind, ticket in tickets.items()}

    def close(self) -> None:
        """Stop what runs, close every device and end the lanes."""
        for lane in self._lanes.values():
            lane.call_off()
        for slot in self.slots.values():
            slot.close()
        for lane in self._lanes.values():
            lane.close()

    def _slot(self, kind: DeviceKind) -> DeviceSlot[Device]:
        names = {spec.lane for spec in self.specs if spec.kind is kind} or {kind.value}
        if len(names) > 1:
            raise ValueError(f"drivers of kind {kind} name several lanes: {sorted(names)}")
        name = names.pop()
        if name not in self._lanes:
            self._lanes[name] = Lane(name)
        return DeviceSlot[Device](
            None,
            self._lanes[name],
            lambda state: self._on_state(kind, state),
            find_again=lambda: first(kind, self.specs),
        )


def _driver(
    name: str, kind: DeviceKind, lane: str, module: str, at: Addresses, *, apart: bool = False
) -> DriverSpec:
    """A driver whose module has the three functions find(at), make(info, at) and installed()."""
    spec = _spec(
        name=name,
        kind=kind,
        lane=lane,
        module=module,
        find=lambda driver: driver.find(at),
        make=lambda driver, info: driver.make(info, at),
        ready=lambda driver: driver.installed(),
    )
    return replace(spec, apart=apart)


def _spec(
    *,
    name: str,
    kind: DeviceKind,
    lane: str,
    module: str,
    find: Callable[[Any], list[DeviceInfo]],
    make: Callable[[Any, DeviceInfo], Device],
    ready: Callable[[Any], bool] = lambda _: True,
) -> DriverSpec:
    """A driver whose module is loaded when it is first needed, and may be missing a library."""

    def installed() -> bool:
        loaded = _load(module)
        return loaded is not None and ready(loaded)

    def found() -> list[DeviceInfo]:
        return find(_load(module)) if installed() else []

    def made(info: DeviceInfo) -> Device:
        if not installed():
            raise NotInstalled(name)
        return make(_load(module), info)

    return DriverSpec(name=name, kind=kind, lane=lane, installed=installed, find=found, make=made)


def _load(module: str) -> Any:
    try:
        return importlib.import_module(f"{_ROOM}.{module}")
    except (ImportError, OSError):  # OSError: a shared library that is there and does not load
        return None
