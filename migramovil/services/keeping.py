"""What stays after a finish and when it goes: the jornada's compartment, and packets let go."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from migramovil.core import canonical
from migramovil.core import person as persons
from migramovil.core.enrollment import read_draft
from migramovil.core.record import Descriptor
from migramovil.core.roles import Act
from migramovil.core.trouble import Trouble, Who
from migramovil.devices.lanes import Lane, Ticket
from migramovil.devices.ports import Printed
from migramovil.devices.trouble import Cancelled
from migramovil.services.accounts import Accounts, Inside
from migramovil.services.clock import LIMA, StationClock
from migramovil.services.enrolling import Finished
from migramovil.services.printing import Printing
from migramovil.store import compartments, deleting
from migramovil.store.compartments import Compartment, Keepsake
from migramovil.store.outbox import Outbox, QueueRow
from migramovil.store.vault import StoredDraft, Vault

log = logging.getLogger(__name__)

SLIP = "slip"
_HOUR_S = 3600.0
_REPRINT = "reprint"
_LIVED = "keeping.lived"


class SlipGone(Trouble):
    code = "CMP-01"
    what = "El comprobante de este registro ya no está en esta estación."
    advice = "El registro existe: diga a la persona su folio, que está en Envíos."
    who = Who.OFFICER


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """A finished record whose slip can be printed again, and how often it was."""

    finished: Finished
    reprints: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What this station still reads of finished records: how many slips, until when (UTC, "" for
    none open), and whether something deleted is still in the vault's log. `past`: by the laptop's
    clock that time has come, but nothing yet says that the clock is right."""

    slips: int
    ends_utc: str
    purge_pending: bool
    past: bool = False


class Keeping:
    """Packets go with nobody inside; a compartment ends when somebody is."""

    def __init__(
        self,
        accounts: Accounts,
        outbox: Outbox,
        printing: Printing,
        clock: StationClock,
        desk: Lane,
        *,
        retention_hours: int = 72,
        jornada_ends: int = 6,
    ) -> None:
        self._accounts = accounts
        self._outbox = outbox
        self._printing = printing
        self._clock = clock
        self._desk = desk
        self._retention = timedelta(hours=retention_hours)
        self._ends = time(jornada_ends)
        self._counted: dict[str, float] = {}  # open compartments, and up to when they have lived
        self._stopping = threading.Event()

    # ---- by itself ---------------------------------------------------------------------------
    def start(self) -> None:
        """Let go what is due, now and every hour."""
        threading.Thread(target=self._live, name="keeping", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def look(self) -> Ticket[tuple[str, ...]]:
        """Let go what is due; the records whose packets went."""
        return self._desk.run(lambda _: self.let_go())

    def let_go(self) -> tuple[str, ...]:
        """The same on the desk's lane."""
        inside = self._accounts.inside_or_none()
        if inside is not None:
            self._end_due(inside)
        identity = self._outbox.station()
        if identity is None:
            return ()
        descriptor = canonical.decode(identity.descriptor.encode(), Descriptor)
        return deleting.delete_due(self._outbox, descriptor, self._clock.now(), self._retention)

    def _live(self) -> None:
        while True:
            self.look().add_done_callback(_say_failure)
            if self._stopping.wait(_HOUR_S):
                return

    def _end_due(self, inside: Inside) -> None:
        """A laptop's clock set ahead ends nothing: the end has come when it has even for the
        earliest the present can be, or when the station ran for as long as the jornada had left."""
        still = [one for one in compartments.every(inside.vault.database) if not one.destroyed_utc]
        lived, earliest = self._lived(inside.vault, still), self._clock.earliest()
        for one in still:
            end, left = _moment(one.ends_utc), _moment(one.ends_utc) - _moment(one.opened_utc)
            reached = earliest is not None and end <= earliest
            if reached or timedelta(seconds=lived[one.jornada]) >= left:
                self._destroy(inside, one.jornada)
        if inside.vault.purge_pending():
            inside.vault.purge()

    def _lived(self, vault: Vault, still: Sequence[Compartment]) -> dict[str, int]:
        """Seconds the station is known to have run with each of these, by the clock nobody can
        set; what a restart cuts off is not counted."""
        said = vault.setting(_LIVED)
        before = {} if said is None else canonical.decode(said.encode(), dict[str, int])
        now, lived = self._clock.running(), {}
        counted, self._counted = self._counted, {}
        for name in (one.jornada for one in still):
            since = counted.get(name, now)
            passed = max(0, int(now - since))
            self._counted[name] = since + passed
            lived[name] = before.get(name, 0) + passed
        if lived != before:
            with contextlib.suppress(Trouble):  # on a full disk it is longer until the end
                vault.set_setting(_LIVED, canonical.encode(lived).decode())
        return lived

    # ---- the jornada's compartment -------------------------------------------------------------
    def keepsake(self, stored: StoredDraft, row: QueueRow) -> Keepsake | None:
        """The slip of a draft that became this record; None where the draft cannot be read."""
        try:
            draft = read_draft(stored.schema, stored.body)
        except Trouble:
            return None
        finished = Finished(
            record_id=row.record,
            folio=row.folio,
            size=row.size,
            sealed_utc=row.sealed_utc,
            seq=row.seq,
            procedure=draft.procedure,
            initials=persons.initials(draft.person),
            refused=draft.refused,
        )
        day = _moment(row.sealed_utc).astimezone(LIMA).date()
        return Keepsake(
            jornada=day.isoformat(),
            ends_utc=self._end_of(day),
            kind=SLIP,
            body=canonical.encode(finished),
        )

    def held(self) -> Ticket[Held]:
        def look(_: threading.Event) -> Held:
            vault = self._accounts.demand(Act.SEE_QUEUE).vault
            still = [one for one in compartments.every(vault.database) if not one.destroyed_utc]
            ends = max((one.ends_utc for one in still), default="")
            return Held(
                slips=sum(one.kept for one in still),
                ends_utc=ends,
                purge_pending=vault.purge_pending(),
                past=bool(ends) and _moment(ends) <= self._clock.utc(),
            )

        return self._desk.run(look)

    def slips(self) -> Ticket[tuple[Slip, ...]]:
        """What can be printed again, newest first."""
        return self._desk.run(lambda _: _slips(self._accounts.demand(Act.SEE_QUEUE).vault))

    def reprint(self, record_id: str) -> Ticket[Printed]:
        """Print a slip again, marked and counted as a copy unless none came out before; SlipGone
        once the jornada ended."""
        self._accounts.demand(Act.FINISH)
        return self._printing.print_again(
            lambda: self._desk.run(lambda _: self._taken(record_id)).result()
        )

    def close_jornada(self) -> Ticket[Held]:
        """Destroy every open compartment before its end."""

        def close(_: threading.Event) -> Held:
            inside = self._accounts.demand(Act.CLOSE_JORNADA)
            for one in compartments.every(inside.vault.database):
                if not one.destroyed_utc:
                    self._destroy(inside, one.jornada)
            return Held(slips=0, ends_utc="", purge_pending=inside.vault.purge_pending())

        return self._desk.run(close)

    def _taken(self, record_id: str) -> tuple[Finished, int]:
        """The slip and which copy it is now; that it was asked for is on the record."""
        inside = self._accounts.demand(Act.FINISH)
        found = next((s for s in _slips(inside.vault) if s.finished.record_id == record_id), None)
        if found is None:
            raise SlipGone
        if self._printing.never_came_out(record_id):
            return found.finished, 0
        inside.vault.audit.append(inside.session.account, _REPRINT, record_id, self._clock.now())
        return found.finished, found.reprints + 1

    def _destroy(self, inside: Inside, jornada: str) -> None:
        compartments.destroy(
            inside.vault.database, jornada, inside.session.account, self._clock.now()
        )
        inside.vault.purge()

    def _end_of(self, day: date) -> str:
        end = datetime.combine(day + timedelta(days=1), self._ends, LIMA)
        return end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _say_failure(done: Future[tuple[str, ...]]) -> None:
    """Nobody waits for the hourly round; its trouble must be seen all the same."""
    error = done.exception()
    if error is not None and not isinstance(error, Cancelled):
        known = error.code if isinstance(error, Trouble) else type(error).__name__
        log.error("nothing was let go: %s", known)


def _slips(vault: Vault) -> tuple[Slip, ...]:
    again = Counter(e.subject for e in vault.audit.entries() if e.act == _REPRINT)
    found = [
        canonical.decode(one.body, Finished) for one in compartments.read(vault.database, SLIP)
    ]
    newest = sorted(found, key=lambda one: (one.sealed_utc, one.seq), reverse=True)
    return tuple(Slip(finished=one, reprints=again[one.record_id]) for one in newest)


def _moment(utc: str) -> datetime:
    return datetime.fromisoformat(utc).astimezone(UTC)
