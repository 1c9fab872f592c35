"""A played IPP printer: an HTTP server on the loopback that prints to pictures, kept in memory."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image

from migramovil.devices.printer.ipp_frames import (
    Attributes,
    Group,
    Message,
    Tag,
    Value,
    decode,
    encode,
    number,
    text,
)
from migramovil.devices.trouble import DeviceTrouble

PATH = "/ipp/print"
_LARGEST = 32 << 20  # bytes of a document
_TICK_S = 0.01


class IppFault(StrEnum):
    """What can be made to go wrong. Unplugging is `unplug()`."""

    NONE = "none"
    PAPER_LOW = "paper low"
    PAPER_OUT = "paper out"
    PAPER_OUT_WARNING = "paper out, as a warning"  # as some printers call it
    COVER_OPEN = "cover open"
    JAM = "jam"
    NO_INK = "no ink"
    PAUSED = "paused"
    BUSY = "busy"
    NOT_ACCEPTING = "not accepting"
    CANCELS = "cancels"  # somebody presses the button at the printer
    ABORTS = "aborts"
    FORGETS = "forgets"  # keeps no history: an ended job is unknown
    GARBAGE = "garbage"
    ENDLESS = "endless"
    HANG = "hang"


_REASONS = {
    IppFault.PAPER_LOW: "media-low-warning",
    IppFault.PAPER_OUT: "media-empty-error",
    IppFault.PAPER_OUT_WARNING: "media-empty-warning",
    IppFault.COVER_OPEN: "cover-open-error",
    IppFault.JAM: "media-jam-error",
    IppFault.NO_INK: "marker-supply-empty-error",
    IppFault.PAUSED: "paused",
}
_STOPS = set(_REASONS) - {IppFault.PAPER_LOW} | {IppFault.HANG}
_PENDING, _PROCESSING, _CANCELED, _ABORTED, _COMPLETED = 3, 5, 7, 8, 9
_ENDED = {_CANCELED, _ABORTED, _COMPLETED}
_TAGS = {
    "attributes-charset": Tag.CHARSET,
    "attributes-natural-language": Tag.LANGUAGE,
    "printer-make-and-model": Tag.TEXT,
    "printer-uuid": Tag.URI,
    "printer-state": Tag.ENUM,
    "printer-state-reasons": Tag.KEYWORD,
    "printer-state-message": Tag.TEXT,
    "printer-is-accepting-jobs": Tag.BOOLEAN,
    "document-format-supported": Tag.MIME_TYPE,
    "media-ready": Tag.KEYWORD,
    "media-default": Tag.KEYWORD,
    "operations-supported": Tag.ENUM,
    "pwg-raster-document-resolution-supported": Tag.RESOLUTION,
    "job-creation-attributes-supported": Tag.KEYWORD,
    "job-id": Tag.INTEGER,
    "job-uri": Tag.URI,
    "job-name": Tag.NAME,
    "job-state": Tag.ENUM,
    "job-state-reasons": Tag.KEYWORD,
}
_PRINT, _VALIDATE, _CREATE, _SEND, _CANCEL, _JOB, _PRINTER = 2, 4, 5, 6, 8, 9, 11


@dataclass(slots=True)
class Job:
    """What the printer knows of a job: nothing of a slip but its name."""

    name: str
    user: str
    wishes: Attributes
    form: str = ""
    document: bytes = b""
    document_name: str = ""
    state: int = _PENDING


class IppPrinter:
    """The printer. `pages` holds what was printed, grey or RGB; `on_slip` is called for each.

    `jobs` are all that came, by number. With a `certificate` (a PEM file with its key) it speaks
    TLS. `operations` may lack Create-Job, as in printers before IPP 2.0.
    """

    def __init__(
        self,
        *,
        on_slip: Callable[[Image.Image], object] = lambda _: None,
        media: str = "iso_a4_210x297mm",
        formats: tuple[str, ...] = ("image/jpeg", "image/pwg-raster"),
        operations: tuple[int, ...] = (_PRINT, _VALIDATE, _CREATE, _SEND, _CANCEL, _JOB, _PRINTER),
        seconds_per_page: float = 0.0,
        certificate: Path | None = None,
    ) -> None:
        self.fault = IppFault.NONE
        self.pages: list[Image.Image] = []
        self.jobs: dict[int, Job] = {}
        self.media, self.formats, self.operations = media, formats, operations
        self.seconds_per_page = seconds_per_page
        self._on_slip = on_slip
        self._tls = None if certificate is None else _context(certificate)
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._server: _Server | None = None
        self._port = 0
        self.plug()
        self._worker = threading.Thread(target=self._work, name="ipp-printer", daemon=True)
        self._worker.start()

    @property
    def address(self) -> str:
        scheme = "ipp" if self._tls is None else "ipps"
        return f"{scheme}://127.0.0.1:{self._port}{PATH}"

    @property
    def plugged(self) -> bool:
        return self._server is not None

    def plug(self) -> None:
        if self._server is None:
            self._server = _Server(("127.0.0.1", self._port), self, self._tls)
            self._port = self._server.server_address[1]
            threading.Thread(
                target=self._server.serve_forever, args=(_TICK_S,), name="ipp-door", daemon=True
            ).start()

    def unplug(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            server.shutdown()
            server.server_close()
            server.hang_up()

    def close(self) -> None:
        self._closing.set()
        self.unplug()
        self._worker.join(5)

    # ---- answering -----------------------------------------------------------------------------
    def answer(self, request: bytes) -> bytes:
        """The answer to one request, as bytes; 0x0400 to what is no request."""
        while self.fault is IppFault.HANG and not self._closing.wait(_TICK_S):
            continue
        if self.fault is IppFault.GARBAGE:
            return b"\x02\x00\x00\x00\x00\x00\x00\x01\x01\x41\x00\x01a\xff\xfa\x03"
        try:
            asked = decode(request)
        except DeviceTrouble:
            return _encoded(Message(code=0x0400), {})
        with self._lock:
            return self._answered(asked)

    def _answered(self, asked: Message) -> bytes:
        operation = asked.first(Group.OPERATION)
        if asked.code not in self.operations:
            return _encoded(asked, {}, code=0x0501)
        if asked.code in {_PRINT, _CREATE} and self.fault in {
            IppFault.BUSY,
            IppFault.NOT_ACCEPTING,
        }:
            return _encoded(asked, {}, code=0x0507 if self.fault is IppFault.BUSY else 0x0506)
        if asked.code == _PRINTER:
            return _encoded(asked, self._about_me(), group=Group.PRINTER)
        if asked.code in {_PRINT, _CREATE, _VALIDATE}:
            return self._taken(asked, operation)
        job_id = number(operation, "job-id") or 0
        job = self.jobs.get(job_id)
        if job is None or (self.fault is IppFault.FORGETS and job.state in _ENDED):
            return _encoded(asked, {}, code=0x0406)
        return self._about_job(asked, operation, job_id, job)

    def _taken(self, asked: Message, operation: Attributes) -> bytes:
        job = Job(
            name=text(operation, "job-name"),
            user=text(operation, "requesting-user-name"),
            wishes=asked.first(Group.JOB),
        )
        if asked.code == _VALIDATE:
            return _encoded(asked, {})
        if asked.code == _PRINT and not self._filled(job, operation, asked.document):
            return _encoded(asked, {}, code=0x040A)
        job_id = len(self.jobs) + 1
        self.jobs[job_id] = job
        return _encoded(asked, _job(job_id, job), group=Group.JOB)

    def _about_job(self, asked: Message, operation: Attributes, job_id: int, job: Job) -> bytes:
        if asked.code == _SEND and not self._filled(job, operation, asked.document):
            return _encoded(asked, {}, code=0x040A)
        if asked.code == _CANCEL:
            if job.state in _ENDED:
                return _encoded(asked, {}, code=0x0404)
            job.state = _CANCELED
        return _encoded(asked, _job(job_id, job), group=Group.JOB)

    def _filled(self, job: Job, operation: Attributes, document: bytes) -> bool:
        job.form, job.document = text(operation, "document-format"), document
        job.document_name = text(operation, "document-name")
        return job.form in self.formats

    def _about_me(self) -> dict[str, tuple[Value, ...]]:
        reason = _REASONS.get(self.fault, "none")
        warned = self.fault is IppFault.PAPER_OUT_WARNING  # it waits, and calls that work
        state = 4 if warned else 5 if self.fault in _STOPS else 3
        return {
            "printer-make-and-model": ("MIGRAMOVIL Láser de práctica",),
            "printer-uuid": ("urn:uuid:00000000-0000-4000-8000-000000000417",),
            "printer-state": (state,),
            "printer-state-reasons": (reason,),
            "printer-is-accepting-jobs": (self.fault is not IppFault.NOT_ACCEPTING,),
            "document-format-supported": self.formats,
            "media-ready": (self.media,),
            "media-default": (self.media,),
            "operations-supported": self.operations,
            "pwg-raster-document-resolution-supported": ((150, 150, 3), (300, 300, 3)),
            "job-creation-attributes-supported": ("copies", "job-cancel-after", "media"),
        }

    # ---- printing ------------------------------------------------------------------------------
    def _work(self) -> None:
        while not self._closing.wait(_TICK_S):
            with self._lock:
                waiting = [job for job in self.jobs.values() if job.document]
                job = next((job for job in waiting if job.state not in _ENDED), None)
            if job is not None and self.fault not in _STOPS:
                self._print(job)

    def _print(self, job: Job) -> None:
        job.state = _PROCESSING
        self._closing.wait(self.seconds_per_page)
        with self._lock:
            if job.state != _PROCESSING or self.fault in _STOPS:
                return  # cancelled meanwhile, or it goes on when the printer can
            job.state = {IppFault.CANCELS: _CANCELED, IppFault.ABORTS: _ABORTED}.get(
                self.fault, _COMPLETED
            )
            if job.state != _COMPLETED:
                return
            page = picture(job.document)
            if page is None:
                job.state = _ABORTED
                return
            self.pages.append(page)
        self._on_slip(page)


def picture(document: bytes) -> Image.Image | None:
    """The first page of a PWG raster or JPEG; None when it is neither, or broken."""
    if document[:4] == b"RaS2":
        return _raster(document)
    with contextlib.suppress(OSError, ValueError, Image.DecompressionBombError):
        page = Image.open(io.BytesIO(document), formats=("JPEG",))
        page.load()
        return page
    return None


def _raster(document: bytes) -> Image.Image | None:
    """PWG raster of eight grey bits (PWG 5102.4)."""
    width, height = (int.from_bytes(document[at : at + 4], "big") for at in (376, 380))
    if not (0 < width <= 20_000 and 0 < height <= 30_000) or document[392:396] != b"\0\0\0\x08":
        return None
    rows, at = bytearray(), 4 + 1796
    while len(rows) < width * height and at < len(document):
        repeat, row = document[at] + 1, bytearray()
        at += 1
        while len(row) < width and at < len(document):
            count = document[at]
            if count < 128:
                row += document[at + 1 : at + 2] * (count + 1)
                at += 2
            else:
                row += document[at + 1 : at + 258 - count]
                at += 258 - count
        rows += bytes(row[:width]) * repeat
    if len(rows) < width * height:
        return None
    return Image.frombytes("L", (width, height), bytes(rows[: width * height]))


def _job(job_id: int, job: Job) -> dict[str, tuple[Value, ...]]:
    reasons = {_CANCELED: "job-canceled-at-device", _ABORTED: "aborted-by-system"}
    return {
        "job-id": (job_id,),
        "job-uri": (f"ipp://127.0.0.1{PATH}/{job_id}",),
        "job-name": (job.name,),
        "job-state": (job.state,),
        "job-state-reasons": (reasons.get(job.state, "none"),),
    }


def _encoded(
    asked: Message, said: Attributes, *, group: Group = Group.UNSUPPORTED, code: int = 0
) -> bytes:
    head: Attributes = {
        "attributes-charset": ("utf-8",),
        "attributes-natural-language": ("es",),
    }
    groups: tuple[tuple[int, Attributes], ...] = ((Group.OPERATION, head),)
    if said:
        groups = (*groups, (group, said))
    return encode(Message(code=code, request_id=asked.request_id, groups=groups), _TAGS)


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


# ---- HTTP --------------------------------------------------------------------------------------
class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(
        self, address: tuple[str, int], printer: IppPrinter, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(address, _Door)
        self.printer = printer
        self._lines: set[socket.socket] = set()
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._lines.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._lines.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """A printer that is switched off answers on no line that was open, either."""
        for line in tuple(self._lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no error of the printer's."""


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 30

    def do_POST(self) -> None:
        printer = self.server.printer
        body = self._chunked() if self.headers.get("Transfer-Encoding") else self._sized()
        if body is None or self.path.rstrip("/") != PATH:
            self.send_error(404 if body is not None else 413)
            return
        answer = printer.answer(body)
        self.send_response(200)
        self.send_header("Content-Type", "application/ipp")
        endless = printer.fault is IppFault.ENDLESS
        self.send_header("Content-Length", str(1 << 40 if endless else len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        while endless and printer.fault is IppFault.ENDLESS:
            self.wfile.write(bytes(1 << 16))

    def log_message(self, format: str, *args: object) -> None:
        """Nobody asked."""

    def _sized(self) -> bytes | None:
        size = self.headers.get("Content-Length", "0")
        return self.rfile.read(int(size)) if size.isdecimal() and int(size) <= _LARGEST else None

    def _chunked(self) -> bytes | None:
        """As CUPS and Windows send."""
        body = bytearray()
        while len(body) <= _LARGEST:
            try:
                size = int(self.rfile.readline(20).split(b";")[0], 16)
            except ValueError:
                return None
            body += self.rfile.read(max(0, min(size, _LARGEST)))
            self.rfile.readline(4)
            if size <= 0:
                return bytes(body)
        return None
