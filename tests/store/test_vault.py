"""Drafts, their media, accounts, and the audit chain."""

from __future__ import annotations

import os

import pytest

from migramovil.core.audit import AuditBroken
from migramovil.core.record import Realm, Signed, Stamp
from migramovil.core.roles import Account, AccountBody, Role
from migramovil.core.sealing import CannotOpen
from migramovil.store.trouble import Closed, Damaged, DraftGone, VaultLocked
from migramovil.store.vault import StoredDraft, Vault
from tests.store.bench import RECORD, SIGNER, UTC, Disk, add_draft, finish, leaks


def test_a_draft_and_its_pictures_come_back_as_they_were(disk: Disk) -> None:
    with disk.opened() as (_, vault):
        vault.save_draft(RECORD, 1, b"uno", UTC)
        picture = os.urandom(200_000)
        first = vault.put_media(RECORD, picture)
        empty = vault.put_media(RECORD, b"")
        vault.save_draft(RECORD, 2, b"dos", UTC)
    with disk.opened() as (_, vault):
        assert vault.drafts() == [
            StoredDraft(record_id=RECORD, schema=2, body=b"dos", updated_utc=UTC)
        ]
        assert vault.get_media(RECORD, first) == picture
        assert vault.get_media(RECORD, empty) == b""
        vault.drop_media(RECORD, first)
        with pytest.raises(DraftGone):
            vault.get_media(RECORD, first)
        assert len(list((disk.folder / "media").iterdir())) == 1


def test_a_voided_draft_takes_its_pictures_with_it(disk: Disk) -> None:
    with disk.opened() as (_, vault):
        add_draft(vault)
        vault.void_draft(RECORD)
        assert vault.drafts() == []
        assert list((disk.folder / "media").iterdir()) == []
        assert not vault.purge_pending()
        with pytest.raises(DraftGone):
            vault.put_media(RECORD, b"late")


def test_one_drafts_pictures_are_nothing_to_another(disk: Disk) -> None:
    with disk.opened() as (_, vault):
        vault.save_draft("a", 1, b"", UTC)
        vault.save_draft("b", 1, b"", UTC)
        of_a = vault.put_media("a", b"A" * 100)
        with pytest.raises(DraftGone):
            vault.get_media("b", of_a)


def test_an_altered_or_lost_picture_says_so(disk: Disk) -> None:
    with disk.opened() as (_, vault):
        vault.save_draft(RECORD, 1, b"", UTC)
        chosen = vault.put_media(RECORD, b"x" * 1000)
        (path,) = (disk.folder / "media").iterdir()
        path.write_bytes(path.read_bytes()[:-1] + b"\x00")
        with pytest.raises(CannotOpen):
            vault.get_media(RECORD, chosen)
        path.unlink()
        with pytest.raises(Damaged):
            vault.get_media(RECORD, chosen)


def test_media_files_nobody_names_are_swept_when_the_vault_opens(disk: Disk) -> None:
    with disk.opened() as (_, vault):
        add_draft(vault)
    media = disk.folder / "media"
    (media / "orphan.obj").write_bytes(b"x")
    (media / "half.partial").write_bytes(b"x")
    with disk.opened() as (_, vault):
        assert len(list(media.iterdir())) == 2
        assert len(vault.all_media(RECORD)) == 2


def test_a_wrong_key_opens_nothing_and_harms_nothing(disk: Disk) -> None:
    with pytest.raises(VaultLocked):
        Vault(disk.folder, b"w" * 32)
    Vault(disk.folder, disk.key).close()
    with pytest.raises(VaultLocked):
        Vault.create(disk.folder)


def test_the_stations_keys_accounts_and_settings_are_kept(disk: Disk) -> None:
    body = AccountBody(
        realm=Realm.TRAINING,
        station="s",
        account="a1",
        username="rosa",
        role=Role.OFFICER,
        signing="",
        sealing="",
    )
    account = Account(body=body, vouched=Signed.by(SIGNER, b"body"))
    with disk.opened() as (_, vault):
        vault.add_account(account)
        vault.set_setting("printer", "usb")
    with disk.opened() as (_, vault):
        vault.add_account(account)
        assert vault.accounts() == [account]
        assert vault.setting("printer") == "usb"
        assert vault.setting("nothing") is None
        assert vault.station_keys()[0].public == SIGNER.public


def test_nothing_in_clear_is_ever_in_any_file(disk: Disk) -> None:
    with disk.opened() as (outbox, vault):
        add_draft(vault)
        assert leaks(disk.folder) == []
        with vault._database.write() as connection:
            connection.exec_driver_sql("UPDATE drafts SET body = CAST(body || body AS BLOB)")
            assert leaks(disk.folder) == []
        vault.save_draft("other", 1, b"", UTC)
        finish(outbox, vault)
        assert leaks(disk.folder) == []
    assert leaks(disk.folder) == []


def test_the_leak_finder_finds_a_leak(disk: Disk) -> None:
    (disk.folder / "careless.txt").write_text("QUISPE-MAMANI-ÑUSTA", encoding="utf-16")
    assert leaks(disk.folder) == ["careless.txt"]


CHANGES = [
    "UPDATE audit SET actor = 'other' WHERE n = 2",
    "UPDATE audit SET utc = '' WHERE n = 1",
    "DELETE FROM audit WHERE n = 2",
    "UPDATE audit SET hash = (SELECT hash FROM audit WHERE n = 1) WHERE n = 3",
]


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_to_the_audit_shows(disk: Disk, change: str) -> None:
    with disk.opened() as (_, vault):
        start = vault.audit.head()
        heads = [vault.audit.append("a1", "enter", f"s{n}", Stamp(utc=UTC)) for n in range(3)]
        assert len({start, *heads}) == 4
        assert vault.audit.head() == heads[-1]
        assert vault.audit.verify() == 3
        with vault._database.write() as connection:
            connection.exec_driver_sql(change)
        with pytest.raises(AuditBroken):
            vault.audit.verify()


def test_a_closed_vault_answers_nobody_who_still_holds_it(disk: Disk) -> None:
    with disk.opened() as (_, vault):
        add_draft(vault)
        held = vault
    with pytest.raises(Closed):
        held.drafts()
    with pytest.raises(Closed):
        held.save_draft(RECORD, 1, b"tarde", UTC)
    with pytest.raises(Closed):
        held.purge()
