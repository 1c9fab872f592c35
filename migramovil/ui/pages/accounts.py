"""Cuentas: who may enter this station, and what supervision does about it; one's own password."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from migramovil.core.roles import RECOVERED, Role
from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint, Primary
from migramovil.ui.pages.common import ROLES, DayPage, day_of

if TYPE_CHECKING:
    from migramovil.services.desk import Desk
    from migramovil.services.people import PersonRow

_SHORTEST = "Al menos 12 caracteres. Una frase de varias palabras sirve bien."
_FORMS = {
    "add": ("Persona nueva", "Añadir persona", "user-plus"),
    "reset": ("Contraseña nueva", "Guardar contraseña", "key"),
    "revoke": ("Anular el acceso", "Anular acceso", "prohibit"),
}


class Passphrase(kit.Box):
    """A new passphrase, typed twice by the person whose it is."""

    def __init__(self) -> None:
        self.first, self.again = kit.TextField(secret=True), kit.TextField(secret=True)
        self._field = kit.Field("Contraseña nueva", self.first, note=_SHORTEST)
        self._second = kit.Field("Otra vez la contraseña nueva", self.again)
        super().__init__(
            kit.grid((self._field, 0, 0), (self._second, 0, 1), gap=(16, 8), shares=(1, 1))
        )

    def value(self) -> str:
        return self.first.text()

    def all_right(self) -> bool:
        """Mark what lacks; whether both are there and alike."""
        there = bool(self.first.text())
        same = self.first.text() == self.again.text()
        self._field.say(*_said("" if there else "Falta la contraseña nueva."))
        self._second.say(*_said("" if same or not there else "Las dos no son iguales."))
        return there and same

    def settle(self) -> None:
        """Forget what was typed."""
        self.first.clear()
        self.again.clear()
        self._field.say("normal")
        self._second.say("normal")


class AccountsPage(DayPage):
    """The list, and one form in its place while something is done. Esc leaves the form."""

    help: ClassVar[str] = (
        "Cada persona escribe su propia contraseña, dos veces. Lo que firmó una persona anulada "
        "sigue valiendo; con su contraseña ya no se abre nada en esta estación."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Cuentas", " ")
        self._desk, self._bridge = desk, bridge
        self._people: tuple[PersonRow, ...] = ()
        self._form = ""
        self._busy = False
        self._trouble = kit.TroubleBanner()
        self._done = kit.StateRow("ok", "")
        self.table = kit.Table("Cuentas", self._columns(), row_height=54)
        self.table.chosen.connect(lambda _: self._show_buttons())
        self._reset = kit.Button("Contraseña nueva", icon="key", key="F6", on=self._ask_reset)
        self._revoke = kit.Button(
            "Anular acceso", kind="danger", icon="prohibit", key="F9", on=self._ask_revoke
        )
        self._list = kit.Card((self.table, 1), pad=8)
        self.username = kit.TextField(exact=True)
        self.role = kit.Segmented(
            [
                kit.Segment(value=Role.OFFICER, words="Oficial", letter="O"),
                kit.Segment(value=Role.SUPERVISOR, words="Supervisión", letter="S"),
            ],
            Role.OFFICER,
            name="Función",
        )
        self.passphrase = Passphrase()
        self.reason = kit.TextField()
        self._username = kit.Field("Usuario", self.username, note="Como entrará: sin espacios.")
        self._role = kit.Field("Función", self.role)
        self._reason = kit.Field("Motivo", self.reason, note="Queda firmado con la anulación.")
        self._whom = kit.Text("", "h1")
        self._what = kit.Text("", "body", "ink2", wrap=True)
        self._working = kit.StateRow("now", "Se cambia la llave de la estación…", icon="hourglass")
        self._who = kit.Box(
            kit.grid((self._username, 0, 0), (self._role, 0, 1), gap=(16, 8), shares=(1, 1))
        )
        self._sheet = kit.Card(
            self._whom, self._what, self._who, self.passphrase, self._reason, self._working, None,
            gap=14, pad=24,
        )  # fmt: skip
        self.build(
            self._trouble, self._done, (self._list, 1), (self._sheet, 1),
            actions=[self._reset, self._revoke],
        )  # fmt: skip
        self._show_form("")

    @staticmethod
    def _columns() -> list[kit.Column]:
        wide = 150 if theme.large() else 170
        return [
            kit.Column(head="Persona"),
            kit.Column(head="Respaldo de la cuenta", width=0 if not theme.large() else 260),
            kit.Column(head="Estado", width=wide),
        ]

    # ---- hooks -----------------------------------------------------------------------------
    def primary(self) -> Primary:
        if not self._form:
            return Primary(label="Añadir persona", icon="user-plus")
        _, verb, icon = _FORMS[self._form]
        return Primary(label=verb, icon=icon, available=not self._busy, reason="Se está guardando.")

    def press_primary(self) -> None:
        self._trouble.settle()
        if not self._form:
            self._done.hide()
            self._show_form("add")
        elif self._all_right():
            self._send(self._ticket())
        else:
            self.point_to_missing()

    def hints(self) -> Sequence[Hint]:
        if self._form:
            return [("Esc", "Volver a la lista")]
        return [("↑ ↓", "Persona"), ("F6", "Contraseña"), ("F9", "Anular")]

    def first_focus(self) -> QWidget:
        return self.table

    def enter(self) -> None:
        self._trouble.settle()
        self._done.hide()
        self._show_form("")
        self._fetch()

    def leave(self) -> None:
        self._forget_typed()

    def escape(self) -> None:
        if self._form and not self._busy:
            self._show_form("")
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        elif not self._form:
            super().escape()

    # ---- the list --------------------------------------------------------------------------
    def _fetch(self) -> None:
        self._bridge.when_done(self._desk.people.everyone(), self._listed, self._failed, owner=self)

    def _listed(self, people: tuple[PersonRow, ...]) -> None:
        here = max(0, self.table.current())
        self._people = people
        self.table.set_source(kit.Rows([self._row(one) for one in people]))
        self.table.choose(min(here, len(people) - 1))
        active = sum(one.active for one in people)
        gone = len(people) - active
        words = f"{active} {'activa' if active == 1 else 'activas'}"
        self.set_title("Cuentas", f"{words} · {gone} sin acceso" if gone else words)
        self._show_buttons()

    def _row(self, one: PersonRow) -> list[kit.Cell]:
        name = f"{one.username} (usted)" if one.oneself else one.username
        state: tuple[str, kit.State] = ("Activa", "ok") if one.active else ("Sin acceso", "idle")
        return [
            kit.Cell(words=name, second=ROLES[one.role], icon="user", strong=True),
            self._backing(one),
            kit.Cell(words=state[0], badge=state[1]),
        ]

    def _backing(self, one: PersonRow) -> kit.Cell:
        if not one.active:
            zone = self._desk.clock.local().tzinfo
            return kit.Cell(words=one.reason, second=f"Anulada el {day_of(one.revoked_utc, zone)}")
        if not one.vouched_by:
            return kit.Cell(words="Sede central", icon="shield-check")
        if one.vouched_by.startswith(RECOVERED):
            number = one.vouched_by.removeprefix(RECOVERED)
            return kit.Cell(words=f"Recuperación {number}", second="Falta la firma de sede")
        return kit.Cell(words=one.vouched_by, second="Falta la firma de sede", icon="hourglass")

    def _chosen(self) -> PersonRow | None:
        at = self.table.current()
        return self._people[at] if 0 <= at < len(self._people) else None

    def _show_buttons(self) -> None:
        one = self._chosen()
        apt = not self._form and one is not None and one.active and not one.oneself
        self._reset.setVisible(apt)
        self._revoke.setVisible(apt)
        self.changed.emit()

    # ---- the forms ---------------------------------------------------------------------------
    def _ask_reset(self) -> None:
        self._show_form("reset")

    def _ask_revoke(self) -> None:
        self._show_form("revoke")

    def _show_form(self, form: str) -> None:
        self._form = form
        self._list.setVisible(not form)
        self._sheet.setVisible(bool(form))
        self._who.setVisible(form == "add")
        self.passphrase.setVisible(form in {"add", "reset"})
        self._reason.setVisible(form == "revoke")
        self._forget_typed()
        self._set_busy(False)
        if form:
            self._done.hide()
            self._say_whom(form)
            first = {"add": self.username, "reset": self.passphrase.first}
            first.get(form, self.reason).setFocus(Qt.FocusReason.OtherFocusReason)
        self._show_buttons()

    def _say_whom(self, form: str) -> None:
        one = self._chosen()
        name = one.username if one else ""
        title = _FORMS[form][0]
        self._whom.say(title if form == "add" else f"{title}: {name}")
        self._what.say(
            {
                "add": "La persona escribe aquí su propia contraseña. La firma de sede llega sola.",
                "reset": "La persona la escribe aquí. Recibe claves nuevas; las anteriores ya no "
                "abren nada.",
                "revoke": "Ya no podrá entrar en esta estación. Lo que firmó sigue valiendo.",
            }[form]
        )

    def _all_right(self) -> bool:
        fine = True
        if self._form == "add":
            problem = "" if self.username.value() else "Falta el usuario."
            self._username.say(*_said(problem))
            fine = not problem
        if self._form == "revoke":
            problem = "" if self.reason.value() else "Falta el motivo."
            self._reason.say(*_said(problem))
            return not problem
        return self.passphrase.all_right() and fine

    def _ticket(self) -> Ticket[None]:
        one, people = self._chosen(), self._desk.people
        if self._form == "add" or one is None:
            role = Role(self.role.value() or Role.OFFICER)
            return people.add(self.username.value(), self.passphrase.value(), role)
        if self._form == "reset":
            return people.reset(one.account, self.passphrase.value())
        return people.revoke(one.account, self.reason.value())

    def _send(self, ticket: Ticket[None]) -> None:
        self._set_busy(True)
        self._bridge.when_done(ticket, lambda _: self._saved(), self._failed, owner=self)

    def _saved(self) -> None:
        said = {
            "add": "La persona ya puede entrar.",
            "reset": "La contraseña nueva ya sirve; la anterior, no.",
            "revoke": "El acceso quedó anulado.",
        }[self._form]
        self._show_form("")
        self._done.say("ok", said)
        self._done.show()
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        self._fetch()

    def _failed(self, trouble: Trouble) -> None:
        self._set_busy(False)
        self._trouble.show_trouble(trouble, safe="Nada cambió")

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        self._working.setVisible(busy)
        self.changed.emit()

    def _forget_typed(self) -> None:
        self.username.clear()
        self.reason.clear()
        self.passphrase.settle()
        self._username.say("normal")
        self._reason.say("normal")
        self.role.set_value(Role.OFFICER)


class PasswordPage(DayPage):
    """«Mi contraseña»: for everyone, with the present one first."""

    help: ClassVar[str] = (
        "La contraseña nueva sirve desde ahora en esta estación. Si olvida la suya, supervisión "
        "le da otra, o sede central por «Olvidé mi contraseña»."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Mi contraseña", "Solo usted la conoce; ni sede central puede leerla.")
        self._desk, self._bridge = desk, bridge
        self._busy = False
        self._trouble = kit.TroubleBanner()
        self.old = kit.TextField(secret=True)
        self._old = kit.Field("Contraseña actual", self.old)
        self.passphrase = Passphrase()
        self._working = kit.StateRow("now", "Se guarda la contraseña…", icon="hourglass")
        self._done = kit.StateRow("ok", "La contraseña nueva ya sirve.")
        card = kit.Card(self._old, self.passphrase, self._working, self._done, gap=14, pad=24)
        self.build(self._trouble, card, None)

    def primary(self) -> Primary:
        return Primary(
            label="Cambiar contraseña", icon="key", available=not self._busy,
            reason="Se está guardando.",
        )  # fmt: skip

    def first_focus(self) -> QWidget:
        return self.old

    def enter(self) -> None:
        self._settle()
        self._done.hide()

    def leave(self) -> None:
        self._settle()

    def press_primary(self) -> None:
        self._trouble.settle()
        self._done.hide()
        there = bool(self.old.text())
        self._old.say(*_said("" if there else "Falta la contraseña actual."))
        if not self.passphrase.all_right() or not there:
            self.point_to_missing()
            return
        self._set_busy(True)
        ticket = self._desk.people.change_password(self.old.text(), self.passphrase.value())
        self._bridge.when_done(ticket, lambda _: self._saved(), self._failed, owner=self)

    def _saved(self) -> None:
        self._settle()
        self._done.show()
        self.old.setFocus(Qt.FocusReason.OtherFocusReason)

    def _failed(self, trouble: Trouble) -> None:
        self._set_busy(False)
        self._trouble.show_trouble(trouble, safe="Sigue la contraseña actual")

    def _settle(self) -> None:
        self._trouble.settle()
        self.old.clear()
        self._old.say("normal")
        self.passphrase.settle()
        self._set_busy(False)

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        self._working.setVisible(busy)
        self.changed.emit()


def _said(problem: str) -> tuple[kit.FieldState, str]:
    """What a field says of a problem; nothing where there is none."""
    return ("bad", problem) if problem else ("normal", "")
