"""Refused never ends custody: only what two operators signed does, and the station hears of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from migramovil.core import canonical, sealing
from migramovil.core.record import Realm, ReceiptKind, Signed, check_receipt
from migramovil.headquarters import operators, people, rulings, setup
from migramovil.headquarters import store as books
from migramovil.headquarters.commands import app
from migramovil.headquarters.objects import Objects
from migramovil.headquarters.rulings import Ruling
from migramovil.headquarters.store import Enrolled, Packet, Store
from migramovil.sync.engine import SyncEngine
from tests.headquarters.rig import MemoryOutbox, Place, Station

PASSPHRASES = {"rosa": "tres gatos en el techo", "juan": "la lluvia de mayo cae"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("hq") / "data").init()
    with made.books() as store:
        for name, passphrase in PASSPHRASES.items():
            operators.add(store, name, passphrase, "2026", memory_kib=64)
    with made.serving() as served:
        yield served


@pytest.fixture
def station(place: Place) -> Station:
    place.judge()
    return Station(place).enroll()


def engine(station: Station, outbox: MemoryOutbox) -> SyncEngine:
    return SyncEngine(
        outbox, station.client(), station.place.descriptor, clock=lambda: datetime.now(UTC)
    )


def rule(
    place: Place, record: str, kind: ReceiptKind, names: Sequence[str] = ("rosa", "juan")
) -> Ruling:
    with place.books() as store:
        return rulings.rule(
            store,
            rulings.refusal(store, record),
            kind,
            "se revisa",
            approvers=lambda: [
                (name, operators.unlock(store, name, PASSPHRASES[name])) for name in names
            ],
            signer=setup.opener(place.data).opened_signer,
            realm=place.realm,
        )


def refused(place: Place, station: Station) -> tuple[str, MemoryOutbox, SyncEngine]:
    """A record nobody finished: headquarters stored it, refused it, and the station heard so."""
    outbox = MemoryOutbox()
    one, data = station.packet(approvals=lambda _who, _act: [])
    outbox.add(one, data)
    made = engine(station, outbox)
    made.turn()
    place.judge()
    made.turn()
    assert outbox.state(one.record) == "refused"
    return one.record, outbox, made


def test_a_refused_record_is_taken_up_again_judged_again_and_the_station_hears_all(
    place: Place, station: Station
) -> None:
    record, outbox, made = refused(place, station)
    rule(place, record, "retry")
    assert [verdict.kind for verdict in place.judge()] == ["refused"]  # still nobody finished it
    made.turn()
    made.stop()
    assert [body.kind for body in outbox.filed[record]] == ["stored", "refused", "retry", "refused"]


def test_what_is_taken_up_again_before_the_opener_looks_is_stored_anew(
    place: Place, station: Station
) -> None:
    record, outbox, made = refused(place, station)
    rule(place, record, "retry")
    made.turn()  # hears of it …
    made.turn()  # … and goes again
    made.stop()
    assert [body.kind for body in outbox.filed[record]] == ["stored", "refused", "retry", "stored"]
    assert outbox.state(record) == "stored"


def test_bytes_that_headquarters_lost_are_brought_again_after_a_retry(
    place: Place, station: Station
) -> None:
    one, data = station.packet()
    outbox = MemoryOutbox()
    outbox.add(one, data)
    made = engine(station, outbox)
    made.turn()
    (file,) = (place.data / "packets" / station.id / one.record).iterdir()
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert [verdict.reason for verdict in place.judge()] == ["HQ-05 packet damaged"]
    made.turn()
    rule(place, one.record, "retry")
    assert place.judge() == []  # no second refusal of what has not come yet
    made.turn()
    made.turn()
    assert Objects(place.data).packet(station.id, one.record, one.digest) == data
    assert [(verdict.record, verdict.kind) for verdict in place.judge()] == [(one.record, "opened")]
    made.turn()
    made.stop()
    assert outbox.state(one.record) == "opened"
    assert len(list(file.parent.glob("*.damaged"))) == 1  # put aside, not destroyed


def test_a_discarded_record_is_refused_for_good(place: Place, station: Station) -> None:
    record, outbox, made = refused(place, station)
    rule(place, record, "discard")
    assert place.judge() == []
    made.turn()
    made.stop()
    assert [body.kind for body in outbox.filed[record]] == ["stored", "refused", "discard"]
    with pytest.raises(rulings.NotRefused):
        rule(place, record, "retry")


def test_one_person_alone_rules_on_nothing(place: Place, station: Station) -> None:
    record, _, made = refused(place, station)
    made.stop()
    for names in (("rosa",), ("rosa", "rosa"), ()):
        with pytest.raises(operators.TwoPeople):
            rule(place, record, "discard", names)
    stranger = sealing.Signer.new()
    with place.books() as store, pytest.raises(operators.TwoPeople):
        rulings.rule(
            store,
            rulings.refusal(store, record),
            "discard",
            "x",
            approvers=lambda: [("a", stranger), ("b", sealing.Signer.new())],
            signer=setup.opener(place.data).opened_signer,
            realm=place.realm,
        )
    assert "discard" not in [body.kind for body, _ in place.receipts() if body.record == record]


def test_a_ruling_is_headquarters_word_in_the_stations_chain(
    place: Place, station: Station
) -> None:
    record, _, made = refused(place, station)
    made.stop()
    kept = rule(place, record, "discard")
    chain = [(body, signed) for body, signed in place.receipts() if body.station == station.id]
    body, signed = chain[-1]
    found = check_receipt(
        signed,
        place.descriptor,
        station=station.id,
        record=record,
        digest=body.digest,
        size=body.size,
    )
    assert (found.kind, found.reason, found.serial) == ("discard", "se revisa", len(chain))
    assert found.previous == sealing.sha256(canonical.from_text(chain[-2][1].body))
    with place.books() as store:
        (one,) = [one for one in rulings.rulings(store) if one.record == record]
        assert one == kept
        said = rulings.check(store, one)
        assert (said.kind, said.digest, said.record) == ("discard", body.digest, record)
        assert said.after == sealing.sha256(canonical.from_text(chain[-2][1].body))


def test_the_desk_sees_refusals_and_rules_on_them(place: Place, station: Station) -> None:
    record, _, made = refused(place, station)
    made.stop()
    run = CliRunner()
    data = ["--data", str(place.data)]
    listed = run.invoke(app, ["refused", "list", *data, "--json"])
    row = next(row for row in map(json.loads, listed.stdout.splitlines()))
    rows = [json.loads(line) for line in listed.stdout.splitlines()]
    row = next(row for row in rows if row["record_id"] == record)
    assert row["reason"] == "HQ-05 finish approval"
    typed = "".join(f"{name}\n{words}\n" for name, words in PASSPHRASES.items())
    wrong = run.invoke(
        app, ["discard", record, "--reason", "x", *data], input=typed.replace("mayo", "abril")
    )
    assert (wrong.exit_code, "HQ-11" in wrong.stderr) == (1, True)
    done = run.invoke(app, ["discard", row["folio"], "--reason", "no", *data], input=typed)
    # the folio is every station's own: more than one record may have it
    if done.exit_code:
        done = run.invoke(app, ["discard", record, "--reason", "no", *data], input=typed)
    assert done.exit_code == 0, done.output
    log = run.invoke(app, ["refused", "log", *data])
    assert f"{record}  discard  rosa, juan  no" in log.stdout
    again = run.invoke(app, ["retry", record, "--reason", "x", *data], input=typed)
    assert "HQ-30" in again.stderr


def test_a_ruling_needs_a_reason(place: Place, station: Station, tmp_path: Path) -> None:
    record, _, made = refused(place, station)
    made.stop()
    with place.books() as store:
        for reason in ("", "  ", "x" * 201):
            with pytest.raises(rulings.NoReason):
                rulings.rule(
                    store,
                    rulings.refusal(store, record),
                    "retry",
                    reason,
                    approvers=list,
                    signer=sealing.Signer.new(),
                    realm=place.realm,
                )
        assert people.operators(store)


def test_however_many_are_refused_each_is_listed_once_and_found_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rulings.refused, "__defaults__", (None, 3))
    store = Store(tmp_path / "books.db")
    signer = books.signing(sealing.Signer.new())
    for code in "xy":
        store.add_station(name=code, place="", token_sha256=code, until="2099")
        given = Enrolled(station=code, signing="k", transport=code, request_sha256="r", answer="{}")
        store.enroll(code, given)
        for seq in range(1, 6):
            one = Packet(station=code, record=f"{code}{seq}", epoch=1 + seq % 2, seq=seq,
                         folio=f"f{seq}", digest="d", size=1, carrier=code)  # fmt: skip
            for kind in ("stored", "refused")[: 1 if seq == 5 else 2]:
                said = books.chained(kind, one, realm=Realm.TRAINING, utc="2026")  # type: ignore[arg-type]
                act = store.store_packet if kind == "stored" else store.judge
                act(one, signer, said)
    found = [one.packet.record for one in rulings.every_refused(store)]
    assert found == ["x2", "x4", "x1", "x3", "y2", "y4", "y1", "y3"]
    assert len(rulings.refused(store)) == 3
    assert rulings.refusal(store, "y3").packet.seq == 3
    for unclear in ("f3", "x5", "nothing"):  # a folio of two stations; not refused; not here
        with pytest.raises(rulings.NotRefused):
            rulings.refusal(store, unclear)
    store.close()


def test_the_same_signature_twice_is_not_two_operators(place: Place, station: Station) -> None:
    record, _, made = refused(place, station)
    made.stop()
    kept = rule(place, record, "retry")
    first = canonical.decode(kept.approvals.encode(), tuple[Signed, ...])
    for twice in ((first[0], first[0]), (first[0], replace(first[0], public_key="x"))):
        alone = replace(kept, approvals=canonical.encode(twice).decode())
        with place.books() as store, pytest.raises(operators.TwoPeople):
            rulings.check(store, alone)
