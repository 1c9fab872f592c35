from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migramovil.core import canonical, sealing
from migramovil.core.queue import Counts, Waiting
from migramovil.core.record import (
    BadReceipt,
    Descriptor,
    Realm,
    ReceiptBody,
    ReceiptKind,
    Signed,
)
from migramovil.core.trouble import Trouble
from migramovil.sync import machine
from migramovil.sync.engine import Status, SyncEngine
from migramovil.sync.ports import (
    Ahead,
    DigestRefused,
    HeadquartersBusy,
    LoginRefused,
    NoLink,
    Progress,
)

EDGE, OPENER = sealing.Signer.new(), sealing.Signer.new()
KEYS = Descriptor(
    realm=Realm.TRAINING,
    version=1,
    root="",
    stored_signer=canonical.text(EDGE.public),
    opened_signer=canonical.text(OPENER.public),
    registrar="",
    operational="",
    recovery="",
    tls_ca="",
    urls=("https://hq",),
)


def waiting(seq: int) -> Waiting:
    return Waiting(
        record=f"r{seq:03d}",
        station="s",
        epoch=1,
        seq=seq,
        folio="",
        digest=sealing.sha256(b"%d" % seq),
        size=10,
        sealed_utc="",
    )


class Unreadable(Trouble):
    """What the store says of a packet that is not as it was sealed."""

    code = "TST-02"


class Shelf:
    """An outbox in memory."""

    def __init__(self, count: int) -> None:
        self.rows = {one.record: one for one in map(waiting, range(count))}
        self.filed: dict[str, list[str]] = {name: [] for name in self.rows}
        self.asked: list[int] = []
        self.unreadable: set[str] = set()

    def add(self, one: Waiting) -> None:
        self.filed[one.record] = []
        self.rows[one.record] = one

    def _in(self, state: str) -> list[Waiting]:
        last = {name: (kinds or ["sealed"])[-1] for name, kinds in self.filed.items()}
        return [one for name, one in sorted(self.rows.items()) if last[name] == state]

    def waiting(self, limit: int) -> list[Waiting]:
        self.asked.append(limit)
        return self._in("sealed")[:limit]

    def unconfirmed(self, limit: int, after: Waiting | None = None) -> list[Waiting]:
        return self._behind("stored", after)[:limit]

    def disputed(self, limit: int, after: Waiting | None = None) -> list[Waiting]:
        return self._behind("refused", after)[:limit]

    def _behind(self, state: str, after: Waiting | None) -> list[Waiting]:
        return [one for one in self._in(state) if after is None or one.seq > after.seq]

    def packet(self, record: str) -> bytes:
        if record in self.unreadable:
            raise Unreadable
        return b"0123456789"

    def file_receipt(self, record: str, signed: Signed, body: ReceiptBody) -> None:
        if body.kind not in self.filed[record]:
            self.filed[record].append(body.kind)

    def counts(self) -> Counts:
        names = ("sealed", "stored", "opened", "refused")
        return Counts(**{name: len(self._in(name)) for name in names})


class Far:
    """A headquarters that keeps what it gets, and fails as the test says before or after."""

    def __init__(self) -> None:
        self.held: dict[str, list[Signed]] = {}
        self.received: list[str] = []
        self.before: list[Trouble | None] = []
        self.after: list[Trouble | None] = []
        self.by_record: dict[str, Trouble] = {}
        self.wrong_key: set[str] = set()
        self.calls = 0
        self.serial = 0

    def receipts(self, records: Sequence[tuple[str, str]]) -> Sequence[Signed]:
        self._stumble(self.before)
        return [signed for _, record in records for signed in self.held.get(record, [])]

    def send(
        self, one: Waiting, packet: bytes, progress: Progress, ahead: Ahead
    ) -> Sequence[Signed]:
        self.calls += 1
        self._stumble(self.before)
        if one.record in self.by_record:
            raise self.by_record[one.record]
        progress(5)
        if one.record not in self.held:
            self.received.append(one.record)
            self.held[one.record] = [self.receipt(one, "stored")]
        self._stumble(self.after)
        return self.held[one.record]

    def hang_up(self) -> None:
        pass

    def link_changed(self) -> None:
        pass

    def open(self, one: Waiting) -> None:
        self.held[one.record].append(self.receipt(one, "opened"))

    def receipt(self, one: Waiting, kind: ReceiptKind) -> Signed:
        self.serial += 1
        body = ReceiptBody(
            kind=kind,
            realm=Realm.TRAINING,
            station=one.station,
            epoch=1,
            seq=one.seq,
            record=one.record,
            digest=one.digest,
            size=one.size,
            time="2026-11-23T12:00:00+00:00",
            serial=self.serial,
            previous="",
        )
        signer = EDGE if kind == "stored" else OPENER
        if one.record in self.wrong_key:
            signer = sealing.Signer.new()
        return Signed.by(signer, canonical.encode(body))

    @staticmethod
    def _stumble(troubles: list[Trouble | None]) -> None:
        trouble = troubles.pop(0) if troubles else None
        if trouble is not None:
            raise trouble


def engine(shelf: Shelf, far: Far, said: list[Status] | None = None) -> SyncEngine:
    return SyncEngine(
        shelf,
        far,
        KEYS,
        clock=lambda: datetime(2026, 11, 23, tzinfo=UTC),
        on_status=(said if said is not None else []).append,
        jitter=lambda: 1.0,
    )


flaky = st.lists(
    st.sampled_from([None, NoLink(), HeadquartersBusy(), LoginRefused(), None]), max_size=30
)


@settings(deadline=None)
@given(count=st.integers(0, 6), before=flaky, after=flaky)
def test_every_sealed_record_is_received_exactly_once(
    count: int, before: list[Trouble | None], after: list[Trouble | None]
) -> None:
    shelf, far = Shelf(count), Far()
    far.before, far.after = list(before), list(after)
    made = engine(shelf, far)
    for _ in range(len(before) + len(after) + 2):
        made.turn()
    assert sorted(far.received) == sorted(shelf.rows)
    assert len(set(far.received)) == len(far.received)
    for one in shelf.rows.values():
        far.open(one)
    assert made.turn().kind == "up_to_date"
    assert shelf.counts() == Counts(sealed=0, stored=0, opened=count, refused=0)


def test_oldest_first_and_the_header_counts_along() -> None:
    shelf, far, said = Shelf(3), Far(), []
    engine(shelf, far, said).turn()
    assert far.received == ["r000", "r001", "r002"]
    progress = [(one.sending_index, one.sending_total) for one in said if one.sent_bytes == 5]
    assert progress == [(1, 3), (2, 3), (3, 3)]


def test_a_record_that_fails_by_itself_lets_the_next_one_go() -> None:
    shelf, far = Shelf(3), Far()
    far.by_record["r000"] = DigestRefused()
    status = engine(shelf, far).turn()
    assert far.received == ["r001", "r002"]
    assert (status.kind, status.waiting) == ("waiting", 1)
    assert isinstance(status.trouble, DigestRefused)


def test_a_record_whose_packet_cannot_be_read_here_lets_the_next_one_go() -> None:
    shelf, far = Shelf(3), Far()
    shelf.unreadable = {"r000"}
    status = engine(shelf, far).turn()
    assert far.received == ["r001", "r002"]
    assert isinstance(status.trouble, Unreadable)


def test_a_record_headquarters_chokes_on_steps_aside_after_three_times() -> None:
    state, _ = machine.step(machine.State(), machine.Woke())
    line = machine.Line(sealed=("a", "b"), stored=())
    for _ in range(2):
        state, effects = machine.step(state, line)
        assert effects == (machine.Send(record="a"),)
        state, _ = machine.step(state, machine.Failed(trouble=HeadquartersBusy()))
        state, _ = machine.step(state, machine.PauseOver())
    state, _ = machine.step(state, line)
    state, _ = machine.step(state, machine.Failed(trouble=HeadquartersBusy()))
    state, effects = machine.step(state, line)
    assert effects == (machine.Send(record="b"),)


def test_a_line_of_any_length_is_told_whole_and_read_by_its_head() -> None:
    shelf, far, told = Shelf(200), Far(), list[Status]()
    far.by_record = {f"r{seq:03d}": DigestRefused() for seq in range(0, 200, 50)}
    status = engine(shelf, far, told).turn()
    assert len(far.received) == 196
    assert max(shelf.asked) < 10
    first = next(one for one in told if one.kind == "sending")
    assert (first.waiting, first.sending_index, first.sending_total) == (200, 1, 200)
    assert (status.kind, status.waiting) == ("waiting", 4)


def test_one_bad_receipt_moves_nothing_and_stops_nobody() -> None:
    shelf, far = Shelf(3), Far()
    far.wrong_key = {"r001"}
    status = engine(shelf, far).turn()
    assert [one.record for one in shelf.waiting(9)] == ["r001"]
    assert status.kind == "waiting"
    assert isinstance(status.trouble, BadReceipt)


def test_three_bad_receipts_halt_until_a_person_asks() -> None:
    shelf, far = Shelf(5), Far()
    far.wrong_key = {"r000", "r001", "r002"}
    made = engine(shelf, far)
    status = made.turn()
    assert status.kind == "halted"
    assert status.trouble is not None
    assert status.trouble.code == "SYN-07"
    assert far.calls == 3
    assert shelf.counts().sealed == 5
    halted = made._state
    for event in (machine.Woke(), machine.Woke(link_changed=True), machine.PauseOver()):
        assert machine.step(halted, event) == (halted, ())
    assert machine.step(halted, machine.Woke(asked=True))[1] == (machine.Look(),)


def test_a_bad_opened_receipt_does_not_end_the_duty() -> None:
    shelf, far = Shelf(1), Far()
    made = engine(shelf, far)
    made.turn()
    far.wrong_key = {"r000"}
    far.open(shelf.rows["r000"])
    status = made.turn()
    assert shelf.filed["r000"] == ["stored"]
    assert isinstance(status.trouble, BadReceipt)


def test_a_receipt_about_another_packet_is_not_filed() -> None:
    shelf, far = Shelf(1), Far()
    other = replace(shelf.rows["r000"], digest="0" * 64)
    far.held["r000"] = [far.receipt(other, "stored")]
    engine(shelf, far).turn()
    assert shelf.filed["r000"] == []


def fail_times(times: int) -> tuple[machine.State, list[float]]:
    state, pauses = machine.State(), []
    state, _ = machine.step(state, machine.Woke())
    for _ in range(times):
        state, _ = machine.step(state, machine.Line(sealed=("a",), stored=()))
        state, effects = machine.step(state, machine.Failed(trouble=NoLink()))
        assert isinstance(effects[0], machine.Rest)
        assert effects[0].seconds is not None
        pauses.append(effects[0].seconds)
        if len(pauses) < times:
            state, _ = machine.step(state, machine.PauseOver())
    return state, pauses


def test_without_a_link_it_waits_longer_each_time_up_to_five_minutes() -> None:
    state, pauses = fail_times(10)
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert machine.status(state, "").kind == "offline"
    assert machine.status(state, "").next_try_s == 300


def test_a_new_link_cuts_the_pause_and_a_sealed_record_does_not() -> None:
    state, _ = fail_times(5)
    assert machine.step(state, machine.Woke()) == (state, ())
    fresh, effects = machine.step(state, machine.Woke(link_changed=True))
    assert effects == (machine.Look(),)
    assert fresh.failures == 0


@given(st.floats(0, 1))
def test_jitter_only_shortens_by_half(jitter: float) -> None:
    state = replace(machine.State(), phase=machine.Phase.SENDING, record="a")
    _, effects = machine.step(state, machine.Failed(trouble=NoLink(), jitter=jitter))
    assert isinstance(effects[0], machine.Rest)
    assert 1 <= (effects[0].seconds or 0) <= 2


troubles = st.sampled_from(
    [NoLink(), HeadquartersBusy(), LoginRefused(), DigestRefused(), BadReceipt()]
)
events = st.one_of(
    st.builds(machine.Woke, link_changed=st.booleans(), asked=st.booleans()),
    st.just(machine.PauseOver()),
    st.builds(
        machine.Line,
        sealed=st.sampled_from([(), ("a",), ("a", "b")]),
        stored=st.sampled_from([(), ("c",)]),
    ),
    st.just(machine.Sent()),
    st.builds(machine.Progressed, sent=st.integers(0, 9), size=st.just(9)),
    st.builds(
        machine.Polled,
        settled=st.sampled_from([(), ("c",)]),
        bad=st.sampled_from([(), ("c",)]),
    ),
    st.builds(machine.Failed, trouble=troubles, jitter=st.floats(0, 1)),
)


@given(st.lists(events, max_size=60))
def test_whatever_happens_there_is_one_thing_to_do_and_a_pause_is_bounded(
    happened: list[machine.Event],
) -> None:
    state = machine.State()
    for event in happened:
        before = state
        state, effects = machine.step(state, event)
        assert len(effects) <= 1
        for effect in effects:
            if isinstance(effect, machine.Send):
                assert effect.record not in state.aside | state.suspects
            if isinstance(effect, machine.Rest) and state.phase is not machine.Phase.HALTED:
                assert effect.seconds is not None
                assert 1 <= effect.seconds <= machine.LONGEST_S
        working = before.phase not in (machine.Phase.RESTING, machine.Phase.HALTED)
        if working and state is not before and state.phase is not before.phase:
            assert effects  # leaving a piece of work always names the next one
        machine.status(state, "")


# --- the thread ------------------------------------------------------------------------------
class Watch:
    def __init__(self) -> None:
        self.seen: list[Status] = []
        self.bell = threading.Condition()

    def __call__(self, status: Status) -> None:
        with self.bell:
            self.seen.append(status)
            self.bell.notify_all()

    def until(self, kind: str, least: int = 0) -> Status:
        with self.bell:
            assert self.bell.wait_for(
                lambda: any(one.kind == kind for one in self.seen[least:]), timeout=5
            ), self.seen
            return next(one for one in self.seen[least:] if one.kind == kind)


def running(shelf: Shelf, far: Far, watch: Watch) -> SyncEngine:
    return SyncEngine(
        shelf, far, KEYS, clock=lambda: datetime.now(UTC), on_status=watch, jitter=random.random
    )


def test_the_thread_sends_what_is_sealed_while_it_rests_and_stops_at_once() -> None:
    shelf, far, watch = Shelf(0), Far(), Watch()
    made = running(shelf, far, watch)
    made.start()
    try:
        deadline = threading.Event()
        shelf.add(waiting(7))
        made.wake()
        watch.until("sending")
        while far.received != ["r007"] and not deadline.wait(0.01):
            pass
    finally:
        made.stop()
    assert far.received == ["r007"]
    assert not [one for one in threading.enumerate() if one.name == "sync"]


def test_no_link_is_announced_and_a_new_link_sends_at_once() -> None:
    shelf, far, watch = Shelf(1), Far(), Watch()
    far.before = [NoLink()]
    made = running(shelf, far, watch)
    made.start()
    try:
        offline = watch.until("offline")
        assert offline.next_try_s is not None
        before = len(watch.seen)
        made.wake(link_changed=True)
        watch.until("waiting", before)
    finally:
        made.stop()
    assert far.received == ["r000"]


def test_a_bug_is_seen_and_halts_instead_of_dying_in_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shelf, far = Shelf(1), Far()
    far.by_record["r000"] = ZeroDivisionError("MARIA QUISPE")  # type: ignore[assignment]
    status = engine(shelf, far).turn()
    assert (status.kind, shelf.counts().sealed) == ("halted", 1)
    assert "ZeroDivisionError" in caplog.text
    assert "MARIA" not in caplog.text


def test_a_refused_record_that_headquarters_takes_up_again_goes_again() -> None:
    shelf, far = Shelf(1), Far()
    made = engine(shelf, far)
    made.turn()
    (one,) = shelf.unconfirmed(9)
    far.held[one.record].append(far.receipt(one, "refused"))
    made.turn()
    assert shelf.disputed(9) == [one]
    far.held[one.record].append(far.receipt(one, "retry"))
    made.turn()
    assert shelf.filed[one.record] == ["stored", "refused", "retry"]
    assert made._called  # and it looks at the line again at once


class Listening(Far):
    """Remembers what it was asked about."""

    def __init__(self, stored: Shelf) -> None:
        super().__init__()
        self.asked: list[list[str]] = []
        for one in stored.rows.values():
            self.held[one.record] = [self.receipt(one, "stored")]
            stored.filed[one.record] = ["stored"]

    def receipts(self, records: Sequence[tuple[str, str]]) -> Sequence[Signed]:
        self.asked.append([record for _, record in records])
        return super().receipts(records)


def test_a_long_line_of_stored_records_is_heard_of_in_turns_and_none_is_forgotten() -> None:
    shelf = Shelf(300)
    far = Listening(shelf)
    made = engine(shelf, far)
    for _ in range(4):  # nobody opens anything: one question for each time it wakes
        assert made.turn().kind == "waiting"
    assert len(far.asked) == 4
    assert all(len(set(asked)) == len(asked) <= 128 for asked in far.asked)
    assert all(set(far.asked[0]) <= set(asked) for asked in far.asked)  # the oldest each time
    made.turn()
    assert set().union(*far.asked) == set(shelf.rows)


def test_once_headquarters_opened_them_a_long_line_settles_in_one_turn() -> None:
    shelf = Shelf(300)
    far = Listening(shelf)
    made = engine(shelf, far)
    for one in shelf.rows.values():
        far.held[one.record].append(far.receipt(one, "opened"))
    assert made.turn().kind == "up_to_date"
    assert shelf.counts().opened == 300
    assert len(far.asked) <= 6


def test_what_waits_again_after_a_ruling_is_not_asked_for_without_a_pause() -> None:
    shelf = Shelf(200)
    far = Listening(shelf)
    for one in shelf.rows.values():
        for kind in ("refused", "retry", "stored"):
            far.held[one.record].append(far.receipt(one, kind))  # type: ignore[arg-type]
    assert engine(shelf, far).turn().kind == "waiting"
    assert len(far.asked) == 1


def test_however_many_were_refused_headquarters_is_asked_about_each() -> None:
    shelf = Shelf(150)
    far = Listening(shelf)
    for one in shelf.rows.values():
        shelf.filed[one.record] = ["stored", "refused"]
    made = engine(shelf, far)
    for _ in range(3):
        made.turn()
    assert set().union(*far.asked) == set(shelf.rows)
