"""Who enters: the hour and the place at the left, a name and a password at the right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from migramovil.core.enrollment import STEPS, Step
from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.store.trouble import Damaged
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint, Primary
from migramovil.ui.pages.common import ROLES, STEP_NAMES, DayPage, date_words, offline

if TYPE_CHECKING:
    from migramovil.services.accounts import Session
    from migramovil.services.desk import Desk
    from migramovil.store.keys import SlotInfo

_CAPS = "Bloq Mayús está activado."


class Dawn(kit.Landscape):
    """The landscape with the product, the hour, the date and the place on it."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(440 if theme.large() else 560)
        self._desk = desk
        self._hour = kit.Text("", "giant", "on_head")
        self._date = kit.Text("", "sub", "on_head")
        place = desk.place
        where = " · ".join(part for part in (place.where, place.name, place.code) if part)
        product = kit.col(
            kit.Text("Migramóvil", "h1", "on_head"),
            kit.Text("Estación de enrolamiento", "body", "on_head2"),
            gap=0,
        )
        training = kit.Badge("Estación de entrenamiento", "warn", icon="student-fill")
        self.setLayout(
            kit.col(
                kit.row(kit.Mark(48), product, None, gap=16), 32, self._hour, self._date,
                kit.Text(where, "body", "on_head2", wrap=True), 8,
                *([training] if place.training else []), None,
                gap=4, margins=(48, 48, 32, 32),
            )
        )  # fmt: skip
        self.tick()

    def tick(self) -> None:
        now = self._desk.clock.local()
        self._hour.say(f"{now:%H:%M}")
        self._date.say(f"{date_words(now).capitalize()} de {now.year}")


class LoginPage(DayPage):
    """`entered` tells that the session is open, `diagnosis` that the devices are asked for,
    `damaged(Trouble, username)` that the vault does not open (username "": nobody's slot does)."""

    rail = "none"
    header = False
    enter_is_primary = True
    help: ClassVar[str] = (
        "Elija su usuario, escriba su contraseña y pulse Intro. No hace falta conexión. "
        "Si olvidó la contraseña, supervisión le da otra, o sede central con F6; nada se pierde."
    )
    entered = Signal()
    diagnosis = Signal()
    forgotten = Signal()
    damaged = Signal(object, str)

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Entrar a la estación")
        self._desk, self._bridge = desk, bridge
        self._busy = self._nobody = False
        self._caps = False
        self._waiting = False
        self._art = Dawn(desk)
        self.who = kit.Combo(hint="Elija su usuario")
        self.password = kit.TextField(secret=True)
        self.password.installEventFilter(self)
        self._who_field = kit.Field("¿Quién entra?", self.who)
        self._field = kit.Field("Contraseña", self.password)
        self._kept = kit.Banner("info", "Hay un enrolamiento en curso: se conserva completo", "-")
        self._working = kit.StateRow("now", "Comprobando la contraseña…", icon="hourglass")
        self._show = kit.Button("Mostrar", icon="eye", key="Alt+M", on=self._toggle)
        self._heading = kit.Text("Entrar a la estación", "h1")
        hint = desk.place.hint  # told to everyone, in training only
        words = f"Entrenamiento: {hint}" if hint else "Cada persona entra con su propia clave."
        second = kit.Text(words, "body", "ink2", wrap=True)
        self._link = kit.Badge("", "idle", icon="wifi-slash-bold")
        self._safe = kit.Badge("", "ok", icon="shield-check-fill")
        heads = kit.col(self._heading, second, gap=2)
        form = kit.Card(
            kit.row(kit.Icon("lock-key-fill", "primary", 32), (heads, 1), gap=16),
            self._kept, self._who_field, self._field,
            kit.row((self._working, 1), None, self._show),
            pad=24,
        )  # fmt: skip
        marks = kit.row(self._link, self._safe, None, gap=8)
        self.build(
            None, kit.row((kit.Box(kit.col(form, marks, gap=16)), 1), margins=(24, 0, 24, 0)), None,
            kit.row(kit.Button("Olvidé mi contraseña", kind="quiet", icon="key", key="F6",
                               on=self._forgot), None,
                    kit.Button("Diagnóstico", kind="quiet", icon="wrench", key="F7",
                                     on=self._diagnose)),
            titled=False,
        )  # fmt: skip
        self.who.chosen.connect(lambda _: self._choose())
        self.password.textEdited.connect(lambda _: self._remark_caps())

    # ---- hooks -----------------------------------------------------------------------------
    def side(self) -> QWidget:
        return self._art

    def primary(self) -> Primary:
        return Primary(
            label="Entrar", icon="lock-key-open-bold", available=not (self._busy or self._waiting),
            reason="Espere a que termine la cuenta." if self._waiting
            else "Se está comprobando la contraseña.",
        )  # fmt: skip

    def hints(self) -> Sequence[Hint]:
        return [("Intro", "Entrar")]

    def first_focus(self) -> QWidget:
        return self.password if self.who.value() else self.who

    def enter(self) -> None:
        people = self._people()
        self._nobody = not people
        self.who.set_choices(
            [
                kit.Option(
                    value=p.username, words=f"{p.username} · {ROLES.get(p.role, p.role).lower()}"
                )
                for p in people
            ]
        )
        if len(people) == 1:
            self.who.set_value(people[0].username)
        self._set_busy(False)
        self.password.clear()
        self._conceal()
        self._who_field.say("normal")
        self._remark_caps()
        self.tick()
        self.news()
        self._count_down()

    def leave(self) -> None:
        self.password.clear()

    def news(self) -> None:
        self._show_kept()
        counts = self._desk.waiting.counts()
        self._link.say("Sin conexión: no hace falta para entrar", "idle", icon="wifi-slash-bold")
        self._link.setVisible(offline(self._desk.waiting.status))
        self._safe.say(f"{counts.sealed} por enviar, a salvo", "ok", icon="shield-check-fill")
        self._safe.setVisible(counts.sealed > 0)

    def tick(self) -> None:
        self._art.tick()
        self._count_down()

    def press_primary(self) -> None:
        user, password = self.who.value(), self.password.text()
        if user is None:
            self._who_field.say("bad", self.who.problem())
            self.who.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        self._who_field.say("normal")
        if not password:
            self._field.say("bad", "Falta escribir la contraseña.")
            self.password.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        self._field.say("normal")
        self._set_busy(True)
        ticket: Ticket[Session] = self._desk.accounts.log_in(user, password)
        self._bridge.when_done(ticket, self._let_in, self._refuse)

    # ---- answers ---------------------------------------------------------------------------
    def _let_in(self, _session: Session) -> None:
        self._set_busy(False)
        self.password.clear()
        self.entered.emit()

    def _people(self) -> tuple[SlotInfo, ...]:
        """Who may enter; where that is damaged or gone, nobody, and `damaged` tells it."""
        try:
            people = self._desk.accounts.people()
        except Damaged:
            people = ()
        if not people:
            told = Damaged("slots.json")
            QTimer.singleShot(0, self, lambda: self.damaged.emit(told, ""))
        return people

    def _refuse(self, trouble: Trouble) -> None:
        self._set_busy(False)
        if isinstance(trouble, Damaged):
            self.password.clear()
            self.damaged.emit(trouble, self.who.value() or "")
            return
        self._field.say("bad", f"{trouble.what} {trouble.advice}")
        self._count_down()
        self.password.setFocus(Qt.FocusReason.OtherFocusReason)
        self.password.selectAll()

    def _choose(self) -> None:
        self._field.say("normal")
        self._count_down()

    def _count_down(self) -> None:
        """After wrong passwords: how long this person still waits; what was typed stays."""
        left = 0.0 if self._nobody else self._desk.accounts.wait_s(self.who.value() or "")
        waited, self._waiting = self._waiting, left > 0 and not self._busy
        if self._waiting:
            self._field.say("warn", f"Varios intentos fallaron. Espere {wait_words(left)}.")
        elif waited:
            self._field.say("normal", "Ya puede volver a intentar.")
        if waited != self._waiting:
            self.changed.emit()

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        self._working.setVisible(busy)
        self.password.setReadOnly(busy)
        self.who.setReadOnly(busy)
        self.changed.emit()

    def _show_kept(self) -> None:
        kept = self._desk.accounts.kept_draft()
        self._kept.setVisible(kept is not None)
        self._heading.say("Estación bloqueada" if kept else "Entrar a la estación")
        if kept is not None:
            step = Step(kept.step)
            self._kept.say(
                "info",
                "Hay un enrolamiento en curso: se conserva completo",
                f"Paso {STEPS.index(step) + 1} de {len(STEPS)}, {STEP_NAMES[step]} · "
                f"guardado {kept.saved}. "
                "Al entrar se retoma en el mismo lugar.",
            )

    def _forgot(self) -> None:
        if not self._busy:
            self.forgotten.emit()

    def _diagnose(self) -> None:
        if not self._busy:  # a session that opens must find its page here
            self.diagnosis.emit()

    # ---- the password in sight, and Caps Lock ----------------------------------------------
    def _toggle(self) -> None:
        if self.password.echoMode() == QLineEdit.EchoMode.Password:
            self.password.setEchoMode(QLineEdit.EchoMode.Normal)
            self._show.say("Ocultar", icon="eye-slash")
        else:
            self._conceal()

    def _conceal(self) -> None:
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self._show.say("Mostrar", icon="eye")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.password and isinstance(event, QKeyEvent):
            self._learn_caps(event)
        return super().eventFilter(watched, event)

    def _learn_caps(self, event: QKeyEvent) -> None:
        """No platform tells Caps Lock alike; a letter's case against Shift does everywhere."""
        letter = event.text()
        if event.type() == QEvent.Type.KeyPress and letter.isalpha():
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._caps = letter.isupper() != shift and letter.upper() != letter.lower()

    def _remark_caps(self) -> None:
        if self._caps and self.password.text():
            self._field.say("warn", _CAPS)
        else:
            self._field.say("normal")


def wait_words(seconds: float) -> str:
    """«8 segundos», «1 minuto 5 segundos»: a wait as people say it, never 0."""
    whole = max(1, math.ceil(seconds))
    minutes, rest = divmod(whole, 60)
    parts = [(minutes, "minuto"), (rest, "segundo")]
    return " ".join(f"{n} {name}{'' if n == 1 else 's'}" for n, name in parts if n)
