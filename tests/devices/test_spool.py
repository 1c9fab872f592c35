"""What CUPS leaves on the disk is read from its own settings, and its defaults are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from migramovil.devices import spool

RESOURCES = Path(__file__).parents[2] / "resources" / "cups"
MOUNTS = """22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
25 22 0:22 / /run rw,nosuid - tmpfs tmpfs rw,size=1608588k
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with a disk that is not encrypted, and CUPS as it comes."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text(MOUNTS)
    disk = tmp_path / "sys/devices/sda1"
    disk.mkdir(parents=True)
    (disk / "partition").write_text("1")
    (tmp_path / "sys/class/block").mkdir(parents=True)
    (tmp_path / "sys/class/block/sda1").symlink_to(disk)
    (tmp_path / "sys/dev/block").mkdir(parents=True)
    (tmp_path / "sys/dev/block/8:1").symlink_to(disk)
    (tmp_path / "cups").mkdir()
    (tmp_path / "cups/cupsd.conf").write_text(
        "LogLevel warn\n# PreserveJobFiles No\n<Location />\n"
    )
    (tmp_path / "cups/cups-files.conf").write_text("SystemGroup root lpadmin\n")
    return tmp_path


def found(machine: Path) -> dict[str, str]:
    findings = spool.spool_findings(machine / "cups", machine)
    return {one.setting: one.trouble.code if one.trouble else "" for one in findings}


def test_cups_as_it_comes_keeps_slips_and_this_is_said(machine: Path) -> None:
    assert found(machine) == {
        "PreserveJobFiles": "PRN-20",
        "PreserveJobHistory": "PRN-22",
        "MaxJobTime": "PRN-23",
        "RequestRoot": "PRN-21",
        "TempDir": "PRN-21",
    }


def test_with_our_lines_added_nothing_of_a_slip_stays(machine: Path) -> None:
    for name in ("cupsd.conf", "cups-files.conf"):
        with (machine / "cups" / name).open("a") as file:
            file.write((RESOURCES / name).read_text())
    assert set(found(machine).values()) == {""}


@pytest.mark.parametrize(
    ("line", "setting", "code"),
    [
        ("preservejobfiles off", "PreserveJobFiles", ""),
        ("PreserveJobFiles 1", "PreserveJobFiles", "PRN-20"),
        ("PreserveJobFiles maybe", "PreserveJobFiles", "PRN-20"),
        ("PreserveJobHistory 30m", "PreserveJobHistory", ""),
        ("PreserveJobHistory 2h", "PreserveJobHistory", "PRN-22"),
        ("PreserveJobHistory No", "PreserveJobHistory", ""),
        ("MaxJobTime 0", "MaxJobTime", "PRN-23"),
        ("MaxJobTime 5m", "MaxJobTime", ""),
        ("PreserveJobFiles No\nPreserveJobFiles Yes", "PreserveJobFiles", "PRN-20"),
    ],
)
def test_a_setting_is_judged_as_cups_reads_it(
    machine: Path, line: str, setting: str, code: str
) -> None:
    (machine / "cups/cupsd.conf").write_text(line + "\n")
    assert found(machine)[setting] == code


def test_an_encrypted_disk_may_hold_what_waits(machine: Path) -> None:
    dm = machine / "sys/devices/sda1/dm"
    dm.mkdir()
    (dm / "uuid").write_text("CRYPT-LUKS2-0417-x")
    assert found(machine)["RequestRoot"] == ""


def test_where_nobody_says_what_a_disk_is_nothing_is_claimed(machine: Path) -> None:
    (machine / "proc/self/mountinfo").unlink()
    findings = spool.spool_findings(machine / "cups", machine)
    assert [one.setting for one in findings if not one.known] == ["RequestRoot", "TempDir"]


def test_a_machine_without_cups_has_nothing_to_say(tmp_path: Path) -> None:
    assert spool.spool_findings(tmp_path) == ()
