"""HTML made of values: whatever is text is escaped, so nothing that came from outside is markup."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

_VOID = frozenset({"input", "meta", "link", "br"})


@dataclass(frozen=True, slots=True)
class Markup:
    """Ready HTML."""

    html: str

    def __str__(self) -> str:
        return self.html


Node = Markup | str | int | Iterable["Node"] | None


def el(name: str, /, *inside: Node, **attributes: str | int | bool | None) -> Markup:
    """One element. `class_` is class, `aria_label` is aria-label; False and None are left out."""
    said = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{said}>")
    return Markup(f"<{name}{said}>{text(inside)}</{name}>")


def text(node: Node) -> str:
    if node is None:
        return ""
    if isinstance(node, Markup):
        return node.html
    if isinstance(node, str | int):
        return escape(str(node))
    return "".join(text(one) for one in node)


def page(title: str, *body: Node) -> str:
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", f"{title} · migramóvil"),
        el("link", rel="stylesheet", href="/style.css"),
    )
    return f"<!doctype html>{el('html', head, el('body', *body), lang='es-PE')}"


def table(
    caption: str, heads: Iterable[str], rows: Iterable[Iterable[Node]], *, numbers: str = ""
) -> Markup:
    """`numbers` says by "n" which columns hold numbers: "..n" is the third."""
    kinds = [("n" if mark == "n" else None) for mark in numbers]

    def of(at: int) -> str | None:
        return kinds[at] if at < len(kinds) else None

    top = [el("th", head, scope="col", class_=of(at)) for at, head in enumerate(heads)]
    lines = [el("tr", *(el("td", cell, class_=of(at)) for at, cell in enumerate(r))) for r in rows]
    if not lines:
        return el("p", f"{caption}: nada por ahora.", class_="empty")
    return el("table", el("caption", caption), el("thead", el("tr", *top)), el("tbody", *lines))


def facts(pairs: Iterable[tuple[str, Node]]) -> Markup:
    """What is so, each under its name."""
    return el("dl", *(el("div", el("dt", name), el("dd", value)) for name, value in pairs))


def badge(kind: str, words: str) -> Markup:
    """Sign, word and colour: never colour alone."""
    sign = {"ok": "✓", "warn": "▲", "bad": "✕"}.get(kind, "○")
    return el("span", el("span", f"{sign} ", aria_hidden="true"), words, class_=f"badge {kind}")


def _attribute(key: str, value: str | int | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
