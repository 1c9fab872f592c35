"""The station process of the demonstration: its mornings, its people, its line, its end."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from migramovil import app, opening, settings
from migramovil.core import canonical
from migramovil.core.queue import Counts
from migramovil.core.record import BadReceipt, Descriptor, check_receipt
from migramovil.demo.chair import Chair
from migramovil.demo.hand import Hand
from migramovil.demo.tour import Tour
from migramovil.demo.training import NAME, OFFICER, PASSPHRASE, SUPERVISOR, take_on_officer
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import DeviceRole
from migramovil.devices.sim import people
from migramovil.devices.sim.station import SimulatedStation
from migramovil.store.outbox import QueueRow
from migramovil.ui.bridge import Bridge
from migramovil.ui.window import StationWindow

_PACE_S = 0.02
_NEVER_S = 3600.0
_ASK_S = 1.0
_TOUR_FROM, _LARGE_FROM = 2, 3
_PLAIN, _LARGE = "claro", "letra-grande"
_LOOKS = {
    "oscuro": settings.Look(theme="dark"),
    "contraste": settings.Look(theme="contrast"),
    _LARGE: settings.Look(large=True),
    _PLAIN: settings.Look(),  # as the day began
}
_REFUSED = "PKT-06 demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one life of the station process does; people `first` … `first + count - 1`.

    `tour` also goes where an ordinary day does not: other themes, the lock, devices that fail.
    """

    data: str
    url: str
    code: str
    seed: int
    first: int
    count: int
    slips: str
    screens: str
    tour: bool = False
    dies_after_finish: bool = False
    settle_s: float = 60.0


def play(plan_file: Path) -> int:
    """Enroll the plan's people; say what was finished on standard output, one object a line."""
    plan = msgspec.json.decode(plan_file.read_bytes(), type=Plan)
    qt = QApplication.instance() or QApplication(sys.argv[:1])
    last = plan.first + plan.count + plan.tour  # one more, who is put aside
    coming = itertools.islice(people.population(plan.seed), plan.first, last)
    sim = SimulatedStation(coming, pace_s=_PACE_S, save_slips_to=Path(plan.slips))
    station = app.build(Path(plan.data), training=True, sim=sim, url=plan.url)
    day = _Day(station, sim, plan)
    try:
        day.live()
    finally:
        day.end()
        station.close()
        qt.processEvents()
    return 0


class _Day:
    """One life of the station, from the first morning or from where the last life ended."""

    def __init__(self, station: app.Station, sim: SimulatedStation, plan: Plan) -> None:
        self._station, self._sim, self._plan = station, sim, plan
        self._windows: list[tuple[StationWindow, Bridge]] = []  # the services go on calling each
        self._window = self._opened()
        self._asked: Ticket[None] | None = None
        self._toured = False
        self._hand = Hand(self._window, Path(plan.screens), self._all_has_come)
        sys.excepthook = self._crashed

    def live(self) -> None:
        if not self._station.desk.accounts.enrolled:
            self._first_morning()
        self.enter(OFFICER)
        self._hand.picture("02-jornada")
        _tell(say="offline")
        self._station.start_sync()
        for number in range(self._plan.first, self._plan.first + self._plan.count):
            self._one_person(number)
        if self._hand.suffix:
            self._look(_PLAIN)
        self._line_waits()
        _tell(say="online")
        self._line_moves()
        self._report()
        if self._plan.tour:
            out = Path(self._plan.screens).parent
            tour = Tour(self._hand, self._station, self, out)
            looks = [_PLAIN, _LARGE] if self._plan.count > _LARGE_FROM else [_PLAIN]
            tour.go(looks, lambda: self._chair(self._plan.count))

    def end(self) -> None:
        self._window.allow_close()
        self._window.close()
        for _, bridge in self._windows:
            bridge.close()

    # ---- people -----------------------------------------------------------------------------
    def _first_morning(self) -> None:
        """The station is enrolled on its own page, and gets an officer."""
        hand, station = self._hand, self._station
        hand.wait_page("SetupPage")
        hand.type("Dirección de sede central", self._plan.url)
        hand.type("Código de enrolamiento", self._plan.code)
        hand.type("Nombre de la estación", NAME)
        hand.type("Usuario de quien supervisa", SUPERVISOR)
        hand.type("Contraseña", PASSPHRASE)
        hand.type("Otra vez la contraseña", PASSPHRASE)
        hand.picture("00-enrolar-estacion")
        hand.primary()
        hand.wait_page("LoginPage", 60)
        take_on_officer(station.desk)
        if station.engine is not None:  # the day begins without a link
            station.engine.stop()
            station.engine = None
        self.another_window(_PLAIN)

    def another_window(self, look: str, *, idle_s: float | None = None) -> None:
        """As after a change in station.toml: the same station, its window made anew."""
        self.end()
        chosen = self._station.settings
        self._station.settings = replace(chosen, look=_LOOKS[look])
        self._hand.suffix = f"-{_LARGE}" if look == _LARGE else ""
        self._window = self._hand.window = self._opened(idle_s)

    def _opened(self, idle_s: float | None = None) -> StationWindow:
        if idle_s is None:
            window, bridge = opening.window_for(self._station)
        else:  # sooner than the settings can say
            bridge = Bridge()
            window = StationWindow(self._station.desk, bridge, idle_s=idle_s)
            window.resize(1366, 768)
        self._windows.append((window, bridge))
        window.show()
        return window

    @property
    def bridge(self) -> Bridge:
        return self._windows[-1][1]

    def enter(self, username: str) -> None:
        """Through the door; on to the day, or to what the station tells first."""
        hand = self._hand
        hand.wait_page("LoginPage")
        hand.type("¿Quién entra?", username)
        hand.type("Contraseña", PASSPHRASE)
        hand.field("Contraseña").control.setFocus()
        hand.picture("01-entrada")
        hand.primary(Qt.Key.Key_Return)
        hand.wait(lambda: hand.page != "LoginPage", "the door", 30)

    def _one_person(self, number: int) -> None:
        last = number == self._plan.first + self._plan.count - 1
        if self._plan.tour and last and number >= _LARGE_FROM:
            self._look(_LARGE)
        chair = self._chair(number)
        chair.sit_down()
        chair.until_fingers()
        chair.fingers(pause=self._other_looks if self._may_tour(number, last=last) else None)
        row = chair.until_sealed()
        _tell(record_id=row.record, folio=row.folio, sealed_bytes=row.size, **chair.outcome)
        if self._plan.dies_after_finish:
            self._hand.wait(lambda: False, "the end", _NEVER_S)
        chair.slip()

    def _chair(self, number: int) -> Chair:
        return Chair(self._hand, self._station, self._sim, number, fails=self._plan.tour)

    def _look(self, look: str) -> None:
        self._hand.chord("Ctrl+L")
        self.another_window(look)
        self.enter(OFFICER)

    def _may_tour(self, number: int, *, last: bool) -> bool:
        """Once, with somebody in the line and fingers on the page; at the latest with the last."""
        if not self._plan.tour or self._toured:
            return False
        asked = self._station.desk.enrolling.next_finger() is not None
        return last or (asked and number >= _TOUR_FROM)

    # ---- the line ---------------------------------------------------------------------------
    def _line_waits(self) -> None:
        hand = self._hand
        hand.wait_page("HomePage")
        hand.picture("09-jornada-con-cola")
        hand.chord("Alt+2")
        hand.wait_page("QueuePage")
        hand.picture("10-envios-sin-conexion")
        if self._plan.tour:
            self._one_refused()
            self._diagnosis()
            hand.chord("Alt+2")
            hand.wait_page("QueuePage")

    def _one_refused(self) -> None:
        """What the last record looks like while headquarters' unsigned word keeps it aside."""
        outbox = self._station.outbox
        record = outbox.rows(limit=1)[0].record
        outbox.file_refusal(record, _REFUSED)
        self._hand.press(Qt.Key.Key_F5)
        self._hand.picture("10-envios-rechazado")
        outbox.withdraw_refusal(record)

    def _diagnosis(self) -> None:
        hand = self._hand
        hand.chord("Alt+3")
        hand.wait_page("DiagnosticsPage")
        hand.press(Qt.Key.Key_F7)
        subjects = list(self._station.desk.diagnosing.subjects())
        for _ in subjects:  # the table stops at its end
            hand.wait(lambda: hand.verb.startswith("Repetir"), "the tests", 40)
            hand.press(Qt.Key.Key_Down)
        for _ in subjects[subjects.index(DeviceRole.FINGERS) + 1 :]:  # its test has a picture
            hand.press(Qt.Key.Key_Up)
        hand.picture("12-diagnostico")

    def _line_moves(self) -> None:
        """Wait until headquarters keeps everything, then opened it, or plainly will not."""
        if self._station.engine is not None:
            self._station.engine.wake(link_changed=True)
        self._wait_line(lambda: self._counts().sealed == 0)
        self._hand.picture("11-envios-recibidos")
        _tell(say="stored")
        self._wait_line(lambda: self._counts().sealed + self._counts().stored == 0)
        if self._halted():
            name = "detenidos"
        else:
            name = "rechazados" if self._counts().refused else "al-dia"
        self._hand.picture(f"11-envios-{name}")

    def _report(self) -> None:
        outbox = self._station.outbox
        identity = outbox.station()
        if identity is None:
            return
        keys = canonical.decode(identity.descriptor.encode(), Descriptor)
        for row in outbox.rows(offset=0, limit=outbox.total()):
            kinds = self._receipts(row, keys, identity.station)
            _tell(verified=row.record, ok=kinds == {"stored", "opened"}, state=str(row.state))

    def _receipts(self, row: QueueRow, keys: Descriptor, station: str) -> set[str]:
        """The kinds of receipt the record has, each checked again."""
        kinds = set()
        for signed in self._station.outbox.receipts(row.record):
            try:
                receipt = check_receipt(
                    signed,
                    keys,
                    station=station,
                    record=row.record,
                    digest=row.digest,
                    size=row.size,
                )
            except BadReceipt:
                kinds.add("bad")
            else:
                kinds.add(str(receipt.kind))
        return kinds

    # ---- where an ordinary day does not go --------------------------------------------------
    def _other_looks(self) -> None:
        """The same step after the lock, in each theme; then on where it stood."""
        hand, self._toured = self._hand, True
        for shown in _LOOKS:
            hand.chord("Ctrl+L")
            hand.wait_page("LoginPage")
            hand.picture("13-bloqueada")
            self.another_window(shown)
            hand.suffix = ""
            self.enter(OFFICER)
            hand.wait_page("HomePage")
            hand.picture(f"14-jornada-{shown}")
            hand.primary()
            hand.wait_page("FingersPage")
            hand.picture(f"15-huellas-{shown}")

    def _crashed(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        self._hand.crash = kind.__name__
        sys.__excepthook__(kind, error, trace)

    # ---- looking ----------------------------------------------------------------------------
    def _counts(self) -> Counts:
        return self._station.desk.waiting.counts()

    def _halted(self) -> bool:
        status = self._station.desk.waiting.status
        return status is not None and status.kind == "halted"

    def _wait_line(self, there: Callable[[], bool]) -> None:
        """Ask again every second until the line is there, or moves no more, or long enough."""
        end = time.monotonic() + self._plan.settle_s

        def over() -> bool:
            return there() or self._halted() or time.monotonic() > end

        while not over():
            self._hand.press(Qt.Key.Key_F5)
            again = time.monotonic() + _ASK_S
            self._hand.wait(partial(_either, over, again), "the line")

    def _all_has_come(self) -> bool:
        """Whether the desk's lane did all it was asked for before this was first called."""
        if self._asked is None:
            self._asked = self._station.lanes[-1].run(lambda _: None)
        if not self._asked.done():
            return False
        self._asked = None
        return True


def _either(over: Callable[[], bool], when: float) -> bool:
    return over() or time.monotonic() > when


def _tell(**fields: object) -> None:
    print(json.dumps(fields, ensure_ascii=False), flush=True)  # noqa: T201 - this is the protocol


__all__ = ["Plan", "play"]
