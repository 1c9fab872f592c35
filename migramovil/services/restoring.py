"""A station again on another laptop: from a backup, or from what was salvaged without its keys.

Two visits to headquarters, by file: it lends the backup's key to this laptop alone, and gives the
station its next epoch. Nobody's old slot comes back; whoever restores is the new supervisor.
"""

from __future__ import annotations

import secrets
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uuid_utils

from migramovil.core import backup as formats
from migramovil.core import canonical, sealing
from migramovil.core.backup import Manifest, RestoreRequest
from migramovil.core.record import (
    BadReceipt,
    Descriptor,
    Realm,
    ReceiptBody,
    Signed,
    Stamp,
    check_receipt,
)
from migramovil.core.roles import Account, AccountBody, Role
from migramovil.core.trouble import Trouble, Who
from migramovil.services.accounts import KNOWN_HEADQUARTERS, Enroller, NewStation
from migramovil.store import backup, files, keys, restore, restored
from migramovil.store.outbox import Outbox
from migramovil.store.restore import Restored
from migramovil.store.trouble import Damaged, translated
from migramovil.store.vault import Vault
from migramovil.sync import wire
from migramovil.sync.ports import Headquarters, NoLink

_REQUEST, _ONE_TIME = "restore-request.json", "one-time.key"
_PURPOSE = "migramovil/one-time/1"
_SALT_BYTES = 16
_TRIES = 3


class NoBackup(Trouble):
    code = "BAK-07"
    what = "En esa carpeta no hay un respaldo, o hay de varias estaciones."
    advice = "Indique la carpeta de la estación que se restaura, dentro de «migramovil-backup»."


class AnotherStation(Trouble):
    code = "BAK-08"
    what = "El código de alta es de otra estación, no de la que hizo este respaldo."
    advice = "Pida a sede central un código para continuar esta misma estación."
    who = Who.HEADQUARTERS


class FolderInUse(Trouble):
    code = "BAK-09"
    what = "La carpeta de destino ya tiene datos."
    advice = "Nada se tocó. Elija una carpeta nueva."


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSupervisor:
    """Who will open the restored station, how headquarters is reached, and its code."""

    username: str
    password: str
    url: str
    code: str
    name: str
    memory_kib: int = keys.MEMORY_KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class _OneTime:
    """The private half of a request's key under the new supervisor's passphrase."""

    salt: str
    memory_kib: int
    wrapped: str


def find(source: Path) -> tuple[Path, Signed, Manifest]:
    """The one station's copy under `source`, and its newest whole snapshot; NoBackup."""
    with backup.on_medium():
        if (source / "snapshots").is_dir():
            homes = [source]
        else:
            homes = sorted(path for path in (source / backup.HOME).glob("*") if path.is_dir())
        if len(homes) != 1:
            raise NoBackup(str(len(homes)))
        found = backup.manifests(homes[0])
        whole = [one for one in found if not backup.wrong_files(homes[0], one[1])]
    if not whole:
        raise formats.BadBackup("snapshots") if found else NoBackup("no snapshot")
    return homes[0], *whole[-1]


def ask(source: Path, work: Path, password: str, *, memory_kib: int = keys.MEMORY_KIB) -> Path:
    """Write, in `work`, the request to carry to headquarters; its path.

    Asking again for the same snapshot keeps the same request, so that an answer still fits.
    """
    _, signed, _ = find(source)
    path = files.private_folder(work) / _REQUEST
    if path.exists() and _request(work).manifest == signed:
        return path
    opener, salt = sealing.Opener.new(), secrets.token_bytes(_SALT_BYTES)
    key = sealing.from_password(_normal(password), salt, memory_kib=memory_kib)
    kept = _OneTime(
        salt=canonical.text(salt),
        memory_kib=memory_kib,
        wrapped=canonical.text(sealing.wrap(key, opener.dump(), _PURPOSE)),
    )
    files.write(work / _ONE_TIME, canonical.encode(kept))
    asked = RestoreRequest(manifest=signed, recipient=canonical.text(opener.public))
    files.write(path, canonical.encode(asked))
    return path


def finish(
    source: Path,
    work: Path,
    answer: Path,
    folder: Path,
    *,
    supervisor: NewSupervisor,
    enroller: Enroller,
    at: Stamp,
) -> Restored:
    """Build the station in `folder` (new) with headquarters' answer, and begin its next epoch.

    All of it or nothing: `folder` appears when headquarters gave the epoch.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FolderInUse
    keys.check_password(supervisor.username, supervisor.password)
    request = _request(work)
    opener = _one_time(work, supervisor.password)
    with translated():
        said = canonical.decode(answer.read_bytes(), Signed)
    root = canonical.from_text(said.public_key)
    if wire.root_hash(root) != wire.read_code(supervisor.code)[1]:
        raise formats.BadRestoreAnswer("another headquarters")
    key, signing = formats.borrowed_key(said, request, opener, root)
    manifest = formats.read_manifest(request.manifest, signing)
    home, _, _ = find(source)
    with restore.building(folder) as unborn:
        found, vault_key = restore.restore(home, manifest, key, signing, unborn)
        with Outbox(unborn) as outbox:
            begin_epoch(
                outbox,
                vault_key,
                station=manifest.station,
                realm=manifest.realm,
                supervisor=supervisor,
                enroller=enroller,
                at=at,
            )
    return found


def renew(
    folder: Path,
    realm: Realm,
    vault_key: bytes,
    *,
    supervisor: NewSupervisor,
    enroller: Enroller,
    at: Stamp,
) -> None:
    """Go on in a salvaged folder that lost its identity or its keys, in a new epoch.

    AnotherStation when headquarters' code is not for the station whose records are there.
    """
    keys.check_password(supervisor.username, supervisor.password)
    with Outbox(folder) as outbox:
        begin_epoch(
            outbox,
            vault_key,
            station=restore.whose(outbox),
            realm=realm,
            supervisor=supervisor,
            enroller=enroller,
            at=at,
        )


def begin_epoch(
    outbox: Outbox,
    vault_key: bytes,
    *,
    station: str,
    realm: Realm,
    supervisor: NewSupervisor,
    enroller: Enroller,
    at: Stamp,
) -> None:
    """Have headquarters give `station` its next epoch, and this supervisor."""
    with Vault(outbox.folder, vault_key) as vault:
        signer, opener = _own_keys(vault)
    person = keys.new_person(str(uuid_utils.uuid7()), supervisor.username, Role.SUPERVISOR)
    new = enroller(
        url=supervisor.url,
        code=supervisor.code,
        realm=realm,
        name=supervisor.name,
        signing=signer.public,
        sealing=opener.public,
        transport=sealing.Signer.new().dump(),
        supervisor=(person.account, person.username, person.signer.public, person.opener.public),
    )
    if station and new.identity.station != station:
        raise AnotherStation
    with Vault(outbox.folder, vault_key) as vault:
        vault.save_station_keys(signer, opener)
        body = canonical.decode(canonical.from_text(new.account.body), AccountBody)
        vault.add_account(Account(body=body, vouched=new.account))
        vault.set_setting(KNOWN_HEADQUARTERS, new.identity.descriptor)
        vault.audit.append(person.account, "begin-epoch", str(new.identity.epoch), at)
    keys.add_slot(
        outbox.folder,
        person,
        supervisor.password,
        vault_key=vault_key,
        memory_kib=supervisor.memory_kib,
    )
    restore.begin_epoch(outbox, new.identity)
    files.remove(outbox.folder / keys.SALVAGED)


def _own_keys(vault: Vault) -> tuple[sealing.Signer, sealing.Opener]:
    """The station's keys where they came out, for its audit chain goes on with them; or new."""
    try:
        return vault.station_keys()
    except Damaged:
        return sealing.Signer.new(), sealing.Opener.new()


def settle(
    outbox: Outbox,
    vault: Vault,
    headquarters: Headquarters,
    descriptor: Descriptor,
    *,
    actor: str,
    at: Stamp,
) -> tuple[str, ...]:
    """Ask headquarters about every restored draft; those it opened already, now closed here.

    Those it never saw are free to be finished. One that is only stored waits: the edge alone says
    so, and its word ends no draft. A draft whose receipts do not hold stays as it was.
    """
    asked, station = restored.waiting(vault), outbox.station()
    if not asked or station is None:
        return ()
    answer = headquarters.receipts([(station.station, record) for record in asked])
    about: dict[str, list[tuple[Signed, ReceiptBody]]] = {record: [] for record in asked}
    for signed in answer:
        body = canonical.decode(canonical.from_text(signed.body), ReceiptBody)
        if body.record not in about:
            raise BadReceipt("another record")
        check_receipt(
            signed, descriptor, station=station.station, record=body.record, digest=body.digest,
            size=body.size,
        )  # fmt: skip
        about[body.record].append((signed, body))
    opened = [record for record, said in about.items() if "opened" in _kinds(said)]
    for record in opened:
        vault.audit.append(actor, "already-at-headquarters", record, at)
        restored.close(outbox, vault, record, about[record])
    for record in (record for record, said in about.items() if not said):
        vault.audit.append(actor, "unknown-at-headquarters", record, at)
        restored.release(vault, record)
    return tuple(opened)


def _kinds(said: list[tuple[Signed, ReceiptBody]]) -> set[str]:
    return {body.kind for _, body in said}


def _asked_again(enroller: Enroller, **request: Any) -> NewStation:
    """The same request again when the link breaks: headquarters gives it the same answer."""
    for _ in range(_TRIES - 1):
        with suppress(NoLink):
            return enroller(**request)
    return enroller(**request)


def _request(work: Path) -> RestoreRequest:
    with translated():
        return canonical.decode((work / _REQUEST).read_bytes(), RestoreRequest)


def _one_time(work: Path, password: str) -> sealing.Opener:
    with translated():
        kept = canonical.decode((work / _ONE_TIME).read_bytes(), _OneTime)
    key = sealing.from_password(
        _normal(password), canonical.from_text(kept.salt), memory_kib=kept.memory_kib
    )
    try:
        wrapped = canonical.from_text(kept.wrapped)
        return sealing.Opener.load(sealing.unwrap(key, wrapped, _PURPOSE))
    except sealing.CannotOpen:
        raise keys.WrongPassword from None


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)
