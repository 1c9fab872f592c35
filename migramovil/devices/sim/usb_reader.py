"""A U.are.U 4500 that plays on a USB bus inside the process: the real driver talks to it."""

from __future__ import annotations

import random
import struct
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import numpy as np

from migramovil.devices.fingerprint import uru4000_frames as frames
from migramovil.devices.ports import Pixels
from migramovil.devices.sim.usb_backend import OneDeviceBackend, fill, late

_HWSTAT, _SCRAMBLE_INDEX, _SCRAMBLE_KEY, _MODE, _VERSION = 0x07, 0x33, 0x34, 0x4E, 0xF0
_AWAIT_FINGER_ON, _AWAIT_FINGER_OFF, _SCAN = 0x10, 0x12, 0x20
_POWERED, _FINGER_ON, _FINGER_OFF = b"\x56\xaa", b"\x01\x01", b"\x02\x00"

_SENT_LINES = 289  # of 290: the real sensor keeps one to itself
_BLOCKS = (
    frames.Block(flags=frames.ENCRYPTED, lines=100),
    frames.Block(flags=0, lines=1),
    frames.Block(flags=frames.ENCRYPTED | frames.NEW_KEY, lines=100),
    frames.Block(flags=frames.ENCRYPTED, lines=88),
)


class ReaderFault(StrEnum):
    """What can be made to go wrong. Unplugging is `plugged = False`."""

    NONE = "none"
    NO_FINGER = "no finger"  # nobody lays a finger on the glass
    HANGS = "hangs"  # a finger is felt, the scan never comes
    SHORT = "short"  # half of the scan comes
    NOISE = "noise"  # the bytes of the scan are garbage


class SimulatedUsbReader(OneDeviceBackend):
    """The reader and the hand over it.

    `next_impression()` gives what lies on the glass, uint8 (h, w), dark on bright; it is centred on
    the sensor's 290 × 384. A finger comes `pace_s` after it is awaited and leaves as fast.
    """

    def __init__(self, next_impression: Callable[[], Pixels], *, pace_s: float = 0.3) -> None:
        super().__init__(vendor=0x05BA, product=0x000A, endpoints=((0x81, 3), (0x82, 2)))
        self.fault = ReaderFault.NONE
        self.pace_s = pace_s
        self.hand_near = True  # whether somebody is there to lay a finger on the glass
        self._next_impression = next_impression
        self._random = random.Random(4500)  # noqa: S311 - the keys of a play, not of a lock
        self._secret = self._random.getrandbits(32)
        self._status = 0x01
        self._number, self._seed = 0, 0
        self._changed = threading.Condition()
        self._interrupts: list[tuple[float, bytes]] = []
        self._scan_ordered = False

    def ctrl_transfer(  # noqa: PLR0917 - as pyusb calls it
        self,
        dev_handle: object,
        bmRequestType: int,  # noqa: N803 - pyusb's names
        bRequest: int,  # noqa: N803
        wValue: int,  # noqa: N803
        wIndex: int,  # noqa: N803
        data: Any,
        timeout: int,
    ) -> int:
        self.check_plugged()
        with self._changed:
            if bmRequestType & 0x80:
                return fill(data, self._told(wValue).ljust(len(data), b"\0"))
            self._take(wValue, bytes(data))
            self._changed.notify_all()
            return len(data)

    def intr_read(self, dev_handle: object, ep: int, intf: int, buff: Any, timeout: int) -> int:
        with self._changed:
            self._wait(timeout, lambda: bool(self._due()))
            first = self._due()[0]
            self._interrupts.remove(first)
        return fill(buff, first[1].ljust(64, b"\0"))

    def bulk_read(self, dev_handle: object, ep: int, intf: int, buff: Any, timeout: int) -> int:
        with self._changed:
            self._wait(timeout, lambda: self._scan_ordered)
            self._scan_ordered = False
        return fill(buff, self._scan())

    def _told(self, register: int) -> bytes:
        if register == _HWSTAT:
            return bytes([self._status])
        if register == _SCRAMBLE_KEY:
            return struct.pack("<I", self._key(self._number) ^ self._seed)
        return b"4500 simulado" if register == _VERSION else b""

    def _take(self, register: int, data: bytes) -> None:
        if register == _HWSTAT:
            was, self._status = self._status, data[0]
            if was & 0x80 and not data[0] & 0x80:
                self._say(_POWERED, 0.0)
        elif register == _SCRAMBLE_INDEX:
            self._number, self._seed = struct.unpack("<BI", data)
        elif register == _MODE:
            self._turn_to(data[0])

    def _turn_to(self, mode: int) -> None:
        self._interrupts.clear()
        self._scan_ordered = mode == _SCAN and self.fault is not ReaderFault.HANGS
        comes = self.hand_near and self.fault is not ReaderFault.NO_FINGER
        if mode == _AWAIT_FINGER_ON and comes:
            self._say(_FINGER_ON, self.pace_s)
        elif mode == _AWAIT_FINGER_OFF:
            self._say(_FINGER_OFF, self.pace_s)

    def _say(self, message: bytes, after_s: float) -> None:
        self._interrupts.append((time.monotonic() + after_s, message))

    def _due(self) -> list[tuple[float, bytes]]:
        now = time.monotonic()
        return [entry for entry in self._interrupts if entry[0] <= now]

    def _wait(self, timeout_ms: int, ready: Callable[[], bool]) -> None:
        """Wait as libusb does; short slices, as a due time and a pulled plug notify nobody."""
        end = time.monotonic() + timeout_ms / 1000
        while not ready():
            self.check_plugged()
            left = end - time.monotonic()
            if left <= 0:
                raise late()
            self._changed.wait(min(left, 0.02))
        self.check_plugged()

    def _key(self, number: int) -> int:
        return (self._secret * (2 * number + 1)) & 0xFFFFFFFF

    def _scan(self) -> bytes:
        header = frames.Header(
            lines=_SENT_LINES, key_number=self._random.randrange(100), blocks=_BLOCKS
        )
        scan = frames.encode(_on_glass(self._next_impression()), header, self._key)
        if self.fault is ReaderFault.SHORT:
            return scan[: len(scan) // 2]
        if self.fault is ReaderFault.NOISE:
            return b"\xa5" * len(scan)
        return scan


def _on_glass(impression: Pixels) -> Pixels:
    """The impression centred on the sensor, cut or with white around it."""
    glass = np.full((frames.HEIGHT, frames.WIDTH), 255, np.uint8)
    (top, above, rows), (left, before, columns) = (
        (max(0, (inner - outer) // 2), max(0, (outer - inner) // 2), min(inner, outer))
        for inner, outer in zip(impression.shape, glass.shape, strict=True)
    )
    glass[above : above + rows, before : before + columns] = impression[
        top : top + rows, left : left + columns
    ]
    return glass
