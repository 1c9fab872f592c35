"""A station that goes on with new keys: its next epoch, and the signing key it had before; the
audit head each packet brought, and the record it corrects."""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("audit_head", "supersedes"):
        op.add_column("packets", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.create_table(
        "successions",
        sa.Column("token_sha256", sa.Text, primary_key=True),
        sa.Column("station", sa.Text, sa.ForeignKey("stations.station"), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("code_until", sa.Text, nullable=False),
        sa.Column("former_signing", sa.Text),
        sa.Column("request_sha256", sa.Text),
        sa.Column("answer", sa.Text),
        sa.UniqueConstraint("station", "epoch", name="uq_successions_station"),
        sa.CheckConstraint(
            "(answer IS NULL) = (former_signing IS NULL)"
            " AND (answer IS NULL) = (request_sha256 IS NULL)",
            name="ck_successions_used_whole",
        ),
    )


def downgrade() -> None:
    op.drop_table("successions")
    op.drop_column("packets", "supersedes")
    op.drop_column("packets", "audit_head")
