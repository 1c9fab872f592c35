"""Room on the disk: said before a person sits down, found again when it is needed to finish."""

from __future__ import annotations

from migramovil.store import reserve
from migramovil.store.outbox import Outbox
from migramovil.store.reserve import NoRoom, Room

MANY = 1000


class Reserve:
    """Safe from any thread."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def room(self) -> Room:
        return reserve.room(self._outbox)

    def demand(self) -> None:
        """NoRoom unless another person can be enrolled to the end."""
        if self.room().people == 0:
            raise NoRoom
        reserve.hold(self._outbox.folder)

    def make(self) -> bool:
        """The disk is full and something must still be written: whether there is room now."""
        return reserve.release(self._outbox.folder)

    def short(self) -> str:
        """«40 personas más»; beyond a thousand nobody counts."""
        people = self.room().people
        if people == 0:
            return "sin espacio"
        if people >= MANY:
            return f"más de {MANY:,} personas"
        return "1 persona más" if people == 1 else f"{people} personas más"

    def words(self) -> str:
        """«Espacio para 40 personas más»."""
        if self.room().people == 0:
            return "Sin espacio para otra persona"
        return f"Espacio para {self.short()}"
