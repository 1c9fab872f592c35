"""What the store costs, in one run: `python -m benchmarks.store [--json] [--small]`.

finish_ratio     finish_ms against plain_insert_ms; medians, the two taken by turns, each round on
                 new bytes, in the same folder
finish_ms        everything an officer waits for when a 2 MB record is finished: its five pictures
                 read and decrypted, sealed, written and synced, read back and decrypted again; the
                 row, the end of the draft with its key and files, and the emptied log
plain_insert_ms  one plain SQLite insert of as many bytes (WAL, synchronous=FULL): neither read,
                 encrypted nor proven before, its log left as it is, and no checkpoint counted
                 but the few that SQLite makes by itself, which a median does not see
autosave_p99_ms  a draft's save, from the call until it is durable, through the desk's lane
queue_100k_ms    the queue's page, entered to first painted screen, with 100,000 records
unlock_s         a password to an open vault, Argon2id with 256 MiB
rss_mb           the most memory this process held: Argon2's 256 MB on top of the whole window's
                 libraries, and of the 100,000 records
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import secrets
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication

from migramovil import app
from migramovil.core import sealing
from migramovil.core.folio import make_folio
from migramovil.core.packet import Draught
from migramovil.core.record import Realm, Stamp
from migramovil.core.roles import Role
from migramovil.devices.lanes import Lane
from migramovil.services.desk import Desk
from migramovil.store import finishing, keys
from migramovil.store.outbox import Outbox, StationIdentity
from migramovil.store.tables import records
from migramovil.store.vault import Vault
from migramovil.ui import theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.frame import Frame
from migramovil.ui.pages.queue import QueuePage

STATION = "0192aaaa-0000-7000-8000-000000000001"
UTC_NOW = "2026-11-23T12:00:00+00:00"
PASSWORD = "llueve-sobre-el-lago"  # noqa: S105 - of a folder that lives for one run
RECORD_BYTES = 2_000_000
PICTURES = 5


def main() -> int:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("--json", action="store_true", help="one JSON object")
    ask.add_argument(
        "--small", action="store_true", help="few rounds: whether it runs, not how well"
    )
    ask.add_argument("--folder", type=Path, default=None, help="the disk to measure")
    asked = ask.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        figures = measure(Path(folder), small=asked.small)
    if asked.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:18} {figure}")
    return 0


def measure(folder: Path, *, small: bool = False) -> dict[str, float]:
    vault_key = Vault.create(folder / "station")
    with Outbox(folder / "station") as outbox, Vault(folder / "station", vault_key) as vault:
        outbox.enroll(_identity())
        signer = sealing.Signer.new()
        vault.save_station_keys(signer, sealing.Opener.new())
        finish_ms, plain_ms = finishes(outbox, vault, signer, rounds=3 if small else 41)
        p99 = autosaves(vault, 50 if small else 1000)
        fill(outbox, 2_000 if small else 100_000)
    queue = queue_page(folder / "station", rounds=2 if small else 9)
    return {
        "finish_ratio": round(finish_ms / plain_ms, 3),
        "finish_ms": round(finish_ms, 2),
        "plain_insert_ms": round(plain_ms, 2),
        "autosave_p99_ms": round(p99, 2),
        "queue_100k_ms": round(queue, 2),
        "unlock_s": round(unlock(folder / "station", vault_key, 1 if small else 5, small=small), 3),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


# --- finishing ---------------------------------------------------------------------------------
def finishes(
    outbox: Outbox, vault: Vault, signer: sealing.Signer, *, rounds: int
) -> tuple[float, float]:
    """Median milliseconds of a finish, and of the plain insert it is held against."""
    recipients = [sealing.Opener.new().public, sealing.Opener.new().public]
    path = outbox.folder / "plain.db"
    finished, inserted = [], []
    with closing(sqlite3.connect(path, isolation_level=None)) as plain:
        plain.execute("PRAGMA journal_mode = WAL")
        plain.execute("PRAGMA synchronous = FULL")
        plain.execute("CREATE TABLE records (record TEXT PRIMARY KEY, body BLOB)")
        for number in range(1, rounds + 1):
            record = f"0192bbbb-0000-7000-8000-{number:012d}"
            vault.save_draft(record, 1, b"{}" * 1500, UTC_NOW)
            for _ in range(PICTURES):
                vault.put_media(record, secrets.token_bytes(RECORD_BYTES // PICTURES))
            data = secrets.token_bytes(RECORD_BYTES)
            steps: list[tuple[list[float], Callable[[], object]]] = [
                (inserted, lambda r=record, d=data: plain.execute(  # type: ignore[misc]
                    "INSERT INTO records VALUES (?, ?)", (r, d))),
                (finished, lambda r=record: finishing.finish(  # type: ignore[misc]
                    outbox, vault, r, _composer(r), recipients, signer)),
            ]  # fmt: skip
            for kept, step in steps if number % 2 else reversed(steps):
                kept.append(_ms(step))
    for left in outbox.folder.glob("plain.db*"):
        left.unlink()
    return statistics.median(finished), statistics.median(inserted)


def _composer(record: str) -> finishing.Compose:
    def compose(seq: int, audit_head: str, media: Mapping[str, bytes]) -> Draught:
        return Draught(
            realm=Realm.TRAINING,
            station=STATION,
            epoch=1,
            seq=seq,
            record=record,
            folio=make_folio("01A", date(2026, 11, 23), seq),
            created=Stamp(utc=UTC_NOW),
            audit_head=audit_head,
            software="bench",
            record_body=b"{}" * 1500,
            objects=media,
        )

    return compose


# --- saving ------------------------------------------------------------------------------------
def autosaves(vault: Vault, times: int) -> float:
    """The 99th percentile, in milliseconds, of one keystroke's save until it is durable."""
    lane = Lane("desk")
    took = []
    try:
        for number in range(times):
            body = b"x" * (1000 + number % 2000)
            save = lambda _, body=body: vault.save_draft("draft", 1, body, UTC_NOW)  # noqa: E731
            took.append(_ms(lambda save=save: lane.run(save).result()))  # type: ignore[misc]
    finally:
        lane.close(drain=True)
        vault.void_draft("draft")
    return statistics.quantiles(took, n=100)[98]


# --- the queue's page --------------------------------------------------------------------------
def fill(outbox: Outbox, count: int) -> None:
    """Records as years of work would leave them, put in at once."""
    with outbox.database.write() as connection:
        for first in range(1, count + 1, 5000):
            connection.execute(
                records.insert(),
                [
                    {
                        "record": f"0192cccc-0000-7000-8000-{n:012d}",
                        "station": STATION,
                        "epoch": 2,
                        "seq": n,
                        "folio": make_folio("01B", date(2026, 11, 23), n),
                        "digest": f"{n:064x}",
                        "size": RECORD_BYTES,
                        "sealed_utc": UTC_NOW,
                        "file": f"{n:032x}.packet",
                    }
                    for n in range(first, min(first + 5000, count + 1))
                ],
            )


def queue_page(folder: Path, *, rounds: int) -> float:
    """Median milliseconds from entering the page to its first screen, the real page offscreen."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    qt = QApplication.instance() or QApplication(sys.argv[:1])
    theme.use("light", 1.0, motion=False)
    station = app.build(folder, training=True)
    try:
        return _queue_page(qt, station.desk, rounds)
    finally:
        station.close()


def _queue_page(qt: Any, desk: Desk, rounds: int) -> float:
    bridge = Bridge()
    frame = Frame(place="Banco de pruebas", training=True)
    frame.resize(1366, 768)
    page, other = QueuePage(desk, bridge), QueuePage(desk, bridge)
    frame.show_page(page)
    frame.show()
    qt.processEvents()

    def open_page() -> None:
        frame.show_page(page)
        qt.processEvents()
        frame.grab()

    took = []
    for _ in range(rounds):
        frame.show_page(other)
        qt.processEvents()
        took.append(_ms(open_page))
    frame.hide()
    return statistics.median(took)


# --- unlocking ---------------------------------------------------------------------------------
def unlock(folder: Path, vault_key: bytes, rounds: int, *, small: bool) -> float:
    """Median seconds from a typed password to an open vault."""
    keys.create_slot(
        folder,
        account="0192dddd-0000-7000-8000-000000000001",
        username="bench",
        role=Role.SUPERVISOR,
        password=PASSWORD,
        vault_key=vault_key,
        memory_kib=64 if small else keys.MEMORY_KIB,
    )

    def enter() -> None:
        unlocked = keys.open_slot(folder, "bench", PASSWORD)
        Vault(folder, unlocked.vault_key).close()

    return statistics.median(_ms(enter) for _ in range(rounds)) / 1000


def _identity() -> StationIdentity:
    return StationIdentity(
        station=STATION,
        code="01A",
        name="Banco",
        place="Lima",
        realm=Realm.TRAINING,
        epoch=1,
        url="https://localhost",
        descriptor="{}",
        transport=b"t" * 32,
    )


def _ms(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    raise SystemExit(main())
