"""MRZ lines and bar codes out of what a reader sends or a wedge types; no device, no clock."""

from __future__ import annotations

import re

from migramovil.devices.trouble import WedgeLayout

# Letters in a line to lines in a group: TD1 cards, TD2 and visas B, TD3 passports and visas A.
SHAPES = {30: 3, 36: 2, 44: 2}

_LINE = re.compile(r"[A-Z0-9<]+")
_FIRST_LINE = re.compile(r"[ACIPV][A-Z0-9<][A-Z<]{3}")  # document code and issuing state
_ENDS = frozenset("\r\n\x02\x03")
_MRZ_SIGNS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<")
_TEXT = frozenset(range(0x20, 0x7F)) | frozenset(b"\r\n\t\x02\x03")
_KIND = re.compile(r"\][A-Za-z][0-9A-Za-z]")  # ISO/IEC 15424, where a reader is set to send it
_LONGEST_CODE = 4096  # a QR code holds 4,296 letters at most, of the alphabet nobody uses here
_LONGEST = 90  # letters: some readers send the lines without an end between them


class MrzAssembler:
    """Collects bytes into groups of lines, whatever comes between them and however they are cut.

    Frames of STX and ETX, blanks and lower case are tolerated. A line that fits no group is
    dropped. Check digits are not looked at: what a reader read doubtfully is mended elsewhere.
    """

    def __init__(self) -> None:
        self._line = ""
        self._group: list[str] = []

    def feed(self, data: bytes) -> list[tuple[str, ...]]:
        """The groups that `data` completes."""
        groups = []
        for letter in data.decode("latin-1"):
            if letter not in _ENDS:
                # one letter too many is enough to know that this is no line
                self._line = (self._line + letter.strip())[: _LONGEST + 1]
                continue
            groups += self._end_line()
        return groups

    def pause(self) -> list[tuple[str, ...]]:
        """The reader fell silent: the last line is whole, and no other belongs to this group."""
        groups = self._end_line()
        self._group = []
        return groups

    def _end_line(self) -> list[tuple[str, ...]]:
        line, self._line = self._line.upper(), ""
        if not line:
            return []
        if not _LINE.fullmatch(line):
            self._group = []
            return []
        return [group for piece in _pieces(line) if (group := self._add(piece))]

    def _add(self, line: str) -> tuple[str, ...] | None:
        if self._group and len(line) != len(self._group[0]):
            self._group = []
        if not self._group and not _FIRST_LINE.match(line):
            return None
        self._group.append(line)
        if len(self._group) < SHAPES[len(line)]:
            return None
        group, self._group = tuple(self._group), []
        return group


class CodeAssembler:
    """Collects bytes into bar codes: a line each, or what came before the reader fell silent.

    STX and ETX frame a code as well as CR and LF do, and what readers put before it to tell its
    kind ("]Q1") is taken off. Lines of an MRZ are no codes, nor is what cannot be printed.
    """

    def __init__(self) -> None:
        self._line = b""

    def feed(self, data: bytes) -> list[str]:
        """The codes that `data` completes."""
        *lines, rest = re.split(rb"[\r\n\x02\x03]", self._line + data)
        self._line = rest[: _LONGEST_CODE + 1]
        return [code for line in lines if (code := _code(line))]

    def pause(self) -> list[str]:
        """The reader fell silent: what came last is whole."""
        return self.feed(b"\n")


def gibberish(data: bytes) -> bool:
    """Whether this is a reader at another speed, or no reader of text: one byte in four at least
    stands for no letter."""
    letters = sum(byte in _TEXT for byte in data)
    return bool(data) and letters * 4 <= len(data) * 3


def mended(text: str) -> str:
    """What a wedge typed, with `<` where another keyboard's sign stands for it.

    The signs of an MRZ are letters, figures and `<`: a reader set to another keyboard than the
    system's types the last as something else (`;` of a reader set to English on a Spanish
    keyboard), and where that is the one strange sign there is no doubt. MRZ-04 when the text has
    an MRZ's measure and more is strange.
    """
    lines = text.upper().split()
    strange = set("".join(lines)) - _MRZ_SIGNS
    if not strange:
        return text
    if len(strange) == 1 and "<" not in text:
        repaired = text.replace(strange.pop(), "<")
        if assemble(repaired) is not None:
            return repaired
    if any(len(line) in SHAPES for line in lines):
        raise WedgeLayout
    return text


def assemble(text: str) -> tuple[str, ...] | None:
    """The first whole group of MRZ lines in a text, as a keyboard wedge types it; None if none."""
    assembler = MrzAssembler()
    groups = assembler.feed(text.encode("latin-1", "replace")) + assembler.pause()
    return groups[0] if groups else None


def _pieces(line: str) -> list[str]:
    """The lines in a line: itself, or the two or three of a group sent without an end between."""
    if len(line) in SHAPES:
        return [line]
    for size, count in SHAPES.items():
        if len(line) == size * count:
            return [line[at : at + size] for at in range(0, len(line), size)]
    return []


def _code(line: bytes) -> str:
    """The text of a bar code; "" for what is none."""
    try:
        text = line.decode("utf-8").strip()
    except UnicodeDecodeError:
        text = line.decode("latin-1").strip()
    text = _KIND.sub("", text, count=1) if _KIND.match(text) else text
    mrz = len(text) in SHAPES and "<" in text
    return text if text.isprintable() and len(text) <= _LONGEST_CODE and not mrz else ""
