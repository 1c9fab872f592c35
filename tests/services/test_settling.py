"""A restored draft ends by the word of whoever opened its record, and of nobody else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import update

from migramovil.core import canonical, sealing
from migramovil.core.record import BadReceipt, Descriptor, Realm, ReceiptBody, Signed, Stamp
from migramovil.services import accounts, restoring
from migramovil.store import restored
from migramovil.store.outbox import Outbox
from migramovil.store.tables import drafts
from migramovil.store.vault import Vault
from migramovil.sync.ports import Headquarters
from tests.services import bench
from tests.store.bench import RECORD, STATION, UTC, add_draft, new_disk

EDGE, OPENER = sealing.Signer.new(), sealing.Signer.new()
KEY = canonical.text(OPENER.public)
DESCRIPTOR = Descriptor(
    realm=Realm.TRAINING, version=1, root=KEY, stored_signer=canonical.text(EDGE.public),
    opened_signer=KEY, registrar=KEY, operational="", recovery="", tls_ca="", urls=(),
)  # fmt: skip
RECEIPT = ReceiptBody(
    kind="opened", realm=Realm.TRAINING, station=STATION, epoch=1, seq=1, record=RECORD,
    digest="d", size=1, time=UTC, serial=1, previous="",
)  # fmt: skip


@dataclass(frozen=True)
class Says:
    """Headquarters, with these receipts about whatever is asked."""

    signed: tuple[Signed, ...]

    def receipts(self, records: Sequence[tuple[str, str]]) -> Sequence[Signed]:
        assert records == [(STATION, RECORD)]
        return self.signed


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Outbox, Vault]]:
    with new_disk(tmp_path / "station").opened() as (outbox, vault):
        add_draft(vault)
        with vault.database.write() as connection:
            connection.execute(update(drafts).values(restored=1))
        yield outbox, vault


def settled(stores: tuple[Outbox, Vault], *signed: Signed) -> tuple[str, ...]:
    return restoring.settle(
        *stores, cast(Headquarters, Says(signed)), DESCRIPTOR, actor="a", at=Stamp(utc=UTC)
    )


def said(kind: str, signer: sealing.Signer, **change: str) -> Signed:
    return Signed.by(signer, canonical.encode(replace(RECEIPT, kind=kind, **change)))


@pytest.mark.parametrize("also", [[], ["refused"]])
def test_a_draft_the_edge_says_it_stored_or_that_was_refused_waits_whole(
    stores: tuple[Outbox, Vault], also: list[str]
) -> None:
    words = [said("stored", EDGE), *(said(kind, OPENER) for kind in also)]
    assert settled(stores, *words) == ()
    assert len(stores[1].all_media(RECORD)) == 2
    assert restored.waiting(stores[1]) == (RECORD,)


@pytest.mark.parametrize(
    "wrong",
    [said("opened", EDGE), said("stored", OPENER), said("opened", OPENER, station="another"),
     said("opened", OPENER, record="another"), said("opened", OPENER, realm="production")],
)  # fmt: skip
def test_a_word_that_is_not_headquarters_about_this_draft_changes_nothing(
    stores: tuple[Outbox, Vault], wrong: Signed
) -> None:
    with pytest.raises(BadReceipt):
        settled(stores, said("opened", OPENER), wrong)
    assert len(stores[1].all_media(RECORD)) == 2
    assert restored.waiting(stores[1]) == (RECORD,)


def test_an_opened_record_ends_its_draft_and_an_unknown_one_goes_on(
    stores: tuple[Outbox, Vault],
) -> None:
    assert settled(stores) == ()
    assert restored.waiting(stores[1]) == ()
    with stores[1].database.write() as connection:
        connection.execute(update(drafts).values(restored=1))
    assert settled(stores, said("stored", EDGE), said("opened", OPENER)) == (RECORD,)
    assert not stores[1].has_draft(RECORD)
    assert len(stores[0].receipts(RECORD)) == 2


def test_a_new_epoch_believes_the_headquarters_its_code_proved(tmp_path: Path) -> None:
    """Also where the salvaged vault knew an older word of it: nobody is left at the door."""
    disk, known = new_disk(tmp_path / "station"), accounts.KNOWN_HEADQUARTERS
    with disk.opened() as (_, vault):
        vault.set_setting(known, "an older word")
    boss = restoring.NewSupervisor(
        username="jefa", password="lluvia sobre Puno 7", url="https://localhost", code="",
        name="Móvil 1", memory_kib=64,
    )  # fmt: skip
    with Outbox(disk.folder) as outbox:
        restoring.begin_epoch(
            outbox, disk.key, station="", realm=Realm.TRAINING, supervisor=boss,
            enroller=bench.Headquarters().enroll, at=Stamp(utc=UTC),
        )  # fmt: skip
        identity = outbox.station()
    assert identity is not None
    with disk.opened() as (_, vault):
        assert vault.setting(known) == identity.descriptor
