"""The driver of the U.are.U family against played readers: what it does when things go wrong."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import numpy as np
import pytest
import usb.core
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from migramovil.devices.fingerprint import uru4000, uru4000_frames
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
from migramovil.devices.trouble import ReaderFault as SensorFault

MS_V2 = next(model for model in uru4000.MODELS if model.challenges)


def impression() -> Pixels:
    rows, columns = np.mgrid[0:290, 0:384]
    return (128 + 100 * np.sin((rows + columns) / 3)).astype(np.uint8)


@contextmanager
def opened(played: SimulatedUsbReader) -> Iterator[uru4000.Uru4000Reader]:
    reader = uru4000.Uru4000Reader(uru4000.find_on(played)[0], backend=played, patience_ms=100)
    try:
        reader.open()
        yield reader
    finally:
        reader.close()


@pytest.fixture
def played() -> SimulatedUsbReader:
    return SimulatedUsbReader(impression, pace_s=0)


@pytest.fixture
def reader(played: SimulatedUsbReader) -> Iterator[uru4000.Uru4000Reader]:
    with opened(played) as reader:
        yield reader


def test_the_picture_is_what_lay_on_the_glass(reader: uru4000.Uru4000Reader) -> None:
    for _ in range(3):
        taken = reader.capture(timeout_s=5, cancelled=Event())
        assert (taken.pixels[1:] != impression()[1:]).sum() <= 3  # the last byte of each block
        assert taken.ppi == 512


@pytest.mark.parametrize("model", uru4000.MODELS, ids=lambda model: model.name)
def test_every_model_gives_the_picture_upright(model: uru4000.Model) -> None:
    played = SimulatedUsbReader(impression, pace_s=0, model=model)
    (info,) = uru4000.find_on(played)
    assert (info.model, info.vendor) == (model.name, f"{model.vendor:04x}")
    assert info.capabilities["grade"] == "enrolment"
    with opened(played) as reader:
        pixels = reader.capture(timeout_s=5, cancelled=Event()).pixels
    same = pixels == impression()
    assert same[1:-1].mean() > 0.999
    assert (pixels[0 if model.turned else -1] == 255).all()  # the line the sensor keeps


def test_a_challenge_is_answered_as_microsofts_second_reader_wants_it() -> None:
    key = bytes.fromhex("79ac91795ca1478e98e00f3c598f5f4b")
    decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()  # noqa: S305 - its rule
    asked = bytes(range(16))
    assert decryptor.update(uru4000_frames.answer(asked)) == asked

    played = SimulatedUsbReader(impression, pace_s=0, model=MS_V2)
    with opened(played):
        assert played.refused == 0


def test_a_wrong_answer_to_a_challenge_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    played = SimulatedUsbReader(impression, pace_s=0, model=MS_V2)
    write = uru4000.Uru4000Reader._write

    def misanswer(reader: uru4000.Uru4000Reader, register: int, *values: int) -> None:
        write(reader, register, *values[:-1], values[-1] ^ (register == 0x2000))

    with monkeypatch.context() as patch:
        patch.setattr(uru4000.Uru4000Reader, "_write", misanswer)
        with pytest.raises(SensorFault), opened(played):
            pass
    assert played.refused > 1
    with opened(played) as reader:
        assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size


@pytest.mark.parametrize("dies", ["deaths", "empty_scans"])
def test_a_sensor_that_dies_is_started_anew_and_gives_the_finger_all_the_same(
    reader: uru4000.Uru4000Reader, played: SimulatedUsbReader, dies: str
) -> None:
    setattr(played, dies, 1)
    taken = reader.capture(timeout_s=5, cancelled=Event())
    assert (taken.pixels[1:] == impression()[1:]).mean() > 0.999


@pytest.mark.parametrize("dies", ["deaths", "empty_scans"])
def test_a_sensor_that_dies_again_and_again_is_fpr_03(
    reader: uru4000.Uru4000Reader, played: SimulatedUsbReader, dies: str
) -> None:
    setattr(played, dies, 99)
    with pytest.raises(SensorFault):
        reader.capture(timeout_s=5, cancelled=Event())
    setattr(played, dies, 0)
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size


@pytest.mark.parametrize("model", [uru4000.MODELS[0], MS_V2], ids=lambda model: model.name)
def test_a_reader_left_half_way_by_a_program_starts(model: uru4000.Model) -> None:
    played = SimulatedUsbReader(impression, pace_s=0, model=model)
    played.wedged = True
    with opened(played) as reader:
        assert not played.wedged
        assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size


def test_a_reader_that_starts_without_a_word_is_started_again(played: SimulatedUsbReader) -> None:
    played.deaf_starts = 1
    with opened(played) as reader:
        assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size


def test_bare_glass_is_seen_without_a_finger_with_its_noise_and_dead_pixels(
    reader: uru4000.Uru4000Reader, played: SimulatedUsbReader
) -> None:
    played.hand_near = False
    played.dead_pixels = {(40, 50), (200, 300)}
    empty = reader.empty_image(timeout_s=2, cancelled=Event())
    assert empty.shape == (290, 384)
    assert {(40, 50), (200, 300)} <= {(int(r), int(c)) for r, c in np.argwhere(empty < 128)}
    assert 0 < empty[1:][empty[1:] > 128].std() < 3
    played.hand_near, played.dead_pixels = True, set()
    taken = reader.capture(timeout_s=5, cancelled=Event())
    assert (taken.pixels[1:] == impression()[1:]).mean() > 0.999


def test_bare_glass_that_never_comes_is_fpr_02_and_can_be_called_off(
    reader: uru4000.Uru4000Reader, played: SimulatedUsbReader
) -> None:
    played.fault = ReaderFault.HANGS
    with pytest.raises(ImageUnreadable):
        reader.empty_image(timeout_s=0.1, cancelled=Event())
    cancelled = Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        reader.empty_image(timeout_s=5, cancelled=cancelled)


def test_a_picture_that_is_here_survives_a_cable_pulled_while_the_finger_lifts(
    reader: uru4000.Uru4000Reader, played: SimulatedUsbReader
) -> None:
    turn = played._turn_to

    def pulled(mode: int) -> None:
        turn(mode)
        played.plugged = mode != 0x12  # waits for the finger to lift

    played._turn_to = pulled  # type: ignore[method-assign]
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size
    with pytest.raises(Unplugged):
        reader.capture(timeout_s=5, cancelled=Event())


def test_who_it_is_stands_in_its_info_without_asking_for_a_string(
    reader: uru4000.Uru4000Reader,
) -> None:
    known = reader.info
    assert (known.vendor, known.product, known.port) == ("05ba", "000a", "250-1")
    assert known.capabilities["release"] == "1.03"
    assert known.capabilities["firmware"] == b"4500 simulado".ljust(16, b"\0").hex()


def test_a_small_impression_is_centred_and_a_large_one_cut(played: SimulatedUsbReader) -> None:
    played._next_impression = lambda: np.zeros((100, 500), np.uint8)
    reader = uru4000.Uru4000Reader(uru4000.find_on(played)[0], backend=played, patience_ms=100)
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
    assert uru4000.find_on(played) == []
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
    reader = uru4000.Uru4000Reader(uru4000.find_on(refusing)[0], backend=refusing, patience_ms=100)
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
    reader = uru4000.Uru4000Reader(uru4000.find_on(played)[0], backend=played, patience_ms=100)
    reader.open()
    reader.capture(timeout_s=5, cancelled=Event())
    reader.close()

    assert set(asked) == {4}  # GET_DESCRIPTOR would be 6


def test_empty_interrupts_do_not_end_the_listening(played: SimulatedUsbReader) -> None:
    listen, empty = played.intr_read, iter(range(3))

    def sometimes_empty(*args: object) -> int:
        return 0 if next(empty, None) is not None else listen(*args)  # type: ignore[arg-type]

    played.intr_read = sometimes_empty  # type: ignore[method-assign,assignment]
    reader = uru4000.Uru4000Reader(uru4000.find_on(played)[0], backend=played, patience_ms=100)
    reader.open()
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.shape == (290, 384)
    reader.close()


def test_a_listener_that_stumbles_is_set_up_again(played: SimulatedUsbReader) -> None:
    listen, stalls = played.intr_read, iter([False, True])

    def sometimes_stalled(*args: object) -> int:
        if next(stalls, False):
            raise usb.core.USBError("Pipe error", -9, errno.EPIPE)
        return listen(*args)  # type: ignore[arg-type]

    played.intr_read = sometimes_stalled  # type: ignore[method-assign,assignment]
    with opened(played) as reader:
        assert reader._listener is not None
        reader._listener.join(5)
        assert reader.capture(timeout_s=5, cancelled=Event()).pixels.shape == (290, 384)


def test_a_finger_called_off_while_it_lifts_is_not_given(
    reader: uru4000.Uru4000Reader, played: SimulatedUsbReader
) -> None:
    turn, cancelled = played._turn_to, Event()

    def called_off(mode: int) -> None:
        turn(mode)
        if mode == 0x12:  # waits for the finger to lift
            cancelled.set()

    played._turn_to = called_off  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        reader.capture(timeout_s=5, cancelled=cancelled)


def test_no_thread_is_left_after_closing(reader: uru4000.Uru4000Reader) -> None:
    reader.capture(timeout_s=5, cancelled=Event())
    reader.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("uru4000")]
