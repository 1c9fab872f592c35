"""Runs headquarters' migrations on the connection its store hands over, in one transaction."""

from __future__ import annotations

from alembic import context
from migramovil.headquarters.store import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
