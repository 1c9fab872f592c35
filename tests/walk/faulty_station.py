"""A whole station over played devices that can be made ill, each in the same few words.

Everything but the far end of the cables is the product's: app.py's composition, the services, the
slots and their supervisor, the drivers, the encrypted store on the disk.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

import msgspec

from migramovil import app
from migramovil.core import sealing
from migramovil.core.enrollment import Draft
from migramovil.devices.gnss import receiver
from migramovil.devices.gnss.receiver import NmeaReceiver
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import (
    Device,
    DeviceInfo,
    DeviceKind,
    DeviceRole,
    DriverSpec,
    Pixels,
)
from migramovil.devices.printer import escpos
from migramovil.devices.registry import Addresses
from migramovil.devices.sim import people
from migramovil.devices.sim.gnss_pty import GnssPty
from migramovil.devices.sim.mrz_pty import MrzPty
from migramovil.devices.sim.station import SimulatedStation
from migramovil.devices.sim.thermal_printer import PrinterFault
from migramovil.devices.sim.usb_reader import ReaderFault
from migramovil.services.enrolling import Enrolling, Finished, Patience
from tests.services.bench import (
    MRZ,
    OFFICER,
    PASSWORD,
    PROCEDURE,
    Headquarters,
    copied,
    enrolled,
    opened,
    paper,
    person,
    within,
)
from tests.walk.station_life import Sitter

SETTINGS = "[fingers]\npositions = [2, 7]\n"
PATIENCE = Patience(finger_s=1.5, frame_s=4.0, still_s=2.5, mrz_s=1.5)
FIX_S = 1.5
SLIP_S = 1.5
A_WHILE_S = 0.4  # slow, and well within every patience


class Applicant(Sitter):
    """Somebody whose fingers are grown once: NFIQ 2 finds them good."""

    def impression(self, position: int, take: int) -> Pixels:
        return _impression(position)


@functools.cache
def _impression(position: int) -> Pixels:
    return people.person(3, 3).impression(position, 1)


class Van(SimulatedStation):
    """The training station's devices and a satellite receiver."""

    def __init__(self) -> None:
        super().__init__(pace_s=0.02, fps=25)
        self.gnss = GnssPty(pace_s=0.1)

    @property
    def specs(self) -> tuple[DriverSpec, ...]:
        return (
            *super().specs,
            DriverSpec(
                name="gnss",
                kind=DeviceKind.GNSS,
                lane="gnss",
                installed=lambda: True,
                find=lambda: receiver.find(Addresses(gnss=self.gnss.port)),
                make=NmeaReceiver,
            ),
        )

    def _make_printer(self, info: DeviceInfo) -> Device:
        return escpos.EscPosPrinter(info, escpos.dial(info.path), timeout_s=SLIP_S)

    def close(self) -> None:
        super().close()
        self.gnss.close()


# ---- the devices' illnesses --------------------------------------------------------------------
class Played:
    """One played device. `wait` has it keep whoever asks waiting, so that a cable can be pulled."""

    role: DeviceRole

    def __init__(self, van: Van) -> None:
        self.van = van

    @property
    def at_work(self) -> bool:
        """Whether a device in use is past the first words, so that pulling it cuts its work."""
        return True

    def pull(self) -> None:
        raise NotImplementedError

    def hang(self) -> None:
        raise NotImplementedError

    def garble(self) -> None:
        raise NotImplementedError

    def slow(self) -> None:
        raise NotImplementedError

    def wait(self) -> None:
        raise NotImplementedError

    def recover(self) -> None:
        """Plugged in and well, whatever it had."""
        raise NotImplementedError


class Camera(Played):
    role = DeviceRole.PORTRAIT

    def pull(self) -> None:
        self.van.film.unplug()

    def hang(self) -> None:
        self.van.film.hangs = True

    def garble(self) -> None:
        self.van.film.garbage = True

    def slow(self) -> None:
        self.van.film.fps = 1 / A_WHILE_S

    def wait(self) -> None:
        self.van.film.hangs = True

    def recover(self) -> None:
        film = self.van.film
        film.hangs = film.garbage = False
        film.fps = 25
        film.plug()


class Reader(Played):
    role = DeviceRole.FINGERS

    def pull(self) -> None:
        self.van.reader.plugged = False

    def hang(self) -> None:
        self.van.reader.fault = ReaderFault.HANGS

    def garble(self) -> None:
        self.van.reader.fault = ReaderFault.NOISE

    def slow(self) -> None:
        self.van.reader.pace_s = A_WHILE_S

    def wait(self) -> None:
        self.van.reader.hand_near = False

    def recover(self) -> None:
        reader = self.van.reader
        reader.plugged = reader.hand_near = True
        reader.fault, reader.pace_s = ReaderFault.NONE, 0.02


class Scanner(Played):
    role = DeviceRole.MRZ

    @property
    def played(self) -> MrzPty:
        assert self.van.mrz is not None
        return self.van.mrz

    def pull(self) -> None:
        self.played.unplug()

    def hang(self) -> None:
        self.played.hangs = True

    def garble(self) -> None:
        self.played.garbage = True

    def slow(self) -> None:
        self.played.lay(())
        Timer(A_WHILE_S, lambda: self.played.lay(MRZ)).start()

    def wait(self) -> None:
        self.played.lay(())

    def recover(self) -> None:
        if not self.played.plugged:
            self.van.mrz = MrzPty(pace_s=0.1)
        self.played.hangs = self.played.garbage = False
        self.played.lay(MRZ)


class Printer(Played):
    role = DeviceRole.PRINTER

    @property
    def at_work(self) -> bool:
        return self.van.printer._lines > 0

    def pull(self) -> None:
        self.van.printer.unplug()

    def hang(self) -> None:
        self.van.printer.fault = PrinterFault.HANG

    def garble(self) -> None:
        self.van.printer.fault = PrinterFault.GARBAGE

    def slow(self) -> None:
        self.van.printer.seconds_per_slip = A_WHILE_S

    def wait(self) -> None:
        self.van.printer.seconds_per_slip = 2 * SLIP_S

    def recover(self) -> None:
        printer = self.van.printer
        printer.fault, printer.seconds_per_slip = PrinterFault.NONE, 0.0
        printer.plug()


class Receiver(Played):
    role = DeviceRole.GNSS

    def pull(self) -> None:
        self.van.gnss.unplug()

    def hang(self) -> None:
        self.van.gnss.hangs = True

    def garble(self) -> None:
        self.van.gnss.garbage = True

    def slow(self) -> None:
        gnss, gnss.fix = self.van.gnss, False
        Timer(A_WHILE_S, lambda: setattr(gnss, "fix", True)).start()

    def wait(self) -> None:
        self.van.gnss.fix = False

    def recover(self) -> None:
        gnss = self.van.gnss
        if not gnss.plugged:
            gnss = self.van.gnss = GnssPty(pace_s=0.1)
        gnss.hangs = gnss.garbage = False
        gnss.fix = True


DEVICES: tuple[type[Played], ...] = (Camera, Reader, Scanner, Printer, Receiver)


# ---- the station -------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A station at which an officer has somebody on the chair, whose capture has begun."""

    folder: Path
    headquarters: Headquarters
    station: app.Station
    devices: dict[DeviceRole, Played]

    @property
    def enrolling(self) -> Enrolling:
        return self.station.desk.enrolling

    @property
    def draft(self) -> Draft:
        draft = self.enrolling.draft
        assert draft is not None
        return draft

    def state(self, role: DeviceRole) -> str:
        return str(self.station.bench.slots[role].state)

    def settle(self) -> None:
        """Wait until the desk has done what was asked of it so far."""
        for lane in self.station.lanes:
            lane.run(lambda _: None).result(10)

    def sit_down(self) -> None:
        """Somebody new, everything typed, read, pictured and taken but the right index."""
        self.enrolling.start().result(10)
        self.enrolling.change(procedure=PROCEDURE, document=paper(), person=person())
        self.enrolling.take_portrait().result(20)
        self.enrolling.take_finger(7).result(20)

    def consent(self) -> None:
        self.enrolling.give_notice("es", "shown")
        self.enrolling.answer(given=True)

    def finish(self) -> Finished:
        self.consent()
        return self.enrolling.finish().result(20)

    def on_disk(self) -> dict[str, bytes]:
        """Every draft and every encrypted picture as they lie there, byte by byte."""
        self.settle()
        vault = self.station.desk.accounts.inside().vault
        bodies = {f"draft {one.record_id}": one.body for one in vault.drafts()}
        pictures = {path.name: path.read_bytes() for path in (self.folder / "media").glob("*.obj")}
        packets = {path.name: path.read_bytes() for path in (self.folder / "packets").iterdir()}
        return bodies | pictures | packets

    def seen(self) -> tuple[Any, dict[str, str]]:
        """The draft in hand and its pictures, decrypted: shape and hash of their pixels."""
        return _seen(self.enrolling, self.draft)

    def after_power_cut(self, folder: Path) -> tuple[Any, dict[str, str]]:
        """What another process finds of the draft in hand, had this one ended now."""
        with opened(copied(self.folder, folder), self.headquarters) as again:
            again.enter()
            draft = again.enrolling.resume(self.draft.record_id).result(10)
            return _seen(again.enrolling, draft)

    def work(self, role: DeviceRole, finished: Finished) -> Ticket[Any]:
        """What the officer asks of a device at its step."""
        desk = self.station.desk
        acts: dict[DeviceRole, Callable[[], Ticket[Any]]] = {
            DeviceRole.PORTRAIT: self.enrolling.take_portrait,
            DeviceRole.FINGERS: lambda: self.enrolling.take_finger(2),
            DeviceRole.MRZ: self.enrolling.read_mrz,
            DeviceRole.PRINTER: lambda: desk.printing.print_slip(finished),
            DeviceRole.GNSS: desk.whereabouts.look,
        }
        return acts[role]()

    def await_state(self, role: DeviceRole, state: str, seconds: float = 5.0) -> float:
        """How long it took until the lamp of a device said so."""
        return within(seconds, lambda: self.state(role) == state)


def _seen(enrolling: Enrolling, draft: Draft) -> tuple[Any, dict[str, str]]:
    asked = {f"{f.position}": enrolling.finger_pixels(f.position) for f in draft.fingers}
    if draft.portrait is not None:
        asked["portrait"] = enrolling.portrait_pixels()
    read = {name: ticket.result(10) for name, ticket in asked.items()}
    hashes = {name: f"{one.shape} {sealing.sha256(one.tobytes())}" for name, one in read.items()}
    return msgspec.to_builtins(draft), hashes


@contextmanager
def counter(folder: Path, van: Van | None = None, *, inside: bool = True) -> Iterator[Counter]:
    """A training station in a new folder, its devices well and watched, an officer inside."""
    headquarters = Headquarters()
    enrolled(folder, headquarters)
    (folder / "station.toml").write_text(SETTINGS)
    van = van or Van()
    van.sit(Applicant())
    station = app.build(folder, training=True, sim=van, password_memory_kib=64)
    station.desk.enrolling.patience = PATIENCE
    station.desk.whereabouts.wait_s = FIX_S
    station.bench.supervise()
    try:
        if inside:
            station.desk.accounts.log_in(OFFICER, PASSWORD).result(10)
        yield Counter(
            folder=folder,
            headquarters=headquarters,
            station=station,
            devices={kind.role: kind(van) for kind in DEVICES},
        )
    finally:
        station.close()


def drivers_processes(module: str) -> list[int]:
    """The living children of this process that run a driver apart."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == os.getpid() and any(word.endswith(module.encode()) for word in words):
            found.append(int(entry.name))
    return found
