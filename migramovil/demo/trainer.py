"""The trainer's panel beside a training station's window, and for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut

from migramovil import app
from migramovil.core.record import Realm, WrongRealm
from migramovil.devices.sim.control import Control
from migramovil.devices.sim.panel import Panel
from migramovil.ui.bridge import Bridge
from migramovil.ui.pages.sim_panel import SimPanelWindow
from migramovil.ui.window import StationWindow

KEY = "Ctrl+P"


@contextmanager
def at_hand(
    station: app.Station, panel: Panel, folder: Path, window: StationWindow, bridge: Bridge
) -> Iterator[SimPanelWindow]:
    """While it lasts `KEY` opens the panel, and `migramovil sim` works it from `folder`.

    WrongRealm beside any station but one of training whose devices are played.
    """
    if station.realm is not Realm.TRAINING or station.sim is None:
        raise WrongRealm("panel")
    shown = SimPanelWindow(panel, bridge)
    shortcut = QShortcut(QKeySequence(KEY), window)
    shortcut.setContext(Qt.ShortcutContext.ApplicationShortcut)
    shortcut.activated.connect(shown.bring)
    try:
        with closing(Control(panel, folder)):
            yield shown
    finally:
        shortcut.setEnabled(False)
        shown.end()
