"""A station and the real receiving edge in the worst weather, without a socket.

Requests and answers are lost, doubled and reordered, some arrive long after anybody waits for them;
either side dies at any step; headquarters' disk fills; clocks jump; other laptops carry packets;
and a laptop is lost and restored from its backup, with new keys and the next epoch.
"""

from __future__ import annotations

import copy
import errno
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from migramovil.core import canonical, sealing
from migramovil.core.queue import Waiting
from migramovil.core.record import ReceiptBody, Signed
from migramovil.core.trouble import Trouble
from migramovil.headquarters import server, setup
from migramovil.headquarters.objects import Objects
from migramovil.headquarters.receiver import Answer, Receiver, Refused
from migramovil.headquarters.store import Store
from migramovil.headquarters.support import Reports
from migramovil.sync import answers, wire
from migramovil.sync.engine import SyncEngine
from migramovil.sync.lanes import Lane, Request
from migramovil.sync.ports import Ahead, NoLink, Progress
from migramovil.sync.upload import Job
from tests.headquarters.rig import MemoryOutbox, Place, Station

HOURS = 24
_CHUNK = 50_000


class Killed(BaseException):
    """The station's process died."""


class Crashed(BaseException):
    """Headquarters' process died."""


@dataclass
class Weather:
    """How often each thing happens; `calm` ends it all."""

    chance: random.Random
    calm: bool = False
    full: bool = False
    happened: dict[str, int] = field(default_factory=dict)

    def strikes(self, what: str, share: float) -> bool:
        struck = not self.calm and self.chance.random() < share
        if struck:
            self.happened[what] = self.happened.get(what, 0) + 1
        return struck


class FaultyDisk(Objects):
    """Headquarters' disk: full at times, and the process may die before or after any write."""

    def __init__(self, root: Path, weather: Weather) -> None:
        super().__init__(root)
        self._weather = weather

    def announce(self, station: str, record: str, digest: str, body: bytes) -> None:
        self._around(lambda: super(FaultyDisk, self).announce(station, record, digest, body))

    def put_part(
        self, station: str, record: str, digest: str, *, number: int, at: int, part: bytes
    ) -> None:
        put = super().put_part
        self._around(lambda: put(station, record, digest, number=number, at=at, part=part))

    def put_packet(self, station: str, record: str, digest: str) -> None:
        self._around(lambda: super(FaultyDisk, self).put_packet(station, record, digest))

    def drop_parts(self, station: str, record: str) -> None:
        self._around(lambda: super(FaultyDisk, self).drop_parts(station, record))

    def _around(self, write: Callable[[], None]) -> None:
        if self._weather.full and not self._weather.calm:
            self._weather.strikes("disk full", 1.0)
            raise OSError(errno.ENOSPC, "full")
        if self._weather.strikes("headquarters dies before a write", 0.01):
            raise Crashed
        write()
        if self._weather.strikes("headquarters dies after a write", 0.01):
            raise Crashed


class Edge:
    """The receiving edge's process: what a request means, and its deaths."""

    def __init__(self, place: Place, weather: Weather) -> None:
        self._place = place
        self._weather = weather
        self.skew = timedelta()
        self.requests = 0
        self._open()

    def _open(self) -> None:
        keys = setup.edge(self._place.data, None)
        self._store = Store(self._place.data / server.BOOKS)
        self._receiver = Receiver(
            store=self._store,
            objects=FaultyDisk(self._place.data, self._weather),
            reports=Reports(self._place.data),
            descriptor=setup.signed_descriptor(self._place.data),
            realm=self._place.realm,
            stored_signer=keys.stored_signer,
            receipt_signer=keys.stored_signer,
            registrar=keys.registrar,
            clock=lambda: datetime.now(UTC) + self.skew,
        )

    def close(self) -> None:
        self._store.close()

    def handle(self, request: Request, carrier: str) -> tuple[int, bytes]:
        """The answer; Crashed when the process died over it, after which a new one stands."""
        self.requests += 1
        try:
            said = self._answer(request, carrier)
        except Refused as refused:
            worded = wire.ErrorBody(code=refused.why.value, text=refused.text)
            return refused.why.status, canonical.encode(worded)
        except OSError:
            full = wire.Refusal.DISK_FULL
            return full.status, canonical.encode(wire.ErrorBody(code=full.value, text="disk"))
        except Crashed:
            self._store.close()
            self._open()
            raise
        return said.status, said.body

    def _answer(self, request: Request, carrier: str) -> Answer:
        if request.path == wire.PACKETS_PATH:
            return self._receiver.announce(request.body)
        if request.path == wire.RECEIPTS_PATH:
            return self._receiver.receipts(request.body)
        _, _, _, station, record, digest, *rest = request.path.split("/")
        if rest == ["complete"]:
            return self._receiver.complete(station, record, digest, carrier)
        which = (station, record, digest)
        intake = self._receiver.intake(which, int(rest[1]), len(request.body))
        try:
            for at in range(0, len(request.body), _CHUNK):
                intake.take(request.body[at : at + _CHUNK])
            return self._receiver.taken(intake, carrier)
        except (Refused, OSError):
            intake.close()
            raise

    def enroll(self, asked: wire.EnrollRequest) -> wire.EnrollAnswer:
        said = self._receiver.enroll(canonical.encode(asked))
        return canonical.decode(said.body, wire.EnrollAnswer)


class Wind:
    """Headquarters as one carrier sees it: every request passes through the weather."""

    def __init__(self, edge: Edge, weather: Weather, carrier: str, late: list[Request]) -> None:
        self._edge = edge
        self._weather = weather
        self._carrier = carrier
        self._late = late  # requests that nobody waits for any more, and may still arrive
        self._jobs: dict[str, Job] = {}
        self._begun: set[str] = set()
        self._flying: list[Request] = []
        self._lanes = [object.__new__(Lane) for _ in range(3)]

    # --- the port ------------------------------------------------------------------------
    def send(self, one: Waiting, data: bytes, progress: Progress, ahead: Ahead) -> Sequence[Signed]:
        job, after = self._job(one, data), None
        while True:
            if job.trouble is not None:
                del self._jobs[one.digest]
                raise job.trouble
            if job.receipts is not None:
                return job.receipts
            progress(job.held_bytes)
            if after is None and job.all_given_out and (following := ahead()) is not None:
                after = self._job(*following)
            self._blow([job] if after is None else [job, after])

    def receipts(self, records: Sequence[tuple[str, str]]) -> Sequence[Signed]:
        heard: list[tuple[int, bytes]] = []
        body = canonical.encode(wire.AskReceipts(records=tuple(records)))
        self._flying.append(
            self._ask("POST", wire.RECEIPTS_PATH, body, answered=lambda *said: heard.append(said))
        )
        while not heard:
            self._arrive()
        status, answer = heard[0]
        if status != 200:
            raise answers.refusal(status, answer)
        return answers.receipts(status, answer)

    def letter(self, data: bytes) -> Signed:
        raise NotImplementedError

    def fetch(self, path: str, known: str = "") -> bytes | None:
        raise NotImplementedError

    def hang_up(self) -> None:
        self._break()

    def link_changed(self) -> None:
        pass

    # --- weather -------------------------------------------------------------------------------
    def _job(self, one: Waiting, data: bytes) -> Job:
        if one.digest not in self._jobs:
            fresh = one.digest not in self._begun
            whole = self._weather.chance.random() < 0.3
            self._jobs[one.digest] = Job(
                one, data, fresh=fresh, whole=whole, on_bytes=lambda _: None
            )
            self._begun.add(one.digest)
        return self._jobs[one.digest]

    def _blow(self, jobs: list[Job]) -> None:
        lane = self._weather.chance.choice(self._lanes)
        found = (job.next_request(lane, self._ask) for job in jobs)
        request = next((one for one in found if one is not None), None)
        if request is not None:
            self._flying.append(request)
        if self._weather.strikes("link breaks", 0.03):
            self._break()
            raise NoLink("storm")
        if self._flying and (request is None or self._weather.chance.random() < 0.6):
            self._arrive()

    def _arrive(self) -> None:
        """One of the requests on their way, any of them, reaches headquarters."""
        request = self._flying.pop(self._weather.chance.randrange(len(self._flying)))
        if self._weather.strikes("request lost", 0.03):
            self._lose(request)
        try:
            status, answer = self._edge.handle(request, self._carrier)
            if self._weather.strikes("request doubled", 0.05):
                status, answer = self._edge.handle(request, self._carrier)
        except Crashed:
            self._lose(request)
        if self._weather.strikes("answer lost", 0.05):
            self._lose(request)
        request.answered(status, answer)

    def _lose(self, request: Request) -> None:
        request.lost()
        self._break()
        raise NoLink("storm")

    def _break(self) -> None:
        flying, self._flying = self._flying, []
        for request in flying:
            if self._weather.chance.random() < 0.5:
                self._late.append(request)
            request.lost()

    @staticmethod
    def _ask(
        method: str,
        path: str,
        body: bytes,
        *,
        answered: Callable[[int, bytes], None],
        lost: Callable[[], None] = lambda: None,
    ) -> Request:
        return Request(method=method, path=path, body=body, answered=answered, lost=lost)


class MortalOutbox(MemoryOutbox):
    """The station may die before or after it files a receipt."""

    def __init__(self, weather: Weather) -> None:
        super().__init__()
        self.weather = weather

    def file_receipt(self, record: str, signed: Signed, body: ReceiptBody) -> None:
        if self.weather.strikes("station dies before filing", 0.03):
            raise Killed
        super().file_receipt(record, signed, body)
        if self.weather.strikes("station dies after filing", 0.03):
            raise Killed


class World:
    """One station over the years, and everything that happens to it."""

    def __init__(self, place: Place, station: Station, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - weather, not secrets
        self.weather = Weather(self.chance)
        self.place = place
        self.station = station
        self.edge = Edge(place, self.weather)
        self.outbox = MortalOutbox(self.weather)
        self.backup = copy.copy(self.outbox.rows), copy.deepcopy(self.outbox.filed)
        self.sealed: dict[str, tuple[Waiting, bytes]] = {}  # every packet there ever was
        self.late: list[Request] = []
        self.epoch = 1
        self.skew = timedelta()
        self.engine = self._boot()

    def act(self) -> None:
        """One thing happens."""
        acts: list[tuple[int, Callable[[], None]]] = [
            (30, self.seal), (60, self.work), (8, self.arrive_late), (8, self.carry),
            (10, self.fill_or_free), (6, self.jump), (4, self.back_up), (8, self.judge),
            (1, self.restore),
        ]  # fmt: skip
        self.chance.choices([act for _, act in acts], [often for often, _ in acts])[0]()

    def seal(self) -> None:
        photo = os.urandom(self.chance.choice((1_000, 90_000, 300_000)))
        one, data = self.station.packet(photo=photo, epoch=self.epoch)
        self.sealed[one.record] = one, data
        self.outbox.add(one, data)

    def work(self) -> None:
        try:
            self.engine.turn()
        except Killed:
            self.engine = self._boot()

    def arrive_late(self) -> None:
        """A request from long ago, that nobody waits for, reaches headquarters after all."""
        if self.late:
            request = self.late.pop(self.chance.randrange(len(self.late)))
            try:
                self.edge.handle(request, self.station.id)
            except Crashed:
                return

    def carry(self) -> None:
        """Another laptop brings any packet there ever was."""
        if not self.sealed:
            return
        one, data = self.chance.choice(list(self.sealed.values()))
        carrier = Wind(self.edge, self.weather, "another", self.late)
        try:
            carrier.send(one, data, lambda _: None, lambda: None)
        except Trouble:
            return

    def fill_or_free(self) -> None:
        self.weather.full = not self.weather.full and self.chance.random() < 0.4

    def jump(self) -> None:
        self.skew = timedelta(days=self.chance.randint(-9_000, 9_000))
        self.edge.skew = timedelta(hours=self.chance.randint(-HOURS, HOURS))

    def judge(self) -> None:
        self.place.judge()

    def back_up(self) -> None:
        self.backup = copy.copy(self.outbox.rows), copy.deepcopy(self.outbox.filed)

    def restore(self) -> None:
        """The laptop is gone; a new one stands on the backup, with new keys, in the next epoch."""
        token = os.urandom(wire.TOKEN_BYTES)
        with self.place.books() as store:
            known = store.station(self.station.id)
            assert known is not None
            assert store.renew(known.code, token_sha256=sealing.sha256(token), until="2099")
        station = self.station
        station.signer, station.kem = sealing.Signer.new(), sealing.Opener.new()
        station.transport = sealing.Signer.new()
        code = wire.make_code(token, canonical.from_text(self.place.descriptor.root))
        given = self.edge.enroll(station.request(code))
        body = canonical.from_text(given.station.body)
        station.body = canonical.decode(body, wire.StationBody)
        assert station.account is not None
        station.account = replace(
            station.account,
            vouched=given.account,
            body=canonical.decode(
                canonical.from_text(given.account.body), type(station.account.body)
            ),
        )
        self.epoch, station.seq = station.body.epoch, 0
        self.outbox.rows, self.outbox.filed = (
            copy.copy(self.backup[0]),
            copy.deepcopy(self.backup[1]),
        )
        self.engine = self._boot()

    def clear_up(self) -> None:
        """The weather ends: everything that is still somewhere arrives."""
        self.weather.calm = True
        while self.late:
            self.arrive_late()
        for _ in range(6):
            self.work()
            self.judge()

    def _boot(self) -> SyncEngine:
        return SyncEngine(
            self.outbox,
            Wind(self.edge, self.weather, self.station.id, self.late),
            self.place.descriptor,
            clock=lambda: datetime.now(UTC) + self.skew,
            jitter=self.chance.random,
        )
