"""The serial sensor's driver over a pseudo-terminal: what it does when things go wrong."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from threading import Event

import numpy as np
import pytest

from migramovil.devices.fingerprint import ef01
from migramovil.devices.fingerprint.ef01_frames import Command
from migramovil.devices.ports import Pixels
from migramovil.devices.registry import Addresses
from migramovil.devices.sim.ef01_pty import BaudHabit, Ef01Pty, SensorFault
from migramovil.devices.trouble import (
    Cancelled,
    DeviceTrouble,
    FingerTooFaint,
    ImageUnreadable,
    NoFinger,
    ReaderLocked,
    TimedOut,
    Unplugged,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

Make = Callable[..., tuple[Ef01Pty, ef01.Ef01Reader]]


def impression() -> Pixels:
    rows, columns = np.mgrid[0:288, 0:256]
    return (128 + 100 * np.sin((rows + columns) / 3)).astype(np.uint8)


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[tuple[Ef01Pty, ef01.Ef01Reader]] = []

    def sensor(
        *, opened: bool = True, patience_s: float = 0.5, **how: object
    ) -> tuple[Ef01Pty, ef01.Ef01Reader]:
        played = Ef01Pty(impression, **({"pace_s": 0, "paced": False} | how))  # type: ignore[arg-type]
        info = ef01.find(Addresses(finger_serial=played.port))[0]
        reader = ef01.Ef01Reader(info, patience_s=patience_s)
        made.append((played, reader))
        if opened:
            reader.open()
        return played, reader

    yield sensor
    for played, reader in made:
        reader.close()
        played.close()


def test_the_picture_is_what_lay_on_the_glass_in_sixteen_greys(make: Make) -> None:
    _, reader = make()
    for _ in range(2):
        taken = reader.capture(timeout_s=5, cancelled=Event())
        assert np.array_equal(taken.pixels, impression() // 16 * 17)
        assert taken.ppi == 500


def test_it_declares_that_it_serves_to_verify_only(make: Make) -> None:
    _, reader = make()
    known = reader.info.capabilities
    assert (known["grade"], known["ppi"], known["fap"]) == ("verification", 500, 0)


@pytest.mark.parametrize("baud", [9600, 57600, 115200])
def test_a_sensor_is_found_at_its_baud_and_raised_to_the_fastest(make: Make, baud: int) -> None:
    played, reader = make(baud=baud)
    assert (played.baud, reader.info.capabilities["baud"]) == (115200, 115200)
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size
    assert (Command.SET_PARAMETER in played.heard) == (baud != 115200)


@pytest.mark.parametrize(
    ("habit", "baud"),
    [
        (BaudHabit.BEFORE_ANSWER, 115200),
        (BaudHabit.WHEN_RESTARTED, 57600),
        (BaudHabit.NEVER, 57600),
    ],
)
def test_a_sensor_serves_at_the_baud_it_takes(make: Make, habit: BaudHabit, baud: int) -> None:
    played, reader = make(habit=habit)
    assert (played.baud, reader.info.capabilities["baud"]) == (baud, baud)
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size


def test_the_picture_is_shown_while_it_comes_and_takes_the_time_the_line_takes(make: Make) -> None:
    _, reader = make(paced=True, baud=115200)
    shown: list[Pixels] = []
    began = time.monotonic()
    taken = reader.capture(timeout_s=5, cancelled=Event(), on_preview=shown.append)
    assert 3.4 < time.monotonic() - began < 8  # 36,864 bytes and their frames at 115200
    come = [int((picture != 255).any(axis=1).sum()) for picture in shown]
    assert len(come) >= 5
    assert come == sorted(come)
    assert np.array_equal(shown[0][: come[0] - 1], taken.pixels[: come[0] - 1])


@pytest.mark.parametrize("fault", [SensorFault.BREAKS_OFF, SensorFault.NOISE])
def test_a_spoilt_picture_is_fpr_02_and_the_next_one_is_good(
    make: Make, fault: SensorFault
) -> None:
    played, reader = make()
    played.fault = fault
    with pytest.raises(ImageUnreadable):
        reader.capture(timeout_s=5, cancelled=Event())
    played.fault = SensorFault.NONE
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.shape == (288, 256)


def test_wrong_sums_are_asked_again_and_then_a_trouble(make: Make) -> None:
    played, reader = make()
    played.heard.clear()
    played.fault = SensorFault.BAD_SUM
    with pytest.raises(ImageUnreadable):
        reader.capture(timeout_s=5, cancelled=Event())
    assert list(played.heard) == [Command.READ_PARAMETERS] * 3
    played.fault = SensorFault.NONE
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size


def test_a_sensor_that_hangs_is_dev_02_and_serves_again_when_it_wakes(make: Make) -> None:
    played, reader = make()
    played.fault = SensorFault.HANGS
    with pytest.raises(TimedOut):
        reader.capture(timeout_s=5, cancelled=Event())
    played.fault = SensorFault.NONE
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size


def test_a_sensor_that_sends_without_end_is_dev_02(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ef01, "_PICTURE_S", 0.3)
    played, reader = make()
    played.fault = SensorFault.BABBLES
    with pytest.raises(TimedOut):
        reader.capture(timeout_s=5, cancelled=Event())


def test_a_dry_finger_is_fpr_06_and_a_moist_one_is_taken(make: Make) -> None:
    played, reader = make()
    played.dry = True
    with pytest.raises(FingerTooFaint):
        reader.capture(timeout_s=5, cancelled=Event())
    played.dry = False
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size


def test_no_finger_in_time_is_fpr_01(make: Make) -> None:
    played, reader = make()
    played.hand_near = False
    with pytest.raises(NoFinger):
        reader.capture(timeout_s=0.2, cancelled=Event())


def test_a_locked_sensor_is_fpr_05_and_opens_with_its_password(make: Make) -> None:
    played, reader = make(opened=False, password=0xCAFE)
    with pytest.raises(ReaderLocked):
        reader.open()
    reader.close()
    knowing = ef01.Ef01Reader(reader.info, password=0xCAFE)
    knowing.open()
    assert knowing.capture(timeout_s=5, cancelled=Event()).pixels.size
    knowing.close()
    assert played.heard


@pytest.mark.parametrize("finger", [True, False], ids=["while it comes", "before a finger"])
def test_a_capture_called_off_ends_within_a_quarter_of_a_second_and_the_next_is_whole(
    make: Make, finger: bool
) -> None:
    played, reader = make(paced=True, baud=115200)
    played.hand_near = finger
    cancelled, since = Event(), [0.0]

    def call_off() -> None:
        since[0] = time.monotonic()
        cancelled.set()

    threading.Timer(0.4, call_off).start()
    with pytest.raises(Cancelled):
        reader.capture(timeout_s=30, cancelled=cancelled)
    assert time.monotonic() - since[0] < 0.5  # a quarter, and room for a busy machine

    played.hand_near = True
    threading.Timer(0.3, lambda: setattr(played, "paced", False)).start()
    taken = reader.capture(timeout_s=5, cancelled=Event())
    assert np.array_equal(taken.pixels, impression() // 16 * 17)


def test_what_a_capture_called_off_still_had_to_hear_is_no_answer_to_the_next(make: Make) -> None:
    played, reader = make(patience_s=1.0)
    played.takes_s = 0.5
    cancelled = Event()
    threading.Timer(0.2, cancelled.set).start()
    with pytest.raises(Cancelled):
        reader.capture(timeout_s=5, cancelled=cancelled)
    taken = reader.capture(timeout_s=5, cancelled=Event())
    assert np.array_equal(taken.pixels, impression() // 16 * 17)


def test_it_is_found_again_although_it_is_still_sending(make: Make) -> None:
    played, reader = make(paced=True, baud=115200)
    cancelled = Event()
    threading.Timer(0.5, cancelled.set).start()
    with pytest.raises(Cancelled):
        reader.capture(timeout_s=30, cancelled=cancelled)
    reader.close()
    other = ef01.Ef01Reader(reader.info, patience_s=0.5)
    threading.Timer(1.0, lambda: setattr(played, "paced", False)).start()
    other.open()
    assert other.capture(timeout_s=5, cancelled=Event()).pixels.size
    other.close()


@pytest.mark.parametrize("finger", [True, False], ids=["while it comes", "before a finger"])
def test_pulling_the_cable_is_unplugged(make: Make, finger: bool) -> None:
    played, reader = make(paced=True, baud=115200)
    played.hand_near = finger
    threading.Timer(0.4, played.unplug).start()
    with pytest.raises(Unplugged):
        reader.capture(timeout_s=30, cancelled=Event())
    reader.close()
    with pytest.raises(Unplugged):
        reader.open()
    assert ef01.find(Addresses(finger_serial=played.port)) == []


def test_a_line_with_no_sensor_on_it_is_dev_01(make: Make) -> None:
    played, reader = make(opened=False, patience_s=0.1)
    played.fault = SensorFault.HANGS
    with pytest.raises(Unplugged):
        reader.open()


def test_a_picture_that_is_here_survives_a_cable_pulled_while_the_finger_lifts(make: Make) -> None:
    played, reader = make(pace_s=0.3)
    feel = played._feels

    def pulled() -> bool:
        if played._lift_at is not None:
            threading.Thread(target=played.unplug).start()
        return feel()

    played._feels = pulled  # type: ignore[method-assign]
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size
    with pytest.raises(DeviceTrouble):
        reader.capture(timeout_s=5, cancelled=Event())


def test_no_port_named_no_sensor() -> None:
    assert ef01.find(Addresses()) == []
    assert ef01.find(Addresses(finger_serial="/dev/ttyNOWHERE")) == []


def test_a_finger_called_off_while_it_lifts_is_not_given(make: Make) -> None:
    played, reader = make()
    feel, cancelled = played._feels, Event()

    def called_off() -> bool:
        if played._lift_at is not None:
            cancelled.set()
        return feel()

    played._feels = called_off  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        reader.capture(timeout_s=5, cancelled=cancelled)


def test_no_thread_is_left_after_closing(make: Make) -> None:
    played, reader = make()
    reader.close()
    played.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("ef01")]
