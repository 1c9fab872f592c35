"""Letters from stations, the people they speak of, operators, and what two of them released."""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "letters",
        sa.Column("station", sa.Text, sa.ForeignKey("stations.station"), primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("received", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
    )
    op.create_table(
        "people",
        sa.Column("station", sa.Text, sa.ForeignKey("stations.station"), primary_key=True),
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("body", sa.Text),
        sa.Column("revoked", sa.Text),
    )
    op.create_table(
        "operators",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("public", sa.Text, nullable=False),
        sa.Column("salt", sa.Text, nullable=False),
        sa.Column("memory_kib", sa.Integer, nullable=False),
        sa.Column("wrapped", sa.Text, nullable=False),
        sa.Column("added", sa.Text, nullable=False),
        sa.UniqueConstraint("public", name="uq_operators_public"),
    )
    op.create_table(
        "releases",
        sa.Column("station", sa.Text, sa.ForeignKey("stations.station"), primary_key=True),
        sa.Column("reference", sa.Text, primary_key=True),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("utc", sa.Text, nullable=False),
        sa.Column("operators", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("approvals", sa.Text, nullable=False),
    )


def downgrade() -> None:
    for table in ("releases", "operators", "people", "letters"):
        op.drop_table(table)
