"""What a technician may set for one station: station.toml in the data folder, frozen once read."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from migramovil.core.biometrics import FingerRules
from migramovil.core.places import Spot
from migramovil.core.trouble import Trouble


class BadSettings(Trouble):
    code = "SET-02"
    what = "El archivo station.toml tiene un valor que no se entiende."
    advice = "Corrija el valor indicado o borre el archivo para volver a lo normal."


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    theme: str = "light"
    large: bool = False
    reduce_motion: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """Where the devices are that do not announce themselves: devices/registry.py, Addresses."""

    printer: str = ""
    mrz: str = ""
    camera: str = ""
    gnss: str = ""
    finger_serial: str = ""
    sbi: str = "4501-4600"
    sbi_roots: str = ""
    sbi_environment: str = "Production"
    vendor_library: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Minutes without a key or the mouse until the station locks itself; 0 never."""

    idle_minutes: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafts:
    """Days after its last change on which an open enrollment is still expected to go on."""

    days: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """Where backups go by themselves: a folder, or a medium by its label; how often, in hours."""

    folder: str = ""
    label: str = ""
    hours: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """Hours a packet stays after headquarters said it opened it; the hour (Lima) of the next day
    at which the jornada's compartment is destroyed."""

    retention_hours: int = 72
    jornada_ends: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Whether the link is always paid by the byte; megabytes a day over such a link, 0 without
    limit; whether images wait for one that is not."""

    metered: bool = False
    daily_mb: int = 0
    hold_images: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`hardware`: what strengthens new slots here: "none", "tpm2" or "keyring"; `places`: where the
    vehicle works, for a satellite receiver to tell."""

    fingers: FingerRules = field(default_factory=FingerRules)
    look: Look = field(default_factory=Look)
    devices: Devices = field(default_factory=Devices)
    session: Session = field(default_factory=Session)
    hardware: Literal["none", "tpm2", "keyring"] = "none"
    drafts: Drafts = field(default_factory=Drafts)
    backup: Backup = field(default_factory=Backup)
    keeping: Keeping = field(default_factory=Keeping)
    link: Link = field(default_factory=Link)
    places: tuple[Spot, ...] = ()


def read(folder: Path) -> Settings:
    """The settings in `folder`/station.toml; the normal ones where there is no file."""
    path = folder / "station.toml"
    if not path.exists():
        return Settings()
    try:
        plain: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(plain, Settings)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as problem:
        raise BadSettings(str(problem)) from None
