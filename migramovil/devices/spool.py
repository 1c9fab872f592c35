"""What the print system of this machine (CUPS) leaves on the disk of the slips it prints.

Read from its two files of settings, cupsd.conf and cups-files.conf: what neither says is as CUPS
has it by itself, and that is to keep every printed document for a day.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from migramovil.core.trouble import Trouble, Who
from migramovil.devices import host

FOLDER = Path("/etc/cups")
_LONGEST_HISTORY_S = 3600
_LONGEST_WAIT_S = 600
_UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_KNOWN = {
    "preservejobfiles": "86400",
    "preservejobhistory": "yes",
    "maxjobtime": "10800",
    "requestroot": "/var/spool/cups",
    "tempdir": "/var/spool/cups/tmp",
}


class SpoolKeepsSlips(Trouble):
    code = "PRN-20"
    what = "El sistema de impresión guarda en el disco los comprobantes ya impresos."
    advice = "Avise al técnico: debe poner «PreserveJobFiles No» en cupsd.conf."
    who = Who.TECHNICIAN


class SpoolOnDisk(Trouble):
    code = "PRN-21"
    what = "Los comprobantes esperan su impresión en un disco sin cifrar."
    advice = "Avise al técnico: la cola debe estar en memoria (RequestRoot y TempDir)."
    who = Who.TECHNICIAN


class SpoolRemembers(Trouble):
    code = "PRN-22"
    what = "El sistema de impresión recuerda sin límite los folios impresos."
    advice = "Avise al técnico: debe poner «PreserveJobHistory 600» en cupsd.conf."
    who = Who.TECHNICIAN


class SpoolPrintsLate(Trouble):
    code = "PRN-23"
    what = "Un comprobante olvidado en la cola podría salir horas después."
    advice = "Avise al técnico: debe poner «MaxJobTime 180» en cupsd.conf."
    who = Who.TECHNICIAN


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolFinding:
    """One setting as it is in force, and the trouble if it is one; not `known`: not readable."""

    setting: str
    value: str
    trouble: Trouble | None = None
    known: bool = True


def spool_findings(folder: Path = FOLDER, root: Path = host.ROOT) -> tuple[SpoolFinding, ...]:
    """What the spool of this machine keeps; nothing where there is no CUPS."""
    if not (folder / "cupsd.conf").exists():
        return ()
    try:
        said = _settings(folder / "cupsd.conf") | _settings(folder / "cups-files.conf")
    except OSError:
        return (SpoolFinding(setting=str(folder), value="", known=False),)
    in_force = _KNOWN | said
    return (
        _judged("PreserveJobFiles", in_force, lambda told: told != 0, SpoolKeepsSlips),
        _judged("PreserveJobHistory", in_force, _too_long, SpoolRemembers),
        _judged("MaxJobTime", in_force, lambda told: not 0 < told <= _LONGEST_WAIT_S,
                SpoolPrintsLate),
        _placed("RequestRoot", in_force, root),
        _placed("TempDir", in_force, root),
    )  # fmt: skip


def _settings(path: Path) -> dict[str, str]:
    """Names in small letters; the last one said of each is in force."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    pairs = (line.strip().partition(" ") for line in lines)
    return {
        name.lower(): value.strip()
        for name, _, value in pairs
        if name and not name.startswith(("#", "<"))
    }


def _judged(
    name: str, in_force: dict[str, str], bad: Callable[[float], bool], trouble: type[Trouble]
) -> SpoolFinding:
    value = in_force[name.lower()]
    return SpoolFinding(
        setting=name, value=value, trouble=trouble() if bad(_seconds(value)) else None
    )


def _seconds(value: str) -> float:
    """0 for No, endless for Yes and for what nobody can read: then it is not what we ask for."""
    told = value.lower()
    if told in {"no", "off", "false"}:
        return 0
    unit = _UNITS.get(told[-1:], 1)
    digits = told.rstrip("wdhms")
    return int(digits) * unit if digits.isdecimal() else float("inf")


def _too_long(told: float) -> bool:
    return told > _LONGEST_HISTORY_S


def _placed(name: str, in_force: dict[str, str], root: Path) -> SpoolFinding:
    """In memory, or on an encrypted disk."""
    value = in_force[name.lower()]
    if _in_memory(Path(value), root):
        return SpoolFinding(setting=name, value=value)
    disk = host.encryption(Path(value), root)
    trouble = None if disk.trouble is None else SpoolOnDisk()
    return SpoolFinding(setting=name, value=value, trouble=trouble, known=disk.known)


def _in_memory(folder: Path, root: Path) -> bool:
    """Whether the innermost mount that holds a folder is a tmpfs."""
    try:
        table = (root / "proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    where, best, kind = os.path.realpath(folder), "", ""
    for line in table.splitlines():
        left, _, right = line.partition(" - ")
        point, kinds = left.split()[4:5], right.split()[:1]
        inside = point and (where == point[0] or where.startswith(point[0].rstrip("/") + "/"))
        if inside and kinds and len(point[0]) >= len(best):
            best, kind = point[0], kinds[0]
    return kind in {"tmpfs", "ramfs"}
