"""The driver against the recorded traffic of a real reader: every pixel the same."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from PIL import Image

from migramovil.devices.fingerprint import uru4000
from migramovil.devices.ports import Pixels
from migramovil.devices.replay import capture_once
from migramovil.devices.trouble import NoDevice

RECORDING = Path(__file__).parents[3] / "shared/data/fingers/uru4000-4500"

T = TypeVar("T", bound=Callable[..., Any])
CAPTURE = """
import sys
import numpy as np
from migramovil.devices.replay import capture_once
np.save(sys.argv[1], capture_once(replay=True).pixels)
"""


recorded = [
    pytest.mark.data,
    pytest.mark.skipif(not RECORDING.exists(), reason="the recording is not here"),
    pytest.mark.skipif(shutil.which("umockdev-run") is None, reason="umockdev is not installed"),
]


def needs_the_recording(test: T) -> T:
    for mark in recorded:
        test = mark(test)
    return test


def replayed(capture: Path, out: Path) -> Pixels:
    device = RECORDING / "device"
    where = device.read_text(encoding="utf-8").splitlines()[0].removeprefix("P: ")
    command = ["umockdev-run", "-d", device, "-p", f"/sys{where}={capture}"]
    command += ["--", sys.executable, "-c", CAPTURE, out]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    return np.asarray(np.load(out), np.uint8)


def expected() -> Pixels:
    return np.asarray(Image.open(RECORDING / "capture.png").convert("L"))


@needs_the_recording
def test_the_recorded_capture_comes_out_bit_for_bit(tmp_path: Path) -> None:
    assert np.array_equal(replayed(RECORDING / "capture.pcapng", tmp_path / "out.npy"), expected())


@needs_the_recording
def test_one_bit_flipped_on_the_wire_changes_one_pixel_by_that_bit(tmp_path: Path) -> None:
    row, column, bit = 100, 200, 0x20
    traffic = bytearray((RECORDING / "capture.pcapng").read_bytes())
    traffic[lines_of_the_scan(traffic) + row * 384 + column] ^= bit
    flipped = tmp_path / "flipped.pcapng"
    flipped.write_bytes(traffic)

    changed = replayed(flipped, tmp_path / "out.npy") ^ expected()

    assert np.count_nonzero(changed) == 1
    # masked bytes are moved on by one, and this sensor's picture is turned
    assert changed[289 - row, 383 - (column - 1)] == bit


def lines_of_the_scan(traffic: bytes) -> int:
    """Where its lines begin: the scan is the only packet of its size, with a header of 64 bytes."""
    at = 0
    while at < len(traffic):
        kind, size = struct.unpack_from("<II", traffic, at)
        if kind == 6 and size > 100_000:  # an enhanced packet block of pcapng
            (captured,) = struct.unpack_from("<I", traffic, at + 20)
            return at + 28 + captured - 289 * 384
        at += size
    raise AssertionError("no scan in the recording")


def test_without_a_reader_there_is_a_trouble_and_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uru4000, "find", list)
    with pytest.raises(NoDevice):
        capture_once()
