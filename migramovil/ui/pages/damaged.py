"""The station's own books are damaged: what that means, and bringing out what is whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.ui import kit
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Page, Primary

if TYPE_CHECKING:
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


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
