"""The line of sealed records, their receipts, and who this station is."""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATE = (
    "CASE WHEN opened_receipt IS NOT NULL THEN 'opened'"
    " WHEN refused_receipt IS NOT NULL THEN 'refused'"
    " WHEN stored_receipt IS NOT NULL THEN 'stored'"
    " WHEN refusal IS NOT NULL THEN 'refused' ELSE 'sealed' END"
)


def upgrade() -> None:
    op.create_table(
        "station",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("descriptor", sa.Text, nullable=False),
        sa.Column("transport", sa.LargeBinary, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.CheckConstraint("id = 1", name="only_one"),
        sa.CheckConstraint("realm IN ('training', 'production')", name="realm"),
        sa.CheckConstraint("epoch >= 0 AND seq >= 0", name="counts_up"),
    )
    op.create_table(
        "receipts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.UniqueConstraint("record", "body", "signature"),
        sa.CheckConstraint("kind IN ('stored', 'opened', 'refused')", name="kind"),
    )
    op.create_table(
        "records",
        sa.Column("record", sa.Text, primary_key=True),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("folio", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("sealed_utc", sa.Text, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("stored_receipt", sa.Integer, sa.ForeignKey("receipts.id")),
        sa.Column("opened_receipt", sa.Integer, sa.ForeignKey("receipts.id")),
        sa.Column("refused_receipt", sa.Integer, sa.ForeignKey("receipts.id")),
        sa.Column("refusal", sa.Text),
        sa.Column("state", sa.Text, sa.Computed(STATE, persisted=True), nullable=False),
        sa.UniqueConstraint("station", "epoch", "seq"),
        sa.UniqueConstraint("file"),
        sa.CheckConstraint("seq > 0 AND size > 0", name="counts_up"),
        sa.CheckConstraint("length(digest) = 64", name="digest"),
    )
    op.create_index("ix_records_state_epoch_seq", "records", ["state", "epoch", "seq"])
    op.create_index("ix_records_folio", "records", ["folio"])


def downgrade() -> None:
    op.drop_index("ix_records_folio", "records")
    op.drop_index("ix_records_state_epoch_seq", "records")
    op.drop_table("records")
    op.drop_table("receipts")
    op.drop_table("station")
