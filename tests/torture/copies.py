"""A second copy on a stick, and the station again out of it; both lie in the station's own folder,
so that power cuts and bad disks hit them too."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from migramovil.core import backup as formats
from migramovil.core import canonical, sealing
from migramovil.core.backup import RestoreRequest
from migramovil.store import backup, files, keys, letters, restore
from migramovil.store.outbox import Outbox
from migramovil.store.vault import Vault
from tests.store.bench import EDGE, HEADQUARTERS, SIGNER, STATION, UTC
from tests.torture.station import (
    BOSS,
    GONE,
    NOW,
    PASSWORD,
    Fact,
    Station,
    digest_of,
    let_go,
    make_slot,
    the_station,
)

_EPOCH = 2
Holdings = dict[str, str]


def back_up(station: Station, n: int) -> list[Fact]:
    """Everything that is open or waits, told exactly: it can be had again from the stick."""
    del n
    holds = canonical.encode(_holdings(station.outbox, station.vault)).decode()
    fact = Fact(kind="backup", subject="all", value=holds)
    station.maybe(fact)
    report = backup.back_up(
        station.outbox, station.vault, _stick(station.folder), utc=UTC, software="test"
    )
    assert not report.damaged
    return [fact]


def restore_again(station: Station, n: int) -> list[Fact]:
    """A new backup, and beside the station another one made of it, in its next epoch."""
    facts = back_up(station, n)
    fact = Fact(kind="again", subject="all", value=facts[-1].value)
    _forget(station)
    station.maybe(fact)
    with restore.building(_again(station.folder)) as unborn:
        vault_key = _restored(station.folder, unborn)
        with Outbox(unborn) as outbox:
            with Vault(unborn, vault_key) as vault:
                vault.save_station_keys(sealing.Signer.new(), sealing.Opener.new())
                vault.audit.append("1", "begin-epoch", str(_EPOCH), NOW)
            make_slot(unborn, BOSS, 0, vault_key)
            restore.begin_epoch(outbox, the_station(_EPOCH))
    return [*facts, fact]


def backup_holds(station: Station, fact: Fact, allowed: set[str]) -> bool:
    del fact
    with tempfile.TemporaryDirectory(dir=station.folder.parent) as place:
        folder = files.private_folder(Path(place) / "restored")
        vault_key = _restored(station.folder, folder)
        with Outbox(folder) as outbox, Vault(folder, vault_key) as vault:
            return _agrees(_holdings(outbox, vault), allowed)


def again_holds(station: Station, fact: Fact, allowed: set[str]) -> bool:
    del fact
    if not _again(station.folder).exists():
        return GONE in allowed
    with _opened_again(station.folder) as (outbox, vault):
        return _agrees(_holdings(outbox, vault), allowed - {GONE})


def look(folder: Path) -> None:
    """What stands there restored is a whole station, however its making ended."""
    if _again(folder).exists():
        with _opened_again(folder) as (outbox, vault):
            known = outbox.station()
            assert known is not None
            assert (known.epoch, outbox.seq()) == (_EPOCH, 0)
            assert vault.audit.verify()
            _holdings(outbox, vault)


@contextmanager
def _opened_again(folder: Path) -> Iterator[tuple[Outbox, Vault]]:
    again = _again(folder)
    with Outbox(again) as outbox:
        vault_key = keys.open_slot(again, BOSS, PASSWORD.format(0)).vault_key
        with Vault(again, vault_key) as vault:
            yield outbox, vault


def _restored(folder: Path, out: Path) -> bytes:
    """The newest snapshot built in `out`, by headquarters' leave; the vault's key."""
    home = backup.home_of(_stick(folder), STATION)
    signed, _ = backup.manifests(home)[-1]
    opener = sealing.Opener.new()
    request = RestoreRequest(manifest=signed, recipient=canonical.text(opener.public))
    answer = formats.lend_key(request, SIGNER.public, HEADQUARTERS, EDGE)
    key, signing = formats.borrowed_key(answer, request, opener, EDGE.public)
    manifest = formats.read_manifest(signed, signing)
    return restore.restore(home, manifest, key, signing, out)[1]


def _holdings(outbox: Outbox, vault: Vault) -> Holdings:
    """Digests of every packet still owed, every open draft with its pictures, every letter."""
    gone = let_go(outbox)
    held = {
        f"packet {row.record}": digest_of(outbox.packet(row.record))
        for row in outbox.rows(limit=100_000)
        if row.record not in gone
    }
    for draft in vault.drafts():
        pictures = sorted(vault.all_media(draft.record_id).items())
        parts = [draft.body, *(name.encode() + plain for name, plain in pictures)]
        held[f"draft {draft.record_id}"] = digest_of(b"".join(parts))
    for letter in (*letters.unanswered(outbox), *letters.answered(outbox, "test")):
        held[f"letter {letter.id}"] = (letter.answer or b"").decode()
    return held


def _agrees(found: Holdings, allowed: set[str]) -> bool:
    """Whether all that one of these backups told is there; packets brought since may be too."""
    told = [canonical.decode(value.encode(), Holdings) for value in allowed]
    return any(one.items() <= found.items() for one in told)


def _forget(station: Station) -> None:
    """Away with what was restored before: first its name, in one step."""
    again = _again(station.folder)
    old = again.with_name("old")
    shutil.rmtree(old, ignore_errors=True)
    if again.exists():
        station.maybe(Fact(kind="again", subject="all", value=GONE))
        again.rename(old)


def _again(folder: Path) -> Path:
    return _stick(folder).parent / "again"


def _stick(folder: Path) -> Path:
    """A medium that was there before: its folder is durable."""
    stick = folder / "beside" / "stick"
    if not stick.exists():
        stick.mkdir(parents=True)
        files.sync_folder(folder)
        files.sync_folder(stick.parent)
    return stick
