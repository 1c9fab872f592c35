"""The number people carry away: MM-<station>-<yyyymmdd>-<seq>-<check>."""

from __future__ import annotations

from datetime import date

_WEIGHTS = (7, 3, 1)


def make_folio(station_code: str, day: date, number: int) -> str:
    """The folio of the `number`-th record; its last digit catches a mistyped or swapped figure."""
    stem = f"MM-{station_code}-{day:%Y%m%d}-{number:04d}"
    return f"{stem}-{check_digit(stem)}"


def check_digit(stem: str) -> int:
    """ICAO 9303's 7-3-1 sum over letters (A = 10 …) and digits; signs are skipped."""
    values = [int(c, 36) for c in stem if c.isascii() and c.isalnum()]
    return sum(v * _WEIGHTS[i % 3] for i, v in enumerate(values)) % 10


def good_folio(folio: str) -> bool:
    stem, _, last = folio.rpartition("-")
    return (
        last.isascii()
        and last.isdecimal()
        and stem.startswith("MM-")
        and check_digit(stem) == int(last)
    )
