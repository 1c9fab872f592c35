"""What a technician asks of the devices. Works with the vault closed and nobody inside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Lane, Ticket
from migramovil.devices.ports import DeviceKind, DeviceState, Fix, PaperStatus, Pixels, SlipLine
from migramovil.devices.registry import Bench
from migramovil.vision import face
from migramovil.vision.finger import FingerQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReport:
    """One line of the device list; `installed` is False when its library is missing."""

    kind: DeviceKind
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

    kind: DeviceKind
    ok: bool
    text: str
    figures: tuple[tuple[str, str], ...] = ()
    pixels: Pixels | None = None
    trouble: Trouble | None = None


class Diagnosing:
    def __init__(self, bench: Bench, quality: FingerQuality, inspection: Lane) -> None:
        self._bench = bench
        self._quality = quality
        self._lane = inspection
        self._listeners: list[Callable[[], object]] = []

    def heard(self, _kind: DeviceKind, _state: DeviceState) -> None:
        """A device changed; called on its lane."""
        for call in self._listeners:
            call()

    def when_devices(self, call: Callable[[], object]) -> None:
        self._listeners.append(call)

    def states(self) -> dict[DeviceKind, DeviceState]:
        return {kind: slot.state for kind, slot in self._bench.slots.items()}

    def devices(self) -> Ticket[tuple[DeviceReport, ...]]:
        def look(_: threading.Event) -> tuple[DeviceReport, ...]:
            self._bench.look()
            return tuple(self._report(kind) for kind in DeviceKind)

        return self._lane.run(look)

    def test(self, kind: DeviceKind) -> Ticket[TestResult]:
        """Try one device for real: a frame, an impression, the printer's answer, a document."""
        jobs: dict[DeviceKind, Callable[[Any, threading.Event], TestResult]] = {
            DeviceKind.CAMERA: self._try_camera,
            DeviceKind.FINGERPRINT: self._try_reader,
            DeviceKind.PRINTER: self._try_printer,
            DeviceKind.MRZ: self._try_mrz,
            DeviceKind.GNSS: self._try_gnss,
        }

        def run(off: threading.Event) -> TestResult:
            ticket = self._bench.slots[kind].use(
                lambda device, stop: jobs[kind](device, _either(off, stop))
            )
            try:
                return ticket.result()
            except Trouble as trouble:
                return TestResult(kind=kind, ok=False, text=trouble.what, trouble=trouble)

        return self._lane.run(run)

    def _report(self, kind: DeviceKind) -> DeviceReport:
        slot = self._bench.slots[kind]
        specs = [spec for spec in self._bench.specs if spec.kind is kind]
        info = slot.info
        if info is None:
            return DeviceReport(
                kind=kind,
                driver=", ".join(spec.name for spec in specs),
                installed=any(spec.installed() for spec in specs),
                state=slot.state,
                trouble=slot.last_trouble,
            )
        return DeviceReport(
            kind=kind,
            driver=info.driver,
            model=info.model,
            serial=info.serial,
            path=info.path,
            state=slot.state,
            trouble=slot.last_trouble,
            simulated=info.simulated,
        )

    def _try_camera(self, camera: Any, off: threading.Event) -> TestResult:
        began, count = time.monotonic(), 10
        frame = camera.read(timeout_s=3.0, cancelled=off)
        for _ in range(count - 1):
            frame = camera.read(timeout_s=3.0, cancelled=off)
        rate = count / (time.monotonic() - began)
        height, width = frame.pixels.shape[:2]
        checks = face.measure(face.crop_portrait(frame.pixels))
        return TestResult(
            kind=DeviceKind.CAMERA,
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
            kind=DeviceKind.FINGERPRINT,
            ok=True,
            text="El huellero entrega imágenes.",
            figures=(
                ("Tiempo de captura", f"{took:.1f} s"),
                ("Resolución declarada", f"{image.ppi} ppp"),
                ("Calidad NFIQ 2", quality),
            ),
            pixels=image.pixels,
        )

    def _try_printer(self, printer: Any, _off: threading.Event) -> TestResult:
        paper = printer.status()
        printer.print_slip(
            [
                SlipLine(text="PRUEBA DE IMPRESORA", bold=True, centre=True),
                SlipLine(text="áéíóú ñ Ñ ü ¿? ¡! N.º €", centre=True),
                SlipLine(text="0123456789" * 4),
                SlipLine(text="MIGRAMOVIL-PRUEBA", qr=True, centre=True),
            ]
        )
        words = {PaperStatus.OK: "hay papel", PaperStatus.LOW: "queda poco"}
        return TestResult(
            kind=DeviceKind.PRINTER,
            ok=True,
            text="La impresora recibió la página de prueba.",
            figures=(("Papel", words.get(paper, "no lo dice")),),
        )

    def _try_mrz(self, reader: Any, off: threading.Event) -> TestResult:
        lines = reader.read_lines(timeout_s=15.0, cancelled=off)
        return TestResult(
            kind=DeviceKind.MRZ,
            ok=True,
            text="El lector entrega las líneas del documento.",
            figures=(("Líneas", str(len(lines))), ("Letras por línea", str(len(lines[0])))),
        )

    def _try_gnss(self, receiver: Any, off: threading.Event) -> TestResult:
        fix: Fix = receiver.read_fix(timeout_s=60.0, cancelled=off)
        doubt = "no lo dice" if fix.accuracy_m is None else f"{fix.accuracy_m:.0f} m"
        return TestResult(
            kind=DeviceKind.GNSS,
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
