"""F1: what this page is for and its keys; and every code with its cause and what to do."""

from __future__ import annotations

import re

from PySide6.QtCore import Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from migramovil.core.trouble import Trouble, every_trouble
from migramovil.ui import kit
from migramovil.ui.kit.keys import name_of
from migramovil.ui.kit.page import Hint, Page
from migramovil.ui.kit.shell import LATER
from migramovil.ui.kit.sketches import Sketch
from migramovil.ui.pages.common import WHO, steps_of

_MOST = 6


class HelpSheet(kit.Panel):
    """Over the page, which stays as it is; Esc closes. With a `code` it opens at that one."""

    closed = Signal()

    def __init__(self, parent: QWidget, page: Page, came_from: QWidget | None) -> None:
        super().__init__(edge="edge")
        self.setParent(parent)
        self.came_from = came_from
        self.setAccessibleName("Ayuda de esta página")
        self.close_button = kit.Button("Cerrar", key="Esc", on=self.closed.emit)
        self.search = _Search("PRN-02, papel, cámara…", exact=True, most=40)
        self.search.textChanged.connect(self._look_up)
        self._page = kit.Scroll(self._about(page))
        self._card = _CodeCard()
        self._codes = kit.Scroll(self._card)
        title = kit.Text("Ayuda", "h1")
        self.setLayout(
            kit.col(kit.row(title, None, self.close_button),
                    kit.Field("Código o palabra", self.search), (self._page, 1), (self._codes, 1),
                    gap=12, margins=(20, 20, 20, 20))
        )  # fmt: skip
        code = page.shown_trouble()
        self.search.setText(code)
        self.search.selectAll()
        self._look_up(code)

    def _look_up(self, words: str) -> None:
        found = find(words)
        self._page.setVisible(not words.strip())
        self._codes.setVisible(bool(words.strip()))
        if words.strip():
            self._card.show_codes(found)

    @staticmethod
    def _about(page: Page) -> kit.Box:
        words = kit.Text(
            page.help or "Estas son las teclas de esta página.", "body", wrap=True
        )  # fmt: skip
        lines = _lines(page)
        keys = kit.grid(
            *((kit.KeyCap(key), n, 0) for n, (key, _) in enumerate(lines)),
            *((kit.Text(what, "body", wrap=True), n, 1) for n, (_, what) in enumerate(lines)),
            gap=(12, 6),
            shares=(0, 1),
        )
        return kit.Box(kit.col(words, keys, None, gap=16))


class _Search(kit.TextField):
    """Enter stays here: what is found is in sight already."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if name_of(event) == "Intro":
            event.accept()
            return
        super().keyPressEvent(event)


class _CodeCard(kit.Box):
    """One trouble: its drawing, cause, what to do, who can; and the others that were meant."""

    def __init__(self) -> None:
        self._sketch = Sketch()
        self._code = kit.Text("", "fig", exact=True)
        self._what = kit.Text("", "sub", wrap=True)
        self._steps = kit.col(gap=10)
        self._who = kit.Text("", "body", "ink2", wrap=True)
        self._rule = kit.Rule()
        self._others = kit.Text("", "cap", "ink2", wrap=True)
        super().__init__(
            kit.col(self._code, self._what, self._sketch, self._steps, self._who, self._rule,
                    self._others, None, gap=12)
        )  # fmt: skip

    def show_codes(self, found: list[type[Trouble]]) -> None:
        """The first of them whole."""
        if not found:
            self._say("–", "Ningún código dice eso.", "", "")
            kit.refill(self._steps)
            return
        first, *others = found
        self._say(first.code, first.what, f"{WHO[first.who]}.", _named(others))
        orders = steps_of(first())
        kit.refill(self._steps, *(kit.Numbered(n, order) for n, order in enumerate(orders, 1)))

    def _say(self, code: str, what: str, who: str, others: str) -> None:
        self._code.say(code)
        self._what.say(what)
        self._who.say(who)
        self._others.say(others)
        self._rule.setVisible(bool(others))
        self._sketch.show_for(code)
        self.setAccessibleName(f"{code} {what}")


def find(words: str) -> list[type[Trouble]]:
    """The troubles a code or some words mean, the likeliest first; none for nothing typed."""
    known: list[type[Trouble]] = [Trouble, *every_trouble()]
    typed = _plain(words)
    if not typed:
        return []
    by_code = [kind for kind in known if _plain(kind.code).startswith(typed)]
    wanted = kit.fold(words).split()
    by_words = [kind for kind in known if _says_all(kind.what, wanted)]
    by_advice = [kind for kind in known if _says_all(f"{kind.what} {kind.advice}", wanted)]
    return list(dict.fromkeys([*by_code, *by_words, *by_advice]))


def _says_all(text: str, words: list[str]) -> bool:
    said = kit.fold(text)
    return all(word in said for word in words)


def _plain(code: str) -> str:
    """A code as it may be typed or heard: «prn 2», «PRN02» and «prn-02» are one."""
    letters, digits = re.sub(r"[^a-z]", "", kit.fold(code)), re.sub(r"\D", "", code)
    return f"{letters}{int(digits):02d}" if digits else letters


def _named(others: list[type[Trouble]]) -> str:
    if not others:
        return ""
    more = "" if len(others) <= _MOST else f" y {len(others) - _MOST} más"
    return "También: " + " · ".join(kind.code for kind in others[:_MOST]) + more


def _lines(page: Page) -> list[Hint]:
    found: dict[str, str] = dict(page.hints())
    for button in page.findChildren(kit.Button):
        if button.key and button.isVisible():
            found.setdefault(button.key, button.text())
    primary = page.primary()
    if primary is not None:
        found["F10"] = primary.label
    if page.can_go_back:
        found["Alt+←"] = "Anterior"
    if page.rail == "steps":
        found[LATER] = "Dejar para después"
    found["Ctrl+L"] = "Bloquear la estación"
    return list(found.items())
