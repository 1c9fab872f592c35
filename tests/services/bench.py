"""A station with a real disk, real keys and real lanes; only its devices are played."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any, cast

import numpy as np
import uuid_utils

from migramovil.core import canonical, sealing
from migramovil.core.biometrics import FingerRules
from migramovil.core.documents import DocumentType, IdentityDocument
from migramovil.core.enrollment import Draft
from migramovil.core.person import Person
from migramovil.core.record import Descriptor, Realm, Signed
from migramovil.core.roles import AccountBody, Role
from migramovil.devices.lanes import Lane
from migramovil.devices.ports import (
    Device,
    DeviceInfo,
    DeviceKind,
    DriverSpec,
    FingerImage,
    Frame,
    OnPreview,
    PaperStatus,
    Pixels,
    Printed,
    SlipLine,
)
from migramovil.devices.registry import Bench
from migramovil.services import catalogues
from migramovil.services.accounts import Accounts, NewStation
from migramovil.services.clock import StationClock
from migramovil.services.drafts import Drafts
from migramovil.services.enrolling import Enrolling
from migramovil.services.people import People
from migramovil.services.place import Place
from migramovil.services.printing import Printing
from migramovil.services.recovery import Recovery
from migramovil.store import keys, marks
from migramovil.store.outbox import Outbox, StationIdentity
from migramovil.store.vault import Vault
from migramovil.sync import https, wire
from migramovil.vision.finger import FingerMeasure, FingerQuality

NOW = datetime(2026, 11, 23, 15, 49, tzinfo=UTC)
MEMORY_KIB = 64
PASSWORD = "llueve-sobre-el-lago"
SUPERVISOR, OFFICER, OTHER = "jticona", "rquispe", "chuamani"
FINGERS = FingerRules(positions=(2, 7))
MRZ = (
    "P<VENPENALVER<NUNEZ<<MARISELA<ANDREINA<<<<<<",
    "0841276538VEN9108194F2903046<<<<<<<<<<<<<<<8",
)
CATALOGUES = catalogues.load()
PROCEDURE = sorted(CATALOGUES.codes_in_force(NOW.date()))[0]


# ---- headquarters, as far as a first contact needs it ------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Headquarters:
    """Its keys, and the Enroller that signs any station of its realm."""

    realm: Realm = Realm.TRAINING
    root: sealing.Signer = field(default_factory=sealing.Signer.new)
    registrar: sealing.Signer = field(default_factory=sealing.Signer.new)
    operational: sealing.Opener = field(default_factory=sealing.Opener.new)
    recovery: sealing.Opener = field(default_factory=sealing.Opener.new)

    def descriptor(self) -> Signed:
        body = Descriptor(
            realm=self.realm,
            version=1,
            root=canonical.text(self.root.public),
            stored_signer=canonical.text(self.registrar.public),
            opened_signer=canonical.text(self.registrar.public),
            registrar=canonical.text(self.registrar.public),
            operational=canonical.text(self.operational.public),
            recovery=canonical.text(self.recovery.public),
            tls_ca="",
            urls=("https://localhost",),
        )
        return Signed.by(self.root, canonical.encode(body))

    def enroll(
        self,
        *,
        url: str,
        code: str,
        realm: Realm,
        name: str,
        signing: bytes,
        sealing: bytes,
        transport: bytes,
        supervisor: tuple[str, str, bytes, bytes],
    ) -> NewStation:
        """The wire's own check of whom it talks to, without the wire."""
        root = wire.root_hash(self.root.public)
        descriptor = https.read_descriptor(self.descriptor(), root, realm=realm)
        station = str(uuid_utils.uuid7())
        account, username, person_signing, person_sealing = supervisor
        body = AccountBody(
            realm=realm,
            station=station,
            account=account,
            username=username,
            role=Role.SUPERVISOR,
            signing=canonical.text(person_signing),
            sealing=canonical.text(person_sealing),
        )
        identity = StationIdentity(
            station=station,
            code="T01",
            name=name,
            place="Desaguadero, Puno",
            realm=realm,
            epoch=1,
            url=url,
            descriptor=canonical.encode(descriptor).decode(),
            transport=transport,
        )
        return NewStation(
            identity=identity, account=Signed.by(self.registrar, canonical.encode(body))
        )


# ---- played devices ----------------------------------------------------------------------------
class Played:
    """What every played device does: open, close, and fail with the next of `troubles`."""

    def __init__(self, kind: DeviceKind) -> None:
        self.info = DeviceInfo(kind=kind, driver="fake", model="Fake", simulated=True)
        self.troubles: list[Exception] = []
        self.held: Event | None = None  # with an event, the device waits for it
        self.begun = Event()

    def open(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def act(self) -> None:
        self.begun.set()
        if self.held is not None:
            assert self.held.wait(10)
        if self.troubles:
            raise self.troubles.pop(0)


class Camera(Played):
    def read(self, *, timeout_s: float, cancelled: Event) -> Frame:
        self.act()
        return Frame(pixels=np.full((800, 600, 3), 120, np.uint8), number=1)

    def capture_still(self, *, timeout_s: float, cancelled: Event) -> Frame:
        self.act()
        return Frame(pixels=np.full((3000, 4000, 3), 90, np.uint8), number=2)


class Reader(Played):
    """Each impression is another: its first pixel says the how-manieth it is."""

    taken = 0

    def __init__(self, kind: DeviceKind) -> None:
        super().__init__(kind)
        self.info = replace(self.info, capabilities={"grade": "enrolment"})

    def capture(
        self, *, timeout_s: float, cancelled: Event, on_preview: OnPreview | None = None
    ) -> FingerImage:
        self.act()
        self.taken += 1
        pixels = np.full((20, 20), 200, np.uint8)
        pixels[0, 0] = self.taken
        return FingerImage(pixels=pixels, ppi=500)


class Paper(Played):
    def __init__(self, kind: DeviceKind) -> None:
        super().__init__(kind)
        self.slips: list[list[SlipLine]] = []

    def status(self) -> PaperStatus:
        return PaperStatus.OK

    def print_slip(
        self, lines: Iterable[SlipLine], *, folio: str = "", cancelled: Event | None = None
    ) -> Printed:
        self.act()
        self.slips.append(list(lines))
        return Printed(job="", confirmed=True)


class Scanner(Played):
    def read_lines(self, *, timeout_s: float, cancelled: Event) -> tuple[str, ...]:
        self.act()
        return MRZ


class Judge:
    """Gives the qualities it was told to, then good ones."""

    def __init__(self) -> None:
        self.qualities: list[int | None] = []

    def measure(self, pixels: Pixels, ppi: int) -> FingerMeasure:
        quality = self.qualities.pop(0) if self.qualities else 61
        return FingerMeasure(quality=quality, measure="fake", version="1", area=1.0, hints=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    camera: Camera
    reader: Reader
    printer: Paper
    scanner: Scanner

    @classmethod
    def new(cls) -> Devices:
        return cls(
            camera=Camera(DeviceKind.CAMERA),
            reader=Reader(DeviceKind.FINGERPRINT),
            printer=Paper(DeviceKind.PRINTER),
            scanner=Scanner(DeviceKind.MRZ),
        )

    @property
    def every(self) -> tuple[Played, ...]:
        return (self.camera, self.reader, self.printer, self.scanner)

    def specs(self) -> list[DriverSpec]:
        return [_spec(device) for device in self.every]


def _spec(device: Played) -> DriverSpec:
    return DriverSpec(
        name=device.info.kind.value,
        kind=device.info.kind,
        lane=device.info.kind.value,
        installed=lambda: True,
        find=lambda: [device.info],
        make=lambda _: cast(Device, device),
    )


# ---- the station -------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A station somebody works at."""

    folder: Path
    outbox: Outbox
    accounts: Accounts
    people: People
    recovery: Recovery
    enrolling: Enrolling
    drafts: Drafts
    printing: Printing
    devices: Devices
    judge: Judge
    desk: Lane

    @property
    def vault(self) -> Vault:
        return self.accounts.inside().vault

    @property
    def draft(self) -> Draft:
        draft = self.enrolling.draft
        assert draft is not None
        return draft

    def enter(self, username: str = OFFICER) -> None:
        self.accounts.log_in(username, PASSWORD).result(10)

    def settle(self) -> None:
        """Wait until the desk has done what was asked of it so far."""
        self.desk.run(lambda _: None).result(10)

    def on_disk(self) -> dict[str, Draft]:
        """The drafts as a restart would find them."""
        return {d.record_id: canonical.decode(d.body, Draft) for d in self.vault.drafts()}

    def audited(self) -> list[str]:
        return [entry.act for entry in self.vault.audit.entries()]

    def pictures(self) -> int:
        """How many encrypted pictures lie in the folder."""
        return len(list((self.folder / "media").glob("*.obj")))

    def fill(self, **fields: Any) -> Draft:
        """Have somebody sit down with everything given and taken."""
        enrolling = self.enrolling
        enrolling.start().result(10)
        enrolling.change(procedure=PROCEDURE, document=paper(), person=person())
        enrolling.take_portrait().result(10)
        for position in FINGERS.positions:
            enrolling.take_finger(position).result(10)
        enrolling.give_notice("es", "shown")
        enrolling.answer(given=True)
        return enrolling.change(**fields) if fields else self.draft


def enrolled(folder: Path, headquarters: Headquarters) -> Path:
    """A folder of a station with a supervisor and two officers."""
    with _counter(folder, headquarters) as counter:
        accounts = counter.accounts
        accounts.enroll("https://localhost", "", "Móvil 1", SUPERVISOR, PASSWORD).result(10)
        counter.enter(SUPERVISOR)
        for name in (OFFICER, OTHER):
            counter.people.add(name, PASSWORD, Role.OFFICER).result(10)
    return folder


@contextmanager
def opened(
    folder: Path,
    headquarters: Headquarters,
    *,
    quality: FingerQuality | None = None,
    now: datetime = NOW,
) -> Iterator[Counter]:
    """The station in `folder`, nobody inside; again on the same folder is a restart."""
    with _counter(folder, headquarters, quality=quality, now=now) as counter:
        yield counter


def copied(template: Path, folder: Path) -> Path:
    shutil.copytree(template, folder, ignore=shutil.ignore_patterns("station.lock"))
    return folder


@contextmanager
def _counter(
    folder: Path,
    headquarters: Headquarters,
    *,
    quality: FingerQuality | None = None,
    now: datetime = NOW,
) -> Iterator[Counter]:
    outbox, desk, devices, judge = Outbox(folder), Lane("desk"), Devices.new(), Judge()
    began = time.monotonic()
    clock = StationClock(
        lambda: now.fromtimestamp(now.timestamp() + time.monotonic() - began, tz=UTC),
        memory=marks.Mark(outbox, "clock.signed"),
        sealed=outbox.last_sealed,
    )
    accounts = Accounts(
        folder,
        outbox,
        desk,
        clock,
        headquarters.enroll,
        headquarters.realm,
        memory_kib=MEMORY_KIB,
    )
    bench = Bench(devices.specs())
    judging = quality or cast(FingerQuality, judge)
    enrolling = Enrolling(accounts, outbox, bench, judging, CATALOGUES, clock, desk, FINGERS)
    try:
        yield Counter(
            folder=folder,
            outbox=outbox,
            accounts=accounts,
            people=People(folder, accounts, outbox, desk, clock, memory_kib=MEMORY_KIB),
            recovery=Recovery(folder, accounts, outbox, desk, clock, memory_kib=MEMORY_KIB),
            enrolling=enrolling,
            drafts=Drafts(accounts, enrolling, outbox, clock, desk),
            printing=Printing(
                accounts, bench, Place(name="Móvil 1", training=True), CATALOGUES.procedures.name_of
            ),
            devices=devices,
            judge=judge,
            desk=desk,
        )
    finally:
        for device in devices.every:
            if device.held is not None:
                device.held.set()
        bench.close()
        accounts.lock()
        desk.close(drain=True)
        outbox.close()


def demote(counter: Counter, username: str) -> None:
    """Make a technician of somebody who has a slot: what they may do follows their account."""
    account = next(s.account for s in keys.slots(counter.folder) if s.username == username)
    known = next(a for a in counter.vault.accounts() if a.body.account == account)
    counter.vault.add_account(replace(known, body=replace(known.body, role=Role.TECHNICIAN)))


# ---- people ------------------------------------------------------------------------------------
def person(**fields: Any) -> Person:
    known: dict[str, Any] = {
        "first_surname": "PEÑALVER", "second_surname": "NÚÑEZ",
        "given_names": "MARISELA ANDREÍNA", "birth_date": "1991-08-19", "sex": "F",
        "nationality": "VEN", "birth_country": "VEN", "residence_country": "PER",
        "address": "Jr. Panamericana 482, int. 3", "ubigeo": "210402", "phone": "984120763",
    }  # fmt: skip
    return Person(**{**known, **fields})


def paper(**fields: Any) -> IdentityDocument:
    known: dict[str, Any] = {
        "type": DocumentType.PASSPORT, "number": "084127653", "issuer": "VEN",
        "expiry": "2029-03-04",
    }  # fmt: skip
    return IdentityDocument(**{**known, **fields})


def within(seconds: float, seen: Callable[[], bool]) -> float:
    """How long it took until `seen`; fails after `seconds`."""
    began = time.monotonic()
    while not seen():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.005)
    return time.monotonic() - began
