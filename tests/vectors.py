"""Makes docs/vectors: `python -m tests.vectors` writes them anew. Fixed keys, so fixed signatures.

What is sealed (HPKE) differs each time it is made; those vectors are kept and only ever opened.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from migramovil.core import canonical, downstream, letters, packet, recovery, sealing, support
from migramovil.core.record import Descriptor, Realm, ReceiptBody, ReceiptKind, Signed, Stamp
from migramovil.sync import wire

FOLDER = Path(__file__).parents[1] / "docs" / "vectors"
STATION = "01900000-0000-7000-8000-000000000001"
RECORD = "01900000-0000-7000-8000-0000000000aa"
UTC = "2026-11-23T12:00:00+00:00"


def signer(number: int) -> sealing.Signer:
    """An Ed25519 key whose 32 private bytes are all this number."""
    return sealing.Signer.load(bytes([number]) * 32)


def opener(number: int) -> sealing.Opener:
    """A KEM pair from seeds: 64 bytes for ML-KEM-768, 32 for X25519, all this number."""
    return sealing.Opener.load(bytes([number]) * 96)


STATION_KEY, TRANSPORT, ROOT, STORED, OPENED, REGISTRAR = map(signer, range(1, 7))
OPERATIONAL, RECOVERY, STATION_KEM, SUPPORT = opener(7), opener(8), opener(10), opener(11)
CONTENT_KEY = bytes([9]) * 32


def canonical_forms() -> list[dict[str, Any]]:
    """Values, and the only bytes they may be written as; and bytes that must be refused."""
    values: list[Any] = [
        {"b": 1, "a": [True, None, "ñ"]},
        {"é": "n\u0303", "tab": "\t", "quote": '"', "slash": "/", "line": "\u2028"},
        [0, -1, 2**53],
    ]
    good = [{"value": one, "bytes": canonical.encode(one).decode()} for one in values]
    bad = [
        '{"b":1,"a":2}',
        '{"a": 1}',
        '{"a":1.0}',
        '{"a":1,"a":1}',
        '{"a":"n\u0303"}',
        '{"a":1}\n',
    ]
    return [*good, *({"refused": one} for one in bad)]


def requests() -> list[dict[str, str]]:
    path = wire.part_path(STATION, RECORD, "0" * 64, 3)
    found = []
    for method, where, body in (
        ("POST", wire.RECEIPTS_PATH, canonical.encode(wire.AskReceipts(records=()))),
        ("PUT", path, b"a part"),
        ("GET", wire.DOWNSTREAM_PATH, b""),
    ):
        found.append(
            {
                "method": method,
                "path": where,
                "body": canonical.text(body),
                "signed": canonical.encode(
                    wire.RequestBody(method=method, path=where, body_sha256=sealing.sha256(body))
                ).decode(),
                wire.HEADER: wire.sign_request(STATION, TRANSPORT, method, where, body),
            }
        )
    return found


def codes() -> list[dict[str, str]]:
    token = bytes(range(wire.TOKEN_BYTES))
    code = wire.make_code(token, ROOT.public)
    return [
        {"token": token.hex(), "root": ROOT.public.hex(), "code": code},
        {"typed": code.lower().replace("0", "o").replace("-", " "), "same": code},
        {"refused": code[:-1] + ("0" if code[-1] != "0" else "2")},
    ]


def descriptor() -> Signed:
    body = Descriptor(
        realm=Realm.TRAINING,
        version=1,
        root=canonical.text(ROOT.public),
        stored_signer=canonical.text(STORED.public),
        opened_signer=canonical.text(OPENED.public),
        registrar=canonical.text(REGISTRAR.public),
        operational=canonical.text(OPERATIONAL.public),
        recovery=canonical.text(RECOVERY.public),
        tls_ca="-----BEGIN CERTIFICATE-----\n…",
        urls=("https://127.0.0.1:8443",),
        support=canonical.text(SUPPORT.public),
    )
    return Signed.by(ROOT, canonical.encode(body))


def objects() -> list[dict[str, str]]:
    """Chunks under the content key; plain text that deflates, and plain text that does not."""
    plains = {"record": b"migramovil " * 20, "a1": bytes(range(256)), "empty": b""}
    return [
        {
            "record": RECORD,
            "object": name,
            "content_key": CONTENT_KEY.hex(),
            "plain": canonical.text(plain),
            "sealed": canonical.text(sealing.encrypt_object(CONTENT_KEY, RECORD, name, plain)),
        }
        for name, plain in plains.items()
    ]


def noise(size: int) -> bytes:
    """Bytes that do not deflate: SHA-256 of 0, 1, 2 … (4 bytes, big-endian), joined and cut."""
    pieces = (hashlib.sha256(at.to_bytes(4, "big")).digest() for at in range(-(-size // 32)))
    return b"".join(pieces)[:size]


def chunks() -> list[dict[str, Any]]:
    """Objects of noise around the edges of chunks, too large to write out: by their hashes."""
    found = []
    for size in (65_535, 65_536, 140_000):
        sealed = sealing.encrypt_object(CONTENT_KEY, RECORD, "a1", noise(size))
        found.append(
            {
                "record": RECORD,
                "object": "a1",
                "content_key": CONTENT_KEY.hex(),
                "noise": size,
                "plain_sha256": sealing.sha256(noise(size)),
                "sealed_size": len(sealed),
                "sealed_sha256": sealing.sha256(sealed),
            }
        )
    return found


def sealed_packet() -> dict[str, str]:
    """A whole packet. Its content key is sealed anew each time: kept, and opened by the test."""
    made = packet.Draught(
        realm=Realm.TRAINING,
        station=STATION,
        epoch=1,
        seq=1,
        record=RECORD,
        folio="01A-20261123-00001-0",
        created=Stamp(utc=UTC, uncertainty_s=2),
        audit_head="0" * 64,
        software="0.1.0",
        record_body=canonical.encode({"format": "migramovil/record/1"}),
        objects={"a1": b"a picture"},
    )
    publics = [OPERATIONAL.public, RECOVERY.public]
    data = packet.build(made, CONTENT_KEY, publics, STATION_KEY)
    return {"packet": canonical.text(data), "digest": sealing.sha256(data)}


def announcement(data: bytes) -> str:
    said = wire.announce(data, packet.read_head(data), sealing.sha256(data))
    return canonical.encode(said).decode()


def chain(digest: str, size: int) -> list[dict[str, str]]:
    """A record stored, refused, taken up again, stored anew, and opened."""
    words: list[tuple[ReceiptKind, str]] = [
        ("stored", ""),
        ("refused", "HQ-05 finish approval"),
        ("retry", "se revisa"),
        ("stored", ""),
        ("opened", ""),
    ]
    previous, found = "", []
    for serial, (kind, reason) in enumerate(words, 1):
        body = canonical.encode(
            ReceiptBody(
                kind=kind,
                realm=Realm.TRAINING,
                station=STATION,
                epoch=1,
                seq=1,
                record=RECORD,
                digest=digest,
                size=size,
                time=UTC,
                serial=serial,
                previous=previous,
                reason=reason,
                audit_head="0" * 64,
            )
        )
        previous = sealing.sha256(body)
        by = STORED if kind == "stored" else OPENED
        found.append(
            {"clear": body.decode(), "receipt": canonical.encode(Signed.by(by, body)).decode()}
        )
    return found


def letter() -> dict[str, str]:
    """A letter without secrets, and its answer."""
    data = letters.write(
        STATION_KEY,
        realm=Realm.TRAINING,
        station=STATION,
        letter="holdings-1",
        kind="holdings",
        utc=UTC,
        clear=b"{}",
    )
    answer = letters.answer(STORED, data, letters.read(data))
    return {"letter": data.decode(), "answer": canonical.encode(answer).decode()}


def spoken() -> list[dict[str, Any]]:
    secret = bytes(range(32))
    said = recovery.masked(secret, STATION, 7, "quispe")
    return [
        {
            "secret": secret.hex(),
            "station": STATION,
            "number": 7,
            "username": "quispe",
            "lines": list(recovery.spell(said)),
        }
    ]


def published() -> list[dict[str, str]]:
    """A list for all, and one about people for one station (sealed anew each time: kept)."""
    words = [{"record": RECORD, "folio": "01A-00001", "decided": UTC, "words": "Aprobado"}]
    whole = downstream.Kind.COUNTRIES, "PER,Perú\nVEN,Venezuela\n".encode()
    one = downstream.Kind.DECISIONS, canonical.encode(words)
    found = []
    for (kind, content), to in ((whole, b""), (one, STATION_KEM.public)):
        made = downstream.publish(
            content, REGISTRAR, realm=Realm.TRAINING, kind=kind, version=3, issued=UTC,
            station=STATION if to else "", recipient=to,
        )  # fmt: skip
        found.append(
            {
                "manifest": canonical.encode(made.signed).decode(),
                "body": canonical.text(made.body),
                "content": content.decode(),
            }
        )
    return found


def reports() -> list[dict[str, Any]]:
    """A report for support (sealed anew each time: kept), and what headquarters says to it."""
    content = {"format": support.CONTENT_FORMAT, "wrong": [{"code": "PRN-02", "where": "printer"}]}
    made = support.seal(
        SUPPORT.public, content, realm=Realm.TRAINING, station=STATION, utc=UTC
    )  # fmt: skip
    said = support.answer(STORED, made, realm=Realm.TRAINING, station=STATION)
    told = {"report": made.decode(), "content": content, "answer": canonical.encode(said).decode()}
    return [told]


def keys() -> dict[str, Any]:
    """Every key of these vectors: private halves in hex, so that anybody can make them."""
    signers = {
        "station": STATION_KEY, "transport": TRANSPORT, "root": ROOT, "stored": STORED,
        "opened": OPENED, "registrar": REGISTRAR,
    }  # fmt: skip
    kems = {
        "operational": OPERATIONAL, "recovery": RECOVERY, "station": STATION_KEM,
        "support": SUPPORT,
    }  # fmt: skip
    return {
        "ed25519": {
            name: {"private": one.dump().hex(), "public": one.public.hex()}
            for name, one in signers.items()
        },
        "mlkem768x25519": {
            name: {"private": one.dump().hex(), "public": one.public.hex(),
                   "id": sealing.key_id(one.public)}
            for name, one in kems.items()
        },
        "content_key": CONTENT_KEY.hex(),
    }  # fmt: skip


def fixed() -> dict[str, Any]:
    """Every vector that comes out the same each time, by file name."""
    return {
        "keys": keys(),
        "canonical": canonical_forms(),
        "requests": requests(),
        "codes": codes(),
        "descriptor": json.loads(canonical.encode(descriptor())),
        "chunks": chunks(),
        "letter": letter(),
        "spoken": spoken(),
    }


def written(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def write(name: str, value: Any) -> None:
    told = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True)
    (FOLDER / f"{name}.json").write_text(told + "\n", encoding="utf-8")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, value in fixed().items():
        write(name, value)
    write("objects", objects())  # deflated bytes may differ between libraries; all of them open
    made = sealed_packet()
    data = canonical.from_text(made["packet"])
    write("packet", {**made, "announce": announcement(data)})
    write("receipts", chain(made["digest"], len(data)))
    write("downstream", published())
    write("support", reports())


if __name__ == "__main__":
    main()
