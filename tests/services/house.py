"""The services over real stores in a folder: enrolled, two people, no devices, a clock to turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from migramovil.core import canonical, sealing
from migramovil.core.biometrics import FingerRules
from migramovil.core.record import Descriptor, Realm, Signed
from migramovil.core.roles import AccountBody, Role
from migramovil.devices.lanes import Lane
from migramovil.devices.registry import Bench
from migramovil.services import catalogues
from migramovil.services.accounts import Accounts, NewStation
from migramovil.services.clock import StationClock
from migramovil.services.enrolling import Enrolling
from migramovil.store import marks
from migramovil.store.outbox import Outbox, StationIdentity
from tests.store.bench import STATION

BOSS, OFFICER, OTHER = "jticona", "rquispe", "mflores"
PASSWORD = "cordillera azul 07"
NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)
KNOWN = catalogues.load()
REGISTRAR, EDGE = sealing.Signer.new(), sealing.Signer.new()
OPENERS = sealing.Opener.new(), sealing.Opener.new()
DESCRIPTOR = Descriptor(
    realm=Realm.TRAINING, version=1, root=canonical.text(REGISTRAR.public),
    stored_signer=canonical.text(EDGE.public), opened_signer=canonical.text(EDGE.public),
    registrar=canonical.text(REGISTRAR.public), operational=canonical.text(OPENERS[0].public),
    recovery=canonical.text(OPENERS[1].public), tls_ca="", urls=("https://localhost",),
)  # fmt: skip


@dataclass
class Hands:
    """The laptop's clock and the one nobody can set, both moved by the test."""

    wall: datetime = NOON
    ran_s: float = 1000.0

    def pass_s(self, seconds: float) -> None:
        self.ran_s += seconds
        self.wall += timedelta(seconds=seconds)


@dataclass(kw_only=True)
class House:
    outbox: Outbox
    lane: Lane
    clock: StationClock
    accounts: Accounts
    enrolling: Enrolling
    bench: Bench
    hands: Hands = field(default_factory=Hands)

    def enter(self, username: str = OFFICER, password: str = PASSWORD) -> None:
        self.accounts.log_in(username, password).result(10)

    def acts(self) -> list[str]:
        """What the audit says was done, oldest first; somebody must be inside."""
        return [entry.act for entry in self.accounts.inside().vault.audit.entries()]


def _enroller(*, supervisor: tuple[str, str, bytes, bytes], **_: object) -> NewStation:
    account, username, signing, kem = supervisor
    body = AccountBody(
        realm=Realm.TRAINING, station=STATION, account=account, username=username,
        role=Role.SUPERVISOR, signing=canonical.text(signing), sealing=canonical.text(kem),
    )  # fmt: skip
    identity = StationIdentity(
        station=STATION, code="T01", name="Móvil 1", place="Desaguadero", realm=Realm.TRAINING,
        epoch=1, url="https://localhost", descriptor=canonical.encode(DESCRIPTOR).decode(),
        transport=sealing.Signer.new().dump(),
    )  # fmt: skip
    return NewStation(identity=identity, account=Signed.by(REGISTRAR, canonical.encode(body)))


@contextmanager
def opened(folder: Path, hands: Hands | None = None, *, boot: str = "one") -> Iterator[House]:
    """The station started over `folder`; leaving the block is its end, by force or not."""
    hands = hands or Hands()
    outbox, lane, bench = Outbox(folder), Lane("desk"), Bench(())
    clock = StationClock(
        lambda: hands.wall, steady=lambda: hands.ran_s, boot=boot,
        memory=marks.Mark(outbox, "clock.signed"), sealed=outbox.last_sealed,
    )  # fmt: skip
    accounts = Accounts(folder, outbox, lane, clock, _enroller, Realm.TRAINING, memory_kib=64)
    enrolling = Enrolling(
        accounts, outbox, bench, cast(Any, None), KNOWN, clock, lane, FingerRules()
    )
    house = House(
        outbox=outbox, lane=lane, clock=clock, accounts=accounts, enrolling=enrolling,
        bench=bench, hands=hands,
    )  # fmt: skip
    try:
        if not accounts.enrolled:
            _set_up(accounts)
        yield house
    finally:
        if accounts.session is not None:
            accounts.lock()
        lane.close(drain=True)
        bench.close()
        outbox.close()


def _set_up(accounts: Accounts) -> None:
    accounts.enroll("https://localhost", "", "Móvil 1", BOSS, PASSWORD).result(10)
    accounts.log_in(BOSS, PASSWORD).result(10)
    for name in (OFFICER, OTHER):
        accounts.add_officer(name, PASSWORD, Role.OFFICER).result(10)
    accounts.lock()
