"""Readers that send text over a serial line: MRZ readers (swipe, cradle) and bar code readers."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Protocol, TypeVar

from migramovil.devices.mrz.mrz_frames import CodeAssembler, MrzAssembler, gibberish
from migramovil.devices.pipes import SerialPipe
from migramovil.devices.ports import DeviceInfo, DeviceKind
from migramovil.devices.registry import Addresses
from migramovil.devices.trouble import (
    Cancelled,
    DeviceTrouble,
    NoCodeRead,
    NoDocumentRead,
    ReaderGibberish,
    Unplugged,
)

T = TypeVar("T")

_REMEMBERED = 1000  # bytes, to tell at the end whether they were text
_SILENCE_S = 0.2  # longer than any gap within one document, and how often `cancelled` is looked at


def installed() -> bool:
    return True


def find(at: Addresses) -> list[DeviceInfo]:
    return at_port(at.mrz)


def make(info: DeviceInfo, at: Addresses) -> SerialMrzReader:
    del at
    return SerialMrzReader(info)


def at_port(port: str) -> list[DeviceInfo]:
    """The reader at the port that the settings name; none when they name none or it is not there.

    Nothing is guessed: opening a stranger's port could disturb what hangs on it.
    """
    if not port or not (port.upper().startswith("COM") or Path(port).exists()):
        return []
    return [DeviceInfo(kind=DeviceKind.MRZ, driver="mrz-serial", model="Lector MRZ", path=port)]


class Assembler(Protocol[T]):
    """What makes something whole out of bytes and silences."""

    def feed(self, data: bytes) -> list[T]: ...
    def pause(self) -> list[T]: ...


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

        What was sent before is thrown away: it may belong to whoever sat there before. MRZ-03
        when what comes is no text.
        """
        return self._read(MrzAssembler(), NoDocumentRead, timeout_s, cancelled)

    def read_code(self, *, timeout_s: float, cancelled: Event) -> str:
        """The next bar code after the call; MRZ-02 when none is read in time."""
        return self._read(CodeAssembler(), NoCodeRead, timeout_s, cancelled)

    def _read(
        self,
        assembler: Assembler[T],
        too_late: type[DeviceTrouble],
        timeout_s: float,
        cancelled: Event,
    ) -> T:
        if self._pipe is None:
            raise Unplugged
        self._pipe.discard()
        heard = b""
        end = time.monotonic() + timeout_s
        while not cancelled.is_set():
            said = self._pipe.read(timeout_s=_SILENCE_S)
            heard = (heard + said)[-_REMEMBERED:]
            whole = assembler.feed(said) if said else assembler.pause()
            if whole:
                return whole[0]
            if time.monotonic() >= end:
                raise ReaderGibberish if gibberish(heard) else too_late
        raise Cancelled
