"""Letters wait in the order they were written, and an answer is kept once."""

from __future__ import annotations

import pytest

from migramovil.core import canonical, sealing
from migramovil.core import letters as words
from migramovil.core.record import Realm, Signed
from migramovil.store import letters
from tests.store.bench import Disk

STATION, EDGE = sealing.Signer.new(), sealing.Signer.new()
OPERATIONAL, RECOVERY = sealing.Opener.new(), sealing.Opener.new()


def written(secret: bytes = b"rosa") -> bytes:
    return words.write(
        STATION,
        realm=Realm.TRAINING,
        station="s",
        letter="l1",
        kind="account",
        utc="2026-11-23T12:00:00Z",
        secret=secret,
        recipients=(OPERATIONAL.public, RECOVERY.public),
    )


def test_letters_wait_in_the_order_they_were_written_whatever_the_clock_says(disk: Disk) -> None:
    with disk.opened() as (outbox, _):
        letters.put(outbox, "b", "account", b"1", "2026-01-02T00:00:00Z")
        letters.put(outbox, "a", "recovery", b"2", "2026-01-01T00:00:00Z")
        letters.put(outbox, "b", "account", b"another", "2026-01-03T00:00:00Z")
    with disk.opened() as (outbox, _):
        assert [(one.id, one.body) for one in letters.unanswered(outbox)] == [
            ("b", b"1"),
            ("a", b"2"),
        ]


def test_an_answer_is_kept_once_and_ends_the_waiting(disk: Disk) -> None:
    with disk.opened() as (outbox, _):
        letters.put(outbox, "a", "account", b"1", "2026-01-01T00:00:00Z")
        letters.answer(outbox, "a", b"yes")
        letters.answer(outbox, "a", b"no")
        assert letters.unanswered(outbox) == []
        (one,) = letters.answered(outbox, "account")
        assert one.answer == b"yes"
        letters.put(outbox, "a", "account", b"1", "2026-01-01T00:00:00Z")
        assert letters.unanswered(outbox) == [], "written again, it is the same letter"


def test_what_is_sealed_in_a_letter_opens_for_both_of_headquarters_keys_only() -> None:
    data = written(b"rosa quispe")
    assert b"rosa" not in data
    body = words.read(data, STATION.public)
    assert words.open_secret(body, OPERATIONAL) == b"rosa quispe"
    assert words.open_secret(body, RECOVERY) == b"rosa quispe"
    with pytest.raises(words.BadLetter):
        words.open_secret(body, sealing.Opener.new())


def test_a_letter_of_another_signer_is_refused() -> None:
    with pytest.raises(words.BadLetter):
        words.read(written(), EDGE.public)
    with pytest.raises(words.BadLetter):
        words.read(b"{}", STATION.public)


def test_only_headquarters_answers_and_only_exactly_this_letter() -> None:
    data = written()
    said = words.answer(EDGE, data, words.read(data), b"kept")
    assert canonical.from_text(words.check_answer(said, data, [EDGE.public]).content) == b"kept"
    with pytest.raises(words.BadLetter):
        words.check_answer(said, data, [STATION.public])
    with pytest.raises(words.BadLetter):
        words.check_answer(said, written(), [EDGE.public])
    with pytest.raises(words.BadLetter):
        words.check_answer(Signed.by(EDGE, b"{}"), data, [EDGE.public])
