"""Another implementation reads docs/vectors, by docs/protocol.md alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tests.protocol import other

VECTORS = Path(__file__).parents[2] / "docs" / "vectors"
STATION = "01900000-0000-7000-8000-000000000001"


def told(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def public(name: str) -> bytes:
    return bytes.fromhex(told("keys")["ed25519"][name]["public"])


def kem(name: str) -> other.Kem:
    return other.Kem.of(bytes.fromhex(told("keys")["mlkem768x25519"][name]["private"]))


def known() -> other.Body:
    return other.verified(told("descriptor"), public("root"), "migramovil/headquarters/1")


def test_nothing_of_the_program_is_in_it() -> None:
    for path in Path(__file__).parent.glob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        bad = ("import migramovil", "from migramovil", "from tests.headquarters")
        assert not [one for one in lines if one.strip().startswith(bad)], path.name


def test_canonical_json_is_written_and_refused_as_told() -> None:
    for one in told("canonical"):
        if "refused" in one:
            with pytest.raises(other.Wrong):
                other.decode(one["refused"].encode())
        else:
            assert other.encode(one["value"]).decode() == one["bytes"]
            assert other.encode(other.decode(one["bytes"].encode())).decode() == one["bytes"]


def test_keys_are_made_from_their_seeds() -> None:
    for one in told("keys")["ed25519"].values():
        made = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(one["private"]))
        assert made.public_key().public_bytes_raw().hex() == one["public"]
    for name, one in told("keys")["mlkem768x25519"].items():
        assert kem(name).public.hex() == one["public"]
        assert other.key_id(kem(name).public) == one["id"]


def test_a_code_is_read_as_it_is_typed() -> None:
    made, typed, wrong = told("codes")
    token, half = other.read_code(made["code"])
    assert token.hex() == made["token"]
    assert half.hex() == other.sha256(bytes.fromhex(made["root"]))[:32]
    assert other.read_code(typed["typed"]) == (token, half)
    with pytest.raises(other.Wrong):
        other.read_code(wrong["refused"])


def test_the_descriptor_is_the_root_keys_word() -> None:
    assert known()["realm"] == "training"
    with pytest.raises(InvalidSignature):
        other.verified(told("descriptor"), public("stored"), "migramovil/headquarters/1")


def test_requests_are_signed_as_told() -> None:
    transport = Ed25519PublicKey.from_public_bytes(public("transport"))
    for one in told("requests"):
        body = other.from_text(one["body"])
        said = {"format": "migramovil/request/1", "method": one["method"], "path": one["path"],
                "body_sha256": other.sha256(body)}  # fmt: skip
        assert other.encode(said).decode() == one["signed"]
        station, _, signature = one["X-Migramovil"].partition(";")
        assert station == STATION
        transport.verify(other.from_text(signature), other.encode(said))


def test_objects_open_and_what_is_sealed_here_opens_too() -> None:
    for one in told("objects"):
        key, plain = bytes.fromhex(one["content_key"]), other.from_text(one["plain"])
        sealed = other.from_text(one["sealed"])
        assert other.open_object(key, one["record"], one["object"], sealed) == plain
        again = other.seal_object(key, one["record"], one["object"], plain)
        assert other.open_object(key, one["record"], one["object"], again) == plain
        with pytest.raises(InvalidTag):
            other.open_object(key, one["record"], "another", sealed)


def test_large_objects_are_cut_as_told() -> None:
    for one in told("chunks"):
        hashes = (hashlib.sha256(at.to_bytes(4, "big")) for at in range(one["noise"] // 32 + 1))
        plain = b"".join(each.digest() for each in hashes)[: one["noise"]]
        assert other.sha256(plain) == one["plain_sha256"]
        key = bytes.fromhex(one["content_key"])
        sealed = other.seal_object(key, one["record"], one["object"], plain)
        assert (len(sealed), other.sha256(sealed)) == (one["sealed_size"], one["sealed_sha256"])
        assert other.open_object(key, one["record"], one["object"], sealed) == plain


def test_a_packet_holds_opens_with_either_key_and_is_announced_as_it_is() -> None:
    vector = told("packet")
    packet = other.read_packet(other.from_text(vector["packet"]), public("station"))
    assert packet.digest == vector["digest"]
    for name in ("operational", "recovery"):
        clear = other.open_packet(packet, kem(name))
        assert clear == {"record": b'{"format":"migramovil/record/1"}', "a1": b"a picture"}
    said = json.loads(vector["announce"])
    assert tuple(map(other.from_text, (said["header"], said["signature"], said["keys"]))) == (
        packet.front
    )
    parts = other.cut(packet.whole, said["part_size"])
    assert said["parts"] == [other.sha256(one) for one in parts]
    with pytest.raises(other.Wrong):
        other.read_packet(packet.whole[:-1] + b"!", public("station"))


def test_receipts_are_words_of_their_own_keys_in_a_chain() -> None:
    packet = other.read_packet(other.from_text(told("packet")["packet"]), public("station"))
    said = [other.decode(one["receipt"].encode()) for one in told("receipts")]
    found = other.read_receipts(said, known(), packet)
    assert [one["kind"] for one in found] == ["stored", "refused", "retry", "stored", "opened"]
    other.check_chain(said)
    with pytest.raises(other.Wrong):
        other.check_chain([said[0], *said[2:]])


def test_a_letter_and_its_answer_hold_together() -> None:
    letter = told("letter")["letter"].encode()
    body = other.verified(other.decode(letter), public("station"), "migramovil/letter/1")
    assert (body["kind"], body["station"]) == ("holdings", STATION)
    answer = other.decode(told("letter")["answer"].encode())
    assert other.read_answer(answer, letter, public("stored"))["kind"] == "holdings"


def test_what_is_published_opens() -> None:
    for one in told("downstream"):
        manifest = other.read_manifest(json.loads(one["manifest"]), known(), STATION)
        found = other.read_published(manifest, other.from_text(one["body"]), kem("station"))
        assert found.decode() == one["content"]


def test_what_is_read_out_is_the_secret() -> None:
    for one in told("spoken"):
        about = (one["station"], one["number"], one["username"])
        assert other.read_spoken(one["lines"], *about).hex() == one["secret"]
        swapped = [one["lines"][1], one["lines"][0], *one["lines"][2:]]
        with pytest.raises(other.Wrong):
            other.read_spoken(swapped, *about)
