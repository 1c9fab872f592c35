"""Downloads come after everything that goes up, and none of them can hold anything else back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from migramovil.core import canonical, sealing
from migramovil.core.downstream import BadContent, Download, Kind, Manifest, publish
from migramovil.core.queue import Waiting
from migramovil.core.record import Realm, Signed
from migramovil.sync import wire
from migramovil.sync.downstream import EVERY_S, LISTING, Downloader
from migramovil.sync.engine import SyncEngine
from migramovil.sync.ports import Interrupted, NoLink
from tests.sync import test_engine as engine_test

REGISTRAR = sealing.Signer.new()
LONG = b"countries " * 200_000


def a_list(kind: str, body: bytes, version: int = 1) -> Download:
    manifest = Manifest(
        realm=Realm.TRAINING, kind=kind, version=version, issued="2026-11-23T12:00Z",
        sha256=sealing.sha256(body), size=len(body),
    )  # fmt: skip
    return Download(signed=Signed.by(REGISTRAR, canonical.encode(manifest)), body=body)


class Headquarters:
    """Publishes some lists; the next fetches fail as told."""

    def __init__(self, *lists: Download) -> None:
        self.lists = lists
        self.asked: list[str] = []
        self.fail: dict[int, Exception] = {}

    def fetch(self, path: str, known: str = "") -> bytes | None:
        self.asked.append(path)
        failing = self.fail.pop(len(self.asked), None)
        if failing is not None:
            raise failing
        if path == wire.DOWNSTREAM_PATH:
            listing = canonical.encode(
                wire.Downstream(manifests=tuple(x.signed for x in self.lists))
            )
            return None if known == wire.etag(listing) else listing
        bodies = {sealing.sha256(one.body): one.body for one in self.lists}
        digest, number = path.split("/")[3], int(path.split("/")[5])
        return wire.cut(bodies[digest], wire.PART_SIZE, number)


class Shelf:
    def __init__(self) -> None:
        self.filed: dict[str, bytes] = {}
        self.spoilt: set[str] = set()

    def wanted(self, signed: Signed) -> Manifest | None:
        manifest = canonical.decode(canonical.from_text(signed.body), Manifest)
        if manifest.kind in self.spoilt:
            raise BadContent("told so")
        return None if manifest.kind in self.filed else manifest

    def file(self, download: Download) -> None:
        manifest = canonical.decode(canonical.from_text(download.signed.body), Manifest)
        assert sealing.sha256(download.body) == manifest.sha256
        self.filed[manifest.kind] = download.body


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def turn(downloader: Downloader, source: Any, clock: Clock) -> None:
    clock.now += EVERY_S
    downloader.turn(source, lambda: False)


def test_a_kind_that_fails_leaves_the_others_to_come() -> None:
    hq, shelf, clock = Headquarters(a_list("a", b"1"), a_list("b", b"2")), Shelf(), Clock()
    shelf.spoilt = {"a"}
    downloader = Downloader(shelf, now=clock)
    turn(downloader, hq, clock)
    assert shelf.filed == {"b": b"2"}
    assert {kind: one.code for kind, one in downloader.troubles.items()} == {"a": "DWN-04"}
    shelf.spoilt = set()
    turn(downloader, hq, clock)
    assert shelf.filed == {"a": b"1", "b": b"2"}
    assert downloader.troubles == {}


def test_a_break_costs_one_part_and_no_trouble_leaves() -> None:
    parts = -(-len(LONG) // wire.PART_SIZE)
    hq, shelf, clock = Headquarters(a_list("a", LONG)), Shelf(), Clock()
    hq.fail = {1 + 10: NoLink("cut")}
    downloader = Downloader(shelf, now=clock)
    turn(downloader, hq, clock)
    assert (shelf.filed, downloader.troubles[LISTING].code) == ({}, "SYN-01")
    turn(downloader, hq, clock)
    assert shelf.filed == {"a": LONG}
    assert len([path for path in hq.asked if "/parts/" in path]) == parts + 1


def test_what_is_known_is_not_fetched_again() -> None:
    hq, shelf, clock = Headquarters(a_list("a", b"1")), Shelf(), Clock()
    downloader = Downloader(shelf, now=clock)
    for _ in range(3):
        turn(downloader, hq, clock)
    assert len([path for path in hq.asked if "/parts/" in path]) == 1
    downloader.turn(hq, lambda: False)  # too soon
    assert len(hq.asked) == 4


@pytest.mark.parametrize("answer", [b"", b"{}", b"[" * 50_000, b'{"manifests":[1]}'])
def test_a_listing_that_is_not_one_is_said_so(answer: bytes) -> None:
    class Babbling(Headquarters):
        def fetch(self, path: str, known: str = "") -> bytes | None:
            return answer

    clock = Clock()
    downloader = Downloader(Shelf(), now=clock)
    turn(downloader, Babbling(), clock)
    assert downloader.troubles[LISTING].code == "DWN-01"


def test_a_station_that_closes_leaves_between_two_parts() -> None:
    hq, shelf, clock = Headquarters(a_list("a", LONG)), Shelf(), Clock()
    downloader = Downloader(shelf, now=clock)
    clock.now += EVERY_S
    with pytest.raises(Interrupted):
        downloader.turn(hq, lambda: len(hq.asked) > 3)
    assert len(hq.asked) == 4


class Wire(engine_test.Far):
    """A headquarters that takes what goes up and publishes lists, and says in which order."""

    def __init__(self, *lists: Download) -> None:
        super().__init__()
        self.published = Headquarters(*lists)
        self.did: list[str] = []

    def receipts(self, records: Sequence[tuple[str, str]]) -> Sequence[Signed]:
        self.did.append("ask")
        return super().receipts(records)

    def send(self, one: Waiting, packet: bytes, *rest: Any) -> Sequence[Signed]:
        self.did.append(one.record)
        return super().send(one, packet, *rest)

    def fetch(self, path: str, known: str = "") -> bytes | None:
        self.did.append("fetch")
        return self.published.fetch(path, known)


def an_engine(hq: Wire, downloader: Downloader, count: int = 3) -> tuple[SyncEngine, Any]:
    line = engine_test.Shelf(count)
    engine = SyncEngine(
        line, hq, engine_test.KEYS, clock=lambda: datetime(2026, 11, 23, tzinfo=UTC),
        downloads=downloader,
    )  # fmt: skip
    return engine, line


def test_everything_that_goes_up_goes_before_anything_comes_down() -> None:
    hq, shelf = Wire(a_list("a", b"1")), Shelf()
    engine, _ = an_engine(hq, Downloader(shelf))
    engine.turn()
    assert hq.did == ["r000", "r001", "r002", "ask", "fetch", "fetch"]
    assert shelf.filed == {"a": b"1"}


class Bug(Shelf):
    def wanted(self, signed: Signed) -> Manifest | None:
        raise ZeroDivisionError


@pytest.mark.parametrize("failing", [NoLink("cut"), BadContent("x"), ValueError("a bug")])
def test_no_download_however_it_fails_holds_a_record_back(failing: Exception) -> None:
    hq = Wire(a_list("a", b"1"))
    hq.published.fail = {1: failing}
    engine, line = an_engine(hq, Downloader(Bug()))
    status = engine.turn()
    assert line.waiting(9) == []
    assert (status.trouble, status.kind) == (None, "waiting")  # for the opener's word


def test_published_lists_are_what_the_shelf_checks() -> None:
    made = publish(
        b"{}", REGISTRAR, realm=Realm.TRAINING, kind=Kind.SETTINGS, version=1, issued="2026-11-23"
    )
    hq, shelf, clock = Headquarters(made), Shelf(), Clock()
    turn(Downloader(shelf, now=clock), hq, clock)
    assert shelf.filed == {"settings": made.body}
