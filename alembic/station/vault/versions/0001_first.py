"""Drafts and their keys, accounts, the station's private keys, and the audit chain."""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "settings",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "station_keys",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("signer", sa.LargeBinary, nullable=False),
        sa.Column("opener", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("id = 1", name="only_one"),
    )
    op.create_table(
        "accounts",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "drafts",
        sa.Column("record", sa.Text, primary_key=True),
        sa.Column("schema", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("updated_utc", sa.Text, nullable=False),
        sa.CheckConstraint("length(key) = 32", name="key"),
    )
    op.create_table(
        "media",
        sa.Column("object", sa.Text, primary_key=True),
        sa.Column(
            "record",
            sa.Text,
            sa.ForeignKey("drafts.record", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("file", sa.Text, nullable=False),
        sa.UniqueConstraint("file"),
    )
    op.create_index("ix_media_record", "media", ["record"])
    op.create_table(
        "audit",
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("utc", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.CheckConstraint("n > 0", name="counts_up"),
        sa.CheckConstraint("length(hash) = 64", name="hash"),
    )


def downgrade() -> None:
    op.drop_table("audit")
    op.drop_index("ix_media_record", "media")
    op.drop_table("media")
    op.drop_table("drafts")
    op.drop_table("accounts")
    op.drop_table("station_keys")
    op.drop_table("settings")
