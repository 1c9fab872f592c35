"""Stations that are there twice; who let an operator in; numbers found without a search."""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_packets_seq", "packets", ["station", "epoch", "seq"])
    op.create_table(
        "alarms",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("utc", sa.Text, nullable=False),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("held", sa.Text, nullable=False),
        sa.Column("came", sa.Text, nullable=False),
        sa.Column("carrier", sa.Text, nullable=False),
        sa.UniqueConstraint("station", "kind", "held", "came", name="uq_alarms_station"),
        sa.CheckConstraint("kind IN ('number', 'record')", name="ck_alarms_kind"),
    )
    with op.batch_alter_table("operators") as batch:
        batch.add_column(sa.Column("body", sa.Text, nullable=False, server_default=""))
        batch.add_column(sa.Column("approvals", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    raise NotImplementedError("an alarm has no place in the older books")
