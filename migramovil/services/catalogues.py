"""The lists the station works with: the product's data files, or what replaced them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from migramovil import resources
from migramovil.core.downstream import Kind
from migramovil.core.notices import Notices
from migramovil.core.places import Country, District, read_countries, read_ubigeo
from migramovil.core.procedures import Catalogue, in_force, read_catalogue

_FILES = {
    Kind.PROCEDURES: "procedures.json",
    Kind.COUNTRIES: "countries.csv",
    Kind.UBIGEO: "ubigeo.csv",
    Kind.NOTICES: "notices.json",
}


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


def load(newer: Mapping[Kind, bytes] | None = None) -> Catalogues:
    """Every list from `newer` where it is there, else as it came with the program."""

    def read(kind: Kind) -> bytes:
        given = (newer or {}).get(kind)
        return resources.read(f"catalogues/{_FILES[kind]}") if given is None else given

    countries = read_countries(read(Kind.COUNTRIES))
    districts = read_ubigeo(read(Kind.UBIGEO))
    return Catalogues(
        procedures=read_catalogue(read(Kind.PROCEDURES)),
        countries=countries,
        districts=districts,
        notices=Notices.read(read(Kind.NOTICES)),
        country_codes=frozenset(country.code for country in countries),
        ubigeo_codes=frozenset(district.ubigeo for district in districts),
    )
