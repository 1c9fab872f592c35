"""The devices and the station: what is here, a try of each, and what to do about what fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import DeviceKind, DeviceRole, DeviceState
from migramovil.services.checks import NAMES, Check, Outcome, Result, Subject
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint, Primary
from migramovil.ui.kit.states import SIGNS
from migramovil.ui.pages.common import (
    DEVICE_STATES,
    DEVICES,
    DayPage,
    day_of,
    hour_of,
    moment_of,
    steps_of,
)
from migramovil.ui.screens import screens

if TYPE_CHECKING:
    from migramovil.services.desk import Desk
    from migramovil.services.diagnosing import DeviceReport, DriverReport

ASKS: Mapping[DeviceKind, str] = {
    DeviceKind.CAMERA: "La cámara toma veinte imágenes.",
    DeviceKind.FINGERPRINT: "Deje el vidrio libre; luego ponga un dedo.",
    DeviceKind.PRINTER: "Sale una página de prueba.",
    DeviceKind.MRZ: "Pase un documento por el lector.",
    DeviceKind.GNSS: "El GPS busca satélites; el vehículo debe estar al aire libre.",
}
OUTCOMES: Mapping[Outcome, tuple[str, kit.State]] = {
    Outcome.OK: ("Bien", "ok"),
    Outcome.WARNS: ("Atención", "warn"),
    Outcome.BAD: ("Con falla", "bad"),
    Outcome.UNKNOWN: ("No se sabe", "idle"),
}
ICONS: Mapping[Check, str] = {
    Check.SPACE: "hard-drives",
    Check.SYNC: "gauge",
    Check.HEALTH: "heartbeat",
    Check.ENCRYPTION: "lock",
    Check.SWAP: "lock",
    Check.SPOOL: "printer",
    Check.MEMORY: "cpu",
    Check.POWER: "lightning",
    Check.SCREENS: "desktop",
    Check.CLOCK: "clock",
    Check.STORES: "scales",
    Check.LINK: "cloud-arrow-up",
}


class DiagnosticsPage(DayPage):
    """Works with nobody inside: nothing here needs the vault."""

    help: ClassVar[str] = (
        "Elija un equipo con ↑ ↓ y pruébelo con F5; F7 prueba todo, Esc lo detiene y F6 lee con "
        "la cámara la hoja que salió. Con varias cámaras, F3 dice para qué sirve cada una. El "
        "código es para decirlo por radio al técnico."
    )
    checklist = Signal()
    """The start-of-day list was asked for."""
    cameras = Signal()
    """What each camera is for was asked for."""
    support = Signal()
    """The report for support was asked for."""

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Diagnóstico", " ")
        self._desk, self._bridge = desk, bridge
        self._subjects: list[Subject] = list(desk.diagnosing.subjects())
        self._reports: dict[Subject, DeviceReport] = {}
        self._drivers: tuple[DriverReport, ...] = ()
        self._results: dict[Subject, Result] = {}
        self._when: dict[Subject, str] = {}
        self._running: dict[Subject, Ticket[Result]] = {}
        self._words: dict[Subject, str] = {}
        self._looking = self._owed = False
        state = kit.Column(head="Estado", width=124 if theme.large() else 136)
        self.table = kit.Table("Equipos", [kit.Column(head="Equipo"), state], row_height=54)
        self.table.chosen.connect(lambda _: self._show_chosen())
        self._sign = kit.Icon("circle-dashed", "ink2", 40)
        self._name = kit.Text("", "h1", wrap=True)
        self._about = kit.Text("", "body", "ink2", wrap=True)
        self._trouble = kit.TroubleBanner()
        side = 96 if theme.large() else 176
        self._picture = kit.Picture("Imagen de la prueba", width=side, height=side, cover=False,
                                    ground="surface")  # fmt: skip
        self._figures = kit.col(gap=4)
        self._tested = kit.Text("", "cap", "ink2")
        self._advice = kit.col(gap=10)
        self._history = kit.col(gap=4)
        self._build()

    def _build(self) -> None:
        head = kit.Card(
            kit.row(self._sign, (kit.col(self._name, self._about, gap=2), 1), gap=16), pad=12
        )
        self._seen = kit.Box(kit.col(self._picture, None))
        rows = kit.Scroll(kit.Box(kit.col(self._figures, None)))
        test = kit.Card(
            (kit.row(self._seen, (rows, 1), gap=16), 1),
            title="Autoprueba", right=self._tested, gap=8, pad=12,
        )  # fmt: skip
        told = kit.Scroll(kit.Box(kit.col(self._advice, self._history, None, gap=12)))
        advice = kit.Card((told, 1), title="Qué hacer", gap=8, pad=12)
        self._several = kit.Button("Cámaras", icon="camera", key="F3", on=self.cameras.emit)
        listing = kit.Card((self.table, 1), self._several, pad=8)
        self._several.hide()
        wide = 376 if theme.large() else 392
        shares = (1, 1) if theme.large() else (3, 2)
        right = kit.col(head, self._trouble, (test, shares[0]), (advice, shares[1]), gap=12)
        self.build(
            (kit.row(kit.fixed(listing, wide), (right, 1), gap=16), 1),
            actions=[
                kit.Button("Lista de inicio", icon="clipboard-text", key="F4",
                           on=self.checklist.emit),
                kit.Button("Informe para soporte", icon="lifebuoy", key="F8",
                           on=self.support.emit),
                kit.Button("Probar todo", icon="check-circle", key="F7", on=self._test_all),
            ],
        )  # fmt: skip

    # ---- hooks -----------------------------------------------------------------------------
    def primary(self) -> Primary:
        of = self._subject()
        label = "Repetir prueba" if of in self._results else "Probar equipo"
        if isinstance(of, Check):
            label = "Repetir revisión" if of in self._results else "Revisar"
        return Primary(
            label=label, icon="arrows-clockwise-bold", available=of not in self._running,
            reason="La prueba está en curso.",
        )  # fmt: skip

    def press_primary(self) -> None:
        self._test(self._subject())

    def hints(self) -> Sequence[Hint]:
        return [("↑ ↓", "Equipo"), ("F5", "Probar"), ("F6", "Leer hoja"), ("F7", "Probar todo")]

    def keys(self) -> Mapping[str, Callable[[], object]]:
        return {"F5": self.press_primary, "F6": self._read_back}

    def first_focus(self) -> QWidget:
        return self.table

    def shown_trouble(self) -> str:
        trouble = self._trouble_of(self._subject())
        return trouble.code if trouble is not None else super().shown_trouble()

    def enter(self) -> None:
        self._trouble.settle()
        self._looking = False
        self._desk.diagnosing.shown_on(screens())
        self._show_list()
        if self.table.current() < 0:
            self.table.choose(0)
        self._show_chosen()
        self.news()
        self._bridge.when_done(
            self._desk.diagnosing.drivers(), self._drivers_seen, self._trouble.show_trouble,
            owner=self,
        )  # fmt: skip

    def leave(self) -> None:
        """Tests end, and what they saw (a finger, a face) does not stay on a page."""
        for ticket in self._running.values():
            ticket.cancel()
        self._running.clear()
        self._results.clear()
        self._words.clear()
        self._picture.show_pixels(None)

    def escape(self) -> None:
        """Call off what runs; with nothing under way, back."""
        if not self._running:
            super().escape()
            return
        for ticket in self._running.values():
            ticket.cancel()
        self._running.clear()
        self._words.clear()
        self._show_list()
        self._show_chosen()

    def news(self) -> None:
        """One look at a time: the line alone tells of many changes while it sends."""
        self._owed = self._looking
        if not self._looking:
            self._looking = True
            self._bridge.when_done(
                self._desk.diagnosing.devices(), self._listed, self._not_listed, owner=self
            )

    # ---- answers ---------------------------------------------------------------------------
    def _listed(self, reports: tuple[DeviceReport, ...]) -> None:
        self._looking = False
        if self._owed:
            self.news()
        self._reports = {report.role: report for report in reports}
        self._subjects = list(self._desk.diagnosing.subjects())
        self._show_list()
        self._show_chosen()

    def _not_listed(self, trouble: Trouble) -> None:
        self._looking = False
        self._trouble.show_trouble(trouble)

    def _drivers_seen(self, drivers: tuple[DriverReport, ...]) -> None:
        self._drivers = drivers
        cameras = [info for one in drivers if one.kind is DeviceKind.CAMERA for info in one.found]
        self._several.setVisible(len(cameras) > 1)
        self._show_chosen()

    def _test_all(self) -> None:
        for of in sorted(self._subjects, key=lambda one: isinstance(one, DeviceRole)):
            self._test(of)

    def _test(self, of: Subject) -> None:
        self._run(of, partial(self._desk.diagnosing.test, of))

    def _read_back(self) -> None:
        self.table.choose(self._subjects.index(DeviceRole.PRINTER))
        self._run(DeviceRole.PRINTER, self._desk.diagnosing.read_back)

    def _run(self, of: Subject, ask: Callable[..., Ticket[Result]]) -> None:
        if of in self._running:
            return
        tell = self._bridge.newest(partial(self._told, of), owner=self)
        ticket = ask(lambda words, picture: tell((words, picture)))
        self._running[of] = ticket
        self._bridge.when_done(
            ticket, partial(self._tested_one, of), partial(self._failed, of), owner=self
        )
        self._show_list()
        self._show_chosen()

    def _told(self, of: Subject, told: tuple[str, kit.Pixels | None]) -> None:
        """How a test that runs goes."""
        if of not in self._running:
            return
        fresh = self._words.get(of) != told[0]
        self._words[of] = told[0]
        if of == self._subject():
            if fresh:
                self._show_chosen()
            if told[1] is not None:
                self._show_picture(told[1])

    def _tested_one(self, of: Subject, result: Result) -> None:
        self._ended(of)
        self._results[of] = result
        self._when[of] = f"{self._desk.clock.local():%H:%M:%S}"
        self._show_list()
        self._show_chosen()

    def _failed(self, of: Subject, trouble: Trouble) -> None:
        self._ended(of)
        self._trouble.show_trouble(trouble)
        self._show_list()
        self._show_chosen()

    def _ended(self, of: Subject) -> None:
        self._running.pop(of, None)
        self._words.pop(of, None)

    # ---- what is shown -----------------------------------------------------------------------
    def _subject(self) -> Subject:
        return self._subjects[max(0, self.table.current())]

    def _show_list(self) -> None:
        here = self.table.current()
        self.table.set_source(kit.Rows([self._row(of) for of in self._subjects]))
        self.table.choose(max(0, here))
        roles = [of for of in self._subjects if isinstance(of, DeviceRole)]
        states = [self._state(of)[1] for of in self._subjects]
        away = sum(self._state(of)[1] == "idle" for of in roles)
        words = [f"{len(roles)} equipos"]
        words += [f"{states.count('bad')} con falla"] if "bad" in states else []
        words += [f"{states.count('warn')} con atención"] if "warn" in states else []
        words += [f"{away} sin conectar"] if away else []
        self.set_title("Diagnóstico", " · ".join(words))

    def _row(self, of: Subject) -> list[kit.Cell]:
        icon = DEVICES[of][1] if isinstance(of, DeviceRole) else ICONS[of]
        words, state = self._state(of)
        return [
            kit.Cell(words=NAMES[of], second=self._short(of), icon=icon, strong=True),
            kit.Cell(words=words, badge=state),
        ]

    def _short(self, of: Subject) -> str:
        """Model and serial number of a device, the first figure of a check, for the list."""
        if isinstance(of, DeviceRole):
            return _short(self._reports.get(of))
        result = self._results.get(of)
        if result is None or not result.figures:
            return "" if result is None else result.text
        return ": ".join(result.figures[0])

    def _state(self, of: Subject) -> tuple[str, kit.State]:
        if of in self._running:
            return "Probando", "now"
        result, report = self._results.get(of), self._reports.get(of)
        if result is not None:
            words, state = OUTCOMES[result.outcome]
            return (result.trouble.code if result.trouble else words), state
        if isinstance(of, Check):
            return "Sin revisar", "idle"
        if report is not None and report.trouble is not None:
            return report.trouble.code, "bad"
        state_ = report.state if report else self._desk.diagnosing.states().get(of)
        return DEVICE_STATES[state_ or DeviceState.ABSENT]

    def _trouble_of(self, of: Subject) -> Trouble | None:
        result, report = self._results.get(of), self._reports.get(of)
        if result is not None:
            return result.trouble
        return report.trouble if report else None

    def _show_chosen(self) -> None:
        of = self._subject()
        trouble, result = self._trouble_of(of), self._results.get(of)
        words, state = self._state(of)
        icon, tone, _ = SIGNS[state]
        self._sign.show_icon(icon, tone)
        if trouble is not None and state in {"bad", "warn"}:
            self._name.say(f"{trouble.code} · {NAMES[of]}")
            self._about.say(trouble.what)
        else:
            self._name.say(f"{NAMES[of]}: {words.lower()}")
            self._about.say(self._known(of))
        self._tested.say(f"{self._when[of]}" if result else "")
        self._show_picture(result.pixels if result else None)
        self._show_figures(of, result)
        self._show_advice(of, trouble if state in {"bad", "warn"} else None)
        self._show_history(of)
        self.changed.emit()

    def _known(self, of: Subject) -> str:
        if of in self._running:
            return self._asked(of)
        if isinstance(of, DeviceRole):
            return _who(self._reports.get(of))
        result = self._results.get(of)
        return result.text if result else "Se revisa sin tocar nada."

    def _asked(self, of: Subject) -> str:
        """What the running test wants of whoever stands before it."""
        plain = ASKS[of.kind] if isinstance(of, DeviceRole) else "Un momento."
        return self._words.get(of, plain)

    def _show_picture(self, pixels: kit.Pixels | None) -> None:
        self._picture.show_pixels(pixels)
        self._seen.setVisible(pixels is not None)

    def _show_figures(self, of: Subject, result: Result | None) -> None:
        if of in self._running:
            rows: list[kit.Item] = [
                kit.StateRow("now", "Prueba en curso", second=self._asked(of))
            ]  # fmt: skip
        elif result is None:
            rows = [kit.Text("Sin probar todavía en esta visita.", "body", "ink2", wrap=True)]
        else:
            rows = [kit.StateRow(OUTCOMES[result.outcome][1], result.text)]
            across = 1 if theme.large() or result.pixels is not None else 2
            cells = [
                (_figure(what, value), number // across, number % across)
                for number, (what, value) in enumerate(result.figures)
            ]
            rows += [kit.grid(*cells, gap=(24, 2), shares=[1] * across)] if cells else []
        kit.refill(self._figures, *rows)

    def _show_advice(self, of: Subject, trouble: Trouble | None) -> None:
        if trouble is not None:
            orders = [*steps_of(trouble), "Repita la prueba con F5"]
        elif self._results.get(of) is not None:
            nothing = kit.StateRow("ok", "Nada que hacer.", plain=True)
            kit.refill(self._advice, nothing)
            return
        elif isinstance(of, DeviceRole):
            orders = ["Pruebe el equipo con F5", ASKS[of.kind].rstrip(".")]
        else:
            orders = ["Revíselo con F5"]
        kit.refill(self._advice, *(kit.Numbered(n, order) for n, order in enumerate(orders, 1)))

    def _show_history(self, of: Subject) -> None:
        """Where it is, what drives it, and what went wrong with it before."""
        rows: list[kit.Item] = []
        report = self._reports.get(of)
        if report is not None:
            zone = self._desk.clock.local().tzinfo
            rows += [kit.Text(words, "cap", "ink2", wrap=True) for words in self._paths(report)]
            for fault in report.faults[:3]:
                when = f"{day_of(fault.when, zone)} {moment_of(fault.when, zone)}"
                end = f"bien a las {hour_of(fault.recovered, zone)}" if fault.recovered else "sigue"
                rows.append(kit.Text(f"{when} · {fault.code} · {end}", "cap", "ink2", wrap=True))
        kit.refill(self._history, *rows)

    def _paths(self, report: DeviceReport) -> list[str]:
        parts = [report.path, f"firmware {report.firmware}" if report.firmware else ""]
        own = " · ".join(part for part in parts if part)
        mine = [one for one in self._drivers if one.kind is report.role.kind]
        driven = " · ".join(_driver(one) for one in mine)
        return [words for words in (own, f"Controladores: {driven}" if mine else "") if words]


class ClosedDiagnosticsPage(DiagnosticsPage):
    """The same before anybody is inside: no day's pages beside it, back to the login."""

    rail = "none"

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__(desk, bridge)
        self.can_go_back = True


def _figure(what: str, value: str) -> kit.Part:
    words = kit.Text(what, "body", "ink2", wrap=True)
    return kit.Box(kit.row((words, 1), kit.Text(value, "strong", align="right"), gap=10))


def _driver(one: DriverReport) -> str:
    if not one.installed:
        return f"{one.name} (no instalado)"
    models = ", ".join(info.model for info in one.found)
    return f"{one.name} ({models})" if models else f"{one.name} (nada)"


def _short(report: DeviceReport | None) -> str:
    """Model and serial number, for the list."""
    if report is None or not report.model:
        return _who(report)
    return f"{report.model} · serie {report.serial}" if report.serial else report.model


def _who(report: DeviceReport | None) -> str:
    """Model, driver and serial number in one line."""
    if report is None:
        return "Buscando…"
    if not report.installed:
        return f"Falta instalar: {report.driver}"
    parts = [report.model, report.driver, f"serie {report.serial}" if report.serial else ""]
    words = " · ".join(part for part in parts if part)
    return f"{words} · de entrenamiento" if report.simulated else words
