"""`migramovil devices …`: what is plugged in, whether it works, one picture of it.

Exit status: 0 all is well, 1 something is bad, 2 there is nothing to use (or misuse).
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import typer

from migramovil import cli_report, settings
from migramovil.cli_common import AsJson, Data, home, tell
from migramovil.core.trouble import Trouble
from migramovil.devices import registry
from migramovil.devices.lanes import Lane
from migramovil.devices.ports import DeviceKind, DeviceRole, DeviceState, DriverSpec, Fix
from migramovil.devices.registry import Bench
from migramovil.devices.trouble import NoDevice, NotAllowed, NotInstalled
from migramovil.services.accounts import NobodyInside
from migramovil.services.checks import NAMES, Check, Outcome, Result, Station, Subject, spools
from migramovil.services.clock import StationClock, boot
from migramovil.services.diagnosing import DeviceReport, Diagnosing, DriverReport
from migramovil.services.self_tests import FINGER_S
from migramovil.store import files, marks, verify
from migramovil.store.outbox import Outbox
from migramovil.vision.finger import FingerQuality
from migramovil.vision.pictures import encode_png

BAD, NOTHING = 1, 2
_WORDS = {
    Outcome.OK: "bien",
    Outcome.WARNS: "atención",
    Outcome.BAD: "con falla",
    Outcome.UNKNOWN: "no se sabe",
}
_STATES = {
    DeviceState.READY: "listo",
    DeviceState.BUSY: "en uso",
    DeviceState.ABSENT: "no está",
    DeviceState.FAULTED: "con falla",
}
_USELESS = (NoDevice, NotInstalled, NotAllowed)

app = typer.Typer()
app.command("report")(cli_report.report)

Training = Annotated[
    bool, typer.Option("--training", help="The played devices of a training station.")
]


@app.command("list")
def devices_list(data: Data = None, training: Training = False, as_json: AsJson = False) -> None:
    """Every device, with what it serves for, how it stands and what went wrong; every driver."""
    with _bench(data, training=training) as (bench, folder), _diagnosing(bench, folder) as asked:
        reports = asked.devices().result()
        drivers = asked.drivers().result()
    for report in reports:
        tell(as_json, _report_line(report), _report_words(report))
    for driver in drivers:
        tell(as_json, _driver_line(driver), _driver_words(driver))
    usable = [one for one in reports if one.state in {DeviceState.READY, DeviceState.BUSY}]
    if not usable:
        raise typer.Exit(NOTHING)
    if len(usable) < len(reports) or any(one.trouble is not None for one in usable):
        raise typer.Exit(BAD)


@app.command("test")
def devices_test(
    what: Annotated[
        list[str] | None,
        typer.Argument(help="Roles and checks, or «devices», «station»; all without a word."),
    ] = None,
    read_back: Annotated[
        bool,
        typer.Option("--read-back", help="After the test page: the camera reads its code."),
    ] = False,
    data: Data = None,
    training: Training = False,
    as_json: AsJson = False,
) -> None:
    """Try the devices and the station itself; says what a person must do meanwhile."""
    results = []
    with _bench(data, training=training) as (bench, folder), _diagnosing(bench, folder) as asked:
        for of in _subjects(what or [], asked.subjects()):
            results.append(asked.test(of, _prompter()).result())
            tell(as_json, _result_line(results[-1]), _result_words(results[-1]))
        if read_back:
            results.append(asked.read_back(_prompter()).result())
            tell(as_json, _result_line(results[-1]), _result_words(results[-1]))
    raise typer.Exit(_status(results))


@app.command("assign")
def devices_assign(
    role: Annotated[DeviceRole, typer.Argument(help="What for.")],
    device: Annotated[
        str, typer.Argument(help="Its serial number, USB port or path, as `devices list` tells.")
    ],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Give a device a role: it keeps it after a restart, and in another socket if it has a serial
    number that no twin shares."""
    with _bench(data, training=False) as (bench, _):
        known = [
            info
            for info in bench.present(role.kind)
            if device in {info.serial, info.port, info.path}
        ]
        if len(known) != 1:
            print(f"{len(known)} devices answer to {device!r}", file=sys.stderr)
            raise typer.Exit(NOTHING)
        bench.roles.assign(role, known[0])
    line = {"role": role.value, "model": known[0].model, "path": known[0].path}
    tell(as_json, line, f"{NAMES[role]}: {known[0].model} {known[0].path}")


@app.command("capture")
def devices_capture(
    role: Annotated[DeviceRole, typer.Argument(help="Whose.")] = DeviceRole.FINGERS,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write; a PNG for pictures.")
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Behave as a recording needs (fixed scramble seed).")
    ] = False,
    data: Data = None,
    training: Training = False,
    as_json: AsJson = False,
) -> None:
    """One capture from one device, into a file that only you can read. It may show a person."""
    if role is DeviceRole.PRINTER:
        raise typer.BadParameter("a printer captures nothing: `devices test printer`")
    if out is None:
        raise typer.BadParameter("needed", param_hint="--out")
    try:
        written, figures = _replayed() if replay else _captured(role, data, training=training)
    except _USELESS as trouble:
        print(f"{trouble.code}  {trouble.what}\n{trouble.advice}", file=sys.stderr)
        raise typer.Exit(NOTHING) from None
    files.write(out, written)
    words = ", ".join(f"{name} {value}" for name, value in figures.items())
    tell(as_json, {"file": str(out), **figures}, f"{out}: {words}")


# ---- what is examined --------------------------------------------------------------------------
@contextlib.contextmanager
def _bench(data: Path | None, *, training: bool) -> Iterator[tuple[Bench, Path]]:
    """The devices of the station in `data`, and where its disk is looked at."""
    folder = data or home(training=False)
    known = folder if folder.is_dir() else None
    with ExitStack() as ends:
        specs = _played(ends) if training else _real(folder)
        bench = Bench(specs, folder=None if training else known)
        ends.callback(bench.close)
        while not folder.is_dir():
            folder = folder.parent
        yield bench, folder


def _real(folder: Path) -> tuple[DriverSpec, ...]:
    at = settings.read(folder).devices
    return registry.drivers(registry.Addresses(**asdict(at)))


def _played(ends: ExitStack) -> tuple[DriverSpec, ...]:
    from migramovil.devices.sim import people
    from migramovil.devices.sim.station import SimulatedStation

    sim = SimulatedStation(people.population(1))
    ends.callback(sim.close)
    sim.next_person()
    return sim.specs


@contextlib.contextmanager
def _diagnosing(bench: Bench, folder: Path) -> Iterator[Diagnosing]:
    """The service that the page uses, with nobody inside.

    The stores are opened by who asks about them: what ails them must not hide the devices.
    """
    with ExitStack() as ends:
        opened: list[Outbox] = []

        def outbox() -> Outbox | None:
            if not opened and (folder / "outbox.db").exists():
                opened.append(ends.enter_context(Outbox(folder)))
            return opened[0] if opened else None

        def books() -> verify.Books | None:
            line = outbox()
            return None if line is None else verify.read(line, None)

        station = Station(folder, outbox, _clock(outbox), books, spools=lambda: spools(bench))
        quality, lane = FingerQuality(), Lane("inspection")
        ends.callback(quality.close)
        ends.callback(lane.close)
        yield Diagnosing(bench, quality, lane, _nobody, station)


def _clock(outbox: Callable[[], Outbox | None]) -> StationClock:
    """With what headquarters said last, where the stores tell."""
    with contextlib.suppress(Trouble):
        line = outbox()
        if line is not None:
            memory = marks.Mark(line, "clock.signed")
            return StationClock(boot=boot(), memory=memory, sealed=line.last_sealed)
    return StationClock(boot=boot())


def _nobody(_act: object) -> object:
    raise NobodyInside


def _subjects(words: Iterable[str], known: tuple[Subject, ...]) -> list[Subject]:
    """What was asked for, the station's own checks first: they ask nobody for anything."""
    groups: dict[str, list[Subject]] = {
        "devices": [of for of in known if isinstance(of, DeviceRole)],
        "station": [*Check],
    }
    single: dict[str, list[Subject]] = {of.value: [of] for of in (*Check, *DeviceRole)}
    asked: list[Subject] = []
    for word in words:
        if word not in groups | single:
            choices = ", ".join([*groups, *single])
            raise typer.BadParameter(f"{word!r} is none of {choices}")
        asked += (groups | single)[word]
    return asked or [*groups["station"], *groups["devices"]]


def _prompter() -> Callable[[str, Any], None]:
    """Says each new thing once, on the error channel."""
    said: set[str] = set()

    def say(words: str, _picture: object) -> None:
        if words not in said:
            said.add(words)
            print(words, file=sys.stderr)

    return say


def _status(results: Iterable[Result]) -> int:
    every = list(results)
    if every and all(isinstance(one.trouble, _USELESS) for one in every):
        return NOTHING
    return BAD if any(one.outcome is Outcome.BAD for one in every) else 0


# ---- one capture -------------------------------------------------------------------------------
def _captured(
    role: DeviceRole, data: Path | None, *, training: bool
) -> tuple[bytes, dict[str, Any]]:
    takes: dict[DeviceKind, Callable[[Any, Event], tuple[bytes, dict[str, Any]]]] = {
        DeviceKind.CAMERA: _frame,
        DeviceKind.FINGERPRINT: _impression,
        DeviceKind.MRZ: _lines,
        DeviceKind.GNSS: _fix,
    }
    with _bench(data, training=training) as (bench, _):
        return bench.slots[role].use(takes[role.kind]).result()


def _frame(camera: Any, off: Event) -> tuple[bytes, dict[str, Any]]:
    still = camera.info.capabilities.get("still")
    take = camera.capture_still if still else camera.read
    pixels = take(timeout_s=10.0, cancelled=off).pixels
    return encode_png(pixels), {"width": pixels.shape[1], "height": pixels.shape[0]}


def _impression(reader: Any, off: Event) -> tuple[bytes, dict[str, Any]]:
    print("Ponga un dedo sobre el vidrio.", file=sys.stderr)
    image = reader.capture(timeout_s=FINGER_S, cancelled=off)
    height, width = image.pixels.shape
    return encode_png(image.pixels), {"width": width, "height": height, "ppi": image.ppi}


def _replayed() -> tuple[bytes, dict[str, Any]]:
    from migramovil.devices.replay import capture_once

    image = capture_once(replay=True)
    height, width = image.pixels.shape
    return encode_png(image.pixels), {"width": width, "height": height, "ppi": image.ppi}


def _lines(reader: Any, off: Event) -> tuple[bytes, dict[str, Any]]:
    print("Pase un documento por el lector.", file=sys.stderr)
    lines = reader.read_lines(timeout_s=FINGER_S, cancelled=off)
    return "\n".join([*lines, ""]).encode(), {"lines": len(lines), "letters": len(lines[0])}


def _fix(receiver: Any, off: Event) -> tuple[bytes, dict[str, Any]]:
    fix: Fix = receiver.read_fix(timeout_s=60.0, cancelled=off)
    told = asdict(fix) | {"utc": fix.utc.isoformat()}
    return json.dumps(told).encode(), {"satellites": fix.satellites}


# ---- lines -------------------------------------------------------------------------------------
def _report_line(report: DeviceReport) -> dict[str, Any]:
    return {
        "role": report.role.value,
        "driver": report.driver,
        "model": report.model,
        "serial": report.serial,
        "firmware": report.firmware,
        "path": report.path,
        "state": report.state.value,
        "installed": report.installed,
        "simulated": report.simulated,
        "trouble": report.trouble.code if report.trouble else None,
        "faults": [
            {"code": f.code, "when": f.when, "recovered": f.recovered} for f in report.faults
        ],
    }


def _report_words(report: DeviceReport) -> str:
    state = _STATES[report.state] if report.installed else "no instalado"
    serial = f"serie {report.serial}" if report.serial else ""
    parts = [report.model, report.driver, serial, report.path]
    lines = [f"{NAMES[report.role]:24} {state:12} {' · '.join(part for part in parts if part)}"]
    if report.trouble is not None:
        lines.append(f"{'':24} {report.trouble.code}  {report.trouble.what}")
    for fault in report.faults:
        end = f"bien desde {fault.recovered}" if fault.recovered else "sigue"
        lines.append(f"{'':24} antes: {fault.code} {fault.when}, {end}")
    return "\n".join(lines)


def _driver_line(driver: DriverReport) -> dict[str, Any]:
    found = [
        {"model": i.model, "serial": i.serial, "port": i.port, "path": i.path, **i.capabilities}
        for i in driver.found
    ]
    return {
        "kind": driver.kind.value,
        "driver": driver.name,
        "installed": driver.installed,
        "devices": found,
    }


def _driver_words(driver: DriverReport) -> str:
    state = f"{len(driver.found)} presentes" if driver.installed else "no instalado"
    lines = [f"controlador {driver.name:16} {driver.kind.value:12} {state}"]
    for info in driver.found:
        known = (info.model, info.serial, info.port, info.path)
        lines.append(f"{'':24} {' · '.join(word for word in known if word)}")
    return "\n".join(lines)


def _result_line(result: Result) -> dict[str, Any]:
    return {
        "of": result.of.value,
        "outcome": result.outcome.value,
        "text": result.text,
        "figures": dict(result.figures),
        "trouble": result.trouble.code if result.trouble else None,
    }


def _result_words(result: Result) -> str:
    lines = [f"{NAMES[result.of]:24} {_WORDS[result.outcome]:12} {result.text}"]
    lines += [f"{'':24} {what}: {value}" for what, value in result.figures]
    if result.trouble is not None:
        lines.append(f"{'':24} {result.trouble.code}  {result.trouble.advice}")
    return "\n".join(lines)
