"""What a technician reads of a device's past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from migramovil.devices import history
from migramovil.devices.history import History
from migramovil.devices.ports import DeviceInfo, DeviceKind, DeviceRole
from migramovil.devices.trouble import DriverHung, NoFinger, PaperOut, ReaderFault, Unplugged

READER = DeviceInfo(kind=DeviceKind.FINGERPRINT, driver="uru4000", model="4500", serial="S1")
FINGERS, PRINTER = DeviceRole.FINGERS, DeviceRole.PRINTER


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "faults.jsonl"


def test_a_fault_is_kept_with_its_device_its_hour_and_its_end(file: Path) -> None:
    past = History(file, now=Clock())
    past.heard(FINGERS, READER, Unplugged())
    past.heard(FINGERS, READER, None)
    for known in (past, History(file)):
        (fault,) = known.faults
        assert (fault.role, fault.code, fault.model, fault.serial) == (
            FINGERS,
            "DEV-01",
            "4500",
            "S1",
        )
        assert fault.when == "2026-11-23T15:00:01+00:00"
        assert fault.recovered == "2026-11-23T15:00:02+00:00"


def test_a_fault_that_lasts_is_one_fault_and_ends_once() -> None:
    past = History(now=Clock())
    for _ in range(5):
        past.heard(FINGERS, READER, Unplugged())
    past.heard(PRINTER, None, PaperOut())
    past.heard(FINGERS, READER, DriverHung())
    past.heard(FINGERS, READER, None)
    past.heard(FINGERS, READER, None)
    assert [(f.role, f.code, bool(f.recovered)) for f in past.faults] == [
        (FINGERS, "DEV-10", True),
        (PRINTER, "PRN-02", False),
        (FINGERS, "DEV-01", True),
    ]


def test_a_finger_that_did_not_come_is_no_fault_of_the_reader() -> None:
    past = History()
    past.heard(FINGERS, READER, NoFinger())
    assert past.faults == ()


def test_neither_memory_nor_the_file_grows_without_end(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "KEPT", 5)
    past = History(file, now=Clock())
    for _ in range(40):
        past.heard(FINGERS, READER, ReaderFault())
        past.heard(FINGERS, READER, None)
        assert len(file.read_bytes().splitlines()) <= 10
    assert len(past.faults) == 5
    assert History(file).faults == past.faults


def test_a_broken_line_costs_that_line(file: Path) -> None:
    past = History(file, now=Clock())
    past.heard(FINGERS, READER, ReaderFault())
    file.write_bytes(b'{"role": "fing\n\xff\n' + file.read_bytes())
    assert [fault.code for fault in History(file).faults] == ["FPR-03"]


def test_a_full_disk_does_not_stop_a_device(tmp_path: Path) -> None:
    past = History(tmp_path / "missing" / "faults.jsonl")
    past.heard(FINGERS, READER, ReaderFault())
    assert [fault.code for fault in past.faults] == ["FPR-03"]
