"""One packet on its way: which parts headquarters holds, which are travelling, which are in doubt.

Pure bookkeeping; lanes carry, this remembers. A part whose connection died before its answer is in
doubt: headquarters is asked what it lacks, and nothing that arrived is sent twice.
"""

from __future__ import annotations

from collections.abc import Iterable


class Parts:
    """Parts 0 to n-1 of `size` bytes cut every `part_size`, given out in their order."""

    def __init__(self, size: int, part_size: int) -> None:
        self._size = size
        self._part_size = part_size
        self._count = -(-size // part_size)
        self._waiting = list(range(self._count))
        self._travelling: set[int] = set()
        self._doubtful: set[int] = set()
        self._came: set[int] = set()  # since headquarters was asked
        self.held_bytes = 0

    def take(self, below: int) -> int | None:
        """The next part to send among those below this one; None when there is none now."""
        if not self._waiting or self._waiting[0] >= below:
            return None
        number = self._waiting.pop(0)
        self._travelling.add(number)
        return number

    def take_all(self) -> range:
        """Every part at once, if none was given out before; else none."""
        if self._travelling or self._doubtful or len(self._waiting) < self._count:
            return range(0)
        self._travelling, self._waiting = set(self._waiting), []
        return range(self._count)

    def arrived(self, number: int) -> None:
        if number in self._travelling:
            self._travelling.remove(number)
            self._came.add(number)
            self.held_bytes += self._bytes_of(number)

    def lost_sight(self, number: int) -> None:
        """Its connection died: it may be there or not."""
        if number in self._travelling:
            self._travelling.remove(number)
            self._doubtful.add(number)

    def refused(self, number: int) -> None:
        """Headquarters knows of no such packet yet: it goes again."""
        if number in self._travelling:
            self._travelling.remove(number)
            self._waiting = sorted({*self._waiting, number})

    def asking(self) -> None:
        """Headquarters is being asked what it lacks: what arrives from now on it may not count."""
        self._came.clear()

    def lacking(self, missing: Iterable[int]) -> None:
        """Headquarters' word about what it lacks; parts still travelling are left to arrive."""
        self._waiting = sorted(set(missing) - self._travelling - self._came)
        self._doubtful.clear()
        absent = sum(map(self._bytes_of, {*self._waiting, *self._travelling}))
        self.held_bytes = self._size - absent

    @property
    def in_doubt(self) -> bool:
        return bool(self._doubtful)

    def arrived_below(self, number: int) -> bool:
        """Whether every part below this one is there."""
        missing = {*self._waiting, *self._travelling, *self._doubtful}
        return all(one >= number for one in missing)

    @property
    def all_given_out(self) -> bool:
        return not self._waiting

    @property
    def all_given(self) -> bool:
        """Nothing waits, travels or is in doubt: headquarters should hold it all."""
        return not (self._waiting or self._travelling or self._doubtful)

    def _bytes_of(self, number: int) -> int:
        return min(self._part_size, self._size - number * self._part_size)
