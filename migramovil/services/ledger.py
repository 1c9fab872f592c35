"""The account of records, kept in sight; and, while people work, the proof that it is true."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from migramovil.core import audit as chain
from migramovil.core.audit import Entry
from migramovil.core.roles import Act
from migramovil.core.trouble import Trouble, Who
from migramovil.devices.lanes import Lane, Ticket
from migramovil.devices.trouble import Cancelled
from migramovil.services.accounts import Accounts, NobodyInside
from migramovil.services.clock import StationClock
from migramovil.store import files, ledger, verify
from migramovil.store.ledger import Figures
from migramovil.store.outbox import Outbox
from migramovil.store.verify import Books, Finding


class DoesNotAddUp(Trouble):
    code = "LED-12"
    what = "La cuenta de registros de esta estación no cuadra."
    advice = "Siga trabajando: nada se borra. Supervisión debe ver el detalle en Cuadre."
    who = Who.SUPERVISOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was wrong when somebody last looked (nothing, let us hope), when (UTC), how closely."""

    findings: tuple[Finding, ...]
    utc: str
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """An audit entry as a page shows it: `who` is a username where the account is known."""

    entry: Entry
    who: str


class Ledger:
    """Figures come at once. Files and signatures are checked on a lane of their own, over a
    picture that the desk's lane takes while the vault is open."""

    def __init__(self, accounts: Accounts, outbox: Outbox, clock: StationClock, desk: Lane) -> None:
        self._accounts = accounts
        self._outbox = outbox
        self._clock = clock
        self._desk = desk
        self._lane = Lane("ledger")
        self._looked: Looked | None = None
        self._listeners: list[Callable[[], object]] = []

    def close(self) -> None:
        """Stop looking; nothing of it is kept."""
        self._lane.close()

    # ---- at once -------------------------------------------------------------------------------
    def figures(self) -> Figures:
        return ledger.figures(self._outbox)

    def days(self) -> list[Figures]:
        return ledger.days(self._outbox)

    @property
    def looked(self) -> Looked | None:
        return self._looked

    def trouble(self) -> Trouble | None:
        """What the home says; None while nothing is wrong, as far as anybody looked."""
        looked = self._looked
        wrong = not self.figures().fits or (looked is not None and bool(looked.findings))
        return DoesNotAddUp() if wrong else None

    def when_looked(self, call: Callable[[], object]) -> None:
        """Call `call` on the ledger's thread after each look."""
        self._listeners.append(call)

    # ---- in time -------------------------------------------------------------------------------
    def officers(self) -> Ticket[tuple[tuple[str, int], ...]]:
        """Username and how many enrollments each finished here, most first."""

        def count(_: threading.Event) -> tuple[tuple[str, int], ...]:
            vault = self._accounts.demand(Act.SEE_LEDGER).vault
            names = {a.body.account: a.body.username for a in vault.accounts()}
            done = ledger.by_officer(vault.audit.entries())
            told = [(names.get(account, account[-12:]), n) for account, n in done.items()]
            return tuple(sorted(told, key=lambda pair: (-pair[1], pair[0])))

        return self._desk.run(count)

    def quick(self) -> Ticket[Looked]:
        """Numbers, sizes and audit heads, for whoever comes in."""

        def look(_: threading.Event) -> Looked:
            books = self._desk.run(lambda _: self._read(Act.SEE_QUEUE)).result()
            found = verify.quick(self._outbox, books) if books else []
            return self._tell(found, whole=False)

        return self._lane.run(look)

    def whole(self, progress: verify.Progress = lambda done, total: None) -> Ticket[Looked]:
        """Every packet, receipt, audit line and picture; cancelling it stops between two packets.

        `progress(done, total)` is called on the ledger's thread.
        """

        def look(off: threading.Event) -> Looked:
            def step(done: int, total: int) -> None:
                if off.is_set():
                    raise Cancelled
                progress(done, total)

            books = self._desk.run(lambda _: self._read(Act.SEE_LEDGER)).result()
            found = verify.whole(self._outbox, books, step) if books else []
            found += self._desk.run(lambda _: self._vault_whole()).result()
            return self._tell(found, whole=True)

        return self._lane.run(look)

    def audit_lines(self) -> Ticket[tuple[AuditLine, ...]]:
        """The audit, newest first; that it was looked at is in it next time."""

        def read(_: threading.Event) -> tuple[AuditLine, ...]:
            vault = self._accounts.demand(Act.SEE_AUDIT).vault
            names = {a.body.account: a.body.username for a in vault.accounts()}
            entries = vault.audit.entries()
            return tuple(
                AuditLine(entry=e, who=names.get(e.actor, e.actor[-12:])) for e in reversed(entries)
            )

        return self._desk.run(read)

    def export_audit(self) -> Ticket[bytes]:
        """The whole chain as JSON lines that the station signs; on the record itself."""
        return self._desk.run(lambda _: self._exported())

    def audit_check(self) -> Ticket[tuple[Finding, ...]]:
        """Only the audit: its links, its signatures, and every head that left the station."""

        def look(_: threading.Event) -> tuple[Finding, ...]:
            books = self._desk.run(lambda _: self._read(Act.SEE_AUDIT)).result()
            return tuple(verify.audit_whole(self._outbox, books)) if books else ()

        return self._lane.run(look)

    def save_audit(self, path: Path) -> Ticket[Path]:
        """Write `export_audit` to a file."""
        return self._desk.run(lambda _: self._saved(path, self._exported()))

    def save_report(self, path: Path) -> Ticket[Path]:
        """Write `report` to a file, for a spreadsheet."""

        def save(_: threading.Event) -> Path:
            self._accounts.demand(Act.SEE_LEDGER)
            return self._saved(path, self.report().encode("utf-8-sig"))

        return self._desk.run(save)

    # ---- what leaves the screen ----------------------------------------------------------------
    def report(self) -> str:
        """The account as CSV: folios, numbers and words, nobody's name."""
        station = self._outbox.station()
        out = io.StringIO()
        rows = csv.writer(out, lineterminator="\r\n")
        rows.writerow(["Cuadre", station.code if station else "", self._clock.now().utc])
        rows.writerow(
            ["Día", "Terminados", "Confirmados", "Recibidos", "Por enviar", "Rechazados", "Cuadra"]
        )
        rows.writerows(_cells(one) for one in [self.figures(), *self.days()])
        looked = self._looked
        if looked is not None:
            rows.writerow(["Comprobado", looked.utc, "todo" if looked.whole else "rápido"])
            rows.writerow(["Código", "Qué", "Dónde", "Qué hacer"])
            rows.writerows(_words(looked.findings))
        return out.getvalue()

    # ---- within --------------------------------------------------------------------------------
    def _exported(self) -> bytes:
        inside = self._accounts.demand(Act.SEE_AUDIT)
        station = self._outbox.station()
        if station is None:
            raise NobodyInside("not enrolled")
        now = self._clock.now()
        inside.vault.audit.append(inside.session.account, "export-audit", "", now)
        lines = chain.export(
            inside.vault.audit.entries(),
            inside.vault.station_keys()[0],
            realm=station.realm,
            station=station.station,
            epoch=station.epoch,
            utc=now.utc,
        )
        return b"".join(line + b"\n" for line in lines)

    @staticmethod
    def _saved(path: Path, data: bytes) -> Path:
        files.write(path, data)
        return path

    def _read(self, act: Act) -> Books | None:
        return verify.read(self._outbox, self._accounts.demand(act).vault)

    def _vault_whole(self) -> list[Finding]:
        return verify.vault_whole(self._accounts.demand(Act.SEE_LEDGER).vault)

    def _tell(self, found: Sequence[Finding], *, whole: bool) -> Looked:
        looked = Looked(findings=tuple(found), utc=self._clock.now().utc, whole=whole)
        self._looked = looked
        for call in self._listeners:
            call()
        return looked


def _cells(one: Figures) -> list[object]:
    day = one.day or "Todos"
    parts = [one.finished, one.opened, one.stored, one.sealed, one.refused]
    return [day, *parts, "sí" if one.fits else "no"]


def _words(findings: Iterable[Finding]) -> list[list[str]]:
    return [[one.trouble.code, one.trouble.what, one.where, one.trouble.advice] for one in findings]
