"""`python -m tests.torture --kills 1000 --cuts 1000`: one JSON object on stdout at the end.

Exit 0 only if nothing was lost and nothing corrupt. Everything is decided by the seed, but for the
moments of kills and the machine's own random numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import secrets
import select
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.torture import recorder
from tests.torture.harness import Job, Tally, run
from tests.torture.sabotage import SABOTAGE

# A kill leaves the page cache as it is and a cut is worked out, so memory serves as the disk.
HOME = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
LARGEST_JOB = {"cuts": 60, "kills": 40, "faults": 20}
SHOWN = 20


def main() -> int:
    asked = _arguments()
    if not recorder.preloaded():
        with tempfile.TemporaryDirectory() as folder:
            return recorder.run_preloaded(recorder.compile_into(Path(folder)))
    tally = _all(_jobs(asked))
    for title, found in (("lost", tally.lost), ("corrupt", tally.corrupt)):
        for sentence in found[:SHOWN]:
            _say(f"{title}: {sentence}")
    counted = ("kills", "cuts", "faults", "acknowledged")
    said: dict[str, object] = {name: getattr(tally, name) for name in counted}
    said |= {"lost": len(tally.lost), "corrupt": len(tally.corrupt)}
    said |= {"steps": dict(sorted(Counter(tally.steps).items()))}
    sys.stdout.write(json.dumps(said) + "\n")
    return 1 if tally.lost or tally.corrupt else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="torture")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 30))
    parser.add_argument("--sabotage", choices=sorted(SABOTAGE), default="")
    return parser.parse_args()


def _jobs(asked: argparse.Namespace) -> list[Job]:
    _say(f"seed {asked.seed}")
    return [
        Job(
            kind=kind,
            count=min(size, total - first),
            first=first,
            seed=asked.seed,
            sabotage=asked.sabotage,
        )
        for kind, largest in LARGEST_JOB.items()
        for total in (getattr(asked, kind),)
        for size in (max(1, min(largest, -(-total // 2))),)
        for first in range(0, total, size)
    ]


def _all(jobs: list[Job]) -> Tally:
    """Do the jobs, as many at a time as there are processors."""
    waiting, running, tally = list(jobs), dict[int, bytearray](), Tally()
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            running[_begin(waiting.pop(0))] = bytearray()
        for read in select.select(list(running), [], [])[0]:
            piece = os.read(read, 1 << 16)
            running[read] += piece
            if not piece:
                os.close(read)
                tally.merge(pickle.loads(running.pop(read)))  # noqa: S301 - our own child's
                _progress(tally)
    return tally


def _begin(job: Job) -> int:
    """A child doing the job; where to read its tally."""
    read, write = os.pipe()
    if os.fork():
        os.close(write)
        return read
    os.close(read)
    with tempfile.TemporaryDirectory(dir=HOME) as folder, open(write, "wb") as out:
        try:
            found = run(job, Path(folder))
        except Exception as problem:  # noqa: BLE001 - a harness that breaks proves nothing
            found = Tally(corrupt=[f"{job}: {problem!r}"])
        out.write(pickle.dumps(found))
    os._exit(0)


def _progress(tally: Tally) -> None:
    _say(
        f"kills {tally.kills}  cuts {tally.cuts}  faults {tally.faults}"
        f"  acknowledged {tally.acknowledged}  lost {len(tally.lost)}"
        f"  corrupt {len(tally.corrupt)}"
    )


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")


if __name__ == "__main__":
    sys.exit(main())
