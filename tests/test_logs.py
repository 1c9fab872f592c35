"""The log says codes and places; what somebody typed never gets into it, whatever goes wrong."""

from __future__ import annotations

import ast
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import migramovil
from migramovil import logs, opening

SOURCES = Path(migramovil.__file__).parent
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
MAY_BE_SAID = {
    "code", "record", "station", "kind", "known", "where", "__name__",
    "method", "route", "status", "took", "carrier", "why", "driver", "_module", "place",
    "epoch", "seq",
    "errno.errorcode.get(problem.errno or 0, 'unknown')",
}  # fmt: skip
"""What is handed to a logger besides its words, by its last name: codes, ids, names of types,
places in the code, a route's template and times."""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    handler = logs.start(tmp_path)
    try:
        yield tmp_path / "station.log"
    finally:
        logging.getLogger("migramovil").removeHandler(handler)
        handler.close()


def test_of_an_exception_the_log_keeps_its_type_and_place_and_never_its_words(log: Path) -> None:
    said = logging.getLogger("migramovil.test")
    try:
        raise ValueError("QUISPE MAMANI, 45120763")
    except ValueError:
        said.info("it failed", exc_info=True)
    (line,) = log.read_text(encoding="utf-8").splitlines()
    assert "QUISPE" not in line
    assert "45120763" not in line
    told = json.loads(line)
    assert (told["error"], told["say"], told["level"]) == ("ValueError", "it failed", "INFO")
    assert told["where"][-1].startswith("test_logs.py:")


def test_a_bug_is_reported_by_type_and_place_and_never_by_its_words(log: Path) -> None:
    try:
        raise KeyError("QUISPE MAMANI")
    except KeyError as bug:
        opening.report(bug)
    (line,) = log.read_text(encoding="utf-8").splitlines()
    assert "QUISPE" not in line
    assert json.loads(line)["error"] == "KeyError"


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in {"log", "logger", "logging"}
            ):
                yield f"{path.relative_to(SOURCES)}:{node.lineno}", node


def last_name(said: ast.expr) -> str:
    """ "code" of `trouble.code`; what is neither a name nor an attribute, as it is written."""
    if isinstance(said, ast.Attribute):
        return said.attr
    return ast.unparse(said)


def leveled(call: ast.Call) -> bool:
    """Whether its first argument is the level."""
    return isinstance(call.func, ast.Attribute) and call.func.attr == "log"


def test_a_logger_is_handed_fixed_words_and_codes_ids_or_places_only() -> None:
    found = list(calls())
    assert len(found) >= 5, "the search finds what is there"
    for where, call in found:
        words, *rest = call.args[leveled(call) :]
        assert isinstance(words, ast.Constant), f"{where}: words that are put together"
        strange = set(map(last_name, rest)) - MAY_BE_SAID
        assert strange == set(), where
        # of an exception handed over whole, the formatter keeps type and place: promised above
        assert {keyword.arg for keyword in call.keywords} <= {"exc_info"}, where
