"""Lending a backup's key to the laptop that restores it: only here, only with the offline keys, and
only when two operators allow it."""

from __future__ import annotations

from migramovil.core import backup, canonical, sealing
from migramovil.core.backup import Manifest, RestoreRequest
from migramovil.core.record import Signed
from migramovil.core.recovery import ReleaseBody
from migramovil.core.trouble import Trouble, Who
from migramovil.headquarters import operators
from migramovil.headquarters.recovery import Approvers
from migramovil.headquarters.setup import Offline
from migramovil.headquarters.store import Store


class UnknownBackup(Trouble):
    code = "HQ-20"
    what = "Este respaldo no lo hizo ninguna estación de esta sede."
    advice = "No se prestó su llave. Confirme con el supervisor de qué vehículo viene."
    who = Who.HEADQUARTERS


def lend(store: Store, keys: Offline, approvers: Approvers, asked: bytes, *, utc: str) -> Signed:
    """The signed answer to a request (canonical RestoreRequest), once two operators approved.

    UnknownBackup or BadBackup unless a station of these books signed the backup in its epoch;
    TwoPeople, OperatorRefused. What was allowed is in the books as `reference_of` names it.
    """
    request = _read(asked)
    said = backup.claimed(request.manifest)
    signing = store.signing(said.station, said.epoch)
    if signing is None:
        raise UnknownBackup
    answer = backup.lend_key(request, canonical.from_text(signing), keys.recovery, keys.root)
    body = ReleaseBody(
        realm=said.realm,
        station=said.station,
        reference=reference_of(asked),
        username="",  # nobody is let back in: whoever restores gets an account of their own
        utc=utc,
    )
    operators.approve(store, body, approvers())
    return answer


def asked_for(asked: bytes) -> Manifest:
    """The backup a request is about, for the operators to see; nothing is proven yet."""
    return backup.claimed(_read(asked).manifest)


def reference_of(asked: bytes) -> str:
    """The name of a request to restore in the books; no station's own words can be it."""
    return "R-" + sealing.sha256(asked)[:32].upper()


def _read(asked: bytes) -> RestoreRequest:
    try:
        return canonical.decode(asked, RestoreRequest)
    except canonical.NotCanonical:
        raise backup.BadBackup("request") from None
