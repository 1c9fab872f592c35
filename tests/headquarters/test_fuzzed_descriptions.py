"""A fuzzer reads the OpenAPI description of everything headquarters serves, and throws at each
operation what fits it and what does not: by someone who is let in, so it gets past the door."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import TestClient
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from migramovil.core import canonical
from migramovil.headquarters import (
    contract,
    handing,
    handover,
    http,
    operators,
    server,
    setup,
    web,
)
from migramovil.headquarters.handover import Handover
from migramovil.headquarters.http import Pace
from migramovil.headquarters.objects import Objects
from migramovil.headquarters.opener import PacketOpener
from migramovil.headquarters.web import Door
from migramovil.sync import wire
from tests.headquarters.rig import Place, Station

load_all_checks()
FREE = Pace(1e9, 1e9)
AS_DESCRIBED = (content_type_conformance, response_schema_conformance, status_code_conformance)
EXAMPLES = 12


@dataclass(frozen=True)
class Served:
    """One of headquarters' programs, and how someone who may ask signs a request."""

    place: Place
    client: TestClient[Any]
    told: dict[str, Any]
    mark: Callable[[str, str, bytes], dict[str, str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("hq") / "data").init().serving() as served:
        yield served


@pytest.fixture(scope="module")
def served(place: Place) -> Iterator[dict[str, Served]]:
    station = Station(place).enroll()
    line = station.client()
    line.send(*station.packet(photo=b"x"), lambda _: None)
    line.hang_up()
    place.judge()
    with ExitStack() as running:
        store = running.enter_context(place.books())
        receiver = server.receiver_of(place.data, store, setup.edge(place.data))
        judge = PacketOpener(
            store=store, objects=Objects(place.data), descriptor=place.descriptor,
            keys=setup.opener(place.data),
        )  # fmt: skip
        operational = canonical.from_text(place.descriptor.operational)
        token = handover.add_client(store, "rim", "2026")
        operators.add(store, "rosa", "tres gatos en el techo", "2026", memory_kib=64)
        door = Door(store, by_name=FREE, by_address=FREE)
        edge = http.build_app(receiver, per_address=FREE, per_station=FREE)
        desk = handing.build_app(store, Handover(store, judge), operational, pace=FREE)
        page = web.build_app(store, place.data, place.descriptor, secure=False, door=door)

        def client(app: Any) -> TestClient[Any]:
            made = TestClient(app, base_url="http://127.0.0.1")
            made.follow_redirects = False
            return running.enter_context(made)

        def station_mark(method: str, path: str, body: bytes) -> dict[str, str]:
            signed = wire.sign_request(station.id, station.transport, method, path, body)
            return {wire.HEADER: signed}

        inside = client(page)
        yield {
            "receiver": Served(place, client(edge), contract.receiver(), station_mark),
            "handover": Served(
                place, client(desk), contract.handover(),
                lambda *_: {"authorization": f"Bearer {token}"},
            ),
            "page": Served(place, inside, described(page), lambda *_: cookie_of(inside)),
        }  # fmt: skip


def described(app: Litestar) -> dict[str, Any]:
    """The operators' page has forms and no description of its own: every route it has."""
    form = {"application/x-www-form-urlencoded": {"schema": {
        "type": "object", "additionalProperties": {"type": "string"},
        "properties": {name: {"type": "string"} for name in ("form", "name", "passphrase")},
    }}}  # fmt: skip
    paths: dict[str, Any] = {}
    for route in app.routes:
        names = list(getattr(route, "path_parameters", {}))
        given_names = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in names
        ]
        for method in route.methods - {"OPTIONS", "HEAD"}:
            one: dict[str, Any] = {"parameters": given_names, "responses": {
                "200": {"description": ""}, "3XX": {"description": ""}, "4XX": {"description": ""},
            }}  # fmt: skip
            if method == "POST":
                one["requestBody"] = {"content": form}
            paths.setdefault(route.path_format, {})[method.lower()] = one
    return {"openapi": "3.1.0", "info": {"title": "page", "version": "1"}, "paths": paths}


def cookie_of(client: TestClient[Any]) -> dict[str, str]:
    """Inside, whatever the last request did to the session."""
    if client.get("/").status_code == 303:
        word = client.get("/login").text.partition('name="form" value="')[2].partition('"')[0]
        said = {"form": word, "name": "rosa", "passphrase": "tres gatos en el techo"}
        assert client.post("/login", data=said).status_code == 303
    return {}


def kept(place: Place) -> set[str]:
    found = (place.data / "packets", place.data / "parts")
    return {str(path) for root in found for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["receiver", "handover", "page"])
def test_what_is_described_stands_up_to_a_fuzzer(served: dict[str, Served], name: str) -> None:
    one = served[name]
    before, statuses = kept(one.place), set[int]()
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    schema = schemathesis.openapi.from_dict(one.told)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == sum(len(methods) for methods in one.told["paths"].values())
    for operation in operations:
        cases = st.one_of(operation.as_strategy(generation_mode=mode) for mode in modes)

        @settings(
            max_examples=EXAMPLES, deadline=None, database=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=cases)
        def throw(case: Any) -> None:
            statuses.add(thrown(one, case))

        throw()
    assert not {status for status in statuses if status >= 500}
    assert 401 not in statuses or name == "receiver", "the fuzzer never got past the door"
    assert kept(one.place) == before


def thrown(one: Served, case: Any) -> int:
    """What is answered, which must be as it is described."""
    body = bytes_of(case)
    query = urlencode(case.query or {}, doseq=True)
    path = case.formatted_path
    headers = {
        str(key).lower(): str(value)
        for key, value in (case.headers or {}).items()
        if str(value).isascii() and str(value).isprintable()
    }
    marked = {**headers, **one.mark(case.method, path, body)}
    where = f"{path}?{query}" if query else path
    answer = one.client.request(case.method, where, content=body, headers=marked)
    assert answer.status_code < 500, (case.method, path, answer.text)
    strange = '"conforms":false' in answer.text  # given all the same, and says so itself
    case.validate_response(answer, checks=AS_DESCRIBED[: 1 if strange else None])
    return answer.status_code


def bytes_of(case: Any) -> bytes:
    body = case.body
    if isinstance(body, bytes):
        return body
    if type(body).__name__ == "NotSet" or body is None:
        return b""
    if case.media_type == "application/x-www-form-urlencoded":
        return urlencode(body if isinstance(body, dict) else {"form": str(body)}).encode()
    try:
        return canonical.encode(body)
    except (canonical.NotCanonical, TypeError):
        return json.dumps(body, default=str).encode()
