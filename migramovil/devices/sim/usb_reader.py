"""A U.are.U reader that plays on a USB bus inside the process: the real driver talks to it."""

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
from migramovil.devices.fingerprint.uru4000 import MODELS, Model
from migramovil.devices.ports import Pixels
from migramovil.devices.sim.glass import on_glass
from migramovil.devices.sim.usb_backend import OneDeviceBackend, fill, late

_HWSTAT, _SCRAMBLE_INDEX, _SCRAMBLE_KEY, _MODE, _VERSION = 0x07, 0x33, 0x34, 0x4E, 0xF0
_RESPONSE, _CHALLENGE = 0x2000, 0x2010
_ASLEEP, _WEDGED = 0x80, 0x85
_BOOT_LOOKS = 3
_AWAIT_FINGER_ON, _AWAIT_FINGER_OFF, _SCAN = 0x10, 0x12, 0x20
_POWERED, _FINGER_ON, _FINGER_OFF = b"\x56\xaa", b"\x01\x01", b"\x02\x00"
_DEATH = b"\x08\x00"

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

    Faults of its sensor, beside `fault`: `deaths`, how often it says 0800 instead of feeling a
    finger; `empty_scans`, how often it gives none; `deaf_starts`, how often it powers up without a
    word; `wedged`, a program left it half way; `dead_pixels`, (row, column) of those always black.
    """

    def __init__(
        self,
        next_impression: Callable[[], Pixels],
        *,
        pace_s: float = 0.3,
        model: Model = MODELS[0],
    ) -> None:
        super().__init__(
            vendor=model.vendor, product=model.product, endpoints=((0x81, 3), (0x82, 2))
        )
        self.fault = ReaderFault.NONE
        self.deaths = self.empty_scans = self.deaf_starts = 0
        self.wedged = False
        self.dead_pixels: set[tuple[int, int]] = set()
        self.refused = 0  # wrong answers to its challenges
        self.pace_s = pace_s
        self.hand_near = True  # whether somebody is there to lay a finger on the glass
        self._model = model
        self._next_impression = next_impression
        self._random = random.Random(4500)  # noqa: S311 - the keys of a play, not of a lock
        self._secret = self._random.getrandbits(32)
        self._status = 0x01
        self._alive, self._trusted, self._challenge = True, not model.challenges, b""
        self._boots_for = 0
        self._number, self._seed = 0, 0
        self._changed = threading.Condition()
        self._interrupts: list[tuple[float, bytes]] = []
        self._scan_ordered = self._finger_lies = False

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
            if self.empty_scans:
                self.empty_scans -= 1
                self._alive = False
            if not self._alive:
                return 0
        return fill(buff, self._scan())

    def _told(self, register: int) -> bytes:
        if register == _HWSTAT:
            return bytes([self._boot_on() or self._status])
        if register == _SCRAMBLE_KEY:
            return struct.pack("<I", self._key(self._number) ^ self._seed)
        if register == _CHALLENGE:
            self._challenge = self._random.randbytes(frames.CHALLENGE_SIZE)
            return self._challenge
        return b"4500 simulado" if register == _VERSION else b""

    def _take(self, register: int, data: bytes) -> None:
        if register == _HWSTAT:
            self._switch(data[0])
        elif register == _RESPONSE:
            self._trusted = bool(self._challenge) and data == frames.answer(self._challenge)
            self._challenge = b""
            self.refused += not self._trusted
        elif register == _SCRAMBLE_INDEX:
            self._number, self._seed = struct.unpack("<BI", data)
        elif register == _MODE:
            self._turn_to(data[0])

    def _switch(self, status: int) -> None:
        if self.wedged or self._boots_for:
            if status & 0xF0 == 0:  # starts anew, and anew again if it is not left alone
                self.wedged, self._boots_for = False, _BOOT_LOOKS
            return
        wakes = bool(self._status & _ASLEEP and not status & _ASLEEP)
        if wakes and not self._trusted:
            return
        self._status = status
        if wakes:
            self._alive = True
            if self.deaf_starts:
                self.deaf_starts -= 1
            else:
                self._say(_POWERED, 0.0)
        if status & _ASLEEP:
            self._trusted = not self._model.challenges

    def _boot_on(self) -> int:
        """The status while the reader cannot work, else 0; each look is some time gone by."""
        if self.wedged:
            return _WEDGED
        if self._boots_for:
            self._boots_for -= 1
            self._status = _ASLEEP if self._boots_for else _ASLEEP | 0x01
        return 0

    def _turn_to(self, mode: int) -> None:
        self._interrupts.clear()
        self._scan_ordered = mode == _SCAN and self.fault is not ReaderFault.HANGS
        comes = self.hand_near and self.fault is not ReaderFault.NO_FINGER
        if mode == _AWAIT_FINGER_ON and comes and self._alive:
            dies = self.deaths > 0
            self.deaths -= dies
            self._alive = self._finger_lies = not dies
            self._say(_DEATH if dies else _FINGER_ON, self.pace_s)
        elif mode == _AWAIT_FINGER_OFF:
            self._say(_FINGER_OFF, self.pace_s)
        if mode not in {_SCAN, _AWAIT_FINGER_ON}:
            self._finger_lies = False

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
        scan = frames.encode(self._seen(), header, self._key, turned=self._model.turned)
        if self.fault is ReaderFault.SHORT:
            return scan[: len(scan) // 2]
        if self.fault is ReaderFault.NOISE:
            return b"\xa5" * len(scan)
        return scan

    def _seen(self) -> Pixels:
        """What the sensor sees: a finger, or bare glass with the noise it has."""
        if self._finger_lies:
            seen = on_glass(self._next_impression(), frames.HEIGHT, frames.WIDTH)
        else:
            noise = np.frombuffer(self._random.randbytes(frames.HEIGHT * frames.WIDTH), np.uint8)
            seen = np.uint8(250) + (noise & np.uint8(3)).reshape(frames.HEIGHT, frames.WIDTH)
        for row, column in self.dead_pixels:
            seen[row, column] = 0
        return seen
