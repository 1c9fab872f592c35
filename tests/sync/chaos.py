"""`python -m tests.sync.chaos --seconds 600`: a station and headquarters over real sockets, each in
its own process, each killed again and again at any moment; one JSON object at the end.

Exit 0 only if every record the station ever said it had sealed is at headquarters exactly once,
whole, opened, and known at the station as such. What is imported is imported once: each life is a
fork of this process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from migramovil.core import canonical, sealing
from migramovil.core.queue import Waiting
from migramovil.core.record import Realm
from migramovil.headquarters import server
from migramovil.store import files, marks
from migramovil.store.outbox import Outbox, StationIdentity
from migramovil.sync import https
from migramovil.sync.engine import SyncEngine
from tests.headquarters.rig import Place, Station

LONGEST_LIFE_S = 1.5
SIZES = (2_000, 100_000, 700_000)
CALM_S = 30.0  # so long without any progress: it will not come


class Chaos:
    """Both processes, what they were told to do, and what the station acknowledged."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - when to kill, not secrets
        self.place = Place(folder / "hq").init()
        self.port = _free_port()
        self.place.url = f"https://127.0.0.1:{self.port}"
        self.station = Station(self.place)
        self.outbox_folder = folder / "station"
        self.to_seal = folder / "to-seal"
        self.sealed = folder / "sealed"
        self.kills: Counter[str] = Counter()
        self._lives: dict[str, int] = {}

    def prepare(self) -> None:
        """Enrol, and lay ready the packets that the station will seal one by one."""
        self.to_seal.mkdir()
        self.sealed.mkdir()
        self.live("headquarters")
        _until(self._up)
        self.station.enroll()
        body = self.station.body
        assert body is not None
        with Outbox(self.outbox_folder) as outbox:
            outbox.enroll(
                StationIdentity(
                    station=body.station,
                    code=body.code,
                    name=body.name,
                    place=body.place,
                    realm=body.realm,
                    epoch=body.epoch,
                    url=self.place.url,
                    descriptor=canonical.encode(self.place.descriptor).decode(),
                    transport=self.station.transport.dump(),
                )
            )

    def lay_ready(self) -> None:
        """One more person was enrolled."""
        one, data = self.station.packet(photo=os.urandom(self.chance.choice(SIZES)))
        path = self.to_seal / f"{one.seq:06d}"
        files.write(path.with_suffix(".packet"), data)
        files.write(path.with_suffix(".json"), canonical.encode(one))

    def live(self, who: str) -> None:
        """Begin a life of this process."""
        lives: dict[str, Callable[[], None]] = {
            "headquarters": self._headquarters,
            "station": self._station,
        }
        child = os.fork()
        if child == 0:
            try:
                lives[who]()
            except BaseException:  # noqa: BLE001 - whatever it is, it must be seen and end here
                traceback.print_exc()
                os._exit(3)
            os._exit(0)
        self._lives[who] = child

    def kill(self, who: str) -> None:
        child = self._lives.pop(who, 0)
        if child:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            assert not os.WIFEXITED(status), f"{who} ended by itself: {os.WEXITSTATUS(status)}"
            self.kills[who] += 1

    def rage(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        deaths = dict.fromkeys(("headquarters", "station"), time.monotonic())
        while time.monotonic() < until:
            if len(list(self.to_seal.iterdir())) < 6:
                self.lay_ready()
            for who, due in deaths.items():
                if time.monotonic() >= due:
                    self.kill(who)
                    self.live(who)
                    deaths[who] = time.monotonic() + self.chance.uniform(0.02, LONGEST_LIFE_S)
            if self.chance.random() < 0.1:
                self.place.judge()
            time.sleep(0.02)

    def calm(self) -> None:
        """Nobody dies any more; until the station knows everything as opened."""
        for who in ("headquarters", "station"):
            self.kill(who)
        self.live("headquarters")
        _until(self._up)
        with Outbox(self.outbox_folder) as outbox:
            self._adopt(outbox)
            engine = self._engine(outbox)
            before, moved = -1, time.monotonic()
            while before and time.monotonic() - moved < CALM_S:
                engine.turn()
                self.place.judge()
                left = outbox.counts().sealed + outbox.counts().stored
                if left != before:
                    before, moved = left, time.monotonic()
            engine.stop()
        self.kill("headquarters")

    def acknowledged(self) -> list[Path]:
        """What was said to be sealed, but for words that a kill cut short."""
        return [path for path in self.sealed.iterdir() if not path.suffix]

    def found(self) -> list[str]:
        """Every way in which it is not as promised."""
        wrong = []
        said = Counter((body.record, body.kind) for body, _ in self.place.receipts())
        with Outbox(self.outbox_folder) as outbox:
            acknowledged = {path.stem: path.read_text() for path in self.acknowledged()}
            for record, digest in acknowledged.items():
                row = outbox.row(record)
                state = "gone" if row is None else str(row.state)
                if state != "opened":
                    wrong.append(f"record {record} is {state} at the station")
                wrong += [
                    f"record {record} was {kind} {said[record, kind]} times"
                    for kind in ("stored", "opened")
                    if said[record, kind] != 1
                ]
                folder = self.place.data / "packets" / self.station.id / record
                names = [path.name for path in folder.glob("*")]
                if names != [f"{digest}.packet"]:
                    wrong.append(f"record {record} lies as {names}")
                elif sealing.sha256((folder / names[0]).read_bytes()) != digest:
                    wrong.append(f"record {record} is not what was sealed")
            if outbox.counts().refused:
                wrong.append("something was refused")
        chain = ""
        for body, signed in self.place.receipts():
            if body.previous != chain:
                wrong.append(f"receipt {body.serial} does not follow")
            chain = sealing.sha256(canonical.from_text(signed.body))
        return wrong

    # --- lives -------------------------------------------------------------------------------
    def _headquarters(self) -> None:
        server.serve(self.place.data, host="127.0.0.1", port=self.port)

    def _station(self) -> None:
        outbox = Outbox(self.outbox_folder)
        self._adopt(outbox)
        engine = self._engine(outbox)
        engine.start()
        while True:
            for path in sorted(self.to_seal.glob("*.json")):
                self._seal(outbox, path)
                engine.wake()
            engine.send_now()  # headquarters is back within a second
            time.sleep(0.2)

    def _engine(self, outbox: Outbox) -> SyncEngine:
        line = https.HttpsHeadquarters(
            self.place.descriptor,
            self.station.id,
            self.station.transport,
            realm=Realm.TRAINING,
            url=self.place.url,
            memory=marks.Mark(outbox, "upload.begun"),
        )
        return SyncEngine(outbox, line, self.place.descriptor, clock=lambda: datetime.now(UTC))

    def _seal(self, outbox: Outbox, path: Path) -> None:
        """As finishing does: the packet durable, then its row, then it counts as sealed."""
        one = canonical.decode(path.read_bytes(), Waiting)
        data = path.with_suffix(".packet")
        name = f"{one.record}.packet"
        files.write(outbox.packet_path(name), data.read_bytes())
        outbox.add(one, name)
        self._acknowledge(one, path)

    def _acknowledge(self, one: Waiting, path: Path) -> None:
        files.write(self.sealed / one.record, one.digest.encode())
        path.with_suffix(".packet").unlink(missing_ok=True)
        path.unlink(missing_ok=True)

    def _adopt(self, outbox: Outbox) -> None:
        """What a life sealed and could not say any more."""
        for path in sorted(self.to_seal.glob("*.json")):
            one = canonical.decode(path.read_bytes(), Waiting)
            if outbox.row(one.record) is not None:
                self._acknowledge(one, path)

    def _up(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


def run(seconds: float, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        chaos = Chaos(Path(folder), seed)
        try:
            chaos.prepare()
            chaos.rage(seconds)
            chaos.calm()
        finally:
            for who in ("headquarters", "station"):
                chaos.kill(who)
        return {
            "seed": seed,
            "kills": sum(chaos.kills.values()),
            "records": len(chaos.acknowledged()),
            "wrong": chaos.found(),
        }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _until(true: Callable[[], bool]) -> None:
    patience = time.monotonic() + 20
    while not true():
        assert time.monotonic() < patience
        time.sleep(0.05)


def main() -> int:
    ask = argparse.ArgumentParser(prog="chaos")
    ask.add_argument("--seconds", type=float, default=600.0)
    ask.add_argument("--seed", type=int, default=secrets.randbelow(1 << 30))
    asked = ask.parse_args()
    said = run(asked.seconds, asked.seed)
    sys.stdout.write(json.dumps(said) + "\n")
    return 1 if said["wrong"] or not said["records"] else 0


if __name__ == "__main__":
    sys.exit(main())
