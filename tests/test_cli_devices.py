"""`migramovil devices …` says what is there, tries it, and ends with an honest status."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from migramovil import cli, cli_devices
from migramovil.devices.ports import DriverSpec
from migramovil.devices.trouble import PaperOut
from migramovil.store.outbox import Outbox
from migramovil.vision.pictures import decode_png
from tests.services.bench import Devices
from tests.store.bench import new_disk


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.app, [str(word) for word in words])


def lines(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Devices:
    """The devices of a training station, played without a wire."""
    devices = Devices.new()

    def specs(ends: ExitStack) -> tuple[DriverSpec, ...]:
        return tuple(devices.specs())

    monkeypatch.setattr(cli_devices, "_played", specs)
    return devices


def test_all_devices_there_is_zero_and_each_has_its_line(played: Devices, tmp_path: Path) -> None:
    done = run("devices", "list", "--training", "--json", "--data", tmp_path)
    assert done.exit_code == 0, done.output
    told = lines(done)
    assert [one["role"] for one in told if "role" in one] == [
        "portrait", "fingers", "printer", "mrz",
    ]  # fmt: skip
    assert all(one["installed"] for one in told)


def test_one_that_is_missing_is_one_and_nothing_at_all_is_two(
    played: Devices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("devices", "list", "--training", "--data", tmp_path)
    monkeypatch.setattr(cli_devices, "_played", lambda ends: tuple(played.specs()[:3]))
    assert run(*words).exit_code == 1
    monkeypatch.setattr(cli_devices, "_played", lambda ends: ())
    assert run(*words).exit_code == 2


def test_a_try_that_goes_well_is_zero_and_a_bad_one_is_one(played: Devices, tmp_path: Path) -> None:
    words = ("devices", "test", "printer", "mrz", "--training", "--json", "--data", tmp_path)
    done = run(*words)
    assert done.exit_code == 0, done.output
    assert [one["outcome"] for one in lines(done)] == ["ok", "ok"]
    played.printer.troubles.append(PaperOut())
    done = run(*words)
    assert done.exit_code == 1
    assert lines(done)[0]["trouble"] == "PRN-02"


def test_a_device_that_is_not_there_cannot_be_tried_or_used(
    played: Devices, tmp_path: Path
) -> None:
    assert run("devices", "test", "gnss", "--training", "--data", tmp_path).exit_code == 2
    out = tmp_path / "fix.json"
    gone = run("devices", "capture", "gnss", "--training", "--data", tmp_path, "--out", out)
    assert gone.exit_code == 2
    assert not out.exists()


def test_the_station_itself_is_tried_without_a_station(tmp_path: Path) -> None:
    done = run("devices", "test", "space", "link", "--json", "--data", tmp_path / "none")
    assert done.exit_code in {0, 1}
    assert [one["of"] for one in lines(done)] == ["space", "link"]


def test_a_capture_is_a_file_that_only_its_owner_reads(played: Devices, tmp_path: Path) -> None:
    out = tmp_path / "picture.png"
    done = run("devices", "capture", "portrait", "--training", "--data", tmp_path, "--out", out)
    assert done.exit_code == 0, done.output
    assert decode_png(out.read_bytes()).shape == (800, 600, 3)
    assert out.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "words", [("test", "nonsense"), ("capture", "printer"), ("capture", "fingers")]
)
def test_what_is_not_understood_is_two(played: Devices, words: tuple[str, ...]) -> None:
    assert run("devices", *words, "--training").exit_code == 2


def test_a_camera_that_was_given_a_role_is_listed_with_it_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twins = [Devices.new(), Devices.new()]
    for letter, devices in zip("AB", twins, strict=True):
        devices.camera.info = replace(devices.camera.info, serial=letter, path=f"/dev/{letter}")
    specs = tuple(devices.specs()[0] for devices in twins)
    monkeypatch.setattr(cli_devices, "_real", lambda folder: specs)

    def given() -> dict[object, object]:
        told = lines(run("devices", "list", "--json", "--data", tmp_path))
        return {one["role"]: one["serial"] for one in told if one.get("serial")}

    for role, device in (("document", "A"), ("portrait", "/dev/B")):
        done = run("devices", "assign", role, device, "--json", "--data", tmp_path)
        assert done.exit_code == 0, done.output
    assert given() == {"portrait": "B", "document": "A"}
    unknown = run("devices", "assign", "document", "C", "--data", tmp_path)
    assert unknown.exit_code == 2
    assert given() == {"portrait": "B", "document": "A"}


def test_a_station_that_runs_hides_no_device_and_is_named(played: Devices, tmp_path: Path) -> None:
    disk = new_disk(tmp_path / "station")
    words = ("--training", "--json", "--data", disk.folder)
    with Outbox(disk.folder):
        assert run("devices", "list", *words).exit_code == 0
        done = run("devices", "test", "mrz", "stores", "link", *words)
    assert done.exit_code == 1
    assert [(one["of"], one["trouble"]) for one in lines(done)] == [
        ("mrz", None), ("stores", "STO-03"), ("link", "STO-03"),
    ]  # fmt: skip


def test_a_station_at_rest_has_its_stores_checked(played: Devices, tmp_path: Path) -> None:
    disk = new_disk(tmp_path / "station")
    done = run("devices", "test", "stores", "--training", "--json", "--data", disk.folder)
    assert (done.exit_code, lines(done)[0]["outcome"]) == (0, "ok"), done.output
