"""What the machine says of itself is read as it is written, and never guessed."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from migramovil.devices import host
from migramovil.devices.host import HostCheck

KEPT = "/var/lib/station"


class Machine:
    """A Linux machine's tables, laid out under a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mounts: list[str] = []

    def write(self, path: str, text: str = "") -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def mount(self, point: str, numbers: str, source: str, kind: str = "ext4") -> None:
        at = point.replace(" ", "\\040")
        self.mounts.append(f"36 35 {numbers} / {at} rw,noatime shared:1 - {kind} {source} rw")
        self.write("proc/self/mountinfo", "\n".join(self.mounts) + "\n")

    def block(self, name: str, numbers: str = "", *, of: str = "", uuid: str = "") -> None:
        """A block device; `of` makes it a partition of that disk, `uuid` a mapped device."""
        place = self.root / "sys/devices" / (f"{of}/{name}" if of else name)
        place.mkdir(parents=True, exist_ok=True)
        if of:
            (place / "partition").write_text("1")
        if uuid:
            self.write(f"{place.relative_to(self.root)}/dm/uuid", uuid + "\n")
        for folder, link in (("class/block", name), ("dev/block", numbers)):
            if link:
                (self.root / "sys" / folder).mkdir(parents=True, exist_ok=True)
                (self.root / "sys" / folder / link).symlink_to(place)

    def over(self, upper: str, lower: str) -> None:
        slaves = self.root / "sys/class/block" / upper / "slaves"
        slaves.mkdir(exist_ok=True)
        (slaves / lower).mkdir()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_encrypted_disk_is_said_to_be_encrypted_through_volumes_on_top(machine: Machine) -> None:
    machine.block("sda")
    machine.block("sda3", of="sda")
    machine.block("dm-0", uuid="CRYPT-LUKS2-0011-disk")
    machine.block("dm-1", "253:1", uuid="LVM-abcdef")
    machine.over("dm-0", "sda3")
    machine.over("dm-1", "dm-0")
    machine.mount("/", "253:1", "/dev/mapper/vg-root")
    found = host.encryption(Path(KEPT), machine.root)
    assert found.ok


def test_a_plain_partition_is_said_to_be_in_clear(machine: Machine) -> None:
    machine.block("sda")
    machine.block("sda3", "8:3", of="sda")
    machine.mount("/", "8:3", "/dev/sda3")
    assert isinstance(host.encryption(Path(KEPT), machine.root).trouble, host.DiskNotEncrypted)


def test_one_clear_disk_under_a_volume_of_two_is_enough_to_say_so(machine: Machine) -> None:
    machine.block("sdb")
    machine.block("dm-0", uuid="CRYPT-LUKS2-1-a")
    machine.block("dm-1", "253:1", uuid="LVM-x")
    machine.over("dm-1", "dm-0")
    machine.over("dm-1", "sdb")
    machine.mount("/", "253:1", "/dev/mapper/both")
    assert host.encryption(Path(KEPT), machine.root).trouble is not None


def test_the_folder_own_mount_is_asked_and_not_the_one_it_hides(machine: Machine) -> None:
    machine.block("sda")
    machine.block("sda1", "8:1", of="sda")
    machine.block("dm-0", "253:0", uuid="CRYPT-LUKS2-1-a")
    machine.mount("/", "8:1", "/dev/sda1")
    machine.mount(KEPT, "253:0", "/dev/mapper/kept")
    assert host.encryption(Path(KEPT, "vault"), machine.root).ok
    assert host.encryption(Path(KEPT + "-other"), machine.root).trouble is not None


def test_a_file_system_without_numbers_of_its_own_is_found_by_its_name(machine: Machine) -> None:
    machine.block("dm-0", uuid="CRYPT-LUKS2-1-a")
    mapped = machine.root / "dev/mapper"
    mapped.mkdir(parents=True)
    (machine.root / "dev/dm-0").write_text("")
    (mapped / "root").symlink_to(machine.root / "dev/dm-0")
    machine.mount("/", "0:31", "/dev/mapper/root", "btrfs")
    assert host.encryption(Path(KEPT), machine.root).ok


@pytest.mark.parametrize("source", ["overlay", "tmpfs", "none"])
def test_what_lies_on_no_disk_is_not_known_rather_than_guessed(
    machine: Machine, source: str
) -> None:
    machine.mount("/", "0:40", source, source)
    found = host.encryption(Path(KEPT), machine.root)
    assert not found.known
    assert not found.ok


def test_swap_in_a_file_is_as_safe_as_the_disk_it_lies_on(machine: Machine) -> None:
    machine.block("sda")
    machine.block("sda1", "8:1", of="sda")
    machine.mount("/", "8:1", "/dev/sda1")
    machine.write("proc/swaps", "Filename Type Size Used Priority\n/swapfile file 1000 0 -2\n")
    assert isinstance(host.swap(machine.root).trouble, host.SwapNotEncrypted)


def test_swap_in_compressed_memory_or_behind_a_cipher_is_safe(machine: Machine) -> None:
    machine.block("zram0")
    machine.block("dm-2", uuid="CRYPT-PLAIN-swap")
    machine.write(
        "proc/swaps",
        "Filename Type Size Used Priority\n"
        "/dev/zram0 partition 1 0 5\n/dev/dm-2 partition 1 0 -2\n",
    )
    found = host.swap(machine.root)
    assert found.ok
    assert dict(found.figures) == {"Áreas de intercambio": "2", "Sin cifrar": "0"}


def test_no_swap_at_all_is_safe_and_no_table_is_not_known(machine: Machine) -> None:
    assert not host.swap(machine.root).known
    machine.write("proc/swaps", "Filename Type Size Used Priority\n")
    assert host.swap(machine.root).ok


@pytest.mark.parametrize(
    ("online", "capacity", "trouble", "said"),
    [
        ("1", "5", None, "corriente"),
        ("0", "24", host.BatteryLow, "batería"),
        ("0", "80", None, "batería"),
    ],
)
def test_a_low_battery_matters_only_without_the_charger(
    machine: Machine, online: str, capacity: str, trouble: type | None, said: str
) -> None:
    supplies = "sys/class/power_supply"
    machine.write(f"{supplies}/AC/type", "Mains\n")
    machine.write(f"{supplies}/AC/online", online + "\n")
    machine.write(f"{supplies}/BAT0/type", "Battery\n")
    machine.write(f"{supplies}/BAT0/capacity", capacity + "\n")
    found = host.power(machine.root)
    assert (type(found.trouble) if found.trouble else None) is trouble
    assert dict(found.figures) == {"Fuente": said, "Batería": f"{capacity} %"}


def test_the_battery_of_a_wireless_mouse_is_not_the_stations(machine: Machine) -> None:
    machine.write("sys/class/power_supply/hid/type", "Battery\n")
    machine.write("sys/class/power_supply/hid/scope", "Device\n")
    machine.write("sys/class/power_supply/hid/capacity", "3\n")
    assert not host.power(machine.root).known


@pytest.mark.parametrize(("free", "ok"), [(4_000_000, True), (300_000, False)])
def test_little_memory_is_told(machine: Machine, free: int, ok: bool) -> None:
    machine.write("proc/meminfo", f"MemTotal: 8000000 kB\nMemAvailable: {free} kB\n")
    assert host.memory(machine.root).ok is ok


@pytest.mark.parametrize("table", ["", "MemTotal: 1 kB\n", "MemTotal: x kB\nMemAvailable:\n"])
def test_a_table_that_is_not_understood_is_not_known(machine: Machine, table: str) -> None:
    machine.write("proc/meminfo", table)
    assert not host.memory(machine.root).known


def test_the_time_a_disk_takes_is_measured_and_nothing_stays(tmp_path: Path) -> None:
    found = host.sync_time(tmp_path)
    assert found.check is HostCheck.SYNC
    assert float(dict(found.figures)["Peor"].removesuffix(" ms")) > 0
    assert list(tmp_path.iterdir()) == []


def test_free_space_is_that_of_the_stations_folder(tmp_path: Path) -> None:
    assert host.space(tmp_path).check is HostCheck.SPACE


@pytest.mark.parametrize(("passed", "trouble"), [(True, None), (False, host.DiskFailing)])
def test_a_disk_that_says_it_fails_is_believed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, passed: bool, trouble: type | None
) -> None:
    machine.block("nvme0n1")
    machine.block("nvme0n1p2", "259:2", of="nvme0n1")
    machine.mount("/", "259:2", "/dev/nvme0n1p2")
    told = {
        "model_name": "Disk One",
        "smart_status": {"passed": passed},
        "nvme_smart_health_information_log": {"percentage_used": 7},
        "power_on_time": {"hours": 1234},
    }
    _smartctl(machine.root / "bin", json.dumps(told), monkeypatch)
    found = host.health(Path(KEPT), machine.root)
    assert (type(found.trouble) if found.trouble else None) is trouble
    assert dict(found.figures) == {
        "Disco": "Disk One", "Desgaste": "7 %", "Horas encendido": "1234",
    }  # fmt: skip


@pytest.mark.parametrize("told", ["", "[]", "{}", '{"smart_status": {"passed": "yes"}}'])
def test_a_disk_that_does_not_say_is_not_known(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    machine.block("sda")
    machine.block("sda1", "8:1", of="sda")
    machine.mount("/", "8:1", "/dev/sda1")
    _smartctl(machine.root / "bin", told, monkeypatch)
    assert not host.health(Path(KEPT), machine.root).known


def _smartctl(folder: Path, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of that name which answers so, asked for the disk and not for a partition."""
    folder.mkdir()
    program = folder / "smartctl"
    program.write_text(
        '#!/bin/sh\ncase "$*" in */dev/nvme0n1|*/dev/sda) ;; *) exit 2;; esac\n'
        f"cat <<'END'\n{told}\nEND\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
