"""The real programs of a headquarters, started as anyone starts them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "migramovil", "hq"]


@dataclass(frozen=True)
class Headquarters:
    data: Path

    def run(self, *words: str, said: str = "") -> list[Any]:
        """What a command printed, one JSON value a line."""
        done = subprocess.run(
            [*COMMAND, *words, "--data", str(self.data), "--json"],
            input=said, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (words, done.stderr[-2000:])
        return [json.loads(line) for line in done.stdout.splitlines()]

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """A program that runs until it is asked to end."""
        process = subprocess.Popen(
            [*COMMAND, *words, "--data", str(self.data)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)
            process.stdout.close()


def url_of(process: subprocess.Popen[str]) -> str:
    """Where it listens: the first line it prints."""
    assert process.stdout is not None
    return str(json.loads(process.stdout.readline())["url"])
