"""The report for support: what ails a station, sealed so that only headquarters' support reads it.

It names codes, figures and versions, never a person; it is sealed all the same, because a list of a
station's weak points is a gift to a thief. Format 1: a canonical envelope around gzip'd canonical
JSON, sealed to the support key. It proves nothing of who made it, and nothing is decided by it.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migramovil.core import canonical, sealing
from migramovil.core.record import Realm, Signed
from migramovil.core.trouble import Trouble

FORMAT = "migramovil/support/1"
CONTENT_FORMAT = "migramovil/support-content/1"
ANSWER_FORMAT = "migramovil/support-answer/1"
LARGEST = 2 * 1024 * 1024
"""Bytes of a whole report as it travels."""
LARGEST_CLEAR = 16 * 1024 * 1024
"""Bytes of its content once unpacked."""
_GZIP = 31  # zlib: a gzip head and nothing else


class BadReport(Trouble):
    code = "SUP-01"
    what = "Un informe para soporte está dañado o no es para esta sede."
    advice = "No se usó. Pida a la estación que haga otro."


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The envelope. `station` is "" where it is not enrolled, `utc` ISO 8601 by the station's own
    clock, `recipient` the id of the support key, `sealed` base64."""

    format: str = FORMAT
    realm: Realm
    station: str = ""
    utc: str
    recipient: str
    sealed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerBody:
    """Headquarters keeps exactly this report; signed by the edge's key, as letters' answers are."""

    format: str = ANSWER_FORMAT
    realm: Realm
    station: str
    report: str  # SHA-256 of the report's bytes


def seal(
    public: bytes, content: Mapping[str, Any], *, realm: Realm, station: str, utc: str
) -> bytes:
    """A report (canonical bytes) that only the holder of the support key reads."""
    recipient = sealing.key_id(public)
    packed = gzip.compress(canonical.encode(content), mtime=0)
    sealed = sealing.seal_to(public, packed, _binding(realm, station, utc, recipient))
    made = Report(
        realm=realm, station=station, utc=utc, recipient=recipient, sealed=canonical.text(sealed)
    )
    return canonical.encode(made)


def read(data: bytes) -> Report:
    """The envelope; BadReport."""
    if len(data) > LARGEST:
        raise BadReport("size")
    try:
        found = canonical.decode(data, Report)
        canonical.from_text(found.sealed)
    except canonical.NotCanonical as problem:
        raise BadReport(problem.code) from None
    return found


def open_content(report: Report, opener: sealing.Opener) -> dict[str, Any]:
    """What it says; BadReport, CannotOpen."""
    if report.recipient != sealing.key_id(opener.public):
        raise BadReport("another key")
    bound = _binding(report.realm, report.station, report.utc, report.recipient)
    packed = opener.open(canonical.from_text(report.sealed), bound)
    try:
        content = canonical.decode(_unpacked(packed), dict[str, Any])
    except canonical.NotCanonical as problem:
        raise BadReport(problem.code) from None
    if content.get("format") != CONTENT_FORMAT:
        raise BadReport("format")
    return content


def answer(signer: sealing.Signer, data: bytes, *, realm: Realm, station: str) -> Signed:
    """Headquarters' word that it keeps these bytes of that station; the same words every time."""
    said = AnswerBody(realm=realm, station=station, report=sealing.sha256(data))
    return Signed.by(signer, canonical.encode(said))


def check_answer(
    signed: Signed, data: bytes, publics: tuple[bytes, ...], *, realm: Realm, station: str
) -> None:
    """BadReport unless headquarters says that it keeps exactly these bytes."""
    try:
        said = canonical.decode(signed.verified_by_one_of(publics), AnswerBody)
    except (sealing.BadSignature, canonical.NotCanonical) as problem:
        raise BadReport(problem.code) from None
    if said != AnswerBody(realm=realm, station=station, report=sealing.sha256(data)):
        raise BadReport("another report")


def _unpacked(packed: bytes) -> bytes:
    """Never more than LARGEST_CLEAR, whatever was packed."""
    reader = zlib.decompressobj(_GZIP)
    try:
        plain = reader.decompress(packed, LARGEST_CLEAR)
    except zlib.error:
        raise BadReport("gzip") from None
    if not reader.eof or reader.unconsumed_tail or reader.unused_data:
        raise BadReport("gzip")
    return plain


def _binding(realm: Realm, station: str, utc: str, recipient: str) -> bytes:
    return "\n".join((FORMAT, realm, station, utc, recipient)).encode()
