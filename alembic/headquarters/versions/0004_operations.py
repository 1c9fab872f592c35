"""What is published for stations, every version of every kind."""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "publications",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("issued", sa.Text, nullable=False),
        sa.Column("expires", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("digest", name="uq_publications_digest"),
    )


def downgrade() -> None:
    op.drop_table("publications")
