"""Nothing acknowledged is lost: a small torture in every run of the suite; `make torture` for more.

Each run is a program of its own, since it must start under the recorder.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

import migramovil.store
from tests.torture import harness, recorder
from tests.torture.disk import Disk, Event, read_events, read_files

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    code: int
    said: dict[str, Any]
    shown: str


def torture(**asked: object) -> Outcome:
    options = [part for name, value in asked.items() for part in (f"--{name}", str(value))]
    nothing = ["--kills", "0", "--cuts", "0", "--faults", "0", "--seed", "7"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture", *nothing, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return Outcome(code=done.returncode, said=json.loads(done.stdout), shown=done.stderr)


def assert_clean(found: Outcome) -> None:
    assert (found.code, found.said["lost"], found.said["corrupt"]) == (0, 0, 0), found.shown
    assert found.said["acknowledged"] > 0


def steps() -> list[str]:
    for module in pkgutil.iter_modules(migramovil.store.__path__, "migramovil.store."):
        importlib.import_module(module.name)
    return sorted(harness.named_steps())


def test_nothing_acknowledged_is_lost_to_a_kill_at_any_moment_named_step_or_call() -> None:
    found = torture(kills=len(harness.ENDS) * len(steps()))
    assert_clean(found)
    assert sorted(found.said["steps"]) == steps()


def test_nothing_acknowledged_is_lost_to_a_power_cut() -> None:
    found = torture(cuts=36)
    assert_clean(found)
    assert found.said["cuts"] == 36


def test_a_full_failing_or_read_only_disk_loses_nothing_and_is_told_as_a_trouble() -> None:
    found = torture(faults=24)
    assert_clean(found)
    assert found.said["faults"] == 24


@pytest.mark.parametrize("sabotage", ["normal-sync", "drop-file"])
def test_a_store_that_does_not_sync_is_found_out(sabotage: str) -> None:
    found = torture(cuts=12, sabotage=sabotage)
    assert found.code == 1
    assert found.said["lost"] > 0


EVERY_WAY = """
import ctypes, os, shutil, sys
from pathlib import Path
from tests.torture.recorder import Recorder
home = Path(sys.argv[1])
watch = Recorder()
watch.start(home, os.open(sys.argv[2], os.O_RDWR | os.O_CREAT))
(home / "in").mkdir()
(home / "a").write_bytes(b"a" * 9000)
(home / "a").write_bytes(b"shorter")
with (home / "a").open("ab") as more:
    more.write(b" and longer")
    more.flush()
    os.fsync(more.fileno())
b = os.open(home / "b", os.O_RDWR | os.O_CREAT)
os.write(b, b"12345")
os.pwrite(b, b"67", 8)
left = [b"one", b"two"]
while left:
    left = left[1:] if os.writev(b, left) == len(left[0]) else left
os.truncate(home / "b", 4)
os.ftruncate(b, 6)
os.rename(home / "b", home / "in" / "c")
os.pwrite(b, b"!", 1)
shutil.copyfile(home / "a", home / "copy")
os.replace(home / "copy", home / "a")
folder = os.open(home, os.O_RDONLY)
os.close(os.open("d", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
os.chdir(home)
os.unlink("d")
os.mkdir("gone", dir_fd=folder)
os.rmdir("gone", dir_fd=folder)
Path("e").write_bytes(b"e")
"""


def test_the_recorder_sees_every_way_to_change_the_disk(tmp_path: Path) -> None:
    library = recorder.compile_into(tmp_path)
    home, tape = tmp_path / "home", tmp_path / "tape"
    home.mkdir()
    disk = Disk(home)
    subprocess.run(
        [sys.executable, "-c", EVERY_WAY, str(home), str(tape)],
        env=recorder.environment(library),
        cwd=ROOT,
        check=True,
    )
    for event in read_events(tape.read_bytes()):
        disk.play(event)
    assert disk.files() == read_files(home)
    assert sorted(disk.files()) == ["a", "e", "in/c"]


def event(kind: str, inode: int = 0, number: int = 0, first: str = "", second: str = "") -> Event:
    a, b = first.encode(), second.encode()
    return Event(kind=kind, inode=inode, number=number, first=a, second=b)


def after_cuts(tmp_path: Path, events: list[Event]) -> set[tuple[tuple[str, bytes], ...]]:
    """Every state that a hundred cuts after `events` leave of an empty folder."""
    home = tmp_path / "home"
    home.mkdir()
    disk = Disk(home)
    root = home.stat().st_ino
    for one in events:
        disk.play(replace(one, inode=root) if one.inode == ROOT_FOLDER else one)
    found = set()
    for seed in range(100):
        ruin = tmp_path / f"ruin{seed}"
        disk.cut(ruin, Random(seed))  # noqa: S311 - the same dice as the harness
        found.add(tuple(sorted(read_files(ruin).items())))
    return found


ROOT_FOLDER = 999_999
MADE = [event("C", 5, first="x"), event("W", 5, first="ab" * 1000)]


def test_what_was_synced_survives_every_cut(tmp_path: Path) -> None:
    synced = [*MADE, event("S", 5), event("S", ROOT_FOLDER)]
    assert after_cuts(tmp_path, synced) == {(("x", b"ab" * 1000),)}


def test_what_was_not_synced_may_be_absent_empty_torn_or_there(tmp_path: Path) -> None:
    found = after_cuts(tmp_path, MADE)
    assert {(), (("x", b""),), (("x", b"ab" * 1000),)} < found
    assert any(0 < state[0][1].count(0) < 2000 for state in found if state)


def test_a_rename_may_be_forgotten_until_its_folder_is_synced(tmp_path: Path) -> None:
    moved = [*MADE, event("S", 5), event("S", ROOT_FOLDER), event("R", first="x", second="y")]
    names = {tuple(name for name, _ in state) for state in after_cuts(tmp_path, moved)}
    assert names == {("x",), ("y",)}


def test_a_name_whose_folder_was_never_synced_may_be_gone_though_the_file_was(
    tmp_path: Path,
) -> None:
    assert after_cuts(tmp_path, [*MADE, event("S", 5)]) == {(), (("x", b"ab" * 1000),)}
