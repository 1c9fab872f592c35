"""A vendor's library in a process of its own: it may crash, hang and lie, and costs one capture."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from migramovil.devices import apart
from migramovil.devices.apart import ApartDevice, ApartDriver
from migramovil.devices.fingerprint import vendor_futronic
from migramovil.devices.fingerprint.vendor_futronic import FutronicReader
from migramovil.devices.ports import Pixels
from migramovil.devices.registry import Addresses
from migramovil.devices.trouble import (
    Cancelled,
    DeviceTrouble,
    DriverCrashed,
    DriverHung,
    FingerMoved,
    ImageUnreadable,
    NoFinger,
    NotAllowed,
    NotInstalled,
    ReaderFault,
    ReaderIncompatible,
    Unplugged,
)
from tests.fakes.vendor_library import FakeLibrary

MODULE = "migramovil.devices.fingerprint.vendor_futronic"

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no compiler")


def ridges(height: int = 480, width: int = 320) -> Pixels:
    rows, columns = np.mgrid[0:height, 0:width]
    inside = ((rows - height / 2) / height) ** 2 + ((columns - width / 2) / width) ** 2 < 0.2
    waves = 128 + 100 * np.sin((rows + columns) / 3)
    return np.where(inside, waves, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeLibrary]:
    folder = tmp_path_factory.mktemp("vendor")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FTR_FAKE", str(folder))
        yield FakeLibrary(folder)


@pytest.fixture(autouse=True)
def library(built: FakeLibrary) -> FakeLibrary:
    built.do("ok")
    built.show(ridges())
    return built


@pytest.fixture
def at(built: FakeLibrary) -> Addresses:
    return Addresses(vendor_library=str(built.path))


@pytest.fixture
def reader(at: Addresses, library: FakeLibrary) -> Iterator[FutronicReader]:
    """In this process, which is not how the station runs it: for what neither crashes nor hangs."""
    (info,) = vendor_futronic.find(at)
    device = vendor_futronic.make(info, at)
    device.open()
    yield device
    device.close()


@pytest.fixture
def apart_reader(at: Addresses, library: FakeLibrary) -> Iterator[ApartDevice]:
    driver = ApartDriver(MODULE, asdict(at))
    (info,) = driver.find()
    device = driver.make(info)
    device.open()
    yield device
    device.close()
    driver.close()


def test_the_reader_is_found_and_says_what_it_is_once_open(reader: FutronicReader) -> None:
    assert reader.info.path == "futronic:3"
    assert reader.info.model == "Futronic FS88H"
    assert reader.info.serial == "0102030405060708"
    assert reader.info.capabilities["grade"] == "enrolment"
    assert not reader.info.simulated


@pytest.mark.parametrize("invert", [False, True])
def test_the_picture_has_dark_ridges_whichever_way_the_library_shows_them(
    reader: FutronicReader, library: FakeLibrary, invert: bool
) -> None:
    library.show(255 - ridges() if invert else ridges())
    taken = reader.capture(timeout_s=5, cancelled=Event())
    assert (taken.pixels == ridges()).all()
    assert taken.ppi == 500


def test_the_preview_shows_the_finger_as_it_is_laid_on(reader: FutronicReader) -> None:
    shown: list[Pixels] = []
    reader.capture(timeout_s=5, cancelled=Event(), on_preview=shown.append)
    assert shown
    assert shown[0].shape == (480, 320)


TROUBLES = {
    "nobody": NoFinger,
    "moving": FingerMoved,
    "gone": Unplugged,
    "error 0x20000002": ImageUnreadable,
    "error 0x20000011": Unplugged,
    "error 8": ReaderFault,
}


@pytest.mark.parametrize("mode", TROUBLES)
def test_each_failure_has_its_own_words_and_the_next_capture_is_good(
    reader: FutronicReader, library: FakeLibrary, mode: str
) -> None:
    library.do(mode)
    with pytest.raises(DeviceTrouble) as caught:
        reader.capture(timeout_s=0.2, cancelled=Event())
    assert type(caught.value) is TROUBLES[mode]
    library.do("ok")
    assert (reader.capture(timeout_s=5, cancelled=Event()).pixels == ridges()).all()


def test_a_library_that_crashes_or_hangs_costs_one_capture(
    apart_reader: ApartDevice, library: FakeLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "GRACE_S", 0.3)
    for mode, trouble in (("crash", DriverCrashed), ("hang", DriverHung)):
        library.do(mode)
        with pytest.raises(trouble):
            apart_reader.capture(timeout_s=0.3, cancelled=Event())
        library.do("noisy")  # what it prints does not mix with its pictures
        apart_reader.close()
        apart_reader.open()
        taken = apart_reader.capture(timeout_s=5, cancelled=Event())
        assert (taken.pixels == ridges()).all()


def test_a_library_that_crashes_while_readers_are_looked_for_finds_none(
    at: Addresses, library: FakeLibrary, caplog: pytest.LogCaptureFixture
) -> None:
    driver = ApartDriver(MODULE, asdict(at))
    library.do("crash")
    assert driver.find() == []
    assert "failed" in caplog.text
    library.do("ok")
    assert len(driver.find()) == 1
    driver.close()


@pytest.mark.parametrize(("mode", "trouble"), [("refuse", NotAllowed), ("gone", Unplugged)])
def test_a_reader_that_does_not_open_says_why_and_opens_later(
    at: Addresses, library: FakeLibrary, mode: str, trouble: type[DeviceTrouble]
) -> None:
    (info,) = vendor_futronic.find(at)
    device = vendor_futronic.make(info, at)
    library.do(mode)
    with pytest.raises(trouble):
        device.open()
    library.do("ok")
    device.open()
    device.close()


def test_a_size_that_is_none_is_not_believed(at: Addresses, library: FakeLibrary) -> None:
    (info,) = vendor_futronic.find(at)
    for size in ((0, 320), (480, -1), (60000, 60000)):
        library.show(ridges(), size)
        with pytest.raises(ReaderIncompatible):
            vendor_futronic.make(info, at).open()


def test_a_capture_called_off_ends_within_a_quarter_of_a_second(
    reader: FutronicReader, library: FakeLibrary
) -> None:
    library.do("nobody")
    cancelled, since = Event(), [0.0]

    def call_off() -> None:
        since[0] = time.monotonic()
        cancelled.set()

    threading.Timer(0.2, call_off).start()
    with pytest.raises(Cancelled):
        reader.capture(timeout_s=30, cancelled=cancelled)
    assert time.monotonic() - since[0] < 0.5  # a quarter, and room for a busy machine


def test_without_a_path_there_is_no_reader() -> None:
    assert vendor_futronic.find(Addresses()) == []


def test_a_path_that_leads_to_no_library_is_a_reader_that_says_so(tmp_path: Path) -> None:
    at = Addresses(vendor_library=str(tmp_path / "missing.so"))
    (info,) = vendor_futronic.find(at)
    with pytest.raises(NotInstalled):
        vendor_futronic.make(info, at).open()


def test_another_makers_library_is_refused() -> None:
    at = Addresses(vendor_library="libc.so.6")
    (info,) = vendor_futronic.find(at)
    with pytest.raises(ReaderIncompatible):
        vendor_futronic.make(info, at).open()
