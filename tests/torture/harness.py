"""Power cuts, kills and bad disks, each over a station that does real work in a child process.

Runs preloaded (recorder.py). Every child is a fork of one interpreter that has everything imported,
so that a death costs milliseconds.
"""

from __future__ import annotations

import copy
import errno
import inspect
import itertools
import json
import os
import re
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from types import ModuleType

from migramovil.core.trouble import Trouble
from tests.torture import later
from tests.torture.disk import Disk, Event, read_events, read_files
from tests.torture.judge import Verdict, judge
from tests.torture.recorder import FOREVER, Recorder
from tests.torture.sabotage import SABOTAGE
from tests.torture.station import Fact, Ledger, Station, set_up
from tests.torture.works import WORKS

CUTS_PER_SESSION = 10
KILLS_PER_FOLDER = 40
WORKS_PER_SESSION = 20
FAILING_SESSIONS = 0.3
OLDER_FACTS = 15
LAST_CALL = 400
LONGEST_LIFE_S = 0.08
TOO_LONG_S = 20
ENDS = ("moment", "step", "call")
STORE = "migramovil.store."
OF_THE_DISK = ("STO-", "BAK-")


@dataclass(slots=True)
class Tally:
    """What was tried and what came of it; `steps` are the named steps somebody died at."""

    kills: int = 0
    cuts: int = 0
    faults: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        self.lost += verdict.lost
        self.corrupt += verdict.corrupt

    def merge(self, other: Tally) -> None:
        for name in Tally.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Part of a run that needs no other: `kind` of death, how many, from which seed."""

    kind: str
    count: int
    seed: int
    sabotage: str = ""
    first: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A job under way, in a folder of its own."""

    job: Job
    folder: Path
    recorder: Recorder
    rng: Random
    tally: Tally


def run(job: Job, folder: Path) -> Tally:
    """Do one job in the empty `folder`."""
    kinds = {"cuts": _cuts, "kills": _kills, "faults": _faults}
    this = Run(
        job=job, folder=folder, recorder=Recorder(), rng=_dice(job.seed + job.first), tally=Tally()
    )
    kinds[job.kind](this)
    return this.tally


def _dice(seed: float) -> Random:
    return Random(seed)  # noqa: S311 - to be the same again, not to be secret


# --- power cuts ----------------------------------------------------------------------------
def _cuts(run: Run) -> None:
    """Sessions one after another: each begins with what a cut left of the one before it. Half way
    the station gets a newer program."""
    folder, tally, count = run.folder, run.tally, run.job.count
    start, ledger = _fresh(folder / "0"), Ledger()
    number = 0
    while tally.cuts < count:
        number += 1
        if number == 2:
            later.install(folder / "later")
        if not _stands(run, start, ledger):
            start, ledger = _fresh(folder / f"{number}-new"), Ledger()
        tape = _record(run, start)
        shutil.rmtree(start)
        start = folder / str(number)
        before = ledger.acknowledged
        ledger = _cut_up(run, tape, ledger, min(CUTS_PER_SESSION, count - tally.cuts), start)
        tally.acknowledged += ledger.acknowledged - before


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _stands(run: Run, start: Path, ledger: Ledger) -> bool:
    """Whether a session can begin here: a copy is judged, so that recovery is still to be taped."""
    ruin = start.with_name("ruin")
    shutil.copytree(start, ruin)
    verdict = judge(ruin, ledger, run.rng)
    shutil.rmtree(ruin)
    run.tally.add(verdict)
    return not (verdict.lost or verdict.corrupt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """A folder before a session, and what the session did to it."""

    disk: Disk
    events: list[Event]


def _record(run: Run, folder: Path) -> Tape:
    before = Disk(folder)
    path = folder.with_suffix(".tape")
    recorder, session = run.recorder, _dice(run.rng.random())
    call = run.rng.randrange(LAST_CALL)
    fails = run.rng.random() < FAILING_SESSIONS
    fault = partial(recorder.fail, call, 1, errno.EIO) if fails else None

    def live() -> None:
        SABOTAGE[run.job.sabotage]()
        tape = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        recorder.start(folder, tape)
        _work(folder, session, recorder.mark, WORKS_PER_SESSION, fault)

    _wait(_fork(live))
    events = list(read_events(path.read_bytes()))
    path.unlink()
    witness = copy.deepcopy(before)
    for event in events:
        witness.play(event)
    if witness.files() != read_files(folder):
        raise AssertionError("something reached the disk past the recorder")
    return Tape(disk=before, events=events)


def _cut_up(run: Run, tape: Tape, ledger: Ledger, count: int, next_start: Path) -> Ledger:
    """Judge `count` cuts of a tape and lay one more down as `next_start`; its ledger."""
    rng = run.rng
    told = [n + 1 for n, event in enumerate(tape.events) if event.kind == "A"]
    moments = [
        rng.choice(told) if rng.random() < 0.5 else rng.randint(0, len(tape.events))
        for _ in range(count)
    ]
    last = rng.choice(told)
    found = ledger
    at = 0
    for moment in sorted([*moments, last]):
        for event in tape.events[at:moment]:
            tape.disk.play(event)
            if event.kind == "A":
                _hear(ledger, event.first)
        at = moment
        if moment == last and not next_start.exists():
            tape.disk.cut(next_start, rng)
            found = ledger.copy()
            continue
        ruin = next_start.with_name("ruin")
        tape.disk.cut(ruin, rng)
        verdict = judge(ruin, ledger, rng, deep=rng.random() < 0.2)
        run.tally.add(verdict)
        run.tally.cuts += 1
        shutil.rmtree(ruin)
    for event in tape.events[at:]:
        if event.kind == "A":
            _hear(ledger, event.first)
    return Ledger(found.known, found.begun, ledger.acknowledged)


# --- kills -------------------------------------------------------------------------------------
def _kills(run: Run) -> None:
    """One station after another, killed again and again: at a moment, a named step, or a call."""
    job, rng, tally = run.job, run.rng, run.tally
    while tally.kills < job.count:
        home = run.folder / f"k{tally.kills}"
        home.mkdir()
        ledger = Ledger()
        kills = min(KILLS_PER_FOLDER, job.count - tally.kills)
        for n in range(kills):
            if n == kills // 2 and tally.kills <= KILLS_PER_FOLDER:
                later.install(run.folder / "later")
            fresh = _kill(run, home, ledger)
            older = rng.sample(ledger.facts(), min(OLDER_FACTS, len(ledger.known)))
            facts = {*fresh, *older} if n + 1 < kills else None
            tally.add(judge(home, ledger, rng, facts=facts, deep=n + 1 == kills))
            tally.kills += 1
        tally.acknowledged += ledger.acknowledged
        shutil.rmtree(home)


def _kill(run: Run, home: Path, ledger: Ledger) -> list[Fact]:
    """One life and its end; the facts it acknowledged that still stand."""
    recorder, rng, tally = run.recorder, run.rng, run.tally
    session, nth = _dice(rng.random()), run.job.first + tally.kills
    end = ENDS[nth % len(ENDS)]
    steps = sorted(named_steps())
    read, write = os.pipe()

    def tell(told: bytes) -> None:
        os.write(write, told + b"\n")

    def live() -> None:
        os.close(read)
        SABOTAGE[run.job.sabotage]()
        if end == "step":
            _die_at(steps[nth // len(ENDS) % len(steps)], tell)
        recorder.start(home)
        if end == "call":
            recorder.die(session.randrange(LAST_CALL))
        _work(home, session, tell)

    child = _fork(live)
    os.close(write)
    told = _listen(read, LONGEST_LIFE_S * rng.random() if end == "moment" else TOO_LONG_S)
    os.kill(child, signal.SIGKILL)
    told += _rest(read)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        raise AssertionError("the station ended by itself")
    heard = [found for line in told.splitlines() for found in _hear(ledger, line, tally)]
    return [fact for fact in heard if ledger.known.get((fact.kind, fact.subject)) == fact.value]


def named_steps() -> dict[str, ModuleType]:
    """Every step the store names for tests to die at, and the module whose step it is."""
    modules = [sys.modules[name] for name in sorted(sys.modules) if name.startswith(STORE)]
    return {
        step: module
        for module in modules
        if hasattr(module, "crash_points")
        for step in re.findall(r'crash_points\("([a-z-]+)"\)', inspect.getsource(module))
    }


def _die_at(step: str, tell: Callable[[bytes], None]) -> None:
    def reached(name: str) -> None:
        if name == step:
            tell(json.dumps({"step": step}).encode())
            os.kill(os.getpid(), signal.SIGKILL)

    vars(named_steps()[step])["crash_points"] = reached


def _listen(read: int, seconds: float) -> bytes:
    """What is told within `seconds` of the first word, or until the teller dies."""
    told, until = b"", None
    while until is None or time.monotonic() < until:
        left = TOO_LONG_S if until is None else max(0.0, until - time.monotonic())
        if not select.select([read], [], [], left)[0]:
            break
        piece = os.read(read, 1 << 16)
        if not piece:
            break
        told += piece
        until = until or time.monotonic() + seconds
    return told


def _rest(read: int) -> bytes:
    with open(read, "rb") as source:
        return source.read()


# --- bad disks -----------------------------------------------------------------------------------
_DISKS = ((errno.ENOSPC, FOREVER), (errno.EIO, 1), (errno.EROFS, FOREVER), (errno.ENOSPC, 1))


def _faults(run: Run) -> None:
    """A disk that fails at one call after another, once or from there on, and then is mended."""
    job, tally = run.job, run.tally
    calls = _dice(job.seed).sample(range(LAST_CALL), LAST_CALL)
    for n in range(job.first, job.first + job.count):
        number, length = _DISKS[n % len(_DISKS)]
        home, call = run.folder / f"f{n}", calls[n // len(_DISKS) % LAST_CALL]
        home.mkdir()
        read, write = os.pipe()
        child = _fork(partial(_bad_day, run.recorder, home, n, write, (call, length, number)))
        os.close(write)
        told = _rest(read)
        _wait(child)
        ledger = Ledger()
        for line in told.splitlines():
            _hear(ledger, line, tally)
        tally.add(judge(home, ledger, run.rng, deep=True))
        tally.acknowledged += ledger.acknowledged
        tally.faults += 1
        shutil.rmtree(home)


def _bad_day(
    recorder: Recorder, home: Path, n: int, write: int, fault: tuple[int, int, int]
) -> None:
    """Every work on a good disk, on the failing one, and once it is mended."""

    def tell(told: bytes) -> None:
        os.write(write, told + b"\n")

    def broken(what: str) -> None:
        tell(json.dumps({"broken": f"{what} {fault}: {traceback.format_exc(limit=-3)}"}).encode())

    rng = _dice(n)
    _tell(tell, set_up(home))
    recorder.start(home)
    station = _enter(home, rng, tell)
    for day, phase in enumerate(("good", "failing", "mended")):
        works = rng.sample(WORKS, len(WORKS))
        recorder.fail(*fault) if phase == "failing" else recorder.heal()
        for k, work in enumerate(works):
            try:
                if station.closed:
                    station.enter()
                _tell(tell, work.do(station, day * len(WORKS) + k + 1))
            except Trouble as trouble:
                if phase != "failing" or not trouble.code.startswith(OF_THE_DISK):
                    broken(f"{phase} {work.name}")
            except Exception:  # noqa: BLE001 - what an officer would see as a crash
                broken(f"{phase} {work.name}")


# --- a station at work in a child ------------------------------------------------------------
def _work(
    home: Path,
    rng: Random,
    tell: Callable[[bytes], None],
    count: int | None = None,
    fault: Callable[[], None] | None = None,
) -> None:
    """Set the station up if need be, enter, and do `count` works; without one, until killed.

    After `fault` was called, works may end in a trouble of the disk.
    """
    _tell(tell, set_up(home))
    station = _enter(home, rng, tell)
    if fault is not None:
        fault()
    for _ in itertools.count() if count is None else range(count):
        try:
            if station.closed:
                station.enter()
            _tell(tell, rng.choice(WORKS).do(station, rng.getrandbits(40)))
        except Trouble as trouble:
            if fault is None or not trouble.code.startswith(OF_THE_DISK):
                raise


def _enter(home: Path, rng: Random, tell: Callable[[bytes], None]) -> Station:
    station = Station(home, rng)
    station.maybe = lambda fact: tell(json.dumps({"maybe": asdict(fact)}).encode())
    return station


def _tell(tell: Callable[[bytes], None], facts: list[Fact]) -> None:
    tell(json.dumps({"facts": [asdict(fact) for fact in facts]}).encode())


def _hear(ledger: Ledger, line: bytes, tally: Tally | None = None) -> list[Fact]:
    """Write what was told into the ledger; the facts acknowledged by it."""
    said = json.loads(line)
    if "maybe" in said:
        ledger.maybe(Fact(**said["maybe"]))
    if tally is not None:
        tally.steps += [said["step"]] if "step" in said else []
        tally.corrupt += [said["broken"]] if "broken" in said else []
    facts = [Fact(**fact) for fact in said.get("facts", ())]
    for fact in facts:
        ledger.add(fact)
    return facts


def _fork(live: Callable[[], None]) -> int:
    """A child that does `live` and ends without a word to anything of ours."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        live()
        code = 0
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int) -> None:
    _, status = os.waitpid(child, 0)
    if status:
        raise AssertionError("the station's own process failed")
