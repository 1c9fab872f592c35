"""Exposure, focus and white balance of a camera that OpenCV reads; what is told is what is set."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import cv2

from migramovil.devices.camera.modes import Capture
from migramovil.devices.ports import Control
from migramovil.devices.trouble import SettingRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class _Knob:
    """OpenCV's numbers of a control and of its automatic, and what automatic is on and off."""

    value: int
    automatic: int
    on: float = 1.0
    off: float = 0.0


# V4L2's menu of exposure: 1 by hand, 3 with the aperture fixed, which webcams call automatic.
# Windows has a switch of 0 and 1 (OpenCV, cap_v4l.cpp and cap_msmf.cpp).
_EXPOSURE = (0.0, 1.0) if sys.platform == "win32" else (1.0, 3.0)

KNOBS = {
    "exposure": _Knob(
        value=cv2.CAP_PROP_EXPOSURE,
        automatic=cv2.CAP_PROP_AUTO_EXPOSURE,
        off=_EXPOSURE[0],
        on=_EXPOSURE[1],
    ),
    "focus": _Knob(value=cv2.CAP_PROP_FOCUS, automatic=cv2.CAP_PROP_AUTOFOCUS),
    "white_balance": _Knob(value=cv2.CAP_PROP_WB_TEMPERATURE, automatic=cv2.CAP_PROP_AUTO_WB),
}
_NONE = -1.0  # what OpenCV says of a control that is not there


def read(capture: Capture, name: str) -> Control | None:
    """A control as it stands; None when the camera has not got it."""
    knob = KNOBS[name]
    value = capture.get(knob.value)
    if value == _NONE:
        return None
    automatic = capture.get(knob.automatic)
    return Control(
        name=name,
        value=f"{value:g}",
        automatic=None if automatic == _NONE else automatic == knob.on,
    )


def read_all(capture: Capture) -> tuple[Control, ...]:
    found = (read(capture, name) for name in KNOBS)
    return tuple(control for control in found if control is not None)


def turn(capture: Capture, name: str, value: str) -> Control:
    """Set a control, "" for automatic; how it stands afterwards. CAM-09 when it is not so."""
    knob = KNOBS.get(name)
    before = None if knob is None else read(capture, name)
    if knob is None or before is None:
        raise SettingRefused(name)
    if value == "":
        if before.automatic is None:
            raise SettingRefused(name)
        capture.set(knob.automatic, knob.on)
    else:
        _by_hand(capture, knob, before, value)
    after = read(capture, name)
    if after is None or bool(after.automatic) is not (value == ""):
        raise SettingRefused(name)
    return after


def _by_hand(capture: Capture, knob: _Knob, before: Control, value: str) -> None:
    try:
        number = float(value)
    except ValueError:
        raise SettingRefused(before.name) from None
    if before.automatic:
        capture.set(knob.automatic, knob.off)  # V4L2 refuses a value while automatic is on
    if not capture.set(knob.value, number):
        raise SettingRefused(before.name)
