"""Fingers and portraits as the record tells them: positions, attempts, thresholds, exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from migramovil.core.roles import Approval

# ISO/IEC 19794 and ANSI/NIST-ITL position codes: 1 right thumb … 5 right little, 6 left thumb … 10.
POSITIONS = tuple(range(1, 11))


class ExceptionCode(StrEnum):
    """Why a finger has no usable impression (ANSI/NIST-ITL amputation codes)."""

    AMPUTATED = "XX"
    UNABLE = "UP"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceUsed:
    """The device as it named itself when it captured; ppi 0 where it does not apply."""

    driver: str
    model: str
    serial: str = ""
    ppi: int = 0
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number somebody's algorithm gave: its name, version, value 0–100, and our threshold."""

    name: str
    version: str
    value: int
    threshold: int = 0

    @property
    def ok(self) -> bool:
        return self.value >= self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One impression: its picture's object id ("" once a better one replaced it) and its quality.

    `quality` is None where the measure refused the picture: that is no zero, it is no answer.
    """

    object_id: str = ""
    quality: int | None = None
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finger:
    """Everything about one position: attempts in order, or a declared exception."""

    position: int
    attempts: tuple[Attempt, ...] = ()
    measure: str = ""
    measure_version: str = ""
    device: DeviceUsed | None = None
    exception: ExceptionCode | None = None
    reason: str = ""
    declared_by: str = ""
    approved_by: str = ""
    approval: Approval | None = None

    @property
    def best(self) -> Attempt | None:
        kept = [a for a in self.attempts if a.object_id]
        return max(kept, key=lambda a: -1 if a.quality is None else a.quality, default=None)

    @property
    def quality(self) -> int | None:
        return self.best.quality if self.best else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """The master picture (lossless, 3:4) and what was measured on it."""

    object_id: str
    width: int
    height: int
    measures: tuple[Measure, ...]
    device: DeviceUsed
    reason: str = ""  # why it was taken although a measure was under its threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerRules:
    """The settings of the fingerprint step."""

    positions: tuple[int, ...] = POSITIONS
    threshold: int = 40
    attempts: int = 3
    age_floor: int = 6


def settled(finger: Finger | None, rules: FingerRules) -> bool:
    """Whether a finger needs nothing more: good enough, or an exception with its reason, approved
    by someone other than who declared it.

    A finger still under the threshold after every attempt is an exception too.
    """
    if finger is None:
        return False
    if finger.exception is not None:
        alone = finger.approved_by == finger.declared_by
        return bool(finger.approved_by) and not alone and bool(finger.reason.strip())
    return finger.quality is not None and finger.quality >= rules.threshold
