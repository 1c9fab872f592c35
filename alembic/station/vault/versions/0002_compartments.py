"""Compartments, people's signed acts, signed audit entries with the clock's doubt."""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("drafts", sa.Column("restored", sa.Integer, nullable=False, server_default="0"))
    op.add_column("audit", sa.Column("doubt_s", sa.Integer))
    op.add_column("audit", sa.Column("signature", sa.LargeBinary))
    op.create_table(
        "acts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("utc", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_acts_subject", "acts", ["subject"])
    op.create_table(
        "compartments",
        sa.Column("jornada", sa.Text, primary_key=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("opened_utc", sa.Text, nullable=False),
        sa.Column("ends_utc", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("destroyed_utc", sa.Text),
        sa.CheckConstraint("(key IS NULL) = (destroyed_utc IS NOT NULL)", name="destroyed"),
        sa.CheckConstraint("key IS NULL OR length(key) = 32", name="key"),
    )
    op.create_table(
        "kept",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("jornada", sa.Text, sa.ForeignKey("compartments.jornada"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("utc", sa.Text, nullable=False),
    )
    op.create_index("ix_kept_jornada_kind", "kept", ["jornada", "kind"])
    op.create_index("ix_kept_record", "kept", ["record"])


def downgrade() -> None:
    op.drop_table("kept")
    op.drop_table("compartments")
    op.drop_table("acts")
    op.drop_column("audit", "signature")
    op.drop_column("audit", "doubt_s")
    op.drop_column("drafts", "restored")
