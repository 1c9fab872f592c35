"""A station's exported audit against what its packets brought: a shortened chain shows here."""

from __future__ import annotations

from dataclasses import dataclass

from migramovil.core import audit, canonical
from migramovil.core.audit import NotAnAudit
from migramovil.headquarters.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A whole chain: how many entries, and how many heads from packets were found in it."""

    station: str
    epoch: int
    entries: int
    heads: int


def check(store: Store, data: bytes) -> Checked:
    """NotAnAudit, AuditBroken or AuditShort where the chain is not what the station's key signed,
    or lacks an entry that a packet here named."""
    said = audit.claimed(data)
    key = store.signing(said.station, said.epoch)
    if key is None:
        raise NotAnAudit("unknown station")
    body, entries = audit.read_export(data, canonical.from_text(key))
    heads = store.audit_heads(body.station, body.epoch)
    audit.check_heads(entries, heads)
    return Checked(
        station=body.station, epoch=body.epoch, entries=body.entries, heads=len(set(heads))
    )
