"""Whether anybody touches the station: for the lock that comes by itself."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QEvent, QObject

TOUCHES = frozenset(
    {
        QEvent.Type.KeyPress,
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseMove,
        QEvent.Type.Wheel,
        QEvent.Type.TouchBegin,
        QEvent.Type.TabletPress,
    }
)
WARNING_S = 30


class IdleWatch(QObject):
    """Sees keys and pointers of every window of the program while it is `on`.

    `seconds` only grows, also while the laptop sleeps: the key that wakes it comes too late. The
    watcher asks `left_s()` once a second; nobody is called back.
    """

    def __init__(self, parent: QObject, after_s: float, seconds: Callable[[], float]) -> None:
        super().__init__(parent)
        self._after_s, self._seconds = after_s, seconds
        self._on = False
        self._last = seconds()

    def set_on(self, on: bool) -> None:
        app = QCoreApplication.instance()
        if app is None or self._after_s <= 0 or on == self._on:
            self._last = self._seconds()
            return
        self._on = on
        self._last = self._seconds()
        if on:
            app.installEventFilter(self)
        else:
            app.removeEventFilter(self)

    def left_s(self) -> float | None:
        """Seconds until the station should lock; None while it should not by itself."""
        if not self._on:
            return None
        return max(0.0, self._after_s - (self._seconds() - self._last))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in TOUCHES and self.left_s() != 0:
            self._last = self._seconds()
        return False
