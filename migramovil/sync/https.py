"""Headquarters over HTTPS: TLS 1.3, one pinned private CA, no proxy, no validity by a lying clock.

The handshake checks chain and name but no dates; before anything is sent, headquarters signs the
time for a fresh nonce, and its certificate must be valid then.
"""

from __future__ import annotations

import math
import secrets
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import httpx
from cryptography import x509

from migramovil.core import canonical, packet, sealing
from migramovil.core.queue import Waiting
from migramovil.core.record import Descriptor, Realm, Signed, WrongRealm
from migramovil.core.roles import AccountBody, Role
from migramovil.core.trouble import Trouble, Who
from migramovil.sync import wire
from migramovil.sync.ports import (
    CertificateExpired,
    DigestRefused,
    HeadquartersBusy,
    LoginRefused,
    NoLink,
    NotHeadquarters,
    NotUnderstood,
    Progress,
)

TIMEOUT_S = 8.0
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME
_LARGEST_ANSWER = 4 * 1024 * 1024
_HANDS = 4  # times one packet may be completed and still be told that parts are missing

T = TypeVar("T")


class EnrolmentRefused(Trouble):
    code = "SET-03"
    what = "Sede central no aceptó el código de alta: ya se usó, venció o no es suyo."
    advice = "Pida otro código a sede central."
    who = Who.TECHNICIAN


class HttpsHeadquarters:
    """One connection, kept while it works; `url` is the descriptor's first unless given.

    `on_time` hears the time headquarters signed and its doubt in seconds, `on_descriptor` a newer
    word of its root key about itself: both at dialling, on the thread that dials.
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
    ) -> None:
        if descriptor.realm != realm:
            raise WrongRealm
        self._descriptor = descriptor
        self._station = station
        self._transport = transport
        self._url = url or descriptor.urls[0]
        self._on_time = on_time
        self._on_descriptor = on_descriptor
        self._line: _Line | None = None

    def receipts(self, records: Sequence[tuple[str, str]]) -> Sequence[Signed]:
        if not records:
            self.hang_up()  # saying hello is dialling again
            self._dialled()
            return ()
        body = canonical.encode(wire.AskReceipts(records=tuple(records)))
        status, answer = self._ask("POST", wire.RECEIPTS_PATH, body)
        return _receipts(status, answer)

    def send(self, waiting: Waiting, data: bytes, progress: Progress) -> Sequence[Signed]:
        head = packet.read_head(data)
        said = canonical.encode(wire.announce(data, head, waiting.digest))
        status, answer = self._ask("POST", wire.PACKETS_PATH, said)
        done = wire.complete_path(waiting.station, waiting.record, waiting.digest)
        for _ in range(_HANDS):
            if status != 202:
                return _receipts(status, answer)
            self._bring(waiting, data, _read(answer, wire.Missing).parts, progress)
            status, answer = self._ask("POST", done, b"")
        raise HeadquartersBusy("parts")

    def letter(self, data: bytes) -> Signed:
        _, answer = self._ask("POST", wire.LETTERS_PATH, data)
        return _read(answer, Signed)

    def fetch(self, path: str, known: str = "") -> bytes | None:
        """What headquarters has at this path; None when it is still what `known` (an ETag) was."""
        status, answer = self._ask("GET", path, b"", {"If-None-Match": known} if known else {})
        return None if status == 304 else answer

    def hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _bring(
        self, waiting: Waiting, data: bytes, missing: tuple[int, ...], progress: Progress
    ) -> None:
        parts = {number: wire.cut(data, wire.PART_SIZE, number) for number in sorted(missing)}
        if not all(parts.values()):
            raise NotUnderstood("part numbers")
        held = len(data) - sum(len(part) for part in parts.values())
        progress(held)
        for number, part in parts.items():
            path = wire.part_path(waiting.station, waiting.record, waiting.digest, number)
            self._ask("PUT", path, part)
            held += len(part)
            progress(held)

    def _ask(
        self, method: str, path: str, body: bytes, more: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        line = self._dialled()
        signed = wire.sign_request(self._station, self._transport, method, path, body)
        try:
            status, answer = line.ask(method, path, body, {wire.HEADER: signed, **(more or {})})
        except Trouble:
            self.hang_up()
            raise
        if status >= 400:
            raise _refusal(status, answer)
        return status, answer

    def _dialled(self) -> _Line:
        if self._line is None:
            line = _Line(self._url, _pinned(self._descriptor.tls_ca))
            try:
                self._greet(line)
            except BaseException:
                line.close()
                raise
            self._line = line
        return self._line

    def _greet(self, line: _Line) -> None:
        """Hear the signed time; and of new keys, which may have signed it already."""
        try:
            now, doubt_s, version = _check_time(line, self._descriptor)
        except NotHeadquarters:
            if not self._renewed(line):
                raise
            now, doubt_s, version = _check_time(line, self._descriptor)
        self._on_time(now, doubt_s)
        if version > self._descriptor.version:
            self._renewed(line)

    def _renewed(self, line: _Line) -> bool:
        """Whether headquarters' root key signed a newer descriptor; an older one never counts."""
        status, answer = line.ask("GET", wire.DESCRIPTOR_PATH, b"", {})
        if status != 200:
            raise _refusal(status, answer)
        known = self._descriptor
        root = wire.root_hash(canonical.from_text(known.root))
        signed = _read(answer, Signed)
        found = read_descriptor(signed, root, realm=known.realm)
        if found.root != known.root or found.version <= known.version:
            return False
        self._descriptor = found
        self._on_descriptor(found, signed)
        return True


def first_contact(url: str, code: str, *, realm: Realm) -> Descriptor:
    """Headquarters' descriptor, believed only if signed by the root key the code carries.

    BadEnrolmentCode, NoLink, NotHeadquarters (another root key), WrongRealm.
    """
    _, root = wire.read_code(code)
    line = _Line(url, _unverified())
    try:
        status, answer = line.ask("GET", wire.DESCRIPTOR_PATH, b"", {})
    finally:
        line.close()
    if status != 200:
        raise _refusal(status, answer)
    return read_descriptor(_read(answer, Signed), root, realm=realm)


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
    line = _Line(url or descriptor.urls[0], _pinned(descriptor.tls_ca))
    try:
        _check_time(line, descriptor)
        status, answer = line.ask("POST", wire.ENROLL_PATH, canonical.encode(request), {})
    finally:
        line.close()
    if status >= 400:
        raise _refusal(status, answer)
    given = _read(answer, wire.EnrollAnswer)
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


# --- one connection ------------------------------------------------------------------------
class _Line:
    """An httpx client and the certificate its connection showed."""

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        self._client = httpx.Client(
            base_url=url,
            verify=context,
            trust_env=False,
            timeout=TIMEOUT_S,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=1, keepalive_expiry=60.0),
        )
        self.certificate = b""

    def close(self) -> None:
        self._client.close()

    def ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        try:
            with self._client.stream(method, path, content=body, headers=headers) as answer:
                self._look_at(answer)
                return answer.status_code, _bounded(answer)
        except httpx.ConnectError as problem:
            if _is_certificate(problem):
                raise NotHeadquarters("tls") from None
            raise NoLink(type(problem).__name__) from None
        except httpx.HTTPError as problem:
            raise NoLink(type(problem).__name__) from None
        except httpx.InvalidURL:
            raise NotHeadquarters("url") from None

    def _look_at(self, answer: httpx.Response) -> None:
        shown = answer.extensions["network_stream"].get_extra_info("ssl_object")
        if shown is None:
            raise NotHeadquarters("no tls")
        self.certificate = shown.getpeercert(True) or b""


def _bounded(answer: httpx.Response) -> bytes:
    body = bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > _LARGEST_ANSWER:
            raise NotHeadquarters("answer too large")
    return bytes(body)


def _is_certificate(problem: BaseException | None) -> bool:
    while problem is not None:
        if isinstance(problem, ssl.SSLCertVerificationError):
            return True
        problem = problem.__cause__ or problem.__context__
    return False


def _pinned(ca_pem: str) -> ssl.SSLContext:
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


def _check_time(line: _Line, descriptor: Descriptor) -> tuple[datetime, int, int]:
    """The time signed for a fresh nonce, its doubt (the whole seconds the question took), and the
    newest version of headquarters' descriptor.

    Realm and certificate dates must agree with it.
    """
    nonce, asked = secrets.token_hex(16), time.monotonic()
    status, answer = line.ask("POST", wire.PING_PATH, canonical.encode(wire.Ping(nonce=nonce)), {})
    took = math.ceil(time.monotonic() - asked)
    if status >= 400:
        raise _refusal(status, answer)
    try:
        body = _read(answer, Signed).verified(canonical.from_text(descriptor.stored_signer))
        told = canonical.decode(body, wire.TimeBody)
        now = datetime.fromisoformat(told.utc).astimezone(UTC)
    except (sealing.BadSignature, canonical.NotCanonical, ValueError, OverflowError) as problem:
        raise NotHeadquarters(type(problem).__name__) from None
    if told.nonce != nonce:
        raise NotHeadquarters("nonce")
    if told.realm != descriptor.realm:
        raise WrongRealm
    authority = x509.load_pem_x509_certificate(descriptor.tls_ca.encode())
    for shown in (authority, x509.load_der_x509_certificate(line.certificate)):
        if not shown.not_valid_before_utc <= now <= shown.not_valid_after_utc:
            raise CertificateExpired
    return now, took, told.descriptor


# --- answers ----------------------------------------------------------------------------------
def _read(answer: bytes, kind: type[T]) -> T:
    try:
        return canonical.decode(answer, kind)
    except canonical.NotCanonical:
        raise NotHeadquarters("answer") from None


def _receipts(status: int, answer: bytes) -> Sequence[Signed]:
    if status != 200:
        raise NotHeadquarters("answer")
    return _read(answer, wire.Receipts).receipts


_BY_CODE: dict[str, type[Trouble]] = {
    wire.Refusal.BAD_REQUEST: NotUnderstood,
    wire.Refusal.UNKNOWN_KEY: LoginRefused,
    wire.Refusal.WRONG_REALM: WrongRealm,
    wire.Refusal.REVOKED: LoginRefused,
    wire.Refusal.BAD_TOKEN: EnrolmentRefused,
    wire.Refusal.NOT_ANNOUNCED: HeadquartersBusy,
    wire.Refusal.OTHER_DIGEST: DigestRefused,
    wire.Refusal.TOO_LARGE: NotUnderstood,
    wire.Refusal.WRONG_DIGEST: DigestRefused,
    wire.Refusal.DISK_FULL: HeadquartersBusy,
}


def _refusal(status: int, answer: bytes) -> Trouble:
    """What a refusal means here; an answer that is not headquarters' own is theirs to mend."""
    try:
        code = canonical.decode(answer, wire.ErrorBody).code
    except canonical.NotCanonical:
        return HeadquartersBusy(f"HTTP {status}")
    return _BY_CODE.get(code, HeadquartersBusy)(f"HTTP {status} {code}"[:80])
