"""MRZ lines come out whole or not at all, whatever the reader sends."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migramovil.devices.mrz.mrz_frames import (
    SHAPES,
    CodeAssembler,
    MrzAssembler,
    assemble,
    gibberish,
    mended,
)
from migramovil.devices.trouble import WedgeLayout

# The worked examples of ICAO Doc 9303.
TD3 = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
TD1 = (
    "I<UTOD231458907<<<<<<<<<<<<<<<",
    "7408122F1204159UTO<<<<<<<<<<<6",
    "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
)
DOCUMENTS = [TD1, TD2, TD3]
ENDS = ["\r", "\n", "\r\n", "\n\r\n"]


@pytest.mark.parametrize("lines", DOCUMENTS)
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("frame", ["{}", "\x02{}\x03", "  {}  ", "ruido\r{}"])
def test_a_document_is_read_in_every_way_readers_send_it(
    lines: tuple[str, ...], end: str, frame: str
) -> None:
    assert assemble(frame.format(end.join(lines) + end)) == lines


@pytest.mark.parametrize("lines", DOCUMENTS)
def test_a_wedge_may_leave_out_the_last_end_the_capitals_and_all_ends(
    lines: tuple[str, ...],
) -> None:
    assert assemble("\n".join(lines)) == lines
    assert assemble("\r\n".join(lines).lower()) == lines
    assert assemble("".join(lines)) == lines


@pytest.mark.parametrize("text", ["", "hola", TD3[0], "\n".join(TD1[1:]), "\n".join(TD3[::-1])])
def test_half_a_document_is_none(text: str) -> None:
    assert assemble(text) is None


@given(
    documents=st.lists(st.sampled_from(DOCUMENTS), max_size=4),
    end=st.sampled_from(ENDS),
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=40),
)
def test_how_the_bytes_are_cut_up_does_not_matter(
    documents: list[tuple[str, ...]], end: str, sizes: list[int]
) -> None:
    data = "".join(line + end for lines in documents for line in lines).encode("ascii")
    assembler, groups = MrzAssembler(), []
    while data:
        size = sizes[len(data) % len(sizes)]
        groups += assembler.feed(data[:size])
        data = data[size:]
    assert groups == documents


def test_a_silence_keeps_two_half_documents_apart() -> None:
    assembler = MrzAssembler()
    assert assembler.feed(f"{TD1[0]}\r{TD1[1]}\r".encode()) == []
    assert assembler.pause() == []
    assert assembler.feed("".join(f"{line}\r" for line in TD1).encode()) == [TD1]


@given(st.binary(max_size=600))
def test_any_bytes_give_only_groups_of_the_three_shapes(data: bytes) -> None:
    assembler = MrzAssembler()
    for group in assembler.feed(data) + assembler.pause():
        assert SHAPES[len(group[0])] == len(group)
        assert {len(line) for line in group} == {len(group[0])}


@given(st.text(alphabet="PIVA<0Z\r\n\x02\x03 ñ", max_size=400))
def test_any_text_from_a_wedge_gives_lines_or_none(text: str) -> None:
    lines = assemble(text)
    assert lines is None or SHAPES[len(lines[0])] == len(lines)


def test_endless_noise_takes_no_memory() -> None:
    assembler = MrzAssembler()
    assembler.feed(b"A" * 1_000_000)
    assert len(assembler._line) < 100
    assert assembler.feed(b"\r" + "".join(f"{line}\r" for line in TD3).encode()) == [TD3]


# ---- bar codes -----------------------------------------------------------------------------------
@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\x03"])
@pytest.mark.parametrize("before", ["", "\x02", "]C1", "]Q3", "\r\n"])
def test_a_bar_code_is_read_in_every_way_readers_send_it(before: str, end: str) -> None:
    assert CodeAssembler().feed(f"{before}775012345678{end}".encode()) == ["775012345678"]


def test_a_code_ends_with_its_line_or_with_silence() -> None:
    codes = CodeAssembler()
    assert codes.feed("Ñandú-".encode()) == []
    assert codes.feed(b"7") == []
    assert codes.pause() == ["Ñandú-7"]
    assert codes.pause() == []


@pytest.mark.parametrize("line", [*TD3, *TD1, "", "   ", "a\x00b", "x" * 5000])
def test_what_is_no_code_is_passed_over(line: str) -> None:
    assert CodeAssembler().feed(line.encode() + b"\r\n77\r") == ["77"]


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_no_bytes_make_the_codes_raise(pieces: list[bytes]) -> None:
    codes = CodeAssembler()
    for piece in pieces:
        assert all(code.isprintable() for code in codes.feed(piece) + codes.pause())


def test_text_is_told_from_noise() -> None:
    assert not gibberish(b"")
    assert not gibberish("\r\n".join(TD3).encode())
    assert gibberish(bytes(byte ^ 0xA5 for byte in "".join(TD3).encode()))


# ---- wedges set to another keyboard --------------------------------------------------------------
@pytest.mark.parametrize("lines", DOCUMENTS)
@pytest.mark.parametrize("sign", [";", "\\", ">", "\N{REPLACEMENT CHARACTER}"])
def test_one_strange_sign_for_the_filler_is_mended(lines: tuple[str, ...], sign: str) -> None:
    typed = "\n".join(lines).replace("<", sign) + "\n"
    assert assemble(mended(typed)) == lines


@pytest.mark.parametrize("lines", DOCUMENTS)
def test_a_keyboard_with_other_figures_is_named_and_never_guessed(lines: tuple[str, ...]) -> None:
    french = str.maketrans("0123456789<", "à&é\"'(-è_ç;")
    with pytest.raises(WedgeLayout):
        mended("\n".join(lines).translate(french))


@pytest.mark.parametrize(
    "text", ["", "7501031311309\n", "MM'T01'20261123'0001'7\n", "hola; mundo", "\n".join(TD3)]
)
def test_what_is_no_document_is_left_as_it_is(text: str) -> None:
    assert mended(text) == text


@given(st.text(max_size=200))
def test_mending_never_invents(text: str) -> None:
    with contextlib.suppress(WedgeLayout):
        after = mended(text)
        assert after == text or (set(after) - set(text) == {"<"} and assemble(after) is not None)
