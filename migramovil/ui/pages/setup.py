"""The station's first hour: headquarters, its enrolment code, and the first supervisor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from migramovil.core.trouble import Trouble
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Primary
from migramovil.ui.pages.common import DayPage
from migramovil.ui.pages.login import Dawn

if TYPE_CHECKING:
    from migramovil.services.desk import Desk

_WORKING = "Se crean las claves de esta estación y se presenta a sede central…"


class SetupPage(DayPage):
    """`enrolled` tells that the station belongs to a headquarters and has its supervisor."""

    rail = "none"
    header = False
    help: ClassVar[str] = (
        "Sede central entrega la dirección y el código. El código sirve una sola vez y también "
        "prueba que la sede es la verdadera. Si algo falla, lo escrito se queda en su lugar."
    )
    enrolled = Signal()
    diagnosis = Signal()

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Enrolar esta estación", "Se hace una vez, con conexión a sede central.")
        self._desk, self._bridge = desk, bridge
        self._busy = False
        self._art = Dawn(desk)
        self.url = kit.TextField("https://", exact=True)
        self.name = kit.TextField()
        self.code = kit.TextField(exact=True)
        self.username = kit.TextField(exact=True)
        self.password = kit.TextField(secret=True)
        self.again = kit.TextField(secret=True)
        self.name.set_value(desk.place.name)
        self._fields = {
            "url": kit.Field("Dirección de sede central", self.url),
            "code": kit.Field("Código de enrolamiento", self.code),
            "name": kit.Field("Nombre de la estación", self.name),
            "username": kit.Field("Usuario de quien supervisa", self.username),
            "password": kit.Field("Contraseña", self.password),
            "again": kit.Field("Otra vez la contraseña", self.again),
        }
        self._trouble = kit.TroubleBanner()
        self._working = kit.StateRow("now", _WORKING, icon="hourglass")
        f = self._fields
        station = kit.grid(
            (f["url"], 0, 0), (f["name"], 0, 1), (f["code"], 1, 0, 2),
            gap=(16, 8), shares=(1, 1),
        )  # fmt: skip
        first = kit.grid(
            (f["username"], 0, 0, 2), (f["password"], 1, 0), (f["again"], 1, 1),
            gap=(16, 8), shares=(1, 1),
        )  # fmt: skip
        pad = 12 if theme.large() else 16
        parts: list[kit.Item] = [
            kit.Card(station, title="Sede central", gap=8, pad=pad),
            kit.Card(first, title="Primera persona: supervisión", gap=8, pad=pad),
            self._working, self._trouble,
        ]  # fmt: skip
        self._told = self._explained()
        parts += [None] if theme.large() else [self._told, None]
        self.build(
            *parts,
            actions=[kit.Button("Diagnóstico", kind="quiet", icon="wrench", key="F7",
                                on=self._diagnose)],
            gap=12,
        )  # fmt: skip
        self._working.hide()

    def _explained(self) -> kit.Box:
        told = (
            "El código prueba que la sede es la verdadera; sirve una sola vez.",
            "Las claves de la estación nacen aquí y no salen de este equipo.",
            "Después se trabaja días enteros sin conexión.",
        )
        rows = [kit.StateRow("info", words, plain=True) for words in told]
        box = kit.Box(kit.col(*rows, gap=0))
        if theme.large():  # room for the fields first; F1 says the same
            box.setParent(self)
            box.hide()
        return box

    def side(self) -> QWidget:
        return self._art

    def primary(self) -> Primary:
        return Primary(
            label="Enrolar estación", icon="shield-check-fill", available=not self._busy,
            reason="La estación se está enrolando.",
        )  # fmt: skip

    def first_focus(self) -> QWidget:
        return self.url

    def tick(self) -> None:
        self._art.tick()

    def leave(self) -> None:
        self.password.clear()
        self.again.clear()

    def press_primary(self) -> None:
        self._trouble.settle()
        if not self._all_right():
            self.point_to_missing()
            return
        self._set_busy(True)
        ticket = self._desk.accounts.enroll(
            self.url.value(), self.code.value(), self.name.value(), self.username.value(),
            self.password.text(),
        )  # fmt: skip
        self._bridge.when_done(ticket, self._done, self._failed)

    def _all_right(self) -> bool:
        problems = {
            "url": "" if self._is_address() else "Falta una dirección que empiece con https://",
            "code": "" if self.code.value() else "Falta el código que dio sede central.",
            "name": "" if self.name.value() else "Falta el nombre.",
            "username": "" if self.username.value() else "Falta el usuario.",
            "password": "" if self.password.text() else "Falta la contraseña.",
            "again": "" if self._same() else "Las dos contraseñas no son iguales.",
        }
        for name, problem in problems.items():
            self._fields[name].say("bad" if problem else "normal", problem)
        return not any(problems.values())

    def _is_address(self) -> bool:
        scheme, _, rest = self.url.value().partition("://")
        return scheme == "https" and bool(rest)

    def _same(self) -> bool:
        return self.again.text() == self.password.text()

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        self._working.setVisible(busy)
        self._told.setVisible(not busy and not theme.large())
        for field in self._fields.values():
            field.control.setEnabled(not busy)
        self.changed.emit()

    def _done(self, _: object) -> None:
        self._set_busy(False)
        self.enrolled.emit()

    def _failed(self, trouble: Trouble) -> None:
        self._set_busy(False)
        self._told.hide()
        self._trouble.show_trouble(trouble, safe="Lo escrito sigue aquí")
        self.url.setFocus(Qt.FocusReason.OtherFocusReason)

    def _diagnose(self) -> None:
        if not self._busy:
            self.diagnosis.emit()
