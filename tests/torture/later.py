"""A program one version newer: both stores with one migration more, which rebuilds a table."""

from __future__ import annotations

import shutil
from pathlib import Path

from migramovil.store import migrate

_MIGRATION = """
import sqlalchemy as sa
from alembic import op
revision = "later"
down_revision = {head!r}
branch_labels = depends_on = None
def upgrade():
    op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))
    with op.batch_alter_table({table!r}, recreate="always") as batch:
        batch.add_column(sa.Column("later", sa.Text))
def downgrade():
    pass
"""
_REBUILT = {"outbox": "receipts", "vault": "drafts"}


def install(folder: Path) -> None:
    """Make this process that newer program; its migrations are laid down in `folder`."""
    for name, table in _REBUILT.items():
        _lay_down(folder / name, name, table)
    migrate.scripts = folder.joinpath


def _lay_down(folder: Path, name: str, table: str) -> None:
    shutil.copytree(migrate.scripts(name), folder, ignore=shutil.ignore_patterns("__pycache__"))
    text = _MIGRATION.format(head=migrate.newest(name), table=table)
    (folder / "versions" / "later_tables.py").write_text(text, encoding="utf-8")
