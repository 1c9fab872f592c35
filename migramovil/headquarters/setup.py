"""Headquarters' keys: made once, kept in four folders that can live on four machines.

    edge/     stored signer, registrar, TLS key and certificate: what the receiver needs
    opener/   opened signer, operational KEM: what opening needs; never on the edge
    support/  support KEM: opens stations' reports on themselves, and nothing else
    offline/  root, recovery KEM, TLS authority: for a safe

Every private key is wrapped under its folder's `unlock` file, which can live on another medium.
"""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from migramovil.core import canonical, sealing
from migramovil.core.record import Descriptor, Realm, Signed
from migramovil.core.trouble import Trouble
from migramovil.headquarters.objects import make_folder, write

EDGE, OPENER, OFFLINE, SUPPORT = "edge", "opener", "offline", "support"
DESCRIPTOR = "descriptor.json"
_AUTHORITY_LIFE = timedelta(days=20 * 365)
_CERTIFICATE_LIFE = timedelta(days=825)


class NotSetUp(Trouble):
    code = "HQ-02"
    what = "Esta sede no está preparada, o le falta una de sus llaves."
    advice = "Ejecute «hq init», o indique dónde están los archivos «unlock»."


class AlreadySetUp(Trouble):
    code = "HQ-03"
    what = "Esta carpeta ya tiene una sede preparada."
    advice = "Elija otra carpeta: las llaves existentes no se reemplazan."


class BadAddress(Trouble):
    code = "HQ-04"
    what = "La dirección de la sede no es válida."
    advice = "Escríbala así: https://nombre:puerto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    stored_signer: sealing.Signer
    registrar: sealing.Signer
    tls_certificate: Path
    tls_key: Path
    tls_password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenerKeys:
    """`former` operational keys were replaced: older packets and letters open with them."""

    opened_signer: sealing.Signer
    operational: sealing.Opener
    former: tuple[sealing.Opener, ...] = ()

    @property
    def every_operational(self) -> tuple[sealing.Opener, ...]:
        return (self.operational, *self.former)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline:
    root: sealing.Signer
    recovery: sealing.Opener


def init(data: Path, *, realm: Realm, url: str, unlock: Path | None = None) -> Descriptor:
    """Make every key and the signed descriptor; AlreadySetUp rather than replace one."""
    if any((data / name).exists() for name in (DESCRIPTOR, EDGE, OPENER, OFFLINE, SUPPORT)):
        raise AlreadySetUp
    host = host_of(url)
    edge, opener, offline, support = (
        _Folder.new(data, name, unlock) for name in (EDGE, OPENER, OFFLINE, SUPPORT)
    )
    stored, registrar = edge.signer("stored_signer"), edge.signer("registrar")
    opened, operational = opener.signer("opened_signer"), opener.kem("operational")
    root, recovery = offline.signer("root"), offline.kem("recovery")
    authority = _tls(edge, offline, host)
    descriptor = Descriptor(
        realm=realm,
        version=1,
        root=canonical.text(root.public),
        stored_signer=canonical.text(stored.public),
        opened_signer=canonical.text(opened.public),
        registrar=canonical.text(registrar.public),
        operational=canonical.text(operational.public),
        recovery=canonical.text(recovery.public),
        tls_ca=authority,
        urls=(url,),
        support=canonical.text(support.kem("support").public),
    )
    return _say(data, root, descriptor)


def signed_descriptor(data: Path) -> Signed:
    try:
        return canonical.decode((data / DESCRIPTOR).read_bytes(), Signed)
    except FileNotFoundError:
        raise NotSetUp(DESCRIPTOR) from None


def descriptor(data: Path) -> Descriptor:
    """This headquarters' own descriptor; its root signature must hold."""
    signed = signed_descriptor(data)
    return canonical.decode(signed.verified(canonical.from_text(signed.public_key)), Descriptor)


def edge(data: Path, unlock: Path | None = None) -> Edge:
    folder, known = _Folder.open(data, EDGE, unlock), descriptor(data)
    return Edge(
        stored_signer=folder.signer_of("stored_signer", known.stored_signer),
        registrar=folder.signer_of("registrar", known.registrar),
        tls_certificate=folder.path / "tls.crt",
        tls_key=folder.path / "tls.key",
        tls_password=folder.tls_password,
    )


def opener(data: Path, unlock: Path | None = None) -> OpenerKeys:
    folder, known = _Folder.open(data, OPENER, unlock), descriptor(data)
    every = [sealing.Opener.load(secret) for secret in folder.every("operational")]
    now = [one for one in every if canonical.text(one.public) == known.operational]
    if not now:
        raise NotSetUp("operational")
    return OpenerKeys(
        opened_signer=folder.signer_of("opened_signer", known.opened_signer),
        operational=now[0],
        former=tuple(one for one in every if one is not now[0]),
    )


def rotate(
    data: Path, *, signers: bool = False, registrar: bool = False, unlock: Path | None = None
) -> Descriptor:
    """New keys beside the old ones, then the descriptor, signed by the root, that names them.

    Replacing the descriptor decides; no key is ever deleted.
    """
    old, safe = descriptor(data), offline(data, unlock)
    version = old.version + 1
    edge_, opener_ = _Folder.open(data, EDGE, unlock), _Folder.open(data, OPENER, unlock)
    new = replace(
        old,
        version=version,
        operational=canonical.text(opener_.kem(f"operational-{version}").public),
    )
    if signers:
        new = replace(
            new,
            stored_signer=canonical.text(edge_.signer(f"stored_signer-{version}").public),
            opened_signer=canonical.text(opener_.signer(f"opened_signer-{version}").public),
            former_stored=(old.stored_signer, *old.former_stored),
            former_opened=(old.opened_signer, *old.former_opened),
        )
    if registrar:
        new = replace(
            new,
            registrar=canonical.text(edge_.signer(f"registrar-{version}").public),
            former_registrars=(old.registrar, *old.former_registrars),
        )
    return _say(data, safe.root, new)


def add_support(data: Path, unlock: Path | None = None) -> Descriptor:
    """Give a headquarters made before there was one its support key; AlreadySetUp if it has one.

    A key that a power cut left without its descriptor is taken up again.
    """
    old, safe = descriptor(data), offline(data, unlock)
    if old.support:
        raise AlreadySetUp(SUPPORT)
    begun = _unlock_file(data, SUPPORT, unlock).exists()
    folder = (_Folder.open if begun else _Folder.new)(data, SUPPORT, unlock)
    held = folder.every("support")
    key = sealing.Opener.load(held[0]) if held else folder.kem("support")
    support = canonical.text(key.public)
    return _say(data, safe.root, replace(old, version=old.version + 1, support=support))


def support(data: Path, unlock: Path | None = None) -> sealing.Opener:
    """The key that opens reports."""
    folder, known = _Folder.open(data, SUPPORT, unlock), descriptor(data)
    for secret in folder.every("support"):
        found = sealing.Opener.load(secret)
        if canonical.text(found.public) == known.support:
            return found
    raise NotSetUp(SUPPORT)


def offline(data: Path, unlock: Path | None = None) -> Offline:
    folder = _Folder.open(data, OFFLINE, unlock)
    return Offline(
        root=sealing.Signer.load(folder.read("root")),
        recovery=sealing.Opener.load(folder.read("recovery")),
    )


def _say(data: Path, root: sealing.Signer, new: Descriptor) -> Descriptor:
    """Put the root's word in its place: from here on it is what stations hear."""
    write(data / DESCRIPTOR, canonical.encode(Signed.by(root, canonical.encode(new))), 0o644)
    return new


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    path: Path
    key: bytes

    @classmethod
    def new(cls, data: Path, name: str, unlock: Path | None) -> _Folder:
        make_folder(data / name)
        key = sealing.new_key()
        where = _unlock_file(data, name, unlock)
        if where.exists():
            raise AlreadySetUp(where.name)
        write(where, canonical.text(key).encode())
        return cls(path=data / name, key=key)

    @classmethod
    def open(cls, data: Path, name: str, unlock: Path | None) -> _Folder:
        try:
            text = _unlock_file(data, name, unlock).read_text()
        except FileNotFoundError:
            raise NotSetUp(f"unlock {name}") from None
        return cls(path=data / name, key=canonical.from_text(text.strip()))

    @property
    def tls_password(self) -> str:
        return sealing.derive(self.key, "tls key file").hex()

    def signer(self, name: str) -> sealing.Signer:
        made = sealing.Signer.new()
        self.write(name, made.dump())
        return made

    def kem(self, name: str) -> sealing.Opener:
        made = sealing.Opener.new()
        self.write(name, made.dump())
        return made

    def write(self, name: str, secret: bytes) -> None:
        write(self.path / f"{name}.key", sealing.wrap(self.key, secret, name))

    def read(self, name: str) -> bytes:
        try:
            return sealing.unwrap(self.key, (self.path / f"{name}.key").read_bytes(), name)
        except FileNotFoundError:
            raise NotSetUp(name) from None

    def every(self, name: str) -> list[bytes]:
        """Every key of this kind there has been."""
        names = [path.stem for path in sorted(self.path.glob(f"{name}*.key"))]
        return [self.read(one) for one in names]

    def signer_of(self, name: str, public: str) -> sealing.Signer:
        """The signer of this kind whose public half (base64) the descriptor names."""
        for secret in self.every(name):
            signer = sealing.Signer.load(secret)
            if canonical.text(signer.public) == public:
                return signer
        raise NotSetUp(name)

    def write_tls_key(self, name: str, key: ec.EllipticCurvePrivateKey) -> None:
        """As a password-protected PEM: the TLS library reads only files."""
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(self.tls_password.encode()),
        )
        write(self.path / name, pem)


def _unlock_file(data: Path, name: str, unlock: Path | None) -> Path:
    return data / name / "unlock" if unlock is None else unlock / f"{name}.unlock"


def host_of(url: str) -> str:
    """The host of an https address; BadAddress when it is not one."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise BadAddress from None
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/"):
        raise BadAddress
    return parts.hostname


def _tls(edge: _Folder, offline: _Folder, host: str) -> str:
    """A private authority and the edge's certificate; the authority's PEM."""
    now = datetime.now(UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("migramovil sede central")
    ca = (
        _certificate(ca_name, ca_name, ca_key, now, _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    certificate = (
        _certificate(_name(host), ca_name, key, now, _CERTIFICATE_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_san(host)]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    offline.write_tls_key("tls_authority.key", ca_key)
    edge.write_tls_key("tls.key", key)
    ca_pem = ca.public_bytes(serialization.Encoding.PEM)
    write(edge.path / "ca.crt", ca_pem, 0o644)
    write(edge.path / "tls.crt", certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return ca_pem.decode()


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(secrets.randbits(159) | 1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _san(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
