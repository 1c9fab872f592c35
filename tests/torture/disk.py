"""A disk that remembers what was synced: from a recording, the states a power cut can leave.

What was synced before the cut is there. Of the rest, any part may be: writes lost, late or torn at
sectors; names made, moved or taken away, or not yet. Half of the cuts keep the order of names
as a journalling file system does (and take any fsync for a commit of all names before it); the
other half trust nothing but the fsync of each folder. A cut is the same again from the same seed.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random

_LINE = struct.Struct("<cQQII")
# SQLite rebuilds this file from the log beside it: nothing durable is ever in it.
FORGOTTEN = "-shm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of recorder.c: a call that succeeded, or (kind "A") what the station then told."""

    kind: str
    inode: int
    number: int
    first: bytes
    second: bytes


def read_events(data: bytes) -> Iterator[Event]:
    at = 0
    while at < len(data):
        kind, inode, number, first, second = _LINE.unpack_from(data, at)
        at += _LINE.size
        yield Event(
            kind=kind.decode(),
            inode=inode,
            number=number,
            first=data[at : at + first],
            second=data[at + first : at + first + second],
        )
        at += first + second


@dataclass(frozen=True, slots=True)
class _Write:
    """`data` at `offset`; with no data, the file's new length."""

    offset: int
    data: bytes | None

    def onto(self, content: bytearray) -> None:
        if self.data is None:
            del content[self.offset :]
            content.extend(bytes(self.offset - len(content)))
            return
        content.extend(bytes(max(0, self.offset + len(self.data) - len(content))))
        content[self.offset : self.offset + len(self.data)] = self.data

    def torn(self, sector: int, rng: Random) -> list[_Write]:
        """The sectors of this write that reached the disk."""
        if self.data is None:
            return [self]
        end = self.offset + len(self.data)
        edges = [self.offset, *range((self.offset // sector + 1) * sector, end, sector), end]
        return [
            _Write(a, self.data[a - self.offset : b - self.offset])
            for a, b in pairwise(edges)
            if rng.random() < 0.5
        ]


@dataclass(slots=True)
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[_Write] = field(default_factory=list)

    def sync(self) -> None:
        for write in self.pending:
            write.onto(self.durable)
        self.pending.clear()

    def whole(self) -> bytes:
        return self._with(self.pending)

    def after_cut(self, rng: Random) -> bytes:
        return self._with(_survivors(self.pending, rng)) if self.pending else bytes(self.durable)

    def _with(self, writes: list[_Write]) -> bytes:
        content = bytearray(self.durable)
        for write in writes:
            write.onto(content)
        return bytes(content)


def _survivors(pending: list[_Write], rng: Random) -> list[_Write]:
    style = rng.choice(("none", "all", "first", "some", "shuffled"))
    kept = {
        "none": [],
        "all": pending,
        "first": pending[: rng.randint(0, len(pending))],
    }.get(style)
    if kept is None:
        share = rng.random()
        kept = [write for write in pending if rng.random() < share]
    if style == "shuffled":
        rng.shuffle(kept)
    sector = rng.choice((0, 512, 4096))
    if style == "all" or not sector:
        return kept
    return [piece for write in kept for piece in write.torn(sector, rng)]


@dataclass(slots=True)
class _Change:
    """What one call did to a folder's names, all of it or nothing."""

    serial: int
    names: dict[str, _File | _Folder | None]


@dataclass(slots=True)
class _Folder:
    live: dict[str, _File | _Folder] = field(default_factory=dict)
    durable: dict[str, _File | _Folder] = field(default_factory=dict)
    pending: list[_Change] = field(default_factory=list)

    def change(self, serial: int, names: dict[str, _File | _Folder | None]) -> None:
        _rename(self.live, names)
        self.pending.append(_Change(serial, names))

    def sync(self) -> None:
        self.durable = dict(self.live)
        self.pending.clear()

    def after_cut(self, rng: Random, journal: int | None) -> dict[str, _File | _Folder]:
        """The names a cut leaves: up to serial `journal`, or without one any of those unsynced."""
        found = dict(self.durable)
        share = rng.choice((0.0, 0.5, 1.0))
        for change in self.pending:
            if change.serial <= journal if journal is not None else rng.random() < share:
                _rename(found, change.names)
        return found


def _rename(names: dict[str, _File | _Folder], change: dict[str, _File | _Folder | None]) -> None:
    for name, node in change.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


class Disk:
    """A folder as it stood, then every event told to `play`."""

    def __init__(self, folder: Path) -> None:
        self._nodes: dict[int, _File | _Folder] = {}
        self._root = self._load(folder)
        self._serial = self._journalled = 0

    def _load(self, folder: Path) -> _Folder:
        found = _Folder()
        self._nodes[folder.stat().st_ino] = found
        for entry in os.scandir(folder):
            path = Path(entry.path)
            if entry.is_dir():
                found.live[entry.name] = self._load(path)
            else:
                file = _File(bytearray(path.read_bytes()))
                found.live[entry.name] = self._nodes[entry.inode()] = file
        found.durable = dict(found.live)
        return found

    def play(self, event: Event) -> None:
        match event.kind:
            case "W":
                self._file(event).pending.append(_Write(event.number, event.first))
            case "T":
                self._file(event).pending.append(_Write(event.number, None))
            case "S":
                self._nodes[event.inode].sync()
                self._journalled = self._serial
            case "C":
                self._name(event.first, self._new(event.inode, _File()))
            case "M":
                self._name(event.first, self._new(event.inode, _Folder()))
            case "U":
                self._name(event.first, None)
            case "R":
                self._move(event.first, event.second)

    def cut(self, folder: Path, rng: Random) -> None:
        """Lay down in `folder` one of the states a power cut at this moment can leave."""
        ordered = rng.random() < 0.5
        journal = rng.randint(self._journalled, self._serial) if ordered else None
        self._lay(self._root, folder, rng, journal)

    def files(self) -> dict[str, bytes]:
        """Everything, as the running system sees it: relative path → content."""
        return dict(_walk(self._root, ""))

    def _lay(self, source: _Folder, folder: Path, rng: Random, journal: int | None) -> None:
        folder.mkdir(mode=0o700)
        for name, node in source.after_cut(rng, journal).items():
            if isinstance(node, _Folder):
                self._lay(node, folder / name, rng, journal)
            elif not name.endswith(FORGOTTEN):
                (folder / name).write_bytes(node.after_cut(rng))

    def _file(self, event: Event) -> _File:
        node = self._nodes[event.inode]
        assert isinstance(node, _File)
        return node

    def _new(self, inode: int, node: _File | _Folder) -> _File | _Folder:
        self._nodes[inode] = node
        return node

    def _name(self, path: bytes, node: _File | _Folder | None) -> None:
        folder, name = self._place(path)
        self._serial += 1
        folder.change(self._serial, {name: node})

    def _move(self, old: bytes, new: bytes) -> None:
        (source, from_name), (target, to_name) = self._place(old), self._place(new)
        node = source.live[from_name]
        self._serial += 1
        if source is target:
            source.change(self._serial, {from_name: None, to_name: node})
        else:
            target.change(self._serial, {to_name: node})
            source.change(self._serial, {from_name: None})

    def _place(self, path: bytes) -> tuple[_Folder, str]:
        *above, name = os.fsdecode(path).split("/")
        folder = self._root
        for step in above:
            below = folder.live[step]
            assert isinstance(below, _Folder)
            folder = below
        return folder, name


def _walk(folder: _Folder, above: str) -> Iterator[tuple[str, bytes]]:
    for name, node in folder.live.items():
        if isinstance(node, _Folder):
            yield from _walk(node, f"{above}{name}/")
        elif not name.endswith(FORGOTTEN):
            yield above + name, node.whole()


def read_files(folder: Path) -> dict[str, bytes]:
    """What `Disk.files` should say of a real folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(FORGOTTEN)
    }
