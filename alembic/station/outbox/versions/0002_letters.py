"""Letters for headquarters, past epochs, deletions, entrances, marks; words after a refusal."""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _receipts("'stored', 'opened', 'refused', 'retry', 'discard'")
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
    op.create_table(
        "downloads",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("manifest", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.Column("utc", sa.Text, nullable=False),
        sa.CheckConstraint("version > 0", name="counts_up"),
    )
    op.create_table(
        "exports",
        sa.Column("record", sa.Text, sa.ForeignKey("records.record"), primary_key=True),
        sa.Column("utc", sa.Text, nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.CheckConstraint("times > 0", name="counts_up"),
    )


def downgrade() -> None:
    for table in ("exports", "downloads", "marks", "attempts", "letters", "epochs", "deletions"):
        op.drop_table(table)
    op.drop_index("ix_records_epoch_seq", "records")
    _receipts("'stored', 'opened', 'refused'")


def _receipts(kinds: str) -> None:
    """Rebuild the table so that it takes exactly these words of headquarters."""
    texts = ("record", "kind", "body", "signature", "public_key")
    op.create_table(
        "receipts_new",
        sa.Column("id", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint(
            "record", "body", "signature", name=op.f("uq_receipts_record_body_signature")
        ),
        sa.CheckConstraint(f"kind IN ({kinds})", name=op.f("ck_receipts_kind")),
    )
    op.execute("INSERT INTO receipts_new SELECT * FROM receipts")
    op.drop_table("receipts")
    op.rename_table("receipts_new", "receipts")
