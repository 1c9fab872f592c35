"""A serial fingerprint sensor on a pseudo-terminal: the real driver opens it like any port."""

from __future__ import annotations

import contextlib
import os
import select
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum

import numpy as np

from migramovil.devices.fingerprint import ef01_frames as frames
from migramovil.devices.fingerprint.ef01_frames import Command, Kind, Packet, Said
from migramovil.devices.ports import Pixels
from migramovil.devices.sim.glass import on_glass

if sys.platform != "win32":
    import pty
    import termios
    import tty

_PACKET_SIZE = 128
_BITS_PER_BYTE = 10  # with start and stop
_SLICE_S = 0.02
_OVERRUN_S = 1.0
_NOISE_EVERY = 997  # bytes


class SensorFault(StrEnum):
    """What can be made to go wrong. Unplugging is `unplug()`, a dry finger is `dry`."""

    NONE = "none"
    HANGS = "hangs"  # it says nothing any more
    BREAKS_OFF = "breaks off"  # half of the picture comes
    BABBLES = "babbles"  # it sends without end
    BAD_SUM = "bad sum"  # the sum of what it says is wrong
    NOISE = "noise"  # a byte here and there is another


class BaudHabit(StrEnum):
    """When a sensor takes the baud it is told."""

    AFTER_ANSWER = "after answer"
    BEFORE_ANSWER = "before answer"
    WHEN_RESTARTED = "when restarted"
    NEVER = "never"


class Ef01Pty:
    """The sensor and the hand over it.

    `next_impression()` gives what lies on the glass, uint8 (h, w), dark on bright; it is centred on
    the sensor's 288 × 256. A finger comes `pace_s` after it is first asked for, and leaves as fast.
    `baud` is the speed it really speaks at: at any other the driver hears noise, and it hears none.
    `paced` makes bytes take their time on the line; a `password` other than 0 locks the sensor.
    `takes_s` is how long it takes a picture. `unplug` is for good: a new plug is a new object.
    """

    def __init__(
        self,
        next_impression: Callable[[], Pixels],
        *,
        pace_s: float = 0.3,
        baud: int = 57600,
        password: int = 0,
        habit: BaudHabit = BaudHabit.AFTER_ANSWER,
        paced: bool = True,
    ) -> None:
        self.fault = SensorFault.NONE
        self.hand_near = True  # whether somebody is there to lay a finger on the glass
        self.dry = False
        self.takes_s = 0.0
        self.pace_s = pace_s
        self.baud = baud
        self.paced = paced
        self.heard: deque[int] = deque(maxlen=100)  # the last commands, as they came
        self._next_impression = next_impression
        self._password, self._habit = struct.pack(">I", password), habit
        self._taken = b""
        self._touch_at: float | None = None
        self._lift_at: float | None = None
        self._sent, self._due = 0, 0.0
        self._near, self._far = pty.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        self.port = os.ttyname(self._far)
        self._unplugged = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="ef01-pty", daemon=True)
        self._thread.start()

    @property
    def plugged(self) -> bool:
        return not self._unplugged.is_set()

    def unplug(self) -> None:
        if self._unplugged.is_set():
            return
        self._unplugged.set()
        self._thread.join()
        os.close(self._near)
        os.close(self._far)

    def close(self) -> None:
        self.unplug()

    def _listen(self) -> None:
        packets = frames.Packets()
        while not self._unplugged.is_set():
            readable, _, _ = select.select([self._near], [], [], _SLICE_S)
            if not readable:
                continue
            said = os.read(self._near, 4096)
            if not self._same_baud() or self.fault is SensorFault.HANGS:
                continue
            for packet in packets.feed(said):
                if packet.kind is Kind.COMMAND and packet.payload:
                    self._obey(packet.payload[0], packet.payload[1:])

    def _obey(self, command: int, argument: bytes) -> None:
        self.heard.append(command)
        while self.fault is SensorFault.BABBLES and not self._unplugged.is_set():
            self._say(Kind.DATA, bytes(_PACKET_SIZE))
        if command == Command.VERIFY_PASSWORD:
            right = argument == self._password
            self._answer(Said.DONE if right else Said.WRONG_PASSWORD)
        elif command == Command.READ_PARAMETERS:
            self._answer(Said.DONE, frames.write_parameters(self._parameters()))
        elif command == Command.SET_PARAMETER and len(argument) == 2:
            self._set(*argument)
        elif command == Command.GET_IMAGE:
            self._answer(Said.DONE if self._feels() else Said.NO_FINGER)
        elif command == Command.UP_IMAGE:
            self._send_picture()
        else:
            self._answer(Said.GARBLED)

    def _set(self, parameter: int, value: int) -> None:
        known = parameter == frames.BAUD_PARAMETER and value in frames.BAUD_STEPS
        if not known or self._habit is BaudHabit.NEVER:
            self._answer(Said.NO_SUCH_PARAMETER)
            return
        told = value * frames.BAUD_UNIT
        if self._habit is BaudHabit.BEFORE_ANSWER:
            self.baud = told
        self._answer(Said.DONE)
        if self._habit is BaudHabit.AFTER_ANSWER:
            self.baud = told

    def _parameters(self) -> frames.Parameters:
        return frames.Parameters(
            status=0,
            system=9,
            capacity=1000,
            security=3,
            address=frames.BROADCAST,
            packet_size=_PACKET_SIZE,
            baud=self.baud,
        )

    def _feels(self) -> bool:
        """Whether a finger lies there now; the first feel of a touch takes its picture."""
        now = time.monotonic()
        if self._lift_at is not None and now < self._lift_at:
            return True
        if self._lift_at is not None or not self.hand_near:
            self._touch_at = self._lift_at = None
            return False
        if self._touch_at is None:
            self._touch_at = now + self.pace_s
        if now < self._touch_at:
            return False
        self._unplugged.wait(self.takes_s)
        lies = on_glass(self._next_impression(), frames.HEIGHT, frames.WIDTH)
        self._taken = frames.encode(_dried(lies) if self.dry else lies)
        return True

    def _send_picture(self) -> None:
        if not self._taken:
            self._answer(Said.NOT_SENT)
            return
        self._answer(Said.DONE)
        end = len(self._taken) // (2 if self.fault is SensorFault.BREAKS_OFF else 1)
        for at in range(0, end, _PACKET_SIZE):
            last = at + _PACKET_SIZE >= len(self._taken)
            self._say(Kind.LAST_DATA if last else Kind.DATA, self._taken[at : at + _PACKET_SIZE])
        self._lift_at = time.monotonic() + self.pace_s
        with contextlib.suppress(BlockingIOError):  # it does not listen while it sends
            os.read(self._near, 4096)

    def _answer(self, said: Said, more: bytes = b"") -> None:
        self._say(Kind.ANSWER, bytes((said,)) + more)

    def _say(self, kind: Kind, payload: bytes) -> None:
        data = bytearray(frames.write_packet(Packet(kind=kind, payload=payload)))
        if self.fault is SensorFault.BAD_SUM:
            data[-1] ^= 0x01
        if self.fault is SensorFault.NOISE:
            for place in range(-self._sent % _NOISE_EVERY, len(data), _NOISE_EVERY):
                data[place] ^= 0x10
        if not self._same_baud():
            data = bytearray(byte ^ 0xA5 for byte in data)
        self._sent += len(data)
        self._write(bytes(data))

    def _write(self, data: bytes) -> None:
        """Send as a line does: at its pace, and what nobody reads is lost."""
        if self.paced:
            now = time.monotonic()
            self._due = max(self._due, now) + len(data) * _BITS_PER_BYTE / self.baud
            self._unplugged.wait(max(0.0, self._due - now))
        full = time.monotonic() + _OVERRUN_S
        while data and not self._unplugged.is_set() and time.monotonic() < full:
            _, writable, _ = select.select([], [self._near], [], _SLICE_S)
            if writable:
                data = data[os.write(self._near, data) :]

    def _same_baud(self) -> bool:
        heard_at: int = termios.tcgetattr(self._far)[5]
        return heard_at == getattr(termios, f"B{self.baud}", None)


def _dried(lies: Pixels) -> Pixels:
    """Hardly any contrast: ridges that touch at a few points only."""
    return np.asarray(255 - (255 - lies) // 12, np.uint8)
