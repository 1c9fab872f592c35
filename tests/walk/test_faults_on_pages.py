"""What an officer sees of an ill device: the words, the way on, the lamp; then it works again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, Qt, QTimer
from PySide6.QtWidgets import QApplication, QLabel

from migramovil import opening
from migramovil.core.enrollment import STEPS, Draft, Step
from migramovil.demo.hand import Hand
from migramovil.devices import trouble as troubles
from migramovil.devices.ports import DeviceRole
from migramovil.devices.trouble import DeviceTrouble
from migramovil.ui.kit import Button
from migramovil.ui.window import StationWindow
from tests.services.bench import OFFICER, PASSWORD
from tests.walk.faulty_station import Counter, Played, counter, drivers_processes

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.qt_log_ignore("This plugin does not support"),
]

PORTRAIT, FINGERS, MRZ = DeviceRole.PORTRAIT, DeviceRole.FINGERS, DeviceRole.MRZ
PRINTER = DeviceRole.PRINTER
LAMP = {PORTRAIT: "Cámara", FINGERS: "Huellero", MRZ: "Lector de documentos", PRINTER: "Impresora"}
F5, R = Qt.Key.Key_F5, Qt.Key.Key_R


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """At a step, a device is in a state before or while it works: what is said, and the way on.

    `way` is the button or the primary that stands there for it and `key` presses it; `lamp` is
    whether the fault is the device's own, not the finger's or the document's.
    """

    role: DeviceRole
    fault: str
    code: str
    way: str
    key: Qt.Key
    lamp: bool = True


CASES = (
    Case(role=PORTRAIT, fault="not there", code="DEV-05", way="Buscar la cámara", key=F5),
    Case(role=PORTRAIT, fault="pulled out", code="DEV-01", way="Buscar la cámara", key=F5),
    Case(role=PORTRAIT, fault="garbage", code="CAM-05", way="Buscar la cámara", key=F5),
    Case(role=FINGERS, fault="not there", code="DEV-05", way="Tomar huella", key=F5),
    Case(role=FINGERS, fault="pulled out", code="DEV-01", way="Tomar huella", key=F5),
    Case(role=FINGERS, fault="hanging", code="FPR-02", way="Tomar huella", key=F5, lamp=False),
    Case(role=MRZ, fault="not there", code="DEV-05", way="Leer documento", key=F5),
    Case(role=MRZ, fault="pulled out", code="DEV-01", way="Leer documento", key=F5),
    Case(role=MRZ, fault="garbage", code="MRZ-03", way="Leer documento", key=F5),
    Case(role=PRINTER, fault="not there", code="DEV-05", way="Reimprimir", key=R),
    Case(role=PRINTER, fault="hanging", code="PRN-17", way="Reimprimir", key=R),
)
PAGES = {PORTRAIT: "PortraitPage", FINGERS: "FingersPage", MRZ: "IdentityPage", PRINTER: "DonePage"}


class Officer:
    """Somebody at the station's window."""

    def __init__(self, here: Counter, window: StationWindow, hand: Hand) -> None:
        self.here, self.window, self.hand = here, window, hand

    @property
    def draft(self) -> Draft:
        return self.here.draft

    def go(self, step: Step) -> None:
        self.window.step_chosen.emit(STEPS.index(step) + 1)
        self.hand.wait_page(f"{step.value.capitalize()}Page")

    def begin(self, case: Case, device: Played) -> None:
        """Come to where the device works, and have it fail."""
        acts: dict[DeviceRole, Callable[[Case, Played], None]] = {
            PORTRAIT: self._look, FINGERS: self._press, MRZ: self._press, PRINTER: self._seal,
        }  # fmt: skip
        acts[case.role](case, device)

    def _look(self, case: Case, device: Played) -> None:
        self.here.enrolling.change(portrait=None)
        if case.fault != "pulled out":
            self.fall_ill(device, case.fault)
        self.go(Step.PORTRAIT)
        if case.fault == "pulled out":
            self.hand.wait(lambda: self.here.state(PORTRAIT) == "busy", "the live picture")
            device.pull()

    def _press(self, case: Case, device: Played) -> None:
        self.go(Step.FINGERS if case.role is FINGERS else Step.IDENTITY)
        if case.fault == "pulled out":
            device.wait()
            self.hand.press(F5)
            self.hand.wait(lambda: self.here.state(case.role) == "busy", "the device at work")
            device.pull()
        else:
            self.fall_ill(device, case.fault)
            self.hand.press(F5)

    def _seal(self, case: Case, device: Played) -> None:
        self.here.enrolling.take_finger(2).result(20)
        self.here.consent()
        self.here.station.bench.printer.use(lambda printer, _: printer.status()).result(5)
        self.fall_ill(device, case.fault)
        self.go(Step.REVIEW)
        self.hand.primary()
        self.hand.wait_page("DonePage")

    def well_again(self, role: DeviceRole) -> bool:
        """Whether the device has done what its page wanted of it."""
        done: dict[DeviceRole, Callable[[], bool]] = {
            PORTRAIT: lambda: self.hand.verb == "Tomar fotografía" and not self.told("Código:"),
            FINGERS: lambda: self.draft.finger(2) is not None,
            MRZ: lambda: bool(self.draft.mrz_lines),
            PRINTER: lambda: self.told("Comprobante impreso"),
        }
        return done[role]()

    def fall_ill(self, device: Played, fault: str) -> None:
        if fault == "not there":
            device.pull()
            self.hand.wait(lambda: self.here.state(device.role) == "absent", "the lamp", 5)
        elif fault == "hanging":
            device.hang()
        else:
            device.garble()

    def told(self, words: str) -> bool:
        """Whether these words stand in sight on the page."""
        page = self.window.page
        labels = page.findChildren(QLabel) if page is not None else []
        return any(label.isVisible() and words in label.text() for label in labels)

    def offered(self, way: str) -> bool:
        """Whether a button with these words stands there and may be pressed."""
        page = self.window.page
        primary = page.primary() if page is not None else None
        if primary is not None and primary.label == way:
            return primary.available
        buttons = page.findChildren(Button) if page is not None else []
        return any(b.text() == way and b.isVisible() and b.isEnabled() for b in buttons)

    @property
    def count(self) -> str:
        """How many devices are well, as the header says."""
        return self.window.header.devices.accessibleName()

    @property
    def lamp(self) -> str:
        return self.window.header.devices.accessibleDescription()


@pytest.fixture(scope="module")
def officer(tmp_path_factory: pytest.TempPathFactory, qapp: QApplication) -> Iterator[Officer]:
    folder = tmp_path_factory.mktemp("pages")
    with counter(folder / "station", inside=False) as here:
        window, bridge = opening.window_for(here.station)
        window.show()
        hand = Hand(window, folder)
        hand.wait_page("LoginPage")
        hand.type("¿Quién entra?", OFFICER)
        hand.type("Contraseña", PASSWORD)
        hand.field("Contraseña").control.setFocus()
        hand.primary(Qt.Key.Key_Return)
        hand.wait_page("HomePage")
        yield Officer(here, window, hand)
        window.hide()
        bridge.close()
        window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def by_code(code: str) -> type[DeviceTrouble]:
    kinds = (kind for kind in vars(troubles).values() if isinstance(kind, type))
    return next(k for k in kinds if issubclass(k, DeviceTrouble) and k.code == code)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.role}-{case.fault}")
def test_the_page_says_what_happened_and_what_to_do_and_its_key_tries_again(
    officer: Officer, case: Case
) -> None:
    here, hand = officer.here, officer.hand
    device, trouble = here.devices[case.role], by_code(case.code)
    here.sit_down()
    hand.wait(lambda: here.state(case.role) == "ready", "the device")
    try:
        officer.begin(case, device)
        hand.wait(lambda: officer.told(case.code), f"{case.code} on the page")
        assert hand.page == PAGES[case.role]
        assert officer.told(trouble.what.rstrip("."))
        assert officer.told(trouble.advice)
        assert officer.offered(case.way)
        own, count = f"{LAMP[case.role]}: ", "3 de 4" if case.lamp else "4 de 4"
        hand.wait(lambda: (own in officer.lamp) is case.lamp, f"the lamp, not «{officer.lamp}»")
        assert officer.count == count
    finally:
        device.recover()
    hand.press(case.key)
    hand.wait(lambda: officer.well_again(case.role), "the next try")
    hand.wait(lambda: own not in officer.lamp, "the lamp to be calm again")
    officer.window.show_home()


# ---- the window lives on -------------------------------------------------------------------------
STALL_S = 0.1
BEAT_MS = 10
TRIES = 3


class Pulse:
    """Beats in the window's own loop, and remembers the longest pause between two beats."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._last = time.monotonic()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(BEAT_MS)

    def stop(self) -> None:
        self._timer.stop()

    def _beat(self) -> None:
        now = time.monotonic()
        self.longest_s, self._last = max(self.longest_s, now - self._last), now


def test_the_window_never_stalls_while_a_frozen_driver_is_ended_and_replaced(
    officer: Officer,
) -> None:
    """The least of three: a machine that is busy elsewhere pauses everybody, a stall every time."""
    officer.here.sit_down()
    stalls = []
    while len(stalls) < TRIES and min(stalls, default=1.0) > STALL_S:
        stalls.append(longest_pause(officer))
    assert min(stalls) <= STALL_S


def longest_pause(officer: Officer) -> float:
    """Seconds, from a live picture over its driver's process freezing to a live picture again."""
    hand = officer.hand
    officer.here.enrolling.change(portrait=None)
    officer.go(Step.PORTRAIT)
    hand.wait(lambda: officer.here.state(PORTRAIT) == "busy", "the live picture")
    slowly_wait(lambda: officer.well_again(PORTRAIT))
    (frozen,) = drivers_processes("camera.opencv")
    pulse = Pulse()
    os.kill(frozen, signal.SIGSTOP)
    slowly_wait(lambda: officer.told("DEV-10"))
    assert f"{LAMP[PORTRAIT]}: {by_code('DEV-10').what}" in officer.lamp
    hand.press(F5)
    slowly_wait(lambda: officer.well_again(PORTRAIT) and officer.lamp == "")
    pulse.stop()
    assert frozen not in drivers_processes("camera.opencv")
    officer.window.show_home()
    return pulse.longest_s


def slowly_wait(until: Callable[[], bool]) -> None:
    """As a hand waits, and without disturbing the loop that is listened to."""
    end = time.monotonic() + 20
    while not until():
        assert time.monotonic() < end
        loop = QEventLoop()
        QTimer.singleShot(250, loop.quit)
        loop.exec()
