"""The receiving edge over HTTP: bodies streamed within limits, carriers admitted, refusals worded.

Nothing here waits for ever: a body that stops, or comes slower than SLOWEST, ends its connection.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from litestar import Litestar, Request, Response, get, post, put
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from migramovil.core import canonical, sealing, support
from migramovil.core.letters import LARGEST
from migramovil.headquarters.objects import BadName
from migramovil.headquarters.receiver import Answer, Intake, Receiver, Refused, answered
from migramovil.headquarters.store import Station
from migramovil.sync import wire
from migramovil.sync.wire import Refusal

log = logging.getLogger(__name__)

LARGEST_MESSAGE = 64 * 1024
LARGEST_ANNOUNCE = 2 * 1024 * 1024
SILENCE_S = 30.0
"""How long a body may stand still."""
SLOWEST = 512
"""Bytes a second below which a body, after its first SILENCE_S, is not waited for."""
LIVE_PATH, READY_PATH = f"{wire.HEALTH_PATH}/live", f"{wire.HEALTH_PATH}/ready"
_AT_ONCE = 1024 * 1024  # written together, so that a thread is not woken for every piece

_HANDS = 32  # requests that may wait for the disk or the books at once

Ask = Request[Any, Any, Any]
T = TypeVar("T")

_POOL = ThreadPoolExecutor(_HANDS, thread_name_prefix="edge")


async def in_thread(do: Callable[..., T], *given: object) -> T:
    """What blocks, out of the loop's way; more at once than the loop's own pool allows."""
    return await asyncio.get_running_loop().run_in_executor(_POOL, do, *given)


class Pace:
    """So many a second for each name, with some in hand; old names are forgotten."""

    def __init__(
        self,
        per_second: float,
        burst: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        most: int = 10_000,
    ) -> None:
        self._per_second, self._burst, self._clock, self._most = per_second, burst, clock, most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, name: str) -> None:
        """Refused when this name asks too often."""
        now = self._clock()
        left, then = self._left.pop(name, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._per_second)
        self._left[name] = (max(0.0, left - 1.0), now)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        if left < 1.0:
            raise Refused(Refusal.TOO_MUCH, "rate")


def build_app(
    receiver: Receiver,
    *,
    per_address: Pace | None = None,
    per_station: Pace | None = None,
) -> ASGIApp:
    """The edge as an ASGI app, one log line for each answer."""
    return logged(litestar(receiver, per_address=per_address, per_station=per_station))


def litestar(
    receiver: Receiver,
    *,
    per_address: Pace | None = None,
    per_station: Pace | None = None,
    **more: Any,
) -> Litestar:
    by_address = per_address or Pace(1000, 2000)

    async def paced(request: Ask) -> None:
        by_address.spend(request.client.host if request.client else "")

    door = _Door(receiver, per_station or Pace(500, 1000))
    settings: dict[str, Any] = {"openapi_config": None, **more}
    return Litestar(
        [*_for_anyone(receiver), *_for_packets(receiver, door), *_for_stations(receiver, door)],
        before_request=paced,
        request_max_body_size=None,  # each request has its own limit, kept while streaming
        logging_config=None,
        exception_handlers={
            Refused: _refused,
            canonical.NotCanonical: lambda _, __: _worded(Refusal.BAD_REQUEST, "form"),
            BadName: lambda _, __: _worded(Refusal.BAD_REQUEST, "name"),
            OSError: _disk,
            HTTPException: lambda _, said: _error(
                said.status_code, Refusal.BAD_REQUEST.value, "http"
            ),
        },
        **settings,
    )


def logged(app: ASGIApp) -> ASGIApp:
    """Method, route, status and time of every answer; never a body, an address or an unknown path.

    Parts are many and go without; what fails is always said.
    """

    async def middle(scope: Scope, receive: Receive, send: Send) -> None:
        began, status = time.perf_counter(), 0

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await app(scope, receive, tell)
        method = scope.get("method", "-")
        quiet = method == "PUT" and status < 400
        level = logging.DEBUG if quiet else logging.INFO
        took = (time.perf_counter() - began) * 1000
        route = scope.get("path_template", "-")
        log.log(level, "%s %s %d in %d ms", method, route, status, took)

    return middle


def _for_anyone(receiver: Receiver) -> list[HTTPRouteHandler]:
    @get(wire.DESCRIPTOR_PATH, summary="Who headquarters is, signed by its root key")
    async def descriptor() -> Response[bytes]:
        return _response(receiver.descriptor())

    @get([wire.HEALTH_PATH, LIVE_PATH], summary="The process answers")
    async def health() -> Response[bytes]:
        return _response(Answer(status=200, body=b'{"ok":true}'))

    @get(READY_PATH, summary="Books and disk can take a packet")
    async def ready() -> Response[bytes]:
        return _response(await in_thread(receiver.ready))

    @post(wire.PING_PATH, status_code=200, summary="Headquarters' time, signed for a nonce")
    async def ping(request: Ask) -> Response[bytes]:
        body = await _body(request, LARGEST_MESSAGE)
        return _response(await in_thread(receiver.ping, body))

    @post(wire.ENROLL_PATH, status_code=200, summary="Use an enrolment code up")
    async def enroll(request: Ask) -> Response[bytes]:
        body = await _body(request, LARGEST_MESSAGE)
        return _response(await in_thread(receiver.enroll, body))

    return [descriptor, health, ready, ping, enroll]


class _Door:
    """Who is let in: known by name before the body is read, proven by it."""

    def __init__(self, receiver: Receiver, pace: Pace) -> None:
        self._receiver = receiver
        self._pace = pace

    def claimed(self, request: Ask) -> tuple[Station, bytes]:
        return self._receiver.carrier(request.headers.get(wire.HEADER, ""))

    def admit(self, request: Ask, claim: tuple[Station, bytes], body_sha256: str) -> Station:
        station = self._receiver.admit(claim, request.method, request.url.path, body_sha256)
        self._pace.spend(station.station)
        return station

    async def admitted(
        self, request: Ask, limit: int, act: Callable[[Station, bytes], Answer]
    ) -> Response[bytes]:
        """Know the claimed station before reading much, prove the claim, then act."""
        little = "content-length" in request.headers and _declared(request) <= LARGEST_MESSAGE
        early = None if little else await in_thread(self.claimed, request)
        body = await _body(request, min(limit, LARGEST_MESSAGE) if little else limit)

        def do() -> Answer:
            claim = early or self.claimed(request)
            return act(self.admit(request, claim, sealing.sha256(body)), body)

        return _response(await in_thread(do))


def _for_packets(receiver: Receiver, door: _Door) -> list[HTTPRouteHandler]:
    @post(wire.PACKETS_PATH, status_code=200, summary="Announce a packet")
    async def announce(request: Ask) -> Response[bytes]:
        return await door.admitted(
            request, LARGEST_ANNOUNCE, lambda carrier, body: receiver.announce(body, carrier)
        )

    @put(
        wire.part_path("{station:str}", "{record:str}", "{digest:str}", "{number:int}"),
        summary="One part, or several that follow one another",
    )
    async def part(request: Ask) -> Response[bytes]:
        """Each part is checked against its announced hash and written as it comes: bytes that the
        packet's own station announced are welcome from anybody, and no others are kept."""
        which, number = _which(request), int(request.path_params["number"])

        def begin() -> tuple[tuple[Station, bytes], Intake]:
            return door.claimed(request), receiver.intake(which, number, _declared(request))

        def end(*last: bytes) -> Answer:
            intake.take(*last)
            carrier = door.admit(request, claim, intake.body_sha256)
            return receiver.taken(intake, carrier.station)

        claim, intake = await in_thread(begin)
        try:
            body = _Batches(request, wire.LARGEST_RUN)
            async for batch in body:
                await in_thread(intake.take, *batch)
            return _response(await in_thread(end, *body.rest))
        finally:
            if intake.run is not None:
                await asyncio.shield(in_thread(intake.close))

    @post(
        wire.complete_path("{station:str}", "{record:str}", "{digest:str}"),
        status_code=200,
        summary="Every part is there: check, keep, sign",
    )
    async def complete(request: Ask) -> Response[bytes]:
        which = _which(request)
        return await door.admitted(
            request, 0, lambda carrier, _: receiver.complete(*which, carrier.station)
        )

    return [announce, part, complete]


def _for_stations(receiver: Receiver, door: _Door) -> list[HTTPRouteHandler]:
    @post(wire.RECEIPTS_PATH, status_code=200, summary="Every receipt given so far")
    async def receipts(request: Ask) -> Response[bytes]:
        return await door.admitted(
            request, 4 * LARGEST_MESSAGE, lambda _, body: receiver.receipts(body)
        )

    @post(wire.LETTERS_PATH, status_code=200, summary="Bring a letter")
    async def letter(request: Ask) -> Response[bytes]:
        return await door.admitted(request, LARGEST, lambda _, body: receiver.letter(body))

    @post(wire.SUPPORT_PATH, status_code=200, summary="Bring a report for support")
    async def report(request: Ask) -> Response[bytes]:
        return await door.admitted(request, support.LARGEST, receiver.report)

    @get(wire.DOWNSTREAM_PATH, summary="What is published for this station")
    async def downstream(request: Ask) -> Response[bytes]:
        known = request.headers.get("if-none-match", "")
        return await door.admitted(
            request, 0, lambda station, _: receiver.downstream(station, known)
        )

    @get(
        wire.download_path("{digest:str}", "{number:int}"),
        media_type="application/octet-stream",
        summary="One part of something published",
    )
    async def download(request: Ask) -> Response[bytes]:
        digest, number = str(request.path_params["digest"]), int(request.path_params["number"])
        return await door.admitted(
            request, 0, lambda station, _: receiver.download(station, digest, number)
        )

    return [receipts, letter, report, downstream, download]


def _which(request: Ask) -> tuple[str, str, str]:
    """(station, record, digest) as the path names them; nothing is checked yet."""
    named = request.path_params
    return str(named["station"]), str(named["record"]), str(named["digest"])


async def _body(request: Ask, limit: int) -> bytes:
    """The whole body, never more than `limit` bytes of it."""
    return b"".join([piece async for piece in _pieces(request, limit)])


class _Batches:
    """The body in batches of pieces as they came, but for the `rest` of it at the end."""

    def __init__(self, request: Ask, limit: int) -> None:
        self._request, self._limit = request, limit
        self.rest: list[bytes] = []

    async def __aiter__(self) -> AsyncIterator[list[bytes]]:
        came, left = 0, _declared(self._request)
        try:
            async for piece in _pieces(self._request, self._limit):
                self.rest.append(piece)
                came, left = came + len(piece), left - len(piece)
                if came >= _AT_ONCE and left:
                    yield self.rest
                    self.rest, came = [], 0
        except Refused:
            yield self.rest  # what came whole before it broke off is not lost
            raise


async def _pieces(request: Ask, limit: int) -> AsyncIterator[bytes]:
    """The body as it comes; Refused when it is larger than `limit`, stands still or crawls."""
    if _declared(request) > limit:
        raise Refused(Refusal.TOO_LARGE, str(limit))
    came, began = 0, time.monotonic()
    stream = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(SILENCE_S):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except (TimeoutError, HTTPException) as broken:  # Litestar's word for a link that broke
            why = "silence" if isinstance(broken, TimeoutError) else "gone"
            raise Refused(Refusal.TOO_SLOW, why) from None
        came += len(piece)
        if came > limit:
            raise Refused(Refusal.TOO_LARGE, str(limit))
        if came < (time.monotonic() - began - SILENCE_S) * SLOWEST:
            raise Refused(Refusal.TOO_SLOW, "crawl")
        yield piece


def _declared(request: Ask) -> int:
    said = request.headers.get("content-length", "0")
    if not (said.isascii() and said.isdecimal()):
        raise Refused(Refusal.BAD_REQUEST, "content-length")
    return int(said[:12])


def _response(answer: Answer) -> Response[bytes]:
    return Response(answer.body, status_code=answer.status, media_type="application/json")


def _error(status: int, code: str, text: str) -> Response[bytes]:
    return _response(answered(status, wire.ErrorBody(code=code, text=text)))


def _worded(why: Refusal, text: str) -> Response[bytes]:
    said = _error(why.status, why.value, text)
    if why is Refusal.TOO_SLOW:
        said.headers["connection"] = "close"  # the rest of the body is not waited for
    return said


def _refused(_: Ask, refused: Refused) -> Response[bytes]:
    return _worded(refused.why, refused.text)


def _disk(_: Ask, problem: OSError) -> Response[bytes]:
    """A full disk is said as such; any other disk failure is headquarters' own."""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return _worded(Refusal.DISK_FULL, "disk")
    log.error("disk failure: %s", errno.errorcode.get(problem.errno or 0, "unknown"))
    return _error(500, "disk", "disk")
