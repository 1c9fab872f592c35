"""What can go wrong, said so that somebody can act: a code, what happened, what to do."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Who(StrEnum):
    """Who can do something about a trouble."""

    OFFICER = "officer"
    SUPERVISOR = "supervisor"
    TECHNICIAN = "technician"
    HEADQUARTERS = "headquarters"
    NOBODY = "nobody"  # wait: it mends itself


class Trouble(Exception):  # noqa: N818 - most of them are nobody's error
    """Expected trouble. Anything that is not one of these is a bug.

    `what` and `advice` are in the reader's Spanish and never hold personal data; `detail` is for
    the technician (a vendor's number, a path inside the data folder) and obeys the same rule.
    """

    code: ClassVar[str] = "GEN-00"
    what: ClassVar[str] = "Algo no salió como se esperaba."
    advice: ClassVar[str] = "Repita la acción. Si vuelve a pasar, avise al técnico con este código."
    who: ClassVar[Who] = Who.TECHNICIAN

    def __init__(self, detail: str = "") -> None:
        super().__init__(f"{self.code} {detail}".rstrip())
        self.detail = detail


def every_trouble() -> list[type[Trouble]]:
    """Every concrete trouble the imported rooms define, by code (docs/codes.md lists them)."""
    found: dict[str, type[Trouble]] = {}
    waiting = list(Trouble.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if "code" in vars(kind):
            found[kind.code] = kind
    return [found[code] for code in sorted(found)]
