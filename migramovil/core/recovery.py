"""A way back in when a password is lost: what headquarters reads out, or answers by file.

A spare secret (256 bits) is read out as four lines of fourteen letters, the last of each a check
of its line: any one wrong letter, or two exchanged, is found and its line named. What is read out
is bound to station, number and username: typed for another, it opens nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from migramovil.core import canonical
from migramovil.core.record import Realm, Signed
from migramovil.core.trouble import Trouble, Who

SECRET_BYTES = 32
LINES, LINE = 4, 14
FEWEST = 5
"""How many unused spares a station keeps at headquarters."""
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
_ALIKE = str.maketrans("OIL", "011")
_FIELD = 0b100101  # x^5 + x^2 + 1: 32 letters are the elements of GF(32)


class BadRecoveryCode(Trouble):
    code = "KEY-03"
    what = "El código de recuperación tiene un error."
    advice = "Pida que le repitan el renglón indicado y corríjalo; los demás están bien."
    who = Who.OFFICER

    def __init__(self, lines: Sequence[int]) -> None:
        """`lines` counts from 1: those that do not hold."""
        super().__init__("renglón " + ", ".join(map(str, lines)))
        self.lines = tuple(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spare:
    """One secret as headquarters keeps it (base64)."""

    number: int
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestBody:
    """What a station asks by file; signed by its transport key, for its vault is locked.

    `signing` and `sealing` are the person's new public keys; `vault` opens with headquarters'
    recovery key only.
    """

    format: str = "migramovil/recovery-request/1"
    realm: Realm
    station: str
    code: str
    account: str
    username: str
    signing: str
    sealing: str
    vault: str
    utc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyBody:
    """Headquarters' answer, by its root key: the vault key sealed to the person's new key."""

    format: str = "migramovil/recovery-reply/1"
    realm: Realm
    station: str
    reference: str
    username: str
    vault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseBody:
    """What each of two operators signs before anything is read out or answered.

    `signing` is the person's new key where the request names one; read out, nobody knows it yet.
    """

    format: str = "migramovil/release/1"
    realm: Realm
    station: str
    reference: str
    username: str
    utc: str
    signing: str = ""


def reference_of(request: Signed) -> str:
    """The name of a request by file, short enough to be said."""
    return "F-" + hashlib.sha256(canonical.encode(request)).hexdigest()[:8].upper()


def reply_purpose(station: str, reference: str, username: str) -> bytes:
    return f"migramovil/recovery-reply/1\n{station}\n{reference}\n{username}".encode()


def vault_purpose(station: str) -> bytes:
    """What the vault key that headquarters' recovery key opens is bound to: taken from one
    station's folder, it is not answered to another's request."""
    return f"migramovil/slots/3/vault-key\nheadquarters\n{station}".encode()


def masked(secret: bytes, station: str, number: int, username: str) -> bytes:
    """The secret as it is read out for one station, number and username; its own inverse."""
    bound = f"migramovil/spoken/1\n{station}\n{number}\n{username.strip().casefold()}"
    mask = hashlib.sha256(bound.encode()).digest()
    return bytes(one ^ other for one, other in zip(secret, mask, strict=True))


def spell(spoken: bytes) -> tuple[str, ...]:
    """Four lines of fourteen letters, each as two groups of seven."""
    number = int.from_bytes(spoken, "big") << 4 | _seal(spoken)
    letters = [number >> (5 * at) & 31 for at in reversed(range(LINES * (LINE - 1)))]
    lines = []
    for start in range(0, len(letters), LINE - 1):
        line = letters[start : start + LINE - 1]
        said = "".join(_ALPHABET[one] for one in [*line, _check(line)])
        lines.append(f"{said[:7]} {said[7:]}")
    return tuple(lines)


def read(lines: Sequence[str]) -> bytes:
    """What `spell` was given; forgives case, spaces, hyphens, O for 0, I and L for 1."""
    found = [_letters(line) for line in lines]
    wrong = [
        number
        for number, line in enumerate(found, 1)
        if len(line) != LINE or _check(line[:-1]) != line[-1]
    ]
    if wrong or len(found) != LINES:
        raise BadRecoveryCode(wrong or range(1, LINES + 1))
    whole = 0
    for line in found:
        for one in line[:-1]:
            whole = whole << 5 | one
    spoken = (whole >> 4).to_bytes(SECRET_BYTES, "big")
    if _seal(spoken) != whole & 15:
        raise BadRecoveryCode(range(1, LINES + 1))
    return spoken


def _letters(line: str) -> list[int]:
    """The line's letters as numbers; empty where one is none of ours."""
    plain = "".join(line.upper().split()).replace("-", "").translate(_ALIKE)
    return [_ALPHABET.index(one) for one in plain] if set(plain) <= set(_ALPHABET) else []


def _check(line: Sequence[int]) -> int:
    """Σ αⁱ·cᵢ in GF(32): the weights differ, so one wrong letter or a swap always shows."""
    total, weight = 0, 1
    for one in line:
        weight = _times(weight, 2)
        total ^= _times(weight, one)
    return total


def _times(one: int, other: int) -> int:
    product = 0
    while other:
        if other & 1:
            product ^= one
        one <<= 1
        if one & 32:
            one ^= _FIELD
        other >>= 1
    return product


def _seal(spoken: bytes) -> int:
    """Four bits over all lines: they may each hold and stand in the wrong order."""
    return hashlib.sha256(b"migramovil/spoken/1\n" + spoken).digest()[0] & 15
