"""What runs by itself ends when asked, says how it goes, and survives a bad hour."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from migramovil.headquarters import telling, watching
from migramovil.headquarters.commands import app
from migramovil.headquarters.handing import OpenFolder
from migramovil.headquarters.objects import Objects
from migramovil.headquarters.store import PACKETS
from tests.headquarters.rig import Place, Station


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "data").init()
    with made.serving() as served:
        station = Station(served).enroll()
        client = station.client()
        client.send(*station.packet(photo=b"x"), lambda _: None)
        client.send(*station.packet(photo=b"x", approvals=lambda _who, _act: []), lambda _: None)
        client.hang_up()
    return made


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGTERM on Windows")
def test_the_opener_ends_when_asked_and_its_log_is_json_of_ids_alone(place: Place) -> None:
    asked = [sys.executable, "-m", "migramovil", "hq", "opener", "--json", "--data"]
    with subprocess.Popen(
        [*asked, str(place.data)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        said = [json.loads(running.stdout.readline())["kind"] for _ in range(2)]
        running.send_signal(signal.SIGTERM)
        _, errors = running.communicate(timeout=20)
    assert (sorted(said), running.returncode) == (["opened", "refused"], 0)
    lines = [json.loads(line) for line in errors.splitlines()]
    assert sum("opened" in line["say"] for line in lines) == 1
    assert "MARIA" not in errors


def test_a_round_that_fails_is_logged_and_the_next_one_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.setattr(telling.hosting, "log_to_stderr", lambda: None)
    done: list[int] = []

    def work() -> None:
        done.append(1)
        if len(done) == 1:
            raise OSError(28, "MARIA")
        if len(done) == 2:
            raise OpenFolder("MARIA")
        os.kill(os.getpid(), signal.SIGTERM)

    try:
        telling.rounds(work, pause_s=0.01, once=False)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert len(done) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "a round failed: OSError",
        "a round failed: HQ-35",
    ]
    assert "MARIA" not in caplog.text
    caplog.clear()


def test_health_fails_when_nobody_opens_what_came_or_the_disk_is_full(place: Place) -> None:
    run, asked = CliRunner(), ["health", "--json", "--data", str(place.data)]
    well = run.invoke(app, asked)
    assert (well.exit_code, json.loads(well.stdout)["unjudged"]) == (0, 2)
    long_ago = (datetime.now(UTC) - timedelta(hours=2)).isoformat(timespec="seconds")
    with place.books() as store:
        with store.write() as connection:
            connection.execute(update(PACKETS).values(received=long_ago))
        late = watching.health(store, 2 * 1024**3, datetime.now(UTC))
        assert (late.ok, late.oldest_unjudged) == (False, long_ago)
    assert run.invoke(app, asked).exit_code == 1
    place.judge()
    told = json.loads(run.invoke(app, asked).stdout)
    assert (told["ok"], told["unjudged"], told["refused"], told["to_hand_over"]) == (True, 0, 1, 1)
    with place.books() as store:
        assert not watching.health(store, 1000, datetime.now(UTC)).ok
        assert watching.health(store, Objects(place.data).free(), datetime.now(UTC)).ok
