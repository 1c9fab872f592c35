"""What the devices cost the window, in one run: `python -m benchmarks.devices [--json] [--small]`.

preview_fps        pictures shown a second on the wizard's photograph page, from a camera of
                   1280×720 at 30 a second whose driver runs apart; figures are judged meanwhile
jitter_p99_ms      how late the window answers: of all moments in the run, the 99th percentile of
                   what an event that falls due then waits (a timer of 1 ms; a gap counts for every
                   moment in it); jitter_max_ms the longest such wait
quiet_…            the same two with the preview alone; the others while a reader takes finger
                   after finger, slips print, and records of 2 MB go to headquarters at 20 Mbit/s
slips, fingers, synced_mb   what was done in that time: without them the figures mean little
finger_ms          a finger that lies on the glass to its picture in hand, median; alone. The
                   played reader encrypts its scan in this process: that part is not the driver's
open_apart_ms      starting a driver's process, until the camera gives its first picture
enumerate_ms       one look for devices, by driver, median; of this machine's own buses

Camera, printer and link are played in another process: real ones do not share the interpreter
either. They, headquarters and the camera's driver do share the machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any, cast

import cv2
import numpy as np
from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

from migramovil import app, settings
from migramovil.core.folio import make_folio
from migramovil.core.packet import Draught
from migramovil.core.record import Realm, Stamp
from migramovil.demo import training
from migramovil.demo.local import LocalHeadquarters
from migramovil.devices import registry
from migramovil.devices.apart import ApartDriver
from migramovil.devices.camera import opencv
from migramovil.devices.fingerprint import uru4000
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import Device, DeviceInfo, DeviceKind, DriverSpec, Pixels, SlipLine
from migramovil.devices.printer import escpos
from migramovil.devices.sim import people
from migramovil.devices.sim.camera_film import CameraFilm
from migramovil.devices.sim.station import SimulatedStation
from migramovil.devices.sim.thermal_printer import ThermalPrinter
from migramovil.devices.sim.usb_reader import SimulatedUsbReader
from migramovil.store import finishing
from migramovil.ui import theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.frame import Frame
from migramovil.ui.pages.wizard.portrait import PortraitPage
from migramovil.vision import face

WIDTH, HEIGHT, FPS = 1280, 720, 30.0
RECORD_BYTES = 2_000_000
LINK_BYTES_S = 2_500_000
UTC_NOW = "2026-11-23T12:00:00+00:00"


def main() -> int:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("--json", action="store_true", help="one JSON object")
    ask.add_argument(
        "--small", action="store_true", help="few rounds: whether it runs, not how well"
    )
    ask.add_argument("--far", action="store_true", help=argparse.SUPPRESS)
    asked = ask.parse_args()
    if asked.far:
        return far_side()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), small=asked.small)
    if asked.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:22} {figure}")
    return 0


def measure(folder: Path, *, small: bool = False) -> dict[str, Any]:
    seconds = 2.0 if small else 12.0
    with Rig(folder) as rig:
        figures: dict[str, Any] = rig.opening()
        rig.queue_up(4 if small else 30)
        with rig.photograph_page() as watch:
            quiet = watch.run(seconds)
            rig.begin_work()
            busy = watch.run(seconds)
            done = rig.end_work()
        figures |= {f"quiet_{name}": figure for name, figure in quiet.items()} | busy | done
        figures["finger_ms"] = rig.finger(3 if small else 15)
    figures["enumerate_ms"] = enumeration(3 if small else 30)
    figures["cores"] = os.cpu_count()
    figures["load_before"] = round(os.getloadavg()[0], 1)
    return figures


# --- the devices' side -------------------------------------------------------------------------
def far_side() -> int:
    """The played camera, printer and link, until standard input ends."""
    person = next(people.population(7))
    film = CameraFilm([cv2.resize(f, (WIDTH, HEIGHT)) for f in person.camera_frames()], fps=FPS)
    printer = ThermalPrinter(seconds_per_slip=0.6)
    print(json.dumps([film.address, printer.address]), flush=True)
    host, port = json.loads(sys.stdin.readline())
    threading.Thread(target=asyncio.run, args=(link(host, port),), daemon=True).start()
    sys.stdin.read()
    film.close()
    printer.close()
    return 0


async def link(host: str, port: int) -> None:
    """Forward connections to headquarters at a mobile link's pace, both ways, for ever."""

    async def pump(source: asyncio.StreamReader, drain: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(16_384):
                drain.write(data)
                await drain.drain()
                await asyncio.sleep(len(data) / LINK_BYTES_S)
        drain.close()

    async def carry(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, forth = await asyncio.open_connection(host, port)
        await asyncio.gather(pump(near, forth), pump(far, back))

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    print(json.dumps(server.sockets[0].getsockname()[1]), flush=True)
    await server.serve_forever()


class Played:
    """What app.build takes for played devices: camera and printer of the far side, a reader."""

    def __init__(self, film: str, printer: str) -> None:
        self.film = opencv.network_camera(film)
        self.printer = printer
        pixels = _ridges()
        self.reader = SimulatedUsbReader(lambda: pixels, pace_s=0)
        self.lens = ApartDriver(opencv.__name__)

    @property
    def specs(self) -> list[DriverSpec]:
        return [
            _spec(
                DeviceKind.CAMERA, "camera", lambda: [self.film], self.lens.make, self.lens.close
            ),
            _spec(
                DeviceKind.FINGERPRINT,
                "usb",
                lambda: uru4000.find_on(self.reader),
                lambda info: uru4000.Uru4000Reader(info, backend=self.reader, patience_ms=200),
            ),
            _spec(
                DeviceKind.PRINTER,
                "printer",
                lambda: escpos.at_address(self.printer),
                lambda info: escpos.EscPosPrinter(info, escpos.dial(info.path)),
            ),
        ]

    def expected_finger(self, position: int) -> None:
        """The same finger always."""

    def close(self) -> None:
        """The far side ends by itself."""


def _spec(
    kind: DeviceKind,
    lane: str,
    find: Callable[[], list[DeviceInfo]],
    make: Callable[[DeviceInfo], Device],
    let_go: Callable[[], None] = lambda: None,
) -> DriverSpec:
    return DriverSpec(
        name=kind.value,
        kind=kind,
        lane=lane,
        installed=lambda: True,
        find=find,
        make=make,
        let_go=let_go,
    )


def judged(pixels: Pixels) -> tuple[face.FaceCheck, ...]:
    """What the page asks of a frame four times a second; of 720 rows it would take no portrait."""
    return face.measure(pixels)


def _ridges() -> Pixels:
    y, x = np.mgrid[0:290, 0:384].astype(np.float32)
    waves = 127 + 100 * np.sin(np.hypot(x - 192, y - 160) / 2.9)
    return np.asarray(waves, np.uint8)


# --- the station's side ------------------------------------------------------------------------
class Rig:
    """A training station, its headquarters in processes of their own, and the far side."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._slips = 0
        self._fingers: list[float] = []
        self._over = Event()
        self._workers: list[threading.Thread] = []
        self._sent_before = 0

    def __enter__(self) -> Rig:
        self._far = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.devices", "--far"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._far.stdout is not None
        self.headquarters = LocalHeadquarters(self._folder / "headquarters")
        host, port = self.headquarters.start()
        self.headquarters.start_opener()
        self.played = Played(*json.loads(self._far.stdout.readline()))
        assert self._far.stdin is not None
        self._far.stdin.write(json.dumps([host, port]) + "\n")
        self._far.stdin.flush()
        self.url = f"https://127.0.0.1:{json.loads(self._far.stdout.readline())}"
        self.qt = QApplication.instance() or QApplication(sys.argv[:1])
        theme.use("light", 1.0, motion=False)
        self.station = app.build(
            self._folder / "station",
            training=True,
            sim=cast("SimulatedStation", self.played),
            url=self.url,
            password_memory_kib=1024,
        )
        training.enrol(self.station, self.headquarters, self.url)
        self.desk = self.station.desk
        self.desk.accounts.log_in(training.OFFICER, training.PASSPHRASE).result()
        self.station.bench.supervise()
        return self

    def __exit__(self, *_: object) -> None:
        self.station.close()
        self.headquarters.stop()
        assert self._far.stdin is not None
        assert self._far.stdout is not None
        self._far.stdin.close()
        self._far.wait()
        self._far.stdout.close()

    def opening(self) -> dict[str, Any]:
        """A camera's process from nothing to the first picture."""
        took = []
        for _ in range(3):
            device: Any = self.played.lens.make(self.played.film)
            began = time.perf_counter()
            device.open()
            device.read(timeout_s=5.0, cancelled=Event())
            took.append((time.perf_counter() - began) * 1000)
            device.close()
        return {"open_apart_ms": round(statistics.median(took))}

    def queue_up(self, count: int) -> None:
        """Seal records that wait for the link, which is held shut until the work begins."""
        if self.station.engine is not None:
            self.station.engine.stop()
            self.station.engine = None
        identity = self.station.outbox.station()
        assert identity is not None
        vault = self.desk.accounts.inside().vault
        signer, _ = vault.station_keys()
        for number in range(count):
            record = f"0192bbbb-0000-7000-8000-{number:012d}"
            vault.save_draft(record, 1, b"{}" * 1500, UTC_NOW)
            vault.put_media(record, os.urandom(RECORD_BYTES))

            def compose(seq: int, audit_head: str, media: Any, record: str = record) -> Draught:
                return Draught(
                    realm=Realm.TRAINING,
                    station=identity.station,
                    epoch=identity.epoch,
                    seq=seq,
                    record=record,
                    folio=make_folio(identity.code, date(2026, 11, 23), seq),
                    created=Stamp(utc=UTC_NOW),
                    audit_head=audit_head,
                    software="bench",
                    record_body=b"{}" * 1500,
                    objects=media,
                )

            recipients = self.desk.accounts.recipients()
            finishing.finish(self.station.outbox, vault, record, compose, recipients, signer)

    @contextmanager
    def photograph_page(self) -> Iterator[Watch]:
        """The wizard's photograph page, live, in a window of 1366×768."""
        self.desk.enrolling.start().result()
        self.desk.enrolling.check_portrait = judged  # type: ignore[method-assign]
        bridge = Bridge()
        frame = Frame(place="Banco de pruebas", training=True)
        frame.resize(1366, 768)
        page = PortraitPage(self.desk, bridge)
        frame.show_page(page)
        frame.show()
        watch = Watch(self.qt, page)
        watch.until_it_runs()
        yield watch
        page.leave()
        frame.hide()
        bridge.close()

    def begin_work(self) -> None:
        """A reader that captures without pause, slips one after another, and the line to send."""
        self._sent_before = self._waiting()
        self.played.reader.pace_s = 0.15  # what the quickest of hands take, on and off the glass
        for work in (self._capture, self._print):
            worker = threading.Thread(target=work, daemon=True)
            worker.start()
            self._workers.append(worker)
        self.station.start_sync()

    def end_work(self) -> dict[str, Any]:
        self._over.set()
        for worker in self._workers:
            worker.join(20)
        self.played.reader.pace_s = 0
        sent = self._sent_before - self._waiting()
        return {
            "slips": self._slips,
            "fingers": len(self._fingers),
            "synced_mb": round(sent * RECORD_BYTES / 1e6),
            "left_mb": round(self._waiting() * RECORD_BYTES / 1e6),
        }

    def finger(self, times: int) -> float:
        """Median milliseconds from a finger on the glass to its picture."""
        return round(statistics.median(self._one_finger() for _ in range(times)), 1)

    def _waiting(self) -> int:
        return self.station.outbox.counts().sealed

    def _capture(self) -> None:
        while not self._over.is_set():
            self._fingers.append(self._one_finger())

    def _one_finger(self) -> float:
        began = time.perf_counter()
        ticket: Ticket[Any] = self.station.bench.fingerprint.use(
            lambda reader, off: reader.capture(timeout_s=5.0, cancelled=off)
        )
        ticket.result(20)
        return (time.perf_counter() - began) * 1000

    def _print(self) -> None:
        lines = [SlipLine(text="Folio 01A-1", right="10:42"), SlipLine(text="01A-1", qr=True)]
        while not self._over.is_set():
            self.station.bench.printer.use(lambda p, _: p.print_slip(lines)).result(20)
            self._slips += 1


# --- the window --------------------------------------------------------------------------------
class Watch(QObject):
    """Counts the pictures that were shown, and how late a timer of 1 ms is."""

    def __init__(self, qt: Any, page: PortraitPage) -> None:
        super().__init__()
        self._qt = qt
        self._shown = 0
        self._gaps: list[float] = []
        self._last = 0.0
        self._show, page.preview.show_frame = page.preview.show_frame, self._count  # type: ignore[method-assign]
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def _count(self, pixels: Pixels | None) -> None:
        self._shown += pixels is not None
        self._show(pixels)

    def until_it_runs(self) -> None:
        end = time.monotonic() + 20
        while self._shown < 20 and time.monotonic() < end:
            self._qt.processEvents()
            time.sleep(0.001)
        assert self._shown >= 20, "the camera shows nothing"

    def run(self, seconds: float) -> dict[str, float]:
        self._shown, self._gaps = 0, []
        began = self._last = time.perf_counter()
        self._timer.start(1)
        while time.perf_counter() - began < seconds:
            self._qt.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        self._timer.stop()
        lateness = waits(self._gaps)
        return {
            "preview_fps": round(self._shown / (time.perf_counter() - began), 1),
            "jitter_p99_ms": round(float(np.percentile(lateness, 99)), 2),
            "jitter_max_ms": round(float(lateness.max()), 1),
        }

    def _tick(self) -> None:
        now = time.perf_counter()
        self._gaps.append((now - self._last) * 1000)
        self._last = now


def waits(gaps: list[float]) -> np.ndarray:
    """How long an event waits that falls due at any ms: a gap of g holds waits of g-1, g-2 … 0."""
    return np.concatenate([np.arange(max(gap - 1, 0.0), -1e-9, -1.0) for gap in gaps])


# --- looking for devices -----------------------------------------------------------------------
def enumeration(times: int) -> dict[str, float]:
    """Median milliseconds of one look, by driver; those that run apart with their process there."""
    took = {}
    at = registry.Addresses(**asdict(settings.Devices()))
    for spec in registry.drivers(at):
        if spec.installed():
            took[spec.name] = round(statistics.median(_ms(spec.find) for _ in range(times)), 3)
        spec.let_go()
    return took


def _ms(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    raise SystemExit(main())
