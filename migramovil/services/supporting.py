"""«Informe para soporte»: what ails this station, for whoever mends it from afar.

It works with the vault closed, with nobody inside and before the station is enrolled, and holds
nothing personal: each field is named here, and free text passes services/redacting. What needs no
hand is tried for real while it is made; what does, as it went the last time.
"""

from __future__ import annotations

import errno
import logging
import os
import platform
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from migramovil import __version__, medium
from migramovil.core import canonical, sealing, support
from migramovil.core.record import Descriptor, Realm, Signed
from migramovil.core.trouble import Trouble, Who, every_trouble
from migramovil.devices.lanes import Lane, Ticket
from migramovil.devices.ports import DeviceKind, DeviceRole, PaperStatus
from migramovil.devices.registry import Bench
from migramovil.devices.trouble import Cancelled, PaperOut
from migramovil.services import redacting
from migramovil.services.checklist import Checklist, Kept
from migramovil.services.checks import NAMES, Check, Figures, Outcome, Result, Subject
from migramovil.services.clock import StationClock
from migramovil.services.diagnosing import DeviceReport, Diagnosing
from migramovil.services.redacting import figure, make
from migramovil.services.self_tests import try_camera
from migramovil.services.waiting import Waiting
from migramovil.settings import Settings
from migramovil.store import files
from migramovil.store.outbox import Outbox
from migramovil.sync.bundle import StickFull, StickGone

log = logging.getLogger(__name__)

T = TypeVar("T")
LINES = 1000  # at their longest they still fit into a report
FIX_S = 6.0
WATCH_S = 3.0
KEPT = 4
"""Reports that may wait for a link; the oldest goes for a fifth."""
STICK = "migramovil-soporte"
"""The folder on a stick."""
_FOLDER, _SUFFIX = "support", ".report"
_LOOK_S = 0.05
_QUEUE, _LINE = "queue", "Envíos"

WHAT_GOES_IN = (
    "Qué falla ahora, con su código y qué hacer.",
    "Los equipos: modelo, número de serie, estado y fallas anteriores.",
    "Las revisiones de disco, memoria, hora y enlace, y la última lista de inicio.",
    "Versiones del programa y del sistema, y los ajustes sin claves ni direcciones.",
    "Cuántos registros esperan, y las últimas líneas del diario técnico.",
)
WHAT_STAYS_OUT = ("Ningún dato de personas: ni nombres, documentos, fotos o huellas, ni usuarios.",)


class NoSupportKey(Trouble):
    code = "SUP-02"
    what = "Esta estación no tiene todavía la llave de soporte de sede central."
    advice = "Lea los códigos por teléfono. La llave llega con el alta o con el próximo envío."
    who = Who.TECHNICIAN


class CheckFailed(Trouble):
    code = "SUP-03"
    what = "Una comprobación se detuvo por una falla del programa."
    advice = "Las demás valen. Envíe el informe para soporte: lleva el lugar de la falla."
    who = Who.TECHNICIAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """One thing that is wrong, in words that may be read out; `where` by its key, and by name."""

    where: str
    name: str
    code: str
    what: str
    advice: str
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report in clear, redacted: `content` is plain JSON values; `wrong` its first part."""

    content: Mapping[str, Any]
    wrong: tuple[Wrong, ...]


class Shelf:
    """Reports that wait for a link, in a folder; what headquarters says it keeps goes from here."""

    def __init__(self, folder: Path, outbox: Outbox) -> None:
        self._folder = folder / _FOLDER
        self._outbox = outbox

    def put(self, data: bytes) -> None:
        """Durable when this returns."""
        files.private_folder(self._folder)
        for old in self._paths()[: -KEPT + 1]:
            files.remove(old)
        files.write(self._folder / f"{sealing.sha256(data)}{_SUFFIX}", data)
        self._outbox.changed()

    def waiting(self) -> Sequence[bytes]:
        """Oldest first. One that the disk damaged is worth nothing to anybody, and goes."""
        found = []
        for path in self._paths():
            with suppress(medium.Suspicious, OSError):
                data = medium.read(path, support.LARGEST)
                if sealing.sha256(data) == path.stem:
                    found.append(data)
                    continue
            files.remove(path)
        return found

    def count(self) -> int:
        return len(self._paths())

    def answered(self, data: bytes, answer: Signed) -> None:
        identity, known = _headquarters(self._outbox)
        publics = known.receipt_keys("stored")
        support.check_answer(answer, data, publics, realm=known.realm, station=identity)
        files.remove(self._folder / f"{sealing.sha256(data)}{_SUFFIX}")

    def _paths(self) -> list[Path]:
        found = self._folder.glob(f"*{_SUFFIX}") if self._folder.is_dir() else ()
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)


class Supporting:
    """Safe from any thread; one thing at a time, on a lane of its own.

    `now` is the laptop's clock, for a name and a date that order nothing.
    """

    def __init__(
        self,
        folder: Path,
        outbox: Outbox,
        bench: Bench,
        diagnosing: Diagnosing,
        checklist: Checklist,
        *,
        waiting: Waiting,
        clock: StationClock,
        settings: Settings,
        realm: Realm,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._folder = folder
        self._outbox = outbox
        self._bench = bench
        self._diagnosing = diagnosing
        self._checklist = checklist
        self._waiting = waiting
        self._clock = clock
        self._settings = settings
        self._realm = realm
        self._now = now
        self.shelf = Shelf(folder, outbox)
        self._lane = Lane("support")

    def close(self) -> None:
        self._lane.close()

    # ---- the report ----------------------------------------------------------------------------
    def collect(self) -> Ticket[Report]:
        """Try what needs no hand, and gather; some seconds. DEV-03 when called off."""
        return self._lane.run(self._collect)

    def save(self, report: Report, folder: Path) -> Ticket[Path]:
        """Seal it and put it on a medium, read back: where it lies. NoSupportKey, StickFull …"""

        def do(_: Event) -> Path:
            data, name = self._sealed(report), f"{self._code()}-{self._now():%Y%m%d-%H%M%S}"
            with _medium():
                target = medium.inside(folder, STICK, make=True) / f"{name}{_SUFFIX}"
                medium.put(target, [data])
            return target

        return self._lane.run(do)

    def send(self, report: Report) -> Ticket[None]:
        """Seal it and leave it for the line: it goes last, and is gone once headquarters has it."""

        return self._lane.run(lambda _: self.shelf.put(self._sealed(report)))

    def can_seal(self) -> bool:
        """Whether this station knows the key of support."""
        try:
            return bool(_headquarters(self._outbox)[1].support)
        except Trouble:
            return False

    def _sealed(self, report: Report) -> bytes:
        station, known = _headquarters(self._outbox)
        if not known.support:
            raise NoSupportKey
        public = canonical.from_text(known.support)
        return support.seal(
            public, report.content, realm=self._realm, station=station, utc=self._utc()
        )

    # ---- gathering -----------------------------------------------------------------------------
    def _collect(self, off: Event) -> Report:
        devices = _await(self._diagnosing.devices(), off)
        tried = self._try_all(off)
        states = self._diagnosing.states()
        checked = [_outcome(check, self._diagnosing.test(check), off) for check in Check]
        queue, kept = self._queue(), _await(self._checklist.last(), off)
        faults = [_fault(one) for one in self._diagnosing.faults()]
        names = {word for spec in self._bench.specs for word in (*spec.name.split(), spec.lane)}
        content = {
            "format": support.CONTENT_FORMAT,
            "station": self._station(),
            "time": {"utc": self._utc(), "laptop": _seconds(self._now()),
                     "doubt_s": self._clock.doubt_s()},
            "versions": _versions(),
            "devices": [
                _device(replace(one, state=states.get(one.role, one.state)), tried.get(one.role))
                for one in devices
            ],
            "faults": faults,
            "checks": [{"of": one.of.value, **_told(one)} for one in checked],
            "last_checklist": next((_list(one) for one in kept if one is not None), {}),
            "queue": queue,
            "settings": _settings(self._settings),
            "log": redacting.tail(self._logs(), LINES, names),
        }  # fmt: skip
        wrong = _wrong([*tried.values(), *checked], faults, queue)
        plain = redacting.plain({"wrong": [asdict(one) for one in wrong], **content})
        return Report(content=plain, wrong=wrong)

    def _try_all(self, off: Event) -> dict[DeviceRole, Result]:
        """Every device at once, each on its own lane."""
        tickets = {role: self._try(role) for role in self._diagnosing.states()}
        return {role: _outcome(role, ticket, off) for role, ticket in tickets.items()}

    def _try(self, role: DeviceRole) -> Ticket[Result]:
        """What shows a device's fault without anybody's hand: opening it, and a little more."""

        def job(device: Any, stop: Event) -> Result:
            if role.kind is DeviceKind.CAMERA:
                _watch(device, stop)
                return try_camera(role, device, stop, lambda _words, _picture: None)
            if role.kind is DeviceKind.PRINTER and device.status() is PaperStatus.OUT:
                raise PaperOut
            if role.kind is DeviceKind.GNSS:
                device.read_fix(timeout_s=FIX_S, cancelled=stop)
            return Result(of=role, outcome=Outcome.OK, text="")

        return self._bench.slots[role].use(job)

    def _station(self) -> dict[str, Any]:
        here = self._outbox.station()
        return {
            "realm": self._realm.value,
            "enrolled": here is not None,
            "id": here.station if here else "",
            "code": make(here.code) if here else "",
            "epoch": here.epoch if here else 0,
        }

    def _code(self) -> str:
        """What people call the station, fit for a file's name."""
        here = self._outbox.station()
        told = "".join(letter for letter in (here.code if here else "") if letter.isalnum())
        return told[:8] or "estacion"

    def _queue(self) -> dict[str, Any]:
        status = self._waiting.status
        return {
            **asdict(self._waiting.counts()),
            "numbered": self._outbox.seq(),
            "line": str(status.kind) if status else "",
            "last_contact": status.last_contact_utc if status else "",
            "code": status.trouble.code if status and status.trouble else "",
            "aside": sorted(trouble.code for trouble in self._waiting.aside().values()),
            "reports": self.shelf.count(),
        }

    def _logs(self) -> list[Path]:
        """The newest first."""
        base = self._folder / "logs" / "station.log"
        return [base, *(base.with_name(f"{base.name}.{number}") for number in range(1, 5))]

    def _utc(self) -> str:
        return _seconds(self._clock.utc())


# --- one part each ------------------------------------------------------------------------------
def _wrong(
    results: Sequence[Result],
    faults: Sequence[Mapping[str, str]],
    queue: Mapping[str, Any],
) -> tuple[Wrong, ...]:
    """What is wrong, each thing once: as seen now, else as it was last known."""
    now = {one.of.value: one.trouble.code for one in results if one.trouble is not None}
    well = {one.of.value for one in results if one.ok}
    lasting = {one["role"]: one["code"] for one in reversed(faults) if not one["recovered"]}
    found = {role: code for role, code in lasting.items() if role not in well} | now
    if queue["code"]:
        found[_QUEUE] = queue["code"]
    kinds = {kind.code: kind for kind in every_trouble()}
    names = {of.value: name for of, name in NAMES.items()} | {_QUEUE: _LINE}
    return tuple(
        Wrong(where=where, name=name, code=code, what=kinds[code].what,
              advice=kinds[code].advice, who=kinds[code].who.value)
        for where, name in names.items()
        if (code := found.get(where)) in kinds
    )  # fmt: skip


def _told(result: Result) -> dict[str, Any]:
    """A result without its picture, and without any word that is not the program's own."""
    return {
        "outcome": result.outcome.value,
        "code": result.trouble.code if result.trouble is not None else "",
        "figures": _figures(result.figures),
    }


def _figures(told: Figures) -> list[list[str]]:
    return [[figure(name), figure(value)] for name, value in told[:30]]


def _list(kept: Kept) -> dict[str, Any]:
    """The start of a jornada as it was filed last."""
    return {
        "utc": redacting.moment(kept.utc),
        "lines": [
            {
                "of": figure(line.of),
                "outcome": line.outcome.value,
                "code": redacting.message(line.code),
                "figures": _figures(line.figures),
            }
            for line in kept.lines[:30]
        ],
    }


def _device(report: DeviceReport, tried: Result | None) -> dict[str, Any]:
    return {
        "role": report.role.value,
        "driver": make(report.driver),
        "model": make(report.model),
        "serial": redacting.serial(report.serial),
        "firmware": make(report.firmware),
        "state": report.state.value,
        "installed": report.installed,
        "simulated": report.simulated,
        **(_told(tried) if tried is not None else {}),
    }


def _fault(fault: Any) -> dict[str, str]:
    return {
        "role": fault.role.value,
        "code": redacting.message(fault.code),
        "when": redacting.moment(fault.when),
        "recovered": redacting.moment(fault.recovered),
        "driver": make(fault.driver),
        "model": make(fault.model),
        "serial": redacting.serial(fault.serial),
    }


def _versions() -> dict[str, Any]:
    try:
        system = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        system = ""
    libraries = {one.name: one.version for one in metadata.distributions() if one.name}
    return {
        "migramovil": __version__,
        "python": platform.python_version(),
        "openssl": make(ssl.OPENSSL_VERSION),
        "system": make(system or platform.system()),
        "kernel": make(platform.release()),
        "machine": make(platform.machine()),
        "cores": os.cpu_count() or 0,
        "libraries": {make(name): make(version) for name, version in sorted(libraries.items())},
    }


def _settings(chosen: Settings) -> dict[str, Any]:
    """What is set, by name: no secret, no address, no place, no folder."""
    at = asdict(chosen.devices)
    sbi, environment = at.pop("sbi"), at.pop("sbi_environment")
    return {
        "fingers": asdict(chosen.fingers),
        "theme": make(chosen.look.theme),
        "large": chosen.look.large,
        "idle_minutes": chosen.session.idle_minutes,
        "draft_days": chosen.drafts.days,
        "backup": {"hours": chosen.backup.hours, "folder": bool(chosen.backup.folder),
                   "label": bool(chosen.backup.label)},
        "keeping": asdict(chosen.keeping),
        "link": asdict(chosen.link),
        "hardware": chosen.hardware,
        "places": len(chosen.places),
        "devices": {name: redacting.address(str(value)) for name, value in at.items()},
        "sbi": redacting.message(sbi.replace("-", " ")),
        "sbi_environment": environment if environment in _ENVIRONMENTS else "set",
    }  # fmt: skip


_ENVIRONMENTS = ("Production", "Staging", "Developer", "Pre-Production")


def _headquarters(outbox: Outbox) -> tuple[str, Descriptor]:
    """This station's id and headquarters' word about its keys; NoSupportKey before there is one."""
    here = outbox.station()
    if here is None:
        raise NoSupportKey
    return here.station, canonical.decode(here.descriptor.encode(), Descriptor)


def _await(ticket: Ticket[T], off: Event) -> T:
    """Its answer; called off with this."""
    while not ticket.done():
        if off.wait(_LOOK_S):
            ticket.cancel()
            raise Cancelled
    return ticket.result()


def _watch(camera: Any, stop: Event) -> None:
    """Pictures for as long as one that stands still, or stays black, takes to be noticed."""
    until = time.monotonic() + WATCH_S
    while time.monotonic() < until:
        camera.read(timeout_s=WATCH_S, cancelled=stop)


def _outcome(of: Subject, ticket: Ticket[Result], off: Event) -> Result:
    """A bug in one look must not cost the report of all the others."""
    try:
        return _await(ticket, off)
    except Cancelled:
        raise
    except Trouble as trouble:
        return Result.failed(of, trouble)
    except Exception:
        log.exception("a check failed")
        return Result.failed(of, CheckFailed())


@contextmanager
def _medium() -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
        raise (StickFull if full else StickGone) from None


def _seconds(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
