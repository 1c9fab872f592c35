"""What headquarters publishes for stations, and how they fetch it: the newest of each kind.

The edge hands out manifests and bytes as they were published. What is about people is sealed to one
station before it comes here, so nothing in these books tells of anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from migramovil.core import canonical, downstream, sealing
from migramovil.core.downstream import Download, Kind
from migramovil.core.record import Realm, Signed
from migramovil.core.roles import AccountBody, RevocationBody
from migramovil.core.trouble import Trouble
from migramovil.headquarters.people import PEOPLE
from migramovil.headquarters.store import METADATA, SUCCESSIONS, Station, Store
from migramovil.sync import wire

REASON = "Anulada por sede central"
PUBLICATIONS = sa.Table(
    "publications",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("station", sa.Text, nullable=False),
    sa.Column("issued", sa.Text, nullable=False),
    sa.Column("expires", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("manifest", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)


class NoSuchStation(Trouble):
    code = "HQ-80"
    what = "Ninguna estación dada de alta tiene ese código."
    advice = "Vea los códigos con «hq stations»."


class NeedsStation(Trouble):
    code = "HQ-81"
    what = "Esa lista es personal: se publica para una sola estación, cifrada para ella."
    advice = "Indique cuál con --station."


class NoSuchPerson(Trouble):
    code = "HQ-82"
    what = "Nadie con ese nombre tiene cuenta en esa estación."
    advice = "Escriba el nombre de usuario tal como entra en la estación."


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One published version; `station` is "" where it is for all of them."""

    kind: str
    version: int
    station: str
    issued: str
    expires: str
    size: int


def publish(
    store: Store,
    signer: sealing.Signer,
    kind: Kind,
    content: bytes,
    *,
    realm: Realm,
    utc: str,
    expires: str = "",
    station: Station | None = None,
) -> Publication:
    """The next version of a kind, for all stations or for one; a personal kind needs one.

    Only what a station could use is signed: the readers' troubles, BadContent, NeedsStation.
    """
    recipient = b""
    if kind in downstream.PERSONAL:
        if station is None:
            raise NeedsStation(kind)
        recipient = _kem(store, station)
    with store.engine.begin() as connection:
        newest = sa.select(sa.func.max(PUBLICATIONS.c.version)).where(PUBLICATIONS.c.kind == kind)
        version = (connection.execute(newest).scalar() or 0) + 1
        made = downstream.publish(
            content,
            signer,
            realm=realm,
            kind=kind,
            version=version,
            issued=utc,
            expires=expires,
            station=station.station if station else "",
            recipient=recipient,
        )
        connection.execute(
            sa.insert(PUBLICATIONS).values(
                kind=kind.value,
                version=version,
                station=station.station if station else "",
                issued=utc,
                expires=expires,
                digest=downstream.claimed_digest(made.signed),
                manifest=canonical.encode(made.signed).decode(),
                body=made.body,
            )
        )
    return Publication(
        kind=kind.value,
        version=version,
        station=station.station if station else "",
        issued=utc,
        expires=expires,
        size=len(made.body),
    )


def people_list(
    store: Store, registrar: sealing.Signer, station: Station, *, realm: Realm
) -> bytes:
    """What a station should know of its people: accounts in force, and everyone revoked."""
    query = sa.select(PEOPLE).where(PEOPLE.c.station == station.station).order_by(PEOPLE.c.account)
    with store.engine.begin() as connection:
        rows = list(connection.execute(query))
    said = [_signed(row.body) for row in rows if row.body and not row.revoked]
    for row in (row for row in rows if row.revoked):
        gone = RevocationBody(
            realm=realm, station=station.station, account=row.account, reason=REASON,
            utc=row.revoked,
        )  # fmt: skip
        said.append(Signed.by(registrar, canonical.encode(gone)))
    return canonical.encode(said)


def revoke(store: Store, station: Station, username: str, utc: str) -> str:
    """Write down that somebody may not enter any more; their account. NoSuchPerson."""
    about = PEOPLE.c.station == station.station
    with store.engine.begin() as connection:
        bodies = connection.execute(sa.select(PEOPLE.c.body).where(about)).scalars()
        known = [_account(_signed(body)) for body in bodies if body]
        found = [one.account for one in (*known, _first(station)) if one.username == username]
        if not found:
            raise NoSuchPerson
        row = about & (PEOPLE.c.account == found[0])
        if connection.execute(sa.select(PEOPLE).where(row)).first() is None:
            connection.execute(sa.insert(PEOPLE).values(station=station.station, account=found[0]))
        kept = sa.func.coalesce(PEOPLE.c.revoked, utc)
        connection.execute(sa.update(PEOPLE).where(row).values(revoked=kept))
    return found[0]


def publications(store: Store) -> list[Publication]:
    """Every version there has been, by kind, oldest first."""
    c = PUBLICATIONS.c
    columns = (c.kind, c.version, c.station, c.issued, c.expires, sa.func.length(c.body))
    query = sa.select(*(column.label(None) for column in columns)).order_by(c.kind, c.version)
    names = Publication.__dataclass_fields__
    with store.engine.begin() as connection:
        rows = connection.execute(query)
        return [Publication(**dict(zip(names, row, strict=True))) for row in rows]


def downloads(store: Store, station: Station) -> list[Download]:
    """The newest of each kind that is for this station, if it can still open it."""
    rows = _newest(store, station, PUBLICATIONS.c.manifest, PUBLICATIONS.c.body)
    mine = sealing.key_id(_kem(store, station))
    found = [Download(signed=_signed(row.manifest), body=row.body) for row in rows]
    return [one for one in found if _openable(one.signed, mine)]


def listing(store: Store, station: Station) -> wire.Downstream:
    """The manifests alone."""
    rows = _newest(store, station, PUBLICATIONS.c.manifest)
    mine = sealing.key_id(_kem(store, station))
    manifests = (_signed(row.manifest) for row in rows)
    return wire.Downstream(manifests=tuple(one for one in manifests if _openable(one, mine)))


def part(store: Store, station: Station, digest: str, number: int) -> bytes | None:
    """One part of what was published for this station or for all; None where there is none."""
    c = PUBLICATIONS.c
    query = sa.select(c.body).where(c.digest == digest, c.station.in_(["", station.station]))
    with store.engine.begin() as connection:
        body = connection.execute(query).scalar()
    return wire.cut(body, wire.PART_SIZE, number) or None if body and number >= 0 else None


def station_by_code(store: Store, code: str) -> Station:
    """The enrolled station with this short code; NoSuchStation."""
    for one in store.stations():
        if one.code == code and one.station:
            return one
    raise NoSuchStation


def _newest(store: Store, station: Station, *columns: sa.Column[Any]) -> list[sa.Row[Any]]:
    c = PUBLICATIONS.c
    newest = (
        sa.select(c.kind, sa.func.max(c.version).label("version"))
        .where(c.station.in_(["", station.station]))
        .group_by(c.kind)
        .subquery()
    )
    both = (newest.c.kind == c.kind) & (newest.c.version == c.version)
    query = sa.select(*columns).join(newest, both).order_by(c.kind)
    with store.engine.begin() as connection:
        return list(connection.execute(query))


def _openable(signed: Signed, mine: str) -> bool:
    """A restored station has new keys: what was sealed to the old ones is of no use to it."""
    said = canonical.decode(canonical.from_text(signed.body), downstream.Manifest)
    return said.recipient in {"", mine}


def _kem(store: Store, station: Station) -> bytes:
    """The station's public KEM key, as the enrolment of its present epoch said."""
    c = SUCCESSIONS.c
    used = (c.station == station.station) & c.answer.is_not(None)
    query = sa.select(c.answer).where(used).order_by(c.epoch.desc()).limit(1)
    with store.engine.begin() as connection:
        latest = connection.execute(query).scalar()
    answer = canonical.decode((latest or station.answer).encode(), wire.EnrollAnswer)
    body = canonical.decode(canonical.from_text(answer.station.body), wire.StationBody)
    return canonical.from_text(body.sealing)


def _first(station: Station) -> AccountBody:
    """The supervisor a station was enrolled with."""
    return _account(canonical.decode(station.answer.encode(), wire.EnrollAnswer).account)


def _account(signed: Signed) -> AccountBody:
    return canonical.decode(canonical.from_text(signed.body), AccountBody)


def _signed(text: str) -> Signed:
    return canonical.decode(text.encode(), Signed)
