"""The two ends of benchmarks/link.py: headquarters and a station of ours, and the PUT receiver."""

from __future__ import annotations

import ipaddress
import os
import secrets
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uuid_utils
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from benchmarks.linkrig import HEADQUARTERS
from migramovil.core import canonical, packet, sealing
from migramovil.core.queue import Counts, Waiting
from migramovil.core.record import Descriptor, Realm, ReceiptBody, Signed, Stamp
from migramovil.headquarters import server, setup
from migramovil.headquarters.store import Store
from migramovil.sync import https, wire
from migramovil.sync.engine import SyncEngine

PACKET_BYTES = 2_000_000
RECORD_BYTES = 4_000
URL = f"https://{HEADQUARTERS}:8443"


# --- headquarters ------------------------------------------------------------------------------
def headquarters(here: Path) -> None:
    data = here / "headquarters"
    setup.init(data, realm=Realm.TRAINING, url=URL)
    server.serve(data, host=HEADQUARTERS, port=8443, listening=lambda _: print("ready", flush=True))


# --- the station ---------------------------------------------------------------------------------
def packets(here: Path, count: int) -> None:
    """Enrol a new station and seal its packets: `station`, `transport`, `packets/`."""
    known = setup.descriptor(here / "headquarters")
    signer, kem, transport = sealing.Signer.new(), sealing.Opener.new(), sealing.Signer.new()
    token = secrets.token_bytes(wire.TOKEN_BYTES)
    books = Store(here / "headquarters" / server.BOOKS)
    books.add_station(
        name="Unidad",
        place="Lima",
        token_sha256=sealing.sha256(token),
        until=(datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds"),
    )
    books.close()
    person = wire.NewSupervisor(
        account=str(uuid_utils.uuid7()),
        username="quispe",
        signing=canonical.text(sealing.Signer.new().public),
        sealing=canonical.text(sealing.Opener.new().public),
    )
    asked = wire.EnrollRequest(
        token=canonical.text(token),
        realm=Realm.TRAINING,
        name="Unidad",
        signing=canonical.text(signer.public),
        sealing=canonical.text(kem.public),
        transport=canonical.text(transport.public),
        supervisor=person,
    )
    _, station, _ = https.enroll(known, asked, url=URL)
    folder = here / "packets"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for seq in range(1, count + 1):
        (folder / f"{seq:04d}").write_bytes(_sealed(known, station.station, seq, signer))
    (here / "station").write_text(station.station)
    (here / "transport").write_bytes(transport.dump())


def _sealed(known: Descriptor, station: str, seq: int, signer: sealing.Signer) -> bytes:
    made = packet.Draught(
        realm=Realm.TRAINING,
        station=station,
        epoch=1,
        seq=seq,
        record=str(uuid_utils.uuid7()),
        folio=f"01A-{seq:05d}",
        created=Stamp(utc="2026-11-23T12:00:00+00:00"),
        audit_head="0" * 64,
        software="0.1.0",
        record_body=os.urandom(RECORD_BYTES),
        objects={f"o{n}": os.urandom(PACKET_BYTES // 5) for n in range(5)},
    )
    publics = [canonical.from_text(known.operational), canonical.from_text(known.recovery)]
    return packet.build(made, sealing.new_key(), publics, signer)


class Line:
    """The station's line, in memory; a receipt is written down as it is filed."""

    def __init__(self, here: Path) -> None:
        self._receipts = here / "receipts"
        self._receipts.write_text("")
        self._rows: dict[str, tuple[Waiting, bytes]] = {}
        self._stored: set[str] = set()
        for file in sorted((here / "packets").iterdir()):
            data = file.read_bytes()
            header = packet.read_head(data).header
            one = Waiting(
                record=header.record,
                station=header.station,
                epoch=header.epoch,
                seq=header.seq,
                folio=header.folio,
                digest=sealing.sha256(data),
                size=len(data),
                sealed_utc=header.created.utc,
            )
            self._rows[one.record] = one, data

    def waiting(self, limit: int) -> Sequence[Waiting]:
        return [one for one, _ in self._rows.values() if one.record not in self._stored][:limit]

    def unconfirmed(self) -> Sequence[Waiting]:
        return [one for one, _ in self._rows.values() if one.record in self._stored]

    def disputed(self) -> Sequence[Waiting]:
        return []

    def packet(self, record: str) -> bytes:
        return self._rows[record][1]

    def file_receipt(self, record: str, signed: Signed, body: ReceiptBody) -> None:
        self._stored.add(record)
        with self._receipts.open("a") as out:
            out.write(f"{record}\n")

    def counts(self) -> Counts:
        sealed = len(self._rows) - len(self._stored)
        return Counts(sealed=sealed, stored=len(self._stored), opened=0, refused=0)


def station(here: Path) -> None:
    known = setup.descriptor(here / "headquarters")
    far = https.HttpsHeadquarters(
        known,
        (here / "station").read_text(),
        sealing.Signer.load((here / "transport").read_bytes()),
        realm=Realm.TRAINING,
        url=URL,
    )
    engine = SyncEngine(Line(here), far, known, clock=lambda: datetime.now(UTC))
    print("ready", flush=True)
    sys.stdin.readline()
    engine.start()
    if "LINK_TRACE" in os.environ:
        trace(engine, far)
    threading.Event().wait()


def trace(engine: SyncEngine, far: https.HttpsHeadquarters) -> None:
    """What it measures of the link, twice a second, on standard error."""
    while not threading.Event().wait(0.5):
        print(far.weather, engine.status, file=sys.stderr, flush=True)


# --- the PUT receiver -----------------------------------------------------------------------------
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def put(here: Path, folder: Path) -> None:
    """Stream each body to disk under the name in its path."""

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        file = folder / Path(scope["path"]).name
        with file.open("wb") as out:
            more = True
            while more:
                message = await receive()
                out.write(message.get("body", b""))
                out.flush()
                more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    uvicorn.run(
        app,
        host=HEADQUARTERS,
        port=8444,
        ssl_certfile=str(here / "tls.crt"),
        ssl_keyfile=str(here / "tls.key"),
        http="h11",
        lifespan="off",
        log_level="error",
        timeout_keep_alive=60,
    )


def certificate(here: Path, address: str) -> None:
    """A certificate for the peers' servers, like headquarters' own: ECDSA P-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peers")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    (here / "tls.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    (here / "tls.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    (here / "tls.key").chmod(0o600)


def main() -> None:
    what, here = sys.argv[1], Path(sys.argv[2])
    if what == "headquarters":
        headquarters(here)
    elif what == "packets":
        packets(here, int(sys.argv[3]))
    elif what == "station":
        station(here)
    elif what == "put":
        put(here, Path(sys.argv[3]))
    else:
        certificate(here, sys.argv[3])


if __name__ == "__main__":
    main()
