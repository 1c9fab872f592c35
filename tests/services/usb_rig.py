"""A van with a real line on its disk, a real headquarters, and sticks that go between them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migramovil.core import canonical, letters
from migramovil.core.downstream import Kind
from migramovil.core.queue import Waiting
from migramovil.core.record import Descriptor, ReceiptBody, Signed
from migramovil.devices.lanes import Lane
from migramovil.headquarters import downstream as published
from migramovil.headquarters import server, setup
from migramovil.headquarters.importing import Brought, Importer
from migramovil.headquarters.store import Store
from migramovil.services.accounts import Accounts
from migramovil.services.bundles import Bundles, Exported, Imported
from migramovil.services.clock import StationClock
from migramovil.services.downstream import Downstream
from migramovil.services.people import People
from migramovil.store import files
from migramovil.store import letters as post
from migramovil.store.letters import Post
from migramovil.store.outbox import Outbox, StationIdentity
from migramovil.sync import bundle
from migramovil.sync.downstream import Downloader
from migramovil.sync.engine import SyncEngine
from tests.headquarters.rig import NOW, Place, Station

STICK_DISK, OWN_DISK = 2, 1


@dataclass
class Van:
    """A station with nobody inside; its stick is on another disk unless told otherwise."""

    place: Place
    station: Station
    outbox: Outbox
    bundles: Bundles
    downstream: Downstream
    disks: dict[Path, int] = field(default_factory=dict)
    heard: list[Descriptor] = field(default_factory=list)

    @property
    def home(self) -> str:
        return bundle.home_name(self.station.id)

    def up(self, stick: Path) -> Path:
        return stick / bundle.HOME / self.home / bundle.UP

    def down(self, stick: Path) -> Path:
        return stick / bundle.HOME / self.home / bundle.DOWN

    def seal(self, photo: bytes = b"photo" * 2_000) -> Waiting:
        one, data = self.station.packet(photo=photo)
        files.write(self.outbox.packet_path(f"{one.record}.packet"), data)
        self.outbox.add(one, f"{one.record}.packet")
        return one

    def write_letter(self, name: str = "a") -> None:
        body = letters.write(
            self.station.signer, realm=self.place.realm, station=self.station.id, letter=name,
            kind="note", utc=NOW.isoformat(),
        )  # fmt: skip
        post.put(self.outbox, name, "note", body, NOW.isoformat())

    def export(self, stick: Path) -> Exported:
        return self.bundles.export(stick).result(30)

    def bring_in(self, stick: Path) -> Imported:
        return self.bundles.bring_in(stick).result(30)

    def online(self) -> None:
        """The engine's turn over the wire."""
        client = self.station.client()
        engine = SyncEngine(
            self.outbox, client, self.place.descriptor, clock=lambda: NOW,
            letters=Post(self.outbox), downloads=Downloader(self.downstream),
        )  # fmt: skip
        engine.turn()
        client.hang_up()

    def state(self, one: Waiting) -> str:
        row = self.outbox.row(one.record)
        assert row is not None
        return str(row.state)


@contextmanager
def a_van(folder: Path, place: Place, blank: Path) -> Iterator[Van]:
    """An enrolled station over a copy of an empty line."""
    shutil.copytree(blank, folder, ignore=shutil.ignore_patterns("station.lock"))
    station = Station(place).enroll()
    body = station.body
    assert body is not None
    outbox, lane = Outbox(folder), Lane("desk")
    outbox.enroll(
        StationIdentity(
            station=body.station, code=body.code, name=body.name, place=body.place,
            realm=body.realm, epoch=body.epoch, url=place.url,
            descriptor=canonical.encode(place.descriptor).decode(),
            transport=station.transport.dump(),
        )
    )  # fmt: skip
    clock = StationClock(lambda: NOW)
    accounts = Accounts(folder, outbox, lane, clock, _nobody, place.realm, memory_kib=64)
    people = People(folder, accounts, outbox, lane, clock, memory_kib=64)
    downstream = Downstream(accounts, people, outbox, clock, lane)
    disks: dict[Path, int] = {folder: OWN_DISK}
    heard: list[Descriptor] = []

    def renewed(known: Descriptor, _: Signed) -> None:
        heard.append(known)
        outbox.renew_descriptor(canonical.encode(known).decode())

    def disk_of(path: Path) -> int:
        path.stat()
        return disks.get(path, STICK_DISK)

    bundles = Bundles(accounts, outbox, downstream, clock, renewed=renewed, disk_of=disk_of)
    try:
        yield Van(
            place=place, station=station, outbox=outbox, bundles=bundles, downstream=downstream,
            disks=disks, heard=heard,
        )  # fmt: skip
    finally:
        bundles.close()
        lane.close(drain=True)
        outbox.close()


@dataclass
class Hall:
    """Headquarters' desk for sticks."""

    place: Place
    store: Store

    def take(self, stick: Path, **more: Any) -> Brought:
        (one,) = self.take_all(stick, **more)
        return one

    def take_all(
        self, stick: Path, tell: Callable[[int, int], object] = lambda *_: None
    ) -> list[Brought]:
        keys = setup.edge(self.place.data)
        receiver = server.receiver_of(self.place.data, self.store, keys)
        return Importer(self.store, receiver).take(stick, tell)

    def publish(self, kind: Kind, content: bytes, van: Van | None = None) -> int:
        known = self.store.station(van.station.id) if van else None
        registrar = setup.edge(self.place.data).registrar
        return published.publish(
            self.store, registrar, kind, content, realm=self.place.realm, utc=NOW.isoformat(),
            station=known,
        ).version  # fmt: skip

    def receipts(self, van: Van) -> list[tuple[ReceiptBody, Signed]]:
        """This station's chain, in its order."""
        mine = [one for one in self.place.receipts() if one[0].station == van.station.id]
        return sorted(mine, key=lambda one: one[0].serial)


def _nobody(**_: Any) -> Any:
    raise AssertionError("nobody enrols here")
