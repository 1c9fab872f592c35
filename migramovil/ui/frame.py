"""The window round every page: header, rail, footer, the keys, the ring."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLayout, QStackedWidget, QWidget

from migramovil.ui import theme
from migramovil.ui.kit.focus import FocusRing
from migramovil.ui.kit.keys import name_of
from migramovil.ui.kit.layout import col, row
from migramovil.ui.kit.page import Hint, Page, Primary, writes_lines
from migramovil.ui.kit.shell import (
    LATER,
    Applicant,
    DayRail,
    Footer,
    Header,
    Light,
    NavItem,
    Step,
    StepRail,
)
from migramovil.ui.pages.help import HelpSheet

__all__ = ["Applicant", "Frame", "Light", "NavItem", "Page", "Primary", "Step"]

REPEAT_S = 0.4


class PrimaryGuard:
    """Whether a press of the primary counts: not twice within 400 ms, nor on a verb just changed.

    An officer who presses twice must not seal what the second press happened to meet.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._verb = ""
        self._changed = self._pressed = -REPEAT_S

    def show(self, verb: str) -> None:
        """The button says `verb` from now on."""
        if verb != self._verb:
            self._verb, self._changed = verb, self._clock()

    def allow(self) -> bool:
        now = self._clock()
        if now - max(self._pressed, self._changed) < REPEAT_S:
            return False
        self._pressed = now
        return True


class Frame(QWidget):
    """The station's window. `show_page` puts a page in; the frame routes keys to it."""

    chosen = Signal(str)
    """A page of the day was asked for, by its NavItem's key."""
    step_chosen = Signal(int)
    lock_asked = Signal()
    later_asked = Signal()
    """The person on the chair is to be put aside."""
    close_asked = Signal()

    def __init__(
        self, *, place: str, training: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self.setWindowTitle("Migramóvil")
        self._page: Page | None = None
        self._may_close = False
        self._guard = PrimaryGuard(clock)
        self._help: HelpSheet | None = None
        self.header = Header(place=place, training=training)
        self.day_rail, self.step_rail, self.footer = DayRail(), StepRail(), Footer()
        self._pages = QStackedWidget()
        self._side: QHBoxLayout = row(gap=0)
        content = col((self._pages, 1), self.footer, gap=0)
        left = row(self.day_rail, self.step_rail, self._side, gap=0)
        whole = col(self.header, (row(left, (content, 1), gap=0), 1), gap=0)
        whole.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)  # the screen decides
        self.setLayout(whole)
        self.ring = FocusRing(self)
        self.day_rail.chosen.connect(self.chosen)
        self.step_rail.chosen.connect(self.step_chosen)
        self.step_rail.later.connect(self.later_asked)
        self.footer.back.connect(self._go_back)
        self.footer.primary_pressed.connect(self._press_primary)
        for part in (self.header, self.day_rail, self.step_rail, self.footer):
            part.hide()

    # ---- what the window says --------------------------------------------------------------
    def set_nav(self, items: Sequence[NavItem]) -> None:
        self.day_rail.set_items(items)

    def set_active(self, key: str) -> None:
        """Mark a page of the day as the one in sight."""
        self.day_rail.set_active(key)

    def set_counts(self, counts: Mapping[str, int]) -> None:
        self.day_rail.set_counts(counts)

    def set_day(self, first: str, second: str) -> None:
        self.day_rail.set_day(first, second)

    def set_steps(self, steps: Sequence[Step], active: int) -> None:
        self.step_rail.set_steps(steps, active)

    def set_applicant(self, who: Applicant) -> None:
        self.step_rail.set_applicant(who)

    def set_saved(self, at: str) -> None:
        self.step_rail.set_saved(at)

    def set_link(self, words: str, light: Light, icon: str = "cloud-check-bold") -> None:
        self.header.link.say(icon, words, light)
        self.header.fit()

    def set_devices(self, words: str, light: Light, why: str = "") -> None:
        """`why`: what keeps each device from its best, a line for each."""
        self.header.devices.say("desktop-bold", words, light, why)
        self.header.fit()

    def set_clock(self, words: str) -> None:
        self.header.clock.say("clock-bold", words)
        self.header.fit()

    def set_person(self, name: str, role: str = "") -> None:
        self.header.set_person(name, role)

    # ---- pages -----------------------------------------------------------------------------
    @property
    def page(self) -> Page | None:
        return self._page

    def show_page(self, page: Page) -> None:
        """Leave the page in sight, enter `page`, give it the focus; pages may come back."""
        self.close_help()
        if self._page is not None:
            self._page.changed.disconnect(self.refresh)
            self._page.depart()
        self._page = page
        if self._pages.indexOf(page) < 0:
            self._pages.addWidget(page)
        self._pages.setCurrentWidget(page)
        self._dress(page)
        page.changed.connect(self.refresh)
        page.arrive()
        self.refresh()
        (page.first_focus() or self.footer.primary).setFocus(Qt.FocusReason.OtherFocusReason)

    def forget(self, page: Page) -> None:
        """Take a page that is not in sight out of the window and delete it."""
        self._pages.removeWidget(page)
        page.deleteLater()

    def refresh(self) -> None:
        """Ask the page for its primary, hints and back button again."""
        if self._page is None:
            return
        primary = self._page.primary()
        self._guard.show(primary.label if primary else "")
        self.footer.set_primary(primary)
        self.footer.set_back(self._page.can_go_back)
        self.footer.set_hints(self._hints(self._page))

    def _dress(self, page: Page) -> None:
        self.header.setVisible(page.header)
        self.day_rail.setVisible(page.rail == "day")
        self.step_rail.setVisible(page.rail == "steps")
        self.footer.show()
        side = page.side()
        at = self._side.itemAt(0)
        shown = at.widget() if at is not None else None
        if shown is side:
            return
        if shown is not None:  # it is its page's, which comes back with it: never deleted here
            shown.hide()
            self._side.removeWidget(shown)
        if side is not None:
            self._side.addWidget(side)
            side.show()

    @staticmethod
    def _hints(page: Page) -> list[Hint]:
        hints = list(page.hints())[:4]
        return [*hints, ("F1", "Ayuda")][:4] if page.help else hints

    # ---- keys ------------------------------------------------------------------------------
    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys the focused control did not want. Held-down keys never act."""
        name = name_of(event)
        if event.isAutoRepeat() or not name or not self._act(name):
            event.ignore()

    def _act(self, name: str) -> bool:
        if self._help is not None and name in {"Esc", "F1"}:
            self.close_help()
            return True
        self.close_help()
        if name in {"F10", "Ctrl+Intro"}:
            self._press_primary()
            return True
        action = self._page.action_for(name) if self._page else None
        if action is not None:
            action()
            return True
        return self._move(name)

    def _move(self, name: str) -> bool:
        moves: dict[str, Callable[[], object]] = {
            "F1": self.open_help,
            "Esc": self._escape,
            "Alt+←": self._go_back,
            "Ctrl+L": self.lock_asked.emit,
            LATER: self._put_aside,
            "Intro": self._enter,
        }
        if name in moves:
            moves[name]()
            return True
        number = name.removeprefix("Alt+")
        if name == number or not number.isdecimal():
            return False
        rail = self.day_rail if self.day_rail.isVisible() else self.step_rail
        return rail.isVisible() and rail.press(int(number))

    def _put_aside(self) -> None:
        if self.step_rail.isVisible():
            self.later_asked.emit()

    def _enter(self) -> None:
        """Enter moves on to the next field; it never seals."""
        here = QApplication.focusWidget()
        if self._page is not None and self._page.enter_is_primary:
            self._press_primary()
        elif here is not self.footer.primary and not writes_lines(here):
            self.focusNextChild()

    def _escape(self) -> None:
        if self._page is not None:
            self._page.escape()

    def _go_back(self) -> None:
        if self._page is not None and self._page.can_go_back:
            self._page.go_back.emit()

    def _press_primary(self) -> None:
        primary = self._page.primary() if self._page else None
        if self._page is None or primary is None or not self._guard.allow():
            return
        if primary.available:
            self._page.press_primary()
        else:
            self._page.point_to_missing()
            self.footer.say_missing(primary.reason)

    # ---- help ------------------------------------------------------------------------------
    def open_help(self) -> None:
        """What this page is for and its keys; at a trouble in sight, what to do about it."""
        if self._page is None or self._help is not None:
            return
        self._help = HelpSheet(self, self._page, QApplication.focusWidget())
        self._help.closed.connect(self.close_help)
        self._place_help()
        self._help.show()
        self._help.raise_()
        self._help.search.setFocus(Qt.FocusReason.PopupFocusReason)

    def close_help(self) -> None:
        if self._help is None:
            return
        sheet, self._help = self._help, None
        sheet.hide()
        if sheet.came_from is not None and sheet.came_from.isVisible():
            sheet.came_from.setFocus(Qt.FocusReason.PopupFocusReason)
        sheet.deleteLater()

    def _place_help(self) -> None:
        if self._help is not None:
            wide, top, low = theme.px(440), theme.px(16), theme.px(theme.FOOTER)
            height = self._pages.height() - 2 * top
            self._help.setGeometry(
                self.width() - wide - theme.px(24), self.height() - low - height - top, wide, height
            )

    # ---- window ----------------------------------------------------------------------------
    def allow_close(self) -> None:
        """From now on the window may close (`close_asked` was answered)."""
        self._may_close = True
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._may_close:
            event.accept()
        else:
            event.ignore()
            # Not within this event: a window that is closing cannot be closed again from inside.
            QTimer.singleShot(0, self, self.close_asked.emit)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_help()
        self.ring.settle()

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), theme.colour("bg"))
