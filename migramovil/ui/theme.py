"""Colours, letters, sizes and the one style sheet, chosen once before the first window is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

Name = Literal["light", "dark", "contrast"]
Tone = Literal[
    "bg", "surface", "sunken", "ink", "ink2", "line", "edge", "primary", "on_primary", "hover",
    "soft", "ok", "ok_soft", "warn", "warn_soft", "bad", "bad_soft", "idle_soft", "head",
    "head_chip", "on_head", "on_head2", "head_ok", "head_warn", "head_bad", "brand", "on_brand",
    "ring", "ring_in", "s1", "s2", "s3", "s4", "photo", "hand",
]  # fmt: skip
Role = Literal[
    "cap", "capb", "body", "strong", "sub", "h1", "fig", "hero", "giant",
    "far", "farb", "far_title", "far_hero", "far_turn", "far_call",
]  # fmt: skip

_LIGHT: dict[Tone, str] = {  # for the sun: white ground, near-black letters
    "bg": "#EEF2F6", "surface": "#FFFFFF", "sunken": "#F5F8FA", "ink": "#0F1A28",
    "ink2": "#435063", "line": "#D8E0E9", "edge": "#6F7F94", "primary": "#0B55A5",
    "on_primary": "#FFFFFF", "hover": "#08437F", "soft": "#E6F0FA",
    "ok": "#11653D", "ok_soft": "#E2F3E9", "warn": "#854600", "warn_soft": "#FFF0D3",
    "bad": "#AE1E17", "bad_soft": "#FDE8E6", "idle_soft": "#EBEFF4",
    "head": "#0B2240", "head_chip": "#1B3557", "on_head": "#FFFFFF", "on_head2": "#C3D2E4",
    "head_ok": "#8FE3B5", "head_warn": "#FFC96B", "head_bad": "#FFB3AC",
    "brand": "#FFB81C", "on_brand": "#0F1A28", "ring": "#FFB81C", "ring_in": "#0F1A28",
    "s1": "#0B55A5", "s2": "#1E8A85", "s3": "#A65E00", "s4": "#8794A6",
    "photo": "#101822", "hand": "#E9EFF5",
}  # fmt: skip
_DARK: dict[Tone, str] = {  # evening, inside the vehicle
    "bg": "#0C1219", "surface": "#151E29", "sunken": "#101822", "ink": "#EDF2F8",
    "ink2": "#AEBBCB", "line": "#2A3746", "edge": "#73859B", "primary": "#78B7FF",
    "on_primary": "#06182B", "hover": "#9CCBFF", "soft": "#17314E",
    "ok": "#67D69D", "ok_soft": "#0F2F20", "warn": "#F7C063", "warn_soft": "#35280B",
    "bad": "#FF978D", "bad_soft": "#401915", "idle_soft": "#212C39",
    "head": "#080D14", "head_chip": "#1A2635", "on_head": "#FFFFFF", "on_head2": "#AEBBCB",
    "head_ok": "#8FE3B5", "head_warn": "#FFC96B", "head_bad": "#FFB3AC",
    "brand": "#FFB81C", "on_brand": "#0F1A28", "ring": "#FFB81C", "ring_in": "#04070B",
    "s1": "#78B7FF", "s2": "#58CFC8", "s3": "#F0A94A", "s4": "#8595A8",
    "photo": "#05090E", "hand": "#243140",
}  # fmt: skip
_CONTRAST: dict[Tone, str] = {  # every text pair at 7:1 or more, every edge drawn
    "bg": "#000000", "surface": "#000000", "sunken": "#000000", "ink": "#FFFFFF",
    "ink2": "#FFFFFF", "line": "#FFFFFF", "edge": "#FFFFFF", "primary": "#FFE600",
    "on_primary": "#000000", "hover": "#FFFFFF", "soft": "#1F1C00",
    "ok": "#6DFFB0", "ok_soft": "#001A0D", "warn": "#FFC04D", "warn_soft": "#1F1400",
    "bad": "#FFA59E", "bad_soft": "#240300", "idle_soft": "#141414",
    "head": "#000000", "head_chip": "#1A1A1A", "on_head": "#FFFFFF", "on_head2": "#FFFFFF",
    "head_ok": "#6DFFB0", "head_warn": "#FFC04D", "head_bad": "#FFA59E",
    "brand": "#FFE600", "on_brand": "#000000", "ring": "#00E5FF", "ring_in": "#000000",
    "s1": "#FFE600", "s2": "#6DFFB0", "s3": "#FFC04D", "s4": "#FFFFFF",
    "photo": "#000000", "hand": "#000000",
}  # fmt: skip
THEMES: Mapping[Name, Mapping[Tone, str]] = MappingProxyType(
    {"light": _LIGHT, "dark": _DARK, "contrast": _CONTRAST}
)

# Role -> pixels at 100 % and weight. Nothing under 13 px; `far` roles are for the public screens.
TYPE: Mapping[Role, tuple[int, int]] = MappingProxyType(
    {
        "cap": (13, 500), "capb": (13, 600), "body": (15, 400), "strong": (15, 600),
        "sub": (17, 600), "h1": (24, 700), "fig": (32, 700), "hero": (48, 700), "giant": (96, 700),
        "far": (34, 400), "farb": (40, 600), "far_title": (72, 700), "far_hero": (112, 700),
        "far_turn": (144, 800), "far_call": (300, 800),
    }
)  # fmt: skip

HEADER, FOOTER, RAIL, CONTROL, BUTTON, MAIN_BUTTON = 56, 72, 216, 40, 40, 48
ROW, BADGE, MAIN_WIDTH = 44, 26, 232
RADIUS_CONTROL, RADIUS_BUTTON, RADIUS_CARD = 6, 8, 12
LARGE = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """What is in force: token table, factor for every size, whether things may move."""

    name: Name
    scale: float
    motion: bool
    tokens: Mapping[Tone, str]
    family: str
    mono: str


_current: Theme | None = None


def use(name: Name = "light", scale: float = 1.0, *, motion: bool = True) -> Theme:
    """Put a theme in force for every window built from now on; needs the QApplication."""
    global _current  # noqa: PLW0603 - one theme per process is the point
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        raise RuntimeError("a theme needs the QApplication first")
    _current = Theme(
        name=name,
        scale=scale,
        motion=motion,
        tokens=THEMES[name],
        family=_first_installed("Inter", "Noto Sans", "DejaVu Sans"),
        mono=_first_installed("JetBrains Mono", "DejaVu Sans Mono", fixed=True),
    )
    app.setStyle("Fusion")
    app.setPalette(_palette())
    app.setFont(font("body"))
    app.setStyleSheet(_style_sheet())
    return _current


def now() -> Theme:
    """The theme in force; RuntimeError before `use`."""
    if _current is None:
        raise RuntimeError("no theme chosen: call theme.use() first")
    return _current


def px(size: float) -> int:
    """Pixels on this screen for a size of the design (at 100 %)."""
    return round(size * now().scale)


def large() -> bool:
    """True in large-font mode, where second-rank panels leave."""
    return now().scale > 1.1


def high_contrast() -> bool:
    return now().name == "contrast"


def colour(tone: Tone) -> QColor:
    return QColor(now().tokens[tone])


def font(role: Role = "body", *, mono: bool = False, exact: bool = False) -> QFont:
    """The letters of a role; `exact` tells 0 from O and I from l from 1 (names, numbers, codes)."""
    size, weight = TYPE[role]
    chosen = QFont(now().mono if mono else now().family)
    chosen.setPixelSize(px(size))
    chosen.setWeight(QFont.Weight(weight))
    chosen.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    if mono:  # a monospaced face may join << into one sign; an MRZ must not
        chosen.setBold(weight >= 600)  # such faces seldom come in half-bold
        for tag in ("calt", "liga"):
            chosen.setFeature(QFont.Tag(tag), 0)
    else:
        chosen.setFeature(QFont.Tag("tnum"), 1)
        if exact:
            chosen.setFeature(QFont.Tag("ss02"), 1)
    if size >= 24:
        chosen.setLetterSpacing(QFont.SpacingType.PercentageSpacing, 98.5)
    return chosen


def _first_installed(*families: str, fixed: bool = False) -> str:
    installed = set(QFontDatabase.families())
    kind = QFontDatabase.SystemFont.FixedFont if fixed else QFontDatabase.SystemFont.GeneralFont
    return next((f for f in families if f in installed), QFontDatabase.systemFont(kind).family())


def _palette() -> QPalette:
    roles: dict[QPalette.ColorRole, Tone] = {
        QPalette.ColorRole.Window: "bg",
        QPalette.ColorRole.WindowText: "ink",
        QPalette.ColorRole.Base: "surface",
        QPalette.ColorRole.AlternateBase: "sunken",
        QPalette.ColorRole.Text: "ink",
        QPalette.ColorRole.Button: "surface",
        QPalette.ColorRole.ButtonText: "ink",
        QPalette.ColorRole.Highlight: "primary",
        QPalette.ColorRole.HighlightedText: "on_primary",
        QPalette.ColorRole.PlaceholderText: "ink2",
        QPalette.ColorRole.ToolTipBase: "surface",
        QPalette.ColorRole.ToolTipText: "ink",
        QPalette.ColorRole.Link: "primary",
    }
    palette = QPalette()
    for role, tone in roles.items():
        palette.setColor(role, colour(tone))
    return palette


def _style_sheet() -> str:
    """Only what Qt paints itself: fields, lists, scroll bars; the kit paints the rest."""
    t = now().tokens
    field = "QLineEdit, QPlainTextEdit"
    thick = f"padding: 0 {px(10)}px; min-height: {px(CONTROL) - 4}px;"
    return f"""
    {field} {{ background: {t["surface"]}; color: {t["ink"]}; border: 1px solid {t["edge"]};
        border-radius: {px(RADIUS_CONTROL)}px; padding: 0 {px(11)}px;
        placeholder-text-color: {t["ink2"]};
        selection-background-color: {t["primary"]}; selection-color: {t["on_primary"]}; }}
    QLineEdit {{ min-height: {px(CONTROL) - 2}px; max-height: {px(CONTROL) - 2}px; }}
    QPlainTextEdit {{ padding: {px(6)}px {px(8)}px; }}
    QLineEdit[state="ok"], QLineEdit[state="normal"] {{ border: 1px solid {t["edge"]}; }}
    QLineEdit[state="warn"] {{ border: 2px solid {t["warn"]}; {thick} }}
    QLineEdit[state="bad"] {{ border: 2px solid {t["bad"]}; {thick} }}
    QLineEdit[caret="true"] {{ padding-right: {px(34)}px; }}
    QLineEdit:read-only, QPlainTextEdit:read-only {{ background: {t["idle_soft"]};
        border: 1px solid {t["line"]}; }}
    QListView#options {{ background: {t["surface"]}; color: {t["ink"]};
        border: 1px solid {t["edge"]}; outline: 0; padding: {px(4)}px; }}
    QListView#options::item {{ min-height: {px(36)}px; padding: 0 {px(8)}px; }}
    QListView#options::item:selected {{ background: {t["soft"]}; color: {t["primary"]}; }}
    QTableView {{ background: {t["surface"]}; border: none; outline: 0; }}
    QHeaderView {{ background: {t["surface"]}; border: none; }}
    QHeaderView::section {{ background: {t["surface"]}; color: {t["ink2"]}; border: none;
        border-bottom: 1px solid {t["line"]}; padding: 0 {px(8)}px;
        font-family: "{now().family}"; font-size: {px(13)}px; font-weight: 600; }}
    QHeaderView::section:first {{ padding-left: {px(12)}px; }}
    QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
    QScrollBar:vertical {{ background: transparent; width: {px(10)}px; margin: 0; }}
    QScrollBar:horizontal {{ background: transparent; height: {px(10)}px; margin: 0; }}
    QScrollBar::handle {{ background: {t["edge"]}; border-radius: {px(5)}px; }}
    QScrollBar::handle:vertical {{ min-height: {px(32)}px; }}
    QScrollBar::handle:horizontal {{ min-width: {px(32)}px; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; background: none; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: none; }}
    QToolTip {{ background: {t["surface"]}; color: {t["ink"]}; border: 1px solid {t["edge"]};
        padding: {px(4)}px {px(8)}px; }}
    """


# What stands on what, and the least ratio it must keep (WCAG 2.1: text 4.5, main text 7, edges 3).
PAIRS: tuple[tuple[Tone, Tone, float], ...] = (
    ("ink", "surface", 7), ("ink", "bg", 7), ("ink", "sunken", 7), ("ink", "soft", 7),
    ("ink", "ok_soft", 7), ("ink", "warn_soft", 7), ("ink", "bad_soft", 7), ("ink", "idle_soft", 7),
    ("ink2", "surface", 7), ("ink2", "bg", 7), ("ink2", "sunken", 7), ("ink2", "soft", 4.5),
    ("ink2", "idle_soft", 4.5), ("ink2", "ok_soft", 4.5), ("ink2", "warn_soft", 4.5),
    ("ink2", "bad_soft", 4.5), ("primary", "surface", 4.5), ("primary", "bg", 4.5),
    ("primary", "soft", 4.5), ("on_primary", "primary", 4.5), ("on_primary", "hover", 4.5),
    ("ok", "surface", 4.5), ("ok", "bg", 4.5), ("ok", "ok_soft", 4.5), ("ok", "sunken", 4.5),
    ("ok", "soft", 4.5), ("warn", "surface", 4.5), ("warn", "bg", 4.5), ("warn", "warn_soft", 4.5),
    ("warn", "sunken", 4.5), ("warn", "soft", 4.5), ("bad", "surface", 4.5), ("bad", "bg", 4.5),
    ("bad", "bad_soft", 4.5), ("bad", "sunken", 4.5), ("bad", "soft", 4.5),
    ("on_head", "head", 7), ("on_head", "head_chip", 7), ("on_head2", "head", 4.5),
    ("on_head2", "head_chip", 4.5), ("head_ok", "head_chip", 4.5), ("head_warn", "head_chip", 4.5),
    ("head_bad", "head_chip", 4.5), ("on_brand", "brand", 7), ("brand", "head", 4.5),
    ("edge", "surface", 3), ("edge", "bg", 3), ("edge", "sunken", 3), ("edge", "hand", 3),
    ("s1", "surface", 3), ("s2", "surface", 3), ("s3", "surface", 3), ("s4", "surface", 3),
    ("ring", "ring_in", 3),
)  # fmt: skip
RING_GROUNDS: tuple[Tone, ...] = ("surface", "bg", "sunken", "soft", "primary", "head")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One measured pair of colours and the ratio it owes."""

    theme: Name
    pair: str
    ratio: float
    floor: float


def contrast_ratio(one: str, other: str) -> float:
    """WCAG 2.1 contrast of two `#RRGGBB` colours, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def contrast_report() -> list[Contrast]:
    """Every pair in use, in every theme; the ring counts by the better of its two lines."""
    rows = [
        Contrast(theme=name, pair=f"{fg} / {bg}", ratio=contrast_ratio(t[fg], t[bg]), floor=floor)
        for name, t in THEMES.items()
        for fg, bg, floor in PAIRS
    ]
    for name, t in THEMES.items():
        for ground in RING_GROUNDS:
            best = max(contrast_ratio(t[line], t[ground]) for line in ("ring", "ring_in"))
            rows.append(Contrast(theme=name, pair=f"ring / {ground}", ratio=best, floor=3))
    return rows


def _luminance(colour_code: str) -> float:
    parts = (int(colour_code[i : i + 2], 16) / 255 for i in (1, 3, 5))
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
