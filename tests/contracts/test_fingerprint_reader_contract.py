"""What every fingerprint reader must do, played or plugged in (`-m hardware -s`, with a finger)."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import cast

import numpy as np
import pytest

from migramovil.devices.apart import ApartDriver
from migramovil.devices.fingerprint import ef01 as ef01_driver
from migramovil.devices.fingerprint import libfprint as libfprint_driver
from migramovil.devices.fingerprint import sbi as sbi_driver
from migramovil.devices.fingerprint import uru4000
from migramovil.devices.ports import DeviceKind, FingerprintReader, Pixels
from migramovil.devices.registry import Addresses, drivers, first
from migramovil.devices.sim.ef01_pty import Ef01Pty
from migramovil.devices.sim.people import person
from migramovil.devices.sim.sbi_service import SbiService
from migramovil.devices.sim.station import SimulatedStation
from migramovil.devices.sim.usb_reader import SimulatedUsbReader
from migramovil.devices.trouble import Cancelled, NoFinger
from tests.fakes.vendor_library import FakeLibrary
from tests.fakes.virtual_image import VirtualHand

Device = AbstractContextManager[FingerprintReader]


@contextmanager
def station() -> Iterator[FingerprintReader]:
    played = SimulatedStation([person(7, 1)], pace_s=0)
    played.next_person()
    yield cast("FingerprintReader", first(DeviceKind.FINGERPRINT, played.specs))
    played.close()


@contextmanager
def microsoft_v2() -> Iterator[FingerprintReader]:
    model = next(model for model in uru4000.MODELS if model.challenges)
    played = SimulatedUsbReader(index_finger(), pace_s=0, model=model)
    (info,) = uru4000.find_on(played)
    yield uru4000.Uru4000Reader(info, backend=played, patience_ms=200)


@contextmanager
def ef01() -> Iterator[FingerprintReader]:
    if sys.platform == "win32":
        pytest.skip("needs a pseudo-terminal")
    played = Ef01Pty(index_finger(), pace_s=0, paced=False)
    at = Addresses(finger_serial=played.port)
    yield ef01_driver.make(ef01_driver.find(at)[0], at)
    played.close()


@contextmanager
def sbi() -> Iterator[FingerprintReader]:
    played = SbiService(lambda _: person(7, 1).impression(2, 2), pace_s=0)
    (info,) = sbi_driver.find(Addresses(sbi=str(played.port)))
    yield sbi_driver.SbiReader(info, roots=lambda: played.roots_pem, environment="Developer")
    played.close()


@contextmanager
def libfprint() -> Iterator[FingerprintReader]:
    if not libfprint_driver.installed():
        pytest.skip("libfprint is not installed")
    driver = ApartDriver("migramovil.devices.fingerprint.libfprint")
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "reader"
        patch.setenv("FP_VIRTUAL_IMAGE", str(path))
        hand = VirtualHand(path, patience_s=0)
        with laying(hand):
            yield cast("FingerprintReader", driver.make(driver.find()[0]))
        driver.close()


@contextmanager
def laying(hand: VirtualHand) -> Iterator[None]:
    """A finger that is laid on again and again."""
    gone, finger = Event(), person(7, 1).impression(2, 2)

    def lay() -> None:
        while not gone.wait(0.05):
            with suppress(OSError):
                hand.lay(finger)
        hand.close()

    laying = Thread(target=lay)
    laying.start()
    yield
    gone.set()
    laying.join()


@contextmanager
def vendor() -> Iterator[FingerprintReader]:
    if shutil.which("gcc") is None:
        pytest.skip("there is no compiler")
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FTR_FAKE", folder)
        library = FakeLibrary(Path(folder))
        library.show(person(7, 1).impression(2, 2))
        driver = ApartDriver(
            "migramovil.devices.fingerprint.vendor_futronic",
            asdict(Addresses(vendor_library=str(library.path))),
        )
        yield cast("FingerprintReader", driver.make(driver.find()[0]))
        driver.close()


@contextmanager
def plugged_in() -> Iterator[FingerprintReader]:
    device = first(DeviceKind.FINGERPRINT, drivers())
    if device is None:
        pytest.skip("no fingerprint reader is plugged in")
    yield cast("FingerprintReader", device)


def index_finger() -> Callable[[], Pixels]:
    """The same finger, another impression each time."""
    takes, someone = count(1), person(7, 1)
    return lambda: someone.impression(2, next(takes))


PLAYED: dict[str, Callable[[], Device]] = {
    "station": station,
    "microsoft v2": microsoft_v2,
    "ef01": ef01,
    "sbi": sbi,
    "libfprint": libfprint,
    "vendor": vendor,
}


@pytest.fixture(params=[*PLAYED, pytest.param("plugged in", marks=pytest.mark.hardware)])
def reader(request: pytest.FixtureRequest) -> Iterator[FingerprintReader]:
    if request.param == "plugged in" and request.config.option.markexpr != "hardware":
        pytest.skip("asked for by -m hardware")
    with PLAYED.get(request.param, plugged_in)() as device:
        device.open()
        yield device
        device.close()


def test_an_impression_is_dark_ridges_on_bright_ground(reader: FingerprintReader) -> None:
    taken = reader.capture(timeout_s=15, cancelled=Event())
    assert taken.pixels.ndim == 2
    assert taken.pixels.dtype == np.uint8
    assert np.median(taken.pixels[:, [0, -1]]) > 180  # ground
    assert taken.pixels.min() < 100  # ridges


def test_the_resolution_is_the_one_declared_and_fit_for_fingers(
    reader: FingerprintReader,
) -> None:
    taken = reader.capture(timeout_s=15, cancelled=Event())
    assert taken.ppi == reader.info.capabilities["ppi"]
    assert 490 <= taken.ppi <= 1020


def test_a_capture_called_off_beforehand_is_dev_03(reader: FingerprintReader) -> None:
    cancelled = Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        reader.capture(timeout_s=15, cancelled=cancelled)


def test_no_time_at_all_is_no_finger(reader: FingerprintReader) -> None:
    with pytest.raises(NoFinger):
        reader.capture(timeout_s=0.0, cancelled=Event())


def test_it_can_be_closed_twice_and_opened_again(reader: FingerprintReader) -> None:
    reader.close()
    reader.close()
    reader.open()
    assert reader.capture(timeout_s=15, cancelled=Event()).pixels.size


def test_it_declares_what_it_can_do(reader: FingerprintReader) -> None:
    known = reader.info.capabilities
    assert reader.info.kind is DeviceKind.FINGERPRINT
    assert known["grade"] in {"enrolment", "verification"}
    assert {"fingers", "ppi", "fap", "needs_segmentation", "grade", "preview"} <= {*known}
