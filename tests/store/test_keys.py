"""Slots: the right password and nothing else."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from migramovil.core import sealing
from migramovil.core.roles import NotAllowed, Role
from migramovil.store import keys
from migramovil.store.trouble import Damaged
from tests.store.bench import MEMORY_KIB

PASSWORD = "lluvia sobre Puno 7"
VAULT_KEY = b"v" * 32


def make(folder: Path, username: str = "rosa", account: str = "a1") -> keys.PersonKeys:
    return keys.create_slot(
        folder,
        account=account,
        username=username,
        role=Role.OFFICER,
        password=PASSWORD,
        vault_key=VAULT_KEY,
        memory_kib=MEMORY_KIB,
    )


def test_the_right_password_gives_the_person_and_the_vault_key(tmp_path: Path) -> None:
    made = make(tmp_path)
    unlocked = keys.open_slot(tmp_path, " Rosa ", PASSWORD)
    assert unlocked.vault_key == VAULT_KEY
    assert unlocked.person.signer.public == made.signer.public
    assert unlocked.person.opener.public == made.opener.public
    assert keys.slots(tmp_path) == (
        keys.SlotInfo(account="a1", username="rosa", role=Role.OFFICER),
    )


def test_a_wrong_password_and_an_unknown_name_sound_alike(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(keys.WrongPassword) as wrong:
        keys.open_slot(tmp_path, "rosa", PASSWORD + "x")
    with pytest.raises(keys.WrongPassword) as unknown:
        keys.open_slot(tmp_path, "nadie", PASSWORD)
    assert str(wrong.value) == str(unknown.value)


def test_a_password_typed_with_composed_or_split_letters_is_the_same(tmp_path: Path) -> None:
    keys.create_slot(
        tmp_path,
        account="a",
        username="x1y2",
        role=Role.SUPERVISOR,
        password="ma\u00f1ana en Ica 9",
        vault_key=VAULT_KEY,
        memory_kib=MEMORY_KIB,
    )
    assert keys.open_slot(tmp_path, "x1y2", "man\u0303ana en Ica 9").vault_key == VAULT_KEY


@pytest.mark.parametrize(
    "password",
    [
        "corta 7",
        "password1234",
        "123456789012",
        "aaaaaaaaaaaaaaa",
        "mi clave es ROSA 99",
        "Migraciones2026",
    ],
)
def test_a_guessable_password_is_refused(tmp_path: Path, password: str) -> None:
    with pytest.raises(keys.WeakPassword):
        keys.check_password("rosa", password)
    assert not (tmp_path / "slots.json").exists()


def test_a_changed_password_opens_the_same_keys_and_the_old_one_nothing(tmp_path: Path) -> None:
    made = make(tmp_path)
    keys.change_password(tmp_path, "rosa", PASSWORD, "otra frase bien larga")
    again = keys.open_slot(tmp_path, "rosa", "otra frase bien larga").person
    assert again.signer.public == made.signer.public
    with pytest.raises(keys.WrongPassword):
        keys.open_slot(tmp_path, "rosa", PASSWORD)


def test_technicians_get_no_slot(tmp_path: Path) -> None:
    with pytest.raises(NotAllowed):
        keys.create_slot(
            tmp_path,
            account="t",
            username="tec",
            role=Role.TECHNICIAN,
            password=PASSWORD,
            vault_key=VAULT_KEY,
            memory_kib=MEMORY_KIB,
        )


def test_two_people_cannot_share_a_username(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(keys.UsernameTaken):
        make(tmp_path, "ROSA", account="a2")


def test_the_slot_file_holds_names_and_wrapped_keys_only(tmp_path: Path) -> None:
    made = make(tmp_path)
    path = tmp_path / "slots.json"
    (slot,) = json.loads(path.read_text())["slots"]
    names = {"account", "username", "role", "salt", "memory_kib", "wrapped", "vault", "hardware"}
    assert set(slot) == names
    for secret in (VAULT_KEY, made.signer.dump(), made.opener.dump(), PASSWORD.encode()):
        assert secret not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_edited_role_opens_nothing(tmp_path: Path) -> None:
    make(tmp_path)
    path = tmp_path / "slots.json"
    path.write_bytes(path.read_bytes().replace(b'"officer"', b'"supervisor"'))
    with pytest.raises(keys.WrongPassword):
        keys.open_slot(tmp_path, "rosa", PASSWORD)


def test_a_damaged_slot_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "slots.json").write_bytes(b"{")
    with pytest.raises(Damaged):
        keys.slots(tmp_path)


def test_the_device_key_is_made_once_and_only_its_user_reads_it(tmp_path: Path) -> None:
    key = keys.device_key(tmp_path)
    assert len(key) == sealing.KEY_BYTES
    assert keys.device_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "device.key").stat().st_mode) == 0o600


def test_a_lost_device_key_is_never_quietly_replaced(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").write_bytes(b"x")
    with pytest.raises(Damaged):
        keys.device_key(tmp_path)
