"""Acts that need words before they happen: giving a draft up, and correcting a finished record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from migramovil.core.enrollment import Draft
from migramovil.core.trouble import Trouble
from migramovil.services.enrolling import ReasonMissing
from migramovil.ui import kit
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import NEXT, Hint, Primary
from migramovil.ui.pages.common import DayPage, day_of, hour_of
from migramovil.ui.pages.parked import Thumb, step_words, who

if TYPE_CHECKING:
    from migramovil.services.desk import Desk
    from migramovil.services.drafts import Parked

_BUSY = "Se está guardando."


class VoidPage(DayPage):
    """One draft, a reason, and the second person's key. `done` when it is void, `left` by Esc."""

    help: ClassVar[str] = (
        "Anular destruye lo escrito y lo capturado de esta persona. Quedan el motivo y las dos "
        "firmas. La otra persona ingresa aquí su propia contraseña."
    )
    done = Signal()
    left = Signal()

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Anular un enrolamiento", "Lo firman dos personas y queda el motivo.")
        self._desk, self._bridge = desk, bridge
        self._parked: Parked | None = None
        self._busy = False
        self._picture = Thumb(width=72, height=96)
        self._name = kit.Text("", "sub", elide=True)
        self._step = kit.Text("", "body", "ink2", wrap=True)
        self._trouble = kit.TroubleBanner()
        self.reason = kit.TextField("Por ejemplo: la persona se retiró", most=200)
        self.second = kit.Combo(hint="Quién más firma")
        self.password = kit.TextField(secret=True)
        self._reason = kit.Field("Motivo", self.reason)
        self._second = kit.Field("Otra persona", self.second)
        self._key = kit.Field("Su contraseña", self.password)
        person = kit.Card(
            kit.row(self._picture, (kit.col(self._name, self._step, None, gap=4), 1), gap=16),
        )
        warning = kit.Banner(
            "warn",
            "Lo capturado se destruye y no vuelve",
            "Si la persona puede regresar, déjelo en espera: no se borra solo.",
        )
        form = kit.Card(
            self._reason,
            kit.row((self._second, 1), (self._key, 1), gap=16),
            title="Motivo y segunda firma", gap=12, pad=20,
        )  # fmt: skip
        self.build(person, warning, form, self._trouble, None)

    def ask(self, parked: Parked) -> None:
        """Whom it is about; call it before the page is entered."""
        self._parked = parked

    # ---- hooks -----------------------------------------------------------------------------
    def primary(self) -> Primary:
        return Primary(
            label="Anular con dos firmas", icon="x-circle-fill", available=not self._busy,
            reason="Se está comprobando la clave.",
        )  # fmt: skip

    def press_primary(self) -> None:
        if self._parked is None or not self._whole():
            return
        self._turn(busy=True)
        self._bridge.when_done(
            self._desk.drafts.void(
                self._parked.record_id,
                self.reason.value(),
                self.second.value() or "",
                self.password.text(),
            ),
            self._voided,
            self._refused,
            owner=self,
        )

    def hints(self) -> Sequence[Hint]:
        return [("Esc", "No anular")]

    def escape(self) -> None:
        if not self._busy:
            self.left.emit()

    def first_focus(self) -> QWidget:
        return self.reason

    def enter(self) -> None:
        if self._parked is None:
            return
        session = self._desk.accounts.session
        mine = session.username if session else ""
        others = [p.username for p in self._desk.accounts.people() if p.username != mine]
        self.second.set_choices(kit.options(*((name, name) for name in others)))
        self.second.set_value(others[0] if len(others) == 1 else None)
        self.reason.set_value("")
        self.password.clear()
        self._name.say(who(self._parked))
        self._step.say(step_words(self._parked))
        self._picture.show_person(self._desk, self._bridge, self._parked)
        self._trouble.settle()
        for field in (self._reason, self._second, self._key):
            field.say("normal")
        self._turn(busy=False)

    def leave(self) -> None:
        self.password.clear()
        self.reason.set_value("")
        self._name.say("")
        self._picture.show_person(self._desk, self._bridge, None)

    # ---- within ------------------------------------------------------------------------------
    def _whole(self) -> bool:
        lacks = [
            (self._reason, self.reason.value(), "Falta el motivo."),
            (self._second, self.second.value(), "Falta elegir quién más firma."),
            (self._key, self.password.text(), "Falta su contraseña."),
        ]
        for field, value, words in lacks:
            field.say(*(("normal", "") if value else ("bad", words)))
        self.point_to_missing()
        return all(value for _, value, _ in lacks)

    def _voided(self, _: None) -> None:
        self._turn(busy=False)
        self._parked = None
        self.done.emit()

    def _refused(self, trouble: Trouble) -> None:
        self._turn(busy=False)
        self.password.clear()
        self._trouble.show_trouble(trouble, "Nada se anuló")
        self.password.setFocus(Qt.FocusReason.OtherFocusReason)

    def _turn(self, *, busy: bool) -> None:
        self._busy = busy
        for field in (self.reason, self.second, self.password):
            field.setReadOnly(busy)
        self.changed.emit()


class CorrectPage(DayPage):
    """A finished record that was wrong: why, and from the start. `opened(Draft)` or `left`."""

    help: ClassVar[str] = (
        "Un registro terminado no se edita: nadie en esta estación puede leerlo. Se captura otra "
        "vez y sede central recibe el nuevo, que dice a cuál reemplaza y por qué."
    )
    opened = Signal(object)
    left = Signal()

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Corregir un registro terminado", "Se hace uno nuevo que lo reemplaza.")
        self._desk, self._bridge = desk, bridge
        self._record, self._busy = "", False
        self._folio = kit.Text("", "fig", exact=True)
        self._sealed = kit.Text("", "body", "ink2", wrap=True)
        self._trouble = kit.TroubleBanner()
        self.reason = kit.TextField("Por ejemplo: segundo apellido equivocado", most=200)
        self._reason = kit.Field("Qué estaba mal", self.reason)
        self.build(
            kit.Card(
                kit.Text("Folio del registro por corregir", "capb", "ink2"), self._folio,
                self._sealed, gap=4,
            ),
            kit.Banner(
                "info",
                "Hay que capturar todo otra vez",
                "Lo terminado está sellado: esta estación ya no puede leer nombres, fotografía ni "
                "huellas. El registro anterior no se pierde; sede central conserva los dos.",
            ),
            kit.Card(self._reason, title="Motivo", pad=20),
            self._trouble,
            None,
        )  # fmt: skip

    def ask(self, record_id: str, folio: str, sealed_utc: str) -> None:
        """Which record; call it before the page is entered."""
        zone = self._desk.clock.local().tzinfo
        self._record = record_id
        self._folio.say(folio)
        self._sealed.say(f"Sellado el {day_of(sealed_utc, zone)} a las {hour_of(sealed_utc, zone)}")

    # ---- hooks -----------------------------------------------------------------------------
    def primary(self) -> Primary:
        return Primary(
            label="Empezar la corrección", tail=NEXT, available=not self._busy, reason=_BUSY
        )

    def press_primary(self) -> None:
        if not self.reason.value():
            self._reason.say("bad", ReasonMissing.what)
            self.reason.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        self._turn(busy=True)
        ticket = self._desk.enrolling.correct(self._record, self.reason.value())
        self._bridge.when_done(ticket, self._opened, self._refused, owner=self)

    def hints(self) -> Sequence[Hint]:
        return [("Esc", "No corregir")]

    def escape(self) -> None:
        self.left.emit()

    def first_focus(self) -> QWidget:
        return self.reason

    def enter(self) -> None:
        self.reason.set_value("")
        self._reason.say("normal")
        self._trouble.settle()
        self._turn(busy=False)

    # ---- within ------------------------------------------------------------------------------
    def _opened(self, draft: Draft) -> None:
        self._turn(busy=False)
        self.opened.emit(draft)

    def _refused(self, trouble: Trouble) -> None:
        self._turn(busy=False)
        self._trouble.show_trouble(trouble)

    def _turn(self, *, busy: bool) -> None:
        self._busy = busy
        self.changed.emit()
