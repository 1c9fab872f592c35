"""Nobody sits down who could not be finished; who sits can be, even on a disk that filled up."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from migramovil.services.reserve import Reserve
from migramovil.store import attempts, files, reserve
from migramovil.store.outbox import Outbox
from migramovil.store.reserve import MIB, NoRoom, Room
from tests.services.bench import SUPERVISOR, Counter


@pytest.fixture
def counter(closed: Counter) -> Counter:
    """The supervisor inside, with room measured as app.py has it."""
    room = Reserve(closed.outbox)
    closed.enrolling.demand_room, closed.accounts.make_room = room.demand, room.make
    closed.enter(SUPERVISOR)
    return closed


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reserve, "BALLAST", 256 * 1024)


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    usage = shutil._ntuple_diskusage(1 << 40, 0, size)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def test_room_is_counted_in_people_by_the_largest_recent_record(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, reserve.RESERVED + 41 * 3 * reserve.USUAL)
    assert reserve.room(counter.outbox).people == 40
    counter.fill()
    counter.enrolling.finish().result(10)
    (row,) = counter.outbox.rows()
    assert reserve.room(counter.outbox).each == 3 * row.size


def test_the_room_is_said_in_words(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    for people in (0, 1, 40):
        free(monkeypatch, reserve.RESERVED + (people + 1) * 3 * reserve.USUAL)
        said.append(Reserve(counter.outbox).words())
    assert said == [
        "Sin espacio para otra persona",
        "Espacio para 1 persona más",
        "Espacio para 40 personas más",
    ]


def test_few_is_said_early() -> None:
    assert Room(free=20 * MIB, reserved=MIB, each=MIB).few
    assert not Room(free=21 * MIB, reserved=MIB, each=MIB).few


def test_without_room_nobody_sits_down_and_who_sits_is_finished(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.fill()
    free(monkeypatch, reserve.RESERVED)
    with pytest.raises(NoRoom):
        counter.enrolling.start().result(10)
    assert counter.enrolling.finish().result(10).seq == 1


def test_on_a_disk_that_filled_up_the_ballast_goes_and_the_finish_comes(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.fill()
    counter.settle()
    ballast = counter.folder / "ballast"
    assert ballast.stat().st_size == reserve.BALLAST
    real = files.write

    def write(path: Path, *parts: bytes) -> None:
        if ballast.exists():
            with files.translated():
                raise OSError(errno.ENOSPC, "full")
        real(path, *parts)

    monkeypatch.setattr(files, "write", write)
    assert counter.enrolling.finish().result(10).seq == 1
    assert not ballast.exists()
    monkeypatch.setattr(files, "write", real)
    counter.enrolling.start().result(10)
    assert ballast.exists()  # held again for the next time


def test_a_picture_is_kept_on_a_disk_that_filled_up(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.enrolling.start().result(10)
    ballast = counter.folder / "ballast"
    real = files.write

    def write(path: Path, *parts: bytes) -> None:
        if ballast.exists():
            with files.translated():
                raise OSError(errno.ENOSPC, "full")
        real(path, *parts)

    monkeypatch.setattr(files, "write", write)
    counter.enrolling.take_portrait().result(10)
    assert counter.pictures() == 1


def test_a_full_disk_keeps_nobody_out(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    counter.enrolling.start().result(10)
    counter.accounts.lock()
    ballast = counter.folder / "ballast"
    real = attempts.count

    def count(outbox: Outbox, whose: Iterable[str]) -> None:
        if ballast.exists():
            with files.translated():
                raise OSError(errno.ENOSPC, "full")
        real(outbox, whose)

    monkeypatch.setattr(attempts, "count", count)
    counter.enter(SUPERVISOR)
    assert not ballast.exists()


def test_the_ballast_never_takes_the_last_of_the_disk(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    (counter.folder / "ballast").unlink(missing_ok=True)
    free(monkeypatch, reserve.BALLAST + reserve.RESERVED)
    reserve.hold(counter.folder)
    assert not (counter.folder / "ballast").exists()
    assert reserve.release(counter.folder) is False
