"""The start of a jornada: the quick checks in order, and the three things only a person can do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import msgspec

from migramovil.core import sealing
from migramovil.core.roles import Act
from migramovil.core.trouble import Trouble, Who
from migramovil.devices.lanes import Lane, Ticket
from migramovil.devices.ports import DeviceRole, SlipLine
from migramovil.services.accounts import Accounts, Inside
from migramovil.services.checks import NAMES, Check, Figures, Outcome, Result, Subject
from migramovil.services.clock import LIMA, StationClock
from migramovil.services.diagnosing import Diagnosing
from migramovil.services.place import Place
from migramovil.services.self_tests import Tell
from migramovil.store import files

QUICK = (
    Check.SPACE, Check.SYNC, Check.ENCRYPTION, Check.SWAP, Check.SPOOL, Check.MEMORY, Check.POWER,
    Check.SCREENS, Check.CLOCK, Check.STORES, Check.LINK,
)  # fmt: skip
BY_HAND = (DeviceRole.PORTRAIT, DeviceRole.FINGERS, DeviceRole.PRINTER)
"""Look at the camera, touch the reader, look at the slip."""
ORDER: tuple[Subject, ...] = (*QUICK, *BY_HAND)
KEPT_DAYS = 90
_ACT = "checklist"
_WORDS = {
    Outcome.OK: "bien",
    Outcome.WARNS: "atención",
    Outcome.BAD: "falla",
    Outcome.UNKNOWN: "no se sabe",
}


class SlipUnreadable(Trouble):
    code = "CHK-20"
    what = "El comprobante no se lee bien."
    advice = "Limpie el cabezal, ponga otro rollo con la cara térmica hacia afuera y repita."
    who = Who.OFFICER


class NotWhole(Trouble):
    code = "CHK-21"
    what = "La lista de inicio no está completa."
    advice = "Termine las revisiones que faltan y guárdela otra vez."
    who = Who.SUPERVISOR


class KeptLine(msgspec.Struct, frozen=True, kw_only=True):
    of: str
    outcome: Outcome
    code: str = ""
    figures: Figures = ()


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A list as it lies in its file: no person in it. `day` is Lima's, `utc` ends in Z.

    `vouched`: the audit says that it was kept so; None while nobody who may look is inside.
    """

    day: str
    utc: str
    lines: tuple[KeptLine, ...]
    vouched: bool | None = None

    def outcome_of(self, of: Subject) -> Outcome | None:
        return next((line.outcome for line in self.lines if line.of == of.value), None)


class Checklist:
    """Anybody may go through it, also with nobody inside; a supervisor keeps it.

    What is kept lies in `folder`/checklists.jsonl, and the audit holds the hash of each line.
    """

    def __init__(
        self,
        folder: Path,
        diagnosing: Diagnosing,
        accounts: Accounts,
        clock: StationClock,
        *,
        place: Place,
        desk: Lane,
    ) -> None:
        self._path = folder / "checklists.jsonl"
        self._diagnosing = diagnosing
        self._accounts = accounts
        self._clock = clock
        self._place = place
        self._desk = desk

    def check(self, of: Subject, tell: Tell = lambda _words, _picture: None) -> Ticket[Result]:
        """One of ORDER, but for the slip."""
        return self._diagnosing.test(of, tell)

    def print_slip(self, results: Iterable[Result]) -> Ticket[Result]:
        """The list so far, on the slip printer: what a person then looks at."""
        return self._diagnosing.print_page(self.slip_lines(results))

    @staticmethod
    def looked_at(printed: Result, *, reads_well: bool) -> Result:
        """The slip's result once a person has looked at it."""
        if not printed.ok:
            return printed
        if reads_well:
            return replace(printed, text="El comprobante salió y se lee bien.")
        return Result.failed(DeviceRole.PRINTER, SlipUnreadable())

    def slip_lines(self, results: Iterable[Result]) -> list[SlipLine]:
        now = self._clock.local()
        rows = [
            SlipLine(
                text=NAMES[one.of],
                right=one.trouble.code if one.trouble else _WORDS[one.outcome],
                bold=one.outcome is Outcome.BAD,
            )
            for one in results
        ]
        return [
            SlipLine(text="LISTA DE INICIO", bold=True, centre=True),
            SlipLine(text=f"Migramóvil · {self._place.name}", centre=True),
            SlipLine(text=f"{now:%d/%m/%Y %H:%M}", centre=True),
            SlipLine(text="", rule=True),
            *rows,
            SlipLine(text="", rule=True),
            SlipLine(text="áéíóú ñ Ñ ü 0O 1Il 5S", centre=True),
            SlipLine(text=f"LISTA {now:%Y%m%d%H%M}", qr=True, centre=True),
        ]

    def keep(self, results: Sequence[Result]) -> Ticket[Kept]:
        """File a whole list, on the record; CHK-21 while something of ORDER is missing."""
        return self._desk.run(lambda _: self._file(results))

    def last(self) -> Ticket[tuple[Kept | None, Kept | None]]:
        """Today's list and the one of the last day before, None where there is none."""
        return self._desk.run(lambda _: self._last())

    # ---- within --------------------------------------------------------------------------------
    def _file(self, results: Sequence[Result]) -> Kept:
        inside = self._accounts.demand(Act.KEEP_CHECKLIST)
        done = {one.of: one for one in results}
        if set(ORDER) - set(done):
            raise NotWhole
        now = self._clock.now()
        kept = Kept(
            day=_day(now.utc).isoformat(),
            utc=now.utc,
            lines=tuple(_line(done[of]) for of in ORDER),
        )
        lines = [*self._lines(), _bytes(kept)][-KEPT_DAYS:]
        files.write(self._path, b"".join(line + b"\n" for line in lines))
        inside.vault.audit.append(inside.session.account, _ACT, _hash(_bytes(kept)), now)
        return msgspec.structs.replace(kept, vouched=True)

    def _last(self) -> tuple[Kept | None, Kept | None]:
        today = self._clock.today().isoformat()
        known: dict[bool, Kept] = {}
        hashes = self._vouched_for()
        for line in self._lines():
            with contextlib.suppress(msgspec.MsgspecError):
                kept = msgspec.json.decode(line, type=Kept)
                vouched = None if hashes is None else _hash(line) in hashes
                known[kept.day == today] = msgspec.structs.replace(kept, vouched=vouched)
        return known.get(True), known.get(False)

    def _vouched_for(self) -> set[str] | None:
        inside: Inside | None = self._accounts.inside_or_none()
        if inside is None:
            return None
        entries = inside.vault.audit.entries()
        return {entry.subject for entry in entries if entry.act == _ACT}

    def _lines(self) -> list[bytes]:
        """A file that cannot be read holds nothing: the next list begins it anew."""
        with contextlib.suppress(OSError):
            return [line for line in self._path.read_bytes().split(b"\n") if line]
        return []


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """How a list as a whole stands: what nobody knows is no remark."""
    found = set(outcomes)
    return next((one for one in (Outcome.BAD, Outcome.WARNS) if one in found), Outcome.OK)


def _line(result: Result) -> KeptLine:
    return KeptLine(
        of=result.of.value,
        outcome=result.outcome,
        code=result.trouble.code if result.trouble else "",
        figures=result.figures,
    )


def _bytes(kept: Kept) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(kept, vouched=None))


def _hash(line: bytes) -> str:
    return sealing.sha256(line)


def _day(utc: str) -> date:
    return datetime.fromisoformat(utc).astimezone(LIMA).date()
