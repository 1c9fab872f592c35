"""What the station and a driver's own process say to each other: messages, values, pixels.

A message is a length (4 bytes, little endian) and that much MessagePack. Only plain data and the
value classes of `ports` travel. Pixels lie in memory that both share and nothing on disk has a
name for; where they do not fit, they travel with the message.
"""

from __future__ import annotations

import math
import mmap
import os
import struct
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from threading import Event
from typing import Any, BinaryIO, ClassVar

import msgspec
import numpy as np

from migramovil.devices import ports
from migramovil.devices.ports import Pixels

ROOM = 64 << 20  # bytes for the pixels of an answer, and as many again for a preview's
_LENGTH = struct.Struct("<I")
_LONGEST = 512 << 20
_CLASSES: dict[str, Any] = {
    name: kind
    for name, kind in vars(ports).items()
    if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, Enum))
}


class Call(msgspec.Struct, tag=True):
    """Do something. `name` is a function of the driver's module, or a method of its device."""

    number: int
    name: str
    args: list[Any]
    named: dict[str, Any]


class Cancel(msgspec.Struct, tag=True):
    number: int


class Seen(msgspec.Struct, tag=True):
    """The last preview was taken over: another one may come."""


class Answer(msgspec.Struct, tag=True):
    number: int
    value: Any


class Told(msgspec.Struct, tag=True):
    """The driver called the function it was given."""

    number: int
    value: Any


class Raised(msgspec.Struct, tag=True):
    """A trouble: the names of its class and of those above it, the nearest first."""

    number: int
    names: list[str]
    detail: str


class Broke(msgspec.Struct, tag=True):
    """The driver raised what no driver should."""

    number: int
    where: str


Asked = Call | Cancel | Seen
Said = Answer | Told | Raised | Broke
_asked, _said = msgspec.msgpack.Decoder(Asked), msgspec.msgpack.Decoder(Said)


class NotUnderstood(Exception):  # noqa: N818 - never leaves these rooms
    """The other side said something that cannot be."""


def send(line: BinaryIO, message: Asked | Said) -> None:
    data = msgspec.msgpack.encode(message)
    line.write(_LENGTH.pack(len(data)) + data)
    line.flush()


def hear_asked(line: BinaryIO) -> Asked | None:
    """The next message to the driver's process; None when the line ended."""
    data = _received(line)
    return None if data is None else _asked.decode(data)


def hear_said(line: BinaryIO) -> Said | None:
    """The next message from the driver's process; None when the line ended."""
    data = _received(line)
    try:
        return None if data is None else _said.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NotUnderstood(type(error).__name__) from None


def _received(line: BinaryIO) -> bytes | None:
    head = line.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    length = _LENGTH.unpack(head)[0]
    if length > _LONGEST:
        raise NotUnderstood("length")
    data = line.read(length)
    return data if len(data) == length else None


class Block:
    """Memory that two processes share: anonymous, so that a power cut leaves no picture behind."""

    SIZE = 2 * ROOM

    def __init__(self, name: str = "") -> None:
        """A new block, or the one that the process who started this one calls `name`."""
        if sys.platform == "win32":
            self.handle = -1
            self.name = name or f"migramovil-{uuid.uuid4()}"
            self._map = mmap.mmap(-1, self.SIZE, tagname=self.name)
        else:
            self.handle = int(name) if name else _nameless_file(self.SIZE)
            self.name = str(self.handle)
            self._map = mmap.mmap(self.handle, self.SIZE)

    def hand_over(self) -> None:
        """The other process has it by now: its handle is needed no more."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1

    def close(self) -> None:
        self.hand_over()
        self._map.close()

    def put(self, pixels: Pixels, at: int) -> None:
        self._map[at : at + pixels.nbytes] = np.ascontiguousarray(pixels).reshape(-1).data

    def get(self, shape: tuple[int, ...], at: int) -> Pixels:
        """A copy of the pixels at a place."""
        count = math.prod(shape)
        if at < 0 or min(shape, default=0) < 0 or at + count > self.SIZE:
            raise NotUnderstood("place of pixels")
        flat: Pixels = np.frombuffer(self._map, np.uint8, count, at)
        return flat.reshape(shape).copy()


def _nameless_file(size: int) -> int:
    if sys.platform == "linux":
        handle = os.memfd_create("migramovil")
    else:
        with tempfile.TemporaryFile() as file:
            handle = os.dup(file.fileno())
    os.ftruncate(handle, size)
    return handle


class Packer:
    """Values to plain data, pixels into `block` from `at` on."""

    def __init__(self, block: Block | None = None, at: int = 0) -> None:
        self._block = block
        self._at = at
        self._end = at + ROOM

    def pack(self, value: Any) -> Any:
        """Plain values stay; all others become a pair of a word and what it is made of."""
        if isinstance(value, Enum):
            return ["enum", [type(value).__name__, value.value]]
        if value is None or isinstance(value, bool | int | float | bytes | str):
            return value
        if isinstance(value, np.ndarray):
            return ["pixels", self._pixels(value)]
        if is_dataclass(value) and type(value).__name__ in _CLASSES:
            parts = {part.name: self.pack(getattr(value, part.name)) for part in fields(value)}
            return ["value", [type(value).__name__, parts]]
        return self._pack_many(value)

    def _pack_many(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return ["time", value.isoformat()]
        if isinstance(value, Event):
            return ["cancelled", None]
        if isinstance(value, dict):
            return ["dict", [[self.pack(key), self.pack(one)] for key, one in value.items()]]
        if isinstance(value, frozenset):
            return ["frozenset", [self.pack(one) for one in value]]
        if isinstance(value, list):
            return ["list", [self.pack(one) for one in value]]
        if callable(value):
            return ["call", None]
        if isinstance(value, Iterable):
            return ["tuple", [self.pack(one) for one in value]]
        raise TypeError(f"a {type(value).__name__} does not travel")

    def _pixels(self, pixels: Pixels) -> list[Any]:
        if pixels.dtype != np.uint8:
            raise TypeError(f"pixels of {pixels.dtype} do not travel")
        shape = list(pixels.shape)
        if self._block is None or self._at + pixels.nbytes > self._end:
            return [shape, -1, pixels.tobytes()]
        at = self._at
        self._block.put(pixels, at)
        self._at += -(-pixels.nbytes // 64) * 64
        return [shape, at, b""]


class Unpacker:
    """Plain data back to values; NotUnderstood when they are none.

    `cancelled` stands for the flag the caller gave, `call` for the function.
    """

    def __init__(
        self,
        block: Block,
        *,
        cancelled: Event | None = None,
        call: Callable[[Any], object] | None = None,
    ) -> None:
        self._block = block
        self._cancelled = cancelled
        self._call = call

    def unpack(self, plain: Any) -> Any:
        if not isinstance(plain, list):
            return plain
        try:
            word, body = plain
            return self._of[word](self, body)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise NotUnderstood(type(error).__name__) from None

    def _enum(self, body: Any) -> Any:
        name, value = body
        return _CLASSES[name](value)

    def _value(self, body: Any) -> Any:
        name, parts = body
        return _CLASSES[name](**{part: self.unpack(one) for part, one in parts.items()})

    def _pixels(self, body: Any) -> Pixels:
        shape, at, data = body
        if at >= 0:
            return self._block.get(tuple(shape), at)
        return np.frombuffer(data, np.uint8).reshape(shape).copy()

    def _dict(self, body: Any) -> Any:
        return {self.unpack(key): self.unpack(one) for key, one in body}

    def _many(self, body: Any) -> list[Any]:
        return [self.unpack(one) for one in body]

    _of: ClassVar[dict[str, Callable[[Unpacker, Any], Any]]] = {
        "enum": _enum,
        "value": _value,
        "pixels": _pixels,
        "dict": _dict,
        "time": lambda _, body: datetime.fromisoformat(body),
        "list": _many,
        "tuple": lambda self, body: tuple(self._many(body)),
        "frozenset": lambda self, body: frozenset(self._many(body)),
        "cancelled": lambda self, _: self._cancelled,
        "call": lambda self, _: self._call,
    }
