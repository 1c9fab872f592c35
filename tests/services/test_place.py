"""What satellites say of place and time: a hint that an officer decides on, and never kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from migramovil.core.places import Spot
from migramovil.core.roles import NotAllowed
from migramovil.devices.ports import DeviceInfo, DeviceKind, DriverSpec, Fix
from migramovil.devices.registry import Bench
from migramovil.devices.trouble import NoDevice, NoFix
from migramovil.services.accounts import NobodyInside
from migramovil.services.clock import StationClock
from migramovil.services.place import Place, Whereabouts
from migramovil.store import marks
from tests.services.bench import (
    NOW,
    OTHER,
    PASSWORD,
    SUPERVISOR,
    Counter,
    Headquarters,
    Played,
    copied,
    demote,
    opened,
)

PAO = Spot(name="PAO Desaguadero", latitude=-16.5653, longitude=-69.0421, radius_km=2)
SPOTS = (Spot(name="Sede central, Breña", latitude=-12.0597, longitude=-77.0501), PAO)


class Receiver(Played):
    def __init__(self) -> None:
        super().__init__(DeviceKind.GNSS)
        self.info = DeviceInfo(kind=DeviceKind.GNSS, driver="fake", model="Fake", path="gnss")
        self.at, self.accuracy_m = (PAO.latitude, PAO.longitude), 5.0
        self.utc = NOW

    def read_fix(self, *, timeout_s: float, cancelled: Event) -> Fix:
        self.act()
        return Fix(
            latitude=self.at[0], longitude=self.at[1], altitude_m=3827.0, utc=self.utc,
            accuracy_m=self.accuracy_m, satellites=9,
        )  # fmt: skip


class Vehicle:
    """A station at a counter, with a receiver on a bench of its own."""

    def __init__(self, counter: Counter, *, plugged: bool = True) -> None:
        self.receiver = Receiver()
        spec = DriverSpec(
            name="gnss", kind=DeviceKind.GNSS, lane="gnss", installed=lambda: True,
            find=lambda: [self.receiver.info] if plugged else [], make=lambda _: self.receiver,
        )  # fmt: skip
        self.bench = Bench([spec])
        self.place = Place(name="Móvil 1", where="Tacna")
        self.clock = StationClock(lambda: NOW)
        self.changes = 0
        self.whereabouts = self.restarted(counter, self.place)

    def restarted(self, counter: Counter, place: Place) -> Whereabouts:
        found = Whereabouts(
            counter.accounts, self.bench, self.clock, place, spots=SPOTS,
            chosen=marks.Mark(counter.outbox, "place.here"), desk=counter.desk,
        )  # fmt: skip
        found.on_change = self._changed
        return found

    def _changed(self) -> None:
        self.changes += 1


@pytest.fixture
def counter(template: Path, headquarters: Headquarters, tmp_path: Path) -> Iterator[Counter]:
    with opened(copied(template, tmp_path / "station"), headquarters) as counter:
        counter.accounts.log_in(SUPERVISOR, PASSWORD).result(10)
        yield counter


@pytest.fixture
def vehicle(counter: Counter) -> Iterator[Vehicle]:
    vehicle = Vehicle(counter)
    yield vehicle
    vehicle.bench.close()


def test_the_place_where_the_vehicle_stands_is_proposed_and_nothing_changes_by_itself(
    vehicle: Vehicle,
) -> None:
    assert vehicle.whereabouts.proposal is None
    vehicle.whereabouts.look().result(10)
    assert vehicle.whereabouts.proposal == PAO
    assert vehicle.changes == 1
    assert vehicle.place.where == "Tacna"


def test_an_officer_takes_it_on_the_record_and_it_outlives_the_program(
    counter: Counter, vehicle: Vehicle
) -> None:
    vehicle.whereabouts.look().result(10)
    vehicle.whereabouts.accept().result(10)
    assert vehicle.place.where == PAO.name
    assert vehicle.whereabouts.proposal is None
    last = list(counter.vault.audit.entries())[-1]
    assert (last.act, last.subject) == ("place", PAO.name)

    again = Place(where="Tacna")
    vehicle.restarted(counter, again)
    assert again.where == PAO.name


def test_nothing_proposed_is_nothing_taken(counter: Counter, vehicle: Vehicle) -> None:
    vehicle.whereabouts.accept().result(10)
    assert vehicle.place.where == "Tacna"


def test_only_who_enrolls_may_take_it(counter: Counter, vehicle: Vehicle) -> None:
    vehicle.whereabouts.look().result(10)
    demote(counter, OTHER)
    counter.accounts.lock()
    with pytest.raises(NobodyInside):
        vehicle.whereabouts.accept().result(10)
    counter.accounts.log_in(OTHER, PASSWORD).result(10)
    with pytest.raises(NotAllowed):
        vehicle.whereabouts.accept().result(10)
    assert vehicle.place.where == "Tacna"


@pytest.mark.parametrize(
    ("at", "accuracy_m"), [((-16.8, -69.0), 5.0), ((PAO.latitude, PAO.longitude), 900.0)]
)
def test_on_the_road_or_by_a_vague_fix_nothing_is_proposed(
    vehicle: Vehicle, at: tuple[float, float], accuracy_m: float
) -> None:
    vehicle.receiver.at, vehicle.receiver.accuracy_m = at, accuracy_m
    vehicle.whereabouts.look().result(10)
    assert vehicle.whereabouts.proposal is None


def test_a_fix_bears_out_the_clock(vehicle: Vehicle) -> None:
    assert vehicle.clock.doubt_s() is None
    vehicle.receiver.utc = NOW - timedelta(seconds=12)
    vehicle.whereabouts.look().result(10)
    assert vehicle.clock.doubt_s() == 30 + 12


def test_no_receiver_and_no_sky_are_only_troubles_of_the_asking(
    counter: Counter, vehicle: Vehicle
) -> None:
    vehicle.receiver.troubles = [NoFix()]
    with pytest.raises(NoFix):
        vehicle.whereabouts.look().result(10)
    without = Vehicle(counter, plugged=False)
    with pytest.raises(NoDevice):
        without.whereabouts.look().result(10)
    without.bench.close()
    assert vehicle.whereabouts.proposal is None


def test_it_is_asked_once_at_a_time(vehicle: Vehicle) -> None:
    vehicle.receiver.held = Event()
    first = vehicle.whereabouts.look()
    assert vehicle.whereabouts.look() is first
    vehicle.receiver.held.set()
    first.result(10)
    assert vehicle.whereabouts.look() is not first


def test_no_coordinate_is_written_anywhere(
    counter: Counter, vehicle: Vehicle, caplog: pytest.LogCaptureFixture
) -> None:
    vehicle.whereabouts.look().result(10)
    vehicle.whereabouts.accept().result(10)
    said: list[Any] = [caplog.text, *counter.vault.audit.entries()]
    said += [marks.get(counter.outbox, "place.here")]
    assert not any(word in str(said) for word in ("16.56", "69.04", "3827"))
