"""One program at a time on a station's folder; the second says so and touches nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from migramovil.store.outbox import Outbox
from tests.store.bench import new_disk


@pytest.mark.parametrize("words", [("station",), ("sync", "now"), ("store", "verify")])
def test_a_second_program_on_the_same_folder_says_so(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    disk = new_disk(tmp_path / "station")
    with Outbox(disk.folder):
        second = subprocess.run(
            [sys.executable, "-m", "migramovil", *words, "--data", str(disk.folder)],
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    said = second.stdout + second.stderr
    assert (second.returncode, "STO-03" in said, "Traceback" in said) == (1, True, False), said
    with Outbox(disk.folder) as outbox:
        assert outbox.station() is not None
