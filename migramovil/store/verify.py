"""The station's books against one another: rows, numbers, packets, receipts, deletions, audit.

`read` takes a picture of what both stores say, quickly and at one instant; the rest looks at that
picture and at files, so it works on any thread and with the vault closed again. Each thing that
is wrong becomes a Finding that a supervisor understands: which folio or number, what is
missing, what to do.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import select

from migramovil.core import audit as chain
from migramovil.core import canonical, packet
from migramovil.core.audit import AuditBroken, AuditShort, Entry
from migramovil.core.record import BadReceipt, Descriptor, ReceiptBody, Signed, check_receipt
from migramovil.core.trouble import Trouble, Who
from migramovil.store.ledger import is_finish
from migramovil.store.outbox import Outbox
from migramovil.store.tables import deletions, epochs, media, receipts, records, station
from migramovil.store.trouble import Damaged, translated
from migramovil.store.vault import Vault

NEWEST = 50
_AFTER_REFUSED = 3
"""How many of the newest packets the quick look asks for their audit head: a cut loses the end."""
_PIECE = 1 << 20
_HEAD = 16 * 1024

_KEEP = "No borre nada ni reinstale. "
_CALL = "Dé este código y el folio o número al técnico."


class RowLost(Trouble):
    code = "LED-01"
    what = "Un registro no está en la lista de envíos."
    advice = _KEEP + "El técnico puede devolverlo a la lista con su paquete. " + _CALL
    who = Who.SUPERVISOR


class NumberLost(Trouble):
    code = "LED-02"
    what = "De un número de orden no queda ningún registro."
    advice = _KEEP + "Pregunte a sede central si lo recibió. " + _CALL
    who = Who.SUPERVISOR


class CountWentBack(Trouble):
    code = "LED-03"
    what = "La cuenta de la estación es menor que el último registro de la lista."
    advice = _KEEP + "Pudo restaurarse una copia antigua. " + _CALL
    who = Who.SUPERVISOR


class PacketLost(Trouble):
    code = "LED-04"
    what = "Falta el paquete sellado de un registro."
    advice = _KEEP + "Si sede central no lo confirmó, busque el respaldo. " + _CALL
    who = Who.SUPERVISOR


class PacketChanged(Trouble):
    code = "LED-05"
    what = "El paquete sellado de un registro no es igual al que se selló."
    advice = _KEEP + "Si sede central no lo confirmó, busque el respaldo. " + _CALL
    who = Who.SUPERVISOR


class StrayPacket(Trouble):
    code = "LED-06"
    what = "Hay un paquete que ninguna lista de esta estación menciona."
    advice = _KEEP + "El técnico verá de quién es. " + _CALL
    who = Who.SUPERVISOR


class ReceiptLost(Trouble):
    code = "LED-07"
    what = "Falta un acuse de sede central."
    advice = _KEEP + "Sede central puede volver a darlo. " + _CALL
    who = Who.SUPERVISOR


class DeletedWithoutWord(Trouble):
    code = "LED-08"
    what = "Un paquete se borró sin el acuse de sede central que lo permite."
    advice = _KEEP + "Pregunte a sede central si lo tiene. " + _CALL
    who = Who.SUPERVISOR


class FalseReceipt(Trouble):
    code = "LED-09"
    what = "Un acuse guardado no es palabra de sede central sobre este registro."
    advice = _KEEP + "Sede central puede volver a darlo. " + _CALL
    who = Who.SUPERVISOR


class AuditLineLost(Trouble):
    code = "LED-10"
    what = "En la bitácora falta la línea que terminó un registro."
    advice = _KEEP + "El registro sigue en su lugar. " + _CALL
    who = Who.SUPERVISOR


class PictureLost(Trouble):
    code = "LED-11"
    what = "Falta una imagen de un trámite abierto, o está dañada."
    advice = "Abra el trámite y vuelva a tomar la imagen que falte."
    who = Who.OFFICER


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong: the trouble, and which folio, number or line it is about."""

    trouble: Trouble
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A record's row; receipts by their row ids, `deleted_by` the one that let its packet go."""

    record: str
    station: str
    epoch: int
    seq: int
    folio: str
    digest: str
    size: int
    file: str
    state: str
    stored_receipt: int | None
    opened_receipt: int | None
    refused_receipt: int | None
    deleted_by: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    id: int
    record: str
    signed: Signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The audit as it stood, and the key of the station that signs it."""

    entries: tuple[Entry, ...]
    public: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the station said at one instant. `given` is the last number of each (station, epoch),
    `sizes` the packet files on disk; `chain` is None while the vault is closed."""

    here: tuple[str, int]
    descriptor: str
    lines: tuple[Line, ...]
    receipts: tuple[Receipt, ...]
    given: dict[tuple[str, int], int]
    sizes: dict[str, int]
    chain: Chain | None


Progress = Callable[[int, int], object]
"""Told how many packets of how many have been looked at; may raise to stop."""


def read(outbox: Outbox, vault: Vault | None) -> Books | None:
    """The picture; None where no station is enrolled. Waits for a finish that is going on."""
    identity = outbox.station()
    if identity is None:
        return None
    with outbox.finishing:
        entries = None
        if vault is not None:
            public = vault.station_keys()[0].public
            entries = Chain(entries=tuple(vault.audit.entries()), public=public)
        with outbox.database.read() as connection:
            now = connection.execute(select(station.c.station, station.c.epoch, station.c.seq))
            before = connection.execute(select(epochs.c.station, epochs.c.epoch, epochs.c.seq))
            given = {(row.station, row.epoch): row.seq for row in [*before, *now]}
            columns = [records.c[name] for name in Line.__slots__ if name != "deleted_by"]
            query = (
                select(*columns, deletions.c.receipt.label("deleted_by"))
                .outerjoin(deletions, deletions.c.record == records.c.record)
                .order_by(records.c.epoch, records.c.seq)
            )
            lines = tuple(Line(**row) for row in connection.execute(query).mappings())
            held = tuple(
                Receipt(
                    id=row.id,
                    record=row.record,
                    signed=Signed(
                        body=row.body, signature=row.signature, public_key=row.public_key
                    ),
                )
                for row in connection.execute(select(receipts).order_by(receipts.c.id))
            )
        with translated():
            folder = outbox.packet_path("")
            sizes = {
                found.name: found.stat().st_size
                for found in os.scandir(folder)
                if found.name.endswith(".packet")
            }
    return Books(
        here=(identity.station, identity.epoch),
        descriptor=identity.descriptor,
        lines=lines,
        receipts=held,
        given=given,
        sizes=sizes,
        chain=entries,
    )


def quick(outbox: Outbox, books: Books) -> list[Finding]:
    """What counts, sizes, numbers and audit heads say, without reading any packet whole."""
    return [
        *_numbers(outbox, books),
        *_files(books),
        *_pointers(books),
        *_audit(books, _heads(outbox, books, books.lines[-NEWEST:])),
    ]


def whole(
    outbox: Outbox, books: Books, progress: Progress = lambda done, total: None
) -> list[Finding]:
    """Everything `quick` finds, and each packet's digest, each receipt's signature, each head."""
    found = [] if outbox.database.sound() else [_found(Damaged("outbox.db"), "outbox.db")]
    return [
        *found,
        *_numbers(outbox, books),
        *_files(books),
        *_pointers(books),
        *_packets(outbox, books, progress),
        *_receipts(books),
        *_audit(books, _heads(outbox, books, books.lines)),
    ]


def audit_whole(outbox: Outbox, books: Books) -> list[Finding]:
    """Only what the audit says: its links, its signatures, and every head that left the station."""
    return list(_audit(books, _heads(outbox, books, books.lines)))


def vault_whole(vault: Vault) -> list[Finding]:
    """Whether every page of the vault holds, and every picture of every draft decrypts."""
    found = [] if vault.sound() else [_found(Damaged("vault"), "bóveda")]
    with vault.database.read() as connection:
        rows = connection.execute(select(media.c.record, media.c.object)).all()
    for row in rows:
        try:
            vault.get_media(row.record, row.object)
        except Trouble as trouble:
            where = f"trámite abierto {row.record[-12:]}"
            found.append(_found(PictureLost(f"{row.object} {trouble.code}"), where))
    return found


# --- numbers ------------------------------------------------------------------------------
def _numbers(outbox: Outbox, books: Books) -> Iterator[Finding]:
    """Every number given must have its row; what else names a missing one is told with it."""
    traces = _traces(outbox, books)
    known = {line.record for line in books.lines}
    named: set[str] = set()
    for place, last in sorted({**_rows_last(books), **books.given}.items()):
        there = {line.seq for line in books.lines if (line.station, line.epoch) == place}
        for seq in sorted(set(range(1, last + 1)) - there):
            trace = traces.pop((*place, seq), None)
            if trace is None:
                yield _found(NumberLost(f"{place[1]}/{seq}"), f"Número {seq}, época {place[1]}")
            else:
                named.add(trace.record)
                yield _found(RowLost(trace.record), f"{trace.where}: {trace.left}")
        if max(there, default=0) > last:
            where = f"Cuenta {last}, último registro {max(there)}, época {place[1]}"
            yield _found(CountWentBack(f"{place[1]}/{last}"), where)
    for record in sorted(_finished(books) - known - named):
        yield _found(RowLost(record), f"Registro {record[-12:]}: lo nombra la bitácora")
    for trace in traces.values():
        interrupted = books.given.get(trace.place, 0) + 1 == trace.seq
        if not (trace.file and interrupted):
            yield _found(StrayPacket(trace.file), f"{trace.where}: {trace.left}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trace:
    """What is left of a record without a row: a packet file, or only a receipt."""

    place: tuple[str, int]
    seq: int
    record: str
    where: str
    left: str
    file: str = ""


def _traces(outbox: Outbox, books: Books) -> dict[tuple[str, int, int], _Trace]:
    """By station, epoch and number; a file that is no packet goes under its own name.

    A receipt for a number beyond what a past epoch gave here is no trace: the laptop this station
    was restored from went on after its backup (store.restored keeps headquarters' word of it).
    """
    known = {line.record for line in books.lines}
    found: dict[tuple[str, int, int], _Trace] = {}
    for receipt in books.receipts:
        body = _body(receipt)
        if receipt.record not in known and body is not None:
            place = (body.station, body.epoch)
            if place != books.here and body.seq > books.given.get(place, body.seq):
                continue
            found[*place, body.seq] = _Trace(
                place=place,
                seq=body.seq,
                record=receipt.record,
                where=f"Número {body.seq}, época {body.epoch}",
                left="queda su acuse",
            )
    claimed = {line.file for line in books.lines}
    for number, file in enumerate(sorted(set(books.sizes) - claimed)):
        trace = _trace_of(outbox, file)
        if trace is None:
            where = f"Archivo {file[:8]}"
            trace = _Trace(
                place=("", 0), seq=-number, record="", where=where, left="no se lee", file=file
            )
        found[*trace.place, trace.seq] = trace
    return found


def _trace_of(outbox: Outbox, file: str) -> _Trace | None:
    header = _header(outbox, file)
    if header is None:
        return None
    return _Trace(
        place=(header.station, header.epoch),
        seq=header.seq,
        record=header.record,
        where=f"Folio {header.folio}",
        left="su paquete sigue en el disco",
        file=file,
    )


def _rows_last(books: Books) -> dict[tuple[str, int], int]:
    """Places that have rows and no count of their own: each must at least be gap-free."""
    last: dict[tuple[str, int], int] = {}
    for line in books.lines:
        place = (line.station, line.epoch)
        last[place] = max(last.get(place, 0), line.seq)
    return last


# --- files --------------------------------------------------------------------------------
def _files(books: Books) -> Iterator[Finding]:
    for line in books.lines:
        size = books.sizes.get(line.file)
        if line.deleted_by is None and size is None:
            yield _found(PacketLost(line.file), _where(line))
        elif size is not None and size != line.size:
            yield _found(PacketChanged(f"{line.file} size"), _where(line))


def _packets(outbox: Outbox, books: Books, progress: Progress) -> Iterator[Finding]:
    """Each packet read whole; sizes were compared before."""
    here = [line for line in books.lines if books.sizes.get(line.file) == line.size]
    for done, line in enumerate(here):
        progress(done, len(here))
        if _digest(outbox, line.file) not in {line.digest, None}:
            yield _found(PacketChanged(line.file), _where(line))
    progress(len(here), len(here))


def _digest(outbox: Outbox, file: str) -> str | None:
    """None if the file went since the picture was taken, as a packet let go does."""
    digest = hashlib.sha256()
    try:
        with translated(), outbox.packet_path(file).open("rb") as source:
            while piece := source.read(_PIECE):
                digest.update(piece)
    except Trouble:
        return None if not outbox.packet_path(file).exists() else ""
    return digest.hexdigest()


# --- receipts and deletions -----------------------------------------------------------------
def _pointers(books: Books) -> Iterator[Finding]:
    """Receipts that rows name must be there; each deletion must name the one that ended a duty."""
    held = {receipt.id for receipt in books.receipts}
    discards = {
        (receipt.id, receipt.record)
        for receipt in books.receipts
        if (body := _body(receipt)) is not None and body.kind == "discard"
    }
    for line in books.lines:
        for word, receipt in _words(line):
            if receipt not in held:
                yield _found(ReceiptLost(f"{line.record} {word}"), f"{_where(line)}, «{word}»")
        ended = {None, line.opened_receipt}
        if line.deleted_by not in ended and (line.deleted_by, line.record) not in discards:
            yield _found(DeletedWithoutWord(line.record), _where(line))


def _words(line: Line) -> list[tuple[str, int]]:
    named = [
        ("Recibido", line.stored_receipt),
        ("Confirmado", line.opened_receipt),
        ("Rechazado", line.refused_receipt),
    ]
    return [(word, receipt) for word, receipt in named if receipt is not None]


def _receipts(books: Books) -> Iterator[Finding]:
    """Every receipt must be headquarters' word on its record, and none of its line be missing."""
    descriptor = _descriptor(books)
    if descriptor is None:
        return
    lines = {line.record: line for line in books.lines}
    serials: dict[int, bool] = {}
    for receipt in books.receipts:
        line = lines.get(receipt.record)
        if line is None:
            continue  # its number is missing, and was named
        try:
            serial = _checked(receipt, line, descriptor).serial
            serials[serial] = (line.station, line.epoch) == books.here
        except BadReceipt as bad:
            yield _found(FalseReceipt(f"{line.record} {bad.detail}"), _where(line))
    first = 1
    if len(books.given) > 1:  # a laptop before this one may have been told more than we know of
        first = min((one for one, here in serials.items() if here), default=max(serials, default=0))
    missing = set(range(first, max(serials, default=0) + 1)) - set(serials)
    gap = len(missing) - _owed(books) - _disputed(books, missing)
    if gap > 0:
        yield _found(ReceiptLost(f"chain {gap}"), f"Faltan {gap} en la cadena de acuses")


def _checked(receipt: Receipt, line: Line, descriptor: Descriptor) -> ReceiptBody:
    return check_receipt(
        receipt.signed,
        descriptor,
        station=line.station,
        record=line.record,
        digest=line.digest,
        size=line.size,
    )


def _owed(books: Books) -> int:
    """How many receipts headquarters may have given that have not come yet."""
    both = sum(line.stored_receipt is None for line in books.lines)
    verdicts = sum(
        line.opened_receipt is None and line.refused_receipt is None for line in books.lines
    )
    return both + verdicts


def _disputed(books: Books, missing: set[int]) -> int:
    """How many of these may be words after a refusal that have not come yet: taken up again,
    stored again, judged again, or discarded."""
    refused = {line.refused_receipt for line in books.lines} - {None}
    said = [_body(receipt) for receipt in books.receipts if receipt.id in refused]
    first = min((body.serial for body in said if body is not None), default=0)
    later = sum(serial > first for serial in missing)
    return min(later, _AFTER_REFUSED * len(refused))


# --- the audit --------------------------------------------------------------------------------
def _audit(books: Books, heads: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """The chain itself; every head that left the station; every record's own line."""
    if books.chain is None:
        return
    entries = books.chain.entries
    try:
        chain.check(entries, books.chain.public)
    except AuditBroken as broken:
        yield _found(broken, f"Bitácora, línea {broken.detail.split()[1]}")
    known = {chain.START, "", *(entry.hash for entry in entries)}
    for where, head in heads:
        if head not in known:
            yield _found(AuditShort(head[:16]), f"{where} nombra una línea que ya no está")
            break
    finished = _finished(books)
    for line in books.lines:
        if (line.station, line.epoch) == books.here and line.record not in finished:
            yield _found(AuditLineLost(line.record), _where(line))


def _finished(books: Books) -> set[str]:
    """Records that the audit says were finished here."""
    entries = books.chain.entries if books.chain else ()
    return {entry.subject.partition(" ")[0] for entry in entries if is_finish(entry)}


def _heads(outbox: Outbox, books: Books, lines: Iterable[Line]) -> Iterator[tuple[str, str]]:
    """Which record brought which head out, from its packet, or from its receipts once it went."""
    bodies = {
        receipt.record: body.audit_head
        for receipt in books.receipts
        if (body := _body(receipt)) is not None
    }
    for line in lines:
        if books.chain is None or (line.station, line.epoch) != books.here:
            continue
        header = _header(outbox, line.file) if line.file in books.sizes else None
        head = bodies.get(line.record, "") if header is None else header.audit_head
        yield _where(line), head


# --- shared ---------------------------------------------------------------------------------
def _found(trouble: Trouble, where: str) -> Finding:
    return Finding(trouble=trouble, where=where)


def _where(line: Line) -> str:
    return f"Folio {line.folio}, número {line.seq}"


def _body(receipt: Receipt) -> ReceiptBody | None:
    try:
        return canonical.decode(canonical.from_text(receipt.signed.body), ReceiptBody)
    except canonical.NotCanonical:
        return None


def _descriptor(books: Books) -> Descriptor | None:
    try:
        return canonical.decode(books.descriptor.encode(), Descriptor)
    except canonical.NotCanonical:
        return None


def _header(outbox: Outbox, file: str) -> packet.Header | None:
    """What a packet file says of itself; None where it cannot be read as a packet."""
    for enough in (_HEAD, 2 * packet.LARGEST_HEAD + _HEAD):
        try:
            with translated(), outbox.packet_path(file).open("rb") as source:
                return packet.read_head(source.read(enough)).header
        except Trouble:
            continue
    return None
