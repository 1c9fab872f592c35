"""The station process of the demonstration: an officer's keys over the real pages and services."""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from migramovil import app, opening
from migramovil.core import canonical
from migramovil.core.documents import DOCUMENT_LABELS
from migramovil.core.places import District
from migramovil.core.procedures import in_force
from migramovil.core.record import BadReceipt, Descriptor, check_receipt
from migramovil.core.roles import Role
from migramovil.demo.hand import Hand
from migramovil.demo.training import NAME, OFFICER, PASSPHRASE, SUPERVISOR
from migramovil.devices.sim import people
from migramovil.devices.sim.people import SimPerson
from migramovil.devices.sim.station import SimulatedStation

KILLED = 9
_OPENED_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one life of the station process does; people `first` … `first + count - 1`."""

    data: str
    url: str
    code: str
    seed: int
    first: int
    count: int
    slips: str
    screens: str
    die_after_finish: bool = False
    expect_trouble: bool = False
    settle_s: float = _OPENED_S


def play(plan_file: Path) -> int:
    """Enroll the plan's people; say what was finished on standard output, one object a line."""
    plan = msgspec.json.decode(plan_file.read_bytes(), type=Plan)
    qt = QApplication.instance() or QApplication(sys.argv[:1])
    coming = itertools.islice(people.population(plan.seed), plan.first, plan.first + plan.count)
    sim = SimulatedStation(coming, pace_s=0.02, save_slips_to=Path(plan.slips))
    station = app.build(Path(plan.data), training=True, sim=sim, url=plan.url)
    if not station.desk.accounts.enrolled:
        _set_up(station, plan)
    window, _bridge = opening.window_for(station)
    window.show()
    try:
        hand = Hand(window, Path(plan.screens))
        _enter(hand)
        _tell(say="offline")
        station.start_sync()
        for _ in range(plan.count):
            _one_person(hand, station, sim)
            if plan.die_after_finish:
                sys.stdout.flush()
                os._exit(KILLED)
        _the_rest_of_the_screens(hand)
        _tell(say="online")
        _settle(hand, station, plan)
        _report(station)
    finally:
        window.allow_close()
        window.close()
        station.close()
        qt.processEvents()
    return 0


def _set_up(station: app.Station, plan: Plan) -> None:
    """The first morning: the station is enrolled on its own page, and gets an officer."""
    window, _bridge = opening.window_for(station)
    window.show()
    hand = Hand(window, Path(plan.screens))
    hand.wait_page("SetupPage")
    hand.type("Dirección de sede central", plan.url)
    hand.type("Código de enrolamiento", plan.code)
    hand.type("Nombre de la estación", NAME)
    hand.type("Usuario de quien supervisa", SUPERVISOR)
    hand.type("Contraseña", PASSPHRASE)
    hand.type("Otra vez la contraseña", PASSPHRASE)
    hand.picture("00-enrolar-estacion")
    hand.primary()
    hand.wait_page("LoginPage")
    accounts = station.desk.accounts
    accounts.log_in(SUPERVISOR, PASSPHRASE).result()
    accounts.add_officer(OFFICER, PASSPHRASE, Role.OFFICER).result()
    accounts.lock()
    if station.engine is not None:  # the day begins without a link
        station.engine.stop()
        station.engine = None
    window.allow_close()
    window.close()


def _enter(hand: Hand) -> None:
    hand.wait_page("LoginPage")
    hand.type("¿Quién entra?", OFFICER)
    hand.type("Contraseña", PASSPHRASE)
    hand.picture("01-entrada")
    hand.field("Contraseña").control.setFocus()
    hand.press(Qt.Key.Key_Return)
    hand.wait_page("HomePage")
    hand.picture("02-jornada")


def _one_person(hand: Hand, station: app.Station, sim: SimulatedStation) -> None:
    hand.wait_page("HomePage")
    person = sim.next_person()
    if not isinstance(person, SimPerson):
        raise TypeError("nobody is left to come")
    hand.primary()
    _procedure(hand, station, person)
    _identity(hand, station)
    _person(hand, station, person)
    _portrait(hand, station)
    _fingers(hand, station)
    _consent(hand)
    hand.wait_page("ReviewPage")
    hand.picture("07-revision")
    hand.primary()
    hand.wait_page("DonePage", 60)
    row = station.desk.waiting.rows(0, 1)
    finished = max(row, key=lambda r: r.seq)
    before = len(sim.printer.slips)
    hand.wait(lambda: len(sim.printer.slips) >= max(before, 1), "the slip")
    hand.picture("08-terminado")
    _tell(record_id=finished.record, folio=finished.folio, sealed_bytes=finished.size)
    hand.press(Qt.Key.Key_Escape)


def _procedure(hand: Hand, station: app.Station, person: SimPerson) -> None:
    hand.wait_page("ProcedurePage")
    today = station.desk.clock.today()
    codes = [p.code for p in in_force(station.desk.enrolling.catalogue, today)]
    number = codes.index(person.procedure) + 1 if person.procedure in codes else 1
    hand.window.setFocus()
    hand.press(Qt.Key(Qt.Key.Key_0.value + number))
    hand.type("Número del comprobante de pago", person.receipt.number)
    hand.picture("03-tramite")
    hand.primary()


def _identity(hand: Hand, station: app.Station) -> None:
    hand.wait_page("IdentityPage")
    hand.press(Qt.Key.Key_F5)
    enrolling = station.desk.enrolling
    hand.wait(lambda: bool(enrolling.draft and enrolling.draft.mrz_lines), "the document")
    hand.picture("04-identidad-lectura")
    hand.press(Qt.Key.Key_F8)
    hand.wait(lambda: bool(enrolling.draft and enrolling.draft.mrz_confirmed), "the confirmation")
    hand.picture("04-identidad")
    hand.primary()


def _person(hand: Hand, station: app.Station, person: SimPerson) -> None:
    hand.wait_page("PersonPage")
    hand.type("Primer apellido", person.first_surname)
    if person.second_surname:
        hand.type("Segundo apellido", person.second_surname)
    else:
        hand.field("Segundo apellido").control.setFocus()
        hand.press(Qt.Key.Key_F2)
    hand.type("Nombres", person.given_names)
    hand.type("País de nacimiento", person.birth_country)
    hand.type("País de residencia", "PER")
    place = _district(station, person.ubigeo)
    hand.type("Departamento", place.department)
    hand.type("Provincia", place.province)
    hand.type("Distrito", place.district)
    hand.type("Dirección", person.address)
    hand.type("Celular", person.phone)
    if person.email:
        hand.type("Correo", person.email)
    if person.guardian is not None:
        _guardian(hand, person)
    hand.picture("05-datos")
    hand.primary()


def _guardian(hand: Hand, person: SimPerson) -> None:
    guardian = person.guardian
    if guardian is None:
        return
    names = (guardian.given_names, guardian.first_surname, guardian.second_surname)
    kinds = {kind.value: words for kind, words in DOCUMENT_LABELS.items()}
    hand.type("Nombres y apellidos", " ".join(name for name in names if name))
    hand.type("Tipo de documento", kinds[guardian.document_type])
    hand.type("Número", guardian.document_number)
    hand.type("Parentesco o cargo", {"mother": "madre", "father": "padre"}[guardian.relationship])


def _district(station: app.Station, ubigeo: str) -> District:
    districts: tuple[District, ...] = station.desk.enrolling.districts
    return next(d for d in districts if d.ubigeo == ubigeo)


def _portrait(hand: Hand, station: app.Station) -> None:
    hand.wait_page("PortraitPage")
    hand.wait(lambda: station.desk.diagnosing is not None, "the preview")
    began = time.monotonic()
    hand.wait(lambda: time.monotonic() - began > 1.0, "the preview")
    hand.picture("06-fotografia-vista")
    hand.primary()
    enrolling = station.desk.enrolling
    hand.wait(lambda: bool(enrolling.draft and enrolling.draft.portrait), "the portrait")
    hand.picture("06-fotografia")
    hand.primary()


def _fingers(hand: Hand, station: app.Station) -> None:
    hand.wait_page("FingersPage")
    enrolling = station.desk.enrolling
    asked = 0
    end = time.monotonic() + 120
    while enrolling.next_finger() is not None:
        if time.monotonic() > end:
            raise TimeoutError("fingers")
        taken = sum(len(f.attempts) for f in enrolling.draft.fingers) if enrolling.draft else 0
        if taken >= asked:
            asked = taken + 1
            hand.press(Qt.Key.Key_F5)
        began, seen = time.monotonic(), taken

        def more(began: float = began, seen: int = seen) -> bool:
            draft = enrolling.draft
            count = sum(len(f.attempts) for f in draft.fingers) if draft else 0
            return count > seen or time.monotonic() - began > 4

        hand.wait(more, "a finger")
        if time.monotonic() - began > 4:
            asked = taken  # nothing came: ask again
        draft = enrolling.draft
        if draft is not None and len(draft.fingers) == 7:
            hand.picture("05b-huellas")
    hand.primary()


def _consent(hand: Hand) -> None:
    hand.wait_page("ConsentPage")
    hand.focus("Cómo se dio el aviso")
    hand.press(Qt.Key.Key_L)
    hand.window.setFocus()
    hand.press(Qt.Key.Key_S)
    hand.picture("06b-aviso")
    hand.primary()


def _the_rest_of_the_screens(hand: Hand) -> None:
    hand.wait_page("HomePage")
    hand.picture("09-jornada-con-cola")
    for key, page, name in (
        ("Alt+2", "QueuePage", "10-envios-sin-conexion"),
        ("Alt+3", "DiagnosticsPage", "12-diagnostico"),
    ):
        _chord(hand, key)
        hand.wait_page(page)
        hand.picture(name)


def _chord(hand: Hand, keys: str) -> None:
    from PySide6.QtTest import QTest  # noqa: PLC0415 - only here

    QTest.keySequence(hand.window, keys)
    QTest.qWait(30)


def _settle(hand: Hand, station: app.Station, plan: Plan) -> None:
    """Wait until headquarters opened everything, or plainly will not."""
    if station.engine is not None:
        station.engine.wake(link_changed=True)
    end = time.monotonic() + plan.settle_s
    _chord(hand, "Alt+2")

    def over() -> bool:
        counts = station.desk.waiting.counts()
        status = station.desk.waiting.status
        halted = status is not None and status.kind == "halted"
        ended = counts.sealed + counts.stored == 0
        return ended or halted or time.monotonic() > end

    hand.wait(over, "the receipts", plan.settle_s + 10)
    hand.picture("11-envios-al-dia")


def _report(station: app.Station) -> None:
    identity = station.outbox.station()
    if identity is None:
        return
    keys = canonical.decode(identity.descriptor.encode(), Descriptor)
    total = station.outbox.total()
    for row in station.outbox.rows(offset=0, limit=total):
        kinds = set()
        for signed in station.outbox.receipts(row.record):
            try:
                kinds.add(
                    check_receipt(
                        signed,
                        keys,
                        station=identity.station,
                        record=row.record,
                        digest=row.digest,
                        size=row.size,
                    ).kind
                )
            except BadReceipt:
                kinds.add("refused")
        _tell(verified=row.record, ok=kinds == {"stored", "opened"}, state=str(row.state))


def _tell(**fields: object) -> None:
    print(json.dumps(fields, ensure_ascii=False), flush=True)  # noqa: T201 - this is the protocol


__all__ = ["KILLED", "Plan", "play"]
