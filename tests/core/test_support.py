"""A report is read by whoever holds the support key, nobody else; hostile bytes do nothing."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migramovil.core import canonical, sealing, support
from migramovil.core.record import Realm, Signed
from migramovil.core.support import BadReport

KEY, OTHER = sealing.Opener.new(), sealing.Opener.new()
EDGE = sealing.Signer.new()
STATION = "01900000-0000-7000-8000-000000000001"
UTC = "2026-11-23T12:00:00+00:00"
CONTENT: dict[str, Any] = {"format": support.CONTENT_FORMAT, "wrong": [{"code": "PRN-02"}]}


def made(content: dict[str, Any] | None = None) -> bytes:
    return support.seal(
        KEY.public, content or CONTENT, realm=Realm.TRAINING, station=STATION, utc=UTC
    )


def packed(plain: bytes, **change: Any) -> support.Report:
    """A report whose gzip'd content is exactly these bytes."""
    name = sealing.key_id(KEY.public)
    bound = "\n".join((support.FORMAT, Realm.TRAINING, STATION, UTC, name)).encode()
    known = {
        "realm": Realm.TRAINING, "station": STATION, "utc": UTC, "recipient": name,
        "sealed": canonical.text(sealing.seal_to(KEY.public, plain, bound)),
    }  # fmt: skip
    return support.Report(**{**known, **change})


def test_what_was_sealed_comes_out_of_the_support_key_alone() -> None:
    report = support.read(made())
    assert support.open_content(report, KEY) == CONTENT
    with pytest.raises(BadReport):
        support.open_content(report, OTHER)
    assert b"PRN-02" not in made()


def test_an_envelope_cannot_be_put_round_another_content() -> None:
    for change in ({"station": ""}, {"utc": "2026-11-24T12:00:00+00:00"}, {"realm": "production"}):
        moved = packed(gzip.compress(canonical.encode(CONTENT)), **change)
        with pytest.raises(sealing.CannotOpen):
            support.open_content(moved, KEY)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(support.LARGEST_CLEAR + 1))
    assert len(bomb) < support.LARGEST
    with pytest.raises(BadReport):
        support.open_content(packed(bomb), KEY)


@pytest.mark.parametrize(
    "plain",
    [
        b"", b"x", zlib.compress(b"{}"), gzip.compress(b"{}") + b"tail", gzip.compress(b"{}")[:-1],
        gzip.compress(b"[]"), gzip.compress(b'{"format":"another"}'), gzip.compress(b'{"a": 1}'),
    ],
)  # fmt: skip
def test_what_is_no_content_is_refused_in_words(plain: bytes) -> None:
    with pytest.raises(BadReport):
        support.open_content(packed(plain), KEY)


def test_more_than_a_report_may_be_is_not_read() -> None:
    with pytest.raises(BadReport):
        support.read(b" " * (support.LARGEST + 1))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_spoilt_bytes_raise_nothing_but_what_a_reader_expects(data: st.DataObject) -> None:
    whole = bytearray(made())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert support.open_content(support.read(bytes(whole)), KEY) == CONTENT
    except (BadReport, sealing.CannotOpen):
        return


def test_only_headquarters_word_about_exactly_this_report_counts() -> None:
    data, publics = made(), (EDGE.public,)
    said = support.answer(EDGE, data, realm=Realm.TRAINING, station=STATION)
    support.check_answer(said, data, publics, realm=Realm.TRAINING, station=STATION)
    bare = Signed.by(EDGE, b"{}")
    stranger = support.answer(sealing.Signer.new(), data, realm=Realm.TRAINING, station=STATION)
    for wrong, about, station in (
        (bare, data, STATION), (stranger, data, STATION), (said, made(), STATION), (said, data, ""),
    ):  # fmt: skip
        with pytest.raises(BadReport):
            support.check_answer(wrong, about, publics, realm=Realm.TRAINING, station=station)
