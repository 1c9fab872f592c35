"""What headquarters sends down: one signed, numbered manifest for each kind, and its bytes.

The bytes are found by their SHA-256, whoever carries them. What is about people is sealed to one
station's KEM key; the rest is the same for all and only packed. A version never goes back.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

import msgspec

from migramovil.core import canonical, sealing
from migramovil.core.notices import Notices
from migramovil.core.places import read_countries, read_ubigeo
from migramovil.core.procedures import read_catalogue
from migramovil.core.record import Realm, Signed
from migramovil.core.trouble import Trouble, Who

FORMAT = "migramovil/downstream/1"
LARGEST = 8 * 1024 * 1024  # bytes as they travel
LARGEST_CONTENT = 32 * 1024 * 1024
MOST_MANIFESTS = 64
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST_ROWS = 100_000
_LONGEST_WORDS = 500
_LARGEST_VERSION = 2**31 - 1

T = TypeVar("T")


class Kind(StrEnum):
    """What there is to send down. A station skips kinds newer than itself."""

    PROCEDURES = "procedures"
    COUNTRIES = "countries"
    UBIGEO = "ubigeo"
    NOTICES = "notices"
    SETTINGS = "settings"
    ACCOUNTS = "accounts"
    APPOINTMENTS = "appointments"
    CARDS = "cards"
    DECISIONS = "decisions"


PERSONAL = frozenset({Kind.ACCOUNTS, Kind.APPOINTMENTS, Kind.CARDS, Kind.DECISIONS})
"""Always for one station, always sealed to it."""


class BadDownload(Trouble):
    code = "DWN-01"
    what = "Lo que llegó de sede central no se puede comprobar."
    advice = "No se usó: sigue en uso lo anterior. Si se repite, avise al técnico con este código."


class OlderDownload(Trouble):
    code = "DWN-02"
    what = "Llegó de sede central una versión más antigua que la que ya tiene la estación."
    advice = "No se usó. Si venía en una memoria USB, pida a sede central una actual."
    who = Who.HEADQUARTERS


class NotForThisStation(Trouble):
    code = "DWN-03"
    what = "Llegó de sede central algo que es para otra estación o para llaves que ya no se usan."
    advice = "No se usó. Pida a sede central que lo publique otra vez para esta estación."
    who = Who.HEADQUARTERS


class BadContent(Trouble):
    code = "DWN-04"
    what = "Una lista de sede central está bien firmada, pero su contenido no se entiende."
    advice = "No se usó: sigue en uso la anterior. Sede central debe corregirla."
    who = Who.HEADQUARTERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One version of one kind. `station` is "" where it is for all of them.

    `sha256` and `size` are of the bytes that travel. `key` (base64) is the content key sealed to
    the KEM key whose id is `recipient`; both are "" where nothing is sealed. `issued` and
    `expires` are UTC, ISO 8601; an empty `expires` never does.
    """

    format: str = FORMAT
    realm: Realm
    kind: str
    version: int
    station: str = ""
    issued: str
    expires: str = ""
    sha256: str
    size: int
    recipient: str = ""
    key: str = ""

    @property
    def sealed(self) -> bool:
        return bool(self.recipient)


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A manifest as it was signed, and the bytes it speaks of."""

    signed: Signed
    body: bytes


# --- content of the kinds that have no file of their own in resources/ -------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """One cita: `day` yyyy-mm-dd and `hour` HH:MM, both local; `procedure` a catalogue code."""

    id: str
    day: str
    hour: str
    procedure: str
    surnames: str
    names: str
    document: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A printed card that this station is to hand over, by its serial number."""

    serial: str
    folio: str
    surnames: str
    names: str
    document: str = ""
    batch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What headquarters decided about an earlier record: its own words, never the station's."""

    record: str
    folio: str
    decided: str  # UTC, ISO 8601
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSettings:
    """What headquarters sets for a station over its own station.toml; None leaves that alone."""

    idle_minutes: int | None = None
    draft_days: int | None = None
    retention_hours: int | None = None
    jornada_ends: int | None = None


_BOUNDS: Mapping[str, tuple[int, int]] = {
    "idle_minutes": (1, 60),
    "draft_days": (1, 30),
    "retention_hours": (24, 24 * 60),
    "jornada_ends": (0, 23),
}


# --- at headquarters --------------------------------------------------------------------------
def publish(
    content: bytes,
    signer: sealing.Signer,
    *,
    realm: Realm,
    kind: Kind,
    version: int,
    issued: str,
    expires: str = "",
    station: str = "",
    recipient: bytes = b"",
) -> Download:
    """A new version, checked first as a station will check it: BadContent and the readers' own.

    `recipient` is the station's public KEM key: given for personal kinds, and only for them.
    """
    check_content(kind, content)
    if not _addressed(kind, station, sealed=bool(recipient)):
        raise BadContent("recipient")
    bare = Manifest(
        realm=realm, kind=kind, version=version, station=station, issued=issued, expires=expires,
        sha256="", size=0, recipient=sealing.key_id(recipient) if recipient else "",
    )  # fmt: skip
    key, body = "", zlib.compress(content, 9)
    if recipient:
        secret = sealing.new_key()
        key = canonical.text(sealing.seal_to(recipient, secret, _binding(bare)))
        body = sealing.encrypt_object(secret, station, _object(bare), content)
    if len(body) > LARGEST:
        raise BadContent("size")
    manifest = replace(bare, sha256=sealing.sha256(body), size=len(body), key=key)
    return Download(signed=Signed.by(signer, canonical.encode(manifest)), body=body)


# --- at a station -----------------------------------------------------------------------------
def read_manifest(
    signed: Signed, publics: Iterable[bytes], *, realm: Realm, station: str
) -> Manifest:
    """The manifest if one of `publics` signed it and it is for this station.

    BadDownload, NotForThisStation.
    """
    try:
        found = canonical.decode(signed.verified_by_one_of(publics), Manifest)
    except (canonical.NotCanonical, sealing.BadSignature) as problem:
        raise BadDownload(problem.code) from None
    if found.realm != realm:
        raise BadDownload("realm")
    if found.station not in {"", station}:
        raise NotForThisStation(found.kind[:32])
    counts = 0 < found.size <= LARGEST and 0 < found.version <= _LARGEST_VERSION
    if not (_DIGEST.fullmatch(found.sha256) and counts):
        raise BadDownload("manifest")
    if not _addressed(found.kind, found.station, sealed=found.sealed):
        raise BadDownload("sealing")
    for utc in filter(None, (found.issued, found.expires)):
        _instant(utc)
    return found


def claimed_digest(signed: Signed) -> str:
    """Which bytes a manifest speaks of, by its own word: for finding them, never for trusting."""
    try:
        said = canonical.decode(canonical.from_text(signed.body), Manifest)
    except canonical.NotCanonical:
        raise BadDownload("manifest") from None
    if not _DIGEST.fullmatch(said.sha256) or not 0 < said.size <= LARGEST:
        raise BadDownload("manifest")
    return said.sha256


def check_body(manifest: Manifest, body: bytes) -> None:
    """BadDownload unless these are exactly the bytes the manifest speaks of."""
    if len(body) != manifest.size or sealing.sha256(body) != manifest.sha256:
        raise BadDownload("bytes")


def open_content(manifest: Manifest, body: bytes, opener: sealing.Opener | None = None) -> bytes:
    """The content in clear, checked against its manifest; a sealed one needs the station's opener.

    BadDownload, NotForThisStation.
    """
    check_body(manifest, body)
    if not manifest.sealed:
        return _unpacked(body)
    if opener is None or sealing.key_id(opener.public) != manifest.recipient:
        raise NotForThisStation("key")
    try:
        secret = opener.open(canonical.from_text(manifest.key), _binding(manifest))
        return sealing.decrypt_object(secret, manifest.station, _object(manifest), body)
    except (sealing.CannotOpen, canonical.NotCanonical) as problem:
        raise BadDownload(problem.code) from None


def is_expired(manifest: Manifest, now: datetime) -> bool:
    """Whether its time is over; that warns, and never stops the work."""
    return bool(manifest.expires) and _instant(manifest.expires) <= now


# --- contents ---------------------------------------------------------------------------------
def check_content(kind: Kind, content: bytes) -> None:
    """BadContent, or the reader's own trouble, unless a station can use it."""
    if len(content) > LARGEST_CONTENT:
        raise BadContent("size")
    _READERS[kind](content)


def read_settings(content: bytes) -> StationSettings:
    """Settings within their bounds, else BadContent."""
    found = _read(content, StationSettings)
    for name, (least, most) in _BOUNDS.items():
        value = getattr(found, name)
        if value is not None and not least <= value <= most:
            raise BadContent(name)
    return found


def read_accounts(content: bytes) -> tuple[Signed, ...]:
    """Accounts and revocations, each signed by the registrar by itself."""
    return _rows(content, Signed)


def read_appointments(content: bytes) -> tuple[Appointment, ...]:
    return _rows(content, Appointment)


def read_cards(content: bytes) -> tuple[Card, ...]:
    return _rows(content, Card)


def read_decisions(content: bytes) -> tuple[Decision, ...]:
    found = _rows(content, Decision)
    if any(len(one.words) > _LONGEST_WORDS for one in found):
        raise BadContent("words")
    return found


_READERS: Mapping[Kind, Callable[[bytes], object]] = {
    Kind.PROCEDURES: read_catalogue,
    Kind.COUNTRIES: read_countries,
    Kind.UBIGEO: read_ubigeo,
    Kind.NOTICES: Notices.read,
    Kind.SETTINGS: read_settings,
    Kind.ACCOUNTS: read_accounts,
    Kind.APPOINTMENTS: read_appointments,
    Kind.CARDS: read_cards,
    Kind.DECISIONS: read_decisions,
}


def _rows(content: bytes, kind: type[T]) -> tuple[T, ...]:
    found = _read(content, tuple[kind, ...])  # type: ignore[valid-type]
    if len(found) > _MOST_ROWS:
        raise BadContent("rows")
    return found


def _read(content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as problem:
        raise BadContent(type(problem).__name__) from None


def _unpacked(body: bytes) -> bytes:
    """Inflated within bounds: a signed bomb is a bomb all the same."""
    reader = zlib.decompressobj()
    try:
        content = reader.decompress(body, LARGEST_CONTENT)
    except zlib.error:
        raise BadDownload("deflate") from None
    if reader.unconsumed_tail or reader.unused_data or not reader.eof:
        raise BadDownload("deflate size")
    return content


def _instant(utc: str) -> datetime:
    try:
        return datetime.fromisoformat(utc).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadDownload("time") from None


def _addressed(kind: str, station: str, *, sealed: bool) -> bool:
    """What is about people goes to one station and sealed; nothing else is sealed."""
    personal = any(kind == one for one in PERSONAL)
    return bool(sealed and station) if personal else not sealed


def _binding(manifest: Manifest) -> bytes:
    """What a sealed content key is good for: this version of this kind for this station."""
    about = (manifest.format, manifest.realm, manifest.station, _object(manifest))
    return "\n".join((*about, manifest.recipient)).encode()


def _object(manifest: Manifest) -> str:
    return f"{manifest.kind}/{manifest.version}"
