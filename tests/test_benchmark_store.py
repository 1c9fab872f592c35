"""The store's benchmark runs and gives every figure it names."""

from __future__ import annotations

from pathlib import Path

from pytestqt.qtbot import QtBot

from benchmarks import store


def test_the_benchmark_measures_what_it_says(tmp_path: Path, qtbot: QtBot) -> None:
    del qtbot  # the page needs an application
    figures = store.measure(tmp_path, small=True)
    for name in ("finish_ratio", "autosave_p99_ms", "queue_100k_ms", "unlock_s", "rss_mb"):
        assert figures[name] > 0
        assert name in (store.__doc__ or "")
