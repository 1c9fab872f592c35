"""What is left of a station's folder, opened by the real code and held against its ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from migramovil.store.database import Database
from tests.torture import copies
from tests.torture.station import GONE, Fact, Ledger, Station, set_up
from tests.torture.works import HOLDS, WORKS


@dataclass(slots=True)
class Verdict:
    """What is not so any more (lost), and what is there but wrong (corrupt): sentences."""

    lost: list[str] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)


def judge(
    folder: Path,
    ledger: Ledger,
    rng: Random,
    *,
    facts: Iterable[Fact] | None = None,
    deep: bool = False,
) -> Verdict:
    """Open `folder` and check `facts` (all of the ledger's, unless said); `deep` reads every page
    and does one more enrollment."""
    verdict = Verdict()
    chosen = list(ledger.facts() if facts is None else facts)
    if not ledger.known:
        _restart(folder, verdict)
        return verdict
    try:
        station = Station(folder, rng)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the door is shut
        verdict.corrupt.append(f"does not open: {problem!r}")
        verdict.lost += [f"{fact} behind a shut door" for fact in chosen]
        return verdict
    try:
        for fact in chosen:
            _check(station, fact, ledger, verdict)
        _whole(station, verdict)
        if deep:
            _deep(station, verdict)
    finally:
        station.close()
    return verdict


def _restart(folder: Path, verdict: Verdict) -> None:
    """Nothing was acknowledged: setting up must work, whatever the first try left behind."""
    try:
        set_up(folder)
    except Exception as problem:  # noqa: BLE001
        verdict.corrupt.append(f"cannot be set up again: {problem!r}")


def _check(station: Station, fact: Fact, ledger: Ledger, verdict: Verdict) -> None:
    allowed = ledger.may_be(fact.kind, fact.subject)
    if fact.kind == "picture":
        record = fact.subject.split("/")[0]
        if GONE in ledger.may_be("draft", record) and station.held(record) is None:
            return
    try:
        holds = HOLDS[fact.kind](station, fact, allowed)
    except Exception as problem:  # noqa: BLE001 - there, and cannot be read
        verdict.lost.append(f"{fact}: {problem!r}")
        verdict.corrupt.append(f"{fact}: {problem!r}")
        return
    if not holds:
        (verdict.corrupt if fact.value == GONE else verdict.lost).append(str(fact))


def _whole(station: Station, verdict: Verdict) -> None:
    """What must hold of any station, whatever it has done."""
    try:
        station.vault.audit.verify()
        if station.found.missing:
            verdict.corrupt.append(f"rows without a packet: {station.found.missing}")
        if station.outbox.seq() != station.outbox.total():
            verdict.corrupt.append("a gap in the numbers")
        for draft in station.vault.drafts():
            station.held(draft.record_id)
        copies.look(station.folder)
    except Exception as problem:  # noqa: BLE001
        verdict.corrupt.append(f"not whole: {problem!r}")


def _deep(station: Station, verdict: Verdict) -> None:
    stores: tuple[Database, ...] = (station.outbox._database, station.vault._database)
    try:
        if not all(store.sound() for store in stores):
            verdict.corrupt.append("a page or an index does not hold")
        finish = next(work for work in WORKS if work.name == "finish")
        finish.do(station, 0)
    except Exception as problem:  # noqa: BLE001
        verdict.corrupt.append(f"no further enrollment: {problem!r}")
