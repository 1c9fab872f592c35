"""Every public act of every service works with nobody inside on purpose, or asks who acts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from migramovil import app
from migramovil.core.biometrics import ExceptionCode
from migramovil.core.roles import NotAllowed, Role
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import DeviceInfo, DeviceKind, DeviceRole
from migramovil.services.accounts import NobodyInside
from migramovil.services.desk import Desk
from tests.services.bench import (
    OTHER,
    PASSWORD,
    SUPERVISOR,
    Devices,
    Headquarters,
    copied,
    demote,
)
from tests.ui.fake_desk import a_finished

Act = Callable[[Desk], object]
NOWHERE = Path("/nowhere")
FINISHED: Any = a_finished()
CAMERA = DeviceInfo(kind=DeviceKind.CAMERA, driver="fake", model="Fake")

ASKS: dict[str, Act] = {
    "people.everyone": lambda d: d.people.everyone(),
    "people.add": lambda d: d.people.add("nueva", PASSWORD, Role.OFFICER),
    "people.reset": lambda d: d.people.reset("1", PASSWORD),
    "people.revoke": lambda d: d.people.revoke("1", "se fue"),
    "enrolling.start": lambda d: d.enrolling.start(),
    "enrolling.correct": lambda d: d.enrolling.correct("r", "x"),
    "enrolling.resume": lambda d: d.enrolling.resume("r"),
    "enrolling.change": lambda d: d.enrolling.change(procedure="X"),
    "enrolling.read_mrz": lambda d: d.enrolling.read_mrz(),
    "enrolling.start_preview": lambda d: d.enrolling.start_preview(lambda _: None),
    "enrolling.take_portrait": lambda d: d.enrolling.take_portrait(),
    "enrolling.take_finger": lambda d: d.enrolling.take_finger(2),
    "enrolling.declare_exception": lambda d: d.enrolling.declare_exception(
        2, ExceptionCode.AMPUTATED, "x"
    ),
    "enrolling.approve_exception": lambda d: d.enrolling.approve_exception(2, OTHER, PASSWORD),
    "enrolling.give_notice": lambda d: d.enrolling.give_notice("es", "shown"),
    "enrolling.finish": lambda d: d.enrolling.finish(),
    "whereabouts.accept": lambda d: d.whereabouts.accept(),
    "drafts.parked": lambda d: d.drafts.parked(),
    "drafts.portrait": lambda d: d.drafts.portrait("r"),
    "drafts.void": lambda d: d.drafts.void("r", "x", OTHER, PASSWORD),
    "drafts.discard": lambda d: d.drafts.discard("r"),
    "drafts.after_crash": lambda d: d.drafts.after_crash(),
    "printing.print_slip": lambda d: d.printing.print_slip(FINISHED),
    "printing.print_again": lambda d: d.printing.print_again(lambda: (FINISHED, 1)),
    "keeping.held": lambda d: d.keeping.held(),
    "keeping.slips": lambda d: d.keeping.slips(),
    "keeping.reprint": lambda d: d.keeping.reprint("r"),
    "keeping.close_jornada": lambda d: d.keeping.close_jornada(),
    "ledger.officers": lambda d: d.ledger.officers(),
    "ledger.whole": lambda d: d.ledger.whole(),
    "ledger.audit_lines": lambda d: d.ledger.audit_lines(),
    "ledger.audit_check": lambda d: d.ledger.audit_check(),
    "ledger.export_audit": lambda d: d.ledger.export_audit(),
    "ledger.save_audit": lambda d: d.ledger.save_audit(NOWHERE),
    "ledger.save_report": lambda d: d.ledger.save_report(NOWHERE),
    "backups.back_up": lambda d: d.backups.back_up(NOWHERE),
    "backups.check": lambda d: d.backups.check(NOWHERE),
    "downstream.appointments": lambda d: d.downstream.appointments(),
    "downstream.cards": lambda d: d.downstream.cards(),
    "downstream.decisions": lambda d: d.downstream.decisions(),
    "checklist.keep": lambda d: d.checklist.keep([]),
    "spending.allow_more": lambda d: d.spending.allow_more(),
    "spending.release_images": lambda d: d.spending.release_images(),
}
"""Refused with nobody inside and to a role that may not; the refusal is audited."""

NEEDS_SOMEBODY: dict[str, Act] = {
    "accounts.inside": lambda d: d.accounts.inside(),
    "accounts.second_person": lambda d: d.accounts.second_person(OTHER, PASSWORD),
    "accounts.role_of": lambda d: d.accounts.role_of("1"),
    "accounts.chain": lambda d: d.accounts.chain("1"),
    "people.change_password": lambda d: d.people.change_password(PASSWORD, PASSWORD),
    "spending.switch": lambda d: d.spending.switch(True),
    "diagnosing.assign": lambda d: d.diagnosing.assign(DeviceRole.DOCUMENT, CAMERA),
}
"""Refused with nobody inside; one's own affairs ask for no role."""

HELD_ONLY = {
    "enrolling.accept_reading", "enrolling.withdraw_exception", "enrolling.answer",
    "enrolling.portrait_pixels", "enrolling.finger_pixels", "enrolling.next_finger",
}  # fmt: skip
"""About the draft in hand, which nobody holds at a closed door; tests/services/test_enrolling.py
promises the role of those that change or show something."""

OPEN = {
    # the door, and what it may tell of itself
    "accounts.enrolled", "accounts.session", "accounts.people", "accounts.wait_s",
    "accounts.kept_draft", "accounts.keep", "accounts.inside_or_none", "accounts.demand",
    "accounts.log_in", "accounts.lock", "accounts.put_out", "accounts.rekeyed", "accounts.enroll",
    "accounts.trying", "accounts.with_room", "accounts.station",
    "accounts.descriptor", "accounts.recipients",
    # a way in of its own, which asks for headquarters' word or a key file
    "recovery.*",
    # nothing personal: what ails the station, sealed to headquarters' support
    "supporting.*",
    # nothing personal: the line, the devices, the clock, the disk, the place
    "waiting.*", "clock.*", "reserve.*", "place.*",
    "whereabouts.look", "whereabouts.proposal",
    "diagnosing.heard", "diagnosing.when_devices", "diagnosing.states", "diagnosing.reasons",
    "diagnosing.faults", "diagnosing.devices", "diagnosing.cameras", "diagnosing.test",
    "diagnosing.drivers", "diagnosing.read_back", "diagnosing.subjects", "diagnosing.shown_on",
    "diagnosing.print_page", "diagnosing.watch", "diagnosing.role_of",
    "checklist.check", "checklist.print_slip", "checklist.looked_at",
    "checklist.slip_lines", "checklist.last",
    # sealed packets and signed words, to and from a stick; whoever is in is asked for a role
    "bundles.*",
    "downstream.wanted", "downstream.file", "downstream.when_changed", "downstream.rows",
    "downstream.keys_version", "downstream.trouble", "downstream.catalogues",
    "downstream.settings", "downstream.settle_owed", "people.heard",
    "keeping.start", "keeping.stop", "keeping.look", "keeping.let_go",
    "ledger.close", "ledger.figures", "ledger.days", "ledger.looked", "ledger.trouble",
    "ledger.when_looked", "ledger.report",
    "backups.standing", "backups.media", "backups.when_changed", "backups.call_off",
    "backups.start", "backups.stop", "backups.look",
    # reads only the catalogues, or what the caller gives it
    "enrolling.catalogue", "enrolling.countries", "enrolling.districts", "enrolling.notices",
    "enrolling.rules", "enrolling.parse_mrz", "enrolling.check_portrait", "printing.slip_lines",
    "printing.never_came_out", "enrolling.read_typed",
    # the draft in hand as it stands in memory, gone with the lock
    "enrolling.draft", "enrolling.missing", "enrolling.busy", "enrolling.park",
    "enrolling.when_saved",
    # begins and ends with the program
    "drafts.begin", "drafts.alive", "drafts.end",
    # needs what only somebody inside holds, or runs inside an entrance
    "accounts.sign_act", "enrolling.put_away", "enrolling.land", "enrolling.tell_newest",
    "downstream.settle", "accounts.check_outbox", "enrolling.save", "keeping.keepsake",
    "people.accept", "people.settle", "ledger.quick",
    "backups.settle",
    # bytes and a limit, of no person
    "spending.today",
}  # fmt: skip
"""Works with nobody inside."""


class Sim:
    """Played devices, as app.build takes them."""

    def __init__(self) -> None:
        self.specs = Devices.new().specs()

    def expected_finger(self, position: int) -> None:
        """Nobody's finger is on the glass."""

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture(scope="module")
def station(
    template: Path, headquarters: Headquarters, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[app.Station]:
    folder = copied(template, tmp_path_factory.mktemp("who") / "station")
    sim: Any = Sim()
    built = app.build(folder, training=True, sim=sim, password_memory_kib=64)
    built.desk.accounts.log_in(SUPERVISOR, PASSWORD).result(10)
    demote(_Folder(built), OTHER)
    built.desk.accounts.lock()
    yield built
    built.close()


class _Folder:
    """As much of a Counter as `demote` asks for."""

    def __init__(self, station: app.Station) -> None:
        self.folder, self._desk = station.folder, station.desk

    @property
    def vault(self) -> Any:
        return self._desk.accounts.inside().vault


def called(act: Act, desk: Desk) -> object:
    answer = act(desk)
    return answer.result(10) if isinstance(answer, Ticket) else answer


@pytest.mark.parametrize("name", sorted(ASKS | NEEDS_SOMEBODY))
def test_with_nobody_inside_nothing_is_done(station: app.Station, name: str) -> None:
    assert station.desk.accounts.session is None
    with pytest.raises(NobodyInside):
        called((ASKS | NEEDS_SOMEBODY)[name], station.desk)


@pytest.fixture
def technician(station: app.Station) -> Iterator[Desk]:
    station.desk.accounts.log_in(OTHER, PASSWORD).result(10)
    station.lanes[-1].run(lambda _: None).result(10)  # what an entrance begins by itself is over
    yield station.desk
    station.desk.accounts.lock()


@pytest.mark.parametrize("name", sorted(ASKS))
def test_a_role_that_may_not_is_refused_on_the_record(technician: Desk, name: str) -> None:
    audit = technician.accounts.inside().vault.audit
    before = len(audit.entries())
    with pytest.raises(NotAllowed):
        called(ASKS[name], technician)
    acts = [entry.act for entry in audit.entries()[before:]]
    assert [act.split(":")[0] for act in acts] == ["refused"]


def test_every_public_act_says_who_may_do_it(station: app.Station) -> None:
    desk, known = station.desk, {*ASKS, *NEEDS_SOMEBODY, *HELD_ONLY, *OPEN}
    found = set()
    for part in fields(Desk):
        service = getattr(desk, part.name)
        if f"{part.name}.*" in OPEN:
            found.add(f"{part.name}.*")
            continue
        for name, value in inspect.getmembers(type(service)):
            if not name.startswith("_") and (inspect.isfunction(value) or _property(value)):
                found.add(f"{part.name}.{name}")
    assert found - known == set(), "say in tests/services/test_who_may.py who may do this"
    assert known - found == set(), "these are no more"


def _property(value: object) -> bool:
    return isinstance(value, property)
