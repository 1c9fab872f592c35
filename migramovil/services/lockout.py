"""How long the door stays shut after wrong passwords: longer each time, whatever the clock says.

Only counts are kept, so no wall clock can shorten a wait; a restart serves the whole wait of the
present count again. A try is counted before it is made: pulling the plug does not undo it.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from migramovil.core import sealing
from migramovil.core.trouble import Trouble, Who
from migramovil.services.clock import steady
from migramovil.store import attempts, keys
from migramovil.store.outbox import Outbox

WAITS_S = (0, 0, 0, 0, 2, 5, 15, 30, 60, 120, 300)
"""Seconds after so many failures in a row with one name; the last for all that follow."""
STATION_SLOWER = 3
"""The station as a whole waits as for one name, at a third of the failures."""
_PURPOSE = "migramovil/attempt/1\n"
_STATION = "station"


class MustWait(Trouble):
    """`wait_s` is what is left of the wait, in seconds."""

    code = "ACC-30"
    what = "Hubo varios intentos de entrar con una contraseña que no era."
    advice = "Espere a que termine la cuenta y escriba la contraseña con calma."
    who = Who.OFFICER

    def __init__(self, wait_s: float) -> None:
        super().__init__()
        self.wait_s = wait_s


class Lockout:
    """Safe from any thread. `monotonic` answers seconds that only ever grow."""

    def __init__(self, outbox: Outbox, monotonic: Callable[[], float] = steady) -> None:
        self._outbox = outbox
        self._monotonic = monotonic
        self._key = keys.device_key(outbox.folder)
        self._guard = threading.Lock()
        self._until: dict[str, float] = {}
        for who, failures in attempts.failures(outbox).items():
            self._wait(who, failures)

    def wait_s(self, username: str) -> float:
        """Seconds until a password for this name is looked at again; 0 when it is now."""
        with self._guard:
            return self._left(self._rows(username))

    @contextmanager
    def trying(self, username: str) -> Iterator[None]:
        """Round one look at a password: MustWait before its time, and what it ends in counts."""
        rows = self._rows(username)
        with self._guard:
            left = self._left(rows)
            if left > 0:
                raise MustWait(left)
            attempts.count(self._outbox, rows)
            known = attempts.failures(self._outbox)
            for who in rows:
                self._wait(who, known[who])
        try:
            yield
        except keys.WrongPassword:
            raise
        except BaseException:
            attempts.take_back(self._outbox, rows)
            raise
        self._forgive((*rows, self._hash("")))

    def _forgive(self, rows: tuple[str, ...]) -> None:
        with self._guard:
            attempts.forget(self._outbox, rows)
            for who in rows:
                self._until.pop(who, None)

    def _rows(self, username: str) -> tuple[str, ...]:
        """Whom a try counts against: the name (all unknown names are one) and the station."""
        name = unicodedata.normalize("NFKC", username).strip().casefold()
        known = any(slot.username == name for slot in keys.slots(self._outbox.folder))
        return self._hash(name if known else ""), _STATION

    def _hash(self, name: str) -> str:
        return sealing.derive(self._key, _PURPOSE + name).hex()

    def _wait(self, who: str, failures: int) -> None:
        step = failures // STATION_SLOWER if who == _STATION else failures
        self._until[who] = self._monotonic() + WAITS_S[min(step, len(WAITS_S) - 1)]

    def _left(self, rows: tuple[str, ...]) -> float:
        now = self._monotonic()
        return max(0.0, *(self._until.get(who, now) - now for who in rows))
