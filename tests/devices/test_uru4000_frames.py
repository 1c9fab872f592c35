"""The 4500's scan: right pictures from right bytes, and FPR-02 or a picture from any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migramovil.devices.fingerprint import uru4000_frames as frames
from migramovil.devices.fingerprint.uru4000_frames import Block, Header
from migramovil.devices.ports import Pixels
from migramovil.devices.trouble import ImageUnreadable

KEYS = st.integers(0, 2**32 - 1)


def stepped_keystream(key: int, count: int) -> tuple[bytes, int]:
    """The register turned one step at a time, as the protocol describes it."""
    mask = bytearray()
    for _ in range(count):
        mask.append(
            sum((key >> bit & 1) << n for n, bit in enumerate((4, 8, 11, 14, 18, 21, 24, 29)))
        )
        key = ((key & 0x9248144D).bit_count() & 1) << 31 | key >> 1
    return bytes(mask), key


def picture(seed: int = 1) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (290, 384)).astype(np.uint8)


def key_of(number: int) -> int:
    return (0x9E3779B1 * (number + 1)) & 0xFFFFFFFF


@given(key=KEYS, count=st.integers(0, 3000))
def test_the_keystream_is_what_the_register_gives_step_by_step(key: int, count: int) -> None:
    mask, after = frames.keystream(key, count)
    assert (mask.tobytes(), after) == stepped_keystream(key, count)


@given(
    seed=st.integers(0, 99),
    number=st.integers(0, 255),
    cuts=st.lists(st.integers(1, 254), max_size=8),
    flags=st.lists(st.sampled_from([0, 2, 4, 0x80, 0x82]), min_size=10, max_size=10),
)
@settings(max_examples=40, deadline=None)
def test_what_a_reader_encodes_the_driver_decodes(
    seed: int, number: int, cuts: list[int], flags: list[int]
) -> None:
    lines, blocks = 289, []
    for flag, cut in zip(flags, [*cuts, 200, 200], strict=False):
        count = min(cut, lines - sum(block.lines for block in blocks))
        if count:
            blocks.append(Block(flags=flag, lines=count))
    header = Header(lines=lines, key_number=number, blocks=tuple(blocks))
    sent = picture(seed)

    decoded = frames.decode(frames.encode(sent, header, key_of), key_of)

    sent[0] = 255  # the line the sensor keeps
    lost = np.flatnonzero((decoded != sent).any(axis=1))
    assert len(lost) <= len(blocks)  # one byte at the end of each encrypted block
    assert (decoded != sent).sum() <= len(blocks)


def test_a_plain_scan_needs_no_key() -> None:
    sent = np.full((290, 384), 200, np.uint8)
    sent[100:150, 50:90] = 30
    header = Header(lines=290, key_number=0, blocks=(Block(flags=0, lines=200),) * 2)

    def no_key(_number: int) -> int:
        raise AssertionError("a key was asked for")

    scan = frames.write_header(header) + (255 - sent[::-1, ::-1]).tobytes()
    assert np.array_equal(frames.decode(scan, no_key), sent)


def test_a_new_key_is_the_next_number_and_is_asked_for_at_its_block() -> None:
    flags = (frames.ENCRYPTED, frames.ENCRYPTED | frames.NEW_KEY, 0, frames.ENCRYPTED)
    blocks = tuple(Block(flags=flag, lines=70) for flag in flags)
    header = Header(lines=280, key_number=255, blocks=blocks)
    scan = frames.encode(picture(), header, key_of)
    asked: list[int] = []

    def noting(number: int) -> int:
        asked.append(number)
        return key_of(number)

    frames.decode(scan, noting)
    assert asked == [255, 0]
    body = np.frombuffer(scan, np.uint8, offset=64).reshape(280, 384)
    plain = 255 - picture()[::-1, ::-1]
    first, after = stepped_keystream(key_of(0), 70 * 384)
    assert np.array_equal(body[70, 1:], plain[70, :-1] ^ np.frombuffer(first, np.uint8)[:383])
    _, later = stepped_keystream(after, 70 * 384)  # a plain block moves the key on as well
    last, _ = stepped_keystream(later, 384)
    assert np.array_equal(body[210, 1:], plain[210, :-1] ^ np.frombuffer(last, np.uint8)[:383])


def test_a_line_left_out_repeats_the_one_after_it() -> None:
    sent = np.repeat(np.arange(290, dtype=np.uint8)[:, None] % 200, 384, axis=1)
    raw = 255 - sent[::-1, ::-1]
    blocks = (Block(flags=0, lines=10), Block(flags=1, lines=1), Block(flags=0, lines=255))
    header = Header(lines=250, key_number=0, blocks=blocks)

    decoded = frames.decode(frames.write_header(header) + raw[:250].tobytes(), key_of)[::-1, ::-1]

    assert np.array_equal(decoded[9], 255 - raw[9])
    assert np.array_equal(decoded[10], decoded[11])
    assert np.array_equal(decoded[11], 255 - raw[10])
    assert (decoded[251:] == 255).all()


@given(st.binary(max_size=2000))
def test_any_bytes_give_a_picture_or_fpr_02(data: bytes) -> None:
    decode_or_refuse(data)


@given(
    head=st.binary(min_size=10, max_size=10),
    lines=st.integers(0, 300),
    blocks=st.binary(min_size=30, max_size=30),
    missing=st.integers(0, 2),
)
@settings(max_examples=60, deadline=None)
def test_any_header_gives_a_picture_or_fpr_02(
    head: bytes, lines: int, blocks: bytes, missing: int
) -> None:
    body = np.random.default_rng(0).bytes(max(0, lines * 384 - missing))
    data = head[:4] + lines.to_bytes(2, "little") + head + blocks + bytes(18) + body
    decode_or_refuse(data)


def decode_or_refuse(data: bytes) -> None:
    try:
        decoded = frames.decode(data, key_of)
    except ImageUnreadable:
        return
    assert decoded.shape == (290, 384)
    assert decoded.dtype == np.uint8


@pytest.mark.parametrize("size", [0, 63, 64, frames.SCAN_SIZE // 2])
def test_a_scan_cut_short_is_fpr_02(size: int) -> None:
    header = Header(lines=289, key_number=0, blocks=(Block(flags=2, lines=255),) * 2)
    scan = frames.encode(picture(), header, key_of)
    with pytest.raises(ImageUnreadable):
        frames.decode(scan[:size], key_of)
