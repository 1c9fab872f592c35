"""Opens stored packets off the edge, checks everything inside, and signs the last word about each.

`opened` means: every object decrypted, every hash and every personal signature held.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from migramovil.core import canonical, packet, roles, sealing
from migramovil.core.record import Descriptor
from migramovil.core.trouble import Trouble
from migramovil.headquarters import store as books
from migramovil.headquarters.objects import Objects, digest_of, make_folder, same, write
from migramovil.headquarters.setup import OpenerKeys
from migramovil.headquarters.store import Packet, Store
from migramovil.headquarters.vouching import Unacceptable, Vouchers, check_chain, vouchers_of

log = logging.getLogger(__name__)

RECORD_FORMAT = "migramovil/record/1"
_FILE_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,99}")
_RECORD_FILE = "record.json"


class NotHere(Trouble):
    code = "HQ-06"
    what = "Ese registro no está en esta sede, o todavía no fue abierto."
    advice = "Revise el número. Si acaba de llegar, espere a que «hq opener» lo abra."


class OutNotEmpty(Trouble):
    code = "HQ-07"
    what = "La carpeta de destino no está vacía."
    advice = "Elija una carpeta nueva."


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedObject:
    """One object as the record itself lists it; `sha256` is of the plain bytes."""

    id: str
    role: str
    media_type: str
    sha256: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBody:
    """The record in clear, as far as headquarters' checks go; domain rules live elsewhere."""

    format: str
    applicant: dict[str, Any]
    content: dict[str, Any]
    approvals: tuple[roles.Approval, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A record that passed every check: its canonical JSON, and its images by file name."""

    record: bytes
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    record: str
    kind: str
    reason: str


class PacketOpener:
    """Judges stored packets; may run in another process than the receiver."""

    def __init__(
        self,
        *,
        store: Store,
        objects: Objects,
        descriptor: Descriptor,
        keys: OpenerKeys,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._objects = objects
        self._descriptor = descriptor
        self._keys = keys
        self._clock = clock

    def once(self) -> list[Verdict]:
        """Judge everything that waits; each gets one verdict, for good unless two operators have
        a refused one taken up again. What must be brought again first is left waiting."""
        ready = [one for one in self._store.unjudged() if self._is_here(one)]
        return [self._judge(one) for one in ready]

    def open_record(self, record: str, out: Path, *, operator: str) -> Packet:
        """Write `record.json` and the images into `out`; logged before the first byte is written.

        `record` is a record id or a folio. NotHere, OutNotEmpty, Unacceptable.
        """
        found = self._store.packets_of(record)
        if len(found) != 1:
            raise NotHere
        if out.exists() and any(out.iterdir()):
            raise OutNotEmpty
        opened = self._open(found[0])
        self._store.log_opening(found[0], utc=self._utc(), operator=operator)
        make_folder(out)
        for name, data in {_RECORD_FILE: opened.record, **opened.files}.items():
            write(out / name, data)
        return found[0]

    def opened(self, one: Packet) -> Opened:
        """A record that `opened` was said of, in clear; checked again. Unacceptable, NotHere."""
        if self._store.word(one.station, one.record) != "opened":
            raise NotHere
        return self._open(one)

    def _is_here(self, one: Packet) -> bool:
        """Whether the bytes are as they were received; the refusal of lost ones stands first."""
        if self._store.word(one.station, one.record) != "retry":
            return True
        try:
            with self._objects.open_packet(one.station, one.record, one.digest) as file:
                return digest_of(file) == one.digest
        except FileNotFoundError:
            return False

    def _judge(self, one: Packet) -> Verdict:
        try:
            self._open(one)
            verdict = Verdict(record=one.record, kind="opened", reason="")
        except Trouble as trouble:
            reason = f"{trouble.code} {trouble.detail}".strip()[:200]
            verdict = Verdict(record=one.record, kind="refused", reason=reason)
        self._store.judge(
            one,
            books.signing(self._keys.opened_signer),
            books.chained(
                "opened" if verdict.kind == "opened" else "refused",
                one,
                realm=self._descriptor.realm,
                utc=self._utc(),
                reason=verdict.reason,
            ),
            utc=self._utc(),
        )
        why = verdict.reason
        log.info("record %s: %s %s", verdict.record, verdict.kind, why)
        return verdict

    def _open(self, one: Packet) -> Opened:
        try:
            data = self._objects.packet(one.station, one.record, one.digest)
        except FileNotFoundError:
            raise Unacceptable("packet lost") from None
        signing = self._store.signing(one.station, one.epoch)
        if signing is None or not same(data, one.digest):
            raise Unacceptable("packet damaged")
        head = packet.check(data, canonical.from_text(signing))
        header = head.header
        about = (header.realm, header.station, header.record)
        if about != (self._descriptor.realm, one.station, one.record):
            raise Unacceptable("another packet")
        key = packet.open_content_key(head, *self._keys.every_operational)
        clear = packet.open_objects(data, head, key)
        record = clear.pop(packet.RECORD_OBJECT)
        body = read_record(record)
        if body.content.get("supersedes", "") != header.supersedes:
            raise Unacceptable("supersedes")
        vouchers = vouchers_of(self._store, self._descriptor, one.station, signing)
        check_approvals(body, header, replace(vouchers, recipients=self._own_keys()))
        return Opened(record=record, files=named_files(body, clear))

    def _own_keys(self) -> frozenset[str]:
        mine = [opener.public for opener in self._keys.every_operational]
        recovery = canonical.from_text(self._descriptor.recovery)
        return frozenset(map(sealing.key_id, (*mine, recovery)))

    def _utc(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="seconds")


def read_record(data: bytes) -> RecordBody:
    body = canonical.decode(data, RecordBody)
    if body.format != RECORD_FORMAT:
        raise Unacceptable("record format")
    return body


def named_files(body: RecordBody, clear: Mapping[str, bytes]) -> dict[str, bytes]:
    """The images by file name: exactly the objects the record lists, each with its own hash."""
    try:
        listed = msgspec.convert(body.content.get("objects"), tuple[ListedObject, ...])
    except msgspec.ValidationError:
        raise Unacceptable("object list") from None
    names = [one.name for one in listed] + [_RECORD_FILE]
    if len(set(names)) != len(names) or not all(_FILE_NAME.fullmatch(name) for name in names):
        raise Unacceptable("object names")
    if sorted(one.id for one in listed) != sorted(clear):
        raise Unacceptable("objects listed")
    if not all(same(clear[one.id], one.sha256) for one in listed):
        raise Unacceptable("object hash")
    return {one.name: clear[one.id] for one in listed}


# --- personal signatures ----------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class FingerClaim:
    """What a record's content says of one finger, as far as four eyes go."""

    position: int
    exception: str | None = None
    reason: str = ""
    declared_by: str = ""
    approval: roles.Approval | None = None


def check_approvals(body: RecordBody, header: packet.Header, vouchers: Vouchers) -> None:
    """Every act inside is by a person headquarters knows of, about exactly this record.

    One person finishes the record; an exception is approved by somebody else.
    """
    signed = sealing.sha256(
        canonical.encode({"applicant": body.applicant, "content": body.content})
    )
    finishers = {
        check_act(approval, header, vouchers, roles.Act.FINISH, signed).signing
        for approval in body.approvals
    }
    if len(finishers) != 1:
        raise Unacceptable("finish approval")
    try:
        fingers = msgspec.convert(body.content.get("fingers", ()), tuple[FingerClaim, ...])
    except msgspec.ValidationError:
        raise Unacceptable("finger list") from None
    for finger in fingers:
        if finger.exception is not None:
            _check_exception(finger, header, vouchers, finishers)


def _check_exception(
    finger: FingerClaim, header: packet.Header, vouchers: Vouchers, finishers: set[str]
) -> None:
    """The approver signed this position, code and reason, and is neither declarer nor finisher."""
    if finger.approval is None:
        raise Unacceptable("exception approval")
    said = {"position": finger.position, "code": finger.exception, "reason": finger.reason}
    second = check_act(
        finger.approval,
        header,
        vouchers,
        roles.Act.APPROVE_EXCEPTION,
        sealing.sha256(canonical.encode(said)),
    )
    if second.account == finger.declared_by or second.signing in finishers:
        raise Unacceptable("four eyes")


def check_act(
    approval: roles.Approval,
    header: packet.Header,
    vouchers: Vouchers,
    act: roles.Act,
    content_sha256: str,
) -> roles.AccountBody:
    """Who signed this act on this content of this record, being allowed to; else Unacceptable."""
    person = check_chain(approval.chain, vouchers)
    said = approval.signed.verified(canonical.from_text(person.signing))
    body = canonical.decode(said, roles.ActBody)
    if body.account != person.account:
        raise Unacceptable("approval")
    bound = (body.act, body.suite, body.realm, body.station, body.record)
    about = (header.suite, header.realm, header.station, header.record)
    # An approval may be older than headquarters' newest key, to which the packet is sealed.
    if not set(body.recipients) <= vouchers.recipients | set(header.recipients):
        raise Unacceptable("approval recipients")
    if bound != (act.value, *about) or body.content_sha256 != content_sha256:
        raise Unacceptable("approval binding")
    if not roles.may(person.role, act):
        raise Unacceptable("approval role")
    return person
