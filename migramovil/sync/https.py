"""Headquarters over HTTPS: TLS 1.3, one pinned private CA, no proxy, no validity by a lying clock.

The handshake checks chain and name but no dates; before anything is sent, headquarters signs the
time for a fresh nonce, and its certificate must be valid then. That time carries on for an hour, so
that a link that breaks every minute is not greeted again each time. The oldest packet travels over
as many lanes as the link deserves; when it has no part left to give out, the next one's fill the
road.
"""

from __future__ import annotations

import math
import secrets
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509

from migramovil.core import canonical, sealing
from migramovil.core.queue import Waiting
from migramovil.core.record import Descriptor, Realm, Signed, WrongRealm
from migramovil.core.roles import AccountBody, Role
from migramovil.core.trouble import Trouble
from migramovil.sync import answers, pace, portal, wire
from migramovil.sync.answers import EnrolmentRefused
from migramovil.sync.crew import Crew
from migramovil.sync.lanes import CONNECT_S, Answered, Lane, Lost, Place, Request, attend
from migramovil.sync.pace import Weather
from migramovil.sync.ports import (
    Ahead,
    BudgetSpent,
    CaptivePortal,
    CertificateExpired,
    Forgetful,
    ImagesHeld,
    Interrupted,
    Memory,
    NoLink,
    NoTerms,
    NotHeadquarters,
    Progress,
    Terms,
)
from migramovil.sync.upload import Job

__all__ = ["EnrolmentRefused", "HttpsHeadquarters", "enroll", "first_contact", "read_descriptor"]

TICK_S = 0.25
PATIENCE_S = 30.0  # a link that carried something so recently is dialled again at once
REDIAL_S = 0.25
TIME_HOLDS_S = 3600.0
_REMEMBERED = 16  # packets that were begun
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME


class HttpsHeadquarters:
    """One connection, kept while it works; `url` is the descriptor's first unless given.

    `on_time` hears the time headquarters signed and its doubt in seconds, `on_descriptor` a newer
    word of its root key about itself: both at dialling, on the thread that dials. `terms` say
    what may be spent on the link; `memory` keeps which packets were begun, so that only what nobody
    began is sent without asking first what is missing.
    """

    def __init__(
        self,
        descriptor: Descriptor,
        station: str,
        transport: sealing.Signer,
        *,
        realm: Realm,
        url: str = "",
        on_time: Callable[[datetime, int], object] = lambda *_: None,
        on_descriptor: Callable[[Descriptor, Signed], object] = lambda *_: None,
        terms: Terms | None = None,
        memory: Memory | None = None,
    ) -> None:
        if descriptor.realm != realm:
            raise WrongRealm
        self._descriptor = descriptor
        self._station = station
        self._transport = transport
        self._url = url or descriptor.urls[0]
        self._on_time = on_time
        self._on_descriptor = on_descriptor
        self._context: ssl.SSLContext | None = None
        self._place: Place | None = None
        self._heard: tuple[datetime, float] | None = None
        self._terms = terms or NoTerms()
        self._crew = Crew(self._dial, self._believe, self._terms.spent)
        self._held: set[str] = set()  # packets of which only images are missing there
        self._jobs: dict[str, Job] = {}  # by digest: the packet being sent and the one behind it
        self._memory = memory or Forgetful()
        self._begun = deque((self._memory.read() or "").split(), maxlen=_REMEMBERED)

    def receipts(self, records: Sequence[tuple[str, str]]) -> Sequence[Signed]:
        if not records:
            self.hang_up()  # saying hello is dialling again, and hearing the time again
            self._heard = None
            self._lead()
            return ()
        body = canonical.encode(wire.AskReceipts(records=tuple(records)))
        status, answer = self._say("POST", wire.RECEIPTS_PATH, body)
        return answers.receipts(status, answer)

    def send(
        self,
        waiting: Waiting,
        data: bytes,
        progress: Progress,
        ahead: Ahead = lambda: None,
    ) -> Sequence[Signed]:
        if waiting.digest in self._held and not self._terms.may_send_images():
            raise ImagesHeld
        job, after = self._job(waiting, data), None
        self._jobs = {digest: one for digest, one in self._jobs.items() if one is job}
        moved, held = time.monotonic(), job.held_bytes
        try:
            while job.receipts is None:
                if job.trouble is not None:
                    raise job.trouble
                progress(job.held_bytes)
                if after is None and job.all_given_out and (following := ahead()) is not None:
                    after = self._job(*following)
                if job.held_bytes != held:
                    moved, held = time.monotonic(), job.held_bytes
                self._carry([job] if after is None else [job, after], moved, progress)
        except Trouble as trouble:
            if not isinstance(trouble, NoLink):
                self._jobs.pop(waiting.digest, None)
            if isinstance(trouble, ImagesHeld):
                self._held.add(waiting.digest)
            raise
        self._jobs.pop(waiting.digest, None)
        self._held.discard(waiting.digest)
        progress(waiting.size)
        return job.receipts

    def letter(self, data: bytes) -> Signed:
        _, answer = self._say("POST", wire.LETTERS_PATH, data)
        return answers.read(answer, Signed)

    def report(self, data: bytes, tick: Callable[[], object]) -> Signed:
        """Bring one report for support; what `tick` raises breaks it off, and its connection."""
        try:
            line = Line(self._lead(tick), turn=self._crew.turn, tick=tick)
            headers = {wire.HEADER: self._signed("POST", wire.SUPPORT_PATH, data)}
            status, answer = line.ask("POST", wire.SUPPORT_PATH, data, headers)
        except Interrupted:
            self.hang_up()
            raise
        if status >= 400:
            raise answers.refusal(status, answer)
        return answers.read(answer, Signed)

    def fetch(self, path: str, known: str = "") -> bytes | None:
        """What headquarters has at this path; None when it is still what `known` (an ETag) was."""
        status, answer = self._say("GET", path, b"", {"If-None-Match": known} if known else {})
        return None if status == 304 else answer

    def hang_up(self) -> None:
        self._crew.hang_up()

    def link_changed(self) -> None:
        """From any thread: what stands still is dialled again at once."""
        self._crew.link_changed()

    @property
    def weather(self) -> Weather:
        """The link as it was last measured."""
        return self._crew.gauge.weather

    # --- packets -----------------------------------------------------------------------------
    def _job(self, waiting: Waiting, data: bytes) -> Job:
        if waiting.digest not in self._jobs:
            fresh = waiting.digest not in self._begun
            job = Job(
                waiting,
                data,
                fresh=fresh,
                whole=pace.at_once(self.weather, len(data)),
                only_front=not self._terms.may_send_images(),
                on_bytes=self._crew.gauge.arrived,
            )
            self._jobs[waiting.digest] = job
            self._remember(waiting.digest)
        return self._jobs[waiting.digest]

    def _remember(self, digest: str) -> None:
        if digest not in self._begun:
            self._begun.append(digest)
            self._memory.write(" ".join(self._begun))

    def _carry(self, jobs: Sequence[Job], moved: float, progress: Progress) -> None:
        """Load every lane that can take more, the oldest packet first; then let them work."""
        held = jobs[0].held_bytes
        try:
            self._lead(lambda: progress(held))
        except NoLink:
            if time.monotonic() - moved > PATIENCE_S or not held:
                raise
            self._wait(REDIAL_S, lambda: progress(held))
            return
        for lane in self._crew.fit():
            self._load(lane, jobs)
        self._crew.turn(TICK_S)

    def _load(self, lane: Lane, jobs: Sequence[Job]) -> None:
        while lane.hungry:
            found = (job.next_request(lane, self._request) for job in jobs)
            request = next((one for one in found if one is not None), None)
            if request is None:
                return
            lane.ask(request)
            lane.work()

    @staticmethod
    def _wait(seconds: float, tick: Callable[[], object]) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            tick()
            time.sleep(min(TICK_S, seconds))

    # --- requests ------------------------------------------------------------------------------
    def _request(
        self,
        method: str,
        path: str,
        body: bytes,
        *,
        answered: Answered,
        lost: Lost = lambda: None,
    ) -> Request:
        headers = ((wire.HEADER, self._signed(method, path, body)),)
        return Request(
            method=method, path=path, body=body, headers=headers, answered=answered, lost=lost
        )

    def _say(
        self, method: str, path: str, body: bytes, more: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        line = Line(self._lead(), turn=self._crew.turn)
        headers = {wire.HEADER: self._signed(method, path, body), **(more or {})}
        status, answer = line.ask(method, path, body, headers)
        if status >= 400:
            raise answers.refusal(status, answer)
        return status, answer

    def _signed(self, method: str, path: str, body: bytes) -> str:
        return wire.sign_request(self._station, self._transport, method, path, body)

    # --- dialling --------------------------------------------------------------------------------
    def _lead(self, tick: Callable[[], object] = lambda: None) -> Lane:
        """A lane that is open and believed, dialled now if there is none."""
        if not self._terms.may_spend():
            raise BudgetSpent
        self._crew.drop_idle()
        ready = self._crew.ready()
        if ready:
            return ready[0]
        try:
            line = Line(self._crew.one_more(), turn=self._crew.turn, tick=tick)
            if self._time() is None:
                self._greet(line)
        except NotHeadquarters as stranger:
            self._crew.hang_up()
            if self._place is not None and portal.is_portal(self._place.host, portal.HTTP_PORT):
                raise CaptivePortal(stranger.detail) from None
            raise
        except BaseException:
            self._crew.hang_up()
            raise
        return line.lane

    def _dial(self, attempt: int) -> Lane:
        if self._context is None:
            self._context = pinned(self._descriptor.tls_ca)
        if self._place is None or self._crew.alone:
            self._place = Place.of(self._url)
        rtt = self.weather.rtt
        knock_s, patience_s = CONNECT_S, CONNECT_S
        if rtt:  # the system knocks again later and later: a new lane knocks at once
            knock_s, patience_s = (
                min(CONNECT_S, s) for s in (max(2.0, 3 * rtt), max(4.0, 6 * rtt))
            )
        return Lane(
            self._place, self._context, attempt=attempt, knock_s=knock_s, patience_s=patience_s
        )

    def _believe(self, lane: Lane) -> None:
        """A certificate out of date is told by headquarters' own time, once that is known; until
        then only the greeting passes."""
        now = self._time()
        if now is not None:
            _check_dates(lane.certificate, self._descriptor, now)

    def _time(self) -> datetime | None:
        """Headquarters' time, carried on since it was signed; None when that is long ago."""
        if self._heard is None:
            return None
        told, at = self._heard
        since = _running() - at
        return told + timedelta(seconds=since) if since < TIME_HOLDS_S else None

    def _greet(self, line: Line) -> None:
        """Hear the signed time; and of new keys, which may have signed it already."""
        try:
            now, doubt_s, version = check_time(line, self._descriptor)
        except NotHeadquarters as stranger:
            try:
                renewed = self._renewed(line)
            except NoLink:  # it spoke once and hung up
                raise stranger from None
            if not renewed:
                raise
            now, doubt_s, version = check_time(line, self._descriptor)
        self._heard = now, _running()
        self._crew.gauge.rtt = self._crew.gauge.rtt or doubt_s / 2
        self._on_time(now, doubt_s)
        if version > self._descriptor.version:
            self._renewed(line)

    def _renewed(self, line: Line) -> bool:
        """Whether headquarters' root key signed a newer descriptor; an older one never counts."""
        status, answer = line.ask("GET", wire.DESCRIPTOR_PATH, b"", {})
        if status != 200:
            raise answers.refusal(status, answer)
        known = self._descriptor
        root = wire.root_hash(canonical.from_text(known.root))
        signed = answers.read(answer, Signed)
        found = read_descriptor(signed, root, realm=known.realm)
        if found.root != known.root or found.version <= known.version:
            return False
        self._descriptor, self._context = found, None
        self._on_descriptor(found, signed)
        return True


def first_contact(url: str, code: str, *, realm: Realm) -> Descriptor:
    """Headquarters' descriptor, believed only if signed by the root key the code carries.

    BadEnrolmentCode, NoLink, NotHeadquarters (another root key), WrongRealm.
    """
    _, root = wire.read_code(code)
    line = Line.dial(url, _unverified())
    try:
        status, answer = line.ask("GET", wire.DESCRIPTOR_PATH, b"", {})
    finally:
        line.close()
    if status != 200:
        raise answers.refusal(status, answer)
    return read_descriptor(answers.read(answer, Signed), root, realm=realm)


def read_descriptor(signed: Signed, root: bytes, *, realm: Realm) -> Descriptor:
    """The descriptor if its root key hashes to `root` (wire.root_hash) and signed it."""
    try:
        public = canonical.from_text(signed.public_key)
        if not secrets.compare_digest(wire.root_hash(public), root):
            raise NotHeadquarters("root")
        descriptor = canonical.decode(signed.verified(public), Descriptor)
    except (sealing.BadSignature, canonical.NotCanonical) as problem:
        raise NotHeadquarters(problem.code) from None
    if descriptor.root != signed.public_key:
        raise NotHeadquarters("root")
    if descriptor.realm != realm:
        raise WrongRealm
    return descriptor


def enroll(
    descriptor: Descriptor, request: wire.EnrollRequest, *, url: str = ""
) -> tuple[wire.EnrollAnswer, wire.StationBody, AccountBody]:
    """Become a station: the signed answer to keep, and both bodies, checked against the request.

    EnrolmentRefused, NoLink, NotHeadquarters, WrongRealm. Asking again with the same token and the
    same keys gives the same answer: one lost on the way costs nothing.
    """
    if descriptor.realm != request.realm:
        raise WrongRealm
    line = Line.dial(url or descriptor.urls[0], pinned(descriptor.tls_ca))
    try:
        check_time(line, descriptor)
        status, answer = line.ask("POST", wire.ENROLL_PATH, canonical.encode(request), {})
    finally:
        line.close()
    if status >= 400:
        raise answers.refusal(status, answer)
    given = answers.read(answer, wire.EnrollAnswer)
    registrar = canonical.from_text(descriptor.registrar)
    try:
        station = canonical.decode(given.station.verified(registrar), wire.StationBody)
        account = canonical.decode(given.account.verified(registrar), AccountBody)
    except (sealing.BadSignature, canonical.NotCanonical) as problem:
        raise NotHeadquarters(problem.code) from None
    if not _fits(station, account, request):
        raise NotHeadquarters("enrolment")
    return given, station, account


def _fits(station: wire.StationBody, account: AccountBody, asked: wire.EnrollRequest) -> bool:
    person = asked.supervisor
    keys = (station.signing, station.sealing, station.transport)
    whose = (account.realm, account.station, account.role, account.account, account.username)
    return (
        station.realm == asked.realm
        and keys == (asked.signing, asked.sealing, asked.transport)
        and (account.signing, account.sealing) == (person.signing, person.sealing)
        and whose
        == (asked.realm, station.station, Role.SUPERVISOR, person.account, person.username)
    )


# --- one conversation ------------------------------------------------------------------------
class Line:
    """One lane, asked one thing at a time; `tick` is called while it waits, and may raise."""

    def __init__(
        self,
        lane: Lane,
        *,
        turn: Callable[[float], None] | None = None,
        tick: Callable[[], object] = lambda: None,
    ) -> None:
        self.lane = lane
        self._turn = turn or (lambda longest_s: attend([lane], longest_s))
        self._tick = tick
        self._until(lambda: lane.opened)

    @classmethod
    def dial(
        cls, url: str, context: ssl.SSLContext, *, tick: Callable[[], object] = lambda: None
    ) -> Line:
        lane = Lane(Place.of(url), context)
        try:
            return cls(lane, tick=tick)
        except BaseException:
            lane.close()
            raise

    @property
    def certificate(self) -> bytes:
        return self.lane.certificate

    def close(self) -> None:
        self.lane.close()

    def ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        told: list[tuple[int, bytes]] = []
        self.lane.ask(
            Request(
                method=method,
                path=path,
                body=body,
                headers=tuple(headers.items()),
                answered=lambda status, answer: told.append((status, answer)),
            )
        )
        self.lane.work()
        self._until(lambda: bool(told))
        return told[0]

    def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            if self.lane.trouble is not None:
                raise self.lane.trouble
            self._tick()
            self._turn(TICK_S)


def pinned(ca_pem: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=ca_pem)
    context.verify_flags |= _NO_CHECK_TIME
    return context


def _unverified() -> ssl.SSLContext:
    """Only for fetching the descriptor, which proves itself by its signature."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def check_time(line: Line, descriptor: Descriptor) -> tuple[datetime, int, int]:
    """The time signed for a fresh nonce, its doubt (the whole seconds the question took), and the
    newest version of headquarters' descriptor.

    Realm and certificate dates must agree with it.
    """
    nonce, asked = secrets.token_hex(16), time.monotonic()
    status, answer = line.ask("POST", wire.PING_PATH, canonical.encode(wire.Ping(nonce=nonce)), {})
    took = math.ceil(time.monotonic() - asked)
    if status >= 400:
        raise answers.refusal(status, answer)
    try:
        body = answers.read(answer, Signed).verified(canonical.from_text(descriptor.stored_signer))
        told = canonical.decode(body, wire.TimeBody)
        now = datetime.fromisoformat(told.utc).astimezone(UTC)
    except (sealing.BadSignature, canonical.NotCanonical, ValueError, OverflowError) as problem:
        raise NotHeadquarters(type(problem).__name__) from None
    if told.nonce != nonce:
        raise NotHeadquarters("nonce")
    if told.realm != descriptor.realm:
        raise WrongRealm
    _check_dates(line.certificate, descriptor, now)
    return now, took, told.descriptor


def _check_dates(certificate: bytes, descriptor: Descriptor, now: datetime) -> None:
    authority = x509.load_pem_x509_certificate(descriptor.tls_ca.encode())
    for shown in (authority, x509.load_der_x509_certificate(certificate)):
        if not shown.not_valid_before_utc <= now <= shown.not_valid_after_utc:
            raise CertificateExpired


def _running() -> float:
    """Seconds that also pass while the machine sleeps, where the system counts them."""
    asleep_too: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if asleep_too is None else time.clock_gettime(asleep_too)
