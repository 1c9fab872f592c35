"""What the system says of the network only makes the station try; it proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QObject, Signal

from migramovil.services.waiting import Waiting
from migramovil.ui import link


class System(QObject):
    reachabilityChanged = Signal(int)  # noqa: N815 - Qt's own names
    transportMediumChanged = Signal(int)  # noqa: N815 - Qt's own names
    isBehindCaptivePortalChanged = Signal(bool)  # noqa: N815 - Qt's own names
    isMeteredChanged = Signal(bool)  # noqa: N815 - Qt's own names

    def isMetered(self) -> bool:  # noqa: N802
        return True


class Network:
    """Qt's QNetworkInformation, with or without a backend."""

    def __init__(self, *, there: bool) -> None:
        self.there, self.system = there, System()

    def loadDefaultBackend(self) -> bool:  # noqa: N802
        return self.there

    def instance(self) -> System:
        return self.system


def watched(patch: pytest.MonkeyPatch, call: Callable[[], object], *, there: bool) -> Any:
    network = Network(there=there)
    patch.setattr(link, "QNetworkInformation", network)
    assert link.watch_link(call) is there
    return network.system


def test_every_change_the_system_sees_is_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []
    system = watched(monkeypatch, lambda: heard.append(1), there=True)
    system.reachabilityChanged.emit(4)
    system.transportMediumChanged.emit(2)
    system.isBehindCaptivePortalChanged.emit(True)
    assert len(heard) == 3


def test_what_the_system_says_of_the_links_cost_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    network, heard = Network(there=True), []
    monkeypatch.setattr(link, "QNetworkInformation", network)
    link.watch_link(lambda: None, heard.append)
    network.system.isMeteredChanged.emit(False)
    assert heard == [True, False]


def test_a_system_with_nothing_to_say_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    watched(monkeypatch, lambda: None, there=False)


class Engine:
    def __init__(self) -> None:
        self.woken: list[bool] = []

    def wake(self, link_changed: bool = False) -> None:
        self.woken.append(link_changed)


def test_a_hint_cuts_the_engines_pause_and_does_nothing_without_an_engine() -> None:
    waiting, engine = Waiting(None), Engine()  # type: ignore[arg-type]
    waiting.link_changed()
    waiting.follow(engine)  # type: ignore[arg-type]
    waiting.link_changed()
    assert engine.woken == [True]
