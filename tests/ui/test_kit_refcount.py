"""The binding keeps its references: PySide6 6.12.0 on Python 3.11 lost one on None a call."""

from __future__ import annotations

import sys

import pytest
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

CALLS = 20_000
pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="None and True are immortal: their counts mean nothing"
)


class Speaker(QObject):
    said = Signal(object)


def test_twenty_thousand_calls_cost_none_no_reference(qtbot: QtBot) -> None:
    label = QLabel()
    qtbot.addWidget(label)
    before = sys.getrefcount(None)
    for n in range(CALLS):
        label.setText(str(n % 10))
    assert sys.getrefcount(None) > before - CALLS // 100


def test_twenty_thousand_signals_cost_none_and_true_no_reference(qtbot: QtBot) -> None:
    speaker = Speaker()
    heard: list[object] = []
    speaker.said.connect(heard.append)
    before = sys.getrefcount(None), sys.getrefcount(True)
    for _ in range(CALLS):
        speaker.said.emit(3)
    assert len(heard) == CALLS
    assert sys.getrefcount(None) > before[0] - CALLS // 100
    assert sys.getrefcount(True) > before[1] - CALLS // 100
