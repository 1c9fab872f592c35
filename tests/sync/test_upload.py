"""One packet on its way: what is asked for next, and what an answer changes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from migramovil.core import canonical
from migramovil.core.record import Signed
from migramovil.sync import pace, wire
from migramovil.sync.pace import Weather
from migramovil.sync.upload import Job
from tests.headquarters.rig import Place, Station

LANE: Any = object()
RECEIPTS = canonical.encode(wire.Receipts(receipts=(Signed(body="", public_key="", signature=""),)))


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    with Place(tmp_path_factory.mktemp("hq") / "data").init().serving() as place:
        yield Station(place).enroll()


class Desk:
    """Hands out what a job asks for, and remembers it."""

    def __init__(self, station: Station, **how: Any) -> None:
        self.one, self.data = station.packet(photo=os.urandom(100_000))
        self.came = 0
        self.job = Job(self.one, self.data, on_bytes=self._heard, **{"fresh": True, **how})

    def _heard(self, size: int) -> None:
        self.came += size

    def next(self) -> Any:
        return self.job.next_request(LANE, self._ask)

    def _ask(self, method: str, path: str, body: bytes, **heard: Any) -> Any:
        return type("Asked", (), {"method": method, "path": path, "body": body, **heard})


def test_on_a_fast_link_a_packet_goes_whole_and_its_answer_is_the_receipt(station: Station) -> None:
    desk = Desk(station, whole=True)
    assert desk.next().path == wire.PACKETS_PATH
    put = desk.next()
    assert (put.method, put.body) == ("PUT", desk.data)
    assert desk.job.all_given_out
    assert desk.next() is None
    put.answered(200, RECEIPTS)
    assert desk.job.receipts
    assert desk.came == len(desk.data)


def test_what_a_broken_whole_left_is_asked_about_and_only_the_rest_is_sent(
    station: Station,
) -> None:
    desk = Desk(station, whole=True)
    announcement, put = desk.next(), desk.next()
    announcement.answered(202, canonical.encode(wire.Missing(parts=(0, 1))))
    put.lost()
    asked = desk.next()
    assert asked.path.endswith("complete")
    asked.answered(202, canonical.encode(wire.Missing(parts=(1,))))
    rest = desk.next()
    assert rest.path.endswith("parts/1")
    assert len(rest.body) < len(desk.data)


def test_a_whole_that_was_there_already_is_completed(station: Station) -> None:
    desk = Desk(station, whole=True)
    announcement, put = desk.next(), desk.next()
    announcement.answered(202, canonical.encode(wire.Missing(parts=(0, 1))))
    put.answered(200, b"{}")
    assert desk.job.receipts is None
    assert desk.next().path.endswith("complete")


def test_a_headquarters_that_forgot_is_told_again_and_then_gets_parts(station: Station) -> None:
    desk = Desk(station, whole=True)
    announcement, put = desk.next(), desk.next()
    announcement.answered(202, canonical.encode(wire.Missing(parts=(0, 1))))
    put.answered(404, canonical.encode(wire.ErrorBody(code=wire.Refusal.NOT_ANNOUNCED, text="")))
    again = desk.next()
    assert again.path == wire.PACKETS_PATH
    again.answered(202, canonical.encode(wire.Missing(parts=(0, 1))))
    assert desk.next().path.endswith("parts/0")


@pytest.mark.parametrize("how", [{"fresh": False}, {"only_front": True}])
def test_what_was_begun_before_or_may_not_go_whole_goes_in_parts(
    station: Station, how: dict[str, bool]
) -> None:
    desk = Desk(station, whole=True, **how)
    desk.next().answered(202, canonical.encode(wire.Missing(parts=(0, 1))))
    assert len(desk.next().body) <= wire.PART_SIZE


def test_only_a_link_that_carries_it_within_seconds_takes_a_packet_whole() -> None:
    assert not pace.at_once(Weather(rate=0.0), 10)
    assert not pace.at_once(Weather(rate=pace.FAST - 1), 10)
    assert pace.at_once(Weather(rate=1_000_000), 3_000_000)
    assert not pace.at_once(Weather(rate=1_000_000), 4_100_000)
    assert not pace.at_once(Weather(rate=100_000_000), wire.LARGEST_RUN + 1)
