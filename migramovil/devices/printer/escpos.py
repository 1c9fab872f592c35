"""Thermal slip printers that speak ESC/POS, over the network, USB or a serial line.

python-escpos composes the bytes (escpos_frames); a pipe of ours carries them, so that every wait
has an end. Each use opens the line and closes it: printers drop idle connections, and most
take one at a time.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import usb.core

from migramovil.devices.pipes import (
    Pipe,
    SerialPipe,
    TcpPipe,
    UsbPipe,
    printer_interface,
    usb_path,
)
from migramovil.devices.ports import DeviceInfo, DeviceKind, PaperStatus, Printed, SlipLine
from migramovil.devices.printer import escpos_frames as frames
from migramovil.devices.trouble import PaperOut, PrinterUnreachable, PrintUnconfirmed, Unplugged

Dial = Callable[[], Pipe]
_ANSWER_S = 1.0
_LOOK_S = 0.2


def find_usb(backend: Any = None) -> list[DeviceInfo]:
    """The USB devices of printer class plugged in now."""
    try:
        found = usb.core.find(find_all=True, backend=backend, custom_match=printer_interface)
        return [_info(usb_path(device), "Impresora USB") for device in found]
    except (usb.core.USBError, usb.core.NoBackendError):
        return []


def at_address(address: str) -> list[DeviceInfo]:
    """The printer the settings name: "host:port" or a serial port; none when they name none.

    A network printer is listed although it may be off: nobody can enumerate those.
    """
    if not address:
        return []
    if _host_and_port(address):
        return [_info(address, "Impresora de red")]
    return [_info(address, "Impresora serie")] if Path(address).exists() else []


def dial(path: str, *, timeout_s: float = 3.0, backend: Any = None) -> Dial:
    """How to reach the printer that a DeviceInfo names."""
    if path.startswith("usb:"):
        return lambda: UsbPipe(_usb_device(path, backend))
    if parts := _host_and_port(path):
        return lambda: TcpPipe(*parts, timeout_s=timeout_s)
    return lambda: SerialPipe(path)


class EscPosPrinter:
    """One printer. No call takes longer than `timeout_s` by much.

    A printer that never answers to status requests (many on serial lines) is UNKNOWN, and prints.
    """

    def __init__(
        self, info: DeviceInfo, line: Dial, *, columns: int = 48, timeout_s: float = 8.0
    ) -> None:
        self.info = info
        self._dial = line
        self._columns = columns
        self._timeout_s = timeout_s

    def open(self) -> None:
        """PRN-01 when the printer cannot be reached."""
        with contextlib.closing(self._reach()):
            pass

    def close(self) -> None:
        """Nothing is held between two uses."""

    def status(self) -> PaperStatus:
        with contextlib.closing(self._reach()) as pipe, _unreachable():
            return _paper(pipe)

    def print_slip(
        self, lines: Iterable[SlipLine], *, folio: str = "", cancelled: Event | None = None
    ) -> Printed:
        """Print and cut one slip.

        PRN-02, -03 or -04 when the printer says it cannot, before or after; PRN-05 when it
        answered before, and does not say that it finished.
        """
        slip = frames.slip_bytes(lines, columns=self._columns)
        end = time.monotonic() + self._timeout_s
        with contextlib.closing(self._reach()) as pipe, _unreachable():
            before = _check_ready(pipe)
            pipe.write(slip, timeout_s=max(0.1, end - time.monotonic()))
            if before is not PaperStatus.UNKNOWN:
                _confirm(pipe, end)
        return Printed(job="", confirmed=before is not PaperStatus.UNKNOWN)

    def _reach(self) -> Pipe:
        try:
            return self._dial()
        except Unplugged as trouble:
            raise PrinterUnreachable(trouble.detail) from None


def _check_ready(pipe: Pipe) -> PaperStatus:
    now = _paper(pipe)
    if now is PaperStatus.OUT:
        raise PaperOut
    if now is not PaperStatus.UNKNOWN:
        cause = _ask(pipe, frames.ASK_OFFLINE_CAUSE)
        trouble = None if cause is None else frames.offline_cause(cause)
        if trouble is not None:
            raise trouble
    return now


def _confirm(pipe: Pipe, end: float) -> None:
    """Wait until the printer has printed all: the real-time status alone is true too early."""
    pipe.write(frames.ASK_WHEN_DONE, timeout_s=_ANSWER_S)
    while time.monotonic() < end:
        for answer in pipe.read(timeout_s=_LOOK_S):
            if frames.is_done(answer):
                _check_ready(pipe)
                return
            if frames.is_status(answer) and frames.paper(answer) is PaperStatus.OUT:
                raise PaperOut("during the slip")
        time.sleep(_LOOK_S / 2)  # a printer at work has better to do than answer
        pipe.write(frames.ASK_PAPER, timeout_s=_ANSWER_S)
    raise PrintUnconfirmed


def _paper(pipe: Pipe) -> PaperStatus:
    answer = _ask(pipe, frames.ASK_PAPER)
    return PaperStatus.UNKNOWN if answer is None else frames.paper(answer)


def _ask(pipe: Pipe, question: bytes) -> int | None:
    """The printer's one-byte answer; None when it gives none that looks like one."""
    pipe.write(question, timeout_s=_ANSWER_S)
    end = time.monotonic() + _ANSWER_S
    while (left := end - time.monotonic()) > 0:
        for answer in pipe.read(timeout_s=left):
            if frames.is_status(answer):
                return answer
    return None


def _usb_device(path: str, backend: Any) -> Any:
    found = usb.core.find(find_all=True, backend=backend, custom_match=printer_interface)
    for device in found:
        if usb_path(device) == path:
            return device
    raise PrinterUnreachable


def _host_and_port(address: str) -> tuple[str, int] | None:
    host, colon, port = address.rpartition(":")
    return (host, int(port)) if colon and host and port.isdecimal() else None


def _info(path: str, model: str) -> DeviceInfo:
    return DeviceInfo(
        kind=DeviceKind.PRINTER,
        driver="escpos",
        model=model,
        path=path,
        capabilities={"columns": 48, "paper": "roll", "reports_paper": True},
    )


@contextlib.contextmanager
def _unreachable() -> Iterator[None]:
    try:
        yield
    except PrinterUnreachable:
        raise
    except Unplugged as trouble:
        raise PrinterUnreachable(trouble.detail) from None
