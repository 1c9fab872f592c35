"""NMEA 0183 sentences out of a receiver's bytes, and fixes out of sentences; no device, no clock.

Checked against the field tables of the receivers' makers: $ddRMC, $ddGGA, $ddGSA, $ddGST. Any
talker counts (GP, GL, GA, GB, GN …): receivers of several systems speak as GN.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from migramovil.devices.ports import Fix

LONGEST = 120
"""Bytes of a sentence. The standard says 82; receivers with more digits go beyond."""
EPOCH = timedelta(weeks=1024)
"""A GPS week has ten bits: an old receiver is wrong by a whole number of these."""
BUILT = date(2026, 11, 1)
"""No fix is older than this program."""
RANGE_ERROR_M = 5.0
"""One-frequency receiver, open sky: metres for each unit of HDOP, where no $ddGST says better."""

_SENTENCE = re.compile(rb"\$([A-Z]{2})([A-Z]{3}),([\x20-\x7e]*)\*([0-9A-Fa-f]{2})")
_DEGREES = re.compile(r"([0-9]{2,3})([0-9]{2}(?:\.[0-9]{1,9})?)")
_CLOCK = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9])([0-5][0-9])(?:\.[0-9]{1,9})?")
_DAY = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})")
_NUMBER = re.compile(r"-?[0-9]{1,7}(?:\.[0-9]{1,9})?")
_BELIEVED = frozenset("ADFRP")  # autonomous, differential, float, fixed, precise; not E, M, S, N


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One whole sentence: who talks ("GN"), its kind ("RMC"), and what stands between commas."""

    talker: str
    kind: str
    fields: tuple[str, ...]


def checksum(body: bytes) -> int:
    """The exclusive or of all that stands between `$` and `*`."""
    value = 0
    for byte in body:
        value ^= byte
    return value


def sentence(talker: str, kind: str, *fields: str) -> bytes:
    """A sentence as a receiver sends it."""
    body = ",".join([talker + kind, *fields]).encode("ascii")
    return b"$%b*%02X\r\n" % (body, checksum(body))


class NmeaAssembler:
    """Collects bytes into whole sentences, however they are cut and whatever comes between.

    `damaged` counts sentences whose sum is wrong; what is no sentence at all is passed over.
    """

    def __init__(self) -> None:
        self._rest = b""
        self.damaged = 0

    def feed(self, data: bytes) -> list[Sentence]:
        """The sentences that `data` completes."""
        *lines, rest = re.split(rb"[\r\n]", self._rest + data)
        begun = rest.rfind(b"$")
        self._rest = rest[begun : begun + LONGEST] if begun >= 0 else b""
        return [whole for line in lines if (whole := self._whole(line)) is not None]

    def _whole(self, line: bytes) -> Sentence | None:
        found = _SENTENCE.fullmatch(line, max(0, line.rfind(b"$")))
        if found is None or len(found[0]) > LONGEST:
            return None
        if checksum(found[0][1:-3]) != int(found[4], 16):
            self.damaged += 1
            return None
        fields = tuple(found[3].decode("ascii").split(","))
        return Sentence(
            talker=found[1].decode("ascii"), kind=found[2].decode("ascii"), fields=fields
        )


class Fixes:
    """Puts the sentences of one moment together into a fix.

    A fix needs RMC (day, time, place, valid) and GGA (quality, satellites, height) of the same
    time of day; GSA must not say that there is no fix, and GST tells the error where it is sent.
    Receivers send them in any order, once a second, so the later of the two completes the fix.
    """

    def __init__(self) -> None:
        self._said: dict[str, Sentence] = {}

    def take(self, said: Sentence) -> Fix | None:
        """The fix that this sentence completes; None while there is none."""
        if said.kind not in {"RMC", "GGA", "GSA", "GST"}:
            return None
        self._said[said.kind] = said
        if said.kind not in {"RMC", "GGA"}:
            return None
        place, quality = self._said.get("RMC"), self._said.get("GGA")
        if place is None or quality is None:
            return None
        fix = _fix(place.fields, quality.fields, self._error_m(quality.fields))
        return None if fix is None or self._lost() else fix

    def _lost(self) -> bool:
        fields = self._said["GSA"].fields if "GSA" in self._said else ()
        return len(fields) > 1 and fields[1] == "1"

    def _error_m(self, quality: Sequence[str]) -> float | None:
        error = self._said["GST"].fields if "GST" in self._said else ()
        if len(error) > 6 and error[0] == quality[0]:
            north, east = _number(error[5]), _number(error[6])
            if north is not None and east is not None:
                return math.hypot(north, east)
        dilution = _number(quality[7]) if len(quality) > 7 else None
        return dilution * RANGE_ERROR_M if dilution and dilution > 0 else None


def _fix(place: Sequence[str], quality: Sequence[str], error_m: float | None) -> Fix | None:
    """The fix that RMC and GGA tell together; None when either does not believe its own."""
    if len(place) < 9 or len(quality) < 9 or place[0] != quality[0]:
        return None
    if place[1] != "A" or not _believes(place) or quality[5] not in set("12345"):
        return None
    utc = _moment(place[0], place[8])
    latitude = _angle(place[2], place[3], "NS", 90)
    longitude = _angle(place[4], place[5], "EW", 180)
    satellites = _count(quality[6])
    if utc is None or latitude is None or longitude is None or satellites is None:
        return None
    height = _number(quality[8])
    return Fix(
        latitude=latitude,
        longitude=longitude,
        altitude_m=0.0 if height is None else height,
        utc=utc,
        accuracy_m=error_m,
        satellites=satellites,
    )


def _believes(place: Sequence[str]) -> bool:
    """NMEA 2.3 added the mode: an estimate or a simulation is no fix."""
    return len(place) < 12 or not place[11] or place[11] in _BELIEVED


def _moment(clock: str, day: str) -> datetime | None:
    """UTC out of hhmmss[.s] and ddmmyy, lifted over lost week numbers.

    The year has two digits and the receiver may be epochs behind: the first such day that is not
    older than this program is the true one, for twenty years to come.
    """
    time_of_day, date_of = _CLOCK.fullmatch(clock), _DAY.fullmatch(day)
    if time_of_day is None or date_of is None:
        return None
    year = int(date_of[3])
    hour, minute, second = (int(time_of_day[n]) for n in (1, 2, 3))
    try:
        found = datetime(
            1900 + year if year >= 80 else 2000 + year, int(date_of[2]), int(date_of[1]),
            hour, minute, second, tzinfo=UTC,
        )  # fmt: skip
    except ValueError:
        return None
    behind = (BUILT - found.date()) / EPOCH
    return found + EPOCH * max(0, math.ceil(behind))


def _angle(words: str, side: str, sides: str, most: int) -> float | None:
    """Degrees out of [d]ddmm.mmmm and N, S, E or W."""
    found = _DEGREES.fullmatch(words)
    if found is None or len(side) != 1 or side not in sides:
        return None
    minutes = float(found[2])
    degrees = int(found[1]) + minutes / 60
    if minutes >= 60 or degrees > most:
        return None
    return -degrees if side == sides[1] else degrees


def _number(words: str) -> float | None:
    return float(words) if _NUMBER.fullmatch(words) else None


def _count(words: str) -> int | None:
    return int(words) if re.fullmatch(r"[0-9]{1,3}", words) else None
