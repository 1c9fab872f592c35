"""The second copy from the supervisor's side, and a lost laptop against a real headquarters."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from migramovil import app, settings
from migramovil.core import canonical, sealing
from migramovil.core.record import Realm, ReceiptBody, RecordState, Signed, Stamp
from migramovil.core.roles import NotAllowed
from migramovil.headquarters import operators, people, setup
from migramovil.headquarters import restoring as lending
from migramovil.headquarters.store import Store
from migramovil.services import restoring
from migramovil.services.backups import Backups, SameDisk
from migramovil.services.restoring import AnotherStation, NewSupervisor
from migramovil.store import backup, ledger, restored, verify
from migramovil.store.backup import MediumGone
from migramovil.store.keys import WrongPassword
from migramovil.store.restore import Restored
from migramovil.sync import https, wire
from migramovil.sync.engine import SyncEngine
from migramovil.sync.ports import LoginRefused, NoLink
from tests.headquarters.rig import Place
from tests.services import bench
from tests.services.bench import MEMORY_KIB, NOW, PASSWORD, SUPERVISOR, Counter, within

STICK = "stick"


class NoLine:
    """No headquarters in reach."""

    def receipts(self, records: Sequence[tuple[str, str]]) -> Sequence[Signed]:
        raise NoLink

    def send(self, *_: Any) -> Sequence[Signed]:
        raise NoLink

    def hang_up(self) -> None:
        """Nothing to drop."""


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / STICK
    folder.mkdir()
    return folder


@contextmanager
def backing_up(counter: Counter, folder: str = "", **more: Any) -> Iterator[Backups]:
    """The service as app.py builds it, with the stick on another disk."""
    more.setdefault("disk_of", lambda path: int(STICK in str(path)))
    made = Backups(
        counter.accounts,
        counter.outbox,
        counter.enrolling._clock,
        settings.Backup(folder=folder),
        more.pop("connect", lambda _: NoLine()),
        **more,
    )
    try:
        yield made
    finally:
        made.stop()


def test_a_backup_is_the_supervisors_to_ask_for(counter: Counter, stick: Path) -> None:
    with backing_up(counter) as backups, pytest.raises(NotAllowed):
        backups.back_up(stick)


def test_a_verified_backup_is_remembered_while_locked(closed: Counter, stick: Path) -> None:
    closed.enter(SUPERVISOR)
    with backing_up(closed) as backups:
        assert backups.standing().overdue
        report = backups.back_up(stick).result(20)
        assert "backup" in closed.audited()
        closed.accounts.lock()
        standing = backups.standing()
    assert report.snapshot
    assert standing.verified_utc.startswith("2026-11-23T15:4")
    assert not standing.overdue


def test_packets_alone_do_not_count_as_a_whole_backup(closed: Counter, stick: Path) -> None:
    with backing_up(closed, str(stick)) as backups:
        backups.look()
        within(10, lambda: backups.standing().report is not None)
        assert backups.standing().report is not None
        assert backups.standing().verified_utc == ""


def test_a_folder_on_the_stations_own_disk_is_no_backup(closed: Counter, stick: Path) -> None:
    closed.enter(SUPERVISOR)
    with backing_up(closed, disk_of=lambda _: 7) as backups:
        with pytest.raises(SameDisk):
            backups.back_up(stick).result(10)
        assert isinstance(backups.standing().trouble, SameDisk)
    assert list(stick.iterdir()) == []


def test_a_stick_pulled_out_midway_is_said_even_where_its_folder_stays(
    closed: Counter, stick: Path
) -> None:
    """The mount point is then a folder of the station's own disk."""
    closed.enter(SUPERVISOR)
    disks = iter([1, 0, 0, 0])  # the stick, the station; then both the station

    with backing_up(closed, disk_of=lambda _: next(disks)) as backups:
        with pytest.raises(SameDisk):
            backups.back_up(stick).result(10)
        assert backups.standing().verified_utc == ""


def test_a_stick_that_is_gone_is_said(closed: Counter, stick: Path) -> None:
    closed.enter(SUPERVISOR)
    stick.rmdir()

    def disk_of(path: Path) -> int:
        return 1 if path.exists() and STICK in str(path) else int(not path.stat())

    with backing_up(closed, disk_of=disk_of) as backups, pytest.raises(MediumGone):
        backups.back_up(stick).result(10)


def test_locking_ends_the_part_that_needs_the_vault(closed: Counter, stick: Path) -> None:
    closed.enter(SUPERVISOR)
    closed.fill()
    with backing_up(closed) as backups:
        once = threading.Event()

        def lock() -> None:
            if backups.standing().done and not once.is_set():
                once.set()
                closed.accounts.lock()

        backups.when_changed(lock)
        with pytest.raises(backup.CutShort):
            backups.back_up(stick).result(20)
        assert once.is_set()
        assert backups.standing().verified_utc == ""


def test_a_set_folder_is_kept_up_to_date_by_itself(closed: Counter, stick: Path) -> None:
    with backing_up(closed, str(stick)) as backups:
        closed.enter(SUPERVISOR)
        backups.look()
        within(20, lambda: backups.standing().verified_utc != "")
        home = next((stick / backup.HOME).iterdir())
        made = len(backup.manifests(home))
        within(5, lambda: not backups.standing().running)
        backups.look()  # not due again
        assert len(backup.manifests(home)) == made == 1


def test_a_backup_is_missed_only_where_one_is_set_or_records_have_waited_a_day(
    folder: Path, stick: Path, headquarters: bench.Headquarters
) -> None:
    with bench.opened(folder, headquarters) as counter:
        counter.enter(SUPERVISOR)
        with backing_up(counter) as backups:
            assert not backups.standing().owed
            counter.fill()
            counter.enrolling.finish().result(10)
            assert not backups.standing().owed
        with backing_up(counter, str(stick)) as backups:
            assert backups.standing().owed
    later = NOW + timedelta(hours=25)
    with bench.opened(folder, headquarters, now=later) as counter:
        counter.enter(SUPERVISOR)
        with backing_up(counter) as backups:
            assert backups.standing().owed
            backups.back_up(stick).result(20)
            assert not backups.standing().owed


def test_after_a_day_without_one_it_is_overdue(
    folder: Path, stick: Path, headquarters: bench.Headquarters
) -> None:
    with bench.opened(folder, headquarters) as counter:
        counter.enter(SUPERVISOR)
        with backing_up(counter) as backups:
            backups.back_up(stick).result(20)
    later = NOW + timedelta(hours=25)
    with bench.opened(folder, headquarters, now=later) as counter, backing_up(counter) as backups:
        assert backups.standing().overdue


# ---- a lost laptop -------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """A real headquarters, as a station's enroller."""

    place: Place

    @property
    def realm(self) -> Realm:
        return self.place.realm

    def enroll(self, **asked: Any) -> Any:
        code = asked.pop("code") or self.place.code()
        return app.enroller(**{**asked, "url": self.place.url}, code=code)

    def line(self, counter: Counter) -> https.HttpsHeadquarters:
        station = counter.outbox.station()
        assert station is not None
        return https.HttpsHeadquarters(
            self.place.descriptor,
            station.station,
            sealing.Signer.load(station.transport),
            realm=self.realm,
            url=self.place.url,
        )

    def send(self, counter: Counter) -> None:
        for _ in range(2):  # the second time brings the opener's word
            line = self.line(counter)
            SyncEngine(
                counter.outbox, line, self.place.descriptor, clock=counter.enrolling._clock.utc
            ).turn()
            line.hang_up()
            self.place.judge()

    def renewed(self, station: str) -> str:
        """A code for the station's next epoch."""
        token = sealing.new_key()[: wire.TOKEN_BYTES]
        with self.place.books() as store:
            known = store.station(station)
            assert known is not None
            assert store.renew(known.code, token_sha256=sealing.sha256(token), until="2099")
        return wire.make_code(token, canonical.from_text(self.place.descriptor.root))

    def lend(self, request: Path, answer: Path) -> Path:
        with self.place.books() as store:
            said = lending.lend(
                store,
                setup.offline(self.place.data),
                lambda: [(name, self.operator(store, name)) for name in ("uno", "dos")],
                request.read_bytes(),
                utc="2026-11-23T12:00:00Z",
            )
        answer.write_bytes(canonical.encode(said))
        return answer

    @staticmethod
    def operator(store: Store, name: str) -> sealing.Signer:
        if name not in {one.name for one in people.operators(store)}:
            operators.add(store, name, PASSWORD, "2026-11-23T12:00:00Z", memory_kib=MEMORY_KIB)
        return operators.unlock(store, name, PASSWORD)

    def records(self, station: str) -> list[str]:
        """What it holds of a station, once for each packet."""
        with self.place.books() as store:
            every = [canonical.from_text(one.signed.body) for one in store.all_receipts()]
        bodies = [canonical.decode(body, ReceiptBody) for body in every]
        return [b.record for b in bodies if (b.kind, b.station) == ("stored", station)]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    place = Place(tmp_path_factory.mktemp("hq") / "hq").init()
    with place.serving():
        yield Real(place=place)


def supervisor(real: Real, **other: Any) -> NewSupervisor:
    known: dict[str, Any] = {
        "username": "mquispe",
        "password": PASSWORD,
        "url": real.place.url,
        "code": "",
        "name": "Móvil 1",
        "memory_kib": MEMORY_KIB,
    }
    return NewSupervisor(**{**known, **other})


def test_a_lost_laptop_costs_no_record_and_doubles_none(  # noqa: PLR0915 - one story, in order
    real: Real, tmp_path: Path, stick: Path
) -> None:
    hq = cast(bench.Headquarters, real)
    old = bench.enrolled(tmp_path / "old", hq)
    with bench.opened(old, hq) as counter:
        counter.enter(SUPERVISOR)
        waiting = _finished(counter)  # sealed, not sent, when the backup is made
        counter.fill()
        finished_later = counter.draft.record_id
        counter.fill()
        still_open = counter.draft.record_id
        counter.settle()
        body = counter.on_disk()[still_open]
        with backing_up(counter) as backups:
            assert backups.back_up(stick).result(30).drafts == 2
        counter.enrolling.resume(finished_later).result(10)
        counter.enrolling.finish().result(10)
        real.send(counter)
        known = counter.outbox.station()
        assert known is not None
    lost = shutil.copytree(old, tmp_path / "stolen", ignore=shutil.ignore_patterns("*.lock"))
    shutil.rmtree(old)

    new = tmp_path / "new"
    found = _restored(real, stick, new, real.renewed(known.station))
    assert (found.records, found.drafts, found.adopted, found.lost) == (1, 2, 0, ())

    with (
        bench.opened(new, hq) as counter,
        backing_up(counter, connect=lambda _: real.line(counter)) as backups,
    ):
        station = counter.outbox.station()
        assert station is not None
        assert station.station == known.station
        assert (station.epoch, counter.outbox.seq()) == (2, 0)
        assert station.code == known.code[:-1] + "B"
        counter.enter("mquispe")
        assert counter.on_disk()[still_open] == body
        counter.enrolling.resume(still_open).result(10)
        with pytest.raises(restored.AskFirst):
            counter.enrolling.finish().result(10)
        counter.enrolling.park()
        assert backups.settle() == (finished_later,)
        assert counter.on_disk().keys() == {still_open}
        assert len(counter.outbox.receipts(finished_later)) == 2
        counter.enrolling.resume(still_open).result(10)
        done = counter.enrolling.finish().result(10)
        assert done.folio.startswith(f"MM-{station.code}-")
        assert done.seq == 1
        real.send(counter)
        states = {row.record: row.state for row in counter.outbox.rows()}
        assert states == {waiting: RecordState.OPENED, still_open: RecordState.OPENED}
        _adds_up(counter)
    assert sorted(real.records(station.station)) == sorted([waiting, finished_later, still_open])

    with bench.opened(lost, hq) as counter:  # whoever has the old laptop is nobody now
        line = real.line(counter)
        with pytest.raises(LoginRefused):
            line.receipts([("a", "b")])
        line.hang_up()


def _adds_up(counter: Counter) -> None:
    """Both epochs' numbers, rows, packets, receipts and the new audit chain hold together."""
    told = ledger.figures(counter.outbox)
    assert (told.finished, told.opened, told.fits) == (2, 2, True)
    books = verify.read(counter.outbox, counter.vault)
    assert books is not None
    assert verify.whole(counter.outbox, books) == []
    assert verify.vault_whole(counter.vault) == []


def _restored(real: Real, stick: Path, folder: Path, code: str) -> Restored:
    """Both visits to headquarters, as the supervisor of the new laptop makes them."""
    work = folder.with_name("work")
    request = restoring.ask(stick, work, PASSWORD, memory_kib=MEMORY_KIB)
    answer = real.lend(request, work / "answer.json")
    return restoring.finish(
        stick,
        work,
        answer,
        folder,
        supervisor=supervisor(real, code=code),
        enroller=real.enroll,
        at=_at(),
    )


def _finished(counter: Counter) -> str:
    counter.fill()
    return counter.enrolling.finish().result(10).record_id


def _at() -> Stamp:
    return Stamp(utc="2026-11-24T10:00:00Z")


def test_nothing_appears_when_headquarters_gave_another_stations_code(
    real: Real, tmp_path: Path, stick: Path
) -> None:
    hq = cast(bench.Headquarters, real)
    with bench.opened(bench.enrolled(tmp_path / "old", hq), hq) as counter:
        counter.enter(SUPERVISOR)
        with backing_up(counter) as backups:
            backups.back_up(stick).result(30)
    work, new = tmp_path / "work", tmp_path / "new"
    request = restoring.ask(stick, work, PASSWORD, memory_kib=MEMORY_KIB)
    assert restoring.ask(stick, work, "otra-frase-de-paso") == request  # the same request
    answer = real.lend(request, tmp_path / "answer.json")
    with_code = supervisor(real, code=real.place.code())
    for wrong, trouble in (
        (replace(with_code, password="otra-frase-de-paso"), WrongPassword),
        (with_code, AnotherStation),
    ):
        with pytest.raises(trouble):
            restoring.finish(
                stick, work, answer, new, supervisor=wrong, enroller=real.enroll, at=_at()
            )
        assert not new.exists()


def test_a_backup_of_an_unknown_station_gets_no_key(
    closed: Counter, real: Real, tmp_path: Path, stick: Path
) -> None:
    """Anyone can seal to a public key; headquarters lends only what its own stations signed."""
    closed.enter(SUPERVISOR)
    with backing_up(closed) as backups:
        backups.back_up(stick).result(20)
    request = restoring.ask(stick, tmp_path / "work", PASSWORD, memory_kib=MEMORY_KIB)
    with pytest.raises(lending.UnknownBackup):
        real.lend(request, tmp_path / "answer.json")
    assert not (tmp_path / "answer.json").exists()
