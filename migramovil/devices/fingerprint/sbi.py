"""Readers behind a MOSIP device service (SBI 0.9.5, 1.0): HTTP with methods of its own, loopback.

The service is the maker's program and draws, segments and signs; this is its client. Only
127.0.0.1 is ever spoken to: the address a service gives for itself (`callbackId`) is not followed.
h11 reads the answers, so that a call can be given up at any moment and never reads too much.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, cast

import h11

from migramovil.devices.fingerprint import sbi_jws, sbi_stream
from migramovil.devices.fingerprint import sbi_messages as messages
from migramovil.devices.fingerprint.sbi_jws import Trust
from migramovil.devices.fingerprint.sbi_messages import Announced, Asked
from migramovil.devices.ports import (
    DeviceInfo,
    DeviceKind,
    FingerImage,
    OnPreview,
    Slap,
    SlapFinger,
)
from migramovil.devices.trouble import (
    Cancelled,
    DeviceBusy,
    DeviceTrouble,
    ImageUnreadable,
    NoFinger,
    NoTrustRoot,
    OtherReader,
    ServiceRefused,
    ServiceUnreadable,
    TimedOut,
    Unplugged,
)

if TYPE_CHECKING:
    from migramovil.devices.registry import Addresses

HOST = "127.0.0.1"
_PPI = 500  # what the specification asks of readers for registration; each picture says its own
_LOOK_S = 0.1  # how often a wait looks at `cancelled`
_CONNECT_S = 0.3
_FIND_S = 2.0  # all services together: one that hangs must not hide the others for long
_ANSWER_S = 2.0
_GRACE_S = 4.0  # a service compresses and signs after the time it was given for the finger
_FIRST_FRAME_S = 1.0
_BUSY_S = 0.25  # between two tries at a service that still is at a capture called off before
_SMALL, _LARGE = 1 << 20, 16 << 20  # most bytes of an answer

# Method and path of each call.
_DISCOVER = ("MOSIPDISC", "/device")
_INFO = ("MOSIPDINFO", "/info")
_STREAM = ("STREAM", "/stream")
_CAPTURE = ("RCAPTURE", "/capture")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What to capture, in the words of `Asked`."""

    part: int
    positions: tuple[int, ...] = ()
    missing: frozenset[int] = frozenset()


def installed() -> bool:
    return True


def find(at: Addresses) -> list[DeviceInfo]:
    """The readers announced on the ports of `at.sbi` ("4501-4600"; "" for none).

    Those of another environment than production make a training station, as played ones do.
    """
    played = at.sbi_environment != messages.PRODUCTION
    end = time.monotonic() + _FIND_S
    found = []
    for port in _listening(_ports(at.sbi)):
        with contextlib.suppress(DeviceTrouble):  # some other program listens there
            found += [_info(port, one, played) for one in _discover(port, end, Event())]
    return found


def make(info: DeviceInfo, at: Addresses) -> SbiReader:
    return SbiReader(info, roots=lambda: _pem(Path(at.sbi_roots)), environment=at.sbi_environment)


class SbiReader:
    """One reader behind a service; a `SlapReader` where the service announces a slap scanner.

    `roots` gives the certificates, as PEM, from which the reader's own must descend.
    """

    def __init__(
        self,
        info: DeviceInfo,
        *,
        roots: Callable[[], bytes],
        environment: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.info = info
        self._port, self._device_id = _place(info.path)
        self._roots = roots
        self._environment = environment
        self._clock = clock
        self._trust = Trust(roots=(), environment=environment)
        self._device: Announced | None = None
        self._last_hash = messages.NO_CAPTURE_YET

    def open(self) -> None:
        """Find the reader again and have it prove who it is."""
        never = Event()
        self._trust = Trust(roots=sbi_jws.read_roots(self._roots()), environment=self._environment)
        end = time.monotonic() + _ANSWER_S
        device = self._same(_discover(self._port, end, never))
        device.check_usable()
        answer = _exchange(self._port, _INFO, b"", end, never)
        messages.check_identity(answer, device, self._trust, self._clock())
        self._device = device
        self._last_hash = messages.NO_CAPTURE_YET

    def close(self) -> None:
        """Nothing is held between two captures."""
        self._device = None

    def capture(
        self, *, timeout_s: float, cancelled: Event, on_preview: OnPreview | None = None
    ) -> FingerImage:
        """One finger, whichever it is."""
        part, *_ = (*self._opened().parts, 0)
        (finger,) = self._take(_Order(part=part), timeout_s, cancelled, on_preview)
        return FingerImage(pixels=finger.pixels, ppi=finger.ppi)

    def capture_slap(
        self,
        slap: Slap,
        *,
        missing: frozenset[int],
        timeout_s: float,
        cancelled: Event,
        on_preview: OnPreview | None = None,
    ) -> tuple[SlapFinger, ...]:
        """The fingers of a slap but for the missing; FPR-21 when others come, or fewer."""
        part, positions = messages.SLAPS[slap]
        present = tuple(position for position in positions if position not in missing)
        if not present:
            return ()
        absent = frozenset(positions) & missing
        order = _Order(part=part, positions=present, missing=absent)
        return self._take(order, timeout_s, cancelled, on_preview)

    def _take(
        self, order: _Order, timeout_s: float, cancelled: Event, on_preview: OnPreview | None
    ) -> tuple[SlapFinger, ...]:
        """Ask until the service is free: it may still be at a capture that was called off."""
        end = time.monotonic() + timeout_s
        while True:
            if cancelled.is_set():
                raise Cancelled
            left_s = end - time.monotonic()
            if left_s <= 0:
                raise NoFinger
            try:
                return self._once(order, left_s, cancelled, on_preview)
            except DeviceBusy:
                if end - time.monotonic() < _BUSY_S:
                    raise
                cancelled.wait(_BUSY_S)

    def _once(
        self, order: _Order, left_s: float, cancelled: Event, on_preview: OnPreview | None
    ) -> tuple[SlapFinger, ...]:
        asked = Asked(
            device=self._opened(),
            part=order.part,
            positions=order.positions,
            missing=order.missing,
            transaction=str(uuid.uuid4()),
            timeout_ms=max(1, int(left_s * 1000)),
            previous_hash=self._last_hash,
            at=self._clock(),
        )
        end = time.monotonic() + left_s + _GRACE_S
        with contextlib.ExitStack() as calls:
            preview = None
            if on_preview is not None:
                preview = calls.enter_context(_Preview(self._port, asked, on_preview))
                preview.wait_for_one(cancelled)
            body = messages.capture_request(asked, self._environment)
            call = calls.enter_context(_Call(self._port, _CAPTURE, body, _LARGE))
            answer = _finish(call, end, cancelled, preview)
        fingers, self._last_hash = messages.read_capture(answer, asked, self._trust, self._clock())
        return fingers

    def _opened(self) -> Announced:
        if self._device is None:
            raise Unplugged("not open")
        return self._device

    def _same(self, devices: Sequence[Announced]) -> Announced:
        for device in devices:
            if device.device_id == self._device_id:
                if device.serial != self.info.serial:
                    raise OtherReader
                return device
        raise Unplugged("no longer announced")


class _Call:
    """One request, and what has come of its answer: at most `limit` bytes at a time."""

    def __init__(self, port: int, what: tuple[str, str], body: bytes, limit: int) -> None:
        self.body = bytearray()
        self.done = False
        self._limit = limit
        self._http = h11.Connection(h11.CLIENT)
        with _gone():
            self._socket = socket.create_connection((HOST, port), _CONNECT_S)
            self._socket.sendall(self._request(port, what, body))
            self._socket.setblocking(False)

    def __enter__(self) -> _Call:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def take(self) -> bytes:
        """What has come since the last time."""
        data = bytes(self.body)
        self.body.clear()
        return data

    def pump(self) -> None:
        """Read what is there; FPR-30 when it is no HTTP or too much, DEV-01 when it broke off."""
        with _gone():
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                return
        try:
            self._http.receive_data(data)
            self._read_events()
        except h11.RemoteProtocolError:
            raise (ServiceUnreadable("http") if data else Unplugged("broke off")) from None

    def _read_events(self) -> None:
        while (event := self._http.next_event()) is not h11.NEED_DATA:
            match event:
                case h11.Response() if event.status_code != 200:
                    raise ServiceRefused(str(event.status_code))
                case h11.Data():
                    self.body += event.data
                case h11.EndOfMessage():
                    self.done = True
                    return
                case h11.ConnectionClosed():
                    raise Unplugged("closed")
        if len(self.body) > self._limit:
            raise ServiceUnreadable("size")

    def _request(self, port: int, what: tuple[str, str], body: bytes) -> bytes:
        verb, path = what
        headers = [
            ("Host", f"{HOST}:{port}"),
            ("EXT", "migramovil"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        start = self._http.send(h11.Request(method=verb, target=path, headers=headers))
        data = self._http.send(h11.Data(data=body))
        self._http.send(h11.EndOfMessage())
        return (start or b"") + (data or b"")


class _Preview:
    """The stream that runs beside a capture. A preview that fails costs the preview, no more."""

    def __init__(self, port: int, asked: Asked, on_preview: OnPreview) -> None:
        body = messages.stream_request(asked.device, asked.part, asked.timeout_ms)
        self._on_preview = on_preview
        self._parts = sbi_stream.Parts()
        self._seen = False
        self.call: _Call | None = None
        with contextlib.suppress(DeviceTrouble):
            self.call = _Call(port, _STREAM, body, _LARGE)

    def __enter__(self) -> _Preview:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def wait_for_one(self, cancelled: Event) -> None:
        """Wait for the first picture: a service takes a capture into a stream that runs."""
        end = time.monotonic() + _FIRST_FRAME_S
        while self.call is not None and not self._seen and time.monotonic() < end:
            if cancelled.is_set():
                raise Cancelled
            if _ready([self.call]):
                self.pump()

    def pump(self) -> None:
        """Show the newest of the pictures that came; older ones are nobody's concern."""
        if self.call is None:
            return
        try:
            self.call.pump()
            pictures = self._parts.feed(self.call.take())
            if pictures:
                self._on_preview(sbi_stream.frame(pictures[-1]))
                self._seen = True
        except ImageUnreadable:
            return
        except DeviceTrouble:
            self._stop()
            return
        if self.call.done:
            self._stop()

    def _stop(self) -> None:
        if self.call is not None:
            self.call.__exit__()
            self.call = None


def _finish(call: _Call, end: float, cancelled: Event, preview: _Preview | None = None) -> bytes:
    """The whole answer to a call; DEV-02 when it is not complete at `end`."""
    while not call.done:
        if cancelled.is_set():
            raise Cancelled
        if time.monotonic() > end:
            raise TimedOut
        streams = [preview.call] if preview is not None and preview.call is not None else []
        for ready in _ready([call, *streams]):
            if ready is call:
                call.pump()
            elif preview is not None:
                preview.pump()
    if not call.body:  # without a length, an answer that never came ends as one of nothing
        raise Unplugged("no answer")
    return call.take()


def _ready(calls: list[_Call]) -> list[_Call]:
    with selectors.DefaultSelector() as waiting:
        for call in calls:
            waiting.register(call, selectors.EVENT_READ, call)
        return [key.data for key, _ in waiting.select(_LOOK_S)]


def _exchange(port: int, what: tuple[str, str], body: bytes, end: float, cancelled: Event) -> bytes:
    with _Call(port, what, body, _SMALL) as call:
        return _finish(call, end, cancelled)


def _discover(port: int, end: float, cancelled: Event) -> tuple[Announced, ...]:
    answer = _exchange(port, _DISCOVER, messages.discovery_request(), end, cancelled)
    return messages.read_discovery(answer)


def _listening(ports: Sequence[int]) -> list[int]:
    """The ports on which somebody listens, all tried at once.

    A closed port says so at once on Linux; Windows thinks about it for two seconds, which nobody
    waits for.
    """
    open_ports = []
    with contextlib.ExitStack() as held:
        waiting = held.enter_context(selectors.DefaultSelector())
        for port in ports:
            line = held.enter_context(socket.socket())
            line.setblocking(False)
            if line.connect_ex((HOST, port)) in {0, errno.EINPROGRESS, errno.EWOULDBLOCK}:
                waiting.register(line, selectors.EVENT_WRITE, port)
        end = time.monotonic() + _CONNECT_S
        while waiting.get_map() and (left := end - time.monotonic()) > 0:
            for key, _ in waiting.select(left):
                waiting.unregister(key.fileobj)
                answered = cast("socket.socket", key.fileobj)
                if answered.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    open_ports.append(key.data)
    return sorted(open_ports)


def _ports(text: str) -> Sequence[int]:
    first, _, last = text.partition("-")
    if not (first.isdecimal() and (last or first).isdecimal()):
        return ()
    ports = range(int(first), int(last or first) + 1)
    return ports if 1 <= ports.start <= ports.stop <= 65536 and len(ports) <= 100 else ()


def _info(port: int, device: Announced, played: bool) -> DeviceInfo:
    return DeviceInfo(
        kind=DeviceKind.FINGERPRINT,
        driver="sbi",
        model=f"{device.make} {device.model}".strip(),
        serial=device.serial,
        path=f"sbi:{port}:{device.device_id}",
        simulated=played,
        capabilities={
            "fingers": 4 if device.slap else 1,
            "ppi": _PPI,
            "fap": 0,  # no service says it
            "needs_segmentation": False,
            "grade": "enrolment",
            "preview": True,
        },
    )


def _place(path: str) -> tuple[int, str]:
    _, port, device_id = path.split(":", 2)
    return int(port), device_id


def _pem(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NoTrustRoot(type(error).__name__) from None


@contextlib.contextmanager
def _gone() -> Iterator[None]:
    try:
        yield
    except BlockingIOError:
        raise
    except OSError as error:
        raise Unplugged(type(error).__name__) from None
