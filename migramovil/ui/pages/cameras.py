"""Cámaras: what each camera sees, and what it is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QWidget

from migramovil.core.roles import Act, may
from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import DeviceInfo, DeviceRole
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint, Primary
from migramovil.ui.pages.common import DayPage

if TYPE_CHECKING:
    from migramovil.services.desk import Desk

SERVES: Mapping[DeviceRole, tuple[str, str, str]] = {
    DeviceRole.PORTRAIT: ("R", "Retratos", "toma los retratos"),
    DeviceRole.DOCUMENT: ("D", "Documentos", "mira los documentos"),
    DeviceRole.APPLICANT: ("S", "Solicitante", "mira al solicitante"),
}
"""What a camera may be for: its letter, one word, and what it does then."""


class CamerasPage(DayPage):
    """Looking is everybody's; only who answers for the devices says what a camera is for."""

    help: ClassVar[str] = (
        "Elija una cámara con ↑ ↓ y mire qué se ve. R, D o S dicen para qué sirve y F10 lo guarda; "
        "la cámara lo conserva aunque se desenchufe. F5 busca otra vez."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Cámaras", "Mire cuál es cada una y diga para qué sirve.")
        self.can_go_back = True
        self._desk, self._bridge = desk, bridge
        self._cameras: tuple[DeviceInfo, ...] = ()
        self._watching: Ticket[None] | None = None
        self._watched: DeviceInfo | None = None
        self._giving: Ticket[None] | None = None
        self._trouble = kit.TroubleBanner()
        self._said = kit.Banner("ok", " ")
        self._said.hide()
        self._rule = kit.Text("", "cap", "ink2", wrap=True)
        serves = kit.Column(head="Sirve para", width=148)
        self.table = kit.Table("Cámaras", [kit.Column(head="Cámara"), serves], row_height=54)
        self.table.chosen.connect(lambda _: self._show_chosen())
        self._none = kit.Empty("camera", "Buscando cámaras.")
        self._name = kit.Text("", "sub", elide=True)
        self._where = kit.Text("", "cap", "ink2", elide=True)
        self.preview = kit.Preview("Vista de la cámara elegida")
        self.role = kit.Segmented(
            [
                kit.Segment(value=role.value, words=f"{letter} · {word}", letter=letter)
                for role, (letter, word, _) in SERVES.items()
            ],
            name="Para qué sirve esta cámara",
        )
        self.role.chosen.connect(lambda _: self._quiet())
        self._build()

    def _build(self) -> None:
        listing = kit.Card((self.table, 1), (self._none, 1), pad=8)
        name = kit.col(self._name, self._where, gap=2)
        self._seen = kit.Card(
            name, (self.preview, 1), kit.Text("Para qué sirve", "strong"), self.role,
            self._rule, gap=8, pad=12,
        )  # fmt: skip
        wide = 376 if theme.large() else 392
        self.build(
            self._trouble,
            self._said,
            (kit.row(kit.fixed(listing, wide), (self._seen, 1), gap=16), 1),
        )

    # ---- hooks -----------------------------------------------------------------------------
    def primary(self) -> Primary:
        reason = self._why_not()
        return Primary(label="Guardar", icon="check-bold", available=not reason, reason=reason)

    def press_primary(self) -> None:
        camera, role = self._camera(), self._wanted()
        if camera is None or role is None or self._why_not():
            return
        self._quiet()
        self._stop()
        self.preview.instruct("Un momento")
        self._giving = self._desk.diagnosing.assign(role, camera)
        self._bridge.when_done(
            self._giving, partial(self._given, camera, role), self._not_given, owner=self
        )
        self.changed.emit()

    def keys(self) -> Mapping[str, Callable[[], object]]:
        letters = {letter: partial(self._want, role) for role, (letter, *_) in SERVES.items()}
        return {"F5": self._look, **letters}

    def hints(self) -> Sequence[Hint]:
        return [("↑ ↓", "Cámara"), ("R D S", "Sirve para"), ("F5", "Buscar"),
                ("Esc", "Diagnóstico")]  # fmt: skip

    def first_focus(self) -> QWidget:
        return self.table

    def enter(self) -> None:
        self._cameras = ()
        self._show_list()
        self._rule.say(self._who_may())
        self._rule.setVisible(bool(self._who_may()))
        self._look()

    def leave(self) -> None:
        """The camera is let go, and what it saw does not stay on a page."""
        self._stop()
        self._giving = None

    # ---- answers ---------------------------------------------------------------------------
    def _look(self) -> None:
        if self._giving is not None:
            return
        self._quiet()
        self._none.say("Buscando cámaras.")
        self._bridge.when_done(
            self._desk.diagnosing.cameras(), self._listed, self._failed, owner=self
        )

    def _listed(self, cameras: tuple[DeviceInfo, ...]) -> None:
        kept = self._camera()
        self._cameras = cameras
        self._none.say("No hay ninguna cámara conectada. Conéctela y pulse F5.")
        self._show_list(cameras.index(kept) if kept in cameras else 0)

    def _want(self, role: DeviceRole) -> None:
        if self._camera() is not None:
            self.role.set_value(role.value)
            self._quiet()

    def _given(self, camera: DeviceInfo, role: DeviceRole, _: None) -> None:
        self._giving = None
        self._show_list(self.table.current())
        self._said.say("ok", f"Guardado: {camera.model} {SERVES[role][2]}",
                       "Lo conserva aunque se desenchufe o se apague la estación.")  # fmt: skip
        self._said.show()

    def _not_given(self, trouble: Trouble) -> None:
        self._giving = None
        self._show_chosen()
        self._failed(trouble)

    def _failed(self, trouble: Trouble) -> None:
        self._trouble.show_trouble(trouble, safe="")
        self.changed.emit()

    # ---- the live picture --------------------------------------------------------------------
    def _watch(self, camera: DeviceInfo) -> None:
        if self._giving is not None or self._watched == camera:
            return
        self._stop()
        if not camera.capabilities.get("preview", True):
            self.preview.instruct("Esta cámara no muestra la imagen")
            return
        self.preview.instruct("Abriendo la cámara")
        self._watched = camera
        show = self._bridge.newest(partial(self._show_frame, camera), owner=self)
        fitted = self.preview.fitted
        self._watching = self._desk.diagnosing.watch(
            camera, lambda frame: show(fitted(frame.pixels))
        )
        self._bridge.when_done(self._watching, self._ended, self._not_seen, owner=self)

    def _stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        self._watching = self._watched = None
        self.preview.show_frame(None)
        self.preview.instruct("")

    def _show_frame(self, camera: DeviceInfo, pixels: kit.Pixels) -> None:
        if camera == self._watched:
            self.preview.instruct("")
            self.preview.show_frame(pixels)

    def _ended(self, _: None) -> None:
        """The camera stops only when it is asked to."""

    def _not_seen(self, trouble: Trouble) -> None:
        self._stop()
        self._failed(trouble)

    # ---- what is shown -----------------------------------------------------------------------
    def _camera(self) -> DeviceInfo | None:
        number = self.table.current()
        return self._cameras[number] if 0 <= number < len(self._cameras) else None

    def _wanted(self) -> DeviceRole | None:
        value = self.role.value()
        return None if value is None else DeviceRole(value)

    def _why_not(self) -> str:
        """Why nothing can be saved now, or ""."""
        camera = self._camera()
        if self._giving is not None:
            return "Se está guardando."
        if camera is None:
            return "No hay ninguna cámara elegida."
        if self._who_may():
            return self._who_may()
        if self._wanted() is None:
            return "Diga para qué sirve: R, D o S."
        same = self._wanted() is self._desk.diagnosing.role_of(camera)
        return "Esta cámara ya sirve para eso." if same else ""

    def _who_may(self) -> str:
        """Who else must say what a camera is for; "" where the person inside may."""
        session = self._desk.accounts.session
        if session is None:
            return "Sin nadie dentro solo se mira: entre supervisión o el técnico para guardar."
        may_it = may(session.role, Act.ASSIGN_DEVICES)
        return "" if may_it else "Solo se mira: lo guarda supervisión o el técnico."

    def _show_list(self, chosen: int = -1) -> None:
        self.table.set_source(kit.Rows([self._row(camera) for camera in self._cameras]))
        many = bool(self._cameras)
        self.table.setVisible(many)
        self._none.setVisible(not many)
        self._seen.setVisible(many)
        self.table.choose(chosen)
        if self._camera() is None:
            self._show_chosen()

    def _row(self, camera: DeviceInfo) -> list[kit.Cell]:
        role = self._desk.diagnosing.role_of(camera)
        serves = kit.Cell(words=SERVES[role][1], badge="ok") if role else _NOTHING
        first = kit.Cell(words=camera.model, second=_known(camera), icon="camera", strong=True)
        return [first, serves]

    def _show_chosen(self) -> None:
        self._quiet()
        camera = self._camera()
        if camera is None:
            self._stop()
            return
        role = self._desk.diagnosing.role_of(camera)
        self.role.set_value(role.value if role else None)
        self._name.say(camera.model)
        self._where.say(_placed(camera))
        self._watch(camera)

    def _quiet(self) -> None:
        self._said.hide()
        self._trouble.settle()
        self.changed.emit()


class ClosedCamerasPage(CamerasPage):
    """The same before anybody is inside."""

    rail = "none"


_NOTHING = kit.Cell(words="Sin uso", badge="idle")


def _known(camera: DeviceInfo) -> str:
    """What tells it from its twin: the serial number, else the socket, else the address."""
    if camera.serial:
        return f"serie {camera.serial}"
    return f"puerto USB {camera.port}" if camera.port else camera.path


def _placed(camera: DeviceInfo) -> str:
    parts = [
        f"serie {camera.serial}" if camera.serial else "",
        f"puerto USB {camera.port}" if camera.port else "",
        camera.path,
        "de entrenamiento" if camera.simulated else "",
    ]
    return " · ".join(part for part in parts if part)
