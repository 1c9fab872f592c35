"""The demonstration's director: headquarters, the link, the station process, and the faults."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from migramovil.core.downstream import Appointment, Card
from migramovil.core.trouble import Trouble, Who
from migramovil.demo import tied
from migramovil.demo.actor import Plan
from migramovil.demo.link import Link
from migramovil.demo.local import LocalHeadquarters
from migramovil.demo.training import NAME, PLACE
from migramovil.devices.sim import people
from migramovil.services.clock import LIMA

FAULTS = ("wrong-receipt-key", "corrupt-part", "link-cut", "kill-after-finish")
_MEND_S = 1.0
_EXPECTED, _PRINTED = 11, 12  # populations of their own
_LISTED = 32


class FolderInUse(Trouble):
    code = "DEM-01"
    what = "La carpeta de la demostración no está vacía."
    advice = "Indique otra con --out, o vacíela."
    who = Who.TECHNICIAN


def run(*, people: int, out: Path | None, seed: int, fault: str) -> int:
    """Play it; 0 only if every receipt verified. Prints one object a person and a summary."""
    folder = out or Path(tempfile.mkdtemp(prefix="migramovil-demo-"))
    if folder.exists() and any(folder.iterdir()):
        raise FolderInUse
    for name in ("slips", "screens", "opened"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    headquarters = LocalHeadquarters(folder / "headquarters")
    address = headquarters.start(fault=fault if fault == "wrong-receipt-key" else "")
    link = Link(address)
    try:
        told = _Director(folder, headquarters, link, fault).play(people, seed)
    finally:
        link.close()
        headquarters.stop()
    for row in told:
        if row["receipt_verified"]:
            opened = folder / "opened" / row["record_id"]
            headquarters.call("open", row["record_id"], "--out", str(opened))
        _print(row)
    verified = sum(row["receipt_verified"] for row in told)
    good = verified == len(told) == people
    _print(
        {
            "people": people,
            "sealed": len(told),
            "receipts_verified": verified,
            "refused": sum(row["refused"] for row in told),
            "exceptions": sum(len(row["exceptions"]) for row in told),
            "fault": fault or None,
            "link_cuts": link.cuts,
            "seconds": round(time.monotonic() - began, 1),
            "out": str(folder),
            "ok": good,
        }
    )
    return 0 if good else 1


class _Director:
    def __init__(
        self, folder: Path, headquarters: LocalHeadquarters, link: Link, fault: str
    ) -> None:
        self._folder = folder
        self._headquarters = headquarters
        self._link = link
        self._fault = fault
        self._finished: dict[str, dict[str, Any]] = {}

    def play(self, people: int, seed: int) -> list[dict[str, Any]]:
        plan = Plan(
            data=str(self._folder / "station"),
            url=f"https://127.0.0.1:{self._link.port}",
            code=self._headquarters.code_for(NAME, PLACE),
            seed=seed,
            first=0,
            count=people,
            slips=str(self._folder / "slips"),
            screens=str(self._folder / "screens"),
            tour=not self._fault,
            settle_s=60.0 + 6.0 * people,
        )
        if self._fault == "kill-after-finish":
            self._life_cut_short(replace(plan, dies_after_finish=True))
            plan = replace(plan, first=1, count=people - 1)
        self._link.up()
        status = self._one_life(plan)
        if status != 0:
            raise RuntimeError(f"the station process ended with {status}")
        return list(self._finished.values())

    def _life_cut_short(self, plan: Plan) -> None:
        """What the killed station leaves is kept as it lay: that is what a thief would find."""
        self._one_life(plan)
        if len(self._finished) != 1:
            raise RuntimeError("the station process ended before it finished anybody")
        shutil.copytree(plan.data, self._folder / "station-as-killed")

    def _one_life(self, plan: Plan) -> int:
        plan_file = self._folder / "plan.json"
        plan_file.write_bytes(msgspec.json.encode(plan))
        with tied.start("demo-station", str(plan_file), stdout=subprocess.PIPE) as process:
            for said in _objects(process):
                self._hear(said)
                if plan.dies_after_finish and self._finished:
                    process.kill()
        plan_file.unlink()
        return process.returncode

    def _hear(self, said: dict[str, Any]) -> None:
        if said.get("say") == "offline":
            self._link.down()
            if not self._fault:
                self._publish_lists()
        elif said.get("say") == "online":
            self._link_returns()
        elif said.get("say") == "stored":
            if self._fault == "corrupt-part":
                self._spoil()
            self._headquarters.start_opener()
        elif "record_id" in said:
            self._finished[said["record_id"]] = {**said, "receipt_verified": False}
        elif "verified" in said:
            self._finished[said["verified"]]["receipt_verified"] = bool(said["ok"])

    def _publish_lists(self) -> None:
        """Who is expected today, and whose card lies in the vehicle; they come with the link."""
        station = str(self._headquarters.call("stations")[0]["code"])
        for kind, rows in (("appointments", _appointments()), ("cards", _cards())):
            path = self._folder / f"{kind}.json"
            path.write_bytes(msgspec.json.encode(rows))
            self._headquarters.call("publish", kind, str(path), "--station", station, "--days", "1")
            path.unlink()

    def _link_returns(self) -> None:
        self._link.up()
        if self._fault == "link-cut":
            first = min(row["sealed_bytes"] for row in self._finished.values())
            self._link.cut_after(first // 2)
            threading.Thread(target=self._mend, daemon=True, name="mend").start()

    def _mend(self) -> None:
        """The link comes back a moment after it broke."""
        while not self._link.cuts:
            time.sleep(0.1)
        time.sleep(_MEND_S)
        self._link.up()

    def _spoil(self) -> None:
        """Alter each packet on headquarters' disk before the opener reads any."""
        for packet in (self._headquarters.data / "packets").rglob("*"):
            if packet.is_file():
                data = bytearray(packet.read_bytes())
                data[len(data) // 2] ^= 1
                packet.write_bytes(data)


def _appointments() -> list[Appointment]:
    """One every ten minutes from eight on, of invented people who never come."""
    today = datetime.now(LIMA).date().isoformat()
    return [
        Appointment(
            id=f"{number:04d}", day=today, hour=f"{8 + number // 6:02d}:{number % 6}0",
            procedure=one.procedure, surnames=_surnames(one), names=one.given_names,
            document=one.document_number,
        )
        for number, one in enumerate(itertools.islice(people.population(_EXPECTED), _LISTED))
    ]  # fmt: skip


def _cards() -> list[Card]:
    return [
        Card(
            serial=f"CE{number:07d}", folio="", surnames=_surnames(one), names=one.given_names,
            document=one.document_number, batch=f"L-{1 + number // 20:03d}",
        )
        for number, one in enumerate(itertools.islice(people.population(_PRINTED), _LISTED))
    ]  # fmt: skip


def _surnames(one: people.SimPerson) -> str:
    return f"{one.first_surname} {one.second_surname}".rstrip()


def _objects(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    if process.stdout is None:
        return
    for line in process.stdout:
        if line.startswith("{"):
            yield json.loads(line)


def _print(row: dict[str, Any]) -> None:
    print(json.dumps(row, ensure_ascii=False), flush=True)  # noqa: T201 - a command prints
