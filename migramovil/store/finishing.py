"""Finishing an enrollment: from here on it is a sealed packet, and the draft and its key are gone.

Two database files cannot commit as one, so the outbox's row decides. Before it there is a draft
(and perhaps a packet file, to be deleted); after it, a packet (and perhaps a draft, to be deleted).
`reconcile` puts right whatever a crash left between.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from migramovil.core import packet, sealing
from migramovil.core.packet import Draught
from migramovil.core.queue import Waiting
from migramovil.core.record import Stamp
from migramovil.store import deleting, files, restored
from migramovil.store.compartments import Keepsake
from migramovil.store.outbox import Outbox, QueueRow
from migramovil.store.trouble import Damaged, OutOfLine, translated
from migramovil.store.vault import StoredDraft, Vault

Compose = Callable[[int, str, Mapping[str, bytes]], Draught]
Keep = Callable[[StoredDraft, QueueRow], Keepsake | None]
"""What a draft that has become this record leaves readable, None for nothing; it never raises."""

FINISHED, COMPLETED = "finish", "finish-completed"
"""The audit's words for a finish, and for one that a crash interrupted."""


def keep_nothing(draft: StoredDraft, row: QueueRow) -> None:
    del draft, row


def crash_points(step: str) -> None:
    """Called after each step with its name, so that tests can die there."""
    del step


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What was found between the two stores: records whose draft was still there (now deleted),
    packet files of drafts still open (now deleted), packet files nobody claims (untouched), and
    records whose packet file is gone without having been deleted here."""

    completed: tuple[str, ...]
    discarded: tuple[str, ...]
    strays: tuple[str, ...]
    missing: tuple[str, ...]


def finish(  # noqa: PLR0917 - every part of the sequence, in its order
    outbox: Outbox,
    vault: Vault,
    record_id: str,
    compose: Compose,
    recipients: Iterable[bytes],
    signer: sealing.Signer,
    *,
    actor: str = "",
    keep: Keep = keep_nothing,
) -> QueueRow:
    """Seal a draft and put it in the line; a record already there is simply returned.

    `compose(seq, audit_head, media)` says what the packet is made of; `recipients` are public KEM
    keys, `signer` the station's, `actor` the account id audited, `keep` what stays readable in the
    jornada's compartment. On any trouble the draft stays.
    """
    with outbox.finishing:
        if not outbox.settled:
            reconcile(outbox, vault, actor=actor, keep=keep)
        done = outbox.row(record_id)
        if done is not None:
            if vault.has_draft(record_id):
                raise Damaged("packet")
            return done
        restored.demand_known(vault, record_id)
        media = vault.all_media(record_id)
        draught = compose(outbox.seq() + 1, vault.audit.head(), media)
        if draught.record != record_id:
            raise OutOfLine("another record")
        outbox.settled = False
        done = _seal(outbox, draught, tuple(recipients), signer)
        _close(vault, done, act=FINISHED, actor=actor, at=draught.created, keep=keep)
        outbox.settled = True
    return done


def reconcile(
    outbox: Outbox, vault: Vault, *, actor: str = "", keep: Keep = keep_nothing
) -> Reconciled:
    """Complete or undo what a crash interrupted; adopts no packet. For when the vault opens.

    `actor` is who came in and so completes what somebody else may have begun.
    """
    with outbox.finishing:
        open_drafts = vault.draft_ids()
        completed = []
        for record in sorted(open_drafts):
            row = outbox.row(record)
            at = None if row is None else _sealed_at(outbox, record)
            if row is not None and at is not None:
                _close(vault, row, act=COMPLETED, actor=actor, at=at, keep=keep)
                completed.append(record)
        if vault.purge_pending():
            vault.purge()
        discarded, strays = _unclaimed(outbox, open_drafts - set(completed))
        here = {*outbox.files_on_disk(), *deleting.deleted_files(outbox)}
        missing = tuple(
            sorted(record for file, record in outbox.files().items() if file not in here)
        )
        outbox.settled = True
    return Reconciled(
        completed=tuple(completed), discarded=discarded, strays=strays, missing=missing
    )


def _sealed_at(outbox: Outbox, record: str) -> Stamp | None:
    """When a record in the line was sealed, if its packet is there. A commit the disk reported as
    failed may yet turn out to have happened, its packet long withdrawn: then the draft is all
    there is, and stays."""
    try:
        return packet.read_head(outbox.packet(record)).header.created
    except (Damaged, packet.BadPacket):
        return None


def _seal(
    outbox: Outbox, draught: Draught, recipients: tuple[bytes, ...], signer: sealing.Signer
) -> QueueRow:
    """Write the packet, prove from the disk that it opens, and put it in the line."""
    content_key = sealing.new_key()
    parts = packet.parts(draught, content_key, recipients, signer)
    file = f"{secrets.token_hex(16)}.packet"
    path = outbox.packet_path(file)
    with ThreadPoolExecutor(1) as meanwhile:
        digest = meanwhile.submit(_digest, parts)  # a disk at work leaves the processor free
        files.write(path, *parts)
    crash_points("packet-written")
    waiting = Waiting(
        record=draught.record,
        station=draught.station,
        epoch=draught.epoch,
        seq=draught.seq,
        folio=draught.folio,
        digest=digest.result(),
        size=sum(map(len, parts)),
        sealed_utc=draught.created.utc,
    )
    try:
        _prove(_read_back(path, parts), draught, content_key, signer.public)
        outbox.add(waiting, file)
    except Exception:
        if outbox.row(draught.record) is None:
            files.remove(path)
        raise
    crash_points("outbox-committed")
    return QueueRow.of(waiting)


def _digest(parts: Iterable[bytes]) -> str:
    whole = sha256()
    for part in parts:
        whole.update(part)
    return whole.hexdigest()


def _read_back(path: Path, parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same parts from the disk, to the last byte the ones that were hashed, else Damaged."""
    with translated(), path.open("rb") as source:
        for part in parts:
            piece = source.read(len(part))
            if piece != part:
                raise Damaged("what was written is not what is there")
            yield piece
        if source.read(1):
            raise Damaged("there is more than was written")


def _prove(
    written: Iterator[bytes], draught: Draught, content_key: bytes, station_public: bytes
) -> None:
    """That a packet, part by part, is the station's and opens to what was to be sealed."""
    head = packet.signed_head(next(written), station_public)
    meant = packet.contents(draught)
    names = [entry.id for entry in head.header.objects]
    for name, data in zip(names, written, strict=True):
        clear = sealing.decrypt_object(content_key, draught.record, name, data)
        if clear != meant.pop(name, None):
            raise Damaged("what was written is not what was sealed")
    if meant:
        raise Damaged("less was written than was sealed")


def _close(
    vault: Vault,
    row: QueueRow,
    *,
    act: str,
    actor: str,
    at: Stamp,
    keep: Keep,
) -> None:
    """The vault's half, once the outbox has the record."""
    draft = vault.draft(row.record)
    if draft is None:
        return
    keepsake = keep(draft, row)
    names = vault.close_finished(row.record, row.digest, actor, at, act=act, keepsake=keepsake)
    crash_points("vault-committed")
    vault.unlink_media(names)
    crash_points("media-gone")
    vault.purge()


def _unclaimed(outbox: Outbox, open_drafts: set[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Packet files without a row: those of open drafts, now deleted; and the rest, untouched."""
    claimed = outbox.files()
    discarded, strays = [], []
    for file in outbox.files_on_disk():
        if file in claimed:
            continue
        if _record_in(outbox, file) in open_drafts:
            files.remove(outbox.packet_path(file))
            discarded.append(file)
        else:
            strays.append(file)
    return tuple(discarded), tuple(strays)


def _record_in(outbox: Outbox, file: str) -> str:
    """The record a packet file says it holds; "" if it cannot be read as a packet."""
    with translated(), outbox.packet_path(file).open("rb") as source:
        front = source.read(2 * packet.LARGEST_HEAD + 1024)
    try:
        return packet.read_head(front).header.record
    except packet.BadPacket:
        return ""
