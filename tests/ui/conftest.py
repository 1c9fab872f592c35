"""A theme without motion for every test of the windows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from migramovil.ui import theme


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The offscreen platform warns of what it cannot do (sizes, raising): not ours to mend."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.qt_log_ignore("This plugin does not support"))


@pytest.fixture(autouse=True)
def _themed(qtbot: QtBot) -> Iterator[None]:
    """Light, 100 %, nothing moves; a test may call theme.use() again before it builds.

    Afterwards every window really goes, also pages that stood in none: Qt deletes only in a
    running loop, and a heap of old ones makes every new style sheet slower.
    """
    theme.use("light", 1.0, motion=False)
    yield
    for window in QApplication.topLevelWidgets():
        if window.windowType() is not Qt.WindowType.Popup:  # a list of options goes with its field
            window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
