"""The 4500's driver against a played reader: what it does when things go wrong."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Iterator
from threading import Event

import numpy as np
import pytest
import usb.core

from migramovil.devices.fingerprint import uru4000
from migramovil.devices.ports import Pixels
from migramovil.devices.sim.usb_reader import ReaderFault, SimulatedUsbReader
from migramovil.devices.trouble import (
    Cancelled,
    DeviceBusy,
    DeviceTrouble,
    ImageUnreadable,
    NoFinger,
    NotAllowed,
    Unplugged,
)


def impression() -> Pixels:
    rows, columns = np.mgrid[0:290, 0:384]
    return (128 + 100 * np.sin((rows + columns) / 3)).astype(np.uint8)


@pytest.fixture
def played() -> SimulatedUsbReader:
    return SimulatedUsbReader(impression, pace_s=0)


@pytest.fixture
def reader(played: SimulatedUsbReader) -> Iterator[uru4000.Uru4000Reader]:
    reader = uru4000.Uru4000Reader(uru4000.find(played)[0], backend=played, patience_ms=100)
    reader.open()
    yield reader
    reader.close()


def test_the_picture_is_what_lay_on_the_glass(reader: uru4000.Uru4000Reader) -> None:
    for _ in range(3):
        taken = reader.capture(timeout_s=5, cancelled=Event())
        assert (taken.pixels[1:] != impression()[1:]).sum() <= 3  # the last byte of each block
        assert taken.ppi == 512


def test_a_small_impression_is_centred_and_a_large_one_cut(played: SimulatedUsbReader) -> None:
    played._next_impression = lambda: np.zeros((100, 500), np.uint8)
    reader = uru4000.Uru4000Reader(uru4000.find(played)[0], backend=played, patience_ms=100)
    reader.open()
    pixels = reader.capture(timeout_s=5, cancelled=Event()).pixels
    reader.close()

    assert (pixels[96:194, 1:383] == 0).all()
    assert (pixels[:95] == 255).all()
    assert (pixels[195:] == 255).all()


@pytest.mark.parametrize("fault", [ReaderFault.SHORT, ReaderFault.NOISE])
def test_a_spoilt_scan_is_fpr_02_and_the_next_one_is_good(
    reader: uru4000.Uru4000Reader, played: SimulatedUsbReader, fault: ReaderFault
) -> None:
    played.fault = fault
    with pytest.raises(ImageUnreadable):
        reader.capture(timeout_s=5, cancelled=Event())
    played.fault = ReaderFault.NONE
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.shape == (290, 384)


def test_a_scan_that_never_comes_is_fpr_02_and_the_next_one_is_good(
    reader: uru4000.Uru4000Reader, played: SimulatedUsbReader
) -> None:
    played.fault = ReaderFault.HANGS
    with pytest.raises(ImageUnreadable):
        reader.capture(timeout_s=5, cancelled=Event())
    played.fault = ReaderFault.NONE
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.shape == (290, 384)


def test_no_finger_in_time_is_fpr_01(
    reader: uru4000.Uru4000Reader, played: SimulatedUsbReader
) -> None:
    played.fault = ReaderFault.NO_FINGER
    with pytest.raises(NoFinger):
        reader.capture(timeout_s=0.1, cancelled=Event())


@pytest.mark.parametrize("fault", [ReaderFault.NO_FINGER, ReaderFault.HANGS])
def test_a_capture_called_off_ends_within_a_quarter_of_a_second(
    reader: uru4000.Uru4000Reader, played: SimulatedUsbReader, fault: ReaderFault
) -> None:
    played.fault = fault
    cancelled, since = Event(), [0.0]

    def call_off() -> None:
        since[0] = time.monotonic()
        cancelled.set()

    threading.Timer(0.3, call_off).start()
    with pytest.raises(Cancelled):
        reader.capture(timeout_s=30, cancelled=cancelled)
    assert time.monotonic() - since[0] < 0.5  # a quarter, and room for a busy machine

    played.fault = ReaderFault.NONE
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.shape == (290, 384)


def test_pulling_the_cable_during_a_wait_is_unplugged_and_plugging_it_in_heals(
    reader: uru4000.Uru4000Reader, played: SimulatedUsbReader
) -> None:
    played.fault = ReaderFault.NO_FINGER
    pull = threading.Timer(0.1, lambda: setattr(played, "plugged", False))
    pull.start()
    with pytest.raises(Unplugged):
        reader.capture(timeout_s=30, cancelled=Event())
    assert uru4000.find(played) == []
    reader.close()
    with pytest.raises(Unplugged):
        reader.open()

    played.plugged, played.fault = True, ReaderFault.NONE
    reader.open()
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.shape == (290, 384)


@pytest.mark.parametrize(
    ("number", "trouble"),
    [
        (errno.EACCES, NotAllowed),
        (errno.EBUSY, DeviceBusy),
        (errno.ENODEV, Unplugged),
        (errno.EOVERFLOW, DeviceTrouble),
    ],
)
def test_a_reader_that_cannot_be_claimed_says_why(
    played: SimulatedUsbReader, number: int, trouble: type[DeviceTrouble]
) -> None:
    class Refusing(SimulatedUsbReader):
        def claim_interface(self, dev_handle: object, intf: int) -> None:
            raise usb.core.USBError("refused", -1, number)

    refusing = Refusing(impression, pace_s=0)
    reader = uru4000.Uru4000Reader(uru4000.find(refusing)[0], backend=refusing, patience_ms=100)
    with pytest.raises(trouble):
        reader.open()
    reader.close()


def test_string_descriptors_are_never_read(played: SimulatedUsbReader) -> None:
    asked: list[int] = []
    transfer = played.ctrl_transfer

    def noting(*args: object) -> int:
        asked.append(int(str(args[2])))
        return transfer(*args)  # type: ignore[arg-type]

    played.ctrl_transfer = noting  # type: ignore[method-assign,assignment]
    reader = uru4000.Uru4000Reader(uru4000.find(played)[0], backend=played, patience_ms=100)
    reader.open()
    reader.capture(timeout_s=5, cancelled=Event())
    reader.close()

    assert set(asked) == {4}  # GET_DESCRIPTOR would be 6


def test_empty_interrupts_do_not_end_the_listening(played: SimulatedUsbReader) -> None:
    listen, empty = played.intr_read, iter(range(3))

    def sometimes_empty(*args: object) -> int:
        return 0 if next(empty, None) is not None else listen(*args)  # type: ignore[arg-type]

    played.intr_read = sometimes_empty  # type: ignore[method-assign,assignment]
    reader = uru4000.Uru4000Reader(uru4000.find(played)[0], backend=played, patience_ms=100)
    reader.open()
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.shape == (290, 384)
    reader.close()


def test_no_thread_is_left_after_closing(reader: uru4000.Uru4000Reader) -> None:
    reader.capture(timeout_s=5, cancelled=Event())
    reader.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("uru4000")]
