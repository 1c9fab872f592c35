"""The audit chain shows what was altered, what is missing and what was cut off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from migramovil.core import audit, canonical, sealing
from migramovil.core.audit import AuditBroken, AuditShort, Entry, NotAnAudit
from migramovil.core.record import Realm

STATION = sealing.Signer.new()
UTC = "2026-11-23T12:00:00Z"


def chain(length: int = 4, signer: sealing.Signer = STATION) -> list[Entry]:
    made: list[Entry] = []
    for n in range(length):
        last = made[-1] if made else None
        made.append(
            audit.next_entry(
                last, signer, actor="a1", act="start", subject=f"r{n}", utc=UTC, doubt_s=n or None
            )
        )
    return made


def old(entries: list[Entry]) -> list[Entry]:
    """The same acts as they were written before entries were signed."""
    before, made = audit.START, []
    for entry in entries:
        bare = {k: getattr(entry, k) for k in ("n", "actor", "act", "subject", "utc")}
        before = sealing.sha256(bytes.fromhex(before) + canonical.encode(bare))
        made.append(replace(entry, hash=before, signature="", doubt_s=None))
    return made


def exported(entries: list[Entry], signer: sealing.Signer = STATION) -> bytes:
    lines = audit.export(entries, signer, realm=Realm.TRAINING, station="s1", epoch=1, utc=UTC)
    return b"".join(line + b"\n" for line in lines)


def test_a_whole_chain_is_whole() -> None:
    assert audit.check(chain(), STATION.public) == 4
    assert audit.check([], STATION.public) == 0


def test_entries_older_than_signatures_are_covered_by_the_next_signed_one() -> None:
    before = old(chain(3))
    after = audit.next_entry(
        before[-1], STATION, actor="a1", act="login", subject="", utc=UTC, doubt_s=None
    )
    assert audit.check([*before, after], STATION.public) == 4
    before[1] = replace(before[1], actor="other")
    with pytest.raises(AuditBroken):
        audit.check([*before, after], STATION.public)


CHANGES: dict[str, Callable[[list[Entry]], list[Entry]]] = {
    "an actor": lambda c: [c[0], replace(c[1], actor="other"), *c[2:]],
    "a doubt": lambda c: [c[0], replace(c[1], doubt_s=None), *c[2:]],
    "a time": lambda c: [replace(c[0], utc=""), *c[1:]],
    "a missing line": lambda c: [c[0], *c[2:]],
    "a missing first line": lambda c: c[1:],
    "two lines swapped": lambda c: [c[1], c[0], *c[2:]],
    "the last line's signature": lambda c: [*c[:-1], replace(c[-1], signature="")],
    "a middle line's signature": lambda c: [c[0], replace(c[1], signature=c[2].signature), *c[2:]],
    "every hash made anew by another key": lambda c: chain(len(c), sealing.Signer.new()),
    "every signature taken away": old,
}


@pytest.mark.parametrize("what", CHANGES)
def test_any_change_to_a_chain_shows(what: str) -> None:
    with pytest.raises(AuditBroken):
        audit.check(CHANGES[what](chain()), STATION.public)


def test_a_cut_tail_shows_by_a_head_that_left_the_station() -> None:
    whole = chain()
    seen = [audit.START, whole[1].hash, whole[3].hash]
    audit.check_heads(whole, seen)
    assert audit.check(whole[:3], STATION.public) == 3  # by itself it looks whole
    with pytest.raises(AuditShort):
        audit.check_heads(whole[:3], seen)


def test_an_export_reads_back_and_says_whose_it_is() -> None:
    data = exported(chain())
    body, entries = audit.read_export(data, STATION.public)
    assert (audit.claimed(data), entries) == (body, chain_of(data))
    assert (body.station, body.epoch, body.entries, body.head) == ("s1", 1, 4, entries[-1].hash)
    assert audit.read_export(exported([]), STATION.public)[1] == []


def chain_of(data: bytes) -> list[Entry]:
    return [canonical.decode(line, Entry) for line in data.split(b"\n")[1:-1]]


def test_an_export_that_was_touched_is_refused() -> None:
    data = exported(chain())
    lines = data.split(b"\n")
    for bad in (
        b"\n".join(lines[:-2]),
        b"\n".join([lines[0], *lines[2:]]),
        b"\n".join(lines[1:]),
        data.replace(b"start", b"begin"),
        b"?",
        b"",
        exported(chain(), sealing.Signer.new()),
    ):
        with pytest.raises((NotAnAudit, AuditBroken)):
            audit.read_export(bad, STATION.public)
