"""Informe para soporte: what is wrong, what would go to headquarters, and the two ways there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QWidget

from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.services.supporting import (
    STICK,
    WHAT_GOES_IN,
    WHAT_STAYS_OUT,
    NoSupportKey,
    Report,
    Wrong,
)
from migramovil.ui import kit
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint, Primary
from migramovil.ui.pages.common import DayPage
from migramovil.ui.pages.media import MediaList

if TYPE_CHECKING:
    from migramovil.services.desk import Desk

_NONE = "Para llevarlo a mano, coloque una memoria USB y pulse F5."
_LOOKING = "Se revisan los equipos, el disco y el enlace. Tarda unos segundos."


class SupportPage(DayPage):
    """Looks when it is entered; nothing leaves before somebody says so."""

    help: ClassVar[str] = (
        "La estación se revisa y muestra qué falla. F10 deja el informe para el próximo envío; "
        "F7 lo copia a la memoria elegida con ↑ ↓; F5 revisa otra vez. Va sellado para soporte."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Informe para soporte", "Qué falla aquí, para quien ayuda a distancia.")
        self.can_go_back = True
        self._desk, self._bridge = desk, bridge
        self._report: Report | None = None
        self._running: Ticket[Report] | None = None
        self._trouble = kit.TroubleBanner()
        self._said = kit.Banner("ok", " ")
        self._wrong = kit.col(gap=6)
        self._count = kit.Text("", "cap", "ink2")
        self._media = MediaList(desk, _NONE)
        self._build()
        self._said.hide()

    def _build(self) -> None:
        found = kit.Scroll(kit.Box(kit.col(self._wrong, None)))
        wrong = kit.Card((found, 1), title="Qué falla", right=self._count, gap=8, pad=12)
        goes = [kit.StateRow("ok", words, plain=True) for words in WHAT_GOES_IN]
        stays = [
            kit.StateRow("idle", words, plain=True, icon="lock-key") for words in WHAT_STAYS_OUT
        ]
        content = kit.Scroll(kit.Box(kit.col(*goes, kit.Rule(), *stays, None, gap=2)))
        what = kit.Card((content, 1), title="Qué lleva", gap=8, pad=12)
        where = kit.Card((self._media, 1), title="Memoria USB", gap=8, pad=12)
        right = kit.col((what, 3), (where, 2), gap=12)
        self.build(
            self._trouble, self._said, (kit.row((wrong, 1), (right, 1), gap=16), 1),
            actions=[kit.Button("Copiar a USB", icon="hard-drives", key="F7", on=self._copy)],
        )  # fmt: skip

    # ---- hooks -----------------------------------------------------------------------------
    def primary(self) -> Primary:
        return Primary(
            label="Enviar informe", icon="cloud-arrow-up", available=self._why_not() == "",
            reason=self._why_not(),
        )  # fmt: skip

    def press_primary(self) -> None:
        if self._report is None or self._why_not():
            self.point_to_missing()
            return
        self._quiet()
        self._bridge.when_done(
            self._desk.supporting.send(self._report), self._left, self._failed, owner=self
        )

    def point_to_missing(self) -> None:
        self._said.say("warn", "Todavía no", self._why_not())
        self._said.show()

    def keys(self) -> Mapping[str, Callable[[], object]]:
        return {"F5": self._look}

    def hints(self) -> Sequence[Hint]:
        return [
            ("↑ ↓", "Memoria"), ("F5", "Revisar otra vez"), ("F7", "Copiar a USB"),
            ("Esc", "Diagnóstico"),
        ]  # fmt: skip

    def first_focus(self) -> QWidget | None:
        return self._media.focus()

    def enter(self) -> None:
        self._look()

    def leave(self) -> None:
        """What is being looked at ends; a report that nobody sent is forgotten."""
        if self._running is not None:
            self._running.cancel()
        self._running = self._report = None

    # ---- answers ---------------------------------------------------------------------------
    def _look(self) -> None:
        if self._running is not None:
            return
        self._quiet()
        self._media.look()
        self._report = None
        self._count.say("")
        kit.refill(self._wrong, kit.StateRow("now", "Revisión en curso", second=_LOOKING))
        self._running = self._desk.supporting.collect()
        self._bridge.when_done(self._running, self._looked, self._failed, owner=self)
        self.changed.emit()

    def _looked(self, report: Report) -> None:
        self._running, self._report = None, report
        self._count.say(f"{len(report.wrong)} por atender" if report.wrong else "")
        well = kit.StateRow("ok", "Nada falla", second="El informe lleva igual cómo está todo.")
        kit.refill(
            self._wrong, *(_row(one) for one in report.wrong), *([] if report.wrong else [well])
        )
        if not self._desk.supporting.can_seal():
            self._trouble.show_trouble(NoSupportKey(), safe="")
        self.changed.emit()

    def _copy(self) -> None:
        medium = self._media.chosen()
        if self._report is None or self._why_not():
            self.point_to_missing()
        elif medium is None:
            self._said.say("warn", "No hay memoria", _NONE)
            self._said.show()
        else:
            self._quiet()
            self._bridge.when_done(
                self._desk.supporting.save(self._report, medium.folder), self._copied,
                self._failed, owner=self,
            )  # fmt: skip

    def _left(self, _: None) -> None:
        words = "Va con el próximo envío, después de los registros. No detiene nada."
        self._tell("Informe sellado", words)

    def _copied(self, path: Path) -> None:
        self._tell("Puede retirar la memoria", f"{STICK}/{path.name} está escrito y comprobado.")

    def _failed(self, trouble: Trouble) -> None:
        self._running = None
        self._said.hide()
        self._trouble.show_trouble(trouble)
        self.changed.emit()

    # ---- what is shown -----------------------------------------------------------------------
    def _why_not(self) -> str:
        """Why it cannot go now, or ""."""
        if self._report is None:
            return "La revisión está en curso." if self._running else "Revise primero con F5."
        return "" if self._desk.supporting.can_seal() else NoSupportKey.what

    def _tell(self, what: str, words: str) -> None:
        self._said.say("ok", what, words)
        self._said.show()
        self.changed.emit()

    def _quiet(self) -> None:
        self._said.hide()
        self._trouble.settle()


class ClosedSupportPage(SupportPage):
    """The same before anybody is inside."""

    rail = "none"


def _row(one: Wrong) -> kit.StateRow:
    """The code first: it is what is read out over the telephone."""
    return kit.StateRow(
        "bad", f"{one.code} · {one.name}", second=f"{one.what} {one.advice}", plain=True
    )
