"""Where satellites say the vehicle is, when it is not the place on header and slips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migramovil.core.trouble import Trouble
from migramovil.ui import kit
from migramovil.ui.bridge import Bridge

if TYPE_CHECKING:
    from migramovil.services.desk import Desk


class PlaceOffer(kit.Box):
    """One sentence and the button that takes the place; not there while there is nothing to say."""

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        self._desk, self._bridge = desk, bridge
        self._take_it = kit.Button("Usar este lugar", icon="map-pin", key="F6", on=self._take)
        self._banner = kit.Banner("info", "-", button=self._take_it)
        super().__init__(kit.col(self._banner))
        self.hide()

    def look(self, *, wanted: bool) -> None:
        """Show what is proposed now, if it is `wanted` at all."""
        spot = self._desk.whereabouts.proposal if wanted else None
        if spot is not None:
            self._banner.say(
                "info", f"El GPS los ubica en {spot.name}",
                "Si es así, úselo: sale en la cabecera y en los comprobantes.",
            )  # fmt: skip
            self._take_it.set_available(True)
        self.setVisible(spot is not None)

    def _take(self) -> None:
        self._take_it.set_available(False, "Se está anotando.")
        self._bridge.when_done(self._desk.whereabouts.accept(), self._taken, self._not_taken)

    def _taken(self, _: None) -> None:
        self.hide()

    def _not_taken(self, trouble: Trouble) -> None:
        self._banner.say("warn", trouble.what, trouble.advice)
        self._take_it.set_available(True)
