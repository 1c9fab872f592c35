"""Ten fingers: one after the other, each good enough, or an exception somebody else approves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QWidget

from migramovil.core import biometrics
from migramovil.core.biometrics import Attempt, ExceptionCode, Finger
from migramovil.core.enrollment import Draft, Step, fingers_asked
from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import OnPreview, Pixels
from migramovil.services.desk import Desk
from migramovil.services.enrolling import FingerTaken
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Action, Hint, Primary
from migramovil.ui.pages.wizard.base import StepPage

SHOW_RESULT_MS = 900
"""How long a good impression stays in sight before the next finger is asked for."""

HINTS: dict[str, tuple[str, str]] = {
    "no_finger": ("No se ve el dedo", "apóyelo en el vidrio"),
    "small_area": ("Poca superficie", "apóyelo plano"),
    "off_centre": ("Fuera del centro", "muévalo al medio"),
    "blurred": ("Movida", "quieto; limpie el vidrio"),
    "too_dry": ("Algo seca", "páselo por la frente"),
    "too_wet": ("Muy húmeda", "séquelo, apoye menos"),
    "unclear": ("Poco clara", "limpie dedo y vidrio"),
}
"""What seems wrong with an impression, and its one remedy."""
CODE_WORDS = {ExceptionCode.AMPUTATED: "no está", ExceptionCode.UNABLE: "no se puede tomar"}


class FingersPage(StepPage):
    """The officer presses F5 once; every good finger leads to the next."""

    step = Step.FINGERS
    help = (
        "F5 toma el dedo marcado; con calidad suficiente avanza solo. Las flechas eligen otro "
        "dedo. F9 declara que un dedo no está (XX) o no se puede tomar (UP): otra persona del "
        "equipo lo aprueba con su clave."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__(desk, bridge, "Huellas dactilares")
        self._now: int | None = None
        self._ticket: Ticket[FingerTaken] | None = None
        self._watched = object()  # one for each capture: what an earlier one shows comes too late
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(SHOW_RESULT_MS)
        self._pause.timeout.connect(self._advance)
        self.hands = kit.Hands()
        self.hands.chosen.connect(self._choose)
        self.trouble = kit.TroubleBanner()
        self._act = kit.Button("Pedir ahora", key="F8", height=36, on=self._resolve)
        self.banner = kit.Banner("warn", "", button=self._act)
        self.exception = ExceptionPanel()
        self.exception.declared.connect(self._declare)
        self.exception.approved.connect(self._approve)
        self.exception.withdrawn.connect(self._withdraw)
        self.exception.closed.connect(self._close_panel)
        self._declare_button = kit.Button(
            "Declarar excepción", icon="hand-palm", key="F9", on=self._ask_exception
        )
        self._attempts = kit.row(gap=8)
        self._strip = kit.Box(self._attempts)
        legend = kit.row(
            kit.Badge("Capturada", "ok"), kit.Badge("Bajo umbral o excepción", "warn"),
            kit.Badge("Ahora", "now", icon="fingerprint-bold"), kit.Badge("Pendiente"), None,
        )  # fmt: skip
        self._legend = kit.Box(legend)
        hands = kit.Card((self.hands, 1), self._legend, gap=6, pad=12)
        self._legend.setVisible(not theme.large())  # in its place: alone it is a window
        left = kit.col((hands, 1), self._strip, self.exception, self.trouble, self.banner, gap=10)
        wide = 340 if theme.large() else 360
        self.build(
            (kit.row((left, 1), kit.fixed(self._capture_card(), wide), gap=16), 1),
            actions=[self._declare_button],
        )

    # ---- visits -----------------------------------------------------------------------------
    def enter(self) -> None:
        self.trouble.settle()
        self.exception.hide()
        self._now = self.enrolling.next_finger() or self._first_asked()
        threshold = self._rules.threshold
        asked = len(self._asked())
        self.set_title(
            "Huellas dactilares",
            f"Dedo plano y quieto sobre el vidrio. Con calidad {threshold} o más, avanza solo."
            if asked else "A esta persona no se le piden huellas.",
        )  # fmt: skip
        super().enter()

    def leave(self) -> None:
        self._pause.stop()
        self._call_off()
        self.live.show_pixels(None)
        self.exception.forget()

    def draw(self) -> None:
        self._show_hands()
        self._show_finger()

    # ---- answers ----------------------------------------------------------------------------
    def primary(self) -> Primary | None:
        if self._ticket is not None:
            return Primary(
                label="Continuar", tail="arrow-right-bold", available=False,
                reason="El huellero espera el dedo. Esc lo deja.",
            )  # fmt: skip
        lacking = len(self.missing())
        if lacking and self._can_take():
            return Primary(label="Tomar huella", icon="fingerprint-bold")
        return super().primary()

    def press_primary(self) -> None:
        if self.missing():
            self._capture()
        else:
            self.go_next.emit()

    def point_to_missing(self) -> None:
        if self._ticket is not None:
            return
        lacking = self.missing()
        if lacking:
            self._choose(int(lacking[0].field))
            self._resolve()

    def keys(self) -> Mapping[str, Action]:
        found: dict[str, Action] = {"←": self._step_left, "→": self._step_right}
        return {"F5": self._capture, **({} if self.exception.isVisible() else found)}

    def hints(self) -> Sequence[Hint]:
        finger = self._finger()
        again = finger is not None and bool(finger.attempts)
        return [("F5", "Repetir" if again else "Tomar"), ("← →", "Otro dedo")]

    def first_focus(self) -> QWidget | None:
        return self.hands

    def escape(self) -> None:
        if self.exception.isVisible():
            self._close_panel()
        elif self._ticket is not None:
            self._call_off()
            self.redraw()
        else:
            super().escape()

    # ---- capturing --------------------------------------------------------------------------
    def _capture(self) -> None:
        self._pause.stop()
        if self._ticket is not None or self._now is None or self.exception.isVisible():
            return
        self.trouble.settle()
        self.live.show_pixels(None)
        self._ticket = self.enrolling.take_finger(self._now, self._watcher())
        self.bridge.when_done(self._ticket, self._taken, self._not_taken)
        self._show_live()
        self.changed.emit()

    def _watcher(self) -> OnPreview:
        """For the reader's lane: the newest picture of the finger while it is being laid on."""
        watched = self._watched = object()
        show = self.bridge.newest(partial(self._show_preview, watched), owner=self)
        fitted = self.live.fitted
        return lambda pixels: show(fitted(pixels))

    def _show_preview(self, watched: object, pixels: Pixels) -> None:
        if self._ticket is not None and watched is self._watched:
            self.live.show_pixels(pixels)

    def _call_off(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None

    def _taken(self, taken: FingerTaken) -> None:
        self._ticket = None
        self._now = taken.finger.position
        self._show_hands()
        self._show_count()
        self.live.show_pixels(taken.pixels)
        self._show_measured(taken.quality, [str(h.value) for h in taken.hints], good=taken.good)
        self._show_attempts()
        self._show_banner()
        self.changed.emit()
        if taken.good:
            self._pause.start()

    def _not_taken(self, trouble: Trouble) -> None:
        self._ticket = None
        self.redraw()
        self.banner.hide()
        self.trouble.show_trouble(trouble)

    def _advance(self) -> None:
        """After a good finger: the next one asked, and the reader waits for it already."""
        following = self.enrolling.next_finger(self._now)
        if following is None:
            self.redraw()
            return
        self._go(following)
        if self._can_take():
            self._capture()

    def _choose(self, position: int) -> None:
        self._pause.stop()
        self._call_off()
        self.trouble.settle()
        self._go(position)

    def _go(self, position: int) -> None:
        if position not in self._asked():
            self.hands.set_now(self._now)
            return
        self._now = position
        self.redraw()

    def _step_left(self) -> None:
        self._step(-1)

    def _step_right(self) -> None:
        self._step(1)

    def _step(self, way: int) -> None:
        """Arrows work from anywhere on the page, in the order the hands show."""
        order = [p for p in (10, 9, 8, 7, 6, 1, 2, 3, 4, 5) if p in self._asked()]
        if self._now in order:
            self._choose(order[(order.index(self._now) + way) % len(order)])

    # ---- exceptions -------------------------------------------------------------------------
    def _ask_exception(self) -> None:
        if self._now is None:
            return
        self._pause.stop()
        self._call_off()
        finger = self._finger()
        self._open_panel()
        unable = finger is not None and bool(finger.attempts)
        self.exception.ask_reason(self._name(self._now), unable=unable)
        self.changed.emit()

    def _resolve(self) -> None:
        """F8: what the banner asks for."""
        waiting = self._unapproved()
        if waiting:
            self._open_panel()
            self.exception.ask_approval(
                [f"{self._name(f.position)} ({f.exception})" for f in waiting], self._others()
            )
        elif self._spent():
            self._ask_exception()
        self.changed.emit()

    def _declare(self, code: str, reason: str) -> None:
        if self._now is not None:
            self.enrolling.declare_exception(self._now, ExceptionCode(code), reason)
        self._close_panel()
        following = self.enrolling.next_finger(self._now)
        waiting = {f.position for f in self._unapproved()}
        if following is not None and following not in waiting:
            self._go(following)

    def _approve(self, username: str, password: str) -> None:
        """One key, given once, approves every exception that waits, one after the other."""
        waiting = self._unapproved()
        if not waiting:
            self._close_panel()
            return
        ticket = self.enrolling.approve_exception(waiting[0].position, username, password)

        def approved(_: Draft) -> None:
            self._approve(username, password)

        self.exception.wait()
        self.bridge.when_done(ticket, approved, self._not_approved, owner=self)

    def _not_approved(self, trouble: Trouble) -> None:
        self.exception.refuse(trouble)
        self.redraw()

    def _withdraw(self) -> None:
        for finger in self._unapproved():
            self.enrolling.withdraw_exception(finger.position)
        self._close_panel()

    def _open_panel(self) -> None:
        self.exception.show()
        for other in (self._strip, self.banner, self.trouble, self._legend):
            other.hide()

    def _close_panel(self) -> None:
        self.exception.forget()
        self.exception.hide()
        self._legend.setVisible(not theme.large())
        self.redraw()
        self.hands.setFocus(Qt.FocusReason.OtherFocusReason)

    def _others(self) -> list[str]:
        """Who could approve: everybody with a key here but the one who declared."""
        session = self.desk.accounts.session
        me = session.username if session else ""
        return [p.username for p in self.desk.accounts.people() if p.username != me]

    # ---- reading the draft ------------------------------------------------------------------
    @property
    def _rules(self) -> biometrics.FingerRules:
        return self.enrolling.rules.fingers

    def _asked(self) -> tuple[int, ...]:
        return fingers_asked(self.draft, self.enrolling.rules)

    def _first_asked(self) -> int | None:
        return next(iter(self._asked()), None)

    def _finger(self) -> Finger | None:
        return self.draft.finger(self._now) if self._now else None

    def _unapproved(self) -> list[Finger]:
        return [f for f in self.draft.fingers if f.exception is not None and not f.approved_by]

    def _spent(self) -> bool:
        """Every attempt made and still under the threshold."""
        finger = self._finger()
        return (
            finger is not None
            and finger.exception is None
            and len(finger.attempts) >= self._rules.attempts
            and not biometrics.settled(finger, self._rules)
        )

    def _can_take(self) -> bool:
        """Whether F5 is the sensible next thing for the marked finger."""
        finger = self._finger()
        if self._now is None or self.exception.isVisible():
            return False
        if finger is not None and (finger.exception or biometrics.settled(finger, self._rules)):
            return False
        return not self._spent()

    @staticmethod
    def _name(position: int) -> str:
        return kit.FINGER_NAMES[position].capitalize()

    # ---- showing ----------------------------------------------------------------------------
    def _show_hands(self) -> None:
        shown = {f.position: self._mark(f) for f in self.draft.fingers}
        self.hands.set_fingers(shown)
        self.hands.set_now(self._now)

    def _mark(self, finger: Finger) -> kit.Finger:
        if finger.exception is not None:
            return kit.Finger(state="exception", words=finger.exception.value)
        if not finger.attempts:
            return kit.Finger()
        state: Literal["done", "low"] = "done" if biometrics.settled(finger, self._rules) else "low"
        return kit.Finger(state=state, words="–" if finger.quality is None else str(finger.quality))

    def _show_finger(self) -> None:
        """The right card and the strip for the marked finger, from what is kept."""
        finger = self._finger()
        best = finger.best if finger else None
        self._which.say(self._name(self._now) if self._now else "Sin huellas")
        self._show_count()
        self.live.show_pixels(None)
        if self._now is not None and best is not None and finger is not None:
            ticket = self.enrolling.finger_pixels(self._now)
            asked = self._now
            self.bridge.when_done(
                ticket,
                lambda pixels: self.live.show_pixels(pixels) if self._now == asked else None,
                self.trouble.show_trouble, owner=self,
            )  # fmt: skip
            good = biometrics.settled(finger, self._rules)
            self._show_measured(best.quality, best.hints, good=good)
        else:
            self._show_measured(None, (), good=False)
            self._show_exception(finger)
        self._show_live()
        self._show_attempts()
        self._show_banner()

    def _show_count(self) -> None:
        done = len(self._asked()) - len(self.missing())
        self._count.say(
            f"Dedo {self._now} · {done} de {len(self._asked())} resueltos"
            if self._now
            else "Por su edad o su respuesta."
        )

    def _show_live(self) -> None:
        if self._ticket is not None:
            self._show_measured(None, (), good=False)
            self._remedies[0].say("now", "Ponga el dedo en el vidrio")
            self._remedies[0].show()
        self._live.setVisible(self._ticket is not None)

    def _show_measured(self, quality: int | None, hints: Sequence[str], *, good: bool) -> None:
        self._live.hide()
        self.meter.set_value(quality, limit=self._rules.threshold)
        self._figure.say("–" if quality is None else str(quality))
        state: kit.State = "idle" if quality is None else "ok" if good else "warn"
        name, tone, _ = _SIGN[state]
        self._sign.show_icon(name, tone)
        told = [] if good else [HINTS[h] for h in hints if h in HINTS][: len(self._remedies)]
        for n, row in enumerate(self._remedies):
            row.setVisible(n < len(told))
            if n < len(told):
                row.say("warn", told[n][0], second=f"Remedio: {told[n][1]}.")
        if good:
            self._remedies[0].say("ok", "Calidad suficiente")
            self._remedies[0].show()

    def _show_exception(self, finger: Finger | None) -> None:
        """In the place of a figure: that there is none, and whether that is settled."""
        if finger is None or finger.exception is None:
            return
        words = f"Excepción {finger.exception}: {CODE_WORDS[finger.exception]}"
        if finger.approved_by:
            self._remedies[0].say("ok", words, second="Aprobada por otra persona.")
        else:
            self._remedies[0].say("warn", words, second="Falta que la apruebe otra persona.")
        self._remedies[0].show()

    def _show_attempts(self) -> None:
        finger = self._finger()
        made = finger.attempts if finger else ()
        best = finger.best if finger else None
        least = max(self._rules.attempts, 0)
        first = max(0, len(made) - least)
        cells: list[kit.Item] = []
        for n in range(first, first + least):
            attempt = made[n] if n < len(made) else None
            cell = self._attempt(n + 1, attempt, best=attempt is best, owed=self._owed(finger))
            cells.append((cell, 1))
        kit.refill(self._attempts, *cells)
        self._strip.setVisible(self._now is not None and not self.exception.isVisible())

    def _owed(self, finger: Finger | None) -> str:
        """What an attempt that was not made says of itself."""
        if finger is not None and finger.exception is not None:
            return "no se toma"
        done = finger is not None and biometrics.settled(finger, self._rules)
        return "no hace falta" if done else "pendiente"

    def _attempt(self, number: int, attempt: Attempt | None, *, best: bool, owed: str) -> QWidget:
        if attempt is None:
            state: kit.State = "idle"
            value, words = "–", owed
        else:
            low = attempt.quality is None or attempt.quality < self._rules.threshold
            state = "warn" if low else "ok"
            value = "–" if attempt.quality is None else str(attempt.quality)
            hint = next(
                (HINTS[h][0].lower() for h in attempt.hints if h in HINTS), "bajo el umbral"
            )
            words = hint if low else "sobre el umbral"
        mark = [kit.Text("· el mejor", "capb", "ok")] if attempt is not None and best else []
        body = kit.col(
            kit.row(kit.Text(f"Intento {number}", "cap", "ink2"), *mark, None, gap=4),
            kit.row(
                kit.Text(value, "sub"), kit.sign(state, 16),
                (kit.Text(words, "cap", "ink2", elide=True), 1), gap=8,
            ),
            gap=0, margins=(12, 6, 12, 6),
        )  # fmt: skip
        return kit.Well(body)

    def _show_banner(self) -> None:
        words = self._banner_words()
        shown = words is not None and not self.exception.isVisible() and self._ticket is None
        if words is not None:
            self.banner.say("warn", words[0], words[1])
            self._act.say(words[2])
        self.banner.setVisible(shown and not self.trouble.isVisible())

    def _banner_words(self) -> tuple[str, str, str] | None:
        waiting = self._unapproved()
        if self._spent() and self._now is not None:
            return (
                f"{self._name(self._now)}: {self._rules.attempts} intentos bajo el umbral",
                "La mejor quedó guardada. Declare que no se puede tomar (UP), o repita con F5.",
                "Declarar",
            )
        if len(waiting) == 1:
            code = waiting[0].exception or ExceptionCode.UNABLE
            return (
                f"{self._name(waiting[0].position)}: {CODE_WORDS[code]} ({code})",
                "Falta que la apruebe otra persona.",
                "Pedir ahora",
            )
        if waiting:
            return (
                f"{len(waiting)} excepciones declaradas",
                "Falta que las apruebe otra persona.",
                "Pedir ahora",
            )
        return None

    def _capture_card(self) -> kit.Card:
        self._which = kit.Text("", "h1", elide=True)
        self._count = kit.Text("", "body", "ink2", wrap=True)
        self._live = kit.Badge("Capturando", "now", icon="record-fill")
        self.live = kit.Picture("Huella en vivo", icon="fingerprint", cover=False, ground="surface")
        self.live.marks.append(kit.corners_mark())
        self._figure = kit.Text("–", "fig")
        self._sign = kit.sign("idle", 24)
        self.meter = kit.Meter("Calidad NFIQ 2", limit=40)
        self._remedies = [kit.StateRow("warn", "") for _ in range(1 if theme.large() else 2)]
        words = kit.col(self._which, kit.row((self._count, 1), self._live, gap=8), gap=2)
        return kit.Card(
            words, (self.live, 1),
            kit.row(kit.Text("Calidad NFIQ 2", "strong"), None, self._figure, self._sign),
            self.meter, *self._remedies, gap=8,
        )  # fmt: skip


_SIGN: dict[kit.State, tuple[str, theme.Tone, theme.Tone]] = {
    "ok": ("check-circle-fill", "ok", "ok_soft"),
    "warn": ("warning-fill", "warn", "warn_soft"),
    "idle": ("circle-dashed", "ink2", "idle_soft"),
}


class ExceptionPanel(kit.Card):
    """Declare an exception, then have somebody else approve it; in the page, never over it."""

    declared = Signal(str, str)
    approved = Signal(str, str)
    withdrawn = Signal()
    closed = Signal()

    def __init__(self) -> None:
        self._title = kit.Text("", "sub", wrap=True)
        self.code = kit.Segmented(
            [
                kit.Segment(value=ExceptionCode.AMPUTATED.value, words="XX · No está", letter="X"),
                kit.Segment(value=ExceptionCode.UNABLE.value, words="UP · No se puede", letter="U"),
            ],
            name="Clase de excepción",
            height=36,
        )
        self.reason = kit.TextField("Por ejemplo: amputación, yeso, herida", most=120)
        self._say = kit.Field("Motivo", self.reason)
        self.who = kit.Combo(hint="Quién aprueba")
        self.password = kit.TextField(secret=True)
        self._who = kit.Field("Otra persona", self.who)
        self._key = kit.Field("Su contraseña", self.password)
        self._declare = kit.Button("Declarar", icon="check-bold", on=self._say_declared)
        self._approve = kit.Button("Aprobar", icon="check-bold", on=self._say_approved)
        self._withdraw = kit.Button("Retirar", kind="quiet")
        self._close = kit.Button("Cerrar", kind="quiet", key="Esc", height=28)
        self._first = kit.Box(
            kit.col(
                self.code,
                kit.row((self._say, 1), kit.Box(kit.col(23, self._declare, None, gap=0)), gap=12),
                gap=8,
            )
        )
        self._second = kit.Box(
            kit.row(
                (self._who, 1), (self._key, 1),
                kit.Box(kit.col(23, kit.row(self._approve, self._withdraw, gap=4), None, gap=0)),
                gap=12,
            )
        )  # fmt: skip
        super().__init__(
            kit.row((self._title, 1), self._close, gap=8), self._first, self._second,
            gap=4, pad=12, now=True,
        )  # fmt: skip
        self._withdraw.fired.connect(self.withdrawn)
        self._close.fired.connect(self.closed)
        self.hide()

    def ask_reason(self, finger: str, *, unable: bool) -> None:
        self._title.say(f"Excepción: {finger.lower()}")
        self.code.set_value((ExceptionCode.UNABLE if unable else ExceptionCode.AMPUTATED).value)
        self.reason.set_value("")
        self._say.say("normal")
        self._turn(approving=False)
        self.reason.setFocus(Qt.FocusReason.OtherFocusReason)

    def ask_approval(self, fingers: Sequence[str], people: Sequence[str]) -> None:
        self._title.say(f"Aprobar: {', '.join(fingers)}")
        self.who.set_choices(kit.options(*((name, name) for name in people)))
        self.who.set_value(people[0] if len(people) == 1 else None)
        self.password.clear()
        self._who.say(*(("normal", "") if people else ("bad", "No hay otra persona con clave.")))
        self._key.say("normal")
        self._approve.set_available(True)
        self._turn(approving=True)
        (self.password if self.who.value() else self.who).setFocus(Qt.FocusReason.OtherFocusReason)

    def wait(self) -> None:
        self._approve.set_available(False, "Se está comprobando la clave.")
        self._key.say("normal", "Comprobando la clave")

    def refuse(self, trouble: Trouble) -> None:
        self.password.clear()
        self._approve.set_available(True)
        self._key.say("bad", f"{trouble.what} {trouble.code}")
        self.password.setFocus(Qt.FocusReason.OtherFocusReason)

    def forget(self) -> None:
        """No key stays in a field."""
        self.password.clear()

    def _turn(self, *, approving: bool) -> None:
        self._first.setVisible(not approving)
        self._second.setVisible(approving)

    def _say_declared(self) -> None:
        reason, code = self.reason.value(), self.code.value()
        if not reason or code is None:
            self._say.say("bad", "Falta el motivo.")
            self.reason.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        self.declared.emit(code, reason)

    def _say_approved(self) -> None:
        who, key = self.who.value(), self.password.text()
        if who is None:
            self._who.say("bad", "Falta elegir quién aprueba.")
            self.who.setFocus(Qt.FocusReason.OtherFocusReason)
        elif not key:
            self._key.say("bad", "Falta su contraseña.")
            self.password.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.approved.emit(who, key)
