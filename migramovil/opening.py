"""Opens the window over a station that app.py put together."""

from __future__ import annotations

import faulthandler
import logging
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from PySide6.QtWidgets import QApplication

from migramovil import app
from migramovil.app import Station
from migramovil.devices.lanes import Lane
from migramovil.store import salvage
from migramovil.store.outbox import Outbox
from migramovil.store.trouble import Damaged
from migramovil.ui import theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.frame import Frame
from migramovil.ui.link import watch_link
from migramovil.ui.pages.damaged import DamagedPage
from migramovil.ui.window import StationWindow

log = logging.getLogger(__name__)
Beside = Callable[[StationWindow, Bridge], AbstractContextManager[object]]


def window_for(station: Station) -> tuple[StationWindow, Bridge]:
    """The station's window; needs a QApplication. Keep both as long as it lives."""
    look = station.settings.look
    theme.use(
        look.theme if look.theme in ("light", "dark", "contrast") else "light",  # type: ignore[arg-type]
        theme.LARGE if look.large else 1.0,
        motion=not look.reduce_motion,
    )
    bridge = Bridge()
    bridge.crashed.connect(report)
    idle_s = station.settings.session.idle_minutes * 60
    window = StationWindow(station.desk, bridge, idle_s=idle_s)
    window.resize(1366, 768)
    station.bench.supervise()
    return window, bridge


def report(bug: BaseException) -> None:
    """Into the log: its type and where, never its text."""
    log.error("a bug", exc_info=bug)


def run(station: Station, beside: Beside = lambda *_: nullcontext()) -> int:
    """Show the window until it is closed; the station is closed with it, and what is `beside`."""
    faulthandler.enable()
    qt = QApplication.instance() or QApplication(sys.argv[:1])
    window, bridge = window_for(station)
    sys.excepthook = lambda _kind, error, _trace: bridge.crashed.emit(error)
    # Asked to end from outside: leave as the close button does. The window's clock lets it in.
    signal.signal(signal.SIGTERM, lambda *_: qt.quit())
    station.desk.drafts.begin()
    station.start_sync()
    watch_link(station.desk.waiting.link_changed, station.desk.waiting.link_metered)
    station.desk.keeping.start()
    window.show()
    try:
        with beside(window, bridge):
            return int(qt.exec())
    finally:
        window.hide()
        bridge.close()
        station.close()


def open_station(folder: Path) -> int:
    """A real station over its data folder; where its books are damaged, the way out of that."""
    salvage.settle(folder)
    try:
        demand_sound(folder)
        station = app.build(folder, training=False)
    except Damaged as trouble:
        return _show_damage(folder, trouble)
    return run(station)


def demand_sound(folder: Path) -> None:
    """Read the line page by page: damage is found now, not over a person's papers. Damaged."""
    if folder.exists():
        with Outbox(folder) as outbox:
            if not outbox.database.sound():
                raise Damaged("outbox.db")


def _show_damage(folder: Path, trouble: Damaged) -> int:
    qt = QApplication.instance() or QApplication(sys.argv[:1])
    window, lane = damage_window(folder, trouble)
    window.show()
    try:
        return int(qt.exec()) or 1
    finally:
        lane.close()


def damage_window(folder: Path, trouble: Damaged) -> tuple[Frame, Lane]:
    """What is shown in the station's place, and the lane on which all that is whole is rescued."""
    theme.use("light")
    lane, bridge = Lane("rescue"), Bridge()
    window = Frame(place="", training=False)
    window.close_asked.connect(window.allow_close)

    def leave() -> None:
        window.allow_close()
        window.close()

    bridge.setParent(window)
    packets = len(list((folder / "packets").glob("*.packet")))
    window.show_page(
        DamagedPage(
            trouble,
            bridge,
            lambda: lane.run(lambda _: salvage.rescue(folder)[0]),
            leave,
            packets=packets,
        )
    )
    window.resize(1366, 768)
    return window, lane
