"""Letting a packet go: only after headquarters signed that it opened or discarded it, and a while.

One transaction says which receipt allows it; only then is the file unlinked, and what a power cut
left between the two is swept. A record that is refused and not discarded
is never deleted. Needs no vault.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.sqlite import insert

from migramovil.core import canonical, sealing
from migramovil.core.record import (
    BadReceipt,
    Descriptor,
    ReceiptBody,
    Signed,
    Stamp,
    check_receipt,
)
from migramovil.store import files
from migramovil.store.outbox import Outbox
from migramovil.store.tables import deletions, receipts, records


def delete_due(
    outbox: Outbox, descriptor: Descriptor, now: Stamp, retention: timedelta
) -> tuple[str, ...]:
    """Delete every packet whose time has come; their records.

    The time counts from when headquarters says it opened (discarded) it, up to the earliest the
    present can be: where nothing bounds this machine's clock, the newest time headquarters signed.
    """
    sweep(outbox)
    present = _earliest(outbox, descriptor, now)
    gone = []
    for row in _ended(outbox):
        try:
            body = checked(row, descriptor)
        except BadReceipt:
            continue  # the ledger names it; what nobody confirmed stays
        if present is not None and _moment(body.time) + retention <= present:
            _delete(outbox, row, now)
            gone.append(row.record)
    return tuple(gone)


def sweep(outbox: Outbox) -> None:
    """Unlink files of packets already deleted: the power was cut between row and file."""
    there = set(outbox.files_on_disk())
    for file in sorted(deleted_files(outbox) & there):
        files.remove(outbox.packet_path(file))


def deleted_files(outbox: Outbox) -> set[str]:
    """Packet files that were let go."""
    query = select(records.c.file).join(deletions, deletions.c.record == records.c.record)
    with outbox.database.read() as connection:
        return set(connection.execute(query).scalars())


def checked(row: Row[Any], descriptor: Descriptor) -> ReceiptBody:
    """The receipt in `row` if it ends the duty for exactly this record, else BadReceipt."""
    body = check_receipt(
        Signed(body=row.body, signature=row.signature, public_key=row.public_key),
        descriptor,
        station=row.station,
        record=row.record,
        digest=row.digest,
        size=row.size,
    )
    if body.kind not in ("opened", "discard"):
        raise BadReceipt("another word")
    return body


def _ended(outbox: Outbox) -> list[Row[Any]]:
    """Records headquarters opened and does not refuse, or discarded, their packets still here,
    oldest first."""
    c = records.c
    receipt = (receipts.c.id, receipts.c.body, receipts.c.signature, receipts.c.public_key)
    opened = (receipts.c.id == c.opened_receipt) & c.refused_receipt.is_(None)
    query = (
        select(c.record, c.station, c.digest, c.size, c.file, *receipt)
        .join(receipts, receipts.c.record == c.record)
        .outerjoin(deletions, deletions.c.record == c.record)
        .where(deletions.c.record.is_(None), opened | (receipts.c.kind == "discard"))
        .order_by(c.epoch, c.seq)
    )
    with outbox.database.read() as connection:
        return list(connection.execute(query))


def _delete(outbox: Outbox, row: Row[Any], now: Stamp) -> None:
    added = insert(deletions).values(record=row.record, receipt=row.id, utc=now.utc)
    with outbox.database.write() as connection:
        connection.execute(added)
    files.remove(outbox.packet_path(row.file))


def _earliest(outbox: Outbox, descriptor: Descriptor, now: Stamp) -> datetime | None:
    """The earliest the present can be, None where nothing says."""
    known = []
    if now.uncertainty_s is not None:
        known.append(_moment(now.utc) - timedelta(seconds=now.uncertainty_s))
    newest = _newest_signed(outbox, descriptor)
    if newest is not None:
        known.append(newest)
    return max(known, default=None)


def _newest_signed(outbox: Outbox, descriptor: Descriptor) -> datetime | None:
    """Headquarters' time in the receipt that came last and is its word."""
    newest = select(func.max(receipts.c.id)).scalar_subquery()
    query = select(receipts).where(receipts.c.id == newest)
    with outbox.database.read() as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    try:
        signed = Signed(body=row.body, signature=row.signature, public_key=row.public_key)
        said = signed.verified_by_one_of(descriptor.receipt_keys(row.kind))
        return _moment(canonical.decode(said, ReceiptBody).time)
    except (sealing.BadSignature, canonical.NotCanonical, ValueError, OverflowError):
        return None


def _moment(utc: str) -> datetime:
    return datetime.fromisoformat(utc).astimezone(UTC)
