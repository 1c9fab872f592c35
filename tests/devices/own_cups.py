"""A print system of one's own for tests: message bus, mDNS, IPP printers, CUPS; all on loopback.

Nothing of the machine's is touched: every socket, spool and log lies in one folder, which goes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

NEEDED = ("dbus-daemon", "avahi-daemon", "ippeveprinter", "cupsd", "lpadmin", "cancel")
RESOURCES = Path(__file__).parents[2] / "resources" / "cups"
_SBIN = ("/usr/sbin", "/sbin")

_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
"""
_AVAHI = """[server]
use-ipv4=yes
use-ipv6=no
allow-interfaces=lo
[publish]
publish-hinfo=no
publish-workstation=no
"""
# Its faults are files beside it: «empty» while there is no paper, «cancel» to break off.
_COMMAND = """#!/bin/sh
for page; do :; done
if [ -e {folder}/empty ]; then
  echo "STATE: +media-empty-error" >&2
  while [ -e {folder}/empty ]; do sleep 0.05; done
  echo "STATE: -media-empty-error" >&2
fi
[ -e {folder}/cancel ] && exit 1
cp "$page" {folder}/pages/
"""
_CUPSD = """Listen {folder}/cups.sock
Listen localhost:{port}
LogLevel warn
MaxLogSize 0
Browsing No
WebInterface No
DefaultAuthType None
JobRetryInterval 1
{ours}
<Location />
  Order allow,deny
  Allow all
</Location>
<Policy default>
  <Limit All>
    Order deny,allow
  </Limit>
</Policy>
"""
_FILES = """SystemGroup root
User lp
Group lp
ServerRoot {folder}
RequestRoot {folder}/state/spool
CacheDir {folder}/cache
StateDir {folder}/state
TempDir {folder}/state/tmp
AccessLog {folder}/access_log
ErrorLog {folder}/error_log
PageLog {folder}/page_log
"""


class CannotRunError(Exception):
    """Why there can be no print system here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eve:
    """An IPP printer. `pages` are the documents it printed."""

    folder: Path
    port: int
    start: Callable[[], None]
    stop: Callable[[], None]

    @property
    def address(self) -> str:
        return f"ipp://localhost:{self.port}/ipp/print"

    @property
    def pages(self) -> list[Path]:
        return sorted((self.folder / "pages").iterdir())

    def is_out_of_paper(self, out: bool) -> None:
        self._mark("empty", out)

    def breaks_off(self, breaks: bool) -> None:
        self._mark("cancel", breaks)

    def _mark(self, name: str, there: bool) -> None:
        mark = self.folder / name
        mark.touch() if there else mark.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cups:
    folder: Path
    socket: str
    port: int

    @property
    def documents(self) -> list[str]:
        """The documents in the spool: slips that lie on the disk."""
        return [path.name for path in (self.folder / "state" / "spool").glob("d*")]

    def run(self, *command: str) -> str:
        env = {**os.environ, "CUPS_SERVER": self.socket}
        done = subprocess.run(
            [_found(command[0]), *command[1:]],
            env=env,
            capture_output=True,
            timeout=20,
            check=False,
        )
        if done.returncode:
            raise CannotRunError(f"{command[0]}: {done.stderr.decode()[-200:]}")
        return done.stdout.decode()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that the spooler's own user may enter, too."""
    made = Path(tempfile.mkdtemp(prefix="own-cups-", dir="/tmp"))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextlib.contextmanager
def mdns(at: Path) -> Iterator[dict[str, str]]:
    """The message bus and the mDNS that ippeveprinter will not start without; its environment."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise CannotRunError("needs root on Linux")
    missing = [name for name in NEEDED if shutil.which(_found(name)) is None]
    if missing:
        raise CannotRunError(f"not installed: {', '.join(missing)}")
    (at / "bus.conf").write_text(_BUS.format(folder=at))
    (at / "avahi.conf").write_text(_AVAHI)
    env = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={at}/bus"}
    env["PATH"] = ":".join((*_SBIN, env.get("PATH", "")))
    with contextlib.ExitStack() as running:
        bus = ["dbus-daemon", f"--config-file={at}/bus.conf", "--nofork", "--nopidfile"]
        running.enter_context(_running(bus, env, at))
        _until((at / "bus").exists, "the message bus")
        said = running.enter_context(_running(_avahi(at), env, at, "avahi"))
        _until(lambda: "startup complete" in said.read_text(errors="replace"), "avahi", said)
        yield env


@contextlib.contextmanager
def eve(at: Path, env: dict[str, str], name: str) -> Iterator[Eve]:
    """An IPP printer called `name`, running."""
    home = at / name
    (home / "pages").mkdir(parents=True)
    (home / "spool").mkdir()
    command = home / "command.sh"
    command.write_text(_COMMAND.format(folder=home))
    command.chmod(0o755)
    port = free_port()
    program = [
        "ippeveprinter", "-n", "localhost", "-p", str(port), "-r", "off", "-c", str(command),
        "-d", str(home / "spool"), "-f", "application/pdf,image/pwg-raster,image/jpeg", name,
    ]  # fmt: skip
    running = contextlib.ExitStack()

    def start() -> None:
        running.enter_context(_running(program, env, home, "printer"))
        _until(lambda: _listens(port), "ippeveprinter", home / "printer.log")

    with running:
        start()
        yield Eve(folder=home, port=port, start=start, stop=running.close)


@contextlib.contextmanager
def cups(at: Path, env: dict[str, str]) -> Iterator[Cups]:
    """A CUPS without queues, running."""
    home = at / "cups"
    for part in ("cache", "state/spool", "state/tmp", "ppd", "ssl"):
        (home / part).mkdir(parents=True, exist_ok=True)
    ours, port = (RESOURCES / "cupsd.conf").read_text(), free_port()
    (home / "cupsd.conf").write_text(_CUPSD.format(folder=home, ours=ours, port=port))
    (home / "cups-files.conf").write_text(_FILES.format(folder=home))
    program = ["cupsd", "-f", "-c", f"{home}/cupsd.conf", "-s", f"{home}/cups-files.conf"]
    with _running(program, env, home, "cupsd") as said:
        _until((home / "cups.sock").exists, "cupsd", said)
        yield Cups(folder=home, socket=str(home / "cups.sock"), port=port)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port: int = door.getsockname()[1]
        return port


def _avahi(at: Path) -> list[str]:
    """avahi keeps its pid in one fixed place: it gets that place to itself, where that is let."""
    plain = ["avahi-daemon", "--no-drop-root", "--no-chroot", "--no-rlimits", "-f"]
    command = [*plain, str(at / "avahi.conf")]
    may = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    if may.returncode:
        return command
    Path("/run/avahi-daemon").mkdir(exist_ok=True)
    own = 'mount -t tmpfs none /run/avahi-daemon && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", own, "sh", *command]


@contextlib.contextmanager
def _running(
    command: list[str], env: dict[str, str], at: Path, name: str = "bus"
) -> Iterator[Path]:
    """A program in a process group of its own, and the file with what it says; ended with all."""
    said = at / f"{name}.log"
    with said.open("ab") as log:
        process = subprocess.Popen(
            [_found(command[0]), *command[1:]],
            env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield said
    finally:
        for how in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(3)
                break


def _until(ready: Callable[[], bool], what: str, said: Path | None = None) -> None:
    end = time.monotonic() + 10
    while not ready():
        if time.monotonic() > end:
            words = said.read_text(errors="replace")[-300:] if said and said.exists() else ""
            raise CannotRunError(f"{what} did not start: {words}")
        time.sleep(0.02)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), 1):
        return True
    return False


def _found(name: str) -> str:
    return shutil.which(name) or next(
        (f"{folder}/{name}" for folder in _SBIN if Path(folder, name).exists()), name
    )
