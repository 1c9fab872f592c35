"""Signed answers of device services: compact JWS (RFC 7515), RS256 alone, with its certificates.

The certificates travel in the header (`x5c`) and prove nothing until they lead to a root which the
operator put on the station. Source: MOSIP device service specification 0.9.5, "Digital ID".
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.utils import CryptographyDeprecationWarning

from migramovil.devices.trouble import (
    CertificateExpired,
    NoTrustRoot,
    ServiceUnreadable,
    SignatureWrong,
    SignerUntrusted,
)

MAX_TOKEN = 6 << 20  # a print of 800 x 750 without loss, in base64 twice, and room
_MAX_CERTIFICATES = 5
_MAX_CERTIFICATE = 16 << 10
_RSA_BITS = range(2048, 8193)  # less is forged, more is a trap for the processor

# What cryptography raises for certificates that somebody made up.
_MALFORMED = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    CryptographyDeprecationWarning,  # what is only tolerated, where warnings are errors
    x509.InvalidVersion,
    UserWarning,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What this station believes: the roots, and the environment (SBI's `env`) it works in."""

    roots: tuple[x509.Certificate, ...]
    environment: str


def read_roots(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file; FPR-34 when it holds none."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except _MALFORMED as error:
        raise NoTrustRoot(type(error).__name__) from None


def opened(token: object, trust: Trust, now: datetime) -> dict[str, Any]:
    """The claims of a token, proven: by its signature, and its signer by a root of `trust`.

    FPR-30 when it is no token, FPR-35 signature, FPR-36 no way to a root, FPR-37 dates.
    """
    header, claims, signed, signature = _split(token)
    leaf, *others = _certificates(header)
    _check_signature(leaf, signed, signature)
    _check_chain(leaf, others, trust.roots, now)
    return claims


def unproven(token: object) -> dict[str, Any]:
    """What a token claims, believed by nobody yet: to find the one that is ours in a list."""
    return _split(token)[1]


def decoded(text: object) -> bytes:
    """base64url without padding, as JOSE and SBI write it; FPR-30 for anything else."""
    if not isinstance(text, str) or len(text) > MAX_TOKEN:
        raise ServiceUnreadable("base64url")
    try:
        plain = text.rstrip("=").encode("ascii")
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ServiceUnreadable("base64url") from None


def parsed(data: bytes) -> Any:
    """JSON, or FPR-30: what is nested without end is no JSON of ours either."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise ServiceUnreadable("json") from None


def _split(token: object) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Header, claims, the bytes that are signed, the signature."""
    if not isinstance(token, str) or len(token) > MAX_TOKEN or token.count(".") != 2:
        raise ServiceUnreadable("token")
    head, body, tail = token.split(".")
    header, claims = parsed(decoded(head)), parsed(decoded(body))
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise ServiceUnreadable("token")
    return header, claims, f"{head}.{body}".encode("ascii"), decoded(tail)


def _certificates(header: dict[str, Any]) -> list[x509.Certificate]:
    if header.get("alg") != "RS256" or "crit" in header:
        raise SignatureWrong("algorithm")
    chain = header.get("x5c")
    if not isinstance(chain, list) or not 1 <= len(chain) <= _MAX_CERTIFICATES:
        raise ServiceUnreadable("x5c")
    return [_certificate(text) for text in chain]


def _certificate(text: object) -> x509.Certificate:
    if not isinstance(text, str) or len(text) > _MAX_CERTIFICATE:
        raise ServiceUnreadable("x5c")
    try:
        return x509.load_der_x509_certificate(base64.b64decode(text))
    except _MALFORMED:
        raise ServiceUnreadable("certificate") from None


def _check_signature(leaf: x509.Certificate, signed: bytes, signature: bytes) -> None:
    try:
        key = leaf.public_key()
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size not in _RSA_BITS:
            raise SignatureWrong("key")
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, *_MALFORMED):
        raise SignatureWrong("signature") from None


def _check_chain(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    now: datetime,
) -> None:
    """Walk from the signer up to a root; every step is signed, dated, and allowed to sign."""
    here = leaf
    for below in range(_MAX_CERTIFICATES + 1):
        _check_dates(here, now)
        if here in roots:
            return
        issuers = [root for root in roots if _issued(here, root)] or [
            other for other in others if _may_sign(other, below) and _issued(here, other)
        ]
        if not issuers:
            break
        here = issuers[0]
    raise SignerUntrusted


def _check_dates(certificate: x509.Certificate, now: datetime) -> None:
    try:
        since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except _MALFORMED:
        raise SignerUntrusted("dates") from None
    if not since <= now <= until:
        raise CertificateExpired


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *_MALFORMED):
        return False
    return True


def _may_sign(certificate: x509.Certificate, below: int) -> bool:
    """Whether an intermediate may sign others, `below` of which stand under the one it signs."""
    try:
        extensions = certificate.extensions
        limits = extensions.get_extension_for_class(x509.BasicConstraints).value
        if any(e.critical and isinstance(e.value, x509.UnrecognizedExtension) for e in extensions):
            return False
        return limits.ca and (limits.path_length is None or below <= limits.path_length)
    except (x509.ExtensionNotFound, *_MALFORMED):
        return False
