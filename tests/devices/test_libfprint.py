"""libfprint in a process of its own: its virtual reader, its faults, and a real one's recording."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image

from migramovil.devices import apart
from migramovil.devices.apart import ApartDevice, ApartDriver
from migramovil.devices.fingerprint import libfprint
from migramovil.devices.ports import Pixels
from migramovil.devices.sim.people import person
from migramovil.devices.trouble import (
    Cancelled,
    DeviceBusy,
    DeviceTrouble,
    DriverCrashed,
    DriverHung,
    FingerMoved,
    ImageUnreadable,
    NoFinger,
    ReaderFault,
    Unplugged,
)
from tests.fakes.virtual_image import VirtualHand

RECORDING = Path(__file__).parents[3] / "shared/data/fingers/uru4000-4500"
MODULE = "migramovil.devices.fingerprint.libfprint"

pytestmark = pytest.mark.skipif(not libfprint.installed(), reason="libfprint is not installed")


@pytest.fixture(scope="module")
def finger() -> Pixels:
    return person(7, 1).impression(2, 2)


@pytest.fixture(scope="module")
def hand() -> Iterator[VirtualHand]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "reader"  # a socket's path must be short
        patch.setenv("FP_VIRTUAL_IMAGE", str(path))
        hand = VirtualHand(path)
        yield hand
        hand.close()


@pytest.fixture(scope="module")
def reader(hand: VirtualHand) -> Iterator[ApartDevice]:
    """One for all: each promise leaves it open, which is a promise as well."""
    driver = ApartDriver(MODULE)
    (info,) = driver.find()
    device = driver.make(info)
    device.open()
    yield device
    device.close()
    driver.close()


def test_the_virtual_reader_says_that_it_is_played(reader: ApartDevice) -> None:
    assert reader.info.simulated
    assert reader.info.capabilities["grade"] == "verification"


def test_the_picture_is_what_lay_on_the_glass(
    reader: ApartDevice, hand: VirtualHand, finger: Pixels
) -> None:
    for _ in range(2):
        hand.lay(finger)
        taken = reader.capture(timeout_s=5, cancelled=Event())
        assert (taken.pixels == finger).all()
        assert taken.ppi == 500


TROUBLES = {
    "too short": (lambda hand: hand.ask_again(1), FingerMoved),
    "not in the middle": (lambda hand: hand.ask_again(2), FingerMoved),
    "once more": (lambda hand: hand.ask_again(0), ImageUnreadable),
    "no ridges": (lambda hand: hand.lay(np.full((290, 384), 255, np.uint8)), ImageUnreadable),
    "busy": (lambda hand: hand.fail(4), DeviceBusy),
    "protocol": (lambda hand: hand.fail(5), ReaderFault),
}


@pytest.mark.parametrize("what", TROUBLES)
def test_each_failure_has_its_own_words_and_the_next_capture_is_good(
    reader: ApartDevice, hand: VirtualHand, finger: Pixels, what: str
) -> None:
    spoil, trouble = TROUBLES[what]
    spoil(hand)
    with pytest.raises(DeviceTrouble) as caught:
        reader.capture(timeout_s=5, cancelled=Event())
    assert type(caught.value) is trouble
    hand.lay(finger)
    assert (reader.capture(timeout_s=5, cancelled=Event()).pixels == finger).all()


def test_no_finger_in_time_is_fpr_01_and_one_afterwards_is_taken(
    reader: ApartDevice, hand: VirtualHand, finger: Pixels
) -> None:
    with pytest.raises(NoFinger):
        reader.capture(timeout_s=0.1, cancelled=Event())
    hand.lay(finger)
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size


def test_a_capture_called_off_ends_within_a_quarter_of_a_second(
    reader: ApartDevice, hand: VirtualHand, finger: Pixels
) -> None:
    cancelled, since = Event(), [0.0]

    def call_off() -> None:
        since[0] = time.monotonic()
        cancelled.set()

    threading.Timer(0.2, call_off).start()
    with pytest.raises(Cancelled):
        reader.capture(timeout_s=30, cancelled=cancelled)
    assert time.monotonic() - since[0] < 0.5  # a quarter, and room for a busy machine
    hand.lay(finger)
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size


def test_an_unplugged_reader_is_dev_01_and_opens_again(
    reader: ApartDevice, hand: VirtualHand, finger: Pixels
) -> None:
    hand.unplug()
    with pytest.raises(Unplugged):
        reader.capture(timeout_s=5, cancelled=Event())
    reader.close()
    reader.open()
    hand.lay(finger)
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "GRACE_S", 0.1)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("what", "trouble"), [(signal.SIGSTOP, DriverHung), (signal.SIGSEGV, DriverCrashed)]
)
def test_a_library_that_hangs_or_crashes_costs_one_capture(
    reader: ApartDevice,
    hand: VirtualHand,
    finger: Pixels,
    what: signal.Signals,
    trouble: type[DeviceTrouble],
) -> None:
    child = reader._worker.pid  # type: ignore[union-attr]
    threading.Timer(0.1, os.kill, (child, what)).start()
    with pytest.raises(trouble):
        reader.capture(timeout_s=0.5, cancelled=Event())
    reader.close()
    reader.open()
    hand.lay(finger)
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size


def test_without_the_library_the_driver_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    libfprint._c.cache_clear()
    monkeypatch.setitem(libfprint._FUNCTIONS, "libfprint-999.so", {})
    assert not libfprint.installed()
    monkeypatch.undo()
    assert libfprint.installed()


@pytest.mark.data
@pytest.mark.skipif(not RECORDING.exists(), reason="the recording is not here")
@pytest.mark.skipif(shutil.which("umockdev-run") is None, reason="umockdev is not installed")
def test_the_recording_of_a_real_reader_gives_the_recorded_picture(tmp_path: Path) -> None:
    code = """
import sys
import numpy as np
from threading import Event
from migramovil.devices.fingerprint import libfprint
(info,) = libfprint.find(None)
reader = libfprint.make(info, None)
reader.open()
np.save(sys.argv[1], reader.capture(timeout_s=20, cancelled=Event()).pixels)
reader.close()
print(info.path, info.simulated, info.capabilities["grade"])
"""
    environment = {name: text for name, text in os.environ.items() if name != "FP_VIRTUAL_IMAGE"}
    environment["FP_DEVICE_EMULATION"] = "1"  # takes the seed of the recording, not a new one
    device = RECORDING / "device"
    sysfs = device.read_text(encoding="utf-8").splitlines()[0].removeprefix("P: ")
    done = subprocess.run(
        [
            *("umockdev-run", "-d", str(device)),
            *("-p", f"/sys{sysfs}={RECORDING / 'capture.pcapng'}"),
            *("--", sys.executable, "-c", code, str(tmp_path / "taken.npy")),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )
    assert done.stdout.split() == ["libfprint:uru4000:0", "False", "enrolment"], done.stderr
    expected = np.asarray(Image.open(RECORDING / "capture.png").convert("L"))
    assert (np.load(tmp_path / "taken.npy") == expected).all()
