"""IPP messages as bytes and back, after RFC 8010; no socket here.

Ours, because what a printer answers is hostile until it is parsed: a negative length in eighteen
bytes holds pyipp's own parser for ever.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

from migramovil.devices.trouble import PrinterGarbled

_DEEPEST = 8  # collections within collections; the deepest that any printer sends is three


class Group(IntEnum):
    """What a group of attributes is about."""

    OPERATION = 0x01
    JOB = 0x02
    END = 0x03
    PRINTER = 0x04
    UNSUPPORTED = 0x05


class Tag(IntEnum):
    """How the bytes of a value are to be read."""

    UNSUPPORTED = 0x10
    NO_VALUE = 0x13
    INTEGER = 0x21
    BOOLEAN = 0x22
    ENUM = 0x23
    RESOLUTION = 0x32
    RANGE = 0x33
    BEGIN_COLLECTION = 0x34
    TEXT_LANGUAGE = 0x35
    NAME_LANGUAGE = 0x36
    END_COLLECTION = 0x37
    TEXT = 0x41
    NAME = 0x42
    KEYWORD = 0x44
    URI = 0x45
    CHARSET = 0x47
    LANGUAGE = 0x48
    MIME_TYPE = 0x49
    MEMBER = 0x4A


Value: TypeAlias = (
    "int | bool | str | bytes | tuple[int, ...] | dict[str, tuple[Value, ...]] | None"
)
Attributes: TypeAlias = dict[str, tuple[Value, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One request (`code` is the operation) or answer (`code` is the status).

    `groups` in the order they came; `document` is what follows the attributes.
    """

    code: int
    request_id: int = 1
    version: tuple[int, int] = (2, 0)
    groups: tuple[tuple[int, Attributes], ...] = ()
    document: bytes = field(default=b"", repr=False)

    def every(self, group: Group) -> list[Attributes]:
        """All groups of one kind: each printer of a list, each job of a queue."""
        return [attributes for kind, attributes in self.groups if kind == group]

    def first(self, group: Group) -> Attributes:
        return next(iter(self.every(group)), {})


def texts(attributes: Attributes, name: str) -> tuple[str, ...]:
    """The values of an attribute that are texts; none when it is missing or something else."""
    return tuple(value for value in attributes.get(name, ()) if isinstance(value, str))


def text(attributes: Attributes, name: str) -> str:
    return next(iter(texts(attributes, name)), "")


def number(attributes: Attributes, name: str) -> int | None:
    """The first value when it is a number, and not a yes or no."""
    value = next(iter(attributes.get(name, ())), None)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def numbers(attributes: Attributes, name: str) -> tuple[int, ...]:
    found = attributes.get(name, ())
    return tuple(one for one in found if isinstance(one, int) and not isinstance(one, bool))


def decode(data: bytes) -> Message:
    """The message in `data`; PRN-09 when it is none."""
    try:
        return _message(_Reader(data))
    except (struct.error, UnicodeDecodeError, ValueError) as error:
        raise PrinterGarbled(f"ipp: {type(error).__name__}") from None


def encode(message: Message, tags: dict[str, Tag]) -> bytes:
    """The bytes of a message; `tags` says for every attribute's name how it travels."""
    head = struct.pack(">bbHi", *message.version, message.code, message.request_id)
    body = b"".join(
        bytes([group]) + b"".join(_attribute(name, tags[name], at[name]) for name in at)
        for group, at in message.groups
    )
    return head + body + bytes([Group.END]) + message.document


# ---- reading -----------------------------------------------------------------------------------
class _Reader:
    """Bytes that are read once, forwards; ValueError beyond their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise ValueError("cut short")
        taken, self._at = self._data[self._at : end], end
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def sized(self) -> bytes:
        """A length of two bytes, never negative, and that many bytes."""
        return self.take(int.from_bytes(self.take(2), "big"))

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)


def _message(reader: _Reader) -> Message:
    major, minor, code, request_id = struct.unpack(">bbHi", reader.take(8))
    groups: list[tuple[int, dict[str, list[Value]]]] = []
    name = ""
    while (tag := reader.byte()) != Group.END:
        if tag < 0x10:
            groups.append((tag, {}))
            name = ""
            continue
        name = reader.sized().decode() or name
        if not groups or not name:
            raise ValueError("a value that belongs nowhere")
        value = _value(reader, tag, reader.sized(), 0)
        groups[-1][1].setdefault(name, []).append(value)
    return Message(
        code=code,
        request_id=request_id,
        version=(major, minor),
        groups=tuple((group, _settled(named)) for group, named in groups),
        document=reader.rest(),
    )


def _value(reader: _Reader, tag: int, data: bytes, depth: int) -> Value:
    if tag == Tag.BEGIN_COLLECTION:
        return _collection(reader, depth + 1)
    if tag in {Tag.INTEGER, Tag.ENUM}:
        return int(struct.unpack(">i", data)[0])
    if tag == Tag.BOOLEAN:
        return bool(struct.unpack(">?", data)[0])
    if tag == Tag.RANGE:
        return tuple(struct.unpack(">ii", data))
    if tag == Tag.RESOLUTION:
        return tuple(struct.unpack(">iib", data))
    if tag in {Tag.TEXT_LANGUAGE, Tag.NAME_LANGUAGE}:
        inner = _Reader(data)
        inner.sized()  # the language
        return inner.sized().decode()
    if tag >= Tag.TEXT:
        return data.decode()
    return None if tag < 0x20 else data


def _collection(reader: _Reader, depth: int) -> dict[str, tuple[Value, ...]]:
    if depth > _DEEPEST:
        raise ValueError("too deep")
    members: dict[str, list[Value]] = {}
    member = ""
    while True:
        tag = reader.byte()
        reader.sized()  # members are named by a value of their own
        data = reader.sized()
        if tag == Tag.END_COLLECTION:
            return _settled(members)
        if tag == Tag.MEMBER:
            member = data.decode()
            continue
        if not member:
            raise ValueError("a member without a name")
        members.setdefault(member, []).append(_value(reader, tag, data, depth))


def _settled(named: dict[str, list[Value]]) -> Attributes:
    return {name: tuple(values) for name, values in named.items()}


# ---- writing -----------------------------------------------------------------------------------
def _attribute(name: str, tag: Tag, values: Iterable[Value]) -> bytes:
    """Only the first value of an attribute bears its name."""
    return b"".join(
        bytes([tag]) + _sized(b"" if number else name.encode()) + _sized(_packed(tag, value))
        for number, value in enumerate(values)
    )


def _packed(tag: Tag, value: Value) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    if tag == Tag.BOOLEAN:
        return struct.pack(">?", value)
    if isinstance(value, int):
        return struct.pack(">i", value)
    if isinstance(value, tuple):
        return struct.pack(">iib" if tag == Tag.RESOLUTION else ">ii", *value)
    if value is None:
        return b""
    raise ValueError("collections are read here, never written")


def _sized(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data
