"""The training station as a school starts it, worked from outside, and ended."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from migramovil.devices.sim import control

_START_S, _END_S = 90.0, 20.0


@pytest.mark.skipif(sys.platform == "win32", reason="asked to end by a signal")
def test_a_training_station_opens_obeys_its_trainer_and_ends_when_asked(tmp_path: Path) -> None:
    words = ["station", "--training", "--data", str(tmp_path), "--reader", "sbi", "--gnss"]
    with subprocess.Popen(
        [sys.executable, "-m", "migramovil", *words, "--printer", "ipp", "--table-camera"],
        stderr=subprocess.PIPE,
        text=True,
    ) as station:
        try:
            _until_it_listens(tmp_path, station)
            control.ask(tmp_path, verb="sit", number=3)
            answer = control.ask(tmp_path, verb="fault", device="reader", fault="wrong-signature")
        finally:
            station.send_signal(signal.SIGTERM)
            said = _last_words(station)
    assert station.returncode == 0, said
    assert "Traceback" not in said
    assert [one["seated"] for one in answer.people].index(True) == 3
    keys = [device["key"] for device in answer.devices]
    assert keys == ["person", "camera", "table", "reader", "printer", "mrz", "gnss"]
    assert not (tmp_path / control.DOOR).exists()


def _last_words(station: subprocess.Popen[str]) -> str:
    try:
        return station.communicate(timeout=_END_S)[1]
    except subprocess.TimeoutExpired:
        station.kill()
        raise


def _until_it_listens(folder: Path, station: subprocess.Popen[str]) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and station.poll() is None:
        with contextlib.suppress(control.NoPanel):
            control.ask(folder, verb="list")
            return
        time.sleep(0.1)
    pytest.fail("no training station listens")
