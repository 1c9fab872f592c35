"""What stays after a finish, for how long; and the account as its pages ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from migramovil.core import audit, canonical
from migramovil.core.record import Descriptor, Realm, ReceiptBody, ReceiptKind, Signed
from migramovil.core.roles import NotAllowed
from migramovil.core.trouble import Trouble
from migramovil.devices.trouble import (
    Cancelled,
    PaperEndedMidway,
    PaperOut,
    PrintUnconfirmed,
    StillQueued,
)
from migramovil.services.accounts import NobodyInside
from migramovil.services.enrolling import Finished
from migramovil.services.keeping import Keeping, SlipGone
from migramovil.services.ledger import Ledger
from migramovil.store import compartments, finishing
from tests.services.bench import (
    NOW,
    OFFICER,
    SUPERVISOR,
    Counter,
    Headquarters,
    copied,
    enrolled,
    opened,
)
from tests.store.test_finishing import decrypted

HEADQUARTERS = Headquarters()
END = "2026-11-24T11:00:00Z"  # six in the morning in Lima


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    counter: Counter
    keeping: Keeping
    ledger: Ledger

    def finish(self) -> Finished:
        self.counter.fill()
        return self.counter.enrolling.finish().result(10)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return enrolled(tmp_path_factory.mktemp("keeping") / "station", HEADQUARTERS)


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return copied(template, tmp_path / "station")


@contextmanager
def house(folder: Path, now: datetime = NOW) -> Iterator[House]:
    with opened(folder, HEADQUARTERS, now=now) as counter:
        accounts, clock = counter.accounts, counter.accounts._clock
        keeping = Keeping(accounts, counter.outbox, counter.printing, clock, counter.desk)
        ledger = Ledger(accounts, counter.outbox, clock, counter.desk)
        accounts.keepsake = keeping.keepsake
        try:
            yield House(counter=counter, keeping=keeping, ledger=ledger)
        finally:
            ledger.close()


def say(at: House, finished: Finished, kind: ReceiptKind, serial: int, *, late: int = 0) -> None:
    """Headquarters' word about a record, `late` hours after now."""
    outbox = at.counter.outbox
    identity = outbox.station()
    row = outbox.row(finished.record_id)
    assert identity is not None
    assert row is not None
    body = ReceiptBody(
        kind=kind, realm=Realm.TRAINING, station=identity.station, epoch=1, seq=row.seq,
        record=row.record, digest=row.digest, size=row.size, serial=serial, previous="",
        time=(NOW + timedelta(hours=late)).isoformat(timespec="seconds"),
    )  # fmt: skip
    signed = Signed.by(HEADQUARTERS.registrar, canonical.encode(body))
    outbox.file_receipt(row.record, signed, body)


def printed(at: House) -> list[list[str]]:
    return [[line.text for line in slip] for slip in at.counter.devices.printer.slips]


# --- the jornada's compartment ----------------------------------------------------------------
def test_a_slip_of_today_is_printed_again_counted_and_on_the_record(folder: Path) -> None:
    with house(folder) as at:
        at.counter.enter()
        finished = at.finish()
        first, second = at.finish(), at.finish()
        slips = at.keeping.slips().result(10)
        assert [slip.finished for slip in slips] == [second, first, finished]
        at.keeping.reprint(finished.record_id).result(10)
        at.keeping.reprint(finished.record_id).result(10)
        assert finished.folio in printed(at)[0]
        assert [slip[-2] for slip in printed(at)] == ["Reimpresión 1", "Reimpresión 2"]
        assert at.keeping.slips().result(10)[2].reprints == 2
        asked = [e for e in at.counter.vault.audit.entries() if e.act == "reprint"]
        assert [entry.subject for entry in asked] == [finished.record_id] * 2
        assert at.counter.vault.audit.verify()


def test_the_slip_after_one_that_surely_failed_is_no_copy(folder: Path) -> None:
    with house(folder) as at:
        at.counter.enter()
        finished = at.finish()
        at.counter.devices.printer.troubles = [PaperOut(), PaperEndedMidway()]
        with pytest.raises(PaperOut):
            at.counter.printing.print_slip(finished).result(10)
        with pytest.raises(PaperEndedMidway):
            at.keeping.reprint(finished.record_id).result(10)
        at.keeping.reprint(finished.record_id).result(10)
        assert not any("Reimpresión" in line for line in printed(at)[0])
        assert at.keeping.slips().result(10)[0].reprints == 0
        at.keeping.reprint(finished.record_id).result(10)
        assert "Reimpresión 1" in printed(at)[1]


@pytest.mark.parametrize("doubt", [PrintUnconfirmed(), StillQueued()])
def test_the_slip_after_one_that_may_be_out_is_a_copy(folder: Path, doubt: Trouble) -> None:
    with house(folder) as at:
        at.counter.enter()
        finished = at.finish()
        at.counter.devices.printer.troubles = [doubt]
        with pytest.raises(type(doubt)):
            at.counter.printing.print_slip(finished).result(10)
        at.keeping.reprint(finished.record_id).result(10)
        assert "Reimpresión 1" in printed(at)[0]
        assert at.keeping.slips().result(10)[0].reprints == 1


def test_a_slip_survives_a_crash_between_the_two_stores(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(BaseException):
        pass

    def cut(name: str) -> None:
        if name == "outbox-committed":
            raise PowerCut

    with house(folder) as at:
        at.counter.enter()
        at.counter.fill()
        monkeypatch.setattr(finishing, "crash_points", cut)
        with pytest.raises(PowerCut):
            at.counter.enrolling.finish().result(10)
        monkeypatch.undo()
    with house(folder) as at:
        at.counter.enter(SUPERVISOR)
        (slip,) = at.keeping.slips().result(10)
        assert slip.finished.initials
        last = [e for e in at.counter.vault.audit.entries() if e.act == "finish-completed"]
        assert [e.actor for e in last] == [at.counter.accounts.inside().session.account]


def test_a_compartment_ends_the_next_morning(folder: Path) -> None:
    with house(folder) as at:
        at.counter.enter()
        finished = at.finish()
        held = at.keeping.held().result(10)
        assert (held.slips, held.ends_utc, held.purge_pending) == (1, END, False)
        (one,) = compartments.every(at.counter.vault.database)
        assert one.jornada == "2026-11-23"
        assert one.purpose
    end = datetime.fromisoformat(END)
    with house(folder, end - timedelta(minutes=1)) as at:
        at.counter.enter()
        at.keeping.look().result(10)
        assert at.keeping.held().result(10).slips == 1
    with house(folder, end) as at:
        at.counter.enter()
        at.counter.accounts._clock.correct(end + timedelta(minutes=1))
        at.keeping.look().result(10)
        held = at.keeping.held().result(10)
        assert (held.slips, held.ends_utc, held.purge_pending) == (0, "", False)
        with pytest.raises(SlipGone):
            at.keeping.reprint(finished.record_id).result(10)
        assert printed(at) == []


def test_a_clock_set_ahead_ends_no_compartment_until_the_time_is_signed(folder: Path) -> None:
    with house(folder) as at:
        at.counter.enter()
        at.counter.accounts._clock.correct(NOW)
        at.finish()
    with house(folder, NOW + timedelta(days=400)) as at:
        at.counter.enter()
        at.keeping.look().result(10)
        assert at.keeping.held().result(10).slips == 1
        at.counter.accounts._clock.correct(NOW + timedelta(hours=1))
        at.keeping.look().result(10)
        assert at.keeping.held().result(10).slips == 1
        at.counter.accounts._clock.correct(NOW + timedelta(days=1))
        at.keeping.look().result(10)
        assert at.keeping.held().result(10).slips == 0


def test_without_any_signed_time_a_compartment_lives_no_longer_than_its_jornada_had_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By how long the station ran, over restarts; never by a clock that anyone can set."""
    left = (datetime.fromisoformat(END) - NOW).total_seconds()
    with house(folder) as at:
        at.counter.enter()
        at.finish()
    ran = [0.0]
    for start, slips in ((0.0, 1), (9e9, 0)):
        with house(folder) as at:
            ran[0] = start
            monkeypatch.setattr(at.counter.accounts._clock, "_steady", lambda: ran[0])
            at.counter.enter()
            at.keeping.look().result(10)
            ran[0] += left / 2 + 1
            at.keeping.look().result(10)
            assert at.keeping.held().result(10).slips == slips


def test_only_supervision_closes_the_jornada_early_and_the_next_record_opens_another(
    folder: Path,
) -> None:
    with house(folder) as at:
        at.counter.enter()
        at.finish()
        with pytest.raises(NotAllowed):
            at.keeping.close_jornada().result(10)
        assert at.keeping.held().result(10).slips == 1
        at.counter.enter(SUPERVISOR)
        assert at.keeping.close_jornada().result(10).slips == 0
        later = at.finish()
        assert [slip.finished for slip in at.keeping.slips().result(10)] == [later]
        names = [one.jornada for one in compartments.every(at.counter.vault.database)]
        assert names == ["2026-11-23/2", "2026-11-23"]
        assert "destroy-compartment" in at.counter.audited()


def test_after_its_end_nothing_of_a_compartment_is_in_any_page_of_the_vault(folder: Path) -> None:
    with house(folder) as at:
        at.counter.enter(SUPERVISOR)
        finished = at.finish()
        vault, key = at.counter.vault, at.counter.accounts.inside().vault_key
        with vault.database.read() as connection:
            secret = connection.exec_driver_sql("SELECT key FROM compartments").scalar()
            body = connection.exec_driver_sql("SELECT body FROM kept").scalar()
        assert isinstance(secret, bytes)
        assert isinstance(body, bytes)
        before = decrypted(folder, key)
        assert secret in before
        assert body in before
        at.keeping.close_jornada().result(10)
        assert not vault.purge_pending()
        after = decrypted(folder, key)
        assert b"CREATE TABLE kept" in after
        assert secret not in after
        assert body not in after
        assert finished.initials.encode() not in after


def test_a_purge_that_a_reader_prevents_is_said_and_paid_later(folder: Path) -> None:
    with house(folder) as at:
        at.counter.enter(SUPERVISOR)
        at.finish()
        with at.counter.vault.database.read() as reader:
            reader.exec_driver_sql("SELECT count(*) FROM kept").scalar()
            assert at.keeping.close_jornada().result(10).purge_pending
            assert at.keeping.held().result(10).purge_pending
        at.keeping.look().result(10)
        assert not at.keeping.held().result(10).purge_pending


def test_with_nobody_inside_no_slip_is_read(folder: Path) -> None:
    with house(folder) as at:
        for ask in (at.keeping.held, at.keeping.slips, at.keeping.close_jornada):
            with pytest.raises(NobodyInside):
                ask().result(10)
        with pytest.raises(NobodyInside):
            at.keeping.reprint("x")


# --- letting packets go -------------------------------------------------------------------------
def test_a_packet_goes_with_nobody_inside_once_confirmed_and_kept_long_enough(folder: Path) -> None:
    with house(folder) as at:
        at.counter.enter()
        finished, other = at.finish(), at.finish()
        say(at, finished, "stored", 1)
        say(at, finished, "opened", 2)
        at.counter.accounts.lock()
        assert at.keeping.look().result(10) == ()
        say(at, other, "stored", 3, late=71)
        assert at.keeping.look().result(10) == ()
        say(at, other, "opened", 4, late=72)
        assert at.keeping.look().result(10) == (finished.record_id,)
        assert len(at.counter.outbox.files_on_disk()) == 1
        assert at.ledger.figures().fits


# --- the ledger, as its pages ask ----------------------------------------------------------------
def test_the_account_per_officer_names_who_finished(folder: Path) -> None:
    with house(folder) as at:
        at.counter.enter()
        at.finish()
        at.finish()
        at.counter.enter(SUPERVISOR)
        at.finish()
        assert at.ledger.officers().result(10) == ((OFFICER, 2), (SUPERVISOR, 1))
        assert [day.finished for day in at.ledger.days()] == [3]


def test_a_lost_packet_is_said_by_the_quick_look_and_again_by_the_whole_one(folder: Path) -> None:
    with house(folder) as at:
        at.counter.enter(SUPERVISOR)
        finished = at.finish()
        assert at.ledger.quick().result(10).findings == ()
        assert at.ledger.trouble() is None
        (path,) = (folder / "packets").iterdir()
        path.unlink()
        told: list[None] = []
        at.ledger.when_looked(lambda: told.append(None))
        (found,) = at.ledger.quick().result(10).findings
        assert (found.trouble.code, finished.folio in found.where) == ("LED-04", True)
        trouble = at.ledger.trouble()
        assert trouble is not None
        assert trouble.code == "LED-12"
        looked = at.ledger.whole().result(10)
        assert (looked.whole, len(looked.findings), len(told)) == (True, 1, 2)
        report = at.ledger.report()
        assert finished.folio in report
        assert "LED-04" in report
        assert finished.initials not in report
        assert OFFICER not in report


def test_the_whole_look_tells_how_far_it_is_and_stops_when_called_off(folder: Path) -> None:
    with house(folder) as at:
        at.counter.enter(SUPERVISOR)
        for _ in range(3):
            at.finish()
        steps: list[tuple[int, int]] = []
        at.ledger.whole(lambda done, total: steps.append((done, total))).result(10)
        assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
        ticket = at.ledger.whole(lambda done, total: ticket.cancel() if done else None)
        with pytest.raises(Cancelled):
            ticket.result(10)


def test_officers_may_not_read_the_account_or_the_audit(folder: Path) -> None:
    with house(folder) as at:
        at.counter.enter()
        for ask in (at.ledger.officers, at.ledger.whole, at.ledger.audit_lines):
            with pytest.raises(NotAllowed):
                ask().result(10)
        with pytest.raises(NotAllowed):
            at.ledger.export_audit().result(10)
        refused = [act for act in at.counter.audited() if act.startswith("refused:")]
        assert len(refused) == 4


def test_an_exported_audit_is_whole_and_signed_by_the_station(folder: Path) -> None:
    with house(folder) as at:
        at.counter.enter(SUPERVISOR)
        at.finish()
        data = at.ledger.export_audit().result(10)
        public = at.counter.vault.station_keys()[0].public
        body, entries = audit.read_export(data, public)
        assert entries == at.counter.vault.audit.entries()
        assert entries[-1].act == "export-audit"
        identity = at.counter.outbox.station()
        assert identity is not None
        assert (body.station, body.epoch) == (identity.station, 1)
        lines = at.ledger.audit_lines().result(10)
        assert [line.entry for line in lines] == list(reversed(entries))
        assert lines[0].who == SUPERVISOR


def test_a_descriptor_of_another_headquarters_lets_nothing_go(folder: Path) -> None:
    with house(folder) as at:
        at.counter.enter()
        finished = at.finish()
        say(at, finished, "opened", 1, late=999)
        identity = at.counter.outbox.station()
        assert identity is not None
        other = canonical.decode(canonical.from_text(Headquarters().descriptor().body), Descriptor)
        at.counter.outbox.enroll(replace(identity, descriptor=canonical.encode(other).decode()))
        assert at.keeping.look().result(10) == ()
