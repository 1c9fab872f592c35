"""The registry lists every driver, loads what it can, and makes a station's bench."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from migramovil.devices import registry
from migramovil.devices.fingerprint import uru4000
from migramovil.devices.ports import DeviceInfo, DeviceKind, DeviceRole, DeviceState, DriverSpec
from migramovil.devices.sim.station import SimulatedStation
from migramovil.devices.trouble import Cancelled, DeviceTrouble, NotInstalled


def test_there_is_a_driver_of_every_kind_with_a_name_of_its_own() -> None:
    specs = registry.drivers()
    assert {spec.kind for spec in specs} >= set(DeviceKind) - {DeviceKind.GNSS}
    assert len({spec.name for spec in specs}) == len(specs)


def test_drivers_of_one_kind_share_a_lane() -> None:
    specs = registry.drivers()
    for kind in {spec.kind for spec in specs}:
        assert len({spec.lane for spec in specs if spec.kind is kind}) == 1


def test_looking_for_devices_never_raises() -> None:
    specs = registry.drivers()
    for found in registry.find_all(specs):
        assert found.info.kind is found.spec.kind
        assert not found.info.simulated
    for spec in specs:
        spec.let_go()


def test_devices_nobody_can_look_for_are_listed_by_their_address() -> None:
    at = registry.Addresses(printer="192.0.2.7:9100", camera="http://192.0.2.8/film")
    specs = [spec for spec in registry.drivers(at) if spec.name in {"escpos", "camera"}]
    paths = {found.info.path for found in registry.find_all(specs)}
    for spec in specs:
        spec.let_go()
    assert paths == {"192.0.2.7:9100", "http://192.0.2.8/film"}


def test_a_driver_whose_library_is_missing_is_listed_and_finds_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    info = DeviceInfo(kind=DeviceKind.PRINTER, driver="any", model="Any")
    monkeypatch.setattr(registry.importlib, "import_module", missing)
    for spec in (spec for spec in registry.drivers() if not spec.apart):
        assert not spec.installed()
        assert spec.find() == []
        with pytest.raises(NotInstalled):
            spec.make(info)


def without(specs: tuple[DriverSpec, ...], kind: DeviceKind) -> list[DriverSpec]:
    return [spec for spec in specs if spec.kind is not kind]


def test_a_bench_knows_what_is_there_and_that_it_is_played() -> None:
    station = SimulatedStation(pace_s=0)
    bench = registry.Bench(without(station.specs, DeviceKind.PRINTER))
    try:
        assert not bench.simulated
        states = bench.look()
        here = {role for role, state in states.items() if state is DeviceState.READY}
        assert here == {DeviceRole.PORTRAIT, DeviceRole.FINGERS, DeviceRole.MRZ}
        assert bench.simulated
    finally:
        bench.close()
        station.close()


def test_a_closing_bench_does_not_wait_for_a_finger() -> None:
    station = SimulatedStation(pace_s=0)  # nobody on the chair: no finger will come
    bench = registry.Bench(station.specs)
    capture = bench.fingerprint.use(lambda r, c: r.capture(timeout_s=30, cancelled=c))
    time.sleep(0.3)
    began = time.monotonic()
    bench.close()
    station.close()

    assert time.monotonic() - began < 4
    with pytest.raises(Cancelled):
        capture.result(0)
    assert not [t.name for t in threading.enumerate() if t.name.startswith("lane-")]


def test_drivers_of_one_kind_on_two_lanes_are_refused() -> None:
    one = registry.drivers()[0]
    with pytest.raises(ValueError, match="several lanes"):
        registry.Bench([one, replace(one, lane="elsewhere")])


def test_a_reader_pulled_out_and_put_back_is_used_again_without_ado() -> None:
    station = SimulatedStation(pace_s=0)
    bench = registry.Bench(station.specs)
    try:
        station.reader.plugged = False
        with pytest.raises(DeviceTrouble):
            bench.fingerprint.use(lambda r, c: r.capture(timeout_s=1, cancelled=c)).result(5)
        assert bench.fingerprint.state is DeviceState.ABSENT
        station.reader.plugged = True
        assert bench.look()[DeviceRole.FINGERS] is DeviceState.READY
        assert bench.fingerprint.use(lambda r, _: r.info.simulated).result(5)
    finally:
        bench.close()
        station.close()


def test_the_access_rules_name_every_reader_and_come_before_rights_are_given() -> None:
    rules = list((Path(__file__).parents[2] / "resources" / "udev").glob("*.rules"))
    assert [int(path.name.split("-")[0]) < 73 for path in rules] == [True]
    lines = rules[0].read_text(encoding="utf-8").splitlines()
    for model in uru4000.MODELS:
        named = re.compile(
            rf'{{idVendor}}=="{model.vendor:04x}".*{{idProduct}}=="[0-9a-f|]*{model.product:04x}'
        )
        assert [line for line in lines if named.search(line) and "uaccess" in line]
