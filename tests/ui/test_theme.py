"""The tokens keep their promises."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QFontInfo, QFontMetricsF

from migramovil.ui import theme


@pytest.mark.parametrize("row", theme.contrast_report(), ids=lambda r: f"{r.theme} {r.pair}")
def test_every_pair_of_colours_keeps_its_floor(row: theme.Contrast) -> None:
    assert row.ratio >= row.floor, f"{row.ratio:.2f} < {row.floor}"


def test_contrast_is_measured_as_wcag_says() -> None:
    assert theme.contrast_ratio("#000000", "#FFFFFF") == pytest.approx(21)
    assert theme.contrast_ratio("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


def test_every_theme_names_the_same_colours() -> None:
    names = {name: set(tokens) for name, tokens in theme.THEMES.items()}
    assert names["light"] == names["dark"] == names["contrast"]


def test_high_contrast_writes_nothing_under_seven_to_one() -> None:
    text = [r for r in theme.contrast_report() if r.theme == "contrast" and r.floor > 3]
    assert min(r.ratio for r in text) >= 7


def test_nothing_on_the_screen_is_smaller_than_13_pixels() -> None:
    assert min(size for size, _ in theme.TYPE.values()) >= 13


def test_large_font_mode_multiplies_every_size_by_one_number() -> None:
    theme.use("light", theme.LARGE, motion=False)
    assert theme.large()
    for role, (size, _) in theme.TYPE.items():
        assert theme.font(role).pixelSize() == round(size * theme.LARGE)
    assert theme.px(theme.MAIN_BUTTON) == 58


def test_figures_are_all_as_wide_as_each_other() -> None:
    metrics = QFontMetricsF(theme.font("body"))
    wide = {round(metrics.horizontalAdvance(d * 8), 1) for d in "0123456789"}
    assert len(wide) == 1


def test_exact_letters_differ_from_plain_ones_where_inter_is_installed() -> None:
    if theme.now().family != "Inter":
        pytest.skip("Inter is not installed here")
    plain = QFontMetricsF(theme.font("body")).horizontalAdvance("I")
    exact = QFontMetricsF(theme.font("body", exact=True)).horizontalAdvance("I")
    assert exact > plain  # the exact I has its bars


def test_two_mrz_fillers_never_join_into_one_sign() -> None:
    metrics = QFontMetricsF(theme.font("sub", mono=True))
    assert metrics.horizontalAdvance("<<") == pytest.approx(2 * metrics.horizontalAdvance("<"))


def test_a_missing_face_falls_back_to_one_that_is_there() -> None:
    found = theme._first_installed("No Such Face")
    assert QFontInfo(theme.font("body")).family()
    assert found
    assert found != "No Such Face"


def test_the_style_sheet_reads_no_file() -> None:
    assert "url(" not in theme._style_sheet()
