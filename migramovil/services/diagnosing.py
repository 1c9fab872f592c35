"""What a technician asks of the devices. Works with the vault closed and nobody inside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from migramovil.core.roles import Act
from migramovil.core.trouble import Trouble
from migramovil.devices.history import Fault
from migramovil.devices.lanes import Lane, Ticket
from migramovil.devices.ports import (
    DeviceInfo,
    DeviceKind,
    DeviceRole,
    DeviceState,
    Fix,
    PaperStatus,
    Pixels,
    Printed,
    SlipLine,
)
from migramovil.devices.registry import Bench
from migramovil.vision import face
from migramovil.vision.finger import FingerQuality

EVERYWHERE = (DeviceRole.PORTRAIT, DeviceRole.FINGERS, DeviceRole.PRINTER, DeviceRole.MRZ)
"""What every station has; a station may lack the others, and nobody misses them there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReport:
    """One line of the device list; `installed` is False when its library is missing."""

    role: DeviceRole
    driver: str
    model: str = ""
    serial: str = ""
    path: str = ""
    state: DeviceState = DeviceState.ABSENT
    trouble: Trouble | None = None
    installed: bool = True
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """What a self-test saw: words, figures with units, a picture where there is one."""

    __test__ = False  # not a test class, whatever its name

    role: DeviceRole
    ok: bool
    text: str
    figures: tuple[tuple[str, str], ...] = ()
    pixels: Pixels | None = None
    trouble: Trouble | None = None


class Diagnosing:
    """`demand` refuses who may not do an act; looking and testing are everybody's."""

    def __init__(
        self,
        bench: Bench,
        quality: FingerQuality,
        inspection: Lane,
        demand: Callable[[Act], object],
    ) -> None:
        self._bench = bench
        self._demand = demand
        self._quality = quality
        self._lane = inspection
        self._listeners: list[Callable[[], object]] = []

    def heard(self, _role: DeviceRole, _state: DeviceState) -> None:
        """A device changed; called on its lane."""
        for call in self._listeners:
            call()

    def when_devices(self, call: Callable[[], object]) -> None:
        self._listeners.append(call)

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

    def devices(self) -> Ticket[tuple[DeviceReport, ...]]:
        def look(_: threading.Event) -> tuple[DeviceReport, ...]:
            self._bench.look()
            return tuple(self._report(role) for role in self._roles())

        return self._lane.run(look)

    def cameras(self) -> Ticket[tuple[DeviceInfo, ...]]:
        """The cameras that are plugged in, whatever they serve for."""
        return self._lane.run(lambda _: tuple(self._bench.present(DeviceKind.CAMERA)))

    def assign(self, role: DeviceRole, device: DeviceInfo) -> Ticket[None]:
        """Give a device a role, which it keeps after a restart and in another socket."""
        self._demand(Act.ASSIGN_DEVICES)
        return self._lane.run(lambda _: self._bench.assign(role, device))

    def test(self, role: DeviceRole) -> Ticket[TestResult]:
        """Try one device for real: a frame, an impression, the printer's answer, a document."""
        jobs: dict[DeviceKind, Callable[[Any, threading.Event], TestResult]] = {
            DeviceKind.CAMERA: lambda camera, off: self._try_camera(role, camera, off),
            DeviceKind.FINGERPRINT: self._try_reader,
            DeviceKind.PRINTER: self._try_printer,
            DeviceKind.MRZ: self._try_mrz,
            DeviceKind.GNSS: self._try_gnss,
        }

        def run(off: threading.Event) -> TestResult:
            ticket = self._bench.slots[role].use(
                lambda device, stop: jobs[role.kind](device, _either(off, stop))
            )
            try:
                return ticket.result()
            except Trouble as trouble:
                return TestResult(role=role, ok=False, text=trouble.what, trouble=trouble)

        return self._lane.run(run)

    def _roles(self) -> list[DeviceRole]:
        return [
            role
            for role, slot in self._bench.slots.items()
            if role in EVERYWHERE or slot.info or self._bench.roles.assigned(role)
        ]

    def _report(self, role: DeviceRole) -> DeviceReport:
        slot = self._bench.slots[role]
        specs = [spec for spec in self._bench.specs if spec.kind is role.kind]
        info = slot.info
        if info is None:
            return DeviceReport(
                role=role,
                driver=", ".join(spec.name for spec in specs),
                installed=any(spec.installed() for spec in specs),
                state=slot.state,
                trouble=slot.last_trouble,
            )
        return DeviceReport(
            role=role,
            driver=info.driver,
            model=info.model,
            serial=info.serial,
            path=info.path,
            state=slot.state,
            trouble=slot.last_trouble,
            simulated=info.simulated,
        )

    def _try_camera(self, role: DeviceRole, camera: Any, off: threading.Event) -> TestResult:
        began, count = time.monotonic(), 10
        frame = camera.read(timeout_s=3.0, cancelled=off)
        for _ in range(count - 1):
            frame = camera.read(timeout_s=3.0, cancelled=off)
        rate = count / (time.monotonic() - began)
        height, width = frame.pixels.shape[:2]
        checks = face.measure(face.crop_portrait(frame.pixels))
        return TestResult(
            role=role,
            ok=True,
            text="La cámara entrega imágenes.",
            figures=(
                ("Tamaño", f"{width}×{height} px"),
                ("Imágenes por segundo", f"{rate:.0f}"),
                *((check.name, f"{check.value} / 100") for check in checks),
            ),
            pixels=frame.pixels,
        )

    def _try_reader(self, reader: Any, off: threading.Event) -> TestResult:
        began = time.monotonic()
        image = reader.capture(timeout_s=15.0, cancelled=off)
        took = time.monotonic() - began
        judged = self._quality.measure(image.pixels, image.ppi)
        quality = "sin medida" if judged.quality is None else f"{judged.quality} / 100"
        return TestResult(
            role=DeviceRole.FINGERS,
            ok=True,
            text="El huellero entrega imágenes.",
            figures=(
                ("Tiempo de captura", f"{took:.1f} s"),
                ("Resolución declarada", f"{image.ppi} ppp"),
                ("Calidad NFIQ 2", quality),
            ),
            pixels=image.pixels,
        )

    def _try_printer(self, printer: Any, off: threading.Event) -> TestResult:
        paper = printer.status()
        told: Printed = printer.print_slip(
            [
                SlipLine(text="PRUEBA DE IMPRESORA", bold=True, centre=True),
                SlipLine(text="áéíóú ñ Ñ ü ¿? ¡! N.º €", centre=True),
                SlipLine(text="0123456789" * 4),
                SlipLine(text="MIGRAMOVIL-PRUEBA", qr=True, centre=True),
            ],
            cancelled=off,
        )
        words = {PaperStatus.OK: "hay papel", PaperStatus.LOW: "queda poco"}
        doubt = "La impresora recibió la página de prueba: mire si salió completa."
        return TestResult(
            role=DeviceRole.PRINTER,
            ok=True,
            text="La impresora confirmó la página de prueba." if told.confirmed else doubt,
            figures=(
                ("Papel", words.get(paper, "no lo dice")),
                ("Confirma lo impreso", "sí" if told.confirmed else "no"),
            ),
        )

    def _try_mrz(self, reader: Any, off: threading.Event) -> TestResult:
        lines = reader.read_lines(timeout_s=15.0, cancelled=off)
        return TestResult(
            role=DeviceRole.MRZ,
            ok=True,
            text="El lector entrega las líneas del documento.",
            figures=(("Líneas", str(len(lines))), ("Letras por línea", str(len(lines[0])))),
        )

    def _try_gnss(self, receiver: Any, off: threading.Event) -> TestResult:
        fix: Fix = receiver.read_fix(timeout_s=60.0, cancelled=off)
        doubt = "no lo dice" if fix.accuracy_m is None else f"{fix.accuracy_m:.0f} m"
        return TestResult(
            role=DeviceRole.GNSS,
            ok=True,
            text="El GPS sabe dónde está el vehículo.",
            figures=(("Satélites", str(fix.satellites)), ("Precisión", doubt)),
        )


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
