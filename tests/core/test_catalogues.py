from __future__ import annotations

import contextlib
import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migramovil.core.places import BadPlaces, read_countries, read_ubigeo
from migramovil.core.procedures import in_force, read_catalogue

CATALOGUES = Path(__file__).parents[2] / "resources/catalogues"
ISO = Path("/usr/share/iso-codes/json/iso_3166-1.json")


def test_the_station_offers_the_six_procedures_and_states_no_fee() -> None:
    data = (CATALOGUES / "procedures.json").read_bytes()
    codes = [procedure.code for procedure in in_force(read_catalogue(data), date(2026, 11, 23))]
    assert codes == ["CPP", "CCM", "PRR", "DUP", "ACT", "ENT"]
    assert b"S/" not in data


def test_countries_are_all_of_iso_3166_and_icaos_four() -> None:
    countries = read_countries((CATALOGUES / "countries.csv").read_bytes())
    codes = {country.code for country in countries}
    icao = {"XXA", "XXB", "XXC", "XXX"}
    assert len(countries) == 253
    assert icao | {"PER", "VEN", "COL", "HTI"} < codes
    assert "UTO" not in codes
    assert len({country.name_es for country in countries}) == 253
    if ISO.exists():
        assert codes - icao == {row["alpha_3"] for row in json.loads(ISO.read_bytes())["3166-1"]}


def test_districts_carry_inei_and_reniec_codes() -> None:
    districts = {row.ubigeo: row for row in read_ubigeo((CATALOGUES / "ubigeo.csv").read_bytes())}
    brena = districts["150105"]
    assert (brena.district, brena.province, brena.reniec) == ("Breña", "Lima", "140104")
    assert len({row.department for row in districts.values()}) == 25
    assert len({row.ubigeo[:4] for row in districts.values()}) == 196
    places = {(row.department, row.province, row.district) for row in districts.values()}
    assert len(places) == len(districts) == 1891


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"PER", b"PE,Peru", b"PER,", b"PER,x\nPER,y", b'PER,"x', b"PER,x,y"]
)
def test_a_list_of_countries_that_does_not_hold_is_refused(data: bytes) -> None:
    with pytest.raises(BadPlaces, match="CAT-02"):
        read_countries(data)


@pytest.mark.parametrize(
    "data",
    [
        b"150105,14010,A,B,C",
        b"15010,140104,A,B,C",
        b"150105,140104,A,B,",
        b"150105,140104,A,B,C\n150106,140104,A,B,D",
    ],
)
def test_a_list_of_districts_that_does_not_hold_is_refused(data: bytes) -> None:
    with pytest.raises(BadPlaces, match="CAT-02"):
        read_ubigeo(data)


def test_a_new_district_may_lack_its_reniec_code() -> None:
    (district,) = read_ubigeo(b"080918,,Cusco,C,D")
    assert district.reniec == ""


@given(st.binary())
def test_any_bytes_are_places_or_cat_02(data: bytes) -> None:
    for read in (read_countries, read_ubigeo):
        with contextlib.suppress(BadPlaces):
            read(data)
