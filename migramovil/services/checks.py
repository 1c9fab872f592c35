"""What a check or a self-test says, and the checks of the station itself: disk, time, line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from threading import Event

from migramovil.core import canonical
from migramovil.core.record import Descriptor
from migramovil.core.trouble import Trouble, Who
from migramovil.devices import host, spool
from migramovil.devices.ports import DeviceRole, Pixels
from migramovil.devices.registry import Bench
from migramovil.devices.trouble import Cancelled
from migramovil.services.clock import LIMA, Skew, StationClock
from migramovil.store import verify
from migramovil.store.outbox import Outbox
from migramovil.store.trouble import Damaged
from migramovil.store.verify import Books
from migramovil.sync import probe
from migramovil.sync.ports import Interrupted, NoLink
from migramovil.sync.probe import Probe

LEAST_SCREEN = (1366, 768)
CERTIFICATE_DAYS = 14
SLOW_S = 2.0
LOSSY = 0.1


class Check(StrEnum):
    """What is looked at besides the devices, the quick ones first."""

    SPACE = "space"
    SYNC = "sync"
    HEALTH = "health"
    ENCRYPTION = "encryption"
    SWAP = "swap"
    SPOOL = "spool"
    MEMORY = "memory"
    POWER = "power"
    SCREENS = "screens"
    CLOCK = "clock"
    STORES = "stores"
    LINK = "link"


Subject = DeviceRole | Check
Figures = tuple[tuple[str, str], ...]
NAMES: Mapping[Subject, str] = {
    DeviceRole.PORTRAIT: "Cámara",
    DeviceRole.DOCUMENT: "Cámara de documentos",
    DeviceRole.APPLICANT: "Cámara del solicitante",
    DeviceRole.FINGERS: "Huellero",
    DeviceRole.PRINTER: "Impresora",
    DeviceRole.MRZ: "Lector de documentos",
    DeviceRole.GNSS: "GPS del vehículo",
    Check.SPACE: "Espacio en disco",
    Check.SYNC: "Rapidez del disco",
    Check.HEALTH: "Salud del disco",
    Check.ENCRYPTION: "Cifrado del disco",
    Check.SWAP: "Intercambio (swap)",
    Check.SPOOL: "Cola de impresión",
    Check.MEMORY: "Memoria",
    Check.POWER: "Corriente",
    Check.SCREENS: "Pantallas",
    Check.CLOCK: "Hora",
    Check.STORES: "Registros y auditoría",
    Check.LINK: "Enlace con sede",
}


class Outcome(StrEnum):
    OK = "ok"
    WARNS = "warns"
    BAD = "bad"
    UNKNOWN = "unknown"  # this machine does not say, or nobody could look


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a check saw: one sentence, figures with their units, a picture where there is one."""

    of: Subject
    outcome: Outcome
    text: str
    figures: Figures = ()
    pixels: Pixels | None = None
    trouble: Trouble | None = None

    @property
    def ok(self) -> bool:
        return self.outcome is Outcome.OK

    @classmethod
    def failed(cls, of: Subject, trouble: Trouble, figures: Figures = ()) -> Result:
        return cls(
            of=of, outcome=Outcome.BAD, text=trouble.what, figures=figures, trouble=trouble
        )  # fmt: skip


class ScreenSmall(Trouble):
    code = "CHK-01"
    what = "La pantalla es más pequeña de lo que la estación necesita."
    advice = "Elija 1366 × 768 o más en los ajustes de pantalla, o una escala menor."


class LinkPoor(Trouble):
    code = "CHK-02"
    what = "La conexión con sede central responde tarde o pierde datos."
    advice = "Siga trabajando: lo sellado espera. Acerque el equipo a la antena o cambie de red."
    who = Who.OFFICER


class CertificateEnding(Trouble):
    code = "CHK-03"
    what = "El certificado de sede central vence pronto."
    advice = "Avise a sede central con este código: debe renovarlo antes de que venza."
    who = Who.HEADQUARTERS


class ClockWrong(Trouble):
    code = "CHK-04"
    what = "El reloj del equipo no da la hora."
    advice = "Siga trabajando: cada registro lo anota. El técnico debe corregir la hora del equipo."


_ONLY_WARN = (
    host.DiskNearlyFull, host.DiskSlow, host.DiskNotEncrypted, host.MemoryShort, host.BatteryLow,
    spool.SpoolRemembers, spool.SpoolPrintsLate, ScreenSmall, LinkPoor, CertificateEnding,
    ClockWrong, NoLink,
)  # fmt: skip
"""Troubles with which one can go on working."""


def judged(
    of: Subject, text: str, figures: Figures, trouble: Trouble | None, *, known: bool = True
) -> Result:
    """Well with `text`, or what `trouble` says; not known is neither."""
    if trouble is not None:
        outcome = Outcome.WARNS if isinstance(trouble, _ONLY_WARN) else Outcome.BAD
        return Result(
            of=of, outcome=outcome, text=trouble.what, figures=figures, trouble=trouble
        )  # fmt: skip
    if not known:
        text = "Este equipo no lo dice."
    return Result(
        of=of, outcome=Outcome.OK if known else Outcome.UNKNOWN, text=text, figures=figures
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """A display: its name, size in pixels, and how many of them make one that the station draws."""

    name: str
    width: int
    height: int
    scale: float

    @property
    def fits(self) -> bool:
        room = (round(self.width / self.scale), round(self.height / self.scale))
        return room[0] >= LEAST_SCREEN[0] and room[1] >= LEAST_SCREEN[1]


class Station:
    """The station without its devices. Works with the vault closed and nobody inside.

    `outbox` is the line of records, None where there is no station yet; `books` reads what the
    stores say, None where none is enrolled. `rate` is bytes a second headquarters took in of late,
    `spools` whether slips pass through the system's print queue, `url` where headquarters is ("":
    where it says itself). Whoever has a window says in `screens` what it is shown on.
    """

    def __init__(
        self,
        folder: Path,
        outbox: Callable[[], Outbox | None],
        clock: StationClock,
        books: Callable[[], Books | None],
        *,
        rate: Callable[[], float | None] = lambda: None,
        spools: Callable[[], bool] = lambda: True,
        url: str = "",
    ) -> None:
        self._folder = folder
        self._outbox = outbox
        self._clock = clock
        self._books = books
        self._rate = rate
        self._spools = spools
        self._url = url
        self.screens: tuple[Screen, ...] = ()

    def look(self, check: Check, off: Event) -> Result:
        """Look at one thing now; DEV-03 once `off` is set. Only the line takes more than 2 s."""
        if check in MACHINE:
            return of_machine(check, self._folder)
        own: dict[Check, Callable[[], Result]] = {
            Check.SPOOL: lambda: of_spool(spool.spool_findings(), used=self._spools()),
            Check.SCREENS: lambda: of_screens(self.screens),
            Check.CLOCK: lambda: of_clock(self._clock.skew(), self._clock.doubt_s()),
            Check.STORES: self._stores,
            Check.LINK: lambda: self._link(off),
        }
        return own[check]()

    def _stores(self) -> Result:
        outbox, books = self._outbox(), self._books()
        if outbox is None or books is None:
            return not_enrolled(Check.STORES)
        found = verify.quick(outbox, books)
        trouble = found[0].trouble if found else None
        if not outbox.database.sound():
            trouble = Damaged("outbox.db")
        lines = "cerrada con la bóveda" if books.chain is None else f"{len(books.chain.entries):,}"
        figures = (
            ("Registros", f"{len(books.lines):,}"),
            ("Acuses", f"{len(books.receipts):,}"),
            ("Hallazgos", str(len(found))),
            ("Líneas de auditoría", lines),
        )
        return judged(Check.STORES, "Todo lo sellado está y coincide.", figures, trouble)

    def _link(self, off: Event) -> Result:
        outbox = self._outbox()
        identity = None if outbox is None else outbox.station()
        if identity is None:
            return not_enrolled(Check.LINK)
        descriptor = canonical.decode(identity.descriptor.encode(), Descriptor)
        try:
            found = probe.probe(descriptor, url=self._url or identity.url, stopped=off.is_set)
        except Interrupted:
            raise Cancelled from None
        return of_link(found, self._rate(), self._clock.utc())


_WELL: Mapping[Check, str] = {
    Check.SPACE: "Hay espacio de sobra.",
    Check.SYNC: "El disco deja los datos a salvo con rapidez.",
    Check.HEALTH: "El disco dice estar sano.",
    Check.ENCRYPTION: "El disco está cifrado por el sistema.",
    Check.SWAP: "Nada de la memoria queda escrito en claro.",
    Check.MEMORY: "Hay memoria libre.",
    Check.POWER: "Hay corriente.",
}


MACHINE = frozenset(_WELL)
"""What any machine can be asked, whatever runs on it."""


def of_machine(check: Check, folder: Path) -> Result:
    """One of MACHINE, about where `folder` lies; a disk that cannot be asked is damaged."""
    ask: Mapping[Check, Callable[[], host.Finding]] = {
        Check.SPACE: lambda: host.space(folder),
        Check.SYNC: lambda: host.sync_time(folder),
        Check.HEALTH: lambda: host.health(folder),
        Check.ENCRYPTION: lambda: host.encryption(folder),
        Check.SWAP: host.swap,
        Check.MEMORY: host.memory,
        Check.POWER: host.power,
    }
    try:
        found = ask[check]()
    except OSError as error:
        return Result.failed(check, Damaged(os.strerror(error.errno or 0)))
    return judged(check, _WELL[check], found.figures, found.trouble, known=found.known)


def spools(bench: Bench) -> bool:
    """Whether slips may pass through the print system: not while another driver has the printer."""
    printer = bench.printer.last_info
    return printer is None or printer.driver == "ipp"


def of_spool(found: Sequence[spool.SpoolFinding], *, used: bool = True) -> Result:
    """What the print system keeps; of a station whose slips do not pass through it, nothing."""
    if not used:
        text = "Los comprobantes no pasan por la cola del sistema."
        return Result(of=Check.SPOOL, outcome=Outcome.OK, text=text)
    figures = tuple((one.setting, one.value) for one in found) or (("CUPS", "no está"),)
    trouble = next((one.trouble for one in found if one.trouble is not None), None)
    known = all(one.known for one in found)
    return judged(Check.SPOOL, "La cola no guarda comprobantes.", figures, trouble, known=known)


def of_screens(screens: Iterable[Screen]) -> Result:
    """The first is the officer's; nobody is blamed for having no second one."""
    seen = tuple(screens)
    if not seen:
        text = "Solo la ventana de la estación conoce sus pantallas."
        return Result(of=Check.SCREENS, outcome=Outcome.UNKNOWN, text=text)
    figures = tuple(
        (f"Pantalla {n}", f"{one.width}×{one.height} px · {one.scale:.0%}")
        for n, one in enumerate(seen, 1)
    )
    figures += (("Del solicitante", "sí" if len(seen) > 1 else "no hay"),)
    trouble = None if seen[0].fits else ScreenSmall()
    return judged(Check.SCREENS, "La ventana cabe entera.", figures, trouble)


def of_clock(skew: Skew | None, doubt_s: int | None) -> Result:
    doubt = "nadie la confirma" if doubt_s is None else f"± {doubt_s:,} s"
    figures: Figures = (("Duda de la hora", doubt),)
    if skew is None and doubt_s is None:
        text = "Nadie confirmó la hora desde que arrancó el equipo."
        return Result(of=Check.CLOCK, outcome=Outcome.UNKNOWN, text=text, figures=figures)
    if skew is None:
        return judged(Check.CLOCK, "La hora está confirmada.", figures, None)
    way = "adelantado" if skew.ahead else "atrasado"
    figures += ((f"Reloj {way}", _span(skew.by)),)
    return judged(Check.CLOCK, "", figures, ClockWrong())


def of_link(found: Probe, rate: float | None, now: datetime) -> Result:
    """What the pings told, beside the speed of the last sending."""
    left = found.certificate_until - now
    figures = (
        ("Ida y vuelta", f"{found.latency_s * 1000:,.0f} ms"),
        ("La más lenta", f"{found.worst_s * 1000:,.0f} ms"),
        ("Conexión", f"{found.connect_s * 1000:,.0f} ms"),
        ("Pérdida", "no se sabe" if found.loss is None else f"{found.loss:.1%}"),
        ("Velocidad", "sin envíos aún" if rate is None else f"{rate / 1000:,.0f} kB/s"),
        ("Cifrado", found.tls),
        ("Certificado hasta", f"{found.certificate_until.astimezone(LIMA):%d/%m/%Y}"),
        ("Diferencia de hora", f"{found.clock_error_s:+,.1f} ± {found.doubt_s:.1f} s"),
    )
    poor = found.latency_s > SLOW_S or (found.loss or 0.0) > LOSSY
    trouble: Trouble | None = LinkPoor() if poor else None
    if left < timedelta(days=CERTIFICATE_DAYS):
        trouble = CertificateEnding()
    return judged(Check.LINK, "Sede central responde y firma su hora.", figures, trouble)


def not_enrolled(check: Check) -> Result:
    text = "La estación todavía no está dada de alta."
    return Result(of=check, outcome=Outcome.UNKNOWN, text=text)


def _span(by: timedelta) -> str:
    if by.days:
        return f"{by.days:,} d"
    minutes = by.seconds // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
