"""Headquarters' signed time: only a fresh, true word of the right realm is believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from migramovil.core import canonical, sealing
from migramovil.core.record import Descriptor, Realm, Signed, WrongRealm
from migramovil.sync import https, wire
from migramovil.sync.ports import CertificateExpired, NotHeadquarters

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EDGE = sealing.Signer.new()


def certificate() -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sede")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )


CERTIFICATE = certificate()
DESCRIPTOR = Descriptor(
    realm=Realm.TRAINING, version=1, root="", stored_signer=canonical.text(EDGE.public),
    opened_signer="", registrar="", operational="", recovery="",
    tls_ca=CERTIFICATE.public_bytes(serialization.Encoding.PEM).decode(), urls=(),
)  # fmt: skip


class Line:
    """One connection that answers the ping with `change` made to a true answer."""

    certificate = CERTIFICATE.public_bytes(serialization.Encoding.DER)

    def __init__(self, signer: sealing.Signer = EDGE, **change: Any) -> None:
        self._signer, self._change = signer, change

    def ask(self, _method: str, _path: str, body: bytes, _headers: object) -> tuple[int, bytes]:
        nonce = canonical.decode(body, wire.Ping).nonce
        told = wire.TimeBody(nonce=nonce, utc=NOW.isoformat(), realm=Realm.TRAINING)
        said = canonical.encode(replace(told, **self._change))
        return 200, canonical.encode(Signed.by(self._signer, said))


def asked(line: Line) -> tuple[datetime, int]:
    return https.check_time(cast(Any, line), DESCRIPTOR)[:2]


def test_the_signed_time_comes_with_its_doubt() -> None:
    now, doubt_s = asked(Line())
    assert now == NOW
    assert doubt_s == 1  # a question answered within a second


def test_the_time_of_the_other_realm_is_not_believed() -> None:
    with pytest.raises(WrongRealm):
        asked(Line(realm=Realm.PRODUCTION))


@pytest.mark.parametrize(
    "line",
    [Line(nonce="an old one"), Line(format="other"), Line(utc="ayer"), Line(sealing.Signer.new())],
)
def test_an_old_or_foreign_word_is_not_believed(line: Line) -> None:
    with pytest.raises(NotHeadquarters):
        asked(line)


@pytest.mark.parametrize("days", [-2, 2])
def test_a_certificate_is_judged_by_the_signed_time(days: int) -> None:
    with pytest.raises(CertificateExpired):
        asked(Line(utc=(NOW + timedelta(days=days)).isoformat()))


def test_whoever_asked_for_the_time_hears_it() -> None:
    heard: list[tuple[datetime, int]] = []
    caller = https.HttpsHeadquarters(
        DESCRIPTOR, "s", sealing.Signer.new(), realm=Realm.TRAINING, url="https://sede",
        on_time=lambda *told: heard.append(told),
    )  # fmt: skip
    caller._greet(cast(Any, Line()))
    assert heard == [(NOW, 1)]
