"""Secrets of this machine that strengthen slots: a TPM 2.0 chip, or the system's keyring.

A stolen disk, or a copy of the data folder, then opens with no password: part of the key stayed in
the machine. Neither is a way in by itself, and neither ever stands aside: gone or changed, the slot
stays shut and headquarters' recovery is the way in.
"""

from __future__ import annotations

import base64
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migramovil.core import sealing
from migramovil.store import files
from migramovil.store.keys import Hardware, HardwareGone
from migramovil.store.trouble import translated

TPM2, KEYRING, NONE = "tpm2", "keyring", "none"
_TIMEOUT_S = 20.0
_FORMAT = b"migramovil/tpm2/1\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The secrets this machine can give, and which of them new slots use (or "none")."""

    secrets: Mapping[str, Hardware] = field(default_factory=dict)
    chosen: str = NONE

    @property
    def strength(self) -> Hardware | None:
        """What strengthens a new slot; HardwareGone where the chosen one is not there."""
        if self.chosen == NONE:
            return None
        if self.chosen not in self.secrets:
            raise HardwareGone(self.chosen)
        return self.secrets[self.chosen]


def machine(folder: Path, chosen: str) -> Machine:
    """Every secret that may be asked for here; nothing is touched until a slot needs one."""
    return Machine(
        secrets={TPM2: Tpm2(folder), KEYRING: SystemKeyring(folder)}, chosen=chosen or NONE
    )


class Tpm2:
    """A secret sealed by the TPM under its owner hierarchy; the sealed blob lies in the folder.

    Uses the tpm2-tools commands. The secret goes through pipes only; what lies in the working
    folder meanwhile (memory, where the system has it) is public, or encrypted by the chip.
    """

    name = TPM2

    def __init__(self, folder: Path, tcti: str = "") -> None:
        self._blob = folder / "hardware.tpm2"
        self._environment = {**os.environ, **({"TPM2TOOLS_TCTI": tcti} if tcti else {})}

    def secret(self, *, create: bool) -> bytes:
        if shutil.which("tpm2_unseal") is None:
            raise HardwareGone("tpm2-tools")
        if not self._blob.exists():
            if not create:
                raise HardwareGone("hardware.tpm2")
            self._seal(sealing.new_key())
        return self._unseal()

    def _seal(self, secret: bytes) -> None:
        with _working_folder() as work:
            self._primary(work)
            self._run(
                work, "tpm2_create", "-Q", "-C", "primary.ctx", "-i", "-", "-u", "blob.pub",
                "-r", "blob.priv", "-a", "fixedtpm|fixedparent|noda|userwithauth", send=secret,
            )  # fmt: skip
            public, private = (work / "blob.pub").read_bytes(), (work / "blob.priv").read_bytes()
        files.write(self._blob, _FORMAT + len(public).to_bytes(4, "big") + public + private)

    def _unseal(self) -> bytes:
        with translated():
            data = self._blob.read_bytes()
        head = len(_FORMAT) + 4
        if not data.startswith(_FORMAT):
            raise HardwareGone("hardware.tpm2")
        size = int.from_bytes(data[len(_FORMAT) : head], "big")
        with _working_folder() as work:
            (work / "blob.pub").write_bytes(data[head : head + size])
            (work / "blob.priv").write_bytes(data[head + size :])
            self._primary(work)
            self._run(
                work, "tpm2_load", "-Q", "-C", "primary.ctx", "-u", "blob.pub", "-r", "blob.priv",
                "-c", "blob.ctx",
            )  # fmt: skip
            self._run(work, "tpm2_flushcontext", "-t", wanted=False)
            secret = self._run(work, "tpm2_unseal", "-Q", "-c", "blob.ctx")
            self._run(work, "tpm2_flushcontext", "-t", wanted=False)
        if len(secret) != sealing.KEY_BYTES:
            raise HardwareGone("tpm2_unseal")
        return secret

    def _primary(self, work: Path) -> None:
        """The chip makes the same primary key each time: it follows from its own seed."""
        self._run(
            work, "tpm2_createprimary", "-Q", "-C", "o", "-g", "sha256", "-G", "ecc",
            "-c", "primary.ctx",
        )  # fmt: skip
        self._run(work, "tpm2_flushcontext", "-t", wanted=False)

    def _run(self, work: Path, *command: str, send: bytes = b"", wanted: bool = True) -> bytes:
        """`wanted=False`: an access broker (tpm2-abrmd, the kernel's) has tidied already."""
        try:
            done = subprocess.run(
                command, cwd=work, env=self._environment, input=send, capture_output=True,
                timeout=_TIMEOUT_S, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            raise HardwareGone(command[0]) from None
        if wanted and done.returncode != 0:
            raise HardwareGone(f"{command[0]} {done.returncode}")
        return done.stdout


class SystemKeyring:
    """A secret in the system's keyring (Windows Credential Locker, macOS Keychain, Secret Service);
    needs the `keyring` library, which is an extra."""

    name = KEYRING

    def __init__(self, folder: Path) -> None:
        self._service = "migramovil"
        self._entry = str(folder.resolve())

    def secret(self, *, create: bool) -> bytes:
        keyring = _library()
        try:
            held = keyring.get_password(self._service, self._entry)
            if held is None and create:
                made = base64.b64encode(sealing.new_key()).decode()
                keyring.set_password(self._service, self._entry, made)
                held = keyring.get_password(self._service, self._entry)
            secret = base64.b64decode(held or "", validate=True)
        except (keyring.errors.KeyringError, ValueError) as problem:
            raise HardwareGone(type(problem).__name__) from None
        if len(secret) != sealing.KEY_BYTES:
            raise HardwareGone("keyring")
        return secret


def _library() -> Any:
    if importlib.util.find_spec("keyring") is None:
        raise HardwareGone("keyring")
    import keyring  # noqa: PLC0415 - an extra that need not be installed
    import keyring.errors  # noqa: PLC0415

    return keyring


def _working_folder() -> _WorkingFolder:
    shared = Path("/dev/shm")  # noqa: S108 - memory, not a disk; the folder in it is private
    return _WorkingFolder(prefix="migramovil-", dir=shared if shared.is_dir() else None)


class _WorkingFolder(tempfile.TemporaryDirectory[str]):
    def __enter__(self) -> Path:  # type: ignore[override]
        return Path(super().__enter__())
