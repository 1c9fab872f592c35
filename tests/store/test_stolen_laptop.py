"""What a thief reads of a stolen laptop: without a password nothing; with an officer's, what is
still open today, and nothing of anybody whose enrollment was finished."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import numpy as np
import pytest
from sqlalchemy import Connection

from migramovil.core import canonical, packet, sealing
from migramovil.core.person import Person
from migramovil.core.record import Realm, ReceiptBody, ReceiptKind, Signed
from migramovil.devices.ports import Frame
from migramovil.services.keeping import Keeping
from migramovil.store import keys
from migramovil.store.database import Database
from migramovil.store.outbox import Outbox
from migramovil.store.vault import Vault
from tests import leaks
from tests.services.bench import (
    OFFICER,
    PASSWORD,
    Counter,
    Headquarters,
    enrolled,
    opened,
    paper,
    person,
)
from tests.store.test_finishing import decrypted

HEADQUARTERS = Headquarters()
FINISHED = person(
    first_surname="ZAMBRANO", second_surname="YÉPEZ", given_names="EULALIA DEL CARMEN",
    birth_date="1984-02-29", address="Pasaje Las Retamas 77", phone="951237700",
)  # fmt: skip
EARLIER = person(
    first_surname="OCHOA", second_surname="UZCÁTEGUI", given_names="WILFREDO", phone="940011223",
    birth_date="1979-12-30", address="Av. El Sol 1180, piso 3",
)  # fmt: skip
OPEN = person(first_surname="HUANACUNI", given_names="TEODORO", address="Calle Junín 9")
Needles = dict[bytes, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loot:
    """The folder as stolen, a copy from before the last finish, one after every commit; and what
    would give each person away."""

    stolen: Path
    older: Path
    commits: tuple[Path, ...]
    finished: Needles
    earlier: Needles
    still_open: Needles


@pytest.fixture(scope="module")
def loot(tmp_path_factory: pytest.TempPathFactory) -> Loot:
    home = tmp_path_factory.mktemp("thief")
    stolen = enrolled(home / "stolen", HEADQUARTERS)
    number = count()
    with opened(stolen, HEADQUARTERS) as counter:
        accounts = counter.accounts
        keeping = Keeping(accounts, counter.outbox, counter.printing, accounts._clock, counter.desk)
        accounts.keepsake = keeping.keepsake
        lively(counter)
        counter.enter()
        earlier = sit(counter, EARLIER, "EA1122334")
        confirm(counter, counter.enrolling.finish().result(10).record_id)
        finished = sit(counter, FINISHED, "ZY9988776")
        shutil.copytree(stolen, home / "older")
        with copied_at_every_commit(stolen, home, number):
            confirm(counter, counter.enrolling.finish().result(10).record_id)
            still_open = sit(counter, OPEN, "HT5544332")
    shared = {*finished} & {*earlier} & {*still_open}  # what every record's form has in common
    return Loot(
        stolen=stolen,
        older=home / "older",
        commits=tuple(home / f"commit-{n}" for n in range(next(number))),
        finished={k: v for k, v in finished.items() if k not in shared},
        earlier={k: v for k, v in earlier.items() if k not in shared},
        still_open={k: v for k, v in still_open.items() if k not in shared},
    )


def lively(counter: Counter) -> None:
    """Pictures that no other picture is like."""
    rng = np.random.default_rng(7)

    def read(*, timeout_s: float, cancelled: Event) -> Frame:
        return Frame(pixels=rng.integers(0, 255, (800, 600, 3), dtype=np.uint8), number=1)

    counter.devices.camera.read = read  # type: ignore[method-assign]


def sit(counter: Counter, who: Person, number: str) -> Needles:
    """Take somebody's data and pictures; what would give them away."""
    draft = counter.fill(person=who, document=paper(number=number))
    counter.settle()
    found, _ = leaks.markers({**msgspec.to_builtins(who), "number": number})
    # The form's own words are everybody's.
    needles = {form: what for form, what in found.items() if what != "canonical JSON"}
    pictures = counter.vault.all_media(draft.record_id).values()
    for at, data in enumerate(pictures):
        middle = len(data) // 2
        needles[data[middle : middle + 24]] = f"picture {at}"
    assert len(needles) > 100
    return needles


def confirm(counter: Counter, record: str) -> None:
    identity, row = counter.outbox.station(), counter.outbox.row(record)
    assert identity is not None
    assert row is not None
    kinds: tuple[ReceiptKind, ...] = ("stored", "opened")
    for kind in kinds:
        body = ReceiptBody(
            kind=kind, realm=Realm.TRAINING, station=identity.station, epoch=1, seq=row.seq,
            record=record, digest=row.digest, size=row.size, time="2026-11-23T16:00:00+00:00",
            serial=row.seq, previous="",
        )  # fmt: skip
        signed = Signed.by(HEADQUARTERS.registrar, canonical.encode(body))
        counter.outbox.file_receipt(record, signed, body)


@contextmanager
def copied_at_every_commit(folder: Path, home: Path, number: Iterator[int]) -> Iterator[None]:
    """The disk as a power cut, or a patient thief, finds it after each transaction."""
    honest = Database.write

    @contextmanager
    def watched(self: Database) -> Iterator[Connection]:
        with honest(self) as connection:
            yield connection
        shutil.copytree(
            folder, home / f"commit-{next(number)}", ignore=shutil.ignore_patterns("station.lock")
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "write", watched)
        yield


def rows_of(database: Database) -> bytes:
    """Every value of every row of every table."""
    with database.read() as connection:
        names = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).scalars()
        return b"\n".join(
            value if isinstance(value, bytes) else str(value).encode()
            for name in list(names)
            for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"')  # noqa: S608
            for value in row
        )


def said(data: bytes, needles: Needles) -> set[str]:
    return {what for needle, what in needles.items() if needle in data}


def keys_in(loot: Loot, unlocked: keys.Unlocked, vault: Vault) -> tuple[set[bytes], list[Any]]:
    """Every symmetric key and every opener that the officer's password leads to."""
    found = {unlocked.vault_key, keys.device_key(loot.stolen)}
    with vault.database.read() as connection:
        for query in ("SELECT key FROM drafts", "SELECT key FROM compartments"):
            found |= {key for key in connection.exec_driver_sql(query).scalars() if key}
    signer, opener = vault.station_keys()
    found |= {signer.dump(), unlocked.person.signer.dump()}
    return found, [opener, unlocked.person.opener]


# --- without a password -------------------------------------------------------------------------
def test_without_a_password_no_byte_of_any_copy_says_anything_of_anybody(loot: Loot) -> None:
    assert len(loot.commits) >= 10
    everybody = {**loot.finished, **loot.earlier, **loot.still_open}
    folders = [loot.stolen, loot.older, *loot.commits]
    assert leaks.search(folders, everybody) == []
    assert leaks.clear_pictures(folders) == []


def test_the_device_key_lies_beside_the_outbox_and_opens_nothing_personal(loot: Loot) -> None:
    everybody = {**loot.finished, **loot.earlier, **loot.still_open}
    with Outbox(loot.stolen) as outbox:
        rows = rows_of(outbox.database)
    assert b"MM-T01-" in rows  # folios are there to be read
    assert said(rows, everybody) == set()


# --- with an officer's password -----------------------------------------------------------------
def test_an_officers_password_opens_what_is_open_and_nothing_that_was_finished(loot: Loot) -> None:
    unlocked = keys.open_slot(loot.stolen, OFFICER, PASSWORD)
    with Vault(loot.stolen, unlocked.vault_key) as vault:
        rows = rows_of(vault.database)
        found, openers = keys_in(loot, unlocked, vault)
        assert len(vault.drafts()) == 1
    assert said(rows, loot.still_open), "the thief reads the draft: the test can fail"
    assert said(rows, {**loot.finished, **loot.earlier}) == set()

    pages = decrypted(loot.stolen, unlocked.vault_key)
    assert said(pages, loot.still_open)
    assert said(pages, {**loot.finished, **loot.earlier}) == set()

    pictures = b"".join(media_opened(loot.stolen, found))
    assert said(pictures, loot.still_open)
    assert said(pictures, {**loot.finished, **loot.earlier}) == set()

    for path in (loot.stolen / "packets").iterdir():
        assert not packet_opens(path.read_bytes(), found, openers)


def test_the_compartment_tells_initials_and_folios_and_nothing_more(loot: Loot) -> None:
    unlocked = keys.open_slot(loot.stolen, OFFICER, PASSWORD)
    with Vault(loot.stolen, unlocked.vault_key) as vault:
        kept = [
            sealing.decrypt_object(row.key, row.record, row.id, row.body)
            for row in _kept(vault.database)
        ]
    assert len(kept) == 2
    fields = {name for one in kept for name in canonical.decode(one, dict[str, Any])}
    assert fields == {
        "record_id", "folio", "size", "sealed_utc", "seq", "procedure", "initials", "refused",
    }  # fmt: skip
    assert said(b"".join(kept), {**loot.finished, **loot.earlier}) == set()


def test_an_older_copy_says_nothing_of_who_was_finished_before_it(loot: Loot) -> None:
    """With a password it is worth what the station was worth then: the draft open at that time."""
    unlocked = keys.open_slot(loot.older, OFFICER, PASSWORD)
    with Vault(loot.older, unlocked.vault_key) as vault:
        rows = rows_of(vault.database)
    assert said(rows, loot.earlier) == set()
    assert said(decrypted(loot.older, unlocked.vault_key), loot.earlier) == set()


def _kept(database: Database) -> list[Any]:
    with database.read() as connection:
        return list(
            connection.exec_driver_sql(
                "SELECT kept.id, kept.record, kept.body, compartments.key FROM kept"
                " JOIN compartments USING (jornada)"
            )
        )


def media_opened(folder: Path, found: set[bytes]) -> Iterator[bytes]:
    """Every picture file that some key found opens under some name found beside it."""
    vault_key = keys.open_slot(folder, OFFICER, PASSWORD).vault_key
    with Vault(folder, vault_key) as vault, vault.database.read() as connection:
        named = list(connection.exec_driver_sql("SELECT object, record, file FROM media"))
    for path in (folder / "media").glob("*"):
        for key in found:
            for row in named:
                try:
                    yield sealing.decrypt_object(key, row.record, row.object, path.read_bytes())
                except sealing.CannotOpen:
                    continue


def packet_opens(data: bytes, found: set[bytes], openers: list[Any]) -> bool:
    """Whether any key opens the content key or any object of a packet."""
    head = packet.read_head(data)
    at = head.length
    pieces = {}
    for entry in head.header.objects:
        pieces[entry.id], at = data[at : at + entry.size], at + entry.size
    for key in found:
        for name, piece in pieces.items():
            try:
                sealing.decrypt_object(key, head.header.record, name, piece)
            except sealing.CannotOpen:
                continue
            return True
    return any(_unsealed(head, opener) for opener in openers)


def _unsealed(head: packet.Head, opener: sealing.Opener) -> bool:
    mine = sealing.key_id(opener.public)
    claimed = tuple(replace(key, recipient=mine) for key in head.keys)
    for key in claimed:
        try:
            packet.open_content_key(replace(head, keys=(key,)), opener)
        except sealing.CannotOpen:
            continue
        return True
    return False


def test_the_thiefs_own_tools_work(loot: Loot) -> None:
    """Headquarters' key does open every packet, so the attempts above are real."""
    for path in (loot.stolen / "packets").iterdir():
        assert packet_opens(path.read_bytes(), set(), [HEADQUARTERS.operational])
