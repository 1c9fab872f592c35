"""What a station does all day, what it says it has done, and whether that is still so.

A new verb is one `Work`: it does real work and returns the facts it acknowledges. Before an act
that ends something, `station.maybe` says what may be true until the act is acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from migramovil.core import canonical
from migramovil.core.folio import make_folio
from migramovil.core.packet import Draught
from migramovil.core.record import Realm, RecordState, Signed, Stamp
from migramovil.core.roles import Account, AccountBody
from migramovil.store import (
    acts,
    attempts,
    compartments,
    deleting,
    finishing,
    keys,
    letters,
    rotation,
    verify,
)
from migramovil.store.compartments import Keepsake
from migramovil.store.outbox import QueueRow
from migramovil.store.rotation import Change, KnownSpare, Spares
from migramovil.store.vault import StoredDraft
from tests.store.bench import EDGE, HEADQUARTERS, SIGNER, STATION, UTC, receipt
from tests.torture import copies
from tests.torture.station import (
    DAY,
    DESCRIPTOR,
    GONE,
    KINDS,
    NOW,
    OFFICER,
    PASSWORD,
    Fact,
    Station,
    body_of,
    digest_of,
    make_slot,
    secret_of,
    version_of,
)


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
    return [*facts, Fact(kind="picture", subject=subject, value=digest_of(plain))]


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
    return Keepsake(jornada=DAY, ends_utc=UTC, kind="slip", body=row.folio.encode())


def _close_day(station: Station, n: int) -> list[Fact]:
    facts = _finish(station, n)
    open_one = next(
        one.jornada for one in compartments.every(station.vault.database) if not one.destroyed_utc
    )
    ended = Fact(kind="compartment", subject=open_one, value=GONE)
    station.maybe(ended)
    compartments.destroy(station.vault.database, open_one, "1", NOW)
    station.vault.purge()
    return [*facts, ended]


def _receipt(station: Station, n: int) -> list[Fact]:
    rows = [row for row in station.outbox.rows() if row.state is not RecordState.OPENED]
    if not rows:
        return _finish(station, n)
    row = station.rng.choice(rows)
    kind = KINDS[row.state is RecordState.STORED]
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
    acts.void_draft(station.vault, act, "1", "2", NOW)
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
    make_slot(station.folder, OFFICER, n, station.unlocked.vault_key)
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
    return _new_key(station)


def _new_key(station: Station, used: int = 0) -> list[Fact]:
    gone = Fact(kind="slot", subject=OFFICER, value=GONE)
    station.maybe(gone)
    boss = station.unlocked.person
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
    change = Change(actor="1", act="test", subject="", at=NOW, accounts=(only,), used=used)
    key = rotation.rotate(station.folder, station.vault, change, recovery=HEADQUARTERS.public)
    station.unlocked = replace(station.unlocked, vault_key=key)
    return [gone]


def _spare(station: Station, n: int) -> list[Fact]:
    """A way back in, whose letter headquarters answered."""
    now = rotation.spares(station.vault)
    number, letter = now.last + 1, f"spares-{n}"
    public = canonical.text(keys.opener_of(secret_of(number)).public)
    made = KnownSpare(number=number, public=public, letter=letter)
    rotation.put_spares(station.vault, Spares(last=number, known=(*now.known, made)))
    letters.put(station.outbox, letter, "spares", b"sealed", UTC)
    letters.answer(station.outbox, letter, b"yes")
    there = frozenset({*keys.spares(station.folder), number})
    key = station.unlocked.vault_key
    rotation.deliver(station.folder, station.vault, key, there, HEADQUARTERS.public)
    return [Fact(kind="spare", subject=str(number), value="in force")]


def _recover(station: Station, n: int) -> list[Fact]:
    """Somebody comes back in by a spare, which is used up by it."""
    facts = [] if keys.spares(station.folder) else _spare(station, n)
    number = min(keys.spares(station.folder))
    gone = Fact(kind="spare", subject=str(number), value=GONE)
    station.maybe(gone)
    assert keys.open_spare(station.folder, number, secret_of(number)) == station.unlocked.vault_key
    return [*facts, *_new_key(station, number), gone]


def _letter(station: Station, n: int) -> list[Fact]:
    letters.put(station.outbox, f"l{n}", "test", b"said", UTC)
    return [Fact(kind="letter", subject=f"l{n}", value="")]


def _answer(station: Station, n: int) -> list[Fact]:
    facts = [] if letters.unanswered(station.outbox) else _letter(station, n)
    waits = letters.unanswered(station.outbox)[0].id
    fact = Fact(kind="letter", subject=waits, value=f"answer {n}")
    station.maybe(fact)
    letters.answer(station.outbox, waits, fact.value.encode())
    return [*facts, fact]


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
    deleting.delete_due(station.outbox, DESCRIPTOR, NOW, timedelta(0))
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
    Work(name="spare", do=_spare),
    Work(name="recover", do=_recover),
    Work(name="letter", do=_letter),
    Work(name="answer", do=_answer),
    Work(name="let-go", do=_let_go),
    Work(name="back-up", do=copies.back_up),
    Work(name="restore", do=copies.restore_again),
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
    return (GONE if plain is None else digest_of(plain)) in allowed


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
    reached = KINDS if kind == "stored" else KINDS[1:]
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


def _letter_holds(station: Station, fact: Fact, allowed: set[str]) -> bool:
    kept = letters.unanswered(station.outbox)
    for kind in ("test", "spares"):  # a death may leave a spare's letter to the work that answers
        kept += letters.answered(station.outbox, kind)
    return any(one.id == fact.subject and (one.answer or b"").decode() in allowed for one in kept)


def _spare_holds(station: Station, fact: Fact, allowed: set[str]) -> bool:
    """It opens the vault while it is in force, and nothing once it was used."""
    number = int(fact.subject)
    if number not in keys.spares(station.folder):
        return GONE in allowed
    opened = keys.open_spare(station.folder, number, secret_of(number))
    return opened == station.unlocked.vault_key and fact.value != GONE


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
    "letter": _letter_holds,
    "spare": _spare_holds,
    "backup": copies.backup_holds,
    "again": copies.again_holds,
}
