"""What a backup says of itself, and how headquarters lends its key to whoever restores it.

A backup is a folder of snapshots beside the packets they name. Everything personal in a snapshot is
under a fresh key that is sealed to headquarters' recovery key and kept nowhere else: neither the
medium nor the station it was made on opens it again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from migramovil.core import canonical, sealing
from migramovil.core.record import Realm, Signed
from migramovil.core.trouble import Trouble

FORMAT = "migramovil/backup/1"
_NAME = re.compile(r"\w[\w-]*(\.\w+)?", re.ASCII)  # never a way out of the backup's folder
REQUEST_FORMAT = "migramovil/restore-request/1"
ANSWER_FORMAT = "migramovil/restore-answer/1"


class BadBackup(Trouble):
    code = "BAK-05"
    what = "El respaldo no está completo o fue alterado."
    advice = "No se usó nada de él. Pruebe con otro respaldo o avise al técnico con este código."


class BadRestoreAnswer(Trouble):
    code = "BAK-06"
    what = "La respuesta de sede central no es para esta restauración."
    advice = "No se usó. Envíe de nuevo la solicitud y use la respuesta que corresponde."


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedFile:
    """One file of a backup by its random name, its size in bytes and its SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One snapshot in clear, signed by the station: nothing personal.

    `number` counts a station's snapshots up; `key` is the backup key sealed to headquarters'
    recovery key; `packets` and `bytes` count the sealed packets beside it.
    """

    format: str = FORMAT
    id: str
    number: int
    realm: Realm
    station: str
    epoch: int
    seq: int
    made_utc: str
    software: str
    key: str
    files: tuple[BackedFile, ...]
    media: tuple[BackedFile, ...]
    drafts: int
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """Asks headquarters for a backup's key, sealed to a one-time KEM key (base64)."""

    format: str = REQUEST_FORMAT
    manifest: Signed
    recipient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreAnswer:
    """Headquarters' word, signed by its root: whose backup this is, and its key for the asker.

    `signing` is the key (base64) the station signed with when it made the backup.
    """

    format: str = ANSWER_FORMAT
    request_sha256: str
    realm: Realm
    station: str
    epoch: int
    signing: str
    key: str


def seal_key(key: bytes, recovery: bytes, *, realm: Realm, station: str, id: str) -> str:
    """A fresh backup key, for headquarters' recovery key only."""
    return canonical.text(sealing.seal_to(recovery, key, _binding(realm, station, id)))


def read_manifest(signed: Signed, public: bytes) -> Manifest:
    """What `public` (the station's signing key) says of a snapshot, else BadBackup."""
    try:
        found = canonical.decode(signed.verified(public), Manifest)
    except (canonical.NotCanonical, sealing.BadSignature) as problem:
        raise BadBackup(type(problem).__name__) from None
    names = (found.id, *(one.name for one in (*found.files, *found.media)))
    if not all(_NAME.fullmatch(name) for name in names):
        raise BadBackup("names")
    return found


def claimed(signed: Signed) -> Manifest:
    """The same by its own word: for showing and asking, never for trusting."""
    try:
        return read_manifest(signed, canonical.from_text(signed.public_key))
    except canonical.NotCanonical:
        raise BadBackup("key") from None


def lend_key(
    request: RestoreRequest, signing: bytes, recovery: sealing.Opener, root: sealing.Signer
) -> Signed:
    """Headquarters' answer: the backup's key, sealed again to the one who asks.

    `signing` is what headquarters knows this station signed with; BadBackup unless it made it.
    """
    manifest = read_manifest(request.manifest, signing)
    key = recovery.open(
        canonical.from_text(manifest.key),
        _binding(manifest.realm, manifest.station, manifest.id),
    )
    asked = sealing.sha256(canonical.encode(request))
    answer = RestoreAnswer(
        request_sha256=asked,
        realm=manifest.realm,
        station=manifest.station,
        epoch=manifest.epoch,
        signing=canonical.text(signing),
        key=canonical.text(
            sealing.seal_to(canonical.from_text(request.recipient), key, _for(asked))
        ),
    )
    return Signed.by(root, canonical.encode(answer))


def borrowed_key(
    signed: Signed, request: RestoreRequest, opener: sealing.Opener, root: bytes
) -> tuple[bytes, bytes]:
    """(backup key, the station's signing key) out of the answer to exactly this request."""
    asked = sealing.sha256(canonical.encode(request))
    try:
        answer = canonical.decode(signed.verified(root), RestoreAnswer)
        if answer.request_sha256 != asked:
            raise BadRestoreAnswer("another request")
        key = opener.open(canonical.from_text(answer.key), _for(asked))
        signing = canonical.from_text(answer.signing)
    except (canonical.NotCanonical, sealing.BadSignature, sealing.CannotOpen) as problem:
        raise BadRestoreAnswer(type(problem).__name__) from None
    return key, signing


def _binding(realm: Realm, station: str, id: str) -> bytes:
    return f"{FORMAT}/key\n{realm}\n{station}\n{id}".encode()


def _for(asked: str) -> bytes:
    return f"{ANSWER_FORMAT}\n{asked}".encode()
