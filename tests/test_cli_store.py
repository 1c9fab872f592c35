"""`migramovil store verify` and `migramovil audit …`: what they say, and with which status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from migramovil import cli, cli_common
from migramovil.core.trouble import Trouble
from tests.services.bench import (
    OFFICER,
    PASSWORD,
    SUPERVISOR,
    Headquarters,
    copied,
    enrolled,
    opened,
)

HEADQUARTERS = Headquarters()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A station with two finished records and an open draft."""
    folder = enrolled(tmp_path_factory.mktemp("cli") / "station", HEADQUARTERS)
    with opened(folder, HEADQUARTERS) as counter:
        counter.enter()
        for _ in range(2):
            counter.fill()
            counter.enrolling.finish().result(10)
        counter.fill()
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return copied(template, tmp_path / "station")


def run(*words: str | Path, passphrase: str = PASSWORD) -> Result:
    return CliRunner().invoke(cli.app, [str(word) for word in words], input=f"{passphrase}\n")


def lines(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def test_without_a_person_the_vault_is_counted_and_the_status_says_so(folder: Path) -> None:
    done = run("store", "verify", "--data", folder, "--json")
    assert done.exit_code == 3, done.output
    assert lines(done) == [{"findings": 0, "vault": False, "fast": False, "media": 3}]
    assert run("store", "verify", "--data", folder, "--fast").exit_code == 3


def test_with_a_person_everything_is_checked_and_all_right_is_zero(folder: Path) -> None:
    done = run("store", "verify", "--data", folder, "--user", OFFICER, "--json")
    assert done.exit_code == 0, done.output
    assert lines(done) == [{"findings": 0, "vault": True, "fast": False, "media": 3}]
    fast = run("store", "verify", "--data", folder, "--user", OFFICER, "--fast")
    assert (fast.exit_code, "Nada fuera de lugar" in fast.output) == (0, True)


def test_a_wrong_passphrase_opens_nothing(folder: Path) -> None:
    done = run("store", "verify", "--data", folder, "--user", OFFICER, passphrase="no-es-esta-no")
    assert isinstance(done.exception, Trouble)
    assert done.exception.code == "ACC-02"


def test_what_is_wrong_is_named_and_the_status_is_one(folder: Path) -> None:
    packet = sorted((folder / "packets").iterdir())[0]
    packet.write_bytes(packet.read_bytes()[:-1] + b"\x00")
    picture = sorted((folder / "media").iterdir())[0]
    picture.unlink()
    done = run("store", "verify", "--data", folder, "--user", OFFICER, "--json")
    assert done.exit_code == 1
    *found, summary = lines(done)
    assert sorted(str(one["code"]) for one in found) == ["LED-05", "LED-11"]
    assert all(one["where"] and one["advice"] for one in found)
    assert summary["findings"] == 2
    alone = run("store", "verify", "--data", folder)
    assert (alone.exit_code, "LED-05" in alone.output, "LED-11" in alone.output) == (1, True, False)


def test_a_ruined_database_is_named_too(folder: Path) -> None:
    path = folder / "outbox.db"
    path.write_bytes(b"?" * path.stat().st_size)
    done = run("store", "verify", "--data", folder, "--json")
    assert (done.exit_code, lines(done)[0]["code"]) == (1, "STO-02")


def test_an_audit_travels_and_is_checked_elsewhere(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit.jsonl"
    done = run("audit", "export", "--out", out, "--user", SUPERVISOR, "--data", folder, "--json")
    assert done.exit_code == 0, done.output
    key = str(lines(done)[0]["key"])
    there = run("audit", "verify", out, "--key", key, "--json")
    assert (there.exit_code, lines(there)[0]["findings"]) == (0, 0)
    text = out.read_bytes()
    assert OFFICER.encode() not in text
    out.write_bytes(text.replace(b'"act":"start"', b'"act":"begin"', 1))
    assert isinstance(run("audit", "verify", out, "--key", key).exception, Trouble)
    assert run("audit", "verify", out).exit_code == 2


def test_an_officer_may_not_take_the_audit_away(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit.jsonl"
    done = run("audit", "export", "--out", out, "--user", OFFICER, "--data", folder)
    assert isinstance(done.exception, Trouble)
    assert done.exception.code == "ACC-01"
    assert not out.exists()


def test_the_stores_own_audit_is_checked(folder: Path) -> None:
    done = run("audit", "verify", "--user", OFFICER, "--data", folder, "--json")
    assert (done.exit_code, lines(done)[-1]["findings"]) == (0, 0)
    with opened(folder, HEADQUARTERS) as counter:
        counter.enter()
        raw = counter.vault.database._engine.raw_connection()
        cursor = raw.cursor()
        cursor.execute("UPDATE audit SET actor = 'x' WHERE n = 2")
        cursor.close()
        raw.close()
    done = run("audit", "verify", "--user", OFFICER, "--data", folder, "--json")
    assert (done.exit_code, lines(done)[0]["code"]) == (1, "STO-08")
    assert run("audit", "verify", "--data", folder).exit_code == 2


def test_a_folder_without_a_station_is_misuse(tmp_path: Path) -> None:
    assert run("store", "verify", "--data", tmp_path).exit_code == 2
    assert cli_common.home(training=True).name == "training"
