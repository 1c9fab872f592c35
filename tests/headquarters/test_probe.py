"""What a technician hears about the link is what headquarters really signed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from migramovil.core.record import Realm, WrongRealm
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
