"""A driver with every bad habit native code can have. Its devices are told apart by their model."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from threading import Event

import numpy as np

from migramovil.devices.ports import (
    DeviceInfo,
    DeviceKind,
    FingerImage,
    OnPreview,
    PaperStatus,
    Pixels,
    Printed,
    SlipLine,
)
from migramovil.devices.registry import Addresses
from migramovil.devices.trouble import Cancelled, DeviceTrouble, NoFinger, PrinterUnreachable


class Unheard(NoFinger):
    """A trouble that only the child knows."""


def installed() -> bool:
    return True


def find(at: Addresses) -> list[DeviceInfo]:
    if at.printer == "hangs":
        _hold_the_interpreter(30)
    if at.printer == "dies":
        os.abort()
    if not at.printer:
        return []
    return [DeviceInfo(kind=DeviceKind.FINGERPRINT, driver="fake", model=at.printer, path="x")]


def make(info: DeviceInfo, _at: Addresses) -> Habits:
    return Habits(info)


class Habits:
    def __init__(self, info: DeviceInfo) -> None:
        self.info = info

    def open(self) -> None:
        if self.info.model == "does not open":
            raise PrinterUnreachable("far away")
        self.info = DeviceInfo(
            kind=self.info.kind, driver="fake", model=self.info.model, serial="seen", path="x"
        )

    def close(self) -> None:
        if self.info.model == "hangs at close":
            _hold_the_interpreter(30)

    def capture(
        self, *, timeout_s: float, cancelled: Event, on_preview: OnPreview | None = None
    ) -> FingerImage:
        """Count up in previews until called off, or until the time is over."""
        end = time.monotonic() + timeout_s
        number = 0
        while time.monotonic() < end:
            if cancelled.wait(0.002):
                raise Cancelled
            if on_preview is not None:
                number += 1
                on_preview(np.full((100, 100), number % 250, np.uint8))
        return FingerImage(pixels=np.full((4, 3), 7, np.uint8), ppi=500)

    def picture(self, height: int, width: int) -> Pixels:
        """Each byte is its place modulo 251."""
        return np.resize(np.arange(251, dtype=np.uint8), (height, width, 3))

    def print_slip(self, lines: Iterable[SlipLine], *, folio: str = "") -> Printed:
        said = [line.text for line in lines if isinstance(line, SlipLine)]
        return Printed(job=f"{folio}:{'/'.join(said)}", confirmed=True)

    def status(self) -> PaperStatus:
        return PaperStatus.LOW

    def pid(self) -> int:
        return os.getpid()

    def trouble(self) -> None:
        raise NoFinger("glass")

    def unheard(self) -> None:
        raise Unheard("private")

    def plain_trouble(self) -> None:
        raise DeviceTrouble

    def bug(self) -> None:
        raise KeyError("Quispe Mamani")

    def stranger(self) -> object:
        return object()

    def babble(self) -> str:
        print("\x00\xff garbage" * 2000, flush=True)  # noqa: T201 - as vendors do
        os.write(1, b"\xff" * 70_000)
        os.write(2, b"\xff" * 70_000)
        return "said"

    def abort(self) -> None:
        os.abort()

    def segfault(self) -> None:
        ctypes.string_at(1)

    def leave(self) -> None:
        os._exit(3)

    def hang(self, *, timeout_s: float, cancelled: Event) -> None:
        _hold_the_interpreter(30)

    def sleep(self, *, timeout_s: float) -> None:
        time.sleep(30)

    def helper(self) -> int:
        """Start a process that outlives this one, unless somebody ends both."""
        code = "import time; time.sleep(60)"
        return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL).pid


def _hold_the_interpreter(seconds: int) -> None:
    """Native code that neither comes back nor lets another thread run."""
    ctypes.PyDLL(None).sleep(seconds)
