"""By hand, against every program of headquarters that listens: nothing fails inside, nothing is
told to whom it is not for, nothing is kept that was not verified."""

from __future__ import annotations

import gzip
import json
import os
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn

from migramovil.core import canonical, downstream, letters, packet, sealing
from migramovil.core.record import Signed
from migramovil.headquarters import handing, handover, hosting, operators, setup, web
from migramovil.headquarters.downstream import publish
from migramovil.headquarters.handover import Handover
from migramovil.headquarters.http import Pace
from migramovil.headquarters.objects import Objects
from migramovil.headquarters.opener import PacketOpener
from migramovil.headquarters.store import Store
from migramovil.headquarters.web import Door
from migramovil.sync import wire
from tests.headquarters.rig import Place, Station

UTC = "2026-11-23T12:00:00+00:00"
FREE = Pace(1e9, 1e9)


@dataclass(frozen=True)
class House:
    place: Place
    store: Store
    edge: str
    desk: str
    page: str
    token: str

    def urls(self) -> dict[str, str]:
        return {"edge": self.edge, "desk": self.desk, "page": self.page}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    place = Place(tmp_path_factory.mktemp("hq") / "data").init()
    with ExitStack() as running:
        running.enter_context(place.serving())
        store = running.enter_context(place.books())
        token = handover.add_client(store, "rim", "2026")
        operators.add(store, "rosa", "tres gatos en el techo", "2026", memory_kib=64)
        judge = PacketOpener(
            store=store, objects=Objects(place.data), descriptor=place.descriptor,
            keys=setup.opener(place.data),
        )  # fmt: skip
        operational = canonical.from_text(place.descriptor.operational)
        door = Door(store, by_name=FREE, by_address=FREE)
        desk = handing.build_app(store, Handover(store, judge), operational, pace=FREE)
        page = web.build_app(store, place.data, place.descriptor, secure=False, door=door)
        yield House(
            place, store, place.url, running.enter_context(hosted(desk)),
            running.enter_context(hosted(page)), token,
        )  # fmt: skip


@contextmanager
def hosted(app: Any) -> Iterator[str]:
    up, urls, own = threading.Event(), list[str](), list[uvicorn.Server]()

    def listening(url: str) -> None:
        urls.append(url)
        up.set()

    more = {"address": "127.0.0.1", "port": 0, "listening": listening, "own": own.append}
    serving = threading.Thread(target=hosting.host, args=(app,), kwargs=more)
    serving.start()
    assert up.wait(10)
    yield urls[0]
    own[0].should_exit = True
    serving.join(10)


@pytest.fixture(scope="module")
def lines(house: House) -> Iterator[dict[str, httpx.Client]]:
    """A client for each program, let in where a token does it."""
    tls = ssl.create_default_context(cadata=house.place.descriptor.tls_ca)
    with ExitStack() as open_lines:
        made = {
            name: open_lines.enter_context(httpx.Client(base_url=url, verify=tls, trust_env=False))
            for name, url in house.urls().items()
        }
        made["desk"].headers["authorization"] = f"Bearer {house.token}"
        yield made


@pytest.fixture(scope="module")
def mine(house: House) -> Station:
    return Station(house.place).enroll()


@pytest.fixture(scope="module")
def theirs(house: House) -> Station:
    return Station(house.place).enroll()


@pytest.fixture(autouse=True)
def nothing_is_kept(house: House, request: pytest.FixtureRequest) -> Iterator[None]:
    before = kept(house)
    yield
    if "keeping" not in request.fixturenames:
        assert kept(house) == before


@pytest.fixture
def keeping() -> None:
    """For a test in which something true is brought as well."""


def kept(house: House) -> tuple[set[str], int]:
    """Every file of bytes from outside, and how many letters and decisions there are."""
    data = house.place.data
    files = {str(one) for root in ("packets", "parts") for one in (data / root).rglob("*")
             if one.is_file()}  # fmt: skip
    with house.store.read() as connection:
        count = connection.exec_driver_sql(
            "SELECT (SELECT count(*) FROM letters) + (SELECT count(*) FROM decisions)"
            " + (SELECT count(*) FROM packets) + (SELECT count(*) FROM stations)"
        ).scalar_one()
    return files, count


def ask(
    lines: dict[str, httpx.Client], station: Station, method: str, path: str, body: bytes = b"",
    **more: Any,
) -> httpx.Response:  # fmt: skip
    signed = wire.sign_request(station.id, station.transport, method, path, body)
    headers = {wire.HEADER: signed, **more.pop("headers", {})}
    return lines["edge"].request(method, path, content=body, headers=headers, **more)


def raw(url: str, data: bytes, *, wait: float = 1.0) -> bytes:
    """What comes back for exactly these bytes, until the other side is silent or closes."""
    host, _, port = url.rpartition("//")[2].rpartition(":")
    plain = socket.create_connection((host, int(port)), timeout=wait)
    with ExitStack() as line:
        made: socket.socket = line.enter_context(plain)
        if url.startswith("https"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            made = line.enter_context(context.wrap_socket(plain))
        came = b""
        with suppress(OSError):
            made.sendall(data)
            while piece := made.recv(65536):
                came += piece
        return came


# --- every program ------------------------------------------------------------------------------
PROGRAMS = ["edge", "desk", "page"]
HOST = b"Host: x\r\n"


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_follows_a_good_request_is_judged_by_itself(house: House, program: str) -> None:
    good = b"GET /login HTTP/1.1\r\n" + HOST + b"\r\n"
    answer = raw(house.urls()[program], good + b"\0\xff GARBAGE\r\n\r\n" + good)
    first, *rest = answer.split(b"HTTP/1.1 ")[1:]
    assert not first.startswith(b"5")
    assert [one[:3] for one in rest] == [b"400"]  # and the line is closed: nothing after it counts
    assert b"Traceback" not in answer


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 10\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: +2\r\n",
        b"Content-Length: 99999999999999999999999\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Cookie: " + b"migramovil-sede=a; " * 500 + b"\r\nContent-Length: 2\r\n",
        b"X-Migramovil: \xff\xfe;\xc3\xb1\r\nContent-Length: 2\r\n",
        b"Authorization: Bearer \xff\xfe\r\nContent-Length: 2\r\n",
        b"Expect: 100-continue\r\nContent-Length: 2\r\n",
    ],
)
def test_no_head_however_absurd_is_a_failure(house: House, program: str, head: bytes) -> None:
    path = {"edge": b"/v1/ping", "desk": b"/v1/handover/ack", "page": b"/login"}[program]
    answer = raw(house.urls()[program], b"POST " + path + b" HTTP/1.1\r\n" + HOST + head +
                 b"Connection: close\r\n\r\n{}")  # fmt: skip
    assert b"HTTP/1.1 5" not in answer
    assert b"Traceback" not in answer


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("method", ["PATCH", "DELETE", "TRACE", "OPTIONS", "HEAD", "BREW", "PUT"])
def test_no_other_method_does_anything(
    lines: dict[str, httpx.Client], program: str, method: str
) -> None:
    paths = {
        "edge": [wire.PING_PATH, wire.PACKETS_PATH, wire.LETTERS_PATH, wire.DESCRIPTOR_PATH],
        "desk": [handing.PATH, f"{handing.PATH}/ack", f"{handing.PATH}/decisions"],
        "page": ["/", "/login", "/logout", "/acuses"],
    }
    for path in paths[program]:
        answer = lines[program].request(method, path, content=b"{}")
        # Litestar itself answers OPTIONS with the methods there are, and nothing else
        assert answer.status_code == (204 if method == "OPTIONS" else 405), (path, answer.text)


PATHS = ["/../../edge/tls.key", "/..%2f..%2fedge%2ftls.key", "/%2e%2e/headquarters.db", "//",
         "/%00",
         "/%ff", "/v1/../v1/packets", "/estaciones/..%2f..%2fx", "/estaciones/%F0%9F%92%A9",
         "/v1/handover/1/objects/..%2frecord.json", "/v1/handover/-1/objects/a",
         "/v1/handover/" + "9" * 40 + "/objects/a", "/v1/packets/" + "a/" * 400]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_path_leads_out(house: House, lines: dict[str, httpx.Client], program: str) -> None:
    for path in PATHS:
        answer = raw(house.urls()[program], f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: "
                     f"Bearer {house.token}\r\nConnection: close\r\n\r\n".encode())  # fmt: skip
        status = answer.split(b" ", 2)[1]
        assert status in {b"303", b"400", b"401", b"404", b"405"}, (path, answer[:200])
        assert b"PRIVATE" not in answer
        assert b"SQLite" not in answer


ABSURD = {
    "nested lists": b"[" * 50_000,
    "nested objects": b'{"a":' * 20_000,
    "nested whole": b"[" * 20_000 + b"]" * 20_000,
    "a long number": b"9" * 20_000,
    "a huge power": b'{"numbers":[1e999999]}',
    "no number": b'{"numbers":[NaN]}',
    "half a pair": b'{"nonce":"\\ud800aaaaaaaaaaaaaaaa"}',
    "not UTF-8": b'{"nonce":"\xff\xfe"}',
    "a mark before": b"\xef\xbb\xbf{}",
    "sixteen bits": '{"nonce":"x"}'.encode("utf-16"),
    "many keys": b"{" + b",".join(b'"%d":1' % at for at in range(5_000)) + b"}",
    "packed": gzip.compress(b" " * 1_000_000),
    "a bomb": zlib.compress(b"\0" * 10_000_000, 9),
}


@pytest.mark.parametrize("name", ABSURD)
def test_no_body_however_absurd_is_a_failure(
    lines: dict[str, httpx.Client], mine: Station, name: str
) -> None:
    body, packed = ABSURD[name], {"content-encoding": "gzip", "content-type": "application/json"}
    for path in (wire.PING_PATH, wire.ENROLL_PATH, wire.PACKETS_PATH, wire.RECEIPTS_PATH,
                 wire.LETTERS_PATH):  # fmt: skip
        answer = ask(lines, mine, "POST", path, body, headers=packed)
        assert answer.status_code in (400, 413), (path, answer.text)
        assert set(answer.json()) == {"code", "text"}
    for path in ("ack", "decisions"):
        answer = lines["desk"].post(f"{handing.PATH}/{path}", content=body, headers=packed)
        assert answer.status_code in (400, 413, 422), (path, answer.text)
    answer = lines["page"].post("/login", content=body, headers=packed)
    assert answer.status_code in (400, 403, 413), answer.text


@pytest.mark.parametrize("program", ["desk", "page"])
def test_nobody_keeps_a_place_by_a_body_that_never_ends(
    house: House, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(hosting, "BODY_S", 0.3)
    path = {"desk": f"{handing.PATH}/ack", "page": "/login"}[program]
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {house.token}\r\n"
    began = time.monotonic()
    body = b"Content-Length: 100\r\n\r\n{"
    answer = raw(house.urls()[program], head.encode() + body, wait=8)
    assert time.monotonic() - began < 4, "it was waited for"
    assert answer.startswith(b"HTTP/1.1 408 ")


# --- the edge: whose word it is -----------------------------------------------------------------
def test_a_signature_is_good_for_its_own_request_only(
    lines: dict[str, httpx.Client], mine: Station, theirs: Station
) -> None:
    body = canonical.encode(wire.AskReceipts(records=()))
    good = wire.sign_request(mine.id, mine.transport, "POST", wire.RECEIPTS_PATH, body)
    borrowed = good.replace(mine.id, theirs.id)
    tries = {
        "another path": (wire.LETTERS_PATH, body, good),
        "another body": (wire.RECEIPTS_PATH, body + b" ", good),
        "another station": (wire.RECEIPTS_PATH, body, borrowed),
        "no signature": (wire.RECEIPTS_PATH, body, f"{mine.id};"),
        "half a signature": (wire.RECEIPTS_PATH, body, good[:-20]),
        "no name": (wire.RECEIPTS_PATH, body, good.partition(";")[2]),
        "the vault's key": (wire.RECEIPTS_PATH, body, wire.sign_request(
            mine.id, mine.signer, "POST", wire.RECEIPTS_PATH, body)),
        "nobody": (wire.RECEIPTS_PATH, body, wire.sign_request(
            "0" * 36, mine.transport, "POST", wire.RECEIPTS_PATH, body)),
    }  # fmt: skip
    for what, (path, sent, mark) in tries.items():
        answer = lines["edge"].post(path, content=sent, headers={wire.HEADER: mark})
        assert answer.status_code in (400, 401), (what, answer.text)
    twice = [lines["edge"].post(wire.RECEIPTS_PATH, content=body, headers={wire.HEADER: good})
             for _ in range(2)]  # fmt: skip
    assert [(one.status_code, one.content) for one in twice] == [(200, b'{"receipts":[]}')] * 2


def test_another_stations_header_announces_nothing_under_my_name(
    lines: dict[str, httpx.Client], mine: Station, theirs: Station
) -> None:
    one, data = mine.packet(photo=b"x")
    head = packet.read_head(data)
    forged = theirs.signer.sign(head.header_bytes)
    said = wire.announce(data, head, one.digest)
    lie = wire.Announce(
        header=said.header, signature=canonical.text(forged), keys=said.keys, digest=said.digest,
        size=said.size, part_size=said.part_size, parts=said.parts,
    )  # fmt: skip
    answer = ask(lines, theirs, "POST", wire.PACKETS_PATH, canonical.encode(lie))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


@pytest.mark.usefixtures("keeping")
def test_another_stations_parts_are_mine_or_refused(
    lines: dict[str, httpx.Client], house: House, mine: Station, theirs: Station
) -> None:
    one, data = mine.packet(photo=os.urandom(150_000))
    said = canonical.encode(wire.announce(data, packet.read_head(data), one.digest))
    assert ask(lines, mine, "POST", wire.PACKETS_PATH, said).status_code == 202
    which = (one.station, one.record, one.digest)
    bad = ask(lines, theirs, "PUT", wire.part_path(*which, 0), b"!" * wire.PART_SIZE)
    assert bad.status_code == 422
    elsewhere = (theirs.id, one.record, one.digest)
    first = wire.cut(data, wire.PART_SIZE, 0)
    assert ask(lines, mine, "PUT", wire.part_path(*elsewhere, 0), first).status_code == 404
    early = ask(lines, theirs, "POST", wire.complete_path(*which))
    assert (early.status_code, early.json()["parts"]) == (202, [0, 1, 2])
    client = mine.client()
    assert client.send(one, data, lambda _: None)
    client.hang_up()
    assert Objects(house.place.data).packet(*which) == data


@pytest.mark.usefixtures("keeping")
def test_nobody_is_told_what_is_for_another_station(
    lines: dict[str, httpx.Client], house: House, mine: Station, theirs: Station
) -> None:
    keys, known = setup.edge(house.place.data), house.place.descriptor
    row = next(one for one in house.store.stations() if one.station == mine.id)
    for kind, content, station in (
        (downstream.Kind.CARDS, b"[]", row),
        (downstream.Kind.COUNTRIES, "PER,Perú\n".encode(), None),
    ):
        publish(house.store, keys.registrar, kind, content, realm=known.realm, utc=UTC,
                station=station)  # fmt: skip

    def listed(station: Station) -> dict[str, str]:
        answer = ask(lines, station, "GET", wire.DOWNSTREAM_PATH)
        told = canonical.decode(answer.content, wire.Downstream).manifests
        bodies = [json.loads(canonical.from_text(one.body)) for one in told]
        return {one["kind"]: one["sha256"] for one in bodies}

    assert set(listed(mine)) == {"cards", "countries"}
    assert set(listed(theirs)) == {"countries"}
    sealed = wire.download_path(listed(mine)["cards"], 0)
    assert ask(lines, mine, "GET", sealed).status_code == 200
    assert ask(lines, theirs, "GET", sealed).status_code == 404
    assert lines["edge"].get(sealed).status_code in (400, 401)


def test_a_letter_is_its_own_stations_or_nobodys(
    lines: dict[str, httpx.Client], mine: Station, theirs: Station
) -> None:
    def letter(signer: sealing.Signer, station: str) -> bytes:
        return letters.write(signer, realm=mine.place.realm, station=station, letter="l9",
                             kind="holdings", utc=UTC, clear=b"{}")  # fmt: skip

    forged = letter(theirs.signer, mine.id)
    answer = ask(lines, theirs, "POST", wire.LETTERS_PATH, forged)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    relabelled = canonical.decode(forged, Signed)
    own = Signed(
        body=relabelled.body, signature=relabelled.signature,
        public_key=canonical.text(mine.signer.public),
    )  # fmt: skip
    assert ask(lines, theirs, "POST", wire.LETTERS_PATH, canonical.encode(own)).status_code == 400


# --- the page and the desk ----------------------------------------------------------------------
FORMS = [
    b"&".join(b"a%d=1" % at for at in range(500)),
    b"form=" + b"x" * 9_000,
    b"form=%ff%fe&name=%00&passphrase=%F0%9F%92%A9",
    b"form=\xff\xfe",
    b"=&=&=&&&&;;;",
    b"name=rosa&passphrase=tres+gatos+en+el+techo",
]


@pytest.mark.parametrize("form", FORMS)
def test_no_form_however_absurd_lets_anybody_in(
    lines: dict[str, httpx.Client], form: bytes
) -> None:
    page = lines["page"]
    for path in ("/login", "/logout"):
        page.cookies.clear()  # by nobody, and then by whoever the door just spoke to
        for answer in (page.post(path, content=form), page.post(path, content=form)):
            assert answer.status_code in (303, 400, 403, 413), answer.text
            assert answer.headers.get("location", "/login") == "/login"
    assert page.get("/").status_code == 303


def test_names_and_passphrases_of_any_letters_are_refused_the_same(
    lines: dict[str, httpx.Client],
) -> None:
    page = lines["page"]
    for name in ("rosa\0", "ROSA ", "' OR 1=1 --", "r\u043esa", "\ufdfa" * 50, "\U0001f4a9" * 90):
        word = page.get("/login").text.partition('name="form" value="')[2].partition('"')[0]
        said = {"form": word, "name": name, "passphrase": "tres perros en el patio"}
        answer = page.post("/login", data=said)
        assert answer.status_code == 403, name
        assert "HQ-11" in answer.text
        assert "<script" not in answer.text


def test_the_desk_counts_in_digits_and_hears_its_clients_only(
    house: House, lines: dict[str, httpx.Client]
) -> None:
    desk = lines["desk"]
    for number in ("-1", "1e3", "١", "0x10", "9" * 16, "", " 1", "1;DROP TABLE packets"):
        answer = desk.get(handing.PATH, params={"after": number})
        assert answer.status_code == 400, number
    for said in ("", "Bearer", f"Basic {house.token}", f"Bearer {house.token}x",
                 house.token, "Bearer " + "x" * 5_000):  # fmt: skip
        answer = desk.get(handing.PATH, headers={"authorization": said})
        assert (answer.status_code, answer.json()["code"]) == (401, "request"), said
    wrong = {"decisions": [{"record": "r", "folio": "f", "decided": "x", "words": "x" * 600}]}
    assert desk.post(f"{handing.PATH}/decisions", json=wrong).status_code == 422
    many = {"numbers": list(range(200_000))}
    assert desk.post(f"{handing.PATH}/ack", json=many).status_code in (200, 413)
