"""The receiving edge: takes packets part by part, keeps them, and says so in signed receipts.

It holds no key that opens a packet. Everything it accepts is bounded before it is read, and
everything it answers with a receipt is durable first.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import uuid_utils
from sqlalchemy.exc import SQLAlchemyError

from migramovil.core import canonical, packet, sealing
from migramovil.core.letters import BadLetter
from migramovil.core.record import Descriptor, Realm, Signed
from migramovil.core.roles import AccountBody, Role
from migramovil.core.support import BadReport
from migramovil.core.support import answer as report_answer
from migramovil.headquarters import downstream
from migramovil.headquarters import store as books
from migramovil.headquarters.letters import LetterBox
from migramovil.headquarters.objects import Check, check_whole, digest_of, same
from migramovil.headquarters.ports import Books, Objects
from migramovil.headquarters.store import Alarm, Enrolled, Packet, Rejection, Station, Store
from migramovil.headquarters.support import Reports
from migramovil.headquarters.support import check as check_report
from migramovil.sync import wire
from migramovil.sync.wire import Refusal

log = logging.getLogger(__name__)

T = TypeVar("T")
Which = tuple[str, str, str]
"""Station, record, digest: the name of one packet."""

MOST_RECORDS = 1000
LEAST_FREE = 1024**3
HEARD_EVERY_S = 60.0
COUNTED_EVERY_S = 5.0


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    """A request this edge does not accept."""

    def __init__(self, why: Refusal, text: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one station may bring, and how much of it may lie here half brought or not judged."""

    packets_a_day: int = 5_000
    bytes_a_day: int = 50 * 1024**3
    unjudged: int = 20_000
    unjudged_bytes: int = 200 * 1024**3
    in_flight: int = 64
    stale: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An announcement as it was kept, and the head in it, whose signature held."""

    said: bytes
    asked: wire.Announce
    head: packet.Head


class Memory:
    """Announcements this process has verified, so that none is read twice; the oldest go."""

    def __init__(self, most: int = 128) -> None:
        self._most = most
        self._held: OrderedDict[Which, Begun] = OrderedDict()
        self._guard = threading.Lock()

    def find(self, which: Which, said: bytes) -> Begun | None:
        """What is known of exactly these bytes."""
        with self._guard:
            found = self._held.get(which)
        return found if found is not None and found.said == said else None

    def keep(self, which: Which, begun: Begun) -> None:
        with self._guard:
            self._held[which] = begun
            if len(self._held) > self._most:
                self._held.popitem(last=False)

    def forget(self, which: Which) -> None:
        with self._guard:
            self._held.pop(which, None)


class Intake:
    """Parts of one packet as one request brings them, each checked and written where it belongs.

    Nothing is wanted (`begun` is None) of a packet that is whole already. One that comes whole in
    one request is written beside, and checked as it comes; what of it came before a break is kept.
    """

    def __init__(
        self, objects: Objects, which: Which, begun: Begun | None,
        *, number: int, declared: int, liar: Callable[[str, str, str, str], Refused],
    ) -> None:  # fmt: skip
        self._objects, self.which, self._liar = objects, which, liar
        self.begun = begun
        self._first = self._next = number
        self._body, self._rest = hashlib.sha256(), b""
        whole = begun is not None and number == 0 and declared == begun.asked.size
        self.run = objects.begin_run(*which) if whole else None
        self.check = Check(begun.head) if begun is not None and whole else None

    @property
    def size(self) -> int:
        """How large the parts are, the last one aside."""
        return self.begun.asked.part_size if self.begun else wire.PART_SIZE

    @property
    def body_sha256(self) -> str:
        """Of all that was taken."""
        return self._body.hexdigest()

    def take(self, *pieces: bytes) -> None:
        """What follows, however it was cut on its way. Refused."""
        came = b"".join(pieces)
        self._body.update(came)
        if self.run is not None and self.check is not None:
            self.run.write(came)
            self.check.update(came)
        elif self.begun is not None:
            came, size = self._rest + came, self.size
            cut = len(came) - len(came) % size
            self._put([came[at : at + size] for at in range(0, cut, size)])
            self._rest = came[cut:]

    def end(self) -> None:
        """Nothing follows; only the packet's last part may be short. Refused."""
        if self.run is None and (self._rest or self._next == self._first):
            if self.begun is not None and len(self._rest) != self._due:
                raise Refused(Refusal.BAD_REQUEST, "part")  # cut otherwise than announced
            self._put([self._rest])

    def close(self, *, keep: bool = True) -> None:
        """Done, or broken off: what is whole of a run that did not become the packet is kept."""
        if self.run is None:
            return
        run, self.run = self.run, None
        try:
            run.seek(0)
            while keep and self._due and len(piece := run.read(self.size)) == self._due:
                self._put([piece])
        except Refused:
            log.info("a run ended within a part")
        finally:
            self._objects.drop_run(run)

    @property
    def _due(self) -> int:
        """How large the next part is; what a break left of one is less, and no lie."""
        begun = self.begun
        return min(self.size, begun.asked.size - self._next * self.size) if begun else 0

    def _put(self, pieces: Sequence[bytes]) -> None:
        if self.begun is None:
            return
        said = self.begun.asked.parts
        if not 0 <= self._next <= len(said) - len(pieces):
            raise Refused(Refusal.BAD_REQUEST, "part")
        station, record, _ = self.which
        for piece in pieces:
            if not same(piece, said[self._next]):
                raise self._liar(station, record, station, f"part {self._next}")
            try:
                self._objects.put_part(
                    *self.which, number=self._next, at=self._next * self.size, part=piece
                )
            except FileNotFoundError:  # whole meanwhile, or no longer wanted
                raise Refused(Refusal.NOT_ANNOUNCED) from None
            self._next += 1


class Receiver:
    """What the edge does, without HTTP; methods block and may be called from several threads."""

    def __init__(
        self,
        *,
        store: Store,
        objects: Objects,
        reports: Reports,
        descriptor: Signed,
        realm: Realm,
        stored_signer: sealing.Signer,
        receipt_signer: sealing.Signer,
        registrar: sealing.Signer,
        limits: Limits = Limits(),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store: Books = store
        self._tables = store  # letters and publications: the same books, table by table
        self._heard: dict[str, float] = {}
        self._counted: dict[str, float] = {}
        self._begun = Memory()
        self._limits = limits
        self._objects = objects
        self._reports = reports
        self._descriptor = descriptor
        self._realm = realm
        self._stored_signer = stored_signer
        self._receipt_signer = receipt_signer
        self._registrar = registrar
        known = canonical.decode(canonical.from_text(descriptor.body), Descriptor)
        self._known_as = known
        self._letters = LetterBox(
            store,
            known,
            registrar=registrar,
            signer=stored_signer,
        )
        self._clock = clock

    # --- for anyone -------------------------------------------------------------------
    def descriptor(self) -> Answer:
        return answered(200, self._descriptor)

    def ready(self) -> Answer:
        """Whether books and disk can take a packet; 503 where they cannot."""
        try:
            self._store.station("")
            free = self._objects.free()
        except (OSError, SQLAlchemyError):
            free = 0
        ok = free >= LEAST_FREE
        return answered(200 if ok else 503, {"ok": ok})

    def ping(self, body: bytes) -> Answer:
        asked = _read(body, wire.Ping)
        if not 16 <= len(asked.nonce) <= 128:
            raise Refused(Refusal.BAD_REQUEST, "nonce")
        told = wire.TimeBody(
            nonce=asked.nonce, utc=self._utc(), realm=self._realm, descriptor=self._known_as.version
        )
        return answered(200, Signed.by(self._stored_signer, canonical.encode(told)))

    def enroll(self, body: bytes) -> Answer:
        """Use a code up; the same request again gets the same answer."""
        asked = _read(body, wire.EnrollRequest)
        if asked.realm != self._realm:
            raise Refused(Refusal.WRONG_REALM, self._realm)
        _check_keys(asked)
        token = sealing.sha256(canonical.from_text(asked.token))
        place = self._store.station_by_token(token)
        if place is None or place.revoked:
            raise Refused(Refusal.BAD_TOKEN, "unknown")
        if not place.station and place.code_until < self._utc():
            raise Refused(Refusal.BAD_TOKEN, "expired")
        request = sealing.sha256(body)
        if not place.station:
            self._store.enroll(token, self._enrolled(place, asked, request))
            place = self._store.station_by_token(token)
        if place is None or not secrets.compare_digest(place.request_sha256, request):
            raise Refused(Refusal.BAD_TOKEN, "used")
        return Answer(status=200, body=place.answer.encode())

    # --- for stations ---------------------------------------------------------------------
    def carrier(self, header: str) -> tuple[Station, bytes]:
        """The enrolled station that claims to ask, before its body is read; not proven yet."""
        try:
            name, signature = wire.read_request(header)
        except canonical.NotCanonical:
            raise Refused(Refusal.UNKNOWN_KEY, "header") from None
        station = self._store.station(name)
        if station is None:
            raise Refused(Refusal.UNKNOWN_KEY, "station")
        return station, signature

    def admit(
        self, claimed: tuple[Station, bytes], method: str, path: str, body_sha256: str
    ) -> Station:
        """The same station once its transport key's signature over the whole request holds."""
        station, signature = claimed
        said = wire.RequestBody(method=method, path=path, body_sha256=body_sha256)
        try:
            key = canonical.from_text(station.transport)
            sealing.verify(key, canonical.encode(said), signature)
        except sealing.BadSignature:
            raise Refused(Refusal.UNKNOWN_KEY, "signature") from None
        now = self._store.station(station.station)  # it may have been revoked while it was speaking
        if now is None or now.revoked:
            raise Refused(Refusal.REVOKED)
        self._hear(station.station)
        return now

    def _hear(self, station: str) -> None:
        """Write down that it was heard of, once a minute."""
        at = self._clock().timestamp()
        if abs(at - self._heard.get(station, 0.0)) >= HEARD_EVERY_S:
            self._store.contact(station, self._utc())
            self._heard[station] = at

    def announce(self, body: bytes, carrier: Station | None = None) -> Answer:
        asked = _read(body, wire.Announce)
        head = self._checked_head(asked, carrier)
        which = head.header.station, head.header.record, asked.digest
        try:
            held = self._held(*which)
        except Refused:
            self._look_for_twin(head, asked.digest, carrier)
            raise
        if held is not None:
            return held
        self._demand_room(head.header.station)
        self._forget_other_cut(which, asked)
        self._objects.announce(*which, body)
        self._begun.keep(which, Begun(said=body, asked=asked, head=head))
        return self._missing_or_none(which, asked) or _missing(())

    def intake(self, which: Which, number: int, declared: int = 0) -> Intake:
        """Takes parts of an announced packet from this one on; `declared` bytes are to come."""
        begun = self._announced(which) if self._held(*which) is None else None
        return Intake(
            self._objects, which, begun, number=number, declared=declared, liar=self._liar
        )

    def part(self, station: str, record: str, digest: str, number: int, body: bytes) -> Answer:
        """One part, or several that follow one another; each must be as announced."""
        intake = self.intake((station, record, digest), number)
        intake.take(body)
        intake.end()
        return Answer(status=200, body=b"{}")

    def taken(self, intake: Intake, carrier: str) -> Answer:
        """The request is over: every receipt, if it brought the packet whole."""
        intake.end()
        which, begun, run, check = intake.which, intake.begun, intake.run, intake.check
        if begun is None or run is None or check is None or intake.body_sha256 != which[2]:
            intake.close()
            return Answer(status=200, body=b"{}")
        try:
            self._demand_origin(which)
            check.end()
            self._objects.put_run(*which, run)
        except packet.BadPacket as problem:
            self._objects.drop_version(*which)
            raise self._liar(which[0], which[1], carrier, problem.detail) from None
        except FileNotFoundError:  # whole meanwhile, or no longer wanted
            raise Refused(Refusal.NOT_ANNOUNCED) from None
        finally:
            intake.close(keep=False)
        return self._whole(which, begun, carrier)

    def complete(self, station: str, record: str, digest: str, carrier: str) -> Answer:
        """Check all, make durable, then sign; what is missing if something is."""
        which = station, record, digest
        held = self._held(*which)
        if held is not None:
            return held
        begun = self._announced(which)
        missing = self._missing_or_none(which, begun.asked)
        if missing is not None:
            return missing
        self._demand_origin(which)
        try:
            with self._objects.open_parts(*which) as file:
                check_whole(file, digest, begun.head)
        except packet.BadPacket as problem:
            return self._look_closer(which, begun.asked, carrier, problem.detail)
        self._objects.put_packet(*which)
        return self._whole(which, begun, carrier)

    def receipts(self, body: bytes) -> Answer:
        asked = _read(body, wire.AskReceipts)
        if len(asked.records) > MOST_RECORDS:
            raise Refused(Refusal.TOO_LARGE, "records")
        return self._receipts(asked.records)

    def letter(self, body: bytes) -> Answer:
        """Keep a letter and answer it; the same letter again gets the same answer."""
        try:
            return Answer(status=200, body=self._letters.take(body, self._known, self._utc()))
        except BadLetter as problem:
            raise Refused(Refusal.BAD_REQUEST, problem.detail) from None

    def report(self, station: Station, body: bytes) -> Answer:
        """Keep a report for support, unread; the same again gets the same answer."""
        try:
            check_report(body, self._known_as, station.station)
            self._reports.keep(station.station, body, utc=self._utc())
        except BadReport as problem:
            raise Refused(Refusal.BAD_REQUEST, problem.detail) from None
        said = report_answer(self._stored_signer, body, realm=self._realm, station=station.station)
        return answered(200, said)

    def downstream(self, station: Station, known: str) -> Answer:
        """What is published for this station; 304 where it knows exactly that (an ETag)."""
        answer = answered(200, downstream.listing(self._tables, station))
        same_ = known == wire.etag(answer.body)
        return Answer(status=304, body=b"") if same_ else answer

    def download(self, station: Station, digest: str, number: int) -> Answer:
        """One part of something published."""
        found = downstream.part(self._tables, station, digest, number)
        if found is None:
            raise Refused(Refusal.NOT_ANNOUNCED)
        return Answer(status=200, body=found)

    # --- steps --------------------------------------------------------------------------------
    def _checked_head(self, asked: wire.Announce, carrier: Station | None) -> packet.Head:
        """Everything that can be known of a packet before its bytes: who, where, how large."""
        head = self._front(asked)
        header = head.header
        mine = carrier is not None and carrier.station == header.station
        station = carrier if carrier and mine else self._known(header.station)
        if header.realm != self._realm:
            raise Refused(Refusal.WRONG_REALM, self._realm)
        if station.revoked:
            raise Refused(Refusal.REVOKED)
        if not 1 <= header.epoch <= station.epoch:
            raise Refused(Refusal.BAD_REQUEST, "epoch")
        try:
            key = self._signing(station, header.epoch)
            sealing.verify(key, head.header_bytes, head.signature)
        except sealing.BadSignature:
            raise Refused(Refusal.BAD_REQUEST, "signature") from None
        if asked.size > packet.LARGEST_PACKET:
            raise Refused(Refusal.TOO_LARGE, str(packet.LARGEST_PACKET))
        sizes = [entry.size for entry in header.objects]
        if asked.size != head.length + sum(sizes) or min(sizes) < 0:
            raise Refused(Refusal.BAD_REQUEST, "size")
        if asked.part_size not in wire.PART_SIZES or len(asked.parts) != wire.part_count(
            asked.size, asked.part_size
        ):
            raise Refused(Refusal.BAD_REQUEST, "parts")
        return head

    def _front(self, asked: wire.Announce) -> packet.Head:
        blocks = (asked.header, asked.signature, asked.keys)
        try:
            return packet.read_head(wire.front(*map(canonical.from_text, blocks)))
        except (canonical.NotCanonical, packet.BadPacket) as problem:
            raise Refused(Refusal.BAD_REQUEST, problem.code) from None

    def _known(self, name: str) -> Station:
        station = self._store.station(name)
        if station is None:
            raise Refused(Refusal.BAD_REQUEST, "station")
        return station

    def _signing(self, station: Station, epoch: int) -> bytes:
        """The key the station signed with in that epoch."""
        now = station.epoch == epoch
        key = station.signing if now else self._store.signing(station.station, epoch)
        if key is None:
            raise Refused(Refusal.BAD_REQUEST, "epoch")
        return canonical.from_text(key)

    def _announced(self, which: Which) -> Begun:
        """What was announced under this name, verified by this process; Refused."""
        said = self._objects.announced(*which)
        if said is None:
            raise Refused(Refusal.NOT_ANNOUNCED)
        found = self._begun.find(which, said)
        if found is not None:
            return found
        asked = canonical.decode(said, wire.Announce)
        head = self._checked_head(asked, None)
        if (head.header.station, head.header.record, asked.digest) != which:
            raise Refused(Refusal.BAD_REQUEST, "packet")
        found = Begun(said=said, asked=asked, head=head)
        self._begun.keep(which, found)
        return found

    def _demand_origin(self, which: Which) -> None:
        """Whoever sealed it may still bring anything."""
        if self._known(which[0]).revoked:
            raise Refused(Refusal.REVOKED)

    def _whole(self, which: Which, begun: Begun, carrier: str) -> Answer:
        """Its bytes are durable: write it down, sign, forget its parts."""
        header = begun.head.header
        self._keep(
            Packet(
                station=header.station,
                record=header.record,
                epoch=header.epoch,
                seq=header.seq,
                folio=header.folio,
                digest=begun.asked.digest,
                size=begun.asked.size,
                carrier=carrier,
                audit_head=header.audit_head,
                supersedes=header.supersedes,
            )
        )
        self._objects.drop_parts(header.station, header.record)
        self._begun.forget(which)
        return self._held(*which) or _missing(())

    def _held(self, station: str, record: str, digest: str) -> Answer | None:
        """The receipts of a packet that is already whole; refused if it was another one.

        One that operators took up again is stored once more, or wanted again if it is damaged.
        """
        found = self._store.standing(station, record)
        if found is None:
            return None
        there, word = found
        if there.digest != digest:
            log.error("a second packet for record %s of station %s", record, station)
            raise Refused(Refusal.OTHER_DIGEST)
        if word == "retry":
            if not self._intact(there):
                return None
            self._keep(there)
        return self._receipts(((station, record),))

    def _look_for_twin(self, head: packet.Head, digest: str, carrier: Station | None) -> None:
        """Whether the station signed two packets of one record, which one station never does;
        where it signed the same one, only the digest that was claimed is not its own."""
        header = head.header
        found = self._store.standing(header.station, header.record)
        if found is None:
            return
        about = (header.station, header.record, found[0].digest)
        try:
            with self._objects.open_packet(*about) as file:
                there = packet.read_head(file.read(2 * packet.LARGEST_HEAD + 1024))
        except (FileNotFoundError, packet.BadPacket):
            return
        if there.header_bytes == head.header_bytes:
            return
        log.error("two of station %s: record %s", header.station, header.record)
        alarm = Alarm(
            utc=self._utc(),
            station=header.station,
            epoch=header.epoch,
            seq=header.seq,
            kind="record",
            held=found[0].digest,
            came=digest,
            carrier=carrier.station if carrier else header.station,
        )
        self._store.alarm(alarm)

    def _intact(self, there: Packet) -> bool:
        about = (there.station, there.record, there.digest)
        try:
            with self._objects.open_packet(*about) as file:
                if digest_of(file) == there.digest:
                    return True
        except FileNotFoundError:
            return False
        self._objects.lose_packet(*about)
        return False

    def _keep(self, whole: Packet) -> None:
        utc = self._utc()
        self._store.store_packet(
            whole,
            books.signing(self._receipt_signer),
            books.chained("stored", whole, realm=self._realm, utc=utc),
            utc=utc,
        )

    def _look_closer(self, which: Which, asked: wire.Announce, carrier: str, why: str) -> Answer:
        """Parts that the disk lost are asked for again; else the packet is not what it said."""
        bad = []
        with self._objects.open_parts(*which) as file:
            for number, said in enumerate(asked.parts):
                if digest_of(file, asked.part_size) != said:
                    bad.append(number)
        if bad:
            self._objects.forget_parts(*which, bad)
            return _missing(tuple(bad))
        self._objects.drop_version(*which)
        raise self._liar(which[0], which[1], carrier, why)

    def _demand_quota(self, station: str, now: datetime) -> None:
        since = (now - timedelta(days=1)).isoformat(timespec="seconds")
        used, most = self._store.usage(station, since), self._limits
        if used.packets >= most.packets_a_day or used.size >= most.bytes_a_day:
            raise Refused(Refusal.TOO_MUCH, "day")
        if used.unjudged >= most.unjudged or used.unjudged_size >= most.unjudged_bytes:
            raise Refused(Refusal.TOO_MUCH, "unjudged")

    def _liar(self, station: str, record: str, carrier: str, why: str) -> Refused:
        """Name what was not as it said: in the books, for the operators to see."""
        log.error("record %s of station %s, by %s: %s", record, station, carrier, why)
        said = Rejection(
            utc=self._utc(), station=station, record=record, carrier=carrier, reason=why
        )
        self._store.reject(said)
        return Refused(Refusal.WRONG_DIGEST, why)

    def _demand_room(self, station: str) -> None:
        """No station fills this disk by itself; what it may not bring now, it may bring later."""
        now, most = self._clock().astimezone(UTC), self._limits
        if now.timestamp() >= self._counted.get(station, 0.0) + COUNTED_EVERY_S:
            self._demand_quota(station, now)
            self._counted[station] = now.timestamp()  # only once it is within them
        if self._objects.in_flight(station) >= most.in_flight:
            self._objects.drop_stale(station, (now - most.stale).timestamp())
            if self._objects.in_flight(station) >= most.in_flight:
                raise Refused(Refusal.TOO_MUCH, "in flight")

    def _forget_other_cut(self, which: Which, asked: wire.Announce) -> None:
        """Parts of another size are of no use to this announcement, and must not pass for its."""
        said = self._objects.announced(*which)
        if said is not None and canonical.decode(said, wire.Announce).parts != asked.parts:
            self._objects.drop_version(*which)

    def _missing_or_none(self, which: Which, asked: wire.Announce) -> Answer | None:
        missing = self._objects.missing(*which, len(asked.parts))
        return _missing(missing) if missing else None

    def _receipts(self, records: tuple[tuple[str, str], ...]) -> Answer:
        found = tuple(one.signed for one in self._store.receipts(records))
        return answered(200, wire.Receipts(receipts=found))

    def _enrolled(self, place: Station, asked: wire.EnrollRequest, request: str) -> Enrolled:
        name = place.succeeds or str(uuid_utils.uuid7())
        station = wire.StationBody(
            realm=self._realm,
            station=name,
            code=place.code,
            name=place.name,
            place=place.place,
            signing=asked.signing,
            sealing=asked.sealing,
            transport=asked.transport,
            epoch=place.epoch,
        )
        person = asked.supervisor
        account = AccountBody(
            realm=self._realm,
            station=name,
            account=person.account,
            username=person.username,
            role=Role.SUPERVISOR,
            signing=person.signing,
            sealing=person.sealing,
        )
        answer = wire.EnrollAnswer(
            station=Signed.by(self._registrar, canonical.encode(station)),
            account=Signed.by(self._registrar, canonical.encode(account)),
        )
        return Enrolled(
            station=name,
            signing=asked.signing,
            transport=asked.transport,
            request_sha256=request,
            answer=canonical.encode(answer).decode(),
        )

    def _utc(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="seconds")


# --- answers --------------------------------------------------------------------------------------
def _missing(parts: tuple[int, ...]) -> Answer:
    return answered(202, wire.Missing(parts=parts))


def answered(status: int, value: object) -> Answer:
    return Answer(status=status, body=canonical.encode(value))


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return canonical.decode(body, kind)
    except canonical.NotCanonical:
        raise Refused(Refusal.BAD_REQUEST, "body") from None


def _check_keys(asked: wire.EnrollRequest) -> None:
    person = asked.supervisor
    for text in (asked.signing, asked.transport, person.signing):
        if len(canonical.from_text(text)) != sealing.KEY_BYTES:
            raise Refused(Refusal.BAD_REQUEST, "key")
    kem = 1184 + 32  # ML-KEM-768 and X25519 public keys
    for text in (asked.sealing, person.sealing):
        if len(canonical.from_text(text)) != kem:
            raise Refused(Refusal.BAD_REQUEST, "key")
