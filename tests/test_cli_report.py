"""`migramovil devices report`: a summary to read out, all of it in clear, and the two ways out."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from migramovil import app, cli
from migramovil.core import sealing, support
from migramovil.core.trouble import Trouble
from migramovil.devices import host
from migramovil.services import checks, supporting
from migramovil.services.supporting import STICK
from tests import technician
from tests.services import bench
from tests.services.bench import Headquarters, copied, enrolled
from tests.services.test_supporting import KEY, Sim, believing

SWAP = host.SwapNotEncrypted


@pytest.fixture(scope="module")
def headquarters() -> Headquarters:
    return Headquarters()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, headquarters: Headquarters) -> Path:
    return enrolled(tmp_path_factory.mktemp("template") / "station", headquarters)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Well but for its swap, without devices; what it is said to have can be changed."""
    fault = ["swap"]
    for where, name in technician.ill("well"):
        monkeypatch.setattr(where, name, functools.partial(_asked, fault, where, name))
    monkeypatch.setattr(supporting, "WATCH_S", 0.0)
    monkeypatch.setattr(checks.probe, "probe", no_link)
    build: Any = app.build

    def played(folder: Path, *, training: bool) -> app.Station:
        sim: Any = Sim()
        built: app.Station = build(folder, training=training, sim=sim, password_memory_kib=64)
        return built

    monkeypatch.setattr(app, "build", played)
    return fault


def _asked(fault: list[str], where: Any, name: str, *about: Any) -> Any:
    return technician.ill(fault[0])[where, name](*about)


def no_link(*_: object, **__: object) -> object:
    raise checks.NoLink


@pytest.fixture
def station(template: Path, tmp_path: Path, headquarters: Headquarters) -> Path:
    folder = copied(template, tmp_path / "station")
    built = app.build(folder, training=True)
    believing(built, headquarters)
    built.close()
    return folder


def ran(*words: str) -> Result:
    return CliRunner().invoke(cli.app, ["devices", "report", *words])


def test_the_summary_says_what_is_wrong_with_its_code_and_what_to_do(station: Path) -> None:
    told = ran("--data", str(station))
    assert told.exit_code == 1
    assert f"{SWAP.code}  {checks.NAMES[checks.Check.SWAP]}: {SWAP.what}" in told.stdout
    assert SWAP.advice in told.stdout


def test_in_json_all_of_it_is_there_what_is_wrong_first(station: Path) -> None:
    told = json.loads(ran("--json", "--data", str(station)).stdout)
    assert next(iter(told)) == "wrong"
    assert SWAP.code in [one["code"] for one in told["wrong"]]
    assert told["format"] == support.CONTENT_FORMAT


def test_on_a_stick_it_is_sealed_and_only_support_reads_it(station: Path, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    told = ran("--out", str(stick), "--data", str(station))
    assert SWAP.code in told.stdout
    (path,) = (stick / STICK).iterdir()
    assert str(path) in told.stderr
    content = support.open_content(support.read(path.read_bytes()), KEY)
    assert SWAP.code in [one["code"] for one in content["wrong"]]
    with pytest.raises(support.BadReport):
        support.open_content(support.read(path.read_bytes()), sealing.Opener.new())


def test_left_for_the_line_it_waits_in_the_stations_folder(station: Path) -> None:
    ran("--send", "--data", str(station))
    assert len(list((station / "support").glob("*.report"))) == 1


def test_before_enrolment_the_codes_are_told_and_nothing_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    told = CliRunner().invoke(
        cli.app, ["devices", "report", "--out", str(tmp_path), "--data", str(folder)]
    )
    assert SWAP.code in told.stdout
    assert isinstance(told.exception, Trouble)
    assert told.exception.code == supporting.NoSupportKey.code
    assert list(tmp_path.rglob("*.report")) == []


def test_what_is_well_ends_with_nothing_to_do(station: Path, machine: list[str]) -> None:
    machine[0] = "well"
    told = ran("--json", "--data", str(station))
    wrong = [one["where"] for one in json.loads(told.stdout)["wrong"]]
    assert "swap" not in wrong
    assert bench.PASSWORD not in told.stdout
