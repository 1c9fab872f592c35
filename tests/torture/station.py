"""A station under torture: its folder, who is inside, and what it has acknowledged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from migramovil.core import canonical, packet, sealing
from migramovil.core.packet import RECORD_OBJECT
from migramovil.core.record import Descriptor, Realm, ReceiptKind, Stamp
from migramovil.core.roles import Role
from migramovil.store import (
    deleting,
    finishing,
    keys,
)
from migramovil.store.outbox import Outbox, StationIdentity
from migramovil.store.vault import Vault
from tests.store.bench import (
    EDGE,
    HEADQUARTERS,
    MEMORY_KIB,
    SIGNER,
    STATION,
    UTC,
    identity,
)

BOSS, OFFICER = "jefa", "oficial"
PASSWORD = "{} del altiplano con lluvia"
GONE = "gone"
KINDS: tuple[ReceiptKind, ...] = ("stored", "opened")


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

    def held(self, record: str) -> tuple[bytes, Mapping[str, bytes]] | None:
        """An enrollment's body and pictures, from the packet (as headquarters reads it) if it is
        finished, else from the draft; None if there is neither, or the packet was let go."""
        if self.outbox.row(record) is not None:
            if record in let_go(self.outbox):
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
        make_slot(folder, BOSS, 0, vault_key)
        outbox.enroll(the_station())
    return _SET_UP


DAY = "2026-11-23"
NOW = Stamp(utc=UTC, uncertainty_s=0)
_EDGE = canonical.text(EDGE.public)
DESCRIPTOR = Descriptor(
    realm=Realm.TRAINING,
    version=1,
    root=_EDGE,
    stored_signer=_EDGE,
    opened_signer=_EDGE,
    registrar=_EDGE,
    operational="",
    recovery=canonical.text(HEADQUARTERS.public),
    tls_ca="",
    urls=(),
)


def the_station(epoch: int = 1) -> StationIdentity:
    return replace(identity(epoch), descriptor=canonical.encode(DESCRIPTOR).decode())


_SET_UP = [Fact(kind="slot", subject=BOSS, value="0")]


def body_of(record: str, version: int) -> bytes:
    """A draft's bytes, which tell by themselves whether they are whole."""
    seed = f"{record} {version} "
    return seed.encode() + hashlib.shake_128(seed.encode()).digest(200 + version * 37 % 6000)


def version_of(record: str, body: bytes) -> int:
    version = int(body.split(b" ", 2)[1])
    if body != body_of(record, version):
        raise ValueError("half a draft")
    return version


def make_slot(folder: Path, username: str, n: int, vault_key: bytes) -> None:
    keys.create_slot(
        folder,
        account=username,
        username=username,
        role=Role.SUPERVISOR,
        password=PASSWORD.format(n),
        vault_key=vault_key,
        memory_kib=MEMORY_KIB,
    )


def let_go(outbox: Outbox) -> set[str]:
    """Records whose packet is here no more, by headquarters' leave."""
    gone = deleting.deleted_files(outbox)
    return {record for file, record in outbox.files().items() if file in gone}


def secret_of(number: int) -> bytes:
    """What headquarters keeps for spare `number`."""
    return hashlib.sha256(f"spare {number}".encode()).digest()


def digest_of(plain: bytes) -> str:
    return hashlib.sha256(plain).hexdigest()
