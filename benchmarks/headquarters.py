"""What receiving costs, in one run: `python -m benchmarks.headquarters [--json] [--small]`.

packets_per_s   2 MB packets a second that got their `stored` receipt: announced, brought, checked
                whole, flushed, written into the books, signed; over TLS, by 8 connections
ratio           that, against a bare uvicorn app that writes a PUT to disk and flushes it: same TLS,
                same bytes, same client, the two taken by turns; medians of the rounds
rss_mb          the most memory the receiver held over all of it, 2,000 packets at the end

And beside those: bare_per_s; full_per_s, the same as packets_per_s with 100,000 records already in
the books, also by turns; growth_mb, what memory grew by from the 200th of the 2,000 packets to the
last. Client and server share the cores.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import re
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uuid_utils
import uvicorn

from migramovil.core import canonical, packet, sealing
from migramovil.core.packet import Draught
from migramovil.core.record import Descriptor, Realm, Stamp
from migramovil.headquarters import server, setup
from migramovil.headquarters.store import PACKETS, RECEIPTS, Enrolled, Store
from migramovil.sync import wire

STATION = "0192aaaa-0000-7000-8000-000000000001"
UTC = "2026-01-01T00:00:00+00:00"
PACKET_BYTES = 2_000_000
LANES = 8
BARE = "--bare"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    packets: int  # of a round
    rounds: int
    rows: int
    long: int


WHOLE = Size(packets=150, rounds=3, rows=100_000, long=2_000)
SMALL = Size(packets=16, rounds=1, rows=1_000, long=48)


def main() -> int:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("--json", action="store_true", help="one JSON object")
    ask.add_argument("--small", action="store_true", help="a few packets: only whether it runs")
    told = ask.parse_args()
    found = measure(SMALL if told.small else WHOLE)
    if told.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:16} {value}")
    return 0


def measure(size: Size) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="migramovil-bench-") as folder:
        place, full = Place(Path(folder) / "hq"), Place(Path(folder) / "full")
        full.fill(size.rows)
        with (
            place.receiving() as ours,
            full.receiving() as filled,
            bare(place, Path(folder) / "bare") as other,
        ):
            turns = {
                "ours": lambda count: receive(place, ours.port, count),
                "bare": lambda count: put(place, other.port, count),
                "full": lambda count: receive(full, filled.port, count),
            }
            rates = by_turns(turns, size)
            growth = long_run(place, ours, size.long)
            rss = ours.peak_mb()
    return {
        "store": "sqlite+folder",
        "packets_per_s": round(rates["ours"], 1),
        "ratio": round(rates["ours"] / rates["bare"], 2),
        "rss_mb": round(rss),
        "bare_per_s": round(rates["bare"], 1),
        "full_per_s": round(rates["full"], 1),
        "growth_mb": round(growth, 1),
    }


def by_turns(turns: Mapping[str, Callable[[int], float]], size: Size) -> dict[str, float]:
    """The median rate of each, all taken by turns after all are warm."""
    for one in turns.values():
        one(LANES)
    rounds = [{name: one(size.packets) for name, one in turns.items()} for _ in range(size.rounds)]
    return {name: statistics.median(each[name] for each in rounds) for name in turns}


def long_run(place: Place, ours: Running, count: int) -> float:
    """How many MB the receiver grew by after the first tenth."""
    step, before = count // 10, 0.0
    for at in range(10):
        receive(place, ours.port, step)
        if at == 0:
            before = ours.rss_mb()
    return ours.rss_mb() - before


# --- headquarters, and the one beside it ---------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    pid: int
    port: int

    def rss_mb(self) -> float:
        return self._status("VmRSS")

    def peak_mb(self) -> float:
        return self._status("VmHWM")

    def _status(self, name: str) -> float:
        told = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"{name}:\s+(\d+) kB", told)
        return int(found.group(1)) / 1024 if found else 0.0


class Place:
    """A headquarters that knows one station, and that station's keys."""

    def __init__(self, data: Path) -> None:
        self.data = data
        setup.init(data, realm=Realm.TRAINING, url="https://127.0.0.1:8443")
        self.known: Descriptor = setup.descriptor(data)
        self.signer, self.transport = sealing.Signer.new(), sealing.Signer.new()
        self.seq = 0
        with self.books() as store:
            store.add_station(name="Uno", place="Lima", token_sha256="0", until="2099")  # noqa: S106
            store.enroll(
                "0",
                Enrolled(
                    station=STATION,
                    signing=canonical.text(self.signer.public),
                    transport=canonical.text(self.transport.public),
                    request_sha256="r",
                    answer="{}",
                ),
            )

    @contextmanager
    def books(self) -> Iterator[Store]:
        store = Store(self.data / server.BOOKS)
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def receiving(self) -> Iterator[Running]:
        asked = [sys.executable, "-m", "migramovil", "hq", "serve", "--data", str(self.data)]
        with _process([*asked, "--port", "0"]) as running:
            yield running

    def fill(self, rows: int) -> None:
        """So many records from long ago into the books, opened."""
        numbers = range(1_000_000, 1_000_000 + rows)
        with self.books() as store, store.write() as connection:
            connection.execute(sa.insert(PACKETS), [_old_packet(n) for n in numbers])
            for kind in (0, 1):
                connection.execute(sa.insert(RECEIPTS), [_old_receipts(n)[kind] for n in numbers])

    def packet(self) -> tuple[str, str, bytes]:
        """A new sealed packet: record, digest, bytes."""
        self.seq += 1
        record = str(uuid_utils.uuid7())
        made = Draught(
            realm=Realm.TRAINING,
            station=STATION,
            epoch=1,
            seq=self.seq,
            record=record,
            folio=f"F-{self.seq}",
            created=Stamp(utc=UTC),
            audit_head="0" * 64,
            software="bench",
            record_body=b"{}",
            objects={"a1": os.urandom(PACKET_BYTES - 3_500)},
        )
        publics = [
            canonical.from_text(one) for one in (self.known.operational, self.known.recovery)
        ]
        data = packet.build(made, sealing.new_key(), publics, self.signer)
        return record, sealing.sha256(data), data

    def asked(self, method: str, path: str, body: bytes) -> tuple[str, str, bytes, dict[str, str]]:
        signed = wire.sign_request(STATION, self.transport, method, path, body)
        return method, path, body, {wire.HEADER: signed}


Request = tuple[str, str, bytes, dict[str, str]]


def _old_packet(n: int) -> dict[str, Any]:
    return {
        "station": STATION, "record": f"old-{n}", "epoch": 1, "seq": n, "folio": f"O-{n}",
        "digest": "0" * 64, "size": PACKET_BYTES, "carrier": STATION, "received": UTC,
        "word": "opened",
    }  # fmt: skip


def _old_receipts(n: int) -> list[dict[str, Any]]:
    body = canonical.text(b"{}" * 300)
    common = {"station": STATION, "record": f"old-{n}", "body": body, "signature": "s"}
    return [
        {**common, "serial": 2 * n + at, "kind": kind, "public_key": "k"}
        for at, kind in enumerate(("stored", "opened"))
    ]


@contextmanager
def bare(place: Place, folder: Path) -> Iterator[Running]:
    """PUT to disk, flushed, and nothing else; with headquarters' own certificate."""
    asked = [sys.executable, "-m", "benchmarks.headquarters", BARE, str(place.data), str(folder)]
    with _process(asked) as running:
        yield running


def serve_bare(data: Path, folder: Path) -> None:
    folder.mkdir()
    edge = setup.edge(data)

    def keep(temporary: Path) -> None:
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.rename(temporary.with_suffix(".done"))
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        temporary = folder / f"{uuid_utils.uuid7()}.tmp"
        with temporary.open("wb") as file:
            more = True
            while more:
                message = await receive()
                file.write(message.get("body", b""))
                more = message.get("more_body", False)
        await asyncio.to_thread(keep, temporary)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    config = uvicorn.Config(
        app, port=0, ssl_certfile=str(edge.tls_certificate), ssl_keyfile=str(edge.tls_key),
        ssl_keyfile_password=edge.tls_password, lifespan="off", access_log=False, log_config=None,
    )  # fmt: skip
    listener = server.listening_at("127.0.0.1", 0)  # as quick to answer as ours
    print(json.dumps({"url": f"https://127.0.0.1:{listener.getsockname()[1]}"}), flush=True)
    uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _process(asked: Sequence[str]) -> Iterator[Running]:
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(asked, text=True, **quiet) as process:  # type: ignore[call-overload]
        try:
            told = json.loads(process.stdout.readline())
            yield Running(pid=process.pid, port=int(told["url"].rpartition(":")[2]))
        finally:
            process.terminate()
            process.wait(30)


# --- the client ----------------------------------------------------------------------------------
def receive(place: Place, port: int, count: int) -> float:
    """Packets a second that got a receipt; they go from the disk afterwards."""
    whole = [place.packet() for _ in range(count)]
    rows = [list(_requests(place, *one)) for one in whole]

    def check(requests: list[Request], answers: list[bytes]) -> None:
        assert json.loads(answers[-1])["receipts"], answers[-1][:200]
        assert len(requests) == len(answers)

    rate = _timed(port, rows, check)
    shutil.rmtree(place.data / "packets" / STATION)
    return rate


def put(place: Place, port: int, count: int) -> float:
    rows: list[list[Request]] = [
        [("PUT", f"/{record}", data, {})]
        for record, _, data in (place.packet() for _ in range(count))
    ]
    return _timed(port, rows, lambda _, __: None)


def _requests(place: Place, record: str, digest: str, data: bytes) -> Iterator[Request]:
    said = wire.announce(data, packet.read_head(data), digest)
    yield place.asked("POST", wire.PACKETS_PATH, canonical.encode(said))
    yield place.asked("PUT", wire.part_path(STATION, record, digest, 0), data)


def _timed(
    port: int, rows: list[list[Request]], check: Callable[[list[Request], list[bytes]], None]
) -> float:
    left, failed = iter(rows), []
    guard = threading.Lock()

    def lane() -> None:
        line = http.client.HTTPSConnection("127.0.0.1", port, context=_trusting())
        try:
            while True:
                with guard:
                    requests = next(left, None)
                if requests is None:
                    return
                check(requests, [_ask(line, *one) for one in requests])
        except Exception as problem:  # noqa: BLE001 - the run failed, whatever it was
            failed.append(problem)
        finally:
            line.close()

    lanes = [threading.Thread(target=lane) for _ in range(LANES)]
    began = time.perf_counter()
    for one in lanes:
        one.start()
    for one in lanes:
        one.join()
    if failed:
        raise failed[0]
    return len(rows) / (time.perf_counter() - began)


def _ask(
    line: http.client.HTTPSConnection, method: str, path: str, body: bytes, headers: dict[str, str]
) -> bytes:
    line.request(method, path, body, headers)
    answer = line.getresponse()
    told = answer.read()
    assert answer.status < 300, (answer.status, told[:200])
    return told


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


if __name__ == "__main__":
    if sys.argv[1:2] == [BARE]:
        serve_bare(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        sys.exit(main())
