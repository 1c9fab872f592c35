"""Serial fingerprint sensors that speak EF01 (ZFM-20, R30x, AS608), on a line of 9600 to 115200.

Their pictures have four bits and come slowly, so they serve to verify a person, never to enrol one:
the grade says so. The picture is shown while it comes (capability `preview`).
"""

from __future__ import annotations

import contextlib
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from migramovil.devices.fingerprint import ef01_frames as frames
from migramovil.devices.fingerprint.ef01_frames import Command, Kind, Packet, Said
from migramovil.devices.pipes import SerialPipe
from migramovil.devices.ports import DeviceInfo, DeviceKind, FingerImage, OnPreview, Pixels
from migramovil.devices.trouble import (
    Cancelled,
    DeviceTrouble,
    FingerTooFaint,
    ImageUnreadable,
    NoFinger,
    ReaderFault,
    ReaderLocked,
    TimedOut,
    Unplugged,
)

if TYPE_CHECKING:
    from migramovil.devices.registry import Addresses

# As the makers declare it; nobody measured it with a ruled target.
PPI = 500
FASTEST = 115200
BAUDS = (57600, FASTEST, 9600, 19200, 38400)  # the maker's own setting first

_LOOK_S = 0.1  # how often a wait looks at `cancelled`
_HELLO = 0.3  # part of the patience: a sensor at this baud greets at once
_SILENCE_S = 1.0  # a picture that pauses longer has broken off
_PICTURE_S = 45.0  # a whole one at the slowest baud
_LIFT_S = 2.0
_BEAT_S = 0.05  # between two questions for a finger
_PREVIEW_S = 0.25
_TRIES = 3

_TROUBLES: dict[int, type[DeviceTrouble]] = {
    Said.WRONG_PASSWORD: ReaderLocked,
    Said.NOT_SENT: ImageUnreadable,
}


def installed() -> bool:
    """Always: the line is all that is needed."""
    return True


def find(at: Addresses) -> list[DeviceInfo]:
    """The sensor at the port that the settings name; none when they name none or it is not there.

    Nothing is guessed: opening a stranger's port could disturb what hangs on it.
    """
    port = at.finger_serial
    if not port or not (port.upper().startswith("COM") or Path(port).exists()):
        return []
    return [
        DeviceInfo(
            kind=DeviceKind.FINGERPRINT,
            driver="ef01",
            model="Huellero serie EF01 (ZFM-20, R30x, AS608)",
            path=port,
            capabilities={
                "fingers": 1,
                "ppi": PPI,
                "fap": 0,
                "needs_segmentation": False,
                "grade": "verification",
                "preview": True,
            },
        )
    ]


def make(info: DeviceInfo, _at: Addresses) -> Ef01Reader:
    return Ef01Reader(info)


class Ef01Reader:
    """One sensor. `line` opens its pipe at a baud; the port in `info.path` when it is not given.

    `patience_s` is how long an answer may take: a picture is taken within a second.
    """

    def __init__(
        self,
        info: DeviceInfo,
        *,
        line: Callable[[int], SerialPipe] | None = None,
        password: int = 0,
        patience_s: float = 1.0,
    ) -> None:
        self.info = info
        self._patience_s = patience_s
        self._dial = line or (lambda baud: SerialPipe(info.path, baud=baud))
        self._password = struct.pack(">I", password)
        self._pipe: SerialPipe | None = None
        self._baud = BAUDS[0]
        self._packets = frames.Packets()
        self._come: deque[Packet] = deque()

    def open(self) -> None:
        """Find the sensor's baud, raise it where the sensor lets us; DEV-01 if none answers."""
        never = Event()
        self._seek(never)
        self._raise_baud(never)
        known = self._parameters(never)
        self.info = replace(
            self.info,
            capabilities=self.info.capabilities
            | {"baud": self._baud, "system": f"{known.system:04x}"},
        )

    def close(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def capture(
        self, *, timeout_s: float, cancelled: Event, on_preview: OnPreview | None = None
    ) -> FingerImage:
        """One impression: FPR-01 without a finger in time, FPR-02 when it comes spoilt, FPR-06
        when it is too faint. `on_preview` gets the picture as far as it has come, on white.
        """
        self._parameters(cancelled)  # whatever is still owed to an earlier capture comes before
        self._await_finger(timeout_s, cancelled)
        pixels = frames.decode(self._download(cancelled, on_preview or _unseen))
        with contextlib.suppress(DeviceTrouble):  # the picture is here, whatever comes now
            self._await_lift(cancelled)
        if cancelled.is_set():
            raise Cancelled
        if frames.is_faint(pixels):
            raise FingerTooFaint
        return FingerImage(pixels=pixels, ppi=PPI)

    # --- the line

    def _seek(self, cancelled: Event) -> None:
        for baud in dict.fromkeys((self._baud, *BAUDS)):
            self._redial(baud)
            if self._greeted(cancelled):
                return
        raise Unplugged("no answer at any baud")

    def _redial(self, baud: int) -> None:
        self.close()
        self._pipe = self._dial(baud)
        self._baud = baud

    def _greeted(self, cancelled: Event) -> bool:
        """Whether the sensor takes our password at this baud."""
        with contextlib.suppress(TimedOut, ImageUnreadable):
            self._demand(Command.VERIFY_PASSWORD, self._password, cancelled, part=_HELLO)
            return True
        return False

    def _raise_baud(self, cancelled: Event) -> None:
        """Some sensors change after their answer, some before it, some when started anew, and some
        refuse.
        """
        if self._baud == FASTEST:
            return
        was, steps = self._baud, FASTEST // frames.BAUD_UNIT
        with contextlib.suppress(TimedOut, ImageUnreadable):
            said = self._ask(
                Command.SET_PARAMETER, bytes((frames.BAUD_PARAMETER, steps)), cancelled, tries=1
            )
            if said[0] != Said.DONE:
                return
        for baud in (FASTEST, was):
            self._redial(baud)
            if self._greeted(cancelled):
                return
        raise Unplugged("lost while its baud was raised")

    def _parameters(self, cancelled: Event) -> frames.Parameters:
        return frames.read_parameters(self._demand(Command.READ_PARAMETERS, b"", cancelled))

    # --- questions and answers

    def _demand(
        self, command: Command, argument: bytes, cancelled: Event, *, part: float = 1.0
    ) -> bytes:
        """What follows the confirmation; the trouble when there is none."""
        said = self._ask(command, argument, cancelled, part=part)
        if said[0] != Said.DONE:
            raise _TROUBLES.get(said[0], ReaderFault)(f"said {said[0]:02x}")
        return said[1:]

    def _ask(
        self,
        command: Command,
        argument: bytes,
        cancelled: Event,
        *,
        part: float = 1.0,
        tries: int = _TRIES,
    ) -> bytes:
        """The answer, at least one byte, within that part of the patience.

        What is lost or garbled on the line is asked again; the rest of a picture that was called
        off is let pass.
        """
        until = time.monotonic() + _PICTURE_S
        for left in reversed(range(tries)):
            self._send(command, argument)
            try:
                said = self._answer(command, part * self._patience_s, until, cancelled)
            except (TimedOut, ImageUnreadable):
                if not left:
                    raise
                continue
            if said[0] != Said.GARBLED:
                return said
        raise TimedOut("no answer that can be read")

    def _answer(self, command: Command, wait_s: float, until: float, cancelled: Event) -> bytes:
        """An answer as long as that to `command` is."""
        size = 1 + frames.ANSWER_SIZES.get(command, 0)
        while time.monotonic() < until:
            packet = self._next(wait_s, cancelled)
            if packet.kind is Kind.ANSWER and len(packet.payload) == size:
                return packet.payload
        raise TimedOut("the sensor does not stop sending")

    def _send(self, command: Command, argument: bytes) -> None:
        self._line.discard()
        self._packets = frames.Packets()
        self._come.clear()
        packet = Packet(kind=Kind.COMMAND, payload=bytes((command,)) + argument)
        self._line.write(frames.write_packet(packet), timeout_s=1.0)

    def _next(self, wait_s: float, cancelled: Event) -> Packet:
        """The next packet; DEV-02 when none comes in time, FPR-02 when one came spoilt."""
        end = time.monotonic() + wait_s
        while not self._come:
            if cancelled.is_set():
                raise Cancelled
            self._come.extend(self._packets.feed(self._line.read(timeout_s=_LOOK_S)))
            if self._packets.spoilt:
                raise ImageUnreadable("a sum is wrong")
            if time.monotonic() >= end and not self._come:
                raise TimedOut("no packet")
        return self._come.popleft()

    @property
    def _line(self) -> SerialPipe:
        if self._pipe is None:
            raise Unplugged("not open")
        return self._pipe

    # --- one impression

    def _await_finger(self, timeout_s: float, cancelled: Event) -> None:
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if self._feels_finger(cancelled):
                return
            if cancelled.wait(_BEAT_S):
                raise Cancelled
        raise Cancelled if cancelled.is_set() else NoFinger

    def _await_lift(self, cancelled: Event) -> None:
        end = time.monotonic() + _LIFT_S
        while self._feels_finger(cancelled) and time.monotonic() < end:
            cancelled.wait(_BEAT_S)

    def _feels_finger(self, cancelled: Event) -> bool:
        """Have the sensor take a picture, if there is a finger to take it of."""
        said = self._ask(Command.GET_IMAGE, b"", cancelled)[0]
        if said in {Said.NO_FINGER, Said.NOT_TAKEN}:
            return False
        if said != Said.DONE:
            raise _TROUBLES.get(said, ReaderFault)(f"said {said:02x}")
        return True

    def _download(self, cancelled: Event, show: OnPreview) -> bytes:
        """The bytes of the picture that the sensor took."""
        try:
            if self._ask(Command.UP_IMAGE, b"", cancelled, tries=1)[0] != Said.DONE:
                raise ImageUnreadable("the sensor does not send")
            data, shown = bytearray(), time.monotonic()
            while (packet := self._next(_SILENCE_S, cancelled)).kind is not Kind.LAST_DATA:
                data += packet.payload
                if len(data) > frames.PICTURE_SIZE:
                    raise ImageUnreadable("more than a picture")
                if time.monotonic() - shown >= _PREVIEW_S:
                    show(frames.decode_begun(bytes(data)))
                    shown = time.monotonic()
        except TimedOut:
            raise ImageUnreadable("the picture broke off") from None
        return bytes(data + packet.payload)


def _unseen(_pixels: Pixels) -> None: ...
