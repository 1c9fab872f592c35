"""The line of sealed records: what left, what waits, and headquarters' word about each.

Nothing personal is in it, so it opens with the device's key alone: locked, at boot, nobody here.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    case,
    func,
    literal_column,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from migramovil.core import canonical
from migramovil.core.queue import Counts, Waiting
from migramovil.core.record import BadReceipt, Realm, ReceiptBody, RecordState, Signed
from migramovil.store import files
from migramovil.store.database import Database
from migramovil.store.keys import device_key
from migramovil.store.migrate import open_database
from migramovil.store.tables import exports, receipts, records, station
from migramovil.store.trouble import Damaged, OutOfLine, translated


@dataclass(frozen=True, slots=True, kw_only=True)
class StationIdentity:
    """Who this station is, and whom it talks to.

    `descriptor` is headquarters' descriptor (record.Descriptor) as JSON; `transport` the private
    key that may upload and fetch, and nothing else.
    """

    station: str
    code: str
    name: str
    place: str
    realm: Realm
    epoch: int
    url: str
    descriptor: str
    transport: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One sealed record as a person sees it in the queue; `reason` only where it is refused.

    `copied_utc` is when it was last copied to a medium ("" never); `word` the kind of headquarters'
    last receipt about it ("" none): a refusal may have been taken back, or be final.
    """

    record: str
    folio: str
    seq: int
    sealed_utc: str
    size: int
    digest: str
    state: RecordState = RecordState.SEALED
    reason: str = ""
    copied_utc: str = ""
    word: str = ""

    @classmethod
    def of(cls, waiting: Waiting) -> QueueRow:
        """A record as it enters the line."""
        return cls(
            record=waiting.record,
            folio=waiting.folio,
            seq=waiting.seq,
            sealed_utc=waiting.sealed_utc,
            size=waiting.size,
            digest=waiting.digest,
        )


class Outbox:
    """Safe from any thread; one program at a time (InUse)."""

    def __init__(self, folder: Path, *, anew: bool = False) -> None:
        """Open the line, or begin one; Damaged where there was one, unless a new one is meant
        (`anew`): what people did there must not be taken for a station still to be set up."""
        self.folder = files.private_folder(folder)
        self._lock = files.FolderLock(folder)
        try:
            self._packets = files.private_folder(folder / "packets")
            files.sweep_partials(folder)
            files.sweep_partials(self._packets)
            path = folder / "outbox.db"
            unborn = not path.exists()
            if unborn and not anew and _was_a_station(folder):
                raise Damaged(path.name)
            self._database = open_database(path, device_key(folder), "outbox")
            if unborn:
                with translated():
                    files.sync_folder(folder)  # it is there before anything that needs it
        except BaseException:
            self._lock.release()
            raise
        self._counted: tuple[int, Counts | None] = (0, None)
        self._listeners: list[Callable[[], None]] = []
        self.finishing = threading.RLock()
        self.settled = False  # whether no finish may lie half done, since opening or since a cut

    def close(self) -> None:
        self._database.close()
        self._lock.release()

    def __enter__(self) -> Outbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def database(self) -> Database:
        """For the other files of this room that keep a subject of their own in the outbox."""
        return self._database

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after every change, on whatever thread made it."""
        self._listeners.append(listener)

    # --- who this station is ----------------------------------------------------
    def station(self) -> StationIdentity | None:
        with self._database.read() as connection:
            row = connection.execute(select(station)).first()
        if row is None:
            return None
        return StationIdentity(
            station=row.station,
            code=row.code,
            name=row.name,
            place=row.place,
            realm=Realm(row.realm),
            epoch=row.epoch,
            url=row.url,
            descriptor=row.descriptor,
            transport=row.transport,
        )

    def enroll(self, identity: StationIdentity) -> None:
        """Say who this station is; same station and epoch: it keeps counting, else from 0."""
        values = {**asdict(identity), "realm": str(identity.realm)}
        added = insert(station).values(id=1, seq=0, **values)
        same = (station.c.station == identity.station) & (station.c.epoch == identity.epoch)
        kept = case((same, station.c.seq), else_=0)
        with self._database.write() as connection:
            connection.execute(
                added.on_conflict_do_update(index_elements=["id"], set_={**values, "seq": kept})
            )
        self.changed()

    def renew_descriptor(self, descriptor: str) -> None:
        """Keep headquarters' newer word about its keys, checked by whoever fetched it."""
        with self._database.write() as connection:
            connection.execute(update(station).values(descriptor=descriptor))

    def seq(self) -> int:
        """The last number given in this epoch; 0 before the first."""
        with self._database.read() as connection:
            return connection.execute(select(station.c.seq)).scalar() or 0

    def last_sealed(self) -> str:
        """When the newest record was sealed, as it says itself (UTC); "" before the first."""
        newest = (records.c.epoch.desc(), records.c.seq.desc())
        query = select(records.c.sealed_utc).order_by(*newest).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).scalar() or ""

    # --- the line ---------------------------------------------------------------
    def add(self, waiting: Waiting, file: str) -> None:
        """Put a sealed packet, already durable as packets/`file`, in the line and count it.

        OutOfLine unless its seq is the very next of this station and epoch.
        """
        with self._database.write() as connection:
            moved = connection.execute(
                update(station)
                .where(
                    station.c.station == waiting.station,
                    station.c.epoch == waiting.epoch,
                    station.c.seq == waiting.seq - 1,
                )
                .values(seq=waiting.seq)
            )
            if moved.rowcount != 1:
                raise OutOfLine(f"seq {waiting.seq}")
            connection.execute(insert(records).values(file=file, **asdict(waiting)))
        self.changed()

    def waiting(self, limit: int | None = None) -> list[Waiting]:
        """What headquarters has not stored yet, oldest first; refused records are set aside."""
        return self._in_state(RecordState.SEALED, limit=limit)

    def unconfirmed(self, limit: int | None = None, after: Waiting | None = None) -> list[Waiting]:
        """What headquarters stored and has not said it could open, oldest first: so many of those
        that come after `after`."""
        return self._in_state(RecordState.STORED, limit=limit, after=after)

    def disputed(self, limit: int | None = None, after: Waiting | None = None) -> list[Waiting]:
        """What headquarters refused and has neither taken up again nor discarded, as above."""
        c = records.c
        ended = select(receipts.c.record).where(receipts.c.kind == "discard")
        open_still = (c.refused_receipt.is_not(None), c.record.not_in(ended))
        return self._in_state(RecordState.REFUSED, *open_still, limit=limit, after=after)

    def packet(self, record: str) -> bytes:
        """The packet's bytes, exactly as sealed; Damaged if they are not."""
        with self._database.read() as connection:
            row = connection.execute(
                select(records.c.file, records.c.digest).where(records.c.record == record)
            ).first()
        if row is None:
            raise Damaged("no such record")
        path = self._packets / row.file
        with translated():
            data = path.read_bytes() if path.exists() else b""
        if hashlib.sha256(data).hexdigest() != row.digest:
            raise Damaged(f"packets/{row.file}")
        return data

    def counts(self) -> Counts:
        """How many rest in each state; counted again only after a write."""
        written = self._database.written
        then, counts = self._counted
        if counts is None or then != written:
            counts = self._count()
            self._counted = (written, counts)
        return counts

    def _count(self) -> Counts:
        query = select(records.c.state, func.count()).group_by(records.c.state)
        with self._database.read() as connection:
            found = {row[0]: row[1] for row in connection.execute(query)}
        return Counts(**{state.value: found.get(state.value, 0) for state in RecordState})

    def rows(
        self, *, offset: int = 0, limit: int = 100, states: Collection[RecordState] | None = None
    ) -> list[QueueRow]:
        """A page of the line, newest first."""
        with self._database.read() as connection:
            page = connection.execute(_page(offset, limit, states)).mappings()
            return [_queue_row(row) for row in page]

    def total(self, states: Collection[RecordState] | None = None) -> int:
        query = _in_states(select(func.count()).select_from(records), states)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def row(self, record: str) -> QueueRow | None:
        with self._database.read() as connection:
            found = (
                connection.execute(_queue().where(records.c.record == record)).mappings().first()
            )
        return None if found is None else _queue_row(found)

    # --- headquarters' word -------------------------------------------------------
    def file_receipt(self, record: str, signed: Signed, body: ReceiptBody) -> None:
        """Keep a verified receipt whole and move its record on; again, or late, changes nothing.

        BadReceipt when it is not about exactly the packet held here.
        """
        about = (body.record, body.station, body.epoch, body.seq, body.digest, body.size)
        c = records.c
        ours = select(c.record, c.station, c.epoch, c.seq, c.digest, c.size)
        with self._database.write() as connection:
            row = connection.execute(ours.where(c.record == record)).first()
            if row is None or tuple(row) != about:
                raise BadReceipt("another packet")
            added = connection.execute(
                insert(receipts)
                .values(record=record, kind=body.kind, **asdict(signed))
                .on_conflict_do_nothing()
                .returning(receipts.c.id)
            ).scalar()
            if added is None:
                return
            held = select(receipts.c.id, receipts.c.body).where(receipts.c.record == record)
            words = [(row.id, row.body) for row in connection.execute(held.order_by(receipts.c.id))]
            standing = _standing(words)
            connection.execute(update(records).where(c.record == record).values(standing))
        self.changed()

    def file_refusal(self, record: str, reason: str) -> None:
        """Set a record aside on an unsigned word; any signed word outweighs it."""
        with self._database.write() as connection:
            connection.execute(
                update(records)
                .where(records.c.record == record, records.c.refused_receipt.is_(None))
                .values(refusal=reason)
            )
        self.changed()

    def withdraw_refusal(self, record: str) -> None:
        """Put a record set aside by an unsigned word back in the line."""
        with self._database.write() as connection:
            connection.execute(
                update(records)
                .where(records.c.record == record, records.c.refused_receipt.is_(None))
                .values(refusal=None)
            )
        self.changed()

    def receipts(self, record: str) -> list[Signed]:
        """Every receipt about the record, whole, in the order they came."""
        columns = (receipts.c.body, receipts.c.signature, receipts.c.public_key)
        query = select(*columns).where(receipts.c.record == record).order_by(receipts.c.id)
        with self._database.read() as connection:
            return [Signed(**row) for row in connection.execute(query).mappings()]

    # --- files (finishing.py keeps them and the rows in step) -------------------------
    def packet_path(self, file: str) -> Path:
        return self._packets / file

    def files(self) -> dict[str, str]:
        """Packet file name → record, for every row."""
        with self._database.read() as connection:
            rows = connection.execute(select(records.c.file, records.c.record))
            return {row[0]: row[1] for row in rows}

    def files_on_disk(self) -> list[str]:
        with translated():
            return sorted(path.name for path in self._packets.glob("*.packet"))

    def _in_state(
        self,
        state: RecordState,
        *also: ColumnElement[bool],
        limit: int | None = None,
        after: Waiting | None = None,
    ) -> list[Waiting]:
        c = records.c
        columns = (c.record, c.station, c.epoch, c.seq, c.folio, c.digest, c.size, c.sealed_utc)
        query = select(*columns).where(c.state == state.value, *also).order_by(c.epoch, c.seq)
        query = query.limit(limit)
        if after is not None:
            query = query.where(tuple_(c.epoch, c.seq) > (after.epoch, after.seq))
        with self._database.read() as connection:
            return [Waiting(**row) for row in connection.execute(query).mappings()]

    def changed(self) -> None:
        """Tell every listener that something here is new."""
        for listener in tuple(self._listeners):
            listener()


def _standing(words: Iterable[tuple[int, str]]) -> dict[str, Any]:
    """What headquarters' words (row id, body) come to, in the order it said them.

    `retry` undoes what was said before; after `discard` the record stays refused, and its reason
    is why nobody waits for it.
    """
    said = [(id, canonical.decode(canonical.from_text(body), ReceiptBody)) for id, body in words]
    now: dict[str, Any] = dict.fromkeys(("stored_receipt", "opened_receipt", "refused_receipt"))
    for id, body in sorted(said, key=lambda one: one[1].serial):
        if body.kind == "retry":
            now |= {"stored_receipt": None, "refused_receipt": None, "refusal": None}
            continue
        if body.kind in ("refused", "discard"):
            now["refusal"] = body.reason
        if body.kind != "discard" and now[f"{body.kind}_receipt"] is None:
            now[f"{body.kind}_receipt"] = id
    return now


def _was_a_station(folder: Path) -> bool:
    """Whether people have slots here, or sealed something."""
    return (folder / "slots.json").exists() or any((folder / "packets").glob("*.packet"))


def _queue() -> Select[Any]:
    c = records.c
    copied = select(exports.c.utc).where(exports.c.record == c.record).scalar_subquery()
    about = receipts.c.record == c.record
    word = select(receipts.c.kind).where(about).order_by(receipts.c.id.desc()).limit(1)
    return select(
        c.record,
        c.folio,
        c.seq,
        c.sealed_utc,
        c.size,
        c.digest,
        c.state,
        c.refusal.label("reason"),
        func.coalesce(copied, "").label("copied_utc"),
        func.coalesce(word.scalar_subquery(), "").label("word"),
    )


def _page(offset: int, limit: int, states: Collection[RecordState] | None) -> Select[Any]:
    """A page of the line, newest first; where several states are asked for, their indexes are
    merged before any row is read."""
    c = records.c
    newest = (c.epoch.desc(), c.seq.desc())
    if states is None or len(states) == 1:
        return _in_states(_queue(), states).order_by(*newest).offset(offset).limit(limit)
    id: ColumnElement[int] = literal_column("records.rowid")
    each = [
        select(id.label("id"), c.epoch, c.seq).where(c.state == state.value) for state in states
    ]
    every = union_all(*each)
    order = (every.selected_columns.epoch.desc(), every.selected_columns.seq.desc())
    chosen = every.order_by(*order).offset(offset).limit(limit).subquery()
    return _queue().join(chosen, chosen.c.id == id).order_by(*newest)


def _queue_row(row: RowMapping) -> QueueRow:
    state = RecordState(row["state"])
    reason = row["reason"] or "" if state is RecordState.REFUSED else ""
    return QueueRow(**{**row, "state": state, "reason": reason})


def _in_states(query: Select[Any], states: Collection[RecordState] | None) -> Select[Any]:
    if states is None:
        return query
    return query.where(records.c.state.in_([state.value for state in states]))
