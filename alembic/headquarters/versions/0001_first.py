"""Stations and their codes, packets, receipts in a chain, and who opened what."""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stations",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("token_sha256", sa.Text, nullable=False),
        sa.Column("code_until", sa.Text, nullable=False),
        sa.Column("station", sa.Text),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("signing", sa.Text),
        sa.Column("transport", sa.Text),
        sa.Column("request_sha256", sa.Text),
        sa.Column("answer", sa.Text),
        sa.Column("revoked", sa.Text),
        sa.UniqueConstraint("code", name="uq_stations_code"),
        sa.UniqueConstraint("token_sha256", name="uq_stations_token_sha256"),
        sa.UniqueConstraint("station", name="uq_stations_station"),
        sa.CheckConstraint(
            "(station IS NULL) = (answer IS NULL) AND (station IS NULL) = (signing IS NULL)"
            " AND (station IS NULL) = (transport IS NULL)",
            name="ck_stations_enrolled_whole",
        ),
    )
    op.create_table(
        "packets",
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("folio", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("carrier", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("station", "record", name="pk_packets"),
        sa.ForeignKeyConstraint(
            ["station"], ["stations.station"], name="fk_packets_station_stations"
        ),
    )
    op.create_table(
        "receipts",
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("serial", sa.Integer, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("station", "serial", name="pk_receipts"),
        sa.ForeignKeyConstraint(
            ["station", "record"],
            ["packets.station", "packets.record"],
            name="fk_receipts_station_packets",
        ),
        sa.CheckConstraint("kind IN ('stored', 'opened', 'refused')", name="ck_receipts_kind"),
    )
    op.create_index(
        "uq_receipts_stored",
        "receipts",
        ["station", "record"],
        unique=True,
        sqlite_where=sa.text("kind = 'stored'"),
    )
    op.create_index(
        "uq_receipts_verdict",
        "receipts",
        ["station", "record"],
        unique=True,
        sqlite_where=sa.text("kind <> 'stored'"),
    )
    op.create_table(
        "open_log",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("utc", sa.Text, nullable=False),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("operator", sa.Text, nullable=False),
    )
