"""A whole headquarters of our own on the loopback, in processes of its own, for training."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

_ADDRESS = "https://127.0.0.1:8443"


class LocalHeadquarters:
    """`hq serve` and `hq opener`, started and stopped as an operator would."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._edge: subprocess.Popen[str] | None = None
        self._opener: subprocess.Popen[str] | None = None
        if not (data / "edge").exists():
            self.call("init", "--realm", "training", "--url", _ADDRESS)

    def call(self, *words: str) -> list[dict[str, object]]:
        """One `hq` command to its end; the JSON objects it printed."""
        done = subprocess.run(
            [*_command(), words[0], *words[1:], "--data", str(self.data), "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"hq {words[0]}: {done.stderr.strip()[-400:]}")
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def code_for(self, name: str, place: str) -> str:
        """A fresh enrolment code for a station."""
        return str(self.call("stations", "add", name, "--place", place)[0]["enrolment_code"])

    def start(self, *, fault: str = "") -> tuple[str, int]:
        """Start the receiving edge; where it listens."""
        words = ["serve", "--data", str(self.data), "--port", "0"]
        words += ["--fault", fault] if fault else []
        self._edge = _spawn(words, stdout=subprocess.PIPE)
        if self._edge.stdout is None:
            raise RuntimeError("hq serve has no output")
        said = json.loads(self._edge.stdout.readline() or "{}")
        at = urlsplit(str(said.get("url", "")))
        if not at.hostname or not at.port:
            raise RuntimeError("hq serve did not start")
        return at.hostname, at.port

    def start_opener(self) -> None:
        if self._opener is None:
            self._opener = _spawn(["opener", "--data", str(self.data)], stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        for process in (self._opener, self._edge):
            if process is None:
                continue
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(8)
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self._edge = self._opener = None


def _command() -> list[str]:
    return [sys.executable, "-m", "migramovil", "hq"]


def _spawn(words: list[str], *, stdout: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*_command(), *words],
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
