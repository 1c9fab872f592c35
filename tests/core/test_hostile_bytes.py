"""What somebody else hands in is read, or refused as a trouble; never a crash, never believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migramovil.core import audit, backup, canonical, downstream, letters, packet, recovery, sealing
from migramovil.core.audit import AuditBroken
from migramovil.core.folio import good_folio
from migramovil.core.record import (
    BadReceipt,
    Descriptor,
    Realm,
    ReceiptBody,
    Signed,
    Stamp,
    check_receipt,
)
from migramovil.core.roles import AccountBody, RevocationBody, Role
from migramovil.core.trouble import Trouble
from migramovil.sync import https, wire

SIGNER, KEM = sealing.Signer.new(), sealing.Opener.new()
KEY, PUBLIC = canonical.text(SIGNER.public), canonical.text(KEM.public)
UTC = "2026-11-23T12:00:00Z"
DESCRIPTOR = Descriptor(
    realm=Realm.TRAINING, version=1, root=KEY, stored_signer=KEY, opened_signer=KEY, registrar=KEY,
    operational=PUBLIC, recovery=PUBLIC, tls_ca="", urls=("https://localhost",),
)  # fmt: skip
RECEIPT = ReceiptBody(
    kind="opened", realm=Realm.TRAINING, station="s", epoch=1, seq=1, record="r", digest="d",
    size=3, time=UTC, serial=1, previous="",
)  # fmt: skip
LETTER = letters.write(
    SIGNER, realm=Realm.TRAINING, station="s", letter="l", kind="recovery", utc=UTC,
    secret=b"secret", recipients=[KEM.public],
)  # fmt: skip
MANIFEST = backup.Manifest(
    id="m", number=1, realm=Realm.TRAINING, station="s", epoch=1, seq=1, made_utc=UTC,
    software="0", key=backup.seal_key(b"k" * 32, KEM.public, realm=Realm.TRAINING, station="s",
    id="m"), files=(), media=(), drafts=0, packets=0, bytes=0,
)  # fmt: skip
ASKED = backup.RestoreRequest(
    manifest=Signed.by(SIGNER, canonical.encode(MANIFEST)), recipient=PUBLIC
)
PACKET = packet.build(
    packet.Draught(
        realm=Realm.TRAINING, station="s", epoch=1, seq=1, record="r", folio="f",
        created=Stamp(utc=UTC), audit_head="", software="0", record_body=b"{}", objects={},
    ),
    b"c" * 32, [KEM.public], SIGNER,
)  # fmt: skip


LIST = downstream.Manifest(
    realm=Realm.TRAINING, kind="settings", version=1, issued=UTC, sha256="0" * 64, size=1
)


def exported() -> bytes:
    entry = audit.next_entry(
        None, SIGNER, actor="a", act="login", subject="", utc=UTC, doubt_s=None
    )
    lines = audit.export([entry], SIGNER, realm=Realm.TRAINING, station="s", epoch=1, utc=UTC)
    return b"\n".join(lines)


# --- what is signed and yet not what it should be ------------------------------------------------
HOSTILE = st.one_of(
    st.sampled_from(
        [None, "", "\x00", "../../etc/passwd", "ñ" * 300, "9" * 40, "AAAA", "=",
         "0001-01-01T00:00+23:59", -1, 0, 2**31, 2**63, 2**200, True, [], {}, [[]], {"format": "x"}]
    ),
    st.text(max_size=20),
    st.integers(),
)  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn, body: Any) -> bytes:
    """`body` with some of its values replaced, in canonical bytes."""
    value = json.loads(canonical.encode(body))
    for _ in range(draw(st.integers(1, 3))):
        at: Any = value
        while True:
            keys = sorted(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            inner = at[key]
            if isinstance(inner, dict | list) and inner and draw(st.booleans()):
                at = inner
                continue
            at[key] = deepcopy(draw(HOSTILE))
            break
    return canonical.encode(value)


def read(act: Callable[[], object]) -> None:
    """What it reads may be anything; what it raises is a trouble."""
    try:
        act()
    except Trouble:
        return


def about(signed: Signed) -> ReceiptBody:
    return check_receipt(signed, DESCRIPTOR, station="s", record="r", digest="d", size=3)


@settings(deadline=None)
@given(spoilt(RECEIPT))
def test_a_receipt_says_exactly_what_was_sent_at_a_time_that_counts_or_is_refused(
    data: bytes,
) -> None:
    try:
        body = about(Signed.by(SIGNER, data))
    except BadReceipt:
        return
    assert (body.station, body.record, body.digest, body.size) == ("s", "r", "d", 3)
    assert body.time[:1] == "2"


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_whatever_is_signed_is_read_or_refused(data: st.DataObject) -> None:
    said = letters.answer(SIGNER, LETTER, letters.read(LETTER))
    bodies: dict[str, tuple[object, Callable[[Signed], object]]] = {
        "receipt": (RECEIPT, about),
        "descriptor": (
            DESCRIPTOR,
            lambda s: https.read_descriptor(s, wire.root_hash(SIGNER.public), realm=Realm.TRAINING),
        ),
        "manifest": (MANIFEST, lambda s: backup.read_manifest(s, SIGNER.public)),
        "answer": (
            json.loads(canonical.from_text(said.body)),
            lambda s: letters.check_answer(s, LETTER, [SIGNER.public]),
        ),
        "letter": (
            json.loads(canonical.from_text(canonical.decode(LETTER, Signed).body)),
            lambda s: letters.open_secret(letters.read(canonical.encode(s), SIGNER.public), KEM),
        ),
        "download": (
            LIST,
            lambda s: downstream.read_manifest(
                s, [SIGNER.public], realm=Realm.TRAINING, station="s"
            ).version.to_bytes(4),
        ),
        "export": (
            audit.claimed(exported()),
            lambda s: audit.read_export(canonical.encode(s), SIGNER.public),
        ),
    }
    body, reader = bodies[data.draw(st.sampled_from(sorted(bodies)))]
    signed = Signed.by(SIGNER, data.draw(spoilt(body)))
    read(lambda: reader(signed))
    rough = data.draw(spoilt(signed))
    read(lambda: reader(canonical.decode(rough, Signed)))


@settings(deadline=None)
@given(spoilt(json.loads(canonical.encode(ASKED))))
def test_a_request_for_a_backups_key_is_answered_or_refused(data: bytes) -> None:
    root = sealing.Signer.new()
    read(
        lambda: backup.lend_key(
            canonical.decode(data, backup.RestoreRequest), SIGNER.public, KEM, root
        )
    )


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_trouble(data: bytes) -> None:
    read(lambda: letters.read(data))
    read(lambda: audit.read_export(data, SIGNER.public))
    read(lambda: audit.claimed(data))
    read(lambda: KEM.open(data, b""))
    read(lambda: sealing.unwrap(b"k" * 32, data, "p"))
    read(lambda: sealing.decrypt_object(b"k" * 32, "r", "o", data))
    read(lambda: sealing.verify(data, b"body", data))
    read(lambda: sealing.seal_to(data, b"secret", b""))
    read(lambda: wire.read_request(data.decode("latin-1")))


@given(st.lists(st.text(max_size=20), max_size=6))
def test_any_spoken_lines_are_read_or_told_wrong(lines: list[str]) -> None:
    read(lambda: recovery.read(lines))
    read(lambda: wire.read_code("-".join(lines)))
    assert isinstance(good_folio("MM-" + "-".join(lines)), bool)


@settings(deadline=None)
@given(spoilt(packet.read_head(PACKET).header))
def test_a_header_its_own_station_signed_is_a_head_or_a_bad_packet(data: bytes) -> None:
    """A stolen station signs what it likes."""
    head = packet.read_head(PACKET)
    front = wire.front(data, SIGNER.sign(data), head.keys_bytes)
    try:
        found = packet.check(front + PACKET[head.length :], SIGNER.public).header
    except packet.BadPacket:
        return
    assert (found.format, found.suite) == (packet.FORMAT, sealing.SUITE)
    assert 0 <= found.epoch <= packet.LARGEST_NUMBER
    assert 0 <= found.seq <= packet.LARGEST_NUMBER


@pytest.mark.parametrize(
    "change", [{"format": "migramovil/packet/0"}, {"suite": "none/1"}, {"seq": 2**63}]
)
def test_an_older_format_a_weaker_suite_or_a_number_no_book_holds_is_no_packet(
    change: dict[str, Any],
) -> None:
    head = packet.read_head(PACKET)
    header = canonical.encode(replace(head.header, **change))
    with pytest.raises(packet.BadPacket):
        packet.read_head(wire.front(header, SIGNER.sign(header), head.keys_bytes))


def test_a_packet_that_would_swell_beyond_all_measure_is_not_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packet, "LARGEST_PACKET", 4096)
    swollen = packet.build(
        packet.Draught(
            realm=Realm.TRAINING, station="s", epoch=1, seq=1, record="r", folio="f",
            created=Stamp(utc=UTC), audit_head="", software="0", record_body=b"{}",
            objects={name: bytes(3000) for name in "ab"},
        ),
        b"c" * 32, [KEM.public], SIGNER,
    )  # fmt: skip
    assert len(swollen) < 4096
    head = packet.check(swollen, SIGNER.public)
    with pytest.raises(packet.BadPacket):
        packet.open_objects(swollen, head, b"c" * 32)


@pytest.mark.parametrize(
    "name", ["../../.bashrc", "/etc/passwd", "a/b.obj", "..", "", "a.b.c", "ñ"]
)
def test_no_name_in_a_backup_leads_out_of_its_folder(name: str) -> None:
    """Also where the station's own key, stolen with its laptop, signed it."""
    one = backup.BackedFile(name=name, size=1, sha256="0" * 64)
    changes: list[dict[str, Any]] = [{"media": (one,)}, {"files": (one,)}, {"id": name}]
    for change in changes:
        wrong = Signed.by(SIGNER, canonical.encode(replace(MANIFEST, **change)))
        with pytest.raises(backup.BadBackup):
            backup.read_manifest(wrong, SIGNER.public)
        with pytest.raises(backup.BadBackup):
            backup.claimed(wrong)
    assert backup.claimed(ASKED.manifest) == MANIFEST


# --- one kind of thing is never another --------------------------------------------------------
def test_a_signature_on_one_kind_of_thing_is_never_good_on_another() -> None:
    """Headquarters signs a revocation as a supervisor wrote it: were an account's fields in it
    too, it would have signed that account."""
    both = {
        **json.loads(canonical.encode(_account())),
        **json.loads(canonical.encode(_revocation())),
    }
    data = canonical.encode(both)
    assert canonical.decode(data, RevocationBody).account == "a"
    with pytest.raises(canonical.NotCanonical):
        canonical.decode(data, AccountBody)
    for one in (_account(), _revocation(), RECEIPT, DESCRIPTOR, MANIFEST):
        assert canonical.decode(canonical.encode(one), type(one)) == one
        with pytest.raises(canonical.NotCanonical):
            canonical.decode(canonical.encode(replace(one, format="migramovil/other/1")), type(one))


def _account() -> AccountBody:
    return AccountBody(
        realm=Realm.TRAINING, station="s", account="a", username="u", role=Role.SUPERVISOR,
        signing=KEY, sealing=PUBLIC,
    )  # fmt: skip


def _revocation() -> RevocationBody:
    return RevocationBody(realm=Realm.TRAINING, station="s", account="a", reason="r", utc=UTC)


def test_bytes_have_one_spelling_in_base64_too() -> None:
    assert canonical.from_text("QQ==") == b"A"
    for other in ("QR==", "QQ", "QQ== ", "Q Q=="):
        with pytest.raises(canonical.NotCanonical):
            canonical.from_text(other)


# --- receipts and letters that were given for something else ------------------------------------
@pytest.mark.parametrize(
    "change",
    [{"station": "t"}, {"record": "q"}, {"realm": Realm.PRODUCTION}, {"digest": "e"}, {"size": 4},
     {"time": "ayer"}, {"time": "2026-11-23T12:00:00"}, {"format": "migramovil/answer/1"}],
)  # fmt: skip
def test_a_receipt_of_another_station_record_realm_or_packet_is_no_receipt(
    change: dict[str, Any],
) -> None:
    assert about(Signed.by(SIGNER, canonical.encode(RECEIPT))) == RECEIPT
    with pytest.raises(BadReceipt):
        about(Signed.by(SIGNER, canonical.encode(replace(RECEIPT, **change))))


def test_the_edge_that_says_stored_cannot_say_opened_or_refused() -> None:
    edge = sealing.Signer.new()
    known = replace(DESCRIPTOR, stored_signer=canonical.text(edge.public))
    for kind in ("opened", "refused"):
        said = Signed.by(edge, canonical.encode(replace(RECEIPT, kind=kind)))
        with pytest.raises(BadReceipt):
            check_receipt(said, known, station="s", record="r", digest="d", size=3)


def test_an_answer_to_one_letter_is_no_answer_to_another() -> None:
    other = letters.write(
        SIGNER, realm=Realm.TRAINING, station="s", letter="l", kind="recovery", utc=UTC
    )
    said = letters.answer(SIGNER, other, letters.read(other))
    with pytest.raises(letters.BadLetter):
        letters.check_answer(said, LETTER, [SIGNER.public])


def test_a_cut_or_swapped_line_of_an_audit_shows() -> None:
    good = exported()
    assert len(audit.read_export(good, SIGNER.public)[1]) == 1
    for wrong in (good.split(b"\n")[0], good + b"\n" + good.split(b"\n")[1]):
        with pytest.raises((audit.NotAnAudit, AuditBroken)):
            audit.read_export(wrong, SIGNER.public)
