"""Letters for headquarters, past epochs, deleted packets, failed entrances, marks."""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_records_epoch_seq", "records", ["epoch", "seq"])
    op.create_table(
        "deletions",
        sa.Column("record", sa.Text, sa.ForeignKey("records.record"), primary_key=True),
        sa.Column("receipt", sa.Integer, sa.ForeignKey("receipts.id"), nullable=False),
        sa.Column("utc", sa.Text, nullable=False),
    )
    op.create_table(
        "epochs",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("epoch", sa.Integer, primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.CheckConstraint("epoch >= 0 AND seq >= 0", name="counts_up"),
    )
    op.create_table(
        "letters",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("utc", sa.Text, nullable=False),
        sa.Column("answer", sa.LargeBinary),
    )
    op.create_table(
        "attempts",
        sa.Column("who", sa.Text, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.CheckConstraint("failures > 0", name="counts_up"),
    )
    op.create_table(
        "marks",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def downgrade() -> None:
    for table in ("marks", "attempts", "letters", "epochs", "deletions"):
        op.drop_table(table)
    op.drop_index("ix_records_epoch_seq", "records")
