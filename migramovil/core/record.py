"""What an enrollment is once sealed: bytes, a number in line, and headquarters' word about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from migramovil.core import canonical, sealing
from migramovil.core.trouble import Trouble, Who


class Realm(StrEnum):
    TRAINING = "training"
    PRODUCTION = "production"


class RecordState(StrEnum):
    """The only states a sealed record rests in. "Sending" is not one of them."""

    SEALED = "sealed"
    STORED = "stored"
    OPENED = "opened"
    REFUSED = "refused"


class BadReceipt(Trouble):
    code = "SYN-05"
    what = "Sede central envió un acuse que no se puede comprobar."
    advice = "El registro sigue guardado aquí. Avise al técnico con este código."


class WrongRealm(Trouble):
    code = "SYN-06"
    what = "Una estación de entrenamiento y una sede de producción no se hablan, ni al revés."
    advice = "Revise con el técnico a qué sede apunta esta estación."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """An instant as this machine believes it: UTC, ISO 8601 to the second, and its doubt.

    `uncertainty_s` is None where nothing bounds the clock. Order comes from `seq`, never from here.
    """

    utc: str
    uncertainty_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Canonical bytes and an Ed25519 signature over exactly them; both base64 for travel."""

    body: str
    signature: str
    public_key: str

    @classmethod
    def by(cls, signer: sealing.Signer, body: bytes) -> Signed:
        return cls(
            body=canonical.text(body),
            signature=canonical.text(signer.sign(body)),
            public_key=canonical.text(signer.public),
        )

    def verified(self, public: bytes) -> bytes:
        """The body, if `public` signed it; the key inside is a label, never trusted by itself."""
        body = canonical.from_text(self.body)
        sealing.verify(public, body, canonical.from_text(self.signature))
        return body

    def verified_by_one_of(self, publics: Iterable[bytes]) -> bytes:
        """The body, if one of `publics` signed it; else BadSignature."""
        for public in publics:
            try:
                return self.verified(public)
            except sealing.BadSignature:
                continue
        raise sealing.BadSignature


ReceiptKind = Literal["stored", "opened", "refused", "retry", "discard"]
"""`retry` and `discard` follow `refused`, by headquarters' two operators: it is taken up again (the
station waits for a newer `stored`, or for the verdict), or nobody waits for it any more."""
RECEIPT_FORMAT = "migramovil/receipt/1"
_YEARS = range(2000, 9000)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptBody:
    """Headquarters' word about one packet: exactly these bytes are stored, opened, refused …"""

    format: str = RECEIPT_FORMAT
    kind: ReceiptKind
    realm: Realm
    station: str
    epoch: int
    seq: int
    record: str
    digest: str
    size: int
    time: str
    serial: int
    previous: str
    reason: str = ""
    audit_head: str = ""  # the packet's; "" in receipts older than this field


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """Who headquarters is: its keys, signed by its root key (the enrolment code has its hash)."""

    format: str = "migramovil/headquarters/1"
    realm: Realm
    version: int
    root: str  # base64 Ed25519; so are the next three
    stored_signer: str
    opened_signer: str
    registrar: str  # signs stations and accounts
    operational: str  # base64 KEM public key, as is the next
    recovery: str
    tls_ca: str  # PEM
    urls: tuple[str, ...]
    # Keys that were replaced: what they signed stays good. Base64 Ed25519, the latest first.
    former_stored: tuple[str, ...] = ()
    former_opened: tuple[str, ...] = ()
    former_registrars: tuple[str, ...] = ()
    support: str = ""  # base64 KEM public key: reports for support; "" where there is none

    @property
    def registrars(self) -> tuple[bytes, ...]:
        return tuple(map(canonical.from_text, (self.registrar, *self.former_registrars)))

    def receipt_keys(self, kind: ReceiptKind) -> tuple[bytes, ...]:
        """Whose signature a receipt of this kind must bear: the newest key first."""
        if kind == "stored":
            keys = (self.stored_signer, *self.former_stored)
        else:
            keys = (self.opened_signer, *self.former_opened)
        return tuple(map(canonical.from_text, keys))


def check_receipt(
    signed: Signed, keys: Descriptor, *, station: str, record: str, digest: str, size: int
) -> ReceiptBody:
    """The receipt's body if it is headquarters' word about exactly this packet, else BadReceipt.

    `stored` must be by the edge's key; `opened` and `refused` by the opener's.
    """
    try:
        body = canonical.decode(canonical.from_text(signed.body), ReceiptBody)
        signed.verified_by_one_of(keys.receipt_keys(body.kind))
    except (canonical.NotCanonical, sealing.BadSignature) as problem:
        raise BadReceipt(problem.code) from None
    about = (body.realm, body.station, body.record, body.digest, body.size)
    if about != (keys.realm, station, record, digest, size):
        raise BadReceipt("another packet")
    if not _is_moment(body.time):
        raise BadReceipt("time")
    return body


def _is_moment(utc: str) -> bool:
    """Whether it is a time that can be counted with."""
    try:
        said = datetime.fromisoformat(utc)
    except ValueError:
        return False
    return said.utcoffset() is not None and said.year in _YEARS


class RefusedByHeadquarters(Trouble):
    code = "SYN-03"
    what = "Sede central no aceptó este registro."
    advice = "El registro sigue guardado aquí. Un supervisor debe ver el motivo en Envíos."
    who = Who.SUPERVISOR
