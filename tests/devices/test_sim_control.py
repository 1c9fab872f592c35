"""A running training station's panel, worked by scripts: by its owner alone, and by words alone."""

from __future__ import annotations

import contextlib
import json
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from migramovil import cli
from migramovil.devices.sim import control
from migramovil.devices.sim.control import Control, Door, NoPanel, Order
from migramovil.devices.sim.panel import NoSuchSwitch, Panel
from migramovil.devices.sim.people import person
from migramovil.devices.sim.station import SimulatedStation


@pytest.fixture
def panel() -> Iterator[Panel]:
    with closing(SimulatedStation(pace_s=0)) as station:
        yield Panel(station, [person(7, 0), person(7, 1)])


@pytest.fixture
def folder(panel: Panel, tmp_path: Path) -> Iterator[Path]:
    with closing(Control(panel, tmp_path)):
        yield tmp_path


def faults(panel: Panel) -> set[str]:
    return {f"{d.key} {one.key}" for d in panel.state() for one in d.switches if one.on}


def sim(*words: object) -> Result:
    return CliRunner().invoke(cli.app, ["sim", *(str(word) for word in words)])


def test_a_script_does_what_a_trainer_does(panel: Panel, folder: Path) -> None:
    assert sim("fault", "camera", "cap", "--data", folder).exit_code == 0
    assert sim("fault", "printer", "paper-out", "--data", folder).exit_code == 0
    assert faults(panel) == {"camera cap", "printer paper-out"}
    assert sim("fault", "camera", "cap", "--off", "--data", folder).exit_code == 0
    assert faults(panel) == {"printer paper-out"}
    assert sim("clear", "--data", folder).exit_code == 0
    assert faults(panel) == set()
    assert sim("sit", 1, "--data", folder).exit_code == 0
    assert [one.seated for one in panel.people()] == [False, True]
    assert sim("sit", "--data", folder).exit_code == 0
    assert [one.seated for one in panel.people()] == [False, False]
    assert sim("lay", 8, "--data", folder).exit_code == 0
    assert panel.finger == 8


def test_the_list_names_every_switch_and_person_for_people_and_programs(
    panel: Panel, folder: Path
) -> None:
    panel.apply("mrz", "hang")
    shown = sim("list", "--data", folder).output
    for standing in panel.state():
        assert standing.name in shown
        assert all(f"{one.key:22} {one.name}" in shown for one in standing.switches)
    assert all(seat.document in shown for seat in panel.people())
    rows = [json.loads(row) for row in sim("list", "--json", "--data", folder).output.splitlines()]
    on = [(r["key"], s["key"]) for r in rows for s in r.get("switches", ()) if s["on"]]
    assert on == [("mrz", "hang")]


def test_what_is_not_there_is_told_and_nothing_is_done(panel: Panel, folder: Path) -> None:
    with pytest.raises(NoSuchSwitch):
        control.ask(folder, verb="fault", device="toaster", fault="noise")
    with pytest.raises(NoSuchSwitch):
        control.ask(folder, verb="sit", number=2)
    assert isinstance(sim("fault", "camera", "x", "--data", folder).exception, NoSuchSwitch)
    assert faults(panel) == set()


def test_without_a_running_training_station_there_is_nothing_to_work(
    panel: Panel, tmp_path: Path
) -> None:
    with pytest.raises(NoPanel):
        control.ask(tmp_path, verb="list")
    with closing(Control(panel, tmp_path)):
        left = (tmp_path / control.DOOR).read_bytes()
        assert control.ask(tmp_path, verb="list").devices
    assert not (tmp_path / control.DOOR).exists()
    (tmp_path / control.DOOR).write_bytes(left)  # what a station that was killed leaves behind
    with pytest.raises(NoPanel):
        control.ask(tmp_path, verb="list")


def test_only_the_owner_of_the_folder_may_read_what_opens_the_panel(
    panel: Panel, tmp_path: Path
) -> None:
    (tmp_path / control.DOOR).write_text("{}")  # an old one, readable by everyone
    (tmp_path / control.DOOR).chmod(0o644)
    with closing(Control(panel, tmp_path)):
        if sys.platform != "win32":
            assert stat.S_IMODE((tmp_path / control.DOOR).stat().st_mode) == 0o600
        first = door(tmp_path).token
    with closing(Control(panel, tmp_path)):
        assert door(tmp_path).token != first


def test_nobody_without_the_token_moves_a_switch_or_learns_a_name(
    panel: Panel, folder: Path
) -> None:
    token = door(folder).token
    for wrong in ("", token[:-1], token + "x", "ñ"):
        order = Order(token=wrong, verb="fault", device="camera", fault="cap")
        answer = control.obey(panel, token, msgspec.json.encode(order))
        assert answer.code == NoPanel.code
        assert (answer.devices, answer.people) == ((), ())
    assert faults(panel) == set()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"\xff\xfe\n",
        b"[]\n",
        b'{"verb": "list"}\n',
        b'{"token": "TOKEN", "verb": "format"}\n',
        b'{"token": "TOKEN", "verb": "sit", "number": "1"}\n',
        b'{"token": "TOKEN", "verb": "list", "more": 1}\n',
    ],
)
def test_what_is_not_understood_is_answered_so_and_the_panel_goes_on(
    panel: Panel, folder: Path, line: bytes
) -> None:
    answer = raw(folder, line.replace(b"TOKEN", door(folder).token.encode()))
    assert answer["code"] == NoPanel.code
    assert control.ask(folder, verb="list").devices


@given(st.binary(max_size=300))
def test_no_bytes_whatever_get_past_the_door(line: bytes) -> None:
    nobody = cast("Panel", None)  # whoever reached it would fall over it
    assert control.obey(nobody, "the token", line).code == NoPanel.code


def test_a_line_without_end_is_cut_off_and_the_panel_goes_on(panel: Panel, folder: Path) -> None:
    at = ("127.0.0.1", door(folder).port)
    with contextlib.suppress(OSError), socket.create_connection(at, 5) as w:
        for _ in range(100):
            w.sendall(b"a" * 65_536)
        pytest.fail("somebody read six megabytes")
    assert control.ask(folder, verb="list").devices


def test_it_listens_on_the_loopback_alone(folder: Path) -> None:
    port = door(folder).port
    assert control.ask(folder, verb="list").devices
    here = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in {one for one in here if not one.startswith("127.")}:
        with pytest.raises(ConnectionError):
            socket.create_connection((address, port), 1).close()


def door(folder: Path) -> Door:
    return msgspec.json.decode((folder / control.DOOR).read_bytes(), type=Door)


def raw(folder: Path, line: bytes) -> dict[str, Any]:
    with socket.create_connection(("127.0.0.1", door(folder).port), 5) as wire:
        wire.sendall(line)
        wire.shutdown(socket.SHUT_WR)
        with wire.makefile("rb") as said:
            answer: dict[str, Any] = json.loads(said.readline())
    return answer
