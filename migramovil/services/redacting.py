"""What may leave a station in clear words: codes, ids, figures, and the program's own words.

Nothing passes for being harmless, only for having a form that is allowed. A word of a log line
stays when the program's own messages use it; people, documents and places have no such form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import migramovil
from migramovil.core.downstream import Kind
from migramovil.core.trouble import every_trouble
from migramovil.devices.ports import DeviceKind, DeviceRole, DeviceState

HIDDEN = "·"
LONGEST = 300
_HOME = Path(migramovil.__file__).parent
_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_ROOM = re.compile(r"migramovil(\.[a-z_0-9]{1,30}){0,5}")
_PLACE = re.compile(r"[a-z_0-9]{1,40}\.py:\d{1,5}(:[a-z_0-9<>]{1,60})?", re.IGNORECASE)
_FORMS = (
    re.compile(r"[A-Z]{2,4}-\d{2}"),  # a trouble's code
    re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"),
    re.compile(r"[-+]?\d{1,5}([.,]\d{1,3})?(ms|s|%|B|kB|MB|GB)?"),  # shorter than any document's
    _ROOM,
    _PLACE,
)
_ERROR = re.compile(r"[A-Z][A-Za-z]{1,40}(Error|Exception|Warning|Interrupt)")
_MOMENT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
_MARKS = ".,:;()«»\"'"
_SAID = re.compile(r"\blog\.\w+\(\s*(?:\w+,\s*)?\"([^\"\n]*)\"")
_WORD = re.compile(r"[^\W\d_]+")
_OF_CHECKS = (
    "services/checks.py", "services/self_tests.py", "devices/host.py", "devices/spool.py",
    "devices/camera/controls.py", "vision/sensors.py",
)  # fmt: skip
_LITERAL = re.compile(r"\"([^\"\n]*)\"")
_FACT = re.compile(r"[\w.,:;%()+/±×·°–-]{1,40}")
_DIGIT = re.compile(r"\d")
_FIGURES = 6
_LONG_NUMBER = re.compile(r"\d{6,}")


def line(raw: str, more: Iterable[str] = ()) -> dict[str, Any] | None:
    """One line of the log with nothing but allowed forms; `more` are words allowed besides. None
    where it is no line of ours."""
    try:
        told = json.loads(raw)
        at = moment(str(told["at"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if told.get("level") not in _LEVELS or not _ROOM.fullmatch(str(told.get("room"))):
        return None
    kept: dict[str, Any] = {
        "at": at,
        "level": told["level"],
        "room": told["room"],
        "say": message(str(told.get("say", "")), more),
    }
    if "error" in told:
        kept["error"] = message(str(told["error"]))
    if isinstance(where := told.get("where"), list):
        kept["where"] = [str(at) if _PLACE.fullmatch(str(at)) else HIDDEN for at in where[:6]]
    return kept


def message(text: str, more: Iterable[str] = ()) -> str:
    """The words that are allowed, the others hidden."""
    known = _own_words() | frozenset(more)
    return _filtered(text[:LONGEST], lambda word: word in known or _has_form(word))


def figure(text: str) -> str:
    """What a check measured, or its name: figures, and the words the checks themselves write."""
    known = _words_of_checks()

    def allowed(word: str) -> bool:
        few = len(_DIGIT.findall(word)) <= _FIGURES  # a date or a document's number has more
        return few and _is_fact(word) and all(one in known for one in _WORD.findall(word))

    return _filtered(text[:LONGEST], allowed)


def make(text: str) -> str:
    """A model or a version, in its maker's words: no address, path or long number passes."""
    return _filtered(text[:LONGEST], _is_fact)


def serial(text: str) -> str:
    """A device's serial number, which may be long; nothing else."""
    return text if re.fullmatch(r"[A-Za-z0-9._:-]{1,40}", text) else HIDDEN * bool(text)


def moment(text: str) -> str:
    """An hour and its date, as this program writes them."""
    return text if _MOMENT.fullmatch(text) else HIDDEN * bool(text)


def address(text: str) -> str:
    """How a device is reached, never where: "" when it is not set."""
    if not text:
        return ""
    if "://" in text:
        scheme = text.partition("://")[0]
        return scheme if scheme in {"http", "https", "ipp", "ipps"} else "set"
    if text.startswith(("/dev/", "COM")):
        return "serial"
    return "network" if re.fullmatch(r"[^:]+:\d{1,5}", text) else "set"


def tail(files: Iterable[Path], most: int, more: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The last lines of a log, oldest first; `files` from the newest."""
    words = frozenset(more)
    kept: list[dict[str, Any]] = []
    for path in files:
        try:
            raw = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        read = [found for one in raw[-most:] if (found := line(one, words)) is not None]
        kept = [*read, *kept][-most:]
        if len(kept) == most:
            break
    return kept


def plain(value: object) -> Any:
    """The same without floats, which have more than one spelling."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | frozenset | set):
        return [plain(one) for one in value]
    return value if isinstance(value, bool | int | str) or value is None else str(value)


def _filtered(text: str, allowed: Callable[[str], bool]) -> str:
    words = []
    for word in text.split():
        core = word.strip(_MARKS)
        if not core or allowed(core) or allowed(word):
            words.append(word)
        elif words[-1:] != [HIDDEN]:
            words.append(HIDDEN)
    return " ".join(words)


def _is_fact(word: str) -> bool:
    return bool(_FACT.fullmatch(word)) and not _LONG_NUMBER.search(word)


def _has_form(word: str) -> bool:
    return any(form.fullmatch(word) for form in _FORMS) or bool(_ERROR.fullmatch(word))


@cache
def _own_words() -> frozenset[str]:
    """Every word of the messages this program logs, and its names for things; without its sources
    (a frozen build) only the latter: then less is told, never more."""
    names = [one.value for kind in (DeviceKind, DeviceRole, DeviceState, Kind) for one in kind]
    names += [kind.__name__ for kind in every_trouble()]
    sources = sorted(_HOME.rglob("*.py"))
    said = (one for path in sources for one in _SAID.findall(path.read_text(encoding="utf-8")))
    return frozenset(names) | _words(one.replace("%s", " ").replace("%d", " ") for one in said)


@cache
def _words_of_checks() -> frozenset[str]:
    """Every word in what the checks can say."""
    sources = [path for name in _OF_CHECKS if (path := _HOME / name).exists()]
    said = (one for path in sources for one in _LITERAL.findall(path.read_text(encoding="utf-8")))
    return _words([*said, "TLSv"])


def _words(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(word for text in texts for word in _WORD.findall(text))
