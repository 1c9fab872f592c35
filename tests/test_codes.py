"""Every code a person can read over the radio stands in docs/codes.md, once."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from pathlib import Path

import migramovil
from migramovil.core.trouble import Trouble

CODES = Path(__file__).parent.parent / "docs" / "codes.md"


def troubles() -> list[type[Trouble]]:
    for module in pkgutil.walk_packages(migramovil.__path__, "migramovil."):
        if not module.name.endswith(("__main__", "finger_worker")):
            importlib.import_module(module.name)
    found, waiting = set(), [Trouble]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if "code" in vars(kind) and kind.__module__.startswith("migramovil."):
            found.add(kind)
    return sorted(found, key=lambda kind: kind.code)


def table() -> str:
    rows = [f"| {k.code} | {k.what} | {k.advice} | {k.who.value} |" for k in troubles()]
    return "\n".join(rows)


def test_every_code_means_one_thing() -> None:
    assert [code for code, n in Counter(k.code for k in troubles()).items() if n > 1] == []


def test_every_code_is_explained_in_the_documents() -> None:
    assert table() in CODES.read_text(encoding="utf-8")


def test_every_code_says_what_happened_and_what_to_do() -> None:
    assert [k.code for k in troubles() if not (k.what.strip() and k.advice.strip())] == []
