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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from litestar import Litestar, Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from migramovil.core.record import Descriptor
from migramovil.core.trouble import Trouble, Who
from migramovil.headquarters import charts, operators, rulings, watching
from migramovil.headquarters.http import Pace
from migramovil.headquarters.markup import Markup, Node, badge, el, page, table
from migramovil.headquarters.receiver import Refused
from migramovil.headquarters.store import Store
from migramovil.headquarters.watching import LIMA, Row
from migramovil.resources import read

log = logging.getLogger(__name__)

COOKIE = "migramovil-sede"
IDLE_S, WHOLE_S = 30 * 60.0, 10 * 3600.0
MOST_SESSIONS = 500
SILENT_DAYS = 3
SOON = timedelta(days=60)
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
class Session:
    """Who is inside ("" at the door), the word every form must bring, and since when."""

    operator: str
    form: str
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
    look = _Pages(store, data, descriptor, clock)
    return Litestar(
        [*_entrance(held, door or Door(store), secure=secure), *_inside(held, look)],
        request_max_body_size=_LARGEST,
        openapi_config=None,
        logging_config=None,
        exception_handlers={
            _Outside: lambda _, __: _moved("/login"),
            HTTPException: lambda _, said: _html(_lost_page(), said.status_code),
        },
    )


def _entrance(held: Sessions, door: Door, *, secure: bool) -> list[HTTPRouteHandler]:
    def at_door(said: str = "", status: int = 200) -> Response[bytes]:
        cookie, session = held.begin()
        answer = _html(_door_page(session, said), status)
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


def _inside(held: Sessions, look: _Pages) -> list[HTTPRouteHandler]:
    style = read("headquarters/style.css")

    async def shown(request: Ask, make: Callable[[Session], str]) -> Response[bytes]:
        session = held.find(request.cookies.get(COOKIE, ""))
        if session is None or not session.operator:
            raise _Outside
        return _html(await asyncio.to_thread(make, session))

    @get("/")
    async def summary(request: Ask) -> Response[bytes]:
        return await shown(request, look.summary)

    @get("/estaciones/{code:str}")
    async def station(request: Ask) -> Response[bytes]:
        code = str(request.path_params["code"])
        return await shown(request, lambda session: look.station(session, code))

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


# --- pages ---------------------------------------------------------------------------------------
class _Pages:
    def __init__(
        self,
        store: Store,
        data: Path,
        descriptor: Descriptor,
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._data, self._known, self._clock = store, data, descriptor, clock

    def summary(self, session: Session) -> str:
        stations = watching.rows(self._store)
        now = self._clock()
        days = watching.by_day(self._store, now.astimezone(LIMA).date())
        places = watching.by_place(self._store, stations)
        oldest = min((row.oldest_unjudged for row in stations if row.unjudged), default="")
        figures = [
            ("Recibidos hoy", f"{days[-1][1]:,}"),
            ("Por abrir", f"{sum(row.unjudged for row in stations):,}"),
            ("El más antiguo por abrir", _age(oldest, now)),
            ("Rechazados", f"{sum(row.refused for row in stations):,}"),
            ("Números que faltan", f"{sum(row.missing for row in stations):,}"),
            ("Por entregar", f"{watching.to_hand_over(self._store):,}"),
        ]
        return _frame(
            session,
            "Resumen",
            "/",
            el("div", *(el("div", el("p", w), el("strong", n), class_="card") for w, n in figures),
               class_="cards"),
            el("section", el("h2", "Estaciones"), _stations(stations, now)),
            el(
                "div",
                el("section", el("h2", "Registros recibidos por día"),
                   charts.columns("Registros recibidos por día", days), _numbers("Día", days)),
                el("section", el("h2", "Registros por lugar"),
                   charts.rows("Registros por lugar", places), _numbers("Lugar", places)),
                class_="pair",
            ),
            el("section", el("h2", "Vencimientos"), self._expiries(stations, now)),
        )  # fmt: skip

    def station(self, session: Session, code: str) -> str:
        row = next((r for r in watching.rows(self._store) if r.station.code == code), None)
        if row is None:
            raise HTTPException(status_code=404)
        now, one = self._clock(), row.station
        said = watching.receipts(self._store, one.station) if one.station else []
        return _frame(
            session,
            f"Estación {one.code}",
            "",
            el("section", el("h2", one.name), table(
                "Datos", ("Dato", "Valor"),
                [("Lugar", one.place), ("Estado", _state(row, now)),
                 ("Último contacto", _when(row.heard)), ("Época", one.epoch),
                 ("Último número recibido", f"{row.last_seq:,}"),
                 ("Identificador", el("code", one.station or "—"))])),
            el("section", el("h2", "Lo que tenía según su último aviso"), _held(row)),
            el("section", el("h2", "Números que faltan"), table(
                "Faltantes por época", ("Época", "Desde", "Hasta", "Cuántos"),
                [(g.epoch, g.first, g.last, g.last - g.first + 1)
                 for g in watching.gaps(self._store, one.station)], numbers=".nnn")),
            el("section", el("h2", "Últimos acuses"), _receipts(said)),
        )  # fmt: skip

    def receipts(self, session: Session) -> str:
        said = watching.receipts(self._store)
        return _frame(session, "Acuses", "/acuses", el("section", _receipts(said)))

    def refused(self, session: Session) -> str:
        codes = {one.station: one.code for one in self._store.stations()}
        waiting = rulings.refused(self._store)
        rows = [
            (_when(one.utc), codes.get(one.packet.station, ""), one.packet.folio,
             el("code", one.packet.record), one.reason)
            for one in waiting
        ]  # fmt: skip
        ruled = [
            (_when(one.utc), codes.get(one.station, ""), el("code", one.record),
             _WORDS[one.kind], one.reason, one.operators)
            for one in reversed(rulings.rulings(self._store)[-watching.NEWEST :])
        ]  # fmt: skip
        lied = [
            (_when(one.utc), codes.get(one.station, one.station[:8]), el("code", one.record),
             codes.get(one.carrier, one.carrier[:8]), one.reason)
            for one in self._store.rejections()[: watching.NEWEST]
        ]  # fmt: skip
        heads = ("Cuándo", "Estación", "Folio", "Registro", "Motivo")
        return _frame(
            session,
            "Rechazos",
            "/rechazos",
            el("section", el("h2", "Esperan decisión"),
               el("p", "Dos personas autorizadas deciden con ", el("code", "hq retry"), " o ",
                  el("code", "hq discard"), " en la máquina que abre los registros."),
               table("Registros rechazados", heads, rows)),
            el("section", el("h2", "Decididos"), table(
                "Decisiones", ("Cuándo", "Estación", "Registro", "Decisión", "Motivo", "Firmaron"),
                ruled)),
            el("section", el("h2", "Paquetes que no eran lo que decían"), table(
                "Rechazados al llegar", ("Cuándo", "Estación", "Registro", "Los trajo",
                                               "Qué no era cierto"), lied)),
        )  # fmt: skip

    def _expiries(self, stations: list[Row], now: datetime) -> Markup:
        rows = [
            (one.what, _when(one.until.isoformat()), _term(one.until, now))
            for one in watching.expiries(self._data, self._known.tls_ca, stations)
        ]
        keys = el("p", f"Llaves de la sede: descriptor versión {self._known.version}, "
                  f"{len(self._known.former_stored)} cambios de llaves de acuse.")  # fmt: skip
        return el("div", table("Certificados y códigos", ("Qué", "Vence", "Estado"), rows), keys)


def _frame(session: Session, title: str, here: str, *body: Node) -> str:
    links = [("/", "Resumen"), ("/acuses", "Acuses"), ("/rechazos", "Rechazos")]
    nav = [el("a", w, href=to, aria_current="page" if to == here else None) for to, w in links]
    leave = el("form", _hidden(session), el("button", "Salir", type="submit"),
               method="post", action="/logout")  # fmt: skip
    return page(
        title,
        el("a", "Ir al contenido", href="#contenido", class_="skip"),
        el("header", el("span", "migramóvil · sede central", class_="mark"),
           el("nav", *nav, aria_label="Páginas"),
           el("div", el("span", session.operator), leave, class_="who")),
        el("main", el("h1", title), *body, id="contenido"),
    )  # fmt: skip


def _door_page(session: Session, said: str) -> str:
    return page(
        "Ingreso",
        el("header", el("span", "migramóvil · sede central", class_="mark")),
        el("main", el(
            "form", el("h1", "Ingreso"),
            el("p", said, class_="said", role="alert") if said else None,
            _hidden(session),
            el("label", "Nombre", for_="name"),
            el("input", id="name", name="name", autocomplete="username", required=True,
               maxlength=100),
            el("label", "Frase de paso", for_="passphrase"),
            el("input", id="passphrase", name="passphrase", type="password", required=True,
               autocomplete="current-password", maxlength=500),
            el("button", "Ingresar", type="submit"),
            class_="door", method="post", action="/login")),
    )  # fmt: skip


def _lost_page() -> str:
    back = el("a", "Volver al resumen", href="/")
    return page("No está aquí", el("main", el("h1", "No está aquí"), el("p", back)))


def _hidden(session: Session) -> Markup:
    return el("input", type="hidden", name="form", value=session.form)


def _stations(stations: list[Row], now: datetime) -> Markup:
    rows = [
        (el("a", row.station.code, href=f"/estaciones/{row.station.code}"), row.station.name,
         row.station.place, _state(row, now), _when(row.heard), f"{row.packets:,}",
         f"{row.unjudged:,}", f"{row.refused:,}", f"{row.missing:,}")
        for row in stations
    ]  # fmt: skip
    heads = ("Código", "Nombre", "Lugar", "Estado", "Último contacto", "Recibidos", "Por abrir",
             "Rechazados", "Faltan")  # fmt: skip
    return table("Estaciones dadas de alta", heads, rows, numbers=".....nnnn")


def _state(row: Row, now: datetime) -> Markup:
    if row.station.revoked:
        return badge("bad", "Anulada")
    if not row.station.station:
        return badge("", "Sin alta")
    if not row.heard:
        return badge("warn", "Sin contacto")
    silent = now - datetime.fromisoformat(row.heard)
    if silent > timedelta(days=SILENT_DAYS):
        return badge("warn", f"Callada {silent.days} días")
    return badge("ok", "Al habla")


def _held(row: Row) -> Node:
    """For the notice the law wants within 48 hours, should the station be lost."""
    if row.holdings is None:
        return el("p", "Esta estación todavía no avisó qué tiene.", class_="empty")
    told = row.holdings
    here = told.epoch == row.station.epoch
    beyond = max(0, told.finished - row.last_seq) if here else 0
    facts = [
        ("Aviso recibido", _when(row.told)),
        ("Terminados allá", f"{told.finished:,}"),
        ("Por enviar según el aviso", f"{told.waiting:,}"),
        ("Sellados que no llegaron", f"{beyond + row.missing:,}"),
        ("Borradores abiertos", f"{told.drafts:,}"),
        ("Borrador más antiguo", _when(told.oldest_draft)),
    ]
    kept = [
        (one.jornada, one.purpose, _when(one.ends), f"{one.things:,}") for one in told.compartments
    ]
    return [
        table("Cuentas", ("Dato", "Valor"), facts),
        table("Compartimentos legibles hasta su fin", ("Jornada", "Para qué", "Termina", "Cosas"),
              kept, numbers="...n"),
    ]  # fmt: skip


_WORDS = {
    "stored": "Recibido",
    "opened": "Confirmado",
    "refused": "Rechazado",
    "retry": "Se retoma",
    "discard": "Descartado",
}
_KINDS = {"stored": "", "opened": "ok", "refused": "bad", "retry": "warn", "discard": ""}


def _receipts(said: list[watching.Said]) -> Markup:
    rows = [
        (_when(one.time), one.serial, one.folio, el("code", one.record),
         badge(_KINDS[one.kind], _WORDS[one.kind]), one.reason)
        for one in said
    ]  # fmt: skip
    heads = ("Cuándo", "N.º", "Folio", "Registro", "Acuse", "Motivo")
    return table("Los acuses más recientes", heads, rows, numbers=".n")


def _numbers(what: str, values: list[tuple[str, int]]) -> Markup:
    listed = table("Los mismos números", (what, "Registros"), values, numbers=".n")
    return el("details", el("summary", "Ver en números"), listed)


def _when(utc: str) -> str:
    """Lima's date and hour; a dash for never."""
    return datetime.fromisoformat(utc).astimezone(LIMA).strftime("%d/%m/%Y %H:%M") if utc else "—"


def _age(utc: str, now: datetime) -> str:
    if not utc:
        return "—"
    minutes = max(0, int((now - datetime.fromisoformat(utc)).total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} días"


def _term(until: datetime, now: datetime) -> Markup:
    if until <= now:
        return badge("bad", "Vencido")
    days = (until - now).days
    return badge("warn" if until - now < SOON else "ok", f"Quedan {days:,} días")


# --- requests and answers ------------------------------------------------------------------
async def _form(request: Ask, held: Sessions) -> Mapping[str, str] | None:
    """The fields of a form that this very session was given; None for any other."""
    session = held.find(request.cookies.get(COOKIE, ""))
    said = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), max_num_fields=10))
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
