"""Whatever is thrown at the edge: no 500, no leak, and nothing kept that was not verified."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient

from migramovil.core import canonical, packet, sealing
from migramovil.core.trouble import Trouble
from migramovil.headquarters import contract, http, server, setup
from migramovil.headquarters.http import Pace
from migramovil.headquarters.objects import Objects
from migramovil.headquarters.receiver import Limits, Receiver, Refused
from migramovil.headquarters.store import Store
from migramovil.headquarters.support import Reports
from migramovil.sync import answers, wire
from migramovil.sync.ports import DigestRefused, HeadquartersBusy
from tests.headquarters.rig import Place, Station

FREE = {"per_address": Pace(1e9, 1e9), "per_station": Pace(1e9, 1e9)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("hq") / "data").init().serving() as served:
        yield served


@pytest.fixture(scope="module")
def station(place: Place) -> Station:
    return Station(place).enroll()


def kept(place: Place) -> set[str]:
    """Every file of bytes that came from outside, by its place."""
    found = {"packets": place.data / "packets", "parts": place.data / "parts"}
    return {
        str(path.relative_to(place.data))
        for root in found.values()
        for path in root.rglob("*")
        if path.is_file()
    }


# --- by hand, on the bare socket ---------------------------------------------------------------
def raw(place: Place, data: bytes, *, wait: float = 5.0) -> bytes:
    """What comes back for exactly these bytes, until the other side is silent or closes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = int(place.url.rpartition(":")[2])
    came, ends = b"", (b"}", b"\r\n\r\n", b"request received.")
    plain = socket.create_connection(("127.0.0.1", port), timeout=wait)
    with plain, context.wrap_socket(plain) as line, suppress(OSError):
        line.sendall(data)
        while piece := line.recv(65536):
            came += piece
            if b"\r\n\r\n" in came and came.endswith(ends):
                break
    return came


HEAD = b"Host: x\r\n"
BAD_LINES = {
    "a huge header": b"GET /health HTTP/1.1\r\n" + HEAD + b"A: " + b"x" * 200_000 + b"\r\n\r\n",
    "a thousand headers": b"GET /health HTTP/1.1\r\n" + HEAD + b"A: x\r\n" * 20_000 + b"\r\n",
    "a huge path": b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n",
    "no number": b"POST /v1/ping HTTP/1.1\r\n" + HEAD + b"Content-Length: ten\r\n\r\n{}",
    "a negative length": b"POST /v1/ping HTTP/1.1\r\n" + HEAD + b"Content-Length: -1\r\n\r\n{}",
    "two lengths": b"POST /v1/ping HTTP/1.1\r\n"
    + HEAD
    + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "length and chunks": b"POST /v1/ping HTTP/1.1\r\n"
    + HEAD
    + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk that lies": b"POST /v1/ping HTTP/1.1\r\n"
    + HEAD
    + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n{}",
    "no HTTP": os.urandom(512),
    "half a line": b"GET /hea",
    "a NUL": b"GET /health\0 HTTP/1.1\r\n" + HEAD + b"\r\n",
    "another version": b"GET /health HTTP/9.9\r\n" + HEAD + b"\r\n",
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "upgrade": b"GET /health HTTP/1.1\r\n" + HEAD + b"Connection: upgrade\r\nUpgrade: x\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_no_request_however_malformed_is_a_failure_of_the_server(place: Place, name: str) -> None:
    before = kept(place)
    answer = raw(place, BAD_LINES[name], wait=1.0)
    assert b" 500 " not in answer.split(b"\r\n", 1)[0]
    assert b"Traceback" not in answer
    assert kept(place) == before
    assert b"200" in raw(place, b"GET /health HTTP/1.1\r\n" + HEAD + b"\r\n")


def test_an_endless_body_ends_where_its_limit_is(place: Place) -> None:
    head = b"POST /v1/ping HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    answer = raw(place, head + (b"8000\r\n" + b"x" * 0x8000 + b"\r\n") * 4)
    assert b" 413 " in answer.split(b"\r\n", 1)[0]


ROADS_OUT = [
    "..",
    "../../edge",
    "..%2f..%2fedge",
    "%2e%2e",
    "a/../../b",
    ".",
    "",
    "A",
    "é",
    "0" * 65,
]


@pytest.mark.parametrize("name", ROADS_OUT)
def test_no_name_leads_out_of_the_store(place: Place, station: Station, name: str) -> None:
    before = kept(place)
    one, data = station.packet(photo=b"x")
    for which in ((name, one.record, one.digest), (one.station, name, one.digest),
                  (one.station, one.record, name)):  # fmt: skip
        path = "/v1/packets/" + "/".join(which) + "/parts/0"
        signed = wire.sign_request(station.id, station.transport, "PUT", path, data)
        request = f"PUT {path} HTTP/1.1\r\nHost: x\r\n{wire.HEADER}: {signed}\r\n"
        request += f"Content-Length: {len(data)}\r\n\r\n"
        answer = raw(place, request.encode() + data)
        assert re.match(rb"HTTP/1.1 4\d\d ", answer), (which, answer[:80])
    assert kept(place) == before


# --- with a station's own signature, which proves only who carries --------------------------------
def ask(place: Place, station: Station, method: str, path: str, body: bytes) -> tuple[int, Any]:
    signed = wire.sign_request(station.id, station.transport, method, path, body)
    with receiving(place) as client:
        answer = client.request(method, path, content=body, headers={wire.HEADER: signed})
    return answer.status_code, json.loads(answer.content or b"{}")


def receiving(place: Place, **more: Any) -> TestClient[Any]:
    return TestClient(http.build_app(receiver(place), **{**FREE, **more}))  # type: ignore[arg-type]


_OPEN: list[Store] = []


@pytest.fixture(autouse=True)
def _closed_books() -> Iterator[None]:
    yield
    while _OPEN:
        _OPEN.pop().close()


def _opened(place: Place) -> Store:
    _OPEN.append(Store(place.data / server.BOOKS))
    return _OPEN[-1]


def receiver(place: Place, **more: Any) -> Receiver:
    keys = setup.edge(place.data)
    return Receiver(
        store=_opened(place),
        objects=Objects(place.data),
        reports=Reports(place.data),
        descriptor=setup.signed_descriptor(place.data),
        realm=place.realm,
        stored_signer=keys.stored_signer,
        receipt_signer=keys.stored_signer,
        registrar=keys.registrar,
        **more,
    )


def announced(place: Place, station: Station, data: bytes, digest: str, **change: Any) -> Any:
    said = wire.announce(data, packet.read_head(data), digest)
    for name, value in change.items():
        object.__setattr__(said, name, value)
    return ask(place, station, "POST", wire.PACKETS_PATH, canonical.encode(said))


def test_a_part_with_other_bytes_changes_nothing_of_the_part_that_is_here(
    place: Place, station: Station
) -> None:
    one, data = station.packet(photo=os.urandom(150_000))
    announced(place, station, data, one.digest)
    path = wire.part_path(one.station, one.record, one.digest, 0)
    first = wire.cut(data, wire.PART_SIZE, 0)
    assert ask(place, station, "PUT", path, first)[0] == 200
    changed, uncut = first[:-1] + b"!", (first[:-1], first + b"x", b"")
    status, told = ask(place, station, "PUT", path, changed)
    assert (status, told["code"]) == (422, "wrong_digest")
    for bad in uncut:
        status, told = ask(place, station, "PUT", path, bad)
        assert (status, told["code"]) == (400, "bad_request")
    status, told = announced(place, station, data, one.digest)
    assert (status, told["parts"]) == (202, [1, 2])
    client = station.client()
    assert client.send(one, data, lambda _: None)
    client.hang_up()
    assert Objects(place.data).packet(one.station, one.record, one.digest) == data


def test_several_parts_may_come_in_one_request(place: Place, station: Station) -> None:
    one, data = station.packet(photo=os.urandom(400_000))
    announced(place, station, data, one.digest)
    size = wire.PART_SIZE
    path = wire.part_path(one.station, one.record, one.digest, 2)
    assert ask(place, station, "PUT", path, data[2 * size :])[0] == 200
    status, told = announced(place, station, data, one.digest)
    assert (status, told["parts"]) == (202, [0, 1])
    beyond = wire.part_path(one.station, one.record, one.digest, 99)
    assert ask(place, station, "PUT", beyond, b"x")[0] == 400


def test_a_packet_that_comes_whole_in_one_request_gets_its_receipt_at_once(
    place: Place, station: Station
) -> None:
    one, data = station.packet(photo=os.urandom(400_000))
    announced(place, station, data, one.digest)
    path = wire.part_path(one.station, one.record, one.digest, 0)
    status, told = ask(place, station, "PUT", path, data)
    assert (status, len(told["receipts"])) == (200, 1)
    assert Objects(place.data).packet(one.station, one.record, one.digest) == data
    assert not any(one.record in path for path in kept(place) if path.startswith("parts"))
    assert announced(place, station, data, one.digest) == (200, told)


@pytest.mark.parametrize("broken", ["cut", "changed", "another's signature"])
def test_a_run_that_breaks_keeps_the_whole_parts_that_came(
    place: Place, station: Station, broken: str
) -> None:
    one, data = station.packet(photo=os.urandom(400_000))
    announced(place, station, data, one.digest)
    path = wire.part_path(one.station, one.record, one.digest, 0)
    came = data[:-1] + b"!" if broken == "changed" else data
    if broken == "cut":
        signed = wire.sign_request(station.id, station.transport, "PUT", path, data)
        head = f"PUT {path} HTTP/1.1\r\nHost: x\r\n{wire.HEADER}: {signed}\r\n"
        head += f"Content-Length: {len(data)}\r\n\r\n"
        raw(place, head.encode() + data[: 3 * wire.PART_SIZE + 100], wait=0.5)
    elif broken == "changed":
        assert ask(place, station, "PUT", path, came)[0] == 200
    else:
        other = sealing.Signer.new()
        signed = wire.sign_request(station.id, other, "PUT", path, data)
        with receiving(place) as client:
            assert client.put(path, content=data, headers={wire.HEADER: signed}).status_code == 401
    parts = wire.part_count(one.size, wire.PART_SIZE)
    lacking = {"cut": list(range(3, parts)), "changed": [parts - 1], "another's signature": []}
    deadline = time.monotonic() + 5
    while True:  # the server may still be writing what came before the break
        status, told = announced(place, station, data, one.digest)
        assert status == 202
        if told["parts"] == lacking[broken] or time.monotonic() > deadline:
            break
    assert told["parts"] == lacking[broken]
    with place.books() as store:
        assert store.packet(one.station, one.record) is None
        named = [rejection for rejection in store.rejections() if rejection.record == one.record]
    assert len(named) == (1 if broken == "changed" else 0)  # a break is nobody's lie
    assert not any(path.endswith(".run") for path in kept(place))
    client = station.client()
    assert client.send(one, data, lambda _: None)
    client.hang_up()


def test_a_packet_that_lies_about_its_hash_is_refused_named_and_not_kept(
    place: Place, station: Station
) -> None:
    one, data = station.packet(photo=os.urandom(90_000))
    wrong = bytearray(data)
    wrong[-1] ^= 1  # its parts are as announced, but its header says otherwise
    lie = bytes(wrong)
    digest = sealing.sha256(lie)
    announced(place, station, lie, digest)
    for number in range(wire.part_count(len(lie), wire.PART_SIZE)):
        path = wire.part_path(one.station, one.record, digest, number)
        assert ask(place, station, "PUT", path, wire.cut(lie, wire.PART_SIZE, number))[0] == 200
    status, told = ask(
        place, station, "POST", wire.complete_path(one.station, one.record, digest), b""
    )
    assert (status, told["code"]) == (422, "wrong_digest")
    with place.books() as store:
        named = store.rejections()[0]
        assert (named.station, named.record) == (one.station, one.record)
        assert named.carrier == station.id
        assert store.packet(one.station, one.record) is None
    assert not any(one.record in path for path in kept(place))
    client = station.client()
    assert client.send(one, data, lambda _: None)  # the true one is not locked out by it
    client.hang_up()


@pytest.mark.parametrize(
    "change",
    [
        {"size": 10},
        {"size": 2**40},
        {"size": -1},
        {"parts": ()},
        {"part_size": 1},
        {"part_size": 0},
        {"digest": "../../x"},
        {"header": ""},
        {"keys": "AAAA"},
    ],
)
def test_an_announcement_that_does_not_add_up_is_refused(
    place: Place, station: Station, change: dict[str, Any]
) -> None:
    before = kept(place)
    one, data = station.packet(photo=b"x")
    status, told = announced(place, station, data, change.pop("digest", one.digest), **change)
    assert status in (400, 413), told
    assert kept(place) == before


def test_a_disk_that_loses_a_part_has_it_brought_again(place: Place, station: Station) -> None:
    one, data = station.packet(photo=os.urandom(200_000))
    announced(place, station, data, one.digest)
    for number in range(wire.part_count(one.size, wire.PART_SIZE)):
        path = wire.part_path(one.station, one.record, one.digest, number)
        ask(place, station, "PUT", path, wire.cut(data, wire.PART_SIZE, number))
    body = place.data / "parts" / one.station / one.record / one.digest / "body"
    with body.open("r+b") as file:  # as a power cut leaves what was not flushed
        file.seek(wire.PART_SIZE + 5)
        file.write(b"\0" * 100)
    done = wire.complete_path(one.station, one.record, one.digest)
    status, told = ask(place, station, "POST", done, b"")
    assert (status, told["parts"]) == (202, [1])
    client = station.client()
    assert client.send(one, data, lambda _: None)
    client.hang_up()


# --- quotas, pace, patience -----------------------------------------------------------------------
def full(place: Place, station: Station, data: bytes, digest: str, limits: Limits) -> None:
    said = wire.announce(data, packet.read_head(data), digest)
    receiver(place, limits=limits).announce(canonical.encode(said))


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(packets_a_day=1), "day"),
        (Limits(bytes_a_day=1000), "day"),
        (Limits(unjudged=1), "unjudged"),
        (Limits(unjudged_bytes=1000), "unjudged"),
    ],
)
def test_no_station_brings_more_than_its_share(place: Place, limits: Limits, why: str) -> None:
    station = Station(place).enroll()
    client = station.client()
    client.send(*station.packet(photo=b"x" * 2000), lambda _: None)
    client.hang_up()
    one, data = station.packet(photo=b"x")
    with pytest.raises(Refused) as refused:
        full(place, station, data, one.digest, limits)
    assert (refused.value.why, refused.value.text) == (wire.Refusal.TOO_MUCH, why)
    other = Station(place).enroll()  # and another's share is its own
    two, theirs = other.packet(photo=b"x")
    full(place, other, theirs, two.digest, limits)


def test_half_brought_packets_are_few_and_old_ones_give_way(place: Place) -> None:
    station = Station(place).enroll()
    two = Limits(in_flight=2)
    packets = [station.packet(photo=b"x") for _ in range(4)]
    for one, data in packets[:2]:
        full(place, station, data, one.digest, two)
    with pytest.raises(Refused):
        full(place, station, packets[2][1], packets[2][0].digest, two)
    first = place.data / "parts" / station.id / packets[0][0].record
    for path in [*first.rglob("*"), first]:
        os.utime(path, (1.0, 1.0))
    full(place, station, packets[3][1], packets[3][0].digest, two)
    assert not first.exists()


@pytest.mark.parametrize(
    ("why", "meant"),
    [
        (wire.Refusal.TOO_MUCH, HeadquartersBusy),
        (wire.Refusal.TOO_SLOW, HeadquartersBusy),
        (wire.Refusal.WRONG_DIGEST, DigestRefused),
    ],
)
def test_a_station_over_its_share_waits_and_keeps_its_record(
    why: wire.Refusal, meant: type[Trouble]
) -> None:
    said = canonical.encode(wire.ErrorBody(code=why.value, text=""))
    assert type(answers.refusal(why.status, said)) is meant


def test_asking_too_often_is_refused_and_forgiven_later() -> None:
    now = [0.0]
    pace = Pace(2.0, 3.0, clock=lambda: now[0], most=2)
    for _ in range(3):
        pace.spend("a")
    with pytest.raises(Refused):
        pace.spend("a")
    pace.spend("b")
    now[0] = 1.0
    pace.spend("a")
    pace.spend("a")
    with pytest.raises(Refused):
        pace.spend("a")
    pace.spend("c")
    assert len(pace._left) == 2  # names are forgotten, so nobody fills the memory with them


def test_over_the_wire_too_often_is_429(place: Place) -> None:
    with receiving(place, per_address=Pace(0.0, 2)) as client:
        assert [client.get("/health").status_code for _ in range(3)] == [200, 200, 429]


def test_a_body_that_stands_still_is_not_waited_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "SILENCE_S", 0.2)
    head = b"POST /v1/ping HTTP/1.1\r\n" + HEAD + b"Content-Length: 100\r\n\r\n{"
    began = time.monotonic()
    answer = raw(place, head)
    assert b" 408 " in answer.split(b"\r\n", 1)[0]
    assert time.monotonic() - began < 3


def test_a_silent_connection_and_an_endless_head_are_closed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_S", 0.3)
    for begun in (b"", b"GET /health HTTP/1.1\r\nA: "):
        began = time.monotonic()
        assert raw(place, begun, wait=4.0) in (b"",)
        assert time.monotonic() - began < 3


def test_revocation_holds_for_a_request_that_is_already_speaking(place: Place) -> None:
    station = Station(place).enroll()
    made = receiver(place)
    body = canonical.encode(wire.AskReceipts(records=()))
    signed = wire.sign_request(station.id, station.transport, "POST", wire.RECEIPTS_PATH, body)
    claim = made.carrier(signed)
    with place.books() as store:
        assert station.body is not None
        assert store.revoke(station.body.code, datetime.now(UTC).isoformat())
    with pytest.raises(Refused) as refused:
        made.admit(claim, "POST", wire.RECEIPTS_PATH, sealing.sha256(body))
    assert refused.value.why is wire.Refusal.REVOKED


# --- from its description ------------------------------------------------------------------
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def client(place: Place) -> Iterator[TestClient[Any]]:
    with receiving(place) as made:
        yield made


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_whatever_json_comes_to_any_path_is_refused_in_words(
    place: Place, station: Station, client: TestClient[Any], data: st.DataObject
) -> None:
    described = contract.receiver()["paths"]
    path = data.draw(st.sampled_from(sorted(described)))
    method = data.draw(st.sampled_from(sorted(described[path])))
    filled = re.sub(
        r"\{\w+\}",
        lambda _: data.draw(st.sampled_from(["0", "-1", station.id, "x" * 70, "é"])),
        path,
    )
    body = data.draw(
        ANYTHING.map(lambda value: json.dumps(value).encode())
        | st.binary(max_size=200)
        | ANYTHING.map(canonical.encode)
    )
    header = data.draw(st.sampled_from(["", "x", f"{station.id};AAAA", "true"]))
    if header == "true":
        header = wire.sign_request(station.id, station.transport, method.upper(), filled, body)
    before = kept(place)
    answer = client.request(method, filled, content=body, headers={wire.HEADER: header})
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and answer.content:
        assert set(answer.json()) == {"code", "text"}
    assert kept(place) == before


# --- what is said about it ----------------------------------------------------------------------
def test_the_log_names_routes_and_codes_and_nothing_that_came(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="migramovil")
    with receiving(place) as client:
        client.get("/v1/MARIA-QUISPE")
        client.post("/v1/ping", content=b"MARIA QUISPE", headers={"user-agent": "MARIA"})
    assert "POST /v1/ping 400" in caplog.text
    assert "MARIA" not in caplog.text


def test_readiness_says_when_the_disk_is_nearly_full(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving(place) as client:
        assert client.get("/health/ready").status_code == 200
        assert client.get("/health/live").status_code == 200
        monkeypatch.setattr(Objects, "free", lambda _: 1000)
        assert client.get("/health/ready").status_code == 503


def test_a_hundred_at_once_get_their_answers(place: Place) -> None:
    codes: list[bytes] = []

    def one() -> None:
        codes.append(raw(place, b"GET /health HTTP/1.1\r\n" + HEAD + b"\r\n")[:12])

    lanes = [threading.Thread(target=one) for _ in range(60)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    assert codes == [b"HTTP/1.1 200"] * 60
