"""The driver against the recorded traffic of a real reader: every pixel the same."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from migramovil.devices.fingerprint import uru4000
from migramovil.devices.replay import capture_once
from migramovil.devices.trouble import NoDevice

RECORDING = Path(__file__).parents[3] / "shared/data/fingers/uru4000-4500"

CAPTURE = """
import sys
import numpy as np
from migramovil.devices.replay import capture_once
np.save(sys.argv[1], capture_once(replay=True).pixels)
"""


@pytest.mark.data
@pytest.mark.skipif(not RECORDING.exists(), reason="the recording is not here")
@pytest.mark.skipif(shutil.which("umockdev-run") is None, reason="umockdev is not installed")
def test_the_recorded_capture_comes_out_bit_for_bit(tmp_path: Path) -> None:
    device = RECORDING / "device"
    where = device.read_text(encoding="utf-8").splitlines()[0].removeprefix("P: ")
    out = tmp_path / "out.npy"
    command = ["umockdev-run", "-d", device, "-p", f"/sys{where}={RECORDING / 'capture.pcapng'}"]
    command += ["--", sys.executable, "-c", CAPTURE, out]

    subprocess.run(command, check=True, timeout=60, capture_output=True)

    expected = np.asarray(Image.open(RECORDING / "capture.png").convert("L"))
    assert np.array_equal(np.load(out), expected)


def test_without_a_reader_there_is_a_trouble_and_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uru4000, "find", list)
    with pytest.raises(NoDevice):
        capture_once()
