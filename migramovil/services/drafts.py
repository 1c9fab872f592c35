"""Enrollments put aside: who waits, what a crash left, and how one is given up for good.

Nothing here deletes by itself. A draft with anything in it is voided by two people who sign it,
with a reason; an empty one is put away by whoever is inside, and that is audited too.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import uuid_utils

from migramovil.core import canonical, sealing
from migramovil.core.enrollment import SCHEMA, Draft, Step, read_draft
from migramovil.core.roles import Act, demand
from migramovil.core.trouble import Trouble, Who
from migramovil.devices.lanes import Lane, Ticket
from migramovil.devices.ports import Pixels
from migramovil.services.accounts import Accounts, Inside
from migramovil.services.clock import LIMA, StationClock
from migramovil.services.enrolling import Enrolling, ReasonMissing
from migramovil.store import acts, marks
from migramovil.store.outbox import Outbox
from migramovil.store.trouble import DraftGone
from migramovil.store.vault import StoredDraft
from migramovil.vision import pictures

VOIDED = "migramovil/voided/1"
_OPEN = "station.open"


class NeedsAnother(Trouble):
    code = "DRF-04"
    what = "Anular un enrolamiento lo firman dos personas distintas."
    advice = "Pida a otra persona del equipo que ingrese su clave."
    who = Who.OFFICER


class NotEmpty(Trouble):
    code = "DRF-05"
    what = "Ese enrolamiento ya tiene algo escrito o capturado."
    advice = "Nada se borró. Para darlo por terminado, anúlelo con otra persona."
    who = Who.OFFICER


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A draft that waits, as its list shows it; one of a newer schema tells only when.

    `draft` is None where it cannot be opened; `by` is the username of who started it.
    """

    record_id: str
    draft: Draft | None
    by: str
    saved_utc: str
    expired: bool

    @property
    def name(self) -> str:
        """The person as the officer knows them, "" before a name was typed."""
        who = self.draft.person if self.draft else None
        surnames = f"{who.first_surname} {who.second_surname}".strip() if who else ""
        return ", ".join(part for part in (surnames, who.given_names if who else "") if part)

    @property
    def step(self) -> Step:
        return self.draft.step if self.draft else Step.PROCEDURE

    @property
    def empty(self) -> bool:
        return self.draft is not None and self.draft.untouched


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """The station ended badly: until when it is known to have run, and what was open then."""

    until_utc: str
    drafts: tuple[Parked, ...]


class Drafts:
    """The vault's open drafts, for the day's pages. `days` after its last change one expires."""

    def __init__(
        self,
        accounts: Accounts,
        enrolling: Enrolling,
        outbox: Outbox,
        clock: StationClock,
        desk: Lane,
        *,
        days: int = 1,
    ) -> None:
        self._accounts = accounts
        self._enrolling = enrolling
        self._outbox = outbox
        self._clock = clock
        self._desk = desk
        self._days = days
        self._begun = False
        self._crashed = ""

    # ---- who waits ---------------------------------------------------------------------------
    def parked(self) -> Ticket[tuple[Parked, ...]]:
        """Every open draft, the one touched last first."""

        def read(_: threading.Event) -> tuple[Parked, ...]:
            return self._parked(self._accounts.demand(Act.ENROLL))

        return self._desk.run(read)

    def portrait(self, record_id: str) -> Ticket[Pixels | None]:
        """The picture taken of a parked person; None while there is none."""

        def read(_: threading.Event) -> Pixels | None:
            inside = self._accounts.demand(Act.ENROLL)
            taken = self._stored_draft(inside, record_id)[1].portrait
            if taken is None:
                return None
            return pictures.decode_png(inside.vault.get_media(record_id, taken.object_id))

        return self._desk.run(read)

    def _parked(self, inside: Inside) -> tuple[Parked, ...]:
        self._enrolling.land(inside)
        found = inside.vault.drafts()
        self._enrolling.tell_newest(found)
        names = {a.body.account: a.body.username for a in inside.vault.accounts()}
        return tuple(self._shown(stored, names) for stored in found)

    def _shown(self, stored: StoredDraft, names: dict[str, str]) -> Parked:
        known = stored.schema <= SCHEMA
        draft = read_draft(stored.schema, stored.body) if known else None
        return Parked(
            record_id=stored.record_id,
            draft=draft,
            by=names.get(draft.started_by, "") if draft else "",
            saved_utc=stored.updated_utc,
            expired=self._clock.today() > _day(stored.updated_utc) + timedelta(days=self._days),
        )

    # ---- given up ----------------------------------------------------------------------------
    def void(
        self, record_id: str, reason: str, second_username: str, second_password: str
    ) -> Ticket[None]:
        """Destroy a draft on two people's signatures, kept with the reason.

        NeedsAnother, ReasonMissing, NewerDraft, DraftGone, and what a wrong password gives.
        """

        def away(_: threading.Event) -> None:
            inside = self._accounts.demand(Act.VOID_DRAFT)
            if not reason.strip():
                raise ReasonMissing
            second = self._accounts.second_person(second_username, second_password)
            if second.account == inside.session.account:
                raise NeedsAnother
            demand(self._accounts.role_of(second.account), Act.VOID_DRAFT)
            stored, _draft = self._stored_draft(inside, record_id)
            said = {
                "format": VOIDED,
                "record": record_id,
                "reason": reason.strip(),
                "draft_sha256": sealing.sha256(stored.body),
            }
            digest = sealing.sha256(canonical.encode(said))
            at = self._clock.now()
            signed = [
                self._accounts.sign_act(person, Act.VOID_DRAFT, record_id, digest)
                for person in (inside.person, second)
            ]
            act = acts.StoredAct(
                id=str(uuid_utils.uuid7()),
                act=Act.VOID_DRAFT,
                subject=record_id,
                utc=at.utc,
                body=canonical.encode({**said, "at": at, "approvals": signed}),
            )
            acts.void_draft(inside.vault, act, inside.session.account, second.account, at)
            self._enrolling.put_away(inside, record_id)

        return self._desk.run(away)

    def discard(self, record_id: str) -> Ticket[None]:
        """Put away a draft in which nothing was typed or captured; NotEmpty otherwise."""

        def away(_: threading.Event) -> None:
            inside = self._accounts.demand(Act.ENROLL)
            if not self._stored_draft(inside, record_id)[1].untouched:
                raise NotEmpty
            acts.discard_draft(inside.vault, record_id, inside.session.account, self._clock.now())
            self._enrolling.put_away(inside, record_id)

        return self._desk.run(away)

    def _stored_draft(self, inside: Inside, record_id: str) -> tuple[StoredDraft, Draft]:
        self._enrolling.save()
        self._enrolling.land(inside)
        found = next((d for d in inside.vault.drafts() if d.record_id == record_id), None)
        if found is None:
            raise DraftGone
        return found, read_draft(found.schema, found.body)

    # ---- after a crash -----------------------------------------------------------------------
    def begin(self) -> None:
        """The station starts: whether it ended well the last time is known from now on."""
        self._crashed = marks.get(self._outbox, _OPEN) or ""
        self._begun = True
        with contextlib.suppress(Trouble):  # a full disk keeps nobody from starting
            self._mark()

    def alive(self) -> Ticket[None]:
        """It still runs (say it every minute or so)."""
        return self._desk.run(lambda _: self._mark())

    def end(self) -> None:
        """The station leaves in order, with everything saved; nothing where it never began."""
        if self._begun:
            self._begun = False
            with contextlib.suppress(Trouble):
                marks.drop(self._outbox, _OPEN)

    def after_crash(self) -> Ticket[Crash | None]:
        """What the last, bad end left open; told once, to the first who may enroll."""

        def look(_: threading.Event) -> Crash | None:
            inside = self._accounts.demand(Act.ENROLL)
            until, self._crashed = self._crashed, ""
            found = [one for one in self._parked(inside) if one.draft] if until else []
            if not found:
                return None
            return Crash(until_utc=max(until, found[0].saved_utc), drafts=tuple(found))

        return self._desk.run(look)

    def _mark(self) -> None:
        if not self._begun:
            return
        marks.put(self._outbox, _OPEN, self._clock.now().utc)


def _day(utc: str) -> date:
    return datetime.fromisoformat(utc).astimezone(LIMA).date()
