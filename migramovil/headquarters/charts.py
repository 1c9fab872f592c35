"""Two plots as SVG: bars with their values written on them, and one sentence that says the same."""

from __future__ import annotations

from collections.abc import Sequence

from migramovil.headquarters.markup import Markup, el

Value = tuple[str, int]

HEIGHT = 220
_WIDTH, _FOOT, _HEAD = 640, 28, 20
_ROW, _LABEL = 32, 200


def tall(values: Sequence[Value]) -> int:
    """How high `rows` draws these: what stands beside them may be as high."""
    return max(HEIGHT, len(values) * _ROW)


def columns(title: str, values: Sequence[Value], height: int = HEIGHT) -> Markup:
    """One column for each value, left to right."""
    most = max([number for _, number in values], default=0) or 1
    step = _WIDTH / max(1, len(values))
    room = height - _FOOT - _HEAD
    drawn = []
    for at, (name, number) in enumerate(values):
        high = room * number / most
        x, top = at * step + step * 0.15, _HEAD + room - high
        middle = f"{at * step + step / 2:.1f}"
        drawn += [
            el("rect", class_="bar", x=f"{x:.1f}", y=f"{top:.1f}", width=f"{step * 0.7:.1f}",
               height=f"{high:.1f}", rx=2),
            el("text", f"{number:,}", x=middle, y=f"{top - 5:.1f}", text_anchor="middle"),
            el("text", name, x=middle, y=height - 8, text_anchor="middle", class_="soft"),
        ]  # fmt: skip
    base = height - _FOOT
    axis = el("line", class_="axis", x1=0, y1=base, x2=_WIDTH, y2=base)
    return _drawing(title, values, height, [*drawn, axis])


def rows(title: str, values: Sequence[Value]) -> Markup:
    """One bar for each value, top to bottom, named on its left."""
    most = max([number for _, number in values], default=0) or 1
    room = _WIDTH - _LABEL - 80
    drawn = []
    for at, (name, number) in enumerate(values):
        top, length = at * _ROW, max(1.0, room * number / most)
        drawn += [
            el("text", _short(name), x=0, y=top + 21),
            el("rect", class_="bar other", x=_LABEL, y=top + 6, width=f"{length:.1f}", height=20,
               rx=2),
            el("text", f"{number:,}", x=f"{_LABEL + length + 8:.1f}", y=top + 21),
        ]  # fmt: skip
    return _drawing(title, values, max(_ROW, len(values) * _ROW), drawn)


def _drawing(title: str, values: Sequence[Value], height: int, inside: Sequence[Markup]) -> Markup:
    said = "; ".join(f"{name}: {number}" for name, number in values) or "sin datos"
    return el(
        "svg", *inside, role="img", aria_label=f"{title}. {said}.",
        viewBox=f"0 0 {_WIDTH} {height}", xmlns="http://www.w3.org/2000/svg",
    )  # fmt: skip


def _short(name: str) -> str:
    return name if len(name) <= 26 else name[:25] + "…"
