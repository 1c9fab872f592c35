"""Over real sockets: each way a link fails has its name, and who can do something about it."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from migramovil.core import canonical, sealing
from migramovil.core.record import Realm
from migramovil.core.trouble import Trouble, Who
from migramovil.headquarters import setup
from migramovil.sync import https, lanes, portal, wire
from migramovil.sync.ports import (
    BudgetSpent,
    CaptivePortal,
    HeadquartersBusy,
    HeadquartersFull,
    ImagesHeld,
    NoLink,
    NoTerms,
    NotHeadquarters,
)
from tests.headquarters.rig import Place, Station

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\nContent-Type: text/html\r\n\r\n<html>WiFi Hotel"
AWAY = b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/login\r\nContent-Length: 0\r\n\r\n"
BROKEN = b"HTTP/1.1 503 Down\r\nContent-Length: 4\r\n\r\ndown"
FULL = canonical.encode(wire.ErrorBody(code="disk_full", text="disk"))
NO_ROOM = b"HTTP/1.1 507 Full\r\nContent-Length: %d\r\n\r\n%s" % (len(FULL), FULL)

Act = Callable[[socket.socket], None]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("hq") / "data").init().serving() as served:
        yield served


@pytest.fixture
def station(place: Place) -> Station:
    return Station(place).enroll()


@contextmanager
def answering(act: Act) -> Iterator[int]:
    """Somebody who listens; the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    conversation, _ = listener.accept()
                except OSError:
                    return
                with conversation:
                    try:
                        act(conversation)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def saying(words: bytes) -> Act:
    def act(conversation: socket.socket) -> None:
        conversation.recv(4096)
        conversation.sendall(words)
        conversation.recv(4096)

    return act


def behind_tls(place: Place, act: Act) -> Act:
    """The same in headquarters' own name: what stands before it answers in its place."""
    keys = setup.edge(place.data, None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys.tls_certificate, keys.tls_key, keys.tls_password)

    def shaken(conversation: socket.socket) -> None:
        with context.wrap_socket(conversation, server_side=True) as secure:
            act(secure)

    return shaken


def calling(place: Place, port: int) -> https.HttpsHeadquarters:
    return https.HttpsHeadquarters(
        place.descriptor,
        "0192aaaa",
        sealing.Signer.new(),
        realm=Realm.TRAINING,
        url=f"https://127.0.0.1:{port}",
    )


def trouble_of(place: Place, act: Act) -> Trouble:
    with answering(act) as port:
        line = calling(place, port)
        with pytest.raises(Trouble) as found:
            line.receipts([])
        line.hang_up()
    return found.value


@pytest.mark.parametrize("words", [PAGE, AWAY])
def test_whoever_answers_without_tls_is_not_headquarters(place: Place, words: bytes) -> None:
    assert type(trouble_of(place, saying(words))) is NotHeadquarters


@pytest.mark.parametrize("words", [PAGE, AWAY])
def test_a_portal_is_named_and_the_officer_can_pass_it(
    place: Place, words: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(saying(words)) as open_port:
        monkeypatch.setattr(portal, "HTTP_PORT", open_port)
        found = trouble_of(place, saying(words))
    assert isinstance(found, CaptivePortal)
    assert found.who is Who.OFFICER


@pytest.mark.parametrize(
    "words",
    [
        b"HTTP/1.1 301 Moved\r\nLocation: https://127.0.0.1/\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ],
)
def test_headquarters_own_plain_port_is_no_portal(words: bytes) -> None:
    with answering(saying(words)) as port:
        assert not portal.is_portal("127.0.0.1", port)


def test_tls_broken_open_on_the_way_is_not_spoken_to(place: Place, tmp_path: Path) -> None:
    stranger = Place(tmp_path / "stranger").init()
    heard: list[bytes] = []

    def listen(secure: socket.socket) -> None:
        heard.append(secure.recv(4096))

    found = trouble_of(place, behind_tls(stranger, listen))
    assert type(found) is NotHeadquarters
    assert not any(heard)


@pytest.mark.parametrize("words", [PAGE, AWAY])
def test_a_page_where_headquarters_should_answer_is_not_its_word(
    place: Place, words: bytes
) -> None:
    assert isinstance(trouble_of(place, behind_tls(place, saying(words))), NotHeadquarters)


@pytest.mark.parametrize(
    ("words", "kind"), [(BROKEN, HeadquartersBusy), (NO_ROOM, HeadquartersFull)]
)
def test_headquarters_own_troubles_are_named_as_its_own(
    place: Place, words: bytes, kind: type[Trouble]
) -> None:
    found = trouble_of(place, behind_tls(place, saying(words)))
    assert type(found) is kind
    assert found.who is Who.HEADQUARTERS


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"])
def test_an_answer_cut_short_is_a_link_that_broke(place: Place, words: bytes) -> None:
    def cut(secure: socket.socket) -> None:
        secure.recv(4096)
        secure.sendall(words)

    assert isinstance(trouble_of(place, behind_tls(place, cut)), NoLink)


def test_somebody_who_never_answers_is_no_link(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https, "CONNECT_S", 0.3)
    silent = threading.Event()
    found = trouble_of(place, lambda _: silent.wait(1) and None)
    assert isinstance(found, NoLink)


def test_words_nobody_asked_for_end_the_conversation(place: Place) -> None:
    twice = NO_ROOM + NO_ROOM
    found = trouble_of(place, behind_tls(place, saying(twice)))
    assert isinstance(found, NotHeadquarters)


def test_a_link_that_breaks_under_an_upload_is_dialled_again_by_itself(
    place: Place, station: Station
) -> None:
    one, data = station.packet(photo=os.urandom(700_000))
    line = station.client()
    cut: list[int] = []

    def cut_once(held: int) -> None:
        if held and not cut:
            cut.append(held)
            for lane in line._crew._lanes:
                lane.socket.shutdown(socket.SHUT_RDWR)

    assert line.send(one, data, cut_once)
    line.hang_up()
    assert cut


def test_two_packets_share_the_road_and_each_gets_its_own_receipt(
    place: Place, station: Station
) -> None:
    (first, one), (second, two) = station.packet(), station.packet()
    line = station.client()
    (said,) = line.send(first, one, lambda _: None, lambda: (second, two))
    (also,) = line.send(second, two, lambda _: None)
    line.hang_up()
    assert [body.record for body, signed in place.receipts() if signed in (said, also)] == [
        first.record,
        second.record,
    ]


# --- what the link costs ---------------------------------------------------------------------
class Paid(NoTerms):
    def __init__(self, *, images: bool = True, left: int = 10**9) -> None:
        self.images, self.left = images, left

    def spent(self, size: int) -> None:
        self.left -= size

    def may_spend(self) -> bool:
        return self.left > 0

    def may_send_images(self) -> bool:
        return self.images


def paying(station: Station, terms: Paid) -> https.HttpsHeadquarters:
    return https.HttpsHeadquarters(
        station.place.descriptor,
        station.id,
        station.transport,
        realm=Realm.TRAINING,
        url=station.place.url,
        terms=terms,
    )


def test_over_a_link_that_costs_the_record_goes_and_images_wait(
    place: Place, station: Station
) -> None:
    one, data = station.packet(photo=os.urandom(500_000))
    terms = Paid(images=False)
    line = paying(station, terms)
    with pytest.raises(ImagesHeld):
        line.send(one, data, lambda _: None)
    spent = 10**9 - terms.left
    assert spent < one.size / 2
    with pytest.raises(ImagesHeld):  # and asking again costs nothing
        line.send(one, data, lambda _: None)
    assert 10**9 - terms.left == spent
    terms.images = True
    assert line.send(one, data, lambda _: None)
    line.hang_up()


def test_when_the_days_bytes_are_spent_nothing_more_is_sent(station: Station) -> None:
    one, data = station.packet(photo=os.urandom(500_000))
    terms = Paid(left=100_000)
    line = paying(station, terms)
    with pytest.raises(BudgetSpent):
        line.send(one, data, lambda _: None)
    assert terms.left > -2 * wire.PART_SIZE - lanes.LARGEST_ANSWER
    with pytest.raises(BudgetSpent):
        line.receipts([])
    line.hang_up()
