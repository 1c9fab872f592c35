"""Runs `migramovil …` for as long as its parent lives: the parent holds our standard input open.

A parent that is killed cannot stop its children; the end of that pipe can, on every system.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import threading
import time

_GRACE_S = 5.0


def start(
    *words: str, stdout: int = subprocess.DEVNULL, stderr: int | None = None
) -> subprocess.Popen[str]:
    """`migramovil words…` as a child that ends when we do, however that comes about."""
    return subprocess.Popen(
        [sys.executable, "-m", "migramovil.demo.tied", *words],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "QT_QPA_PLATFORM": "offscreen"},
    )


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True, name="tied").start()
    runpy.run_module("migramovil", run_name="__main__", alter_sys=True)
