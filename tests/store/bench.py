"""A station's disk for tests: enrolled, with a draft and two pictures in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from migramovil.core import canonical, sealing
from migramovil.core.folio import make_folio
from migramovil.core.packet import Draught
from migramovil.core.record import Realm, ReceiptBody, ReceiptKind, Signed, Stamp
from migramovil.store import finishing
from migramovil.store.outbox import Outbox, QueueRow, StationIdentity
from migramovil.store.vault import Vault

STATION = "0192aaaa-0000-7000-8000-000000000001"
RECORD = "0192bbbb-0000-7000-8000-000000000001"
UTC = "2026-11-23T12:00:00Z"
MARKER = "QUISPE-MAMANI-ÑUSTA"
MEMORY_KIB = 64
SIGNER = sealing.Signer.new()
HEADQUARTERS = sealing.Opener.new()
EDGE = sealing.Signer.new()


def identity(epoch: int = 1) -> StationIdentity:
    return StationIdentity(
        station=STATION,
        code="T01",
        name="Móvil 1",
        place="Desaguadero",
        realm=Realm.TRAINING,
        epoch=epoch,
        url="https://localhost",
        descriptor="{}",
        transport=b"t" * 32,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    folder: Path
    key: bytes

    @contextmanager
    def opened(self) -> Iterator[tuple[Outbox, Vault]]:
        with Outbox(self.folder) as outbox, Vault(self.folder, self.key) as vault:
            yield outbox, vault


def new_disk(folder: Path) -> Disk:
    disk = Disk(folder=folder, key=Vault.create(folder))
    with disk.opened() as (outbox, vault):
        outbox.enroll(identity())
        vault.save_station_keys(SIGNER, sealing.Opener.new())
    return disk


def add_draft(vault: Vault, record: str = RECORD) -> None:
    body = MARKER.encode() + MARKER.encode("utf-16-le")
    vault.save_draft(record, 1, body, UTC)
    vault.put_media(record, MARKER.encode() * 9000)
    vault.put_media(record, b"\x89PNG" + MARKER.encode("utf-16-le"))


def composer(record: str = RECORD) -> Callable[[int, str, Mapping[str, bytes]], Draught]:
    def compose(seq: int, audit_head: str, media: Mapping[str, bytes]) -> Draught:
        return Draught(
            realm=Realm.TRAINING,
            station=STATION,
            epoch=1,
            seq=seq,
            record=record,
            folio=make_folio("T01", date(2026, 11, 23), seq),
            created=Stamp(utc=UTC),
            audit_head=audit_head,
            software="test",
            record_body=MARKER.encode(),
            objects=media,
        )

    return compose


def finish(outbox: Outbox, vault: Vault, record: str = RECORD) -> QueueRow:
    return finishing.finish(
        outbox, vault, record, composer(record), [HEADQUARTERS.public], SIGNER, actor="officer-1"
    )


def receipt(row: QueueRow, kind: ReceiptKind, serial: int = 1) -> tuple[Signed, ReceiptBody]:
    body = ReceiptBody(
        kind=kind,
        realm=Realm.TRAINING,
        station=STATION,
        epoch=1,
        seq=row.seq,
        record=row.record,
        digest=row.digest,
        size=row.size,
        time=UTC,
        serial=serial,
        previous="",
        reason="ilegible" if kind == "refused" else "",
    )
    return Signed.by(EDGE, canonical.encode(body)), body


def leaks(folder: Path) -> list[str]:
    """Files that hold the marker or a picture's first bytes in clear."""
    marks = (
        MARKER.encode(),
        MARKER.encode("utf-16-le"),
        MARKER.encode("utf-16-be"),
        b"SQLite format",
    )
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and any(mark in path.read_bytes() for mark in marks)
    ]
