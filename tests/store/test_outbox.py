"""The line of sealed records and headquarters' words about them."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from migramovil.core.queue import Counts, Waiting
from migramovil.core.record import BadReceipt, ReceiptBody, ReceiptKind, RecordState, Signed
from migramovil.store.outbox import Outbox
from migramovil.store.trouble import Damaged, DiskFull, InUse, OutOfLine
from tests.store.bench import RECORD, STATION, UTC, Disk, add_draft, finish, identity, receipt

_NUMBERS = itertools.count(1)


def line_up(outbox: Outbox, record: str) -> None:
    seq = outbox.seq() + 1
    waiting = Waiting(
        record=record,
        station=STATION,
        epoch=1,
        seq=seq,
        folio=f"MM-T01-20261123-{seq:04d}-1",
        digest="d" * 64,
        size=10,
        sealed_utc=UTC,
    )
    outbox.add(waiting, f"{record}.packet")


def test_an_identity_is_kept_and_counting_goes_on_within_an_epoch(disk: Disk) -> None:
    with disk.opened() as (outbox, _):
        assert outbox.station() == identity()
        line_up(outbox, "r1")
        outbox.enroll(replace(identity(), place="Tacna"))
        assert outbox.seq() == 1
        outbox.enroll(identity(epoch=2))
        assert outbox.seq() == 0


def test_numbers_have_no_gaps_and_no_twins(disk: Disk) -> None:
    with disk.opened() as (outbox, _):
        line_up(outbox, "r1")
        skipped = replace(outbox.waiting()[0], record="r2", seq=3)
        with pytest.raises(OutOfLine):
            outbox.add(skipped, "x.packet")
        with pytest.raises(OutOfLine):
            outbox.add(replace(skipped, seq=1), "x.packet")
        with pytest.raises(IntegrityError):
            outbox.add(replace(skipped, record="r1", seq=2), "x.packet")
        assert outbox.seq() == 1


def test_another_program_is_kept_out_of_the_folder(disk: Disk) -> None:
    with disk.opened(), pytest.raises(InUse):
        Outbox(disk.folder)
    Outbox(disk.folder).close()


def test_the_wrong_device_key_opens_nothing(disk: Disk) -> None:
    (disk.folder / "device.key").write_bytes(b"w" * 32)
    with pytest.raises(Damaged):
        Outbox(disk.folder)


def test_pages_totals_and_counts_agree(disk: Disk) -> None:
    with disk.opened() as (outbox, _):
        for number in range(1, 8):
            line_up(outbox, f"r{number}")
        outbox.file_refusal("r3", "sin sello")
        assert [row.seq for row in outbox.rows(offset=0, limit=3)] == [7, 6, 5]
        assert [row.seq for row in outbox.rows(offset=6, limit=3)] == [1]
        refused = outbox.rows(offset=0, limit=9, states=[RecordState.REFUSED])
        assert [(row.record, row.reason) for row in refused] == [("r3", "sin sello")]
        assert (outbox.total(), outbox.total([RecordState.REFUSED])) == (7, 1)
        assert outbox.counts() == Counts(sealed=6, stored=0, opened=0, refused=1)
        assert [waiting.seq for waiting in outbox.waiting()] == [1, 2, 4, 5, 6, 7]
        assert [waiting.seq for waiting in outbox.waiting(2)] == [1, 2]
        outbox.withdraw_refusal("r3")
        assert len(outbox.waiting()) == 7
        assert outbox.counts() == Counts(sealed=7, stored=0, opened=0, refused=0)


WORDS: list[ReceiptKind] = ["stored", "opened", "refused"]
STEPS = st.lists(st.sampled_from([*WORDS, "unsigned"]), max_size=7)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
def test_a_state_is_what_the_receipts_held_say_in_whatever_order_they_came(
    shared: Outbox, steps: list[str]
) -> None:
    record = f"h{next(_NUMBERS)}"
    line_up(shared, record)
    heard: list[RecordState] = []
    for step in steps:
        if step == "unsigned":
            shared.file_refusal(record, "x")
        else:
            row = shared.row(record)
            assert row is not None
            shared.file_receipt(record, *receipt(row, next(w for w in WORDS if w == step)))
        found = shared.row(record)
        assert found is not None
        heard.append(found.state)
        signed = set(steps[: len(heard)]) - {"unsigned"}
        assert len(shared.receipts(record)) == len(signed)
        expected = next(
            (RecordState(word) for word in ("opened", "refused", "stored") if word in signed),
            RecordState.REFUSED,
        )
        assert found.state is expected
        assert bool(found.reason) == (expected is RecordState.REFUSED)
    if RecordState.OPENED in heard:
        assert heard[-1] is RecordState.OPENED
    first = next((n for n, step in enumerate(steps) if step == "stored"), None)
    if first is not None:
        assert RecordState.SEALED not in heard[first:]


def said(outbox: Outbox, record: str, *words: ReceiptKind) -> list[tuple[Signed, ReceiptBody]]:
    """Headquarters' words about a record, in the order of its chain."""
    row = outbox.row(record)
    assert row is not None
    return [receipt(row, word, serial) for serial, word in enumerate(words, 1)]


@pytest.mark.parametrize(
    ("words", "state", "disputed"),
    [
        (("stored", "refused"), RecordState.REFUSED, True),
        (("stored", "refused", "retry"), RecordState.SEALED, False),
        (("stored", "refused", "retry", "stored"), RecordState.STORED, False),
        (("stored", "refused", "retry", "refused"), RecordState.REFUSED, True),
        (("stored", "refused", "retry", "stored", "opened"), RecordState.OPENED, False),
        (("stored", "refused", "discard"), RecordState.REFUSED, False),
    ],
)
def test_only_retry_or_discard_ends_a_refused_records_wait_in_whatever_order_words_come(
    disk: Disk, words: tuple[ReceiptKind, ...], state: RecordState, disputed: bool
) -> None:
    with disk.opened() as (outbox, _):
        orders = list(itertools.permutations(range(len(words))))[:24]
        for number, order in enumerate(orders):
            record = f"p{number}"
            line_up(outbox, record)
            chain = said(outbox, record, *words)
            for at in order:
                outbox.file_receipt(record, *chain[at])
            found = outbox.row(record)
            assert found is not None
            assert found.state is state, order
            assert (record in [one.record for one in outbox.disputed()]) is disputed, order
            assert len(outbox.receipts(record)) == len(words)


@pytest.fixture
def shared(disk: Disk):  # type: ignore[no-untyped-def]
    with Outbox(disk.folder) as outbox:
        yield outbox


def test_a_receipt_about_anything_else_moves_nothing(disk: Disk) -> None:
    with disk.opened() as (outbox, _):
        line_up(outbox, "r1")
        row = outbox.row("r1")
        assert row is not None
        signed, body = receipt(row, "stored")
        wrongs = [
            replace(body, digest="e" * 64),
            replace(body, size=11),
            replace(body, seq=2),
            replace(body, epoch=2),
            replace(body, station="other"),
        ]
        for wrong in wrongs:
            with pytest.raises(BadReceipt):
                outbox.file_receipt("r1", signed, wrong)
        with pytest.raises(BadReceipt):
            outbox.file_receipt("nobody", signed, body)
        assert outbox.counts().sealed == 1
        assert outbox.receipts("r1") == []


def test_receipts_are_kept_whole(disk: Disk) -> None:
    with disk.opened() as (outbox, _):
        line_up(outbox, "r1")
        row = outbox.row("r1")
        assert row is not None
        stored, opened = receipt(row, "stored"), receipt(row, "opened", 2)
        outbox.file_receipt("r1", *stored)
        assert [waiting.record for waiting in outbox.unconfirmed()] == ["r1"]
        outbox.file_receipt("r1", *opened)
        assert outbox.receipts("r1") == [stored[0], opened[0]]
        assert outbox.unconfirmed() == []


def test_a_damaged_or_missing_packet_is_never_handed_out(disk: Disk) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        finish(outbox, vault)
        (path,) = (disk.folder / "packets").glob("*.packet")
        whole = outbox.packet(RECORD)
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(Damaged):
            outbox.packet(RECORD)
        path.unlink()
        with pytest.raises(Damaged):
            outbox.packet(RECORD)


def test_listeners_hear_of_every_change_after_it_is_on_disk(disk: Disk) -> None:
    with disk.opened() as (outbox, _):
        heard: list[int] = []
        outbox.on_change(lambda: heard.append(outbox.total()))
        line_up(outbox, "r1")
        line_up(outbox, "r2")
        assert heard == [1, 2]


def test_two_threads_may_write_and_read_at_once(disk: Disk) -> None:
    with disk.opened() as (outbox, _):
        for number in range(20):
            line_up(outbox, f"r{number}")
        troubles: list[BaseException] = []

        def file(kind: ReceiptKind) -> None:
            try:
                for row in outbox.rows(offset=0, limit=50):
                    outbox.file_receipt(row.record, *receipt(row, kind))
            except BaseException as problem:  # noqa: BLE001 - reported by the assertion below
                troubles.append(problem)

        workers = [threading.Thread(target=file, args=(kind,)) for kind in ("stored", "opened")]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert troubles == []
        assert outbox.counts() == Counts(sealed=0, stored=0, opened=20, refused=0)


def test_a_full_disk_says_so_and_loses_nothing(disk: Disk, tmp_path: Path) -> None:
    with disk.opened() as (_, vault):
        add_draft(vault)
        with vault._database.read() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DiskFull):
            vault.save_draft("big", 1, bytes(200_000), UTC)
        assert [draft.record_id for draft in vault.drafts()] == [RECORD]
