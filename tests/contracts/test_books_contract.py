"""What the receiving edge relies on of its books, whatever database keeps them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from migramovil.core import canonical, sealing
from migramovil.core.record import Realm, ReceiptBody, Signed
from migramovil.headquarters import store as books
from migramovil.headquarters.ports import Books
from migramovil.headquarters.store import Enrolled, Packet, Rejection, Store

UTC = "2026-11-23T12:00:00+00:00"
SIGNER = sealing.Signer.new()


@pytest.fixture(params=["sqlite"])
def shelf(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
    """Each kind of books there is, with one station enrolled in it: "s"."""
    made = {"sqlite": lambda: Store(tmp_path / "books.db")}[request.param]()
    made.add_station(name="Uno", place="Lima", token_sha256="t", until="2099")
    made.enroll("t", enrolled("s"))
    yield made
    made.close()


@pytest.fixture
def kept(shelf: Store) -> Books:
    return shelf


def enrolled(station: str) -> Enrolled:
    return Enrolled(station=station, signing="k", transport="k", request_sha256="r", answer="{}")


def packet(record: str, seq: int = 1, size: int = 10) -> Packet:
    return Packet(
        station="s", record=record, epoch=1, seq=seq, folio="f", digest="d", size=size, carrier="s"
    )


def stored(kept: Books, one: Packet, utc: str = UTC) -> None:
    body = books.chained("stored", one, realm=Realm.TRAINING, utc=utc)
    kept.store_packet(one, books.signing(SIGNER), body, utc=utc)


def said(kept: Books, record: str) -> list[ReceiptBody]:
    found = kept.receipts([("s", record)])
    return [canonical.decode(canonical.from_text(one.signed.body), ReceiptBody) for one in found]


def test_a_packet_and_its_receipt_are_written_together_and_once(kept: Books) -> None:
    one = packet("a")
    assert kept.standing("s", "a") is None
    stored(kept, one)
    stored(kept, replace(one, digest="other"), "2027-01-01T00:00:00+00:00")
    assert kept.standing("s", "a") == (one, "stored")
    assert [(body.kind, body.serial, body.digest) for body in said(kept, "a")] == [
        ("stored", 1, "d")
    ]


def test_each_stations_receipts_are_a_chain(kept: Books) -> None:
    for at in range(4):
        stored(kept, packet(f"r{at}", at + 1))
    found = kept.receipts([("s", f"r{at}") for at in range(4)])
    previous = ""
    for at, one in enumerate(found, 1):
        raw = canonical.from_text(one.signed.body)
        body = canonical.decode(raw, ReceiptBody)
        assert (body.serial, body.previous) == (at, previous)
        previous = sealing.sha256(raw)


def test_many_at_once_leave_one_chain_without_a_gap(kept: Books) -> None:
    def bring(lane: int) -> None:
        for at in range(5):
            stored(kept, packet(f"l{lane}-{at}", lane * 5 + at + 1))
            stored(kept, packet(f"shared-{at}", 1000 + at))

    lanes = [threading.Thread(target=bring, args=(lane,)) for lane in range(4)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    names = [f"l{lane}-{at}" for lane in range(4) for at in range(5)]
    every = [*names, *(f"shared-{at}" for at in range(5))]
    serials = [body.serial for name in every for body in said(kept, name)]
    assert sorted(serials) == list(range(1, 26))


def test_receipts_come_in_the_order_of_what_was_asked(kept: Books) -> None:
    stored(kept, packet("a"))
    stored(kept, packet("b", 2))
    asked = [("s", "b"), ("s", "nothing"), ("other", "a"), ("s", "a")]
    assert [one.record for one in kept.receipts(asked)] == ["b", "a"]


def test_a_code_enrols_one_station(kept: Books) -> None:
    assert not kept.enroll("t", enrolled("other"))
    found = kept.station_by_token("t")
    assert found is not None
    assert (found.station, kept.station("s")) == ("s", found)
    assert kept.station("other") is None
    assert kept.station_by_token("unknown") is None
    assert kept.signing("s", 1) == "k"
    assert kept.signing("s", 2) is None
    assert kept.signing("other", 1) is None


def test_usage_counts_a_day_and_what_nobody_judged(shelf: Store, kept: Books) -> None:
    stored(kept, packet("old", 1, 5), "2026-11-20T00:00:00+00:00")
    stored(kept, packet("new", 2, 7), UTC)
    used = kept.usage("s", "2026-11-23T00:00:00+00:00")
    assert (used.packets, used.size, used.unjudged, used.unjudged_size) == (1, 7, 2, 12)
    body = books.chained("opened", packet("old", 1, 5), realm=Realm.TRAINING, utc=UTC)
    assert shelf.judge(packet("old", 1, 5), books.signing(SIGNER), body, utc=UTC)
    used = kept.usage("s", "2026-11-23T00:00:00+00:00")
    assert (used.unjudged, used.unjudged_size) == (1, 7)
    assert kept.usage("other", "").packets == 0


def test_after_a_ruling_it_is_stored_anew_and_only_then(shelf: Store, kept: Books) -> None:
    one = packet("a")
    stored(kept, one)
    for kind in ("refused", "retry"):
        word = "refused" if kind == "refused" else "retry"
        body = books.chained(word, one, realm=Realm.TRAINING, utc=UTC)  # type: ignore[arg-type]
        if kind == "refused":
            assert shelf.judge(one, books.signing(SIGNER), body)
            stored(kept, one)  # a refused one is not stored again by itself
        else:
            assert shelf.rule(one, books.signing(SIGNER), body, keep=lambda _: None)
    stored(kept, one)
    stored(kept, one)
    assert [body.kind for body in said(kept, "a")] == ["stored", "refused", "retry", "stored"]


def test_the_newest_liars_are_kept(
    shelf: Store, kept: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "MOST_REJECTIONS", 3)
    for at in range(5):
        kept.reject(Rejection(utc=UTC, station="s", record=f"r{at}", carrier="s", reason="x"))
    assert [one.record for one in shelf.rejections()] == ["r4", "r3", "r2"]


def test_contact_is_the_last_one(kept: Books) -> None:
    kept.contact("s", UTC)
    kept.contact("s", "2026-11-24T00:00:00+00:00")


def test_a_number_given_twice_is_an_alarm_once_and_each_epoch_has_its_own(
    shelf: Store, kept: Books
) -> None:
    stored(kept, packet("a"))
    stored(kept, replace(packet("b"), epoch=2))
    assert shelf.alarms() == []
    for _ in range(2):
        stored(kept, packet("c"))
        kept.alarm(replace(shelf.alarms()[0], utc="later"))
    ((alarm),) = shelf.alarms()
    assert (alarm.kind, alarm.held, alarm.came, alarm.seq, alarm.utc) == (
        "number",
        "a",
        "c",
        1,
        UTC,
    )


def test_one_that_cannot_be_written_does_not_take_the_others_with_it(
    shelf: Store, kept: Books
) -> None:
    failed: list[Exception] = []
    begun, go = threading.Event(), threading.Event()

    def slow(body: ReceiptBody) -> Signed:
        begun.set()
        go.wait(10)
        return books.signing(SIGNER)(body)

    def bring(one: Packet, sign: Callable[[ReceiptBody], Signed]) -> None:
        body = books.chained("stored", one, realm=Realm.TRAINING, utc=UTC)
        try:
            kept.store_packet(one, sign, body, utc=UTC)
        except IntegrityError as problem:
            failed.append(problem)

    signs = books.signing(SIGNER)
    stranger = replace(packet("x", 9), station="nobody")
    jobs = [
        (packet("a"), slow),
        (packet("b", 2), signs),
        (stranger, signs),
        (packet("c", 3), signs),
    ]
    threads = [threading.Thread(target=bring, args=job) for job in jobs]
    threads[0].start()
    assert begun.wait(10)  # the others wait meanwhile, and go together
    for one in threads[1:]:
        one.start()
    while len(shelf._waiting) < 3:
        time.sleep(0.001)
    go.set()
    for one in threads:
        one.join()
    assert len(failed) == 1
    assert sorted(said(kept, name)[0].serial for name in "abc") == [1, 2, 3]
