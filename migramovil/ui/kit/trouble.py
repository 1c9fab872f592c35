"""Trouble, said so that somebody can act: what happened, nothing was lost, what to do, the code."""

from __future__ import annotations

from collections.abc import Sequence

from migramovil.core.trouble import Trouble
from migramovil.ui import theme
from migramovil.ui.kit.buttons import Button
from migramovil.ui.kit.icons import Icon
from migramovil.ui.kit.layout import Box, Card, Item, Rule, col, fixed, row
from migramovil.ui.kit.pictures import Picture, qr_image
from migramovil.ui.kit.states import Banner, Numbered, RadioCode, StateRow
from migramovil.ui.kit.text import Text

NOTHING_LOST = "Nada se perdió"


def _pad() -> int:
    return 14 if theme.large() else 20


class TroubleBanner(Banner):
    """A trouble in its place on the page, with the button that helps; hidden until it has one."""

    def __init__(self, *, button: Button | None = None) -> None:
        super().__init__("bad", "", button=button)
        self.hide()

    def show_trouble(self, trouble: Trouble, safe: str = NOTHING_LOST) -> None:
        """Cause first, then what to do; the code is for the radio."""
        self.setProperty("trouble", trouble.code)
        tail = f" {safe}." if safe else ""
        self.say("bad", trouble.what.rstrip("."), f"{trouble.advice}{tail} Código: {trouble.code}.")
        self.show()

    def settle(self) -> None:
        """The trouble is over."""
        self.hide()


class TroubleCard(Box):
    """A trouble that takes the whole page.

    `when` says moment and occasion; `safe` what is kept; `steps` are (order, how); `ways` buttons
    for going on without the thing; `standing` rows say how things are right now; `support` goes
    into a QR code for the technician and must not hold personal data.
    """

    def __init__(
        self,
        trouble: Trouble,
        *,
        when: str = "",
        safe: str = "",
        steps: Sequence[tuple[str, str]] = (),
        ways: Sequence[Button] = (),
        standing: Sequence[StateRow] = (),
        support: str = "",
    ) -> None:
        title = row(
            Icon("warning-octagon-fill", "bad", 56),
            (
                col(
                    Text(trouble.what.rstrip("."), "h1", wrap=True),
                    Text(when, "body", "ink2", wrap=True),
                    gap=4,
                ),
                1,
            ),
            RadioCode(trouble.code),
            gap=20,
        )
        kept = Banner("ok", NOTHING_LOST, safe)
        left = col(self._advice(trouble, steps), *self._ways(ways), gap=12)
        right = self._standing(standing, support)
        lower = row((left, 1), *([fixed(right, 372)] if right else []), gap=16)
        super().__init__(col(title, kept, (lower, 1), gap=10 if theme.large() else 16))
        self.setProperty("trouble", trouble.code)
        self.setAccessibleName(f"{trouble.what} {trouble.advice} Código {trouble.code}")

    @staticmethod
    def _advice(trouble: Trouble, steps: Sequence[tuple[str, str]]) -> tuple[Card, int]:
        orders = steps or [(trouble.advice, "")]
        numbered: list[Item] = [Numbered(n, order, how) for n, (order, how) in enumerate(orders, 1)]
        title = "Pruebe en este orden" if len(orders) > 1 else "Qué hacer"
        return Card(*numbered, None, title=title, gap=10 if theme.large() else 14, pad=_pad()), 1

    @staticmethod
    def _ways(ways: Sequence[Button]) -> list[Item]:
        if not ways:
            return []
        return [Card(row(*ways, None, gap=12), title="Si no vuelve", gap=10, pad=_pad())]

    @staticmethod
    def _standing(standing: Sequence[StateRow], support: str) -> Card | None:
        if not standing and not support:
            return None
        items: list[Item] = [*standing, None]
        if support:
            code = Picture(
                "Código QR para soporte", width=88, height=88, cover=False, sharp=True, radius=6
            )
            code.show_image(qr_image(support))
            words = (
                "El técnico escanea este código: lleva equipo, hora y estado, "
                "sin datos de personas."
            )
            items += [Rule(), row(code, (Text(words, "cap", "ink2", wrap=True), 1), gap=12)]
        return Card(*items, title="Ahora mismo", gap=8, pad=_pad())
