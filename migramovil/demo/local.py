"""A whole headquarters of our own on the loopback, in processes of its own, for training."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import typer

from migramovil.demo import tied

_ADDRESS = "https://127.0.0.1:8443"
_STOP_S = 8.0


class LocalHeadquarters:
    """`hq serve` and `hq opener`, started and stopped as an operator would; they end with us."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._edge: subprocess.Popen[str] | None = None
        self._opener: subprocess.Popen[str] | None = None
        if not (data / "edge").exists():
            self.call("init", "--realm", "training", "--url", _ADDRESS)

    def call(self, *words: str) -> list[dict[str, object]]:
        """One `hq` command to its end, in this process; the JSON objects it printed."""
        from migramovil.headquarters import commands  # noqa: PLC0415 - a web server, used once

        said, why = io.StringIO(), io.StringIO()
        command = typer.main.get_command(commands.app)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(why):
            status = command.main(
                [*words, "--data", str(self.data), "--json"], standalone_mode=False
            )
        if status:
            raise RuntimeError(f"hq {words[0]}: {why.getvalue().strip()[-400:]}")
        return [json.loads(line) for line in said.getvalue().splitlines()]

    def code_for(self, name: str, place: str) -> str:
        """A fresh enrolment code for a station."""
        return str(self.call("stations", "add", name, "--place", place)[0]["enrolment_code"])

    def start(self, *, fault: str = "") -> tuple[str, int]:
        """Start the receiving edge; where it listens."""
        self.launch(fault=fault)
        return self.where()

    def launch(self, *, fault: str = "") -> None:
        """Start the receiving edge and do not wait for it."""
        words = ["hq", "serve", "--data", str(self.data), "--port", "0"]
        words += ["--fault", fault] if fault else []
        self._edge = tied.start(*words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def where(self) -> tuple[str, int]:
        """Where it listens, once it does."""
        if self._edge is None or self._edge.stdout is None:
            raise RuntimeError("hq serve has no output")
        said = json.loads(self._edge.stdout.readline() or "{}")
        at = urlsplit(str(said.get("url", "")))
        if not at.hostname or not at.port:
            raise RuntimeError("hq serve did not start")
        return at.hostname, at.port

    @property
    def edge_pid(self) -> int:
        """The receiving edge's process; 0 while there is none."""
        return self._edge.pid if self._edge is not None else 0

    def start_opener(self) -> None:
        if self._opener is None:
            self._opener = tied.start(
                "hq", "opener", "--data", str(self.data), stderr=subprocess.DEVNULL
            )

    def stop(self) -> None:
        for process in (self._opener, self._edge):
            if process is not None:
                _stop(process)
        self._edge = self._opener = None


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_S)
    if process.poll() is None:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
