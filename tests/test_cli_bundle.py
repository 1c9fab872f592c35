"""`migramovil bundle export | import`, `hq import`: a record confirmed with no network at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from migramovil import cli
from migramovil.headquarters import commands
from migramovil.services.bundles import SameDisk
from migramovil.store.outbox import Outbox
from migramovil.sync import bundle
from migramovil.sync.bundle import NothingHere
from tests.headquarters.rig import Place
from tests.services import bench
from tests.services.bench import SUPERVISOR, enrolled, opened
from tests.services.test_backups import Real


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("hq") / "hq").init().serving() as serving:
        yield serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, place: Place) -> Path:
    """A station with one finished record, enrolled at a real headquarters."""
    hq = cast(bench.Headquarters, Real(place=place))
    made = enrolled(tmp_path_factory.mktemp("cli") / "station", hq)
    with opened(made, hq) as counter:
        counter.enter(SUPERVISOR)
        counter.fill()
        counter.enrolling.finish().result(10)
    return made


def station(*words: str) -> tuple[int, Any]:
    done = CliRunner().invoke(cli.app, ["bundle", *words, "--json"])
    if isinstance(done.exception, Exception) and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, json.loads(done.stdout)


def headquarters(place: Place, stick: Path) -> tuple[int, Any]:
    words = ["import", str(stick), "--data", str(place.data), "--json"]
    done = CliRunner().invoke(commands.app, words)
    return done.exit_code, json.loads(done.stdout)


def test_a_record_is_confirmed_by_two_visits_of_a_stick(
    folder: Path, place: Place, tmp_path: Path
) -> None:
    at = ["--data", str(folder)]
    with pytest.raises(SameDisk):
        station("export", "--to", str(tmp_path), *at)
    with pytest.raises(NothingHere):
        station("import", str(tmp_path), *at)
    code, out = station("export", "--to", str(tmp_path), *at, "--same-disk")
    assert (code, out["packets"], out["copied"]) == (0, 1, 1)
    assert out["letters"] > 0  # a new account and the way back in wait for headquarters too
    code, took = headquarters(place, tmp_path)
    assert (code, took["new"], took["letters"], took["refused"]) == (0, 1, out["letters"], [])
    place.judge()
    assert headquarters(place, tmp_path)[1]["receipts"] == 2
    code, came = station("import", str(tmp_path), *at)
    assert (code, came["receipts"], came["opened"]) == (0, 1, 1)
    assert came["answers"] == out["letters"]
    with Outbox(folder) as outbox:
        assert (outbox.counts().sealed, outbox.counts().opened) == (0, 1)
    junk = next((tmp_path / bundle.HOME).iterdir()) / bundle.DOWN / bundle.RECEIPTS
    junk.write_bytes(b"?")
    code, came = station("import", str(tmp_path), *at)
    assert (code, came["troubles"]) == (1, ["USB-01"])
