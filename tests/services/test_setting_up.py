"""The first contact with headquarters, when its answer is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from migramovil import app
from migramovil.core.record import Realm
from migramovil.devices.lanes import Lane
from migramovil.services.accounts import Accounts, NewStation
from migramovil.services.clock import StationClock
from migramovil.store.outbox import Outbox
from migramovil.sync.https import EnrolmentRefused
from migramovil.sync.ports import NoLink
from tests.headquarters.rig import Place

PASSWORD = "llueve-sobre-el-lago"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("hq")).init().serving() as serving:
        yield serving


class LostAnswer:
    """The real first contact, whose answer does not arrive `times` times."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self, **asked: Any) -> NewStation:
        answer = app.enroller(**asked)
        if self.times:
            self.times -= 1
            raise NoLink("lost on the way")
        return answer


@contextmanager
def started(folder: Path, enroller: LostAnswer) -> Iterator[Accounts]:
    """The program over `folder`, until it ends."""
    outbox, lane = Outbox(folder), Lane("desk")
    try:
        yield Accounts(
            folder, outbox, lane, StationClock(), enroller, Realm.TRAINING, memory_kib=64
        )
    finally:
        lane.close(drain=True)
        outbox.close()


def test_an_answer_lost_on_the_way_does_not_waste_the_code(place: Place, tmp_path: Path) -> None:
    code = place.code()
    with started(tmp_path, LostAnswer(2)) as accounts:
        for password in ("otra frase bien larga", PASSWORD):
            with pytest.raises(NoLink):
                accounts.enroll(place.url, code, "Unidad", "jticona", password).result(20)
        accounts.enroll(place.url, code, "Unidad", "jticona", PASSWORD).result(20)
        assert accounts.enrolled
        assert accounts.log_in("jticona", PASSWORD).result(20).username == "jticona"


def test_when_the_program_died_in_between_the_station_says_a_new_code_is_needed(
    place: Place, tmp_path: Path
) -> None:
    code = place.code()
    with started(tmp_path, LostAnswer(1)) as accounts, pytest.raises(NoLink):
        accounts.enroll(place.url, code, "Unidad", "jticona", PASSWORD).result(20)
    with started(tmp_path, LostAnswer(0)) as accounts:
        with pytest.raises(EnrolmentRefused) as refused:
            accounts.enroll(place.url, code, "Unidad", "jticona", PASSWORD).result(20)
        assert "ya se usó" in refused.value.what
        assert "Pida otro código" in refused.value.advice
        accounts.enroll(place.url, place.code(), "Unidad", "jticona", PASSWORD).result(20)
        assert accounts.enrolled
