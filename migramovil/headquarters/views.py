"""What each page of the operators says, as HTML: read from the books, nothing of a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from migramovil.core.record import Descriptor
from migramovil.headquarters import charts, rulings, watching
from migramovil.headquarters.markup import Markup, Node, badge, el, facts, page, table
from migramovil.headquarters.reasons import in_words
from migramovil.headquarters.store import Rejection, Store
from migramovil.headquarters.watching import LATE, LIMA, Expiry, Row

SILENT_DAYS = 3
SOON = timedelta(days=60)
"""How long a packet may wait for the opener before somebody should look."""
RECENT = timedelta(days=7)
_PAGES = (("/", "Resumen"), ("/acuses", "Acuses"), ("/rechazos", "Rechazos"))
_WORDS = {
    "stored": ("", "Recibido"),
    "opened": ("ok", "Confirmado"),
    "refused": ("bad", "Rechazado"),
    "retry": ("warn", "Se retoma"),
    "discard": ("", "Descartado"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who looks ("" at the door), and the word every form of theirs must bring."""

    operator: str
    form: str


class Views:
    """Every page behind the door."""

    def __init__(
        self, store: Store, data: Path, known: Descriptor, clock: Callable[[], datetime]
    ) -> None:
        self._store, self._data, self._known, self._clock = store, data, known, clock

    def summary(self, visitor: Visitor) -> str:
        now, stations = self._clock(), watching.rows(self._store)
        days = watching.by_day(self._store, now.astimezone(LIMA).date())
        places = watching.by_place(self._store, stations)
        expiries = watching.expiries(self._data, self._known.tls_ca, stations)
        alerts = [*_alerts_of_stations(stations, now), *_alerts_of_books(stations, now),
                  *_alerts_of_bytes(self._store.rejections(), expiries, now)]  # fmt: skip
        figures = [
            ("Recibidos hoy", f"{days[-1][1]:,}"),
            ("Por abrir", f"{sum(row.unjudged for row in stations):,}"),
            ("El más antiguo por abrir", _age(_oldest(stations), now)),
            ("Rechazados", f"{sum(row.refused for row in stations):,}"),
            ("Números que faltan", f"{sum(row.missing for row in stations):,}"),
            ("Por entregar", f"{watching.to_hand_over(self._store):,}"),
        ]
        return self._frame(
            visitor,
            "Resumen",
            "/",
            el("div", *(el("div", el("p", w), el("strong", n), class_="card") for w, n in figures),
               class_="cards"),
            _section("Pide atención", _attention(alerts)),
            _section("Estaciones", _stations(stations, now)),
            el(
                "div",
                _section("Registros recibidos por día", *_by_day(days, charts.tall(places))),
                _section("Registros por lugar, desde el inicio",
                   charts.rows("Registros por lugar", places), _numbers("Lugar", places)),
                class_="pair",
            ),
            _section("Vencimientos", _terms(expiries, now), _keys(self._known)),
        )  # fmt: skip

    def station(self, visitor: Visitor, code: str) -> str | None:
        """None where there is no station of that code."""
        row = next((r for r in watching.rows(self._store) if r.station.code == code), None)
        if row is None:
            return None
        now, one = self._clock(), row.station
        said = watching.receipts(self._store, one.station) if one.station else []
        days = watching.by_day(self._store, now.astimezone(LIMA).date(), one.station)
        return self._frame(
            visitor,
            f"Estación {one.code}",
            f"/estaciones/{one.code}",
            _section(one.name, facts([
                ("Lugar", one.place), ("Estado", _state(row, now)),
                ("Último contacto", _moment(row.heard, now)),
                ("Recibidos", f"{row.packets:,}"),
                ("Por abrir", f"{row.unjudged:,}"), ("Rechazados", f"{row.refused:,}"),
                ("Época", one.epoch), ("Último número recibido", f"{row.last_seq:,}"),
                ("Identificador", el("code", one.station or "—"))])),
            el("p", "Esta estación ", _copied(row), class_="said") if row.copied else None,
            _section("Lo que tenía según su último aviso", _held(row, now)),
            el(
                "div",
                _section("Registros recibidos por día", *_by_day(days)),
                _section("Números que faltan", table(
                    "Faltantes por época", ("Época", "Desde", "Hasta", "Cuántos"),
                    [(g.epoch, g.first, g.last, g.last - g.first + 1)
                     for g in watching.gaps(self._store, one.station)], numbers="nnnn")),
                class_="pair",
            ),
            _section("Últimos acuses", _receipts(said)),
        )  # fmt: skip

    def receipts(self, visitor: Visitor) -> str:
        said = watching.receipts(self._store)
        listed = _section("Los más recientes", _receipts(said, self._codes()))
        return self._frame(visitor, "Acuses", "/acuses", listed)

    def refused(self, visitor: Visitor) -> str:
        codes = self._codes()
        listed = rulings.refused(self._store, limit=watching.NEWEST + 1)
        waiting = [
            (_when(one.utc), codes.get(one.packet.station, ""), one.packet.folio,
             el("code", one.packet.record), in_words(one.reason))
            for one in listed[: watching.NEWEST]
        ]  # fmt: skip
        ruled = [
            (_when(one.utc), codes.get(one.station, ""), el("code", one.record),
             badge(*_WORDS[one.kind]), one.reason, one.operators)
            for one in reversed(rulings.rulings(self._store)[-watching.NEWEST :])
        ]  # fmt: skip
        lied = [
            (_when(one.utc), codes.get(one.station, one.station[:8]), el("code", one.record),
             codes.get(one.carrier, one.carrier[:8]), in_words(one.reason))
            for one in self._store.rejections()[: watching.NEWEST]
        ]  # fmt: skip
        return self._frame(
            visitor,
            "Rechazos",
            "/rechazos",
            _section(
                "Esperan decisión",
                el("p", "La estación conserva cada uno. Dos personas autorizadas deciden con ",
                   el("code", "hq retry"), " o ", el("code", "hq discard"),
                   " en la máquina que abre los registros."),
                table("Registros rechazados",
                      ("Cuándo", "Estación", "Folio", "Registro", "Motivo"), waiting),
                *([el("p", "Hay más: ", el("code", "hq refused list"))]
                  if len(listed) > watching.NEWEST else [])),
            _section("Decididos", table(
                "Decisiones", ("Cuándo", "Estación", "Registro", "Decisión", "Motivo", "Firmaron"),
                ruled)),
            _section(
                "Paquetes que no eran lo que decían",
                el("p", "Nada de ellos se guardó; el verdadero puede llegar todavía."),
                table("Rechazados al llegar",
                      ("Cuándo", "Estación", "Registro", "Los trajo", "Qué no era cierto"), lied)),
        )  # fmt: skip

    def _codes(self) -> dict[str, str]:
        return {one.station: one.code for one in self._store.stations()}

    def _frame(self, visitor: Visitor, title: str, here: str, *body: Node) -> str:
        nav = [el("a", words, href=to, aria_current="page" if to == here else None)
               for to, words in _PAGES]  # fmt: skip
        leave = el("form", _hidden(visitor), el("button", "Salir", type="submit"),
                   method="post", action="/logout")  # fmt: skip
        asof = el("p", f"Al {_when(self._clock().isoformat())}, hora de Lima. ",
                  el("a", "Actualizar", href=here), class_="asof")  # fmt: skip
        return page(
            title,
            el("a", "Ir al contenido", href="#contenido", class_="skip"),
            el("header", _MARK, el("nav", *nav, aria_label="Páginas"),
               el("div", el("span", visitor.operator), leave, class_="who")),
            el("main", el("div", el("h1", title), asof, class_="top"), *body, id="contenido"),
            el("footer", "Aquí no aparece ninguna persona: solo estaciones, números, folios y "
               "horas. Esta página no cambia nada."),
        )  # fmt: skip


def door(visitor: Visitor, said: str) -> str:
    return page(
        "Ingreso",
        el("header", _MARK),
        el("main", el(
            "form", el("h1", "Ingreso"),
            el("p", "Enrolamiento en vehículos · sede central. Solo personal autorizado.",
               class_="soft"),
            el("p", said, class_="said", role="alert") if said else None,
            _hidden(visitor),
            el("label", "Nombre", for_="name"),
            el("input", id="name", name="name", autocomplete="username", required=True,
               maxlength=100),
            el("label", "Frase de paso", for_="passphrase"),
            el("input", id="passphrase", name="passphrase", type="password", required=True,
               autocomplete="current-password", maxlength=500),
            el("button", "Ingresar", type="submit"),
            class_="door", method="post", action="/login")),
    )  # fmt: skip


def lost() -> str:
    back = el("a", "Volver al resumen", href="/")
    return page("No está aquí", el("header", _MARK),
                el("main", el("h1", "No está aquí"), el("p", back)))  # fmt: skip


_MARK = el("span", "migramóvil · sede central", class_="mark")


def _hidden(visitor: Visitor) -> Markup:
    return el("input", type="hidden", name="form", value=visitor.form)


def _section(title: str, *body: Node) -> Markup:
    return el("section", el("h2", title), *body)


# --- what asks for somebody -------------------------------------------------------------------
Alert = tuple[str, str, Markup]
"""(kind of badge, its word, the sentence)"""


def _attention(alerts: list[Alert]) -> Markup:
    if not alerts:
        return el("p", badge("ok", "Al día"), " Nada espera a nadie.")
    worst_first = sorted(alerts, key=lambda alert: alert[0] != "bad")
    items = [el("li", badge(kind, word), said) for kind, word, said in worst_first]
    return el("ul", *items, class_="alerts")


def _alerts_of_stations(stations: list[Row], now: datetime) -> Iterator[Alert]:
    for row in stations:
        silent = _silent(row, now)
        if row.copied:
            yield "bad", "Copiada", el("span", _link(row), " ", _copied(row))
        if row.station.revoked:
            if now - datetime.fromisoformat(row.station.revoked) < RECENT:
                said = f" se anuló el {_when(row.station.revoked)}. Su página dice qué tenía."
                yield "bad", "Anulada", el("span", _link(row), said)
        elif silent is not None and silent > timedelta(days=SILENT_DAYS):
            left = row.holdings.waiting if row.holdings else 0
            said = f" no habla desde el {_when(row.heard)}. Por enviar según su aviso: {left:,}."
            yield "warn", "Callada", el("span", _link(row), said)


def _alerts_of_books(stations: list[Row], now: datetime) -> Iterator[Alert]:
    refused = sum(row.refused for row in stations)
    if refused:
        decide = el("a", "Ver rechazos", href="/rechazos")
        said = f"Esperan la decisión de dos personas: {refused:,}. "
        yield "warn", "Rechazados", el("span", said, decide)
    lacking = [row for row in stations if row.missing]
    if lacking:
        links = [el("span", " ", _link(row), f" ({row.missing:,})") for row in lacking]
        yield "warn", "Faltan números", el("span", "En la secuencia de:", links)
    oldest = _oldest(stations)
    if oldest and now - datetime.fromisoformat(oldest) > LATE:
        said = f"El más antiguo por abrir espera hace {_age(oldest, now)}: ¿está en marcha "
        yield "warn", "Cola lenta", el("span", said, el("code", "hq opener"), "?")


def _alerts_of_bytes(
    lied: list[Rejection], expiries: list[Expiry], now: datetime
) -> Iterator[Alert]:
    recent = sum(now - datetime.fromisoformat(one.utc) < RECENT for one in lied)
    if recent:
        see = el("a", "Ver cuáles", href="/rechazos")
        yield "bad", "No eran ciertos", el("span", f"Paquetes en siete días: {recent:,}. ", see)
    for one in expiries:
        if one.until - now < SOON:
            kind, word = ("bad", "Vencido") if one.until <= now else ("warn", "Vence pronto")
            yield kind, word, el("span", f"{one.what}: {_when(one.until.isoformat())}")


# --- parts of pages -------------------------------------------------------------------------------
def _stations(stations: list[Row], now: datetime) -> Markup:
    rows: list[tuple[Node, ...]] = [
        (_link(row), [row.station.name, el("small", row.station.place)], _state(row, now),
         _moment(row.heard, now), f"{row.packets:,}",
         [f"{row.unjudged:,}", _since(row.oldest_unjudged, now)],
         f"{row.holdings.waiting:,}" if row.holdings else "—",
         f"{row.refused:,}", f"{row.missing:,}")
        for row in stations
    ]  # fmt: skip
    heads = ("Código", "Estación", "Estado", "Último contacto", "Recibidos", "Por abrir",
             "Por enviar allá", "Rechazados", "Faltan")  # fmt: skip
    return table("Estaciones dadas de alta", heads, rows, numbers="....nnnnn")


def _link(row: Row) -> Markup:
    return el("a", row.station.code, href=f"/estaciones/{row.station.code}")


def _since(utc: str, now: datetime) -> Node:
    return el("small", f"desde hace {_age(utc, now)}") if utc else None


def _state(row: Row, now: datetime) -> Markup:
    silent = _silent(row, now)
    if row.station.revoked:
        return badge("bad", "Anulada")
    if row.copied:
        return badge("bad", "Copiada")
    if not row.station.station:
        return badge("", "Sin alta")
    if silent is None:
        return badge("warn", "Sin contacto")
    if silent > timedelta(days=SILENT_DAYS):
        return badge("warn", f"Callada {silent.days} días")
    return badge("ok", "Al habla")


def _silent(row: Row, now: datetime) -> timedelta | None:
    return now - datetime.fromisoformat(row.heard) if row.heard else None


def _copied(row: Row) -> Markup:
    said = f"es la identidad de dos equipos (pruebas: {row.copied:,}). Anúlela y vea "
    return el("span", said, el("code", "hq alarms"), ".")


def _oldest(stations: list[Row]) -> str:
    return min((row.oldest_unjudged for row in stations if row.unjudged), default="")


def _held(row: Row, now: datetime) -> Node:
    """For the notice the law wants within 48 hours, should the station be lost."""
    if row.holdings is None:
        return el("p", "Esta estación todavía no avisó qué tiene.", class_="empty")
    told = row.holdings
    here = told.epoch == row.station.epoch
    beyond = max(0, told.finished - row.last_seq) if here else 0
    kept = [
        (one.jornada, one.purpose, _when(one.ends), f"{one.things:,}") for one in told.compartments
    ]
    return [
        facts([
            ("Aviso recibido", _moment(row.told, now)), ("Terminados allá", f"{told.finished:,}"),
            ("Por enviar según el aviso", f"{told.waiting:,}"),
            ("Sellados que no llegaron", f"{beyond + row.missing:,}"),
            ("Borradores abiertos", f"{told.drafts:,}"),
            ("Borrador más antiguo", _when(told.oldest_draft)),
        ]),
        table("Compartimentos legibles hasta su fin", ("Jornada", "Para qué", "Termina", "Cosas"),
              kept, numbers="...n"),
    ]  # fmt: skip


def _receipts(said: list[watching.Said], codes: dict[str, str] | None = None) -> Markup:
    """With the station's code where receipts are of several, with reasons where there are any."""
    columns: list[tuple[str, str, list[Node]]] = [
        ("Cuándo", ".", [_when(one.time) for one in said]),
        ("N.º", "n", [f"{one.serial:,}" for one in said]),
        ("Folio", ".", [one.folio for one in said]),
        ("Registro", ".", [el("code", one.record) for one in said]),
        ("Acuse", ".", [badge(*_WORDS[one.kind]) for one in said]),
    ]
    if codes is not None:
        columns.insert(1, ("Estación", ".", [codes.get(one.station, "") for one in said]))
    if any(one.reason for one in said):
        columns.append(("Motivo", ".", [in_words(one.reason) for one in said]))
    heads, marks, cells = zip(*columns, strict=True)
    return table(
        "Los acuses más recientes", heads, zip(*cells, strict=True), numbers="".join(marks)
    )


def _terms(expiries: list[Expiry], now: datetime) -> Markup:
    rows = [(one.what, _when(one.until.isoformat()), _term(one.until, now)) for one in expiries]
    return table("Certificados y códigos", ("Qué", "Vence", "Estado"), rows)


def _keys(known: Descriptor) -> Markup:
    changes: list[tuple[str, Node]] = [
        ("Descriptor", f"Versión {known.version}"),
        ("Cambios de la llave del receptor", len(known.former_stored)),
        ("Cambios de la llave de quien abre", len(known.former_opened)),
        ("Cambios de la llave de altas", len(known.former_registrars)),
    ]
    said = el("p", "No vencen: se cambian con ", el("code", "hq keys"), ".", class_="soft")
    return el("div", el("h3", "Llaves de la sede"), facts(changes), said)


def _by_day(days: list[tuple[str, int]], height: int = charts.HEIGHT) -> tuple[Markup, Markup]:
    return charts.columns("Registros recibidos por día", days, height), _numbers("Día", days)


def _numbers(what: str, values: list[tuple[str, int]]) -> Markup:
    listed = table("Los mismos números", (what, "Registros"), values, numbers=".n")
    return el("details", el("summary", "Ver en números"), listed)


def _when(utc: str) -> str:
    """Lima's date and hour; a dash for never."""
    return datetime.fromisoformat(utc).astimezone(LIMA).strftime("%d/%m/%Y %H:%M") if utc else "—"


def _moment(utc: str, now: datetime) -> Node:
    return el("span", _when(utc), el("small", f"hace {_age(utc, now)}")) if utc else "—"


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
