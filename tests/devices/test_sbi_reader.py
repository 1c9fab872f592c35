"""A reader behind a device service: what is taken of its answers, and what is seen through."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from migramovil.devices.fingerprint import sbi
from migramovil.devices.ports import DeviceInfo, Pixels, Slap
from migramovil.devices.registry import Addresses
from migramovil.devices.sim.sbi_service import SbiFault, SbiService
from migramovil.devices.trouble import (
    Cancelled,
    CaptureReplayed,
    CertificateExpired,
    DeviceBusy,
    DeviceTrouble,
    HashChainBroken,
    ImageUnreadable,
    NoFinger,
    NoTrustRoot,
    OtherReader,
    PictureFormatUnknown,
    ReaderClockWrong,
    ReaderNotReady,
    ReaderNotRegistered,
    ReaderTampered,
    ServiceUnreadable,
    SignatureWrong,
    SignerUntrusted,
    TimedOut,
    Unplugged,
    WrongEnvironment,
    WrongFingers,
)


def impression(position: int) -> Pixels:
    rows, columns = np.mgrid[0:96, 0:80]
    return (128 + 100 * np.sin((rows + columns) / 3 + position)).astype(np.uint8)


@pytest.fixture
def service() -> Iterator[SbiService]:
    service = SbiService(impression, pace_s=0, fps=50)
    yield service
    service.close()


def found(service: SbiService) -> list[DeviceInfo]:
    return sbi.find(Addresses(sbi=str(service.port)))


def reader_of(service: SbiService, environment: str = "Developer") -> sbi.SbiReader:
    return sbi.SbiReader(
        found(service)[0], roots=lambda: service.roots_pem, environment=environment
    )


@pytest.fixture
def reader(service: SbiService) -> sbi.SbiReader:
    reader = reader_of(service)
    reader.open()
    return reader


def test_a_service_on_any_of_its_ports_is_found(service: SbiService) -> None:
    (info,) = found(service)
    assert (info.model, info.serial) == ("Migramovil Huellero simulado", "SIM000000001")
    assert info.capabilities["fingers"] == 4
    assert not info.simulated


@pytest.mark.parametrize("environment", ["Staging", "Developer", "Pre-Production"])
def test_a_reader_of_another_environment_makes_a_training_station(
    service: SbiService, environment: str
) -> None:
    at = Addresses(sbi=str(service.port), sbi_environment=environment)
    assert all(info.simulated for info in sbi.find(at))


@pytest.mark.parametrize("ports", ["", "0-10", "4600-4501", "1-65535", "x", "4501-y", "-"])
def test_ports_that_are_no_range_are_none(ports: str) -> None:
    assert sbi.find(Addresses(sbi=ports)) == []


def test_looking_where_nobody_listens_takes_no_time() -> None:
    since = time.monotonic()
    assert sbi.find(Addresses(sbi="3801-3900")) == []
    assert time.monotonic() - since < 1  # about 0.01 on an idle machine


def test_another_program_on_a_port_is_no_reader_and_hides_none(service: SbiService) -> None:
    first = service.port - 1

    def greet() -> None:
        for _ in range(2):  # somebody looks whether we are there, then asks
            line, _ = other.accept()
            with line:
                line.sendall(b"SSH-2.0-Other\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as other:
        greeting = threading.Thread(target=greet)
        greeting.start()
        port = other.getsockname()[1]
        assert sbi.find(Addresses(sbi=f"{port}-{port}")) == []
        greeting.join()
    assert len(sbi.find(Addresses(sbi=f"{first}-{service.port}"))) >= 1


def test_the_picture_is_what_lay_on_the_glass(reader: sbi.SbiReader) -> None:
    for _ in range(2):  # the second continues the hash chain of the first
        taken = reader.capture(timeout_s=5, cancelled=Event())
        assert (taken.pixels == impression(0)).all()
        assert taken.ppi == 500


@pytest.mark.parametrize(
    ("slap", "positions"),
    [
        (Slap.LEFT_FOUR, [7, 8, 9, 10]),
        (Slap.RIGHT_FOUR, [2, 3, 4, 5]),
        (Slap.THUMBS, [1, 6]),
    ],
)
def test_each_slap_gives_its_fingers(
    reader: sbi.SbiReader, slap: Slap, positions: list[int]
) -> None:
    fingers = reader.capture_slap(slap, missing=frozenset(), timeout_s=5, cancelled=Event())
    assert [finger.position for finger in fingers] == positions
    for finger in fingers:
        assert (finger.pixels == impression(finger.position)).all()
        assert finger.quality == 70


def test_a_missing_finger_is_not_asked_for(reader: sbi.SbiReader) -> None:
    fingers = reader.capture_slap(
        Slap.RIGHT_FOUR, missing=frozenset({3, 9}), timeout_s=5, cancelled=Event()
    )
    assert [finger.position for finger in fingers] == [2, 4, 5]


def test_a_reader_for_one_finger_takes_one(service: SbiService) -> None:
    service.slap = False
    reader = reader_of(service)
    reader.open()
    assert reader.info.capabilities["fingers"] == 1
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.shape == (96, 80)


def test_the_preview_shows_what_is_captured_then(
    reader: sbi.SbiReader, service: SbiService
) -> None:
    service.pace_s = 0.2
    shown: list[Pixels] = []
    here = threading.current_thread()

    def show(pixels: Pixels) -> None:
        assert threading.current_thread() is here
        shown.append(pixels)

    reader.capture_slap(
        Slap.THUMBS, missing=frozenset(), timeout_s=5, cancelled=Event(), on_preview=show
    )
    assert len(shown) >= 2
    assert shown[0].shape == (48, 80)  # two thumbs at half the size


def test_a_service_without_preview_still_captures(
    reader: sbi.SbiReader, service: SbiService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sbi, "_FIRST_FRAME_S", 0.1)
    service.fps = 0.01
    shown: list[Pixels] = []
    taken = reader.capture(timeout_s=5, cancelled=Event(), on_preview=shown.append)
    assert taken.pixels.size
    assert shown == []


CAPTURE_TROUBLES = {
    SbiFault.NOT_READY: ReaderNotReady,
    SbiFault.NOT_REGISTERED: ReaderNotRegistered,
    SbiFault.BUSY: DeviceBusy,
    SbiFault.NO_FINGER: NoFinger,
    SbiFault.BREAKS_OFF: Unplugged,
    SbiFault.GARBAGE: ServiceUnreadable,
    SbiFault.FLOOD: ServiceUnreadable,
    SbiFault.WRONG_SIGNATURE: SignatureWrong,
    SbiFault.OTHER_AUTHORITY: SignerUntrusted,
    SbiFault.EXPIRED: CertificateExpired,
    SbiFault.REPLAYED: CaptureReplayed,
    SbiFault.WRONG_CLOCK: ReaderClockWrong,
    SbiFault.BROKEN_CHAIN: HashChainBroken,
    SbiFault.OTHER_ENVIRONMENT: WrongEnvironment,
    SbiFault.OTHER_READER: OtherReader,
    SbiFault.TOO_FEW: WrongFingers,
    SbiFault.OTHER_FINGERS: WrongFingers,
    SbiFault.WSQ: PictureFormatUnknown,
    SbiFault.DAMAGED: ImageUnreadable,
    SbiFault.TAMPERED: ReaderTampered,
}


@pytest.mark.parametrize(("fault", "trouble"), CAPTURE_TROUBLES.items())
def test_each_failure_has_its_own_words_and_the_next_capture_is_good(
    reader: sbi.SbiReader, service: SbiService, fault: SbiFault, trouble: type[DeviceTrouble]
) -> None:
    def take() -> int:
        fingers = reader.capture_slap(
            Slap.LEFT_FOUR, missing=frozenset(), timeout_s=0.4, cancelled=Event()
        )
        return len(fingers)

    assert take() == 4
    service.fault = fault
    with pytest.raises(DeviceTrouble) as caught:
        take()
    assert type(caught.value) is trouble
    service.fault = SbiFault.NONE
    assert take() == 4


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        (SbiFault.NOT_READY, ReaderNotReady),
        (SbiFault.NOT_REGISTERED, ReaderNotRegistered),
        (SbiFault.WRONG_SIGNATURE, SignatureWrong),
        (SbiFault.OTHER_AUTHORITY, SignerUntrusted),
        (SbiFault.EXPIRED, CertificateExpired),
        (SbiFault.OTHER_ENVIRONMENT, WrongEnvironment),
        (SbiFault.OTHER_READER, OtherReader),
    ],
)
def test_a_reader_that_cannot_prove_itself_is_not_opened(
    service: SbiService, fault: SbiFault, trouble: type[DeviceTrouble]
) -> None:
    reader = reader_of(service)
    service.fault = fault
    with pytest.raises(trouble):
        reader.open()
    service.fault = SbiFault.NONE
    reader.open()


def test_a_reader_of_tests_is_not_taken_for_one_of_production(service: SbiService) -> None:
    with pytest.raises(WrongEnvironment):
        reader_of(service, "Production").open()


@pytest.mark.parametrize("pem", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA"])
def test_without_a_root_nobody_is_believed(service: SbiService, pem: bytes) -> None:
    with pytest.raises(NoTrustRoot):
        sbi.SbiReader(found(service)[0], roots=lambda: pem, environment="Developer").open()


def test_a_root_file_that_is_not_there_is_said_as_such(service: SbiService) -> None:
    at = Addresses(sbi=str(service.port))
    (info,) = sbi.find(at)
    with pytest.raises(NoTrustRoot):
        sbi.make(info, at).open()


@pytest.mark.parametrize("fault", [SbiFault.NO_FINGER, SbiFault.HANGS, SbiFault.SLOW])
def test_a_capture_called_off_ends_within_a_quarter_of_a_second(
    reader: sbi.SbiReader, service: SbiService, fault: SbiFault
) -> None:
    service.fault = fault
    cancelled, since = Event(), [0.0]

    def call_off() -> None:
        since[0] = time.monotonic()
        cancelled.set()

    threading.Timer(0.2, call_off).start()
    with pytest.raises(Cancelled):
        reader.capture(timeout_s=1, cancelled=cancelled)
    assert time.monotonic() - since[0] < 0.5  # a quarter, and room for a busy machine


def test_after_a_capture_called_off_the_service_is_asked_until_it_is_free(
    reader: sbi.SbiReader, service: SbiService
) -> None:
    service.fault = SbiFault.NO_FINGER
    cancelled = Event()
    threading.Timer(0.1, cancelled.set).start()
    with pytest.raises(Cancelled):
        reader.capture(timeout_s=0.8, cancelled=cancelled)
    service.fault = SbiFault.NONE
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size


def test_a_service_that_never_answers_is_dev_02(
    reader: sbi.SbiReader, service: SbiService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sbi, "_GRACE_S", 0.1)
    service.fault = SbiFault.HANGS
    with pytest.raises(TimedOut):
        reader.capture(timeout_s=0.1, cancelled=Event())


def test_a_service_that_ends_is_unplugged_and_starting_it_heals(
    reader: sbi.SbiReader, service: SbiService
) -> None:
    service.fault = SbiFault.NO_FINGER
    threading.Timer(0.1, service.unplug).start()
    with pytest.raises(Unplugged):
        reader.capture(timeout_s=5, cancelled=Event())
    assert found(service) == []
    with pytest.raises(Unplugged):
        reader.open()
    service.plug()
    service.fault = SbiFault.NONE
    reader.open()
    assert reader.capture(timeout_s=5, cancelled=Event()).pixels.size


def test_a_reader_replaced_by_another_is_noticed(service: SbiService) -> None:
    reader = sbi.SbiReader(
        replace(found(service)[0], serial="SIM000000002"),
        roots=lambda: service.roots_pem,
        environment="Developer",
    )
    with pytest.raises(OtherReader):
        reader.open()


def test_no_thread_is_left_behind(service: SbiService, reader: sbi.SbiReader) -> None:
    reader.capture(timeout_s=5, cancelled=Event(), on_preview=lambda _: None)
    reader.close()
    service.close()
    time.sleep(0.1)
    assert not [t for t in threading.enumerate() if t.name.startswith("sbi")]
