"""What the wire needs of others: the line of sealed records, and headquarters' side of a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from migramovil.core.queue import Counts, Waiting
from migramovil.core.record import ReceiptBody, Signed
from migramovil.core.trouble import Trouble, Who


class Outbox(Protocol):
    """Sealed packets at rest. Only a signed, checked receipt moves a record on."""

    def waiting(self, limit: int) -> Sequence[Waiting]:
        """Records in state `sealed`, oldest seq first, at most so many."""
        ...

    def unconfirmed(self, limit: int, after: Waiting | None = None) -> Sequence[Waiting]:
        """Records in state `stored`, oldest seq first: at most so many of those after `after`."""
        ...

    def disputed(self, limit: int, after: Waiting | None = None) -> Sequence[Waiting]:
        """The same of those headquarters refused and neither took up again nor discarded."""
        ...

    def packet(self, record: str) -> bytes:
        """The whole sealed packet."""
        ...

    def file_receipt(self, record: str, signed: Signed, body: ReceiptBody) -> None:
        """Keep a checked receipt whole and move the record's state; harmless to repeat."""
        ...

    def counts(self) -> Counts: ...


class Letter(Protocol):
    """A letter that waits: its id and its signed bytes (core.letters)."""

    @property
    def id(self) -> str: ...

    @property
    def body(self) -> bytes: ...


class Letters(Protocol):
    """Letters at rest; an answer is kept once, checked."""

    def unanswered(self) -> Sequence[Letter]:
        """Oldest first."""
        ...

    def answer(self, letter: str, answer: bytes) -> None: ...


class Headquarters(Protocol):
    """Headquarters as seen from a station; every method blocks, and raises a Trouble below."""

    def receipts(self, records: Sequence[tuple[str, str]]) -> Sequence[Signed]:
        """Receipts given so far for (station, record) pairs; with none, just says hello."""
        ...

    def send(
        self, waiting: Waiting, packet: bytes, progress: Progress, ahead: Ahead
    ) -> Sequence[Signed]:
        """Bring one packet, only the parts headquarters lacks; its receipts.

        When nothing of it is left to give out, `ahead` tells which packet comes after it: its
        parts may fill the road meanwhile.
        """
        ...

    def letter(self, data: bytes) -> Signed:
        """Bring one letter; headquarters' answer, not checked yet."""
        ...

    def fetch(self, path: str, known: str = "") -> bytes | None:
        """What headquarters has at this path; None when it is still what `known` (an ETag) was."""
        ...

    def hang_up(self) -> None:
        """Drop every connection; the next call dials again."""
        ...

    def link_changed(self) -> None:
        """From any thread: connections that stand still belong to the old link."""
        ...


class Downloads(Protocol):
    """Whoever fetches what headquarters publishes (sync.downstream)."""

    def turn(self, source: Headquarters, stopping: Callable[[], bool]) -> None:
        """One round if it is time; fails nobody."""
        ...


class Reports(Protocol):
    """Whoever brings reports for support (sync.reports)."""

    def turn(self, called: Callable[[], bool]) -> None:
        """One round if it is time; fails nobody, and ends when something is `called`."""
        ...


class Terms(Protocol):
    """What the link of the moment costs, and what may be spent on it (services.metering)."""

    def spent(self, size: int) -> None:
        """So many bytes passed, either way."""
        ...

    def may_spend(self) -> bool: ...

    def may_send_images(self) -> bool: ...


class NoTerms:
    """A link that costs nothing."""

    def spent(self, size: int) -> None: ...

    def may_spend(self) -> bool:
        return True

    def may_send_images(self) -> bool:
        return True


class Memory(Protocol):
    """A few words that outlive the process (store.marks.Mark)."""

    def read(self) -> str | None: ...

    def write(self, words: str) -> None: ...


class Forgetful:
    """A memory that ends with the process."""

    _words = ""

    def read(self) -> str | None:
        return self._words

    def write(self, words: str) -> None:
        self._words = words


Progress = Callable[[int], None]
"""Told how many bytes of the packet headquarters holds, also while nothing moves; may raise
Interrupted."""

Ahead = Callable[[], tuple[Waiting, bytes] | None]
"""The packet after the one being sent, and its bytes; None when there is none."""


class Interrupted(Exception):  # noqa: N818 - not an error: the engine was asked to stop
    """Raised out of a progress call to leave an upload between two parts."""


class NoLink(Trouble):
    code = "SYN-01"
    what = "No hay conexión con sede central."
    advice = "Siga trabajando. Los registros están guardados aquí y se enviarán al volver la señal."
    who = Who.NOBODY


class LoginRefused(Trouble):
    code = "SYN-02"
    what = "Sede central no reconoce a esta estación."
    advice = "Los registros siguen guardados aquí. Un técnico debe darla de alta otra vez."
    who = Who.TECHNICIAN


class DigestRefused(Trouble):
    code = "SYN-04"
    what = "Lo que llegó a sede central no es igual a lo guardado aquí."
    advice = "El registro quedó apartado y guardado. Avise al técnico con este código."
    who = Who.TECHNICIAN


class TooManyBadReceipts(Trouble):
    code = "SYN-07"
    what = "El envío se detuvo: sede central dio tres acuses que no se pueden comprobar."
    advice = "No se perdió nada. Llame al técnico antes de volver a enviar."
    who = Who.TECHNICIAN


class NotUnderstood(Trouble):
    code = "SYN-08"
    what = "Sede central no pudo leer un envío de esta estación."
    advice = "El registro quedó apartado y guardado. Avise al técnico con este código."
    who = Who.TECHNICIAN


class HeadquartersBusy(Trouble):
    code = "SYN-09"
    what = "Sede central no puede recibir en este momento."
    advice = "Siga trabajando. Se volverá a intentar."
    who = Who.HEADQUARTERS


class HeadquartersFull(HeadquartersBusy):
    code = "SYN-14"
    what = "El disco de sede central está lleno."
    advice = "Siga trabajando. Avise a sede central; se volverá a intentar."
    who = Who.HEADQUARTERS


class NotHeadquarters(Trouble):
    code = "SYN-10"
    what = "Quien respondió no es la sede central de esta estación."
    advice = "No se envió nada. Revise la red: puede pedir una clave o usar un portal propio."
    who = Who.TECHNICIAN


class CaptivePortal(NotHeadquarters):
    code = "SYN-15"
    what = "La red pide entrar por una página propia antes de dejar pasar."
    advice = "No se envió nada. Abra un navegador en esta red y acepte o ingrese la clave."
    who = Who.OFFICER


class BudgetSpent(Trouble):
    code = "SYN-16"
    what = "Se llegó al límite de datos de hoy para esta red."
    advice = "Los registros siguen guardados aquí. Se enviarán mañana, o antes por otra red."
    who = Who.SUPERVISOR


class ImagesHeld(Trouble):
    code = "SYN-17"
    what = "Los datos ya están en sede central; las imágenes esperan una red sin costo."
    advice = "Siga trabajando. Se enviarán solas al conectarse a una red sin costo."
    who = Who.NOBODY


class CertificateExpired(Trouble):
    code = "SYN-11"
    what = "El certificado de sede central no está vigente."
    advice = "No se envió nada. Sede central debe renovarlo."
    who = Who.HEADQUARTERS


class EngineFailed(Trouble):
    code = "SYN-12"
    what = "El envío se detuvo por una falla del programa."
    advice = "Los registros siguen guardados aquí. Avise al técnico con este código."
    who = Who.TECHNICIAN
