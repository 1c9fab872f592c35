"""What stands between a restored draft and its second finish: headquarters' word about it.

A backup may be older than what happened on the laptop it came from: a draft in it may have been
finished and sent since. So it is marked, and stays unfinished until headquarters said whether it
holds that record.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import insert, select, update

from migramovil.core.record import ReceiptBody, Signed
from migramovil.core.trouble import Trouble, Who
from migramovil.store.outbox import Outbox
from migramovil.store.tables import drafts, receipts
from migramovil.store.vault import Vault


class AskFirst(Trouble):
    code = "BAK-10"
    what = "Este trámite viene de un respaldo: falta saber si sede central ya lo tiene."
    advice = "Sigue guardado. La estación lo pregunta en cuanto haya conexión; termínelo después."
    who = Who.NOBODY


def waiting(vault: Vault) -> tuple[str, ...]:
    """Records of restored drafts that headquarters was not asked about yet."""
    query = select(drafts.c.record).where(drafts.c.restored == 1).order_by(drafts.c.record)
    with vault.database.read() as connection:
        return tuple(connection.execute(query).scalars())


def demand_known(vault: Vault, record: str) -> None:
    """AskFirst while nobody knows whether headquarters holds this record."""
    if record in waiting(vault):
        raise AskFirst


def release(vault: Vault, record: str) -> None:
    """Headquarters does not hold it: from here on a draft like any other."""
    with vault.database.write() as connection:
        connection.execute(update(drafts).where(drafts.c.record == record).values(restored=0))


def close(
    outbox: Outbox, vault: Vault, record: str, said: Iterable[tuple[Signed, ReceiptBody]]
) -> None:
    """Headquarters holds it: keep its receipts whole, and let the draft and its key go."""
    with outbox.database.write() as connection:
        for signed, body in said:
            kept = (receipts.c.record == record) & (receipts.c.signature == signed.signature)
            if connection.execute(select(receipts.c.id).where(kept)).first() is None:
                connection.execute(
                    insert(receipts).values(
                        record=record,
                        kind=body.kind,
                        body=signed.body,
                        signature=signed.signature,
                        public_key=signed.public_key,
                    )
                )
    vault.void_draft(record)
