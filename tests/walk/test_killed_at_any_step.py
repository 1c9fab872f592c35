"""The power goes at any step: the next life offers the same person at the same step, whole."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migramovil.core.enrollment import STEPS
from tests.services.bench import Headquarters, copied, enrolled
from tests.walk.station_life import TAKEN_BEFORE_THE_KILL, Order, line_of

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="lives are forked"),
    pytest.mark.timeout(170),
]
GIVEN_S = 0.9  # what a change is given before the kill; the promise is one second
ROOT = Path(__file__).parents[2]
NAMES = ("Trámite", "Identidad", "Datos", "Fotografía", "Huellas", "Aviso", "Revisión")
SEEN_AGAIN = {
    "procedure": {"Número del comprobante de pago": "0001-778"},
    "identity": {"Número": "084127653"},
    "person": {
        "Primer apellido": "PEÑALVER",
        "Segundo apellido": "NÚÑEZ",
        "Nombres": "MARISELA ANDREÍNA",
        "Fecha de nacimiento": "19/08/1991",
        "Dirección": "Jr. Panamericana 482",
        "Celular": "984120763",
    },
}
"""What the officer finds in the fields of the same step."""


class Lives:
    """The process that forks lives, one at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.walk.station_life"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        )
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                self._said.put(json.loads(line))

    def hear(self, name: str) -> dict[str, Any]:
        """The next object with `name` in it."""
        while True:
            said = self._said.get(timeout=60)
            assert "stuck" not in said, said
            if name in said:
                return said

    def live(self, order: Order) -> tuple[dict[str, Any], dict[str, Any]]:
        """One life, killed `GIVEN_S` after its last change: what it found, what it left."""
        assert self._process.stdin is not None
        self._process.stdin.write(line_of(order))
        self._process.stdin.flush()
        pid = self.hear("pid")["pid"]
        try:
            found = self.hear("home")
            left = self.hear("changed") if order.act else {}
            if order.act:
                time.sleep(GIVEN_S)
        finally:
            os.kill(pid, signal.SIGKILL)
            self.hear("ended")
        return found, left

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture(scope="module")
def lives() -> Iterator[Lives]:
    found = Lives()
    yield found
    found.close()


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = enrolled(tmp_path_factory.mktemp("killed") / "station", Headquarters())
    (folder / "station.toml").write_text("[fingers]\npositions = [2, 3, 7, 8]\n")
    return folder


def same_applicant_same_step(found: dict[str, Any], left: dict[str, Any]) -> None:
    """The next life offers, in words and by its primary, what the killed one had in hand."""
    number = [step.value for step in STEPS].index(left["changed"]["step"]) + 1
    where = f"Paso {number} de 7, {NAMES[number - 1]}"
    assert where in found["login"]
    assert where in found["home"]
    assert found["primary"] == f"Retomar · paso {number} de 7"
    assert found["page"] == left["page"]
    assert found["draft"] == left["changed"]
    again = SEEN_AGAIN.get(left["changed"]["step"], {})
    assert {name: found["fields"].get(name) for name in again} == again
    surname = left["changed"]["person"]["first_surname"]
    assert (surname or "Persona sin nombre aún") in found["home"]
    assert not surname or surname not in found["login"]


def test_killed_at_each_step_the_same_applicant_is_offered_at_the_same_step(
    lives: Lives, station: Path, tmp_path: Path
) -> None:
    folder = str(copied(station, tmp_path / "station"))
    left: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for step in STEPS:
        found, now = lives.live(Order(folder=folder, act=step.value))
        if left:
            same_applicant_same_step(found, left)
        else:
            assert found["primary"] == "Empezar enrolamiento"
        assert now["changed"]["step"] == step
        left = now
        if step == "fingers":
            assert len(now["changed"]["fingers"]) == TAKEN_BEFORE_THE_KILL
    found, _ = lives.live(Order(folder=folder))
    same_applicant_same_step(found, left)
    assert set(found["pictures"]) == {"portrait", "2", "3", "7", "8"}
    assert len(set(found["pictures"].values())) == 5


def test_a_station_that_does_not_save_is_noticed(
    lives: Lives, station: Path, tmp_path: Path
) -> None:
    folder = str(copied(station, tmp_path / "station"))
    _, left = lives.live(Order(folder=folder, act="procedure", saving=False))
    found, _ = lives.live(Order(folder=folder))
    assert "0001-778" not in json.dumps(found)
    with pytest.raises(AssertionError):
        same_applicant_same_step(found, left)
