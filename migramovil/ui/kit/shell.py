"""The parts round a page: header, rail, footer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from migramovil.ui import theme
from migramovil.ui.kit.buttons import Button, KeyCap
from migramovil.ui.kit.drawings import Mark
from migramovil.ui.kit.icons import Icon
from migramovil.ui.kit.layout import Box, Item, Rule, col, paint_panel, refill, row
from migramovil.ui.kit.page import Hint, Primary
from migramovil.ui.kit.pictures import Picture
from migramovil.ui.kit.states import sign
from migramovil.ui.kit.text import Text

LATER = "Alt+D"
"""Puts the person on the chair aside, on any step."""
Light = Literal["ok", "warn", "bad", "plain"]
_LIGHTS: dict[Light, theme.Tone] = {
    "ok": "head_ok", "warn": "head_warn", "bad": "head_bad", "plain": "on_head2",
}  # fmt: skip


class _Chip(QWidget):
    """An icon that carries the state and the words that say it, on the header."""

    def __init__(self, icon: str, *, most: int = 340) -> None:
        super().__init__()
        self._icon = Icon(icon, "on_head2", 20)
        self._words = Text("", "strong", "on_head")
        self.setLayout(row(self._icon, self._words, gap=8, margins=(10, 0, 12, 0)))
        self.setFixedHeight(theme.px(36))
        self.setMaximumWidth(theme.px(most))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def say(self, icon: str, words: str, light: Light = "plain", why: str = "") -> None:
        self._icon.show_icon(icon, _LIGHTS[light])
        self._words.say(words)
        self.setAccessibleName(words)
        self.setAccessibleDescription(why)
        self.setToolTip(why)
        self.setVisible(bool(words))

    def paintEvent(self, event: QPaintEvent) -> None:
        edge: theme.Tone | None = "on_head" if theme.high_contrast() else None
        paint_panel(QPainter(self), QRectF(self.rect()), "head_chip", edge, 8)


class _Training(QWidget):
    """«ENTRENAMIENTO»: nothing done here goes to headquarters."""

    def __init__(self) -> None:
        super().__init__()
        words = Text("ENTRENAMIENTO", "capb", "on_brand")
        icon = Icon("student-fill", "on_brand", 18)
        self.setLayout(row(icon, words, gap=6, margins=(10, 0, 12, 0)))
        self.setFixedHeight(theme.px(28))
        self.setAccessibleName("Estación de entrenamiento")

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_panel(QPainter(self), QRectF(self.rect()), "brand", None, 14)


class Header(QWidget):
    """Product, module and place; link, devices, clock, person. What is second-rank leaves first."""

    def __init__(self, *, place: str, training: bool) -> None:
        super().__init__()
        self.setFixedHeight(theme.px(theme.HEADER))
        self._place = Text(place, "cap", "on_head2")
        self.link = _Chip("cloud")
        self.devices = _Chip("desktop-bold")
        self.clock = _Chip("clock-bold")
        self.person = _Chip("user-bold")
        self._name, self._role = "", ""
        names = col(None, Text("Migramóvil", "sub", "on_head"), self._place, None, gap=0)
        badge: list[Item] = [16, _Training()] if training else []
        chips = (self.link, self.devices, self.clock, self.person)
        self.setLayout(row(Mark(36), 4, names, *badge, None, *chips, gap=8, margins=(16, 0, 16, 0)))
        for chip in chips:
            chip.hide()

    def set_place(self, place: str) -> None:
        self._place.say(place)
        self.fit()

    def set_person(self, name: str, role: str) -> None:
        self._name, self._role = name, role
        self.fit()

    def fit(self) -> None:
        """Show all there is to say, then let go clock, role and place while it does not fit."""
        has_clock = bool(self.clock.accessibleName())
        both = " · ".join(part for part in (self._name, self._role) if part)
        self.clock.setVisible(has_clock)
        self._place.setVisible(True)
        self.person.say("user-bold", both)
        if self._too_wide():
            self.clock.hide()
        if self._too_wide():
            self.person.say("user-bold", self._name)
        if self._too_wide():
            self._place.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(320), theme.px(theme.HEADER))

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        p.fillRect(self.rect(), theme.colour("head"))
        p.fillRect(0, self.height() - 1, self.width(), 1, theme.colour("head_chip"))

    def _too_wide(self) -> bool:
        layout = self.layout()
        if layout is None:
            return False
        layout.activate()
        return layout.sizeHint().width() > self.width()


@dataclass(frozen=True, slots=True, kw_only=True)
class NavItem:
    """A page of the day in the rail; `key` is what choosing it says."""

    key: str
    name: str
    icon: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of the enrollment in the rail."""

    name: str
    icon: str
    state: Literal["done", "remark", "now", "later"]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """Who is on the chair, and the name of what they came for."""

    procedure: str
    first_surname: str
    second_surname: str = ""
    given: str = ""
    portrait: QImage | None = None


class _RailItem(QWidget):
    """One line of the rail: sign, words, note, and a count or a key. Pressed by mouse or Alt+n."""

    pressed = Signal()

    def __init__(self, *, height: int = 44) -> None:
        super().__init__()
        self._active = False
        self._icon = Icon("circle", "ink2", 22)
        self._words = Text("", "body", elide=True)
        self._note = Text("", "cap", "ink2", elide=True)
        self._key = Text("", "cap", "ink2")
        self._count = _Count()
        words = col(None, self._words, self._note, None, gap=0)
        self.setLayout(
            row(self._icon, (words, 1), self._key, self._count, gap=10, margins=(12, 0, 10, 0))
        )
        self.setFixedHeight(theme.px(height))
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def say(
        self,
        words: str,
        *,
        icon: str,
        tone: theme.Tone,
        ink: theme.Tone = "ink",
        note: str = "",
        note_tone: theme.Tone = "ink2",
        key: str = "",
        count: int = 0,
        active: bool = False,
    ) -> None:
        self._active = active
        self._icon.show_icon(icon, tone)
        self._words.setFont(theme.font("strong" if active else "body"))
        self._words.set_tone("primary" if active else ink)
        self._words.say(words)
        self._note.set_tone(note_tone)
        self._note.say(note)
        self._note.setVisible(bool(note))
        self._key.say(key)
        self._key.setVisible(bool(key) and not count)
        self._count.say(count, active=active)
        self.setAccessibleName(f"{words} {note} {count or ''} {key}".strip())
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.pressed.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._active:
            return
        p = QPainter(self)
        edge: theme.Tone | None = "primary" if theme.high_contrast() else None
        paint_panel(p, QRectF(self.rect()), "soft", edge, 8, edge_width=2)
        bar = QRectF(0, theme.px(10), theme.px(4), self.height() - theme.px(20))
        paint_panel(p, bar, "primary", None, 2)


class _Count(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._words, self._active = "", False

    def say(self, count: int, *, active: bool) -> None:
        self._words, self._active = (str(count) if count < 1000 else "999+"), active
        wide = self.fontMetrics().horizontalAdvance("8" * len(self._words)) + theme.px(14)
        self.setFixedSize(max(theme.px(26), wide), theme.px(22))
        self.setVisible(count > 0)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        edge: theme.Tone | None = "edge" if theme.high_contrast() else None
        ground: theme.Tone = "primary" if self._active else "idle_soft"
        paint_panel(p, QRectF(self.rect()), ground, edge, 11)
        p.setFont(theme.font("capb"))
        p.setPen(theme.colour("on_primary" if self._active else "ink"))
        p.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter, self._words)


class _Side(QWidget):
    """The ground of a rail."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(theme.px(theme.RAIL))

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        p.fillRect(self.rect(), theme.colour("surface"))
        p.fillRect(self.width() - 1, 0, 1, self.height(), theme.colour("line"))


class DayRail(_Side):
    """The day's pages with Alt+number and counts; below, the state of the day."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._items: list[NavItem] = []
        self._widgets: list[_RailItem] = []
        self._counts: dict[str, int] = {}
        self._active = ""
        self._list = col(gap=4)
        self._first = Text("", "capb", elide=True)
        self._second = Text("", "cap", "ink2", elide=True)
        foot = col(Rule(), self._first, self._second, gap=6)
        self.setLayout(col(self._list, None, foot, gap=4, margins=(12, 16, 12, 16)))

    def set_items(self, items: Sequence[NavItem]) -> None:
        self._items = list(items)
        self._widgets = []
        for item in self._items:
            widget = _RailItem()
            widget.pressed.connect(lambda key=item.key: self.chosen.emit(key))
            self._widgets.append(widget)
        refill(self._list, *self._widgets)
        self._show()

    def set_active(self, key: str) -> None:
        self._active = key
        self._show()

    def set_counts(self, counts: Mapping[str, int]) -> None:
        self._counts = dict(counts)
        self._show()

    def set_day(self, first: str, second: str) -> None:
        """«Jornada abierta 08:04», «Lunes 23/11/2026»."""
        self._first.say(first)
        self._second.say(second)

    def press(self, number: int) -> bool:
        """Alt+number; False when there is no such page."""
        if not 1 <= number <= len(self._items):
            return False
        self.chosen.emit(self._items[number - 1].key)
        return True

    def _show(self) -> None:
        pairs = zip(self._items, self._widgets, strict=True)
        for number, (item, widget) in enumerate(pairs, 1):
            active = item.key == self._active
            widget.say(
                item.name,
                icon=f"{item.icon}-fill" if active else item.icon,
                tone="primary" if active else "ink2",
                key=f"Alt+{number}",
                count=self._counts.get(item.key, 0),
                active=active,
            )


class StepRail(_Side):
    """The applicant, the steps, and that everything is saved."""

    chosen = Signal(int)
    """The number of the step, from 1."""
    later = Signal()
    """The person is to be put aside."""

    def __init__(self) -> None:
        super().__init__()
        self._portrait = Picture(
            "Retrato del solicitante", width=48, height=60, icon="user-circle", radius=6
        )
        self._surnames = [Text("", "strong", elide=True, exact=True) for _ in range(2)]
        self._given = Text("", "cap", "ink2", elide=True)
        self._procedure = Text("", "capb", "primary", wrap=True)
        names = col(None, *self._surnames, self._given, None, gap=0)
        who = col(row(self._portrait, (names, 1), gap=10), self._procedure, gap=6)
        self._widgets: list[_RailItem] = []
        self._list = col(gap=0 if theme.large() else 4)
        self._saved = Text("", "cap", "ink2")
        self._safe = Box(
            row(
                Icon("shield-check-fill", "ok", 20),
                (col(Text("Guardado y cifrado", "capb"), self._saved, gap=0), 1),
                gap=8,
            )
        )
        self._safe.hide()
        later = Button("Para después", kind="quiet", key=LATER, height=32, on=self.later.emit)
        later.setAccessibleName("Dejar para después")
        later.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setLayout(
            col(who, 4, Rule(), 2, self._list, None, later, Rule(), self._safe, gap=4,
                margins=(12, 14, 12, 12))
        )  # fmt: skip

    def set_applicant(self, who: Applicant) -> None:
        self._portrait.show_image(who.portrait)
        for line, surname in zip(
            self._surnames, (who.first_surname, who.second_surname), strict=True
        ):
            line.say(surname)
            line.setVisible(bool(surname))
        self._given.say(who.given)
        self._procedure.say(who.procedure)

    def set_steps(self, steps: Sequence[Step], active: int) -> None:
        """Show the steps; `active` (from 1) is the one on the screen."""
        if len(steps) != len(self._widgets):
            self._widgets = []
            for number in range(1, len(steps) + 1):
                widget = _RailItem(height=38 if theme.large() else 44)
                widget.pressed.connect(lambda n=number: self.chosen.emit(n))
                self._widgets.append(widget)
            refill(self._list, *self._widgets)
        for number, (step, widget) in enumerate(zip(steps, self._widgets, strict=True), 1):
            self._show_step(widget, number, step, active=number == active)

    def set_saved(self, time: str) -> None:
        """The time of the last save; "" before the first."""
        self._saved.say(time)
        self._safe.setAccessibleName(f"Guardado y cifrado {time}")
        self._safe.setVisible(bool(time))

    def press(self, number: int) -> bool:
        if not 1 <= number <= len(self._widgets):
            return False
        self.chosen.emit(number)
        return True

    @staticmethod
    def _show_step(widget: _RailItem, number: int, step: Step, *, active: bool) -> None:
        icon, tone = {
            "done": ("check-circle-fill", "ok"),
            "remark": ("warning-fill", "warn"),
            "now": (f"{step.icon}-fill", "primary"),
            "later": ("circle", "ink2"),
        }[step.state]
        tones: dict[str, theme.Tone] = {"ok": "ok", "warn": "warn", "primary": "primary"}
        remark = step.state == "remark"
        widget.say(
            f"{number}. {step.name}",
            icon=icon,
            tone=tones.get(tone, "ink2"),
            ink="ink2" if step.state == "later" else "ink",
            note=step.note,
            note_tone="warn" if remark else "ink2",
            active=active,
        )


class _Hints(QWidget):
    """Key hints in one line; those that do not fit leave, the last first."""

    def __init__(self) -> None:
        super().__init__()
        self._line = row(gap=10)
        self._items: list[Box] = []
        self.setLayout(row(None, self._line, None, gap=0))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def set_hints(self, hints: Sequence[Hint]) -> None:
        self._items = [
            Box(row(KeyCap(key), Text(words, "cap", "ink2"), gap=6)) for key, words in hints
        ]
        refill(self._line, *self._items)
        self.fit()

    def fit(self) -> None:
        room = self.width()
        for item in self._items:
            room -= item.sizeHint().width() + theme.px(10)
            item.setVisible(room >= -theme.px(10))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()


class Footer(QWidget):
    """«Anterior» left, at most four hints, the primary right, always in the same place."""

    back = Signal()
    primary_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(theme.px(theme.FOOTER))
        self.back_button = Button(
            "Anterior", icon="arrow-left-bold", key="Alt+←", on=self.back.emit
        )
        self.primary = Button("", kind="primary", key="F10", height=theme.MAIN_BUTTON)
        self.primary.setMinimumWidth(theme.px(theme.MAIN_WIDTH))
        self.primary.clicked.connect(self.primary_pressed)
        self.primary.setParent(self)  # first in the chain: from a page's last control, onward
        self._hints = _Hints()
        self._why = Text("", "strong", "warn", elide=True)
        self._says = Box(row(sign("warn", 20), (self._why, 1), gap=8))
        self._says.hide()
        self.setLayout(
            row(self.back_button, (self._hints, 1), (self._says, 1), self.primary, gap=12,
                margins=(24, 0, 24, 0))
        )  # fmt: skip

    def set_primary(self, primary: Primary | None) -> None:
        self.primary.setVisible(primary is not None)
        self.say_missing("")
        if primary is not None:
            self.primary.say(primary.label, icon=primary.icon, tail=primary.tail)
            self.primary.set_available(primary.available, primary.reason)

    def set_back(self, possible: bool) -> None:
        self.back_button.setVisible(possible)

    def set_hints(self, hints: Sequence[Hint]) -> None:
        self._hints.set_hints(hints)

    def say_missing(self, reason: str) -> None:
        """Say in the place of the hints why the primary did not act; "" brings the hints back."""
        self._why.say(reason)
        self._says.setVisible(bool(reason))
        self._hints.setVisible(not reason)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        p.fillRect(self.rect(), theme.colour("surface"))
        p.setPen(QPen(theme.colour("line"), 1))
        p.drawLine(0, 0, self.width(), 0)
