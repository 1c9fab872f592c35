"""IPP as bytes: what is written is read back, and nothing that comes can do harm."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migramovil.devices.printer import ipp_frames as frames
from migramovil.devices.printer.ipp_frames import Group, Message, Tag
from migramovil.devices.trouble import PrinterGarbled
from tests.fuzz import TARGETS

TAGS = {
    "text": Tag.TEXT, "keys": Tag.KEYWORD, "number": Tag.INTEGER, "state": Tag.ENUM,
    "yes": Tag.BOOLEAN, "range": Tag.RANGE, "dots": Tag.RESOLUTION, "none": Tag.NO_VALUE,
}  # fmt: skip
HEAD = b"\x02\x00\x00\x00\x00\x00\x00\x01"


@given(
    st.text(max_size=40),
    st.lists(st.text(max_size=20), min_size=1, max_size=5),
    st.integers(-(2**31), 2**31 - 1),
    st.binary(max_size=50),
)
def test_what_is_written_is_read_back(
    text: str, keys: list[str], number: int, document: bytes
) -> None:
    printer: frames.Attributes = {
        "text": (text,), "keys": tuple(keys), "number": (number, number), "state": (3,),
        "yes": (True, False), "range": ((1, 2),), "dots": ((300, 300, 3),), "none": (None,),
    }  # fmt: skip
    sent = Message(
        code=0x400B, request_id=417,
        groups=((Group.OPERATION, {"text": ("x",)}), (Group.PRINTER, printer)),
        document=document,
    )  # fmt: skip
    assert frames.decode(frames.encode(sent, TAGS)) == sent


def test_attributes_are_asked_for_by_what_they_should_be() -> None:
    said: frames.Attributes = {"a": ("x", 1, "y"), "n": (True,), "m": (7, "x", 8)}
    assert frames.texts(said, "a") == ("x", "y")
    assert frames.text(said, "m") == "x"
    assert (frames.number(said, "n"), frames.number(said, "m")) == (None, 7)
    assert frames.numbers(said, "m") == (7, 8)
    assert (frames.text(said, "z"), frames.number(said, "z"), frames.texts(said, "z")) == (
        "", None, (),
    )  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x01",
        b"\x41\x00\x01a\x00\x01x\x03",  # an attribute before any group
        b"\x04\x41\x00\x00\x00\x01x\x03",  # a further value of nothing
        b"\x04\x41\x00\x01a\xff\xfax\x03",  # 65530 bytes that are not there
        b"\x04\x21\x00\x01a\x00\x03xyz\x03",
        b"\x04\x41\x00\x01a\x00\x01\xff\x03",  # not UTF-8
        b"\x04\x34\x00\x01a\x00\x00\x03",  # a collection without an end
        b"\x04\x34\x00\x01a\x00\x00\x21\x00\x00\x00\x04\x00\x00\x00\x01\x37\x00\x00\x00\x00\x03",
        b"\x04\x34\x00\x01a\x00\x00" + b"\x4a\x00\x00\x00\x01x\x34\x00\x00\x00\x00" * 5000,
    ],
)
def test_what_is_no_message_is_prn_09(body: bytes) -> None:
    with pytest.raises(PrinterGarbled):
        frames.decode(HEAD + body)


def test_eighteen_bytes_that_hold_pyipp_for_ever_do_not_hold_us() -> None:
    with pytest.raises(PrinterGarbled):
        frames.decode(HEAD + b"\x01\x41" + struct.pack(">h", 1) + b"a" + struct.pack(">h", -6))


def test_very_many_values_are_read_in_a_moment() -> None:
    body = b"\x04\x21\x00\x01n\x00\x04\x00\x00\x00\x01" + b"\x21\x00\x00\x00\x04\0\0\0\1" * 100_000
    read = frames.decode(HEAD + body + b"\x03")
    assert len(read.first(Group.PRINTER)["n"]) == 100_001


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_prn_09(data: bytes) -> None:
    try:
        frames.decode(HEAD + data)
    except PrinterGarbled:
        return


def test_the_seeds_of_the_fuzzing_are_good_messages() -> None:
    [target] = [target for target in TARGETS if target.name == "ipp"]
    for seed in target.seeds[:1]:
        frames.decode(seed)
