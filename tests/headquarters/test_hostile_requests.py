"""Whatever a stolen station or a stranger sends, headquarters answers with a refusal in its own
words: nothing fails inside, nothing is kept."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migramovil.core import canonical, letters, packet
from migramovil.core.record import Realm, Signed
from migramovil.sync import wire
from tests.core.test_hostile_bytes import spoilt
from tests.headquarters.rig import Place, Station

UTC = "2026-11-23T12:00:00Z"
QUIET = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PATHS = (
    wire.PING_PATH, wire.ENROLL_PATH, wire.PACKETS_PATH, wire.RECEIPTS_PATH, wire.LETTERS_PATH,
    wire.SUPPORT_PATH,
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("hq") / "data").init().serving() as served:
        yield served


@pytest.fixture(scope="module")
def stolen(place: Place) -> Station:
    return Station(place).enroll()


@pytest.fixture(scope="module")
def line(place: Place) -> Iterator[httpx.Client]:
    context = ssl.create_default_context(cadata=place.descriptor.tls_ca)
    with httpx.Client(base_url=place.url, verify=context, trust_env=False) as made:
        yield made


def refused(
    line: httpx.Client, station: Station, path: str, body: bytes, method: str = "POST"
) -> None:
    """Ask, signed by the station's transport key as it should be; a refusal names its reason."""
    signed = wire.sign_request(station.id, station.transport, method, path, body)
    said = line.request(method, path, content=body, headers={wire.HEADER: signed})
    assert said.status_code < 500, (path, said.status_code, said.content)
    if said.content.startswith(b'{"code"'):
        assert canonical.decode(said.content, wire.ErrorBody).code in set(wire.Refusal)


@QUIET
@given(data=st.data())
def test_any_bytes_at_any_door_are_refused_in_words(
    line: httpx.Client, stolen: Station, data: st.DataObject
) -> None:
    path, body = data.draw(st.sampled_from(PATHS)), data.draw(st.binary(max_size=60))
    refused(line, stolen, path, data.draw(st.sampled_from([body, b"{}", b"[]", b'"x"'])))


@QUIET
@given(data=st.data())
def test_a_header_a_stolen_station_signed_is_taken_or_refused_in_words(
    line: httpx.Client, stolen: Station, data: st.DataObject
) -> None:
    one, whole = stolen.packet(photo=b"x")
    head = packet.read_head(whole)
    header = data.draw(spoilt(head.header))
    front = wire.front(header, stolen.signer.sign(header), head.keys_bytes)
    try:
        made = wire.announce(whole, packet.read_head(front), one.digest)
    except packet.BadPacket:  # told by the station's own half; headquarters must tell it too
        made = wire.announce(whole, head, one.digest)
        made = wire.Announce(
            header=canonical.text(header), signature=canonical.text(stolen.signer.sign(header)),
            keys=made.keys, digest=made.digest, size=made.size, part_size=made.part_size,
            parts=made.parts,
        )  # fmt: skip
    refused(line, stolen, wire.PACKETS_PATH, canonical.encode(made))
    refused(line, stolen, wire.PACKETS_PATH, data.draw(spoilt(made)))


@QUIET
@given(data=st.data())
def test_what_a_stolen_station_signs_as_a_letter_is_kept_or_refused_in_words(
    line: httpx.Client, stolen: Station, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from(["account", "revocation", "recovery"]))
    letter = letters.write(
        stolen.signer, realm=Realm.TRAINING, station=stolen.id, letter="l", kind=kind, utc=UTC,
        clear=data.draw(st.binary(max_size=30)),
    )  # fmt: skip
    body = json.loads(canonical.from_text(canonical.decode(letter, Signed).body))
    signed = Signed.by(stolen.signer, data.draw(spoilt(body)))
    refused(line, stolen, wire.LETTERS_PATH, canonical.encode(signed))


@QUIET
@given(
    names=st.tuples(
        *[st.sampled_from(["..", ".", "a", "A", "0" * 65, "%2e%2e", "0-0", "ñ", "a%00b"])] * 3
    ),
    number=st.sampled_from(["0", "-1", "9" * 30, "x", "1e3"]),
)
def test_no_name_in_a_path_fails_inside(
    line: httpx.Client, stolen: Station, names: tuple[str, str, str], number: str
) -> None:
    refused(line, stolen, wire.part_path(*names, number), b"part", method="PUT")
    refused(line, stolen, wire.complete_path(*names), b"")
