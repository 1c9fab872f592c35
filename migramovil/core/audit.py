"""Who did what, in a chain that shows any change: each entry's hash covers the one before it.

Ids only, never a name. The station signs each entry's hash, and the newest one travels in every
packet and comes back in every receipt: an altered line, a missing one and a shortened chain show.
Entries made before signatures existed are covered by the first signed one after them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from migramovil.core import canonical, sealing
from migramovil.core.record import Realm, Signed
from migramovil.core.trouble import Trouble

START = sealing.sha256(b"migramovil/audit/1")
ENTRY_FORMAT = "migramovil/audit/2"
EXPORT_FORMAT = "migramovil/audit-export/1"


class AuditBroken(Trouble):
    code = "STO-08"
    what = "El registro de auditoría de esta estación fue alterado o está dañado."
    advice = "No siga inscribiendo en esta estación. Avise al técnico con este código."


class AuditShort(Trouble):
    code = "AUD-01"
    what = "Al registro de auditoría le faltan líneas que sede central ya conoce."
    advice = "No siga inscribiendo en esta estación. Avise al técnico con este código."


class NotAnAudit(Trouble):
    code = "AUD-02"
    what = "El archivo no es un registro de auditoría de esta estación, o fue alterado."
    advice = "Vuelva a exportarlo desde la estación y compruébelo otra vez."


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One act: account id, what was done, to which id, when (UTC, ISO 8601).

    `doubt_s` is the clock's doubt in seconds, None where nothing bounds it; `signature` is the
    station's (base64), "" on entries older than signatures. `hash` is 64 hex digits.
    """

    n: int
    actor: str
    act: str
    subject: str
    utc: str
    doubt_s: int | None
    hash: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportBody:
    """The first line of an exported chain: what follows, and up to where."""

    format: str = EXPORT_FORMAT
    realm: Realm
    station: str
    epoch: int
    entries: int
    head: str
    utc: str


def next_entry(
    previous: Entry | None,
    signer: sealing.Signer,
    *,
    actor: str,
    act: str,
    subject: str,
    utc: str,
    doubt_s: int | None,
) -> Entry:
    """The entry that follows `previous` (None: the first), hashed and signed."""
    n, before = (1, START) if previous is None else (previous.n + 1, previous.hash)
    bare = Entry(
        n=n,
        actor=actor,
        act=act,
        subject=subject,
        utc=utc,
        doubt_s=doubt_s,
        hash="",
        signature="?",
    )
    found = _chained(before, bare)
    signature = canonical.text(signer.sign(_to_sign(found)))
    return replace(bare, hash=found, signature=signature)


def check(entries: Iterable[Entry], public: bytes) -> int:
    """How many entries there are, all linked and the last one signed by `public` (Ed25519).

    AuditBroken names the first that is not as it was written.
    """
    before, signed, place = START, False, 0
    for place, entry in enumerate(entries, start=1):
        if entry.n != place or entry.hash != _chained(before, entry):
            raise AuditBroken(f"entry {place}")
        if entry.signature:
            _check_signature(entry, public)
        elif signed:
            raise AuditBroken(f"entry {place} unsigned")
        before, signed = entry.hash, bool(entry.signature)
    if place and not signed:
        raise AuditBroken(f"entry {place} unsigned")
    return place


def check_heads(entries: Iterable[Entry], heads: Collection[str]) -> None:
    """AuditShort unless each of `heads`, seen outside the chain, is the hash of an entry."""
    known = {START, "", *(entry.hash for entry in entries)}
    lost = [head for head in heads if head not in known]
    if lost:
        raise AuditShort(f"head {lost[0][:16]}")


def export(
    entries: Iterable[Entry],
    signer: sealing.Signer,
    *,
    realm: Realm,
    station: str,
    epoch: int,
    utc: str,
) -> Iterator[bytes]:
    """The chain as canonical JSON lines, without line ends, the first signed by the station."""
    every = list(entries)
    body = ExportBody(
        realm=realm,
        station=station,
        epoch=epoch,
        entries=len(every),
        head=every[-1].hash if every else START,
        utc=utc,
    )
    yield canonical.encode(Signed.by(signer, canonical.encode(body)))
    for entry in every:
        yield canonical.encode(entry)


def read_export(data: bytes, public: bytes) -> tuple[ExportBody, list[Entry]]:
    """An exported chain that the station of `public` signed, whole and linked.

    NotAnAudit when it is no such file, AuditBroken when an entry was changed.
    """
    first, *rest = data.rstrip(b"\n").split(b"\n")
    try:
        signed = canonical.decode(first, Signed)
        body = canonical.decode(signed.verified(public), ExportBody)
        entries = [canonical.decode(line, Entry) for line in rest]
    except (canonical.NotCanonical, sealing.BadSignature) as problem:
        raise NotAnAudit(problem.code) from None
    check(entries, public)
    if (len(entries), entries[-1].hash if entries else START) != (body.entries, body.head):
        raise NotAnAudit("not whole")
    return body, entries


def claimed(data: bytes) -> ExportBody:
    """What an export says of itself; nothing is trusted yet. NotAnAudit if it says nothing."""
    try:
        signed = canonical.decode(data.split(b"\n", 1)[0], Signed)
        return canonical.decode(canonical.from_text(signed.body), ExportBody)
    except canonical.NotCanonical as problem:
        raise NotAnAudit(problem.code) from None


def _chained(before: str, entry: Entry) -> str:
    """Entries older than signatures knew no doubt, and their hash covers none."""
    said: dict[str, int | str | None] = {
        "n": entry.n,
        "actor": entry.actor,
        "act": entry.act,
        "subject": entry.subject,
        "utc": entry.utc,
    }
    if entry.signature:
        said["doubt_s"] = entry.doubt_s
    return sealing.sha256(bytes.fromhex(before) + canonical.encode(said))


def _check_signature(entry: Entry, public: bytes) -> None:
    try:
        sealing.verify(public, _to_sign(entry.hash), canonical.from_text(entry.signature))
    except (sealing.BadSignature, canonical.NotCanonical):
        raise AuditBroken(f"entry {entry.n} signature") from None


def _to_sign(hash: str) -> bytes:
    return canonical.encode({"format": ENTRY_FORMAT, "hash": hash})
