"""A copy of books and packets, made as docs/headquarters.md says, serves what the original did."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from migramovil.headquarters import server
from tests.headquarters.rig import Place, Station


def backed_up(place: Place, to: Path) -> None:
    """Books first, then packets, from a headquarters at work."""
    to.mkdir()
    books = place.data / server.BOOKS
    with (
        closing(sqlite3.connect(books)) as live,
        closing(sqlite3.connect(to / server.BOOKS)) as copy,
    ):
        live.backup(copy)
    shutil.copytree(place.data / "packets", to / "packets")
    for name in ("descriptor.json", "edge", "opener"):
        source = place.data / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, to / name)


def test_a_restored_headquarters_serves_the_same_receipts(tmp_path: Path) -> None:
    place = Place(tmp_path / "hq").init()
    with place.serving():
        station = Station(place).enroll()
        client = station.client()
        for _ in range(3):
            client.send(*station.packet(photo=b"x"), lambda _: None)
        place.judge()
        one, data = station.packet(photo=b"y")
        stored = client.send(one, data, lambda _: None)
        backed_up(place, tmp_path / "copy")
        client.hang_up()
    before = place.receipts()
    restored = Place(tmp_path / "copy")
    assert restored.receipts() == before
    assert len(before) == 7
    with restored.serving():
        station.place = restored
        client = station.client()
        assert client.receipts([(one.station, one.record)]) == stored
        assert client.send(one, data, lambda _: None) == stored  # again, as if nothing had been
        assert [verdict.kind for verdict in restored.judge()] == ["opened"]
        two, more = station.packet(photo=b"z")
        client.send(two, more, lambda _: None)
        client.hang_up()
    bodies = [body for body, _ in restored.receipts()]
    assert [body.serial for body in bodies] == list(range(1, 10))
