"""A slot strengthened by the machine opens on that machine only, and never without it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from migramovil.core.roles import Role
from migramovil.store import hardware, keys
from migramovil.store.hardware import KEYRING, TPM2, Machine, SystemKeyring, Tpm2
from migramovil.store.keys import HardwareGone, WrongPassword
from tests.store.bench import MEMORY_KIB

PASSWORD = "lluvia sobre Puno 7"
VAULT_KEY = b"v" * 32


class Chip:
    """A machine's secret, in memory."""

    name = "chip"

    def __init__(self, held: bytes = b"") -> None:
        self.held = held

    def secret(self, *, create: bool) -> bytes:
        if not self.held and create:
            self.held = b"s" * 32
        if not self.held:
            raise HardwareGone
        return self.held


def a_slot(folder: Path, chip: Chip) -> None:
    person = keys.new_person("a1", "rosa", Role.OFFICER)
    keys.add_slot(
        folder, person, PASSWORD, vault_key=VAULT_KEY, memory_kib=MEMORY_KIB, hardware=chip
    )


def test_password_and_machine_together_open_the_slot(tmp_path: Path) -> None:
    chip = Chip()
    a_slot(tmp_path, chip)
    assert keys.open_slot(tmp_path, "rosa", PASSWORD, {"chip": chip}).vault_key == VAULT_KEY
    assert keys.hardware_of(tmp_path, "a1") == "chip"


def test_the_machine_gone_or_changed_never_opens_with_the_password_alone(tmp_path: Path) -> None:
    a_slot(tmp_path, Chip())
    with pytest.raises(HardwareGone):
        keys.open_slot(tmp_path, "rosa", PASSWORD)
    with pytest.raises(HardwareGone):
        keys.open_slot(tmp_path, "rosa", PASSWORD, {"chip": Chip()})
    with pytest.raises(WrongPassword):
        keys.open_slot(tmp_path, "rosa", PASSWORD, {"chip": Chip(b"x" * 32)})


def test_a_slot_whose_machine_is_struck_out_of_the_file_opens_nothing(tmp_path: Path) -> None:
    a_slot(tmp_path, Chip())
    path = tmp_path / "slots.json"
    path.write_bytes(path.read_bytes().replace(b'"hardware":"chip"', b'"hardware":""'))
    with pytest.raises(WrongPassword):
        keys.open_slot(tmp_path, "rosa", PASSWORD)


def test_a_changed_password_keeps_the_machines_part(tmp_path: Path) -> None:
    chip = Chip()
    a_slot(tmp_path, chip)
    keys.change_password(tmp_path, "rosa", PASSWORD, "otra frase bien larga", {"chip": chip})
    with pytest.raises(HardwareGone):
        keys.open_slot(tmp_path, "rosa", "otra frase bien larga")


def test_a_chosen_machine_that_is_not_there_strengthens_nothing_in_silence() -> None:
    assert Machine().strength is None
    with pytest.raises(HardwareGone):
        _ = Machine(chosen=TPM2).strength


# ---- TPM 2.0 -------------------------------------------------------------------------------
@pytest.fixture
def tpm(tmp_path: Path) -> Iterator[str]:
    """A software TPM; how to reach it."""
    if shutil.which("swtpm") is None or shutil.which("tpm2_create") is None:
        pytest.skip("needs swtpm and tpm2-tools")
    state, socket = tmp_path / "tpm", tmp_path / "tpm.sock"
    state.mkdir()
    chip = subprocess.Popen(
        [
            "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--flags",
            "startup-clear,not-need-init", "--server", f"type=unixio,path={socket}",
            "--ctrl", f"type=unixio,path={socket}.ctrl",
        ]
    )  # fmt: skip
    try:
        for _ in range(200):
            if socket.exists():
                break
            time.sleep(0.01)
        yield f"swtpm:path={socket}"
    finally:
        chip.terminate()
        chip.wait(5)


def test_the_chip_gives_the_same_secret_again_and_keeps_it_off_the_disk(
    tpm: str, tmp_path: Path
) -> None:
    folder = tmp_path / "station"
    folder.mkdir()
    with pytest.raises(HardwareGone):
        Tpm2(folder, tpm).secret(create=False)
    secret = Tpm2(folder, tpm).secret(create=True)
    assert len(secret) == 32
    assert Tpm2(folder, tpm).secret(create=False) == secret
    assert secret not in (folder / "hardware.tpm2").read_bytes()
    assert [path.name for path in folder.iterdir()] == ["hardware.tpm2"]


def test_another_chip_does_not_open_what_this_one_sealed(tpm: str, tmp_path: Path) -> None:
    folder = tmp_path / "station"
    folder.mkdir()
    Tpm2(folder, tpm).secret(create=True)
    done = subprocess.run(
        ["tpm2_clear", "-T", tpm], capture_output=True, check=False
    )  # a cleared chip has another seed
    assert done.returncode == 0
    with pytest.raises(HardwareGone):
        Tpm2(folder, tpm).secret(create=False)


def test_without_the_tools_or_the_chip_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HardwareGone):
        Tpm2(tmp_path, "swtpm:path=/nowhere").secret(create=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HardwareGone):
        Tpm2(tmp_path).secret(create=True)


# ---- the system's keyring ------------------------------------------------------------------
class _Errors(types.ModuleType):
    class KeyringError(Exception):
        pass


class Ring(types.ModuleType):
    """The keyring library's four words, over a dictionary."""

    def __init__(self) -> None:
        super().__init__("keyring")
        self.held: dict[tuple[str, str], str] = {}
        self.locked = False
        self.errors = _Errors("keyring.errors")

    def get_password(self, service: str, entry: str) -> str | None:
        if self.locked:
            raise self.errors.KeyringError
        return self.held.get((service, entry))

    def set_password(self, service: str, entry: str, secret: str) -> None:
        self.held[service, entry] = secret


def test_the_keyring_keeps_one_secret_per_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = Ring()
    monkeypatch.setattr(hardware, "_library", lambda: ring)
    with pytest.raises(HardwareGone):
        SystemKeyring(tmp_path).secret(create=False)
    secret = SystemKeyring(tmp_path).secret(create=True)
    assert SystemKeyring(tmp_path).secret(create=False) == secret
    assert SystemKeyring(tmp_path / "other").secret(create=True) != secret
    ring.locked = True
    with pytest.raises(HardwareGone):
        SystemKeyring(tmp_path).secret(create=False)


def test_without_the_library_the_keyring_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(HardwareGone):
        SystemKeyring(tmp_path).secret(create=True)
    assert KEYRING in hardware.machine(tmp_path, "none").secrets
    assert sys.modules.get("keyring") is None
