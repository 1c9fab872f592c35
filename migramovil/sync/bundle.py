"""What travels on a stick, and how it is read: the same bytes as over the wire, in folders.

    STICK/migramovil-usb/HASH/up/manifest.json           Signed Carried, by the transport key
                                packets/DIGEST.packet    as sealed
                                letters/DIGEST.letter    as signed
                             down/receipts.json          wire.Receipts
                                  answers.json           Answers
                                  descriptor.json        Signed Descriptor, by the root key
                                  downstream.json        wire.Downstream
                                  contents/DIGEST.bin    what the manifests in it speak of

HASH is of the station's id: a stick tells nobody whose it is. The manifest comes last and only says
what should be there: packets, letters, receipts and lists prove themselves, whoever brings them.
Everything read here is somebody else's until then.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from migramovil import medium
from migramovil.core import canonical, sealing
from migramovil.core.downstream import LARGEST
from migramovil.core.packet import LARGEST_PACKET
from migramovil.core.record import Realm, Signed
from migramovil.core.trouble import Trouble, Who
from migramovil.medium import Suspicious

HOME, UP, DOWN = "migramovil-usb", "up", "down"
PACKETS, LETTERS, CONTENTS = "packets", "letters", "contents"
MANIFEST, RECEIPTS, ANSWERS = "manifest.json", "receipts.json", "answers.json"
DESCRIPTOR, DOWNSTREAM = "descriptor.json", "downstream.json"
MOST_HOMES, MOST_FILES, MOST_ASKED = 256, 20_000, 5_000
LARGEST_LETTER = 512 * 1024
LARGEST_LIST = 64 * 1024 * 1024
_HOME = re.compile(r"[0-9a-f]{16}")
_NAMES = {
    PACKETS: re.compile(r"[0-9a-f]{64}\.packet"),
    LETTERS: re.compile(r"[0-9a-f]{64}\.letter"),
    CONTENTS: re.compile(r"[0-9a-f]{64}\.bin"),
}
_SIZES = {PACKETS: LARGEST_PACKET, LETTERS: LARGEST_LETTER, CONTENTS: LARGEST}

T = TypeVar("T")


class StickFull(Trouble):
    code = "USB-02"
    what = "La memoria USB está llena."
    advice = "Nada se perdió: todo sigue en su origen. Libere espacio en ella o use otra."
    who = Who.OFFICER


class StickGone(Trouble):
    code = "USB-03"
    what = "La memoria USB no está o no se puede usar."
    advice = "Nada se perdió: todo sigue en su origen. Vuelva a colocarla y repita la copia."
    who = Who.OFFICER


class StickLies(Trouble):
    code = "USB-04"
    what = "La memoria USB no devolvió lo que se escribió en ella."
    advice = "Nada se perdió: todo sigue en su origen. Cambie de memoria: esta falla."
    who = Who.OFFICER


class NothingHere(Trouble):
    code = "USB-05"
    what = "En esta memoria USB no hay nada para esta estación o esta sede."
    advice = "Elija otra memoria, o haga primero la copia en ella."
    who = Who.OFFICER


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A packet that should be there."""

    record: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a station put on a stick, the `number`th time it did; `letters` by SHA-256.

    `asked` are records headquarters already holds, whose last word is still missing here.
    """

    format: str = "migramovil/usb/1"
    realm: Realm
    station: str
    epoch: int
    number: int
    made_utc: str
    packets: tuple[Item, ...]
    letters: tuple[str, ...]
    asked: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Headquarters' answers (core.letters) to a station's letters."""

    answers: tuple[Signed, ...]


def home_name(station: str) -> str:
    return sealing.sha256(station.encode())[:16]


def homes(stick: Path) -> list[str]:
    """Names of the stations' folders on a stick; NothingHere where there is none."""
    with on_stick():
        try:
            found = medium.names(medium.inside(stick, HOME), _HOME, MOST_HOMES)
        except FileNotFoundError:
            found = []
    if not found:
        raise NothingHere
    return found


def listed(stick: Path, home: str, way: str, what: str) -> list[str]:
    """Names of the packets, letters or contents in a station's folder, by their form alone."""
    with on_stick():
        try:
            folder = medium.inside(stick, HOME, home, way, what)
        except FileNotFoundError:
            return []
        return medium.names(folder, _NAMES[what], MOST_FILES)


def load(stick: Path, home: str, way: str, what: str, name: str) -> bytes:
    """One of them, if its bytes are what its name says; else Suspicious."""
    with on_stick():
        folder = medium.inside(stick, HOME, home, way, what)
        data = medium.read(folder / name, _SIZES[what])
    if not name.startswith(f"{sealing.sha256(data)}."):
        raise Suspicious(what)
    return data


def read(stick: Path, home: str, way: str, name: str, kind: type[T]) -> T | None:
    """A list there, None where it is not; Suspicious when it is not one. Nothing is trusted yet."""
    with on_stick():
        try:
            data = medium.read(medium.inside(stick, HOME, home, way) / name, LARGEST_LIST)
        except FileNotFoundError:
            return None
    try:
        return canonical.decode(data, kind)
    except canonical.NotCanonical:
        raise Suspicious(name) from None


def write(stick: Path, home: str, way: str, name: str, value: object) -> None:
    """Put a list there in the place of an earlier one, read back."""
    with on_stick():
        folder = medium.inside(stick, HOME, home, way, make=True)
        medium.put(folder / name, [canonical.encode(value)])


@contextmanager
def on_stick() -> Iterator[None]:
    """What the operating system says of the stick, as a trouble."""
    try:
        yield
    except medium.NotAsWritten:
        raise StickLies from None
    except OSError as problem:
        full = problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        name = errno.errorcode.get(problem.errno or 0, "")
        raise (StickFull if full else StickGone)(name) from None
