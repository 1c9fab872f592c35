"""Words on the screen."""

from __future__ import annotations

import html
from collections.abc import Collection
from typing import Literal

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QLabel, QSizePolicy

from migramovil.ui import theme

Align = Literal["left", "centre", "right"]
_ALIGN = {
    "left": Qt.AlignmentFlag.AlignLeft,
    "centre": Qt.AlignmentFlag.AlignHCenter,
    "right": Qt.AlignmentFlag.AlignRight,
}


class Text(QLabel):
    """Plain words: what a name contains is never read as markup.

    `wrap` breaks lines; `elide` cuts one line with … where room ends (names of any length);
    `exact` tells 0 from O; `mono` is for MRZ and hashes.
    """

    def __init__(
        self,
        words: str = "",
        role: theme.Role = "body",
        tone: theme.Tone = "ink",
        *,
        wrap: bool = False,
        elide: bool = False,
        exact: bool = False,
        mono: bool = False,
        align: Align = "left",
    ) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(theme.font(role, mono=mono, exact=exact))
        self.setForegroundRole(QPalette.ColorRole.WindowText)  # also inside a button
        self.setAlignment(_ALIGN[align] | Qt.AlignmentFlag.AlignVCenter)
        self.set_tone(tone)
        self._elide = elide
        if wrap:
            self.setWordWrap(True)
            policy = self.sizePolicy()
            policy.setHeightForWidth(True)
            self.setSizePolicy(policy)
        if elide:
            self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.say(words)

    @property
    def elides(self) -> bool:
        return self._elide

    def say(self, words: str) -> None:
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(words)
        self.setAccessibleName(words)
        if self._elide:
            self.setToolTip(html.escape(words))

    def say_marked(self, words: str, marked: Collection[int], state: str = "bad") -> None:
        """Say `words` with the letters at these positions underlined on the state's ground."""
        tokens = theme.now().tokens
        ink: theme.Tone = "bad" if state == "bad" else "warn"
        ground: theme.Tone = "bad_soft" if state == "bad" else "warn_soft"
        style = f"background:{tokens[ground]};color:{tokens[ink]};text-decoration:underline"
        parts = [
            f"<span style='{style}'>{html.escape(c)}</span>" if i in marked else html.escape(c)
            for i, c in enumerate(words)
        ]
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setText("".join(parts))
        self.setAccessibleName(words)

    def set_tone(self, tone: theme.Tone) -> None:
        palette = QPalette(self.palette())
        palette.setColor(QPalette.ColorRole.WindowText, theme.colour(tone))
        self.setPalette(palette)

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        return QSize(theme.px(24), hint.height()) if self._elide else hint

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._elide:
            super().paintEvent(event)
            return
        p = QPainter(self)
        p.setFont(self.font())
        p.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        room: QRect = self.contentsRect()
        cut = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        p.drawText(room, self.alignment(), cut)
