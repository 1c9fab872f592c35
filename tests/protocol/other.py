"""A second station, and a reader of everything a headquarters says, written from docs/protocol.md
alone: it imports nothing of the program, so whatever it needs to know, the document has to say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import secrets
import ssl
import struct
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SUITE = "ed25519+mlkem768x25519+aes256gcm/1"
MAGIC = b"MMPKT1\n"
CHUNK = 64 * 1024
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
Body = dict[str, Any]


class Wrong(Exception):  # noqa: N818 - what the other side said is not true
    """What came is not what the protocol says it must be."""


def demand(holds: bool, what: str) -> None:
    if not holds:
        raise Wrong(what)


# --- 1. forms -----------------------------------------------------------------------------------
def encode(value: Any) -> bytes:
    """Canonical JSON."""
    said = json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return said.encode()


def decode(data: bytes) -> Any:
    try:
        found = json.loads(data, parse_float=_no_float, object_pairs_hook=_no_doubles)
    except ValueError:
        raise Wrong("json") from None
    demand(encode(found) == data, "not canonical")
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, Mapping):
        return {_plain(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    demand(value is None or isinstance(value, int), "kind of value")
    return value


def _no_float(_: str) -> Any:
    raise Wrong("float")


def _no_doubles(pairs: list[tuple[str, Any]]) -> Body:
    demand(len(dict(pairs)) == len(pairs), "twice the same key")
    return dict(pairs)


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def from_text(said: str) -> bytes:
    return base64.b64decode(said, validate=True)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def signed(key: Ed25519PrivateKey, body: bytes) -> Body:
    return {
        "body": text(body),
        "public_key": text(key.public_key().public_bytes_raw()),
        "signature": text(key.sign(body)),
    }


def utc() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def uuid7() -> str:
    now = int(datetime.now(UTC).timestamp() * 1000)
    number = now << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 7 << 76  # version
    number = number & ~(3 << 62) | 2 << 62  # variant
    said = f"{number:032x}"
    return "-".join((said[:8], said[8:12], said[12:16], said[16:20], said[20:]))


def verified(said: Body, public: bytes, form: str) -> Body:
    """The body, if this key signed it and it is of this form."""
    body = from_text(said["body"])
    Ed25519PublicKey.from_public_bytes(public).verify(from_text(said["signature"]), body)
    found: Body = decode(body)
    demand(found["format"] == form, "format")
    return found


def key_id(public: bytes) -> str:
    return sha256(public)[:32]


@dataclass(frozen=True)
class Kem:
    """ML-KEM-768 and X25519 side by side: 64 bytes of seed, 32 of private key."""

    lattice: MLKEM768PrivateKey
    curve: X25519PrivateKey

    @staticmethod
    def new() -> Kem:
        return Kem(MLKEM768PrivateKey.generate(), X25519PrivateKey.generate())

    @staticmethod
    def of(private: bytes) -> Kem:
        return Kem(
            MLKEM768PrivateKey.from_seed_bytes(private[:64]),
            X25519PrivateKey.from_private_bytes(private[64:]),
        )

    @property
    def public(self) -> bytes:
        return (
            self.lattice.public_key().public_bytes_raw()
            + self.curve.public_key().public_bytes_raw()
        )

    def open(self, sealed: bytes, info: bytes) -> bytes:
        first, second, ciphertext = sealed[:1088], sealed[1088:1120], sealed[1120:]
        theirs = X25519PublicKey.from_public_bytes(second)
        shared = _mixed(
            self.lattice.decapsulate(first),
            self.curve.exchange(theirs),
            second,
            self.public[1184:],
        )
        key, nonce = _schedule(shared, info)
        return AESGCM(key).decrypt(nonce, ciphertext, b"")


def seal(public: bytes, info: bytes, plain: bytes) -> bytes:
    ours, theirs = X25519PrivateKey.generate(), X25519PublicKey.from_public_bytes(public[1184:])
    one, first = MLKEM768PublicKey.from_public_bytes(public[:1184]).encapsulate()
    second = ours.public_key().public_bytes_raw()
    key, nonce = _schedule(_mixed(one, ours.exchange(theirs), second, public[1184:]), info)
    return first + second + AESGCM(key).encrypt(nonce, plain, b"")


def _mixed(lattice: bytes, curve: bytes, sent: bytes, public: bytes) -> bytes:
    return hashlib.sha3_256(lattice + curve + sent + public + rb"\.//^" + b"\\").digest()


_HPKE = b"HPKE" + struct.pack(">HHH", 0x647A, 1, 2)


def _schedule(shared: bytes, info: bytes) -> tuple[bytes, bytes]:
    """RFC 9180, base mode: (key, nonce) of the only message."""

    def extract(salt: bytes, label: bytes, data: bytes) -> bytes:
        return hmac.digest(salt, b"HPKE-v1" + _HPKE + label + data, "sha256")

    def expand(label: bytes, size: int) -> bytes:
        told = struct.pack(">H", size) + b"HPKE-v1" + _HPKE + label + context + b"\1"
        return hmac.digest(secret, told, "sha256")[:size]

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    return expand(b"key", 32), expand(b"base_nonce", 12)


# --- 2. the enrolment code ----------------------------------------------------------------------
def read_code(typed: str) -> tuple[bytes, bytes]:
    """(token, the first half of the root key's hash)."""
    letters = "".join(typed.upper().replace("-", "").split()).translate(str.maketrans("OIL", "011"))
    demand(len(letters) == 45, "length")
    number = 0
    for letter in letters:
        demand(letter in CROCKFORD, "letter")
        number = number * 32 + CROCKFORD.index(letter)
    demand(number < 1 << 224, "range")
    data = number.to_bytes(28, "big")
    demand(hashlib.sha256(b"migramovil/code/1\n" + data[:26]).digest()[:2] == data[26:], "check")
    return data[:10], data[10:26]


# --- 5. objects and packets ---------------------------------------------------------------------
def object_key(content_key: bytes, name: str) -> bytes:
    derived = HKDF(hashes.SHA256(), 32, None, b"object/" + name.encode())
    return derived.derive(content_key)


def seal_object(content_key: bytes, record: str, name: str, plain: bytes) -> bytes:
    packed = b"\1" + zlib.compress(plain)
    shown = packed if len(packed) <= len(plain) else b"\0" + plain
    cipher = AESGCM(object_key(content_key, name))
    pieces = [shown[at : at + CHUNK] for at in range(0, len(shown), CHUNK)]
    return b"".join(
        cipher.encrypt(_nonce(at, at == len(pieces) - 1), piece, f"{record}/{name}/{at}".encode())
        for at, piece in enumerate(pieces)
    )


def open_object(content_key: bytes, record: str, name: str, sealed: bytes) -> bytes:
    cipher, step = AESGCM(object_key(content_key, name)), CHUNK + 16
    pieces = [sealed[at : at + step] for at in range(0, len(sealed), step)]
    shown = b"".join(
        cipher.decrypt(_nonce(at, at == len(pieces) - 1), piece, f"{record}/{name}/{at}".encode())
        for at, piece in enumerate(pieces)
    )
    demand(shown[:1] in (b"\0", b"\1"), "form")
    return zlib.decompress(shown[1:]) if shown[0] else shown[1:]


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def key_info(realm: str, station: str, record: str, recipient: str) -> bytes:
    return f"migramovil/packet/1\n{realm}\n{station}\n{record}\n{recipient}".encode()


@dataclass(frozen=True)
class Packet:
    header: Body
    front: tuple[bytes, bytes, bytes]  # header, signature, keys
    whole: bytes

    @property
    def digest(self) -> str:
        return sha256(self.whole)

    @property
    def name(self) -> tuple[str, str]:
        return self.header["station"], self.header["record"]


def build(
    header: Body, content_key: bytes, objects: Mapping[str, bytes], recipients: Sequence[bytes],
    signer: Ed25519PrivateKey,
) -> Packet:  # fmt: skip
    """`header` without what is computed here."""
    realm, station, record = header["realm"], header["station"], header["record"]
    ids = [key_id(public) for public in recipients]
    keys = encode([
        {"recipient": one, "sealed": text(
            seal(public, key_info(realm, station, record, one), content_key))}
        for one, public in zip(ids, recipients, strict=True)
    ])  # fmt: skip
    sealed = {name: seal_object(content_key, record, name, one) for name, one in objects.items()}
    listed = [{"id": name, "size": len(one), "sha256": sha256(one)} for name, one in sealed.items()]
    full = {**header, "format": "migramovil/packet/1", "suite": SUITE, "recipients": ids,
            "keys_sha256": sha256(keys), "objects": listed}  # fmt: skip
    said = encode(full)
    signature = signer.sign(said)
    return Packet(full, (said, signature, keys), b"".join((
        MAGIC, struct.pack(">I", len(said)), said, signature, struct.pack(">I", len(keys)), keys,
        *sealed.values(),
    )))  # fmt: skip


def read_packet(whole: bytes, signing: bytes) -> Packet:
    """A packet whose signature, sizes and hashes hold."""
    demand(whole.startswith(MAGIC), "magic")
    said, at = _block(whole, len(MAGIC))
    signature, at = whole[at : at + 64], at + 64
    keys, at = _block(whole, at)
    Ed25519PublicKey.from_public_bytes(signing).verify(signature, said)
    header = decode(said)
    demand(header["format"] == "migramovil/packet/1", "format")
    demand(header["suite"] == SUITE, "suite")
    demand(header["keys_sha256"] == sha256(keys), "keys")
    demand([one["recipient"] for one in decode(keys)] == header["recipients"], "recipients")
    demand(header["objects"][0]["id"] == "record", "first object")
    for one in header["objects"]:
        piece, at = whole[at : at + one["size"]], at + one["size"]
        demand(sha256(piece) == one["sha256"], "object")
    demand(at == len(whole), "end")
    return Packet(header, (said, signature, keys), whole)


def open_packet(packet: Packet, kem: Kem) -> dict[str, bytes]:
    """Every object in clear, by its id."""
    header, mine = packet.header, key_id(kem.public)
    info = key_info(header["realm"], header["station"], header["record"], mine)
    sealed = next(one["sealed"] for one in decode(packet.front[2]) if one["recipient"] == mine)
    content_key, opened = kem.open(from_text(sealed), info), {}
    at = len(packet.whole) - sum(one["size"] for one in header["objects"])
    for one in header["objects"]:
        piece, at = packet.whole[at : at + one["size"]], at + one["size"]
        opened[one["id"]] = open_object(content_key, header["record"], one["id"], piece)
    return opened


def _block(data: bytes, at: int) -> tuple[bytes, int]:
    end = at + 4 + int.from_bytes(data[at : at + 4], "big")
    return data[at + 4 : end], end


# --- 7. receipts --------------------------------------------------------------------------------
def read_receipts(said: list[Body], known: Body, packet: Packet) -> list[Body]:
    """The receipts of this packet, each signed by the key of its kind, in the order of serials."""
    found = []
    for one in said:
        kind = decode(from_text(one["body"]))["kind"]
        key = known["stored_signer" if kind == "stored" else "opened_signer"]
        body = verified(one, from_text(key), "migramovil/receipt/1")
        expected = {name: packet.header[name] for name in
                    ("realm", "station", "epoch", "seq", "record", "audit_head")}  # fmt: skip
        expected |= {"digest": packet.digest, "size": len(packet.whole)}
        demand({name: body[name] for name in expected} == expected, "another packet's receipt")
        found.append(body)
    demand([one["serial"] for one in found] == sorted(one["serial"] for one in found), "order")
    return found


def check_chain(said: list[Body]) -> None:
    """All receipts of one station: serials 1, 2, 3 … and each names the one before."""
    before = ""
    bodies = [from_text(one["body"]) for one in said]
    for at, body in enumerate(sorted(bodies, key=lambda one: decode(one)["serial"]), 1):
        demand(decode(body)["serial"] == at, "serial")
        demand(decode(body)["previous"] == before, "previous")
        before = sha256(body)


# --- 8. letters ---------------------------------------------------------------------------------
def read_answer(said: Body, letter: bytes, stored: bytes) -> Body:
    """What headquarters answered to exactly this letter."""
    told = verified(said, stored, "migramovil/answer/1")
    asked = decode(from_text(decode(letter)["body"]))
    demand(told["body_sha256"] == sha256(letter), "another letter")
    demand(told["letter"] == asked["id"], "another letter")
    return told


# --- 9, 10, 11. what comes down, sticks, recovery by voice --------------------------------------
def read_manifest(said: Body, known: Body, station: str) -> Body:
    """A manifest that is for this station."""
    body = verified(said, from_text(known["registrar"]), "migramovil/downstream/1")
    demand(body["realm"] == known["realm"], "realm")
    demand(body["station"] in ("", station), "for another station")
    return body


def read_published(manifest: Body, data: bytes, kem: Kem) -> bytes:
    """The content in clear."""
    demand((len(data), sha256(data)) == (manifest["size"], manifest["sha256"]), "bytes")
    if not manifest["key"]:
        return zlib.decompress(data)
    name = f"{manifest['kind']}/{manifest['version']}"
    about = ("migramovil/downstream/1", manifest["realm"], manifest["station"], name)
    info = "\n".join((*about, key_id(kem.public))).encode()
    return open_object(kem.open(from_text(manifest["key"]), info), manifest["station"], name, data)


def stick_home(station: str) -> str:
    return f"migramovil-usb/{sha256(station.encode())[:16]}"


def read_spoken(lines: Sequence[str], station: str, number: int, username: str) -> bytes:
    """The spare secret that was read out."""
    whole = 0
    for line in lines:
        said = [CROCKFORD.index(letter) for letter in line.replace(" ", "")]
        weight, check = 1, 0
        for one in said[:-1]:
            weight = _times(weight, 2)
            check ^= _times(weight, one)
            whole = whole << 5 | one
        demand(check == said[-1], "line")
    masked = (whole >> 4).to_bytes(32, "big")
    seal_of = hashlib.sha256(b"migramovil/spoken/1\n" + masked).digest()[0] & 15
    demand(seal_of == whole & 15, "lines")
    bound = f"migramovil/spoken/1\n{station}\n{number}\n{username.strip().casefold()}".encode()
    mask = hashlib.sha256(bound).digest()
    return bytes(one ^ other for one, other in zip(masked, mask, strict=True))


def _times(one: int, other: int) -> int:
    """In GF(32) with x⁵ + x² + 1."""
    product = 0
    for at in range(5):
        if other >> at & 1:
            product ^= one << at
    for at in range(9, 4, -1):
        if product >> at & 1:
            product ^= 0b100101 << (at - 5)
    return product


# --- 3, 4, 6. a station -------------------------------------------------------------------------
@dataclass
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return decode(self.body)


class Line:
    """HTTP/1.1 over TLS 1.3; with no authority, nothing is believed of the other side."""

    def __init__(self, url: str, authority: str = "") -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if authority:
            context.load_verify_locations(cadata=authority)
            context.verify_flags |= 0x200000  # X509_V_FLAG_NO_CHECK_TIME: clocks lie
        else:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        at = urlsplit(url)
        self._line = http.client.HTTPSConnection(
            at.hostname or "", at.port, context=context, timeout=20
        )

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        self._line.request(method, path, body, dict(headers or {}))
        came = self._line.getresponse()
        told = {name.lower(): value for name, value in came.getheaders()}
        return Answer(came.status, came.read(), told)

    def certificate(self) -> x509.Certificate:
        assert isinstance(self._line.sock, ssl.SSLSocket)
        return x509.load_der_x509_certificate(self._line.sock.getpeercert(True) or b"")

    def close(self) -> None:
        self._line.close()


@dataclass
class Station:
    """Keys made here; `known` and `line` once headquarters has proven itself."""

    url: str
    signer: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    transport: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    kem: Kem = field(default_factory=Kem.new)
    boss: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    boss_kem: Kem = field(default_factory=Kem.new)
    boss_id: str = field(default_factory=uuid7)
    known: Body = field(default_factory=dict)
    me: Body = field(default_factory=dict)
    account: Body = field(default_factory=dict)  # the supervisor's AccountBody, Signed
    seq: int = 0
    records: list[str] = field(default_factory=list)
    _line: Line | None = None

    def enroll(self, code: str, realm: str = "training") -> None:
        token, half = read_code(code)
        stranger = Line(self.url)
        said = stranger.ask("GET", "/v1/headquarters").json
        stranger.close()
        root = from_text(said["public_key"])
        demand(hashlib.sha256(root).digest()[:16] == half, "somebody else's root key")
        self.known = verified(said, root, "migramovil/headquarters/1")
        demand(from_text(self.known["root"]) == root, "root")
        demand(self.known["realm"] == realm, "realm")
        self.check_time()
        answer = self.line.ask("POST", "/v1/enroll", encode(self.request(token, realm)))
        demand(answer.status == 200, f"enrolment {answer.status} {answer.body!r}")
        registrar = from_text(self.known["registrar"])
        self.me = verified(answer.json["station"], registrar, "migramovil/station/1")
        for name, key in (("signing", self.signer), ("transport", self.transport)):
            demand(from_text(self.me[name]) == key.public_key().public_bytes_raw(), name)
        self.account = answer.json["account"]
        person = verified(self.account, registrar, "migramovil/account/1")
        demand((person["account"], person["role"]) == (self.boss_id, "supervisor"), "account")

    def request(self, token: bytes, realm: str) -> Body:
        return {
            "token": text(token),
            "realm": realm,
            "name": "Otra",
            "signing": text(self.signer.public_key().public_bytes_raw()),
            "sealing": text(self.kem.public),
            "transport": text(self.transport.public_key().public_bytes_raw()),
            "supervisor": {
                "account": self.boss_id,
                "username": "otra",
                "signing": text(self.boss.public_key().public_bytes_raw()),
                "sealing": text(self.boss_kem.public),
            },
        }

    @property
    def id(self) -> str:
        return str(self.me["station"])

    @property
    def line(self) -> Line:
        if self._line is None:
            self._line = Line(self.url, self.known["tls_ca"])
        return self._line

    def hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def check_time(self) -> datetime:
        """Headquarters' own time, at which both certificates are valid."""
        nonce = secrets.token_hex(16)
        said = self.line.ask("POST", "/v1/ping", encode({"nonce": nonce})).json
        told = verified(said, from_text(self.known["stored_signer"]), "migramovil/time/1")
        demand(told["nonce"] == nonce, "nonce")
        demand(told["realm"] == self.known["realm"], "realm")
        now = datetime.fromisoformat(told["utc"])
        authority = x509.load_pem_x509_certificate(self.known["tls_ca"].encode())
        for one in (authority, self.line.certificate()):
            demand(one.not_valid_before_utc <= now <= one.not_valid_after_utc, "dates")
        return now

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """A request that says who carries it."""
        said = encode({"format": "migramovil/request/1", "method": method, "path": path,
                       "body_sha256": sha256(body)})  # fmt: skip
        mark = f"{self.id};{text(self.transport.sign(said))}"
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.line.ask(method, path, body, {"X-Migramovil": mark, **more})

    # --- packets
    @property
    def supervisor(self) -> Body:
        """Her account, vouched for by the registrar."""
        body = decode(from_text(self.account["body"]))
        return {"body": body, "vouched": self.account, "by": ""}

    def packet(
        self, inside: Body, objects: Mapping[str, bytes], *,
        finisher: Ed25519PrivateKey | None = None, chain: Sequence[Body] = (),
    ) -> Packet:  # fmt: skip
        """Sealed to headquarters; `inside` is applicant and content, signed by the supervisor, or
        by the finisher whose account begins the chain."""
        record, by = inside["content"]["record"], list(chain) or [self.supervisor]
        self.seq += 1
        self.records.append(record)
        recipients = [from_text(self.known[name]) for name in ("operational", "recovery")]
        finish = {
            "format": "migramovil/act/1", "act": "finish", "suite": SUITE, "utc": utc(),
            "realm": self.known["realm"], "station": self.id, "record": record,
            "recipients": [key_id(one) for one in recipients], "account": by[0]["body"]["account"],
            "content_sha256": sha256(encode(inside)),
        }  # fmt: skip
        approval = {"signed": signed(finisher or self.boss, encode(finish)), "chain": by}
        body = encode({"format": "migramovil/record/1", **inside, "approvals": [approval]})
        header = {
            "realm": self.known["realm"], "station": self.id, "epoch": self.me["epoch"],
            "seq": self.seq, "record": record, "folio": f"{self.me['code']}-{self.seq:05d}",
            "created": {"utc": utc(), "uncertainty_s": None}, "supersedes": "",
            "audit_head": "0" * 64, "software": "otra 1",
        }  # fmt: skip
        return build(header, os.urandom(32), {"record": body, **objects}, recipients, self.signer)

    def announce(self, packet: Packet, part_size: int = CHUNK) -> Answer:
        header, signature, keys = packet.front
        said = {
            "header": text(header), "signature": text(signature), "keys": text(keys),
            "digest": packet.digest, "size": len(packet.whole), "part_size": part_size,
            "parts": [sha256(one) for one in cut(packet.whole, part_size)],
        }  # fmt: skip
        return self.ask("POST", "/v1/packets", encode(said))

    def bring(self, packet: Packet, part_size: int = CHUNK) -> list[Body]:
        """Announce, bring what is missing, complete: its receipts, verified."""
        answer = self.announce(packet, part_size)
        parts = cut(packet.whole, part_size)
        while answer.status == 202:
            for number in answer.json["parts"]:
                put = self.ask("PUT", f"{place(packet)}/parts/{number}", parts[number])
                demand(put.status == 200, f"part {put.status}")
            answer = self.ask("POST", f"{place(packet)}/complete")
        demand(answer.status == 200, f"complete {answer.status}")
        return read_receipts(answer.json["receipts"], self.known, packet)

    def receipts(self, packet: Packet) -> list[Body]:
        said = encode({"records": [list(packet.name)]})
        answer = self.ask("POST", "/v1/receipts", said)
        return read_receipts(answer.json["receipts"], self.known, packet)

    # --- letters
    def letter(self, name: str, kind: str, clear: bytes) -> bytes:
        """A letter without a secret."""
        said = {
            "format": "migramovil/letter/1", "realm": self.known["realm"], "station": self.id,
            "id": name, "kind": kind, "utc": utc(), "clear": text(clear), "sealed": [],
        }  # fmt: skip
        return encode(signed(self.signer, encode(said)))

    def post(self, letter: bytes) -> Body:
        """Headquarters' answer."""
        answer = self.ask("POST", "/v1/letters", letter)
        demand(answer.status == 200, f"letter {answer.status} {answer.body!r}")
        return read_answer(answer.json, letter, from_text(self.known["stored_signer"]))

    # --- what is published
    def published(self) -> dict[str, bytes]:
        """Everything there is for this station, in clear, by kind."""
        found = {}
        for said in self.ask("GET", "/v1/downstream").json["manifests"]:
            manifest = read_manifest(said, self.known, self.id)
            at, count = f"/v1/downstream/{manifest['sha256']}/parts", -(-manifest["size"] // CHUNK)
            data = b"".join(self.ask("GET", f"{at}/{number}").body for number in range(count))
            found[manifest["kind"]] = read_published(manifest, data, self.kem)
        return found


def place(packet: Packet) -> str:
    return f"/v1/packets/{packet.name[0]}/{packet.name[1]}/{packet.digest}"


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]
