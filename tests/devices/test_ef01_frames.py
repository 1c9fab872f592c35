"""EF01 packets and pictures: right words from right bytes, and a trouble or nothing from any."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migramovil.devices.fingerprint import ef01_frames as frames
from migramovil.devices.fingerprint.ef01_frames import Kind, Packet, Packets
from migramovil.devices.trouble import ImageUnreadable, ReaderFault

PACKETS = st.builds(
    Packet,
    kind=st.sampled_from(Kind),
    payload=st.binary(max_size=256),
    address=st.integers(0, 2**32 - 1),
)


def picture(seed: int = 1) -> np.ndarray:
    greys = np.random.default_rng(seed).integers(0, 16, (288, 256))
    return (17 * greys).astype(np.uint8)


def test_a_command_is_written_as_the_makers_manual_prints_it() -> None:
    # VfyPwd with password 0 and GenImg, ZFM-20 manual
    verify = Packet(kind=Kind.COMMAND, payload=bytes((0x13, 0, 0, 0, 0)))
    assert frames.write_packet(verify).hex() == "ef01ffffffff010007130000000000" + "1b"
    take = Packet(kind=Kind.COMMAND, payload=b"\x01")
    assert frames.write_packet(take).hex() == "ef01ffffffff010003010005"


@given(packets=st.lists(PACKETS, max_size=5), data=st.data())
def test_packets_come_back_however_the_bytes_are_cut_and_whatever_came_before(
    packets: list[Packet], data: st.DataObject
) -> None:
    before = data.draw(st.binary(max_size=30)).replace(b"\xef", b"\x00")
    stream = before + b"".join(frames.write_packet(packet) for packet in packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reading, found = Packets(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += reading.feed(stream[start:end])
    assert found == packets
    assert reading.spoilt == 0


@given(packet=PACKETS, place=st.integers(9), bit=st.integers(0, 7))
def test_a_flipped_bit_in_payload_or_sum_never_passes(packet: Packet, place: int, bit: int) -> None:
    sent = bytearray(frames.write_packet(packet))
    sent[9 + place % (len(sent) - 9)] ^= 1 << bit
    reading = Packets()
    assert packet not in reading.feed(bytes(sent))
    assert reading.spoilt >= 1


def test_after_a_spoilt_packet_the_next_one_is_found() -> None:
    good = frames.write_packet(Packet(kind=Kind.ANSWER, payload=b"\x00"))
    reading = Packets()
    assert len(reading.feed(good[:-1] + b"\x99" + good)) == 1
    assert reading.spoilt == 1


@given(st.lists(st.binary(max_size=400), max_size=5))
def test_any_bytes_give_packets_or_nothing_and_little_is_held(parts: list[bytes]) -> None:
    reading = Packets()
    for part in parts:
        for packet in reading.feed(part):
            assert len(packet.payload) <= 256
        assert len(reading._held) < 9 + 258


@given(seed=st.integers(0, 99))
def test_a_picture_comes_back_with_its_sixteen_greys(seed: int) -> None:
    sent = picture(seed)
    assert np.array_equal(frames.decode(frames.encode(sent)), sent)


def test_black_is_black_and_white_is_white_and_the_left_pixel_is_the_high_half() -> None:
    pixels = frames.decode(b"\x0f\x80" + bytes(frames.PICTURE_SIZE - 2))
    assert pixels[0, :4].tolist() == [0, 255, 136, 0]
    assert pixels.shape == (288, 256)


def test_a_picture_that_has_begun_is_shown_on_white() -> None:
    begun = frames.decode_begun(bytes(128 * 10))
    assert (begun[:10] == 0).all()
    assert (begun[10:] == 255).all()


@given(st.binary(max_size=64) | st.sampled_from([0, 36863, 36865]).map(bytes))
def test_a_picture_of_another_size_is_fpr_02(data: bytes) -> None:
    with pytest.raises(ImageUnreadable):
        frames.decode(data)


@given(
    st.builds(
        frames.Parameters,
        status=st.integers(0, 65535),
        system=st.integers(0, 65535),
        capacity=st.integers(0, 65535),
        security=st.integers(0, 65535),
        address=st.integers(0, 2**32 - 1),
        packet_size=st.sampled_from([32, 64, 128, 256]),
        baud=st.integers(1, 12).map(lambda n: 9600 * n),
    )
)
def test_parameters_come_back(parameters: frames.Parameters) -> None:
    assert frames.read_parameters(frames.write_parameters(parameters)) == parameters


@given(st.binary(max_size=20) | st.binary(min_size=16, max_size=16))
def test_any_bytes_are_parameters_or_fpr_03(data: bytes) -> None:
    with contextlib.suppress(ReaderFault):
        assert frames.read_parameters(data).packet_size in {32, 64, 128, 256}


def test_a_finger_is_no_fainter_than_its_ridges() -> None:
    ridges = np.tile(np.repeat([40, 230], 5), 30)[None, :256].repeat(288, axis=0).astype(np.uint8)
    assert not frames.is_faint(ridges)
    assert frames.is_faint(np.asarray(255 - (255 - ridges) // 12, np.uint8))
    assert frames.is_faint(np.full((288, 256), 255, np.uint8))
