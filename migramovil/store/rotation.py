"""A change of who may open the vault: always with a new vault key, always in one step.

The vault is copied to a new file under the new key, the change is written there, and replacing
`slots.json`, which names the file and holds the key sealed to every holder, decides. Cut short
before that, the old file counts and the copy is swept; after it, the new one counts and the old is
swept. What was sealed under the old key opens nothing any more.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, select

from migramovil.core import canonical, sealing
from migramovil.core.record import Stamp
from migramovil.core.roles import Account
from migramovil.core.trouble import Trouble
from migramovil.store import acts, audit, files, keys, tables
from migramovil.store.acts import StoredAct
from migramovil.store.database import Database
from migramovil.store.keys import Holders, Slot
from migramovil.store.tables import settings
from migramovil.store.trouble import translated
from migramovil.store.vault import Vault, accounts_in, put_account, set_setting, sweep_files

REVOKE = "revoke-account"
_SPARES = "recovery.spares"


def crash_points(step: str) -> None:
    """Called after each step with its name, so that tests can die there."""
    del step


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSpare:
    """A spare's public half (base64), and the letter that brings its secret to headquarters."""

    number: int
    public: str
    letter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spares:
    """The last number given, and the spares not used yet."""

    last: int = 0
    known: tuple[KnownSpare, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What changes about people: `act` by `actor` on `subject` is audited; `accounts` are kept in
    place of earlier words about them, `signed` among the acts; spare number `used` is gone."""

    actor: str
    act: str
    subject: str
    at: Stamp
    accounts: tuple[Account, ...] = ()
    signed: StoredAct | None = None
    used: int = 0


def spares(vault: Vault) -> Spares:
    with vault.database.read() as connection:
        return _spares_in(connection)


def _spares_in(connection: Connection) -> Spares:
    said = connection.execute(select(settings.c.value).where(settings.c.key == _SPARES)).scalar()
    return Spares() if said is None else canonical.decode(said.encode(), Spares)


def put_spares(vault: Vault, known: Spares) -> None:
    with vault.database.write() as connection:
        _put_spares(connection, known)


def _put_spares(connection: Connection, known: Spares) -> None:
    set_setting(connection, _SPARES, canonical.encode(known).decode())


def _revoked_in(connection: Connection) -> frozenset[str]:
    """Accounts that may not enter any more."""
    found = connection.execute(
        select(tables.acts.c.subject).where(tables.acts.c.act == REVOKE)
    ).scalars()
    return frozenset(found)


def revoked(vault: Vault) -> frozenset[str]:
    with vault.database.read() as connection:
        return _revoked_in(connection)


def deliver(
    folder: Path, vault: Vault, vault_key: bytes, delivered: frozenset[int], recovery: bytes
) -> None:
    """Seal the vault key, which stays, to the spares whose secret headquarters has now."""
    with vault.database.read() as connection:
        known = _holders(connection, recovery, delivered)
    keys.seal_spares(folder, vault_key, known)


def _holders(connection: Connection, recovery: bytes, delivered: frozenset[int]) -> Holders:
    """Who may have the vault key, as the vault itself says, which no thief can edit: accounts not
    revoked, spares not used whose secret headquarters has, and headquarters' recovery key."""
    gone = _revoked_in(connection)
    everyone = [account.body for account in accounts_in(connection)]
    return Holders(
        people={
            body.account: canonical.from_text(body.sealing)
            for body in everyone
            if body.account not in gone
        },
        spares={
            spare.number: canonical.from_text(spare.public)
            for spare in _spares_in(connection).known
            if spare.number in delivered
        },
        headquarters=recovery,
        station=everyone[-1].station if everyone else "",
    )


def rotate(
    folder: Path,
    vault: Vault,
    change: Change,
    *,
    recovery: bytes,
    entrant: Slot | None = None,
) -> bytes:
    """Make `change` under a new vault key, sealed to whom the vault then names; the key.

    Whoever holds the vault goes on in it; writers wait meanwhile. On any trouble nothing changed,
    or (where the disk does not even tell that) the vault is closed and the next opening finds out.
    """
    key = sealing.new_key()
    fresh = keys.fresh_vault_file(folder)
    delivered = frozenset(keys.spares(folder))
    with vault.database.still():
        try:
            copy = vault.database.copy_to(fresh, key)
        except Trouble:
            _discard(fresh)
            raise
        crash_points("copied")
        try:
            with copy.write() as connection:
                _make(connection, change)
                known = _holders(connection, recovery, delivered)
            copy.purge()
            keys.reseal(folder, fresh, key, known, entrant)
        except Exception:
            if not _counts(folder, fresh, vault, copy):
                copy.close()
                _discard(fresh)
                raise  # else the disk complained when it was done already
        crash_points("resealed")
        vault.database.take(copy)
    with contextlib.suppress(Trouble):  # it is done; what is left here the next opening sweeps
        sweep_files(fresh)
    crash_points("swept")
    return key


def _counts(folder: Path, fresh: Path, vault: Vault, copy: Database) -> bool:
    """Whether the slots name `fresh`, for good. Where the disk does not say, nobody goes on in
    either file: what is written next must not lie in the one that turns out not to count."""
    try:
        named = keys.vault_file(folder) == fresh
        if named:
            with translated():
                files.sync_folder(folder)
    except Trouble:
        copy.close()
        vault.close()
        raise
    return named


def _make(connection: Connection, change: Change) -> None:
    for account in change.accounts:
        put_account(connection, account)
    if change.signed is not None:
        acts.add(connection, change.signed)
    if change.used:
        now = _spares_in(connection)
        left = tuple(spare for spare in now.known if spare.number != change.used)
        _put_spares(connection, replace(now, known=left))
    audit.append(connection, change.actor, change.act, change.subject, change.at)
    audit.append(connection, change.actor, "new-vault-key", "", change.at)


def _discard(fresh: Path) -> None:
    """The copy that will not count; on a disk that refuses even this, the next opening does it."""
    for left in fresh.parent.glob(f"{fresh.name}*"):
        try:
            left.unlink(missing_ok=True)
        except OSError:
            return
