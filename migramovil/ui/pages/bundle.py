"""Memoria USB: what waits goes out as a copy, what headquarters answered comes in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QWidget

from migramovil.core.queue import Counts
from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint, Primary
from migramovil.ui.pages.common import DayPage, link_why, link_words, size_words
from migramovil.ui.pages.media import MediaList

if TYPE_CHECKING:
    from migramovil.services.bundles import Exchanged, Exported, Imported
    from migramovil.services.desk import Desk

_ABOUT = (
    "Es una copia: los registros siguen aquí hasta que sede central los confirme. Van sellados: "
    "quien encuentre la memoria no lee nada."
)
_NONE = "Coloque una memoria USB y pulse F5."


class BundlePage(DayPage):
    """A copy goes on when the page is left; it says when the stick may be pulled out."""

    help: ClassVar[str] = (
        "Elija la memoria con ↑ ↓ y pulse F10: primero entra lo que puso sede central, luego sale "
        "lo que espera. Retírela cuando la pantalla lo diga."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Memoria USB", "Lleva lo que espera y trae lo que responde sede central.")
        self.can_go_back = True
        self._desk, self._bridge = desk, bridge
        self._running: Ticket[Exchanged] | None = None
        role: theme.Role = "fig" if theme.large() else "hero"
        self._waits = kit.Figure("–", "por enviar", role=role)
        self._copied = kit.Figure("–", "de ellos, copiados a USB", role=role)
        self._progress = kit.Progress("Copia a USB")
        self._doing = kit.Text("", "cap", "ink2")
        self._said = kit.Banner("ok", " ")
        self._trouble = kit.TroubleBanner()
        self._about = kit.Text(_ABOUT, "body", "ink2", wrap=True)
        self._link = kit.StateRow("idle", "-", second="-", plain=True)
        self._out = kit.StateRow("idle", "Salieron", "–", plain=True, icon="export")
        self._in = kit.StateRow("idle", "Avanzaron", "–", plain=True, icon="download-simple")
        self._media = MediaList(desk, _NONE)
        self.table = self._media.table
        line = kit.Card(
            kit.row(self._waits, self._copied, None, gap=40), self._link, self._progress,
            self._doing, kit.Rule(), self._out, self._in, None, self._about,
            title="Lo que espera", gap=8 if theme.large() else 12, pad=12 if theme.large() else 20,
        )  # fmt: skip
        where = kit.Card((self._media, 1), title="Dónde", gap=8)
        self.build(self._trouble, self._said, (kit.row((line, 1), (where, 1), gap=16), 1))
        self._said.hide()
        told = bridge.newest(lambda _: self.news(), owner=self)
        desk.bundles.when_changed(lambda: told(None))

    # ---- hooks -----------------------------------------------------------------------------
    def primary(self) -> Primary:
        if self._desk.bundles.standing().running:
            return Primary(label="Detener", icon="x-circle")
        return Primary(
            label="Copiar a USB",
            icon="hard-drives",
            available=bool(self._media.media),
            reason=_NONE,
        )

    def press_primary(self) -> None:
        if self._desk.bundles.standing().running:
            self._desk.bundles.call_off()
            return
        medium = self._media.chosen()
        if medium is None:
            self.point_to_missing()
            return
        self._quiet()
        self._running = self._desk.bundles.exchange(medium.folder)
        self._bridge.when_done(self._running, self._done, self._failed, owner=self)
        self.news()

    def point_to_missing(self) -> None:
        self._said.say("warn", "No hay memoria", _NONE)
        self._said.show()

    def keys(self) -> Mapping[str, Callable[[], object]]:
        return {"F5": self._look}

    def hints(self) -> Sequence[Hint]:
        return [("↑ ↓", "Memoria"), ("F5", "Buscar"), ("Esc", "Envíos")]

    def first_focus(self) -> QWidget | None:
        return self._media.focus()

    def enter(self) -> None:
        if self._running is not None and self._desk.bundles.standing().running:
            self._bridge.when_done(self._running, self._done, self._failed, owner=self)
        else:
            self._quiet()
        self._look()

    def news(self) -> None:
        standing, counts = self._desk.bundles.standing(), self._desk.waiting.counts()
        self._show_link(counts)
        self._waits.say(f"{counts.sealed:,}", "por enviar")
        self._copied.say(f"{self._desk.waiting.copied():,}", "de ellos, copiados a USB")
        self._progress.setVisible(standing.running)
        self._doing.setVisible(standing.running)
        if standing.running:
            share = standing.done / standing.all if standing.all else 0.0
            words = f"Copiado {size_words(standing.done)} de {size_words(standing.all)}"
            words = words if standing.all else "Se lee lo que puso sede central"
            self._progress.set_value(share, words)
            self._doing.say(f"{words}. No retire la memoria; se puede seguir trabajando.")
        self.changed.emit()

    def tick(self) -> None:
        self._show_link(self._desk.waiting.counts())

    # ---- answers ---------------------------------------------------------------------------
    def _done(self, done: Exchanged) -> None:
        out, came = done.exported, done.imported
        self._out.say(
            "bad" if out.damaged else "ok", "Salieron", f"{out.packets:,}", second=_out(out)
        )
        self._in.say(
            "idle" if came is None else "warn" if came.troubles else "ok", "Avanzaron",
            "–" if came is None else f"{came.receipts:,}", second=_in(came),
        )  # fmt: skip
        if came is not None and came.troubles:
            self._trouble.show_trouble(came.troubles[0])
        self._said.say(
            "ok", "Puede retirar la memoria", "Todo lo escrito en ella se leyó de nuevo."
        )
        self._said.show()
        self._about.setVisible(not theme.large())
        self.news()

    def _failed(self, trouble: Trouble) -> None:
        self._said.hide()
        self._trouble.show_trouble(trouble)
        self.news()

    # ---- what is shown -----------------------------------------------------------------------
    def _show_link(self, counts: Counts) -> None:
        """Why the stick helps, or that it need not."""
        status, soon = self._desk.waiting.status, self._desk.waiting.next_try_s()
        words, light, _ = link_words(status, replace(counts, sealed=0))
        states: dict[str, kit.State] = {"ok": "ok", "warn": "warn", "bad": "bad"}
        wrong = status is None or status.trouble is not None
        why = link_why(status, soon) if wrong else ""
        self._link.say(states.get(light, "info"), words, second=why)

    def _look(self) -> None:
        self._media.look()
        self.news()

    def _quiet(self) -> None:
        self._said.hide()
        self._trouble.settle()
        self._about.show()
        self._out.say("idle", "Salieron", "–")
        self._in.say("idle", "Avanzaron", "–")


def _out(done: Exported) -> str:
    words = f"{size_words(done.bytes)}, {_many(done.copied, 'nuevo', 'nuevos')}"
    words += f", {_many(done.letters, 'aviso', 'avisos')}" if done.letters else ""
    if done.damaged:
        words += f". {done.damaged:,} con daño no salieron: avise al técnico"
    return words


def _in(done: Imported | None) -> str:
    if done is None:
        return "Sede central todavía no puso nada en esta memoria."
    words = f"{_many(done.opened, 'registro confirmado', 'registros confirmados')}"
    lists = len(done.lists)
    return words + (f", {_many(lists, 'lista nueva', 'listas nuevas')}" if lists else "")


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
