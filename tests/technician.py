"""Makes docs/technician.md: `python -m tests.technician`. Each fault is put into a played device
and the real command is run, as a new technician would; what it printed is what the page shows.

`python -m tests.technician play FAULT WORDS…` is `migramovil WORDS…` on a machine that has this
fault: a page that is made on any machine must not tell that machine's own.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from migramovil.core.trouble import Trouble
from migramovil.devices import host, spool
from migramovil.devices.host import Finding, HostCheck
from migramovil.devices.sim import people
from migramovil.devices.sim.camera_film import CameraFilm
from migramovil.devices.sim.ef01_pty import Ef01Pty, SensorFault
from migramovil.devices.sim.gnss_pty import GnssPty
from migramovil.devices.sim.mrz_pty import MrzPty
from migramovil.devices.sim.thermal_printer import PrinterFault, ThermalPrinter
from tests.headquarters.rig import Place
from tests.services.bench import PASSWORD, SUPERVISOR

PAGE = Path(__file__).parents[1] / "docs" / "technician.md"
_HOME = "/var/lib/migramovil"
_LATE = timedelta(days=3, hours=2)


class Van:
    """The played devices at the far end of the real drivers' cables, named in station.toml."""

    def __init__(self, folder: Path, place: Place) -> None:
        self.folder, self.place = folder, place
        person = people.person(3, 3)
        self.camera = CameraFilm(person.camera_frames()[:4])
        self.reader = Ef01Pty(lambda: person.impression(2, 1))
        self.printer = ThermalPrinter()
        self.mrz = MrzPty()
        self.gnss = GnssPty(pace_s=0.1)
        self.name()

    def name(self, **others: str) -> None:
        """Write down where each device is, or where it is not."""
        addresses = {
            "camera": self.camera.address, "finger_serial": self.reader.port,
            "printer": self.printer.address, "mrz": self.mrz.port, "gnss": self.gnss.port,
            "sbi": "", **others,
        }  # fmt: skip
        lines = [f'{name} = "{value}"' for name, value in addresses.items()]
        (self.folder / "station.toml").write_text(
            "\n".join(["[devices]", *lines]), encoding="utf-8"
        )

    def close(self) -> None:
        for device in (self.camera, self.reader, self.printer, self.mrz, self.gnss):
            device.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`does` makes a device ill; `machine` names what the played machine has; `code` must show."""

    title: str
    told: str
    code: str
    does: Callable[[Van], object] = lambda _: None
    machine: str = "well"
    linked: bool = True
    words: tuple[str, ...] = ("devices", "report")


def _set(device: str, name: str, value: object) -> Callable[[Van], object]:
    return lambda van: setattr(getattr(van, device), name, value)


FAULTS = (
    Fault(title="Nada falla", told="Todo conectado y en línea.", code=""),
    Fault(title="Cámara desconectada", told="Se retiró su cable.", code="DEV-01",
          does=lambda van: van.camera.unplug()),
    Fault(title="Cámara a oscuras", told="El lente está tapado.", code="CAM-04",
          does=_set("camera", "dark", True)),
    Fault(title="Cámara con poca luz", told="El toldo está cerrado.", code="CHK-11",
          does=_set("camera", "dim", True)),
    Fault(title="Cámara detenida", told="Repite siempre la misma imagen.", code="CAM-03",
          does=_set("camera", "frozen", True)),
    Fault(title="Huellero muerto", told="No contesta.", code="DEV-01",
          does=_set("reader", "fault", SensorFault.HANGS)),
    Fault(title="Sin papel", told="El rollo se acabó.", code="PRN-02",
          does=lambda van: setattr(van.printer, "fault", PrinterFault.PAPER_OUT)),
    Fault(title="Tapa abierta", code="PRN-03",
          told="Alguien cambió el rollo y no cerró. Solo se nota al imprimir.",
          does=lambda van: setattr(van.printer, "fault", PrinterFault.COVER_OPEN),
          words=("devices", "test", "printer")),
    Fault(title="Impresora apagada", told="No responde en su dirección.", code="PRN-01",
          does=lambda van: van.printer.unplug()),
    Fault(title="GPS mudo", told="El receptor no envía nada.", code="DEV-02",
          does=_set("gnss", "hangs", True)),
    Fault(title="GPS bajo techo", told="El receptor habla y no ve satélites.", code="GNS-01",
          does=_set("gnss", "fix", False)),
    Fault(title="Lector de documentos en otro puerto", code="DEV-05",
          told="El puerto que nombra `station.toml` no existe.",
          does=lambda van: van.name(mrz="/dev/ttyACM7")),
    Fault(title="Sin conexión", told="Sede central no responde.", code="SYN-01", linked=False),
    Fault(title="Reloj equivocado", told="Alguien lo adelantó tres días.", code="CHK-04",
          machine="clock"),
    Fault(title="Disco casi lleno", told="Quedan 2 GB.", code="HST-02", machine="full"),
    Fault(title="Disco que falla", told="Lo dice el propio disco (SMART).", code="HST-04",
          machine="failing"),
    Fault(title="Disco sin cifrar", told="El sistema se instaló sin LUKS.", code="HST-05",
          machine="clear"),
    Fault(title="Swap en claro", told="Hay un área de intercambio sin cifrar.", code="HST-06",
          machine="swap"),
    Fault(title="Batería baja", told="El generador se apagó.", code="HST-08", machine="battery"),
)  # fmt: skip


# --- a machine that has just this -----------------------------------------------------------------
def _found(check: HostCheck, trouble: Trouble | None = None) -> Callable[..., Finding]:
    return lambda *_: Finding(check=check, trouble=trouble)


def ill(fault: str) -> dict[tuple[Any, str], Any]:
    """What the played machine answers: (where, name) → what stands there instead."""
    troubles: dict[str, tuple[HostCheck, Trouble]] = {
        "full": (HostCheck.SPACE, host.DiskFull()),
        "failing": (HostCheck.HEALTH, host.DiskFailing()),
        "clear": (HostCheck.ENCRYPTION, host.DiskNotEncrypted()),
        "swap": (HostCheck.SWAP, host.SwapNotEncrypted()),
        "battery": (HostCheck.POWER, host.BatteryLow()),
    }
    about, trouble = troubles.get(fault, (None, None))
    names = {check: check.value for check in HostCheck} | {HostCheck.SYNC: "sync_time"}
    played: dict[tuple[Any, str], Any] = {
        (host, name): _found(check, trouble if check is about else None)
        for check, name in names.items()
    }
    played[(spool, "spool_findings")] = lambda *_: ()
    return played


def play(fault: str, words: list[str]) -> None:
    """`migramovil WORDS…` on that machine."""
    from migramovil import app, cli
    from migramovil.services import checks
    from migramovil.services.clock import StationClock

    for (where, name), value in ill(fault).items():
        setattr(where, name, value)
    checks.SLOW_S, checks.LOSSY = 60.0, 1.0  # the machine that makes the page may be busy
    if fault == "clock":
        late = functools.partial(StationClock, lambda: datetime.now(UTC) + _LATE)
        app.StationClock = late  # type: ignore[assignment,misc]
    sys.argv = ["migramovil", *words]
    cli.main()


# --- the page -------------------------------------------------------------------------------------
@contextmanager
def station(root: Path) -> Iterator[tuple[Path, Place]]:
    """An enrolled station whose headquarters answers, and which heard the time of it."""
    from migramovil import app
    from tests.services.test_who_may import Sim

    folder, place = root / "station", Place(root / "hq").init()
    with place.serving():
        sim: Any = Sim()
        built = app.build(folder, training=True, sim=sim, password_memory_kib=64)
        try:
            accounts = built.desk.accounts
            accounts.enroll(place.url, place.code(), "Móvil 1", SUPERVISOR, PASSWORD).result(20)
        finally:
            built.close()
        ran("well", "sync", "now", "--data", str(folder))
        yield folder, place


def ran(machine: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.technician", "play", machine, *words]
    root = str(Path(__file__).parents[1])
    return subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)


def shown(root: Path, words: list[str], machine: str = "well") -> str:
    """A command and all it said, as it stands on the screen; paths as they are on a station."""
    done = ran(machine, *words)
    names = {str(root / "station"): _HOME, str(root / "stick"): "/media/tecnico/VIAJE",
             str(root / "hq"): "/srv/sede", str(root / "out"): "/tmp"}  # fmt: skip
    told = f"$ migramovil {' '.join(words)}\n{done.stdout}{done.stderr}"
    for real, said in names.items():
        told = told.replace(real, said)
    ending = "" if done.returncode == 0 else f"(termina con {done.returncode})\n"
    return f"```\n{told.rstrip()}\n{ending}```\n"


def one(root: Path, folder: Path, place: Place, fault: Fault) -> str:
    """The section of one fault; AssertionError where the command does not name it."""
    with ExitStack() as ends:
        van = Van(folder, place)
        ends.callback(van.close)
        fault.does(van)
        words = [*fault.words, "--data", str(folder)]
        if not fault.linked:
            _elsewhere(folder)
        text = shown(root, words, fault.machine)
        if not fault.linked:
            _back(folder, place)
    named = re.findall(r"^ *([A-Z]{2,4}-\d\d)  ", text, re.MULTILINE)
    assert named == ([fault.code] if fault.code else []), f"{fault.title}: {text}"
    return f"## {fault.title}\n\n{fault.told}\n\n{text}"


def _elsewhere(folder: Path) -> None:
    _point(folder, "https://127.0.0.1:9")


def _back(folder: Path, place: Place) -> None:
    _point(folder, place.url)


def _point(folder: Path, url: str) -> None:
    """Have the station look for headquarters there."""
    from dataclasses import replace

    from migramovil.store.outbox import Outbox

    with Outbox(folder) as outbox:
        identity = outbox.station()
        assert identity is not None
        outbox.enroll(replace(identity, url=url))


def sent(root: Path, folder: Path, place: Place) -> str:
    """The report's two ways, and its opening at support."""
    (root / "stick").mkdir()
    (root / "out").mkdir()
    out = root / "out" / "informe.json"
    van = Van(folder, place)
    try:
        van.printer.fault = PrinterFault.PAPER_OUT
        at = ["--data", str(folder)]
        texts = [
            shown(root, ["devices", "report", "--out", str(root / "stick"), *at]),
            shown(root, ["devices", "report", "--send", *at]),
            shown(root, ["sync", "now", *at]),
        ]
    finally:
        van.close()
    here = ["--data", str(place.data)]
    texts.append(shown(root, ["hq", "support", "list", *here]))
    number = texts[-1].splitlines()[2].split()[0]
    texts.append(shown(root, ["hq", "support", "open", number, "--out", str(out), *here]))
    assert "PRN-02" in texts[-1], texts
    return "\n".join(texts)


HEAD = """# The technician's page

Made by `python -m tests.technician`: each fault was put into a played device at the far end of
the real driver, or into a played machine, and the real command was run in a process of its own.
What follows is what it printed. On a real machine the disk's, the memory's and the print system's
own findings stand beside it. Nothing here was tried on a vehicle.

`migramovil devices report` needs nobody inside and opens nothing personal. It tries everything
that needs no hand, says first what is wrong, with the code to read out and what to do, and ends
with 1 while something is. `--json` prints all of it, redacted; `--out FOLDER` seals it onto a
stick, `--send` leaves it for the next connection. The window shows the same under Diagnóstico,
«Informe para soporte» (F8); while the window is open, use that. What needs a hand (a finger on
the glass, a test page, a document) is `migramovil devices test`. Every code is in
[codes.md](codes.md).
"""
ENDING = """## To support

What is sealed only support opens, with `support/` (docs/headquarters.md).

"""


def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        with station(root) as (folder, place):
            sections = [one(root, folder, place, fault) for fault in FAULTS]
            ways = sent(root, folder, place)
    page = "\n".join([HEAD, *sections, ENDING + ways])
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["play"]:
        play(sys.argv[2], sys.argv[3:])
    else:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        main()
