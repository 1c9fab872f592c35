"""The photograph: live picture with what is wrong with it, then the one that was taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, Protocol

from PySide6.QtWidgets import QWidget

from migramovil.core.enrollment import Draft, Step
from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import Frame
from migramovil.services.desk import Desk
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Action, Hint, Primary
from migramovil.ui.pages.wizard.base import StepPage

JUDGE_EVERY_S = 0.25
State = Literal["live", "taking", "taken", "broken"]

CHECKS: dict[str, tuple[str, str]] = {
    "Sharpness": ("Nitidez", "Quédese quieto un momento"),
    "UnderExposurePrevention": ("Luz suficiente", "Acerque una luz al rostro"),
    "OverExposurePrevention": ("Sin exceso de luz", "Aleje el rostro del sol"),
    "IlluminationUniformity": ("Luz pareja", "Gire hacia la ventana"),
    "DynamicRange": ("Contraste", "Busque una luz más clara"),
    "BackgroundUniformity": ("Fondo uniforme", "Ponga la manta detrás"),
}
"""A measured component's words, and the one order that mends it."""


class Judged(Protocol):
    """One component's figure: of the live picture, or as kept with the portrait."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...
    @property
    def threshold(self) -> int: ...
    @property
    def ok(self) -> bool: ...


class PortraitPage(StepPage):
    """Preview in, portrait out; the preview runs only while the page is in sight."""

    step = Step.PORTRAIT
    help = (
        "Ponga el rostro dentro del óvalo, con los ojos en la línea. Una sola indicación a la "
        "vez: dígasela a la persona. Si algo queda bajo su umbral, anote por qué."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__(
            desk, bridge, "Fotografía",
            "Rostro dentro del óvalo, ojos en la línea, sin lentes ni gorra.",
        )  # fmt: skip
        self._state: State = "live"
        self._ticket: Ticket[None] | None = None
        self.preview = kit.Preview("Vista de la cámara", guide=True)
        self.picture = kit.Picture("Fotografía tomada", cover=False, icon="user")
        self.banner = kit.TroubleBanner()
        self._rows = {name: kit.StateRow("idle", words, "–") for name, (words, _) in CHECKS.items()}
        self._verdict = kit.Text("", "cap", "ink2", wrap=True)
        self.reason = kit.TextField("Por qué se deja así", most=120)
        self.reason.textEdited.connect(lambda _: self._write_reason())
        self._why = kit.Field("Motivo", self.reason, optional=True)
        self._again = kit.Button("Repetir", icon="camera", key="F5", on=self._start)
        checks = kit.Card(
            *self._rows.values(), None, self._verdict, self._why, self._again,
            title="Control de la imagen", gap=5 if theme.large() else 8,
        )  # fmt: skip
        self._missing_card = self._broken_card()
        wide = 300 if theme.large() else 328
        left = kit.col(
            self.banner, (self.preview, 1), (self.picture, 1), (self._missing_card, 1), gap=12
        )
        self.build((kit.row((left, 1), kit.fixed(checks, wide), gap=16), 1))

    # ---- visits -----------------------------------------------------------------------------
    def enter(self) -> None:
        super().enter()
        if self.draft.portrait is None:
            self._start()
        else:
            self.banner.settle()
            self._show_taken(self.draft)

    def leave(self) -> None:
        self._stop()

    # ---- answers ----------------------------------------------------------------------------
    def primary(self) -> Primary | None:
        if self._state == "taken":
            return super().primary()
        if self._state == "broken":
            return Primary(label="Buscar la cámara", icon="arrows-clockwise-bold")
        if self._state == "taking":
            return Primary(label="Tomando", available=False, reason="Se está tomando.")
        return Primary(label="Tomar fotografía", icon="camera-bold")

    def press_primary(self) -> None:
        if self._state == "taken":
            self.go_next.emit()
        elif self._state == "broken":
            self._start()
        else:
            self._take()

    def keys(self) -> Mapping[str, Action]:
        acts: dict[State, Mapping[str, Action]] = {
            "live": {"F5": self._take}, "broken": {"F5": self._start}, "taking": {}, "taken": {},
        }  # fmt: skip
        return acts[self._state]

    def hints(self) -> Sequence[Hint]:
        words = {"live": "Tomar", "taken": "Repetir", "broken": "Buscar", "taking": ""}[self._state]
        return [("F5", words)] if words else []

    def first_focus(self) -> QWidget | None:
        return None

    # ---- live -------------------------------------------------------------------------------
    def _start(self) -> None:
        self._stop()
        self.banner.settle()
        self._to("live")
        self.preview.show_frame(None)
        self.preview.instruct("")
        self._show_checks(())
        self._ticket = self.enrolling.start_preview(
            self._watcher(), lambda: self.bridge.post(self._blind)
        )
        self.bridge.when_done(self._ticket, self._ended, self._no_camera, owner=self)

    def _stop(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None

    def _watcher(self) -> Callable[[Frame], None]:
        """For the camera's lane: the newest frame to the eye, figures four times a second."""
        show = self.bridge.newest(self._show_frame)
        fitted = self.preview.fitted
        tell = self.bridge.newest(self._show_live)
        judge = self.enrolling.check_portrait
        last = 0.0

        def on_frame(frame: Frame) -> None:
            nonlocal last
            show(replace(frame, pixels=fitted(frame.pixels)))
            now = time.monotonic()
            if now - last >= JUDGE_EVERY_S:
                last = now
                tell(tuple(judge(frame.pixels)))

        return on_frame

    def _show_frame(self, frame: Frame) -> None:
        if self._state == "live":
            self.preview.show_frame(frame.pixels)

    def _show_live(self, checks: Sequence[Judged]) -> None:
        if self._state != "live":
            return
        self._show_checks(checks)
        worst = next((c for c in checks if not c.ok), None)
        if worst is None:
            self.preview.instruct("Puede tomar", "ok")
        else:
            self.preview.instruct(CHECKS.get(worst.name, ("", "Espere"))[1], "warn")

    def _blind(self) -> None:
        if self._state == "live":
            self.preview.instruct("Esta cámara no muestra la imagen: tome la fotografía")

    def _ended(self, _: None) -> None:
        """The camera stops only when it is asked to."""

    def _no_camera(self, trouble: Trouble) -> None:
        self._ticket = None
        self.banner.show_trouble(trouble)
        self._to("broken")
        self._show_checks(())  # of no picture there are no figures

    # ---- taking -----------------------------------------------------------------------------
    def _take(self) -> None:
        if self._state != "live":
            return
        self._stop()
        self.banner.settle()
        self.preview.instruct("Tomando")
        self._to("taking")
        self.bridge.when_done(self.enrolling.take_portrait(), self._show_taken, self._not_taken)

    def _not_taken(self, trouble: Trouble) -> None:
        self._start()
        self.banner.show_trouble(trouble)

    def _show_taken(self, draft: Draft) -> None:
        self.picture.show_pixels(None)
        self._to("taken")
        if draft.portrait is None:
            return
        self._show_checks(draft.portrait.measures)
        self.reason.set_value(draft.portrait.reason)
        self.bridge.when_done(
            self.enrolling.portrait_pixels(), self.picture.show_pixels, self.banner.show_trouble,
            owner=self,
        )  # fmt: skip

    def _write_reason(self) -> None:
        portrait = self.draft.portrait
        if portrait is not None:
            self.change(portrait=replace(portrait, reason=self.reason.value()))

    # ---- showing ----------------------------------------------------------------------------
    def _to(self, state: State) -> None:
        self._state = state
        self.preview.setVisible(state in {"live", "taking"})
        self.picture.setVisible(state == "taken")
        self._missing_card.setVisible(state == "broken")
        self._again.setVisible(state == "taken")
        self._why.setVisible(False)
        self._verdict.say("")
        self.changed.emit()

    def _show_checks(self, checks: Sequence[Judged]) -> None:
        seen = {check.name: check for check in checks}
        for name, row in self._rows.items():
            check = seen.get(name)
            words = CHECKS[name][0]
            if check is None:
                row.say("idle", words, "–")
            else:
                row.say("ok" if check.ok else "warn", words, str(check.value))
        low = [check for check in checks if not check.ok]
        self._why.setVisible(self._state == "taken" and bool(low))
        if not checks or theme.large():
            self._verdict.say("")
        elif self._state == "taken":
            self._verdict.say(
                f"{len(low)} bajo su umbral: repita, o anote por qué se deja así."
                if low else "Todo sobre su umbral."
            )  # fmt: skip
        else:
            self._verdict.say(f"Umbral de cada medida: {checks[0].threshold} de 100.")

    def _broken_card(self) -> kit.Card:
        return kit.Card(
            kit.Numbered(1, "Mire el cable de la cámara", "Firme en los dos lados."),
            kit.Numbered(2, "Cambie de puerto", "Uno del equipo, no el del concentrador."),
            kit.Numbered(3, "Busque la cámara otra vez", "F5 o el botón de abajo."),
            None,
            kit.Banner("info", "Puede seguir con otro paso y volver después."),
            title="Sin imagen de la cámara", gap=14, pad=20,
        )  # fmt: skip
