"""Everything the windows may use, handed over by app.py in one piece."""

from __future__ import annotations

from dataclasses import dataclass

from migramovil.services.accounts import Accounts
from migramovil.services.backups import Backups
from migramovil.services.bundles import Bundles
from migramovil.services.checklist import Checklist
from migramovil.services.clock import StationClock
from migramovil.services.diagnosing import Diagnosing
from migramovil.services.downstream import Downstream
from migramovil.services.drafts import Drafts
from migramovil.services.enrolling import Enrolling
from migramovil.services.keeping import Keeping
from migramovil.services.ledger import Ledger
from migramovil.services.metering import Spending
from migramovil.services.people import People
from migramovil.services.place import Place, Whereabouts
from migramovil.services.printing import Printing
from migramovil.services.recovery import Recovery
from migramovil.services.reserve import Reserve
from migramovil.services.supporting import Supporting
from migramovil.services.waiting import Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    place: Place
    whereabouts: Whereabouts
    accounts: Accounts
    people: People
    recovery: Recovery
    enrolling: Enrolling
    drafts: Drafts
    printing: Printing
    keeping: Keeping
    ledger: Ledger
    waiting: Waiting
    spending: Spending
    diagnosing: Diagnosing
    checklist: Checklist
    supporting: Supporting
    backups: Backups
    reserve: Reserve
    downstream: Downstream
    bundles: Bundles
    clock: StationClock


__all__ = ["Desk", "Place"]
