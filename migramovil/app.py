"""The composition root: the one file that knows every room, and introduces them to one another."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from migramovil import logs, settings
from migramovil.core import canonical, sealing
from migramovil.core.record import Descriptor, Realm, Signed, WrongRealm
from migramovil.core.roles import Act, may
from migramovil.core.sealing import Signer
from migramovil.core.trouble import Trouble
from migramovil.devices import registry
from migramovil.devices.lanes import Lane
from migramovil.devices.ports import DeviceRole, DeviceState, DriverSpec
from migramovil.devices.registry import Bench
from migramovil.devices.sim.station import SimulatedStation
from migramovil.services import checks
from migramovil.services.accounts import NEWER_DESCRIPTOR, Accounts, NewStation
from migramovil.services.backups import Backups
from migramovil.services.bundles import Bundles
from migramovil.services.checklist import Checklist
from migramovil.services.clock import StationClock, boot
from migramovil.services.desk import Desk, Place
from migramovil.services.diagnosing import Diagnosing
from migramovil.services.downstream import Downstream, overlaid
from migramovil.services.drafts import Drafts
from migramovil.services.enrolling import Enrolling
from migramovil.services.keeping import Keeping
from migramovil.services.ledger import Ledger
from migramovil.services.metering import Metering, Spending
from migramovil.services.people import People
from migramovil.services.place import Whereabouts
from migramovil.services.printing import Printing
from migramovil.services.recovery import Recovery
from migramovil.services.reserve import Reserve
from migramovil.services.supporting import Supporting
from migramovil.services.waiting import Waiting
from migramovil.store import marks, verify
from migramovil.store.hardware import machine
from migramovil.store.letters import Post
from migramovil.store.outbox import Outbox, StationIdentity
from migramovil.store.vault import Vault
from migramovil.sync import https, wire
from migramovil.sync.downstream import Downloader
from migramovil.sync.engine import SyncEngine
from migramovil.sync.reports import Reporter
from migramovil.vision.finger import FingerQuality

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Station:
    """A station put together. `close()` ends its lanes, devices, threads and stores, in order."""

    desk: Desk
    folder: Path
    realm: Realm
    outbox: Outbox
    bench: Bench
    settings: settings.Settings
    sim: SimulatedStation | None
    lanes: tuple[Lane, ...]
    quality: FingerQuality
    log_handler: logging.Handler
    url: str = ""
    engine: SyncEngine | None = None

    def start_sync(self) -> None:
        """Begin to bring sealed records to headquarters; needs an enrolled station, no session."""
        identity = self.outbox.station()
        if identity is None or self.engine is not None:
            return
        self.engine = sync_engine(self.outbox, self.desk, identity, url=self.url)
        self.desk.waiting.follow(self.engine)
        self.outbox.on_change(self.engine.wake)
        self.engine.start()
        self.desk.backups.start()

    def renewed(self, descriptor: Descriptor, signed: Signed) -> None:
        """Headquarters has newer keys, and a stick brought word of it."""
        _believe(self.outbox, descriptor, signed)
        if self.engine is not None:
            self.engine.renew(descriptor)

    def close(self) -> None:
        if self.engine is not None:
            self.engine.stop()
        self.desk.backups.stop()
        self.desk.supporting.close()
        self.desk.bundles.close()
        self.bench.close()
        self.desk.keeping.stop()
        self.desk.ledger.close()
        if self.desk.accounts.session is not None:
            self.desk.accounts.lock()
        drained = [lane.close(drain=True) for lane in self.lanes]
        if all(drained):
            self.desk.drafts.end()
        self.quality.close()
        self.outbox.close()
        if self.sim is not None:
            self.sim.close()
        logging.getLogger("migramovil").removeHandler(self.log_handler)
        self.log_handler.close()


def sync_engine(
    outbox: Outbox, desk: Desk, identity: StationIdentity, *, url: str = ""
) -> SyncEngine:
    """The engine over HTTPS for an enrolled station."""

    def renewed(descriptor: Descriptor, signed: Signed) -> None:
        _believe(outbox, descriptor, signed)
        engine.renew(descriptor)

    downloader = Downloader(desk.downstream)
    desk.downstream.link_troubles = lambda: downloader.troubles
    line = _line(
        identity,
        desk.clock,
        url,
        renewed,
        begun=marks.Mark(outbox, "upload.begun"),
        terms=desk.spending.metering,
    )
    engine = SyncEngine(
        outbox,
        line,
        canonical.decode(identity.descriptor.encode(), Descriptor),
        clock=desk.clock.utc,
        on_status=desk.waiting.heard,
        letters=Post(outbox),
        downloads=downloader,
        reports=Reporter(desk.supporting.shelf, line),
    )
    return engine


def _believe(outbox: Outbox, descriptor: Descriptor, signed: Signed) -> None:
    """Keep a newer word of headquarters' root key about its keys, checked by whoever brought it."""
    marks.put(outbox, NEWER_DESCRIPTOR, canonical.encode(signed).decode())
    outbox.renew_descriptor(canonical.encode(descriptor).decode())


def _line(
    identity: StationIdentity,
    clock: StationClock,
    url: str,
    renewed: Callable[[Descriptor, Signed], object] = lambda *_: None,
    *,
    begun: marks.Mark | None = None,
    terms: Metering | None = None,
) -> https.HttpsHeadquarters:
    """A connection of one's own to headquarters; not shared between threads."""
    return https.HttpsHeadquarters(
        canonical.decode(identity.descriptor.encode(), Descriptor),
        identity.station,
        sealing.Signer.load(identity.transport),
        realm=identity.realm,
        url=url or identity.url,
        on_time=lambda signed, doubt_s: clock.correct(signed, doubt_s=doubt_s),
        on_descriptor=renewed,
        memory=begun,
        terms=terms,
    )


def build(
    folder: Path,
    *,
    training: bool,
    sim: SimulatedStation | None = None,
    url: str = "",
    password_memory_kib: int = 256 * 1024,
) -> Station:
    """Put a station together over its data folder. A played device makes it a training station."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    log_handler = logs.start(folder / "logs")
    chosen = settings.read(folder)
    outbox = Outbox(folder)
    realm = Realm.TRAINING if training or sim is not None else Realm.PRODUCTION
    identity = outbox.station()
    if identity is not None and identity.realm != realm:
        outbox.close()
        raise WrongRealm("data folder")
    clock = StationClock(
        boot=boot(), memory=marks.Mark(outbox, "clock.signed"), sealed=outbox.last_sealed
    )
    desk_lane, inspection = Lane("desk"), Lane("inspection")
    told: list[Callable[..., object]] = []

    def changed(role: DeviceRole, state: DeviceState) -> None:
        for call in told:
            call(role, state)

    production = realm is Realm.PRODUCTION
    bench = Bench(_specs(chosen, sim), changed, folder=folder, production=production)
    quality = FingerQuality()
    place = _place(identity, training=realm is Realm.TRAINING)
    accounts = Accounts(
        folder,
        outbox,
        desk_lane,
        clock,
        enroller,
        realm,
        memory_kib=password_memory_kib,
        machine=machine(folder, chosen.hardware),
    )
    people = People(folder, accounts, outbox, desk_lane, clock, memory_kib=password_memory_kib)
    downstream = Downstream(accounts, people, outbox, clock, desk_lane)
    chosen = overlaid(chosen, downstream.settings())
    metering = Metering(chosen.link, marks.Mark(outbox, "link.spent"), clock.utc)
    waiting = Waiting(outbox, metering)

    def books() -> verify.Books | None:
        return desk_lane.run(lambda _: verify.read(outbox, _open_vault(accounts))).result()

    diagnosing = Diagnosing(
        bench,
        quality,
        inspection,
        accounts.demand,
        checks.Station(
            folder,
            lambda: outbox,
            clock,
            books,
            rate=waiting.rate,
            spools=lambda: checks.spools(bench),
            url=url,
        ),
    )
    told.append(diagnosing.heard)
    enrolling = Enrolling(
        accounts,
        outbox,
        bench,
        quality,
        downstream.catalogues(),
        clock,
        desk_lane,
        chosen.fingers,
        tell_finger=sim.expected_finger if sim is not None else lambda _: None,
    )
    enrolling.newest_catalogues = downstream.catalogues

    def called(code: str) -> str:
        return str(enrolling.catalogue.name_of(code))  # of the newest catalogue, whenever asked

    printing = Printing(accounts, bench, place, called)
    keeping = Keeping(
        accounts,
        outbox,
        printing,
        clock,
        desk_lane,
        retention_hours=chosen.keeping.retention_hours,
        jornada_ends=chosen.keeping.jornada_ends,
    )
    ledger = Ledger(accounts, outbox, clock, desk_lane)
    accounts.keepsake = keeping.keepsake
    checklist = Checklist(folder, diagnosing, accounts, clock, place=place, desk=desk_lane)
    reserve = Reserve(outbox)
    enrolling.demand_room, accounts.make_room = reserve.demand, reserve.make
    desk = Desk(
        place=place,
        whereabouts=Whereabouts(
            accounts,
            bench,
            clock,
            place,
            spots=chosen.places,
            chosen=marks.Mark(outbox, "place.here"),
            desk=desk_lane,
        ),
        accounts=accounts,
        people=people,
        recovery=Recovery(
            folder, accounts, outbox, desk_lane, clock, memory_kib=password_memory_kib
        ),
        enrolling=enrolling,
        drafts=Drafts(accounts, enrolling, outbox, clock, desk_lane, days=chosen.drafts.days),
        printing=printing,
        keeping=keeping,
        ledger=ledger,
        waiting=waiting,
        spending=Spending(metering, accounts, clock, desk_lane),
        diagnosing=diagnosing,
        checklist=checklist,
        supporting=Supporting(
            folder,
            outbox,
            bench,
            diagnosing,
            checklist,
            waiting=waiting,
            clock=clock,
            settings=chosen,
            realm=realm,
        ),
        reserve=reserve,
        downstream=downstream,
        bundles=Bundles(
            accounts,
            outbox,
            downstream,
            clock,
            renewed=lambda known, word: station.renewed(known, word),  # noqa: PLW0108 - made below
        ),
        backups=Backups(accounts, outbox, clock, chosen.backup, lambda who: _line(who, clock, url)),
        clock=clock,
    )
    station = Station(
        desk=desk,
        folder=folder,
        realm=realm,
        outbox=outbox,
        bench=bench,
        settings=chosen,
        sim=sim,
        lanes=(inspection, desk_lane),
        quality=quality,
        log_handler=log_handler,
        url=url,
    )

    def enrolled() -> None:
        fresh = _place(outbox.station(), training=place.training)
        place.name, place.where, place.code = fresh.name, fresh.where, fresh.code
        station.start_sync()

    accounts.on_enrolled = enrolled
    accounts.on_entered = _welcomer(desk)
    return station


def _open_vault(accounts: Accounts) -> Vault | None:
    inside = accounts.inside_or_none()
    return None if inside is None else inside.vault


def _welcomer(desk: Desk) -> Callable[[], None]:
    """What is done, on the desk's thread, whenever somebody has come in."""

    def entered() -> None:
        try:
            desk.people.settle()
        except Trouble as trouble:  # owed until the next entrance; it keeps nobody out
            log.warning("letters and spares are owed: %s", trouble.code)
        with contextlib.suppress(Trouble):  # a disk that still refuses: whoever enrolls is told
            desk.enrolling.land(desk.accounts.inside())
        desk.downstream.settle_owed()
        desk.keeping.look()
        desk.whereabouts.look()
        session = desk.accounts.session
        if session is not None and may(session.role, Act.SEE_QUEUE):
            desk.ledger.quick()

    return entered


def _specs(chosen: settings.Settings, sim: SimulatedStation | None) -> Sequence[DriverSpec]:
    if sim is not None:
        return sim.specs
    return registry.drivers(registry.Addresses(**asdict(chosen.devices)))


def _place(identity: StationIdentity | None, *, training: bool) -> Place:
    if identity is None:
        return Place(training=training)
    return Place(name=identity.name, where=identity.place, code=identity.code, training=training)


def enroller(
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
    """First contact: believe headquarters by the code, then ask it to sign this station."""
    descriptor = https.first_contact(url, code, realm=realm)
    token, _root = wire.read_code(code)
    account, username, person_signing, person_sealing = supervisor
    answer, body, _account = https.enroll(
        descriptor,
        wire.EnrollRequest(
            token=canonical.text(token),
            realm=realm,
            name=name,
            signing=canonical.text(signing),
            sealing=canonical.text(sealing),
            transport=canonical.text(Signer.load(transport).public),
            supervisor=wire.NewSupervisor(
                account=account,
                username=username,
                signing=canonical.text(person_signing),
                sealing=canonical.text(person_sealing),
            ),
        ),
        url=url,
    )
    identity = StationIdentity(
        station=body.station,
        code=body.code,
        name=body.name,
        place=body.place,
        realm=realm,
        epoch=body.epoch,
        url=url,
        descriptor=canonical.encode(descriptor).decode(),
        transport=transport,
    )
    return NewStation(identity=identity, account=answer.account)
