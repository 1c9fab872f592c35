"""A new vault key: everything goes on, and what was sealed under the old one opens nothing."""

from __future__ import annotations

import errno
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from migramovil.core import canonical, sealing
from migramovil.core.record import Realm, Signed, Stamp
from migramovil.core.recovery import vault_purpose
from migramovil.core.roles import Account, AccountBody, Role
from migramovil.store import files, keys, rotation
from migramovil.store.keys import Holders
from migramovil.store.rotation import Change
from migramovil.store.trouble import CannotWrite, Closed, Damaged, DiskFull, VaultLocked
from migramovil.store.vault import Vault
from tests.store.bench import EDGE, MEMORY_KIB, RECORD, STATION, UTC, Disk, add_draft, leaks

RECOVERY = sealing.Opener.new()
PASSWORD = "lluvia sobre Puno 7"


class Died(BaseException):
    """The process ends here."""


def person(disk: Disk, name: str) -> keys.PersonKeys:
    return keys.create_slot(
        disk.folder,
        account=f"account of {name}",
        username=name,
        role=Role.OFFICER,
        password=PASSWORD,
        vault_key=disk.key,
        memory_kib=MEMORY_KIB,
    )


def known(*people: keys.PersonKeys) -> Change:
    """The change that makes these the accounts of the vault."""
    return Change(
        actor="1",
        act="test",
        subject="",
        at=Stamp(utc=UTC),
        accounts=tuple(account_of(one) for one in people),
    )


def account_of(one: keys.PersonKeys) -> Account:
    body = AccountBody(
        realm=Realm.TRAINING,
        station=STATION,
        account=one.account,
        username=one.username,
        role=one.role,
        signing=canonical.text(one.signer.public),
        sealing=canonical.text(one.opener.public),
    )
    return Account(body=body, vouched=Signed.by(EDGE, canonical.encode(body)))


def rotate(disk: Disk, vault: Vault, *people: keys.PersonKeys) -> bytes:
    return rotation.rotate(disk.folder, vault, known(*people), recovery=RECOVERY.public)


def entered(disk: Disk, name: str) -> Vault:
    return Vault(disk.folder, keys.open_slot(disk.folder, name, PASSWORD).vault_key)


def vault_files(disk: Disk) -> list[str]:
    return sorted(path.name for path in disk.folder.glob("vault*.db"))


def test_everybody_named_enters_with_the_same_password_and_finds_every_draft(disk: Disk) -> None:
    rosa, juan = person(disk, "rosa"), person(disk, "juan")
    with disk.opened() as (_, vault):
        add_draft(vault)
        before = vault.all_media(RECORD)
        key = rotate(disk, vault, rosa, juan)
        assert key != disk.key
        assert vault.all_media(RECORD) == before, "whoever is inside goes on"
        vault.save_draft(RECORD, 1, b"after", UTC)
    for name in ("rosa", "juan"):
        with entered(disk, name) as vault:
            assert [draft.body for draft in vault.drafts()] == [b"after"]
            assert vault.all_media(RECORD) == before
            assert vault.sound()
    assert leaks(disk.folder) == []


def test_who_is_not_named_loses_the_way_in_and_the_old_key_opens_nothing(disk: Disk) -> None:
    rosa, _juan = person(disk, "rosa"), person(disk, "juan")
    stolen = keys.open_slot(disk.folder, "juan", PASSWORD).vault_key
    with disk.opened() as (_, vault):
        rotate(disk, vault, rosa)
    with pytest.raises(keys.WrongPassword):
        keys.open_slot(disk.folder, "juan", PASSWORD)
    with pytest.raises(VaultLocked):
        Vault(disk.folder, stolen)
    assert len(vault_files(disk)) == 1, "the file the old key opens is gone"
    entered(disk, "rosa").close()


def test_an_old_copy_of_the_slots_opens_nothing_of_the_new_vault(disk: Disk) -> None:
    rosa, _ = person(disk, "rosa"), person(disk, "juan")
    old = (disk.folder / "slots.json").read_bytes()
    with disk.opened() as (_, vault):
        rotate(disk, vault, rosa)
    (disk.folder / "slots.json").write_bytes(old)
    unlocked = keys.open_slot(disk.folder, "juan", PASSWORD)
    with pytest.raises(Damaged):
        Vault(disk.folder, unlocked.vault_key)
    assert vault_files(disk) == ["vault-1.db"], "and nothing is swept by a wrong key"


@pytest.mark.parametrize("where", ["copied", "resealed", "swept"])
def test_a_cut_at_any_point_leaves_one_vault_that_opens_with_everything(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    rosa, juan = person(disk, "rosa"), person(disk, "juan")
    cut = Disk(folder=tmp_path / "cut", key=disk.key)

    def die(point: str) -> None:
        if point == where:
            shutil.copytree(disk.folder, cut.folder)  # what a power cut would leave
            raise Died

    with disk.opened() as (_, vault):
        add_draft(vault)
        before = vault.all_media(RECORD)
        monkeypatch.setattr(rotation, "crash_points", die)
        with pytest.raises(Died):
            rotate(disk, vault, rosa)
    with entered(cut, "rosa") as vault:
        assert vault.all_media(RECORD) == before
    assert len(vault_files(cut)) == 1, "the other file is swept"
    if where == "copied":
        entered(cut, "juan").close()
    else:
        with pytest.raises(keys.WrongPassword):
            entered(cut, "juan")
    assert juan.account


@pytest.mark.parametrize("step", ["copy", "slots"])
def test_a_full_disk_leaves_the_old_key_in_force(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    rosa = person(disk, "rosa")

    def full(*_: object) -> None:
        raise DiskFull(errno.errorcode[errno.ENOSPC])

    with disk.opened() as (_, vault):
        add_draft(vault)
        monkeypatch.setattr(files, "sync" if step == "copy" else "write", full)
        with pytest.raises(DiskFull):
            rotate(disk, vault, rosa)
        monkeypatch.undo()
        vault.save_draft(RECORD, 1, b"still here", UTC)
    assert vault_files(disk) == ["vault.db"]
    with entered(disk, "rosa") as vault:
        assert [draft.body for draft in vault.drafts()] == [b"still here"]


def test_what_cannot_be_swept_yet_undoes_no_change(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rosa = person(disk, "rosa")

    def refused(_: Path) -> None:
        raise CannotWrite

    with disk.opened() as (_, vault):
        monkeypatch.setattr(files, "remove", refused)
        key = rotate(disk, vault, rosa)
        monkeypatch.undo()
        vault.save_draft(RECORD, 1, b"in the new one", UTC)
    assert keys.open_slot(disk.folder, "rosa", PASSWORD).vault_key == key
    with entered(disk, "rosa") as vault:
        assert [draft.body for draft in vault.drafts()] == [b"in the new one"]
    assert vault_files(disk) == ["vault-1.db"]


def test_where_the_disk_does_not_say_which_file_counts_nobody_writes_in_either(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slots were replaced, but whether that outlives a power cut no sync would say."""
    rosa = person(disk, "rosa")
    real = files.sync_folder

    def refused(folder: Path) -> None:
        if keys.vault_file(disk.folder).name == "vault-1.db":
            raise OSError(errno.EIO, "no")
        real(folder)

    with disk.opened() as (_, vault):
        vault.save_draft(RECORD, 1, b"before", UTC)
        monkeypatch.setattr(files, "sync_folder", refused)
        with pytest.raises(CannotWrite):
            rotate(disk, vault, rosa)
        monkeypatch.undo()
        with pytest.raises(Closed):
            vault.save_draft(RECORD, 1, b"after", UTC)
    assert vault_files(disk) == ["vault-1.db", "vault.db"]
    with entered(disk, "rosa") as vault:
        assert [draft.body for draft in vault.drafts()] == [b"before"]


def test_nothing_written_while_the_key_changes_is_left_in_the_old_file(disk: Disk) -> None:
    rosa = person(disk, "rosa")
    stop = threading.Event()
    written: list[bytes] = []

    def keep_writing(save: Callable[[bytes], None]) -> None:
        while not stop.is_set():
            written.append(b"%d" % len(written))
            save(written[-1])

    with disk.opened() as (_, vault):
        add_draft(vault)
        writer = threading.Thread(
            target=keep_writing, args=(lambda body: vault.save_draft(RECORD, 1, body, UTC),)
        )
        writer.start()
        for _ in range(4):
            rotate(disk, vault, rosa)
        stop.set()
        writer.join(10)
    with entered(disk, "rosa") as vault:
        assert [draft.body for draft in vault.drafts()] == [written[-1]]


def test_a_folder_of_the_first_format_opens_and_moves_on(disk: Disk) -> None:
    rosa = person(disk, "rosa")
    path = disk.folder / "slots.json"
    first = path.read_bytes()
    for new in (b'"file":"vault.db",', b'"hardware":"",', b'"headquarters":"",', b'"pending":[],'):
        assert new in first
        first = first.replace(new, b"")
    first = first.replace(b'slots/3"', b'slots/1"').replace(b',"spares":[]', b"")
    path.write_bytes(first)
    with entered(disk, "rosa") as vault:
        rotate(disk, vault, rosa)
    assert b"slots/3" in path.read_bytes()
    entered(disk, "rosa").close()


def test_a_slot_file_that_names_a_strange_file_is_damaged(disk: Disk) -> None:
    person(disk, "rosa")
    path = disk.folder / "slots.json"
    path.write_bytes(path.read_bytes().replace(b'"vault.db"', b'"../else.db"'))
    with pytest.raises(Damaged):
        keys.vault_file(disk.folder)


def test_a_spare_secret_opens_the_vault_before_and_after_a_change_of_key(disk: Disk) -> None:
    rosa = person(disk, "rosa")
    secret, other = sealing.new_key(), sealing.new_key()
    public = keys.opener_of(secret).public
    keys.seal_spares(disk.folder, disk.key, Holders(people={}, spares={3: public}))
    assert keys.spares(disk.folder) == (3,)
    assert keys.open_spare(disk.folder, 3, secret) == disk.key

    spare = rotation.KnownSpare(number=3, public=canonical.text(public), letter="l")
    with disk.opened() as (_, vault):
        rotation.put_spares(vault, rotation.Spares(last=3, known=(spare,)))
        key = rotate(disk, vault, rosa)
    assert keys.open_spare(disk.folder, 3, secret) == key
    for number, wrong in ((3, other), (4, secret)):
        with pytest.raises(keys.NoSuchRecovery):
            keys.open_spare(disk.folder, number, wrong)
    with entered(disk, "rosa") as vault:
        rotation.rotate(disk.folder, vault, replace(known(), used=3), recovery=RECOVERY.public)
        assert rotation.spares(vault).last == 3, "a number is never given twice"
    with pytest.raises(keys.NoSuchRecovery):
        keys.open_spare(disk.folder, 3, secret)


def test_headquarters_recovery_key_opens_the_vault_whatever_happens_to_people(disk: Disk) -> None:
    rosa = person(disk, "rosa")
    with disk.opened() as (_, vault):
        key = rotate(disk, vault, rosa)
    sealed = keys.sealed_for_headquarters(disk.folder)
    assert RECOVERY.open(sealed, vault_purpose(STATION)) == key


def test_a_slot_a_thief_wrote_into_the_file_is_never_sealed_to(disk: Disk) -> None:
    rosa = person(disk, "rosa")
    person(disk, "ladron")
    with disk.opened() as (_, vault):
        rotate(disk, vault, rosa)
    assert [one.username for one in keys.slots(disk.folder)] == ["rosa"]


def test_a_change_that_fails_leaves_everything_as_it_was(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise Damaged("on purpose")

    rosa = person(disk, "rosa")

    with disk.opened() as (_, vault):
        monkeypatch.setattr(keys, "reseal", fails)
        with pytest.raises(Damaged):
            rotate(disk, vault, rosa)
        assert vault.accounts() == []
    assert vault_files(disk) == ["vault.db"]
    entered(disk, "rosa").close()
