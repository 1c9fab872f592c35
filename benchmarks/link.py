"""Ours over a bad link, beside curl PUT, rsync and tus: `python -m benchmarks.link [--json]`.

All over TLS, the same bytes: sealed packets of 2 MB. The link is benchmarks/linkrig.py. Each peer
runs with cubic and with BBR on the station's side, and the better is counted. Rounds are taken by
turns, one after another, each with the same weather for everyone; figures are medians.

  curl    curl -T of one packet after another over one connection, without Expect: 100-continue,
          into a uvicorn application that streams to disk; begun again when the link breaks, the
          broken packet from its first byte
  rsync   rsync --partial --append into an rsync daemon, both ends behind stunnel; begun again
  tus     tuspy, whole rest in one PATCH, into tuspyserver under uvicorn; resumed by its offset
  migramovil  the station's engine into the receiving edge, up to signed receipts

goodput     bytes of packets at the receiver when time is up, % of what the line can carry meanwhile
            (a flapping link: of what it can carry while it is up); handshakes and start included
ceiling     the same, % of what is left of the line after TCP, IP and TLS headers and lost packets
wire_ratio  bytes offered to the link, both ways, headers and repetitions included, ÷ those bytes
packets     whole packets: with a receipt (ours), complete at the receiver (peers)

Needs root, /dev/net/tun, curl, rsync and stunnel4; tuspy and tuspyserver are installed from PyPI
into a temporary folder with uv.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.linkrig import HEADQUARTERS, Conditions, Link, missing
from migramovil.core import canonical
from migramovil.sync import wire

HOME = Path(__file__).resolve().parents[1]
PACKET_BYTES = 2_000_000
LINKS = {
    one.name: one
    for one in (
        Conditions(name="256k-600ms-5%", rate=256_000, rtt_s=0.6, loss=0.05),
        Conditions(name="512k-600ms-2%", rate=512_000, rtt_s=0.6, loss=0.02),
        Conditions(name="2M-600ms-3%", rate=2_000_000, rtt_s=0.6, loss=0.03),
        Conditions(name="1M-120ms-2%", rate=1_000_000, rtt_s=0.12, loss=0.02),
        Conditions(name="flapping", rate=512_000, rtt_s=0.6, loss=0.02, up_s=25, down_s=15),
    )
}
FLAPPING_S = 160.0
PEERS = ("curl", "rsync", "tus")
OURS = "migramovil"
_SILENT: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
_HEADERS = 1448 / 1500 * 16384 / (16384 + 22)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    goodput: float
    wire_ratio: float
    packets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where everything of one link lies."""

    link: Link
    folder: Path
    tools: Path  # the tus peer's own environment

    @property
    def packets(self) -> Path:
        return self.folder / "packets"

    def station(self, *command: str, **how: Any) -> subprocess.Popen[str]:
        return self.link.inside(self.link.station, command, cwd=HOME, **how)

    def headquarters(self, *command: str, **how: Any) -> subprocess.Popen[str]:
        return self.link.inside(self.link.headquarters, command, cwd=HOME, **how)


class Client(Protocol):
    """One way of bringing packets; `arrived` answers (bytes, whole packets)."""

    def prepare(self) -> None: ...
    def go(self) -> None: ...
    def again(self) -> None: ...
    def stop(self) -> None: ...
    def arrived(self) -> tuple[int, int]: ...


def main() -> int:
    asked = _arguments()
    lacking = missing() or _programs()
    if lacking:
        print(f"benchmarks.link needs {lacking}: not run", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and clear up
    with tempfile.TemporaryDirectory(prefix="link-") as name:
        tools = _tus_tools(Path(name))
        for link in asked.links:
            rows = measure(LINKS[link], Path(name) / str(len(os.listdir(name))), tools, asked)
            for row in rows:
                print(json.dumps(_plain(row)) if asked.json else _words(row), flush=True)
    return 0


def measure(
    conditions: Conditions, folder: Path, tools: Path, asked: argparse.Namespace
) -> list[dict[str, Any]]:
    seconds = max(asked.seconds, FLAPPING_S) if conditions.down_s else asked.seconds
    found: dict[str, list[Run]] = {}
    with Link(conditions) as link, ExitStack() as stack:
        bench = Bench(link=link, folder=folder, tools=tools)
        clients = stack.enter_context(_servers(bench, asked.clients, seconds))
        for number in range(asked.rounds):
            for name, client in clients.items():
                for how in ("",) if name == OURS else ("cubic", "bbr"):
                    run = _once(bench, client, how, seconds, number)
                    found.setdefault(f"{name}-{how}".rstrip("-"), []).append(run)
                    print(f"  {conditions.name} {name} {how} {run}", file=sys.stderr, flush=True)
    return _rows(conditions, {name: _median(runs) for name, runs in found.items()})


def _once(bench: Bench, client: Client, how: str, seconds: float, seed: int) -> Run:
    bench.link.congestion(how)
    client.prepare()
    bench.link.start(seed)
    until = time.monotonic() + seconds
    client.go()
    while time.monotonic() < until:
        time.sleep(min(0.2, max(0.0, until - time.monotonic())))
        client.again()
    size, packets = client.arrived()
    wire = bench.link.wire_bytes()
    client.stop()
    bench.link.rest()
    could = bench.link.conditions.rate / 8 * seconds * bench.link.conditions.uptime
    return Run(goodput=100 * size / could, wire_ratio=wire / size if size else 0.0, packets=packets)


def _median(runs: list[Run]) -> Run:
    return Run(
        goodput=statistics.median(one.goodput for one in runs),
        wire_ratio=statistics.median(one.wire_ratio for one in runs),
        packets=round(statistics.median(one.packets for one in runs)),
    )


def _whole_first(run: Run) -> Any:
    return run.packets, run.goodput


def _fastest(run: Run) -> Any:
    return run.goodput


def _rows(conditions: Conditions, runs: dict[str, Run]) -> list[dict[str, Any]]:
    """The better of cubic and BBR for each peer, and curl with BBR by itself: the measure of
    what one connection costs in bytes."""
    chosen: dict[str, Run] = {OURS: runs[OURS]} if OURS in runs else {}
    for peer in PEERS:
        both = [runs[name] for name in (f"{peer}-cubic", f"{peer}-bbr") if name in runs]
        if both:
            flapping = bool(conditions.down_s)
            chosen[peer] = max(both, key=_whole_first if flapping else _fastest)
    if "curl-bbr" in runs:
        chosen["curl-bbr"] = runs["curl-bbr"]
    return [{"conditions": conditions, "client": name, "run": run} for name, run in chosen.items()]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    run = row["run"]
    return {
        "link": row["conditions"].name,
        "client": row["client"],
        "goodput": round(run.goodput, 1),
        "wire_ratio": round(run.wire_ratio, 3),
        "packets": run.packets,
    }


def _words(row: dict[str, Any]) -> str:
    run, conditions = row["run"], row["conditions"]
    ceiling = run.goodput / (_HEADERS * (1 - conditions.loss))
    return (
        f"{conditions.name:14} {row['client']:11} {run.goodput:5.1f} % of line  "
        f"{ceiling:5.1f} % of ceiling  wire ÷ payload {run.wire_ratio:.3f}  packets {run.packets}"
    )


# --- the other end -----------------------------------------------------------------------------
@contextmanager
def _servers(bench: Bench, wanted: list[str], seconds: float) -> Iterator[dict[str, Client]]:
    count = int(bench.link.conditions.rate / 8 * seconds / PACKET_BYTES) + 2
    bench.folder.mkdir()
    started: list[subprocess.Popen[str]] = []
    maker = (sys.executable, "-m", "benchmarks.linkends")
    ours = Ours(bench, count)
    try:
        started += ours.serve(maker)
        subprocess.run([*maker, "certificate", bench.folder, HEADQUARTERS], check=True, cwd=HOME)
        every: dict[str, Client] = {OURS: ours, "curl": Curl(bench), "rsync": Rsync(bench)}
        every["tus"] = Tus(bench)
        chosen = {name: every[name] for name in wanted}
        for client in chosen.values():
            if not isinstance(client, Ours):
                started += client.serve(maker)  # type: ignore[attr-defined]
        time.sleep(3)
        yield chosen
    finally:
        for one in started:
            one.send_signal(signal.SIGKILL)
            one.wait()


class _Program:
    """A client that is one program, begun again when it gives up before its time."""

    name = ""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.folder = bench.folder / self.name
        self._process: subprocess.Popen[str] | None = None
        self._rest_until = 0.0

    def prepare(self) -> None:
        self.folder.mkdir(exist_ok=True)
        for old in filter(Path.is_file, self.folder.rglob("*")):
            old.unlink()

    def go(self) -> None:
        self._process = self.start([one for one in self.packets() if not self._whole(one)])

    def again(self) -> None:
        if self._process is None or self._process.poll() is None:
            return
        now = time.monotonic()
        if not self._rest_until:
            self._rest_until = now + 1
        elif now > self._rest_until:
            self._rest_until = 0.0
            self.go()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._rest_until = 0.0

    def arrived(self) -> tuple[int, int]:
        files = [one.stat().st_size for one in self.folder.iterdir() if self.counts(one)]
        return sum(files), sum(1 for one in self.packets() if self._whole(one))

    def packets(self) -> list[Path]:
        return sorted(self.bench.packets.iterdir())

    def counts(self, file: Path) -> bool:
        return file.is_file()

    def start(self, packets: list[Path]) -> subprocess.Popen[str]:
        raise NotImplementedError

    def _whole(self, packet: Path) -> bool:
        there = self.folder / packet.name
        return there.exists() and there.stat().st_size == packet.stat().st_size


class Curl(_Program):
    name = "curl"

    def serve(self, maker: tuple[str, ...]) -> list[subprocess.Popen[str]]:
        return [self.bench.headquarters(*maker, "put", str(self.bench.folder), str(self.folder))]

    def start(self, packets: list[Path]) -> subprocess.Popen[str]:
        files = ",".join(str(one) for one in packets)
        return self.bench.station(
            *(
                "curl",
                "-sS",
                "--fail-early",
                "--cacert",
                str(self.bench.folder / "tls.crt"),
                "-H",
                "Expect:",
            ),
            *("--connect-timeout", "8", "--speed-limit", "1", "--speed-time", "8"),
            *("-T", f"{{{files}}}", f"https://{HEADQUARTERS}:8444/"),
            **_SILENT,
        )


class Rsync(_Program):
    name = "rsync"

    def serve(self, maker: tuple[str, ...]) -> list[subprocess.Popen[str]]:
        here = self.bench.folder
        (here / "rsyncd.conf").write_text(
            f"use chroot = no\naddress = 127.0.0.1\nport = 8730\ntimeout = 10\nuid = 0\ngid = 0\n"
            f"[in]\npath = {self.folder}\nread only = no\n"
        )
        common = "foreground = yes\npid =\nsyslog = no\ndebug = 0\n"
        (here / "far.conf").write_text(
            f"{common}[far]\naccept = {HEADQUARTERS}:8445\nconnect = 127.0.0.1:8730\n"
            f"cert = {here}/tls.crt\nkey = {here}/tls.key\nsslVersionMin = TLSv1.3\n"
        )
        (here / "near.conf").write_text(
            f"{common}[near]\nclient = yes\naccept = 127.0.0.1:8731\n"
            f"connect = {HEADQUARTERS}:8445\nCAfile = {here}/tls.crt\nverifyChain = yes\n"
        )
        daemon = ("rsync", "--daemon", "--no-detach", f"--config={here / 'rsyncd.conf'}")
        return [
            self.bench.headquarters(*daemon, **_SILENT),
            self.bench.headquarters("stunnel4", str(here / "far.conf"), **_SILENT),
            self.bench.station("stunnel4", str(here / "near.conf"), **_SILENT),
        ]

    def start(self, packets: list[Path]) -> subprocess.Popen[str]:
        return self.bench.station(
            *("rsync", "--partial", "--append", "--timeout=10", "--contimeout=8"),
            *(str(one) for one in packets),
            "rsync://127.0.0.1:8731/in/",
            **_SILENT,
        )


class _Ready(_Program):
    """A client in Python: it is up and waits before the time begins."""

    def command(self) -> list[str]:
        raise NotImplementedError

    def prepare(self) -> None:
        super().prepare()
        self._process = self.bench.station(
            *self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == "ready"

    def go(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def again(self) -> None:
        """It begins again by itself."""


class Tus(_Ready):
    name = "tus"

    def serve(self, maker: tuple[str, ...]) -> list[subprocess.Popen[str]]:
        script = HOME / "benchmarks" / "linktus.py"
        python, here = str(self.bench.tools / "bin" / "python"), self.bench.folder
        return [
            self.bench.headquarters(
                python, str(script), "serve", str(here), str(self.folder), **_SILENT
            )
        ]

    def command(self) -> list[str]:
        script = HOME / "benchmarks" / "linktus.py"
        python = str(self.bench.tools / "bin" / "python")
        return [python, str(script), "send", str(self.bench.folder)]

    def counts(self, file: Path) -> bool:
        return file.is_file() and file.suffix == ""

    def arrived(self) -> tuple[int, int]:
        sizes = [one.stat().st_size for one in self.folder.iterdir() if self.counts(one)]
        whole = {one.stat().st_size for one in self.packets()}
        return sum(sizes), sum(1 for size in sizes if size in whole)


class Ours(_Ready):
    name = OURS

    def __init__(self, bench: Bench, count: int) -> None:
        super().__init__(bench)
        self._count = count

    def serve(self, maker: tuple[str, ...]) -> list[subprocess.Popen[str]]:
        """Headquarters; the station is enrolled and its packets made while the link is perfect."""
        far = self.bench.headquarters(
            *maker, "headquarters", str(self.bench.folder), stdout=subprocess.PIPE
        )
        assert far.stdout is not None
        assert far.stdout.readline().strip() == "ready"
        made = self.bench.station(*maker, "packets", str(self.bench.folder), str(self._count))
        assert made.wait() == 0
        return [far]

    def command(self) -> list[str]:
        return [sys.executable, "-m", "benchmarks.linkends", "station", str(self.bench.folder)]

    def prepare(self) -> None:
        """Each run is another station's: nothing of the run before is at headquarters."""
        made = self.bench.station(
            *(sys.executable, "-m", "benchmarks.linkends", "packets"),
            *(str(self.bench.folder), str(self._count)),
        )
        assert made.wait() == 0
        super().prepare()

    def arrived(self) -> tuple[int, int]:
        station = (self.bench.folder / "station").read_text()
        data = self.bench.folder / "headquarters"
        whole = [one.stat().st_size for one in (data / "packets" / station).rglob("*.packet")]
        begun = map(_begun, (data / "parts" / station).rglob("announce.json"))
        done = self.bench.folder / "receipts"
        return sum(whole) + sum(begun), len(done.read_text().split())


def _begun(announcement: Path) -> int:
    """Bytes of a packet that is not whole yet: the parts headquarters says it holds."""
    said = canonical.decode(announcement.read_bytes(), wire.Announce)
    held = announcement.with_name("held")
    marks = held.read_bytes() if held.exists() else b""
    sizes = [min(said.part_size, said.size - n * said.part_size) for n in range(len(said.parts))]
    return sum(size for size, mark in zip(sizes, marks, strict=False) if mark)


# --- what it needs -----------------------------------------------------------------------------
def _programs() -> str:
    lacking = [one for one in ("curl", "rsync", "stunnel4", "ss") if shutil.which(one) is None]
    return " ".join(lacking)


TUS = ("tuspy==1.1.0", "tuspyserver==4.4.3", "uvicorn==0.54.0")


def _tus_tools(folder: Path) -> Path:
    tools = folder / "tus"
    uv = shutil.which("uv") or str(HOME / ".tools" / "bin" / "uv")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, tools], check=True)
    subprocess.run(
        [uv, "pip", "install", "-q", "--python", tools / "bin" / "python", *TUS],
        check=True,
    )
    return tools


def _arguments() -> argparse.Namespace:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("--links", type=_names(LINKS), default=list(LINKS), help=", ".join(LINKS))
    ask.add_argument("--clients", type=_names([OURS, *PEERS]), default=[OURS, *PEERS])
    ask.add_argument(
        "--seconds", type=float, default=60.0, help=f"a flapping link at least {FLAPPING_S:.0f}"
    )
    ask.add_argument("--rounds", type=int, default=3)
    ask.add_argument("--json", action="store_true", help="one JSON object per link and client")
    return ask.parse_args()


def _names(known: Any) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        names = text.split(",")
        unknown = [one for one in names if one not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]}: one of {', '.join(known)}")
        return names

    return read


if __name__ == "__main__":
    sys.exit(main())
