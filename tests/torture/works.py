"""What a station does all day, what it says it has done, and whether that is still so.

A new verb is one `Work`: it does real work and returns the facts it acknowledges. Before an act
that ends something, `station.maybe` says what may be true until the act is acknowledged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from random import Random

from migramovil.core import canonical, packet, sealing
from migramovil.core.folio import make_folio
from migramovil.core.packet import RECORD_OBJECT, Draught
from migramovil.core.record import Descriptor, Realm, ReceiptKind, RecordState, Signed, Stamp
from migramovil.core.roles import Account, AccountBody, Role
from migramovil.store import (
    acts,
    attempts,
    compartments,
    deleting,
    finishing,
    keys,
    rotation,
    verify,
)
from migramovil.store.compartments import Keepsake
from migramovil.store.outbox import Outbox, QueueRow
from migramovil.store.vault import StoredDraft, Vault
from tests.store.bench import (
    EDGE,
    HEADQUARTERS,
    MEMORY_KIB,
    SIGNER,
    STATION,
    UTC,
    identity,
    receipt,
)

BOSS, OFFICER = "jefa", "oficial"
PASSWORD = "{} del altiplano con lluvia"
GONE = "gone"
_KINDS: tuple[ReceiptKind, ...] = ("stored", "opened")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something acknowledged: `kind` of `subject` is `value` (or, of a draft, newer)."""

    kind: str
    subject: str
    value: str


@dataclass(slots=True)
class Ledger:
    """What was acknowledged, and what may be instead where an act was begun and never told."""

    known: dict[tuple[str, str], str] = field(default_factory=dict)
    begun: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    acknowledged: int = 0

    def maybe(self, fact: Fact) -> None:
        self.begun.setdefault((fact.kind, fact.subject), set()).add(fact.value)

    def add(self, fact: Fact) -> None:
        self.known[fact.kind, fact.subject] = fact.value
        self.begun.pop((fact.kind, fact.subject), None)
        self.acknowledged += 1

    def may_be(self, kind: str, subject: str) -> set[str]:
        key = (kind, subject)
        return {*self.begun.get(key, ()), *([self.known[key]] if key in self.known else ())}

    def facts(self) -> list[Fact]:
        return [
            Fact(kind=kind, subject=subject, value=value)
            for (kind, subject), value in self.known.items()
        ]

    def copy(self) -> Ledger:
        begun = {key: set(values) for key, values in self.begun.items()}
        return Ledger(dict(self.known), begun, self.acknowledged)


class Station:
    """A station's folder with somebody inside, opened as services/accounts.py opens it."""

    def __init__(self, folder: Path, rng: Random) -> None:
        self.folder = folder
        self.rng = rng
        self.maybe: Callable[[Fact], None] = lambda fact: None
        self.closed = True
        self.enter()

    def enter(self) -> None:
        with ExitStack() as undo:
            self.outbox = undo.enter_context(Outbox(self.folder))
            self.unlocked = keys.open_slot(self.folder, BOSS, PASSWORD.format(0))
            self.vault = undo.enter_context(Vault(self.folder, self.unlocked.vault_key))
            self.found = finishing.reconcile(self.outbox, self.vault)
            undo.pop_all()
        self.closed = False

    def close(self) -> None:
        self.closed = True
        self.vault.close()
        self.outbox.close()

    def pick_draft(self) -> str | None:
        drafts = [draft.record_id for draft in self.vault.drafts()]
        return self.rng.choice(sorted(drafts)) if drafts else None

    def let_go(self) -> set[str]:
        gone = deleting.deleted_files(self.outbox)
        return {record for file, record in self.outbox.files().items() if file in gone}

    def held(self, record: str) -> tuple[bytes, Mapping[str, bytes]] | None:
        """An enrollment's body and pictures, from the packet (as headquarters reads it) if it is
        finished, else from the draft; None if there is neither, or the packet was let go."""
        if self.outbox.row(record) is not None:
            if record in self.let_go():
                return None
            data = self.outbox.packet(record)
            head = packet.check(data, SIGNER.public)
            clear = packet.open_objects(data, head, packet.open_content_key(head, HEADQUARTERS))
            return clear.pop(RECORD_OBJECT), clear
        body = next((d.body for d in self.vault.drafts() if d.record_id == record), None)
        return None if body is None else (body, self.vault.all_media(record))


def set_up(folder: Path) -> list[Fact]:
    """A new station with one supervisor, in the order of services/accounts.py."""
    with Outbox(folder) as outbox:
        if outbox.station() is not None:
            return _SET_UP
        Vault.discard(folder)
        vault_key = Vault.create(folder)
        with Vault(folder, vault_key) as vault:
            vault.save_station_keys(SIGNER, sealing.Opener.new())
            vault.audit.append("1", "enroll-station", STATION, Stamp(utc=UTC))
        _slot(folder, BOSS, 0, vault_key)
        outbox.enroll(identity())
    return _SET_UP


_DAY = "2026-11-23"
_NOW = Stamp(utc=UTC, uncertainty_s=0)
_EDGE = canonical.text(EDGE.public)
_DESCRIPTOR = Descriptor(
    realm=Realm.TRAINING,
    version=1,
    root=_EDGE,
    stored_signer=_EDGE,
    opened_signer=_EDGE,
    registrar=_EDGE,
    operational="",
    recovery="",
    tls_ca="",
    urls=(),
)
_SET_UP = [Fact(kind="slot", subject=BOSS, value="0")]


# --- what is done ------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One thing an officer or the station does; `n` is new every time."""

    name: str
    do: Callable[[Station, int], list[Fact]]


def _begin(station: Station, n: int) -> list[Fact]:
    record = f"r{n}-{station.rng.getrandbits(32):08x}"
    station.vault.save_draft(record, 1, body_of(record, 1), UTC)
    return [Fact(kind="draft", subject=record, value="1")]


def _field(station: Station, n: int) -> list[Fact]:
    record = station.pick_draft()
    if record is None:
        return _begin(station, n)
    held = next(draft.body for draft in station.vault.drafts() if draft.record_id == record)
    version = version_of(record, held) + 1
    station.vault.save_draft(record, 1, body_of(record, version), UTC)
    return [Fact(kind="draft", subject=record, value=str(version))]


def _picture(station: Station, n: int) -> list[Fact]:
    facts = [] if station.pick_draft() else _begin(station, n)
    record = station.pick_draft()
    assert record is not None
    plain = station.rng.randbytes(station.rng.choice((100, 5000, 70_000)))
    object_id = station.vault.put_media(record, plain)
    subject = f"{record}/{object_id}"
    return [*facts, Fact(kind="picture", subject=subject, value=_digest(plain))]


def _retake(station: Station, n: int) -> list[Fact]:
    facts = _picture(station, n)
    record, object_id = facts[-1].subject.split("/")
    gone = Fact(kind="picture", subject=facts[-1].subject, value=GONE)
    station.maybe(gone)
    station.vault.drop_media(record, object_id)
    return [*facts[:-1], gone]


def _finish(station: Station, n: int) -> list[Fact]:
    facts = [] if station.pick_draft() else _begin(station, n)
    record = station.pick_draft()
    assert record is not None
    body = next(draft.body for draft in station.vault.drafts() if draft.record_id == record)

    def compose(seq: int, head: str, media: Mapping[str, bytes]) -> Draught:
        return Draught(
            realm=Realm.TRAINING,
            station=STATION,
            epoch=1,
            seq=seq,
            record=record,
            folio=make_folio("T01", date(2026, 11, 23), seq),
            created=Stamp(utc=UTC),
            audit_head=head,
            software="test",
            record_body=body,
            objects=media,
        )

    row = finishing.finish(
        station.outbox,
        station.vault,
        record,
        compose,
        [HEADQUARTERS.public],
        SIGNER,
        actor="1",
        keep=_keepsake,
    )
    fits = Fact(kind="account", subject="all", value="fits")
    return [*facts, Fact(kind="finished", subject=record, value=row.digest), fits]


def _keepsake(draft: StoredDraft, row: QueueRow) -> Keepsake:
    return Keepsake(jornada=_DAY, ends_utc=UTC, kind="slip", body=row.folio.encode())


def _close_day(station: Station, n: int) -> list[Fact]:
    facts = _finish(station, n)
    open_one = next(
        one.jornada for one in compartments.every(station.vault.database) if not one.destroyed_utc
    )
    ended = Fact(kind="compartment", subject=open_one, value=GONE)
    station.maybe(ended)
    compartments.destroy(station.vault.database, open_one, "1", _NOW)
    station.vault.purge()
    return [*facts, ended]


def _receipt(station: Station, n: int) -> list[Fact]:
    rows = [row for row in station.outbox.rows() if row.state is not RecordState.OPENED]
    if not rows:
        return _finish(station, n)
    row = station.rng.choice(rows)
    kind = _KINDS[row.state is RecordState.STORED]
    signed, body = receipt(row, kind, serial=n + 1)
    station.outbox.file_receipt(row.record, signed, body)
    return [Fact(kind="receipt", subject=f"{row.record}/{kind}", value=signed.signature)]


def _void(station: Station, n: int) -> list[Fact]:
    del n
    record = station.pick_draft()
    if record is None:
        return []
    facts = [
        Fact(kind="draft", subject=record, value=GONE),
        Fact(kind="act", subject=record, value="void"),
    ]
    for fact in facts:
        station.maybe(fact)
    act = acts.StoredAct(id=record, act="void", subject=record, utc=UTC, body=b"{}")
    acts.void_draft(station.vault, act, "1", "2", _NOW)
    return facts


def _attempt(station: Station, n: int) -> list[Fact]:
    """A wrong password: it counts, whatever ends the program next."""
    del n
    attempts.count(station.outbox, ["thief"])
    counted = attempts.failures(station.outbox)["thief"]
    return [Fact(kind="attempt", subject="thief", value=str(counted))]


def _password(station: Station, n: int) -> list[Fact]:
    fact = Fact(kind="slot", subject=OFFICER, value=str(n))
    station.maybe(fact)
    _slot(station.folder, OFFICER, n, station.unlocked.vault_key)
    return [fact]


def _audit(station: Station, n: int) -> list[Fact]:
    head = station.vault.audit.append("1", "login", "", Stamp(utc=UTC))
    return [Fact(kind="audit", subject=str(station.vault.audit.verify()), value=head)]


def _setting(station: Station, n: int) -> list[Fact]:
    station.maybe(Fact(kind="setting", subject="place", value=str(n)))
    station.vault.set_setting("place", str(n))
    return [Fact(kind="setting", subject="place", value=str(n))]


def _rotate(station: Station, n: int) -> list[Fact]:
    """Only the supervisor may have the new key: the officer's slot goes."""
    del n
    boss = station.unlocked.person
    gone = Fact(kind="slot", subject=OFFICER, value=GONE)
    station.maybe(gone)
    body = AccountBody(
        realm=Realm.TRAINING,
        station=STATION,
        account=boss.account,
        username=boss.username,
        role=boss.role,
        signing=canonical.text(boss.signer.public),
        sealing=canonical.text(boss.opener.public),
    )
    only = Account(body=body, vouched=Signed.by(EDGE, canonical.encode(body)))
    change = rotation.Change(actor="1", act="test", subject="", at=_NOW, accounts=(only,))
    key = rotation.rotate(station.folder, station.vault, change, recovery=HEADQUARTERS.public)
    station.unlocked = replace(station.unlocked, vault_key=key)
    return [gone]


def _let_go(station: Station, n: int) -> list[Fact]:
    facts = []
    while not (rows := station.outbox.rows(states=[RecordState.OPENED], limit=1000)):
        facts += _receipt(station, n)
    gone = [
        Fact(kind=kind, subject=row.record, value=GONE)
        for row in rows
        for kind in ("draft", "finished")
    ]
    for fact in gone:
        station.maybe(fact)
    deleting.delete_due(station.outbox, _DESCRIPTOR, _NOW, timedelta(0))
    return [*facts, *gone]


def _purge(station: Station, n: int) -> list[Fact]:
    del n
    station.vault.purge()
    return []


def _reopen(station: Station, n: int) -> list[Fact]:
    del n
    station.close()
    station.enter()
    return []


WORKS = (
    Work(name="begin", do=_begin),
    Work(name="field", do=_field),
    Work(name="picture", do=_picture),
    Work(name="retake", do=_retake),
    Work(name="finish", do=_finish),
    Work(name="close-day", do=_close_day),
    Work(name="receipt", do=_receipt),
    Work(name="void", do=_void),
    Work(name="attempt", do=_attempt),
    Work(name="password", do=_password),
    Work(name="audit", do=_audit),
    Work(name="setting", do=_setting),
    Work(name="rotate", do=_rotate),
    Work(name="let-go", do=_let_go),
    Work(name="purge", do=_purge),
    Work(name="reopen", do=_reopen),
)


# --- whether it is still so -------------------------------------------------------------------
def _draft_holds(station: Station, fact: Fact, allowed: set[str]) -> bool:
    held = station.held(fact.subject)
    if held is None:
        return GONE in allowed
    return fact.value != GONE and version_of(fact.subject, held[0]) >= int(fact.value)


def _picture_holds(station: Station, fact: Fact, allowed: set[str]) -> bool:
    record, object_id = fact.subject.split("/")
    held = station.held(record)
    plain = None if held is None else held[1].get(object_id)
    return (GONE if plain is None else _digest(plain)) in allowed


def _finished_holds(station: Station, fact: Fact, allowed: set[str]) -> bool:
    row = station.outbox.row(fact.subject)
    if row is None or station.vault.has_draft(fact.subject):
        return False
    if station.held(fact.subject) is None:
        return GONE in allowed
    return row.digest in allowed


def _receipt_holds(station: Station, fact: Fact, allowed: set[str]) -> bool:
    record, kind = fact.subject.split("/")
    row = station.outbox.row(record)
    receipts: list[Signed] = station.outbox.receipts(record)
    reached = _KINDS if kind == "stored" else _KINDS[1:]
    return (
        row is not None
        and row.state in reached
        and any(signed.signature in allowed for signed in receipts)
    )


def _slot_holds(station: Station, fact: Fact, allowed: set[str]) -> bool:
    if fact.subject not in {slot.username for slot in keys.slots(station.folder)}:
        return GONE in allowed
    for value in allowed:
        try:
            unlocked = keys.open_slot(station.folder, fact.subject, PASSWORD.format(value))
        except keys.WrongPassword:
            continue
        return unlocked.vault_key == station.unlocked.vault_key
    return False


def _setting_holds(station: Station, fact: Fact, allowed: set[str]) -> bool:
    return station.vault.setting(fact.subject) in allowed


def _audit_holds(station: Station, fact: Fact, allowed: set[str]) -> bool:
    del allowed
    return station.vault.audit.verify() >= int(fact.subject)


def _act_holds(station: Station, fact: Fact, allowed: set[str]) -> bool:
    """The word about a void is there exactly when the draft is not."""
    del allowed
    told = bool(acts.about(station.vault, fact.subject))
    return told and not station.vault.has_draft(fact.subject)


def _attempt_holds(station: Station, fact: Fact, allowed: set[str]) -> bool:
    del allowed
    return attempts.failures(station.outbox).get(fact.subject, 0) >= int(fact.value)


def _compartment_holds(station: Station, fact: Fact, allowed: set[str]) -> bool:
    """Destroyed, it has neither key nor content."""
    every = {one.jornada: one for one in compartments.every(station.vault.database)}
    one = every[fact.subject]
    return GONE not in allowed or (bool(one.destroyed_utc) and one.kept == 0)


def _account_holds(station: Station, fact: Fact, allowed: set[str]) -> bool:
    """What the ledger looks at after every entrance finds nothing to say."""
    del fact, allowed
    books = verify.read(station.outbox, station.vault)
    return books is not None and verify.quick(station.outbox, books) == []


HOLDS: Mapping[str, Callable[[Station, Fact, set[str]], bool]] = {
    "draft": _draft_holds,
    "picture": _picture_holds,
    "finished": _finished_holds,
    "receipt": _receipt_holds,
    "slot": _slot_holds,
    "setting": _setting_holds,
    "audit": _audit_holds,
    "act": _act_holds,
    "attempt": _attempt_holds,
    "compartment": _compartment_holds,
    "account": _account_holds,
}


def body_of(record: str, version: int) -> bytes:
    """A draft's bytes, which tell by themselves whether they are whole."""
    seed = f"{record} {version} "
    return seed.encode() + hashlib.shake_128(seed.encode()).digest(200 + version * 37 % 6000)


def version_of(record: str, body: bytes) -> int:
    version = int(body.split(b" ", 2)[1])
    if body != body_of(record, version):
        raise ValueError("half a draft")
    return version


def _slot(folder: Path, username: str, n: int, vault_key: bytes) -> None:
    keys.create_slot(
        folder,
        account=username,
        username=username,
        role=Role.SUPERVISOR,
        password=PASSWORD.format(n),
        vault_key=vault_key,
        memory_kib=MEMORY_KIB,
    )


def _digest(plain: bytes) -> str:
    return hashlib.sha256(plain).hexdigest()
