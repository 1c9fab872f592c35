"""The station's outbox: migrations run only inside the transaction the store opened."""

from __future__ import annotations

from alembic import context
from migramovil.store import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.outbox,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
