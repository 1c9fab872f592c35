"""What headquarters sent down, as it came: one row for each kind, the newest version only.

Nothing here is in clear that is about people: it rests sealed until somebody who is inside asks.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.dialects.sqlite import insert

from migramovil.core import canonical
from migramovil.core.downstream import Download, OlderDownload
from migramovil.core.record import Signed
from migramovil.store.outbox import Outbox
from migramovil.store.tables import downloads


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A kind's newest version here; `whole` is whether its bytes are still kept."""

    kind: str
    version: int
    signed: Signed
    utc: str
    whole: bool


def put(outbox: Outbox, kind: str, version: int, download: Download, utc: str) -> None:
    """Keep a checked version, durable when this returns; OlderDownload unless it is newer."""
    values = {
        "version": version,
        "manifest": canonical.encode(download.signed),
        "body": download.body,
        "utc": utc,
    }
    added = insert(downloads).values(kind=kind, **values)
    kept = added.on_conflict_do_update(
        index_elements=["kind"], set_=values, where=downloads.c.version < version
    )
    with outbox.database.write() as connection:
        if connection.execute(kept).rowcount != 1:
            raise OlderDownload(f"{kind} {version}")
    outbox.changed()


def held(outbox: Outbox) -> dict[str, Held]:
    """Every kind there is, without its bytes."""
    c = downloads.c
    query = select(c.kind, c.version, c.manifest, c.utc, c.body.is_not(None).label("whole"))
    with outbox.database.read() as connection:
        return {
            row.kind: Held(
                kind=row.kind,
                version=row.version,
                signed=canonical.decode(row.manifest, Signed),
                utc=row.utc,
                whole=bool(row.whole),
            )
            for row in connection.execute(query)
        }


def get(outbox: Outbox, kind: str) -> Download | None:
    """The newest version of a kind with its bytes; None where there are none."""
    c = downloads.c
    query = select(c.manifest, c.body).where(c.kind == kind, c.body.is_not(None))
    with outbox.database.read() as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    return Download(signed=canonical.decode(row.manifest, Signed), body=row.body)


def forget(outbox: Outbox, kind: str, version: int) -> None:
    """Give the bytes of a kind up; this number stays, so that nothing older comes back."""
    gone = update(downloads).where(downloads.c.kind == kind)
    with outbox.database.write() as connection:
        connection.execute(gone.values(body=None, version=version))
