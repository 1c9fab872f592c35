"""Lending a backup's key to the laptop that restores it: only here, only with the offline keys."""

from __future__ import annotations

from migramovil.core import backup, canonical
from migramovil.core.backup import Manifest, RestoreRequest
from migramovil.core.record import Signed
from migramovil.core.trouble import Trouble, Who
from migramovil.headquarters.setup import Offline
from migramovil.headquarters.store import Store


class UnknownBackup(Trouble):
    code = "HQ-20"
    what = "Este respaldo no lo hizo ninguna estación de esta sede."
    advice = "No se prestó su llave. Confirme con el supervisor de qué vehículo viene."
    who = Who.HEADQUARTERS


def lend(store: Store, keys: Offline, asked: bytes) -> tuple[Signed, Manifest]:
    """The signed answer to a request (canonical RestoreRequest), and the backup it is about.

    UnknownBackup or BadBackup unless a station of these books signed the backup in its epoch.
    """
    try:
        request = canonical.decode(asked, RestoreRequest)
    except canonical.NotCanonical:
        raise backup.BadBackup("request") from None
    said = backup.claimed(request.manifest)
    signing = store.signing(said.station, said.epoch)
    if signing is None:
        raise UnknownBackup
    answer = backup.lend_key(request, canonical.from_text(signing), keys.recovery, keys.root)
    return answer, said
