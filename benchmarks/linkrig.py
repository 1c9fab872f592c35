"""A bad link between two network namespaces, made of two TUN devices and one patient process.

Every packet that enters waits for the line (rate, tail-drop queue), may be lost, and comes out half
a round trip later. `python -m benchmarks.linkrig` is that process; `Link` sets it all up. Loss and
delay apply in both directions. Needs root and /dev/net/tun.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import secrets
import select
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

STATION, HEADQUARTERS = "10.77.0.1", "10.77.0.2"
_TUNSETIFF = 0x400454CA
_TUN_NO_PI = 0x0001 | 0x1000
_LEAST_QUEUE = 16_000
_QUIET_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Bits per second each way, round trip and loss (a share), seconds up and down (0: steady)."""

    name: str
    rate: int
    rtt_s: float
    loss: float
    up_s: float = 0.0
    down_s: float = 0.0

    @property
    def uptime(self) -> float:
        """The share of time in which anything passes."""
        return self.up_s / (self.up_s + self.down_s) if self.down_s else 1.0


def missing() -> str:
    """What this machine lacks for the rig; "" when nothing."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "root on Linux"
    if not Path("/dev/net/tun").exists():
        return "/dev/net/tun"
    tried = subprocess.run(["ip", "netns", "list"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "network namespaces (ip netns)"


class Link:
    """Two namespaces, `station` and `headquarters`, joined under `conditions` while this is open.

    Until `start`, and after `rest`, the link is perfect: preparations cost nothing.
    """

    def __init__(self, conditions: Conditions) -> None:
        self.conditions = conditions
        mark = f"mm{os.getpid()}{secrets.randbelow(1000)}"
        self.station, self.headquarters = f"{mark}a", f"{mark}b"
        self._devices = (f"t{mark}a"[:15], f"t{mark}b"[:15])
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Link:
        for space in (self.station, self.headquarters):
            _ip("netns", "add", space)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.linkrig", *self._devices],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()
        pairs = zip(self._devices, (self.station, self.headquarters), strict=True)
        for (device, space), address in zip(pairs, (STATION, HEADQUARTERS), strict=True):
            _ip("link", "set", device, "netns", space)
            _ip("-n", space, "link", "set", "lo", "up")
            _ip("-n", space, "addr", "add", f"{address}/24", "dev", device)
            _ip("-n", space, "link", "set", device, "mtu", "1500", "txqueuelen", "1000", "up")
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for space in (self.station, self.headquarters):
            subprocess.run(["ip", "netns", "del", space], check=False)

    def congestion(self, how: str) -> None:
        """What new connections of the station pace by: "cubic" or "bbr"; "": as they choose (a
        route's word would overrule theirs)."""
        route = ["10.77.0.0/24", "dev", self._devices[0], "src", STATION]
        chosen = ["congctl", how] if how else []
        _ip("-n", self.station, "route", "replace", *route, *chosen)

    def start(self, seed: int) -> None:
        """From now on the conditions hold; a flapping link begins its first upward phase."""
        self._tell({"seed": seed, **asdict(self.conditions)})

    def wire_bytes(self) -> int:
        """Bytes offered to the link since the start, IP headers included, both ways."""
        return int(self._tell({"count": True})["bytes"])

    def rest(self) -> None:
        """Perfect again, until what killed programs left in the system has drained away."""
        self._tell({"rest": True})
        for space in (self.station, self.headquarters):
            cut = ["ip", "netns", "exec", space, "ss", "-K", "dst", "10.77.0.0/24"]
            subprocess.run(cut, capture_output=True, check=False)
        patience = time.monotonic() + 20
        before, since = -1, time.monotonic()
        while time.monotonic() < patience and time.monotonic() - since < _QUIET_S:
            time.sleep(0.2)
            now = self.wire_bytes()
            if now != before:
                before, since = now, time.monotonic()

    def inside(self, space: str, command: Sequence[str], **how: Any) -> subprocess.Popen[str]:
        """Start a program in one of the two namespaces."""
        return subprocess.Popen(["ip", "netns", "exec", space, *command], text=True, **how)

    def _tell(self, words: dict[str, Any]) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        return said


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


# --- the process that carries packets ---------------------------------------------------------
class Direction:
    """One way: what enters here comes out of `out`."""

    def __init__(self, out: int) -> None:
        self._out = out
        self._due: deque[tuple[float, bytes]] = deque()
        self._free_at = 0.0
        self._conditions: Conditions | None = None
        self._chance = random.Random()  # noqa: S311 - weather, not secrets
        self.bytes = 0

    def begin(self, conditions: Conditions | None, seed: int = 0) -> None:
        self._due.clear()
        self._conditions = conditions
        self._chance.seed(seed)
        self._free_at = 0.0
        self.bytes = 0

    def take(self, data: bytes, now: float, *, up: bool) -> None:
        self.bytes += len(data)
        if self._conditions is None:
            self._due.append((now, data))
            return
        speed = self._conditions.rate / 8
        queued = max(0.0, self._free_at - now) * speed
        if queued + len(data) > max(speed * self._conditions.rtt_s, _LEAST_QUEUE):
            return
        self._free_at = max(self._free_at, now) + len(data) / speed
        if up and self._chance.random() >= self._conditions.loss:
            self._due.append((self._free_at + self._conditions.rtt_s / 2, data))

    def deliver(self, now: float) -> float:
        """Let out what is due; when the next is, or infinity."""
        while self._due and self._due[0][0] <= now:
            with contextlib.suppress(OSError):
                os.write(self._out, self._due.popleft()[1])
        return self._due[0][0] if self._due else float("inf")


class Carrier:
    """Both directions, and the words that come in on standard input."""

    def __init__(self, ends: tuple[int, int]) -> None:
        self._ways = {ends[0]: Direction(ends[1]), ends[1]: Direction(ends[0])}
        self._conditions: Conditions | None = None
        self._began = 0.0

    def run(self, orders: IO[str]) -> None:
        while True:
            now = time.monotonic()
            due = min(way.deliver(now) for way in self._ways.values())
            longest = min(0.05, max(0.0, due - now))
            for ready in select.select([orders, *self._ways], [], [], longest)[0]:
                if ready is orders:
                    line = orders.readline()
                    if not line:
                        return
                    print(json.dumps(self._obey(json.loads(line))), flush=True)
                else:
                    self._carry(ready)

    def _carry(self, end: int) -> None:
        now = time.monotonic()
        for _ in range(64):
            try:
                data = os.read(end, 2048)
            except BlockingIOError:
                return
            if data[0] >> 4 == 4:
                self._ways[end].take(data, now, up=self._up(now))

    def _up(self, now: float) -> bool:
        one = self._conditions
        if one is None or not one.down_s:
            return True
        return (now - self._began) % (one.up_s + one.down_s) < one.up_s

    def _obey(self, words: dict[str, Any]) -> dict[str, Any]:
        if "count" in words:
            return {"bytes": sum(way.bytes for way in self._ways.values())}
        seed = words.pop("seed", 0)
        self._conditions = None if "rest" in words else Conditions(**words)
        self._began = time.monotonic()
        for number, way in enumerate(self._ways.values()):
            way.begin(self._conditions, seed * 2 + number)
        return {}


def main() -> None:
    ends = []
    for device in sys.argv[1:3]:
        end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH", device.encode(), _TUN_NO_PI))
        ends.append(end)
    print("{}", flush=True)
    Carrier((ends[0], ends[1])).run(sys.stdin)


if __name__ == "__main__":
    main()
