"""Connections to headquarters that never idle: TLS 1.3, and requests written before answers came.

One thread drives every lane through `work`; nothing here blocks. A round trip between two parts is
what kills a satellite link, so a lane takes the next request as soon as the system took the last
one, and answers come back in their order (HTTP/1.1 pipelining).
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import h11

from migramovil.core.trouble import Trouble
from migramovil.sync.ports import NoLink, NotHeadquarters

CONNECT_S = 8.0
QUIET_S = 20.0  # nothing written or read for so long while something is asked: the lane is dead
STALLED_MS = 8_000  # sent and not acknowledged for so long: the system gives the connection up
DEPTH = 16  # requests written and not answered, per lane
LARGEST_ANSWER = 4 * 1024 * 1024

_RECORD = 16 * 1024  # bytes of one TLS record
_UNSENT = 32 * 1024  # bytes the system may hold back unsent: what waits can still change lanes
_CONGESTION = 13  # TCP_CONGESTION
_USER_TIMEOUT = 18  # TCP_USER_TIMEOUT
_NOTSENT_LOWAT = 25  # TCP_NOTSENT_LOWAT
_INFO = 11  # TCP_INFO
_INFO_BYTES = 168
_MAX_PACING = 47  # SO_MAX_PACING_RATE

Answered = Callable[[int, bytes], None]
Lost = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`answered` hears status and body; `lost` that no answer will come over this connection."""

    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    answered: Answered
    lost: Lost = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """What the system measured on one connection: the shortest round trip and that of late in s,
    segments sent and sent again, the rate of late in bytes/s."""

    rtt: float
    rtt_lately: float
    sent: int
    again: int
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where headquarters listens; `found` are the addresses its name has."""

    host: str
    port: int
    found: tuple[tuple[Any, ...], ...]

    @classmethod
    def of(cls, url: str) -> Place:
        """Look the name up; NoLink when nobody knows it."""
        parts = urlsplit(url)
        try:
            host, port = parts.hostname or "", parts.port or 443
        except ValueError:
            raise NotHeadquarters("url") from None
        if parts.scheme != "https" or not host:
            raise NotHeadquarters("url")
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise NoLink("name") from None
        return cls(host=host, port=port, found=tuple((one[0], one[4]) for one in found))


class _Asked:
    """A request that waits for its answer, and what of the answer has come."""

    def __init__(self, request: Request, host: str) -> None:
        self.request = request
        self.wire = h11.Connection(h11.CLIENT)
        self.status = 0
        self.body = bytearray()
        headers = [("Host", host), *request.headers, ("Content-Length", str(len(request.body)))]
        head = self.wire.send(
            h11.Request(method=request.method, target=request.path, headers=headers)
        )
        body = self.wire.send(h11.Data(data=request.body)) if request.body else b""
        self.wire.send(h11.EndOfMessage())
        self.data = (head or b"") + (body or b"")

    def hear(self, data: bytes) -> bool:
        """Take bytes of the answer; whether it is whole. RemoteProtocolError."""
        self.wire.receive_data(data)
        while True:
            event = self.wire.next_event()
            if isinstance(event, h11.Response):
                self.status = event.status_code
            elif isinstance(event, h11.Data):
                self.body += event.data
                if len(self.body) > LARGEST_ANSWER:
                    raise NotHeadquarters("answer too large")
            elif isinstance(event, h11.EndOfMessage):
                return True
            elif event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
                return False

    @property
    def rest(self) -> bytes:
        """What came after the answer: the beginning of the next one."""
        return bytes(self.wire.trailing_data[0])

    @property
    def closes(self) -> bool:
        return self.wire.their_state in (h11.MUST_CLOSE, h11.CLOSED)


class Lane:
    """One connection; what goes wrong ends it, and `trouble` says why.

    `knock_s` is how long nobody may answer, `patience_s` how long a handshake may stand still.
    """

    def __init__(
        self,
        place: Place,
        context: ssl.SSLContext,
        *,
        attempt: int = 0,
        knock_s: float = CONNECT_S,
        patience_s: float = CONNECT_S,
    ) -> None:
        self._place = place
        self._context = context
        self._asked: deque[_Asked] = deque()
        self._out = memoryview(b"")
        self._moved = self._opened_at = time.monotonic()
        self._patience_s = patience_s
        self._knock_s = knock_s
        self._shaken = False
        self._tls: ssl.SSLSocket | None = None
        self._wants_write = True
        self._ended = False
        self.trouble: Trouble | None = None
        self.wire_bytes = 0
        family, address = place.found[attempt % len(place.found)]
        self.socket: socket.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.bbr = _tune(self.socket)
        try:
            self.socket.connect(address)
        except BlockingIOError:
            pass  # dialling
        except OSError as problem:
            self._end(NoLink(type(problem).__name__))

    # --- what it is ------------------------------------------------------------------------
    @property
    def opened(self) -> bool:
        """The handshake is over: chain and name were checked."""
        return self._shaken and self.trouble is None

    @property
    def hungry(self) -> bool:
        """The system took everything: another request keeps the road full."""
        return self.opened and not self._out and len(self._asked) < DEPTH and not self._ended

    @property
    def outstanding(self) -> int:
        return len(self._asked)

    @property
    def open_s(self) -> float:
        """How long it has been open."""
        return time.monotonic() - self._opened_at if self._shaken else 0.0

    @property
    def quiet_s(self) -> float:
        return time.monotonic() - self._moved

    @property
    def certificate(self) -> bytes:
        """What headquarters showed (DER)."""
        return (self._tls.getpeercert(True) if self._tls else None) or b""

    @property
    def tls(self) -> str:
        """The version spoken, as the library names it; "" before that."""
        return (self._tls.version() if self._tls else None) or ""

    @property
    def interest(self) -> int:
        """What `work` waits for, as selectors name it."""
        write = self._wants_write or bool(self._out)
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if write else 0)

    def road(self) -> Road | None:
        """The system's own figures, where it tells them."""
        if sys.platform != "linux" or not self.opened:
            return None
        try:
            told = self.socket.getsockopt(socket.IPPROTO_TCP, _INFO, _INFO_BYTES)
        except OSError:
            return None
        if len(told) < _INFO_BYTES:
            return None
        lately_us, again, rtt_us, sent = (
            struct.unpack_from("=I", told, at)[0] for at in (68, 100, 148, 156)
        )
        return Road(
            rtt=rtt_us / 1e6,
            rtt_lately=lately_us / 1e6,
            sent=sent,
            again=again,
            rate=float(struct.unpack_from("=Q", told, 160)[0]),
        )

    def no_faster_than(self, rate: float) -> None:
        """Bound what the system tries over this lane, in bytes/s, where it can be told."""
        if sys.platform == "linux" and self.opened:
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.SOL_SOCKET, _MAX_PACING, struct.pack("=Q", int(rate)))

    # --- what it does ------------------------------------------------------------------------
    def ask(self, request: Request) -> None:
        """Queue a request behind those already asked."""
        asked = _Asked(request, self._place.host)
        if not self._asked:
            self._moved = time.monotonic()
        self._asked.append(asked)
        self._out = (
            memoryview(bytes(self._out) + asked.data) if self._out else memoryview(asked.data)
        )

    def work(self) -> None:
        """Go on as far as the system lets it; hear every whole answer."""
        try:
            if self.trouble is None and self._connected():
                self._write()
                self._read()
            self._look_at_the_clock()
        except Trouble as trouble:
            self._end(trouble)
        except (ssl.SSLError, OSError) as problem:
            self._end(_meaning(problem, shaken=self._shaken))
        except h11.RemoteProtocolError:
            self._end(NotHeadquarters("http"))

    def close(self) -> None:
        """Let go at once: what the system still holds unsent is thrown away."""
        self._end(NoLink("closed"))

    # --- steps ----------------------------------------------------------------------------------
    def _connected(self) -> bool:
        if self._shaken:
            return True
        if self._tls is None:
            failed = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failed:
                raise OSError(failed, "connect")
            try:
                self.socket.getpeername()
            except OSError:
                return False  # still dialling
            self._tls = self._context.wrap_socket(
                self.socket,
                server_hostname=self._place.host,
                do_handshake_on_connect=False,
            )
            self.socket = self._tls
            self._moved = time.monotonic()
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._wants_write = False
            return False
        except ssl.SSLWantWriteError:
            self._wants_write = True
            return False
        self._wants_write = False
        self._shaken = True
        self._moved = self._opened_at = time.monotonic()
        return True

    def _write(self) -> None:
        while self._out:
            try:
                taken = self.socket.send(self._out[:_RECORD])
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            self._out = self._out[taken:]
            self.wire_bytes += taken
            self._moved = time.monotonic()

    def _read(self) -> None:
        while True:
            try:
                data = self.socket.recv(_RECORD)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            if not data:
                raise NoLink("hung up")
            self._moved = time.monotonic()
            self.wire_bytes += len(data)
            self._hear(data)
            if self._ended:
                raise NoLink("hung up")

    def _hear(self, data: bytes) -> None:
        while self._asked:
            asked = self._asked[0]
            if not asked.hear(data):
                return
            self._asked.popleft()
            data, self._ended = asked.rest, asked.closes
            asked.request.answered(asked.status, bytes(asked.body))
            if self._ended or not data:
                return
        if data:
            raise NotHeadquarters("unasked")

    def _look_at_the_clock(self) -> None:
        if self.trouble is not None:
            return
        patience_s = self._knock_s if self._tls is None else self._patience_s
        if not self._shaken and self.quiet_s > patience_s:
            raise NoLink("connect")
        if self._asked and self.quiet_s > QUIET_S:
            raise NoLink("quiet")

    def _end(self, trouble: Trouble) -> None:
        if self.trouble is not None:
            return
        self.trouble = trouble
        with contextlib.suppress(OSError):
            linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()
        waiting, self._asked = self._asked, deque()
        for asked in waiting:
            asked.request.lost()


def attend(lanes: Iterable[Lane], longest_s: float) -> None:
    """Wait until one of the lanes can go on, at most so long; then let them all work."""
    every = list(lanes)
    with selectors.DefaultSelector() as selector:
        for lane in every:
            if lane.trouble is None:
                selector.register(lane.socket, lane.interest)
        selector.select(longest_s)
    for lane in every:
        lane.work()


def _tune(made: socket.socket) -> bool:
    """Ask the system for what suits a bad link; whether it paces by BBR."""
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform != "linux":
        return False
    for option, value in ((_USER_TIMEOUT, STALLED_MS), (_NOTSENT_LOWAT, _UNSENT)):
        with contextlib.suppress(OSError):
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    try:
        made.setsockopt(socket.IPPROTO_TCP, _CONGESTION, b"bbr")
    except OSError:
        return False
    return True


def _meaning(problem: OSError, *, shaken: bool) -> Trouble:
    """A link that broke, or somebody else at the other end of it."""
    broke = isinstance(problem, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError)
    if isinstance(problem, ssl.SSLCertVerificationError):
        return NotHeadquarters("certificate")
    if isinstance(problem, ssl.SSLError) and not broke and not shaken:
        return NotHeadquarters("tls")
    return NoLink(type(problem).__name__)
