"""«Olvidé mi contraseña»: the way back in that headquarters allows, by voice or by file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from migramovil.core.recovery import LINES, BadRecoveryCode
from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.ui import kit
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint, Primary
from migramovil.ui.pages.accounts import Passphrase
from migramovil.ui.pages.common import DayPage
from migramovil.ui.pages.login import Dawn

if TYPE_CHECKING:
    from migramovil.services.desk import Desk

_VOICE, _FILE = "voice", "file"


class ForgottenPage(DayPage):
    """`recovered` tells that the new passphrase opens the station now."""

    rail = "none"
    header = False
    help: ClassVar[str] = (
        "Dos personas de sede central aprueban la recuperación. Por voz, dictan cuatro renglones; "
        "por archivo, responden una solicitud. Nada de lo guardado se pierde."
    )
    recovered = Signal()

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Olvidé mi contraseña", "Sede central ayuda por radio o por archivo.")
        self._desk, self._bridge = desk, bridge
        self._busy = False
        self._number: int | None = None
        self.can_go_back = True
        self.ask_save: Callable[[], str] = self._ask_save
        self.ask_open: Callable[[], str] = self._ask_open
        self._art = Dawn(desk)
        self._trouble = kit.TroubleBanner()
        self.who = kit.Combo(hint="Elija su usuario")
        self._who = kit.Field("¿Quién olvidó su contraseña?", self.who)
        self.way = kit.Segmented(
            [
                kit.Segment(value=_VOICE, words="Por voz", letter="V"),
                kit.Segment(value=_FILE, words="Por archivo", letter="A"),
            ],
            _VOICE,
            name="Cómo",
        )
        self.way.chosen.connect(lambda _: self._show_way())
        self.passphrase = Passphrase()
        self.lines = [kit.TextField(exact=True, capitals=True) for _ in range(LINES)]
        self._lines = [
            kit.Field(f"Renglón {number}", line) for number, line in enumerate(self.lines, 1)
        ]
        self._dictate = kit.Text("", "sub", wrap=True)
        self._voice = kit.Card(
            self._dictate,
            kit.grid(
                *((field, at // 2, at % 2) for at, field in enumerate(self._lines)),
                gap=(16, 4), shares=(1, 1),
            ),
            title="Por voz", gap=8, pad=16,
        )  # fmt: skip
        self._save = kit.Button(
            "Guardar solicitud", icon="download-simple", key="F6", on=self._request
        )
        self._saved = kit.StateRow("info", "La solicitud no abre nada por sí sola.")
        self._file = kit.Card(
            kit.Numbered(1, "Escriba la contraseña nueva y guarde la solicitud en un USB."),
            kit.Numbered(2, "Sede central devuelve otro archivo."),
            kit.Numbered(3, "Vuelva aquí con él, con la misma contraseña nueva."),
            kit.row(self._save, (self._saved, 1), gap=12),
            title="Por archivo", gap=12, pad=16,
        )  # fmt: skip
        self._working = kit.StateRow("now", "Se comprueba y se cambian las llaves…",
                                     icon="hourglass")  # fmt: skip
        top = kit.row((self._who, 3), (kit.Field("Cómo", self.way), 2), gap=16)
        form = kit.Card(top, self.passphrase, gap=8, pad=16)
        self.build(self._trouble, form, self._voice, self._file, self._working, None)
        self._working.hide()

    # ---- hooks -----------------------------------------------------------------------------
    def side(self) -> QWidget:
        return self._art

    def tick(self) -> None:
        self._art.tick()

    def primary(self) -> Primary:
        voice = self.way.value() == _VOICE
        return Primary(
            label="Recuperar acceso" if voice else "Abrir respuesta",
            icon="lock-key-open-bold" if voice else "folder-open",
            available=not self._busy and not (voice and self._number is None),
            reason="Se está comprobando." if self._busy else "No hay un número disponible.",
        )

    def press_primary(self) -> None:
        self._trouble.settle()
        if not self._all_right():
            self.point_to_missing()
            return
        user, word = self.who.value() or "", self.passphrase.value()
        if self.way.value() == _FILE:
            path = self.ask_open()
            if path:
                self._send(self._desk.recovery.take_reply_from(user, word, Path(path)), self._in)
        elif self._number is not None:
            heard = [line.value() for line in self.lines]
            self._send(self._desk.recovery.by_voice(self._number, user, word, heard), self._in)

    def hints(self) -> Sequence[Hint]:
        return [("Esc", "Volver a entrar")]

    def first_focus(self) -> QWidget:
        return self.who

    def enter(self) -> None:
        people = self._desk.accounts.people()
        self.who.set_choices([kit.Option(value=p.username, words=p.username) for p in people])
        self._number = self._desk.recovery.number()
        self._trouble.settle()
        self._forget()
        self.way.set_value(_VOICE if self._number is not None else _FILE)
        self._show_way()

    def leave(self) -> None:
        self._forget()

    def escape(self) -> None:
        if not self._busy:
            super().escape()

    # ---- acts ------------------------------------------------------------------------------
    def _request(self) -> None:
        self._trouble.settle()
        if not self._person_right():
            self.point_to_missing()
            return
        path = self.ask_save()
        if path:
            user, word = self.who.value() or "", self.passphrase.value()
            self._send(
                self._desk.recovery.save_request(user, word, Path(path)), self._request_saved
            )

    def _send(self, ticket: Ticket[None], then: Callable[[], None]) -> None:
        self._set_busy(True)
        self._bridge.when_done(ticket, lambda _: then(), self._failed, owner=self)

    def _request_saved(self) -> None:
        self._set_busy(False)
        self._saved.say("ok", "Solicitud guardada. Puede cerrar y volver con la respuesta.")

    def _in(self) -> None:
        self._set_busy(False)
        self._forget()
        self.recovered.emit()

    def _failed(self, trouble: Trouble) -> None:
        self._set_busy(False)
        if not isinstance(trouble, BadRecoveryCode):
            self._trouble.show_trouble(trouble)
            return
        for number, field in enumerate(self._lines, 1):
            wrong = number in trouble.lines
            field.say("bad" if wrong else "ok", "Pida que repitan este renglón." if wrong else "")
        self.point_to_missing()

    # ---- what is shown ---------------------------------------------------------------------
    def _show_way(self) -> None:
        voice = self.way.value() == _VOICE
        self._voice.setVisible(voice)
        self._file.setVisible(not voice)
        code = self._desk.place.code
        if self._number is None:
            self._dictate.say("Ahora no hay un número para dictar. Use «Por archivo».")
        else:
            self._dictate.say(f"Dicte a sede central: estación {code}, número {self._number}")
        for field in self._lines:
            field.setVisible(self._number is not None)
        self.changed.emit()

    def _all_right(self) -> bool:
        fine = self._person_right()
        if self.way.value() == _FILE:
            return fine
        for line, field in zip(self.lines, self._lines, strict=True):
            there = bool(line.value())
            field.say("normal" if there else "bad", "" if there else "Falta este renglón.")
            fine = fine and there
        return fine

    def _person_right(self) -> bool:
        there = self.who.value() is not None
        self._who.say("normal" if there else "bad", "" if there else self.who.problem())
        return self.passphrase.all_right() and there

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        self._working.setVisible(busy)
        self.changed.emit()

    def _forget(self) -> None:
        """Nothing typed here stays."""
        self.passphrase.settle()
        self._who.say("normal")
        for line, field in zip(self.lines, self._lines, strict=True):
            line.clear()
            field.say("normal")
        self._set_busy(False)

    def _ask_save(self) -> str:
        name = f"solicitud-{self._desk.place.code}.json"
        return QFileDialog.getSaveFileName(self, "Guardar solicitud", name)[0]

    def _ask_open(self) -> str:
        return QFileDialog.getOpenFileName(self, "Respuesta de sede central")[0]
