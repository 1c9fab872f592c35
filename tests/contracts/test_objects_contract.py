"""What the receiving edge relies on of where bytes lie, whatever kind of store that is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from migramovil.headquarters.objects import BadName
from migramovil.headquarters.objects import Objects as Folder
from migramovil.headquarters.ports import Objects

WHICH = ("0192aaaa-0000-7000-8000-000000000001", "0192aaaa-0000-7000-8000-0000000000aa", "d" * 64)
DATA = os.urandom(250)
PARTS = [DATA[:100], DATA[100:200], DATA[200:]]


@pytest.fixture(params=["folder"])
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Objects:
    return {"folder": lambda: Folder(tmp_path)}[request.param]()


def bring(store: Objects, *numbers: int) -> None:
    for number in numbers:
        store.put_part(*WHICH, number=number, at=number * 100, part=PARTS[number])


def test_parts_in_any_order_and_again_become_the_packet(store: Objects) -> None:
    store.announce(*WHICH, b"said")
    assert store.announced(*WHICH) == b"said"
    assert store.missing(*WHICH, 3) == (0, 1, 2)
    bring(store, 2, 0, 2)
    assert store.missing(*WHICH, 3) == (1,)
    bring(store, 1)
    assert store.missing(*WHICH, 3) == ()
    with store.open_parts(*WHICH) as file:
        assert file.read() == DATA
    store.put_packet(*WHICH)
    store.put_packet(*WHICH)
    with store.open_packet(*WHICH) as file:
        assert file.read() == DATA


def test_a_whole_packet_outlives_its_parts_and_late_ones(store: Objects) -> None:
    store.announce(*WHICH, b"said")
    bring(store, 0, 1, 2)
    store.put_packet(*WHICH)
    bring(store, 1)  # another carrier was still at it
    store.drop_parts(*WHICH[:2])
    assert store.missing(*WHICH, 3) == ()
    with store.open_parts(*WHICH) as file:
        assert file.read() == DATA
    assert store.in_flight(WHICH[0]) == 0


def test_parts_that_were_forgotten_are_missing_again(store: Objects) -> None:
    store.announce(*WHICH, b"said")
    bring(store, 0, 1, 2)
    store.forget_parts(*WHICH, [0, 2])
    assert store.missing(*WHICH, 3) == (0, 2)


def test_what_is_not_here_is_said_so(store: Objects) -> None:
    assert store.announced(*WHICH) is None
    with pytest.raises(FileNotFoundError):
        store.open_packet(*WHICH)
    with pytest.raises(FileNotFoundError):
        store.open_parts(*WHICH)
    with pytest.raises(FileNotFoundError):
        bring(store, 0)  # nobody announced it


def test_a_damaged_packet_is_put_aside_and_can_be_brought_again(store: Objects) -> None:
    store.announce(*WHICH, b"said")
    bring(store, 0, 1, 2)
    store.put_packet(*WHICH)
    store.lose_packet(*WHICH)
    with pytest.raises(FileNotFoundError):
        store.open_packet(*WHICH)
    store.drop_parts(*WHICH[:2])
    store.announce(*WHICH, b"said")
    assert store.missing(*WHICH, 3) == (0, 1, 2)


def test_half_brought_ones_are_counted_and_old_ones_can_go(store: Objects) -> None:
    other = (WHICH[0], "0192aaaa-0000-7000-8000-0000000000bb", "e" * 64)
    store.announce(*WHICH, b"said")
    store.announce(*other, b"said")
    assert store.in_flight(WHICH[0]) == 2
    store.drop_stale(WHICH[0], time.time() - 60)
    assert store.in_flight(WHICH[0]) == 2
    store.drop_version(*WHICH)
    assert store.in_flight(WHICH[0]) == 1
    store.drop_stale(WHICH[0], time.time() + 60)
    assert store.in_flight(WHICH[0]) == 0
    assert store.in_flight("0192aaaa-0000-7000-8000-00000000ffff") == 0


@pytest.mark.parametrize("bad", ["..", "../x", "a/b", "", "A", "-a", "x" * 65, "é", "a\0", "."])
def test_no_name_leads_anywhere_else(store: Objects, bad: str) -> None:
    for at in range(3):
        which = [*WHICH]
        which[at] = bad
        with pytest.raises(BadName):
            store.announce(which[0], which[1], which[2], b"")
        with pytest.raises(BadName):
            store.open_packet(which[0], which[1], which[2])


def test_there_is_room(store: Objects) -> None:
    assert store.free() > 0
