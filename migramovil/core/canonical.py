"""One value, one spelling: the bytes that get signed and hashed.

Canonical form: JSON, UTF-8, NFC strings, keys sorted, no spaces, integers only (a float has more
than one spelling). Every signed body names its `format`, and `decode` demands it: a signature on
one kind of thing is never valid on another.
"""

from __future__ import annotations

import base64
import json
import unicodedata
from dataclasses import MISSING
from typing import Any, TypeVar

import msgspec

from migramovil.core.trouble import Trouble

T = TypeVar("T")


class NotCanonical(Trouble):
    code = "FMT-01"
    what = "Se recibió un dato con un formato que no corresponde."
    advice = "No se guardó nada de él. Avise al técnico con este código."


def encode(value: Any) -> bytes:
    """Canonical bytes of plain values or of any dataclass made of them."""
    plain = msgspec.to_builtins(value, str_keys=True)
    return json.dumps(
        _checked(plain), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def decode(data: bytes, kind: type[T]) -> T:
    """Read canonical bytes back as `kind`; anything else is a NotCanonical.

    Where `kind` has a `format` with a default, the bytes must name exactly that one.
    """
    try:
        plain = json.loads(data)
        value = msgspec.convert(plain, kind)
        if encode(plain) != data:
            raise NotCanonical("spelling")
    except (ValueError, msgspec.ValidationError, RecursionError) as problem:
        raise NotCanonical(type(problem).__name__) from None
    named = getattr(kind, "__dataclass_fields__", {}).get("format")
    if named is not None and named.default not in {MISSING, getattr(value, "format", "")}:
        raise NotCanonical("format")
    return value


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def from_text(data: str) -> bytes:
    """The bytes of base64 in its one spelling, else NotCanonical."""
    try:
        found = base64.b64decode(data.encode(), validate=True)
    except ValueError:
        raise NotCanonical("base64") from None
    if text(found) != data:
        raise NotCanonical("base64")
    return found


def _checked(value: Any) -> Any:
    if isinstance(value, float):
        raise NotCanonical("float")
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, list):
        return [_checked(item) for item in value]
    if isinstance(value, dict):
        return {_checked(key): _checked(item) for key, item in value.items()}
    return value
