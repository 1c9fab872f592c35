"""Searches files for what may never lie in them in clear: a person's data, their pictures.

A value is looked for as bytes in every way a program may come to write it; a picture by windows of
its file and by runs of its pixels, so that a piece of it is found too.
"""

from __future__ import annotations

import base64
import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from migramovil.core import canonical

SHORTEST = 4
"""Shorter values (the sex, a country's letters, a language) stand in any file by chance."""
PUBLIC = frozenset(
    {"passport", "national_id", "manual", "mrz", "madre", "padre", "no_phone", "false", "true"}
)
"""Values of the schema itself, which name no one."""
WINDOW, RUN = 24, 48
CLEAR_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\x00\x10JFIF")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Where something was found, and what it is without saying it."""

    file: str
    what: str


def leaves(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string and number under `value` with its path: "document.number" and so on."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{path}.{number}")
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield path, str(value)


def markers(applicant: Mapping[str, object]) -> tuple[dict[bytes, str], list[str]]:
    """What to look for → which value it is; and the paths that were skipped as too short."""
    needles: dict[bytes, str] = {}
    skipped = []
    for path, value in leaves(applicant):
        if len(value) < SHORTEST or value in PUBLIC:
            skipped.append(path)
            continue
        for way, form in forms(value).items():
            needles[form] = f"{path} as {way}"
    whole = canonical.encode(applicant)
    middle = len(whole) // 2
    needles |= {whole[:RUN]: "canonical JSON", whole[middle : middle + RUN]: "canonical JSON"}
    return needles, skipped


def forms(value: str) -> dict[str, bytes]:
    """Every way the value may be written."""
    found: dict[str, bytes] = {}
    spellings = {
        "written": value,
        "lower": value.lower(),
        "upper": value.upper(),
        "NFD": unicodedata.normalize("NFD", value),
        "JSON": json.dumps(value)[1:-1],
    }
    for spelling, words in spellings.items():
        found |= {f"{spelling} {code}": words.encode(code) for code in _CODES}
        raw = words.encode()
        found |= {f"{spelling} base64+{n}": piece for n, piece in enumerate(_base64(raw))}
        found[f"{spelling} hex"] = raw.hex().encode()
        found[f"{spelling} HEX"] = raw.hex().upper().encode()
    return found


_CODES = ("utf-8", "utf-16-le", "utf-16-be")


def _base64(raw: bytes) -> Iterator[bytes]:
    """What base64 text holds wherever the value begins in it: three alignments, two alphabets."""
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)
        first = (0, 2, 3)[shift]  # letters that also depend on what stands before
        last = len(text.rstrip(b"=")) - (1 if (shift + len(raw)) % 3 else 0)
        whole = text[first:last]
        yield whole
        yield whole.translate(bytes.maketrans(b"+/", b"-_"))


def picture_markers(picture: Path) -> dict[bytes, str]:
    """Windows of the file and runs of pixels that are not all alike."""
    data = picture.read_bytes()
    starts = np.linspace(len(data) // 8, len(data) - WINDOW - 16, 12).astype(int)
    windows = {int(at): data[at : at + WINDOW] for at in starts}
    needles = {w: f"{picture.name} at {at}" for at, w in windows.items() if _changes(w) >= _LIVELY}
    seen = cv2.imread(str(picture), cv2.IMREAD_COLOR)
    if seen is None:
        return needles
    grey = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
    ways = {"grey": grey, "BGR": seen, "RGB": seen[:, :, ::-1]}
    for way, pixels in ways.items():
        needles |= dict.fromkeys(_runs(np.asarray(pixels)), f"{picture.name} pixels {way}")
    return needles


def _runs(pixels: np.ndarray) -> Iterator[bytes]:
    height = pixels.shape[0]
    for row in np.linspace(height // 4, 3 * height // 4, 8).astype(int):
        line = np.ascontiguousarray(pixels[row]).tobytes()
        middle = len(line) // 2
        run = line[middle : middle + RUN]
        if _changes(run) >= _LIVELY:  # plain ground stands in any picture of the program's own
            yield run


def _changes(run: bytes) -> int:
    return sum(a != b for a, b in pairwise(run))


_LIVELY = 6


def search(folders: Iterable[Path], needles: Mapping[bytes, str]) -> list[Hit]:
    """Every needle found in any file under the folders, or in a file's name."""
    sought = _Sought(needles)
    hits = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            what = sought.within(str(path.relative_to(folder)).encode())
            if path.is_file() and not path.is_symlink():
                what |= sought.within(path.read_bytes())
            hits += [Hit(file=path.name, what=one) for one in sorted(what)]
    return hits


def clear_pictures(folders: Iterable[Path]) -> list[Hit]:
    """Pictures of any kind that lie open, whoever they show."""
    return search(folders, dict.fromkeys(CLEAR_PICTURES, "a picture in clear"))


class _Sought:
    """Thousands of needles at once: their first four bytes sift the places to look at."""

    def __init__(self, needles: Mapping[bytes, str]) -> None:
        if not needles or min(map(len, needles)) < SHORTEST:
            raise ValueError("nothing to look for, or something too short to mean anything")
        self._by_head: dict[bytes, list[tuple[bytes, str]]] = defaultdict(list)
        self._first, self._second = np.zeros(65536, bool), np.zeros(65536, bool)
        for needle, what in needles.items():
            self._by_head[needle[:4]].append((needle, what))
            first, second = np.frombuffer(needle[:4], "<u2")
            self._first[first] = self._second[second] = True

    def within(self, data: bytes) -> set[str]:
        if len(data) < SHORTEST:
            return set()
        raw = np.frombuffer(data, np.uint8).astype(np.uint16)
        pairs = raw[:-1] | raw[1:] << 8
        places = np.flatnonzero(self._first[pairs[:-2]] & self._second[pairs[2:]])
        return {
            what
            for at in places.tolist()
            for needle, what in self._by_head.get(data[at : at + 4], ())
            if data.startswith(needle, at) and _means_it(data, at, len(needle))
        }


def _means_it(data: bytes, at: int, size: int) -> bool:
    """Random bytes spell four letters in one run of some hundred; but not among other letters."""
    around = data[max(0, at - 2) : at] + data[at + size : at + size + 2]
    return size >= _SURE or all(byte in _TEXT for byte in around)


_SURE = 6
_TEXT = frozenset(range(0x20, 0x7F)) | {0x00, 0x09, 0x0A, 0x0D}
