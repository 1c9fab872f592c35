"""Printers that speak IPP, on the network or behind the queues of the CUPS on this machine.

pyipp writes the requests and carries them; what comes back is read by ipp_frames, and never more
than `_LARGEST` bytes of it. A job is created first and filled then, so that its number is known
before any of it can print: whenever the driver gives up, it cancels the job, and nothing comes out
later that nobody waits for. Job and document bear the folio, and nothing else is told of a slip.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import re
import stat
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

import aiohttp
from pyipp import IPP
from pyipp.enums import IppOperation
from pyipp.exceptions import IPPConnectionError, IPPError, IPPResponseError

from migramovil.devices.ports import DeviceInfo, DeviceKind, PaperStatus, Printed, SlipLine
from migramovil.devices.printer import sheet
from migramovil.devices.printer.ipp_frames import (
    Attributes,
    Group,
    Message,
    decode,
    number,
    numbers,
    text,
    texts,
)
from migramovil.devices.trouble import (
    Cancelled,
    CoverOpen,
    DeviceBusy,
    DeviceTrouble,
    InkOut,
    PaperJammed,
    PaperOut,
    PrintCancelled,
    PrinterGarbled,
    PrinterNotTrusted,
    PrinterOffline,
    PrinterUnreachable,
    PrintRefused,
    PrintUnconfirmed,
    StillQueued,
)

if TYPE_CHECKING:
    from migramovil.devices.registry import Addresses

log = logging.getLogger(__name__)
T = TypeVar("T")

_SOCKET = "/run/cups/cups.sock"
_LARGEST = 1 << 20  # bytes of an answer; the longest real ones have 100 KB
_LOOK_S = 0.2
_REQUEST_S = 5.0
_TAKE_BACK_S = 8.0
_PARTING_S = 0.25
_WARNED = 3  # times the patience: a warning may be about the other tray
_USER = "migramovil"  # the officer's name is nobody's business in a spool
_DPI = 300

# What keeps a printer from printing (RFC 8011 §5.4.12, PWG 5100.9), the first that is there.
_REASONS: tuple[tuple[str, type[DeviceTrouble]], ...] = (
    ("media-jam", PaperJammed),
    ("cover-open", CoverOpen),
    ("door-open", CoverOpen),
    ("interlock-open", CoverOpen),
    ("media-empty", PaperOut),
    ("media-needed", PaperOut),
    ("input-tray-missing", PaperOut),
    ("marker-supply-empty", InkOut),
    ("toner-empty", InkOut),
    ("marker-ink-empty", InkOut),
    ("connecting-to-device", PrinterUnreachable),
    ("timed-out", PrinterUnreachable),
    ("offline", PrinterUnreachable),
    ("shutdown", PrinterUnreachable),
    ("paused", PrinterOffline),
    ("stopped", PrinterOffline),
)
# CUPS gives no reason at all when the printer behind a queue is gone, only a sentence.
_GONE = re.compile(
    r"may not exist|unavailable|unable to (locate|connect)|unreachable|not respond", re.I
)
_NO_PAPER = re.compile(r"media.*(empty|needed)|out of paper|load (paper|media)", re.I)
_REFUSED = {0x0401, 0x0402, 0x0403, 0x040A, 0x0410, 0x0506, 0x050A}
_BUSY = {0x0507, 0x0505, 0x0509, 0x050B}
_NOT_FOUND = 0x0406
_ASKED = (
    "printer-make-and-model", "printer-device-id", "printer-state", "printer-state-reasons",
    "printer-state-message", "printer-is-accepting-jobs", "document-format-supported",
    "media-ready", "media-default", "operations-supported", "printer-resolution-default",
    "pwg-raster-document-resolution-supported", "job-creation-attributes-supported",
    "job-sheets-supported", "printer-uuid",
)  # fmt: skip
_JOB_ASKED = ("job-state", "job-state-reasons", "job-printer-state-message",
              "job-printer-state-reasons")  # fmt: skip
_AT_WORK, _STOPPED = 4, 5  # of a printer
_COMPLETED, _ABORTED, _CANCELED = 9, 8, 7  # of a job
_ENDED = {_COMPLETED, _ABORTED, _CANCELED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a printer is: `ipp://host/path`, or `cups:/run/cups/cups.sock#queue` for a queue here.

    `ipps://host/path#sha256=…` trusts the one certificate with this SHA-256 and no other; without
    it the certificate must be one that the machine's authorities vouch for.
    """

    host: str
    port: int
    path: str
    tls: bool = False
    pin: str = ""
    socket: str = ""

    @classmethod
    def read(cls, address: str) -> Place | None:
        """None when it is no such address."""
        if address.startswith("cups:"):
            socket, _, queue = address.removeprefix("cups:").partition("#")
            return cls(host="localhost", port=631, path=f"/printers/{queue}", socket=socket)
        try:
            parts = urlsplit(address)
            port = parts.port or 631
        except ValueError:
            return None
        if parts.scheme not in {"ipp", "ipps"} or not parts.hostname:
            return None
        pin = re.fullmatch(r"sha256=([0-9a-f]{64})", parts.fragment.replace(":", "").lower())
        if parts.fragment and pin is None:
            return None
        return cls(
            host=parts.hostname,
            port=port,
            path=parts.path if parts.path.strip("/") else "/ipp/print",
            tls=parts.scheme == "ipps",
            pin=pin[1] if pin else "",
        )

    @property
    def uri(self) -> str:
        """As the printer knows itself."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == 631 else f":{self.port}"
        return f"{'ipps' if self.tls else 'ipp'}://{host}{port}{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A printer as it answered just now."""

    attributes: Attributes

    @property
    def reasons(self) -> tuple[str, ...]:
        return texts(self.attributes, "printer-state-reasons")

    @property
    def message(self) -> str:
        return text(self.attributes, "printer-state-message")

    @property
    def queue(self) -> bool:
        """Whether this is a queue of CUPS, with the printer somewhere behind it."""
        return IppOperation.CUPS_GET_PRINTERS in self.operations

    @property
    def operations(self) -> tuple[int, ...]:
        return numbers(self.attributes, "operations-supported")

    @property
    def trouble(self) -> DeviceTrouble | None:
        """What keeps it from printing before there is a job. A warning does not, as an empty
        second tray stops nobody; nor what a queue remembers of the last job."""
        if number(self.attributes, "printer-state") == _STOPPED:
            return _cause(self.reasons, self.message) or PrinterOffline()
        return None if self.queue else _cause(_grave(self.reasons), "")

    @property
    def media(self) -> sheet.Media:
        names = [*texts(self.attributes, "media-ready"), *texts(self.attributes, "media-default")]
        return next((media for name in names if (media := sheet.Media.named(name))), sheet.A4)

    @property
    def form(self) -> str:
        """The document format to send; PRN-12 when it takes none of ours."""
        takes = texts(self.attributes, "document-format-supported")
        for form in sheet.FORMATS:
            if form in takes:
                return form
        raise PrintRefused("no document format")

    @property
    def dpi(self) -> int:
        """The raster it takes; the other formats are scaled by whoever prints them."""
        named = ("pwg-raster-document-resolution-supported", "printer-resolution-default")
        every = [value for name in named for value in self.attributes.get(name, ())]
        found = [v[0] for v in every if isinstance(v, tuple) and len(v) == 3 and v[0] == v[1]]
        known = [dpi for dpi in found if 150 <= dpi <= 1200]
        return _DPI if self.form != sheet.PWG or _DPI in known or not known else min(known)


def installed() -> bool:
    return importlib.util.find_spec("pyipp") is not None


def find(at: Addresses) -> list[DeviceInfo]:
    """The printer the settings name; when they name none, the queues of this machine's CUPS.

    A network printer is listed although it may be off: nobody can enumerate those.
    """
    if at.printer:
        place = Place.read(at.printer)
        return [] if place is None else [_info(at.printer, "Impresora IPP")]
    here = _SOCKET if Path(_SOCKET).exists() else "localhost:631"
    return queues(os.environ.get("CUPS_SERVER") or here)


def make(info: DeviceInfo, _at: Addresses) -> IppPrinter:
    return IppPrinter(info)


def queues(server: str) -> list[DeviceInfo]:
    """The queues of a CUPS at a socket or "host:port", its default first; none if it is silent."""
    socket = server.startswith("/")
    at = f"cups:{server}#" if socket else f"ipp://{server}/printers/"
    place = Place.read(at)
    try:
        if place is None or (socket and not stat.S_ISSOCK(Path(server).stat().st_mode)):
            return []
        names, default = asyncio.run(_queues(replace(place, path="/")))
    except (OSError, DeviceTrouble):
        return []
    names.sort(key=lambda name: name != default)
    return [_info(f"{at}{name}", f"Cola {unquote(name)}") for name in names]


class IppPrinter:
    """One printer or queue. No call takes longer than `timeout_s` by much.

    `patience_s` is how long something that keeps the printer from printing (no paper, a cover)
    may last before the officer is told and the job taken back.
    """

    def __init__(
        self, info: DeviceInfo, *, timeout_s: float = 60.0, patience_s: float = 5.0
    ) -> None:
        place = Place.read(info.path)
        if place is None:
            raise PrinterUnreachable("no such address")
        self._info = info
        self._place = place
        self._timeout_s = timeout_s
        self._patience_s = patience_s

    @property
    def info(self) -> DeviceInfo:
        """Who it is, as the printer itself says, once open."""
        return self._info

    def open(self) -> None:
        """PRN-01 when the printer cannot be reached, PRN-13 when it is not the one it should be."""
        standing = self._run(lambda line: line.standing())
        self._info = _described(self._info, standing)

    def close(self) -> None:
        """Nothing is held between two uses."""

    def status(self) -> PaperStatus:
        """Of a queue at rest UNKNOWN: it only remembers how its last job ended."""
        standing = self._run(lambda line: line.standing())
        at_work = number(standing.attributes, "printer-state") == _AT_WORK
        if not standing.reasons or (standing.queue and not at_work):
            return PaperStatus.UNKNOWN
        if isinstance(_cause(standing.reasons, ""), PaperOut):
            return PaperStatus.OUT
        low = any(reason.startswith("media-low") for reason in standing.reasons)
        return PaperStatus.LOW if low else PaperStatus.OK

    def print_slip(
        self, lines: Iterable[SlipLine], *, folio: str = "", cancelled: Event | None = None
    ) -> Printed:
        """Print one slip, and follow it to its end.

        What keeps the printer from printing is one of PRN-01 to -15, and then the job is taken
        back; PRN-16 when it could not be. Only a printer itself confirms: CUPS (2.4.2, tried) also
        calls «completed» what a printer broke off a moment after it took it.
        """
        slip = tuple(lines)
        return self._run(lambda line: self._printed(line, slip, folio), cancelled)

    async def _printed(self, line: _Line, slip: tuple[SlipLine, ...], folio: str) -> Printed:
        end = time.monotonic() + self._timeout_s
        standing = await line.standing()
        if standing.attributes.get("printer-is-accepting-jobs") == (False,):
            raise PrintRefused("not accepting jobs")
        if standing.trouble is not None:
            raise standing.trouble
        page = await asyncio.to_thread(
            sheet.document, slip, standing.media, standing.form, standing.dpi
        )
        job = await line.submit(standing, folio or "migramovil", page, self._timeout_s)
        try:
            known = await self._followed(line, job, end)
        except PrintUnconfirmed:
            raise
        except (DeviceTrouble, asyncio.CancelledError) as why:
            if await asyncio.shield(self._taken_back(job, why)):
                raise
            known = True
        return Printed(job=str(job), confirmed=known and not standing.queue)

    async def _followed(self, line: _Line, job: int, end: float) -> bool:
        """Wait for the job's end: True when it was printed, False when nobody knows any more."""
        blocked_since: float | None = None
        while True:
            over, trouble, grave = await _looked_at(line, job)
            if over is not None:
                return over
            now = time.monotonic()
            blocked_since = None if trouble is None else blocked_since or now
            patience_s = self._patience_s if grave else _WARNED * self._patience_s
            if trouble and blocked_since and now - blocked_since >= patience_s:
                raise trouble
            if now >= end:
                raise trouble or PrinterOffline("never began")
            await asyncio.sleep(_LOOK_S)

    async def _taken_back(self, job: int, why: BaseException) -> bool:
        """Cancel the job: True when it is, False when it was printed after all; else PRN-16."""
        try:
            async with asyncio.timeout(_TAKE_BACK_S), _Line(self._place) as line:
                await line.cancel(job)
                while (state := await line.job(job)) is not None:
                    known = number(state, "job-state")
                    if known in _ENDED:
                        return known != _COMPLETED
                    if "processing-to-stop-point" in texts(state, "job-state-reasons"):
                        return True
                    await asyncio.sleep(_LOOK_S)
                return True
        except (DeviceTrouble, TimeoutError):
            log.warning("a print job could not be taken back: %s", type(why).__name__)
            raise StillQueued from None

    def _run(self, ask: Callable[[_Line], Awaitable[T]], cancelled: Event | None = None) -> T:
        async def talk() -> T:
            async with _Line(self._place) as line:
                return await ask(line)

        if cancelled is not None and cancelled.is_set():
            raise Cancelled
        return asyncio.run(_watched(talk(), cancelled))


class _Line:
    """A connection to a printer; each question has its own time."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def __aenter__(self) -> _Line:
        place = self._place
        connector = aiohttp.UnixConnector(place.socket) if place.socket else aiohttp.TCPConnector()
        self._session = aiohttp.ClientSession(
            connector=connector, response_class=_Bounded, auto_decompress=False
        )
        self._ipp = IPP(
            host=place.host,
            port=place.port,
            base_path=place.path,
            tls=place.tls,
            session=self._session,
            request_timeout=int(_REQUEST_S),
            user_agent="migramovil",
        )
        # pyipp hands this on to aiohttp as it is, which knows more than yes and no
        self._ipp.verify_ssl = _trust(place)  # type: ignore[assignment]
        return self

    async def __aexit__(self, error: type[BaseException] | None, *_rest: object) -> None:
        await self._session.close()
        # a transport is closed a turn later, and one whose handshake failed when its peer hears so
        await asyncio.sleep(_PARTING_S if self._place.tls and error else 0)

    async def standing(self) -> Standing:
        asked = {"requested-attributes": list(_ASKED)}
        answer = await self._ask(IppOperation.GET_PRINTER_ATTRIBUTES, asked)
        return Standing(attributes=answer.first(Group.PRINTER))

    async def submit(self, standing: Standing, name: str, page: bytes, stay_s: float) -> int:
        """Hand a document in; the job's number."""
        named = {"job-name": name}
        held = {"document-name": name, "document-format": standing.form}
        wishes = _wishes(standing, stay_s)
        if IppOperation.SEND_DOCUMENT not in standing.operations:  # before IPP 2.0
            try:
                sent = await self._ask(IppOperation.PRINT_JOB, named | held, job=wishes, page=page)
            except (PrinterUnreachable, asyncio.CancelledError):
                raise StillQueued("no job number") from None
            return _job_number(sent)
        job = _job_number(await self._ask(IppOperation.CREATE_JOB, named, job=wishes))
        asked: dict[str, Any] = {"job-id": job, **held, "last-document": True}
        try:
            await self._ask(IppOperation.SEND_DOCUMENT, asked, page=page)
        except (DeviceTrouble, asyncio.CancelledError):
            await self._abandon(job)
            raise
        return job

    async def job(self, job: int) -> Attributes | None:
        """What is known of a job; None when the printer has forgotten it."""
        asked = {"job-id": job, "requested-attributes": list(_JOB_ASKED)}
        answer = await self._ask(IppOperation.GET_JOB_ATTRIBUTES, asked, fine=(_NOT_FOUND,))
        return None if answer.code == _NOT_FOUND else answer.first(Group.JOB)

    async def cancel(self, job: int) -> None:
        """Ended jobs cannot be cancelled (0x0404), and that is fine."""
        await self._ask(IppOperation.CANCEL_JOB, {"job-id": job}, fine=(0x0404, _NOT_FOUND))

    async def queues(self) -> tuple[list[str], str]:
        """All queues of a CUPS, and the name of its default."""
        asked = {"requested-attributes": ["printer-name"]}
        every = await self._ask(IppOperation.CUPS_GET_PRINTERS, asked, fine=(_NOT_FOUND,))
        first = await self._ask(IppOperation.CUPS_GET_DEFAULT, asked, fine=(_NOT_FOUND,))
        names = [text(one, "printer-name") for one in every.every(Group.PRINTER)]
        return [name for name in names if name], text(first.first(Group.PRINTER), "printer-name")

    async def _abandon(self, job: int) -> None:
        try:
            await self.cancel(job)
        except DeviceTrouble:
            raise StillQueued from None

    async def _ask(
        self,
        operation: IppOperation,
        asked: dict[str, Any],
        *,
        job: dict[str, Any] | None = None,
        page: bytes = b"",
        fine: tuple[int, ...] = (),
    ) -> Message:
        """One question and its answer; DeviceTrouble for an answer that is an error."""
        own = {"printer-uri": self._place.uri, "requesting-user-name": _USER}
        message: dict[str, Any] = {"operation-attributes-tag": {**own, **asked}}
        if job:
            message["job-attributes-tag"] = job
        if page:
            message["data"] = page
        try:
            async with asyncio.timeout(_REQUEST_S):
                data = await self._ipp.raw(operation, message)
        except (IPPError, aiohttp.ClientError, OSError, ValueError) as error:
            raise _lost(error) from None
        answer = decode(data)
        if answer.code >= 0x0100 and answer.code not in fine:
            raise _refusal(answer.code)
        return answer


class _Bounded(aiohttp.ClientResponse):
    """An answer that is read only so far."""

    async def read(self) -> bytes:
        body = bytearray()
        async for piece in self.content.iter_chunked(1 << 14):
            body += piece
            if len(body) > _LARGEST:
                self.close()
                raise PrinterGarbled("an answer without end")
        self.release()
        return bytes(body)


async def _watched(talk: Coroutine[Any, Any, T], cancelled: Event | None) -> T:
    """The answer, or DEV-03 soon after `cancelled`, when all is cleared up."""
    task = asyncio.ensure_future(talk)
    while not task.done():
        await asyncio.wait({task}, timeout=_LOOK_S)
        if cancelled is not None and cancelled.is_set() and not task.done():
            task.cancel()
            await asyncio.wait({task})
    if task.cancelled():
        raise Cancelled
    return task.result()


async def _queues(place: Place) -> tuple[list[str], str]:
    async with _Line(place) as line:
        return await line.queues()


async def _looked_at(line: _Line, job: int) -> tuple[bool | None, DeviceTrouble | None, bool]:
    """Whether the job is over (False: forgotten with its end), else why it does not go on if it
    does not, and whether that is more than a warning: some printers out of paper only warn."""
    try:
        known = await line.job(job)
        if known is None:
            return False, None, False  # CUPS without a job history
        if _over(known):
            return True, None, False
        standing = await line.standing()
    except PrinterUnreachable as gone:  # it may only have been the network
        return None, gone, True
    reasons = (*texts(known, "job-printer-state-reasons"), *standing.reasons)
    said = f"{text(known, 'job-printer-state-message')} {standing.message}"
    grave = _cause(_grave(reasons), said) or standing.trouble
    return None, grave or _cause(reasons, ""), grave is not None


def _grave(reasons: Iterable[str]) -> list[str]:
    return [reason for reason in reasons if not reason.endswith("-warning")]


def _over(job: Attributes) -> bool:
    """Whether a job was printed; the trouble when it ended otherwise."""
    state, reasons = number(job, "job-state"), texts(job, "job-state-reasons")
    if state == _COMPLETED:
        if "job-completed-with-errors" in reasons:
            raise PrintUnconfirmed("with errors")
        return True
    if state == _CANCELED:
        raise PrintCancelled
    if state == _ABORTED:
        raise PrintRefused("aborted")
    return False


def _cause(reasons: Iterable[str], said: str) -> DeviceTrouble | None:
    """The gravest of the reasons; failing them, what the sentence says."""
    every = tuple(reasons)
    for start, trouble in _REASONS:
        if any(reason.startswith(start) for reason in every):
            return trouble()
    if _NO_PAPER.search(said):
        return PaperOut()
    return PrinterUnreachable("behind the queue") if _GONE.search(said) else None


def _wishes(standing: Standing, stay_s: float) -> dict[str, Any]:
    """How the job is to be printed, as far as the printer lets anybody wish.

    No cover sheet; and should the station die, the printer itself forgets the job in time.
    """
    wishes: dict[str, Any] = {"copies": 1}
    may = texts(standing.attributes, "job-creation-attributes-supported")
    if "none" in texts(standing.attributes, "job-sheets-supported"):
        wishes["job-sheets"] = "none"
    if "job-cancel-after" in may:
        wishes["job-cancel-after"] = max(1, int(stay_s) * 2)
    if "media" in may and not standing.media.roll:
        wishes["media"] = standing.media.name
    return wishes


def _job_number(answer: Message) -> int:
    job = number(answer.first(Group.JOB), "job-id")
    if job is None or job < 1:
        raise PrinterGarbled("no job number")
    return job


def _refusal(code: int) -> DeviceTrouble:
    if code in _REFUSED:
        return PrintRefused(f"ipp {code:#06x}")
    if code in _BUSY:
        return DeviceBusy(f"ipp {code:#06x}")
    if code == _NOT_FOUND:
        return PrinterUnreachable("no such printer there")
    return PrintRefused(f"ipp {code:#06x}")


def _lost(error: BaseException) -> DeviceTrouble:
    """Why no answer came; a certificate that is not the right one is not a lost line."""
    cause = error.__cause__ or error
    if isinstance(cause, (aiohttp.ServerFingerprintMismatch, aiohttp.ClientSSLError)):
        return PrinterNotTrusted(type(cause).__name__)
    if isinstance(error, IPPResponseError):
        status = error.args[1].get("status-code") if len(error.args) > 1 else None
        return PrintRefused(f"http {status}")
    if isinstance(error, (IPPConnectionError, aiohttp.ClientError, OSError)):
        return PrinterUnreachable(type(cause).__name__)
    return PrinterGarbled(type(error).__name__)


def _trust(place: Place) -> aiohttp.Fingerprint | bool:
    return aiohttp.Fingerprint(bytes.fromhex(place.pin)) if place.pin else True


def _info(path: str, model: str) -> DeviceInfo:
    return DeviceInfo(
        kind=DeviceKind.PRINTER,
        driver="ipp",
        model=model,
        path=path,
        capabilities={"dpi": _DPI, "paper": "sheet", "reports_paper": True},
    )


def _described(info: DeviceInfo, standing: Standing) -> DeviceInfo:
    model = text(standing.attributes, "printer-make-and-model")
    paper = "roll" if standing.media.roll else "sheet"
    return replace(
        info,
        model=model[:80] or info.model,
        serial=text(standing.attributes, "printer-uuid").removeprefix("urn:uuid:")[:80],
        capabilities={
            "dpi": standing.dpi,
            "paper": paper,
            "reports_paper": not standing.queue,
        },
    )
