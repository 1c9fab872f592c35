"""A device keeps its role by who it is: after a restart, a replug, and beside its twin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from migramovil.devices.ports import DeviceInfo, DeviceKind, DeviceRole
from migramovil.devices.roles import Roles

PORTRAIT, DOCUMENT, FINGERS = DeviceRole.PORTRAIT, DeviceRole.DOCUMENT, DeviceRole.FINGERS


def a_camera(
    node: int, *, serial: str = "", port: str = "", product: str = "0825", path: str = ""
) -> DeviceInfo:
    return DeviceInfo(
        kind=DeviceKind.CAMERA,
        driver="opencv",
        model="UVC Camera",
        vendor="046d",
        product=product,
        serial=serial,
        port=port,
        path=path or f"/dev/video{node}",
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "devices.json"


def test_a_single_new_camera_becomes_the_portrait_camera_and_stays_it(file: Path) -> None:
    first = a_camera(0, serial="A")
    assert Roles(file).choose(PORTRAIT, [first]) is first

    newcomer, moved = a_camera(0, serial="B"), a_camera(2, serial="A", port="1-3")
    assert Roles(file).choose(PORTRAIT, [newcomer, moved]) is moved


def test_no_camera_takes_the_documents_role_by_itself(file: Path) -> None:
    roles = Roles(file)
    assert roles.choose(DOCUMENT, [a_camera(0, serial="A")]) is None
    assert roles.choose(PORTRAIT, []) is None


@pytest.mark.parametrize(
    "told_apart_by",
    [
        pytest.param({"serial": ("A", "B"), "port": ("1-1", "1-2")}, id="serial numbers"),
        pytest.param({"serial": ("", ""), "port": ("1-1", "1-2")}, id="ports"),
        pytest.param({"serial": ("SN01", "SN01"), "port": ("1-1", "1-2")}, id="one serial for all"),
    ],
)
def test_two_identical_cameras_keep_their_roles_after_a_restart(
    file: Path, told_apart_by: dict[str, tuple[str, str]]
) -> None:
    face, desk = (
        a_camera(n, serial=told_apart_by["serial"][n], port=told_apart_by["port"][n])
        for n in range(2)
    )
    before = Roles(file)
    before.assign(PORTRAIT, face)
    before.assign(DOCUMENT, desk)

    # the kernel numbers them as it likes, and the other comes first
    desk, face = replace(desk, path="/dev/video0"), replace(face, path="/dev/video1")
    after = Roles(file)
    assert after.choose(PORTRAIT, [desk, face]) is face
    assert after.choose(DOCUMENT, [desk, face]) is desk


def test_cameras_with_serial_numbers_may_change_sockets(file: Path) -> None:
    roles = Roles(file)
    roles.assign(PORTRAIT, a_camera(0, serial="A", port="1-1"))
    roles.assign(DOCUMENT, a_camera(1, serial="B", port="1-2"))
    swapped = [a_camera(0, serial="B", port="1-1"), a_camera(1, serial="A", port="1-2")]
    assert roles.choose(PORTRAIT, swapped) is swapped[1]
    assert roles.choose(DOCUMENT, swapped) is swapped[0]


def test_the_documents_camera_is_never_taken_for_portraits(file: Path) -> None:
    roles = Roles(file)
    desk = a_camera(0, serial="B")
    roles.assign(PORTRAIT, a_camera(1, serial="A"))
    roles.assign(DOCUMENT, desk)
    assert roles.choose(PORTRAIT, [desk]) is None


def test_another_camera_stands_in_and_gives_the_role_back(file: Path) -> None:
    roles = Roles(file)
    own, spare = a_camera(0, serial="A"), a_camera(1, serial="Z", product="9999")
    roles.assign(PORTRAIT, own)
    assert roles.choose(PORTRAIT, [spare]) is spare
    assert roles.choose(PORTRAIT, [spare, own]) is own


def test_a_camera_has_one_role(file: Path) -> None:
    roles = Roles(file)
    only = a_camera(0, serial="A")
    roles.assign(PORTRAIT, only)
    roles.assign(DOCUMENT, only)
    assert roles.choose(DOCUMENT, [only]) is only
    assert roles.choose(PORTRAIT, [only]) is None
    roles.free(DOCUMENT)
    assert roles.choose(PORTRAIT, [only]) is only


def test_a_device_that_is_only_an_address_is_known_by_it(file: Path) -> None:
    roles = Roles(file)
    a, b = (
        DeviceInfo(kind=DeviceKind.PRINTER, driver="escpos", model="Red", path=path)
        for path in ("10.0.0.7:9100", "10.0.0.8:9100")
    )
    roles.assign(DeviceRole.PRINTER, b)
    assert Roles(file).choose(DeviceRole.PRINTER, [a, b]) is b


def test_a_damaged_file_costs_the_roles_and_nothing_else(file: Path) -> None:
    file.write_bytes(b'{"portrait": {"driver"')
    roles = Roles(file)
    camera = a_camera(0, serial="A")
    assert roles.choose(PORTRAIT, [camera]) is camera
    assert Roles(file).assigned(PORTRAIT) is not None


def test_without_a_place_to_remember_a_device_still_serves(tmp_path: Path) -> None:
    roles = Roles(tmp_path / "missing" / "devices.json")
    camera = a_camera(0, serial="A")
    assert roles.choose(PORTRAIT, [camera]) is camera
    with pytest.raises(OSError, match="missing"):
        roles.assign(DOCUMENT, camera)


def test_the_kind_of_every_role_is_known() -> None:
    assert {role.kind for role in DeviceRole} == set(DeviceKind)
    assert [role for role in DeviceRole if role.kind is DeviceKind.CAMERA] == [
        PORTRAIT,
        DOCUMENT,
        DeviceRole.APPLICANT,
    ]
