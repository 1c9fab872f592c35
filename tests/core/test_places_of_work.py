"""Where the vehicle is, among the places that are known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migramovil.core.places import Spot, distance_km, nearest

BRENA = Spot(name="Sede central, Breña", latitude=-12.0597, longitude=-77.0501)
DESAGUADERO = Spot(name="PAO Desaguadero", latitude=-16.5653, longitude=-69.0421, radius_km=5)
TUMBES = Spot(name="PAO Tumbes", latitude=-3.5669, longitude=-80.4515)
SPOTS = (BRENA, DESAGUADERO, TUMBES)
LATITUDES = st.floats(-90, 90, allow_nan=False)
LONGITUDES = st.floats(-180, 180, allow_nan=False)


def test_the_distance_is_that_of_the_maps() -> None:
    # a degree of latitude is 111.2 km; Lima to Tumbes about 1,010 km through the air
    assert distance_km(BRENA, BRENA.latitude + 1, BRENA.longitude) == pytest.approx(111.2, abs=0.1)
    assert distance_km(BRENA, TUMBES.latitude, TUMBES.longitude) == pytest.approx(1010, rel=0.02)


def test_one_is_at_a_place_within_its_own_radius() -> None:
    assert nearest(SPOTS, -12.06, -77.05) is BRENA
    assert nearest(SPOTS, -16.60, -69.05) is DESAGUADERO
    assert nearest(SPOTS, -12.09, -77.05) is None
    assert nearest((), -12.06, -77.05) is None


def test_of_two_the_nearer_counts() -> None:
    wide = Spot(name="Lima", latitude=-12.1, longitude=-77.0, radius_km=60)
    assert nearest((wide, BRENA), -12.06, -77.05) is BRENA
    assert nearest((wide, BRENA), -12.2, -77.0) is wide


@given(LATITUDES, LONGITUDES)
def test_no_point_of_the_earth_is_out_of_reckoning(latitude: float, longitude: float) -> None:
    assert 0 <= distance_km(BRENA, latitude, longitude) <= 20_016


@pytest.mark.parametrize("place", [(91, 0, 1), (0, 181, 1), (0, 0, 0), (float("nan"), 0, 1)])
def test_a_place_off_the_earth_is_none(place: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="place"):
        Spot(name="?", latitude=place[0], longitude=place[1], radius_km=place[2])
