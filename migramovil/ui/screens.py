"""Which displays the window can be shown on."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication

from migramovil.services.checks import Screen


def screens() -> tuple[Screen, ...]:
    """The officer's first; asked on the GUI thread."""
    first = QGuiApplication.primaryScreen()
    every = sorted(QGuiApplication.screens(), key=lambda one: one is not first)
    return tuple(
        Screen(
            name=one.name(),
            width=round(one.size().width() * one.devicePixelRatio()),
            height=round(one.size().height() * one.devicePixelRatio()),
            scale=one.devicePixelRatio(),
        )
        for one in every
    )
