"""What every page is: a title, a content, one primary action, keys, and visits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QPlainTextEdit, QWidget

from migramovil.ui import theme
from migramovil.ui.kit.buttons import Button, Check, ChoiceCard
from migramovil.ui.kit.fields import Field
from migramovil.ui.kit.layout import Item, col, row
from migramovil.ui.kit.text import Text

Rail = Literal["day", "steps", "none"]
Hint = tuple[str, str]
"""A key as it is printed on its cap, and what it does in one or two words."""
Action = Callable[[], object]
NEXT = "arrow-right-bold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Primary:
    """The one button at the bottom right. Without `available` it leads to what is missing."""

    label: str
    icon: str = ""
    tail: str = ""
    available: bool = True
    reason: str = ""


class Page(QWidget):
    """A page of the station. Override the hooks; call `changed.emit()` when their answers change.

    The frame calls `enter()` on arrival and `leave()` on going; answers of work that was asked for
    by a page that was left since are dropped by the bridge (`visit`).
    """

    changed = Signal()
    go_next = Signal()
    go_back = Signal()
    go_to = Signal(str)

    rail: ClassVar[Rail] = "day"
    header: ClassVar[bool] = True
    enter_is_primary: ClassVar[bool] = False
    """Only for the login, where Enter in the password goes in."""
    help: ClassVar[str] = ""

    def __init__(self, title: str = "", subtitle: str = "") -> None:
        super().__init__()
        self.visit = 0
        self.can_go_back = self.rail == "steps"
        self._title = Text(title, "h1", elide=True)
        self._subtitle = Text(subtitle, "body", "ink2", wrap=True)
        self._actions = row(gap=8)
        for part in (self._title, self._subtitle):
            part.setParent(self)
            part.hide()
        self.setAccessibleName(title)

    # ---- what a page answers ---------------------------------------------------------------
    def primary(self) -> Primary | None:
        """The primary button as it should look now, or None for no button."""
        return None

    def press_primary(self) -> None:
        """The primary action; only called while it is available."""

    def point_to_missing(self) -> None:
        """Lead to the first thing missing: by default the first field in error."""
        for field in self.findChildren(Field):
            if field.isVisible() and field.control.property("state") == "bad":
                field.control.setFocus(Qt.FocusReason.OtherFocusReason)
                return

    def hints(self) -> Sequence[Hint]:
        """At most four keys worth knowing here, the weightiest first."""
        return ()

    def keys(self) -> Mapping[str, Action]:
        """Keys without a button on the page; keys printed on buttons in sight need no entry."""
        return {}

    def enter(self) -> None:
        """The page came into sight."""

    def leave(self) -> None:
        """The page goes; stop previews and call off tickets here."""

    def escape(self) -> None:
        """Esc: close or go back, never discard."""
        if self.can_go_back:
            self.go_back.emit()

    def take_reading(self, text: str) -> bool:
        """What a hand-held reader typed, each line ending in "\\n"; False where none is wanted.

        Its keys reach no control by themselves: this is the reading field.
        """
        del text
        return False

    def first_focus(self) -> QWidget | None:
        """What has the focus on arrival; None for the primary button."""
        return None

    def shown_trouble(self) -> str:
        """The code of the trouble in sight, "" without one: F1 opens the help at it."""
        for part in self.findChildren(QWidget):
            if part.isVisible() and part.property("trouble"):
                return str(part.property("trouble"))
        return ""

    def side(self) -> QWidget | None:
        """What stands left of the page when it has no rail (the landscape of the login)."""
        return None

    # ---- what a page uses ------------------------------------------------------------------
    def build(
        self, *items: Item, actions: Sequence[QWidget] = (), gap: int = 12, titled: bool = True
    ) -> None:
        """Lay the page out once: title with `actions` at its right, then the items below."""
        body: QBoxLayout = col(*items, gap=gap, margins=(24, 16, 24, 16))
        if titled:
            words = col(self._title, self._subtitle, gap=2)
            body.insertLayout(0, row((words, 1), *actions, gap=8))
            self._show_title()
        self.setLayout(body)

    def set_title(self, title: str, subtitle: str = "") -> None:
        self._title.say(title)
        self._subtitle.say(subtitle)
        self.setAccessibleName(title)
        if self.layout() is not None:
            self._show_title()

    def arrive(self) -> None:
        """For the frame: a new visit begins."""
        self.visit += 1
        self.enter()

    def depart(self) -> None:
        """For the frame: the visit ends; what was asked for in it is no longer waited for."""
        self.visit += 1
        self.leave()

    def action_for(self, key: str) -> Action | None:
        """What `key` does on this page now, by `keys()` or by a button in sight that shows it."""
        if key in self.keys():
            return self.keys()[key]
        keyed: list[Button | ChoiceCard | Check] = [
            *self.findChildren(Button),
            *self.findChildren(ChoiceCard),
            *self.findChildren(Check),
        ]
        for button in keyed:
            if button.key == key and button.isVisible() and button.isEnabled():
                return button.click
        return None

    def _show_title(self) -> None:
        self._title.show()
        self._subtitle.setVisible(bool(self._subtitle.text()) and not theme.large())


def writes_lines(widget: QWidget | None) -> bool:
    """True where Enter breaks the line."""
    return isinstance(widget, QPlainTextEdit)
