"""The slip a person takes home. Printing never decides whether a record exists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Event

from migramovil.core.roles import Act
from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import Printed, Printer, SlipLine
from migramovil.devices.registry import Bench
from migramovil.devices.trouble import PrintUnconfirmed, StillQueued
from migramovil.services.accounts import Accounts
from migramovil.services.clock import LIMA
from migramovil.services.enrolling import Finished
from migramovil.services.place import Place


def may_be_out(trouble: Trouble) -> bool:
    """Whether, in spite of this trouble, the slip may have come out or still come."""
    return isinstance(trouble, (PrintUnconfirmed, StillQueued))


class Printing:
    """`called` tells a procedure's name from its code.

    Whether a slip is out is the printer's word (`Printed.confirmed`), the officer's where the
    printer has none, and is written down nowhere as a fact.
    """

    def __init__(
        self, accounts: Accounts, bench: Bench, place: Place, called: Callable[[str], str]
    ) -> None:
        self._accounts = accounts
        self._bench = bench
        self._place = place
        self._called = called
        self._failed: set[str] = set()  # records whose slip was asked for, and surely did not come

    def slip_lines(self, finished: Finished, copy: int = 0) -> list[SlipLine]:
        """Folio, QR of the folio, procedure, hour, initials: never a whole name or number.

        `copy` is which reprint this is, 0 for the first slip.
        """
        hour = datetime.fromisoformat(finished.sealed_utc).astimezone(LIMA)
        lines = [
            SlipLine(text="COMPROBANTE DE ATENCIÓN", bold=True, centre=True),
            SlipLine(text=f"Migramóvil · {self._place.where or self._place.name}", centre=True),
            SlipLine(text="", rule=True),
            SlipLine(text="Folio", centre=True),
            SlipLine(text=finished.folio, bold=True, centre=True),
            SlipLine(text=finished.folio, qr=True, centre=True),
            SlipLine(text="Trámite", right=self._called(finished.procedure)),
            SlipLine(text="Atendido", right=f"{hour:%d/%m/%Y %H:%M}"),
            SlipLine(text="Iniciales", right=finished.initials),
            SlipLine(text="", rule=True),
        ]
        if finished.refused:
            lines.append(SlipLine(text="Registro sin fotografía ni huellas.", centre=True))
        lines.append(
            SlipLine(text="Sede central decide. No use intermediarios.", bold=True, centre=True)
        )
        if copy:
            lines.append(SlipLine(text=f"Reimpresión {copy}", centre=True))
        if self._place.training:
            lines.append(SlipLine(text="ENTRENAMIENTO: NO VÁLIDO", bold=True, centre=True))
        return lines

    def print_slip(self, finished: Finished) -> Ticket[Printed]:
        """Print the first slip of a record."""
        self._accounts.demand(Act.FINISH)
        self._failed.add(finished.record_id)
        return self._bench.printer.use(lambda printer, off: self._put(printer, off, finished, 0))

    def print_again(self, fetch: Callable[[], tuple[Finished, int]]) -> Ticket[Printed]:
        """Print what `fetch` brings, once the printer is there: the record and which copy it is."""
        self._accounts.demand(Act.FINISH)
        return self._bench.printer.use(lambda printer, off: self._put(printer, off, *fetch()))

    def never_came_out(self, record_id: str) -> bool:
        """Whether every slip of this record that was asked for failed: the next is no copy."""
        return record_id in self._failed

    def _put(self, printer: Printer, off: Event, finished: Finished, copy: int) -> Printed:
        lines: Sequence[SlipLine] = self.slip_lines(finished, copy)
        try:
            printed = printer.print_slip(lines, folio=finished.folio, cancelled=off)
        except (PrintUnconfirmed, StillQueued):
            self._failed.discard(finished.record_id)
            raise
        self._failed.discard(finished.record_id)
        return printed
