"""Keys and locks: who signs, who can open, and how bytes are sealed.

Pure functions over bytes. Suite 1: Ed25519 signatures; HPKE base mode with MLKEM768_X25519,
HKDF-SHA256 and AES-256-GCM; objects in AES-256-GCM chunks of 64 KiB (docs/decisions/0002).
"""

from __future__ import annotations

import hashlib
import io
import secrets
import zlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ed25519, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from migramovil.core.trouble import Trouble

SUITE = "ed25519+mlkem768x25519+aes256gcm/1"
KEY_BYTES = 32
CHUNK = 64 * 1024
TAG = 16
LARGEST_OBJECT = 64 * 1024 * 1024
_TRIED = 4 * 1024
_WORTH = 0.9

_HPKE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class BadSignature(Trouble):
    code = "SEC-01"
    what = "Una firma no corresponde a quien dice haber firmado."
    advice = "No se aceptó. Nada se perdió. Avise al técnico con este código."


class CannotOpen(Trouble):
    code = "SEC-02"
    what = "Un dato cifrado no se puede abrir: está alterado o la llave no es la suya."
    advice = "No se usó. Avise al técnico con este código."


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def derive(key: bytes, purpose: str) -> bytes:
    """A 32-byte key for one purpose; nothing of `key` can be learnt from it."""
    return HKDF(hashes.SHA256(), KEY_BYTES, None, purpose.encode()).derive(key)


def from_password(password: str, salt: bytes, *, memory_kib: int = 256 * 1024) -> bytes:
    """Argon2id, 256 MiB, 3 passes, 4 lanes: about 0.6 s, and as dear to a thief for every guess."""
    return Argon2id(
        salt=salt, length=KEY_BYTES, iterations=3, lanes=4, memory_cost=memory_kib
    ).derive(password.encode())


# --- signatures ---------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """An Ed25519 private key."""

    private: ed25519.Ed25519PrivateKey

    @classmethod
    def new(cls) -> Signer:
        return cls(private=ed25519.Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, data: bytes) -> Signer:
        return cls(private=ed25519.Ed25519PrivateKey.from_private_bytes(data))

    def dump(self) -> bytes:
        return self.private.private_bytes_raw()

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    def sign(self, body: bytes) -> bytes:
        return self.private.sign(body)


def verify(public: bytes, body: bytes, signature: bytes) -> None:
    """Raise BadSignature unless `signature` over exactly `body` is by `public` (32 bytes)."""
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, body)
    except (InvalidSignature, ValueError):
        raise BadSignature from None


def key_id(public: bytes) -> str:
    """A short name for a public key: 16 bytes of its SHA-256, in hex."""
    return hashlib.sha256(public).hexdigest()[:32]


# --- sealing to a recipient ------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """A hybrid KEM private key: what is sealed to its public half, only it opens."""

    private: hpke.MLKEM768X25519PrivateKey
    parts: bytes  # ML-KEM seed (64) + X25519 (32): the library has no serialiser for the pair

    @classmethod
    def new(cls) -> Opener:
        return cls.load(
            mlkem.MLKEM768PrivateKey.generate().private_bytes_raw()
            + x25519.X25519PrivateKey.generate().private_bytes_raw()
        )

    @classmethod
    def load(cls, data: bytes) -> Opener:
        pair = hpke.MLKEM768X25519PrivateKey(
            mlkem.MLKEM768PrivateKey.from_seed_bytes(data[:64]),
            x25519.X25519PrivateKey.from_private_bytes(data[64:]),
        )
        return cls(private=pair, parts=data)

    def dump(self) -> bytes:
        return self.parts

    @property
    def public(self) -> bytes:
        post_quantum = mlkem.MLKEM768PrivateKey.from_seed_bytes(self.parts[:64]).public_key()
        classic = x25519.X25519PrivateKey.from_private_bytes(self.parts[64:]).public_key()
        return post_quantum.public_bytes_raw() + classic.public_bytes_raw()

    def open(self, sealed: bytes, info: bytes) -> bytes:
        try:
            return _HPKE.decrypt(sealed, self.private, info=info)
        except (InvalidTag, ValueError):
            raise CannotOpen("hpke") from None


def seal_to(public: bytes, secret: bytes, info: bytes) -> bytes:
    """Seal `secret` so that only the holder of the private half opens it, under this `info`.

    CannotOpen where `public` is no key: nobody would open what is sealed to it.
    """
    try:
        recipient = hpke.MLKEM768X25519PublicKey(
            mlkem.MLKEM768PublicKey.from_public_bytes(public[:-32]),
            x25519.X25519PublicKey.from_public_bytes(public[-32:]),
        )
    except ValueError:
        raise CannotOpen("public key") from None
    return _HPKE.encrypt(secret, recipient, info=info)


# --- small secrets and objects ------------------------------------------------------
def wrap(key: bytes, secret: bytes, purpose: str) -> bytes:
    """Encrypt a small secret under a key, bound to its purpose: nonce (12) + ciphertext."""
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(key).encrypt(nonce, secret, purpose.encode())


def unwrap(key: bytes, wrapped: bytes, purpose: str) -> bytes:
    try:
        return AESGCM(key).decrypt(wrapped[:12], wrapped[12:], purpose.encode())
    except (InvalidTag, ValueError):
        raise CannotOpen("wrap") from None


def encrypt_object(key: bytes, record_id: str, object_id: str, plain: bytes) -> bytes:
    """Chunks of AES-256-GCM under HKDF(key, object id).

    Nonce = chunk index (11 bytes) + final flag; associated data = record id, object id, chunk: a
    chunk cannot be moved, dropped or taken for the last one. First plain byte: 0 as is, 1 deflate.
    """
    body = memoryview(_packed(plain))
    aead = AESGCM(derive(key, f"object/{object_id}"))
    count = -(-len(body) // CHUNK)
    out = io.BytesIO()
    for index in range(count):
        piece = body[index * CHUNK : (index + 1) * CHUNK]
        nonce, bound = _chunk(index, index == count - 1, record_id, object_id)
        out.write(aead.encrypt(nonce, piece, bound))
    return out.getvalue()


def decrypt_object(key: bytes, record_id: str, object_id: str, data: bytes) -> bytes:
    """The plain bytes; CannotOpen unless every chunk is whole and in its place."""
    aead = AESGCM(derive(key, f"object/{object_id}"))
    step = CHUNK + TAG
    sealed = memoryview(data)
    count = -(-len(sealed) // step)
    body = io.BytesIO()
    form = b""
    try:
        for index in range(count):
            nonce, bound = _chunk(index, index == count - 1, record_id, object_id)
            piece = aead.decrypt(nonce, sealed[index * step : (index + 1) * step], bound)
            if index == 0:
                form, piece = piece[:1], piece[1:]
            body.write(piece)
    except (InvalidTag, ValueError):
        raise CannotOpen("object") from None
    return _unpacked(form, body.getvalue())


def _chunk(index: int, final: bool, record_id: str, object_id: str) -> tuple[bytes, bytes]:
    nonce = index.to_bytes(11, "big") + (b"\x01" if final else b"\x00")
    return nonce, f"{record_id}/{object_id}/{index}".encode()


def _packed(plain: bytes) -> bytes:
    """Deflated where that helps; a piece from the middle tells of pictures that it does not."""
    middle = len(plain) // 2
    piece = plain[middle : middle + _TRIED]
    if len(plain) > 2 * _TRIED and len(zlib.compress(piece, 1)) > len(piece) * _WORTH:
        return b"\x00" + plain
    squeezed = zlib.compress(plain, 6)
    return b"\x01" + squeezed if len(squeezed) < len(plain) * _WORTH else b"\x00" + plain


def _unpacked(form: bytes, body: bytes) -> bytes:
    if form == b"\x00":
        return body
    if form != b"\x01":
        raise CannotOpen("object form")
    reader = zlib.decompressobj()
    try:
        plain = reader.decompress(body, LARGEST_OBJECT)
    except zlib.error:
        raise CannotOpen("deflate") from None
    if reader.unconsumed_tail or not reader.eof:
        raise CannotOpen("object too large")
    return plain
