"""Respaldo: how old the second copy is, where it can go, and bringing it up to date."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QWidget

from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.ui import kit
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint, Primary
from migramovil.ui.kit.states import State
from migramovil.ui.pages.common import DayPage, day_of, hour_of, size_words, span_words
from migramovil.ui.pages.media import MediaList

if TYPE_CHECKING:
    from migramovil.services.backups import Standing
    from migramovil.services.desk import Desk
    from migramovil.store.backup import Report

_ABOUT = (
    "Lleva los paquetes sellados y los trámites abiertos. Solo sede central puede abrirlo: quien"
    " encuentre la memoria no lee nada. Guárdela lejos de la laptop."
)
_NONE = "Coloque una memoria USB o un disco aparte y pulse F5."


class BackupPage(DayPage):
    """Live while it is in sight; a backup goes on when it is left."""

    help: ClassVar[str] = (
        "Elija la memoria con ↑ ↓ y respalde con F10; lo ya copiado no se copia otra vez. F7 lee "
        "todo lo respaldado y dice si está entero."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Respaldo", "La segunda copia de lo que hay en esta estación.")
        self._desk, self._bridge = desk, bridge
        self._running: Ticket[Report] | None = None
        self._reading: Ticket[tuple[str, ...]] | None = None
        self._age = kit.Figure("–", "desde el último respaldo comprobado", role="hero")
        self._state = kit.Badge("Sin respaldo", "warn")
        self._progress = kit.Progress("Respaldo")
        self._copied = kit.Text("", "cap", "ink2")
        self._trouble = kit.TroubleBanner()
        self._said = kit.Banner("ok", " ")
        self._packets = kit.StateRow("idle", "Paquetes sellados", "–", plain=True, icon="package")
        self._drafts = kit.StateRow("idle", "Trámites abiertos", "–", plain=True, icon="user")
        self._room = kit.StateRow("idle", "-", plain=True, icon="hard-drives")
        self._media = MediaList(desk, _NONE)
        self.table = self._media.table
        last = kit.Card(
            self._age, self._progress, self._copied, kit.Rule(), self._packets, self._drafts,
            None, kit.Text(_ABOUT, "body", "ink2", wrap=True),
            title="Último respaldo", gap=12, pad=20,
        )  # fmt: skip
        where = kit.Card(
            (self._media, 1), kit.Rule(), self._room, title="Dónde", gap=8,
        )  # fmt: skip
        self.build(
            self._trouble, self._said, (kit.row((last, 1), (where, 1), gap=16), 1),
            actions=[self._state],
        )  # fmt: skip
        self._said.hide()
        told = bridge.newest(lambda _: self.news(), owner=self)
        desk.backups.when_changed(lambda: told(None))

    # ---- hooks -----------------------------------------------------------------------------
    def primary(self) -> Primary:
        if self._busy():
            return Primary(label="Detener", icon="x-circle")
        return Primary(label="Respaldar ahora", icon="hard-drives")

    def press_primary(self) -> None:
        if self._busy():
            self._desk.backups.call_off()
            if self._reading is not None:
                self._reading.cancel()
                self._ended()
            return
        medium = self._media.chosen()
        if medium is None:
            self._said.say("warn", "No hay dónde respaldar", _NONE)
            self._said.show()
            return
        self._quiet()
        self._running = self._desk.backups.back_up(medium.folder)
        self._bridge.when_done(self._running, self._done, self._failed, owner=self)
        self.news()

    def keys(self) -> Mapping[str, Callable[[], object]]:
        return {"F5": self._look, "F7": self._read_again}

    def hints(self) -> Sequence[Hint]:
        return [
            ("↑ ↓", "Memoria"), ("F5", "Buscar"), ("F7", "Leer todo otra vez"),
            ("Esc", "Supervisión"),
        ]  # fmt: skip

    def first_focus(self) -> QWidget | None:
        return self._media.focus()

    def enter(self) -> None:
        self._quiet()
        self._look()

    def news(self) -> None:
        standing = self._desk.backups.standing()
        self._show_age(standing)
        self._show_work(standing)
        self._show_room()
        self.changed.emit()

    # ---- what is shown -----------------------------------------------------------------------
    def _show_age(self, standing: Standing) -> None:
        if standing.age is None:
            self._age.say("Ninguno", "respaldo comprobado todavía")
        else:
            zone = self._desk.clock.local().tzinfo
            utc = standing.verified_utc
            at = f"{day_of(utc, zone)} a las {hour_of(utc, zone)}"
            fresh = standing.age.total_seconds() < 60
            self._age.say(
                "Ahora" if fresh else span_words(standing.age),
                f"comprobado el {at}" if fresh else f"desde el último, comprobado el {at}",
            )
        late = "Sin respaldo" if standing.age is None else "Más de un día"
        self._state.say(
            late if standing.overdue else "Al día", "warn" if standing.overdue else "ok"
        )

    def _show_work(self, standing: Standing) -> None:
        self._progress.setVisible(standing.running)
        self._copied.setVisible(standing.running)
        if standing.running:
            share = standing.done / standing.all if standing.all else 0.0
            words = f"Copiado {size_words(standing.done)} de {size_words(standing.all)}"
            words = words if standing.all else "Se compara lo que falta"
            self._progress.set_value(share, words)
            self._copied.say(f"{words}. Se puede seguir trabajando.")
        if standing.trouble is not None and not standing.running:
            self._trouble.show_trouble(standing.trouble)
        report = standing.report
        if report is None:
            return
        state: State = "bad" if report.damaged else "ok"
        second = f"{size_words(report.bytes)} en la memoria"
        if report.damaged:
            count = len(report.damaged)
            second = "1 dañado" if count == 1 else f"{count} dañados"
            second += " en la estación: avise al técnico"
        self._packets.say(state, "Paquetes sellados", f"{report.packets:,}", second=second)
        if report.snapshot:
            self._drafts.say("ok", "Trámites abiertos", f"{report.drafts:,}")
        else:
            self._drafts.say("warn", "Trámites abiertos", "–", second="Nadie estaba dentro.")

    def _show_room(self) -> None:
        room = self._desk.reserve.room()
        state: State = "bad" if room.people == 0 else "warn" if room.few else "ok"
        self._room.say(state, "En esta estación", second=self._desk.reserve.words())

    def _look(self) -> None:
        self._media.look()
        self.news()

    # ---- the work ----------------------------------------------------------------------------
    def _read_again(self) -> None:
        medium = self._media.chosen()
        if medium is None or self._busy():
            return
        self._quiet()
        self._said.say(
            "now", "Se lee todo el respaldo", "Puede tardar. Se puede seguir trabajando."
        )
        self._said.show()
        self._reading = self._desk.backups.check(medium.folder)
        self._bridge.when_done(self._reading, self._read, self._failed, owner=self)
        self.changed.emit()

    def _read(self, bad: tuple[str, ...]) -> None:
        self._ended()
        if bad:
            count = "1 archivo no está" if len(bad) == 1 else f"{len(bad)} archivos no están"
            words = f"{count} como se escribió. Use otra memoria."
            self._said.say("bad", "El respaldo está dañado", words)
        else:
            self._said.say("ok", "El respaldo está entero", "Cada archivo se leyó y coincide.")

    def _done(self, report: Report) -> None:
        self._ended()
        if not report.damaged:
            words = f"{report.copied:,} paquetes nuevos. Ya puede retirar la memoria."
            self._said.say("ok", "Respaldo hecho y comprobado", words)
            self._said.show()

    def _failed(self, trouble: Trouble) -> None:
        self._ended()
        self._said.hide()
        self._trouble.show_trouble(trouble)

    def _ended(self) -> None:
        self._running = self._reading = None
        self.news()

    def _busy(self) -> bool:
        return self._reading is not None or self._desk.backups.standing().running

    def _quiet(self) -> None:
        self._said.hide()
        self._trouble.settle()
