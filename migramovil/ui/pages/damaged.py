"""The station's own books, or its vault, are damaged: what that means, and what can be had."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Signal

from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.ui import kit
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Page, Primary
from migramovil.ui.pages.common import DayPage, link_words

if TYPE_CHECKING:
    from migramovil.services.desk import Desk
    from migramovil.store.salvage import Salvaged

_SAFE = (
    "Los registros sellados son archivos aparte. Rescatar no borra ni cambia nada de lo que hay."
)
_STEPS = (
    ("Rescate lo que está entero", "F10. La carpeta dañada se conserva al lado, con otro nombre."),
    ("Abra otra vez la estación", "Lo pendiente de enviar sale como siempre."),
    ("Lleve la laptop a revisar", "Un disco que falla una vez vuelve a fallar. Haga un respaldo."),
)
_EPOCH = (
    "La estación perdió su identidad: un técnico debe darle una época nueva con «store renew» y un "
    "código de sede central. Hasta entonces no envía; nada se pierde."
)


_SENDING = "Lo sellado está aparte y entero: se sigue enviando mientras la estación esté encendida."
_RESCUE = "migramovil store salvage --user {} --out CARPETA-NUEVA"
_RESTORE = "migramovil store restore --from MEMORIA --data CARPETA-NUEVA"


class DamagedPage(Page):
    """Before anybody can enter. `rescue` works on another thread; `leave` closes the window."""

    rail: ClassVar = "none"

    def __init__(
        self,
        trouble: Trouble,
        bridge: Bridge,
        rescue: Callable[[], Ticket[Salvaged]],
        leave: Callable[[], object],
        *,
        packets: int,
    ) -> None:
        super().__init__("Datos dañados")
        self._bridge, self._rescue, self._leave = bridge, rescue, leave
        self._running = self._ended = False
        self._said = kit.Banner("now", " ")
        self._trouble = kit.TroubleBanner()
        card = kit.TroubleCard(
            trouble,
            when=trouble.detail and f"En «{trouble.detail}», al abrir la estación.",
            safe=_SAFE,
            steps=_STEPS,
            standing=[kit.StateRow("ok", "Registros sellados", f"{packets:,} en el disco")],
            support=f"MIGRAMOVIL:{trouble.code}:{trouble.detail}",
        )
        self.build(self._said, self._trouble, (card, 1))
        self._said.hide()

    def primary(self) -> Primary:
        if self._ended:
            return Primary(label="Cerrar", icon="check-circle")
        return Primary(label="Rescatar", icon="lifebuoy")

    def press_primary(self) -> None:
        if self._ended:
            self._leave()
        elif not self._running:
            self._running = True
            self._trouble.settle()
            self._said.say("now", "Se rescata lo que está entero", "No apague la laptop.")
            self._said.show()
            self._bridge.when_done(self._rescue(), self._done, self._failed, owner=self)

    def _done(self, found: Salvaged) -> None:
        self._ended = True
        sealed = _many(found.packets, "registro sellado", "registros sellados")
        words = f"{sealed} y {_many(found.receipts, 'acuse', 'acuses')}."
        if found.broken:
            packets = _many(
                len(found.broken), "paquete no está entero", "paquetes no están enteros"
            )
            words += f" {packets}: avise al técnico."
        whole = found.identity and found.signer
        self._said.say(
            "ok" if whole and not found.broken else "warn", "Rescate terminado",
            f"{words} Vuelva a abrir la estación." if whole else f"{words} {_EPOCH}",
        )  # fmt: skip
        self.changed.emit()

    def _failed(self, trouble: Trouble) -> None:
        self._running = False
        self._said.hide()
        self._trouble.show_trouble(trouble)


class DamagedVaultPage(DayPage):
    """The password was right and the vault does not open: the way on, while the line goes on."""

    rail: ClassVar = "none"
    go_back = Signal()

    def __init__(self, desk: Desk, trouble: Trouble, username: str) -> None:
        """`username` is whose password can bring the drafts out; "" where nobody's can."""
        super().__init__("Datos dañados")
        self._desk = desk
        self._line = kit.StateRow("idle", "Registros sellados", "–")
        card = kit.TroubleCard(
            trouble,
            when=trouble.detail and f"En «{trouble.detail}», al entrar.",
            safe=_SENDING,
            steps=_ways(username),
            standing=[self._line],
            support=f"MIGRAMOVIL:{trouble.code}:{trouble.detail}",
        )
        self.build((card, 1))
        self.news()

    def primary(self) -> Primary:
        return Primary(label="Volver", icon="arrow-left-bold")

    def press_primary(self) -> None:
        self.go_back.emit()

    def news(self) -> None:
        words, _, _ = link_words(self._desk.waiting.status, self._desk.waiting.counts())
        self._line.say("ok", "Registros sellados", words)


def _ways(username: str) -> tuple[tuple[str, str], ...]:
    wait = ("Espere a que salga lo pendiente", "Deje la laptop encendida y con conexión.")
    if not username:
        return (
            wait,
            ("Cierre la estación y avise al técnico", "Se restaura de su respaldo, con:"),
            ("En la línea de órdenes", _RESTORE),
        )
    return (
        wait,
        ("Cierre la estación y avise al técnico", "Rescata los trámites abiertos, con:"),
        ("En la línea de órdenes, con su contraseña", _RESCUE.format(username)),
        ("Lo que no salga puede estar en el respaldo", "Nada de lo dañado se borra."),
    )


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
