from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from migramovil.core import canonical, sealing
from migramovil.core.record import Realm, ReceiptBody
from migramovil.headquarters import downstream, handover, people, rulings
from migramovil.headquarters import store as books
from migramovil.headquarters.store import Enrolled, Packet, Store


def stored(store: Store) -> Packet:
    store.add_station(name="Uno", place="Lima", token_sha256="t", until="2099")
    enrolled = Enrolled(station="5", signing="k", transport="k", request_sha256="r", answer="{}")
    assert store.enroll("t", enrolled)
    packet = Packet(
        station="5", record="a", epoch=1, seq=1, folio="f", digest="d", size=1, carrier="5"
    )
    say(store, packet, "stored")
    return packet


def say(store: Store, packet: Packet, kind: str) -> None:
    signer = books.signing(sealing.Signer.new())
    if kind == "stored":
        body = books.chained("stored", packet, realm=Realm.TRAINING, utc="2026")
        store.store_packet(packet, signer, body)
    else:
        word = "opened" if kind == "opened" else "refused"
        store.judge(packet, signer, books.chained(word, packet, realm=Realm.TRAINING, utc="2026"))


def test_each_packet_gets_one_stored_receipt_and_one_verdict_whoever_asks(tmp_path: Path) -> None:
    first, second = Store(tmp_path / "b.db"), Store(tmp_path / "b.db")
    packet = stored(first)
    for kind in ("stored", "opened", "refused", "opened"):
        say(second, packet, kind)
    found = [
        canonical.decode(canonical.from_text(one.signed.body), ReceiptBody)
        for one in first.all_receipts()
    ]
    assert [(one.kind, one.serial) for one in found] == [("stored", 1), ("opened", 2)]
    assert first.unjudged() == []
    first.close()
    second.close()


def test_a_code_enrols_one_station(tmp_path: Path) -> None:
    store = Store(tmp_path / "b.db")
    stored(store)
    other = Enrolled(station="6", signing="k", transport="k", request_sha256="r", answer="{}")
    assert not store.enroll("t", other)
    assert [one.station for one in store.stations()] == ["5"]
    store.close()


def test_the_migrations_make_exactly_the_tables_the_code_uses(tmp_path: Path) -> None:
    every = (people.LETTERS, downstream.PUBLICATIONS, rulings.RULINGS, handover.CLIENTS)
    for table in every:  # among them once imported
        assert table.metadata is books.METADATA
    Store(tmp_path / "b.db").close()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'b.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), books.METADATA) == []
    engine.dispose()


def test_what_the_books_say_survives_a_power_cut(tmp_path: Path) -> None:
    store = Store(tmp_path / "b.db")
    with store._engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
    store.close()
