"""A program one version newer: both stores with one migration more, which rebuilds a table."""

from __future__ import annotations

import shutil
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

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
    newer = {name: _environment(folder / name, name, table) for name, table in _REBUILT.items()}

    def settings(environment: str) -> Config:
        return newer[environment]

    migrate.settings = settings


def _environment(folder: Path, name: str, table: str) -> Config:
    config = migrate.settings(name)
    head = ScriptDirectory.from_config(config).get_current_head()
    home = Path(config.get_main_option("script_location") or "")
    shutil.copytree(home, folder, ignore=shutil.ignore_patterns("__pycache__"))
    text = _MIGRATION.format(head=head, table=table)
    (folder / "versions" / "zz_later.py").write_text(text, encoding="utf-8")
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config
