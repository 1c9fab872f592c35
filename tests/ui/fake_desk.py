"""A desk without disk, devices or network: the services' names over plain values."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any, TypeVar, cast

import numpy as np

from migramovil.core import documents, enrollment
from migramovil.core.documents import MrzReading, MrzTrouble
from migramovil.core.downstream import Appointment, Card, Decision, Kind
from migramovil.core.enrollment import Draft, Rules, Step
from migramovil.core.person import Person
from migramovil.core.places import Spot
from migramovil.core.queue import Counts
from migramovil.core.record import RecordState, Stamp
from migramovil.core.roles import Role
from migramovil.core.trouble import Trouble
from migramovil.devices.host import SwapNotEncrypted
from migramovil.devices.lanes import Ticket
from migramovil.devices.mrz.mrz_frames import assemble, mended
from migramovil.devices.ports import (
    DeviceInfo,
    DeviceKind,
    DeviceRole,
    DeviceState,
    Frame,
    Printed,
    SlipLine,
)
from migramovil.services.accounts import KeptDraft, Session
from migramovil.services.backups import Medium, Standing
from migramovil.services.bundles import Exchanged, Exported, Imported
from migramovil.services.bundles import Standing as Stick
from migramovil.services.catalogues import Catalogues, load
from migramovil.services.checklist import ORDER, Kept, KeptLine, SlipUnreadable
from migramovil.services.checks import Check, Outcome, Result, Subject
from migramovil.services.clock import StationClock
from migramovil.services.desk import Desk, Place
from migramovil.services.diagnosing import DeviceReport, DriverReport
from migramovil.services.downstream import Expired
from migramovil.services.downstream import Row as Download
from migramovil.services.drafts import Crash, Parked
from migramovil.services.enrolling import Finished
from migramovil.services.keeping import Held, Slip
from migramovil.services.ledger import AuditLine, DoesNotAddUp, Looked
from migramovil.services.metering import STEP, Today
from migramovil.services.people import PersonRow
from migramovil.services.supporting import Report as SupportReport
from migramovil.services.supporting import Wrong
from migramovil.services.waiting import Left
from migramovil.store.backup import Report
from migramovil.store.keys import SlotInfo
from migramovil.store.ledger import Figures
from migramovil.store.reserve import Room
from migramovil.store.verify import Finding
from migramovil.sync.machine import Status
from migramovil.sync.ports import NoLink

T = TypeVar("T")
NOON = "2026-11-23T15:42:07Z"  # 10:42:07 in Lima
RIGHT = "Cordillera-07-azul"


class WrongPassword(Trouble):
    code = "ACC-09"
    what = "La contraseña no es correcta."
    advice = "Escríbala otra vez."


class NoPaper(Trouble):
    code = "PRN-02"
    what = "La impresora se quedó sin papel."
    advice = "Abra la tapa y ponga un rollo nuevo; luego reimprima."


class DirtyGlass(Trouble):
    code = "FPR-07"
    what = "El vidrio del huellero está sucio o con luz directa."
    advice = "Limpie el vidrio con paño seco; aleje el lector del sol."


def done(value: T) -> Ticket[T]:
    future: Future[T] = Future()
    future.set_result(value)
    return Ticket(future, Event())


def failed(trouble: Exception) -> Ticket[Any]:
    future: Future[Any] = Future()
    future.set_exception(trouble)
    return Ticket(future, Event())


def pending() -> Ticket[Any]:
    return Ticket(Future(), Event())


class Accounts:
    def __init__(self) -> None:
        self.enrolled = True
        self.session: Session | None = None
        self.kept: KeptDraft | None = None
        self.role = Role.OFFICER
        self.slow: Ticket[Any] | None = None
        self.asked: list[tuple[str, ...]] = []
        self.locks = 0
        self.wait = 0.0

    def people(self) -> tuple[SlotInfo, ...]:
        return (
            SlotInfo(account="1", username="rquispe", role=Role.OFFICER),
            SlotInfo(account="2", username="jticona", role=Role.SUPERVISOR),
        )

    def log_in(self, username: str, password: str) -> Ticket[Session]:
        self.asked.append((username, password))
        if self.slow is not None:
            return self.slow
        if password != RIGHT:
            return failed(WrongPassword())
        self.session = Session(account="1", username=username, role=self.role)
        return done(self.session)

    def lock(self) -> None:
        self.session = None
        self.locks += 1

    def wait_s(self, username: str) -> float:
        return self.wait

    def kept_draft(self) -> KeptDraft | None:
        return self.kept

    def enroll(self, *told: str) -> Ticket[None]:
        self.asked.append(told)
        if self.slow is not None:
            return self.slow
        self.enrolled = True
        return done(None)


class People:
    """Accounts in memory."""

    def __init__(self) -> None:
        self.rows: list[PersonRow] = []
        self.asked: list[tuple[str, ...]] = []
        self.trouble: Trouble | None = None

    def everyone(self) -> Ticket[tuple[PersonRow, ...]]:
        return done(tuple(self.rows))

    def _do(self, *asked: str) -> Ticket[None]:
        self.asked.append(asked)
        return failed(self.trouble) if self.trouble else done(None)

    def add(self, username: str, password: str, role: Role) -> Ticket[None]:
        return self._do("add", username, password, role)

    def reset(self, account: str, password: str) -> Ticket[None]:
        return self._do("reset", account, password)

    def revoke(self, account: str, reason: str) -> Ticket[None]:
        return self._do("revoke", account, reason)

    def change_password(self, old: str, new: str) -> Ticket[None]:
        return self._do("change", old, new)


class Recovery:
    """Headquarters' ways back in, as far as a page asks."""

    def __init__(self) -> None:
        self.spare: int | None = 3
        self.asked: list[tuple[object, ...]] = []
        self.trouble: Trouble | None = None

    def number(self) -> int | None:
        return self.spare

    def _do(self, *asked: object) -> Ticket[None]:
        self.asked.append(asked)
        return failed(self.trouble) if self.trouble else done(None)

    def by_voice(
        self, number: int, username: str, password: str, lines: Sequence[str]
    ) -> Ticket[None]:
        return self._do("voice", number, username, password, *lines)

    def save_request(self, username: str, password: str, path: Path) -> Ticket[None]:
        return self._do("request", username, password, path.name)

    def take_reply_from(self, username: str, password: str, path: Path) -> Ticket[None]:
        return self._do("reply", username, password, path.name)


@functools.cache
def _catalogues() -> Catalogues:
    return load()


class Enrolling:
    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self.draft: Draft | None = None
        self.drafts: tuple[Draft, ...] = ()
        self.saved_at = "10:42:07"
        self.rules = Rules(
            today=date(2026, 11, 23), procedures=["CPP"], countries=["VEN", "PER"], ubigeos=[]
        )
        self.saved: list[Callable[[], object]] = []
        self.slow: Ticket[Any] | None = None
        self.starts = 0
        self.busy = False
        self.corrected: list[tuple[str, str]] = []
        known = _catalogues()
        self.catalogue, self.countries = known.procedures, known.countries
        self.districts, self.notices = known.districts, known.notices

    def missing(self) -> tuple[enrollment.Missing, ...]:
        return enrollment.what_is_missing(self.draft, self.rules) if self.draft else ()

    def read_typed(self, text: str) -> MrzReading:
        lines = assemble(mended(text))
        if lines is None:
            raise MrzTrouble
        return documents.parse_mrz(lines, today=self.rules.today)

    def when_saved(self, call: Callable[[], object]) -> None:
        self.saved.append(call)

    def start(self) -> Ticket[Draft]:
        self.starts += 1
        if self.slow is not None:
            return self.slow
        self.draft = a_draft("new", step=Step.PROCEDURE, person=Person())
        return done(self.draft)

    def correct(self, record_id: str, why: str) -> Ticket[Draft]:
        self.corrected.append((record_id, why))
        return self.start()

    def resume(self, record_id: str) -> Ticket[Draft]:
        self.draft = next(d for d in self.drafts if d.record_id == record_id)
        return done(self.draft)

    def park(self) -> None:
        self.draft = None

    def change(self, **fields: Any) -> Draft:
        assert self.draft is not None
        self.draft = replace(self.draft, **fields)
        self._accounts.kept = KeptDraft(step=self.draft.step.value, saved=self.saved_at)
        return self.draft

    def next_finger(self, after: int | None = None) -> int | None:
        return 1 if after is None else after % 10 + 1

    def portrait_pixels(self) -> Ticket[Any]:
        return done(np.full((400, 300, 3), 90, np.uint8))


class Drafts:
    """The drafts of `enrolling`, and any `others` beside them."""

    def __init__(self, enrolling: Enrolling) -> None:
        self._enrolling = enrolling
        self.others: tuple[Parked, ...] = ()
        self.expired = False
        self.crash: Crash | None = None
        self.asked: list[tuple[str, ...]] = []
        self.trouble: Trouble | None = None
        self.beats = 0

    def parked(self) -> Ticket[tuple[Parked, ...]]:
        mine = tuple(a_parked(draft, expired=self.expired) for draft in self._enrolling.drafts)
        return done(mine + self.others)

    def portrait(self, record_id: str) -> Ticket[Any]:
        return self._enrolling.portrait_pixels()

    def void(self, *told: str) -> Ticket[None]:
        self.asked.append(told)
        return failed(self.trouble) if self.trouble else done(None)

    def discard(self, record_id: str) -> Ticket[None]:
        self.asked.append((record_id,))
        kept = tuple(d for d in self._enrolling.drafts if d.record_id != record_id)
        self._enrolling.drafts = kept
        return done(None)

    def after_crash(self) -> Ticket[Crash | None]:
        crash, self.crash = self.crash, None
        return done(crash)

    def alive(self) -> Ticket[None]:
        self.beats += 1
        return done(None)


def a_parked(draft: Draft, *, expired: bool = False, by: str = "rquispe") -> Parked:
    return Parked(
        record_id=draft.record_id, draft=draft, by=by, saved_utc=NOON, expired=expired
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Row:
    record: str
    folio: str
    seq: int
    sealed_utc: str
    size: int
    digest: str
    state: RecordState
    reason: str = ""
    copied_utc: str = ""
    word: str = ""


class Whereabouts:
    def __init__(self) -> None:
        self.proposal: Spot | None = None
        self.accepted = 0
        self.trouble: Trouble | None = None
        self.on_change: Callable[[], object] = lambda: None

    def accept(self) -> Ticket[None]:
        self.accepted += 1
        if self.trouble is not None:
            return failed(self.trouble)
        self.proposal = None
        return done(None)


class Waiting:
    def __init__(self) -> None:
        self.all: list[Row] = []
        self.next_try: float | None = None
        self.apart: dict[str, Trouble] = {}
        self.speed: float | None = None
        self.still = 0.0
        self.status: Status | None = None
        self.asked: list[tuple[int, int]] = []
        self.sent = 0
        self.listeners: list[Callable[[], object]] = []

    def counts(self) -> Counts:
        return Counts(**{s.value: self.total((s,)) for s in RecordState})

    def rows(self, offset: int, limit: int, states: Sequence[str] | None = None) -> list[Row]:
        self.asked.append((offset, limit))
        return [r for r in self.all if states is None or r.state in states][offset : offset + limit]

    def total(self, states: Sequence[str] | None = None) -> int:
        return sum(states is None or r.state in states for r in self.all)

    def state(self, record_id: str) -> str:
        return next((str(r.state) for r in self.all if r.record == record_id), "")

    def send_now(self) -> None:
        self.sent += 1

    def next_try_s(self) -> float | None:
        told = self.status.next_try_s if self.status else None
        return told if self.next_try is None else self.next_try

    def copied(self) -> int:
        return sum(bool(r.copied_utc) for r in self.all)

    def when_status(self, call: Callable[[], object]) -> None:
        self.listeners.append(call)

    def row(self, record_id: str) -> Row | None:
        return next((r for r in self.all if r.record == record_id), None)

    def aside(self) -> dict[str, Trouble]:
        told = self.status
        why = (told and told.trouble) or NoLink()
        return self.apart | dict.fromkeys(told.aside if told else (), why)

    def left(self) -> Left:
        return Left(bytes=sum(r.size for r in self.all if r.state is RecordState.SEALED))

    def rate(self) -> float | None:
        return self.speed

    def finish_s(self) -> float | None:
        return self.left().bytes / self.speed if self.speed else None

    def still_s(self) -> float:
        return self.still


class Spending:
    """The day's account, and what was asked of it."""

    def __init__(self) -> None:
        self.told = Today()
        self.asked: list[str] = []
        self.trouble: Trouble | None = None

    def today(self) -> Today:
        return self.told

    def switch(self, metered: bool) -> None:
        self.told = replace(self.told, switched=metered, metered=metered)

    def allow_more(self) -> Ticket[Today]:
        self.asked.append("more")
        self.told = replace(self.told, limit=self.told.limit + STEP)
        return failed(self.trouble) if self.trouble else done(self.told)

    def release_images(self) -> Ticket[Today]:
        self.asked.append("images")
        self.told = replace(self.told, holds=False)
        return failed(self.trouble) if self.trouble else done(self.told)


class Printing:
    def __init__(self) -> None:
        self.printed: list[str] = []
        self.trouble: Trouble | None = None
        self.confirmed = True

    def slip_lines(self, finished: Finished) -> list[SlipLine]:
        return [
            SlipLine(text="COMPROBANTE DE ATENCIÓN", bold=True, centre=True),
            SlipLine(text="Módulo 2 · Desaguadero, Puno", centre=True),
            SlipLine(text="", rule=True),
            SlipLine(text="Folio", centre=True),
            SlipLine(text=finished.folio, bold=True, centre=True),
            SlipLine(text=finished.folio, qr=True, centre=True),
            SlipLine(text="Trámite", right=finished.procedure),
            SlipLine(text="Atendido", right="23/11/2026 10:42"),
            SlipLine(text="Iniciales", right=finished.initials),
            SlipLine(text="", rule=True),
            SlipLine(text="Sede central decide. No use intermediarios.", bold=True, centre=True),
            SlipLine(text="ENTRENAMIENTO: NO VÁLIDO", bold=True, centre=True),
        ]

    def print_slip(self, finished: Finished) -> Ticket[Printed]:
        self.printed.append(finished.folio)
        told = Printed(job="", confirmed=self.confirmed)
        return failed(self.trouble) if self.trouble else done(told)


class Diagnosing:
    def __init__(self) -> None:
        self.known = dict.fromkeys(DeviceRole, DeviceState.READY)
        self.trouble: Trouble | None = None
        self.slow: Ticket[Any] | None = None
        self.tested: list[Subject] = []
        self.listeners: list[Callable[[], object]] = []
        self.plugged: tuple[DeviceInfo, ...] = ()  # cameras
        self.serving: dict[DeviceRole, DeviceInfo] = {}
        self.watched: list[tuple[DeviceInfo, Ticket[Any], Callable[[Frame], object]]] = []

    def cameras(self) -> Ticket[tuple[DeviceInfo, ...]]:
        return done(self.plugged)

    def role_of(self, device: DeviceInfo) -> DeviceRole | None:
        return next((role for role, info in self.serving.items() if info == device), None)

    def watch(self, camera: DeviceInfo, on_frame: Callable[[Frame], object]) -> Ticket[None]:
        ticket = failed(self.trouble) if self.trouble else pending()
        self.watched.append((camera, ticket, on_frame))
        return ticket

    def assign(self, role: DeviceRole, device: DeviceInfo) -> Ticket[None]:
        if self.slow is not None:
            return self.slow
        if self.trouble is not None:
            return failed(self.trouble)
        kept = {known: info for known, info in self.serving.items() if info != device}
        self.serving = {**kept, role: device}
        return done(None)

    def states(self) -> dict[DeviceRole, DeviceState]:
        return dict(self.known)

    def reasons(self) -> dict[DeviceRole, str]:
        away = "No hay ningún dispositivo de este tipo conectado."
        return {role: away for role, state in self.known.items() if state is DeviceState.ABSENT}

    def devices(self) -> Ticket[tuple[DeviceReport, ...]]:
        return done(
            tuple(
                DeviceReport(
                    role=role, driver="simulado", model=f"Modelo {role.value}", serial="0417",
                    state=state, simulated=True,
                )
                for role, state in self.known.items()
            )
        )  # fmt: skip

    def subjects(self) -> tuple[Subject, ...]:
        return (*self.known, *Check)

    def shown_on(self, screens: Sequence[object]) -> None:
        self.screens = screens

    def drivers(self) -> Ticket[tuple[DriverReport, ...]]:
        here = DriverReport(
            name="simulado", kind=DeviceKind.CAMERA, installed=True, found=self.plugged
        )
        away = DriverReport(name="libfprint", kind=DeviceKind.FINGERPRINT, installed=False)
        return done((here, away))

    def test(self, of: Subject, tell: Callable[..., object]) -> Ticket[Result]:
        self.tested.append(of)
        tell("Un momento.", None)
        if self.slow is not None:
            return self.slow
        if self.trouble is not None:
            return done(Result.failed(of, self.trouble))
        figures = (("Tiempo de captura", "0.4 s"), ("Resolución declarada", "500 ppp"))
        if isinstance(of, Check):
            return done(Result(of=of, outcome=Outcome.OK, text="Hay espacio.", figures=figures))
        pixels = np.tile(np.arange(0, 240, dtype=np.uint8), (300, 1))
        text = "El equipo entrega imágenes."
        return done(Result(of=of, outcome=Outcome.OK, text=text, figures=figures, pixels=pixels))

    def read_back(self, tell: Callable[..., object]) -> Ticket[Result]:
        return self.test(DeviceRole.PRINTER, tell)

    def when_devices(self, call: Callable[[], object]) -> None:
        self.listeners.append(call)


class Checklist:
    """The start of a jornada; `diagnosing` answers each check."""

    def __init__(self, diagnosing: Diagnosing) -> None:
        self.diagnosing = diagnosing
        self.trouble: Trouble | None = None
        self.kept: list[list[Result]] = []
        lines = tuple(KeptLine(of=of.value, outcome=Outcome.OK) for of in ORDER[:-1])
        self.before: Kept | None = Kept(
            day="2026-11-22", utc="2026-11-22T12:58:00Z", lines=lines, vouched=True
        )
        self.today: Kept | None = None

    def check(self, of: Subject, tell: Callable[..., object]) -> Ticket[Result]:
        return self.diagnosing.test(of, tell)

    def print_slip(self, results: Sequence[Result]) -> Ticket[Result]:
        self.printed = list(results)
        return self.diagnosing.test(DeviceRole.PRINTER, lambda *_: None)

    def looked_at(self, printed: Result, *, reads_well: bool) -> Result:
        trouble = SlipUnreadable()
        return printed if reads_well else Result.failed(DeviceRole.PRINTER, trouble)

    def keep(self, results: Sequence[Result]) -> Ticket[Kept]:
        if self.trouble is not None:
            return failed(self.trouble)
        self.kept.append(list(results))
        return done(Kept(day="2026-11-23", utc=NOON, lines=(), vouched=True))

    def last(self) -> Ticket[tuple[Kept | None, Kept | None]]:
        return done((self.today, self.before))


class Supporting:
    def __init__(self) -> None:
        lasting = (
            ("printer", "Impresora", NoPaper),
            ("swap", "Memoria de intercambio", SwapNotEncrypted),
        )
        wrong = tuple(
            Wrong(where=where, name=name, code=kind.code, what=kind.what, advice=kind.advice,
                  who=kind.who.value)
            for where, name, kind in lasting
        )  # fmt: skip
        self.report = SupportReport(content={}, wrong=wrong)
        self.slow: Ticket[Any] | None = None
        self.trouble: Trouble | None = None
        self.key = True
        self.sent: list[SupportReport] = []
        self.saved: list[Path] = []

    def collect(self) -> Ticket[SupportReport]:
        return self.slow or done(self.report)

    def can_seal(self) -> bool:
        return self.key

    def send(self, report: SupportReport) -> Ticket[None]:
        self.sent.append(report)
        return failed(self.trouble) if self.trouble else done(None)

    def save(self, _: SupportReport, folder: Path) -> Ticket[Path]:
        self.saved.append(folder)
        path = folder / "migramovil-soporte" / "07B-20261123-104207.report"
        return failed(self.trouble) if self.trouble else done(path)


class Keeping:
    def __init__(self) -> None:
        self.now = Held(slips=38, ends_utc="2026-11-24T11:00:00Z", purge_pending=False)
        self.slipped: list[str] = ["r0"]
        self.reprinted: list[str] = []
        self.closed = 0
        self.trouble: Trouble | None = None

    def held(self) -> Ticket[Held]:
        return done(self.now)

    def slips(self) -> Ticket[tuple[Slip, ...]]:
        return done(tuple(Slip(finished=a_finished(one), reprints=0) for one in self.slipped))

    def reprint(self, record_id: str) -> Ticket[Printed]:
        self.reprinted.append(record_id)
        return failed(self.trouble) if self.trouble else done(Printed(job="", confirmed=True))

    def close_jornada(self) -> Ticket[Held]:
        self.closed += 1
        self.now = Held(slips=0, ends_utc="", purge_pending=False)
        return done(self.now)


class Ledger:
    def __init__(self) -> None:
        self.told: Figures | None = None
        self.waiting = Waiting()
        self.looked: Looked | None = None
        self.findings: tuple[Finding, ...] = ()
        self.lines: tuple[AuditLine, ...] = ()
        self.slow: Ticket[Any] | None = None
        self.saved: list[Path] = []
        self.steps: list[Callable[[int, int], object]] = []
        self.listeners: list[Callable[[], object]] = []

    def figures(self) -> Figures:
        counts = self.waiting.counts()
        n = counts.sealed, counts.stored, counts.opened, counts.refused
        return self.told or Figures(
            day="", finished=sum(n), sealed=n[0], stored=n[1], opened=n[2], refused=n[3]
        )

    def days(self) -> list[Figures]:
        return [
            replace(self.figures(), day="2026-11-23"),
            Figures(day="2026-11-22", finished=41, sealed=0, stored=0, opened=41, refused=0),
        ]

    def trouble(self) -> Trouble | None:
        looked = self.looked
        wrong = not self.figures().fits or (looked is not None and looked.findings)
        return DoesNotAddUp() if wrong else None

    def when_looked(self, call: Callable[[], object]) -> None:
        self.listeners.append(call)

    def officers(self) -> Ticket[tuple[tuple[str, int], ...]]:
        return done((("rquispe", 21), ("chuamani", 17)))

    def whole(self, progress: Callable[[int, int], object]) -> Ticket[Looked]:
        self.steps.append(progress)
        if self.slow is not None:
            return self.slow
        self.looked = Looked(findings=self.findings, utc=NOON, whole=True)
        return done(self.looked)

    def audit_lines(self) -> Ticket[tuple[AuditLine, ...]]:
        return done(self.lines)

    def audit_check(self) -> Ticket[tuple[Finding, ...]]:
        return done(self.findings)

    def save_audit(self, path: Path) -> Ticket[Path]:
        self.saved.append(path)
        return done(path)

    def save_report(self, path: Path) -> Ticket[Path]:
        self.saved.append(path)
        return done(path)


class Backups:
    def __init__(self) -> None:
        self.told = Standing(verified_utc="", age=None, overdue=True)
        self.plugged: tuple[Medium, ...] = ()
        self.ticket: Ticket[Any] | None = None
        self.asked: list[str] = []
        self.bad: tuple[str, ...] = ()
        self.listeners: list[Callable[[], object]] = []

    def standing(self) -> Standing:
        return self.told

    def media(self) -> tuple[Medium, ...]:
        return self.plugged

    def when_changed(self, call: Callable[[], object]) -> None:
        self.listeners.append(call)

    def back_up(self, folder: Path) -> Ticket[Report]:
        self.asked.append(f"back up {folder.name}")
        return self.ticket or done(a_report())

    def check(self, folder: Path) -> Ticket[tuple[str, ...]]:
        self.asked.append(f"check {folder.name}")
        return done(self.bad)

    def call_off(self) -> None:
        self.asked.append("call off")


class Bundles:
    """Sticks: what one visit comes to, or a ticket in its place."""

    def __init__(self) -> None:
        self.told = Stick()
        self.ticket: Ticket[Any] | None = None
        self.asked: list[str] = []
        self.listeners: list[Callable[[], object]] = []

    def standing(self) -> Stick:
        return self.told

    def when_changed(self, call: Callable[[], object]) -> None:
        self.listeners.append(call)

    def exchange(self, folder: Path) -> Ticket[Exchanged]:
        self.asked.append(f"exchange {folder.name}")
        return self.ticket or done(an_exchange())

    def call_off(self) -> None:
        self.asked.append("call off")


class Downstream:
    def __init__(self) -> None:
        self.told: tuple[Download, ...] = tuple(Download(kind=kind) for kind in Kind)
        self.decided: tuple[Decision, ...] = ()
        self.visits: tuple[Appointment, ...] = ()
        self.held: tuple[Card, ...] = ()
        self.wrong: Trouble | None = None
        self.listeners: list[Callable[[], object]] = []

    def rows(self) -> tuple[Download, ...]:
        return self.told

    def trouble(self) -> Trouble | None:
        return Expired() if any(row.expired for row in self.told) else None

    def keys_version(self) -> int:
        return 2

    def appointments(self) -> Ticket[tuple[Appointment, ...]]:
        return failed(self.wrong) if self.wrong else done(self.visits)

    def cards(self) -> Ticket[tuple[Card, ...]]:
        return done(self.held)

    def decisions(self) -> Ticket[tuple[Decision, ...]]:
        return done(self.decided)

    def when_changed(self, call: Callable[[], object]) -> None:
        self.listeners.append(call)


def an_exchange(**other: Any) -> Exchanged:
    out = Exported(packets=14, copied=5, bytes=29_000_000, letters=1, damaged=0)
    came = Imported(receipts=12, opened=10, answers=1, lists=("procedures",), troubles=())
    plain: dict[str, Any] = {"imported": came, "exported": out}
    return Exchanged(**(plain | other))


class Reserve:
    def __init__(self) -> None:
        self.people = 40

    def room(self) -> Room:
        return Room(free=self.people + 1, reserved=1, each=1)

    def short(self) -> str:
        return f"{self.people} personas más"

    def words(self) -> str:
        return f"Espacio para {self.short()}"


def a_report(**other: Any) -> Report:
    plain: dict[str, Any] = {
        "packets": 38, "copied": 5, "bytes": 81_000_000, "drafts": 2, "snapshot": "a1",
        "damaged": (),
    }  # fmt: skip
    return Report(**(plain | other))


@dataclass(kw_only=True)
class FakeDesk:
    place: Place
    accounts: Accounts
    people: People
    recovery: Recovery
    enrolling: Enrolling
    drafts: Drafts
    printing: Printing
    waiting: Waiting
    diagnosing: Diagnosing
    clock: StationClock
    checklist: Checklist
    keeping: Keeping = field(default_factory=Keeping)
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        self.ledger.waiting = self.waiting

    supporting: Supporting = field(default_factory=Supporting)
    backups: Backups = field(default_factory=Backups)
    reserve: Reserve = field(default_factory=Reserve)
    bundles: Bundles = field(default_factory=Bundles)
    downstream: Downstream = field(default_factory=Downstream)
    spending: Spending = field(default_factory=Spending)
    whereabouts: Whereabouts = field(default_factory=Whereabouts)

    @property
    def real(self) -> Desk:
        """Itself, as what the windows ask for."""
        return cast(Desk, self)


def a_desk(*, role: Role | None = None) -> FakeDesk:
    """A desk at 10:42 in Lima; with `role`, somebody is inside."""
    from datetime import datetime

    accounts = Accounts()
    if role is not None:
        accounts.session = Session(account="1", username="rquispe", role=role)
        accounts.role = role
    enrolling = Enrolling(accounts)
    diagnosing = Diagnosing()
    return FakeDesk(
        place=Place(name="Módulo 2", where="Desaguadero, Puno", code="07B", training=True),
        accounts=accounts,
        people=People(),
        recovery=Recovery(),
        enrolling=enrolling,
        drafts=Drafts(enrolling),
        printing=Printing(),
        waiting=Waiting(),
        diagnosing=diagnosing,
        checklist=Checklist(diagnosing),
        clock=StationClock(lambda: datetime.fromisoformat(NOON)),
    )


def a_draft(record_id: str = "one", *, step: Step, person: Person | None = None) -> Draft:
    known = Person(
        first_surname="Peñalver", second_surname="Núñez", given_names="Marisela Andreína"
    )
    return Draft(
        record_id=record_id, started=Stamp(utc="2026-11-23T15:30:58Z"), started_by="1",
        step=step, procedure="CPP", person=known if person is None else person,
    )  # fmt: skip


def some_rows(count: int = 38) -> list[Row]:
    """A line of mixed states, newest first."""
    states = [RecordState.SEALED] * 14 + [RecordState.REFUSED] + [RecordState.STORED] * 5
    made = []
    for n in range(count):
        state = states[n] if n < len(states) else RecordState.OPENED
        made.append(
            Row(
                record=f"r{n}", folio=f"MM-07B-20261123-{count - n:04d}-{n % 10}", seq=count - n,
                sealed_utc=f"2026-11-23T{13 + n % 3}:{n % 60:02d}:08Z", size=1_800_000 + n * 31_000,
                digest=f"{n:064x}", state=state,
                reason="Catálogo vencido" if state is RecordState.REFUSED else "",
            )
        )  # fmt: skip
    return made


def a_status(kind: Any = "offline", **other: Any) -> Status:
    plain: dict[str, Any] = {
        "waiting": 14, "sending_index": 0, "sending_total": 0, "record": "", "sent_bytes": 0,
        "size": 0, "next_try_s": None, "trouble": None, "last_contact_utc": "",
    }  # fmt: skip
    return Status(kind=kind, **(plain | other))


def a_finished(record_id: str = "r0") -> Finished:
    return Finished(
        record_id=record_id, folio="MM-07B-20261123-0038-0", size=2_312_000, sealed_utc=NOON,
        seq=38, procedure="CPP", initials="M. A. P. N.",
    )  # fmt: skip
