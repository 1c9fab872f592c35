"""Still cameras through libgphoto2: one picture of full size, and a preview where there is one.

Nothing of a person stays in the camera: a picture goes to its own memory, comes over, and is
deleted there, and with it whatever else the same shot left (a raw file beside the JPEG).

libgphoto2 cannot be called off, so it works on a thread of its own; a shot nobody waits for any
more is deleted all the same.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import gphoto2

from migramovil.devices.camera import jpeg_frames
from migramovil.devices.ports import Control, DeviceInfo, DeviceKind, Frame
from migramovil.devices.registry import Addresses
from migramovil.devices.trouble import (
    BatteryLow,
    CameraMounted,
    Cancelled,
    CardFull,
    DeviceBusy,
    DeviceTrouble,
    GarbledPicture,
    NoPicture,
    NotAllowed,
    NotShot,
    SettingRefused,
    TimedOut,
    Unplugged,
)

NAME = "gphoto2"
CONTROLS = ("iso", "shutterspeed", "f-number", "aperture", "exposurecompensation", "whitebalance",
            "autofocus", "expprogram")  # fmt: skip
"""What is offered to set, of the dozens that a camera has."""
LOW_PERCENT = 10

_LOOK_S = 0.2
_AFTERWARDS_MS = 150  # how long a second file of the same shot is waited for
_SYSFS = Path("/sys/bus/usb/devices")

T = TypeVar("T")

_TROUBLES: dict[int, type[DeviceTrouble]] = {
    gphoto2.GP_ERROR_IO_USB_CLAIM: CameraMounted,
    gphoto2.GP_ERROR_IO_LOCK: DeviceBusy,
    gphoto2.GP_ERROR_CAMERA_BUSY: DeviceBusy,
    gphoto2.GP_ERROR_TIMEOUT: TimedOut,
    gphoto2.GP_ERROR_NO_SPACE: CardFull,
    gphoto2.GP_ERROR_CORRUPTED_DATA: GarbledPicture,
    gphoto2.GP_ERROR_IO_USB_FIND: Unplugged,
    gphoto2.GP_ERROR_MODEL_NOT_FOUND: Unplugged,
    gphoto2.GP_ERROR_UNKNOWN_PORT: Unplugged,
    gphoto2.GP_ERROR_IO: Unplugged,
    gphoto2.GP_ERROR_IO_INIT: Unplugged,
    gphoto2.GP_ERROR_IO_READ: Unplugged,
    gphoto2.GP_ERROR_IO_WRITE: Unplugged,
}


def installed() -> bool:
    return True


def find(at: Addresses | None = None) -> list[DeviceInfo]:
    """The cameras on USB that libgphoto2 can make take a picture; none is opened for it."""
    del at
    with contextlib.suppress(gphoto2.GPhoto2Error):
        return list(_plugged())
    return []


def make(info: DeviceInfo, at: Addresses | None = None) -> GPhoto2Camera:
    del at
    return GPhoto2Camera(info)


class GPhoto2Camera:
    """One camera. `dial` gives libgphoto2's camera, initialised; the one in `info` by default."""

    def __init__(
        self, info: DeviceInfo, *, dial: Callable[[DeviceInfo], Any] | None = None
    ) -> None:
        self.info = info
        self._dial = dial or _dialled
        self._camera: Any = None
        self._hand = _Hand()
        self._number = 0

    def open(self) -> None:
        """Take the camera, set it to deliver JPEG from its own memory, look what it can do.

        CAM-06 when a desktop has mounted it, DEV-07 when another program has it.
        """
        self._hand = _Hand()
        self._camera = self._hand.give(self._begun, 30.0, Event())

    def close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            self._hand.leave(camera.exit)

    def read(self, *, timeout_s: float, cancelled: Event) -> Frame:
        """The next preview picture; CAM-01 where the capability `preview` is False."""
        camera = self._opened()
        if not self.info.capabilities.get("preview"):
            raise NoPicture
        return self._frame(lambda: _bytes(camera.capture_preview()), timeout_s, cancelled)

    def capture_still(self, *, timeout_s: float, cancelled: Event) -> Frame:
        """Release the shutter: one picture of full size.

        CAM-08 when it does not focus, CAM-07 when it failed with the battery nearly empty, CAM-10
        when its memory is full.
        """
        camera = self._opened()
        return self._frame(lambda: _shot(camera), timeout_s, cancelled)

    def controls(self) -> tuple[Control, ...]:
        camera = self._opened()
        return self._hand.give(lambda: tuple(_controls(camera.get_config())), 5.0, Event())

    def set_control(self, name: str, value: str) -> Control:
        """Set one control, "" for automatic; how it stands afterwards. CAM-09 if it refuses."""
        camera = self._opened()
        return self._hand.give(lambda: _turned(camera, name, value), 5.0, Event())

    def _opened(self) -> Any:
        if self._camera is None:
            raise Unplugged
        return self._camera

    def _frame(self, take: Callable[[], bytes], timeout_s: float, cancelled: Event) -> Frame:
        data = self._hand.give(take, timeout_s, cancelled)
        self._number += 1
        return Frame(pixels=jpeg_frames.decode(data), number=self._number)

    def _begun(self) -> Any:
        camera = self._dial(self.info)
        config = camera.get_config()
        _prefer(camera, config, "capturetarget", "internal ram")
        _prefer(camera, config, "imageformat", "jpeg")
        _prefer(camera, config, "imagequality", "jpeg")
        battery = _child(config, "batterylevel")
        known: dict[str, str | int | bool] = {
            "still": True,
            "preview": _previews(camera),
            "controls": ",".join(control.name for control in _controls(config)),
            "battery": "" if battery is None else str(battery.get_value()),
        }
        self.info = replace(self.info, capabilities=known)
        return camera


class _Hand:
    """The thread on which a camera's calls run; one at a time, and none is cut short."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gphoto2")

    def give(self, call: Callable[[], T], timeout_s: float, cancelled: Event) -> T:
        """Do it; DEV-02 when the answer does not come in time, with vendor words translated."""
        if cancelled.is_set():
            raise Cancelled
        done = self._thread.submit(call)
        end = time.monotonic() + timeout_s
        while not cancelled.is_set():
            left = end - time.monotonic()
            with contextlib.suppress(TimeoutError):
                return _translated(done, min(_LOOK_S, max(left, 0.0)))
            if left <= 0:
                raise TimedOut
        raise Cancelled

    def leave(self, last: Callable[[], object]) -> None:
        """Do one more thing, and end; a thread that hangs in the library is left behind."""

        def quietly() -> None:
            with contextlib.suppress(gphoto2.GPhoto2Error):
                last()

        done = self._thread.submit(quietly)
        self._thread.shutdown(wait=False)
        with contextlib.suppress(TimeoutError):
            done.result(3.0)


def _translated(done: Future[T], wait_s: float) -> T:
    try:
        return done.result(wait_s)
    except gphoto2.GPhoto2Error as error:
        raise _TROUBLES.get(error.code, NotShot)(f"gphoto2 {error.code}") from None


# ---- finding and taking ----------------------------------------------------------------------
def _plugged() -> Iterator[DeviceInfo]:
    ports, known = gphoto2.PortInfoList(), gphoto2.CameraAbilitiesList()
    ports.load()
    known.load()
    found = known.detect(ports)
    for at in range(len(found)):
        model, path = found.get_name(at), found.get_value(at)
        able = known.get_abilities(known.lookup_model(model)).operations
        if path.startswith("usb:") and able & gphoto2.GP_OPERATION_CAPTURE_IMAGE:
            yield DeviceInfo(
                kind=DeviceKind.CAMERA,
                driver=NAME,
                model=model,
                path=path,
                capabilities={
                    "still": True,
                    "preview": bool(able & gphoto2.GP_OPERATION_CAPTURE_PREVIEW),
                },
                **_usb(path),
            )


def _usb(path: str) -> dict[str, Any]:
    """Who sits at "usb:BUS,DEVICE", out of the system's own list."""
    wanted = [str(int(number)) for number in re.findall(r"\d+", path)]
    for device in _SYSFS.glob("*"):
        with contextlib.suppress(OSError):
            if [_word(device / "busnum"), _word(device / "devnum")] == wanted:
                serial = device / "serial"
                return {
                    "vendor": _word(device / "idVendor"),
                    "product": _word(device / "idProduct"),
                    "serial": _word(serial) if serial.exists() else "",
                    "port": device.name,
                }
    return {}


def _word(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip()


def _dialled(info: DeviceInfo) -> Any:
    _check_node(info.path)
    ports, known = gphoto2.PortInfoList(), gphoto2.CameraAbilitiesList()
    ports.load()
    known.load()
    camera = gphoto2.Camera()
    camera.set_port_info(ports[ports.lookup_path(info.path)])
    camera.set_abilities(known[known.lookup_model(info.model.removesuffix(" (simulado)"))])
    camera.init()
    return camera


def _check_node(path: str) -> None:
    """libgphoto2 has one word for "not plugged in" and for "not allowed"."""
    found = re.fullmatch(r"usb:(\d+),(\d+)", path)
    if found is None or sys.platform != "linux":
        return
    node = Path("/dev/bus/usb") / found[1] / found[2]
    if node.exists() and not os.access(node, os.R_OK | os.W_OK):
        raise NotAllowed


# ---- what a camera does ------------------------------------------------------------------------
def _previews(camera: Any) -> bool:
    """Whether it shows a live picture: some that say so do not."""
    try:
        return bool(_bytes(camera.capture_preview()))
    except gphoto2.GPhoto2Error as error:
        if error.code in _TROUBLES:
            raise
        return False


def _shot(camera: Any) -> bytes:
    try:
        path = camera.capture(gphoto2.GP_CAPTURE_IMAGE)
    except gphoto2.GPhoto2Error as error:
        if error.code not in _TROUBLES and _nearly_empty(camera):
            raise BatteryLow from None
        raise
    try:
        return _bytes(camera.file_get(path.folder, path.name, gphoto2.GP_FILE_TYPE_NORMAL))
    finally:
        _delete(camera, [path, *_left_besides(camera)])


def _bytes(file: Any) -> bytes:
    return bytes(file.get_data_and_size())


def _left_besides(camera: Any) -> Iterator[Any]:
    """Further files of the same shot."""
    while True:
        try:
            kind, path = camera.wait_for_event(_AFTERWARDS_MS)
        except gphoto2.GPhoto2Error:
            return
        if kind == gphoto2.GP_EVENT_TIMEOUT:
            return
        if kind == gphoto2.GP_EVENT_FILE_ADDED:
            yield path


def _delete(camera: Any, paths: Sequence[Any]) -> None:
    for path in paths:
        # gone already: with no card, some cameras forget a picture as soon as it was fetched
        with contextlib.suppress(gphoto2.GPhoto2Error):
            camera.file_delete(path.folder, path.name)


def _nearly_empty(camera: Any) -> bool:
    try:
        battery = _child(camera.get_config(), "batterylevel")
    except gphoto2.GPhoto2Error:
        return False
    said = "" if battery is None else str(battery.get_value()).strip().lower()
    percent = re.fullmatch(r"(\d{1,3})\s*%?", said)
    return said in {"low", "empty"} or (percent is not None and int(percent[1]) <= LOW_PERCENT)


# ---- settings ------------------------------------------------------------------------------------
def _child(config: Any, name: str) -> Any:
    try:
        return config.get_child_by_name(name)
    except gphoto2.GPhoto2Error:
        return None


def _choices(widget: Any) -> tuple[str, ...]:
    if widget.get_type() not in {gphoto2.GP_WIDGET_RADIO, gphoto2.GP_WIDGET_MENU}:
        return ()
    return tuple(str(choice) for choice in widget.get_choices())


def _prefer(camera: Any, config: Any, name: str, word: str) -> None:
    """Set a choice to the first that contains `word`, unless it does; leave it if none does."""
    widget = _child(config, name)
    if widget is None or widget.get_readonly() or word in str(widget.get_value()).lower():
        return
    wanted = next((one for one in _choices(widget) if word in one.lower()), None)
    if wanted is not None:
        widget.set_value(wanted)
        with contextlib.suppress(gphoto2.GPhoto2Error):
            camera.set_single_config(name, widget)


def _automatic(choices: Sequence[str]) -> str | None:
    return next((one for one in choices if one.lower().startswith(("auto", "on"))), None)


def _control(widget: Any) -> Control:
    value, choices = str(widget.get_value()), _choices(widget)
    automatic = _automatic(choices)
    return Control(
        name=widget.get_name(),
        value=value,
        automatic=None if automatic is None else value == automatic,
        choices=choices,
    )


def _controls(config: Any) -> Iterator[Control]:
    for name in CONTROLS:
        widget = _child(config, name)
        if widget is not None and not widget.get_readonly() and _choices(widget):
            yield _control(widget)


def _turned(camera: Any, name: str, value: str) -> Control:
    widget = _child(camera.get_config(), name) if name in CONTROLS else None
    if widget is None or widget.get_readonly():
        raise SettingRefused(name)
    choices = _choices(widget)
    wanted = value or _automatic(choices)
    if wanted not in choices:
        raise SettingRefused(name)
    widget.set_value(wanted)
    try:
        camera.set_single_config(name, widget)
        after = _control(_child(camera.get_config(), name))
    except gphoto2.GPhoto2Error:
        raise SettingRefused(name) from None
    if after.value != wanted:
        raise SettingRefused(name)
    return after
