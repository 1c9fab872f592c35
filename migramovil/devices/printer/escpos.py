"""Thermal slip printers that speak ESC/POS, over the network, USB or a serial line.

python-escpos composes the bytes (escpos_frames); a pipe of ours carries them, so that every wait
has an end. Each use opens the line and closes it: printers drop idle connections, and most
take one at a time.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

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
from migramovil.devices.trouble import (
    Cancelled,
    DeviceTrouble,
    PaperEndedMidway,
    PaperOut,
    PrinterGarbled,
    PrinterOffline,
    PrinterSilent,
    PrinterUnreachable,
    PrintUnconfirmed,
    TimedOut,
    Unplugged,
)

if TYPE_CHECKING:
    from migramovil.devices.registry import Addresses

Dial = Callable[[], Pipe]
A = TypeVar("A", bound=frames.Answer)
_ANSWER_S = 1.0
_LOOK_S = 0.2
_DRAIN_S = 0.01
_PIECE = 2048
_COLUMNS = 48
_BAUD = 9600
_LONG_SLIP = 24_000  # bytes; a serial line needs its time for them
_IPP_OVER_USB = 4  # the USB protocol number of printers that want no bytes like ours
_PAGE_LANGUAGES = re.compile(r"PCL|PJL|POSTSCRIPT|PS|PDF|PWG|URF|ESCPL|XPS|GDI|ZPL|EPL|CPCL", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a printer is, as the settings or a DeviceInfo name it.

    "host:port", "/dev/ttyUSB0" or "COM3", "usb:001:004"; "@19200" behind a serial port is its
    speed, and "#32" behind anything how many letters its paper holds in a row.
    """

    path: str
    baud: int = _BAUD
    columns: int = _COLUMNS

    @classmethod
    def read(cls, address: str) -> Place:
        rest, _, columns = address.partition("#")
        path, _, baud = rest.partition("@")
        return cls(path=path, baud=_number(baud, _BAUD), columns=_number(columns, _COLUMNS))

    @property
    def network(self) -> tuple[str, int] | None:
        host, colon, port = self.path.rpartition(":")
        known = colon and host and port.isdecimal() and not self.path.startswith("usb:")
        return (host, int(port)) if known and "/" not in host else None

    @property
    def patience_s(self) -> float:
        """How long a whole slip may take."""
        serial = self.network is None and not self.path.startswith("usb:")
        return 8.0 + (_LONG_SLIP * 10 / self.baud if serial else 0.0)


def installed() -> bool:
    return importlib.util.find_spec("escpos") is not None


def find(at: Addresses) -> list[DeviceInfo]:
    """The printer the settings name; when they name none, those on the USB."""
    return at_address(at.printer) if at.printer else find_usb()


def make(info: DeviceInfo, _at: Addresses) -> EscPosPrinter:
    return EscPosPrinter(info, dial(info.path))


def find_usb(backend: Any = None) -> list[DeviceInfo]:
    """The USB printers that take ESC/POS, as far as they tell; a page printer is left alone."""
    try:
        found = list(usb.core.find(find_all=True, backend=backend, custom_match=printer_interface))
    except (usb.core.USBError, usb.core.NoBackendError):
        return []
    return [info for device in found if (info := _usb_info(device)) is not None]


def at_address(address: str) -> list[DeviceInfo]:
    """The printer the settings name; none when they name none, or one of another kind.

    A network printer is listed although it may be off: nobody can enumerate those.
    """
    if not address or "://" in address:
        return []
    place = Place.read(address)
    if place.network:
        return [_info(address, "Impresora de red")]
    there = Path(place.path).exists() or re.fullmatch(r"COM\d+", place.path, re.I)
    return [_info(address, "Impresora serie")] if there else []


def dial(address: str, *, timeout_s: float = 3.0, backend: Any = None) -> Dial:
    """How to reach the printer that a DeviceInfo names."""
    place = Place.read(address)
    if place.path.startswith("usb:"):
        return lambda: UsbPipe(_usb_device(place.path, backend))
    if parts := place.network:
        return lambda: TcpPipe(*parts, timeout_s=timeout_s)
    return lambda: SerialPipe(place.path, baud=place.baud)


class EscPosPrinter:
    """One printer. No call takes longer than `timeout_s` by much.

    A printer that never answers to status requests (many on serial lines) is UNKNOWN, and prints.
    When a slip breaks off, the printer is told to forget the rest, and again before the next one in
    case it did not hear: that one comes out whole, and nothing that nobody asked for.
    """

    def __init__(self, info: DeviceInfo, line: Dial, *, timeout_s: float | None = None) -> None:
        self._info = info
        self._dial = line
        place = Place.read(info.path)
        self._columns = place.columns
        self._timeout_s = place.patience_s if timeout_s is None else timeout_s
        self._asked = False
        self._broke_off = False

    @property
    def info(self) -> DeviceInfo:
        """Who it is; maker, model and serial number as the printer itself says, once open."""
        return self._info

    def open(self) -> None:
        """PRN-01 when the printer cannot be reached."""
        with self._talk(None) as talk:
            if not self._asked and talk.ready_bits() is not None:
                self._asked = True
                self._info = _named(self._info, *talk.names())

    def close(self) -> None:
        """Nothing is held between two uses."""

    def status(self) -> PaperStatus:
        with self._talk(None) as talk:
            return talk.paper()

    def print_slip(
        self, lines: Iterable[SlipLine], *, folio: str = "", cancelled: Event | None = None
    ) -> Printed:
        """Print and cut one slip; `folio` is not needed, as nothing spools here.

        What keeps the printer from printing, before or midway, is one of PRN-02 to -10; PRN-17
        when it answered once, and now not even before the slip is sent; PRN-05 when it does not
        say that it finished: then the paper may be out.
        """
        slip = frames.slip_bytes(lines, columns=self._columns)
        end = time.monotonic() + self._timeout_s
        with self._talk(cancelled) as talk:
            if self._broke_off:
                talk.forget()
            answers = talk.check_ready() is not PaperStatus.UNKNOWN
            if self._asked and not answers:
                raise PrinterSilent
            self._broke_off = True
            try:
                talk.print(slip, end, answers=answers)
            except DeviceTrouble:
                talk.forget()
                raise
            self._broke_off = False
        return Printed(job="", confirmed=answers)

    @contextlib.contextmanager
    def _talk(self, cancelled: Event | None) -> Iterator[_Talk]:
        try:
            with contextlib.closing(self._dial()) as pipe:
                yield _Talk(pipe, cancelled)
        except PrinterUnreachable:
            raise
        except Unplugged as trouble:
            raise PrinterUnreachable(trouble.detail) from None


class _Talk:
    """One conversation with the printer, over one pipe."""

    def __init__(self, pipe: Pipe, cancelled: Event | None) -> None:
        self._pipe = pipe
        self._cancelled = cancelled
        self._answers = frames.Answers()
        for _ in range(20):  # what a conversation before this one left
            if not pipe.read(timeout_s=_DRAIN_S):
                break

    def say(self, question: bytes) -> None:
        self._pipe.write(question, timeout_s=_ANSWER_S, cancelled=self._cancelled)

    def paper(self) -> PaperStatus:
        bits = self._bits(frames.ASK_PAPER)
        return PaperStatus.UNKNOWN if bits is None else frames.paper(bits)

    def ready_bits(self) -> int | None:
        return self._bits(frames.ASK_READY)

    def names(self) -> tuple[str, str, str]:
        """Maker, model and serial number; "" for what it does not say."""
        model = self._name(frames.ASK_MODEL)
        if not model:
            return "", "", ""
        return self._name(frames.ASK_MAKER), model, self._name(frames.ASK_SERIAL)

    def check_ready(self) -> PaperStatus:
        """The paper, or what keeps the printer from printing."""
        bits = self.ready_bits()
        if bits is None:
            if self._answers.noise:
                raise PrinterGarbled
            return PaperStatus.UNKNOWN
        paper = self.paper()
        if paper is PaperStatus.OUT:
            raise PaperOut
        if frames.is_offline(bits):
            raise self._offline_cause()
        return paper

    def print(self, slip: bytes, end: float, *, answers: bool) -> None:
        """Send the slip, and wait until a printer that `answers` has printed all of it.

        The real-time status alone is true too early. A printer that stops midway says so itself.
        """
        try:
            if answers:
                slip = frames.TELL_CHANGES + slip + frames.ASK_WHEN_DONE
            done = self._send(slip, end)
            while answers and not done:
                if time.monotonic() >= end:
                    raise PrintUnconfirmed
                done = self._finished(self._heard(_LOOK_S)) or self._looks_again()
            if answers:
                self.say(frames.TELL_NOTHING)
        except (TimedOut, Unplugged):
            raise PrintUnconfirmed("the line broke off") from None

    def forget(self) -> None:
        """Have the printer drop what it has not printed; it may be past hearing it."""
        with contextlib.suppress(DeviceTrouble):
            self._pipe.write(frames.FORGET, timeout_s=_ANSWER_S)

    def _looks_again(self) -> bool:
        """Asks for the paper; always False. A printer at work has better to do than answer."""
        time.sleep(_LOOK_S / 2)
        self.say(frames.ASK_PAPER)
        return False

    def _send(self, data: bytes, end: float) -> bool:
        done = False
        for at in range(0, len(data), _PIECE):
            left = max(0.1, end - time.monotonic())
            self._pipe.write(data[at : at + _PIECE], timeout_s=left, cancelled=self._cancelled)
            done = self._finished(self._heard(0))
        return done

    def _finished(self, answers: Iterable[frames.Answer]) -> bool:
        """Whether «done» is among them; what stopped the printer midway is raised."""
        done = False
        for answer in answers:
            done = done or isinstance(answer, frames.Done)
            cause = _midway(answer)
            if cause is not None and not done:
                raise cause
        return done

    def _heard(self, wait_s: float) -> list[frames.Answer]:
        if self._cancelled is not None and self._cancelled.is_set():
            raise Cancelled
        return self._answers.feed(self._pipe.read(timeout_s=wait_s))

    def _offline_cause(self) -> DeviceTrouble:
        cause = self._bits(frames.ASK_OFFLINE_CAUSE)
        error = self._bits(frames.ASK_ERROR_CAUSE)
        found = None if error is None else frames.error_cause(error)
        if found is None and cause is not None:
            found = frames.offline_cause(cause)
        return found or PrinterOffline()

    def _name(self, question: bytes) -> str:
        answer = self._ask(question, frames.Named)
        return "" if answer is None else answer.text

    def _bits(self, question: bytes) -> int | None:
        answer = self._ask(question, frames.Status)
        return None if answer is None else answer.bits

    def _ask(self, question: bytes, kind: type[A]) -> A | None:
        """The printer's answer of this kind; None when it gives none in time."""
        self.say(question)
        end = time.monotonic() + _ANSWER_S
        while (left := end - time.monotonic()) > 0:
            for answer in self._heard(min(left, _LOOK_S)):
                if isinstance(answer, kind):
                    return answer
        return None


def _midway(answer: frames.Answer) -> DeviceTrouble | None:
    """The trouble of a printer that stopped in the midst of a slip."""
    if isinstance(answer, frames.Status) and frames.paper(answer.bits) is PaperStatus.OUT:
        return PaperEndedMidway()
    cause = frames.change_cause(answer) if isinstance(answer, frames.Change) else None
    return PaperEndedMidway() if isinstance(cause, PaperOut) else cause


# ---- who is there ------------------------------------------------------------------------------
def _usb_info(device: Any) -> DeviceInfo | None:
    interface = printer_interface(device)
    said = _device_id(device, interface.bInterfaceNumber)
    commands = said.get("CMD") or said.get("COMMAND SET") or ""
    page_printer = _PAGE_LANGUAGES.search(commands) and not re.search(r"ESC.?POS", commands, re.I)
    if interface.bInterfaceProtocol == _IPP_OVER_USB or page_printer:
        return None
    return replace(
        _named(
            _info(usb_path(device), "Impresora USB"),
            said.get("MFG") or said.get("MANUFACTURER") or "",
            said.get("MDL") or said.get("MODEL") or "",
            said.get("SN") or said.get("SERN") or "",
        ),
        vendor=f"{device.idVendor:04x}",
        product=f"{device.idProduct:04x}",
    )


def _device_id(device: Any, interface: int) -> dict[str, str]:
    """What a USB printer says of itself (IEEE 1284, GET_DEVICE_ID); nothing when it may not."""
    try:
        data = bytes(device.ctrl_transfer(0xA1, 0, 0, interface << 8, 1024, 500))
    except (usb.core.USBError, NotImplementedError, ValueError):
        return {}
    return frames.device_id(data)


def _usb_device(path: str, backend: Any) -> Any:
    found = usb.core.find(find_all=True, backend=backend, custom_match=printer_interface)
    for device in found:
        if usb_path(device) == path:
            return device
    raise PrinterUnreachable


def _info(path: str, model: str) -> DeviceInfo:
    return DeviceInfo(
        kind=DeviceKind.PRINTER,
        driver="escpos",
        model=model,
        path=path,
        capabilities={
            "columns": Place.read(path).columns,
            "paper": "roll",
            "reports_paper": True,
        },
    )


def _named(info: DeviceInfo, maker: str, model: str, serial: str) -> DeviceInfo:
    name = model if model.upper().startswith(maker.upper()) else f"{maker} {model}"
    return replace(info, model=name.strip() or info.model, serial=serial or info.serial)


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() and int(text) > 0 else otherwise
