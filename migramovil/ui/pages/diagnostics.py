"""The devices: which are here, a try of each, and what to do about what fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QWidget

from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import DeviceKind, DeviceRole, DeviceState
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint, Primary
from migramovil.ui.kit.states import SIGNS
from migramovil.ui.pages.common import DEVICE_STATES, DEVICES, DayPage, steps_of

if TYPE_CHECKING:
    from migramovil.services.desk import Desk
    from migramovil.services.diagnosing import DeviceReport, TestResult

_ASKS = {
    DeviceKind.CAMERA: "La cámara toma diez imágenes.",
    DeviceKind.FINGERPRINT: "Ponga un dedo sobre el vidrio.",
    DeviceKind.PRINTER: "Sale una página de prueba.",
    DeviceKind.MRZ: "Pase un documento por el lector.",
    DeviceKind.GNSS: "El GPS busca satélites; el vehículo debe estar al aire libre.",
}


class DiagnosticsPage(DayPage):
    """Works with nobody inside: nothing here needs the vault."""

    help: ClassVar[str] = (
        "Elija un equipo con ↑ ↓ y pruébelo con F5; F7 prueba todos. El código es para decirlo "
        "por radio al técnico."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Diagnóstico", " ")
        self._desk, self._bridge = desk, bridge
        self._roles = list(desk.diagnosing.states())
        self._reports: dict[DeviceRole, DeviceReport] = {}
        self._results: dict[DeviceRole, TestResult] = {}
        self._when: dict[DeviceRole, str] = {}
        self._running: dict[DeviceRole, Ticket[TestResult]] = {}
        self.table = kit.Table(
            "Equipos", [kit.Column(head="Equipo"), kit.Column(head="Estado", width=116)],
            row_height=54,
        )  # fmt: skip
        self.table.chosen.connect(lambda _: self._show_chosen())
        self._sign = kit.Icon("circle-dashed", "ink2", 40)
        self._name = kit.Text("", "h1", wrap=True)
        self._about = kit.Text("", "body", "ink2", wrap=True)
        self._trouble = kit.TroubleBanner()
        side = 96 if theme.large() else 200
        self._picture = kit.Picture("Imagen de la prueba", width=side, height=side, cover=False,
                                    ground="surface")  # fmt: skip
        self._figures = kit.col(gap=4)
        self._tested = kit.Text("", "cap", "ink2")
        self._advice = kit.col(gap=14)
        head = kit.Card(kit.row(self._sign, (kit.col(self._name, self._about, gap=2), 1), gap=16))
        self._seen = kit.Box(kit.col(self._picture, None))
        test = kit.Card(
            kit.row(self._seen, (kit.Box(kit.col(self._figures, None)), 1), gap=16), None,
            title="Autoprueba", right=self._tested, gap=12,
        )  # fmt: skip
        advice = kit.Card(self._advice, None, title="Qué hacer", gap=12)
        listing = kit.Card((self.table, 1), pad=8)
        wide = 356 if theme.large() else 392
        right = kit.col(head, self._trouble, test, (advice, 1), gap=12)
        self.build(
            (kit.row(kit.fixed(listing, wide), (right, 1), gap=16), 1),
            actions=[kit.Button("Probar todo", icon="check-circle", key="F7", on=self._test_all)],
        )

    # ---- hooks -----------------------------------------------------------------------------
    def primary(self) -> Primary:
        role = self._role()
        running = role in self._running
        label = "Repetir prueba" if role in self._results else "Probar equipo"
        return Primary(
            label=label, icon="arrows-clockwise-bold", available=not running,
            reason="La prueba está en curso.",
        )  # fmt: skip

    def press_primary(self) -> None:
        self._test(self._role())

    def hints(self) -> Sequence[Hint]:
        return [("↑ ↓", "Equipo"), ("F5", "Probar"), ("F7", "Probar todo")]

    def keys(self) -> Mapping[str, Callable[[], object]]:
        return {"F5": self.press_primary}

    def first_focus(self) -> QWidget:
        return self.table

    def enter(self) -> None:
        self._trouble.settle()
        self._show_list()
        if self.table.current() < 0:
            self.table.choose(0)
        self._show_chosen()
        self.news()

    def leave(self) -> None:
        """Tests end, and what they saw (a finger, a face) does not stay on a page."""
        for ticket in self._running.values():
            ticket.cancel()
        self._running.clear()
        self._results.clear()
        self._picture.show_pixels(None)

    def news(self) -> None:
        self._bridge.when_done(
            self._desk.diagnosing.devices(), self._listed, self._trouble.show_trouble, owner=self
        )

    # ---- answers ---------------------------------------------------------------------------
    def _listed(self, reports: tuple[DeviceReport, ...]) -> None:
        self._reports = {report.role: report for report in reports}
        self._roles = list(self._reports)
        self._show_list()
        self._show_chosen()

    def _test_all(self) -> None:
        for role in self._roles:
            self._test(role)

    def _test(self, role: DeviceRole) -> None:
        if role in self._running:
            return
        ticket = self._desk.diagnosing.test(role)
        self._running[role] = ticket
        self._bridge.when_done(
            ticket, partial(self._tested_one, role), partial(self._failed, role), owner=self
        )
        self._show_list()
        self._show_chosen()

    def _tested_one(self, role: DeviceRole, result: TestResult) -> None:
        self._running.pop(role, None)
        self._results[role] = result
        self._when[role] = f"{self._desk.clock.local():%H:%M:%S}"
        self._show_list()
        self._show_chosen()

    def _failed(self, role: DeviceRole, trouble: Trouble) -> None:
        self._running.pop(role, None)
        self._trouble.show_trouble(trouble)
        self._show_list()
        self._show_chosen()

    # ---- what is shown -----------------------------------------------------------------------
    def _role(self) -> DeviceRole:
        return self._roles[max(0, self.table.current())]

    def _show_list(self) -> None:
        here = self.table.current()
        self.table.set_source(kit.Rows([self._row(role) for role in self._roles]))
        self.table.choose(max(0, here))
        bad = sum(self._state(role)[1] == "bad" for role in self._roles)
        away = sum(self._state(role)[1] == "idle" for role in self._roles)
        words = [f"{len(self._roles)} equipos"]
        words += [f"{bad} con falla"] if bad else []
        words += [f"{away} sin conectar"] if away else []
        self.set_title("Diagnóstico", " · ".join(words))

    def _row(self, role: DeviceRole) -> list[kit.Cell]:
        name, icon = DEVICES[role]
        words, state = self._state(role)
        report = self._reports.get(role)
        return [
            kit.Cell(words=name, second=_short(report), icon=icon, strong=True),
            kit.Cell(words=words, badge=state),
        ]

    def _state(self, role: DeviceRole) -> tuple[str, kit.State]:
        if role in self._running:
            return "Probando", "now"
        report, result = self._reports.get(role), self._results.get(role)
        trouble = self._trouble_of(role)
        if trouble is not None and (result is None or not result.ok):
            return trouble.code, "bad"
        if result is not None:
            return ("Bien", "ok") if result.ok else ("Con falla", "bad")
        state = report.state if report else self._desk.diagnosing.states().get(role)
        return DEVICE_STATES[state or DeviceState.ABSENT]

    def _trouble_of(self, role: DeviceRole) -> Trouble | None:
        result, report = self._results.get(role), self._reports.get(role)
        if result is not None:
            return result.trouble
        return report.trouble if report else None

    def _show_chosen(self) -> None:
        role = self._role()
        trouble, result = self._trouble_of(role), self._results.get(role)
        words, state = self._state(role)
        icon, tone, _ = SIGNS[state]
        self._sign.show_icon(icon, tone)
        name = DEVICES[role][0]
        if trouble is not None and state == "bad":
            self._name.say(f"{trouble.code} · {name}")
            self._about.say(trouble.what)
        else:
            self._name.say(f"{name}: {words.lower()}")
            known = _who(self._reports.get(role))
            self._about.say(_ASKS[role.kind] if role in self._running else known)
        self._tested.say(f"{self._when[role]}" if result else "")
        self._picture.show_pixels(result.pixels if result else None)
        self._seen.setVisible(result is not None and result.pixels is not None)
        self._show_figures(role, result)
        self._show_advice(role, trouble if state == "bad" else None)
        self.changed.emit()

    def _show_figures(self, role: DeviceRole, result: TestResult | None) -> None:
        if role in self._running:
            rows: list[kit.Item] = [kit.StateRow("now", "Prueba en curso", second=_ASKS[role.kind])]
        elif result is None:
            rows = [kit.Text("Sin probar todavía en esta visita.", "body", "ink2", wrap=True)]
        else:
            state: kit.State = "ok" if result.ok else "bad"
            rows = [kit.StateRow(state, result.text)]
            rows += [
                kit.StateRow("info", what, value, plain=True) for what, value in result.figures
            ]
        kit.refill(self._figures, *rows)

    def _show_advice(self, role: DeviceRole, trouble: Trouble | None) -> None:
        if trouble is not None:
            orders = [*steps_of(trouble), "Repita la prueba con F5"]
        elif self._results.get(role) is not None:
            kit.refill(self._advice, kit.StateRow("ok", "Nada: el equipo responde.", plain=True))
            return
        else:
            orders = ["Pruebe el equipo con F5", _ASKS[role.kind].rstrip(".")]
        kit.refill(self._advice, *(kit.Numbered(n, order) for n, order in enumerate(orders, 1)))


class ClosedDiagnosticsPage(DiagnosticsPage):
    """The same before anybody is inside: no day's pages beside it, back to the login."""

    rail = "none"

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__(desk, bridge)
        self.can_go_back = True


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
