"""What a technician hears about the link is what headquarters really signed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from migramovil.core import canonical
from migramovil.core.record import Realm, WrongRealm
from migramovil.devices.trouble import Cancelled
from migramovil.services.checks import Check, Outcome, Result, Station
from migramovil.services.clock import StationClock
from migramovil.store.outbox import StationIdentity
from migramovil.sync.ports import Interrupted, NoLink, NotHeadquarters
from migramovil.sync.probe import probe
from tests.headquarters.rig import Place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("hq") / "data").init().serving() as served:
        yield served


def test_a_good_link_is_measured_and_its_certificate_read(place: Place) -> None:
    found = probe(place.descriptor, url=place.url)
    assert 0 < found.latency_s <= found.worst_s < 5
    assert found.connect_s > 0
    assert found.tls == "TLSv1.3"
    assert found.certificate_until > datetime.now(UTC)
    assert abs(found.clock_error_s) <= found.doubt_s


@pytest.mark.parametrize("hours", [-30, 5])
def test_a_wrong_clock_is_told_with_its_sign(place: Place, hours: int) -> None:
    wrong = timedelta(hours=hours)
    found = probe(place.descriptor, url=place.url, pings=1, clock=lambda: datetime.now(UTC) + wrong)
    assert abs(found.clock_error_s - wrong.total_seconds()) <= found.doubt_s


def test_nobody_there_is_no_link(place: Place) -> None:
    with pytest.raises(NoLink):
        probe(place.descriptor, url="https://127.0.0.1:1")


def test_somebody_else_is_not_headquarters(place: Place) -> None:
    other = replace(place.descriptor, stored_signer=place.descriptor.opened_signer)
    with pytest.raises(NotHeadquarters):
        probe(other, url=place.url)


def test_a_headquarters_of_another_realm_is_named(place: Place) -> None:
    with pytest.raises(WrongRealm):
        probe(replace(place.descriptor, realm=Realm.PRODUCTION), url=place.url)


def test_who_stops_it_is_heard(place: Place) -> None:
    with pytest.raises(Interrupted):
        probe(place.descriptor, url=place.url, stopped=lambda: True)


class Enrolled:
    """As much of an outbox as the check of the line asks for."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def station(self) -> StationIdentity:
        return StationIdentity(
            station="s",
            code="07B",
            name="Módulo 2",
            place="Puno",
            realm=Realm.TRAINING,
            epoch=1,
            url=self._place.url,
            descriptor=canonical.encode(self._place.descriptor).decode(),
            transport=b"",
        )


def the_check(place: Place, off: Event, url: str = "") -> Result:
    outbox: Any = Enrolled(place)
    station = Station(
        Path(), lambda: outbox, StationClock(), lambda: None, rate=lambda: None, url=url
    )
    return station.look(Check.LINK, off)


def test_the_stations_check_of_its_line_tells_the_figures(place: Place) -> None:
    told = the_check(place, Event())
    assert told.outcome is Outcome.OK
    assert dict(told.figures)["Cifrado"] == "TLSv1.3"


def test_a_check_without_a_line_or_called_off_says_so(place: Place) -> None:
    with pytest.raises(NoLink):
        the_check(place, Event(), "https://127.0.0.1:1")
    off = Event()
    off.set()
    with pytest.raises(Cancelled):
        the_check(place, off)
