"""What the formats promise: only the recipients open, and any changed byte is noticed."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migramovil.core import canonical, packet, sealing
from migramovil.core.folio import good_folio, make_folio
from migramovil.core.record import Realm, Stamp
from migramovil.core.trouble import Trouble

STATION = sealing.Signer.new()
HEADQUARTERS, RECOVERY = sealing.Opener.new(), sealing.Opener.new()
PICTURE = bytes(range(256)) * 700


def built() -> bytes:
    draught = packet.Draught(
        realm=Realm.TRAINING,
        station="s",
        epoch=1,
        seq=7,
        record="r",
        folio="f",
        created=Stamp(utc="2026-11-23T10:00:00Z"),
        audit_head="",
        software="0",
        record_body=b'{"a":1}',
        objects={"o1": PICTURE},
    )
    publics = [HEADQUARTERS.public, RECOVERY.public]
    return packet.build(draught, sealing.new_key(), publics, STATION)


PACKET = built()


@pytest.mark.parametrize("opener", [HEADQUARTERS, RECOVERY])
def test_each_recipient_opens_every_object(opener: sealing.Opener) -> None:
    head = packet.check(PACKET, STATION.public)
    clear = packet.open_objects(PACKET, head, packet.open_content_key(head, opener))
    assert clear == {"record": b'{"a":1}', "o1": PICTURE}


def test_nobody_else_opens_it() -> None:
    head = packet.check(PACKET, STATION.public)
    with pytest.raises(packet.BadPacket):
        packet.open_content_key(head, sealing.Opener.new())


def test_another_station_cannot_pass_it_as_its_own() -> None:
    with pytest.raises(packet.BadPacket):
        packet.check(PACKET, sealing.Signer.new().public)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(PACKET) - 1), st.integers(1, 255))
def test_any_changed_byte_is_noticed(place: int, change: int) -> None:
    spoilt = bytearray(PACKET)
    spoilt[place] ^= change
    with pytest.raises(packet.BadPacket):
        packet.check(bytes(spoilt), STATION.public)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(PACKET) - 1))
def test_a_cut_packet_is_noticed(length: int) -> None:
    with pytest.raises(packet.BadPacket):
        packet.check(PACKET[:length], STATION.public)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_packet_or_a_trouble(data: bytes) -> None:
    with pytest.raises(Trouble):
        packet.read_head(packet.MAGIC + data)


def test_a_chunk_moved_to_another_place_does_not_open() -> None:
    key = sealing.new_key()
    sealed = sealing.encrypt_object(key, "r", "o", bytes(range(256)) * 1024)
    step = sealing.CHUNK + sealing.TAG
    if len(sealed) < 2 * step:  # it was deflated: take something that does not shrink
        noise = b"".join(sealing.derive(key, str(n)) for n in range(6000))
        sealed = sealing.encrypt_object(key, "r", "o", noise)
    moved = sealed[step : 2 * step] + sealed[:step] + sealed[2 * step :]
    with pytest.raises(sealing.CannotOpen):
        sealing.decrypt_object(key, "r", "o", moved)
    with pytest.raises(sealing.CannotOpen):  # nor does an object whose last chunks are gone
        sealing.decrypt_object(key, "r", "o", sealed[:step])


def test_one_value_has_one_spelling() -> None:
    assert canonical.encode({"b": "Ñ", "a": 1}) == '{"a":1,"b":"Ñ"}'.encode()
    assert canonical.encode("N\u0303") == canonical.encode("Ñ")
    with pytest.raises(canonical.NotCanonical):
        canonical.decode(b'{"a": 1}', dict[str, int])
    with pytest.raises(canonical.NotCanonical):
        canonical.encode({"a": 1.5})


@given(st.integers(1, 9999), st.integers(0, 30), st.integers(0, 9))
def test_a_mistyped_figure_shows_in_the_folio(number: int, place: int, figure: int) -> None:
    folio = make_folio("07B", date(2026, 11, 23), number)
    assert good_folio(folio)
    at = place % len(folio)
    if folio[at].isdigit() and folio[at] != str(figure):
        wrong = folio[:at] + str(figure) + folio[at + 1 :]
        assert good_folio(wrong) is False
