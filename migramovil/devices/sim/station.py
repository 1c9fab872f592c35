"""A training station's devices, all played, and the person on its chair.

The played devices stand on the far side of the real drivers: on a USB bus in the process, on
ports of the loopback, on pseudo-terminals.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from migramovil.devices.apart import ApartDriver
from migramovil.devices.camera import opencv
from migramovil.devices.fingerprint import ef01, sbi, uru4000
from migramovil.devices.gnss import receiver
from migramovil.devices.mrz import serial_reader
from migramovil.devices.ports import (
    Device,
    DeviceInfo,
    DeviceKind,
    DeviceRole,
    DriverSpec,
    Pixels,
)
from migramovil.devices.printer import escpos, ipp
from migramovil.devices.registry import Addresses
from migramovil.devices.sim import faces, papers
from migramovil.devices.sim.camera_film import CameraFilm
from migramovil.devices.sim.ef01_pty import Ef01Pty
from migramovil.devices.sim.gnss_pty import DESAGUADERO, GnssPty
from migramovil.devices.sim.ipp_printer import IppPrinter
from migramovil.devices.sim.mrz_pty import MrzPty
from migramovil.devices.sim.sbi_service import SbiService
from migramovil.devices.sim.thermal_printer import ThermalPrinter
from migramovil.devices.sim.usb_reader import SimulatedUsbReader
from migramovil.devices.trouble import NotInstalled

_RIGHT_INDEX = 2  # ISO/IEC 19794 position
_GLASS = (290, 384)
_ROUNDS = 5  # of nine frames, at 15 a second
_DOCUMENT_FPS = 5.0
_TERMINALS = sys.platform != "win32"  # pseudo-terminals exist
_DEVELOPER = "Developer"


class ReaderKind(StrEnum):
    """Which fingerprint reader is played."""

    URU4500 = "uru4500"
    MICROSOFT = "microsoft"
    EF01 = "ef01"
    SBI = "sbi"


class PrinterKind(StrEnum):
    """Which printer is played."""

    ESCPOS = "escpos"
    IPP = "ipp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What stands on a training station's table, beside a camera and an MRZ reader."""

    reader: ReaderKind = ReaderKind.URU4500
    printer: PrinterKind = PrinterKind.ESCPOS
    document_camera: bool = False
    gnss: bool = False


class Sitter(Protocol):
    """Who can sit on the chair."""

    @property
    def mrz_lines(self) -> tuple[str, ...]: ...

    def camera_frames(self) -> Sequence[Pixels]:
        """Pictures, uint8 (1080, 1920, 3), blue-green-red, that may run round and round."""
        ...

    def impression(self, position: int, take: int, *, dryness: float | None = None) -> Pixels:
        """Finger `position` (1..10) for the `take`-th time, uint8 (290, 384), dark on bright.

        With `dryness`, -1 dripping .. 1 parched, the skin is as told.
        """
        ...


class SimulatedStation:
    """The played devices, and those who come one after another.

    `pace_s` is how long a finger takes to be laid on the glass and to leave it; 0 in tests.
    `film`, `document_film`, `reader`, `printer`, `mrz` and `gnss` are the played devices, with
    their faults; None for one that is not played, or not on this system.

    What a trainer may ask of the person: `withholds` lays no finger down; `lays` is the finger that
    lies there whatever the officer asks for, or None; `dryness` as in `Sitter.impression`.
    """

    def __init__(
        self,
        population: Iterable[Sitter] = (),
        *,
        played: Played | None = None,
        pace_s: float = 0.3,
        fps: float = 15.0,
        on_slip: Callable[[Image.Image], object] = lambda _: None,
        save_slips_to: Path | None = None,
    ) -> None:
        self.played = played or Played()
        self.pace_s, self.fps = pace_s, fps
        self.lays: int | None = None
        self.dryness: float | None = None
        self.slips_out = 0
        self.last_slip: Image.Image | None = None
        self._coming = iter(population)
        self._seated: Sitter | None = None
        self._awaited = False  # whether the one on the chair was sent there for the next start
        self._withholds = False
        self._position = _RIGHT_INDEX
        self._takes: Counter[int] = Counter()
        self._on_slip, self._save_slips_to = on_slip, save_slips_to
        self._moving = threading.RLock()
        self.film = CameraFilm(fps=fps)
        self.document_film = self._table_camera()
        self.reader = self._reader()
        self.printer = self._printer()
        self._lens = ApartDriver(opencv.__name__)  # in a process of its own, as the real ones
        self.mrz = self._mrz() if _TERMINALS else None
        self.gnss = self._gnss() if self.played.gnss and _TERMINALS else None
        self._hold_out()

    # ---- the chair ----------------------------------------------------------------------------
    @property
    def seated(self) -> Sitter | None:
        return self._seated

    @property
    def withholds(self) -> bool:
        return self._withholds

    @withholds.setter
    def withholds(self, withholds: bool) -> None:
        self._withholds = withholds
        self._hold_out()

    def sit(self, person: Sitter | None) -> None:
        """Put a person on the chair, a document of theirs on the reader; None empties both."""
        frames = () if person is None else person.camera_frames()
        with self._moving:
            self._seated, self._awaited = person, False
            self._takes = Counter()
            self._hold_out()
            self.film.show(_lively(frames))
            if self.document_film is not None:
                face = frames[0] if frames else None
                self.document_film.show([papers.table(face, self._document)])
            if self.mrz is not None:
                self.mrz.lay(self._document)

    def send(self, person: Sitter | None) -> None:
        """As `sit`; and whoever starts next finds this person on the chair, not another."""
        with self._moving:
            self.sit(person)
            self._awaited = person is not None

    def next_person(self) -> Sitter | None:
        """Whoever was sent stays, else the next of the population sits down; None when none is."""
        with self._moving:
            if self._awaited:
                self._awaited = False
            else:
                self.sit(next(self._coming, None))
            return self._seated

    def expected_finger(self, position: int) -> None:
        """Which finger the officer asks for; the person obeys. A real reader needs no telling."""
        self._position = position

    # ---- plugs of those that are another port each time ---------------------------------------
    def plug_reader(self) -> None:
        """A serial sensor again, as it was when it was pulled; the others plug in by themselves."""
        if isinstance(self.reader, Ef01Pty) and not self.reader.plugged:
            self.reader = _as_before(self._reader(), self.reader, ("fault", "dry", "hand_near"))

    def plug_mrz(self) -> None:
        if self.mrz is not None and not self.mrz.plugged:
            self.mrz = _as_before(self._mrz(), self.mrz, ("garbage", "hangs"))

    def plug_gnss(self) -> None:
        if self.gnss is not None and not self.gnss.plugged:
            kept = ("fix", "bad_sum", "garbage", "hangs", "off_by", "epochs_lost")
            self.gnss = _as_before(self._gnss(), self.gnss, kept)

    def close(self) -> None:
        played = (self.film, self.document_film, self.reader, self.printer, self.mrz, self.gnss)
        for one in played:
            if one is not None and not isinstance(one, SimulatedUsbReader):
                one.close()

    # ---- what the station finds ----------------------------------------------------------------
    @property
    def specs(self) -> tuple[DriverSpec, ...]:
        """The real drivers, pointed at the played devices."""
        camera = _played("camera", DeviceKind.CAMERA, "camera", self._cameras, self._lens.make)
        scanner = _played(
            "mrz", DeviceKind.MRZ, "mrz", self._scanners, serial_reader.SerialMrzReader
        )
        satellites = _played(
            "gnss", DeviceKind.GNSS, "gnss", self._receivers, receiver.NmeaReceiver
        )
        return (
            replace(camera, let_go=self._lens.close),
            self._reader_spec(),
            self._printer_spec(),
            scanner,
            *([satellites] if self.gnss is not None else []),
        )

    @property
    def given_roles(self) -> dict[DeviceRole, DeviceInfo]:
        """The roles nobody takes by himself, for whoever sets the training station up."""
        if self.document_film is None:
            return {}
        faces_camera, table_camera = self.specs[0].find()
        return {DeviceRole.PORTRAIT: faces_camera, DeviceRole.DOCUMENT: table_camera}

    def _cameras(self) -> list[DeviceInfo]:
        films = [(self.film, "Cámara de red"), (self.document_film, "Cámara de documentos")]
        return [
            replace(opencv.network_camera(film.address), model=model, serial=f"SIM-{number}")
            for number, (film, model) in enumerate(films, 1)
            if film is not None and film.plugged
        ]

    def _reader_spec(self) -> DriverSpec:
        make: Callable[[DeviceInfo], Device] = {
            ReaderKind.EF01: ef01.Ef01Reader,
            ReaderKind.SBI: self._make_sbi,
        }.get(self.played.reader, self._make_usb)
        name = {ReaderKind.EF01: "ef01", ReaderKind.SBI: "sbi"}.get(self.played.reader, "uru4000")
        return _played(name, DeviceKind.FINGERPRINT, "usb", self._readers, make)

    def _readers(self) -> list[DeviceInfo]:
        reader = self.reader
        if not reader.plugged:
            return []
        if isinstance(reader, Ef01Pty):
            return ef01.find(Addresses(finger_serial=reader.port))
        if isinstance(reader, SbiService):
            return sbi.find(Addresses(sbi=str(reader.port), sbi_environment=_DEVELOPER))
        return uru4000.find_on(reader)

    def _make_usb(self, info: DeviceInfo) -> Device:
        return uru4000.Uru4000Reader(info, backend=self.reader, patience_ms=200)

    def _make_sbi(self, info: DeviceInfo) -> Device:
        return sbi.SbiReader(info, roots=lambda: _roots(self.reader), environment=_DEVELOPER)

    def _printer_spec(self) -> DriverSpec:
        if isinstance(self.printer, IppPrinter):
            return _played("ipp", DeviceKind.PRINTER, "printer", self._printers, ipp.IppPrinter)
        return _played("escpos", DeviceKind.PRINTER, "printer", self._printers, _make_escpos)

    def _printers(self) -> list[DeviceInfo]:
        if not self.printer.plugged:
            return []
        find = ipp.find if isinstance(self.printer, IppPrinter) else escpos.find
        return find(Addresses(printer=self.printer.address))

    def _scanners(self) -> list[DeviceInfo]:
        return [] if self.mrz is None else serial_reader.at_port(self.mrz.port)

    def _receivers(self) -> list[DeviceInfo]:
        gone = self.gnss is None or not self.gnss.plugged
        return [] if gone or self.gnss is None else receiver.find(Addresses(gnss=self.gnss.port))

    # ---- what is played ------------------------------------------------------------------------
    def _table_camera(self) -> CameraFilm | None:
        if not self.played.document_camera:
            return None
        return CameraFilm([papers.table(None, ())], fps=_DOCUMENT_FPS)

    def _reader(self) -> SimulatedUsbReader | Ef01Pty | SbiService:
        kind, pace_s = self.played.reader, self.pace_s
        if kind is ReaderKind.SBI:
            return SbiService(self._impression, environment=_DEVELOPER, pace_s=pace_s, ports=(0,))
        if kind is ReaderKind.EF01:
            if not _TERMINALS:
                raise NotInstalled("pty")
            return Ef01Pty(self._impression, pace_s=pace_s)
        model = uru4000.MODELS[-1 if kind is ReaderKind.MICROSOFT else 0]
        return SimulatedUsbReader(self._impression, pace_s=pace_s, model=model)

    def _printer(self) -> ThermalPrinter | IppPrinter:
        slow_s = 2 * self.pace_s
        if self.played.printer is PrinterKind.IPP:
            return IppPrinter(on_slip=self._came_out, seconds_per_page=slow_s)
        return ThermalPrinter(on_slip=self._came_out, seconds_per_slip=slow_s)

    def _mrz(self) -> MrzPty:
        mrz = MrzPty(pace_s=max(self.pace_s, 0.1))
        mrz.lay(self._document)
        return mrz

    def _gnss(self) -> GnssPty:
        return GnssPty(DESAGUADERO, pace_s=max(self.pace_s, 0.1))

    @property
    def _document(self) -> tuple[str, ...]:
        return () if self._seated is None else self._seated.mrz_lines

    def _hold_out(self) -> None:
        self.reader.hand_near = self._seated is not None and not self._withholds

    def _impression(self, position: int = 0) -> Pixels:
        """What lies on the glass: of a slap the finger at that place, else the one asked for."""
        person, finger = self._seated, position or self.lays or self._position
        if person is None:  # left while the finger was on its way: the glass is empty
            return np.full(_GLASS, 255, np.uint8)
        self._takes[finger] += 1
        if self.dryness is None:
            return person.impression(finger, self._takes[finger])
        return person.impression(finger, self._takes[finger], dryness=self.dryness)

    def _came_out(self, slip: Image.Image) -> None:
        self.last_slip = slip
        self.slips_out += 1
        if self._save_slips_to is not None:
            self._save_slips_to.mkdir(parents=True, exist_ok=True)
            slip.save(self._save_slips_to / f"slip-{self.slips_out:04}.png")
        self._on_slip(slip)


def _lively(frames: Sequence[Pixels]) -> list[Pixels]:
    """A film in which eyes close once in three seconds, and not when it has just begun."""
    awake = [frame for number, frame in enumerate(frames) if number != faces.BLINK]
    return [*awake * _ROUNDS, *frames[faces.BLINK : faces.BLINK + 1]]


def _as_before(fresh: Any, old: Any, kept: Sequence[str]) -> Any:
    """A device that was plugged in again, with the faults it had."""
    for name in kept:
        if hasattr(old, name):
            setattr(fresh, name, getattr(old, name))
    return fresh


def _roots(reader: object) -> bytes:
    return reader.roots_pem if isinstance(reader, SbiService) else b""


def _make_escpos(info: DeviceInfo) -> Device:
    return escpos.EscPosPrinter(info, escpos.dial(info.path))


def _played(
    name: str,
    kind: DeviceKind,
    lane: str,
    find: Callable[[], list[DeviceInfo]],
    make: Callable[[DeviceInfo], Device],
) -> DriverSpec:
    """A driver whose devices say that they are played."""
    return DriverSpec(
        name=f"{name} (simulado)",
        kind=kind,
        lane=lane,
        installed=lambda: True,
        find=lambda: [
            replace(info, simulated=True, model=f"{info.model} (simulado)") for info in find()
        ],
        make=make,
    )
