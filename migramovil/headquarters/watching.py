"""What the operators' page shows, read from the books: numbers, folios and times, no person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from cryptography import x509

from migramovil.core import canonical, holdings, letters
from migramovil.core.holdings import Holdings
from migramovil.core.record import ReceiptBody
from migramovil.headquarters.people import LETTERS
from migramovil.headquarters.receiver import LEAST_FREE
from migramovil.headquarters.store import (
    CONTACTS,
    HANDOVER,
    OPEN_WORDS,
    PACKETS,
    RECEIPTS,
    Station,
    Store,
)

LIMA = ZoneInfo("America/Lima")
DAYS = 14
NEWEST = 50
MOST_GAPS = 20
LETTERS_BACK = 50
LATE = timedelta(hours=1)
"""What was received waits longer for the opener than it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Numbers of one epoch that never came, first and last."""

    epoch: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A station at a glance; times in UTC, "" where there is none."""

    station: Station
    heard: str
    packets: int
    unjudged: int
    oldest_unjudged: str
    refused: int
    missing: int
    last_seq: int
    holdings: Holdings | None
    told: str  # when the holdings came
    copied: int  # proofs that there are two of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How it goes, in numbers; `copied` stations are there twice."""

    ok: bool
    free: int
    unjudged: int
    oldest_unjudged: str
    refused: int
    to_hand_over: int
    copied: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A receipt in short."""

    time: str
    station: str
    record: str
    folio: str
    kind: str
    serial: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    what: str
    until: datetime


def health(store: Store, free: int, now: datetime) -> Health:
    """`free` bytes on the packets' disk. What is late tells that no opener runs, or that it
    cannot keep up."""
    stations = rows(store)
    oldest = min((row.oldest_unjudged for row in stations if row.unjudged), default="")
    late = bool(oldest) and now - datetime.fromisoformat(oldest) > LATE
    return Health(
        ok=free >= LEAST_FREE and not late,
        free=free,
        unjudged=sum(row.unjudged for row in stations),
        oldest_unjudged=oldest,
        refused=sum(row.refused for row in stations),
        to_hand_over=to_hand_over(store),
        copied=len({one.station for one in store.alarms()}),
    )


def rows(store: Store) -> list[Row]:
    """Every station, by number."""
    with store.read() as connection:
        heard = {row.station: row.utc for row in connection.execute(sa.select(CONTACTS))}
        counted = {row.station: row for row in connection.execute(_counts())}
        words = {(row.station, row.word): row for row in connection.execute(_words())}
    copied = Counter(alarm.station for alarm in store.alarms())
    return [
        _row(store, one, heard.get(one.station, ""), counted, words, copied=copied[one.station])
        for one in store.stations()
    ]


def gaps(store: Store, station: str) -> list[Gap]:
    """The first of them, oldest first."""
    c = PACKETS.c
    before = sa.func.lag(c.seq, 1, 0).over(partition_by=c.epoch, order_by=c.seq)
    numbered = (
        sa.select(c.epoch, c.seq, before.label("before")).where(c.station == station).subquery()
    )
    n = numbered.c
    query = sa.select(n.epoch, n.before, n.seq).where(n.seq > n.before + 1)
    with store.read() as connection:
        found = connection.execute(query.order_by(n.epoch, n.seq).limit(MOST_GAPS))
        return [Gap(epoch=row.epoch, first=row.before + 1, last=row.seq - 1) for row in found]


def receipts(store: Store, station: str = "", limit: int = NEWEST) -> list[Said]:
    """The newest first."""
    about = sa.and_(PACKETS.c.station == RECEIPTS.c.station, PACKETS.c.record == RECEIPTS.c.record)
    query = sa.select(RECEIPTS.c.station, RECEIPTS.c.body, PACKETS.c.folio).join(PACKETS, about)
    if station:
        newest = RECEIPTS.c.serial.desc()
        query = query.where(RECEIPTS.c.station == station).order_by(newest)
    else:
        query = query.order_by(sa.literal_column("receipts.rowid").desc())
    with store.read() as connection:
        return [_said(row.body, row.folio) for row in connection.execute(query.limit(limit))]


def by_day(store: Store, today: date, station: str = "") -> list[tuple[str, int]]:
    """Packets stored on each of the last days, in Lima's time, of one station or of all; short
    names, oldest first."""
    since = datetime.combine(today - timedelta(days=DAYS - 1), datetime.min.time(), LIMA)
    hour = sa.func.substr(PACKETS.c.received, 1, 13)
    query = (
        sa.select(hour.label("hour"), sa.func.count().label("n"))
        .where(PACKETS.c.received >= since.astimezone(UTC).isoformat(timespec="seconds"))
        .group_by(hour)
    )
    if station:
        query = query.where(PACKETS.c.station == station)
    found: Counter[date] = Counter()
    with store.read() as connection:
        for row in connection.execute(query):
            at = datetime.fromisoformat(f"{row.hour}:00:00+00:00").astimezone(LIMA)
            found[at.date()] += row.n
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    return [(f"{day:%d/%m}", found[day]) for day in days]


def by_place(store: Store, stations: list[Row]) -> list[tuple[str, int]]:
    """All packets by their station's place, most first."""
    found: Counter[str] = Counter()
    for row in stations:
        found[row.station.place] += row.packets
    return found.most_common(12)


def to_hand_over(store: Store) -> int:
    """Opened records that the back office has not said it holds."""
    query = sa.select(sa.func.count()).select_from(HANDOVER).where(HANDOVER.c.acked.is_(None))
    with store.read() as connection:
        return int(connection.execute(query).scalar_one())


def expiries(data: Path, authority: str, stations: list[Row]) -> list[Expiry]:
    """Certificates, and enrolment codes not used yet; the nearest first."""
    found = [_certificate("Autoridad TLS de la sede", authority.encode())]
    edge = data / "edge" / "tls.crt"
    if edge.exists():
        found.append(_certificate("Certificado TLS del receptor", edge.read_bytes()))
    for row in stations:
        if not row.station.station:
            until = datetime.fromisoformat(row.station.code_until).astimezone(UTC)
            found.append(Expiry(what=f"Código de alta de {row.station.code}", until=until))
    return sorted(found, key=lambda one: one.until)


# --- within --------------------------------------------------------------------------------------
def _counts() -> sa.Select[Any]:
    """By station: packets, the numbers its epochs lack inside, the last number of its newest."""
    c = PACKETS.c
    epochs = (
        sa.select(
            c.station,
            c.epoch,
            sa.func.count().label("n"),
            sa.func.count(c.seq.distinct()).label("numbers"),
            sa.func.max(c.seq).label("last"),
        )
        .group_by(c.station, c.epoch)
        .subquery()
    )
    e = epochs.c
    return sa.select(
        e.station,
        sa.func.sum(e.n).label("packets"),
        sa.func.sum(e.last - e.numbers).label("missing"),
    ).group_by(e.station)


def _words() -> sa.Select[Any]:
    c = PACKETS.c
    return (
        sa.select(
            c.station, c.word, sa.func.count().label("n"), sa.func.min(c.received).label("oldest")
        )
        .where(c.word.in_((*OPEN_WORDS, "refused")))
        .group_by(c.station, c.word)
    )


def _row(
    store: Store,
    one: Station,
    heard: str,
    counted: dict[str, sa.Row[Any]],
    words: dict[tuple[str, str], sa.Row[Any]],
    *,
    copied: int,
) -> Row:
    of = counted.get(one.station)
    waiting = [words[key] for word in OPEN_WORDS if (key := (one.station, word)) in words]
    refused = words.get((one.station, "refused"))
    told, what = _holdings(store, one.station)
    return Row(
        station=one,
        heard=heard,
        packets=of.packets if of else 0,
        missing=of.missing if of else 0,
        unjudged=sum(row.n for row in waiting),
        oldest_unjudged=min((row.oldest for row in waiting), default=""),
        refused=refused.n if refused else 0,
        last_seq=_last_seq(store, one),
        holdings=what,
        told=told,
        copied=copied,
    )


def _last_seq(store: Store, one: Station) -> int:
    c = PACKETS.c
    query = sa.select(sa.func.max(c.seq)).where(c.station == one.station, c.epoch == one.epoch)
    with store.read() as connection:
        return connection.execute(query).scalar() or 0


def _holdings(store: Store, station: str) -> tuple[str, Holdings | None]:
    """When a station last told what it holds, and what; it is told by its own signed letter.

    An older letter may come later, by stick: numbers only grow, so the highest is the newest.
    """
    chosen = (LETTERS.c.station == station) & (LETTERS.c.kind == holdings.KIND)
    newest: sa.ColumnElement[int] = sa.literal_column("letters.rowid")
    query = sa.select(LETTERS.c.body, LETTERS.c.received).where(chosen)
    with store.read() as connection:
        rows = connection.execute(query.order_by(newest.desc()).limit(LETTERS_BACK)).all()
    told = [(row.received, _held(row.body)) for row in rows]
    return max(told, key=lambda one: _number(one[1]), default=("", None))


def _held(body: bytes) -> Holdings | None:
    try:
        return holdings.read(canonical.from_text(letters.read(body).clear))
    except (letters.BadLetter, canonical.NotCanonical):
        return None


def _number(held: Holdings | None) -> tuple[int, int]:
    return (held.epoch, held.finished) if held else (0, 0)


def _said(body: str, folio: str) -> Said:
    said = canonical.decode(canonical.from_text(body), ReceiptBody)
    return Said(
        time=said.time,
        station=said.station,
        record=said.record,
        folio=folio,
        kind=said.kind,
        serial=said.serial,
        reason=said.reason,
    )


def _certificate(what: str, pem: bytes) -> Expiry:
    return Expiry(what=what, until=x509.load_pem_x509_certificate(pem).not_valid_after_utc)
