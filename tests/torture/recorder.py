"""recorder.c, compiled and at hand: what a process preloaded with it can ask of it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("recorder.c")
LIBRARY = "MIGRAMOVIL_RECORDER"
FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared")
FOREVER = 1 << 40


def compile_into(folder: Path) -> Path:
    """The recorder as a shared library in `folder`; fails without a C compiler."""
    library = folder / "recorder.so"
    subprocess.run(["cc", *FLAGS, "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


def preloaded() -> bool:
    """Whether this process runs under the recorder."""
    return LIBRARY in os.environ


def run_preloaded(library: Path) -> int:
    """This very command again, under the recorder; its exit code."""
    again = [sys.executable, *sys.orig_argv[1:]]
    return subprocess.run(again, env=environment(library), check=False).returncode


def environment(library: Path) -> dict[str, str]:
    """What starts a program under the recorder."""
    return {**os.environ, "LD_PRELOAD": str(library), LIBRARY: str(library)}


class Recorder:
    """The recorder in this process. Idle until `start`."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ[LIBRARY])
        self._library.recorder_fail.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_int]
        self._library.recorder_calls.restype = ctypes.c_long

    def start(self, folder: Path, tape: int = -1) -> None:
        """Watch `folder`, and write lines to the file descriptor `tape` if there is one."""
        self._library.recorder_start(os.fsencode(folder), tape)

    def mark(self, told: bytes) -> None:
        """Put what the station tells on the tape, among the calls it made."""
        self._library.recorder_mark(told, len(told))

    def fail(self, first: int, count: int, number: int) -> None:
        """Count calls from 0 again; `count` of them from `first` on fail with errno `number`."""
        self._library.recorder_fail(first, first + count, number)

    def die(self, at: int) -> None:
        """Count calls from 0 again, and kill this process instead of making call `at`."""
        self._library.recorder_fail(at, at + 1, 0)

    def heal(self) -> None:
        self._library.recorder_fail(-1, -1, 0)

    def calls(self) -> int:
        """How many calls that can fail were made since counting began."""
        return int(self._library.recorder_calls())
