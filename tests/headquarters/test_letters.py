"""Letters over the real wire: before packets, answered once, never in a packet's way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from migramovil.core import canonical, letters, sealing
from migramovil.core.record import Realm, Signed
from migramovil.headquarters import people
from migramovil.sync.engine import SyncEngine
from migramovil.sync.ports import NotUnderstood
from tests.headquarters.rig import MemoryOutbox, Place, Station


@dataclass(frozen=True, kw_only=True)
class Waits:
    id: str
    body: bytes


@dataclass
class Post:
    """Letters in memory."""

    waiting: dict[str, bytes]
    answers: dict[str, bytes] = field(default_factory=dict)

    def unanswered(self) -> list[Waits]:
        left = self.waiting.items() - {(k, v) for k, v in self.waiting.items() if k in self.answers}
        return [Waits(id=name, body=body) for name, body in sorted(left)]

    def answer(self, letter: str, answer: bytes) -> None:
        self.answers.setdefault(letter, answer)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("hq") / "data").init().serving() as served:
        yield served


def letter(station: Station, name: str, signer: sealing.Signer | None = None) -> bytes:
    return letters.write(
        signer or station.signer,
        realm=Realm.TRAINING,
        station=station.id,
        letter=name,
        kind="recovery",
        utc="2026-11-23T12:00:00Z",
        secret=b"rosa",
        recipients=[canonical.from_text(station.place.descriptor.operational)],
    )


def engine(station: Station, post: Post, outbox: MemoryOutbox) -> SyncEngine:
    return SyncEngine(
        outbox,
        station.client(),
        station.place.descriptor,
        clock=lambda: datetime.now(UTC),
        letters=post,
    )


def test_letters_arrive_and_one_headquarters_refuses_holds_nothing_up(place: Place) -> None:
    station, outbox = Station(place).enroll(), MemoryOutbox()
    outbox.add(*station.packet(photo=b"x"))
    forged = letter(station, "b", sealing.Signer.new())
    post = Post({"a": letter(station, "a"), "b": forged, "c": letter(station, "c")})
    sending = engine(station, post, outbox)
    assert sending.turn().trouble is None
    sending.stop()
    assert set(post.answers) == {"a", "c"}
    assert [outbox.state(record) for record in outbox.rows] == ["stored"]
    with place.books() as store:
        kept = people.letters_of(store, station.id, "recovery")
    assert [one.id for one in kept] == ["a", "c"]
    assert all(b"rosa" not in one.body for one in kept)


def test_the_same_letter_gets_the_same_answer_and_another_of_its_name_none(place: Place) -> None:
    station = Station(place).enroll()
    line, data = station.client(), letter(station, "a")
    first = line.letter(data)
    assert line.letter(data) == first
    said = letters.check_answer(first, data, place.descriptor.receipt_keys("stored"))
    assert (said.letter, said.content) == ("a", "")
    with pytest.raises(NotUnderstood):
        line.letter(letter(station, "a"))
    line.hang_up()


def test_any_carrier_brings_a_letter_that_its_station_signed(place: Place) -> None:
    one, other = Station(place).enroll(), Station(place).enroll()
    line = other.client()
    assert isinstance(line.letter(letter(one, "a")), Signed)
    with pytest.raises(NotUnderstood):
        line.letter(letter(one, "z", other.signer))
    line.hang_up()
