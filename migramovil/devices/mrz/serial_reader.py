"""MRZ readers that send lines of text over a serial line (swipe readers, readers in a cradle)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

from migramovil.devices.mrz.mrz_frames import MrzAssembler
from migramovil.devices.pipes import SerialPipe
from migramovil.devices.ports import DeviceInfo, DeviceKind
from migramovil.devices.trouble import Cancelled, NoDocumentRead, Unplugged

_SILENCE_S = 0.2  # longer than any gap within one document, and how often `cancelled` is looked at


def at_port(port: str) -> list[DeviceInfo]:
    """The reader at the port that the settings name; none when they name none or it is not there.

    Nothing is guessed: opening a stranger's port could disturb what hangs on it.
    """
    if not port or not (port.upper().startswith("COM") or Path(port).exists()):
        return []
    return [DeviceInfo(kind=DeviceKind.MRZ, driver="mrz-serial", model="Lector MRZ", path=port)]


class SerialMrzReader:
    """One reader. `line` opens its pipe; the port in `info.path` when it is not given."""

    def __init__(self, info: DeviceInfo, *, line: Callable[[], SerialPipe] | None = None) -> None:
        self.info = info
        self._dial = line or (lambda: SerialPipe(info.path))
        self._pipe: SerialPipe | None = None

    def open(self) -> None:
        self._pipe = self._dial()

    def close(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def read_lines(self, *, timeout_s: float, cancelled: Event) -> tuple[str, ...]:
        """The lines of the next document after the call; MRZ-01 when none is read in time.

        What was sent before is thrown away: it may belong to whoever sat there before.
        """
        if self._pipe is None:
            raise Unplugged
        self._pipe.discard()
        assembler = MrzAssembler()
        end = time.monotonic() + timeout_s
        while not cancelled.is_set():
            said = self._pipe.read(timeout_s=_SILENCE_S)
            groups = assembler.feed(said) if said else assembler.pause()
            if groups:
                return groups[0]
            if time.monotonic() >= end:
                raise NoDocumentRead
        raise Cancelled
