"""The trainer's window: who sits on the chair, which finger is laid, and what goes wrong.

Only a training station has it; what it works on is played.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar, Protocol

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtWidgets import QWidget

from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Lane
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.frame import Frame
from migramovil.ui.kit.page import Hint, Page, Primary

_LOOK_MS = 500
_SLIP_WIDE = 420
AS_ASKED = "0"
_FINGERS = (
    (AS_ASKED, "El que se le pide"),
    *((str(position), name.capitalize()) for position, name in kit.FINGER_NAMES.items()),
)


class Switch(Protocol):
    """A fault as it stands; one that happens `once` is a button."""

    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def does(self) -> str: ...
    @property
    def once(self) -> bool: ...
    @property
    def on(self) -> bool: ...


class Standing(Protocol):
    """A played device as it stands."""

    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def plugged(self) -> bool: ...
    @property
    def switches(self) -> Sequence[Switch]: ...


class Seat(Protocol):
    """Somebody who may be sent to the chair."""

    @property
    def number(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def document(self) -> str: ...
    @property
    def about(self) -> str: ...
    @property
    def seated(self) -> bool: ...


class Trainer(Protocol):
    """What the window works: what may take a moment is only called on its lane."""

    @property
    def finger(self) -> int: ...
    @property
    def slips(self) -> int: ...
    def state(self) -> Sequence[Standing]: ...
    def people(self) -> Sequence[Seat]: ...
    def apply(self, device: str, fault: str, *, on: bool = True) -> None: ...
    def clear(self, device: str = "") -> None: ...
    def sit(self, number: int | None) -> None: ...
    def face(self, number: int) -> kit.Pixels: ...
    def lay(self, position: int) -> None: ...
    def slip(self) -> kit.Pixels | None: ...


class SimPanelPage(Page):
    """Shows how everything stands twice a second: scripts may work the same switches."""

    rail: ClassVar = "none"
    help: ClassVar[str] = (
        "Elija quién viene y mándelo a la silla: allí estará cuando quien aprende empiece. Elija "
        "un equipo y marque lo que le pasa; se quita al desmarcarlo. F8 quita todas las fallas."
    )
    closed = Signal()
    """The trainer wants the window out of the way."""

    def __init__(self, trainer: Trainer, lane: Lane, bridge: Bridge) -> None:
        super().__init__("Panel de quien enseña", "Lo que se marca aquí le pasa a los equipos.")
        self._trainer, self._lane, self._bridge = trainer, lane, bridge
        self._people = tuple(trainer.people())
        self._devices = tuple(trainer.state())
        self._checks: dict[str, kit.Check] = {}
        self._shown_device = ""
        self._shown_slips = -1
        self._face_of = -1
        self.seats = kit.Table("Personas que pueden venir", [kit.Column(head="Quién viene")],
                               row_height=50)  # fmt: skip
        self.seats.chosen.connect(lambda _: self._show_person())
        self.seats.opened.connect(lambda _: self.press_primary())
        self.devices = kit.Table(
            "Equipos simulados",
            [kit.Column(head="Equipo"), kit.Column(head="Estado", width=118)],
            row_height=40,
        )
        self.devices.chosen.connect(lambda _: self._show_faults())
        self._face = kit.Picture("Su rostro", width=96, height=128, icon="user")
        self._name = kit.Text("", "strong", wrap=True)
        self._document = kit.Text("", "cap", "ink2", wrap=True)
        self._about = kit.Text("", "cap", "ink2", wrap=True)
        self.finger = kit.Combo(kit.options(*_FINGERS))
        self.finger.chosen.connect(self._lay)
        self._slip = kit.Picture("Último comprobante", width=_SLIP_WIDE, cover=False,
                                 ground="surface", icon="receipt")  # fmt: skip
        self._count = kit.Text("", "cap", "ink2")
        self._faults = kit.col(gap=12)
        self._trouble = kit.TroubleBanner()
        self._clock = QTimer(self)
        self._clock.setInterval(_LOOK_MS)
        self._clock.timeout.connect(self._look)
        self._lay_out()

    def _lay_out(self) -> None:
        words = kit.col(self._name, self._document, self._about, None, gap=2)
        finger = kit.Field("Dedo que pone sobre el vidrio", self.finger)
        person = kit.col(
            (kit.Card((self.seats, 1), pad=8), 1),
            kit.Card(kit.row(self._face, (words, 1), gap=12), finger, gap=8, pad=12),
            gap=12,
        )
        self._see = kit.Button("Ver comprobante", icon="receipt", key="F7", on=self._see_slip)
        slip = kit.Card(kit.col(self._count, self._see, gap=8), pad=12)
        middle = kit.col(kit.Card((self.devices, 1), pad=8), None, slip, gap=12)
        switches = kit.Scroll(kit.Box(kit.col(self._faults, None)))
        self._card = kit.Card((switches, 1), title=" ", gap=8, pad=12)
        paper = kit.Scroll(kit.Box(kit.row(None, kit.col(self._slip, None), None)))
        self._close_up = kit.Card((paper, 1), title="Último comprobante", gap=8, pad=12)
        self._close_up.hide()
        right = kit.col(self._trouble, (self._card, 1), (self._close_up, 1), gap=12)
        self.build(
            (
                kit.row(
                    kit.fixed(kit.Box(person), 360),
                    kit.fixed(kit.Box(middle), 320),
                    (right, 1),
                    gap=16,
                ),
                1,
            ),
            actions=[
                kit.Button("Silla vacía", icon="armchair", key="F6", on=lambda: self._sit(None)),
                kit.Button("Quitar fallas", icon="check-circle", key="F8", on=self._clear),
            ],
        )

    @property
    def shows_all(self) -> bool:
        """Whether the face of the person chosen has come."""
        return not self._face.empty

    def choose(self, device: str) -> None:
        """Show the switches of a device, by its key."""
        self.devices.choose([one.key for one in self._devices].index(device))

    # ---- hooks ----------------------------------------------------------------------------------
    def primary(self) -> Primary:
        return Primary(label="Que se siente", icon="armchair")

    def press_primary(self) -> None:
        seat = self._seat()
        if seat is not None:
            self._sit(seat.number)

    def hints(self) -> Sequence[Hint]:
        return [("↑ ↓", "Elegir"), ("Espacio", "Marcar"), ("F7", "Ver"), ("Esc", "Cerrar")]

    def keys(self) -> Mapping[str, Callable[[], object]]:
        return {"F2": self.press_primary}

    def first_focus(self) -> QWidget:
        return self.seats

    def escape(self) -> None:
        self.closed.emit()

    def enter(self) -> None:
        self._trouble.settle()
        self._look()
        for table in (self.seats, self.devices):
            if table.current() < 0:
                table.choose(0)
        self._show_person()
        self._show_faults()
        self._clock.start()

    def leave(self) -> None:
        self._clock.stop()

    # ---- asking ---------------------------------------------------------------------------------
    def _ask(self, work: Callable[[], object]) -> None:
        """Do it on the lane, and show how things stand then."""
        ticket = self._lane.run(lambda _: work())
        self._bridge.when_done(ticket, lambda _: self._look(), self._refused, owner=self)

    def _refused(self, trouble: Trouble) -> None:
        self._trouble.show_trouble(trouble)
        self._mark_switches()

    def _sit(self, number: int | None) -> None:
        self._ask(partial(self._trainer.sit, number))

    def _clear(self) -> None:
        self._ask(self._trainer.clear)

    def _turn(self, device: str, fault: str, *, on: bool) -> None:
        self._ask(partial(self._trainer.apply, device, fault, on=on))

    def _lay(self, position: object) -> None:
        if isinstance(position, str):
            self._ask(partial(self._trainer.lay, int(position)))

    # ---- showing --------------------------------------------------------------------------------
    def _look(self) -> None:
        people, devices = tuple(self._trainer.people()), tuple(self._trainer.state())
        if people != self._people or self.seats.current() < 0:
            self._people = people
            _refill(self.seats, [_seat_row(one) for one in people])
        if devices != self._devices or self.devices.current() < 0:
            self._devices = devices
            _refill(self.devices, [_device_row(one) for one in devices])
            self.devices.show_whole()
            self._mark_switches()
        if self.finger.value() != str(self._trainer.finger):
            self.finger.set_value(str(self._trainer.finger))
        if self._trainer.slips != self._shown_slips:
            self._shown_slips = self._trainer.slips
            ticket = self._lane.run(lambda _: self._trainer.slip())
            self._bridge.when_done(ticket, self._show_slip, self._trouble.show_trouble, owner=self)

    def _show_slip(self, slip: kit.Pixels | None) -> None:
        self._slip.show_pixels(slip)
        if slip is not None:
            high, wide = slip.shape[:2]
            self._slip.setFixedHeight(theme.px(_SLIP_WIDE) * high // wide)
        printed = f"Impresos: {self._shown_slips}"
        self._count.say(printed if self._shown_slips else "Aún no se imprimió nada")

    def _see_slip(self) -> None:
        """The last slip in the place of the switches, and back."""
        seen = self._close_up.isVisible()
        self._close_up.setVisible(not seen)
        self._card.setVisible(seen)
        self._see.say("Ver comprobante" if seen else "Ver las fallas")

    def _seat(self) -> Seat | None:
        at = self.seats.current()
        return self._people[at] if 0 <= at < len(self._people) else None

    def _show_person(self) -> None:
        seat = self._seat()
        if seat is None or seat.number == self._face_of:
            return
        self._face_of = seat.number
        self._name.say(seat.name)
        self._document.say(seat.document)
        self._about.say(seat.about)
        self._face.show_pixels(None)
        ticket = self._lane.run(lambda _: self._face_if_wanted(seat.number))
        self._bridge.when_done(
            ticket, partial(self._show_face, seat.number), self._trouble.show_trouble, owner=self
        )

    def _face_if_wanted(self, number: int) -> kit.Pixels | None:
        """Nobody waits for the faces of those the arrow keys only ran past."""
        return self._trainer.face(number) if number == self._face_of else None

    def _show_face(self, number: int, face: kit.Pixels | None) -> None:
        if number == self._face_of:
            self._face.show_pixels(face)

    def _device(self) -> Standing | None:
        at = self.devices.current()
        return self._devices[at] if 0 <= at < len(self._devices) else None

    def _show_faults(self) -> None:
        device = self._device()
        if device is None or device.key == self._shown_device:
            return
        self._shown_device, self._checks = device.key, {}
        self._card.heading.say(device.name)
        parts = [self._switch(device.key, one) for one in device.switches]
        across = 1 if theme.large() else 2
        cells = [(part, *divmod(number, across)) for number, part in enumerate(parts)]
        kit.refill(self._faults, kit.grid(*cells, gap=(16, 12), shares=(1,) * across))
        if self._close_up.isVisible():
            self._see_slip()

    def _switch(self, device: str, one: Switch) -> kit.Part:
        """What turns a fault, over what it does."""
        turn = partial(self._turn, device, one.key)
        part: QWidget
        if one.once:
            part = kit.Button(one.name, height=36, on=partial(turn, on=True))
        else:
            check = part = self._checks[one.key] = kit.Check(one.name)
            check.setChecked(one.on)
            check.clicked.connect(lambda on: turn(on=on))
        part.setAccessibleDescription(one.does)
        does = kit.Text(one.does, "cap", "ink2", wrap=True)
        return kit.col(
            kit.row(part, None), kit.row(0 if one.once else 40, (does, 1), gap=0), None, gap=4
        )

    def _mark_switches(self) -> None:
        """A switch that somebody else worked moves too."""
        device = self._device()
        if device is None or device.key != self._shown_device:
            return
        for one in device.switches:
            check = self._checks.get(one.key)
            if check is not None and check.isChecked() != one.on:
                check.setChecked(one.on)


class SimPanelWindow(Frame):
    """The page in a window of its own; closing only hides it, until the station ends."""

    def __init__(self, trainer: Trainer, bridge: Bridge) -> None:
        super().__init__(place="Panel de quien enseña", training=True)
        self.setWindowTitle("Migramóvil · panel de quien enseña")
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, on=False)  # the station's window is
        self._lane = Lane("trainer")
        self._panel = SimPanelPage(trainer, self._lane, bridge)
        self._panel.closed.connect(self._put_away)
        self.close_asked.connect(self._put_away)
        self.resize(1366, 768)

    @property
    def at_rest(self) -> bool:
        """Whether all that was asked for is shown."""
        return self._lane.idle and self._panel.shows_all

    def bring(self) -> None:
        """Into sight, before the other window."""
        self.show()
        self.show_page(self._panel)
        self.raise_()
        self.activateWindow()

    def choose(self, device: str) -> None:
        self._panel.choose(device)

    def _put_away(self) -> None:
        self._panel.leave()
        self.hide()

    def end(self) -> None:
        """The station ends, and the panel with it."""
        if self.page is not None:
            self.page.depart()
        self._lane.close()
        self.allow_close()


def _refill(table: kit.Table, rows: Sequence[Sequence[kit.Cell]]) -> None:
    """New rows under the choice that stands, without a word to those who listen to it."""
    at = table.current()
    with QSignalBlocker(table):
        table.set_source(kit.Rows(rows))
        table.choose(max(0, at))


def _seat_row(seat: Seat) -> list[kit.Cell]:
    icon = "armchair" if seat.seated else ""
    second = f"{seat.document} · en la silla" if seat.seated else seat.document
    return [kit.Cell(words=seat.name, second=second, icon=icon, exact=True, strong=seat.seated)]


def _device_row(device: Standing) -> list[kit.Cell]:
    wrong = sum(one.on for one in device.switches)
    state: kit.State = "warn" if wrong else "ok"
    words = "Bien" if not wrong else "1 falla" if wrong == 1 else f"{wrong} fallas"
    if not device.plugged:
        words, state = "Sin cable", "idle"
    return [kit.Cell(words=device.name, strong=True), kit.Cell(words=words, badge=state)]
