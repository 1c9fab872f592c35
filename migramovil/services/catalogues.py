"""The lists the station works with, read once from the product's data files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from migramovil import resources
from migramovil.core.notices import Notices
from migramovil.core.places import Country, District, read_countries, read_ubigeo
from migramovil.core.procedures import Catalogue, in_force, read_catalogue


@dataclass(frozen=True, kw_only=True)
class Catalogues:
    procedures: Catalogue
    countries: tuple[Country, ...]
    districts: tuple[District, ...]
    notices: Notices
    country_codes: frozenset[str]
    ubigeo_codes: frozenset[str]

    @property
    def version(self) -> str:
        return self.procedures.version

    def codes_in_force(self, day: date) -> frozenset[str]:
        return frozenset(procedure.code for procedure in in_force(self.procedures, day))


def load() -> Catalogues:
    countries = read_countries(resources.read("catalogues/countries.csv"))
    districts = read_ubigeo(resources.read("catalogues/ubigeo.csv"))
    return Catalogues(
        procedures=read_catalogue(resources.read("catalogues/procedures.json")),
        countries=countries,
        districts=districts,
        notices=Notices.read(resources.read("catalogues/notices.json")),
        country_codes=frozenset(country.code for country in countries),
        ubigeo_codes=frozenset(district.ubigeo for district in districts),
    )
