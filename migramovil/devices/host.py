"""The machine itself: disk, memory, power, and whether what lies on it can be read by a thief.

Read from Linux' own tables under `root`; elsewhere, and where a table is missing, the answer is
"not known", never a guess. Each check is one function that returns a Finding.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from migramovil.core.trouble import Trouble, Who

ROOT = Path("/")
LEAST_FREE = 5 * 1024**3  # bytes: a long day of enrollments, its backup, and the system's own needs
NEARLY_FULL = 20 * 1024**3
SLOW_SYNC_S = 0.25  # a finish waits for five of these
LEAST_MEMORY = 600 * 1024**2  # bytes: unlocking alone takes 256 MB
LOW_BATTERY = 25  # percent
_SYNCS = 12
_SMART_S = 10.0


class HostCheck(StrEnum):
    SPACE = "space"
    SYNC = "sync"
    HEALTH = "health"
    ENCRYPTION = "encryption"
    SWAP = "swap"
    MEMORY = "memory"
    POWER = "power"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check saw: figures in plain words, and the trouble if it is one.

    `known` is False where this machine does not say.
    """

    check: HostCheck
    figures: tuple[tuple[str, str], ...] = ()
    trouble: Trouble | None = None
    known: bool = True

    @property
    def ok(self) -> bool:
        return self.known and self.trouble is None


class DiskNearlyFull(Trouble):
    code = "HST-01"
    what = "Queda poco espacio en el disco de la estación."
    advice = "Se puede seguir enrolando. Avise al técnico para liberar espacio antes de mañana."


class DiskFull(Trouble):
    code = "HST-02"
    what = "El disco de la estación está casi lleno."
    advice = (
        "No empiece la jornada: avise al técnico. No borre carpetas de la estación; "
        "lo que se borra es lo ajeno a ella."
    )


class DiskSlow(Trouble):
    code = "HST-03"
    what = "El disco tarda demasiado en dejar los datos a salvo."
    advice = "Se puede trabajar, más lento. Cierre otros programas; si sigue, el disco falla."


class DiskFailing(Trouble):
    code = "HST-04"
    what = "El disco avisa que va a fallar."
    advice = "Haga un respaldo ahora, envíe lo pendiente y cambie el disco antes de otra jornada."


class DiskNotEncrypted(Trouble):
    code = "HST-05"
    what = "El disco de la estación no está cifrado."
    advice = (
        "Los registros siguen cifrados por la estación. Reinstale el equipo con el disco "
        "cifrado (LUKS): es la segunda cerradura."
    )


class SwapNotEncrypted(Trouble):
    code = "HST-06"
    what = "La memoria de intercambio (swap) se guarda en el disco sin cifrar."
    advice = (
        "Apáguela (swapoff -a) o use swap cifrada o zram; así nada de la memoria queda escrito."
    )


class MemoryShort(Trouble):
    code = "HST-07"
    what = "Queda poca memoria libre en el equipo."
    advice = (
        "Cierre otros programas. Si vuelve a pasar, reinicie el equipo al terminar la atención."
    )


class BatteryLow(Trouble):
    code = "HST-08"
    what = "El equipo funciona con batería y le queda poca."
    advice = "Conecte el cargador. Lo ya guardado no se pierde si se apaga."
    who = Who.OFFICER


# --- disk ------------------------------------------------------------------------------------
def space(folder: Path) -> Finding:
    """What is free where the station keeps its records."""
    used = shutil.disk_usage(folder)
    figures = (("Libre", _size(used.free)), ("Total", _size(used.total)))
    trouble: Trouble | None = None
    if used.free < NEARLY_FULL:
        trouble = DiskFull() if used.free < LEAST_FREE else DiskNearlyFull()
    return Finding(check=HostCheck.SPACE, figures=figures, trouble=trouble)


def sync_time(folder: Path) -> Finding:
    """How long the disk takes to say that 4 KiB are safe: written, flushed and removed again."""
    path = folder / f"{secrets.token_hex(8)}.partial"
    took = []
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for _ in range(_SYNCS):
                began = time.perf_counter()
                file.write(bytes(4096))
                file.flush()
                os.fsync(file.fileno())
                took.append(time.perf_counter() - began)
    finally:
        path.unlink(missing_ok=True)
    usual, worst = statistics.median(took), max(took)
    figures = (("Usual", f"{usual * 1000:.1f} ms"), ("Peor", f"{worst * 1000:.1f} ms"))
    slow = DiskSlow() if usual > SLOW_SYNC_S else None
    return Finding(check=HostCheck.SYNC, figures=figures, trouble=slow)


def health(folder: Path, root: Path = ROOT) -> Finding:
    """What the disk says of itself (SMART, by `smartctl` where it is installed and may ask)."""
    for disk in sorted(_disks(folder, root)):
        told = _smart(disk)
        if told is None:
            continue
        passed = told.get("smart_status", {}).get("passed")
        if isinstance(passed, bool):
            return Finding(
                check=HostCheck.HEALTH,
                figures=tuple(_wear(told)),
                trouble=None if passed else DiskFailing(disk),
            )
    return Finding(check=HostCheck.HEALTH, known=False)


def _smart(disk: str) -> dict[str, Any] | None:
    command = ["smartctl", "--json", "--health", "--attributes", "--info", f"/dev/{disk}"]
    try:
        told = subprocess.run(command, capture_output=True, timeout=_SMART_S, check=False)
        read = json.loads(told.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return read if isinstance(read, dict) else None


def _wear(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if isinstance(model := told.get("model_name"), str):
        yield "Disco", model[:60]
    log = told.get("nvme_smart_health_information_log")
    used = log.get("percentage_used") if isinstance(log, dict) else None
    if isinstance(used, int):
        yield "Desgaste", f"{used} %"
    hours = told.get("power_on_time")
    if isinstance(hours, dict) and isinstance(hours.get("hours"), int):
        yield "Horas encendido", str(hours["hours"])


# --- what a thief could read -------------------------------------------------------------------
def encryption(folder: Path, root: Path = ROOT) -> Finding:
    """Whether everything `folder` lies on is encrypted by the system (dm-crypt)."""
    device = _mounted_on(folder, root)
    if device is None:
        return Finding(check=HostCheck.ENCRYPTION, known=False)
    sealed = _is_encrypted(device, root)
    return Finding(
        check=HostCheck.ENCRYPTION,
        figures=(("Cifrado del sistema", "sí" if sealed else "no"),),
        trouble=None if sealed else DiskNotEncrypted(device),
    )


def swap(root: Path = ROOT) -> Finding:
    """Whether memory may be written to a disk in clear: each area of swap is asked for."""
    table = _text(root / "proc/swaps")
    if table is None:
        return Finding(check=HostCheck.SWAP, known=False)
    areas = [line.split() for line in table.splitlines()[1:] if line.split()]
    clear = [area for area in areas if not _swap_is_safe(area[0], area[1], root)]
    figures = (("Áreas de intercambio", str(len(areas))), ("Sin cifrar", str(len(clear))))
    trouble = SwapNotEncrypted() if clear else None
    return Finding(check=HostCheck.SWAP, figures=figures, trouble=trouble)


def _swap_is_safe(path: str, kind: str, root: Path) -> bool:
    if kind == "file":
        device = _mounted_on(Path(path), root)
    else:
        device = Path(os.path.realpath(root / path.lstrip("/"))).name
    if device is None:
        return False
    return device.startswith("zram") or _is_encrypted(device, root)


def _mounted_on(folder: Path, root: Path) -> str | None:
    """The block device (its name under /sys/class/block) a folder lies on; None if unknown."""
    table = _text(root / "proc/self/mountinfo")
    if table is None:
        return None
    where = os.path.realpath(folder)
    best, found = -1, None
    for line in table.splitlines():
        left, _, right = line.partition(" - ")
        fields, origin = left.split(), right.split()
        if len(fields) < 5 or len(origin) < 2:
            continue
        point = _unescaped(fields[4])
        inside = where == point or where.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:  # the last one mounted there is the one that is seen
            best, found = len(point), _device(fields[2], origin[1], root)
    return found


def _device(numbers: str, source: str, root: Path) -> str | None:
    known = root / "sys/dev/block" / numbers
    if known.exists():
        return known.resolve().name
    name = Path(os.path.realpath(root / source.lstrip("/"))).name  # btrfs hides its numbers
    return name if (root / "sys/class/block" / name).exists() else None


def _is_encrypted(device: str, root: Path) -> bool:
    """Whether all that lies under a block device passes through dm-crypt."""
    here = root / "sys/class/block" / device
    if (_text(here / "dm/uuid") or "").startswith("CRYPT-"):
        return True
    below = _names(here / "slaves")
    if not below and (here / "partition").exists():
        return False
    return bool(below) and all(_is_encrypted(one, root) for one in below)


def _disks(folder: Path, root: Path) -> set[str]:
    """The whole disks at the bottom of what a folder lies on."""
    waiting, found = [_mounted_on(folder, root)], set()
    while waiting:
        device = waiting.pop()
        if device is None:
            continue
        here = root / "sys/class/block" / device
        below = _names(here / "slaves")
        if below:
            waiting.extend(below)
        elif (here / "partition").exists():
            found.add(here.resolve().parent.name)
        else:
            found.add(device)
    return found


# --- memory and power --------------------------------------------------------------------------
def memory(root: Path = ROOT) -> Finding:
    table = _text(root / "proc/meminfo")
    rows = dict(line.split(":", 1) for line in (table or "").splitlines() if ":" in line)
    try:
        free, total = (int(rows[name].split()[0]) * 1024 for name in ("MemAvailable", "MemTotal"))
    except (KeyError, ValueError, IndexError):
        return Finding(check=HostCheck.MEMORY, known=False)
    figures = (("Disponible", _size(free)), ("Total", _size(total)))
    trouble = MemoryShort() if free < LEAST_MEMORY else None
    return Finding(check=HostCheck.MEMORY, figures=figures, trouble=trouble)


def power(root: Path = ROOT) -> Finding:
    """Where the current comes from, and what the battery holds."""
    supplies = root / "sys/class/power_supply"
    charge: int | None = None
    mains: bool | None = None
    for name in _names(supplies):
        one = supplies / name
        kind = (_text(one / "type") or "").strip()
        if kind == "Battery" and (_text(one / "scope") or "").strip() != "Device":
            with contextlib.suppress(ValueError):
                charge = int((_text(one / "capacity") or "").strip())
        elif kind in {"Mains", "USB"}:
            mains = bool(mains) or (_text(one / "online") or "").strip() == "1"
    if charge is None and mains is None:
        return Finding(check=HostCheck.POWER, known=False)
    figures = [("Fuente", "corriente" if mains or charge is None else "batería")]
    if charge is not None:
        figures.append(("Batería", f"{charge} %"))
    low = charge is not None and charge < LOW_BATTERY and not mains
    return Finding(
        check=HostCheck.POWER, figures=tuple(figures), trouble=BatteryLow() if low else None
    )


# --- reading -----------------------------------------------------------------------------------
def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _names(folder: Path) -> list[str]:
    try:
        return sorted(one.name for one in folder.iterdir())
    except OSError:
        return []


def _unescaped(point: str) -> str:
    """A mount point as the kernel writes it: blanks and the like in octal."""
    for code, letter in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, letter)
    return point


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GB"
