"""Small things that say how something stands: sign, word and colour, never colour alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from migramovil.ui import theme
from migramovil.ui.kit import icons
from migramovil.ui.kit.buttons import Button
from migramovil.ui.kit.icons import Icon
from migramovil.ui.kit.layout import Box, Item, Panel, Part, Well, col, paint_panel, refill, row
from migramovil.ui.kit.text import Text

State = Literal["ok", "warn", "bad", "info", "now", "idle"]
SIGNS: dict[State, tuple[str, theme.Tone, theme.Tone]] = {  # icon, ink, soft ground
    "ok": ("check-circle-fill", "ok", "ok_soft"),
    "warn": ("warning-fill", "warn", "warn_soft"),
    "bad": ("x-circle-fill", "bad", "bad_soft"),
    "info": ("info-fill", "primary", "soft"),
    "now": ("caret-circle-right-fill", "primary", "soft"),
    "idle": ("circle-dashed", "ink2", "idle_soft"),
}
SPOKEN: dict[State, str] = {
    "ok": "correcto", "warn": "atención", "bad": "falla",
    "info": "dato", "now": "ahora", "idle": "pendiente",
}  # fmt: skip


def sign(state: State, size: int = 20) -> Icon:
    """The icon of a state."""
    return Icon(SIGNS[state][0], SIGNS[state][1], size)


def edge_of(state: State) -> theme.Tone | None:
    """In high contrast every coloured ground also has an edge."""
    return SIGNS[state][1] if theme.high_contrast() else None


class Badge(QWidget):
    """A pill of sign and one to three words."""

    def __init__(self, words: str, state: State = "idle", *, icon: str = "") -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.say(words, state, icon=icon)

    def say(self, words: str, state: State, *, icon: str = "") -> None:
        self._words, self._state, self._icon = words, state, icons.known(icon)
        self.setAccessibleName(words)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(badge_width(self._words), theme.px(theme.BADGE))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_badge(QPainter(self), QRectF(self.rect()), self._words, self._state, self._icon)


def badge_width(words: str) -> int:
    wide = QFontMetricsF(theme.font("capb")).horizontalAdvance(words)
    return math.ceil(wide) + theme.px(42)


def paint_badge(p: QPainter, rect: QRectF, words: str, state: State, icon: str = "") -> None:
    """Draw a pill into `rect`, which is `badge_width(words)` wide and 26 design pixels high."""
    name, ink, soft = SIGNS[state]
    paint_panel(p, rect, soft, edge_of(state), theme.BADGE / 2)
    side = theme.px(16)
    at = QRectF(rect.left() + theme.px(9), rect.center().y() - side / 2, side, side)
    icons.paint(p, at, icon or name, theme.colour(ink))
    p.setFont(theme.font("capb"))
    p.setPen(theme.colour(ink))
    words_at = rect.adjusted(theme.px(31), 0, -theme.px(9), 0)
    cut = p.fontMetrics().elidedText(
        words, Qt.TextElideMode.ElideRight, math.ceil(words_at.width()) + 1
    )
    p.drawText(words_at, Qt.AlignmentFlag.AlignVCenter, cut)


class Banner(Panel):
    """Something must be done or was saved; one per page, with at most one button."""

    def __init__(
        self, state: State, title: str, body: str = "", *, button: Button | None = None
    ) -> None:
        name, ink, soft = SIGNS[state]
        self._sign = Icon(name, ink, 24)
        self._title = Text(title, "strong", wrap=True)
        self._body = Text(body, "body", "ink2", wrap=True)
        words = col(self._title, self._body, gap=2)
        tail = [button] if button else []
        super().__init__(
            row(self._sign, (words, 1), *tail, gap=12, margins=(14, 10, 14, 10)),
            ground=soft, edge=ink, radius=8,
        )  # fmt: skip
        self._body.setVisible(bool(body))
        self.button = button
        self.setAccessibleName(f"{title} {body}".rstrip())

    def say(self, state: State, title: str, body: str = "") -> None:
        name, ink, soft = SIGNS[state]
        self.set_ground(soft, ink)
        self._sign.show_icon(name, ink)
        self._title.say(title)
        self._body.say(body)
        self._body.setVisible(bool(body))
        self.setAccessibleName(f"{title} {body}".rstrip())


class StateRow(Panel):
    """Sign, what, value at the right. `plain` has no ground, for lists inside a card."""

    def __init__(
        self,
        state: State,
        what: str,
        value: str = "",
        *,
        second: str = "",
        icon: str = "",
        plain: bool = False,
    ) -> None:
        self._plain, self._icon = plain, icon
        self._sign = Icon(icon or SIGNS[state][0], SIGNS[state][1], 20)
        self._what = Text(what, "body", wrap=True)
        self._second = Text(second, "cap", "ink2", wrap=True)
        self._value = Text(value, "strong", align="right")
        words = col(self._what, self._second, gap=0)
        margins = (0, 4, 0, 4) if plain else (10, 6, 12, 6)
        super().__init__(
            row(self._sign, (words, 1), self._value, gap=10, margins=margins), radius=8
        )
        self.say(state, what, value, second=second)

    def say(self, state: State, what: str, value: str = "", *, second: str = "") -> None:
        name, ink, soft = SIGNS[state]
        self._sign.show_icon(self._icon or name, ink)
        self._what.say(what)
        self._second.say(second)
        self._second.setVisible(bool(second))
        self._value.say(value)
        self._value.set_tone(ink)
        self._value.setVisible(bool(value))
        self.set_ground(None if self._plain else soft, None if self._plain else edge_of(state))
        self.setAccessibleName(f"{what} {value}: {SPOKEN[state]}".replace(" :", ":"))


class Pair(Box):
    """A label and the value under it."""

    def __init__(
        self,
        label: str,
        value: str,
        *,
        role: theme.Role = "strong",
        tone: theme.Tone = "ink",
        exact: bool = False,
        mono: bool = False,
    ) -> None:
        self._label = label
        self._value = Text(value, role, tone, exact=exact, mono=mono, wrap=True)
        self._name = Text(label, "cap", "ink2")
        super().__init__(col(self._name, self._value, None, gap=2))
        self.say(value)

    def say(self, value: str, label: str = "") -> None:
        """Another value, and another label where one is given."""
        self._label = label or self._label
        self._name.say(self._label)
        self._value.say(value)
        self.setAccessibleName(f"{self._label}: {value}")


class Figure(Box):
    """A number and, under it, what it counts."""

    def __init__(
        self,
        value: str,
        caption: str,
        *,
        role: theme.Role = "h1",
        tone: theme.Tone = "ink",
        align: Literal["left", "centre", "right"] = "left",
    ) -> None:
        self._value = Text(value, role, tone, align=align)
        self._caption = Text(caption, "cap", "ink2", align=align)
        super().__init__(col(self._value, self._caption, gap=0))
        self.say(value, caption)

    def say(self, value: str, caption: str | None = None) -> None:
        self._value.say(value)
        if caption is not None:
            self._caption.say(caption)
        self.setAccessibleName(f"{value} {self._caption.text()}")


class Empty(Box):
    """One sign, one sentence, one action, in the middle of the room."""

    def __init__(self, icon: str, sentence: str, *, button: Button | None = None) -> None:
        self.sentence = Text(sentence, "body", "ink2", wrap=True, align="centre")
        act: list[Item] = [row(None, button, None)] if button else []
        super().__init__(
            col(None, row(None, Icon(icon, "ink2", 40), None), self.sentence, *act, None, gap=12)
        )
        self.setAccessibleName(sentence)

    def say(self, sentence: str) -> None:
        self.sentence.say(sentence)
        self.setAccessibleName(sentence)


class Journey(Box):
    """Stages one after the other: Sellado → Por enviar → Recibido, each with state and note."""

    def __init__(self, stages: Sequence[tuple[State, str, str]] = ()) -> None:
        self._line = row(gap=8)
        super().__init__(self._line)
        self.show_stages(stages)

    def show_stages(self, stages: Sequence[tuple[State, str, str]]) -> None:
        """Each stage is (state, name, note)."""
        items: list[Item] = []
        for n, (state, name, note) in enumerate(stages):
            tone: theme.Tone = "ink2" if state == "idle" else "ink"
            if n:
                items += [None, Icon("caret-right-bold", "ink2", 16), None]
            words = col(Text(name, "strong", tone), Text(note, "cap", "ink2"), gap=0)
            items.append(row(sign(state, 24), words, gap=10))
        refill(self._line, *items)
        spoken = (f"{name} {note}, {SPOKEN[state]}" for state, name, note in stages)
        self.setAccessibleName("; ".join(spoken))


class Numbered(Box):
    """One step of advice: its number on the main colour, the order, and why or how."""

    def __init__(self, number: int, order: str, how: str = "") -> None:
        words: list[Part] = [Text(order, "strong", wrap=True)]
        if how:
            words.append(Text(how, "body", "ink2", wrap=True))
        super().__init__(row(_Disc(number), (col(*words, gap=0), 1), gap=12))
        self.setAccessibleName(f"{number}. {order} {how}".rstrip())


class _Disc(QWidget):
    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = str(number)
        self.setFixedSize(theme.px(28), theme.px(28))

    def paintEvent(self, event: QPaintEvent) -> None:
        p = QPainter(self)
        paint_panel(p, QRectF(self.rect()), "primary", None, 14)
        p.setFont(theme.font("strong"))
        p.setPen(theme.colour("on_primary"))
        p.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter, self._number)


class RadioCode(Well):
    """The code to read over the radio."""

    def __init__(self, code: str) -> None:
        super().__init__(
            col(
                Text("Código para la radio", "cap", "ink2"),
                Text(code, "fig", exact=True),
                gap=0,
                margins=(16, 8, 16, 8),
            )
        )
        self.setAccessibleName(f"Código para la radio: {code}")
