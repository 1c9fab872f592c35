"""Headquarters finds in a station's audit every head that its packets brought, or says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from migramovil.core import audit, canonical, sealing
from migramovil.core.audit import AuditShort, Entry, NotAnAudit
from migramovil.core.record import Realm, ReceiptBody
from migramovil.headquarters import auditing
from migramovil.headquarters import store as books
from migramovil.headquarters.store import Enrolled, Packet, Store

STATION = sealing.Signer.new()
UTC = "2026-11-23T12:00:00Z"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "b.db")
    made.add_station(name="Uno", place="Lima", token_sha256="t", until="2099")
    key = canonical.text(STATION.public)
    assert made.enroll(
        "t", Enrolled(station="5", signing=key, transport="k", request_sha256="r", answer="{}")
    )
    yield made
    made.close()


def chain(length: int) -> list[Entry]:
    made: list[Entry] = []
    for n in range(length):
        last = made[-1] if made else None
        made.append(
            audit.next_entry(
                last, STATION, actor="a", act="login", subject=str(n), utc=UTC, doubt_s=2
            )
        )
    return made


def exported(entries: list[Entry], signer: sealing.Signer = STATION) -> bytes:
    lines = audit.export(entries, signer, realm=Realm.TRAINING, station="5", epoch=1, utc=UTC)
    return b"\n".join(lines)


def receive(store: Store, seq: int, head: str) -> None:
    packet = Packet(
        station="5", record=f"r{seq}", epoch=1, seq=seq, folio="f", digest="d", size=1,
        carrier="5", audit_head=head,
    )  # fmt: skip
    body = books.chained("stored", packet, realm=Realm.TRAINING, utc=UTC)
    store.store_packet(packet, books.signing(sealing.Signer.new()), body)


def test_a_whole_audit_is_whole_and_a_shortened_one_is_not(store: Store) -> None:
    entries = chain(5)
    receive(store, 1, audit.START)
    receive(store, 2, entries[3].hash)
    found = auditing.check(store, exported(entries))
    assert (found.station, found.epoch, found.entries, found.heads) == ("5", 1, 5, 2)
    with pytest.raises(AuditShort):
        auditing.check(store, exported(entries[:3]))


def test_an_audit_by_a_key_that_is_not_the_stations_is_refused(store: Store) -> None:
    with pytest.raises(NotAnAudit):
        auditing.check(store, exported(chain(2), sealing.Signer.new()))


def test_the_receipt_says_which_head_the_packet_brought(store: Store) -> None:
    receive(store, 1, "a" * 64)
    (one,) = store.all_receipts()
    body = canonical.decode(canonical.from_text(one.signed.body), ReceiptBody)
    assert body.audit_head == "a" * 64


def test_receipts_from_before_heads_still_read(store: Store) -> None:
    receive(store, 1, "a" * 64)
    (one,) = store.all_receipts()
    body = canonical.from_text(one.signed.body)
    older = body.replace(b'"audit_head":"' + b"a" * 64 + b'",', b"")
    assert older != body
    assert canonical.decode(older, ReceiptBody).audit_head == ""
