"""A new vault key, in one step: after it, nothing sealed under the old one opens the vault.

The vault is copied to a new file under the new key; replacing `slots.json`, which names the file
and holds the new key sealed to every holder, decides. Cut short before that, the old file counts
and the copy is swept; after it, the new one counts and the old is swept.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from migramovil.core import sealing
from migramovil.core.trouble import Trouble
from migramovil.store import keys
from migramovil.store.keys import Holders
from migramovil.store.vault import Vault, sweep_files


def _nothing(name: str) -> None:
    del name


# Called after each step with its name, so that tests can die there.
crash_points: Callable[[str], None] = _nothing


def rotate(folder: Path, vault: Vault, holders: Holders) -> bytes:
    """Give the open vault a new key, sealed to `holders` only; the key. Whoever holds the vault
    goes on in it; writers wait meanwhile. On any trouble the old key still counts."""
    key = sealing.new_key()
    fresh = keys.fresh_vault_file(folder)
    with vault.database.still():
        try:
            copy = vault.database.copy_to(fresh, key)
        except Trouble:
            _discard(fresh)
            raise
        crash_points("copied")
        try:
            keys.reseal(folder, fresh, key, holders)
        except Trouble:
            if keys.vault_file(folder) != fresh:
                copy.close()
                _discard(fresh)
                raise
        crash_points("resealed")
        vault.database.take(copy)
    sweep_files(fresh)
    crash_points("swept")
    return key


def _discard(fresh: Path) -> None:
    """The copy that will not count; on a disk that refuses even this, the next opening does it."""
    for left in fresh.parent.glob(f"{fresh.name}*"):
        try:
            left.unlink(missing_ok=True)
        except OSError:
            return
