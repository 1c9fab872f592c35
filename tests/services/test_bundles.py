"""A stick carries what waits and brings headquarters' word; nothing on it is believed unproven."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migramovil import medium
from migramovil.core import canonical, sealing
from migramovil.core.downstream import Kind
from migramovil.core.record import ReceiptBody, Signed
from migramovil.headquarters import server, setup
from migramovil.headquarters.store import Store
from migramovil.services.bundles import Bundles, CutShort, SameDisk
from migramovil.services.downstream import Downstream
from migramovil.store import exports, letters
from migramovil.store.outbox import Outbox
from migramovil.sync import bundle, wire
from migramovil.sync.bundle import NothingHere, StickFull, StickGone, StickLies
from tests.headquarters.rig import Place
from tests.services.bench import Counter
from tests.services.usb_rig import OWN_DISK, Hall, Van, a_van

CARDS = b'[{"serial":"A1","folio":"f","surnames":"S","names":"N"}]'


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("hq") / "data").init().serving() as serving:
        yield serving


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blank") / "station"
    Outbox(folder).close()
    return folder


@pytest.fixture(scope="module")
def hall(place: Place) -> Iterator[Hall]:
    store = Store(place.data / server.BOOKS)
    yield Hall(place, store)
    store.close()


@pytest.fixture
def van(tmp_path: Path, place: Place, blank: Path) -> Iterator[Van]:
    with a_van(tmp_path / "station", place, blank) as made:
        yield made


@pytest.fixture
def other(tmp_path: Path, place: Place, blank: Path) -> Iterator[Van]:
    with a_van(tmp_path / "other", place, blank) as made:
        yield made


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


def packets(van: Van, stick: Path) -> list[Path]:
    return sorted((van.up(stick) / "packets").iterdir())


# ---- there and back --------------------------------------------------------------------------
def test_a_record_is_confirmed_without_any_network(van: Van, hall: Hall, stick: Path) -> None:
    one = van.seal()
    van.write_letter()
    hall.publish(Kind.CARDS, CARDS, van)
    out = van.export(stick)
    assert (out.packets, out.copied, out.letters, out.damaged) == (1, 1, 1, 0)
    assert van.state(one) == "sealed"  # a copy removes nothing
    brought = hall.take(stick)
    assert (brought.station, brought.new, brought.letters, brought.refused) == (
        van.station.id, 1, 1, (),
    )  # fmt: skip
    first = van.bring_in(stick)
    assert (first.receipts, first.opened, first.answers, first.troubles) == (1, 0, 1, ())
    assert "cards" in first.lists
    assert (van.state(one), letters.unanswered(van.outbox)) == ("stored", [])
    hall.place.judge()
    assert hall.take(stick).new == 0
    second = van.bring_in(stick)
    assert (second.receipts, second.opened, second.lists) == (1, 1, ())
    assert van.state(one) == "opened"


def test_what_headquarters_opened_later_comes_home_on_the_next_stick(
    van: Van, hall: Hall, stick: Path
) -> None:
    one = van.seal()
    van.export(stick)
    hall.take(stick)
    van.bring_in(stick)
    hall.place.judge()
    van.export(stick)  # it carries no packet any more, but asks
    assert packets(van, stick) == []
    hall.take(stick)
    assert van.bring_in(stick).opened == 1
    assert van.state(one) == "opened"


def test_a_packet_that_went_over_the_wire_meanwhile_is_the_same_one(
    van: Van, hall: Hall, stick: Path
) -> None:
    one = van.seal()
    van.export(stick)
    van.online()
    assert van.state(one) == "stored"
    assert hall.take(stick).new == 0
    assert van.bring_in(stick).receipts == 0
    assert [body.kind for body, _ in hall.receipts(van)] == ["stored"]


def test_the_same_lists_come_over_the_wire(van: Van, hall: Hall) -> None:
    one = van.seal()
    version = hall.publish(Kind.SETTINGS, b'{"draft_days":9}')
    hall.publish(Kind.CARDS, CARDS, van)
    van.online()
    assert van.state(one) == "stored"
    assert van.downstream.settings().draft_days == 9
    rows = {row.kind: row for row in van.downstream.rows()}
    assert rows[Kind.SETTINGS].version == version
    assert (rows[Kind.CARDS].version > 0, rows[Kind.CARDS].trouble) == (True, None)


def test_exported_is_a_part_of_what_waits(van: Van, hall: Hall, stick: Path) -> None:
    first, second = van.seal(), van.seal()
    van.export(stick)
    third = van.seal()
    assert exports.count(van.outbox) == 2
    asked = [one.record for one in (first, second, third)]
    assert exports.of(van.outbox, asked).keys() == {first.record, second.record}
    hall.take(stick)
    van.bring_in(stick)
    assert exports.count(van.outbox) == 0
    assert van.outbox.counts().sealed == 1


def test_one_stick_serves_several_vans(van: Van, other: Van, hall: Hall, stick: Path) -> None:
    mine, theirs = van.seal(), other.seal()
    van.export(stick)
    other.export(stick)
    assert {one.station for one in hall.take_all(stick)} == {van.station.id, other.station.id}
    van.bring_in(stick)
    assert (van.state(mine), other.state(theirs)) == ("stored", "sealed")
    other.bring_in(stick)
    assert other.state(theirs) == "stored"


def test_newer_keys_of_headquarters_come_by_stick_and_older_ones_never(
    hall: Hall, tmp_path: Path, blank: Path, stick: Path
) -> None:
    with Place(tmp_path / "hq").init().serving() as place:
        store = Store(place.data / server.BOOKS)
        with a_van(tmp_path / "van", place, blank) as van:
            van.export(stick)
            old = setup.signed_descriptor(place.data)
            setup.rotate(place.data, signers=True)
            one = van.seal()
            van.export(stick)
            Hall(place, store).take(stick)
            assert (van.bring_in(stick).troubles, van.heard[0].version) == ((), 2)
            assert van.state(one) == "stored"  # by the new key
            bundle.write(stick, van.home, bundle.DOWN, bundle.DESCRIPTOR, old)
            van.bring_in(stick)
            assert len(van.heard) == 1
        store.close()


# ---- the medium ------------------------------------------------------------------------------
def test_a_second_copy_writes_only_what_is_not_there_and_mends_what_is_spoilt(
    van: Van, stick: Path
) -> None:
    van.seal()
    van.seal()
    van.export(stick)
    packets(van, stick)[0].write_bytes(b"spoilt")
    assert van.export(stick).copied == 1
    for path in packets(van, stick):
        assert sealing.sha256(path.read_bytes()) == path.stem


def test_a_stick_that_gives_back_other_bytes_is_found_out(
    van: Van, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    van.seal()
    monkeypatch.setattr(medium, "digest_of", lambda _: "0" * 64)
    with pytest.raises(StickLies):
        van.export(stick)
    assert packets(van, stick) == []
    assert exports.count(van.outbox) == 0


def test_a_full_stick_is_known_before_anything_is_copied(
    van: Van, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    van.seal()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(StickFull):
        van.export(stick)
    assert packets(van, stick) == []


def test_a_stick_pulled_out_leaves_no_mark_and_the_next_copy_goes_on(
    van: Van, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        van.seal()
    real, left = medium.put, [2]

    def put(*given: object) -> tuple[int, str]:
        if not left[0]:
            raise OSError(5, "gone")
        left[0] -= 1
        return real(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(medium, "put", put)
        with pytest.raises(StickGone):
            van.export(stick)
    assert (len(packets(van, stick)), exports.count(van.outbox)) == (2, 0)
    assert not (van.up(stick) / "manifest.json").exists()
    assert van.export(stick).copied == 1


def test_half_a_stick_is_taken_for_what_it_is(van: Van, hall: Hall, stick: Path) -> None:
    first, second = van.seal(), van.seal()
    van.export(stick)
    (van.up(stick) / "packets" / f"{first.digest}.packet").unlink()
    brought = hall.take(stick)
    assert (brought.lacking, brought.new) == (1, 1)
    van.bring_in(stick)
    assert (van.state(first), van.state(second)) == ("sealed", "stored")


def test_without_its_manifest_a_packet_still_proves_itself(
    van: Van, hall: Hall, stick: Path
) -> None:
    one = van.seal()
    van.export(stick)
    (van.up(stick) / "manifest.json").unlink()
    brought = hall.take(stick)
    assert (brought.station, brought.new) == ("", 1)
    van.bring_in(stick)
    assert van.state(one) == "stored"


def test_a_folder_on_the_own_disk_is_no_stick(van: Van, stick: Path) -> None:
    van.disks[stick] = OWN_DISK
    with pytest.raises(SameDisk):
        van.export(stick)
    van.bundles.export(stick, same_disk=True).result(10)


def test_a_copy_called_off_marks_nothing(van: Van, stick: Path) -> None:
    van.seal()
    van.seal()
    van.bundles.when_changed(van.bundles.call_off)
    with pytest.raises(CutShort):
        van.bundles.exchange(stick).result(10)
    assert (len(packets(van, stick)), exports.count(van.outbox)) == (1, 0)
    assert not van.bundles.standing().running


def test_a_damaged_packet_stays_here_and_the_others_go(van: Van, stick: Path) -> None:
    bad, good = van.seal(), van.seal()
    van.outbox.packet_path(f"{bad.record}.packet").write_bytes(b"worn")
    out = van.export(stick)
    assert (out.packets, out.damaged) == (1, 1)
    assert exports.of(van.outbox, [bad.record, good.record]).keys() == {good.record}


def test_a_stick_with_nothing_for_this_station_says_so(van: Van, hall: Hall, stick: Path) -> None:
    with pytest.raises(NothingHere):
        van.bring_in(stick)
    with pytest.raises(NothingHere):
        hall.take(stick)
    assert van.bundles.exchange(stick).result(10).imported is None


def test_who_was_inside_when_a_stick_came_and_went_is_in_the_audit(
    counter: Counter, stick: Path
) -> None:
    clock = counter.enrolling._clock
    lists = Downstream(counter.accounts, counter.people, counter.outbox, clock, counter.desk)
    bundles = Bundles(
        counter.accounts, counter.outbox, lists, clock, disk_of=lambda p: len(p.parts)
    )
    counter.fill()
    counter.enrolling.finish().result(10)
    assert bundles.exchange(stick, same_disk=True).result(10).exported.packets == 1
    assert counter.audited()[-1] == "usb-export"
    counter.accounts.lock()
    assert bundles.export(stick, same_disk=True).result(10).copied == 0
    bundles.close()


# ---- hostile: at headquarters ------------------------------------------------------------------
def test_every_byte_that_was_changed_is_refused_and_named(
    van: Van, hall: Hall, stick: Path
) -> None:
    one, other = van.seal(), van.seal()
    van.export(stick)
    path = van.up(stick) / "packets" / f"{one.digest}.packet"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    renamed = path.with_name(f"{sealing.sha256(bytes(data))}.packet")
    renamed.write_bytes(data)
    brought = hall.take(stick)
    assert {name for name, _ in brought.refused} == {path.name, renamed.name}
    assert brought.new == 1
    assert {body.record for body, _ in hall.receipts(van)} == {other.record}


def _link(path: Path, van: Van, secret: Path) -> None:
    path.symlink_to(secret)


def _pipe(path: Path, van: Van, secret: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path, van: Van, secret: Path) -> None:
    path.mkdir()


def _large(path: Path, van: Van, secret: Path) -> None:
    with path.open("wb") as file:
        file.truncate(bundle._SIZES[bundle.PACKETS] + 1)


@pytest.mark.parametrize("plant", [_link, _pipe, _folder, _large])
def test_what_is_no_plain_packet_is_refused_without_being_read(
    van: Van, hall: Hall, stick: Path, tmp_path: Path, plant: Callable[[Path, Van, Path], None]
) -> None:
    van.seal()
    van.export(stick)
    secret = tmp_path / "secret"
    secret.write_bytes(b"headquarters' own")
    planted = van.up(stick) / "packets" / f"{'a' * 64}.packet"
    plant(planted, van, secret)
    brought = hall.take(stick)
    assert brought.refused == ((planted.name, "USB-01"),)
    assert brought.new == 1


def test_names_that_are_not_a_digest_are_not_even_looked_at(
    van: Van, hall: Hall, stick: Path
) -> None:
    van.seal()
    van.export(stick)
    folder = van.up(stick) / "packets"
    for name in ("..packet", "x.packet", "Á" * 20 + ".packet", "a" * 64 + ".packet.exe", ".hidden"):
        (folder / name).write_bytes(b"?")
    assert (hall.take(stick).packets, hall.take(stick).refused) == (1, ())


@pytest.mark.parametrize("where", ["home", "station", "up", "packets", "down"])
def test_a_folder_that_leads_elsewhere_is_not_followed(
    van: Van, hall: Hall, stick: Path, tmp_path: Path, where: str
) -> None:
    van.seal()
    van.export(stick)
    (van.down(stick)).mkdir(exist_ok=True)
    link = {
        "home": stick / bundle.HOME, "station": stick / bundle.HOME / van.home,
        "up": van.up(stick), "packets": van.up(stick) / "packets", "down": van.down(stick),
    }[where]  # fmt: skip
    real = tmp_path / "elsewhere"
    link.rename(real)
    link.symlink_to(real)
    before = sorted(real.rglob("*"))
    assert refused_whole(hall, stick)
    assert suspected(van, stick)
    assert sorted(real.rglob("*")) == before


def refused_whole(hall: Hall, stick: Path) -> bool:
    try:
        found = hall.take_all(stick)
    except medium.Suspicious:
        return True
    return all(one.refused and not one.receipts for one in found)


def suspected(van: Van, stick: Path) -> bool:
    try:
        done = van.bundles.exchange(stick).result(10)
    except medium.Suspicious:
        return True
    return done.imported is not None and bool(done.imported.troubles)


def test_too_many_files_are_too_many(
    van: Van, hall: Hall, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        van.seal()
    van.export(stick)
    monkeypatch.setattr(bundle, "MOST_FILES", 2)
    assert refused_whole(hall, stick)


def test_a_folder_that_is_refused_keeps_no_other_van_from_being_taken(
    van: Van, other: Van, hall: Hall, stick: Path
) -> None:
    van.seal()
    other.seal()
    van.export(stick)
    other.export(stick)
    shutil.rmtree(van.up(stick))
    van.up(stick).symlink_to(other.up(stick))
    found = {one.home: one for one in hall.take_all(stick)}
    assert (found[van.home].refused, found[other.home].new) == (((van.home, "USB-01"),), 1)


@pytest.mark.parametrize("junk", [b"", b"null", b"[" * 100_000, b'{"body":"","x":1}', b"\xff\xfe"])
def test_a_manifest_that_is_not_one_changes_nothing(
    van: Van, hall: Hall, stick: Path, junk: bytes
) -> None:
    van.seal()
    van.export(stick)
    (van.up(stick) / "manifest.json").write_bytes(junk)
    brought = hall.take(stick)
    assert (brought.station, brought.new) == ("", 1)


def test_a_manifest_of_somebody_else_gets_no_list_of_this_station(
    van: Van, hall: Hall, stick: Path
) -> None:
    hall.publish(Kind.CARDS, CARDS, van)
    van.export(stick)
    path = van.up(stick) / "manifest.json"
    signed = canonical.decode(path.read_bytes(), Signed)
    forged = Signed.by(sealing.Signer.new(), canonical.from_text(signed.body))
    path.write_bytes(canonical.encode(forged))
    assert hall.take(stick).station == ""
    assert not (van.down(stick) / "downstream.json").exists()


def test_a_revoked_station_brings_nothing_more(van: Van, hall: Hall, stick: Path) -> None:
    van.seal()
    van.write_letter()
    van.export(stick)
    known = hall.store.station(van.station.id)
    assert known is not None
    hall.store.revoke(known.code, "2026-11-23T12:00:00Z")
    brought = hall.take(stick)
    assert (brought.new, brought.letters, len(brought.refused)) == (0, 0, 2)
    assert hall.receipts(van) == []


def test_an_old_stick_brought_again_changes_nothing(
    van: Van, hall: Hall, stick: Path, tmp_path: Path
) -> None:
    van.seal()
    van.export(stick)
    hall.take(stick)
    shutil.copytree(stick, tmp_path / "old")
    hall.place.judge()
    van.seal()
    van.export(stick)
    hall.take(stick)
    before = hall.receipts(van)
    assert hall.take(tmp_path / "old").new == 0
    assert hall.receipts(van) == before


# ---- hostile: at the station -------------------------------------------------------------------
def test_receipts_that_headquarters_did_not_sign_move_nothing(
    van: Van, hall: Hall, stick: Path
) -> None:
    one = van.seal()
    van.export(stick)
    hall.take(stick)
    path = van.down(stick) / "receipts.json"
    (good,) = canonical.decode(path.read_bytes(), wire.Receipts).receipts
    body = canonical.from_text(good.body)
    forged = Signed.by(sealing.Signer.new(), body)
    other = Signed(
        body=canonical.text(body.replace(b'"stored"', b'"opened"')),
        signature=good.signature,
        public_key=good.public_key,
    )
    listed = wire.Receipts(receipts=(forged, other))
    bundle.write(stick, van.home, bundle.DOWN, bundle.RECEIPTS, listed)
    done = van.bring_in(stick)
    assert (done.receipts, [trouble.code for trouble in done.troubles]) == (0, ["SYN-05"] * 2)
    assert van.state(one) == "sealed"


@pytest.mark.parametrize("name", ["receipts.json", "answers.json", "descriptor.json",
                                  "downstream.json"])  # fmt: skip
def test_a_list_of_junk_spoils_only_itself(van: Van, hall: Hall, stick: Path, name: str) -> None:
    van.seal()
    van.write_letter()
    hall.publish(Kind.CARDS, CARDS, van)
    van.export(stick)
    hall.take(stick)
    (van.down(stick) / name).write_bytes(b"[" * 100_000)
    done = van.bring_in(stick)
    assert [trouble.code for trouble in done.troubles] == ["USB-01"]
    moved = (done.receipts, done.answers, "cards" in done.lists)
    spoilt = {"receipts.json": 0, "answers.json": 1, "downstream.json": 2}.get(name)
    assert [bool(one) for one in moved] == [place != spoilt for place in range(3)]


def test_contents_that_were_exchanged_are_refused_and_older_lists_too(
    van: Van, hall: Hall, stick: Path, tmp_path: Path
) -> None:
    hall.publish(Kind.CARDS, CARDS, van)
    van.export(stick)
    hall.take(stick)
    shutil.copytree(stick, tmp_path / "old")
    hall.publish(Kind.CARDS, b"[]", van)
    hall.take(stick)
    assert "cards" in van.bring_in(stick).lists
    assert "DWN-02" in [trouble.code for trouble in van.bring_in(tmp_path / "old").troubles]
    hall.publish(Kind.CARDS, CARDS, van)
    hall.take(stick)
    for path in (van.down(stick) / "contents").iterdir():
        path.write_bytes(b"other")
    done = van.bring_in(stick)
    assert "USB-01" in [trouble.code for trouble in done.troubles]
    assert done.lists == ()


# ---- any way, in any order ---------------------------------------------------------------------
STEPS = st.one_of(
    st.tuples(st.sampled_from(["seal", "online", "judge"]), st.just(0)),
    st.tuples(st.sampled_from(["export", "take", "home", "lose", "tear"]), st.integers(0, 1)),
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=4, max_size=16))
def test_every_record_arrives_once_whichever_way_it_went(
    tmp_path_factory: pytest.TempPathFactory,
    place: Place,
    hall: Hall,
    blank: Path,
    steps: list[tuple[str, int]],
) -> None:
    root = tmp_path_factory.mktemp("any")
    sticks = [root / "0", root / "1", root / "last"]
    with a_van(root / "van", place, blank) as van:
        sealed = [van.seal()]
        for stick in sticks:
            stick.mkdir()
        for step, number in steps:
            take_step(van, hall, sealed, step, sticks[number])
        for _ in range(2):
            van.export(sticks[2])
            hall.take(sticks[2])
            hall.place.judge()
        hall.take(sticks[2])
        van.bring_in(sticks[2])
        assert {van.state(one) for one in sealed} == {"opened"}
        assert_one_chain(van, hall, [one.record for one in sealed])


def take_step(van: Van, hall: Hall, sealed: list[object], step: str, stick: Path) -> None:
    if step == "seal":
        sealed.append(van.seal())
    elif step == "online":
        van.online()
    elif step == "judge":
        hall.place.judge()
    elif step == "export":
        van.export(stick)
    elif step == "lose":
        shutil.rmtree(stick)
        stick.mkdir()
    elif not (stick / bundle.HOME).exists():
        return
    elif step == "take":
        hall.take(stick)
    elif step == "tear":
        for path in [*stick.rglob("*.packet"), *stick.rglob("*.json")][::2]:
            path.unlink()
    else:
        van.bundles.exchange(stick).result(30)


def assert_one_chain(van: Van, hall: Hall, records: list[str]) -> None:
    """Each record has one stored and one opened receipt, in one chain, the same on both sides."""
    chain = hall.receipts(van)
    assert [body.serial for body, _ in chain] == list(range(1, 2 * len(records) + 1))
    previous = ""
    for body, signed in chain:
        assert body.previous == previous
        previous = sealing.sha256(canonical.from_text(signed.body))
    for record in records:
        theirs = [signed for body, signed in chain if body.record == record]
        assert kinds(theirs) == ["opened", "stored"]
        ours = van.outbox.receipts(record)
        assert set(ours) == set(theirs)
        assert len(ours) == 2


def kinds(receipts: list[Signed]) -> list[str]:
    bodies = (canonical.decode(canonical.from_text(one.body), ReceiptBody) for one in receipts)
    return sorted(body.kind for body in bodies)
