"""Headquarters replaces its keys: what they sealed or signed stays good."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from migramovil.core import canonical, packet, sealing
from migramovil.core.record import Descriptor, Realm, Signed, check_receipt
from migramovil.headquarters import setup
from migramovil.sync import https
from migramovil.sync.engine import SyncEngine
from migramovil.sync.ports import NotHeadquarters
from tests.headquarters.rig import MemoryOutbox, Place, Station


def client(station: Station, known: Descriptor, heard: list[Descriptor]) -> https.HttpsHeadquarters:
    """The station as it was built before the change, over headquarters' present address."""
    return https.HttpsHeadquarters(
        known,
        station.id,
        station.transport,
        realm=Realm.TRAINING,
        url=station.place.url,
        on_descriptor=lambda found, _signed: heard.append(found),
    )


@pytest.mark.parametrize("signers", [False, True])
def test_a_station_takes_the_new_keys_and_headquarters_opens_both_sides_of_the_change(
    tmp_path: Path, signers: bool
) -> None:
    place, outbox, heard = Place(tmp_path / "hq").init(), MemoryOutbox(), []
    with place.serving():
        station = Station(place).enroll()
        first, first_data = station.packet(photo=b"before")
        outbox.add(first, first_data)
        line = station.client()
        (stored,) = line.send(first, first_data, lambda _: None)
        line.hang_up()
    old = place.descriptor
    setup.rotate(place.data, signers=signers, registrar=signers)
    new = place.descriptor
    assert (new.version, new.operational == old.operational) == (2, False)
    with place.serving():
        line = client(station, old, heard)
        engine = SyncEngine(outbox, line, old, clock=lambda: datetime.now(UTC))
        line._on_descriptor = lambda found, _: (heard.append(found), engine.renew(found))
        second, second_data = station.packet(photo=b"after")
        outbox.add(second, second_data)
        assert {one.recipient for one in packet.read_head(second_data).keys} == {
            sealing.key_id(canonical.from_text(key)) for key in (new.operational, new.recovery)
        }
        assert engine.turn().trouble is None
        assert heard == [new]
        assert [verdict.kind for verdict in place.judge()] == ["opened", "opened"]
        engine.turn()
        line.hang_up()
    assert [outbox.state(one.record) for one in (first, second)] == ["opened", "opened"]
    about = {"station": first.station, "record": first.record}
    check_receipt(stored, new, digest=first.digest, size=first.size, **about)


def test_an_older_or_a_strange_descriptor_is_never_taken(tmp_path: Path) -> None:
    place = Place(tmp_path / "hq").init()
    first = (place.data / "descriptor.json").read_bytes()
    with place.serving():
        station = Station(place).enroll()
    setup.rotate(place.data, signers=True)
    new = place.descriptor
    (place.data / "descriptor.json").write_bytes(first)  # a headquarters put back
    heard: list[Descriptor] = []
    with place.serving():
        line = client(station, new, heard)
        with pytest.raises(NotHeadquarters):
            line.receipts([])
        line.hang_up()
    stranger = sealing.Signer.new()
    forged = replace(new, version=9, root=canonical.text(stranger.public))
    signed = Signed.by(stranger, canonical.encode(forged))
    (place.data / "descriptor.json").write_bytes(canonical.encode(signed))
    with pytest.raises(NotHeadquarters):
        https.read_descriptor(signed, b"x" * 16, realm=Realm.TRAINING)
    assert heard == []


def test_no_key_is_ever_overwritten_and_a_change_cut_short_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path / "hq").init()
    before = {path: path.read_bytes() for path in place.data.rglob("*.key")}
    opened = setup.opener(place.data)

    def cut(*_: object, **__: object) -> None:
        raise OSError("power")

    with monkeypatch.context() as patched:
        patched.setattr(setup.Signed, "by", cut)
        with pytest.raises(OSError, match="power"):
            setup.rotate(place.data, signers=True, registrar=True)
    assert setup.opener(place.data).operational.public == opened.operational.public
    setup.rotate(place.data, signers=True, registrar=True)
    assert {path: path.read_bytes() for path in before} == before
    keys = setup.opener(place.data)
    assert keys.operational.public != opened.operational.public
    assert opened.operational.public in [one.public for one in keys.former]
