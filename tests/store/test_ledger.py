"""The account comes out even, and whatever is taken from it is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from migramovil.core import audit, canonical, sealing
from migramovil.core.audit import AuditBroken
from migramovil.core.record import Descriptor, Realm, Signed, Stamp
from migramovil.store import deleting, ledger, verify
from migramovil.store.outbox import Outbox, QueueRow
from migramovil.store.vault import Vault
from migramovil.store.verify import Finding
from tests.store.bench import (
    EDGE,
    HEADQUARTERS,
    UTC,
    Disk,
    add_draft,
    finish,
    identity,
    new_disk,
    receipt,
)

KEM = canonical.text(HEADQUARTERS.public)
KEY = canonical.text(EDGE.public)
DESCRIPTOR = Descriptor(
    realm=Realm.TRAINING, version=1, root=KEY, stored_signer=KEY, opened_signer=KEY, registrar=KEY,
    operational=KEM, recovery=KEM, tls_ca="", urls=(),
)  # fmt: skip
RETENTION = timedelta(hours=72)
LATER = Stamp(utc="2026-11-27T12:00:00Z", uncertainty_s=60)
Books = tuple[Outbox, Vault, list[QueueRow]]


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    """Four records: confirmed, received, waiting, refused; and an open draft."""
    disk = new_disk(tmp_path / "station")
    with disk.opened() as (outbox, vault):
        outbox.enroll(replace(identity(), descriptor=canonical.encode(DESCRIPTOR).decode()))
        rows = []
        for name in "abcd":
            vault.save_draft(name, 1, b"", "")
            rows.append(finish(outbox, vault, name))
        file(outbox, rows[0], "stored", 1)
        file(outbox, rows[1], "stored", 2)
        file(outbox, rows[0], "opened", 3)
        file(outbox, rows[3], "refused", 4)
        add_draft(vault, "open")
        yield outbox, vault, rows


def file(outbox: Outbox, row: QueueRow, kind: str, serial: int) -> None:
    signed, body = receipt(row, kind, serial)  # type: ignore[arg-type]
    outbox.file_receipt(row.record, signed, body)


def quick(books: Books) -> list[Finding]:
    outbox, vault, _ = books
    found = verify.read(outbox, vault)
    assert found is not None
    return verify.quick(outbox, found)


def whole(books: Books) -> list[Finding]:
    outbox, vault, _ = books
    found = verify.read(outbox, vault)
    assert found is not None
    return verify.whole(outbox, found) + verify.vault_whole(vault)


def sql(store: Outbox | Vault, *statements: str) -> None:
    """As somebody with the key and no scruples, foreign keys or not."""
    raw = store.database._engine.raw_connection()
    cursor = raw.cursor()
    cursor.execute("PRAGMA foreign_keys = OFF")
    for statement in statements:
        cursor.execute(statement)
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
    raw.close()


def packet_file(outbox: Outbox, record: str) -> Path:
    name = next(file for file, one in outbox.files().items() if one == record)
    return outbox.packet_path(name)


def test_what_was_finished_is_confirmed_received_waiting_or_refused(books: Books) -> None:
    outbox, vault, _ = books
    told = ledger.figures(outbox)
    assert (told.finished, told.sealed, told.stored, told.opened, told.refused) == (4, 1, 1, 1, 1)
    assert told.fits
    assert ledger.days(outbox) == [replace(told, day="2026-11-23")]
    assert ledger.by_officer(vault.audit.entries()) == {"officer-1": 4}
    assert quick(books) == whole(books) == []


def test_the_local_day_counts_not_greenwichs(books: Books) -> None:
    outbox, _, _ = books
    sql(outbox, "UPDATE records SET sealed_utc = '2026-11-24T04:59:59Z' WHERE record = 'a'")
    sql(outbox, "UPDATE records SET sealed_utc = '2026-11-24T05:00:00Z' WHERE record = 'b'")
    assert [(day.day, day.finished) for day in ledger.days(outbox)] == [
        ("2026-11-24", 1), ("2026-11-23", 3),
    ]  # fmt: skip


def test_numbers_of_an_epoch_that_ended_still_count(books: Books) -> None:
    outbox, _, _ = books
    sql(outbox, "INSERT INTO epochs SELECT station, 0, 2 FROM station")
    assert (ledger.figures(outbox).finished, ledger.figures(outbox).fits) == (6, False)
    assert [found.where for found in quick(books)] == ["Número 1, época 0", "Número 2, época 0"]


def lose_row(outbox: Outbox, vault: Vault) -> None:
    sql(outbox, "DELETE FROM records WHERE record = 'c'")


def lose_row_and_file(outbox: Outbox, vault: Vault) -> None:
    packet_file(outbox, "c").unlink()
    sql(outbox, "DELETE FROM records WHERE record = 'c'")


def lose_row_and_count(outbox: Outbox, vault: Vault) -> None:
    packet_file(outbox, "d").unlink()
    sql(outbox, "DELETE FROM records WHERE record = 'd'", "DELETE FROM receipts WHERE record = 'd'")
    sql(outbox, "UPDATE station SET seq = 3")


def lose_row_but_receipt(outbox: Outbox, vault: Vault) -> None:
    packet_file(outbox, "b").unlink()
    sql(outbox, "DELETE FROM records WHERE record = 'b'")


def lose_packet(outbox: Outbox, vault: Vault) -> None:
    packet_file(outbox, "b").unlink()


def change_packet(outbox: Outbox, vault: Vault) -> None:
    path = packet_file(outbox, "b")
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")


def cut_packet(outbox: Outbox, vault: Vault) -> None:
    path = packet_file(outbox, "b")
    path.write_bytes(path.read_bytes()[:-1])


def lose_receipt(outbox: Outbox, vault: Vault) -> None:
    sql(outbox, "DELETE FROM receipts WHERE record = 'a' AND kind = 'opened'")


def lose_receipt_and_its_mark(outbox: Outbox, vault: Vault) -> None:
    sql(outbox, "UPDATE records SET stored_receipt = NULL WHERE record = 'b'")
    sql(outbox, "DELETE FROM receipts WHERE record = 'b'")
    for row in outbox.rows():  # and then headquarters' later words come
        if row.record in {"b", "c", "d"}:
            file(outbox, row, "stored", {"b": 10, "c": 11, "d": 12}[row.record])


def forge_receipt(outbox: Outbox, vault: Vault) -> None:
    row = next(row for row in outbox.rows() if row.record == "c")
    _, body = receipt(row, "opened", 5)
    forged = Signed.by(sealing.Signer.new(), canonical.encode(body))
    outbox.file_receipt("c", forged, body)


def lose_middle_line(outbox: Outbox, vault: Vault) -> None:
    sql(vault, "DELETE FROM audit WHERE n = 2")


def cut_audit(outbox: Outbox, vault: Vault) -> None:
    sql(vault, "DELETE FROM audit WHERE n >= 3")


def cut_last_line(outbox: Outbox, vault: Vault) -> None:
    sql(vault, "DELETE FROM audit WHERE n = 4")


def gap_in_numbers(outbox: Outbox, vault: Vault) -> None:
    sql(outbox, "UPDATE station SET seq = 5")


def count_back(outbox: Outbox, vault: Vault) -> None:
    sql(outbox, "UPDATE station SET seq = 2")


def stray(outbox: Outbox, vault: Vault) -> None:
    outbox.packet_path("ffff.packet").write_bytes(b"?")


def delete_without_word(outbox: Outbox, vault: Vault) -> None:
    sql(outbox, "INSERT INTO deletions VALUES ('b', 2, '')")
    packet_file(outbox, "b").unlink()


Plant = Callable[[Outbox, Vault], None]
PLANTED: list[tuple[Plant, set[tuple[str, str]]]] = [
    (lose_row, {("LED-01", "0003")}),
    (lose_row_and_file, {("LED-02", "Número 3"), ("LED-01", "c: lo nombra la bitácora")}),
    (lose_row_and_count, {("LED-01", "d: lo nombra la bitácora")}),
    (lose_row_but_receipt, {("LED-01", "Número 2, época 1: queda su acuse")}),
    (lose_packet, {("LED-04", "0002")}),
    (cut_packet, {("LED-05", "0002")}),
    (lose_receipt, {("LED-07", "0001")}),
    (lose_middle_line, {("STO-08", "línea 2"), ("AUD-01", "0003"), ("LED-10", "0002")}),
    (cut_audit, {("AUD-01", "0004"), ("LED-10", "0003"), ("LED-10", "0004")}),
    (cut_last_line, {("LED-10", "0004")}),
    (gap_in_numbers, {("LED-02", "Número 5")}),
    (count_back, {("LED-03", "Cuenta 2, último registro 4")}),
    (stray, {("LED-06", "ffff")}),
    (delete_without_word, {("LED-08", "0002")}),
]
SLOW: list[tuple[Plant, set[tuple[str, str]]]] = [
    (change_packet, {("LED-05", "0002")}),
    (forge_receipt, {("LED-09", "0003")}),
    (lose_receipt_and_its_mark, {("LED-07", "Faltan 1 en la cadena de acuses")}),
]


def named(found: list[Finding], expected: set[tuple[str, str]]) -> bool:
    """Each thing expected is said, in words that name it, and nothing else is."""
    said = [(one.trouble.code, one.where) for one in found]
    return (
        len(said) >= len(expected)
        and all(any(code == c and part in where for c, part in expected) for code, where in said)
        and all(any(c == code and part in where for code, where in said) for c, part in expected)
    )


@pytest.mark.parametrize(("plant", "expected"), PLANTED, ids=lambda v: getattr(v, "__name__", ""))
def test_a_planted_loss_is_named_at_once(
    books: Books, plant: Plant, expected: set[tuple[str, str]]
) -> None:
    outbox, vault, _ = books
    plant(outbox, vault)
    found = quick(books)
    assert named(found, expected), found
    assert named(whole(books), expected), whole(books)
    assert all(one.trouble.what and one.trouble.advice for one in found)


@pytest.mark.parametrize(("plant", "expected"), SLOW, ids=lambda v: getattr(v, "__name__", ""))
def test_a_planted_change_is_named_once_everything_was_read(
    books: Books, plant: Plant, expected: set[tuple[str, str]]
) -> None:
    outbox, vault, _ = books
    plant(outbox, vault)
    assert named(whole(books), expected), whole(books)


def test_with_the_vault_closed_what_the_outbox_knows_is_still_checked(books: Books) -> None:
    outbox, _, _ = books
    packet_file(outbox, "b").unlink()
    picture = verify.read(outbox, None)
    assert picture is not None
    assert [one.trouble.code for one in verify.whole(outbox, picture)] == ["LED-04"]


def test_a_lost_or_altered_picture_of_a_draft_is_named(books: Books) -> None:
    outbox, vault, _ = books
    first, second = sorted((outbox.folder / "media").iterdir())
    first.unlink()
    second.write_bytes(b"x" + second.read_bytes()[1:])
    found = verify.vault_whole(vault)
    assert [one.trouble.code for one in found] == ["LED-11", "LED-11"]


def test_a_finish_that_was_cut_between_file_and_row_is_no_alarm(books: Books) -> None:
    outbox, vault, _ = books
    vault.save_draft("e", 1, b"", "")
    finish(outbox, vault, "e")
    sql(outbox, "DELETE FROM records WHERE record = 'e'", "UPDATE station SET seq = 4")
    sql(vault, "DELETE FROM audit WHERE n = 5")
    assert quick(books) == []


def test_an_audit_from_before_signatures_goes_on_and_is_covered(disk: Disk) -> None:
    before, values = audit.START, []
    for n in (1, 2):
        said = {"n": n, "actor": "a1", "act": "login", "subject": "", "utc": UTC}
        before = sealing.sha256(bytes.fromhex(before) + canonical.encode(said))
        values.append(f"({n}, 'a1', 'login', '', '{UTC}', '{before}')")
    with disk.opened() as (_, vault):
        rows = "INSERT INTO audit (n, actor, act, subject, utc, hash) VALUES "
        sql(vault, rows + ", ".join(values))
        vault.audit.append("a1", "lock", "", LATER)
        assert vault.audit.verify() == 3
        sql(vault, "UPDATE audit SET actor = 'a2' WHERE n = 1")
        with pytest.raises(AuditBroken):
            vault.audit.verify()


# --- letting packets go ---------------------------------------------------------------------
def test_a_packet_goes_only_after_its_opened_receipt_and_its_term(books: Books) -> None:
    outbox, _, rows = books
    paths = {row.record: packet_file(outbox, row.record) for row in rows}
    early = Stamp(utc="2026-11-26T12:00:59Z", uncertainty_s=60)  # 72 h and 59 s, give or take 60
    assert deleting.delete_due(outbox, DESCRIPTOR, early, RETENTION) == ()
    assert deleting.delete_due(outbox, DESCRIPTOR, LATER, RETENTION) == ("a",)
    assert [name for name, path in paths.items() if not path.exists()] == ["a"]
    assert deleting.delete_due(outbox, DESCRIPTOR, LATER, RETENTION) == ()
    assert quick(books) == whole(books) == []
    assert ledger.figures(outbox).fits


def test_a_clock_that_nothing_bounds_lets_nothing_go_until_headquarters_time_does(
    books: Books,
) -> None:
    outbox, _, rows = books
    unbounded = Stamp(utc="2036-11-27T12:00:00Z")
    assert deleting.delete_due(outbox, DESCRIPTOR, unbounded, RETENTION) == ()
    _, body = receipt(rows[2], "stored", 5)
    late = replace(body, time="2026-11-26T12:00:00Z")
    outbox.file_receipt("c", Signed.by(EDGE, canonical.encode(late)), late)
    assert deleting.delete_due(outbox, DESCRIPTOR, unbounded, RETENTION) == ("a",)


def test_a_refused_record_and_one_with_a_false_receipt_are_never_let_go(books: Books) -> None:
    outbox, vault, rows = books
    forge_receipt(outbox, vault)
    file(outbox, rows[3], "opened", 6)  # headquarters contradicts itself: stays
    assert deleting.delete_due(outbox, DESCRIPTOR, LATER, RETENTION) == ("a",)
    assert packet_file(outbox, "c").exists()
    assert packet_file(outbox, "d").exists()


def test_a_refused_record_goes_once_headquarters_signed_that_it_discards_it(books: Books) -> None:
    outbox, _, rows = books
    file(outbox, rows[3], "discard", 5)
    assert deleting.delete_due(outbox, DESCRIPTOR, LATER, RETENTION) == ("a", "d")
    assert not (outbox.folder / "packets" / f"{rows[3].record}.packet").exists()
    assert ledger.figures(outbox).fits
    assert quick(books) == whole(books) == []


def test_a_refused_record_that_is_taken_up_again_stays_and_goes_again(books: Books) -> None:
    outbox, _, rows = books
    file(outbox, rows[3], "retry", 5)
    assert deleting.delete_due(outbox, DESCRIPTOR, LATER, RETENTION) == ("a",)
    assert rows[3].record in [one.record for one in outbox.waiting()]
    assert packet_file(outbox, "d").exists()
    assert quick(books) == whole(books) == []


def test_words_after_a_refusal_may_be_late_without_an_alarm(books: Books) -> None:
    _, _, rows = books
    file(books[0], rows[2], "stored", 6)  # 5 is a word about the refused one, still to come
    file(books[0], rows[1], "opened", 7)
    file(books[0], rows[2], "opened", 8)
    assert whole(books) == []


def test_a_power_cut_between_row_and_file_is_swept(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox, _, _ = books

    class PowerCut(BaseException):
        pass

    def cut(path: Path) -> None:
        raise PowerCut

    monkeypatch.setattr(deleting.files, "remove", cut)
    with pytest.raises(PowerCut):
        deleting.delete_due(outbox, DESCRIPTOR, LATER, RETENTION)
    monkeypatch.undo()
    assert packet_file(outbox, "a").exists()
    assert quick(books) == []
    deleting.sweep(outbox)
    assert not packet_file(outbox, "a").exists()
    assert quick(books) == []


def test_what_was_let_go_is_not_missing(books: Books) -> None:
    from migramovil.store import finishing

    outbox, vault, _ = books
    deleting.delete_due(outbox, DESCRIPTOR, LATER, RETENTION)
    assert finishing.reconcile(outbox, vault).missing == ()
    packet_file(outbox, "b").unlink()
    assert finishing.reconcile(outbox, vault).missing == ("b",)
