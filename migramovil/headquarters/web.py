"""The operators' page: what came from where, what waits, what is missing. It changes nothing.

Server-rendered, without a script. Behind a login with the operators' own passphrases; its process
holds no key of headquarters.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from litestar import Litestar, Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from migramovil.core.record import Descriptor
from migramovil.core.trouble import Trouble, Who
from migramovil.headquarters import operators, views
from migramovil.headquarters.http import Pace
from migramovil.headquarters.receiver import Refused
from migramovil.headquarters.store import Store
from migramovil.headquarters.views import Views, Visitor
from migramovil.resources import read

log = logging.getLogger(__name__)

COOKIE = "migramovil-sede"
IDLE_S, WHOLE_S = 30 * 60.0, 10 * 3600.0
MOST_SESSIONS = 500
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
_LARGEST = 8 * 1024

Ask = Request[Any, Any, Any]


class TooManyTries(Trouble):
    code = "HQ-37"
    what = "Hubo demasiados intentos de ingreso seguidos."
    advice = "Espere unos minutos y vuelva a intentarlo."
    who = Who.HEADQUARTERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Visitor):
    """A visitor since when, and seen when last."""

    began: float
    seen: float


class Sessions:
    """In memory only: a restart sends everybody to the door. Cookies are kept as hashes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[str, Session] = {}
        self._guard = threading.Lock()

    def begin(self, operator: str = "") -> tuple[str, Session]:
        """A new session and its cookie."""
        now, cookie = self._clock(), secrets.token_urlsafe(32)
        made = Session(operator=operator, form=secrets.token_urlsafe(32), began=now, seen=now)
        with self._guard:
            self._held = {key: one for key, one in self._held.items() if self._lives(one, now)}
            while len(self._held) >= MOST_SESSIONS:  # those at the door give way first
                self._held.pop(min(self._held, key=lambda key: self._rank(self._held[key])))
            self._held[_hash(cookie)] = made
        return cookie, made

    def find(self, cookie: str) -> Session | None:
        now = self._clock()
        with self._guard:
            one = self._held.get(_hash(cookie))
            if one is None or not self._lives(one, now):
                return None
            self._held[_hash(cookie)] = replace(one, seen=now)
            return one

    def end(self, cookie: str) -> None:
        with self._guard:
            self._held.pop(_hash(cookie), None)

    @staticmethod
    def _rank(one: Session) -> tuple[bool, float]:
        return bool(one.operator), one.seen

    @staticmethod
    def _lives(one: Session, now: float) -> bool:
        return now - one.seen < IDLE_S and now - one.began < WHOLE_S


class Door:
    """Lets an operator in by name and passphrase; one guess at a time, and few of them."""

    def __init__(
        self, store: Store, *, by_name: Pace | None = None, by_address: Pace | None = None
    ) -> None:
        self._store = store
        self._by_name = by_name or Pace(1 / 60, 5)
        self._by_address = by_address or Pace(1 / 12, 20)
        self._one = threading.Lock()  # each guess costs 256 MiB

    def enter(self, name: str, passphrase: str, address: str) -> str:
        """The operator's name as the books have it; OperatorRefused, TooManyTries."""
        known = operators.named(name)
        try:
            self._by_address.spend(address)
            self._by_name.spend(known)
        except Refused:
            raise TooManyTries from None
        with self._one:
            operators.unlock(self._store, name, passphrase)
        return known


def build_app(
    store: Store,
    data: Path,
    descriptor: Descriptor,
    *,
    secure: bool,
    sessions: Sessions | None = None,
    door: Door | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Litestar:
    """`secure` marks the cookie for TLS only."""
    held = sessions or Sessions()
    look = Views(store, data, descriptor, clock)
    return Litestar(
        [*_entrance(held, door or Door(store), secure=secure), *_inside(held, look)],
        request_max_body_size=_LARGEST,
        openapi_config=None,
        logging_config=None,
        exception_handlers={
            _Outside: lambda _, __: _moved("/login"),
            HTTPException: lambda _, said: _html(views.lost(), said.status_code),
        },
    )


def _entrance(held: Sessions, door: Door, *, secure: bool) -> list[HTTPRouteHandler]:
    def at_door(said: str = "", status: int = 200) -> Response[bytes]:
        cookie, session = held.begin()
        answer = _html(views.door(session, said), status)
        return _with_cookie(answer, cookie, secure=secure)

    @get("/login")
    async def login() -> Response[bytes]:
        return at_door()

    @post("/login", status_code=303)
    async def enter(request: Ask) -> Response[bytes]:
        form = await _form(request, held)
        if form is None:
            return at_door("Esa página ya venció. Escriba otra vez.", 403)
        address = request.client.host if request.client else ""
        try:
            name = await asyncio.to_thread(
                door.enter, form.get("name", ""), form.get("passphrase", ""), address
            )
        except Trouble as trouble:
            log.warning("an entrance was refused: %s", trouble.code)
            return at_door(f"{trouble.what} {trouble.advice} ({trouble.code})", 403)
        held.end(request.cookies.get(COOKIE, ""))
        cookie, _ = held.begin(name)
        return _with_cookie(_moved("/"), cookie, secure=secure)

    @post("/logout", status_code=303)
    async def leave(request: Ask) -> Response[bytes]:
        if await _form(request, held) is not None:
            held.end(request.cookies.get(COOKIE, ""))
        return _moved("/login")

    return [login, enter, leave]


def _inside(held: Sessions, look: Views) -> list[HTTPRouteHandler]:
    style = read("headquarters/style.css")

    async def shown(request: Ask, make: Callable[[Visitor], str | None]) -> Response[bytes]:
        session = held.find(request.cookies.get(COOKIE, ""))
        if session is None or not session.operator:
            raise _Outside
        made = await asyncio.to_thread(make, session)
        return _html(views.lost(), 404) if made is None else _html(made)

    @get("/")
    async def summary(request: Ask) -> Response[bytes]:
        return await shown(request, look.summary)

    @get("/estaciones/{code:str}")
    async def station(request: Ask) -> Response[bytes]:
        code = str(request.path_params["code"])
        return await shown(request, lambda visitor: look.station(visitor, code))

    @get("/acuses")
    async def receipts(request: Ask) -> Response[bytes]:
        return await shown(request, look.receipts)

    @get("/rechazos")
    async def refused(request: Ask) -> Response[bytes]:
        return await shown(request, look.refused)

    @get("/style.css")
    async def css() -> Response[bytes]:
        return Response(style, media_type="text/css", headers=dict(_HEADERS))

    return [summary, station, receipts, refused, css]


class _Outside(Exception):  # noqa: N818 - an answer, not a failure
    """Nobody is inside by that cookie."""


# --- requests and answers ------------------------------------------------------------------
async def _form(request: Ask, held: Sessions) -> Mapping[str, str] | None:
    """The fields of a form that this very session was given; None for any other."""
    session = held.find(request.cookies.get(COOKIE, ""))
    try:
        said = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), max_num_fields=10))
    except ValueError:  # more fields than any form here has
        return None
    if session is None or not secrets.compare_digest(
        session.form.encode(), said.get("form", "").encode()
    ):
        return None
    return said


def _html(text: str, status: int = 200) -> Response[bytes]:
    return Response(
        text.encode(),
        status_code=status,
        media_type="text/html; charset=utf-8",
        headers=dict(_HEADERS),
    )


def _moved(to: str) -> Response[bytes]:
    return Response(b"", status_code=303, headers={**_HEADERS, "location": to})


def _with_cookie(answer: Response[bytes], cookie: str, *, secure: bool) -> Response[bytes]:
    answer.set_cookie(key=COOKIE, value=cookie, httponly=True, samesite="strict", secure=secure)
    return answer


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
