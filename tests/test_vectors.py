"""What docs/vectors says is what this program does: others can build on it."""

from __future__ import annotations

import json

import pytest

from migramovil.core import canonical, letters, packet, recovery, sealing, support
from migramovil.core.record import Descriptor, Realm, ReceiptBody, Signed, check_receipt
from migramovil.sync import wire
from tests import vectors


@pytest.mark.parametrize("name", sorted(vectors.fixed()))
def test_vectors_come_out_the_same_today(name: str) -> None:
    assert vectors.written(name) == json.loads(json.dumps(vectors.fixed()[name]))


def test_bytes_that_are_not_canonical_are_refused() -> None:
    bad = [one["refused"] for one in vectors.written("canonical") if "refused" in one]
    for one in bad:
        with pytest.raises(canonical.NotCanonical):
            canonical.decode(one.encode(), dict)
    for one in vectors.written("canonical"):
        if "bytes" in one:
            assert canonical.encode(one["value"]).decode() == one["bytes"]


def test_a_request_is_believed_by_its_header() -> None:
    for one in vectors.written("requests"):
        name, signature = wire.read_request(one[wire.HEADER])
        assert name == vectors.STATION
        sealing.verify(vectors.TRANSPORT.public, one["signed"].encode(), signature)
        body = canonical.from_text(one["body"])
        wire.verify_request(vectors.TRANSPORT.public, signature, one["method"], one["path"], body)


def test_an_enrolment_code_is_read_as_it_is_typed() -> None:
    made, typed, wrong = vectors.written("codes")
    token, root = wire.read_code(made["code"])
    assert (token.hex(), root) == (made["token"], wire.root_hash(bytes.fromhex(made["root"])))
    assert wire.read_code(typed["typed"]) == (token, root)
    with pytest.raises(wire.BadEnrolmentCode):
        wire.read_code(wrong["refused"])


def test_the_packet_opens_with_either_key_and_is_what_it_announces() -> None:
    told = vectors.written("packet")
    data = canonical.from_text(told["packet"])
    head = packet.check(data, vectors.STATION_KEY.public)
    for opener in (vectors.OPERATIONAL, vectors.RECOVERY):
        key = packet.open_content_key(head, opener)
        assert key == vectors.CONTENT_KEY
        clear = packet.open_objects(data, head, key)
        assert clear == {"record": b'{"format":"migramovil/record/1"}', "a1": b"a picture"}
    assert sealing.sha256(data) == told["digest"]
    assert vectors.announcement(data) == told["announce"]


def test_sealed_objects_open() -> None:
    for one in vectors.written("objects"):
        plain = sealing.decrypt_object(
            bytes.fromhex(one["content_key"]),
            one["record"],
            one["object"],
            canonical.from_text(one["sealed"]),
        )
        assert plain == canonical.from_text(one["plain"])


def test_receipts_are_headquarters_words_in_a_chain() -> None:
    said = Signed(**vectors.written("descriptor"))
    known = canonical.decode(said.verified(vectors.ROOT.public), Descriptor)
    told = vectors.written("packet")
    size, previous = len(canonical.from_text(told["packet"])), ""
    for serial, one in enumerate(vectors.written("receipts"), 1):
        signed = canonical.decode(one["receipt"].encode(), Signed)
        body = check_receipt(
            signed,
            known,
            station=vectors.STATION,
            record=vectors.RECORD,
            digest=told["digest"],
            size=size,
        )
        assert (body.serial, body.previous) == (serial, previous)
        assert canonical.decode(one["clear"].encode(), ReceiptBody) == body
        previous = sealing.sha256(one["clear"].encode())


def test_a_letter_and_its_answer_hold_together() -> None:
    told = vectors.written("letter")
    data = told["letter"].encode()
    assert letters.read(data, vectors.STATION_KEY.public).kind == "holdings"
    answer = canonical.decode(told["answer"].encode(), Signed)
    assert letters.check_answer(answer, data, [vectors.STORED.public]).letter == "holdings-1"


def test_what_is_read_out_is_the_secret_again() -> None:
    for one in vectors.written("spoken"):
        spoken = recovery.read(one["lines"])
        secret = recovery.masked(spoken, one["station"], one["number"], one["username"])
        assert secret.hex() == one["secret"]


def test_the_report_opens_with_the_support_key_and_its_answer_is_headquarters() -> None:
    (told,) = vectors.written("support")
    data = told["report"].encode()
    assert support.open_content(support.read(data), vectors.SUPPORT) == told["content"]
    said = canonical.decode(told["answer"].encode(), Signed)
    publics = (vectors.STORED.public,)
    support.check_answer(said, data, publics, realm=Realm.TRAINING, station=vectors.STATION)
