from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="lives are forks")
def test_station_and_headquarters_killed_at_any_moment_lose_and_double_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.sync.chaos", "--seconds", "6", "--seed", "7"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, (done.stdout, done.stderr[-2000:])
    said = json.loads(done.stdout)
    assert said["kills"] >= 6
    assert said["records"] >= 3
