"""MRZ lines out of what a reader sends or a wedge types; no device, no clock."""

from __future__ import annotations

import re

# Letters in a line to lines in a group: TD1 cards, TD2 and visas B, TD3 passports and visas A.
SHAPES = {30: 3, 36: 2, 44: 2}

_LINE = re.compile(r"[A-Z0-9<]+")
_FIRST_LINE = re.compile(r"[ACIPV][A-Z0-9<][A-Z<]{3}")  # document code and issuing state
_ENDS = frozenset("\r\n\x02\x03")
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
