"""The slip a person takes home. Printing never decides whether a record exists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from migramovil.core.roles import Act
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import Printed, SlipLine
from migramovil.devices.registry import Bench
from migramovil.services.accounts import Accounts
from migramovil.services.clock import LIMA
from migramovil.services.enrolling import Finished
from migramovil.services.place import Place


class Printing:
    """`called` tells a procedure's name from its code."""

    def __init__(
        self, accounts: Accounts, bench: Bench, place: Place, called: Callable[[str], str]
    ) -> None:
        self._accounts = accounts
        self._bench = bench
        self._place = place
        self._called = called

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
        self._accounts.demand(Act.FINISH)
        lines = self.slip_lines(finished)
        return self._bench.printer.use(
            lambda printer, _off: printer.print_slip(lines, folio=finished.folio)
        )

    def print_again(self, fetch: Callable[[], tuple[Finished, int]]) -> Ticket[Printed]:
        """Print what `fetch` brings, once the printer is there: the record and which copy it is."""
        self._accounts.demand(Act.FINISH)
        return self._bench.printer.use(
            lambda printer, _off: printer.print_slip(self.slip_lines(*fetch()))
        )
