"""The trainer's window: what it promises in every look, and what its keys and switches do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QShortcut
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from migramovil import app
from migramovil.core.record import Realm, WrongRealm
from migramovil.demo import trainer
from migramovil.devices.ports import DeviceKind, SlipLine
from migramovil.devices.sim.control import DOOR
from migramovil.devices.sim.panel import UNPLUGGED, Panel
from migramovil.devices.sim.people import person
from migramovil.devices.sim.sbi_service import SbiService
from migramovil.devices.sim.station import Played, PrinterKind, ReaderKind, SimulatedStation
from migramovil.ui import theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.frame import Frame
from migramovil.ui.kit import Button, Check, Text
from migramovil.ui.kit.page import Page
from migramovil.ui.pages.sim_panel import SimPanelPage, SimPanelWindow
from migramovil.ui.window import StationWindow
from tests.ui.checks import LOOKS, assert_all_well, settle
from tests.ui.fake_desk import a_desk

FULL = Played(document_camera=True, gnss=True)
TABLES = [FULL, Played(reader=ReaderKind.SBI, printer=PrinterKind.IPP)]


@pytest.fixture
def station() -> Iterator[SimulatedStation]:
    with closing(SimulatedStation(pace_s=0, played=FULL)) as station:
        yield station


@pytest.fixture
def panel(station: SimulatedStation) -> Panel:
    return Panel(station, [person(7, number) for number in range(24)])


@pytest.fixture
def page(qtbot: QtBot, panel: Panel) -> Iterator[SimPanelPage]:
    window = SimPanelWindow(panel, Bridge())
    window.bring()
    assert isinstance(window.page, SimPanelPage)
    qtbot.waitUntil(lambda: window.at_rest)
    yield window.page
    window.end()


def check(page: SimPanelPage, words: str) -> Check:
    return next(c for c in page.findChildren(Check) if c.text() == words and c.isVisible())


def choose(page: SimPanelPage, device: str) -> None:
    page.choose(device)
    settle()


def badges(page: SimPanelPage) -> dict[str, str]:
    model = page.devices.model()
    rows = range(model.rowCount())
    return {str(model.data(model.index(n, 0))): str(model.data(model.index(n, 1))) for n in rows}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("table", TABLES, ids=["full", "services"])
def test_nothing_is_clipped_and_all_is_named_in_every_look(
    qtbot: QtBot, table: Played, look: tuple[theme.Name, float]
) -> None:
    theme.use(*look, motion=False)
    with closing(SimulatedStation(pace_s=0, played=table)) as station:
        panel = Panel(station, [person(7, number) for number in range(4)])
        panel.sit(2)
        panel.apply("printer", "paper-low")
        panel.apply("camera", UNPLUGGED)
        window = SimPanelWindow(panel, Bridge())
        window.bring()
        for device in ("reader", "printer"):
            choose(window.page, device)
            assert_all_well(window)
        print_one(station)
        qtbot.waitUntil(lambda: not window.page._slip.empty)
        window.page.action_for("F7")()
        assert_all_well(window)
        window.end()


def test_the_person_chosen_sits_down_by_key_and_leaves_by_key(
    qtbot: QtBot, page: SimPanelPage, panel: Panel
) -> None:
    QTest.keyClick(page.seats, Qt.Key.Key_Down)
    QTest.keyClick(page.seats, Qt.Key.Key_F2)
    qtbot.waitUntil(lambda: panel.people()[1].seated)
    qtbot.waitUntil(lambda: "en la silla" in str(seconds(page)[1]))
    assert page.seats.current() == 1  # the choice stands
    QTest.keyClick(page.seats, Qt.Key.Key_F6)
    qtbot.waitUntil(lambda: not any(one.seated for one in panel.people()))


def test_a_switch_turns_the_fault_on_and_off_and_the_list_counts_it(
    qtbot: QtBot, page: SimPanelPage, panel: Panel
) -> None:
    choose(page, "printer")
    QTest.keyClick(check(page, "Sin papel"), Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: badges(page)["Impresora"] == "1 falla")
    QTest.keyClick(check(page, "Tapa abierta"), Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not check(page, "Sin papel").isChecked())  # one at a time
    assert badges(page)["Impresora"] == "1 falla"
    QTest.keyClick(check(page, "Lenta"), Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: badges(page)["Impresora"] == "2 fallas")
    QTest.keyClick(check(page, "Tapa abierta"), Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: badges(page)["Impresora"] == "1 falla")
    QTest.keyClick(page.seats, Qt.Key.Key_F8)
    qtbot.waitUntil(lambda: badges(page)["Impresora"] == "Bien")
    assert not check(page, "Lenta").isChecked()


def test_what_a_script_does_is_seen_within_a_second(
    qtbot: QtBot, page: SimPanelPage, panel: Panel
) -> None:
    choose(page, "camera")
    panel.apply("camera", UNPLUGGED)
    panel.lay(9)
    qtbot.waitUntil(lambda: check(page, "Desconectado").isChecked(), timeout=1500)
    assert badges(page)["Cámara"] == "Sin cable"
    assert page.finger.value() == "9"


def test_what_happens_once_is_a_button(qtbot: QtBot, page: SimPanelPage, panel: Panel) -> None:
    choose(page, "reader")
    button = next(b for b in page.findChildren(Button) if b.text() == "Se apaga una vez")
    button.click()
    qtbot.waitUntil(lambda: badges(page)["Huellero"] == "1 falla")


def test_another_finger_is_laid_when_the_trainer_says_so(
    qtbot: QtBot, page: SimPanelPage, panel: Panel
) -> None:
    page.finger.set_value("7")
    page.finger.chosen.emit("7")
    qtbot.waitUntil(lambda: panel.finger == 7)


def test_the_last_slip_is_shown_from_near_and_the_switches_come_back(
    qtbot: QtBot, station: SimulatedStation, page: SimPanelPage
) -> None:
    print_one(station)
    qtbot.waitUntil(lambda: not page._slip.empty)
    assert any(t.text() == "Impresos: 1" for t in page.findChildren(Text))
    page.action_for("F7")()
    assert page._slip.isVisible()
    choose(page, "camera")
    assert not page._slip.isVisible()
    assert check(page, "Lente tapado").isVisible()


def test_escape_hides_the_window_and_the_faults_stay(
    qtbot: QtBot, page: SimPanelPage, panel: Panel
) -> None:
    panel.apply("mrz", "hang")
    window = page.window()
    QTest.keyClick(page.seats, Qt.Key.Key_Escape)
    assert not window.isVisible()
    window.bring()
    assert badges(page)["Lector MRZ"] == "1 falla"


def test_the_window_never_keeps_the_program_alive(page: SimPanelPage) -> None:
    assert not page.window().testAttribute(Qt.WidgetAttribute.WA_QuitOnClose)


@pytest.mark.parametrize("training", [True, False])
def test_the_panel_stands_beside_a_training_station_and_never_beside_another(
    qtbot: QtBot, station: SimulatedStation, panel: Panel, tmp_path: Path, training: bool
) -> None:
    bridge = Bridge()
    window = StationWindow(a_desk().real, bridge)
    window.allow_close()
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    real = app.build(
        tmp_path / "station",
        training=training,
        sim=station if training else None,
        password_memory_kib=64,
    )
    try:
        assert real.realm is (Realm.TRAINING if training else Realm.PRODUCTION)
        at_hand = trainer.at_hand(real, panel, tmp_path, window, bridge)
        if not training:
            with pytest.raises(WrongRealm), at_hand:
                pass
            assert window.findChildren(QShortcut) == []
        else:
            with at_hand as shown:
                assert (tmp_path / DOOR).exists()
                settle()
                QTest.keySequence(window, trainer.KEY)
                assert shown.isVisible()
            assert not shown.isVisible()
        assert not (tmp_path / DOOR).exists()
        assert not [w for w in QApplication.topLevelWidgets() if _is_panel(w) and w.isVisible()]
    finally:
        real.close()


def _is_panel(widget: object) -> bool:
    return isinstance(widget, SimPanelWindow)


def seconds(page: SimPanelPage) -> list[str]:
    """The smaller lines of the people."""
    model = page.seats.model()
    return [model.cell(model.index(row, 0)).second for row in range(model.rowCount())]


def print_one(station: SimulatedStation) -> None:
    spec = station.specs[2]
    printer = spec.make(spec.find()[0])
    printer.open()
    printer.print_slip([SlipLine(text=f"Línea {n}", right="x") for n in range(30)])
    printer.close()


@pytest.mark.parametrize("training", [True, False])
def test_a_service_that_plays_serves_a_training_station_and_no_production_one(
    tmp_path: Path, training: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """As a technician may set it: the environment of a maker's test service in station.toml."""
    with closing(SbiService(lambda _: np.full((290, 384), 255, np.uint8), ports=(0,))) as service:
        (tmp_path / "station.toml").write_text(
            f'[devices]\nsbi = "{service.port}"\nsbi_environment = "Developer"\n'
        )
        real = app.build(tmp_path, training=training, password_memory_kib=64)
        try:
            found = [info.driver for info in real.bench.present(DeviceKind.FINGERPRINT)]
            assert ("sbi" in found) is training
        finally:
            real.close()
    refused = [r for r in caplog.records if "played device" in r.getMessage()]
    assert bool(refused) is not training
    caplog.clear()


def test_a_station_with_a_played_device_is_of_training_and_says_so(
    qtbot: QtBot, station: SimulatedStation, tmp_path: Path
) -> None:
    real = app.build(tmp_path, training=False, sim=station, password_memory_kib=64)
    try:
        assert real.realm is Realm.TRAINING
        window = Frame(place="", training=real.desk.place.training)
        window.show_page(Page("Jornada"))
        qtbot.addWidget(window)
        window.show()
        said = [part.accessibleName() for part in window.header.findChildren(QWidget)]
        assert "Estación de entrenamiento" in said
        window.allow_close()
    finally:
        real.close()
