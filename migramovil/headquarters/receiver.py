"""The receiving edge: takes packets part by part, keeps them, and says so in signed receipts.

It holds no key that opens a packet. Everything it accepts is bounded before it is read, and
everything it answers with a receipt is durable first.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import uuid_utils
from litestar import Litestar, Request, Response, get, post, put
from litestar.handlers import HTTPRouteHandler

from migramovil.core import canonical, packet, sealing
from migramovil.core.letters import LARGEST, BadLetter
from migramovil.core.record import Descriptor, Realm, Signed
from migramovil.core.roles import AccountBody, Role
from migramovil.headquarters import downstream
from migramovil.headquarters import store as books
from migramovil.headquarters.letters import LetterBox
from migramovil.headquarters.objects import BadName, Objects, same
from migramovil.headquarters.store import Enrolled, Packet, Station, Store
from migramovil.sync import wire
from migramovil.sync.wire import Refusal

log = logging.getLogger(__name__)

T = TypeVar("T")

LARGEST_MESSAGE = 64 * 1024
LARGEST_ANNOUNCE = 2 * 1024 * 1024
MOST_RECORDS = 1000


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    """A request this edge does not accept."""

    def __init__(self, why: Refusal, text: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: bytes


class Receiver:
    """What the edge does, without HTTP; methods block and may be called from several threads."""

    def __init__(
        self,
        *,
        store: Store,
        objects: Objects,
        descriptor: Signed,
        realm: Realm,
        stored_signer: sealing.Signer,
        receipt_signer: sealing.Signer,
        registrar: sealing.Signer,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._objects = objects
        self._descriptor = descriptor
        self._realm = realm
        self._stored_signer = stored_signer
        self._receipt_signer = receipt_signer
        self._registrar = registrar
        known = canonical.decode(canonical.from_text(descriptor.body), Descriptor)
        self._version = known.version
        self._letters = LetterBox(
            store,
            known,
            registrar=registrar,
            signer=stored_signer,
        )
        self._clock = clock

    # --- for anyone -------------------------------------------------------------------
    def descriptor(self) -> Answer:
        return _answer(200, self._descriptor)

    def ping(self, body: bytes) -> Answer:
        asked = _read(body, wire.Ping)
        if not 16 <= len(asked.nonce) <= 128:
            raise Refused(Refusal.BAD_REQUEST, "nonce")
        told = wire.TimeBody(
            nonce=asked.nonce, utc=self._utc(), realm=self._realm, descriptor=self._version
        )
        return _answer(200, Signed.by(self._stored_signer, canonical.encode(told)))

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

    def admit(self, claimed: tuple[Station, bytes], method: str, path: str, body: bytes) -> Station:
        """The same station once its transport key's signature over the whole request holds."""
        station, signature = claimed
        try:
            key = canonical.from_text(station.transport)
            wire.verify_request(key, signature, method, path, body)
        except sealing.BadSignature:
            raise Refused(Refusal.UNKNOWN_KEY, "signature") from None
        if station.revoked:
            raise Refused(Refusal.REVOKED)
        return station

    def announce(self, body: bytes) -> Answer:
        asked = _read(body, wire.Announce)
        head = self._checked_head(asked)
        header = head.header
        held = self._held(header.station, header.record, asked.digest)
        if held is not None:
            return held
        self._forget_other_cut(header.station, header.record, asked)
        self._objects.announce(header.station, header.record, asked.digest, body)
        return self._missing_or_none(header.station, header.record, asked) or _missing(())

    def part(self, station: str, record: str, digest: str, number: int, body: bytes) -> Answer:
        if self._held(station, record, digest) is not None:
            return Answer(status=200, body=b"{}")
        asked = self._announced(station, record, digest)
        if not 0 <= number < len(asked.parts):
            raise Refused(Refusal.BAD_REQUEST, "part")
        if not same(body, asked.parts[number]):
            raise Refused(Refusal.WRONG_DIGEST, f"part {number}")
        self._objects.put_part(station, record, digest, number, body)
        return Answer(status=200, body=b"{}")

    def complete(self, station: str, record: str, digest: str, carrier: str) -> Answer:
        """Assemble, check all, make durable, then sign; what is missing if something is."""
        held = self._held(station, record, digest)
        if held is not None:
            return held
        asked = self._announced(station, record, digest)
        missing = self._missing_or_none(station, record, asked)
        if missing is not None:
            return missing
        data = self._objects.assembled(station, record, digest, len(asked.parts))
        try:
            epoch = packet.read_head(data).header.epoch
            head = packet.check(data, self._signing(station, epoch))
        except packet.BadPacket as problem:
            self._objects.drop_version(station, record, digest)
            raise Refused(Refusal.WRONG_DIGEST, problem.detail) from None
        named = (head.header.station, head.header.record)
        if not same(data, digest) or named != (station, record):
            self._objects.drop_version(station, record, digest)
            raise Refused(Refusal.WRONG_DIGEST, "packet")
        self._objects.put_packet(station, record, digest, data)
        whole = Packet(
            station=station,
            record=record,
            epoch=head.header.epoch,
            seq=head.header.seq,
            folio=head.header.folio,
            digest=digest,
            size=len(data),
            carrier=carrier,
            audit_head=head.header.audit_head,
            supersedes=head.header.supersedes,
        )
        self._store.store_packet(
            whole,
            books.signing(self._receipt_signer),
            books.chained("stored", whole, realm=self._realm, utc=self._utc()),
        )
        self._objects.drop_parts(station, record)
        return self._held(station, record, digest) or _missing(())

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

    def downstream(self, station: Station, known: str) -> Answer:
        """What is published for this station; 304 where it knows exactly that (an ETag)."""
        answer = _answer(200, downstream.listing(self._store, station))
        same_ = known == wire.etag(answer.body)
        return Answer(status=304, body=b"") if same_ else answer

    def download(self, station: Station, digest: str, number: int) -> Answer:
        """One part of something published."""
        found = downstream.part(self._store, station, digest, number)
        if found is None:
            raise Refused(Refusal.NOT_ANNOUNCED)
        return Answer(status=200, body=found)

    # --- steps --------------------------------------------------------------------------------
    def _checked_head(self, asked: wire.Announce) -> packet.Head:
        """Everything that can be known of a packet before its bytes: who, where, how large."""
        try:
            blocks = [
                canonical.from_text(one) for one in (asked.header, asked.signature, asked.keys)
            ]
            head = packet.read_head(wire.front(*blocks))
        except (canonical.NotCanonical, packet.BadPacket) as problem:
            raise Refused(Refusal.BAD_REQUEST, problem.code) from None
        header = head.header
        station = self._known(header.station)
        if header.realm != self._realm:
            raise Refused(Refusal.WRONG_REALM, self._realm)
        if station.revoked:
            raise Refused(Refusal.REVOKED)
        if not 1 <= header.epoch <= station.epoch:
            raise Refused(Refusal.BAD_REQUEST, "epoch")
        try:
            key = self._signing(header.station, header.epoch)
            sealing.verify(key, head.header_bytes, head.signature)
        except sealing.BadSignature:
            raise Refused(Refusal.BAD_REQUEST, "signature") from None
        if asked.size > packet.LARGEST_PACKET:
            raise Refused(Refusal.TOO_LARGE, str(packet.LARGEST_PACKET))
        if asked.size != head.length + sum(entry.size for entry in header.objects):
            raise Refused(Refusal.BAD_REQUEST, "size")
        if asked.part_size not in wire.PART_SIZES or len(asked.parts) != wire.part_count(
            asked.size, asked.part_size
        ):
            raise Refused(Refusal.BAD_REQUEST, "parts")
        return head

    def _known(self, name: str) -> Station:
        station = self._store.station(name)
        if station is None:
            raise Refused(Refusal.BAD_REQUEST, "station")
        return station

    def _signing(self, station: str, epoch: int) -> bytes:
        """The key the station signed with in that epoch."""
        key = self._store.signing(station, epoch)
        if key is None:
            raise Refused(Refusal.BAD_REQUEST, "epoch")
        return canonical.from_text(key)

    def _announced(self, station: str, record: str, digest: str) -> wire.Announce:
        said = self._objects.announced(station, record, digest)
        if said is None:
            raise Refused(Refusal.NOT_ANNOUNCED)
        return canonical.decode(said, wire.Announce)

    def _held(self, station: str, record: str, digest: str) -> Answer | None:
        """The receipts of a packet that is already whole; refused if it was another one."""
        there = self._store.packet(station, record)
        if there is None:
            return None
        if there.digest != digest:
            log.error("a second packet for record %s of station %s", record, station)
            raise Refused(Refusal.OTHER_DIGEST)
        return self._receipts(((station, record),))

    def _forget_other_cut(self, station: str, record: str, asked: wire.Announce) -> None:
        """Parts of another size are of no use to this announcement, and must not pass for its."""
        said = self._objects.announced(station, record, asked.digest)
        if said is not None and canonical.decode(said, wire.Announce).parts != asked.parts:
            self._objects.drop_version(station, record, asked.digest)

    def _missing_or_none(self, station: str, record: str, asked: wire.Announce) -> Answer | None:
        last = len(asked.parts) - 1
        sizes = [asked.part_size] * last + [asked.size - last * asked.part_size]
        missing = self._objects.missing(station, record, asked.digest, sizes)
        return _missing(missing) if missing else None

    def _receipts(self, records: tuple[tuple[str, str], ...]) -> Answer:
        found = tuple(one.signed for one in self._store.receipts(records))
        return _answer(200, wire.Receipts(receipts=found))

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


# --- HTTP ---------------------------------------------------------------------------------------
Ask = Request[Any, Any, Any]


def build_app(receiver: Receiver) -> Litestar:
    """The same over HTTP: streams bodies within limits, admits carriers, words refusals."""
    return Litestar(
        [*_for_anyone(receiver), *_for_stations(receiver)],
        request_max_body_size=None,  # each request has its own limit, kept while streaming
        openapi_config=None,
        logging_config=None,
        exception_handlers={
            Refused: _refused,
            canonical.NotCanonical: lambda _, __: _worded(Refusal.BAD_REQUEST, "form"),
            BadName: lambda _, __: _worded(Refusal.BAD_REQUEST, "name"),
            OSError: _disk,
        },
    )


def _for_anyone(receiver: Receiver) -> list[HTTPRouteHandler]:
    @get(wire.DESCRIPTOR_PATH)
    async def descriptor() -> Response[bytes]:
        return _response(receiver.descriptor())

    @get(wire.HEALTH_PATH)
    async def health() -> Response[bytes]:
        return _response(Answer(status=200, body=b'{"ok":true}'))

    @post(wire.PING_PATH)
    async def ping(request: Ask) -> Response[bytes]:
        body = await _body(request, LARGEST_MESSAGE)
        return _response(await asyncio.to_thread(receiver.ping, body))

    @post(wire.ENROLL_PATH)
    async def enroll(request: Ask) -> Response[bytes]:
        body = await _body(request, LARGEST_MESSAGE)
        return _response(await asyncio.to_thread(receiver.enroll, body))

    return [descriptor, health, ping, enroll]


def _for_stations(receiver: Receiver) -> list[HTTPRouteHandler]:
    async def admitted(
        request: Ask, limit: int, act: Callable[[Station, bytes], Answer]
    ) -> Response[bytes]:
        """Know the claimed station, read within the limit, prove the claim, then act."""
        header = request.headers.get(wire.HEADER, "")
        claimed = await asyncio.to_thread(receiver.carrier, header)
        body = await _body(request, limit)

        def do() -> Answer:
            carrier = receiver.admit(claimed, request.method, request.url.path, body)
            return act(carrier, body)

        return _response(await asyncio.to_thread(do))

    @post(wire.PACKETS_PATH)
    async def announce(request: Ask) -> Response[bytes]:
        return await admitted(request, LARGEST_ANNOUNCE, lambda _, body: receiver.announce(body))

    @put(wire.part_path("{station:str}", "{record:str}", "{digest:str}", "{number:int}"))
    async def part(request: Ask) -> Response[bytes]:
        which, number = _which(request), int(request.path_params["number"])
        return await admitted(
            request, wire.LARGEST_PART, lambda _, body: receiver.part(*which, number, body)
        )

    @post(wire.complete_path("{station:str}", "{record:str}", "{digest:str}"))
    async def complete(request: Ask) -> Response[bytes]:
        which = _which(request)
        return await admitted(
            request, 0, lambda carrier, _: receiver.complete(*which, carrier.station)
        )

    @post(wire.RECEIPTS_PATH)
    async def receipts(request: Ask) -> Response[bytes]:
        return await admitted(request, 4 * LARGEST_MESSAGE, lambda _, body: receiver.receipts(body))

    @post(wire.LETTERS_PATH)
    async def letter(request: Ask) -> Response[bytes]:
        return await admitted(request, LARGEST, lambda _, body: receiver.letter(body))

    @get(wire.DOWNSTREAM_PATH)
    async def downstream(request: Ask) -> Response[bytes]:
        known = request.headers.get("if-none-match", "")
        return await admitted(request, 0, lambda station, _: receiver.downstream(station, known))

    @get(wire.download_path("{digest:str}", "{number:int}"))
    async def download(request: Ask) -> Response[bytes]:
        digest, number = str(request.path_params["digest"]), int(request.path_params["number"])
        return await admitted(
            request, 0, lambda station, _: receiver.download(station, digest, number)
        )

    return [announce, part, complete, receipts, letter, downstream, download]


def _which(request: Ask) -> tuple[str, str, str]:
    """(station, record, digest) as the path names them; nothing is checked yet."""
    named = request.path_params
    return str(named["station"]), str(named["record"]), str(named["digest"])


async def _body(request: Ask, limit: int) -> bytes:
    """The whole body, never more than `limit` bytes of it."""
    if _declared(request) > limit:
        raise Refused(Refusal.TOO_LARGE, str(limit))
    body = bytearray()
    stream: AsyncIterator[bytes] = request.stream()
    async for piece in stream:
        body += piece
        if len(body) > limit:
            raise Refused(Refusal.TOO_LARGE, str(limit))
    return bytes(body)


def _declared(request: Ask) -> int:
    said = request.headers.get("content-length", "0")
    if not said.isdecimal():
        raise Refused(Refusal.BAD_REQUEST, "content-length")
    return int(said[:12])


def _response(answer: Answer) -> Response[bytes]:
    return Response(answer.body, status_code=answer.status, media_type="application/json")


def _worded(why: Refusal, text: str) -> Response[bytes]:
    return _response(_answer(why.status, wire.ErrorBody(code=why.value, text=text)))


def _refused(_: Ask, refused: Refused) -> Response[bytes]:
    return _worded(refused.why, refused.text)


def _disk(_: Ask, problem: OSError) -> Response[bytes]:
    """A full disk is said as such; any other disk failure is headquarters' own."""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return _worded(Refusal.DISK_FULL, "disk")
    log.error("disk failure: %s", errno.errorcode.get(problem.errno or 0, "unknown"))
    return _response(_answer(500, wire.ErrorBody(code="disk", text="disk")))


def _missing(parts: tuple[int, ...]) -> Answer:
    return _answer(202, wire.Missing(parts=parts))


def _answer(status: int, value: object) -> Answer:
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
