"""A theme without motion for every test of the windows."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from migramovil.ui import theme


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The offscreen platform warns about every window that has a least size: not ours to mend."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.qt_log_ignore("propagateSizeHints"))


@pytest.fixture(autouse=True)
def _themed(qtbot: QtBot) -> None:
    """Light, 100 %, nothing moves; a test may call theme.use() again before it builds."""
    theme.use("light", 1.0, motion=False)
