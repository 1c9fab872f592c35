"""A thief with the disk writes into slots.json what they like: nobody else gets in by it, and
nothing is sealed to them."""

from __future__ import annotations

import inspect
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migramovil.core import canonical, sealing
from migramovil.core.recovery import vault_purpose
from migramovil.core.roles import Role
from migramovil.core.trouble import Trouble
from migramovil.services.accounts import Accounts
from migramovil.store import keys, rotation
from migramovil.store.keys import WrongPassword
from migramovil.store.rotation import KnownSpare, Spares
from migramovil.store.trouble import Damaged, VaultLocked
from migramovil.store.vault import Vault
from tests.store.bench import MEMORY_KIB, STATION, Disk, new_disk
from tests.store.test_rotation import PASSWORD, RECOVERY, known, person

THIEF = "contrabando en la noche 3"


def edit(disk: Disk, change: Callable[[dict[str, Any]], object]) -> None:
    path = disk.folder / "slots.json"
    said = json.loads(path.read_bytes())
    change(said)
    path.write_bytes(canonical.encode(said))


def slot(said: dict[str, Any], username: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in said["slots"] if one["username"] == username)
    return found


def thief_as(one: keys.PersonKeys) -> tuple[keys.PersonKeys, keys.Slot]:
    """The thief's own keys, under the thief's password, in somebody's name."""
    forged = keys.new_person(one.account, one.username, Role.SUPERVISOR)
    return forged, keys.slot_for(forged, THIEF, memory_kib=MEMORY_KIB)


@pytest.mark.parametrize("what", ["account", "username", "role", "memory_kib", "salt", "hardware"])
def test_a_slot_under_another_name_role_or_strength_opens_nothing(disk: Disk, what: str) -> None:
    person(disk, "rosa")
    other: dict[str, Any] = {"memory_kib": MEMORY_KIB * 2, "salt": canonical.text(bytes(16))}
    said = other.get(what, "supervisor" if what == "role" else "juan")
    edit(disk, lambda file: slot(file, "rosa").update({what: said}))
    with pytest.raises((WrongPassword, keys.HardwareGone)):
        keys.open_slot(disk.folder, "juan" if what == "username" else "rosa", PASSWORD)


def test_what_is_exchanged_between_two_slots_opens_nothing(disk: Disk) -> None:
    for name in ("rosa", "juan"):
        person(disk, name)

    def exchange(what: str) -> Callable[[dict[str, Any]], object]:
        def swap(said: dict[str, Any]) -> None:
            one, other = slot(said, "rosa"), slot(said, "juan")
            one[what], other[what] = other[what], one[what]

        return swap

    for what in ("wrapped", "vault"):
        edit(disk, exchange(what))
        for name in ("rosa", "juan"):
            with pytest.raises((WrongPassword, sealing.CannotOpen)):
                keys.open_slot(disk.folder, name, PASSWORD)
        edit(disk, exchange(what))
    assert keys.open_slot(disk.folder, "rosa", PASSWORD).vault_key == disk.key


def test_a_slot_of_another_station_brings_the_key_of_that_station_only(
    disk: Disk, tmp_path: Path
) -> None:
    """Somebody who has an account there, and none here."""
    there = new_disk(tmp_path / "other")
    rosa = person(disk, "rosa")
    person(there, "juan")
    brought = json.loads((there.folder / "slots.json").read_bytes())["slots"]
    edit(disk, lambda said: said["slots"].extend(brought))
    held = keys.open_slot(disk.folder, "juan", PASSWORD).vault_key
    with pytest.raises(VaultLocked):
        Vault(disk.folder, held)
    with disk.opened() as (_, vault):
        rotation.rotate(disk.folder, vault, known(rosa), recovery=RECOVERY.public)
    with pytest.raises(WrongPassword):
        keys.open_slot(disk.folder, "juan", PASSWORD)


def test_a_slot_a_thief_wrote_for_somebody_known_here_is_sealed_to_that_person_only(
    disk: Disk,
) -> None:
    rosa = person(disk, "rosa")
    forged, bare = thief_as(rosa)
    with disk.opened() as (_, vault):
        rotation.rotate(disk.folder, vault, known(rosa), recovery=RECOVERY.public)
        edit(disk, lambda said: said.update(slots=[json.loads(canonical.encode(bare))]))
        rotation.rotate(disk.folder, vault, known(rosa), recovery=RECOVERY.public)
    with pytest.raises(sealing.CannotOpen):
        keys.open_slot(disk.folder, "rosa", THIEF)
    assert forged.opener.public != rosa.opener.public


def test_a_slot_a_thief_left_waiting_never_gets_the_vaults_key(disk: Disk) -> None:
    rosa = person(disk, "rosa")
    _, bare = thief_as(rosa)
    keys.keep_pending(disk.folder, bare)
    with disk.opened() as (_, vault):
        rotation.rotate(disk.folder, vault, known(rosa), recovery=RECOVERY.public)
    with pytest.raises(WrongPassword):
        keys.open_slot(disk.folder, "rosa", THIEF)
    keys.open_slot(disk.folder, "rosa", PASSWORD)
    assert keys.open_pending(disk.folder, "rosa", THIEF)[1].vault == ""


def test_a_spare_a_thief_wrote_is_dropped_and_never_sealed_to(disk: Disk) -> None:
    rosa = person(disk, "rosa")
    mine, theirs = sealing.new_key(), sealing.new_key()
    spare = KnownSpare(
        number=1, public=canonical.text(keys.opener_of(mine).public), letter="not delivered"
    )
    forged = [{"number": number, "vault": ""} for number in (1, 7)]
    with disk.opened() as (_, vault):
        rotation.put_spares(vault, Spares(last=1, known=(spare,)))
        edit(disk, lambda said: said.update(spares=forged))
        key = rotation.rotate(disk.folder, vault, known(rosa), recovery=RECOVERY.public)
    assert keys.spares(disk.folder) == (1,)
    assert keys.open_spare(disk.folder, 1, mine) == key
    for number in (1, 7):
        with pytest.raises(keys.NoSuchRecovery):
            keys.open_spare(disk.folder, number, theirs)


def test_slots_of_before_a_change_opened_over_todays_vault_open_nothing(disk: Disk) -> None:
    """Also with today's file under the name that the older slots give it."""
    rosa = person(disk, "rosa")
    old = (disk.folder / "slots.json").read_bytes()
    with disk.opened() as (_, vault):
        rotation.rotate(disk.folder, vault, known(rosa), recovery=RECOVERY.public)
    (disk.folder / "slots.json").write_bytes(old)
    shutil.copy(disk.folder / "vault-1.db", disk.folder / "vault.db")
    held = keys.open_slot(disk.folder, "rosa", PASSWORD).vault_key
    with pytest.raises(VaultLocked):
        Vault(disk.folder, held)


def test_what_is_sealed_to_headquarters_says_whose_it_is(disk: Disk) -> None:
    rosa = person(disk, "rosa")
    with disk.opened() as (_, vault):
        key = rotation.rotate(disk.folder, vault, known(rosa), recovery=RECOVERY.public)
    sealed = keys.sealed_for_headquarters(disk.folder)
    assert RECOVERY.open(sealed, vault_purpose(STATION)) == key
    with pytest.raises(sealing.CannotOpen):
        RECOVERY.open(sealed, vault_purpose("0192aaaa-0000-7000-8000-000000000002"))
    edit(disk, lambda said: said.update(format="migramovil/slots/2"))
    assert keys.sealed_for_headquarters(disk.folder) == b"", "sealed before it said so: once more"
    assert keys.open_slot(disk.folder, "rosa", PASSWORD).vault_key == key


@pytest.mark.parametrize(
    "change",
    [{"memory_kib": 2**40}, {"memory_kib": 0}, {"memory_kib": -1}, {"salt": ""}, {"salt": "????"},
     {"role": "king"}, {"wrapped": 7}],
)  # fmt: skip
def test_a_slot_that_asks_what_no_slot_asks_is_damage(disk: Disk, change: dict[str, Any]) -> None:
    person(disk, "rosa")
    edit(disk, lambda said: slot(said, "rosa").update(change))
    for name in ("rosa", "nadie"):
        with pytest.raises(Damaged):
            keys.open_slot(disk.folder, name, PASSWORD)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_whatever_is_written_there_the_door_opens_rightly_or_says_why(
    disk: Disk, data: st.DataObject
) -> None:
    path = disk.folder / "slots.json"
    if not path.exists():
        person(disk, "rosa")
    good = path.read_bytes()
    at, put = data.draw(st.integers(0, len(good) - 1)), data.draw(st.binary(max_size=3))
    path.write_bytes(good[:at] + put + good[at + len(put) :])
    try:
        unlocked = keys.open_slot(disk.folder, "rosa", PASSWORD)
        assert unlocked.vault_key == disk.key
        assert unlocked.person.role is Role.OFFICER
    except Trouble:
        return
    finally:
        path.write_bytes(good)


def test_an_unknown_name_costs_the_same_work_as_a_known_one(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    person(disk, "rosa")
    asked: list[int] = []

    def counted(password: str, salt: bytes, *, memory_kib: int) -> bytes:
        asked.append(memory_kib)
        return (password.encode() + salt)[:32].ljust(32)

    monkeypatch.setattr(sealing, "from_password", counted)
    told = []
    for name in ("rosa", "nadie"):
        with pytest.raises(WrongPassword) as wrong:
            keys.open_slot(disk.folder, name, THIEF)
        told.append((str(wrong.value), wrong.value.detail))
    assert told[0] == told[1]
    assert asked == [MEMORY_KIB, MEMORY_KIB]


def test_every_guess_costs_what_was_promised() -> None:
    """256 MiB, three passes, four lanes: proven small, the memory being a number of its own."""
    assert keys.MEMORY_KIB == 256 * 1024
    assert inspect.signature(keys.add_slot).parameters["memory_kib"].default == keys.MEMORY_KIB
    assert inspect.signature(Accounts).parameters["memory_kib"].default == keys.MEMORY_KIB
    salt = bytes(range(16))
    plain = Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=MEMORY_KIB)
    assert sealing.from_password(PASSWORD, salt, memory_kib=MEMORY_KIB) == plain.derive(
        PASSWORD.encode()
    )
